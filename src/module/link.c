#include "module/link.h"

#include "base/cleanup.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

enum { READ_SIZE = 64 << 10, TURNS_MAX = 16 };

/* The bytes a received fd came with, as offsets from the beginning of the stream. The kernel ends a read behind the
 * message that carried fds (unix(7)), but puts what was sent before it into the same read. A frame with an fd is sent
 * as a message of its own: so the fd belongs to the last frame that begins in these bytes. */
struct attached {
        uint64_t from;
        uint64_t to;
        int fd;
};

struct outgoing {
        uint64_t at; /* offset of the frame's first byte in all that is ever sent */
        size_t size; /* of the frame */
        int fd;
};

struct link {
        struct loop *loop;
        int fd;
        loop_id id;
        struct link_options options;
        struct buf in;
        struct buf out;
        uint64_t in_at;  /* offset of in.data[0] */
        uint64_t out_at; /* offset of out.data[0] */
        struct attached fds[LINK_FDS_MAX];
        size_t fd_count;
        VEC(struct outgoing) outgoing;
        uint64_t frame_at; /* of the frame in on_frame: the offset of its first byte, and behind its last */
        uint64_t frame_end;
        bool in_callback;
        bool freed; /* in a callback */
        bool gone;  /* on_gone was or will be called */
        bool full;  /* the queue overflowed */
};

static void release(struct link *link)
{
        if (link->id)
                loop_remove(link->loop, link->id);
        fd_close(&link->fd);
        for (size_t i = 0; i < link->fd_count; i++)
                fd_close(&link->fds[i].fd);
        for (size_t i = 0; i < link->outgoing.count; i++)
                fd_close(&link->outgoing.items[i].fd);
        vec_done(&link->outgoing);
        buf_done(&link->in);
        buf_done(&link->out);
        free(link);
}

void link_free(struct link *link)
{
        if (!link)
                return;
        link->freed = link->gone = true;
        if (!link->in_callback)
                release(link);
}

static void lost(struct link *link, const struct error *why)
{
        if (link->gone)
                return;
        link->gone = true;
        if (link->id)
                loop_remove(link->loop, link->id);
        link->id = 0;
        link->options.on_gone(link, why, link->options.cookie);
}

static void want(struct link *link)
{
        if (link->id)
                loop_modify_fd(link->loop, link->id, link->out.len ? LOOP_READ | LOOP_WRITE : LOOP_READ, NULL);
}

/* One sendmsg: up to the next frame that carries an fd, or that frame. */
static ssize_t send_some(struct link *link)
{
        size_t size = link->out.len;
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int))];
        } control = { 0 };
        struct outgoing *next = link->outgoing.count ? &link->outgoing.items[0] : NULL;
        bool attach = next && next->at == link->out_at;
        if (next && !attach && next->at - link->out_at < size)
                size = (size_t)(next->at - link->out_at);
        if (attach)
                size = next->size;
        struct iovec part = { link->out.data, size };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
        if (attach) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control.room);
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(&control.header), &next->fd, sizeof(int));
        }
        ssize_t sent = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0 && attach) {
                fd_close(&next->fd);
                memmove(next, next + 1, (link->outgoing.count - 1) * sizeof(*next));
                link->outgoing.count--;
        }
        return sent;
}

/* A broken peer is noticed by the read that follows. */
static void flush(struct link *link)
{
        while (link->out.len) {
                ssize_t sent = send_some(link);
                if (sent < 0 && errno == EINTR)
                        continue;
                if (sent <= 0)
                        break;
                buf_consume(&link->out, (size_t)sent);
                link->out_at += (uint64_t)sent;
        }
        want(link);
        if (link->out.len == 0 && link->out.capacity > READ_SIZE) /* idle links hold no memory */
                buf_done(&link->out);
}

/* -1, always. */
static int no_room(struct link *link, struct error *err, const char *why)
{
        if (!link->options.refuse_when_full) {
                link->full = true;
                want(link);
        }
        return fail(err, E_UNAVAILABLE, "%s", why);
}

int link_send_fd(struct link *link, enum frame_type type, uint16_t stream, struct sv payload, int fd, struct error *err)
{
        if (link->gone || link->full)
                return fail(err, E_UNAVAILABLE, "the other end is gone");
        bool idle = link->out.len == 0;
        size_t size = sizeof(struct frame_header) + payload.n;
        if (size > link->out.max - link->out.len || (fd >= 0 && link->outgoing.count == LINK_FDS_MAX))
                return no_room(link, err, "the other end does not read what is sent to it");
        cleanup(fd_close) int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
        if (fd >= 0 && copy < 0)
                return no_room(link, err, "no more files can be opened");
        uint64_t at = link->out_at + link->out.len;
        struct outgoing *item = fd >= 0 ? vec_add(&link->outgoing, LINK_FDS_MAX) : NULL;
        if ((fd >= 0 && !item) || frame_append(&link->out, type, stream, payload) < 0) {
                if (item)
                        link->outgoing.count--;
                return no_room(link, err, "no memory for a frame");
        }
        if (item)
                *item = (struct outgoing){ at, size, take_fd(copy) };
        if (idle)
                flush(link);
        return 0;
}

int link_send(struct link *link, enum frame_type type, uint16_t stream, struct sv payload)
{
        return link_send_fd(link, type, stream, payload, -1, NULL);
}

