/* GET /feed of the agent's metrics: one feed for all who follow, made when the first comes and given up with the last.
 * Whoever is due is told; what a part told meanwhile is not looked at again. One who does not read gets nothing new
 * until what was written for him is gone, and then the newest. */
#include "base/cleanup.h"
#include "modules/metrics/feed.h"
#include "modules/metrics/metrics_module.h"
#include "schema/json_writer.h"
#include "schema/write.h"

enum {
        FOLLOWERS_MAX = 32,
        PICTURE_MAX = 48 << 20,  /* bytes of one picture */
        PICTURES_MAX = 64 << 20, /* of all that wait to be read: beyond it, who is due waits */
        BUFFER_KEPT = 256 << 10
};
static const int64_t INTERVAL_MIN_NS = 500 * MILLISECOND;
static const int64_t WARM_NS = 2 * SECOND; /* a part looked at so recently needs no first look */
static const int64_t SLACK_NS = 2 * MILLISECOND;
enum { REST = 2 }; /* times what a look cost: after it whoever else asks metrics is answered */

struct feed_follower {
        struct feed_follower *next;
        struct feed_service *service;
        struct request *request;
        struct feed_reader reader;
        struct buf out;
        size_t sent; /* of out */
        int64_t interval_ns, due_ns;
        uint64_t count;
        bool primed; /* its parts have been looked at once */
};

struct feed_service {
        struct metrics_service *metrics;
        struct feed *feed;
        struct feed_follower *followers;
        size_t count;
        loop_id timer;
        int64_t rest_ns; /* no look before it */
        bool busy;       /* in on_due: nobody is freed meanwhile but by it */
};

/* ---- the end ---- */

static void service_free(struct feed_service *service)
{
        if (service->timer)
                loop_remove(service->metrics->service->loop, service->timer);
        feed_free(service->feed);
        service->metrics->feed = NULL;
        free(service);
}

static void forget(struct feed_follower *follower)
{
        struct feed_service *service = follower->service;
        for (struct feed_follower **at = &service->followers; *at; at = &(*at)->next)
                if (*at == follower) {
                        *at = follower->next;
                        service->metrics->metrics.feed_followers = --service->count;
                        break;
                }
        buf_done(&follower->out);
        free(follower);
        if (!service->followers && !service->busy)
                service_free(service);
}

static void on_gone(struct request *request)
{
        forget(request->state);
}

static void end(struct feed_follower *follower)
{
        struct request *request = follower->request;
        forget(follower);
        request_end(request);
}

void metrics_feed_end(struct metrics_service *metrics)
{
        while (metrics->feed)
                end(metrics->feed->followers);
}

/* ---- writing ---- */

static bool is_behind(const struct feed_follower *follower)
{
        return follower->sent < follower->out.len;
}

static void send_out(struct feed_follower *follower)
{
        struct buf *out = &follower->out;
        if (is_behind(follower))
                follower->sent +=
                        request_write(follower->request, sv_n(out->data + follower->sent, out->len - follower->sent));
        if (is_behind(follower))
                return;
        follower->sent = 0;
        if (out->capacity > BUFFER_KEPT) {
                buf_done(out);
                buf_init(out, PICTURE_MAX);
        } else {
                buf_clear(out);
        }
}

static int put_event(enum feed_kind kind, const void *record, void *cookie)
{
        struct feed_follower *follower = cookie;
        const bool privacy = follower->service->metrics->service->privacy;
        struct json_writer writer;
        buf_printf(&follower->out, "event: %s\ndata: ", feed_kind_names[kind]);
        json_writer_init(&writer, &follower->out, 0);
        record_write(&writer, feed_records[kind], record, privacy ? WRITE_PRIVACY : 0);
        buf_puts(&follower->out, "\n\n");
        return follower->out.failed ? -1 : 0;
}

/* The one who has all pictures that were asked for is let go. */
static void end_when_done(struct feed_follower *follower)
{
        if (follower->count && follower->reader.pictures >= follower->count && !is_behind(follower))
                end(follower);
}

