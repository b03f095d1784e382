#include "schema/describe.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "schema/json.h"
#include "schema/write.h"

/* A field as its description spells it. The members of struct field that are text, truth or size are read and written
 * in place by the table below; the others go through a spelling of their own. */
struct field_text {
        struct field field;
        int type;
        int container;
        char *flag;
        bool has_name, has_type, has_option, has_def, has_cli_def, has_min, has_max, has_unit;
        json_t *def;
        json_t *cli_def;
        json_t *min;
        json_t *max;
        json_t *unit;
        struct string_list values;
        LIST(struct field_text) fields;
};

struct record_text {
        LIST(struct field_text) fields;
};

static const char *const type_names[] = { "bool", "int", "uint", "double", "size", "duration", "time", "string", "enum",
        "path", "address", "ports", "regex", "hex", "record", "any", NULL };
_Static_assert(sizeof(type_names) / sizeof(type_names[0]) == FIELD_TYPES_MAX + 1, "a type without a name");

static const char *const container_names[] = { "one", "list", "map", "map-of-lists", NULL };

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_name(const char *text, bool digit_first)
{
        if (!is_letter(text[0]) && !(digit_first && is_digit(text[0])))
                return false;
        size_t n = 1;
        for (; text[n]; n++)
                if (!is_letter(text[n]) && !is_digit(text[n]) && !strchr("_.-", text[n]))
                        return false;
        return n <= DESCRIBE_NAME_MAX;
}

static int check_name(const char *text, struct error *err)
{
        if (is_name(text, false))
                return 0;
        return fail(err, E_INVALID, "a name is a letter and up to 63 letters, digits and _ . -");
}

static int check_option(const char *text, struct error *err)
{
        if (!text[0] || is_name(text, true))
                return 0;
        return fail(err, E_INVALID, "an option is a letter or digit and up to 63 letters, digits and _ . -");
}

static int check_flag(const char *text, struct error *err)
{
        if (!text[0] || (!text[1] && (is_letter(text[0]) || is_digit(text[0]))))
                return 0;
        return fail(err, E_INVALID, "a short flag is one letter or digit");
}

/* These texts go to terminals and pages: one line, nothing that moves a cursor or turns the direction of writing. */
static int check_plain(const char *text, struct error *err)
{
        struct sv rest = sv_of(text);
        while (rest.n) {
                uint32_t code_point;
                size_t n = utf8_decode(rest, &code_point);
                if (!n)
                        return fail(err, E_INVALID, "not UTF-8");
                if (utf8_is_control(code_point))
                        return fail(err, E_INVALID, "control characters are not allowed");
                rest = sv_n(rest.p + n, rest.n - n);
        }
        return 0;
}

enum { FIELD_TEXT_FIELDS = 32, DESCRIBE_MEMORY_MAX = 16 << 20 };
static const struct field field_text_fields[FIELD_TEXT_FIELDS];

#define F struct field_text
#define TEXT(m, key, ...) FIELD_STRING(F, field.m, .json = key, .omit_empty = true, ##__VA_ARGS__)
#define TRUTH(m, key, ...) FIELD_BOOL(F, field.m, .json = key, .omit_empty = true, ##__VA_ARGS__)
#define COUNT(m, ...) FIELD_UINT(F, field.m, .json = #m, .omit_empty = true, ##__VA_ARGS__)
#define NAME .max_length = DESCRIBE_NAME_MAX, .check = check_name
#define PLAIN(length) .max_length = (length), .check = check_plain

