/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The few members of the kernel's structures that watch.bpf.c reads. Their real offsets come from the running kernel's
 * BTF (CO-RE), so order and gaps mean nothing here. A name with three underscores is another kernel's version of the
 * structure named before them. */
#ifndef WATCH_BPF_KERNEL_H
#define WATCH_BPF_KERNEL_H

typedef int pid_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
        __u32 val;
} kuid_t, kgid_t;

struct kernel_capabilities {
        __u64 val;
};

struct cred {
        kuid_t uid, euid, suid, fsuid;
        kgid_t gid, egid, sgid, fsgid;
        struct kernel_capabilities cap_effective, cap_permitted;
};

struct ns_common {
        unsigned int inum;
};

struct pid_namespace {
        struct ns_common ns;
};

struct mnt_namespace {
        struct ns_common ns;
};

struct nsproxy {
        struct mnt_namespace *mnt_ns;
};

struct upid {
        int nr;
        struct pid_namespace *ns;
};

struct pid {
        unsigned int level;
        struct upid numbers[1];
};

struct qstr {
        const unsigned char *name;
};

struct hlist_bl_node {
        struct hlist_bl_node **pprev;
};

struct dentry {
        struct hlist_bl_node d_hash;
        struct dentry *d_parent;
        struct qstr d_name;
};

struct vfsmount {
        struct dentry *mnt_root;
};

struct mount {
        struct mount *mnt_parent;
        struct dentry *mnt_mountpoint;
        struct vfsmount mnt;
};

struct path {
        struct vfsmount *mnt;
        struct dentry *dentry;
};

struct file {
        struct path f_path;
};

struct fs_struct {
        struct path root, pwd;
};

struct mm_struct {
        struct file *exe_file;
        unsigned long arg_start, arg_end;
};

struct tty_struct {
        char name[64];
};

struct task_io_accounting {
        __u64 read_bytes, write_bytes;
};

struct atomic {
        int counter;
};

struct signal_struct {
        struct atomic live;
        int group_exit_code;
        unsigned int flags;
        struct tty_struct *tty;
        __u64 utime, stime, sum_sched_runtime;
        unsigned long min_flt, maj_flt, maxrss;
        struct task_io_accounting ioac;
};

struct sched_entity {
        __u64 sum_exec_runtime;
};

struct kernfs_node {
        struct kernfs_node *parent;
        const char *name;
        unsigned int hash;
        __u64 id;
};

struct kernfs_node___6_15 {
        struct kernfs_node *__parent;
};

struct cgroup_root {
        int hierarchy_id;
};

struct cgroup {
        int level;
        struct kernfs_node *kn;
        struct cgroup_root *root;
};

struct cgroup_subsys {
        const char *legacy_name;
};

struct cgroup_subsys_state {
        struct cgroup *cgroup;
        struct cgroup_subsys *ss;
};

struct css_set {
        struct cgroup_subsys_state *subsys[1];
        struct cgroup *dfl_cgrp;
};

struct list_head {
        struct list_head *next;
};

struct thread_info {
        unsigned int status; /* x86 */
        unsigned long flags;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
        unsigned long di, si, dx, r10, r8, orig_ax;
};
#else
struct pt_regs {
        unsigned long regs[31];
        unsigned long orig_x0;
        int syscallno;
};
#endif

struct task_struct {
        struct thread_info thread_info;
        struct list_head ptraced, ptrace_entry;
        pid_t pid, tgid;
        unsigned in_execve : 1;
        int exit_code;
        __u64 start_boottime;
        struct task_struct *real_parent, *group_leader;
        const struct cred *real_cred;
        struct mm_struct *mm;
        struct fs_struct *fs;
        struct nsproxy *nsproxy;
        struct signal_struct *signal;
        struct pid *thread_pid;
        struct css_set *cgroups;
        kuid_t loginuid;
        unsigned int sessionid;
        __u64 utime, stime;
        struct sched_entity se;
        unsigned long min_flt, maj_flt;
        struct task_io_accounting ioac;
        char comm[16];
};

struct linux_binprm {
        int argc;
};

struct module {
        char name[56];
};

#pragma clang attribute pop

#endif
