/* What a sample is made of, said once for both ways: each visit either takes a part out of a sample or puts it back. A
 * group of numbers that are all zero costs one bit in the shape; so it does not matter which metrics are switched on,
 * and nothing depends on the has_ flags being right. */
#include "modules/metrics/collect/packed.h"

struct visit {
        bool back; /* putting together */
        bool failed;
        struct buf *shape;     /* taking apart */
        struct packed *packed; /* … */
        const uint8_t *from;   /* putting together: the shape */
        size_t size, at;
        const uint64_t *values;
        size_t value_count, value_at;
        struct arena *arena;
        unsigned bits, bit_count; /* flags of the byte under way */
        size_t bits_at;           /* where it lies, taking apart */
};

static bool flag(struct visit *visit, bool value)
{
        if (visit->back) {
                if (visit->bit_count == 0) {
                        if (visit->at == visit->size) {
                                visit->failed = true;
                                return false;
                        }
                        visit->bits = visit->from[visit->at++];
                }
                value = visit->bits >> visit->bit_count & 1;
        } else {
                if (visit->bit_count == 0) {
                        visit->bits_at = visit->shape->len;
                        buf_putc(visit->shape, '\0');
                        if (visit->shape->failed) {
                                visit->failed = true;
                                return false;
                        }
                }
                visit->shape->data[visit->bits_at] |= (char)((unsigned)value << visit->bit_count);
        }
        visit->bit_count = (visit->bit_count + 1) % 8;
        return value;
}

static void visit_flag(struct visit *visit, bool *value)
{
        *value = flag(visit, *value);
}

static bool grow(struct visit *visit, size_t count)
{
        struct packed *packed = visit->packed;
        if (packed->count + count <= packed->capacity)
                return true;
        size_t capacity = packed->capacity ? packed->capacity : 128;
        while (capacity < packed->count + count)
                capacity *= 2;
        uint64_t *grown =
                packed->count + count <= PACKED_VALUES_MAX ? realloc(packed->values, capacity * sizeof(*grown)) : NULL;
        if (!grown) {
                visit->failed = true;
                return false;
        }
        packed->values = grown;
        packed->capacity = capacity;
        return true;
}

static void numbers(struct visit *visit, uint64_t *first, size_t count)
{
        if (visit->failed || !count)
                return;
        /* a count without its array, or more than there is */
        if (!first || (visit->back && count > visit->value_count - visit->value_at)) {
                visit->failed = true;
        } else if (visit->back) {
                memcpy(first, visit->values + visit->value_at, count * sizeof(*first));
                visit->value_at += count;
        } else if (grow(visit, count)) {
                memcpy(visit->packed->values + visit->packed->count, first, count * sizeof(*first));
                visit->packed->count += count;
        }
}

/* Members in a row, all of 64 bits; nothing but a bit when all are zero. */
static void group(struct visit *visit, void *first, size_t count)
{
        const uint64_t *values = first;
        bool any = false;
        for (size_t i = 0; i < count && !visit->back; i++)
                any |= values[i] != 0;
        if (flag(visit, any))
                numbers(visit, first, count);
}

#define MEMBERS(type, from, to) ((offsetof(type, to) - offsetof(type, from)) / sizeof(uint64_t) + 1)

static void number32(struct visit *visit, uint32_t *value)
{
        uint64_t wide = *value;
        numbers(visit, &wide, 1);
        *value = (uint32_t)wide;
}

static void number_int(struct visit *visit, int *value)
{
        uint32_t bits = (uint32_t)*value;
        number32(visit, &bits);
        *value = (int)bits;
}

/* Percentages of the kernel have two digits behind the point: hundredths are small numbers where bits of a double are
 * not. What is no number of hundredths goes as its bits. */
static void number_double(struct visit *visit, double *value)
{
        uint64_t parts[2] = { 0, 0 };
        if (!visit->back) {
                double scaled = *value * 100;
                uint64_t hundredths = scaled >= 0 && scaled < 9e15 ? (uint64_t)(scaled + 0.5) : 0;
                double again = (double)hundredths / 100;
                uint64_t bits_again;
                memcpy(&bits_again, &again, sizeof(again));
                memcpy(&parts[1], value, sizeof(*value));
                if (bits_again == parts[1]) {
                        parts[0] = hundredths;
                        parts[1] = 0;
                }
        }
        numbers(visit, parts, 2);
        if (!visit->back)
                return;
        *value = (double)parts[0] / 100;
        if (parts[1])
                memcpy(value, &parts[1], sizeof(*value));
}

