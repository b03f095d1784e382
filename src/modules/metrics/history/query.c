/* The language of questions, a subset of PromQL (docs/modules/metrics-query.md tells its meaning):
 *
 *      expression = sum { ( "==" | "!=" | ">=" | "<=" | ">" | "<" ) sum }
 *      sum        = product { ( "+" | "-" ) product }
 *      product    = unary { ( "*" | "/" ) unary }
 *      unary      = "-" unary | number | "(" expression ")" | aggregate | function | selector
 *      aggregate  = name [ grouping ] "(" [ number "," ] expression ")" [ grouping ]
 *      grouping   = ( "by" | "without" ) "(" [ label { "," label } ] ")"
 *      function   = name "(" [ number "," ] selector [ "[" duration "]" ] ")"
 *      selector   = metric [ "{" [ matcher { "," matcher } [ "," ] ] "}" ]
 *      matcher    = label ( "=" | "!=" | "=~" | "!~" ) string
 *
 * Positions in errors count bytes from 1. */
#include "modules/metrics/history/query.h"

#include "base/timefmt.h"
#include "lib/regex/regex.h"

#include <math.h>

struct parser {
        struct sv rest;
        const char *start;
        struct arena *arena;
        unsigned depth, nodes, regexes;
        struct error *err;
};

static const struct {
        const char *name;
        enum query_window window;
        bool needs_range, counters;
} functions[] = {
        { "avg_over_time", WINDOW_AVERAGE, true, false },
        { "increase", WINDOW_INCREASE, false, true },
        { "last_over_time", WINDOW_LAST, true, false },
        { "max_over_time", WINDOW_MAXIMUM, true, false },
        { "min_over_time", WINDOW_MINIMUM, true, false },
        { "quantile_over_time", WINDOW_QUANTILE, true, false },
        { "rate", WINDOW_RATE, false, true },
};
enum { FUNCTIONS = sizeof(functions) / sizeof(functions[0]) };

static const char *const aggregates[] = { "sum", "avg", "min", "max", "count", "topk", "bottomk" };
enum { AGGREGATES = sizeof(aggregates) / sizeof(aggregates[0]) };

static struct query_expression *parse_expression(struct parser *parser);

/* ---- words ---- */

static size_t position(const struct parser *parser)
{
        return (size_t)(parser->rest.p - parser->start) + 1;
}

#define refuse_at(parser, at, ...) refuse_((parser), (at), E_INVALID, __VA_ARGS__)
#define refuse(parser, ...) refuse_((parser), position(parser), E_INVALID, __VA_ARGS__)

