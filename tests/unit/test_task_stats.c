/* What the processes of a group do: cAdvisor's own samples, a made tree, and groups of this kernel. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "linux/task_stats.h"
#include "linux/taskstats_netlink.h"

#include <math.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct error err;
static const char samples[] = "watch/cadvisor/lib/container/libcontainer/testdata";

/* A v2 host whose group is the directory cg of the fixture; proc is its directory proc. */
struct host {
        struct fixture fixture;
        struct cgroup_mounts mounts;
        struct cgroup_dirs dirs;
        struct arena arena;
        int proc;
};

static void host_make(struct host *host)
{
        *host = (struct host){ .mounts = { .layout = CGROUP_V2, .count = 1 } };
        host->mounts.hierarchies[0] = (struct cgroup_hierarchy){ .unified = true, .controllers = "" };
        fixture_make(&host->fixture);
        fixture_text(&host->fixture, "cg/cgroup.procs", "");
        fixture_text(&host->fixture, "proc/loadavg", "0.1 0.2 0.3 2/301 4242\n");
        host->proc = openat(host->fixture.root, "proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        host->dirs.dirs[0] = openat(host->fixture.root, "cg", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(host->proc >= 0 && host->dirs.dirs[0] >= 0);
        arena_init(&host->arena, 16 * 1024);
}

static void host_remove(struct host *host)
{
        fd_close(&host->proc);
        fd_close(&host->dirs.dirs[0]);
        arena_done(&host->arena);
        fixture_remove(&host->fixture);
}

static struct task_stats read_stats(struct host *host, unsigned flags, struct task_history *history)
{
        struct task_stats stats;
        assert_int_equal(
                task_stats_read(host->proc, &host->mounts, &host->dirs, flags, history, &host->arena, &stats, &err), 0);
        return stats;
}

static void sample(struct host *host, const char *name, const char *path)
{
        cleanup(fd_close) int dir = -1;
        cleanup(buf_done) struct buf text;
        if (!testdata_open(samples, &dir))
                skip();
        buf_init(&text, 1 << 20);
        assert_int_equal(file_read(dir, name, &text, NULL), 0);
        fixture_bytes(&host->fixture, path, text.data, text.len);
}

static void limits_of_cadvisors_sample(void **state)
{
        (void)state;
        struct host host;
        host_make(&host);
        sample(&host, "limits", "proc/42/limits");
        fixture_text(&host.fixture, "cg/cgroup.procs", "42\n43\n");
        struct task_stats stats = read_stats(&host, TASK_READ_PROCESSES, NULL);
        assert_int_equal(stats.processes, 2);
        assert_int_equal(stats.ulimit_count, 16);
        assert_string_equal(stats.ulimits[0].name, "max_cpu_time");
        assert_int_equal(stats.ulimits[0].soft, -1);
        assert_string_equal(stats.ulimits[3].name, "max_stack_size");
        assert_int_equal(stats.ulimits[3].soft, 8388608);
        assert_int_equal(stats.ulimits[3].hard, -1);
        assert_string_equal(stats.ulimits[7].name, "max_open_files");
        assert_int_equal(stats.ulimits[7].soft, 1073741816);
        assert_int_equal(stats.ulimits[7].hard, 1073741816);
        assert_int_equal(stats.ulimits[8].hard, 3932852224);
        assert_int_equal(stats.files, 0); /* not asked for */
        host_remove(&host);
}

/* The cases of cAdvisor's TestParseLimitsFile. */
static void limit_lines(void **state)
{
        (void)state;
        struct task_ulimit rows[ULIMITS_MAX];
        size_t refused = 0;
        assert_int_equal(task_parse_limits(SV("Limit    Soft Limit    Hard Limit    Units   \n"), rows, &refused), 0);
        assert_int_equal(refused, 0);
        assert_int_equal(
                task_parse_limits(SV("Max open files            85899345920          85899345920          files   \n"),
                        rows, &refused),
                1);
        assert_true(rows[0].soft == 85899345920 && rows[0].hard == 85899345920);
        assert_int_equal(task_parse_limits(SV("Max open files   gibberish1   8192   files\n"
                                              "Max open files   8192   0xbaddata   files\nMax open files   8192\n"),
                                 rows, &refused),
                0);
        assert_int_equal(refused, 3);
        /* a limit repeated for ever does not run over the table */
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 16);
        for (int i = 0; i < 40; i++)
                buf_puts(&text, "Max open files 1 2 files\n");
        assert_int_equal(task_parse_limits(sv_n(text.data, text.len), rows, &refused), ULIMITS_MAX);
}

