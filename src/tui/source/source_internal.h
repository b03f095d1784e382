/* What the sources' files share: a job is one worker and what becomes of its rows. */
#pragma once

#include "base/buf.h"
#include "base/timefmt.h"
#include "module/catalog.h"
#include "module/execution.h"
#include "module/local_agent.h"
#include "tui/source/source.h"

enum { SOURCE_JOBS_MAX = 32, SOURCE_RECORD_MAX = 9 << 20 };

struct source;

struct job {
        struct sources *sources;
        struct source *source; /* NULL: an action */
        struct execution *execution;
        void (*on_row)(struct job *job, struct sv json);
        void (*on_open)(struct job *job); /* a fetch's stream stands, before its first row; NULL: it is no stream */
        void (*on_end)(struct job *job);  /* the result is complete */
        bool done;                        /* to be freed by the next reaping */
        bool dropped;                     /* nobody waits for it any more */
        char what[64];                    /* of an action, for its answer */
        size_t rows;
        struct buf gathered; /* of a job that tells its rows together */
};

/* One that keeps coming. */
struct source {
        const char *name;
        struct sources *sources;
        struct job *job;    /* the stream */
        bool wanted;        /* else it is not begun */
        int state;          /* enum source_state */
        int64_t began_ns;   /* of this attempt */
        int64_t backoff_ns; /* before the next */
        loop_id retry_id;
        uint64_t last_id; /* of an event, to go on after it */
        bool lacking;     /* the local agent has no such module */
        void (*begin)(struct source *source);
        char message[256];
};

struct sources {
        struct sources_options options;
        char *agent, *token;                 /* agent NULL: this host */
        char socket[LOCAL_AGENT_SOCKET_MAX]; /* of the local agent */
        char bridge[4096];
        struct catalog *catalog;
        struct catalog_entry bridge_entry;
        struct job *jobs[SOURCE_JOBS_MAX];
        loop_id reap_id;
        struct source feed, events, alerts;
        struct buf record; /* the one being told */
        bool ending;
};

/* The agent to ask: the one that was named, or the local one where it answers; NULL: none. */
const char *sources_agent(const struct sources *sources);

/* Starts a worker here; its callbacks are to be set by the caller, who is back before the first is called. NULL: err.
 */
struct job *job_run(struct sources *sources, const char *module, struct sv parameters, struct error *err);
/* … that fetches a path of an agent. body: JSON or n = 0. */
struct job *job_fetch(struct sources *sources, const char *agent, const char *method, const char *path, struct sv body,
        struct error *err);
/* … that runs a module at an agent. */
struct job *job_run_at(
        struct sources *sources, const char *agent, const char *module, struct sv parameters, struct error *err);
/* Nobody waits for it any more; ends it. NULL is fine. */
void job_drop(struct job *job);
/* Why it ended, in one line: the first error of its result. */
const char *job_error(struct job *job);

/* Tells one record. */
void sources_tell(struct sources *sources, struct sv record);
/* {"KIND":JSON} */
void sources_tell_kind(struct sources *sources, struct sv kind, struct sv json);

/* The three states of a source, told when they change. */
void source_is_live(struct source *source);
void source_starts(struct source *source, const char *message);
void source_is_off(struct source *source, const char *message);
/* It ended or could not begin: it will be begun again, after `least_ns` at least. */
void source_failed(struct source *source, const char *message, int64_t least_ns);
/* Begins a source anew now. */
void source_restart(struct source *source);

void feed_begin(struct source *source);
void events_begin(struct source *source);
void alerts_begin(struct source *source);
