/* JSON to struct by table: one walk that checks and, where there is a struct, stores. */
#include "base/cleanup.h"
#include "schema/field.h"
#include "schema/json.h"

#include <math.h>

struct reader {
        struct arena *arena;
        unsigned flags;
        struct error *err;
        char path[512]; /* of the value being read */
        size_t path_length;
};

static size_t push_name(struct reader *reader, const char *name)
{
        size_t before = reader->path_length;
        size_t room = sizeof(reader->path) - before;
        int length = snprintf(reader->path + before, room, "%s%.64s", before ? "." : "", name);
        reader->path_length += length > 0 && (size_t)length < room ? (size_t)length : 0;
        return before;
}

static size_t push_index(struct reader *reader, size_t index)
{
        size_t before = reader->path_length;
        size_t room = sizeof(reader->path) - before;
        int length = snprintf(reader->path + before, room, "[%zu]", index);
        reader->path_length += length > 0 && (size_t)length < room ? (size_t)length : 0;
        return before;
}

static void pop(struct reader *reader, size_t before)
{
        reader->path_length = before;
        reader->path[before] = '\0';
}

static int bad(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int bad(struct reader *reader, const char *format, ...)
{
        char text[400];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        return fail(reader->err, E_INVALID, "%s%s%s", reader->path, reader->path_length ? ": " : "", text);
}

static int no_memory(struct reader *reader)
{
        return fail(reader->err, E_NO_MEMORY, "%s: no memory left for the parameters", reader->path);
}

static const char *json_type_word(const json_t *value)
{
        static const char *const words[] = { "an object", "a list", "a string", "a number", "a number", "true", "false",
                "null" };
        return words[json_typeof(value)];
}

static int wrong_type(struct reader *reader, const char *expected, const json_t *value)
{
        return bad(reader, "expected %s, found %s", expected, json_type_word(value));
}

static int read_record(struct reader *reader, const struct record *record, const json_t *value, char *ret);

static int check_range(struct reader *reader, const struct field *field, int64_t number)
{
        if (field->min >= field->max || (number >= field->min && number <= field->max))
                return 0;
        if (field->type == FIELD_TYPE_DURATION) {
                char text[3][TIME_TEXT_MAX];
                duration_format(number, text[0]);
                duration_format(field->min, text[1]);
                duration_format(field->max, text[2]);
                return bad(reader, "%s is out of range: %s to %s", text[0], text[1], text[2]);
        }
        return bad(reader, "%lld is out of range: %lld to %lld", (long long)number, (long long)field->min,
                (long long)field->max);
}

static int store_integer(struct reader *reader, const struct field *field, int64_t number, char *ret)
{
        bool fits =
                field->item_size != sizeof(int) ||
                (field->type == FIELD_TYPE_UINT ? number <= UINT32_MAX : number >= INT32_MIN && number <= INT32_MAX);
        if (!fits)
                return bad(reader, "%lld does not fit into 32 bits", (long long)number);
        if (check_range(reader, field, number) < 0)
                return -1;
        if (!ret)
                return 0;
        if (field->item_size == sizeof(int)) {
                int narrow = (int)number;
                memcpy(ret, &narrow, sizeof(narrow));
        } else {
                memcpy(ret, &number, sizeof(number));
        }
        return 0;
}

static int read_integer(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        int64_t number;
        if (json_is_integer(value)) {
                number = json_integer_value(value);
        } else if (json_is_real(value)) {
                double real = json_real_value(value);
                bool whole = real == trunc(real);
                if (!(fabs(real) < 9.2e18) || (!whole && (reader->flags & READ_STRICT)))
                        return bad(reader, "%g is not a whole number", real);
                number = (int64_t)real; /* as MIG: a fraction is cut off */
        } else {
                return wrong_type(reader, "a whole number", value);
        }
        if (field->type == FIELD_TYPE_UINT && number < 0)
                return bad(reader, "%lld is negative", (long long)number);
        return store_integer(reader, field, number, ret);
}

static int read_double(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        if (!json_is_number(value))
                return wrong_type(reader, "a number", value);
        double number = json_number_value(value);
        if (field->min < field->max && !(number >= (double)field->min && number <= (double)field->max))
                return bad(reader, "%g is out of range: %lld to %lld", number, (long long)field->min,
                        (long long)field->max);
        if (ret)
                memcpy(ret, &number, sizeof(number));
        return 0;
}

static int read_size(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        uint64_t bytes;
        if (json_is_integer(value) && json_integer_value(value) >= 0)
                bytes = (uint64_t)json_integer_value(value);
        else if (!json_is_string(value) || !size_parse(sv_of(json_string_value(value)), &bytes))
                return bad(reader, "%s%.100s%s is not a size (a number of bytes, or with k, m, g, t)",
                        json_is_string(value) ? "\"" : "",
                        json_is_string(value) ? json_string_value(value) : json_type_word(value),
                        json_is_string(value) ? "\"" : "");
        if (bytes > INT64_MAX) /* JSON's readers, ours among them, know no larger integer */
                return bad(reader, "%llu bytes are too many", (unsigned long long)bytes);
        if (field->min < field->max && (bytes < (uint64_t)field->min || bytes > (uint64_t)field->max))
                return bad(reader, "%llu bytes are out of range: %lld to %lld", (unsigned long long)bytes,
                        (long long)field->min, (long long)field->max);
        if (ret)
                memcpy(ret, &bytes, sizeof(bytes));
        return 0;
}

static int read_duration(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        int64_t unit = field->unit ? field->unit : SECOND;
        int64_t ns;
        if (json_is_string(value)) {
                struct sv text = sv_of(json_string_value(value));
                if (!duration_parse(text, &ns))
                        return bad(reader, "\"%.100s\" is not a duration (such as 500ms, 1m30s, 2h)", text.p);
        } else if (json_is_number(value)) {
                double product = json_number_value(value) * (double)unit;
                if (!(fabs(product) < 9.2e18))
                        return bad(reader, "%g is too long a time", json_number_value(value));
                ns = (int64_t)product;
        } else {
                return wrong_type(reader, "a duration", value);
        }
        if (check_range(reader, field, ns) < 0)
                return -1;
        if (ret)
                memcpy(ret, &ns, sizeof(ns));
        return 0;
}

static int read_time(struct reader *reader, const json_t *value, char *ret)
{
        int64_t ns;
        if (!json_is_string(value))
                return wrong_type(reader, "a time as text", value);
        if (!time_parse(sv_of(json_string_value(value)), &ns))
                return bad(reader, "\"%.100s\" is not a time (such as 2026-11-21T08:00:00Z)", json_string_value(value));
        if (ret)
                memcpy(ret, &ns, sizeof(ns));
        return 0;
}

static int check_hex(struct reader *reader, const char *text)
{
        size_t length = strspn(text, "0123456789abcdefABCDEF");
        if (text[length])
                return bad(reader, "\"%.100s\" is not hexadecimal", text);
        return length % 2 ? bad(reader, "\"%.100s\" has an odd number of digits", text) : 0;
}

static int read_text(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        struct error why;
        if (!json_is_string(value))
                return wrong_type(reader, field->type == FIELD_TYPE_REGEX ? "a regular expression" : "a string", value);
        const char *text = json_string_value(value);
        size_t length = json_string_length(value);
        size_t most = field->max_length ? field->max_length : FIELD_LENGTH_MAX;
        if (length > most)
                return bad(reader, "%zu bytes are too long, at most %zu are allowed", length, most);
        if (field->container == FIELD_ONE && length < field->min_length)
                return bad(reader,
                        length ? "\"%.100s\" is too short, at least %zu bytes are needed"
                               : "%.0sempty, at least %zu bytes are needed",
                        text, field->min_length);
        if (field->type == FIELD_TYPE_HEX && check_hex(reader, text) < 0)
                return -1;
        if (field->type == FIELD_TYPE_REGEX && schema_regex_check && schema_regex_check(text, &why) < 0)
                return bad(reader, "%s", why.message);
        if (field->check && field->check(text, &why) < 0)
                return bad(reader, "%s", why.message);
        if (!ret)
                return 0;
        char *copy = arena_strndup(reader->arena, text, length);
        if (!copy)
                return no_memory(reader);
        for (size_t i = 0; field->upper && i < length; i++)
                if (copy[i] >= 'a' && copy[i] <= 'z')
                        copy[i] = (char)(copy[i] - 'a' + 'A');
        memcpy(ret, &copy, sizeof(char *));
        return 0;
}

static int read_enum(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        struct error why;
        if (!json_is_string(value))
                return wrong_type(reader, "one of the known words", value);
        json_t *known = field_json_from_text(field, json_string_value(value), &why);
        if (!known)
                return bad(reader, "%s", why.message);
        json_decref(known);
        int index = 0;
        while (strcmp(field->names[index], json_string_value(value)) != 0)
                index++;
        if (ret)
                memcpy(ret, &index, sizeof(index));
        return 0;
}

static int read_ports(struct reader *reader, const json_t *value, char *ret)
{
        enum { RANGES_MAX = 1024 };
        char number[24];
        struct sv text = { 0 };
        if (json_is_integer(value)) {
                snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
                text = sv_of(number);
        } else if (json_is_string(value)) {
                text = sv_of(json_string_value(value));
        } else {
                return wrong_type(reader, "ports such as 22,80,8000-8100", value);
        }
        struct port_range ranges[RANGES_MAX];
        struct port_set set = { 0 };
        struct sv part;
        while (sv_split(&text, ',', &part)) {
                part = sv_trim(part);
                size_t dash = sv_find(part, '-');
                uint64_t first;
                uint64_t last;
                if (!sv_parse_u64(sv_n(part.p, dash), 10, &first))
                        return bad(reader, "\"%.*s\" is not a port", SV_ARG(part));
                last = first;
                if (dash < part.n && !sv_parse_u64(sv_n(part.p + dash + 1, part.n - dash - 1), 10, &last))
                        return bad(reader, "\"%.*s\" is not a range of ports", SV_ARG(part));
                if (first > 65535 || last > 65535 || first > last)
                        return bad(reader, "\"%.*s\" is out of range: 0 to 65535", SV_ARG(part));
                if (set.count == RANGES_MAX)
                        return bad(reader, "more than %d ranges of ports", RANGES_MAX);
                ranges[set.count++] = (struct port_range){ (uint16_t)first, (uint16_t)last };
        }
        if (!ret)
                return 0;
        set.ranges = arena_array(reader->arena, set.count, sizeof(ranges[0]));
        if (!set.ranges)
                return no_memory(reader);
        memcpy(set.ranges, ranges, set.count * sizeof(ranges[0]));
        memcpy(ret, &set, sizeof(set));
        return 0;
}

static int read_address(struct reader *reader, const json_t *value, char *ret)
{
        struct cidr cidr;
        if (!json_is_string(value))
                return wrong_type(reader, "an address", value);
        if (!cidr_parse(sv_of(json_string_value(value)), &cidr))
                return bad(reader, "\"%.100s\" is neither an IP address nor a network in CIDR form",
                        json_string_value(value));
        if (ret)
                memcpy(ret, &cidr, sizeof(cidr));
        return 0;
}

static int read_any(struct reader *reader, const json_t *value, char *ret)
{
        if (!ret)
                return 0;
        json_t *copy = json_deep_copy(value);
        if (!copy)
                return no_memory(reader);
        if (arena_defer(reader->arena, json_unref, copy) < 0) {
                json_decref(copy);
                return no_memory(reader);
        }
        memcpy(ret, &copy, sizeof(json_t *));
        return 0;
}

static bool is_text(const struct field *field)
{
        return field->type == FIELD_TYPE_STRING || field->type == FIELD_TYPE_PATH || field->type == FIELD_TYPE_REGEX ||
               field->type == FIELD_TYPE_HEX;
}

/* null among the items of a list or a map: the zero value, which for a text is "", as in Go; never a NULL pointer. A
 * record gets its defaults and misses what it requires. */
static int read_null_item(struct reader *reader, const struct field *field, char *ret)
{
        if (field->type == FIELD_TYPE_RECORD)
                return read_record(reader, field->record, NULL, ret);
        if (!is_text(field))
                return 0;
        json_t *empty = json_string("");
        if (!empty)
                return no_memory(reader);
        int result = read_text(reader, field, empty, ret);
        json_decref(empty);
        return result;
}

/* One value; null only as an item, since a member that is null counts as absent. */
static int read_one(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        if (json_is_null(value) && field->type != FIELD_TYPE_ANY)
                return read_null_item(reader, field, ret);
        switch (field->type) {
        case FIELD_TYPE_BOOL:
                if (!json_is_boolean(value))
                        return wrong_type(reader, "true or false", value);
                if (ret)
                        *(bool *)ret = json_is_true(value);
                return 0;
        case FIELD_TYPE_INT:
        case FIELD_TYPE_UINT:
                return read_integer(reader, field, value, ret);
        case FIELD_TYPE_DOUBLE:
                return read_double(reader, field, value, ret);
        case FIELD_TYPE_SIZE:
                return read_size(reader, field, value, ret);
        case FIELD_TYPE_DURATION:
                return read_duration(reader, field, value, ret);
        case FIELD_TYPE_TIME:
                return read_time(reader, value, ret);
        case FIELD_TYPE_ENUM:
                return read_enum(reader, field, value, ret);
        case FIELD_TYPE_ADDRESS:
                return read_address(reader, value, ret);
        case FIELD_TYPE_PORTS:
                return read_ports(reader, value, ret);
        case FIELD_TYPE_RECORD:
                return read_record(reader, field->record, value, ret);
        case FIELD_TYPE_ANY:
                return read_any(reader, value, ret);
        default:
                return read_text(reader, field, value, ret);
        }
}

static int check_count(struct reader *reader, const struct field *field, size_t count)
{
        size_t most = field->max_items ? field->max_items : FIELD_ITEMS_MAX;
        if (count > most)
                return bad(reader, "%zu items are too many, at most %zu are allowed", count, most);
        if (count < field->min_length)
                return bad(reader, "%zu items, at least %zu %s needed", count, field->min_length,
                        field->min_length == 1 ? "is" : "are");
        return 0;
}

static int read_list(struct reader *reader, const struct field *field, const json_t *value, struct list *ret)
{
        if (json_is_null(value))
                return 0;
        if (!json_is_array(value))
                return wrong_type(reader, "a list", value);
        size_t count = json_array_size(value);
        if (check_count(reader, field, count) < 0)
                return -1;
        struct list list = { .count = count };
        if (ret && !(list.items = arena_array(reader->arena, count, field->item_size)))
                return no_memory(reader);
        for (size_t i = 0; i < count; i++) {
                size_t before = push_index(reader, i);
                if (read_one(reader, field, json_array_get(value, i),
                            ret ? (char *)list.items + i * field->item_size : NULL) < 0)
                        return -1;
                pop(reader, before);
        }
        if (ret)
                *ret = list;
        return 0;
}

static int read_map(struct reader *reader, const struct field *field, const json_t *value, struct dict *ret)
{
        bool lists = field->container == FIELD_MAP_OF_LISTS;
        size_t size = lists ? sizeof(struct list) : field->item_size;
        if (json_is_null(value))
                return 0;
        if (!json_is_object(value))
                return wrong_type(reader, "an object", value);
        struct dict dict = { .count = json_object_size(value) };
        if (check_count(reader, field, dict.count) < 0)
                return -1;
        if (ret && (!(dict.items = arena_array(reader->arena, dict.count, size)) ||
                           !(dict.keys = arena_array(reader->arena, dict.count, sizeof(char *)))))
                return no_memory(reader);
        const char *key;
        json_t *member;
        size_t i = 0;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
                size_t before = push_name(reader, key);
                char *item = ret ? (char *)dict.items + i * size : NULL;
                if ((lists ? read_list(reader, field, member, (struct list *)(void *)item)
                           : read_one(reader, field, member, item)) < 0)
                        return -1;
                if (ret && !(dict.keys[i] = arena_strdup(reader->arena, key)))
                        return no_memory(reader);
                pop(reader, before);
                i++;
        }
        if (ret)
                *ret = dict;
        return 0;
}

