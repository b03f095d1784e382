/* Conditions: words, operators and parentheses to a tree of typed tests. Macros are parsed where they stand.
 *
 *      condition = and { "or" and }            test  = MACRO | operand | operand "exists"
 *      and       = unary { "and" unary }             | operand [ "not" ] operator value
 *      unary     = "not" unary | "(" condition ")" | test
 *      operand   = FIELD | "basename" "(" FIELD ")"
 *      value     = WORD | STRING | "$" LIST | "(" value { "," value } ")"
 */
#include "modules/watch/rules_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/flags.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_LIST, TOKEN_SYMBOL };

struct token {
        enum token_kind kind;
        struct sv text;   /* STRING without its quotes and escapes; LIST without its '$' */
        const char *from; /* where it begins */
};

struct parser {
        struct rules *rules;
        const struct name_table *names;
        const char *begin, *at, *end;
        struct token token; /* the next one */
        unsigned depth;
        bool glob; /* the pattern to come is a shell's */
        size_t *spent;
        struct error *err;
};

static int parse_condition(struct parser *parser, const struct node **ret);

/* --- words --- */

static bool is_word(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("_./:+@%*?[]~-", c));
}

static int bad_word(struct parser *parser, const char *problem)
{
        struct sv rest = sv_n(parser->at, (size_t)(parser->end - parser->at));
        rest.n = sv_find(rest, '\n');
        return fail(parser->err, E_INVALID, "%s at \"%.*s\"", problem, (int)(rest.n > 40 ? 40 : rest.n), rest.p);
}

