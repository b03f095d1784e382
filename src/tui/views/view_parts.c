#include "tui/views/view_parts.h"

#include "base/timefmt.h"
#include "term/width.h"

/* ---- figures ---- */

static void put_scaled(struct buf *out, double value, double step, const char *const *units)
{
        size_t unit = 0;
        if (isnan(value)) {
                buf_puts(out, "-");
                return;
        }
        if (value < 0)
                value = 0;
        while (value >= (value < 10 * step ? step - 0.5 : step) && units[unit + 1]) {
                value /= step;
                unit++;
        }
        if (unit && value < 9.95)
                buf_printf(out, "%.1f%s", value, units[unit]);
        else
                buf_printf(out, "%.0f%s", value, units[unit]);
}

void put_bytes(struct buf *out, double bytes)
{
        static const char *const units[] = { " B", " KiB", " MiB", " GiB", " TiB", " PiB", NULL };
        put_scaled(out, bytes, 1024, units);
}

void put_rate(struct buf *out, double bytes)
{
        static const char *const units[] = { " B/s", " kB/s", " MB/s", " GB/s", " TB/s", NULL };
        put_scaled(out, bytes, 1000, units);
}

void put_count(struct buf *out, double count)
{
        static const char *const units[] = { "", "k", "M", "G", "T", NULL };
        if (isnan(count) || count < 10000)
                put_fixed(out, count, 0);
        else
                put_scaled(out, count, 1000, units);
}

void put_fixed(struct buf *out, double value, int digits)
{
        if (isnan(value))
                buf_puts(out, "-");
        else
                buf_printf(out, "%.*f", digits, value);
}

void put_percent(struct buf *out, double share)
{
        if (isnan(share))
                buf_puts(out, "-");
        else
                buf_printf(out, share < 0.9995 ? "%.1f" : "%.0f", share * 100);
}

void put_duration(struct buf *out, double ns)
{
        char text[SHORT_TEXT_MAX];
        if (isnan(ns) || ns < 0 || ns > 9e18) {
                buf_puts(out, "-");
                return;
        }
        short_duration((int64_t)ns, text);
        buf_puts(out, text);
}

void put_clock(struct buf *out, int64_t unix_ns)
{
        struct tm local;
        time_t seconds = unix_ns / SECOND;
        if (!unix_ns || !localtime_r(&seconds, &local))
                buf_puts(out, "-");
        else
                buf_printf(out, "%02d:%02d:%02d", local.tm_hour, local.tm_min, local.tm_sec);
}

void put_text(struct buf *out, const char *text)
{
        buf_puts(out, text ? text : "-");
}

/* ---- cells ---- */

static void quieten(struct grid_cell *cell, double value)
{
        if (!(value > 0))
                cell->role = ROLE_DIM;
}

void cell_bytes(struct grid_cell *cell, double bytes)
{
        quieten(cell, bytes);
        put_bytes(cell->text, bytes);
}

void cell_rate(struct grid_cell *cell, double bytes)
{
        quieten(cell, bytes >= 0.5 ? bytes : 0);
        if (bytes < 0.5)
                buf_puts(cell->text, "0");
        else
                put_rate(cell->text, bytes);
}

void cell_count(struct grid_cell *cell, double count)
{
        quieten(cell, count);
        put_count(cell->text, count);
}

void cell_cpu(struct grid_cell *cell, double cpus, double whole)
{
        double share = whole > 0 ? cpus / whole : cpus;
        if (!(cpus >= 0.0005))
                cell->role = ROLE_DIM;
        else if (share >= 0.85)
                cell->role = ROLE_GAUGE_HIGH;
        else if (cpus >= 0.5)
                cell->role = ROLE_GAUGE_MIDDLE;
        put_percent(cell->text, cpus);
}

void cell_text(struct grid_cell *cell, const char *text)
{
        if (!text)
                cell->role = ROLE_DIM;
        put_text(cell->text, text);
}

int compare_numbers(double a, double b)
{
        if (isnan(a) || isnan(b))
                return isnan(b) - isnan(a);
        return a < b ? -1 : a > b;
}

int compare_texts(const char *a, const char *b)
{
        if (!a || !b)
                return !b - !a;
        int order = strcasecmp(a, b);
        return order ? order : strcmp(a, b);
}

