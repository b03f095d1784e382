#include "lib/http/http_server.h"

#include "base/cleanup.h"
#include "loop/stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

enum { DOORS_MAX = 8, ACCEPTS_MAX = 32, REQUEST_MEMORY = 256 * 1024, DATE_SIZE = 32, HIGH_WATER = 256 * 1024 };

static const int64_t REST_NS = 100 * MILLISECOND;

enum phase {
        PHASE_HEAD, /* a request is awaited or comes */
        PHASE_BODY,
        PHASE_ANSWERING, /* the handler has it */
        PHASE_OVER       /* the last answer is being sent */
};

struct http_exchange {
        struct http_server *server;
        struct http_exchange *next, *previous;
        struct stream *stream;
        enum phase phase;
        struct arena arena; /* of the request */
        struct http_request request;
        struct http_chunks chunks;
        struct buf body;
        int64_t deadline_ns; /* of what the client owes; LOOP_NEVER: nothing */
        int64_t idle_since_ns;
        bool begun, chunked_reply, head_only;
        bool ended; /* the client sends no more */
        void (*closed)(void *cookie);
        void *closed_cookie;
        http_more_fn *more; /* what is pulled; NULL: nothing, or its end was reached */
        void (*more_done)(void *cookie);
        void *more_cookie;
        char address[INET6_ADDRSTRLEN + 16];
};

struct door {
        struct http_server *server;
        int fd;
        loop_id id;
};

struct http_server {
        struct loop *loop;
        struct http_server_options options;
        struct door doors[DOORS_MAX];
        size_t door_count, open;
        struct http_exchange *exchanges;
        loop_id tick_id, rest_id; /* rest_id: while nothing is accepted for want of descriptors */
        bool shut, freeing;
        struct http_server_counters counters;
};

/* ---- doors ---- */

/* The one that has been between two requests for longest, NULL for none. */
static struct http_exchange *longest_idle(const struct http_server *server)
{
        struct http_exchange *found = NULL;
        for (struct http_exchange *exchange = server->exchanges; exchange; exchange = exchange->next)
                if (exchange->phase == PHASE_HEAD && exchange->deadline_ns == LOOP_NEVER &&
                        stream_queued(exchange->stream) == 0 &&
                        (!found || exchange->idle_since_ns < found->idle_since_ns))
                        found = exchange;
        return found;
}

static bool has_room(const struct http_server *server)
{
        return server->open < server->options.connections_max || longest_idle(server);
}

static void set_doors(struct http_server *server)
{
        bool shut = !has_room(server) || server->rest_id;
        if (shut == server->shut || server->freeing)
                return;
        server->shut = shut;
        server->counters.waited += shut;
        for (size_t i = 0; i < server->door_count; i++)
                loop_modify_fd(server->loop, server->doors[i].id, shut ? 0 : LOOP_READ, NULL);
}

static void rest_over(struct loop *loop, loop_id id, void *cookie)
{
        struct http_server *server = cookie;
        (void)loop;
        (void)id;
        server->rest_id = 0;
        set_doors(server);
}

/* Without free descriptors the client stays in the backlog and the door ready: waiting on it would spin. */
static void rest(struct http_server *server)
{
        if (!server->rest_id)
                loop_add_timer(server->loop, REST_NS, 0, rest_over, server, &server->rest_id, NULL);
}

static void name_client(struct http_exchange *exchange, const struct sockaddr_storage *at)
{
        char host[INET6_ADDRSTRLEN] = "";
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        if (at->ss_family == AF_INET) {
                memcpy(&v4, at, sizeof(v4));
                inet_ntop(AF_INET, &v4.sin_addr, host, sizeof(host));
                snprintf(exchange->address, sizeof(exchange->address), "%s:%u", host, ntohs(v4.sin_port));
        } else if (at->ss_family == AF_INET6) {
                memcpy(&v6, at, sizeof(v6));
                inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof(host));
                snprintf(exchange->address, sizeof(exchange->address), "[%s]:%u", host, ntohs(v6.sin6_port));
        } else {
                snprintf(exchange->address, sizeof(exchange->address), "local socket");
        }
}

