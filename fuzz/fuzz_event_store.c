/* The event store's files: whatever stands in them, a scan ends, hands out only lines that lie in what was read, and
 * gives the same newest first as oldest first; a writer that opens them goes on behind them. The first byte chooses how
 * the rest becomes a file: as it is; as the contents of records that are framed rightly; or as the heads and texts of a
 * block that is packed rightly. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "lib/segment/segment.h"
#include "modules/watch/event/scan.h"
#include "modules/watch/event/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <zstd.h>

static char directory[64];

struct seen {
        uint64_t sum, count, bytes;
};

static bool take(const struct event_head *head, struct sv json, void *cookie)
{
        struct seen *seen = cookie;
        seen->sum += head->id * 31 + json.n;
        for (size_t i = 0; i < json.n; i++)
                seen->bytes += (unsigned char)json.p[i];
        seen->count++;
        return true;
}

static void put_head(struct buf *out, bool packed, size_t events)
{
        struct store_file_head head = {
                .kind = STORE_FILE, .magic = STORE_MAGIC, .version = STORE_VERSION, .packed = packed, .first_id = 1
        };
        store_summary_init(&head.summary);
        head.summary =
                (struct store_summary){ INT64_MIN, INT64_MAX, 1, STORE_ID_MAX, (uint32_t)events + 1, UINT32_MAX };
        segment_frame(out, sv_n((const char *)&head, sizeof(head)));
}

/* Contents of records: two bytes of length, then as many bytes. */
static void put_records(struct buf *out, const uint8_t *bytes, size_t size)
{
        while (size >= 2) {
                size_t length = bytes[0] | (size_t)bytes[1] << 8;
                bytes += 2;
                size -= 2;
                length = length < size ? length : size;
                segment_frame(out, sv_n((const char *)bytes, length));
                bytes += length;
                size -= length;
        }
}

/* One block: a byte that says how many events, their heads, the texts. */
static void put_block(struct buf *out, const uint8_t *bytes, size_t size)
{
        if (size < 1)
                return;
        size_t count = bytes[0] % 8 + 1;
        struct event_head *heads = calloc(count, sizeof(*heads));
        struct buf record;
        struct store_block block = { .kind = STORE_BLOCK };
        const uint32_t texts_kind = STORE_TEXTS;
        bytes++;
        size--;
        size_t heads_size = count * sizeof(*heads) < size ? count * sizeof(*heads) : size;
        memcpy(heads, bytes, heads_size);
        buf_init(&record, SEGMENT_RECORD_MAX);
        store_summary_init(&block.summary);
        for (size_t i = 0; i < count; i++) {
                store_summary_add(&block.summary, &heads[i]);
                store_bloom_head(block.bloom, &heads[i]);
        }
        char packed[8 << 10];
        size_t texts = size - heads_size < 4096 ? size - heads_size : 4096;
        size_t packed_size = ZSTD_compress(packed, sizeof(packed), bytes + heads_size, texts, 1);
        block.text_size = (uint32_t)texts;
        block.text_packed = (uint32_t)packed_size;
        char packed_heads[4 << 10];
        size_t packed_heads_size = ZSTD_compress(packed_heads, sizeof(packed_heads), heads, count * sizeof(*heads), 1);
        buf_append(&record, &block, sizeof(block));
        buf_append(&record, packed_heads, packed_heads_size);
        segment_frame(out, sv_n(record.data, record.len));
        buf_clear(&record);
        buf_append(&record, &texts_kind, sizeof(texts_kind));
        buf_append(&record, packed, packed_size);
        segment_frame(out, sv_n(record.data, record.len));
        buf_done(&record);
        free(heads);
}

static struct seen scan(bool reverse, struct event_filter *filter, uint64_t budget)
{
        struct seen seen = { 0 };
        struct error err;
        struct event_scan_options options = { .directory = directory, .reverse = reverse, .filter = filter };
        cleanup(event_scan_close) struct event_scan *scan = event_scan_open(&options, &err);
        if (!scan)
                abort();
        while (event_scan_step(scan, budget, take, &seen, &err) > 0)
                ;
        return seen;
}

static void write_file(const char *name, const struct buf *bytes)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/%s", directory, name);
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || write(fd, buf_text(bytes), bytes->len) != (ssize_t)bytes->len)
                abort();
}

static void empty_directory(void)
{
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while (entries && (entry = readdir(entries)))
                if (entry->d_type == DT_REG)
                        unlinkat(dirfd(entries), entry->d_name, 0);
        closedir(entries);
}

static void remove_directory(void)
{
        empty_directory();
        rmdir(directory);
}

static struct event_filter *any_filter(void)
{
        static char *words[] = { (char *)"/usr/**", (char *)"curl", (char *)"b*" };
        static char *patterns[] = { (char *)"a+b" };
        static struct event_filter *filter;
        struct error err;
        struct events_params params = { .exe = { words, 2 },
                .container = { words, 3 },
                .argv = { patterns, 1 },
                .ancestor = { words, 3 },
                .tag = { words, 3 },
                .path = { words, 2 } };
        if (!filter)
                filter = event_filter_new(&params, -1, 0, &err);
        return filter;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct buf file;
        struct error err;
        if (size < 1 || size > (64 << 10))
                return 0;
        if (!directory[0]) {
                snprintf(directory, sizeof(directory), "%s/fuzz-event-store-XXXXXX",
                        access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
                if (!mkdtemp(directory))
                        abort();
                atexit(remove_directory);
        }
        bool packed = bytes[0] & 1;
        unsigned form = bytes[0] >> 1 & 3;
        buf_init(&file, 4 << 20);
        if (form != 0)
                put_head(&file, packed, 8);
        if (form == 0)
                buf_append(&file, bytes + 1, size - 1);
        else if (form == 1 || !packed)
                put_records(&file, bytes + 1, size - 1);
        else
                put_block(&file, bytes + 1, size - 1);
        write_file(packed ? "events-0000000001.pack" : "events-0000000001.tail", &file);
        buf_done(&file);
        struct seen forward = scan(false, NULL, UINT64_MAX);
        struct seen slices = scan(false, NULL, 1);
        struct seen backward = scan(true, NULL, UINT64_MAX);
        if (memcmp(&forward, &slices, sizeof(forward)) != 0 || forward.count != backward.count ||
                forward.sum != backward.sum)
                abort();
        if (scan(false, any_filter(), UINT64_MAX).count > forward.count)
                abort();
        struct event_store_options options = { .directory = directory };
        struct event_store *store = event_store_open(&options, 1, &err);
        if (store) {
                struct event event = { .time_ns = 1, .type = EVENT_GAP, .has_gap = true };
                event_store_append(store, &event, 1, NULL);
                event_store_rotate(store, 1, &err);
                event_store_pack(store, &err);
                event_store_close(store);
                if (scan(true, NULL, UINT64_MAX).count < 1)
                        abort();
        }
        empty_directory();
        return 0;
}
