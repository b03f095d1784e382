/* What lies over the view: help, and questions. */
#include "tui/top_internal.h"

#include "term/width.h"

enum { DIALOG_LEAST = 30, DIALOG_MOST = 72, DIALOG_MARGIN = 2, HELP_KEYS = 20, ENTRY_ROWS_MOST = 16 };

void top_dialog_close(struct top *top)
{
        free(top->title);
        free(top->text);
        free(top->command);
        free(top->argument);
        top->title = top->text = top->command = top->argument = NULL;
        top->overlay = OVERLAY_NONE;
}

static void open_dialog(struct top *top, enum overlay overlay, const char *title, const char *text, const char *command,
        const char *argument)
{
        top_dialog_close(top);
        top->title = strdup(title ? title : "");
        top->text = strdup(text ? text : "");
        top->command = strdup(command);
        top->argument = strdup(argument ? argument : "");
        if (top->title && top->text && top->command && top->argument)
                top->overlay = overlay;
        top->chosen = top->entry_top = 0;
        top->yes = false;
}

void top_confirm(struct top *top, const char *title, const char *text, const char *command, const char *argument)
{
        open_dialog(top, OVERLAY_CONFIRM, title, text, command, argument);
}

void top_ask(struct top *top, const char *title, const char *initial, const char *command)
{
        open_dialog(top, OVERLAY_ASK, title, "", command, "");
        prompt_set(&top->answer, initial);
}

void top_choose(struct top *top, const char *title, const char *entries, const char *command)
{
        open_dialog(top, OVERLAY_CHOOSE, title, entries, command, "");
}

static size_t entries_of(const struct top *top, struct sv *ret, size_t max)
{
        struct sv rest = sv_of(top->text), line;
        size_t count = 0;
        while (count < max && sv_line(&rest, &line))
                ret[count++] = line;
        return count;
}

/* Closes first: the command may open the next one. */
static void answer(struct top *top, const char *argument, struct commands *commands)
{
        char *command = top->command;
        char *copy = strdup(argument);
        top->command = NULL;
        top_dialog_close(top);
        if (command && copy)
                top_run_command(top, command, copy, commands);
        free(command);
        free(copy);
}

/* ---- keys ---- */

static bool is_rune(const struct key *key, uint32_t rune)
{
        return key->code == KEYSYM_RUNE && !key->modifiers && key->rune == rune;
}

static bool is_leave(const struct key *key)
{
        return key->code == KEYSYM_ESCAPE ||
               (key->code == KEYSYM_RUNE && key->modifiers == KEY_CONTROL && (key->rune == 'c' || key->rune == 'g'));
}

static void confirm_key(struct top *top, const struct key *key, struct commands *commands)
{
        if (is_rune(key, 'y') || is_rune(key, 'Y') || (key->code == KEYSYM_ENTER && top->yes)) {
                char argument[LINE_MAX_BYTES];
                snprintf(argument, sizeof(argument), "%s", top->argument);
                answer(top, argument, commands);
        } else if (is_leave(key) || key->code == KEYSYM_ENTER || is_rune(key, 'n') || is_rune(key, 'N') ||
                   is_rune(key, 'q')) {
                top_dialog_close(top);
        } else if (key->code == KEYSYM_LEFT || key->code == KEYSYM_RIGHT || key->code == KEYSYM_TAB ||
                   is_rune(key, 'h') || is_rune(key, 'l')) {
                top->yes = !top->yes;
        }
}

static void choose_key(struct top *top, const struct key *key, struct commands *commands)
{
        struct sv entries[ENTRIES_MAX];
        size_t count = entries_of(top, entries, ENTRIES_MAX);
        if (is_leave(key) || is_rune(key, 'q')) {
                top_dialog_close(top);
        } else if ((key->code == KEYSYM_UP || is_rune(key, 'k')) && top->chosen > 0) {
                top->chosen--;
        } else if ((key->code == KEYSYM_DOWN || is_rune(key, 'j')) && top->chosen + 1 < count) {
                top->chosen++;
        } else if (key->code == KEYSYM_HOME) {
                top->chosen = 0;
        } else if (key->code == KEYSYM_END && count) {
                top->chosen = count - 1;
        } else if (key->code == KEYSYM_ENTER && top->chosen < count) {
                char entry[LINE_MAX_BYTES];
                snprintf(entry, sizeof(entry), "%.*s", SV_ARG(entries[top->chosen]));
                answer(top, entry, commands);
        }
}

