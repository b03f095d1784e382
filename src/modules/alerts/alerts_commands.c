/* `tarsier alerts …`: the same as the routes, asked of the running agent. */
#include "alerts.h"

#include "base/cleanup.h"
#include "module/lines.h"
#include "module/run.h"
#include "schema/json.h"

#include <time.h>

enum { LINE_MAX = 16 << 10, ORIGIN_WIDTH = 28 };

static struct alerts *running(const struct run *run, struct error *err)
{
        if (run->service)
                return run->service->state;
        fail(err, E_UNAVAILABLE, "no agent with the module alerts answers here");
        return NULL;
}

/* ---- alerts ---- */

struct emitting {
        struct run *run;
        struct alerts *alerts;
        struct alert_filter filter;
        uint64_t left;
        int64_t at;
        struct error *err;
        bool failed;
};

static int emit(struct emitting *emitting, const struct alert_row *row)
{
        struct json_writer writer;
        cleanup(buf_done) struct buf json;
        buf_init(&json, 4 * (size_t)ALERT_TEXT_MAX);
        json_writer_init(&writer, &json, 0);
        alert_write(&writer, row, emitting->run->privacy);
        return run_emit_json(emitting->run, NULL, NULL, sv_n(buf_text(&json), json.len), emitting->err);
}

static bool emit_row(const struct alert_row *row, void *cookie)
{
        struct emitting *emitting = cookie;
        emitting->failed = emit(emitting, row) < 0;
        return !emitting->failed;
}

static bool emit_matching(const struct alert_row *row, void *cookie)
{
        struct emitting *emitting = cookie;
        emitting->at = row->id;
        if (!alert_filter_match(&emitting->filter, row))
                return true;
        cleanup(buf_done) struct buf evidence;
        struct alert_row whole = *row;
        buf_init(&evidence, 2 * (size_t)ALERT_TEXT_MAX);
        if (alert_store_evidence(emitting->alerts->store, row->id, &evidence, NULL) == 0)
                whole.evidence = buf_text(&evidence);
        return emit_row(&whole, cookie) && --emitting->left > 0;
}

int alerts_list_run(struct run *run, struct error *err)
{
        const struct alerts_params *params = run->params;
        struct emitting emitting = {
                .run = run, .alerts = running(run, err), .left = params->limit, .at = params->before, .err = err
        };
        int count = SLICE_ROWS;
        if (!emitting.alerts || alert_filter_init(&emitting.filter, params, time_unix_ns(), run->privacy, err) < 0)
                return -1;
        intake_flush(emitting.alerts);
        while (count == SLICE_ROWS && emitting.left && !emitting.failed && !run_checkpoint(run)) {
                count = alert_store_scan(
                        emitting.alerts->store, emitting.at, false, SLICE_ROWS, emit_matching, &emitting, err);
                if (count < 0)
                        return -1;
        }
        return emitting.failed ? -1 : 0;
}

/* "  12  11-22 08:15:02  critical  open          3x  watch/shell-in-container  web  a sentence" */
void alert_print_row(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        const char *at[ALERT_SEVERITIES] = { "", "", "", "" }; /* the word in the colour of how bad it is */
        struct tm local;
        const struct alert_element *row = given;
        time_t seconds = row->last_ns / SECOND;
        char begin[64], severity[16], state[64];
        struct buf rest, seen;
        (void)group;
        (void)label;
        buf_init(&rest, LINE_MAX);
        buf_init(&seen, LINE_MAX);
        localtime_r(&seconds, &local);
        snprintf(begin, sizeof(begin), "%6lld  %02d-%02d %02d:%02d:%02d  ", (long long)row->id, local.tm_mon + 1,
                local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec);
        snprintf(severity, sizeof(severity), "%-8s", alert_severity_names[row->severity]);
        snprintf(state, sizeof(state), "  %-12s  %5lldx  ", alert_state_names[row->state], (long long)row->count);
        buf_printf(&rest, "%s%s%s", row->module ? row->module : "-", row->rule && *row->rule ? "/" : "",
                row->rule ? row->rule : "");
        buf_printf(&rest, "%*s  %-14s  %s", rest.len < ORIGIN_WIDTH ? (int)(ORIGIN_WIDTH - rest.len) : 0, "",
                row->container && *row->container ? row->container : "-", row->message ? row->message : "");
        if (row->is_acknowledged)
                buf_printf(&seen, "  [%s%s%s]", row->acknowledged.by ? row->acknowledged.by : "",
                        row->acknowledged.comment && *row->acknowledged.comment ? ": " : "",
                        row->acknowledged.comment ? row->acknowledged.comment : "");
        at[row->severity] = severity;
        print_styled(printer, "%s<dim>%s</><info>%s</><warning>%s</><error>%s</>%s%s<dim>%s</>", begin, at[ALERT_LOW],
                at[ALERT_MEDIUM], at[ALERT_HIGH], at[ALERT_CRITICAL], state, buf_text(&rest), buf_text(&seen));
        buf_done(&rest);
        buf_done(&seen);
}

