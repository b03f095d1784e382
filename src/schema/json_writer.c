#include "schema/json_writer.h"

#include "base/encode.h"

#include <math.h>

void json_writer_init(struct json_writer *writer, struct buf *out, unsigned indent)
{
        *writer = (struct json_writer){ .out = out, .indent = indent };
}

static void line_break(struct json_writer *writer)
{
        if (writer->indent == 0)
                return;
        buf_putc(writer->out, '\n');
        for (unsigned i = 0; i < writer->indent * writer->depth; i++)
                buf_putc(writer->out, ' ');
}

/* What has to stand before a value or a key at this place. */
static void separate(struct json_writer *writer)
{
        if (writer->after_key) {
                writer->after_key = false;
                return;
        }
        uint64_t bit = UINT64_C(1) << writer->depth;
        if (writer->not_first & bit)
                buf_putc(writer->out, ',');
        writer->not_first |= bit;
        if (writer->depth)
                line_break(writer);
}

static void open_level(struct json_writer *writer, char bracket)
{
        separate(writer);
        buf_putc(writer->out, bracket);
        if (writer->depth + 1 >= JSON_WRITER_DEPTH) {
                writer->out->failed = true;
                return;
        }
        writer->depth++;
        writer->not_first &= ~(UINT64_C(1) << writer->depth);
}

static void close_level(struct json_writer *writer, char bracket)
{
        bool filled = writer->not_first & (UINT64_C(1) << writer->depth);
        if (writer->depth)
                writer->depth--;
        if (filled)
                line_break(writer);
        buf_putc(writer->out, bracket);
}

void json_begin_object(struct json_writer *writer)
{
        open_level(writer, '{');
}

void json_end_object(struct json_writer *writer)
{
        close_level(writer, '}');
}

void json_begin_array(struct json_writer *writer)
{
        open_level(writer, '[');
}

void json_end_array(struct json_writer *writer)
{
        close_level(writer, ']');
}

static const uint64_t EACH = UINT64_C(0x0101010101010101);

/* Bit 7 of each zero byte (and perhaps of others above it). */
static uint64_t zero_bytes(uint64_t eight)
{
        return (eight - EACH) & ~eight;
}

/* Do these eight bytes stand in JSON as they are? Printable ASCII but for the quote and the backslash. */
static bool is_plain(uint64_t eight)
{
        uint64_t other = eight | (eight - 0x20 * EACH) | zero_bytes(eight ^ '"' * EACH) |
                         zero_bytes(eight ^ '\\' * EACH) | zero_bytes(eight ^ 0x7f * EACH);
        return !(other & 0x80 * EACH);
}

/* How many bytes from the front need no escape: whole eights first, since texts are mostly plain. */
static size_t plain_length(struct sv text)
{
        size_t at = 0;
        uint64_t eight;
        for (; text.n - at >= sizeof(eight); at += sizeof(eight)) {
                memcpy(&eight, text.p + at, sizeof(eight));
                if (!is_plain(eight))
                        break;
        }
        for (; at < text.n; at++) {
                unsigned char c = (unsigned char)text.p[at];
                if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
                        break;
        }
        return at;
}

/* The byte at the front cannot stand as it is. */
static void put_escape(struct buf *out, unsigned char c)
{
        static const char letters[] = "\b\t\n\f\r\"\\";
        static const char escapes[] = "btnfr\"\\";
        const char *letter = c ? strchr(letters, c) : NULL;
        if (c >= 0x80)
                buf_puts(out, "\xef\xbf\xbd");
        else if (letter)
                buf_append(out, (char[]){ '\\', escapes[letter - letters] }, 2);
        else
                buf_printf(out, "\\u%04x", c);
}

