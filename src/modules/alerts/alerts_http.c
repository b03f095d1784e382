/* HTTP of alerts, below /v1/modules/alerts; docs/modules/alerts.md has them all. Lists and streams: alerts_stream.c. */
#include "alerts.h"

#include "base/cleanup.h"
#include "schema/json.h"

enum { REPLY_MAX = 4 << 20 };

static void reply(struct request *request, int status, struct buf *out)
{
        struct error err;
        if (out->failed) {
                fail(&err, E_NO_MEMORY, "no memory for the answer");
                request_fail(request, &err);
        } else {
                request_reply(request, status, NULL, sv_n(out->data, out->len));
        }
}

/* "/alerts/12/acknowledge" below "/alerts/": the number, and what stands behind it. */
static int read_id(
        const struct request *request, const char *prefix, int64_t *ret_id, const char **ret_rest, struct error *err)
{
        uint64_t number;
        struct sv rest = sv_of(request->path + strlen(prefix));
        size_t length = sv_find(rest, '/');
        if (!sv_parse_u64(sv_n(rest.p, length), 10, &number) || number == 0 || number > INT64_MAX)
                return fail(err, E_NOT_FOUND, "%.100s: a number is needed behind %s", request->path, prefix);
        *ret_id = (int64_t)number;
        *ret_rest = rest.p + length;
        return 0;
}

static int check_rest(const struct request *request, const char *rest, const char *wanted, struct error *err)
{
        return strcmp(rest, wanted) == 0
                       ? 0
                       : fail(err, E_NOT_FOUND, "%s %.100s: no such route", request->method, request->path);
}

static int read_body(
        struct request *request, const struct record *record, void *ret, struct arena *arena, struct error *err)
{
        if (request->body.n > BODY_TEXT_MAX)
                return fail(err, E_TOO_LARGE, "the body is %zu bytes long; at most %d", request->body.n, BODY_TEXT_MAX);
        return request_object(request, record, ret, arena, err);
}

/* ---- one alert ---- */

struct writing {
        struct json_writer writer;
        bool privacy;
};

static bool write_row(const struct alert_row *row, void *cookie)
{
        struct writing *writing = cookie;
        alert_write(&writing->writer, row, writing->privacy);
        return true;
}

static int put_alert(struct alerts *alerts, int64_t id, struct buf *out, struct error *err)
{
        struct writing writing = { .privacy = alerts->service->privacy };
        json_writer_init(&writing.writer, out, 0);
        return alert_store_get(alerts->store, id, write_row, &writing, err);
}

static void reply_alert(struct alerts *alerts, struct request *request, int64_t id)
{
        struct error err;
        cleanup(buf_done) struct buf out;
        buf_init(&out, REPLY_MAX);
        if (put_alert(alerts, id, &out, &err) < 0)
                request_fail(request, &err);
        else
                reply(request, 200, &out);
}

static void handle_get(struct service *service, struct request *request)
{
        int64_t id;
        const char *rest;
        struct error err;
        struct alerts *alerts = alerts_of(service);
        intake_flush(alerts);
        if (read_id(request, "/alerts/", &id, &rest, &err) < 0 || check_rest(request, rest, "", &err) < 0)
                request_fail(request, &err);
        else
                reply_alert(alerts, request, id);
}

/* ---- acknowledging ---- */

struct acknowledge_body {
        LIST(int64_t) ids;
        char *comment;
};

static const struct field comment_fields[] = {
        FIELD_STRING(struct acknowledge_body, comment, .max_length = ALERT_COMMENT_MAX, .help = "what was found"),
};

static const struct field ids_fields[] = {
        FIELD_INTS(struct acknowledge_body, ids, .required = true, .min = 1, .max = INT64_MAX, .min_length = 1,
                .max_items = ALERT_IDS_MAX, .help = "numbers of alerts"),
        FIELD_STRING(struct acknowledge_body, comment, .max_length = ALERT_COMMENT_MAX, .help = "what was found"),
};

static void handle_acknowledge(struct service *service, struct request *request)
{
        int64_t id;
        const char *rest;
        struct error err;
        struct acknowledge_body body = { 0 };
        struct alerts *alerts = alerts_of(service);
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        enum id_fate fate;
        const struct int64_list one = { &id, 1 };
        if (read_id(request, "/alerts/", &id, &rest, &err) < 0 || check_rest(request, rest, "/acknowledge", &err) < 0 ||
                read_body(request, RECORD(struct acknowledge_body, comment_fields), &body, &arena, &err) < 0 ||
                alerts_acknowledge(
                        alerts, &one, request_identity(request), body.comment ? body.comment : "", &fate, &err) < 0)
                request_fail(request, &err);
        else
                reply_alert(alerts, request, id);
}

static void handle_reopen(struct service *service, struct request *request)
{
        int64_t id;
        const char *rest;
        struct error err;
        struct alerts *alerts = alerts_of(service);
        if (read_id(request, "/alerts/", &id, &rest, &err) < 0 || check_rest(request, rest, "/acknowledge", &err) < 0 ||
                alerts_reopen(alerts, id, &err) < 0)
                request_fail(request, &err);
        else
                reply_alert(alerts, request, id);
}

static void put_ids(struct json_writer *writer, const char *key, const struct int64_list *ids,
        const enum id_fate *fates, bool known)
{
        json_key(writer, key);
        json_begin_array(writer);
        for (size_t i = 0; i < ids->count; i++)
                if ((fates[i] != ID_UNKNOWN) == known)
                        json_put_int(writer, ids->items[i]);
        json_end_array(writer);
}