static void help_key(struct top *top, const struct key *key)
{
        int page = top->help_page > 1 ? top->help_page - 1 : 1;
        if (key->code == KEYSYM_UP || is_rune(key, 'k'))
                top->help_top--;
        else if (key->code == KEYSYM_DOWN || is_rune(key, 'j'))
                top->help_top++;
        else if (key->code == KEYSYM_PAGE_UP)
                top->help_top -= page;
        else if (key->code == KEYSYM_PAGE_DOWN || is_rune(key, ' '))
                top->help_top += page;
        else if (key->code == KEYSYM_HOME || is_rune(key, 'g'))
                top->help_top = 0;
        else if (key->code == KEYSYM_END || is_rune(key, 'G'))
                top->help_top = top->help_rows;
        else
                top_dialog_close(top);
}

void top_dialog_key(struct top *top, const struct key *key, struct commands *commands)
{
        switch (top->overlay) {
        case OVERLAY_HELP:
                help_key(top, key);
                break;
        case OVERLAY_CONFIRM:
                confirm_key(top, key, commands);
                break;
        case OVERLAY_CHOOSE:
                choose_key(top, key, commands);
                break;
        case OVERLAY_ASK:
                if (is_leave(key)) {
                        top_dialog_close(top);
                } else if (key->code == KEYSYM_ENTER) {
                        char typed[LINE_MAX_BYTES];
                        snprintf(typed, sizeof(typed), "%s", buf_text(&top->answer.text));
                        answer(top, typed, commands);
                } else {
                        (void)prompt_key(&top->answer, key);
                }
                break;
        case OVERLAY_NONE:
                break;
        }
}

void top_dialog_mouse(struct top *top, const struct mouse *mouse, struct commands *commands)
{
        struct key key = { .code = mouse->action == MOUSE_WHEEL_UP ? KEYSYM_UP : KEYSYM_DOWN };
        if (mouse->action == MOUSE_WHEEL_UP || mouse->action == MOUSE_WHEEL_DOWN)
                top_dialog_key(top, &key, commands);
        else if (mouse->action == MOUSE_PRESS && top->overlay == OVERLAY_HELP)
                top_dialog_close(top);
}

/* ---- drawing ---- */

static struct area dialog_area(struct area area, int columns, int rows)
{
        if (columns > area.columns - DIALOG_MARGIN)
                columns = area.columns - DIALOG_MARGIN;
        if (rows > area.rows - DIALOG_MARGIN)
                rows = area.rows - DIALOG_MARGIN;
        if (rows < 3)
                rows = area.rows;
        struct area box = area_part(area, (area.rows - rows) / 2, (area.columns - columns) / 2, rows, columns);
        area_fill(box, ROLE_DIALOG);
        return box;
}

static struct area dialog_box(struct area area, const char *title, int columns, int rows)
{
        struct area box = dialog_area(area, columns, rows);
        struct area inside = area_box(box, ROLE_BORDER, sv_of(title));
        return area_part(inside, 0, 1, inside.rows, inside.columns - 2);
}

/* Wrapped; returns the rows that it takes. area of no rows: counts only. */
static int draw_wrapped(struct area area, int columns, struct sv text)
{
        struct sv paragraph, line;
        int row = 0;
        while (sv_line(&text, &paragraph)) {
                if (paragraph.n == 0)
                        row++;
                while (paragraph.n && term_wrap(&paragraph, (size_t)(columns > 1 ? columns : 1), &line)) {
                        if (!area_empty(area))
                                area_text(area, row, 0, ROLE_TEXT, line);
                        row++;
                }
        }
        return row;
}

static int dialog_width(struct area area)
{
        int width = area.columns - 4;
        return width > DIALOG_MOST ? DIALOG_MOST : width < DIALOG_LEAST ? DIALOG_LEAST : width;
}

static void button(struct area area, int row, int column, const char *text, bool chosen)
{
        int width = area_text(area, row, column, ROLE_TEXT, sv_of(text));
        area_paint(area, row, column, width, chosen ? ROLE_BUTTON : ROLE_TEXT, chosen ? STYLE_BOLD : 0);
}

static void draw_confirm(struct top *top, struct area area)
{
        int width = dialog_width(area);
        int rows = draw_wrapped(area_part(area, 0, 0, 0, 0), width - 4, sv_of(top->text));
        struct area inside = dialog_box(area, top->title, width, rows + 4);
        draw_wrapped(area_part(inside, 0, 0, inside.rows - 2, inside.columns), inside.columns, sv_of(top->text));
        button(inside, inside.rows - 1, 0, top->yes ? "[ yes (y) ]" : "  yes (y)  ", top->yes);
        button(inside, inside.rows - 1, 13, top->yes ? "  no (n)  " : "[ no (n) ]", !top->yes);
}

