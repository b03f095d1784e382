/* What a control group uses and may use: cAdvisor's mini trees, fixtures of v1, v2 and hybrid hosts, and groups that
 * go away. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "cgroup_fixture.h"
#include "linux/cgroup_stats_internal.h"

#include <sys/time.h>
#include <unistd.h>

static struct error err;
static struct arena arena;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, CGROUP_STATS_MEMORY);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

/* ---- limits: cAdvisor's mini trees ------------------------------------------------------------------------------- */

enum { MACHINE_CPUS = 7 }; /* of the machine in its test */

static int open_trees(const char *name)
{
        char path[512];
        const char *source = getenv("TARSIER_SOURCE");
        const char *data = getenv("TARSIER_TESTDATA");
        static const char below[] = "watch/cadvisor/lib/container/common/test_resources";
        if (data)
                snprintf(path, sizeof(path), "%s/%s/%s", data, below, name);
        else
                snprintf(path, sizeof(path), "%s/../shared/testdata/%s/%s", source ? source : ".", below, name);
        return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static const struct cgroup_mounts v1_mounts = { .layout = CGROUP_V1,
        .hierarchies = { { .controllers = "cpu", .mount_point = "/cpu", .mount_root = "/" },
                { .controllers = "cpuset", .mount_point = "/cpuset", .mount_root = "/" },
                { .controllers = "memory", .mount_point = "/memory", .mount_root = "/" },
                { .controllers = "pids", .mount_point = "/pids", .mount_root = "/" } },
        .count = 4 };

static const struct cgroup_mounts v2_mounts = { .layout = CGROUP_V2,
        .hierarchies = { { .unified = true, .controllers = "", .mount_point = "/", .mount_root = "/" } },
        .count = 1 };

static struct cgroup_limits limits_of(int root, const struct cgroup_mounts *mounts, const char *path, bool is_root)
{
        struct cgroup_dirs dirs;
        struct cgroup_limits limits;
        assert_int_equal(cgroup_dirs_open(root, mounts, path, &dirs, &err), 0);
        assert_int_equal(cgroup_limits_read(root, mounts, &dirs, is_root, MACHINE_CPUS, &arena, &limits, &err), 0);
        cgroup_dirs_close(&dirs);
        return limits;
}

static void limits_cadvisor_v1(void **state)
{
        (void)state;
        cleanup(fd_close) int root = open_trees("cgroup_v1/test1");
        if (root < 0) {
                print_message("# skipped: needs cAdvisor's test resources\n");
                skip();
        }
        struct cgroup_limits limits = limits_of(root, &v1_mounts, "/", false);
        assert_true(limits.has_cpu && limits.has_memory && limits.has_pids && !limits.has_huge && !limits.has_io);
        assert_true(limits.cpu_shares == 1025 && limits.cpu_quota_us == 20000 && limits.cpu_period_us == 100010);
        assert_string_equal(limits.cpu_mask, "0-5");
        assert_true(limits.memory_limit == 123456789 && limits.swap_limit == 13579);
        assert_true(limits.memory_reservation == 24680 && limits.pids_limit == 1027);
}

static void limits_cadvisor_v2(void **state)
{
        (void)state;
        cleanup(fd_close) int root = open_trees("cgroup_v2");
        if (root < 0) {
                print_message("# skipped: needs cAdvisor's test resources\n");
                skip();
        }
        struct cgroup_limits limits = limits_of(root, &v2_mounts, "/test1", false);
        assert_true(limits.has_cpu && limits.has_memory && limits.has_pids && !limits.has_huge && limits.has_io);
        assert_true(limits.cpu_shares == 1286 && limits.cpu_quota_us == 20000 && limits.cpu_period_us == 100010);
        assert_string_equal(limits.cpu_mask, "0-5");
        assert_true(limits.memory_limit == 123456789 && limits.swap_limit == 13579);
        assert_true(limits.memory_reservation == 24680 && limits.pids_limit == 1027);

        limits = limits_of(root, &v2_mounts, "/test2", false);
        assert_true(limits.has_cpu && limits.has_memory && limits.has_pids);
        assert_true(limits.cpu_shares == 1286 && limits.cpu_quota_us == 0 && limits.cpu_period_us == 100010);
        assert_string_equal(limits.cpu_mask, "0-6"); /* without cpuset.cpus.effective: all of the machine */
        assert_true(limits.memory_limit == CGROUP_NO_LIMIT && limits.swap_limit == CGROUP_NO_LIMIT);
        assert_true(limits.memory_reservation == CGROUP_NO_LIMIT && limits.pids_limit == CGROUP_NO_LIMIT);
}

/* ---- trees of our own -------------------------------------------------------------------------------------------- */

static const char meminfo_text[] = "MemTotal:       1000 kB\nMemFree:         400 kB\nBuffers:          10 kB\n"
                                   "Cached:          200 kB\nSwapCached:        0 kB\nActive(anon):     11 kB\n"
                                   "Inactive(anon):   12 kB\nActive(file):     13 kB\nInactive(file):   14 kB\n"
                                   "SwapTotal:       500 kB\nSwapFree:        450 kB\nDirty:             1 kB\n"
                                   "Writeback:         2 kB\nAnonPages:       100 kB\nMapped:           50 kB\n";

static void put(const struct fixture *fixture, const char *directory, const char *const files[][2], size_t count)
{
        for (size_t i = 0; i < count; i++) {
                char path[256];
                snprintf(path, sizeof(path), "%s/%s", directory, files[i][0]);
                fixture_text(fixture, path, files[i][1]);
        }
}

#define PUT(fixture, directory, files) put(fixture, directory, files, sizeof(files) / sizeof(*(files)))

static struct cgroup_stats stats_of(const struct fixture *fixture, const struct cgroup_mounts *mounts, const char *path,
        bool is_root, unsigned flags)
{
        struct cgroup_dirs dirs;
        struct cgroup_stats stats;
        assert_int_equal(cgroup_dirs_open(fixture->root, mounts, path, &dirs, &err), 0);
        assert_int_equal(cgroup_stats_read(fixture->root, mounts, &dirs, is_root, flags, &arena, &stats, &err), 0);
        cgroup_dirs_close(&dirs);
        return stats;
}

static const struct cgroup_mounts full_v1 = { .layout = CGROUP_V1,
        .hierarchies = { { .controllers = "cpu,cpuacct", .mount_point = "/cg/cpu", .mount_root = "/" },
                { .controllers = "cpuset", .mount_point = "/cg/cpuset", .mount_root = "/" },
                { .controllers = "memory", .mount_point = "/cg/memory", .mount_root = "/" },
                { .controllers = "blkio", .mount_point = "/cg/blkio", .mount_root = "/" },
                { .controllers = "pids", .mount_point = "/cg/pids", .mount_root = "/" },
                { .controllers = "hugetlb", .mount_point = "/cg/hugetlb", .mount_root = "/" },
                { .controllers = "rdma", .mount_point = "/cg/rdma", .mount_root = "/" },
                { .controllers = "freezer", .mount_point = "/cg/freezer", .mount_root = "/" },
                { .controllers = "name=systemd", .mount_point = "/cg/systemd", .mount_root = "/" } },
        .count = 9 };

static void make_v1(const struct fixture *fixture)
{
        static const char *const cpu[][2] = { { "cpuacct.usage", "1000001\n" },
                { "cpuacct.usage_percpu", "600000 400000 \n" }, { "cpuacct.stat", "user 5\nsystem 6\n" },
                { "cpu.stat", "nr_periods 10\nnr_throttled 3\nthrottled_time 4000\n" }, { "cpu.shares", "512\n" },
                { "cpu.cfs_quota_us", "-1\n" }, { "cpu.cfs_period_us", "100000\n" } };
        static const char *const memory[][2] = { { "memory.stat", memory_stat_v1 },
                { "memory.usage_in_bytes", "5000\n" }, { "memory.max_usage_in_bytes", "6000\n" },
                { "memory.failcnt", "7\n" }, { "memory.kmem.usage_in_bytes", "800\n" },
                { "memory.use_hierarchy", "1\n" },
                { "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n" },
                { "memory.numa_stat", "total=5 N0=5\nfile=3 N0=3\nhierarchical_file=9 N0=9\n" },
                { "memory.limit_in_bytes", "9223372036854771712\n" } };
        static const char *const others[][2] = { { "pids/web/pids.current", "3\n" }, { "pids/web/pids.max", "max\n" },
                { "cpuset/web/cpuset.cpus", "\n" }, { "cpuset/web/cpuset.memory_migrate", "1\n" },
                { "blkio/web/blkio.throttle.io_serviced_recursive", "8:0 Read 4\n8:0 Total 4\nTotal 4\n" },
                { "blkio/web/blkio.throttle.io_service_bytes_recursive",
                        "8:0 Read 4096\n8:0 Total 4096\nTotal 4096\n" },
                { "blkio/web/blkio.throttle.io_serviced", "8:0 Read 1\n8:0 Total 1\nTotal 1\n" },
                { "blkio/web/blkio.bfq.io_serviced_recursive", "Total 0\n" },
                { "hugetlb/web/hugetlb.2MB.usage_in_bytes", "2097152\n" },
                { "hugetlb/web/hugetlb.2MB.max_usage_in_bytes", "4194304\n" },
                { "hugetlb/web/hugetlb.2MB.failcnt", "1\n" }, { "hugetlb/web/hugetlb.2MB.limit_in_bytes", "8\n" },
                { "rdma/web/rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n" },
                { "freezer/web/freezer.state", "FROZEN\n" } };
        PUT(fixture, "cg/cpu/web", cpu);
        PUT(fixture, "cg/memory/web", memory);
        PUT(fixture, "cg", others);
}

static void group_v1(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        make_v1(&fixture);
        struct cgroup_stats stats = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_ALL);
        assert_true(stats.has_cpu && stats.has_memory && stats.has_io && stats.has_pids && stats.has_huge);
        assert_true(stats.has_cpuset && stats.has_rdma && stats.has_frozen && !stats.has_pressure);
        assert_true(stats.cpu.total_ns == 1000000 && stats.cpu.per_cpu_count == 2);
        assert_int_equal(stats.cpu.user_ns, 5 * (SECOND / sysconf(_SC_CLK_TCK)));
        assert_true(stats.cpu.periods == 10 && stats.cpu.throttled_ns == 4000);
        /* without the processors, or when one of them is unreadable, the file that has the sum */
        struct cgroup_stats sum = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_CPU);
        assert_true(sum.cpu.total_ns == 1000001 && sum.cpu.per_cpu_count == 0);
        fixture_text(&fixture, "cg/cpu/web/cpuacct.usage_percpu", "600000 x \n");
        sum = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_CPU | CGROUP_READ_PER_CPU);
        assert_true(sum.cpu.total_ns == 1000001 && sum.cpu.per_cpu_count == 2 && sum.refused == 1);
        const struct cgroup_memory *memory = &stats.memory;
        assert_true(memory->usage == 5000 && memory->max_usage == 6000 && memory->failcnt == 7);
        assert_true(memory->kernel == 800 && memory->cache == 1100 && memory->rss == 1200 && memory->swap == 1009);
        assert_true(memory->mapped_file == 1030 && memory->working_set == 5000 - 1014);
        assert_true(memory->pgfault == 10 && memory->hierarchical_pgfault == 1010);
        assert_true(memory->pgmajfault == 11 && memory->hierarchical_pgmajfault == 1011);
        assert_int_equal(memory->events_oom_kill, 2);
        assert_true(memory->node_count == 1 && memory->nodes[0].file == 3 && memory->hierarchical_nodes[0].file == 9);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].count, 1);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_READ], 4); /* the recursive one */
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_BYTES].rows[0].values[CGROUP_IO_TOTAL], 4096);
        assert_true(stats.pids == 3 && stats.pids_limit == CGROUP_NO_LIMIT);
        assert_int_equal(stats.huge_count, 1);
        assert_string_equal(stats.huge[0].size, "2MB");
        assert_true(stats.huge[0].usage == 2097152 && stats.huge[0].max_usage == 4194304 && stats.huge[0].failcnt == 1);
        assert_true(stats.rdma_count == 1 && stats.rdma[0].hca_object == 2000);
        assert_true(stats.memory_migrate == 1 && stats.frozen);
        assert_int_equal(stats.refused, 0);

        /* accounts are not shared with the parent: the lines without total_ */
        fixture_text(&fixture, "cg/memory/web/memory.use_hierarchy", "0\n");
        stats = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_MEMORY);
        assert_true(stats.memory.cache == 100 && stats.memory.rss == 200 && stats.memory.swap == 9);
        assert_true(stats.memory.working_set == 5000 - 14 && !stats.has_cpu && !stats.has_io);

        struct cgroup_limits limits = limits_of(fixture.root, &full_v1, "/web", false);
        assert_true(limits.cpu_shares == 512 && limits.cpu_quota_us == 0 && limits.cpu_period_us == 100000);
        assert_string_equal(limits.cpu_mask, "0-6");
        assert_true(limits.memory_limit == UINT64_C(9223372036854771712) && limits.pids_limit == CGROUP_NO_LIMIT);
        assert_true(limits.has_huge && limits.has_io);
        fixture_remove(&fixture);
}

