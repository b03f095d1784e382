/* The part of a sample that has a row a device: I/O, huge pages, RDMA. */
#include "linux/cgroup_stats_internal.h"

#include <limits.h>
#include <unistd.h>

/* The files of v1 that tell of I/O. BFQ counts more in a kernel with CONFIG_BFQ_CGROUP_DEBUG; CFQ was the scheduler
 * before Linux 5.0; the throttling layer sees all devices. As cAdvisor, the first set with a row is taken, and the
 * first file of a set stands for it. */
struct io_file {
        enum cgroup_io_kind kind;
        const char *name;
};

enum { IO_SET_FILES = 8 };

static const struct io_file io_sets[][IO_SET_FILES] = {
        {
                { CGROUP_IO_SECTORS, "blkio.bfq.sectors_recursive" },
                { CGROUP_IO_SERVICE_TIME, "blkio.bfq.io_service_time_recursive" },
                { CGROUP_IO_WAIT_TIME, "blkio.bfq.io_wait_time_recursive" },
                { CGROUP_IO_MERGED, "blkio.bfq.io_merged_recursive" },
                { CGROUP_IO_QUEUED, "blkio.bfq.io_queued_recursive" },
                { CGROUP_IO_TIME, "blkio.bfq.time_recursive" },
                { CGROUP_IO_SERVICED, "blkio.bfq.io_serviced_recursive" },
                { CGROUP_IO_SERVICE_BYTES, "blkio.bfq.io_service_bytes_recursive" },
        },
        {
                { CGROUP_IO_SERVICED, "blkio.bfq.io_serviced_recursive" },
                { CGROUP_IO_SERVICE_BYTES, "blkio.bfq.io_service_bytes_recursive" },
        },
        {
                { CGROUP_IO_SECTORS, "blkio.sectors_recursive" },
                { CGROUP_IO_SERVICE_TIME, "blkio.io_service_time_recursive" },
                { CGROUP_IO_WAIT_TIME, "blkio.io_wait_time_recursive" },
                { CGROUP_IO_MERGED, "blkio.io_merged_recursive" },
                { CGROUP_IO_QUEUED, "blkio.io_queued_recursive" },
                { CGROUP_IO_TIME, "blkio.time_recursive" },
                { CGROUP_IO_SERVICED, "blkio.io_serviced_recursive" },
                { CGROUP_IO_SERVICE_BYTES, "blkio.io_service_bytes_recursive" },
        },
        {
                { CGROUP_IO_SERVICED, "blkio.throttle.io_serviced_recursive" },
                { CGROUP_IO_SERVICE_BYTES, "blkio.throttle.io_service_bytes_recursive" },
        },
        {
                { CGROUP_IO_SERVICED, "blkio.throttle.io_serviced" },
                { CGROUP_IO_SERVICE_BYTES, "blkio.throttle.io_service_bytes" },
        },
};

enum { IO_SETS = sizeof(io_sets) / sizeof(*io_sets), IO_SET_THROTTLE = IO_SETS - 2 };

/* 1 when the file was there. */
static int read_io_file(struct cgroup_read_call *call, int dir, const struct io_file *file)
{
        struct sv text;
        if (!cgroup_reader_file(&call->reader, dir, file->name, &text))
                return 0;
        return cgroup_parse_blkio(text, call->arena, &call->stats.io[file->kind], &call->stats.refused, call->err) < 0
                       ? -1
                       : 1;
}

static int read_io_v1(struct cgroup_read_call *call, int dir)
{
        for (size_t set = 0; set < IO_SETS; set++) {
                const struct io_file *files = io_sets[set];
                if (call->absent_io & 1U << set)
                        continue;
                int there = read_io_file(call, dir, &files[0]);
                if (there < 0)
                        return -1;
                call->stats.has_io |= there > 0;
                if (call->stats.io[files[0].kind].count == 0) {
                        if (there && set == IO_SET_THROTTLE)
                                return 0; /* a group whose children did nothing did nothing itself */
                        continue;
                }
                for (size_t i = 1; i < IO_SET_FILES && files[i].name; i++)
                        if (read_io_file(call, dir, &files[i]) < 0)
                                return -1;
                return 0;
        }
        return 0;
}

