/* The counters of a network namespace: cAdvisor's own samples, malformed files, many sockets, and this kernel. */
#include "linux_fixture.h"

#include "linux/net_stats.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static struct error err;
static const char samples[] = "watch/cadvisor/lib/container/libcontainer/testdata";

static const char dev_header[] =
        "Inter-|   Receive                                                |  Transmit\n"
        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls "
        "carrier compressed\n";
static const char tcp_header[] =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

static void copy_sample(const struct fixture *fixture, const char *name, const char *path)
{
        cleanup(fd_close) int dir = -1;
        cleanup(buf_done) struct buf text;
        if (!testdata_open(samples, &dir))
                skip();
        buf_init(&text, 1 << 20);
        assert_int_equal(file_read(dir, name, &text, NULL), 0);
        fixture_bytes(fixture, path, text.data, text.len);
}

static struct net_stats read_stats(int proc, pid_t pid, unsigned flags, struct arena *arena)
{
        struct net_stats stats;
        assert_int_equal(net_stats_read(proc, pid, flags, arena, &stats, &err), 0);
        return stats;
}

static void interfaces_of_cadvisors_sample(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64 * 1024);
        fixture_make(&fixture);
        copy_sample(&fixture, "procnetdev", "7/net/dev");
        struct net_stats stats = read_stats(fixture.root, 7, NET_READ_INTERFACES, &arena);
        assert_int_equal(stats.interface_count, 2); /* without docker0 and lo */
        assert_int_equal(stats.refused, 0);
        assert_true(stats.has_interfaces);
        assert_false(stats.has_tcp);
        const struct net_interface_stats *first = &stats.interfaces[0];
        assert_string_equal(first->name, "wlp4s0");
        assert_int_equal(first->rx_bytes, 1);
        assert_int_equal(first->rx_packets, 2);
        assert_int_equal(first->rx_errors, 3);
        assert_int_equal(first->rx_dropped, 4);
        assert_int_equal(first->tx_bytes, 9);
        assert_int_equal(first->tx_packets, 10);
        assert_int_equal(first->tx_errors, 11);
        assert_int_equal(first->tx_dropped, 12);
        assert_string_equal(stats.interfaces[1].name, "em1");
        assert_int_equal(stats.interfaces[1].rx_bytes, 315849);
        assert_int_equal(stats.interfaces[1].rx_packets, 1172);
        assert_int_equal(stats.interfaces[1].tx_bytes, 315850);
        assert_int_equal(stats.interfaces[1].tx_packets, 1173);
        fixture_remove(&fixture);
}

static void udp_of_cadvisors_sample(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1024);
        fixture_make(&fixture);
        copy_sample(&fixture, "procnetudp", "7/net/udp");
        struct net_stats stats = read_stats(fixture.root, 7, NET_READ_UDP, &arena);
        assert_int_equal(stats.udp.listen, 2);
        assert_int_equal(stats.udp.dropped, 4);
        assert_int_equal(stats.udp.rx_queued, 10);
        assert_int_equal(stats.udp.tx_queued, 11);
        assert_int_equal(stats.udp6.listen, 0);
        fixture_remove(&fixture);
}

static void names_that_are_left_out(void **state)
{
        (void)state;
        assert_true(net_interface_ignored(SV("lo")));
        assert_true(net_interface_ignored(SV("veth12ab")));
        assert_true(net_interface_ignored(SV("Docker0")));
        assert_true(net_interface_ignored(SV("nerdctl1")));
        assert_true(net_interface_ignored(SV("lowpan0"))); /* cAdvisor compares beginnings */
        assert_false(net_interface_ignored(SV("eth0")));
        assert_false(net_interface_ignored(SV("l")));
        assert_false(net_interface_ignored(SV("br-docker")));
        assert_false(net_interface_ignored(SV("")));
}

