/* Lines that are typed: the filter, commands, and the answer to a question. */
#include "tui/top_internal.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "term/width.h"

void prompt_set(struct prompt *prompt, const char *text)
{
        buf_clear(&prompt->text);
        buf_puts(&prompt->text, text ? text : "");
        prompt->cursor = prompt->text.len;
}

static size_t before_cursor(const struct prompt *prompt)
{
        size_t at = prompt->cursor;
        while (at > 0 && ((unsigned char)prompt->text.data[--at] & 0xc0) == 0x80)
                ;
        return at;
}

static size_t after_cursor(const struct prompt *prompt)
{
        size_t at = prompt->cursor;
        if (at < prompt->text.len)
                at++;
        while (at < prompt->text.len && ((unsigned char)prompt->text.data[at] & 0xc0) == 0x80)
                at++;
        return at;
}

static void erase(struct prompt *prompt, size_t from, size_t to)
{
        if (from >= to)
                return;
        memmove(prompt->text.data + from, prompt->text.data + to, prompt->text.len - to + 1);
        prompt->text.len -= to - from;
        prompt->cursor = from;
}

static void insert(struct prompt *prompt, const char *bytes, size_t length)
{
        struct buf *text = &prompt->text;
        char *room = text->len + length < text->max ? buf_reserve(text, length) : NULL;
        if (!room)
                return; /* long enough */
        memmove(text->data + prompt->cursor + length, text->data + prompt->cursor, text->len - prompt->cursor);
        memcpy(text->data + prompt->cursor, bytes, length);
        text->len += length;
        text->data[text->len] = '\0';
        prompt->cursor += length;
}

static size_t word_before(const struct prompt *prompt)
{
        size_t at = prompt->cursor;
        while (at > 0 && prompt->text.data[at - 1] == ' ')
                at--;
        while (at > 0 && prompt->text.data[at - 1] != ' ')
                at--;
        return at;
}

static bool control_key(struct prompt *prompt, const struct key *key)
{
        if (key->code != KEYSYM_RUNE || key->modifiers != KEY_CONTROL)
                return false;
        if (key->rune == 'u')
                erase(prompt, 0, prompt->cursor);
        else if (key->rune == 'k')
                erase(prompt, prompt->cursor, prompt->text.len);
        else if (key->rune == 'w')
                erase(prompt, word_before(prompt), prompt->cursor);
        else if (key->rune == 'a')
                prompt->cursor = 0;
        else if (key->rune == 'e')
                prompt->cursor = prompt->text.len;
        else
                return false;
        return true;
}

bool prompt_key(struct prompt *prompt, const struct key *key)
{
        char letter[KEY_NAME_MAX];
        if (control_key(prompt, key))
                return true;
        switch (key->code) {
        case KEYSYM_LEFT:
                prompt->cursor = before_cursor(prompt);
                return true;
        case KEYSYM_RIGHT:
                prompt->cursor = after_cursor(prompt);
                return true;
        case KEYSYM_HOME:
                prompt->cursor = 0;
                return true;
        case KEYSYM_END:
                prompt->cursor = prompt->text.len;
                return true;
        case KEYSYM_BACKSPACE:
                erase(prompt, before_cursor(prompt), prompt->cursor);
                return true;
        case KEYSYM_DELETE: {
                size_t at = prompt->cursor;
                erase(prompt, at, after_cursor(prompt));
                return true;
        }
        case KEYSYM_RUNE:
                if (key->modifiers)
                        return false;
                key_text(key, letter);
                insert(prompt, key->rune == ' ' ? " " : letter, key->rune == ' ' ? 1 : strlen(letter));
                return true;
        default:
                return false;
        }
}

void prompt_paste(struct prompt *prompt, struct sv text)
{
        while (text.n) {
                uint32_t rune;
                size_t n = utf8_decode(text, &rune);
                if (n && !utf8_is_control(rune))
                        insert(prompt, text.p, n);
                else if (text.p[0] == '\n' || text.p[0] == '\t')
                        insert(prompt, " ", 1);
                text = sv_n(text.p + (n ? n : 1), text.n - (n ? n : 1));
        }
}

void prompt_draw(struct area area, const struct prompt *prompt, const char *before, enum tui_role role)
{
        struct sv text = sv_n(buf_text(&prompt->text), prompt->text.len);
        area_fill(area_part(area, 0, 0, 1, area.columns), role);
        int start = area_text(area, 0, 0, ROLE_KEY, sv_of(before));
        area_paint(area, 0, 0, start, role, 0);
        int cursor = (int)term_width(sv_n(text.p, prompt->cursor));
        int room = area.columns - start - 1;
        /* what is longer than the line moves to the left */
        while (cursor > room && text.n) {
                size_t columns;
                size_t n = term_cluster(text, &columns);
                cursor -= (int)columns;
                text = sv_n(text.p + n, text.n - n);
        }
        area_text(area, 0, start, ROLE_TEXT, text);
        area_cursor(area, 0, start + cursor);
}

/* ---- filter and commands ---- */