static void put_quoted(struct buf *out, struct sv text)
{
        buf_putc(out, '"');
        size_t begin = 0; /* of the run that needs no escape */
        for (size_t at = 0; at < text.n;) {
                at += plain_length(sv_n(text.p + at, text.n - at));
                if (at == text.n)
                        break;
                uint32_t code;
                unsigned char c = (unsigned char)text.p[at];
                size_t length = c >= 0x80 ? utf8_decode(sv_n(text.p + at, text.n - at), &code) : 0;
                if (length) {
                        at += length;
                        continue;
                }
                buf_append(out, text.p + begin, at - begin);
                put_escape(out, c);
                begin = ++at;
        }
        buf_append(out, text.p + begin, text.n - begin);
        buf_putc(out, '"');
}

void json_key(struct json_writer *writer, const char *key)
{
        separate(writer);
        put_quoted(writer->out, sv_of(key));
        buf_puts(writer->out, writer->indent ? ": " : ":");
        writer->after_key = true;
}

void json_plain_key(struct json_writer *writer, struct sv key)
{
        separate(writer);
        const size_t size = key.n + 3 + (writer->indent != 0);
        char *room = buf_reserve(writer->out, size);
        writer->after_key = true;
        if (!room)
                return;
        room[0] = '"';
        memcpy(room + 1, key.p, key.n);
        memcpy(room + 1 + key.n, "\": ", size - key.n - 1);
        room[size] = '\0';
        writer->out->len += size;
}

void json_put_string(struct json_writer *writer, struct sv text)
{
        separate(writer);
        put_quoted(writer->out, text);
}

void json_put_text(struct json_writer *writer, const char *text)
{
        if (text)
                json_put_string(writer, sv_of(text));
        else
                json_put_null(writer);
}

void json_put_int(struct json_writer *writer, int64_t value)
{
        char text[1 + DECIMAL_MAX] = "-";
        size_t sign = value < 0;
        size_t digits = decimal_format(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, text + sign);
        separate(writer);
        buf_append(writer->out, text, sign + digits);
}

void json_put_uint(struct json_writer *writer, uint64_t value)
{
        char text[DECIMAL_MAX];
        size_t digits = decimal_format(value, text);
        separate(writer);
        buf_append(writer->out, text, digits);
}

void json_put_double(struct json_writer *writer, double value)
{
        if (!isfinite(value)) {
                json_put_null(writer);
                return;
        }
        separate(writer);
        char text[40];
        for (int digits = 15; digits <= 17; digits++) { /* the shortest text that reads back as the same number */
                snprintf(text, sizeof(text), "%.*g", digits, value);
                if (strtod(text, NULL) == value)
                        break;
        }
        buf_puts(writer->out, text);
}

void json_put_bool(struct json_writer *writer, bool value)
{
        separate(writer);
        buf_puts(writer->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *writer)
{
        separate(writer);
        buf_puts(writer->out, "null");
}

void json_put_base64(struct json_writer *writer, const void *bytes, size_t size)
{
        separate(writer);
        buf_putc(writer->out, '"');
        base64_encode(bytes, size, writer->out);
        buf_putc(writer->out, '"');
}

void json_put_raw(struct json_writer *writer, struct sv json)
{
        separate(writer);
        buf_append(writer->out, json.p, json.n);
}

void json_put_value(struct json_writer *writer, const json_t *value)
{
        const char *key;
        json_t *member;
        size_t index;
        switch (value ? json_typeof(value) : JSON_NULL) {
        case JSON_OBJECT:
                json_begin_object(writer);
                json_object_foreach((json_t *)(uintptr_t)value, key, member)
                {
                        json_key(writer, key);
                        json_put_value(writer, member);
                }
                json_end_object(writer);
                break;
        case JSON_ARRAY:
                json_begin_array(writer);
                json_array_foreach((json_t *)(uintptr_t)value, index, member) json_put_value(writer, member);
                json_end_array(writer);
                break;
        case JSON_STRING:
                json_put_string(writer, sv_n(json_string_value(value), json_string_length(value)));
                break;
        case JSON_INTEGER:
                json_put_int(writer, json_integer_value(value));
                break;
        case JSON_REAL:
                json_put_double(writer, json_real_value(value));
                break;
        case JSON_TRUE:
        case JSON_FALSE:
                json_put_bool(writer, json_is_true(value));
                break;
        default:
                json_put_null(writer);
        }
}
