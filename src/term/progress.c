#include "term/progress.h"

#include "base/path.h"
#include "base/timefmt.h"
#include "term/escape.h"
#include "term/width.h"

enum { BAR_LEAST = 6, BAR_MOST = 40, OUTPUT_MAX = 1 << 20, QUARTERS = 4 };

static const char decorators_default[] = "{name} {bar} {percent} {counters} {elapsed} {eta}";

/* Weight of the newest speed: a change of pace shows within some ten drawings, a hiccup does not. */
static const double speed_weight = 0.2;
static const int64_t speed_least_ns = 50 * MILLISECOND; /* shorter spans say nothing about a speed */

struct bar {
        char name[PROGRESS_NAME_MAX];
        uint64_t total, count;
        enum progress_unit unit;
        const char *decorators;
        int64_t started_ns;
        int64_t measured_ns;
        uint64_t measured;
        double speed;  /* units a second, exponentially weighted; < 0: not known yet */
        unsigned told; /* quarters of which a plain line was written */
        bool done;
        int64_t done_ns;
};

struct progress {
        const struct term *term;
        int64_t (*now_ns)(void *);
        void *cookie;
        int64_t interval_ns;
        int64_t drawn_ns;
        bool drawn;
        unsigned lines; /* of ours on the terminal, the cursor below them */
        struct bar bars[PROGRESS_BARS_MAX];
        int count;
        struct buf out;
};

static int64_t monotonic(void *cookie)
{
        (void)cookie;
        return time_monotonic_ns();
}

struct progress *progress_new(
        const struct term *term, int64_t (*now_ns)(void *), void *cookie, int64_t interval_ns, struct error *err)
{
        struct progress *progress = calloc(1, sizeof(*progress));
        if (!progress)
                return fail_null(err, E_NO_MEMORY, "no memory to show progress");
        progress->term = term;
        progress->now_ns = now_ns ? now_ns : monotonic;
        progress->cookie = cookie;
        progress->interval_ns = interval_ns ? interval_ns : 100 * MILLISECOND;
        buf_init(&progress->out, OUTPUT_MAX);
        return progress;
}

void progress_free(struct progress *progress)
{
        if (!progress)
                return;
        buf_done(&progress->out);
        free(progress);
}

const struct buf *progress_output(const struct progress *progress)
{
        return &progress->out;
}

/* Progress that cannot be written is no failure of the work. */
static void flush(struct progress *progress)
{
        if (progress->term->fd < 0)
                return;
        write_all(progress->term->fd, buf_text(&progress->out), progress->out.len, NULL);
        buf_clear(&progress->out);
}

/* --- decorators --- */

static void put_amount(struct buf *out, enum progress_unit unit, uint64_t amount)
{
        char text[TIME_TEXT_MAX];
        if (unit == PROGRESS_BYTES) {
                size_format(amount, text);
                buf_puts(out, text);
        } else {
                buf_printf(out, "%llu", (unsigned long long)amount);
        }
}

/* 0:07, 12:05, 3:00:00 */
static void put_span(struct buf *out, int64_t span_ns)
{
        long long seconds = span_ns > 0 ? (long long)(span_ns / SECOND) : 0;
        if (seconds >= 3600)
                buf_printf(out, "%lld:%02lld:%02lld", seconds / 3600, seconds / 60 % 60, seconds % 60);
        else
                buf_printf(out, "%lld:%02lld", seconds / 60, seconds % 60);
}

static void measure(struct bar *bar, int64_t now_ns)
{
        int64_t span_ns = now_ns - bar->measured_ns;
        if (span_ns < speed_least_ns)
                return;
        double moved = bar->count > bar->measured ? (double)(bar->count - bar->measured) : 0;
        double speed = moved * (double)SECOND / (double)span_ns;
        bar->speed = bar->speed < 0 ? speed : speed_weight * speed + (1 - speed_weight) * bar->speed;
        bar->measured = bar->count;
        bar->measured_ns = now_ns;
}

static unsigned percent_of(const struct bar *bar)
{
        return bar->total ? (unsigned)((double)bar->count * 100.0 / (double)bar->total) : 0;
}

/* Everything but the bar itself. */
static void put_decorator(struct buf *out, const struct bar *bar, struct sv name, int64_t now_ns)
{
        int64_t end_ns = bar->done ? bar->done_ns : now_ns;
        if (sv_eq(name, SV("name"))) {
                buf_puts(out, bar->name);
        } else if (sv_eq(name, SV("percent"))) {
                if (bar->total)
                        buf_printf(out, "%3u%%", percent_of(bar));
        } else if (sv_eq(name, SV("counters"))) {
                put_amount(out, bar->unit, bar->count);
                if (bar->total) {
                        buf_putc(out, '/');
                        put_amount(out, bar->unit, bar->total);
                }
        } else if (sv_eq(name, SV("elapsed"))) {
                put_span(out, end_ns - bar->started_ns);
        } else if (sv_eq(name, SV("eta"))) {
                double left = bar->speed > 0 ? (double)(bar->total - bar->count) / bar->speed : -1;
                buf_puts(out, "ETA ");
                if (bar->total && bar->count >= bar->total)
                        put_span(out, 0);
                else if (!bar->total || left < 0 || left > 1e6)
                        buf_puts(out, "-:--");
                else
                        put_span(out, (int64_t)(left * (double)SECOND));
        } else if (sv_eq(name, SV("speed"))) {
                put_amount(out, bar->unit, bar->speed > 0 ? (uint64_t)bar->speed : 0);
                buf_puts(out, "/s");
        }
}

