#include "modules/net/addresses.h"

#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <net/if.h>
#include <netdb.h>

const char *const resolver_paths[] = { RESOLVER_PATHS, NULL };

int addresses_find(const char *host, int family, uint16_t port, struct address *ret, size_t max, struct error *err)
{
        struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
        struct addrinfo *all = NULL;
        int refused = getaddrinfo(host, NULL, &hints, &all);
        if (refused)
                return fail(err, E_NOT_FOUND, "%s: %s", host, gai_strerror(refused));
        size_t count = 0;
        for (struct addrinfo *at = all; at && count < max; at = at->ai_next) {
                if ((at->ai_family != AF_INET && at->ai_family != AF_INET6) || at->ai_addrlen > sizeof(ret->storage))
                        continue;
                ret[count] = (struct address){ .size = at->ai_addrlen };
                memcpy(&ret[count].storage, at->ai_addr, at->ai_addrlen);
                if (at->ai_family == AF_INET)
                        ret[count].v4.sin_port = htons(port);
                else
                        ret[count].v6.sin6_port = htons(port);
                count++;
        }
        freeaddrinfo(all);
        return count ? (int)count : fail(err, E_NOT_FOUND, "%s: no address", host);
}

int address_parse(const char *text, uint16_t port, struct address *ret, struct error *err)
{
        struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
        struct addrinfo *all = NULL;
        if (getaddrinfo(text, NULL, &hints, &all))
                return fail(err, E_INVALID, "\"%.100s\" is not an address", text);
        freeaddrinfo(all);
        return addresses_find(text, AF_UNSPEC, port, ret, 1, err) < 0 ? -1 : 0;
}

void address_format(const struct address *address, char ret[ADDRESS_TEXT_MAX])
{
        char zone[IF_NAMESIZE];
        ret[0] = '\0';
        if (address->any.sa_family == AF_INET) {
                inet_ntop(AF_INET, &address->v4.sin_addr, ret, ADDRESS_TEXT_MAX);
        } else if (address->any.sa_family == AF_INET6) {
                const struct in6_addr *bytes = &address->v6.sin6_addr;
                if (IN6_IS_ADDR_V4MAPPED(bytes)) {
                        inet_ntop(AF_INET, &bytes->s6_addr[12], ret, ADDRESS_TEXT_MAX);
                        return;
                }
                inet_ntop(AF_INET6, bytes, ret, ADDRESS_TEXT_MAX);
                size_t length = strlen(ret);
                if (address->v6.sin6_scope_id && if_indextoname(address->v6.sin6_scope_id, zone))
                        snprintf(ret + length, ADDRESS_TEXT_MAX - length, "%%%s", zone);
        }
}

uint16_t address_port(const struct address *address)
{
        return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void endpoint_format(const struct address *address, char ret[ENDPOINT_TEXT_MAX])
{
        char text[ADDRESS_TEXT_MAX];
        address_format(address, text);
        snprintf(ret, ENDPOINT_TEXT_MAX, strchr(text, ':') ? "[%s]:%u" : "%s:%u", text, address_port(address));
}

/* The address as 16 bytes, IPv4 mapped. */
static void address_bytes(const struct address *address, uint8_t *ret)
{
        if (address->any.sa_family == AF_INET6) {
                memcpy(ret, &address->v6.sin6_addr, 16);
                return;
        }
        memset(ret, 0, 10);
        memset(ret + 10, 0xff, 2);
        memcpy(ret + 12, &address->v4.sin_addr, 4);
}

bool address_same_host(const struct address *a, const struct address *b)
{
        uint8_t left[16], right[16];
        address_bytes(a, left);
        address_bytes(b, right);
        return memcmp(left, right, sizeof(left)) == 0;
}

int endpoint_split(const char *text, char *ret_host, uint16_t *ret_port, struct error *err)
{
        struct sv all = sv_of(text), host = all, port = { NULL, 0 };
        uint64_t number;
        if (all.n && all.p[0] == '[') {
                size_t end = sv_find(all, ']');
                if (end == all.n || (end + 1 < all.n && all.p[end + 1] != ':'))
                        return fail(err, E_INVALID, "\"%.100s\" is not [ADDRESS]:PORT", text);
                host = sv_n(all.p + 1, end - 1);
                if (end + 1 < all.n)
                        port = sv_n(all.p + end + 2, all.n - end - 2);
        } else {
                size_t colon = sv_find(all, ':');
                bool one =
                        colon < all.n && sv_find(sv_n(all.p + colon + 1, all.n - colon - 1), ':') + colon + 1 == all.n;
                if (one) { /* more colons: an IPv6 address without a port */
                        host = sv_n(all.p, colon);
                        port = sv_n(all.p + colon + 1, all.n - colon - 1);
                }
        }
        if (!host.n || host.n >= HOST_NAME_MAX_BYTES)
                return fail(err, E_INVALID, "\"%.100s\" names no host", text);
        if (port.p && (!sv_parse_u64(port, 10, &number) || !number || number > 65535))
                return fail(err, E_INVALID, "\"%.*s\" is not a port", (int)(port.n < 20 ? port.n : 20), port.p);
        if (port.p)
                *ret_port = (uint16_t)number;
        memcpy(ret_host, host.p, host.n);
        ret_host[host.n] = '\0';
        return 0;
}

int socket_error_ask(int fd, int family, struct error *err)
{
        int on = 1;
        int status = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on))
                                       : setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
        return status < 0 ? fail_errno(err, "asking for error reports") : 0;
}