static void referenced_of_cadvisors_samples(void **state)
{
        (void)state;
        struct host host;
        host_make(&host);
        sample(&host, "smaps4", "proc/4/smaps");
        sample(&host, "smaps6", "proc/6/smaps");
        sample(&host, "smaps8", "proc/8/smaps");
        sample(&host, "clear_refs4", "proc/4/clear_refs");
        sample(&host, "clear_refs6", "proc/6/clear_refs");
        fixture_text(&host.fixture, "cg/cgroup.procs", "4\n6\n8\n10\n"); /* 10 is gone */
        struct task_stats stats = read_stats(&host, TASK_READ_REFERENCED, NULL);
        assert_int_equal(stats.referenced_bytes, 416 * 1024);
        assert_int_equal(stats.vanished, 1);
        assert_int_equal(task_clear_referenced(host.proc, &host.mounts, &host.dirs, &err), 0);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 100);
        assert_int_equal(file_read(host.proc, "4/clear_refs", &text, NULL), 0);
        assert_string_equal(buf_text(&text), "1\n");
        buf_clear(&text);
        assert_int_equal(file_read(host.proc, "6/clear_refs", &text, NULL), 0);
        assert_string_equal(buf_text(&text), "1\n");
        host_remove(&host);
}

static void referenced_lines(void **state)
{
        (void)state;
        uint64_t bytes = 7;
        assert_true(task_parse_referenced(SV("Referenced:          132 kB"), &bytes));
        assert_int_equal(bytes, 132 * 1024);
        assert_false(task_parse_referenced(SV("Referenced:          132 MB"), &bytes));
        assert_false(task_parse_referenced(SV("Referenced: 18446744073709551615 kB"), &bytes));
        assert_false(task_parse_referenced(SV("Rss: 4 kB"), &bytes));
        assert_false(task_parse_referenced(SV("Referenced:"), &bytes));
}

static void files_and_sockets(void **state)
{
        (void)state;
        struct host host;
        host_make(&host);
        fixture_link(&host.fixture, "proc/5/fd/0", "/dev/null");
        fixture_link(&host.fixture, "proc/5/fd/1", "socket:[12]");
        fixture_link(&host.fixture, "proc/5/fd/17", "socket:[13]");
        fixture_link(&host.fixture, "proc/6/fd/2", "pipe:[14]");
        fixture_text(&host.fixture, "cg/cgroup.procs", "5\n6\n7\n");
        fixture_text(&host.fixture, "cg/below/cgroup.procs", "8\n");
        fixture_link(&host.fixture, "proc/8/fd/2", "pipe:[14]");
        struct task_stats stats = read_stats(&host, TASK_READ_PROCESSES | TASK_READ_SOCKETS, NULL);
        assert_int_equal(stats.processes, 3); /* not those of the sub-group, as in cAdvisor */
        assert_int_equal(stats.files, 4);
        assert_int_equal(stats.sockets, 2);
        assert_int_equal(stats.vanished, 2); /* 7, and 5 without limits */
        stats = read_stats(&host, TASK_READ_FILES, NULL);
        assert_int_equal(stats.files, 4);
        assert_int_equal(stats.sockets, 0);
        host_remove(&host);
}

static void schedule_of(struct host *host, int pid, unsigned long run, unsigned long wait, unsigned long periods)
{
        char path[64];
        char text[64];
        snprintf(path, sizeof(path), "proc/%d/schedstat", pid);
        snprintf(text, sizeof(text), "%lu %lu %lu\n", run, wait, periods);
        fixture_text(&host->fixture, path, text);
}