/* ---- facts ---- */

enum { FACTS_BYTES_MAX = 256 << 10 };

void facts_init(struct facts *facts)
{
        *facts = (struct facts){ .count = 0 };
        buf_init(&facts->text, FACTS_BYTES_MAX);
}

void facts_done(struct facts *facts)
{
        buf_done(&facts->text);
}

struct buf *facts_add(struct facts *facts, const char *label)
{
        if (facts->text.len)
                buf_putc(&facts->text, '\0');
        if (facts->count < FACTS_MAX) {
                facts->items[facts->count].label = label;
                facts->items[facts->count].at = facts->text.len;
                facts->items[facts->count].role = ROLE_VALUE;
                facts->count++;
        }
        return &facts->text;
}

void facts_add_text(struct facts *facts, const char *label, const char *text)
{
        if (text)
                buf_puts(facts_add(facts, label), text);
}

void facts_role(struct facts *facts, enum tui_role role)
{
        if (facts->count)
                facts->items[facts->count - 1].role = role;
}

static int facts_columns(int columns)
{
        int count = columns / FACTS_WIDTH;
        return count < 1 ? 1 : count > 4 ? 4 : count;
}

int facts_rows(const struct facts *facts, int columns)
{
        int across = facts_columns(columns);
        return ((int)facts->count + across - 1) / across;
}

int facts_draw(struct area area, struct facts *facts)
{
        int across = facts_columns(area.columns);
        int rows = facts_rows(facts, area.columns);
        int width = area.columns / across;
        for (size_t i = 0; i < facts->count; i++) {
                int row = (int)i % rows;
                int column = (int)i / rows * width;
                const char *text = buf_text(&facts->text) + facts->items[i].at;
                area_put(area, row, column, FACTS_LABEL, ALIGN_LEFT, ROLE_LABEL, sv_of(facts->items[i].label));
                struct sv value = sv_of(facts->text.len > facts->items[i].at ? text : "");
                struct area room = area_part(area, row, column + FACTS_LABEL + 1, 1, width - FACTS_LABEL - 2);
                if ((int)term_width(value) > room.columns)
                        area_put(room, 0, 0, room.columns, ALIGN_LEFT, facts->items[i].role, value);
                else
                        area_text(room, 0, 0, facts->items[i].role, value);
        }
        return rows;
}

void trend_draw(struct area area, const char *label, enum tui_role role, const struct history *history, double max,
        struct sv figure)
{
        enum { LABEL = 8, FIGURE = 10 };
        area_put(area, 0, 0, LABEL, ALIGN_LEFT, ROLE_LABEL, sv_of(label));
        area_put(area, 0, LABEL, FIGURE, ALIGN_RIGHT, ROLE_VALUE, figure);
        if (area.columns > LABEL + FIGURE + 4)
                sparkline_draw(area_part(area, 0, LABEL + FIGURE + 1, area.rows, area.columns - LABEL - FIGURE - 1),
                        role, history, max);
}

struct area part_title(struct area area, const char *title, const char *note, bool active)
{
        int column = area_text(area, 0, 0, active ? ROLE_STRONG : ROLE_LABEL, sv_of(title)) + 1;
        if (note && *note)
                column += area_text(area, 0, column, ROLE_DIM, sv_of(note)) + 1;
        area_repeat(area, 0, column, area.columns - column, ROLE_BORDER, "─", "-");
        return area_part(area, 1, 0, area.rows - 1, area.columns);
}

void spot_draw(struct spot *spot, struct grid *grid, struct area area, const char *none)
{
        *spot = (struct spot){ grid, area };
        if (grid_shown(grid))
                grid_draw(grid, area);
        else
                area_text(area, 0, 1, ROLE_DIM, *grid_filter(grid) ? SV("nothing matches the filter") : sv_of(none));
}

int spot_mouse(const struct spot *spot, const struct mouse *mouse)
{
        return spot->grid && !area_empty(spot->area) ? grid_mouse(spot->grid, mouse, spot->area) : 0;
}

void put_event_text(struct buf *out, const struct event *event)
{
        bool exec = event->type && strcmp(event->type, "exec") == 0;
        const char *detail = event->detail ? event->detail : "";
        if (!event->program || (exec && *detail))
                buf_puts(out, detail);
        else
                buf_printf(out, *detail ? "%s: %s" : "%s", event->program, detail);
}

