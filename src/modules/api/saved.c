/* /v1/saved: runs that are kept under a name, by hand or by the clock. The agent keeps them (agent/saved.h). */
#include "front.h"

#include "base/cleanup.h"
#include "schema/json.h"

struct saved_request {
        char *module;
        json_t *parameters;
        char *description;
        int64_t every_ns;
        char *cron;
        bool enabled;
        bool privacy;
        int64_t max_time_ns;
};

static const struct field saved_request_fields[] = {
        FIELD_STRING(struct saved_request, module, .help = "name of the module", .required = true, .min_length = 1,
                .max_length = 63),
        FIELD_ANY(struct saved_request, parameters, .help = "its parameters; left out: all defaults"),
        FIELD_STRING(struct saved_request, description, .help = "what it is for", .max_length = 1000),
        FIELD_DURATION(struct saved_request, every_ns, .json = "every", .min = SECOND, .max = 366 * DAY,
                .help = "time from one run to the next; or cron; neither: only by hand"),
        FIELD_STRING(struct saved_request, cron, .max_length = 200,
                .help = "points in time as in crontab(5): \"30 3 * * mon-fri\""),
        FIELD_BOOL(struct saved_request, enabled, .def = "true", .help = "false: not by the clock, only by hand"),
        FIELD_BOOL(struct saved_request, privacy, .help = "mask what tells about people and contents"),
        FIELD_DURATION(struct saved_request, max_time_ns, .json = "max_time", .min = 1, .max = 366 * DAY,
                .help = "time after which it ends with what it has"),
};

const struct record saved_request_record = { saved_request_fields,
        sizeof(saved_request_fields) / sizeof(saved_request_fields[0]), sizeof(struct saved_request), "saved_request" };

static void put_list(struct call *call, json_t *list)
{
        call_reply_json(call, 200, json_pack("{s:O}", "saved", list));
}

void handle_saved_list(struct call *call)
{
        agent_gather(call, "saved", NULL, put_list);
}

static void put_one(struct call *call, json_t *list)
{
        call_reply_json(call, 200, json_incref(json_array_get(list, 0)));
}

static json_t *named(const struct call *call)
{
        return json_pack("{s:s}", "name", call->name);
}

void handle_saved_one(struct call *call)
{
        agent_gather(call, "saved", named(call), put_one);
}

/* "ok": it is on disk. */
static void on_done(struct exchange *exchange, const struct frame_header *header, struct sv payload)
{
        struct call *call = exchange->cookie;
        json_t *message = NULL;
        const json_t *parameters;
        char location[96];
        if (header->type != FRAME_MESSAGE)
                return;
        if (agent_answer(call, payload, &message, &parameters)) {
                bool created = json_is_true(json_object_get(parameters, "created"));
                exchange_close(exchange, false);
                snprintf(location, sizeof(location), "/v1/saved/%s", call->name);
                if (created)
                        call_field(call, "Location", location);
                call_reply_json(call, created ? 201 : 200, json_deep_copy(parameters));
        }
        json_decref(message);
}

static const struct exchange_events done_events = { on_done, agent_gone };

static void send_entry(struct call *call, json_t *descriptors)
{
        if (run_parameters_good(call, descriptors, json_object_get(call->message, "parameters")))
                agent_ask(call, "save", json_pack("{s:s, s:O}", "name", call->name, "entry", call->message),
                        &done_events);
}

void handle_saved_put(struct call *call)
{
        struct error err;
        call->message = json_parse(sv_n(buf_text(&call->body), call->body.len), true, &err);
        if (!call->message)
                call_fail(call, &err);
        else if (record_check(&saved_request_record, call->message, READ_STRICT, &err) < 0)
                call_fail_field(call, &err, "");
        else
                agent_describe(call, json_string_value(json_object_get(call->message, "module")), send_entry);
}

void handle_saved_delete(struct call *call)
{
        agent_ask(call, "forget", named(call), &done_events);
}
