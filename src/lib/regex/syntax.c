#include "lib/regex/syntax_parser.h"

#include "lib/regex/regex.h"

#define RUNE_MAX 0x10ffffU
#define PROGRAM_MAX (16U * REGEX_PATTERN_MAX) /* the longest form of one byte is \x{ff} or so */

static int no_memory(struct syntax_parser *parser)
{
        return fail(parser->err, E_NO_MEMORY, "regexp needs more memory than is allowed to parse it");
}

static struct syntax_node *node_new(struct syntax_parser *parser, enum syntax_op op)
{
        struct syntax_node *node = arena_new(parser->arena, struct syntax_node);
        if (node) {
                node->op = op;
                node->size = 1;
                node->height = 1;
                node->repeats = 1;
        }
        return node;
}

/* Go's limits on a node that was just made. */
static int check_limits(struct syntax_parser *parser, const struct syntax_node *node)
{
        const char *end = parser->whole.p + parser->whole.n;
        if (node->size > SYNTAX_SIZE_MAX)
                return syntax_refuse(parser, "expression too large", parser->whole.p, end);
        if (node->height > SYNTAX_HEIGHT_MAX)
                return syntax_refuse(parser, "expression nests too deeply", parser->whole.p, end);
        return 0;
}

static int push(struct syntax_parser *parser, struct syntax_node *node)
{
        struct syntax_frame *frame = parser->frame;
        if (!node)
                return no_memory(parser);
        *frame->items_end = node;
        frame->items_end = &node->next;
        frame->last = node;
        frame->item_count++;
        return check_limits(parser, node);
}

static int push_op(struct syntax_parser *parser, enum syntax_op op, size_t length)
{
        buf_append(&parser->result->program, parser->at, length);
        parser->at += length;
        return push(parser, node_new(parser, op));
}

static int push_literal(struct syntax_parser *parser, uint32_t rune)
{
        struct syntax_node *node = node_new(parser, SYNTAX_CHARACTER);
        if (!node)
                return no_memory(parser);
        syntax_set_add(&node->set, rune, rune, parser->flags & SYNTAX_FOLD);
        syntax_note_range(parser, rune, rune);
        syntax_emit(parser, rune);
        return push(parser, node);
}

static int push_any(struct syntax_parser *parser)
{
        struct syntax_node *node = node_new(parser, SYNTAX_CHARACTER);
        if (!node)
                return no_memory(parser);
        syntax_set_add(&node->set, 0, RUNE_MAX, false);
        if (!(parser->flags & SYNTAX_DOT_NEWLINE))
                node->set.ascii[0] &= ~(UINT64_C(1) << '\n');
        parser->result->sees_invalid = true;
        buf_putc(&parser->result->program, '.');
        parser->at++;
        return push(parser, node);
}

/* Joins a list of siblings: none is the empty match, one is itself. */
static struct syntax_node *join(
        struct syntax_parser *parser, enum syntax_op op, struct syntax_node *first, size_t count)
{
        if (count == 1)
                return first;
        struct syntax_node *node = node_new(parser, count ? op : SYNTAX_EMPTY);
        if (!node || count == 0)
                return node;
        node->child = first;
        node->size = op == SYNTAX_ALTERNATE ? (int64_t)count - 1 : 0;
        for (const struct syntax_node *child = first; child; child = child->next) {
                node->size += child->size;
                if (node->height <= child->height)
                        node->height = child->height + 1;
                if (node->repeats < child->repeats)
                        node->repeats = child->repeats;
        }
        return node;
}

static int end_alternative(struct syntax_parser *parser)
{
        struct syntax_frame *frame = parser->frame;
        struct syntax_node *node = join(parser, SYNTAX_CONCAT, frame->items, frame->item_count);
        if (!node)
                return no_memory(parser);
        *frame->alternatives_end = node;
        frame->alternatives_end = &node->next;
        frame->alternative_count++;
        frame->items = NULL;
        frame->items_end = &frame->items;
        frame->last = NULL;
        frame->item_count = 0;
        return check_limits(parser, node);
}

