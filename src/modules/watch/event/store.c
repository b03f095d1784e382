#include "modules/watch/event/store_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "lib/segment/segment.h"

enum {
        BATCH_MAX = 16 << 20,
        KIND_AND_HEAD = sizeof(uint32_t) + sizeof(struct event_head),
};
#define RETRY_NS (1 * SECOND)   /* after a failed write, or a failed packing */
#define RETAIN_NS (10 * SECOND) /* between looks at the age of the files */

static int note_trouble(struct event_store *store, const struct error *err)
{
        store->trouble = *err;
        store->in_trouble = true;
        return -1;
}

static void apply_defaults(struct event_store_options *options)
{
        options->rotate_bytes = options->rotate_bytes ? options->rotate_bytes : 8 * MIB;
        if (options->rotate_bytes > STORE_TAIL_MAX / 2)
                options->rotate_bytes = STORE_TAIL_MAX / 2;
        options->rotate_ns = options->rotate_ns ? options->rotate_ns : HOUR;
        options->retain_bytes = options->retain_bytes ? options->retain_bytes : 256 * MIB;
        options->retain_ns = options->retain_ns ? options->retain_ns : 7 * DAY;
        options->batch_bytes = options->batch_bytes ? options->batch_bytes : 256 * KIB;
        if (options->batch_bytes > BATCH_MAX / 2)
                options->batch_bytes = BATCH_MAX / 2;
        options->batch_ns = options->batch_ns ? options->batch_ns : SECOND;
}

struct event_store *event_store_open(const struct event_store_options *options, int64_t now_ns, struct error *err)
{
        struct event_store *store = calloc(1, sizeof(*store));
        if (!store)
                return fail_null(err, E_NO_MEMORY, "no memory for the event store");
        store->options = *options;
        apply_defaults(&store->options);
        store->directory = store->lock = store->tail = -1;
        store->next_id = 1;
        /* in trouble it holds as much again as is written at once otherwise, and one event more */
        buf_init(&store->batch, 2 * store->options.batch_bytes + SEGMENT_RECORD_MAX);
        buf_init(&store->scratch, STORE_EVENT_MAX);
        store_summary_init(&store->batch_summary);
        if (store_open_directory(store, err) < 0 || store_open_files(store, now_ns, err) < 0) {
                event_store_close(store);
                return NULL;
        }
        if (store->next_id > STORE_ID_MAX / 2) {
                fail(err, E_CORRUPT, "the event store's ids are beyond all that were ever given");
                event_store_close(store);
                return NULL;
        }
        store->options.directory = NULL; /* the caller's */
        return store;
}

/* ---- retention and packing ---- */

static void remove_oldest(struct event_store *store)
{
        struct stored_file *file = &store->files.items[0];
        char name[STORE_NAME_MAX];
        if (store->pack && !file->packed) {
                store_pack_free(store->pack);
                store->pack = NULL;
        }
        store_file_name(file->number, STORE_TAIL, name);
        if (!file->packed)
                unlinkat(store->directory, name, 0);
        store_file_name(file->number, STORE_PACK, name);
        if (file->packed)
                unlinkat(store->directory, name, 0);
        store->counters.removed_files++;
        store->counters.removed_events += file->events;
        store->files.count--;
        memmove(file, file + 1, store->files.count * sizeof(*file));
}

static void retain(struct event_store *store, int64_t now_ns)
{
        uint64_t bytes = 0;
        vec_foreach (file, &store->files)
                bytes += file->bytes;
        while (store->files.count > 1) {
                const struct stored_file *oldest = &store->files.items[0];
                bool old = oldest->events && oldest->time_max < now_ns - store->options.retain_ns;
                if (bytes <= store->options.retain_bytes && !old)
                        break;
                bytes -= oldest->bytes;
                remove_oldest(store);
        }
        store->retain_ns = now_ns + RETAIN_NS;
}

static void sync_counted(struct event_store *store, int64_t took_ns)
{
        store->counters.syncs++;
        if (took_ns > store->counters.sync_max_ns)
                store->counters.sync_max_ns = took_ns;
}

/* The oldest file that is full and not packed; NULL when there is none. */
static struct stored_file *unpacked(struct event_store *store)
{
        for (size_t i = 0; i + 1 < store->files.count; i++)
                if (!store->files.items[i].packed)
                        return &store->files.items[i];
        return NULL;
}

/* A file that somebody took away or damaged is nobody's any more; what it holds stays as it is. */
static void forget_file(struct event_store *store, struct stored_file *file)
{
        size_t behind = store->files.count - (size_t)(file - store->files.items) - 1;
        memmove(file, file + 1, behind * sizeof(*file));
        store->files.count--;
        store->counters.corrupt_files++;
}

