/* From events of the process connector, which are of threads, to observations, which are of processes. Pure.
 *
 * A process ends with its last thread. The threads that were seen to begin are counted, so that a process whose first
 * thread ends before the others ends with them; and so that an exec by another thread, at which the kernel ends the
 * first one (de_thread, fs/exec.c), is no end. */
#pragma once

#include "modules/watch/source/connector_raw.h"
#include "modules/watch/source/observation.h"

enum {
        CONNECTOR_THREADED_MAX = 16384
}; /* processes with more than one thread; of others the first thread's end counts */

struct threaded {
        pid_t pid;        /* 0 = free */
        uint32_t threads; /* besides the first */
        bool leader_ended;
        uint32_t status; /* of the first thread */
        pid_t ppid;
};

struct connector_threads {
        struct threaded *slots; /* open addressing */
        size_t size, used;
        uint64_t refused;
};

void connector_threads_done(struct connector_threads *threads);

/* The observation, whose texts point into raw; false when the event is of a thread only. */
bool connector_observe(struct connector_threads *threads, const struct raw_connector *raw, enum source_kind source,
        struct observation *ret);

/* After a loss the counts are wrong: forgets them, and tells the end of each process that waits for its last thread. */
void connector_threads_forget(
        struct connector_threads *threads, int64_t time_ns, enum source_kind source, observe_fn *observe, void *cookie);
