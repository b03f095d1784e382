/* Counters of one network namespace as any process in it shows them:
 * /proc/PID/net/{dev,tcp,tcp6,udp,udp6,snmp,netstat}. No setns(2) is needed. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

enum { NET_INTERFACES_MAX = 4096, NET_ADVANCED_MAX = 128 };

struct net_interface_stats {
        const char *name;
        uint64_t rx_bytes, rx_packets, rx_errors, rx_dropped;
        uint64_t tx_bytes, tx_packets, tx_errors, tx_dropped;
};

/* In cAdvisor's order. */
enum net_tcp_state {
        NET_TCP_ESTABLISHED,
        NET_TCP_SYN_SENT,
        NET_TCP_SYN_RECV,
        NET_TCP_FIN_WAIT1,
        NET_TCP_FIN_WAIT2,
        NET_TCP_TIME_WAIT,
        NET_TCP_CLOSE,
        NET_TCP_CLOSE_WAIT,
        NET_TCP_LAST_ACK,
        NET_TCP_LISTEN,
        NET_TCP_CLOSING,
        NET_TCP_STATES
};

struct net_tcp_stats {
        uint64_t states[NET_TCP_STATES];
};

/* cAdvisor's names: listen is the number of sockets, and rx_queued and tx_queued stand the other way round than the
 * kernel's queues (it takes the first number of "tx_queue rx_queue" for the receive queue). Kept so, since dashboards
 * know them so. Bytes. */
struct net_udp_stats {
        uint64_t listen, dropped, rx_queued, tx_queued;
};

/* cAdvisor's TcpAdvancedStat: names in its JSON's order ("RtoAlgorithm", …), MaxConn is signed (-1). */
extern const char *const net_advanced_names[]; /* NULL-terminated */
struct net_advanced_stats {
        uint64_t values[NET_ADVANCED_MAX];
};

struct net_stats {
        struct net_interface_stats *interfaces;
        size_t interface_count;
        struct net_tcp_stats tcp, tcp6;
        struct net_udp_stats udp, udp6;
        struct net_advanced_stats advanced;
        bool has_interfaces, has_tcp, has_udp, has_advanced;
        size_t refused;
};

enum net_read_flags {
        NET_READ_INTERFACES = 1 << 0,
        NET_READ_TCP = 1 << 1,
        NET_READ_UDP = 1 << 2,
        NET_READ_ADVANCED = 1 << 3
};

/* proc: an open /proc (or a fixture's); pid: any process in the namespace. E_NOT_FOUND when it is gone, a zombie too.
 * Interfaces whose name begins with lo, veth, docker or nerdctl (either case) are left out, as cAdvisor does. What a
 * kernel does not have (tcp6 without IPv6) is no error; a has_ is false when the file is not there. Only the interfaces
 * are in the arena; memory does not depend on the number of sockets. */
int net_stats_read(int proc, pid_t pid, unsigned flags, struct arena *arena, struct net_stats *ret, struct error *err);

/* ---- parsers of one line each; false: malformed, or none of what is asked (a header) ---- */

bool net_interface_ignored(struct sv name);
/* Of net/dev; the name is a view into the line. */
bool net_parse_interface(struct sv line, struct sv *ret_name, struct net_interface_stats *ret);
bool net_parse_tcp(struct sv line, enum net_tcp_state *ret);
/* Adds one socket of net/udp. A line of another shape counts as a socket without queues, as in cAdvisor. */
bool net_parse_udp(struct sv line, struct net_udp_stats *into);
/* Two lines of net/snmp or net/netstat: "Tcp: RtoAlgorithm …" and "Tcp: 1 …". Only Tcp and TcpExt are taken. The number
 * of values set; -1 when the lines do not belong together. */
int net_parse_advanced(struct sv names, struct sv values, struct net_advanced_stats *into);
