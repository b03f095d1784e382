/* JSON Schema (2020-12) from a field table. */
#pragma once

#include "schema/field.h"

enum json_schema_flags {
        JSON_SCHEMA_STRICT = 1 << 0, /* "additionalProperties": false, as flags, HTTP and configuration are read */
        JSON_SCHEMA_RESULT = 1 << 1, /* what record_write produces, instead of what record_read accepts */
};

/* A schema whose root is an object with the record's fields; title and id ("$id") may be NULL. New reference, or NULL
 * when out of memory. Private fields carry "x-tarsier-private": true, secret ones "writeOnly": true, fields with .since
 * "x-tarsier-since". */
json_t *record_json_schema(const struct record *record, const char *title, const char *id, unsigned flags);

/* The same for one field (its container included); new reference. */
json_t *field_json_schema(const struct field *field, unsigned flags);
