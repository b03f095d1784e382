/* What is sampled and when: intervals, budgets, rates, memory, clocks that are set back, the OOM counter. */
#include "metrics_tree.h"

#include "modules/metrics/feed.h"

/* The clock is set back by less than a second: figures are kept, but what was used is not divided by a nanosecond. */
static void test_rate_when_the_clock_is_set_back(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        fixture.options.no_root_stats = true;
        make_group(&fixture, "/a");
        start(&fixture);
        run_for(&fixture, 2 * SECOND);
        set_usage(&fixture, "/a", 101000, 1 << 20);
        run_for(&fixture, SECOND);
        struct container *a = named(&fixture, "/a");
        assert_true(a->has_rate);
        assert_in_range(a->rate_total, 90000000, 110000000); /* 100 ms in a second */
        size_t kept = a->ring.count;
        set_usage(&fixture, "/a", 201000, 1 << 20);
        fixture.unix_base_ns -= 1500 * MILLISECOND;
        run_for(&fixture, SECOND);
        assert_true(a->ring.count > kept);
        assert_true(!a->has_rate || a->rate_total < 4 * (uint64_t)SECOND);
        run_for(&fixture, 2 * SECOND);
        assert_true(a->has_rate);
        end(&fixture);
}

/* The CPU time could not be read once: what was used ever is not taken for what was used since. */
static void test_rate_behind_a_file_that_was_not_told(void **state)
{
        (void)state;
        struct fixture fixture;
        char path[256];
        begin(&fixture);
        fixture.options.no_root_stats = true;
        make_group(&fixture, "/a");
        start(&fixture);
        set_usage(&fixture, "/a", 5000000000, 1 << 20);
        run_for(&fixture, 3 * SECOND);
        struct container *a = named(&fixture, "/a");
        assert_true(a->has_rate);
        snprintf(path, sizeof(path), "%s/sys/fs/cgroup/a/cpu.stat", fixture.root);
        assert_int_equal(unlink(path), 0);
        run_for(&fixture, SECOND);
        assert_false(a->has_rate);
        set_usage(&fixture, "/a", 5000100000, 1 << 20);
        run_for(&fixture, SECOND);
        assert_true(!a->has_rate || a->rate_total < 4 * (uint64_t)SECOND);
        set_usage(&fixture, "/a", 5000200000, 1 << 20);
        run_for(&fixture, SECOND);
        assert_true(a->has_rate);
        assert_in_range(a->rate_total, 90000000, 110000000);
        end(&fixture);
}

static int take_cpu(enum feed_kind kind, const void *record, void *cookie)
{
        const struct feed_container *told = record;
        if (kind == FEED_CONTAINER && strcmp(told->name, "/a") == 0)
                *(struct feed_container *)cookie = *told;
        return 0;
}

/* Nor by the feed, of CPU time and of I/O. */
static void test_feed_behind_a_file_that_was_not_told(void **state)
{
        (void)state;
        struct fixture fixture;
        char path[256];
        struct error err;
        struct feed_container told = { 0 };
        struct feed_reader reader = { .parts = 1U << FEED_PART_CONTAINERS, .full = true };
        begin(&fixture);
        fixture.options.no_root_stats = true;
        fixture.options.kinds |= 1u << METRIC_DISK_IO;
        make_group(&fixture, "/a");
        put(&fixture, "sys/fs/cgroup/a/io.stat", "8:0 rbytes=900000000000 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
        set_usage(&fixture, "/a", 5000000000, 1 << 20);
        start(&fixture);
        const struct feed_source source = { .root = fixture.options.root,
                .proc = fixture.options.proc,
                .sys = fixture.options.root,
                .registry = fixture.registry };
        struct feed *feed = feed_new(&source, &err);
        assert_non_null(feed);
        for (unsigned i = 0; i < 8; i++) {
                const bool gap = i == 3;
                set_usage(&fixture, "/a", 5000000000 + i * 100000, 1 << 20);
                snprintf(path, sizeof(path), "%s/sys/fs/cgroup/a/cpu.stat", fixture.root);
                if (gap)
                        assert_int_equal(unlink(path), 0);
                snprintf(path, sizeof(path), "%s/sys/fs/cgroup/a/io.stat", fixture.root);
                if (gap)
                        assert_int_equal(unlink(path), 0);
                else
                        put(&fixture, "sys/fs/cgroup/a/io.stat",
                                "8:0 rbytes=900000000000 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n");
                run_for(&fixture, SECOND);
                feed_collect(feed, reader.parts, fixture.clock.now_ns, SECOND);
                assert_int_equal(feed_tell(feed, &reader, take_cpu, &told), 0);
                assert_true(!told.has_cpu || told.cpu < 4);
                assert_true(!told.has_io || told.read < 1e9);
                assert_false(gap && (told.has_cpu || told.has_io));
        }
        assert_true(told.has_cpu && told.cpu > 0.05 && told.has_io);
        feed_free(feed);
        end(&fixture);
}

/* A node with thousands of tmpfs (secrets of pods, /dev/shm of containers): the root group is sampled all the same. */
static void test_thousands_of_filesystems(void **state)
{
        (void)state;
        enum { MOUNTS = 2500 };
        struct fixture fixture;
        cleanup(buf_done) struct buf mountinfo;
        begin(&fixture);
        buf_init(&mountinfo, 4 << 20);
        fixture.options.kinds |= 1u << METRIC_DISK;
        buf_puts(&mountinfo, "20 1 8:1 / / rw - ext4 /dev/sda1 rw\n");
        for (int i = 0; i < MOUNTS; i++) {
                char point[300];
                char full[512];
                snprintf(point, sizeof(point),
                        "/pods/%08d-0000-0000-0000-000000000000-volumes-kubernetes.io~projected-%s", i,
                        "kube-api-access-with-a-name-that-is-as-long-as-they-are");
                snprintf(full, sizeof(full), "%s%s", fixture.root, point);
                assert_int_equal(path_make(full, 0755, NULL), 0);
                buf_printf(&mountinfo, "%d 20 0:%d / %s rw - tmpfs tmpfs rw\n", i + 100, i + 100, point);
        }
        assert_false(mountinfo.failed);
        put(&fixture, "proc/1/mountinfo", buf_text(&mountinfo));
        start(&fixture);
        run_for(&fixture, 3 * SECOND);
        assert_true(fixture.registry->filesystem_count > 2000);
        assert_true(named(&fixture, "/")->ring.count > 0);
        struct registry_counters counters;
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.housekeeping_failed, 0);
        assert_true(counters.refused > 0);
        end(&fixture);
}

