#include "term/demo.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "term/escape.h"
#include "term/progress.h"
#include "term/spinner.h"
#include "term/table.h"

enum { DEMO_TEXT_MAX = 1 << 20, STEP_MS = 50, RAMP_DEFAULT = 64 };

struct demo {
        const struct term *out, *talk;
        int64_t clock_ns;
        struct buf text;
        struct error *err;
};

static int64_t demo_now(void *cookie)
{
        return ((struct demo *)cookie)->clock_ns;
}

static int flush(struct demo *demo)
{
        int status = demo->text.failed ? fail(demo->err, E_NO_MEMORY, "no memory for the demonstration")
                                       : write_all(demo->out->fd, demo->text.data, demo->text.len, demo->err);
        buf_clear(&demo->text);
        return status;
}

/* The counted clock goes on; whoever watches waits as long. */
static void pass(struct demo *demo, unsigned ms)
{
        demo->clock_ns += ms * MILLISECOND;
        struct timespec span = { 0, (long)(ms * MILLISECOND) };
        if (demo->talk->cursor)
                nanosleep(&span, NULL);
}

/* --- colours --- */

static void put_swatch(struct demo *demo, struct colour background, const char *text)
{
        struct style style = { .background = background };
        style_begin(&demo->text, demo->out, &style);
        buf_puts(&demo->text, text);
        style_end(&demo->text, demo->out, &style);
}

static void put_indexed(struct demo *demo, unsigned first, unsigned end, unsigned a_line)
{
        for (unsigned i = first; i < end; i++) {
                char text[8];
                snprintf(text, sizeof(text), " %3u ", i);
                put_swatch(demo, (struct colour){ COLOUR_INDEXED, i }, text);
                if ((i - first) % a_line == a_line - 1)
                        buf_putc(&demo->text, '\n');
        }
}

static int demo_colours(struct demo *demo)
{
        static const char *const depths[] = { "none", "16", "256", "true colour" };
        style_markup(&demo->text, demo->out, "<heading>Colours</> (this stream: %s)\n\n16 colours:\n",
                depths[demo->out->depth]);
        put_indexed(demo, 0, 16, 8);
        buf_puts(&demo->text, "\n256 colours:\n");
        put_indexed(demo, 16, 232, 12);
        put_indexed(demo, 232, 256, 12);
        buf_puts(&demo->text, "\nTrue colour:\n");
        unsigned width = demo->out->width && demo->out->width < RAMP_DEFAULT ? demo->out->width : RAMP_DEFAULT;
        for (unsigned i = 0; i < width; i++) {
                uint32_t share = i * 255 / (width > 1 ? width - 1 : 1);
                uint32_t green = share < 128 ? share * 2 : (255 - share) * 2;
                put_swatch(demo, (struct colour){ COLOUR_RGB, (255 - share) << 16 | green << 8 | share }, " ");
        }
        buf_puts(&demo->text, "\n\n");
        return flush(demo);
}

/* --- styles --- */

static int demo_styles(struct demo *demo)
{
        struct term term = *demo->out;
        style_markup(&demo->text, demo->out, "<heading>Styles</>\n\n");
        style_markup(&demo->text, demo->out,
                "<bold>bold</> <faint>faint</> <italic>italic</> <underline>underline</> <reverse>reverse</> "
                "<strike>strike</> <fg=208>fg=208</> <bg=#203040>bg=#203040</> <bold>nested <error>tags</> end</>\n");
        for (const struct theme *theme = style_themes; theme->name; theme++) {
                term.theme = theme;
                buf_printf(&demo->text, "\nTheme %s:\n ", theme->name);
                for (int role = 0; role < STYLE_ROLES_MAX; role++) {
                        buf_putc(&demo->text, ' ');
                        style_put(&demo->text, &term, (enum style_role)role, sv_of(style_role_names[role]));
                }
                buf_putc(&demo->text, '\n');
        }
        buf_puts(&demo->text, "\nA hostile text, shown: ");
        term_filter(&demo->text,
                SV("a\x1b]0;title\x07 b\x1b[2J \xe2\x80\xae"
                   "dlrow\xe2\x80\xac \xff"),
                TERM_SHOW);
        buf_puts(&demo->text, "\n\n");
        return flush(demo);
}

/* --- tables --- */

static int demo_tables(struct demo *demo)
{
        static const struct table_column columns[] = {
                { .title = "NAME", .role = STYLE_ACCENT, .least = 8 },
                { .title = "SIZE", .right = true },
                { .title = "OWNER", .priority = 2 },
                { .title = "WHAT IT IS", .overflow = TABLE_WRAP, .priority = 1, .least = 12 },
        };
        static const char *const rows[][4] = {
                { "passwd", "1843", "root", "accounts of this host, one a line, with the shell that each one starts" },
                { "caf\u00e9-\u65e5\u672c\u8a9e.txt", "7", "\u00e5sa",
                        "letters of two columns keep the table straight" },
                { "\U0001f469\u200d\U0001f680 launch", "120034", "root", "a joined emoji is one picture" },
                { "evil\x1b[2Jname", "0", "nobody", "what would clear the screen is shown" },
        };
        static const unsigned widths[] = { 0, 60, 36, 24 };
        style_markup(&demo->text, demo->out, "<heading>Tables</>\n");
        cleanup(term_table_free) struct term_table *table = term_table_new(columns, 4, demo->err);
        for (size_t i = 0; table && i < sizeof(rows) / sizeof(rows[0]); i++)
                if (term_table_row(table, rows[i], demo->err) < 0)
                        return -1;
        for (size_t i = 0; table && i < sizeof(widths) / sizeof(widths[0]); i++) {
                struct term term = *demo->out;
                if (widths[i])
                        term.width = widths[i];
                if (widths[i])
                        buf_printf(&demo->text, "\n%u columns:\n", widths[i]);
                else
                        buf_puts(&demo->text, "\nAs wide as this stream:\n");
                term_table_put(&demo->text, &term, table, true);
        }
        buf_putc(&demo->text, '\n');
        return table ? flush(demo) : -1;
}

