/* The agent: what its parts share. One process, one thread, one loop. The parts:
 *
 *      serve.c     the verb: start, signals, drain, end               reload.c    a changed configuration
 *      persist.c   one persistent module: worker, pings, restarts       supervise.c   all of them, in the graph's order
 *      runs.c      runs: queue, executions, queries, results kept       results.c     the files of results
 *      front.c     requests of api and of agent.sock                    authority.c   who may do what
 *      schedule.c  runs by the clock                                    status.c      what it says of itself
 *      saved.c     runs that somebody saved                             config_write.c   its configuration
 *      alerts.c    alerts that not every receiver has acknowledged
 */
#pragma once

#include "agent/alerts.h"
#include "agent/config.h"
#include "agent/graph.h"
#include "agent/runlog.h"
#include "agent/saved.h"
#include "base/buf.h"
#include "base/vec.h"
#include "loop/loop.h"
#include "module/catalog.h"

struct persist;
struct front;
struct run_entry;
struct schedule;
struct authority;

enum { AGENT_PATH_MAX = 4096, AGENT_FRONTS_MAX = 64 };

struct agent_counters {
        uint64_t runs_started;
        uint64_t runs_completed;
        uint64_t runs_failed;
        uint64_t runs_refused;
        uint64_t schedule_started;
        uint64_t schedule_skipped; /* overlaps */
        uint64_t schedule_missed;  /* made up for after a start */
        uint64_t restarts;
        uint64_t workers_given_up;
        uint64_t alerts;
        uint64_t alerts_dropped;
        uint64_t alerts_skipped;
        uint64_t alerts_untaken;
        uint64_t requests;
        uint64_t requests_refused;
        uint64_t fronts_refused;
        uint64_t results_removed;
        uint64_t log_failures;
        uint64_t reloads;
        uint64_t reloads_refused;
};

struct agent {
        struct loop *loop;
        struct catalog *catalog;
        struct agent_config *config;
        const char *config_path; /* NULL = none */
        const char *listen;      /* --listen, over the configuration's; NULL = not given */
        char state[AGENT_PATH_MAX];
        char run[AGENT_PATH_MAX];

        struct runlog *log;
        struct authority *authority;
        struct graph graph;
        VEC(struct persist *) modules;
        VEC(struct front *) fronts;
        struct front *api; /* of the api module; NULL while it is down */

        VEC(struct run_entry *) runs; /* queued and running */
        int listener;                 /* agent.sock */
        struct schedule *schedule;
        struct saved_store *saved;

        struct alert_queue alerts; /* that not every receiver has acknowledged */
        struct agent_counters counters;
        size_t workers_lost; /* of those given up, what has not ended yet */
        struct {
                int64_t loaded_ns; /* wall clock: when the configuration in effect was read */
                int64_t refused_ns;
                char problem[512]; /* of the last try, if it was refused */
        } reload;
        int64_t started_ns;
        int64_t ready_ns;     /* 0 = not yet */
        char noted_head[128]; /* of the log, as last told to the journal */
        int lock;
        bool stopping;
        bool advancing;
        bool had_terminal;
};

/* The graph moved: starts what may start, says ready, ends when all is quiet. */
void agent_advance(struct agent *agent);

/* Begins to drain and stop. */
void agent_stop(struct agent *agent, const char *why);
