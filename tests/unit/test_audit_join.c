/* Audit's records and the connector's events come out in the order in which things happened, whatever order they came
 * in; processes end with their last thread; lines of --diag are read as they were written. */
#include "modules/watch/source/audit_join.h"
#include "modules/watch/source/connector_observe.h"
#include "modules/watch/source/fork_resolve.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/audit.h>
#include <sys/stat.h>

enum { BASE_S = 1700000000, TEXT_MAX = 16384 };

/* One word an observation: "F2<1" a fork, "E2:/bin/a" an exec, "X2=3" an exit, "C2" a credential change. */
struct play {
        struct audit_join *join;
        char text[TEXT_MAX];
        size_t used;
        int64_t last_ns;
        bool backwards;
};

__attribute__((format(printf, 2, 3))) static void note(struct play *play, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        play->used += (size_t)vsnprintf(play->text + play->used, sizeof(play->text) - play->used, format, args);
        va_end(args);
        assert_true(play->used < sizeof(play->text));
}

static void take(const struct observation *observation, void *cookie)
{
        struct play *play = cookie;
        if (play->used)
                note(play, " ");
        switch (observation->type) {
        case OBSERVED_FORK:
                note(play, "F%d<%d", observation->pid, observation->ppid);
                break;
        case OBSERVED_EXEC:
                note(play, "E%d:%.*s%s", observation->pid, SV_ARG(observation->exe), observation->late ? "late" : "");
                break;
        case OBSERVED_EXIT:
                note(play, "X%d=%d", observation->pid, observation->exit_code);
                break;
        case OBSERVED_CREDENTIAL:
                note(play, "C%d", observation->pid);
                break;
        case OBSERVED_COMM:
                note(play, "N%d:%.*s", observation->pid, SV_ARG(observation->comm));
                break;
        case OBSERVED_GAP:
                note(play, "G%llu", (unsigned long long)observation->lost);
                break;
        case OBSERVED_SYSCALL:
                note(play, "S%d:%.*s", observation->pid, SV_ARG(observation->syscall));
                break;
        default:
                note(play, "?%d", observation->type);
        }
        play->backwards |= observation->time_ns < play->last_ns;
        play->last_ns = observation->time_ns;
}

static struct play *play_new(const struct audit_join_options *given)
{
        struct audit_join_options options = given ? *given : (struct audit_join_options){ .source = SOURCE_AUDIT };
        struct play *play = calloc(1, sizeof(*play));
        assert_non_null(play);
        play->join = audit_join_new(&options, NULL);
        assert_non_null(play->join);
        return play;
}

static void play_done(struct play *play)
{
        audit_join_free(play->join);
        free(play);
}

static void line(struct play *play, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(struct play *play, const char *format, ...)
{
        char text[2048];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        assert_true(audit_join_feed_line(play->join, sv_of(text), take, play));
}

/* A connector event at so many microseconds. */
static void connector(struct play *play, int at_us, const char *rest)
{
        line(play, "type=CONNECTOR msg=audit(%d.%03d:0): ns=%lld boot=%lld %s", BASE_S, at_us / 1000,
                (long long)BASE_S * SECOND + at_us * MICROSECOND, (long long)at_us * MICROSECOND, rest);
}

static void records(struct play *play, int at_ms, int serial, const char *syscall, int pid, const char *exe)
{
        line(play,
                "type=SYSCALL msg=audit(%d.%03d:%d): arch=c000003e %s a0=0 a1=0 a2=0 a3=0 items=0 ppid=1 pid=%d auid=0 "
                "uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"x\" exe=\"%s\" "
                "key=(null)",
                BASE_S, at_ms, serial, syscall, pid, exe);
        line(play, "type=EOE msg=audit(%d.%03d:%d): ", BASE_S, at_ms, serial);
}

#define EXECVE "syscall=59 success=yes exit=0"
#define SETUID "syscall=105 success=yes exit=0"

static void assert_said(struct play *play, const char *expected)
{
        assert_string_equal(play->text, expected);
        play->used = 0;
        play->text[0] = '\0';
}

/* Audit's clock is coarse and of the call's entry: its exec is stamped before the fork. */
static void test_exec_stands_where_it_happened(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 5000, "what=fork cpu=0 pid=2 tid=2 ppid=1 ptid=1");
        connector(play, 6000, "what=exec cpu=1 pid=2 tid=2");
        connector(play, 7000, "what=fork cpu=1 pid=3 tid=3 ppid=2 ptid=2");
        connector(play, 8000, "what=exit cpu=1 pid=2 tid=2 status=300");
        assert_said(play, "F2<1"); /* what stands behind an exec waits for it */
        records(play, 2, 1, EXECVE, 2, "/bin/a");
        assert_said(play, "E2:/bin/a F3<2 X2=3");
        assert_false(play->backwards);
        struct audit_join_counters counters;
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.joined, 1);
        assert_int_equal(counters.copied, 0);
        assert_int_equal(counters.held, 0);
        play_done(play);
}

