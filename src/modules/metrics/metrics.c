#include "modules/metrics/metrics.h"

#include "modules/metrics/collect/process_series.h"
#include "modules/metrics/metrics_push.h"

static const struct field statistics_fields[] = {
#define COUNT(member, text) FIELD_UINT(struct metrics_statistics, member, .help = (text))
        COUNT(containers, "containers known now, the root among them"),
        COUNT(created, "containers that came"),
        COUNT(deleted, "containers that went"),
        COUNT(missed_created, "of those that came: found by looking, no event told of them"),
        COUNT(missed_deleted, "of those that went: the same"),
        COUNT(samples, "samples taken"),
        COUNT(samples_repeated, "of those: told again, since nothing ran in the group"),
        COUNT(samples_bytes, "memory of the samples that are kept"),
        COUNT(samples_dropped, "samples that went early for want of room"),
        FIELD_DOUBLE(struct metrics_statistics, housekeeping_seconds, .help = "CPU time that sampling took"),
        COUNT(housekeeping_late, "samples that waited for the CPU budget"),
        COUNT(housekeeping_failed, "samples that failed"),
        COUNT(events, "events of containers"),
        COUNT(events_dropped, "events that went for want of room"),
        COUNT(watches, "directories of groups that are watched"),
        COUNT(watches_refused, "directories that could not be watched"),
        COUNT(watch_overflows, "times the kernel's queue of such events was full"),
        COUNT(refused, "malformed or surplus rows of the kernel's files"),
        COUNT(requests, "requests on the compatibility ports"),
        COUNT(requests_refused, "requests that were malformed or too large"),
        COUNT(connections, "connections to the compatibility ports"),
        COUNT(scrapes, "expositions that were made"),
        COUNT(followers_refused, "clients that wanted to follow the events, beyond 64"),
        COUNT(followers_dropped, "clients that followed and did not read"),
        COUNT(rows_dropped, "events that were not printed, since nobody read"),
        COUNT(exits, "threads that ended, as the kernel told"),
        COUNT(exits_lost, "of those: lost, since too many ended at once"),
        COUNT(exits_refused, "of those: not understood"),
        COUNT(ended_processes, "processes in the ledger of those that ended"),
        COUNT(ended_rows, "rows of that ledger: a container and program each"),
        COUNT(ended_refused, "processes and threads that it had no row for"),
        COUNT(ended_unknown_group, "processes that were gone before their group could be read"),
        COUNT(pushed, "requests, packets and lines of the storage drivers that were delivered"),
        COUNT(push_lost, "those that were not"),
        COUNT(feed_followers, "clients that follow the feed now"),
        COUNT(feed_looks, "times it was looked for the feed"),
        COUNT(feed_passed_over, "pictures that a client was not told, since it had not read the one before"),
        COUNT(process_series, "programs of containers whose figures are kept"),
        COUNT(process_series_refused, "times that a process did not fit among them"),
        COUNT(node_collectors_failed,
                "collectors of node_exporter that failed when they were last asked; the log says why"),
        COUNT(node_refused, "rows, names and samples that these collectors left out: malformed, or too many"),
#undef COUNT
};

const struct record metrics_statistics_record = { .fields = statistics_fields,
        .count = sizeof(statistics_fields) / sizeof(statistics_fields[0]),
        .size = sizeof(struct metrics_statistics),
        .name = "metrics_statistics" };

const char *const metrics_row_types[] = { [EVENT_OOM] = "oom",
        [EVENT_OOM_KILL] = "oomKill",
        [EVENT_CREATION] = "containerCreation",
        [EVENT_DELETION] = "containerDeletion",
        [METRICS_ROW_SAMPLE] = "sample",
        [METRICS_ROW_VERSION] = "version",
        NULL };

#define ROW struct metrics_row
static const struct field row_fields[] = {
        FIELD_TIME(ROW, time_ns, .json = "time", .help = "when it happened"),
        FIELD_UINT(ROW, id, .help = "its number since the start"),
        FIELD_ENUM(ROW, type, metrics_row_types, .help = "what happened"),
        FIELD_STRING(ROW, container, .help = "path of its group, as cAdvisor names containers"),
        FIELD_STRING(ROW, name, .omit_empty = true, .help = "what its engine calls it"),
        FIELD_INT(ROW, pid, .omit_empty = true, .help = "of the process that was killed"),
        FIELD_INT(ROW, exit_code, .has = HAS(ROW, has_exit_code),
                .help = "with which status the container's program ended, where its engine notes that"),
        FIELD_STRING(ROW, process, .omit_empty = true, .private_ = true, .help = "name of that process"),
        FIELD_STRING(
                ROW, command_line, .omit_empty = true, .private_ = true, .help = "its command line, when it was known"),
        FIELD_STRING(ROW, constraint, .omit_empty = true,
                .help = "what was out of memory: CONSTRAINT_MEMCG, CONSTRAINT_NONE"),
        FIELD_STRING(ROW, line, .omit_empty = true, .help = "a sample, as the storage driver stdout says it"),
        FIELD_UINTS(ROW, memory_before, .omit_empty = true, .help = "working set in the samples before, oldest first"),
};

