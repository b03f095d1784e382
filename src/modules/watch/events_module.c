/* events: what watch has kept, filtered. It reads the store itself, which is append-only and safe to read while it is
 * written, so that a long search costs watch nothing, and a store can be read where no agent runs. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "module/lines.h"
#include "module/run.h"
#include "modules/watch/event/event_print.h"
#include "modules/watch/event/export.h"
#include "modules/watch/event/scan.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

enum { EXPORT_MEMORY = 4 << 20 };

#define STORE_DIRECTORY "/var/lib/tarsier/modules/watch"

struct events_statistics {
        uint64_t events, matched, blocks, blocks_skipped, files, files_skipped, corrupt;
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct events_statistics, events, .help = "events looked at"),
        FIELD_UINT(struct events_statistics, matched, .help = "of them, those asked for"),
        FIELD_UINT(struct events_statistics, blocks, .help = "packed blocks"),
        FIELD_UINT(struct events_statistics, blocks_skipped, .help = "of them, those that needed no look"),
        FIELD_UINT(struct events_statistics, files, .help = "files of the store"),
        FIELD_UINT(struct events_statistics, files_skipped, .help = "of them, those that needed no look"),
        FIELD_UINT(struct events_statistics, corrupt,
                .help = "damaged blocks, left out, and files whose rest could not be found"),
};

struct events_run {
        struct run *run;
        const struct events_params *params;
        struct event_filter *filter;
        struct event_scan *scan;
        uint64_t left; /* of the limit */
        struct buf text;
        struct error err;
        bool failed;
};

/* Another tool's form is text; its lines go out as `audit.detail` of a row each, which print_row shows plain. */
static int emit_exported(struct events_run *events, struct sv json)
{
        struct event event;
        struct sv line;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, EXPORT_MEMORY);
        if (event_read(json, &arena, &event, &events->err) < 0) {
                run_error(events->run, "an event was left out: %s", events->err.message);
                return 0;
        }
        buf_clear(&events->text);
        if (events->params->export == EVENTS_AUDITD)
                export_auditd(&event, &events->text);
        else
                export_ecs(&event, &events->text);
        if (events->text.failed)
                return fail(&events->err, E_TOO_LARGE, "event %llu in another form is larger than %d bytes",
                        (unsigned long long)event.id, EXPORT_MEMORY);
        struct event row = { .time_ns = event.time_ns, .id = event.id, .type = EVENT_SYSCALL, .has_audit = true };
        for (struct sv rest = sv_n(buf_text(&events->text), events->text.len); rest.n && sv_line(&rest, &line);) {
                row.audit.detail = arena_strndup(&arena, line.p, line.n);
                if (run_emit(events->run, NULL, &row, &events->err) < 0)
                        return -1;
        }
        return 0;
}

static int emit(struct events_run *events, struct sv json)
{
        if (events->params->export == EVENTS_JSON && events->run->privacy) {
                buf_clear(&events->text);
                if (event_mask(json, &events->text, &events->err) < 0)
                        return -1;
                json = sv_n(events->text.data, events->text.len);
        }
        return events->params->export == EVENTS_JSON ? run_emit_json(events->run, NULL, NULL, json, &events->err)
                                                     : emit_exported(events, json);
}

static bool take(const struct event_head *head, struct sv json, void *cookie)
{
        struct events_run *events = cookie;
        (void)head;
        if (emit(events, json) < 0) {
                events->failed = true;
                return false;
        }
        return --events->left > 0;
}

static int open_scan(struct events_run *events, const char *directory, struct error *err)
{
        const struct events_params *params = events->params;
        struct event_scan_options options = {
                .directory = directory, .filter = events->filter, .reverse = params->reverse
        };
        /* the newest so many, oldest of them first */
        if (params->limit && !params->reverse &&
                event_scan_find_last(&options, params->limit, &options.after_id, err) < 0)
                return -1;
        events->scan = event_scan_open(&options, err);
        return events->scan ? 0 : -1;
}

