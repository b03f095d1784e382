/* One sample in the four shapes of the API: v1, v2.0 ("deprecated", with has_ booleans), v2.1, and the machine's. */
#include "modules/metrics/cadvisor/api_stats_internal.h"

/* Shows as all zeros: what a container has not, in the shapes that always have the key. */
static const struct container_stats nothing;

/* ---- tasks ---- */

static const struct go_field load_fields[] = {
        GO(struct task_load, sleeping, "nr_sleeping"),
        GO(struct task_load, running, "nr_running"),
        GO(struct task_load, stopped, "nr_stopped"),
        GO(struct task_load, uninterruptible, "nr_uninterruptible"),
        GO(struct task_load, io_wait, "nr_io_wait"),
        GO_LAST,
};

static void put_load(struct buf *out, const void *value)
{
        go_object(out, load_fields, value);
}

static void put_ulimits(struct buf *out, const void *value)
{
        static const struct go_field fields[] = {
                GO(struct task_ulimit, name, "name"),
                GO(struct task_ulimit, soft, "soft_limit"),
                GO(struct task_ulimit, hard, "hard_limit"),
                GO_LAST,
        };
        const struct task_stats *tasks = value;
        if (!tasks->ulimit_count)
                return;
        go_key(out, "ulimits");
        go_begin(out, '[');
        for (size_t i = 0; i < tasks->ulimit_count; i++)
                go_object(out, fields, &tasks->ulimits[i]);
        buf_putc(out, ']');
}

static void put_processes(struct buf *out, const struct container_stats *stats)
{
        static const struct go_field fields[] = {
                GO(struct task_stats, processes, "process_count"),
                GO(struct task_stats, files, "fd_count"),
                GO(struct task_stats, sockets, "socket_count"),
                GO_OMIT(struct task_stats, threads, "threads_current"),
                GO_OMIT(struct task_stats, threads_max, "threads_max"),
                GO_EMBED(put_ulimits),
                GO_LAST,
        };
        go_key(out, "processes");
        go_object(out, fields, &stats->tasks);
}

/* ---- what few containers have ---- */

static const struct go_field perf_fields[] = {
        GO(struct perf_value, scaling_ratio, "scaling_ratio"),
        GO(struct perf_value, value, "value"),
        GO(struct perf_value, name, "name"),
        GO_LAST,
};

static void put_perf(struct buf *out, const struct container_stats *stats)
{
        if (stats->perf_count) {
                go_key(out, "perf_stats");
                go_begin(out, '[');
                for (size_t i = 0; i < stats->perf_count; i++) {
                        go_begin(out, '{');
                        go_members(out, perf_fields, &stats->perf[i]);
                        go_key(out, "cpu");
                        go_int(out, stats->perf[i].cpu);
                        buf_putc(out, '}');
                }
                buf_putc(out, ']');
        }
        if (stats->perf_uncore_count) {
                go_key(out, "perf_uncore_stats");
                go_begin(out, '[');
                for (size_t i = 0; i < stats->perf_uncore_count; i++) {
                        go_begin(out, '{');
                        go_members(out, perf_fields, &stats->perf_uncore[i]);
                        go_key(out, "socket");
                        go_int(out, stats->perf_uncore[i].socket);
                        go_key(out, "pmu");
                        go_text(out, stats->perf_uncore[i].pmu);
                        buf_putc(out, '}');
                }
                buf_putc(out, ']');
        }
}

static void put_nonzero(struct buf *out, const char *key, size_t length, uint64_t value)
{
        if (!value)
                return;
        go_plain_key(out, key, length);
        go_uint(out, value);
}
#define NONZERO(out, text, value) put_nonzero(out, "\"" text "\":", sizeof("\"" text "\":") - 1, value)

static void put_resctrl(struct buf *out, const struct container_stats *stats)
{
        const struct resctrl_stats *resctrl = &stats->resctrl;
        go_key(out, "resctrl");
        go_begin(out, '{');
        if (resctrl->bandwidth_count) {
                go_key(out, "memory_bandwidth");
                go_begin(out, '[');
                for (size_t i = 0; i < resctrl->bandwidth_count; i++) {
                        go_begin(out, '{');
                        NONZERO(out, "mbm_total_bytes", resctrl->bandwidth[i].total_bytes);
                        NONZERO(out, "mbm_local_bytes", resctrl->bandwidth[i].local_bytes);
                        buf_putc(out, '}');
                }
                buf_putc(out, ']');
        }
        if (resctrl->llc_count) {
                go_key(out, "cache");
                go_begin(out, '[');
                for (size_t i = 0; i < resctrl->llc_count; i++) {
                        go_begin(out, '{');
                        NONZERO(out, "llc_occupancy", resctrl->llc_occupancy[i]);
                        buf_putc(out, '}');
                }
                buf_putc(out, ']');
        }
        buf_putc(out, '}');
}

