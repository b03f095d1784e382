/* Records in a chunk: varint (size * 2 + is_full), then the bytes of packed.h. */
#include "modules/metrics/collect/ring.h"

enum { CHUNK_SIZE_FIRST = 448, SCRATCH_BYTES_MAX = 4 << 20 };

void ring_scratch_init(struct ring_scratch *scratch)
{
        *scratch = (struct ring_scratch){ 0 };
        packed_init(&scratch->now);
        packed_init(&scratch->before);
        buf_init(&scratch->out, SCRATCH_BYTES_MAX);
}

void ring_scratch_done(struct ring_scratch *scratch)
{
        packed_done(&scratch->now);
        packed_done(&scratch->before);
        buf_done(&scratch->out);
}

bool ring_latest(const struct ring *ring, struct packed *ret)
{
        return ring->latest_size &&
               packed_read_full(sv_n((const char *)ring->latest, ring->latest_size), ret, NULL) == 0;
}

static int64_t time_of(const struct packed *packed)
{
        return (int64_t)packed->values[PACKED_TIME];
}

static int keep_latest(struct ring *ring, struct sv full, struct error *err)
{
        if (full.n > ring->latest_room || full.n < ring->latest_room / 2) {
                size_t room = full.n + full.n / 8;
                uint8_t *grown = realloc(ring->latest, room);
                if (!grown)
                        return fail(err, E_NO_MEMORY, "no memory for a sample");
                ring->bytes += room - ring->latest_room;
                ring->latest = grown;
                ring->latest_room = (uint32_t)room;
        }
        memcpy(ring->latest, full.p, full.n);
        ring->latest_size = (uint32_t)full.n;
        return 0;
}

static int resize(struct ring *ring, struct ring_chunk **link, size_t size, struct error *err)
{
        struct ring_chunk *chunk = *link;
        struct ring_chunk *moved = realloc(chunk, sizeof(*chunk) + size);
        if (!moved)
                return fail(err, E_NO_MEMORY, "no memory for samples");
        ring->bytes += size - moved->size;
        moved->size = (uint32_t)size;
        if (ring->newest == chunk)
                ring->newest = moved;
        *link = moved;
        return 0;
}

static struct ring_chunk **link_of_newest(struct ring *ring)
{
        struct ring_chunk **link = &ring->oldest;
        while (*link != ring->newest)
                link = &(*link)->next;
        return link;
}

static int new_chunk(struct ring *ring, size_t size, struct error *err)
{
        if (ring->newest) { /* it takes no more: what it does not use goes back */
                struct ring_chunk **link = link_of_newest(ring);
                if ((*link)->used < (*link)->size && resize(ring, link, (*link)->used, err) < 0)
                        return -1;
        }
        size = size > CHUNK_SIZE_FIRST ? size : CHUNK_SIZE_FIRST;
        struct ring_chunk *chunk = calloc(1, sizeof(*chunk) + size);
        if (!chunk)
                return fail(err, E_NO_MEMORY, "no memory for samples");
        chunk->size = (uint32_t)size;
        ring->bytes += sizeof(*chunk) + size;
        if (ring->newest)
                ring->newest->next = chunk;
        else
                ring->oldest = chunk;
        ring->newest = chunk;
        return 0;
}

static int add_record(struct ring *ring, struct sv bytes, bool full, int64_t time_ns, struct error *err)
{
        uint8_t head[PACKED_BYTES_MAX];
        size_t n = packed_put_varint((uint64_t)bytes.n * 2 + full, head);
        size_t need = n + bytes.n;
        if (full && new_chunk(ring, need, err) < 0)
                return -1;
        struct ring_chunk *chunk = ring->newest;
        if (need > chunk->size - chunk->used) {
                size_t size = chunk->used + need + chunk->size / 2;
                if (resize(ring, link_of_newest(ring), size, err) < 0)
                        return -1;
                chunk = ring->newest;
        }
        memcpy(chunk->bytes + chunk->used, head, n);
        memcpy(chunk->bytes + chunk->used + n, bytes.p, bytes.n);
        chunk->used += (uint32_t)need;
        if (chunk->count++ == 0)
                chunk->first_ns = time_ns;
        chunk->last_ns = time_ns;
        ring->count++;
        return 0;
}