/* 1: there is more to do; 0: all is packed; -1: it failed. */
static int pack_step(struct event_store *store, struct error *err)
{
        struct store_packed packed;
        struct error problem;
        struct stored_file *file = unpacked(store);
        if (!file)
                return 0;
        if (!store->pack)
                store->pack = store_pack_new(store->directory, file->number, &problem);
        int status = store->pack ? store_pack_step(store->pack, &packed, &problem) : -1;
        if (status > 0)
                return 1;
        store_pack_free(store->pack);
        store->pack = NULL;
        if (status < 0 && (problem.code == E_NOT_FOUND || problem.code == E_CORRUPT)) {
                forget_file(store, file);
                return unpacked(store) ? 1 : 0;
        }
        if (status < 0) {
                if (err)
                        *err = problem;
                return -1;
        }
        sync_counted(store, packed.sync_ns);
        file->packed = true;
        file->bytes = packed.bytes;
        file->events = packed.summary.events;
        file->time_max = packed.summary.time_max;
        store->counters.packed++;
        store->counters.torn_bytes += packed.torn;
        return unpacked(store) ? 1 : 0;
}

static bool pack_some(struct event_store *store, int64_t now_ns)
{
        struct error err;
        if (store->pack_retry_ns && now_ns < store->pack_retry_ns && now_ns > store->pack_retry_ns - RETRY_NS)
                return false;
        int status = pack_step(store, &err);
        if (status < 0) {
                store->pack_retry_ns = now_ns + RETRY_NS;
                note_trouble(store, &err);
        } else if (store->pack_retry_ns) {
                store->pack_retry_ns = 0;
                store->in_trouble = false;
        }
        return status > 0;
}

int event_store_pack(struct event_store *store, struct error *err)
{
        int status;
        while ((status = pack_step(store, err)) > 0)
                ;
        return status;
}

int event_store_rotate(struct event_store *store, int64_t now_ns, struct error *err)
{
        if (event_store_flush(store, false, now_ns, err) < 0)
                return -1;
        if (store_tail(store)->events == 0)
                return 0;
        if (store_begin_tail(store, store_tail(store)->number + 1, now_ns, err) < 0)
                return -1;
        store->counters.rotated++;
        retain(store, now_ns);
        return 0;
}

/* ---- writing ---- */

/* What a failed write left behind goes, so that the next one does not stand behind half a record. */
static int write_batch(struct event_store *store, struct error *err)
{
        struct stored_file *file = store_tail(store);
        if (write_all(store->tail, store->batch.data, store->batch.len, err) < 0) {
                store->counters.write_errors++;
                if (ftruncate(store->tail, (off_t)file->bytes) < 0 ||
                        lseek(store->tail, (off_t)file->bytes, SEEK_SET) < 0)
                        fail_errno(err, "cutting off what could not be written");
                return error_prefix(err, "writing events");
        }
        store->counters.writes++;
        file->bytes += store->batch.len;
        file->events += store->batch_summary.events;
        if (store->batch_summary.time_max > file->time_max)
                file->time_max = store->batch_summary.time_max;
        store_summary_init(&store->batch_summary);
        buf_clear(&store->batch);
        return 0;
}

static void append_gap(struct event_store *store, int64_t now_ns)
{
        struct event event = { .time_ns = now_ns, .type = EVENT_GAP, .source = SOURCE_PROC, .has_gap = true };
        struct sv json;
        event.gap = (struct event_gap){ .lost = store->lost_untold, .unit = "events", .reason = "store" };
        store->lost_untold = 0;
        store->counters.gaps++;
        if (event_store_append(store, &event, now_ns, &json) && store->options.gap)
                store->options.gap(&event, json, store->options.gap_cookie);
}

static int flush(struct event_store *store, int64_t now_ns, struct error *err)
{
        if (store->batch.len && write_batch(store, err) < 0) {
                store->retry_ns = now_ns + RETRY_NS;
                return note_trouble(store, err);
        }
        store->in_trouble = store->in_trouble && store->pack_retry_ns;
        store->retry_ns = 0;
        if (store->lost_untold)
                append_gap(store, now_ns);
        return 0;
}

int event_store_flush(struct event_store *store, bool sync, int64_t now_ns, struct error *err)
{
        struct error problem;
        bool untold = store->lost_untold > 0;
        if (flush(store, now_ns, &problem) < 0 || (untold && flush(store, now_ns, &problem) < 0)) {
                if (err)
                        *err = problem;
                return -1;
        }
        if (!sync)
                return 0;
        int64_t start = time_monotonic_ns();
        if (fdatasync(store->tail) < 0)
                return fail_errno(err, "syncing events");
        sync_counted(store, time_monotonic_ns() - start);
        return 0;
}

