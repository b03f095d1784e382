/* A hash map from byte strings to pointers, with a ceiling on its entries. Keys are copied; values belong to the
 * caller. The hash is keyed with random bytes per process, so that hostile keys cannot be chosen to collide. Integer
 * keys: pass their bytes (map_key_u64). Iteration order is insertion order unless something was removed. */
#pragma once

#include "base/sv.h"

struct map_entry {
        char *key; /* NUL-terminated copy */
        void *value;
        uint32_t key_length;
        uint32_t hash; /* the lower half */
};

struct map {
        struct map_entry *entries;
        size_t count;
        size_t capacity; /* of entries */
        uint32_t *slots; /* index + 1 into entries, 0 = free; a power of two */
        size_t slot_count;
        size_t max;
        size_t refused;
};

void map_init(struct map *map, size_t max);
void map_done(struct map *map);

static inline void map_done_p(struct map *map)
{
        map_done(map);
}

/* The value, or NULL when absent. */
void *map_get(const struct map *map, struct sv key);

/* Adds or replaces. -1 when full, out of memory or the key has 4 GiB (counted in refused). value must not be NULL. */
int map_put(struct map *map, struct sv key, void *value);

/* Takes the entry out and returns its value, NULL when absent. The last entry moves into its place. */
void *map_remove(struct map *map, struct sv key);

/* The hash of this process for a table of one's own. */
uint64_t map_hash(struct sv key);

static inline struct sv map_key_u64(const uint64_t *key)
{
        return sv_n((const char *)key, sizeof(*key));
}

#define map_foreach(entry, map)                                                                                        \
        for (struct map_entry *entry = (map)->entries; entry && entry < (map)->entries + (map)->count; entry++)
