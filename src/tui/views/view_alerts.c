/* Alerts of the agent, or of the watch that runs here; the evidence of one; acknowledging and muting. */
#include "term/width.h"
#include "tui/model/scan.h"
#include "tui/source/source.h"
#include "tui/views/pairs.h"
#include "tui/views/view_parts.h"
#include "tui/views/views.h"

enum { TARGETS_MAX = 256 };

struct alerts_state {
        struct top *top;
        struct grid *list;
        struct pairs pairs;
        uint64_t open;    /* key of the one whose details are shown; 0: the list */
        bool all;         /* acknowledged and muted ones too */
        struct spot spot; /* where the list that has the keys is */
};

#define C(name) static void name(const void *row, void *cookie, struct grid_cell *ret)

static enum tui_role quiet(const struct alert *alert, enum tui_role role)
{
        return alert->state == ALERT_OPEN ? role : ROLE_DIM;
}

C(time_cell)
{
        (void)cookie;
        put_clock(ret->text, ((const struct alert *)row)->last_ns);
        ret->role = ROLE_DIM;
}

C(severity_cell)
{
        const struct alert *alert = row;
        (void)cookie;
        buf_puts(ret->text, severity_names[alert->severity]);
        ret->role = quiet(alert, role_of_severity(alert->severity));
}

C(state_cell)
{
        static const char *const names[] = { "open", "acknowledged", "muted" };
        const struct alert *alert = row;
        (void)cookie;
        buf_puts(ret->text, names[alert->state]);
        if (alert->state == ALERT_ACKNOWLEDGED && alert->by)
                buf_printf(ret->text, " by %s", alert->by);
        ret->role = quiet(alert, ROLE_TEXT);
}

C(rule_cell)
{
        const struct alert *alert = row;
        (void)cookie;
        cell_text(ret, alert->rule ? alert->rule : alert->module);
        ret->role = quiet(alert, ret->role);
}

C(container_cell)
{
        const struct alert *alert = row;
        (void)cookie;
        cell_text(ret, alert->container);
        ret->role = quiet(alert, alert->container ? ROLE_STRONG : ROLE_DIM);
}

C(count_cell)
{
        const struct alert *alert = row;
        (void)cookie;
        put_count(ret->text, alert->count);
        ret->role = alert->count > 1 ? quiet(alert, ROLE_STRONG) : ROLE_DIM;
}

C(message_cell)
{
        const struct alert *alert = row;
        (void)cookie;
        cell_text(ret, alert->message);
        ret->role = quiet(alert, ret->role);
}

COMPARE_NUMBER(by_time, alert, last_ns);
COMPARE_NUMBER(by_severity, alert, severity);
COMPARE_NUMBER(by_state, alert, state);
COMPARE_NUMBER(by_count, alert, count);
COMPARE_TEXT(by_rule, alert, rule);
COMPARE_TEXT(by_container, alert, container);

static const struct grid_column columns[] = {
        { "time", "LAST", "when it came last", .width = 8, .descending = true, .no_match = true, .priority = 1,
                .cell = time_cell, .compare = by_time },
        { "severity", "SEVERITY", "how bad", .width = 8, .descending = true, .cell = severity_cell,
                .compare = by_severity },
        { "count", "N", "how often", .width = 4, .right = true, .descending = true, .no_match = true, .priority = 5,
                .cell = count_cell, .compare = by_count },
        { "rule", "RULE", "rule, or the module", .width = 20, .priority = 2, .cell = rule_cell, .compare = by_rule },
        { "container", "CONTAINER", "where", .width = 14, .priority = 3, .cell = container_cell,
                .compare = by_container },
        { "state", "STATE", "open, acknowledged or muted", .width = 13, .priority = 4, .cell = state_cell,
                .compare = by_state },
        { "message", "MESSAGE", "what was found", .least = 16, .cell = message_cell },
};

/* The agent's number stays the same when the list comes anew. */
static uint64_t key_of(const struct alert *alert)
{
        return alert->id ? alert->id << 1 | 1 : alert->number << 1;
}

static const struct alert *find(const struct model *model, uint64_t key)
{
        vec_foreach (alert, &model->alerts) {
                if (key && key_of(alert) == key)
                        return alert;
        }
        return NULL;
}

