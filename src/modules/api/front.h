/* The module `api`: HTTP for people, programs and browsers. It holds no rights: it parses what comes from outside, asks
 * the agent (module/agent_wire.h) or a persistent module, and passes the answer on.
 *
 *      api.c      the module: settings, start, stop        server.c   connections, deadlines, libmicrohttpd on our loop
 *      call.c     one request: body, answer, streams       routes.c   which paths there are, and who answers them
 *      agent.c    requests to the agent                    relay.c    answers of the agent passed on as they are
 *      runs.c     runs, and their events                   modules_list.c   modules and their schemas
 *      saved.c    runs that are saved under a name
 *      page.c     the web page, reports of its policy      asset.c        its files, as the program holds them
 *      proxy.c    routes of persistent modules             openapi.c  the description of all of it
 *      peer.c     requests over a link                     members.c  an object's members without building it
 */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "module/service.h"
#include "peer.h"

#include <jansson.h>
#include <microhttpd.h>

enum {
        API_BODY_MAX = (8 << 20) + (64 << 10), /* a message of 8 MiB and what stands around it */
        API_HELD_MAX = 64 << 20,               /* bodies and answers of all requests together */
        API_ANSWER_MAX = (16 << 20) + (1 << 20),
        API_POOL = 24 << 10, /* of one connection: its request line, header fields and buffers */
        API_MODULES_MAX = 64,
        API_STREAM_FROM = 32 << 10, /* an answer that is longer is sent while it still comes */
        API_BEAT_S = 15,            /* between the comments that keep a quiet event stream open */
        API_PATH_MAX = 2048,
        API_OPEN_BODY_MAX = 64 << 10, /* of a request that anybody may send */
};

struct api_config {
        int64_t connections;
        int64_t connections_per_address;
        int64_t header_timeout_ns;
        int64_t body_timeout_ns;
        int64_t idle_timeout_ns;
        char *certificate;
        char *key;
};

struct api_counters {
        uint64_t connections;
        uint64_t connections_waited; /* times a door was shut because all were taken */
        uint64_t requests;
        uint64_t refused;  /* requests answered by 4xx */
        uint64_t failed;   /* by 5xx */
        uint64_t timeouts; /* connections ended for slowness */
        uint64_t events;
        uint64_t held_refused; /* requests refused because API_HELD_MAX was reached */
        uint64_t csp_reports;  /* what browsers say the page's policy stopped */
};

struct call;
struct relay;
struct server;
struct api_route;

/* A persistent module that is up. */
struct module_peer {
        struct api *api;
        char name[64];
        struct peer *peer;
        struct arena arena;
        const struct module *module; /* its descriptor, when somebody asked for a route */
};

struct api {
        struct service *service;
        struct loop *loop;
        const struct api_config *config;
        struct peer *agent;
        struct server *server;
        struct map modules; /* name → struct module_peer */
        size_t held;
        bool draining;
        struct api_counters counters;
        int64_t reports_since_ns; /* when the minute began in which reports_logged were logged; 0 = never */
        unsigned reports_logged;
};

struct api *api_of(struct service *service);

/* ---- connections (server.c) ---- */

struct client {
        struct client *next;
        struct client *previous;
        struct api *api;
        struct call *call; /* the request under way, NULL = none */
        bool local;        /* over the unix socket: the kernel knows who it is */
        int fd;
        int64_t deadline_ns; /* until which it has to have done the next thing; LOOP_NEVER: ours to do */
        char address[64];
};

struct server *server_new(struct api *api, struct error *err);
void server_free(struct server *server);
void server_drain(struct server *server); /* takes no new connections */
/* Lets libmicrohttpd work, soon. */
void server_kick(struct server *server);
size_t server_connections(const struct server *server);

/* ---- one request (call.c) ---- */

struct call {
        struct api *api;
        struct client *client;
        struct MHD_Connection *connection;
        char *uri;        /* as it came */
        const char *path; /* decoded, without the query */
        const char *query;
        const char *method;
        const struct api_route *route;
        char name[64];    /* {module} or {run} of the path */
        const char *rest; /* what stands behind it, for a module's own route */
        struct buf body;

        struct exchange exchange; /* with the agent, then perhaps with a module */
        struct buf gathered;      /* an answer that is needed whole */
        void (*then)(struct call *call, json_t *answer);
        const struct relay *relay;
        json_t *message; /* of POST /v1/runs, without its parameters */
        struct sv parameters;
        struct module_peer *module; /* of a route; only valid within one callback */
        char identity[256];
        uint64_t event; /* number of the last one */
        uint64_t skip;  /* events the client has already */
        bool follow;
        bool events; /* the answer is text/event-stream */

        int status;
        struct buf out;
        size_t out_at;
        char type[128];
        json_t *fields;              /* further header fields: name → value, NULL = none */
        bool begun, headed, started; /* header fields came; were seen; all came */
        bool decided, ended, broken;
        bool suspended;
        loop_id hangup_id;
        int64_t beat_ns;
};

