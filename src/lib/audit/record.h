/* One audit record as text: its header, and its key=value fields. Pure, without allocation: everything points into the
 * text that was given. Formats: the kernel's kernel/audit.c and kernel/auditsc.c, auditd's log (auditd.conf(5),
 * log_format RAW and ENRICHED), audit_log_user_message(3).
 *
 *      audit(1481077231.371:479): cwd="/home"                        netlink
 *      type=CWD msg=audit(1481077231.371:479):  cwd="/home"          auditd's log
 *      node=web1 type=CWD msg=audit(1481077231.371:479):  cwd="/home"
 *      type=SYSCALL msg=audit(…): arch=c000003e … key=(null)^]ARCH=x86_64 SYSCALL=openat AUID="unset"   ENRICHED
 */
#pragma once

#include "base/sv.h"

#include <sys/types.h>

struct audit_record {
        uint32_t type;       /* AUDIT_SYSCALL …; 0 when the text names none, or one that is not known */
        uint32_t serial;     /* wraps */
        int64_t time_ns;     /* since 1970, to the millisecond */
        struct sv type_name; /* "SYSCALL"; empty from netlink */
        struct sv node;      /* usually empty */
        struct sv message;   /* from "audit(" to the end, without the enriched part */
        struct sv body;      /* what follows the header, trimmed, without the enriched part */
        struct sv enriched;  /* what stands behind 0x1D: fields again, their names in upper case; usually empty */
};

/* False when it is no audit record; *ret is then not touched. Trailing NUL, CR and LF do not matter. */
bool audit_record_parse(struct sv text, struct audit_record *ret);

/* "SYSCALL" <-> 1300; also "UNKNOWN[1329]" and a number as text. name: NULL when not known; number: 0. */
const char *audit_type_name(uint32_t type);
uint32_t audit_type_number(struct sv name);

/* --- fields ---------------------------------------------------------------------------------------------------------
 */

enum audit_form {
        AUDIT_BARE,   /* value */
        AUDIT_QUOTED, /* "value": literally so */
        AUDIT_NESTED, /* msg='…': the message of a user program; the fields in it follow as fields of their own */
};

struct audit_field {
        struct sv name;
        struct sv value; /* without quotes */
        struct sv word;  /* the bare word right before the name, empty if none: "old" of "old auid=0" */
        uint64_t packed; /* the last eight bytes of the name */
        enum audit_form form;
        bool nested; /* stands in msg='…' */
};

struct audit_fields {
        const char *at, *end, *outer_end; /* outer_end: of the text around msg='…', NULL outside */
};

/* Over the body of a record (or its enriched part). Words without '=' are passed over. *ret is of no value after
 * false. */
static inline struct audit_fields audit_fields_of(struct sv body)
{
        return (struct audit_fields){ body.p, body.p + body.n, NULL };
}

bool audit_fields_next(struct audit_fields *fields, struct audit_field *ret);

/* The first field of this name; nested ones too. */
bool audit_field_find(struct sv body, struct sv name, struct audit_field *ret);

