/* POST /v1/runs and the events of a run. */
#include "front.h"

#include "base/cleanup.h"
#include "members.h"
#include "module/catalog.h"
#include "schema/json.h"
#include "schema/json_writer.h"

enum { DESCRIPTOR_ARENA = 16 << 20, CHECKED_MAX = 256 << 10 /* longer parameters are judged by the worker alone */ };

struct run_request {
        char *module;
        json_t *parameters;
        bool privacy;
        double max_cpu;
        uint64_t max_io;
        uint64_t max_memory;
        int64_t max_time_ns;
        bool follow;
};

static const struct field run_request_fields[] = {
        FIELD_STRING(struct run_request, module, .help = "name of the module", .required = true, .min_length = 1,
                .max_length = 63),
        FIELD_ANY(struct run_request, parameters, .help = "its parameters; left out: all defaults"),
        FIELD_BOOL(struct run_request, privacy, .help = "mask what tells about people and contents"),
        FIELD_DOUBLE(struct run_request, max_cpu, .help = "share of one core the run may use, 0.1 is 10 %", .min = 0,
                .max = 1024),
        FIELD_SIZE(struct run_request, max_io, .help = "bytes a second the run may read"),
        FIELD_SIZE(struct run_request, max_memory, .help = "memory the run may use"),
        FIELD_DURATION(struct run_request, max_time_ns, .json = "max_time",
                .help = "time after which the run ends with what it has"),
        FIELD_BOOL(struct run_request, follow, .help = "answer with the run's events instead of its ID"),
};

const struct record run_request_record = { run_request_fields,
        sizeof(run_request_fields) / sizeof(run_request_fields[0]), sizeof(struct run_request), "run_request" };

/* "group\x1flabel", "label" or nothing. */
static void put_label(struct json_writer *writer, struct sv label)
{
        size_t separator = sv_find(label, LABEL_SEPARATOR);
        if (separator < label.n) {
                json_field(writer, "group", json_put_string, sv_n(label.p, separator));
                label = sv_n(label.p + separator + 1, label.n - separator - 1);
        }
        if (label.n)
                json_field(writer, "label", json_put_string, label);
}

static const char *put_frame(
        struct json_writer *writer, const struct frame_header *header, struct sv payload, struct error *err)
{
        struct sv label;
        struct sv json;
        unsigned flags;
        json_begin_object(writer);
        switch (header->type) {
        case FRAME_LABEL:
                if (frame_split_label(payload, &label, &flags, err) < 0)
                        return NULL;
                put_label(writer, label);
                json_field(writer, "null", json_put_bool, flags & LABEL_NULL);
                json_end_object(writer);
                return "label";
        case FRAME_ROW:
                if (frame_split_row(payload, &label, &json, err) < 0)
                        return NULL;
                put_label(writer, label);
                json_field(writer, "row", json_put_raw, json);
                json_end_object(writer);
                return "row";
        case FRAME_ERROR:
                json_field(writer, "message", json_put_string, payload);
                json_end_object(writer);
                return "error";
        default:
                fail(err, E_PROTOCOL, "frame of type %u in a run", header->type);
                return NULL;
        }
}

/* The verdict, with its code by name. */
static void put_done(struct call *call, uint64_t id, struct sv payload)
{
        cleanup(json_decref) json_t *verdict = json_parse(payload, false, NULL);
        const json_t *code = json_object_get(verdict, "code");
        if (json_is_integer(code) && json_integer_value(code) >= 0)
                json_object_set_new(
                        verdict, "code", json_string(error_code_name((enum error_code)json_integer_value(code))));
        char *text = json_dumps(verdict, JSON_COMPACT);
        call_event(call, "done", id, text ? sv_of(text) : SV("{}"));
        free(text);
}

static void put_event(struct call *call, const struct frame_header *header, struct sv payload)
{
        cleanup(buf_done) struct buf json;
        struct json_writer writer;
        struct error err;
        uint64_t id = ++call->event;
        bool done = header->type == FRAME_DONE;
        buf_init(&json, API_ANSWER_MAX);
        json_writer_init(&writer, &json, 0);
        if (id > call->skip || done) {
                if (header->type == FRAME_STATISTICS) {
                        call_event(call, "statistics", id, payload);
                } else if (header->type == FRAME_SKIPPED) {
                        call_event(call, "skipped", id, payload);
                } else if (done) {
                        put_done(call, id, payload);
                } else {
                        const char *name = put_frame(&writer, header, payload, &err);
                        if (!name || json.failed) {
                                call_abort(call, name ? "a row is too long" : err.message);
                                return;
                        }
                        call_event(call, name, id, sv_n(json.data, json.len));
                }
        }
        if (done) {
                exchange_close(&call->exchange, false);
                call_end(call);
        } else if (call->out.len - call->out_at < API_STREAM_FROM) {
                exchange_credit(&call->exchange);
        }
}

