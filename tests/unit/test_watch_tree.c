/* The process tree: who is whose child, in whatever order that is told. */
#include "watch_tree_play.h"

static void test_in_order(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; fork 10 <1 @100; exec 10 <1 @101 /bin/sh argv=sh,-c,true;"
                 "fork 11 <10 @110; exec 11 @111 /bin/true; exit 11 @112 code=0; exit 10 @120 code=3");
        play_expect(&p, "fork 10 init <1\nexec 10 sh <1\nfork 11 sh <10\nexec 11 true <10\nexit 11 true <10 =0\n"
                        "exit 10 sh <1 =3\n");
        play_expect_tree(&p, true, "0:1 1:10+ 2:11+");
        play_expect_tree(&p, false, "0:1");
        assert_int_equal(play_count(&p).repaired, 0);
        play_done(&p);
}

/* The id of an execution: boot, start in ticks, pid, number of the exec. */
static void test_exec_ids(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; b:fork 16 <1 @2550 s=2550");
        assert_string_equal(p.last_exec_id, "b007-ff-10-0");
        play(&p, "b:exec 16 @2560 s=2550 /bin/a");
        assert_string_equal(p.last_exec_id, "b007-ff-10-1");
        play(&p, "b:exec 16 @2570 s=2550 /bin/b; b:exit 16 @2580 s=2550 code=0");
        assert_string_equal(p.last_exec_id, "b007-ff-10-2");
        /* the same pid within the same tick is another process with another id */
        play(&p, "fork 17 <1 @3001; exit 17 @3002; fork 17 <1 @3003");
        char first[EVENT_ID_MAX];
        memcpy(first, p.last_exec_id, sizeof(first));
        play(&p, "exit 17 @3004; fork 17 <1 @3005");
        assert_string_not_equal(first, p.last_exec_id);
        play_done(&p);
}

static void test_exit_before_fork(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; exit 10 @120 code=1");
        play_expect_tree(&p, true, "0:1 0:10+?");
        play(&p, "fork 10 <1 @100");
        play_expect_tree(&p, true, "0:1 1:10+");
        assert_int_equal(play_count(&p).repaired, 0);
        assert_int_equal(play_count(&p).reordered, 1);
        play_expect(&p, "exit 10  <0 =1\nfork 10 init <1\n");
        play_done(&p);
}

/* vfork: the parent's record is written when its system call returns, after the child's exec. */
static void test_exec_before_fork(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; fork 9 <1 @50; exec 10 <9 @101 /bin/true; fork 10 <9 @100; exit 10 @105");
        play_expect(&p, "fork 9 init <1\nexec 10 true <9\nfork 10 true <9\nexit 10 true <9\n");
        play_expect_tree(&p, true, "0:1 1:9 2:10+");
        assert_int_equal(play_count(&p).repaired, 0);
        play_done(&p);
}

static void test_unknown_parent(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "fork 11 <10 @110");
        play_expect_tree(&p, true, "0:10? 1:11");
        play(&p, "fork 10 <9 @100; fork 9 <1 @90");
        play_expect_tree(&p, true, "0:1? 1:9 2:10 3:11");
        play_done(&p);
}

/* The parent ended first: the child is its child all the same, whoever reaps. */
static void test_orphan(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; fork 10 <1 @100; fork 11 <10 @110; exit 10 @111;"
                 "exec 11 <1 @120 /usr/bin/daemon");
        play_expect(&p, "fork 10 init <1\nfork 11 init <10\nexit 10 init <1\nexec 11 daemon <10\n");
        /* and the fork told after the parent's exit */
        play(&p, "fork 20 <1 @200; exit 20 @211; fork 21 <20 @210");
        play_expect_tree(&p, false, "0:1 1:11 1:21");
        play_expect_tree(&p, true, "0:1 1:10+ 2:11 1:20+ 2:21");
        play_done(&p);
}

static void test_delay(void **state)
{
        (void)state;
        struct play p;
        play_init_with(&p, (struct tree_options){ .delete_delay_ns = 200 * MILLISECOND });
        play(&p, "proc 1 @0 s=0; fork 10 <1 @100; fork 11 <10 @105; exit 11 @110; exit 10 @150");
        tree_advance(p.tree, play_time(309), NULL, NULL);
        play_expect_tree(&p, true, "0:1 1:10+ 2:11+");
        tree_advance(p.tree, play_time(310), NULL, NULL);
        play_expect_tree(&p, true, "0:1 1:10+");
        play(&p, "fork 12 <1 @349.9"); /* an observation's time is as good as a clock */
        play_expect_tree(&p, true, "0:1 1:10+ 1:12");
        play(&p, "fork 13 <1 @350");
        play_expect_tree(&p, true, "0:1 1:12 1:13");
        assert_int_equal(play_count(&p).deleted, 2);
        play_done(&p);
}