static uint64_t length(struct visit *visit, uint64_t value, uint64_t max)
{
        uint8_t bytes[PACKED_BYTES_MAX];
        if (visit->failed)
                return 0;
        if (!visit->back) {
                buf_append(visit->shape, bytes, packed_put_varint(value, bytes));
                visit->failed = visit->shape->failed || value > max;
                return value;
        }
        size_t n = packed_get_varint(visit->from + visit->at, visit->size - visit->at, &value);
        if (!n || value > max) {
                visit->failed = true;
                return 0;
        }
        visit->at += n;
        return value;
}

/* The length and one, then the bytes and a NUL; 0 for NULL. */
static void text(struct visit *visit, const char **value)
{
        size_t known = !visit->back && *value ? strlen(*value) + 1 : 0;
        uint64_t n = length(visit, known, PACKED_TEXT_MAX);
        if (!visit->back) {
                if (known)
                        buf_append(visit->shape, *value, known);
                return;
        }
        *value = NULL;
        if (n == 0)
                return;
        const char *bytes = (const char *)visit->from + visit->at;
        if (n > visit->size - visit->at || memchr(bytes, '\0', n) != bytes + n - 1) {
                visit->failed = true;
                return;
        }
        visit->at += n;
        *value = bytes;
}

/* How many rows; putting together, the array is made. Rows have at least one value each (row_values), so that the
 * number of rows is bounded by that of the values. */
static size_t rows(struct visit *visit, void *array, size_t *count, size_t size, size_t max, size_t row_values)
{
        *count = length(visit, visit->back ? 0 : *count, max);
        if (!visit->back)
                return visit->failed ? 0 : *count;
        void *memory = NULL;
        if (*count > (visit->value_count - visit->value_at) / row_values ||
                (*count && !(memory = arena_array(visit->arena, *count, size))))
                visit->failed = true;
        if (visit->failed)
                *count = 0;
        memcpy(array, &memory, sizeof(memory));
        return *count;
}

#define ROWS(visit, array, count, max, row_values)                                                                     \
        rows(visit, (void *)&(array), &(count), sizeof(*(array)), max, row_values)

static void plain_numbers(struct visit *visit, uint64_t **array, size_t *count, size_t max)
{
        size_t n = rows(visit, (void *)array, count, sizeof(**array), max, 1);
        if (n)
                numbers(visit, *array, n);
}

static void visit_cpu(struct visit *visit, struct cgroup_cpu *cpu)
{
        numbers(visit, &cpu->user_ns, 2); /* the total stands in front */
        group(visit, &cpu->periods, MEMBERS(struct cgroup_cpu, periods, burst_ns));
        plain_numbers(visit, &cpu->per_cpu_ns, &cpu->per_cpu_count, CGROUP_CPUS_MAX);
}

static void visit_nodes(struct visit *visit, struct cgroup_node_pages **nodes, size_t *count)
{
        size_t n = rows(visit, (void *)nodes, count, sizeof(**nodes), CGROUP_NODES_MAX, 4);
        for (size_t i = 0; i < n; i++) {
                number32(visit, &(*nodes)[i].node);
                numbers(visit, &(*nodes)[i].file, 3);
        }
}

static void visit_memory(struct visit *visit, struct cgroup_memory *memory)
{
        /* the working set stands in front, and is one of these again only as a difference of two zeros */
        uint64_t working_set = memory->working_set;
        if (!visit->back)
                memory->working_set = 0;
        group(visit, &memory->usage, MEMBERS(struct cgroup_memory, usage, refault_anon));
        memory->working_set = working_set;
        group(visit, &memory->pgfault, MEMBERS(struct cgroup_memory, pgfault, events_oom_kill));
        group(visit, &memory->events_oom_group_kill,
                MEMBERS(struct cgroup_memory, events_oom_group_kill, swap_events_fail));
        visit_nodes(visit, &memory->nodes, &memory->node_count);
        visit_nodes(visit, &memory->hierarchical_nodes, &memory->hierarchical_node_count);
}

static void visit_io(struct visit *visit, struct cgroup_io_table *table)
{
        size_t n = ROWS(visit, table->rows, table->count, CGROUP_DEVICES_MAX, CGROUP_IO_OPERATIONS + 3);
        for (size_t i = 0; i < n; i++) {
                struct cgroup_io_row *row = &table->rows[i];
                number32(visit, &row->major);
                number32(visit, &row->minor);
                number32(visit, &row->has);
                numbers(visit, row->values, CGROUP_IO_OPERATIONS);
        }
}