static int scan_all(struct events_run *events, struct error *err)
{
        int more = 1;
        while (more > 0 && events->left && !events->failed && !run_checkpoint(events->run))
                more = event_scan_step(events->scan, 1 * MIB, take, events, err);
        if (events->failed) {
                *err = events->err;
                return -1;
        }
        return more < 0 ? -1 : 0;
}

static int follow(struct events_run *events, struct error *err)
{
        int fd = event_scan_follow(events->scan, err);
        if (fd < 0)
                return -1;
        events->left = UINT64_MAX;
        /* what came between the scan's end and the watch */
        if (scan_all(events, err) < 0)
                return -1;
        while (!run_stopped(events->run)) {
                struct error why;
                struct pollfd poll = { .fd = fd, .events = POLLIN };
                if (run_poll(events->run, &poll, 1, -1, &why) < 0)
                        break;
                event_scan_drain(events->scan);
                if (scan_all(events, err) < 0)
                        return -1;
        }
        return 0;
}

static void fill_statistics(struct events_run *events)
{
        struct event_scan_counters counters;
        struct events_statistics *statistics = run_statistics(events->run);
        event_scan_count(events->scan, &counters);
        *statistics = (struct events_statistics){ counters.events, counters.matched, counters.blocks,
                counters.blocks_skipped, counters.files, counters.files_skipped, counters.corrupt };
}

static int events_run(struct run *run, struct error *err)
{
        const struct events_params *params = run->params;
        struct events_run events = { .run = run, .params = params, .left = params->limit ? params->limit : UINT64_MAX };
        cleanup(event_filter_free) struct event_filter *filter =
                event_filter_new(params, AT_FDCWD, time_unix_ns(), err);
        if (!filter)
                return -1;
        events.filter = filter;
        buf_init(&events.text, EXPORT_MEMORY);
        char above[PATH_MAX];
        const char *directory = params->store && *params->store ? params->store : STORE_DIRECTORY;
        if (directory != params->store && run->modules_state) {
                snprintf(above, sizeof(above), "%s/watch", run->modules_state);
                directory = above;
        }
        int status = open_scan(&events, directory, err);
        if (status < 0 && err->code == E_NOT_FOUND)
                error_prefix(err, "no events are kept here (does the agent run with `watch`?)");
        if (status == 0)
                status = scan_all(&events, err);
        if (status == 0 && params->follow && !run_stopped(run))
                status = follow(&events, err);
        if (events.scan)
                fill_statistics(&events);
        event_scan_close(events.scan);
        buf_done(&events.text);
        return status;
}

static int events_validate(const void *given, struct error *err)
{
        const struct events_params *params = given;
        if (params->follow && params->reverse)
                return fail(err, E_INVALID, "follow: what is to come cannot stand before what was; leave out reverse");
        return 0;
}

static void print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        (void)group;
        (void)label;
        event_print(printer, row);
}

static const struct module_example events_examples[] = {
        { "events --since 2h --exe /usr/bin/curl --container web --json",
                "who ran curl in the container web, and how" },
        { "events --ancestor sshd --user root --type exec", "what root executed over SSH" },
        { "events --follow --type file", "files changed, as it happens" },
        { "events --since 1h --export auditd", "in auditd's form, for ausearch -if and aureport -if" },
        { 0 },
};

const struct module events_module = {
        .name = "events",
        .summary = "what watch has seen: executions, ends, files, logins, by time, program, user, container, ancestry",
        .params = &events_params_record,
        .element = &event_record,
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct events_statistics, statistics_fields),
        .sandbox = { .read_all = true },
        .limits = { .wall_ns = 3650 * DAY, .memory = 256 * MIB, .result = 1024 * MIB },
        .role = ROLE_VIEWER,
        .stream = true,
        .examples = events_examples,
        .validate = events_validate,
        .run = events_run,
        .print_row = print_row,
};
