#include "tui/keys.h"

#include <stdlib.h>

#define MOVING "Moving"
#define VIEWS "Views"
#define ROWS "Rows"
#define SHOW "What is shown"
#define REPLAY "Replay"
#define ACT "Acting"
#define PROGRAM "The program"

/* def "=" is the name of the key itself. */
const struct binding bindings[] = {
        { "Up k", "up", .help = "one row up", .section = MOVING },
        { "Down j", "down", .help = "one row down", .section = MOVING },
        { "Left h", "left", .help = "fold, or to the parent; without a tree: the start of long texts",
                .section = MOVING },
        { "Right l", "right", .help = "unfold, or to the first child; without a tree: more of long texts",
                .section = MOVING },
        { "PageUp C-b", "page-up", .help = "one page up", .section = MOVING },
        { "PageDown C-f", "page-down", .help = "one page down", .section = MOVING },
        { "Home g", "top", .help = "the first row, and stay there", .section = MOVING },
        { "End G", "bottom", .help = "the last row; where rows are added: follow them", .section = MOVING },
        { "Enter", "open", .help = "details of the row, or what is below it", .section = MOVING },
        { "Esc Backspace", "back", .help = "back to where you were", .section = MOVING },
        { "q", "leave", .help = "back; from the first page of a view: quit", .section = MOVING },

        { "1 2 3 4 5 6 7 8 9", "view", "NAME", .def = "=", .help = "the view of this number or name",
                .section = VIEWS },
        { "Tab", "next-view", .help = "the next view", .section = VIEWS },
        { "S-Tab", "previous-view", .help = "the view before", .section = VIEWS },

        { "/", "filter", "TEXT", .help = "filter the rows; !word inverts, name:word looks into one column",
                .section = ROWS },
        { "\\", "clear-filter", .help = "no filter", .section = ROWS },
        { "s", "sort", "COLUMN", .help = "sort by the next column", .section = ROWS },
        { "<", "sort-previous", .help = "sort by the column before", .section = ROWS },
        { "S", "reverse", .help = "turn the order around", .section = ROWS },
        { "t", "tree", .help = "as a tree, or flat", .section = ROWS },
        { "-", "fold", .help = "fold or unfold the row", .section = ROWS },
        { "_", "fold-all", .help = "fold all rows", .section = ROWS },
        { "+", "unfold-all", .help = "unfold all rows", .section = ROWS },
        { "Space", "mark", .help = "mark the row, or take the mark off", .section = ROWS },
        { "*", "mark-all", .help = "mark all rows that are shown", .section = ROWS },
        { "u", "unmark", .help = "take all marks off", .section = ROWS },
        { "f", "follow", .help = "follow the row or the newest one, or stay at the place", .section = ROWS },

        { "p", "pause", .help = "stop or go on; what comes meanwhile is kept", .section = SHOW },
        { "", "interval", "TIME", .help = "time between two pictures: 500ms, 2s", .section = SHOW },
        { "[", "slower", .help = "a longer interval; a replay plays at half the speed", .section = SHOW },
        { "]", "faster", .help = "a shorter interval; a replay plays at twice the speed", .section = SHOW },
        { "T", "theme", "NAME", .help = "the next theme: dark, light, high-contrast, mono", .section = SHOW },
        { "M", "mouse", .help = "the mouse on or off; off lets the terminal select text", .section = SHOW },

        { "o", "other", .views = "overview network disks", .help = "the other list of the page", .section = ROWS },
        { "c", "units", .views = "containers", .help = "containers only, or units of systemd too", .section = SHOW },
        { "P", "processes", .views = "containers", .help = "the processes in it", .section = VIEWS },
        { "E", "events", .views = "containers processes", .help = "the events of it", .section = VIEWS },
        { "K", "kernel", .views = "processes", .help = "threads of the kernel too, or not", .section = SHOW },
        { "c", "connections", .views = "network", .help = "the connections of this moment", .section = SHOW },
        { "z", "all", .views = "alerts", .help = "acknowledged and muted ones too, or not", .section = SHOW },

        { ",", "picture-back", .help = "back by a picture", .section = REPLAY },
        { ".", "picture-forward", .help = "forward by a picture", .section = REPLAY },
        { "{", "minute-back", .help = "back by a minute", .section = REPLAY },
        { "}", "minute-forward", .help = "forward by a minute", .section = REPLAY },
        { "(", "replay-start", .help = "the first picture of the recording", .section = REPLAY },
        { ")", "replay-end", .help = "the last picture of the recording", .section = REPLAY },
        { "", "time", "TIME",
                .help = "what was at that time: 12:34:56, 2026-11-22T12:34:56Z; +90s and -5m go by so much",
                .section = REPLAY },

        { "x F9", "kill", "SIGNAL", .views = "processes", .help = "a signal to the marked ones, or to the row",
                .section = ACT, .acts = true },
        { "a", "acknowledge", "COMMENT", .views = "alerts", .help = "acknowledge the marked ones, or the row",
                .section = ACT, .acts = true },
        { "A", "unacknowledge", .views = "alerts", .help = "open again", .section = ACT, .acts = true },
        { "m", "mute", "TIME", .views = "alerts", .help = "no such alerts for some time", .section = ACT,
                .acts = true },

        { "F1 ?", "help", .help = "this list", .section = PROGRAM },
        { ":", "command", .help = "type a command; Tab completes", .section = PROGRAM },
        { "C-l", "redraw", .help = "draw everything anew", .section = PROGRAM },
        { "C-z", "suspend", .help = "to the shell; fg comes back", .section = PROGRAM },
        { "Q C-c", "quit", .help = "quit", .section = PROGRAM },
        { NULL, NULL },
};

