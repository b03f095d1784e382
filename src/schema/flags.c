#include "schema/flags.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "schema/json.h"

static void add_flags(
        const struct record *record, const struct flag_spec *above, struct flag_spec *ret, size_t *count, size_t max)
{
        for (size_t i = 0; i < record->count && *count < max; i++) {
                const struct field *field = &record->fields[i];
                struct flag_spec spec = *above;
                if (spec.depth + 2 > FLAG_PATH_MAX)
                        continue;
                spec.field = field;
                spec.path[spec.depth++] = field_json_name(field);
                if (field->type == FIELD_TYPE_RECORD && field->container == FIELD_ONE) {
                        add_flags(field->record, &spec, ret, count, max);
                        continue;
                }
                if (field->type == FIELD_TYPE_RECORD && field->container == FIELD_MAP && field->entry) {
                        spec.path[spec.depth++] = field->entry;
                        spec.entry_at = spec.depth;
                        add_flags(field->record, &spec, ret, count, max);
                        continue;
                }
                spec.long_name = field->option ? field->option : field_json_name(field);
                if (*spec.long_name || field->positional)
                        ret[(*count)++] = spec;
        }
}

size_t record_flags(const struct record *record, struct flag_spec *ret, size_t max)
{
        struct flag_spec top = { 0 };
        size_t count = 0;
        add_flags(record, &top, ret, &count, max);
        return count;
}

static size_t edit_distance(const char *a, const char *b)
{
        enum { LONGEST = 64 };
        size_t row[LONGEST + 1];
        size_t width = strnlen(b, LONGEST);
        for (size_t j = 0; j <= width; j++)
                row[j] = j;
        for (size_t i = 0; a[i] && i < LONGEST; i++) {
                size_t diagonal = row[0];
                row[0] = i + 1;
                for (size_t j = 0; j < width; j++) {
                        size_t replace = diagonal + (a[i] != b[j]);
                        size_t remove = row[j + 1] + 1;
                        size_t insert = row[j] + 1;
                        diagonal = row[j + 1];
                        row[j + 1] = replace < remove ? (replace < insert ? replace : insert)
                                                      : (remove < insert ? remove : insert);
                }
        }
        return row[width];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count)
{
        const char *best = NULL;
        size_t least = strlen(word) / 3 + 1;
        for (size_t i = 0; i < count; i++) {
                size_t distance = edit_distance(word, candidates[i]);
                if (distance <= least && (!best || distance < least)) {
                        best = candidates[i];
                        least = distance;
                }
        }
        return best;
}

struct parser {
        struct flag_spec flags[FLAGS_MAX];
        size_t count;
        json_t *root;
        const char *entry; /* key of the map entry that flags fill; NULL = the table's */
        struct error *err;
};

static int no_memory(const struct parser *parser)
{
        return fail(parser->err, E_NO_MEMORY, "no memory for the parameters");
}

/* The object that holds the flag's key, made where it is missing. Borrowed; NULL without memory. */
static json_t *parent_of(const struct parser *parser, const struct flag_spec *flag)
{
        json_t *at = parser->root;
        for (size_t i = 0; i + 1 < flag->depth; i++) {
                const char *key = parser->entry && flag->entry_at == i + 1 ? parser->entry : flag->path[i];
                json_t *next = json_object_get(at, key);
                if (!next) {
                        next = json_object();
                        if (json_object_set_new(at, key, next) < 0)
                                return NULL;
                }
                at = next;
        }
        return at;
}

/* Puts the value (whose reference it takes) at the end of the list behind the key. */
static int append(const struct parser *parser, json_t *object, const char *key, json_t *value)
{
        json_t *list = json_object_get(object, key);
        if (!list && json_object_set_new(object, key, list = json_array()) < 0) {
                json_decref(value);
                return no_memory(parser);
        }
        return json_array_append_new(list, value) < 0 ? no_memory(parser) : 0;
}

static int set_map_entry(struct parser *parser, const struct flag_spec *flag, const char *text)
{
        const char *equals = strchr(text, '=');
        if (!equals || equals == text)
                return fail(parser->err, E_INVALID, "--%s: \"%.100s\" is not KEY=VALUE", flag->long_name, text);
        json_t *parent = parent_of(parser, flag);
        const char *key = flag->path[flag->depth - 1];
        json_t *map = json_object_get(parent, key);
        if (!map && json_object_set_new(parent, key, map = json_object()) < 0)
                return no_memory(parser);
        json_t *value = field_json_from_text(flag->field, equals + 1, parser->err);
        if (!value)
                return error_prefix(parser->err, "--%s", flag->long_name);
        json_t *name = json_stringn(text, (size_t)(equals - text));
        if (!name) {
                json_decref(value);
                return fail(parser->err, E_INVALID, "--%s: the key is not UTF-8", flag->long_name);
        }
        int status = flag->field->container == FIELD_MAP_OF_LISTS
                             ? append(parser, map, json_string_value(name), value)
                             : json_object_set_new(map, json_string_value(name), value);
        json_decref(name);
        return status < 0 ? no_memory(parser) : 0;
}