void cgroup_mounts_probe(int root, struct cgroup_mounts *mounts)
{
        const struct cgroup_hierarchy *blkio = cgroup_mounts_find(mounts, "blkio");
        char path[PATH_MAX];
        mounts->absent_io = 0;
        for (size_t set = 0; blkio && set < IO_SETS; set++) {
                int n = snprintf(path, sizeof(path), ".%s/%s", blkio->mount_point, io_sets[set][0].name);
                if (n > 0 && (size_t)n < sizeof(path) && faccessat(root, path, F_OK, 0) < 0 && errno == ENOENT)
                        mounts->absent_io |= 1U << set;
        }
}

int cgroup_read_io(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct sv text;
        if (reader->dirs[CGROUP_ROLE_BLKIO] >= 0 && read_io_v1(call, reader->dirs[CGROUP_ROLE_BLKIO]) < 0)
                return -1;
        if (call->stats.has_io || !cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_UNIFIED], "io.stat", &text))
                return 0;
        call->stats.has_io = true;
        return cgroup_parse_io_stat(text, call->arena, call->stats.io, &call->stats.refused, call->err);
}

static bool read_huge_number(struct cgroup_read_call *call, int dir, const char *size, const char *what, uint64_t *ret)
{
        char name[64];
        snprintf(name, sizeof(name), "hugetlb.%s.%s", size, what);
        return cgroup_reader_number(&call->reader, dir, name, ret);
}

/* The files with "rsvd" (Linux 5.7) count pages from their reservation on, as cAdvisor's library prefers them. */
static void read_huge_size(struct cgroup_read_call *call, int dir, bool v1, struct cgroup_huge *huge)
{
        char name[64];
        struct sv text;
        if (v1) {
                if (read_huge_number(call, dir, huge->size, "rsvd.usage_in_bytes", &huge->usage)) {
                        read_huge_number(call, dir, huge->size, "rsvd.max_usage_in_bytes", &huge->max_usage);
                        read_huge_number(call, dir, huge->size, "rsvd.failcnt", &huge->failcnt);
                        return;
                }
                read_huge_number(call, dir, huge->size, "usage_in_bytes", &huge->usage);
                read_huge_number(call, dir, huge->size, "max_usage_in_bytes", &huge->max_usage);
                read_huge_number(call, dir, huge->size, "failcnt", &huge->failcnt);
                return;
        }
        if (!read_huge_number(call, dir, huge->size, "rsvd.current", &huge->usage))
                read_huge_number(call, dir, huge->size, "current", &huge->usage);
        snprintf(name, sizeof(name), "hugetlb.%s.events", huge->size);
        if (cgroup_reader_file(&call->reader, dir, name, &text))
                cgroup_parse_huge_events(text, &huge->failcnt, &call->stats.refused);
}

int cgroup_read_huge(struct cgroup_read_call *call)
{
        char sizes[CGROUP_HUGE_SIZES_MAX][16];
        struct cgroup_reader *reader = &call->reader;
        bool v1 = reader->dirs[CGROUP_ROLE_HUGETLB] >= 0;
        int dir = reader->dirs[v1 ? CGROUP_ROLE_HUGETLB : CGROUP_ROLE_UNIFIED];
        size_t count = cgroup_huge_sizes(dir, sizes, &call->stats.refused);
        if (count == 0)
                return 0;
        struct cgroup_huge *rows = arena_array(call->arena, count, sizeof(*rows));
        if (!rows)
                return fail(call->err, E_NO_MEMORY, "no memory for %zu sizes of huge pages", count);
        for (size_t i = 0; i < count; i++) {
                memcpy(rows[i].size, sizes[i], sizeof(rows[i].size));
                read_huge_size(call, dir, v1, &rows[i]);
        }
        call->stats.huge = rows;
        call->stats.huge_count = count;
        call->stats.has_huge = true;
        return 0;
}

int cgroup_read_rdma(struct cgroup_read_call *call)
{
        struct cgroup_reader *reader = &call->reader;
        struct cgroup_stats *stats = &call->stats;
        struct sv text;
        if (!cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_RDMA], "rdma.current", &text) &&
                !cgroup_reader_file(reader, reader->dirs[CGROUP_ROLE_UNIFIED], "rdma.current", &text))
                return 0;
        stats->has_rdma = true;
        return cgroup_parse_rdma(text, call->arena, &stats->rdma, &stats->rdma_count, &stats->refused, call->err);
}
