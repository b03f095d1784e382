#include "modules/watch/source/bpf_record.h"

#include "modules/watch/source/bpf/calls.h"
#include "modules/watch/source/bpf/record.h"

#include <sys/wait.h>

_Static_assert(sizeof(struct watch_bpf_record) % 8 == 0, "texts follow at once");

static const enum observation_type types[] = {
        [WATCH_BPF_FORK] = OBSERVED_FORK,
        [WATCH_BPF_EXEC] = OBSERVED_EXEC,
        [WATCH_BPF_EXIT] = OBSERVED_EXIT,
        [WATCH_BPF_COMM] = OBSERVED_COMM,
        [WATCH_BPF_CGROUP] = OBSERVED_CGROUP,
        [WATCH_BPF_CREDENTIAL] = OBSERVED_CREDENTIAL,
        [WATCH_BPF_NAMESPACE] = OBSERVED_NAMESPACE,
        [WATCH_BPF_OOM] = OBSERVED_OOM,
        [WATCH_BPF_MODULE_LOAD] = OBSERVED_MODULE,
        [WATCH_BPF_MODULE_UNLOAD] = OBSERVED_MODULE,
        [WATCH_BPF_PTRACE] = OBSERVED_PTRACE,
        [WATCH_BPF_MOUNT] = OBSERVED_MOUNT,
        [WATCH_BPF_PROGRAM] = OBSERVED_BPF,
};
_Static_assert(sizeof(types) / sizeof(types[0]) == WATCH_BPF_TYPES, "each is something");

#define X(name, i386, arm, type) SV(#name),
static const struct sv call_names[] = { WATCH_BPF_CALLS(X) };
#undef X

/* enum bpf_prog_type, include/uapi/linux/bpf.h */
static const char *const program_types[] = { "unspec", "socket_filter", "kprobe", "sched_cls", "sched_act",
        "tracepoint", "xdp", "perf_event", "cgroup_skb", "cgroup_sock", "lwt_in", "lwt_out", "lwt_xmit", "sock_ops",
        "sk_skb", "cgroup_device", "sk_msg", "raw_tracepoint", "cgroup_sock_addr", "lwt_seg6local", "lirc_mode2",
        "sk_reuseport", "flow_dissector", "cgroup_sysctl", "raw_tracepoint_writable", "cgroup_sockopt", "tracing",
        "struct_ops", "ext", "lsm", "sk_lookup", "syscall", "netfilter" };

static const char deleted[] = " (deleted)"; /* as d_path in fs/d_path.c says it */

struct texts {
        struct sv of[WATCH_BPF_TEXTS];
        char exe[WATCH_BPF_PATH_MAX + sizeof(deleted)]; /* with that behind it */
};

/* False when the sizes do not add up to what came. */
static bool split(const struct watch_bpf_record *record, struct sv raw, struct texts *ret)
{
        size_t fixed = sizeof(*record) + (record->type == WATCH_BPF_EXIT ? sizeof(struct watch_bpf_usage) : 0);
        if (record->size != raw.n || raw.n < fixed)
                return false;
        struct sv rest = sv_n(raw.p + fixed, raw.n - fixed);
        for (int i = 0; i < WATCH_BPF_TEXTS; i++) {
                size_t size = record->texts[i];
                if (size > rest.n)
                        return false;
                ret->of[i] = sv_n(rest.p, size);
                rest = sv_n(rest.p + size, rest.n - size);
        }
        /* arguments are read as a list of C strings */
        struct sv argv = ret->of[WATCH_BPF_ARGV];
        return argv.n == 0 || argv.p[argv.n - 1] == '\0';
}

static void fill_process(const struct watch_bpf_record *record, struct observation *observation)
{
        observation->pid = (pid_t)record->pid;
        observation->tid = (pid_t)record->tid;
        observation->ppid = (pid_t)record->ppid;
        observation->ns_pid = (pid_t)record->ns_pid;
        observation->start_ns = record->start_ns;
        observation->pid_namespace = record->pid_namespace;
        observation->mount_namespace = record->mount_namespace;
        if (record->type == WATCH_BPF_OOM) /* told of another process: its ids were not read */
                return;
        observation->has |= HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES;
        observation->uid = record->uid;
        observation->euid = record->euid;
        observation->suid = record->suid;
        observation->fsuid = record->fsuid;
        observation->gid = record->gid;
        observation->egid = record->egid;
        observation->sgid = record->sgid;
        observation->fsgid = record->fsgid;
        observation->auid = record->auid;
        observation->session = record->session;
        observation->cap_effective = record->cap_effective;
        observation->cap_permitted = record->cap_permitted;
        observation->cgroup_id = record->cgroup_id;
}

static void fill_texts(const struct watch_bpf_record *record, struct texts *texts, struct observation *observation)
{
        observation->comm = sv_n(record->comm, strnlen(record->comm, sizeof(record->comm)));
        observation->argv = texts->of[WATCH_BPF_ARGV];
        observation->argc = record->argc;
        observation->argv_truncated = record->flags & WATCH_BPF_ARGV_CUT;
        observation->cwd = texts->of[WATCH_BPF_CWD];
        observation->tty = texts->of[WATCH_BPF_TTY];
        observation->cgroup = texts->of[WATCH_BPF_CGROUP_TEXT];
        if (observation->cgroup.n)
                observation->has |= HAS_CGROUP;
        observation->exe = texts->of[WATCH_BPF_EXE];
        if ((record->flags & WATCH_BPF_EXE_DELETED) && observation->exe.n &&
                observation->exe.n + sizeof(deleted) <= sizeof(texts->exe)) {
                memcpy(texts->exe, observation->exe.p, observation->exe.n);
                memcpy(texts->exe + observation->exe.n, deleted, sizeof(deleted));
                observation->exe = sv_n(texts->exe, observation->exe.n + sizeof(deleted) - 1);
        }
}

