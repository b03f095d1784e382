/* An append-only store of bytes that stays in memory while small and moves to an unnamed file when it grows. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

struct spool {
        int fd;           /* -1 while all is in `tail` */
        struct buf tail;  /* what is not yet in the file */
        uint64_t tail_at; /* offset of tail's first byte */
};

void spool_init(struct spool *spool);
void spool_done(struct spool *spool);

/* Offset of the next byte. */
uint64_t spool_size(const struct spool *spool);

int spool_append(struct spool *spool, const void *bytes, size_t size, struct error *err);

/* Overwrites bytes that are there already. */
int spool_patch(struct spool *spool, uint64_t at, const void *bytes, size_t size, struct error *err);

int spool_read(const struct spool *spool, uint64_t at, void *bytes, size_t size, struct error *err);