const struct module alerts_list_module = {
        .name = "alerts-list",
        .summary = "alerts of this host, newest first; the same as tarsier alerts",
        .params = &alerts_params_record,
        .element = &alert_record,
        .shape = SHAPE_LIST,
        .limits = { .wall_ns = MINUTE, .result = 64 * MIB },
        .role = ROLE_VIEWER,
        .asks = "alerts",
        .run = alerts_list_run,
        .print_row = alert_print_row,
};

/* ---- acknowledge and reopen ---- */

struct ids_params {
        LIST(int64_t) ids;
        char *comment;
};

static const struct field acknowledge_fields[] = {
        FIELD_INTS(struct ids_params, ids, .required = true, .positional = true, .min = 1, .max = INT64_MAX,
                .max_items = ALERT_IDS_MAX, .metavar = "ID", .help = "numbers of alerts"),
        FIELD_STRING(struct ids_params, comment, .max_length = ALERT_COMMENT_MAX, .help = "what was found"),
};

static const struct field reopen_fields[] = {
        FIELD_INTS(struct ids_params, ids, .required = true, .positional = true, .min = 1, .max = INT64_MAX,
                .max_items = ALERT_IDS_MAX, .metavar = "ID", .help = "numbers of alerts"),
};

/* Those that are there, as they are now; of the others an error tells. None at all is a failure. */
static int emit_ids(struct emitting *emitting, const struct int64_list *ids, struct error *err)
{
        size_t done = 0;
        for (size_t i = 0; i < ids->count; i++) {
                struct error why;
                int status = alert_store_get(emitting->alerts->store, ids->items[i], emit_row, emitting, &why);
                if (emitting->failed)
                        return -1;
                done += status == 0;
                if (status < 0 && (why.code != E_NOT_FOUND || ids->count == 1)) {
                        *err = why;
                        return -1;
                }
                if (status < 0)
                        run_error(emitting->run, "%s", why.message);
        }
        return done ? 0 : fail(err, E_NOT_FOUND, "there are no such alerts");
}

static int acknowledge_run(struct run *run, struct error *err)
{
        const struct ids_params *params = run->params;
        enum id_fate fates[ALERT_IDS_MAX];
        struct emitting emitting = { .run = run, .alerts = running(run, err), .err = err };
        const struct int64_list ids = { params->ids.items, params->ids.count };
        if (!emitting.alerts || alerts_acknowledge(emitting.alerts, &ids, run->identity,
                                        params->comment ? params->comment : "", fates, err) < 0)
                return -1;
        return emit_ids(&emitting, &ids, err);
}

static int reopen_run(struct run *run, struct error *err)
{
        const struct ids_params *params = run->params;
        struct emitting emitting = { .run = run, .alerts = running(run, err), .err = err };
        const struct int64_list ids = { params->ids.items, params->ids.count };
        if (!emitting.alerts)
                return -1;
        for (size_t i = 0; i < ids.count; i++)
                if (alerts_reopen(emitting.alerts, ids.items[i], err) < 0 && err->code != E_NOT_FOUND)
                        return -1;
        return emit_ids(&emitting, &ids, err);
}

static const struct module_example acknowledge_examples[] = {
        { "alerts acknowledge 12 13 --comment 'the nightly backup'", "somebody has seen to these" },
        { 0 },
};

