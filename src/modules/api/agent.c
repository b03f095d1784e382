/* Requests to the agent: module/agent_wire.h. */
#include "front.h"
#include "module/agent_wire.h"

#include "base/cleanup.h"
#include "schema/json.h"

static void on_gone(struct peer *peer, void *cookie)
{
        struct api *api = cookie;
        (void)peer;
        loop_stop(api->loop); /* without the agent there is nothing to say */
}

void module_peer_free(struct module_peer *module)
{
        peer_free(module->peer);
        arena_done(&module->arena);
        free(module);
}

static void module_down(struct api *api, const char *name)
{
        struct module_peer *module = map_remove(&api->modules, sv_of(name));
        if (module)
                module_peer_free(module);
}

static void on_module_gone(struct peer *peer, void *cookie)
{
        struct module_peer *module = cookie;
        struct api *api = module->api;
        (void)peer;
        module_down(api, module->name);
}

static void module_up(struct api *api, const char *name, int fd)
{
        struct error err;
        struct module_peer *module = calloc(1, sizeof(*module));
        if (!module || map_put(&api->modules, sv_of(name), module) < 0) {
                free(module);
                close(fd);
                return;
        }
        struct peer_options options = { .on_gone = on_module_gone, .cookie = module };
        module->api = api;
        snprintf(module->name, sizeof(module->name), "%s", name);
        arena_init(&module->arena, 4 << 20);
        module->peer = peer_new(api->loop, fd, &options, &err);
        if (!module->peer) {
                service_log(api->service, "module %s cannot be reached: %s", name, err.message);
                module_down(api, name);
        }
}

static void on_message(struct peer *peer, struct sv payload, void *cookie)
{
        struct api *api = cookie;
        cleanup(json_decref) json_t *message = json_parse(payload, false, NULL);
        const char *class = json_string_value(json_object_get(message, "class"));
        const json_t *parameters = json_object_get(message, "parameters");
        if (!class)
                return;
        if (strcmp(class, "stop") == 0) {
                api->draining = true;
                server_drain(api->server);
        }
        if (strcmp(class, "module") != 0)
                return;
        const char *name = json_string_value(json_object_get(parameters, "name"));
        int fd = json_is_true(json_object_get(parameters, "up")) ? peer_take_fd(peer) : -1;
        if (name && strlen(name) < sizeof(((struct module_peer *)0)->name)) {
                module_down(api, name);
                if (fd >= 0)
                        module_up(api, name, take_fd(fd));
        }
        fd_close(&fd);
}

int agent_connect(struct api *api, int fd, struct error *err)
{
        struct peer_options options = { on_message, on_gone, api };
        api->agent = peer_new(api->loop, fd, &options, err);
        return api->agent ? 0 : -1;
}

void agent_gone(struct exchange *exchange)
{
        call_abort(exchange->cookie, "the agent does not answer");
}

bool agent_ask(struct call *call, const char *class, json_t *parameters, const struct exchange_events *events)
{
        struct error err;
        cleanup(json_decref) json_t *message = json_object();
        const char *token = call_token(call);
        json_t *asked = parameters ? parameters : json_object();
        if (token)
                json_object_set_new(asked, "credential", json_pack("{s:s%}", "token", token, strlen(token)));
        else if (call->client->local)
                json_object_set_new(asked, "credential", json_pack("{s:b}", "connection", 1));
        json_object_set_new(asked, "client", json_string(call->client->address));
        json_object_set_new(message, "class", json_string(class));
        json_object_set_new(message, "parameters", asked);
        char *text = json_dumps(message, JSON_COMPACT);
        struct sv payload = sv_of(text);
        int status = 0;
        if (!text)
                status = fail(&err, E_INVALID, "the request is not UTF-8");
        else if (payload.n > AGENT_CONTROL_MAX)
                status = fail(&err, E_TOO_LARGE, "the request is longer than %d bytes", AGENT_CONTROL_MAX);
        else
                status = exchange_open(&call->exchange, call->api->agent, events, call, &err);
        if (status == 0)
                status = exchange_send(&call->exchange, FRAME_MESSAGE, payload,
                        !token && call->client->local ? call->client->fd : -1, &err);
        free(text);
        if (status < 0) {
                exchange_close(&call->exchange, false);
                call_fail(call, &err);
        }
        return status == 0;
}

const char *agent_answer(struct call *call, struct sv payload, json_t **ret_message, const json_t **ret_parameters)
{
        struct error err;
        *ret_message = json_parse(payload, false, &err);
        const char *class = json_string_value(json_object_get(*ret_message, "class"));
        *ret_parameters = json_object_get(*ret_message, "parameters");
        if (class && strcmp(class, "refused") != 0)
                return class;
        exchange_close(&call->exchange, !class);
        if (class) {
                const char *code = json_string_value(json_object_get(*ret_parameters, "code"));
                const char *text = json_string_value(json_object_get(*ret_parameters, "message"));
                fail(&err, error_code_parse(code), "%s", text ? text : "refused");
        }
        if (call->decided)
                call_abort(call, err.message);
        else
                call_fail(call, &err);
        return NULL;
}

static void on_gathered(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        struct error err;
        json_t *message = NULL;
        const json_t *parameters;
        if (header->type == FRAME_MESSAGE) {
                agent_answer(call, payload, &message, &parameters);
                json_decref(message);
        } else if (header->type == FRAME_DATA) {
                buf_append(&call->gathered, payload.p, payload.n);
                exchange_credit(exchange);
        } else if (header->type == FRAME_END) {
                exchange_close(exchange, false);
                json_t *value = call->gathered.failed
                                        ? NULL
                                        : json_parse(sv_n(buf_text(&call->gathered), call->gathered.len), false, &err);
                buf_done(&call->gathered);
                if (value) {
                        call->then(call, value);
                        json_decref(value);
                        return;
                }
                fail(&err, E_PROTOCOL, "the agent's answer is not to be read");
                call_fail(call, &err);
        }
}

static const struct exchange_events gather_events = { on_gathered, agent_gone };

void agent_gather(struct call *call, const char *class, json_t *parameters, void (*then)(struct call *, json_t *))
{
        call->then = then;
        agent_ask(call, class, parameters, &gather_events);
}

void agent_describe(struct call *call, const char *module, void (*then)(struct call *, json_t *))
{
        agent_gather(call, "describe", module ? json_pack("{s:s}", "module", module) : NULL, then);
}
