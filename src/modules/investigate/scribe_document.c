#include "modules/investigate/scribe_document.h"

#include "base/cleanup.h"
#include "lib/regex/regex.h"
#include "schema/json.h"
#include "schema/yaml.h"

static const struct field variable_fields[] = {
        FIELD_STRING(struct scribe_variable, key),
        FIELD_STRING(struct scribe_variable, value),
};

static const struct field file_fields[] = {
        FIELD_STRING(struct scribe_file, path),
        FIELD_STRING(struct scribe_file, file),
        FIELD_STRING(struct scribe_file, expression),
        FIELD_STRING(struct scribe_file, concat),
        FIELD_STRINGS(struct scribe_file, import_chain, .json = "import-chain", .max_items = SCRIBE_LIST_MAX),
};

static const struct field package_fields[] = {
        FIELD_STRING(struct scribe_package, name),
        FIELD_STRING(struct scribe_package, collect_match, .json = "collectmatch"),
        FIELD_BOOL(struct scribe_package, only_newest, .json = "onlynewest"),
};

static const struct field identifier_fields[] = {
        FIELD_STRING(struct scribe_identifier, identifier),
        FIELD_STRING(struct scribe_identifier, value),
};

static const struct field raw_fields[] = {
        FIELD_RECORDS(struct scribe_raw, identifiers, struct scribe_identifier, identifier_fields,
                .max_items = SCRIBE_LIST_MAX),
};

static const struct field object_fields[] = {
        FIELD_STRING(struct scribe_object, id, .json = "object"),
        FIELD_RECORD(struct scribe_object, content, struct scribe_file, file_fields, .json = "filecontent"),
        FIELD_RECORD(struct scribe_object, name, struct scribe_file, file_fields, .json = "filename"),
        FIELD_RECORD(struct scribe_object, package, struct scribe_package, package_fields),
        FIELD_RECORD(struct scribe_object, raw, struct scribe_raw, raw_fields),
        FIELD_RECORD(struct scribe_object, line, struct scribe_file, file_fields, .json = "hasline"),
};

static const struct field evr_fields[] = {
        FIELD_STRING(struct scribe_evr, operation),
        FIELD_STRING(struct scribe_evr, value),
};

static const struct field value_fields[] = { FIELD_STRING(struct scribe_value, value) };

const struct field scribe_tag_fields[2] = {
        FIELD_STRING(struct scribe_tag, key, .omit_empty = true, .help = "name of the tag"),
        FIELD_STRING(struct scribe_tag, value, .omit_empty = true, .help = "value of the tag"),
};

static const struct field test_fields[] = {
        FIELD_STRING(struct scribe_test, id, .json = "test"),
        FIELD_STRING(struct scribe_test, name),
        FIELD_STRING(struct scribe_test, object),
        FIELD_STRING(struct scribe_test, description),
        FIELD_RECORD(struct scribe_test, evr, struct scribe_evr, evr_fields),
        FIELD_RECORD(struct scribe_test, regexp, struct scribe_value, value_fields),
        FIELD_RECORD(struct scribe_test, exact, struct scribe_value, value_fields, .json = "exactmatch"),
        FIELD_RECORDS(struct scribe_test, tags, struct scribe_tag, scribe_tag_fields, .max_items = SCRIBE_LIST_MAX),
        FIELD_STRINGS(struct scribe_test, dependencies, .json = "if", .max_items = SCRIBE_LIST_MAX),
        FIELD_BOOL(struct scribe_test, expected_result, .json = "expectedresult"),
        FIELD_BOOL(struct scribe_test, expect_error, .json = "expecterror"),
};

static const struct field document_fields[] = {
        FIELD_RECORDS(struct scribe_document, variables, struct scribe_variable, variable_fields,
                .max_items = SCRIBE_VARIABLES_MAX),
        FIELD_RECORDS(
                struct scribe_document, objects, struct scribe_object, object_fields, .max_items = SCRIBE_OBJECTS_MAX),
        FIELD_RECORDS(struct scribe_document, tests, struct scribe_test, test_fields, .max_items = SCRIBE_TESTS_MAX),
};

/* after fill_document */
static bool set(const char *text)
{
        return *text;
}

enum scribe_source scribe_source_of(const struct scribe_object *object)
{
        if (set(object->package.name))
                return SCRIBE_PACKAGE;
        if (set(object->content.path))
                return SCRIBE_CONTENT;
        if (set(object->name.path))
                return SCRIBE_NAME;
        if (object->raw.identifiers.count > 0)
                return SCRIBE_RAW;
        return set(object->line.path) ? SCRIBE_LINE : SCRIBE_NONE;
}

size_t scribe_find_object(const struct scribe_document *document, const char *id)
{
        for (size_t i = 0; i < document->objects.count; i++)
                if (strcmp(document->objects.items[i].id, id) == 0)
                        return i;
        return SIZE_MAX;
}

size_t scribe_find_test(const struct scribe_document *document, const char *id)
{
        for (size_t i = 0; i < document->tests.count; i++)
                if (strcmp(document->tests.items[i].id, id) == 0)
                        return i;
        return SIZE_MAX;
}