const struct module alerts_acknowledge_module = {
        .name = "alerts-acknowledge",
        .summary = "say that somebody has seen to alerts",
        .params = RECORD(struct ids_params, acknowledge_fields),
        .element = &alert_record,
        .shape = SHAPE_LIST,
        .limits = { .wall_ns = MINUTE, .result = 64 * MIB },
        .role = ROLE_INVESTIGATOR,
        .asks = "alerts",
        .examples = acknowledge_examples,
        .run = acknowledge_run,
        .print_row = alert_print_row,
};

const struct module alerts_reopen_module = {
        .name = "alerts-reopen",
        .summary = "open alerts again that were acknowledged or muted",
        .params = RECORD(struct ids_params, reopen_fields),
        .element = &alert_record,
        .shape = SHAPE_LIST,
        .limits = { .wall_ns = MINUTE, .result = 64 * MIB },
        .role = ROLE_INVESTIGATOR,
        .asks = "alerts",
        .run = reopen_run,
        .print_row = alert_print_row,
};

/* ---- mutes ---- */

static const struct field mute_fields[] = {
        FIELD_STRING(struct mute_params, module, .max_length = ALERT_MODULE_MAX,
                .help = "alerts of this module; NAME* is a beginning"),
        FIELD_STRING(struct mute_params, rule, .max_length = ALERT_RULE_MAX, .help = "of this rule, or NAME*"),
        FIELD_STRING(struct mute_params, container, .max_length = ALERT_CONTAINER_MAX,
                .help = "in this container: name, NAME*, or the start of its id"),
        FIELD_ENUM(struct mute_params, severity, alert_severity_names, .def = "critical",
                .help = "this bad or less; worse ones stay open"),
        FIELD_DURATION(
                struct mute_params, for_ns, .json = "for", .min = 0, .max = 3650 * DAY, .help = "how long, 2h or 7d"),
        FIELD_TIME(struct mute_params, until_ns, .json = "until", .help = "until then instead"),
        FIELD_STRING(struct mute_params, comment, .max_length = ALERT_COMMENT_MAX, .help = "why"),
        FIELD_BOOL(struct mute_params, existing, .help = "also those that are open already"),
};

const struct record mute_params_record = {
        .fields = mute_fields,
        .count = sizeof(mute_fields) / sizeof(mute_fields[0]),
        .size = sizeof(struct mute_params),
        .name = "mute_params",
};

struct mute_element {
        int64_t id, count;
        char *module, *rule, *container, *by, *comment, *ended_by;
        int severity;
        int64_t created_ns, until_ns, ended_ns;
        bool active, is_ended;
};

static const struct field mute_element_fields[] = {
        FIELD_INT(struct mute_element, id, .help = "number of the mute"),
        FIELD_BOOL(struct mute_element, active, .help = "it is in force"),
        FIELD_STRING(struct mute_element, module, .help = "alerts of this module", .omit_empty = true),
        FIELD_STRING(struct mute_element, rule, .help = "of this rule", .omit_empty = true),
        FIELD_STRING(struct mute_element, container, .help = "in this container", .omit_empty = true),
        FIELD_ENUM(struct mute_element, severity, alert_severity_names, .help = "this bad or less"),
        FIELD_TIME(struct mute_element, created_ns, .json = "created", .help = "when it was made"),
        FIELD_TIME(struct mute_element, until_ns, .json = "until", .help = "its end"),
        FIELD_STRING(struct mute_element, by, .help = "who made it"),
        FIELD_STRING(struct mute_element, comment, .help = "why", .omit_empty = true),
        FIELD_INT(struct mute_element, count, .help = "alerts that it muted"),
        FIELD_TIME(struct mute_element, ended_ns, .json = "ended", .help = "when somebody ended it before its time",
                .has = HAS(struct mute_element, is_ended)),
        FIELD_STRING(struct mute_element, ended_by, .help = "who did", .omit_empty = true),
};