/* A default may hold several values for a list, separated by commas. */
static json_t *default_list(const struct field *field, struct error *err)
{
        struct sv part;
        json_t *list = json_array();
        for (struct sv rest = sv_of(field->def); list && sv_split(&rest, ',', &part);) {
                cleanup(free) char *text = strndup(part.p, part.n);
                json_t *item = text ? field_json_from_text(field, text, err) : NULL;
                if (item && json_array_append_new(list, item) == 0)
                        continue;
                if (!text || item)
                        fail(err, E_NO_MEMORY, "no memory");
                json_decref(list);
                return NULL;
        }
        return list ? list : fail_null(err, E_NO_MEMORY, "no memory");
}

static int read_default(struct reader *reader, const struct field *field, char *ret)
{
        struct error why = { 0 };
        json_t *value = NULL;
        if (field->container == FIELD_LIST) {
                value = default_list(field, &why);
        } else if (field->container != FIELD_ONE) {
                return bad(reader, "a map has no default");
        } else {
                value = field_json_from_text(field, field->def, &why);
        }
        if (!value)
                return bad(reader, "default \"%s\": %s", field->def, why.message);
        int result = field->container == FIELD_LIST ? read_list(reader, field, value, (struct list *)(void *)ret)
                                                    : read_one(reader, field, value, ret);
        json_decref(value);
        return result;
}

