/* watch: every process of the host and its containers, as it happens. `tarsier watch` is a run in the foreground;
 * in the agent it keeps the events (store.h), answers `tree`, and serves them over HTTP. */
#include "modules/watch/watch_module.h"

#include "base/cleanup.h"
#include "module/lines.h"
#include "modules/watch/event/event_print.h"

#include <poll.h>

struct watch_params {
        struct watch_settings settings;
        LIST(int) types;
        int64_t duration_ns;
        char *replay, *record, *diag;
        bool raw;
};

static const struct field params_fields[] = {
        WATCH_SETTINGS(struct watch_params),
        FIELD_ENUMS(struct watch_params, types, event_type_names, .json = "type", .max_items = EVENT_TYPES,
                .help = "only events of this type; gaps are always shown"),
        FIELD_DURATION(struct watch_params, duration_ns, .json = "duration", .min = 0, .max = 365 * DAY,
                .help = "end after this time; 0 is never"),
        FIELD_PATH(struct watch_params, replay, .metavar = "FILE",
                .help = "instead of the kernel: an audit log, a dump of --diag, or a recording"),
        FIELD_PATH(struct watch_params, record, .metavar = "FILE", .help = "write a recording for --replay"),
        FIELD_PATH(struct watch_params, diag, .metavar = "FILE", .help = "write every message of the kernel as text"),
        FIELD_BOOL(struct watch_params, raw, .help = "print the kernel's messages instead of events"),
};

static int watch_validate(const void *given, struct error *err)
{
        const struct watch_params *params = given;
        if (params->replay && (params->record || params->diag || params->raw))
                return fail(err, E_INVALID, "replay: a replay is neither recorded nor dumped");
        if (params->replay && params->settings.digests)
                return fail(err, E_INVALID, "digests: a replay reads no programs");
        return 0;
}

/* ---- the foreground ---- */

struct foreground {
        struct run *run;
        const struct watch_params *params;
        struct watch watch;
        struct loop *loop;
        struct error err;
        bool failed;
        unsigned types; /* bits; 0 = all */
};

static void end(struct foreground *foreground, const struct error *err)
{
        if (err && !foreground->failed) {
                foreground->failed = true;
                foreground->err = *err;
        }
        loop_stop(foreground->loop);
}

static void emit(struct watch *watch, struct event *event)
{
        struct error err;
        struct foreground *foreground = watch->owner;
        if (foreground->params->raw)
                return;
        if (foreground->types && event->type != EVENT_GAP && !(foreground->types & 1U << event->type))
                return;
        if (!foreground->failed && run_emit(foreground->run, NULL, event, &err) < 0)
                end(foreground, &err);
}

static void emit_raw(struct watch *watch, struct sv line)
{
        struct error err;
        struct foreground *foreground = watch->owner;
        char *text = strndup(line.p, line.n);
        struct event event = {
                .time_ns = time_unix_ns(), .type = EVENT_SYSCALL, .has_audit = true, .audit.detail = text
        };
        event.id = ++watch->last_id;
        if (text && !foreground->failed && run_emit(foreground->run, NULL, &event, &err) < 0)
                end(foreground, &err);
        free(text);
}

static bool blocked(struct watch *watch)
{
        struct foreground *foreground = watch->owner;
        return !foreground->failed && run_would_block(foreground->run);
}

static void ended(struct watch *watch, const struct error *err)
{
        end(watch->owner, err);
}

static void note(struct watch *watch, const char *text)
{
        (void)watch;
        fprintf(stderr, "%s\n", text);
}

static void on_stop(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct foreground *foreground = cookie;
        (void)id;
        (void)events;
        if (run_checkpoint(foreground->run))
                loop_stop(loop);
}

static void on_duration(struct loop *loop, loop_id id, void *cookie)
{
        (void)id;
        (void)cookie;
        loop_stop(loop);
}

/* Sends what gathers, keeps the budget, and sees a stop that a busy loop would leave waiting. */
static void on_beat(struct loop *loop, loop_id id, void *cookie)
{
        on_stop(loop, id, 0, cookie);
}

