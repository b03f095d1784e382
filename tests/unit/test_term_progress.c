/* Progress and spinners by a clock of the test: what stands on a terminal, and the plain lines elsewhere. */
#include "base/timefmt.h"
#include "term/progress.h"
#include "term/spinner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t clock_ns;

static int64_t now(void *cookie)
{
        (void)cookie;
        return clock_ns;
}

static struct term terminal(bool cursor)
{
        clock_ns = 0;
        return (struct term){
                .fd = -1, .tty = cursor, .cursor = cursor, .width = 48, .height = 24, .theme = theme_find(NULL)
        };
}

/* The last drawing of the bars. */
static const char *last_line(const struct progress *progress)
{
        static char line[512];
        struct sv rest = sv_of(buf_text(progress_output(progress))), part;
        *line = '\0';
        while (rest.n && sv_line(&rest, &part))
                if (part.n > 4 && strstr(part.p, "\x1b[K")) {
                        size_t skip = part.p[0] == '\x1b' ? 3 : 0; /* CSI J of the drawing before */
                        const char *up = memmem(part.p, part.n, "A", 1);
                        struct sv text = sv_n(part.p + skip, part.n - skip);
                        if (part.p[skip] == '\r' && up)
                                text = sv_n(up + 1, (size_t)(part.p + part.n - up) - 1);
                        snprintf(line, sizeof(line), "%.*s", (int)text.n - 3, text.p);
                }
        return line;
}

static struct progress *begin(const struct term *term, const struct progress_bar *bar)
{
        struct error err;
        struct progress *progress = progress_new(term, now, NULL, 0, &err);
        assert_non_null(progress);
        assert_int_equal(progress_add(progress, bar, &err), 0);
        return progress;
}

static void test_bar(void **state)
{
        (void)state;
        struct term term = terminal(true);
        struct progress *progress = begin(&term, &(struct progress_bar){ .name = "copy", .total = 100 });
        clock_ns = 10 * SECOND;
        progress_set(progress, 0, 25);
        /* 2.5 a second: 75 more take 30 s */
        assert_string_equal(last_line(progress), "copy ####............  25% 25/100 0:10 ETA 0:30");
        size_t before = progress_output(progress)->len;
        progress_incr(progress, 0, 10); /* too soon to be drawn */
        assert_int_equal(progress_output(progress)->len, before);
        clock_ns += SECOND;
        progress_decr(progress, 0, 5);
        assert_non_null(strstr(last_line(progress), " 30% 30/100 0:11 "));
        progress_decr(progress, 0, 1000);
        progress_incr(progress, 0, UINT64_MAX);
        clock_ns += SECOND;
        progress_finish(progress);
        assert_string_equal(last_line(progress), "copy ############### 100% 100/100 0:11 ETA 0:00");
        progress_incr(progress, 7, 1); /* no such bar */
        progress_free(progress);
}

static void test_speed(void **state)
{
        (void)state;
        struct term term = terminal(true);
        struct progress *progress = begin(&term, &(struct progress_bar){ .name = "x",
                                                         .total = 1 << 30,
                                                         .unit = PROGRESS_BYTES,
                                                         .decorators = "{name} {speed} {counters} {eta}" });
        for (int i = 1; i <= 20; i++) {
                clock_ns = i * SECOND;
                progress_incr(progress, 0, 1 << 20);
        }
        assert_string_equal(last_line(progress), "x 1.0 MiB/s 20.0 MiB/1.0 GiB ETA 16:44");
        clock_ns += SECOND; /* ten times as fast: a fifth of it counts at once */
        progress_incr(progress, 0, 11 << 20);
        assert_non_null(strstr(last_line(progress), "x 3.0 MiB/s "));
        progress_free(progress);
}

