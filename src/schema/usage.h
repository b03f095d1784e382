/* Help and manual pages from a field table; the flags come from record_flags, so they always agree with what is
 * accepted. */
#pragma once

#include "base/buf.h"
#include "schema/field.h"

struct usage_example {
        const char *command; /* "tarsier ping --count 3 example.com" */
        const char *text;    /* one sentence without a full stop */
};

/* --help: summary, examples, synopsis, description, arguments, options; wrapped at `width` columns (0 = 80).
 * description and examples (ended by one whose command is NULL) may be NULL; paragraphs of the description are
 * separated by an empty line. */
void usage_print(struct buf *out, const char *command, const char *summary, const char *description,
        const struct record *params, const struct usage_example *examples, unsigned width);

/* One more list of options below it, such as those that every module has. */
void usage_options(struct buf *out, const char *title, const struct record *params, unsigned width);

/* The one synopsis line: "tarsier ping [options] DESTINATION". */
void usage_synopsis(struct buf *out, const char *command, const struct record *params);

/* A manual page as scdoc source. command "tarsier ping" is the page tarsier-ping(1). element: one row of the result,
 * may be NULL. */
void usage_scdoc(struct buf *out, const char *command, const char *summary, const char *description,
        const struct record *params, const struct record *element, const struct usage_example *examples);

/* "duration", "integer from 1 to 65535", "one of: icmp, tcp, udp" … appended to out. */
void usage_field_type(struct buf *out, const struct field *field);
/* "DURATION", or the field's own metavar, as it stands behind the flag. ret has 64 bytes. */
void usage_metavar(const struct field *field, char *ret);
