/* Whether a process that was asked to end had a chance to obey: who was given too little CPU since then had none. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { STARVED_TREE_MAX = 64, STARVED_THREADS_MAX = 256 }; /* of those that are looked at; threads: of one process */

/* Whether a thread of the process wants a CPU now or reads from a disk (states R and D of proc(5)), and the CPU time
 * that it had so far, written in any case. with_tree: it or any process below it, and the time of them all, of those
 * too that ended and were waited for. False as well where nothing is to be seen. */
bool process_wants_cpu(pid_t pid, bool with_tree, int64_t *ret_cpu_ns);

/* One that did not stop though it had all of the time has used about as much CPU, which is counted in ticks. */
static inline bool cpu_was_short(int64_t used_ns, int64_t grace_ns)
{
        return used_ns <= grace_ns * 3 / 4;
}
