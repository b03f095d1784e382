#include "tui/top_internal.h"

#include "base/cleanup.h"

#include <time.h>

static const int64_t intervals[TOP_INTERVALS] = { 250 * MILLISECOND, 500 * MILLISECOND, SECOND, 2 * SECOND, 5 * SECOND,
        10 * SECOND, 30 * SECOND, MINUTE };
enum { SPEED_MOST = 1000 };

bool top_has(const struct top *top, size_t view)
{
        const struct view *shown = top->views[view].view;
        return !shown->present || shown->present(top->model) || view == top->current;
}

void top_show(struct top *top, size_t view)
{
        if (view == top->current)
                return;
        top->current = view;
        top->stale = true;
        top->trail_count = 0; /* a tab begins a way of its own */
}

static size_t view_named(const struct top *top, struct sv name)
{
        size_t found = top->view_count;
        for (size_t i = 0; i < top->view_count; i++) {
                if (sv_eq(sv_of(top->views[i].view->name), name))
                        return i;
                if (found == top->view_count && name.n && sv_starts(sv_of(top->views[i].view->name), name))
                        found = i;
        }
        return found;
}

void top_go(struct top *top, const char *name, const char *argument)
{
        size_t view = view_named(top, sv_of(name));
        if (view == top->view_count)
                return;
        if (top->trail_count == TRAIL_MAX) {
                memmove(top->trail, top->trail + 1, (TRAIL_MAX - 1) * sizeof(top->trail[0]));
                top->trail_count--;
        }
        top->trail[top->trail_count++] = top->current;
        top->current = view;
        top->stale = true;
        top_freshen(top);
        if (top_view(top)->enter)
                top_view(top)->enter(top_state(top), top, argument ? argument : "");
        top->stale = true;
}

/* ---- the program's own commands ---- */

static void view_command(struct top *top, const char *argument)
{
        uint64_t number;
        if (sv_parse_u64(sv_of(argument), 10, &number)) {
                const char *titles[TOP_VIEWS_MAX];
                size_t index[TOP_VIEWS_MAX], active;
                size_t count = top_tabs(top, titles, &active, index);
                if (number >= 1 && number <= count)
                        top_show(top, index[number - 1]);
                else
                        top_say(top, ROLE_WARNING, "there is no view %s", argument);
                return;
        }
        size_t view = view_named(top, sv_of(argument));
        if (view < top->view_count)
                top_show(top, view);
        else
                top_say(top, ROLE_WARNING, "there is no view \"%.40s\"", argument);
}

static void step_view(struct top *top, size_t step)
{
        size_t view = top->current;
        for (size_t i = 0; i < top->view_count; i++) {
                view = (view + step) % top->view_count;
                if (!top_has(top, view))
                        continue;
                top_show(top, view);
                return;
        }
}

static bool go_back(struct top *top, struct commands *commands)
{
        const struct view *view = top_view(top);
        top->stale = true;
        if (view->command && view->command(top_state(top), top, "back", "", commands))
                return true;
        if (top->trail_count == 0)
                return false;
        top->current = top->trail[--top->trail_count];
        top->stale = true;
        return true;
}

static void set_interval(struct top *top, int64_t interval_ns)
{
        char text[TIME_TEXT_MAX];
        top->interval_ns = interval_ns;
        duration_format(interval_ns, text);
        top_say(top, ROLE_INFO, "a picture each %s", text);
        if (top->sources)
                sources_set_interval(top->sources, interval_ns);
}

static void interval_command(struct top *top, const char *argument)
{
        int64_t interval_ns;
        if (top->replay)
                top_say(top, ROLE_WARNING, "a recording has its own intervals");
        else if (!duration_parse(sv_of(argument), &interval_ns) || interval_ns < intervals[0] || interval_ns > HOUR)
                top_say(top, ROLE_WARNING, "an interval is a time from 250ms to 1h, such as 2s");
        else
                set_interval(top, interval_ns);
}

/* step: 1 longer, -1 shorter */
static void pace(struct top *top, int step)
{
        if (top->replay) {
                double speed = top->replay->speed(top->replay->cookie) * (step > 0 ? 0.5 : 2);
                if (speed < 1.0 / SPEED_MOST || speed > SPEED_MOST)
                        return;
                top->replay->set_speed(top->replay->cookie, speed);
                top_say(top, ROLE_INFO, "played at %g times the speed", speed);
                return;
        }
        size_t at = 0;
        while (at < TOP_INTERVALS - 1 && intervals[at] < top->interval_ns)
                at++;
        if (step > 0 && at < TOP_INTERVALS - 1)
                at += intervals[at] <= top->interval_ns;
        else if (step < 0 && at > 0)
                at--;
        set_interval(top, intervals[at]);
}

