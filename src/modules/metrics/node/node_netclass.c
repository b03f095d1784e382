/* netclass: what /sys/class/net tells of each interface (Documentation/ABI/testing/sysfs-class-net). */
#include "modules/metrics/node/node_internal.h"

#include <fcntl.h>
#include <net/if.h>

static const struct {
        const char *file, *name;
        enum exposition_type type;
} rows[] = {
        { "addr_assign_type", "address_assign_type", EXPOSITION_GAUGE },
        { "carrier", "carrier", EXPOSITION_GAUGE },
        { "carrier_changes", "carrier_changes_total", EXPOSITION_COUNTER },
        { "carrier_up_count", "carrier_up_changes_total", EXPOSITION_COUNTER },
        { "carrier_down_count", "carrier_down_changes_total", EXPOSITION_COUNTER },
        { "dev_id", "device_id", EXPOSITION_GAUGE },
        { "dormant", "dormant", EXPOSITION_GAUGE },
        { "flags", "flags", EXPOSITION_GAUGE },
        { "ifindex", "iface_id", EXPOSITION_GAUGE },
        { "iflink", "iface_link", EXPOSITION_GAUGE },
        { "link_mode", "iface_link_mode", EXPOSITION_GAUGE },
        { "mtu", "mtu_bytes", EXPOSITION_GAUGE },
        { "name_assign_type", "name_assign_type", EXPOSITION_GAUGE },
        { "netdev_group", "net_dev_group", EXPOSITION_GAUGE },
        { "speed", "speed_bytes", EXPOSITION_GAUGE },
        { "tx_queue_len", "transmit_queue_length", EXPOSITION_GAUGE },
        { "type", "protocol_type", EXPOSITION_GAUGE },
};
enum { ROWS = sizeof(rows) / sizeof(*rows) };

struct netclass_walk {
        struct node *node;
        struct exposition_family *families[ROWS];
        struct exposition_family *up, *information;
};

/* Decimal, or hexadecimal with 0x (flags, dev_id). */
static bool read_number(int device, const char *file, int64_t *ret)
{
        char into[NODE_SMALL_MAX];
        struct sv text;
        uint64_t number;
        if (node_read_small(device, file, into, &text) < 0) /* EINVAL: carrier of an interface that is down */
                return false;
        if (!sv_starts(text, SV("0x")))
                return sv_parse_i64(text, ret);
        if (!sv_parse_u64(sv_n(text.p + 2, text.n - 2), 16, &number) || number > INT64_MAX)
                return false;
        *ret = (int64_t)number;
        return true;
}

static const char *read_text(struct node *node, int device, const char *file)
{
        char into[NODE_SMALL_MAX];
        struct sv text;
        if (node_read_small(device, file, into, &text) < 0)
                return "";
        const char *copy = node_copy(node, text);
        return copy ? copy : "";
}

static int take_device(int directory, const char *name, void *cookie)
{
        struct netclass_walk *walk = cookie;
        struct node *node = walk->node;
        const char *state = "unknown"; /* without flags */
        if (node_ignored(&node->netclass, sv_of(name)))
                return 0;
        /* bonding_masters is a regular file among them */
        cleanup(fd_close) int device = openat(directory, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (device < 0)
                return 0;
        for (size_t i = 0; i < ROWS; i++) {
                int64_t number;
                if (!read_number(device, rows[i].file, &number))
                        continue;
                if (strcmp(rows[i].file, "flags") == 0)
                        state = number & IFF_UP ? "up" : "down";
                if (strcmp(rows[i].file, "speed") == 0) { /* Mbit/s; -1 when unknown */
                        if (number < 0 && node->options.netclass_ignore_speed)
                                continue;
                        number = number * 1000 * 1000 / 8;
                }
                node_add(walk->families[i], "device", name, (double)number);
        }
        const char *operstate = read_text(node, device, "operstate");
        node_add(walk->up, "device", name, strcmp(operstate, "up") == 0);
        const struct exposition_label labels[] = {
                { "device", name },
                { "address", read_text(node, device, "address") },
                { "broadcast", read_text(node, device, "broadcast") },
                { "duplex", read_text(node, device, "duplex") },
                { "operstate", operstate },
                { "adminstate", state },
                { "ifalias", read_text(node, device, "ifalias") },
        };
        exposition_add(walk->information, labels, sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
        return 0;
}

int node_collect_netclass(struct node *node, struct exposition *out, struct error *err)
{
        struct netclass_walk walk = { .node = node };
        for (size_t i = 0; i < ROWS; i++) {
                char name[64];
                char help[80];
                snprintf(name, sizeof(name), "node_network_%s", rows[i].name);
                snprintf(help, sizeof(help), "Network device property: %s", rows[i].name);
                walk.families[i] = exposition_family(out, name, rows[i].type, help);
        }
        walk.up = node_gauge(out, "node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.");
        walk.information = node_gauge(
                out, "node_network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.");
        return node_directory(node->options.sys, "class/net", take_device, &walk, err);
}
