/* Records of the eBPF program as observations: what each type tells, losses in their place, and records that lie. */
#include "modules/watch/source/bpf/calls.h"
#include "modules/watch/source/bpf/record.h"
#include "modules/watch/source/bpf_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>

enum { BYTES_MAX = 4096 };

struct made {
        struct watch_bpf_record record;
        char behind[BYTES_MAX];
        size_t used;
};

struct seen {
        struct observation last, gap;
        int count, gaps;
        char argv[64], exe[64], cgroup[64], object[64], path[64], path2[64];
};

static void keep(char *ret, struct sv text)
{
        assert_true(text.n < 64);
        memcpy(ret, text.p, text.n);
        ret[text.n] = '\0';
}

static void observe(const struct observation *observation, void *cookie)
{
        struct seen *seen = cookie;
        assert_int_equal(observation->source, SOURCE_BPF);
        if (observation->type == OBSERVED_GAP) {
                seen->gap = *observation;
                seen->gaps++;
                assert_int_equal(seen->count, 0); /* it stands before what came after it */
                return;
        }
        seen->last = *observation;
        seen->count++;
        keep(seen->argv, observation->argv);
        keep(seen->exe, observation->exe);
        keep(seen->cgroup, observation->cgroup);
        keep(seen->object, observation->object);
        keep(seen->path, observation->path);
        keep(seen->path2, observation->path2);
}

static struct made make(int type)
{
        struct made made = { 0 };
        made.record = (struct watch_bpf_record){
                .type = (uint8_t)type,
                .boot_ns = 5000000000,
                .pid = 100,
                .tid = 101,
                .ppid = 90,
                .ns_pid = 7,
                .start_ns = 4000000000,
                .pid_namespace = 4026531999,
                .mount_namespace = 4026532000,
                .uid = 1000,
                .euid = 0,
                .suid = 3,
                .fsuid = 4,
                .gid = 5,
                .egid = 6,
                .sgid = 7,
                .fsgid = 8,
                .auid = 1000,
                .session = 2,
                .cap_effective = 0x1fffeffffff,
                .cap_permitted = 1,
                .cgroup_id = 77,
                .comm = "curl",
        };
        return made;
}

static void add_text(struct made *made, int which, const char *bytes, size_t size)
{
        assert_true(made->used + size <= BYTES_MAX);
        memcpy(made->behind + made->used, bytes, size);
        made->record.texts[which] = (uint16_t)size;
        made->used += size;
}

static bool decode_sized(struct bpf_stream *stream, struct made *made, size_t size, struct seen *seen)
{
        memset(seen, 0, sizeof(*seen));
        /* at an odd address, as it may stand in the queue */
        char *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy + 1, made, size);
        bool good = bpf_record_decode(stream, sv_n(copy + 1, size), observe, seen);
        free(copy);
        return good;
}

static bool decode(struct bpf_stream *stream, struct made *made, struct seen *seen)
{
        made->record.size = (uint32_t)(sizeof(made->record) + made->used);
        return decode_sized(stream, made, made->record.size, seen);
}

static void test_fork(void **state)
{
        (void)state;
        struct bpf_stream stream = { .boot_offset_ns = 1700000000000000000 };
        struct made made = make(WATCH_BPF_FORK);
        struct seen seen;
        assert_true(decode(&stream, &made, &seen));
        const struct observation *told = &seen.last;
        assert_int_equal(told->type, OBSERVED_FORK);
        assert_int_equal(told->time_ns, 1700000005000000000);
        assert_int_equal(told->pid, 100);
        assert_int_equal(told->tid, 101);
        assert_int_equal(told->ppid, 90);
        assert_int_equal(told->ns_pid, 7);
        assert_int_equal(told->start_ns, 4000000000);
        assert_int_equal(told->pid_namespace, 4026531999);
        assert_int_equal(told->mount_namespace, 4026532000);
        assert_int_equal(told->has, HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES);
        assert_int_equal(told->uid, 1000);
        assert_int_equal(told->fsgid, 8);
        assert_int_equal(told->session, 2);
        assert_int_equal(told->cap_effective, 0x1fffeffffff);
        assert_int_equal(told->cgroup_id, 77);
        assert_int_equal(told->comm.n, 4);
        assert_int_equal(told->cgroup.n, 0); /* inherited */
        assert_int_equal(stream.decoded, 1);
}

