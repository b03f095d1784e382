/* GET /metrics on cAdvisor's port: the text is made as fast as the client takes it, so that only the builder is ever
 * whole in memory, which is smaller than the text. */
#include "modules/metrics/metrics.h"

#include <malloc.h>

enum { PIECE_SIZE = 64 << 10 };

struct scrape {
        struct metrics *metrics;
        struct exposition *exposition;
};

static bool more(struct buf *out, void *cookie)
{
        struct scrape *scrape = cookie;
        return exposition_write_more(scrape->exposition, out, PIECE_SIZE);
}

static void done(void *cookie)
{
        struct scrape *scrape = cookie;
        scrape->metrics->scraping--;
        exposition_free(scrape->exposition);
        free(scrape);
        malloc_trim(0); /* some megabytes, until the next scrape in half a minute */
}

static void refuse(struct http_exchange *exchange, const struct cadvisor_reply *reply)
{
        static const char *const nosniff[] = { "X-Content-Type-Options", "nosniff", NULL };
        http_reply(exchange, reply->status, reply->content_type, reply->nosniff ? nosniff : NULL,
                sv_n(buf_text(&reply->body), reply->body.len));
}

void metrics_scrape(struct metrics *metrics, struct http_exchange *exchange, const struct http_request *request,
        enum exposition_format format)
{
        struct error err;
        struct cadvisor_reply reply = { .status = 200 };
        metrics->scrapes++;
        struct scrape *scrape = metrics->scraping < METRICS_SCRAPES_MAX ? calloc(1, sizeof(*scrape)) : NULL;
        if (!scrape) {
                http_reply(exchange, 503, "text/plain; charset=utf-8", NULL, SV("too many scrapes at once\n"));
                return;
        }
        buf_init(&reply.body, METRICS_REPLY_MAX);
        struct exposition *exposition = cadvisor_gather(&metrics->cadvisor, request->query, &reply);
        if (exposition && exposition_write_begin(exposition, format, &err) < 0) {
                reply.status = 500;
                reply.content_type = "text/plain; charset=utf-8";
                buf_printf(&reply.body, "%s\n", err.message);
                exposition_free(exposition);
                exposition = NULL;
        }
        if (exposition) {
                *scrape = (struct scrape){ .metrics = metrics, .exposition = exposition };
                metrics->scraping++;
                http_pull(exchange, 200, exposition_content_types[format], NULL, more, done, scrape);
        } else {
                free(scrape);
                refuse(exchange, &reply);
        }
        buf_done(&reply.body);
}