/* BFQ's debug files first, then CFQ's, then the throttling layer of the group alone. */
static void io_preference(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/blkio/web/blkio.throttle.io_serviced", "8:0 Read 1\nTotal 1\n");
        fixture_text(&fixture, "cg/blkio/web/blkio.throttle.io_service_bytes", "8:0 Read 2\nTotal 2\n");
        struct cgroup_stats stats = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_IO);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_READ], 1);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_BYTES].rows[0].values[CGROUP_IO_READ], 2);

        static const char *const cfq[][2] = { { "blkio.sectors_recursive", "8:0 10\n" },
                { "blkio.io_service_time_recursive", "8:0 Read 11\n" },
                { "blkio.io_wait_time_recursive", "8:0 Read 12\n" }, { "blkio.io_merged_recursive", "8:0 Read 13\n" },
                { "blkio.io_queued_recursive", "8:0 Read 14\n" }, { "blkio.time_recursive", "8:0 15\n" },
                { "blkio.io_serviced_recursive", "8:0 Read 16\n" },
                { "blkio.io_service_bytes_recursive", "8:0 Read 17\n" } };
        PUT(&fixture, "cg/blkio/web", cfq);
        stats = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_IO);
        assert_true(stats.io[CGROUP_IO_SECTORS].rows[0].values[CGROUP_IO_TOTAL] == 10 &&
                    stats.io[CGROUP_IO_SECTORS].rows[0].has == 0);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_TIME].rows[0].values[CGROUP_IO_READ], 11);
        assert_int_equal(stats.io[CGROUP_IO_WAIT_TIME].rows[0].values[CGROUP_IO_READ], 12);
        assert_int_equal(stats.io[CGROUP_IO_MERGED].rows[0].values[CGROUP_IO_READ], 13);
        assert_int_equal(stats.io[CGROUP_IO_QUEUED].rows[0].values[CGROUP_IO_READ], 14);
        assert_int_equal(stats.io[CGROUP_IO_TIME].rows[0].values[CGROUP_IO_TOTAL], 15);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_READ], 16);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_BYTES].rows[0].values[CGROUP_IO_READ], 17);

        fixture_text(&fixture, "cg/blkio/web/blkio.bfq.io_serviced_recursive", "8:0 Read 26\n");
        fixture_text(&fixture, "cg/blkio/web/blkio.bfq.io_service_bytes_recursive", "8:0 Read 27\n");
        stats = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_IO);
        assert_int_equal(stats.io[CGROUP_IO_SECTORS].count, 0);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_READ], 26);

        fixture_text(&fixture, "cg/blkio/web/blkio.bfq.sectors_recursive", "8:0 30\n");
        stats = stats_of(&fixture, &full_v1, "/web", false, CGROUP_READ_IO);
        assert_int_equal(stats.io[CGROUP_IO_SECTORS].rows[0].values[CGROUP_IO_TOTAL], 30);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_BYTES].rows[0].values[CGROUP_IO_READ], 27);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_TIME].count, 0);
        fixture_remove(&fixture);
}

