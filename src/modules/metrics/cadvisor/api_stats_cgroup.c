/* Of a sample: CPU, disks, memory and huge pages. */
#include "modules/metrics/cadvisor/api_stats_internal.h"

/* ---- CPU ---- */

static void put_pressure_line(struct buf *out, const struct pressure_line *line)
{
        go_begin(out, '{');
        go_key(out, "total");
        go_uint(out, (uint64_t)(line->total_ns / MICROSECOND)); /* as the kernel says it */
        go_key(out, "avg10");
        go_double(out, line->avg10);
        go_key(out, "avg60");
        go_double(out, line->avg60);
        go_key(out, "avg300");
        go_double(out, line->avg300);
        buf_putc(out, '}');
}

static void put_pressure(struct buf *out, const void *value)
{
        const struct pressure *pressure = value;
        go_begin(out, '{');
        go_key(out, "full");
        put_pressure_line(out, &pressure->full);
        go_key(out, "some");
        put_pressure_line(out, &pressure->some);
        buf_putc(out, '}');
}

#define STATS(member, text) GO(struct container_stats, member, text)
static const struct go_field cpu_fields[] = {
        GO_BEGIN("usage"),
        STATS(cgroup.cpu.total_ns, "total"),
        GO_ARRAY_OMIT(struct container_stats, cgroup.cpu.per_cpu_ns, cgroup.cpu.per_cpu_count, "per_cpu_usage"),
        STATS(cgroup.cpu.user_ns, "user"),
        STATS(cgroup.cpu.system_ns, "system"),
        GO_END,
        GO_BEGIN("cfs"),
        STATS(cgroup.cpu.periods, "periods"),
        STATS(cgroup.cpu.throttled_periods, "throttled_periods"),
        STATS(cgroup.cpu.throttled_ns, "throttled_time"),
        STATS(cgroup.cpu.burst_periods, "bursts_periods"),
        STATS(cgroup.cpu.burst_ns, "burst_time"),
        GO_END,
        GO_BEGIN("schedstat"),
        STATS(tasks.schedstat_run_ns, "run_time"),
        STATS(tasks.schedstat_wait_ns, "runqueue_time"),
        STATS(tasks.schedstat_periods, "run_periods"),
        GO_END,
        STATS(load_average, "load_average"),
        STATS(load_d_average, "load_d_average"),
        GO_PUT(struct container_stats, cgroup.cpu_pressure, "psi", put_pressure),
        GO_LAST,
};

static const struct go_field cpu_inst_fields[] = {
        GO_BEGIN("usage"),
        STATS(rate_total, "total"),
        GO_ARRAY_OMIT(struct container_stats, rate_per_cpu, rate_per_cpu_count, "per_cpu_usage"),
        STATS(rate_user, "user"),
        STATS(rate_system, "system"),
        GO_END,
        GO_LAST,
};

void api_put_cpu(struct buf *out, const struct container_stats *stats)
{
        go_key(out, "cpu");
        go_object(out, cpu_fields, stats);
}

void api_put_cpu_inst(struct buf *out, const struct container_stats *stats)
{
        if (!stats->has_rate)
                return;
        go_key(out, "cpu_inst");
        go_object(out, cpu_inst_fields, stats);
}

/* ---- disks ---- */

/* "/dev/vda"; the device of a file system where no disk has the number; else "". */
static void put_device(
        struct buf *out, const struct machine *machine, const struct cgroup_io_row *row, struct buf *scratch)
{
        for (size_t i = 0; machine && i < machine->disk_count; i++) {
                const struct machine_disk *disk = &machine->disks[i];
                if (disk->major == row->major && disk->minor == row->minor) {
                        buf_clear(scratch);
                        buf_printf(scratch, "/dev/%s", disk->name);
                        go_text(out, buf_text(scratch));
                        return;
                }
        }
        for (size_t i = 0; machine && i < machine->filesystem_count; i++) {
                const struct machine_filesystem *filesystem = &machine->filesystems[i];
                if (filesystem->major == row->major && filesystem->minor == row->minor) {
                        go_text(out, filesystem->device);
                        return;
                }
        }
        go_text(out, "");
}