static int read_field(struct reader *reader, const struct field *field, const json_t *value, char *ret)
{
        char *member = ret ? ret + field->offset : NULL;
        size_t before = push_name(reader, field_json_name(field));
        int result;
        /* Go leaves a field alone when its value is null: the same as an absent one */
        if (value && json_is_null(value) && (field->type != FIELD_TYPE_ANY || field->container != FIELD_ONE))
                value = NULL;
        if (!value) {
                if (field->required && !(reader->flags & READ_PARTIAL))
                        return bad(reader, "required");
                if (field->def && !(reader->flags & READ_PARTIAL))
                        result = read_default(reader, field, member);
                else if (field->type == FIELD_TYPE_RECORD && field->container == FIELD_ONE)
                        result = read_record(reader, field->record, NULL, member);
                else
                        result = 0;
        } else {
                if (ret && field->has)
                        *(bool *)(ret + field->has - 1) = true;
                switch (field->container) {
                case FIELD_LIST:
                        result = read_list(reader, field, value, (struct list *)(void *)member);
                        break;
                case FIELD_MAP:
                case FIELD_MAP_OF_LISTS:
                        result = read_map(reader, field, value, (struct dict *)(void *)member);
                        break;
                default:
                        result = read_one(reader, field, value, member);
                }
        }
        if (result == 0)
                pop(reader, before);
        return result;
}

