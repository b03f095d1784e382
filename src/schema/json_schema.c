#include "schema/json_schema.h"

/* The vocabulary: JSON Schema Validation 2020-12 (draft-bhutton-json-schema-validation-01). Every set below takes the
 * ownership of its value; a value that could not be made makes the set fail, which only loses a rule, never invents
 * one. */

enum { SCHEMA_DEPTH_MAX = 8 };

static const char size_pattern[] = "^[0-9]+([kmgtpeKMGTPE]([iI]?[bB])?|[bB])?$";
static const char duration_pattern[] =
        "^[-+]?(0|(([0-9]+\\.?[0-9]*|\\.[0-9]+)(ns|us|\xc2\xb5s|\xce\xbcs|ms|s|m|h|d|w))+)$";
static const char time_pattern[] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?"
                                   "([Zz]|[-+][0-9]{2}:?[0-9]{2})?)?$";
static const char address_pattern[] = "^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$";
static const char ports_pattern[] = "^\\s*[0-9]+(-[0-9]+)?\\s*(,\\s*[0-9]+(-[0-9]+)?\\s*)*$";

static void set_text(json_t *schema, const char *key, const char *text)
{
        json_object_set_new(schema, key, json_string(text));
}

static void set_types(json_t *schema, const char *first, const char *second)
{
        json_object_set_new(schema, "type", second ? json_pack("[s,s]", first, second) : json_string(first));
}

static void set_bound(json_t *schema, const char *key, int64_t bound, int64_t unit)
{
        if (bound != INT64_MIN && bound != INT64_MAX)
                json_object_set_new(schema, key,
                        bound % unit ? json_real((double)bound / (double)unit) : json_integer(bound / unit));
}

static void set_range(json_t *schema, const struct field *field)
{
        int64_t unit = field->type != FIELD_TYPE_DURATION ? 1 : field->unit ? field->unit : SECOND;
        if (field->type == FIELD_TYPE_UINT || field->type == FIELD_TYPE_SIZE)
                json_object_set_new(schema, "minimum", json_integer(0));
        if (field->min >= field->max)
                return;
        set_bound(schema, "minimum", field->min, unit);
        set_bound(schema, "maximum", field->max, unit);
}

static void set_lengths(json_t *schema, const struct field *field)
{
        /* the table counts bytes, a schema counts characters of up to four bytes */
        if (field->min_length && field->container == FIELD_ONE)
                json_object_set_new(schema, "minLength", json_integer((json_int_t)(field->min_length + 3) / 4));
        if (field->max_length)
                json_object_set_new(schema, "maxLength", json_integer((json_int_t)field->max_length));
}

static json_t *record_schema(const struct record *record, unsigned flags, unsigned depth);

/* One value as record_read takes it. null, which stands for the zero value, is left out: it is for MIG's clients, not
 * to teach. */
static void input_value(json_t *schema, const struct field *field)
{
        switch (field->type) {
        case FIELD_TYPE_INT:
        case FIELD_TYPE_UINT:
                set_types(schema, "integer", NULL);
                break;
        case FIELD_TYPE_DOUBLE:
                set_types(schema, "number", NULL);
                break;
        case FIELD_TYPE_SIZE:
                set_types(schema, "integer", "string");
                set_text(schema, "pattern", size_pattern);
                break;
        case FIELD_TYPE_DURATION:
                set_types(schema, "string", "number");
                set_text(schema, "pattern", duration_pattern);
                break;
        case FIELD_TYPE_TIME:
                set_types(schema, "string", NULL);
                set_text(schema, "pattern", time_pattern);
                break;
        case FIELD_TYPE_ADDRESS:
                set_types(schema, "string", NULL);
                set_text(schema, "pattern", address_pattern);
                break;
        case FIELD_TYPE_PORTS:
                set_types(schema, "string", "integer");
                set_text(schema, "pattern", ports_pattern);
                json_object_set_new(schema, "minimum", json_integer(0));
                json_object_set_new(schema, "maximum", json_integer(UINT16_MAX));
                break;
        case FIELD_TYPE_HEX:
                set_types(schema, "string", NULL);
                set_text(schema, "pattern", "^([0-9A-Fa-f]{2})*$");
                set_lengths(schema, field);
                break;
        default:
                set_types(schema, "string", NULL);
                set_lengths(schema, field);
        }
        set_range(schema, field);
        if (field->pattern)
                set_text(schema, "pattern", field->pattern);
}

