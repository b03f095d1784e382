/* One process as /proc tells it (proc(5)). A `struct process` holds an open /proc/PID, so every later read is about
 * that very process: when it ends, reads fail and process_vanished() is true; a reused pid is never mistaken for it.
 * Identity across time is (pid, start_ticks). Parsers are pure; readers take the handle. Texts of /proc are raw bytes.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

#include <dirent.h>
#include <sys/types.h>

enum {
        PROCESS_COMM_MAX = 64,           /* 15 for programs, up to 63 for kernel workers (fs/proc/array.c) */
        PROCESS_GROUPS_MAX = 64,         /* supplementary groups kept; more are counted */
        PROCESS_NS_DEPTH_MAX = 33,       /* MAX_PID_NS_LEVEL + 1 (include/linux/pid_namespace.h) */
        PROCESS_FILE_MAX = 60 * 1024,    /* stat, status, io: far below on any kernel */
        PROCESS_ARGUMENTS_MAX = 2 << 20, /* bytes of cmdline or environ kept; the rest is cut and flagged */
        PROCESS_PID_MAX = 1 << 22,       /* PID_MAX_LIMIT on 64 bit */
};

struct process {
        pid_t pid;
        int dir; /* open /proc/PID, -1 when none */
};

/* Walks /proc in pid order. Kernel threads are included. */
struct process_iter {
        DIR *dir;
        size_t seen;
        size_t vanished; /* ended between readdir and open */
        size_t refused;  /* could not be opened for another reason (hidepid, EMFILE) */
};

/* root: an open "/" or the root of a fixture tree; every path is below it. */
int process_iter_open(struct process_iter *iter, int root, struct error *err);
/* True with an open handle the caller closes, false at the end. */
bool process_iter_next(struct process_iter *iter, struct process *ret);
void process_iter_close(struct process_iter *iter);

int process_open(int root, pid_t pid, struct process *ret, struct error *err);
void process_close(struct process *process);

static inline void process_close_p(struct process *process)
{
        process_close(process);
}

/* Does this error of a reader below mean that the process is gone (ESRCH, ENOENT)? */
bool process_vanished(const struct error *err);

/* /proc/PID/stat, all fields. Times are clock ticks (sysconf(_SC_CLK_TCK)), rss is pages. */
struct process_stat {
        pid_t pid;
        char comm[PROCESS_COMM_MAX]; /* raw bytes: spaces, parentheses, newlines */
        char state;                  /* R S D Z T t X I P */
        pid_t ppid, pgrp, session;
        int tty_nr, tpgid;
        uint32_t flags;
        uint64_t minflt, cminflt, majflt, cmajflt;
        uint64_t utime, stime;
        int64_t cutime, cstime;
        int64_t priority, nice, num_threads;
        uint64_t start_ticks; /* field 22: ticks since boot */
        uint64_t vsize;       /* bytes */
        int64_t rss;          /* pages */
        uint64_t rss_limit;
        uint64_t start_code, end_code, start_stack, kstk_esp, kstk_eip;
        uint64_t signal, blocked, sigignore, sigcatch; /* obsolete bitmaps, 31 bits */
        uint64_t wchan;
        int exit_signal, processor;
        uint32_t rt_priority, policy;
        uint64_t blkio_delay_ticks, guest_time;
        int64_t cguest_time;
        uint64_t start_data, end_data, start_brk, arg_start, arg_end, env_start, env_end;
        int exit_code;
        int fields; /* how many the kernel wrote; those behind are 0 */
};

enum { PROCESS_KTHREAD_FLAG = 0x00200000 }; /* PF_KTHREAD in flags */

int process_parse_stat(struct sv text, struct process_stat *ret, struct error *err);
int process_read_stat(const struct process *process, struct process_stat *ret, struct error *err);

struct process_key {
        pid_t pid;
        uint64_t start_ticks;
};

/* Unix time of the start, from boot time (kernel_read_boot_time) and ticks. */
int64_t process_start_unix_ns(uint64_t start_ticks, int64_t boot_unix_ns);

enum process_seccomp {
        PROCESS_SECCOMP_UNKNOWN = -1,
        PROCESS_SECCOMP_OFF,
        PROCESS_SECCOMP_STRICT,
        PROCESS_SECCOMP_FILTER
};

