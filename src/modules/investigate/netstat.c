/* netstat: this host's addresses, neighbours, connections and listening ports, of one or of all network namespaces.
 * Parameters and messages are MIG's; owners, states and the whole list are ours. */
#include "modules/investigate/netstat.h"

#include "base/cleanup.h"
#include "lib/regex/regex.h"
#include "linux/netlink_dump.h"
#include "module/lines.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/syscall.h>

const char *const netstat_group_names[NETSTAT_GROUPS] = {
        [NETSTAT_LOCAL_MAC] = "localmac",
        [NETSTAT_LOCAL_IP] = "localip",
        [NETSTAT_NEIGHBOR_MAC] = "neighbormac",
        [NETSTAT_NEIGHBOR_IP] = "neighborip",
        [NETSTAT_CONNECTED_IP] = "connectedip",
        [NETSTAT_LISTENING_PORT] = "listeningport",
};

#define P struct netstat_params
#define QUERIES(member, key, ...)                                                                                      \
        FIELD_STRINGS(P, member, .json = key, .max_items = NETSTAT_QUERIES_MAX, .max_length = 4096, __VA_ARGS__)

static const struct field netstat_params_fields[] = {
        QUERIES(local_mac, "localmac", .option = "local-mac", .alias = "lm", .metavar = "REGEX",
                .help = "hardware addresses of this host's interfaces that match, in any case"),
        QUERIES(local_ip, "localip", .option = "local-ip", .alias = "li", .metavar = "ADDRESS",
                .help = "this host's addresses that are this one or within this network"),
        QUERIES(neighbor_mac, "neighbormac", .option = "neighbor-mac", .alias = "nm", .metavar = "REGEX",
                .help = "hardware addresses of neighbours (ARP, NDP) that match, in any case"),
        QUERIES(neighbor_ip, "neighborip", .option = "neighbor-ip", .alias = "ni", .metavar = "ADDRESS",
                .help = "neighbours with this address or within this network"),
        QUERIES(connected_ip, "connectedip", .option = "connected-ip", .alias = "ci", .metavar = "ADDRESS",
                .help = "connections with this address or network as the other end"),
        QUERIES(listening_port, "listeningport", .option = "listening", .alias = "lp", .metavar = "PORT",
                .help = "sockets that wait on this port: TCP in LISTEN, UDP without a peer"),
        FIELD_BOOL(P, namespaces, .help = "look into all network namespaces"),
        FIELD_BOOL(P, all, .flag = 'a', .help = "list all internet sockets"),
};

#define E struct netstat_element
static const struct field netstat_element_fields[] = {
        FIELD_STRING(E, protocol, .help = "tcp, udp, udplite or raw", .omit_empty = true),
        FIELD_STRING(E, state, .help = "state of the socket or of the neighbour", .omit_empty = true),
        FIELD_STRING(E, local_mac, .json = "localmacaddr", .help = "own hardware address", .omit_empty = true,
                .private_ = true),
        FIELD_STRING(E, remote_mac, .json = "remotemacaddr", .help = "neighbour's hardware address", .omit_empty = true,
                .private_ = true),
        FIELD_STRING(
                E, local_address, .json = "localaddr", .help = "own address", .omit_empty = true, .private_ = true),
        FIELD_UINT(E, local_port, .json = "localport", .help = "own port", .omit_empty = true),
        FIELD_STRING(E, remote_address, .json = "remoteaddr", .help = "address of the other end or of the neighbour",
                .omit_empty = true, .private_ = true),
        FIELD_UINT(E, remote_port, .json = "remoteport", .help = "port of the other end", .omit_empty = true,
                .private_ = true),
        FIELD_STRING(E, namespace, .help = "default, or net:[INODE]", .omit_empty = true),
        FIELD_STRING(E, interface, .help = "name of the interface", .omit_empty = true),
        FIELD_UINT(E, uid, .help = "user that owns the socket", .has = HAS(E, has_uid)),
        FIELD_UINT(E, pid, .help = "process that holds the socket, the lowest", .omit_empty = true),
        FIELD_UINT(E, processes, .help = "how many processes hold it", .omit_empty = true),
        FIELD_STRING(E, process, .help = "name of that process", .omit_empty = true),
        FIELD_PATH(E, exe, .help = "its program", .omit_empty = true),
        FIELD_STRING(E, container, .help = "its container", .omit_empty = true),
};

