#include "modules/metrics/cadvisor/api_json.h"

#include "base/encode.h"
#include "base/timefmt.h"

#include <math.h>

void go_plain_key(struct buf *out, const char *key, size_t length)
{
        go_separate(out);
        buf_append(out, key, length);
}

void go_begin(struct buf *out, char bracket)
{
        go_separate(out);
        buf_putc(out, bracket);
}

void go_uint(struct buf *out, uint64_t value)
{
        char text[DECIMAL_MAX];
        go_separate(out);
        buf_append(out, text, decimal_format(value, text));
}

void go_int(struct buf *out, int64_t value)
{
        char text[1 + DECIMAL_MAX] = "-";
        size_t sign = value < 0;
        size_t digits = decimal_format(sign ? 0 - (uint64_t)value : (uint64_t)value, text + sign);
        go_separate(out);
        buf_append(out, text, sign + digits);
}

void go_bool(struct buf *out, bool value)
{
        go_separate(out);
        buf_puts(out, value ? "true" : "false");
}

void go_null(struct buf *out)
{
        go_separate(out);
        buf_append(out, "null", 4);
}

/* ---- texts ---- */

static bool is_plain(unsigned char c)
{
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void put_escape(struct buf *out, unsigned char c)
{
        static const char letters[] = "\b\t\n\f\r\"\\";
        static const char escapes[] = "btnfr\"\\";
        const char *letter = c ? strchr(letters, c) : NULL;
        if (letter)
                buf_append(out, (char[]){ '\\', escapes[letter - letters] }, 2);
        else
                buf_printf(out, "\\u%04x", c);
}

static void put_quoted(struct buf *out, struct sv text)
{
        buf_putc(out, '"');
        size_t begin = 0; /* of the run that stands as it is */
        for (size_t at = 0; at < text.n;) {
                unsigned char c = (unsigned char)text.p[at];
                uint32_t code = 0;
                size_t length = c < 0x80 ? 1 : utf8_decode(sv_n(text.p + at, text.n - at), &code);
                if (is_plain(c) || (length > 1 && code != 0x2028 && code != 0x2029)) {
                        at += length;
                        continue;
                }
                buf_append(out, text.p + begin, at - begin);
                if (c < 0x80)
                        put_escape(out, c);
                else
                        buf_printf(out, "\\u%04x", length ? code : 0xfffd);
                at += length ? length : 1;
                begin = at;
        }
        buf_append(out, text.p + begin, text.n - begin);
        buf_putc(out, '"');
}

void go_string(struct buf *out, struct sv text)
{
        go_separate(out);
        put_quoted(out, text);
}

void go_text(struct buf *out, const char *text)
{
        go_string(out, sv_of(text));
}

void go_map_key(struct buf *out, struct sv key)
{
        go_string(out, key);
        buf_putc(out, ':');
}

/* Not what Go's unicode.IsPrint lets stand: controls, spaces other than ' ', formats, surrogates, private use and
 * what is no character. Unassigned code points pass: which they are changes every year. */
static bool is_printable(uint32_t code)
{
        static const uint32_t ranges[][2] = { { 0, 0x1f }, { 0x7f, 0xa0 }, { 0xad, 0xad }, { 0x600, 0x605 },
                { 0x61c, 0x61c }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f }, { 0x1680, 0x1680 }, { 0x180e, 0x180e },
                { 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x3000, 0x3000 }, { 0xd800, 0xf8ff },
                { 0xfdd0, 0xfdef }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0xe00ff },
                { 0xf0000, 0x10ffff } };
        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
                if (code >= ranges[i][0] && code <= ranges[i][1])
                        return false;
        return true;
}

