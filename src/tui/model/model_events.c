/* The latest events of watch (docs/modules/watch.md): a ring, each with the words that a line of it shows. */
#include "tui/model/model_internal.h"

#include "base/buf.h"
#include "base/timefmt.h"

enum { DETAIL_MAX = 1024 };

static void event_clear(struct model *model, struct event *event)
{
        char *texts[] = { event->type, event->container, event->container_id, event->program, event->exe, event->user,
                event->detail, event->json };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (texts[i])
                        model->event_bytes -= strlen(texts[i]) + 1;
                free(texts[i]);
        }
        *event = (struct event){ 0 };
}

static void set(struct model *model, char **text, struct sv value)
{
        row_set_text(text, value);
        if (*text)
                model->event_bytes += strlen(*text) + 1;
}

static void set_member(struct model *model, char **text, struct sv object, const char *key)
{
        char bytes[MODEL_TEXT_MAX];
        struct sv value = scan_find(object, key);
        if (value.n && (value.p[0] == '"' || value.p[0] == '-' || (value.p[0] >= '0' && value.p[0] <= '9')))
                set(model, text, sv_n(bytes, scan_text(value, bytes, sizeof(bytes))));
}

static void put_member(struct buf *out, const char *before, struct sv object, const char *key)
{
        char text[DETAIL_MAX];
        if (scan_text(scan_find(object, key), text, sizeof(text)) && strcmp(text, "null") != 0)
                buf_printf(out, "%s%s%s", out->len ? " " : "", before, text);
}

static void put_command(struct buf *out, struct sv process)
{
        char text[DETAIL_MAX];
        struct scan scan = scan_of(scan_find(process, "argv"));
        if (scan_array(&scan)) {
                while (out->len < DETAIL_MAX && scan_item(&scan)) {
                        struct sv item = scan_value(&scan);
                        if (scan.failed)
                                break;
                        scan_text(item, text, sizeof(text));
                        buf_printf(out, "%s%s", out->len ? " " : "", text[0] ? text : "''");
                }
        }
        if (!out->len)
                put_member(out, "", process, "exe");
}

static void put_exit(struct buf *out, struct sv event)
{
        struct sv ended = scan_find(event, "exit");
        double signal;
        if (!ended.n)
                return;
        if (scan_number(scan_find(ended, "signal"), &signal) && signal > 0)
                buf_printf(out, "signal %.0f", signal);
        else
                put_member(out, "status ", ended, "code");
        put_member(out, "after ", ended, "duration");
}

static void put_gap(struct buf *out, struct sv event)
{
        struct sv gap = scan_find(event, "gap");
        double lost;
        if (!gap.n)
                return;
        if (scan_number(scan_find(gap, "lost"), &lost) && lost > 0) {
                put_member(out, "lost ", gap, "lost");
                put_member(out, "", gap, "unit");
                put_member(out, "", gap, "reason");
        } else {
                put_member(out, "repaired processes: ", gap, "healed");
        }
}

/* What happened, in one line, without who did it. */
static void put_detail(struct buf *out, const char *type, struct sv event, struct sv process)
{
        struct sv object = scan_find(event, "object");
        struct sv user = scan_find(event, "user");
        struct sv audit = scan_find(event, "audit");
        if (type && strcmp(type, "exec") == 0)
                put_command(out, process);
        put_exit(out, event);
        put_member(out, "", object, "operation");
        put_member(out, "", object, "name");
        put_member(out, "", object, "source");
        put_member(out, "", object, "path");
        put_member(out, "pid ", object, "pid");
        put_member(out, "account ", user, "account");
        put_member(out, "from ", user, "address");
        put_member(out, "", audit, "syscall");
        put_member(out, "key ", audit, "key");
        put_gap(out, event);
}

/* By our clock: an agent's may differ. */
static void count_exec(struct model *model)
{
        int64_t second = model->now_ns / SECOND;
        int64_t passed = second - model->execs_second;
        if (passed > 0 && passed < MODEL_HISTORY)
                memmove(model->execs + passed, model->execs, (MODEL_HISTORY - (size_t)passed) * sizeof(*model->execs));
        if (passed > 0)
                memset(model->execs, 0,
                        (passed < MODEL_HISTORY ? (size_t)passed : MODEL_HISTORY) * sizeof(*model->execs));
        if (passed > 0)
                model->execs_second = second;
        model->execs[0]++;
}

