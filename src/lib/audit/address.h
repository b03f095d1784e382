/* The address in a SOCKADDR record: `saddr=` is the raw struct sockaddr in hexadecimal. Pure. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

enum { AUDIT_ADDRESS_MAX = 128 }; /* sizeof(struct sockaddr_storage), the most that the kernel records */

struct audit_address {
        unsigned family;      /* AF_… */
        bool has_port;        /* ipv4, ipv6, vsock */
        uint32_t port;        /* host order */
        char ip[48];          /* ipv4, ipv6: text; else empty */
        uint32_t flow, scope; /* ipv6 */
        struct sv path;       /* unix: into `bytes`; an abstract name begins with '@'; empty: unnamed */
        uint32_t netlink_pid, netlink_groups;
        uint32_t cid;      /* vsock */
        uint16_t protocol; /* packet */
        int interface;     /* packet */
        size_t size;       /* of bytes */
        char bytes[AUDIT_ADDRESS_MAX];
};

/* False when it is no hexadecimal or too short for its family; a family not known here is no error. The address must
 * not be moved afterwards (path points into it). */
bool audit_address_parse(struct sv saddr, struct audit_address *ret);

/* "10.1.2.3:80", "[::1]:22", "/run/x.sock", "@abstract", "netlink pid=0 groups=0", "vsock cid=2 port=1024", "family 3"
 */
void audit_address_append(const struct audit_address *address, struct buf *out);