/* The dead stay as long as somebody descends from them. */
static void test_dead_ancestors(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0; fork 10 <1 @100; fork 11 <10 @110; exit 10 @111; fork 12 <11 @112; exit 11 @113;"
                 "fork 99 <1 @5000");
        play_expect_tree(&p, true, "0:1 1:10+ 2:11+ 3:12 1:99");
        assert_int_equal(play_count(&p).ghosts, 2);
        play(&p, "exit 12 @5001; fork 98 <1 @9000");
        play_expect_tree(&p, true, "0:1 1:99 1:98");
        assert_int_equal(play_count(&p).ghosts, 0);
        play_done(&p);
}

/* A process that forks and ends, and so on without end: the line of its dead ancestors is bounded. */
static void test_walking_process(void **state)
{
        (void)state;
        struct play p;
        play_init_with(&p, (struct tree_options){ 0 });
        play(&p, "proc 1 @0 s=0; fork 2 <1 @1");
        for (int i = 2; i < 5000; i++) {
                char text[128];
                snprintf(text, sizeof(text), "fork %d <%d @%d; exit %d @%d.5 code=0", i + 1, i, i * 10, i, i * 10);
                play(&p, text);
        }
        struct tree_counters counters = play_count(&p);
        assert_int_equal(counters.ghosts, 4096); /* a sixteenth of the default 65,536 */
        assert_true(counters.forgotten > 500);
        assert_int_equal(counters.processes, 2);
        play(&p, "exec 5000 @50000 /bin/x");
        assert_int_equal(p.last_ancestors, EVENT_ANCESTORS_MAX);
        assert_int_equal(p.last_omitted, 1024); /* counted no further */
        play_done(&p);
}

static void test_deep_line(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0");
        for (int i = 1; i < 30000; i++) {
                char text[64];
                snprintf(text, sizeof(text), "fork %d <%d @%d", i + 1, i, i);
                play(&p, text);
                buf_clear(&p.lines);
        }
        play(&p, "fork 30001 <100 @40000; exec 30001 @40001 /bin/x");
        assert_int_equal(p.last_ancestors, 64);
        assert_int_equal(p.last_omitted, 36);
        assert_int_equal(play_count(&p).processes, 30001);
        play_done(&p);
}

static void test_pid_reuse(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; fork 10 <1 @100; exec 10 @101 /bin/old; fork 11 <10 @110;"
                 "fork 10 <1 @200; exec 10 @201 /bin/new; fork 12 <10 @210");
        play_expect_tree(&p, true, "0:1 1:10+ 2:11 1:10 2:12");
        assert_int_equal(play_count(&p).pid_reused, 1);
        buf_clear(&p.lines);
        /* the exit of the old one, late: it is not the new one's */
        play(&p, "exit 10 @190 code=7; exit 10 @220 code=8");
        play_expect(&p, "exit 10 old <1 =7\nexit 10 new <1 =8\n");
        play_done(&p);
}

/* An exit that never came is made up when the delay is over, once. */
static void test_synthetic_exit(void **state)
{
        (void)state;
        struct play p;
        play_init_with(&p, (struct tree_options){ 0 });
        play(&p, "proc 1 @0 s=0 /sbin/init; fork 10 <1 @100; exec 10 @101 /bin/old; fork 10 <1 @200;"
                 "exec 10 @201 /bin/new; fork 20 <1 @300; exec 20 @301 /bin/third; gone 20 @400");
        play_expect_tree(&p, false, "0:1 1:10");
        buf_clear(&p.lines);
        tree_advance(p.tree, play_time(1300), play_take, &p);
        play_expect(&p, "exit 10 old <1 synthetic\n");
        play(&p, "exit 20 @399 code=4"); /* it comes after all */
        play_expect(&p, "exit 20 third <1 =4\n");
        tree_advance(p.tree, INT64_MAX, play_take, &p);
        play_expect(&p, "");
        play_done(&p);
}

/* With start times there is nothing to guess. */
static void test_start_times(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 1 @0 s=0 /sbin/init; b:fork 10 <1 @100 s=100; b:exec 10 @200 s=190 /bin/new;"
                 "b:exit 10 @180 s=100 code=1; b:fork 10 <1 @190 s=190");
        play_expect_tree(&p, true, "0:1 1:10+ 1:10");
        play_expect(&p, "fork 10 init <1\nexec 10 new <0\nexit 10 init <1 =1\nfork 10 new <1\n");
        assert_int_equal(tree_process_start_ns(tree_find(p.tree, 10)), 190 * MILLISECOND);
        play_done(&p);
}

