/* The pure parsers of node_exporter's collectors: what a kernel writes, and what it does not. */
#include "modules/metrics/node/node_parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

static void assert_sv(struct sv given, const char *expected)
{
        assert_int_equal(given.n, strlen(expected));
        assert_memory_equal(given.p, expected, given.n);
}

static void test_cpu_line(void **state)
{
        (void)state;
        uint32_t cpu;
        uint64_t ticks[10];
        assert_true(cpu_line_parse(SV("cpu17 1 2 3 4 5 6 7 8 9 10"), &cpu, ticks));
        assert_int_equal(cpu, 17);
        for (uint64_t i = 0; i < 10; i++)
                assert_int_equal(ticks[i], i + 1);
        assert_true(cpu_line_parse(SV("cpu0 1 2 3 4"), &cpu, ticks)); /* Linux 2.4 */
        assert_int_equal(ticks[4], 0);
        assert_false(cpu_line_parse(SV("cpu  1 2 3 4 5 6 7 8 9 10"), &cpu, ticks)); /* all together */
        assert_false(cpu_line_parse(SV("cpu0 1 2 3"), &cpu, ticks));
        assert_false(cpu_line_parse(SV("cpu0 1 2 x 4"), &cpu, ticks));
        assert_false(cpu_line_parse(SV("cpu4294967296 1 2 3 4"), &cpu, ticks));
        assert_false(cpu_line_parse(SV("ctxt 1 2 3 4"), &cpu, ticks));
}

struct listed {
        uint32_t cpus[16];
        size_t count;
};

static void list(uint32_t cpu, void *cookie)
{
        struct listed *listed = cookie;
        if (listed->count < 16)
                listed->cpus[listed->count] = cpu;
        listed->count++;
}

static void test_cpu_list(void **state)
{
        (void)state;
        struct listed listed = { .count = 0 };
        assert_true(cpu_list_parse(SV("1,3-5,9\n"), list, &listed));
        assert_int_equal(listed.count, 5);
        assert_memory_equal(listed.cpus, ((uint32_t[]){ 1, 3, 4, 5, 9 }), 20);
        listed.count = 0;
        assert_true(cpu_list_parse(SV("\n"), list, &listed)); /* none, as most machines say */
        assert_int_equal(listed.count, 0);
        assert_true(cpu_list_parse(SV("0-18446744073709551615"), list, &listed));
        assert_int_equal(listed.count, CPU_LIST_MAX);
        assert_false(cpu_list_parse(SV("1,,2"), list, &listed));
        assert_false(cpu_list_parse(SV("1-"), list, &listed));
        assert_false(cpu_list_parse(SV("a"), list, &listed));
}

static void test_cpuinfo(void **state)
{
        (void)state;
        struct cpuinfo cpu;
        struct sv rest =
                SV("processor\t: 0\nvendor_id\t: Made\nmodel name\t: Up: 1\ncpu MHz\t\t: 799.998\n"
                   "cache size\t: 8192 KB\nflags\t\t: a b\n\nprocessor\t: 1\nFeatures\t: fp\n\n\nHardware\t: x\n");
        assert_true(cpuinfo_next(&rest, &cpu));
        assert_sv(cpu.processor, "0");
        assert_sv(cpu.vendor, "Made");
        assert_sv(cpu.model_name, "Up: 1");
        assert_sv(cpu.mhz, "799.998");
        assert_sv(cpu.cache_size, "8192 KB");
        assert_sv(cpu.flags, "a b");
        assert_int_equal(cpu.microcode.n, 0);
        assert_true(cpuinfo_next(&rest, &cpu));
        assert_sv(cpu.processor, "1");
        assert_sv(cpu.flags, "fp");
        assert_false(cpuinfo_next(&rest, &cpu)); /* arm's last block is no processor */
}