static void test_execs_in_another_order(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=exec cpu=0 pid=2 tid=2");
        connector(play, 1100, "what=exec cpu=1 pid=3 tid=3");
        connector(play, 1200, "what=exec cpu=0 pid=2 tid=2");
        connector(play, 1300, "what=exit cpu=0 pid=2 tid=2 status=0");
        records(play, 1, 1, EXECVE, 3, "/bin/c");
        assert_said(play, "");
        records(play, 1, 2, EXECVE, 2, "/bin/a");
        assert_said(play, "E2:/bin/a E3:/bin/c");
        records(play, 1, 3, EXECVE, 2, "/bin/b");
        assert_said(play, "E2:/bin/b X2=0");
        play_done(play);
}

/* What a process did before its next exec stands before that, what it did afterwards before its exit. */
static void test_other_events_of_a_process(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=exec cpu=0 pid=9 tid=9"); /* holds all */
        connector(play, 1100, "what=fork cpu=0 pid=2 tid=2 ppid=1 ptid=1");
        connector(play, 1200, "what=exec cpu=0 pid=2 tid=2");
        connector(play, 1300, "what=exit cpu=0 pid=2 tid=2 status=0");
        records(play, 1, 1, SETUID, 2, "/bin/su");
        records(play, 1, 2, EXECVE, 2, "/bin/sh");
        records(play, 1, 3, SETUID, 2, "/bin/sh");
        records(play, 1, 4, SETUID, 7, "/bin/other"); /* not concerned: passes */
        assert_said(play, "C7");
        records(play, 1, 5, EXECVE, 9, "/bin/z");
        assert_said(play, "E9:/bin/z F2<1 C2 E2:/bin/sh C2 X2=0");
        play_done(play);
}

static void test_exec_without_audit(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=exec cpu=0 pid=2 tid=2");
        connector(play, 2000, "what=exit cpu=0 pid=2 tid=2 status=0");
        connector(play, 400000, "what=fork cpu=0 pid=3 tid=3 ppid=1 ptid=1");
        assert_said(play, "");
        connector(play, 502000, "what=fork cpu=0 pid=4 tid=4 ppid=1 ptid=1");
        assert_said(play, "E2: X2=0 F3<1 F4<1");
        records(play, 503, 1, EXECVE, 2, "/bin/late");
        assert_said(play, "E2:/bin/latelate");
        struct audit_join_counters counters;
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.alone, 1);
        assert_int_equal(counters.late, 1);
        play_done(play);
}

/* A full backlog let the exec wait in the kernel: as long as audit tells what is no younger, its part may come. */
static void test_audit_far_behind(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=exec cpu=0 pid=2 tid=2");
        for (int ms = 100; ms < 1000; ms += 100) {
                char text[64];
                snprintf(text, sizeof(text), "what=fork cpu=0 pid=%d tid=%d ppid=1 ptid=1", 1000 + ms, 1000 + ms);
                connector(play, ms * 1000, text);
                records(play, ms - 90, ms, SETUID, 7, "/bin/other");
        }
        play->used = 0; /* of process 7: not held up */
        records(play, 1, 9999, EXECVE, 2, "/bin/a");
        assert_int_equal(strncmp(play->text, "E2:/bin/a F1100<1 F1200<1", 25), 0);
        struct audit_join_counters counters;
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.joined, 1);
        assert_int_equal(counters.alone, 0);
        play_done(play);
}