/* What no group has is not asked for; what comes later is seen at the next look. */
static void io_probe(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        struct cgroup_mounts mounts = full_v1;
        fixture_text(&fixture, "cg/blkio/blkio.throttle.io_serviced", "Total 0\n");
        fixture_text(&fixture, "cg/blkio/web/blkio.throttle.io_serviced", "8:0 Read 1\nTotal 1\n");
        fixture_text(&fixture, "cg/blkio/web/blkio.bfq.io_serviced_recursive", "8:0 Read 26\n");
        cgroup_mounts_probe(fixture.root, &mounts);
        assert_int_equal(mounts.absent_io, 0xf); /* all sets but the last */
        struct cgroup_stats stats = stats_of(&fixture, &mounts, "/web", false, CGROUP_READ_IO);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_READ], 1);
        fixture_text(&fixture, "cg/blkio/blkio.bfq.io_serviced_recursive", "");
        cgroup_mounts_probe(fixture.root, &mounts);
        stats = stats_of(&fixture, &mounts, "/web", false, CGROUP_READ_IO);
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_READ], 26);
        fixture_remove(&fixture);
}

static size_t count_dirs(const struct cgroup_dirs *dirs)
{
        size_t count = 0;
        for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
                count += dirs->dirs[i] >= 0;
        return count;
}

