/* The views of `tarsier top`, as they are drawn from a recording. The pictures that must come stand in
 * tests/golden/top; with TARSIER_GOLDEN=write in the environment they are written anew: look at them before they are
 * committed. */
#include "base/path.h"
#include "tui/model/model.h"
#include "tui/recording.h"
#include "tui/widgets/grid.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

struct screen {
        struct loop *loop;
        struct look look;
        struct top *top;
        struct tui *tui;
        struct player *player;
        struct top_replay doors;
        struct canvas canvas;
};

static void golden_path(char *ret, size_t size, const char *name)
{
        const char *source = getenv("TARSIER_SOURCE");
        snprintf(ret, size, "%s/tests/golden/top/%s", source ? source : ".", name);
}

static void tell(struct sv record, void *cookie)
{
        struct screen *screen = cookie;
        struct message message = { .kind = MESSAGE_SOURCE, .record = record };
        tui_send(screen->tui, &message);
}

/* recording NULL: nothing was told yet. */
static void screen_open(struct screen *screen, const char *view, int rows, int columns, const char *recording)
{
        struct error err;
        struct term term = { .depth = COLOUR_NONE, .utf8 = true, .tty = true };
        char path[4096];
        *screen = (struct screen){ .loop = loop_new(NULL, &err) };
        assert_non_null(screen->loop);
        assert_int_equal(look_decide(&term, NULL, false, &screen->look, &err), 0);
        struct top_options options = { .look = &screen->look, .view = view, .interval_ns = SECOND, .replaying = true };
        screen->top = top_new(&options, &err);
        assert_non_null(screen->top);
        struct tui_program program = top_program(screen->top);
        struct tui_options shown = { .loop = screen->loop, .look = &screen->look, .rows = rows, .columns = columns };
        screen->tui = tui_new(&program, &shown, &err);
        assert_non_null(screen->tui);
        top_set_tui(screen->top, screen->tui);
        golden_path(path, sizeof(path), recording ? recording : "host.recording");
        struct player_options player = { .loop = screen->loop, .speed = 1, .on_record = tell, .cookie = screen };
        screen->player = player_new(path, &player, &err);
        assert_non_null(screen->player);
        screen->doors = player_doors(screen->player);
        top_set_replay(screen->top, &screen->doors);
        if (recording)
                player_finish(screen->player);
        assert_int_equal(canvas_init(&screen->canvas, rows, columns, &screen->look, &err), 0);
        tui_draw(screen->tui, &screen->canvas);
}

static void screen_close(struct screen *screen)
{
        canvas_done(&screen->canvas);
        player_free(screen->player);
        tui_free(screen->tui);
        top_free(screen->top);
        loop_free(screen->loop);
}

static void say(struct screen *screen, const char *record)
{
        tell(sv_of(record), screen);
        tui_draw(screen->tui, &screen->canvas);
}

/* Keys by name, with blanks between. */
static void press(struct screen *screen, const char *keys)
{
        struct sv rest = sv_of(keys);
        struct sv name;
        while (sv_word(&rest, &name)) {
                struct message message = { .kind = MESSAGE_KEY };
                assert_true(key_parse(name, &message.key));
                tui_send(screen->tui, &message);
                tui_draw(screen->tui, &screen->canvas);
        }
}

static void type(struct screen *screen, const char *text)
{
        for (; *text; text++) {
                struct message message = { .kind = MESSAGE_KEY,
                        .key = { .code = KEYSYM_RUNE, .rune = (uint32_t)*text } };
                tui_send(screen->tui, &message);
        }
        tui_draw(screen->tui, &screen->canvas);
}

static void text_of(struct screen *screen, struct buf *out)
{
        buf_init(out, 1 << 20);
        canvas_text(&screen->canvas, false, out);
}

