/* Of a sample: interfaces, connections by state, and the TCP counters of netstat and snmp. */
#include "modules/metrics/cadvisor/api_stats_internal.h"

static const struct go_field interface_fields[] = {
        GO(struct net_interface_stats, name, "name"),
        GO(struct net_interface_stats, rx_bytes, "rx_bytes"),
        GO(struct net_interface_stats, rx_packets, "rx_packets"),
        GO(struct net_interface_stats, rx_errors, "rx_errors"),
        GO(struct net_interface_stats, rx_dropped, "rx_dropped"),
        GO(struct net_interface_stats, tx_bytes, "tx_bytes"),
        GO(struct net_interface_stats, tx_packets, "tx_packets"),
        GO(struct net_interface_stats, tx_errors, "tx_errors"),
        GO(struct net_interface_stats, tx_dropped, "tx_dropped"),
        GO_LAST,
};

#define TCP(state, text) GO(struct net_tcp_stats, states[state], text)
static const struct go_field tcp_fields[] = {
        TCP(NET_TCP_ESTABLISHED, "Established"),
        TCP(NET_TCP_SYN_SENT, "SynSent"),
        TCP(NET_TCP_SYN_RECV, "SynRecv"),
        TCP(NET_TCP_FIN_WAIT1, "FinWait1"),
        TCP(NET_TCP_FIN_WAIT2, "FinWait2"),
        TCP(NET_TCP_TIME_WAIT, "TimeWait"),
        TCP(NET_TCP_CLOSE, "Close"),
        TCP(NET_TCP_CLOSE_WAIT, "CloseWait"),
        TCP(NET_TCP_LAST_ACK, "LastAck"),
        TCP(NET_TCP_LISTEN, "Listen"),
        TCP(NET_TCP_CLOSING, "Closing"),
        GO_LAST,
};

static const struct go_field udp_fields[] = {
        GO(struct net_udp_stats, listen, "Listen"),
        GO(struct net_udp_stats, dropped, "Dropped"),
        GO(struct net_udp_stats, rx_queued, "RxQueued"),
        GO(struct net_udp_stats, tx_queued, "TxQueued"),
        GO_LAST,
};

static void put_tcp(struct buf *out, const void *value)
{
        go_object(out, tcp_fields, value);
}

static void put_udp(struct buf *out, const void *value)
{
        go_object(out, udp_fields, value);
}

static void put_advanced(struct buf *out, const void *value)
{
        const struct net_advanced_stats *advanced = value;
        go_begin(out, '{');
        for (size_t i = 0; i < NET_ADVANCED_MAX && net_advanced_names[i]; i++) {
                go_map_key(out, sv_of(net_advanced_names[i]));
                if (strcmp(net_advanced_names[i], "MaxConn") == 0)
                        go_int(out, (int64_t)advanced->values[i]);
                else
                        go_uint(out, advanced->values[i]);
        }
        buf_putc(out, '}');
}

static const struct go_field protocol_fields[] = {
        GO_PUT(struct net_stats, tcp, "tcp", put_tcp),
        GO_PUT(struct net_stats, tcp6, "tcp6", put_tcp),
        GO_PUT(struct net_stats, udp, "udp", put_udp),
        GO_PUT(struct net_stats, udp6, "udp6", put_udp),
        GO_PUT(struct net_stats, advanced, "tcp_advanced", put_advanced),
        GO_LAST,
};

/* v1 has the first interface's members before the rest, as Go shows an embedded struct. */
void api_put_network(struct buf *out, const struct container_stats *stats, bool v1)
{
        static const struct net_interface_stats none;
        const struct net_stats *net = &stats->net;
        go_key(out, "network");
        go_begin(out, '{');
        if (v1)
                go_members(out, interface_fields, net->interface_count ? &net->interfaces[0] : &none);
        if (net->interface_count) {
                go_key(out, "interfaces");
                go_begin(out, '[');
                for (size_t i = 0; i < net->interface_count; i++)
                        go_object(out, interface_fields, &net->interfaces[i]);
                buf_putc(out, ']');
        }
        go_members(out, protocol_fields, net);
        buf_putc(out, '}');
}
