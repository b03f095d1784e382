/* HTTP of watch, below /v1/modules/watch:
 *
 *      GET /events     ?since=2h&type=exec&container=web&limit=100&after=ID   {"events": […], "cursor": ID}
 *      GET /stream     the same filters; server-sent events, one an event; Last-Event-ID or after=ID goes on from there
 *      GET /tree       ?container=web                                         {"processes": […]}
 *      GET /containers                                                        {"containers": […]}
 *      GET /status                                                            counters of the pipeline and the store
 *      GET /rules                                                             {"rules": […]}
 *
 * A list is read from the store in slices, so that the loop goes on; a stream is fed from memory, after what the store
 * has. A follower who does not read in time loses events, and is told how many. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "modules/watch/event/scan.h"
#include "modules/watch/watch_module.h"
#include "schema/json.h"
#include "schema/json_writer.h"
#include "schema/write.h"

enum {
        LIST_LIMIT = 1000,
        LIST_LIMIT_MAX = 10000,
        LIST_BYTES_MAX = 32 << 20,
        FOLLOWER_BYTES_MAX = 2 << 20, /* that wait for a slow reader */
        SLICE_BYTES = 1 << 20,
};

struct follower {
        struct watch_service *watch;
        struct request *request;
        struct arena arena;
        struct event_filter *filter;
        struct event_scan *scan; /* NULL: live */
        struct buf out;
        bool stream, cut, scheduled;
        uint64_t left;    /* of a list */
        uint64_t last_id; /* handed out, of a list */
        uint64_t dropped; /* since the last one that was told */
        size_t count;
};

static uint64_t number_of(const char *text)
{
        uint64_t number = 0;
        return text && sv_parse_u64(sv_of(text), 10, &number) ? number : 0;
}

/* ---- followers ---- */

static void follower_free(struct follower *follower)
{
        struct watch_service *watch = follower->watch;
        for (size_t i = 0; i < FOLLOWERS_MAX; i++)
                if (watch->followers[i] == follower)
                        watch->followers[i] = NULL;
        event_scan_close(follower->scan);
        event_filter_free(follower->filter);
        buf_done(&follower->out);
        arena_done(&follower->arena);
        free(follower);
}

static void on_cancel(struct request *request)
{
        struct follower *follower = request->state;
        if (follower->scheduled)
                follower->request = NULL; /* the deferred call frees it */
        else
                follower_free(follower);
}

static void send_some(struct follower *follower)
{
        if (follower->out.len == 0)
                return;
        size_t sent = request_write(follower->request, sv_n(follower->out.data, follower->out.len));
        buf_consume(&follower->out, sent);
}

static void put_dropped(struct follower *follower)
{
        if (follower->dropped == 0)
                return;
        buf_printf(
                &follower->out, "event: dropped\ndata: {\"dropped\":%llu}\n\n", (unsigned long long)follower->dropped);
        follower->dropped = 0;
}

static void put_event(struct follower *follower, uint64_t id, int type, struct sv json)
{
        struct buf *out = &follower->out;
        put_dropped(follower);
        buf_printf(out, "id: %llu\nevent: %s\ndata: ", (unsigned long long)id, event_type_names[type]);
        buf_append(out, json.p, json.n);
        buf_puts(out, "\n\n");
}

/* In privacy mode the line without what is private, valid until the next call; empty when that cannot be made. */
static struct sv shown(const struct follower *follower, struct sv json)
{
        struct error err;
        struct buf *masked = &follower->watch->masked;
        if (!follower->watch->service->privacy)
                return json;
        buf_clear(masked);
        return event_mask(json, masked, &err) < 0 ? SV("{}") : sv_n(masked->data, masked->len);
}

static void slice(struct loop *loop, void *cookie);

static void schedule(struct follower *follower)
{
        if (!follower->scheduled)
                follower->scheduled = loop_defer(follower->watch->service->loop, slice, follower) == 0;
}

static void on_credit(struct request *request)
{
        struct follower *follower = request->state;
        send_some(follower);
        if (follower->dropped && follower->out.len < FOLLOWER_BYTES_MAX / 2) { /* the next event may be far */
                put_dropped(follower);
                send_some(follower);
        }
        if (follower->scan && follower->out.len < FOLLOWER_BYTES_MAX / 2)
                schedule(follower);
}