static const struct field field_text_fields[FIELD_TEXT_FIELDS] = {
        TEXT(name, "name", NAME, .has = HAS(F, has_name), .required = true, .help = "key of the value"),
        FIELD_ENUM(F, type, type_names, .has = HAS(F, has_type), .required = true, .help = "what one value is"),
        FIELD_ENUM(
                F, container, container_names, .def = "one", .omit_empty = true, .help = "how many values there are"),
        TEXT(json, "json", NAME, .help = "key on the wire, where it differs from the name"),
        FIELD_STRING(F, field.option, .json = "option", .has = HAS(F, has_option), .max_length = DESCRIBE_NAME_MAX,
                .check = check_option, .help = "long flag; empty for none"),
        TEXT(alias, "alias", NAME, .help = "another long flag for the same"),
        TEXT(negative_option, "negative_option", NAME, .help = "flag that sets a bool to false"),
        FIELD_STRING(F, flag, .omit_empty = true, .check = check_flag, .help = "short flag"),
        TEXT(metavar, "metavar", PLAIN(DESCRIBE_NAME_MAX), .help = "word for the value in help texts"),
        TEXT(help, "help", PLAIN(DESCRIBE_HELP_MAX), .help = "one sentence"),
        TEXT(since, "since", .max_length = DESCRIBE_NAME_MAX, .check = check_option,
                .help = "version that brought the field"),
        FIELD_ANY(F, def, .json = "default", .has = HAS(F, has_def), .help = "default, as text or as its value"),
        FIELD_ANY(
                F, cli_def, .json = "cli_default", .has = HAS(F, has_cli_def), .help = "default for flags and prompts"),
        FIELD_ANY(F, min, .has = HAS(F, has_min), .help = "least number, size or duration"),
        FIELD_ANY(F, max, .has = HAS(F, has_max), .help = "greatest number, size or duration"),
        FIELD_ANY(F, unit, .has = HAS(F, has_unit), .help = "what a bare number of a duration counts"),
        COUNT(max_items, .max = FIELD_ITEMS_MAX, .help = "most items of a container"),
        COUNT(max_length, .max = FIELD_LENGTH_MAX, .help = "longest text in bytes"),
        COUNT(min_length, .max = FIELD_LENGTH_MAX, .help = "shortest text, or fewest items"),
        TRUTH(required, "required", .help = "must be given"),
        TRUTH(positional, "positional", .help = "may be given without its flag"),
        TRUTH(private_, "private", .help = "masked in privacy mode"),
        TRUTH(secret, "secret", .help = "never shown"),
        TRUTH(omit_empty, "omit_empty", .help = "left out of results when empty"),
        TRUTH(null_empty, "null_empty", .help = "null in results when empty"),
        TRUTH(upper, "upper", .help = "hex digits in upper case"),
        TRUTH(as_number, "as_number", .help = "a duration that results show as a number of .unit"),
        TEXT(entry, "entry", PLAIN(DESCRIBE_NAME_MAX), .help = "map entry that flags fill"),
        TEXT(entry_option, "entry_option", NAME, .help = "flag that starts another entry"),
        FIELD_STRINGS(F, values, .omit_empty = true, .max_items = DESCRIBE_VALUES_MAX, PLAIN(DESCRIBE_NAME_MAX),
                .help = "the words of an enum"),
        TEXT(pattern, "pattern", PLAIN(DESCRIBE_TEXT_MAX), .help = "regular expression, ECMA-262"),
        FIELD_RECORDS(F, fields, F, field_text_fields, .omit_empty = true, .max_items = DESCRIBE_FIELDS_MAX,
                .help = "the fields of a record"),
};

static const struct field record_text_fields[] = {
        FIELD_RECORDS(struct record_text, fields, F, field_text_fields, .required = true,
                .max_items = DESCRIBE_FIELDS_MAX, .help = "the fields in order"),
};

static const struct record *const record_text_record = RECORD(struct record_text, record_text_fields);

/* --- writing --- */

static json_t *bound_to_json(const struct field *field, int64_t bound)
{
        if (field->type != FIELD_TYPE_DURATION)
                return json_integer(bound);
        char text[TIME_TEXT_MAX];
        duration_format(bound, text);
        return json_string(text);
}

/* Keeps a JSON value alive until the arena goes. */
static json_t *keep(struct arena *arena, json_t *value)
{
        if (value && arena_defer(arena, json_unref, value) < 0) {
                json_decref(value);
                return NULL;
        }
        return value;
}

static void describe_fields(const struct record *record, unsigned depth, struct arena *arena,
        struct field_text **ret_items, size_t *ret_count);

