#include "schema/yaml.h"

#include "base/cleanup.h"
#include "base/map.h"

#include <yaml.h>

enum {
        ANCHORS_MAX = 10000,
        COPIES_MAX = 4 * YAML_TEXT_MAX, /* bytes of text that aliases may repeat */
};

/* for cleanup(); deleting an event that was never filled does nothing */
static void yaml_event_delete_p(yaml_event_t *event)
{
        yaml_event_delete(event);
}

struct cost {
        size_t nodes;
        size_t bytes; /* of keys and strings */
};

struct anchor {
        json_t *value;
        struct cost cost;
};

struct loader {
        yaml_parser_t parser;
        bool strict;
        struct map anchors;
        struct cost spent;
        size_t copied;
        unsigned depth;
        struct map *lines; /* NULL: nobody asks */
        struct error *err;
};

static int bad_at(struct loader *loader, yaml_mark_t mark, const char *problem, const char *text)
{
        return fail(loader->err, E_INVALID, "line %zu, column %zu: %s%.100s", mark.line + 1, mark.column + 1, problem,
                text);
}

static int bad_syntax(struct loader *loader)
{
        const yaml_parser_t *parser = &loader->parser;
        if (parser->error == YAML_MEMORY_ERROR)
                return fail(loader->err, E_NO_MEMORY, "no memory for the YAML text");
        if (parser->error == YAML_READER_ERROR)
                return fail(loader->err, E_INVALID, "byte %zu: %s", parser->problem_offset + 1, parser->problem);
        return fail(loader->err, E_INVALID, "line %zu, column %zu: %s%s%s", parser->problem_mark.line + 1,
                parser->problem_mark.column + 1, parser->problem ? parser->problem : "not YAML",
                parser->context ? " " : "", parser->context ? parser->context : "");
}

static int next_event(struct loader *loader, yaml_event_t *event)
{
        if (!yaml_parser_parse(&loader->parser, event)) {
                *event = (yaml_event_t){ 0 };
                return bad_syntax(loader);
        }
        return 0;
}

static int spend(struct loader *loader, const yaml_event_t *event, struct cost cost)
{
        loader->spent.nodes += cost.nodes;
        loader->spent.bytes += cost.bytes;
        if (loader->spent.nodes <= YAML_NODES_MAX)
                return 0;
        return fail(loader->err, E_TOO_LARGE, "line %zu, column %zu: more than %d values", event->start_mark.line + 1,
                event->start_mark.column + 1, YAML_NODES_MAX);
}

/* --- scalars --- */

static bool is_one_of(struct sv text, const char *const *words)
{
        for (; *words; words++)
                if (sv_eq(text, sv_of(*words)))
                        return true;
        return false;
}

static size_t digits(struct sv text, size_t at)
{
        size_t n = 0;
        while (at + n < text.n && text.p[at + n] >= '0' && text.p[at + n] <= '9')
                n++;
        return n;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?     YAML 1.2.2 §10.3.2 */
static bool is_number(struct sv text, bool *ret_whole)
{
        size_t at = text.n && (text.p[0] == '-' || text.p[0] == '+');
        size_t before = digits(text, at), after = 0;
        at += before;
        *ret_whole = at == text.n;
        if (at < text.n && text.p[at] == '.') {
                after = digits(text, at + 1);
                at += 1 + after;
        }
        if (!before && !after)
                return false;
        if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
                at++;
                at += at < text.n && (text.p[at] == '-' || text.p[at] == '+');
                size_t exponent = digits(text, at);
                if (!exponent)
                        return false;
                at += exponent;
        }
        return at == text.n;
}

/* The core schema's meaning of a plain scalar; NULL with *ret_problem where JSON has no such value. A whole number
 * beyond 64 bits becomes a floating one, as Go's YAML reads it. */