static int open_frame(struct syntax_parser *parser, bool capture, struct sv name)
{
        struct syntax_frame *frame = arena_new(parser->arena, struct syntax_frame);
        if (!frame)
                return no_memory(parser);
        frame->up = parser->frame;
        frame->flags = parser->flags;
        frame->capture = capture;
        frame->alternatives_end = &frame->alternatives;
        frame->items_end = &frame->items;
        parser->frame = frame;
        if (!capture)
                return 0;
        struct syntax *result = parser->result;
        if (++result->groups >= parser->names_capacity) {
                size_t capacity = parser->names_capacity * 2 + 16;
                const char **names = arena_array(parser->arena, capacity, sizeof(*names));
                if (!names)
                        return no_memory(parser);
                if (parser->names_capacity)
                        memcpy(names, result->names, parser->names_capacity * sizeof(*names));
                result->names = names;
                parser->names_capacity = capacity;
        }
        /* Without the name: libre2 refuses a name that is used twice, Go does not. */
        buf_putc(&result->program, '(');
        if (name.p && !(result->names[result->groups] = arena_strndup(parser->arena, name.p, name.n)))
                return no_memory(parser);
        return 0;
}

static int close_frame(struct syntax_parser *parser)
{
        if (end_alternative(parser) != 0)
                return -1;
        struct syntax_frame *frame = parser->frame;
        struct syntax_node *node = join(parser, SYNTAX_ALTERNATE, frame->alternatives, frame->alternative_count);
        if (!node)
                return no_memory(parser);
        if (!frame->up)
                return syntax_refuse(parser, "unexpected )", parser->whole.p, parser->whole.p + parser->whole.n);
        if (frame->capture) {
                struct syntax_node *capture = node_new(parser, SYNTAX_CAPTURE);
                if (!capture)
                        return no_memory(parser);
                capture->child = node;
                capture->size = node->size + 2;
                capture->height = node->height + 1;
                capture->repeats = node->repeats;
                node = capture;
        }
        parser->flags = frame->flags;
        parser->frame = frame->up;
        buf_putc(&parser->result->program, ')');
        parser->at++;
        return push(parser, node);
}

/* Turns the last item into its repetition. `before` is where the operator starts, parser->at stands behind it;
 * last_repeat is the operator directly before it, or NULL. */
static int repeat(struct syntax_parser *parser, int min, int max, const char *before, const char *last_repeat)
{
        if (parser->at < parser->end && *parser->at == '?')
                parser->at++;
        if (last_repeat)
                return syntax_refuse(parser, "invalid nested repetition operator", last_repeat, parser->at);
        struct syntax_node *node = parser->frame->last;
        if (!node)
                return syntax_refuse(parser, "missing argument to repetition operator", before, parser->at);
        struct syntax_node *child = arena_new(parser->arena, struct syntax_node);
        if (!child)
                return no_memory(parser);
        *child = *node; /* the list's end points into node, so node stays and becomes the repetition */
        child->next = NULL;
        *node = (struct syntax_node){ .op = SYNTAX_REPEAT, .min = min, .max = max, .child = child };
        node->height = child->height + 1;
        if (max < 0)
                node->size = min == 0 ? 2 + child->size : 1 + min * child->size;
        else
                node->size = max * child->size + (max - min);
        if (node->size < 1)
                node->size = 1;
        int factor = max < 0 ? min : max;
        node->repeats = max == 0 ? 1 : child->repeats * (factor > 1 ? factor : 1);
        if ((min >= 2 || max >= 2) && node->repeats > SYNTAX_REPEAT_MAX)
                return syntax_refuse(parser, "invalid repeat count", before, parser->at);
        buf_append(&parser->result->program, before, (size_t)(parser->at - before));
        return check_limits(parser, node);
}

/* A decimal without leading zeros at *at: 1 and *ret (-1 when too big), or 0. */
static bool decimal(const char **at, const char *end, int *ret)
{
        const char *p = *at;
        if (p == end || *p < '0' || *p > '9' || (*p == '0' && end - p > 1 && p[1] >= '0' && p[1] <= '9'))
                return false;
        int value = 0;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
                if (value >= 0)
                        value = value >= 100000000 ? -1 : value * 10 + (*p - '0');
        }
        *at = p;
        *ret = value;
        return true;
}

