/* Parsers of /proc/PID/net and of sock_diag's bytes a connection: the first byte chooses one, the rest is its input. */
#include "linux/net_stats.h"
#include "linux/socket_traffic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_interfaces(struct sv text)
{
        struct sv line;
        while (sv_line(&text, &line)) {
                struct net_interface_stats row;
                struct sv name;
                if (net_parse_interface(line, &name, &row)) {
                        check(name.n > 0 && name.p >= line.p && name.p + name.n <= line.p + line.n);
                        net_interface_ignored(name);
                }
        }
}

static void fuzz_sockets(struct sv text)
{
        struct net_udp_stats udp = { 0 };
        struct sv line;
        size_t lines = 0;
        while (sv_line(&text, &line)) {
                enum net_tcp_state state;
                lines++;
                if (net_parse_tcp(line, &state))
                        check(state < NET_TCP_STATES);
                net_parse_udp(line, &udp);
        }
        check(udp.listen <= lines);
}

static void fuzz_advanced(struct sv text)
{
        struct net_advanced_stats stats = { 0 };
        struct sv names;
        struct sv values;
        while (sv_line(&text, &names) && sv_line(&text, &values))
                check(net_parse_advanced(names, values, &stats) >= -1);
}

static void fuzz_traffic(struct sv bytes)
{
        struct socket_traffic traffic;
        socket_traffic_parse(bytes, &traffic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const parsers[])(struct sv text) = { fuzz_interfaces, fuzz_sockets, fuzz_advanced, fuzz_traffic };
        if (size)
                parsers[data[0] % (sizeof(parsers) / sizeof(*parsers))](sv_n((const char *)data + 1, size - 1));
        return 0;
}
