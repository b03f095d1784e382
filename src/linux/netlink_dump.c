#include "linux/netlink_dump.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { HEADER = sizeof(struct nlmsghdr), ATTRIBUTE_HEADER = sizeof(struct nlattr) };

/* Both formats pad to 4 bytes (netlink(3)); the last message or attribute may lack its padding. */
static struct sv skip_padded(struct sv rest, size_t size)
{
        size_t padded = (size + 3) & ~(size_t)3;
        if (padded > rest.n)
                padded = rest.n;
        return sv_n(rest.p + padded, rest.n - padded);
}

bool netlink_next_message(struct sv *rest, struct netlink_message *ret, bool *ret_malformed)
{
        struct nlmsghdr header;
        if (rest->n == 0)
                return false;
        if (rest->n < HEADER)
                goto malformed;
        memcpy(&header, rest->p, HEADER);
        if (header.nlmsg_len < HEADER || header.nlmsg_len > rest->n)
                goto malformed;
        *ret = (struct netlink_message){ .type = header.nlmsg_type,
                .flags = header.nlmsg_flags,
                .sequence = header.nlmsg_seq,
                .port = header.nlmsg_pid,
                .payload = sv_n(rest->p + HEADER, header.nlmsg_len - HEADER) };
        *rest = skip_padded(*rest, header.nlmsg_len);
        return true;
malformed:
        *ret_malformed = true;
        rest->n = 0;
        return false;
}

bool netlink_next_attribute(struct sv *rest, uint16_t *ret_type, struct sv *ret_payload)
{
        struct nlattr header;
        if (rest->n < ATTRIBUTE_HEADER)
                return false;
        memcpy(&header, rest->p, ATTRIBUTE_HEADER);
        if (header.nla_len < ATTRIBUTE_HEADER || header.nla_len > rest->n)
                return false;
        *ret_type = header.nla_type & NLA_TYPE_MASK;
        *ret_payload = sv_n(rest->p + ATTRIBUTE_HEADER, header.nla_len - ATTRIBUTE_HEADER);
        *rest = skip_padded(*rest, header.nla_len);
        return true;
}

bool netlink_take(struct sv *rest, void *ret, size_t size)
{
        if (rest->n < size)
                return false;
        memcpy(ret, rest->p, size);
        *rest = skip_padded(*rest, size);
        return true;
}

bool netlink_u32(struct sv payload, uint32_t *ret)
{
        if (payload.n < sizeof(*ret))
                return false;
        memcpy(ret, payload.p, sizeof(*ret));
        return true;
}

int netlink_open(int protocol, struct error *err)
{
        cleanup(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (fd < 0)
                return fail_errno(err, "netlink socket");
        struct timeval timeout = { .tv_sec = NETLINK_TIMEOUT_S };
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return fail_errno(err, "netlink timeout");
        return take_fd(fd);
}

static int send_request(int fd, uint16_t type, const void *request, size_t size, uint32_t sequence, struct error *err)
{
        struct nlmsghdr header = { .nlmsg_len = (uint32_t)(HEADER + size),
                .nlmsg_type = type,
                .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                .nlmsg_seq = sequence };
        struct iovec parts[] = { { &header, HEADER }, { (void *)(uintptr_t)request, size } };
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        struct msghdr message = {
                .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = parts, .msg_iovlen = 2
        };
        if (sendmsg(fd, &message, 0) < 0)
                return fail_errno(err, "netlink request");
        return 0;
}

/* One datagram of the kernel; others' are dropped. */
static ssize_t receive(int fd, void *buffer, size_t size, struct error *err)
{
        for (;;) {
                struct sockaddr_nl from = { 0 };
                struct iovec part = { buffer, size };
                struct msghdr message = {
                        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1
                };
                ssize_t got = recvmsg(fd, &message, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return fail(err, E_TIMEOUT, "no netlink answer in %d s", NETLINK_TIMEOUT_S);
                if (got < 0)
                        return fail_errno(err, "netlink answer");
                if (message.msg_flags & MSG_TRUNC)
                        return fail(err, E_TOO_LARGE, "a netlink answer beyond %zu bytes", size);
                if (from.nl_pid == 0)
                        return got;
        }
}

/* NLMSG_DONE and NLMSG_ERROR both begin with a negative errno, or 0. */
static int verdict_of(const struct netlink_message *message, struct error *err)
{
        int32_t code = 0;
        if (message->payload.n >= sizeof(code))
                memcpy(&code, message->payload.p, sizeof(code));
        if (code == 0)
                return 0;
        errno = code < 0 && code > -4096 ? -code : EPROTO;
        if (errno == ENOENT || errno == EOPNOTSUPP || errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT)
                return error_set(err, E_UNSUPPORTED, errno, __FILE__, __LINE__, "netlink dump");
        return fail_errno(err, "netlink dump");
}

int netlink_dump(int fd, uint16_t type, const void *request, size_t size,
        int (*each)(const struct netlink_message *message, void *cookie), void *cookie, struct netlink_dump_result *ret,
        struct error *err)
{
        struct netlink_dump_result result = { 0 };
        uint32_t sequence = (uint32_t)(time_monotonic_ns() >> 10);
        if (send_request(fd, type, request, size, sequence, err) < 0)
                return -1;
        _Alignas(NLMSG_ALIGNTO) char buffer[NETLINK_RECEIVE_MAX];
        int stopped = 0; /* the rest is read all the same: the kernel answers EBUSY to a dump beside an unread one */
        for (;;) {
                ssize_t got = receive(fd, buffer, sizeof(buffer), err);
                if (got < 0)
                        return -1;
                struct sv rest = sv_n(buffer, (size_t)got);
                struct netlink_message message;
                bool malformed = false;
                while (netlink_next_message(&rest, &message, &malformed)) {
                        if (message.sequence != sequence)
                                continue;
                        result.interrupted |= (message.flags & NLM_F_DUMP_INTR) != 0;
                        if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) {
                                if (verdict_of(&message, err) < 0)
                                        return -1;
                                *ret = result;
                                return stopped;
                        }
                        if (message.type < NLMSG_MIN_TYPE || stopped)
                                continue;
                        if (++result.messages > NETLINK_MESSAGES_MAX)
                                return fail(
                                        err, E_TOO_LARGE, "a netlink dump beyond %d messages", NETLINK_MESSAGES_MAX);
                        stopped = each(&message, cookie);
                }
                result.malformed += malformed;
        }
}