static void visit_pressure_line(struct visit *visit, struct pressure_line *line)
{
        uint64_t bits[sizeof(*line) / sizeof(uint64_t)];
        uint64_t any = 0;
        memcpy(bits, line, sizeof(bits));
        for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
                any |= bits[i];
        if (!flag(visit, any != 0))
                return;
        number_double(visit, &line->avg10);
        number_double(visit, &line->avg60);
        number_double(visit, &line->avg300);
        uint64_t total = (uint64_t)line->total_ns;
        numbers(visit, &total, 1);
        line->total_ns = (int64_t)total;
}

static void visit_pressure(struct visit *visit, struct pressure *pressure)
{
        visit_flag(visit, &pressure->has_some);
        visit_flag(visit, &pressure->has_full);
        visit_pressure_line(visit, &pressure->some);
        visit_pressure_line(visit, &pressure->full);
}

/* Texts in an array inside the row ("2MB"); cut to what it holds. */
static void short_text(struct visit *visit, char *into, size_t size)
{
        const char *value = into;
        text(visit, &value);
        if (visit->back)
                snprintf(into, size, "%s", value ? value : "");
}

static void visit_cgroup(struct visit *visit, struct cgroup_stats *cgroup)
{
        visit_cpu(visit, &cgroup->cpu);
        visit_memory(visit, &cgroup->memory);
        for (size_t i = 0; i < CGROUP_IO_KINDS; i++)
                visit_io(visit, &cgroup->io[i]);
        visit_pressure(visit, &cgroup->cpu_pressure);
        visit_pressure(visit, &cgroup->memory_pressure);
        visit_pressure(visit, &cgroup->io_pressure);
        size_t n = ROWS(visit, cgroup->huge, cgroup->huge_count, CGROUP_HUGE_SIZES_MAX, 3);
        for (size_t i = 0; i < n; i++) {
                short_text(visit, cgroup->huge[i].size, sizeof(cgroup->huge[i].size));
                numbers(visit, &cgroup->huge[i].usage, 3);
        }
        n = ROWS(visit, cgroup->rdma, cgroup->rdma_count, CGROUP_RDMA_MAX, 2);
        for (size_t i = 0; i < n; i++) {
                short_text(visit, cgroup->rdma[i].device, sizeof(cgroup->rdma[i].device));
                numbers(visit, &cgroup->rdma[i].hca_handle, 2);
        }
        group(visit, &cgroup->pids, MEMBERS(struct cgroup_stats, pids, memory_migrate));
        bool *const flags[] = { &cgroup->frozen, &cgroup->has_cpu, &cgroup->has_memory, &cgroup->has_io,
                &cgroup->has_pids, &cgroup->has_huge, &cgroup->has_cpuset, &cgroup->has_pressure };
        for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
                visit_flag(visit, flags[i]);
        group(visit, &cgroup->refused, 1);
}

static void visit_net(struct visit *visit, struct net_stats *net)
{
        size_t n = ROWS(visit, net->interfaces, net->interface_count, NET_INTERFACES_MAX, 8);
        for (size_t i = 0; i < n; i++) {
                struct net_interface_stats *interface = &net->interfaces[i];
                text(visit, &interface->name);
                numbers(visit, &interface->rx_bytes, MEMBERS(struct net_interface_stats, rx_bytes, tx_dropped));
        }
        group(visit, net->tcp.states, NET_TCP_STATES);
        group(visit, net->tcp6.states, NET_TCP_STATES);
        group(visit, &net->udp, MEMBERS(struct net_udp_stats, listen, tx_queued));
        group(visit, &net->udp6, MEMBERS(struct net_udp_stats, listen, tx_queued));
        group(visit, net->advanced.values, NET_ADVANCED_MAX);
        visit_flag(visit, &net->has_interfaces);
        visit_flag(visit, &net->has_tcp);
        visit_flag(visit, &net->has_udp);
        visit_flag(visit, &net->has_advanced);
        group(visit, &net->refused, 1);
}

static void visit_tasks(struct visit *visit, struct task_stats *tasks)
{
        group(visit, &tasks->processes, MEMBERS(struct task_stats, processes, threads_max));
        group(visit, &tasks->schedstat_run_ns, MEMBERS(struct task_stats, schedstat_run_ns, refused));
        size_t n = ROWS(visit, tasks->ulimits, tasks->ulimit_count, ULIMITS_MAX, 2);
        for (size_t i = 0; i < n; i++) {
                text(visit, &tasks->ulimits[i].name);
                numbers(visit, (uint64_t *)&tasks->ulimits[i].soft, 2);
        }
}

