/* The compatibility ports: what cAdvisor answers on 8080 and node_exporter on 9100, path by path. */
#include "modules/metrics/metrics.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#define NOT_FOUND "404 page not found\n"
#define TEXT "text/plain; charset=utf-8"

struct event_follower {
        struct metrics *metrics;
        struct http_exchange *exchange;
        struct event_query query;
        char container[sizeof(((struct cadvisor_reply *)0)->events_container)];
        size_t slot;
};

/* ---- followers of events ---- */

static void on_gone(void *cookie)
{
        struct event_follower *follower = cookie;
        follower->metrics->followers[follower->slot] = NULL;
        free(follower);
}

static void follow(struct metrics *metrics, struct http_exchange *exchange, const struct cadvisor_reply *reply)
{
        size_t slot = 0;
        while (slot < METRICS_FOLLOWERS_MAX && metrics->followers[slot])
                slot++;
        struct event_follower *follower = slot < METRICS_FOLLOWERS_MAX ? calloc(1, sizeof(*follower)) : NULL;
        if (!follower) {
                metrics->followers_refused++;
                http_reply(exchange, 503, TEXT, NULL, SV("too many clients follow the events\n"));
                return;
        }
        *follower = (struct event_follower){
                .metrics = metrics, .exchange = exchange, .query = reply->events, .slot = slot
        };
        if (reply->events.container) {
                snprintf(follower->container, sizeof(follower->container), "%s", reply->events.container);
                follower->query.container = follower->container;
        }
        metrics->followers[slot] = follower;
        http_begin(exchange, 200, "application/json", NULL);
        http_on_close(exchange, on_gone, follower);
}

void metrics_tell_followers(struct metrics *metrics, const struct container_event *event)
{
        cleanup(buf_done) struct buf line;
        struct container_event told = *event;
        if (metrics->cadvisor.privacy && *told.process)
                told.process = "masked";
        buf_init(&line, 1 << 20);
        for (size_t i = 0; i < METRICS_FOLLOWERS_MAX; i++) {
                struct event_follower *follower = metrics->followers[i];
                if (!follower || !event_matches(&follower->query, event))
                        continue;
                if (line.len == 0)
                        cadvisor_event_json(&told, &line);
                if (http_write(follower->exchange, sv_n(line.data, line.len)))
                        continue;
                metrics->followers_dropped++; /* it does not read: half a stream is no stream */
                http_abort(follower->exchange);
                metrics->followers[i] = NULL;
                free(follower);
        }
}

/* ---- cAdvisor ---- */

static enum exposition_format format_of(const struct http_request *request)
{
        const char *accept = http_request_header(request, "Accept");
        return accept && strstr(accept, "application/openmetrics-text") ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT;
}

