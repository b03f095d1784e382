/* cgroup_probe PATH [hold]: what the reader tells of a control group of this machine, as lines "name value", for
 * test_cgroup_stats.py. With hold the group is opened, "open" is said, and it is read once a line came on stdin. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/cgroup_stats.h"

#include <fcntl.h>
#include <inttypes.h>

static void print(const char *name, uint64_t value)
{
        printf("%s %" PRIu64 "\n", name, value);
}

static void print_io(const struct cgroup_stats *stats)
{
        static const struct {
                enum cgroup_io_kind kind;
                const char *name;
        } kinds[] = { { CGROUP_IO_SERVICE_BYTES, "service_bytes" }, { CGROUP_IO_SERVICED, "serviced" } };
        for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
                for (size_t i = 0; i < stats->io[kinds[k].kind].count; i++) {
                        const struct cgroup_io_row *row = &stats->io[kinds[k].kind].rows[i];
                        for (size_t op = 0; op < CGROUP_IO_OPERATIONS; op++)
                                if (row->has & 1U << op)
                                        printf("io.%s.%" PRIu32 ":%" PRIu32 ".%s %" PRIu64 "\n", kinds[k].name,
                                                row->major, row->minor, cgroup_io_operation_names[op], row->values[op]);
                }
}

static void print_stats(const struct cgroup_stats *stats)
{
        const struct cgroup_cpu *cpu = &stats->cpu;
        const struct cgroup_memory *memory = &stats->memory;
        print("has_cpu", stats->has_cpu);
        print("has_memory", stats->has_memory);
        print("has_pids", stats->has_pids);
        print("has_io", stats->has_io);
        print("has_pressure", stats->has_pressure);
        print("cpu.total", cpu->total_ns);
        print("cpu.user", cpu->user_ns);
        print("cpu.system", cpu->system_ns);
        print("cpu.periods", cpu->periods);
        print("cpu.throttled_periods", cpu->throttled_periods);
        print("cpu.throttled_ns", cpu->throttled_ns);
        for (size_t i = 0; i < cpu->per_cpu_count; i++)
                printf("cpu.per_cpu.%zu %" PRIu64 "\n", i, cpu->per_cpu_ns[i]);
        print("memory.usage", memory->usage);
        print("memory.max_usage", memory->max_usage);
        print("memory.failcnt", memory->failcnt);
        print("memory.kernel", memory->kernel);
        print("memory.cache", memory->cache);
        print("memory.rss", memory->rss);
        print("memory.mapped_file", memory->mapped_file);
        print("memory.inactive_file", memory->inactive_file);
        print("memory.active_file", memory->active_file);
        print("memory.working_set", memory->working_set);
        print("memory.pgfault", memory->pgfault);
        print("memory.oom_kill", memory->events_oom_kill);
        for (size_t i = 0; i < memory->node_count; i++)
                printf("memory.node.%u.anon %" PRIu64 "\n", memory->nodes[i].node, memory->nodes[i].anon);
        print("pids", stats->pids);
        print("pids_limit", stats->pids_limit);
        print("frozen", stats->frozen);
        print("cpu_pressure.some", (uint64_t)(stats->cpu_pressure.some.total_ns / MICROSECOND));
        print("refused", stats->refused);
        print_io(stats);
}

static void print_limits(const struct cgroup_limits *limits)
{
        print("limit.cpu_shares", limits->cpu_shares);
        print("limit.cpu_quota", limits->cpu_quota_us);
        print("limit.cpu_period", limits->cpu_period_us);
        printf("limit.cpu_mask %s\n", limits->cpu_mask ? limits->cpu_mask : "");
        print("limit.memory", limits->memory_limit);
        print("limit.reservation", limits->memory_reservation);
        print("limit.swap", limits->swap_limit);
        print("limit.pids", limits->pids_limit);
}

int main(int argc, char **argv)
{
        struct cgroup_mounts mounts;
        struct cgroup_dirs dirs;
        struct cgroup_stats stats;
        struct cgroup_limits limits;
        struct cgroup_probe probe;
        struct error err;
        uint64_t total;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 8 * MIB);
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (argc < 2 || root < 0 || cgroup_read_mounts(root, &arena, &mounts, &err) < 0)
                return 2;
        bool is_root = strcmp(argv[1], "/") == 0;
        if (cgroup_dirs_open(root, &mounts, argv[1], &dirs, &err) < 0) {
                printf("error %s\n", error_code_name(err.code));
                return 1;
        }
        if (cgroup_probe_open(root, &mounts, argv[1], &probe, &err) < 0)
                return 2;
        if (argc > 2) {
                printf("open 1\n");
                fflush(stdout);
                if (getchar() == EOF)
                        return 2;
        }
        int result = cgroup_stats_read(root, &mounts, &dirs, is_root, CGROUP_READ_ALL, &arena, &stats, &err);
        if (result == 0)
                print_stats(&stats);
        else
                printf("error %s\n", error_code_name(err.code));
        if (cgroup_limits_read(
                    root, &mounts, &dirs, is_root, (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &arena, &limits, &err) == 0)
                print_limits(&limits);
        else
                printf("error.limits %s\n", error_code_name(err.code));
        if (cgroup_probe_read(&probe, &total, &err) == 0)
                print("probe", total);
        else
                printf("error.probe %s\n", error_code_name(err.code));
        print("process", (uint64_t)cgroup_some_process(&mounts, &dirs));
        print("created", (uint64_t)cgroup_created_unix_ns(&mounts, &dirs));
        cgroup_probe_close(&probe);
        cgroup_dirs_close(&dirs);
        return result < 0;
}
