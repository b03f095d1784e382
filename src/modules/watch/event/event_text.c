#include "modules/watch/event/event_text.h"

#include <stddef.h>

struct reader {
        const char *at, *end;
        uint32_t wanted; /* not found yet, a bit a member */
};

enum scope { SCOPE_EVENT, SCOPE_PROCESS, SCOPE_CONTAINER, SCOPE_OBJECT, SCOPE_AUDIT, SCOPE_ANCESTOR, SCOPES };

struct member {
        struct sv key;
        size_t offset;    /* of the view that takes it */
        enum scope below; /* or the object to go into, when not SCOPE_EVENT */
};

#define TAKE(key, T, member)                                                                                           \
        {                                                                                                              \
                { key, sizeof(key) - 1 }, offsetof(T, member), SCOPE_EVENT                                             \
        }
#define ENTER(key, scope)                                                                                              \
        {                                                                                                              \
                { key, sizeof(key) - 1 }, 0, scope                                                                     \
        }

static const struct member event_members[] = { ENTER("process", SCOPE_PROCESS), ENTER("object", SCOPE_OBJECT),
        ENTER("audit", SCOPE_AUDIT), TAKE("tags", struct event_text, tags), { { NULL, 0 }, 0, SCOPE_EVENT } };
static const struct member process_members[] = { TAKE("exec_id", struct event_text, exec_id),
        TAKE("pid", struct event_text, pid), TAKE("comm", struct event_text, comm), TAKE("exe", struct event_text, exe),
        TAKE("argv", struct event_text, argv), TAKE("uid", struct event_text, uid),
        TAKE("euid", struct event_text, euid), TAKE("auid", struct event_text, auid),
        ENTER("container", SCOPE_CONTAINER), TAKE("ancestors", struct event_text, ancestors),
        { { NULL, 0 }, 0, SCOPE_EVENT } };
static const struct member container_members[] = { TAKE("engine", struct event_text, engine),
        TAKE("id", struct event_text, container_id), TAKE("name", struct event_text, container_name),
        { { NULL, 0 }, 0, SCOPE_EVENT } };
static const struct member object_members[] = { TAKE("path", struct event_text, path),
        { { NULL, 0 }, 0, SCOPE_EVENT } };
static const struct member audit_members[] = { TAKE("key", struct event_text, key), { { NULL, 0 }, 0, SCOPE_EVENT } };
static const struct member ancestor_members[] = { TAKE("pid", struct ancestor_text, pid),
        TAKE("comm", struct ancestor_text, comm), TAKE("exe", struct ancestor_text, exe),
        TAKE("exec_id", struct ancestor_text, exec_id), { { NULL, 0 }, 0, SCOPE_EVENT } };

static const struct member *const members_of[SCOPES] = { event_members, process_members, container_members,
        object_members, audit_members, ancestor_members };

