#include "tui/top_internal.h"

/* ---- what views ask ---- */

struct model *top_model(struct top *top)
{
        return top->model;
}

const struct look *top_look(const struct top *top)
{
        return top->options.look;
}

struct sources *top_sources(struct top *top)
{
        return top->sources;
}

int64_t top_now_unix_ns(const struct top *top)
{
        return top->replay ? top->replay->unix_ns(top->replay->cookie) : time_unix_ns();
}

bool top_readonly(const struct top *top)
{
        return top->options.readonly;
}

bool top_paused(const struct top *top)
{
        return top->paused;
}

int64_t top_interval_ns(const struct top *top)
{
        return top->interval_ns;
}

void top_say(struct top *top, enum tui_role role, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(top->said, sizeof(top->said), format, args);
        va_end(args);
        top->said_role = role;
        top->has_said = true;
        top->said_ns = top->tui ? tui_now_ns(top->tui) : 0;
}

struct grid *top_grid(struct top *top)
{
        const struct view *view = top_view(top);
        return view->grid ? view->grid(top_state(top)) : NULL;
}

/* ---- records ---- */

/* While paused nothing changes below the rows that are shown: what comes waits. The oldest part of what waits cannot be
 * dropped, since each record changes the picture; so a pause that lasts too long shows the newest picture once. */
static void take_record(struct top *top, struct sv record)
{
        int64_t now = top_now_unix_ns(top);
        if (!top->paused || (top->replay && top->replay->seeking(top->replay->cookie))) {
                top->stale = true;
                model_apply(top->model, record, now);
                return;
        }
        uint64_t length = record.n;
        buf_append(&top->waiting, &now, sizeof(now));
        buf_append(&top->waiting, &length, sizeof(length));
        buf_append(&top->waiting, record.p, record.n);
        if (top->waiting.len > WAITING_MAX) {
                top_catch_up(top);
                top_say(top, ROLE_WARNING, "paused for long: the picture was brought up to date");
        }
}

void top_freshen(struct top *top)
{
        const struct view *view = top_view(top);
        if (top->stale && view->refresh)
                view->refresh(top_state(top), top);
        top->stale = false;
}

void top_catch_up(struct top *top)
{
        top->stale = true;
        struct sv rest = sv_n(buf_text(&top->waiting), top->waiting.len);
        int64_t unix_ns;
        uint64_t length;
        while (rest.n >= sizeof(unix_ns) + sizeof(length)) {
                memcpy(&unix_ns, rest.p, sizeof(unix_ns));
                memcpy(&length, rest.p + sizeof(unix_ns), sizeof(length));
                rest = sv_n(rest.p + sizeof(unix_ns) + sizeof(length), rest.n - sizeof(unix_ns) - sizeof(length));
                if (length > rest.n)
                        break; /* memory ran out in the middle of it */
                model_apply(top->model, sv_n(rest.p, length), unix_ns);
                rest = sv_n(rest.p + length, rest.n - length);
        }
        buf_done(&top->waiting);
        buf_init(&top->waiting, WAITING_MAX * 2);
}

/* Rows of a picture are followed by its tick; events may be many. */
static void pace_frames(struct sv record, struct commands *commands)
{
        static const char *const rows[] = { "{\"process\"", "{\"container\"", "{\"host\"", "{\"network\"", "{\"disk\"",
                "{\"filesystem\"", "{\"gone\"" };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (sv_starts(record, sv_of(rows[i])))
                        command_no_frame(commands);
        if (sv_starts(record, SV("{\"event\"")))
                command_late_frame(commands);
}

void top_reset(struct top *top)
{
        model_clear(top->model);
        buf_clear(&top->waiting);
        top->pictures = 0;
        top->stale = true;
}

/* ---- update ---- */

