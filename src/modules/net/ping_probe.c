#include "modules/net/ping_probe.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>

enum { ECHO_HEADER = 8, ANSWER_MAX = PROBE_SIZE_MAX + ECHO_HEADER + 60 };

uint16_t icmp_checksum(const void *bytes, size_t size)
{
        const uint8_t *at = bytes;
        uint32_t sum = 0;
        for (; size > 1; at += 2, size -= 2)
                sum += (uint32_t)(at[0] << 8 | at[1]);
        if (size)
                sum += (uint32_t)(at[0] << 8);
        while (sum >> 16)
                sum = (sum & 0xffff) + (sum >> 16);
        return htons((uint16_t)~sum);
}

static int family_of(const struct probe *probe)
{
        return probe->to->any.sa_family;
}

static bool is_v6(const struct probe *probe)
{
        return family_of(probe) == AF_INET6;
}

/* A ping socket needs no privilege where net.ipv4.ping_group_range holds one of our groups (icmp(7)); a raw one needs
 * CAP_NET_RAW. */
static int open_icmp(struct probe *probe, struct error *err)
{
        int protocol = is_v6(probe) ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
        int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
        probe->fd = socket(family_of(probe), SOCK_DGRAM | flags, protocol);
        if (probe->fd >= 0)
                return 0;
        if (errno != EACCES && errno != EPERM && errno != EPROTONOSUPPORT)
                return fail_errno(err, "ICMP socket");
        probe->fd = socket(family_of(probe), SOCK_RAW | flags, protocol);
        if (probe->fd < 0)
                return errno == EPERM || errno == EACCES
                               ? fail(err, E_PERMISSION,
                                         "ICMP needs CAP_NET_RAW or a group within net.ipv4.ping_group_range")
                               : fail_errno(err, "ICMP socket");
        probe->raw = true;
        return 0;
}

/* A raw socket gets every ICMP message of the host; the kernel keeps all but echo replies away. */
static void filter_raw(const struct probe *probe)
{
        if (is_v6(probe)) {
                struct icmp6_filter only;
                ICMP6_FILTER_SETBLOCKALL(&only);
                ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
                setsockopt(probe->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only));
        } else {
                enum { ICMP_FILTER_OPTION = 1 }; /* linux/icmp.h, which netinet/ip_icmp.h excludes */
                uint32_t refused = ~(UINT32_C(1) << ICMP_ECHOREPLY);
                setsockopt(probe->fd, SOL_RAW, ICMP_FILTER_OPTION, &refused, sizeof(refused));
        }
}

static int open_probe(struct probe *probe, struct error *err)
{
        int flags = SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;
        if (probe->protocol == PING_ICMP) {
                if (open_icmp(probe, err) < 0)
                        return -1;
                if (probe->raw)
                        filter_raw(probe);
        } else {
                probe->fd =
                        socket(family_of(probe), (probe->protocol == PING_TCP ? SOCK_STREAM : SOCK_DGRAM) | flags, 0);
                if (probe->fd < 0)
                        return fail_errno(err, "socket");
        }
        int level = is_v6(probe) ? IPPROTO_IPV6 : IPPROTO_IP;
        if (probe->ttl && setsockopt(probe->fd, level, is_v6(probe) ? IPV6_UNICAST_HOPS : IP_TTL, &probe->ttl,
                                  sizeof(probe->ttl)) < 0)
                return fail_errno(err, "ttl %d", probe->ttl);
        setsockopt(probe->fd, level, is_v6(probe) ? IPV6_RECVHOPLIMIT : IP_RECVTTL, &on, sizeof(on));
        return socket_error_ask(probe->fd, family_of(probe), err);
}

static size_t fill_payload(const struct probe *probe, uint8_t *packet)
{
        static const char text[] = "Ping!";
        size_t at = 0;
        if (probe->protocol == PING_ICMP) {
                packet[0] = is_v6(probe) ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
                packet[1] = packet[2] = packet[3] = 0;
                memcpy(packet + 4, &probe->id, 2); /* the kernel puts the port of a ping socket here */
                packet[6] = (uint8_t)(probe->sequence >> 8);
                packet[7] = (uint8_t)probe->sequence;
                at = ECHO_HEADER;
        }
        for (size_t i = 0; i < probe->size; i++)
                packet[at + i] = (uint8_t)text[i % (sizeof(text) - 1)];
        at += probe->size;
        if (probe->protocol == PING_ICMP && !is_v6(probe)) {
                uint16_t sum = icmp_checksum(packet, at);
                memcpy(packet + 2, &sum, 2);
        }
        return at;
}

static void conclude(struct probe_answer *ret, enum probe_outcome outcome, int errnum, const char *what)
{
        ret->outcome = outcome;
        if (what)
                snprintf(ret->text, sizeof(ret->text), "%s: %s", what, errno_text(errnum));
}

int probe_send(struct probe *probe, struct probe_answer *ret, struct error *err)
{
        *ret = (struct probe_answer){ .outcome = PROBE_PENDING };
        probe->fd = -1;
        probe->raw = false;
        if (open_probe(probe, err) < 0)
                return -1;
        cleanup(free) uint8_t *packet = malloc(probe->size + ECHO_HEADER);
        if (!packet)
                return fail(err, E_NO_MEMORY, "no memory for a packet of %u bytes", probe->size);
        size_t size = fill_payload(probe, packet);
        probe->sent_ns = time_monotonic_ns();
        if (connect(probe->fd, &probe->to->any, probe->to->size) < 0 && errno != EINPROGRESS) {
                conclude(ret, errno == ECONNREFUSED ? PROBE_REFUSED : PROBE_FAILED, errno,
                        errno == ECONNREFUSED ? NULL : "connect");
                return 0;
        }
        if (probe->protocol == PING_TCP)
                return 0;
        probe->sent_ns = time_monotonic_ns();
        if (send(probe->fd, packet, size, MSG_NOSIGNAL) < 0)
                conclude(ret, errno == ECONNREFUSED ? PROBE_REFUSED : PROBE_FAILED, errno,
                        errno == ECONNREFUSED ? NULL : "send");
        return 0;
}

