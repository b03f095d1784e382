/* Processes: a list or the tree, of the host or of one container; the details of one; signals. */
#include "base/timefmt.h"
#include "tui/source/source.h"
#include "tui/views/columns.h"
#include "tui/views/views.h"

enum { TARGETS_MAX = 256, ANCESTORS_SHOWN = 16 };

struct target {
        double pid;
        char *start;
};

struct processes_state {
        struct top *top;
        struct grid *list;
        struct grid *inside; /* of the one that is open: itself and what it began */
        char *group;         /* only within this container; NULL: all */
        char *open;          /* key of the process whose details are shown; NULL: the list */
        bool kernel;
        struct target targets[TARGETS_MAX]; /* of the signal that is being chosen */
        size_t target_count;
        char signal[16];
        struct spot spot; /* where the list that has the keys is */
};

static int init(void *cookie, struct top *top, struct error *err)
{
        struct processes_state *state = cookie;
        state->top = top;
        state->list = grid_new(process_columns, process_column_count, "cpu", top_model(top), err);
        state->inside = grid_new(process_columns, process_column_count, "cpu", top_model(top), err);
        if (!state->list || !state->inside)
                return -1;
        grid_set_tree(state->inside, true);
        return 0;
}

static void drop_targets(struct processes_state *state)
{
        for (size_t i = 0; i < state->target_count; i++)
                free(state->targets[i].start);
        state->target_count = 0;
}

static void done(void *cookie)
{
        struct processes_state *state = cookie;
        drop_targets(state);
        grid_free(state->list);
        grid_free(state->inside);
        free(state->group);
        free(state->open);
}

/* The process itself and all below it; none where it is gone. */
static void add_family(struct grid *grid, const struct model *model, const struct process_row *eldest)
{
        grid_begin(grid);
        if (eldest)
                grid_add(grid, eldest->row.id, 0, eldest);
        map_foreach (entry, &model->processes.rows) {
                const struct process_row *process = entry->value;
                if (eldest && process != eldest && process->ppid == eldest->pid)
                        grid_add(grid, process->row.id, eldest->row.id, process);
        }
        grid_end(grid);
}

static void refresh(void *cookie, struct top *top)
{
        struct processes_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        if (state->open)
                add_family(state->inside, model, model_process(model, state->open));
        else
                add_processes(state->list, model, state->group, state->kernel);
}

/* ---- details ---- */

static void add_facts(struct facts *facts, const struct process_row *process, const struct model *model, int64_t now_ns)
{
        int64_t started;
        struct buf *out = facts_add(facts, "CPU");
        put_percent(out, process->cpu);
        buf_puts(out, " %, ");
        put_duration(out, process->cpu_time);
        buf_puts(out, " in all");
        out = facts_add(facts, "memory");
        put_bytes(out, process->memory);
        buf_puts(out, " (");
        put_percent(out, process->memory / model->host.memory_total);
        buf_puts(out, " %)");
        put_bytes(facts_add(facts, "virtual"), process->virtual_memory);
        out = facts_add(facts, "storage");
        buf_puts(out, "read ");
        put_rate(out, process->read);
        buf_puts(out, ", write ");
        put_rate(out, process->write);
        if (!isnan(process->receive) || !isnan(process->send)) {
                out = facts_add(facts, "network");
                buf_puts(out, "in ");
                put_rate(out, process->receive);
                buf_puts(out, ", out ");
                put_rate(out, process->send);
        }
        facts_add_text(facts, "in", process_place(model, process));
        out = facts_add(facts, "user");
        buf_puts(out, process->user ? process->user : "");
        if (!isnan(process->uid))
                buf_printf(out, " (%.0f)", process->uid);
        out = facts_add(facts, "state");
        buf_printf(out, "%s, ", process->state ? process->state : "?");
        put_fixed(out, process->threads, 0);
        buf_puts(out, process->threads == 1 ? " thread" : " threads");
        if (process->nice != 0 && !isnan(process->nice))
                buf_printf(out, ", nice %.0f", process->nice);
        if (process->start && time_parse(sv_of(process->start), &started))
                put_duration(facts_add(facts, "runs for"), (double)(now_ns - started));
        facts_add_text(facts, "program", process->executable);
}

/* "systemd 1 › sshd 800 › bash 900" */
static void put_ancestry(struct buf *out, const struct model *model, const struct process_row *process)
{
        const struct process_row *line[ANCESTORS_SHOWN];
        size_t count = 0;
        const struct process_row *at = process;
        while (at && count < ANCESTORS_SHOWN) {
                line[count++] = at;
                at = at->ppid > 0 && at->ppid != at->pid ? model_process_by_pid(model, at->ppid) : NULL;
        }
        if (at)
                buf_puts(out, "… › ");
        while (count-- > 0)
                buf_printf(out, "%s %.0f%s", line[count]->name ? line[count]->name : "?", line[count]->pid,
                        count ? " › " : "");
}

