/* The kernel's log: records, and the out-of-memory killer's reports of old and new kernels, of hostile names, in
 * bursts. The reports are the kernel's own formats (mm/oom_kill.c of 3.13, 4.8, 5.x, 6.x). */
#include "linux_fixture.h"

#include "linux/kmsg.h"

#include <sys/socket.h>

static struct error err;
static struct kmsg_oom_assembler assembler;
static struct kmsg_oom kills[16];
static size_t kill_count;
static int64_t now;

static int setup(void **state)
{
        (void)state;
        memset(&assembler, 0, sizeof(assembler));
        memset(kills, 0, sizeof(kills));
        kill_count = 0;
        now = INT64_C(1000000000);
        return 0;
}

static void feed(const char *line)
{
        struct kmsg_oom kill;
        now += 1000;
        if (kmsg_oom_feed(&assembler, sv_of(line), now, &kill)) {
                assert_true(kill_count < sizeof(kills) / sizeof(*kills));
                kills[kill_count++] = kill;
        }
}

static void record_fields(void **state)
{
        (void)state;
        struct kmsg_record record;
        struct sv text = SV("30,1234,567890,-,caller=T7;a;b \\x5c\n SUBSYSTEM=net\n DEVICE=n2\n");
        assert_true(kmsg_record_parse(text, &record));
        assert_int_equal(record.level, 6);
        assert_int_equal(record.facility, 3);
        assert_int_equal(record.sequence, 1234);
        assert_int_equal(record.clock_ns, 567890000);
        assert_int_equal(record.flag, '-');
        assert_true(sv_eq(record.message, SV("a;b \\x5c")));
        assert_true(kmsg_record_parse(SV("4,1,2;no flag"), &record));
        assert_int_equal(record.flag, 0);
        assert_true(sv_eq(record.message, SV("no flag")));
        static const char *const malformed[] = { "", ";", "4,1,2", "4,1;x", "x,1,2,-;x", "4,-1,2,-;x", "4,1,,-;x",
                "99999999999,1,2,-;x", "4,1,99999999999999999999,-;x", " 4,1,2,-;x" };
        for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
                assert_false(kmsg_record_parse(sv_of(malformed[i]), &record));
}

static void of_a_group_since_5_0(void **state)
{
        (void)state;
        feed("manager invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=999");
        feed("CPU: 0 PID: 966 Comm: manager Not tainted 5.10.0 #1");
        feed("memory: usage 20480kB, limit 20480kB, failcnt 1204");
        feed("Memory cgroup stats for /kubepods/burstable/podfbdfe8e3:");
        feed("Tasks state (memory values in pages):");
        feed("[    966]     0   966   530382     5191   102400        0           999 manager");
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=ef807430,mems_allowed=0-1,3,"
             "oom_memcg=/kubepods/burstable/podfbdfe8e3,task_memcg=/kubepods/burstable/podfbdfe8e3/ef807430,"
             "task=manager,pid=966,uid=101");
        assert_int_equal(kill_count, 0);
        feed("Memory cgroup out of memory: Killed process 966 (manager) total-vm:2121528kB, anon-rss:18624kB, "
             "file-rss:2140kB, shmem-rss:4kB, UID:101 pgtables:100kB oom_score_adj:999");
        assert_int_equal(kill_count, 1);
        assert_int_equal(kills[0].pid, 966);
        assert_int_equal(kills[0].uid, 101);
        assert_int_equal(kills[0].unix_ns, now);
        assert_string_equal(kills[0].process, "manager");
        assert_string_equal(kills[0].invoker, "manager");
        assert_string_equal(kills[0].constraint, "CONSTRAINT_MEMCG");
        assert_string_equal(kills[0].task_memcg, "/kubepods/burstable/podfbdfe8e3/ef807430");
        assert_string_equal(kills[0].oom_memcg, "/kubepods/burstable/podfbdfe8e3");
        assert_int_equal(kills[0].total_vm, INT64_C(2121528) * 1024);
        assert_int_equal(kills[0].anon_rss, 18624 * 1024);
        assert_int_equal(kills[0].file_rss, 2140 * 1024);
        assert_int_equal(kills[0].shmem_rss, 4 * 1024);
        assert_false(kills[0].group);
        feed("oom_reaper: reaped process 966 (manager), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB");
        assert_int_equal(kill_count, 1);
}

