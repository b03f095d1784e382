/* One persistent module: its worker, the messages with it, pings, restarts with backoff, its queries. */
#pragma once

#include "agent/agent.h"
#include "module/wire.h"

struct persist;

enum {
        PERSIST_START_S = 60,   /* until it is ready; then it is killed. Less than systemd waits for all of the agent */
        PERSIST_PING_S = 10,    /* between pings */
        PERSIST_SILENCE_S = 30, /* without an answer it is killed */
        PERSIST_STOP_S = 5,     /* after `stop`, then it is killed */
        PERSIST_BACKOFF_MIN_MS = 250,
        PERSIST_BACKOFF_MAX_S = 60,
        PERSIST_HEALTHY_S = 60, /* after which the backoff begins anew */
        PERSIST_LISTENERS_MAX = 16,
        PERSIST_QUERIES_MAX = 256,
};

/* entry must be persistent; node: of agent->graph. */
struct persist *persist_new(struct agent *agent, const struct catalog_entry *entry, size_t node, struct error *err);
void persist_free(struct persist *persist);

/* Starts the worker; a failure is a restart later. */
void persist_start(struct persist *persist);
/* Asks it to end; the graph hears of it. */
void persist_stop(struct persist *persist);

/* What a reload has to do: ret_how is what it does, ret_what (static text) what differs. agent->config is the new
 * configuration already; nothing is done yet. -1: the new settings cannot be. */
enum persist_reload { PERSIST_KEEP, PERSIST_CONFIGURE, PERSIST_RESTART };
int persist_plan_reload(
        struct persist *persist, enum persist_reload *ret_how, const char **ret_what, struct error *err);
/* Hands the worker its new settings; -1: it cannot take them now, and has to be started anew. */
int persist_configure(struct persist *persist);
/* One that waits for its next try is started at once, with the new settings. */
void persist_retry_now(struct persist *persist);
/* After its end, whenever that comes: is it started again, or done with? */
void persist_start_again(struct persist *persist, bool again);
void persist_set_node(struct persist *persist, size_t node);

const struct module *persist_module(const struct persist *persist);
size_t persist_node(const struct persist *persist);
bool persist_up(const struct persist *persist);
pid_t persist_pid(const struct persist *persist);
const char *persist_reason(const struct persist *persist); /* why it is down, or was last; "" if never */
uint64_t persist_restarts(const struct persist *persist);
int64_t persist_since_ns(const struct persist *persist);    /* of the state it is in; monotonic */
int64_t persist_retry_ns(const struct persist *persist);    /* when it starts again; 0 = it does not wait */
int64_t persist_answered_ns(const struct persist *persist); /* its last answer to a ping; monotonic */
/* Where listener `index` stands: "127.0.0.1:7077", a path, or "". */
const char *persist_listens(const struct persist *persist, size_t index);

/* api's wire to the agent, or -1. Stays the module's. */
int persist_wire_fd(const struct persist *persist);

/* A new socket between the module and api: the end for api, the other one is sent to the module, which drops the one it
 * had. -1: the module has no routes, or is down. */
int persist_connect_api(struct persist *persist);

/* A message outside of a query (alert). -1 when it is down or its queue is full. */
int persist_send(struct persist *persist, struct sv json);

/* One query. on_frame sees every frame of its stream; on_gone: the module went away (no frame follows). */
struct persist_query {
        void (*on_frame)(void *cookie, const struct frame_header *header, struct sv payload);
        void (*on_gone)(void *cookie, const char *reason);
        void *cookie;
        uint16_t stream; /* set by persist_ask */
};
/* module: the one whose run answers, the persistent module itself or one of its queries. */
int persist_ask(
        struct persist *persist, struct persist_query *query, const char *module, struct sv message, struct error *err);
void persist_forget(struct persist *persist, struct persist_query *query);
