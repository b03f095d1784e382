#include "tui/top_internal.h"

#include "base/cleanup.h"
#include "term/width.h"

#include <time.h>

enum { CLOCK_WIDTH = 9, HOST_LEAST = 8 };
static const int64_t LATE_NS = 5 * SECOND;

size_t top_tabs(const struct top *top, const char **titles, size_t *ret_active, size_t *ret_index)
{
        size_t count = 0;
        *ret_active = 0;
        for (size_t i = 0; i < top->view_count; i++) {
                if (!top_has(top, i))
                        continue;
                if (i == top->current)
                        *ret_active = count;
                ret_index[count] = i;
                titles[count++] = top->views[i].view->title;
        }
        return count;
}

static int tabs_width(const char **titles, size_t count)
{
        int width = 0;
        for (size_t i = 0; i < count; i++)
                width += (int)strlen(titles[i]) + 4;
        return width;
}

/* All tabs, and the clock where there is room beside them. */
struct area top_tabs_area(const struct top *top, struct area screen)
{
        const char *titles[TOP_VIEWS_MAX];
        size_t index[TOP_VIEWS_MAX], active;
        int width = tabs_width(titles, top_tabs(top, titles, &active, index));
        return area_part(
                screen, 0, 0, 1, screen.columns > width + CLOCK_WIDTH ? screen.columns - CLOCK_WIDTH : screen.columns);
}

static void draw_title(struct top *top, struct area screen)
{
        const char *titles[TOP_VIEWS_MAX];
        size_t index[TOP_VIEWS_MAX], active;
        size_t count = top_tabs(top, titles, &active, index);
        struct area tabs = top_tabs_area(top, screen);
        area_fill(area_part(screen, 0, 0, 1, screen.columns), ROLE_TAB);
        tabs_draw(tabs, titles, count, active);
        if (tabs.columns == screen.columns)
                return;
        time_t seconds = (time_t)(top_now_unix_ns(top) / SECOND);
        struct tm parts;
        localtime_r(&seconds, &parts);
        area_printf(screen, 0, screen.columns - CLOCK_WIDTH, ROLE_TEXT, "%02d:%02d:%02d", parts.tm_hour, parts.tm_min,
                parts.tm_sec);
        int used = tabs_width(titles, count) + 1;
        int room = tabs.columns - used - 1;
        const char *host = top->model->have_host && top->model->host.hostname ? top->model->host.hostname : "";
        if (room >= HOST_LEAST)
                area_put(screen, 0, used, room, ALIGN_RIGHT, ROLE_TEXT, sv_of(host));
}

