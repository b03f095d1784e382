/* Lists, read from the store in slices so that the loop goes on, and streams: what the store has behind the client's
 * last one, then what comes. A follower who does not read in time loses events, and is told how many. */
#include "alerts.h"

#include "base/cleanup.h"

struct follower {
        struct alerts *alerts;
        struct request *request; /* NULL: the client went away while a slice was due */
        struct arena arena;
        struct alerts_params params;
        struct alert_filter filter;
        struct buf out;
        int64_t at; /* id of the last that was looked at */
        uint64_t left;
        uint64_t dropped; /* since the last one that was told */
        size_t count;
        unsigned found; /* of this slice */
        bool stream, live, scheduled, full;
        struct error err;
};

static void follower_free(struct follower *follower)
{
        struct alerts *alerts = follower->alerts;
        for (size_t i = 0; i < FOLLOWERS_MAX; i++)
                if (alerts->followers[i] == follower)
                        alerts->followers[i] = NULL;
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
        if (follower->out.len)
                buf_consume(
                        &follower->out, request_write(follower->request, sv_n(follower->out.data, follower->out.len)));
}

static void put_event(struct follower *follower, const char *event, const struct alert_row *row)
{
        struct buf *out = &follower->out;
        bool first = strcmp(event, "alert") == 0;
        if (follower->dropped)
                buf_printf(out, "event: dropped\ndata: {\"dropped\":%llu}\n\n", (unsigned long long)follower->dropped);
        follower->dropped = 0;
        alert_write_event(out, event, first ? row->id : 0, row, follower->alerts->service->privacy);
}

static bool take(const struct alert_row *row, void *cookie)
{
        struct follower *follower = cookie;
        struct json_writer writer;
        follower->at = row->id;
        follower->found++;
        if (!alert_filter_match(&follower->filter, row))
                return true;
        cleanup(buf_done) struct buf evidence;
        struct alert_row whole = *row;
        buf_init(&evidence, 2 * (size_t)ALERT_TEXT_MAX);
        if (alert_store_evidence(follower->alerts->store, row->id, &evidence, NULL) == 0)
                whole.evidence = buf_text(&evidence);
        if (follower->stream) {
                put_event(follower, "alert", &whole);
                return follower->out.len < FOLLOWER_BYTES_MAX / 2;
        }
        if (follower->left == 0 || follower->out.len + evidence.len > ANSWER_MAX) {
                follower->full = true; /* there is one more */
                return false;
        }
        buf_puts(&follower->out, follower->count++ ? "," : "");
        json_writer_init(&writer, &follower->out, 0);
        alert_write(&writer, &whole, follower->alerts->service->privacy);
        follower->left--;
        return true;
}

static void finish_list(struct follower *follower)
{
        struct request *request = follower->request;
        buf_puts(&follower->out, follower->full ? "],\"more\":true}" : "],\"more\":false}");
        struct buf whole = follower->out;
        buf_init(&follower->out, 0);
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

static void slice(struct loop *loop, void *cookie);

static void schedule(struct follower *follower)
{
        if (!follower->scheduled)
                follower->scheduled = loop_defer(follower->alerts->service->loop, slice, follower) == 0;
}

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
        follower->found = 0;
        int count = alert_store_scan(
                follower->alerts->store, follower->at, follower->stream, SLICE_ROWS, take, follower, &err);
        if (count < 0) {
                fail_follower(follower, &err);
                return;
        }
        bool end = follower->found < SLICE_ROWS && !(follower->stream && follower->out.len >= FOLLOWER_BYTES_MAX / 2);
        if (!follower->stream) {
                if (end || follower->full)
                        finish_list(follower);
                else
                        schedule(follower);
                return;
        }
        follower->live = end;
        send_some(follower);
        if (!end && follower->out.len < FOLLOWER_BYTES_MAX / 2)
                schedule(follower);
}

static void on_credit(struct request *request)
{
        struct follower *follower = request->state;
        send_some(follower);
        if (!follower->live && follower->out.len < FOLLOWER_BYTES_MAX / 2)
                schedule(follower);
}