static void describe_field(const struct field *field, unsigned depth, struct arena *arena, struct field_text *ret)
{
        ret->field = *field;
        ret->field.omit_empty |= field->has != 0; /* may be absent: a description knows no member that says so */
        ret->type = (int)field->type;
        ret->container = (int)field->container;
        if (field->flag)
                ret->flag = arena_strndup(arena, &field->flag, 1);
        ret->has_name = ret->has_type = true;
        ret->has_option = field->option != NULL;
        if (field->def)
                ret->def = keep(arena, json_string(field->def));
        if (field->cli_def)
                ret->cli_def = keep(arena, json_string(field->cli_def));
        if (field->min < field->max) {
                if (field->min != INT64_MIN)
                        ret->min = keep(arena, bound_to_json(field, field->min));
                if (field->max != INT64_MAX)
                        ret->max = keep(arena, bound_to_json(field, field->max));
        }
        if (field->unit)
                ret->unit = keep(arena, bound_to_json(field, field->unit));
        ret->has_def = ret->def != NULL;
        ret->has_cli_def = ret->cli_def != NULL;
        ret->has_min = ret->min != NULL;
        ret->has_max = ret->max != NULL;
        ret->has_unit = ret->unit != NULL;
        if (field->type == FIELD_TYPE_ENUM && field->names) {
                while (field->names[ret->values.count])
                        ret->values.count++;
                /* record_write does not write through it */
                ret->values.items = (char **)field->names;
        }
        if (field->type != FIELD_TYPE_RECORD)
                return;
        if (depth < DESCRIBE_DEPTH_MAX)
                describe_fields(field->record, depth + 1, arena, &ret->fields.items, &ret->fields.count);
        else
                ret->type = FIELD_TYPE_ANY;
}

static void describe_fields(const struct record *record, unsigned depth, struct arena *arena,
        struct field_text **ret_items, size_t *ret_count)
{
        *ret_items = arena_array(arena, record->count, sizeof(**ret_items));
        for (size_t i = 0; *ret_items && i < record->count; i++) {
                describe_field(&record->fields[i], depth, arena, &(*ret_items)[i]);
                *ret_count = i + 1;
        }
}

void record_describe(struct json_writer *writer, const struct record *record)
{
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, DESCRIBE_MEMORY_MAX);
        struct record_text text = { 0 };
        describe_fields(record, 1, &arena, &text.fields.items, &text.fields.count);
        if (arena.refused)
                writer->out->failed = true;
        record_write(writer, record_text_record, &text, WRITE_SECRETS);
}

/* --- loading --- */

/* Counts fields before anything is read, so that neither depth nor number can hurt. */
static int count_fields(const json_t *object, unsigned depth, size_t *total, struct error *err)
{
        const json_t *fields = json_object_get(object, "fields");
        if (!json_is_array(fields))
                return 0;
        if (depth > DESCRIBE_DEPTH_MAX)
                return fail(err, E_TOO_LARGE, "fields: records nest more than %d deep", DESCRIBE_DEPTH_MAX);
        *total += json_array_size(fields);
        if (*total > DESCRIBE_FIELDS_MAX)
                return fail(err, E_TOO_LARGE, "fields: more than %d in all", DESCRIBE_FIELDS_MAX);
        size_t i;
        const json_t *item;
        json_array_foreach(fields, i, item) if (count_fields(item, depth + 1, total, err) < 0) return -1;
        return 0;
}

struct loader {
        struct arena *arena;
        struct error *err;
        char path[DESCRIBE_DEPTH_MAX * 16];
};

static int no_memory(struct loader *loader)
{
        return fail(loader->err, E_NO_MEMORY, "%s: no memory left for the description", loader->path);
}

static int wrong(struct loader *loader, const char *key, const char *why)
{
        return fail(loader->err, E_INVALID, "%s.%s: %s", loader->path, key, why);
}

static int load_bound(
        struct loader *loader, const char *key, const struct field *field, const json_t *value, int64_t *ret)
{
        if (!value || json_is_null(value))
                return 0;
        if (json_is_integer(value)) {
                *ret = json_integer_value(value);
                return 0;
        }
        struct sv text = sv_n(json_string_value(value), json_string_length(value));
        if (text.p && field->type == FIELD_TYPE_DURATION && duration_parse(text, ret))
                return 0;
        uint64_t bytes;
        if (text.p && field->type == FIELD_TYPE_SIZE && size_parse(text, &bytes) && bytes <= INT64_MAX) {
                *ret = (int64_t)bytes;
                return 0;
        }
        return wrong(loader, key,
                "must be a whole number, or a text such as \"1m30s\" for a duration and \"10k\" for a size");
}

