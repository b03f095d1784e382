/* The run log: rows, what was lost, lists, and the chain. */
#include "agent/runlog.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static char directory[64];
static char path[96];

static int make_directory(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/tarsier-runlog-XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        snprintf(path, sizeof(path), "%s/runs.db", directory);
        return 0;
}

static int remove_directory(void **state)
{
        static const char *const ends[] = { "", ".head", "-wal", "-shm" };
        char name[128];
        (void)state;
        for (size_t i = 0; i < 4; i++) {
                snprintf(name, sizeof(name), "%s%s", path, ends[i]);
                unlink(name);
        }
        return rmdir(directory);
}

static struct runlog *open_log(bool read_only)
{
        struct error err;
        struct runlog *log = runlog_open(path, read_only, &err);
        if (!log)
                fail_msg("%s", err.message);
        return log;
}

static void append(struct runlog *log, const char *event, const char *run, const char *body, int64_t time_ns)
{
        struct error err;
        struct runlog_row row = { .event = event,
                .run = run,
                .module = "example",
                .identity = "schedule x",
                .door = "schedule",
                .body = sv_of(body),
                .time_ns = time_ns };
        if (runlog_append(log, &row, &err) < 0)
                fail_msg("%s", err.message);
}

static json_t *list(struct runlog *log, const struct runlog_filter *filter)
{
        struct buf text;
        struct error err;
        buf_init(&text, 1 << 20);
        if (runlog_list(log, filter, &text, &err) < 0)
                fail_msg("%s", err.message);
        json_t *runs = json_parse(sv_n(buf_text(&text), text.len), true, &err);
        buf_done(&text);
        assert_true(json_is_array(runs));
        return runs;
}

static const char *at(json_t *runs, size_t index, const char *key)
{
        return json_string_value(json_object_get(json_array_get(runs, index), key));
}

static void rows_come_back_as_runs(void **state)
{
        (void)state;
        struct runlog *log = open_log(false);
        append(log, "intent", "aa", "{\"a\":1}", SECOND);
        append(log, "intent", "bb", "{}", 2 * SECOND);
        append(log, "completed", "aa", "{\"rows\":3}", 3 * SECOND);
        json_t *runs = list(log, &(struct runlog_filter){ 0 });
        assert_int_equal(json_array_size(runs), 2);
        assert_string_equal(at(runs, 0, "run"), "bb");
        assert_string_equal(at(runs, 0, "state"), "running");
        assert_string_equal(at(runs, 1, "state"), "completed");
        assert_string_equal(at(runs, 1, "ended"), "1970-01-01T00:00:03Z");
        json_decref(runs);
        runs = list(log, &(struct runlog_filter){ .before = "bb" });
        assert_int_equal(json_array_size(runs), 1);
        json_decref(runs);
        runs = list(log, &(struct runlog_filter){ .state = "running", .module = "example" });
        assert_int_equal(json_array_size(runs), 1);
        json_decref(runs);
        runs = list(log, &(struct runlog_filter){ .module = "other" });
        assert_int_equal(json_array_size(runs), 0);
        json_decref(runs);
        runlog_close(log);
}

static void open_intents_are_closed_as_lost(void **state)
{
        struct error err;
        uint64_t count = 0;
        int64_t last = 0;
        (void)state;
        struct runlog *log = open_log(false);
        assert_int_equal(runlog_close_open(log, "the agent ended", &count, &err), 0);
        assert_int_equal(count, 1);
        assert_int_equal(runlog_close_open(log, "the agent ended", &count, &err), 0);
        assert_int_equal(count, 0);
        json_t *runs = list(log, &(struct runlog_filter){ .state = "lost" });
        assert_string_equal(at(runs, 0, "run"), "bb");
        json_decref(runs);
        assert_int_equal(runlog_last_intent(log, "schedule x", &last, &err), 0);
        assert_int_equal(last, 2 * SECOND);
        assert_int_equal(runlog_last_intent(log, "schedule y", &last, &err), 0);
        assert_int_equal(last, 0);
        runlog_close(log);
}

static void the_chain_goes_on_after_a_restart(void **state)
{
        struct error err;
        struct runlog_verdict verdict;
        char head[128];
        (void)state;
        struct runlog *log = open_log(false);
        append(log, "intent", "cc", "{\"text\":\"\\u0000\"}", 4 * SECOND);
        runlog_head(log, head, sizeof(head));
        assert_int_equal(runlog_verify(log, head, &verdict, &err), 0);
        assert_true(verdict.intact);
        assert_int_equal(verdict.rows, 5);
        runlog_close(log);
        log = open_log(true);
        assert_int_equal(runlog_verify(log, head, &verdict, &err), 0);
        assert_true(verdict.intact);
        assert_int_equal(runlog_verify(log, "6 0000000000000000000000000000000000000000000000000000000000000000",
                                 &verdict, &err),
                0);
        assert_false(verdict.intact);
        assert_int_equal(runlog_verify(log, "nonsense", &verdict, &err), -1);
        runlog_close(log);
}

static void an_event_of_a_run_comes_once(void **state)
{
        struct error err;
        struct runlog_verdict verdict;
        (void)state;
        struct runlog *log = open_log(false);
        struct runlog_row row = { .event = "completed",
                .run = "aa",
                .module = "example",
                .identity = "x",
                .door = "x",
                .body = SV("{}"),
                .time_ns = 1 };
        assert_int_equal(runlog_append(log, &row, &err), -1);
        append(log, "completed", "cc", "{}", 5 * SECOND);
        assert_int_equal(runlog_verify(log, NULL, &verdict, &err), 0);
        assert_true(verdict.intact);
        runlog_close(log);
}

static void what_is_too_large_is_refused(void **state)
{
        struct error err;
        static char body[RUNLOG_BODY_MAX + 1];
        (void)state;
        struct runlog *log = open_log(false);
        struct runlog_row row = { .event = "intent",
                .run = "dd",
                .module = "x",
                .identity = "x",
                .door = "x",
                .body = sv_n(body, sizeof(body)),
                .time_ns = 1 };
        assert_int_equal(runlog_append(log, &row, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        runlog_close(log);
}

static void old_rows_go_and_the_rest_verifies(void **state)
{
        struct error err;
        struct runlog_verdict verdict;
        char run[32];
        (void)state;
        struct runlog *log = open_log(false);
        runlog_set_max(log, 100);
        for (int i = 0; i < 300; i++) {
                snprintf(run, sizeof(run), "f%04d", i);
                append(log, "intent", run, "{}", 6 * SECOND + i);
                assert_true(runlog_rows(log) <= 100);
        }
        assert_int_equal(runlog_verify(log, NULL, &verdict, &err), 0);
        if (!verdict.intact)
                fail_msg("%s", verdict.message);
        assert_true(verdict.first > 200);
        assert_int_equal(verdict.rows, runlog_rows(log));
        runlog_close(log);
        log = open_log(true);
        assert_int_equal(runlog_verify(log, NULL, &verdict, &err), 0);
        assert_true(verdict.intact);
        runlog_close(log);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_come_back_as_runs),
                cmocka_unit_test(open_intents_are_closed_as_lost),
                cmocka_unit_test(the_chain_goes_on_after_a_restart),
                cmocka_unit_test(an_event_of_a_run_comes_once),
                cmocka_unit_test(what_is_too_large_is_refused),
                cmocka_unit_test(old_rows_go_and_the_rest_verifies),
        };
        return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