/* One value as record_write writes it. */
static void result_value(json_t *schema, const struct field *field)
{
        switch (field->type) {
        case FIELD_TYPE_UINT:
        case FIELD_TYPE_SIZE:
                json_object_set_new(schema, "minimum", json_integer(0));
                __attribute__((fallthrough));
        case FIELD_TYPE_INT:
                set_types(schema, "integer", NULL);
                break;
        case FIELD_TYPE_DOUBLE:
                set_types(schema, "number", "null"); /* NaN */
                break;
        case FIELD_TYPE_DURATION:
                set_types(schema, field->as_number ? "number" : "string", NULL);
                if (!field->as_number)
                        set_text(schema, "pattern", duration_pattern);
                break;
        case FIELD_TYPE_TIME:
                set_types(schema, "string", NULL);
                set_text(schema, "format", "date-time");
                break;
        case FIELD_TYPE_HEX:
                set_types(schema, "string", NULL);
                set_text(schema, "pattern", "^[0-9A-Fa-f]*$");
                break;
        default:
                set_types(schema, "string", NULL);
        }
}

static json_t *value_schema(const struct field *field, unsigned flags, unsigned depth)
{
        bool result = flags & JSON_SCHEMA_RESULT;
        if (field->type == FIELD_TYPE_RECORD)
                return record_schema(field->record, flags, depth + 1);
        json_t *schema = json_object();
        if (field->type == FIELD_TYPE_ANY)
                return schema;
        if (field->type == FIELD_TYPE_BOOL) {
                set_types(schema, "boolean", NULL);
        } else if (field->type == FIELD_TYPE_ENUM) {
                json_t *names = json_array();
                for (size_t i = 0; field->names[i]; i++)
                        json_array_append_new(names, json_string(field->names[i]));
                if (result) /* an index that is none of them, as -1 */
                        json_array_append_new(names, json_null());
                set_types(schema, "string", result ? "null" : NULL);
                json_object_set_new(schema, "enum", names);
        } else if (result) {
                result_value(schema, field);
        } else {
                input_value(schema, field);
        }
        return schema;
}

static void set_counts(json_t *schema, const struct field *field, const char *least, const char *most)
{
        if (field->min_length)
                json_object_set_new(schema, least, json_integer((json_int_t)field->min_length));
        if (field->max_items)
                json_object_set_new(schema, most, json_integer((json_int_t)field->max_items));
}

static json_t *list_of(const struct field *field, json_t *items, unsigned flags)
{
        json_t *schema = json_pack("{s:s,s:o}", "type", "array", "items", items);
        if (!(flags & JSON_SCHEMA_RESULT))
                set_counts(schema, field, "minItems", "maxItems");
        return schema;
}

static json_t *map_of(const struct field *field, json_t *values, unsigned flags)
{
        json_t *schema = json_pack("{s:s,s:{s:s},s:o}", "type", "object", "propertyNames", "type", "string",
                "additionalProperties", values);
        if (!(flags & JSON_SCHEMA_RESULT))
                set_counts(schema, field, "minProperties", "maxProperties");
        return schema;
}

json_t *field_default_json(const struct field *field)
{
        if (!field->def)
                return NULL;
        if (field->container == FIELD_ONE)
                return field_json_from_text(field, field->def, NULL);
        if (field->container != FIELD_LIST)
                return NULL;
        json_t *list = json_array();
        struct sv part;
        for (struct sv rest = sv_of(field->def); sv_split(&rest, ',', &part);) {
                char text[256];
                snprintf(text, sizeof(text), "%.*s", SV_ARG(part));
                json_array_append_new(list, field_json_from_text(field, text, NULL));
        }
        return list;
}