/* {2}, {2,} or {2,5} at parser->at: true and parser->at behind it; *ret_min -1 when a number was too big. */
static bool counts(struct syntax_parser *parser, int *ret_min, int *ret_max)
{
        const char *at = parser->at + 1;
        const char *end = parser->end;
        int min;
        int max;
        if (!decimal(&at, end, &min) || at == end)
                return false;
        max = min;
        if (*at == ',') {
                at++;
                if (at == end)
                        return false;
                if (*at == '}') {
                        max = -1;
                } else {
                        if (!decimal(&at, end, &max))
                                return false;
                        if (max < 0)
                                min = -1;
                }
        }
        if (at == end || *at != '}')
                return false;
        parser->at = at + 1;
        *ret_min = min;
        *ret_max = max;
        return true;
}

/* "(?P<name>" or "(?<name>": name_start behind the '<'. */
static int named_group(struct syntax_parser *parser, const char *name_start)
{
        const char *start = parser->at;
        const char *close = memchr(start, '>', (size_t)(parser->end - start));
        uint32_t c;
        parser->at = close ? name_start : start;
        for (const char *end = close ? close : parser->end; parser->at < end;) {
                if (syntax_next(parser, &c) != 0)
                        return -1;
        }
        if (!close)
                return syntax_refuse(parser, "invalid named capture", start, parser->end);
        struct sv name = sv_n(name_start, (size_t)(close - name_start));
        bool good = name.n > 0;
        for (size_t i = 0; i < name.n; i++) {
                char l = (char)(name.p[i] | 0x20);
                good = good && ((l >= 'a' && l <= 'z') || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '_');
        }
        if (!good)
                return syntax_refuse(parser, "invalid named capture", start, close + 1);
        parser->at = close + 1;
        return open_frame(parser, true, name);
}

static unsigned flag_of(uint32_t c)
{
        switch (c) {
        case 'i':
                return SYNTAX_FOLD;
        case 'm':
                return SYNTAX_MULTILINE;
        case 's':
                return SYNTAX_DOT_NEWLINE;
        case 'U':
                return SYNTAX_UNGREEDY;
        default:
                return 0;
        }
}

/* At "(?": a named group, flags, or a group with flags. */
static int perl_group(struct syntax_parser *parser)
{
        const char *start = parser->at;
        size_t left = (size_t)(parser->end - start);
        if (left > 4 && start[2] == 'P' && start[3] == '<')
                return named_group(parser, start + 4);
        if (left > 3 && start[2] == '<')
                return named_group(parser, start + 3);
        unsigned flags = parser->flags;
        bool negative = false;
        bool saw_flag = false;
        parser->at += 2;
        while (parser->at < parser->end) {
                uint32_t c;
                if (syntax_next(parser, &c) != 0)
                        return -1;
                unsigned flag = flag_of(c);
                if (flag) {
                        flags = negative ? flags & ~flag : flags | flag;
                        saw_flag = true;
                } else if (c == '-' && !negative) {
                        negative = true;
                        saw_flag = false;
                } else if ((c == ':' || c == ')') && (!negative || saw_flag)) {
                        buf_append(&parser->result->program, start, (size_t)(parser->at - start));
                        if (c == ':' && open_frame(parser, false, (struct sv){ 0 }) != 0)
                                return -1;
                        parser->flags = flags;
                        return 0;
                } else {
                        break;
                }
        }
        return syntax_refuse(parser, "invalid or unsupported Perl syntax", start, parser->at);
}

/* \Q...\E, or to the end. */
static int quoted(struct syntax_parser *parser)
{
        parser->at += 2;
        const char *stop = memmem(parser->at, (size_t)(parser->end - parser->at), "\\E", 2);
        const char *end = stop ? stop : parser->end;
        while (parser->at < end) {
                uint32_t c;
                if (syntax_next(parser, &c) != 0 || push_literal(parser, c) != 0)
                        return -1;
        }
        if (stop)
                parser->at += 2;
        return 0;
}

