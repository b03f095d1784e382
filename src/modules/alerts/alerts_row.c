/* The shape of an alert: schema, JSON, filters. */
#include "alerts.h"

#include "base/cleanup.h"
#include "schema/json.h"

const char *const alert_severity_names[] = { "low", "medium", "high", "critical", NULL };
const char *const alert_state_names[] = { "open", "acknowledged", "muted", NULL };

static const struct field acknowledged_fields[] = {
        FIELD_TIME(struct alert_acknowledged, time_ns, .json = "time", .help = "when"),
        FIELD_STRING(struct alert_acknowledged, by, .help = "who"),
        FIELD_STRING(struct alert_acknowledged, comment, .help = "what they said", .omit_empty = true),
};

static const struct field alert_fields[] = {
        FIELD_INT(struct alert_element, id, .help = "number of the alert, never used twice"),
        FIELD_TIME(struct alert_element, time_ns, .json = "time", .help = "when the agent got it"),
        FIELD_TIME(struct alert_element, last_ns, .json = "last", .help = "when it came last"),
        FIELD_INT(struct alert_element, count, .help = "how often it came"),
        FIELD_ENUM(struct alert_element, severity, alert_severity_names, .help = "how bad it is"),
        FIELD_ENUM(struct alert_element, state, alert_state_names, .help = "has anybody seen to it"),
        FIELD_STRING(struct alert_element, module, .help = "module that raised it", .omit_empty = true),
        FIELD_STRING(struct alert_element, rule, .help = "rule of that module", .omit_empty = true),
        FIELD_STRING(struct alert_element, message, .help = "what happened, a sentence", .private_ = true),
        FIELD_STRING(struct alert_element, container, .help = "container it happened in", .omit_empty = true),
        FIELD_STRING(struct alert_element, container_id, .help = "that container's id", .omit_empty = true),
        FIELD_INT(struct alert_element, pid, .help = "process that did it", .omit_empty = true),
        FIELD_PATH(struct alert_element, exe, .help = "that process's program", .omit_empty = true),
        FIELD_STRING(
                struct alert_element, user, .help = "that process's user: a name, or a number", .omit_empty = true),
        FIELD_STRINGS(struct alert_element, tags, .help = "words of the rule", .omit_empty = true),
        FIELD_RECORD(struct alert_element, acknowledged, struct alert_acknowledged, acknowledged_fields,
                .help = "who has seen to it", .has = HAS(struct alert_element, is_acknowledged)),
        FIELD_INT(struct alert_element, mute, .help = "number of the mute that was for it", .omit_empty = true),
        FIELD_ANY(struct alert_element, evidence, .help = "the alert as it came", .private_ = true, .omit_empty = true),
};

const struct record alert_record = {
        .fields = alert_fields,
        .count = sizeof(alert_fields) / sizeof(alert_fields[0]),
        .size = sizeof(struct alert_element),
        .name = "alert",
};

static void put_known(struct json_writer *writer, const char *key, const char *text)
{
        if (*text)
                json_field(writer, key, json_put_text, text);
}

static void put_time(struct json_writer *writer, const char *key, int64_t time_ns)
{
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(time_ns, text);
        json_field(writer, key, json_put_text, text);
}

void alert_write(struct json_writer *writer, const struct alert_row *row, bool privacy)
{
        json_begin_object(writer);
        json_field(writer, "id", json_put_int, row->id);
        put_time(writer, "time", row->time_ns);
        put_time(writer, "last", row->last_ns);
        json_field(writer, "count", json_put_int, row->count);
        json_field(writer, "severity", json_put_text, alert_severity_names[row->severity]);
        json_field(writer, "state", json_put_text, alert_state_names[row->state]);
        put_known(writer, "module", row->module);
        put_known(writer, "rule", row->rule);
        json_field(writer, "message", json_put_text, privacy ? "masked" : row->message);
        put_known(writer, "container", row->container);
        put_known(writer, "container_id", row->container_id);
        if (row->pid)
                json_field(writer, "pid", json_put_int, row->pid);
        put_known(writer, "exe", row->exe);
        put_known(writer, "user", row->user);
        if (strcmp(row->tags, "[]") != 0 && *row->tags)
                json_field(writer, "tags", json_put_raw, sv_of(row->tags));
        if (row->acknowledged_ns) {
                json_key(writer, "acknowledged");
                json_begin_object(writer);
                put_time(writer, "time", row->acknowledged_ns);
                json_field(writer, "by", json_put_text, row->acknowledged_by);
                put_known(writer, "comment", row->comment);
                json_end_object(writer);
        }
        if (row->mute)
                json_field(writer, "mute", json_put_int, row->mute);
        if (*row->evidence && privacy)
                json_field(writer, "evidence", json_put_text, "masked");
        else if (*row->evidence)
                json_field(writer, "evidence", json_put_raw, sv_of(row->evidence));
        json_end_object(writer);
}