/* Only the hierarchies that tell what is asked for are opened, unless the group is in others alone. */
static void dirs_for(void **state)
{
        (void)state;
        struct fixture fixture;
        struct cgroup_dirs dirs;
        static const struct cgroup_mounts mounts = { .layout = CGROUP_V1,
                .count = 4,
                .hierarchies = { { .controllers = "cpu,cpuacct", .mount_point = "/cg/cpu", .mount_root = "/" },
                        { .controllers = "devices", .mount_point = "/cg/devices", .mount_root = "/" },
                        { .controllers = "name=systemd", .mount_point = "/cg/systemd", .mount_root = "/" },
                        { .controllers = "memory", .mount_point = "/cg/memory", .mount_root = "/" } } };
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/cpu/web/cpu.shares", "1024\n");
        fixture_text(&fixture, "cg/devices/web/tasks", "");
        fixture_text(&fixture, "cg/systemd/web/tasks", "");
        fixture_text(&fixture, "cg/memory/web/tasks", "");
        fixture_text(&fixture, "cg/systemd/unit/tasks", "");
        assert_int_equal(cgroup_dirs_open_for(fixture.root, &mounts, "/web", CGROUP_READ_CPU, &dirs, &err), 0);
        assert_int_equal(count_dirs(&dirs), 1);
        assert_true(dirs.dirs[0] >= 0);
        cgroup_dirs_close(&dirs);
        assert_int_equal(
                cgroup_dirs_open_for(fixture.root, &mounts, "/web", CGROUP_READ_CPU | CGROUP_READ_MEMORY, &dirs, &err),
                0);
        assert_int_equal(count_dirs(&dirs), 2);
        cgroup_dirs_close(&dirs);
        assert_int_equal(cgroup_dirs_open_for(fixture.root, &mounts, "/unit", CGROUP_READ_CPU, &dirs, &err), 0);
        assert_true(dirs.dirs[2] >= 0);
        cgroup_dirs_close(&dirs);
        assert_int_equal(cgroup_dirs_open_for(fixture.root, &mounts, "/none", CGROUP_READ_CPU, &dirs, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(cgroup_dirs_open_for(fixture.root, &mounts, "/../web", CGROUP_READ_CPU, &dirs, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        fixture_remove(&fixture);
}

static const char psi[] = "some avg10=1.50 avg60=0.00 avg300=0.00 total=9000\nfull avg10=0.00 avg60=0.00 avg300=0.00 "
                          "total=2000\n";

static void make_v2(const struct fixture *fixture)
{
        static const char *const files[][2] = {
                { "cpu.stat", "usage_usec 100\nuser_usec 60\nsystem_usec 40\nnr_periods 5\nnr_throttled 2\n"
                              "throttled_usec 7\nnr_bursts 1\nburst_usec 3\n" },
                { "memory.stat", memory_stat_v2 }, { "memory.current", "20000\n" }, { "memory.peak", "30000\n" },
                { "memory.swap.current", "512\n" },
                { "memory.events", "low 0\nhigh 4\nmax 5\noom 6\noom_kill 7\noom_group_kill 0\n" },
                { "memory.numa_stat", "anon N0=4096\nfile N0=8192\nunevictable N0=0\n" },
                { "io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n" }, { "pids.current", "9\n" },
                { "pids.max", "100\n" }, { "hugetlb.1GB.current", "1073741824\n" }, { "hugetlb.1GB.events", "max 2\n" },
                { "hugetlb.1GB.rsvd.current", "2147483648\n" },
                { "rdma.current", "mlx4_0 hca_handle=1 hca_object=max\n" }, { "cpu.pressure", psi },
                { "memory.pressure", psi }, { "io.pressure", psi }, { "cgroup.events", "populated 1\nfrozen 1\n" },
                { "cgroup.procs", "" }
        };
        PUT(fixture, "cg/web", files);
}

static const struct cgroup_mounts full_v2 = { .layout = CGROUP_V2,
        .hierarchies = { { .unified = true, .controllers = "", .mount_point = "/cg", .mount_root = "/" } },
        .count = 1 };

static void group_v2(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        make_v2(&fixture);
        struct cgroup_stats stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_ALL);
        assert_true(stats.has_cpu && stats.has_memory && stats.has_io && stats.has_pids && stats.has_huge);
        assert_true(stats.has_pressure && stats.has_rdma && stats.has_frozen && stats.frozen && !stats.has_cpuset);
        assert_true(stats.cpu.total_ns == 100000 && stats.cpu.user_ns == 60000 && stats.cpu.system_ns == 40000);
        assert_true(stats.cpu.per_cpu_count == 0 && stats.cpu.throttled_ns == 7000 && stats.cpu.burst_ns == 3000);
        const struct cgroup_memory *memory = &stats.memory;
        assert_true(memory->usage == 20000 && memory->max_usage == 30000 && memory->swap == 512);
        assert_true(memory->failcnt == 5 && memory->kernel == 777);
        assert_true(memory->cache == 8192 && memory->rss == 4096 && memory->working_set == 20000 - 1014);
        assert_true(memory->pgfault == 10 && memory->hierarchical_pgfault == 10);
        assert_true(memory->events_high == 4 && memory->events_max == 5 && memory->events_oom_kill == 7);
        assert_true(memory->pgscan == 8 && memory->pgsteal == 9 && memory->refault_file == 7);
        assert_int_equal(memory->node_count, 1);
        assert_int_equal(memory->nodes[0].file, 8192 / sysconf(_SC_PAGESIZE));
        assert_int_equal(stats.io[CGROUP_IO_SERVICED].rows[0].values[CGROUP_IO_WRITE], 4);
        assert_true(stats.pids == 9 && stats.pids_limit == 100);
        assert_string_equal(stats.huge[0].size, "1GB");
        assert_true(stats.huge_count == 1 && stats.huge[0].usage == 2147483648 && stats.huge[0].failcnt == 2);
        assert_true(stats.rdma[0].hca_handle == 1 && stats.rdma[0].hca_object == CGROUP_NO_LIMIT);
        assert_int_equal(stats.memory_pressure.some.total_ns, 9000 * MICROSECOND);
        assert_int_equal(stats.io_pressure.full.total_ns, 2000 * MICROSECOND);
        assert_int_equal(stats.refused, 0);

        /* before Linux 5.18 there is no line "kernel": its parts */
        fixture_text(&fixture, "cg/web/memory.stat", "anon 1\nfile 2\nkernel_stack 10\nslab 20\npercpu 30\n");
        /* usage below inactive_file: the kernel counts both at its leisure */
        fixture_text(&fixture, "cg/web/memory.current", "1\n");
        stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_MEMORY);
        assert_int_equal(stats.memory.kernel, 60);
        fixture_text(&fixture, "cg/web/memory.stat", "inactive_file 2\n");
        stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_MEMORY);
        assert_int_equal(stats.memory.working_set, 0);
        fixture_remove(&fixture);
}

/* Only what a group of v2 without controllers has. */
static void group_without_controllers(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/web/cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\n");
        fixture_text(&fixture, "cg/web/cgroup.events", "populated 0\nfrozen 0\n");
        struct cgroup_stats stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_ALL);
        assert_true(stats.has_cpu && stats.cpu.total_ns == 5000);
        assert_true(!stats.has_memory && !stats.has_io && !stats.has_pids && !stats.has_huge && !stats.has_pressure);
        assert_true(stats.memory.usage == 0 && stats.has_frozen && !stats.frozen);
        struct cgroup_limits limits = limits_of(fixture.root, &full_v2, "/web", false);
        assert_true(limits.has_cpu && limits.has_io && limits.has_pids && !limits.has_memory && !limits.has_huge);
        assert_string_equal(limits.cpu_mask, "0-6");
        fixture_remove(&fixture);
}

