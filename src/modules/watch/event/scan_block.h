/* A run of events in memory, from either kind of file: a block of a pack, or some records of a tail. */
#pragma once

#include "modules/watch/event/store_format.h"

struct scan_unpack; /* ZSTD_DCtx and buffers, kept from block to block */

struct scan_block {
        struct event_head *heads;
        uint32_t *offsets; /* of each JSON in texts */
        size_t count;
        const char *texts; /* NULL: not unpacked yet (packs) */
        size_t texts_size;
        /* owned */
        size_t capacity;
        char *bytes; /* as read */
        size_t bytes_capacity;
        char *unpacked;
        size_t unpacked_capacity;
        void *context;     /* ZSTD_DCtx */
        uint64_t texts_at; /* pack: where the TEXTS record stands */
        uint32_t texts_packed;
};

void scan_block_done(struct scan_block *block);

/* Reads the BLOCK record at `offset` of a pack. 1, *ret is its start and *ret_next where the next one stands; 0 at the
 * end of the file; -1: E_CORRUPT, E_IO, E_NO_MEMORY. Nothing is unpacked yet. */
int scan_block_read(struct scan_block *block, int fd, uint64_t offset, struct store_block *ret, uint64_t *ret_next,
        struct error *err);
/* After scan_block_read: unpacks the heads. */
int scan_block_heads(struct scan_block *block, const struct store_block *start, struct error *err);
/* Makes texts there, reading and unpacking them when they are not. */
int scan_block_texts(struct scan_block *block, int fd, struct error *err);

/* Reads whole records of a tail from `offset` on, up to offset `end`, at most about 256 KiB. *ret_next: behind the last
 * whole one. 1: some were read (count may be 0: records of other kinds); 0: nothing whole is there; -1: E_IO,
 * E_NO_MEMORY. */
int scan_block_tail(
        struct scan_block *block, int fd, uint64_t offset, uint64_t end, uint64_t *ret_next, struct error *err);
