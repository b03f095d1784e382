/* Answers of the agent that are passed on as they are. */
#include "front.h"

#include "base/cleanup.h"
#include "schema/json.h"

struct relay {
        const char *type;
        const char *prefix;
        const char *suffix;
};

static void put_own_metrics(struct call *call)
{
        const struct api *api = call->api;
        const struct {
                const char *name;
                const char *kind;
                const char *help;
                uint64_t value;
        } metrics[] = {
                { "tarsier_api_connections", "gauge", "open connections", server_connections(api->server) },
                { "tarsier_api_held_bytes", "gauge", "bytes of requests and answers in memory", api->held },
                { "tarsier_api_modules", "gauge", "persistent modules that can be reached", api->modules.count },
                { "tarsier_api_connections_total", "counter", "connections accepted", api->counters.connections },
                { "tarsier_api_connections_waited_total", "counter", "times new connections had to wait",
                        api->counters.connections_waited },
                { "tarsier_api_requests_total", "counter", "requests", api->counters.requests },
                { "tarsier_api_refused_total", "counter", "requests answered by 4xx", api->counters.refused },
                { "tarsier_api_failed_total", "counter", "requests answered by 5xx", api->counters.failed },
                { "tarsier_api_timeouts_total", "counter", "connections ended for slowness", api->counters.timeouts },
                { "tarsier_api_events_total", "counter", "server-sent events", api->counters.events },
                { "tarsier_api_held_refused_total", "counter", "requests refused for want of room",
                        api->counters.held_refused },
                { "tarsier_api_csp_reports_total", "counter", "what browsers say the page's policy stopped",
                        api->counters.csp_reports },
        };
        cleanup(buf_done) struct buf text;
        buf_init(&text, 16 << 10);
        for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
                buf_printf(&text, "# HELP %s %s\n# TYPE %s %s\n%s %llu\n", metrics[i].name, metrics[i].help,
                        metrics[i].name, metrics[i].kind, metrics[i].name, (unsigned long long)metrics[i].value);
        call_write(call, sv_n(buf_text(&text), text.len));
}

static void on_relayed(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        const struct relay *relay = call->relay;
        json_t *message = NULL;
        const json_t *parameters;
        if (header->type == FRAME_MESSAGE) {
                const char *class = agent_answer(call, payload, &message, &parameters);
                if (class) {
                        call_head(call, 200, relay->type);
                        call_write(call, sv_of(relay->prefix));
                }
                json_decref(message);
        } else if (header->type == FRAME_DATA) {
                call_write(call, payload);
                if (call->out.len - call->out_at < API_STREAM_FROM)
                        exchange_credit(exchange);
        } else if (header->type == FRAME_END) {
                exchange_close(exchange, false);
                if (call->route->handle == handle_metrics)
                        put_own_metrics(call);
                call_write(call, sv_of(relay->suffix));
                call_end(call);
        }
}

static const struct exchange_events relay_events = { on_relayed, agent_gone };

static void relay(struct call *call, const char *class, json_t *parameters, const struct relay *relay)
{
        call->relay = relay;
        agent_ask(call, class, parameters, &relay_events);
}

/* "ok" with its parameters is the whole answer. */
static void on_answered(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        json_t *message = NULL;
        const json_t *parameters;
        if (header->type != FRAME_MESSAGE)
                return;
        if (agent_answer(call, payload, &message, &parameters)) {
                exchange_close(exchange, false);
                bool unwell =
                        call->route->handle == handle_health && !json_is_true(json_object_get(parameters, "ready"));
                call_reply_json(call, unwell ? 503 : 200, json_deep_copy(parameters));
        }
        json_decref(message);
}

static const struct exchange_events answer_events = { on_answered, agent_gone };

void handle_health(struct call *call)
{
        agent_ask(call, "health", NULL, &answer_events);
}

void handle_whoami(struct call *call)
{
        agent_ask(call, "whoami", NULL, &answer_events);
}

void handle_verify(struct call *call)
{
        agent_ask(call, "verify", NULL, &answer_events);
}

void handle_run_cancel(struct call *call)
{
        agent_ask(call, "cancel", json_pack("{s:s}", "run", call->name), &answer_events);
}

/* The agent's, and what only we know. */
static void put_status(struct call *call, json_t *status)
{
        json_object_set_new(status, "csp_reports", json_integer((json_int_t)call->api->counters.csp_reports));
        call_reply_json(call, 200, json_incref(status));
}

void handle_status(struct call *call)
{
        agent_gather(call, "status", NULL, put_status);
}

void handle_config(struct call *call)
{
        static const struct relay how = { NULL, "", "" };
        relay(call, "config", NULL, &how);
}

void handle_metrics(struct call *call)
{
        static const struct relay how = { "text/plain; version=0.0.4; charset=utf-8", "", "" };
        relay(call, "metrics", NULL, &how);
}

void handle_run_result(struct call *call)
{
        static const struct relay how = { NULL, "", "" };
        relay(call, "result", json_pack("{s:s}", "run", call->name), &how);
}

void handle_runs(struct call *call)
{
        static const struct relay how = { NULL, "{\"runs\":", "}" };
        static const char *const words[] = { "before", "module", "state" };
        uint64_t limit;
        const char *text = call_query(call, "limit");
        json_t *parameters = json_object();
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (call_query(call, words[i]))
                        json_object_set_new(parameters, words[i], json_string(call_query(call, words[i])));
        if (text && (!sv_parse_u64(sv_of(text), 10, &limit) || limit == 0 || limit > 1000)) {
                json_decref(parameters);
                call_fail_status(call, 400, "invalid", "limit: a number from 1 to 1000", "limit");
                return;
        }
        if (text)
                json_object_set_new(parameters, "limit", json_integer((json_int_t)limit));
        relay(call, "runs", parameters, &how);
}

static void pick_run(struct call *call, json_t *list)
{
        struct error err;
        size_t index;
        json_t *run;
        json_array_foreach(list, index, run)
        {
                const char *id = json_string_value(json_object_get(run, "run"));
                if (id && strcmp(id, call->name) == 0) {
                        call_reply_json(call, 200, json_incref(run));
                        return;
                }
        }
        fail(&err, E_NOT_FOUND, "there is no run %s", call->name);
        call_fail(call, &err);
}

void handle_run(struct call *call)
{
        agent_gather(call, "runs", json_pack("{s:s}", "run", call->name), pick_run);
}
