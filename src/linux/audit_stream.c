/* The stream of audit records: many a system call into buffers that are there from the start. */
#include "linux/audit_netlink.h"
#include "linux/netlink_socket.h"

#include "base/cleanup.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
        HEADER = NLMSG_HDRLEN,
        NEAR = 1024, /* of each datagram: nearly all are shorter, so that a batch works in 64 KiB */
        FAR = HEADER + AUDIT_NETLINK_RECORD_MAX - NEAR,
        BUFFER_DEFAULT = 64 << 20 /* the kernel's memory, and only while records wait */
};

/* What exceeds NEAR goes to `far`, whose first NEAR bytes are left free for the beginning then, to have it in one
 * piece. Those pages are not in memory before they are needed. */
struct slot {
        char near[NEAR];
};
struct far_slot {
        char bytes[NEAR + FAR];
};

struct audit_stream {
        int fd;
        enum audit_stream_mode mode;
        struct audit_stream_counters counters;
        struct slot *near;
        struct far_slot *far;
        struct mmsghdr messages[AUDIT_NETLINK_BATCH];
        struct iovec parts[AUDIT_NETLINK_BATCH][2];
        struct sockaddr_nl from[AUDIT_NETLINK_BATCH];
};

/* Answers and control messages have types of their own (linux/audit.h); AUDIT_REPLACE only asks whether this daemon is
 * alive, to which being there is the answer. */
static bool is_record(uint16_t type)
{
        return type == AUDIT_USER || type == AUDIT_LOGIN || (type >= AUDIT_FIRST_USER_MSG && type != AUDIT_REPLACE);
}

bool audit_netlink_parse(struct sv datagram, struct audit_netlink_record *ret)
{
        struct nlmsghdr header;
        if (datagram.n <= HEADER)
                return false;
        memcpy(&header, datagram.p, HEADER);
        if (!is_record(header.nlmsg_type))
                return false;
        struct sv text = sv_n(datagram.p + HEADER, datagram.n - HEADER);
        while (text.n > 0 && (text.p[text.n - 1] == '\0' || text.p[text.n - 1] == '\n'))
                text.n--;
        if (text.n == 0)
                return false;
        *ret = (struct audit_netlink_record){ .type = header.nlmsg_type, .text = text };
        return true;
}

/* The kernel acts on the message while it is being sent, so that afterwards the state tells the result; a refusal lies
 * in the socket, among records perhaps, and only then is looked for. */
