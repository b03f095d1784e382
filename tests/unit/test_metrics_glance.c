/* What is read of a group in which nothing ran: what others may have changed, and once a minute all of it. */
#include "metrics_tree.h"

static struct container_stats newest(struct fixture *fixture, struct arena *arena)
{
        struct container_stats stats;
        assert_true(container_latest(named(fixture, "/web"), arena, &stats));
        return stats;
}

static bool look(struct fixture *fixture)
{
        bool still;
        struct error err;
        if (registry_look(fixture->registry, named(fixture, "/web"), 0, &still, &err) < 0)
                fail_msg("%s", err.message);
        return still;
}

static void put_peak(const struct fixture *fixture, const char *bytes)
{
        put(fixture, "sys/fs/cgroup/web/memory.peak", bytes);
}

/* A group that was read whole a moment ago and stood still since. */
static void begin_idle(struct fixture *fixture)
{
        begin(fixture);
        make_group(fixture, "/web");
        put_peak(fixture, "2000000\n");
        fixture->options.interval_ns = fixture->options.max_interval_ns = HOUR;
        start(fixture);
        for (int i = 0; i < 12; i++) { /* names are looked up until then */
                look(fixture);
                run_for(fixture, 11 * SECOND);
        }
        named(fixture, "/web")->whole_ns = 0;
        look(fixture);
        assert_true(look(fixture));
}

static void memory_is_read_and_the_rest_kept(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        begin_idle(&fixture);
        arena_init(&arena, 1 << 20);
        assert_int_equal(newest(&fixture, &arena).cgroup.memory.usage, 1 << 20);
        put_peak(&fixture, "3000000\n");
        put(&fixture, "sys/fs/cgroup/web/memory.current", "500000\n");
        put(&fixture, "sys/fs/cgroup/web/memory.stat", "anon 4096\nfile 400000\ninactive_file 300000\n");
        assert_true(look(&fixture)); /* not older than 10 s */
        assert_int_equal(newest(&fixture, &arena).cgroup.memory.usage, 1 << 20);
        run_for(&fixture, 11 * SECOND);
        const uint64_t samples = fixture.registry->counters.samples;
        assert_false(look(&fixture));
        struct container_stats stats = newest(&fixture, &arena);
        assert_int_equal(stats.cgroup.memory.usage, 500000);
        assert_int_equal(stats.cgroup.memory.cache, 400000);
        assert_int_equal(stats.cgroup.memory.working_set, 200000);
        assert_int_equal(stats.cgroup.memory.max_usage, 2000000); /* of the last whole look */
        assert_int_equal(stats.cgroup.cpu.total_ns, 1000 * MICROSECOND);
        assert_true(stats.has_rate);
        assert_int_equal(stats.rate_total, 0);
        assert_int_equal(fixture.registry->counters.samples, samples + 1);
        assert_true(look(&fixture));
        arena_done(&arena);
        end(&fixture);
}

static void all_is_read_once_a_minute(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        begin_idle(&fixture);
        arena_init(&arena, 1 << 20);
        put_peak(&fixture, "3000000\n");
        for (int i = 0; i < 5; i++) {
                run_for(&fixture, 11 * SECOND);
                look(&fixture);
                assert_int_equal(newest(&fixture, &arena).cgroup.memory.max_usage, 2000000);
        }
        run_for(&fixture, 11 * SECOND);
        look(&fixture);
        assert_int_equal(newest(&fixture, &arena).cgroup.memory.max_usage, 3000000);
        arena_done(&arena);
        end(&fixture);
}

static void one_that_ran_is_read_whole(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        begin_idle(&fixture);
        arena_init(&arena, 1 << 20);
        run_for(&fixture, 11 * SECOND);
        put_peak(&fixture, "3000000\n");
        set_usage(&fixture, "/web", 1500, 700000);
        assert_false(look(&fixture));
        struct container_stats stats = newest(&fixture, &arena);
        assert_int_equal(stats.cgroup.cpu.total_ns, 1500 * MICROSECOND);
        assert_int_equal(stats.cgroup.memory.usage, 700000);
        assert_int_equal(stats.cgroup.memory.max_usage, 3000000);
        arena_done(&arena);
        end(&fixture);
}