/* Behind metrics of their own, perf, referenced memory and resctrl: the same end in all shapes of a container. */
static void put_rare(struct buf *out, const struct container_stats *stats)
{
        if (stats->app_count) {
                go_key(out, "custom_metrics");
                api_put_custom_metrics(out, stats);
        }
        put_perf(out, stats);
        NONZERO(out, "referenced_memory", stats->tasks.referenced_bytes);
        put_resctrl(out, stats);
}

static void put_timestamp(struct buf *out, const struct container_stats *stats)
{
        go_key(out, "timestamp");
        go_time(out, stats->time_ns);
}

/* ---- the shapes ---- */

void api_put_stats_v1(struct buf *out, const struct machine *machine, const struct container_stats *stats)
{
        go_begin(out, '{');
        put_timestamp(out, stats);
        api_put_cpu(out, stats);
        api_put_cpu_inst(out, stats);
        api_put_diskio(out, machine, stats);
        api_put_memory(out, stats);
        if (stats->cgroup.huge_count) {
                go_key(out, "hugetlb");
                api_put_huge(out, stats);
        }
        api_put_network(out, stats, true);
        api_put_filesystems(out, stats);
        go_key(out, "task_stats");
        put_load(out, &stats->load);
        put_processes(out, stats);
        put_rare(out, stats);
        go_key(out, "cpuset");
        go_begin(out, '{');
        go_key(out, "memory_migrate");
        go_uint(out, stats->cgroup.memory_migrate);
        buf_putc(out, '}');
        NONZERO(out, "oom_events", stats->oom_events);
        go_key(out, "health");
        go_begin(out, '{');
        go_key(out, "status");
        go_text(out, stats->health);
        buf_puts(out, "}}");
}

#define HAS(out, text, has) (go_key(out, text), go_bool(out, has))

void api_put_stats_deprecated(struct buf *out, const struct machine *machine, const struct container_spec *spec,
        const struct container_stats *stats)
{
        go_begin(out, '{');
        put_timestamp(out, stats);
        HAS(out, "has_cpu", spec->has_cpu);
        api_put_cpu(out, spec->has_cpu ? stats : &nothing);
        api_put_cpu_inst(out, spec->has_cpu ? stats : &nothing);
        HAS(out, "has_diskio", spec->has_diskio);
        api_put_diskio(out, machine, spec->has_diskio ? stats : &nothing);
        HAS(out, "has_memory", spec->has_memory);
        api_put_memory(out, spec->has_memory ? stats : &nothing);
        HAS(out, "has_hugetlb", spec->has_hugetlb);
        if (spec->has_hugetlb && stats->cgroup.huge_count) {
                go_key(out, "hugetlb");
                api_put_huge(out, stats);
        }
        HAS(out, "has_network", spec->has_network);
        api_put_network(out, spec->has_network ? stats : &nothing, false);
        HAS(out, "has_processes", spec->has_processes);
        put_processes(out, spec->has_processes ? stats : &nothing);
        HAS(out, "has_filesystem", spec->has_filesystem);
        api_put_filesystems(out, spec->has_filesystem ? stats : &nothing);
        HAS(out, "has_load", stats->has_load);
        go_key(out, "load_stats");
        put_load(out, &stats->load);
        HAS(out, "has_custom_metrics", spec->has_custom_metrics);
        put_rare(out, stats);
        buf_putc(out, '}');
}

void api_put_stats_v2(struct buf *out, const struct machine *machine, const struct container_spec *spec,
        const struct container_stats *stats)
{
        go_begin(out, '{');
        put_timestamp(out, stats);
        if (spec->has_cpu) {
                api_put_cpu(out, stats);
                api_put_cpu_inst(out, stats);
        }
        if (spec->has_diskio)
                api_put_diskio(out, machine, stats);
        if (spec->has_memory)
                api_put_memory(out, stats);
        if (spec->has_hugetlb) {
                go_key(out, "hugetlb");
                api_put_huge(out, stats);
        }
        if (spec->has_network)
                api_put_network(out, stats, false);
        if (spec->has_processes)
                put_processes(out, stats);
        if (spec->has_filesystem)
                api_put_own_filesystem(out, stats);
        if (stats->has_load) {
                go_key(out, "load_stats");
                put_load(out, &stats->load);
        }
        put_rare(out, stats);
        buf_putc(out, '}');
}

void api_put_stats_machine(struct buf *out, const struct container_spec *spec, const struct container_stats *stats)
{
        go_begin(out, '{');
        put_timestamp(out, stats);
        if (spec->has_cpu) {
                api_put_cpu(out, stats);
                api_put_cpu_inst(out, stats);
        }
        if (spec->has_memory)
                api_put_memory(out, stats);
        if (spec->has_network)
                api_put_network(out, stats, false);
        if (spec->has_filesystem)
                api_put_machine_filesystems(out, stats);
        if (stats->has_load) {
                go_key(out, "load_stats");
                put_load(out, &stats->load);
        }
        buf_putc(out, '}');
}
