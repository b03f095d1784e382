/* The fields of one record as names and texts, normalised as go-libaudit and Elastic's auditd module have them, so that
 * their users find what they know:
 *
 *      success=, res=         result: "success" or "fail"
 *      subj=, obj=            subj_user, subj_role, subj_domain, subj_level, subj_category
 *      key=                   in `keys`; several rules' keys are one field in the record
 *      saddr=                 family, addr, port, path
 *      arch, syscall, sig     names; exit: the name of the errno when negative
 *      auid, ses …            "unset"
 *      avc:  denied  { read } seresult, seperms
 *      encoded values         decoded, NUL of proctitle as space
 *
 * What tells nothing ("?", "(null)", empty) is left out. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "lib/audit/record.h"

enum { AUDIT_PAIRS_MAX = 1024, AUDIT_PAIR_KEYS_MAX = 64 };

struct audit_pair {
        struct sv name, value;
};

struct audit_pairs {
        VEC(struct audit_pair) list;
        VEC(struct sv) keys;
        uint64_t refused;    /* beyond the maxima */
        uint64_t duplicates; /* of a name that stands there already */
};

/* Texts point into the record or into the arena. */
int audit_pairs_read(
        struct audit_pairs *pairs, const struct audit_record *record, struct arena *arena, struct error *err);
void audit_pairs_done(struct audit_pairs *pairs);

/* Adds, unless the name is there; takes out; looks. Values not there are of length 0. */
void audit_pairs_add(struct audit_pairs *pairs, struct sv name, struct sv value);
struct sv audit_pairs_take(struct audit_pairs *pairs, const char *name);
struct sv audit_pairs_get(const struct audit_pairs *pairs, const char *name);
