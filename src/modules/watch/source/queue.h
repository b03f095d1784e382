/* A bounded first-in first-out queue of byte strings, in one ring: what does not fit is refused and counted, and the
 * deepest filling is kept. Single-threaded. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <stdbool.h>
#include <stdint.h>

struct queue_counters {
        uint64_t depth, depth_high; /* items */
        uint64_t bytes, bytes_high;
        uint64_t pushed, lost; /* items ever taken, and refused for want of room */
};

struct queue {
        char *ring;
        size_t size, head, used; /* bytes; head is the oldest */
        struct queue_counters counters;
};

enum { QUEUE_ITEM_MAX = 1 << 20 };

/* size: bytes of the ring, items' lengths included. Memory is taken from the system as it is first used. */
int queue_init(struct queue *queue, size_t size, struct error *err);
void queue_done(struct queue *queue);

/* An item of `size` bytes: room to write it to, valid until the next call, or NULL (counted as lost). Then commit what
 * was really written (0..size; 0 takes nothing). */
char *queue_reserve(struct queue *queue, size_t size);
void queue_commit(struct queue *queue, size_t size);
/* Would an item of `size` bytes be taken now, wherever the ring ends? Counts nothing. */
static inline bool queue_has_room(const struct queue *queue, size_t size)
{
        return queue->size - queue->used >= 2 * (size + 64);
}
/* Both in one: false when lost. */
bool queue_push(struct queue *queue, struct sv item);

/* The oldest item, valid until queue_pop or the next reserve; false when empty. Items are contiguous. */
bool queue_front(const struct queue *queue, struct sv *ret);
void queue_pop(struct queue *queue);