static void test_two_sources(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        /* the connector tells forks and exits, audit execs; both tell some of the other's */
        play(&p, "proc 1 @0 s=0 /sbin/init; c:fork 10 <1 @100.4; exec 10 <1 @98 /bin/sh argv=sh; fork 10 <1 @97;"
                 "c:exec 10 @101.2 comm=sh; c:exit 10 @105 code=2; exit 10 @104 code=2");
        play_expect(&p, "fork 10 init <1\nexec 10 sh <1\nexit 10 sh <1 =2\n");
        play_expect_tree(&p, true, "0:1 1:10+");
        assert_int_equal(play_count(&p).duplicates, 3);
        /* the other one first */
        play(&p, "fork 20 <1 @200; exec 20 <1 @201 /bin/a argv=a; c:fork 20 <1 @202; c:exec 20 @203 comm=a;"
                 "exec 20 @203.5 /bin/b argv=b; c:exec 20 @206 comm=b; exit 20 @207; c:exit 20 @207.3");
        play_expect(&p, "fork 20 init <1\nexec 20 a <1\nexec 20 b <1\nexit 20 b <1\n");
        /* two execs of one source are two */
        play(&p, "fork 30 <1 @300; exec 30 @301 /bin/a; exec 30 @302 /bin/a");
        play_expect(&p, "fork 30 init <1\nexec 30 a <1\nexec 30 a <1\n");
        /* ids told twice */
        play(&p, "cred 30 @303 uid=5; b:cred 30 @303.1 uid=5; b:cred 30 @304 uid=6");
        play_expect(&p, "credential 30 a <1\ncredential 30 a <1\n");
        play_done(&p);
}

/* The second account of an exec gives the tree what the first lacked. */
static void test_second_completes(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "c:fork 10 <1 @100; c:exec 10 @101; exec 10 @100.5 /bin/sh argv=sh,-c,true uid=7");
        struct event_process process;
        tree_process_fill(p.tree, tree_find(p.tree, 10), &process);
        assert_string_equal(process.exe, "/bin/sh");
        assert_string_equal(process.comm, "sh");
        assert_int_equal(process.argv.count, 3);
        assert_string_equal(process.argv.items[2], "true");
        assert_true(process.has_ids);
        assert_int_equal(process.uid, 7);
        play_done(&p);
}

static void test_threads(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "proc 10 @0 s=0 /bin/app; fork 10 <10 @50 tid=12; file 10 tid=12 @60 comm=worker; exec 10 tid=12 @70 "
                 "/bin/next");
        play_expect_tree(&p, true, "0:10");
        play_expect(&p, "file 10 worker <0\nexec 10 next <0\n");
        play_done(&p);
}

/* What was running before is found in /proc, and what was missed later is marked. */
static void test_seed_and_repair(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "p:proc 1 @5000 s=0 /sbin/init; p:proc 10 <1 @5000 s=4000 /bin/a; p:proc 11 <10 @5000 s=4990 /bin/b;"
                 /* waited in the source's queue while /proc was read */
                 "c:fork 11 <10 @4993; c:exec 11 @4996; c:fork 12 <11 @4999");
        play_expect_tree(&p, true, "0:1 1:10 2:11 3:12");
        assert_int_equal(play_count(&p).repaired, 0);
        /* after a loss */
        play(&p, "p:proc 20 <10 @6000 s=5500 /bin/c syn; gone 12 @6000; gone 77 @6000");
        play_expect_tree(&p, false, "0:1 1:10 2:11 2:20?");
        assert_int_equal(play_count(&p).repaired, 1);
        /* another start: another process */
        play(&p, "p:proc 20 <1 @7000 s=6500 /bin/d syn");
        play_expect_tree(&p, false, "0:1 1:10 2:11 1:20?");
        play_done(&p);
}

static void test_hostile_parents(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "fork 5 <6 @10; fork 6 <5 @9; fork 7 <7 @11; fork 6 <5 @12; fork 4194304 <1 @13; exec -3 @14; fork 8 "
                 "<0 @15");
        struct tree_counters counters = play_count(&p);
        assert_true(counters.processes >= 2);
        size_t lines = p.events;
        tree_advance(p.tree, INT64_MAX, play_take, &p);
        assert_true(p.events >= lines);
        play_done(&p);
}