/* Audit has told of what came after the process went on: there was nothing of its exec. */
static void test_audit_has_passed(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=exec cpu=0 pid=2 tid=2");
        connector(play, 2000, "what=comm cpu=0 pid=2 tid=2 comm=61"); /* an exec tells that, too */
        records(play, 30, 1, SETUID, 7, "/bin/other");
        assert_said(play, "C7");
        connector(play, 31000, "what=exit cpu=0 pid=2 tid=2 status=0");
        records(play, 40, 2, SETUID, 7, "/bin/other"); /* may have been begun before, by the coarse clock */
        assert_said(play, "C7");
        records(play, 50, 3, SETUID, 7, "/bin/other");
        assert_said(play, "E2: N2:a X2=0 C7");
        play_done(play);
}

/* Time in which we stood still is not time in which audit was silent. */
static void test_standing_still(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        struct raw_connector raw;
        char text[512] = { (char)(AUDIT_SYSCALL & 255), (char)(AUDIT_SYSCALL >> 8) };
        memset(&raw, 0, sizeof(raw));
        raw.type = RAW_CONNECTOR;
        raw.time_ns = (int64_t)BASE_S * SECOND;
        raw.event.what = CONNECTOR_EXEC;
        raw.event.pid = raw.event.tid = 2;
        audit_join_feed(play->join, sv_n((const char *)&raw, sizeof(raw)), raw.time_ns, take, play);
        audit_join_tick(play->join, raw.time_ns + 3 * SECOND, take, play);
        assert_said(play, "");
        snprintf(text + 2, sizeof(text) - 2,
                "audit(%d.000:1): arch=c000003e " EXECVE
                " ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 "
                "sgid=0 fsgid=0 tty=(none) ses=1 comm=\"a\" exe=\"/bin/a\" key=(null)",
                BASE_S);
        audit_join_feed(play->join, sv_n(text, 2 + strlen(text + 2)), raw.time_ns + 6 * SECOND, take, play);
        audit_join_tick(play->join, raw.time_ns + 9 * SECOND, take, play); /* nor is the event given up unfinished */
        assert_said(play, "");
        text[0] = (char)(AUDIT_EOE & 255);
        text[1] = (char)(AUDIT_EOE >> 8);
        snprintf(text + 2, sizeof(text) - 2, "audit(%d.000:1): ", BASE_S);
        audit_join_feed(play->join, sv_n(text, 2 + strlen(text + 2)), raw.time_ns + 9 * SECOND, take, play);
        assert_said(play, "E2:/bin/a");
        raw.event.pid = raw.event.tid = 3;
        audit_join_feed(play->join, sv_n((const char *)&raw, sizeof(raw)), raw.time_ns + 9 * SECOND, take, play);
        for (int i = 1; i < 6; i++)
                audit_join_tick(play->join, raw.time_ns + 9 * SECOND + i * 100 * MILLISECOND, take, play);
        assert_said(play, "E3:"); /* heard, and silent */
        play_done(play);
}

static void live_exec(struct play *play, pid_t pid, int64_t time_ns)
{
        struct raw_connector raw;
        memset(&raw, 0, sizeof(raw));
        raw.type = RAW_CONNECTOR;
        raw.time_ns = time_ns;
        raw.event.what = CONNECTOR_EXEC;
        raw.event.pid = raw.event.tid = pid;
        audit_join_feed(play->join, sv_n((const char *)&raw, sizeof(raw)), time_ns, take, play);
}

static void live_record(struct play *play, uint16_t type, int64_t time_ns, int serial, const char *rest)
{
        char text[512];
        memcpy(text, &type, sizeof(type));
        int n = snprintf(
                text + 2, sizeof(text) - 2, "audit(%lld.000:%d): %s", (long long)(time_ns / SECOND), serial, rest);
        audit_join_feed(play->join, sv_n(text, 2 + (size_t)n), time_ns, take, play);
}

/* The system's clock is set back by an hour: an exec waits no hour for audit's part, an event not for its end, and what
 * stands behind them neither. */
