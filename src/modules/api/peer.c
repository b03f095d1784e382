#include "peer.h"

#include "base/map.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { READ_SIZE = 64 << 10, TURNS_MAX = 16 };

struct outgoing {
        uint64_t at; /* offset of the frame's first byte in all that is ever sent */
        int fd;
};

struct peer {
        struct loop *loop;
        int fd;
        loop_id id;
        struct peer_options options;
        struct buf in;
        struct buf out;
        uint64_t out_at; /* offset of out.data[0] */
        VEC(struct outgoing) outgoing;
        int fds[PEER_FDS_MAX]; /* received */
        size_t fd_count;
        struct map exchanges; /* stream → struct exchange */
        uint16_t next_stream;
        bool in_callback;
        bool freed; /* in a callback */
        bool gone;
};

static struct sv stream_key(const uint16_t *stream)
{
        return sv_n((const char *)stream, sizeof(*stream));
}

static void release(struct peer *peer)
{
        if (peer->id)
                loop_remove(peer->loop, peer->id);
        fd_close(&peer->fd);
        for (size_t i = 0; i < peer->fd_count; i++)
                fd_close(&peer->fds[i]);
        vec_foreach (item, &peer->outgoing)
                fd_close(&item->fd);
        vec_done(&peer->outgoing);
        map_done(&peer->exchanges);
        buf_done(&peer->in);
        buf_done(&peer->out);
        free(peer);
}

static void end_exchanges(struct peer *peer)
{
        while (peer->exchanges.count) {
                struct exchange *exchange = peer->exchanges.entries[0].value;
                map_remove(&peer->exchanges, stream_key(&exchange->stream));
                exchange->peer = NULL;
                exchange->events->on_gone(exchange);
        }
}

void peer_free(struct peer *peer)
{
        if (!peer || peer->freed)
                return;
        peer->freed = peer->gone = true;
        end_exchanges(peer);
        if (!peer->in_callback)
                release(peer);
}

static void lose(struct peer *peer)
{
        if (peer->gone)
                return;
        peer->gone = true;
        loop_remove(peer->loop, peer->id);
        peer->id = 0;
        end_exchanges(peer);
        peer->options.on_gone(peer, peer->options.cookie);
}

/* One sendmsg: up to the next frame that carries an fd, or from it. */
static ssize_t send_some(struct peer *peer)
{
        size_t size = peer->out.len;
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct outgoing *next = peer->outgoing.count ? &peer->outgoing.items[0] : NULL;
        bool attach = next && next->at == peer->out_at;
        size_t until = attach ? 1 : 0;
        if (peer->outgoing.count > until && peer->outgoing.items[until].at - peer->out_at < size)
                size = (size_t)(peer->outgoing.items[until].at - peer->out_at);
        struct iovec part = { peer->out.data, size };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
        if (attach) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control.room);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(&control.header), &next->fd, sizeof(int));
        }
        ssize_t sent = sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0 && attach) {
                fd_close(&next->fd);
                memmove(next, next + 1, (peer->outgoing.count - 1) * sizeof(*next));
                peer->outgoing.count--;
        }
        return sent;
}

/* A broken end is noticed by the read that follows. */
static void flush(struct peer *peer)
{
        while (peer->out.len) {
                ssize_t sent = send_some(peer);
                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent <= 0)
                        break;
                buf_consume(&peer->out, (size_t)sent);
                peer->out_at += (uint64_t)sent;
        }
        if (peer->id)
                loop_modify_fd(peer->loop, peer->id, peer->out.len ? LOOP_READ | LOOP_WRITE : LOOP_READ, NULL);
        if (peer->out.len == 0 && peer->out.capacity > READ_SIZE) /* an idle one holds no memory */
                buf_done(&peer->out);
}

static int queue(struct peer *peer, enum frame_type type, uint16_t stream, struct sv payload, int fd, struct error *err)
{
        if (peer->gone)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        if (peer->out.len + payload.n > PEER_OUT_MAX || (fd >= 0 && peer->outgoing.count == PEER_FDS_MAX))
                return fail(err, E_UNAVAILABLE, "the other end does not read what is sent to it");
        uint64_t at = peer->out_at + peer->out.len;
        if (frame_append(&peer->out, type, stream, payload) < 0)
                return fail(err, E_NO_MEMORY, "no memory for a request");
        if (fd >= 0) {
                struct outgoing *item = vec_add(&peer->outgoing, PEER_FDS_MAX);
                int copy = item ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
                if (item)
                        *item = (struct outgoing){ at, copy };
                if (copy < 0 && item)
                        peer->outgoing.count--; /* without it the other end refuses the request */
        }
        flush(peer);
        return 0;
}

