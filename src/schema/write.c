#include "schema/write.h"

#include "base/encode.h"

static int64_t load_integer(const struct field *field, const char *value)
{
        if (field->item_size == sizeof(int)) {
                int narrow;
                memcpy(&narrow, value, sizeof(narrow));
                return field->type == FIELD_TYPE_UINT ? (int64_t)(unsigned)narrow : narrow;
        }
        int64_t wide;
        memcpy(&wide, value, sizeof(wide));
        return wide;
}

static const char *load_text(const char *value)
{
        const char *text;
        memcpy(&text, value, sizeof(text));
        return text;
}

static bool is_empty(const struct field *field, const char *value)
{
        if (field->container == FIELD_LIST)
                return ((const struct list *)(const void *)value)->count == 0;
        if (field->container != FIELD_ONE)
                return ((const struct dict *)(const void *)value)->count == 0;
        switch (field->type) {
        case FIELD_TYPE_STRING:
        case FIELD_TYPE_PATH:
        case FIELD_TYPE_REGEX:
        case FIELD_TYPE_HEX:
                return !load_text(value) || !*load_text(value);
        case FIELD_TYPE_ADDRESS:
                return ((const struct cidr *)(const void *)value)->family == 0;
        case FIELD_TYPE_PORTS:
                return ((const struct port_set *)(const void *)value)->count == 0;
        case FIELD_TYPE_RECORD:
                return false;
        case FIELD_TYPE_BOOL:
                return !*value;
        case FIELD_TYPE_ANY: {
                const json_t *any;
                memcpy(&any, value, sizeof(any));
                return !any;
        }
        case FIELD_TYPE_DOUBLE: {
                uint64_t bits; /* -0 is not empty */
                memcpy(&bits, value, sizeof(bits));
                return bits == 0;
        }
        default:
                return load_integer(field, value) == 0;
        }
}

static void write_ports(struct json_writer *writer, const struct port_set *set)
{
        struct buf text;
        buf_init(&text, 1 << 16);
        for (size_t i = 0; i < set->count; i++) {
                const struct port_range *range = &set->ranges[i];
                buf_printf(&text, range->first == range->last ? "%s%u" : "%s%u-%u", i ? "," : "", range->first,
                        range->last);
        }
        json_put_text(writer, buf_text(&text));
        buf_done(&text);
}

static void write_one(struct json_writer *writer, const struct field *field, const char *value, unsigned flags)
{
        char text[CIDR_TEXT_MAX + TIME_TEXT_MAX];
        switch (field->type) {
        case FIELD_TYPE_BOOL:
                json_put_bool(writer, *value);
                break;
        case FIELD_TYPE_INT:
                json_put_int(writer, load_integer(field, value));
                break;
        case FIELD_TYPE_UINT:
        case FIELD_TYPE_SIZE:
                json_put_uint(writer, (uint64_t)load_integer(field, value));
                break;
        case FIELD_TYPE_DOUBLE: {
                double number;
                memcpy(&number, value, sizeof(number));
                json_put_double(writer, number);
                break;
        }
        case FIELD_TYPE_DURATION: {
                int64_t unit = field->unit ? field->unit : SECOND;
                int64_t ns = load_integer(field, value);
                if (field->as_number && ns % unit == 0) {
                        json_put_int(writer, ns / unit);
                } else if (field->as_number) {
                        json_put_double(writer, (double)ns / (double)unit);
                } else {
                        duration_format(ns, text);
                        json_put_text(writer, text);
                }
                break;
        }
        case FIELD_TYPE_TIME:
                time_format_rfc3339(load_integer(field, value), text);
                json_put_text(writer, text);
                break;
        case FIELD_TYPE_ENUM: {
                int index = (int)load_integer(field, value);
                int at = 0;
                while (at < index && field->names[at])
                        at++;
                json_put_text(writer, index >= 0 ? field->names[at] : NULL);
                break;
        }
        case FIELD_TYPE_ADDRESS:
                cidr_format((const struct cidr *)(const void *)value, text);
                json_put_text(writer, text);
                break;
        case FIELD_TYPE_PORTS:
                write_ports(writer, (const struct port_set *)(const void *)value);
                break;
        case FIELD_TYPE_RECORD:
                record_write(writer, field->record, value, flags);
                break;
        case FIELD_TYPE_ANY: {
                const json_t *any;
                memcpy(&any, value, sizeof(any));
                json_put_value(writer, any);
                break;
        }
        default: { /* a missing text is "", as in Go */
                const char *string = load_text(value);
                json_put_text(writer, string ? string : "");
        }
        }
}

