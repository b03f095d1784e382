// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The kernel's side of the eBPF source: one record (record.h) for every process that starts, runs another program or
 * ends, and for what changes between. Loaded by source_bpf.c.
 *
 * Order: a fork is told by the parent before the child may run (kernel_clone in kernel/fork.c), and the ring is one for
 * all CPUs, so what is read from it stands as it happened.
 * Loss: a record that finds no room is counted in shared.lost, and each record carries that number.
 * Members are read from typed pointers where the verifier knows the type (a plain load), else by probe reads. */
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "calls.h"
#include "kernel.h"
#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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

/* ---- paths ---- */

/* Ends a text at `at` and says how long it became; what is cut is left out, and marked. */
static __always_inline void close_text(struct scratch *scratch, __u32 from, int which, bool whole, __u8 cut)
{
        if (whole) {
                scratch->record.texts[which] = scratch->at - from;
        } else {
                scratch->record.flags |= cut;
                scratch->at = from;
        }
}

static __always_inline bool put(struct scratch *scratch, char c)
{
        __u32 at = scratch->at;
        if (at >= WATCH_BPF_TEXT_MAX)
                return false;
        scratch->text[at] = c;
        scratch->at = at + 1;
        return true;
}

/* At most `max` bytes, NUL included, of a kernel's string. */
static __always_inline bool put_string(struct scratch *scratch, const void *string, __u32 max)
{
        __u32 at = scratch->at;
        if (at >= WATCH_BPF_TEXT_MAX)
                return false;
        long n = bpf_probe_read_kernel_str(&scratch->text[at], max, string);
        if (n <= 0)
                return false;
        scratch->at = at + n - 1;
        return true;
}

/* scratch->names, from the last back to the first, as "/a/b"; false when they are longer than `max`. */
static __noinline bool put_names(struct scratch *scratch, __u32 max)
{
        __u32 start = scratch->at;
        if (scratch->count == 0)
                return put(scratch, '/');
        for (int i = 0; i < WATCH_BPF_DEPTH_MAX; i++) {
                __u32 left = scratch->count - 1;
                if (left >= WATCH_BPF_DEPTH_MAX)
                        break;
                scratch->count = left;
                if (!put(scratch, '/') || !put_string(scratch, (const void *)scratch->names[left], NAME_MAX_AND_NUL))
                        return false;
        }
        return scratch->at - start <= max;
}

static __always_inline bool add_name(struct scratch *scratch, const void *name)
{
        __u32 count = scratch->count;
        if (count >= WATCH_BPF_DEPTH_MAX)
                return false;
        scratch->names[count] = (__u64)name;
        scratch->count = count + 1;
        return true;
}

struct place {
        struct vfsmount *mount;
        struct dentry *dentry;
};

/* The components of a path into scratch->names, the last first, up to the root of the process: prepend_path in
 * fs/d_path.c. False when they are too many. */
static __noinline bool find_names(struct scratch *scratch, struct place *from, struct place *root)
{
        struct vfsmount *mount = from->mount, *root_mount = root->mount;
        struct dentry *dentry = from->dentry, *root_dentry = root->dentry;
        struct dentry *top = READ(mount, mnt_root);
        scratch->count = 0;
        for (int i = 0; i < WALK_MAX; i++) {
                if (dentry == root_dentry && mount == root_mount)
                        return true;
                if (dentry == top) {
                        struct mount *of = (void *)mount - bpf_core_field_offset(struct mount, mnt);
                        struct mount *parent = READ(of, mnt_parent);
                        if (parent == of || !parent)
                                return true;
                        dentry = READ(of, mnt_mountpoint);
                        mount = (void *)parent + bpf_core_field_offset(struct mount, mnt);
                        top = READ(mount, mnt_root);
                        continue;
                }
                if (!add_name(scratch, READ(dentry, d_name.name)))
                        return false;
                struct dentry *parent = READ(dentry, d_parent);
                if (parent == dentry || !parent) /* in no directory at all: memfd_create(2) */
                        return true;
                dentry = parent;
        }
        return false;
}

static __always_inline void tell_path(
        struct scratch *scratch, struct path *path, struct place *root, int which, __u8 cut)
{
        __u32 start = scratch->at;
        struct dentry *dentry = READ(path, dentry);
        struct place from = { READ(path, mnt), dentry };
        bool whole = find_names(scratch, &from, root);
        bool top = scratch->count == 0;
        whole = whole && put_names(scratch, WATCH_BPF_PATH_MAX);
        if (!top && !READ(dentry, d_hash.pprev)) /* in no directory any more */
                scratch->record.flags |= which == WATCH_BPF_EXE ? WATCH_BPF_EXE_DELETED : 0;
        close_text(scratch, start, which, whole, cut);
}