static int set_value(struct parser *parser, const struct flag_spec *flag, const char *text)
{
        const struct field *field = flag->field;
        json_t *value = field_json_from_text(field, text, parser->err);
        if (!value)
                return error_prefix(parser->err, *flag->long_name ? "--%s" : "argument%s", flag->long_name);
        json_t *parent = parent_of(parser, flag);
        const char *key = flag->path[flag->depth - 1];
        if (field->container == FIELD_LIST)
                return append(parser, parent, key, value);
        return json_object_set_new(parent, key, value) < 0 ? no_memory(parser) : 0;
}

static int set_flag(struct parser *parser, const struct flag_spec *flag, const char *text)
{
        const struct field *field = flag->field;
        struct sv rest = sv_of(text), part;
        int status = 0;
        if (field->container == FIELD_MAP || field->container == FIELD_MAP_OF_LISTS)
                return set_map_entry(parser, flag, text);
        if (field->container != FIELD_LIST || field->type != FIELD_TYPE_ENUM)
                return set_value(parser, flag, text);
        while (status == 0 &&
                sv_split(&rest, ',', &part)) { /* no choice has a comma in it: several may stand together */
                char *word = strndup(part.p, part.n);
                status = word ? set_value(parser, flag, word) : no_memory(parser);
                free(word);
        }
        return status;
}

/* --search NAME of a map of records: what follows fills that entry. Returns 1 when the name was one of these. */
static int take_entry_option(struct parser *parser, const struct record *record, struct sv name, const char *value)
{
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                if (!field->entry || !field->entry_option || !sv_eq(name, sv_of(field->entry_option)))
                        continue;
                if (!value)
                        return fail(parser->err, E_INVALID, "--%s needs a name", field->entry_option);
                if (!utf8_valid(sv_of(value))) /* JSON could not carry the name */
                        return fail(parser->err, E_INVALID, "--%s: the name is not UTF-8", field->entry_option);
                parser->entry = value;
                return 1;
        }
        return 0;
}

static bool name_equals(struct sv given, const char *name)
{
        if (given.n != strlen(name))
                return false;
        for (size_t i = 0; i < given.n; i++)
                if (given.p[i] != name[i] && !(given.p[i] == '-' && name[i] == '_'))
                        return false;
        return true;
}

static const struct flag_spec *find_long(const struct parser *parser, struct sv name, const char **ret_forced)
{
        *ret_forced = NULL;
        for (size_t i = 0; i < parser->count; i++) {
                const struct flag_spec *flag = &parser->flags[i];
                if (*flag->long_name && name_equals(name, flag->long_name))
                        return flag;
                if (flag->field->alias && name_equals(name, flag->field->alias))
                        return flag;
                if (flag->field->type != FIELD_TYPE_BOOL)
                        continue;
                bool negated = sv_starts(name, SV("no-")) && name_equals(sv_n(name.p + 3, name.n - 3), flag->long_name);
                if (negated || (flag->field->negative_option && name_equals(name, flag->field->negative_option))) {
                        *ret_forced = "false";
                        return flag;
                }
        }
        return NULL;
}

static const struct flag_spec *find_short(const struct parser *parser, char letter)
{
        for (size_t i = 0; i < parser->count; i++)
                if (parser->flags[i].field->flag == letter)
                        return &parser->flags[i];
        return NULL;
}

static int unknown_flag(const struct parser *parser, struct sv name, const char *given)
{
        const char *names[FLAGS_MAX];
        char word[64];
        size_t count = 0;
        for (size_t i = 0; i < parser->count; i++)
                if (*parser->flags[i].long_name)
                        names[count++] = parser->flags[i].long_name;
        snprintf(word, sizeof(word), "%.*s", SV_ARG(name));
        const char *near = nearest_word(word, names, count);
        if (!near)
                return fail(parser->err, E_INVALID, "unknown flag %.100s", given);
        snprintf(word, sizeof(word), "%s", near);
        for (char *c = word; *c; c++) /* as the help shows it */
                if (*c == '_')
                        *c = '-';
        return fail(parser->err, E_INVALID, "unknown flag %.100s; did you mean --%s?", given, word);
}

static int value_missing(const struct parser *parser, const struct flag_spec *flag, const char *given)
{
        char type[64];
        field_type_name(flag->field, type);
        return fail(parser->err, E_INVALID, "%.100s needs a value (%s)", given, type);
}