static json_t *schema_of_field(const struct field *field, unsigned flags, unsigned depth)
{
        bool result = flags & JSON_SCHEMA_RESULT;
        json_t *schema = value_schema(field, flags, depth);
        if (field->container == FIELD_LIST)
                schema = list_of(field, schema, flags);
        else if (field->container == FIELD_MAP)
                schema = map_of(field, schema, flags);
        else if (field->container == FIELD_MAP_OF_LISTS) /* the counts are those of the map, as record_read has it */
                schema = map_of(field, json_pack("{s:s,s:o}", "type", "array", "items", schema), flags);

        if (result && (field->private_ || field->secret || field->null_empty)) {
                json_t *choices = json_pack("[o]", schema);
                if (field->private_)
                        json_array_append_new(choices, json_pack("{s:s}", "const", "masked"));
                if (field->secret)
                        json_array_append_new(choices, json_pack("{s:s}", "const", "hidden"));
                if (field->null_empty)
                        json_array_append_new(choices, json_pack("{s:s}", "type", "null"));
                schema = json_pack("{s:o}", "anyOf", choices);
        }
        if (field->help)
                set_text(schema, "description", field->help);
        if (field->def && !result) {
                json_t *value = field_default_json(field);
                if (value)
                        json_object_set_new(schema, "default", value);
        }
        if (field->secret)
                json_object_set_new(schema, "writeOnly", json_true());
        if (field->private_)
                json_object_set_new(schema, "x-tarsier-private", json_true());
        if (field->since)
                set_text(schema, "x-tarsier-since", field->since);
        set_text(schema, "x-tarsier-type", field_type_word(field->type));
        return schema;
}

/* Must the key be there? When reading, an absent record is read as an empty one, whose own required fields are then
 * missing. */
static bool is_required(const struct field *field, unsigned flags, unsigned depth)
{
        if (flags & JSON_SCHEMA_RESULT)
                return !field->omit_empty && !field->has;
        if (field->required)
                return true;
        if (field->type != FIELD_TYPE_RECORD || field->container != FIELD_ONE || depth > SCHEMA_DEPTH_MAX || field->def)
                return false;
        for (size_t i = 0; i < field->record->count; i++)
                if (is_required(&field->record->fields[i], flags, depth + 1))
                        return true;
        return false;
}

static json_t *record_schema(const struct record *record, unsigned flags, unsigned depth)
{
        if (depth > SCHEMA_DEPTH_MAX)
                return json_object();
        json_t *properties = json_object(), *required = json_array();
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                const char *key = field_json_name(field);
                json_object_set_new(properties, key, schema_of_field(field, flags, depth));
                if (is_required(field, flags, depth))
                        json_array_append_new(required, json_string(key));
                if ((flags & JSON_SCHEMA_RESULT) && field->type == FIELD_TYPE_PATH && field->container == FIELD_ONE) {
                        char raw[128];
                        snprintf(raw, sizeof(raw), "%s_raw", key);
                        json_object_set_new(properties, raw,
                                json_pack("{s:s,s:s,s:s}", "type", "string", "contentEncoding", "base64", "description",
                                        "the exact bytes of a path that is not UTF-8"));
                }
        }
        json_t *schema = json_pack("{s:s,s:o}", "type", "object", "properties", properties);
        if (json_array_size(required))
                json_object_set_new(schema, "required", required);
        else
                json_decref(required);
        if (flags & JSON_SCHEMA_STRICT)
                json_object_set_new(schema, "additionalProperties", json_false());
        return schema;
}

json_t *field_json_schema(const struct field *field, unsigned flags)
{
        return schema_of_field(field, flags, 1);
}

json_t *record_json_schema(const struct record *record, const char *title, const char *id, unsigned flags)
{
        json_t *schema = json_object();
        json_t *body = record_schema(record, flags, 1);
        set_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
        if (id)
                set_text(schema, "$id", id);
        if (title)
                set_text(schema, "title", title);
        int result = json_object_update(schema, body);
        json_decref(body);
        if (result < 0) {
                json_decref(schema);
                return NULL;
        }
        return schema;
}
