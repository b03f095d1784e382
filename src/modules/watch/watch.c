/* The pipeline with what stands behind it, for the agent's watch and for a run in the foreground. */
#include "modules/watch/watch.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "modules/watch/digests.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

const char *const watch_source_names[] = { "auto", "audit", "bpf", "connector", NULL };

static const struct field statistics_fields[] = {
        FIELD_STRING(struct watch_statistics, source, .help = "audit, bpf, connector or replay"),
        FIELD_UINT(struct watch_statistics, received, .help = "messages that the source received"),
        FIELD_UINT(struct watch_statistics, assembled, .help = "events put together from them"),
        FIELD_UINT(struct watch_statistics, lost, .help = "lost, as the kernel and gaps in its numbering tell"),
        FIELD_UINT(struct watch_statistics, late, .help = "records that came after their event was given up"),
        FIELD_UINT(struct watch_statistics, incomplete,
                .help = "execs told without audit's part, which did not come in time"),
        FIELD_UINT(struct watch_statistics, truncated, .help = "events with something cut"),
        FIELD_UINT(struct watch_statistics, refused, .help = "messages that could not be understood"),
        FIELD_UINT(struct watch_statistics, in_flight, .help = "events begun and not complete"),
        FIELD_UINT(struct watch_statistics, raw_depth, .help = "messages that wait to be decoded"),
        FIELD_UINT(struct watch_statistics, raw_depth_high, .help = "the most that waited"),
        FIELD_UINT(struct watch_statistics, raw_lost, .help = "messages for which there was no room"),
        FIELD_UINT(struct watch_statistics, queue_depth, .help = "observations that wait for the tree"),
        FIELD_UINT(struct watch_statistics, queue_depth_high, .help = "the most that waited"),
        FIELD_UINT(struct watch_statistics, queue_lost, .help = "observations for which there was no room"),
        FIELD_UINT(struct watch_statistics, events, .help = "events handed out"),
        FIELD_UINT(struct watch_statistics, execs, .help = "of them, executions"),
        FIELD_UINT(struct watch_statistics, gaps, .help = "of them, gaps"),
        FIELD_UINT(struct watch_statistics, alerts, .help = "alerts of rules"),
        FIELD_UINT(struct watch_statistics, killed, .help = "processes ended by rules"),
        FIELD_UINT(struct watch_statistics, redacted, .help = "command lines that held a secret"),
        FIELD_UINT(struct watch_statistics, processes, .help = "living processes in the tree"),
        FIELD_UINT(struct watch_statistics, containers, .help = "running containers"),
        FIELD_UINT(struct watch_statistics, repaired, .help = "processes without a fork seen"),
        FIELD_UINT(struct watch_statistics, reordered, .help = "exits and execs before their fork"),
        FIELD_UINT(struct watch_statistics, pid_reused, .help = "processes closed by the next one of the same pid"),
        FIELD_UINT(struct watch_statistics, duplicates, .help = "facts that two sources told"),
        FIELD_UINT(struct watch_statistics, tree_refused, .help = "processes for which the tree had no room"),
        FIELD_SIZE(struct watch_statistics, tree_bytes, .help = "memory of the tree"),
        FIELD_UINT(struct watch_statistics, reads, .help = "files of /proc read"),
        FIELD_UINT(struct watch_statistics, vanished, .help = "processes gone before they could be read"),
};

const struct record watch_statistics_record = {
        .fields = statistics_fields,
        .count = sizeof(statistics_fields) / sizeof(statistics_fields[0]),
        .size = sizeof(struct watch_statistics),
        .name = "watch_statistics",
};

enum { SCRATCH_MAX = 4 << 20, WATCH_NICE = -10 };

