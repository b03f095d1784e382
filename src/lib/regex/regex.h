/* Regular expressions with one meaning in the whole house: Go's regexp package (RE2 syntax, leftmost-first, linear
 * time, Go's error texts). The exact matcher is libre2; syntax.c decides what is accepted, as Go does.
 *
 * Text is UTF-8. As in Go an invalid byte behaves as U+FFFD: one '.' or negated class matches it, `\xff` matches U+00FF
 * and never the byte 0xFF. With REGEX_BYTES each byte is one character 0..255, for memory that is not text; then
 * `\xff` is the byte 0xFF, and a non-ASCII character written in the pattern stands for its UTF-8 bytes.
 *
 * A struct regex is immutable after regex_new and may be used by several threads at once. To search the lines of
 * files for many patterns use lines.h: it is far faster than regex_match a line.
 */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#define REGEX_PATTERN_MAX (64U << 10) /* bytes of one pattern */
#define REGEX_MEMORY_MAX (16U << 20)  /* bytes one compiled pattern may hold, its lazily built states included */
#define REGEX_CAPTURES_MAX 64U        /* groups that regex_find reports, the whole match included */
#define REGEX_NONE SIZE_MAX           /* offset of a group that took no part in the match */

enum regex_flag {
        REGEX_BYTES = 1U << 0,   /* Latin-1: one byte, one character */
        REGEX_NOCASE = 1U << 1,  /* as if the pattern began with (?i) */
        REGEX_LITERAL = 1U << 2, /* the pattern is plain text */
};

struct regex;

struct regex_capture {
        size_t start; /* byte offsets into the text; REGEX_NONE when the group took no part */
        size_t end;
};

/* NULL and err: E_INVALID with Go's text ("error parsing regexp: missing closing ]: `[`"), E_TOO_LARGE for a pattern
 * over REGEX_PATTERN_MAX or one whose program exceeds its memory, E_NO_MEMORY. An empty pattern matches everything. */
struct regex *regex_new(struct sv pattern, unsigned flags, struct error *err);
void regex_free(struct regex *regex);

static inline void regex_free_p(struct regex **regex)
{
        regex_free(*regex);
}

/* Does the pattern match anywhere in the text? Out of memory (only for text that is not UTF-8) is false; use
 * regex_find where that must be told apart. */
bool regex_match(const struct regex *regex, struct sv text);

/* 1 with the leftmost match in captures[0] and the groups in captures[1..], 0 for no match, -1 and err. count may be 0;
 * entries beyond the pattern's groups (or REGEX_CAPTURES_MAX) become REGEX_NONE. Search starts at byte `start`, with
 * what stands before it as context for ^ and \b. */
int regex_find(const struct regex *regex, struct sv text, size_t start, struct regex_capture *captures, size_t count,
        struct error *err);

/* Groups without the whole match; the name of group 1.. or NULL; the first group of that name, or 0. */
size_t regex_groups(const struct regex *regex);
const char *regex_group_name(const struct regex *regex, size_t group);
size_t regex_group_index(const struct regex *regex, struct sv name);

/* The pattern as given, NUL-terminated. */
const char *regex_pattern(const struct regex *regex);

/* Bytes held by the compiled program, an estimate; states built while matching are on top, at most REGEX_MEMORY_MAX
 * in all. */
size_t regex_memory(const struct regex *regex);

/* The check of a field of kind regex: 0, or -1 and what regex_new would say. */
int regex_validate(const char *pattern, struct error *err);