#define S struct netstat_statistics
static const struct field netstat_statistics_fields[] = {
        FIELD_UINT(S, examined, .help = "interfaces, addresses, neighbours and sockets looked at"),
        FIELD_STRING(S, exectime, .help = "time the run took"),
        FIELD_UINT(S, total_hits, .json = "totalhits", .help = "answers to questions"),
        FIELD_UINT(S, namespaces, .help = "network namespaces looked into"),
        FIELD_UINT(S, malformed, .help = "entries of the kernel that made no sense", .omit_empty = true),
        FIELD_UINT(S, owners_denied, .json = "ownersdenied", .help = "processes whose files may not be seen",
                .omit_empty = true),
};

/* ---- parameters ---- */

static int read_mac(const char *text, struct netstat_query *ret, struct error *err)
{
        struct error why;
        ret->mac = regex_new(sv_of(text), REGEX_NOCASE, &why);
        if (!ret->mac)
                return fail(err, E_INVALID,
                        "Invalid MAC regexp '%s'. Compilation failed with '%s'. Must be a valid regular expression.",
                        text, why.message);
        return 0;
}

static int read_address(const char *text, struct netstat_query *ret, struct error *err)
{
        if (cidr_parse(sv_of(text), &ret->network))
                return 0;
        if (strchr(text, '/') > text)
                return fail(err, E_INVALID,
                        "invalid IPv{4,6} CIDR %s: invalid CIDR address: %s. Must be an IP or a CIDR.", text, text);
        return fail(err, E_INVALID, "invalid IPv{4,6} %s. Must be an IP or a CIDR.", text);
}

static int read_port(const char *text, struct netstat_query *ret, struct error *err)
{
        int64_t port;
        if (!sv_parse_i64(sv_of(text), &port))
                return fail(err, E_INVALID, "%s is not a valid port", text);
        if (port < 0 || port > 65535)
                return fail(err, E_INVALID, "port out of range. must be between 1 and 65535");
        ret->port = (uint16_t)port;
        return 0;
}

static int read_query(enum netstat_group group, const char *text, struct netstat_query *ret, struct error *err)
{
        ret->text = text;
        switch (group) {
        case NETSTAT_LOCAL_MAC:
        case NETSTAT_NEIGHBOR_MAC:
                return read_mac(text, ret, err);
        case NETSTAT_LISTENING_PORT:
                return read_port(text, ret, err);
        default:
                return read_address(text, ret, err);
        }
}

/* In MIG's order: patterns first. */
static int netstat_validate(const void *given, struct error *err)
{
        static const enum netstat_group order[] = { NETSTAT_LOCAL_MAC, NETSTAT_NEIGHBOR_MAC, NETSTAT_LOCAL_IP,
                NETSTAT_NEIGHBOR_IP, NETSTAT_CONNECTED_IP, NETSTAT_LISTENING_PORT };
        const struct netstat_params *params = given;
        for (size_t i = 0; i < NETSTAT_GROUPS; i++)
                list_foreach (text, &params->queries[order[i]]) {
                        struct netstat_query query = { 0 };
                        int status = read_query(order[i], *text, &query, err);
                        regex_free(query.mac);
                        if (status < 0)
                                return -1;
                }
        return 0;
}

static void free_regex(void *cookie)
{
        regex_free(cookie);
}

/* The same question twice is one. */
static bool is_repeated(const struct netstat *netstat, enum netstat_group group, const char *text)
{
        for (size_t i = 0; i < netstat->counts[group]; i++)
                if (strcmp(netstat->queries[group][i].text, text) == 0)
                        return true;
        return false;
}

static int prepare(struct netstat *netstat, struct error *err)
{
        struct arena *arena = &netstat->run->arena;
        for (enum netstat_group group = 0; group < NETSTAT_GROUPS; group++) {
                const struct string_list *texts = &netstat->params->queries[group];
                netstat->queries[group] = arena_array(arena, texts->count, sizeof(struct netstat_query));
                if (!netstat->queries[group])
                        return fail(err, E_NO_MEMORY, "no memory for the questions");
                list_foreach (text, texts) {
                        if (is_repeated(netstat, group, *text))
                                continue;
                        struct netstat_query *query = &netstat->queries[group][netstat->counts[group]++];
                        if (read_query(group, *text, query, err) < 0)
                                return -1;
                        if (query->mac && arena_defer(arena, free_regex, query->mac) < 0)
                                return fail(err, E_NO_MEMORY, "no memory for the questions");
                }
        }
        return 0;
}

