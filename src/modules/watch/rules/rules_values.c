/* The values of a test, checked against the type of its field; patterns are compiled here. */
#include "modules/watch/rules/rules_parse.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/flags.h"

struct value_list {
        struct test_value *items;
        size_t count, capacity;
};

static int bad_value(struct parser *parser, const struct operand *operand, struct sv text, const char *wanted)
{
        return fail(parser->err, E_INVALID, "%s is %s, and \"%.*s\" is none", operand->name, wanted,
                (int)(text.n > 60 ? 60 : text.n), text.p);
}

static int enum_value(struct parser *parser, const struct operand *operand, struct sv text, int64_t *ret)
{
        char word[64];
        size_t count = 0;
        for (; operand->names[count]; count++)
                if (sv_eq(sv_of(operand->names[count]), text)) {
                        *ret = (int64_t)count;
                        return 0;
                }
        snprintf(word, sizeof(word), "%.*s", (int)(text.n > 60 ? 60 : text.n), text.p);
        const char *near = nearest_word(word, operand->names, count);
        return fail(parser->err, E_INVALID, "%s is never \"%s\"%s%s%s", operand->name, word,
                near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static bool plain_number(struct sv text, int64_t *ret)
{
        uint64_t number;
        if (sv_starts(text, SV("0x")) || sv_starts(text, SV("0o"))) {
                if (!sv_parse_u64(sv_n(text.p + 2, text.n - 2), text.p[1] == 'x' ? 16 : 8, &number) ||
                        number > INT64_MAX)
                        return false;
                *ret = (int64_t)number;
                return true;
        }
        if (text.n > 1 && text.p[0] == '0') /* would C's octal be meant? */
                return false;
        return sv_parse_i64(text, ret);
}

static int number_value(struct parser *parser, const struct operand *operand, struct sv text, int64_t *ret)
{
        uint64_t size;
        if (operand->type == FIELD_TYPE_DURATION)
                return duration_parse(text, ret) ? 0 : bad_value(parser, operand, text, "a duration (as 1m30s)");
        if (operand->type == FIELD_TYPE_TIME)
                return time_parse(text, ret) ? 0 : bad_value(parser, operand, text, "a time (RFC 3339)");
        if (operand->type == FIELD_TYPE_SIZE && size_parse(text, &size) && size <= INT64_MAX) {
                *ret = (int64_t)size;
                return 0;
        }
        return plain_number(text, ret) ? 0 : bad_value(parser, operand, text, "a number (10, 0x1f, 0o755)");
}

static void drop_regex(void *regex)
{
        regex_free(regex);
}

/* Checked alone, so that no pattern is made whole by its neighbours; the shell's become regular expressions here. */
static int pattern_value(struct parser *parser, struct test_value *value)
{
        cleanup(buf_done) struct buf pattern;
        buf_init(&pattern, REGEX_PATTERN_MAX);
        if (parser->glob)
                rules_glob_pattern(value->text, &pattern);
        else
                buf_append(&pattern, value->text.p, value->text.n);
        if (pattern.failed)
                return fail(parser->err, E_TOO_LARGE, "the pattern is longer than %u bytes", REGEX_PATTERN_MAX);
        char *copy = arena_strndup(&parser->rules->arena, buf_text(&pattern), pattern.len);
        if (!copy)
                return parser_no_memory(parser);
        value->text = sv_n(copy, pattern.len);
        return regex_validate(copy, parser->err);
}

static int compile_pattern(struct parser *parser, struct sv text, const struct regex **ret)
{
        struct rules *rules = parser->rules;
        if (rules->patterns == RULES_PATTERNS_MAX)
                return fail(parser->err, E_TOO_LARGE, "more than %d patterns", RULES_PATTERNS_MAX);
        struct regex *regex = regex_new(text, 0, parser->err);
        if (!regex)
                return -1;
        if (arena_defer(&rules->arena, drop_regex, regex) < 0) {
                regex_free(regex);
                return parser_no_memory(parser);
        }
        rules->patterns++;
        *ret = regex;
        return 0;
}

/* Several patterns become one, "(?:a)|(?:b)": a search a text, however many there are. Where that is too large, or
 * names groups twice, each stays by itself. */
static int compile_patterns(struct parser *parser, struct value_list *list)
{
        cleanup(buf_done) struct buf all;
        buf_init(&all, REGEX_PATTERN_MAX);
        for (size_t i = 0; list->count > 1 && i < list->count; i++)
                buf_printf(&all, "%s(?:%.*s)", i ? "|" : "", SV_ARG(list->items[i].text));
        if (list->count > 1 && !all.failed) {
                struct error unused;
                struct error *err = parser->err;
                parser->err = &unused;
                int result = compile_pattern(parser, sv_n(all.data, all.len), &list->items[0].regex);
                parser->err = err;
                if (result == 0) {
                        list->count = 1;
                        return 0;
                }
        }
        for (size_t i = 0; i < list->count; i++)
                if (compile_pattern(parser, list->items[i].text, &list->items[i].regex) < 0)
                        return -1;
        return 0;
}

static int add_value(struct parser *parser, const struct test *test, struct value_list *values, struct sv text)
{
        const struct operand *operand = &parser->rules->operands[test->operand];
        if (values->count == RULES_LIST_MAX)
                return fail(parser->err, E_TOO_LARGE, "more than %d values", RULES_LIST_MAX);
        if (values->count == values->capacity) {
                size_t capacity = values->capacity ? 2 * values->capacity : 1;
                struct test_value *grown = arena_array(&parser->rules->arena, capacity, sizeof(*grown));
                if (!grown)
                        return parser_no_memory(parser);
                if (values->count)
                        memcpy(grown, values->items, values->count * sizeof(*grown));
                values->items = grown;
                values->capacity = capacity;
        }
        struct test_value *value = &values->items[values->count];
        value->text = text;
        int result = 0;
        if (operand->kind == OPERAND_NUMBER)
                result = number_value(parser, operand, text, &value->number);
        else if (operand->kind == OPERAND_ENUM)
                result = enum_value(parser, operand, text, &value->number);
        else if (operand->kind == OPERAND_BOOL)
                result = sv_eq(text, SV("true")) || sv_eq(text, SV("false"))
                                 ? 0
                                 : bad_value(parser, operand, text, "true or false");
        else if (test->op == TEST_MATCHES)
                result = pattern_value(parser, value);
        else if (text.n == 0 && test->op != TEST_EQUAL)
                result = fail(parser->err, E_INVALID, "an empty text is in every text of %s", operand->name);
        if (operand->kind == OPERAND_BOOL)
                value->number = sv_eq(text, SV("true"));
        values->count += result == 0;
        return result;
}

static int add_list(struct parser *parser, const struct test *test, struct value_list *values)
{
        size_t count;
        struct sv name = parser->token.text;
        const struct sv *texts = parser->names->list(parser->names->cookie, name, &count);
        if (!texts) {
                const char *near = parser->names->near(parser->names->cookie, name, true);
                return fail(parser->err, E_INVALID, "unknown list $%.*s%s%s%s", (int)(name.n > 60 ? 60 : name.n),
                        name.p, near ? "; did you mean $" : "", near ? near : "", near ? "?" : "");
        }
        for (size_t i = 0; i < count; i++)
                if (add_value(parser, test, values, texts[i]) < 0)
                        return -1;
        return 0;
}

static int take_value(struct parser *parser, const struct test *test, struct value_list *values)
{
        int result;
        if (parser->token.kind == TOKEN_LIST)
                result = add_list(parser, test, values);
        else if (parser->token.kind == TOKEN_WORD || parser->token.kind == TOKEN_STRING)
                result = add_value(parser, test, values, parser->token.text);
        else
                return parser_expected(parser, "a value");
        return result < 0 ? -1 : parser_next(parser);
}

/* Few texts are compared one by one, many are looked up. */
static int index_values(struct parser *parser, const struct test *test, struct test_values *values)
{
        enum { FEW = 6 };
        if (test->op != TEST_EQUAL || values->count <= FEW ||
                parser->rules->operands[test->operand].kind != OPERAND_TEXT)
                return 0;
        uint32_t size = 16;
        while (size < 2 * values->count)
                size *= 2;
        values->slots = arena_array(&parser->rules->arena, size, sizeof(*values->slots));
        if (!values->slots)
                return parser_no_memory(parser);
        values->mask = size - 1;
        for (uint32_t i = 0; i < values->count; i++) {
                struct sv text = values->items[i].text;
                uint32_t slot = (uint32_t)rules_hash(text.p, text.n, parser->rules->seed) & values->mask;
                while (values->slots[slot])
                        slot = (slot + 1) & values->mask;
                values->slots[slot] = i + 1;
        }
        return 0;
}

int parser_values(struct parser *parser, struct test *test, bool many)
{
        struct value_list list = { 0 };
        if (parser_at(parser, TOKEN_SYMBOL, "(")) {
                if (!many)
                        return parser_expected(parser, "one value (several stand behind in)");
                bool more = true;
                for (; more; more = parser_at(parser, TOKEN_SYMBOL, ","))
                        if (parser_next(parser) < 0 || take_value(parser, test, &list) < 0)
                                return -1;
                if (!parser_at(parser, TOKEN_SYMBOL, ")"))
                        return parser_expected(parser, "\")\" or \",\"");
                if (parser_next(parser) < 0)
                        return -1;
        } else {
                if (parser->token.kind == TOKEN_LIST && !many)
                        return parser_expected(parser, "one value (a list stands behind in)");
                if (take_value(parser, test, &list) < 0)
                        return -1;
        }
        if (test->op == TEST_MATCHES && compile_patterns(parser, &list) < 0)
                return -1;
        struct test_values *values = arena_new(&parser->rules->arena, struct test_values);
        if (!values)
                return parser_no_memory(parser);
        values->items = list.items;
        values->count = (uint32_t)list.count;
        test->values = values;
        return index_values(parser, test, values);
}