void alert_write_event(struct buf *out, const char *event, int64_t id, const struct alert_row *row, bool privacy)
{
        struct json_writer writer;
        if (id)
                buf_printf(out, "id: %lld\n", (long long)id);
        buf_printf(out, "event: %s\ndata: ", event);
        json_writer_init(&writer, out, 0);
        alert_write(&writer, row, privacy);
        buf_puts(out, "\n\n");
}

/* ---- filters ---- */

static const struct field params_fields[] = {
        FIELD_STRING(struct alerts_params, since, .max_length = 64,
                .help = "that came since then: \"2h\" ago, or a date and time"),
        FIELD_STRING(struct alerts_params, until, .max_length = 64, .help = "that came before then"),
        FIELD_ENUMS(struct alerts_params, states, alert_state_names, .json = "state", .max_items = ALERT_STATES,
                .help = "only those in this state"),
        FIELD_ENUM(struct alerts_params, severity, alert_severity_names, .def = "low", .help = "this bad or worse"),
        FIELD_STRING(struct alerts_params, module, .max_length = ALERT_MODULE_MAX,
                .help = "only of this module; NAME* is a beginning"),
        FIELD_STRING(struct alerts_params, rule, .max_length = ALERT_RULE_MAX, .help = "only of this rule, or NAME*"),
        FIELD_STRING(struct alerts_params, container, .max_length = ALERT_CONTAINER_MAX,
                .help = "only in this container: name, NAME*, or the start of its id"),
        FIELD_STRING(struct alerts_params, text, .max_length = 256,
                .help = "these letters in the message, rule, container, program, user or tags"),
        FIELD_UINT(struct alerts_params, limit, .def = "100", .min = 1, .max = ALERT_LIST_MAX,
                .help = "at most so many, the newest"),
        FIELD_INT(struct alerts_params, before, .min = 0, .max = INT64_MAX, .help = "only those with a lower number"),
};

const struct record alerts_params_record = {
        .fields = params_fields,
        .count = sizeof(params_fields) / sizeof(params_fields[0]),
        .size = sizeof(struct alerts_params),
        .name = "alerts_params",
};

int alert_time_parse(const char *text, int64_t now_ns, int64_t *ret_ns, struct error *err)
{
        int64_t ago_ns;
        if (duration_parse(sv_of(text), &ago_ns)) {
                if (ago_ns < 0 || ago_ns > now_ns)
                        return fail(err, E_INVALID, "\"%.60s\" is not a time in the past", text);
                *ret_ns = now_ns - ago_ns;
                return 0;
        }
        if (!time_parse(sv_of(text), ret_ns))
                return fail(err, E_INVALID, "\"%.60s\" is neither a duration (\"2h\") nor a date and time", text);
        return 0;
}

int alert_filter_init(struct alert_filter *filter, const struct alerts_params *params, int64_t now_ns, bool privacy,
        struct error *err)
{
        *filter = (struct alert_filter){
                .params = params, .since_ns = INT64_MIN, .until_ns = INT64_MAX, .privacy = privacy
        };
        if (params->since && *params->since && alert_time_parse(params->since, now_ns, &filter->since_ns, err) < 0)
                return error_prefix(err, "since");
        if (params->until && *params->until && alert_time_parse(params->until, now_ns, &filter->until_ns, err) < 0)
                return error_prefix(err, "until");
        list_foreach (state, &params->states)
                filter->states |= 1U << *state;
        return 0;
}

bool alert_word_match(const char *pattern, const char *text)
{
        size_t length = pattern ? strlen(pattern) : 0;
        if (length == 0)
                return true;
        return pattern[length - 1] == '*' ? strncmp(pattern, text, length - 1) == 0 : strcmp(pattern, text) == 0;
}

bool alert_container_match(const char *pattern, const struct alert_row *row)
{
        size_t length = pattern ? strlen(pattern) : 0;
        return alert_word_match(pattern, row->container) ||
               (length >= 4 && strncmp(pattern, row->container_id, length) == 0);
}

static bool has_text(const char *text, const struct alert_row *row, bool privacy)
{
        const char *const places[] = { privacy ? "" : row->message, row->rule, row->container, row->exe, row->user,
                row->tags, row->module };
        if (!text || !*text)
                return true;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                if (strcasestr(places[i], text))
                        return true;
        return false;
}

bool alert_filter_match(const struct alert_filter *filter, const struct alert_row *row)
{
        const struct alerts_params *params = filter->params;
        return row->last_ns >= filter->since_ns && row->time_ns < filter->until_ns &&
               (!filter->states || filter->states & 1U << row->state) && row->severity >= params->severity &&
               alert_word_match(params->module, row->module) && alert_word_match(params->rule, row->rule) &&
               alert_container_match(params->container, row) && has_text(params->text, row, filter->privacy);
}
