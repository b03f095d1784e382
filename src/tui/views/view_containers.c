/* Containers, units and groups: a flat list or the tree of cgroups; the details of one with its processes. */
#include "tui/views/columns.h"
#include "tui/views/views.h"

#include "base/timefmt.h"

enum { EVENTS_LEAST = 16 }; /* rows of the lower part that leave room for events */

struct containers_state {
        struct top *top;
        struct grid *list;
        struct grid *inside; /* processes of the one that is open */
        char *open;          /* its name; NULL: the list */
        bool containers_only;
        struct spot spot; /* where the list that has the keys is */
};

static int init(void *cookie, struct top *top, struct error *err)
{
        struct containers_state *state = cookie;
        state->top = top;
        state->list = grid_new(container_columns, container_column_count, "cpu", top_model(top), err);
        state->inside = grid_new(process_columns, process_column_count, "cpu", top_model(top), err);
        return state->list && state->inside ? 0 : -1;
}

static void done(void *cookie)
{
        struct containers_state *state = cookie;
        grid_free(state->list);
        grid_free(state->inside);
        free(state->open);
}

static void refresh(void *cookie, struct top *top)
{
        struct containers_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        if (state->open)
                add_processes(state->inside, model, state->open, true);
        else
                add_containers(state->list, model,
                        grid_tree(state->list)   ? CHOICE_ALL
                        : state->containers_only ? CHOICE_CONTAINERS
                                                 : CHOICE_LEAVES);
}

/* ---- details ---- */

static void add_figures(struct facts *facts, const struct container_row *container, const struct model *model)
{
        struct buf *out = facts_add(facts, "CPU");
        put_percent(out, container->cpu);
        buf_puts(out, " % (");
        put_percent(out, container->cpu_user);
        buf_puts(out, " user, ");
        put_percent(out, container->cpu_system);
        buf_puts(out, " sys)");
        if (container->cpu_limit > 0) {
                out = facts_add(facts, "CPU limit");
                put_fixed(out, container->cpu_limit, 2);
                buf_puts(out, " of ");
                put_fixed(out, model->host.cpus, 0);
                buf_puts(out, " CPUs");
                if (container->throttled > 0.0005) {
                        buf_printf(out, ", waits %.0f %%", container->throttled * 100);
                        facts_role(facts, ROLE_WARNING);
                }
        }
        put_bytes(facts_add(facts, "memory"), container->memory);
        if (container->memory_limit > 0) {
                out = facts_add(facts, "limit");
                put_bytes(out, container->memory_limit);
                buf_puts(out, " (");
                put_fixed(out, container->memory / container->memory_limit * 100, 0);
                buf_puts(out, " % used)");
                facts_role(facts, role_of_share(container->memory / container->memory_limit));
        }
        out = facts_add(facts, "of it");
        buf_puts(out, "rss ");
        put_bytes(out, container->memory_rss);
        buf_puts(out, ", cache ");
        put_bytes(out, container->memory_cache);
        if (container->swap > 0)
                put_bytes(facts_add(facts, "swap"), container->swap);
        out = facts_add(facts, "network");
        buf_puts(out, "in ");
        put_rate(out, container->receive);
        buf_puts(out, ", out ");
        put_rate(out, container->send);
        out = facts_add(facts, "storage");
        buf_puts(out, "read ");
        put_rate(out, container->read);
        buf_puts(out, ", write ");
        put_rate(out, container->write);
        out = facts_add(facts, "pressure");
        buf_puts(out, "cpu ");
        put_fixed(out, container->psi_cpu, 1);
        buf_puts(out, " mem ");
        put_fixed(out, container->psi_memory, 1);
        buf_puts(out, " io ");
        put_fixed(out, container->psi_io, 1);
        buf_puts(out, " %");
        facts_role(facts, role_of_pressure(fmax(fmax(container->psi_cpu, container->psi_memory), container->psi_io)));
        out = facts_add(facts, "tasks");
        put_count(out, container->processes);
        if (container->processes_limit > 0) {
                buf_puts(out, " of ");
                put_count(out, container->processes_limit);
        }
}

