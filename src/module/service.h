/* A persistent module as its author sees it: start() sets up handlers on the service's loop and returns; the loop runs
 * until the agent stops it. Queries arrive through module->run with run->service set and must be short: the loop waits
 * for them. */
#pragma once

#include "loop/loop.h"
#include "module/run.h"

struct service {
        const struct module *module;
        struct loop *loop;
        const void *config;          /* the struct of module->config */
        void *state;                 /* the module's own, zero at the start */
        const char *state_directory; /* its own, writable; NULL when it runs without an agent */
        bool privacy;                /* what goes out by routes is to be masked; queries mask by themselves */
        bool ready_later;            /* set by start(): it calls service_ready itself */
        struct service_channel *channel;
};

/* To the agent: its log, and its alert channel (the modules that take alerts, when one runs). Dropped alerts are
 * counted. `json` is one JSON object. */
void service_log(struct service *service, const char *format, ...) __attribute__((format(printf, 2, 3)));
void service_alert(struct service *service, struct sv json);

/* Which alert it is that the agent hands over: numbers rise from 1 with each start of the agent, which `sender` names.
 * number 0: the parent told none. */
struct alert_id {
        uint64_t sender;
        uint64_t number;
};

/* As the agent hands it to each module that takes alerts. Valid during the call. */
struct handed_alert {
        struct alert_id id;
        const char *module; /* that raised it; "" when the parent did not tell */
        int64_t time_ns;    /* when the agent got it; 0 when the parent did not tell */
        struct sv json;     /* the alert: one JSON value if the module kept the contract, any text if not */
};

/* Of a module that takes alerts (module->alert): it has this one and all before it on disk, or has refused and
 * counted them. The agent hands those over again that were not acknowledged when the module died, in the same order. */
void service_alert_taken(struct service *service, const struct alert_id *id);

/* The module works now: dependants may start. Happens by itself after start() returned 0, unless
 * start() set ready_later. */
void service_ready(struct service *service);

/* The socket the agent bound for module->listeners[index], or -1 when none is configured. Owned by the service. */
int service_listener(const struct service *service, size_t index);

/* --- HTTP requests on module->routes ---------------------------------------------------------------------------------
 */

struct request {
        struct service *service;
        const char *method;
        const char *path;                           /* below the module's prefix */
        const char *query;                          /* decoded per parameter by request_query */
        struct sv body;                             /* complete before handle is called; at most 8 MiB */
        void *state;                                /* the handler's own */
        void (*on_cancel)(struct request *request); /* the client went away before request_end; freed after it */
        void (*on_credit)(struct request *request); /* more DATA may be sent */
};

const char *request_query(const struct request *request, const char *name); /* decoded value, or NULL */
const char *request_header(const struct request *request, const char *name);

/* Who asks, by the agent's word: "token deploy", "uid 0 (root)"; "" when the parent told nobody. And the role. */
const char *request_identity(const struct request *request);
enum role request_role(const struct request *request);

/* The query's parameters by a record of plain fields and lists ("a,b"), copied into the arena. Errors name the field.
 */
int request_parameters(
        const struct request *request, const struct record *record, void *ret, struct arena *arena, struct error *err);
/* The body: one JSON object by the record; an empty one is {}. */
int request_object(
        const struct request *request, const struct record *record, void *ret, struct arena *arena, struct error *err);

/* A whole answer. content_type NULL = application/json. The request is gone afterwards. */
void request_reply(struct request *request, int status, const char *content_type, struct sv body);
/* A message "FIELD: …" names the field as `path` too. */
void request_fail(struct request *request, const struct error *err);

/* A streamed answer: head, then data as credit allows (returns the bytes taken, possibly 0), then end. */
void request_head(struct request *request, int status, const char *content_type);
size_t request_write(struct request *request, struct sv bytes);
void request_end(struct request *request);
