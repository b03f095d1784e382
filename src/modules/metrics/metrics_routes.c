/* HTTP of metrics on the agent's own doors, below /v1/modules/metrics:
 *
 *      GET  /prometheus   ?type=&max_age=          containers: no times, no variables of the environment as labels
 *      GET  /node         ?collect[]=&exclude[]=   the host
 *      GET  /cadvisor/…                            cAdvisor's API: /cadvisor/api/v1.3/containers/ …
 *      POST /cadvisor/…                            the same with a body
 *      GET  /query        ?query=&since=&start=&end=&step=
 *      GET  /top          ?container=&sort=&count=&group=  the processes that use most
 *      GET  /short-lived  the same: what processes cost that ended
 *      GET  /feed         ?interval=&parts=&full=  the host picture by picture; server-sent events
 *      GET  /stream                                events of containers as they happen; server-sent events
 *      GET  /status                                counters */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "lib/http/http.h"
#include "modules/metrics/metrics_module.h"
#include "schema/json_writer.h"
#include "schema/write.h"

enum { ROW_FOLLOWERS_MAX = 32, ROW_BYTES_MAX = 1 << 20 };

struct row_follower {
        struct row_follower *next;
        struct metrics_service *metrics;
        struct request *request;
        struct buf out;
        uint64_t dropped;
};

static struct metrics_service *service_of(struct service *service)
{
        return service->state;
}

static void reply_with(struct request *request, struct cadvisor_reply *reply)
{
        struct error err;
        if (reply->body.failed) {
                fail(&err, E_TOO_LARGE, "the answer is larger than %d bytes", METRICS_REPLY_MAX);
                request_fail(request, &err);
        } else {
                request_reply(request, reply->status, reply->content_type, sv_n(reply->body.data, reply->body.len));
        }
        buf_done(&reply->body);
}

/* Own defaults where cAdvisor's trouble its users: stale times, and secrets in labels. */
static void on_prometheus(struct service *service, struct request *request)
{
        struct metrics *metrics = &service_of(service)->metrics;
        struct metrics_options options = metrics->options;
        options.timestamps = options.env_labels = false;
        struct cadvisor cadvisor = metrics->cadvisor;
        cadvisor.options = &options;
        cadvisor.compatible = false;
        const char *accept = request_header(request, "accept");
        struct cadvisor_reply reply = { .status = 200 };
        buf_init(&reply.body, METRICS_REPLY_MAX);
        metrics->scrapes++;
        cadvisor_metrics(&cadvisor, request->query ? request->query : "",
                accept && strstr(accept, "application/openmetrics-text") ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT,
                &reply);
        reply_with(request, &reply);
}

static void on_node(struct service *service, struct request *request)
{
        struct error err;
        struct metrics *metrics = &service_of(service)->metrics;
        cleanup(buf_done) struct buf body;
        buf_init(&body, METRICS_REPLY_MAX);
        struct exposition *out = exposition_new(METRICS_REPLY_MAX, &err);
        int status = out ? node_expose(metrics->node, request->query ? request->query : "", out, &err) : -1;
        if (status == 0) {
                metrics_note_collectors(metrics, time_monotonic_ns());
                status = exposition_write(out, EXPOSITION_TEXT, &body, &err);
        }
        exposition_free(out);
        metrics->scrapes++;
        if (status < 0)
                request_fail(request, &err);
        else
                request_reply(request, 200, exposition_content_types[EXPOSITION_TEXT], sv_n(body.data, body.len));
}

bool metrics_is_process_list(const char *path)
{
        struct sv rest = sv_of(path), part;
        for (int i = 0; i < 3; i++) /* "", "api", the version */
                if (!sv_split(&rest, '/', &part))
                        return false;
        return sv_split(&rest, '/', &part) && sv_eq(part, SV("ps"));
}

static void on_cadvisor(struct service *service, struct request *request)
{
        struct error err;
        struct metrics *metrics = &service_of(service)->metrics;
        const char *raw = request->path + strlen("/cadvisor");
        cleanup(free) char *path = calloc(1, strlen(raw) + 1);
        if (!path || !http_unescape(sv_of(raw), false, path) || strncmp(path, "/api", 4) != 0) {
                fail(&err, E_NOT_FOUND, "cAdvisor's API is below /cadvisor/api");
                request_fail(request, &err);
                return;
        }
        if (service->privacy && metrics_is_process_list(path)) {
                fail(&err, E_PERMISSION, "privacy: command lines are not told");
                request_fail(request, &err);
                return;
        }
        struct cadvisor_request asked = { .method = request->method,
                .path = path,
                .query = request->query ? request->query : "",
                .body = request->body };
        struct cadvisor_reply reply = { .status = 200 };
        buf_init(&reply.body, METRICS_REPLY_MAX);
        struct cadvisor cadvisor = metrics->cadvisor;
        cadvisor.privacy = service->privacy;
        cadvisor_api(&cadvisor, &asked, &reply);
        if (reply.stream) {
                buf_done(&reply.body);
                fail(&err, E_UNSUPPORTED, "events as they happen are at /stream here");
                request_fail(request, &err);
                return;
        }
        reply_with(request, &reply);
}

