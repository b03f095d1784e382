/* What the tree needs from /proc, as observations: the first look at all processes, what an observation lacks (program,
 * arguments, cgroup), the names of containers, and the repair after a loss. Only this part of the pipeline reads files;
 * a replay has none of it. */
#pragma once

#include "base/error.h"
#include "modules/watch/observation.h"

struct look;
struct tree;

struct look_options {
        int root; /* an open "/" or the root of a fixture tree */
};

struct look_counters {
        uint64_t reads;      /* files of /proc read */
        uint64_t vanished;   /* processes that were gone before they could be read */
        uint64_t containers; /* names looked up */
        uint64_t cached;     /* cgroup texts known already */
};

struct look *look_new(const struct look_options *options, struct error *err);
void look_free(struct look *look);

/* Every process of /proc, parents first, as OBSERVED_PROCESS (and OBSERVED_CONTAINER before the first process of each
 * container). */
int look_all(struct look *look, int64_t now_ns, observe_fn *observe, void *cookie, struct error *err);

/* Completes one observation and hands it on, with the observations that must stand before it:
 *      EXEC    cgroup (HAS_CGROUP) of pid unless the source told it; when pid has ended already, an OBSERVED_CGROUP of
 *              its parent, so that what is inherited is right; exe, argv, cwd, ids where the source did not tell them;
 *      FORK    nothing is read (too many, too short), but a start_ns when it is missing and the process still lives;
 *      others  handed on.
 * A container seen for the first time is looked up in the state files of its engine: OBSERVED_CONTAINER. */
void look_complete(struct look *look, const struct observation *observation, observe_fn *observe, void *cookie);

/* After a loss: compares /proc with the tree and hands out PROCESS for what the tree does not know (or knows with
 * another start) and GONE for what is no more, all synthetic. Returns how many. */
int look_repair(struct look *look, const struct tree *tree, int64_t now_ns, observe_fn *observe, void *cookie,
        uint64_t *ret_repaired, struct error *err);

void look_count(const struct look *look, struct look_counters *ret);
