/* A sample as few bytes. A sample is taken apart into its shape (what it has: flags, counts, names) and its values (all
 * numbers, as a row of uint64_t in a fixed order). Two samples of one container mostly share the shape; then only the
 * values that differ are written, each as its distance from the one before and the number of equal ones in between.
 * What is put together again is the same sample to the bit, the rates aside: they follow from two samples (ring.h).
 *
 *   full        varint size of shape, shape, varint count of values, differences from zeros
 *   difference  (varint how many values to skip, varint zigzag distance)* to the end
 *
 * The shape holds NUL-terminated texts, so that a sample put together may point into it. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/stats.h"

enum {
        PACKED_VALUES_MAX = 1 << 18, /* numbers of one sample: those of 8,192 CPUs and 12 x 1,024 rows of I/O fit */
        PACKED_SHAPE_MAX = 1 << 18,  /* bytes */
        PACKED_TEXT_MAX = 4096,
        PACKED_FILESYSTEMS_MAX = 4096,
        PACKED_COUNTERS_MAX = 1 << 14, /* perf, resctrl, application metrics: rows each */
        /* the values that begin each row */
        PACKED_TIME = 0,
        PACKED_CPU_TOTAL = 1,
        PACKED_WORKING_SET = 2,
        PACKED_BYTES_MAX = 10 /* of one varint */
};

struct packed { /* a sample taken apart; its memory is used again for the next */
        struct buf shape;
        uint64_t *values;
        size_t count, capacity;
};

void packed_init(struct packed *packed);
void packed_done(struct packed *packed);

static inline void packed_done_p(struct packed *packed)
{
        packed_done(packed);
}

int packed_take_apart(struct packed *packed, const struct container_stats *stats, struct error *err);

/* Arrays come from the arena; texts point into the shape. E_CORRUPT when shape and values do not belong together. */
int packed_put_together(
        const struct packed *packed, struct arena *arena, struct container_stats *ret, struct error *err);
bool packed_same_shape(const struct packed *a, const struct packed *b);
/* Are all values but the time the same? Of two of the same shape. */
bool packed_same_values(const struct packed *a, const struct packed *b);

void packed_write_full(const struct packed *packed, struct buf *out);
/* before has the same shape. */
void packed_write_difference(const struct packed *before, const struct packed *packed, struct buf *out);

/* Both bound what hostile bytes can take: at most PACKED_VALUES_MAX values. */
int packed_read_full(struct sv bytes, struct packed *ret, struct error *err);
int packed_read_difference(struct sv bytes, struct packed *into, struct error *err);

/* LEB128. The number of bytes; 0 when the bytes end too early or the number has more than 64 bits. */
size_t packed_put_varint(uint64_t value, uint8_t ret[PACKED_BYTES_MAX]);
size_t packed_get_varint(const uint8_t *bytes, size_t size, uint64_t *ret);

static inline uint64_t packed_zigzag(int64_t value)
{
        return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static inline int64_t packed_unzigzag(uint64_t value)
{
        return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}
