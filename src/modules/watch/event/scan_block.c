#include "modules/watch/event/scan_block.h"

#include "lib/segment/segment.h"

#include <sys/stat.h>
#include <zstd.h>

enum {
        TAIL_STEP = 256 << 10,
        RECORD_MAX = SEGMENT_HEADER + SEGMENT_RECORD_MAX,
        TEXTS_MAX = STORE_BLOCK_TEXT + STORE_EVENT_MAX,
};

void scan_block_done(struct scan_block *block)
{
        free(block->heads);
        free(block->offsets);
        free(block->bytes);
        free(block->unpacked);
        ZSTD_freeDCtx(block->context);
        *block = (struct scan_block){ 0 };
}

static int grow(char **bytes, size_t *capacity, size_t size, struct error *err)
{
        if (*capacity >= size)
                return 0;
        free(*bytes);
        *capacity = 0;
        *bytes = malloc(size);
        if (!*bytes)
                return fail(err, E_NO_MEMORY, "no memory to read events");
        *capacity = size;
        return 0;
}

static int grow_events(struct scan_block *block, size_t count, struct error *err)
{
        if (block->capacity >= count)
                return 0;
        size_t capacity = block->capacity * 2 > count ? block->capacity * 2 : count;
        struct event_head *heads = realloc(block->heads, capacity * sizeof(*heads));
        if (heads)
                block->heads = heads;
        uint32_t *offsets = heads ? realloc(block->offsets, capacity * sizeof(*offsets)) : NULL;
        if (!offsets)
                return fail(err, E_NO_MEMORY, "no memory to read events");
        block->offsets = offsets;
        block->capacity = capacity;
        return 0;
}

/* As many bytes as there are, up to size. */
static ssize_t read_at(int fd, char *bytes, size_t size, uint64_t offset, struct error *err)
{
        size_t got = 0;
        while (got < size) {
                ssize_t one = pread(fd, bytes + got, size - got, (off_t)(offset + got));
                if (one < 0 && errno == EINTR)
                        continue;
                if (one < 0)
                        return fail_errno(err, "reading events");
                if (one == 0)
                        break;
                got += (size_t)one;
        }
        return (ssize_t)got;
}

/* The record at `offset` into block->bytes: 1, 0 at the end of the file, -1. `guess`: bytes that it likely has. */
static int read_record(struct scan_block *block, int fd, uint64_t offset, size_t guess, struct sv *ret,
        size_t *ret_size, struct error *err)
{
        size_t want = guess + SEGMENT_HEADER;
        for (int attempt = 0; attempt < 2; attempt++) {
                if (grow(&block->bytes, &block->bytes_capacity, want, err) < 0)
                        return -1;
                ssize_t got = read_at(fd, block->bytes, want, offset, err);
                if (got <= 0)
                        return (int)got;
                int have = segment_next(sv_n(block->bytes, (size_t)got), ret, ret_size);
                if (have > 0)
                        return 1;
                if (have < 0 || got < SEGMENT_HEADER)
                        break;
                uint32_t length;
                memcpy(&length, block->bytes, sizeof(length));
                want = SEGMENT_HEADER + (size_t)length; /* segment_next has checked it */
                if ((size_t)got >= want)
                        break;
        }
        return fail(err, E_CORRUPT, "an event file is damaged at byte %llu", (unsigned long long)offset);
}

int scan_block_read(struct scan_block *block, int fd, uint64_t offset, struct store_block *ret, uint64_t *ret_next,
        struct error *err)
{
        struct sv record;
        size_t size;
        block->count = 0;
        block->texts = NULL;
        int have = read_record(block, fd, offset, 8 << 10, &record, &size, err);
        if (have <= 0)
                return have;
        if (record.n < sizeof(*ret))
                return fail(err, E_CORRUPT, "a block of events is too short");
        memcpy(ret, record.p, sizeof(*ret));
        if (ret->kind != STORE_BLOCK || ret->summary.events == 0 || ret->summary.events > STORE_BLOCK_EVENTS ||
                ret->text_size > TEXTS_MAX || ret->text_packed > SEGMENT_RECORD_MAX - sizeof(uint32_t))
                return fail(err, E_CORRUPT, "a block of events is damaged");
        block->texts_at = offset + size;
        block->texts_packed = ret->text_packed;
        block->texts_size = ret->text_size;
        *ret_next = block->texts_at + SEGMENT_HEADER + sizeof(uint32_t) + ret->text_packed;
        return 1;
}

