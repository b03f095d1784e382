/* What the processes of a group do: how many, their files, sockets, threads, limits, scheduling, memory they touched.
 *
 * Processes, files, sockets, limits and referenced memory are those of the group itself, without its sub-groups, from
 * cgroup.procs; scheduling is that of the sub-groups too. So does cAdvisor (libcontainer's handler), whose numbers
 * these are. A process that ends meanwhile counts in what was read of it. Parsers are pure. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "linux/cgroup_stats.h"

enum {
        TASKS_MAX = 1 << 20,       /* processes of one group; more are refused */
        TASK_GROUPS_MAX = 1 << 16, /* sub-groups walked for scheduling */
        TASK_DEPTH_MAX = 64,       /* how deep */
        TASK_FILES_MAX = 1 << 20,  /* open files of one process */
        ULIMITS_MAX = 16
};

struct task_ulimit {
        const char *name;   /* "max_open_files"; static */
        int64_t soft, hard; /* -1: unlimited */
};

struct task_stats {
        uint64_t processes, files, sockets, threads, threads_max; /* threads_max 0: no limit */
        struct task_ulimit *ulimits; /* of the group's first process, in the kernel's order; cAdvisor shows
                                      * max_open_files alone */
        size_t ulimit_count;
        uint64_t schedstat_run_ns, schedstat_wait_ns, schedstat_periods; /* /proc/PID/schedstat, summed */
        uint64_t referenced_bytes;                                       /* smaps: Referenced */
        size_t vanished, denied; /* processes that ended meanwhile, or whose files may not be read */
        size_t refused;          /* beyond a table, or malformed */
};

enum task_read_flags {
        TASK_READ_PROCESSES = 1 << 0,  /* how many, and the limits of the first */
        TASK_READ_SCHEDSTAT = 1 << 1,  /* needs a history to count those that ended */
        TASK_READ_REFERENCED = 1 << 2, /* costly: the kernel walks every page table */
        TASK_READ_LOAD = 1 << 3,       /* for callers that keep flags: task_load_read is a call of its own */
        TASK_READ_FILES = 1 << 4,      /* files */
        TASK_READ_SOCKETS = 1 << 5,    /* files and sockets: one readlink an open file */
        TASK_READ_THREADS = 1 << 6     /* pids.current and pids.max; the root group: the kernel's own */
};

/* What a group's scheduling sum needs between two reads: the last figures of each process and the sum of those that
 * ended, so that the sum never falls. Owned by who keeps the group; zero it to begin. */
struct task_history {
        struct task_schedstat *rows; /* sorted by pid */
        size_t count, capacity;
        uint64_t ended_run_ns, ended_wait_ns, ended_periods;
};
void task_history_done(struct task_history *history);

/* proc: an open /proc (or a fixture's). dirs: of the group. history may be NULL: the living alone. E_NOT_FOUND when the
 * group is gone. Only ulimits are in the arena. */
int task_stats_read(int proc, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, unsigned flags,
        struct task_history *history, struct arena *arena, struct task_stats *ret, struct error *err);

/* The directory whose processes count: of the hierarchy with cpu (v1), else of v2, else any that the group has; -1 for
 * none. Not the caller's to close. */
int task_group_dir(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs);

/* Writes 1 to clear_refs of every process of the group itself: referenced_bytes begins anew
 * (--referenced_reset_interval). This changes what the kernel knows of the pages: reclaim sees them as unused. */
int task_clear_referenced(
        int proc, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, struct error *err);

/* Tasks (threads) of the group itself by state. */
struct task_load {
        uint64_t sleeping, running, stopped, uninterruptible, io_wait;
};

struct taskstats_socket; /* linux/taskstats_netlink.h; NULL for none */

/* A v1 group by one question to the kernel (CGROUPSTATS_CMD_GET, include/uapi/linux/cgroupstats.h), the others by the
 * states in /proc/TID/stat, which do not tell io_wait. */
int task_load_read(const struct taskstats_socket *taskstats, int proc, const struct cgroup_mounts *mounts,
        const struct cgroup_dirs *dirs, struct task_load *ret, struct error *err);

/* The load average of cAdvisor's load reader: exponential with a time of 10 s, the first sample as it is. average < 0:
 * none yet. interval_ns: the housekeeping interval. Of `running` for load_average, of `uninterruptible` for
 * load_d_average; both are shown times 1000, cut to an integer. */
double task_load_average(double average, uint64_t sample, int64_t interval_ns);

/* ---- parsers ---- */

/* /proc/PID/limits: the rows into ret, at most ULIMITS_MAX; a row that is malformed is left out and counted. */
size_t task_parse_limits(struct sv text, struct task_ulimit ret[ULIMITS_MAX], size_t *ret_refused);
/* /proc/PID/schedstat: "run wait periods", ns; zeros without CONFIG_SCHED_INFO. */
bool task_parse_schedstat(struct sv text, uint64_t ret[3]);
/* A line of smaps: true with the bytes when it is a Referenced line. */
bool task_parse_referenced(struct sv line, uint64_t *ret_bytes);
/* The state in /proc/PID/stat, 0 when there is none. */
char task_parse_state(struct sv text);
void task_load_add(struct task_load *load, char state);