const struct record metrics_row_record = { .fields = row_fields,
        .count = sizeof(row_fields) / sizeof(row_fields[0]),
        .size = sizeof(struct metrics_row),
        .name = "metrics_row" };

void metrics_row_fill(const struct metrics *metrics, const struct container_event *event, struct metrics_row *ret)
{
        struct container *container = registry_find(metrics->registry, sv_of(event->container));
        const struct container_ref *ref = container ? container_ref(container) : NULL;
        *ret = (struct metrics_row){ .id = event->id,
                .time_ns = event->time_ns,
                .type = (int)event->kind,
                .container = event->container,
                .name = ref && ref->alias_count ? ref->aliases[0] : NULL,
                .pid = event->pid,
                .exit_code = event->exit_code,
                .has_exit_code = event->kind == EVENT_DELETION && event->exit_code >= 0,
                .process = event->process,
                .command_line = event->command_line,
                .constraint = event->constraint };
        ret->memory_before.items = (uint64_t *)event->memory_before;
        ret->memory_before.count = event->memory_before_count;
}

static void count_exits(const struct metrics *metrics, struct metrics_statistics *ret)
{
        struct taskstats_counters exits;
        struct ledger_counters ended;
        if (!metrics->ended || !metrics->exits)
                return;
        taskstats_count(metrics->exits, &exits);
        ledger_count_all(metrics->ended, &ended);
        ret->exits = exits.received;
        ret->exits_lost = exits.dropped;
        ret->exits_refused = exits.refused;
        ret->ended_processes = ended.processes;
        ret->ended_rows = ledger_count(metrics->ended);
        ret->ended_refused = ended.rows_refused + ended.pending_refused;
        ret->ended_unknown_group = ended.unknown_group;
}

void metrics_count(const struct metrics *metrics, struct metrics_statistics *ret)
{
        struct registry_counters counters = { 0 };
        const struct http_server *ports[] = { metrics->cadvisor_port, metrics->node_port };
        if (metrics->registry)
                registry_count_all(metrics->registry, &counters);
        *ret = (struct metrics_statistics){ .containers = counters.containers,
                .created = counters.created,
                .deleted = counters.deleted,
                .missed_created = counters.missed_created,
                .missed_deleted = counters.missed_deleted,
                .samples = counters.samples,
                .samples_bytes = counters.samples_bytes,
                .samples_dropped = counters.samples_dropped,
                .housekeeping_seconds = (double)counters.housekeeping_ns / 1e9,
                .housekeeping_late = counters.housekeeping_late,
                .housekeeping_failed = counters.housekeeping_failed,
                .events = counters.events,
                .events_dropped = counters.events_dropped,
                .watches = counters.watches,
                .watches_refused = counters.watches_refused,
                .watch_overflows = counters.watch_overflows,
                .refused = counters.refused,
                .scrapes = metrics->scrapes,
                .rows_dropped = metrics->rows_dropped,
                .samples_repeated = counters.samples_repeated,
                .followers_refused = metrics->followers_refused,
                .followers_dropped = metrics->followers_dropped,
                .feed_followers = metrics->feed_followers,
                .feed_looks = metrics->feed_looks,
                .feed_passed_over = metrics->feed_passed_over };
        if (metrics->processes) {
                ret->process_series = process_series_count(metrics->processes);
                ret->process_series_refused = process_series_refused(metrics->processes);
        }
        ret->node_collectors_failed = metrics_collectors_failed(metrics);
        ret->node_refused = metrics->node ? node_refused(metrics->node) : 0;
        push_count(metrics->push, &ret->pushed, &ret->push_lost);
        for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
                struct http_server_counters http;
                if (!ports[i])
                        continue;
                http_server_count(ports[i], &http);
                ret->requests += http.requests;
                ret->requests_refused += http.refused;
                ret->connections += http.connections;
        }
        count_exits(metrics, ret);
}