static int refusal_in(struct audit_stream *stream)
{
        char buffer[HEADER + 256];
        for (int i = 0; i < AUDIT_NETLINK_BATCH; i++) {
                ssize_t got = recv(stream->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                struct nlmsghdr header;
                int32_t code;
                if (got < 0)
                        break;
                if (got < HEADER + (ssize_t)sizeof(code))
                        continue;
                memcpy(&header, buffer, HEADER);
                memcpy(&code, buffer + HEADER, sizeof(code));
                if (header.nlmsg_type == NLMSG_ERROR && code < 0 && code > -4096)
                        return -code;
        }
        return 0;
}

static int say_refusal(int errnum, uint32_t daemon, struct error *err)
{
        if (errnum == EEXIST)
                return fail(err, E_EXISTS, "process %u is the audit daemon already", daemon);
        if (errnum == EPERM || errnum == EACCES)
                return fail(err, E_PERMISSION,
                        "the kernel takes nobody as the audit daemon who is not root in the initial pid namespace");
        return error_set(err, errnum ? error_code_of_errno(errnum) : E_UNAVAILABLE, errnum, __FILE__, __LINE__,
                "registering as the audit daemon");
}

static int send_pid(int fd, uint32_t pid, struct error *err)
{
        struct {
                struct nlmsghdr header;
                struct audit_status status;
        } message = { .header = { .nlmsg_len = sizeof(message), .nlmsg_type = AUDIT_SET, .nlmsg_flags = NLM_F_REQUEST },
                .status = { .mask = AUDIT_STATUS_PID, .pid = pid } };
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        ssize_t sent;
        do
                sent = sendto(fd, &message, sizeof(message), 0, (struct sockaddr *)&kernel, sizeof(kernel));
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? fail_errno(err, "registering as the audit daemon") : 0;
}

int audit_stream_register(struct audit_stream *stream, struct error *err)
{
        if (stream->mode != AUDIT_STREAM_UNICAST)
                return 0;
        cleanup(fd_close) int command = audit_netlink_open(err);
        struct audit_status status;
        if (command < 0)
                return -1;
        if (audit_netlink_status(command, &status, err) < 0)
                return -1;
        if (status.pid == (uint32_t)getpid()) /* with another socket: the kernel would refuse, and the state not tell */
                return say_refusal(EEXIST, status.pid, err);
        if (send_pid(stream->fd, (uint32_t)getpid(), err) < 0)
                return -1;
        if (audit_netlink_status(command, &status, err) < 0)
                return -1;
        if (status.pid == (uint32_t)getpid())
                return 0;
        return say_refusal(refusal_in(stream), status.pid, err);
}

static void lay_out(struct audit_stream *stream)
{
        for (size_t i = 0; i < AUDIT_NETLINK_BATCH; i++) {
                stream->parts[i][0] = (struct iovec){ stream->near[i].near, NEAR };
                stream->parts[i][1] = (struct iovec){ stream->far[i].bytes + NEAR, FAR };
                stream->messages[i].msg_hdr =
                        (struct msghdr){ .msg_name = &stream->from[i], .msg_iov = stream->parts[i], .msg_iovlen = 2 };
        }
}

int audit_stream_open(enum audit_stream_mode mode, size_t buffer, struct audit_stream **ret, struct error *err)
{
        struct audit_stream *stream = calloc(1, sizeof(*stream));
        if (!stream)
                return fail_errno(err, "audit stream");
        stream->mode = mode;
        stream->near = malloc(sizeof(struct slot) * AUDIT_NETLINK_BATCH);
        stream->far = malloc(sizeof(struct far_slot) * AUDIT_NETLINK_BATCH);
        stream->fd = audit_netlink_open(err);
        if (stream->fd < 0)
                goto failed;
        if (!stream->near || !stream->far) {
                fail_errno(err, "audit stream");
                goto failed;
        }
        lay_out(stream);
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        if (mode == AUDIT_STREAM_MULTICAST)
                address.nl_groups = 1u << (AUDIT_NLGRP_READLOG - 1);
        if (netlink_set_buffer(stream->fd, buffer ? buffer : BUFFER_DEFAULT, err) < 0)
                goto failed;
        if (bind(stream->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
                if (errno == EPERM)
                        fail(err, E_PERMISSION, "reading the audit stream needs CAP_AUDIT_READ: run it as root");
                else
                        fail_errno(err, "audit stream");
                goto failed;
        }
        if (audit_stream_register(stream, err) < 0)
                goto failed;
        *ret = stream;
        return 0;
failed:
        fd_close(&stream->fd);
        audit_stream_close(stream);
        return -1;
}

void audit_stream_close(struct audit_stream *stream)
{
        if (!stream)
                return;
        struct error ignored; /* closing the socket ends the registration too, but only once the kernel sends again */
        if (stream->fd >= 0 && stream->mode == AUDIT_STREAM_UNICAST)
                (void)send_pid(stream->fd, 0, &ignored);
        fd_close(&stream->fd);
        free(stream->near);
        free(stream->far);
        free(stream);
}

int audit_stream_fd(const struct audit_stream *stream)
{
        return stream->fd;
}

static struct sv datagram_of(struct audit_stream *stream, size_t i, size_t length)
{
        if (length <= NEAR)
                return sv_n(stream->near[i].near, length);
        memcpy(stream->far[i].bytes, stream->near[i].near, NEAR);
        return sv_n(stream->far[i].bytes, length);
}

static size_t take_batch(struct audit_stream *stream, int got, struct audit_netlink_record *ret)
{
        struct audit_stream_counters *counters = &stream->counters;
        size_t count = 0;
        counters->reads++;
        for (int i = 0; i < got; i++) {
                const struct mmsghdr *message = &stream->messages[i];
                counters->truncated += (message->msg_hdr.msg_flags & MSG_TRUNC) != 0;
                struct sv datagram = datagram_of(stream, (size_t)i, message->msg_len);
                if (stream->from[i].nl_pid != 0 || !audit_netlink_parse(datagram, &ret[count])) {
                        counters->foreign++;
                        continue;
                }
                counters->received++;
                counters->bytes += ret[count++].text.n;
        }
        return count;
}

size_t audit_stream_receive(
        struct audit_stream *stream, struct audit_netlink_record ret[AUDIT_NETLINK_BATCH], bool *ret_more)
{
        for (size_t i = 0; i < AUDIT_NETLINK_BATCH; i++)
                stream->messages[i].msg_hdr.msg_namelen = sizeof(stream->from[i]);
        int got = recvmmsg(stream->fd, stream->messages, AUDIT_NETLINK_BATCH, MSG_DONTWAIT, NULL);
        if (got >= 0) {
                *ret_more = got == AUDIT_NETLINK_BATCH;
                return take_batch(stream, got, ret);
        }
        *ret_more = errno == ENOBUFS || errno == EINTR;
        stream->counters.overflows += errno == ENOBUFS;
        if (errno != ENOBUFS && errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
                stream->counters.failures++;
                stream->counters.last_errno = errno;
        }
        return 0;
}

void audit_stream_count(struct audit_stream *stream, struct audit_stream_counters *ret)
{
        netlink_read_drops(stream->fd, &stream->counters.dropped);
        *ret = stream->counters;
}