static void on_hit(const struct rules_hit *hit, void *cookie)
{
        struct watch *watch = cookie;
        struct buf text;
        struct error err;
        if (hit->kill && watch->live) {
                if (rules_kill(watch->root, hit->event, &err) == 0)
                        watch->counters.killed++;
                else
                        watch->sink->log(watch, err.message);
        }
        if (!hit->alert)
                return;
        watch->counters.alerts++;
        buf_init(&text, 16 << 10);
        buf_printf(&text, "%s %s: ", hit->rule->severity, hit->rule->name);
        rules_output(hit, &text);
        if (!watch->alerts.items) {
                arena_init(&watch->scratch, SCRATCH_MAX);
                watch->alerts.items = arena_array(&watch->scratch, RULES_MAX, sizeof(char *));
        }
        char *copy = text.failed ? NULL : arena_strdup(&watch->scratch, text.data);
        if (copy && watch->alerts.items)
                watch->alerts.items[watch->alerts.count++] = copy;
        buf_done(&text);
        if (watch->sink->alert)
                watch->sink->alert(watch, hit);
}

static void on_event(struct event *event, void *cookie)
{
        struct watch *watch = cookie;
        event->id = ++watch->last_id;
        watch->counters.events++;
        watch->counters.execs += event->type == EVENT_EXEC;
        if (watch->digests && event->type == EVENT_EXEC)
                digests_fill(watch->digests, &event->process);
        if (event->has_process && redact_event(watch->redact, event))
                watch->counters.redacted++;
        if (watch->rules && event->type != EVENT_GAP) {
                arena_done(&watch->scratch);
                watch->alerts = (struct string_list){ 0 };
                if (rules_match(watch->rules, event, event->time_ns, on_hit, watch) > 0) {
                        event->tags = rules_tags(watch->rules);
                        event->alerts = watch->alerts;
                }
        }
        watch->sink->event(watch, event);
}

static void on_ended(const struct error *err, void *cookie)
{
        struct watch *watch = cookie;
        if (watch->sink->ended)
                watch->sink->ended(watch, err);
}

static bool on_blocked(void *cookie)
{
        struct watch *watch = cookie;
        return watch->sink->blocked(watch);
}

static void on_log(void *cookie, const char *text)
{
        struct watch *watch = cookie;
        watch->sink->log(watch, text);
}

static void on_raw(void *cookie, struct sv line)
{
        struct watch *watch = cookie;
        watch->sink->raw(watch, line);
}

/* Auditctl rules: the user's, and those that the rules on events need. */
static int join_rules(struct watch *watch, const char ***ret, struct error *err)
{
        const struct watch_settings *settings = watch->settings;
        size_t count = settings->audit_rules.count;
        size_t watches = 0;
        while (rules_watches[watches])
                watches++;
        const char **list = calloc(count + watches + 1, sizeof(*list));
        if (!list)
                return fail(err, E_NO_MEMORY, "no memory for audit rules");
        for (size_t i = 0; i < count; i++)
                list[i] = settings->audit_rules.items[i];
        for (size_t i = 0; watch->rules && i < watches; i++)
                if (rules_watch_possible(watch->root, rules_watches[i]))
                        list[count++] = rules_watches[i];
        *ret = list;
        return 0;
}

static int load_rules(struct watch *watch, struct error *err)
{
        const struct string_list *paths = &watch->settings->rules;
        if (redact_new(&watch->settings->redact, &watch->redact, err) < 0)
                return -1;
        if (paths->count == 0)
                return 0;
        const char *list[RULES_FILES_MAX + 1] = { 0 };
        for (size_t i = 0; i < paths->count && i < RULES_FILES_MAX; i++)
                list[i] = paths->items[i];
        struct rules_options options = { .paths = list, .seed = (uint64_t)time_unix_ns() };
        return rules_load(&options, &watch->rules, err);
}

