/* Alerts: those of the agent's module `alerts`, or of a watch that runs here (they have no id then). */
#include "tui/model/model_internal.h"

#include "base/timefmt.h"

const char *const severity_names[] = { "low", "medium", "high", "critical", NULL };

static void alert_clear(struct alert *alert)
{
        char *texts[] = { alert->module, alert->rule, alert->message, alert->container, alert->user, alert->exe,
                alert->by, alert->json };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(texts[i]);
        *alert = (struct alert){ 0 };
}

static char *text_of(struct sv json, const char *key)
{
        char text[MODEL_TEXT_MAX];
        char *set = NULL;
        struct sv value = scan_find(json, key);
        if (value.n && value.p[0] == '"')
                row_set_text(&set, sv_n(text, scan_text(value, text, sizeof(text))));
        return set;
}

static int64_t time_of(struct sv json, const char *key)
{
        char text[TIME_TEXT_MAX];
        int64_t ns;
        size_t length = scan_text(scan_find(json, key), text, sizeof(text));
        return length && time_parse(sv_n(text, length), &ns) ? ns : 0;
}

static int word_of(struct sv json, const char *key, const char *const *words, int otherwise)
{
        char text[32];
        scan_text(scan_find(json, key), text, sizeof(text));
        for (int i = 0; words[i]; i++)
                if (strcmp(text, words[i]) == 0)
                        return i;
        return otherwise;
}

static void alert_read(struct alert *ret, struct sv json)
{
        static const char *const states[] = { "open", "acknowledged", "muted", NULL };
        double number;
        *ret = (struct alert){ .pid = NAN, .count = 1 };
        if (scan_number(scan_find(json, "id"), &number) && number > 0)
                ret->id = (uint64_t)number;
        if (scan_number(scan_find(json, "pid"), &number))
                ret->pid = number;
        if (scan_number(scan_find(json, "count"), &number))
                ret->count = number;
        ret->time_ns = time_of(json, "time");
        ret->last_ns = time_of(json, "last");
        if (!ret->last_ns)
                ret->last_ns = ret->time_ns;
        ret->severity = (enum severity)word_of(json, "severity", severity_names, SEVERITY_LOW);
        ret->state = (enum alert_state)word_of(json, "state", states, ALERT_OPEN);
        ret->module = text_of(json, "module");
        ret->rule = text_of(json, "rule");
        ret->message = text_of(json, "message");
        ret->container = text_of(json, "container");
        ret->user = text_of(json, "user");
        ret->exe = text_of(json, "exe");
        ret->by = text_of(scan_find(json, "acknowledged"), "by");
        row_set_text(&ret->json, json);
}

static void insert(struct model *model, struct alert *alert)
{
        if (model->alerts.count == MODEL_ALERTS_MAX) {
                alert_clear(&model->alerts.items[--model->alerts.count]);
                model->alerts_refused++;
        }
        if (!vec_add(&model->alerts, MODEL_ALERTS_MAX)) {
                alert_clear(alert);
                model->alerts_refused++;
                return;
        }
        size_t at = 0;
        while (at + 1 < model->alerts.count && model->alerts.items[at].last_ns > alert->last_ns)
                at++;
        memmove(model->alerts.items + at + 1, model->alerts.items + at,
                (model->alerts.count - 1 - at) * sizeof(*model->alerts.items));
        model->alerts.items[at] = *alert;
}

/* Newest first; one that is there already is replaced where it stands. */
int model_take_alert(struct model *model, struct sv json)
{
        struct alert alert;
        if (!json.n || json.p[0] != '{')
                return -1;
        alert_read(&alert, json);
        /* what is known of an agent's alert is replaced, but it stays one row */
        vec_foreach (known, &model->alerts) {
                if (alert.id && known->id == alert.id) {
                        alert.number = known->number;
                        alert_clear(known);
                        *known = alert;
                        return 0;
                }
        }
        alert.number = ++model->alert_number;
        insert(model, &alert);
        return 0;
}

void model_add_watch_alert(struct model *model, const struct event *event, struct sv text)
{
        struct sv rest = text;
        struct sv word;
        struct alert alert = { .number = ++model->alert_number,
                .time_ns = event->time_ns,
                .last_ns = event->time_ns,
                .pid = event->pid,
                .count = 1 };
        if (sv_split(&rest, ' ', &word))
                for (int i = 0; severity_names[i]; i++)
                        if (sv_eq(word, sv_of(severity_names[i])))
                                alert.severity = (enum severity)i;
        if (rest.n && sv_split(&rest, ':', &word))
                row_set_text(&alert.rule, word);
        row_set_text(&alert.message, rest.n ? sv_trim(rest) : text);
        row_set_text(&alert.module, SV("watch"));
        row_set_text(&alert.container, sv_of(event->container ? event->container : event->container_id));
        row_set_text(&alert.exe, sv_of(event->exe));
        row_set_text(&alert.user, sv_of(event->user));
        row_set_text(&alert.json, sv_of(event->json));
        insert(model, &alert);
}

void model_drop_alerts(struct model *model)
{
        vec_foreach (alert, &model->alerts)
                alert_clear(alert);
        vec_done(&model->alerts);
}

int model_take_alerts(struct model *model, struct sv json)
{
        struct scan scan = scan_of(scan_find(json, "alerts"));
        if (!scan_array(&scan))
                return -1;
        model_drop_alerts(model);
        while (scan_item(&scan)) {
                struct sv alert = scan_value(&scan);
                if (scan.failed || model_take_alert(model, alert) < 0)
                        return -1;
        }
        return scan.failed ? -1 : 0;
}

const struct alert *model_alert(const struct model *model, uint64_t id)
{
        vec_foreach (alert, &model->alerts) {
                if (id && alert->id == id)
                        return alert;
        }
        return NULL;
}

size_t model_alerts_open(const struct model *model, enum severity at_least)
{
        size_t count = 0;
        vec_foreach (alert, &model->alerts)
                count += alert->state == ALERT_OPEN && alert->severity >= at_least;
        return count;
}
