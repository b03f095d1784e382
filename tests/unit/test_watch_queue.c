/* The queue between the stages, observations as bytes, and recordings of them. */
#include "modules/watch/recording.h"
#include "modules/watch/source/diagnostics.h"
#include "modules/watch/source/observation_codec.h"
#include "modules/watch/source/queue.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the queue ---- */

static void test_queue_keeps_order_and_counts(void **state)
{
        (void)state;
        struct queue queue;
        struct sv item;
        char text[64];
        unsigned pushed = 0, popped = 0, refused = 0;
        uint32_t random = 1;
        assert_int_equal(queue_init(&queue, 4096, NULL), 0);
        /* a model of two numbers: what went in comes out, whole and in order, across many turns of the ring */
        for (int round = 0; round < 20000; round++) {
                random = random * 1664525 + 1013904223;
                if (random >> 31) {
                        int size = snprintf(text, sizeof(text), "%u:%.*s", pushed, (int)(random >> 8 & 31),
                                "abcdefghijklmnopqrstuvwxyz0123456789");
                        if (queue_push(&queue, sv_n(text, (size_t)size)))
                                pushed++;
                        else
                                refused++;
                } else if (queue_front(&queue, &item)) {
                        uint64_t number;
                        size_t colon = sv_find(item, ':');
                        assert_true(sv_parse_u64(sv_n(item.p, colon), 10, &number));
                        assert_int_equal(number, popped);
                        popped++;
                        queue_pop(&queue);
                }
                assert_int_equal(queue.counters.depth, pushed - popped);
        }
        assert_int_equal(queue.counters.pushed, pushed);
        assert_int_equal(queue.counters.lost, refused);
        assert_true(queue.counters.depth_high >= queue.counters.depth);
        while (queue_front(&queue, &item))
                queue_pop(&queue);
        assert_int_equal(queue.counters.bytes, 0);
        queue_done(&queue);
}

static void test_queue_refuses_what_has_no_room(void **state)
{
        (void)state;
        struct queue queue;
        struct sv item;
        char big[3000];
        memset(big, 'x', sizeof(big));
        assert_int_equal(queue_init(&queue, 4096, NULL), 0);
        assert_null(queue_reserve(&queue, QUEUE_ITEM_MAX + 1));
        assert_null(queue_reserve(&queue, 4096));
        assert_int_equal(queue.counters.lost, 2);
        assert_true(queue_push(&queue, sv_n(big, sizeof(big))));
        assert_false(queue_push(&queue, sv_n(big, sizeof(big))));
        assert_int_equal(queue.counters.lost, 3);
        queue_pop(&queue);
        assert_false(queue_front(&queue, &item));
        queue_pop(&queue); /* of an empty queue: nothing */
        /* what was reserved and not used takes nothing */
        assert_non_null(queue_reserve(&queue, 100));
        queue_commit(&queue, 0);
        assert_false(queue_front(&queue, &item));
        assert_true(queue_push(&queue, sv_n(big, sizeof(big))));
        assert_true(queue_front(&queue, &item) && item.n == sizeof(big));
        queue_done(&queue);
}

/* ---- observations as bytes ---- */

static struct observation full_observation(void)
{
        struct observation observation;
        observation_init(&observation, OBSERVED_EXEC, SOURCE_BPF);
        observation.has = HAS_UIDS | HAS_EXIT | HAS_CGROUP;
        observation.time_ns = INT64_C(1795313055201000000);
        observation.serial = UINT64_MAX;
        observation.late = observation.synthetic = observation.core = observation.success = true;
        observation.pid = 4194304;
        observation.ppid = 1;
        observation.uid = 0;
        observation.euid = UINT32_MAX;
        observation.exit_code = -1;
        observation.result = INT64_MIN;
        observation.cap_effective = UINT64_C(0x1ffffffffff);
        observation.comm = SV("sh");
        observation.argv = sv_n("sh\0-c\0id\0", 9);
        observation.argc = 3;
        observation.lost = 7;
        observation.unit = "records";
        observation.reason = "kernel backlog";
        return observation;
}