static int init(void *cookie, struct top *top, struct error *err)
{
        struct alerts_state *state = cookie;
        state->top = top;
        state->list = grid_new(columns, sizeof(columns) / sizeof(columns[0]), "time", top_model(top), err);
        return state->list && pairs_init(&state->pairs, err) == 0 ? 0 : -1;
}

static void done(void *cookie)
{
        struct alerts_state *state = cookie;
        pairs_done(&state->pairs);
        grid_free(state->list);
}

static void refresh(void *cookie, struct top *top)
{
        struct alerts_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        if (top_sources(top))
                sources_want_events(top_sources(top)); /* without an agent, alerts are those of events */
        grid_begin(state->list);
        vec_foreach (alert, &model->alerts)
                if (state->all || alert->state == ALERT_OPEN)
                        grid_add(state->list, key_of(alert), 0, alert);
        grid_end(state->list);
}

static void draw_open(struct alerts_state *state, struct top *top, struct area area)
{
        const struct alert *alert = find(top_model(top), state->open);
        struct facts facts;
        if (!alert) {
                draw_nothing(area, ROLE_DIM, "the alert is gone", "it was the oldest of too many");
                return;
        }
        facts_init(&facts);
        buf_puts(facts_add(&facts, "severity"), severity_names[alert->severity]);
        facts_role(&facts, role_of_severity(alert->severity));
        put_clock(facts_add(&facts, "time"), alert->time_ns);
        facts_add_text(&facts, "rule", alert->rule);
        facts_add_text(&facts, "module", alert->module);
        facts_add_text(&facts, "container", alert->container);
        facts_add_text(&facts, "program", alert->exe);
        if (!isnan(alert->pid) && alert->pid > 0)
                buf_printf(facts_add(&facts, "process"), "%.0f", alert->pid);
        if (alert->count > 1)
                put_count(facts_add(&facts, "times"), alert->count);
        if (alert->state != ALERT_OPEN)
                buf_printf(facts_add(&facts, "state"), "%s%s%s", alert->state == ALERT_MUTED ? "muted" : "acknowledged",
                        alert->by ? " by " : "", alert->by ? alert->by : "");
        int row = 0;
        struct sv rest = sv_of(alert->message ? alert->message : "");
        struct sv line;
        while (row < 3 && row < area.rows - 4 && term_wrap(&rest, area.columns > 1 ? (size_t)area.columns : 1, &line))
                area_text(area, row++, 0, ROLE_STRONG, line);
        int rows = facts_rows(&facts, area.columns);
        if (rows > area.rows - row - 4)
                rows = area.rows - row - 4;
        if (rows > 0)
                facts_draw(area_part(area, row, 0, rows, area.columns), &facts);
        facts_done(&facts);
        row += rows > 0 ? rows : 0;
        struct area below = area_part(area, row, 0, area.rows - row, area.columns);
        spot_draw(&state->spot, state->pairs.grid, part_title(below, "Evidence", NULL, true), "none was told");
}

static void draw_none(const struct alerts_state *state, struct top *top, struct area area)
{
        const struct model *model = top_model(top);
        const struct source_status *alerts = model_source(model, "alerts");
        const struct source_status *events = model_source(model, "events");
        bool here = !alerts || alerts->state == SOURCE_OFF;
        const struct source_status *source = here ? events : alerts;
        const char *why = source && source->state != SOURCE_LIVE ? source->message : NULL;
        if (*grid_filter(state->list))
                draw_nothing(area, ROLE_DIM, "no alert matches the filter", grid_filter(state->list));
        else if (source && source->state == SOURCE_DOWN)
                draw_nothing(area, ROLE_ERROR, "alerts do not come", why);
        else if (model->alerts.count)
                draw_nothing(area, ROLE_SUCCESS, "no open alerts", "z shows acknowledged and muted ones too");
        else
                draw_nothing(area, ROLE_SUCCESS, "no alerts", why);
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct alerts_state *state = cookie;
        if (state->open)
                draw_open(state, top, area);
        else if (grid_shown(state->list))
                spot_draw(&state->spot, state->list, area, "");
        else
                draw_none(state, top, area);
}

static struct grid *grid_of(void *cookie)
{
        struct alerts_state *state = cookie;
        return state->open ? state->pairs.grid : state->list;
}

/* ---- acting ---- */

static size_t targets(struct alerts_state *state, const void **rows)
{
        if (!state->open)
                return grid_targets(state->list, rows, TARGETS_MAX);
        rows[0] = find(top_model(state->top), state->open);
        return rows[0] != NULL;
}