static int load_bounds(struct loader *loader, const struct field_text *text, struct field *field)
{
        bool has_min = text->min && !json_is_null(text->min), has_max = text->max && !json_is_null(text->max);
        field->min = field->max = 0;
        if (has_min || has_max) {
                if (field->type != FIELD_TYPE_INT && field->type != FIELD_TYPE_UINT &&
                        field->type != FIELD_TYPE_DOUBLE && field->type != FIELD_TYPE_SIZE &&
                        field->type != FIELD_TYPE_DURATION)
                        return wrong(loader, has_min ? "min" : "max", "only for numbers, sizes and durations");
                field->min = field->type == FIELD_TYPE_UINT || field->type == FIELD_TYPE_SIZE ? 0 : INT64_MIN;
                field->max = INT64_MAX;
                if (load_bound(loader, "min", field, text->min, &field->min) < 0 ||
                        load_bound(loader, "max", field, text->max, &field->max) < 0)
                        return -1;
                if (field->min >= field->max)
                        return wrong(loader, has_max ? "max" : "min", "min must be below max");
        }
        field->unit = 0;
        if (text->unit && !json_is_null(text->unit)) {
                if (field->type != FIELD_TYPE_DURATION)
                        return wrong(loader, "unit", "only for durations");
                if (load_bound(loader, "unit", field, text->unit, &field->unit) < 0)
                        return -1;
                if (field->unit < 1 || field->unit > 7 * DAY)
                        return wrong(loader, "unit", "must be a duration of up to a week");
        }
        return 0;
}

static int load_default(
        struct loader *loader, const char *key, const struct field *field, const json_t *value, const char **ret)
{
        *ret = NULL;
        if (!value || json_is_null(value))
                return 0;
        if (json_is_string(value)) {
                *ret = arena_strndup(loader->arena, json_string_value(value), json_string_length(value));
        } else {
                cleanup(free) char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
                *ret = arena_strdup(loader->arena, text);
        }
        if (!*ret)
                return no_memory(loader);
        if (strlen(*ret) > DESCRIBE_TEXT_MAX)
                return wrong(loader, key, "too long");
        struct error inner;
        if (check_plain(*ret, &inner) < 0)
                return wrong(loader, key, inner.message);
        if ((field->container != FIELD_ONE && field->container != FIELD_LIST) || field->type == FIELD_TYPE_RECORD)
                return wrong(loader, key, "only plain values and lists of them have a default");
        /* what reading nothing would do with it */
        struct field alone = *field;
        alone.required = false;
        alone.def = *ret;
        if (record_check(&(struct record){ .fields = &alone, .count = 1 }, NULL, READ_STRICT, &inner) < 0)
                return wrong(loader, key, inner.message);
        return 0;
}

static int load_values(struct loader *loader, const struct field_text *text, struct field *field)
{
        bool is_enum = field->type == FIELD_TYPE_ENUM;
        field->names = NULL;
        if (!is_enum)
                return text->values.count ? wrong(loader, "values", "only for enums") : 0;
        if (!text->values.count)
                return wrong(loader, "values", "an enum needs some");
        const char **names = arena_array(loader->arena, text->values.count + 1, sizeof(*names));
        if (!names)
                return no_memory(loader);
        for (size_t i = 0; i < text->values.count; i++) {
                const char *word = text->values.items[i];
                names[i] = word ? arena_strdup(loader->arena, word) : "";
                if (!names[i])
                        return no_memory(loader);
                if (!names[i][0])
                        return wrong(loader, "values", "an empty word");
                for (size_t j = 0; j < i; j++)
                        if (!strcmp(names[i], names[j]))
                                return wrong(loader, "values", "the same word twice");
        }
        field->names = names;
        return 0;
}

/* Attributes that mean something for certain types only: elsewhere they are mistakes, so they are said. */
static int load_rules(struct loader *loader, const struct field *field)
{
        bool one = field->container == FIELD_ONE;
        bool map = field->container == FIELD_MAP || field->container == FIELD_MAP_OF_LISTS;
        if (field->negative_option && !(field->type == FIELD_TYPE_BOOL && one))
                return wrong(loader, "negative_option", "only for a bool");
        if (field->upper && field->type != FIELD_TYPE_HEX)
                return wrong(loader, "upper", "only for hex");
        if (field->as_number && field->type != FIELD_TYPE_DURATION)
                return wrong(loader, "as_number", "only for durations");
        if ((field->entry || field->entry_option) &&
                !(field->container == FIELD_MAP && field->type == FIELD_TYPE_RECORD))
                return wrong(loader, field->entry ? "entry" : "entry_option", "only for a map of records");
        if (field->positional && (map || field->type == FIELD_TYPE_RECORD || field->type == FIELD_TYPE_ANY))
                return wrong(loader, "positional", "only for plain values and lists of them");
        if (field->max_items && one)
                return wrong(loader, "max_items", "only for containers");
        if (field->min_length && field->max_length && one && field->min_length > field->max_length)
                return wrong(loader, "min_length", "greater than max_length");
        if (field->min_length && field->max_items && !one && field->min_length > field->max_items)
                return wrong(loader, "min_length", "greater than max_items");
        if (field->container == FIELD_MAP_OF_LISTS && field->type == FIELD_TYPE_RECORD)
                return wrong(loader, "container", "a map of lists holds plain values");
        return 0;
}

