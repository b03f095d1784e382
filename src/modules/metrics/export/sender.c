#include "modules/metrics/export/sender.h"

#include "base/timefmt.h"
#include "base/vec.h"
#include "loop/stream.h"
#include "modules/metrics/export/statsd.h"

#include <netinet/in.h>

enum { STATUS_LINE_MAX = 512, PAUSE_DOUBLINGS = 6, HEAD_MAX = 8192, ANSWER_MAX = 16 * 1024 };

struct batch {
        char *bytes;
        size_t size;
};

struct sender {
        struct loop *loop;
        struct sockaddr_storage address;
        socklen_t address_size;
        char *target, *host, *authorization;
        size_t queue_max;
        int64_t timeout_ns, pause_ns;
        int fd;                  /* of datagrams */
        VEC(struct batch) queue; /* the first is under way while there is a stream */
        struct stream *stream;
        loop_id timer;
        bool timer_set;
        unsigned failures; /* in a row */
        int status;        /* of the answer under way */
        struct sender_counters counters;
};

static const struct stream_callbacks no_callbacks;
static void arm(struct sender *sender, int64_t delay_ns);

static void note_error(struct sender *sender, const char *text)
{
        snprintf(sender->counters.last_error, sizeof(sender->counters.last_error), "%.*s",
                (int)sizeof(sender->counters.last_error) - 1, text);
}

static void lose(struct sender *sender, size_t bytes)
{
        sender->counters.lost_batches++;
        sender->counters.lost_bytes += bytes;
}

static int copy_texts(struct sender *sender, const struct sender_options *options)
{
        sender->target = options->target ? strdup(options->target) : NULL;
        sender->host = strdup(options->host ? options->host : "localhost");
        sender->authorization = options->authorization ? strdup(options->authorization) : NULL;
        return (options->target && !sender->target) || !sender->host ||
                               (options->authorization && !sender->authorization)
                       ? -1
                       : 0;
}

/* A line break would begin another header. */
static bool header_safe(const char *text)
{
        return !text || !text[strcspn(text, "\r\n")];
}