static void add_identity(struct facts *facts, const struct container_row *container, int64_t now_ns)
{
        int64_t started;
        facts_add_text(facts, "name", container->alias);
        facts_add_text(facts, "image", container->image);
        facts_add_text(facts, "unit", container->unit);
        if (container->engine && container->kind == CONTAINER_CONTAINER) {
                struct buf *out = facts_add(facts, "engine");
                buf_printf(out, "%s %.12s", container->engine, container->id ? container->id : "");
        }
        facts_add_text(facts, "cgroup", container->name);
        if (container->started && time_parse(sv_of(container->started), &started)) {
                struct buf *out = facts_add(facts, "runs for");
                put_duration(out, (double)(now_ns - started));
        }
}

static void draw_trends(struct area area, const struct container_row *container)
{
        struct buf figure;
        buf_init(&figure, 256);
        const struct {
                const char *label;
                enum tui_role role;
                const struct history *past;
                double value;
                void (*put)(struct buf *, double);
                double least;
        } trends[] = { { "CPU %", ROLE_SERIES_1, &container->cpu_past, container->cpu, put_percent, 0.2 },
                { "memory", ROLE_SERIES_2, &container->memory_past, container->memory, put_bytes, 1e6 },
                { "in", ROLE_SERIES_3, &container->receive_past, container->receive, put_rate, RATE_LEAST },
                { "out", ROLE_SERIES_3, &container->send_past, container->send, put_rate, RATE_LEAST },
                { "read", ROLE_SERIES_4, &container->read_past, container->read, put_rate, RATE_LEAST },
                { "write", ROLE_SERIES_4, &container->write_past, container->write, put_rate, RATE_LEAST } };
        int across = area.columns >= 100 ? 2 : 1;
        int width = area.columns / across;
        for (int i = 0; i < 6; i++) {
                buf_clear(&figure);
                trends[i].put(&figure, trends[i].value);
                trend_draw(area_part(area, i / across, i % across * width, 1, width - 1), trends[i].label,
                        trends[i].role, trends[i].past, history_ceiling(trends[i].past, trends[i].least),
                        sv_of(buf_text(&figure)));
        }
        buf_done(&figure);
}

static void draw_open(struct containers_state *state, struct top *top, struct area area)
{
        struct facts facts;
        const struct model *model = top_model(top);
        const struct container_row *container = model_container(model, state->open);
        if (!container) {
                draw_nothing(area, ROLE_DIM, "it is gone", state->open);
                return;
        }
        facts_init(&facts);
        add_figures(&facts, container, model);
        add_identity(&facts, container, top_now_unix_ns(top));
        int rows = facts_rows(&facts, area.columns);
        int trends = area.columns >= 100 ? 3 : 6;
        int most = area.rows - 5; /* the processes' share, in the least */
        if (rows > most)
                rows = most;
        if (rows > 0)
                facts_draw(area_part(area, 0, 0, rows, area.columns), &facts);
        facts_done(&facts);
        if (rows + trends > most)
                trends = most - rows > 0 ? most - rows : 0;
        draw_trends(area_part(area, rows, 0, trends, area.columns), container);
        struct area below = area_part(area, rows + trends, 0, area.rows - rows - trends, area.columns);
        int events = below.rows >= EVENTS_LEAST && container->kind == CONTAINER_CONTAINER ? below.rows / 3 : 0;
        struct area list = area_part(below, 0, 0, below.rows - events, below.columns);
        spot_draw(&state->spot, state->inside, part_title(list, "Processes", NULL, true), "none");
        if (events) {
                struct area last = part_title(area_part(below, below.rows - events, 0, events, below.columns), "Events",
                        "E: all of them", false);
                if (!draw_events(last, model, container))
                        area_text(last, 0, 1, ROLE_DIM, SV("none were seen"));
        }
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct containers_state *state = cookie;
        if (draw_waiting(top, area))
                return;
        if (state->open)
                draw_open(state, top, area);
        else if (grid_shown(state->list))
                spot_draw(&state->spot, state->list, area, "");
        else if (*grid_filter(state->list))
                draw_nothing(area, ROLE_DIM, "nothing matches the filter", grid_filter(state->list));
        else
                draw_nothing(area, ROLE_DIM,
                        state->containers_only ? "no containers are running" : "no containers and no units are running",
                        state->containers_only ? "c shows units of systemd too, t the tree of cgroups"
                                               : "t shows the tree of cgroups");
}

