/* Containers, units and groups: what the registry knows and samples. A sample that is recent enough serves; a group in
 * which nothing ran needs none. */
#include "modules/metrics/feed_internal.h"

#include "base/path.h"

static const uint64_t NO_LIMIT_V1 = UINT64_C(1) << 62; /* v1 says 2^63 less a page for none */
static const int64_t TASKS_NS = MINUTE; /* a group in which nothing ran has as many as before: who ends uses CPU */
enum { SAMPLE_MEMORY = 8 << 20 };

static void row_done(void *given)
{
        struct feed_container_row *row = given;
        char *const texts[] = { row->name, row->engine, row->id, row->alias, row->image, row->unit };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(texts[i]);
}

void feed_containers_init(struct feed *feed)
{
        feed_table_init(&feed->containers, FEED_CONTAINER, sizeof(struct feed_container_row),
                offsetof(struct feed_container_row, record), FEED_CONTAINERS_MAX, row_done);
}

/* ---- who it is ---- */

static enum feed_container_kind kind_of(const struct container *container, const char *unit)
{
        const struct container_ref *ref = container_ref(container);
        if (container_is_root(container))
                return FEED_IS_ROOT;
        if (ref->id[0])
                return FEED_IS_CONTAINER;
        return unit && sv_eq(path_base(sv_of(ref->name)), sv_of(unit)) ? FEED_IS_UNIT : FEED_IS_GROUP;
}

static void put_identity(struct feed *feed, struct feed_container_row *row, const struct container *container,
        bool fresh, struct feed_container *record)
{
        const struct container_ref *ref = container_ref(container);
        const struct container_spec *spec = container_spec(container);
        if (fresh) {
                feed_keep_text(feed, &row->name, sv_of(ref->name));
                feed_keep_text(feed, &row->unit, sv_of(container_identity(container)->unit));
        }
        feed_keep_text(feed, &row->engine, sv_of(ref->name_space));
        feed_keep_text(feed, &row->id, sv_of(ref->id));
        feed_keep_text(feed, &row->alias, sv_of(ref->id[0] && ref->alias_count ? ref->aliases[0] : ""));
        feed_keep_text(feed, &row->image, sv_of(spec->image));
        record->name = row->name;
        record->kind = (int)kind_of(container, row->unit);
        record->engine = row->engine;
        record->id = row->id;
        record->alias = row->alias;
        record->image = row->image;
        record->unit = row->unit;
        record->started_ns = spec->started_ns ? spec->started_ns : spec->created_ns;
        record->memory_limit = record->processes_limit = 0;
        record->cpu_limit = 0;
        if (container_is_root(container))
                return; /* what the machine has is no limit */
        const struct cgroup_limits *limits = &spec->limits;
        if (limits->has_memory && limits->memory_limit < NO_LIMIT_V1)
                record->memory_limit = limits->memory_limit;
        if (limits->has_pids && limits->pids_limit < NO_LIMIT_V1)
                record->processes_limit = limits->pids_limit;
        if (limits->has_cpu && limits->cpu_quota_us && limits->cpu_period_us)
                record->cpu_limit = feed_rounded((double)limits->cpu_quota_us / (double)limits->cpu_period_us);
}

/* ---- figures ---- */

static void put_memory(const struct container_stats *stats, struct feed_container *record)
{
        const struct cgroup_memory *memory = &stats->cgroup.memory;
        record->has_memory = stats->cgroup.has_memory;
        record->memory = memory->working_set;
        record->memory_usage = memory->usage;
        record->memory_cache = memory->cache;
        record->memory_rss = memory->rss;
        record->swap = memory->swap;
}

static void put_pressure(const struct container_stats *stats, struct feed_container *record)
{
        const struct cgroup_stats *group = &stats->cgroup;
        record->has_pressure = group->has_pressure;
        record->psi_cpu = group->cpu_pressure.some.avg10;
        record->psi_memory = group->memory_pressure.some.avg10;
        record->psi_io = group->io_pressure.some.avg10;
}

/* Bytes over all devices that are not made of others: those count below already. */
static void sum_io(const struct feed *feed, const struct container_stats *stats, uint64_t *read, uint64_t *write)
{
        const struct cgroup_io_table *table = &stats->cgroup.io[CGROUP_IO_SERVICE_BYTES];
        *read = *write = 0;
        for (size_t i = 0; i < table->count; i++) {
                const struct cgroup_io_row *row = &table->rows[i];
                if (feed_disk_is_stacked(feed, row->major, row->minor))
                        continue;
                *read += row->values[CGROUP_IO_READ];
                *write += row->values[CGROUP_IO_WRITE];
        }
}

static void sum_network(const struct container_stats *stats, uint64_t *receive, uint64_t *send)
{
        *receive = *send = 0;
        for (size_t i = 0; stats->has_net && i < stats->net.interface_count; i++) {
                *receive += stats->net.interfaces[i].rx_bytes;
                *send += stats->net.interfaces[i].tx_bytes;
        }
}

