/* A scribe document: objects gather values from files and packages, tests judge them. The format is that of MIG's
 * scribe module (JSON, or YAML with the same keys). */
#pragma once

#include "base/arena.h"
#include "schema/field.h"

enum {
        SCRIBE_OBJECTS_MAX = 10000,
        SCRIBE_TESTS_MAX = 10000,
        SCRIBE_VARIABLES_MAX = 1000,
        SCRIBE_LIST_MAX = 1000, /* identifiers of a raw object, dependencies and tags of a test, links of a chain */
};

struct scribe_variable {
        char *key;
        char *value;
};

/* filecontent, filename and hasline share their fields. */
struct scribe_file {
        char *path;
        char *file;
        char *expression;
        char *concat;
        struct string_list import_chain;
};

struct scribe_package {
        char *name;
        char *collect_match;
        bool only_newest;
};

struct scribe_identifier {
        char *identifier;
        char *value;
};

struct scribe_raw {
        LIST(struct scribe_identifier) identifiers;
};

struct scribe_object {
        char *id;
        struct scribe_file content;
        struct scribe_file name;
        struct scribe_package package;
        struct scribe_raw raw;
        struct scribe_file line;
};

struct scribe_evr {
        char *operation;
        char *value;
};

struct scribe_value {
        char *value;
};

struct scribe_tag {
        char *key;
        char *value;
};

struct scribe_test {
        char *id;
        char *name;
        char *object;
        char *description;
        struct scribe_evr evr;
        struct scribe_value regexp;
        struct scribe_value exact;
        LIST(struct scribe_tag) tags;
        struct string_list dependencies;
        bool expected_result;
        bool expect_error;
};

struct scribe_document {
        LIST(struct scribe_variable) variables;
        LIST(struct scribe_object) objects;
        LIST(struct scribe_test) tests;
};

enum scribe_source { SCRIBE_NONE, SCRIBE_PACKAGE, SCRIBE_CONTENT, SCRIBE_NAME, SCRIBE_RAW, SCRIBE_LINE };

/* What the object draws from. */
enum scribe_source scribe_source_of(const struct scribe_object *object);

/* Index of the object or test of this name; SIZE_MAX. The first one counts where two have the same name. */
size_t scribe_find_object(const struct scribe_document *document, const char *id);
size_t scribe_find_test(const struct scribe_document *document, const char *id);

extern const struct field scribe_tag_fields[2];

/* From JSON as parsed; and from text, JSON or YAML. Checked: names, references, patterns. */
int scribe_read(const json_t *value, struct arena *arena, struct scribe_document *ret, struct error *err);
int scribe_parse(struct sv text, struct arena *arena, struct scribe_document *ret, struct error *err);
