/* A table of registrations behind generation-checked ids (private to the loop). An id is kind (4 bits), generation (28)
 * and index (32); it fits epoll_event.data.u64, so an event that outlives its registration is recognised by its id.
 * Taking a slot may move all of them: a pointer is good until the next slots_take. */
#pragma once

#include "loop/loop.h"

enum slot_kind { SLOT_NONE, SLOT_FD, SLOT_TIMER, SLOT_SIGNAL, SLOT_CHILD, SLOT_WATCH };

struct slot { /* first member of every registration */
        uint32_t generation;
        uint32_t next_free; /* index + 1 while free */
        bool used;
};

struct slots {
        char *items;
        size_t size; /* of one */
        size_t count;
        size_t capacity;
        size_t max;
        size_t used;
        uint32_t first_free; /* index + 1 */
        enum slot_kind kind;
};

static inline void slots_init(struct slots *slots, enum slot_kind kind, size_t size, size_t max)
{
        *slots = (struct slots){ .size = size, .max = max < LOOP_TABLE_MAX ? max : LOOP_TABLE_MAX, .kind = kind };
}

static inline void slots_done(struct slots *slots)
{
        free(slots->items);
        *slots = (struct slots){ 0 };
}

/* A zeroed registration and its id; NULL when the table is full. */
void *slots_take(struct slots *slots, loop_id *ret_id, struct error *err);
void slots_release(struct slots *slots, loop_id id);

static inline enum slot_kind slot_kind_of(loop_id id)
{
        return (enum slot_kind)(id >> 60);
}

static inline void *slots_at(const struct slots *slots, size_t index)
{
        return slots->items + index * slots->size;
}

static inline void *slots_get(const struct slots *slots, loop_id id)
{
        uint32_t index = (uint32_t)id;
        if (slot_kind_of(id) != slots->kind || index >= slots->count)
                return NULL;
        struct slot *slot = slots_at(slots, index);
        return slot->used && slot->generation == ((id >> 32) & 0x0fffffff) ? slot : NULL;
}

static inline loop_id slots_id(const struct slots *slots, const void *item)
{
        const struct slot *slot = item;
        uint64_t index = (uint64_t)((const char *)item - slots->items) / slots->size;
        return (uint64_t)slots->kind << 60 | (uint64_t)slot->generation << 32 | index;
}
