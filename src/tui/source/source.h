/* Where what is shown comes from. The feed is a run of the module metrics-feed here, or the route of that name at an
 * agent; events and alerts come from an agent, or else events from a run of watch here, once somebody looks at them.
 * Everything comes from locked workers, as JSON records of the model (model.h); a source that ends is begun again after
 * 1, 2, 4 … 30 s, one that lacks an agent looks for it each 30 s, and says meanwhile in {"source":…} what it lacks. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "base/sv.h"
#include "loop/loop.h"

struct sources_options {
        struct loop *loop;
        const char *agent; /* URL or path of a socket; NULL: this host */
        const char *token; /* NULL = none */
        int64_t interval_ns;
        void (*on_record)(struct sv record, void *cookie); /* from the loop; valid during the call */
        void *cookie;
};

struct sources;

/* Starts what there is. A source that cannot be started is told as a record, later. */
struct sources *sources_new(const struct sources_options *options, struct error *err);
/* Stops the workers; waits at most SOURCES_STOP_NS for one that has to undo what it changed in the kernel. */
void sources_free(struct sources *sources);
DEFINE_CLEANUP(struct sources *, sources_free);

#define SOURCES_STOP_NS (3 * SECOND)

void sources_set_interval(struct sources *sources, int64_t interval_ns);

/* Somebody looks at events: without an agent they cost a run of watch, which begins now. */
void sources_want_events(struct sources *sources);

/* Actions. What became of one comes as {"answer":{"ok":true,"message":"…"}}; NULL texts are left out. */
void sources_kill(struct sources *sources, double pid, const char *start, const char *signal);
void sources_acknowledge(struct sources *sources, uint64_t alert, const char *comment);
void sources_unacknowledge(struct sources *sources, uint64_t alert);
void sources_mute(struct sources *sources, const char *module, const char *rule, const char *container,
        const char *duration, const char *comment);

/* The connections of this moment, as {"connections":[…]}: elements of the module netstat. */
void sources_ask_connections(struct sources *sources);