/* What was read goes with its own arena. */
static int copy_texts(struct loader *loader, struct field *field)
{
        const char **const texts[] = { &field->name, &field->json, &field->option, &field->alias,
                &field->negative_option, &field->metavar, &field->help, &field->since, &field->entry,
                &field->entry_option, &field->pattern };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (!*texts[i])
                        continue;
                *texts[i] = arena_strdup(loader->arena, *texts[i]);
                if (!*texts[i])
                        return no_memory(loader);
        }
        return 0;
}

static const struct record *load_fields(struct loader *loader, const struct field_text *texts, size_t count);

static int load_field(struct loader *loader, const struct field_text *text, struct field *field)
{
        *field = text->field;
        field->type = (enum field_type)text->type;
        field->container = (enum field_container)text->container;
        field->flag = text->flag ? text->flag[0] : 0;
        if (!text->has_name || !text->has_type) /* null */
                return wrong(loader, text->has_name ? "type" : "name", "required");
        if (!text->has_option)
                field->option = NULL;
        if (copy_texts(loader, field) < 0)
                return -1;
        if (field->type != FIELD_TYPE_RECORD && text->fields.count)
                return wrong(loader, "fields", "only for records");
        if (field->type == FIELD_TYPE_RECORD && !text->fields.count)
                return wrong(loader, "fields", "a record needs some");
        if (load_values(loader, text, field) < 0 || load_bounds(loader, text, field) < 0 ||
                load_rules(loader, field) < 0 || load_default(loader, "default", field, text->def, &field->def) < 0 ||
                load_default(loader, "cli_default", field, text->cli_def, &field->cli_def) < 0)
                return -1;
        if (field->required && field->def)
                return wrong(loader, "required", "a required field has no default");
        if (field->type == FIELD_TYPE_RECORD) {
                field->record = load_fields(loader, text->fields.items, text->fields.count);
                return field->record ? 0 : -1;
        }
        return 0;
}

static const struct record *load_fields(struct loader *loader, const struct field_text *texts, size_t count)
{
        struct record *record = arena_new(loader->arena, struct record);
        struct field *fields = arena_array(loader->arena, count, sizeof(*fields));
        if (!record || !fields)
                return no_memory(loader), NULL;
        size_t length = strlen(loader->path);
        for (size_t i = 0; i < count; i++) {
                snprintf(loader->path + length, sizeof(loader->path) - length, "%sfields[%zu]", length ? "." : "", i);
                if (load_field(loader, &texts[i], &fields[i]) < 0)
                        return NULL;
                for (size_t j = 0; j < i; j++) /* the wire matches keys in any case */
                        if (!strcasecmp(field_json_name(&fields[i]), field_json_name(&fields[j])))
                                return wrong(loader, "name", "another field has it already"), NULL;
        }
        loader->path[length] = '\0';
        *record = (struct record){ .fields = fields, .count = count, .name = "described" };
        return record;
}

const struct record *record_load(const json_t *description, struct arena *arena, struct error *err)
{
        size_t total = 0;
        if (!json_is_object(description))
                return fail_null(err, E_INVALID, "a description must be an object with \"fields\"");
        if (count_fields(description, 1, &total, err) < 0)
                return NULL;
        /* what is read takes twice what is kept */
        cleanup(arena_done) struct arena scratch;
        arena_init(&scratch, DESCRIBE_MEMORY_MAX);
        struct record_text text;
        if (record_read(record_text_record, description, &text, &scratch, READ_STRICT, err) < 0)
                return NULL;
        struct loader loader = { .arena = arena, .err = err };
        return load_fields(&loader, text.fields.items, text.fields.count);
}
