#include "front.h"

#include "base/cleanup.h"

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL };

static const char *const report_types[] = { "application/csp-report", "application/reports+json", NULL };

/* In this order: the first that fits is it. openapi.c describes them. */
const struct api_route api_routes[] = {
        { "GET", "/healthz", "whether the agent works", true, false, ANSWER_JSON, { { 0 } }, handle_health },
        { "GET", "/metrics", "the agent's own figures, in Prometheus' text format", false, false, ANSWER_TEXT,
                { { 0 } }, handle_metrics },
        { "GET", "/v1/openapi.json", "this description", false, false, ANSWER_JSON, { { 0 } }, handle_openapi },
        { "GET", "/v1/whoami", "who you are here, and what you may do", false, false, ANSWER_JSON, { { 0 } },
                handle_whoami },
        { "GET", "/v1/status", "the agent, its modules and its schedule", false, false, ANSWER_JSON, { { 0 } },
                handle_status },
        { "GET", "/v1/config", "the configuration in effect, secrets hidden (role admin)", false, false, ANSWER_JSON,
                { { 0 } }, handle_config },
        { "GET", "/v1/modules", "the modules of this agent", false, false, ANSWER_JSON, { { 0 } }, handle_modules },
        { "GET", "/v1/modules/{module}", "one module: parameters, result, limits, routes", false, false, ANSWER_JSON,
                { { 0 } }, handle_module },
        { "GET", "/v1/modules/{module}/schema", "JSON Schema of its parameters, or of one element of its result", false,
                false, ANSWER_JSON, { { "result", "1: of an element" } }, handle_schema },
        { "*", "/v1/modules/{module}/*", "a route of a persistent module", false, false, ANSWER_ANY, { { 0 } },
                handle_module_route },
        { "POST", "/v1/runs", "start a run", false, true, ANSWER_RUN,
                { { "follow", "1: answer with the run's events (text/event-stream) instead of its ID" } },
                handle_run_start, .schema = "RunRequest" },
        { "GET", "/v1/runs", "the run log, newest first", false, false, ANSWER_JSON,
                { { "limit", "at most so many, 1 to 1000" }, { "before", "only runs older than this one" },
                        { "module", "only of this module" }, { "state", "running, completed or lost" } },
                handle_runs },
        { "GET", "/v1/runs/verify", "whether the run log's chain of hashes is intact", false, false, ANSWER_JSON,
                { { 0 } }, handle_verify },
        { "GET", "/v1/runs/{run}", "one run", false, false, ANSWER_JSON, { { 0 } }, handle_run },
        { "DELETE", "/v1/runs/{run}", "stop a run; what it found stays", false, false, ANSWER_JSON, { { 0 } },
                handle_run_cancel },
        { "GET", "/v1/runs/{run}/events", "its rows, errors, statistics and end, from the beginning, as they come",
                false, false, ANSWER_EVENTS, { { "after", "the last event seen, as Last-Event-ID" } },
                handle_run_events },
        { "GET", "/v1/runs/{run}/result", "its result", false, false, ANSWER_JSON, { { 0 } }, handle_run_result },
        { "GET", "/v1/saved", "the runs that are saved", false, false, ANSWER_JSON, { { 0 } }, handle_saved_list },
        { "GET", "/v1/saved/{name}", "one of them", false, false, ANSWER_JSON, { { 0 } }, handle_saved_one },
        { "PUT", "/v1/saved/{name}", "save a run (role investigator and the module's)", false, true, ANSWER_JSON,
                { { 0 } }, handle_saved_put, .schema = "SavedRun" },
        { "DELETE", "/v1/saved/{name}", "remove it (role investigator and the module's)", false, false, ANSWER_JSON,
                { { 0 } }, handle_saved_delete },
        { "POST", "/v1/saved/{name}/run", "start it now (role of the module)", false, false, ANSWER_RUN,
                { { "follow", "1: answer with the run's events (text/event-stream) instead of its ID" } },
                handle_saved_run },
        { "POST", "/v1/csp-report", "where browsers report what the page's policy stopped", true, true, ANSWER_NONE,
                { { 0 } }, handle_csp_report, .types = report_types },
        { "GET", "/*", "the web page", true, false, ANSWER_ANY, { { 0 } }, handle_page, .covers = page_covers },
        { 0 },
};

/* Does the path fit? "{x}" takes one part, which is returned, a last "*" the rest. */
static bool fits(const struct api_route *route, const char *path, struct sv *ret_name, const char **ret_rest)
{
        const char *pattern = route->path;
        const char *whole = path;
        while (*pattern) {
                if (*pattern == '*') {
                        *ret_rest = path - 1; /* with its slash */
                        return !route->covers || route->covers(whole);
                }
                if (*pattern == '{') {
                        size_t length = strcspn(path, "/");
                        if (length == 0)
                                return false;
                        *ret_name = sv_n(path, length);
                        path += length;
                        pattern = strchr(pattern, '}') + 1;
                        continue;
                }
                if (*pattern != *path)
                        return false;
                pattern++;
                path++;
        }
        return !*path;
}

