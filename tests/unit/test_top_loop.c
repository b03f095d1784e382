/* The loop of `tarsier top` (keys, frames, a terminal that goes away, signals), and recordings. */
#include "top_bench.h"

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

/* ---- places of a recording ---- */

#define SPEED_SLOW 0.001

struct seeking {
        struct loop *loop;
        struct player *player;
        struct top_replay doors;
        struct loop_fake_clock clock;
        struct buf text; /* letters of the records, "<" for a new beginning, "!" where a place is reached */
};

static void seeking_record(struct sv record, void *cookie)
{
        struct seeking *seeking = cookie;
        buf_putc(&seeking->text, sv_starts(record, SV("{\"tick\"")) ? 't' : record.p[2]);
}

static void seeking_reset(void *cookie)
{
        buf_putc(&((struct seeking *)cookie)->text, '<');
}

static void seeking_sought(void *cookie)
{
        buf_putc(&((struct seeking *)cookie)->text, '!');
}

/* Goes there; what was told on the way. */
static const char *seek_to(struct seeking *seeking, enum top_seek_kind kind, int64_t by)
{
        struct error err;
        buf_clear(&seeking->text);
        assert_int_equal(seeking->doors.seek(seeking->player, (struct top_seek){ kind, by }), 0);
        for (int i = 0; i < 10 && seeking->doors.seeking(seeking->player); i++)
                assert_true(loop_run_once(seeking->loop, 0, &err) >= 0);
        assert_false(seeking->doors.seeking(seeking->player));
        return buf_text(&seeking->text);
}

/* Seconds since the recording's begin that the clock of what is shown tells. */
static int seek_clock(struct seeking *seeking)
{
        return (int)((seeking->doors.unix_ns(seeking->player) - INT64_C(1700000000000000000)) / SECOND);
}

static void test_seek(void **state)
{
        (void)state;
        char path[] = "/tmp/test_top_XXXXXX";
        struct error err;
        struct seeking seeking = { 0 };
        close(mkstemp(path));
        write_file(path, "{\"tarsier-top\":1,\"time\":1700000000000000000}\n"
                         "{\"at\":0,\"record\":{\"a\":1}}\n"
                         "{\"at\":0,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":60000000000,\"record\":{\"b\":1}}\n"
                         "{\"at\":60000000000,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":70000000000,\"record\":{\"e\":1}}\n"
                         "{\"at\":200000000000,\"record\":{\"c\":1}}\n"
                         "{\"at\":200000000000,\"record\":{\"tick\":{}}}\n");
        fake_clock_init(&seeking.clock, 0);
        seeking.loop = loop_new(&(struct loop_options){ .clock = &seeking.clock.clock }, &err);
        buf_init(&seeking.text, 4096);
        struct player_options options = { .loop = seeking.loop,
                .speed = 1,
                .on_record = seeking_record,
                .on_reset = seeking_reset,
                .on_sought = seeking_sought,
                .cookie = &seeking };
        seeking.player = player_new(path, &options, &err);
        assert_non_null(seeking.player);
        seeking.doors = player_doors(seeking.player);
        assert_int_equal(player_start(seeking.player, &err), 0);
        seeking.doors.set_paused(seeking.player, true);
        assert_string_equal(seek_to(&seeking, GO_PICTURES, 1), "at!");
        assert_string_equal(seek_to(&seeking, GO_PICTURES, 1), "bt!");
        assert_int_equal(seek_clock(&seeking), 60);
        assert_string_equal(seek_to(&seeking, GO_PICTURES, -1), "<at!");
        assert_string_equal(seek_to(&seeking, GO_PICTURES, -1), "<at!"); /* there is none before the first */
        assert_string_equal(seek_to(&seeking, GO_BY, 65 * SECOND), "bt!");
        assert_int_equal(seek_clock(&seeking), 65);
        assert_string_equal(seek_to(&seeking, GO_BY, -MINUTE), "<at!");
        assert_int_equal(seek_clock(&seeking), 5);
        assert_string_equal(seek_to(&seeking, GO_BY, -MINUTE), "!"); /* the same picture, earlier */
        assert_int_equal(seek_clock(&seeking), 0);
        assert_string_equal(seek_to(&seeking, GO_TO, INT64_C(1700000070000000000)), "bte!");
        assert_string_equal(seek_to(&seeking, GO_TO, 0), "<at!"); /* long before it began */
        assert_string_equal(seek_to(&seeking, GO_END, 0), "btect!");
        assert_true(seeking.doors.ended(seeking.player));
        assert_int_equal(seek_clock(&seeking), 200);
        assert_string_equal(seek_to(&seeking, GO_PICTURES, 1), "!"); /* nor behind the last */
        assert_string_equal(seek_to(&seeking, GO_PICTURES, -1), "<atbt!");
        assert_false(seeking.doors.ended(seeking.player));
        assert_string_equal(seek_to(&seeking, GO_START, 0), "<at!");
        assert_string_equal(seek_to(&seeking, GO_TO, INT64_MAX), "btect!");
        assert_string_equal(seek_to(&seeking, GO_BY, INT64_MIN + 1), "<at!");

        /* stands still until it goes on, and then plays to the end by itself */
        buf_clear(&seeking.text);
        fake_clock_advance(&seeking.clock, HOUR);
        assert_true(loop_run_once(seeking.loop, 0, &err) >= 0);
        assert_string_equal(buf_text(&seeking.text), "");
        assert_int_equal(seek_clock(&seeking), 0);
        seeking.doors.set_paused(seeking.player, false);
        while (!seeking.doors.ended(seeking.player))
                assert_true(loop_run_once(seeking.loop, LOOP_NEVER, &err) >= 0);
        assert_string_equal(buf_text(&seeking.text), "btect");
        /* and after the end again */
        assert_string_equal(seek_to(&seeking, GO_PICTURES, -2), "<at!");
        buf_clear(&seeking.text);
        while (!seeking.doors.ended(seeking.player))
                assert_true(loop_run_once(seeking.loop, LOOP_NEVER, &err) >= 0);
        assert_string_equal(buf_text(&seeking.text), "btect");
        player_free(seeking.player);
        loop_free(seeking.loop);
        buf_done(&seeking.text);
        unlink(path);
}