/* Names that occur often, as numbers to switch on; others are AUDIT_KEY_OTHER. */
#define AUDIT_KEYS(X)                                                                                                  \
        X(A0, 0, 0, 0, 0, 0, 0, 'a', '0')                                                                              \
        X(A1, 0, 0, 0, 0, 0, 0, 'a', '1')                                                                              \
        X(A2, 0, 0, 0, 0, 0, 0, 'a', '2')                                                                              \
        X(A3, 0, 0, 0, 0, 0, 0, 'a', '3')                                                                              \
        X(ACCT, 0, 0, 0, 0, 'a', 'c', 'c', 't')                                                                        \
        X(ADDR, 0, 0, 0, 0, 'a', 'd', 'd', 'r')                                                                        \
        X(ARCH, 0, 0, 0, 0, 'a', 'r', 'c', 'h')                                                                        \
        X(ARGC, 0, 0, 0, 0, 'a', 'r', 'g', 'c')                                                                        \
        X(AUID, 0, 0, 0, 0, 'a', 'u', 'i', 'd')                                                                        \
        X(CODE, 0, 0, 0, 0, 'c', 'o', 'd', 'e')                                                                        \
        X(COMM, 0, 0, 0, 0, 'c', 'o', 'm', 'm')                                                                        \
        X(CWD, 0, 0, 0, 0, 0, 'c', 'w', 'd')                                                                           \
        X(DATA, 0, 0, 0, 0, 'd', 'a', 't', 'a')                                                                        \
        X(DEV, 0, 0, 0, 0, 0, 'd', 'e', 'v')                                                                           \
        X(EGID, 0, 0, 0, 0, 'e', 'g', 'i', 'd')                                                                        \
        X(EUID, 0, 0, 0, 0, 'e', 'u', 'i', 'd')                                                                        \
        X(EXE, 0, 0, 0, 0, 0, 'e', 'x', 'e')                                                                           \
        X(EXIT, 0, 0, 0, 0, 'e', 'x', 'i', 't')                                                                        \
        X(FD, 0, 0, 0, 0, 0, 0, 'f', 'd')                                                                              \
        X(FLAGS, 0, 0, 0, 'f', 'l', 'a', 'g', 's')                                                                     \
        X(FSGID, 0, 0, 0, 'f', 's', 'g', 'i', 'd')                                                                     \
        X(FSUID, 0, 0, 0, 'f', 's', 'u', 'i', 'd')                                                                     \
        X(GID, 0, 0, 0, 0, 0, 'g', 'i', 'd')                                                                           \
        X(HOSTNAME, 'h', 'o', 's', 't', 'n', 'a', 'm', 'e')                                                            \
        X(ID, 0, 0, 0, 0, 0, 0, 'i', 'd')                                                                              \
        X(INODE, 0, 0, 0, 'i', 'n', 'o', 'd', 'e')                                                                     \
        X(ITEM, 0, 0, 0, 0, 'i', 't', 'e', 'm')                                                                        \
        X(ITEMS, 0, 0, 0, 'i', 't', 'e', 'm', 's')                                                                     \
        X(KEY, 0, 0, 0, 0, 0, 'k', 'e', 'y')                                                                           \
        X(LIST, 0, 0, 0, 0, 'l', 'i', 's', 't')                                                                        \
        X(MODE, 0, 0, 0, 0, 'm', 'o', 'd', 'e')                                                                        \
        X(MSG, 0, 0, 0, 0, 0, 'm', 's', 'g')                                                                           \
        X(NAME, 0, 0, 0, 0, 'n', 'a', 'm', 'e')                                                                        \
        X(NAMETYPE, 'n', 'a', 'm', 'e', 't', 'y', 'p', 'e')                                                            \
        X(OAUID, 0, 0, 0, 'o', 'a', 'u', 'i', 'd')                                                                     \
        X(OBJ, 0, 0, 0, 0, 0, 'o', 'b', 'j')                                                                           \
        X(OBJTYPE, 0, 'o', 'b', 'j', 't', 'y', 'p', 'e')                                                               \
        X(OCOMM, 0, 0, 0, 'o', 'c', 'o', 'm', 'm')                                                                     \
        X(OGID, 0, 0, 0, 0, 'o', 'g', 'i', 'd')                                                                        \
        X(OLD_AUID, 'o', 'l', 'd', '-', 'a', 'u', 'i', 'd')                                                            \
        X(OP, 0, 0, 0, 0, 0, 0, 'o', 'p')                                                                              \
        X(OPID, 0, 0, 0, 0, 'o', 'p', 'i', 'd')                                                                        \
        X(OSES, 0, 0, 0, 0, 'o', 's', 'e', 's')                                                                        \
        X(OUID, 0, 0, 0, 0, 'o', 'u', 'i', 'd')                                                                        \
        X(PATH, 0, 0, 0, 0, 'p', 'a', 't', 'h')                                                                        \
        X(PID, 0, 0, 0, 0, 0, 'p', 'i', 'd')                                                                           \
        X(PPID, 0, 0, 0, 0, 'p', 'p', 'i', 'd')                                                                        \
        X(PROG_ID, 0, 'p', 'r', 'o', 'g', '-', 'i', 'd')                                                               \
        X(RDEV, 0, 0, 0, 0, 'r', 'd', 'e', 'v')                                                                        \
        X(REASON, 0, 0, 'r', 'e', 'a', 's', 'o', 'n')                                                                  \
        X(RES, 0, 0, 0, 0, 0, 'r', 'e', 's')                                                                           \
        X(SADDR, 0, 0, 0, 's', 'a', 'd', 'd', 'r')                                                                     \
        X(SES, 0, 0, 0, 0, 0, 's', 'e', 's')                                                                           \
        X(SGID, 0, 0, 0, 0, 's', 'g', 'i', 'd')                                                                        \
        X(SIG, 0, 0, 0, 0, 0, 's', 'i', 'g')                                                                           \
        X(SUBJ, 0, 0, 0, 0, 's', 'u', 'b', 'j')                                                                        \
        X(SUCCESS, 0, 's', 'u', 'c', 'c', 'e', 's', 's')                                                               \
        X(SUID, 0, 0, 0, 0, 's', 'u', 'i', 'd')                                                                        \
        X(SYSCALL, 0, 's', 'y', 's', 'c', 'a', 'l', 'l')                                                               \
        X(TERMINAL, 't', 'e', 'r', 'm', 'i', 'n', 'a', 'l')                                                            \
        X(TTY, 0, 0, 0, 0, 0, 't', 't', 'y')                                                                           \
        X(UID, 0, 0, 0, 0, 0, 'u', 'i', 'd')                                                                           \
        X(UNIT, 0, 0, 0, 0, 'u', 'n', 'i', 't')

