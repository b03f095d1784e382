#include "lib/regex/syntax_parser.h"

#include "base/encode.h"

#define RUNE_MAX 0x10ffffU
#define RUNE_ERROR 0xfffdU

int syntax_refuse(struct syntax_parser *parser, const char *reason, const char *from, const char *to)
{
        return fail(parser->err, E_INVALID, "error parsing regexp: %s: `%.*s`", reason, (int)(to - from), from);
}

int syntax_next(struct syntax_parser *parser, uint32_t *ret)
{
        if (parser->at == parser->end) {
                *ret = RUNE_ERROR;
                return 0;
        }
        if (parser->bytes) {
                *ret = (unsigned char)*parser->at++;
                return 0;
        }
        size_t length = utf8_decode(sv_n(parser->at, (size_t)(parser->end - parser->at)), ret);
        if (length == 0)
                return syntax_refuse(parser, "invalid UTF-8", parser->at, parser->end);
        parser->at += length;
        return 0;
}

void syntax_note_range(struct syntax_parser *parser, uint32_t low, uint32_t high)
{
        if ((low <= RUNE_ERROR && RUNE_ERROR <= high) || (low <= 0xdfff && high >= 0xd800))
                parser->result->sees_invalid = true;
}

void syntax_emit(struct syntax_parser *parser, uint32_t rune)
{
        if (parser->bytes && rune >= 0x80)
                parser->result->high_literal = true;
        if ((rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') || (rune >= '0' && rune <= '9'))
                buf_putc(&parser->result->program, (char)rune);
        else
                buf_printf(&parser->result->program, "\\x{%x}", rune);
}

static int hex_value(uint32_t c)
{
        if (c >= '0' && c <= '9')
                return (int)(c - '0');
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                return (int)((c | 0x20) - 'a' + 10);
        return -1;
}

static bool is_alnum(uint32_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool at_octal(const struct syntax_parser *parser)
{
        return parser->at < parser->end && *parser->at >= '0' && *parser->at <= '7';
}

/* After "\x". 1 for a value, 0 for none, -1 for invalid UTF-8. */
static int hex_escape(struct syntax_parser *parser, uint32_t *ret)
{
        uint32_t c;
        uint32_t largest = parser->bytes ? 0xff : RUNE_MAX;
        if (parser->at == parser->end)
                return 0;
        if (syntax_next(parser, &c) != 0)
                return -1;
        if (c != '{') {
                int high = hex_value(c);
                if (syntax_next(parser, &c) != 0)
                        return -1;
                int low = hex_value(c);
                if (high < 0 || low < 0)
                        return 0;
                *ret = (uint32_t)(high * 16 + low);
                return 1;
        }
        uint32_t value = 0;
        for (size_t digits = 0;; digits++) {
                if (parser->at == parser->end)
                        return 0;
                if (syntax_next(parser, &c) != 0)
                        return -1;
                if (c == '}') {
                        *ret = value;
                        return digits > 0;
                }
                int digit = hex_value(c);
                if (digit < 0)
                        return 0;
                value = value * 16 + (uint32_t)digit;
                if (value > largest)
                        return 0;
        }
}

int syntax_escape(struct syntax_parser *parser, uint32_t *ret)
{
        static const char letters[] = "afnrtv";
        static const char values[] = "\a\f\n\r\t\v";
        const char *start = parser->at++;
        uint32_t c;
        if (parser->at == parser->end)
                return syntax_refuse(parser, "trailing backslash at end of expression", "", "");
        if (syntax_next(parser, &c) != 0)
                return -1;
        if (c < 0x80 && !is_alnum(c)) {
                *ret = c;
                return 0;
        }
        const char *letter = c < 0x80 ? strchr(letters, (int)c) : NULL;
        if (letter) {
                *ret = (unsigned char)values[letter - letters];
                return 0;
        }
        /* A single digit that is not 0 would be a backreference. */
        if (c == '0' || (c >= '1' && c <= '7' && at_octal(parser))) {
                uint32_t value = c - '0';
                for (int i = 1; i < 3 && at_octal(parser); i++)
                        value = value * 8 + (uint32_t)(*parser->at++ - '0');
                if (!parser->bytes || value <= 0xff) {
                        *ret = value;
                        return 0;
                }
        }
        if (c == 'x') {
                int found = hex_escape(parser, ret);
                if (found != 0)
                        return found > 0 ? 0 : -1;
        }
        return syntax_refuse(parser, "invalid escape sequence", start, parser->at);
}

static void add_negated(struct syntax_parser *parser, struct syntax_set *set, struct syntax_set *group)
{
        syntax_set_negate(group);
        set->ascii[0] |= group->ascii[0];
        set->ascii[1] |= group->ascii[1];
        syntax_set_add_wide(set);
        parser->result->sees_invalid = true;
}

static int unicode_class(struct syntax_parser *parser, struct syntax_set *set)
{
        const char *start = parser->at;
        uint32_t c;
        parser->at += 2;
        if (syntax_next(parser, &c) != 0)
                return -1;
        if (c == '{') {
                const char *close = memchr(parser->at, '}', (size_t)(parser->end - parser->at));
                const char *name_end = close ? close : parser->end;
                while (parser->at < name_end) {
                        if (syntax_next(parser, &c) != 0)
                                return -1;
                }
                if (!close)
                        return syntax_refuse(parser, "invalid character class range", start, parser->end);
                parser->at = close + 1;
        }
        if (parser->at == start + 2)
                return syntax_refuse(parser, "invalid character class range", start, parser->end);
        buf_append(&parser->result->program, start, (size_t)(parser->at - start));
        set->ascii[0] = set->ascii[1] = UINT64_MAX;
        set->inexact = true;
        syntax_set_add_wide(set);
        parser->result->sees_invalid = true;
        return 1;
}

int syntax_class_escape(struct syntax_parser *parser, struct syntax_set *set)
{
        const char *at = parser->at;
        if (parser->end - at < 2 || *at != '\\')
                return 0;
        if (at[1] == 'p' || at[1] == 'P')
                return unicode_class(parser, set);
        static const char letters[] = "dDsSwW";
        static const char *const names[] = { "digit", "perl-space", "word" };
        const char *letter = at[1] ? strchr(letters, at[1]) : NULL;
        if (!letter)
                return 0;
        struct sv name = sv_of(names[(letter - letters) / 2]);
        bool fold = parser->flags & SYNTAX_FOLD;
        if ((letter - letters) % 2 == 0) {
                syntax_set_named(set, name, fold);
        } else {
                struct syntax_set group = { 0 };
                syntax_set_named(&group, name, fold);
                add_negated(parser, set, &group);
        }
        buf_append(&parser->result->program, at, 2);
        parser->at += 2;
        return 1;
}

/* "[:alpha:]" or "[:^alpha:]" inside of brackets: as syntax_class_escape. */
static int named_class(struct syntax_parser *parser, struct syntax_set *set)
{
        const char *at = parser->at;
        size_t left = (size_t)(parser->end - at);
        if (left <= 2 || at[0] != '[' || at[1] != ':')
                return 0;
        const char *close = memmem(at + 2, left - 2, ":]", 2);
        if (!close)
                return 0;
        struct sv name = sv_n(at + 2, (size_t)(close - at) - 2);
        bool negated = name.n > 0 && name.p[0] == '^';
        if (negated)
                name = sv_n(name.p + 1, name.n - 1);
        bool fold = parser->flags & SYNTAX_FOLD;
        struct syntax_set group = { 0 };
        if (sv_eq(name, SV("perl-space")) || !syntax_set_named(negated ? &group : set, name, fold))
                return syntax_refuse(parser, "invalid character class range", at, close + 2);
        if (negated)
                add_negated(parser, set, &group);
        parser->at = close + 2;
        buf_append(&parser->result->program, at, (size_t)(parser->at - at));
        return 1;
}

static int class_character(struct syntax_parser *parser, const char *class_start, uint32_t *ret)
{
        if (parser->at == parser->end)
                return syntax_refuse(parser, "missing closing ]", class_start, parser->end);
        return *parser->at == '\\' ? syntax_escape(parser, ret) : syntax_next(parser, ret);
}

static int class_range(struct syntax_parser *parser, const char *class_start, struct syntax_set *set)
{
        const char *start = parser->at;
        uint32_t low;
        if (class_character(parser, class_start, &low) != 0)
                return -1;
        uint32_t high = low;
        if (parser->end - parser->at >= 2 && parser->at[0] == '-' && parser->at[1] != ']') {
                parser->at++;
                if (class_character(parser, class_start, &high) != 0)
                        return -1;
                if (high < low)
                        return syntax_refuse(parser, "invalid character class range", start, parser->at);
        }
        syntax_set_add(set, low, high, parser->flags & SYNTAX_FOLD);
        syntax_note_range(parser, low, high);
        syntax_emit(parser, low);
        if (high != low) {
                buf_putc(&parser->result->program, '-');
                syntax_emit(parser, high);
        }
        return 0;
}

int syntax_class(struct syntax_parser *parser, struct syntax_set *set)
{
        const char *start = parser->at++;
        struct buf *program = &parser->result->program;
        bool negated = parser->at < parser->end && *parser->at == '^';
        buf_puts(program, negated ? "[^" : "[");
        if (negated)
                parser->at++;
        for (bool first = true; first || parser->at == parser->end || *parser->at != ']'; first = false) {
                int taken = named_class(parser, set);
                if (taken == 0)
                        taken = syntax_class_escape(parser, set);
                if (taken == 0)
                        taken = class_range(parser, start, set);
                if (taken < 0)
                        return -1;
        }
        parser->at++;
        buf_putc(program, ']');
        if (negated) {
                syntax_set_negate(set);
                parser->result->sees_invalid = true;
        }
        return 0;
}