static struct player *seeking_player(struct seeking *seeking, const char *path)
{
        struct error err;
        fake_clock_init(&seeking->clock, 0);
        seeking->loop = loop_new(&(struct loop_options){ .clock = &seeking->clock.clock }, &err);
        buf_init(&seeking->text, 4096);
        struct player_options options = { .loop = seeking->loop,
                .speed = SPEED_SLOW,
                .on_record = seeking_record,
                .on_reset = seeking_reset,
                .on_sought = seeking_sought,
                .cookie = seeking };
        seeking->player = player_new(path, &options, &err);
        assert_non_null(seeking->player);
        seeking->doors = player_doors(seeking->player);
        assert_int_equal(player_start(seeking->player, &err), 0);
        return seeking->player;
}

static void seeking_done(struct seeking *seeking, const char *path)
{
        player_free(seeking->player);
        loop_free(seeking->loop);
        buf_done(&seeking->text);
        unlink(path);
}

/* The last picture, then by keys from there that come before it is reached. */
static void test_seek_on_the_way(void **state)
{
        (void)state;
        char path[] = "/tmp/test_top_XXXXXX";
        struct seeking seeking = { 0 };
        close(mkstemp(path));
        write_file(path, "{\"tarsier-top\":1,\"time\":1700000000000000000}\n"
                         "{\"at\":0,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":60000000000,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":120000000000,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":200000000000,\"record\":{\"tick\":{}}}\n");
        const struct top_seek back = { GO_PICTURES, -1 }, minute = { GO_BY, -MINUTE }, end = { GO_END, 0 };
        struct player *player = seeking_player(&seeking, path);
        seeking.doors.set_paused(player, true);
        assert_int_equal(seeking.doors.seek(player, end), 0);
        assert_int_equal(seeking.doors.seek(player, back), 0);
        assert_string_equal(seek_to(&seeking, GO_PICTURES, -1), "tttt<ttt<tt!");
        assert_int_equal(seek_clock(&seeking), 60);
        assert_int_equal(seeking.doors.seek(player, end), 0);
        assert_string_equal(seek_to(&seeking, GO_BY, -MINUTE), "tt<ttt!");
        assert_int_equal(seek_clock(&seeking), 140);
        assert_int_equal(seeking.doors.seek(player, (struct top_seek){ GO_PICTURES, -2 }), 0);
        assert_string_equal(seek_to(&seeking, GO_BY, MINUTE), "tt!");
        assert_int_equal(seek_clock(&seeking), 60);
        /* where it shall go at last is known: what waits is not for it */
        assert_int_equal(seeking.doors.seek(player, end), 0);
        assert_int_equal(seeking.doors.seek(player, minute), 0);
        assert_string_equal(seek_to(&seeking, GO_START, 0), "<t!");
        seeking_done(&seeking, path);
}