static void drop_oldest(struct model *model)
{
        event_clear(model, &model->events[model->event_first]);
        model->event_first = (model->event_first + 1) % MODEL_EVENTS_MAX;
        model->event_count--;
        model->events_dropped++;
}

static bool has_items(struct sv array)
{
        struct scan scan = scan_of(array);
        return scan_array(&scan) && scan_item(&scan);
}

/* watch's own alerts stand in its events as "SEVERITY RULE: MESSAGE"; without an agent they are all there are. */
static void take_event_alerts(struct model *model, const struct event *event, struct sv json)
{
        char text[MODEL_TEXT_MAX];
        struct scan scan = scan_of(scan_find(json, "alerts"));
        const struct source_status *agent = model_source(model, "alerts");
        if ((agent && agent->state == SOURCE_LIVE) || !scan_array(&scan))
                return;
        while (scan_item(&scan)) {
                size_t length = scan_text(scan_value(&scan), text, sizeof(text));
                if (scan.failed)
                        return;
                model_add_watch_alert(model, event, sv_n(text, length));
        }
}

int model_take_event(struct model *model, struct sv json)
{
        char text[DETAIL_MAX];
        struct buf detail;
        if (!json.n || json.p[0] != '{')
                return -1;
        if (!model->events)
                model->events = calloc(MODEL_EVENTS_MAX, sizeof(*model->events));
        if (!model->events) {
                model->events_dropped++;
                return 0;
        }
        while (model->event_count &&
                (model->event_count == MODEL_EVENTS_MAX || model->event_bytes + json.n > MODEL_EVENT_BYTES_MAX))
                drop_oldest(model);
        struct event *event = &model->events[(model->event_first + model->event_count) % MODEL_EVENTS_MAX];
        struct sv process = scan_find(json, "process");
        struct sv container = scan_find(process, "container");
        *event = (struct event){ .number = ++model->event_number, .pid = NAN, .time_ns = model->now_ns };
        size_t length = scan_text(scan_find(json, "time"), text, sizeof(text));
        time_parse(sv_n(text, length), &event->time_ns);
        scan_number(scan_find(process, "pid"), &event->pid);
        set_member(model, &event->type, json, "type");
        set_member(model, &event->program, process, "comm");
        set_member(model, &event->exe, process, "exe");
        set_member(model, &event->user, process, "uid");
        set_member(model, &event->container, container, "name");
        set_member(model, &event->container_id, container, "id");
        event->alert = has_items(scan_find(json, "alerts"));
        buf_init(&detail, 16 * DETAIL_MAX);
        put_detail(&detail, event->type, json, process);
        set(model, &event->detail, sv_n(buf_text(&detail), detail.len));
        buf_done(&detail);
        set(model, &event->json, json);
        model->event_count++;
        if (event->type && strcmp(event->type, "exec") == 0)
                count_exec(model);
        if (event->alert)
                take_event_alerts(model, event, json);
        return 0;
}

void model_drop_events(struct model *model)
{
        while (model->event_count)
                drop_oldest(model);
        free(model->events);
        model->events = NULL;
}

const struct event *model_event(const struct model *model, size_t back)
{
        if (back >= model->event_count)
                return NULL;
        return &model->events[(model->event_first + model->event_count - 1 - back) % MODEL_EVENTS_MAX];
}

double model_exec_rate(const struct model *model, unsigned seconds)
{
        const struct source_status *source = model_source(model, "events");
        int64_t passed = model->now_ns / SECOND - model->execs_second;
        double sum = 0;
        if (!source || source->state != SOURCE_LIVE || !seconds)
                return NAN;
        for (unsigned i = 1; i <= seconds; i++) {
                int64_t at = (int64_t)i - passed;
                if (at >= 0 && at < MODEL_HISTORY)
                        sum += model->execs[at];
        }
        return sum / seconds;
}
