/* Counters of one network namespace as any process in it shows them:
 * /proc/PID/net/{dev,tcp,tcp6,udp,udp6,snmp,netstat}. No setns(2) is needed. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

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

/* proc: an open /proc (or a fixture's); pid: any process in the namespace. E_NOT_FOUND when it is gone. Loopback is
 * left out of the interfaces, as cAdvisor does, and so are veth*, docker* and the like where it does. */
int net_stats_read(int proc, pid_t pid, unsigned flags, struct arena *arena, struct net_stats *ret, struct error *err);