/* After something was added to the batch, or time has passed. */
static bool keep_up(struct event_store *store, int64_t now_ns, bool pack)
{
        struct error err;
        bool full = store->batch.len >= store->options.batch_bytes;
        bool due = store->batch.len &&
                   (now_ns - store->batch_since_ns >= store->options.batch_ns || now_ns < store->batch_since_ns);
        bool waits = store->retry_ns && now_ns < store->retry_ns && now_ns > store->retry_ns - RETRY_NS;
        if ((full || due || (store->lost_untold && pack)) && !waits && flush(store, now_ns, &err) == 0)
                pack = true; /* as much is packed as is written: the packing never falls behind */
        const struct stored_file *tail = store_tail(store);
        if (tail->bytes >= store->options.rotate_bytes ||
                (tail->events && now_ns - store->tail_begun_ns >= store->options.rotate_ns)) {
                if (!waits && event_store_rotate(store, now_ns, &err) < 0) {
                        store->retry_ns = now_ns + RETRY_NS;
                        note_trouble(store, &err);
                }
        }
        return pack && pack_some(store, now_ns);
}

bool event_store_tick(struct event_store *store, int64_t now_ns)
{
        bool more = keep_up(store, now_ns, true);
        if (now_ns >= store->retain_ns || now_ns < store->retain_ns - RETAIN_NS)
                retain(store, now_ns);
        return more;
}

static void drop(struct event_store *store, const struct event *event, struct sv *ret_json)
{
        store->counters.lost++;
        store->lost_untold++;
        if (!ret_json)
                return;
        buf_clear(&store->scratch);
        *ret_json =
                event_write(event, false, &store->scratch) < 0 ? SV("") : sv_n(store->scratch.data, store->scratch.len);
}

/* The record is made in the batch itself: room for its frame and head, the JSON, and then these two. */
static bool add_record(struct event_store *store, const struct event *event, struct sv *ret_json)
{
        struct buf *batch = &store->batch;
        const size_t before = batch->len;
        const size_t prefix = SEGMENT_HEADER + KIND_AND_HEAD;
        const uint32_t kind = STORE_EVENT;
        struct event_head head;
        char *room = buf_reserve(batch, prefix);
        if (room) {
                batch->len += prefix;
                event_write(event, false, batch);
        }
        size_t json = batch->len - before - prefix;
        if (batch->failed || json > STORE_EVENT_MAX) {
                batch->failed = false;
                batch->len = before;
                return false;
        }
        event_head_fill(event, &head);
        head.size = (uint32_t)json;
        char *record = batch->data + before;
        memcpy(record + SEGMENT_HEADER, &kind, sizeof(kind));
        memcpy(record + SEGMENT_HEADER + sizeof(kind), &head, sizeof(head));
        segment_seal(record, KIND_AND_HEAD + json);
        store_summary_add(&store->batch_summary, &head);
        store->counters.events++;
        store->counters.text_bytes += json;
        if (ret_json)
                *ret_json = sv_n(record + prefix, json);
        return true;
}

bool event_store_append(struct event_store *store, struct event *event, int64_t now_ns, struct sv *ret_json)
{
        /* first, so that the text that is handed out stays where it is */
        keep_up(store, now_ns, false);
        event->id = store->next_id++;
        bool full = store->batch.len >= 2 * store->options.batch_bytes;
        if (full || !add_record(store, event, ret_json)) {
                drop(store, event, ret_json);
                return false;
        }
        if (store->batch_summary.events == 1)
                store->batch_since_ns = now_ns;
        return true;
}

uint64_t event_store_next_id(const struct event_store *store)
{
        return store->next_id;
}

const struct error *event_store_trouble(const struct event_store *store)
{
        return store->in_trouble ? &store->trouble : NULL;
}

void event_store_count(const struct event_store *store, struct event_store_counters *ret)
{
        *ret = store->counters;
        ret->waiting = store->batch_summary.events;
        ret->files = store->files.count;
        vec_foreach (file, &store->files) {
                ret->bytes += file->bytes;
                ret->unpacked_files += !file->packed;
        }
}

void event_store_close(struct event_store *store)
{
        if (!store)
                return;
        const uint32_t kind = STORE_CLOSED;
        struct error err;
        if (store->tail >= 0) {
                segment_frame(&store->batch, sv_n((const char *)&kind, sizeof(kind)));
                if (write_batch(store, &err) == 0)
                        fdatasync(store->tail);
        }
        store_pack_free(store->pack);
        fd_close(&store->tail);
        fd_close(&store->lock);
        fd_close(&store->directory);
        vec_done(&store->files);
        buf_done(&store->batch);
        buf_done(&store->scratch);
        free(store);
}