static int demo_links(struct demo *demo)
{
        style_markup(&demo->text, demo->out, "<heading>Links</> (%s)\n\n",
                demo->out->links ? "this stream shows them" : "this stream shows the text alone");
        link_put(&demo->text, demo->out, "https://no-color.org/", SV("no-color.org"));
        buf_puts(&demo->text, "\n\n");
        return flush(demo);
}

/* --- what moves --- */

static int demo_spinners(struct demo *demo)
{
        enum { DRAWINGS = 6 };
        unsigned n = 0;
        style_markup(&demo->text, demo->out, "<heading>Spinners</>\n\n");
        for (const struct spinner_set *set = spinner_sets; set->name; set++) {
                enum style_role role = (enum style_role)(STYLE_ERROR + n++ % (STYLE_DIM - STYLE_ERROR));
                if (!set->ascii && !demo->out->utf8)
                        continue;
                buf_printf(&demo->text, "%-10s", set->name);
                for (size_t i = 0; set->frames[i]; i++) {
                        buf_putc(&demo->text, ' ');
                        style_put(&demo->text, demo->out, role, sv_of(set->frames[i]));
                }
                buf_putc(&demo->text, '\n');
                if (flush(demo) < 0)
                        return -1;
                if (!demo->talk->cursor)
                        continue;
                struct spinner spinner;
                spinner_init(&spinner, demo->talk, set->name, role, set->name, "", demo->clock_ns);
                for (unsigned i = 0; i < DRAWINGS; i++) {
                        pass(demo, (unsigned)(spinner_due_ns(&spinner, demo->clock_ns) / MILLISECOND));
                        spinner_suffix(&spinner, i % 2 ? "working" : "still working");
                        spinner_draw(&spinner, demo->clock_ns, &demo->text);
                        write_all(demo->talk->fd, buf_text(&demo->text), demo->text.len, NULL);
                        buf_clear(&demo->text);
                }
                spinner_end(&spinner, &demo->text);
                write_all(demo->talk->fd, buf_text(&demo->text), demo->text.len, NULL);
                buf_clear(&demo->text);
        }
        buf_putc(&demo->text, '\n');
        return flush(demo);
}

static int demo_one_bar(struct demo *demo)
{
        cleanup(progress_free) struct progress *progress = progress_new(demo->talk, demo_now, demo, 0, demo->err);
        if (!progress)
                return -1;
        int bar = progress_add(progress,
                &(struct progress_bar){ .name = "one", .total = 20, .decorators = "{name} {bar} {percent} {elapsed}" },
                demo->err);
        for (unsigned i = 0; i < 12; i++) {
                progress_incr(progress, bar, 1);
                pass(demo, STEP_MS);
        }
        progress_decr(progress, bar, 4);
        pass(demo, 2 * STEP_MS);
        progress_set(progress, bar, 16);
        pass(demo, 2 * STEP_MS);
        progress_incr(progress, bar, 4);
        progress_finish(progress);
        return 0;
}

static int demo_several_bars(struct demo *demo)
{
        static const struct progress_bar bars[] = {
                { .name = "files", .total = 60 },
                { .name = "bytes",
                        .total = 48 << 20,
                        .unit = PROGRESS_BYTES,
                        .decorators = "{name} {bar} {percent} {counters} {speed} {eta}" },
                { .name = "unknown", .decorators = "{name} {bar} {counters} {elapsed}" },
        };
        cleanup(progress_free) struct progress *progress = progress_new(demo->talk, demo_now, demo, 0, demo->err);
        if (!progress)
                return -1;
        for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++)
                if (progress_add(progress, &bars[i], demo->err) < 0)
                        return -1;
        for (unsigned i = 0; i < 30; i++) {
                progress_incr(progress, 0, 2);
                progress_incr(progress, 1, (48U << 20) / 30 + 1);
                progress_incr(progress, 2, 3);
                if (i == 15)
                        progress_say(progress, SV("half of it is done"));
                pass(demo, STEP_MS);
        }
        progress_finish(progress);
        return 0;
}

static int demo_bars(struct demo *demo)
{
        style_markup(&demo->text, demo->out, "<heading>Progress</> (on standard error)\n\n");
        return flush(demo) < 0 || demo_one_bar(demo) < 0 ? -1 : demo_several_bars(demo);
}

const char *const term_demo_parts[] = { "colours", "styles", "tables", "links", "spinners", "bars", NULL };

int term_demo(const struct term *out, const struct term *talk, const char *part, struct error *err)
{
        static int (*const draw[])(
                struct demo *) = { demo_colours, demo_styles, demo_tables, demo_links, demo_spinners, demo_bars };
        struct demo demo = { .out = out, .talk = talk, .err = err };
        int status = 0;
        bool found = false;
        buf_init(&demo.text, DEMO_TEXT_MAX);
        for (size_t i = 0; term_demo_parts[i] && status == 0; i++)
                if (!part || strcmp(part, term_demo_parts[i]) == 0) {
                        status = draw[i](&demo);
                        found = true;
                }
        buf_done(&demo.text);
        return found ? status : fail(err, E_INVALID, "the demonstration has no part \"%.32s\"", part);
}
