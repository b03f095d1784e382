/* What the processes of a group do: how many, their files, sockets, threads, limits, scheduling, memory they touched.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "linux/cgroup_stats.h"

enum { TASKS_MAX = 1 << 20, ULIMITS_MAX = 16 };

struct task_ulimit {
        const char *name;   /* "max_open_files" */
        int64_t soft, hard; /* -1: unlimited */
};

struct task_stats {
        uint64_t processes, files, sockets, threads, threads_max; /* threads_max 0: no limit */
        struct task_ulimit *ulimits;                              /* of the group's first process */
        size_t ulimit_count;
        uint64_t schedstat_run_ns, schedstat_wait_ns, schedstat_periods; /* /proc/PID/schedstat, summed */
        uint64_t referenced_bytes;                                       /* smaps: Referenced */
        size_t vanished, denied;
};

enum task_read_flags {
        TASK_READ_PROCESSES = 1 << 0,
        TASK_READ_SCHEDSTAT = 1 << 1,
        TASK_READ_REFERENCED = 1 << 2,
        TASK_READ_LOAD = 1 << 3
};

/* Tasks by state: taskstats' CGROUPSTATS_CMD_GET (include/uapi/linux/cgroupstats.h) for v1; the states in /proc for v2.
 */
struct task_load {
        uint64_t sleeping, running, stopped, uninterruptible, io_wait;
};