/* The root of v2 has neither memory.current nor pids.current: the machine's own figures stand in. */
static void root_v2(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "proc/meminfo", meminfo_text);
        fixture_text(&fixture, "proc/loadavg", "0.00 0.01 0.05 2/345 12345\n");
        fixture_text(&fixture, "proc/pressure/cpu", psi);
        fixture_text(&fixture, "cg/cpu.stat", "usage_usec 100\nuser_usec 60\nsystem_usec 40\n");
        fixture_text(&fixture, "cg/memory.stat", memory_stat_v2);
        struct cgroup_stats stats = stats_of(&fixture, &full_v2, "/", true, CGROUP_READ_ALL);
        assert_true(stats.has_memory && stats.memory.usage == 4096 + 8192 && stats.memory.swap == 50 * 1024);
        assert_true(stats.memory.kernel == 777 && stats.memory.working_set == 4096 + 8192 - 1014);
        assert_true(stats.has_pids && stats.pids == 345 && stats.pids_limit == CGROUP_NO_LIMIT);
        assert_true(stats.has_pressure && stats.cpu_pressure.has_some && !stats.memory_pressure.has_some);
        assert_int_equal(stats.cpu.total_ns, 100000);

        /* nothing of the group at all: /proc */
        assert_int_equal(unlinkat(fixture.root, "cg/memory.stat", 0), 0);
        assert_int_equal(unlinkat(fixture.root, "cg/cpu.stat", 0), 0);
        fixture_text(&fixture, "proc/stat",
                "cpu  10 1 20 400 5 2 3 0 0 0\ncpu0 10 1 20 400 5 2 3 0 0 0\nctxt 1\nbtime 1700000000\nprocesses 1\n"
                "procs_running 1\nprocs_blocked 0\n");
        stats = stats_of(&fixture, &full_v2, "/", true, CGROUP_READ_ALL);
        assert_true(stats.memory.usage == 310 * 1024 && stats.memory.rss == 100 * 1024);
        assert_true(stats.memory.cache == 210 * 1024 && stats.memory.working_set == (310 - 14) * 1024);
        assert_int_equal(stats.cpu.user_ns, 11 * (SECOND / sysconf(_SC_CLK_TCK)));
        assert_int_equal(stats.cpu.total_ns, 36 * (SECOND / sysconf(_SC_CLK_TCK)));

        /* another group gets none of it */
        fixture_text(&fixture, "cg/web/cgroup.procs", "");
        stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_ALL);
        assert_true(!stats.has_memory && !stats.has_cpu && !stats.has_pids && !stats.has_pressure);

        struct cgroup_limits limits = limits_of(fixture.root, &full_v2, "/", true);
        assert_true(limits.has_memory && limits.memory_limit == 1000 * 1024 && limits.swap_limit == 500 * 1024);
        fixture_remove(&fixture);
}