static void test_codec_gives_back_what_it_took(void **state)
{
        (void)state;
        struct observation from = full_observation(), to;
        char bytes[4096];
        assert_true(observation_size_max(&from) <= sizeof(bytes));
        size_t size = observation_encode(&from, bytes);
        assert_true(size <= observation_size_max(&from));
        assert_int_equal(observation_decode(sv_n(bytes, size), &to, NULL), 0);
        assert_true(sv_eq(to.comm, from.comm) && sv_eq(to.argv, from.argv));
        assert_string_equal(to.unit, "records");
        assert_string_equal(to.reason, "kernel backlog");
        to.comm = from.comm;
        to.argv = from.argv;
        to.unit = from.unit;
        to.reason = from.reason;
        assert_memory_equal(&to, &from, sizeof(to));

        observation_init(&from, OBSERVED_EXIT, SOURCE_AUDIT);
        size = observation_encode(&from, bytes);
        assert_true(size < 8); /* what is initial is not written */
        assert_int_equal(observation_decode(sv_n(bytes, size), &to, NULL), 0);
        assert_memory_equal(&to, &from, sizeof(to));
}

static void test_codec_refuses_what_it_does_not_write(void **state)
{
        (void)state;
        static const struct sv bad[] = {
                { "\0", 1 },                           /* field 0 */
                { "\xff\x01", 2 },                     /* a field that is not there */
                { "\x08", 1 },                         /* no value */
                { "\x08\x80", 2 },                     /* a number without its end */
                { "\x1b\x05sh", 4 },                   /* a text that is cut */
                { "\x01\x7e", 2 },                     /* type 63 */
                { "\x01\x01", 2 },                     /* type -1 */
                { "\x02\x7e", 2 },                     /* source 63 */
                { "\x06\x02", 2 },                     /* a bool of 2 */
                { "\x0f\xff\xff\xff\xff\xff\x01", 7 }, /* a uid beyond 32 bits */
        };
        struct observation observation;
        struct error err;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                err.code = E_NONE;
                assert_int_equal(observation_decode(bad[i], &observation, &err), -1);
                assert_int_equal(err.code, E_PROTOCOL);
        }
        /* a word that is not known is none of ours, not a pointer of the file's */
        assert_int_equal(observation_decode(sv_n("\x41\x03xyz", 5), &observation, NULL), 0);
        assert_string_equal(observation.unit, "other");
}

/* ---- recordings ---- */

struct told {
        unsigned count;
        int last_pid;
};

static void count(const struct observation *observation, void *cookie)
{
        struct told *told = cookie;
        told->count++;
        told->last_pid = observation->pid;
}

static int setup(void **state)
{
        char pattern[] = "/tmp/watch-recording-XXXXXX";
        *state = mkdtemp(pattern) ? strdup(pattern) : NULL;
        return *state ? 0 : -1;
}

static int teardown(void **state)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/r", (char *)*state);
        unlink(path);
        rmdir(*state);
        free(*state);
        return 0;
}

static int play(const char *path, struct told *told, struct error *err)
{
        int status;
        struct replay *replay = replay_open(path, err);
        *told = (struct told){ 0 };
        if (!replay)
                return -1;
        while (replay_step(replay, count, told, &status, err))
                ;
        replay_close(replay);
        return status;
}

static void record(const char *path, int pids)
{
        struct recorder *recorder = recorder_open(path, "bpf", NULL);
        struct observation observation = full_observation();
        assert_non_null(recorder);
        for (int i = 1; i <= pids; i++) {
                observation.pid = i;
                recorder_add(recorder, &observation);
        }
        assert_int_equal(recorder_close(recorder, NULL), 0);
}