static void test_clock_set_back(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        const int64_t before_ns = (int64_t)BASE_S * SECOND, after_ns = before_ns - HOUR;
        live_exec(play, 2, before_ns);
        for (int i = 1; i <= 6; i++)
                audit_join_tick(play->join, before_ns + i * 100 * MILLISECOND, take, play);
        assert_said(play, "E2:");
        live_exec(play, 3, after_ns);
        live_record(
                play, AUDIT_SYSCALL, after_ns, 1, "arch=c000003e " SETUID " ppid=1 pid=7 comm=\"a\" exe=\"/bin/a\"");
        for (int i = 1; i <= 30; i++)
                audit_join_tick(play->join, after_ns + i * 100 * MILLISECOND, take, play);
        assert_said(play, "E3: C7");
        assert_int_equal(play->last_ns, after_ns);
        const int64_t exec_ns = after_ns + 4 * SECOND + 5 * MILLISECOND; /* and the order of one moment is kept */
        live_exec(play, 8, exec_ns);
        live_record(play, AUDIT_SYSCALL, exec_ns, 2, "arch=c000003e " EXECVE " ppid=1 pid=8 comm=\"b\" exe=\"/bin/b\"");
        live_record(play, AUDIT_EOE, exec_ns, 2, "");
        live_record(play, AUDIT_SYSCALL, exec_ns, 3, "arch=c000003e " SETUID " ppid=1 pid=8 comm=\"b\" exe=\"/bin/b\"");
        live_record(play, AUDIT_EOE, exec_ns, 3, "");
        assert_said(play, "E8:/bin/b C8");
        assert_int_equal(play->last_ns, exec_ns);
        play_done(play);
}

/* What comes too late after all is of the same moment as what it completes. */
static void test_late_part_has_the_time_of_its_exec(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 20000, "what=exec cpu=0 pid=2 tid=2");
        audit_join_tick(play->join, (int64_t)BASE_S * SECOND + SECOND, take, play);
        assert_said(play, "E2:");
        assert_int_equal(play->last_ns, (int64_t)BASE_S * SECOND + 20 * MILLISECOND);
        connector(play, 900000, "what=fork cpu=0 pid=3 tid=3 ppid=1 ptid=1");
        records(play, 10, 1, EXECVE, 2, "/bin/a");
        assert_said(play, "F3<1 E2:/bin/alate");
        assert_int_equal(play->last_ns, (int64_t)BASE_S * SECOND + 20 * MILLISECOND);
        records(play, 11, 2, EXECVE, 2, "/bin/b"); /* another one */
        assert_said(play, "E2:/bin/b");
        play_done(play);
}

/* Never more than held_max, and nothing is dropped for it. */
static void test_held_is_bounded(void **state)
{
        (void)state;
        struct audit_join_options options = { .source = SOURCE_AUDIT, .held_max = 4, .held_bytes_max = 1 };
        struct play *play = play_new(&options);
        for (int pid = 10; pid < 20; pid++) {
                char text[64];
                snprintf(text, sizeof(text), "what=exec cpu=0 pid=%d tid=%d", pid, pid);
                connector(play, 1000, text);
        }
        assert_said(play, "E10: E11: E12: E13: E14: E15:");
        records(play, 1, 1, EXECVE, 18, "/b"); /* cannot be kept: what stands before it goes out */
        assert_said(play, "E16: E17: E18:/b");
        audit_join_tick(play->join, INT64_MAX, take, play);
        assert_said(play, "E19:");
        struct audit_join_counters counters;
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.held_high, 4);
        assert_int_equal(counters.held, 0);
        play_done(play);
}

static void test_host_rules_for_forks_are_not_told_twice(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        records(play, 1, 1, "syscall=56 success=yes exit=55", 5, "/bin/a"); /* clone, by audit alone */
        assert_said(play, "F55<5");
        connector(play, 2000, "what=fork cpu=0 pid=56 tid=56 ppid=5 ptid=5");
        records(play, 2, 2, "syscall=56 success=yes exit=56", 5, "/bin/a");
        assert_said(play, "F56<5 S5:clone");
        play_done(play);
}

