/* netdev: counters of interfaces by rtnetlink(7), which alone tells receive_nohandler, or from net/dev. */
#include "modules/metrics/node/node_internal.h"
#include "modules/metrics/node/node_parse.h"

#include "linux/interfaces.h"
#include "linux/netlink_dump.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

bool netdev_line_parse(struct sv line, struct sv *ret_device, struct netdev_counters *ret)
{
        struct netdev_counters dev = { 0 };
        uint64_t *const columns[] = { &dev.rx_bytes, &dev.rx_packets, &dev.rx_errors, &dev.rx_dropped, &dev.rx_fifo,
                &dev.rx_frame, &dev.rx_compressed, &dev.multicast, &dev.tx_bytes, &dev.tx_packets, &dev.tx_errors,
                &dev.tx_dropped, &dev.tx_fifo, &dev.collisions, &dev.tx_carrier, &dev.tx_compressed };
        /* a name may hold colons (an alias of old), the numbers do not: the last one ends it */
        size_t colon = line.n;
        while (colon > 0 && line.p[colon - 1] != ':')
                colon--;
        if (colon == 0)
                return false;
        struct sv name = sv_trim(sv_n(line.p, colon - 1));
        struct sv rest = sv_n(line.p + colon, line.n - colon);
        for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
                struct sv word;
                if (!sv_word(&rest, &word) || !sv_parse_u64(word, 10, columns[i]))
                        return false;
        }
        *ret_device = name;
        *ret = dev;
        return name.n > 0;
}

/* Some of the fine counters are one in net/dev, and so in node_exporter's names (dev_seq_printf_stats). */
static void from_netlink(const struct rtnl_link_stats64 *stats, struct netdev_counters *ret)
{
        *ret = (struct netdev_counters){
                .rx_packets = stats->rx_packets,
                .tx_packets = stats->tx_packets,
                .rx_bytes = stats->rx_bytes,
                .tx_bytes = stats->tx_bytes,
                .rx_errors = stats->rx_errors,
                .tx_errors = stats->tx_errors,
                .rx_dropped = stats->rx_dropped + stats->rx_missed_errors,
                .tx_dropped = stats->tx_dropped,
                .multicast = stats->multicast,
                .collisions = stats->collisions,
                .rx_frame =
                        stats->rx_frame_errors + stats->rx_length_errors + stats->rx_over_errors + stats->rx_crc_errors,
                .rx_fifo = stats->rx_fifo_errors,
                .tx_carrier = stats->tx_carrier_errors + stats->tx_aborted_errors + stats->tx_heartbeat_errors +
                              stats->tx_window_errors,
                .tx_fifo = stats->tx_fifo_errors,
                .rx_compressed = stats->rx_compressed,
                .tx_compressed = stats->tx_compressed,
                .rx_nohandler = stats->rx_nohandler,
                .has_nohandler = true,
        };
}

bool netdev_message_parse(struct sv payload, char *ret_device, struct netdev_counters *ret)
{
        struct ifinfomsg message;
        struct rtnl_link_stats64 stats = { 0 };
        bool has_stats = false;
        struct sv value;
        uint16_t type;
        char name[IF_NAMESIZE] = "";
        if (!netlink_take(&payload, &message, sizeof(message)))
                return false;
        while (netlink_next_attribute(&payload, &type, &value)) {
                if (type == IFLA_IFNAME) {
                        size_t length = strnlen(value.p, value.n < sizeof(name) - 1 ? value.n : sizeof(name) - 1);
                        memcpy(name, value.p, length);
                        name[length] = '\0';
                } else if (type == IFLA_STATS64) { /* grows with the kernel: what is absent is 0 */
                        memcpy(&stats, value.p, value.n < sizeof(stats) ? value.n : sizeof(stats));
                        has_stats = true;
                }
        }
        if (!has_stats || !*name)
                return false;
        from_netlink(&stats, ret);
        memcpy(ret_device, name, sizeof(name));
        return true;
}

