/* What the user of `tarsier top` sees: views, filters, commands, pauses, dialogs, the mouse. */
#include "top_bench.h"

static void test_views(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        assert_shows(bench, "nginx");
        press(bench, "1");
        assert_lacks(bench, "PID USER      CONTAINER        S  ▼CPU% MEMORY");
        assert_string_equal(top_view(bench->top)->name, "overview");
        press(bench, "Tab");
        assert_string_equal(top_view(bench->top)->name, "containers");
        press(bench, "S-Tab S-Tab"); /* around */
        assert_string_equal(top_view(bench->top)->name, top_view_names()[bench->top->view_count - 1]);
        press(bench, "9"); /* there are not so many */
        assert_shows(bench, "there is no view 9");
        press(bench, ":");
        type(bench, "view net");
        press(bench, "Enter");
        assert_string_equal(top_view(bench->top)->name, "network");
}

static void test_filter(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        press(bench, "/");
        type(bench, "ngi");
        assert_shows(bench, "/ngi");
        assert_shows(bench, "1 of 4"); /* as it is typed */
        press(bench, "Esc");           /* as it was before */
        assert_lacks(bench, "1 of 4");
        press(bench, "/");
        type(bench, "(");
        assert_shows(bench, "missing closing"); /* not finished: told, and nothing breaks */
        press(bench, "Backspace");
        type(bench, "ngix");
        press(bench, "Left Backspace Right Backspace");
        type(bench, "x");
        assert_shows(bench, "/ngx");
        press(bench, "C-u");
        type(bench, "sshd");
        press(bench, "Enter");
        assert_shows(bench, "/sshd");
        assert_lacks(bench, "nginx");
        press(bench, "\\");
        assert_shows(bench, "nginx");
        tui_send(bench->tui, &(struct message){ .kind = MESSAGE_PASTE, .paste = SV("not asked for") });
        assert_lacks(bench, "not asked for");
        press(bench, "/");
        tui_send(bench->tui, &(struct message){ .kind = MESSAGE_PASTE, .paste = SV("ngi\033nx\n!q") });
        press(bench, "Enter");
        assert_shows(bench, "/nginx !q");
}

static void test_commands(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        press(bench, ":");
        type(bench, "so");
        press(bench, "Tab");
        type(bench, " us");
        press(bench, "Tab");
        assert_shows(bench, ":sort user");
        press(bench, "Enter");
        bool descending;
        assert_string_equal(grid_sort(top_grid(bench->top), &descending), "user");
        press(bench, ":");
        type(bench, "s");
        press(bench, "Tab"); /* several: they are listed */
        assert_shows(bench, "sort sort-previous");
        press(bench, "Esc : Up"); /* the one before */
        assert_shows(bench, ":sort user");
        press(bench, "Esc :");
        type(bench, "nosuch");
        press(bench, "Enter");
        assert_shows(bench, "there is no command \"nosuch\"");
        press(bench, ":");
        type(bench, "theme light");
        press(bench, "Enter");
        assert_string_equal(bench->look.theme->name, "light");
        press(bench, "T T T");
        assert_string_equal(bench->look.theme->name, "dark");
        press(bench, ":");
        type(bench, "interval 3x");
        press(bench, "Enter");
        assert_shows(bench, "an interval is a time");
        press(bench, ":");
        type(bench, "interval 5s");
        press(bench, "Enter");
        assert_int_equal(bench->top->interval_ns, 5 * SECOND);
        press(bench, "]");
        assert_int_equal(bench->top->interval_ns, 2 * SECOND);
        press(bench, "[ [");
        assert_int_equal(bench->top->interval_ns, 10 * SECOND);
        press(bench, ": Backspace"); /* leaves it */
        assert_int_equal(bench->top->prompt_kind, PROMPT_NONE);
}

static void test_help(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        press(bench, "?");
        assert_shows(bench, "a signal to the marked ones"); /* those of the view first */
        press(bench, "G");
        assert_shows(bench, "quit");
        press(bench, "k Space PageUp g z"); /* any other key closes */
        assert_lacks(bench, "a signal to the marked ones");
        fake.rows = 4; /* nearly no room: nothing breaks */
        fake.columns = 12;
        press(bench, "?");
        screen(bench);
        press(bench, "G j q");
        fake.rows = 1;
        fake.columns = 1;
        screen(bench);
}