/* The clock is set back by an hour: processes go on to begin and to end. */
static void test_clock_step(void **state)
{
        (void)state;
        struct play p;
        play_init_with(&p, (struct tree_options){ 0 });
        play(&p, "proc 1 @4000000 s=0 /sbin/init; fork 10 <1 @4000100; exec 10 @4000101 /bin/a");
        for (int i = 0; i < 200; i++) {
                char text[128];
                snprintf(text, sizeof(text), "fork %d <10 @%d; exec %d @%d /bin/b; exit %d @%d", 100 + i,
                        400000 + i * 10, 100 + i, 400001 + i * 10, 100 + i, 400002 + i * 10);
                play(&p, text);
        }
        play(&p, "exit 10 @403000; fork 11 <1 @405000");
        play_expect_tree(&p, true, "0:1 1:11");
        assert_int_equal(play_count(&p).repaired, 0);
        play_done(&p);
}

static void test_find_at(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        play(&p, "fork 10 <1 @100; exit 10 @200; fork 10 <1 @300");
        const struct tree_process *old = tree_find_at(p.tree, 10, play_time(150));
        assert_non_null(old);
        assert_true(tree_process_ended(old));
        assert_null(tree_find_at(p.tree, 10, play_time(250)));
        assert_ptr_equal(tree_find_at(p.tree, 10, play_time(301)), tree_find(p.tree, 10));
        assert_null(tree_find(p.tree, 99));
        assert_null(tree_find(p.tree, -1));
        play_done(&p);
}

/* The program of an exec told before without it: another event, and the same exec. */
static void test_late_part_of_an_exec(void **state)
{
        (void)state;
        struct play p;
        char id[EVENT_ID_MAX];
        play_init(&p);
        play(&p, "fork 10 <1 @100; exec 10 @110");
        snprintf(id, sizeof(id), "%s", p.last_exec_id);
        buf_clear(&p.lines);
        play(&p, "exec 10 /bin/web argv=web,-v completes @110; exit 10 @120");
        play_expect(&p, "exec 10 web <1\nexit 10 web <1\n");
        assert_string_equal(p.last_exec_id, id);
        play(&p, "fork 11 <1 @100; exec 11 late /bin/a @110"); /* late, and not told before */
        assert_string_equal(strrchr(p.last_exec_id, '-'), "-1");
        buf_clear(&p.lines);
        play(&p, "fork 9 <1 @5000; exec 10 /bin/web completes @110"); /* nothing is known of it any more */
        play_expect(&p, "fork 9  <1\n");
        assert_null(tree_find(p.tree, 10));
        play(&p, "exec 9 /bin/b @5010; exec 9 /bin/c @5020; exec 9 /bin/b completes @5010"); /* runs another by now */
        play_expect(&p, "exec 9 b <1\nexec 9 c <1\n");
        assert_int_equal(play_count(&p).unfinished, 2); /* told, not passed over in silence */
        assert_int_equal(play_count(&p).duplicates, 0);
        play_done(&p);
}

/* The event of an exec has all arguments; later ones what is kept. */
static void test_long_arguments(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        struct buf argv;
        buf_init(&argv, 1 << 20);
        for (int i = 0; i < 5000; i++) {
                buf_printf(&argv, "argument-%d", i);
                buf_append(&argv, "", 1);
        }
        struct observation o;
        observation_init(&o, OBSERVED_EXEC, SOURCE_AUDIT);
        o.pid = 10;
        o.time_ns = play_time(1);
        o.argv = sv_n(argv.data, argv.len);
        tree_apply(p.tree, &o, play_take, &p);
        assert_int_equal(p.last_argc, 5000);
        struct event_process process;
        tree_process_fill(p.tree, tree_find(p.tree, 10), &process);
        assert_true(process.argv_truncated);
        assert_in_range(process.argv.count, 10, 30);
        assert_string_equal(process.argv.items[1], "argument-1");
        buf_done(&argv);
        play_done(&p);
}