static void test_threads(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=fork cpu=0 pid=2 tid=2 ppid=1 ptid=1");
        connector(play, 1001, "what=fork cpu=0 pid=2 tid=3 ppid=1 ptid=1");
        connector(play, 1002, "what=fork cpu=0 pid=2 tid=4 ppid=1 ptid=1");
        connector(play, 1003, "what=comm cpu=0 pid=2 tid=4 comm=776f726b6572");
        connector(play, 1004, "what=comm cpu=0 pid=2 tid=2 comm=6d61696e");
        connector(play, 1005, "what=exit cpu=0 pid=2 tid=2 status=500"); /* the first thread ends first */
        connector(play, 1006, "what=exit cpu=0 pid=2 tid=3 status=0");
        assert_said(play, "F2<1 N2:main");
        connector(play, 1007, "what=exit cpu=0 pid=2 tid=4 status=0");
        assert_said(play, "X2=5");
        /* a second thread executes: the kernel ends the first, and the process goes on */
        connector(play, 2000, "what=fork cpu=0 pid=6 tid=6 ppid=1 ptid=1");
        connector(play, 2001, "what=fork cpu=0 pid=6 tid=7 ppid=1 ptid=1");
        connector(play, 2002, "what=exit cpu=0 pid=6 tid=6 status=0");
        connector(play, 2003, "what=exec cpu=0 pid=6 tid=6");
        records(play, 2, 1, EXECVE, 6, "/bin/b");
        connector(play, 2004, "what=exit cpu=0 pid=6 tid=6 status=100");
        assert_said(play, "F6<1 E6:/bin/b X6=1");
        play_done(play);
}

static void test_loss(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        connector(play, 1000, "what=fork cpu=0 pid=2 tid=3 ppid=1 ptid=1");
        connector(play, 1001, "what=exit cpu=0 pid=2 tid=2 status=0"); /* its other thread's end is lost */
        assert_said(play, "");
        line(play, "type=LOST msg=audit(%d.002:0): lost=12 unit=messages reason=\"socket buffer\"", BASE_S);
        assert_said(play, "X2=0 G12");
        line(play, "type=LOST msg=audit(%d.003:0): lost=7 unit=records reason=\"kernel backlog\"", BASE_S);
        assert_said(play, "G7");
        struct audit_join_counters counters;
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.lost[LOSS_CONNECTOR_BUFFER], 12);
        assert_int_equal(counters.lost[LOSS_BACKLOG], 7);
        play_done(play);
}

static void test_many_threaded_processes(void **state)
{
        (void)state;
        struct connector_threads threads = { 0 };
        struct raw_connector raw = { .type = RAW_CONNECTOR };
        struct observation observation;
        for (pid_t pid = 1; pid <= CONNECTOR_THREADED_MAX + 10; pid++) {
                raw.event = (struct connector_event){ .what = CONNECTOR_FORK, .pid = pid, .tid = pid + 1000000 };
                assert_false(connector_observe(&threads, &raw, SOURCE_CONNECTOR, &observation));
        }
        assert_true(threads.refused > 0 && threads.refused <= 10);
        size_t ended = 0;
        for (pid_t pid = 1; pid <= CONNECTOR_THREADED_MAX + 10; pid++) {
                raw.event = (struct connector_event){ .what = CONNECTOR_EXIT, .pid = pid, .tid = pid };
                ended += connector_observe(&threads, &raw, SOURCE_CONNECTOR, &observation);
                raw.event.tid = pid + 1000000;
                ended += connector_observe(&threads, &raw, SOURCE_CONNECTOR, &observation);
        }
        assert_int_equal(ended, CONNECTOR_THREADED_MAX + 10); /* each once */
        assert_int_equal(threads.used, 0);
        connector_threads_done(&threads);
}