/* Takes argv[*at] and, where it needs one, its value; *at is left on the last one taken. */
static int take_flag(struct parser *parser, const struct record *record, int argc, char *const *argv, int *at)
{
        const char *given = argv[*at];
        bool two_dashes = given[1] == '-';
        struct sv name = sv_of(given + 1 + two_dashes);
        size_t equals = sv_find(name, '=');
        const char *value = equals < name.n ? name.p + equals + 1 : NULL;
        name.n = equals;

        const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;
        int entry = take_entry_option(parser, record, name, value ? value : next);
        if (entry) {
                *at += entry > 0 && !value;
                return entry > 0 ? 0 : -1;
        }
        const char *forced;
        const struct flag_spec *flag = find_long(parser, name, &forced);
        if (!flag && !two_dashes && (flag = find_short(parser, given[1]))) {
                value = given[2] ? given + 2 + (given[2] == '=') : NULL;
                if (flag->field->type == FIELD_TYPE_BOOL && value &&
                        given[2] != '=') { /* -xyz: a cluster of switches */
                        for (const char *letter = given + 1; *letter; letter++) {
                                const struct flag_spec *one = find_short(parser, *letter);
                                if (!one || one->field->type != FIELD_TYPE_BOOL)
                                        return unknown_flag(parser, name, given);
                                if (set_flag(parser, one, "true") < 0)
                                        return -1;
                        }
                        return 0;
                }
        }
        if (!flag)
                return unknown_flag(parser, name, given);
        if (forced && value)
                return fail(parser->err, E_INVALID, "%.100s takes no value", given);
        if (!value && flag->field->type == FIELD_TYPE_BOOL)
                value = forced ? forced : "true";
        if (forced)
                value = forced;
        if (!value) {
                if (!next)
                        return value_missing(parser, flag, given);
                value = next;
                (*at)++;
        }
        return set_flag(parser, flag, value);
}

/* The positional field that takes the next argument: the first without a value, or a list. */
static const struct flag_spec *next_positional(const struct parser *parser)
{
        for (size_t i = 0; i < parser->count; i++) {
                const struct flag_spec *flag = &parser->flags[i];
                if (!flag->field->positional)
                        continue;
                const json_t *parent = parent_of(parser, flag);
                if (flag->field->container == FIELD_LIST || !json_object_get(parent, flag->path[flag->depth - 1]))
                        return flag;
        }
        return NULL;
}

/* The default of a list may hold several values, separated by commas. */
static int set_default(struct parser *parser, const struct flag_spec *flag)
{
        const char *text = flag->field->cli_def;
        if (flag->field->container != FIELD_LIST)
                return set_flag(parser, flag, text);
        struct sv part;
        for (struct sv rest = sv_of(text); sv_split(&rest, ',', &part);) {
                cleanup(free) char *one = strndup(part.p, part.n);
                if (!one)
                        return no_memory(parser);
                if (set_flag(parser, flag, one) < 0)
                        return -1;
        }
        return 0;
}

static int fill_defaults(struct parser *parser)
{
        for (size_t i = 0; i < parser->count; i++) {
                const struct flag_spec *flag = &parser->flags[i];
                if (!flag->field->cli_def)
                        continue;
                json_t *parent = parent_of(parser, flag);
                const char *key = flag->path[flag->depth - 1];
                if (!json_object_get(parent, key) && set_default(parser, flag) < 0)
                        return error_prefix(parser->err, "default");
        }
        return 0;
}

/* Every entry of a map of records gets the flags' defaults, not only the one that was filled last. */
static int fill_all_defaults(struct parser *parser, const struct record *record)
{
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                json_t *map = field->entry ? json_object_get(parser->root, field_json_name(field)) : NULL;
                const char *key;
                json_t *entry;
                json_object_foreach(map, key, entry)
                {
                        parser->entry = key;
                        if (fill_defaults(parser) < 0)
                                return -1;
                }
                if (json_object_size(map))
                        return 0;
        }
        return fill_defaults(parser);
}

json_t *flags_parse(const struct record *record, int argc, char *const *argv, struct error *err)
{
        struct parser parser = { .root = json_object(), .err = err };
        parser.count = record_flags(record, parser.flags, FLAGS_MAX);
        bool only_positional = false;
        for (int i = 0; i < argc; i++) {
                const char *word = argv[i];
                int result;
                if (!only_positional && strcmp(word, "--") == 0) {
                        only_positional = true;
                        continue;
                }
                if (!only_positional && word[0] == '-' && word[1]) {
                        result = take_flag(&parser, record, argc, argv, &i);
                } else {
                        const struct flag_spec *flag = next_positional(&parser);
                        result = flag ? set_flag(&parser, flag, word)
                                      : fail(err, E_INVALID, "unexpected argument \"%.100s\"", word);
                }
                if (result < 0)
                        goto failed;
        }
        if (fill_all_defaults(&parser, record) == 0)
                return parser.root;
failed:
        json_decref(parser.root);
        return NULL;
}
