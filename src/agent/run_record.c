#include "agent/run_record.h"

#include "base/cleanup.h"
#include "lib/digest/digest.h"
#include "schema/json.h"
#include "schema/write.h"

enum { PARAMETERS_LOGGED_MAX = 16 << 10 };

static void put_parameters(struct json_writer *writer, const struct module *module, struct sv parameters)
{
        struct digest digest;
        char hex[DIGEST_HEX_MAX];
        digest_init(&digest, DIGEST_BIT(DIGEST_SHA256));
        digest_update(&digest, parameters.p, parameters.n);
        digest_finish_hex(&digest, DIGEST_SHA256, false, hex);
        json_key(writer, "parameters");
        cleanup(json_decref) json_t *value =
                parameters.n && parameters.n <= PARAMETERS_LOGGED_MAX ? json_parse(parameters, false, NULL) : NULL;
        if (value && module->params) {
                record_hide(module->params, value);
                json_put_value(writer, value);
        } else {
                json_put_null(writer);
        }
        json_field(writer, "parameters_size", json_put_uint, parameters.n);
        json_field(writer, "parameters_sha256", json_put_text, hex);
}

static void put_budget(struct json_writer *writer, const struct budget *budget)
{
        if (budget->cpu_share > 0)
                json_field(writer, "max_cpu", json_put_double, budget->cpu_share);
        if (budget->io_rate)
                json_field(writer, "max_io", json_put_uint, budget->io_rate);
        if (budget->memory)
                json_field(writer, "max_memory", json_put_uint, budget->memory);
        if (budget->wall_ns) {
                char text[TIME_TEXT_MAX];
                duration_format(budget->wall_ns, text);
                json_field(writer, "max_time", json_put_text, text);
        }
}

int run_record_intent(struct agent *agent, const char *id, const struct run_request *asked,
        const struct run_request *granted, struct error *err)
{
        cleanup(buf_done) struct buf body;
        struct json_writer writer;
        buf_init(&body, RUNLOG_BODY_MAX);
        json_writer_init(&writer, &body, 0);
        json_begin_object(&writer);
        put_parameters(&writer, asked->entry->module, asked->parameters);
        json_field(&writer, "privacy", json_put_bool, granted->privacy);
        put_budget(&writer, &granted->budget);
        if (asked->caller->client[0])
                json_field(&writer, "client", json_put_text, asked->caller->client);
        json_end_object(&writer);
        if (body.failed)
                return fail(err, E_TOO_LARGE, "the parameters do not fit the run log");
        struct runlog_row row = { .event = "intent",
                .run = id,
                .module = asked->entry->module->name,
                .identity = asked->caller->identity,
                .door = asked->door,
                .body = sv_n(body.data, body.len),
                .time_ns = time_unix_ns() };
        return runlog_append(agent->log, &row, err);
}

void run_record_done(const struct result *result, struct buf *out)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "foundanything", json_put_bool, result_found(result));
        json_field(&writer, "success", json_put_bool, result_success(result));
        json_field(&writer, "code", json_put_int, result_code(result));
        if (result_partial(result))
                json_field(&writer, "partial", json_put_text, result_partial(result));
        json_end_object(&writer);
}

int run_record_completed(struct agent *agent, const char *id, const char *module, const char *identity,
        const char *door, const struct run_summary *summary, struct error *err)
{
        cleanup(buf_done) struct buf body;
        struct json_writer writer;
        const struct result *result = summary->result;
        buf_init(&body, RUNLOG_BODY_MAX);
        json_writer_init(&writer, &body, 0);
        json_begin_object(&writer);
        json_field(&writer, "found", json_put_bool, result_found(result));
        json_field(&writer, "success", json_put_bool, result_success(result));
        if (result_code(result) != E_NONE)
                json_field(&writer, "code", json_put_text, error_code_name(result_code(result)));
        json_field(&writer, "rows", json_put_uint, result_rows(result));
        json_field(&writer, "errors", json_put_uint, result_error_count(result));
        if (result_error_count(result)) {
                char text[300];
                snprintf(text, sizeof(text), "%s", result_error(result, 0));
                json_field(&writer, "error", json_put_text, text);
        }
        if (result_partial(result))
                json_field(&writer, "partial", json_put_text, result_partial(result));
        if (summary->ended_by)
                json_field(&writer, "stopped", json_put_text, summary->ended_by);
        json_field(&writer, "took_ms", json_put_int, summary->took_ns / MILLISECOND);
        json_field(&writer, "cpu_us", json_put_int, summary->cpu_ns / MICROSECOND);
        json_field(&writer, "peak", json_put_uint, summary->peak);
        json_field(&writer, "size", json_put_uint, summary->size);
        json_end_object(&writer);
        struct runlog_row row = { .event = "completed",
                .run = id,
                .module = module,
                .identity = identity,
                .door = door,
                .body = sv_n(body.data, body.len),
                .time_ns = time_unix_ns() };
        return runlog_append(agent->log, &row, err);
}