static void draw_trends(struct area area, const struct process_row *process)
{
        struct buf figure;
        buf_init(&figure, 256);
        int across = area.columns >= 80 ? 2 : 1;
        int width = area.columns / across;
        put_percent(&figure, process->cpu);
        trend_draw(area_part(area, 0, 0, 1, width - 1), "CPU %", ROLE_SERIES_1, &process->cpu_past,
                history_ceiling(&process->cpu_past, 0.2), sv_of(buf_text(&figure)));
        buf_clear(&figure);
        put_bytes(&figure, process->memory);
        trend_draw(area_part(area, across == 1, across == 1 ? 0 : width, 1, width - 1), "memory", ROLE_SERIES_2,
                &process->memory_past, history_ceiling(&process->memory_past, 1e6), sv_of(buf_text(&figure)));
        buf_done(&figure);
}

static void draw_open(struct processes_state *state, struct top *top, struct area area)
{
        struct facts facts;
        struct buf text;
        const struct model *model = top_model(top);
        const struct process_row *process = model_process(model, state->open);
        if (!process) {
                draw_nothing(area, ROLE_DIM, "the process has ended", "Esc goes back to the list");
                return;
        }
        facts_init(&facts);
        add_facts(&facts, process, model, top_now_unix_ns(top));
        int rows = facts_rows(&facts, area.columns);
        int most = area.rows > 7 ? area.rows - 7 : 0;
        if (rows > most)
                rows = most;
        facts_draw(area_part(area, 0, 0, rows, area.columns), &facts);
        facts_done(&facts);
        buf_init(&text, 64 << 10);
        put_ancestry(&text, model, process);
        area_put(area, rows, 0, FACTS_LABEL, ALIGN_LEFT, ROLE_LABEL, SV("ancestry"));
        area_put(area, rows, FACTS_LABEL + 1, area.columns - FACTS_LABEL - 1, ALIGN_LEFT, ROLE_VALUE,
                sv_of(buf_text(&text)));
        rows++;
        if (process->command_line) {
                area_put(area, rows, 0, FACTS_LABEL, ALIGN_LEFT, ROLE_LABEL, SV("command"));
                area_put(area, rows, FACTS_LABEL + 1, area.columns - FACTS_LABEL - 1, ALIGN_LEFT, ROLE_STRONG,
                        sv_of(process->command_line));
                rows++;
        }
        buf_done(&text);
        int trends = area.columns >= 80 ? 1 : 2;
        if (area.rows - rows - trends < 4)
                trends = 0;
        draw_trends(area_part(area, rows, 0, trends, area.columns), process);
        rows += trends;
        struct area below = area_part(area, rows, 0, area.rows - rows, area.columns);
        spot_draw(&state->spot, state->inside, part_title(below, "Itself and its children", NULL, true), "none");
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct processes_state *state = cookie;
        if (draw_waiting(top, area))
                return;
        if (state->open)
                draw_open(state, top, area);
        else if (grid_shown(state->list))
                spot_draw(&state->spot, state->list, area, "");
        else if (*grid_filter(state->list))
                draw_nothing(area, ROLE_DIM, "no process matches the filter", grid_filter(state->list));
        else
                draw_nothing(area, ROLE_DIM, "no processes", state->group ? "it has none any more" : NULL);
}

static struct grid *grid_of(void *cookie)
{
        struct processes_state *state = cookie;
        return state->open ? state->inside : state->list;
}

/* ---- signals ---- */

static const char SIGNALS[] = "TERM\nKILL\nINT\nHUP\nQUIT\nSTOP\nCONT\nUSR1\nUSR2\nABRT\nWINCH";

/* The processes are those of this moment: whatever comes meanwhile, no other one gets the signal. */
static void take_targets(struct processes_state *state)
{
        const void *rows[TARGETS_MAX];
        struct grid *grid = grid_of(state);
        size_t count = grid_targets(grid, rows, TARGETS_MAX);
        drop_targets(state);
        for (size_t i = 0; i < count; i++) {
                const struct process_row *process = rows[i];
                struct target *target = &state->targets[state->target_count++];
                target->pid = process->pid;
                target->start = process->start ? strdup(process->start) : NULL;
        }
}

static void name_targets(const struct processes_state *state, struct buf *out)
{
        const struct process_row *process =
                state->target_count == 1 ? model_process_by_pid(top_model(state->top), state->targets[0].pid) : NULL;
        if (process)
                buf_printf(out, "%.0f %s", process->pid, process->name ? process->name : "?");
        else
                buf_printf(out, "%zu processes", state->target_count);
}

static void choose_signal(struct processes_state *state)
{
        struct buf title;
        take_targets(state);
        if (!state->target_count) {
                top_say(state->top, ROLE_WARNING, "no process is selected");
                return;
        }
        buf_init(&title, 1024);
        buf_puts(&title, "Signal to ");
        name_targets(state, &title);
        top_choose(state->top, buf_text(&title), SIGNALS, "signal-chosen");
        buf_done(&title);
}

