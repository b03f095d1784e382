/* The program with a terminal of its own: keys typed into a pipe, pictures in memory, a clock that the test owns. */
#include "tui/recording.h"
#include "tui/top_internal.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

/* ---- a terminal in memory ---- */

static struct {
        int fds[2];
        int rows, columns;
        struct buf text;
        unsigned draws, full_draws, suspends, bells;
        bool open, mouse, gone;
} fake;

static int fake_open(const struct look *look, bool mouse, struct error *err)
{
        (void)look;
        (void)err;
        fake.open = true;
        fake.mouse = mouse;
        return 0;
}

static void fake_close(void)
{
        fake.open = false;
}

static int fake_fd(void)
{
        return fake.fds[0];
}

static void fake_size(int *ret_rows, int *ret_columns)
{
        *ret_rows = fake.rows;
        *ret_columns = fake.columns;
}

static int fake_draw(const struct canvas *canvas, bool all)
{
        buf_clear(&fake.text);
        canvas_text(canvas, false, &fake.text);
        fake.draws++;
        fake.full_draws += all;
        return fake.gone ? -1 : 0;
}

static void fake_suspend(void)
{
        fake.suspends++;
}

static void fake_resume(void)
{
}

static void fake_mouse(bool on)
{
        fake.mouse = on;
}

static void fake_bell(void)
{
        fake.bells++;
}

static const struct tui_backend fake_backend = { fake_open, fake_close, fake_fd, fake_size, fake_draw, fake_suspend,
        fake_resume, fake_mouse, fake_bell };

/* ---- a program under test ---- */

struct bench {
        struct loop_fake_clock clock;
        struct loop *loop;
        struct look look;
        struct top *top;
        struct tui *tui;
        int steps; /* turns of the loop until it ends */
        void (*act)(struct bench *bench);
};

static int open_bench(void **state)
{
        struct bench *bench = calloc(1, sizeof(*bench));
        struct error err;
        assert_int_equal(pipe2(fake.fds, O_CLOEXEC), 0);
        fake.rows = 24;
        fake.columns = 100;
        fake.draws = fake.full_draws = fake.suspends = fake.bells = 0;
        fake.gone = false;
        buf_init(&fake.text, 1 << 20);
        fake_clock_init(&bench->clock, SECOND);
        bench->clock.manual = true;
        bench->loop = loop_new(&(struct loop_options){ .clock = &bench->clock.clock }, &err);
        bench->look = (struct look){ .theme = &tui_themes[0], .depth = COLOUR_TRUE, .utf8 = true, .braille = true };
        struct top_options options = {
                .look = &bench->look, .interval_ns = SECOND, .mouse = true, .view = "processes"
        };
        bench->top = top_new(&options, &err);
        assert_non_null(bench->top);
        struct tui_program program = top_program(bench->top);
        struct tui_options screen = {
                .backend = &fake_backend, .loop = bench->loop, .look = &bench->look, .mouse = true
        };
        bench->tui = tui_new(&program, &screen, &err);
        top_set_tui(bench->top, bench->tui);
        *state = bench;
        return 0;
}

static int close_bench(void **state)
{
        struct bench *bench = *state;
        tui_free(bench->tui);
        top_free(bench->top);
        loop_free(bench->loop);
        close(fake.fds[0]);
        if (fake.fds[1] >= 0)
                close(fake.fds[1]);
        buf_done(&fake.text);
        free(bench);
        return 0;
}

static void tell(struct bench *bench, const char *record)
{
        tui_send(bench->tui, &(struct message){ .kind = MESSAGE_SOURCE, .record = sv_of(record) });
}

static void tell_process(struct bench *bench, int pid, int ppid, const char *name, double cpu)
{
        char record[512];
        snprintf(record, sizeof(record),
                "{\"process\":{\"pid\":%d,\"ppid\":%d,\"start\":\"2026-01-01T00:00:%02dZ\",\"uid\":0,\"user\":\"root\","
                "\"state\":"
                "\"S\",\"nice\":0,\"priority\":20,\"threads\":1,\"cpu\":%g,\"cpu_time\":1000000000,\"memory\":1048576,"
                "\"name\":\"%s\",\"command_line\":\"/bin/%s --flag\"}}",
                pid, ppid, pid % 60, cpu, name, name);
        tell(bench, record);
}