static void quote_rune(struct buf *out, uint32_t code)
{
        static const char letters[] = "\a\b\f\n\r\t\v";
        static const char escapes[] = "abfnrtv";
        const char *letter = code && code < 0x80 ? strchr(letters, (int)code) : NULL;
        if (letter)
                buf_append(out, (char[]){ '\\', escapes[letter - letters] }, 2);
        else if (code < 0x20 || code == 0x7f)
                buf_printf(out, "\\x%02x", code);
        else
                buf_printf(out, code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
}

void go_quote(struct buf *out, struct sv text)
{
        buf_putc(out, '"');
        for (size_t at = 0; at < text.n;) {
                uint32_t code;
                size_t length = utf8_decode(sv_n(text.p + at, text.n - at), &code);
                if (length == 0) {
                        buf_printf(out, "\\x%02x", (unsigned char)text.p[at++]);
                        continue;
                }
                if (code == '"' || code == '\\')
                        buf_putc(out, '\\');
                if (is_printable(code))
                        buf_append(out, text.p + at, length);
                else
                        quote_rune(out, code);
                at += length;
        }
        buf_putc(out, '"');
}

/* ---- floats and times ---- */

/* 0.DIGITS moved by power + 1 places, filled up with zeros. */
static void put_positional(struct buf *out, const char *digits, size_t count, int power)
{
        if (power < 0)
                buf_puts(out, "0.");
        for (int i = power; i < -1; i++)
                buf_putc(out, '0');
        for (size_t i = 0; i < count; i++) {
                if (power >= 0 && i == (size_t)power + 1)
                        buf_putc(out, '.');
                buf_putc(out, digits[i]);
        }
        for (int i = (int)count; i <= power; i++)
                buf_putc(out, '0');
}

/* The shortest digits that read back as the same number, written as ECMAScript does: exponents from 1e21 and below
 * 1e-6 only (encoding/json's floatEncoder). */
static void put_shortest(struct buf *out, double value, bool single)
{
        go_separate(out);
        if (!isfinite(value) || value == 0) {
                buf_puts(out, signbit(value) && value == 0 ? "-0" : "0");
                return;
        }
        char text[40];
        for (int digits = 0; digits < (single ? 9 : 17); digits++) {
                snprintf(text, sizeof(text), "%.*e", digits, value);
                if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
                        break;
        }
        double size = fabs(value);
        if (value < 0)
                buf_putc(out, '-');
        bool exponent = single ? (float)size < 1e-6F || (float)size >= 1e21F : size < 1e-6 || size >= 1e21;
        char *e = strchr(text, 'e');
        if (exponent) {
                /* at least two digits of the exponent, but Go turns e-09 into e-9 */
                if (e && e[1] == '-' && e[2] == '0')
                        memmove(e + 2, e + 3, strlen(e + 3) + 1);
                buf_puts(out, text + (text[0] == '-'));
                return;
        }
        char digits[24];
        size_t count = 0;
        for (const char *at = text; at != e && *at; at++)
                if (*at >= '0' && *at <= '9' && count < sizeof(digits))
                        digits[count++] = *at;
        put_positional(out, digits, count, e ? (int)strtol(e + 1, NULL, 10) : 0);
}

void go_double(struct buf *out, double value)
{
        put_shortest(out, value, false);
}

void go_float(struct buf *out, float value)
{
        put_shortest(out, (double)value, true);
}

/* Seconds east of Greenwich at that moment. */
static int64_t local_offset(int64_t unix_ns)
{
        time_t when = (time_t)(unix_ns / SECOND);
        struct tm tm;
        return localtime_r(&when, &tm) ? tm.tm_gmtoff : 0;
}

void go_time(struct buf *out, int64_t unix_ns)
{
        go_separate(out);
        if (unix_ns == 0) {
                buf_puts(out, "\"0001-01-01T00:00:00Z\"");
                return;
        }
        char text[TIME_TEXT_MAX];
        int64_t offset = local_offset(unix_ns);
        if (__builtin_add_overflow(unix_ns, offset * SECOND, &unix_ns))
                offset = 0;
        time_format_rfc3339(unix_ns, text);
        size_t length = strlen(text);
        buf_putc(out, '"');
        buf_append(out, text, offset ? length - 1 : length);
        if (offset) {
                int64_t minutes = (offset < 0 ? -offset : offset) / 60;
                buf_printf(out, "%c%02d:%02d", offset < 0 ? '-' : '+', (int)(minutes / 60), (int)(minutes % 60));
        }
        buf_putc(out, '"');
}

/* ---- tables ---- */

static void put_uints(struct buf *out, const uint64_t *values, size_t count)
{
        buf_putc(out, '[');
        for (size_t i = 0; i < count; i++)
                go_uint(out, values[i]);
        buf_putc(out, ']');
}

/* A key and a number in one reservation: most of an answer is these. */
static void put_number(struct buf *out, const struct go_field *field, uint64_t value, bool negative)
{
        enum { BESIDE = 2 }; /* comma and sign */
        char *room = buf_reserve(out, field->key_length + BESIDE + DECIMAL_MAX);
        if (!room)
                return;
        char *at = room;
        if (room > out->data && room[-1] != '{')
                *at++ = ',';
        memcpy(at, field->key, field->key_length);
        at += field->key_length;
        if (negative)
                *at++ = '-';
        at += decimal_format(value, at);
        *at = '\0';
        out->len += (size_t)(at - room);
}

static void put_signed(struct buf *out, const struct go_field *field, int64_t value)
{
        put_number(out, field, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

/* The value as a number, for the kinds that are one. */
static int64_t number_of(const struct go_field *field, const void *value)
{
        switch (field->kind) {
        case GO_BOOL:
                return *(const bool *)value;
        case GO_INT32:
                return *(const int32_t *)value;
        case GO_UINT32:
                return *(const uint32_t *)value;
        default:
                return *(const int64_t *)value;
        }
}

static bool is_empty(const struct go_field *field, const void *base, const void *value)
{
        switch (field->kind) {
        case GO_TEXT: {
                const char *text = *(const char *const *)value;
                return !text || !*text;
        }
        case GO_DOUBLE:
                return *(const double *)value == 0;
        case GO_UINTS:
                return *(const size_t *)((const char *)base + field->count_offset) == 0;
        default:
                return number_of(field, value) == 0;
        }
}

static void put_field(struct buf *out, const struct go_field *field, const void *base, const void *value)
{
        switch (field->kind) {
        case GO_BOOL:
                go_plain_key(out, field->key, field->key_length);
                go_bool(out, *(const bool *)value);
                break;
        case GO_UINT64:
                put_number(out, field, *(const uint64_t *)value, false);
                break;
        case GO_INT32:
        case GO_UINT32:
        case GO_INT64:
                put_signed(out, field, number_of(field, value));
                break;
        case GO_DOUBLE:
                go_plain_key(out, field->key, field->key_length);
                go_double(out, *(const double *)value);
                break;
        case GO_TEXT:
                go_plain_key(out, field->key, field->key_length);
                go_text(out, *(const char *const *)value);
                break;
        case GO_UINTS: {
                size_t count = *(const size_t *)((const char *)base + field->count_offset);
                go_plain_key(out, field->key, field->key_length);
                if (count)
                        put_uints(out, *(const uint64_t *const *)value, count);
                else
                        go_null(out);
                break;
        }
        case GO_OBJECT:
                go_plain_key(out, field->key, field->key_length);
                buf_putc(out, '{');
                break;
        case GO_OBJECT_END:
                buf_putc(out, '}');
                break;
        case GO_VALUE:
                go_plain_key(out, field->key, field->key_length);
                field->put(out, value);
                break;
        default: /* GO_MEMBERS */
                field->put(out, base);
        }
}

void go_members(struct buf *out, const struct go_field *fields, const void *base)
{
        for (const struct go_field *field = fields; field->kind != GO_END_OF_TABLE; field++) {
                const void *value = (const char *)base + field->offset;
                if (!field->omit_empty || !is_empty(field, base, value))
                        put_field(out, field, base, value);
        }
}

void go_object(struct buf *out, const struct go_field *fields, const void *base)
{
        go_begin(out, '{');
        go_members(out, fields, base);
        buf_putc(out, '}');
}
