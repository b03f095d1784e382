/* The registry on a tree of its own: cgroup v2 directories below a temporary root, a clock that only the test moves. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>

#define ID "4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d"
#define OTHER_ID "4a5b6c7e4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d4a5b6c7d"

struct fixture {
        char root[64];
        struct metrics_options options;
        struct loop_fake_clock clock;
        struct loop *loop;
        struct registry *registry;
        int64_t unix_base_ns, cpu_ns, cpu_step_ns;
        size_t created, deleted, sampled;
        char last[256]; /* created or deleted */
        char log[512];
};

static int64_t fixture_unix_ns(void *cookie)
{
        struct fixture *fixture = cookie;
        return fixture->unix_base_ns + fixture->clock.now_ns;
}

static int64_t fixture_cpu_ns(void *cookie)
{
        struct fixture *fixture = cookie;
        return fixture->cpu_ns += fixture->cpu_step_ns;
}

static void created(const struct container *container, void *cookie)
{
        struct fixture *fixture = cookie;
        fixture->created++;
        snprintf(fixture->last, sizeof(fixture->last), "+%s", container_ref(container)->name);
}

static void deleted(const struct container *container, void *cookie)
{
        struct fixture *fixture = cookie;
        fixture->deleted++;
        snprintf(fixture->last, sizeof(fixture->last), "-%s", container_ref(container)->name);
}

static void sampled(const struct container *container, const struct container_stats *stats, void *cookie)
{
        struct fixture *fixture = cookie;
        (void)container, (void)stats;
        fixture->sampled++;
}

static void logged(const char *text, void *cookie)
{
        struct fixture *fixture = cookie;
        snprintf(fixture->log, sizeof(fixture->log), "%s", text);
}

/* A file below the root, its directories made. */
static void put(const struct fixture *fixture, const char *path, const char *text)
{
        char full[512];
        snprintf(full, sizeof(full), "%s/%s", fixture->root, path);
        char *slash = strrchr(full, '/');
        *slash = '\0';
        assert_int_equal(path_make(full, 0755, NULL), 0);
        *slash = '/';
        cleanup(fd_close) int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, text, strlen(text), NULL), 0);
}

static void set_usage(const struct fixture *fixture, const char *name, unsigned long usec, unsigned long memory)
{
        char path[256];
        char text[256];
        snprintf(path, sizeof(path), "sys/fs/cgroup%s/cpu.stat", name);
        snprintf(text, sizeof(text), "usage_usec %lu\nuser_usec %lu\nsystem_usec 0\n", usec, usec);
        put(fixture, path, text);
        snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.current", name);
        snprintf(text, sizeof(text), "%lu\n", memory);
        put(fixture, path, text);
}

static void make_group(const struct fixture *fixture, const char *name)
{
        char path[256];
        char full[512];
        snprintf(full, sizeof(full), "%s/sys/fs/cgroup%s", fixture->root, name);
        assert_int_equal(mkdir(full, 0755), 0);
        snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.max", name);
        put(fixture, path, "104857600\n");
        snprintf(path, sizeof(path), "sys/fs/cgroup%s/cgroup.procs", name);
        put(fixture, path, "");
        snprintf(path, sizeof(path), "sys/fs/cgroup%s/memory.stat", name);
        put(fixture, path, "anon 4096\nfile 8192\ninactive_file 0\n");
        set_usage(fixture, name, 1000, 1 << 20);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
        (void)status, (void)type, (void)walk;
        return remove(path);
}