static void theme_command(struct top *top, const char *argument)
{
        const struct tui_theme *theme = top->options.look->theme;
        if (*argument)
                theme = tui_theme_find(sv_of(argument));
        else
                theme = theme[1].name ? theme + 1 : &tui_themes[0];
        if (!theme) {
                top_say(top, ROLE_WARNING, "the themes are dark, light, high-contrast and mono");
                return;
        }
        top->options.look->theme = theme;
        top_say(top, ROLE_INFO, "theme %s%s", theme->name,
                top->options.look->depth == COLOUR_NONE ? ", but this terminal shows no colours" : "");
}

static void filter_command(struct top *top, const char *argument)
{
        struct error err;
        struct grid *grid = top_grid(top);
        if (!grid)
                top_say(top, ROLE_WARNING, "there are no rows to filter here");
        else if (!*argument)
                top_open_filter(top);
        else if (grid_set_filter(grid, argument, &err) < 0)
                top_say(top, ROLE_ERROR, "%s", err.message);
}

static void pause_command(struct top *top)
{
        top->paused = !top->paused;
        if (top->replay)
                top->replay->set_paused(top->replay->cookie, top->paused);
        if (!top->paused)
                top_catch_up(top);
}

/* ---- places of a recording ---- */

/* "12:34:56" or "12:34", in local time as all times are shown, of the day that is shown, or of the next where the
 * recording began later. */
static bool parse_time_of_day(struct top *top, const char *text, int64_t *ret_ns)
{
        static const uint64_t most[] = { 23, 59, 60 };
        uint64_t numbers[3] = { 0 };
        size_t count = 0;
        struct sv rest = sv_of(text), part;
        struct tm parts;
        const time_t shown = (time_t)(top_now_unix_ns(top) / SECOND);
        for (; sv_split(&rest, ':', &part); count++)
                if (count == 3 || part.n > 2 || !sv_parse_u64(part, 10, &numbers[count]) ||
                        numbers[count] > most[count])
                        return false;
        if (count < 2 || !localtime_r(&shown, &parts))
                return false;
        parts.tm_hour = (int)numbers[0];
        parts.tm_min = (int)numbers[1];
        parts.tm_sec = (int)numbers[2];
        parts.tm_isdst = -1;
        *ret_ns = (int64_t)mktime(&parts) * SECOND;
        if (*ret_ns >= top->replay->begin_ns(top->replay->cookie) / SECOND * SECOND)
                return true;
        parts.tm_mday++;
        *ret_ns = (int64_t)mktime(&parts) * SECOND;
        return true;
}

static bool parse_seek(struct top *top, const char *text, struct top_seek *ret)
{
        if (*text == '+' || *text == '-') {
                ret->kind = GO_BY;
                if (!duration_parse(sv_of(text + 1), &ret->by) || ret->by > 3650 * DAY)
                        return false;
                ret->by = *text == '-' ? -ret->by : ret->by;
                return true;
        }
        ret->kind = GO_TO;
        return parse_time_of_day(top, text, &ret->by) || time_parse(sv_of(text), &ret->by);
}

static bool replay_command(struct top *top, const char *command, const char *argument)
{
        static const struct {
                const char *command;
                struct top_seek seek;
        } places[] = {
                { "picture-back", { GO_PICTURES, -1 } },
                { "picture-forward", { GO_PICTURES, 1 } },
                { "minute-back", { GO_BY, -MINUTE } },
                { "minute-forward", { GO_BY, MINUTE } },
                { "replay-start", { GO_START, 0 } },
                { "replay-end", { GO_END, 0 } },
                { "time", { GO_TO, 0 } },
        };
        size_t i = 0, count = sizeof(places) / sizeof(places[0]);
        while (i < count && strcmp(places[i].command, command) != 0)
                i++;
        if (i == count)
                return false;
        struct top_seek seek = places[i].seek;
        if (!top->replay)
                top_say(top, ROLE_WARNING, "only a replay can go to another time (--replay FILE)");
        else if (seek.kind == GO_TO && !parse_seek(top, argument, &seek))
                top_say(top, ROLE_WARNING, "a time is 12:34:56, 2026-11-22T12:34:56Z, +90s or -5m");
        else if (top->replay->seek(top->replay->cookie, seek) < 0)
                top_say(top, ROLE_WARNING, "this recording cannot be read a second time: there is no way back");
        return true;
}

