/* Network devices of our own network namespace: net/dev each look; what they are (rtnetlink, sysfs) each ten seconds
 * and when one comes. */
#include "modules/metrics/feed_internal.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "linux/interfaces.h"
#include "linux/net_stats.h"
#include "linux/netlink_dump.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/netlink.h>

static const int64_t LINKS_NS = 10 * SECOND;
enum { ADDRESS_TEXT_MAX = INET6_ADDRSTRLEN + 8 };

static void addresses_trash(struct feed *feed, struct string_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                feed_trash(feed, list->items[i]);
        feed_trash(feed, list->items);
        *list = (struct string_list){ 0 };
}

static void row_done(void *given)
{
        struct feed_network_row *row = given;
        for (size_t i = 0; i < row->record.addresses.count; i++)
                free(row->record.addresses.items[i]);
        free(row->record.addresses.items);
        free(row->name);
        free(row->mac);
}

void feed_network_init(struct feed *feed)
{
        feed_table_init(&feed->networks, FEED_NETWORK, sizeof(struct feed_network_row),
                offsetof(struct feed_network_row, record), FEED_NETWORKS_MAX, row_done);
}

/* ---- what they are ---- */

struct link_look {
        struct feed *feed;
        struct {
                int index;
                struct string_list list;
        } addresses[FEED_NETWORKS_MAX];
        size_t count;
};

static const char *state_of(const struct interface *link)
{
        /* RFC 2863, include/uapi/linux/if.h */
        static const char *const names[] = { "unknown", "absent", "down", "lowerlayerdown", "testing", "dormant",
                "up" };
        if (link->operational_state == 0 && link->flags & IFF_RUNNING)
                return names[6]; /* lo and tunnels do not tell */
        return link->operational_state < sizeof(names) / sizeof(names[0]) ? names[link->operational_state] : names[0];
}

static uint64_t read_speed(const struct feed *feed, const char *name)
{
        char path[64], text[32];
        uint64_t megabits;
        snprintf(path, sizeof(path), "class/net/%s/speed", name);
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, sizeof(text));
        if (file_read(feed->source.sys, path, &buf, NULL) < 0 ||
                !sv_parse_u64(sv_trim(sv_n(buf_text(&buf), buf.len)), 10, &megabits) || megabits > UINT32_MAX / 2)
                return 0;
        return megabits * 1000000;
}

static bool is_physical(const struct feed *feed, const char *name)
{
        char path[64];
        snprintf(path, sizeof(path), "class/net/%s/device", name);
        return faccessat(feed->source.sys, path, F_OK, 0) == 0;
}

static int each_link(const struct interface *link, void *cookie)
{
        struct link_look *look = cookie;
        struct feed *feed = look->feed;
        char mac[LINK_ADDRESS_TEXT_MAX];
        struct feed_network_row *row = map_get(&feed->networks.rows, sv_of(link->name));
        if (!row)
                return 0;
        struct feed_network record;
        memcpy(&record, &row->record, sizeof(record));
        link_address_format(&link->mac, mac);
        feed_keep_text(feed, &row->mac, sv_of(link->type == 772 /* ARPHRD_LOOPBACK */ ? "" : mac));
        row->index = link->index;
        row->physical = is_physical(feed, link->name);
        record.mac = row->mac;
        record.state = state_of(link);
        record.mtu = link->mtu;
        record.speed = row->physical ? read_speed(feed, link->name) : 0;
        feed_table_set(&feed->networks, row, &record, feed->look);
        return 0;
}

static struct string_list *list_of(struct link_look *look, int index)
{
        for (size_t i = 0; i < look->count; i++)
                if (look->addresses[i].index == index)
                        return &look->addresses[i].list;
        if (look->count == FEED_NETWORKS_MAX)
                return NULL;
        look->addresses[look->count].index = index;
        return &look->addresses[look->count++].list;
}

static int each_address(const struct interface_address *address, void *cookie)
{
        struct link_look *look = cookie;
        char text[ADDRESS_TEXT_MAX];
        struct string_list *list = list_of(look, address->index);
        if (!list || list->count == FEED_ADDRESSES_MAX ||
                !inet_ntop(address->family, address->address, text, sizeof(text)))
                return 0;
        size_t length = strlen(text);
        snprintf(text + length, sizeof(text) - length, "/%u", address->prefix);
        char **items = reallocarray(list->items, list->count + 1, sizeof(*items));
        if (!items)
                return 0;
        list->items = items;
        items[list->count] = strdup(text);
        list->count += items[list->count] != NULL;
        return 0;
}