static bool is_below(const char *path, const char *prefix)
{
        size_t n = strlen(prefix);
        return strncmp(path, prefix, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static void redirect(struct http_exchange *exchange, int status, const char *prefix, const char *to)
{
        char target[512], body[700];
        snprintf(target, sizeof(target), "%s%s", prefix, to);
        const char *const headers[] = { "Location", target, NULL };
        int n = snprintf(body, sizeof(body), "<a href=\"%s\">%s</a>.\n\n", target, http_status_text(status));
        http_reply(exchange, status, "text/html; charset=utf-8", headers, sv_n(body, (size_t)n));
}

/* The reply is filled; false when the path is not of those that fill one. */
static bool fill_reply(
        struct metrics *metrics, const struct http_request *request, const char *path, struct cadvisor_reply *reply)
{
        const struct cadvisor *cadvisor = &metrics->cadvisor;
        struct cadvisor_request asked = {
                .method = request->method, .path = path, .query = request->query, .body = request->body
        };
        if (cadvisor_redirect(cadvisor, &asked, reply))
                return true;
        bool page = is_below(path, "/containers") || is_below(path, "/docker") || is_below(path, "/podman");
        if (cadvisor->privacy && (page || metrics_is_process_list(path))) {
                reply->status = 403;
                reply->content_type = TEXT;
                buf_puts(&reply->body, "privacy: command lines are not told\n");
                return true;
        }
        if (is_below(path, "/api"))
                cadvisor_api(cadvisor, &asked, reply);
        else if (is_below(path, "/validate"))
                cadvisor_validate(cadvisor, reply);
        else if (page)
                cadvisor_page(cadvisor, &asked, reply);
        else
                return false;
        return true;
}

static void answer_cadvisor(struct http_exchange *exchange, const struct http_request *request, void *cookie)
{
        struct metrics *metrics = cookie;
        const char *prefix = metrics->options.url_prefix;
        const char *path = request->path;
        size_t n = strlen(prefix);
        if (n && strncmp(path, prefix, n) == 0)
                path += n; /* with and without it, as behind a proxy that may strip it */
        if (strcmp(path, "/healthz") == 0) {
                http_reply(exchange, 200, TEXT, NULL, SV("ok"));
                return;
        }
        if (*path != '/' && *path) { /* "*" */
                http_reply(exchange, 404, TEXT, NULL, SV(NOT_FOUND));
                return;
        }
        if (*path == '\0')
                path = "/";
        if (strcmp(path, metrics->options.prometheus_endpoint) == 0) {
                metrics_scrape(metrics, exchange, request, format_of(request));
                return;
        }
        struct cadvisor_reply reply = { .status = 200 };
        buf_init(&reply.body, METRICS_REPLY_MAX);
        if (!fill_reply(metrics, request, path, &reply)) {
                if (is_below(path, "/static")) /* what cAdvisor's pages load; ours load nothing */
                        http_reply(exchange, 404, TEXT, NULL, SV(NOT_FOUND));
                else /* cAdvisor's handler of "/" has all that no other has */
                        redirect(exchange, 307, prefix, "/containers/");
        } else if (reply.stream) {
                follow(metrics, exchange, &reply);
        } else if (reply.body.failed) {
                http_reply(exchange, 500, TEXT, NULL, SV("the answer is larger than 64 MiB\n"));
        } else {
                const char *const location[] = { "Location", reply.location, NULL };
                static const char *const nosniff[] = { "X-Content-Type-Options", "nosniff", NULL };
                http_reply(exchange, reply.status, reply.content_type,
                        reply.location  ? location
                        : reply.nosniff ? nosniff
                                        : NULL,
                        sv_n(reply.body.data, reply.body.len));
        }
        buf_done(&reply.body);
}

static int serve(
        struct metrics *metrics, struct http_server **server, http_handle_fn *handle, int fd, struct error *err)
{
        struct http_server_options options = { .handle = handle, .cookie = metrics };
        if (!*server)
                *server = http_server_new(metrics->loop, &options, err);
        return *server ? http_server_listen(*server, fd, err) : -1;
}

int metrics_serve_cadvisor(struct metrics *metrics, int fd, struct error *err)
{
        return serve(metrics, &metrics->cadvisor_port, answer_cadvisor, fd, err);
}

/* ---- node_exporter ---- */

static void put_own_metrics(struct metrics *metrics, struct exposition *out)
{
        static const char *const codes[] = { "200", "500", "503" };
        if (metrics->settings->node.disable_exporter_metrics)
                return;
        struct exposition_family *family = exposition_family(out, "promhttp_metric_handler_requests_total",
                EXPOSITION_COUNTER, "Total number of scrapes by HTTP status code.");
        for (size_t i = 0; i < 3; i++) {
                const struct exposition_label label = { "code", codes[i] };
                exposition_add(family, &label, 1, (double)metrics->node_scrapes[i], EXPOSITION_NO_TIME);
        }
        exposition_put(out, "promhttp_metric_handler_requests_in_flight", EXPOSITION_GAUGE,
                "Current number of scrapes being served.", 1);
        cadvisor_expose_process(metrics->options.proc, true, out);
}

static void scrape_node(struct metrics *metrics, struct http_exchange *exchange, const struct http_request *request)
{
        struct error err;
        enum exposition_format format = format_of(request);
        struct exposition *out = exposition_new(METRICS_REPLY_MAX, &err);
        cleanup(buf_done) struct buf body;
        buf_init(&body, METRICS_REPLY_MAX);
        int status = out ? node_expose(metrics->node, request->query, out, &err) : -1;
        if (status == 0) {
                metrics_note_collectors(metrics, time_monotonic_ns());
                put_own_metrics(metrics, out);
                status = exposition_write(out, format, &body, &err);
        }
        exposition_free(out);
        if (status < 0) {
                char text[sizeof(err.message) + 2];
                int n = snprintf(text, sizeof(text), "%s\n", err.message);
                int code = err.code == E_INVALID ? 400 : 500;
                metrics->node_scrapes[1] += code == 500;
                http_reply(exchange, code, TEXT, NULL, sv_n(text, (size_t)n));
                return;
        }
        metrics->node_scrapes[0]++;
        metrics->scrapes++;
        http_reply(exchange, 200, exposition_content_types[format], NULL, sv_n(body.data, body.len));
}

static void answer_node(struct http_exchange *exchange, const struct http_request *request, void *cookie)
{
        struct metrics *metrics = cookie;
        const char *telemetry = metrics->settings->node.telemetry_path;
        if (strcmp(request->path, telemetry) == 0) {
                scrape_node(metrics, exchange, request);
                return;
        }
        if (strcmp(request->path, "/") != 0) {
                http_reply(exchange, 404, TEXT, NULL, SV(NOT_FOUND));
                return;
        }
        char page[1024];
        int n = snprintf(page, sizeof(page),
                "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"UTF-8\"><title>Tarsier node "
                "metrics</title></head>"
                "<body><h1>Tarsier node metrics</h1><p>version " TARSIER_VERSION
                "</p><ul><li><a href=\"%.300s\">Metrics</a></li></ul></body></html>\n",
                telemetry);
        http_reply(exchange, 200, "text/html; charset=utf-8", NULL, sv_n(page, (size_t)n));
}

int metrics_serve_node(struct metrics *metrics, int fd, struct error *err)
{
        return serve(metrics, &metrics->node_port, answer_node, fd, err);
}