static void assert_golden(struct screen *screen, const char *name)
{
        struct error err;
        char path[4096];
        char file[128];
        struct buf text;
        struct buf golden;
        const char *wish = getenv("TARSIER_GOLDEN");
        snprintf(file, sizeof(file), "%s.txt", name);
        golden_path(path, sizeof(path), file);
        text_of(screen, &text);
        if (wish && strcmp(wish, "write") == 0) {
                FILE *stream = fopen(path, "we");
                assert_non_null(stream);
                fwrite(text.data, 1, text.len, stream);
                fclose(stream);
        }
        buf_init(&golden, 1 << 20);
        if (file_read(AT_FDCWD, path, &golden, &err) < 0)
                fail_msg("%s", err.message);
        if (strcmp(buf_text(&text), buf_text(&golden)) != 0)
                fail_msg("%s differs, drawn now:\n%s", path, buf_text(&text));
        buf_done(&text);
        buf_done(&golden);
}

static bool shows(struct screen *screen, const char *wanted)
{
        struct buf text;
        text_of(screen, &text);
        bool found = strstr(buf_text(&text), wanted) != NULL;
        buf_done(&text);
        return found;
}

/* Text of one line of the screen. */
static void line_of(struct screen *screen, int row, char *ret, size_t size)
{
        struct buf text;
        text_of(screen, &text);
        struct sv rest = sv_n(buf_text(&text), text.len);
        struct sv line = SV("");
        for (int i = 0; i <= row && sv_line(&rest, &line); i++)
                ;
        snprintf(ret, size, "%.*s", SV_ARG(line));
        buf_done(&text);
}

static void assert_line(struct screen *screen, int row, const char *wanted)
{
        char line[4096];
        line_of(screen, row, line, sizeof(line));
        if (!strstr(line, wanted))
                fail_msg("line %d is \"%s\", \"%s\" is not in it", row, line, wanted);
}

/* ---- pictures ---- */

struct picture {
        const char *view, *keys, *name;
};

static const struct picture pictures[] = {
        { "overview", "", "overview" },
        { "containers", "", "containers" },
        { "containers", "t", "containers-tree" },
        { "containers", "Down Enter", "containers-open" },
        { "processes", "", "processes" },
        { "processes", "t", "processes-tree" },
        { "processes", "Enter", "processes-open" },
        { "network", "", "network" },
        { "disks", "", "disks" },
        { "events", "", "events" },
        { "events", "Enter", "events-open" },
        { "alerts", "", "alerts" },
        { "alerts", "Enter", "alerts-open" },
};

static void draw_all(int rows, int columns)
{
        for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
                struct screen screen;
                char name[64];
                screen_open(&screen, pictures[i].view, rows, columns, "host.recording");
                press(&screen, pictures[i].keys);
                snprintf(name, sizeof(name), "%s-%dx%d", pictures[i].name, columns, rows);
                assert_golden(&screen, name);
                screen_close(&screen);
        }
}

static void test_pictures_80x24(void **state)
{
        (void)state;
        draw_all(24, 80);
}

static void test_pictures_40x12(void **state)
{
        (void)state;
        draw_all(12, 40);
}

static void test_wide_pictures(void **state)
{
        (void)state;
        static const char *const names[] = { "overview", "containers", "processes" };
        for (size_t i = 0; i < 3; i++) {
                struct screen screen;
                char name[64];
                screen_open(&screen, names[i], 40, 200, "host.recording");
                snprintf(name, sizeof(name), "%s-200x40", names[i]);
                assert_golden(&screen, name);
                screen_close(&screen);
        }
}

/* Whatever the size, nothing breaks; ASan and the canvas' own bounds judge. */
static void test_any_size(void **state)
{
        (void)state;
        static const int sizes[][2] = { { 1, 1 }, { 2, 3 }, { 3, 80 }, { 5, 20 }, { 100, 10 }, { 7, 40 }, { 80, 250 } };
        for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++)
                for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
                        struct screen screen;
                        screen_open(&screen, pictures[i].view, sizes[k][0], sizes[k][1], "host.recording");
                        press(&screen, pictures[i].keys);
                        press(&screen, "G g PageDown");
                        screen_close(&screen);
                }
}

/* ---- nothing to show ---- */

static void test_before_the_first_picture(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 24, 80, NULL);
        assert_true(shows(&screen, "waiting for the first picture"));
        say(&screen, "{\"source\":{\"name\":\"feed\",\"state\":\"down\",\"message\":\"module metrics-feed is not "
                     "available\"}}");
        assert_true(shows(&screen, "the feed does not come"));
        assert_true(shows(&screen, "module metrics-feed is not available"));
        screen_close(&screen);
}