/* One word of the status line; returns the column behind it. */
static int put_word(struct area line, int column, enum tui_role role, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

static int put_word(struct area line, int column, enum tui_role role, const char *format, ...)
{
        char text[TOP_MESSAGE_MAX];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        return column + area_text(line, 0, column, role, sv_of(text)) + 2;
}

static int draw_grid_state(struct grid *grid, struct area line, int column)
{
        bool descending;
        const char *sort = grid_sort(grid, &descending);
        size_t marks = grid_marks(grid);
        if (*grid_filter(grid))
                column = put_word(line, column, ROLE_MATCH, "/%s", grid_filter(grid));
        if (grid_shown(grid) != grid_total(grid))
                column = put_word(line, column, ROLE_TEXT, "%zu of %zu", grid_shown(grid), grid_total(grid));
        else
                column = put_word(line, column, ROLE_TEXT, "%zu", grid_total(grid));
        if (sort)
                column = put_word(line, column, ROLE_TEXT, "%s%s", descending ? "-" : "+", sort);
        if (grid_tree(grid))
                column = put_word(line, column, ROLE_TEXT, "tree");
        if (grid_tail(grid))
                column = put_word(line, column, ROLE_TEXT, "following");
        if (marks)
                column = put_word(line, column, ROLE_MARKED, "%zu marked", marks);
        return column;
}

static void draw_hints(struct area line, int column)
{
        static const char *const hints[][2] = { { "?", "help" }, { "/", "filter" }, { "Enter", "details" },
                { "q", "quit" } };
        /* those that there is room for, help first */
        int widths[sizeof(hints) / sizeof(hints[0])], width = 0;
        size_t count = 0;
        for (; count < sizeof(hints) / sizeof(hints[0]); count++) {
                widths[count] = (int)(strlen(hints[count][0]) + strlen(hints[count][1])) + 3;
                if (column + 1 >= line.columns - width - widths[count])
                        break;
                width += widths[count];
        }
        int at = line.columns - width;
        for (size_t i = 0; i < count; at += widths[i++]) {
                int key = area_text(line, 0, at, ROLE_KEY, sv_of(hints[i][0]));
                area_text(line, 0, at + key + 1, ROLE_TEXT, sv_of(hints[i][1]));
        }
}

/* What stands on the screen may be old: its source hangs, or is gone. Returns the column behind the words. */
static int draw_lateness(const struct top *top, struct area line, int column)
{
        const int64_t late_ns = top->now_ns - top->picture_ns;
        if (!top->model->ticks || top->paused || top->replay || late_ns < LATE_NS || late_ns < 3 * top->interval_ns)
                return column;
        const struct source_status *feed = model_source(top->model, "feed");
        bool why = feed && feed->state == SOURCE_DOWN && *feed->message;
        return put_word(line, column, ROLE_WARNING, "no picture for %lld s%s%.100s", (long long)(late_ns / SECOND),
                why ? ": " : "", why ? feed->message : "");
}

static const char *replay_word(const struct top_replay *replay)
{
        if (replay->seeking(replay->cookie))
                return "SEEKING";
        return replay->ended(replay->cookie) ? "END OF REPLAY" : "REPLAY";
}

static void draw_status(struct top *top, struct area line)
{
        cleanup(buf_done) struct buf trail;
        buf_init(&trail, TOP_MESSAGE_MAX);
        area_fill(line, ROLE_STATUS);
        int column = 1;
        if (top->paused)
                column = put_word(line, column, ROLE_WARNING, "PAUSED");
        if (top->replay)
                column = put_word(line, column, ROLE_INFO, "%s x%g", replay_word(top->replay),
                        top->replay->speed(top->replay->cookie));
        if (top->has_said) {
                area_text(line, 0, column, top->said_role, sv_of(top->said));
                return;
        }
        column = draw_lateness(top, line, column);
        const struct view *view = top_view(top);
        if (view->trail)
                view->trail(top_state(top), &trail);
        if (trail.len)
                column += area_text(line, 0, column, ROLE_STRONG, sv_n(buf_text(&trail), trail.len)) + 2;
        struct grid *grid = top_grid(top);
        if (grid)
                column = draw_grid_state(grid, line, column);
        draw_hints(line, column);
}

static void draw_prompt(struct top *top, struct area screen)
{
        struct area line = area_part(screen, screen.rows - 1, 0, 1, screen.columns);
        if (top->prompt_kind == PROMPT_COMMAND && top->candidates[0]) {
                struct area above = area_part(screen, screen.rows - 2, 0, 1, screen.columns);
                area_fill(above, ROLE_STATUS);
                area_put(above, 0, 1, above.columns - 1, ALIGN_LEFT, ROLE_TEXT, sv_of(top->candidates));
        }
        prompt_draw(line, &top->prompt, top->prompt_kind == PROMPT_FILTER ? "/" : ":", ROLE_INPUT);
        if (top->prompt_kind != PROMPT_FILTER)
                return;
        struct grid *grid = top_grid(top);
        char count[64] = "";
        if (grid)
                snprintf(count, sizeof(count), "%zu of %zu ", grid_shown(grid), grid_total(grid));
        int width = (int)strlen(count);
        int typed = (int)term_width(sv_n(buf_text(&top->prompt.text), top->prompt.text.len)) + 2;
        if (top->has_said && typed + (int)strlen(top->said) < line.columns)
                area_put(line, 0, typed, line.columns - typed, ALIGN_RIGHT, top->said_role, sv_of(top->said));
        else if (typed + width < line.columns)
                area_text(line, 0, line.columns - width, ROLE_TEXT, sv_of(count));
}

void top_draw(void *model, struct canvas *canvas)
{
        struct top *top = model;
        struct area screen = canvas_area(canvas);
        const struct view *view = top_view(top);
        top->stale = true;
        top_freshen(top);
        draw_title(top, screen);
        top->body = area_part(screen, 1, 0, screen.rows - 2, screen.columns);
        if (!area_empty(top->body))
                view->draw(top_state(top), top, top->body);
        if (screen.rows > 1) {
                if (top->prompt_kind != PROMPT_NONE)
                        draw_prompt(top, screen);
                else
                        draw_status(top, area_part(screen, screen.rows - 1, 0, 1, screen.columns));
        }
        if (top->overlay != OVERLAY_NONE)
                top_dialog_draw(top, area_part(screen, 1, 0, screen.rows - 2, screen.columns));
}
