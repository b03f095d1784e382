/* Command-line flags by field table. Flags make JSON, never a struct: the same JSON goes over every other door. */
#pragma once

#include "schema/field.h"

enum { FLAG_PATH_MAX = 8, FLAGS_MAX = 256 };

/* One flag and the place in the parameters it fills. Nested records are flattened; so is a map of records with .entry.
 */
struct flag_spec {
        const struct field *field;
        const char *long_name;           /* without dashes */
        const char *path[FLAG_PATH_MAX]; /* wire keys down to and including the field's own */
        size_t depth;
        size_t entry_at; /* index in path that names the map entry + 1; 0 = none */
};

/* All flags of a record in table order; returns their number (at most max). A field with option "" has no flag unless
 * it is positional (long_name is then ""). */
size_t record_flags(const struct record *record, struct flag_spec *ret, size_t max);

/* Turns arguments into parameters. Accepted: --name VALUE, --name=VALUE, -name VALUE (the peers' style), -x VALUE,
 * -xVALUE,
 * --bool, --bool=false, --no-bool, a negative option, "--" and positional arguments. An unknown flag names the nearest
 * one. cli_def values are filled in. The result is not yet checked: record_check does that. New reference or NULL. */
json_t *flags_parse(const struct record *record, int argc, char *const *argv, struct error *err);

/* The candidate nearest to `word` by edit distance (at most a third of its letters wrong), or NULL: for "did you mean".
 */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);
