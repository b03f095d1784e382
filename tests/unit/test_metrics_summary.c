/* Summaries: percentiles as cAdvisor counts them, a day in bounded memory. */
#include "base/timefmt.h"
#include "modules/metrics/collect/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Expected values by hand: rank = share * (count + 1), between two ranks in proportion. */
static void test_percentile(void **state)
{
        (void)state;
        uint64_t one[] = { 7 };
        uint64_t four[] = { 40, 10, 30, 20 };
        uint64_t hundred[100];
        for (size_t i = 0; i < 100; i++)
                hundred[i] = (100 - i) * 10;
        assert_int_equal(summary_percentile(NULL, 0, 0.5), 0);
        assert_int_equal(summary_percentile(one, 1, 0.5), 7);
        assert_int_equal(summary_percentile(one, 1, 0.95), 7);
        assert_int_equal(summary_percentile(four, 4, 0.5), 25);       /* rank 2.5 */
        assert_int_equal(summary_percentile(four, 4, 0.9), 40);       /* rank 4.5: the last */
        assert_int_equal(summary_percentile(hundred, 100, 0.5), 505); /* rank 50.5 */
        assert_int_equal(summary_percentile(hundred, 100, 0.9), 909); /* rank 90.9 */
        assert_int_equal(summary_percentile(hundred, 100, 0.95), 959);
}

static void test_rate(void **state)
{
        (void)state;
        uint64_t rate = 0;
        assert_true(summary_cpu_rate(0, 0, SECOND, 500 * MILLISECOND, &rate));
        assert_int_equal(rate, 500); /* millicores */
        assert_true(summary_cpu_rate(SECOND, 10, 3 * SECOND, UINT64_C(8000000010), &rate));
        assert_int_equal(rate, 4000);
        assert_false(summary_cpu_rate(0, 0, 9 * MILLISECOND, 5, &rate)); /* too near */
        assert_false(summary_cpu_rate(0, 10, SECOND, 5, &rate));         /* it fell */
        assert_int_equal(rate, 4000);
}

struct fixture {
        struct ring ring;
        struct ring_scratch scratch;
        struct summary summary;
        struct container_stats stats;
};

static void add(struct fixture *fixture, int64_t step_ns, uint64_t cpu_ns, uint64_t working_set)
{
        bool same;
        fixture->stats.time_ns += step_ns;
        fixture->stats.cgroup.cpu.total_ns += cpu_ns;
        fixture->stats.cgroup.memory.working_set = working_set;
        assert_int_equal(ring_add(&fixture->ring, &fixture->scratch, &fixture->stats, &same, NULL), 0);
        ring_expire(&fixture->ring, fixture->stats.time_ns - 2 * MINUTE);
        assert_int_equal(
                summary_note(&fixture->summary, fixture->stats.time_ns, &fixture->ring, &fixture->scratch.before, NULL),
                0);
}

static void setup(struct fixture *fixture)
{
        *fixture = (struct fixture){ .stats = { .time_ns = 1700000000 * SECOND, .health = "" } };
        ring_scratch_init(&fixture->scratch);
}

static void done(struct fixture *fixture)
{
        ring_done(&fixture->ring);
        summary_done(&fixture->summary);
        assert_int_equal(fixture->summary.bytes, 0);
        ring_scratch_done(&fixture->scratch);
}

/* A minute of samples a second, the n-th of which took n per cent of a CPU. */
static void test_minute(void **state)
{
        (void)state;
        struct fixture fixture;
        struct usage_summary hour, day;
        setup(&fixture);
        summary_derive(&fixture.summary, &hour, &day);
        assert_false(hour.cpu.present);
        add(&fixture, SECOND, 0, 4096);
        for (uint64_t i = 1; i <= 61; i++)
                add(&fixture, SECOND, i * 10 * MILLISECOND, i << 12);
        const struct usage_summary *minute = &fixture.summary.minute;
        assert_true(minute->cpu.present);
        assert_int_equal(minute->percent_complete, 100);
        assert_int_equal(minute->cpu.count, 61);
        assert_int_equal(minute->cpu.mean, 310);
        assert_int_equal(minute->cpu.max, 610);
        assert_int_equal(minute->cpu.fifty, 310);
        assert_int_equal(minute->cpu.ninety, 558); /* rank 55.8 */
        assert_int_equal(minute->cpu.std, 176);    /* 10 * sqrt((61 * 61 - 1) / 12) */
        assert_int_equal(minute->memory.max, 61 << 12);
        assert_int_equal(minute->memory.count, 62);
        summary_derive(&fixture.summary, &hour, &day);
        assert_int_equal(hour.percent_complete, 1);
        assert_int_equal(hour.cpu.ninety, minute->cpu.ninety);
        assert_int_equal(hour.cpu.mean, minute->cpu.mean);
        assert_int_equal(hour.cpu.max, 610);
        assert_int_equal(day.percent_complete, 0);
        assert_int_equal(day.memory.max, 61 << 12);
        done(&fixture);
}

/* Two samples a minute, as an idle container has them. The n-th minute takes n millicores. */
static void test_day(void **state)
{
        (void)state;
        struct fixture fixture;
        struct usage_summary hour, day;
        setup(&fixture);
        add(&fixture, SECOND, 0, 0);
        enum { MINUTES = 3 * 24 * 60 };
        for (uint64_t i = 1; i <= MINUTES; i++)
                add(&fixture, 61 * SECOND, 61 * i * MILLISECOND, i << 12);
        summary_derive(&fixture.summary, &hour, &day);
        assert_int_equal(hour.percent_complete, 100);
        assert_int_equal(hour.cpu.count, 60);
        assert_int_equal(hour.cpu.max, MINUTES);
        assert_int_equal(hour.cpu.mean, MINUTES - 30); /* 59 / 2 down, cut to an integer */
        assert_int_equal(hour.cpu.fifty, MINUTES - 30);
        assert_int_equal(day.percent_complete, 100);
        assert_int_equal(day.cpu.count, SUMMARY_DAY);
        assert_int_equal(day.cpu.max, MINUTES);
        assert_int_equal(day.cpu.mean, MINUTES - 720);
        assert_int_equal(day.memory.max, (uint64_t)MINUTES << 12);
        assert_true(fixture.summary.count < SUMMARY_DAY + SUMMARY_BLOCK_MINUTES);
        print_message("# %zu bytes for a day of changing minutes\n", fixture.summary.bytes);
        assert_true(fixture.summary.bytes < 20000);
        done(&fixture);
}

static void test_idle_day(void **state)
{
        (void)state;
        struct fixture fixture;
        setup(&fixture);
        for (size_t i = 0; i < 2 * SUMMARY_DAY; i++)
                add(&fixture, 61 * SECOND, 0, 123 << 12);
        print_message("# %zu bytes for an idle day\n", fixture.summary.bytes);
        assert_true(fixture.summary.bytes < 5000);
        done(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_percentile),
                cmocka_unit_test(test_rate),
                cmocka_unit_test(test_minute),
                cmocka_unit_test(test_day),
                cmocka_unit_test(test_idle_day),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