static bool take(const struct event_head *head, struct sv json, void *cookie)
{
        struct follower *follower = cookie;
        if (follower->stream) {
                put_event(follower, head->id, head->type, shown(follower, json));
                return follower->out.len < FOLLOWER_BYTES_MAX / 2;
        }
        json = shown(follower, json);
        if (follower->out.len + json.n > LIST_BYTES_MAX) {
                follower->cut = true;
                return false;
        }
        follower->last_id = head->id;
        buf_puts(&follower->out, follower->count++ ? "," : "{\"events\":[");
        buf_append(&follower->out, json.p, json.n);
        return --follower->left > 0;
}

static void finish_list(struct follower *follower)
{
        struct request *request = follower->request;
        struct buf *out = &follower->out;
        /* the scan has looked at the event that found no room */
        uint64_t cursor = follower->cut ? follower->last_id : event_scan_cursor(follower->scan);
        if (follower->count == 0)
                buf_puts(out, "{\"events\":[");
        buf_printf(out, "],\"cursor\":%llu", (unsigned long long)cursor);
        buf_puts(out, follower->left == 0 || follower->cut ? ",\"more\":true}" : ",\"more\":false}");
        struct buf whole = *out;
        buf_init(out, 0);
        follower_free(follower);
        request_reply(request, 200, NULL, sv_n(whole.data, whole.len));
        buf_done(&whole);
}

static void fail_follower(struct follower *follower, const struct error *err)
{
        struct request *request = follower->request;
        bool stream = follower->stream;
        follower_free(follower);
        if (stream)
                request_end(request);
        else
                request_fail(request, err);
}

/* One slice of the store. A stream that has reached the end goes live: what the store's batch still holds is written
 * first, so that nothing lies between. */
static void slice(struct loop *loop, void *cookie)
{
        struct error err;
        struct follower *follower = cookie;
        (void)loop;
        follower->scheduled = false;
        if (!follower->request) {
                follower_free(follower);
                return;
        }
        if (follower->stream)
                event_store_flush(follower->watch->store, false, time_unix_ns(), &err);
        int more = event_scan_step(follower->scan, SLICE_BYTES, take, follower, &err);
        if (more < 0) {
                fail_follower(follower, &err);
                return;
        }
        if (!follower->stream) {
                if (more && follower->left && !follower->cut)
                        schedule(follower);
                else
                        finish_list(follower);
                return;
        }
        if (more == 0) {
                event_scan_close(follower->scan);
                follower->scan = NULL;
        }
        send_some(follower);
        if (more && follower->out.len < FOLLOWER_BYTES_MAX / 2)
                schedule(follower);
}

void watch_followers_take(struct watch_service *watch, const struct event *event, struct sv json)
{
        struct event_head head;
        bool filled = false;
        for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
                struct follower *follower = watch->followers[i];
                if (!follower || follower->scan || !follower->request)
                        continue;
                if (!filled)
                        event_head_fill(event, &head);
                filled = true;
                head.size = (uint32_t)json.n;
                if (!event_filter_head(follower->filter, &head) || !event_filter_match(follower->filter, &head, json))
                        continue;
                if (follower->out.len + json.n > FOLLOWER_BYTES_MAX) {
                        follower->dropped++;
                        watch->follower_drops++;
                        continue;
                }
                put_event(follower, event->id, event->type, shown(follower, json));
                send_some(follower);
        }
}

void watch_followers_end(struct watch_service *watch)
{
        for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
                struct follower *follower = watch->followers[i];
                if (!follower)
                        continue;
                if (follower->request)
                        request_end(follower->request);
                follower->request = NULL;
                if (!follower->scheduled)
                        follower_free(follower);
        }
}

static int follower_open(struct follower *follower, struct error *err)
{
        struct events_params params = { 0 };
        struct request *request = follower->request;
        struct watch_service *watch = follower->watch;
        uint64_t after = number_of(request_query(request, "after"));
        const char *last = request_header(request, "last-event-id");
        if (last && follower->stream)
                after = number_of(last);
        if (request_parameters(request, &events_params_record, &params, &follower->arena, err) < 0)
                return -1;
        if (params.store && *params.store)
                return fail(err, E_INVALID, "store: a path is taken on the command line only");
        follower->filter = event_filter_new(&params, watch->watch.root, time_unix_ns(), err);
        if (!follower->filter)
                return -1;
        struct event_scan_options options = { .directory = watch->service->state_directory,
                .filter = follower->filter,
                .reverse = params.reverse && !follower->stream,
                .after_id = params.reverse ? 0 : after,
                .before_id = params.reverse ? after : 0 };
        follower->left = params.limit ? params.limit : LIST_LIMIT;
        if (follower->left > LIST_LIMIT_MAX)
                return fail(err, E_INVALID, "limit: at most %d at a time; go on with after=CURSOR", LIST_LIMIT_MAX);
        if (!follower->stream && event_store_flush(watch->store, false, time_unix_ns(), err) < 0)
                return -1;
        bool from_store = !follower->stream || after || params.since;
        follower->scan = from_store ? event_scan_open(&options, err) : NULL;
        return from_store && !follower->scan ? -1 : 0;
}

