#include "schema/print_text.h"

#include "base/encode.h"
#include "schema/json_writer.h"

#include <wchar.h>

size_t print_width(struct sv text)
{
        size_t width = 0;
        while (text.n) {
                uint32_t code_point;
                size_t n = utf8_decode(text, &code_point);
                /* wcwidth knows no wide character in the C locale: then each counts as one column */
                int columns = n > 1 ? wcwidth((wchar_t)code_point) : 1;
                width += columns < 0 ? 1 : (size_t)columns;
                n = n ? n : 1;
                text = sv_n(text.p + n, text.n - n);
        }
        return width;
}

size_t print_escape(struct buf *out, struct sv text)
{
        size_t start = out->len;
        while (text.n) {
                uint32_t code_point;
                size_t n = utf8_decode(text, &code_point);
                unsigned char byte = (unsigned char)text.p[0];
                if (!n)
                        buf_printf(out, "\\x%02x", byte);
                else if (byte == '\n' || byte == '\t' || byte == '\r')
                        buf_puts(out, byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : "\\r");
                else if (utf8_is_control(code_point))
                        buf_printf(out, code_point < 0x100 ? "\\x%02x" : "\\u%04x", code_point);
                else
                        buf_append(out, text.p, n);
                n = n ? n : 1;
                text = sv_n(text.p + n, text.n - n);
        }
        return out->failed ? 0 : print_width(sv_n(out->data + start, out->len - start));
}

void print_fitted(struct buf *out, struct sv text, size_t width)
{
        if (print_width(text) <= width) {
                buf_append(out, text.p, text.n);
                return;
        }
        size_t used = 0;
        while (text.n) {
                uint32_t code_point;
                size_t n = utf8_decode(text, &code_point);
                n = n ? n : 1;
                size_t columns = print_width(sv_n(text.p, n));
                if (used + columns + 1 > width)
                        break;
                buf_append(out, text.p, n);
                used += columns;
                text = sv_n(text.p + n, text.n - n);
        }
        if (used < width)
                buf_puts(out, "\u2026");
}

/* Unreserved characters of RFC 3986 and the slash; what was escaped for the terminal has a backslash, and no link. */
void print_file_link(struct buf *out, const char *host, struct sv path, struct sv shown)
{
        if (path.n < 2 || path.p[0] != '/' || memchr(path.p, '\\', path.n)) {
                buf_append(out, shown.p, shown.n);
                return;
        }
        buf_printf(out, "\x1b]8;;file://%s", host);
        for (size_t i = 0; i < path.n; i++) {
                unsigned char c = (unsigned char)path.p[i];
                bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                             memchr("/-._~", c, 5);
                buf_printf(out, plain ? "%c" : "%%%02X", c);
        }
        buf_puts(out, "\x1b\\");
        buf_append(out, shown.p, shown.n);
        buf_puts(out, "\x1b]8;;\x1b\\");
}

/* --- cells --- */

/* The shortest decimal that reads back as the same number. */
static void put_real(struct buf *out, double value, bool human)
{
        char text[64];
        for (int digits = human ? 6 : 15; digits <= 17; digits++) {
                snprintf(text, sizeof(text), "%.*g", digits, value);
                if (human || strtod(text, NULL) == value)
                        break;
        }
        buf_puts(out, text);
}

static void put_number(struct buf *out, const struct field *field, const json_t *value, bool human)
{
        char text[TIME_TEXT_MAX];
        int64_t unit = field->unit ? field->unit : SECOND;
        double ns = json_number_value(value) * (double)unit;
        if (human && field->type == FIELD_TYPE_SIZE && json_is_integer(value) && json_integer_value(value) >= 0) {
                size_format((uint64_t)json_integer_value(value), text);
                buf_puts(out, text);
        } else if (human && field->type == FIELD_TYPE_DURATION && ns > -9.2e18 && ns < 9.2e18) {
                duration_format((int64_t)ns, text);
                buf_puts(out, text);
        } else if (json_is_integer(value)) {
                buf_printf(out, "%lld", (long long)json_integer_value(value));
        } else {
                put_real(out, json_real_value(value), human);
        }
}

static void put_string(struct buf *out, const struct field *field, const json_t *value, bool human)
{
        struct sv text = sv_n(json_string_value(value), json_string_length(value));
        int64_t unix_ns;
        char time[TIME_TEXT_MAX];
        if (!human) {
                buf_append(out, text.p, text.n);
        } else if (field->type == FIELD_TYPE_TIME && time_parse(text, &unix_ns)) {
                /* whole seconds, and a space that lets the date be seen */
                int64_t fraction = unix_ns % SECOND;
                time_format_rfc3339(unix_ns - fraction - (fraction < 0 ? SECOND : 0), time);
                char *t = strchr(time, 'T');
                if (t)
                        *t = ' ';
                buf_puts(out, time);
        } else {
                print_escape(out, text);
        }
}

static void put_value(struct buf *out, const struct field *field, const json_t *value, bool human)
{
        switch (json_typeof(value)) {
        case JSON_NULL:
                break;
        case JSON_TRUE:
                buf_puts(out, "true");
                break;
        case JSON_FALSE:
                buf_puts(out, "false");
                break;
        case JSON_INTEGER:
        case JSON_REAL:
                put_number(out, field, value, human);
                break;
        case JSON_STRING:
                put_string(out, field, value, human);
                break;
        default:
                print_json(out, value, 0);
        }
}

