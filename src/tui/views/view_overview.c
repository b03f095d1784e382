/* The host at a glance: what it has left, what costs most, what happened last. */
#include "base/timefmt.h"
#include "term/width.h"
#include "tui/views/columns.h"
#include "tui/views/views.h"

struct overview_state {
        struct top *top;
        struct grid *containers, *processes;
        bool second;          /* the processes' list has the keys */
        struct spot spots[2]; /* containers, processes */
};

static int init(void *cookie, struct top *top, struct error *err)
{
        struct overview_state *state = cookie;
        state->top = top;
        state->containers = grid_new(container_columns, container_column_count, "cpu", top_model(top), err);
        state->processes = grid_new(process_columns, process_column_count, "cpu", top_model(top), err);
        return state->containers && state->processes ? 0 : -1;
}

static void done(void *cookie)
{
        struct overview_state *state = cookie;
        grid_free(state->containers);
        grid_free(state->processes);
}

static void refresh(void *cookie, struct top *top)
{
        struct overview_state *state = cookie;
        const struct model *model = top_model(top);
        say_answer(top);
        add_containers(state->containers, model, CHOICE_LEAVES);
        add_processes(state->processes, model, NULL, false);
}

/* ---- the host ---- */

static void draw_host_line(struct area area, const struct model *model)
{
        const struct host_row *host = &model->host;
        struct buf text;
        buf_init(&text, 4096);
        int column = area_text(area, 0, 0, ROLE_STRONG, sv_of(host->hostname ? host->hostname : "host")) + 2;
        buf_puts(&text, "up ");
        put_duration(&text, host->uptime);
        if (!isnan(host->load1))
                buf_printf(&text, "  load %.2f %.2f %.2f", host->load1, host->load5, host->load15);
        if (!isnan(host->processes))
                buf_printf(&text, "  %.0f processes", host->processes);
        if (host->blocked > 0)
                buf_printf(&text, ", %.0f blocked", host->blocked);
        column += area_text(area, 0, column, ROLE_TEXT, sv_of(buf_text(&text))) + 2;
        buf_clear(&text);
        buf_printf(&text, "%s  %s", host->kernel ? host->kernel : "", host->os ? host->os : "");
        int width = area.columns - column;
        if (width >= (int)text.len)
                area_put(area, 0, column, width, ALIGN_RIGHT, ROLE_DIM, sv_of(buf_text(&text)));
        buf_done(&text);
}

static void draw_gauge(struct area area, int row, const char *label, double share, struct buf *text)
{
        char figure[24]; /* of one width, so that the bars are */
        snprintf(figure, sizeof(figure), "%18s", buf_text(text));
        gauge_draw(area_part(area, row, 0, 1, area.columns), sv_of(label), share, sv_of(figure));
        buf_clear(text);
}

static void put_of(struct buf *out, double used, double total)
{
        put_bytes(out, used);
        buf_puts(out, " of ");
        put_bytes(out, total);
}

