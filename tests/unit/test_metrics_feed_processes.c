/* The feed's processes: who began, became another, cannot be read or is gone. */
#include "feed_fixture.h"

static void processes_are_told(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        const uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK);
        struct made worker = { .pid = 20, .start_seconds = 10, .comm = "a (b) c", .ticks = 500, .pages = 3 };
        put_process(&host, &worker);
        put_file(&host, 20, "status", "Name:\tx\nUmask:\t0022\nUid:\t0\t33\t0\t0\n");
        put_file(&host, 20, "cgroup", "0::/system.slice/web.service\n");
        fixture_bytes(&host.fixture, "proc/20/cmdline",
                "web\0--port\0"
                "80\0",
                14);
        put_io(&host, 20, 1000, 0);
        put_process(&host, &(struct made){ .pid = 2, .comm = "kthreadd", .flags = PROCESS_KTHREAD_FLAG });
        collect(&host, PROCESSES);
        const struct feed_process *row = process_of(&host, 20);
        assert_false(row->has_cpu); /* one look makes no rate */
        worker.ticks += hertz / 2;
        put_process(&host, &worker);
        put_io(&host, 20, 3000, 77);
        collect(&host, PROCESSES);
        row = process_of(&host, 20);
        assert_true(row->has_cpu && row->cpu == 0.5);
        assert_true(row->has_io && row->read == 2000 && row->write == 77);
        assert_string_equal(row->name, "a (b) c");
        assert_string_equal(row->user, "web");
        assert_string_equal(row->command_line, "web --port 80");
        assert_string_equal(row->group, "/system.slice/web.service");
        assert_int_equal(row->start_ns, host.source.boot_unix_ns + 10 * SECOND);
        assert_int_equal(row->memory, 3 * (uint64_t)sysconf(_SC_PAGESIZE));
        assert_true(process_of(&host, 2)->kernel && !row->kernel);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_PROCESS], 2);
        assert_int_equal(face.tick.processes, 2);
        /* it rests: told once more, since its rates fell, and then no more */
        put_io(&host, 20, 3000, 77);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_PROCESS], 1);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_PROCESS], 0);
        assert_int_equal(face.tick.sequence, 3);
        face_done(&face);
        host_remove(&host);
}

static void another_program_is_seen(void **state)
{
        struct host host;
        (void)state;
        host_make(&host);
        struct made shell = { .pid = 20, .start_seconds = 10, .comm = "sh", .arg_start = 4096 };
        put_process(&host, &shell);
        put_file(&host, 20, "cmdline", "sh");
        collect(&host, PROCESSES);
        put_file(&host, 20, "cmdline", "sh -c true"); /* not read again without a reason */
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "sh");
        shell.arg_start = 8192; /* the same name, another place for its arguments: it was executed */
        put_process(&host, &shell);
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "sh -c true");
        shell.comm = "true";
        put_process(&host, &shell);
        put_file(&host, 20, "cmdline", "true");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "true");
        assert_string_equal(process_of(&host, 20)->name, "true");
        put_file(&host, 20, "cmdline", "true again");
        host.now_ns += 100 * SECOND; /* titles change without a program: now and then */
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "true again");
        shell.state = 'Z'; /* what is dead has neither arguments nor a place for them; what it was stays */
        shell.arg_start = 0;
        put_process(&host, &shell);
        put_file(&host, 20, "cmdline", "");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->command_line, "true again");
        assert_string_equal(process_of(&host, 20)->state, "Z");
        host_remove(&host);
}

static void a_reused_pid_is_another_process(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        put_process(&host, &(struct made){ .pid = 20, .start_seconds = 10, .comm = "old", .ticks = 900000 });
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        put_process(&host, &(struct made){ .pid = 20, .start_seconds = 1000, .comm = "new", .ticks = 10 });
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.told[FEED_GONE], 1);
        assert_int_equal(face.rows.count, 1);
        assert_non_null(strstr(face.rows.entries[0].value, "\"name\":\"new\""));
        const double told =
                process_of(&host, 20)->cpu; /* it began since the look before: all it used is of this time */
        assert_true(told == feed_rate(10.0 / (double)sysconf(_SC_CLK_TCK), SECOND));
        face_done(&face);
        host_remove(&host);
}

static const struct feed_process *seen(struct host *host, pid_t pid)
{
        collect(host, PROCESSES);
        return process_of(host, pid);
}

/* Of the kernel's own /proc the files stay open, as far as there is room: what is read is what is now, and who is gone
 * is gone. */
