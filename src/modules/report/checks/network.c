/* Checks: what waits for connections, and whether packets get lost. */
#include "modules/report/checks/checks.h"

#include "linux/socket_owner.h"
#include "linux/sockets.h"

#include <sys/stat.h>

static uint64_t grown(uint64_t before, uint64_t after)
{
        return after > before ? after - before : 0;
}

static void check_listen_queues(struct look *look, struct finding *finding)
{
        const struct report_sample *before = &look->before, *after = &look->after;
        if (!after->has_tcp) {
                finding_blind(finding, "/proc/net/netstat", "not readable");
                return;
        }
        uint64_t drops = after->listen_drops, opens = after->passive_opens;
        uint64_t now = before->has_tcp ? grown(before->listen_drops, drops) : 0;
        if (now == 0 && (drops == 0 || drops * 1000 < opens)) /* one in a thousand: a burst some time ago */
                return;
        finding_say(finding,
                now                    ? REPORT_MEDIUM
                : drops * 100 >= opens ? REPORT_LOW
                                       : REPORT_INFO,
                "Connections were refused because a service did not take them in time");
        finding_show(finding, REPORT_INFO, "%llu dropped (%llu queues full) and %llu taken since the boot, %llu now",
                (unsigned long long)drops, (unsigned long long)after->listen_overflows, (unsigned long long)opens,
                (unsigned long long)now);
}

static void check_retransmits(struct look *look, struct finding *finding)
{
        enum { ENOUGH = 10000 }; /* segments, for a share to mean something */
        const struct report_sample *after = &look->after;
        if (!after->has_tcp) {
                finding_blind(finding, "/proc/net/snmp", "not readable");
                return;
        }
        double percent = after->segments_out ? (double)after->retransmits * 100 / (double)after->segments_out : 0;
        if (after->segments_out < ENOUGH || percent < 5)
                return;
        finding_say(finding, percent >= 15 ? REPORT_MEDIUM : REPORT_LOW,
                "%.1f %% of what is sent over TCP has to be sent again", percent);
        finding_show(finding, REPORT_LOW, "%llu of %llu segments since the boot",
                (unsigned long long)after->retransmits, (unsigned long long)after->segments_out);
}

/* "  eth0: BYTES PACKETS ERRORS DROPS …8 of them… BYTES PACKETS ERRORS …" */
static void judge_interface(struct finding *finding, struct sv line)
{
        enum { COLUMNS = 16, RECEIVE_PACKETS = 1, RECEIVE_ERRORS = 2, SEND_PACKETS = 9, SEND_ERRORS = 10 };
        uint64_t values[COLUMNS];
        struct sv name = sv_trim(sv_n(line.p, sv_find(line, ':'))), word;
        if (name.n + 1 >= line.n)
                return;
        line = sv_n(line.p + sv_find(line, ':') + 1, line.n - sv_find(line, ':') - 1);
        for (size_t i = 0; i < COLUMNS; i++)
                if (!sv_word(&line, &word) || !sv_parse_u64(word, 10, &values[i]))
                        return;
        uint64_t packets = values[RECEIVE_PACKETS] / 2 + values[SEND_PACKETS] / 2; /* halves: the sum may overflow */
        uint64_t errors = values[RECEIVE_ERRORS] / 2 + values[SEND_ERRORS] / 2;
        uint64_t whole = packets * 2;
        if (errors < 25 || errors < packets / 1000)
                return;
        finding_show(finding, errors > packets / 50 ? REPORT_MEDIUM : REPORT_LOW,
                "%.*s: %llu errors receiving, %llu sending, %llu packets", SV_ARG(name),
                (unsigned long long)values[RECEIVE_ERRORS], (unsigned long long)values[SEND_ERRORS],
                (unsigned long long)whole);
}

static void check_interfaces(struct look *look, struct finding *finding)
{
        struct sv text, line;
        if (look_file(look, finding, "proc/net/dev", REPORT_TEXT_MAX, &text) != LOOK_READ) {
                finding_blind(finding, "/proc/net/dev", "not readable");
                return;
        }
        while (text.n && sv_line(&text, &line))
                if (sv_find(line, ':') < line.n)
                        judge_interface(finding, line);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_LOW, "A network interface loses packets by errors");
}