static bool takes(const struct api_route *route, const char *method)
{
        return strcmp(route->method, "*") == 0 || strcmp(route->method, method) == 0 ||
               (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* What may be done with this path, for 405 and OPTIONS; "" when the path is nothing. */
static void allowed(const char *path, char *ret, size_t size)
{
        struct sv name;
        const char *rest;
        size_t used = 0;
        ret[0] = '\0';
        for (const struct api_route *route = api_routes; route->path; route++) {
                bool any = strcmp(route->method, "*") == 0;
                if (!fits(route, path, &name, &rest) || (any && used))
                        continue;
                for (size_t i = 0; methods[i]; i++)
                        if (takes(route, methods[i]) && (!any || strcmp(methods[i], "OPTIONS") != 0) && used < size)
                                used += (size_t)snprintf(ret + used, size - used, "%s%s", used ? ", " : "", methods[i]);
        }
        if (used && used < size)
                snprintf(ret + used, size - used, ", OPTIONS");
}

struct query_check {
        struct call *call;
        const struct api_route *route;
        const char *seen[8];
        size_t count;
        char unknown[80];
        bool twice;
};

static enum MHD_Result check_query(void *cookie, enum MHD_ValueKind kind, const char *name, const char *value)
{
        struct query_check *check = cookie;
        bool known = false;
        (void)kind;
        (void)value;
        for (size_t i = 0;
                i < sizeof(check->route->query) / sizeof(check->route->query[0]) && check->route->query[i].name; i++)
                known |= strcmp(check->route->query[i].name, name) == 0;
        for (size_t i = 0; i < check->count; i++)
                check->twice |= strcmp(check->seen[i], name) == 0;
        if (!known || check->twice)
                snprintf(check->unknown, sizeof(check->unknown), "%.64s", name);
        else
                check->seen[check->count++] = name;
        return check->unknown[0] || !known ? MHD_NO : MHD_YES;
}

static bool query_good(struct call *call)
{
        struct query_check check = { .call = call, .route = call->route };
        char message[160];
        if (call->route->answer == ANSWER_ANY)
                return true;
        MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, check_query, &check);
        if (!check.unknown[0])
                return true;
        snprintf(message, sizeof(message),
                check.twice ? "%s: given twice" : "%s: there is no such query parameter here", check.unknown);
        call_fail_status(call, 400, "invalid", message, check.unknown);
        return false;
}

static bool body_good(struct call *call)
{
        const char *length = call_header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
        const char *type = call_header(call, MHD_HTTP_HEADER_CONTENT_TYPE);
        uint64_t size;
        static const char *const json_types[] = { "application/json", NULL };
        const char *const *types = call->route->types ? call->route->types : json_types;
        char message[128];
        if (length && (!sv_parse_u64(sv_of(length), 10, &size) || size > call_body_max(call))) {
                call_fail_status(call, 413, "too-large",
                        call->route->open ? "a body is at most 64 KiB here" : "a body is at most 8 MiB", NULL);
                return false;
        }
        if (!call->route->body)
                return true;
        struct sv kind = sv_of(type);
        kind.n = sv_find(kind, ';');
        for (size_t i = 0; types[i]; i++)
                if (sv_eq_nocase(sv_trim(kind), sv_of(types[i])))
                        return true;
        snprintf(message, sizeof(message), "the body must be JSON: Content-Type: %s", types[0]);
        call_fail_status(call, 415, "unsupported", message, NULL);
        return false;
}

static void refuse_path(struct call *call)
{
        char allow[128];
        struct error err;
        allowed(call->path, allow, sizeof(allow));
        if (strcmp(call->path, "*") == 0)
                snprintf(allow, sizeof(allow), "GET, HEAD, POST, DELETE, OPTIONS");
        if (allow[0])
                call_field(call, "Allow", allow);
        if (allow[0] && strcmp(call->method, "OPTIONS") == 0) {
                call_reply(call, 204, "", (struct sv){ 0 });
        } else if (allow[0]) {
                call_fail_status(
                        call, 405, "unsupported", "this path does not take this method; see the field Allow", NULL);
        } else {
                fail(&err, E_NOT_FOUND, "there is nothing at %.200s; GET /v1/openapi.json lists what there is",
                        call->path);
                call_fail(call, &err);
        }
}

void routes_choose(struct call *call)
{
        struct sv name = { 0 };
        struct error err;
        const struct api_route *route = api_routes;
        bool options = strcmp(call->method, "OPTIONS") == 0;
        bool known = false; /* the path is ours, if not with this method */
        const char *nul = strstr(call->uri, "%00");
        if (nul && (size_t)(nul - call->uri) < strcspn(call->uri, "?")) {
                call_fail_status(call, 400, "invalid", "a path holds no NUL", NULL);
                return;
        }
        for (; route->path; route++) {
                bool any = strcmp(route->method, "*") == 0;
                if (options || !fits(route, call->path, &name, &call->rest))
                        continue;
                if (takes(route, call->method) && !(any && known))
                        break;
                known = true;
        }
        if (!route->path) {
                refuse_path(call);
                return;
        }
        call->route = route;
        if (name.n >= sizeof(call->name)) {
                fail(&err, E_NOT_FOUND, "a name of %zu bytes is none", name.n);
                call_fail(call, &err);
                return;
        }
        snprintf(call->name, sizeof(call->name), "%.*s", SV_ARG(name));
        if (call->api->draining) {
                fail(&err, E_UNAVAILABLE, "the agent is stopping");
                call_fail(call, &err);
        } else if (!route->open && !call->client->local && !call_token(call)) {
                fail(&err, E_UNAUTHENTICATED, "a token is needed here: Authorization: Bearer TOKEN");
                call_fail(call, &err);
        } else if (query_good(call)) {
                body_good(call);
        }
}