static const struct {
        const char *name;
        size_t offset;
} rows[] = {
        { "receive_bytes", offsetof(struct netdev_counters, rx_bytes) },
        { "receive_packets", offsetof(struct netdev_counters, rx_packets) },
        { "receive_errs", offsetof(struct netdev_counters, rx_errors) },
        { "receive_drop", offsetof(struct netdev_counters, rx_dropped) },
        { "receive_fifo", offsetof(struct netdev_counters, rx_fifo) },
        { "receive_frame", offsetof(struct netdev_counters, rx_frame) },
        { "receive_compressed", offsetof(struct netdev_counters, rx_compressed) },
        { "receive_multicast", offsetof(struct netdev_counters, multicast) },
        { "transmit_bytes", offsetof(struct netdev_counters, tx_bytes) },
        { "transmit_packets", offsetof(struct netdev_counters, tx_packets) },
        { "transmit_errs", offsetof(struct netdev_counters, tx_errors) },
        { "transmit_drop", offsetof(struct netdev_counters, tx_dropped) },
        { "transmit_fifo", offsetof(struct netdev_counters, tx_fifo) },
        { "transmit_colls", offsetof(struct netdev_counters, collisions) },
        { "transmit_carrier", offsetof(struct netdev_counters, tx_carrier) },
        { "transmit_compressed", offsetof(struct netdev_counters, tx_compressed) },
        { "receive_nohandler", offsetof(struct netdev_counters, rx_nohandler) }, /* the last: netlink's alone */
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

struct netdev_walk {
        struct node *node;
        struct exposition *out;
        struct exposition_family *families[ROWS];
        struct exposition_family *addresses;
        VEC(struct interface_name {
                int index;
                char name[IF_NAMESIZE];
        })
        names;
};

static void make_families(struct netdev_walk *walk)
{
        for (size_t i = 0; i < ROWS; i++) {
                char name[64];
                char help[80];
                snprintf(name, sizeof(name), "node_network_%s_total", rows[i].name);
                snprintf(help, sizeof(help), "Network device statistic %s.", rows[i].name);
                walk->families[i] = node_counter(walk->out, name, help);
        }
}

static void add_device(const struct netdev_walk *walk, const char *device, const struct netdev_counters *counters)
{
        if (node_ignored(&walk->node->netdevs, sv_of(device)))
                return;
        for (size_t i = 0; i < (counters->has_nohandler ? ROWS : ROWS - 1); i++) {
                uint64_t value;
                memcpy(&value, (const char *)counters + rows[i].offset, sizeof(value));
                node_add(walk->families[i], "device", device, (double)value);
        }
}

static int take_message(const struct netlink_message *message, void *cookie)
{
        struct netdev_walk *walk = cookie;
        struct netdev_counters counters;
        char device[IF_NAMESIZE];
        if (message->type == RTM_NEWLINK && netdev_message_parse(message->payload, device, &counters))
                add_device(walk, device, &counters);
        return 0;
}

static int collect_netlink(struct netdev_walk *walk, struct error *err)
{
        struct ifinfomsg request = { .ifi_family = AF_UNSPEC };
        struct netlink_dump_result result;
        cleanup(fd_close) int fd = netlink_open(NETLINK_ROUTE, err);
        if (fd < 0 || netlink_dump(fd, RTM_GETLINK, &request, sizeof(request), take_message, walk, &result, err) < 0)
                return -1;
        walk->node->refused += result.malformed;
        return 0;
}

static int collect_file(struct netdev_walk *walk, struct error *err)
{
        struct sv text;
        struct sv line;
        if (node_read(walk->node, walk->node->options.proc, "net/dev", &text, err) < 0)
                return -1;
        for (int i = 0; sv_line(&text, &line); i++) {
                struct netdev_counters counters;
                struct sv device;
                if (i < 2) /* headers */
                        continue;
                if (!netdev_line_parse(line, &device, &counters))
                        return fail(err, E_CORRUPT, "net/dev: \"%.*s\"", SV_ARG(line));
                const char *copy = node_copy(walk->node, device);
                if (copy)
                        add_device(walk, copy, &counters);
        }
        return 0;
}

static int take_name(const struct interface *entry, void *cookie)
{
        struct netdev_walk *walk = cookie;
        struct interface_name *row = vec_add(&walk->names, NODE_DIRECTORY_MAX);
        if (!row) {
                walk->node->refused++;
                return 0;
        }
        row->index = entry->index;
        memcpy(row->name, entry->name, sizeof(row->name));
        return 0;
}

/* As net.IP's methods class them (RFC 4291, RFC 3927). */
static const char *scope_of(const struct interface_address *address)
{
        const uint8_t *bytes = address->address;
        if (address->family == AF_INET) {
                bool local = bytes[0] == 127 || (bytes[0] == 169 && bytes[1] == 254);
                return local ? "link-local" : "global";
        }
        static const uint8_t loopback[16] = { [15] = 1 };
        bool local = (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) || memcmp(bytes, loopback, 16) == 0;
        return local ? "link-local" : "global";
}

static int take_address(const struct interface_address *entry, void *cookie)
{
        struct netdev_walk *walk = cookie;
        char text[INET6_ADDRSTRLEN];
        char prefix[8];
        const char *device = NULL;
        vec_foreach (row, &walk->names)
                if (row->index == entry->index)
                        device = row->name;
        if (!device || !inet_ntop(entry->family, entry->address, text, sizeof(text)))
                return 0;
        snprintf(prefix, sizeof(prefix), "%u", entry->prefix);
        const struct exposition_label labels[] = { { "device", device }, { "address", text }, { "netmask", prefix },
                { "scope", scope_of(entry) } };
        exposition_add(walk->addresses, labels, 4, 1, EXPOSITION_NO_TIME);
        return 0;
}

static int collect_addresses(struct netdev_walk *walk, struct error *err)
{
        struct interfaces_result result;
        cleanup(fd_close) int fd = netlink_open(NETLINK_ROUTE, err);
        if (fd < 0)
                return -1;
        walk->addresses = node_gauge(walk->out, "node_network_address_info", "node network address by device");
        int verdict = interfaces_dump(fd, take_name, walk, &result, err);
        if (verdict == 0)
                verdict = interface_addresses_dump(fd, take_address, walk, &result, err);
        vec_done(&walk->names);
        return verdict;
}

int node_collect_netdev(struct node *node, struct exposition *out, struct error *err)
{
        struct netdev_walk walk = { .node = node, .out = out };
        make_families(&walk);
        if (node->options.netdev_no_netlink ? collect_file(&walk, err) < 0 : collect_netlink(&walk, err) < 0)
                return -1;
        return node->options.netdev_address_info ? collect_addresses(&walk, err) : 0;
}