static void test_several(void **state)
{
        (void)state;
        struct error err;
        struct term term = terminal(true);
        struct progress *progress = begin(&term, &(struct progress_bar){ .name = "a", .total = 4 });
        assert_int_equal(
                progress_add(progress,
                        &(struct progress_bar){ .name = "longer\x1b[2J", .decorators = "{name} {counters}" }, &err),
                1);
        clock_ns = SECOND;
        progress_incr(progress, 1, 3);
        const char *text = buf_text(progress_output(progress));
        assert_non_null(strstr(text, "\nlonger\\x1b[2J 3\x1b[K\n\x1b[J"));
        clock_ns = 2 * SECOND;
        progress_say(progress, SV("note\x07"));
        text = buf_text(progress_output(progress));
        assert_non_null(strstr(text, "\r\x1b[2A\x1b[Jnote\\x07\n")); /* the bars make room and come again below it */
        assert_non_null(strstr(text, "note\\x07\na             "));
        for (int i = 2; i < PROGRESS_BARS_MAX; i++)
                assert_int_equal(progress_add(progress, &(struct progress_bar){ .name = "more" }, &err), i);
        assert_int_equal(progress_add(progress, &(struct progress_bar){ .name = "more" }, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        progress_free(progress);
}

static void test_plain_lines(void **state)
{
        (void)state;
        struct error err;
        struct term term = terminal(false);
        struct progress *progress = begin(&term, &(struct progress_bar){ .name = "work", .total = 10 });
        progress_add(progress, &(struct progress_bar){ .name = "open" }, &err);
        progress_add(progress, &(struct progress_bar){ .name = "early", .total = 8 }, &err);
        for (int i = 0; i < 10; i++) {
                progress_incr(progress, 0, 1);
                progress_incr(progress, 1, 2);
                clock_ns += SECOND;
        }
        progress_say(progress, SV("note"));
        progress_set(progress, 2, 3);
        progress_finish(progress);
        assert_string_equal(buf_text(progress_output(progress)),
                "work: 30% (3/10)\nwork: 50% (5/10)\nwork: 80% (8/10)\nwork: 100% (10/10)\nnote\n"
                "early: 37% (3/8)\nopen: 20\nearly: 3/8\n");
        progress_free(progress);
}

static void test_spinner(void **state)
{
        (void)state;
        struct term term = terminal(true);
        struct spinner spinner;
        struct buf out;
        buf_init(&out, 4096);
        spinner_init(&spinner, &term, NULL, STYLE_ACCENT, "look", "at\x1b", 0);
        assert_string_equal(spinner.set->name, "line"); /* no UTF-8 here */
        assert_int_equal(spinner_due_ns(&spinner, 0), 300 * MILLISECOND);
        spinner_draw(&spinner, 299 * MILLISECOND, &out);
        assert_int_equal(out.len, 0);
        spinner_draw(&spinner, 300 * MILLISECOND, &out);
        assert_string_equal(buf_text(&out), "\rlook / at\\x1b\x1b[K");
        buf_clear(&out);
        spinner_suffix(&spinner, "it");
        term.depth = COLOUR_16;
        spinner_draw(&spinner, 400 * MILLISECOND, &out);
        assert_string_equal(buf_text(&out), "\rlook \x1b[1;36m-\x1b[0m it\x1b[K");
        buf_clear(&out);
        spinner_end(&spinner, &out);
        spinner_end(&spinner, &out);
        spinner_draw(&spinner, SECOND, &out);
        assert_string_equal(buf_text(&out), "\r\x1b[K");
        assert_int_equal(spinner_due_ns(&spinner, SECOND), -1);
        buf_clear(&out);
        term.cursor = false; /* a log: nothing at all */
        spinner_init(&spinner, &term, "dots", STYLE_ACCENT, NULL, NULL, 0);
        spinner_draw(&spinner, SECOND, &out);
        spinner_end(&spinner, &out);
        assert_int_equal(out.len, 0);
        buf_done(&out);
}

static void test_spinner_sets(void **state)
{
        (void)state;
        struct term term = terminal(true);
        term.utf8 = true;
        for (const struct spinner_set *set = spinner_sets; set->name; set++) {
                assert_ptr_equal(spinner_find(&term, set->name), set);
                assert_true(set->interval_ms > 0 && set->frames[0] && set->frames[1]);
                for (size_t i = 0; set->ascii && set->frames[i]; i++)
                        for (const char *p = set->frames[i]; *p; p++)
                                assert_in_range(*p, 0x20, 0x7e);
        }
        assert_string_equal(spinner_find(&term, "no such")->name, "dots");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bar),
                cmocka_unit_test(test_speed),
                cmocka_unit_test(test_several),
                cmocka_unit_test(test_plain_lines),
                cmocka_unit_test(test_spinner),
                cmocka_unit_test(test_spinner_sets),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
