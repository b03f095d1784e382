/* The workers' side of listen: one stream or datagram at a time, never blocking. */
#include "modules/net/listen.h"

#include "base/timefmt.h"

enum { HTTP_HEAD_MAX = 16 << 10, DATAGRAMS_A_TURN = 64 };

static void add_event(struct listening *listening, struct loop *loop, struct listen_event *given, struct sv message)
{
        uint64_t one = 1;
        given->at_ns = time_unix_ns();
        given->excerpt_size = message.n < LISTEN_EXCERPT ? message.n : LISTEN_EXCERPT;
        memcpy(given->excerpt, message.p ? message.p : "", given->excerpt_size);
        for (unsigned i = 0; i < listening->workers; i++)
                if (listening->loops[i] == loop)
                        given->worker = i;
        pthread_mutex_lock(&listening->mutex);
        bool wake = listening->event_count == 0;
        if (listening->event_count == LISTEN_EVENTS_MAX) {
                listening->events_lost++;
                wake = false;
        } else {
                listening->events[listening->event_count++] = *given;
        }
        pthread_mutex_unlock(&listening->mutex);
        if (wake && write(listening->wake_fd, &one, sizeof(one)) < 0)
                return; /* the counter is full: it wakes as well */
}

void listen_note(struct listening *listening, struct loop *loop, enum listen_happened what, const struct address *peer,
        uint64_t bytes, struct sv message)
{
        struct listen_event event = { .what = what, .peer = *peer, .bytes = bytes };
        add_event(listening, loop, &event, message);
}

void listen_note_secured(struct client *client, const char *version, const char *cipher, struct sv alpn, struct sv name)
{
        struct listen_event event = {
                .what = LISTEN_SECURED, .peer = client->peer, .version = version, .cipher = cipher
        };
        memcpy(event.alpn, alpn.p ? alpn.p : "", alpn.n < LISTEN_ALPN_SHOWN ? alpn.n : LISTEN_ALPN_SHOWN);
        add_event(client->listening, client->loop, &event, name);
}

void listen_answer(const struct listening *listening, struct sv message, struct buf *out)
{
        const char *text = listening->params->text ? listening->params->text : "";
        bool http = listening->params->kind == LISTEN_HTTP;
        struct buf body;
        buf_init(&body, LISTEN_PLAIN_MAX + 4096);
        if (listening->reply == REPLY_LENGTH)
                buf_printf(&body, "Message received of length : %zu", message.n);
        else if (listening->reply == REPLY_ECHO)
                buf_append(&body, message.p, message.n);
        else if (listening->reply == REPLY_TEXT)
                buf_puts(&body, text);
        if (http)
                buf_printf(out,
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
                        "Connection: close\r\n\r\n",
                        body.len);
        if (!http || !sv_starts(message, SV("HEAD ")))
                buf_append(out, buf_text(&body), body.len);
        buf_done(&body);
}

/* ---- TCP and HTTP ---- */

/* Nothing more is said to this client. */
static void end_sending(struct client *client, void (*end)(struct stream *stream))
{
        if (client->session)
                listen_tls_end(client);
        end(client->stream);
}

static int write_bytes(struct client *client, struct sv bytes, struct error *err)
{
        return client->session ? listen_tls_write(client, bytes, err)
                               : stream_write(client->stream, bytes.p, bytes.n, err);
}

static void send_answer(struct client *client)
{
        struct error ignored;
        bool once = client->listening->params->kind == LISTEN_HTTP || client->listening->reply == REPLY_TEXT;
        if (client->waiting.len && write_bytes(client, sv_n(client->waiting.data, client->waiting.len), &ignored) == 0)
                atomic_fetch_add(&client->listening->replies, 1);
        buf_clear(&client->waiting);
        client->answered = once;
        if (client->ended)
                end_sending(client, stream_finish);
        else if (once)
                end_sending(client, stream_shutdown); /* the peer's end follows, or its idle time */
}

static void delay_over(struct loop *loop, loop_id id, void *cookie)
{
        struct client *client = cookie;
        (void)loop;
        (void)id;
        client->delay_timer = 0;
        stream_resume(client->stream);
        send_answer(client);
}

static void answer(struct client *client, struct sv message)
{
        struct listening *listening = client->listening;
        struct error ignored;
        atomic_fetch_add(&listening->messages, 1);
        listen_note(listening, client->loop, LISTEN_RECEIVED, &client->peer, message.n, message);
        if (listening->reply == REPLY_NONE)
                return;
        listen_answer(listening, message, &client->waiting);
        if (listening->params->delay_ns && loop_add_timer(client->loop, listening->params->delay_ns, 0, delay_over,
                                                   client, &client->delay_timer, &ignored) == 0) {
                atomic_fetch_add(&listening->delayed, 1);
                stream_pause(client->stream);
        } else {
                send_answer(client);
        }
}