static void tell_picture(struct bench *bench)
{
        tell(bench, "{\"begin\":{}}");
        tell(bench, "{\"host\":{\"hostname\":\"box\",\"cpus\":4,\"cpu\":1.5,\"memory_total\":1000000,\"memory_"
                    "available\":400000}}");
        tell_process(bench, 1, 0, "init", 0);
        tell_process(bench, 20, 1, "nginx", 0.75);
        tell_process(bench, 30, 20, "worker", 0.5);
        tell_process(bench, 40, 1, "sshd", 0.01);
        tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:00Z\",\"sequence\":1,\"interval\":1000000000}}");
}

/* Keys by their names, separated by spaces. */
static void press(struct bench *bench, const char *names)
{
        struct sv rest = sv_of(names), name;
        while (sv_word(&rest, &name)) {
                struct message message = { .kind = MESSAGE_KEY };
                assert_true(key_parse(name, &message.key));
                tui_send(bench->tui, &message);
        }
}

static void type(struct bench *bench, const char *letters)
{
        for (; *letters; letters++) {
                struct message message = { .kind = MESSAGE_KEY, .key = { .rune = (uint32_t)*letters } };
                tui_send(bench->tui, &message);
        }
}

/* What stands on the screen now. */
static const char *screen(struct bench *bench)
{
        struct canvas canvas;
        assert_int_equal(canvas_init(&canvas, fake.rows, fake.columns, &bench->look, NULL), 0);
        tui_draw(bench->tui, &canvas);
        buf_clear(&fake.text);
        canvas_text(&canvas, false, &fake.text);
        canvas_done(&canvas);
        return buf_text(&fake.text);
}

#define assert_shows(bench, wanted)                                                                                    \
        do {                                                                                                           \
                if (!strstr(screen(bench), wanted))                                                                    \
                        fail_msg("\"%s\" is not on the screen:\n%s", wanted, buf_text(&fake.text));                    \
        } while (0)
#define assert_lacks(bench, wanted)                                                                                    \
        do {                                                                                                           \
                if (strstr(screen(bench), wanted))                                                                     \
                        fail_msg("\"%s\" is on the screen:\n%s", wanted, buf_text(&fake.text));                        \
        } while (0)

/* ---- what the user sees ---- */

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

/* ---- the loop ---- */

static void step(struct loop *loop, void *cookie);

static int run(struct bench *bench, void (*act)(struct bench *bench), int steps, struct error *err)
{
        bench->act = act;
        bench->steps = steps;
        loop_post(bench->loop, step, bench);
        return tui_run(bench->tui, err);
}

static void step(struct loop *loop, void *cookie)
{
        struct bench *bench = cookie;
        if (bench->steps-- <= 0) {
                loop_stop(loop);
                return;
        }
        if (bench->act)
                bench->act(bench);
        fake_clock_advance(&bench->clock, 10 * MILLISECOND);
        loop_post(loop, step, bench);
}

static void write_keys(const char *keys)
{
        assert_int_equal(write(fake.fds[1], keys, strlen(keys)), strlen(keys));
}

static void keys_once(struct bench *bench)
{
        if (bench->steps == 40)
                write_keys("\033[B\033"); /* down, and an Esc alone */
        if (bench->steps == 20)
                write_keys("q");
}

static void test_keys_from_the_terminal(void **state)
{
        struct bench *bench = *state;
        struct error err;
        tell_picture(bench);
        assert_int_equal(run(bench, keys_once, 50, &err), 0);
        assert_true(bench->steps > 0); /* q ended it */
        assert_false(fake.open);       /* and the terminal was given back */
        assert_int_equal(bench->top->views[2].view->grid(bench->top->views[2].state) != NULL, 1);
        assert_string_equal(((const struct process_row *)grid_selected(top_grid(bench->top)))->name, "worker");
}

