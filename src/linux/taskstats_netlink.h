/* The kernel's accounting of tasks over generic netlink (Documentation/accounting/taskstats.rst, linux/taskstats.h):
 * what a living thread or process used, the totals of each as it dies, and the tasks of a v1 group by state.
 *
 * Needs CAP_NET_ADMIN; the exit listener also the initial user, pid and network namespaces. Delays other than for a CPU
 * are zero unless the kernel counts them (sysctl kernel.task_delayacct, boot parameter delayacct). */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

struct task_load; /* linux/task_stats.h */

enum {
        TASKSTATS_BATCH = 32,   /* records a system call */
        TASKSTATS_COMM_MAX = 32 /* TS_COMM_LEN */
};

struct task_delay {
        uint64_t count, total_ns;
};

/* struct taskstats of any version; what a version does not have is 0. A group's (TGID) record has only CPU times,
 * context switches, delays and elapsed_ns. */
struct task_usage {
        uint16_t version;
        pid_t pid, tgid, ppid; /* tgid: the pid before version 12 (Linux 5.19) */
        uint32_t uid, gid;
        uint32_t exit_status; /* as of wait(2) */
        bool forked_only;     /* forked, never executed (AFORK) */
        bool last;            /* exit: the last thread of its process; true always before version 12 */
        char comm[TASKSTATS_COMM_MAX + 1];
        int64_t start_unix_ns; /* whole seconds */
        uint64_t elapsed_ns, user_ns, system_ns;
        uint64_t run_ns; /* on a CPU; of a running task up to the scheduler's last look: see task_usage_cpu_ns */
        uint64_t minor_faults, major_faults;
        uint64_t rss_peak, vm_peak;                                      /* bytes */
        uint64_t read_chars, write_chars, read_syscalls, write_syscalls; /* chars: bytes asked for, caches too */
        uint64_t read_bytes, write_bytes, cancelled_write_bytes;         /* of the storage layer */
        uint64_t voluntary_switches, involuntary_switches;
        struct task_delay cpu, block_io, swap_in, reclaim, thrashing, compaction, write_protect_copy, interrupts;
        uint64_t exe_device, exe_inode; /* of the program; 0 before version 12 */
};

/* CPU time of a task that ended. run_ns lacks what came after the scheduler's last look, which for a process of less
 * than a tick that never slept is nearly all of it: of 581 us of a `true` it tells 31. For such a one the time it
 * lived, less the time it waited for a CPU, is right to a tenth. */
uint64_t task_usage_cpu_ns(const struct task_usage *usage);

/* The bytes of one struct taskstats. False when they are shorter than version 1's. */
bool taskstats_parse(struct sv bytes, struct task_usage *ret);
/* A datagram of the family: the record of the task (group false) or that of the process in it. */
bool taskstats_parse_datagram(struct sv datagram, uint16_t family, bool group, struct task_usage *ret);

/* ---- questions ---- */

struct taskstats_socket {
        int fd;
        uint16_t family;
};

/* E_UNSUPPORTED when the kernel has no TASKSTATS. */
int taskstats_open(struct taskstats_socket *ret, struct error *err);
void taskstats_close(struct taskstats_socket *socket);

static inline void taskstats_close_p(struct taskstats_socket *socket)
{
        taskstats_close(socket);
}

/* Of the thread, or with group of the whole process (the threads that ended too). E_NOT_FOUND when it is gone. */
int taskstats_query(
        const struct taskstats_socket *socket, pid_t pid, bool group, struct task_usage *ret, struct error *err);
/* dir: of a v1 group, opened for reading. E_INVALID for one of v2. */
int taskstats_query_cgroup(const struct taskstats_socket *socket, int dir, struct task_load *ret, struct error *err);

/* ---- exits ---- */

struct taskstats_counters {
        uint64_t received, reads;
        uint64_t overflows; /* ENOBUFS: times that the socket's buffer was full */
        uint64_t dropped;   /* records that did not fit */
        uint64_t refused;   /* could not be understood, or not from the kernel */
};

struct taskstats_listener;

/* Every thread of the system that ends from now on. buffer: bytes of the socket's buffer, 0 = 1 MiB (some 700 exits).
 * E_PERMISSION without rights or outside the initial namespaces. */
int taskstats_listen(size_t buffer, struct taskstats_listener **ret, struct error *err);
void taskstats_listener_close(struct taskstats_listener *listener);
int taskstats_listener_fd(const struct taskstats_listener *listener);
/* Reads without waiting; the number of records. */
size_t taskstats_receive(struct taskstats_listener *listener, struct task_usage ret[TASKSTATS_BATCH], bool *ret_more);
void taskstats_count(struct taskstats_listener *listener, struct taskstats_counters *ret);
