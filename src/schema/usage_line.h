/* What the help text and the manual page share. Private to the two. */
#pragma once

#include "schema/flags.h"
#include "schema/usage.h"

enum { USAGE_LINES_MAX = FLAGS_MAX + 16, USAGE_LABEL_MAX = 256 };

/* One thing a command line can hold: a flag, or an option that starts another entry of a map of records. */
struct usage_line {
        const struct field *field;
        const struct flag_spec *flag;
        const char *entry_option;
};

/* In table order, entry options first. flags holds FLAGS_MAX and must live as long as the lines. */
size_t usage_lines(const struct record *params, struct flag_spec *flags, struct usage_line *ret, size_t max);

/* The long flag with '_' as '-', "" for none; "[no-]name" for a bool that is on already. ret has USAGE_LABEL_MAX bytes.
 */
void usage_long_name(const struct flag_spec *flag, char *ret);

bool usage_takes_value(const struct field *field);

/* Help with range, default and the like in parentheses. */
void usage_meaning(struct buf *out, const struct usage_line *line);

/* Takes the next paragraph off *rest: what stands before an empty line. */
bool usage_paragraph(struct sv *rest, struct sv *ret);