static void test_exec(void **state)
{
        (void)state;
        struct bpf_stream stream = { 0 };
        struct made made = make(WATCH_BPF_EXEC);
        struct seen seen;
        made.record.argc = 2;
        add_text(&made, WATCH_BPF_ARGV, "curl\0-s", 8);
        add_text(&made, WATCH_BPF_EXE, "/usr/bin/curl", 13);
        add_text(&made, WATCH_BPF_CWD, "/root", 5);
        add_text(&made, WATCH_BPF_TTY, "pts0", 4);
        add_text(&made, WATCH_BPF_CGROUP_TEXT, "0::/docker/abc\n", 15);
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_EXEC);
        assert_int_equal(seen.last.argv.n, 8);
        assert_memory_equal(seen.argv, "curl\0-s\0", 8);
        assert_int_equal(seen.last.argc, 2);
        assert_false(seen.last.argv_truncated);
        assert_string_equal(seen.exe, "/usr/bin/curl");
        assert_string_equal(seen.cgroup, "0::/docker/abc\n");
        assert_true(seen.last.has & HAS_CGROUP);
        assert_int_equal(seen.last.cwd.n, 5);
        assert_int_equal(seen.last.tty.n, 4);
        assert_int_equal(stream.truncated, 0);

        made.record.flags = WATCH_BPF_ARGV_CUT | WATCH_BPF_EXE_DELETED;
        assert_true(decode(&stream, &made, &seen));
        assert_true(seen.last.argv_truncated);
        assert_string_equal(seen.exe, "/usr/bin/curl (deleted)");
        assert_int_equal(stream.truncated, 1);
}

static void test_exit(void **state)
{
        (void)state;
        struct bpf_stream stream = { .page_size = 4096 };
        struct made made = make(WATCH_BPF_EXIT);
        struct seen seen;
        struct watch_bpf_usage usage = { .user = 3,
                .kernel = 1,
                .run = 4000,
                .max_rss = 2,
                .minor_faults = 5,
                .major_faults = 6,
                .read_bytes = 7,
                .write_bytes = 8 };
        memcpy(made.behind, &usage, sizeof(usage));
        made.used = sizeof(usage);
        made.record.status = 3 << 8;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_EXIT);
        assert_int_equal(seen.last.has & (HAS_EXIT | HAS_USAGE), HAS_EXIT | HAS_USAGE);
        assert_int_equal(seen.last.exit_code, 3);
        assert_int_equal(seen.last.exit_signal, 0);
        assert_int_equal(seen.last.user_ns, 3000);
        assert_int_equal(seen.last.system_ns, 1000);
        assert_int_equal(seen.last.max_rss, 8192);
        assert_int_equal(seen.last.write_bytes, 8);

        made.record.status = 11 | 0x80;
        usage.user = usage.kernel = 0; /* between two ticks */
        memcpy(made.behind, &usage, sizeof(usage));
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.exit_code, 0);
        assert_int_equal(seen.last.exit_signal, 11);
        assert_true(seen.last.core);
        assert_int_equal(seen.last.user_ns, 4000);
        assert_int_equal(seen.last.system_ns, 0);
}

static void test_calls(void **state)
{
        (void)state;
        struct bpf_stream stream = { 0 };
        struct seen seen;
        struct made made = make(WATCH_BPF_CREDENTIAL);
        made.record.call = WATCH_BPF_CALL_setuid;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_CREDENTIAL);
        assert_true(sv_eq(seen.last.syscall, SV("setuid")));
        assert_true(seen.last.success);

        made = make(WATCH_BPF_NAMESPACE);
        made.record.call = WATCH_BPF_CALL_unshare;
        made.record.call_flags = CLONE_NEWNS;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_NAMESPACE);
        assert_int_equal(seen.last.flags, CLONE_NEWNS);

        made = make(WATCH_BPF_MOUNT);
        made.record.call = WATCH_BPF_CALL_mount;
        add_text(&made, WATCH_BPF_NAME, "tmpfs", 5);
        add_text(&made, WATCH_BPF_TARGET, "/mnt", 4);
        add_text(&made, WATCH_BPF_SOURCE, "none", 4);
        assert_true(decode(&stream, &made, &seen));
        assert_true(sv_eq(seen.last.operation, SV("mount")));
        assert_string_equal(seen.object, "tmpfs");
        assert_string_equal(seen.path, "/mnt");
        assert_string_equal(seen.path2, "none");

        made = make(WATCH_BPF_PTRACE);
        made.record.call = WATCH_BPF_CALL_ptrace;
        made.record.target_pid = 55;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.target_pid, 55);
        assert_true(sv_eq(seen.last.operation, SV("attach")));

        made = make(WATCH_BPF_PROGRAM);
        made.record.call = WATCH_BPF_CALL_bpf;
        made.record.call_flags = 6;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_BPF);
        assert_string_equal(seen.object, "xdp");

        /* beyond the tables: the event stands, its names do not */
        made.record.call_flags = UINT64_MAX;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.object.n, 0);
        made.record.call = UINT32_MAX;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.syscall.n, 0);
}

