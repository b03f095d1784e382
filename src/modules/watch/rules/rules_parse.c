/* Conditions: words, operators and parentheses to a tree of typed tests. Macros are parsed where they stand.
 *
 *      condition = and { "or" and }            test  = MACRO | operand | operand "exists"
 *      and       = unary { "and" unary }             | operand [ "not" ] operator value
 *      unary     = "not" unary | "(" condition ")" | test
 *      operand   = FIELD | "basename" "(" FIELD ")"
 *      value     = WORD | STRING | "$" LIST | "(" value { "," value } ")"
 */
#include "modules/watch/rules/rules_parse.h"

static int parse_condition(struct parser *parser, const struct node **ret);

/* --- words --- */

int parser_no_memory(struct parser *parser)
{
        return fail(parser->err, E_NO_MEMORY, "the rules need more than %d bytes", RULES_MEMORY_MAX);
}

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
                return parser_no_memory(parser);
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

int parser_next(struct parser *parser)
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

bool parser_at(const struct parser *parser, enum token_kind kind, const char *text)
{
        return parser->token.kind == kind && sv_eq(parser->token.text, sv_of(text));
}

/* "expected X, found Y" with the words around it. */
int parser_expected(struct parser *parser, const char *what)
{
        if (parser->token.kind == TOKEN_END)
                return fail(parser->err, E_INVALID, "%s is missing at the end", what);
        parser->at = parser->token.from;
        char problem[120];
        snprintf(problem, sizeof(problem), "%s is missing", what);
        return bad_word(parser, problem);
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
        if (parser_at(parser, TOKEN_WORD, "not")) {
                negated = true;
                if (parser_next(parser) < 0)
                        return -1;
        }
        if (parser_at(parser, TOKEN_WORD, "exists")) {
                node->test.op = TEST_PRESENT;
                *ret_negate = negated;
                return parser_next(parser);
        }
        const struct operator_word *word = find_operator(&parser->token);
        if (word && (!negated || word->many)) {
                node->test.op = (uint8_t)word->op;
                parser->glob = word->word[0] == 'g';
                *ret_negate = negated || word->negate;
                if (check_operator(parser, word, operand) < 0 || parser_next(parser) < 0)
                        return -1;
                return parser_values(parser, &node->test, word->many);
        }
        if (operand->kind != OPERAND_BOOL || negated)
                return parser_expected(
                        parser, negated ? "in, contains … behind not" : "an operator (=, in, contains …)");
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
                parser_next(parser) < 0)
                return -1;
        if (basename) {
                if (!parser_at(parser, TOKEN_SYMBOL, ")"))
                        return parser_expected(parser, "\")\"");
                if (parser_next(parser) < 0)
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
        int result = parser_next(&inner) < 0 || parse_condition(&inner, ret) < 0 ? -1 : 0;
        if (result == 0 && inner.token.kind != TOKEN_END)
                result = parser_expected(&inner, "and, or");
        if (result < 0) /* the innermost is enough */
                return strncmp(parser->err->message, "macro ", 6) == 0
                               ? -1
                               : error_prefix(parser->err, "macro %.*s", SV_ARG(name));
        return parser_next(parser);
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
                return parser_expected(parser, "a field or macro");
        if (parser_at(parser, TOKEN_WORD, "basename")) {
                if (parser_next(parser) < 0)
                        return -1;
                if (!parser_at(parser, TOKEN_SYMBOL, "("))
                        return parser_expected(parser, "\"(\" behind basename");
                if (parser_next(parser) < 0)
                        return -1;
                if (parser->token.kind != TOKEN_WORD)
                        return parser_expected(parser, "a field");
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
        if (parser_at(parser, TOKEN_WORD, "not")) {
                result = parser_next(parser) < 0 || parse_unary(parser, ret) < 0 ? -1 : negate(parser, ret);
        } else if (parser_at(parser, TOKEN_SYMBOL, "(")) {
                result = parser_next(parser) < 0 || parse_condition(parser, ret) < 0 ? -1 : 0;
                if (result == 0 && !parser_at(parser, TOKEN_SYMBOL, ")"))
                        result = parser_expected(parser, "\")\", and, or");
                else if (result == 0)
                        result = parser_next(parser);
        } else {
                result = parse_test(parser, ret);
        }
        parser->depth--;
        return result;
}

static int parse_chain(struct parser *parser, enum node_kind kind, const struct node **ret)
{
        const char *word = kind == NODE_AND ? "and" : "or";
        const struct node *left = NULL, *right = NULL;
        if (kind == NODE_AND ? parse_unary(parser, &left) < 0 : parse_chain(parser, NODE_AND, &left) < 0)
                return -1;
        while (parser_at(parser, TOKEN_WORD, word)) {
                if (parser_next(parser) < 0)
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
        int result = parser_next(&parser) < 0 || parse_condition(&parser, ret) < 0 ? -1 : 0;
        if (result == 0 && parser.token.kind != TOKEN_END)
                result = parser_expected(&parser, "and, or");
        *ret_line = 0;
        const char *until = parser.token.from > text.p && parser.token.from <= parser.end ? parser.token.from : text.p;
        for (const char *c = text.p; c < until; c++)
                *ret_line += *c == '\n';
        return result;
}