enum audit_key {
        AUDIT_KEY_OTHER,
#define X(name, ...) AUDIT_KEY_##name,
        AUDIT_KEYS(X)
#undef X
                AUDIT_KEYS_MAX
};

enum audit_key audit_key_of(const struct audit_field *field);

/* --- values ---------------------------------------------------------------------------------------------------------
 */

/* Numbers as the kernel writes them: decimal (a sign for i64), hexadecimal with or without 0x, octal. The whole value
 * must be one. Faster than sv_parse_u64 for base 10. */
bool audit_value_u32(struct sv value, uint32_t *ret);
bool audit_value_u64(struct sv value, int base, uint64_t *ret);
bool audit_value_i64(struct sv value, int64_t *ret);

/* Nothing told: "?", "(null)", "(none)", "" when bare. */
bool audit_field_is_absent(const struct audit_field *field);

/* Is this field of such a record written by audit_log_untrustedstring (or audit_encode_nv_string(3)): quoted, or else
 * in hexadecimal? */
bool audit_field_is_encoded(uint32_t type, const struct audit_field *field);

/* The text of an encoded field. Quoted, or bare and no hexadecimal: the view itself, nothing is copied. Hexadecimal:
 * decoded into buffer (value.n / 2 bytes are enough; what exceeds `size` is cut and *ret_cut set, which may be NULL).
 */
struct sv audit_field_decode(const struct audit_field *field, char *buffer, size_t size, bool *ret_cut);

/* Names of arguments in EXECVE: "a2" (whole), "a2_len", "a2[0]" (a part). False for other names. */
enum audit_argument { AUDIT_ARGUMENT_WHOLE, AUDIT_ARGUMENT_LENGTH, AUDIT_ARGUMENT_PART };
bool audit_argument_name(struct sv name, enum audit_argument *ret, uint32_t *ret_index, uint32_t *ret_part);

/* SELinux: `avc:  denied  { read write } for  pid=…`: verdict "denied", permissions "read write", rest from "pid=". */
struct audit_avc {
        struct sv verdict, permissions, rest;
};
bool audit_avc_parse(struct sv body, struct audit_avc *ret);