static int64_t handshake_limit_ns(const struct listening *listening)
{
        const struct listen_params *params = listening->params;
        return params->handshake_ns < params->timeout_ns ? params->handshake_ns : params->timeout_ns;
}

static void fail_slow_handshake(struct client *client)
{
        char limit[TIME_TEXT_MAX];
        duration_format(handshake_limit_ns(client->listening), limit);
        atomic_fetch_add(&client->listening->limited, 1);
        listen_tls_fail(client, "no handshake within %s", limit);
}

/* A handshake that trickles in is never idle, and ends here; of one that never began the stream's idle time tells. */
static void handshake_due(struct loop *loop, loop_id id, void *cookie)
{
        struct client *client = cookie;
        (void)loop;
        (void)id;
        client->handshake_timer = 0;
        if (client->secured || client->failed || !client->stream)
                return;
        fail_slow_handshake(client);
        stream_close(client->stream);
}

/* The head of a request; its body, if any, is not read. */
static bool has_head(struct sv text)
{
        return memmem(text.p, text.n, "\r\n\r\n", 4) || memmem(text.p, text.n, "\n\n", 2);
}

/* Input is what came, in the clear. */
static void take_message(struct client *client, struct stream *stream, struct buf *input)
{
        struct listening *listening = client->listening;
        struct sv message = sv_n(input->data, input->len);
        if (listening->params->kind == LISTEN_HTTP && !client->answered && !has_head(message)) {
                if (message.n < HTTP_HEAD_MAX)
                        return;
                atomic_fetch_add(&listening->limited, 1);
                stream_close(stream);
                return;
        }
        client->bytes += message.n;
        atomic_fetch_add(&listening->bytes, message.n);
        if (listening->params->bytes && client->bytes > listening->params->bytes) {
                atomic_fetch_add(&listening->limited, 1);
                stream_close(stream);
                return;
        }
        if (!client->answered)
                answer(client, message);
        buf_consume(input, message.n);
}

static void on_read(struct stream *stream, struct buf *input, void *cookie)
{
        struct client *client = cookie;
        client->stream = stream;
        if (!client->session) {
                take_message(client, stream, input);
                return;
        }
        bool secured = client->secured;
        listen_tls_read(client, input);
        if (client->secured && !secured)
                stream_set_idle(stream, client->listening->params->timeout_ns, NULL);
        if (client->plain.len)
                take_message(client, stream, &client->plain);
        if (!client->plain.len) { /* of many idle connections: no memory */
                buf_done(&client->plain);
                buf_init(&client->plain, LISTEN_PLAIN_MAX);
        }
        client->ended |= client->said_end;
        if (client->failed)
                stream_finish(stream);
        else if (client->said_end && !client->delay_timer)
                end_sending(client, stream_finish);
}

static void on_end(struct stream *stream, void *cookie)
{
        struct client *client = cookie;
        client->stream = stream;
        client->ended = true;
        if (client->session && !client->secured && !client->failed)
                listen_tls_fail(client, "the client closed the connection in the handshake");
        if (!client->delay_timer)
                end_sending(client, stream_finish);
}

/* For TLS, whose idle time is short until the handshake is over. */
static void on_idle(struct stream *stream, void *cookie)
{
        struct client *client = cookie;
        client->stream = stream;
        if (!client->secured && !client->failed)
                fail_slow_handshake(client);
        stream_close(stream);
}

static void on_close(struct stream *stream, void *cookie)
{
        struct client *client = cookie;
        (void)stream;
        bool cut = client->secured && !client->said_end;
        if (client->session && !client->secured && !client->failed)
                listen_tls_fail(client, "the connection ended in the handshake");
        listen_note(client->listening, client->loop, LISTEN_CLOSED, &client->peer, client->bytes,
                cut ? SV("without close_notify") : SV(""));
        if (client->handshake_timer)
                loop_remove(client->loop, client->handshake_timer);
        listen_tls_free(client);
        if (client->delay_timer)
                loop_remove(client->loop, client->delay_timer);
        if (client->deadline_timer)
                loop_remove(client->loop, client->deadline_timer);
        buf_done(&client->waiting);
        free(client);
}

/* A request that trickles in byte by byte is never idle, and ends here. */
static void deadline(struct loop *loop, loop_id id, void *cookie)
{
        struct client *client = cookie;
        (void)loop;
        (void)id;
        client->deadline_timer = 0;
        if (client->answered || !client->stream)
                return; /* idleness ends it */
        atomic_fetch_add(&client->listening->limited, 1);
        stream_close(client->stream);
}