static void of_the_whole_machine(void **state)
{
        (void)state;
        feed("stress invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0");
        feed("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
             "task_memcg=/user.slice/user-1000.slice,task=stress,pid=77,uid=1000");
        feed("Out of memory: Killed process 77 (stress) total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB, "
             "UID:1000 pgtables:8kB oom_score_adj:0");
        assert_int_equal(kill_count, 1);
        assert_string_equal(kills[0].constraint, "CONSTRAINT_NONE");
        assert_string_equal(kills[0].oom_memcg, "/");
        assert_string_equal(kills[0].task_memcg, "/user.slice/user-1000.slice");
        /* before 5.0 nothing says of which group the victim was: that of cAdvisor is "/" */
        feed("badsysprogram invoked oom-killer: gfp_mask=0x280da, order=0, oom_score_adj=0");
        feed("badsysprogram cpuset=/ mems_allowed=0");
        feed("Out of memory: Kill process 1532 (badsysprogram) score 919 or sacrifice child");
        feed("Killed process 1532 (badsysprogram) total-vm:1641388kB, anon-rss:1595164kB, file-rss:76kB");
        assert_int_equal(kill_count, 2);
        assert_int_equal(kills[1].pid, 1532);
        assert_int_equal(kills[1].uid, -1);
        assert_string_equal(kills[1].task_memcg, "/");
        assert_string_equal(kills[1].oom_memcg, "/");
        assert_string_equal(kills[1].constraint, "");
}

static void of_a_group_before_5_0(void **state)
{
        (void)state;
        feed("memorymonster invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0");
        feed("memorymonster cpuset=/ mems_allowed=0");
        feed("Task in /mem2 killed as a result of limit of /mem3");
        feed("memory: usage 980kB, limit 980kB, failcnt 4152239");
        feed("Memory cgroup stats for /mem2: cache:0KB rss:980KB");
        feed("[13536] 275858 13536  8389663      343   16267  8324326             0 memorymonster");
        feed("Memory cgroup out of memory: Kill process 13536 (memorymonster) score 996 or sacrifice child");
        assert_int_equal(kill_count, 0);
        feed("Killed process 13536 (memorymonster) total-vm:33558652kB, anon-rss:920kB, file-rss:452kB");
        assert_int_equal(kill_count, 1);
        assert_int_equal(kills[0].pid, 13536);
        assert_string_equal(kills[0].process, "memorymonster");
        assert_string_equal(kills[0].task_memcg, "/mem2");
        assert_string_equal(kills[0].oom_memcg, "/mem3");
        assert_int_equal(kills[0].total_vm, INT64_C(33558652) * 1024);
        /* Red Hat's */
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0");
        feed("Killed process 12, UID 33, (apache (2)) total-vm:8kB, anon-rss:4kB, file-rss:0kB");
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_adj=0, oom_score_adj=0");
        feed("Killed process 13 (java), UID 34, total-vm:8kB, anon-rss:4kB, file-rss:0kB, shmem-rss:0kB");
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oomkilladj=0");
        feed("Killed process 14 (old) vsz:16kB, anon-rss:4kB, file-rss:0kB");
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oomkilladj=0");
        feed("Killed process 15 (older)");
        assert_int_equal(kill_count, 5);
        assert_string_equal(kills[1].process, "apache (2)");
        assert_int_equal(kills[1].uid, 33);
        assert_string_equal(kills[2].process, "java");
        assert_int_equal(kills[2].uid, 34);
        assert_int_equal(kills[3].total_vm, 16 * 1024);
        assert_string_equal(kills[4].process, "older");
}

/* The names that cAdvisor's tests have. */
static void names(void **state)
{
        (void)state;
        static const char *const given[] = { "foo", "python3.4", "foo-bar", "Plex Media Server",
                "x86_64-pc-linux-gnu-c++-5.4.0", "[", "()", "\"with quotes\"" };
        for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
                char line[256];
                snprintf(line, sizeof(line),
                        "Killed process 1234 (%s) total-vm:1460016kB, anon-rss:1414008kB, file-rss:4kB", given[i]);
                setup(NULL);
                feed(line);
                assert_int_equal(kill_count, 1);
                assert_int_equal(kills[0].pid, 1234);
                assert_string_equal(kills[0].process, given[i]);
        }
        setup(NULL);
        feed("Memory cgroup out of memory: Killed process 5 (\\x1b[31m\\x5c) total-vm:8kB, anon-rss:4kB");
        assert_string_equal(kills[0].process, "\033[31m\\");
}