static int watch_run(struct run *run, struct error *err)
{
        const struct watch_params *params = run->params;
        const struct watch_sink sink = {
                .event = emit, .blocked = blocked, .ended = ended, .log = note, .raw = params->raw ? emit_raw : NULL
        };
        const struct watch_inputs inputs = { params->replay, params->record, params->diag };
        struct foreground foreground = { .run = run, .params = params };
        struct watch *watch = &foreground.watch;
        *watch = (struct watch){ .settings = &params->settings, .sink = &sink, .owner = &foreground, .root = -1 };
        list_foreach (type, &params->types)
                foreground.types |= 1U << *type;
        struct loop *loop = foreground.loop = loop_new(NULL, err);
        if (!loop)
                return -1;
        int status = watch_open(watch, loop, &inputs, err);
        if (status == 0 &&
                (loop_add_fd(loop, run_stop_fd(run), LOOP_READ, LOOP_LEVEL, on_stop, &foreground, NULL, err) < 0 ||
                        loop_add_timer(loop, 50 * MILLISECOND, 50 * MILLISECOND, on_beat, &foreground, NULL, err) < 0))
                status = -1;
        if (status == 0 && params->duration_ns)
                status = loop_add_timer(loop, params->duration_ns, 0, on_duration, NULL, NULL, err);
        if (status == 0)
                status = loop_run(loop, err);
        if (watch->pipeline) {
                if (status == 0)
                        pipeline_finish(watch->pipeline);
                watch_count(watch, run_statistics(run));
        }
        watch_close(watch);
        loop_free(loop);
        if (status == 0 && foreground.failed) {
                *err = foreground.err;
                status = -1;
        }
        return status;
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        (void)group;
        (void)label;
        event_print(printer, row);
}

/* ---- the agent ---- */

static const char *const state_paths[] = { "/var/lib/tarsier/modules/watch", NULL };

static const struct field config_fields[] = {
        WATCH_SETTINGS(struct watch_config),
        FIELD_SIZE(struct watch_config, retain_bytes, .json = "retain", .def = "256m", .min = 1 << 20, .max = INT64_MAX,
                .help = "size of the store, beyond which the oldest events go"),
        FIELD_DURATION(struct watch_config, retain_ns, .json = "retain_time", .def = "168h", .min = MINUTE,
                .max = 3650 * DAY, .help = "age at which events go"),
};

static const struct module_example watch_examples[] = {
        { "watch", "what is executed on this host and in its containers, as it happens" },
        { "watch --type exec --rules starter --json", "the same as JSON, one event a line, with the rules that match" },
        { "watch --source audit --ro", "beside a running auditd, changing nothing" },
        { "watch --replay /var/log/audit/audit.log", "what an audit log tells, event by event" },
        { 0 },
};

const struct module watch_module = {
        .name = "watch",
        .summary = "every process of the host and its containers, as it happens, with nothing lost unseen",
        .description =
                "Follows executions, ends of processes, changes of identity, kernel modules, mounts, logins, watched "
                "files and containers. Events come from the kernel by eBPF, by its audit system, or by the process "
                "connector, and each names the process, its ancestors and its container. What the kernel or a queue "
                "lost is an event too, a gap, and the tree of processes is then repaired from /proc.\n"
                "Here it runs until it is stopped and prints; in an agent it keeps the events, which `tarsier events` "
                "and `tarsier tree` ask for.",
        .params = RECORD(struct watch_params, params_fields),
        .element = &event_record,
        .shape = SHAPE_LIST,
        .statistics = &watch_statistics_record,
        .config = RECORD(struct watch_config, config_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_AUDIT_CONTROL) | CAP_BIT(CAP_AUDIT_READ) | CAP_BIT(CAP_NET_ADMIN) |
                                     CAP_BIT(CAP_BPF) | CAP_BIT(CAP_PERFMON) | CAP_BIT(CAP_SYS_PTRACE) |
                                     CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_KILL) | CAP_BIT(CAP_SYS_NICE),
                .netlink = true,
                .bpf = true,
                .signals = true,
                .processes = true,
                .read_all = true,
                .write_paths = state_paths },
        .limits = { .wall_ns = 3650 * DAY,
                .memory = 256 * MIB,
                .result = 256 * MIB,
                .stop_ns = 10 * SECOND /* the kernel takes 15 ms to delete an audit rule */ },
        .role = ROLE_VIEWER,
        .persistent = true,
        .foreground = true,
        .stream = true,
        .queries = watch_queries,
        .examples = watch_examples,
        .validate = watch_validate,
        .run = watch_run,
        .print_row = print_row,
        .start = watch_start,
        .stop = watch_stop,
        .routes = watch_routes,
};
