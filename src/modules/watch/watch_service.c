/* The agent's watch: events into the store, alerts to the agent. */
#include "modules/watch/watch_module.h"

#include "base/buf.h"
#include "modules/watch/event/store_format.h"

static void keep(struct watch *watch, struct event *event)
{
        struct watch_service *service = watch->owner;
        struct sv json;
        event_store_append(service->store, event, time_unix_ns(), &json);
        if (json.n) /* also what the store has no room for: it counts that, and tells it */
                watch_followers_take(service, event, json);
}

static void keep_gap(const struct event *event, struct sv json, void *cookie)
{
        watch_followers_take(cookie, event, json);
}

static void alert(struct watch *watch, const struct rules_hit *hit)
{
        struct watch_service *service = watch->owner;
        struct buf json;
        buf_init(&json, RULES_ALERT_MAX);
        if (rules_alert(hit, service->service->privacy, &json) == 0)
                service_alert(service->service, sv_n(json.data, json.len));
        buf_done(&json);
}

static void note(struct watch *watch, const char *text)
{
        struct watch_service *service = watch->owner;
        service_log(service->service, "%s", text);
}

static void broke(struct watch *watch, const struct error *err)
{
        struct watch_service *service = watch->owner;
        service_log(service->service, "the source of events broke: %s", err ? err->message : "it ended");
        loop_stop(service->service->loop); /* the agent starts it again, with backoff */
}

static void on_tick(struct loop *loop, loop_id id, void *cookie)
{
        struct watch_service *watch = cookie;
        (void)loop;
        (void)id;
        event_store_tick(watch->store, time_unix_ns());
}

int watch_start(struct service *service, struct error *err)
{
        static struct watch_service watch; /* one a process */
        static const struct watch_sink sink = { .event = keep, .alert = alert, .ended = broke, .log = note };
        const struct watch_config *config = service->config;
        watch.service = service;
        buf_init(&watch.masked, 2 << 20);
        service->state = &watch;
        if (!service->state_directory)
                return fail(err, E_INVALID, "watch keeps its events in a state directory, and has none");
        struct event_store_options store = { .directory = service->state_directory,
                .retain_bytes = config->retain_bytes,
                .retain_ns = config->retain_ns,
                .gap = keep_gap,
                .gap_cookie = &watch };
        watch.store = event_store_open(&store, time_unix_ns(), err);
        if (!watch.store)
                return -1;
        watch.watch = (struct watch){ .settings = &config->settings, .sink = &sink, .owner = &watch, .root = -1 };
        if (watch_open(&watch.watch, service->loop, &(struct watch_inputs){ 0 }, err) < 0 ||
                loop_add_timer(service->loop, 100 * MILLISECOND, 100 * MILLISECOND, on_tick, &watch, &watch.tick_id,
                        err) < 0) {
                watch_stop(service);
                return -1;
        }
        service_log(service, "events come from %s", pipeline_source(watch.watch.pipeline));
        return 0;
}

/* What a full disk does not take now is gone with this process. */
static void say_unkept(struct watch_service *watch)
{
        struct error err;
        struct event_store_counters counters;
        if (!watch->store || event_store_flush(watch->store, false, time_unix_ns(), &err) == 0)
                return;
        event_store_count(watch->store, &counters);
        const uint64_t unkept = counters.waiting + counters.lost;
        service_log(watch->service, "%llu events could not be kept: %s", (unsigned long long)unkept, err.message);
}

void watch_stop(struct service *service)
{
        struct watch_service *watch = service->state;
        if (watch->tick_id)
                loop_remove(service->loop, watch->tick_id);
        watch->tick_id = 0;
        watch_close(&watch->watch);
        watch_followers_end(watch);
        say_unkept(watch);
        event_store_close(watch->store);
        watch->store = NULL;
        buf_done(&watch->masked);
}
