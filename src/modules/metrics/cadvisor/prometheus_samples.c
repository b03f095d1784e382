/* What the families of a container say of one sample, in cAdvisor's values and labels. Labels are given in the order of
 * their values where they can be, so that the exposition has nothing to sort. */
#include "base/encode.h"
#include "modules/metrics/cadvisor/prometheus_internal.h"

#include <ctype.h>

double metric_value(const void *figure, enum metric_unit unit)
{
        uint64_t value = 0;
        if (unit == UNIT_SIGNED) {
                int32_t number;
                memcpy(&number, figure, sizeof(number));
                return number;
        }
        memcpy(&value, figure, sizeof(value));
        switch (unit) {
        case UNIT_NANOSECONDS:
                return (double)value / 1e9;
        case UNIT_MICROSECONDS:
                return (double)value / 1e6;
        case UNIT_STALLED:
                value /= 1000; /* whole microseconds, as the kernel counts them */
                return (double)value / 1e6;
        default:
                return (double)value;
        }
}

static void add(const struct container_view *view, struct exposition_family *family,
        const struct exposition_label *labels, size_t count, double value)
{
        exposition_add_to(family, view->labels, labels, count, value, view->time_ms);
}

static void add_one(const struct container_view *view, struct exposition_family *family, const char *name,
        const char *label, double value)
{
        add(view, family, &(struct exposition_label){ name, label }, 1, value);
}

static const char *number_text(uint64_t value, char text[DECIMAL_MAX + 1])
{
        text[decimal_format(value, text)] = '\0';
        return text;
}

static const void *figure_of(const struct container_view *view, size_t offset)
{
        return (const char *)view->stats + offset;
}

void samples_one(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        add(view, family, NULL, 0, metric_value(figure_of(view, row->offset), row->unit));
}

void samples_states(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        for (const struct metric_state *state = row->states; state->name; state++)
                add_one(view, family, row->label, state->name,
                        metric_value(figure_of(view, row->offset + state->offset), UNIT_ONE));
}

void samples_last_seen(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        exposition_add_to(family, view->labels, NULL, 0, (double)view->now_s, view->now_ms);
}

void samples_health(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        const char *health = view->stats->health ? view->stats->health : "";
        add(view, family, NULL, 0, !*health ? -1 : strcmp(health, "healthy") == 0);
}

void samples_cpu_usage(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        const struct cgroup_cpu *cpu = &view->stats->cgroup.cpu;
        if (cpu->per_cpu_count == 0 || !(view->options->kinds & 1u << METRIC_PERCPU)) {
                if (cpu->total_ns > 0)
                        add_one(view, family, "cpu", "total", metric_value(&cpu->total_ns, UNIT_NANOSECONDS));
                return;
        }
        for (size_t i = 0; i < cpu->per_cpu_count; i++) {
                if (cpu->per_cpu_ns[i] == 0)
                        continue;
                char name[32];
                snprintf(name, sizeof(name), "cpu%02zu", i);
                add_one(view, family, "cpu", name, metric_value(&cpu->per_cpu_ns[i], UNIT_NANOSECONDS));
        }
}

void samples_failures(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        const struct cgroup_memory *memory = &view->stats->cgroup.memory;
        const struct {
                const char *type, *scope;
                uint64_t count;
        } rows[] = { { "pgfault", "container", memory->pgfault },
                { "pgfault", "hierarchy", memory->hierarchical_pgfault },
                { "pgmajfault", "container", memory->pgmajfault },
                { "pgmajfault", "hierarchy", memory->hierarchical_pgmajfault } };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                add(view, family,
                        (struct exposition_label[]){ { "failure_type", rows[i].type }, { "scope", rows[i].scope } }, 2,
                        (double)rows[i].count);
}

static void numa_scope(const struct container_view *view, struct exposition_family *family, const char *scope,
        const struct cgroup_node_pages *nodes, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct {
                        const char *type;
                        uint64_t pages;
                } rows[] = { { "anon", nodes[i].anon }, { "file", nodes[i].file },
                        { "unevictable", nodes[i].unevictable } };
                char node[DECIMAL_MAX + 1];
                number_text(nodes[i].node, node);
                for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
                        add(view, family,
                                (struct exposition_label[]){
                                        { "node", node }, { "scope", scope }, { "type", rows[k].type } },
                                3, (double)rows[k].pages);
        }
}