static void put_started(struct call *call, const char *run)
{
        char location[64];
        snprintf(location, sizeof(location), "/v1/runs/%.32s", run);
        cleanup(json_decref) json_t *answer = json_pack("{s:s, s:s}", "run", run, "location", location);
        if (!call->follow) {
                exchange_close(&call->exchange, false);
                call_field(call, "Location", location);
                call_reply_json(call, 202, json_incref(answer));
                return;
        }
        char *text = json_dumps(answer, JSON_COMPACT);
        call_field(call, "X-Accel-Buffering", "no"); /* else a proxy in between gathers events */
        call_head(call, 200, "text/event-stream");
        call_event(call, "run", 0, sv_of(text));
        free(text);
}

static void on_run(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        json_t *message = NULL;
        const json_t *parameters;
        if (header->type != FRAME_MESSAGE) {
                if (call->events)
                        put_event(call, header, payload);
                return;
        }
        const char *class = agent_answer(call, payload, &message, &parameters);
        const char *run = json_string_value(json_object_get(parameters, "run"));
        if (class && strcmp(class, "run") == 0 && run)
                put_started(call, run);
        else if (class)
                call_abort(call, "the agent's answer is not to be read");
        json_decref(message);
}

static const struct exchange_events run_events = { on_run, agent_gone };

/* The message, then the parameters as they came. */
static void send_run(struct call *call)
{
        struct error err;
        json_t *parameters = json_deep_copy(call->message);
        json_object_set_new(parameters, "follow", json_boolean(call->follow));
        if (agent_ask(call, "run", parameters, &run_events) &&
                exchange_send(&call->exchange, FRAME_BODY, call->parameters, -1, &err) < 0)
                call_abort(call, err.message);
}

bool run_parameters_good(struct call *call, const json_t *descriptors, const json_t *parameters)
{
        cleanup(arena_done) struct arena arena;
        struct error err;
        arena_init(&arena, DESCRIPTOR_ARENA);
        const struct module *module = module_load(json_array_get(descriptors, 0), &arena, &err);
        if (!module) {
                call_fail(call, &err);
                return false;
        }
        if (record_check(module->params, parameters, READ_STRICT, &err) == 0)
                return true;
        call_fail_field(call, &err, "parameters");
        return false;
}

/* The descriptor of the module judges the parameters before a run is begun and logged. */
static void check_run(struct call *call, json_t *descriptors)
{
        struct error err;
        if (call->parameters.n <= CHECKED_MAX) {
                cleanup(json_decref) json_t *parameters =
                        call->parameters.n ? json_parse(call->parameters, true, &err) : json_object();
                if (!parameters) {
                        call_fail_field(call, &err, "parameters");
                        return;
                }
                if (!run_parameters_good(call, descriptors, parameters))
                        return;
        }
        send_run(call);
}

void handle_run_start(struct call *call)
{
        struct error err;
        const char *accept = call_header(call, MHD_HTTP_HEADER_ACCEPT);
        struct sv text = sv_n(buf_text(&call->body), call->body.len);
        call->message = members_split(text, "parameters", &call->parameters, &err);
        if (!call->message) {
                call_fail(call, &err);
                return;
        }
        if (record_check(&run_request_record, call->message, READ_STRICT, &err) < 0) {
                call_fail_field(call, &err, "");
                return;
        }
        call->follow = json_is_true(json_object_get(call->message, "follow")) || call_flag(call, "follow") ||
                       (accept && strstr(accept, "text/event-stream"));
        agent_describe(call, json_string_value(json_object_get(call->message, "module")), check_run);
}

void handle_saved_run(struct call *call)
{
        const char *accept = call_header(call, MHD_HTTP_HEADER_ACCEPT);
        call->follow = call_flag(call, "follow") || (accept && strstr(accept, "text/event-stream"));
        agent_ask(call, "run-saved", json_pack("{s:s, s:b}", "name", call->name, "follow", call->follow), &run_events);
}

void handle_run_events(struct call *call)
{
        const char *last = call_header(call, "Last-Event-ID");
        if (!last)
                last = call_query(call, "after");
        if (last && *last && !sv_parse_u64(sv_of(last), 10, &call->skip)) {
                call_fail_status(call, 400, "invalid", "Last-Event-ID: a number was expected", "Last-Event-ID");
                return;
        }
        call->follow = true;
        agent_ask(call, "follow", json_pack("{s:s}", "run", call->name), &run_events);
}
