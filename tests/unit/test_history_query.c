/* The language of questions: what is refused and where, and answers on known samples beside values computed by hand. */
#include "history_fixture.h"

static struct answer answer;

/* ---- refusals ---- */

static void test_refusals(void **state)
{
        (void)state;
        static const struct {
                const char *text, *message;
        } cases[] = {
                { "", "query: at 1: expected a metric, a function or a number, not the end" },
                { "   ", "query: at 4: expected a metric, a function or a number, not the end" },
                { "nothing", "query: at 1: no metric or function \"nothing\"" },
                { "{container=\"a\"}", "query: at 1: expected a metric, a function or a number" },
                { "cpu{", "query: at 5: expected a label or \"}\"" },
                { "cpu{container", "query: at 14: expected \"=\", \"!=\", \"=~\" or \"!~\"" },
                { "cpu{container=", "query: at 15: expected a text in quotes" },
                { "cpu{container=web}", "query: at 15: expected a text in quotes" },
                { "cpu{container=\"web\"", "query: at 20: expected \"}\"" },
                { "cpu{container=\"web\" id=\"x\"}", "query: at 21: expected \"}\"" },
                { "cpu{container=\"web}", "query: at 15: the text has no closing \"" },
                { "cpu{container='we\\", "query: at 15: the text has no closing '" },
                { "cpu{container=\"\\q\"}", "query: at 17: unknown escape; \\\\ is a backslash" },
                { "cpu{container<\"a\"}", "query: at 14: expected \"=\", \"!=\", \"=~\" or \"!~\"" },
                { "cpu{container!\"a\"}", "query: at 14: expected \"=\", \"!=\", \"=~\" or \"!~\"" },
                { "cpu{container=~\"(\"}", "query: at 16: error parsing regexp: missing closing ): `(`" },
                { "cpu{container=~\"a)|(b\"}", "query: at 16: error parsing regexp: unexpected ): `a)|(b`" },
                { "cpu[5m]", "query: at 4: a range stands in a function, such as avg_over_time(cpu[5m])" },
                { "avg_over_time(cpu)", "query: at 18: expected a range, such as [5m]" },
                { "avg_over_time(cpu[5m]", "query: at 22: expected \")\"" },
                { "avg_over_time(cpu[5x])",
                        "query: at 19: expected a duration from 1s to 10 years, such as 5m or 1h30m" },
                { "avg_over_time(cpu[5m)", "query: at 19: expected a duration and \"]\"" },
                { "avg_over_time(cpu[1ms])",
                        "query: at 19: expected a duration from 1s to 10 years, such as 5m or 1h30m" },
                { "avg_over_time(sum(cpu)[5m])", "query: at 15: no metric or function \"sum\"" },
                { "rate(memory[5m])", "query: at 6: rate is of counters; memory is none" },
                { "increase(pids[5m])", "query: at 10: increase is of counters; pids is none" },
                { "quantile_over_time(cpu[5m])", "query: at 20: expected a number" },
                { "quantile_over_time(1.5, cpu[5m])", "query: at 20: expected a quantile from 0 to 1" },
                { "quantile_over_time(0.5 cpu[5m])", "query: at 24: expected \",\"" },
                { "sum cpu", "query: at 5: expected \"(\"" },
                { "sum(cpu", "query: at 8: expected \")\"" },
                { "sum(1)", "query: at 5: sum is of series, not of a number" },
                { "sum by (1) (cpu)", "query: at 9: expected a label or \")\"" },
                { "sum by (image (cpu)", "query: at 15: expected \")\"" },
                { "sum by (image) (cpu) by (id)", "query: at 22: labels are given already" },
                { "topk(cpu)", "query: at 6: expected a number" },
                { "topk(0, cpu)", "query: at 6: expected a whole number from 1 to 10000" },
                { "topk(1.5, cpu)", "query: at 6: expected a whole number from 1 to 10000" },
                { "topk(3 cpu)", "query: at 8: expected \",\"" },
                { "cpu +", "query: at 6: expected a metric, a function or a number, not the end" },
                { "cpu cpu", "query: at 5: expected an operator or the end" },
                { "cpu )", "query: at 5: expected an operator or the end" },
                { "(cpu", "query: at 5: expected \")\"" },
                { "1 > 2", "query: at 3: a comparison needs series on one side" },
                { "1 + 2", "query: at 1: a number alone is no question" },
                { "cpu > 5k", "query: at 8: a number has no unit here: bytes, cores and seconds are plain numbers" },
                { "cpu > 1e999", "query: at 7: the number is too large" },
                { "cpu > .", "query: at 7: expected a number" },
                { "cpu ^ 2", "query: at 5: expected an operator or the end" },
                { "cpu and cpu", "query: at 5: expected an operator or the end" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err = { 0 };
                struct arena arena;
                struct history_query query;
                arena_init(&arena, 1 << 20);
                int status = history_query_parse(cases[i].text, 1, HOUR, MINUTE, &arena, &query, &err);
                if (status == 0 || strcmp(err.message, cases[i].message) != 0)
                        print_error("%s\n  got    %s\n  wanted %s\n", cases[i].text, status ? err.message : "no error",
                                cases[i].message);
                assert_int_equal(status, -1);
                assert_string_equal(err.message, cases[i].message);
                assert_int_equal(err.code, E_INVALID);
                arena_done(&arena);
        }
}

static void assert_refused(
        const char *text, int64_t start_ns, int64_t end_ns, int64_t step_ns, enum error_code code, const char *part)
{
        struct error err = { 0 };
        struct arena arena;
        struct history_query query;
        arena_init(&arena, 1 << 20);
        assert_int_equal(history_query_parse(text, start_ns, end_ns, step_ns, &arena, &query, &err), -1);
        assert_int_equal(err.code, code);
        if (!strstr(err.message, part))
                print_error("%s\n", err.message);
        assert_non_null(strstr(err.message, part));
        arena_done(&arena);
}

static char *repeated(const char *begin, const char *part, size_t count, const char *end)
{
        struct buf text;
        buf_init(&text, 1 << 20);
        buf_puts(&text, begin);
        for (size_t i = 0; i < count; i++)
                buf_puts(&text, part);
        buf_puts(&text, end);
        return text.data;
}

static void test_bounds(void **state)
{
        (void)state;
        char *deep = repeated("", "(", 100, "cpu");
        assert_refused(deep, 1, HOUR, MINUTE, E_TOO_LARGE, "nested more than 64 deep");
        char *minus = repeated("", "-", 1000, "cpu");
        assert_refused(minus, 1, HOUR, MINUTE, E_TOO_LARGE, "nested more than 64 deep");
        char *parts = repeated("cpu", "+cpu", 150, "");
        assert_refused(parts, 1, HOUR, MINUTE, E_TOO_LARGE, "more than 200 parts");
        char *length = repeated("cpu{id=\"", "x", 5000, "\"}");
        assert_refused(length, 1, HOUR, MINUTE, E_TOO_LARGE, "longer than 4096 bytes");
        char *text = repeated("cpu{id=\"", "x", 600, "\"}");
        assert_refused(text, 1, HOUR, MINUTE, E_TOO_LARGE, "a text of more than 512 bytes");
        char *matchers = repeated("cpu{", "id=\"x\",", 17, "}");
        assert_refused(matchers, 1, HOUR, MINUTE, E_TOO_LARGE, "more than 16 matchers");
        char *patterns = repeated("cpu", "+cpu{id=~\"x\"}", 17, "");
        assert_refused(patterns, 1, HOUR, MINUTE, E_TOO_LARGE, "more than 16 patterns");
        char *labels = repeated("sum by (", "a,", 17, ") (cpu)");
        assert_refused(labels, 1, HOUR, MINUTE, E_TOO_LARGE, "more than 16 labels");
        char *all[] = { deep, minus, parts, length, text, matchers, patterns, labels };
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                free(all[i]);
        assert_refused("cpu", HOUR, HOUR, MINUTE, E_INVALID, "the start must lie before the end");
        assert_refused("cpu", 2 * HOUR, HOUR, MINUTE, E_INVALID, "the start must lie before the end");
        assert_refused("cpu", 1, HOUR, MILLISECOND, E_INVALID, "a step from 1s");
        assert_refused("cpu", 1, 400 * DAY, MINUTE, E_TOO_LARGE, "more than 11000 points");
}

static void test_steps_are_chosen(void **state)
{
        (void)state;
        static const struct {
                int64_t span_ns, step_ns;
        } cases[] = { { 10 * MINUTE, 10 * SECOND }, { HOUR, MINUTE }, { 6 * HOUR, 5 * MINUTE }, { DAY, 30 * MINUTE },
                { 7 * DAY, 3 * HOUR }, { 30 * DAY, 12 * HOUR }, { 365 * DAY, 7 * DAY } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err;
                struct arena arena;
                struct history_query query;
                arena_init(&arena, 1 << 20);
                assert_int_equal(history_query_parse("cpu", 500 * DAY + 1, 500 * DAY + 1 + cases[i].span_ns, 0, &arena,
                                         &query, &err),
                        0);
                assert_int_equal(query.step_ns, cases[i].step_ns);
                assert_int_equal(query.start_ns % query.step_ns, 0);
                assert_int_equal(query.end_ns % query.step_ns, 0);
                assert_true(query.count <= 74);
                arena_done(&arena);
        }
}

/* ---- answers ---- */

/* Ten minutes in steps of 10 s: web uses 1 core, db 2, and cache 4, none of it from the 5th minute on; db's memory is
 * step number times 1000, the others' 5000 and 7000. */
static struct history *known(void **state)
{
        struct history *history = fixture_open(*state, FIXTURE_START);
        uint64_t cache_ns = 0;
        for (int64_t i = 0; i <= 60; i++) {
                int64_t now_ns = FIXTURE_START + i * 10 * SECOND;
                uint64_t core_ns = (uint64_t)i * 10 * (uint64_t)SECOND;
                history_tick(history, now_ns);
                fixture_append(history, "web", now_ns, &(struct sampled){ core_ns, 5000, (uint64_t)i * 10000, 1 });
                fixture_append(history, "db", now_ns, &(struct sampled){ 2 * core_ns, (uint64_t)i * 1000, 0, 2 });
                fixture_append(history, "cache", now_ns, &(struct sampled){ cache_ns, 7000, 0, 3 });
                if (i < 30)
                        cache_ns += 40 * (uint64_t)SECOND;
        }
        history_tick(history, FIXTURE_START + 610 * SECOND);
        return history;
}

struct expected {
        const char *text;
        size_t count;
        const char *names[4];
        double values[4]; /* at 4 minutes */
        const char *unit;
};

/* The point at 4 min with a step of 1 min stands for the six steps that begin at 180 to 230 s: numbers 18 to
 * 23, whose memory of db is 18000 to 23000, 20500 on average. */
static const struct expected answers[] = {
        { "cpu", 3, { "cache", "db", "web" }, { 4, 2, 1 }, "cores" },
        { "cpu{container=\"db\"}", 1, { "db" }, { 2 }, "cores" },
        { "cpu{container!=\"db\"}", 2, { "cache", "web" }, { 4, 1 }, "cores" },
        { "cpu{name=~\"d.|web\"}", 2, { "db", "web" }, { 2, 1 }, "cores" },
        { "cpu{container=~\"e\"}", 0, { 0 }, { 0 }, "" }, /* anchored */
        { "cpu{container!~\".*b\"}", 1, { "cache" }, { 4 }, "cores" },
        { "cpu{container=~\"web|db\", container!=\"db\",}", 1, { "web" }, { 1 }, "cores" },
        { "cpu{absent=\"\"}", 3, { "cache", "db", "web" }, { 4, 2, 1 }, "cores" },
        { "cpu{absent!=\"\"}", 0, { 0 }, { 0 }, "" },
        { "memory{container=\"db\"}", 1, { "db" }, { 20500 }, "bytes" },
        { "avg_over_time(memory{container=\"db\"}[2m])", 1, { "db" }, { 17500 }, "bytes" },
        { "max_over_time(memory{container=\"db\"}[2m])", 1, { "db" }, { 23000 }, "bytes" },
        { "min_over_time(memory{container=\"db\"}[2m])", 1, { "db" }, { 12000 }, "bytes" },
        { "last_over_time(memory{container=\"db\"}[2m])", 1, { "db" }, { 23000 }, "bytes" },
        /* 12000 to 23000: rank 0.25 * 11 = 2.75 */
        { "quantile_over_time(0.25, memory{container=\"db\"}[2m])", 1, { "db" }, { 14750 }, "bytes" },
        { "quantile_over_time(0, memory{container=\"db\"}[2m])", 1, { "db" }, { 12000 }, "bytes" },
        { "quantile_over_time(1, memory{container=\"db\"}[2m])", 1, { "db" }, { 23000 }, "bytes" },
        { "rate(net_rx{container=\"web\"}[2m])", 1, { "web" }, { 1000 }, "bytes/s" },
        { "rate(net_rx{container=\"web\"})", 1, { "web" }, { 1000 }, "bytes/s" },
        { "increase(net_rx{container=\"web\"}[2m])", 1, { "web" }, { 120000 }, "bytes" },
        { "increase(cpu{container=\"db\"}[1m])", 1, { "db" }, { 120 }, "s" },
        { "sum(cpu)", 1, { "" }, { 7 }, "cores" },
        { "avg(cpu)", 1, { "" }, { 7. / 3 }, "cores" },
        { "min(cpu)", 1, { "" }, { 1 }, "cores" },
        { "max(cpu)", 1, { "" }, { 4 }, "cores" },
        { "count(cpu)", 1, { "" }, { 3 }, "" },
        { "sum by (container) (cpu)", 3, { "cache", "db", "web" }, { 4, 2, 1 }, "cores" },
        { "sum(cpu) by (image)", 1, { "image=nginx:1" }, { 7 }, "cores" },
        { "sum without (cgroup, container, id, image) (cpu)", 1, { "namespace=docker" }, { 7 }, "cores" },
        { "sum by () (cpu)", 1, { "" }, { 7 }, "cores" },
        { "topk(2, cpu)", 2, { "cache", "db" }, { 4, 2 }, "cores" },
        { "bottomk(1, cpu)", 1, { "web" }, { 1 }, "cores" },
        { "topk(1, cpu) by (container)", 3, { "cache", "db", "web" }, { 4, 2, 1 }, "cores" },
        { "cpu * 100", 3, { "cache", "db", "web" }, { 400, 200, 100 }, "" },
        { "8 / cpu", 3, { "cache", "db", "web" }, { 2, 4, 8 }, "" },
        { "10 - cpu - 1", 3, { "cache", "db", "web" }, { 5, 7, 8 }, "" },
        { "2 + cpu * 3", 3, { "cache", "db", "web" }, { 14, 8, 5 }, "" },
        { "(2 + cpu) * 3", 3, { "cache", "db", "web" }, { 18, 12, 9 }, "" },
        { "-cpu", 3, { "cache", "db", "web" }, { -4, -2, -1 }, "" },
        { "cpu + cpu", 3, { "cache", "db", "web" }, { 8, 4, 2 }, "cores" },
        { "memory{container=\"web\"} / pids", 1, { "web" }, { 5000 }, "" },
        { "cpu + cpu{container=\"web\"}", 1, { "web" }, { 2 }, "cores" },
        { "sum(cpu) / count(cpu)", 1, { "" }, { 7. / 3 }, "" },
        { "cpu > 1", 2, { "cache", "db" }, { 4, 2 }, "cores" },
        { "cpu >= 2", 2, { "cache", "db" }, { 4, 2 }, "cores" },
        { "cpu < 2", 1, { "web" }, { 1 }, "cores" },
        { "cpu <= 1", 1, { "web" }, { 1 }, "cores" },
        { "pids == 2", 1, { "db" }, { 2 }, "tasks" },
        { "pids != 2", 2, { "cache", "web" }, { 3, 1 }, "tasks" },
        { "2 < pids", 1, { "cache" }, { 3 }, "tasks" },
        { "memory > pids * 10000", 1, { "db" }, { 20500 }, "bytes" },
        { "cpu / 0", 0, { 0 }, { 0 }, "" },
        { "count(cpu > 1.5)", 1, { "" }, { 2 }, "" },
        { " sum\tby(container)(\n cpu{ id = 'db' } ) ", 1, { "db" }, { 2 }, "cores" },
        { "memory{cgroup=`/docker/db`} * .5e-1", 1, { "db" }, { 1025 }, "" },
};

static void test_answers(void **state)
{
        struct history *history = known(state);
        for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
                const struct expected *expected = &answers[i];
                fixture_ask(history, expected->text, FIXTURE_START + 4 * MINUTE, FIXTURE_START + 4 * MINUTE + 1, MINUTE,
                        &answer);
                size_t at = 0;
                for (size_t j = 0; j < answer.count; j++) {
                        if (isnan(answer.values[j][0]))
                                continue; /* known only at the second point */
                        if (at < expected->count && (strcmp(answer.names[j], expected->names[at]) != 0 ||
                                                            fabs(answer.values[j][0] - expected->values[at]) >
                                                                    0.001 * fabs(expected->values[at])))
                                print_error("%s: %s %g\n", expected->text, answer.names[j], answer.values[j][0]);
                        assert_true(at < expected->count);
                        assert_string_equal(answer.names[j], expected->names[at]);
                        assert_near(answer.values[j][0], expected->values[at]);
                        assert_string_equal(answer.unit, expected->unit);
                        at++;
                }
                if (at != expected->count)
                        print_error("%s: %zu series\n", expected->text, at);
                assert_int_equal(at, expected->count);
        }
        history_close(history);
}

