#include "base/buf.h"

#include <stdint.h>

void buf_init(struct buf *buf, size_t max)
{
        /* so that len + size + 1 cannot wrap */
        *buf = (struct buf){ .max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2 };
}

void buf_done(struct buf *buf)
{
        free(buf->data);
        *buf = (struct buf){ .max = buf->max };
}

char *buf_grow(struct buf *buf, size_t size)
{
        if (buf->failed)
                return NULL;
        if (size > buf->max || buf->len > buf->max - size) {
                buf->failed = true;
                return NULL;
        }
        size_t need = buf->len + size + 1;
        if (need > buf->capacity) {
                size_t capacity = buf->capacity < 128 ? 256 : buf->capacity * 2;
                if (capacity < need)
                        capacity = need;
                if (capacity > buf->max + 1)
                        capacity = buf->max + 1;
                char *data = realloc(buf->data, capacity);
                if (!data) {
                        buf->failed = true;
                        return NULL;
                }
                buf->data = data;
                buf->capacity = capacity;
                buf->data[buf->len] = '\0';
        }
        return buf->data + buf->len;
}

void buf_append(struct buf *buf, const void *bytes, size_t size)
{
        char *room = buf_reserve(buf, size);
        if (!room)
                return;
        if (size)
                memcpy(room, bytes, size);
        buf->len += size;
        buf->data[buf->len] = '\0';
}

void buf_puts(struct buf *buf, const char *text)
{
        buf_append(buf, text, strlen(text));
}

void buf_vprintf(struct buf *buf, const char *format, va_list args)
{
        va_list again;
        va_copy(again, args);
        int length = vsnprintf(NULL, 0, format, args);
        if (length < 0)
                buf->failed = true;
        char *room = length < 0 ? NULL : buf_reserve(buf, (size_t)length);
        if (room) {
                vsnprintf(room, (size_t)length + 1, format, again);
                buf->len += (size_t)length;
        }
        va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        buf_vprintf(buf, format, args);
        va_end(args);
}

void buf_clear(struct buf *buf)
{
        buf->len = 0;
        buf->failed = false;
        if (buf->data)
                buf->data[0] = '\0';
}

void buf_consume(struct buf *buf, size_t size)
{
        if (size > buf->len)
                size = buf->len;
        if (size == 0)
                return;
        memmove(buf->data, buf->data + size, buf->len - size);
        buf->len -= size;
        buf->data[buf->len] = '\0';
}

const char *buf_text(const struct buf *buf)
{
        return buf->data ? buf->data : "";
}
