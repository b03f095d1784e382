/* Hostile bytes as a packed sample, and as what differs from it: never out of bounds, and what is taken is the same
 * when it is written and read again. The first two bytes cut the input into a full sample and a difference. */
#include "modules/metrics/collect/ring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What any shape and values become; false when they do not fit. */
static bool put_together(const struct packed *packed, struct arena *arena, struct container_stats *ret)
{
        return packed_put_together(packed, arena, ret, NULL) == 0;
}

static void expect_same(const struct packed *a, const struct packed *b)
{
        if (!packed_same_shape(a, b) || memcmp(a->values, b->values, a->count * sizeof(*a->values)) != 0)
                abort();
}

/* A sample that hostile bytes made may say the same in more than one way; taken apart again it says it in one. */
static void round_trip(const struct packed *packed)
{
        struct arena arena;
        struct container_stats stats;
        struct container_stats again_stats;
        struct packed again;
        struct packed last;
        struct buf bytes;
        arena_init(&arena, 64 << 20);
        packed_init(&again);
        packed_init(&last);
        buf_init(&bytes, 16 << 20);
        if (put_together(packed, &arena, &stats) && packed_take_apart(&again, &stats, NULL) == 0) {
                packed_write_full(&again, &bytes);
                if (!bytes.failed) {
                        if (packed_read_full(sv_n(buf_text(&bytes), bytes.len), &last, NULL) < 0)
                                abort();
                        expect_same(&again, &last);
                        if (!put_together(&last, &arena, &again_stats) && arena.refused == 0)
                                abort();
                }
        }
        buf_done(&bytes);
        packed_done(&last);
        packed_done(&again);
        arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size < 2)
                return 0;
        size_t cut = (size_t)(data[0] | data[1] << 8) % (size - 1);
        const char *bytes = (const char *)data + 2;
        struct packed packed;
        packed_init(&packed);
        if (packed_read_full(sv_n(bytes, cut), &packed, NULL) == 0) {
                round_trip(&packed);
                if (packed_read_difference(sv_n(bytes + cut, size - 2 - cut), &packed, NULL) == 0)
                        round_trip(&packed);
        }
        packed_done(&packed);
        return 0;
}
