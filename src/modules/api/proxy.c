/* A persistent module's own routes: the agent says who is asking and whether he may, then the module answers on its
 * socket (module/wire.h). */
#include "front.h"

#include "base/cleanup.h"
#include "module/catalog.h"
#include "module/descriptor.h"
#include "schema/json.h"

#include <strings.h>

static struct module_peer *module_of(const struct call *call)
{
        return map_get(&call->api->modules, sv_of(call->name));
}

static void module_missing(struct call *call)
{
        struct error err;
        fail(&err, E_UNAVAILABLE, "module %s does not run in this agent now; GET /v1/status says why", call->name);
        call_fail(call, &err);
}

/* Fields that are about one connection, or that api decides. */
static bool field_is_ours(const char *name)
{
        static const char *const ours[] = { "connection", "keep-alive", "transfer-encoding", "content-length", "date",
                "server", "set-cookie", "x-content-type-options", "te", "trailer", "upgrade", "proxy-authenticate" };
        for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
                if (strcasecmp(ours[i], name) == 0)
                        return true;
        return strncasecmp(name, "access-control-", 15) == 0;
}

static void take_head(struct call *call, struct sv payload)
{
        cleanup(json_decref) json_t *head = json_parse(payload, false, NULL);
        json_int_t status = json_integer_value(json_object_get(head, "status"));
        const json_t *type = json_get_nocase(json_object_get(head, "headers"), "Content-Type");
        const char *name;
        json_t *value;
        if (status < 200 || status > 599) {
                call_abort(call, "the module's answer is not to be read");
                return;
        }
        json_object_foreach(json_object_get(head, "headers"), name,
                value) if (json_is_string(value) && strcasecmp(name, "Content-Type") != 0 && !field_is_ours(name))
                call_field(call, name, json_string_value(value));
        call_head(call, (int)status, json_string_value(type));
}

static void on_module(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        if (header->type == FRAME_HEAD) {
                take_head(call, payload);
        } else if (header->type == FRAME_DATA && call->decided) {
                call_write(call, payload);
                if (call->out.len - call->out_at < API_STREAM_FROM)
                        exchange_credit(exchange);
        } else if (header->type == FRAME_END && call->decided) {
                exchange_close(exchange, false);
                call_end(call);
        } else {
                call_abort(call, "the module broke the protocol");
        }
}

static void on_module_gone(struct exchange *exchange)
{
        call_abort(exchange->cookie, "the module went away");
}

static const struct exchange_events module_events = { on_module, on_module_gone };

static enum MHD_Result add_header(void *cookie, enum MHD_ValueKind kind, const char *name, const char *value)
{
        (void)kind;
        /* the credential is the agent's to see */
        if (strcasecmp(name, "Authorization") != 0 && strcasecmp(name, "Cookie") != 0 && value)
                json_object_set_new(cookie, name, json_string(value));
        return MHD_YES;
}

static void ask_module(struct call *call, const json_t *who)
{
        struct error err;
        struct module_peer *module = module_of(call);
        if (!module) {
                module_missing(call);
                return;
        }
        cleanup(json_decref) json_t *headers = json_object();
        MHD_get_connection_values(call->connection, MHD_HEADER_KIND, add_header, headers);
        cleanup(json_decref) json_t *request = json_pack("{s:s, s:s, s:s, s:O, s:O}", "method", call->method, "path",
                call->rest, "query", call->query, "headers", headers, "credential", who);
        char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
        struct sv body = sv_n(buf_text(&call->body), call->body.len);
        if (!text) {
                call_fail_status(call, 400, "invalid", "the path or a header field is not UTF-8", NULL);
        } else if (exchange_open(&call->exchange, module->peer, &module_events, call, &err) < 0 ||
                   exchange_send(&call->exchange, FRAME_REQUEST, sv_of(text), -1, &err) < 0 ||
                   (body.n && exchange_send(&call->exchange, FRAME_BODY, body, -1, &err) < 0) ||
                   exchange_send(&call->exchange, FRAME_BODY, (struct sv){ 0 }, -1, &err) < 0) {
                exchange_close(&call->exchange, false);
                call_fail(call, &err);
        }
        free(text);
}

static void on_authorized(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        json_t *message = NULL;
        const json_t *who;
        if (header->type != FRAME_MESSAGE)
                return;
        if (agent_answer(call, payload, &message, &who)) {
                exchange_close(exchange, false);
                ask_module(call, who);
        }
        json_decref(message);
}

static const struct exchange_events authorize_events = { on_authorized, agent_gone };

static bool path_fits(const struct route *route, const char *path)
{
        size_t length = strlen(route->path);
        bool prefix = length && route->path[length - 1] == '*';
        return prefix ? strncmp(route->path, path, length - 1) == 0 : strcmp(route->path, path) == 0;
}

static void refuse_method(struct call *call, const struct module *module)
{
        char allow[128] = "";
        size_t used = 0;
        struct error err;
        for (const struct route *route = module->routes; route && route->path; route++)
                if (path_fits(route, call->rest) && used < sizeof(allow))
                        used += (size_t)snprintf(
                                allow + used, sizeof(allow) - used, "%s%s", used ? ", " : "", route->method);
        if (allow[0]) {
                call_field(call, "Allow", allow);
                call_fail_status(
                        call, 405, "unsupported", "this path does not take this method; see the field Allow", NULL);
                return;
        }
        fail(&err, E_NOT_FOUND, "module %s has no route %.200s", module->name, call->rest);
        call_fail(call, &err);
}

static void authorize(struct call *call, const struct module *module)
{
        const struct route *route = module->routes;
        for (; route && route->path; route++) {
                bool method = strcmp(route->method, call->method) == 0 ||
                              (strcmp(call->method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
                if (method && path_fits(route, call->rest))
                        break;
        }
        if (!route || !route->path)
                refuse_method(call, module);
        else
                agent_ask(call, "authorize", json_pack("{s:s}", "role", role_name(route->role)), &authorize_events);
}

static void take_routes(struct call *call, json_t *descriptors)
{
        struct error err;
        struct module_peer *module = module_of(call);
        if (!module) {
                module_missing(call);
                return;
        }
        if (!module->module)
                module->module = module_load(json_array_get(descriptors, 0), &module->arena, &err);
        if (module->module)
                authorize(call, module->module);
        else
                call_fail(call, &err);
}

/* A module that is not there may not exist at all: the agent knows. */
static void explain_missing(struct call *call, json_t *descriptors)
{
        struct error err;
        if (json_array_size(descriptors) &&
                json_is_true(json_object_get(json_array_get(descriptors, 0), "persistent"))) {
                module_missing(call);
                return;
        }
        fail(&err, E_NOT_FOUND, "module %s has no routes", call->name);
        call_fail(call, &err);
}

void handle_module_route(struct call *call)
{
        const struct module_peer *module = module_of(call);
        if (module && module->module)
                authorize(call, module->module);
        else
                agent_describe(call, call->name, module ? take_routes : explain_missing);
}