/* ---- control groups ---- */

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *node)
{
        struct kernfs_node___6_15 *newer = (void *)node;
        if (bpf_core_field_exists(newer->__parent))
                return (struct kernfs_node *)READ(newer, __parent);
        return READ(node, parent);
}

/* One line "H:NAME:/path\n"; false when cut. */
static __noinline bool put_cgroup(struct scratch *scratch, struct cgroup *group, const char *name)
{
        struct kernfs_node *node = READ(group, kn);
        scratch->count = 0;
        for (int i = 0; i <= WATCH_BPF_DEPTH_MAX; i++) {
                struct kernfs_node *parent = parent_of(node);
                if (!parent)
                        break;
                if (!add_name(scratch, READ(node, name)))
                        return false;
                node = parent;
        }
        __u32 hierarchy = READ(group, root, hierarchy_id);
        return (hierarchy < 10 || put(scratch, '0' + hierarchy / 10 % 10)) && put(scratch, '0' + hierarchy % 10) &&
               put(scratch, ':') && (!name || put_string(scratch, name, CONTROLLER_MAX)) && put(scratch, ':') &&
               put_names(scratch, WATCH_BPF_CGROUP_MAX) && put(scratch, '\n');
}

/* The groups of the v1 hierarchies in which the process is not at the root, each path once: engines make the same one
 * in all. Their css pointers into lines. */
static __noinline void find_groups(struct scratch *scratch, struct css_set *set)
{
        __u32 size = bpf_core_field_size(set->subsys);
        if (size > sizeof(scratch->states))
                size = sizeof(scratch->states);
        for (int i = 0; i < SUBSYSTEMS_MAX; i++)
                scratch->states[i] = 0;
        for (int i = 0; i < LINES_MAX; i++)
                scratch->lines[i] = scratch->told[i] = 0;
        bpf_probe_read_kernel(scratch->states, size, (void *)set + bpf_core_field_offset(struct css_set, subsys));

        scratch->count = 0;
        for (int i = 0; i < SUBSYSTEMS_MAX; i++) {
                struct cgroup_subsys_state *state = (void *)scratch->states[i];
                if (!state)
                        continue;
                struct cgroup *group = READ(state, cgroup);
                if (READ(group, level) == 0 || READ(group, root, hierarchy_id) == 0)
                        continue;
                struct kernfs_node *node = READ(group, kn);
                __u64 told = (__u64)READ(node, hash) << 32 | (__u32)READ(parent_of(node), hash);
                bool known = false;
                for (int j = 0; j < LINES_MAX; j++)
                        known |= scratch->told[j] == told;
                __u32 count = scratch->count;
                if (known || count >= LINES_MAX)
                        continue;
                scratch->told[count] = told;
                scratch->lines[count] = (__u64)state;
                scratch->count = count + 1;
        }
}

static __noinline void tell_cgroups(struct scratch *scratch, struct task_struct *task)
{
        struct css_set *set = task->cgroups;
        __u32 start = scratch->at;
        bool whole = put_cgroup(scratch, set->dfl_cgrp, NULL);
        if (options.legacy_cgroups) {
                find_groups(scratch, set);
                for (int i = 0; i < LINES_MAX; i++) {
                        struct cgroup_subsys_state *state = (void *)scratch->lines[i];
                        if (state && !put_cgroup(scratch, READ(state, cgroup), READ(state, ss, legacy_name)))
                                whole = false;
                }
        }
        close_text(scratch, start, WATCH_BPF_CGROUP_TEXT, whole, WATCH_BPF_CGROUP_CUT);
}

/* ---- what happens ---- */