static void put_rates(const struct feed *feed, struct feed_container_row *row, const struct container_stats *stats,
        struct feed_container *record)
{
        const struct cgroup_cpu *cpu = &stats->cgroup.cpu;
        const int64_t at_ns = stats->time_ns - feed->offset_ns;
        const int64_t span_ns = row->at_ns ? at_ns - row->at_ns : 0;
        const double nanoseconds = 1.0 / (double)SECOND;
        uint64_t read, write, receive, send;
        sum_io(feed, stats, &read, &write);
        sum_network(stats, &receive, &send);
        record->has_cpu = stats->cgroup.has_cpu && row->has_cpu && span_ns > 0;
        record->has_io = stats->cgroup.has_io && row->has_io && span_ns > 0;
        const bool has_network = stats->has_net && stats->net.has_interfaces;
        record->has_network = has_network && row->has_network && span_ns > 0;
        record->cpu = feed_rate((double)feed_grown(row->total, cpu->total_ns) * nanoseconds, span_ns);
        record->cpu_user = feed_rate((double)feed_grown(row->user, cpu->user_ns) * nanoseconds, span_ns);
        record->cpu_system = feed_rate((double)feed_grown(row->kernel, cpu->system_ns) * nanoseconds, span_ns);
        record->throttled = feed_rate((double)feed_grown(row->throttled, cpu->throttled_ns) * nanoseconds, span_ns);
        record->read = feed_rate((double)feed_grown(row->read, read), span_ns);
        record->write = feed_rate((double)feed_grown(row->write, write), span_ns);
        record->receive = feed_rate((double)feed_grown(row->receive, receive), span_ns);
        record->send = feed_rate((double)feed_grown(row->send, send), span_ns);
        row->total = cpu->total_ns;
        row->user = cpu->user_ns;
        row->kernel = cpu->system_ns;
        row->throttled = cpu->throttled_ns;
        row->read = read;
        row->write = write;
        row->receive = receive;
        row->send = send;
        row->has_cpu = stats->cgroup.has_cpu;
        row->has_io = stats->cgroup.has_io;
        row->has_network = has_network;
        row->at_ns = at_ns;
}

/* Nothing ran: the counters are as they were, and the next rates are from now. */
static void rest(const struct feed *feed, struct feed_container_row *row, struct feed_container *record)
{
        double *const rates[] = { &record->cpu, &record->cpu_user, &record->cpu_system, &record->throttled,
                &record->read, &record->write, &record->receive, &record->send };
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
                *rates[i] = 0;
        row->at_ns = feed->unix_ns - feed->offset_ns;
}

static void put_figures(
        struct feed *feed, struct feed_container_row *row, struct container *container, struct feed_container *record)
{
        struct container_stats stats;
        struct arena arena;
        bool still;
        if (registry_look(feed->source.registry, container, feed->freshness_ns, &still, NULL) < 0)
                return;
        if (row->read_ns && container_read_ns(container) == row->read_ns) {
                if (still)
                        rest(feed, row, record);
                return;
        }
        row->read_ns = container_read_ns(container);
        arena_init(&arena, SAMPLE_MEMORY);
        if (container_latest(container, &arena, &stats)) {
                const bool ran = stats.cgroup.cpu.total_ns != row->total || !stats.cgroup.has_cpu;
                put_memory(&stats, record);
                put_pressure(&stats, record);
                put_rates(feed, row, &stats, record);
                if (stats.cgroup.has_pids) {
                        record->has_processes = true;
                        record->processes = stats.cgroup.pids;
                } else if (ran || feed->now_ns - row->tasks_ns >= TASKS_NS) {
                        record->has_processes = container_tasks(container, &record->processes);
                        row->tasks_ns = feed->now_ns;
                }
        }
        arena_done(&arena);
}

void feed_containers_look(struct feed *feed)
{
        struct registry *registry = feed->source.registry;
        const size_t count = registry ? registry_count(registry) : 0;
        feed_table_begin(&feed->containers);
        for (size_t i = 0; i < count && !feed_unwanted(feed); i++) {
                struct container *container = registry_at(registry, i);
                struct feed_container record;
                bool fresh;
                struct feed_container_row *row =
                        feed_table_see(&feed->containers, sv_of(container_ref(container)->name), feed->look, &fresh);
                if (!row)
                        continue;
                memcpy(&record, &row->record, sizeof(record));
                put_figures(feed, row, container, &record);
                put_identity(feed, row, container, fresh, &record);
                feed_table_set(&feed->containers, row, &record, feed->look);
        }
        if (feed_unwanted(feed))
                return;
        feed_table_sweep(&feed->containers, feed->look, &feed->graves);
}
