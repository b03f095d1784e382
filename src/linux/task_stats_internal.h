/* What the files of task_stats share. Inside this room only. */
#pragma once

#include "linux/task_stats.h"

#include <sys/types.h>

/* Non-zero stops the walk, which returns it. */
typedef int task_pid_fn(pid_t pid, void *cookie);

/* Every number in cgroup.procs, cgroup.threads or tasks of the directory. E_NOT_FOUND when the group is gone. */
int task_each_pid(int dir, const char *file, task_pid_fn *each, void *cookie, size_t *refused, struct error *err);

/* The group's directory in the v1 hierarchy with that controller, or in v2; -1 for none. */
int task_controller_dir(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, const char *controller);
int task_unified_dir(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs);

/* task_schedstat.c: of the group at dir and those below it, into stats. */
int task_schedstat_read(int proc, int dir, struct task_history *history, struct task_stats *stats, struct error *err);