static int check_file(const struct scribe_file *file, const char *kind, bool expression, struct error *err)
{
        if (!set(file->file))
                return fail(err, E_INVALID, "%s file must be set", kind);
        if (!expression)
                return 0;
        if (regex_validate(file->file, err) < 0)
                return -1;
        if (!set(file->expression))
                return fail(err, E_INVALID, "%s expression must be set", kind);
        return regex_validate(file->expression, err);
}

static int check_source(const struct scribe_document *document, const struct scribe_object *object, struct error *err)
{
        switch (scribe_source_of(object)) {
        case SCRIBE_PACKAGE:
                return set(object->package.collect_match) ? regex_validate(object->package.collect_match, err) : 0;
        case SCRIBE_CONTENT:
                if (check_file(&object->content, "filecontent", true, err) < 0)
                        return -1;
                list_foreach (link, &object->content.import_chain)
                        if (scribe_find_object(document, *link) == SIZE_MAX)
                                return fail(err, E_INVALID, "unknown object \"%s\"", *link);
                return 0;
        case SCRIBE_NAME:
                return check_file(&object->name, "filename", false, err);
        case SCRIBE_LINE:
                return check_file(&object->line, "hasline", true, err);
        case SCRIBE_RAW:
                list_foreach (identifier, &object->raw.identifiers)
                        if (!set(identifier->identifier) || !set(identifier->value))
                                return fail(err, E_INVALID, "identifier must include identifier and value");
                return 0;
        case SCRIBE_NONE:
                break;
        }
        return fail(err, E_INVALID, "no valid source interface");
}

static int check_test(const struct scribe_document *document, const struct scribe_test *test, struct error *err)
{
        list_foreach (dependency, &test->dependencies) {
                size_t other = scribe_find_test(document, *dependency);
                if (other == SIZE_MAX)
                        return fail(err, E_INVALID, "unknown test \"%s\"", *dependency);
                if (&document->tests.items[other] == test)
                        return fail(err, E_INVALID, "test cannot reference itself");
        }
        list_foreach (tag, &test->tags) {
                if (strchr(tag->key, '"'))
                        return fail(err, E_INVALID, "test tag key cannot contain quote");
                if (strchr(tag->value, '"'))
                        return fail(err, E_INVALID, "test tag value cannot contain quote");
        }
        return 0;
}

static int check_document(const struct scribe_document *document, struct error *err)
{
        list_foreach (object, &document->objects) {
                if (!set(object->id))
                        return fail(err, E_INVALID, "an object in document has no identifier");
                if (check_source(document, object, err) < 0)
                        return error_prefix(err, "%s", object->id);
        }
        list_foreach (test, &document->tests) {
                if (!set(test->id))
                        return fail(err, E_INVALID, "a test in document has no identifier");
                if (check_test(document, test, err) < 0)
                        return error_prefix(err, "%s", test->id);
        }
        return 0;
}

static void fill(char **text)
{
        static char empty[] = "";
        if (!*text)
                *text = empty;
}

static void fill_file(struct scribe_file *file)
{
        fill(&file->path);
        fill(&file->file);
        fill(&file->expression);
        fill(&file->concat);
}

/* A string that is absent or null is an empty one. */
static void fill_document(struct scribe_document *document)
{
        list_foreach (variable, &document->variables) {
                fill(&variable->key);
                fill(&variable->value);
        }
        list_foreach (object, &document->objects) {
                fill(&object->id);
                fill_file(&object->content);
                fill_file(&object->name);
                fill_file(&object->line);
                fill(&object->package.name);
                fill(&object->package.collect_match);
                list_foreach (identifier, &object->raw.identifiers) {
                        fill(&identifier->identifier);
                        fill(&identifier->value);
                }
        }
        list_foreach (test, &document->tests) {
                fill(&test->id);
                fill(&test->name);
                fill(&test->object);
                fill(&test->description);
                fill(&test->evr.operation);
                fill(&test->evr.value);
                fill(&test->regexp.value);
                fill(&test->exact.value);
                list_foreach (tag, &test->tags) {
                        fill(&tag->key);
                        fill(&tag->value);
                }
        }
}

int scribe_read(const json_t *value, struct arena *arena, struct scribe_document *ret, struct error *err)
{
        struct scribe_document document;
        if (record_read(RECORD(struct scribe_document, document_fields), value, &document, arena, 0, err) < 0)
                return -1;
        fill_document(&document);
        if (check_document(&document, err) < 0)
                return -1;
        *ret = document;
        return 0;
}

int scribe_parse(struct sv text, struct arena *arena, struct scribe_document *ret, struct error *err)
{
        struct sv trimmed = sv_trim(text);
        bool json = trimmed.n > 0 && trimmed.p[0] == '{';
        cleanup(json_decref) json_t *value = json ? json_parse(text, false, err) : yaml_parse(text, false, err);
        if (!value)
                return -1;
        if (!json_is_object(value) && !json_is_null(value))
                return fail(err, E_INVALID, "the document is not an object");
        return scribe_read(value, arena, ret, err);
}