short probe_events(const struct probe *probe)
{
        return probe->protocol == PING_TCP ? POLLOUT : POLLIN;
}

/* Does the quoted packet of an ICMP error belong to this probe? Only a raw socket hears of others'. */
static bool is_ours(const struct probe *probe, const struct socket_error *error)
{
        if (!probe->raw || !error->icmp)
                return true;
        const uint8_t *quoted = (const uint8_t *)error->quoted;
        return error->quoted_size >= ECHO_HEADER && memcmp(quoted + 4, &probe->id, 2) == 0 &&
               (quoted[6] << 8 | quoted[7]) == probe->sequence;
}

static void take_errors(struct probe *probe, struct probe_answer *ret)
{
        struct socket_error error;
        while (ret->outcome == PROBE_PENDING && socket_error_take(probe->fd, &error)) {
                if (!is_ours(probe, &error))
                        continue;
                bool refused = error.errnum == ECONNREFUSED && probe->protocol != PING_ICMP;
                ret->outcome = refused ? PROBE_REFUSED : PROBE_FAILED;
                if (!refused || (error.icmp && !address_same_host(&error.offender, probe->to)))
                        socket_error_format(&error, ret->text, sizeof(ret->text));
        }
}

static int reply_ttl(struct msghdr *message)
{
        int ttl = 0;
        for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header; header = CMSG_NXTHDR(message, header))
                if ((header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TTL) ||
                        (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_HOPLIMIT))
                        memcpy(&ttl, CMSG_DATA(header), sizeof(ttl));
        return ttl;
}

/* Is it the echo reply to this very request? An IPv4 raw socket delivers the IP header as well. */
static bool is_our_echo(const struct probe *probe, const uint8_t *bytes, size_t size)
{
        if (probe->raw && !is_v6(probe)) {
                size_t header = size ? (size_t)(bytes[0] & 15) * 4 : 0;
                if (header < sizeof(struct iphdr) || size < header)
                        return false;
                bytes += header;
                size -= header;
        }
        return size == ECHO_HEADER + probe->size && bytes[0] == (is_v6(probe) ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) &&
               bytes[1] == 0 && (!probe->raw || memcmp(bytes + 4, &probe->id, 2) == 0) &&
               (bytes[6] << 8 | bytes[7]) == probe->sequence;
}

static void take_answers(struct probe *probe, struct probe_answer *ret)
{
        cleanup(free) uint8_t *bytes = malloc(ANSWER_MAX);
        while (bytes && ret->outcome == PROBE_PENDING) {
                union {
                        char bytes[128];
                        struct cmsghdr header;
                } control;
                struct address from = { 0 };
                struct iovec room = { bytes, ANSWER_MAX };
                struct msghdr message = { .msg_iov = &room,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof(control),
                        .msg_name = &from.storage,
                        .msg_namelen = sizeof(from.storage) };
                ssize_t size = recvmsg(probe->fd, &message, MSG_DONTWAIT);
                if (size < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (size < 0) {
                        conclude(ret, errno == ECONNREFUSED ? PROBE_REFUSED : PROBE_FAILED, errno,
                                errno == ECONNREFUSED ? NULL : "receive");
                        return;
                }
                if (probe->protocol == PING_ICMP && !is_our_echo(probe, bytes, (size_t)size))
                        continue;
                ret->latency_ns = time_monotonic_ns() - probe->sent_ns;
                ret->ttl = reply_ttl(&message);
                if (probe->protocol == PING_ICMP && from.any.sa_family != AF_UNSPEC &&
                        !address_same_host(&from, probe->to)) {
                        char text[ADDRESS_TEXT_MAX];
                        address_format(&from, text);
                        ret->outcome = PROBE_FAILED;
                        snprintf(ret->text, sizeof(ret->text), "echo reply (type %u code 0) from %s, another host",
                                is_v6(probe) ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY, text);
                        return;
                }
                ret->outcome = PROBE_ANSWERED;
        }
}

static void look_at_connection(struct probe *probe, struct probe_answer *ret)
{
        int status = 0;
        socklen_t size = sizeof(status);
        getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &status, &size);
        if (status) {
                conclude(ret, status == ECONNREFUSED ? PROBE_REFUSED : PROBE_FAILED, status,
                        status == ECONNREFUSED ? NULL : "connect");
                return;
        }
        ret->latency_ns = time_monotonic_ns() - probe->sent_ns;
        ret->outcome = PROBE_ANSWERED;
}

void probe_look(struct probe *probe, struct probe_answer *ret)
{
        *ret = (struct probe_answer){ .outcome = PROBE_PENDING };
        take_errors(probe, ret);
        if (ret->outcome != PROBE_PENDING)
                return;
        if (probe->protocol == PING_TCP)
                look_at_connection(probe, ret);
        else
                take_answers(probe, ret);
}

void probe_close(struct probe *probe)
{
        fd_close(&probe->fd);
}