int watch_open(struct watch *watch, struct loop *loop, const struct watch_inputs *inputs, struct error *err)
{
        const struct watch_settings *settings = watch->settings;
        const struct source_ops *all[] = { &source_bpf, &source_audit, &source_connector, NULL };
        const struct source_ops *one[] = { NULL, NULL };
        one[0] = settings->source == 1 ? &source_audit : settings->source == 2 ? &source_bpf : &source_connector;
        cleanup(free) const char **audit_rules = NULL;
        watch->loop = loop;
        /* on a busy host the kernel's buffers must not fill while we wait for our turn; auditd does the same with -4 */
        if (!inputs->replay && setpriority(PRIO_PROCESS, 0, WATCH_NICE) < 0)
                watch->sink->log(watch, "the priority stays as it is: it may not be raised");
        watch->live = inputs->replay == NULL;
        arena_init(&watch->scratch, SCRATCH_MAX);
        watch->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (watch->root < 0)
                return fail_errno(err, "/");
        if (load_rules(watch, err) < 0 || join_rules(watch, &audit_rules, err) < 0)
                return -1;
        if (settings->digests && watch->live && !(watch->digests = digests_new(watch->root, err)))
                return -1;
        struct pipeline_options options = {
                .sources = settings->source == 0 ? all : one,
                .source = { .read_only = settings->read_only,
                        .rate = settings->rate,
                        .backlog = settings->backlog,
                        .buffer = settings->buffer,
                        .immutable = settings->immutable,
                        .rules = audit_rules,
                        .diagnostics = inputs->diagnostics,
                        .log = on_log,
                        .log_cookie = watch,
                        .raw = watch->sink->raw ? on_raw : NULL,
                        .raw_cookie = watch },
                .replay = inputs->replay,
                .record = inputs->record,
                .tree = { .delete_delay_ns = settings->delete_delay_ns, .forks = settings->forks },
                .root = watch->root,
                .reconcile_ns = MINUTE,
                .event = on_event,
                .blocked = watch->sink->blocked ? on_blocked : NULL,
                .ended = on_ended,
                .log = on_log,
                .cookie = watch,
        };
        watch->pipeline = pipeline_new(loop, &options, err);
        return watch->pipeline ? 0 : -1;
}

void watch_close(struct watch *watch)
{
        if (watch->pipeline)
                pipeline_finish(watch->pipeline);
        pipeline_free(watch->pipeline);
        watch->pipeline = NULL;
        rules_free(watch->rules);
        redact_free(watch->redact);
        digests_free(watch->digests);
        arena_done(&watch->scratch);
        if (watch->root >= 0)
                close(watch->root);
        watch->root = -1;
}

void watch_count(const struct watch *watch, struct watch_statistics *ret)
{
        struct pipeline_counters counters;
        pipeline_count(watch->pipeline, &counters);
        *ret = (struct watch_statistics){
                .source = pipeline_source(watch->pipeline),
                .received = counters.source.received,
                .assembled = counters.source.assembled,
                .lost = counters.source.lost,
                .late = counters.source.late,
                .incomplete = counters.source.incomplete + counters.tree.unfinished,
                .truncated = counters.source.truncated,
                .refused = counters.source.refused,
                .in_flight = counters.source.in_flight,
                .raw_depth = counters.raw.depth,
                .raw_depth_high = counters.raw.depth_high,
                .raw_lost = counters.raw.lost,
                .queue_depth = counters.observations.depth,
                .queue_depth_high = counters.observations.depth_high,
                .queue_lost = counters.observations.lost,
                .events = watch->counters.events,
                .execs = watch->counters.execs,
                .gaps = counters.gaps,
                .alerts = watch->counters.alerts,
                .killed = watch->counters.killed,
                .redacted = watch->counters.redacted,
                .processes = counters.tree.processes,
                .containers = counters.tree.containers,
                .repaired = counters.tree.repaired,
                .reordered = counters.tree.reordered,
                .pid_reused = counters.tree.pid_reused,
                .duplicates = counters.tree.duplicates,
                .tree_refused = counters.tree.refused,
                .tree_bytes = counters.tree.bytes,
                .reads = counters.look.reads,
                .vanished = counters.look.vanished,
        };
}