/* A text in quotes: '…' as it stands, "…" with \" \\ \n \t \r. */
static int take_string(struct parser *parser, char quote)
{
        char *out = arena_alloc(&parser->rules->arena, (size_t)(parser->end - parser->at) + 1);
        const char *c = parser->at + 1;
        size_t n = 0;
        if (!out)
                return fail(parser->err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
        for (; c < parser->end && *c != quote; c++) {
                if (*c == '\\' && quote == '"') {
                        static const char letters[] = "\"\\ntr", meanings[] = "\"\\\n\t\r";
                        const char *found = ++c < parser->end ? strchr(letters, *c) : NULL;
                        if (!found)
                                return bad_word(parser, "unknown escape (use '…' for patterns)");
                        out[n++] = meanings[found - letters];
                        continue;
                }
                out[n++] = *c;
        }
        if (c == parser->end)
                return bad_word(parser, "a quote is not closed");
        parser->token = (struct token){ TOKEN_STRING, { out, n }, parser->at };
        parser->at = c + 1;
        return 0;
}

static int next_token(struct parser *parser)
{
        while (parser->at < parser->end && strchr(" \t\r\n", *parser->at))
                parser->at++;
        parser->token = (struct token){ TOKEN_END, { parser->at, 0 }, parser->at };
        if (parser->at == parser->end)
                return 0;
        char c = *parser->at;
        if (c == '"' || c == '\'')
                return take_string(parser, c);
        const char *from = parser->at + (c == '$');
        const char *to = from;
        while (to < parser->end && is_word(*to))
                to++;
        if (to > from) {
                parser->token.kind = c == '$' ? TOKEN_LIST : TOKEN_WORD;
                parser->token.text = sv_n(from, (size_t)(to - from));
                parser->at = to;
                return 0;
        }
        size_t length = 1;
        if (parser->at + 1 < parser->end && parser->at[1] == '=' && (c == '!' || c == '<' || c == '>'))
                length = 2;
        if (!strchr("()<>=&,", c) && length == 1)
                return bad_word(parser, "unexpected character");
        parser->token.kind = TOKEN_SYMBOL;
        parser->token.text = sv_n(parser->at, length);
        parser->at += length;
        return 0;
}

static bool token_is(const struct parser *parser, enum token_kind kind, const char *text)
{
        return parser->token.kind == kind && sv_eq(parser->token.text, sv_of(text));
}

/* "expected X, found Y" with the words around it. */
static int expected(struct parser *parser, const char *what)
{
        if (parser->token.kind == TOKEN_END)
                return fail(parser->err, E_INVALID, "%s is missing at the end", what);
        parser->at = parser->token.from;
        char problem[120];
        snprintf(problem, sizeof(problem), "%s is missing", what);
        return bad_word(parser, problem);
}

/* --- values --- */

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

static int no_memory(struct parser *parser)
{
        return fail(parser->err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
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
                return no_memory(parser);
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
                return no_memory(parser);
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
                        return fail(parser->err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
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
                return expected(parser, "a value");
        return result < 0 ? -1 : next_token(parser);
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
                return no_memory(parser);
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

static int parse_values(struct parser *parser, struct test *test, bool many)
{
        struct value_list list = { 0 };
        if (token_is(parser, TOKEN_SYMBOL, "(")) {
                if (!many)
                        return expected(parser, "one value (several stand behind in)");
                bool more = true;
                for (; more; more = token_is(parser, TOKEN_SYMBOL, ","))
                        if (next_token(parser) < 0 || take_value(parser, test, &list) < 0)
                                return -1;
                if (!token_is(parser, TOKEN_SYMBOL, ")"))
                        return expected(parser, "\")\" or \",\"");
                if (next_token(parser) < 0)
                        return -1;
        } else {
                if (parser->token.kind == TOKEN_LIST && !many)
                        return expected(parser, "one value (a list stands behind in)");
                if (take_value(parser, test, &list) < 0)
                        return -1;
        }
        if (test->op == TEST_MATCHES && compile_patterns(parser, &list) < 0)
                return -1;
        struct test_values *values = arena_new(&parser->rules->arena, struct test_values);
        if (!values)
                return no_memory(parser);
        values->items = list.items;
        values->count = (uint32_t)list.count;
        test->values = values;
        return index_values(parser, test, values);
}

/* --- tests --- */

enum { FOR_TEXT = 1, FOR_NUMBER = 2, FOR_ENUM = 4, FOR_BOOL = 8, FOR_LIST = 16 };

static const struct operator_word {
        const char *word;
        enum test_op op;
        bool negate, many;
        unsigned kinds;
} operators[] = {
        { "=", TEST_EQUAL, false, false, FOR_TEXT | FOR_NUMBER | FOR_ENUM | FOR_BOOL },
        { "!=", TEST_EQUAL, true, false, FOR_TEXT | FOR_NUMBER | FOR_ENUM | FOR_BOOL },
        { "<", TEST_LESS, false, false, FOR_NUMBER },
        { "<=", TEST_LESS_EQUAL, false, false, FOR_NUMBER },
        { ">", TEST_GREATER, false, false, FOR_NUMBER },
        { ">=", TEST_GREATER_EQUAL, false, false, FOR_NUMBER },
        { "&", TEST_BITS, false, false, FOR_NUMBER },
        { "in", TEST_EQUAL, false, true, FOR_TEXT | FOR_NUMBER | FOR_ENUM },
        { "intersects", TEST_EQUAL, false, true, FOR_TEXT | FOR_NUMBER | FOR_LIST },
        { "contains", TEST_CONTAINS, false, true, FOR_TEXT },
        { "startswith", TEST_STARTS, false, true, FOR_TEXT },
        { "endswith", TEST_ENDS, false, true, FOR_TEXT },
        { "matches", TEST_MATCHES, false, true, FOR_TEXT },
        { "glob", TEST_MATCHES, false, true, FOR_TEXT },
};

static const struct operator_word *find_operator(const struct token *token)
{
        if (token->kind != TOKEN_WORD && token->kind != TOKEN_SYMBOL)
                return NULL;
        for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
                if (sv_eq(sv_of(operators[i].word), token->text))
                        return &operators[i];
        return NULL;
}

static int check_operator(struct parser *parser, const struct operator_word *word, const struct operand *operand)
{
        static const unsigned kinds[] = { FOR_TEXT, FOR_NUMBER, FOR_BOOL, FOR_ENUM, 0 };
        static const char *const names[] = { "a text", "a number", "true or false", "one of a few words",
                "a group of fields" };
        if (!(word->kinds & kinds[operand->kind]))
                return fail(parser->err, E_INVALID, "%s is %s: %s cannot be asked of it", operand->name,
                        names[operand->kind], word->word);
        if ((word->kinds & FOR_LIST) && operand_is_one(operand))
                return fail(parser->err, E_INVALID, "%s is no list: use in instead of intersects", operand->name);
        return 0;
}

static struct node *new_node(struct parser *parser, enum node_kind kind)
{
        struct node *node = NULL;
        if (++*parser->spent > RULES_NODES_MAX)
                fail(parser->err, E_TOO_LARGE, "more than %d tests, macros expanded", RULES_NODES_MAX);
        else if (!(node = arena_new(&parser->rules->arena, struct node)))
                fail(parser->err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
        else
                node->kind = kind;
        return node;
}

static int negate(struct parser *parser, const struct node **node)
{
        struct node *not = new_node(parser, NODE_NOT);
        if (!not )
                return -1;
        not ->left = *node;
        *node = not ;
        return 0;
}

/* What follows the operand. */
static int parse_question(struct parser *parser, struct node *node, bool *ret_negate)
{
        const struct operand *operand = &parser->rules->operands[node->test.operand];
        bool negated = false;
        const char *back = parser->at;
        struct token before = parser->token;
        if (token_is(parser, TOKEN_WORD, "not")) {
                negated = true;
                if (next_token(parser) < 0)
                        return -1;
        }
        if (token_is(parser, TOKEN_WORD, "exists")) {
                node->test.op = TEST_PRESENT;
                *ret_negate = negated;
                return next_token(parser);
        }
        const struct operator_word *word = find_operator(&parser->token);
        if (word && (!negated || word->many)) {
                node->test.op = (uint8_t)word->op;
                parser->glob = word->word[0] == 'g';
                *ret_negate = negated || word->negate;
                if (check_operator(parser, word, operand) < 0 || next_token(parser) < 0)
                        return -1;
                return parse_values(parser, &node->test, word->many);
        }
        if (operand->kind != OPERAND_BOOL || negated)
                return expected(parser, negated ? "in, contains … behind not" : "an operator (=, in, contains …)");
        parser->token = before;
        parser->at = back;
        node->test.op = TEST_TRUE;
        return 0;
}

static int parse_operand(struct parser *parser, bool basename, const struct node **ret)
{
        struct node *node = new_node(parser, NODE_TEST);
        bool negated = false;
        if (!node)
                return -1;
        if (rules_operand(parser->rules, parser->token.text, basename, &node->test.operand, parser->err) < 0 ||
                next_token(parser) < 0)
                return -1;
        if (basename) {
                if (!token_is(parser, TOKEN_SYMBOL, ")"))
                        return expected(parser, "\")\"");
                if (next_token(parser) < 0)
                        return -1;
        }
        if (parse_question(parser, node, &negated) < 0)
                return -1;
        *ret = node;
        return negated ? negate(parser, ret) : 0;
}

static int parse_macro(struct parser *parser, const char *text, const struct node **ret)
{
        struct sv name = parser->token.text;
        struct parser inner = *parser;
        inner.begin = inner.at = text;
        inner.end = text + strlen(text);
        int result = next_token(&inner) < 0 || parse_condition(&inner, ret) < 0 ? -1 : 0;
        if (result == 0 && inner.token.kind != TOKEN_END)
                result = expected(&inner, "and, or");
        if (result < 0) /* the innermost is enough */
                return strncmp(parser->err->message, "macro ", 6) == 0
                               ? -1
                               : error_prefix(parser->err, "macro %.*s", SV_ARG(name));
        return next_token(parser);
}

/* A name without a dot is rather a macro than a field. */
static int unknown_name(struct parser *parser)
{
        struct sv name = parser->token.text;
        struct operand unused;
        const char *near = NULL;
        if (sv_find(name, '.') == name.n)
                near = parser->names->near(parser->names->cookie, name, false);
        if (!near)
                return operand_resolve(name, false, &unused, parser->err);
        return fail(parser->err, E_INVALID, "neither a field nor a macro: %.*s; did you mean %s?",
                (int)(name.n > 60 ? 60 : name.n), name.p, near);
}

static int parse_test(struct parser *parser, const struct node **ret)
{
        if (parser->token.kind != TOKEN_WORD)
                return expected(parser, "a field or macro");
        if (token_is(parser, TOKEN_WORD, "basename")) {
                if (next_token(parser) < 0)
                        return -1;
                if (!token_is(parser, TOKEN_SYMBOL, "("))
                        return expected(parser, "\"(\" behind basename");
                if (next_token(parser) < 0)
                        return -1;
                if (parser->token.kind != TOKEN_WORD)
                        return expected(parser, "a field");
                return parse_operand(parser, true, ret);
        }
        const char *macro = parser->names->macro(parser->names->cookie, parser->token.text);
        if (macro)
                return parse_macro(parser, macro, ret);
        if (!operand_exists(parser->token.text))
                return unknown_name(parser);
        return parse_operand(parser, false, ret);
}

static int parse_unary(struct parser *parser, const struct node **ret)
{
        int result;
        if (parser->depth == RULES_NESTING_MAX)
                return fail(parser->err, E_TOO_LARGE, "nested deeper than %d (does a macro use itself?)",
                        RULES_NESTING_MAX);
        parser->depth++;
        if (token_is(parser, TOKEN_WORD, "not")) {
                result = next_token(parser) < 0 || parse_unary(parser, ret) < 0 ? -1 : negate(parser, ret);
        } else if (token_is(parser, TOKEN_SYMBOL, "(")) {
                result = next_token(parser) < 0 || parse_condition(parser, ret) < 0 ? -1 : 0;
                if (result == 0 && !token_is(parser, TOKEN_SYMBOL, ")"))
                        result = expected(parser, "\")\", and, or");
                else if (result == 0)
                        result = next_token(parser);
        } else {
                result = parse_test(parser, ret);
        }
        parser->depth--;
        return result;
}

static int parse_chain(struct parser *parser, enum node_kind kind, const struct node **ret)
{
        const char *word = kind == NODE_AND ? "and" : "or";
        const struct node *left, *right;
        if (kind == NODE_AND ? parse_unary(parser, &left) < 0 : parse_chain(parser, NODE_AND, &left) < 0)
                return -1;
        while (token_is(parser, TOKEN_WORD, word)) {
                if (next_token(parser) < 0)
                        return -1;
                if (kind == NODE_AND ? parse_unary(parser, &right) < 0 : parse_chain(parser, NODE_AND, &right) < 0)
                        return -1;
                struct node *node = new_node(parser, kind);
                if (!node)
                        return -1;
                node->left = left;
                node->right = right;
                left = node;
        }
        *ret = left;
        return 0;
}

static int parse_condition(struct parser *parser, const struct node **ret)
{
        return parse_chain(parser, NODE_OR, ret);
}

int rules_parse(struct rules *rules, const struct name_table *names, struct sv text, size_t *spent,
        const struct node **ret, unsigned *ret_line, struct error *err)
{
        struct parser parser = {
                .rules = rules,
                .names = names,
                .begin = text.p,
                .at = text.p,
                .end = text.p + text.n,
                .spent = spent,
                .err = err,
        };
        int result = next_token(&parser) < 0 || parse_condition(&parser, ret) < 0 ? -1 : 0;
        if (result == 0 && parser.token.kind != TOKEN_END)
                result = expected(&parser, "and, or");
        *ret_line = 0;
        const char *until = parser.token.from > text.p && parser.token.from <= parser.end ? parser.token.from : text.p;
        for (const char *c = text.p; c < until; c++)
                *ret_line += *c == '\n';
        return result;
}