static bool has_word(const char *list, struct sv word)
{
        struct sv rest = sv_of(list), part;
        while (sv_word(&rest, &part))
                if (sv_eq(part, word))
                        return true;
        return false;
}

bool binding_holds(const struct binding *binding, const char *view, bool readonly)
{
        if (binding->acts && readonly)
                return false;
        return !binding->views || (view && has_word(binding->views, sv_of(view)));
}

static bool has_key(const struct binding *binding, const struct key *key)
{
        struct sv rest = sv_of(binding->keys), name;
        struct key one;
        while (sv_word(&rest, &name))
                if (key_parse(name, &one) && key_eq(&one, key))
                        return true;
        return false;
}

const struct binding *binding_of_key(const struct key *key, const char *view, bool readonly)
{
        const struct binding *found = NULL;
        for (const struct binding *binding = bindings; binding->command; binding++) {
                if (!binding_holds(binding, view, readonly) || !has_key(binding, key))
                        continue;
                if (binding->views)
                        return binding;
                found = binding;
        }
        return found;
}

const struct binding *binding_of_command(struct sv name, const char *view, bool readonly)
{
        const struct binding *found = NULL;
        bool several = false;
        if (name.n == 0)
                return NULL;
        for (const struct binding *binding = bindings; binding->command; binding++) {
                if (!binding_holds(binding, view, readonly) || !sv_starts(sv_of(binding->command), name))
                        continue;
                if (strlen(binding->command) == name.n)
                        return binding;
                several |= found && strcmp(found->command, binding->command) != 0;
                found = binding;
        }
        return several ? NULL : found;
}

/* ---- completion ---- */

struct completion {
        struct buf *list;
        char common[128];
        size_t length;
        size_t count;
};

static void candidate(struct completion *completion, const char *word, struct sv typed)
{
        if (!sv_starts(sv_of(word), typed))
                return;
        if (completion->count++ == 0) {
                completion->length = strnlen(word, sizeof(completion->common) - 1);
                memcpy(completion->common, word, completion->length);
        } else {
                size_t n = 0;
                while (n < completion->length && word[n] && word[n] == completion->common[n])
                        n++;
                completion->length = n;
                buf_putc(completion->list, ' ');
        }
        buf_puts(completion->list, word);
}

void bindings_complete(
        struct buf *line, const char *view, bool readonly, complete_fn *words, void *cookie, struct buf *ret_list)
{
        struct sv text = sv_n(buf_text(line), line->len);
        struct completion completion = { .list = ret_list };
        size_t space = sv_find(text, ' ');
        struct sv typed = text;
        if (space == text.n) {
                for (const struct binding *binding = bindings; binding->command; binding++)
                        if (binding_holds(binding, view, readonly) &&
                                (binding == bindings || strcmp(binding[-1].command, binding->command) != 0))
                                candidate(&completion, binding->command, typed);
        } else {
                const struct binding *binding = binding_of_command(sv_n(text.p, space), view, readonly);
                typed = sv_n(text.p + space + 1, text.n - space - 1);
                const char *word;
                for (size_t n = 0; binding && words && (word = words(binding, n, cookie)); n++)
                        candidate(&completion, word, typed);
        }
        if (completion.count == 0)
                return;
        buf_append(line, completion.common + typed.n, completion.length - typed.n);
        if (completion.count == 1)
                buf_putc(line, ' ');
}

/* ---- documentation ---- */

static void put_keys(struct buf *out, const char *keys)
{
        struct sv rest = sv_of(keys), name;
        bool first = true;
        while (sv_word(&rest, &name)) {
                buf_puts(out, first ? "" : " ");
                buf_printf(out, "`%.*s`", SV_ARG(name));
                first = false;
        }
}

static void put_row(struct buf *out, const struct binding *binding)
{
        buf_puts(out, "| ");
        put_keys(out, binding->keys);
        buf_printf(out, " | `%s%s%s` | %s", binding->command, binding->argument ? " " : "",
                binding->argument ? binding->argument : "", binding->help);
        if (binding->views)
                buf_printf(out, " (%s)", binding->views);
        buf_puts(out, binding->acts ? "; not with `--readonly` |\n" : " |\n");
}

void bindings_markdown(struct buf *out)
{
        buf_puts(out, "| key | command | what it does |\n| --- | --- | --- |\n");
        for (const struct binding *first = bindings; first->command; first++) {
                bool told = false;
                for (const struct binding *before = bindings; before < first && !told; before++)
                        told = strcmp(before->section, first->section) == 0;
                if (told)
                        continue;
                buf_printf(out, "| **%s** | | |\n", first->section);
                for (const struct binding *binding = first; binding->command; binding++)
                        if (strcmp(binding->section, first->section) == 0)
                                put_row(out, binding);
        }
}