static void take_mouse(struct top *top, const struct mouse *mouse, struct commands *commands)
{
        const char *titles[TOP_VIEWS_MAX];
        size_t index[TOP_VIEWS_MAX], active;
        if (top->overlay != OVERLAY_NONE) {
                top_dialog_mouse(top, mouse, commands);
                return;
        }
        if (area_empty(top->body))
                return;
        if (mouse->row == 0 && mouse->action == MOUSE_PRESS) {
                struct area tabs = top_tabs_area(top, canvas_area(top->body.canvas));
                size_t count = top_tabs(top, titles, &active, index);
                int hit = tabs_at(tabs, titles, count, active, mouse->column);
                if (hit >= 0)
                        top_show(top, index[hit]);
                return;
        }
        const struct view *view = top_view(top);
        top->stale = true; /* once this is done: what is shown may be another page */
        if (view->mouse)
                view->mouse(top_state(top), top, mouse, top->body);
        else if (top_grid(top) && grid_mouse(top_grid(top), mouse, top->body) == 2)
                top_run_command(top, "open", "", commands);
}

static void take_key(struct top *top, const struct key *key, struct commands *commands)
{
        if (top->prompt_kind != PROMPT_NONE)
                top_prompt_key(top, key, commands);
        else if (top->overlay != OVERLAY_NONE)
                top_dialog_key(top, key, commands);
        else
                top_run_key(top, key, commands);
}

/* A terminal says Alt by an Esc before the key. Where no key with Alt means anything, Esc and the key were typed (or
 * sent) so fast that they came as one. In a line that is typed Alt and a letter is more likely a slip of the hand. */
static bool is_esc_and_key(const struct top *top, const struct key *key)
{
        bool byte = key->code <= KEYSYM_ESCAPE;
        bool typing = top->prompt_kind != PROMPT_NONE || (top->overlay != OVERLAY_NONE && top->overlay != OVERLAY_HELP);
        return key->modifiers == KEY_ALT && byte && (!typing || key->code == KEYSYM_ESCAPE) &&
               !binding_of_key(key, top_view(top)->name, top->options.readonly);
}

static void take_keys(struct top *top, const struct key *key, struct commands *commands)
{
        if (!is_esc_and_key(top, key)) {
                take_key(top, key, commands);
                return;
        }
        const struct key plain = { .code = key->code, .rune = key->rune };
        take_key(top, &(struct key){ .code = KEYSYM_ESCAPE }, commands);
        top_freshen(top);
        take_key(top, &plain, commands);
}

static void update(void *model, const struct message *message, struct commands *commands)
{
        struct top *top = model;
        top->now_ns = message->now_ns;
        if (message->kind == MESSAGE_KEY || message->kind == MESSAGE_PASTE || message->kind == MESSAGE_MOUSE)
                top_freshen(top);
        switch (message->kind) {
        case MESSAGE_KEY:
                take_keys(top, &message->key, commands);
                break;
        case MESSAGE_PASTE:
                top_prompt_paste(top, message->paste);
                break;
        case MESSAGE_MOUSE:
                take_mouse(top, &message->mouse, commands);
                break;
        case MESSAGE_SOURCE:
                take_record(top, message->record);
                if (top->pictures != top->model->ticks)
                        top->picture_ns = top->now_ns;
                top->pictures = top->model->ticks;
                pace_frames(message->record, commands);
                if (top->replay && top->replay->seeking(top->replay->cookie))
                        command_no_frame(commands); /* what is passed on the way is not shown */
                break;
        case MESSAGE_TICK:
                if (message->tick == TICK_SAY && message->now_ns - top->said_ns >= SAY_NS)
                        top->has_said = false;
                if (message->tick == TICK_CLOCK) {
                        command_tick(commands, SECOND, TICK_CLOCK);
                        command_late_frame(commands);
                }
                break;
        case MESSAGE_QUIT:
                top->quitting = true;
                break;
        case MESSAGE_FOCUS:
        case MESSAGE_RESIZE:
        case MESSAGE_USER:
        case MESSAGE_SUSPEND:
        case MESSAGE_RESUME:
                break;
        }
        if (top->has_said && message->kind != MESSAGE_TICK)
                command_tick(commands, SAY_NS - (message->now_ns - top->said_ns), TICK_SAY);
}

static void init(void *model, struct commands *commands)
{
        (void)model;
        command_tick(commands, SECOND, TICK_CLOCK);
}

struct tui_program top_program(struct top *top)
{
        return (struct tui_program){ .model = top, .init = init, .update = update, .view = top_draw };
}

