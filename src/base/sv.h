/* A string view: bytes that somebody else owns. Pull parsers take one and shorten it. Never NUL-terminated by contract.
 */
#pragma once

#include "base/banned.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sv {
        const char *p;
        size_t n;
};

#define SV(literal) ((struct sv){ (literal), sizeof(literal) - 1 })
#define SV_ARG(sv) (int)(sv).n, (sv).p /* for "%.*s" */

static inline struct sv sv_of(const char *text)
{
        return (struct sv){ text ? text : "", text ? strlen(text) : 0 };
}

static inline struct sv sv_n(const char *bytes, size_t length)
{
        return (struct sv){ bytes, length };
}

bool sv_eq(struct sv a, struct sv b);
bool sv_eq_nocase(struct sv a, struct sv b); /* ASCII */
bool sv_starts(struct sv text, struct sv prefix);
bool sv_ends(struct sv text, struct sv suffix);

/* Without leading and trailing space, tab, CR and LF. */
struct sv sv_trim(struct sv text);

/* Takes what stands before the next `separator` off *rest; false once *rest is used up. "a,,b" yields "a", "", "b";
 * an empty text yields one empty part. Start with rest->p != NULL. */
bool sv_split(struct sv *rest, char separator, struct sv *ret_part);

/* The same for runs of space and tab; never yields an empty part. */
bool sv_word(struct sv *rest, struct sv *ret_word);

/* Takes one line off *rest without its '\n' (a last line without one counts); false at the end. */
bool sv_line(struct sv *rest, struct sv *ret_line);

/* The whole view must be a number in the base (10, 16, 8; no prefix, no sign for u64); false on anything else or
 * overflow. */
bool sv_parse_u64(struct sv text, int base, uint64_t *ret);
bool sv_parse_i64(struct sv text, int64_t *ret);

/* Offset of the first `c`, or text.n. */
size_t sv_find(struct sv text, char c);
