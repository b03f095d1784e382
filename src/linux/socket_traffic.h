/* How many bytes each TCP connection of a network namespace has carried (sock_diag(7) with INET_DIAG_INFO, Linux 4.1).
 */
#pragma once

#include "base/error.h"
#include "base/sv.h"

struct socket_traffic {
        uint64_t cookie;   /* of the kernel: never given twice */
        uint64_t inode;    /* 0 when no process holds it */
        uint64_t received; /* bytes for the process */
        uint64_t sent;     /* bytes that the peer has acknowledged */
};

/* One message of the dump; false when it tells no bytes. */
bool socket_traffic_parse(struct sv payload, struct socket_traffic *ret);
/* netlink: as for sockets_dump. Non-zero of each stops and is returned. */
int socket_traffic_dump(
        int netlink, int (*each)(const struct socket_traffic *traffic, void *cookie), void *cookie, struct error *err);
