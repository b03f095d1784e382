/* The collectors of /proc/net: netstat, sockstat, softnet, udp_queues, arp, conntrack. */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/node_parse.h"

#include "linux/sockstat.h"

struct netstat_walk {
        struct node *node;
        struct exposition *out;
        bool malformed;
};

static void take_netstat(struct sv protocol, struct sv name, struct sv value, void *cookie)
{
        enum { FIELD_MAX = 96 };
        struct netstat_walk *walk = cookie;
        char key[FIELD_MAX + 2];
        char metric[FIELD_MAX + 24];
        char help[FIELD_MAX + 24];
        double number;
        if (protocol.n + name.n > FIELD_MAX) {
                walk->node->refused++;
                return;
        }
        memcpy(key, protocol.p, protocol.n); /* hundreds of names: no snprintf before one is chosen */
        key[protocol.n] = '_';
        memcpy(key + protocol.n + 1, name.p, name.n);
        size_t length = protocol.n + 1 + name.n;
        key[length] = '\0';
        if (!node_chosen(walk->node, &walk->node->netstat_choices, walk->node->netstat_fields, sv_n(key, length)))
                return;
        if (!node_parse_double(value, &number)) {
                walk->malformed = true;
                return;
        }
        snprintf(metric, sizeof(metric), "node_netstat_%s", key);
        snprintf(help, sizeof(help), "Statistic %.*s%.*s.", SV_ARG(protocol), SV_ARG(name));
        exposition_put(walk->out, metric, EXPOSITION_UNTYPED, help, number);
}

int node_collect_netstat(struct node *node, struct exposition *out, struct error *err)
{
        static const struct {
                const char *path;
                bool (*parse)(struct sv text,
                        void (*each)(struct sv protocol, struct sv name, struct sv value, void *cookie), void *cookie);
                bool optional;
        } rows[] = {
                { "net/netstat", netstat_parse, false }, { "net/snmp", netstat_parse, false },
                { "net/snmp6", snmp6_parse, true }, /* absent with ipv6.disable=1 */
        };
        struct netstat_walk walk = { .node = node, .out = out };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct sv text;
                struct error one;
                if (node_read(node, node->options.proc, rows[i].path, &text, &one) < 0) {
                        if (rows[i].optional && one.code == E_NOT_FOUND)
                                continue;
                        *err = one;
                        return -1;
                }
                if (!rows[i].parse(text, take_netstat, &walk) || walk.malformed)
                        return fail(err, E_CORRUPT, "%s is malformed", rows[i].path);
        }
        return 0;
}

static void put_sockets(struct exposition *out, const char *protocol, const char *name, double value)
{
        char metric[2 * SOCKSTAT_NAME_MAX + 40];
        char help[2 * SOCKSTAT_NAME_MAX + 48];
        snprintf(metric, sizeof(metric), "node_sockstat_%s_%s", protocol, name);
        snprintf(help, sizeof(help), "Number of %s sockets in state %s.", protocol, name);
        node_put(out, metric, help, value);
}

static void put_protocol(struct exposition *out, const struct sockstat *stat, const struct sockstat_row *row)
{
        static const char *const names[] = { "inuse", "orphan", "tw", "alloc", "mem", "memory" };
        uint64_t value;
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (sockstat_value(stat, row->protocol, names[i], &value))
                        put_sockets(out, row->protocol, names[i], (double)value);
        if (sockstat_value(stat, row->protocol, "mem", &value))
                put_sockets(out, row->protocol, "mem_bytes", (double)value * (double)sysconf(_SC_PAGESIZE));
}