size_t link_queued(const struct link *link)
{
        return link->out.len;
}

int link_fd(const struct link *link)
{
        return link->fd;
}

int link_take_fd(struct link *link)
{
        for (size_t i = 0; i < link->fd_count; i++) {
                const struct attached *item = &link->fds[i];
                if (link->frame_at < item->from || link->frame_at >= item->to || link->frame_end < item->to)
                        continue;
                int fd = item->fd;
                memmove(&link->fds[i], &link->fds[i + 1], (link->fd_count - i - 1) * sizeof(link->fds[0]));
                link->fd_count--;
                return fd;
        }
        return -1;
}

static ssize_t receive(struct link *link)
{
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(int) * LINK_FDS_MAX)];
        } control;
        char *room = buf_reserve(&link->in, READ_SIZE);
        if (!room) {
                errno = ENOMEM;
                return -1;
        }
        struct iovec part = { room, READ_SIZE };
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control.room)
        };
        ssize_t got = recvmsg(link->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (got <= 0)
                return got;
        uint64_t from = link->in_at + link->in.len;
        for (struct cmsghdr *item = CMSG_FIRSTHDR(&message); item; item = CMSG_NXTHDR(&message, item)) {
                if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS)
                        continue;
                size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < count; i++) {
                        int fd;
                        memcpy(&fd, CMSG_DATA(item) + i * sizeof(int), sizeof(fd));
                        if (link->fd_count < LINK_FDS_MAX)
                                link->fds[link->fd_count++] = (struct attached){ from, from + (uint64_t)got, fd };
                        else
                                close(fd);
                }
        }
        link->in.len += (size_t)got;
        return got;
}

/* fds that no frame asked for go with the bytes they came with. */
static void drop_fds(struct link *link)
{
        size_t kept = 0;
        for (size_t i = 0; i < link->fd_count; i++) {
                if (link->fds[i].to > link->in_at)
                        link->fds[kept++] = link->fds[i];
                else
                        fd_close(&link->fds[i].fd);
        }
        link->fd_count = kept;
}

static void take_frames(struct link *link)
{
        struct frame_header header;
        struct sv payload;
        size_t size;
        size_t at = 0;
        struct error err = { 0 };
        int have = 0;
        while (!link->gone && (have = frame_next(&link->in, at, &header, &payload, &size, &err)) > 0) {
                link->frame_at = link->in_at + at;
                link->frame_end = link->frame_at + size;
                if (header.length > link->options.frame_max)
                        have = fail(&err, E_TOO_LARGE, "a frame of %u bytes", header.length);
                else
                        have = link->options.on_frame(link, &header, payload, link->options.cookie);
                if (have < 0) {
                        if (!err.message[0])
                                fail(&err, E_PROTOCOL, "a frame of type %u was refused", header.type);
                        break;
                }
                at += size;
        }
        if (have == 0) { /* what is announced and too long need not be waited for */
                struct frame_header next;
                if (link->in.len - at >= sizeof(next)) {
                        memcpy(&next, link->in.data + at, sizeof(next));
                        if (next.length > link->options.frame_max)
                                have = fail(&err, E_TOO_LARGE, "a frame of %u bytes", next.length);
                }
        }
        buf_consume(&link->in, at);
        link->in_at += at;
        drop_fds(link);
        if (have < 0 && !link->gone)
                lost(link, &err);
}

static void on_socket(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct link *link = cookie;
        (void)loop;
        (void)id;
        link->in_callback = true;
        if (events & LOOP_WRITE) {
                flush(link);
                if (!link->gone && link->out.len == 0 && link->options.on_drained)
                        link->options.on_drained(link, link->options.cookie);
        }
        for (int turns = 0; turns < TURNS_MAX && !link->gone; turns++) {
                ssize_t got = receive(link);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno == EAGAIN)
                        break;
                if (got <= 0) {
                        lost(link, NULL);
                        break;
                }
                take_frames(link);
        }
        if (link->full && !link->gone) {
                struct error why;
                fail(&why, E_TOO_LARGE, "the peer does not read what is sent to it");
                lost(link, &why);
        }
        if (!link->gone && link->in.len == 0 && link->in.capacity > READ_SIZE * 2)
                buf_done(&link->in);
        link->in_callback = false;
        if (link->freed)
                release(link);
}

void link_drain(struct link *link)
{
        ssize_t got = 1;
        link->in_callback = true;
        while (!link->gone && got > 0) {
                do
                        got = receive(link);
                while (got < 0 && errno == EINTR);
                if (got > 0)
                        take_frames(link);
        }
        link->in_callback = false;
        if (link->freed)
                release(link);
}

struct link *link_new(struct loop *loop, int fd, const struct link_options *options, struct error *err)
{
        struct link *link = calloc(1, sizeof(*link));
        if (!link)
                return fail_null(err, E_NO_MEMORY, "no memory for a socket");
        link->loop = loop;
        link->options = *options;
        link->fd = fd;
        buf_init(&link->in, options->frame_max + 2 * READ_SIZE);
        buf_init(&link->out, options->out_max ? options->out_max : LINK_OUT_MAX);
        if (loop_add_fd(loop, fd, LOOP_READ, LOOP_LEVEL, on_socket, link, &link->id, err) < 0) {
                link->fd = -1;
                release(link);
                return NULL;
        }
        return link;
}
