/* The body of a v1 request, ContainerInfoRequest, as Go's json.Decoder reads it: the first value only, keys in any
 * case, an empty body is no body; and its errors word for word. */
#include "modules/metrics/cadvisor/api_internal.h"

#include "base/encode.h"

struct scanner {
        struct sv text;
        size_t at;
        struct buf *problem;
        uint8_t objects[API_DEPTH_MAX / 8 + 1]; /* bit a level: an object, else a list */
        size_t depth;
};

static bool ends(struct scanner *scanner)
{
        return scanner->at >= scanner->text.n;
}

static char peek(struct scanner *scanner)
{
        return scanner->text.p[scanner->at];
}

static int truncated(struct scanner *scanner)
{
        buf_puts(scanner->problem, "unexpected EOF");
        return -1;
}

/* "invalid character 'x' looking for beginning of value" at the present byte. */
static int invalid(struct scanner *scanner, const char *where)
{
        if (ends(scanner))
                return truncated(scanner);
        unsigned char c = (unsigned char)peek(scanner);
        buf_puts(scanner->problem, "invalid character ");
        if (c == '\'') {
                buf_puts(scanner->problem, "'\\''");
        } else if (c == '"') {
                buf_puts(scanner->problem, "'\"'");
        } else {
                /* Go quotes the byte as the code point of that number */
                char rune[2] = { (char)c, 0 };
                size_t size = 1;
                if (c >= 0x80) {
                        rune[0] = (char)(0xc0 | c >> 6);
                        rune[1] = (char)(0x80 | (c & 0x3f));
                        size = 2;
                }
                size_t open = scanner->problem->len;
                go_quote(scanner->problem, sv_n(rune, size));
                if (!scanner->problem->failed) {
                        scanner->problem->data[open] = '\'';
                        scanner->problem->data[scanner->problem->len - 1] = '\'';
                }
        }
        buf_printf(scanner->problem, " %s", where);
        return -1;
}

static void skip_space(struct scanner *scanner)
{
        while (!ends(scanner) && peek(scanner) && strchr(" \t\r\n", peek(scanner)))
                scanner->at++;
}

static size_t skip_digits(struct scanner *scanner)
{
        size_t start = scanner->at;
        while (!ends(scanner) && peek(scanner) >= '0' && peek(scanner) <= '9')
                scanner->at++;
        return scanner->at - start;
}

static bool skip_one(struct scanner *scanner, const char *of)
{
        if (ends(scanner) || !peek(scanner) || !strchr(of, peek(scanner)))
                return false;
        scanner->at++;
        return true;
}

static int skip_number(struct scanner *scanner)
{
        if (skip_one(scanner, "-") && (ends(scanner) || peek(scanner) < '0' || peek(scanner) > '9'))
                return invalid(scanner, "in numeric literal");
        if (!skip_one(scanner, "0"))
                skip_digits(scanner);
        if (skip_one(scanner, ".") && skip_digits(scanner) == 0)
                return invalid(scanner, "after decimal point in numeric literal");
        if (skip_one(scanner, "eE")) {
                skip_one(scanner, "+-");
                if (skip_digits(scanner) == 0)
                        return invalid(scanner, "in exponent of numeric literal");
        }
        return 0;
}

static int skip_word(struct scanner *scanner, const char *word)
{
        for (size_t i = 0; word[i]; i++) {
                if (ends(scanner) || peek(scanner) != word[i]) {
                        char where[48];
                        snprintf(where, sizeof(where), "in literal %s (expecting '%c')", word, word[i]);
                        return invalid(scanner, where);
                }
                scanner->at++;
        }
        return 0;
}

static int skip_escape(struct scanner *scanner)
{
        if (!skip_one(scanner, "u"))
                return skip_one(scanner, "bfnrt\\/\"") ? 0 : invalid(scanner, "in string escape code");
        for (int i = 0; i < 4; i++)
                if (!skip_one(scanner, "0123456789abcdefABCDEF"))
                        return invalid(scanner, "in \\u hexadecimal character escape");
        return 0;
}

/* From the opening quote on. */
static int skip_string(struct scanner *scanner)
{
        scanner->at++;
        for (;;) {
                if (ends(scanner))
                        return truncated(scanner);
                unsigned char c = (unsigned char)peek(scanner);
                if (c < 0x20)
                        return invalid(scanner, "in string literal");
                scanner->at++;
                if (c == '"')
                        return 0;
                if (c == '\\' && skip_escape(scanner) < 0)
                        return -1;
        }
}

static int skip_scalar(struct scanner *scanner)
{
        if (ends(scanner))
                return truncated(scanner);
        char c = peek(scanner);
        if (c == '"')
                return skip_string(scanner);
        if (c == 't')
                return skip_word(scanner, "true");
        if (c == 'f')
                return skip_word(scanner, "false");
        if (c == 'n')
                return skip_word(scanner, "null");
        if (c == '-' || (c >= '0' && c <= '9'))
                return skip_number(scanner);
        return invalid(scanner, "looking for beginning of value");
}

static bool in_object(const struct scanner *scanner)
{
        size_t level = scanner->depth - 1;
        return scanner->objects[level / 8] & 1U << level % 8;
}

