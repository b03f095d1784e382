#include "modules/investigate/file_cache.h"

#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

enum {
        WAYS = 4, /* entries of a row */
        /* Times of files come from a clock that moves with the timer interrupt, 1 to 10 ms, and some file systems round
         * them: FAT to 2 s (fs/fat/misc.c, fat_timespec64_trunc_2secs). */
        CLOCK_STEP_SECONDS = 2
};

/* Seconds and nanoseconds apart: some file systems hold times beyond the 292 years of 64-bit nanoseconds. */
struct identity {
        uint64_t device;
        uint64_t inode;
        int64_t size;
        int64_t mtime_s;
        int64_t ctime_s;
        uint32_t mtime_ns;
        uint32_t ctime_ns;
};

struct entry {
        struct identity identity;
        uint32_t set;      /* DIGEST_BITs known; none: free */
        uint8_t digests[]; /* of file_cache.kinds, one after the other */
};

static struct identity identify(const struct stat *stat)
{
        return (struct identity){ .device = stat->st_dev,
                .inode = stat->st_ino,
                .size = stat->st_size,
                .mtime_s = stat->st_mtim.tv_sec,
                .ctime_s = stat->st_ctim.tv_sec,
                .mtime_ns = (uint32_t)stat->st_mtim.tv_nsec,
                .ctime_ns = (uint32_t)stat->st_ctim.tv_nsec };
}

static bool same(const struct identity *a, const struct identity *b)
{
        return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_s == b->mtime_s &&
               a->mtime_ns == b->mtime_ns && a->ctime_s == b->ctime_s && a->ctime_ns == b->ctime_ns;
}

void file_cache_init(struct file_cache *cache, unsigned kinds, int64_t now_ns)
{
        memset(cache, 0, sizeof(*cache));
        cache->kinds = kinds & DIGEST_ALL;
        cache->before_s = now_ns / SECOND - CLOCK_STEP_SECONDS;
        cache->stride = offsetof(struct entry, digests);
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++)
                if (cache->kinds & DIGEST_BIT(kind))
                        cache->stride += digest_size((enum digest_kind)kind);
        cache->stride = (cache->stride + _Alignof(struct entry) - 1) / _Alignof(struct entry) * _Alignof(struct entry);
        size_t entries = FILE_CACHE_BYTES_MAX / cache->stride;
        cache->rows = (entries < FILE_CACHE_ENTRIES_MAX ? entries : FILE_CACHE_ENTRIES_MAX) / WAYS;
}

void file_cache_done(struct file_cache *cache)
{
        free(cache->entries);
        memset(cache, 0, sizeof(*cache));
}

static struct entry *entry_at(uint8_t *row, const struct file_cache *cache, size_t way)
{
        return (struct entry *)(void *)(row + way * cache->stride);
}

/* The multiplier spreads neighbouring inodes (2^64 divided by the golden ratio). A file can be made to meet others in
 * a row; that costs a second reading, no more. */
static uint8_t *row_of(const struct file_cache *cache, const struct identity *identity)
{
        uint64_t hash = (identity->inode + (identity->device << 40)) * UINT64_C(0x9e3779b97f4a7c15);
        return cache->entries + (size_t)((hash >> 32) % cache->rows) * WAYS * cache->stride;
}

static struct entry *find(uint8_t *row, const struct file_cache *cache, const struct identity *identity)
{
        for (size_t way = 0; way < WAYS; way++) {
                struct entry *entry = entry_at(row, cache, way);
                if (entry->set != 0 && same(&entry->identity, identity))
                        return entry;
        }
        return NULL;
}

bool file_cache_get(const struct file_cache *cache, const struct stat *stat, unsigned set,
        uint8_t ret[DIGEST_KINDS][DIGEST_SIZE_MAX])
{
        if (!cache->entries || stat->st_size < FILE_CACHE_SIZE_MIN)
                return false;
        struct identity identity = identify(stat);
        const struct entry *entry = find(row_of(cache, &identity), cache, &identity);
        if (!entry || (set & ~entry->set) != 0)
                return false;
        const uint8_t *at = entry->digests;
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++) {
                if (!(cache->kinds & DIGEST_BIT(kind)))
                        continue;
                if (set & DIGEST_BIT(kind))
                        memcpy(ret[kind], at, digest_size((enum digest_kind)kind));
                at += digest_size((enum digest_kind)kind);
        }
        return true;
}

/* The newest entry of the row; its oldest falls out. */
static struct entry *insert(struct file_cache *cache, uint8_t *row, const struct identity *identity)
{
        cache->replaced += entry_at(row, cache, WAYS - 1)->set != 0;
        memmove(row + cache->stride, row, (WAYS - 1) * cache->stride);
        struct entry *entry = entry_at(row, cache, 0);
        entry->identity = *identity;
        entry->set = 0;
        return entry;
}

void file_cache_put(struct file_cache *cache, const struct stat *before, const struct stat *after, unsigned set,
        const uint8_t results[DIGEST_KINDS][DIGEST_SIZE_MAX])
{
        struct identity identity = identify(before);
        struct identity identity_after = identify(after);
        set &= cache->kinds;
        if (set == 0 || before->st_size < FILE_CACHE_SIZE_MIN || before->st_blocks == 0 ||
                !same(&identity, &identity_after) || identity.ctime_s >= cache->before_s)
                return;
        if (!cache->entries && !(cache->entries = calloc(cache->rows * WAYS, cache->stride)))
                return;
        uint8_t *row = row_of(cache, &identity);
        struct entry *entry = find(row, cache, &identity);
        if (!entry)
                entry = insert(cache, row, &identity);
        uint8_t *at = entry->digests;
        for (unsigned kind = 0; kind < DIGEST_KINDS; kind++) {
                if (!(cache->kinds & DIGEST_BIT(kind)))
                        continue;
                if (set & DIGEST_BIT(kind))
                        memcpy(at, results[kind], digest_size((enum digest_kind)kind));
                at += digest_size((enum digest_kind)kind);
        }
        entry->set |= set;
}
