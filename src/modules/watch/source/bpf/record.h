/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What watch.bpf.c writes into the ring and source_bpf.c reads from it: one record an event, in the host's byte order.
 * Included by both, so it names only types that both have. A record of one size is one of one version: the program and
 * its reader are always of one build. */
#ifndef WATCH_BPF_RECORD_H
#define WATCH_BPF_RECORD_H

#include <linux/types.h>

enum watch_bpf_type {
        WATCH_BPF_FORK = 1,
        WATCH_BPF_EXEC,
        WATCH_BPF_EXIT,
        WATCH_BPF_COMM,
        WATCH_BPF_CGROUP,
        WATCH_BPF_CREDENTIAL,
        WATCH_BPF_NAMESPACE,
        WATCH_BPF_OOM,
        WATCH_BPF_MODULE_LOAD,
        WATCH_BPF_MODULE_UNLOAD,
        WATCH_BPF_PTRACE,
        WATCH_BPF_MOUNT,
        WATCH_BPF_PROGRAM, /* bpf(2) loaded one */
        WATCH_BPF_TYPES
};

/* The texts behind the fixed part, in this order, without anything between them. */
enum watch_bpf_text {
        WATCH_BPF_ARGV,        /* arguments, each ended by NUL */
        WATCH_BPF_EXE,         /* absolute path, as the process sees it */
        WATCH_BPF_CWD,         /* the same */
        WATCH_BPF_TTY,         /* "pts0" */
        WATCH_BPF_CGROUP_TEXT, /* lines as in /proc/PID/cgroup; "" = not told */
        WATCH_BPF_NAME,        /* module, file system type */
        WATCH_BPF_TARGET,      /* mount: as the process gave it */
        WATCH_BPF_SOURCE,      /* the same */
        WATCH_BPF_TEXTS
};

enum watch_bpf_flag {
        WATCH_BPF_ARGV_CUT = 1 << 0,   /* more than WATCH_BPF_ARGV_MAX */
        WATCH_BPF_CGROUP_CUT = 1 << 1, /* a path too long or too deep: the text is left out */
        WATCH_BPF_EXE_CUT = 1 << 2,    /* the same */
        WATCH_BPF_CWD_CUT = 1 << 3,
        WATCH_BPF_ARGV_LOST = 1 << 4,   /* could not be read: paged out */
        WATCH_BPF_EXE_DELETED = 1 << 5, /* is in no directory any more, or never was */
};

enum {
        WATCH_BPF_ARGV_MAX = 4096,
        WATCH_BPF_PATH_MAX = 2048,
        WATCH_BPF_CGROUP_MAX = 1024, /* in one hierarchy */
        WATCH_BPF_TEXT_MAX = 16384,  /* of all texts */
        WATCH_BPF_DEPTH_MAX = 40,    /* components of a path */
        WATCH_BPF_COMM_MAX = 16,
        WATCH_BPF_CALLS_MAX = 512, /* numbers of system calls looked at */
        WATCH_BPF_NAME_MAX = 64,
};

struct watch_bpf_record {
        __u32 size; /* of all, texts included */
        __u8 type;
        __u8 flags;
        __u16 texts[WATCH_BPF_TEXTS];
        __u16 reserved; /* zero */
        __u64 boot_ns;  /* CLOCK_BOOTTIME */
        __u64 lost;     /* records that found no room, ever, as known when this one was written */

        __u32 pid, tid, ppid, ns_pid;
        __u64 start_ns; /* CLOCK_BOOTTIME */
        __u32 pid_namespace, mount_namespace;
        __u32 uid, euid, suid, fsuid;
        __u32 gid, egid, sgid, fsgid;
        __u32 auid, session;
        __u64 cap_effective, cap_permitted;
        __u64 cgroup_id;
        char comm[WATCH_BPF_COMM_MAX];

        __u32 argc;   /* exec */
        __u32 status; /* exit: as wait(2) tells it */

        /* what a system call did */
        __u32 call;       /* index into the table of calls, calls.h */
        __u32 target_pid; /* ptrace */
        __u64 call_flags; /* namespace: CLONE_NEW…; mount: MS_…; program: its type */
        __s64 result;
};

/* Behind the fixed part of an exit, which has no texts. */
struct watch_bpf_usage {
        __u64 user, kernel; /* ns by the tick */
        __u64 run;          /* ns on a CPU: exact, of both */
        __u64 max_rss;      /* pages */
        __u64 minor_faults, major_faults;
        __u64 read_bytes, write_bytes;
};

/* Set before the program is loaded, constant from then on. */
struct watch_bpf_options {
        __u64 wake_at;        /* bytes in the ring that wake the reader at once */
        __u32 legacy_cgroups; /* the host has v1 hierarchies with controllers */
        __u32 reserved;
        /* By the number of a system call, of the machine's own and of its 32-bit table: what it is to be told as (enum
         * watch_bpf_type, 0 = not at all), and its index into the table of calls. */
        struct watch_bpf_call {
                __u8 type, index;
        } calls[2][WATCH_BPF_CALLS_MAX];
};

/* Shared memory between the program and its reader, a page of its own. */
struct watch_bpf_shared {
        __u64 lost;     /* records that found no room */
        __u64 sleeping; /* the reader waits: the next record wakes it */
};

#endif
