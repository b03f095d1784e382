/* The filter line: words that must all match. `!word` must not, `name:word` looks into one column only, a word with a
 * sign of regular expressions is one (RE2 as in the whole house), "two words" in quotes are one. Smart case: letters
 * match in either case unless the word has a capital. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum { FILTER_TERMS_MAX = 16, FILTER_TEXT_MAX = 512 };

struct filter;

/* names: those of columns, NULL-terminated; what stands before ':' and is none of them belongs to the word. E_INVALID
 * for a bad expression and for more than FILTER_TERMS_MAX. A text without words gives a filter that matches all. */
struct filter *filter_new(struct sv text, const char *const *names, struct error *err);
void filter_free(struct filter *filter);

static inline void filter_free_p(struct filter **filter)
{
        filter_free(*filter);
}

const char *filter_text(const struct filter *filter);

/* text_of: the text of one column of the row (index into names), or for -1 all of it together; valid until the next
 * call. */
typedef struct sv filter_text_fn(void *cookie, int column);
bool filter_match(const struct filter *filter, filter_text_fn *text_of, void *cookie);
