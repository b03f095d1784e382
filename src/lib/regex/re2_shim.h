/* The C face of libre2: nothing but compile, search and size. No exception crosses it. Internal to lib/regex. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct re2_program;

enum re2_status {
        RE2_OK,
        RE2_BAD_CHARACTER_RANGE, /* an unknown \p{Name}, the one thing syntax.c leaves to libre2 */
        RE2_TOO_LARGE,
        RE2_REFUSED, /* anything else */
        RE2_NO_MEMORY
};

/* offsets of a group; SIZE_MAX when it took no part */
struct re2_span {
        size_t start;
        size_t end;
};

/* Must stand in front of a Latin-1 program with a literal byte from 0x80 up: libre2 20220601 (and others) forgets the
 * encoding of a prefix that it factors out of an alternation, and then looks for its UTF-8 form first: `\xe2a|\xe2b`
 * does not find "\xe2a". With an empty match in front it looks for no prefix. */
#define RE2_LATIN1_LITERALS "(?:)"

enum re2_mode { RE2_UTF8 = 0, RE2_NOCASE = 1, RE2_LATIN1 = 2 };

/* mode: a mask of re2_mode. *ret_argument (at most size bytes with its NUL) is the part of the pattern that libre2
 * complains about. */
enum re2_status re2_program_new(const char *pattern, size_t length, unsigned mode, int64_t max_memory,
        struct re2_program **ret, char *ret_argument, size_t size);
void re2_program_free(struct re2_program *program);

/* 1, 0, or -1 when memory ran out. count is at most RE2_SPANS_MAX. */
#define RE2_SPANS_MAX 64
int re2_program_search(const struct re2_program *program, const char *text, size_t length, size_t start,
        struct re2_span *spans, size_t count);

size_t re2_program_memory(const struct re2_program *program);

#ifdef __cplusplus
}
#endif