/* /proc/PID/status. Sizes are bytes; 0 for a kernel thread. */
struct process_status {
        char name[PROCESS_COMM_MAX]; /* unescaped (\n, \\) */
        char state;
        int umask; /* -1 when not told */
        pid_t tgid, ngid, pid, ppid, tracer_pid;
        uint32_t uid[4], gid[4]; /* real, effective, saved, file system */
        uint32_t fd_size;
        uint32_t groups[PROCESS_GROUPS_MAX];
        size_t groups_count, groups_refused;
        pid_t ns_pid[PROCESS_NS_DEPTH_MAX]; /* [0] as the reader sees it, the last as the process itself does */
        size_t ns_pid_count;
        bool kernel_thread; /* "Kthread:" (Linux 6.8); else see process_stat.flags */
        uint64_t vm_peak, vm_size, vm_locked, vm_pinned, vm_hwm, vm_rss, rss_anon, rss_file, rss_shmem;
        uint64_t vm_data, vm_stack, vm_exe, vm_lib, vm_pte, vm_swap, hugetlb;
        uint32_t threads;
        uint64_t sig_queued, sig_queue_limit;
        uint64_t sig_pending, sig_pending_shared, sig_blocked, sig_ignored, sig_caught;
        uint64_t cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
        int no_new_privs; /* -1 when not told */
        enum process_seccomp seccomp;
        uint32_t seccomp_filters;
        uint64_t voluntary_switches, involuntary_switches;
};

int process_parse_status(struct sv text, struct process_status *ret, struct error *err);
int process_read_status(const struct process *process, struct process_status *ret, struct error *err);

/* NUL-separated arguments: raw[0..length) belongs to the arena, argv points into it and ends with NULL. A process that
 * rewrote its title has one argument with the text. Kernel threads and zombies have none. */
struct process_arguments {
        char *raw;
        size_t length;
        char **argv;
        size_t argc;
        bool truncated;
};

/* text is copied. limit bounds argc. */
int process_parse_arguments(struct sv text, struct arena *arena, struct process_arguments *ret, struct error *err);
int process_read_cmdline(
        const struct process *process, struct arena *arena, struct process_arguments *ret, struct error *err);
/* Holds secrets: only on request, and it needs ptrace rights. */
int process_read_environ(
        const struct process *process, struct arena *arena, struct process_arguments *ret, struct error *err);

/* exe, cwd, root. path is NULL where there is none (kernel thread, zombie); without the " (deleted)" of the kernel. */
struct process_link {
        char *path;
        bool deleted;
};

enum process_link_name { PROCESS_EXE, PROCESS_CWD, PROCESS_ROOT };

int process_read_link(const struct process *process, enum process_link_name which, struct arena *arena,
        struct process_link *ret, struct error *err);

enum process_namespace {
        PROCESS_NS_CGROUP,
        PROCESS_NS_IPC,
        PROCESS_NS_MNT,
        PROCESS_NS_NET,
        PROCESS_NS_PID,
        PROCESS_NS_TIME,
        PROCESS_NS_USER,
        PROCESS_NS_UTS,
        PROCESS_NS_COUNT
};

extern const char *const process_namespace_names[PROCESS_NS_COUNT]; /* "cgroup", "ipc", … as below /proc/PID/ns */

/* "net:[4026531840]" */
bool process_parse_namespace(struct sv link, uint64_t *ret_inode);
int process_read_namespace(
        const struct process *process, enum process_namespace which, uint64_t *ret_inode, struct error *err);
/* All; 0 for a kind the kernel does not have. */
int process_read_namespaces(const struct process *process, uint64_t ret_inodes[PROCESS_NS_COUNT], struct error *err);

/* /proc/PID/io; needs ptrace rights. */
struct process_io {
        uint64_t read_chars, write_chars, read_syscalls, write_syscalls, read_bytes, write_bytes, cancelled_write_bytes;
};

int process_parse_io(struct sv text, struct process_io *ret, struct error *err);
int process_read_io(const struct process *process, struct process_io *ret, struct error *err);

struct process_oom {
        int score;
        int score_adj;
};

int process_read_oom(const struct process *process, struct process_oom *ret, struct error *err);

/* loginuid and sessionid of the audit system; UINT32_MAX is unset. E_UNSUPPORTED without CONFIG_AUDIT. */
int process_read_audit(const struct process *process, uint32_t *ret_loginuid, uint32_t *ret_session, struct error *err);

/* The whole of a file below /proc/PID that is not covered above (mountinfo, cgroup, maps, limits, attr/current …), into
 * out up to out->max. */
struct buf;
int process_read_file(const struct process *process, const char *name, struct buf *out, struct error *err);
