/* The samples of one container in memory, packed, oldest first, in chunks: each chunk begins with a full sample and is
 * given back as a whole. The newest sample is also kept in full apart: it is what the next one is compared with and
 * what a scrape reads. */
#pragma once

#include "modules/metrics/collect/packed.h"

enum {
        RING_CHUNK_SAMPLES = 32,
        RING_CHUNK_BYTES = 8192, /* a chunk takes no further sample beyond this */
};

struct ring_chunk {
        struct ring_chunk *next;
        uint32_t used, size, count;
        int64_t first_ns, last_ns; /* Unix */
        uint8_t bytes[];
};

struct ring {
        struct ring_chunk *oldest, *newest;
        uint8_t *latest;
        uint32_t latest_size, latest_room;
        uint32_t count;
        size_t bytes; /* all that is allocated */
};

/* Memory that all rings share while one is read or written. */
struct ring_scratch {
        struct packed now, before;
        struct buf out;
};

void ring_scratch_init(struct ring_scratch *scratch);
void ring_scratch_done(struct ring_scratch *scratch);

/* ret_same: nothing but the time differs from the sample before. A sample that is not younger than the newest is
 * refused (E_INVALID). */
int ring_add(struct ring *ring, struct ring_scratch *scratch, const struct container_stats *stats, bool *ret_same,
        struct error *err);
/* The newest sample once more at a later time, without taking it apart. -1 without a newest sample. */
int ring_repeat(struct ring *ring, int64_t time_ns, struct error *err);
/* Gives back the oldest chunk while all its samples are older than before_ns; how many samples went. */
size_t ring_expire(struct ring *ring, int64_t before_ns);
/* Gives back the oldest chunk, the only one too (then the newest sample alone is left, and is seen by ring_latest). */
size_t ring_drop_oldest(struct ring *ring);
void ring_done(struct ring *ring);

/* The newest sample taken apart, into `ret`; false when there is none. */
bool ring_latest(const struct ring *ring, struct packed *ret);
/* How many samples lie between start and end (Unix, both within). */
size_t ring_count(const struct ring *ring, int64_t start_ns, int64_t end_ns);
/* Those samples but the first `skip`, oldest first, taken apart in `packed`, which is valid until the next call of
 * each. Non-zero of each stops and is returned; -1 also when a chunk is corrupt. */
int ring_each(const struct ring *ring, struct packed *packed, int64_t start_ns, int64_t end_ns, size_t skip,
        int (*each)(const struct packed *packed, void *cookie), void *cookie);
