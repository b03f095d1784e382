/* A run as the module sees it: parameters in, rows out, and a checkpoint to stop at. Everything goes to the parent as
 * frames at once or in batches; nothing of the result stays in the worker. */
#pragma once

#include "base/arena.h"
#include "base/sv.h"
#include "module/module.h"

struct run {
        const struct module *module;
        const void *params;      /* the struct of module->params */
        struct arena arena;      /* for the module's own use, freed after the run */
        void *state;             /* the module's own, zero at the start */
        struct service *service; /* the persistent module that answers a query, else NULL */
        const char *identity;    /* of a query: who asks, by the agent's word; else "" */
        bool privacy;            /* private fields go out masked; nothing for the module to do */
        int64_t started_ns;      /* monotonic */
        const char
                *modules_state; /* directory that holds one of each persistent module's data; NULL without an agent */
        const struct local_answer *agent_answers; /* of module->agent_paths, in their order; NULL: no agent runs here */
        struct run_channel *channel;
};

/* Sends one element. label is NULL for SHAPE_OBJECT, LIST and SCALAR. The row is written by module->element before it
 * returns, so the struct may be reused. The first row sets foundanything. -1 only when the parent is gone or the result
 * is full: the module should return then (err is set). */
int run_emit(struct run *run, const char *label, const void *row, struct error *err);
int run_emit_in(struct run *run, const char *group, const char *label, const void *row, struct error *err);

/* The same for an element that is JSON already. */
int run_emit_json(struct run *run, const char *group, const char *label, struct sv json, struct error *err);

/* Sends what has gathered as far as the parent takes it now, and says whether more would have to wait: for modules that
 * must not stand still meanwhile. */
bool run_would_block(struct run *run);

/* A label that is shown even when it gets no row: as [], or as null with null_when_empty. group may be NULL. */
int run_declare(struct run *run, const char *group, const char *label, bool null_when_empty, struct error *err);

/* A soft error: the run goes on. Bounded: after RUN_ERRORS_MAX only their number is sent. */
void run_error(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What could not be looked at: a path (any bytes) and why. Bounded as errors are. */
void run_skipped(struct run *run, const char *path, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The struct of module->statistics, zeroed, in the run's arena: fill it as you go. It is sent at the end of the run,
 * also when the run is stopped. Never NULL; the same one at each call. */
void *run_statistics(struct run *run);

/* The same for statistics that are JSON already; copied. NULL is nothing. */
void run_statistics_json(struct run *run, const char *json);

/* Marks the result as partial for this reason. */
void run_set_partial(struct run *run, const char *reason);

/* Overrides "found anything = at least one row". */
void run_set_found(struct run *run, bool found);

/* Overrides "success = run() returned 0": MIG's modules that fail softly. */
void run_set_success(struct run *run, bool success);

/* To be called at least every few milliseconds of work: keeps the run within its CPU share and I/O rate by sleeping,
 * and says true when it has to end (stop message, time, parent gone). Costs nanoseconds. */
bool run_checkpoint(struct run *run);

/* True once run_checkpoint has said true. */
bool run_stopped(const struct run *run);

/* So many bytes were read from disk: the I/O budget's input. */
void run_charge_io(struct run *run, uint64_t bytes);

/* Readable when a stop may have come, and for ever once one was seen: for modules that sleep in poll(2). Then call
 * run_checkpoint. The same each time; it belongs to the run. */
int run_stop_fd(struct run *run);

/* poll(2) on fds that ends early on a stop: like poll, or -1 with E_STOPPED in err when the run has to end. timeout_ns
 * < 0 waits for ever. fds may be NULL with count 0: an interruptible sleep, returns 0 after the time. */
struct pollfd;
int run_poll(struct run *run, struct pollfd *fds, size_t count, int64_t timeout_ns, struct error *err);

enum { RUN_ERRORS_MAX = 1000, RUN_SKIPPED_MAX = 10000 };