static void pressure_that_falls_is_read(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        begin(&fixture);
        arena_init(&arena, 1 << 20);
        make_group(&fixture, "/web");
        put(&fixture, "sys/fs/cgroup/web/cpu.pressure", "some avg10=5.00 avg60=1.00 avg300=0.10 total=77\n");
        fixture.options.kinds |= 1u << METRIC_PRESSURE;
        fixture.options.interval_ns = fixture.options.max_interval_ns = HOUR;
        start(&fixture);
        for (int i = 0; i < 12; i++) {
                look(&fixture);
                run_for(&fixture, 11 * SECOND);
        }
        put(&fixture, "sys/fs/cgroup/web/cpu.pressure", "some avg10=0.00 avg60=0.50 avg300=0.10 total=77\n");
        named(&fixture, "/web")->whole_ns = loop_now_ns(fixture.loop);
        look(&fixture);
        assert_true(newest(&fixture, &arena).cgroup.cpu_pressure.some.avg10 < 0.001);
        assert_int_equal(newest(&fixture, &arena).cgroup.cpu_pressure.some.total_ns, 77 * MICROSECOND);
        arena_done(&arena);
        end(&fixture);
}

static void put_waiting(const struct fixture *fixture, const char *text)
{
        put(fixture, "sys/fs/cgroup/web/io.pressure", text);
}

/* All its processes wait for a device that does not answer: that takes no CPU time. */
static void pressure_that_rises_is_read(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        begin(&fixture);
        arena_init(&arena, 1 << 20);
        make_group(&fixture, "/web");
        put_waiting(&fixture, "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
        fixture.options.kinds |= 1u << METRIC_PRESSURE;
        fixture.options.interval_ns = fixture.options.max_interval_ns = HOUR;
        start(&fixture);
        for (int i = 0; i < 12; i++) {
                look(&fixture);
                run_for(&fixture, 11 * SECOND);
        }
        put_waiting(&fixture, "some avg10=99.00 avg60=17.00 avg300=3.00 total=11000000\n");
        named(&fixture, "/web")->whole_ns = loop_now_ns(fixture.loop);
        look(&fixture);
        assert_true(newest(&fixture, &arena).cgroup.io_pressure.some.avg10 > 98);
        assert_int_equal(newest(&fixture, &arena).cgroup.io_pressure.some.total_ns, 11 * SECOND);
        arena_done(&arena);
        end(&fixture);
}

static uint64_t written(const struct container_stats *stats)
{
        const struct cgroup_io_table *table = &stats->cgroup.io[CGROUP_IO_SERVICE_BYTES];
        return table->count ? table->rows[0].values[CGROUP_IO_WRITE] : 0;
}

/* Others push its pages out, or write back what it left: its I/O goes on without it. */
static void io_of_its_pages_is_read(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        begin(&fixture);
        arena_init(&arena, 1 << 20);
        make_group(&fixture, "/web");
        put(&fixture, "sys/fs/cgroup/web/io.stat", "8:0 rbytes=0 wbytes=100 rios=0 wios=1 dbytes=0 dios=0\n");
        put(&fixture, "sys/fs/cgroup/web/memory.swap.current", "0\n");
        fixture.options.kinds |= 1u << METRIC_DISK_IO;
        fixture.options.interval_ns = fixture.options.max_interval_ns = HOUR;
        start(&fixture);
        for (int i = 0; i < 12; i++) {
                look(&fixture);
                run_for(&fixture, 11 * SECOND);
        }
        struct container_stats stats = newest(&fixture, &arena);
        assert_int_equal(written(&stats), 100);
        put(&fixture, "sys/fs/cgroup/web/io.stat", "8:0 rbytes=0 wbytes=900 rios=0 wios=2 dbytes=0 dios=0\n");
        named(&fixture, "/web")->whole_ns = loop_now_ns(fixture.loop);
        look(&fixture);
        stats = newest(&fixture, &arena);
        assert_int_equal(written(&stats), 100); /* nothing says that it moved: once a minute */
        run_for(&fixture, 11 * SECOND);
        put(&fixture, "sys/fs/cgroup/web/memory.swap.current", "800\n");
        look(&fixture);
        stats = newest(&fixture, &arena);
        assert_int_equal(written(&stats), 900);
        /* a file that cannot be read says nothing: no counter falls */
        run_for(&fixture, 11 * SECOND);
        put(&fixture, "sys/fs/cgroup/web/memory.swap.current", "0\n");
        remove_below(&fixture, "sys/fs/cgroup/web/io.stat");
        look(&fixture);
        stats = newest(&fixture, &arena);
        assert_int_equal(written(&stats), 900);
        arena_done(&arena);
        end(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(memory_is_read_and_the_rest_kept),
                cmocka_unit_test(all_is_read_once_a_minute), cmocka_unit_test(one_that_ran_is_read_whole),
                cmocka_unit_test(pressure_that_falls_is_read), cmocka_unit_test(pressure_that_rises_is_read),
                cmocka_unit_test(io_of_its_pages_is_read) };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