int ring_add(struct ring *ring, struct ring_scratch *scratch, const struct container_stats *stats, bool *ret_same,
        struct error *err)
{
        struct packed *now = &scratch->now;
        struct buf *out = &scratch->out;
        if (packed_take_apart(now, stats, err) < 0)
                return -1;
        bool has_before = ring_latest(ring, &scratch->before);
        bool comparable = has_before && packed_same_shape(&scratch->before, now);
        if (has_before && time_of(now) <= time_of(&scratch->before))
                return fail(err, E_INVALID, "the clock went back");
        const struct ring_chunk *chunk = ring->newest;
        bool full = !comparable || !chunk || chunk->count >= RING_CHUNK_SAMPLES || chunk->used >= RING_CHUNK_BYTES;
        buf_clear(out);
        if (!full) {
                packed_write_difference(&scratch->before, now, out);
                if (out->failed)
                        return fail(err, E_NO_MEMORY, "no memory for a packed sample");
                if (add_record(ring, sv_n(buf_text(out), out->len), false, time_of(now), err) < 0)
                        return -1;
                buf_clear(out);
        }
        packed_write_full(now, out);
        if (out->failed) {
                ring->latest_size = 0; /* the next has nothing to be compared with */
                return fail(err, E_NO_MEMORY, "no memory for a packed sample");
        }
        struct sv whole = sv_n(buf_text(out), out->len);
        if (full && add_record(ring, whole, true, time_of(now), err) < 0)
                return -1;
        if (keep_latest(ring, whole, err) < 0) { /* the next cannot be compared with it: begin anew */
                ring->latest_size = 0;
                return -1;
        }
        *ret_same = comparable && packed_same_values(&scratch->before, now);
        return 0;
}

/* Where the time of the newest sample stands: it is the first value, and a full sample has its values as differences
 * from zeros. */
static bool find_time(const struct ring *ring, size_t *ret_at, size_t *ret_size, int64_t *ret_ns)
{
        uint64_t shape;
        uint64_t count;
        uint64_t skip;
        uint64_t time;
        size_t size = ring->latest_size;
        size_t at = packed_get_varint(ring->latest, size, &shape);
        if (!at || shape > size - at)
                return false;
        at += shape;
        size_t n = packed_get_varint(ring->latest + at, size - at, &count);
        at += n;
        size_t m = n ? packed_get_varint(ring->latest + at, size - at, &skip) : 0;
        at += m;
        size_t o = m && skip == PACKED_TIME ? packed_get_varint(ring->latest + at, size - at, &time) : 0;
        if (!o)
                return false;
        *ret_at = at;
        *ret_size = o;
        *ret_ns = packed_unzigzag(time);
        return true;
}

int ring_repeat(struct ring *ring, int64_t time_ns, struct error *err)
{
        uint8_t varint[PACKED_BYTES_MAX];
        uint8_t difference[1 + PACKED_BYTES_MAX] = { PACKED_TIME };
        size_t at;
        size_t size;
        int64_t before_ns;
        if (!find_time(ring, &at, &size, &before_ns))
                return fail(err, E_NOT_FOUND, "there is no sample yet");
        if (time_ns <= before_ns)
                return fail(err, E_INVALID, "the clock went back");
        /* nine bytes for all times of 1980 to 2116 */
        if (packed_put_varint(packed_zigzag(time_ns), varint) != size)
                return fail(err, E_INVALID, "a time of another length");
        const struct ring_chunk *chunk = ring->newest;
        bool full = !chunk || chunk->count >= RING_CHUNK_SAMPLES || chunk->used >= RING_CHUNK_BYTES;
        if (!full) {
                size_t n = packed_put_varint(packed_zigzag(time_ns - before_ns), difference + 1);
                if (add_record(ring, sv_n((const char *)difference, n + 1), false, time_ns, err) < 0)
                        return -1;
        }
        memcpy(ring->latest + at, varint, size);
        return full ? add_record(ring, sv_n((const char *)ring->latest, ring->latest_size), true, time_ns, err) : 0;
}

