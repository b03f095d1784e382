#include "base/cleanup.h"
#include "lib/regex/regex.h"
#include "linux/container.h"
#include "linux/process.h"
#include "modules/investigate/netstat.h"

#include <arpa/inet.h>
#include <linux/neighbour.h>

enum { CGROUP_TEXT_BYTES = 60 << 10, OWNER_ARENA_MAX = 1 << 20 };

static int emit(
        struct netstat *netstat, enum netstat_group group, struct netstat_query *query, struct netstat_element *element)
{
        element->namespace = (char *)netstat->namespace;
        query->hit = true;
        netstat->statistics->total_hits++;
        return run_emit_in(netstat->run, netstat_group_names[group], query->text, element, netstat->err);
}

static bool address_fits(const struct netstat_query *query, uint8_t family, const uint8_t *bytes)
{
        struct cidr address = { .family = family == AF_INET ? 4 : 6, .prefix = family == AF_INET ? 32 : 128 };
        memcpy(address.bytes, bytes, family == AF_INET ? 4 : 16);
        return cidr_contains(&query->network, &address);
}

static bool is_asked(const struct netstat *netstat, enum netstat_group first, enum netstat_group second)
{
        return netstat->counts[first] || netstat->counts[second];
}

/* One thing was looked at; true when the run has to end. */
static bool count_one(struct netstat *netstat)
{
        netstat->statistics->examined++;
        return run_checkpoint(netstat->run);
}

/* ---- this host's interfaces ---- */

static int look_at_interface(const struct interface *interface, void *cookie)
{
        struct netstat *netstat = cookie;
        static const struct link_address none;
        char mac[LINK_ADDRESS_TEXT_MAX];
        if (count_one(netstat))
                return 1;
        if (!interface->mac.length || !memcmp(interface->mac.bytes, none.bytes, interface->mac.length))
                return 0; /* loopback */
        link_address_format(&interface->mac, mac);
        for (size_t i = 0; i < netstat->counts[NETSTAT_LOCAL_MAC]; i++) {
                struct netstat_query *query = &netstat->queries[NETSTAT_LOCAL_MAC][i];
                struct netstat_element element = { .local_mac = mac, .interface = (char *)interface->name };
                if (regex_match(query->mac, sv_of(mac)) && emit(netstat, NETSTAT_LOCAL_MAC, query, &element) < 0)
                        return -1;
        }
        return 0;
}

static int look_at_address(const struct interface_address *address, void *cookie)
{
        struct netstat *netstat = cookie;
        char text[INET6_ADDRSTRLEN];
        if (count_one(netstat))
                return 1;
        inet_ntop(address->family, address->address, text, sizeof(text));
        for (size_t i = 0; i < netstat->counts[NETSTAT_LOCAL_IP]; i++) {
                struct netstat_query *query = &netstat->queries[NETSTAT_LOCAL_IP][i];
                struct netstat_element element = { .local_address = text };
                if (address_fits(query, address->family, address->address) &&
                        emit(netstat, NETSTAT_LOCAL_IP, query, &element) < 0)
                        return -1;
        }
        return 0;
}

/* ---- neighbours ---- */

static const char *neighbour_state(uint16_t state)
{
        static const struct {
                uint16_t bit;
                const char *name;
        } states[] = { { NUD_PERMANENT, "PERMANENT" }, { NUD_REACHABLE, "REACHABLE" }, { NUD_STALE, "STALE" },
                { NUD_DELAY, "DELAY" }, { NUD_PROBE, "PROBE" }, { NUD_FAILED, "FAILED" },
                { NUD_INCOMPLETE, "INCOMPLETE" } };
        for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
                if (state & states[i].bit)
                        return states[i].name;
        return NULL;
}

