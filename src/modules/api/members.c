/* A run's parameters may be 8 MiB of JSON that becomes twenty times as much when it is built. They are passed on as
 * text; only their ends are looked for here. */
#include "members.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"

enum { SMALL_MAX = 48 << 10 };

static struct sv skip_space(struct sv text)
{
        while (text.n && (*text.p == ' ' || *text.p == '\t' || *text.p == '\n' || *text.p == '\r')) {
                text.p++;
                text.n--;
        }
        return text;
}

static size_t string_length(struct sv text)
{
        size_t i = 1;
        while (i < text.n && text.p[i] != '"')
                i += text.p[i] == '\\' ? 2 : 1;
        return i < text.n ? i + 1 : text.n;
}

/* Length of the value at the beginning; the text is known to be valid. */
static size_t value_length(struct sv text)
{
        size_t depth = 0;
        size_t i = 0;
        while (i < text.n) {
                char c = text.p[i];
                if (c == '"') {
                        i += string_length(sv_n(text.p + i, text.n - i));
                        if (depth == 0)
                                return i;
                        continue;
                }
                if (depth == 0 && (c == ',' || c == '}' || c == ']'))
                        return i;
                if (c == '{' || c == '[')
                        depth++;
                else if (c == '}' || c == ']')
                        depth--;
                i++;
                if (depth == 0 && (c == '}' || c == ']'))
                        return i;
        }
        return text.n;
}

bool members_next(struct sv *rest, struct sv *ret_key, struct sv *ret_value)
{
        struct sv text = skip_space(*rest);
        if (text.n && (*text.p == '{' || *text.p == ','))
                text = skip_space(sv_n(text.p + 1, text.n - 1));
        if (text.n == 0 || *text.p != '"')
                return false;
        size_t length = string_length(text);
        *ret_key = sv_n(text.p, length);
        text = skip_space(sv_n(text.p + length, text.n - length));
        if (text.n == 0 || *text.p != ':')
                return false;
        text = skip_space(sv_n(text.p + 1, text.n - 1));
        length = value_length(text);
        *ret_value = sv_trim(sv_n(text.p, length));
        *rest = sv_n(text.p + length, text.n - length);
        return true;
}

/* Keys may be written with escapes: "\u006dodule" is "module". */
static bool key_is(struct sv raw, const char *key)
{
        json_t *value = raw.n <= 1024 ? json_loadb(raw.p, raw.n, JSON_DECODE_ANY, NULL) : NULL;
        bool same = json_is_string(value) && strcmp(json_string_value(value), key) == 0;
        json_decref(value);
        return same;
}

json_t *members_split(struct sv text, const char *apart, struct sv *ret_apart, struct error *err)
{
        cleanup(buf_done) struct buf small;
        struct sv rest = skip_space(text);
        struct sv key;
        struct sv value;
        struct sv found = { 0 };
        buf_init(&small, SMALL_MAX);
        if (!json_valid(text) || rest.n == 0 || *rest.p != '{') {
                struct error why;
                json_t *parsed = text.n <= SMALL_MAX ? json_parse(text, true, &why) : NULL;
                bool other = parsed; /* valid, but no object */
                json_decref(parsed);
                return fail_null(err, E_INVALID, "the body is no JSON object%s%s",
                        text.n <= SMALL_MAX && !other ? ": " : "", text.n <= SMALL_MAX && !other ? why.message : "");
        }
        while (members_next(&rest, &key, &value)) {
                if (key_is(key, apart)) {
                        if (found.p)
                                return fail_null(err, E_INVALID, "%s: the key stands there twice", apart);
                        found = value;
                        continue;
                }
                buf_putc(&small, small.len ? ',' : '{');
                buf_append(&small, key.p, key.n);
                buf_putc(&small, ':');
                buf_append(&small, value.p, value.n);
        }
        buf_puts(&small, small.len ? "}" : "{}");
        if (small.failed)
                return fail_null(err, E_TOO_LARGE, "all but \"%s\" is at most %d bytes", apart, SMALL_MAX);
        json_t *object = json_parse(sv_n(small.data, small.len), true, err);
        if (object)
                *ret_apart = found;
        return object;
}