static void many_records(struct bench *bench)
{
        tell_process(bench, 20, 1, "nginx", bench->steps);
        if (bench->steps % 10 == 0)
                tell(bench, "{\"tick\":{\"time\":\"2026-01-01T00:01:01Z\",\"sequence\":2,\"interval\":1000000000}}");
}

static void test_frames_are_few(void **state)
{
        struct bench *bench = *state;
        struct error err;
        assert_int_equal(run(bench, many_records, 200, &err), 0);
        /* 2 s with 20 ticks of the source: a frame each, and two of the clock; rows alone draw nothing */
        assert_in_range(fake.draws, 15, 30);
}

static void hang_up(struct bench *bench)
{
        if (bench->steps == 10) {
                close(fake.fds[1]);
                fake.fds[1] = -1;
        }
}

static void test_terminal_goes_away(void **state)
{
        struct bench *bench = *state;
        struct error err;
        assert_int_equal(run(bench, hang_up, 20, &err), 128 + SIGHUP);
        assert_true(bench->steps > 5); /* at once */
        assert_false(fake.open);
}

static void test_terminal_breaks_in_a_frame(void **state)
{
        struct bench *bench = *state;
        struct error err;
        fake.gone = true;
        assert_int_equal(run(bench, NULL, 20, &err), 128 + SIGHUP);
        assert_int_equal(fake.draws, 1); /* it does not try again */
}

static void raise_once(struct bench *bench)
{
        static const int numbers[] = { SIGWINCH, SIGTSTP, SIGCONT, SIGTERM };
        if (bench->steps % 10 == 0 && bench->steps / 10 <= 4)
                raise(numbers[4 - bench->steps / 10]);
        if (bench->steps == 45)
                fake.columns = 60;
}

static void test_signals(void **state)
{
        struct bench *bench = *state;
        struct error err;
        assert_int_equal(run(bench, raise_once, 60, &err), 128 + SIGTERM);
        assert_int_equal(fake.suspends, 1);
        assert_true(fake.full_draws >= 3); /* first, after the resize, after each coming back */
        assert_false(fake.open);
}

/* ---- recordings ---- */

struct played {
        struct buf text;
        struct loop *loop;
};

static void on_played(struct sv record, void *cookie)
{
        struct played *played = cookie;
        buf_printf(&played->text, "%lld %.*s\n", (long long)(loop_now_ns(played->loop) / MILLISECOND), SV_ARG(record));
}