/* An address that nobody answered for (FAILED, INCOMPLETE) was never seen; NOARP is multicast and loopback. */
static int look_at_neighbour(const struct neighbour *neighbour, void *cookie)
{
        struct netstat *netstat = cookie;
        char mac[LINK_ADDRESS_TEXT_MAX], address[INET6_ADDRSTRLEN];
        if (count_one(netstat))
                return 1;
        if (!neighbour->mac.length || (neighbour->state & (NUD_NOARP | NUD_FAILED | NUD_INCOMPLETE)))
                return 0;
        link_address_format(&neighbour->mac, mac);
        inet_ntop(neighbour->family, neighbour->address, address, sizeof(address));
        struct netstat_element element = {
                .remote_mac = mac, .remote_address = address, .state = (char *)neighbour_state(neighbour->state)
        };
        for (size_t i = 0; i < netstat->counts[NETSTAT_NEIGHBOR_MAC]; i++) {
                struct netstat_query *query = &netstat->queries[NETSTAT_NEIGHBOR_MAC][i];
                if (regex_match(query->mac, sv_of(mac)) && emit(netstat, NETSTAT_NEIGHBOR_MAC, query, &element) < 0)
                        return -1;
        }
        for (size_t i = 0; i < netstat->counts[NETSTAT_NEIGHBOR_IP]; i++) {
                struct netstat_query *query = &netstat->queries[NETSTAT_NEIGHBOR_IP][i];
                if (address_fits(query, neighbour->family, neighbour->address) &&
                        emit(netstat, NETSTAT_NEIGHBOR_IP, query, &element) < 0)
                        return -1;
        }
        return 0;
}

/* ---- sockets ---- */

/* Texts live in the arena. What may not be read or has ended stays empty. */
static void fill_owner(
        const struct netstat *netstat, uint64_t inode, struct arena *arena, struct netstat_element *element)
{
        size_t count = 0;
        const struct socket_owner *owner = inode ? socket_owners_find(&netstat->owners, inode, &count) : NULL;
        cleanup(process_close) struct process process = { .dir = -1 };
        struct process_stat stat;
        struct process_link exe;
        if (!owner || process_open(netstat->root, owner->pid, &process, NULL) < 0)
                return;
        element->pid = (unsigned)owner->pid;
        element->processes = 1;
        for (size_t i = 1; i < count; i++)
                element->processes += owner[i].pid != owner[i - 1].pid;
        if (process_read_stat(&process, &stat, NULL) == 0)
                element->process = arena_strdup(arena, stat.comm);
        if (process_read_link(&process, PROCESS_EXE, arena, &exe, NULL) == 0)
                element->exe = exe.path;
        cleanup(buf_done) struct buf text;
        struct container_identity identity;
        buf_init(&text, CGROUP_TEXT_BYTES);
        if (process_read_file(&process, "cgroup", &text, NULL) == 0 &&
                container_identify(sv_n(buf_text(&text), text.len), &identity) && identity.id[0])
                element->container = arena_strdup(arena, identity.id);
}

/* A bound UDP socket without a peer waits for datagrams as a TCP socket in LISTEN waits for connections. */
static bool is_listening(const struct socket_entry *entry)
{
        if (entry->protocol == SOCKET_TCP)
                return entry->state == SOCKET_LISTEN;
        return (entry->protocol == SOCKET_UDP || entry->protocol == SOCKET_UDPLITE) && entry->state == SOCKET_CLOSE &&
               entry->local.port;
}

static bool socket_fits(const struct netstat_query *query, enum netstat_group group, const struct socket_entry *entry)
{
        if (group == NETSTAT_LISTENING_PORT)
                return entry->local.port == query->port && is_listening(entry);
        return entry->remote.port && address_fits(query, entry->family, entry->remote.address);
}

static int emit_socket(struct netstat *netstat, const struct socket_entry *entry, enum netstat_group group,
        struct netstat_query *query, struct arena *arena)
{
        char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];
        bool connected = entry->remote.port != 0;
        socket_format_address(entry, &entry->local, local);
        socket_format_address(entry, &entry->remote, remote);
        struct netstat_element element = { .local_address = local,
                .local_port = entry->local.port,
                .protocol = (char *)socket_protocol_name(entry->protocol),
                .state = (char *)socket_state_name(entry->state),
                .uid = entry->uid,
                .has_uid = entry->inode != 0 };
        if (connected) {
                element.remote_address = remote;
                element.remote_port = entry->remote.port;
        }
        fill_owner(netstat, entry->inode, arena, &element);
        if (query)
                return emit(netstat, group, query, &element);
        element.namespace = (char *)netstat->namespace;
        return run_emit_in(netstat->run, "sockets", element.protocol, &element, netstat->err);
}