static void test_interval(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/a");
        fixture.options.dynamic = true;
        fixture.options.no_root_stats = true;
        start(&fixture);
        run_for(&fixture, 10 * MINUTE);
        struct container *a = named(&fixture, "/a");
        assert_int_equal(a->interval_ns, MINUTE);
        size_t before = fixture.registry->counters.samples;
        /* 1 + 2 + 4 + … + 60: seven, then one a minute; the root as well */
        assert_in_range(before, 2 * 14, 2 * 18);
        set_usage(&fixture, "/a", 2000, 1 << 20);
        run_for(&fixture, MINUTE);
        assert_true(a->interval_ns < MINUTE); /* it fell back, and doubles again */
        fixture.options.dynamic = false;
        run_for(&fixture, 2 * MINUTE);
        before = fixture.registry->counters.samples;
        run_for(&fixture, MINUTE);
        assert_in_range(fixture.registry->counters.samples - before, 2 * 59, 2 * 61);
        end(&fixture);
}

static void test_jitter(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        fixture.options.splay = 1;
        fixture.options.jitter = 1;
        start(&fixture);
        run_for(&fixture, 10 * MINUTE);
        assert_in_range(fixture.sampled, 350, 450); /* one in 1.5 s as the mean */
        end(&fixture);
}

static void test_budget(void **state)
{
        (void)state;
        struct fixture fixture;
        struct registry_counters counters;
        begin(&fixture);
        for (int i = 0; i < 10; i++) {
                char name[16];
                snprintf(name, sizeof(name), "/g%d", i);
                make_group(&fixture, name);
        }
        fixture.options.cpu_budget = 0.01;
        fixture.cpu_step_ns = 15 * MILLISECOND;
        start(&fixture);
        run_for(&fixture, 10 * MINUTE);
        registry_count_all(fixture.registry, &counters);
        /* Each sample seems to take 15 ms: 1% of ten minutes pays for 400; the first of each is free and 10 s are
         * lent. */
        assert_in_range(fixture.sampled, 380, 440);
        assert_true(counters.housekeeping_late > 20); /* eleven a turn */
        end(&fixture);
}

static uint64_t memory_of(const struct container *container)
{
        struct arena arena;
        struct container_stats stats = { 0 };
        arena_init(&arena, 1 << 20);
        assert_true(container_latest(container, &arena, &stats));
        uint64_t usage = stats.cgroup.memory.usage;
        arena_done(&arena);
        return usage;
}

static size_t open_files(void)
{
        size_t count = 0;
        cleanup(closedir) DIR *directory = opendir("/proc/self/fd");
        while (readdir(directory))
                count++;
        return count;
}