static void test_pause(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        press(bench, "p");
        assert_shows(bench, "PAUSED");
        tell(bench, "{\"gone\":{\"processes\":[{\"pid\":20,\"start\":\"2026-01-01T00:00:20Z\"}]}}");
        tell_process(bench, 50, 1, "latecomer", 0.9);
        tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:01Z\",\"sequence\":2,\"interval\":1000000000}}");
        assert_shows(bench, "nginx");
        assert_lacks(bench, "latecomer");
        press(bench, "s S t t j k"); /* what is shown can be moved in */
        assert_shows(bench, "nginx");
        press(bench, "p");
        assert_shows(bench, "latecomer");
        assert_lacks(bench, "nginx");
        assert_lacks(bench, "PAUSED");
}

static void test_long_pause(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        press(bench, "p");
        struct buf record;
        buf_init(&record, 2 << 20);
        buf_puts(&record, "{\"unheard-of\":\"");
        for (int i = 0; i < 1 << 20; i++)
                buf_putc(&record, 'x');
        buf_puts(&record, "\"}");
        tell_process(bench, 50, 1, "latecomer", 0.9);
        for (int i = 0; i < 40; i++) {
                tui_send(bench->tui,
                        &(struct message){ .kind = MESSAGE_SOURCE, .record = sv_n(buf_text(&record), record.len) });
                assert_true(bench->top->waiting.len <= WAITING_MAX + (2 << 20));
        }
        assert_shows(bench, "latecomer"); /* brought up to date rather than without end */
        assert_true(bench->top->paused);
        buf_done(&record);
}

static void test_readonly(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        bench->top->options.readonly = true;
        press(bench, "x");
        assert_int_equal(bench->top->overlay, OVERLAY_NONE);
        press(bench, ":");
        type(bench, "kill KILL");
        press(bench, "Enter");
        assert_shows(bench, "not with --readonly");
        press(bench, "?");
        assert_lacks(bench, "a signal to the marked ones");
}

static void test_dialogs(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        top_confirm(bench->top, "title", "Is it true?\n\nSurely.", "theme", "light");
        assert_shows(bench, "Is it true?");
        assert_shows(bench, "[ no (n) ]"); /* the harmless answer is chosen */
        press(bench, "Enter");
        assert_string_equal(bench->look.theme->name, "dark");
        top_confirm(bench->top, "title", "Is it true?", "theme", "light");
        press(bench, "x j Left Enter");
        assert_string_equal(bench->look.theme->name, "light");
        top_confirm(bench->top, "title", "?", "theme", "dark");
        press(bench, "y");
        assert_string_equal(bench->look.theme->name, "dark");
        top_choose(bench->top, "themes", "dark\nlight\nmono", "theme");
        press(bench, "Down j Down k Enter");
        assert_string_equal(bench->look.theme->name, "light");
        top_choose(bench->top, "themes", "dark\nlight\nmono", "theme");
        press(bench, "Esc");
        assert_int_equal(bench->top->overlay, OVERLAY_NONE);
        top_ask(bench->top, "how long?", "2", "interval");
        type(bench, "s");
        press(bench, "Enter");
        assert_int_equal(bench->top->interval_ns, 2 * SECOND);
        top_ask(bench->top, "how long?", "", "interval");
        press(bench, "C-c");
        assert_int_equal(bench->top->overlay, OVERLAY_NONE);
        fake.rows = 5;
        fake.columns = 20; /* they fit somehow */
        top_confirm(
                bench->top, "a long title of a dialog", "A text that is longer than the screen is wide.", "theme", "");
        screen(bench);
        top_choose(bench->top, "t", "one\ntwo\nthree\nfour\nfive\nsix", "theme");
        press(bench, "End");
        assert_shows(bench, "six");
}

static void test_mouse(void **state)
{
        struct bench *bench = *state;
        struct message click = { .kind = MESSAGE_MOUSE, .mouse = { .action = MOUSE_PRESS, .button = 1 } };
        tell_picture(bench);
        screen(bench);
        struct canvas canvas; /* a click is judged by what was drawn last */
        assert_int_equal(canvas_init(&canvas, fake.rows, fake.columns, &bench->look, NULL), 0);
        tui_draw(bench->tui, &canvas);
        click.mouse.column = 16; /* the second tab */
        tui_send(bench->tui, &click);
        assert_string_equal(top_view(bench->top)->name, "containers");
        tui_draw(bench->tui, &canvas);
        for (int row = 0; row < 30; row++) /* anywhere */
                for (int column = 0; column < 110; column += 9) {
                        click.mouse.row = row;
                        click.mouse.column = column;
                        tui_send(bench->tui, &click);
                        tui_draw(bench->tui, &canvas);
                }
        press(bench, "M");
        assert_shows(bench, "mouse off");
        canvas_done(&canvas);
}