static void test_module_and_oom(void **state)
{
        (void)state;
        struct bpf_stream stream = { 0 };
        struct seen seen;
        struct made made = make(WATCH_BPF_MODULE_UNLOAD);
        add_text(&made, WATCH_BPF_NAME, "evil", 4);
        made.used = 64; /* the program writes its name into a place of fixed size */
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_MODULE);
        assert_true(sv_eq(seen.last.operation, SV("unload")));
        assert_string_equal(seen.object, "evil");

        made = make(WATCH_BPF_OOM);
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.last.type, OBSERVED_OOM);
        assert_int_equal(seen.last.has & HAS_UIDS, 0); /* not read */
}

/* A loss is told once, with its exact number, before the first record that came after it. */
static void test_gap(void **state)
{
        (void)state;
        struct bpf_stream stream = { 0 };
        struct seen seen;
        struct made made = make(WATCH_BPF_FORK);
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.gaps, 0);
        made.record.lost = 12;
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.gaps, 1);
        assert_int_equal(seen.gap.lost, 12);
        assert_string_equal(seen.gap.unit, "events");
        assert_string_equal(seen.gap.reason, "ring buffer");
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.gaps, 0);
        made.record.lost = 11; /* written by another CPU a moment before */
        assert_true(decode(&stream, &made, &seen));
        assert_int_equal(seen.gaps, 0);

        memset(&seen, 0, sizeof(seen));
        bpf_record_gap(&stream, 15, 1, observe, &seen);
        assert_int_equal(seen.gap.lost, 3);
        bpf_record_gap(&stream, 15, 1, observe, &seen);
        assert_int_equal(seen.gaps, 1);
}

static void test_lies(void **state)
{
        (void)state;
        struct bpf_stream stream = { 0 };
        struct seen seen;
        struct made made = make(WATCH_BPF_EXEC);
        add_text(&made, WATCH_BPF_ARGV, "sh\0x", 5);
        assert_true(decode(&stream, &made, &seen));

        struct made lie = made;
        lie.record.size = sizeof(lie.record) + 5;
        assert_false(decode_sized(&stream, &lie, lie.record.size - 1, &seen));    /* shorter than it says */
        assert_false(decode_sized(&stream, &lie, lie.record.size + 1, &seen));    /* longer */
        assert_false(decode_sized(&stream, &lie, sizeof(lie.record) - 1, &seen)); /* cut */
        assert_false(decode_sized(&stream, &lie, 0, &seen));
        lie.record.texts[WATCH_BPF_EXE] = 1;
        assert_false(decode(&stream, &lie, &seen)); /* a text beyond the end */
        lie.record.texts[WATCH_BPF_EXE] = UINT16_MAX;
        assert_false(decode(&stream, &lie, &seen));
        lie = made;
        lie.behind[4] = 'y';
        assert_false(decode(&stream, &lie, &seen)); /* arguments without an end */
        lie = made;
        lie.record.type = 0;
        assert_false(decode(&stream, &lie, &seen));
        lie.record.type = WATCH_BPF_TYPES;
        assert_false(decode(&stream, &lie, &seen));
        lie = make(WATCH_BPF_EXIT);
        assert_false(decode(&stream, &lie, &seen)); /* without its usage */
        assert_int_equal(seen.count, 0);
        assert_int_equal(stream.refused, 10);
        assert_int_equal(stream.decoded, 11);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fork),
                cmocka_unit_test(test_exec),
                cmocka_unit_test(test_exit),
                cmocka_unit_test(test_calls),
                cmocka_unit_test(test_module_and_oom),
                cmocka_unit_test(test_gap),
                cmocka_unit_test(test_lies),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