static const struct cgroup_mounts hybrid = { .layout = CGROUP_HYBRID,
        .hierarchies = { { .controllers = "cpu,cpuacct", .mount_point = "/cg/cpu", .mount_root = "/" },
                { .controllers = "memory", .mount_point = "/cg/memory", .mount_root = "/" },
                { .controllers = "name=systemd", .mount_point = "/cg/systemd", .mount_root = "/" },
                { .unified = true, .controllers = "", .mount_point = "/cg/unified", .mount_root = "/" } },
        .count = 4 };

static void group_hybrid(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        /* a unit that is only in systemd's own hierarchy and in v2 */
        fixture_text(&fixture, "cg/systemd/cron.service/cgroup.procs", "");
        fixture_text(&fixture, "cg/unified/cron.service/cpu.stat", "usage_usec 7\nuser_usec 4\nsystem_usec 3\n");
        fixture_text(&fixture, "cg/unified/cron.service/cpu.pressure", psi);
        fixture_text(&fixture, "cg/cpu/cpuacct.usage", "1\n");
        fixture_text(&fixture, "cg/memory/memory.usage_in_bytes", "1\n");
        struct cgroup_stats stats = stats_of(&fixture, &hybrid, "/cron.service", false, CGROUP_READ_ALL);
        assert_true(stats.has_cpu && stats.cpu.total_ns == 7000 && stats.cpu.user_ns == 4000);
        assert_true(stats.has_pressure && !stats.has_memory);
        struct cgroup_limits limits = limits_of(fixture.root, &hybrid, "/cron.service", false);
        assert_true(limits.has_cpu && !limits.has_memory && !limits.has_io && !limits.has_pids);
        assert_true(limits.cpu_shares == 0 && limits.cpu_period_us == 0);

        /* a container with controllers of v1, and hugetlb in v2 */
        fixture_text(&fixture, "cg/cpu/web/cpuacct.usage", "5000\n");
        fixture_text(&fixture, "cg/cpu/web/cpuacct.stat", "user 0\nsystem 0\n");
        fixture_text(&fixture, "cg/cpu/web/cpu.shares", "1024\n");
        fixture_text(&fixture, "cg/memory/web/memory.usage_in_bytes", "42\n");
        fixture_text(&fixture, "cg/unified/web/cpu.stat", "usage_usec 9\n");
        fixture_text(&fixture, "cg/unified/web/hugetlb.2MB.current", "2097152\n");
        fixture_text(&fixture, "cg/unified/web/hugetlb.2MB.max", "max\n");
        stats = stats_of(&fixture, &hybrid, "/web", false, CGROUP_READ_ALL);
        assert_true(stats.cpu.total_ns == 5000 && stats.memory.usage == 42 && stats.memory.working_set == 42);
        assert_true(stats.huge_count == 1 && stats.huge[0].usage == 2097152);
        limits = limits_of(fixture.root, &hybrid, "/web", false);
        assert_true(limits.has_cpu && limits.has_memory && limits.has_huge && limits.cpu_shares == 1024);
        assert_null(limits.cpu_mask);
        fixture_remove(&fixture);
}

/* Files that are malformed, empty or of enormous length cost their figure, not the sample. */
static void broken_files(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        make_v2(&fixture);
        fixture_text(&fixture, "cg/web/memory.current", "-20\n");
        fixture_text(&fixture, "cg/web/memory.peak", "");
        fixture_text(&fixture, "cg/web/pids.current", "many\n");
        fixture_text(&fixture, "cg/web/io.pressure", "some avg10=x\n");
        fixture_text(&fixture, "cg/web/cpu.stat", "usage_usec 18446744073709551615\nuser_usec 60\n");
        assert_int_equal(unlinkat(fixture.root, "cg/web/memory.events", 0), 0);
        struct cgroup_stats stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_ALL);
        assert_int_equal(stats.refused, 5);
        assert_true(stats.memory.usage == 0 && stats.memory.rss == 4096 && stats.memory.working_set == 0);
        assert_true(stats.cpu.total_ns == 0 && stats.cpu.user_ns == 60000 && stats.pids == 0);

        /* more than the buffer on the stack, and more than any file may have */
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 20);
        for (int i = 0; i < 500; i++)
                buf_printf(&text, "8:%d rbytes=%d wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n", i, i);
        fixture_bytes(&fixture, "cg/web/io.stat", text.data, text.len);
        stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_IO);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_BYTES].count, 500);
        assert_int_equal(stats.io[CGROUP_IO_SERVICE_BYTES].rows[499].values[CGROUP_IO_READ], 499);
        assert_int_equal(stats.refused, 0);
        buf_clear(&text);
        for (int i = 0; text.len < CGROUP_FILE_MAX; i++)
                buf_printf(&text, "8:%d rbytes=1 %0500d=1\n", i, 0);
        fixture_bytes(&fixture, "cg/web/io.stat", text.data, text.len);
        stats = stats_of(&fixture, &full_v2, "/web", false, CGROUP_READ_IO);
        assert_in_range(stats.io[CGROUP_IO_SERVICE_BYTES].count, 400, 600);
        assert_int_equal(stats.refused, 1);
        fixture_remove(&fixture);
}