static void *refuse_(struct parser *parser, size_t at, enum error_code code, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
static void *refuse_(struct parser *parser, size_t at, enum error_code code, const char *format, ...)
{
        char why[400];
        va_list args;
        va_start(args, format);
        /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
        vsnprintf(why, sizeof(why), format, args);
        va_end(args);
        fail(parser->err, code, "query: at %zu: %s", at, why);
        return NULL;
}

static void skip(struct parser *parser, size_t size)
{
        parser->rest.p += size;
        parser->rest.n -= size;
}

static bool is_space(char c)
{
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static void skip_space(struct parser *parser)
{
        while (parser->rest.n && is_space(parser->rest.p[0]))
                skip(parser, 1);
}

/* The next character that is no space; 0 at the end. */
static char peek(struct parser *parser)
{
        skip_space(parser);
        return parser->rest.n ? parser->rest.p[0] : '\0';
}

static bool take(struct parser *parser, char c)
{
        if (peek(parser) != c || c == '\0')
                return false;
        skip(parser, 1);
        return true;
}

static int expect(struct parser *parser, char c)
{
        if (take(parser, c))
                return 0;
        if (c == '"')
                refuse(parser, "expected a text in quotes");
        else
                refuse(parser, "expected \"%c\"", c);
        return -1;
}

static struct sv peek_word(struct parser *parser)
{
        size_t size = 0;
        if (is_digit(peek(parser)))
                return SV("");
        while (size < parser->rest.n && is_word(parser->rest.p[size]))
                size++;
        return sv_n(parser->rest.p, size);
}

static struct query_expression *new_node(struct parser *parser, enum query_kind kind)
{
        if (++parser->nodes > QUERY_NODES_MAX)
                return refuse_(parser, position(parser), E_TOO_LARGE, "more than %d parts", QUERY_NODES_MAX);
        struct query_expression *node = arena_new(parser->arena, struct query_expression);
        if (!node)
                return refuse_(parser, position(parser), E_NO_MEMORY, "no memory");
        node->kind = kind;
        return node;
}

/* ---- numbers, texts, durations ---- */

static size_t digits_at(struct sv text, size_t at)
{
        while (at < text.n && is_digit(text.p[at]))
                at++;
        return at;
}

static int parse_number(struct parser *parser, double *ret)
{
        char digits[64];
        const struct sv text = parser->rest;
        size_t size = digits_at(text, 0);
        bool any = size > 0;
        if (size < text.n && text.p[size] == '.') {
                size_t end = digits_at(text, size + 1);
                any = any || end > size + 1;
                size = end;
        }
        if (any && size < text.n && (text.p[size] == 'e' || text.p[size] == 'E')) {
                size_t sign = size + 1 < text.n && (text.p[size + 1] == '+' || text.p[size + 1] == '-');
                size_t end = digits_at(text, size + 1 + sign);
                if (end > size + 1 + sign)
                        size = end;
        }
        if (!any || size >= sizeof(digits)) {
                refuse(parser, "expected a number");
                return -1;
        }
        if (size < text.n && is_word(text.p[size])) {
                skip(parser, size);
                refuse(parser, "a number has no unit here: bytes, cores and seconds are plain numbers");
                return -1;
        }
        memcpy(digits, text.p, size);
        digits[size] = '\0';
        *ret = strtod(digits, NULL);
        if (!isfinite(*ret)) {
                refuse(parser, "the number is too large");
                return -1;
        }
        skip(parser, size);
        return 0;
}

/* In double or single quotes with \\, \", \', \n, \t; in back quotes as it stands. */
static char *parse_text(struct parser *parser)
{
        char text[QUERY_TEXT_MAX + 1];
        size_t size = 0;
        const char quote = peek(parser);
        const size_t at = position(parser);
        if (quote != '"' && quote != '\'' && quote != '`') {
                expect(parser, '"');
                return NULL;
        }
        for (skip(parser, 1); parser->rest.n && parser->rest.p[0] != quote; skip(parser, 1)) {
                char c = parser->rest.p[0];
                if (c == '\\' && quote != '`') {
                        static const char escapes[] = "\\\\\"\"''n\nt\t";
                        size_t i = 0;
                        skip(parser, 1);
                        while (parser->rest.n && i < sizeof(escapes) - 1 && escapes[i] != parser->rest.p[0])
                                i += 2;
                        if (!parser->rest.n)
                                break;
                        if (i >= sizeof(escapes) - 1)
                                return refuse(parser, "unknown escape; \\\\ is a backslash");
                        c = escapes[i + 1];
                }
                if (c == '\0')
                        return refuse(parser, "a text has no zero bytes");
                if (size == QUERY_TEXT_MAX)
                        return refuse_(parser, at, E_TOO_LARGE, "a text of more than %d bytes", QUERY_TEXT_MAX);
                text[size++] = c;
        }
        if (!parser->rest.n)
                return refuse_at(parser, at, "the text has no closing %c", quote);
        skip(parser, 1);
        char *copy = arena_strndup(parser->arena, text, size);
        return copy ? copy : refuse_(parser, at, E_NO_MEMORY, "no memory");
}

static int parse_range(struct parser *parser, int64_t *ret_ns)
{
        if (!take(parser, '['))
                return 0;
        skip_space(parser);
        const size_t at = position(parser);
        size_t size = sv_find(parser->rest, ']');
        if (size == parser->rest.n) {
                refuse_at(parser, at, "expected a duration and \"]\"");
                return -1;
        }
        struct sv text = sv_trim(sv_n(parser->rest.p, size));
        if (!duration_parse(text, ret_ns) || *ret_ns < SECOND || *ret_ns > 3660 * DAY) {
                refuse_at(parser, at, "expected a duration from 1s to 10 years, such as 5m or 1h30m");
                return -1;
        }
        skip(parser, size + 1);
        return 0;
}

/* ---- selectors ---- */

static void free_regex(void *regex)
{
        regex_free(regex);
}

static int compile(struct parser *parser, struct history_matcher *matcher, size_t at)
{
        struct error why;
        char anchored[QUERY_TEXT_MAX + 16];
        if (++parser->regexes > QUERY_REGEXES_MAX) {
                refuse_(parser, at, E_TOO_LARGE, "more than %d patterns", QUERY_REGEXES_MAX);
                return -1;
        }
        /* alone first: "a)|(b" is no pattern, though it is one between the brackets */
        struct regex *alone = regex_new(sv_of(matcher->value), 0, &why);
        snprintf(anchored, sizeof(anchored), "^(?:%s)$", matcher->value);
        matcher->regex = alone ? regex_new(sv_of(anchored), 0, &why) : NULL;
        regex_free(alone);
        if (!matcher->regex) {
                refuse_at(parser, at, "%s", why.message);
                return -1;
        }
        if (arena_defer(parser->arena, free_regex, matcher->regex) < 0) {
                regex_free(matcher->regex);
                refuse_(parser, at, E_NO_MEMORY, "no memory");
                return -1;
        }
        return 0;
}

static const char *label_named(struct parser *parser, struct sv word)
{
        if (word.n > QUERY_TEXT_MAX)
                return refuse_(parser, position(parser), E_TOO_LARGE, "a name of more than %d bytes", QUERY_TEXT_MAX);
        if (sv_eq(word, SV("name"))) /* cAdvisor's word */
                return "container";
        char *name = arena_strndup(parser->arena, word.p, word.n);
        return name ? name : refuse_(parser, position(parser), E_NO_MEMORY, "no memory");
}

static int parse_matcher(struct parser *parser, struct history_matcher *ret)
{
        struct sv word = peek_word(parser);
        if (!word.n) {
                refuse(parser, "expected a label or \"}\"");
                return -1;
        }
        ret->label = label_named(parser, word);
        if (!ret->label)
                return -1;
        skip(parser, word.n);
        const char first = peek(parser);
        const char second = parser->rest.n > 1 ? parser->rest.p[1] : '\0';
        bool pattern = second == '~';
        if ((first != '=' && first != '!') || (first == '!' && second != '=' && second != '~')) {
                refuse(parser, "expected \"=\", \"!=\", \"=~\" or \"!~\"");
                return -1;
        }
        skip(parser, first == '!' || pattern ? 2 : 1);
        ret->negated = first == '!';
        skip_space(parser);
        const size_t at = position(parser);
        ret->value = parse_text(parser);
        return ret->value && (!pattern || compile(parser, ret, at) == 0) ? 0 : -1;
}

static int parse_matchers(struct parser *parser, struct query_expression *node)
{
        struct history_matcher matchers[QUERY_MATCHERS_MAX] = { 0 };
        if (!take(parser, '{'))
                return 0;
        while (peek(parser) != '}') {
                if (node->matcher_count == QUERY_MATCHERS_MAX) {
                        refuse_(parser, position(parser), E_TOO_LARGE, "more than %d matchers", QUERY_MATCHERS_MAX);
                        return -1;
                }
                if (parse_matcher(parser, &matchers[node->matcher_count]) < 0)
                        return -1;
                node->matcher_count++;
                if (!take(parser, ','))
                        break;
        }
        if (expect(parser, '}') < 0)
                return -1;
        node->matchers = arena_array(parser->arena, node->matcher_count + 1, sizeof(*node->matchers));
        if (!node->matchers) {
                refuse_(parser, position(parser), E_NO_MEMORY, "no memory");
                return -1;
        }
        memcpy(node->matchers, matchers, node->matcher_count * sizeof(*matchers));
        return 0;
}

static struct query_expression *parse_selector(struct parser *parser)
{
        struct sv word = peek_word(parser);
        const struct history_metric *metric = history_metric_find(word);
        if (!word.n)
                return parser->rest.n ? refuse(parser, "expected a metric, a function or a number")
                                      : refuse(parser, "expected a metric, a function or a number, not the end");
        if (!metric)
                return refuse(parser, "no metric or function \"%.*s\"", (int)(word.n < 64 ? word.n : 64), word.p);
        struct query_expression *node = new_node(parser, QUERY_SELECTOR);
        if (!node)
                return NULL;
        node->metric = (size_t)(metric - history_metric_at(0));
        skip(parser, word.n);
        return parse_matchers(parser, node) < 0 ? NULL : node;
}

static struct query_expression *parse_function(struct parser *parser, size_t function)
{
        double quantile = 0;
        skip(parser, strlen(functions[function].name));
        if (expect(parser, '(') < 0)
                return NULL;
        if (functions[function].window == WINDOW_QUANTILE) {
                skip_space(parser);
                const size_t at = position(parser);
                if (parse_number(parser, &quantile) < 0)
                        return NULL;
                if (quantile > 1)
                        return refuse_at(parser, at, "expected a quantile from 0 to 1");
                if (expect(parser, ',') < 0)
                        return NULL;
        }
        skip_space(parser);
        const size_t at = position(parser);
        struct query_expression *node = parse_selector(parser);
        if (!node)
                return NULL;
        if (functions[function].counters && !history_metric_at(node->metric)->counter)
                return refuse_at(parser, at, "%s is of counters; %s is none", functions[function].name,
                        history_metric_at(node->metric)->name);
        node->window = functions[function].window;
        node->number = quantile;
        if (parse_range(parser, &node->range_ns) < 0)
                return NULL;
        if (functions[function].needs_range && !node->range_ns)
                return refuse(parser, "expected a range, such as [5m]");
        return expect(parser, ')') < 0 ? NULL : node;
}

/* ---- aggregates ---- */

static int parse_grouping(struct parser *parser, struct query_expression *node)
{
        const char *labels[QUERY_LABELS_MAX];
        struct sv word = peek_word(parser);
        node->without = sv_eq(word, SV("without"));
        if (!node->without && !sv_eq(word, SV("by")))
                return 0;
        if (node->labels) {
                refuse(parser, "labels are given already");
                return -1;
        }
        skip(parser, word.n);
        if (expect(parser, '(') < 0)
                return -1;
        while (peek(parser) != ')') {
                word = peek_word(parser);
                if (!word.n) {
                        refuse(parser, "expected a label or \")\"");
                        return -1;
                }
                if (node->label_count == QUERY_LABELS_MAX) {
                        refuse_(parser, position(parser), E_TOO_LARGE, "more than %d labels", QUERY_LABELS_MAX);
                        return -1;
                }
                labels[node->label_count] = label_named(parser, word);
                if (!labels[node->label_count++])
                        return -1;
                skip(parser, word.n);
                if (!take(parser, ','))
                        break;
        }
        node->labels = arena_array(parser->arena, node->label_count + 1, sizeof(*node->labels));
        if (!node->labels) {
                refuse_(parser, position(parser), E_NO_MEMORY, "no memory");
                return -1;
        }
        if (node->label_count)
                memcpy(node->labels, labels, node->label_count * sizeof(*labels));
        return expect(parser, ')');
}

static struct query_expression *parse_aggregate(struct parser *parser, size_t aggregate)
{
        struct query_expression *node = new_node(parser, QUERY_AGGREGATE);
        if (!node)
                return NULL;
        node->aggregate = (enum query_aggregate)aggregate;
        skip(parser, strlen(aggregates[aggregate]));
        if (parse_grouping(parser, node) < 0 || expect(parser, '(') < 0)
                return NULL;
        if (aggregate == AGGREGATE_TOPK || aggregate == AGGREGATE_BOTTOMK) {
                skip_space(parser);
                const size_t at = position(parser);
                if (parse_number(parser, &node->number) < 0)
                        return NULL;
                if (node->number < 1 || node->number > QUERY_TOP_MAX || node->number != floor(node->number))
                        return refuse_at(parser, at, "expected a whole number from 1 to %d", QUERY_TOP_MAX);
                if (expect(parser, ',') < 0)
                        return NULL;
        }
        skip_space(parser);
        const size_t at = position(parser);
        node->left = parse_expression(parser);
        if (!node->left)
                return NULL;
        if (node->left->scalar)
                return refuse_at(parser, at, "%s is of series, not of a number", aggregates[aggregate]);
        if (expect(parser, ')') < 0)
                return NULL;
        bool without = node->without;
        if (!node->labels)
                return parse_grouping(parser, node) < 0 ? NULL : node;
        if (parse_grouping(parser, node) < 0)
                return NULL;
        node->without = without;
        return node;
}

/* ---- expressions ---- */

static struct query_expression *parse_named(struct parser *parser)
{
        struct sv word = peek_word(parser);
        for (size_t i = 0; i < AGGREGATES; i++)
                if (sv_eq(word, sv_of(aggregates[i])))
                        return parse_aggregate(parser, i);
        for (size_t i = 0; i < FUNCTIONS; i++)
                if (sv_eq(word, sv_of(functions[i].name)))
                        return parse_function(parser, i);
        struct query_expression *node = parse_selector(parser);
        if (node && peek(parser) == '[')
                return refuse(parser, "a range stands in a function, such as avg_over_time(%s[5m])",
                        history_metric_at(node->metric)->name);
        return node;
}

static struct query_expression *binary(struct parser *parser, enum query_operator operator, size_t at,
        struct query_expression *left, struct query_expression *right)
{
        struct query_expression *node = left && right ? new_node(parser, QUERY_BINARY) : NULL;
        if (!node)
                return NULL;
        node->operator= operator;
        node->left = left;
        node->right = right;
        node->scalar = left->scalar && right->scalar;
        if (node->scalar && query_compares(operator))
                return refuse_at(parser, at, "a comparison needs series on one side");
        return node;
}

static struct query_expression *parse_unary(struct parser *parser)
{
        struct query_expression *node = NULL;
        const char next = peek(parser);
        const size_t at = position(parser);
        if (++parser->depth > QUERY_DEPTH_MAX)
                return refuse_(parser, at, E_TOO_LARGE, "nested more than %d deep", QUERY_DEPTH_MAX);
        if (next == '-') {
                skip(parser, 1);
                struct query_expression *zero = new_node(parser, QUERY_NUMBER);
                struct query_expression *right = zero ? parse_unary(parser) : NULL;
                if (zero)
                        zero->scalar = true;
                node = binary(parser, OPERATOR_SUBTRACT, at, zero, right);
        } else if (next == '(') {
                skip(parser, 1);
                node = parse_expression(parser);
                if (node && expect(parser, ')') < 0)
                        node = NULL;
        } else if (is_digit(next) || next == '.') {
                node = new_node(parser, QUERY_NUMBER);
                if (node && parse_number(parser, &node->number) < 0)
                        return NULL;
                if (node)
                        node->scalar = true;
        } else {
                node = parse_named(parser);
        }
        parser->depth--;
        return node;
}

static struct query_expression *parse_product(struct parser *parser)
{
        struct query_expression *left = parse_unary(parser);
        while (left && (peek(parser) == '*' || peek(parser) == '/')) {
                const size_t at = position(parser);
                enum query_operator operator= peek(parser) == '*' ? OPERATOR_MULTIPLY : OPERATOR_DIVIDE;
                skip(parser, 1);
                left = binary(parser, operator, at, left, parse_unary(parser));
        }
        return left;
}

static struct query_expression *parse_sum(struct parser *parser)
{
        struct query_expression *left = parse_product(parser);
        while (left && (peek(parser) == '+' || peek(parser) == '-')) {
                const size_t at = position(parser);
                enum query_operator operator= peek(parser) == '+' ? OPERATOR_ADD : OPERATOR_SUBTRACT;
                skip(parser, 1);
                left = binary(parser, operator, at, left, parse_product(parser));
        }
        return left;
}

static bool take_comparison(struct parser *parser, enum query_operator *ret)
{
        static const char *const signs[] = { "==", "!=", ">=", "<=", ">", "<" };
        skip_space(parser);
        for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
                if (sv_starts(parser->rest, sv_of(signs[i]))) {
                        skip(parser, strlen(signs[i]));
                        *ret = (enum query_operator)(OPERATOR_EQUAL + i);
                        return true;
                }
        return false;
}

static struct query_expression *parse_expression(struct parser *parser)
{
        enum query_operator operator;
        if (++parser->depth > QUERY_DEPTH_MAX)
                return refuse_(parser, position(parser), E_TOO_LARGE, "nested more than %d deep", QUERY_DEPTH_MAX);
        struct query_expression *left = parse_sum(parser);
        while (left) {
                skip_space(parser);
                const size_t at = position(parser);
                if (!take_comparison(parser, &operator))
                        break;
                left = binary(parser, operator, at, left, parse_sum(parser));
        }
        parser->depth--;
        return left;
}

/* ---- the times ---- */

static int64_t good_step(int64_t span_ns)
{
        static const int64_t steps[] = { 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE,
                15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY };
        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
                if (span_ns / steps[i] <= 72)
                        return steps[i];
        return (span_ns / 60 / DAY + 1) * DAY;
}

static int take_times(struct history_query *query, int64_t start_ns, int64_t end_ns, int64_t step_ns, struct error *err)
{
        if (start_ns < 0 || end_ns > INT64_MAX / 2 || start_ns >= end_ns)
                return fail(err, E_INVALID, "query: the start must lie before the end");
        if (step_ns == 0)
                step_ns = good_step(end_ns - start_ns);
        if (step_ns < SECOND || step_ns > 3660 * DAY)
                return fail(err, E_INVALID, "query: a step from 1s to 10 years is needed");
        query->start_ns = history_floor(start_ns + step_ns - 1, step_ns);
        query->end_ns = history_floor(end_ns + step_ns - 1, step_ns);
        query->step_ns = step_ns;
        int64_t count = (query->end_ns - query->start_ns) / step_ns + 1;
        if (count > QUERY_POINTS_MAX)
                return fail(err, E_TOO_LARGE, "query: more than %d points; a longer step is needed", QUERY_POINTS_MAX);
        query->count = (size_t)count;
        return 0;
}

int history_query_parse(const char *text, int64_t start_ns, int64_t end_ns, int64_t step_ns, struct arena *arena,
        struct history_query *ret, struct error *err)
{
        struct history_query query = { .arena = arena };
        struct error unused;
        struct parser parser = { sv_of(text), text, arena, 0, 0, 0, err ? err : &unused };
        if (parser.rest.n > QUERY_LENGTH_MAX)
                return fail(err, E_TOO_LARGE, "query: longer than %d bytes", QUERY_LENGTH_MAX);
        query.expression = parse_expression(&parser);
        if (!query.expression)
                return -1;
        if (peek(&parser)) {
                refuse(&parser, "expected an operator or the end");
                return -1;
        }
        if (query.expression->scalar) {
                refuse_at(&parser, 1, "a number alone is no question");
                return -1;
        }
        if (take_times(&query, start_ns, end_ns, step_ns, err) < 0)
                return -1;
        *ret = query;
        return 0;
}