/* ---- hooks of the registry ---- */

static void on_event(const struct container_event *event, void *cookie)
{
        struct metrics *metrics = cookie;
        metrics_tell_followers(metrics, event);
        if (metrics->sink->event && metrics->registry)
                metrics->sink->event(metrics, event);
}

static void on_sampled(const struct container *container, const struct container_stats *stats, void *cookie)
{
        struct metrics *metrics = cookie;
        if (metrics->sink->sampled)
                metrics->sink->sampled(metrics, container, stats);
        if (metrics->push)
                push_sample(metrics->push, container_ref(container), container_spec(container), stats);
}

/* Is anybody told of each sample? */
static bool wants_repeated(void *cookie)
{
        const struct metrics *metrics = cookie;
        return metrics->sink->sampled || metrics->push;
}

static bool on_line(const struct container_ref *ref, int64_t time_ns, const char *line, void *cookie)
{
        struct metrics *metrics = cookie;
        return metrics->sink->line(metrics, ref, time_ns, line);
}

static void on_log(const char *text, void *cookie)
{
        struct metrics *metrics = cookie;
        if (metrics->sink->log)
                metrics->sink->log(metrics, text);
}

static void on_usage(struct loop *loop, loop_id id, void *cookie)
{
        struct metrics *metrics = cookie;
        struct metrics_statistics statistics;
        char text[200];
        (void)loop;
        (void)id;
        metrics_count(metrics, &statistics);
        snprintf(text, sizeof(text), "%llu containers, %llu samples in %.2f s of CPU time, %llu kB of samples",
                (unsigned long long)statistics.containers, (unsigned long long)statistics.samples,
                statistics.housekeeping_seconds, (unsigned long long)statistics.samples_bytes >> 10);
        on_log(text, metrics);
}

int metrics_open(struct metrics *metrics, struct loop *loop, bool containers, struct error *err)
{
        const struct registry_hooks hooks = { .event = on_event,
                .sampled = on_sampled,
                .wants_repeated = wants_repeated,
                .log = on_log,
                .cookie = metrics };
        metrics->loop = loop;
        arena_init(&metrics->arena, 1 << 20);
        metrics->options.root = metrics->options.proc = metrics->options.sys = -1;
        if (metrics_settings_check(metrics->settings, err) < 0 ||
                metrics_options_make(
                        metrics->settings, &metrics->arena, &metrics->options, &metrics->node_options, err) < 0)
                return -1;
        if (metrics->privacy)
                metrics->options.env_labels = false;
        metrics->node = node_new(&metrics->node_options, err);
        if (!metrics->node)
                return -1;
        if (!containers)
                return 0;
        metrics->registry = registry_new(&metrics->options, loop, &hooks, err);
        if (!metrics->registry)
                return -1;
        /* names of programs are not told with privacy */
        if (metrics->options.process_series && !metrics->privacy) {
                metrics->processes = process_series_new(metrics->options.process_pids, err);
                if (!metrics->processes)
                        return -1;
        }
        metrics->cadvisor = (struct cadvisor){ .processes = metrics->processes,
                .registry = metrics->registry,
                .options = &metrics->options,
                .version = TARSIER_VERSION,
                .compatible = true,
                .privacy = metrics->privacy };
        const struct push_hooks push = {
                .line = metrics->sink->line ? on_line : NULL, .log = on_log, .cookie = metrics
        };
        if (push_new(loop, &metrics->settings->cadvisor, &push, &metrics->push, err) < 0)
                return -1;
        if (metrics->settings->cadvisor.log_cadvisor_usage)
                return loop_add_timer(loop, MINUTE, MINUTE, on_usage, metrics, &metrics->usage_id, err);
        return 0;
}

void metrics_close(struct metrics *metrics)
{
        if (metrics->usage_id)
                loop_remove(metrics->loop, metrics->usage_id);
        metrics->usage_id = 0;
        http_server_free(metrics->cadvisor_port);
        http_server_free(metrics->node_port);
        metrics->cadvisor_port = metrics->node_port = NULL;
        struct registry *registry = metrics->registry;
        metrics->registry = NULL; /* no event is told any more */
        push_free(metrics->push);
        process_series_free(metrics->processes);
        metrics->processes = metrics->cadvisor.processes = NULL;
        metrics->push = NULL;
        registry_free(registry);
        free(metrics->collector_notes);
        metrics->collector_notes = NULL;
        node_free(metrics->node);
        metrics->node = NULL;
        metrics_options_close(&metrics->options);
        arena_done(&metrics->arena);
}