static int look_at_socket(const struct socket_entry *entry, void *cookie)
{
        struct netstat *netstat = cookie;
        cleanup(arena_done) struct arena arena;
        int status = 0;
        if (count_one(netstat))
                return 1;
        arena_init(&arena, OWNER_ARENA_MAX);
        for (enum netstat_group group = NETSTAT_CONNECTED_IP; group <= NETSTAT_LISTENING_PORT; group++)
                for (size_t i = 0; i < netstat->counts[group] && status == 0; i++)
                        if (socket_fits(&netstat->queries[group][i], group, entry))
                                status = emit_socket(netstat, entry, group, &netstat->queries[group][i], &arena);
        if (netstat->params->all && status == 0)
                status = emit_socket(netstat, entry, NETSTAT_GROUPS, NULL, &arena);
        return status;
}

/* ---- a namespace ---- */

/* 1 is a stop: what there is stays. A failure that is not the parent's is a soft error of this table. */
static int settle(struct netstat *netstat, int status, const char *what, struct error *err)
{
        if (status >= 0 || run_stopped(netstat->run) || err->code == E_TOO_LARGE)
                return status > 0 ? 0 : status;
        run_error(netstat->run, "%s of namespace %s: %s", what, netstat->namespace, err->message);
        return 0;
}

static int look_at_neighbours(struct netstat *netstat, struct interfaces_result *result, struct error *err)
{
        int status = netstat->route >= 0
                             ? neighbours_dump(netstat->route, AF_UNSPEC, look_at_neighbour, netstat, result, err)
                             : -1;
        if (status < 0 && !run_stopped(netstat->run) && result->entries == 0)
                status =
                        neighbours_read_proc(netstat->root, netstat->proc_net, look_at_neighbour, netstat, result, err);
        netstat->statistics->malformed += result->malformed;
        return settle(netstat, status, "neighbours", err);
}

static int look_at_links(struct netstat *netstat, struct error *err)
{
        struct interfaces_result result = { 0 };
        int status = 0;
        if (netstat->route < 0 && (netstat->counts[NETSTAT_LOCAL_MAC] || netstat->counts[NETSTAT_LOCAL_IP]))
                run_error(netstat->run, "interfaces of namespace %s: no netlink", netstat->namespace);
        if (netstat->route >= 0 && netstat->counts[NETSTAT_LOCAL_MAC]) {
                status = interfaces_dump(netstat->route, look_at_interface, netstat, &result, err);
                netstat->statistics->malformed += result.malformed;
                status = settle(netstat, status, "interfaces", err);
        }
        result = (struct interfaces_result){ 0 };
        if (status == 0 && netstat->route >= 0 && netstat->counts[NETSTAT_LOCAL_IP]) {
                status = interface_addresses_dump(netstat->route, look_at_address, netstat, &result, err);
                netstat->statistics->malformed += result.malformed;
                status = settle(netstat, status, "addresses", err);
        }
        result = (struct interfaces_result){ 0 };
        if (status == 0 && is_asked(netstat, NETSTAT_NEIGHBOR_MAC, NETSTAT_NEIGHBOR_IP))
                status = look_at_neighbours(netstat, &result, err);
        return status;
}

static int know_owners(struct netstat *netstat, struct error *err)
{
        if (netstat->owners_known)
                return 0;
        netstat->owners_known = true;
        if (socket_owners_scan(netstat->root, SOCKET_OWNERS_MAX, &netstat->owners, err) < 0)
                run_error(netstat->run, "owners of sockets: %s", err->message);
        netstat->statistics->owners_denied = netstat->owners.denied;
        return 0;
}

int netstat_look(struct netstat *netstat, int diag, struct error *err)
{
        struct sockets_result result = { 0 };
        unsigned protocols = SOCKETS_TCP | SOCKETS_UDP | SOCKETS_UDPLITE;
        netstat->err = err;
        netstat->statistics->namespaces++;
        if (look_at_links(netstat, err) < 0)
                return -1;
        if (!netstat->params->all && !is_asked(netstat, NETSTAT_CONNECTED_IP, NETSTAT_LISTENING_PORT))
                return 0;
        if (netstat->params->all)
                protocols = SOCKETS_ALL;
        if (know_owners(netstat, err) < 0)
                return -1;
        int status = sockets_list(
                diag, netstat->root, netstat->proc_net, protocols, 0, look_at_socket, netstat, &result, err);
        netstat->statistics->malformed += result.malformed;
        return settle(netstat, status, "sockets", err);
}
