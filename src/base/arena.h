/* An arena owns what a run, a request or a frame allocates and gives it back in one call. It has a ceiling, so a
 * hostile input ends in E_NO_MEMORY instead of an ever growing process. Not thread-safe: one owner. */
#pragma once

#include "base/banned.h"

#include <stdarg.h>
#include <stddef.h>

struct arena_block;
struct arena_deferred;

struct arena {
        struct arena_block *blocks;
        struct arena_deferred *deferred;
        size_t used;    /* bytes handed out, with alignment */
        size_t limit;   /* ceiling on `used` */
        size_t refused; /* allocations that did not fit: shown, never silent */
};

/* limit: bytes the arena may hand out in all. Nothing is allocated yet. */
void arena_init(struct arena *arena, size_t limit);

/* Runs the deferred clean-ups, last first, and frees all memory. The arena can be used again. */
void arena_done(struct arena *arena);

static inline void arena_done_p(struct arena *arena)
{
        arena_done(arena);
}

/* Zeroed memory aligned for any type, or NULL beyond the limit or out of memory. size 0 is 1. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));

/* count * size, overflow checked. */
void *arena_array(struct arena *arena, size_t count, size_t size);

#define arena_new(arena, type) ((type *)arena_alloc(arena, sizeof(type)))

/* Copies; NULL on failure. arena_dup of NULL is NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *bytes, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls function(cookie) in arena_done. -1 when there is no memory (then function was not and will not be called). */
int arena_defer(struct arena *arena, void (*function)(void *), void *cookie);
