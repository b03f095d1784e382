#include "module/request.h"

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/map.h"
#include "module/descriptor.h"
#include "module/wire.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <errno.h>
#include <sys/socket.h>

enum { REQUESTS_MAX = 1024, BODY_MAX = 8 << 20, ANSWER_MAX = 64 << 20 };

struct pending {
        struct request request; /* first: handlers hold its address */
        struct request_server *server;
        uint16_t stream;
        json_t *head; /* owns method, path, query, headers */
        struct buf body;
        struct buf answer; /* not yet within the credit */
        size_t credit;
        bool head_sent;
        bool ending;   /* END follows when `answer` is sent */
        char *decoded; /* the last value request_query gave out */
};

struct request_server {
        struct service *service;
        int handover; /* where the agent sends a new socket each time api starts; -1 = fd is the only one */
        loop_id handover_id;
        int fd; /* -1: api is down */
        loop_id id;
        struct buf in;
        struct buf out;
        struct map open; /* stream → struct pending */
        uint64_t refused;
};

static struct sv stream_key(const uint16_t *stream)
{
        return sv_n((const char *)stream, sizeof(*stream));
}

static void pending_free(struct pending *pending)
{
        json_decref(pending->head);
        buf_done(&pending->body);
        buf_done(&pending->answer);
        free(pending->decoded);
        free(pending);
}

static void forget(struct pending *pending)
{
        map_remove(&pending->server->open, stream_key(&pending->stream));
        pending_free(pending);
}

/* The socket is non-blocking and its queue bounded by the credits of at most REQUESTS_MAX streams. */
static void flush(struct request_server *server)
{
        size_t sent = 0;
        if (server->fd < 0) {
                buf_clear(&server->out);
                return;
        }
        while (sent < server->out.len) {
                ssize_t put =
                        send(server->fd, server->out.data + sent, server->out.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        break;
                sent += (size_t)put;
        }
        buf_consume(&server->out, sent);
        loop_modify_fd(server->service->loop, server->id, server->out.len ? LOOP_READ | LOOP_WRITE : LOOP_READ, NULL);
}

/* Moves what the credit allows from the answer to the socket; the request is gone after its END. */
static void pump(struct pending *pending)
{
        struct request_server *server = pending->server;
        size_t size = pending->answer.len < pending->credit ? pending->answer.len : pending->credit;
        if (size) {
                frame_append(&server->out, FRAME_DATA, pending->stream, sv_n(pending->answer.data, size));
                buf_consume(&pending->answer, size);
                pending->credit -= size;
        }
        bool done = pending->ending && pending->answer.len == 0;
        if (done)
                frame_append(&server->out, FRAME_END, pending->stream, (struct sv){ 0 });
        flush(server);
        if (done)
                forget(pending);
}

const char *request_header(const struct request *request, const char *name)
{
        const struct pending *pending = (const struct pending *)request;
        return json_string_value(json_get_nocase(json_object_get(pending->head, "headers"), name));
}

const char *request_identity(const struct request *request)
{
        const struct pending *pending = (const struct pending *)request;
        const char *identity =
                json_string_value(json_object_get(json_object_get(pending->head, "credential"), "identity"));
        return identity ? identity : "";
}

enum role request_role(const struct request *request)
{
        const struct pending *pending = (const struct pending *)request;
        const char *role = json_string_value(json_object_get(json_object_get(pending->head, "credential"), "role"));
        enum role parsed = ROLE_NONE;
        return role && role_parse(role, &parsed) == 0 ? parsed : ROLE_NONE;
}

static char *percent_decode(struct sv text)
{
        char *out = malloc(text.n + 1);
        size_t length = 0;
        for (size_t i = 0; out && i < text.n; i++) {
                uint64_t byte;
                if (text.p[i] == '%' && i + 2 < text.n && sv_parse_u64(sv_n(text.p + i + 1, 2), 16, &byte) && byte) {
                        out[length++] = (char)byte;
                        i += 2;
                } else {
                        out[length++] = text.p[i] == '+' ? ' ' : text.p[i];
                }
        }
        if (out)
                out[length] = '\0';
        return out;
}

const char *request_query(const struct request *request, const char *name)
{
        struct pending *pending = (struct pending *)(uintptr_t)request;
        struct sv part;
        for (struct sv rest = sv_of(request->query); sv_split(&rest, '&', &part);) {
                size_t equals = sv_find(part, '=');
                if (!sv_eq(sv_n(part.p, equals), sv_of(name)))
                        continue;
                free(pending->decoded);
                pending->decoded = percent_decode(
                        equals < part.n ? sv_n(part.p + equals + 1, part.n - equals - 1) : (struct sv){ "", 0 });
                return pending->decoded;
        }
        return NULL;
}

static int add_parameter(json_t *object, const struct field *field, const char *text, struct error *err)
{
        if (field->container == FIELD_ONE) {
                json_t *value = field_json_from_text(field, text, err);
                return value && json_object_set_new(object, field_json_name(field), value) == 0 ? 0 : -1;
        }
        json_t *list = json_array();
        json_object_set_new(object, field_json_name(field), list);
        /* regular expressions and paths may hold commas: one a request */
        bool whole = field->type == FIELD_TYPE_REGEX || field->type == FIELD_TYPE_PATH;
        struct sv part;
        for (struct sv rest = sv_of(text); whole || sv_split(&rest, ',', &part);) {
                char *item = whole ? strdup(text) : strndup(part.p, part.n);
                json_t *value = item ? field_json_from_text(field, item, err) : NULL;
                free(item);
                if (!value || json_array_append_new(list, value) < 0)
                        return -1;
                if (whole)
                        break;
        }
        return 0;
}

int request_parameters(
        const struct request *request, const struct record *record, void *ret, struct arena *arena, struct error *err)
{
        cleanup(json_decref) json_t *object = json_object();
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                const char *text = request_query(request, field_json_name(field));
                if (text && add_parameter(object, field, text, err) < 0)
                        return error_prefix(err, "%s", field_json_name(field));
        }
        return record_read(record, object, ret, arena, READ_STRICT, err);
}