static void test_empty_states(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 24, 80, NULL);
        say(&screen, "{\"container\":{\"name\":\"/\",\"kind\":\"root\"}}");
        say(&screen, "{\"tick\":{}}");
        assert_true(shows(&screen, "no containers and no units are running"));
        press(&screen, "c");
        assert_true(shows(&screen, "no containers are running"));
        press(&screen, "3");
        assert_true(shows(&screen, "no processes"));
        press(&screen, "6");
        assert_true(shows(&screen, "nothing has happened yet"));
        say(&screen, "{\"source\":{\"name\":\"events\",\"state\":\"off\",\"message\":\"events need root here\"}}");
        assert_true(shows(&screen, "no events here"));
        assert_true(shows(&screen, "events need root here"));
        press(&screen, "7");
        assert_true(shows(&screen, "no alerts"));
        screen_close(&screen);
}

static void test_a_filter_that_matches_nothing(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "processes", 24, 80, "host.recording");
        type(&screen, "/zzz");
        press(&screen, "Enter");
        assert_true(shows(&screen, "no process matches the filter"));
        screen_close(&screen);
}

/* ---- sorting, filters, trees, following ---- */

static void test_the_highest_cost_first(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 24, 80, "host.recording");
        assert_line(&screen, 2, "db");
        assert_line(&screen, 3, "web-1");
        type(&screen, ":sort receive");
        press(&screen, "Enter");
        assert_line(&screen, 2, "web-1");
        press(&screen, "S");
        assert_line(&screen, 8, "web-1");
        screen_close(&screen);
}

static void test_filters(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "processes", 24, 80, "host.recording");
        type(&screen, "/container:web-1 !nginx");
        press(&screen, "Enter");
        assert_true(shows(&screen, "sleep 60"));
        assert_false(shows(&screen, "nginx: worker"));
        assert_false(shows(&screen, "redis"));
        screen_close(&screen);
}

static void test_kernel_threads_on_demand(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "processes", 30, 80, "host.recording");
        assert_false(shows(&screen, "[rcu_preempt]"));
        press(&screen, "K");
        assert_true(shows(&screen, "[rcu_preempt]"));
        press(&screen, "K");
        assert_false(shows(&screen, "[rcu_preempt]"));
        screen_close(&screen);
}

static void test_units_on_demand(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 24, 80, "host.recording");
        assert_true(shows(&screen, "ssh.service"));
        press(&screen, "c");
        assert_false(shows(&screen, "ssh.service"));
        assert_true(shows(&screen, "cache"));
        screen_close(&screen);
}

/* The cursor stays on its process while others overtake it. */
static void test_follow(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "processes", 24, 80, "host.recording");
        press(&screen, "Down Down Down"); /* cc1, which is overtaken */
        press(&screen, "Enter");
        assert_true(shows(&screen, "2961 cc1"));
        press(&screen, "Esc");
        say(&screen, "{\"process\":{\"pid\":2961,\"start\":\"2026-11-22T06:29:21.61Z\",\"ppid\":2950,\"name\":\"cc1\","
                     "\"cpu\":0.001}}");
        say(&screen, "{\"tick\":{}}");
        press(&screen, "Enter");
        assert_true(shows(&screen, "2961 cc1"));
        say(&screen, "{\"gone\":{\"processes\":[{\"pid\":2961,\"start\":\"2026-11-22T06:29:21.61Z\"}]}}");
        assert_true(shows(&screen, "the process has ended"));
        press(&screen, "Esc");
        assert_false(shows(&screen, "the process has ended"));
        screen_close(&screen);
}

/* ---- drilling down and back ---- */

static void test_drill_down_and_back(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "overview", 24, 80, "host.recording");
        press(&screen, "Down Enter"); /* web-1 */
        assert_true(shows(&screen, "nginx:1.25"));
        assert_true(shows(&screen, "256 MiB (86 % used)"));
        press(&screen, "Enter"); /* its first process */
        assert_true(shows(&screen, "ancestry"));
        assert_true(shows(&screen, "nginx 3001"));
        press(&screen, "Esc"); /* one step each */
        press(&screen, "Esc");
        press(&screen, "Esc");
        press(&screen, "Esc");
        assert_true(shows(&screen, "Memory"));
        screen_close(&screen);
}

