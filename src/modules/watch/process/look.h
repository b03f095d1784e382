/* What the tree needs from /proc, as observations: the first look at all processes, what an observation lacks (program,
 * arguments, cgroup), the names of containers, and the repair after a loss. Only this part of the pipeline reads files;
 * a replay has none of it. */
#pragma once

#include "base/error.h"
#include "modules/watch/source/observation.h"

struct look;
struct tree;

struct container_places;

struct look_options {
        int root;                              /* an open "/" or the root of a fixture tree; the caller keeps it open */
        const struct container_places *places; /* of the engines' state files; NULL: their defaults below root. Copied
                                                  (texts are not) */
        bool fork_start; /* read /proc/PID/stat for a FORK that has no start_ns: about 8 µs each */
};

struct look_counters {
        uint64_t reads;      /* files of /proc read */
        uint64_t vanished;   /* processes that were gone before they could be read */
        uint64_t reused;     /* another process had the pid by then: not read either */
        uint64_t threads;    /* exits not handed on: of a thread only */
        uint64_t containers; /* names looked up */
        uint64_t nameless;   /* … and not found */
        uint64_t cached;     /* groups known already, by their id or from another child */
        uint64_t truncated;  /* arguments beyond LOOK_ARGUMENTS_MAX, cgroup texts beyond LOOK_CGROUP_MAX */
        uint64_t refused;    /* processes that may not be read (EACCES, EPERM, EMFILE) */
        uint64_t repaired;   /* observations that look_repair handed out */
};

enum {
        LOOK_ARGUMENTS_MAX = 64 << 10,
        LOOK_CGROUP_MAX = 16 << 10,
        LOOK_CGROUPS_MAX = 1024,   /* texts remembered; then all are forgotten and learnt again */
        LOOK_CONTAINERS_MAX = 1024 /* the same of containers */
};

struct look *look_new(const struct look_options *options, struct error *err);
void look_free(struct look *look);

/* Every process of /proc, parents first, as OBSERVED_PROCESS (and OBSERVED_CONTAINER before the first process of each
 * container). A zombie counts as ended: it is left out. */
int look_all(struct look *look, int64_t now_ns, observe_fn *observe, void *cookie, struct error *err);

/* Completes one observation and hands it on, with the observations that must stand before it:
 *      EXEC    cgroup (HAS_CGROUP) of pid unless the source told it; when pid has ended already, an OBSERVED_CGROUP of
 *              its parent, so that what is inherited is right; exe, argv, cwd, ids where the source did not tell them;
 *      FORK    nothing is read (too many, too short), unless fork_start asks for a missing start_ns;
 *      EXIT    UNRESOLVED_THREAD: handed on unless the process still lives;
 *      others  handed on.
 * A container seen for the first time is looked up in the state files of its engine: OBSERVED_CONTAINER, before the
 * observation; its cgroup is the text by which the container is known, so that a container whose path alone says
 * nothing (plain runc) is known by its text. It comes again when the container's cgroup is seen a minute later or more,
 * since a container may be renamed.
 *
 * The process that is read is the one observed: one that started after the observation's time, or not at its start_ns,
 * is another that got the pid, and counts as ended. */
void look_complete(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie);

/* A container has stopped (EVENT_CONTAINER): the next process of it is looked up anew. */
void look_forget_container(struct look *look, const char *id);

/* After a loss: compares /proc with the tree and hands out PROCESS for what the tree does not know (or knows with
 * another start, or by another comm: a missed exec) and GONE for what is no more, all synthetic. Returns how many. */
int look_repair(struct look *look, struct tree *tree, int64_t now_ns, observe_fn *observe, void *cookie,
        uint64_t *ret_repaired, struct error *err);

void look_count(const struct look *look, struct look_counters *ret);