static struct grid *grid_of(void *cookie)
{
        struct containers_state *state = cookie;
        return state->open ? state->inside : state->list;
}

static void open_name(struct containers_state *state, const char *name)
{
        free(state->open);
        state->open = name ? strdup(name) : NULL;
}

static void go(struct containers_state *state, const char *view)
{
        char argument[4200];
        const struct container_row *container =
                state->open ? model_container(top_model(state->top), state->open) : grid_selected(state->list);
        if (!container)
                return;
        if (strcmp(view, "processes") == 0)
                snprintf(argument, sizeof(argument), "container=%s", container->name);
        else
                snprintf(argument, sizeof(argument), "container=%s",
                        container->alias ? container->alias
                        : container->id  ? container->id
                                         : container_title(container));
        top_go(state->top, view, argument);
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct containers_state *state = cookie;
        (void)argument;
        (void)commands;
        if (strcmp(name, "open") == 0) {
                const struct container_row *container = state->open ? NULL : grid_selected(state->list);
                const struct process_row *process = state->open ? grid_selected(state->inside) : NULL;
                char pid[64];
                if (container)
                        open_name(state, container->name);
                if (process) {
                        snprintf(pid, sizeof(pid), "pid=%.0f", process->pid);
                        top_go(top, "processes", pid);
                }
                return true;
        }
        if (strcmp(name, "back") == 0) {
                bool was = state->open != NULL;
                open_name(state, NULL);
                return was;
        }
        if (strcmp(name, "units") == 0) {
                state->containers_only = !state->containers_only;
                top_say(top, ROLE_INFO, state->containers_only ? "containers only" : "containers and units");
                return true;
        }
        if (strcmp(name, "processes") == 0 || strcmp(name, "events") == 0) {
                go(state, name);
                return true;
        }
        return false;
}

static void enter(void *cookie, struct top *top, const char *argument)
{
        (void)top;
        open_name(cookie, argument_value(argument, "container"));
}

static void trail(void *cookie, struct buf *out)
{
        struct containers_state *state = cookie;
        const struct container_row *container = model_container(top_model(state->top), state->open);
        if (state->open)
                buf_puts(out, container ? container_title(container) : state->open);
}

static void mouse(void *cookie, struct top *top, const struct mouse *mouse, struct area area)
{
        struct containers_state *state = cookie;
        (void)area;
        if (spot_mouse(&state->spot, mouse) == 2)
                command(cookie, top, "open", "", NULL);
}

static void line(void *cookie, struct top *top, struct buf *out)
{
        struct containers_state *state = cookie;
        (void)top;
        for (size_t i = 0; i < grid_shown(state->list) && i < 5; i++) {
                const struct container_row *container = grid_row(state->list, i);
                buf_printf(out, "%s%s cpu ", i ? "; " : "", container_title(container));
                put_percent(out, container->cpu);
                buf_puts(out, " % memory ");
                put_bytes(out, container->memory);
        }
}

const struct view view_containers = {
        .name = "containers",
        .title = "Containers",
        .summary = "containers and units with what they cost",
        .state_size = sizeof(struct containers_state),
        .init = init,
        .done = done,
        .refresh = refresh,
        .draw = draw,
        .grid = grid_of,
        .command = command,
        .enter = enter,
        .trail = trail,
        .mouse = mouse,
        .line = line,
};
