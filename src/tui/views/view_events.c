/* Events of watch as they come; the whole of one. */
#include "tui/source/source.h"
#include "tui/views/pairs.h"
#include "tui/views/view_parts.h"
#include "tui/views/views.h"

struct events_state {
        struct top *top;
        struct grid *list;
        struct pairs pairs;
        bool open;
        uint64_t shown;  /* number of the event that pairs holds */
        char *container; /* only of this one; NULL: all */
        double pid;      /* only of this process; NAN: all */
};

#define C(name) static void name(const void *row, void *cookie, struct grid_cell *ret)

C(time_cell)
{
        (void)cookie;
        put_clock(ret->text, ((const struct event *)row)->time_ns);
        ret->role = ROLE_DIM;
}

C(type_cell)
{
        const struct event *event = row;
        (void)cookie;
        cell_text(ret, event->type);
        const char *type = event->type ? event->type : "";
        ret->role = event->alert                                             ? ROLE_SEVERITY_HIGH
                    : strcmp(type, "exec") == 0                              ? ROLE_INFO
                    : strcmp(type, "exit") == 0 || strcmp(type, "fork") == 0 ? ROLE_DIM
                    : strcmp(type, "gap") == 0 || strcmp(type, "oom") == 0 || strcmp(type, "anomaly") == 0
                            ? ROLE_WARNING
                            : ROLE_TEXT;
}

C(container_cell)
{
        const struct event *event = row;
        (void)cookie;
        if (event->container)
                buf_puts(ret->text, event->container);
        else if (event->container_id)
                buf_printf(ret->text, "%.12s", event->container_id);
        else
                cell_text(ret, NULL);
        if (event->container || event->container_id)
                ret->role = ROLE_STRONG;
}

C(pid_cell)
{
        const struct event *event = row;
        (void)cookie;
        if (isnan(event->pid))
                cell_text(ret, NULL);
        else
                buf_printf(ret->text, "%.0f", event->pid);
}

C(uid_cell)
{
        (void)cookie;
        cell_text(ret, ((const struct event *)row)->user);
        ret->role = ROLE_DIM;
}

C(detail_cell)
{
        const struct event *event = row;
        (void)cookie;
        if (event->alert)
                ret->role = ROLE_SEVERITY_HIGH;
        put_event_text(ret->text, event);
}

/* They stand in the order in which they came. */
static const struct grid_column columns[] = {
        { "time", "TIME", "when", .width = 8, .no_match = true, .priority = 1, .cell = time_cell },
        { "type", "EVENT", "what happened", .width = 10, .cell = type_cell },
        { "container", "CONTAINER", "where", .width = 14, .priority = 2, .cell = container_cell },
        { "uid", "UID", "who", .width = 6, .right = true, .priority = 5, .cell = uid_cell },
        { "pid", "PID", "process", .width = 7, .right = true, .priority = 4, .cell = pid_cell },
        { "detail", "DETAILS", "arguments; program with status or file", .least = 16, .cell = detail_cell },
};

static int init(void *cookie, struct top *top, struct error *err)
{
        struct events_state *state = cookie;
        state->top = top;
        state->pid = NAN;
        state->list = grid_new(columns, sizeof(columns) / sizeof(columns[0]), NULL, top_model(top), err);
        if (!state->list || pairs_init(&state->pairs, err) < 0)
                return -1;
        grid_set_tail(state->list, true);
        return 0;
}

static void done(void *cookie)
{
        struct events_state *state = cookie;
        pairs_done(&state->pairs);
        grid_free(state->list);
        free(state->container);
}

static bool is_of(const struct events_state *state, const struct event *event)
{
        const char *wanted = state->container;
        if (!isnan(state->pid) && event->pid != state->pid)
                return false;
        return !wanted || (event->container && strcmp(event->container, wanted) == 0) ||
               (event->container_id && strcmp(event->container_id, wanted) == 0);
}