/* ---- the run ---- */

/* CAP_SYS_ADMIN is only for entering namespaces. */
static void drop_sys_admin(void)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
        if (syscall(SYS_capget, &header, sets) < 0)
                return;
        uint32_t bit = CAP_TO_MASK(CAP_SYS_ADMIN);
        sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective &= ~bit;
        sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].permitted &= ~bit;
        sets[CAP_TO_INDEX(CAP_SYS_ADMIN)].inheritable &= ~bit;
        syscall(SYS_capset, &header, sets);
}

static int look_at_own(struct netstat *netstat, struct error *err)
{
        struct error ignored;
        cleanup(fd_close) int diag = netlink_open(NETLINK_SOCK_DIAG, &ignored);
        cleanup(fd_close) int route = netlink_open(NETLINK_ROUTE, &ignored);
        netstat->namespace = "default";
        netstat->proc_net = "proc/net";
        netstat->route = route;
        return netstat_look(netstat, diag, err);
}

static int look_at_namespace(struct netstat *netstat, const struct netns *netns, struct error *err)
{
        char name[40], directory[40];
        struct error why = { 0 };
        snprintf(name, sizeof(name), "net:[%llu]", (unsigned long long)netns->inode);
        snprintf(directory, sizeof(directory), "proc/%d/net", netns->pid);
        cleanup(fd_close) int diag = netns_netlink(netstat->root, netns, NETLINK_SOCK_DIAG, &why);
        cleanup(fd_close) int route = diag >= 0 ? netns_netlink(netstat->root, netns, NETLINK_ROUTE, &why) : -1;
        if (diag < 0 && why.code == E_NOT_FOUND) {
                run_skipped(netstat->run, name, "%s", why.message);
                return 0;
        }
        if (diag < 0 || route < 0) /* sockets can be had from /proc without entering */
                run_skipped(netstat->run, name, "only /proc/%d/net was read: %s", netns->pid, why.message);
        netstat->namespace = name;
        netstat->proc_net = directory;
        netstat->route = route;
        return netstat_look(netstat, diag, err);
}

static int look_at_all(struct netstat *netstat, struct error *err)
{
        struct netns_list list = { 0 };
        if (netns_list_read(netstat->root, &list, err) < 0)
                return -1;
        int status = 0;
        for (size_t i = 0; i < list.count && status == 0 && !run_checkpoint(netstat->run); i++)
                status = look_at_namespace(netstat, &list.rows[i], err);
        if (list.denied)
                run_skipped(netstat->run, "/proc", "the namespaces of %zu processes may not be read", list.denied);
        if (list.refused)
                run_skipped(netstat->run, "/proc", "%zu more network namespaces", list.refused);
        netns_list_done(&list);
        return status;
}

/* MIG's six keys are always there: null where nothing was asked, and for a question without an answer. */
static int declare_empty(struct netstat *netstat, struct error *err)
{
        for (enum netstat_group group = 0; group < NETSTAT_GROUPS; group++) {
                if (!netstat->counts[group] &&
                        run_declare(netstat->run, netstat_group_names[group], NULL, true, err) < 0)
                        return -1;
                for (size_t i = 0; i < netstat->counts[group]; i++)
                        if (run_declare(netstat->run, netstat_group_names[group], netstat->queries[group][i].text, true,
                                    err) < 0)
                                return -1;
        }
        return 0;
}

static int netstat_run(struct run *run, struct error *err)
{
        char took[TIME_TEXT_MAX];
        struct netstat netstat = { .run = run, .params = run->params, .statistics = run_statistics(run), .root = -1 };
        if (prepare(&netstat, err) < 0 || declare_empty(&netstat, err) < 0)
                return -1;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "/");
        netstat.root = root;
        if (!netstat.params->namespaces)
                drop_sys_admin();
        int status = netstat.params->namespaces ? look_at_all(&netstat, err) : look_at_own(&netstat, err);
        socket_owners_done(&netstat.owners);
        duration_format(time_monotonic_ns() - run->started_ns, took);
        netstat.statistics->exectime = arena_strdup(&run->arena, took);
        return status;
}