/* User and system time by the tick only say in what proportion the exact run time is to be divided: cputime_adjust in
 * kernel/sched/cputime.c. */
static void fill_times(const struct watch_bpf_usage *usage, struct observation *observation)
{
        uint64_t run = usage->run, user = usage->user, kernel = usage->kernel;
        if (run == 0) {
                run = user + kernel;
        } else if (kernel == 0) {
                user = run;
        } else if (user == 0) {
                kernel = run;
        } else {
                kernel = (uint64_t)((unsigned __int128)run * kernel / ((unsigned __int128)user + kernel));
                user = run - kernel;
        }
        observation->user_ns = (int64_t)(user & INT64_MAX);
        observation->system_ns = (int64_t)(kernel & INT64_MAX);
}

static void fill_exit(const struct watch_bpf_record *record, const struct watch_bpf_usage *usage, uint64_t page_size,
        struct observation *observation)
{
        int status = (int)record->status;
        observation->has |= HAS_EXIT | HAS_USAGE;
        observation->exit_code = WEXITSTATUS(status);
        observation->exit_signal = status & 0x7f;
        observation->core = status & 0x80;
        fill_times(usage, observation);
        observation->max_rss = usage->max_rss * page_size;
        observation->minor_faults = usage->minor_faults;
        observation->major_faults = usage->major_faults;
        observation->read_bytes = usage->read_bytes;
        observation->write_bytes = usage->write_bytes;
}

static void fill_call(const struct watch_bpf_record *record, const struct texts *texts, struct observation *observation)
{
        if (record->call >= WATCH_BPF_CALL_COUNT)
                return;
        observation->has |= HAS_RESULT;
        observation->success = true; /* others are not told */
        observation->result = record->result;
        observation->syscall = call_names[record->call];
        observation->path = texts->of[WATCH_BPF_TARGET];
        observation->path2 = texts->of[WATCH_BPF_SOURCE];
        observation->target_pid = (pid_t)record->target_pid;
        if (observation->type == OBSERVED_MOUNT) {
                observation->operation = observation->syscall;
                observation->object = texts->of[WATCH_BPF_NAME];
        } else if (observation->type == OBSERVED_PTRACE) {
                observation->operation = SV("attach");
        } else if (observation->type == OBSERVED_BPF) {
                observation->operation = SV("load");
                size_t known = sizeof(program_types) / sizeof(program_types[0]);
                if (record->call_flags < known)
                        observation->object = sv_of(program_types[record->call_flags]);
        }
}

static bool of_call(uint8_t type)
{
        return type == WATCH_BPF_CREDENTIAL || type == WATCH_BPF_NAMESPACE || type == WATCH_BPF_PTRACE ||
               type == WATCH_BPF_MOUNT || type == WATCH_BPF_PROGRAM;
}

void bpf_tell_lost(uint64_t lost, const char *reason, int64_t time_ns, observe_fn *observe, void *cookie)
{
        struct observation gap;
        observation_init(&gap, OBSERVED_GAP, SOURCE_BPF);
        gap.time_ns = time_ns;
        gap.lost = lost;
        gap.unit = "events";
        gap.reason = reason;
        observe(&gap, cookie);
}

void bpf_record_gap(struct bpf_stream *stream, uint64_t lost, int64_t time_ns, observe_fn *observe, void *cookie)
{
        if (lost <= stream->lost)
                return;
        uint64_t more = lost - stream->lost;
        stream->lost = lost;
        bpf_tell_lost(more, "ring buffer", time_ns, observe, cookie);
}

bool bpf_record_decode(struct bpf_stream *stream, struct sv raw, observe_fn *observe, void *cookie)
{
        struct watch_bpf_record record;
        struct texts texts;
        stream->decoded++;
        if (raw.n < sizeof(record)) {
                stream->refused++;
                return false;
        }
        memcpy(&record, raw.p, sizeof(record)); /* the queue does not align */
        if (record.type == 0 || record.type >= WATCH_BPF_TYPES || !split(&record, raw, &texts)) {
                stream->refused++;
                return false;
        }
        if (record.flags & ~WATCH_BPF_EXE_DELETED)
                stream->truncated++;

        int64_t time_ns = (int64_t)(record.boot_ns & INT64_MAX >> 1) + stream->boot_offset_ns;
        bpf_record_gap(stream, record.lost, time_ns, observe, cookie);
        struct observation observation;
        observation_init(&observation, types[record.type], SOURCE_BPF);
        observation.time_ns = time_ns;
        fill_process(&record, &observation);
        fill_texts(&record, &texts, &observation);
        observation.flags = record.call_flags;
        if (observation.type == OBSERVED_MODULE) {
                observation.operation = record.type == WATCH_BPF_MODULE_LOAD ? SV("load") : SV("unload");
                observation.object = texts.of[WATCH_BPF_NAME];
        }
        if (of_call(record.type))
                fill_call(&record, &texts, &observation);
        if (record.type == WATCH_BPF_EXIT) {
                struct watch_bpf_usage usage;
                memcpy(&usage, raw.p + sizeof(record), sizeof(usage));
                fill_exit(&record, &usage, stream->page_size, &observation);
        }
        observe(&observation, cookie);
        return true;
}