void samples_numa(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        const struct cgroup_memory *memory = &view->stats->cgroup.memory;
        numa_scope(view, family, "container", memory->nodes, memory->node_count);
        numa_scope(view, family, "hierarchy", memory->hierarchical_nodes, memory->hierarchical_node_count);
}

/* cAdvisor's names: a disk is "/dev/NAME", else the device of a file system; "" where it knows neither, which makes two
 * such devices one series and its whole answer an error. Here these are "MAJOR:MINOR". */
enum { DEVICE_NAME_MAX = 64 };

static const char *device_name(
        const struct machine *machine, uint32_t major, uint32_t minor, char text[DEVICE_NAME_MAX])
{
        for (size_t i = 0; machine && i < machine->disk_count; i++) {
                const struct machine_disk *disk = &machine->disks[i];
                if (disk->major == major && disk->minor == minor) {
                        snprintf(text, DEVICE_NAME_MAX, "/dev/%s", disk->name);
                        return text;
                }
        }
        for (size_t i = 0; machine && i < machine->filesystem_count; i++) {
                const struct machine_filesystem *filesystem = &machine->filesystems[i];
                if (filesystem->major == major && filesystem->minor == minor)
                        return filesystem->device;
        }
        snprintf(text, DEVICE_NAME_MAX, "%u:%u", major, minor);
        return text;
}

/* I/O of the group by device, then file systems: where both tell of one device the first stands. */
void samples_devices(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        char text[DEVICE_NAME_MAX];
        if (!view->stats)
                return;
        const struct cgroup_io_table *table = row->io == NO_FIGURE ? NULL : &view->stats->cgroup.io[row->io];
        for (size_t i = 0; table && i < table->count; i++) {
                const struct cgroup_io_row *io = &table->rows[i];
                add_one(view, family, "device", device_name(view->machine, io->major, io->minor, text),
                        metric_value(&io->values[row->operation], row->unit));
        }
        if (!row->filesystems || !view->stats->has_filesystems)
                return;
        for (size_t i = 0; i < view->stats->filesystem_count; i++) {
                const struct filesystem_stats *filesystem = &view->stats->filesystems[i];
                add_one(view, family, "device", filesystem->device,
                        metric_value((const char *)filesystem + row->offset, row->unit));
        }
}

void samples_blkio(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        const struct cgroup_io_table *table = &view->stats->cgroup.io[CGROUP_IO_SERVICE_BYTES];
        for (size_t i = 0; i < table->count; i++) {
                const struct cgroup_io_row *io = &table->rows[i];
                char device[DEVICE_NAME_MAX], major[DECIMAL_MAX + 1], minor[DECIMAL_MAX + 1];
                struct exposition_label labels[] = {
                        { "device", device_name(view->machine, io->major, io->minor, device) },
                        { "major", number_text(io->major, major) }, { "minor", number_text(io->minor, minor) },
                        { "operation", "Count" } /* cAdvisor's word for a file with one number a device */
                };
                if (io->has == 0)
                        add(view, family, labels, 4, (double)io->values[CGROUP_IO_TOTAL]);
                for (int operation = 0; operation < CGROUP_IO_OPERATIONS; operation++) {
                        if (!(io->has & 1u << operation))
                                continue;
                        labels[3].value = cgroup_io_operation_names[operation];
                        add(view, family, labels, 4, (double)io->values[operation]);
                }
        }
}

void samples_interfaces(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        for (size_t i = 0; i < view->stats->net.interface_count; i++) {
                const struct net_interface_stats *interface = &view->stats->net.interfaces[i];
                add_one(view, family, "interface", interface->name,
                        metric_value((const char *)interface + row->offset, UNIT_ONE));
        }
}

void samples_huge(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        for (size_t i = 0; i < view->stats->cgroup.huge_count; i++) {
                const struct cgroup_huge *huge = &view->stats->cgroup.huge[i];
                add_one(view, family, "pagesize", huge->size, metric_value((const char *)huge + row->offset, UNIT_ONE));
        }
}

