/* The registry on a tree of its own: cgroup v2 directories below a temporary root, a clock that only the test moves. */
#pragma once

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

static inline int64_t fixture_unix_ns(void *cookie)
{
        struct fixture *fixture = cookie;
        return fixture->unix_base_ns + fixture->clock.now_ns;
}

static inline int64_t fixture_cpu_ns(void *cookie)
{
        struct fixture *fixture = cookie;
        return fixture->cpu_ns += fixture->cpu_step_ns;
}

static inline void created(const struct container *container, void *cookie)
{
        struct fixture *fixture = cookie;
        fixture->created++;
        snprintf(fixture->last, sizeof(fixture->last), "+%s", container_ref(container)->name);
}

static inline void deleted(const struct container *container, void *cookie)
{
        struct fixture *fixture = cookie;
        fixture->deleted++;
        snprintf(fixture->last, sizeof(fixture->last), "-%s", container_ref(container)->name);
}

static inline void sampled(const struct container *container, const struct container_stats *stats, void *cookie)
{
        struct fixture *fixture = cookie;
        (void)container, (void)stats;
        fixture->sampled++;
}

static inline void logged(const char *text, void *cookie)
{
        struct fixture *fixture = cookie;
        snprintf(fixture->log, sizeof(fixture->log), "%s", text);
}

/* A file below the root, its directories made. */
static inline void put(const struct fixture *fixture, const char *path, const char *text)
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

static inline void set_usage(const struct fixture *fixture, const char *name, unsigned long usec, unsigned long memory)
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

static inline void make_group(const struct fixture *fixture, const char *name)
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

static inline int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
        (void)status, (void)type, (void)walk;
        return remove(path);
}

static inline void remove_below(const struct fixture *fixture, const char *path)
{
        char full[512];
        snprintf(full, sizeof(full), "%s/%s", fixture->root, path);
        nftw(full, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void remove_group(const struct fixture *fixture, const char *name)
{
        char path[256];
        snprintf(path, sizeof(path), "sys/fs/cgroup%s", name);
        remove_below(fixture, path);
}

static inline void begin(struct fixture *fixture)
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

static inline void start(struct fixture *fixture)
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

static inline void end(struct fixture *fixture)
{
        registry_free(fixture->registry);
        loop_free(fixture->loop);
        fd_close(&fixture->options.root);
        fd_close(&fixture->options.proc);
        remove_below(fixture, "");
}

static inline void reached(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop, (void)id;
        *(bool *)cookie = true;
}

/* What is due and what inotify has to tell, without moving the clock. */
static inline void drain(struct fixture *fixture)
{
        fixture->clock.manual = true;
        while (loop_run_once(fixture->loop, 0, NULL) > 0)
                ;
        fixture->clock.manual = false;
}

static inline void run_for(struct fixture *fixture, int64_t ns)
{
        bool over = false;
        assert_int_equal(loop_add_timer(fixture->loop, ns, 0, reached, &over, NULL, NULL), 0);
        while (!over)
                assert_true(loop_run_once(fixture->loop, LOOP_NEVER, NULL) >= 0);
        drain(fixture); /* a turn of sampling ends after 4 ms of real time, and what is left comes in the next */
}

static inline struct container *named(const struct fixture *fixture, const char *name)
{
        return registry_find(fixture->registry, sv_of(name));
}

static inline void expect_order(const struct fixture *fixture, const char *const *names)
{
        size_t count = 0;
        for (; names[count]; count++) {
                assert_true(count < registry_count(fixture->registry));
                assert_string_equal(container_ref(registry_at(fixture->registry, count))->name, names[count]);
        }
        assert_int_equal(registry_count(fixture->registry), count);
}