static void remove_below(const struct fixture *fixture, const char *path)
{
        char full[512];
        snprintf(full, sizeof(full), "%s/%s", fixture->root, path);
        nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void remove_group(const struct fixture *fixture, const char *name)
{
        char path[256];
        snprintf(path, sizeof(path), "sys/fs/cgroup%s", name);
        remove_below(fixture, path);
}

static void begin(struct fixture *fixture)
{
        *fixture = (struct fixture){ 0 };
        snprintf(fixture->root, sizeof(fixture->root), "/tmp/registry-XXXXXX");
        assert_non_null(mkdtemp(fixture->root));
        put(fixture, "proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
        put(fixture, "proc/meminfo", "MemTotal: 1048576 kB\nMemFree: 524288 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n");
        put(fixture, "proc/cpuinfo", "processor\t: 0\nvendor_id\t: X\ncpu MHz\t\t: 2000.000\n\n");
        put(fixture, "proc/stat", "cpu  10 0 10 100 0 0 0 0 0 0\nbtime 1700000000\n");
        put(fixture, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
        put(fixture, "sys/fs/cgroup/cpu.stat", "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\n");
        fake_clock_init(&fixture->clock, 1000 * SECOND);
        fixture->clock.manual = false;
        fixture->unix_base_ns = time_unix_ns() - fixture->clock.now_ns;
        fixture->options =
                (struct metrics_options){ .kinds = 1u << METRIC_CPU | 1u << METRIC_MEMORY | 1u << METRIC_OOM_EVENT,
                        .interval_ns = SECOND,
                        .max_interval_ns = MINUTE,
                        .global_interval_ns = HOUR,
                        .storage_ns = 2 * MINUTE,
                        .memory_limit = 4 << 20 };
        for (size_t i = 0; i < EVENT_KINDS; i++) {
                fixture->options.event_age_ns[i] = DAY;
                fixture->options.event_count[i] = 1000;
        }
}

static void start(struct fixture *fixture)
{
        struct error err;
        char path[128];
        const struct registry_hooks hooks = {
                .created = created, .deleted = deleted, .sampled = sampled, .log = logged, .cookie = fixture
        };
        const struct registry_seams seams = {
                .unix_ns = fixture_unix_ns, .cpu_ns = fixture_cpu_ns, .cookie = fixture, .no_kmsg = true
        };
        fixture->options.root = open(fixture->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        snprintf(path, sizeof(path), "%s/proc", fixture->root);
        fixture->options.proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fixture->loop = loop_new(&(struct loop_options){ .clock = &fixture->clock.clock }, &err);
        fixture->registry = registry_new_with(&fixture->options, fixture->loop, &hooks, &seams, &err);
        if (!fixture->registry)
                print_error("%s\n", err.message);
        assert_non_null(fixture->registry);
}

static void end(struct fixture *fixture)
{
        registry_free(fixture->registry);
        loop_free(fixture->loop);
        fd_close(&fixture->options.root);
        fd_close(&fixture->options.proc);
        remove_below(fixture, "");
}

static void reached(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop, (void)id;
        *(bool *)cookie = true;
}

/* What is due and what inotify has to tell, without moving the clock. */
static void drain(struct fixture *fixture)
{
        fixture->clock.manual = true;
        while (loop_run_once(fixture->loop, 0, NULL) > 0)
                ;
        fixture->clock.manual = false;
}

static void run_for(struct fixture *fixture, int64_t ns)
{
        bool over = false;
        assert_int_equal(loop_add_timer(fixture->loop, ns, 0, reached, &over, NULL, NULL), 0);
        while (!over)
                assert_true(loop_run_once(fixture->loop, LOOP_NEVER, NULL) >= 0);
        drain(fixture); /* a turn of sampling ends after 4 ms of real time, and what is left comes in the next */
}

static struct container *named(const struct fixture *fixture, const char *name)
{
        return registry_find(fixture->registry, sv_of(name));
}

static void expect_order(const struct fixture *fixture, const char *const *names)
{
        size_t count = 0;
        for (; names[count]; count++) {
                assert_true(count < registry_count(fixture->registry));
                assert_string_equal(container_ref(registry_at(fixture->registry, count))->name, names[count]);
        }
        assert_int_equal(registry_count(fixture->registry), count);
}

static void test_discovery(void **state)
{
        (void)state;
        struct fixture fixture;
        size_t first;
        begin(&fixture);
        make_group(&fixture, "/a-b");
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/x");
        make_group(&fixture, "/a.c");
        start(&fixture);
        /* children behind their parent, before what merely begins with its name */
        expect_order(&fixture, (const char *const[]){ "/", "/a", "/a/x", "/a-b", "/a.c", NULL });
        assert_int_equal(registry_descendants(fixture.registry, named(&fixture, "/a"), &first), 1);
        assert_int_equal(first, 2);
        assert_int_equal(registry_descendants(fixture.registry, named(&fixture, "/"), &first), 4);
        assert_int_equal(registry_descendants(fixture.registry, named(&fixture, "/a-b"), &first), 0);
        assert_null(named(&fixture, "a"));
        assert_null(named(&fixture, ""));
        assert_int_equal(fixture.created, 5);

        make_group(&fixture, "/new");
        make_group(&fixture, "/new/deep"); /* made before anybody watches /new */
        make_group(&fixture, "/new/deep/er");
        drain(&fixture);
        assert_string_equal(fixture.last, "+/new/deep/er");
        assert_int_equal(fixture.created, 8);
        remove_group(&fixture, "/new/deep");
        drain(&fixture);
        assert_string_equal(fixture.last, "-/new/deep");
        assert_int_equal(fixture.deleted, 2);
        assert_null(named(&fixture, "/new/deep/er"));
        assert_non_null(named(&fixture, "/new"));

        /* one that was made and removed before anybody looked: both are told */
        make_group(&fixture, "/short");
        remove_group(&fixture, "/short");
        drain(&fixture);
        assert_int_equal(fixture.created, 9);
        assert_int_equal(fixture.deleted, 3);
        struct registry_counters counters;
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.containers, 6);
        assert_int_equal(counters.watches, 6);
        assert_int_equal(counters.missed_created + counters.missed_deleted, 0);
        end(&fixture);
}

/* A directory whose watch is gone: only looking for itself finds what happened there. */
static void test_reconcile(void **state)
{
        (void)state;
        struct fixture fixture;
        struct registry_counters counters;
        begin(&fixture);
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/old");
        start(&fixture);
        fixture.options.global_interval_ns = MINUTE;
        inotify_rm_watch(fixture.registry->inotify, named(&fixture, "/a")->watches[0]);
        drain(&fixture);
        make_group(&fixture, "/a/unseen");
        remove_group(&fixture, "/a/old");
        drain(&fixture);
        assert_null(named(&fixture, "/a/unseen"));
        assert_non_null(named(&fixture, "/a/old"));
        discovery_reconcile(fixture.registry); /* as after an overflow */
        drain(&fixture);
        assert_non_null(named(&fixture, "/a/unseen"));
        assert_null(named(&fixture, "/a/old"));
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.missed_created, 1);
        assert_int_equal(counters.missed_deleted, 1);
        make_group(&fixture, "/a/watched"); /* and the watch is there again */
        drain(&fixture);
        assert_non_null(named(&fixture, "/a/watched"));
        registry_count_all(fixture.registry, &counters);
        assert_int_equal(counters.missed_created, 1);
        end(&fixture);
}

/* Removed and made again while the queue overflowed: another group, whose samples are not mixed with the old one's. */
static void test_replaced_unseen(void **state)
{
        (void)state;
        struct fixture fixture;
        char lost[4096];
        begin(&fixture);
        fixture.options.no_root_stats = true;
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/b");
        make_group(&fixture, "/same");
        start(&fixture);
        run_for(&fixture, 10 * SECOND);
        assert_true(named(&fixture, "/a")->ring.count > 1);
        size_t of_same = named(&fixture, "/same")->ring.count;
        remove_group(&fixture, "/a/b");
        remove_group(&fixture, "/a");
        make_group(&fixture, "/a");
        make_group(&fixture, "/a/b");
        while (read(fixture.registry->inotify, lost, sizeof(lost)) > 0)
                ;
        size_t made = fixture.created;
        size_t gone = fixture.deleted;
        fixture.registry->counters.watch_overflows++;
        discovery_reconcile(fixture.registry);
        drain(&fixture);
        assert_int_equal(fixture.deleted - gone, 2);
        assert_int_equal(fixture.created - made, 2);
        assert_true(named(&fixture, "/a")->ring.count <= 1);
        assert_true(named(&fixture, "/a/b")->ring.count <= 1);
        assert_int_equal(named(&fixture, "/same")->ring.count, of_same);
        make_group(&fixture, "/a/b/c"); /* the new ones are watched */
        drain(&fixture);
        assert_non_null(named(&fixture, "/a/b/c"));
        size_t watches = fixture.registry->watches.count;
        assert_int_equal(watches, 5);
        end(&fixture);
}

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

static void test_identity(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        make_group(&fixture, "/docker/" ID "/inner");
        make_group(&fixture, "/docker/" OTHER_ID);
        make_group(&fixture, "/sys-fs.mount");
        make_group(&fixture, "/machine.slice");
        make_group(&fixture, "/machine.slice/machine-box.scope");
        put(&fixture, "proc/77/environ", "SHOWN_A=1\0");
        put(&fixture, "sys/fs/cgroup/docker/" ID "/cgroup.procs", "77\n");
        put(&fixture, "var/lib/docker/containers/" ID "/config.v2.json",
                "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"State\":{\"Running\":true,\"Pid\":77,"
                "\"StartedAt\":\"2026-01-02T03:04:05Z\"},\"Created\":\"2026-01-02T03:04:04Z\","
                "\"Config\":{\"Image\":\"nginx:1.25\",\"Labels\":{\"b\":\"2\",\"a\":\"1\"}}}");
        {
                char path[128];
                snprintf(path, sizeof(path), "%s/proc/77/environ", fixture.root);
                FILE *file = fopen(path, "w");
                assert_non_null(file);
                fwrite("HIDDEN=1\0SHOWN_A=x=y\0", 1, 21, file);
                fclose(file);
        }
        fixture.options.env_prefixes = (const char *const[]){ "SHOWN", NULL };
        start(&fixture);
        assert_null(named(&fixture, "/sys-fs.mount"));
        run_for(&fixture, 3 * SECOND);
        struct container *web = named(&fixture, "/docker/" ID);
        const struct container_ref *ref = container_ref(web);
        const struct container_spec *spec = container_spec(web);
        assert_string_equal(ref->id, ID);
        assert_string_equal(ref->name_space, "docker");
        assert_int_equal(ref->alias_count, 2);
        assert_string_equal(ref->aliases[0], "web");
        assert_string_equal(ref->aliases[1], ID);
        assert_string_equal(spec->image, "nginx:1.25");
        assert_int_equal(spec->label_count, 2);
        assert_string_equal(spec->labels[0].name, "a");
        assert_string_equal(spec->labels[1].value, "2");
        assert_int_equal(spec->env_count, 1);
        assert_string_equal(spec->envs[0].name, "shown_a");
        assert_string_equal(spec->envs[0].value, "x=y");
        assert_int_equal(container_identity(web)->engine, CONTAINER_DOCKER);
        assert_true(spec->has_network);
        /* what is inside a container is a plain group */
        ref = container_ref(named(&fixture, "/docker/" ID "/inner"));
        assert_string_equal(ref->id, "");
        assert_int_equal(ref->alias_count, 0);
        ref = container_ref(named(&fixture, "/machine.slice/machine-box.scope"));
        assert_string_equal(ref->aliases[0], "box");
        assert_int_equal(ref->alias_count, 1);

        assert_ptr_equal(registry_find_alias(fixture.registry, "docker", SV("web")), web);
        assert_ptr_equal(registry_find_alias(fixture.registry, NULL, SV(ID)), web);
        assert_ptr_equal(registry_find_alias(fixture.registry, "docker", SV("4a5b6c7d")), web);
        assert_null(registry_find_alias(fixture.registry, "docker", SV("4a5b6c7"))); /* two of them */
        assert_null(registry_find_alias(fixture.registry, "docker", SV("4a5")));
        assert_null(registry_find_alias(fixture.registry, "podman", SV("web")));
        assert_non_null(registry_find_alias(fixture.registry, NULL, SV("box")));
        end(&fixture);
}

/* A process in the network of another one, or in one of its own (0). */
static void put_process(const struct fixture *fixture, int pid, int shares)
{
        char from[256], to[256], path[64];
        snprintf(path, sizeof(path), "proc/%d/ns/net", pid);
        put(fixture, path, "");
        if (!shares)
                return;
        snprintf(from, sizeof(from), "%s/proc/%d/ns/net", fixture->root, shares);
        snprintf(to, sizeof(to), "%s/%s", fixture->root, path);
        assert_int_equal(unlink(to), 0);
        assert_int_equal(link(from, to), 0);
}

/* A network is a group's when all its processes live in it: one of a session that was put elsewhere, though it has the
 * lowest number, does not make it the session's. */
static void test_own_network(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        put(&fixture, "proc/self/ns/net", "");
        put(&fixture, "proc/1/ns/net", "");
        char host[256], self[256];
        snprintf(host, sizeof(host), "%s/proc/1/ns/net", fixture.root);
        snprintf(self, sizeof(self), "%s/proc/self/ns/net", fixture.root);
        assert_int_equal(unlink(host), 0);
        assert_int_equal(link(self, host), 0);
        put_process(&fixture, 20, 1);
        put_process(&fixture, 30, 0);
        put_process(&fixture, 31, 30);
        put_process(&fixture, 40, 0);
        static const struct {
                const char *name, *processes;
                bool own;
        } groups[] = {
                { "/private", "30\n31\n", true },
                { "/host", "20\n", false },
                { "/session", "30\n31\n20\n", false },
                { "/two", "30\n40\n", false },
                { "/unseen", "30\n99\n", true }, /* 99 is gone by then */
                { "/slice", "", false },
                { "/slice/a", "30\n", true },
                { "/slice/b", "20\n", false },
                { "/delegated", "", true },
                { "/delegated/a", "30\n", false }, /* read above */
                { "/delegated/b", "31\n", false },
        };
        char path[128];
        for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
                make_group(&fixture, groups[i].name);
                snprintf(path, sizeof(path), "sys/fs/cgroup%s/cgroup.procs", groups[i].name);
                put(&fixture, path, groups[i].processes);
        }
        start(&fixture);
        run_for(&fixture, 3 * MINUTE);
        for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
                if (sample_has_network(named(&fixture, groups[i].name)) != groups[i].own)
                        fail_msg("%s: %s", groups[i].name, groups[i].own ? "has a network of its own" : "has none");
        end(&fixture);
}

/* What changes while a container lives is known soon, though its interval has backed off. */
static void test_changes(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        put(&fixture, "var/lib/docker/containers/" ID "/config.v2.json",
                "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"Config\":{\"Image\":\"nginx\"}}");
        fixture.options.dynamic = true;
        fixture.options.global_interval_ns = MINUTE;
        start(&fixture);
        run_for(&fixture, 10 * MINUTE);
        struct container *web = named(&fixture, "/docker/" ID);
        assert_int_equal(web->interval_ns, MINUTE);
        assert_string_equal(container_ref(web)->aliases[0], "web");
        assert_int_equal(container_spec(web)->limits.memory_limit, 104857600);

        put(&fixture, "sys/fs/cgroup/docker/" ID "/memory.max", "52428800\n");
        run_for(&fixture, 2 * SECOND);
        assert_int_equal(container_spec(web)->limits.memory_limit, 52428800);

        put(&fixture, "var/lib/docker/containers/" ID "/config.v2.json",
                "{\"ID\":\"" ID "\",\"Name\":\"/other\",\"Config\":{\"Image\":\"nginx\"}}");
        run_for(&fixture, MINUTE + SECOND);
        assert_string_equal(container_ref(web)->aliases[0], "other");
        assert_ptr_equal(registry_find_alias(fixture.registry, "docker", SV("other")), web);
        assert_null(registry_find_alias(fixture.registry, "docker", SV("web")));
        end(&fixture);
}

/* A hierarchy that is mounted later. */
static void test_mounted_later(void **state)
{
        (void)state;
        struct fixture fixture;
        struct arena arena;
        struct container_stats stats;
        begin(&fixture);
        make_group(&fixture, "/a");
        fixture.options.global_interval_ns = MINUTE;
        fixture.options.kinds |= 1u << METRIC_PROCESS;
        start(&fixture);
        run_for(&fixture, SECOND);
        put(&fixture, "sys/fs/cgroup/pids/a/pids.current", "7\n");
        put(&fixture, "sys/fs/cgroup/pids/alone/pids.current", "8\n");
        put(&fixture, "proc/self/mountinfo",
                "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
                "31 23 0:27 / /sys/fs/cgroup/pids rw,nosuid - cgroup cgroup rw,pids\n");
        run_for(&fixture, 2 * MINUTE + SECOND);
        assert_non_null(named(&fixture, "/alone"));
        arena_init(&arena, 1 << 20);
        assert_true(container_latest(named(&fixture, "/a"), &arena, &stats));
        assert_true(stats.cgroup.has_pids);
        assert_int_equal(stats.cgroup.pids, 7);
        assert_int_equal(fixture.registry->mounts.count, 2);
        make_group(&fixture, "/pids/young"); /* its directories are watched */
        run_for(&fixture, SECOND);
        assert_non_null(named(&fixture, "/young"));
        arena_done(&arena);
        end(&fixture);
}

static void test_filters(void **state)
{
        (void)state;
        struct fixture fixture;
        begin(&fixture);
        make_group(&fixture, "/docker");
        make_group(&fixture, "/docker/" ID);
        make_group(&fixture, "/system.slice");
        make_group(&fixture, "/system.slice/a.service");
        make_group(&fixture, "/user.slice");
        fixture.options.docker_only = true;
        start(&fixture);
        expect_order(&fixture, (const char *const[]){ "/", "/docker/" ID, NULL });
        make_group(&fixture, "/docker/" OTHER_ID); /* below a group that is not shown */
        drain(&fixture);
        assert_int_equal(registry_count(fixture.registry), 3);
        assert_int_equal(fixture.created, 3);
        remove_group(&fixture, "/system.slice");
        drain(&fixture);
        assert_int_equal(fixture.deleted, 0);
        make_group(&fixture, "/system.slice");
        make_group(&fixture, "/system.slice/a.service");
        registry_free(fixture.registry);
        loop_free(fixture.loop);
        close(fixture.options.root);
        close(fixture.options.proc);
        fixture.options.raw_prefixes = (const char *const[]){ "/system.slice/", NULL };
        start(&fixture);
        expect_order(&fixture,
                (const char *const[]){ "/", "/docker/" ID, "/docker/" OTHER_ID, "/system.slice/a.service", NULL });
        end(&fixture);
}

/* ---- events ---- */

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
                cmocka_unit_test(test_discovery),
                cmocka_unit_test(test_reconcile),
                cmocka_unit_test(test_replaced_unseen),
                cmocka_unit_test(test_rate_when_the_clock_is_set_back),
                cmocka_unit_test(test_thousands_of_filesystems),
                cmocka_unit_test(test_interval),
                cmocka_unit_test(test_jitter),
                cmocka_unit_test(test_budget),
                cmocka_unit_test(test_repeated),
                cmocka_unit_test(test_samples),
                cmocka_unit_test(test_memory_limit),
                cmocka_unit_test(test_identity),
                cmocka_unit_test(test_own_network),
                cmocka_unit_test(test_changes),
                cmocka_unit_test(test_mounted_later),
                cmocka_unit_test(test_filters),
                cmocka_unit_test(test_oom_counter),
                cmocka_unit_test(test_clock_set_back),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
