/* What a source says happened, before anything is known about it but what the source itself tells: the input of the
 * process tree. Every source (audit, bpf, connector, /proc, a replayed log) speaks this one form.
 *
 * Pids are those of the initial pid namespace, or of the namespace that the agent runs in. Texts are raw bytes and live
 * until the call that hands the observation over returns. A member that the source did not tell is as observation_init
 * leaves it. */
#pragma once

#include "base/sv.h"

#include <stdint.h>
#include <string.h>
#include <sys/types.h>

enum observation_type {
        OBSERVED_FORK,       /* pid is the child, ppid its parent (the one that forked, not the reaper) */
        OBSERVED_EXEC,       /* pid runs another program now */
        OBSERVED_EXIT,       /* the last thread of pid ended */
        OBSERVED_CREDENTIAL, /* ids or capabilities of pid changed to those given */
        OBSERVED_NAMESPACE,  /* setns, unshare: flags tell which */
        OBSERVED_COMM,       /* pid renamed itself */
        OBSERVED_CGROUP,     /* pid is in this cgroup now: read from /proc, or told by the kernel */
        OBSERVED_CONTAINER,  /* what state files tell: operation = engine, object = id, path = name, path2 = image */
        OBSERVED_PROCESS,    /* pid is there, with all that is told: a row of the first look at /proc, or of a repair */
        OBSERVED_GONE,       /* pid (of start_ns) is not there any more: found by a look at /proc */
        OBSERVED_PTRACE,     /* pid attaches to target_pid */
        OBSERVED_FILE,       /* a watched file was written, or its attributes changed */
        OBSERVED_USER,       /* records of user space: login, session, account, password … */
        OBSERVED_MODULE,     /* kernel module loaded or removed */
        OBSERVED_MOUNT,
        OBSERVED_BPF,        /* BPF program loaded or unloaded */
        OBSERVED_CAPABILITY, /* a capability was used, or refused */
        OBSERVED_OOM,        /* the kernel killed pid for want of memory */
        OBSERVED_ANOMALY,    /* abnormal end, promiscuous device, seccomp … */
        OBSERVED_CONFIG,     /* the audit system itself was changed */
        OBSERVED_SYSCALL,    /* an audited system call of no other kind: a rule of the host's own */
        OBSERVED_GAP,        /* the source lost something: lost, reason */
        OBSERVATION_TYPES
};

enum source_kind { SOURCE_AUDIT, SOURCE_BPF, SOURCE_CONNECTOR, SOURCE_PROC, SOURCE_REPLAY, SOURCES };

extern const char *const source_names[]; /* "audit", "bpf", "connector", "proc", "replay", NULL */

/* Which members of the struct were told. */
enum observation_has {
        HAS_UIDS = 1 << 0,           /* uid, euid, suid, fsuid */
        HAS_GIDS = 1 << 1,           /* gid, egid, sgid, fsgid */
        HAS_SESSION = 1 << 2,        /* auid, session */
        HAS_CAPABILITIES = 1 << 3,   /* cap_effective, cap_permitted */
        HAS_USAGE = 1 << 4,          /* user_ns … max_rss */
        HAS_EXIT = 1 << 5,           /* exit_code, exit_signal, core */
        HAS_RESULT = 1 << 6,         /* success, result */
        HAS_FILE_ID = 1 << 7,        /* inode, mode, owner */
        HAS_CGROUP = 1 << 8,         /* cgroup is exact for this moment (not inherited) */
        UNRESOLVED_PID = 1 << 9,     /* FORK: pid is the child as its parent's pid namespace numbers it (audit) */
        UNRESOLVED_THREAD = 1 << 10, /* FORK, EXIT: perhaps of a thread only; the source cannot tell (audit) */
        COMPLETES_EXEC = 1 << 11,    /* EXEC: the rest of one told before with the same pid and time */
};

enum { AUDIT_UNSET = UINT32_MAX }; /* auid and session of what no login began */

struct observation {
        enum observation_type type;
        enum source_kind source;
        unsigned has;    /* enum observation_has */
        int64_t time_ns; /* since 1970 */
        uint64_t serial; /* the source's own number: audit's serial, else 0 */
        bool synthetic;  /* not seen happen, but found by looking at /proc afterwards */
        bool late;       /* came after others that happened later, or after its event had been given up */

        pid_t pid, tid, ppid;
        uint64_t start_ns;                       /* of pid: ns since boot (CLOCK_BOOTTIME); 0 = not told */
        pid_t ns_pid;                            /* of pid in its own pid namespace; 0 = not told */
        uint64_t pid_namespace, mount_namespace; /* inodes; 0 = not told */

        uint32_t uid, euid, suid, fsuid;
        uint32_t gid, egid, sgid, fsgid;
        uint32_t auid, session;
        uint64_t cap_effective, cap_permitted;

        struct sv comm, exe, cwd, tty;
        struct sv argv; /* arguments, each ended by NUL */
        unsigned argc;  /* of the whole command line, also when argv was cut */
        bool argv_truncated;
        struct sv cgroup;   /* text as in /proc/PID/cgroup, or one path of the v2 hierarchy */
        uint64_t cgroup_id; /* of the v2 hierarchy; 0 = not told */

        int exit_code, exit_signal;
        bool core;
        int64_t user_ns, system_ns;
        uint64_t max_rss; /* bytes */
        uint64_t minor_faults, major_faults;
        uint64_t read_bytes, write_bytes;

        bool success;
        int64_t result;      /* what the system call returned */
        struct sv syscall;   /* "openat" */
        struct sv operation; /* "write", "attribute", "load", "unload", "attach", "USER_LOGIN", "mount", "umount2" … */
        struct sv key;       /* of the audit rule */
        struct sv path, path2; /* file; mount: target and source; rename, link: new and old name; module: its file */
        struct sv object; /* module's name, file system type, BPF program type, capability, what else is acted on */
        uint64_t inode;
        uint32_t mode, owner;
        pid_t target_pid;
        struct sv account, address, terminal, hostname; /* user records */
        uint64_t flags;
        struct sv detail; /* the records as text, interpreted or raw: for people, at most a few KiB */

        uint64_t lost;      /* gap: how many, in `unit` */
        const char *unit;   /* "records", "events", "messages": static */
        const char *reason; /* "kernel backlog", "socket buffer", "queue", "ring buffer", "sequence": static */
};

static inline void observation_init(
        struct observation *observation, enum observation_type type, enum source_kind source)
{
        memset(observation, 0, sizeof(*observation));
        observation->type = type;
        observation->source = source;
        observation->auid = observation->session = AUDIT_UNSET;
}

/* Takes one observation; what it points to is gone after the call. */
typedef void observe_fn(const struct observation *observation, void *cookie);
