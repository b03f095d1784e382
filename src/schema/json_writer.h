/* A streaming JSON writer into a struct buf: no tree in memory. It inserts commas and, when pretty, line breaks;
 * invalid UTF-8 in strings becomes U+FFFD. Nesting beyond JSON_WRITER_DEPTH sets out->failed. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

#include <jansson.h>

enum { JSON_WRITER_DEPTH = 64 };

struct json_writer {
        struct buf *out;
        unsigned indent; /* spaces a level; 0 = compact */
        unsigned depth;
        uint64_t not_first; /* bit a level: a value stands there already */
        bool after_key;
};

void json_writer_init(struct json_writer *writer, struct buf *out, unsigned indent);

void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
void json_key(struct json_writer *writer, const char *key);
/* A key that is known to be printable ASCII without quotes and backslashes. */
void json_plain_key(struct json_writer *writer, struct sv key);

void json_put_string(struct json_writer *writer, struct sv text);
void json_put_text(struct json_writer *writer, const char *text); /* NULL writes null */
void json_put_int(struct json_writer *writer, int64_t value);
void json_put_uint(struct json_writer *writer, uint64_t value);
void json_put_double(struct json_writer *writer, double value); /* NaN and infinities write null */
void json_put_bool(struct json_writer *writer, bool value);
void json_put_null(struct json_writer *writer);
void json_put_base64(struct json_writer *writer, const void *bytes, size_t size);
void json_put_raw(struct json_writer *writer, struct sv json); /* one value that is JSON already */
void json_put_value(struct json_writer *writer, const json_t *value);

/* key and value in one call */
#define json_field(writer, key, put, ...) (json_key(writer, key), put(writer, __VA_ARGS__))