static int backslash(struct syntax_parser *parser)
{
        if (parser->end - parser->at >= 2) {
                switch (parser->at[1]) {
                case 'A':
                        return push_op(parser, SYNTAX_BEGIN, 2);
                case 'z':
                        return push_op(parser, SYNTAX_END, 2);
                case 'b':
                        return push_op(parser, SYNTAX_WORD_BOUNDARY, 2);
                case 'B':
                        parser->result->not_word_boundary = parser->result->sees_invalid = true;
                        return push_op(parser, SYNTAX_NOT_WORD_BOUNDARY, 2);
                case 'C':
                        return syntax_refuse(parser, "invalid escape sequence", parser->at, parser->at + 2);
                case 'Q':
                        return quoted(parser);
                default:
                        break;
                }
        }
        struct syntax_set set = { 0 };
        int taken = syntax_class_escape(parser, &set);
        if (taken < 0)
                return -1;
        if (taken > 0) {
                struct syntax_node *node = node_new(parser, SYNTAX_CHARACTER);
                if (node)
                        node->set = set;
                return push(parser, node);
        }
        uint32_t c;
        if (syntax_escape(parser, &c) != 0)
                return -1;
        return push_literal(parser, c);
}

static int character(struct syntax_parser *parser)
{
        uint32_t c;
        if (syntax_next(parser, &c) != 0)
                return -1;
        return push_literal(parser, c);
}

static int brackets(struct syntax_parser *parser)
{
        struct syntax_node *node = node_new(parser, SYNTAX_CHARACTER);
        if (!node)
                return no_memory(parser);
        if (syntax_class(parser, &node->set) != 0)
                return -1;
        return push(parser, node);
}

/* One token. *last_repeat: see repeat(); set to where this token starts if it is a repetition, else to NULL. */
static int token(struct syntax_parser *parser, const char **last_repeat)
{
        const char *start = parser->at;
        const char *previous = *last_repeat;
        int min = 0;
        int max = -1;
        *last_repeat = NULL;
        switch (*start) {
        case '(':
                if (parser->end - start >= 2 && start[1] == '?')
                        return perl_group(parser);
                parser->at++;
                return open_frame(parser, true, (struct sv){ 0 });
        case ')':
                return close_frame(parser);
        case '|':
                buf_putc(&parser->result->program, '|');
                parser->at++;
                return end_alternative(parser);
        case '^':
                return push_op(parser, SYNTAX_BEGIN, 1);
        case '$':
                return push_op(parser, SYNTAX_END, 1);
        case '.':
                return push_any(parser);
        case '[':
                return brackets(parser);
        case '\\':
                return backslash(parser);
        case '*':
        case '+':
        case '?':
                min = *start == '+';
                max = *start == '?' ? 1 : -1;
                parser->at++;
                *last_repeat = start;
                return repeat(parser, min, max, start, previous);
        case '{':
                if (!counts(parser, &min, &max))
                        return character(parser);
                if (min < 0 || min > SYNTAX_REPEAT_MAX || max > SYNTAX_REPEAT_MAX || (max >= 0 && min > max))
                        return syntax_refuse(parser, "invalid repeat count", start, parser->at);
                *last_repeat = start;
                return repeat(parser, min, max, start, previous);
        default:
                return character(parser);
        }
}

int syntax_parse(struct arena *arena, struct sv pattern, unsigned flags, struct syntax *ret, struct error *err)
{
        *ret = (struct syntax){ 0 };
        buf_init(&ret->program, PROGRAM_MAX);
        struct syntax_parser parser = { .arena = arena, .whole = pattern, .result = ret, .err = err };
        parser.at = pattern.n ? pattern.p : "";
        parser.end = parser.at + pattern.n;
        parser.whole.p = parser.at;
        parser.flags = flags & REGEX_NOCASE ? SYNTAX_FOLD : 0;
        parser.bytes = flags & REGEX_BYTES;
        if (open_frame(&parser, false, (struct sv){ 0 }) != 0)
                return -1;
        const char *last_repeat = NULL;
        while (parser.at < parser.end) {
                int failed = flags & REGEX_LITERAL ? character(&parser) : token(&parser, &last_repeat);
                if (failed)
                        return -1;
        }
        if (end_alternative(&parser) != 0)
                return -1;
        struct syntax_frame *frame = parser.frame;
        if (frame->up)
                return syntax_refuse(&parser, "missing closing )", parser.whole.p, parser.end);
        ret->root = join(&parser, SYNTAX_ALTERNATE, frame->alternatives, frame->alternative_count);
        if (!ret->root || ret->program.failed)
                return no_memory(&parser);
        return check_limits(&parser, ret->root);
}