int exchange_open(struct exchange *exchange, struct peer *peer, const struct exchange_events *events, void *cookie,
        struct error *err)
{
        if (!peer || peer->gone)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        uint16_t stream = peer->next_stream;
        for (unsigned tries = 0; stream == 0 || map_get(&peer->exchanges, stream_key(&stream)); tries++, stream++)
                if (tries > PEER_EXCHANGES_MAX)
                        return fail(err, E_UNAVAILABLE, "%d requests are under way already", PEER_EXCHANGES_MAX);
        *exchange = (struct exchange){ peer, events, cookie, stream, 0 };
        if (map_put(&peer->exchanges, stream_key(&stream), exchange) < 0) {
                exchange->peer = NULL;
                return fail(err, E_UNAVAILABLE, "%d requests are under way already", PEER_EXCHANGES_MAX);
        }
        peer->next_stream = (uint16_t)(stream + 1);
        return 0;
}

int exchange_send(struct exchange *exchange, enum frame_type type, struct sv payload, int fd, struct error *err)
{
        if (!exchange->peer)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        return queue(exchange->peer, type, exchange->stream, payload, fd, err);
}

void exchange_credit(struct exchange *exchange)
{
        if (!exchange->peer || exchange->owed < PEER_OWED_MIN)
                return;
        uint32_t grant = exchange->owed > UINT32_MAX ? UINT32_MAX : (uint32_t)exchange->owed;
        exchange->owed = 0;
        queue(exchange->peer, FRAME_CREDIT, exchange->stream, sv_n((const char *)&grant, sizeof(grant)), -1, NULL);
}

void exchange_close(struct exchange *exchange, bool cancel)
{
        struct peer *peer = exchange->peer;
        if (!peer)
                return;
        exchange->peer = NULL;
        map_remove(&peer->exchanges, stream_key(&exchange->stream));
        if (cancel)
                queue(peer, FRAME_CANCEL, exchange->stream, (struct sv){ 0 }, -1, NULL);
}

int peer_take_fd(struct peer *peer)
{
        if (peer->fd_count == 0)
                return -1;
        int fd = peer->fds[0];
        memmove(peer->fds, peer->fds + 1, --peer->fd_count * sizeof(int));
        return fd;
}

static ssize_t receive(struct peer *peer)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int) * PEER_FDS_MAX)];
        } control;
        char *room = buf_reserve(&peer->in, READ_SIZE);
        if (!room) {
                errno = ENOMEM;
                return -1;
        }
        struct iovec part = { room, READ_SIZE };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)
        };
        ssize_t got = recvmsg(peer->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got <= 0)
                return got;
        for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
                if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof(fd));
                        if (peer->fd_count < PEER_FDS_MAX)
                                peer->fds[peer->fd_count++] = fd;
                        else
                                close(fd);
                }
        }
        peer->in.len += (size_t)got;
        return got;
}

static void take_frame(struct peer *peer, const struct frame_header *header, struct sv payload)
{
        if (header->stream == 0) {
                if (header->type == FRAME_MESSAGE && peer->options.on_message)
                        peer->options.on_message(peer, payload, peer->options.cookie);
                return;
        }
        struct exchange *exchange = map_get(&peer->exchanges, stream_key(&header->stream));
        if (!exchange) /* given up; what was under way still comes */
                return;
        if (header->type != FRAME_MESSAGE)
                exchange->owed += payload.n;
        exchange->events->on_frame(exchange, header, payload);
}

static void take_frames(struct peer *peer)
{
        struct frame_header header;
        struct sv payload;
        size_t size;
        size_t at = 0;
        int have = 0;
        while (!peer->gone && (have = frame_next(&peer->in, at, &header, &payload, &size, NULL)) > 0) {
                take_frame(peer, &header, payload);
                at += size;
        }
        if (have < 0)
                lose(peer);
        buf_consume(&peer->in, at);
}

static void on_socket(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct peer *peer = cookie;
        (void)loop;
        (void)id;
        peer->in_callback = true;
        if (events & LOOP_WRITE)
                flush(peer);
        for (int turns = 0; turns < TURNS_MAX && !peer->gone; turns++) {
                ssize_t got = receive(peer);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EAGAIN)
                        break;
                if (got <= 0) {
                        lose(peer);
                        break;
                }
                take_frames(peer);
        }
        if (peer->in.len == 0 && peer->in.capacity > 2 * READ_SIZE)
                buf_done(&peer->in); /* an idle one holds no memory */
        peer->in_callback = false;
        if (peer->freed)
                release(peer);
}

struct peer *peer_new(struct loop *loop, int fd, const struct peer_options *options, struct error *err)
{
        struct peer *peer = calloc(1, sizeof(*peer));
        if (!peer) {
                close(fd);
                return fail_null(err, E_NO_MEMORY, "no memory for a socket");
        }
        peer->loop = loop;
        peer->fd = fd;
        peer->options = *options;
        peer->next_stream = 1;
        buf_init(&peer->in, FRAME_LENGTH_MAX + 2 * READ_SIZE);
        buf_init(&peer->out, PEER_OUT_MAX + (1 << 20));
        map_init(&peer->exchanges, PEER_EXCHANGES_MAX);
        if (loop_add_fd(loop, fd, LOOP_READ, LOOP_LEVEL, on_socket, peer, &peer->id, err) < 0) {
                release(peer);
                return NULL;
        }
        return peer;
}