/* While nothing runs in a group, what was read last is told again, for at most 10 s. */
static void test_repeated(void **state)
{
        (void)state;
        struct fixture fixture;
        struct registry_counters counters;
        begin(&fixture);
        make_group(&fixture, "/a");
        start(&fixture);
        struct container *a = named(&fixture, "/a");
        size_t files = open_files();
        run_for(&fixture, 2 * MINUTE); /* no more looks for its name, and limits every 20 s */
        assert_int_equal(a->ring.count, 121);
        assert_int_equal(open_files(), files + 1);
        registry_count_all(fixture.registry, &counters);
        assert_in_range(counters.samples_repeated, 70, 110);
        assert_int_equal(fixture.sampled, counters.samples);
        assert_int_equal(memory_of(a), 1 << 20);

        set_usage(&fixture, "/a", 1000, 2 << 20); /* others charged memory to it */
        int64_t changed_ns = fixture.clock.now_ns;
        while (memory_of(a) != 2 << 20)
                run_for(&fixture, SECOND);
        assert_true(fixture.clock.now_ns - changed_ns <= 10 * SECOND + SECOND / 2);
        run_for(&fixture, SECOND);
        set_usage(&fixture, "/a", 1500, 3 << 20); /* something ran: the next sample knows */
        run_for(&fixture, SECOND);
        assert_int_equal(memory_of(a), 3 << 20);
        assert_true(a->has_rate && a->rate_total > 0);

        run_for(&fixture, 3 * SECOND);
        set_usage(&fixture, "/a", 1500, 4 << 20);
        fixture.clock.manual = true;
        fake_clock_advance(&fixture.clock, 100 * MILLISECOND);
        assert_int_equal(registry_refresh(fixture.registry, a, 0, NULL), 0);
        assert_int_equal(memory_of(a), 4 << 20); /* who asks for now gets now */
        fixture.clock.manual = false;

        remove_group(&fixture, "/a");
        run_for(&fixture, SECOND);
        assert_int_equal(fixture.deleted, 1);
        assert_int_equal(open_files(), files);
        end(&fixture);
}

struct seen {
        size_t count;
        int64_t first_ns, last_ns;
        uint64_t rate;
        bool first_has_rate;
};

static int see(const struct container_stats *stats, void *cookie)
{
        struct seen *seen = cookie;
        if (seen->count++ == 0) {
                seen->first_ns = stats->time_ns;
                seen->first_has_rate = stats->has_rate;
        }
        seen->last_ns = stats->time_ns;
        seen->rate = stats->rate_total;
        return 0;
}

static void test_samples(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        struct container_stats stats;
        struct container_summary summary;
        begin(&fixture);
        make_group(&fixture, "/a");
        start(&fixture);
        struct container *a = named(&fixture, "/a");
        arena_init(&arena, 1 << 20);
        assert_false(container_latest(a, &arena, &stats));
        assert_false(container_summary(a, &summary));
        assert_int_equal(container_last_seen_ns(a), 0);
        for (unsigned long i = 1; i <= 200; i++) {
                set_usage(&fixture, "/a", i * 250000, i << 12);
                run_for(&fixture, SECOND);
        }
        assert_true(container_latest(a, &arena, &stats));
        assert_int_equal(stats.cgroup.cpu.total_ns, 200 * 250 * MILLISECOND);
        assert_int_equal(stats.cgroup.memory.usage, 200 << 12);
        assert_true(stats.has_rate);
        assert_int_equal(stats.rate_total, 250 * MILLISECOND);
        struct seen seen = { 0 };
        assert_int_equal(container_samples(a, SIZE_MAX, 0, 0, see, &seen), 0);
        assert_int_equal(seen.count, 121); /* --storage_duration: two minutes */
        assert_int_equal(seen.last_ns, container_last_seen_ns(a));
        assert_int_equal(seen.rate, 250 * MILLISECOND);
        seen = (struct seen){ 0 };
        container_samples(a, 5, 0, 0, see, &seen);
        assert_int_equal(seen.count, 5);
        assert_int_equal(seen.last_ns, container_last_seen_ns(a)); /* the newest */
        assert_int_equal(seen.first_ns, seen.last_ns - 4 * SECOND);
        int64_t end_ns = seen.last_ns - 10 * SECOND;
        seen = (struct seen){ 0 };
        container_samples(a, SIZE_MAX, end_ns - 9 * SECOND, end_ns, see, &seen);
        assert_int_equal(seen.count, 10);
        assert_int_equal(seen.last_ns, end_ns);
        seen = (struct seen){ 0 };
        container_samples(a, 0, 0, 0, see, &seen);
        assert_int_equal(seen.count, 0);

        assert_true(container_summary(a, &summary));
        assert_int_equal(summary.latest_cpu, 250);
        assert_int_equal(summary.latest_memory, 200 << 12);
        assert_int_equal(summary.minute.cpu.ninety, 250);
        assert_int_equal(summary.hour.cpu.ninety, 250);
        assert_int_equal(summary.hour.percent_complete, 3 * 100 / 60);

        /* on demand: only when the newest is too old */
        size_t before = fixture.sampled;
        fixture.clock.manual = true;
        fake_clock_advance(&fixture.clock, 100 * MILLISECOND);
        assert_int_equal(registry_refresh(fixture.registry, a, 200 * MILLISECOND, NULL), 0);
        assert_int_equal(fixture.sampled, before);
        assert_int_equal(registry_refresh(fixture.registry, a, 0, NULL), 0);
        assert_int_equal(fixture.sampled, before + 1);
        const struct container_spec *spec = container_spec(a);
        assert_true(spec->has_memory);
        assert_int_equal(spec->limits.memory_limit, 104857600);
        assert_true(spec->created_ns > 0);
        arena_done(&arena);
        end(&fixture);
}