static void confirm_signal(struct processes_state *state, const char *signal)
{
        struct buf text;
        snprintf(state->signal, sizeof(state->signal), "%.15s", signal);
        buf_init(&text, 1024);
        buf_printf(&text, "Send %s to ", state->signal);
        name_targets(state, &text);
        buf_puts(&text, "?");
        top_confirm(state->top, "Signal", buf_text(&text), "signal-send", state->signal);
        buf_done(&text);
}

static void send_signal(struct processes_state *state)
{
        struct sources *sources = top_readonly(state->top) ? NULL : top_sources(state->top);
        if (!sources)
                top_say(state->top, ROLE_WARNING, "nothing can be done here: a replay, or --readonly");
        for (size_t i = 0; sources && i < state->target_count; i++)
                sources_kill(sources, state->targets[i].pid, state->targets[i].start, state->signal);
        drop_targets(state);
}

static bool act(struct processes_state *state, const char *name, const char *argument)
{
        if (strcmp(name, "kill") == 0 && argument && *argument) {
                take_targets(state);
                if (state->target_count)
                        confirm_signal(state, argument);
        } else if (strcmp(name, "kill") == 0) {
                choose_signal(state);
        } else if (strcmp(name, "signal-chosen") == 0) {
                confirm_signal(state, argument);
        } else if (strcmp(name, "signal-send") == 0) {
                send_signal(state);
        } else {
                return false;
        }
        return true;
}

/* ---- commands ---- */

static void set(char **text, const char *value)
{
        char *copy = value ? strdup(value) : NULL;
        free(*text);
        *text = copy;
}

static void open_row(struct processes_state *state)
{
        const struct process_row *process = grid_selected(grid_of(state));
        if (process)
                set(&state->open, process->row.key);
}

static bool go_back(struct processes_state *state)
{
        if (state->open) {
                set(&state->open, NULL);
                return true;
        }
        if (state->group) {
                set(&state->group, NULL);
                return false; /* to the container that it came from */
        }
        return false;
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct processes_state *state = cookie;
        (void)commands;
        if (strcmp(name, "open") == 0) {
                open_row(state);
        } else if (strcmp(name, "back") == 0) {
                return go_back(state);
        } else if (strcmp(name, "kernel") == 0) {
                state->kernel = !state->kernel;
                top_say(top, ROLE_INFO, state->kernel ? "threads of the kernel too" : "without threads of the kernel");
        } else if (strcmp(name, "events") == 0) {
                char text[64];
                const struct process_row *process =
                        state->open ? model_process(top_model(top), state->open) : grid_selected(state->list);
                snprintf(text, sizeof(text), "pid=%.0f", process ? process->pid : 0);
                if (process)
                        top_go(top, "events", text);
        } else {
                return act(state, name, argument);
        }
        return true;
}

static void enter(void *cookie, struct top *top, const char *argument)
{
        struct processes_state *state = cookie;
        const char *pid = argument_value(argument, "pid");
        uint64_t number;
        set(&state->open, NULL);
        set(&state->group, argument_value(argument, "container"));
        if (!pid || !sv_parse_u64(sv_of(pid), 10, &number))
                return;
        const struct process_row *process = model_process_by_pid(top_model(top), (double)number);
        if (process)
                set(&state->open, process->row.key);
        else
                top_say(top, ROLE_WARNING, "process %s has ended", pid);
}

static void trail(void *cookie, struct buf *out)
{
        struct processes_state *state = cookie;
        const struct model *model = top_model(state->top);
        const struct container_row *container = model_container(model, state->group);
        const struct process_row *process = model_process(model, state->open);
        if (state->group)
                buf_printf(out, "in %s", container ? container_title(container) : state->group);
        if (state->open)
                buf_printf(out, "%s%.0f %s", state->group ? " › " : "", process ? process->pid : 0,
                        process && process->name ? process->name : "ended");
}

static void mouse(void *cookie, struct top *top, const struct mouse *mouse, struct area area)
{
        struct processes_state *state = cookie;
        (void)area;
        (void)top;
        if (spot_mouse(&state->spot, mouse) == 2)
                open_row(state);
}

static void line(void *cookie, struct top *top, struct buf *out)
{
        struct processes_state *state = cookie;
        (void)top;
        for (size_t i = 0; i < grid_shown(state->list) && i < 5; i++) {
                const struct process_row *process = grid_row(state->list, i);
                buf_printf(out, "%s%.0f %s cpu ", i ? "; " : "", process->pid, process->name ? process->name : "?");
                put_percent(out, process->cpu);
                buf_puts(out, " % memory ");
                put_bytes(out, process->memory);
        }
}

const struct view view_processes = {
        .name = "processes",
        .title = "Processes",
        .summary = "processes with what they cost, their container, and signals to them",
        .state_size = sizeof(struct processes_state),
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