static void put_list(struct buf *out, const struct field *field, const json_t *list, char separator, bool human)
{
        size_t i;
        const json_t *item;
        json_array_foreach(list, i, item)
        {
                if (i)
                        buf_putc(out, separator);
                put_value(out, field, item, human);
        }
}

void print_cell(struct buf *out, const struct field *field, const json_t *value, bool human)
{
        const char *key;
        json_t *member;
        bool first = true;
        if (!value)
                return;
        bool nested = field->type == FIELD_TYPE_RECORD || field->type == FIELD_TYPE_ANY;
        if (field->container == FIELD_LIST && json_is_array(value) && !nested) {
                put_list(out, field, value, ',', human);
        } else if (field->container != FIELD_ONE && field->container != FIELD_LIST && json_is_object(value) &&
                   !nested) {
                json_object_foreach((json_t *)(uintptr_t)value, key, member)
                {
                        if (!first)
                                buf_putc(out, ',');
                        first = false;
                        if (human)
                                print_escape(out, sv_of(key));
                        else
                                buf_puts(out, key);
                        buf_putc(out, '=');
                        if (json_is_array(member))
                                put_list(out, field, member, '|', human);
                        else
                                put_value(out, field, member, human);
                }
        } else {
                put_value(out, field, value, human);
        }
}

/* --- JSON, CSV, YAML --- */

/* In JSON text such a character can only stand within a string, where \uXXXX means the same. */
static void put_guarded(struct buf *out, struct sv text, bool json)
{
        while (text.n) {
                uint32_t code_point;
                size_t n = utf8_decode(text, &code_point);
                bool line = n == 1 && (text.p[0] == '\n' || (!json && (text.p[0] == '\t' || text.p[0] == '\r')));
                if (n && !line && utf8_is_control(code_point))
                        buf_printf(out, !json && code_point < 0x100 ? "\\x%02x" : "\\u%04x", code_point);
                else
                        buf_append(out, text.p, n ? n : 1);
                n = n ? n : 1;
                text = sv_n(text.p + n, text.n - n);
        }
}

void print_json(struct buf *out, const json_t *value, unsigned indent)
{
        struct buf text;
        struct json_writer writer;
        buf_init(&text, PRINT_DOCUMENT_MAX);
        json_writer_init(&writer, &text, indent);
        json_put_value(&writer, value);
        put_guarded(out, sv_n(buf_text(&text), text.len), true);
        out->failed |= text.failed;
        buf_done(&text);
}

void print_csv(struct buf *out, struct sv text)
{
        bool quoted = false;
        for (size_t i = 0; i < text.n; i++)
                quoted |= strchr(",\"\r\n", text.p[i]) != NULL;
        quoted |= text.n && (text.p[0] == ' ' || text.p[text.n - 1] == ' ');
        if (!quoted) {
                put_guarded(out, text, false);
                return;
        }
        buf_putc(out, '"');
        while (text.n) {
                size_t n = sv_find(text, '"');
                put_guarded(out, sv_n(text.p, n), false);
                if (n < text.n)
                        buf_puts(out, "\"\"");
                n += n < text.n;
                text = sv_n(text.p + n, text.n - n);
        }
        buf_putc(out, '"');
}

/* Words that some YAML reader takes for something else than text (1.1 knows yes, no, on, off, y, n). */
static bool is_plain_yaml(const char *text)
{
        static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || *text == '/' || *text == '_'))
                return false;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (!strcasecmp(text, words[i]))
                        return false;
        for (const char *p = text; *p; p++)
                if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
                            strchr("_./-", *p)))
                        return false;
        return true;
}

static void put_yaml_text(struct buf *out, const char *text)
{
        if (is_plain_yaml(text)) {
                buf_puts(out, text);
                return;
        }
        /* YAML 1.2 takes a JSON string as it is, §1.3 */
        json_t *string = json_string(text);
        if (string)
                print_json(out, string, 0);
        json_decref(string);
}

void print_yaml(struct buf *out, const json_t *value, unsigned indent)
{
        const char *key;
        json_t *member;
        size_t i;
        bool first = true;
        if (json_is_object(value) && json_object_size(value)) {
                json_object_foreach((json_t *)(uintptr_t)value, key, member)
                {
                        if (!first)
                                buf_printf(out, "%*s", (int)indent, "");
                        first = false;
                        put_yaml_text(out, key);
                        bool block = (json_is_object(member) && json_object_size(member)) ||
                                     (json_is_array(member) && json_array_size(member));
                        if (block)
                                buf_printf(out, ":\n%*s", (int)indent + 2, "");
                        else
                                buf_puts(out, ": ");
                        print_yaml(out, member, indent + 2);
                }
        } else if (json_is_array(value) && json_array_size(value)) {
                json_array_foreach(value, i, member)
                {
                        if (i)
                                buf_printf(out, "%*s", (int)indent, "");
                        buf_puts(out, "- ");
                        print_yaml(out, member, indent + 2);
                }
        } else {
                if (json_is_string(value))
                        put_yaml_text(out, json_string_value(value));
                else
                        print_json(out, value, 0);
                buf_putc(out, '\n');
        }
}