static bool screen_command(struct top *top, const char *command, struct commands *commands)
{
        if (strcmp(command, "redraw") == 0) {
                command_redraw(commands);
        } else if (strcmp(command, "suspend") == 0) {
                command_suspend(commands);
        } else if (strcmp(command, "quit") == 0) {
                command_quit(commands, 0);
        } else if (strcmp(command, "mouse") == 0) {
                top->mouse = !top->mouse;
                command_mouse(commands, top->mouse);
                top_say(top, ROLE_INFO, "mouse %s", top->mouse ? "on" : "off");
        } else if (strcmp(command, "help") == 0) {
                top->overlay = OVERLAY_HELP;
                top->help_top = 0;
        } else if (strcmp(command, "command") == 0) {
                top_open_command(top);
        } else {
                return false;
        }
        return true;
}

static bool own_command(struct top *top, const char *command, const char *argument, struct commands *commands)
{
        if (strcmp(command, "view") == 0)
                view_command(top, argument);
        else if (strcmp(command, "next-view") == 0)
                step_view(top, 1);
        else if (strcmp(command, "previous-view") == 0)
                step_view(top, top->view_count - 1);
        else if (strcmp(command, "back") == 0)
                (void)go_back(top, commands);
        else if (strcmp(command, "leave") == 0)
                go_back(top, commands) ? (void)0 : command_quit(commands, 0);
        else if (strcmp(command, "pause") == 0)
                pause_command(top);
        else if (strcmp(command, "interval") == 0)
                interval_command(top, argument);
        else if (strcmp(command, "slower") == 0)
                pace(top, 1);
        else if (strcmp(command, "faster") == 0)
                pace(top, -1);
        else if (strcmp(command, "theme") == 0)
                theme_command(top, argument);
        else if (strcmp(command, "filter") == 0)
                filter_command(top, argument);
        else if (strcmp(command, "clear-filter") == 0)
                top_grid(top) ? (void)grid_set_filter(top_grid(top), NULL, NULL) : (void)0;
        else
                return replay_command(top, command, argument) || screen_command(top, command, commands);
        return true;
}

void top_run_command(struct top *top, const char *command, const char *argument, struct commands *commands)
{
        struct error err;
        const struct view *view = top_view(top);
        top_freshen(top);
        if (own_command(top, command, argument, commands))
                return;
        struct grid *grid = top_grid(top);
        /* a view may do a common command in its own way: a tree of its own, say */
        if (view->command && view->command(top_state(top), top, command, argument, commands)) {
                top->stale = true; /* another page of it */
                return;
        }
        if (grid && grid_command(grid, command, argument, &err)) {
                if (err.code != E_NONE)
                        top_say(top, ROLE_WARNING, "%s", err.message);
                return;
        }
        if (strcmp(command, "open") != 0 && strcmp(command, "up") != 0 && strcmp(command, "down") != 0)
                command_bell(commands);
}

void top_run_key(struct top *top, const struct key *key, struct commands *commands)
{
        char name[KEY_NAME_MAX];
        const struct binding *binding = binding_of_key(key, top_view(top)->name, top->options.readonly);
        if (!binding)
                return;
        key_text(key, name);
        const char *argument = !binding->def ? "" : strcmp(binding->def, "=") == 0 ? name : binding->def;
        top_run_command(top, binding->command, argument, commands);
}

/* What was typed after ':'. */
void top_run_line(struct top *top, struct sv line, struct commands *commands)
{
        struct sv word;
        char argument[LINE_MAX_BYTES];
        line = sv_trim(line);
        if (!sv_word(&line, &word))
                return;
        line = sv_trim(line);
        snprintf(argument, sizeof(argument), "%.*s", SV_ARG(line));
        const struct binding *binding = binding_of_command(word, top_view(top)->name, top->options.readonly);
        if (!binding) {
                bool acts = binding_of_command(word, top_view(top)->name, false) != NULL;
                top_say(top, ROLE_WARNING, acts ? "not with --readonly: %.*s" : "there is no command \"%.*s\" here",
                        SV_ARG(word));
                return;
        }
        bool needs = binding->def && strcmp(binding->def, "=") == 0;
        if (needs && !*argument)
                top_say(top, ROLE_WARNING, ":%s %s", binding->command, binding->argument);
        else
                top_run_command(top, binding->command, *argument || !binding->def ? argument : binding->def, commands);
}