void top_open_filter(struct top *top)
{
        struct grid *grid = top_grid(top);
        if (!grid)
                return;
        free(top->filter_before);
        top->filter_before = strdup(grid_filter(grid));
        prompt_set(&top->prompt, grid_filter(grid));
        top->prompt_kind = PROMPT_FILTER;
}

void top_open_command(struct top *top)
{
        prompt_set(&top->prompt, "");
        top->line_at = top->line_count;
        top->candidates[0] = '\0';
        top->prompt_kind = PROMPT_COMMAND;
}

static void filter_typed(struct top *top)
{
        struct error err;
        struct grid *grid = top_grid(top);
        top->has_said = false;
        /* an expression that is not finished yet: the rows stay as they are */
        if (grid && grid_set_filter(grid, buf_text(&top->prompt.text), &err) < 0)
                top_say(top, ROLE_WARNING, "%s", err.message);
}

static void remember(struct top *top, const char *line)
{
        if (!*line || (top->line_count && strcmp(top->lines[top->line_count - 1], line) == 0))
                return;
        char *copy = strdup(line);
        if (!copy)
                return;
        if (top->line_count == HISTORY_LINES) {
                free(top->lines[0]);
                memmove(top->lines, top->lines + 1, (HISTORY_LINES - 1) * sizeof(top->lines[0]));
                top->line_count--;
        }
        top->lines[top->line_count++] = copy;
}

/* Words for the arguments of commands. */
static const char *argument_word(const struct binding *binding, size_t n, void *cookie)
{
        struct top *top = cookie;
        size_t count = 0;
        if (strcmp(binding->command, "view") == 0)
                return n < top->view_count ? top->views[n].view->name : NULL;
        if (strcmp(binding->command, "theme") == 0)
                return tui_themes[n].name;
        if (strcmp(binding->command, "sort") == 0 && top_grid(top)) {
                const struct grid_column *columns = grid_columns(top_grid(top), &count);
                return n < count ? columns[n].name : NULL;
        }
        return NULL;
}

static void complete(struct top *top)
{
        cleanup(buf_done) struct buf list;
        buf_init(&list, LINE_MAX_BYTES);
        bindings_complete(&top->prompt.text, top_view(top)->name, top->options.readonly, argument_word, top, &list);
        top->prompt.cursor = top->prompt.text.len;
        snprintf(top->candidates, sizeof(top->candidates), "%s", strchr(buf_text(&list), ' ') ? buf_text(&list) : "");
}

static void recall(struct top *top, bool older)
{
        if (older && top->line_at > 0)
                top->line_at--;
        else if (!older && top->line_at < top->line_count)
                top->line_at++;
        else
                return;
        prompt_set(&top->prompt, top->line_at < top->line_count ? top->lines[top->line_at] : "");
}

static bool is_abort(const struct key *key)
{
        return key->code == KEYSYM_ESCAPE ||
               (key->code == KEYSYM_RUNE && key->modifiers == KEY_CONTROL && (key->rune == 'c' || key->rune == 'g'));
}

static void filter_key(struct top *top, const struct key *key)
{
        if (key->code == KEYSYM_ENTER) {
                top->prompt_kind = PROMPT_NONE;
        } else if (is_abort(key)) {
                prompt_set(&top->prompt, top->filter_before);
                filter_typed(top);
                top->prompt_kind = PROMPT_NONE;
        } else if (key->code == KEYSYM_UP || key->code == KEYSYM_DOWN) {
                if (top_grid(top))
                        (void)grid_command(top_grid(top), key->code == KEYSYM_UP ? "up" : "down", "", NULL);
        } else if (prompt_key(&top->prompt, key)) {
                filter_typed(top);
        }
}

void top_prompt_key(struct top *top, const struct key *key, struct commands *commands)
{
        if (top->prompt_kind == PROMPT_FILTER) {
                filter_key(top, key);
                return;
        }
        if (key->code != KEYSYM_TAB)
                top->candidates[0] = '\0';
        bool empty = top->prompt.text.len == 0;
        if (key->code == KEYSYM_ENTER) {
                char line[LINE_MAX_BYTES];
                snprintf(line, sizeof(line), "%s", buf_text(&top->prompt.text));
                top->prompt_kind = PROMPT_NONE;
                remember(top, line);
                top_run_line(top, sv_of(line), commands);
        } else if (is_abort(key) || (key->code == KEYSYM_BACKSPACE && empty)) {
                top->prompt_kind = PROMPT_NONE;
        } else if (key->code == KEYSYM_TAB) {
                complete(top);
        } else if (key->code == KEYSYM_UP || key->code == KEYSYM_DOWN) {
                recall(top, key->code == KEYSYM_UP);
        } else {
                (void)prompt_key(&top->prompt, key);
        }
}

void top_prompt_paste(struct top *top, struct sv text)
{
        if (top->prompt_kind != PROMPT_NONE)
                prompt_paste(&top->prompt, text);
        else if (top->overlay == OVERLAY_ASK)
                prompt_paste(&top->answer, text);
        if (top->prompt_kind == PROMPT_FILTER)
                filter_typed(top);
}