/* A disk that is full is told at the end, and what comes until then takes no memory. */
static void test_recording_on_a_full_disk(void **state)
{
        char path[128];
        static char arguments[64 << 10];
        struct error err;
        struct rlimit before, full;
        struct observation observation = full_observation();
        snprintf(path, sizeof(path), "%s/r", (char *)*state);
        memset(arguments, 'x', sizeof(arguments) - 1);
        observation.argv = sv_n(arguments, sizeof(arguments));
        struct recorder *recorder = recorder_open(path, "bpf", NULL);
        assert_non_null(recorder);
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        full = (struct rlimit){ 4096, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
        for (int i = 0; i < 100; i++)
                recorder_add(recorder, &observation);
        size_t used = mallinfo2().uordblks + mallinfo2().hblkhd;
        for (int i = 0; i < 100; i++)
                recorder_add(recorder, &observation);
        assert_true(mallinfo2().uordblks + mallinfo2().hblkhd <= used + sizeof(arguments));
        assert_int_equal(recorder_close(recorder, &err), -1);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(err.code, error_code_of_errno(EFBIG));
}

static void note_said(void *cookie, const char *text)
{
        snprintf(cookie, 128, "%s", text);
}

static void test_diagnostics_on_a_full_disk(void **state)
{
        (void)state;
        char said[128] = "";
        struct diagnostics diagnostics;
        const struct raw_loss loss = { .kind = LOSS_BACKLOG, .lost = 1 };
        struct source_options options = { .diagnostics = "/dev/full", .log = note_said, .log_cookie = said };
        assert_int_equal(diagnostics_open(&diagnostics, &options, NULL), 0);
        diagnostics_loss(&diagnostics, &loss);
        diagnostics_close(&diagnostics);
        assert_non_null(strstr(said, "--diag is incomplete"));
        said[0] = '\0';
        options.diagnostics = "/dev/null";
        assert_int_equal(diagnostics_open(&diagnostics, &options, NULL), 0);
        diagnostics_loss(&diagnostics, &loss);
        diagnostics_close(&diagnostics);
        assert_string_equal(said, "");
}

static void test_recording_is_replayed(void **state)
{
        char path[128];
        struct told told;
        struct error err;
        struct stat about;
        snprintf(path, sizeof(path), "%s/r", (char *)*state);
        record(path, 20000); /* more than one buffer */
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(about.st_mode & 0777, 0600);
        assert_int_equal(play(path, &told, &err), 0);
        assert_int_equal(told.count, 20000);
        assert_int_equal(told.last_pid, 20000);
        /* a recorder does not write over a file */
        assert_null(recorder_open(path, "bpf", &err));
        assert_int_equal(err.code, E_EXISTS);
        /* one that was killed in the middle of a record: what is whole is told */
        assert_int_equal(truncate(path, about.st_size - 3), 0);
        assert_int_equal(play(path, &told, &err), 0);
        assert_int_equal(told.count, 19999);
        /* a damaged one says where */
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        const char zeros[16] = { 0 };
        assert_int_equal(pwrite(fd, zeros, sizeof(zeros), about.st_size / 2), sizeof(zeros));
        close(fd);
        assert_int_equal(play(path, &told, &err), -1);
        assert_non_null(strstr(err.message, "damaged after"));
        assert_true(told.count > 9000 && told.count < 11000);
}

static void write_file(const char *path, struct sv bytes)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, bytes.p, bytes.n), bytes.n);
        close(fd);
}

static void test_replay_says_what_it_cannot_read(void **state)
{
        char path[128];
        struct told told;
        struct error err;
        struct buf bytes;
        snprintf(path, sizeof(path), "%s/r", (char *)*state);
        assert_int_equal(play(path, &told, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        /* a newer one */
        record(path, 1);
        buf_init(&bytes, 1 << 20);
        assert_int_equal(file_read(AT_FDCWD, path, &bytes, NULL), 0);
        char *version = memmem(bytes.data, bytes.len, "watch\":1", 8);
        assert_non_null(version);
        version[7] = '9';
        write_file(path, sv_n(bytes.data, bytes.len));
        assert_int_equal(play(path, &told, &err), -1); /* the checksum comes first */
        buf_done(&bytes);
        /* an empty file and one without a record are logs without events */
        write_file(path, SV(""));
        assert_int_equal(play(path, &told, &err), 0);
        assert_int_equal(told.count, 0);
        write_file(path, SV("this is no audit log\n\n"));
        assert_int_equal(play(path, &told, &err), 0);
        assert_int_equal(told.count, 0);
}

static void test_replay_takes_a_log(void **state)
{
        char path[128];
        struct told told;
        struct error err;
        snprintf(path, sizeof(path), "%s/r", (char *)*state);
        write_file(path, SV("type=USER_LOGIN msg=audit(1700000000.123:42): pid=77 uid=0 auid=1000 ses=3 "
                            "msg='op=login acct=\"ann\" exe=\"/usr/sbin/sshd\" hostname=? addr=192.0.2.1 "
                            "terminal=sshd res=success'")); /* the last line needs no line break */
        assert_int_equal(play(path, &told, &err), 0);
        assert_int_equal(told.count, 1);
        assert_int_equal(told.last_pid, 77);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_queue_keeps_order_and_counts),
                cmocka_unit_test(test_queue_refuses_what_has_no_room),
                cmocka_unit_test(test_codec_gives_back_what_it_took),
                cmocka_unit_test(test_codec_refuses_what_it_does_not_write),
                cmocka_unit_test_setup_teardown(test_recording_is_replayed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_recording_on_a_full_disk, setup, teardown),
                cmocka_unit_test(test_diagnostics_on_a_full_disk),
                cmocka_unit_test_setup_teardown(test_replay_says_what_it_cannot_read, setup, teardown),
                cmocka_unit_test_setup_teardown(test_replay_takes_a_log, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