static int open_datagrams(struct sender *sender, struct error *err)
{
        sender->fd = socket(sender->address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (sender->fd < 0)
                return fail_errno(err, "a datagram socket");
        if (connect(sender->fd, (const struct sockaddr *)&sender->address, sender->address_size) < 0)
                return fail_errno(err, "connecting the datagram socket");
        return 0;
}

struct sender *sender_new(struct loop *loop, const struct sender_options *options, struct error *err)
{
        if (options->address_size == 0 || options->address_size > sizeof(struct sockaddr_storage))
                return fail_null(err, E_INVALID, "no address to send to");
        if (!header_safe(options->target) || !header_safe(options->host) || !header_safe(options->authorization) ||
                (options->target && strchr(options->target, ' ')))
                return fail_null(err, E_INVALID, "a line break or a space in what becomes a request");
        struct sender *sender = calloc(1, sizeof(*sender));
        if (!sender)
                return fail_null(err, E_NO_MEMORY, "no memory for a sender");
        sender->loop = loop;
        sender->fd = -1;
        memcpy(&sender->address, options->address, options->address_size);
        sender->address_size = options->address_size;
        sender->queue_max = options->queue_max ? options->queue_max : SENDER_QUEUE_MAX;
        sender->timeout_ns = options->timeout_ns ? options->timeout_ns : 10 * SECOND;
        sender->pause_ns = options->pause_ns ? options->pause_ns : SECOND;
        if (copy_texts(sender, options) < 0) {
                sender_free(sender);
                return fail_null(err, E_NO_MEMORY, "no memory for a sender");
        }
        if (!options->target && open_datagrams(sender, err) < 0) {
                sender_free(sender);
                return NULL;
        }
        return sender;
}

void sender_free(struct sender *sender)
{
        if (!sender)
                return;
        if (sender->timer_set)
                loop_remove(sender->loop, sender->timer);
        if (sender->stream) {
                struct stream *stream = sender->stream;
                sender->stream = NULL;
                stream_set_callbacks(stream, &no_callbacks, NULL);
                stream_close(stream);
        }
        for (size_t i = 0; i < sender->queue.count; i++)
                free(sender->queue.items[i].bytes);
        vec_done(&sender->queue);
        if (sender->fd >= 0)
                close(sender->fd);
        free(sender->target);
        free(sender->host);
        free(sender->authorization);
        free(sender);
}

int sender_set_address(struct sender *sender, const struct sockaddr *address, socklen_t address_size, struct error *err)
{
        if (address_size == 0 || address_size > sizeof(sender->address))
                return fail(err, E_INVALID, "no address to send to");
        memset(&sender->address, 0, sizeof(sender->address));
        memcpy(&sender->address, address, address_size);
        sender->address_size = address_size;
        if (sender->target)
                return 0;
        if (sender->fd >= 0)
                close(sender->fd);
        return open_datagrams(sender, err);
}

/* ---- datagrams ---- */

static void send_packet(struct sender *sender, struct sv packet)
{
        while (packet.n > 0 && packet.p[packet.n - 1] == '\n') /* the last line of a packet has none */
                packet.n--;
        if (packet.n == 0)
                return;
        if (send(sender->fd, packet.p, packet.n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                /* ECONNREFUSED tells of the packet before: nobody listens, so this one is lost as well */
                note_error(sender, errno_text(errno));
                lose(sender, packet.n);
                return;
        }
        sender->counters.batches++;
        sender->counters.bytes += packet.n;
}

static void send_datagrams(struct sender *sender, struct sv lines)
{
        struct sv line, packet = sv_n(lines.p, 0);
        while (sv_line(&lines, &line)) {
                size_t with = (size_t)(line.p + line.n - packet.p);
                if (with > STATSD_PACKET_MAX) {
                        send_packet(sender, packet);
                        packet = sv_n(line.p, 0);
                }
                if (line.n > STATSD_PACKET_MAX) {
                        lose(sender, line.n);
                        packet = sv_n(lines.p, 0);
                        continue;
                }
                packet.n = (size_t)(line.p + line.n - packet.p);
        }
        send_packet(sender, packet);
}

/* ---- requests ---- */

int sender_status(struct sv text)
{
        /* "HTTP/1.1 204" */
        static const char pattern[] = "HTTP/1.";
        size_t size = sizeof(pattern) - 1;
        if (memcmp(text.p, pattern, text.n < size ? text.n : size) != 0)
                return -1;
        if (text.n < size + 6) /* and what stands behind the status */
                return 0;
        uint64_t status;
        struct sv rest = sv_n(text.p + size, text.n - size);
        if (rest.p[0] < '0' || rest.p[0] > '9' || rest.p[1] != ' ' || !sv_parse_u64(sv_n(rest.p + 2, 3), 10, &status) ||
                status < 100 || status > 599 || (rest.p[5] != ' ' && rest.p[5] != '\r' && rest.p[5] != '\n'))
                return -1;
        return (int)status;
}

static void drop_batch(struct sender *sender, size_t index)
{
        struct batch *batch = &sender->queue.items[index];
        sender->counters.waiting_bytes -= batch->size;
        free(batch->bytes);
        memmove(batch, batch + 1, (sender->queue.count - index - 1) * sizeof(*batch));
        sender->queue.count--;
}

static int64_t pause_of(const struct sender *sender)
{
        unsigned doublings = sender->failures - 1;
        return sender->pause_ns << (doublings < PAUSE_DOUBLINGS ? doublings : PAUSE_DOUBLINGS);
}

/* The request under way is over, whatever ended it. */
static void settle(struct sender *sender)
{
        int status = sender->status;
        struct batch *batch = &sender->queue.items[0];
        sender->counters.last_status = status;
        if (status >= 200 && status < 300) {
                sender->counters.batches++;
                sender->counters.bytes += batch->size;
                sender->counters.last_error[0] = '\0';
        } else if (status >= 300 && status < 500 && status != 408 && status != 429) {
                char text[64];
                snprintf(text, sizeof(text), "the server answered with status %d", status);
                note_error(sender, text);
                lose(sender, batch->size);
        } else {
                sender->failures++;
                sender->counters.retries++;
                arm(sender, pause_of(sender));
                return;
        }
        sender->failures = 0;
        drop_batch(sender, 0);
        if (sender->queue.count > 0)
                arm(sender, 0);
}

static void on_read(struct stream *stream, struct buf *input, void *cookie)
{
        struct sender *sender = cookie;
        int status = sender_status(sv_n(buf_text(input), input->len));
        if (status == 0)
                return;
        sender->status = status > 0 ? status : 0;
        if (status < 0)
                note_error(sender, "the answer is not HTTP");
        else if (status >= 500)
                note_error(sender, "the server failed");
        stream_close(stream);
}

static void on_error(struct stream *stream, const struct error *error, void *cookie)
{
        (void)stream;
        note_error(cookie, error->message);
}

static void on_end(struct stream *stream, void *cookie)
{
        note_error(cookie, "the connection ended without an answer");
        stream_close(stream);
}

static void on_idle(struct stream *stream, void *cookie)
{
        note_error(cookie, "no answer in time");
        stream_close(stream);
}

static void on_close(struct stream *stream, void *cookie)
{
        struct sender *sender = cookie;
        (void)stream;
        sender->stream = NULL;
        settle(sender);
}

static const struct stream_callbacks callbacks = {
        .on_read = on_read, .on_error = on_error, .on_end = on_end, .on_idle = on_idle, .on_close = on_close
};

static struct stream *connect_stream(struct sender *sender, struct error *err)
{
        int fd = socket(sender->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return fail_errno_null(err, "a socket");
        if (connect(fd, (const struct sockaddr *)&sender->address, sender->address_size) < 0 && errno != EINPROGRESS) {
                fail_errno(err, "connecting");
                close(fd);
                return NULL;
        }
        const struct stream_options options = { .callbacks = &callbacks,
                .cookie = sender,
                .read_max = ANSWER_MAX,
                .write_max = SENDER_BATCH_MAX + HEAD_MAX,
                .high_water = SENDER_BATCH_MAX + HEAD_MAX,
                .idle_ns = sender->timeout_ns };
        struct stream *stream = stream_new(sender->loop, fd, &options, err);
        if (!stream)
                close(fd);
        return stream;
}

/* A connection for each batch: they come once in some seconds, and nothing then depends on how an answer ends. */
static int begin(struct sender *sender, struct error *err)
{
        const struct batch *batch = &sender->queue.items[0];
        struct buf head;
        buf_init(&head, HEAD_MAX);
        buf_printf(&head,
                "POST %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: tarsier\r\nConnection: close\r\n"
                "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n",
                sender->target, sender->host, batch->size);
        if (sender->authorization)
                buf_printf(&head, "Authorization: %s\r\n", sender->authorization);
        buf_puts(&head, "\r\n");
        sender->status = 0;
        int result = head.failed ? fail(err, E_TOO_LARGE, "the head of the request is too large") : 0;
        if (result == 0 && !(sender->stream = connect_stream(sender, err)))
                result = -1;
        /* on_close settles what happens from here on; it may do so within a write */
        struct error why;
        if (result == 0 &&
                (stream_write(sender->stream, buf_text(&head), head.len, &why) < 0 || !sender->stream ||
                        stream_write(sender->stream, batch->bytes, batch->size, &why) < 0) &&
                sender->stream) {
                note_error(sender, why.message);
                stream_close(sender->stream);
        }
        buf_done(&head);
        return result;
}

static void on_timer(struct loop *loop, loop_id id, void *cookie)
{
        struct sender *sender = cookie;
        struct error err;
        (void)loop;
        (void)id;
        sender->timer_set = false;
        if (sender->stream || sender->queue.count == 0)
                return;
        if (begin(sender, &err) < 0) {
                note_error(sender, err.message);
                sender->status = 0;
                settle(sender);
        }
}

static void arm(struct sender *sender, int64_t delay_ns)
{
        if (sender->timer_set || sender->stream)
                return;
        /* without a timer the next sender_put tries again */
        sender->timer_set = loop_add_timer(sender->loop, delay_ns, 0, on_timer, sender, &sender->timer, NULL) == 0;
}

/* Room for size more bytes: the oldest batches that are not under way go. */
static bool make_room(struct sender *sender, size_t size)
{
        size_t keep = sender->stream ? 1 : 0;
        while (sender->queue.count > keep && (sender->counters.waiting_bytes + size > sender->queue_max ||
                                                     sender->queue.count >= SENDER_BATCHES_MAX)) {
                lose(sender, sender->queue.items[keep].size);
                drop_batch(sender, keep);
        }
        return sender->counters.waiting_bytes + size <= sender->queue_max;
}

int sender_put(struct sender *sender, struct sv lines, struct error *err)
{
        if (lines.n == 0)
                return 0;
        if (!sender->target) {
                send_datagrams(sender, lines);
                return 0;
        }
        if (lines.n > SENDER_BATCH_MAX || !make_room(sender, lines.n)) {
                lose(sender, lines.n);
                return fail(err, E_TOO_LARGE, "%zu bytes do not fit into the queue", lines.n);
        }
        char *bytes = malloc(lines.n);
        struct batch *batch = bytes ? vec_add(&sender->queue, SENDER_BATCHES_MAX) : NULL;
        if (!batch) {
                free(bytes);
                lose(sender, lines.n);
                return fail(err, E_NO_MEMORY, "no memory for %zu bytes to send", lines.n);
        }
        memcpy(bytes, lines.p, lines.n);
        *batch = (struct batch){ bytes, lines.n };
        sender->counters.waiting_bytes += lines.n;
        arm(sender, sender->failures ? pause_of(sender) : 0);
        return 0;
}

void sender_count(const struct sender *sender, struct sender_counters *ret)
{
        *ret = sender->counters;
        ret->waiting = sender->queue.count;
}