static void files_that_stay_open_tell_what_is(void **state)
{
        struct host host;
        struct rlimit files, few = { 0 };
        (void)state;
        for (int round = 0; round < 2; round++) { /* with room for all, and for none */
                host_make(&host);
                feed_free(host.feed);
                fd_close(&host.source.proc);
                host.source.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
                assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
                few = files;
                few.rlim_cur = round == 0 ? files.rlim_cur : 3;
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
                host.feed = feed_new(&host.source, &err);
                assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
                assert_non_null(host.feed);
                assert_int_equal(prctl(PR_SET_NAME, "before"), 0);
                pid_t child = fork();
                if (child == 0) {
                        pause();
                        _exit(0);
                }
                const struct feed_process *own = seen(&host, getpid());
                assert_non_null(own);
                assert_string_equal(own->name, "before");
                assert_non_null(process_of(&host, child));
                assert_true(round == 0 ? host.feed->stat_files.count > 1 : host.feed->stat_files.count == 0);
                assert_int_equal(prctl(PR_SET_NAME, "after"), 0);
                assert_string_equal(seen(&host, getpid())->name, "after");
                kill(child, SIGKILL);
                assert_int_equal(waitid(P_PID, (id_t)child, NULL, WEXITED | WNOWAIT), 0);
                assert_string_equal(seen(&host, child)->state, "Z");
                assert_int_equal(waitpid(child, NULL, 0), child);
                assert_null(seen(&host, child));
                assert_true(host.feed->stat_files.count <= host.feed->processes.rows.count);
                host_remove(&host);
        }
}

static void what_cannot_be_read_is_counted(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        put_file(&host, 20, "stat", "20 (nonsense");
        put_file(&host, 21, "cgroup", "0::/\n"); /* it ended between the directory and its file */
        put_process(&host, &(struct made){ .pid = 22, .comm = "x" });
        fixture_text(&host.fixture, "proc/version", "no process");
        fixture_text(&host.fixture, "proc/99999999/stat", "no number of a process");
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_int_equal(face.tick.refused, 1);
        assert_int_equal(face.tick.processes, 1);
        face_done(&face);
        host_remove(&host);
}

static void a_group_that_cannot_be_read_any_more_stands(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, true);
        put_process(&host, &(struct made){ .pid = 16, .start_seconds = 10, .comm = "held" });
        put_file(&host, 16, "cgroup", "0::/held\n");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 16)->group, "/held");
        remove_file(&host, 16, "cgroup");
        host.now_ns += 60 * SECOND; /* its details are due */
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_string_equal(process_of(&host, 16)->group, "/held");
        face_done(&face);
        host_remove(&host);
}

/* Nobody can set the clock here: the feed is made to believe that it was 100 s behind. */
static void a_clock_that_is_set_moves_all_starts(void **state)
{
        struct host host;
        struct face face;
        (void)state;
        host_make(&host);
        face_init(&face, PROCESSES, false);
        put_process(&host, &(struct made){ .pid = 16, .start_seconds = 10, .comm = "old" });
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        const int64_t start_ns = process_of(&host, 16)->start_ns;
        host.feed->clock_ns -= 100 * SECOND;
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_true(face.all);
        assert_int_equal(face.rows.count, 1);
        assert_true(llabs(process_of(&host, 16)->start_ns - start_ns - 100 * SECOND) < SECOND);
        collect(&host, PROCESSES);
        face_look(&face, host.feed);
        assert_false(face.all);
        face_done(&face);
        host_remove(&host);
}

static void users_may_be_renamed(void **state)
{
        struct host host;
        (void)state;
        host_make(&host);
        put_process(&host, &(struct made){ .pid = 20, .start_seconds = 10, .comm = "x" });
        put_file(&host, 20, "status", "Uid:\t1\t77\t0\t0\n");
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->user, "77");
        fixture_text(&host.fixture, "etc/passwd", "guest:x:77:77::/:/bin/sh\n");
        struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } }; /* another time than the file had */
        assert_int_equal(utimensat(host.fixture.root, "etc/passwd", times, 0), 0);
        host.now_ns += 100 * SECOND;
        collect(&host, PROCESSES);
        assert_string_equal(process_of(&host, 20)->user, "guest");
        host_remove(&host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(processes_are_told),
                cmocka_unit_test(another_program_is_seen),
                cmocka_unit_test(a_reused_pid_is_another_process),
                cmocka_unit_test(files_that_stay_open_tell_what_is),
                cmocka_unit_test(what_cannot_be_read_is_counted),
                cmocka_unit_test(a_group_that_cannot_be_read_any_more_stands),
                cmocka_unit_test(a_clock_that_is_set_moves_all_starts),
                cmocka_unit_test(users_may_be_renamed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
