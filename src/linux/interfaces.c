#include "linux/interfaces.h"

#include "linux/lines.h"
#include "linux/netlink_dump.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

void link_address_format(const struct link_address *address, char *ret)
{
        size_t n = 0;
        ret[0] = '\0';
        for (size_t i = 0; i < address->length && i < LINK_ADDRESS_MAX; i++)
                n += (size_t)snprintf(ret + n, LINK_ADDRESS_TEXT_MAX - n, "%s%02x", i ? ":" : "", address->bytes[i]);
}

bool link_address_parse(struct sv text, struct link_address *ret)
{
        struct link_address address = { 0 };
        struct sv part;
        while (sv_split(&text, ':', &part)) {
                uint64_t number;
                if (address.length == LINK_ADDRESS_MAX || part.n != 2 || !sv_parse_u64(part, 16, &number))
                        return false;
                address.bytes[address.length++] = (uint8_t)number;
        }
        *ret = address;
        return address.length > 0;
}

static void copy_link_address(struct sv value, struct link_address *ret)
{
        ret->length = (uint8_t)(value.n < LINK_ADDRESS_MAX ? value.n : LINK_ADDRESS_MAX);
        memcpy(ret->bytes, value.p, ret->length);
}

/* A string attribute may lack its NUL. */
static void copy_text(struct sv value, char *ret, size_t size)
{
        size_t length = strnlen(value.p, value.n);
        if (length >= size)
                length = size - 1;
        memcpy(ret, value.p, length);
        ret[length] = '\0';
}

bool interface_parse(struct sv payload, struct interface *ret)
{
        struct ifinfomsg message;
        if (!netlink_take(&payload, &message, sizeof(message)))
                return false;
        struct interface entry = { .index = message.ifi_index, .type = message.ifi_type, .flags = message.ifi_flags };
        uint16_t type;
        struct sv value;
        while (netlink_next_attribute(&payload, &type, &value)) {
                struct sv nested = value;
                switch (type) {
                case IFLA_IFNAME:
                        copy_text(value, entry.name, sizeof(entry.name));
                        break;
                case IFLA_ADDRESS:
                        copy_link_address(value, &entry.mac);
                        break;
                case IFLA_MTU:
                        netlink_u32(value, &entry.mtu);
                        break;
                case IFLA_MASTER:
                        netlink_u32(value, &entry.master);
                        break;
                case IFLA_LINK:
                        netlink_u32(value, &entry.link);
                        break;
                case IFLA_OPERSTATE:
                        entry.operational_state = value.n ? (uint8_t)value.p[0] : 0;
                        break;
                case IFLA_LINKINFO:
                        while (netlink_next_attribute(&nested, &type, &value))
                                if (type == IFLA_INFO_KIND)
                                        copy_text(value, entry.kind, sizeof(entry.kind));
                        break;
                default:
                        break;
                }
        }
        *ret = entry;
        return entry.index > 0;
}