/* Times and lines that no recorder writes. */
static void test_hostile_recordings(void **state)
{
        (void)state;
        char path[] = "/tmp/test_top_XXXXXX";
        struct error err;
        struct seeking seeking = { 0 };
        struct player_options options = { .speed = 1 };
        close(mkstemp(path));
        write_file(path, "{\"tarsier-top\":1,\"time\":-9223372036854775808}\n");
        assert_null(player_new(path, &options, &err));
        write_file(path, "{\"tarsier-top\":1,\"time\":9223372036854775807}\n");
        assert_null(player_new(path, &options, &err));
        write_file(path, "{\"tarsier-top\":1,\"time\":4600000000000000000}\n"
                         "{\"at\":9223372036854775807,\"record\":{\"x\":{}}}\n"
                         "{\"at\":0,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":4600000000000000000,\"record\":{\"tick\":{}}}\n");
        struct player *player = seeking_player(&seeking, path);
        assert_string_equal(seek_to(&seeking, GO_START, 0), "t!");
        assert_true(loop_run_once(seeking.loop, 0, &err) >= 0); /* not due for long, however slow it goes */
        assert_false(seeking.doors.ended(player));
        assert_string_equal(seek_to(&seeking, GO_END, 0), "t!");
        assert_int_equal(seeking.doors.unix_ns(player), INT64_C(9200000000000000000));
        assert_int_equal(player_bad_lines(player), 1);
        seeking_done(&seeking, path);

        /* a line without an end: of a sparse file, so that only its reader could fill the memory */
        char big[] = "/tmp/test_top_XXXXXX";
        close(mkstemp(big));
        write_file(big, "{\"tarsier-top\":1,\"time\":1}\n{\"at\":0,\"record\":{\"tick\":{}}}\n");
        assert_int_equal(truncate(big, INT64_C(1) << 40), 0);
        player = seeking_player(&seeking, big);
        assert_string_equal(seek_to(&seeking, GO_END, 0), "t!");
        assert_true(seeking.doors.ended(player));
        assert_int_equal(player_bad_lines(player), 1);
        seeking_done(&seeking, big);
        assert_null(player_new("/dev/zero", &options, &err));
        assert_int_equal(err.code, E_INVALID);
}

/* Cut while it is played: what was read is shown, and then it ends. */
static void test_recording_cut_while_played(void **state)
{
        (void)state;
        char path[] = "/tmp/test_top_XXXXXX";
        struct seeking seeking = { 0 };
        close(mkstemp(path));
        write_file(path, "{\"tarsier-top\":1,\"time\":1}\n{\"at\":0,\"record\":{\"tick\":{}}}\n"
                         "{\"at\":60000000000,\"record\":{\"tick\":{}}}\n");
        seeking_player(&seeking, path);
        assert_string_equal(seek_to(&seeking, GO_PICTURES, 2), "tt!");
        assert_int_equal(truncate(path, 0), 0);
        const char *told = seek_to(&seeking, GO_START, 0);
        assert_true(strcmp(told, "<!") == 0 || strcmp(told, "<t!") == 0); /* stdio may have kept what it read */
        seeking_done(&seeking, path);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_BENCH(test_keys_from_the_terminal),
                WITH_BENCH(test_frames_are_few),
                WITH_BENCH(test_terminal_goes_away),
                WITH_BENCH(test_terminal_breaks_in_a_frame),
                WITH_BENCH(test_signals),
                cmocka_unit_test(test_replay),
                cmocka_unit_test(test_seek),
                cmocka_unit_test(test_seek_on_the_way),
                cmocka_unit_test(test_hostile_recordings),
                cmocka_unit_test(test_recording_cut_while_played),
                cmocka_unit_test(test_recording),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