static void on_credit(struct request *request)
{
        struct feed_follower *follower = request->state;
        send_out(follower);
        end_when_done(follower);
}

static void tell(struct feed_follower *follower)
{
        static const char too_large[] = "event: error\ndata: {\"message\":\"the picture is too large\"}\n\n";
        if (feed_tell(follower->service->feed, &follower->reader, put_event, follower) < 0) {
                request_write(follower->request, sv_of(too_large));
                end(follower);
                return;
        }
        send_out(follower);
        end_when_done(follower);
}

/* ---- when ---- */

static int64_t next_on_grid(int64_t now_ns, int64_t interval_ns)
{
        return ((now_ns + interval_ns / 2) / interval_ns + 1) *
               interval_ns; /* those who want every second look together */
}

static void wake_at_next(struct feed_service *service)
{
        int64_t due_ns = LOOP_NEVER;
        for (struct feed_follower *at = service->followers; at; at = at->next)
                if (at->due_ns < due_ns)
                        due_ns = at->due_ns;
        if (due_ns < service->rest_ns)
                due_ns = service->rest_ns;
        loop_rearm_timer_at(service->metrics->service->loop, service->timer, due_ns);
}

/* The parts of one that is due which were not looked at for the half of its interval. */
static unsigned stale_parts(const struct feed_follower *follower, int64_t now_ns)
{
        const int64_t span_ns = follower->reader.pictures ? follower->interval_ns : FEED_FIRST_NS;
        unsigned parts = 0;
        for (enum feed_part part = 0; part < FEED_PARTS; part++)
                if (follower->reader.parts & 1U << part &&
                        now_ns - feed_looked_ns(follower->service->feed, part) > span_ns / 2)
                        parts |= 1U << part;
        return parts;
}

static bool is_warm(const struct feed_follower *follower, int64_t now_ns)
{
        const struct feed *feed = follower->service->feed;
        for (enum feed_part part = 0; part < FEED_PARTS; part++)
                if (follower->reader.parts & 1U << part &&
                        (feed_looks(feed, part) < 2 || now_ns - feed_looked_ns(feed, part) > WARM_NS))
                        return false;
        return true;
}

static size_t waiting_bytes(const struct feed_service *service)
{
        size_t bytes = 0;
        for (const struct feed_follower *at = service->followers; at; at = at->next)
                bytes += at->out.len - at->sent;
        return bytes;
}

static void forget_seen(struct feed_service *service)
{
        uint64_t seen = UINT64_MAX;
        for (const struct feed_follower *at = service->followers; at; at = at->next)
                if (at->reader.seen < seen)
                        seen = at->reader.seen;
        if (seen != UINT64_MAX)
                feed_forget(service->feed, seen);
}

/* What is told now; one who has not read the last picture is passed over. */
static bool takes_now(const struct feed_follower *follower, int64_t now_ns)
{
        return follower->due_ns <= now_ns + SLACK_NS && !is_behind(follower);
}