static void an_interface_line_that_is_none(void **state)
{
        (void)state;
        struct net_interface_stats row;
        struct sv name;
        assert_true(net_parse_interface(SV("eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), &name, &row));
        assert_int_equal(row.rx_bytes, 1); /* a large number touches the colon */
        assert_true(net_parse_interface(
                SV("e: 18446744073709551615 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"), &name, &row));
        assert_true(row.rx_bytes == UINT64_MAX);
        assert_false(net_parse_interface(SV("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), &name, &row));
        assert_false(net_parse_interface(SV("eth0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), &name, &row));
        assert_false(net_parse_interface(SV(": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), &name, &row));
        assert_false(net_parse_interface(SV("e: 1 2 3 -4 5 6 7 8 9 10 11 12 13 14 15 16"), &name, &row));
}

static void a_bad_line_costs_itself_only(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf text;
        arena_init(&arena, 64 * 1024);
        buf_init(&text, 1 << 16);
        fixture_make(&fixture);
        buf_puts(&text, dev_header);
        buf_puts(&text, "eth0: 1 2 3 4\neth1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
        fixture_text(&fixture, "3/net/dev", buf_text(&text));
        buf_clear(&text);
        buf_puts(&text, tcp_header);
        buf_puts(&text, "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n   1: garbage\n"
                        "   2: 0100007F:1F90 00000000:0000 0D 0\n   3: a b FF 0\n   4: a b 0B\n");
        fixture_text(&fixture, "3/net/tcp", buf_text(&text));
        struct net_stats stats = read_stats(fixture.root, 3, NET_READ_INTERFACES | NET_READ_TCP, &arena);
        assert_int_equal(stats.interface_count, 1);
        assert_string_equal(stats.interfaces[0].name, "eth1");
        assert_int_equal(stats.tcp.states[NET_TCP_LISTEN], 1);
        assert_int_equal(stats.tcp.states[NET_TCP_CLOSING], 1);
        assert_int_equal(stats.refused, 4);
        fixture_remove(&fixture);
}

static void many_interfaces(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf text;
        arena_init(&arena, 4 << 20);
        buf_init(&text, 4 << 20);
        fixture_make(&fixture);
        buf_puts(&text, dev_header);
        for (int i = 0; i < NET_INTERFACES_MAX + 3; i++)
                buf_printf(&text, "eth%d: %d 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n", i, i);
        fixture_text(&fixture, "3/net/dev", buf_text(&text));
        struct net_stats stats = read_stats(fixture.root, 3, NET_READ_INTERFACES, &arena);
        assert_int_equal(stats.interface_count, NET_INTERFACES_MAX);
        assert_int_equal(stats.refused, 3);
        assert_int_equal(stats.interfaces[4000].rx_bytes, 4000);
        arena_done(&arena);
        arena_init(&arena, 4096);
        assert_int_equal(net_stats_read(fixture.root, 3, NET_READ_INTERFACES, &arena, &stats, &err), -1);
        assert_int_equal(err.code, E_NO_MEMORY);
        fixture_remove(&fixture);
}

static void sockets_need_no_memory(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf text;
        arena_init(&arena, 1);
        buf_init(&text, 64 << 20);
        fixture_make(&fixture);
        buf_puts(&text, tcp_header);
        for (int i = 0; i < 100000; i++)
                buf_printf(&text,
                        "%4d: 0100007F:%04X 0100007F:1F90 %02X 00000000:00000000 00:00000000 00000000     0        0 "
                        "%d 1 0000000000000000 20 4 30 10 -1\n",
                        i, i & 0xffff, i % 11 + 1, i);
        fixture_text(&fixture, "3/net/tcp6", buf_text(&text));
        struct net_stats stats = read_stats(fixture.root, 3, NET_READ_TCP, &arena);
        uint64_t sum = 0;
        for (int i = 0; i < NET_TCP_STATES; i++)
                sum += stats.tcp6.states[i];
        assert_int_equal(sum, 100000);
        assert_int_equal(stats.tcp6.states[NET_TCP_ESTABLISHED], 9091);
        assert_int_equal(stats.tcp.states[NET_TCP_ESTABLISHED], 0);
        assert_int_equal(arena.used, 0);
        fixture_remove(&fixture);
}

static uint64_t advanced(const struct net_stats *stats, const char *name)
{
        for (size_t i = 0; net_advanced_names[i]; i++)
                if (strcmp(net_advanced_names[i], name) == 0)
                        return stats->advanced.values[i];
        fail_msg("no counter %s", name);
        return 0;
}

static void counters_of_tcp(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1024);
        fixture_make(&fixture);
        fixture_text(&fixture, "3/net/snmp",
                "Ip: Forwarding DefaultTTL\nIp: 1 64\n"
                "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens InSegs NewOne\nTcp: 1 200 120000 -1 10 77 5\n"
                "Udp: InDatagrams\nUdp: 9\n");
        fixture_text(&fixture, "3/net/netstat",
                "TcpExt: TCPOrigDataSent SyncookiesSent TW ListenDrops\nTcpExt: 44 11 22 33\n"
                "IpExt: InNoRoutes\nIpExt: 0\n");
        struct net_stats stats = read_stats(fixture.root, 3, NET_READ_ADVANCED, &arena);
        assert_true(stats.has_advanced);
        assert_int_equal(advanced(&stats, "RtoAlgorithm"), 1);
        assert_int_equal(advanced(&stats, "RtoMax"), 120000);
        assert_true((int64_t)advanced(&stats, "MaxConn") == -1);
        assert_int_equal(advanced(&stats, "InSegs"), 77);
        assert_int_equal(advanced(&stats, "TCPOrigDataSent"), 44); /* the order is not ours */
        assert_int_equal(advanced(&stats, "SyncookiesSent"), 11);
        assert_int_equal(advanced(&stats, "ListenDrops"), 33);
        assert_int_equal(advanced(&stats, "PAWSEstab"), 0);
        assert_int_equal(stats.refused, 0);

        fixture_text(&fixture, "3/net/netstat", "TcpExt: TW ListenDrops\nTcpExt: 22\nIpExt: A\nTcpExt: 1\nTcpExt:\n");
        stats = read_stats(fixture.root, 3, NET_READ_ADVANCED, &arena);
        assert_int_equal(stats.refused, 2);
        fixture_remove(&fixture);
}

static void a_process_that_is_gone(void **state)
{
        (void)state;
        struct fixture fixture;
        struct net_stats stats;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1024);
        fixture_make(&fixture);
        assert_int_equal(net_stats_read(fixture.root, 9, NET_READ_INTERFACES | NET_READ_TCP, &arena, &stats, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        /* a kernel without IPv6, and without /proc/net/netstat */
        fixture_text(&fixture, "9/net/tcp", tcp_header);
        stats = read_stats(fixture.root, 9, NET_READ_TCP | NET_READ_ADVANCED, &arena);
        assert_true(stats.has_tcp);
        assert_false(stats.has_advanced);
        fixture_remove(&fixture);
}

/* A kernel that says that there is no connection is believed: its table is not walked. */
static void nothing_to_be_found(void **state)
{
        (void)state;
        struct fixture fixture;
        cleanup(arena_done) struct arena arena;
        cleanup(buf_done) struct buf text;
        arena_init(&arena, 1024);
        buf_init(&text, 1 << 16);
        fixture_make(&fixture);
        buf_puts(&text, tcp_header);
        buf_puts(&text, "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n");
        fixture_text(&fixture, "3/net/tcp", buf_text(&text));
        fixture_text(&fixture, "3/net/tcp6", buf_text(&text));
        fixture_text(&fixture, "3/net/sockstat", "sockets: used 5\nTCP: inuse 0 orphan 0 tw 0 alloc 9 mem 0\n");
        fixture_text(&fixture, "3/net/sockstat6", "TCP6: inuse 1\n");
        struct net_stats stats = read_stats(fixture.root, 3, NET_READ_TCP, &arena);
        assert_true(stats.has_tcp);
        assert_int_equal(stats.tcp.states[NET_TCP_LISTEN], 0);
        assert_int_equal(stats.tcp6.states[NET_TCP_LISTEN], 1);
        fixture_text(&fixture, "3/net/sockstat", "TCP: inuse 0 orphan 0 tw 1 alloc 9 mem 0\n");
        stats = read_stats(fixture.root, 3, NET_READ_TCP, &arena);
        assert_int_equal(stats.tcp.states[NET_TCP_LISTEN], 1); /* one in TIME_WAIT somewhere */
        fixture_remove(&fixture);
}

static void loopback_up(void)
{
        struct ifreq request = { .ifr_flags = IFF_UP };
        cleanup(fd_close) int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        memcpy(request.ifr_name, "lo", 3);
        if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
                _exit(2);
}

/* In a namespace of its own: three listeners (one IPv6), a connection, two UDP sockets. */
static void live_in_namespace(int ready, int stop)
{
        char byte = 0;
        if (unshare(CLONE_NEWNET) < 0)
                _exit(77);
        loopback_up();
        struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t size = sizeof(any);
        int first = socket(AF_INET, SOCK_STREAM, 0);
        int second = socket(AF_INET, SOCK_STREAM, 0);
        int third = socket(AF_INET6, SOCK_STREAM, 0);
        if (bind(first, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(first, 5) < 0 || listen(second, 5) < 0 ||
                bind(third, (struct sockaddr *)&any6, sizeof(any6)) < 0 || listen(third, 5) < 0 ||
                getsockname(first, (struct sockaddr *)&any, &size) < 0)
                _exit(3);
        int client = socket(AF_INET, SOCK_STREAM, 0);
        int udp = socket(AF_INET, SOCK_DGRAM, 0);
        int udp6 = socket(AF_INET6, SOCK_DGRAM, 0);
        if (connect(client, (struct sockaddr *)&any, sizeof(any)) < 0 || accept(first, NULL, NULL) < 0 ||
                connect(udp, (struct sockaddr *)&any, sizeof(any)) < 0 ||
                bind(udp6, (struct sockaddr *)&(struct sockaddr_in6){ .sin6_family = AF_INET6 }, sizeof(any6)) < 0)
                _exit(4);
        if (write(ready, &byte, 1) != 1 || read(stop, &byte, 1) < 0)
                _exit(5);
        _exit(0);
}

static void this_kernel(void **state)
{
        (void)state;
        int ready[2];
        int stop[2];
        char byte;
        assert_int_equal(pipe(ready), 0);
        assert_int_equal(pipe(stop), 0);
        pid_t child = fork();
        if (child == 0) {
                close(stop[1]);
                close(ready[0]);
                live_in_namespace(ready[1], stop[0]);
        }
        close(ready[1]);
        bool there = read(ready[0], &byte, 1) == 1;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 64 * 1024);
        if (there) {
                cleanup(fd_close) int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
                struct net_stats stats = read_stats(
                        proc, child, NET_READ_INTERFACES | NET_READ_TCP | NET_READ_UDP | NET_READ_ADVANCED, &arena);
                assert_int_equal(stats.tcp.states[NET_TCP_LISTEN], 2);
                assert_int_equal(stats.tcp.states[NET_TCP_ESTABLISHED], 2);
                assert_int_equal(stats.tcp6.states[NET_TCP_LISTEN], 1);
                assert_int_equal(stats.udp.listen, 1);
                assert_int_equal(stats.udp6.listen, 1);
                assert_int_equal(advanced(&stats, "ActiveOpens"), 1);
                assert_int_equal(advanced(&stats, "PassiveOpens"), 1);
                assert_true(stats.has_interfaces);
                assert_int_equal(stats.refused, 0);
                close(stop[1]);
                /* a zombie has left its namespaces */
                siginfo_t ended;
                assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
                assert_int_equal(net_stats_read(proc, child, NET_READ_INTERFACES, &arena, &stats, &err), -1);
                assert_int_equal(err.code, E_NOT_FOUND);
        } else {
                close(stop[1]);
        }
        int status;
        waitpid(child, &status, 0);
        close(ready[0]);
        close(stop[0]);
        if (!there) {
                print_message("# skipped: needs a network namespace\n");
                skip();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(interfaces_of_cadvisors_sample),
                cmocka_unit_test(udp_of_cadvisors_sample),
                cmocka_unit_test(names_that_are_left_out),
                cmocka_unit_test(an_interface_line_that_is_none),
                cmocka_unit_test(a_bad_line_costs_itself_only),
                cmocka_unit_test(many_interfaces),
                cmocka_unit_test(sockets_need_no_memory),
                cmocka_unit_test(counters_of_tcp),
                cmocka_unit_test(a_process_that_is_gone),
                cmocka_unit_test(nothing_to_be_found),
                cmocka_unit_test(this_kernel),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
