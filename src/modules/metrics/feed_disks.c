/* Whole disks: diskstats each look; which there are and what they are called (sysfs) each ten seconds. */
#include "modules/metrics/feed_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/diskstats.h"

#include <dirent.h>
#include <fcntl.h>

static const int64_t BLOCKS_NS = 10 * SECOND;
enum { SECTOR = 512, SMALL_FILE_MAX = 256 };

static void row_done(void *given)
{
        struct feed_disk_row *row = given;
        free(row->name);
        free(row->model);
}

void feed_disks_init(struct feed *feed)
{
        feed_table_init(&feed->disks, FEED_DISK, sizeof(struct feed_disk_row), offsetof(struct feed_disk_row, record),
                FEED_DISKS_MAX, row_done);
}

void feed_disks_done(struct feed *feed)
{
        feed_table_done(&feed->disks);
        vec_done(&feed->blocks);
}

/* ---- which there are ---- */

/* The trimmed text of block/NAME/FILE; "" when there is none. */
static struct sv block_text(const struct feed *feed, const char *name, const char *file, struct buf *buf)
{
        char path[320];
        buf_clear(buf);
        snprintf(path, sizeof(path), "block/%s/%s", name, file);
        if (file_read(feed->source.sys, path, buf, NULL) < 0)
                buf_clear(buf);
        return sv_trim(sv_n(buf_text(buf), buf->len));
}

static bool is_made_of_others(const struct feed *feed, const char *name)
{
        char path[320];
        if (strncmp(name, "loop", 4) == 0 || strncmp(name, "ram", 3) == 0 || strncmp(name, "zram", 4) == 0)
                return true;
        snprintf(path, sizeof(path), "block/%s/slaves", name);
        cleanup(fd_close) int fd = openat(feed->source.sys, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries)
                return false;
        take_fd(fd);
        struct dirent *entry;
        while ((entry = readdir(entries)))
                if (entry->d_name[0] != '.')
                        return true;
        return false;
}

static bool read_block(const struct feed *feed, const char *name, struct feed_block *ret)
{
        cleanup(buf_done) struct buf buf;
        uint64_t major, minor, sectors;
        *ret = (struct feed_block){ 0 };
        if (strlen(name) >= sizeof(ret->name))
                return false;
        memcpy(ret->name, name, strlen(name) + 1);
        for (char *slash = ret->name; *slash; slash++)
                if (*slash == '!') /* sysfs's way to write one */
                        *slash = '/';
        buf_init(&buf, SMALL_FILE_MAX);
        struct sv device = block_text(feed, name, "dev", &buf);
        size_t colon = sv_find(device, ':');
        if (colon == device.n || !sv_parse_u64(sv_n(device.p, colon), 10, &major) ||
                !sv_parse_u64(sv_n(device.p + colon + 1, device.n - colon - 1), 10, &minor))
                return false;
        ret->major = (uint32_t)major;
        ret->minor = (uint32_t)minor;
        if (!sv_parse_u64(block_text(feed, name, "size", &buf), 10, &sectors) || !sectors ||
                sectors > INT64_MAX / SECTOR)
                return false; /* a drive without a medium, a loop device without a file */
        ret->size = sectors * SECTOR;
        ret->stacked = is_made_of_others(feed, name);
        struct sv model = block_text(feed, name, "device/model", &buf);
        snprintf(ret->model, sizeof(ret->model), "%.*s",
                (int)(model.n < sizeof(ret->model) ? model.n : sizeof(ret->model) - 1), model.p);
        return true;
}

void feed_blocks_look(struct feed *feed)
{
        if (feed->blocks_ns && feed->now_ns - feed->blocks_ns < BLOCKS_NS)
                return;
        feed->blocks_ns = feed->now_ns ? feed->now_ns : 1;
        feed->blocks.count = 0;
        cleanup(fd_close) int fd = openat(feed->source.sys, "block", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries)
                return;
        take_fd(fd);
        struct dirent *entry;
        while ((entry = readdir(entries))) {
                struct feed_block block;
                if (entry->d_name[0] == '.' || !read_block(feed, entry->d_name, &block))
                        continue;
                struct feed_block *slot = vec_add(&feed->blocks, FEED_DISKS_MAX);
                if (slot)
                        *slot = block;
        }
}

bool feed_disk_is_stacked(const struct feed *feed, uint32_t major, uint32_t minor)
{
        vec_foreach (block, &feed->blocks)
                if (block->major == major && block->minor == minor)
                        return block->stacked;
        return false;
}

static const struct feed_block *find_block(const struct feed *feed, const struct diskstats *stats)
{
        vec_foreach (block, &feed->blocks)
                if (block->major == stats->major && block->minor == stats->minor)
                        return block;
        return NULL;
}

/* ---- counters ---- */

static void put_rates(
        struct feed *feed, struct feed_disk_row *row, const struct diskstats *stats, struct feed_disk *record)
{
        const int64_t span_ns = row->at_ns ? feed->now_ns - row->at_ns : 0;
        const double busy = feed_rate((double)feed_grown(row->busy_ms, stats->io_time_ms) / 1000, span_ns);
        record->has_rates = span_ns > 0;
        record->read = feed_rate((double)feed_grown(row->read, stats->sectors_read) * SECTOR, span_ns);
        record->write = feed_rate((double)feed_grown(row->write, stats->sectors_written) * SECTOR, span_ns);
        record->reads = feed_rate((double)feed_grown(row->reads, stats->reads_completed), span_ns);
        record->writes = feed_rate((double)feed_grown(row->writes, stats->writes_completed), span_ns);
        record->busy = busy < 1 ? busy : 1;
        record->queue = feed_rate((double)feed_grown(row->queue_ms, stats->weighted_io_time_ms) / 1000, span_ns);
        row->read = stats->sectors_read;
        row->write = stats->sectors_written;
        row->reads = stats->reads_completed;
        row->writes = stats->writes_completed;
        row->busy_ms = stats->io_time_ms;
        row->queue_ms = stats->weighted_io_time_ms;
        row->at_ns = feed->now_ns;
}

static void look_at_disk(struct feed *feed, const struct diskstats *stats, const struct feed_block *block)
{
        struct feed_disk record;
        bool fresh;
        struct feed_disk_row *row = feed_table_see(&feed->disks, sv_of(stats->name), feed->look, &fresh);
        if (!row)
                return;
        memcpy(&record, &row->record, sizeof(record));
        feed_keep_text(feed, &row->name, sv_of(stats->name));
        feed_keep_text(feed, &row->model, sv_of(block->model));
        record.name = row->name;
        record.model = row->model;
        record.size = block->size;
        put_rates(feed, row, stats, &record);
        feed_table_set(&feed->disks, row, &record, feed->look);
        if (block->stacked || !record.has_rates)
                return;
        feed->sums.read += record.read;
        feed->sums.write += record.write;
        feed->sums.has_disk = true;
}

void feed_disks_look(struct feed *feed)
{
        struct sv line;
        struct diskstats stats;
        feed_blocks_look(feed);
        feed_table_begin(&feed->disks);
        feed->sums.read = feed->sums.write = 0;
        feed->sums.has_disk = false;
        struct sv text = feed_read(feed, feed->source.proc, "diskstats");
        while (sv_line(&text, &line)) {
                const struct feed_block *block = diskstats_parse_line(line, &stats) ? find_block(feed, &stats) : NULL;
                if (block)
                        look_at_disk(feed, &stats, block);
        }
        feed_table_sweep(&feed->disks, feed->look, &feed->graves);
}
