/* One request and its answer. libmicrohttpd asks for bytes; while there are none the connection sleeps (is suspended),
 * and whoever adds some wakes it. */
#include "front.h"

#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <strings.h>

enum { BLOCK = 16 << 10, SHORT_BODY = 64 << 10 };

static const char json_media_type[] = "application/json";

struct call *call_new(struct api *api, const char *uri)
{
        struct call *call = calloc(1, sizeof(*call));
        if (!call)
                return NULL;
        call->api = api;
        call->uri = strdup(uri);
        const char *query = call->uri ? strchr(call->uri, '?') : NULL;
        call->query = query ? query + 1 : "";
        buf_init(&call->body, API_BODY_MAX);
        buf_init(&call->out, API_ANSWER_MAX);
        buf_init(&call->gathered, API_ANSWER_MAX);
        if (!call->uri) {
                free(call);
                return NULL;
        }
        return call;
}

static bool hold(struct call *call, size_t size)
{
        struct api *api = call->api;
        if (size > API_HELD_MAX - api->held) {
                api->counters.held_refused++;
                return false;
        }
        api->held += size;
        return true;
}

static void release(struct call *call, size_t size)
{
        call->api->held -= size;
}

static void unwatch(struct call *call)
{
        if (call->hangup_id)
                loop_remove(call->api->loop, call->hangup_id);
        call->hangup_id = 0;
}

void call_free(struct call *call)
{
        exchange_close(&call->exchange, true);
        unwatch(call);
        release(call, call->body.len + call->out.len);
        json_decref(call->message);
        json_decref(call->fields);
        buf_done(&call->body);
        buf_done(&call->out);
        buf_done(&call->gathered);
        free(call->uri);
        free(call);
}

/* The client of a sleeping stream went away: libmicrohttpd does not look while the connection sleeps. */
static void on_hangup(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct call *call = cookie;
        (void)loop;
        (void)id;
        (void)events;
        call->broken = true;
        unwatch(call);
        call->suspended = false;
        exchange_close(&call->exchange, true);
        MHD_resume_connection(call->connection);
        server_kick(call->api->server);
}

static void sleep_on(struct call *call, bool stream)
{
        if (call->suspended)
                return;
        call->suspended = true;
        MHD_suspend_connection(call->connection);
        if (stream)
                loop_add_fd(call->api->loop, call->client->fd, LOOP_PEER_CLOSED, LOOP_LEVEL, on_hangup, call,
                        &call->hangup_id, NULL);
}

static void wake(struct call *call)
{
        if (!call->suspended)
                return;
        unwatch(call);
        call->suspended = false;
        MHD_resume_connection(call->connection);
        server_kick(call->api->server);
}

static ssize_t on_read(void *cookie, uint64_t position, char *bytes, size_t max)
{
        struct call *call = cookie;
        size_t size = call->out.len - call->out_at;
        (void)position;
        if (size == 0) {
                if (call->broken)
                        return MHD_CONTENT_READER_END_WITH_ERROR;
                if (call->ended)
                        return MHD_CONTENT_READER_END_OF_STREAM;
                sleep_on(call, true);
                return 0;
        }
        if (size > max)
                size = max;
        memcpy(bytes, call->out.data + call->out_at, size);
        call->out_at += size;
        if (call->out_at == call->out.len) {
                release(call, call->out.len);
                call->out_at = 0;
                if (call->out.capacity > 4 * BLOCK)
                        buf_done(&call->out);
                buf_clear(&call->out);
        } else if (call->out_at > (1 << 20)) {
                release(call, call->out_at);
                buf_consume(&call->out, call->out_at);
                call->out_at = 0;
        }
        if (call->out.len - call->out_at < API_STREAM_FROM)
                exchange_credit(&call->exchange);
        return (ssize_t)size;
}

static void add_field(struct MHD_Response *response, const char *name, const char *value)
{
        MHD_add_response_header(response, name, value); /* refuses line breaks */
}

static struct MHD_Response *make_response(struct call *call)
{
        if (!call->ended)
                return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, call, NULL);
        size_t size = call->out.len;
        if (size <= BLOCK)
                return MHD_create_response_from_buffer(
                        size, (void *)(uintptr_t)buf_text(&call->out), MHD_RESPMEM_MUST_COPY);
        struct MHD_Response *response = MHD_create_response_from_buffer(size, call->out.data, MHD_RESPMEM_MUST_FREE);
        if (response) { /* it owns the bytes now */
                release(call, size);
                call->out.data = NULL;
                buf_done(&call->out);
        }
        return response;
}