static void refresh(void *cookie, struct top *top)
{
        struct events_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        if (top_sources(top))
                sources_want_events(top_sources(top));
        if (state->open)
                return; /* what is read stands still */
        grid_begin(state->list);
        for (size_t back = model->event_count; back-- > 0;) {
                const struct event *event = model_event(model, back);
                if (is_of(state, event))
                        grid_add(state->list, event->number, 0, event);
        }
        grid_end(state->list);
}

static void draw_none(const struct events_state *state, struct top *top, struct area area)
{
        const struct source_status *source = model_source(top_model(top), "events");
        const char *why = source ? source->message : NULL;
        if (*grid_filter(state->list))
                draw_nothing(area, ROLE_DIM, "no event matches the filter", grid_filter(state->list));
        else if (state->container || !isnan(state->pid))
                draw_nothing(area, ROLE_DIM, "no events of it so far", why);
        else if (source && source->state == SOURCE_DOWN)
                draw_nothing(area, ROLE_ERROR, "events do not come", why);
        else if (source && source->state == SOURCE_OFF)
                draw_nothing(area, ROLE_WARNING, "no events here", why);
        else
                draw_nothing(area, ROLE_DIM, "nothing has happened yet", why);
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct events_state *state = cookie;
        const struct model *model = top_model(top);
        if (state->open) {
                grid_draw(state->pairs.grid, area);
                return;
        }
        if (!grid_shown(state->list)) {
                draw_none(state, top, area);
                return;
        }
        bool lost = model->events_missed > 0 && area.rows > 6;
        grid_draw(state->list, area_part(area, 0, 0, area.rows - lost, area.columns));
        if (lost)
                area_printf(area, area.rows - 1, 0, ROLE_WARNING, "%llu events did not come: too many at once",
                        (unsigned long long)model->events_missed);
}

static struct grid *grid_of(void *cookie)
{
        struct events_state *state = cookie;
        return state->open ? state->pairs.grid : state->list;
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct events_state *state = cookie;
        (void)top;
        (void)argument;
        (void)commands;
        if (strcmp(name, "open") == 0) {
                const struct event *event = state->open ? NULL : grid_selected(state->list);
                if (event && event->json) {
                        pairs_set(&state->pairs, sv_of(event->json));
                        state->shown = event->number;
                        state->open = true;
                }
                return true;
        }
        if (strcmp(name, "back") == 0) {
                bool was = state->open;
                state->open = false;
                return was;
        }
        return false;
}

static void enter(void *cookie, struct top *top, const char *argument)
{
        struct events_state *state = cookie;
        const char *container = argument_value(argument, "container");
        const char *pid = argument_value(argument, "pid");
        uint64_t number;
        (void)top;
        state->open = false;
        free(state->container);
        state->container = container ? strdup(container) : NULL;
        state->pid = pid && sv_parse_u64(sv_of(pid), 10, &number) ? (double)number : NAN;
}

static void trail(void *cookie, struct buf *out)
{
        const struct events_state *state = cookie;
        if (state->container)
                buf_printf(out, "of %s", state->container);
        if (!isnan(state->pid))
                buf_printf(out, "of %.0f", state->pid);
        if (state->open)
                buf_printf(out, "%sevent %llu", out->len ? " › " : "", (unsigned long long)state->shown);
}

static void line(void *cookie, struct top *top, struct buf *out)
{
        const struct model *model = top_model(top);
        const struct event *event = model_event(model, 0);
        (void)cookie;
        buf_printf(out, "events %zu", model->event_count);
        if (event)
                buf_printf(out, ", last: %s %s %s", event->type ? event->type : "?",
                        event->program ? event->program : "", event->detail ? event->detail : "");
}

const struct view view_events = {
        .name = "events",
        .title = "Events",
        .summary = "what programs do, as it happens",
        .state_size = sizeof(struct events_state),
        .init = init,
        .done = done,
        .refresh = refresh,
        .draw = draw,
        .grid = grid_of,
        .command = command,
        .enter = enter,
        .trail = trail,
        .line = line,
};