static bool same_texts(const struct string_list *a, const struct string_list *b)
{
        bool same = a->count == b->count;
        for (size_t i = 0; same && i < a->count; i++)
                same = strcmp(a->items[i], b->items[i]) == 0;
        return same;
}

static void put_addresses(struct link_look *look)
{
        struct feed *feed = look->feed;
        map_foreach (entry, &feed->networks.rows) {
                struct feed_network_row *row = entry->value;
                struct string_list none = { 0 };
                struct string_list *now = row->index ? list_of(look, row->index) : NULL;
                struct feed_network record;
                if (!now)
                        now = &none;
                if (same_texts(now, &row->record.addresses))
                        continue;
                memcpy(&record, &row->record, sizeof(record));
                addresses_trash(feed, &record.addresses);
                record.addresses = *now;
                *now = none;
                feed_table_set(&feed->networks, row, &record, feed->look);
        }
        for (size_t i = 0; i < look->count; i++)
                addresses_trash(feed, &look->addresses[i].list);
}

static void look_at_links(struct feed *feed)
{
        struct interfaces_result result;
        feed->links_ns = feed->now_ns ? feed->now_ns : 1;
        cleanup(fd_close) int netlink = netlink_open(NETLINK_ROUTE, NULL);
        cleanup(free) struct link_look *look = netlink >= 0 ? calloc(1, sizeof(*look)) : NULL;
        if (!look)
                return;
        look->feed = feed;
        interfaces_dump(netlink, each_link, look, &result, NULL);
        interface_addresses_dump(netlink, each_address, look, &result, NULL);
        put_addresses(look);
}

/* ---- counters ---- */

static void put_rates(struct feed *feed, struct feed_network_row *row, const struct net_interface_stats *stats)
{
        const uint64_t now[FEED_TRAFFIC] = { stats->rx_bytes, stats->tx_bytes, stats->rx_packets, stats->tx_packets,
                stats->rx_errors, stats->tx_errors, stats->rx_dropped, stats->tx_dropped };
        struct feed_network record;
        memcpy(&record, &row->record, sizeof(record));
        double *const rates[FEED_TRAFFIC] = { &record.receive, &record.send, &record.receive_packets,
                &record.send_packets, &record.receive_errors, &record.send_errors, &record.receive_drops,
                &record.send_drops };
        const int64_t span_ns = row->at_ns ? feed->now_ns - row->at_ns : 0;
        for (size_t i = 0; i < FEED_TRAFFIC; i++)
                *rates[i] = feed_rate((double)feed_grown(row->counters[i], now[i]), span_ns);
        record.has_rates = span_ns > 0;
        record.name = row->name;
        memcpy(row->counters, now, sizeof(now));
        row->at_ns = feed->now_ns;
        feed_table_set(&feed->networks, row, &record, feed->look);
}

/* Over real devices: what a bridge or a container's end carries goes through them as well. A host without any (a
 * container itself) has those that are not loopback or of engines. */
static void put_sums(struct feed *feed)
{
        struct feed_sums *sums = &feed->sums;
        bool any = false;
        map_foreach (entry, &feed->networks.rows)
                any = any || ((const struct feed_network_row *)entry->value)->physical;
        sums->receive = sums->send = 0;
        sums->has_network = false;
        map_foreach (entry, &feed->networks.rows) {
                const struct feed_network_row *row = entry->value;
                if ((any ? !row->physical : row->ignored) || !row->record.has_rates)
                        continue;
                sums->receive += row->record.receive;
                sums->send += row->record.send;
                sums->has_network = true;
        }
}

void feed_network_look(struct feed *feed)
{
        struct sv text = feed_read(feed, feed->source.proc, "net/dev");
        struct sv line, name;
        struct net_interface_stats stats;
        bool came = false;
        feed_table_begin(&feed->networks);
        while (sv_line(&text, &line)) {
                bool fresh;
                if (!net_parse_interface(line, &name, &stats))
                        continue;
                struct feed_network_row *row = feed_table_see(&feed->networks, name, feed->look, &fresh);
                if (!row)
                        continue;
                if (fresh) {
                        feed_keep_text(feed, &row->name, name);
                        row->ignored = net_interface_ignored(name);
                        came = true;
                }
                put_rates(feed, row, &stats);
        }
        feed_table_sweep(&feed->networks, feed->look, &feed->graves);
        if (came || feed->now_ns - feed->links_ns > LINKS_NS)
                look_at_links(feed);
        put_sums(feed);
}