static void commas_in_names(void **state)
{
        (void)state;
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=0-1,3,cpuset=/,mems_allowed=0,oom_memcg=/a,b,"
             "task_memcg=/a,b/c,d,task=x,pid=1,uid=0,pid=966,uid=7");
        feed("Memory cgroup out of memory: Killed process 966 (x,pid=1,uid=0) total-vm:8kB, anon-rss:4kB");
        assert_int_equal(kill_count, 1);
        assert_int_equal(kills[0].uid, 7);
        assert_string_equal(kills[0].process, "x,pid=1,uid=0");
        assert_string_equal(kills[0].oom_memcg, "/a,b");
        assert_string_equal(kills[0].task_memcg, "/a,b/c,d");
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,"
             "task_memcg=/a/b,task=a,task=b,pid=967,uid=0");
        feed("Memory cgroup out of memory: Killed process 967 (a,task=b) total-vm:8kB, anon-rss:4kB");
        assert_string_equal(kills[1].task_memcg, "/a/b");
        assert_string_equal(kills[1].process, "a,task=b");
}

/* Groups named so as to look like the killer's words. */
static void forged_by_names_of_groups(void **state)
{
        (void)state;
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0");
        feed("Memory cgroup stats for /Killed process 9 (sshd) total-vm:1kB: cache:0KB rss:980KB");
        feed("Memory cgroup stats for /x: Out of memory: Killed process 9 (sshd) total-vm:1kB: cache:0KB");
        feed("Task in /b/Killed process 9 (sshd) killed as a result of limit of /b");
        feed("[   12]  0  12  1  1 1 1 0 Killed process 9 (sshd)");
        assert_int_equal(kill_count, 0);
        feed("Killed process 12 (x) total-vm:8kB, anon-rss:4kB, file-rss:0kB");
        assert_int_equal(kill_count, 1);
        assert_int_equal(kills[0].pid, 12);
        assert_string_equal(kills[0].task_memcg, "/b/Killed process 9 (sshd)");
        feed("cgroup: fork rejected by pids controller in /x invoked oom-killer: y/oom-kill:constraint=A,pid=1");
        feed("cgroup: fork rejected by pids controller in /a: Out of memory: Killed process 9 (sshd)");
        feed("Out of memory: /a: Killed process 9 (sshd)");
        feed("warning: Task in /x killed as a result of limit of /y");
        assert_string_equal(assembler.oom.task_memcg, "/b/Killed process 9 (sshd)");
        feed("Killed process 0 (x)");
        feed("Killed process 99999999999 (x)");
        feed("Killed process 5 x");
        feed("Killed process 5 (");
        assert_int_equal(kill_count, 1);
}

/* Only the first few reports of a burst are logged whole; each kill is. */
static void without_a_report(void **state)
{
        (void)state;
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,"
             "task_memcg=/a,task=x,pid=10,uid=0");
        feed("Memory cgroup out of memory: Killed process 10 (x) total-vm:8kB, anon-rss:4kB");
        feed("Memory cgroup out of memory: Killed process 11 (y) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
             "shmem-rss:0kB, UID:5 pgtables:8kB oom_score_adj:0");
        assert_int_equal(kill_count, 2);
        assert_string_equal(kills[1].task_memcg, "");
        assert_string_equal(kills[1].oom_memcg, "");
        assert_string_equal(kills[1].constraint, "CONSTRAINT_MEMCG");
        assert_int_equal(kills[1].uid, 5);
        /* chosen, but gone by itself; the next kill is another's */
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,"
             "task_memcg=/a,task=x,pid=12,uid=0");
        feed("OOM victim 12 (x) is already exiting. Skip killing the task");
        feed("Memory cgroup out of memory: Killed process 13 (z) total-vm:8kB, anon-rss:4kB");
        assert_int_equal(kill_count, 3);
        assert_int_equal(kills[2].pid, 13);
        assert_string_equal(kills[2].task_memcg, "");
        /* and a report is forgotten after a while */
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0");
        feed("Task in /old killed as a result of limit of /old");
        now += KMSG_OOM_REPORT_NS;
        feed("Killed process 14 (w) total-vm:8kB, anon-rss:4kB");
        assert_string_equal(kills[3].task_memcg, "");
        assert_int_equal(assembler.kills, 4);
        assert_int_equal(assembler.reports, 1);
}

static void whole_groups(void **state)
{
        (void)state;
        feed("a invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0");
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/g,"
             "task_memcg=/g/h,task=a,pid=20,uid=1");
        feed("Memory cgroup out of memory: Killed process 20 (a) total-vm:8kB, anon-rss:4kB, file-rss:0kB, "
             "shmem-rss:0kB, UID:1 pgtables:8kB oom_score_adj:0");
        feed("Tasks in /g are going to be killed due to memory.oom.group set");
        feed("Memory cgroup out of memory: Killed process 20 (a) total-vm:8kB, anon-rss:0kB");
        feed("Memory cgroup out of memory: Killed process 21 (b) total-vm:8kB, anon-rss:4kB");
        feed("Memory cgroup out of memory: Killed process 22 (c) total-vm:8kB, anon-rss:4kB");
        assert_int_equal(kill_count, 3);
        assert_string_equal(kills[0].task_memcg, "/g/h");
        assert_false(kills[0].group);
        for (size_t i = 1; i < 3; i++) {
                assert_int_equal(kills[i].pid, 20 + i);
                assert_true(kills[i].group);
                assert_string_equal(kills[i].task_memcg, "/g");
                assert_string_equal(kills[i].oom_memcg, "/g");
                assert_string_equal(kills[i].constraint, "CONSTRAINT_MEMCG");
                assert_int_equal(kills[i].uid, -1);
        }
}

