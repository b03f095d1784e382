/* What the files look*.c share. */
#pragma once

#include "base/map.h"
#include "linux/container_state.h"
#include "linux/process.h"
#include "modules/watch/process/look.h"

#include <limits.h>

/* What a cgroup text stands for. An engine of NONE is a group of which no engine is known: a plain runc container
 * whose state file is written a moment later looks like that, so it is asked again. */
struct look_container {
        enum container_engine engine;
        int64_t again_ns; /* monotonic: when it may be looked up again */
        unsigned failures;
        char id[CONTAINER_ID_MAX];
};

struct look {
        int root; /* the caller's */
        int proc; /* kept open: one path component less for each read */
        struct container_places places;
        bool fork_start;
        bool own_pids;    /* /proc is of our own pid namespace */
        int64_t tick_ns;  /* of start times */
        int64_t reuse_ns; /* no pid can come round in less */
        struct look_counters counters;

        struct map cgroups;         /* text → struct look_container, or &host */
        struct map cgroup_ids;      /* id of a v2 group → its text (char *); only where there is no v1 */
        struct map containers;      /* "engine:id" → struct look_container */
        struct map unknown;         /* text → struct look_container of engine NONE */
        struct look_container host; /* of the host for certain: a systemd unit, the root */

        char cgroup[LOOK_CGROUP_MAX];        /* texts of the process being read */
        char parent_cgroup[LOOK_CGROUP_MAX]; /* … and of its parent */
        pid_t parent;                        /* whose group was handed out last for a child that was gone … */
        int64_t parent_read_ns;              /* … as it was then */
        char arguments[LOOK_ARGUMENTS_MAX + 1];
        char text[16 << 10]; /* stat, status and their like */
        char exe[PATH_MAX], cwd[PATH_MAX];
        char tty[24];
        struct process_stat stat;
};

/* Which members of an observation look_fill reads, when they are not told. */
enum look_part {
        LOOK_STAT = 1 << 0, /* start_ns, ppid, comm, tty */
        LOOK_EXE = 1 << 1,
        LOOK_ARGUMENTS = 1 << 2,
        LOOK_CWD = 1 << 3,
        LOOK_IDS = 1 << 4, /* uids, gids, capabilities, ns_pid */
        LOOK_SESSION = 1 << 5,
        LOOK_NAMESPACES = 1 << 6,
        LOOK_CGROUP = 1 << 7,
        LOOK_EVERYTHING = 0xff,
};

/* One whole file of /proc/PID; what does not fit is cut. -1 with errno; a vanished or forbidden process is counted. */
ssize_t look_read(struct look *look, pid_t pid, const char *name, char *buffer, size_t size);
/* Fills look->stat; false when the process is gone. */
bool look_read_stat(struct look *look, pid_t pid);
/* Has the process whose stat was read last ended but for its parent's wait? */
bool look_is_zombie(const struct look *look);
uint64_t look_start_ns(const struct look *look);
/* Reads these parts of observation->pid; what fails stays untold. Texts live in look until the next call. */
void look_fill(struct look *look, struct observation *observation, unsigned parts);
/* Is it gone without a trace? Costs a fifth of opening a file that is not there; false where that cannot be told. */
bool look_is_gone(const struct look *look, pid_t pid);
/* The cgroup text of a process that has not ended, into buffer (LOOK_CGROUP_MAX); false when it has. */
bool look_read_cgroup(struct look *look, pid_t pid, char *buffer, struct sv *ret);
/* Was what stands in /proc now under this pid already there at time_ns, and started at start_ns? 0 is not told. */
bool look_is_same(struct look *look, pid_t pid, int64_t time_ns, uint64_t start_ns);

/* Hands out OBSERVED_CONTAINER when the cgroup text is of a container that is new, or was looked up long ago. */
void look_note_cgroup(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie);
void look_containers_init(struct look *look);
void look_containers_done(struct look *look);