static void skip_blank(struct reader *reader)
{
        while (reader->at < reader->end &&
                (*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\n' || *reader->at == '\r'))
                reader->at++;
}

static bool skip_char(struct reader *reader, char c)
{
        skip_blank(reader);
        if (reader->at == reader->end || *reader->at != c)
                return false;
        reader->at++;
        return true;
}

/* At a quote: to behind the closing one. */
static bool skip_string(struct reader *reader)
{
        for (reader->at++; reader->at < reader->end; reader->at++) {
                if (*reader->at == '"') {
                        reader->at++;
                        return true;
                }
                if (*reader->at == '\\')
                        reader->at++;
        }
        reader->at = reader->end; /* a backslash may have stood last */
        return false;
}

/* Any value; brackets are only counted. */
static bool skip_value(struct reader *reader, struct sv *ret)
{
        skip_blank(reader);
        const char *start = reader->at;
        unsigned depth = 0;
        while (reader->at < reader->end) {
                char c = *reader->at;
                if (c == '"') {
                        if (!skip_string(reader))
                                return false;
                } else if (c == '{' || c == '[') {
                        depth++;
                        reader->at++;
                } else if (c == '}' || c == ']') {
                        if (depth == 0)
                                break;
                        depth--;
                        reader->at++;
                } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\t' || c == '\r')) {
                        break;
                } else {
                        reader->at++;
                        continue;
                }
                if (depth == 0)
                        break;
        }
        *ret = sv_n(start, (size_t)(reader->at - start));
        return depth == 0 && ret->n > 0;
}

static const struct member *find(enum scope scope, struct sv key)
{
        for (const struct member *member = members_of[scope]; member->key.p; member++)
                if (member->key.n == key.n && memcmp(member->key.p, key.p, key.n) == 0)
                        return member;
        return NULL;
}

static bool read_object(struct reader *reader, enum scope scope, char *ret)
{
        if (!skip_char(reader, '{'))
                return false;
        if (skip_char(reader, '}'))
                return true;
        do {
                struct sv value;
                skip_blank(reader);
                const char *key = reader->at + 1;
                if (reader->at == reader->end || *reader->at != '"' || !skip_string(reader))
                        return false;
                const struct member *member = find(scope, sv_n(key, (size_t)(reader->at - key) - 1));
                if (!skip_char(reader, ':'))
                        return false;
                skip_blank(reader);
                bool enter = member && member->below != SCOPE_EVENT && reader->at < reader->end && *reader->at == '{';
                if (enter && !read_object(reader, member->below, ret))
                        return false;
                if (!enter && !skip_value(reader, &value))
                        return false;
                if (!enter && member && member->below == SCOPE_EVENT) {
                        memcpy(ret + member->offset, &value, sizeof(value));
                        reader->wanted &= ~(UINT32_C(1) << (member->offset / sizeof(struct sv)));
                }
                if (reader->wanted == 0)
                        return true;
        } while (skip_char(reader, ','));
        return skip_char(reader, '}');
}

bool event_text_read(struct sv json, uint32_t wanted, struct event_text *ret)
{
        struct reader reader = { json.p, json.p + json.n, wanted };
        *ret = (struct event_text){ 0 };
        return read_object(&reader, SCOPE_EVENT, (char *)ret);
}

bool ancestor_text_read(struct sv object, struct ancestor_text *ret)
{
        struct reader reader = { object.p, object.p + object.n, EVENT_TEXT_ALL };
        *ret = (struct ancestor_text){ 0 };
        return read_object(&reader, SCOPE_ANCESTOR, (char *)ret);
}

bool json_text_item(struct sv *rest, struct sv *ret_value)
{
        struct reader reader = { rest->p, rest->p + rest->n, EVENT_TEXT_ALL };
        if (rest->n == 0 || (!skip_char(&reader, '[') && !skip_char(&reader, ',')))
                return false;
        if (!skip_value(&reader, ret_value))
                return false;
        *rest = sv_n(reader.at, (size_t)(reader.end - reader.at));
        return true;
}

static bool unquote(struct sv *value)
{
        if (value->n < 2 || value->p[0] != '"' || value->p[value->n - 1] != '"')
                return false;
        *value = sv_n(value->p + 1, value->n - 2);
        return true;
}

static void put_utf8(uint32_t code, struct buf *out)
{
        if (code < 0x80) {
                buf_putc(out, (char)code);
        } else if (code < 0x800) {
                buf_putc(out, (char)(0xc0 | code >> 6));
                buf_putc(out, (char)(0x80 | (code & 0x3f)));
        } else if (code < 0x10000) {
                buf_putc(out, (char)(0xe0 | code >> 12));
                buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
                buf_putc(out, (char)(0x80 | (code & 0x3f)));
        } else {
                buf_putc(out, (char)(0xf0 | code >> 18));
                buf_putc(out, (char)(0x80 | (code >> 12 & 0x3f)));
                buf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
                buf_putc(out, (char)(0x80 | (code & 0x3f)));
        }
}

/* The four digits of a \u escape at text[at]; half a surrogate pair, or no digits, is U+FFFD. */
static uint32_t read_unicode(struct sv text, size_t *at)
{
        uint64_t code, low;
        if (text.n - *at < 4 || !sv_parse_u64(sv_n(text.p + *at, 4), 16, &code))
                return 0xfffd;
        *at += 4;
        if (code < 0xd800 || code > 0xdfff)
                return (uint32_t)code;
        if (code > 0xdbff || text.n - *at < 6 || text.p[*at] != '\\' || text.p[*at + 1] != 'u' ||
                !sv_parse_u64(sv_n(text.p + *at + 2, 4), 16, &low) || low < 0xdc00 || low > 0xdfff)
                return 0xfffd;
        *at += 6;
        return 0x10000 + (uint32_t)((code & 0x3ff) << 10 | (low & 0x3ff));
}

bool json_text_decode(struct sv value, struct buf *out)
{
        if (!unquote(&value))
                return false;
        size_t plain = 0;
        for (size_t at = 0; at < value.n;) {
                if (value.p[at] != '\\' || at + 1 == value.n) {
                        at++;
                        continue;
                }
                static const char letters[] = "btnfr";
                static const char meant[] = "\b\t\n\f\r";
                buf_append(out, value.p + plain, at - plain);
                char escape = value.p[at + 1];
                const char *letter = escape ? strchr(letters, escape) : NULL;
                at += 2;
                if (escape == 'u')
                        put_utf8(read_unicode(value, &at), out);
                else
                        buf_putc(out, letter ? meant[letter - letters] : escape);
                plain = at;
        }
        buf_append(out, value.p + plain, value.n - plain);
        return true;
}

bool json_text_equals(struct sv value, struct sv text)
{
        struct sv inner = value;
        if (!unquote(&inner))
                return false;
        if (!memchr(inner.p, '\\', inner.n))
                return sv_eq(inner, text);
        struct buf decoded;
        buf_init(&decoded, inner.n);
        json_text_decode(value, &decoded);
        bool equal = sv_eq(sv_n(buf_text(&decoded), decoded.len), text);
        buf_done(&decoded);
        return equal;
}

struct sv json_text_view(struct sv value, struct buf *scratch)
{
        struct sv inner = value;
        if (!unquote(&inner))
                return SV("");
        if (!memchr(inner.p, '\\', inner.n))
                return inner;
        buf_clear(scratch);
        json_text_decode(value, scratch);
        return sv_n(buf_text(scratch), scratch->len);
}