static void write_file(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static void test_replay(void **state)
{
        (void)state;
        char path[] = "/tmp/test_top_XXXXXX";
        struct error err;
        struct loop_fake_clock clock;
        struct played played = { 0 };
        close(mkstemp(path));
        write_file(path, "{\"tarsier-top\":1,\"time\":1700000000000000000}\n"
                         "{\"at\":0,\"record\":{\"a\":1}}\n"
                         "garbage\n"
                         "{\"at\":-5,\"record\":{\"no\":1}}\n"
                         "{\"at\":2000000000,\"record\":{\"b\":\"}\\\"\"}}\n"
                         "{\"at\":1000000000,\"record\":{\"c\":[]}}\n"
                         "{\"at\":6000000000,\"record\":{\"d\":3}}\n"
                         "{\"at\":7000000000,\"rec");
        fake_clock_init(&clock, 0);
        cleanup(loop_free) struct loop *loop = loop_new(&(struct loop_options){ .clock = &clock.clock }, &err);
        played.loop = loop;
        buf_init(&played.text, 4096);
        struct player_options options = { .loop = loop, .speed = 2, .on_record = on_played, .cookie = &played };
        struct player *player = player_new(path, &options, &err);
        assert_non_null(player);
        struct top_replay doors = player_doors(player);
        assert_int_equal(player_start(player, &err), 0);
        while (!doors.ended(player))
                assert_true(loop_run_once(loop, LOOP_NEVER, &err) >= 0);
        /* by its clock at twice the speed; a time that goes back is not before what was */
        assert_string_equal(
                buf_text(&played.text), "0 {\"a\":1}\n1000 {\"b\":\"}\\\"\"}\n1000 {\"c\":[]}\n3000 {\"d\":3}\n");
        assert_int_equal(player_bad_lines(player), 3);
        assert_int_equal(doors.unix_ns(player), INT64_C(1700000006000000000));
        player_free(player);

        buf_clear(&played.text);
        player = player_new(path, &options, &err);
        player_finish(player); /* all at once */
        assert_true(player_doors(player).ended(player));
        assert_non_null(strstr(buf_text(&played.text), "{\"d\":3}"));
        player_free(player);

        write_file(path, "{\"something\":\"else\"}\n");
        assert_null(player_new(path, &options, &err));
        assert_int_equal(err.code, E_INVALID);
        write_file(path, "{\"tarsier-top\":2,\"time\":1}\n");
        assert_null(player_new(path, &options, &err));
        assert_int_equal(err.code, E_UNSUPPORTED);
        write_file(path, "");
        assert_null(player_new(path, &options, &err));
        unlink(path);
        assert_null(player_new(path, &options, &err));
        assert_int_equal(err.code, E_NOT_FOUND);
        buf_done(&played.text);
}

static void test_recording(void **state)
{
        (void)state;
        char path[] = "/tmp/test_top_XXXXXX";
        struct error err;
        struct stat stat;
        struct loop_fake_clock clock;
        struct played played = { 0 };
        close(mkstemp(path));
        chmod(path, 0600);
        struct recorder *recorder = recorder_new(path, &err);
        assert_non_null(recorder);
        assert_int_equal(recorder_add(recorder, SV("{\"host\":{\"cpu\":1}}"), &err), 0);
        assert_int_equal(recorder_add(recorder, SV("{\"tick\":{}}"), &err), 0);
        recorder_free(recorder);
        assert_int_equal(lstat(path, &stat), 0);
        assert_int_equal(stat.st_mode & 0777, 0600);
        fake_clock_init(&clock, 0);
        cleanup(loop_free) struct loop *loop = loop_new(&(struct loop_options){ .clock = &clock.clock }, &err);
        played.loop = loop;
        buf_init(&played.text, 4096);
        struct player_options options = { .loop = loop, .speed = 1, .on_record = on_played, .cookie = &played };
        struct player *player = player_new(path, &options, &err);
        assert_non_null(player);
        player_finish(player);
        assert_non_null(strstr(buf_text(&played.text), "{\"host\":{\"cpu\":1}}"));
        assert_non_null(strstr(buf_text(&played.text), "{\"tick\":{}}"));
        player_free(player);
        buf_done(&played.text);
        unlink(path);
        recorder = recorder_new("/dev/full", &err); /* a disk that is full */
        assert_null(recorder);
        assert_null(recorder_new("/nosuch/file", &err));
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

int main(void)
{
        const struct CMUnitTest tests[] = {
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)
                WITH_BENCH(test_views),
                WITH_BENCH(test_filter),
                WITH_BENCH(test_commands),
                WITH_BENCH(test_help),
                WITH_BENCH(test_pause),
                WITH_BENCH(test_long_pause),
                WITH_BENCH(test_readonly),
                WITH_BENCH(test_dialogs),
                WITH_BENCH(test_mouse),
                WITH_BENCH(test_keys_from_the_terminal),
                WITH_BENCH(test_frames_are_few),
                WITH_BENCH(test_terminal_goes_away),
                WITH_BENCH(test_terminal_breaks_in_a_frame),
                WITH_BENCH(test_signals),
                WITH_BENCH(keys_between_a_record_and_its_picture),
                WITH_BENCH(keys_behind_a_pause),
                WITH_BENCH(a_picture_that_does_not_come),
                cmocka_unit_test(test_replay),
                cmocka_unit_test(test_recording),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
