/* How a persistent module's worker comes to life: its directory, its settings, its sockets, its user. */
#pragma once

#include "agent/listen.h"
#include "agent/persist.h"

struct worker;

/* Listening sockets outlive the worker: a client that comes while it restarts waits in the queue. */
struct persist_spawn {
        int listeners[PERSIST_LISTENERS_MAX];
        char wanted[PERSIST_LISTENERS_MAX][LISTEN_TEXT_MAX];    /* as configured; "" = none */
        char addresses[PERSIST_LISTENERS_MAX][LISTEN_TEXT_MAX]; /* as bound */
        char *settings;                                         /* the worker's, as it has them; NULL = none started */
        bool privacy;                                           /* … as it was started */
};

/* Our ends of the worker's sockets. requests: of api, its wire to the agent; of a module with routes, where it is
 * handed a new socket each time api starts (module/request.c); else -1. */
struct persist_ends {
        int frames;
        int requests;
};

void persist_spawn_init(struct persist_spawn *spawn);
/* Closes the listeners. */
void persist_spawn_close(struct persist_spawn *spawn);
/* The same, and frees what it holds. */
void persist_spawn_done(struct persist_spawn *spawn);

struct worker *persist_spawn(struct persist_spawn *spawn, struct agent *agent, const struct catalog_entry *entry,
        struct persist_ends *ret_ends, struct error *err);

/* The module's settings as JSON, appended to out. */
int persist_spawn_config(struct agent *agent, const struct module *module, struct buf *out, struct error *err);

/* What the configuration says against what the worker has. */
enum persist_change { PERSIST_SAME, PERSIST_NEW_SETTINGS, PERSIST_NEW_LISTENERS, PERSIST_NEW_START };
int persist_spawn_compare(const struct persist_spawn *spawn, struct agent *agent, const struct module *module,
        enum persist_change *ret, struct error *err);
/* The worker has these settings now. */
int persist_spawn_given(struct persist_spawn *spawn, const char *settings, struct error *err);