static void scheduling_never_falls(void **state)
{
        (void)state;
        struct host host;
        struct task_history history = { 0 };
        host_make(&host);
        schedule_of(&host, 30, 100, 10, 1);
        schedule_of(&host, 20, 200, 20, 2);
        schedule_of(&host, 40, 400, 40, 4);
        fixture_text(&host.fixture, "cg/cgroup.procs", "30\n20\n");
        fixture_text(&host.fixture, "cg/.a/cgroup.procs", "");
        fixture_text(&host.fixture, "cg/.a/b/cgroup.procs", "40\n");
        struct task_stats stats = read_stats(&host, TASK_READ_SCHEDSTAT, &history);
        assert_int_equal(stats.schedstat_run_ns, 700);
        assert_int_equal(stats.schedstat_wait_ns, 70);
        assert_int_equal(stats.schedstat_periods, 7);
        /* 20 ends, 30 runs on, 40's number is taken by another process */
        schedule_of(&host, 30, 150, 15, 2);
        schedule_of(&host, 40, 5, 1, 1);
        fixture_text(&host.fixture, "cg/cgroup.procs", "30\n");
        stats = read_stats(&host, TASK_READ_SCHEDSTAT, &history);
        assert_int_equal(stats.schedstat_run_ns, 150 + 200 + 400 + 5);
        assert_int_equal(stats.schedstat_wait_ns, 15 + 20 + 40 + 1);
        assert_int_equal(stats.schedstat_periods, 2 + 2 + 4 + 1);
        /* it moves below while the groups are read */
        fixture_text(&host.fixture, "cg/.a/cgroup.procs", "30\n30\n");
        stats = read_stats(&host, TASK_READ_SCHEDSTAT, &history);
        assert_int_equal(stats.schedstat_run_ns, 755);
        assert_int_equal(read_stats(&host, TASK_READ_SCHEDSTAT, NULL).schedstat_run_ns, 155);
        fixture_text(&host.fixture, "cg/.a/cgroup.procs", "");
        /* all end */
        fixture_text(&host.fixture, "cg/cgroup.procs", "");
        fixture_text(&host.fixture, "cg/.a/b/cgroup.procs", "");
        stats = read_stats(&host, TASK_READ_SCHEDSTAT, &history);
        assert_int_equal(stats.schedstat_run_ns, 755);
        assert_int_equal(history.count, 0);
        /* without a history: the living alone */
        assert_int_equal(read_stats(&host, TASK_READ_SCHEDSTAT, NULL).schedstat_run_ns, 0);
        task_history_done(&history);
        host_remove(&host);
}

static void threads_and_their_limit(void **state)
{
        (void)state;
        struct host host;
        host_make(&host);
        fixture_text(&host.fixture, "cg/cgroup.events", "populated 1\n");
        assert_int_equal(read_stats(&host, TASK_READ_THREADS, NULL).threads, 0); /* no pids controller: not told */
        fixture_text(&host.fixture, "cg/pids.current", "5\n");
        fixture_text(&host.fixture, "cg/pids.max", "100\n");
        struct task_stats stats = read_stats(&host, TASK_READ_THREADS, NULL);
        assert_int_equal(stats.threads, 5);
        assert_int_equal(stats.threads_max, 100);
        fixture_text(&host.fixture, "cg/pids.max", "max\n");
        assert_int_equal(read_stats(&host, TASK_READ_THREADS, NULL).threads_max, 0);
        host_remove(&host);
}

static void threads_of_the_root_group(void **state)
{
        (void)state;
        struct host host;
        host_make(&host);
        fixture_text(&host.fixture, "proc/sys/kernel/threads-max", "192000\n");
        struct task_stats stats = read_stats(&host, TASK_READ_THREADS, NULL);
        assert_int_equal(stats.threads, 301);
        assert_int_equal(stats.threads_max, 192000);
        host_remove(&host);
}