int draw_short(struct area area, int row, int column, int most, const char *name)
{
        int width = (int)term_width(sv_of(name));
        if (width > most)
                width = most;
        area_put(area, row, column, width, ALIGN_LEFT, ROLE_STRONG, sv_of(name));
        return width;
}

static bool is_of(const struct event *event, const struct container_row *container)
{
        if (!container)
                return true;
        return (event->container && container->alias && strcmp(event->container, container->alias) == 0) ||
               (event->container_id && container->id && strcmp(event->container_id, container->id) == 0);
}

int draw_events(struct area area, const struct model *model, const struct container_row *container)
{
        struct buf text;
        int row = 0;
        const struct event *event;
        buf_init(&text, 16 << 10);
        for (size_t back = 0; row < area.rows && (event = model_event(model, back)); back++) {
                if (!is_of(event, container))
                        continue;
                buf_clear(&text);
                put_clock(&text, event->time_ns);
                buf_printf(&text, " %-*s", EVENT_KIND, event->type ? event->type : "?");
                int column = area_text(area, row, 0, ROLE_DIM, sv_of(buf_text(&text)));
                const char *name = event->container ? event->container : event->container_id;
                if (name && !container)
                        column += draw_short(area, row, column, 16, name) + 1;
                buf_clear(&text);
                put_event_text(&text, event);
                area_text(area, row++, column, event->alert ? ROLE_SEVERITY_HIGH : ROLE_TEXT, sv_of(buf_text(&text)));
        }
        buf_done(&text);
        return row;
}

/* ---- nothing to show ---- */

static int draw_wrapped(struct area area, int row, enum tui_role role, const char *text)
{
        struct sv rest = sv_of(text);
        struct sv line;
        size_t width = area.columns > 6 ? (size_t)area.columns - 4 : (size_t)(area.columns > 0 ? area.columns : 1);
        while (row < area.rows && term_wrap(&rest, width, &line))
                area_put(area, row++, 0, area.columns, ALIGN_CENTRE, role, line);
        return row;
}

void draw_nothing(struct area area, enum tui_role role, const char *what, const char *why)
{
        int row = area.rows > 6 ? area.rows / 3 : 0;
        row = draw_wrapped(area, row, role, what);
        if (why && *why)
                draw_wrapped(area, row + (area.rows > 6), ROLE_DIM, why);
}

bool draw_waiting(struct top *top, struct area area)
{
        const struct model *model = top_model(top);
        const struct source_status *feed = model_source(model, "feed");
        if (model->ticks)
                return false;
        if (feed && feed->state == SOURCE_DOWN)
                draw_nothing(area, ROLE_ERROR, "the feed does not come", feed->message);
        else
                draw_nothing(area, ROLE_DIM, "waiting for the first picture", feed ? feed->message : NULL);
        return true;
}

void say_answer(struct top *top)
{
        struct model *model = top_model(top);
        if (model->answer.number == model->answer.shown)
                return;
        model->answer.shown = model->answer.number;
        top_say(top, model->answer.ok ? ROLE_SUCCESS : ROLE_ERROR, "%s", model->answer.message);
}

const char *argument_value(const char *argument, const char *name)
{
        size_t length = strlen(name);
        if (!argument || strncmp(argument, name, length) != 0 || argument[length] != '=')
                return NULL;
        return argument + length + 1;
}

enum tui_role role_of_severity(enum severity severity)
{
        static const enum tui_role roles[SEVERITIES_MAX] = { ROLE_SEVERITY_LOW, ROLE_SEVERITY_MEDIUM,
                ROLE_SEVERITY_HIGH, ROLE_SEVERITY_CRITICAL };
        return roles[severity];
}

/* avg10 of "some": the share of time in which work waited (Documentation/accounting/psi.rst). */
enum tui_role role_of_pressure(double percent)
{
        return !(percent >= 1) ? ROLE_DIM
               : percent >= 25 ? ROLE_GAUGE_HIGH
               : percent >= 5  ? ROLE_GAUGE_MIDDLE
                               : ROLE_TEXT;
}