static int skip_key(struct scanner *scanner)
{
        skip_space(scanner);
        if (ends(scanner) || peek(scanner) != '"')
                return invalid(scanner, "looking for beginning of object key string");
        if (skip_string(scanner) < 0)
                return -1;
        skip_space(scanner);
        if (!skip_one(scanner, ":"))
                return invalid(scanner, "after object key");
        return 0;
}

/* Opens a level. 1: a value follows; 0: it was empty and is closed again; -1: wrong. */
static int open_level(struct scanner *scanner, bool object)
{
        scanner->at++;
        if (scanner->depth == API_DEPTH_MAX) {
                buf_puts(scanner->problem, "exceeded max depth");
                return -1;
        }
        size_t level = scanner->depth++;
        if (object)
                scanner->objects[level / 8] |= (uint8_t)(1U << level % 8);
        else
                scanner->objects[level / 8] &= (uint8_t) ~(1U << level % 8);
        skip_space(scanner);
        if (skip_one(scanner, object ? "}" : "]")) {
                scanner->depth--;
                return 0;
        }
        return object && skip_key(scanner) < 0 ? -1 : 1;
}

/* After a value: 1 when another follows, 0 when the whole is complete, -1 when it is wrong. */
static int close_levels(struct scanner *scanner)
{
        while (scanner->depth) {
                bool object = in_object(scanner);
                skip_space(scanner);
                if (skip_one(scanner, ","))
                        return object && skip_key(scanner) < 0 ? -1 : 1;
                if (!skip_one(scanner, object ? "}" : "]"))
                        return invalid(scanner, object ? "after object key:value pair" : "after array element");
                scanner->depth--;
        }
        return 0;
}

static int skip_value(struct scanner *scanner)
{
        for (;;) {
                skip_space(scanner);
                char c = ends(scanner) ? '\0' : peek(scanner);
                int more = c == '{' || c == '[' ? open_level(scanner, c == '{') : skip_scalar(scanner) < 0 ? -1 : 0;
                if (more < 0)
                        return -1;
                if (more == 0 && (more = close_levels(scanner)) <= 0)
                        return more;
        }
}

/* ---- what the value means; its syntax is known to be right ---- */

static const char *kind_of(struct sv value)
{
        switch (*value.p) {
        case '{':
                return "object";
        case '[':
                return "array";
        case '"':
                return "string";
        case 't':
        case 'f':
                return "bool";
        default:
                return "number";
        }
}

static int read_count(struct sv value, struct api_body *ret, struct buf *problem)
{
        static const char where[] = " into Go struct field ContainerInfoRequest.num_stats of type int";
        if (*value.p == 'n')
                return 0;
        if (strcmp(kind_of(value), "number") == 0) {
                if (sv_parse_i64(value, &ret->num_stats))
                        return 0;
                buf_printf(problem, "json: cannot unmarshal number %.*s%s", SV_ARG(value), where);
                return -1;
        }
        buf_printf(problem, "json: cannot unmarshal %s%s", kind_of(value), where);
        return -1;
}

static int read_time(struct sv value, int64_t *ret_ns, struct buf *problem)
{
        if (*value.p == 'n')
                return 0;
        if (*value.p != '"') {
                buf_puts(problem, "Time.UnmarshalJSON: input is not a JSON string");
                return -1;
        }
        return api_time_parse(sv_n(value.p + 1, value.n - 2), ret_ns, problem);
}

static int read_member(struct sv key, struct sv value, struct api_body *ret, struct buf *problem)
{
        if (sv_eq_nocase(key, SV("num_stats")))
                return read_count(value, ret, problem);
        if (sv_eq_nocase(key, SV("start")))
                return read_time(value, &ret->start_ns, problem);
        if (sv_eq_nocase(key, SV("end")))
                return read_time(value, &ret->end_ns, problem);
        return 0;
}

static int read_object(struct scanner *scanner, struct api_body *ret)
{
        scanner->at = 0;
        skip_space(scanner);
        scanner->at++; /* the brace */
        for (;;) {
                skip_space(scanner);
                if (peek(scanner) == '}')
                        return 0;
                size_t start = scanner->at + 1;
                skip_string(scanner);
                struct sv key = sv_n(scanner->text.p + start, scanner->at - 1 - start);
                skip_space(scanner);
                scanner->at++; /* the colon */
                skip_space(scanner);
                start = scanner->at;
                skip_value(scanner);
                struct sv value = sv_n(scanner->text.p + start, scanner->at - start);
                if (read_member(key, value, ret, scanner->problem) < 0)
                        return -1;
                skip_space(scanner);
                skip_one(scanner, ",");
        }
}

int api_body_parse(struct sv body, struct api_body *ret, struct buf *problem)
{
        struct scanner scanner = { .text = body, .problem = problem };
        *ret = (struct api_body){ .num_stats = API_SAMPLES_V1 };
        skip_space(&scanner);
        if (ends(&scanner))
                return 0;
        size_t prefix = problem->len, start = scanner.at;
        buf_puts(problem, "unable to decode the json value: ");
        if (skip_value(&scanner) < 0)
                return -1;
        struct sv value = sv_n(body.p + start, scanner.at - start);
        if (*value.p == '{') {
                if (read_object(&scanner, ret) < 0)
                        return -1;
        } else if (*value.p != 'n') {
                buf_printf(problem, "json: cannot unmarshal %s into Go value of type model.ContainerInfoRequest",
                        kind_of(value));
                return -1;
        }
        problem->len = prefix;
        return 0;
}