int listen_accept(struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie)
{
        static const struct stream_callbacks callbacks = { .on_read = on_read, .on_end = on_end, .on_close = on_close };
        static const struct stream_callbacks secured = {
                .on_read = on_read, .on_end = on_end, .on_idle = on_idle, .on_close = on_close
        };
        struct listening *listening = cookie;
        struct error ignored;
        struct client *client = calloc(1, sizeof(*client));
        if (!client)
                return -1;
        client->listening = listening;
        client->loop = loop;
        client->peer.storage = *peer;
        buf_init(&client->waiting, LISTEN_MESSAGE_MAX + LISTEN_PLAIN_MAX);
        buf_init(&client->plain, LISTEN_PLAIN_MAX);
        int64_t idle_ns = listening->tls ? handshake_limit_ns(listening) : listening->params->timeout_ns;
        if (listening->tls &&
                (listen_tls_accept(client, &ignored) < 0 || loop_add_timer(loop, idle_ns, 0, handshake_due, client,
                                                                    &client->handshake_timer, &ignored) < 0)) {
                listen_tls_free(client);
                free(client);
                return -1;
        }
        if (listening->params->kind == LISTEN_HTTP)
                loop_add_timer(
                        loop, listening->params->timeout_ns, 0, deadline, client, &client->deadline_timer, &ignored);
        *ret = (struct stream_options){ .callbacks = listening->tls ? &secured : &callbacks,
                .cookie = client,
                .read_max = LISTEN_MESSAGE_MAX,
                .idle_ns = idle_ns };
        listen_note(listening, loop, LISTEN_CONNECTED, &client->peer, 0, sv_n(NULL, 0));
        return 0;
}

/* ---- UDP ---- */

struct datagram {
        struct listening *listening;
        int fd;
        struct address to;
        size_t size;
        char bytes[];
};

static void send_datagram(struct listening *listening, int fd, const struct address *to, struct sv bytes)
{
        if (sendto(fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL, &to->any, to->size) >= 0)
                atomic_fetch_add(&listening->replies, 1);
        else
                atomic_fetch_add(&listening->refused, 1);
}

static void datagram_due(struct loop *loop, loop_id id, void *cookie)
{
        struct datagram *datagram = cookie;
        (void)loop;
        (void)id;
        atomic_fetch_sub(&datagram->listening->delayed, 1);
        send_datagram(datagram->listening, datagram->fd, &datagram->to, sv_n(datagram->bytes, datagram->size));
        free(datagram);
}

static void send_later(
        struct listening *listening, struct loop *loop, int fd, const struct address *to, struct sv bytes)
{
        struct error ignored;
        struct datagram *datagram = NULL;
        if (atomic_fetch_add(&listening->delayed, 1) < LISTEN_DELAYED_MAX)
                datagram = malloc(sizeof(*datagram) + bytes.n);
        if (datagram) {
                *datagram = (struct datagram){ .listening = listening, .fd = fd, .to = *to, .size = bytes.n };
                memcpy(datagram->bytes, bytes.p, bytes.n);
                if (loop_add_timer(loop, listening->params->delay_ns, 0, datagram_due, datagram, NULL, &ignored) == 0)
                        return;
        }
        free(datagram);
        atomic_fetch_sub(&listening->delayed, 1);
        atomic_fetch_add(&listening->refused, 1);
}

static void on_datagrams(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct listening *listening = cookie;
        static _Thread_local char bytes[LISTEN_MESSAGE_MAX];
        int fd = -1;
        (void)id;
        (void)events;
        for (unsigned i = 0; i < listening->workers; i++)
                if (listening->loops[i] == loop)
                        fd = listening->udp[i];
        for (int i = 0; i < DATAGRAMS_A_TURN; i++) {
                struct address from = { .size = sizeof(from.storage) };
                ssize_t size = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, &from.any, &from.size);
                if (size < 0)
                        return;
                struct sv message = sv_n(bytes, (size_t)size);
                atomic_fetch_add(&listening->messages, 1);
                atomic_fetch_add(&listening->bytes, message.n);
                listen_note(listening, loop, LISTEN_RECEIVED, &from, message.n, message);
                if (listening->reply == REPLY_NONE)
                        continue;
                struct buf out;
                buf_init(&out, LISTEN_MESSAGE_MAX + 4096);
                listen_answer(listening, message, &out);
                if (listening->params->delay_ns)
                        send_later(listening, loop, fd, &from, sv_n(buf_text(&out), out.len));
                else
                        send_datagram(listening, fd, &from, sv_n(buf_text(&out), out.len));
                buf_done(&out);
        }
}

int listen_serve_udp(struct listening *listening, struct loop *loop, unsigned worker, struct error *err)
{
        loop_id id;
        return loop_add_fd(loop, listening->udp[worker], LOOP_READ, LOOP_LEVEL, on_datagrams, listening, &id, err);
}