int request_object(
        const struct request *request, const struct record *record, void *ret, struct arena *arena, struct error *err)
{
        struct sv body = sv_trim(request->body);
        cleanup(json_decref) json_t *object = body.n ? json_parse(body, true, err) : json_object();
        if (!object)
                return -1;
        if (!json_is_object(object))
                return fail(err, E_INVALID, "the body is not one JSON object");
        return record_read(record, object, ret, arena, READ_STRICT, err);
}

void request_head(struct request *request, int status, const char *content_type)
{
        struct pending *pending = (struct pending *)request;
        if (pending->head_sent)
                return;
        pending->head_sent = true;
        cleanup(buf_done) struct buf json;
        struct json_writer writer;
        buf_init(&json, 4096);
        json_writer_init(&writer, &json, 0);
        json_begin_object(&writer);
        json_field(&writer, "status", json_put_int, status);
        json_key(&writer, "headers");
        json_begin_object(&writer);
        json_field(&writer, "Content-Type", json_put_text, content_type ? content_type : "application/json");
        json_end_object(&writer);
        json_end_object(&writer);
        frame_append(&pending->server->out, FRAME_HEAD, pending->stream, sv_n(json.data, json.len));
        flush(pending->server);
}

size_t request_write(struct request *request, struct sv bytes)
{
        struct pending *pending = (struct pending *)request;
        size_t room = pending->credit > pending->answer.len ? pending->credit - pending->answer.len : 0;
        size_t taken = bytes.n < room ? bytes.n : room;
        buf_append(&pending->answer, bytes.p, taken);
        pump(pending);
        return taken;
}

void request_end(struct request *request)
{
        struct pending *pending = (struct pending *)request;
        /* the handler is done with it and has freed its state; what is left is sent as credit comes */
        request->on_cancel = request->on_credit = NULL;
        pending->ending = true;
        pump(pending);
}