static void a_group_that_is_gone(void **state)
{
        (void)state;
        struct host host;
        struct task_stats stats;
        host_make(&host);
        fixture_text(&host.fixture, "cg/cgroup.procs", "x\n-1\n99999999999\n0\n5\n");
        assert_int_equal(read_stats(&host, TASK_READ_PROCESSES, NULL).processes, 1); /* 0: of another pid namespace */
        assert_int_equal(unlinkat(host.dirs.dirs[0], "cgroup.procs", 0), 0);
        assert_int_equal(task_stats_read(host.proc, &host.mounts, &host.dirs, TASK_READ_PROCESSES, NULL, &host.arena,
                                 &stats, &err),
                -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        fd_close(&host.dirs.dirs[0]);
        assert_int_equal(
                task_stats_read(host.proc, &host.mounts, &host.dirs, TASK_READ_FILES, NULL, &host.arena, &stats, &err),
                -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        host_remove(&host);
}

static void which_hierarchy(void **state)
{
        (void)state;
        struct cgroup_mounts mounts = { .layout = CGROUP_HYBRID, .count = 4 };
        struct cgroup_dirs dirs = { .dirs = { 10, 11, 12, 13 } };
        mounts.hierarchies[0].controllers = "name=systemd";
        mounts.hierarchies[1].controllers = "cpuset";
        mounts.hierarchies[2].controllers = "cpuacct,cpu";
        mounts.hierarchies[3] = (struct cgroup_hierarchy){ .unified = true, .controllers = "" };
        assert_int_equal(task_group_dir(&mounts, &dirs), 12);
        dirs.dirs[2] = -1;
        assert_int_equal(task_group_dir(&mounts, &dirs), 13);
        dirs.dirs[3] = -1;
        assert_int_equal(task_group_dir(&mounts, &dirs), 10);
        dirs.dirs[0] = dirs.dirs[1] = -1;
        assert_int_equal(task_group_dir(&mounts, &dirs), -1);
}

static void load_by_states(void **state)
{
        (void)state;
        struct host host;
        struct task_load load;
        host_make(&host);
        static const char *const stats[] = { "1 (a) S 0", "2 (b) R 0", "3 (c) R 0", "4 (d) D 0", "5 (e) T 0",
                "6 (f) Z 0", "7 (g) I 0", "8 (h) R) S 0", "9 (x", "10 (y)" };
        cleanup(buf_done) struct buf pids;
        buf_init(&pids, 1000);
        for (int i = 0; i < 10; i++) {
                char path[64];
                snprintf(path, sizeof(path), "proc/%d/stat", i + 1);
                fixture_text(&host.fixture, path, stats[i]);
                buf_printf(&pids, "%d\n", i + 1);
        }
        buf_puts(&pids, "99\n");
        fixture_text(&host.fixture, "cg/cgroup.threads", buf_text(&pids));
        assert_int_equal(task_load_read(NULL, host.proc, &host.mounts, &host.dirs, &load, &err), 0);
        assert_int_equal(load.sleeping, 2);
        assert_int_equal(load.running, 2);
        assert_int_equal(load.uninterruptible, 1);
        assert_int_equal(load.stopped, 1);
        assert_int_equal(load.io_wait, 0);
        host_remove(&host);
}

static void load_averages(void **state)
{
        (void)state;
        assert_true(task_load_average(-1, 4, SECOND) == 4.0); /* the first sample as it is */
        double average = task_load_average(0, 10, SECOND);
        assert_true(fabs(average - 10 * (1 - exp(-0.1))) < 1e-12);
        assert_true((int32_t)(average * 1000) == 951);
        for (int i = 0; i < 200; i++)
                average = task_load_average(average, 3, SECOND);
        assert_true(fabs(average - 3) < 1e-6);
        average = task_load_average(8, 0, 10 * SECOND);
        assert_true(fabs(average - 8 / exp(1)) < 1e-12);
        average = task_load_average(5, UINT64_MAX, 60 * SECOND);
        assert_true(average > 1e19 && isfinite(average));
}

/* ---- this kernel ---- */

struct live {
        struct cgroup_mounts mounts;
        struct cgroup_dirs dirs;
        struct arena arena;
        char paths[CGROUP_HIERARCHIES_MAX][256];
        pid_t children[2];
        int stop;
};

static void live_remove(struct live *live)
{
        fd_close(&live->stop);
        for (int i = 0; i < 2; i++)
                if (live->children[i] > 0)
                        waitpid(live->children[i], NULL, 0);
        for (size_t i = 0; i < live->mounts.count; i++) {
                fd_close(&live->dirs.dirs[i]);
                if (live->paths[i][0])
                        rmdir(live->paths[i]);
        }
        arena_done(&live->arena);
}

static void write_text(const char *path, const char *text)
{
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
                (void)!write(fd, text, strlen(text));
}

/* A group in the cpu hierarchy (or v2) with two children that hold a file and two sockets each. */
static bool live_make(struct live *live, bool unified)
{
        int root = real_root();
        int stop[2];
        int ready[2];
        char path[300];
        *live = (struct live){ .stop = -1 };
        arena_init(&live->arena, 1 << 20);
        for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
                live->dirs.dirs[i] = -1;
        int verdict = cgroup_read_mounts(root, &live->arena, &live->mounts, &err);
        close(root);
        const struct cgroup_hierarchy *found =
                verdict < 0 ? NULL : cgroup_mounts_find(&live->mounts, unified ? "" : "cpu");
        if (!found)
                return false;
        size_t index = (size_t)(found - live->mounts.hierarchies);
        snprintf(live->paths[index], sizeof(live->paths[index]), "%s/tarsier-test-%d", found->mount_point, getpid());
        if (mkdir(live->paths[index], 0755) < 0) {
                live->paths[index][0] = '\0';
                return false;
        }
        live->dirs.dirs[index] = open(live->paths[index], O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(pipe(stop), 0);
        assert_int_equal(pipe(ready), 0);
        snprintf(path, sizeof(path), "%s/cgroup.procs", live->paths[index]);
        for (int i = 0; i < 2; i++) {
                live->children[i] = fork();
                if (live->children[i] == 0) {
                        char byte = 0;
                        int pair[2];
                        close(stop[1]);
                        for (int fd = 3; fd < 4096; fd++)
                                if (fd != stop[0] && fd != ready[1])
                                        close(fd);
                        write_text(path, "0");
                        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || open("/dev/null", O_RDONLY) < 0)
                                _exit(1);
                        (void)!write(ready[1], &byte, 1);
                        (void)!read(stop[0], &byte, 1);
                        _exit(0);
                }
        }
        close(stop[0]);
        close(ready[1]);
        live->stop = stop[1];
        char byte;
        for (int i = 0; i < 2; i++)
                assert_int_equal(read(ready[0], &byte, 1), 1);
        close(ready[0]);
        return true;
}

static void group_of_this_kernel(bool unified)
{
        struct live live;
        if (!live_make(&live, unified)) {
                live_remove(&live);
                print_message(
                        "# skipped: needs a %s hierarchy of control groups to write to\n", unified ? "v2" : "cpu");
                skip();
        }
        cleanup(fd_close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct task_stats stats;
        struct task_load load = { 0 };
        struct task_load asked = { 0 };
        struct task_history history = { 0 };
        int verdict = task_stats_read(proc, &live.mounts, &live.dirs,
                TASK_READ_PROCESSES | TASK_READ_SOCKETS | TASK_READ_SCHEDSTAT | TASK_READ_REFERENCED |
                        TASK_READ_THREADS,
                &history, &live.arena, &stats, &err);
        int loaded = task_load_read(NULL, proc, &live.mounts, &live.dirs, &load, &err);
        struct taskstats_socket taskstats = { .fd = -1 };
        bool has_taskstats = !unified && taskstats_open(&taskstats, NULL) == 0;
        int answered = has_taskstats ? task_load_read(&taskstats, proc, &live.mounts, &live.dirs, &asked, &err) : 0;
        taskstats_close(&taskstats);
        live_remove(&live);
        struct task_stats after = { 0 };
        int gone =
                task_stats_read(proc, &live.mounts, &live.dirs, TASK_READ_PROCESSES, NULL, &live.arena, &after, NULL);
        assert_int_equal(verdict, 0);
        assert_int_equal(stats.processes, 2);
        assert_int_equal(stats.files, 2 * (3 + 2 + 2 + 1)); /* 0-2, two pipes, two sockets, the device */
        assert_int_equal(stats.sockets, 4);
        assert_true(stats.schedstat_run_ns > 0);
        assert_true(stats.referenced_bytes > 4096);
        assert_true(stats.ulimit_count == ULIMITS_MAX);
        assert_int_equal(stats.vanished + stats.denied + stats.refused, 0);
        assert_int_equal(loaded, 0);
        assert_int_equal(load.sleeping + load.running, 2);
        assert_int_equal(answered, 0);
        if (has_taskstats)
                assert_int_equal(asked.sleeping + asked.running, 2);
        assert_int_equal(gone, -1);
        task_history_done(&history);
}

static void v1_group_of_this_kernel(void **state)
{
        (void)state;
        group_of_this_kernel(false);
}

static void v2_group_of_this_kernel(void **state)
{
        (void)state;
        group_of_this_kernel(true);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(limits_of_cadvisors_sample),
                cmocka_unit_test(limit_lines),
                cmocka_unit_test(referenced_of_cadvisors_samples),
                cmocka_unit_test(referenced_lines),
                cmocka_unit_test(files_and_sockets),
                cmocka_unit_test(scheduling_never_falls),
                cmocka_unit_test(threads_and_their_limit),
                cmocka_unit_test(threads_of_the_root_group),
                cmocka_unit_test(a_group_that_is_gone),
                cmocka_unit_test(which_hierarchy),
                cmocka_unit_test(load_by_states),
                cmocka_unit_test(load_averages),
                cmocka_unit_test(v1_group_of_this_kernel),
                cmocka_unit_test(v2_group_of_this_kernel),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