static void check_promiscuous(struct look *look, struct finding *finding)
{
        enum { PROMISCUOUS = 0x100 }; /* IFF_PROMISC, netdevice(7) */
        struct stat st;
        unsigned count = 0;
        struct string_list names = look_names(look, finding, "sys/class/net");
        list_foreach (name, &names) {
                struct sv flags = look_line(look, look_text(look, "sys/class/net/%s/flags", *name));
                uint64_t bits;
                if (!sv_starts(flags, SV("0x")) || !sv_parse_u64(sv_n(flags.p + 2, flags.n - 2), 16, &bits) ||
                        !(bits & PROMISCUOUS))
                        continue;
                /* a port of a bridge or a bond has to take everything */
                if (fstatat(look->root, look_text(look, "sys/class/net/%s/master", *name), &st, 0) == 0)
                        continue;
                count++;
                finding_show(finding, REPORT_LOW, "%s", *name);
        }
        if (count)
                finding_say(finding, REPORT_LOW, "%u %s to the packets of others (promiscuous)", count,
                        count == 1 ? "interface listens" : "interfaces listen");
}

static void check_connections(struct look *look, struct finding *finding)
{
        uint64_t used, max;
        if (!look_number(look, "proc/sys/net/netfilter/nf_conntrack_count", &used) ||
                !look_number(look, "proc/sys/net/netfilter/nf_conntrack_max", &max) || max == 0) {
                finding_absent(finding);
                return;
        }
        double percent = (double)used * 100 / (double)max;
        if (percent < 80)
                return;
        finding_say(finding, percent >= 95 ? REPORT_HIGH : REPORT_MEDIUM,
                "The firewall's table of connections is %.0f %% full: beyond it packets are dropped", percent);
        finding_show(finding, REPORT_MEDIUM, "%llu of %llu", (unsigned long long)used, (unsigned long long)max);
}

/* Services that ask nobody who they are, as they come, or that hand out the host. */
static const struct service {
        uint16_t port;
        enum report_severity severity;
        const char *what;
} services[] = {
        { 23, REPORT_MEDIUM, "telnet: passwords in clear text" },
        { 111, REPORT_INFO, "rpcbind" },
        { 512, REPORT_MEDIUM, "rexec" },
        { 513, REPORT_MEDIUM, "rlogin" },
        { 514, REPORT_MEDIUM, "rsh" },
        { 873, REPORT_LOW, "rsync" },
        { 2049, REPORT_LOW, "NFS" },
        { 2375, REPORT_HIGH, "Docker without TLS: whoever connects is root" },
        { 2379, REPORT_MEDIUM, "etcd" },
        { 3306, REPORT_LOW, "MySQL" },
        { 5432, REPORT_LOW, "PostgreSQL" },
        { 5900, REPORT_LOW, "VNC" },
        { 6000, REPORT_MEDIUM, "X11" },
        { 6379, REPORT_MEDIUM, "Redis: no password as it comes" },
        { 9200, REPORT_MEDIUM, "Elasticsearch" },
        { 10255, REPORT_MEDIUM, "kubelet, open for reading" },
        { 11211, REPORT_MEDIUM, "memcached: no password" },
        { 27017, REPORT_MEDIUM, "MongoDB: no password as it comes" },
        { 0 },
};

/* The same over UDP. Who answers more than it was asked serves to flood others, whose address the question bears. */
static const struct service datagram_services[] = {
        { 19, REPORT_MEDIUM, "chargen: floods others" },
        { 53, REPORT_INFO, "DNS" },
        { 68, REPORT_INFO, "DHCP client" },
        { 69, REPORT_MEDIUM, "TFTP: files without a password" },
        { 111, REPORT_LOW, "rpcbind: answers more than it is asked" },
        { 123, REPORT_INFO, "NTP" },
        { 137, REPORT_LOW, "NetBIOS" },
        { 161, REPORT_LOW, "SNMP: a word that all know opens versions 1 and 2" },
        { 389, REPORT_LOW, "LDAP: answers more than it is asked" },
        { 514, REPORT_LOW, "syslog: takes log lines of anybody" },
        { 623, REPORT_MEDIUM, "IPMI" },
        { 1900, REPORT_LOW, "SSDP: answers more than it is asked" },
        { 5353, REPORT_INFO, "mDNS" },
        { 11211, REPORT_HIGH, "memcached: no password, floods others" },
        { 51820, REPORT_INFO, "WireGuard" },
        { 0 },
};

struct listening {
        const struct service *services;
        uint16_t ephemeral_min, ephemeral_max; /* UDP: a port of these is a client's, unless it is a known service's */
        unsigned state;
        struct look *look;
        struct finding *finding;
        struct socket_owners *owners;
        unsigned count;
        uint16_t seen[1024]; /* ports shown: the same one of IPv4 and IPv6 is one service */
        size_t seen_count;
};