static json_t *resolve_plain(struct sv text, const char **ret_problem)
{
        static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
        static const char *const trues[] = { "true", "True", "TRUE", NULL };
        static const char *const falses[] = { "false", "False", "FALSE", NULL };
        static const char *const infinite[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
        struct sv unsigned_text = text;
        uint64_t natural;
        int64_t whole;
        bool is_whole;
        if (is_one_of(text, nulls))
                return json_null();
        if (is_one_of(text, trues))
                return json_true();
        if (is_one_of(text, falses))
                return json_false();
        if (text.p[0] == '-' || text.p[0] == '+')
                unsigned_text = sv_n(text.p + 1, text.n - 1);
        if (is_one_of(unsigned_text, infinite)) {
                *ret_problem = "JSON has no infinite or undefined number: ";
                return NULL;
        }
        if (sv_starts(text, SV("0x")) && sv_parse_u64(sv_n(text.p + 2, text.n - 2), 16, &natural) &&
                natural <= INT64_MAX)
                return json_integer((json_int_t)natural);
        if (sv_starts(text, SV("0o")) && sv_parse_u64(sv_n(text.p + 2, text.n - 2), 8, &natural) &&
                natural <= INT64_MAX)
                return json_integer((json_int_t)natural);
        if (!is_number(text, &is_whole))
                return json_stringn(text.p, text.n);
        if (is_whole && sv_parse_i64(text.p[0] == '+' ? unsigned_text : text, &whole))
                return json_integer(whole);
        json_t *real = json_real(strtod(text.p, NULL)); /* libyaml ends every scalar with NUL */
        if (!real)
                *ret_problem = "the number is too large: ";
        return real;
}

static bool tag_is(const char *tag, const char *word)
{
        return !strncmp(tag, "tag:yaml.org,2002:", 18) && !strcmp(tag + 18, word);
}

static int read_scalar(struct loader *loader, const yaml_event_t *event, json_t **ret)
{
        const char *tag = (const char *)event->data.scalar.tag;
        struct sv text = sv_n((const char *)event->data.scalar.value, event->data.scalar.length);
        const char *problem = "not UTF-8: ";
        bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        json_t *value;
        if (sv_find(text, '\0') < text.n)
                return bad_at(loader, event->start_mark, "a NUL character is not allowed in text", "");
        if (tag ? !strcmp(tag, "!") || tag_is(tag, "str") : !plain)
                value = json_stringn(text.p, text.n);
        else
                value = resolve_plain(text, &problem);
        if (!value)
                return bad_at(loader, event->start_mark, problem, text.p);
        if (tag &&
                ((tag_is(tag, "int") && !json_is_integer(value)) || (tag_is(tag, "float") && !json_is_number(value)) ||
                        (tag_is(tag, "bool") && !json_is_boolean(value)) ||
                        (tag_is(tag, "null") && !json_is_null(value)))) {
                json_decref(value);
                return bad_at(loader, event->start_mark, "the value does not fit its tag: ", text.p);
        }
        struct cost cost = { 1, json_is_string(value) ? text.n : 0 };
        *ret = value;
        return spend(loader, event, cost);
}

/* --- anchors --- */

static int keep_anchor(
        struct loader *loader, const yaml_event_t *event, const char *name, json_t *value, struct cost before)
{
        if (!name)
                return 0;
        struct anchor *anchor = map_get(&loader->anchors, sv_of(name));
        if (anchor) {
                json_decref(anchor->value);
        } else {
                anchor = calloc(1, sizeof(*anchor));
                if (!anchor || map_put(&loader->anchors, sv_of(name), anchor) < 0) {
                        free(anchor);
                        return bad_at(loader, event->start_mark, "too many anchors", "");
                }
        }
        anchor->value = json_incref(value);
        anchor->cost = (struct cost){ loader->spent.nodes - before.nodes, loader->spent.bytes - before.bytes };
        return 0;
}

/* An alias is paid for like what it stands for, before it is copied. */
static int read_alias(struct loader *loader, const yaml_event_t *event, json_t **ret)
{
        const char *name = (const char *)event->data.alias.anchor;
        const struct anchor *anchor = map_get(&loader->anchors, sv_of(name));
        if (!anchor)
                return bad_at(loader, event->start_mark, "no finished value has the anchor ", name);
        loader->copied += anchor->cost.bytes;
        if (loader->copied > COPIES_MAX)
                return fail(loader->err, E_TOO_LARGE, "line %zu, column %zu: aliases repeat more than %d bytes",
                        event->start_mark.line + 1, event->start_mark.column + 1, COPIES_MAX);
        if (spend(loader, event, anchor->cost) < 0)
                return -1;
        *ret = json_deep_copy(anchor->value);
        return *ret ? 0 : fail(loader->err, E_NO_MEMORY, "no memory for the YAML text");
}

static void drop_anchors(struct loader *loader)
{
        map_foreach (entry, &loader->anchors) {
                struct anchor *anchor = entry->value;
                json_decref(anchor->value);
                free(anchor);
        }
        map_done(&loader->anchors);
}

/* --- collections --- */

static int read_node(struct loader *loader, const yaml_event_t *event, json_t **ret);

static int read_key(struct loader *loader, const yaml_event_t *event, const json_t *object, json_t **ret)
{
        if (event->type == YAML_SCALAR_EVENT) {
                struct sv text = sv_n((const char *)event->data.scalar.value, event->data.scalar.length);
                if (sv_find(text, '\0') < text.n)
                        return bad_at(loader, event->start_mark, "a NUL character is not allowed in a key", "");
                *ret = json_stringn(text.p, text.n);
                loader->spent.bytes += text.n;
                if (*ret && keep_anchor(loader, event, (const char *)event->data.scalar.anchor, *ret,
                                    (struct cost){ loader->spent.nodes, loader->spent.bytes - text.n }) < 0)
                        return -1;
        } else if (event->type == YAML_ALIAS_EVENT) {
                if (read_alias(loader, event, ret) < 0)
                        return -1;
        }
        if (!json_is_string(*ret))
                return bad_at(loader, event->start_mark, "a key must be text", "");
        if (loader->strict && json_object_get(object, json_string_value(*ret)))
                return bad_at(loader, event->start_mark, "duplicate key ", json_string_value(*ret));
        return 0;
}

static int read_mapping(struct loader *loader, json_t *object)
{
        while (true) {
                cleanup(yaml_event_delete) yaml_event_t key_event = { 0 };
                cleanup(yaml_event_delete) yaml_event_t value_event = { 0 };
                json_t *key = NULL, *value = NULL;
                if (next_event(loader, &key_event) < 0)
                        return -1;
                if (key_event.type == YAML_MAPPING_END_EVENT)
                        return 0;
                if (read_key(loader, &key_event, object, &key) < 0 || next_event(loader, &value_event) < 0 ||
                        read_node(loader, &value_event, &value) < 0) {
                        json_decref(key);
                        json_decref(value);
                        return -1;
                }
                int result = json_object_set_new(object, json_string_value(key), value);
                json_decref(key);
                if (result < 0)
                        return fail(loader->err, E_NO_MEMORY, "no memory for the YAML text");
        }
}

static int read_sequence(struct loader *loader, json_t *array)
{
        while (true) {
                cleanup(yaml_event_delete) yaml_event_t event = { 0 };
                json_t *value = NULL;
                if (next_event(loader, &event) < 0)
                        return -1;
                if (event.type == YAML_SEQUENCE_END_EVENT)
                        return 0;
                if (read_node(loader, &event, &value) < 0) {
                        json_decref(value);
                        return -1;
                }
                if (json_array_append_new(array, value) < 0)
                        return fail(loader->err, E_NO_MEMORY, "no memory for the YAML text");
        }
}

static int read_collection(struct loader *loader, const yaml_event_t *event, const char *tag, json_t **ret)
{
        bool mapping = event->type == YAML_MAPPING_START_EVENT;
        if (tag && strcmp(tag, "!") != 0 && !tag_is(tag, mapping ? "map" : "seq"))
                return bad_at(loader, event->start_mark, "unknown tag ", tag);
        if (loader->depth == YAML_DEPTH_MAX)
                return bad_at(loader, event->start_mark, "nested too deep", "");
        if (spend(loader, event, (struct cost){ 1, 0 }) < 0)
                return -1;
        *ret = mapping ? json_object() : json_array();
        if (!*ret)
                return fail(loader->err, E_NO_MEMORY, "no memory for the YAML text");
        loader->depth++;
        int result = mapping ? read_mapping(loader, *ret) : read_sequence(loader, *ret);
        loader->depth--;
        return result;
}

static int note_line(struct loader *loader, const yaml_event_t *event, const json_t *value)
{
        if (!loader->lines || json_is_boolean(value) || json_is_null(value))
                return 0;
        bool block = event->type == YAML_SCALAR_EVENT && (event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                                                                 event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE);
        uint64_t key = (uintptr_t)value;
        uintptr_t line = event->start_mark.line + 1 + block; /* the text of a block begins below its "|" */
        if (map_put(loader->lines, map_key_u64(&key), (void *)line) < 0)
                return fail(loader->err, E_TOO_LARGE, "more than %zu values", loader->lines->max);
        return 0;
}

/* On failure *ret may hold what was read so far; the caller drops it. */
static int read_node(struct loader *loader, const yaml_event_t *event, json_t **ret)
{
        struct cost before = loader->spent;
        const char *anchor = NULL, *tag = NULL;
        int result;
        switch (event->type) {
        case YAML_ALIAS_EVENT:
                return read_alias(loader, event, ret);
        case YAML_SCALAR_EVENT:
                anchor = (const char *)event->data.scalar.anchor;
                tag = (const char *)event->data.scalar.tag;
                if (tag && strcmp(tag, "!") != 0 && !tag_is(tag, "str") && !tag_is(tag, "int") &&
                        !tag_is(tag, "float") && !tag_is(tag, "bool") && !tag_is(tag, "null"))
                        return bad_at(loader, event->start_mark, "unknown tag ", tag);
                result = read_scalar(loader, event, ret);
                break;
        case YAML_SEQUENCE_START_EVENT:
                anchor = (const char *)event->data.sequence_start.anchor;
                result = read_collection(loader, event, (const char *)event->data.sequence_start.tag, ret);
                break;
        case YAML_MAPPING_START_EVENT:
                anchor = (const char *)event->data.mapping_start.anchor;
                result = read_collection(loader, event, (const char *)event->data.mapping_start.tag, ret);
                break;
        default:
                return bad_at(loader, event->start_mark, "a value is missing", "");
        }
        if (result < 0 || note_line(loader, event, *ret) < 0)
                return -1;
        return keep_anchor(loader, event, anchor, *ret, before);
}

static int read_stream(struct loader *loader, json_t **ret)
{
        bool seen = false;
        while (true) {
                cleanup(yaml_event_delete) yaml_event_t event = { 0 };
                if (next_event(loader, &event) < 0)
                        return -1;
                switch (event.type) {
                case YAML_STREAM_START_EVENT:
                case YAML_DOCUMENT_END_EVENT:
                        break;
                case YAML_DOCUMENT_START_EVENT:
                        if (seen)
                                return bad_at(loader, event.start_mark, "only one document is allowed", "");
                        seen = true;
                        break;
                case YAML_STREAM_END_EVENT:
                        if (!seen)
                                *ret = json_null();
                        return 0;
                default:
                        if (read_node(loader, &event, ret) < 0)
                                return -1;
                }
        }
}

json_t *yaml_parse(struct sv text, bool strict, struct error *err)
{
        return yaml_parse_lines(text, strict, NULL, err);
}

json_t *yaml_parse_lines(struct sv text, bool strict, struct map *lines, struct error *err)
{
        if (text.n > YAML_TEXT_MAX)
                return fail_null(err, E_TOO_LARGE, "YAML of %zu bytes: at most %d are read", text.n, YAML_TEXT_MAX);
        struct loader loader = { .strict = strict, .lines = lines, .err = err };
        if (!yaml_parser_initialize(&loader.parser))
                return fail_null(err, E_NO_MEMORY, "no memory for the YAML text");
        yaml_parser_set_encoding(&loader.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&loader.parser, (const unsigned char *)text.p, text.n);
        map_init(&loader.anchors, ANCHORS_MAX);
        json_t *value = NULL;
        if (read_stream(&loader, &value) < 0) {
                json_decref(value);
                value = NULL;
        }
        drop_anchors(&loader);
        yaml_parser_delete(&loader.parser);
        return value;
}