/* ---- what comes ---- */

struct telling {
        struct alerts *alerts;
        const char *event;
};

static bool tell(const struct alert_row *row, void *cookie)
{
        struct telling *telling = cookie;
        struct alerts *alerts = telling->alerts;
        for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
                struct follower *follower = alerts->followers[i];
                if (!follower || !follower->live || !follower->request || !alert_filter_match(&follower->filter, row))
                        continue;
                if (follower->out.len + strlen(row->evidence) > FOLLOWER_BYTES_MAX) {
                        follower->dropped++;
                        alerts->counters.follower_drops++;
                        continue;
                }
                put_event(follower, telling->event, row);
                send_some(follower);
        }
        return true;
}

void followers_tell(struct alerts *alerts, const char *event, int64_t id)
{
        struct telling telling = { alerts, event };
        bool live = false;
        for (size_t i = 0; i < FOLLOWERS_MAX; i++)
                live |= alerts->followers[i] && alerts->followers[i]->live;
        if (live)
                alert_store_get(alerts->store, id, tell, &telling, NULL); /* it may be gone again */
}

void followers_end(struct alerts *alerts)
{
        for (size_t i = 0; i < FOLLOWERS_MAX; i++) {
                struct follower *follower = alerts->followers[i];
                if (!follower)
                        continue;
                if (follower->request)
                        request_end(follower->request);
                follower->request = NULL;
                if (!follower->scheduled)
                        follower_free(follower);
        }
}

/* ---- requests ---- */

static int64_t number_of(const char *text)
{
        uint64_t number = 0;
        return text && sv_parse_u64(sv_of(text), 10, &number) && number < INT64_MAX ? (int64_t)number : 0;
}

static int follower_open(struct follower *follower, struct error *err)
{
        struct request *request = follower->request;
        if (request_parameters(request, &alerts_params_record, &follower->params, &follower->arena, err) < 0 ||
                alert_filter_init(&follower->filter, &follower->params, time_unix_ns(),
                        follower->alerts->service->privacy, err) < 0)
                return -1;
        follower->left = follower->params.limit;
        follower->at = follower->params.before;
        if (!follower->stream)
                return 0;
        const char *last = request_header(request, "last-event-id");
        follower->at = number_of(last ? last : request_query(request, "after"));
        follower->live = follower->at == 0;
        return 0;
}

static void handle(struct service *service, struct request *request, bool stream)
{
        struct error err;
        size_t place = 0;
        struct alerts *alerts = alerts_of(service);
        intake_flush(alerts); /* tells those who follow: before this one is one of them, which has no head yet */
        while (place < FOLLOWERS_MAX && alerts->followers[place])
                place++;
        struct follower *follower = place < FOLLOWERS_MAX ? calloc(1, sizeof(*follower)) : NULL;
        if (!follower) {
                alerts->counters.followers_refused++;
                fail(&err, E_UNAVAILABLE, "%d requests for alerts are open already", FOLLOWERS_MAX);
                request_fail(request, &err);
                return;
        }
        alerts->followers[place] = follower;
        follower->alerts = alerts;
        follower->request = request;
        follower->stream = stream;
        arena_init(&follower->arena, 1 << 20);
        buf_init(&follower->out, ANSWER_MAX + 4 * (size_t)ALERT_TEXT_MAX);
        if (follower_open(follower, &err) < 0) {
                follower_free(follower);
                request_fail(request, &err);
                return;
        }
        request->state = follower;
        request->on_cancel = on_cancel;
        if (!stream) {
                buf_puts(&follower->out, "{\"alerts\":[");
                schedule(follower);
                return;
        }
        request->on_credit = on_credit;
        request_head(request, 200, "text/event-stream");
        buf_puts(&follower->out, ": tarsier alerts\n\n");
        send_some(follower);
        if (!follower->live)
                schedule(follower);
}

void handle_list(struct service *service, struct request *request)
{
        handle(service, request, false);
}

void handle_stream(struct service *service, struct request *request)
{
        handle(service, request, true);
}
