/* GET /query: the history over HTTP.
 *
 *      ?query=cpu{container="web"}&since=6h&step=1m     or start= and end=, RFC 3339 or Unix seconds
 *      {"start": …, "end": …, "step": "1m0s", "series": [{"metric": "cpu", "unit": "cores", "labels": {…}, "values":
 * [0.5, null]}]} */
#include "base/cleanup.h"
#include "modules/metrics/metrics_module.h"
#include "schema/json_writer.h"

enum { ANSWER_MAX = 32 << 20 };

static int read_time(const struct request *request, const char *name, int64_t *ret_ns, struct error *err)
{
        uint64_t seconds;
        const char *text = request_query(request, name);
        if (!text)
                return 0;
        if (sv_parse_u64(sv_of(text), 10, &seconds) && seconds < (uint64_t)INT64_MAX / SECOND) {
                *ret_ns = (int64_t)seconds * SECOND;
                return 0;
        }
        if (!time_parse(sv_of(text), ret_ns))
                return fail(err, E_INVALID, "%s: \"%.60s\" is neither a time of RFC 3339 nor Unix seconds", name, text);
        return 0;
}

static int read_duration(const struct request *request, const char *name, int64_t *ret_ns, struct error *err)
{
        const char *text = request_query(request, name);
        if (!text)
                return 0;
        if (!duration_parse(sv_of(text), ret_ns) || *ret_ns <= 0)
                return fail(err, E_INVALID, "%s: \"%.60s\" is no duration", name, text);
        return 0;
}

static int put_series(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        struct json_writer *writer = cookie;
        json_begin_object(writer);
        json_field(writer, "metric", json_put_text, series->metric);
        json_field(writer, "unit", json_put_text, series->unit);
        json_key(writer, "labels");
        json_begin_object(writer);
        for (size_t i = 0; i < series->label_count; i++)
                json_field(writer, series->labels[i].name, json_put_text, series->labels[i].value);
        json_end_object(writer);
        json_key(writer, "values");
        json_begin_array(writer);
        for (size_t i = 0; i < count; i++)
                json_put_double(writer, values[i]); /* NaN is null */
        json_end_array(writer);
        json_end_object(writer);
        return writer->out->failed;
}

static int answer(
        struct service *service, const struct request *request, struct arena *arena, struct buf *out, struct error *err)
{
        struct history_query query;
        struct json_writer writer;
        char text[TIME_TEXT_MAX];
        int64_t since_ns = HOUR, end_ns = time_unix_ns(), start_ns = 0, step_ns = 0;
        const char *asked = arena_strdup(arena, request_query(request, "query")); /* the next call reuses its memory */
        if (!asked)
                return fail(err, E_INVALID, "query: missing");
        if (read_duration(request, "since", &since_ns, err) < 0 || read_duration(request, "step", &step_ns, err) < 0 ||
                read_time(request, "end", &end_ns, err) < 0)
                return -1;
        start_ns = end_ns - since_ns;
        if (read_time(request, "start", &start_ns, err) < 0)
                return -1;
        if (history_query_parse(asked, start_ns, end_ns, step_ns /* 0: about 60 points */, arena, &query, err) < 0)
                return -1;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        time_format_rfc3339(query.start_ns, text);
        json_field(&writer, "start", json_put_text, text);
        time_format_rfc3339(query.end_ns, text);
        json_field(&writer, "end", json_put_text, text);
        duration_format(query.step_ns, text);
        json_field(&writer, "step", json_put_text, text);
        json_key(&writer, "series");
        json_begin_array(&writer);
        int status = history_ask(metrics_service_history(service), &query, put_series, &writer, err);
        if (status < 0)
                return -1;
        json_end_array(&writer);
        json_end_object(&writer);
        return out->failed ? fail(err, E_TOO_LARGE, "the answer is larger than %d bytes: ask for less", ANSWER_MAX) : 0;
}

void metrics_on_query(struct service *service, struct request *request)
{
        struct error err;
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf out;
        arena_init(&arena, 16 << 20);
        buf_init(&out, ANSWER_MAX);
        if (answer(service, request, &arena, &out, &err) < 0)
                request_fail(request, &err);
        else
                request_reply(request, 200, NULL, sv_n(out.data, out.len));
}