/* A tiny arena: an error, nothing written. */
static void no_memory(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        make_v1(&fixture);
        cleanup(arena_done) struct arena small;
        arena_init(&small, 8);
        struct cgroup_dirs dirs;
        struct cgroup_stats stats = { .pids = 77 };
        struct cgroup_limits limits = { .pids_limit = 77 };
        assert_int_equal(cgroup_dirs_open(fixture.root, &full_v1, "/web", &dirs, &err), 0);
        static const unsigned flags[] = { CGROUP_READ_CPU | CGROUP_READ_PER_CPU, CGROUP_READ_MEMORY | CGROUP_READ_NUMA,
                CGROUP_READ_IO, CGROUP_READ_HUGE, CGROUP_READ_RDMA };
        for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
                assert_int_equal(
                        cgroup_stats_read(fixture.root, &full_v1, &dirs, false, flags[i], &small, &stats, &err), -1);
                assert_int_equal(err.code, E_NO_MEMORY);
        }
        assert_int_equal(stats.pids, 77);
        fixture_text(&fixture, "cg/cpuset/web/cpuset.cpus", "0-63,128-191\n");
        assert_int_equal(cgroup_limits_read(fixture.root, &full_v1, &dirs, false, 4, &small, &limits, &err), -1);
        assert_int_equal(err.code, E_NO_MEMORY);
        assert_int_equal(limits.pids_limit, 77);
        cgroup_dirs_close(&dirs);
        assert_int_equal(dirs.dirs[0], -1);
        fixture_remove(&fixture);
}