static void put_io_row(
        struct buf *out, const struct machine *machine, const struct cgroup_io_row *row, struct buf *scratch)
{
        go_begin(out, '{');
        go_key(out, "device");
        put_device(out, machine, row, scratch);
        go_key(out, "major");
        go_uint(out, row->major);
        go_key(out, "minor");
        go_uint(out, row->minor);
        go_key(out, "stats");
        go_begin(out, '{');
        if (!row->has) { /* one number a device */
                go_key(out, "Count");
                go_uint(out, row->values[CGROUP_IO_TOTAL]);
        }
        for (unsigned i = 0; i < CGROUP_IO_OPERATIONS; i++) { /* their order is the alphabet's */
                if (!(row->has & 1U << i))
                        continue;
                go_map_key(out, sv_of(cgroup_io_operation_names[i]));
                go_uint(out, row->values[i]);
        }
        buf_puts(out, "}}");
}

static const char *const io_kind_keys[CGROUP_IO_KINDS] = { "\"io_service_bytes\":", "\"io_serviced\":",
        "\"io_queued\":", "\"sectors\":", "\"io_service_time\":", "\"io_wait_time\":", "\"io_merged\":", "\"io_time\":",
        "\"io_cost_usage\":", "\"io_cost_wait\":", "\"io_cost_indebt\":", "\"io_cost_indelay\":" };

void api_put_diskio(struct buf *out, const struct machine *machine, const struct container_stats *stats)
{
        cleanup(buf_done) struct buf scratch;
        buf_init(&scratch, API_NAME_MAX);
        go_key(out, "diskio");
        go_begin(out, '{');
        for (unsigned kind = 0; kind < CGROUP_IO_KINDS; kind++) {
                const struct cgroup_io_table *table = &stats->cgroup.io[kind];
                if (!table->count)
                        continue;
                go_plain_key(out, io_kind_keys[kind], strlen(io_kind_keys[kind]));
                go_begin(out, '[');
                for (size_t i = 0; i < table->count; i++)
                        put_io_row(out, machine, &table->rows[i], &scratch);
                buf_putc(out, ']');
        }
        go_key(out, "psi");
        put_pressure(out, &stats->cgroup.io_pressure);
        buf_putc(out, '}');
}

/* ---- memory ---- */

enum node_figure { NODE_FILE, NODE_ANON, NODE_UNEVICTABLE, NODE_FIGURES };

/* A map of one figure by node; Go sorts keys as texts: 0, 1, 10, 2. */
static void put_node_map(struct buf *out, const struct cgroup_node_pages *nodes, size_t count, enum node_figure figure)
{
        char done[CGROUP_NODES_MAX] = { 0 };
        go_begin(out, '{');
        for (size_t round = 0; round < count && count <= CGROUP_NODES_MAX; round++) {
                size_t best = count;
                char best_key[16] = "", key[16];
                for (size_t i = 0; i < count; i++) {
                        snprintf(key, sizeof(key), "%u", nodes[i].node);
                        if (!done[i] && (best == count || strcmp(key, best_key) < 0)) {
                                best = i;
                                memcpy(best_key, key, sizeof(key));
                        }
                }
                done[best] = 1;
                go_map_key(out, sv_of(best_key));
                go_uint(out, figure == NODE_FILE   ? nodes[best].file
                             : figure == NODE_ANON ? nodes[best].anon
                                                   : nodes[best].unevictable);
        }
        buf_putc(out, '}');
}

static void put_numa(struct buf *out, const struct cgroup_node_pages *nodes, size_t count)
{
        static const char *const keys[NODE_FIGURES] = { "\"file\":", "\"anon\":", "\"unevictable\":" };
        go_key(out, "numa_stats");
        go_begin(out, '{');
        for (unsigned figure = 0; count && figure < NODE_FIGURES; figure++) {
                go_plain_key(out, keys[figure], strlen(keys[figure]));
                put_node_map(out, nodes, count, figure);
        }
        buf_putc(out, '}');
}