static void act(struct alerts_state *state, const char *name, const char *argument)
{
        const void *rows[TARGETS_MAX];
        struct sources *sources = top_readonly(state->top) ? NULL : top_sources(state->top);
        size_t count = targets(state, rows);
        if (!sources) {
                top_say(state->top, ROLE_WARNING, "nothing can be done here: a replay, or --readonly");
                return;
        }
        for (size_t i = 0; i < count; i++) {
                const struct alert *alert = rows[i];
                if (!alert->id)
                        top_say(state->top, ROLE_WARNING, "alerts that no agent keeps cannot be marked");
                else if (strcmp(name, "unacknowledge") == 0)
                        sources_unacknowledge(sources, alert->id);
                else if (strcmp(name, "acknowledge-as") == 0)
                        sources_acknowledge(sources, alert->id, argument);
                else if (i == 0)
                        sources_mute(sources, alert->module, alert->rule, alert->container, argument, NULL);
        }
}

static void ask_mute(struct alerts_state *state)
{
        const void *rows[TARGETS_MAX];
        char title[256];
        if (!targets(state, rows))
                return;
        const struct alert *alert = rows[0];
        snprintf(title, sizeof(title), "Mute %.80s%s%.80s for", alert->rule ? alert->rule : "the rule",
                alert->container ? " in " : "", alert->container ? alert->container : "");
        top_choose(state->top, title, "1h\n4h\n1d\n7d\n30d", "mute-for");
}

/* What the module told, where the agent keeps it; else all that is known. */
static void show_evidence(struct alerts_state *state, const struct alert *alert)
{
        struct sv all = sv_of(alert->json ? alert->json : "{}");
        struct sv evidence = scan_find(all, "evidence");
        pairs_set(&state->pairs, evidence.n && evidence.p[0] == '{' ? evidence : all);
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct alerts_state *state = cookie;
        (void)commands;
        if (strcmp(name, "open") == 0) {
                const struct alert *alert = state->open ? NULL : grid_selected(state->list);
                if (alert) {
                        state->open = key_of(alert);
                        show_evidence(state, alert);
                }
        } else if (strcmp(name, "back") == 0) {
                bool was = state->open != 0;
                state->open = 0;
                return was;
        } else if (strcmp(name, "all") == 0) {
                state->all = !state->all;
                top_say(top, ROLE_INFO, state->all ? "all alerts" : "open alerts only");
        } else if (strcmp(name, "acknowledge") == 0) {
                if (*argument)
                        act(state, "acknowledge-as", argument);
                else
                        top_ask(top, "Acknowledge, with a comment", "", "acknowledge-as");
        } else if (strcmp(name, "mute") == 0) {
                if (*argument)
                        act(state, "mute-for", argument);
                else
                        ask_mute(state);
        } else if (strcmp(name, "acknowledge-as") == 0 || strcmp(name, "unacknowledge") == 0 ||
                   strcmp(name, "mute-for") == 0) {
                act(state, name, argument);
        } else {
                return false;
        }
        return true;
}

static void mouse(void *cookie, struct top *top, const struct mouse *mouse, struct area area)
{
        struct alerts_state *state = cookie;
        (void)area;
        if (spot_mouse(&state->spot, mouse) == 2)
                command(cookie, top, "open", "", NULL);
}

static void trail(void *cookie, struct buf *out)
{
        const struct alerts_state *state = cookie;
        const struct alert *alert = find(top_model(state->top), state->open);
        if (alert)
                put_text(out, alert->rule ? alert->rule : alert->module);
}

static void line(void *cookie, struct top *top, struct buf *out)
{
        const struct model *model = top_model(top);
        (void)cookie;
        buf_printf(out, "alerts open %zu, high or critical %zu", model_alerts_open(model, SEVERITY_LOW),
                model_alerts_open(model, SEVERITY_HIGH));
}

const struct view view_alerts = {
        .name = "alerts",
        .title = "Alerts",
        .summary = "what rules and modules found; acknowledge and mute",
        .state_size = sizeof(struct alerts_state),
        .init = init,
        .done = done,
        .refresh = refresh,
        .draw = draw,
        .grid = grid_of,
        .command = command,
        .trail = trail,
        .mouse = mouse,
        .line = line,
};