int node_collect_sockstat(struct node *node, struct exposition *out, struct error *err)
{
        static const char *const paths[] = { "net/sockstat", "net/sockstat6" };
        struct sockstat stat = { 0 };
        uint64_t used;
        for (size_t i = 0; i < 2; i++) {
                struct sv text;
                struct error one;
                if (node_read(node, node->options.proc, paths[i], &text, &one) == 0) {
                        sockstat_parse(text, &stat);
                } else if (one.code != E_NOT_FOUND) {
                        *err = one;
                        return -1;
                }
        }
        node->refused += stat.refused;
        if (sockstat_value(&stat, "sockets", "used", &used))
                node_put(out, "node_sockstat_sockets_used", "Number of IPv4 sockets in use.", (double)used);
        for (size_t i = 0; i < stat.count; i++)
                if (strcmp(stat.rows[i].protocol, "sockets") != 0)
                        put_protocol(out, &stat, &stat.rows[i]);
        return 0;
}

int node_collect_softnet(struct node *node, struct exposition *out, struct error *err)
{
        static const struct {
                const char *name, *help;
                enum exposition_type type;
                size_t offset;
        } rows[] = {
                { "node_softnet_processed_total", "Number of processed packets", EXPOSITION_COUNTER,
                        offsetof(struct softnet_line, processed) },
                { "node_softnet_dropped_total", "Number of dropped packets", EXPOSITION_COUNTER,
                        offsetof(struct softnet_line, dropped) },
                { "node_softnet_times_squeezed_total", "Number of times processing packets ran out of quota",
                        EXPOSITION_COUNTER, offsetof(struct softnet_line, squeezed) },
                { "node_softnet_cpu_collision_total",
                        "Number of collision occur while obtaining device lock while transmitting", EXPOSITION_COUNTER,
                        offsetof(struct softnet_line, collisions) },
                { "node_softnet_received_rps_total", "Number of times cpu woken up received_rps", EXPOSITION_COUNTER,
                        offsetof(struct softnet_line, received_rps) },
                { "node_softnet_flow_limit_count_total", "Number of times flow limit has been reached",
                        EXPOSITION_COUNTER, offsetof(struct softnet_line, flow_limit) },
                { "node_softnet_backlog_len", "Softnet backlog status", EXPOSITION_GAUGE,
                        offsetof(struct softnet_line, backlog) },
        };
        enum { ROWS = sizeof(rows) / sizeof(*rows) };
        struct exposition_family *families[ROWS];
        struct sv text;
        struct sv line;
        if (node_read(node, node->options.proc, "net/softnet_stat", &text, err) < 0)
                return -1;
        for (size_t i = 0; i < ROWS; i++)
                families[i] = exposition_family(out, rows[i].name, rows[i].type, rows[i].help);
        for (uint32_t index = 0; sv_line(&text, &line); index++) {
                struct softnet_line stat;
                char cpu[16];
                if (!softnet_parse(line, index, &stat))
                        return fail(err, E_CORRUPT, "softnet_stat: \"%.*s\"", SV_ARG(line));
                snprintf(cpu, sizeof(cpu), "%u", stat.cpu);
                for (size_t i = 0; i < ROWS; i++) {
                        uint32_t value;
                        memcpy(&value, (const char *)&stat + rows[i].offset, sizeof(value));
                        node_add(families[i], "cpu", cpu, value);
                }
        }
        return 0;
}

int node_collect_udp_queues(struct node *node, struct exposition *out, struct error *err)
{
        static const char *const rows[][2] = { { "net/udp", "v4" }, { "net/udp6", "v6" } };
        struct exposition_family *family = node_gauge(
                out, "node_udp_queues", "Number of allocated memory in the kernel for UDP datagrams in bytes.");
        int absent = 0;
        for (size_t i = 0; i < 2; i++) {
                struct sv text;
                struct error one;
                uint64_t tx;
                uint64_t rx;
                if (node_read(node, node->options.proc, rows[i][0], &text, &one) < 0) {
                        if (one.code == E_NOT_FOUND && ++absent < 2)
                                continue;
                        *err = one;
                        return -1;
                }
                if (!udp_queues_parse(text, &tx, &rx))
                        return fail(err, E_CORRUPT, "%s is malformed", rows[i][0]);
                node_add2(family, "queue", "tx", "ip", rows[i][1], (double)tx);
                node_add2(family, "queue", "rx", "ip", rows[i][1], (double)rx);
        }
        return 0;
}

