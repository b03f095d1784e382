/* Digests of one run by file identity: a library is often reached again through symbolic or hard links (libz.so,
 * libz.so.1, libz.so.1.2.13), and its bytes need to be hashed only once. The identity is device, inode, size, time of
 * the last change of the content and of the inode (stat(2)); the last cannot be set, so a file written to since is
 * another one. What cannot be told from them is not kept, see file_cache_put(). Private to the module. */
#pragma once

#include "lib/digest/digest.h"

#include <sys/stat.h>

enum {
        FILE_CACHE_ENTRIES_MAX = 16384,
        FILE_CACHE_BYTES_MAX = 1 << 20, /* of memory: with many kinds of digests there are fewer entries */
        FILE_CACHE_SIZE_MIN = 16 << 10  /* bytes of a file worth an entry */
};

/* All zero is a cache that keeps nothing. */
struct file_cache {
        unsigned kinds;   /* DIGEST_BITs an entry has room for */
        int64_t before_s; /* only files last changed before this second are kept */
        size_t stride;    /* bytes of an entry */
        size_t rows;
        uint8_t *entries;  /* rows of a few entries, the newest first; NULL until one is kept */
        uint64_t replaced; /* entries that gave way to newer ones */
};

/* kinds: DIGEST_BITs of all digests this run may ask for. now_ns: the present, as time_unix_ns(). */
void file_cache_init(struct file_cache *cache, unsigned kinds, int64_t now_ns);
void file_cache_done(struct file_cache *cache);

/* Copies the digests of the set for this file; false, with ret untouched, when one of them is not known. */
bool file_cache_get(const struct file_cache *cache, const struct stat *stat, unsigned set,
        uint8_t ret[DIGEST_KINDS][DIGEST_SIZE_MAX]);

/* Keeps the digests of the set, computed over the whole content between the two looks at the file. Not kept: a file
 * that changed in between; one that changed so shortly before the run that a later change may bear the same time; a
 * small one; one without blocks of its own, as in /proc and /sys, whose content changes without a new time. */
void file_cache_put(struct file_cache *cache, const struct stat *before, const struct stat *after, unsigned set,
        const uint8_t results[DIGEST_KINDS][DIGEST_SIZE_MAX]);