static void test_processes_of_a_container(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 24, 80, "host.recording");
        press(&screen, "Down P");
        assert_true(shows(&screen, "in web-1"));
        assert_true(shows(&screen, "nginx: worker"));
        assert_false(shows(&screen, "redis-server"));
        press(&screen, "Esc");
        assert_true(shows(&screen, "cache")); /* the containers again */
        press(&screen, "3");
        assert_true(shows(&screen, "redis-server")); /* not narrowed any more */
        screen_close(&screen);
}

static void test_events_of_a_container(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 24, 80, "host.recording");
        press(&screen, "Down E");
        assert_true(shows(&screen, "of web-1"));
        assert_true(shows(&screen, "sed: write /etc/passwd"));
        assert_false(shows(&screen, "make -j2 all"));
        screen_close(&screen);
}

static void test_details_of_a_container_have_its_events(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "containers", 36, 100, "host.recording");
        press(&screen, "Down Enter");
        assert_golden(&screen, "containers-open-100x36");
        assert_true(shows(&screen, "sed: write /etc/passwd"));
        assert_false(shows(&screen, "make -j2 all")); /* of the host */
        screen_close(&screen);
}

static void test_new_events_come_at_the_end(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "events", 8, 80, "host.recording");
        assert_true(shows(&screen, "sleep 60"));
        say(&screen,
                "{\"event\":{\"type\":\"exec\",\"process\":{\"pid\":77,\"comm\":\"id\",\"argv\":[\"id\",\"-u\"]}}}");
        assert_true(shows(&screen, "id -u"));
        press(&screen, "p"); /* what comes in a pause waits */
        say(&screen,
                "{\"event\":{\"type\":\"exec\",\"process\":{\"pid\":78,\"comm\":\"who\",\"argv\":[\"who\",\"am\"]}}}");
        assert_false(shows(&screen, "who am"));
        press(&screen, "p");
        assert_true(shows(&screen, "who am"));
        screen_close(&screen);
}

static void test_alerts_that_are_seen_to(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "alerts", 24, 80, "host.recording");
        assert_true(shows(&screen, "passwd-written"));
        assert_false(shows(&screen, "disk-fills"));
        press(&screen, "z");
        assert_true(shows(&screen, "disk-fills"));
        press(&screen, "z");
        say(&screen, "{\"alert\":{\"id\":11,\"time\":\"2026-11-22T07:58:00Z\",\"severity\":\"medium\",\"state\":"
                     "\"acknowledged\",\"rule\":\"passwd-written\"}}");
        assert_false(shows(&screen, "passwd-written"));
        screen_close(&screen);
}

/* What comes from outside never steers the terminal, and is told apart from its escaped form. */
static void test_hostile_texts(void **state)
{
        (void)state;
        struct screen screen;
        struct buf text;
        screen_open(&screen, "processes", 24, 120, "host.recording");
        say(&screen, "{\"process\":{\"pid\":9000,\"start\":\"x\",\"name\":\"a\",\"cpu\":3,\"command_line\":\"\\u001b]0;"
                     "own\\u0007\\u202egnp.exe\"}}");
        text_of(&screen, &text);
        assert_null(strchr(buf_text(&text), '\x1b'));
        assert_null(strchr(buf_text(&text), '\x07'));
        assert_non_null(strstr(buf_text(&text), "\\x1b]0;own"));
        buf_done(&text);
        screen_close(&screen);
}