static void put_bar(struct buf *out, const struct term *term, const struct bar *bar, size_t width, int64_t now_ns)
{
        const char *full = term->utf8 ? "\u2588" : "#", *empty = term->utf8 ? "\u2591" : ".";
        const struct style *style = &term->theme->roles[bar->done ? STYLE_SUCCESS : STYLE_ACCENT];
        size_t cells = bar->total ? (size_t)((double)bar->count * (double)width / (double)bar->total) : 0;
        size_t first = 0;
        if (!bar->total && !bar->done) { /* a piece that slides */
                cells = width / 4 + 1;
                first = (size_t)((now_ns - bar->started_ns) / (100 * MILLISECOND)) % (width - cells + 1);
        } else if (!bar->total) {
                cells = width;
        }
        bool on = false;
        for (size_t i = 0; i < width; i++) {
                bool filled = i >= first && i < first + cells;
                if (filled != on)
                        filled ? style_begin(out, term, style) : style_end(out, term, style);
                on = filled;
                buf_puts(out, filled ? full : empty);
        }
        if (on)
                style_end(out, term, style);
}

/* The line of one bar; bar_width 0 leaves {bar} out. */
static void put_line(
        struct buf *out, const struct term *term, const struct bar *bar, size_t bar_width, int64_t now_ns, size_t names)
{
        const char *at = bar->decorators;
        bool empty = true; /* the part before wrote nothing: no space behind it */
        while (*at) {
                const char *end = *at == '{' ? strchr(at, '}') : NULL;
                if (!end) {
                        if (*at != ' ' || !empty)
                                buf_putc(out, *at);
                        at++;
                        continue;
                }
                struct sv name = sv_n(at + 1, (size_t)(end - at) - 1);
                size_t start = out->len;
                if (!sv_eq(name, SV("bar")))
                        put_decorator(out, bar, name, now_ns);
                else if (bar_width)
                        put_bar(out, term, bar, bar_width, now_ns);
                if (sv_eq(name, SV("name"))) {
                        size_t columns = term_width(sv_of(bar->name));
                        buf_printf(out, "%*s", (int)(names > columns ? names - columns : 0), "");
                }
                empty = out->len == start;
                at = end + 1;
        }
        while (out->len && out->data[out->len - 1] == ' ')
                out->data[--out->len] = '\0';
}

/* --- terminals --- */

static void draw_bar(struct progress *progress, const struct bar *bar, int64_t now_ns, size_t names)
{
        const struct term *term = progress->term;
        struct buf line;
        buf_init(&line, 64 << 10);
        put_line(&line, term, bar, 0, now_ns, names);
        size_t used = term_width(sv_n(buf_text(&line), line.len)) + 2;
        size_t room = term->width > used ? term->width - used : 0;
        if (room >= BAR_LEAST) {
                buf_clear(&line);
                put_line(&line, term, bar, room < BAR_MOST ? room : BAR_MOST, now_ns, names);
        }
        /* the last column stays free: some terminals wrap when it is written */
        term_truncate(&progress->out, sv_n(buf_text(&line), line.len), term->width ? term->width - 1 : 79, term->utf8);
        buf_puts(&progress->out, "\x1b[K\n");
        buf_done(&line);
}

static void go_up(struct progress *progress)
{
        if (progress->lines)
                buf_printf(&progress->out, "\r\x1b[%uA", progress->lines);
        progress->lines = 0;
}

/* More bars than rows cannot be redrawn in place: the first ones that are not done are shown. */
static void draw(struct progress *progress, int64_t now_ns)
{
        unsigned rows = progress->term->height > 2 ? progress->term->height - 1 : 1;
        size_t names = 0;
        for (int i = 0; i < progress->count; i++) {
                size_t columns = term_width(sv_of(progress->bars[i].name));
                names = columns > names ? columns : names;
                measure(&progress->bars[i], now_ns);
        }
        go_up(progress);
        bool few = (unsigned)progress->count <= rows;
        for (int i = 0; i < progress->count && progress->lines < rows; i++) {
                if (!few && progress->bars[i].done)
                        continue;
                draw_bar(progress, &progress->bars[i], now_ns, names);
                progress->lines++;
        }
        buf_puts(&progress->out, "\x1b[J");
        progress->drawn_ns = now_ns;
        progress->drawn = true;
        flush(progress);
}

