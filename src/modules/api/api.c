#include "front.h"

#include "module/program.h"
#include "module/run.h"

static const struct field api_config_fields[] = {
        FIELD_INT(struct api_config, connections, .help = "connections at once; more wait in the kernel's queue",
                .def = "256", .min = 1, .max = 4096),
        FIELD_INT(struct api_config, connections_per_address, .help = "of them from one address, 0 is no limit",
                .def = "128", .min = 0, .max = 4096),
        FIELD_DURATION(struct api_config, header_timeout_ns, .json = "header_timeout",
                .help = "time until a request's header fields are complete", .def = "15s", .min = SECOND, .max = HOUR),
        FIELD_DURATION(struct api_config, body_timeout_ns, .json = "body_timeout",
                .help = "time until its body is complete", .def = "60s", .min = SECOND, .max = HOUR),
        FIELD_DURATION(struct api_config, idle_timeout_ns, .json = "idle_timeout",
                .help = "silence after which a connection ends", .def = "60s", .min = 2 * SECOND, .max = HOUR),
        FIELD_STRING(struct api_config, certificate, .help = "PEM text; comes from the agent's tls.certificate"),
        FIELD_STRING(struct api_config, key, .help = "PEM text; comes from the agent's tls.key", .secret = true),
};

struct api_state {
        uint64_t connections;
        uint64_t held;
        uint64_t modules;
        struct api_counters counters;
};

static const struct field api_state_fields[] = {
        FIELD_UINT(struct api_state, connections, .help = "connections that are open"),
        FIELD_SIZE(struct api_state, held, .help = "bytes of requests and answers in memory"),
        FIELD_UINT(struct api_state, modules, .help = "persistent modules that can be reached"),
        FIELD_UINT(struct api_state, counters.connections, .json = "connections_total", .help = "connections accepted"),
        FIELD_UINT(struct api_state, counters.requests, .json = "requests", .help = "requests"),
        FIELD_UINT(struct api_state, counters.refused, .json = "refused", .help = "requests answered by 4xx"),
        FIELD_UINT(struct api_state, counters.failed, .json = "failed", .help = "requests answered by 5xx"),
        FIELD_UINT(struct api_state, counters.timeouts, .json = "timeouts", .help = "connections ended for slowness"),
        FIELD_UINT(struct api_state, counters.events, .json = "events", .help = "server-sent events"),
        FIELD_UINT(struct api_state, counters.csp_reports, .json = "csp_reports",
                .help = "what browsers say the page's policy stopped"),
};

struct api *api_of(struct service *service)
{
        return service->state;
}

static int api_start(struct service *service, struct error *err)
{
        struct api *api = calloc(1, sizeof(*api));
        if (!api)
                return fail(err, E_NO_MEMORY, "no memory for the API");
        service->state = api;
        api->service = service;
        api->loop = service->loop;
        api->config = service->config;
        map_init(&api->modules, API_MODULES_MAX);
        if (agent_connect(api, WORKER_API_FD, err) < 0)
                return -1;
        api->server = server_new(api, err);
        return api->server ? 0 : -1;
}

static void api_stop(struct service *service)
{
        struct api *api = api_of(service);
        server_free(api->server);
        api->server = NULL;
        peer_free(api->agent);
        api->agent = NULL;
        while (api->modules.count) {
                struct module_peer *module = api->modules.entries[0].value;
                map_remove(&api->modules, sv_of(module->name));
                module_peer_free(module);
        }
        map_done(&api->modules);
}

static bool same_text(const char *a, const char *b)
{
        return strcmp(a ? a : "", b ? b : "") == 0;
}

/* Settings of libmicrohttpd are of its start: a new server takes the doors over. Connections under way end. */
static int api_reload(struct service *service, struct error *err)
{
        struct api *api = api_of(service);
        const struct api_config *old = api->config;
        const struct api_config *new = service->config;
        api->config = new;
        if (same_text(old->certificate, new->certificate) && same_text(old->key, new->key) &&
                old->connections == new->connections && old->idle_timeout_ns == new->idle_timeout_ns &&
                old->connections_per_address == new->connections_per_address)
                return 0;
        struct server *server = server_new(api, err);
        if (!server) {
                api->config = old;
                return -1;
        }
        struct server *before = api->server;
        api->server = server;
        server_free(before);
        return 0;
}

static int api_query(struct run *run, struct error *err)
{
        const struct api *api = api_of(run->service);
        struct api_state state = { server_connections(api->server), api->held, api->modules.count, api->counters };
        return run_emit(run, NULL, &state, err);
}

static const struct module_example api_examples[] = {
        { "api", "what the API of the local agent did since it started" },
        { 0 },
};

static const struct listener api_listeners[] = {
        { "http", "127.0.0.1:7077" },
        { "socket", NULL },
        { 0 },
};

static const struct field none_fields[] = { { 0 } };
static const struct record none = { none_fields, 0, 0, "none" };

const struct module api_module = {
        .name = "api",
        .summary = "answer HTTP requests about this agent: modules, runs, events, state",
        .description =
                "The agent's door: HTTP on a local address and on a unix socket, HTTPS when tls.certificate and "
                "tls.key are "
                "set. Over the socket the kernel says who is asking; over TCP a token does. The module holds no "
                "rights at all: it parses requests and passes questions on to the agent, which decides who may ask "
                "what.",
        .params = &none,
        .element = RECORD(struct api_state, api_state_fields),
        .shape = SHAPE_OBJECT,
        .config = RECORD(struct api_config, api_config_fields),
        .sandbox = { .limits = { .files = 8192 } },
        .limits = { .memory = 256 * MIB },
        .role = ROLE_VIEWER,
        .persistent = true,
        .examples = api_examples,
        .run = api_query,
        .start = api_start,
        .stop = api_stop,
        .reload = api_reload,
        .listeners = api_listeners,
};