struct call *call_new(struct api *api, const char *uri);
void call_free(struct call *call);
enum MHD_Result call_step(struct call *call, const char *upload, size_t *upload_size);
void call_begin(struct call *call, struct MHD_Connection *connection, const char *path, const char *method);

/* Bytes its body may have: fewer where anybody may ask. */
size_t call_body_max(const struct call *call);

/* A whole answer. type NULL = JSON. */
void call_reply(struct call *call, int status, const char *type, struct sv body);
void call_reply_json(struct call *call, int status, json_t *value); /* takes the reference */
void call_fail(struct call *call, const struct error *err);
/* path: of the field that is wrong; NULL = none. */
void call_fail_status(struct call *call, int status, const char *code, const char *message, const char *path);
/* The message of a record that was not accepted begins with the field's path. */
void call_fail_field(struct call *call, const struct error *err, const char *prefix);

/* An answer in pieces. */
void call_head(struct call *call, int status, const char *type);
void call_write(struct call *call, struct sv bytes);
void call_end(struct call *call);
/* The answer cannot be completed: an event says so on an event stream, else the connection breaks. */
void call_abort(struct call *call, const char *why);
void call_field(struct call *call, const char *name, const char *value);

const char *call_query(const struct call *call, const char *name);
bool call_flag(const struct call *call, const char *name); /* ?name, ?name=1, ?name=true */
const char *call_header(const struct call *call, const char *name);
const char *call_token(const struct call *call); /* of Authorization: Bearer, or NULL */
void call_tick(struct call *call, int64_t now_ns);
/* One server-sent event; id 0 = none. */
void call_event(struct call *call, const char *event, uint64_t id, struct sv json);

/* ---- the table (routes.c) ---- */

enum route_answer {
        ANSWER_JSON,
        ANSWER_TEXT,
        ANSWER_EVENTS,
        ANSWER_ANY,
        ANSWER_RUN, /* its ID and location, or its events */
        ANSWER_NONE,
};

struct api_query {
        const char *name;
        const char *help;
};

struct api_route {
        const char *method; /* "*" = any */
        const char *path;   /* "/v1/runs/{run}"; "/v1/modules/{module}/" and a star: all below */
        const char *summary;
        bool open; /* nobody needs to say who he is */
        bool body; /* takes JSON */
        enum route_answer answer;
        struct api_query query[6];
        void (*handle)(struct call *call);
        bool (*covers)(const char *path); /* of those that fit; NULL = all */
        const char *const *types;         /* of the body, ends with NULL; NULL = JSON */
        const char *schema;               /* of the body: its name in the description; NULL = free */
};

extern const struct api_route api_routes[]; /* ends with .path == NULL */

/* Finds the route and checks what can be checked before the body; answers when something is wrong. */
void routes_choose(struct call *call);

/* ---- the agent (agent.c) ---- */

int agent_connect(struct api *api, int fd, struct error *err);

/* Asks: {"class": …, "parameters": {…, "credential", "client"}}. parameters (may be NULL) is taken. Answers the call
 * when it cannot be sent. */
bool agent_ask(struct call *call, const char *class, json_t *parameters, const struct exchange_events *events);

/* The class and parameters of a message from the agent; "refused" answers the call and gives NULL. New reference in
 * *ret. */
const char *agent_answer(struct call *call, struct sv payload, json_t **ret_message, const json_t **ret_parameters);
void agent_gone(struct exchange *exchange);

/* Asks for an answer that is needed whole; then(call, value) with the parsed data, unless the agent refused. */
void agent_gather(struct call *call, const char *class, json_t *parameters, void (*then)(struct call *, json_t *));
void agent_describe(struct call *call, const char *module, void (*then)(struct call *, json_t *));

/* ---- handlers ---- */

void handle_page(struct call *call);
bool page_covers(const char *path);
void handle_csp_report(struct call *call);
void handle_health(struct call *call);
void handle_whoami(struct call *call);
void handle_openapi(struct call *call);
void handle_modules(struct call *call);
void handle_module(struct call *call);
void handle_schema(struct call *call);
void handle_run_start(struct call *call);
void handle_runs(struct call *call);
void handle_run(struct call *call);
void handle_run_events(struct call *call);
void handle_run_result(struct call *call);
void handle_run_cancel(struct call *call);
void handle_verify(struct call *call);
void handle_status(struct call *call);
void handle_config(struct call *call);
void handle_metrics(struct call *call);
void handle_module_route(struct call *call);
void handle_saved_list(struct call *call);
void handle_saved_one(struct call *call);
void handle_saved_put(struct call *call);
void handle_saved_delete(struct call *call);
void handle_saved_run(struct call *call);

extern const struct record run_request_record;   /* what POST /v1/runs takes */
extern const struct record saved_request_record; /* what PUT /v1/saved/NAME takes */

/* Does the module take these parameters (NULL = none)? Answers the call when not. */
bool run_parameters_good(struct call *call, const json_t *descriptors, const json_t *parameters);

void module_peer_free(struct module_peer *peer);
