/* The pipeline of a source's events on one loop: receive → raw queue → decode → observation queue → look, tree →
 * events. Both queues are bounded and counted; what the kernel or a queue loses becomes a gap event, and the tree is
 * then repaired from /proc. A replay (an audit log, or a recording of ours) takes the same way with the log's clock and
 * without /proc. */
#pragma once

#include "loop/loop.h"
#include "modules/watch/event/event.h"
#include "modules/watch/process/look.h"
#include "modules/watch/process/tree.h"
#include "modules/watch/recording.h"
#include "modules/watch/source/source.h"

struct pipeline;

struct pipeline_options {
        /* NULL-terminated, in the order in which they are tried: the first that opens is used. Ignored for a replay. */
        const struct source_ops *const *sources;
        struct source_options source;
        const char *replay; /* file to read instead */
        const char *record; /* file for a recording, NULL = none */
        struct tree_options tree;
        int root;                            /* an open "/" */
        size_t raw_bytes, observation_bytes; /* of the queues; 0 = 16 MiB, 8 MiB */
        int64_t reconcile_ns;                /* how often the tree is compared with /proc without need; 0 = never */
        bool fork_start;                     /* look_options */

        /* An event, complete but for its id. */
        void (*event)(struct event *event, void *cookie);
        /* Can it take no more events now? They then wait in the queues, and the kernel's buffers are emptied all the
         * same. May be NULL. */
        bool (*blocked)(void *cookie);
        /* The replay is at its end, or the source broke (err). May be NULL. */
        void (*ended)(const struct error *err, void *cookie);
        void (*log)(void *cookie, const char *text);
        void *cookie;
};

struct pipeline_counters {
        struct source_counters source;
        struct queue_counters raw, observations;
        struct tree_counters tree;
        struct look_counters look;
        uint64_t observed, events, gaps, repaired;
};

/* Opens the source, seeds the tree from /proc (no events) and starts. */
struct pipeline *pipeline_new(struct loop *loop, const struct pipeline_options *options, struct error *err);

/* Takes what the kernel still has, and what waits in the stages, to the end; then no event comes any more. */
void pipeline_finish(struct pipeline *pipeline);
/* Closes the source: the kernel is as it was before. NULL is fine. */
void pipeline_free(struct pipeline *pipeline);

void pipeline_count(const struct pipeline *pipeline, struct pipeline_counters *ret);
struct tree *pipeline_tree(struct pipeline *pipeline);
const char *pipeline_source(const struct pipeline *pipeline); /* "audit" …, "replay" */