static void visit_filesystems(struct visit *visit, struct container_stats *stats)
{
        size_t n = ROWS(visit, stats->filesystems, stats->filesystem_count, PACKED_FILESYSTEMS_MAX, 19);
        for (size_t i = 0; i < n; i++) {
                struct filesystem_stats *filesystem = &stats->filesystems[i];
                text(visit, &filesystem->device);
                text(visit, &filesystem->type);
                number32(visit, &filesystem->major);
                number32(visit, &filesystem->minor);
                visit_flag(visit, &filesystem->has_inodes);
                numbers(visit, &filesystem->capacity, MEMBERS(struct filesystem_stats, capacity, inodes_free));
                numbers(visit, &filesystem->reads_completed,
                        MEMBERS(struct filesystem_stats, reads_completed, weighted_io_time_ms));
        }
}

static void visit_perf(struct visit *visit, struct perf_value **array, size_t *count)
{
        size_t n = rows(visit, (void *)array, count, sizeof(**array), PACKED_COUNTERS_MAX, 5);
        for (size_t i = 0; i < n; i++) {
                struct perf_value *perf = &(*array)[i];
                text(visit, &perf->name);
                text(visit, &perf->pmu);
                numbers(visit, &perf->value, 1);
                number_double(visit, &perf->scaling_ratio);
                number_int(visit, &perf->cpu);
                number_int(visit, &perf->socket);
        }
}

static void visit_apps(struct visit *visit, struct container_stats *stats)
{
        size_t n = ROWS(visit, stats->apps, stats->app_count, PACKED_COUNTERS_MAX, 4);
        for (size_t i = 0; i < n; i++) {
                struct app_metric *app = &stats->apps[i];
                text(visit, &app->name);
                text(visit, &app->label);
                visit_flag(visit, &app->is_float);
                numbers(visit, (uint64_t *)&app->integer, 1);
                number_double(visit, &app->real);
                numbers(visit, (uint64_t *)&app->time_ns, 1);
        }
}

static void visit_rest(struct visit *visit, struct container_stats *stats)
{
        group(visit, &stats->load, MEMBERS(struct task_load, sleeping, io_wait));
        number_int(visit, &stats->load_average);
        number_int(visit, &stats->load_d_average);
        visit_filesystems(visit, stats);
        visit_perf(visit, &stats->perf, &stats->perf_count);
        visit_perf(visit, &stats->perf_uncore, &stats->perf_uncore_count);
        size_t n = ROWS(visit, stats->resctrl.bandwidth, stats->resctrl.bandwidth_count, PACKED_COUNTERS_MAX, 2);
        for (size_t i = 0; i < n; i++)
                numbers(visit, &stats->resctrl.bandwidth[i].total_bytes, 2);
        plain_numbers(visit, &stats->resctrl.llc_occupancy, &stats->resctrl.llc_count, PACKED_COUNTERS_MAX);
        visit_apps(visit, stats);
        group(visit, &stats->oom_events, 1);
        text(visit, &stats->health);
        visit_flag(visit, &stats->has_net);
        visit_flag(visit, &stats->has_tasks);
        visit_flag(visit, &stats->has_load);
        visit_flag(visit, &stats->has_filesystems);
}

static void visit_sample(struct visit *visit, struct container_stats *stats)
{
        numbers(visit, (uint64_t *)&stats->time_ns, 1);
        numbers(visit, &stats->cgroup.cpu.total_ns, 1);
        uint64_t working_set = stats->cgroup.memory.working_set;
        numbers(visit, &working_set, 1);
        visit_cgroup(visit, &stats->cgroup);
        if (visit->back)
                stats->cgroup.memory.working_set = working_set;
        visit_net(visit, &stats->net);
        visit_tasks(visit, &stats->tasks);
        visit_rest(visit, stats);
}

int packed_take_apart(struct packed *packed, const struct container_stats *stats, struct error *err)
{
        struct container_stats copy = *stats; /* a visit writes back what it read */
        struct visit visit = { .shape = &packed->shape, .packed = packed };
        buf_clear(&packed->shape);
        packed->count = 0;
        visit_sample(&visit, &copy);
        if (visit.failed || packed->shape.failed)
                return fail(err, E_TOO_LARGE, "a sample has more than %d values or a text of more than %d bytes",
                        PACKED_VALUES_MAX, PACKED_TEXT_MAX);
        return 0;
}

int packed_put_together(
        const struct packed *packed, struct arena *arena, struct container_stats *ret, struct error *err)
{
        struct container_stats stats = { 0 };
        struct visit visit = { .back = true,
                .from = (const uint8_t *)buf_text(&packed->shape),
                .size = packed->shape.len,
                .values = packed->values,
                .value_count = packed->count,
                .arena = arena };
        visit_sample(&visit, &stats);
        if (visit.failed || visit.at != visit.size || visit.value_at != visit.value_count)
                return fail(err, E_CORRUPT, "the shape of a packed sample does not fit its values");
        *ret = stats;
        return 0;
}