static void too_long(void **state)
{
        (void)state;
        char line[4096];
        char path[KMSG_CGROUP_MAX + 100];
        memset(path, 'p', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        feed("x invoked oom-killer: gfp_mask=0xd0, order=0, oom_score_adj=0");
        snprintf(line, sizeof(line), "Task in /%s killed as a result of limit of /b", path);
        feed(line);
        feed("Killed process 14 (w) total-vm:99999999999999999999kB, anon-rss:18446744073709551615kB");
        assert_int_equal(kill_count, 1);
        assert_int_equal(strlen(kills[0].task_memcg), KMSG_CGROUP_MAX - 1);
        assert_int_equal(assembler.refused, 1);
        assert_int_equal(kills[0].total_vm, 0);
        assert_int_equal(kills[0].anon_rss, 0);
        /* a line that the log cut keeps what it has */
        setup(NULL);
        feed("oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/a,task_memcg=/a");
        assert_string_equal(assembler.oom.oom_memcg, "/a");
        assert_string_equal(assembler.oom.constraint, "CONSTRAINT_MEMCG");
}

/* One record a read, as the kernel gives them: a datagram socket in the place of the device. */
static void reading(void **state)
{
        (void)state;
        int pair[2];
        static struct kmsg_reader reader;
        struct kmsg_record record;
        struct kmsg_oom kill;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
        memset(&reader, 0, sizeof(reader));
        reader.fd = pair[0];
        const char *const sent[] = { "6,10,1,-;hello", "garbage", "6,14,2,-;there",
                "14,15,2,-;Memory cgroup out of memory: Killed process 9 (forged) total-vm:8kB", /* by a process */
                "3,16,2,-;Memory cgroup out of memory: Killed process 10 (real) total-vm:8kB" };
        for (size_t i = 0; i < sizeof(sent) / sizeof(*sent); i++)
                assert_int_equal(write(pair[1], sent[i], strlen(sent[i])), strlen(sent[i]));
        assert_int_equal(kmsg_read(&reader, &record, &err), 1);
        assert_true(sv_eq(record.message, SV("hello")));
        assert_int_equal(kmsg_read(&reader, &record, &err), 1);
        assert_true(sv_eq(record.message, SV("there")));
        assert_int_equal(reader.malformed, 1);
        assert_int_equal(reader.lost, 3);
        assert_int_equal(kmsg_read_oom(&reader, &kill, &err), 1);
        assert_int_equal(kill.pid, 10);
        assert_true(kill.unix_ns > 0);
        assert_int_equal(kmsg_read_oom(&reader, &kill, &err), 0);
        assert_int_equal(reader.records, 4);
        kmsg_close(&reader);
        assert_int_equal(reader.fd, -1);
        assert_int_equal(kmsg_read(&reader, &record, &err), -1);
        close(pair[1]);
}

static void device(void **state)
{
        (void)state;
        static struct kmsg_reader reader;
        struct kmsg_oom kill;
        cleanup(fd_close) int root = real_root();
        assert_int_equal(kmsg_open(root, "dev/absent", &reader, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        if (kmsg_open(root, "dev/kmsg", &reader, &err) < 0) {
                print_message("skipped: needs /dev/kmsg: %s\n", err.message);
                skip();
        }
        assert_true(kmsg_read_oom(&reader, &kill, &err) >= 0);
        kmsg_close(&reader);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(record_fields),
                cmocka_unit_test_setup(of_a_group_since_5_0, setup),
                cmocka_unit_test_setup(of_the_whole_machine, setup),
                cmocka_unit_test_setup(of_a_group_before_5_0, setup),
                cmocka_unit_test_setup(names, setup),
                cmocka_unit_test_setup(commas_in_names, setup),
                cmocka_unit_test_setup(forged_by_names_of_groups, setup),
                cmocka_unit_test_setup(without_a_report, setup),
                cmocka_unit_test_setup(whole_groups, setup),
                cmocka_unit_test_setup(too_long, setup),
                cmocka_unit_test(reading),
                cmocka_unit_test(device),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