static int unpack(struct scan_block *block, void *to, size_t size, struct sv packed, struct error *err)
{
        if (!block->context)
                block->context = ZSTD_createDCtx();
        if (!block->context)
                return fail(err, E_NO_MEMORY, "no memory to unpack events");
        size_t got = ZSTD_decompressDCtx(block->context, to, size, packed.p, packed.n);
        if (ZSTD_isError(got))
                return fail(err, E_CORRUPT, "unpacking events: %s", ZSTD_getErrorName(got));
        if (got != size)
                return fail(err, E_CORRUPT, "a block of events has another size than it says");
        return 0;
}

int scan_block_heads(struct scan_block *block, const struct store_block *start, struct error *err)
{
        uint32_t length; /* the record is still there: scan_block_read has checked it */
        memcpy(&length, block->bytes, sizeof(length));
        struct sv packed = sv_n(block->bytes + SEGMENT_HEADER + sizeof(*start), length - sizeof(*start));
        size_t count = start->summary.events;
        if (grow_events(block, count, err) < 0 ||
                unpack(block, block->heads, count * sizeof(*block->heads), packed, err) < 0)
                return -1;
        size_t offset = 0;
        for (size_t i = 0; i < count; i++) {
                const struct event_head *head = &block->heads[i];
                if (head->type >= EVENT_TYPES || head->size > block->texts_size - offset || !store_id_valid(head->id))
                        return fail(err, E_CORRUPT, "the heads of a block of events are damaged");
                block->offsets[i] = (uint32_t)offset;
                offset += head->size;
        }
        block->count = count;
        return 0;
}

int scan_block_texts(struct scan_block *block, int fd, struct error *err)
{
        struct sv record;
        size_t size;
        uint32_t kind;
        if (block->texts)
                return 0;
        int have = read_record(block, fd, block->texts_at, sizeof(kind) + block->texts_packed, &record, &size, err);
        if (have < 0)
                return -1;
        if (have == 0 || record.n != sizeof(kind) + block->texts_packed)
                return fail(err, E_CORRUPT, "a block of events has no texts");
        memcpy(&kind, record.p, sizeof(kind));
        if (kind != STORE_TEXTS)
                return fail(err, E_CORRUPT, "a block of events has no texts");
        if (grow(&block->unpacked, &block->unpacked_capacity, block->texts_size + 1, err) < 0 ||
                unpack(block, block->unpacked, block->texts_size,
                        sv_n(record.p + sizeof(kind), record.n - sizeof(kind)), err) < 0)
                return -1;
        block->texts = block->unpacked;
        return 0;
}

static int take_tail(struct scan_block *block, size_t have, size_t *ret_taken, struct error *err)
{
        struct sv record;
        size_t size;
        size_t taken = 0;
        while (segment_next(sv_n(block->bytes + taken, have - taken), &record, &size) > 0) {
                struct sv json;
                if (grow_events(block, block->count + 1, err) < 0)
                        return -1;
                if (store_event_record(record, &block->heads[block->count], &json)) {
                        block->offsets[block->count] = (uint32_t)(json.p - block->bytes);
                        block->count++;
                }
                taken += size;
        }
        *ret_taken = taken;
        return 0;
}

int scan_block_tail(
        struct scan_block *block, int fd, uint64_t offset, uint64_t end, uint64_t *ret_next, struct error *err)
{
        size_t taken = 0;
        size_t want = TAIL_STEP;
        block->count = 0;
        if (end <= offset)
                return 0;
        for (int attempt = 0; attempt < 2 && taken == 0; attempt++) { /* again for a record larger than a step */
                if (want > end - offset)
                        want = (size_t)(end - offset);
                if (grow(&block->bytes, &block->bytes_capacity, want, err) < 0)
                        return -1;
                ssize_t got = read_at(fd, block->bytes, want, offset, err);
                if (got < 0 || take_tail(block, (size_t)got, &taken, err) < 0)
                        return -1;
                if ((size_t)got < want)
                        break;
                want = RECORD_MAX;
        }
        block->texts = block->bytes;
        block->texts_size = block->bytes_capacity;
        *ret_next = offset + taken;
        return taken > 0;
}
