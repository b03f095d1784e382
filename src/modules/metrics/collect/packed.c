/* The bytes: varints, differences, rows of values. What a sample is made of is said in packed_shape.c. */
#include "modules/metrics/collect/packed.h"

void packed_init(struct packed *packed)
{
        *packed = (struct packed){ 0 };
        buf_init(&packed->shape, PACKED_SHAPE_MAX);
}

void packed_done(struct packed *packed)
{
        buf_done(&packed->shape);
        free(packed->values);
        packed_init(packed);
}

size_t packed_put_varint(uint64_t value, uint8_t ret[PACKED_BYTES_MAX])
{
        size_t n = 0;
        while (value >= 0x80) {
                ret[n++] = (uint8_t)(value | 0x80);
                value >>= 7;
        }
        ret[n++] = (uint8_t)value;
        return n;
}

size_t packed_get_varint(const uint8_t *bytes, size_t size, uint64_t *ret)
{
        uint64_t value = 0;
        for (size_t i = 0; i < size && i < PACKED_BYTES_MAX; i++) {
                uint64_t part = bytes[i] & 0x7f;
                if (i == PACKED_BYTES_MAX - 1 && part > 1)
                        return 0;
                value |= part << 7 * i;
                if (!(bytes[i] & 0x80)) {
                        *ret = value;
                        return i + 1;
                }
        }
        return 0;
}

bool packed_same_shape(const struct packed *a, const struct packed *b)
{
        return a->count == b->count && a->shape.len == b->shape.len &&
               (a->shape.len == 0 || memcmp(a->shape.data, b->shape.data, a->shape.len) == 0);
}

bool packed_same_values(const struct packed *a, const struct packed *b)
{
        size_t behind_time = (a->count - 1) * sizeof(uint64_t);
        return a->count == b->count && memcmp(a->values + 1, b->values + 1, behind_time) == 0;
}

static void append_varint(uint64_t value, struct buf *out)
{
        uint8_t bytes[PACKED_BYTES_MAX];
        buf_append(out, bytes, packed_put_varint(value, bytes));
}

/* before NULL: zeros. Distances are those of the ring of 64 bits, so that every pair of numbers has one. */
static void write_values(const uint64_t *before, const uint64_t *values, size_t count, struct buf *out)
{
        size_t next = 0;
        for (size_t i = 0; i < count; i++) {
                uint64_t distance = values[i] - (before ? before[i] : 0);
                if (!distance)
                        continue;
                uint8_t bytes[2 * PACKED_BYTES_MAX];
                size_t n = packed_put_varint(i - next, bytes);
                n += packed_put_varint(packed_zigzag((int64_t)distance), bytes + n);
                buf_append(out, bytes, n);
                next = i + 1;
        }
}

void packed_write_full(const struct packed *packed, struct buf *out)
{
        append_varint(packed->shape.len, out);
        buf_append(out, packed->shape.data, packed->shape.len);
        append_varint(packed->count, out);
        write_values(NULL, packed->values, packed->count, out);
}

void packed_write_difference(const struct packed *before, const struct packed *packed, struct buf *out)
{
        write_values(before->values, packed->values, packed->count, out);
}

int packed_read_difference(struct sv bytes, struct packed *into, struct error *err)
{
        const uint8_t *at = (const uint8_t *)bytes.p;
        size_t left = bytes.n;
        size_t next = 0;
        while (left) {
                uint64_t skip;
                uint64_t distance;
                size_t n = packed_get_varint(at, left, &skip);
                size_t m = n ? packed_get_varint(at + n, left - n, &distance) : 0;
                if (!m || skip >= into->count - next)
                        return fail(err, E_CORRUPT, "a packed sample has no value at %zu bytes before its end", left);
                next += skip;
                into->values[next++] += (uint64_t)packed_unzigzag(distance);
                at += n + m;
                left -= n + m;
        }
        return 0;
}

static int make_room(struct packed *packed, size_t count, struct error *err)
{
        if (count <= packed->capacity)
                return 0;
        uint64_t *grown = realloc(packed->values, count * sizeof(*grown));
        if (!grown)
                return fail(err, E_NO_MEMORY, "no memory for a sample of %zu values", count);
        packed->values = grown;
        packed->capacity = count;
        return 0;
}

int packed_read_full(struct sv bytes, struct packed *ret, struct error *err)
{
        const uint8_t *at = (const uint8_t *)bytes.p;
        uint64_t shape;
        uint64_t count;
        size_t n = packed_get_varint(at, bytes.n, &shape);
        if (!n || shape > bytes.n - n || shape > PACKED_SHAPE_MAX)
                return fail(err, E_CORRUPT, "a packed sample is shorter than its shape");
        size_t used = n + shape;
        size_t m = packed_get_varint(at + used, bytes.n - used, &count);
        if (!m || count <= PACKED_WORKING_SET || count > PACKED_VALUES_MAX)
                return fail(err, E_CORRUPT, "a packed sample has no fit number of values");
        if (make_room(ret, count, err) < 0)
                return -1;
        buf_clear(&ret->shape);
        buf_append(&ret->shape, at + n, shape);
        if (ret->shape.failed)
                return fail(err, E_NO_MEMORY, "no memory for the shape of a sample");
        memset(ret->values, 0, count * sizeof(*ret->values));
        ret->count = count;
        return packed_read_difference(sv_n((const char *)at + used + m, bytes.n - used - m), ret, err);
}
