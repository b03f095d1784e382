/* A field table as JSON and back: what a program's --describe prints and what the agent loads. Only "name" and "type"
 * are required, so that an author can write it by hand:
 *
 *      {"fields": [{"name": "user", "type": "string", "help": "whose keys to list", "required": true},
 *                  {"name": "paths", "type": "path", "container": "list"},
 *                  {"name": "mode", "type": "enum", "values": ["fast", "full"], "default": "fast"},
 *                  {"name": "limits", "type": "record", "fields": [{"name": "time", "type": "duration", "default":
 * "5s"}]}]}
 *
 * Keys of a field: name type container(one, list, map, map-of-lists) json option alias negative_option flag metavar
 * help since default cli_default min max unit max_items max_length min_length required positional private secret
 * omit_empty null_empty upper as_number entry entry_option values pattern fields. */
#pragma once

#include "schema/field.h"
#include "schema/json_writer.h"

enum {
        DESCRIBE_FIELDS_MAX = 1000, /* in all, nested ones included */
        DESCRIBE_DEPTH_MAX = 8,
        DESCRIBE_NAME_MAX = 64,
        DESCRIBE_HELP_MAX = 1000,
        DESCRIBE_TEXT_MAX = 1000, /* defaults, patterns */
        DESCRIBE_VALUES_MAX = 1000,
};

/* Writes {"fields": […]}. A record nested deeper than DESCRIBE_DEPTH_MAX (or within itself) is written as "any". */
void record_describe(struct json_writer *writer, const struct record *record);

/* The record a description means, allocated in the arena; it has size 0 and serves JSON only. The description is
 * hostile: every name, number and text is checked, unknown keys are errors, and errors name the path
 * ("fields[3].fields[0].help: …"). NULL on failure. */
const struct record *record_load(const json_t *description, struct arena *arena, struct error *err);

/* Are all command-line flags of this record different from each other? For parameters only; a result has no flags. */
int record_check_flags(const struct record *record, struct error *err);