static void draw_ask(struct top *top, struct area area)
{
        struct area inside = dialog_box(area, top->title, dialog_width(area), 5);
        prompt_draw(area_part(inside, 0, 0, 1, inside.columns), &top->answer, "", ROLE_INPUT);
        area_text(inside, inside.rows - 1, 0, ROLE_TEXT, SV("Enter: do it   Esc: leave it"));
}

static void draw_choose(struct top *top, struct area area)
{
        struct sv entries[ENTRIES_MAX];
        size_t count = entries_of(top, entries, ENTRIES_MAX);
        int rows = count < ENTRY_ROWS_MOST ? (int)count : ENTRY_ROWS_MOST;
        struct area inside = dialog_box(area, top->title, dialog_width(area), rows + 2);
        if (area_empty(inside))
                return;
        size_t page = (size_t)inside.rows;
        if (top->chosen < top->entry_top)
                top->entry_top = top->chosen;
        if (top->chosen >= top->entry_top + page)
                top->entry_top = top->chosen - page + 1;
        for (size_t i = 0; i < page && top->entry_top + i < count; i++) {
                area_put(inside, (int)i, 0, inside.columns, ALIGN_LEFT, ROLE_TEXT, entries[top->entry_top + i]);
                if (top->entry_top + i == top->chosen)
                        area_paint(inside, (int)i, 0, inside.columns, ROLE_SELECTED, 0);
        }
}

static int draw_binding(struct area area, int row, const struct binding *binding)
{
        char keys[128];
        snprintf(keys, sizeof(keys), "%s", *binding->keys ? binding->keys : "");
        if (!*keys)
                snprintf(keys, sizeof(keys), ":%s", binding->command);
        area_put(area, row, 0, HELP_KEYS - 1, ALIGN_LEFT, ROLE_LABEL, sv_of(keys));
        return draw_wrapped(area_part(area, row, HELP_KEYS, area.rows - row, area.columns - HELP_KEYS),
                area.columns - HELP_KEYS, sv_of(binding->help));
}

/* Each row that lies in the area is drawn; returns how many there are. */
static int draw_help_rows(const struct top *top, struct area area, int from)
{
        const char *view = top_view(top)->name;
        const char *section = "";
        int row = -from;
        /* those of this view first */
        for (int own = 1; own >= 0; own--) {
                for (const struct binding *binding = bindings; binding->command; binding++) {
                        if ((binding->views != NULL) != (own == 1) ||
                                !binding_holds(binding, view, top->options.readonly))
                                continue;
                        const char *title = own ? top_view(top)->title : binding->section;
                        if (strcmp(section, title) != 0) {
                                row += row > -from;
                                area_put(area, row++, 0, area.columns, ALIGN_LEFT, ROLE_STRONG, sv_of(title));
                        }
                        section = title;
                        struct area part = row >= 0 ? area : area_part(area, 0, 0, 0, 0);
                        if (row >= 0 && row < area.rows)
                                row += draw_binding(part, row, binding);
                        else
                                row += draw_wrapped(
                                        area_part(area, 0, 0, 0, 0), area.columns - HELP_KEYS, sv_of(binding->help));
                }
        }
        return row + from;
}

static void draw_help(struct top *top, struct area area)
{
        struct area inside = dialog_box(area, top_view(top)->title, area.columns, area.rows);
        struct area summary = area_part(inside, 0, 0, 1, inside.columns);
        area_text(summary, 0, 0, ROLE_DIM, sv_of(top_view(top)->summary ? top_view(top)->summary : ""));
        struct area list = area_part(inside, 2, 0, inside.rows - 3, inside.columns);
        top->help_page = list.rows;
        top->help_rows = draw_help_rows(top, area_part(area, 0, 0, 0, 0), 0);
        int last = top->help_rows > list.rows ? top->help_rows - list.rows : 0;
        top->help_top = top->help_top > last ? last : top->help_top < 0 ? 0 : top->help_top;
        top->help_rows = draw_help_rows(top, list, top->help_top);
        area_printf(inside, inside.rows - 1, 0, ROLE_DIM, "%s",
                top->help_rows > list.rows ? "arrows scroll, any other key closes" : "any key closes");
}

void top_dialog_draw(struct top *top, struct area area)
{
        switch (top->overlay) {
        case OVERLAY_HELP:
                draw_help(top, area);
                break;
        case OVERLAY_CONFIRM:
                draw_confirm(top, area);
                break;
        case OVERLAY_ASK:
                draw_ask(top, area);
                break;
        case OVERLAY_CHOOSE:
                draw_choose(top, area);
                break;
        case OVERLAY_NONE:
                break;
        }
}