/* One letter a CPU, by its height. */
static void draw_cores(struct area area, int row, const struct host_row *host)
{
        static const char *const heights[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
        static const char ascii[] = ".:-=+*#@";
        enum { LABEL = 6 };
        int width = area.columns - LABEL;
        bool utf8 = area_utf8(area);
        area_text(area, row, 0, ROLE_LABEL, SV("cores"));
        for (unsigned i = 0; i < host->core_count && (int)i < width; i++) {
                double share = (double)host->cores[i];
                int height = share >= 1 ? 7 : share > 0 ? (int)(share * 8) : 0;
                enum tui_role role = share >= 0.02 ? role_of_share(share) : ROLE_DIM;
                bool cut = (int)i == width - 1 && host->core_count > (unsigned)width;
                area_text(area, row, LABEL + (int)i, role,
                        cut    ? utf8 ? SV("…") : SV("~")
                           : utf8 ? sv_of(heights[height])
                               : sv_n(ascii + height, 1));
        }
}

static void draw_pressures(struct area area, int row, const struct host_row *host)
{
        enum { LABEL = 6 };
        const struct {
                const char *name;
                double percent;
        } all[] = { { "cpu", host->psi_cpu }, { "memory", host->psi_memory }, { "io", host->psi_io } };
        struct buf text;
        area_text(area, row, 0, ROLE_LABEL, SV("PSI"));
        int column = LABEL;
        if (isnan(host->psi_cpu) && isnan(host->psi_io)) {
                area_text(area, row, column, ROLE_DIM, SV("this kernel tells none"));
                return;
        }
        buf_init(&text, 256);
        for (size_t i = 0; i < 3; i++) {
                column += area_printf(area, row, column, ROLE_DIM, "%s ", all[i].name);
                buf_clear(&text);
                put_fixed(&text, all[i].percent, 1);
                column += area_printf(area, row, column, role_of_pressure(all[i].percent), "%s%%  ", buf_text(&text));
        }
        buf_done(&text);
}

enum { VITAL_ROWS = 5 };

static void draw_gauges(struct area area, const struct model *model)
{
        const struct host_row *host = &model->host;
        double used = host->memory_total - host->memory_available;
        struct buf text;
        buf_init(&text, 1024);
        put_percent(&text, host->cpu / host->cpus);
        buf_puts(&text, " % of ");
        put_fixed(&text, host->cpus, 0);
        draw_gauge(area, 0, "CPU   ", host->cpu / host->cpus, &text);
        put_of(&text, used, host->memory_total);
        draw_gauge(area, 1, "Memory", used / host->memory_total, &text);
        if (host->swap_total > 0)
                put_of(&text, host->swap_used, host->swap_total);
        else
                buf_puts(&text, "none");
        draw_gauge(area, 2, "Swap  ", host->swap_total > 0 ? host->swap_used / host->swap_total : 0, &text);
        buf_done(&text);
        draw_cores(area, 3, host);
        draw_pressures(area, 4, host);
}

static void draw_trend(struct area area, int row, const char *label, enum tui_role role, const struct history *past,
        double max, double value, void (*put)(struct buf *, double))
{
        struct buf figure;
        buf_init(&figure, 256);
        put(&figure, value);
        trend_draw(area_part(area, row, 0, 1, area.columns), label, role, past, max, sv_of(buf_text(&figure)));
        buf_done(&figure);
}

static void put_per_second(struct buf *out, double count)
{
        if (isnan(count)) {
                buf_puts(out, "-");
                return;
        }
        if (count < 10)
                buf_printf(out, "%.1f", count);
        else
                put_count(out, count);
        buf_puts(out, "/s");
}

static void draw_trends(struct area area, const struct model *model)
{
        const struct host_row *host = &model->host;
        double execs = model_exec_rate(model, 10);
        draw_trend(area, 0, "net in", ROLE_SERIES_3, &host->receive_past,
                history_ceiling(&host->receive_past, RATE_LEAST), host->receive, put_rate);
        draw_trend(area, 1, "net out", ROLE_SERIES_3, &host->send_past, history_ceiling(&host->send_past, RATE_LEAST),
                host->send, put_rate);
        draw_trend(area, 2, "read", ROLE_SERIES_4, &host->read_past, history_ceiling(&host->read_past, RATE_LEAST),
                host->read, put_rate);
        draw_trend(area, 3, "write", ROLE_SERIES_4, &host->write_past, history_ceiling(&host->write_past, RATE_LEAST),
                host->write, put_rate);
        draw_trend(area, 4, isnan(execs) ? "forks" : "execs", ROLE_SERIES_1, &host->forks_past,
                history_ceiling(&host->forks_past, 10), isnan(execs) ? host->forks : execs, put_per_second);
}

/* ---- what happened last ---- */

static int alert_rows(const struct model *model)
{
        int open = 0;
        vec_foreach (alert, &model->alerts)
                open += alert->state == ALERT_OPEN && open < 3;
        return open;
}

static void draw_alerts(struct area area, const struct model *model)
{
        struct buf text;
        int row = 0;
        buf_init(&text, 16 << 10);
        vec_foreach (alert, &model->alerts) {
                if (alert->state != ALERT_OPEN || row >= area.rows)
                        continue;
                buf_clear(&text);
                put_clock(&text, alert->last_ns);
                int column = area_text(area, row, 0, ROLE_DIM, sv_of(buf_text(&text))) + 1;
                area_text(area, row, column, role_of_severity(alert->severity), sv_of(severity_names[alert->severity]));
                column += EVENT_KIND;
                if (alert->container)
                        column += draw_short(area, row, column, 20, alert->container) + 1;
                area_text(area, row, column, ROLE_TEXT, sv_of(alert->message ? alert->message : ""));
                row++;
        }
        buf_done(&text);
}

static void draw_latest(struct area area, const struct model *model)
{
        char note[300] = "";
        size_t open = model_alerts_open(model, SEVERITY_LOW);
        size_t bad = model_alerts_open(model, SEVERITY_HIGH);
        const struct source_status *events = model_source(model, "events");
        if (open)
                snprintf(note, sizeof(note), "%zu open alert%s, %zu high or critical", open, open == 1 ? "" : "s", bad);
        else if (events && events->state != SOURCE_LIVE && !model->event_count)
                snprintf(note, sizeof(note), "%s", events->message);
        struct area inner = part_title(area, open ? "Alerts" : "Events", note, false);
        int alerts = alert_rows(model);
        if (alerts > inner.rows)
                alerts = inner.rows;
        draw_alerts(area_part(inner, 0, 0, alerts, inner.columns), model);
        draw_events(area_part(inner, alerts, 0, inner.rows - alerts, inner.columns), model, NULL);
}

/* ---- the page ---- */

static void draw_list(struct overview_state *state, struct area area, bool second)
{
        struct grid *grid = second ? state->processes : state->containers;
        const char *title = second ? "Processes" : "Containers";
        bool active = second == state->second;
        grid_set_keys(grid, active);
        spot_draw(&state->spots[second], grid, part_title(area, title, active ? "o: the other list" : NULL, active),
                "none are running");
}

/* Gauges at the left, trends at the right where both find room; the rows taken. */
static int draw_vitals(struct area area, const struct model *model)
{
        int row = 1;
        draw_host_line(area, model);
        if (area.columns >= 70 && area.rows >= 16) {
                int half = area.columns / 2;
                draw_gauges(area_part(area, row, 0, VITAL_ROWS, half - 2), model);
                draw_trends(area_part(area, row, half, VITAL_ROWS, area.columns - half), model);
                return row + VITAL_ROWS;
        }
        int gauges = area.rows >= 16 ? VITAL_ROWS : 2;
        draw_gauges(area_part(area, row, 0, gauges, area.columns), model);
        row += gauges;
        if (area.rows >= 26) {
                draw_trends(area_part(area, row, 0, VITAL_ROWS, area.columns), model);
                row += VITAL_ROWS;
        }
        return row;
}

static void draw(void *cookie, struct top *top, struct area area)
{
        struct overview_state *state = cookie;
        memset(state->spots, 0, sizeof(state->spots));
        const struct model *model = top_model(top);
        if (draw_waiting(top, area))
                return;
        int row = draw_vitals(area, model);
        struct area rest = area_part(area, row, 0, area.rows - row, area.columns);
        int latest = rest.rows >= 15                       ? rest.rows / 4
                     : rest.rows >= 12                     ? 3
                     : alert_rows(model) && rest.rows >= 9 ? 2
                                                           : 0;
        struct area lists = area_part(rest, 0, 0, rest.rows - latest, rest.columns);
        if (lists.columns >= 150) {
                int half = lists.columns / 2;
                draw_list(state, area_part(lists, 0, 0, lists.rows, half - 1), false);
                draw_list(state, area_part(lists, 0, half + 1, lists.rows, lists.columns - half - 1), true);
        } else if (lists.rows >= 8) {
                int above = lists.rows / 2;
                draw_list(state, area_part(lists, 0, 0, above, lists.columns), false);
                draw_list(state, area_part(lists, above, 0, lists.rows - above, lists.columns), true);
        } else {
                draw_list(state, lists, state->second);
        }
        if (latest)
                draw_latest(area_part(rest, rest.rows - latest, 0, latest, rest.columns), model);
}

static struct grid *grid_of(void *cookie)
{
        struct overview_state *state = cookie;
        return state->second ? state->processes : state->containers;
}

static void open_selected(struct overview_state *state, struct top *top)
{
        char target[4200];
        if (state->second) {
                const struct process_row *process = grid_selected(state->processes);
                snprintf(target, sizeof(target), "pid=%.0f", process ? process->pid : 0);
                if (process)
                        top_go(top, "processes", target);
        } else {
                const struct container_row *container = grid_selected(state->containers);
                snprintf(target, sizeof(target), "container=%s", container ? container->name : "");
                if (container)
                        top_go(top, "containers", target);
        }
}

static void mouse(void *cookie, struct top *top, const struct mouse *mouse, struct area area)
{
        struct overview_state *state = cookie;
        (void)area;
        for (size_t i = 0; i < 2; i++) {
                int hit = spot_mouse(&state->spots[i], mouse);
                if (hit)
                        state->second = i == 1;
                if (hit == 2)
                        open_selected(state, top);
        }
}

static bool command(void *cookie, struct top *top, const char *name, const char *argument, struct commands *commands)
{
        struct overview_state *state = cookie;
        (void)argument;
        (void)commands;
        if (strcmp(name, "other") == 0)
                state->second = !state->second;
        else if (strcmp(name, "open") == 0)
                open_selected(state, top);
        else
                return false;
        return true;
}

static void line(void *cookie, struct top *top, struct buf *out)
{
        const struct model *model = top_model(top);
        const struct host_row *host = &model->host;
        (void)cookie;
        buf_puts(out, "cpu ");
        put_percent(out, host->cpu / host->cpus);
        buf_puts(out, " % memory ");
        put_of(out, host->memory_total - host->memory_available, host->memory_total);
        buf_puts(out, " in ");
        put_rate(out, host->receive);
        buf_puts(out, " out ");
        put_rate(out, host->send);
        buf_puts(out, " read ");
        put_rate(out, host->read);
        buf_puts(out, " write ");
        put_rate(out, host->write);
        buf_puts(out, " load ");
        put_fixed(out, host->load1, 2);
        buf_puts(out, " processes ");
        put_fixed(out, host->processes, 0);
}

const struct view view_overview = {
        .name = "overview",
        .title = "Overview",
        .summary = "the host, what costs most, what happened last",
        .state_size = sizeof(struct overview_state),
        .init = init,
        .done = done,
        .refresh = refresh,
        .draw = draw,
        .grid = grid_of,
        .command = command,
        .mouse = mouse,
        .line = line,
};