static void draw_if_due(struct progress *progress, int64_t now_ns)
{
        if (progress->term->cursor && (!progress->drawn || now_ns - progress->drawn_ns >= progress->interval_ns))
                draw(progress, now_ns);
}

/* --- logs and files --- */

static void tell(struct progress *progress, struct bar *bar)
{
        unsigned quarter = bar->total ? (unsigned)((double)bar->count * QUARTERS / (double)bar->total) : 0;
        if (progress->term->cursor || quarter <= bar->told)
                return;
        bar->told = quarter;
        buf_printf(&progress->out, "%s: %u%% (", bar->name, percent_of(bar));
        put_amount(&progress->out, bar->unit, bar->count);
        buf_putc(&progress->out, '/');
        put_amount(&progress->out, bar->unit, bar->total);
        buf_puts(&progress->out, ")\n");
        flush(progress);
}

/* --- what callers do --- */

int progress_add(struct progress *progress, const struct progress_bar *bar, struct error *err)
{
        if (progress->count == PROGRESS_BARS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d progress bars", PROGRESS_BARS_MAX);
        int64_t now_ns = progress->now_ns(progress->cookie);
        struct bar *added = &progress->bars[progress->count];
        struct buf name;
        *added = (struct bar){ .total = bar->total,
                .unit = bar->unit,
                .decorators = bar->decorators ? bar->decorators : decorators_default,
                .started_ns = now_ns,
                .measured_ns = now_ns,
                .speed = -1 };
        buf_init(&name, 4096);
        term_filter(&name, sv_of(bar->name), TERM_SHOW);
        struct buf cut;
        buf_init(&cut, PROGRESS_NAME_MAX - 1);
        term_truncate(&cut, sv_n(buf_text(&name), name.len), (PROGRESS_NAME_MAX - 1) / 4, progress->term->utf8);
        snprintf(added->name, sizeof(added->name), "%s", buf_text(&cut));
        buf_done(&cut);
        buf_done(&name);
        draw_if_due(progress, now_ns);
        return progress->count++;
}

static struct bar *bar_of(struct progress *progress, int bar)
{
        return bar >= 0 && bar < progress->count ? &progress->bars[bar] : NULL;
}

static void change(struct progress *progress, struct bar *bar, uint64_t count)
{
        int64_t now_ns = progress->now_ns(progress->cookie);
        bar->count = bar->total && count > bar->total ? bar->total : count;
        bar->done = bar->total && bar->count == bar->total;
        if (bar->done)
                bar->done_ns = now_ns;
        tell(progress, bar);
        draw_if_due(progress, now_ns);
}

void progress_set(struct progress *progress, int bar, uint64_t count)
{
        struct bar *of = bar_of(progress, bar);
        if (of)
                change(progress, of, count);
}

void progress_incr(struct progress *progress, int bar, uint64_t by)
{
        struct bar *of = bar_of(progress, bar);
        if (of)
                change(progress, of, by > UINT64_MAX - of->count ? UINT64_MAX : of->count + by);
}

void progress_decr(struct progress *progress, int bar, uint64_t by)
{
        struct bar *of = bar_of(progress, bar);
        if (of)
                change(progress, of, by > of->count ? 0 : of->count - by);
}

void progress_set_total(struct progress *progress, int bar, uint64_t total)
{
        struct bar *of = bar_of(progress, bar);
        if (!of)
                return;
        of->total = total;
        change(progress, of, of->count);
}

void progress_tick(struct progress *progress)
{
        draw_if_due(progress, progress->now_ns(progress->cookie));
}

void progress_say(struct progress *progress, struct sv text)
{
        if (progress->term->cursor) {
                go_up(progress);
                buf_puts(&progress->out, "\x1b[J");
        }
        term_filter(&progress->out, text, TERM_SHOW);
        buf_putc(&progress->out, '\n');
        if (progress->term->cursor)
                draw(progress, progress->now_ns(progress->cookie));
        else
                flush(progress);
}

void progress_finish(struct progress *progress)
{
        int64_t now_ns = progress->now_ns(progress->cookie);
        for (int i = 0; i < progress->count; i++) {
                struct bar *bar = &progress->bars[i];
                bool silent = !progress->term->cursor && bar->told < QUARTERS;
                if (!bar->total && !bar->done) {
                        bar->done = true;
                        bar->done_ns = now_ns;
                }
                if (silent) { /* one that stopped early says where */
                        buf_printf(&progress->out, "%s: ", bar->name);
                        put_decorator(&progress->out, bar, SV("counters"), now_ns);
                        buf_putc(&progress->out, '\n');
                }
        }
        if (progress->term->cursor)
                draw(progress, now_ns);
        flush(progress);
        progress->lines = 0;
}