static void test_memory_limit(void **state)
{
        (void)state;
        struct fixture fixture;
        struct registry_counters counters;
        struct arena arena;
        struct container_stats stats;
        begin(&fixture);
        for (int i = 0; i < 20; i++) {
                char name[16];
                snprintf(name, sizeof(name), "/g%d", i);
                make_group(&fixture, name);
        }
        fixture.options.memory_limit = 24 << 10;
        start(&fixture);
        for (unsigned long i = 1; i <= 100; i++) {
                for (int j = 0; j < 20; j++) {
                        char name[16];
                        snprintf(name, sizeof(name), "/g%d", j);
                        set_usage(&fixture, name, i * 1234567, i << 16);
                }
                run_for(&fixture, SECOND);
                registry_count_all(fixture.registry, &counters);
                assert_true(counters.samples_bytes <= fixture.options.memory_limit);
        }
        assert_true(counters.samples_dropped > 0);
        arena_init(&arena, 1 << 20);
        for (size_t i = 0; i < registry_count(fixture.registry); i++)
                assert_true(container_latest(registry_at(fixture.registry, i), &arena, &stats));
        arena_done(&arena);
        end(&fixture);
}

struct listing {
        size_t count;
        char text[4096];
};

static int list(const struct container_event *event, void *cookie)
{
        struct listing *listing = cookie;
        size_t n = strlen(listing->text);
        snprintf(listing->text + n, sizeof(listing->text) - n, "%s:%s ", event_kind_names[event->kind],
                event->container);
        listing->count++;
        return 0;
}

/* Without the kernel's log the group's own counter tells. */
static void test_oom_counter(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        struct container_stats stats;
        begin(&fixture);
        make_group(&fixture, "/a");
        put(&fixture, "sys/fs/cgroup/a/memory.events", "low 0\nhigh 0\nmax 5\noom 2\noom_kill 2\n");
        start(&fixture);
        run_for(&fixture, 5 * SECOND);
        struct listing listing = { 0 };
        struct event_query query = { .kinds = 1u << EVENT_OOM | 1u << EVENT_OOM_KILL };
        registry_events(fixture.registry, &query, list, &listing);
        assert_int_equal(listing.count, 0); /* those of before us are not told again */
        put(&fixture, "sys/fs/cgroup/a/memory.events", "low 0\nhigh 0\nmax 5\noom 3\noom_kill 3\n");
        run_for(&fixture, 2 * SECOND);
        registry_events(fixture.registry, &query, list, &listing);
        assert_string_equal(listing.text, "oom:/a oomKill:/a ");
        arena_init(&arena, 1 << 20);
        assert_true(container_latest(named(&fixture, "/a"), &arena, &stats));
        assert_int_equal(stats.oom_events, 1);
        arena_done(&arena);
        end(&fixture);
}

/* The clock of the machine may be set back. */
static void test_clock_set_back(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/a");
        start(&fixture);
        run_for(&fixture, 10 * SECOND);
        fixture.unix_base_ns -= HOUR;
        run_for(&fixture, 10 * SECOND);
        struct seen seen = { 0 };
        container_samples(named(&fixture, "/a"), SIZE_MAX, 0, 0, see, &seen);
        assert_in_range(seen.count, 9, 11);
        assert_false(seen.first_has_rate);
        assert_true(container_last_seen_ns(named(&fixture, "/a")) <= fixture_unix_ns(&fixture));
        end(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rate_when_the_clock_is_set_back),
                cmocka_unit_test(test_rate_behind_a_file_that_was_not_told),
                cmocka_unit_test(test_feed_behind_a_file_that_was_not_told),
                cmocka_unit_test(test_thousands_of_filesystems),
                cmocka_unit_test(test_interval),
                cmocka_unit_test(test_jitter),
                cmocka_unit_test(test_budget),
                cmocka_unit_test(test_repeated),
                cmocka_unit_test(test_samples),
                cmocka_unit_test(test_memory_limit),
                cmocka_unit_test(test_oom_counter),
                cmocka_unit_test(test_clock_set_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