size_t ring_drop_oldest(struct ring *ring)
{
        struct ring_chunk *chunk = ring->oldest;
        if (!chunk)
                return 0;
        size_t count = chunk->count;
        ring->oldest = chunk->next;
        if (!ring->oldest)
                ring->newest = NULL;
        ring->count -= (uint32_t)count;
        ring->bytes -= sizeof(*chunk) + chunk->size;
        free(chunk);
        return count;
}

size_t ring_expire(struct ring *ring, int64_t before_ns)
{
        size_t gone = 0;
        while (ring->oldest && ring->oldest != ring->newest && ring->oldest->last_ns < before_ns)
                gone += ring_drop_oldest(ring);
        return gone;
}

void ring_done(struct ring *ring)
{
        while (ring->oldest)
                ring_drop_oldest(ring);
        free(ring->latest);
        *ring = (struct ring){ 0 };
}

/* The record at *at, which moves on; false at the end. Chunks are our own memory: a size beyond the chunk cannot be. */
static bool next_record(const struct ring_chunk *chunk, size_t *at, struct sv *ret, bool *ret_full)
{
        uint64_t head;
        size_t n = packed_get_varint(chunk->bytes + *at, chunk->used - *at, &head);
        if (!n || head / 2 > chunk->used - *at - n)
                return false;
        *ret = sv_n((const char *)chunk->bytes + *at + n, head / 2);
        *ret_full = head & 1;
        *at += n + head / 2;
        return true;
}

/* The time is the first value and always differs, so it is the first thing in a difference. */
static int64_t next_time(struct sv difference, int64_t before_ns)
{
        uint64_t skip;
        uint64_t distance;
        const uint8_t *bytes = (const uint8_t *)difference.p;
        size_t n = packed_get_varint(bytes, difference.n, &skip);
        size_t m = n ? packed_get_varint(bytes + n, difference.n - n, &distance) : 0;
        return m && skip == 0 ? before_ns + packed_unzigzag(distance) : before_ns;
}

size_t ring_count(const struct ring *ring, int64_t start_ns, int64_t end_ns)
{
        size_t count = 0;
        for (const struct ring_chunk *chunk = ring->oldest; chunk; chunk = chunk->next) {
                if (chunk->last_ns < start_ns || chunk->first_ns > end_ns)
                        continue;
                if (chunk->first_ns >= start_ns && chunk->last_ns <= end_ns) {
                        count += chunk->count;
                        continue;
                }
                int64_t time_ns = chunk->first_ns;
                size_t at = 0;
                struct sv record;
                bool full;
                while (next_record(chunk, &at, &record, &full)) {
                        time_ns = full ? time_ns : next_time(record, time_ns);
                        count += time_ns >= start_ns && time_ns <= end_ns;
                }
        }
        return count;
}

int ring_each(const struct ring *ring, struct packed *packed, int64_t start_ns, int64_t end_ns, size_t skip,
        int (*each)(const struct packed *packed, void *cookie), void *cookie)
{
        for (const struct ring_chunk *chunk = ring->oldest; chunk; chunk = chunk->next) {
                if (chunk->last_ns < start_ns || chunk->first_ns > end_ns)
                        continue;
                size_t at = 0;
                struct sv record;
                bool full;
                while (next_record(chunk, &at, &record, &full)) {
                        int failed = full ? packed_read_full(record, packed, NULL)
                                          : packed_read_difference(record, packed, NULL);
                        if (failed)
                                return -1;
                        if (time_of(packed) < start_ns || time_of(packed) > end_ns)
                                continue;
                        if (skip) {
                                skip--;
                                continue;
                        }
                        int stop = each(packed, cookie);
                        if (stop)
                                return stop;
                }
        }
        return 0;
}