static const struct stream_callbacks callbacks;

/* A client that vanished without a word, while a quiet stream is all that is between us: found in some two minutes. */
static void watch_over_peer(int fd)
{
        enum { QUIET_SECONDS = 60, ASK_SECONDS = 15, ASK_TIMES = 4 };
        const int on = 1, quiet = QUIET_SECONDS, ask = ASK_SECONDS, times = ASK_TIMES;
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &quiet, sizeof(quiet));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &ask, sizeof(ask));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
}

static void open_connection(struct http_server *server, int fd, const struct sockaddr_storage *at)
{
        int on = 1;
        struct http_exchange *exchange = calloc(1, sizeof(*exchange));
        if (!exchange) {
                close(fd);
                return;
        }
        struct stream_options options = { .callbacks = &callbacks,
                .cookie = exchange,
                .read_max = HTTP_HEAD_MAX + (64 << 10),
                .write_max = server->options.reply_max,
                .high_water = HIGH_WATER, /* a client that pipelines waits for its answers anyway */
                .idle_ns = server->options.idle_timeout_ns };
        exchange->server = server;
        exchange->deadline_ns = loop_now_ns(server->loop) + server->options.head_timeout_ns;
        name_client(exchange, at);
        arena_init(&exchange->arena, REQUEST_MEMORY);
        buf_init(&exchange->body, server->options.body_max);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        watch_over_peer(fd);
        exchange->stream = stream_new(server->loop, fd, &options, NULL);
        if (!exchange->stream) {
                close(fd);
                free(exchange);
                return;
        }
        exchange->next = server->exchanges;
        if (exchange->next)
                exchange->next->previous = exchange;
        else
                loop_rearm_timer(server->loop, server->tick_id, SECOND);
        server->exchanges = exchange;
        server->counters.connections++;
        server->open++;
}