void request_reply(struct request *request, int status, const char *content_type, struct sv body)
{
        struct pending *pending = (struct pending *)request;
        request_head(request, status, content_type);
        buf_append(&pending->answer, body.p, body.n);
        request_end(request);
}

/* The field that a wrong value belongs to stands before the first colon. */
static struct sv field_of(const struct error *err)
{
        struct sv text = sv_n(err->message, strlen(err->message));
        size_t length = strspn(err->message, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]");
        bool named = err->code == E_INVALID && length && length + 1 < text.n && text.p[length] == ':' &&
                     text.p[length + 1] == ' ';
        return named ? sv_n(text.p, length) : (struct sv){ 0 };
}

void request_fail(struct request *request, const struct error *err)
{
        cleanup(buf_done) struct buf json;
        struct json_writer writer;
        buf_init(&json, 64 << 10);
        json_writer_init(&writer, &json, 0);
        json_begin_object(&writer);
        json_key(&writer, "error");
        json_begin_object(&writer);
        json_field(&writer, "code", json_put_text, error_code_name(err->code));
        json_field(&writer, "message", json_put_text, err->message);
        struct sv path = field_of(err);
        if (path.n)
                json_field(&writer, "path", json_put_string, path);
        json_end_object(&writer);
        json_end_object(&writer);
        request_reply(request, error_http_status(err->code), NULL, sv_n(json.data, json.len));
}

static bool route_matches(const struct route *route, const char *method, const char *path)
{
        size_t length = strlen(route->path);
        bool prefix = length && route->path[length - 1] == '*';
        if (strcmp(route->method, method) != 0 && !(strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0))
                return false;
        return prefix ? strncmp(route->path, path, length - 1) == 0 : strcmp(route->path, path) == 0;
}

static void dispatch(struct pending *pending)
{
        struct request *request = &pending->request;
        request->body = sv_n(buf_text(&pending->body), pending->body.len);
        for (const struct route *route = request->service->module->routes; route->path; route++) {
                if (!route_matches(route, request->method, request->path))
                        continue;
                route->handle(request->service, request);
                return;
        }
        struct error err;
        fail(&err, E_NOT_FOUND, "%s %.200s: no such route", request->method, request->path);
        request_fail(request, &err);
}

static const char *head_text(const struct pending *pending, const char *key)
{
        const char *text = json_string_value(json_object_get(pending->head, key));
        return text ? text : "";
}

static void open_request(struct request_server *server, uint16_t stream, struct sv payload)
{
        struct pending *pending = calloc(1, sizeof(*pending));
        if (!pending)
                return;
        pending->server = server;
        pending->stream = stream;
        pending->credit = FRAME_CREDIT_WINDOW;
        pending->head = json_parse(payload, false, NULL);
        buf_init(&pending->body, BODY_MAX);
        buf_init(&pending->answer, ANSWER_MAX);
        pending->request = (struct request){ .service = server->service,
                .method = head_text(pending, "method"),
                .path = head_text(pending, "path"),
                .query = head_text(pending, "query") };
        if (map_get(&server->open, stream_key(&stream)) || map_put(&server->open, stream_key(&stream), pending) < 0) {
                server->refused++;
                pending_free(pending);
        }
}

static void cancel(struct pending *pending)
{
        if (pending->request.on_cancel)
                pending->request.on_cancel(&pending->request);
        forget(pending);
}

static void take_frame(struct request_server *server, const struct frame_header *header, struct sv payload)
{
        if (header->type == FRAME_REQUEST) {
                open_request(server, header->stream, payload);
                return;
        }
        struct pending *pending = map_get(&server->open, stream_key(&header->stream));
        uint32_t credit;
        if (!pending)
                return;
        switch (header->type) {
        case FRAME_BODY:
                if (payload.n)
                        buf_append(&pending->body, payload.p, payload.n);
                else
                        dispatch(pending);
                break;
        case FRAME_CREDIT:
                if (payload.n != sizeof(credit))
                        break;
                memcpy(&credit, payload.p, sizeof(credit));
                pending->credit += credit;
                if (pending->answer.len || pending->ending)
                        pump(pending);
                else if (pending->request.on_credit)
                        pending->request.on_credit(&pending->request);
                break;
        case FRAME_CANCEL:
                cancel(pending);
                break;
        default:
                break;
        }
}