/* Keys come faster than pictures are drawn: what they meet is what there is, not rows of the picture before. */
static void keys_between_a_record_and_its_picture(void **state)
{
        static const char *const keys[] = { "s", "S", "t", "G", "Up", "Space", "*", "Enter", "f", "-", "_", "h", "l",
                "x", "/", "o", "P", "E", "Tab", "S-Tab", "1", "2", "3", "\\" };
        struct bench *bench = *state;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                for (size_t then = 0; then < sizeof(keys) / sizeof(keys[0]); then++) {
                        press(bench, "C-g C-g 3");
                        tell_picture(bench);
                        (void)screen(bench);
                        tell(bench, "{\"gone\":{\"all\":true}}");
                        tell_process(bench, 99, 0, "newcomer", 0.5);
                        tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:01Z\",\"sequence\":2}}");
                        press(bench, keys[i]);
                        tell(bench, "{\"gone\":{\"all\":true}}");
                        tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:02Z\",\"sequence\":3}}");
                        press(bench, keys[then]);
                        (void)screen(bench);
                }
        }
        press(bench, "C-g C-g Esc Esc C-g 3");
        tell_picture(bench);
        assert_shows(bench, "  20 root");
}

/* A host that hangs shows nothing new: the screen says so. */
static void a_picture_that_does_not_come(void **state)
{
        struct bench *bench = *state;
        struct message clock = { .kind = MESSAGE_TICK, .tick = ~0U };
        tell_picture(bench);
        assert_lacks(bench, "no picture for");
        fake_clock_advance(&bench->clock, 8 * SECOND);
        assert_int_equal(loop_run_once(bench->loop, 0, NULL), 0);
        tui_send(bench->tui, &clock);
        assert_shows(bench, "no picture for 8 s");
        tell(bench, "{\"source\":{\"name\":\"feed\",\"state\":\"down\",\"message\":\"the agent is gone\"}}");
        assert_shows(bench, "no picture for 8 s: the agent is gone");
        press(bench, "p");
        assert_lacks(bench, "no picture for"); /* it stands still because it is told to */
        press(bench, "p");
        tell_picture(bench);
        assert_lacks(bench, "no picture for");
}

/* A pause that ends brings rows and takes others away. */
static void keys_behind_a_pause(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        (void)screen(bench);
        press(bench, "p");
        tell(bench, "{\"gone\":{\"all\":true}}");
        tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:01Z\",\"sequence\":2}}");
        press(bench, "p s S t");
        assert_lacks(bench, "nginx");
}

/* Esc and a key that came as one, which a terminal sends for Alt. */
static void esc_and_a_key(void **state)
{
        struct bench *bench = *state;
        tell_picture(bench);
        press(bench, "3 Enter");
        assert_shows(bench, "ancestry");
        press(bench, "M-S");
        assert_lacks(bench, "ancestry");
        press(bench, "Enter M-Esc"); /* twice: there is nothing to leave at the second */
        assert_lacks(bench, "ancestry");
        press(bench, "? M-1"); /* the list of keys closes, and the view is another */
        assert_shows(bench, "Memory");
        press(bench, "3 / n g M-x"); /* a slip in a line that is typed */
        assert_int_equal(bench->top->prompt_kind, PROMPT_FILTER);
        press(bench, "M-Esc");
        assert_int_equal(bench->top->prompt_kind, PROMPT_NONE);
        press(bench, "M-Up M-F5"); /* keys of their own */
        assert_lacks(bench, "ancestry");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_BENCH(test_views),
                WITH_BENCH(test_filter),
                WITH_BENCH(test_commands),
                WITH_BENCH(test_help),
                WITH_BENCH(test_pause),
                WITH_BENCH(test_long_pause),
                WITH_BENCH(test_readonly),
                WITH_BENCH(test_dialogs),
                WITH_BENCH(test_mouse),
                WITH_BENCH(keys_between_a_record_and_its_picture),
                WITH_BENCH(keys_behind_a_pause),
                WITH_BENCH(esc_and_a_key),
                WITH_BENCH(a_picture_that_does_not_come),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
