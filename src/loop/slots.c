#include "loop/slots.h"

#include "base/vec.h"

void *slots_take(struct slots *slots, loop_id *ret_id, struct error *err)
{
        struct slot *slot;
        if (slots->first_free) {
                slot = slots_at(slots, slots->first_free - 1);
                uint32_t generation = slot->generation;
                slots->first_free = slot->next_free;
                memset(slot, 0, slots->size);
                slot->generation = generation;
        } else {
                slot = vec_grow((void **)&slots->items, &slots->count, &slots->capacity, slots->size, slots->max);
                if (!slot)
                        return fail_null(err, slots->count >= slots->max ? E_TOO_LARGE : E_NO_MEMORY,
                                "a table of the loop is full at %zu entries", slots->count);
                slot->generation = 1;
        }
        slot->used = true;
        slots->used++;
        *ret_id = slots_id(slots, slot);
        return slot;
}

void slots_release(struct slots *slots, loop_id id)
{
        struct slot *slot = slots_get(slots, id);
        if (!slot)
                return;
        slot->used = false;
        slot->generation = (slot->generation + 1) & 0x0fffffff;
        slot->next_free = slots->first_free;
        slots->first_free = (uint32_t)id + 1;
        slots->used--;
}