/* Those that are there; the others are named. */
static void handle_acknowledge_all(struct service *service, struct request *request)
{
        struct error err;
        struct acknowledge_body body = { 0 };
        struct json_writer writer;
        enum id_fate fates[ALERT_IDS_MAX] = { 0 };
        struct alerts *alerts = alerts_of(service);
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf out;
        arena_init(&arena, 1 << 20);
        buf_init(&out, REPLY_MAX);
        int status = read_body(request, RECORD(struct acknowledge_body, ids_fields), &body, &arena, &err);
        const struct int64_list ids = { body.ids.items, body.ids.count };
        if (status == 0)
                status = alerts_acknowledge(
                        alerts, &ids, request_identity(request), body.comment ? body.comment : "", fates, &err);
        if (status < 0) {
                request_fail(request, &err);
                return;
        }
        json_writer_init(&writer, &out, 0);
        json_begin_object(&writer);
        put_ids(&writer, "acknowledged", &ids, fates, true);
        put_ids(&writer, "unknown", &ids, fates, false);
        json_end_object(&writer);
        reply(request, 200, &out);
}

/* ---- mutes ---- */

struct mute_listing {
        struct json_writer writer;
        int64_t now_ns, only;
        bool all;
};

static bool write_mute(const struct alert_mute *mute, void *cookie)
{
        struct mute_listing *listing = cookie;
        bool over = mute->ended_ns || mute->until_ns <= listing->now_ns;
        if (listing->only ? mute->id == listing->only : listing->all || !over)
                alert_write_mute(&listing->writer, mute, listing->now_ns);
        return true;
}

struct mutes_query {
        bool all;
};

static const struct field mutes_query_fields[] = {
        FIELD_BOOL(struct mutes_query, all, .help = "also those that are over"),
};

static void handle_mutes(struct service *service, struct request *request)
{
        struct error err;
        struct mutes_query query;
        struct alerts *alerts = alerts_of(service);
        struct mute_listing listing = { .now_ns = time_unix_ns() };
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf out;
        arena_init(&arena, 1 << 16);
        buf_init(&out, ANSWER_MAX);
        if (request_parameters(request, RECORD(struct mutes_query, mutes_query_fields), &query, &arena, &err) < 0) {
                request_fail(request, &err);
                return;
        }
        listing.all = query.all;
        json_writer_init(&listing.writer, &out, 0);
        json_begin_object(&listing.writer);
        json_key(&listing.writer, "mutes");
        json_begin_array(&listing.writer);
        int status = alert_store_mutes(alerts->store, write_mute, &listing, &err);
        json_end_array(&listing.writer);
        json_end_object(&listing.writer);
        if (status < 0)
                request_fail(request, &err);
        else
                reply(request, 200, &out);
}

static void reply_mute(struct alerts *alerts, struct request *request, int64_t id, int status)
{
        struct error err;
        struct mute_listing listing = { .now_ns = time_unix_ns(), .only = id };
        cleanup(buf_done) struct buf out;
        buf_init(&out, REPLY_MAX);
        json_writer_init(&listing.writer, &out, 0);
        if (alert_store_mutes(alerts->store, write_mute, &listing, &err) < 0)
                request_fail(request, &err);
        else
                reply(request, status, &out);
}

static void handle_mute(struct service *service, struct request *request)
{
        int64_t id;
        struct error err;
        struct mute_params params;
        struct alerts *alerts = alerts_of(service);
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        if (read_body(request, &mute_params_record, &params, &arena, &err) < 0 ||
                alerts_mute(alerts, &params, request_identity(request), &id, &err) < 0)
                request_fail(request, &err);
        else
                reply_mute(alerts, request, id, 201);
}

static void handle_unmute(struct service *service, struct request *request)
{
        int64_t id;
        const char *rest;
        struct error err;
        struct alerts *alerts = alerts_of(service);
        if (read_id(request, "/mutes/", &id, &rest, &err) < 0 || check_rest(request, rest, "", &err) < 0 ||
                alerts_unmute(alerts, id, request_identity(request), &err) < 0)
                request_fail(request, &err);
        else
                reply_mute(alerts, request, id, 200);
}

static void handle_status(struct service *service, struct request *request)
{
        struct json_writer writer;
        cleanup(buf_done) struct buf out;
        buf_init(&out, REPLY_MAX);
        json_writer_init(&writer, &out, 0);
        alerts_write_counters(alerts_of(service), &writer);
        reply(request, 200, &out);
}

const struct route alert_routes[] = {
        { "GET", "/alerts", ROLE_VIEWER, "alerts, newest first, filtered", handle_list },
        { "GET", "/alerts/*", ROLE_VIEWER, "one alert by its number", handle_get },
        { "POST", "/alerts/*", ROLE_INVESTIGATOR, "NUMBER/acknowledge: somebody has seen to it", handle_acknowledge },
        { "DELETE", "/alerts/*", ROLE_INVESTIGATOR, "NUMBER/acknowledge: it is open again", handle_reopen },
        { "POST", "/acknowledge", ROLE_INVESTIGATOR, "acknowledge many alerts at once", handle_acknowledge_all },
        { "GET", "/mutes", ROLE_VIEWER, "mutes in force; all=true: also those that are over", handle_mutes },
        { "POST", "/mutes", ROLE_INVESTIGATOR, "alerts of this kind need nobody for a while", handle_mute },
        { "DELETE", "/mutes/*", ROLE_INVESTIGATOR, "end a mute by its number", handle_unmute },
        { "GET", "/counts", ROLE_VIEWER, "open alerts, and how many came, by severity and time", handle_counts },
        { "GET", "/stream", ROLE_VIEWER, "alerts as they come and change (server-sent events), filtered",
                handle_stream },
        { "GET", "/status", ROLE_VIEWER, "counters of the module and its store", handle_status },
        { 0 },
};
