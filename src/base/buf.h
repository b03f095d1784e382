/* A growing byte buffer with a ceiling. The first append that does not fit (or finds no memory) sets `failed`; later
 * ones do nothing, so a writer checks once at the end. data is always NUL-terminated once anything was appended. */
#pragma once

#include "base/banned.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
        char *data;
        size_t len;
        size_t capacity;
        size_t max; /* ceiling on len */
        bool failed;
};

void buf_init(struct buf *buf, size_t max);
void buf_done(struct buf *buf);

static inline void buf_done_p(struct buf *buf)
{
        buf_done(buf);
}

/* buf_reserve where there is no room yet. */
char *buf_grow(struct buf *buf, size_t size);

/* Room for `size` more bytes and a NUL at the returned address (then add to len), or NULL and failed. */
static inline char *buf_reserve(struct buf *buf, size_t size)
{
        /* capacity never exceeds max + 1 */
        if (!buf->failed && size < buf->capacity - buf->len)
                return buf->data + buf->len;
        return buf_grow(buf, size);
}

void buf_append(struct buf *buf, const void *bytes, size_t size);
void buf_puts(struct buf *buf, const char *text);

static inline void buf_putc(struct buf *buf, char c)
{
        char *room = buf_reserve(buf, 1);
        if (!room)
                return;
        room[0] = c;
        room[1] = '\0';
        buf->len++;
}

void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Forgets the content, keeps the memory, clears `failed`. */
void buf_clear(struct buf *buf);

/* Drops the first `size` bytes (at most len). */
void buf_consume(struct buf *buf, size_t size);

/* The text, "" when empty; owned by buf. */
const char *buf_text(const struct buf *buf);