static void test_lines_are_read_as_written(void **state)
{
        (void)state;
        static const uint32_t kinds[] = { CONNECTOR_FORK, CONNECTOR_EXEC, CONNECTOR_EXIT, CONNECTOR_UID, CONNECTOR_GID,
                CONNECTOR_SID, CONNECTOR_PTRACE, CONNECTOR_COMM, CONNECTOR_COREDUMP };
        cleanup(buf_done) struct buf out;
        buf_init(&out, 4096);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                struct raw_connector raw, again;
                memset(&raw, 0, sizeof(raw));
                raw.type = RAW_CONNECTOR;
                raw.time_ns = 1700000000123456789;
                raw.boot_ns = 99;
                raw.event.what = kinds[i];
                raw.event.cpu = 3;
                raw.event.sequence = UINT32_MAX;
                raw.event.pid = 7;
                raw.event.tid = 8;
                if (kinds[i] == CONNECTOR_FORK)
                        raw.event.ppid = raw.event.ptid = 5;
                if (kinds[i] == CONNECTOR_EXIT)
                        raw.event.status = 0x8b;
                if (kinds[i] == CONNECTOR_UID || kinds[i] == CONNECTOR_GID)
                        raw.event.id = raw.event.effective_id = UINT32_MAX - 1;
                if (kinds[i] == CONNECTOR_COMM)
                        memcpy(raw.event.comm, "a b\n\xff\"'=", 9);
                buf_clear(&out);
                raw_connector_write(&raw, &out);
                assert_true(raw_connector_read(sv_n(out.data, out.len), &again));
                assert_int_equal(again.time_ns, raw.time_ns);
                assert_int_equal(again.boot_ns, raw.boot_ns);
                assert_memory_equal(&again.event, &raw.event, sizeof(raw.event));
        }
        struct raw_loss loss = { .type = RAW_LOSS, .time_ns = 1700000000123000000, .lost = UINT64_MAX }, told;
        for (int kind = 0; kind < LOSSES; kind++) {
                loss.kind = (enum loss_kind)kind;
                buf_clear(&out);
                raw_loss_write(&loss, &out);
                assert_true(raw_loss_read(sv_n(out.data, out.len), &told));
                assert_int_equal(told.kind, kind);
                assert_int_equal(told.lost, loss.lost);
                assert_int_equal(told.time_ns, loss.time_ns);
        }
}

static void test_malformed(void **state)
{
        (void)state;
        struct play *play = play_new(NULL);
        struct audit_join_counters counters;
        static const char *const wrong[] = { "", "x",
                "type=CONNECTOR msg=audit(1.0:1):", "type=CONNECTOR msg=audit(1.000:1): what=fork pid=0",
                "type=CONNECTOR msg=audit(1.000:1): what=born pid=4",
                "type=CONNECTOR msg=audit(1.000:1): what=fork pid=99999999999",
                "type=LOST msg=audit(1.000:1): lost=x unit=records reason=\"kernel backlog\"" };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                (void)audit_join_feed_line(play->join, sv_of(wrong[i]), take, play);
        static const uint16_t types[] = { RAW_CONNECTOR, RAW_LOSS, 0xF002, 0xFFFF, AUDIT_SYSCALL };
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                audit_join_feed(play->join, sv_n((const char *)&types[i], 2), 1, take, play);
        audit_join_feed(play->join, SV("x"), 1, take, play);
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.refused, 6);
        assert_int_equal(counters.connector_events, 0);
        play_done(play);
}

/* --- who a child is -------------------------------------------------------------------------------------------- */