static void directories(void **state)
{
        (void)state;
        struct fixture fixture;
        struct cgroup_dirs dirs;
        fixture_make(&fixture);
        make_v1(&fixture);
        assert_int_equal(cgroup_dirs_open(fixture.root, &full_v1, "/nowhere", &dirs, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(cgroup_dirs_open(fixture.root, &full_v1, "/../../etc", &dirs, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        assert_int_equal(cgroup_dirs_open(fixture.root, &full_v1, "web", &dirs, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        cleanup(buf_done) struct buf path;
        buf_init(&path, 8192);
        while (path.len < 5000)
                buf_puts(&path, "/abcdefgh");
        assert_int_equal(cgroup_dirs_open(fixture.root, &full_v1, buf_text(&path), &dirs, &err), -1);
        /* systemd's hierarchy does not have it: -1, as for those that do not exist */
        assert_int_equal(cgroup_dirs_open(fixture.root, &full_v1, "/web", &dirs, &err), 0);
        assert_true(dirs.dirs[0] >= 0 && dirs.dirs[8] == -1 && dirs.dirs[9] == -1);
        cgroup_dirs_close(&dirs);
        fixture_remove(&fixture);
}

/* The directories are open while the group goes. */
static void vanished(void **state)
{
        (void)state;
        struct fixture fixture;
        struct cgroup_dirs dirs;
        struct cgroup_stats stats = { .pids = 77 };
        struct cgroup_limits limits;
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/memory/web/memory.usage_in_bytes", "42\n");
        fixture_text(&fixture, "cg/unified/web/cpu.stat", "usage_usec 9\n");
        assert_int_equal(cgroup_dirs_open(fixture.root, &hybrid, "/web", &dirs, &err), 0);
        /* from one hierarchy: the others still tell */
        assert_int_equal(unlinkat(fixture.root, "cg/memory/web/memory.usage_in_bytes", 0), 0);
        assert_int_equal(unlinkat(fixture.root, "cg/memory/web", AT_REMOVEDIR), 0);
        assert_int_equal(
                cgroup_stats_read(fixture.root, &hybrid, &dirs, false, CGROUP_READ_ALL, &arena, &stats, &err), 0);
        assert_true(stats.has_cpu && !stats.has_memory && stats.memory.usage == 0);
        assert_int_equal(unlinkat(fixture.root, "cg/unified/web/cpu.stat", 0), 0);
        assert_int_equal(unlinkat(fixture.root, "cg/unified/web", AT_REMOVEDIR), 0);
        stats.pids = 77;
        assert_int_equal(
                cgroup_stats_read(fixture.root, &hybrid, &dirs, false, CGROUP_READ_ALL, &arena, &stats, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(stats.pids, 77);
        assert_int_equal(cgroup_limits_read(fixture.root, &hybrid, &dirs, false, 2, &arena, &limits, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(cgroup_some_process(&hybrid, &dirs), 0);
        cgroup_dirs_close(&dirs);
        fixture_remove(&fixture);
}

static void set_time(const struct fixture *fixture, const char *path, int64_t time_ns)
{
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { time_ns / SECOND, time_ns % SECOND } };
        assert_int_equal(utimensat(fixture->root, path, times, 0), 0);
}

static void created(void **state)
{
        (void)state;
        struct fixture fixture;
        struct cgroup_dirs dirs;
        int64_t later = time_unix_ns() + 1000 * SECOND;
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/memory/web/cgroup.clone_children", "0\n");
        fixture_text(&fixture, "cg/unified/web/cgroup.events", "populated 1\n");
        set_time(&fixture, "cg/memory/web/cgroup.clone_children", later + 5);
        set_time(&fixture, "cg/memory/web", later + 9);
        set_time(&fixture, "cg/unified/web/cgroup.events", later + 7);
        set_time(&fixture, "cg/unified/web", later + 8);
        assert_int_equal(cgroup_dirs_open(fixture.root, &hybrid, "/web", &dirs, &err), 0);
        assert_int_equal(cgroup_created_unix_ns(&hybrid, &dirs), later + 5);
        set_time(&fixture, "cg/unified/web/cgroup.events", later + 2);
        assert_int_equal(cgroup_created_unix_ns(&hybrid, &dirs), later + 2);
        set_time(&fixture, "cg/unified/web", later + 1);
        assert_int_equal(cgroup_created_unix_ns(&hybrid, &dirs), later + 1);
        /* not before the machine */
        set_time(&fixture, "cg/unified/web", SECOND);
        int64_t clamped = cgroup_created_unix_ns(&hybrid, &dirs);
        assert_int_equal(clamped % MINUTE, 0);
        assert_in_range(time_boot_unix_ns() - clamped, 0, MINUTE + SECOND);
        cgroup_dirs_close(&dirs);
        for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
                assert_int_equal(dirs.dirs[i], -1);
        assert_int_equal(cgroup_created_unix_ns(&hybrid, &dirs), 0);
        fixture_remove(&fixture);
}

static pid_t some_process(const struct fixture *fixture, const char *path)
{
        struct cgroup_dirs dirs;
        assert_int_equal(cgroup_dirs_open(fixture->root, &hybrid, path, &dirs, &err), 0);
        pid_t pid = cgroup_some_process(&hybrid, &dirs);
        cgroup_dirs_close(&dirs);
        return pid;
}

static void processes(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/memory/a/cgroup.procs", "");
        fixture_text(&fixture, "cg/unified/a/cgroup.procs", "");
        assert_int_equal(some_process(&fixture, "/a"), 0);
        fixture_text(&fixture, "cg/memory/a/b/c/cgroup.procs", "0\n321\n322\n"); /* 0: of another PID namespace */
        assert_int_equal(some_process(&fixture, "/a"), 321);
        fixture_text(&fixture, "cg/unified/a/cgroup.procs", "55\n56\n"); /* its own goes first */
        assert_int_equal(some_process(&fixture, "/a"), 55);
        fixture_text(&fixture, "cg/memory/a/cgroup.procs", "99999999999\n-4\nx\n12"); /* none that is one and whole */
        assert_int_equal(some_process(&fixture, "/a"), 55);
        fixture_text(&fixture, "cg/unified/t/cgroup.threads", "77\n");
        assert_int_equal(some_process(&fixture, "/t"), 77);
        fixture_remove(&fixture);
}

static void probes(void **state)
{
        (void)state;
        struct fixture fixture;
        struct cgroup_probe probe;
        uint64_t total = 0;
        fixture_make(&fixture);
        fixture_text(&fixture, "cg/cpu/web/cpuacct.usage", "5000\n");
        fixture_text(&fixture, "cg/unified/web/cpu.stat", "usage_usec 9\nuser_usec 1\n");
        fixture_text(&fixture, "cg/unified/cron.service/cpu.stat", "usage_usec 9\nuser_usec 1\n");
        assert_int_equal(cgroup_probe_open(fixture.root, &hybrid, "/web", &probe, &err), 0);
        assert_int_equal(cgroup_probe_read(&probe, &total, &err), 0);
        assert_int_equal(total, 5000);
        fixture_text(&fixture, "cg/cpu/web/cpuacct.usage", "6000\n"); /* the file stays open */
        assert_int_equal(cgroup_probe_read(&probe, &total, &err), 0);
        assert_int_equal(total, 6000);
        fixture_text(&fixture, "cg/cpu/web/cpuacct.usage", "-1\n");
        assert_int_equal(cgroup_probe_read(&probe, &total, &err), -1);
        assert_true(err.code == E_CORRUPT && total == 6000);
        cgroup_probe_close(&probe);
        assert_int_equal(probe.fd, -1);
        assert_int_equal(cgroup_probe_open(fixture.root, &hybrid, "/cron.service", &probe, &err), 0);
        assert_int_equal(cgroup_probe_read(&probe, &total, &err), 0);
        assert_int_equal(total, 9000);
        cgroup_probe_close(&probe);
        assert_int_equal(cgroup_probe_open(fixture.root, &hybrid, "/nowhere", &probe, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(cgroup_probe_open(fixture.root, &hybrid, "/../web", &probe, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        fixture_remove(&fixture);
}

/* This machine's own root group. */
static void own_machine(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        struct cgroup_mounts mounts;
        struct cgroup_dirs dirs;
        struct cgroup_stats stats;
        struct cgroup_limits limits;
        cleanup(arena_done) struct arena large;
        arena_init(&large, 8 << 20);
        assert_int_equal(cgroup_read_mounts(root, &large, &mounts, &err), 0);
        if (mounts.layout == CGROUP_NONE) {
                print_message("# skipped: needs mounted control groups\n");
                skip();
        }
        assert_int_equal(cgroup_dirs_open(root, &mounts, "/", &dirs, &err), 0);
        assert_int_equal(cgroup_stats_read(root, &mounts, &dirs, true, CGROUP_READ_ALL, &large, &stats, &err), 0);
        assert_true(stats.has_cpu && stats.cpu.total_ns > 0 && stats.cpu.user_ns + stats.cpu.system_ns > 0);
        assert_true(stats.has_memory && stats.memory.usage > 0 && stats.memory.working_set <= stats.memory.usage);
        assert_int_equal(stats.refused, 0);
        assert_int_equal(cgroup_limits_read(root, &mounts, &dirs, true, 2, &large, &limits, &err), 0);
        assert_in_range(limits.memory_limit, 1 << 20, INT64_MAX);
        assert_true(cgroup_some_process(&mounts, &dirs) > 0);
        assert_true(cgroup_created_unix_ns(&mounts, &dirs) > 0);
        cgroup_dirs_close(&dirs);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = { TEST(limits_cadvisor_v1), TEST(limits_cadvisor_v2), TEST(group_v1),
                TEST(io_preference), TEST(group_v2), TEST(group_without_controllers), TEST(root_v2), TEST(group_hybrid),
                TEST(io_probe), TEST(dirs_for), TEST(broken_files), TEST(no_memory), TEST(directories), TEST(vanished),
                TEST(created), TEST(processes), TEST(probes), TEST(own_machine) };
        return cmocka_run_group_tests_name("cgroup_stats", tests, NULL, NULL);
}
