/* Internet sockets of one network namespace: by sock_diag(7), or from the text of /proc/net (proc(5)); both fill the
 * same struct. Addresses are in network byte order, ports in host order. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <netinet/in.h>
#include <sys/types.h>

enum socket_protocol { SOCKET_TCP, SOCKET_UDP, SOCKET_RAW, SOCKET_UDPLITE, SOCKET_PROTOCOLS };

/* The numbers of the kernel (include/net/tcp_states.h); a UDP or raw socket that is not connected is CLOSE. */
enum socket_state {
        SOCKET_ESTABLISHED = 1,
        SOCKET_SYN_SENT,
        SOCKET_SYN_RECV,
        SOCKET_FIN_WAIT1,
        SOCKET_FIN_WAIT2,
        SOCKET_TIME_WAIT,
        SOCKET_CLOSE,
        SOCKET_CLOSE_WAIT,
        SOCKET_LAST_ACK,
        SOCKET_LISTEN,
        SOCKET_CLOSING,
        SOCKET_NEW_SYN_RECV,
        SOCKET_BOUND_INACTIVE,
        SOCKET_STATES
};

/* "ESTABLISHED", "LISTEN" …; "UNKNOWN" for others. */
const char *socket_state_name(unsigned state);
const char *socket_protocol_name(enum socket_protocol protocol); /* "tcp", "udp", "raw", "udplite" */

struct socket_endpoint {
        uint8_t address[16]; /* 4 bytes used for AF_INET */
        uint16_t port;       /* raw sockets: the local one is the IP protocol number */
};

struct socket_entry {
        enum socket_protocol protocol;
        uint8_t family; /* AF_INET or AF_INET6 of the socket; a dual-stack one is AF_INET6 with mapped addresses */
        uint8_t state;  /* enum socket_state */
        struct socket_endpoint local, remote;
        uint32_t interface; /* bound to this index, 0 for any; not told by /proc/net */
        uint32_t uid;
        uint64_t inode;    /* 0 when no process holds it (TIME_WAIT, half open) */
        uint32_t rx_queue; /* LISTEN: connections waiting for accept */
        uint32_t tx_queue; /* LISTEN by sock_diag: the backlog; by /proc/net: 0 */
        uint64_t cookie;   /* of the kernel, 0 by /proc/net */
};

/* ret must hold INET6_ADDRSTRLEN bytes. An IPv4-mapped address is written as its IPv4 form. */
void socket_format_address(const struct socket_entry *entry, const struct socket_endpoint *endpoint, char *ret);

/* Non-zero stops the dump; the dump returns it. */
typedef int socket_each(const struct socket_entry *entry, void *cookie);

enum {
        SOCKETS_TCP = 1 << SOCKET_TCP,
        SOCKETS_UDP = 1 << SOCKET_UDP,
        SOCKETS_RAW = 1 << SOCKET_RAW,
        SOCKETS_UDPLITE = 1 << SOCKET_UDPLITE,
        SOCKETS_ALL = 15
};

struct sockets_result {
        size_t entries;
        size_t malformed;
        bool interrupted;
        unsigned unsupported; /* SOCKETS_ bits the kernel has no diag module for: read those by sockets_read_proc */
};

/* netlink: from netlink_open(NETLINK_SOCK_DIAG) or netns_netlink: the namespace of that socket is dumped. states: bits
 * 1 << enum socket_state, 0 for all. */
int sockets_dump(int netlink, unsigned protocols, uint32_t states, socket_each *each, void *cookie,
        struct sockets_result *ret, struct error *err);

/* One message of an inet_diag dump. */
bool sockets_parse_diag(struct sv payload, enum socket_protocol protocol, struct socket_entry *ret);

/* One line of /proc/net/{tcp,udp,raw,udplite}{,6}. family chooses the width of the addresses. */
bool sockets_parse_line(struct sv line, enum socket_protocol protocol, uint8_t family, struct socket_entry *ret);

/* The same from the files below dir, which is "proc/net" or "proc/PID/net": the network namespace of that process,
 * without entering it. */
int sockets_read_proc(int root, const char *dir, unsigned protocols, uint32_t states, socket_each *each, void *cookie,
        struct sockets_result *ret, struct error *err);

/* By sock_diag through `netlink` (-1 for none) where the kernel can, by the tables below dir for the rest: both must be
 * of the same network namespace. */
int sockets_list(int netlink, int root, const char *dir, unsigned protocols, uint32_t states, socket_each *each,
        void *cookie, struct sockets_result *ret, struct error *err);

/* Unix sockets (unix_diag). */
enum { UNIX_PATH_MAX_BYTES = 108 };

struct unix_socket {
        uint8_t type;  /* SOCK_STREAM, … */
        uint8_t state; /* enum socket_state */
        uint64_t inode, peer_inode;
        uint32_t rx_queue, tx_queue;
        uint32_t uid; /* UINT32_MAX when not told */
        char path[UNIX_PATH_MAX_BYTES + 1];
        size_t path_length; /* an abstract name begins with NUL */
};

bool sockets_parse_unix_diag(struct sv payload, struct unix_socket *ret);
int sockets_dump_unix(int netlink, int (*each)(const struct unix_socket *entry, void *cookie), void *cookie,
        struct sockets_result *ret, struct error *err);
