// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The kernel's side of the eBPF source: one record (record.h) for every process that starts, runs another program or
 * ends, and for what changes between. Loaded by source_bpf.c.
 *
 * Order: a fork is told by the parent before the child may run (kernel_clone in kernel/fork.c), and the ring is one for
 * all CPUs, so what is read from it stands as it happened.
 * Loss: a record that finds no room is counted in shared.lost, and each record carries that number.
 * Members are read from typed pointers where the verifier knows the type (a plain load), else by probe reads. */
#include "path.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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