static void test_diskstats(void **state)
{
        (void)state;
        struct diskstats_line disk;
        assert_true(diskstats_parse(SV("   8      16 sdb 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"), &disk));
        assert_int_equal(disk.major, 8);
        assert_int_equal(disk.minor, 16);
        assert_sv(disk.device, "sdb");
        assert_int_equal(disk.count, 17);
        assert_int_equal(disk.fields[16], 17);
        assert_true(diskstats_parse(SV("8 0 sda 1 2 3 4 5 6 7 8 9 10 11"), &disk));
        assert_int_equal(disk.count, 11);
        assert_true(diskstats_parse(SV("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), &disk));
        assert_int_equal(disk.count, 15);
        assert_true(
                diskstats_parse(SV("8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19"), &disk)); /* of later */
        assert_int_equal(disk.count, 17);
        assert_false(diskstats_parse(SV("3 1 hda1 1 2 3 4"), &disk)); /* partitions before 2.6.25 */
        assert_false(diskstats_parse(SV("8 0 sda 1 2 3 4 5 6 7 8 9 10 -11"), &disk));
        assert_false(diskstats_parse(SV(""), &disk));
}

static void test_file_nr(void **state)
{
        (void)state;
        double allocated;
        double maximum;
        assert_true(file_nr_parse(SV("1024\t0\t1631329\n"), &allocated, &maximum));
        assert_true(allocated == 1024 && maximum == 1631329);
        assert_true(file_nr_parse(SV("1\t0\t9223372036854775807\n"), &allocated, &maximum));
        assert_true(maximum == 9223372036854775807.0);
        assert_false(file_nr_parse(SV("1024\t0\n"), &allocated, &maximum));
}

static void test_schedstat(void **state)
{
        (void)state;
        struct schedstat_line stat;
        assert_true(schedstat_parse(SV("cpu12 1 2 3 4 5 6 7 8 9"), &stat));
        assert_sv(stat.cpu, "12");
        assert_int_equal(stat.running_ns, 7);
        assert_int_equal(stat.waiting_ns, 8);
        assert_int_equal(stat.timeslices, 9);
        assert_false(schedstat_parse(SV("cpu0 1 2 3 4 5 6 7 8"), &stat));
        assert_false(schedstat_parse(SV("domain0 00000003 1 2 3 4 5 6 7 8 9"), &stat));
        assert_false(schedstat_parse(SV("version 15"), &stat));
}

static void test_softnet(void **state)
{
        (void)state;
        struct softnet_line stat;
        assert_true(softnet_parse(
                SV("0000000a 0000000b 0000000c 0 0 0 0 0 0000000d 0000000e 0000000f 00000010 00000005 0 0"), 3, &stat));
        assert_int_equal(stat.processed, 10);
        assert_int_equal(stat.dropped, 11);
        assert_int_equal(stat.squeezed, 12);
        assert_int_equal(stat.collisions, 13);
        assert_int_equal(stat.received_rps, 14);
        assert_int_equal(stat.flow_limit, 15);
        assert_int_equal(stat.backlog, 16);
        assert_int_equal(stat.cpu, 5);
        assert_true(softnet_parse(SV("1 2 3 4 5 6 7 8 9"), 3, &stat)); /* Linux 2.6.23 */
        assert_int_equal(stat.cpu, 3);
        assert_int_equal(stat.flow_limit, 0);
        assert_false(softnet_parse(SV("1 2 3 4 5 6 7 8"), 0, &stat));
        assert_false(softnet_parse(SV("1 2 3 4 5 6 7 8 100000000"), 0, &stat));
}

static void test_conntrack(void **state)
{
        (void)state;
        uint64_t fields[CONNTRACK_FIELDS];
        /* the columns of Linux 5.10 and later: clashres and chainlength stand where others stood */
        assert_true(conntrack_parse(
                SV("entries  clashres found new invalid ignore delete chainlength insert insert_failed "
                   "drop early_drop icmp_error  expect_new expect_create expect_delete search_restart\n"
                   "00000021  1 2 3 4 5 6 7 8 9 a b c  d e f 10\n00000021  1 2 3 4 5 6 7 8 9 a b c  d e f 10\n"),
                fields));
        assert_memory_equal(fields, ((uint64_t[]){ 4, 8, 10, 16, 18, 20, 22, 32 }), sizeof(fields));
        assert_true(conntrack_parse(SV("entries found\n1 2\n"), fields));
        assert_int_equal(fields[CONNTRACK_FOUND], 2);
        assert_int_equal(fields[CONNTRACK_DROP], 0);
        assert_false(conntrack_parse(SV("entries found\n1 z\n"), fields));
        assert_false(conntrack_parse(SV(""), fields));
}

static void test_udp_queues(void **state)
{
        (void)state;
        uint64_t tx;
        uint64_t rx;
        assert_true(udp_queues_parse(SV("  sl  local_address rem_address   st tx_queue rx_queue tr\n"
                                        "   0: 00000000:0016 00000000:0000 0A 00000015:00000001 00:00000000\n"
                                        " 123: 00000000:0016 00000000:0000 0A 00000001:00000010 00:00000000\n"),
                &tx, &rx));
        assert_int_equal(tx, 0x16);
        assert_int_equal(rx, 0x11);
        assert_true(udp_queues_parse(SV("  sl  local_address\n"), &tx, &rx));
        assert_int_equal(tx, 0);
        assert_false(udp_queues_parse(SV("  sl\n 0: 00000000:0016 00000000:0000 0A 0000001500000001 0\n"), &tx, &rx));
        assert_false(udp_queues_parse(SV("  sl\n 0: 00000000:0016\n"), &tx, &rx));
        assert_false(udp_queues_parse(SV(""), &tx, &rx));
}

static void join(struct sv protocol, struct sv name, struct sv value, void *cookie)
{
        char *into = cookie;
        size_t length = strlen(into);
        snprintf(into + length, 256 - length, "%.*s_%.*s=%.*s;", SV_ARG(protocol), SV_ARG(name), SV_ARG(value));
}

static void test_netstat(void **state)
{
        (void)state;
        char into[256] = "";
        assert_true(netstat_parse(SV("Tcp: MaxConn ActiveOpens\nTcp: -1 12\nUdp: NoPorts\nUdp: 7\n"), join, into));
        assert_string_equal(into, "Tcp_MaxConn=-1;Tcp_ActiveOpens=12;Udp_NoPorts=7;");
        assert_false(netstat_parse(SV("Tcp: A B\nTcp: 1\n"), join, into));
        assert_false(netstat_parse(SV("Tcp: A\nTcp: 1 2\n"), join, into));
        assert_false(netstat_parse(SV("Tcp: A\nUdp: 1\n"), join, into));
        assert_false(netstat_parse(SV("Tcp: A\n"), join, into));
        *into = '\0';
        assert_true(snmp6_parse(SV("Ip6InReceives   \t7\nUdpLite6InErrors 0\nother 5\nalone\n"), join, into));
        assert_string_equal(into, "Ip6_InReceives=7;UdpLite6_InErrors=0;");
}

static void test_small_lines(void **state)
{
        (void)state;
        struct sv name;
        struct sv value;
        assert_true(vmstat_line_parse(SV("pgfault 12"), &name, &value));
        assert_sv(name, "pgfault");
        assert_sv(value, "12");
        assert_false(vmstat_line_parse(SV("pgfault"), &name, &value));
        assert_true(arp_line_parse(SV("10.0.0.1 0x1 0x2 02:00:00:00:00:01 * veth0"), &name));
        assert_sv(name, "veth0");
        assert_false(arp_line_parse(SV("IP address       HW type     Flags"), &name));
        assert_false(arp_line_parse(SV(""), &name));
        assert_true(udev_line_parse(SV("E:ID_MODEL=a=b"), &name, &value));
        assert_sv(name, "ID_MODEL");
        assert_sv(value, "a=b");
        assert_false(udev_line_parse(SV("S:disk/by-id/x=y"), &name, &value));
        assert_false(udev_line_parse(SV("E:ALONE"), &name, &value));
}

static void test_netdev_line(void **state)
{
        (void)state;
        struct netdev_counters dev;
        struct sv name;
        assert_true(netdev_line_parse(SV("  eth0:1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), &name, &dev));
        assert_sv(name, "eth0");
        assert_int_equal(dev.rx_bytes, 1);
        assert_int_equal(dev.rx_packets, 2);
        assert_int_equal(dev.multicast, 8);
        assert_int_equal(dev.tx_bytes, 9);
        assert_int_equal(dev.tx_compressed, 16);
        assert_false(dev.has_nohandler);
        assert_true(netdev_line_parse(SV("eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"), &name, &dev));
        assert_sv(name, "eth0:1");
        assert_false(netdev_line_parse(SV("eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"), &name, &dev));
        assert_false(netdev_line_parse(SV(" face |bytes"), &name, &dev));
}

/* One RTM_NEWLINK's payload. */
static size_t message(char *into, const char *name, size_t stats_size)
{
        struct ifinfomsg head = { .ifi_index = 1 };
        struct rtattr attribute = { .rta_type = IFLA_IFNAME, .rta_len = (unsigned short)(4 + strlen(name) + 1) };
        struct rtnl_link_stats64 stats = { .rx_packets = 1,
                .rx_errors = 2,
                .rx_dropped = 3,
                .rx_missed_errors = 4,
                .rx_frame_errors = 5,
                .rx_length_errors = 6,
                .rx_over_errors = 7,
                .rx_crc_errors = 8,
                .tx_carrier_errors = 9,
                .tx_aborted_errors = 10,
                .tx_heartbeat_errors = 11,
                .tx_window_errors = 12,
                .rx_nohandler = 13 };
        size_t n = sizeof(head);
        memcpy(into, &head, sizeof(head));
        memcpy(into + n, &attribute, sizeof(attribute));
        memcpy(into + n + 4, name, strlen(name) + 1);
        n += RTA_ALIGN(attribute.rta_len);
        attribute.rta_type = IFLA_STATS64;
        attribute.rta_len = (unsigned short)(4 + stats_size);
        memcpy(into + n, &attribute, sizeof(attribute));
        memcpy(into + n + 4, &stats, stats_size);
        return n + RTA_ALIGN(attribute.rta_len);
}

static void test_netdev_message(void **state)
{
        (void)state;
        char bytes[512] __attribute__((aligned(8))) = "";
        char device[IF_NAMESIZE];
        struct netdev_counters dev;
        size_t n = message(bytes, "veth0", sizeof(struct rtnl_link_stats64));
        assert_true(netdev_message_parse(sv_n(bytes, n), device, &dev));
        assert_string_equal(device, "veth0");
        assert_int_equal(dev.rx_packets, 1);
        assert_int_equal(dev.rx_errors, 2);
        assert_int_equal(dev.rx_dropped, 3 + 4);
        assert_int_equal(dev.rx_frame, 5 + 6 + 7 + 8);
        assert_int_equal(dev.tx_carrier, 9 + 10 + 11 + 12);
        assert_int_equal(dev.rx_nohandler, 13);
        assert_true(dev.has_nohandler);
        /* an older kernel's are shorter */
        n = message(bytes, "veth0", offsetof(struct rtnl_link_stats64, rx_nohandler));
        assert_true(netdev_message_parse(sv_n(bytes, n), device, &dev));
        assert_int_equal(dev.rx_nohandler, 0);
        for (size_t cut = 0; cut < n; cut++)
                assert_false(netdev_message_parse(sv_n(bytes, cut), device, &dev));
}

static void test_hwmon_name(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                bool valid;
                const char *type;
                uint32_t number;
                const char *property;
        } rows[] = {
                { "temp1_crit_alarm", true, "temp", 1, "crit_alarm" },
                { "in0_input", true, "in", 0, "input" },
                { "pwm1", true, "pwm", 1, "" },
                { "pwm1_auto_point1_pwm", true, "pwm", 1, "auto_point1_pwm" },
                { "update_interval", true, "update_interval", 0, "" },
                { "beep_enable", true, "beep_enable", 0, "" },
                { "temp", true, "temp", 0, "" },
                { "temp1input", false, NULL, 0, NULL },
                { "temp1_", false, NULL, 0, NULL },
                { "1temp", false, NULL, 0, NULL },
                { "temp99999999999999999999_input", false, NULL, 0, NULL },
                { "temp4294967295_input", false, NULL, 0, NULL },
                { "", false, NULL, 0, NULL },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct sv type;
                struct sv property;
                uint32_t number;
                assert_int_equal(hwmon_name_parse(sv_of(rows[i].name), &type, &number, &property), rows[i].valid);
                if (!rows[i].valid)
                        continue;
                assert_sv(type, rows[i].type);
                assert_sv(property, rows[i].property);
                assert_int_equal(number, rows[i].number);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cpu_line),
                cmocka_unit_test(test_cpu_list),
                cmocka_unit_test(test_cpuinfo),
                cmocka_unit_test(test_diskstats),
                cmocka_unit_test(test_file_nr),
                cmocka_unit_test(test_schedstat),
                cmocka_unit_test(test_softnet),
                cmocka_unit_test(test_conntrack),
                cmocka_unit_test(test_udp_queues),
                cmocka_unit_test(test_netstat),
                cmocka_unit_test(test_small_lines),
                cmocka_unit_test(test_netdev_line),
                cmocka_unit_test(test_netdev_message),
                cmocka_unit_test(test_hwmon_name),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