static size_t address_width(uint8_t family)
{
        return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

bool interface_address_parse(struct sv payload, struct interface_address *ret)
{
        struct ifaddrmsg message;
        if (!netlink_take(&payload, &message, sizeof(message)))
                return false;
        size_t width = address_width(message.ifa_family);
        struct interface_address entry = { .index = (int)message.ifa_index,
                .family = message.ifa_family,
                .prefix = message.ifa_prefixlen,
                .scope = message.ifa_scope,
                .flags = message.ifa_flags };
        bool has_local = false;
        bool has_peer = false;
        uint16_t type;
        struct sv value;
        while (width && netlink_next_attribute(&payload, &type, &value)) {
                if (type == IFA_LOCAL && value.n == width) {
                        memcpy(entry.address, value.p, width);
                        has_local = true;
                } else if (type == IFA_ADDRESS && value.n == width) {
                        memcpy(entry.peer, value.p, width);
                        has_peer = true;
                } else if (type == IFA_FLAGS) {
                        netlink_u32(value, &entry.flags);
                }
        }
        /* IPv6 sends IFA_LOCAL only where there is a peer (rtnetlink(7)) */
        if (!has_local)
                memcpy(entry.address, entry.peer, sizeof(entry.address));
        if (!has_peer)
                memcpy(entry.peer, entry.address, sizeof(entry.peer));
        *ret = entry;
        return has_local || has_peer;
}

bool neighbour_parse(struct sv payload, struct neighbour *ret)
{
        struct ndmsg message;
        if (!netlink_take(&payload, &message, sizeof(message)))
                return false;
        size_t width = address_width(message.ndm_family);
        struct neighbour entry = { .index = message.ndm_ifindex,
                .family = message.ndm_family,
                .state = message.ndm_state,
                .flags = message.ndm_flags };
        bool has_address = false;
        uint16_t type;
        struct sv value;
        while (width && netlink_next_attribute(&payload, &type, &value)) {
                if (type == NDA_DST && value.n == width) {
                        memcpy(entry.address, value.p, width);
                        has_address = true;
                } else if (type == NDA_LLADDR) {
                        copy_link_address(value, &entry.mac);
                }
        }
        *ret = entry;
        return has_address;
}

/* "192.0.2.1  0x1  0x2  02:00:00:00:00:02  *  eth0": type, flags, address, mask, device (net/ipv4/arp.c). */
bool neighbour_parse_arp_line(struct sv line, struct neighbour *ret)
{
        struct sv words[6];
        for (size_t i = 0; i < 6; i++)
                if (!sv_word(&line, &words[i]))
                        return false;
        struct neighbour entry = { .family = AF_INET };
        char text[INET_ADDRSTRLEN];
        uint64_t flags;
        if (words[0].n >= sizeof(text) || words[5].n >= sizeof(entry.interface) || !sv_starts(words[2], SV("0x")) ||
                !sv_parse_u64(sv_n(words[2].p + 2, words[2].n - 2), 16, &flags))
                return false;
        memcpy(text, words[0].p, words[0].n);
        text[words[0].n] = '\0';
        if (inet_pton(AF_INET, text, entry.address) != 1 || !link_address_parse(words[3], &entry.mac))
                return false;
        memcpy(entry.interface, words[5].p, words[5].n);
        enum { COMPLETE = 2, PERMANENT = 4 }; /* ATF_COM, ATF_PERM */
        entry.state = flags & PERMANENT ? NUD_PERMANENT : flags & COMPLETE ? NUD_REACHABLE : NUD_INCOMPLETE;
        if (entry.state == NUD_INCOMPLETE)
                entry.mac.length = 0; /* written as zeros: not an address */
        *ret = entry;
        return true;
}

/* The three dumps differ in the message, the parser and the entry only. */
struct dump {
        uint16_t answer;
        bool (*parse)(struct sv payload, void *ret);
        int (*call)(struct dump *dump, const void *entry);
        union {
                int (*interface)(const struct interface *entry, void *cookie);
                int (*address)(const struct interface_address *entry, void *cookie);
                int (*neighbour)(const struct neighbour *entry, void *cookie);
        } each;
        void *cookie;
        struct interfaces_result result;
        bool header_seen;
};

union any_entry {
        struct interface interface;
        struct interface_address address;
        struct neighbour neighbour;
};

static bool parse_interface(struct sv payload, void *ret)
{
        return interface_parse(payload, ret);
}

static bool parse_address(struct sv payload, void *ret)
{
        return interface_address_parse(payload, ret);
}

static bool parse_neighbour(struct sv payload, void *ret)
{
        return neighbour_parse(payload, ret);
}

static int call_interface(struct dump *dump, const void *entry)
{
        return dump->each.interface(entry, dump->cookie);
}

static int call_address(struct dump *dump, const void *entry)
{
        return dump->each.address(entry, dump->cookie);
}

static int call_neighbour(struct dump *dump, const void *entry)
{
        return dump->each.neighbour(entry, dump->cookie);
}

static int dump_one(const struct netlink_message *message, void *cookie)
{
        struct dump *dump = cookie;
        union any_entry entry;
        if (message->type != dump->answer || !dump->parse(message->payload, &entry)) {
                dump->result.malformed++;
                return 0;
        }
        dump->result.entries++;
        return dump->call(dump, &entry);
}

static int run_dump(int netlink, uint16_t type, const void *request, size_t size, struct dump *dump,
        struct interfaces_result *ret, struct error *err)
{
        struct netlink_dump_result seen = { 0 };
        int verdict = netlink_dump(netlink, type, request, size, dump_one, dump, &seen, err);
        if (verdict < 0)
                return -1;
        dump->result.malformed += seen.malformed;
        dump->result.interrupted = seen.interrupted;
        *ret = dump->result;
        return verdict;
}

int interfaces_dump(int netlink, int (*each)(const struct interface *entry, void *cookie), void *cookie,
        struct interfaces_result *ret, struct error *err)
{
        struct {
                struct ifinfomsg message;
                struct rtattr header;
                uint32_t mask;
        } request = { .message.ifi_family = AF_UNSPEC,
                .header = { .rta_len = sizeof(struct rtattr) + sizeof(uint32_t), .rta_type = IFLA_EXT_MASK },
                .mask = RTEXT_FILTER_SKIP_STATS };
        struct dump dump = { RTM_NEWLINK, parse_interface, call_interface, { .interface = each }, cookie };
        return run_dump(netlink, RTM_GETLINK, &request, sizeof(request), &dump, ret, err);
}

int interface_addresses_dump(int netlink, int (*each)(const struct interface_address *entry, void *cookie),
        void *cookie, struct interfaces_result *ret, struct error *err)
{
        struct ifaddrmsg request = { .ifa_family = AF_UNSPEC };
        struct dump dump = { RTM_NEWADDR, parse_address, call_address, { .address = each }, cookie };
        return run_dump(netlink, RTM_GETADDR, &request, sizeof(request), &dump, ret, err);
}

int neighbours_dump(int netlink, uint8_t family, int (*each)(const struct neighbour *entry, void *cookie), void *cookie,
        struct interfaces_result *ret, struct error *err)
{
        struct ndmsg request = { .ndm_family = family };
        struct dump dump = { RTM_NEWNEIGH, parse_neighbour, call_neighbour, { .neighbour = each }, cookie };
        return run_dump(netlink, RTM_GETNEIGH, &request, sizeof(request), &dump, ret, err);
}

static int arp_line(struct sv line, void *cookie)
{
        struct dump *dump = cookie;
        struct neighbour entry;
        if (!dump->header_seen) {
                dump->header_seen = true;
                return 0;
        }
        if (!neighbour_parse_arp_line(line, &entry)) {
                dump->result.malformed++;
                return 0;
        }
        dump->result.entries++;
        return dump->call(dump, &entry);
}

int neighbours_read_proc(int root, const char *dir, int (*each)(const struct neighbour *entry, void *cookie),
        void *cookie, struct interfaces_result *ret, struct error *err)
{
        char path[128];
        snprintf(path, sizeof(path), "%s/arp", dir);
        struct dump dump = { .call = call_neighbour, .each.neighbour = each, .cookie = cookie };
        int verdict = lines_read(root, path, arp_line, &dump, &dump.result.malformed, err);
        if (verdict < 0)
                return -1;
        *ret = dump.result;
        return verdict;
}