/* Root's forty names would be half of each of its events. */
static void test_capabilities(void **state)
{
        (void)state;
        enum { ALL = 0x3ff }; /* of a kernel with ten */
        static const struct {
                uint64_t mask;
                const char *text;
        } table[] = { { ALL, "all" }, { ALL & ~(1U << 5), "all,-CAP_KILL" },
                { ALL & ~3U, "all,-CAP_CHOWN,-CAP_DAC_OVERRIDE" }, { 2, "CAP_DAC_OVERRIDE" },
                { ALL | UINT64_C(1) << 10,
                        "CAP_CHOWN,CAP_DAC_OVERRIDE,CAP_DAC_READ_SEARCH,CAP_FOWNER,CAP_FSETID,CAP_KILL,CAP_SETGID,"
                        "CAP_SETUID,CAP_SETPCAP,CAP_LINUX_IMMUTABLE,CAP_NET_BIND_SERVICE" },
                { 0, "" } };
        struct error err;
        struct tree_options options = { .capabilities = ALL };
        struct tree *tree = tree_new(&options, &err);
        assert_non_null(tree);
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct observation o;
                struct event_process process;
                observation_init(&o, OBSERVED_EXEC, SOURCE_BPF);
                o.pid = 10;
                o.time_ns = play_time((int)i + 1);
                o.has = HAS_CAPABILITIES;
                o.cap_effective = table[i].mask;
                tree_apply(tree, &o, NULL, NULL);
                tree_process_fill(tree, tree_find(tree, 10), &process);
                assert_string_equal(process.capabilities, table[i].text);
        }
        tree_free(tree);
}

struct gains {
        unsigned count;
        char name[64];
        int pid;
};

static void count_gains(const struct event *event, void *cookie)
{
        struct gains *gains = cookie;
        if (event->type != EVENT_CAPABILITY)
                return;
        gains->count++;
        gains->pid = event->process.pid;
        assert_string_equal(event->object.operation, "gained");
        snprintf(gains->name, sizeof(gains->name), "%s", event->object.name);
}

/* An ordinary user's program that may do more than the one before it; root's, and what stays as it was, is no news. */
static void test_gained_capabilities(void **state)
{
        (void)state;
        static const struct {
                uint32_t uid;
                uint64_t effective;
                unsigned count;
        } execs[] = { { 1000, 0, 0 }, { 1000, 1U << 5, 1 }, { 1000, 1U << 5, 1 }, { 1000, 3U << 5, 2 }, { 1000, 0, 2 },
                { 0, 0x3ff, 2 }, { 0, 0x3ff, 2 } };
        struct gains gains = { 0 };
        struct tree *tree = tree_new(&(struct tree_options){ 0 }, NULL);
        assert_non_null(tree);
        for (size_t i = 0; i < sizeof(execs) / sizeof(execs[0]); i++) {
                struct observation o;
                observation_init(&o, OBSERVED_EXEC, SOURCE_BPF);
                o.pid = 10;
                o.time_ns = play_time(100 * ((int)i + 1));
                o.has = HAS_CAPABILITIES | HAS_UIDS;
                o.uid = o.euid = execs[i].uid;
                o.cap_effective = execs[i].effective;
                tree_apply(tree, &o, count_gains, &gains);
                assert_int_equal(gains.count, execs[i].count);
        }
        assert_int_equal(gains.pid, 10);
        assert_string_equal(gains.name, "CAP_SETGID"); /* the last: only what was new */
        tree_free(tree);
}

static void test_passed_through(void **state)
{
        (void)state;
        struct play p;
        play_init(&p);
        struct observation o;
        observation_init(&o, OBSERVED_GAP, SOURCE_AUDIT);
        o.time_ns = play_time(5);
        o.lost = 9;
        o.unit = "records";
        o.reason = "sequence";
        tree_apply(p.tree, &o, play_take, &p);
        play(&p, "fork 10 <1 @10; fork 11 <1 @11; ptrace 10 target=11 @12");
        play_expect(&p, "gap\nfork 10  <1\nfork 11  <1\nptrace 10  <1\n");
        play_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_in_order),
                cmocka_unit_test(test_exec_ids),
                cmocka_unit_test(test_exit_before_fork),
                cmocka_unit_test(test_exec_before_fork),
                cmocka_unit_test(test_unknown_parent),
                cmocka_unit_test(test_orphan),
                cmocka_unit_test(test_delay),
                cmocka_unit_test(test_dead_ancestors),
                cmocka_unit_test(test_walking_process),
                cmocka_unit_test(test_deep_line),
                cmocka_unit_test(test_pid_reuse),
                cmocka_unit_test(test_synthetic_exit),
                cmocka_unit_test(test_start_times),
                cmocka_unit_test(test_two_sources),
                cmocka_unit_test(test_second_completes),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_seed_and_repair),
                cmocka_unit_test(test_hostile_parents),
                cmocka_unit_test(test_clock_step),
                cmocka_unit_test(test_find_at),
                cmocka_unit_test(test_long_arguments),
                cmocka_unit_test(test_late_part_of_an_exec),
                cmocka_unit_test(test_capabilities),
                cmocka_unit_test(test_gained_capabilities),
                cmocka_unit_test(test_passed_through),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
