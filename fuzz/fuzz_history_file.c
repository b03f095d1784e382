/* The history's files: whatever stands in them, questions end and see the same each time, and a writer that opens them
 * goes on behind them. The first byte chooses how the rest becomes a file: as it is; as the contents of records that
 * are framed rightly behind a right head; or as the columns of a batch whose head and labels are right. */
#include "base/cleanup.h"
#include "lib/segment/segment.h"
#include "modules/metrics/history/history_file.h"

#include <dirent.h>
#include <fcntl.h>

#define START (INT64_C(1790000000) / 3600 * 3600 * SECOND)

static char directory[64];

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

/* Contents of records: a byte of kind, two of length, then as many bytes. */
static void put_records(struct buf *out, const uint8_t *bytes, size_t size)
{
        while (size >= 3) {
                struct buf record;
                uint32_t kind = HISTORY_KIND(bytes[0] % 4);
                size_t length = bytes[1] | (size_t)bytes[2] << 8;
                bytes += 3;
                size -= 3;
                length = length < size ? length : size;
                buf_init(&record, SEGMENT_RECORD_MAX);
                buf_append(&record, &kind, sizeof(kind));
                buf_append(&record, bytes, length);
                segment_frame(out, sv_n(record.data, record.len));
                buf_done(&record);
                bytes += length;
                size -= length;
        }
}

/* A batch of some rows of four slots; its columns are the bytes, shared out. */
static void put_batch(struct buf *out, const uint8_t *bytes, size_t size)
{
        struct buf record;
        if (size < 2)
                return;
        uint32_t rows = bytes[0] % 8 + 1;
        size_t columns = bytes[1] % 8 + 1;
        struct history_batch_head head = { HISTORY_KIND(HISTORY_BATCH), rows, START, START + (rows + 3) * 10 * SECOND };
        bytes += 2;
        size -= 2;
        for (uint32_t slot = 0; slot < 4; slot++)
                history_put_series(out, slot, sv_n("cgroup\0/a\0container\0b", 22 - (slot & 1)), 2);
        buf_init(&record, SEGMENT_RECORD_MAX);
        buf_append(&record, &head, sizeof(head));
        for (uint32_t i = 0; i < rows; i++) {
                history_put_varint(&record, i);
                history_put_varint(&record, 4);
        }
        history_put_varint(&record, columns);
        for (size_t i = 0; i < columns; i++)
                history_put_varint(&record, size / columns);
        buf_append(&record, bytes, size / columns * columns);
        segment_frame(out, sv_n(record.data, record.len));
        buf_done(&record);
}

static int take(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        uint64_t *sum = cookie;
        for (size_t i = 0; i < series->label_count; i++)
                *sum = *sum * 31 + strlen(series->labels[i].value);
        for (size_t i = 0; i < count; i++) {
                uint64_t bits;
                memcpy(&bits, &values[i], sizeof(bits));
                *sum = *sum * 31 + (values[i] != values[i] ? 1 : bits); /* NaN has many forms */
        }
        return 0;
}

static uint64_t ask(struct history *history)
{
        static const char *const texts[] = { "cpu{container=\"b\"}", "max_over_time(cpu_user[1m]) > 3",
                "sum by (container) (memory)" };
        uint64_t sum = 0;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct error err;
                struct arena arena;
                struct history_query query;
                arena_init(&arena, 1 << 20);
                if (history_query_parse(
                            texts[i], START - MINUTE, START + 3 * MINUTE, 10 * SECOND, &arena, &query, &err) < 0)
                        abort();
                if (history_ask(history, &query, take, &sum, &err) < 0 && err.code != E_TOO_LARGE)
                        abort();
                arena_done(&arena);
        }
        return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
        struct buf file;
        struct error err;
        char path[128];
        if (size < 1 || size > (32 << 10))
                return 0;
        if (!directory[0]) {
                snprintf(directory, sizeof(directory), "%s/fuzz-history-file-XXXXXX",
                        access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
                if (!mkdtemp(directory))
                        abort();
                atexit(remove_directory);
        }
        unsigned form = bytes[0] & 3;
        unsigned level = bytes[0] >> 2 & 3;
        buf_init(&file, 4 << 20);
        if (form != 0)
                history_put_head(&file, level, 10 * SECOND, START);
        if (form == 0)
                buf_append(&file, bytes + 1, size - 1);
        else if (form == 1)
                put_records(&file, bytes + 1, size - 1);
        else
                put_batch(&file, bytes + 1, size - 1);
        if (form == 3 && file.len > 20) /* and damaged in one place */
                file.data[(bytes[0] * 131 + size) % file.len] ^= 0x41;
        snprintf(path, sizeof(path), "%s/history-%u-0000000001.seg", directory, level);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || write(fd, buf_text(&file), file.len) != (ssize_t)file.len)
                abort();
        close(fd);
        buf_done(&file);
        struct history *history = history_open_read(directory, &err);
        if (!history || ask(history) != ask(history))
                abort();
        history_close(history);
        struct history_options options = { .directory = directory };
        history = history_open(&options, START + HOUR, &err);
        if (history) {
                struct container_ref ref = { .name = "/new", .id = "", .name_space = "" };
                struct container_stats stats = { .time_ns = START + HOUR };
                stats.cgroup.has_memory = true;
                stats.cgroup.memory.usage = 4096;
                history_append(history, &ref, NULL, &stats);
                history_tick(history, START + HOUR + 10 * SECOND);
                history_tick(history, START + 2 * HOUR);
                ask(history);
                if (history_problem(history))
                        abort();
                history_close(history);
        }
        empty_directory();
        return 0;
}