/* As they come, so that the buffer holds one unfinished frame at most. */
static int take_frames(struct request_server *server)
{
        struct frame_header header;
        struct sv payload;
        size_t size;
        size_t at = 0;
        int have;
        while ((have = frame_next(&server->in, at, &header, &payload, &size, NULL)) > 0) {
                take_frame(server, &header, payload);
                at += size;
        }
        buf_consume(&server->in, at);
        return have;
}

/* api is gone, or it is no api: so are its clients. */
static void hang_up(struct request_server *server)
{
        if (server->id)
                loop_remove(server->service->loop, server->id);
        server->id = 0;
        if (server->handover >= 0 && server->fd >= 0)
                close(server->fd);
        server->fd = -1;
        while (server->open.count)
                cancel(server->open.entries[server->open.count - 1].value);
        buf_clear(&server->in);
        buf_clear(&server->out);
}

static void on_api(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct request_server *server = cookie;
        (void)loop;
        (void)id;
        (void)events;
        for (int turns = 0; turns < 16; turns++) {
                char *room = buf_reserve(&server->in, 64 << 10);
                ssize_t got = room ? recv(server->fd, room, 64 << 10, MSG_DONTWAIT) : 0;
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EAGAIN)
                        break;
                if (got > 0)
                        server->in.len += (size_t)got;
                if (got <= 0 || take_frames(server) < 0) {
                        hang_up(server);
                        return;
                }
        }
        flush(server);
}

/* One packet, one socket: api started (again). */
static void on_handover(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct request_server *server = cookie;
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control;
        char byte;
        struct iovec part = { &byte, 1 };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)
        };
        (void)events;
        ssize_t got = recvmsg(server->handover, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (got <= 0) {
                loop_remove(loop, id);
                server->handover_id = 0;
                return;
        }
        struct cmsghdr *item = CMSG_FIRSTHDR(&message);
        if (!item || item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
                return;
        hang_up(server);
        memcpy(&server->fd, CMSG_DATA(item), sizeof(server->fd));
        if (loop_add_fd(loop, server->fd, LOOP_READ, LOOP_LEVEL, on_api, server, &server->id, NULL) < 0)
                hang_up(server);
}

struct request_server *request_server_new(struct service *service, int fd, struct error *err)
{
        int type = 0;
        socklen_t size = sizeof(type);
        struct request_server *server = calloc(1, sizeof(*server));
        if (!server)
                return fail_null(err, E_NO_MEMORY, "no memory to serve requests");
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
        bool handed = type == SOCK_SEQPACKET; /* an agent; a test may give the one socket itself */
        server->service = service;
        server->handover = handed ? fd : -1;
        server->fd = handed ? -1 : fd;
        buf_init(&server->in, FRAME_LENGTH_MAX + (128 << 10));
        buf_init(&server->out, (size_t)REQUESTS_MAX * (FRAME_CREDIT_WINDOW + 4096));
        map_init(&server->open, REQUESTS_MAX);
        if (loop_add_fd(service->loop, fd, LOOP_READ, LOOP_LEVEL, handed ? on_handover : on_api, server,
                    handed ? &server->handover_id : &server->id, err) < 0) {
                request_server_free(server);
                return NULL;
        }
        return server;
}

void request_server_free(struct request_server *server)
{
        if (!server)
                return;
        map_foreach (entry, &server->open)
                pending_free(entry->value);
        map_done(&server->open);
        buf_done(&server->in);
        buf_done(&server->out);
        free(server);
}