static void on_door(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct door *door = cookie;
        struct http_server *server = door->server;
        (void)loop;
        (void)id;
        (void)events;
        for (int i = 0; i < ACCEPTS_MAX && has_room(server); i++) {
                struct sockaddr_storage at = { 0 };
                socklen_t size = sizeof(at);
                int fd = accept4(door->fd, (struct sockaddr *)&at, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
                        continue;
                if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
                        rest(server);
                if (fd < 0)
                        break;
                if (server->open >= server->options.connections_max) /* clients ask again elsewhere when one closes */
                        stream_close(longest_idle(server)->stream);
                open_connection(server, fd, &at);
        }
        set_doors(server);
}

/* Who owes us bytes for too long, however slowly they drip. */
static void on_tick(struct loop *loop, loop_id id, void *cookie)
{
        struct http_server *server = cookie;
        int64_t now = loop_now_ns(loop);
        for (struct http_exchange *exchange = server->exchanges, *next; exchange; exchange = next) {
                next = exchange->next;
                if (exchange->deadline_ns > now)
                        continue;
                server->counters.timeouts++;
                stream_close(exchange->stream);
        }
        loop_rearm_timer_at(loop, id, server->exchanges ? now + SECOND : LOOP_NEVER);
}

struct http_server *http_server_new(struct loop *loop, const struct http_server_options *options, struct error *err)
{
        struct http_server *server = calloc(1, sizeof(*server));
        if (!server)
                return fail_errno_null(err, "HTTP server");
        server->loop = loop;
        server->options = *options;
        struct http_server_options *o = &server->options;
        o->connections_max = o->connections_max ? o->connections_max : 256;
        o->body_max = o->body_max ? o->body_max : 1 << 20;
        o->reply_max = o->reply_max ? o->reply_max : 64 << 20;
        o->head_timeout_ns = o->head_timeout_ns ? o->head_timeout_ns : 10 * SECOND;
        o->idle_timeout_ns = o->idle_timeout_ns ? o->idle_timeout_ns : 75 * SECOND;
        if (loop_add_timer_at(loop, LOOP_NEVER, 0, on_tick, server, &server->tick_id, err) < 0) {
                free(server);
                return NULL;
        }
        return server;
}

void http_server_free(struct http_server *server)
{
        if (!server)
                return;
        server->freeing = true;
        while (server->exchanges)
                stream_close(server->exchanges->stream);
        for (size_t i = 0; i < server->door_count; i++)
                loop_remove(server->loop, server->doors[i].id);
        loop_remove(server->loop, server->tick_id);
        if (server->rest_id)
                loop_remove(server->loop, server->rest_id);
        free(server);
}

int http_server_listen(struct http_server *server, int fd, struct error *err)
{
        if (server->door_count == DOORS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d listening sockets", DOORS_MAX);
        struct door *door = &server->doors[server->door_count];
        *door = (struct door){ .server = server, .fd = fd };
        if (loop_add_fd(server->loop, fd, LOOP_READ, LOOP_LEVEL, on_door, door, &door->id, err) < 0)
                return -1;
        server->door_count++;
        return 0;
}

/* ---- requests ---- */

static void refuse(struct http_exchange *exchange, int status, const struct error *err)
{
        char text[sizeof(err->message) + 64];
        exchange->server->counters.refused++;
        exchange->request.keep_alive = exchange->head_only = false; /* head_only may be the request's before */
        exchange->phase = PHASE_ANSWERING;
        int n = snprintf(text, sizeof(text), "%d %s: %s", status, http_status_text(status), err->message);
        http_reply(exchange, status, "text/plain; charset=utf-8", NULL, sv_n(text, n > 0 ? (size_t)n : 0));
}

static void hand_over(struct http_exchange *exchange)
{
        exchange->phase = PHASE_ANSWERING;
        exchange->deadline_ns = LOOP_NEVER;
        exchange->begun = exchange->chunked_reply = false;
        exchange->head_only = strcmp(exchange->request.method, "HEAD") == 0;
        exchange->request.body = sv_n(exchange->body.data, exchange->body.len);
        exchange->server->counters.requests++;
        exchange->server->options.handle(exchange, &exchange->request, exchange->server->options.cookie);
}

/* False when more bytes are needed, or the exchange was refused. */
static bool take_head(struct http_exchange *exchange, struct buf *input)
{
        struct error err;
        int status = 400;
        ssize_t length = http_head_length(sv_n(input->data, input->len));
        if (length == 0)
                return false;
        if (length < 0) {
                fail(&err, E_TOO_LARGE, "the head is longer than %d bytes", HTTP_HEAD_MAX);
                refuse(exchange, 431, &err);
                return false;
        }
        arena_done(&exchange->arena);
        buf_clear(&exchange->body);
        exchange->request = (struct http_request){ .length = 0 };
        exchange->chunks = (struct http_chunks){ .state = 0 };
        if (http_request_parse(sv_n(input->data, (size_t)length), &exchange->arena, &exchange->request, &status, &err) <
                0) {
                refuse(exchange, status, &err);
                return false;
        }
        buf_consume(input, (size_t)length);
        if (exchange->request.length > exchange->body.max) {
                fail(&err, E_TOO_LARGE, "the body is longer than %zu bytes", exchange->body.max);
                refuse(exchange, 413, &err);
                return false;
        }
        exchange->phase = PHASE_BODY;
        if (exchange->request.expects_continue && (exchange->request.chunked || exchange->request.length))
                stream_write(exchange->stream, "HTTP/1.1 100 Continue\r\n\r\n", 25, NULL);
        return true;
}

static bool take_body(struct http_exchange *exchange, struct buf *input)
{
        struct error err;
        bool done = false;
        if (exchange->request.chunked) {
                ssize_t taken = http_chunks_feed(
                        &exchange->chunks, sv_n(input->data, input->len), &exchange->body, &done, &err);
                if (taken < 0) {
                        refuse(exchange, err.code == E_TOO_LARGE ? 413 : 400, &err);
                        return false;
                }
                buf_consume(input, (size_t)taken);
                return done;
        }
        size_t left = (size_t)exchange->request.length - exchange->body.len;
        size_t n = left < input->len ? left : input->len;
        buf_append(&exchange->body, input->data, n);
        if (exchange->body.failed) {
                fail(&err, E_NO_MEMORY, "no room for the body");
                refuse(exchange, 413, &err);
                return false;
        }
        buf_consume(input, n);
        return n == left;
}

static void on_read(struct stream *stream, struct buf *input, void *cookie)
{
        struct http_exchange *exchange = cookie;
        if (exchange->phase == PHASE_OVER) { /* whatever still comes: read, so that the answer is not reset */
                buf_consume(input, input->len);
                return;
        }
        while (exchange->phase == PHASE_HEAD || exchange->phase == PHASE_BODY) { /* requests may come in a row */
                if (exchange->phase == PHASE_HEAD && stream_queued(stream) > HIGH_WATER) {
                        stream_pause(stream); /* until on_drain: who does not read is not answered further */
                        return;
                }
                if (exchange->phase == PHASE_HEAD && exchange->deadline_ns == LOOP_NEVER && input->len)
                        exchange->deadline_ns =
                                loop_now_ns(stream_loop(stream)) + exchange->server->options.head_timeout_ns;
                if (exchange->phase == PHASE_HEAD && !take_head(exchange, input))
                        return;
                if (!take_body(exchange, input))
                        return;
                stream_pause(stream); /* the next one waits for this one's answer */
                hand_over(exchange);
        }
}

static void on_end(struct stream *stream, void *cookie)
{
        struct http_exchange *exchange = cookie;
        exchange->ended = true;
        if (exchange->phase == PHASE_ANSWERING && (!exchange->begun || exchange->more))
                return; /* the client has sent all and waits */
        stream_finish(stream);
}

/* Nothing moved for long. That is the nature of an answer that comes piece by piece, whose next piece is ours to send;
 * from a client it is too long. */
static void on_idle(struct stream *stream, void *cookie)
{
        const struct http_exchange *exchange = cookie;
        if (exchange->phase == PHASE_ANSWERING && stream_queued(stream) == 0)
                return;
        stream_close(stream);
}

/* Nothing more is pulled. */
static void pulled(struct http_exchange *exchange)
{
        bool pulling = exchange->more;
        exchange->more = NULL;
        if (pulling && exchange->more_done)
                exchange->more_done(exchange->more_cookie);
}

/* Until the client has enough for now, or has it all. */
static void pull(struct http_exchange *exchange)
{
        cleanup(buf_done) struct buf piece;
        buf_init(&piece, HTTP_PIECE_MAX);
        for (bool again = true; again && stream_queued(exchange->stream) <= HIGH_WATER;) {
                buf_clear(&piece);
                again = exchange->more(&piece, exchange->more_cookie);
                if (piece.failed || !http_write(exchange, sv_n(piece.data, piece.len))) {
                        stream_close(exchange->stream);
                        return;
                }
                if (again)
                        continue;
                pulled(exchange);
                http_end(exchange);
        }
}

static void on_drain(struct stream *stream, void *cookie)
{
        struct http_exchange *exchange = cookie;
        if (exchange->more)
                pull(exchange);
        else if (exchange->phase == PHASE_HEAD)
                stream_resume(stream);
}

static void on_close(struct stream *stream, void *cookie)
{
        struct http_exchange *exchange = cookie;
        struct http_server *server = exchange->server;
        struct stream_counters counters;
        stream_read_counters(stream, &counters);
        server->counters.bytes_in += counters.bytes_read;
        server->counters.bytes_out += counters.bytes_written;
        pulled(exchange);
        if (exchange->phase == PHASE_ANSWERING && exchange->closed)
                exchange->closed(exchange->closed_cookie);
        if (exchange->previous)
                exchange->previous->next = exchange->next;
        else
                server->exchanges = exchange->next;
        if (exchange->next)
                exchange->next->previous = exchange->previous;
        server->open--;
        arena_done(&exchange->arena);
        buf_done(&exchange->body);
        free(exchange);
        set_doors(server);
}

static const struct stream_callbacks callbacks = {
        .on_read = on_read, .on_drain = on_drain, .on_end = on_end, .on_idle = on_idle, .on_close = on_close
};

/* ---- answers ---- */

static void put_headers(struct buf *out, const char *const *headers)
{
        for (; headers && headers[0] && headers[1]; headers += 2)
                buf_printf(out, "%s: %s\r\n", headers[0], headers[1]);
}

static void put_head(struct http_exchange *exchange, struct buf *out, int status, const char *content_type,
        const char *const *headers)
{
        static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
                "Nov", "Dec" };
        time_t now = time(NULL);
        struct tm utc;
        gmtime_r(&now, &utc);
        buf_printf(out, "HTTP/1.1 %d %s\r\n", status, http_status_text(status));
        if (content_type)
                buf_printf(out, "Content-Type: %s\r\n", content_type);
        put_headers(out, headers);
        put_headers(out, exchange->server->options.header);
        buf_printf(out, "Date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[utc.tm_wday], utc.tm_mday,
                months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
        if (!exchange->request.keep_alive)
                buf_puts(out, "Connection: close\r\n");
        else if (exchange->request.minor == 0)
                buf_puts(out, "Connection: keep-alive\r\n");
}

static void answered(struct http_exchange *exchange)
{
        struct http_server *server = exchange->server;
        exchange->closed = NULL;
        if (exchange->ended) {
                stream_finish(exchange->stream);
                return;
        }
        if (!exchange->request.keep_alive) {
                /* our end first, then theirs: what they still send is read, so that the kernel resets nothing */
                exchange->phase = PHASE_OVER;
                exchange->deadline_ns = loop_now_ns(exchange->server->loop) + exchange->server->options.idle_timeout_ns;
                stream_resume(exchange->stream);
                stream_shutdown(exchange->stream);
                return;
        }
        exchange->phase = PHASE_HEAD;
        exchange->deadline_ns = LOOP_NEVER;
        exchange->idle_since_ns = loop_now_ns(exchange->server->loop);
        stream_resume(exchange->stream); /* the request behind it may be the end of the exchange */
        set_doors(server);
}

void http_reply(struct http_exchange *exchange, int status, const char *content_type, const char *const *headers,
        struct sv body)
{
        struct buf head;
        buf_init(&head, 64 << 10);
        put_head(exchange, &head, status, content_type, headers);
        if (status >= 200 && status != 204 && status != 304)
                buf_printf(&head, "Content-Length: %zu\r\n", body.n);
        buf_puts(&head, "\r\n");
        bool whole = !head.failed && stream_write(exchange->stream, head.data, head.len, NULL) == 0 &&
                     (exchange->head_only || body.n == 0 || stream_write(exchange->stream, body.p, body.n, NULL) == 0);
        buf_done(&head);
        if (whole)
                answered(exchange);
        else
                stream_close(exchange->stream);
}

void http_begin(struct http_exchange *exchange, int status, const char *content_type, const char *const *headers)
{
        struct buf head;
        buf_init(&head, 64 << 10);
        exchange->begun = true;
        exchange->chunked_reply = exchange->request.minor >= 1;
        if (!exchange->chunked_reply)
                exchange->request.keep_alive = false;
        put_head(exchange, &head, status, content_type, headers);
        buf_puts(&head, exchange->chunked_reply ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
        stream_resume(exchange->stream); /* to see the client leave */
        if (head.failed || stream_write(exchange->stream, head.data, head.len, NULL) < 0)
                stream_close(exchange->stream);
        buf_done(&head);
}

bool http_write(struct http_exchange *exchange, struct sv bytes)
{
        char size[32];
        if (bytes.n == 0 || exchange->head_only)
                return true;
        if (stream_queued(exchange->stream) + bytes.n + sizeof(size) > exchange->server->options.reply_max)
                return false;
        if (!exchange->chunked_reply)
                return stream_write(exchange->stream, bytes.p, bytes.n, NULL) == 0;
        int n = snprintf(size, sizeof(size), "%zx\r\n", bytes.n);
        return stream_write(exchange->stream, size, (size_t)n, NULL) == 0 &&
               stream_write(exchange->stream, bytes.p, bytes.n, NULL) == 0 &&
               stream_write(exchange->stream, "\r\n", 2, NULL) == 0;
}

void http_end(struct http_exchange *exchange)
{
        if (exchange->chunked_reply && !exchange->head_only &&
                stream_write(exchange->stream, "0\r\n\r\n", 5, NULL) < 0) {
                stream_close(exchange->stream);
                return;
        }
        answered(exchange);
}

void http_pull(struct http_exchange *exchange, int status, const char *content_type, const char *const *headers,
        http_more_fn *more, void (*done)(void *cookie), void *cookie)
{
        cleanup(buf_done) struct buf piece;
        buf_init(&piece, HTTP_PIECE_MAX);
        exchange->more = more;
        exchange->more_done = done;
        exchange->more_cookie = cookie;
        bool again = more(&piece, cookie);
        if (piece.failed) {
                stream_close(exchange->stream);
        } else if (!again) {
                pulled(exchange);
                http_reply(exchange, status, content_type, headers, sv_n(piece.data, piece.len));
        } else {
                http_begin(exchange, status, content_type, headers);
                if (exchange->head_only) {
                        pulled(exchange);
                        http_end(exchange);
                } else if (http_write(exchange, sv_n(piece.data, piece.len))) {
                        pull(exchange);
                } else {
                        stream_close(exchange->stream);
                }
        }
}

void http_on_close(struct http_exchange *exchange, void (*closed)(void *cookie), void *cookie)
{
        exchange->closed = closed;
        exchange->closed_cookie = cookie;
}

void http_abort(struct http_exchange *exchange)
{
        exchange->closed = NULL;
        stream_close(exchange->stream);
}

const char *http_client_address(const struct http_exchange *exchange)
{
        return exchange->address;
}

void http_server_count(const struct http_server *server, struct http_server_counters *ret)
{
        *ret = server->counters;
        ret->open = server->open;
}

/* ---- binding ---- */

static int bind_one(const struct addrinfo *at)
{
        int on = 1, off = 0;
        cleanup(fd_close) int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (at->ai_family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        if (bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, 256) < 0)
                return -1;
        int ret = fd;
        fd = -1;
        return ret;
}

int http_bind(const char *address, struct error *err)
{
        char host[256] = "";
        const char *colon = strrchr(address, ':');
        const char *port = colon ? colon + 1 : address;
        size_t length = colon ? (size_t)(colon - address) : 0;
        uint64_t number;
        if (length >= 2 && address[0] == '[' && address[length - 1] == ']') {
                address++;
                length -= 2;
        } else if (length && memchr(address, ':', length)) {
                return fail(
                        err, E_INVALID, "address \"%.100s\": an IPv6 address stands in brackets: [::1]:8080", address);
        }
        if (!sv_parse_u64(sv_of(port), 10, &number) || number > 65535)
                return fail(err, E_INVALID, "address \"%.100s\": the port is no number up to 65535", address);
        if (length >= sizeof(host))
                return fail(err, E_INVALID, "address \"%.100s\": the host is too long", address);
        memcpy(host, address, length);
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
        struct addrinfo *found = NULL;
        const char *name = length == 0 ? "::" : strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
        int status = getaddrinfo(name, port, &hints, &found);
        if (status != 0)
                return fail(err, E_INVALID, "address \"%.100s\": %s", address, gai_strerror(status));
        int fd = bind_one(found);
        freeaddrinfo(found);
        if (fd < 0 && length == 0) { /* a host without IPv6 */
                status = getaddrinfo("0.0.0.0", port, &hints, &found);
                if (status == 0) {
                        fd = bind_one(found);
                        freeaddrinfo(found);
                }
        }
        if (fd < 0)
                return fail_errno(err, "listen on %.100s", address);
        return fd;
}