/* ---- lines ---- */

static void print_owner(struct buf *out, const struct netstat_element *element)
{
        if (element->pid)
                buf_printf(out, " %s/%u", element->process ? element->process : "?", element->pid);
        if (element->container && *element->container)
                buf_printf(out, " container %.12s", element->container);
        if (element->namespace && *element->namespace && strcmp(element->namespace, "default") != 0)
                buf_printf(out, " %s", element->namespace);
}

static void print_endpoint(const char *address, unsigned port, char *ret, size_t size)
{
        bool v6 = address && strchr(address, ':');
        if (!address || !*address)
                snprintf(ret, size, "*");
        else
                snprintf(ret, size, v6 ? "[%s]:%u" : "%s:%u", address, port);
}

static void netstat_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct netstat_element *found = row;
        char local[INET6_ADDRSTRLEN + 10], remote[INET6_ADDRSTRLEN + 10];
        cleanup(buf_done) struct buf owner;
        buf_init(&owner, 4096);
        print_owner(&owner, found);
        const char *tail = buf_text(&owner);
        print_endpoint(found->local_address, found->local_port, local, sizeof(local));
        print_endpoint(found->remote_address, found->remote_port, remote, sizeof(remote));
        if (strcmp(group, "localmac") == 0)
                print_line(printer, "found local mac %s for netstat localmac:'%s'%s", found->local_mac, label, tail);
        else if (strcmp(group, "localip") == 0)
                print_line(printer, "found local ip %s for netstat localip:'%s'%s", found->local_address, label, tail);
        else if (strncmp(group, "neighbor", 8) == 0)
                print_line(printer, "found neighbor mac %s %s for netstat %s:'%s'%s", found->remote_mac,
                        found->remote_address, group, label, tail);
        else if (strcmp(group, "connectedip") == 0)
                print_line(printer, "found connected tuple %s with local tuple %s for netstat connectedip:'%s'%s",
                        remote, local, label, tail);
        else if (strcmp(group, "listeningport") == 0)
                print_line(printer, "found listening port %u for netstat listeningport:'%s' %s %s%s", found->local_port,
                        label, found->protocol, local, tail);
        else
                print_line(printer, "%-7s %-11s %-28s %-28s%s", found->protocol, found->state, local, remote, tail);
}

static void netstat_print_empty(struct line_printer *printer, const char *group, const char *label)
{
        if (label)
                print_line(printer, "did not find anything for netstat %s:'%s'", group, label);
}

static void netstat_print_statistics(struct line_printer *printer, const void *row)
{
        const struct netstat_statistics *statistics = row;
        if (!printer->results_only)
                print_line(printer, "Statistics: total hits %llu examined %llu items exectime %s",
                        (unsigned long long)statistics->total_hits, (unsigned long long)statistics->examined,
                        statistics->exectime);
}

static const struct module_example netstat_examples[] = {
        { "netstat --listening 22", "who waits for connections on port 22" },
        { "netstat --connected-ip 192.0.2.0/24 --namespaces", "connections with a network, from containers as well" },
        { "netstat --neighbor-mac '^02:42:'", "neighbours whose hardware address begins so" },
        { "netstat --all", "every internet socket and its process" },
        { 0 },
};

static const char *const netstat_paths[] = { "/proc", NULL };

const struct module netstat_module = {
        .name = "netstat",
        .summary = "find addresses, neighbours, connections and listening ports, and who owns them",
        .params = RECORD(struct netstat_params, netstat_params_fields),
        .element = RECORD(struct netstat_element, netstat_element_fields),
        .shape = SHAPE_GROUPS,
        .statistics = RECORD(struct netstat_statistics, netstat_statistics_fields),
        .sandbox = { .capabilities = CAP_BIT(CAP_SYS_PTRACE) | CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_SYS_ADMIN),
                .netlink = true,
                .processes = true,
                .namespaces = true,
                .read_paths = netstat_paths },
        .limits = { .memory = 256 * MIB },
        .examples = netstat_examples,
        .validate = netstat_validate,
        .run = netstat_run,
        .print_row = netstat_print_row,
        .print_empty = netstat_print_empty,
        .print_statistics = netstat_print_statistics,
};