void alert_write_mute(struct json_writer *writer, const struct alert_mute *mute, int64_t now_ns)
{
        const struct mute_element element = {
                .id = mute->id,
                .count = mute->count,
                .module = (char *)mute->module,
                .rule = (char *)mute->rule,
                .container = (char *)mute->container,
                .by = (char *)mute->by,
                .comment = (char *)mute->comment,
                .ended_by = (char *)mute->ended_by,
                .severity = mute->severity,
                .created_ns = mute->created_ns,
                .until_ns = mute->until_ns,
                .ended_ns = mute->ended_ns,
                .active = !mute->ended_ns && mute->until_ns > now_ns,
                .is_ended = mute->ended_ns != 0,
        };
        record_write(writer, RECORD(struct mute_element, mute_element_fields), &element, 0);
}

struct mutes_params {
        bool all;
};

static const struct field mutes_fields[] = {
        FIELD_BOOL(struct mutes_params, all, .help = "also those that are over"),
};

struct mutes_emitting {
        struct run *run;
        int64_t now_ns, only;
        struct error *err;
        bool all, failed;
};

static bool emit_mute(const struct alert_mute *mute, void *cookie)
{
        struct mutes_emitting *emitting = cookie;
        struct json_writer writer;
        bool over = mute->ended_ns || mute->until_ns <= emitting->now_ns;
        if (emitting->only ? mute->id != emitting->only : over && !emitting->all)
                return true;
        cleanup(buf_done) struct buf json;
        buf_init(&json, ALERT_TEXT_MAX);
        json_writer_init(&writer, &json, 0);
        alert_write_mute(&writer, mute, emitting->now_ns);
        emitting->failed = run_emit_json(emitting->run, NULL, NULL, sv_n(buf_text(&json), json.len), emitting->err) < 0;
        return !emitting->failed;
}

static int emit_mutes(struct run *run, struct alerts *alerts, int64_t only, bool all, struct error *err)
{
        struct mutes_emitting emitting = { .run = run, .now_ns = time_unix_ns(), .only = only, .err = err, .all = all };
        return alert_store_mutes(alerts->store, emit_mute, &emitting, err) < 0 || emitting.failed ? -1 : 0;
}

static int mutes_run(struct run *run, struct error *err)
{
        const struct mutes_params *params = run->params;
        struct alerts *alerts = running(run, err);
        return alerts ? emit_mutes(run, alerts, 0, params->all, err) : -1;
}

static int mute_run(struct run *run, struct error *err)
{
        int64_t id;
        struct alerts *alerts = running(run, err);
        return alerts && alerts_mute(alerts, run->params, run->identity, &id, err) == 0
                       ? emit_mutes(run, alerts, id, true, err)
                       : -1;
}

struct unmute_params {
        int64_t id;
};

static const struct field unmute_fields[] = {
        FIELD_INT(struct unmute_params, id, .required = true, .positional = true, .min = 1, .max = INT64_MAX,
                .metavar = "ID", .help = "number of the mute"),
};

static int unmute_run(struct run *run, struct error *err)
{
        const struct unmute_params *params = run->params;
        struct alerts *alerts = running(run, err);
        return alerts && alerts_unmute(alerts, params->id, run->identity, err) == 0
                       ? emit_mutes(run, alerts, params->id, true, err)
                       : -1;
}

static const char *word(const char *text)
{
        return text && *text ? text : "*";
}

static void print_mute(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        char until[TIME_TEXT_MAX];
        const struct mute_element *mute = given;
        (void)group;
        (void)label;
        time_format_rfc3339(mute->until_ns / SECOND * SECOND, until);
        print_line(printer, "%4lld  %-6s  %s/%s in %s, up to %s  until %s  %lld alerts  by %s%s%s", (long long)mute->id,
                mute->active ? "active" : "over", word(mute->module), word(mute->rule), word(mute->container),
                alert_severity_names[mute->severity], until, (long long)mute->count, mute->by ? mute->by : "",
                mute->comment && *mute->comment ? ": " : "", mute->comment ? mute->comment : "");
}

static const struct module_example mute_examples[] = {
        { "alerts mute --rule shell-in-container --container build --for 2h --comment 'upgrade'",
                "these need nobody for two hours" },
        { "alerts mute --module fswatch --severity low --until 2030-01-01", "no more of the harmless ones" },
        { 0 },
};

