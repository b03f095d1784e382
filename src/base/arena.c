#include "base/arena.h"

#include <stdint.h>

enum { BLOCK_SIZE = 16 * 1024, ALIGNMENT = 16 };

struct arena_block {
        struct arena_block *next;
        size_t used;
        size_t capacity;
        _Alignas(ALIGNMENT) unsigned char bytes[];
};

struct arena_deferred {
        struct arena_deferred *next;
        void (*function)(void *);
        void *cookie;
};

void arena_init(struct arena *arena, size_t limit)
{
        *arena = (struct arena){ .limit = limit };
}

void arena_done(struct arena *arena)
{
        /* the records live in the blocks, so they are run before the blocks go */
        for (struct arena_deferred *deferred = arena->deferred; deferred; deferred = deferred->next)
                deferred->function(deferred->cookie);
        for (struct arena_block *block = arena->blocks; block;) {
                struct arena_block *next = block->next;
                free(block);
                block = next;
        }
        arena_init(arena, arena->limit);
}

void *arena_alloc(struct arena *arena, size_t size)
{
        if (size == 0)
                size = 1;
        if (size > SIZE_MAX - ALIGNMENT)
                goto refuse;
        size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
        if (size > arena->limit || arena->used > arena->limit - size)
                goto refuse;

        struct arena_block *block = arena->blocks;
        if (!block || block->capacity - block->used < size) {
                size_t capacity = size > BLOCK_SIZE / 2 ? size : BLOCK_SIZE;
                struct arena_block *fresh = malloc(sizeof(*fresh) + capacity);
                if (!fresh)
                        goto refuse;
                fresh->used = 0;
                fresh->capacity = capacity;
                if (block && capacity == size) { /* a large one: keep the open block in front */
                        fresh->next = block->next;
                        block->next = fresh;
                } else {
                        fresh->next = block;
                        arena->blocks = fresh;
                }
                block = fresh;
        }
        void *memory = block->bytes + block->used;
        block->used += size;
        arena->used += size;
        return memset(memory, 0, size);
refuse:
        arena->refused++;
        return NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
        size_t total;
        if (__builtin_mul_overflow(count, size, &total)) {
                arena->refused++;
                return NULL;
        }
        return arena_alloc(arena, total);
}

char *arena_strndup(struct arena *arena, const char *bytes, size_t length)
{
        if (!bytes || length == SIZE_MAX)
                return NULL;
        char *copy = arena_alloc(arena, length + 1);
        if (copy)
                memcpy(copy, bytes, length);
        return copy;
}

char *arena_strdup(struct arena *arena, const char *text)
{
        return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        va_list again;
        va_copy(again, args);
        int length = vsnprintf(NULL, 0, format, args);
        va_end(args);
        char *text = length < 0 ? NULL : arena_alloc(arena, (size_t)length + 1);
        if (text)
                vsnprintf(text, (size_t)length + 1, format, again);
        va_end(again);
        return text;
}

int arena_defer(struct arena *arena, void (*function)(void *), void *cookie)
{
        struct arena_deferred *deferred = arena_new(arena, struct arena_deferred);
        if (!deferred)
                return -1;
        *deferred = (struct arena_deferred){ arena->deferred, function, cookie };
        arena->deferred = deferred;
        return 0;
}
