#include "term/spinner.h"

#include "base/timefmt.h"
#include "term/escape.h"
#include "term/width.h"

#define FRAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* clang-format off */
const struct spinner_set spinner_sets[] = {
        { "dots", FRAMES("⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"), 80, false },
        { "line", FRAMES("-", "\\", "|", "/"), 100, true },
        { "braille", FRAMES("⣷", "⣯", "⣟", "⡿", "⢿", "⣻", "⣽", "⣾"), 80, false },
        { "circle", FRAMES("◐", "◓", "◑", "◒"), 120, false },
        { "corner", FRAMES("◜", "◝", "◞", "◟"), 120, false },
        { "square", FRAMES("▖", "▘", "▝", "▗"), 120, false },
        { "grow", FRAMES("▁", "▃", "▄", "▅", "▆", "▇", "▆", "▅", "▄", "▃"), 120, false },
        { "slide", FRAMES("▏", "▎", "▍", "▌", "▋", "▊", "▉", "▊", "▋", "▌", "▍", "▎"), 100, false },
        { "arrow", FRAMES("←", "↖", "↑", "↗", "→", "↘", "↓", "↙"), 100, false },
        { "moon", FRAMES("🌑", "🌒", "🌓", "🌔", "🌕", "🌖", "🌗", "🌘"), 120, false },
        { "clock", FRAMES("🕛", "🕐", "🕑", "🕒", "🕓", "🕔", "🕕", "🕖", "🕗", "🕘", "🕙", "🕚"), 100, false },
        { "bounce", FRAMES("[=   ]", "[ =  ]", "[  = ]", "[   =]", "[  = ]", "[ =  ]"), 100, true },
        { "ellipsis", FRAMES(".  ", ".. ", "...", "   "), 200, true },
        { "star", FRAMES("+", "x", "*", "x"), 120, true },
        { NULL, NULL, 0, false },
};
/* clang-format on */

const struct spinner_set *spinner_find(const struct term *term, const char *name)
{
        for (const struct spinner_set *set = spinner_sets; name && set->name; set++)
                if (strcmp(set->name, name) == 0 && (set->ascii || term->utf8))
                        return set;
        return &spinner_sets[term->utf8 ? 0 : 1];
}

static void copy_text(char *ret, const char *text)
{
        struct buf shown, cut;
        buf_init(&shown, 4096);
        buf_init(&cut, SPINNER_TEXT_MAX - 1);
        term_filter(&shown, sv_of(text), TERM_SHOW);
        term_truncate(&cut, sv_n(buf_text(&shown), shown.len), SPINNER_TEXT_MAX / 4 - 1, true);
        snprintf(ret, SPINNER_TEXT_MAX, "%s", buf_text(&cut));
        buf_done(&shown);
        buf_done(&cut);
}

void spinner_init(struct spinner *spinner, const struct term *term, const char *set, enum style_role role,
        const char *prefix, const char *suffix, int64_t now_ns)
{
        *spinner = (struct spinner){
                .term = term, .set = spinner_find(term, set), .role = role, .started_ns = now_ns, .ended = !term->cursor
        };
        copy_text(spinner->prefix, prefix);
        copy_text(spinner->suffix, suffix);
}

void spinner_suffix(struct spinner *spinner, const char *suffix)
{
        copy_text(spinner->suffix, suffix);
}

int64_t spinner_due_ns(const struct spinner *spinner, int64_t now_ns)
{
        int64_t age_ns = now_ns - spinner->started_ns;
        int64_t interval_ns = (int64_t)spinner->set->interval_ms * MILLISECOND;
        if (spinner->ended)
                return -1;
        if (age_ns < SPINNER_DELAY_MS * MILLISECOND)
                return SPINNER_DELAY_MS * MILLISECOND - age_ns;
        return interval_ns - age_ns % interval_ns;
}

void spinner_draw(struct spinner *spinner, int64_t now_ns, struct buf *out)
{
        int64_t age_ns = now_ns - spinner->started_ns;
        size_t count = 0;
        if (spinner->ended || age_ns < SPINNER_DELAY_MS * MILLISECOND)
                return;
        do
                count++;
        while (spinner->set->frames[count]);
        const char *frame = spinner->set->frames[(size_t)(age_ns / (spinner->set->interval_ms * MILLISECOND)) % count];
        struct buf line;
        buf_init(&line, 4096);
        buf_printf(&line, "%s%s", spinner->prefix, *spinner->prefix ? " " : "");
        style_put(&line, spinner->term, spinner->role, sv_of(frame));
        buf_printf(&line, "%s%s", *spinner->suffix ? " " : "", spinner->suffix);
        buf_putc(out, '\r');
        term_truncate(out, sv_n(buf_text(&line), line.len), spinner->term->width ? spinner->term->width - 1 : 79,
                spinner->term->utf8);
        buf_puts(out, "\x1b[K");
        buf_done(&line);
        spinner->shown = true;
}

void spinner_end(struct spinner *spinner, struct buf *out)
{
        if (spinner->shown && !spinner->ended)
                buf_puts(out, "\r\x1b[K");
        spinner->ended = true;
}