static __always_inline struct scratch *scratch_of(__u32 owner)
{
        return bpf_map_lookup_elem(&scratches, &owner);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(watch_fork, struct task_struct *parent, struct task_struct *child)
{
        if (child->pid != child->tgid) /* a thread */
                return 0;
        if (child->cgroups != parent->cgroups) { /* clone3(2) with CLONE_INTO_CGROUP */
                struct scratch *scratch = scratch_of(SCRATCH_FORK);
                if (!scratch)
                        return 0;
                tell_process(&scratch->record, child, WATCH_BPF_FORK);
                scratch->record.ppid = parent->tgid;
                scratch->at = 0;
                tell_cgroups(scratch, child);
                output(scratch);
                return 0;
        }
        struct watch_bpf_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
        if (!record) {
                count_lost();
                return 0;
        }
        tell_process(record, child, WATCH_BPF_FORK);
        record->ppid = parent->tgid; /* the one that forks, also with CLONE_PARENT */
        record->size = sizeof(*record);
        bpf_ringbuf_submit(record, wake(sizeof(*record)));
        return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(watch_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *program)
{
        struct scratch *scratch = scratch_of(SCRATCH_EXEC);
        struct mm_struct *mm = task->mm;
        if (!scratch || !mm)
                return 0;
        struct watch_bpf_record *record = &scratch->record;
        tell_process(record, task, WATCH_BPF_EXEC);
        record->argc = program->argc;

        __u64 size = mm->arg_end - mm->arg_start;
        if (size > WATCH_BPF_ARGV_MAX) {
                size = WATCH_BPF_ARGV_MAX;
                record->flags |= WATCH_BPF_ARGV_CUT;
        }
        scratch->at = 0;
        if (size && bpf_probe_read_user(scratch->text, size, (void *)mm->arg_start) == 0) {
                scratch->at = size;
                if (record->flags & WATCH_BPF_ARGV_CUT) /* every argument ends with NUL */
                        scratch->text[WATCH_BPF_ARGV_MAX - 1] = 0;
        } else if (size) {
                record->flags |= WATCH_BPF_ARGV_LOST;
        }
        record->texts[WATCH_BPF_ARGV] = scratch->at;

        struct fs_struct *fs = task->fs;
        struct place root = { READ(fs, root.mnt), READ(fs, root.dentry) };
        tell_path(scratch, &mm->exe_file->f_path, &root, WATCH_BPF_EXE, WATCH_BPF_EXE_CUT);
        tell_path(scratch, &fs->pwd, &root, WATCH_BPF_CWD, WATCH_BPF_CWD_CUT);
        struct tty_struct *tty = task->signal->tty;
        if (tty) {
                __u32 start = scratch->at;
                bool whole = put_string(scratch, tty->name, sizeof(tty->name));
                close_text(scratch, start, WATCH_BPF_TTY, whole, 0);
        }
        tell_cgroups(scratch, task);
        output(scratch);
        return 0;
}

static __always_inline void tell_exit(struct task_struct *task)
{
        struct {
                struct watch_bpf_record record;
                struct watch_bpf_usage usage;
        } *exit = bpf_ringbuf_reserve(&ring, sizeof(*exit), 0);
        if (!exit) {
                count_lost();
                return;
        }
        tell_process(&exit->record, task, WATCH_BPF_EXIT);
        struct signal_struct *signal = task->signal;
        struct task_struct *leader = task->group_leader;
        exit->record.status = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;

        struct watch_bpf_usage *usage = &exit->usage;
        /* ended threads are in `signal`; the leader waits as a zombie and is in neither */
        usage->user = signal->utime + task->utime;
        usage->kernel = signal->stime + task->stime;
        usage->run = signal->sum_sched_runtime + task->se.sum_exec_runtime;
        usage->minor_faults = signal->min_flt + task->min_flt;
        usage->major_faults = signal->maj_flt + task->maj_flt;
        usage->read_bytes = usage->write_bytes = 0;
        if (bpf_core_field_exists(signal->ioac.read_bytes)) { /* CONFIG_TASK_IO_ACCOUNTING */
                usage->read_bytes = signal->ioac.read_bytes + task->ioac.read_bytes;
                usage->write_bytes = signal->ioac.write_bytes + task->ioac.write_bytes;
        }
        if (leader != task) {
                usage->user += leader->utime;
                usage->kernel += leader->stime;
                usage->run += leader->se.sum_exec_runtime;
                usage->minor_faults += leader->min_flt;
                usage->major_faults += leader->maj_flt;
                if (bpf_core_field_exists(signal->ioac.read_bytes)) {
                        usage->read_bytes += leader->ioac.read_bytes;
                        usage->write_bytes += leader->ioac.write_bytes;
                }
        }
        usage->max_rss = signal->maxrss;
        exit->record.size = sizeof(*exit);
        bpf_ringbuf_submit(exit, wake(sizeof(*exit)));
}

/* Since Linux 6.16 the kernel says which thread is the last. */
SEC("raw_tp/sched_process_exit")
int watch_exit(struct bpf_raw_tracepoint_args *ctx)
{
        if (ctx->args[1] & 0xff)
                tell_exit(bpf_get_current_task_btf());
        return 0;
}

/* Before, two threads that end at once may both find that none is left alive: the first of them tells. */
SEC("raw_tp/sched_process_exit")
int watch_exit_once(struct bpf_raw_tracepoint_args *ctx)
{
        struct task_struct *task = bpf_get_current_task_btf();
        if (task->signal->live.counter != 0)
                return 0;
        __u32 pid = task->tgid;
        __u64 start = task->group_leader->start_boottime;
        __u64 *told = bpf_map_lookup_elem(&exits, &pid);
        if (told) { /* pids are used again: the later start takes its place */
                if (__sync_lock_test_and_set(told, start) == start)
                        return 0;
        } else if (bpf_map_update_elem(&exits, &pid, &start, BPF_NOEXIST)) {
                return 0;
        }
        tell_exit(task);
        return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(watch_rename, struct task_struct *task, const char *comm)
{
        /* the name of a process is that of its first thread; execve(2) tells by itself */
        if (task->pid != task->tgid || BPF_CORE_READ_BITFIELD(task, in_execve))
                return 0;
        struct watch_bpf_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
        if (!record) {
                count_lost();
                return 0;
        }
        tell_process(record, task, WATCH_BPF_COMM);
        bpf_probe_read_kernel_str(record->comm, sizeof(record->comm), comm);
        record->size = sizeof(*record);
        bpf_ringbuf_submit(record, wake(sizeof(*record)));
        return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(watch_attach, struct cgroup *group, const char *path, struct task_struct *task, bool whole)
{
        if (!whole && task->pid != task->tgid) /* one thread, v1 */
                return 0;
        struct scratch *scratch = scratch_of(SCRATCH_CGROUP);
        if (!scratch)
                return 0;
        tell_process(&scratch->record, task, WATCH_BPF_CGROUP);
        scratch->at = 0;
        tell_cgroups(scratch, task);
        output(scratch);
        return 0;
}

/* ---- system calls ---- */

/* Its arguments, as they are at its end: the machine keeps them. */
static __always_inline __u64 argument(struct pt_regs *registers, int index)
{
#if defined(__TARGET_ARCH_x86)
        return index == 0 ? registers->di : index == 1 ? registers->si : index == 2 ? registers->dx : registers->r10;
#else
        return index == 0 ? registers->orig_x0 : registers->regs[index];
#endif
}

static __always_inline long call_number(struct pt_regs *registers)
{
#if defined(__TARGET_ARCH_x86)
        return (long)registers->orig_ax;
#else
        return registers->syscallno;
#endif
}

/* 1 for a system call by the table of 32-bit programs. */
static __always_inline int call_table(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
        return !!(task->thread_info.status & TS_COMPAT);
#else
        return !!(task->thread_info.flags & TIF_32BIT);
#endif
}

static __always_inline void put_user_string(struct scratch *scratch, __u64 string, __u32 max, int which)
{
        __u32 at = scratch->at;
        if (!string || at > WATCH_BPF_TEXT_MAX - WATCH_BPF_PATH_MAX)
                return;
        long n = bpf_probe_read_user_str(&scratch->text[at], max, (const void *)string);
        if (n <= 1)
                return;
        scratch->at = at + n - 1;
        scratch->record.texts[which] = n - 1;
}

/* The process that `task` attached to last: ptrace_link in kernel/ptrace.c puts it first. */
static __always_inline __u32 last_traced(struct task_struct *task)
{
        struct list_head *first = task->ptraced.next;
        struct task_struct *traced = (void *)first - bpf_core_field_offset(struct task_struct, ptrace_entry);
        return READ(traced, tgid);
}

/* False when nothing came of it. The argument that tells is the same for all calls of a type, but mount and umount2. */
static __always_inline bool tell_call(struct scratch *scratch, struct task_struct *task, struct pt_regs *registers)
{
        struct watch_bpf_record *record = &scratch->record;
        __u64 first = argument(registers, 0), second = argument(registers, 1);
        switch (record->type) {
        case WATCH_BPF_NAMESPACE:
                record->call_flags = record->call == WATCH_BPF_CALL_setns ? second : first;
                return record->call == WATCH_BPF_CALL_setns || (record->call_flags & NEW_NAMESPACES);
        case WATCH_BPF_PTRACE:
                if (first != PTRACE_ATTACH && first != PTRACE_SEIZE)
                        return false;
                record->target_pid = last_traced(task);
                return true;
        case WATCH_BPF_MOUNT:
                if (record->call == WATCH_BPF_CALL_umount2) {
                        record->call_flags = second;
                        put_user_string(scratch, first, WATCH_BPF_PATH_MAX, WATCH_BPF_TARGET);
                        return true;
                }
                if (record->call == WATCH_BPF_CALL_mount) {
                        record->call_flags = argument(registers, 3);
                        put_user_string(scratch, argument(registers, 2), WATCH_BPF_NAME_MAX, WATCH_BPF_NAME);
                        put_user_string(scratch, second, WATCH_BPF_PATH_MAX, WATCH_BPF_TARGET);
                        put_user_string(scratch, first, WATCH_BPF_PATH_MAX, WATCH_BPF_SOURCE);
                        return true;
                }
                /* move_mount(2): from a directory fd and a path to the same */
                put_user_string(scratch, argument(registers, 3), WATCH_BPF_PATH_MAX, WATCH_BPF_TARGET);
                put_user_string(scratch, second, WATCH_BPF_PATH_MAX, WATCH_BPF_SOURCE);
                return true;
        case WATCH_BPF_PROGRAM: {
                __u32 type = 0; /* the first member of union bpf_attr for BPF_PROG_LOAD */
                if (first != BPF_PROG_LOAD || bpf_probe_read_user(&type, sizeof(type), (const void *)second))
                        return false;
                record->call_flags = type;
                return true;
        }
        default:
                return true;
        }
}

SEC("tp_btf/sys_exit")
int BPF_PROG(watch_call, struct pt_regs *registers, long result)
{
        __u64 number = call_number(registers);
        if (number >= WATCH_BPF_CALLS_MAX)
                return 0;
        struct task_struct *task = bpf_get_current_task_btf();
        int table = call_table(task) & 1;
        __u8 type = options.calls[table][number].type;
        if (type == 0 || result < 0)
                return 0;
        struct scratch *scratch = scratch_of(SCRATCH_CALL);
        if (!scratch)
                return 0;
        tell_process(&scratch->record, task, type);
        scratch->record.call = options.calls[table][number].index;
        scratch->record.result = result;
        scratch->at = 0;
        if (tell_call(scratch, task, registers))
                output(scratch);
        return 0;
}

/* ---- hooks that a kernel may lack: raw, so that loading does not depend on them ---- */

SEC("raw_tp/mark_victim")
int watch_oom(struct bpf_raw_tracepoint_args *ctx)
{
        struct watch_bpf_record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
        if (!record) {
                count_lost();
                return 0;
        }
        tell_none(record, WATCH_BPF_OOM);
        __builtin_memset(record->comm, 0, sizeof(record->comm));
        /* the task since Linux 6.10, before it its pid, which is never as large as an address */
        if (ctx->args[0] <= 1 << 22) {
                record->pid = ctx->args[0];
        } else {
                struct task_struct *victim = (void *)ctx->args[0];
                record->pid = READ(victim, tgid);
                record->tid = READ(victim, pid);
                record->start_ns = READ(victim, group_leader, start_boottime);
                BPF_CORE_READ_STR_INTO(&record->comm, victim, group_leader, comm);
        }
        record->size = sizeof(*record);
        bpf_ringbuf_submit(record, wake(sizeof(*record)));
        return 0;
}

static __always_inline void tell_module(struct module *module, __u8 type)
{
        struct {
                struct watch_bpf_record record;
                char name[64];
        } *told = bpf_ringbuf_reserve(&ring, sizeof(*told), 0);
        if (!told) {
                count_lost();
                return;
        }
        tell_process(&told->record, bpf_get_current_task_btf(), type);
        long n = 0;
        if (bpf_core_field_exists(module->name))
                n = bpf_probe_read_kernel_str(
                        told->name, sizeof(told->name), (void *)module + bpf_core_field_offset(struct module, name));
        told->record.texts[WATCH_BPF_NAME] = n > 1 ? n - 1 : 0;
        told->record.size = sizeof(*told);
        bpf_ringbuf_submit(told, wake(sizeof(*told)));
}

SEC("raw_tp/module_load")
int watch_module_load(struct bpf_raw_tracepoint_args *ctx)
{
        tell_module((void *)ctx->args[0], WATCH_BPF_MODULE_LOAD);
        return 0;
}

SEC("raw_tp/module_free")
int watch_module_free(struct bpf_raw_tracepoint_args *ctx)
{
        tell_module((void *)ctx->args[0], WATCH_BPF_MODULE_UNLOAD);
        return 0;
}