static void handle_follower(struct service *service, struct request *request, bool stream)
{
        struct error err;
        size_t place = 0;
        struct watch_service *watch = service->state;
        while (place < FOLLOWERS_MAX && watch->followers[place])
                place++;
        struct follower *follower = place < FOLLOWERS_MAX ? calloc(1, sizeof(*follower)) : NULL;
        if (!follower) {
                watch->followers_refused++;
                fail(&err, E_UNAVAILABLE, "%d requests for events are open already", FOLLOWERS_MAX);
                request_fail(request, &err);
                return;
        }
        watch->followers[place] = follower;
        follower->watch = watch;
        follower->request = request;
        follower->stream = stream;
        arena_init(&follower->arena, 1 << 20);
        buf_init(&follower->out, LIST_BYTES_MAX + (1 << 20));
        if (follower_open(follower, &err) < 0) {
                follower_free(follower);
                request_fail(request, &err);
                return;
        }
        request->state = follower;
        request->on_cancel = on_cancel;
        if (stream) {
                request->on_credit = on_credit;
                request_head(request, 200, "text/event-stream");
                buf_puts(&follower->out, ": tarsier watch\n\n");
                send_some(follower);
        }
        if (follower->scan)
                schedule(follower);
}

static void handle_events(struct service *service, struct request *request)
{
        handle_follower(service, request, false);
}

static void handle_stream(struct service *service, struct request *request)
{
        handle_follower(service, request, true);
}

/* ---- the tree ---- */

struct tree_list {
        struct json_writer *writer;
        struct tree *tree;
        struct redact *redact;
        const char *container;
        bool privacy;
};

static bool put_process(const struct tree_process *process, unsigned depth, void *cookie)
{
        struct tree_list *list = cookie;
        struct event_process about = { 0 };
        struct string_list argv;
        tree_process_fill(list->tree, process, &about);
        if (list->container && !watch_in_container(&about, list->container))
                return true;
        if (redact_argv(list->redact, &about.argv, &argv)) /* the tree holds them whole */
                about.argv = argv;
        json_begin_object(list->writer);
        json_field(list->writer, "depth", json_put_uint, depth);
        json_key(list->writer, "process");
        record_write(list->writer, &event_process_record, &about, list->privacy ? WRITE_PRIVACY : 0);
        json_end_object(list->writer);
        return true;
}

static void reply_buffer(struct request *request, struct buf *out)
{
        struct error err;
        if (out->failed) {
                fail(&err, E_TOO_LARGE, "the answer is larger than %zu bytes", out->max);
                request_fail(request, &err);
        } else {
                request_reply(request, 200, NULL, sv_n(out->data, out->len));
        }
}

static void handle_tree(struct service *service, struct request *request)
{
        struct json_writer writer;
        struct watch_service *watch = service->state;
        cleanup(buf_done) struct buf out;
        struct tree *tree = pipeline_tree(watch->watch.pipeline);
        buf_init(&out, LIST_BYTES_MAX);
        json_writer_init(&writer, &out, 0);
        json_begin_object(&writer);
        json_key(&writer, "processes");
        json_begin_array(&writer);
        tree_each(tree, false, put_process,
                &(struct tree_list){
                        &writer, tree, watch->watch.redact, request_query(request, "container"), service->privacy });
        json_end_array(&writer);
        json_end_object(&writer);
        reply_buffer(request, &out);
}

static bool put_container(const struct tree_container *container, void *cookie)
{
        struct json_writer *writer = cookie;
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(container->first_ns, text);
        json_begin_object(writer);
        json_key(writer, "container");
        record_write(writer, &event_container_record, &container->names, 0);
        json_field(writer, "processes", json_put_uint, container->processes);
        json_field(writer, "pid", json_put_int, container->pid);
        json_field(writer, "since", json_put_text, text);
        json_end_object(writer);
        return true;
}

