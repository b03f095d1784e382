/* A strict reader of one shape of JSON (RFC 8259): an object whose values are all strings. Nothing nests, so nothing
 * recurses, and a configuration costs one pass. */
#include "config_internal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct reader {
        const unsigned char *at;
        const unsigned char *end;
};

static void skip_space(struct reader *reader)
{
        while (reader->at < reader->end && memchr(" \t\r\n", *reader->at, 4))
                reader->at++;
}

static bool take(struct reader *reader, char expected)
{
        skip_space(reader);
        if (reader->at == reader->end || *reader->at != (unsigned char)expected)
                return false;
        reader->at++;
        return true;
}

static bool read_hex4(struct reader *reader, unsigned *ret)
{
        if (reader->end - reader->at < 4)
                return false;
        unsigned value = 0;
        for (int i = 0; i < 4; i++) {
                unsigned char c = *reader->at++;
                unsigned digit;
                if (c >= '0' && c <= '9')
                        digit = c - '0';
                else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
                        digit = (c | 0x20) - 'a' + 10;
                else
                        return false;
                value = value << 4 | digit;
        }
        *ret = value;
        return true;
}

/* A \u escape after its 'u', a pair of surrogates included. U+0000 would end a C string, so it is refused. */
static bool read_escaped_point(struct reader *reader, unsigned *ret)
{
        unsigned point, low;
        if (!read_hex4(reader, &point) || point == 0)
                return false;
        if (point >= 0xDC00 && point <= 0xDFFF)
                return false;
        if (point >= 0xD800 && point <= 0xDBFF) {
                if (reader->end - reader->at < 2 || reader->at[0] != '\\' || reader->at[1] != 'u')
                        return false;
                reader->at += 2;
                if (!read_hex4(reader, &low) || low < 0xDC00 || low > 0xDFFF)
                        return false;
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        }
        *ret = point;
        return true;
}

static char *put_utf8(char *out, unsigned point)
{
        if (point < 0x80) {
                *out++ = (char)point;
        } else if (point < 0x800) {
                *out++ = (char)(0xC0 | point >> 6);
                *out++ = (char)(0x80 | (point & 0x3F));
        } else if (point < 0x10000) {
                *out++ = (char)(0xE0 | point >> 12);
                *out++ = (char)(0x80 | (point >> 6 & 0x3F));
                *out++ = (char)(0x80 | (point & 0x3F));
        } else {
                *out++ = (char)(0xF0 | point >> 18);
                *out++ = (char)(0x80 | (point >> 12 & 0x3F));
                *out++ = (char)(0x80 | (point >> 6 & 0x3F));
                *out++ = (char)(0x80 | (point & 0x3F));
        }
        return out;
}

/* Decodes one string to *out and moves *out past its NUL. No escape is shorter than what it stands for, so a buffer of
 * the JSON's length is always enough. */
static bool read_string(struct reader *reader, char **out)
{
        static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
        if (!take(reader, '"'))
                return false;
        char *to = *out;
        while (reader->at < reader->end) {
                unsigned char c = *reader->at++;
                if (c == '"') {
                        *to++ = '\0';
                        *out = to;
                        return true;
                }
                if (c < 0x20)
                        return false;
                if (c != '\\') {
                        *to++ = (char)c;
                        continue;
                }
                if (reader->at == reader->end)
                        return false;
                c = *reader->at++;
                unsigned point;
                const char *escape = memchr(escapes, c, sizeof(escapes) - 1);
                if (escape) {
                        *to++ = meanings[escape - escapes];
                } else {
                        if (c != 'u' || !read_escaped_point(reader, &point))
                                return false;
                        to = put_utf8(to, point);
                }
        }
        return false;
}

int config_read_json(
        const char *json, size_t length, int (*found)(void *cookie, const char *key, const char *value), void *cookie)
{
        struct reader reader = { (const unsigned char *)json, (const unsigned char *)json + length };
        skip_space(&reader);
        if (reader.at == reader.end)
                return TARSIER_CHILD_OK;
        if (!take(&reader, '{'))
                return TARSIER_CHILD_ERR_CONFIG_INVALID;

        int result = TARSIER_CHILD_OK;
        char *texts = malloc(length + 2);
        if (!texts)
                return TARSIER_CHILD_ERR_NO_MEMORY;
        bool closed = take(&reader, '}');
        while (!closed && result == TARSIER_CHILD_OK) {
                char *key = texts, *value = texts;
                bool pair = read_string(&reader, &value) && take(&reader, ':');
                char *end = value;
                if (!pair || !read_string(&reader, &end))
                        result = TARSIER_CHILD_ERR_CONFIG_INVALID;
                else
                        result = found(cookie, key, value);
                if (result == TARSIER_CHILD_OK && !take(&reader, ',')) {
                        closed = take(&reader, '}');
                        if (!closed)
                                result = TARSIER_CHILD_ERR_CONFIG_INVALID;
                }
        }
        skip_space(&reader);
        if (result == TARSIER_CHILD_OK && reader.at != reader.end)
                result = TARSIER_CHILD_ERR_CONFIG_INVALID;
        free(texts);
        return result;
}