/* Devices are few and their lines stand together mostly: the last one is looked at first. */
int node_collect_arp(struct node *node, struct exposition *out, struct error *err)
{
        enum { DEVICES_MAX = 65536 };
        VEC(struct entries {
                struct sv device;
                uint32_t count;
        })
        rows = { 0 };
        struct sv text;
        struct sv line;
        if (node_read(node, node->options.proc, "net/arp", &text, err) < 0)
                return -1;
        cleanup(map_done) struct map index;
        map_init(&index, DEVICES_MAX);
        while (sv_line(&text, &line)) {
                struct sv device;
                if (!arp_line_parse(line, &device))
                        continue;
                uintptr_t at = (uintptr_t)map_get(&index, device);
                if (!at) {
                        struct entries *row = vec_add(&rows, DEVICES_MAX);
                        at = rows.count;
                        if (!row || map_put(&index, device, (void *)at) < 0) {
                                node->refused++;
                                continue;
                        }
                        row->device = device;
                }
                rows.items[at - 1].count++;
        }
        struct exposition_family *family = node_gauge(out, "node_arp_entries", "ARP entries by device");
        vec_foreach (row, &rows) {
                const char *device = node_ignored(&node->arp, row->device) ? NULL : node_copy(node, row->device);
                if (device)
                        node_add(family, "device", device, row->count);
        }
        vec_done(&rows);
        return 0;
}

int node_collect_conntrack(struct node *node, struct exposition *out, struct error *err)
{
        static const struct {
                const char *name, *help;
        } rows[CONNTRACK_FIELDS] = {
                [CONNTRACK_FOUND] = { "node_nf_conntrack_stat_found",
                        "Number of searched entries which were successful." },
                [CONNTRACK_INVALID] = { "node_nf_conntrack_stat_invalid",
                        "Number of packets seen which can not be tracked." },
                [CONNTRACK_IGNORE] = { "node_nf_conntrack_stat_ignore",
                        "Number of packets seen which are already connected to a conntrack entry." },
                [CONNTRACK_INSERT] = { "node_nf_conntrack_stat_insert", "Number of entries inserted into the list." },
                [CONNTRACK_INSERT_FAILED] = { "node_nf_conntrack_stat_insert_failed",
                        "Number of entries for which list insertion was attempted but failed." },
                [CONNTRACK_DROP] = { "node_nf_conntrack_stat_drop",
                        "Number of packets dropped due to conntrack failure." },
                [CONNTRACK_EARLY_DROP] = { "node_nf_conntrack_stat_early_drop",
                        "Number of dropped conntrack entries to make room for new ones, if maximum table size was "
                        "reached." },
                [CONNTRACK_SEARCH_RESTART] = { "node_nf_conntrack_stat_search_restart",
                        "Number of conntrack table lookups which had to be restarted due to hashtable resizes." },
        };
        struct sv text;
        uint64_t entries;
        uint64_t limit;
        uint64_t fields[CONNTRACK_FIELDS];
        if (node_read(node, node->options.proc, "sys/net/netfilter/nf_conntrack_count", &text, err) < 0)
                return -1;
        if (!sv_parse_u64(sv_trim(text), 10, &entries) ||
                !node_read_u64(node->options.proc, "sys/net/netfilter/nf_conntrack_max", &limit))
                return fail(err, E_CORRUPT, "nf_conntrack_count, nf_conntrack_max: no number");
        node_put(out, "node_nf_conntrack_entries",
                "Number of currently allocated flow entries for connection tracking.", (double)entries);
        node_put(out, "node_nf_conntrack_entries_limit", "Maximum size of connection tracking table.", (double)limit);
        if (node_read(node, node->options.proc, "net/stat/nf_conntrack", &text, err) < 0)
                return -1;
        if (!conntrack_parse(text, fields))
                return fail(err, E_CORRUPT, "net/stat/nf_conntrack is malformed");
        for (size_t i = 0; i < CONNTRACK_FIELDS; i++)
                node_put(out, rows[i].name, rows[i].help, (double)fields[i]);
        return 0;
}
