#include "base/map.h"

#include <pthread.h>
#include <sys/random.h>

static uint64_t seed[2];
static pthread_once_t seeded = PTHREAD_ONCE_INIT;

static void seed_once(void)
{
        if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
                seed[0] = (uintptr_t)&seed ^ (uint64_t)getpid();
}

/* Multiply-and-fold over 8-byte words (the construction of wyhash, w/o its constants): keyed by `seed`. */
static uint64_t fold(uint64_t a, uint64_t b)
{
        __uint128_t product = (__uint128_t)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t map_hash(struct sv key)
{
        pthread_once(&seeded, seed_once);
        uint64_t hash = seed[0] ^ key.n;
        for (size_t at = 0; at < key.n; at += 8) {
                uint64_t word = 0;
                memcpy(&word, key.p + at, key.n - at < 8 ? key.n - at : 8);
                hash = fold(hash ^ word ^ 0x9e3779b97f4a7c15U, seed[1] | 1);
        }
        return fold(hash ^ seed[1], 0xd6e8feb86659fd93U);
}

void map_init(struct map *map, size_t max)
{
        *map = (struct map){ .max = max < UINT32_MAX / 4 ? max : UINT32_MAX / 4 };
}

void map_done(struct map *map)
{
        for (size_t i = 0; i < map->count; i++)
                free(map->entries[i].key);
        free(map->entries);
        free(map->slots);
        map_init(map, map->max);
}

/* The slot that holds the key, or the free one where it would go. slot_count > count always, so this ends. */
static size_t slot_of(const struct map *map, struct sv key, uint64_t hash)
{
        size_t mask = map->slot_count - 1;
        size_t slot = hash & mask;
        for (; map->slots[slot]; slot = (slot + 1) & mask) {
                const struct map_entry *entry = &map->entries[map->slots[slot] - 1];
                if (entry->hash == (uint32_t)hash && sv_eq(sv_n(entry->key, entry->key_length), key))
                        break;
        }
        return slot;
}

static int rehash(struct map *map, size_t slot_count)
{
        uint32_t *slots = calloc(slot_count, sizeof(*slots));
        if (!slots)
                return -1;
        free(map->slots);
        map->slots = slots;
        map->slot_count = slot_count;
        for (size_t i = 0; i < map->count; i++) {
                size_t slot = map->entries[i].hash & (slot_count - 1);
                while (slots[slot])
                        slot = (slot + 1) & (slot_count - 1);
                slots[slot] = (uint32_t)i + 1;
        }
        return 0;
}

void *map_get(const struct map *map, struct sv key)
{
        if (map->count == 0)
                return NULL;
        uint32_t index = map->slots[slot_of(map, key, map_hash(key))];
        return index ? map->entries[index - 1].value : NULL;
}

int map_put(struct map *map, struct sv key, void *value)
{
        uint64_t hash = map_hash(key);
        if (map->slot_count) {
                uint32_t index = map->slots[slot_of(map, key, hash)];
                if (index) {
                        map->entries[index - 1].value = value;
                        return 0;
                }
        }
        if (map->count >= map->max || key.n > UINT32_MAX)
                goto refuse;
        if ((map->count + 1) * 4 > map->slot_count * 3 && rehash(map, map->slot_count ? map->slot_count * 2 : 16) < 0)
                goto refuse;
        if (map->count == map->capacity) {
                size_t capacity = map->capacity ? map->capacity * 2 : 8;
                struct map_entry *entries = realloc(map->entries, capacity * sizeof(*entries));
                if (!entries)
                        goto refuse;
                map->entries = entries;
                map->capacity = capacity;
        }
        char *copy = malloc(key.n + 1);
        if (!copy)
                goto refuse;
        if (key.n)
                memcpy(copy, key.p, key.n);
        copy[key.n] = '\0';
        map->slots[slot_of(map, key, hash)] = (uint32_t)map->count + 1;
        map->entries[map->count++] = (struct map_entry){ copy, value, (uint32_t)key.n, (uint32_t)hash };
        return 0;
refuse:
        map->refused++;
        return -1;
}

/* Closes the hole that an emptied slot would tear into the probe chains behind it (Knuth, TAOCP 6.4, algorithm R). */
static void close_hole(struct map *map, size_t hole)
{
        size_t mask = map->slot_count - 1;
        for (size_t at = (hole + 1) & mask; map->slots[at]; at = (at + 1) & mask) {
                size_t home = map->entries[map->slots[at] - 1].hash & mask;
                if (((at - home) & mask) >= ((at - hole) & mask)) {
                        map->slots[hole] = map->slots[at];
                        hole = at;
                }
        }
        map->slots[hole] = 0;
}

void *map_remove(struct map *map, struct sv key)
{
        if (map->count == 0)
                return NULL;
        size_t slot = slot_of(map, key, map_hash(key));
        uint32_t index = map->slots[slot];
        if (!index)
                return NULL;
        struct map_entry *entry = &map->entries[index - 1];
        void *value = entry->value;
        free(entry->key);
        close_hole(map, slot);

        struct map_entry *last = &map->entries[--map->count];
        if (last != entry) {
                *entry = *last;
                /* find the slot that named the last entry by its index and rename it */
                size_t mask = map->slot_count - 1;
                size_t at = entry->hash & mask;
                while (map->slots[at] != map->count + 1)
                        at = (at + 1) & mask;
                map->slots[at] = index;
        }
        return value;
}