void samples_advanced(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        for (size_t i = 0; net_advanced_names[i] && i < NET_ADVANCED_MAX; i++) {
                char name[64];
                size_t length = 0;
                for (const char *p = net_advanced_names[i]; *p && length < sizeof(name) - 1; p++)
                        name[length++] = (char)tolower((unsigned char)*p);
                name[length] = '\0';
                uint64_t value = view->stats->net.advanced.values[i];
                /* RFC 1213: tcpMaxConn is -1 where it is dynamic */
                bool is_signed = strcmp(name, "maxconn") == 0;
                add_one(view, family, "tcp_state", name, is_signed ? (double)(int64_t)value : (double)value);
        }
}

void samples_ulimits(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        for (size_t i = 0; i < view->stats->tasks.ulimit_count; i++) {
                const struct task_ulimit *ulimit = &view->stats->tasks.ulimits[i];
                if (strcmp(ulimit->name, "max_open_files") == 0) /* the one that cAdvisor reads */
                        add_one(view, family, "ulimit", ulimit->name, (double)ulimit->soft);
        }
}

/* Is this the first row of its event? */
static bool event_begins(const struct container_stats *stats, size_t index)
{
        for (size_t i = 0; i < index; i++)
                if (strcmp(stats->perf[i].name, stats->perf[index].name) == 0)
                        return false;
        return true;
}

/* Without the option percpu an event is one sample: the sum of the values, the least of the ratios. */
static void perf_samples(const struct container_view *view, struct exposition_family *family, bool ratio)
{
        const struct container_stats *stats = view->stats;
        bool each = view->options->kinds & 1u << METRIC_PERCPU;
        for (size_t i = 0; i < stats->perf_count; i++) {
                if (!each && !event_begins(stats, i))
                        continue;
                uint64_t sum = stats->perf[i].value;
                double least = stats->perf[i].scaling_ratio;
                for (size_t k = i + 1; !each && k < stats->perf_count; k++) {
                        if (strcmp(stats->perf[k].name, stats->perf[i].name) != 0)
                                continue;
                        sum += stats->perf[k].value;
                        if (stats->perf[k].scaling_ratio < least)
                                least = stats->perf[k].scaling_ratio;
                }
                char cpu[16] = "";
                if (each)
                        snprintf(cpu, sizeof(cpu), "%d", stats->perf[i].cpu);
                add(view, family, (struct exposition_label[]){ { "cpu", cpu }, { "event", stats->perf[i].name } }, 2,
                        ratio ? least : (double)sum);
        }
}

void samples_perf(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        perf_samples(view, family, false);
}

void samples_perf_ratio(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        perf_samples(view, family, true);
}

static void uncore_samples(const struct container_view *view, struct exposition_family *family, bool ratio)
{
        for (size_t i = 0; i < view->stats->perf_uncore_count; i++) {
                const struct perf_value *perf = &view->stats->perf_uncore[i];
                char socket[16];
                snprintf(socket, sizeof(socket), "%d", perf->socket);
                add(view, family,
                        (struct exposition_label[]){
                                { "event", perf->name }, { "pmu", perf->pmu }, { "socket", socket } },
                        3, ratio ? perf->scaling_ratio : (double)perf->value);
        }
}

void samples_uncore(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        uncore_samples(view, family, false);
}

void samples_uncore_ratio(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        uncore_samples(view, family, true);
}

void samples_bandwidth(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        for (size_t i = 0; i < view->stats->resctrl.bandwidth_count; i++) {
                char node[DECIMAL_MAX + 1];
                add_one(view, family, "node_id", number_text(i, node),
                        metric_value((const char *)&view->stats->resctrl.bandwidth[i] + row->offset, UNIT_ONE));
        }
}

void samples_llc(const struct container_view *view, const struct metric_row *row, struct exposition_family *family)
{
        (void)row;
        for (size_t i = 0; i < view->stats->resctrl.llc_count; i++) {
                char node[DECIMAL_MAX + 1];
                add_one(view, family, "node_id", number_text(i, node), (double)view->stats->resctrl.llc_occupancy[i]);
        }
}