static void put_file(const char *root, const char *path, const char *text)
{
        char name[512];
        snprintf(name, sizeof(name), "%s/%s", root, path);
        for (char *slash = name + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
                *slash = '\0';
                (void)mkdir(name, 0755);
                *slash = '/';
        }
        int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static void put_process(const char *root, int tgid, int pid, int ppid, const char *numbers)
{
        char path[64], text[512];
        snprintf(path, sizeof(path), "proc/%d/status", pid);
        snprintf(text, sizeof(text),
                "Name:\tx\nUmask:\t0022\nState:\tS "
                "(sleeping)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n"
                "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t\nNStgid:\t%s\nNSpid:\t%s\nThreads:\t1\n",
                tgid, pid, ppid, numbers, numbers);
        put_file(root, path, text);
}

static void test_resolving_a_child(void **state)
{
        (void)state;
        char root[] = "/tmp/tarsier-fork-XXXXXX", command[128];
        assert_non_null(mkdtemp(root));
        put_process(root, 100, 100, 1, "100");
        put_process(root, 101, 101, 100, "101");       /* its child */
        put_process(root, 100, 102, 1, "102");         /* its thread */
        put_process(root, 7, 7, 1, "7");               /* another's, of the number that is told below */
        put_process(root, 200, 200, 100, "200\t1");    /* the first of a container */
        put_process(root, 201, 201, 200, "201\t7");    /* its child, there 7 */
        put_process(root, 202, 202, 200, "202\t8\t1"); /* in a namespace within */
        put_file(root, "proc/200/task/200/children", "201 202 ");
        int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_int_equal(fork_resolve(fd, 100, 101, false), 101);
        assert_int_equal(fork_resolve(fd, 100, 102, false), -1);
        assert_int_equal(fork_resolve(fd, 200, 7, false), 201);
        assert_int_equal(fork_resolve(fd, 200, 8, false), 202);
        assert_int_equal(fork_resolve(fd, 200, 9, false), 0);
        assert_int_equal(fork_resolve(fd, 100, 103, false), 103); /* gone already; its parent's numbers are ours */
        assert_int_equal(fork_resolve(fd, 100, 103, true), 0);
        assert_int_equal(fork_resolve(fd, 999, 7, false), 0);
        close(fd);
        snprintf(command, sizeof(command), "%s", root);
        const char *const files[] = { "proc/100/status", "proc/101/status", "proc/102/status", "proc/7/status",
                "proc/200/status", "proc/201/status", "proc/202/status", "proc/200/task/200/children",
                "proc/200/task/200", "proc/200/task", "proc/100", "proc/101", "proc/102", "proc/7", "proc/200",
                "proc/201", "proc/202", "proc", "" };
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                char name[512];
                snprintf(name, sizeof(name), "%s/%s", root, files[i]);
                assert_int_equal(remove(name), 0);
        }
}

static pid_t resolve_none(void *cookie, pid_t parent, pid_t told, bool perhaps_thread)
{
        (void)cookie;
        (void)parent;
        (void)perhaps_thread;
        return told == 77 ? -1 : 0;
}

static void test_child_met_later(void **state)
{
        (void)state;
        struct audit_join_options options = { .source = SOURCE_AUDIT, .resolve = resolve_none };
        struct play *play = play_new(&options);
        records(play, 1, 1, "syscall=56 success=yes exit=4", 1, "/bin/init");
        records(play, 2, 2, "syscall=435 success=yes exit=77", 1, "/bin/init"); /* a thread */
        assert_said(play, "");
        records(play, 3, 3, EXECVE, 4004, "/bin/a"); /* ppid 1 */
        assert_said(play, "F4004<1 E4004:/bin/a");
        records(play, 4, 4, EXECVE, 4004, "/bin/b"); /* known by now */
        assert_said(play, "E4004:/bin/b");
        records(play, 5, 5, "syscall=56 success=yes exit=5", 1, "/bin/init");
        audit_join_tick(play->join, INT64_MAX, take, play);
        struct audit_join_counters counters;
        audit_join_count(play->join, &counters);
        assert_int_equal(counters.unresolved, 1);
        play_done(play);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exec_stands_where_it_happened),
                cmocka_unit_test(test_execs_in_another_order),
                cmocka_unit_test(test_other_events_of_a_process),
                cmocka_unit_test(test_exec_without_audit),
                cmocka_unit_test(test_audit_far_behind),
                cmocka_unit_test(test_audit_has_passed),
                cmocka_unit_test(test_standing_still),
                cmocka_unit_test(test_clock_set_back),
                cmocka_unit_test(test_late_part_has_the_time_of_its_exec),
                cmocka_unit_test(test_held_is_bounded),
                cmocka_unit_test(test_host_rules_for_forks_are_not_told_twice),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_loss),
                cmocka_unit_test(test_many_threaded_processes),
                cmocka_unit_test(test_lines_are_read_as_written),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_resolving_a_child),
                cmocka_unit_test(test_child_met_later),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