static void write_list(struct json_writer *writer, const struct field *field, const struct list *list, unsigned flags)
{
        if (list->count == 0 && field->null_empty) {
                json_put_null(writer);
                return;
        }
        json_begin_array(writer);
        for (size_t i = 0; i < list->count; i++)
                write_one(writer, field, (const char *)list->items + i * field->item_size, flags);
        json_end_array(writer);
}

static void write_map(struct json_writer *writer, const struct field *field, const struct dict *dict, unsigned flags)
{
        if (dict->count == 0 && field->null_empty) {
                json_put_null(writer);
                return;
        }
        bool lists = field->container == FIELD_MAP_OF_LISTS;
        json_begin_object(writer);
        for (size_t i = 0; i < dict->count; i++) {
                json_key(writer, dict->keys[i]);
                if (lists)
                        write_list(writer, field, &((const struct list *)dict->items)[i], flags);
                else
                        write_one(writer, field, (const char *)dict->items + i * field->item_size, flags);
        }
        json_end_object(writer);
}

/* A path that is not UTF-8 cannot be named in JSON: its exact bytes follow as NAME_raw. */
static void write_raw_path(struct json_writer *writer, const struct field *field, const char *value)
{
        const char *path = load_text(value);
        if (!path || utf8_valid(sv_of(path)))
                return;
        char key[128];
        snprintf(key, sizeof(key), "%s_raw", field_json_name(field));
        json_key(writer, key);
        json_put_base64(writer, path, strlen(path));
}

void record_write(struct json_writer *writer, const struct record *record, const void *value, unsigned flags)
{
        json_begin_object(writer);
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                const char *member = (const char *)value + field->offset;
                if (field->has && !*((const bool *)value + field->has - 1))
                        continue;
                bool empty = is_empty(field, member);
                if (field->omit_empty && empty)
                        continue;
                json_plain_key(writer, sv_of(field_json_name(field)));
                if (field->private_ && !empty && (flags & WRITE_PRIVACY))
                        json_put_text(writer, "masked");
                else if (field->secret && !empty && !(flags & WRITE_SECRETS))
                        json_put_text(writer, "hidden");
                else if (field->container == FIELD_LIST)
                        write_list(writer, field, (const struct list *)(const void *)member, flags);
                else if (field->container != FIELD_ONE)
                        write_map(writer, field, (const struct dict *)(const void *)member, flags);
                else if (empty && field->null_empty)
                        json_put_null(writer);
                else {
                        write_one(writer, field, member, flags);
                        if (field->type == FIELD_TYPE_PATH && (!(flags & WRITE_PRIVACY) || !field->private_))
                                write_raw_path(writer, field, member);
                }
        }
        json_end_object(writer);
}

static bool json_empty(const json_t *value)
{
        return json_is_null(value) || json_is_false(value) ||
               (json_is_string(value) && json_string_length(value) == 0) ||
               (json_is_array(value) && json_array_size(value) == 0) ||
               (json_is_object(value) && json_object_size(value) == 0) ||
               (json_is_integer(value) && json_integer_value(value) == 0);
}

/* Which fields, and what stands there instead. */
struct cover {
        bool secrets; /* else private ones */
        const char *word;
};

static void cover_record(const struct record *record, json_t *value, const struct cover *cover);

static void cover_each(
        const struct record *record, json_t *value, enum field_container container, const struct cover *cover)
{
        const char *key;
        json_t *member;
        size_t index;
        if (container == FIELD_ONE) {
                cover_record(record, value, cover);
        } else if (json_is_array(value)) {
                json_array_foreach(value, index, member) cover_record(record, member, cover);
        } else if (json_is_object(value)) {
                json_object_foreach(value, key, member)
                        cover_each(record, member, container == FIELD_MAP_OF_LISTS ? FIELD_LIST : FIELD_ONE, cover);
        }
}

static void cover_record(const struct record *record, json_t *value, const struct cover *cover)
{
        if (!json_is_object(value))
                return;
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                json_t *member = json_object_get(value, field_json_name(field));
                if (!member)
                        continue;
                if ((cover->secrets ? field->secret : field->private_) && !json_empty(member)) {
                        char raw[128];
                        snprintf(raw, sizeof(raw), "%s_raw", field_json_name(field));
                        json_object_del(value, raw);
                        json_object_set_new(value, field_json_name(field), json_string(cover->word));
                } else if (field->type == FIELD_TYPE_RECORD) {
                        cover_each(field->record, member, field->container, cover);
                }
        }
}

void record_mask(const struct record *record, json_t *value)
{
        cover_record(record, value, &(struct cover){ false, "masked" });
}

void record_hide(const struct record *record, json_t *value)
{
        cover_record(record, value, &(struct cover){ true, "hidden" });
}
