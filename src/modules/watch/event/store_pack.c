#include "modules/watch/event/store_pack.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "base/vec.h"
#include "lib/segment/segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

enum {
        READ_STEP = 256 << 10,
        INPUT_MAX = READ_STEP + SEGMENT_RECORD_MAX + SEGMENT_HEADER,
        LEVEL = 1, /* zstd: a fifth of what the rest of an event costs; level 3 costs double for a tenth less */
};

struct store_pack {
        int directory, in, out;
        uint64_t number;
        char new_name[STORE_NAME_MAX];
        struct buf input; /* of the tail */
        size_t taken;     /* of input: a record starts here */
        bool ended;
        uint64_t torn_bytes;
        VEC(struct event_head) heads;
        struct buf texts, packed, record;
        ZSTD_CCtx *context;
        struct store_file_head file;
        uint64_t written;
};

static bool create(struct store_pack *pack, struct error *err)
{
        char name[STORE_NAME_MAX];
        size_t size;
        store_file_name(pack->number, STORE_TAIL, name);
        pack->in = openat(pack->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (pack->in < 0)
                return fail_errno(err, "%s", name) == 0;
        int have = store_read_file_head(pack->in, name, &pack->file, &size, err);
        if (have <= 0)
                return (have < 0 ? -1 : fail(err, E_CORRUPT, "%s has no head", name)) == 0;
        if (lseek(pack->in, (off_t)size, SEEK_SET) < 0)
                return fail_errno(err, "%s", name) == 0;
        store_file_name(pack->number, STORE_NEW, pack->new_name);
        pack->out =
                openat(pack->directory, pack->new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (pack->out < 0)
                return fail_errno(err, "%s", pack->new_name) == 0;
        pack->context = ZSTD_createCCtx();
        if (!pack->context)
                return fail(err, E_NO_MEMORY, "no memory to pack events") == 0;
        return true;
}

static int write_head(struct store_pack *pack, struct error *err)
{
        buf_clear(&pack->record);
        segment_frame(&pack->record, sv_n((const char *)&pack->file, sizeof(pack->file)));
        if (pack->record.failed)
                return fail(err, E_NO_MEMORY, "no memory to pack events");
        if (write_all(pack->out, pack->record.data, pack->record.len, err) < 0)
                return error_prefix(err, "%s", pack->new_name);
        return 0;
}

struct store_pack *store_pack_new(int directory, uint64_t number, struct error *err)
{
        struct store_pack *pack = calloc(1, sizeof(*pack));
        if (!pack)
                return fail_null(err, E_NO_MEMORY, "no memory to pack events");
        pack->directory = directory;
        pack->number = number;
        pack->in = pack->out = -1;
        buf_init(&pack->input, INPUT_MAX);
        buf_init(&pack->texts, STORE_BLOCK_TEXT + STORE_EVENT_MAX);
        buf_init(&pack->packed, SEGMENT_RECORD_MAX);
        buf_init(&pack->record, SEGMENT_RECORD_MAX + SEGMENT_HEADER);
        if (!create(pack, err))
                goto failed;
        pack->file.packed = 1;
        store_summary_init(&pack->file.summary);
        if (write_head(pack, err) < 0)
                goto failed;
        pack->written = pack->record.len;
        return pack;
failed:
        store_pack_free(pack);
        return NULL;
}

void store_pack_free(struct store_pack *pack)
{
        if (!pack)
                return;
        if (pack->out >= 0)
                unlinkat(pack->directory, pack->new_name, 0);
        fd_close(&pack->in);
        fd_close(&pack->out);
        ZSTD_freeCCtx(pack->context);
        buf_done(&pack->input);
        buf_done(&pack->texts);
        buf_done(&pack->packed);
        buf_done(&pack->record);
        vec_done(&pack->heads);
        free(pack);
}

/* The next event of the tail: 1, 0 at its end, -1. */
static int next_event(struct store_pack *pack, struct error *err)
{
        struct sv record;
        size_t size;
        int have;
        while ((have = segment_next(sv_n(buf_text(&pack->input) + pack->taken, pack->input.len - pack->taken), &record,
                        &size)) == 0 &&
                !pack->ended) {
                buf_consume(&pack->input, pack->taken);
                pack->taken = 0;
                char *room = buf_reserve(&pack->input, READ_STEP);
                if (!room)
                        return fail(err, E_NO_MEMORY, "no memory to pack events");
                ssize_t got = read(pack->in, room, READ_STEP);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, "reading events to pack");
                pack->input.len += (size_t)got;
                pack->ended = got == 0;
        }
        if (have <= 0) {
                struct stat status;
                off_t at = lseek(pack->in, 0, SEEK_CUR);
                size_t rest = pack->input.len - pack->taken;
                if (rest && fstat(pack->in, &status) == 0 && status.st_size >= at)
                        pack->torn_bytes = rest + (uint64_t)(status.st_size - at);
                return 0;
        }
        struct event_head head;
        struct sv json;
        if (store_event_record(record, &head, &json) && json.n <= STORE_EVENT_MAX) {
                struct event_head *added = vec_add(&pack->heads, STORE_BLOCK_EVENTS);
                buf_append(&pack->texts, json.p, json.n);
                if (!added || pack->texts.failed)
                        return fail(err, E_NO_MEMORY, "no memory to pack events");
                *added = head;
        }
        pack->taken += size;
        return 1;
}

static size_t compress(struct store_pack *pack, const void *bytes, size_t size, struct error *err)
{
        size_t bound = ZSTD_compressBound(size);
        buf_clear(&pack->packed);
        char *room = buf_reserve(&pack->packed, bound);
        size_t packed = room ? ZSTD_compressCCtx(pack->context, room, bound, bytes, size, LEVEL) : 0;
        if (!room || ZSTD_isError(packed)) {
                fail(err, E_NO_MEMORY, "packing events: %s", room ? ZSTD_getErrorName(packed) : "no memory");
                return 0;
        }
        pack->packed.len = packed;
        return packed;
}

/* One record whose content is `start` and what was compressed last. */
static int write_record(struct store_pack *pack, const void *start, size_t start_size, struct error *err)
{
        struct buf content;
        buf_init(&content, SEGMENT_RECORD_MAX);
        buf_append(&content, start, start_size);
        buf_append(&content, pack->packed.data, pack->packed.len);
        if (content.failed) {
                buf_done(&content);
                return fail(err, E_NO_MEMORY, "no memory to pack events");
        }
        buf_clear(&pack->record);
        segment_frame(&pack->record, sv_n(content.data, content.len));
        buf_done(&content);
        if (pack->record.failed)
                return fail(err, E_NO_MEMORY, "no memory to pack events");
        if (write_all(pack->out, pack->record.data, pack->record.len, err) < 0)
                return error_prefix(err, "%s", pack->new_name);
        pack->written += pack->record.len;
        return 0;
}

static int write_block(struct store_pack *pack, struct error *err)
{
        struct store_block block = { .kind = STORE_BLOCK, .text_size = (uint32_t)pack->texts.len };
        const uint32_t texts_kind = STORE_TEXTS;
        store_summary_init(&block.summary);
        vec_foreach (head, &pack->heads) {
                store_summary_add(&block.summary, head);
                store_bloom_head(block.bloom, head);
        }
        /* the texts first, since the block tells their size; they are kept aside meanwhile */
        size_t packed = compress(pack, pack->texts.data, pack->texts.len, err);
        if (packed == 0)
                return -1;
        block.text_packed = (uint32_t)packed;
        struct buf texts = pack->packed;
        buf_init(&pack->packed, SEGMENT_RECORD_MAX);
        int status = -1;
        if (compress(pack, pack->heads.items, pack->heads.count * sizeof(*pack->heads.items), err) > 0)
                status = write_record(pack, &block, sizeof(block), err);
        buf_done(&pack->packed);
        pack->packed = texts;
        if (status < 0 || write_record(pack, &texts_kind, sizeof(texts_kind), err) < 0)
                return -1;
        store_summary_join(&pack->file.summary, &block.summary);
        pack->file.text_bytes += pack->texts.len;
        pack->heads.count = 0;
        buf_clear(&pack->texts);
        return 0;
}

static int finish(struct store_pack *pack, struct store_packed *ret, struct error *err)
{
        char name[STORE_NAME_MAX];
        if (lseek(pack->out, 0, SEEK_SET) < 0)
                return fail_errno(err, "%s", pack->new_name);
        if (write_head(pack, err) < 0)
                return -1;
        int64_t start = time_monotonic_ns();
        if (fsync(pack->out) < 0)
                return fail_errno(err, "%s", pack->new_name);
        store_file_name(pack->number, STORE_PACK, name);
        if (renameat(pack->directory, pack->new_name, pack->directory, name) < 0)
                return fail_errno(err, "%s", name);
        fd_close(&pack->out);
        if (fsync(pack->directory) < 0)
                return fail_errno(err, "the store's directory");
        int64_t synced = time_monotonic_ns() - start;
        store_file_name(pack->number, STORE_TAIL, name);
        unlinkat(pack->directory, name, 0); /* else it goes at the next open: a reader takes the pack */
        *ret = (struct store_packed){ pack->file.summary, pack->written, pack->torn_bytes, synced };
        return 0;
}

int store_pack_step(struct store_pack *pack, struct store_packed *ret, struct error *err)
{
        int have = 1;
        while (have > 0 && pack->texts.len < STORE_BLOCK_TEXT && pack->heads.count < STORE_BLOCK_EVENTS)
                have = next_event(pack, err);
        if (have < 0 || (pack->heads.count && write_block(pack, err) < 0))
                return -1;
        return have > 0 ? 1 : finish(pack, ret, err);
}
