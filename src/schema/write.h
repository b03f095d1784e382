/* Struct to JSON by its table. */
#pragma once

#include "schema/field.h"
#include "schema/json_writer.h"

enum write_flags {
        WRITE_PRIVACY = 1 << 0, /* private fields with a value become "masked" */
        WRITE_SECRETS = 1 << 1, /* secret fields are written; else they are "hidden" */
};

void record_write(struct json_writer *writer, const struct record *record, const void *value, unsigned flags);

/* Masks private fields in JSON that is already there (a foreign module's result, a row in a log); `value` is changed.
 */
void record_mask(const struct record *record, json_t *value);
/* The same for secret fields, which become "hidden". */
void record_hide(const struct record *record, json_t *value);