static void on_due(struct loop *loop, loop_id id, void *cookie)
{
        struct feed_service *service = cookie;
        const int64_t now_ns = loop_now_ns(loop);
        int64_t freshness_ns = HOUR;
        unsigned parts = 0;
        (void)id;
        for (struct feed_follower *at = service->followers; at; at = at->next) {
                if (!takes_now(at, now_ns))
                        continue;
                const int64_t span_ns = at->reader.pictures ? at->interval_ns : FEED_FIRST_NS;
                parts |= stale_parts(at, now_ns);
                freshness_ns = span_ns / 2 < freshness_ns ? span_ns / 2 : freshness_ns;
        }
        if (parts) {
                const int64_t began_ns = time_cpu_ns();
                feed_collect(service->feed, parts, now_ns, freshness_ns);
                service->rest_ns = time_monotonic_ns() + REST * (time_cpu_ns() - began_ns);
                if (service->rest_ns < feed_rested_ns(service->feed))
                        service->rest_ns = feed_rested_ns(service->feed);
                service->metrics->metrics.feed_looks++;
        }
        service->busy = true;
        struct feed_follower *next;
        for (struct feed_follower *at = service->followers; at; at = next) {
                next = at->next;
                if (at->due_ns > now_ns + SLACK_NS)
                        continue;
                const bool takes = takes_now(at, now_ns);
                at->due_ns = next_on_grid(now_ns + SLACK_NS, at->interval_ns);
                if (takes && !at->primed) {
                        at->primed = true;
                        at->due_ns = now_ns + FEED_FIRST_NS;
                } else if (takes && waiting_bytes(service) < PICTURES_MAX) {
                        tell(at);
                } else {
                        service->metrics->metrics.feed_passed_over++;
                }
        }
        service->busy = false;
        if (!service->followers) {
                service_free(service);
                return;
        }
        forget_seen(service);
        wake_at_next(service);
}

/* ---- the beginning ---- */

static struct feed_service *service_of(struct metrics_service *metrics, struct error *err)
{
        const struct metrics_options *options = &metrics->metrics.options;
        const int64_t boot_unix_ns = time_boot_unix_ns();
        if (metrics->feed)
                return metrics->feed;
        if (llabs(boot_unix_ns - metrics->boot_unix_ns) >= SECOND) /* the clock was set since */
                metrics->boot_unix_ns = boot_unix_ns;
        const struct feed_source source = { .root = options->root,
                .proc = options->proc,
                .sys = options->sys,
                .registry = metrics->metrics.registry,
                .boot_unix_ns = metrics->boot_unix_ns };
        struct feed_service *service = calloc(1, sizeof(*service));
        if (!service)
                return fail_null(err, E_NO_MEMORY, "no memory for the feed");
        service->metrics = metrics;
        service->feed = feed_new(&source, err);
        if (!service->feed ||
                loop_add_timer_at(metrics->service->loop, LOOP_NEVER, 0, on_due, service, &service->timer, err) < 0) {
                service_free(service);
                return NULL;
        }
        metrics->feed = service;
        return service;
}

static int follow(
        struct metrics_service *metrics, struct request *request, const struct feed_params *params, struct error *err)
{
        if (params->interval_ns < INTERVAL_MIN_NS)
                return fail(err, E_INVALID, "interval: at least 500ms");
        if (metrics->feed && metrics->feed->count >= FOLLOWERS_MAX)
                return fail(err, E_UNAVAILABLE, "%d clients follow the feed already", FOLLOWERS_MAX);
        struct feed_follower *follower = calloc(1, sizeof(*follower));
        if (!follower)
                return fail(err, E_NO_MEMORY, "no memory for one who follows");
        follower->service = service_of(metrics, err);
        if (!follower->service) {
                free(follower);
                return -1;
        }
        follower->request = request;
        follower->reader = (struct feed_reader){ .parts = feed_parts_of(params), .full = params->full };
        follower->interval_ns = params->interval_ns;
        follower->count = params->count;
        follower->due_ns = loop_now_ns(metrics->service->loop);
        follower->primed = is_warm(follower, follower->due_ns);
        buf_init(&follower->out, PICTURE_MAX);
        follower->next = follower->service->followers;
        follower->service->followers = follower;
        metrics->metrics.feed_followers = ++follower->service->count;
        request->state = follower;
        request->on_cancel = on_gone;
        request->on_credit = on_credit;
        request_head(request, 200, "text/event-stream");
        wake_at_next(follower->service);
        return 0;
}

void metrics_on_feed(struct service *service, struct request *request)
{
        struct error err;
        struct feed_params params;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64 << 10);
        if (request_parameters(request, &feed_params_record, &params, &arena, &err) < 0 ||
                follow(service->state, request, &params, &err) < 0)
                request_fail(request, &err);
}
