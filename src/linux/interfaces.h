/* Interfaces, their addresses, and the neighbours (ARP and IPv6 NDP) of one network namespace: rtnetlink(7), with
 * /proc/net/arp as fallback for IPv4 neighbours. Addresses are in network byte order. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <net/if.h>
#include <sys/types.h>

enum { LINK_ADDRESS_MAX = 32, LINK_ADDRESS_TEXT_MAX = 3 * LINK_ADDRESS_MAX };

struct link_address {
        uint8_t bytes[LINK_ADDRESS_MAX];
        uint8_t length; /* 6 for Ethernet, 0 for none */
};

/* "02:42:ac:11:00:02" into LINK_ADDRESS_TEXT_MAX bytes; "" for none. */
void link_address_format(const struct link_address *address, char *ret);
bool link_address_parse(struct sv text, struct link_address *ret);

struct interface {
        int index;
        char name[IF_NAMESIZE];
        uint16_t type;  /* ARPHRD_ */
        uint32_t flags; /* IFF_ */
        uint32_t mtu;
        uint8_t operational_state; /* IF_OPER_ (RFC 2863) */
        uint32_t master;           /* index of the bridge or bond, 0 for none */
        uint32_t link;             /* index of the lower device or the veth peer, 0 for none */
        struct link_address mac;
        char kind[16]; /* "veth", "bridge", "" */
};

struct interface_address {
        int index;
        uint8_t family;
        uint8_t prefix;
        uint8_t scope;       /* RT_SCOPE_ */
        uint32_t flags;      /* IFA_F_ */
        uint8_t address[16]; /* the local one */
        uint8_t peer[16];    /* point to point: the other end; else equal to address */
};

struct neighbour {
        int index; /* 0 when only the name is known (/proc/net/arp) */
        char interface[IF_NAMESIZE];
        uint8_t family;
        uint16_t state; /* NUD_ */
        uint8_t flags;  /* NTF_ */
        uint8_t address[16];
        struct link_address mac;
};

/* Pure parsers of one message each; false when malformed or not of that kind. */
bool interface_parse(struct sv payload, struct interface *ret);
bool interface_address_parse(struct sv payload, struct interface_address *ret);
bool neighbour_parse(struct sv payload, struct neighbour *ret);
/* One line of /proc/net/arp. */
bool neighbour_parse_arp_line(struct sv line, struct neighbour *ret);

struct interfaces_result {
        size_t entries;
        size_t malformed;
        bool interrupted;
};

/* netlink: NETLINK_ROUTE, from netlink_open or netns_netlink. each returning non-zero stops; that is returned then. */
int interfaces_dump(int netlink, int (*each)(const struct interface *entry, void *cookie), void *cookie,
        struct interfaces_result *ret, struct error *err);
int interface_addresses_dump(int netlink, int (*each)(const struct interface_address *entry, void *cookie),
        void *cookie, struct interfaces_result *ret, struct error *err);
/* family: AF_INET, AF_INET6 or AF_UNSPEC for both. Entries that no one asked for (NUD_NOARP: multicast, loopback) are
 * given as well; the caller filters by state, as `ip neigh` does. neighbour.interface is "". */
int neighbours_dump(int netlink, uint8_t family, int (*each)(const struct neighbour *entry, void *cookie), void *cookie,
        struct interfaces_result *ret, struct error *err);
/* dir: "proc/net" or "proc/PID/net". IPv4 only. */
int neighbours_read_proc(int root, const char *dir, int (*each)(const struct neighbour *entry, void *cookie),
        void *cookie, struct interfaces_result *ret, struct error *err);