/* A kernel without pressure, a process of which only the pid is known: "-", never "nan". */
static void test_what_is_not_known(void **state)
{
        (void)state;
        struct screen screen;
        static const char *const keys[] = { "1", "2", "2 Enter", "3", "3 Enter", "4", "5", "6", "7" };
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                screen_open(&screen, "overview", 40, 250, NULL);
                say(&screen, "{\"host\":{\"hostname\":\"h\"}}");
                say(&screen,
                        "{\"container\":{\"name\":\"/a\",\"kind\":\"container\",\"cpu_limit\":1,\"memory_limit\":5}}");
                say(&screen, "{\"process\":{\"pid\":1,\"start\":\"x\"}}");
                say(&screen, "{\"network\":{\"name\":\"eth0\"}}");
                say(&screen, "{\"disk\":{\"name\":\"sda\"}}");
                say(&screen, "{\"filesystem\":{\"mountpoint\":\"/\"}}");
                say(&screen, "{\"event\":{\"type\":\"gap\"}}");
                say(&screen, "{\"alert\":{\"id\":1}}");
                say(&screen, "{\"connections\":[{}]}");
                say(&screen, "{\"tick\":{}}");
                press(&screen, keys[i]);
                if (shows(&screen, "nan"))
                        fail_msg("after %s something is \"nan\"", keys[i]);
                assert_true(shows(&screen, "help"));
                screen_close(&screen);
        }
}

static void test_answers_are_said(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "processes", 24, 80, "host.recording");
        press(&screen, "x"); /* choose a signal; a replay has nobody to send it to */
        assert_true(shows(&screen, "TERM"));
        press(&screen, "Enter");
        assert_true(shows(&screen, "Send TERM to"));
        press(&screen, "y");
        assert_true(shows(&screen, "replay"));
        say(&screen, "{\"answer\":{\"ok\":false,\"message\":\"KILL to 1: process 1 is never signalled\"}}");
        assert_true(shows(&screen, "process 1 is never signalled"));
        screen_close(&screen);
}

static void test_connections(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "network", 24, 100, "host.recording");
        press(&screen, "c");
        assert_true(shows(&screen, "[2001:db8::17]:443"));
        assert_true(shows(&screen, "0.0.0.0:22"));
        press(&screen, "Enter"); /* to the process at this end */
        assert_true(shows(&screen, "ancestry"));
        screen_close(&screen);
}

static void test_clicks_find_each_list(void **state)
{
        (void)state;
        struct screen screen;
        screen_open(&screen, "overview", 24, 80, "host.recording");
        struct message click = { .kind = MESSAGE_MOUSE, .mouse = { .action = MOUSE_PRESS, .button = 1, .column = 20 } };
        char line[512];
        int row = 0;
        do
                line_of(&screen, ++row, line, sizeof(line));
        while (row < 23 && !strstr(line, "nginx: worker"));
        click.mouse.row = row;
        tui_send(screen.tui, &click);
        tui_draw(screen.tui, &screen.canvas);
        tui_send(screen.tui, &click); /* a second one opens */
        tui_draw(screen.tui, &screen.canvas);
        assert_true(shows(&screen, "ancestry"));
        screen_close(&screen);
}

int main(void)
{
        setenv("TZ", "UTC", 1);
        tzset();
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pictures_80x24),
                cmocka_unit_test(test_pictures_40x12),
                cmocka_unit_test(test_wide_pictures),
                cmocka_unit_test(test_any_size),
                cmocka_unit_test(test_before_the_first_picture),
                cmocka_unit_test(test_empty_states),
                cmocka_unit_test(test_a_filter_that_matches_nothing),
                cmocka_unit_test(test_the_highest_cost_first),
                cmocka_unit_test(test_filters),
                cmocka_unit_test(test_kernel_threads_on_demand),
                cmocka_unit_test(test_units_on_demand),
                cmocka_unit_test(test_follow),
                cmocka_unit_test(test_drill_down_and_back),
                cmocka_unit_test(test_processes_of_a_container),
                cmocka_unit_test(test_events_of_a_container),
                cmocka_unit_test(test_details_of_a_container_have_its_events),
                cmocka_unit_test(test_new_events_come_at_the_end),
                cmocka_unit_test(test_alerts_that_are_seen_to),
                cmocka_unit_test(test_hostile_texts),
                cmocka_unit_test(test_what_is_not_known),
                cmocka_unit_test(test_answers_are_said),
                cmocka_unit_test(test_connections),
                cmocka_unit_test(test_clicks_find_each_list),
        };
        return cmocka_run_group_tests_name("top_views", tests, NULL, NULL);
}