static int refuse_unknown(struct reader *reader, const struct record *record, const json_t *value)
{
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
                if (record_find(record, key))
                        continue;
                push_name(reader, key);
                return bad(reader, "unknown");
        }
        return 0;
}

static int read_record(struct reader *reader, const struct record *record, const json_t *value, char *ret)
{
        if (value && json_is_null(value))
                value = NULL;
        if (value && !json_is_object(value))
                return wrong_type(reader, "an object", value);
        if (value && (reader->flags & READ_STRICT) && refuse_unknown(reader, record, value) < 0)
                return -1;
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                const char *key = field_json_name(field);
                const json_t *member = !value                        ? NULL
                                       : reader->flags & READ_STRICT ? json_object_get(value, key)
                                                                     : json_get_nocase(value, key);
                if (read_field(reader, field, member, ret) < 0)
                        return -1;
        }
        return 0;
}

int record_read(const struct record *record, const json_t *value, void *ret, struct arena *arena, unsigned flags,
        struct error *err)
{
        struct reader reader = { .arena = arena, .flags = flags, .err = err };
        if (ret)
                memset(ret, 0, record->size);
        return read_record(&reader, record, value, ret);
}

int record_check(const struct record *record, const json_t *value, unsigned flags, struct error *err)
{
        return record_read(record, value, NULL, NULL, flags, err);
}
