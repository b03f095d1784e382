/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How records are begun, filled with who did it, and put into the ring. Part of watch.bpf.c. */
#ifndef WATCH_BPF_RECORD_BPF_H
#define WATCH_BPF_RECORD_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "calls.h"
#include "kernel.h"
#include "record.h"

#define READ(pointer, ...) BPF_CORE_READ(pointer, __VA_ARGS__)

enum {
        SIGNAL_GROUP_EXIT = 4,  /* include/linux/sched/signal.h */
        SUBSYSTEMS_MAX = 16,    /* CGROUP_SUBSYS_COUNT is 14 at most, in Linux 6.18 */
        LINES_MAX = 4,          /* of the v1 hierarchies in which a process is not at the root, those told */
        NAME_MAX_AND_NUL = 256, /* a component */
        CONTROLLER_MAX = 32,    /* the name of one */
        TEXT_SLACK = 2 * NAME_MAX_AND_NUL,
        WALK_MAX = WATCH_BPF_DEPTH_MAX + 16, /* components and mounts */
        EXITS_MAX = 1024,
        TS_COMPAT = 2,       /* arch/x86/include/asm/thread_info.h */
        TIF_32BIT = 1 << 22, /* arch/arm64/include/asm/thread_info.h */
        PTRACE_ATTACH = 16,  /* include/uapi/linux/ptrace.h */
        PTRACE_SEIZE = 0x4206,
};
/* clone(2): of mounts, cgroups, UTS, IPC, users, pids, network, time */
#define NEW_NAMESPACES (0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x80)

struct {
        __uint(type, BPF_MAP_TYPE_RINGBUF);
        __uint(max_entries, 8 << 20); /* source_bpf.c sets it */
} ring SEC(".maps");

/* Where records with texts are put together. Our programs do not interrupt one another on a CPU, but each has its own
 * all the same: a kernel whose tracepoints can be preempted would mix them up. */
enum scratch_owner { SCRATCH_EXEC, SCRATCH_FORK, SCRATCH_CGROUP, SCRATCH_CALL, SCRATCHES };

struct scratch {
        struct watch_bpf_record record;
        char text[WATCH_BPF_TEXT_MAX + TEXT_SLACK]; /* follows the record without a gap: both are output as one */
        /* Kept in memory and not in registers: what the verifier does not know it need not follow through each loop. */
        volatile __u32 at;                /* where the text ends */
        volatile __u32 count;             /* of names */
        __u64 names[WATCH_BPF_DEPTH_MAX]; /* of a path, last component first */
        __u64 states[SUBSYSTEMS_MAX];     /* css pointers */
        __u64 lines[LINES_MAX], told[LINES_MAX];
};

struct {
        __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
        __uint(max_entries, SCRATCHES);
        __type(key, __u32);
        __type(value, struct scratch);
} scratches SEC(".maps");

/* Start times of those whose end was told: see tell_exit_once. */
struct {
        __uint(type, BPF_MAP_TYPE_LRU_HASH);
        __uint(max_entries, EXITS_MAX);
        __type(key, __u32);
        __type(value, __u64);
} exits SEC(".maps");

struct watch_bpf_shared shared = { 0 };
const volatile struct watch_bpf_options options = { 0 };

/* ---- the ring ---- */

/* The reader looks about every 10 ms while there is something to read; only when it waits for the first record, or
 * when the ring fills faster than that, it is woken. */
static __always_inline __u64 wake(__u64 size)
{
        if (shared.sleeping) {
                shared.sleeping = 0;
                return BPF_RB_FORCE_WAKEUP;
        }
        __u64 waiting = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
        return waiting < options.wake_at && waiting + size >= options.wake_at ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void count_lost(void)
{
        __sync_fetch_and_add(&shared.lost, 1);
}

static __always_inline void output(struct scratch *scratch)
{
        __u32 size = sizeof(scratch->record) + scratch->at;
        if (size > sizeof(scratch->record) + WATCH_BPF_TEXT_MAX) { /* the sum of what each may be is less */
                count_lost();
                return;
        }
        scratch->record.size = size;
        if (bpf_ringbuf_output(&ring, scratch, size, wake(size)))
                count_lost();
}

/* ---- who ---- */

/* Its pid and pid namespace, the innermost that it is in: struct pid, include/linux/pid.h. */
static __always_inline void tell_pid(struct watch_bpf_record *record, struct pid *pid, __u32 tgid)
{
        record->ns_pid = tgid;
        record->pid_namespace = 0;
        if (!pid)
                return;
        __u32 level = pid->level;
        if (level == 0) {
                record->pid_namespace = pid->numbers[0].ns->ns.inum;
                return;
        }
        void *at = (char *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
        struct upid *upid = at;
        record->ns_pid = READ(upid, nr);
        record->pid_namespace = READ(upid, ns, ns.inum);
}

static __always_inline void tell_credentials(struct watch_bpf_record *record, const struct cred *cred)
{
        record->uid = cred->uid.val;
        record->euid = cred->euid.val;
        record->suid = cred->suid.val;
        record->fsuid = cred->fsuid.val;
        record->gid = cred->gid.val;
        record->egid = cred->egid.val;
        record->sgid = cred->sgid.val;
        record->fsgid = cred->fsgid.val;
        /* one number since Linux 6.3, before it two halves, the low one first */
        bpf_probe_read_kernel(&record->cap_effective, sizeof(record->cap_effective), &cred->cap_effective);
        bpf_probe_read_kernel(&record->cap_permitted, sizeof(record->cap_permitted), &cred->cap_permitted);
}

static __always_inline void tell_none(struct watch_bpf_record *record, __u8 type)
{
        record->type = type;
        record->flags = 0;
        for (int i = 0; i < WATCH_BPF_TEXTS; i++)
                record->texts[i] = 0;
        record->reserved = 0;
        record->boot_ns = bpf_ktime_get_boot_ns();
        record->lost = shared.lost;
        record->argc = record->status = 0;
        record->call = record->target_pid = 0;
        record->call_flags = 0;
        record->result = 0;
        record->pid = record->tid = record->ppid = record->ns_pid = 0;
        record->start_ns = 0;
        record->pid_namespace = record->mount_namespace = 0;
}

static __always_inline void tell_process(struct watch_bpf_record *record, struct task_struct *task, __u8 type)
{
        tell_none(record, type);
        struct task_struct *leader = task->group_leader;
        record->pid = task->tgid;
        record->tid = task->pid;
        record->ppid = task->real_parent->tgid;
        record->start_ns = leader->start_boottime;
        tell_pid(record, leader->thread_pid, task->tgid);
        struct nsproxy *namespaces = task->nsproxy;
        if (namespaces)
                record->mount_namespace = namespaces->mnt_ns->ns.inum;
        tell_credentials(record, task->real_cred);
        record->auid = record->session = (__u32)-1;
        if (bpf_core_field_exists(task->loginuid)) { /* CONFIG_AUDIT */
                record->auid = task->loginuid.val;
                record->session = task->sessionid;
        }
        record->cgroup_id = task->cgroups->dfl_cgrp->kn->id;
        bpf_probe_read_kernel(record->comm, sizeof(record->comm), leader->comm);
}

#endif
