/* One run of a module, seen from the parent: it starts the worker, hands over the message, collects frames, keeps the
 * deadline, stops, kills, and always ends with a result. It lives on an event loop and blocks nowhere. */
#pragma once

#include "loop/loop.h"
#include "module/budget.h"
#include "module/catalog.h"
#include "module/result.h"

struct execution;

struct execution_options {
        const struct catalog_entry *entry;
        struct sv message; /* the contract's message as it came, at most JSON_MESSAGE_MAX bytes; parsed only in the
                              worker */
        struct budget budget;
        bool privacy;
        bool relay_stderr; /* a pipe that is our stderr is not handed to the worker (relay.h) */
        bool strict;       /* unknown keys are errors: every door but the wire */

        /* Ask an agent instead: "http(s)://HOST:PORT" or the path of its socket. The bridging worker
         * (libexec/tarsier-remote) speaks HTTP and sends the same frames. token: NULL or its credential; bridge: path
         * of the program. */
        const char *agent;
        const char *token;
        const char *bridge;
        const char *modules_state; /* for run.h; NULL = none */
        const char *api_socket;    /* of the agent of this host, for module->agent_paths; NULL = none */
        void (*on_row)(struct execution *execution, struct sv label, struct sv json, void *cookie); /* may be NULL */
        /* every frame that the result took, DONE included; may be NULL */
        void (*on_frame)(
                struct execution *execution, const struct frame_header *header, struct sv payload, void *cookie);
        void (*on_done)(
                struct execution *execution, void *cookie); /* the result is complete; called once, from the loop */
        void *cookie;
};

/* -1 only when nothing could be started at all; a worker that fails later ends in on_done with a failed result. */
struct execution *execution_start(struct loop *loop, const struct execution_options *options, struct error *err);

/* Asks the module to end. 80 ms later, or after its limits.stop_ns, it is killed and the result closed from the frames
 * that came; later, at most a second, when for most of that time it waited for a CPU, for a disk, or in its handshake.
 */
void execution_stop(struct execution *execution, const char *reason);

/* After on_done: the loop may be freed, the result stays. */
void execution_detach(struct execution *execution);

/* After on_done. Kills what still runs otherwise, and waits for its end, unless it is stuck. */
void execution_free(struct execution *execution);

struct result *execution_result(struct execution *execution);
pid_t execution_pid(const struct execution *execution);
/* After on_done: the worker was killed and does not end (worker_stuck). The result is partial and says so, unless it
 * was whole; execution_free gives the worker up (worker_give_up), which waits for nothing. */
bool execution_stuck(const struct execution *execution);
int64_t execution_cpu_ns(const struct execution *execution); /* after on_done: CPU time of the worker */
uint64_t execution_peak(const struct execution *execution);  /* after on_done: its peak memory in bytes */

enum { EXECUTION_KILL_MS = 80 };