static const char *owner_name(const struct listening *listening, uint64_t inode)
{
        size_t count;
        const struct socket_owner *owner = socket_owners_find(listening->owners, inode, &count);
        const struct look *look = listening->look;
        for (size_t i = 0; owner && i < look->processes.count; i++)
                if (look->processes.items[i].pid == owner->pid)
                        return look->processes.items[i].name;
        return "unknown process";
}

static int each_socket(const struct socket_entry *entry, void *cookie)
{
        struct listening *listening = cookie;
        static const uint8_t any[16];
        const uint16_t port = entry->local.port;
        bool all = memcmp(entry->local.address, any, entry->family == AF_INET ? 4 : 16) == 0;
        if (!all || port == 0 || entry->state != listening->state)
                return 0;
        for (size_t i = 0; i < listening->seen_count; i++)
                if (listening->seen[i] == port)
                        return 0;
        const struct service *service = listening->services;
        while (service->port && service->port != port)
                service++;
        if (!service->port && port >= listening->ephemeral_min && port <= listening->ephemeral_max)
                return 0;
        if (listening->seen_count < sizeof(listening->seen) / sizeof(*listening->seen))
                listening->seen[listening->seen_count++] = port;
        const char *what = service->what;
        listening->count++;
        finding_show(listening->finding, service->port ? service->severity : REPORT_INFO, "port %u: %s%s%s%s", port,
                owner_name(listening, entry->inode), what ? " (" : "", what ? what : "", what ? ")" : "");
        return 0;
}

static void look_for_services(struct listening *listening, unsigned protocol)
{
        struct error err;
        struct sockets_result result;
        struct socket_owners owners = { 0 };
        struct look *look = listening->look;
        listening->owners = &owners;
        if (socket_owners_scan(look->root, SOCKET_OWNERS_MAX, &owners, &err) < 0)
                memset(&owners, 0, sizeof(owners));
        if (sockets_read_proc(look->root, "proc/net", protocol, 1u << listening->state, each_socket, listening, &result,
                    &err) < 0)
                finding_blind(
                        listening->finding, protocol == SOCKETS_TCP ? "/proc/net/tcp" : "/proc/net/udp", err.message);
        socket_owners_done(&owners);
}

static void check_listening(struct look *look, struct finding *finding)
{
        struct listening listening = {
                .services = services, .ephemeral_min = 1, .state = SOCKET_LISTEN, .look = look, .finding = finding
        };
        look_for_services(&listening, SOCKETS_TCP);
        if (listening.count)
                finding_say(finding, REPORT_INFO, "%u %s from every address of this host", listening.count,
                        listening.count == 1 ? "service can be reached" : "services can be reached");
}

/* UDP knows no listening: what is bound and not connected takes from anybody. So does a client that waits for an answer
 * on a port that the kernel gave it. */
static void check_datagrams(struct look *look, struct finding *finding)
{
        struct listening listening = { .services = datagram_services,
                .ephemeral_min = 32768, /* ip(7), ip_local_port_range */
                .ephemeral_max = 60999,
                .state = SOCKET_CLOSE,
                .look = look,
                .finding = finding };
        struct sv range = look_line(look, "proc/sys/net/ipv4/ip_local_port_range"), first, last;
        uint64_t min, max;
        if (sv_word(&range, &first) && sv_word(&range, &last) && sv_parse_u64(first, 10, &min) &&
                sv_parse_u64(last, 10, &max) && min <= max && max <= UINT16_MAX) {
                listening.ephemeral_min = (uint16_t)min;
                listening.ephemeral_max = (uint16_t)max;
        }
        look_for_services(&listening, SOCKETS_UDP);
        if (listening.count)
                finding_say(finding, REPORT_INFO, "%u %s from every address of this host over UDP", listening.count,
                        listening.count == 1 ? "service can be reached" : "services can be reached");
}

const struct report_check report_network_checks[] = {
        { "listen-queues", AREA_NETWORK, check_listen_queues, "Services take connections in time", "tarsier sockstat",
                true },
        { "retransmits", AREA_NETWORK, check_retransmits, "TCP gets through", "tarsier sockstat", true },
        { "interface-errors", AREA_NETWORK, check_interfaces, "Network interfaces work without errors", "tarsier host",
                false },
        { "promiscuous", AREA_NETWORK, check_promiscuous, "No interface listens to the packets of others",
                "tarsier netstat --all", false },
        { "connection-table", AREA_NETWORK, check_connections, "The firewall's table of connections has room",
                "tarsier sockstat", false },
        { "listening", AREA_NETWORK, check_listening, "No service can be reached from every address",
                "tarsier netstat --all", false },
        { "listening-udp", AREA_NETWORK, check_datagrams, "No service can be reached over UDP from every address",
                "tarsier netstat --all", false },
        { 0 },
};
