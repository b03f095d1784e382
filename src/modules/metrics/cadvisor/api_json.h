/* JSON as Go's encoding/json writes it: no spaces, < > & as \u003c \u003e \u0026, U+2028 and U+2029 escaped, invalid
 * UTF-8 as \ufffd, floats in Go's shortest form, times in the local zone. Structs are said by tables of fields, so that
 * a shape stands in one place and reads as the reference does. The writer keeps no state: whether a comma is due shows
 * in the byte before. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

enum go_kind {
        GO_END_OF_TABLE,
        GO_BOOL,
        GO_INT32,
        GO_UINT32,
        GO_INT64,
        GO_UINT64,
        GO_DOUBLE,
        GO_TEXT,  /* const char *, NULL is "" */
        GO_UINTS, /* uint64_t array */
        GO_OBJECT,
        GO_OBJECT_END,
        GO_VALUE,  /* written by a function behind the key */
        GO_MEMBERS /* written by a function, keys and all */
};

struct go_field {
        const char *key; /* with its quotes and colon: "\"usage\":" */
        uint8_t key_length, kind;
        bool omit_empty;
        uint32_t offset, count_offset;
        void (*put)(struct buf *out, const void *value);
};

#define GO_KEY(text) .key = "\"" text "\":", .key_length = sizeof("\"" text "\":") - 1
#define GO_KIND(type, member)                                                                                          \
        _Generic(((type *)0)->member, bool                                                                             \
                 : GO_BOOL, int32_t                                                                                    \
                 : GO_INT32, uint32_t                                                                                  \
                 : GO_UINT32, int64_t                                                                                  \
                 : GO_INT64, uint64_t                                                                                  \
                 : GO_UINT64, double                                                                                   \
                 : GO_DOUBLE, const char *                                                                             \
                 : GO_TEXT, char *                                                                                     \
                 : GO_TEXT)
/* A number, boolean or text; the kind follows from the member. */
#define GO(type, member, text)                                                                                         \
        {                                                                                                              \
                GO_KEY(text), .kind = GO_KIND(type, member), .offset = offsetof(type, member)                          \
        }
#define GO_OMIT(type, member, text)                                                                                    \
        {                                                                                                              \
                GO_KEY(text), .kind = GO_KIND(type, member), .offset = offsetof(type, member), .omit_empty = true      \
        }
/* Numbers; left out when there is none (GO_ARRAY_OMIT), or null (GO_ARRAY), as Go has a nil slice. */
#define GO_ARRAY(type, pointer, count, text)                                                                           \
        {                                                                                                              \
                GO_KEY(text), .kind = GO_UINTS, .offset = offsetof(type, pointer),                                     \
                              .count_offset = offsetof(type, count)                                                    \
        }
#define GO_ARRAY_OMIT(type, pointer, count, text)                                                                      \
        {                                                                                                              \
                GO_KEY(text), .kind = GO_UINTS, .offset = offsetof(type, pointer),                                     \
                              .count_offset = offsetof(type, count), .omit_empty = true                                \
        }
#define GO_BEGIN(text)                                                                                                 \
        {                                                                                                              \
                GO_KEY(text), .kind = GO_OBJECT                                                                        \
        }
#define GO_END                                                                                                         \
        {                                                                                                              \
                .kind = GO_OBJECT_END                                                                                  \
        }
#define GO_PUT(type, member, text, function)                                                                           \
        {                                                                                                              \
                GO_KEY(text), .kind = GO_VALUE, .offset = offsetof(type, member), .put = (function)                    \
        }
/* The function gets the whole struct and writes members of its own. */
#define GO_EMBED(function)                                                                                             \
        {                                                                                                              \
                .kind = GO_MEMBERS, .put = (function)                                                                  \
        }
#define GO_LAST                                                                                                        \
        {                                                                                                              \
                .kind = GO_END_OF_TABLE                                                                                \
        }

/* The members, without the braces. */
void go_members(struct buf *out, const struct go_field *fields, const void *base);
/* One object. */
void go_object(struct buf *out, const struct go_field *fields, const void *base);

/* A comma if one is due: call it before any bytes of a value that are written by hand. */
static inline void go_separate(struct buf *out)
{
        char last = out->len ? out->data[out->len - 1] : '[';
        if (last != '{' && last != '[' && last != ':' && last != '\n')
                buf_putc(out, ',');
}

#define go_key(out, text) go_plain_key(out, "\"" text "\":", sizeof("\"" text "\":") - 1)
void go_plain_key(struct buf *out, const char *key, size_t length);
void go_map_key(struct buf *out, struct sv key);
void go_begin(struct buf *out, char bracket);
void go_uint(struct buf *out, uint64_t value);
void go_int(struct buf *out, int64_t value);
void go_bool(struct buf *out, bool value);
void go_null(struct buf *out);
void go_text(struct buf *out, const char *text); /* NULL is "" */
void go_string(struct buf *out, struct sv text);
void go_double(struct buf *out, double value); /* what is no number is 0: Go would refuse the whole answer */
void go_float(struct buf *out, float value);
/* RFC 3339 with nanoseconds as needed, in the local zone; 0 is Go's zero time. */
void go_time(struct buf *out, int64_t unix_ns);

/* strconv.Quote, as %q shows a text in error messages. */
void go_quote(struct buf *out, struct sv text);