/* ---- life ---- */

const char *const *top_view_names(void)
{
        static const char *names[TOP_VIEWS_MAX + 1];
        for (size_t i = 0; i < TOP_VIEWS_MAX && views[i]; i++)
                names[i] = views[i]->name;
        return names;
}

static int open_views(struct top *top, struct error *err)
{
        for (size_t i = 0; i < TOP_VIEWS_MAX && views[i]; i++) {
                struct shown_view *shown = &top->views[i];
                shown->view = views[i];
                shown->state = calloc(1, views[i]->state_size ? views[i]->state_size : 1);
                if (!shown->state)
                        return fail(err, E_NO_MEMORY, "a view");
                top->view_count++;
                if (views[i]->init && views[i]->init(shown->state, top, err) < 0)
                        return -1;
        }
        return 0;
}

static int choose_view(struct top *top, struct error *err)
{
        const char *name = top->options.view;
        if (!name)
                return 0;
        for (size_t i = 0; i < top->view_count; i++) {
                if (strcmp(top->views[i].view->name, name) != 0)
                        continue;
                top->current = i;
                return 0;
        }
        char known[128] = "";
        for (size_t i = 0, n = 0; i < top->view_count && n < sizeof(known) - 1; i++)
                n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", top->views[i].view->name);
        return fail(err, E_INVALID, "there is no view \"%.40s\"; there are %s", name, known);
}

/* --filter and --sort go to the grid of the first view; "-name" sorts from the largest, as "name-" would be awkward. */
static int set_up_grid(struct top *top, struct error *err)
{
        struct grid *grid = top_grid(top);
        const char *sort = top->options.sort;
        if ((sort || top->options.filter) && !grid)
                return fail(err, E_INVALID, "the view %s has no rows to filter or sort", top_view(top)->name);
        if (top->options.filter && grid_set_filter(grid, top->options.filter, err) < 0)
                return -1;
        if (!sort)
                return 0;
        if (sort[0] == '-' || sort[0] == '+')
                return grid_set_sort(grid, sort + 1, sort[0] == '-', err);
        (void)grid_command(grid, "sort", sort, err);
        return err->code == E_NONE ? 0 : -1;
}

struct top *top_new(const struct top_options *options, struct error *err)
{
        cleanup(top_free) struct top *top = calloc(1, sizeof(*top));
        if (!top)
                return fail_null(err, E_NO_MEMORY, "the screen");
        top->options = *options;
        top->sources = options->sources;
        top->interval_ns = options->interval_ns;
        top->mouse = options->mouse;
        buf_init(&top->waiting, WAITING_MAX * 2);
        buf_init(&top->prompt.text, LINE_MAX_BYTES);
        buf_init(&top->answer.text, LINE_MAX_BYTES);
        top->model = model_new(err);
        if (!top->model || open_views(top, err) < 0 || choose_view(top, err) < 0 || set_up_grid(top, err) < 0)
                return NULL;
        return take_ptr(top);
}

void top_free(struct top *top)
{
        if (!top)
                return;
        for (size_t i = 0; i < top->view_count; i++) {
                if (top->views[i].view->done)
                        top->views[i].view->done(top->views[i].state);
                free(top->views[i].state);
        }
        top_dialog_close(top);
        model_free(top->model);
        buf_done(&top->waiting);
        buf_done(&top->prompt.text);
        buf_done(&top->answer.text);
        free(top->filter_before);
        for (size_t i = 0; i < top->line_count; i++)
                free(top->lines[i]);
        free(top);
}

void top_set_sources(struct top *top, struct sources *sources)
{
        top->sources = sources;
}

void top_set_tui(struct top *top, struct tui *tui)
{
        top->tui = tui;
}

void top_set_replay(struct top *top, const struct top_replay *replay)
{
        top->replay = replay;
}

void top_line(struct top *top, struct buf *out)
{
        const struct view *view = top_view(top);
        top_freshen(top);
        if (view->line)
                view->line(top_state(top), top, out);
        else if (views[0]->line)
                views[0]->line(top->views[0].state, top, out);
}