static enum MHD_Result queue_answer(struct call *call)
{
        static const char *const always[][2] = {
                { "Cache-Control", "no-store" },
                { "X-Content-Type-Options", "nosniff" },
                { "Referrer-Policy", "no-referrer" },
                { "Content-Security-Policy",
                        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'" },
                { "Cross-Origin-Resource-Policy", "same-origin" },
        };
        struct MHD_Response *response = make_response(call);
        const char *name;
        json_t *value;
        if (!response)
                return MHD_NO;
        if (call->type[0])
                add_field(response, MHD_HTTP_HEADER_CONTENT_TYPE, call->type);
        for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
                if (!json_object_get(call->fields, always[i][0]))
                        add_field(response, always[i][0], always[i][1]);
        json_object_foreach(call->fields, name, value) add_field(response, name, json_string_value(value));
        call->api->counters.refused += call->status >= 400 && call->status < 500;
        call->api->counters.failed += call->status >= 500;
        enum MHD_Result queued = MHD_queue_response(call->connection, (unsigned)call->status, response);
        MHD_destroy_response(response);
        return queued;
}

static bool can_queue(const struct call *call)
{
        return call->decided && (call->ended || call->broken || call->events || call->out.len >= API_STREAM_FROM);
}

void call_begin(struct call *call, struct MHD_Connection *connection, const char *path, const char *method)
{
        struct api *api = call->api;
        call->begun = true;
        call->connection = connection;
        call->path = path;
        call->method = method;
        call->client->deadline_ns = loop_now_ns(api->loop) + api->config->body_timeout_ns;
        api->counters.requests++;
        routes_choose(call);
}

/* A body that is not wanted is read when that costs little; else the answer goes out at once and the connection ends.
 */
static bool rest_is_short(const struct call *call)
{
        const char *length = call_header(call, MHD_HTTP_HEADER_CONTENT_LENGTH);
        uint64_t size = 0;
        return !call_header(call, MHD_HTTP_HEADER_TRANSFER_ENCODING) && !call_header(call, "Expect") &&
               (!length || (sv_parse_u64(sv_of(length), 10, &size) && size <= SHORT_BODY));
}

size_t call_body_max(const struct call *call)
{
        return call->route && call->route->open ? API_OPEN_BODY_MAX : API_BODY_MAX;
}

enum MHD_Result call_step(struct call *call, const char *upload, size_t *upload_size)
{
        if (!call->decided && *upload_size) {
                size_t size = *upload_size;
                if (call->body.len + size > call_body_max(call) || !hold(call, size))
                        return MHD_NO; /* sent in pieces without a length: only the end of the connection stops it */
                buf_append(&call->body, upload, size);
                *upload_size = 0;
                return call->body.failed ? MHD_NO : MHD_YES;
        }
        if (call->decided && !call->started) {
                if (!call->headed && rest_is_short(call)) { /* read, so that the connection can be used again */
                        call->headed = true;
                        return MHD_YES;
                }
                if (*upload_size) {
                        *upload_size = 0;
                        return MHD_YES;
                }
                call->started = true;
                call->client->deadline_ns = LOOP_NEVER;
                return queue_answer(call);
        }
        if (!call->started && !call->headed) { /* the first of two calls */
                call->headed = true;
                return MHD_YES;
        }
        if (!call->started) {
                call->started = true;
                call->client->deadline_ns = LOOP_NEVER;
                call->route->handle(call);
        }
        if (can_queue(call))
                return queue_answer(call);
        sleep_on(call, false);
        return MHD_YES;
}

void call_field(struct call *call, const char *name, const char *value)
{
        if (!call->fields)
                call->fields = json_object();
        json_object_set_new(call->fields, name, json_string(value));
}

void call_head(struct call *call, int status, const char *type)
{
        if (call->decided)
                return;
        call->decided = true;
        call->status = status;
        snprintf(call->type, sizeof(call->type), "%s", type ? type : json_media_type);
        call->events = strncmp(call->type, "text/event-stream", 17) == 0;
        call->beat_ns = loop_now_ns(call->api->loop);
        if (call->events)
                wake(call);
}

void call_write(struct call *call, struct sv bytes)
{
        if (call->broken || call->ended)
                return;
        if (!hold(call, bytes.n)) {
                call_abort(call, "too much is waiting to be read");
                return;
        }
        buf_append(&call->out, bytes.p, bytes.n);
        if (call->out.failed) {
                release(call, bytes.n);
                call_abort(call, "the answer is too long");
                return;
        }
        if (can_queue(call))
                wake(call);
}

void call_end(struct call *call)
{
        call->ended = true;
        wake(call);
}

void call_abort(struct call *call, const char *why)
{
        struct error err;
        exchange_close(&call->exchange, true);
        if (call->ended || call->broken)
                return;
        if (!call->decided) {
                fail(&err, E_UNAVAILABLE, "%s", why);
                call_fail(call, &err);
                return;
        }
        if (call->events && !call->out.failed && call->out.len < API_STREAM_FROM) {
                cleanup(json_decref) json_t *said = json_pack("{s:s, s:s}", "code", "unavailable", "message", why);
                char *text = json_dumps(said, JSON_COMPACT);
                call_event(call, "error", 0, sv_of(text));
                free(text);
                call_end(call);
                return;
        }
        call->broken = true;
        wake(call);
}

void call_reply(struct call *call, int status, const char *type, struct sv body)
{
        call_head(call, status, type);
        call->events = false;
        call_write(call, body);
        call_end(call);
}

void call_reply_json(struct call *call, int status, json_t *value)
{
        char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        struct error err;
        json_decref(value);
        if (text) {
                call_reply(call, status, NULL, sv_of(text));
        } else {
                fail(&err, E_NO_MEMORY, "no memory for the answer");
                call_fail(call, &err);
        }
        free(text);
}

void call_fail_status(struct call *call, int status, const char *code, const char *message, const char *path)
{
        cleanup(buf_done) struct buf json;
        struct json_writer writer;
        buf_init(&json, 64 << 10);
        if (call->decided)
                return;
        json_writer_init(&writer, &json, 0);
        json_begin_object(&writer);
        json_key(&writer, "error");
        json_begin_object(&writer);
        json_field(&writer, "code", json_put_text, code);
        json_field(&writer, "message", json_put_text, message);
        if (path && *path)
                json_field(&writer, "path", json_put_text, path);
        json_end_object(&writer);
        json_end_object(&writer);
        buf_putc(&json, '\n');
        if (status == 401)
                call_field(call, "WWW-Authenticate", "Bearer realm=\"tarsier\"");
        if (status == 503)
                call_field(call, "Retry-After", "1");
        call_reply(call, status, NULL, sv_n(buf_text(&json), json.len));
}

void call_fail(struct call *call, const struct error *err)
{
        call_fail_status(call, error_http_status(err->code), error_code_name(err->code), err->message, NULL);
}

void call_fail_field(struct call *call, const struct error *err, const char *prefix)
{
        char path[256] = "";
        char message[sizeof(err->message) + 64];
        const char *colon = strstr(err->message, ": ");
        size_t length = colon ? (size_t)(colon - err->message) : 0;
        bool is_path = length && length < 200 && strcspn(err->message, " ") > length;
        if (is_path)
                snprintf(path, sizeof(path), "%s%s%.*s", prefix, *prefix ? "." : "", (int)length, err->message);
        snprintf(message, sizeof(message), "%s%s%s", prefix, !*prefix ? "" : is_path ? "." : ": ", err->message);
        call_fail_status(call, error_http_status(err->code), error_code_name(err->code), message, path);
}

const char *call_query(const struct call *call, const char *name)
{
        return MHD_lookup_connection_value(call->connection, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result find_flag(void *cookie, enum MHD_ValueKind kind, const char *name, const char *value)
{
        const char **wanted = cookie;
        (void)kind;
        if (strcmp(name, wanted[0]) != 0)
                return MHD_YES;
        wanted[1] = value ? value : "1";
        return MHD_NO;
}

bool call_flag(const struct call *call, const char *name)
{
        const char *found[2] = { name, NULL };
        MHD_get_connection_values(call->connection, MHD_GET_ARGUMENT_KIND, find_flag, found);
        return found[1] && (!*found[1] || strcmp(found[1], "1") == 0 || strcmp(found[1], "true") == 0);
}

const char *call_header(const struct call *call, const char *name)
{
        return MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, name);
}

const char *call_token(const struct call *call)
{
        const char *field = call_header(call, MHD_HTTP_HEADER_AUTHORIZATION);
        if (!field || strncasecmp(field, "Bearer ", 7) != 0)
                return NULL;
        field += 7;
        return field + strspn(field, " ");
}

/* A comment now and then keeps proxies from closing a quiet stream, and finds clients that are gone. */
void call_tick(struct call *call, int64_t now_ns)
{
        if (!call->events || !call->suspended || !call->decided || now_ns - call->beat_ns < API_BEAT_S * SECOND)
                return;
        call->beat_ns = now_ns;
        call_write(call, SV(":\n\n"));
}

void call_event(struct call *call, const char *event, uint64_t id, struct sv json)
{
        char head[96];
        size_t length = (size_t)snprintf(head, sizeof(head), "event: %s\n", event);
        if (id)
                length += (size_t)snprintf(head + length, sizeof(head) - length, "id: %llu\n", (unsigned long long)id);
        length += (size_t)snprintf(head + length, sizeof(head) - length, "data: ");
        call->api->counters.events++;
        call->beat_ns = loop_now_ns(call->api->loop);
        call_write(call, sv_n(head, length));
        /* a line break in JSON stands between tokens only; in an event it would end the line */
        for (size_t at = 0; at < json.n;) {
                size_t end = at;
                while (end < json.n && json.p[end] != '\n' && json.p[end] != '\r')
                        end++;
                call_write(call, sv_n(json.p + at, end - at));
                if (end < json.n)
                        call_write(call, SV(" "));
                at = end + 1;
        }
        call_write(call, SV("\n\n"));
}
