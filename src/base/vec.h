/* A typed growing array with a ceiling: `VEC(struct row) rows = { 0 }; if (!vec_add(&rows, MAX_ROWS)) refuse;`. */
#pragma once

#include "base/banned.h"

#include <stdbool.h>
#include <stddef.h>

#define VEC(type)                                                                                                      \
        struct {                                                                                                       \
                type *items;                                                                                           \
                size_t count;                                                                                          \
                size_t capacity;                                                                                       \
        }

/* Address of a new zeroed item, or NULL at `max` items or out of memory. Earlier item addresses become invalid. */
#define vec_add(vec, max)                                                                                              \
        ((__typeof__((vec)->items))vec_grow(                                                                           \
                (void **)&(vec)->items, &(vec)->count, &(vec)->capacity, sizeof(*(vec)->items), (max)))

#define vec_done(vec)                                                                                                  \
        do {                                                                                                           \
                free((vec)->items);                                                                                    \
                (vec)->items = NULL;                                                                                   \
                (vec)->count = (vec)->capacity = 0;                                                                    \
        } while (0)

#define vec_foreach(item, vec)                                                                                         \
        for (__typeof__(*(vec)->items) *(item) = (vec)->items; (vec)->count && (item) < (vec)->items + (vec)->count;   \
                (item)++)

/* Removes item `index` by moving the last one into its place: order is lost. */
#define vec_swap_remove(vec, index) ((vec)->items[(index)] = (vec)->items[--(vec)->count])

void *vec_grow(void **items, size_t *count, size_t *capacity, size_t size, size_t max);