static void handle_containers(struct service *service, struct request *request)
{
        struct json_writer writer;
        struct watch_service *watch = service->state;
        cleanup(buf_done) struct buf out;
        buf_init(&out, LIST_BYTES_MAX);
        json_writer_init(&writer, &out, 0);
        json_begin_object(&writer);
        json_key(&writer, "containers");
        json_begin_array(&writer);
        tree_each_container(pipeline_tree(watch->watch.pipeline), put_container, &writer);
        json_end_array(&writer);
        json_end_object(&writer);
        reply_buffer(request, &out);
}

/* ---- counters and rules ---- */

static void put_store(struct json_writer *writer, const struct watch_service *watch)
{
        struct event_store_counters counters;
        const struct error *trouble = event_store_trouble(watch->store);
        event_store_count(watch->store, &counters);
        json_begin_object(writer);
        json_field(writer, "events", json_put_uint, counters.events);
        json_field(writer, "waiting", json_put_uint, counters.waiting);
        json_field(writer, "lost", json_put_uint, counters.lost);
        json_field(writer, "files", json_put_uint, counters.files);
        json_field(writer, "bytes", json_put_uint, counters.bytes);
        json_field(writer, "removed_events", json_put_uint, counters.removed_events);
        json_field(writer, "write_errors", json_put_uint, counters.write_errors);
        if (trouble)
                json_field(writer, "trouble", json_put_text, trouble->message);
        json_end_object(writer);
}

static void handle_status(struct service *service, struct request *request)
{
        struct json_writer writer;
        struct watch_statistics statistics;
        struct watch_service *watch = service->state;
        cleanup(buf_done) struct buf out;
        watch_count(&watch->watch, &statistics);
        buf_init(&out, 1 << 20);
        json_writer_init(&writer, &out, 0);
        json_begin_object(&writer);
        json_key(&writer, "watch");
        record_write(&writer, &watch_statistics_record, &statistics, 0);
        json_key(&writer, "store");
        put_store(&writer, watch);
        json_field(&writer, "followers_refused", json_put_uint, watch->followers_refused);
        json_field(&writer, "follower_drops", json_put_uint, watch->follower_drops);
        json_end_object(&writer);
        reply_buffer(request, &out);
}

static bool put_rule(const struct rule *rule, void *cookie)
{
        struct json_writer *writer = cookie;
        json_begin_object(writer);
        json_field(writer, "name", json_put_text, rule->name);
        json_field(writer, "summary", json_put_text, rule->summary);
        json_field(writer, "severity", json_put_text, rule->severity);
        json_field(writer, "action", json_put_text, rule_action_names[rule->action]);
        json_field(writer, "enabled", json_put_bool, rule->enabled);
        json_field(writer, "matched", json_put_uint, rule->matched);
        json_field(writer, "alerted", json_put_uint, rule->alerted);
        json_field(writer, "suppressed", json_put_uint, rule->suppressed);
        json_end_object(writer);
        return true;
}

static void handle_rules(struct service *service, struct request *request)
{
        struct json_writer writer;
        const struct watch_service *watch = service->state;
        cleanup(buf_done) struct buf out;
        buf_init(&out, LIST_BYTES_MAX);
        json_writer_init(&writer, &out, 0);
        json_begin_object(&writer);
        json_key(&writer, "rules");
        json_begin_array(&writer);
        if (watch->watch.rules)
                rules_each(watch->watch.rules, put_rule, &writer);
        json_end_array(&writer);
        json_end_object(&writer);
        reply_buffer(request, &out);
}

const struct route watch_routes[] = {
        { "GET", "/events", ROLE_VIEWER, "events of the store, filtered", handle_events },
        { "GET", "/stream", ROLE_VIEWER, "events as they happen (server-sent events), filtered", handle_stream },
        { "GET", "/tree", ROLE_VIEWER, "living processes, parents first", handle_tree },
        { "GET", "/containers", ROLE_VIEWER, "running containers", handle_containers },
        { "GET", "/status", ROLE_VIEWER, "counters of the pipeline and the store", handle_status },
        { "GET", "/rules", ROLE_VIEWER, "rules and how often they matched", handle_rules },
        { 0 },
};
