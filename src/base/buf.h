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

/* Room for `size` more bytes at the returned address (then add to len), or NULL and failed. */
char *buf_reserve(struct buf *buf, size_t size);

void buf_append(struct buf *buf, const void *bytes, size_t size);
void buf_puts(struct buf *buf, const char *text);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Forgets the content, keeps the memory, clears `failed`. */
void buf_clear(struct buf *buf);

/* Drops the first `size` bytes (at most len). */
void buf_consume(struct buf *buf, size_t size);

/* The text, "" when empty; owned by buf. */
const char *buf_text(const struct buf *buf);