/* At each point by itself: the one that was first falls out when it rests. */
static void test_top_changes(void **state)
{
        struct history *history = known(state);
        fixture_ask(history, "topk(1, cpu)", FIXTURE_START + MINUTE, FIXTURE_START + 10 * MINUTE, MINUTE, &answer);
        assert_int_equal(answer.count, 2);
        assert_string_equal(answer.names[0], "cache");
        assert_near(answer.values[0][2], 4);
        assert_near(answer.values[0][8], NAN);
        assert_string_equal(answer.names[1], "db");
        assert_near(answer.values[1][2], NAN);
        assert_near(answer.values[1][8], 2);
        history_close(history);
}

/* A filter leaves gaps where it does not hold; a range looks back from each point. */
static void test_points(void **state)
{
        struct history *history = known(state);
        fixture_ask(history, "memory{container=\"db\"} > 30000", FIXTURE_START + MINUTE, FIXTURE_START + 10 * MINUTE,
                MINUTE, &answer);
        assert_near(answer.values[0][4], NAN); /* 24000 to 29000 */
        assert_near(answer.values[0][5], 32500);
        fixture_ask(history, "max_over_time(memory{container=\"db\"}[5m])", FIXTURE_START + MINUTE,
                FIXTURE_START + 10 * MINUTE, MINUTE, &answer);
        assert_near(answer.values[0][0], 5000); /* nothing is known from before */
        assert_near(answer.values[0][9], 59000);
        /* steps finer than what is kept show each kept one where it ended */
        fixture_ask(history, "cpu{container=\"web\"}", FIXTURE_START + 2 * MINUTE, FIXTURE_START + 3 * MINUTE,
                5 * SECOND, &answer);
        assert_int_equal(answer.points, 13);
        for (size_t i = 0; i < 13; i++)
                assert_near(answer.values[0][i], 1);
        history_close(history);
}