static void on_status(struct service *service, struct request *request)
{
        struct metrics_statistics statistics;
        struct json_writer writer;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 20);
        metrics_count(&service_of(service)->metrics, &statistics);
        json_writer_init(&writer, &out, 0);
        record_write(&writer, &metrics_statistics_record, &statistics, 0);
        request_reply(request, 200, NULL, sv_n(out.data, out.len));
}

/* ---- events as they happen ---- */

static void send_rows(struct row_follower *follower)
{
        if (follower->out.len)
                buf_consume(
                        &follower->out, request_write(follower->request, sv_n(follower->out.data, follower->out.len)));
}

static void follower_gone(struct request *request)
{
        struct row_follower *follower = request->state;
        for (struct row_follower **at = &follower->metrics->rows; *at; at = &(*at)->next)
                if (*at == follower) {
                        *at = follower->next;
                        break;
                }
        buf_done(&follower->out);
        free(follower);
}

static void on_credit(struct request *request)
{
        send_rows(request->state);
}

static void on_stream(struct service *service, struct request *request)
{
        struct error err;
        size_t count = 0;
        struct metrics_service *metrics = service_of(service);
        for (struct row_follower *at = metrics->rows; at; at = at->next)
                count++;
        struct row_follower *follower = count < ROW_FOLLOWERS_MAX ? calloc(1, sizeof(*follower)) : NULL;
        if (!follower) {
                fail(&err, E_UNAVAILABLE, "%d clients follow the events already", ROW_FOLLOWERS_MAX);
                request_fail(request, &err);
                return;
        }
        follower->metrics = metrics;
        follower->request = request;
        follower->next = metrics->rows;
        metrics->rows = follower;
        buf_init(&follower->out, ROW_BYTES_MAX);
        request->state = follower;
        request->on_cancel = follower_gone;
        request->on_credit = on_credit;
        request_head(request, 200, "text/event-stream");
}

void metrics_rows_take(struct metrics_service *metrics, const struct container_event *event)
{
        cleanup(buf_done) struct buf line;
        struct metrics_row row;
        struct json_writer writer;
        if (!metrics->rows)
                return;
        buf_init(&line, ROW_BYTES_MAX);
        metrics_row_fill(&metrics->metrics, event, &row);
        json_writer_init(&writer, &line, 0);
        record_write(&writer, &metrics_row_record, &row, metrics->service->privacy ? WRITE_PRIVACY : 0);
        for (struct row_follower *follower = metrics->rows; follower; follower = follower->next) {
                if (follower->out.len + line.len + 100 > ROW_BYTES_MAX) {
                        follower->dropped++;
                        continue;
                }
                if (follower->dropped)
                        buf_printf(&follower->out, "event: dropped\ndata: {\"dropped\":%llu}\n\n",
                                (unsigned long long)follower->dropped);
                follower->dropped = 0;
                buf_printf(&follower->out, "id: %llu\nevent: %s\ndata: %s\n\n", (unsigned long long)event->id,
                        event_kind_names[event->kind], buf_text(&line));
                send_rows(follower);
        }
}

void metrics_rows_end(struct metrics_service *metrics)
{
        while (metrics->rows) {
                struct row_follower *follower = metrics->rows;
                metrics->rows = follower->next;
                request_end(follower->request);
                buf_done(&follower->out);
                free(follower);
        }
}

const struct route metrics_routes[] = {
        { "GET", "/prometheus", ROLE_VIEWER, "metrics of containers and of the machine, for Prometheus",
                on_prometheus },
        { "GET", "/node", ROLE_VIEWER, "metrics of the host, as node_exporter tells them", on_node },
        { "GET", "/cadvisor/*", ROLE_VIEWER, "cAdvisor's API: /cadvisor/api/v1.3/containers/ and so on", on_cadvisor },
        { "POST", "/cadvisor/*", ROLE_VIEWER, "the same, with a request as the body", on_cadvisor },
        { "GET", "/query", ROLE_VIEWER, "ask the history: query, since, start, end, step", metrics_on_query },
        { "GET", "/top", ROLE_VIEWER, "the processes that use most: container, sort, count, group", metrics_on_top },
        { "GET", "/short-lived", ROLE_VIEWER, "what processes cost that ended: container, sort, count, group",
                metrics_on_short_lived },
        { "GET", "/feed", ROLE_VIEWER, "the host picture by picture: interval, parts, full, count; server-sent events",
                metrics_on_feed },
        { "GET", "/stream", ROLE_VIEWER, "events of containers as they happen; server-sent events", on_stream },
        { "GET", "/status", ROLE_VIEWER, "counters of metrics", on_status },
        { 0 },
};
