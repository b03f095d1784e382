/* The tree of processes: every observation of any source goes through tree_apply, which keeps who is whose child and in
 * which container, and hands out complete events. Pure: no I/O, no clock but the observations' own, so a replay gives
 * the same events. What has to be read from /proc comes in as observations too (look.h).
 *
 * A process is (pid, start). One that ended stays for `delete_delay_ns` so that late relatives find their parent, and
 * as long as it has living descendants in its lineage (bounded). The parent is the process that forked, whoever reaps.
 * A child seen before its parent's fork, an exec of an unknown pid, an exit of an unknown pid make the process, marked
 * `repaired`, and what comes later completes it.
 *
 * Containers: a child is in its parent's container from its fork on; a cgroup text (HAS_CGROUP) corrects that at once;
 * below a shim (containerd-shim, conmon, …; its arguments tell the id) the lineage tells where the cgroup does not. A
 * container starts with its first process and stops with its last: EVENT_CONTAINER. */
#pragma once

#include "modules/watch/event/event.h"

struct tree;

struct tree_options {
        int64_t delete_delay_ns; /* 0 = 1 s */
        size_t processes_max;    /* living and lately ended; 0 = 65536; beyond it the oldest ended go, then new ones are
                                    refused and counted */
        uint64_t memory_max;     /* bytes for all of it; 0 = 64 MiB */
        uint32_t boot;           /* first part of exec ids; 0 in replay */
        int64_t boot_time_ns;  /* Unix time of the boot: start_ns + this is the time of start; 0 = not known: the first
                                  sight counts */
        bool forks;            /* also hand out EVENT_FORK */
        uint64_t capabilities; /* all that this kernel has; 0 = all that have a name (capability_names.h) */
};

struct tree_counters {
        uint64_t processes, ended, containers; /* now */
        uint64_t bytes, bytes_high;
        uint64_t forks, execs, exits; /* observed so far */
        uint64_t repaired;            /* made without a fork seen */
        uint64_t pid_reused;          /* an old process of the same pid was closed by a new one's start */
        uint64_t reordered;           /* an exit, or an exec, before its fork */
        uint64_t duplicates;          /* the same fact told by a second source: completed the first, no event */
        uint64_t unfinished;          /* the rest of an exec whose process had gone, or ran something else: no event */
        uint64_t refused;             /* processes, texts, groups or containers for want of room */
        uint64_t deleted;
        uint64_t ghosts;    /* now: ended and due, kept because they have descendants */
        uint64_t forgotten; /* ancestors let go although they had descendants: there were too many of them */
};

/* Hands out an event; id is 0, the taker numbers it. */
typedef void tree_emit_fn(const struct event *event, void *cookie);

struct tree *tree_new(const struct tree_options *options, struct error *err);
void tree_free(struct tree *tree);

/* Observations of types that are no event of their own (CGROUP, COMM, CONTAINER, PROCESS, GONE) may still cause events:
 * a container that starts, a synthetic exit (delete_delay_ns later, unless the real one comes). GAP passes through as
 * EVENT_GAP; with HAS_RESULT its `result` is the number of processes healed. FORK is of processes, never of threads.
 *
 * Which of the processes that had a pid is meant, start_ns tells, else the time: the life of a pid is cut where a fork
 * or an exit lies, in whatever order they come. The same fact told by two sources within 50 ms is one event. */
void tree_apply(struct tree *tree, const struct observation *observation, tree_emit_fn *emit, void *cookie);

/* Time has come to now_ns: deletes what is due, and hands out what waited for that: the stop of a container that stayed
 * empty, the synthetic exit of a process that was closed without one. Also done by tree_apply with the observations'
 * times. INT64_MAX at the end of a log hands out all that waits. emit may be NULL. */
void tree_advance(struct tree *tree, int64_t now_ns, tree_emit_fn *emit, void *cookie);

void tree_count(const struct tree *tree, struct tree_counters *ret);

/* --- asking ---------------------------------------------------------------------------------------------------------
 */

struct tree_process;

/* The living process of this pid, or NULL. */
const struct tree_process *tree_find(const struct tree *tree, pid_t pid);
/* As of that time: also one that ended lately; NULL when none is known. */
const struct tree_process *tree_find_at(const struct tree *tree, pid_t pid, int64_t time_ns);
pid_t tree_process_pid(const struct tree_process *process);
uint64_t tree_process_start_ns(const struct tree_process *process); /* since boot, 0 = not known */
bool tree_process_ended(const struct tree_process *process);
bool tree_process_repaired(const struct tree_process *process);

/* As it stands in an event; texts live until the next call on the tree. */
void tree_process_fill(struct tree *tree, const struct tree_process *process, struct event_process *ret);

/* Every process in pre-order, children by start: depth 0 has no parent in the tree. take returns false to end. */
typedef bool tree_take_fn(const struct tree_process *process, unsigned depth, void *cookie);
void tree_each(const struct tree *tree, bool ended_too, tree_take_fn *take, void *cookie);

struct tree_container {
        struct event_container names;
        size_t processes;
        int64_t first_ns; /* first sight */
        pid_t pid;        /* of its first process */
};
typedef bool tree_take_container_fn(const struct tree_container *container, void *cookie);
void tree_each_container(const struct tree *tree, tree_take_container_fn *take, void *cookie);