static void put_own_numa(struct buf *out, const void *value)
{
        const struct cgroup_memory *memory = value;
        put_numa(out, memory->nodes, memory->node_count);
}

static void put_hierarchical_numa(struct buf *out, const void *value)
{
        const struct cgroup_memory *memory = value;
        put_numa(out, memory->hierarchical_nodes, memory->hierarchical_node_count);
}

#define MEMORY(member, text) GO(struct cgroup_memory, member, text)
static const struct go_field memory_fields[] = {
        MEMORY(usage, "usage"),
        MEMORY(max_usage, "max_usage"),
        MEMORY(cache, "cache"),
        MEMORY(rss, "rss"),
        MEMORY(swap, "swap"),
        MEMORY(mapped_file, "mapped_file"),
        MEMORY(working_set, "working_set"),
        MEMORY(active_anon, "total_active_anon"),
        MEMORY(inactive_anon, "total_inactive_anon"),
        MEMORY(active_file, "total_active_file"),
        MEMORY(inactive_file, "total_inactive_file"),
        MEMORY(dirty, "file_dirty"),
        MEMORY(writeback, "file_writeback"),
        MEMORY(pgscan, "pgscan"),
        MEMORY(pgsteal, "pgsteal"),
        MEMORY(refault_file, "workingset_refault_file"),
        MEMORY(refault_anon, "workingset_refault_anon"),
        MEMORY(failcnt, "failcnt"),
        MEMORY(kernel, "kernel"),
        GO_BEGIN("container_data"),
        MEMORY(pgfault, "pgfault"),
        MEMORY(pgmajfault, "pgmajfault"),
        GO_EMBED(put_own_numa),
        GO_END,
        GO_BEGIN("hierarchical_data"),
        MEMORY(hierarchical_pgfault, "pgfault"),
        MEMORY(hierarchical_pgmajfault, "pgmajfault"),
        GO_EMBED(put_hierarchical_numa),
        GO_END,
        GO_LAST,
};

void api_put_memory(struct buf *out, const struct container_stats *stats)
{
        const struct cgroup_memory *memory = &stats->cgroup.memory;
        go_key(out, "memory");
        go_begin(out, '{');
        go_members(out, memory_fields, memory);
        go_key(out, "psi");
        put_pressure(out, &stats->cgroup.memory_pressure);
        go_key(out, "events");
        go_begin(out, '{');
        go_key(out, "high");
        go_uint(out, memory->events_high);
        go_key(out, "max");
        go_uint(out, memory->events_max);
        buf_puts(out, "}}");
}

/* Behind its key: a map by page size, sorted as texts. */
void api_put_huge(struct buf *out, const struct container_stats *stats)
{
        static const struct go_field fields[] = {
                GO_OMIT(struct cgroup_huge, usage, "usage"),
                GO_OMIT(struct cgroup_huge, max_usage, "max_usage"),
                GO(struct cgroup_huge, failcnt, "failcnt"),
                GO_LAST,
        };
        const struct cgroup_huge *last = NULL;
        go_begin(out, '{');
        for (size_t round = 0; round < stats->cgroup.huge_count && round < CGROUP_HUGE_SIZES_MAX; round++) {
                const struct cgroup_huge *next = NULL;
                for (size_t i = 0; i < stats->cgroup.huge_count; i++) {
                        const struct cgroup_huge *huge = &stats->cgroup.huge[i];
                        if ((!last || strcmp(huge->size, last->size) > 0) &&
                                (!next || strcmp(huge->size, next->size) < 0))
                                next = huge;
                }
                if (!next)
                        break;
                last = next;
                go_map_key(out, sv_of(next->size));
                go_object(out, fields, next);
        }
        buf_putc(out, '}');
}
