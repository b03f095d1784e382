/* Of a sample: file systems, in the three ways the API has them. */
#include "modules/metrics/cadvisor/api_stats_internal.h"

#define FILESYSTEM(member, text) GO(struct filesystem_stats, member, text)
static const struct go_field filesystem_fields[] = {
        GO_OMIT(struct filesystem_stats, device, "device"),
        FILESYSTEM(type, "type"),
        FILESYSTEM(capacity, "capacity"),
        FILESYSTEM(usage, "usage"),
        FILESYSTEM(base_usage, "base_usage"),
        FILESYSTEM(available, "available"),
        FILESYSTEM(has_inodes, "has_inodes"),
        FILESYSTEM(inodes, "inodes"),
        FILESYSTEM(inodes_free, "inodes_free"),
        FILESYSTEM(reads_completed, "reads_completed"),
        FILESYSTEM(reads_merged, "reads_merged"),
        FILESYSTEM(sectors_read, "sectors_read"),
        FILESYSTEM(read_time_ms, "read_time"),
        FILESYSTEM(writes_completed, "writes_completed"),
        FILESYSTEM(writes_merged, "writes_merged"),
        FILESYSTEM(sectors_written, "sectors_written"),
        FILESYSTEM(write_time_ms, "write_time"),
        FILESYSTEM(io_in_progress, "io_in_progress"),
        FILESYSTEM(io_time_ms, "io_time"),
        FILESYSTEM(weighted_io_time_ms, "weighted_io_time"),
        GO_LAST,
};

void api_put_filesystems(struct buf *out, const struct container_stats *stats)
{
        if (!stats->filesystem_count)
                return;
        go_key(out, "filesystem");
        go_begin(out, '[');
        for (size_t i = 0; i < stats->filesystem_count; i++)
                go_object(out, filesystem_fields, &stats->filesystems[i]);
        buf_putc(out, ']');
}

static void put_milliseconds(struct buf *out, const void *value)
{
        go_uint(out, *(const uint64_t *)value * (uint64_t)MILLISECOND);
}

/* The machine's: durations in nanoseconds, and DiskStats under the key that a tag's typo gave it. */
static const struct go_field machine_filesystem_fields[] = {
        FILESYSTEM(device, "device"),
        FILESYSTEM(type, "type"),
        FILESYSTEM(capacity, "capacity"),
        FILESYSTEM(usage, "usage"),
        FILESYSTEM(available, "available"),
        GO_LAST,
};
static const struct go_field machine_disk_fields[] = {
        FILESYSTEM(reads_completed, "reads_completed"),
        FILESYSTEM(reads_merged, "reads_merged"),
        FILESYSTEM(sectors_read, "sectors_read"),
        GO_PUT(struct filesystem_stats, read_time_ms, "read_duration", put_milliseconds),
        FILESYSTEM(writes_completed, "writes_completed"),
        FILESYSTEM(writes_merged, "writes_merged"),
        FILESYSTEM(sectors_written, "sectors_written"),
        GO_PUT(struct filesystem_stats, write_time_ms, "write_duration", put_milliseconds),
        FILESYSTEM(io_in_progress, "io_in_progress"),
        GO_PUT(struct filesystem_stats, io_time_ms, "io_duration", put_milliseconds),
        GO_PUT(struct filesystem_stats, weighted_io_time_ms, "weighted_io_duration", put_milliseconds),
        GO_LAST,
};

void api_put_machine_filesystems(struct buf *out, const struct container_stats *stats)
{
        if (!stats->filesystem_count)
                return;
        go_key(out, "filesystem");
        go_begin(out, '[');
        for (size_t i = 0; i < stats->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &stats->filesystems[i];
                go_begin(out, '{');
                go_members(out, machine_filesystem_fields, filesystem);
                if (filesystem->has_inodes) {
                        go_key(out, "inodes_free");
                        go_uint(out, filesystem->inodes_free);
                }
                go_key(out, "inline");
                go_object(out, machine_disk_fields, filesystem);
                buf_putc(out, '}');
        }
        buf_putc(out, ']');
}

/* v2.1: only of a container with one file system, its own. */
void api_put_own_filesystem(struct buf *out, const struct container_stats *stats)
{
        static const struct go_field fields[] = {
                FILESYSTEM(usage, "totalUsageBytes"),
                FILESYSTEM(base_usage, "baseUsageBytes"),
                FILESYSTEM(inodes, "containter_inode_usage"),
                GO_LAST,
        };
        if (stats->filesystem_count != 1)
                return;
        go_key(out, "filesystem");
        go_object(out, fields, &stats->filesystems[0]);
}
