/* struct sockaddr of the families that matter (ip(7), ipv6(7), unix(7), netlink(7), packet(7), vsock(7)). */
#include "lib/audit/address.h"

#include "base/encode.h"
#include "lib/audit/names.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TAKE(type)                                                                                                     \
        type raw;                                                                                                      \
        memset(&raw, 0, sizeof(raw));                                                                                  \
        memcpy(&raw, address->bytes, address->size < sizeof(raw) ? address->size : sizeof(raw))

static bool take_unix(struct audit_address *address)
{
        const size_t start = offsetof(struct sockaddr_un, sun_path);
        size_t size = address->size - start;
        char *path = address->bytes + start;

        if (size && path[0] == '\0') { /* abstract: all of the rest, zeros in it too; at the end they are padding */
                while (size > 1 && path[size - 1] == '\0')
                        size--;
                if (size > 1)
                        path[0] = '@';
                address->path = sv_n(path, size > 1 ? size : 0);
        } else {
                address->path = sv_n(path, strnlen(path, size));
        }
        return true;
}

static bool take_inet(struct audit_address *address)
{
        TAKE(struct sockaddr_in);
        if (address->size < offsetof(struct sockaddr_in, sin_zero))
                return false;
        inet_ntop(AF_INET, &raw.sin_addr, address->ip, sizeof(address->ip));
        address->port = ntohs(raw.sin_port);
        return address->has_port = true;
}

static bool take_inet6(struct audit_address *address)
{
        TAKE(struct sockaddr_in6);
        if (address->size < offsetof(struct sockaddr_in6, sin6_scope_id)) /* RFC 2133 had no scope */
                return false;
        inet_ntop(AF_INET6, &raw.sin6_addr, address->ip, sizeof(address->ip));
        address->port = ntohs(raw.sin6_port);
        address->flow = ntohl(raw.sin6_flowinfo);
        address->scope = raw.sin6_scope_id;
        return address->has_port = true;
}

static bool take_netlink(struct audit_address *address)
{
        TAKE(struct sockaddr_nl);
        address->netlink_pid = raw.nl_pid;
        address->netlink_groups = raw.nl_groups;
        return address->size >= sizeof(raw);
}

static bool take_packet(struct audit_address *address)
{
        TAKE(struct sockaddr_ll);
        address->protocol = ntohs(raw.sll_protocol);
        address->interface = raw.sll_ifindex;
        return address->size >= offsetof(struct sockaddr_ll, sll_addr);
}

static bool take_vsock(struct audit_address *address)
{
        TAKE(struct sockaddr_vm);
        address->cid = raw.svm_cid;
        address->port = raw.svm_port;
        address->has_port = true;
        return address->size >= offsetof(struct sockaddr_vm, svm_cid) + sizeof(raw.svm_cid);
}

bool audit_address_parse(struct sv saddr, struct audit_address *ret)
{
        uint16_t family;

        memset(ret, 0, sizeof(*ret));
        ret->path = sv_n(ret->bytes, 0);
        if (!hex_decode(saddr, (uint8_t *)ret->bytes, sizeof(ret->bytes), &ret->size) || ret->size < sizeof(family))
                return false;
        memcpy(&family, ret->bytes, sizeof(family));
        if (family > 0xff && !(family & 0xff)) /* recorded on a machine of the other byte order */
                family = (uint16_t)(family >> 8);
        ret->family = family;
        switch (family) {
        case AF_UNIX:
                return take_unix(ret);
        case AF_INET:
                return take_inet(ret);
        case AF_INET6:
                return take_inet6(ret);
        case AF_NETLINK:
                return take_netlink(ret);
        case AF_PACKET:
                return take_packet(ret);
        case AF_VSOCK:
                return take_vsock(ret);
        default:
                return true;
        }
}

void audit_address_append(const struct audit_address *address, struct buf *out)
{
        const char *name = audit_family_name(address->family);

        switch (address->family) {
        case AF_UNIX:
                if (address->path.n)
                        buf_append(out, address->path.p, address->path.n);
                else
                        buf_puts(out, "unix unnamed");
                break;
        case AF_INET:
                buf_printf(out, "%s:%u", address->ip, address->port);
                break;
        case AF_INET6:
                buf_printf(out, "[%s]:%u", address->ip, address->port);
                break;
        case AF_NETLINK:
                buf_printf(out, "netlink pid=%u groups=%u", address->netlink_pid, address->netlink_groups);
                break;
        case AF_PACKET:
                buf_printf(out, "packet protocol=0x%04x interface=%d", address->protocol, address->interface);
                break;
        case AF_VSOCK:
                buf_printf(out, "vsock cid=%u port=%u", address->cid, address->port);
                break;
        default:
                if (name)
                        buf_puts(out, name);
                else
                        buf_printf(out, "family %u", address->family);
        }
}