static bool take_report(const struct cmsghdr *header, struct socket_error *ret)
{
        bool v4 = header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR;
        bool v6 = header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_RECVERR;
        struct sock_extended_err report;
        if ((!v4 && !v6) || header->cmsg_len < CMSG_LEN(sizeof(report)))
                return false;
        memcpy(&report, CMSG_DATA(header), sizeof(report));
        ret->errnum = (int)report.ee_errno;
        ret->icmp = report.ee_origin == SO_EE_ORIGIN_ICMP || report.ee_origin == SO_EE_ORIGIN_ICMP6;
        ret->family = report.ee_origin == SO_EE_ORIGIN_ICMP6 ? AF_INET6 : AF_INET;
        ret->type = report.ee_type;
        ret->code = report.ee_code;
        size_t left = header->cmsg_len - CMSG_LEN(sizeof(report));
        if (left >= sizeof(struct sockaddr_in)) {
                ret->offender.size =
                        (socklen_t)(left < sizeof(struct sockaddr_in6) ? left : sizeof(struct sockaddr_in6));
                memcpy(&ret->offender.storage, CMSG_DATA(header) + sizeof(report), ret->offender.size);
        }
        return true;
}

bool socket_error_take(int fd, struct socket_error *ret)
{
        union {
                char bytes[512];
                struct cmsghdr header;
        } control;
        *ret = (struct socket_error){ 0 };
        struct iovec bytes = { ret->quoted, sizeof(ret->quoted) };
        struct msghdr message = {
                .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
        };
        ssize_t size = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
        if (size < 0)
                return false;
        ret->quoted_size = (size_t)size;
        for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header))
                if (take_report(header, ret))
                        return true;
        return false;
}

/* RFC 792 and RFC 4443. */
static const char *icmp_type_text(int family, unsigned type)
{
        static const char *const v4[] = { [0] = "echo reply",
                [3] = "destination unreachable",
                [4] = "source quench",
                [5] = "redirect",
                [8] = "echo request",
                [11] = "time exceeded",
                [12] = "parameter problem" };
        static const char *const v6[] = { [1] = "destination unreachable",
                [2] = "packet too big",
                [3] = "time exceeded",
                [4] = "parameter problem" };
        const char *text = NULL;
        if (family == AF_INET && type < sizeof(v4) / sizeof(v4[0]))
                text = v4[type];
        if (family == AF_INET6 && type < sizeof(v6) / sizeof(v6[0]))
                text = v6[type];
        if (family == AF_INET6 && type == 129)
                text = "echo reply";
        return text ? text : "ICMP message";
}

void socket_error_format(const struct socket_error *error, char *ret, size_t size)
{
        char from[ADDRESS_TEXT_MAX];
        if (!error->icmp) {
                snprintf(ret, size, "%s", errno_text(error->errnum));
                return;
        }
        address_format(&error->offender, from);
        snprintf(ret, size, "%s (type %u code %u) from %s", icmp_type_text(error->family, error->type), error->type,
                error->code, *from ? from : "an unknown sender");
}