static int stop(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        (void)series;
        (void)values;
        (void)count;
        (*(int *)cookie)++;
        return 7;
}

static void test_work_is_bounded(void **state)
{
        struct history *history = known(state);
        struct error err;
        struct arena arena;
        struct history_query query;
        int calls = 0;
        arena_init(&arena, 1 << 20);
        assert_int_equal(
                history_query_parse("cpu", FIXTURE_START, FIXTURE_START + HOUR, MINUTE, &arena, &query, &err), 0);
        assert_int_equal(history_ask(history, &query, stop, &calls, &err), 7);
        assert_int_equal(calls, 1);
        assert_int_equal(history_query_parse("quantile_over_time(0.5, cpu[3m])", FIXTURE_START - 100 * DAY,
                                 FIXTURE_START, DAY, &arena, &query, &err),
                0);
        assert_int_equal(history_ask(history, &query, stop, &calls, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_non_null(strstr(err.message, "so long a time in steps so short"));
        assert_int_equal(history_query_parse("avg_over_time(cpu[100h])", FIXTURE_START - 30 * HOUR, FIXTURE_START,
                                 10 * SECOND, &arena, &query, &err),
                0);
        assert_int_equal(history_ask(history, &query, stop, &calls, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_non_null(strstr(err.message, "a range of so many steps"));
        arena_done(&arena);
        history_close(history);
}

int main(void)
{
#define WITH(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refusals),
                cmocka_unit_test(test_bounds),
                cmocka_unit_test(test_steps_are_chosen),
                WITH(test_answers),
                WITH(test_top_changes),
                WITH(test_points),
                WITH(test_work_is_bounded),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