const struct module alerts_mute_module = {
        .name = "alerts-mute",
        .summary = "say that alerts of a kind need nobody for a while",
        .params = &mute_params_record,
        .element = RECORD(struct mute_element, mute_element_fields),
        .shape = SHAPE_LIST,
        .limits = { .wall_ns = MINUTE },
        .role = ROLE_INVESTIGATOR,
        .asks = "alerts",
        .examples = mute_examples,
        .run = mute_run,
        .print_row = print_mute,
};

const struct module alerts_unmute_module = {
        .name = "alerts-unmute",
        .summary = "end a mute before its time",
        .params = RECORD(struct unmute_params, unmute_fields),
        .element = RECORD(struct mute_element, mute_element_fields),
        .shape = SHAPE_LIST,
        .limits = { .wall_ns = MINUTE },
        .role = ROLE_INVESTIGATOR,
        .asks = "alerts",
        .run = unmute_run,
        .print_row = print_mute,
};

const struct module alerts_mutes_module = {
        .name = "alerts-mutes",
        .summary = "which alerts are muted, until when, by whom",
        .params = RECORD(struct mutes_params, mutes_fields),
        .element = RECORD(struct mute_element, mute_element_fields),
        .shape = SHAPE_LIST,
        .limits = { .wall_ns = MINUTE },
        .role = ROLE_VIEWER,
        .asks = "alerts",
        .run = mutes_run,
        .print_row = print_mute,
};

/* ---- counts ---- */

struct counts_params {
        char *since;
};

static const struct field counts_params_fields[] = {
        FIELD_STRING(struct counts_params, since, .def = "24h", .max_length = 64, .help = "from then on"),
};

struct counts_element {
        int severity;
        uint64_t open, total, muted;
};

static const struct field counts_element_fields[] = {
        FIELD_ENUM(struct counts_element, severity, alert_severity_names, .help = "how bad"),
        FIELD_UINT(struct counts_element, open, .help = "alerts that nobody has seen to"),
        FIELD_UINT(struct counts_element, total, .help = "how often alerts came since then"),
        FIELD_UINT(struct counts_element, muted, .help = "and how often muted ones"),
};

static const struct field statistics_fields[] = {
#define X(name_, help_) FIELD_UINT(struct alerts_counters, name_, .help = help_),
        ALERTS_COUNTERS(X)
#undef X
};

static int counts_run(struct run *run, struct error *err)
{
        int64_t since_ns;
        struct alert_counts counts;
        const int64_t now = time_unix_ns();
        const struct counts_params *params = run->params;
        struct alerts *alerts = running(run, err);
        if (!alerts)
                return -1;
        if (alert_time_parse(params->since, now, &since_ns, err) < 0)
                return error_prefix(err, "since");
        intake_flush(alerts);
        if (alert_store_counts(alerts->store, since_ns, now, MINUTE, &counts, NULL, NULL, err) < 0)
                return -1;
        *(struct alerts_counters *)run_statistics(run) = alerts->counters;
        for (int i = ALERT_SEVERITIES; i-- > 0;) {
                struct counts_element row = { i, counts.open[i], counts.total[i], counts.muted[i] };
                if (run_emit(run, NULL, &row, err) < 0)
                        return -1;
        }
        return 0;
}

static void print_counts(struct line_printer *printer, const char *group, const char *label, const void *given)
{
        const struct counts_element *row = given;
        (void)group;
        (void)label;
        print_line(printer, "%-8s  %8llu open  %8llu came  %8llu muted", alert_severity_names[row->severity],
                (unsigned long long)row->open, (unsigned long long)row->total, (unsigned long long)row->muted);
}

const struct module alerts_counts_module = {
        .name = "alerts-counts",
        .summary = "how many alerts are open, and how many came, by severity",
        .params = RECORD(struct counts_params, counts_params_fields),
        .element = RECORD(struct counts_element, counts_element_fields),
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct alerts_counters, statistics_fields),
        .limits = { .wall_ns = MINUTE },
        .role = ROLE_VIEWER,
        .asks = "alerts",
        .run = counts_run,
        .print_row = print_counts,
};
