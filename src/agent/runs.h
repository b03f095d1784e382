/* Runs of the agent: checked, logged, queued, started, followed, ended. A standard module gets a worker of its own, a
 * persistent one a query. */
#pragma once

#include "agent/authority.h"
#include "agent/results.h"
#include "module/budget.h"

struct run_entry;

struct run_request {
        const struct catalog_entry *entry;
        const struct caller *caller;
        const char *door;     /* "socket", "http", "schedule" */
        struct sv parameters; /* JSON, "" = {} */
        struct budget budget; /* zero: only the ceilings of the configuration */
        bool privacy;
        void (*on_end)(struct agent *agent, void *cookie); /* it is over and logged; may be NULL */
        void *cookie;
};

/* Once this returns the intent is on disk; ret_run has RUN_ID_MAX bytes. E_PERMISSION, E_INVALID, E_UNAVAILABLE (queue
 * full, agent stops). Roles are the caller's business (authority_check_module). */
int runs_start(struct agent *agent, const struct run_request *request, char *ret_run, struct error *err);

/* Those that wait for their turn and may have it now: limits.runs was raised. */
void runs_start_waiting(struct agent *agent);

/* Stops a run; what it has so far is its result. E_NOT_FOUND when it is not running. */
int runs_cancel(struct agent *agent, const char *run, const char *why, struct error *err);
/* The same for one that only waits for its turn; one that runs goes on. True: it was cancelled. */
bool runs_cancel_queued(struct agent *agent, const char *run, const char *why);
void runs_cancel_all(struct agent *agent, const char *why);

/* Is it queued or running? A follower then waits for more of its file. */
bool runs_live(const struct agent *agent, const char *run);
/* Writes out what is buffered, so that a follower finds it in the file. */
void runs_flush(struct agent *agent, const char *run);

size_t runs_queued(const struct agent *agent);
size_t runs_running(const struct agent *agent);
const char *run_id(const struct run_entry *run);

/* The end of the agent: everything at once, nothing is logged any more. */
void runs_free(struct agent *agent);
