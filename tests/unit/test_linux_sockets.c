/* Sockets, neighbours, interfaces and network namespaces: against ss(8) and ip(8) in a namespace the test makes. */
#include "linux_fixture.h"

#include "base/buf.h"
#include "base/vec.h"
#include "linux/interfaces.h"
#include "linux/netlink_dump.h"
#include "linux/netns.h"
#include "linux/process.h"
#include "linux/socket_owner.h"
#include "linux/sockets.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

static struct error err;

typedef VEC(struct socket_entry) socket_vec;

static int collect(const struct socket_entry *entry, void *cookie)
{
        struct socket_entry *slot = vec_add((socket_vec *)cookie, 100000);
        assert_non_null(slot);
        *slot = *entry;
        return 0;
}

static void line_of_tcp(void **state)
{
        (void)state;
        struct socket_entry entry;
        assert_true(
                sockets_parse_line(SV("   0: 0100007F:1F90 0200007F:D431 01 00000010:00000020 00:00000000 00000000  "
                                      "1000        0 98765 1 0000000000000000 100 0 0 10 0"),
                        SOCKET_TCP, AF_INET, &entry));
        char text[INET6_ADDRSTRLEN];
        socket_format_address(&entry, &entry.local, text);
        assert_string_equal(text, "127.0.0.1");
        assert_int_equal(entry.local.port, 8080);
        socket_format_address(&entry, &entry.remote, text);
        assert_string_equal(text, "127.0.0.2");
        assert_int_equal(entry.remote.port, 54321);
        assert_int_equal(entry.state, SOCKET_ESTABLISHED);
        assert_int_equal(entry.tx_queue, 16);
        assert_int_equal(entry.rx_queue, 32);
        assert_int_equal(entry.uid, 1000);
        assert_int_equal(entry.inode, 98765);

        assert_true(sockets_parse_line(
                SV(" 10: 000080FE00000000FF005450FE0101FE:0035 00000000000000000000000000000000:0000 07 "
                   "00000000:00000000 00:00000000 00000000     0        0 11 2 0 0"),
                SOCKET_UDP, AF_INET6, &entry));
        socket_format_address(&entry, &entry.local, text);
        assert_string_equal(text, "fe80::5054:ff:fe01:1fe");
        assert_string_equal(socket_state_name(entry.state), "CLOSE");

        static const char *const bad[] = { "", "sl local rem", "0: 0100007F:1F90", "0: 0100007F 0:0 0A 0:0 0 0 0 0 1",
                "0: 0100007G:1F90 00000000:0000 0A 00000000:00000000 00:0 0 0 0 1",
                "0: 0100007F:1F90 00000000:0000 FFF 00000000:00000000 00:0 0 0 0 1",
                "0: 0100007F:1F90 00000000:0000 0A 0000000000000000 00:0 0 0 0 1" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_false(sockets_parse_line(sv_of(bad[i]), SOCKET_TCP, AF_INET, &entry));
}

static void names_are_the_usual_ones(void **state)
{
        (void)state;
        assert_string_equal(socket_state_name(SOCKET_LISTEN), "LISTEN");
        assert_string_equal(socket_state_name(SOCKET_TIME_WAIT), "TIME_WAIT");
        assert_string_equal(socket_state_name(200), "UNKNOWN");
        struct socket_entry entry = { .family = AF_INET6,
                .local.address = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1 } };
        char text[INET6_ADDRSTRLEN];
        socket_format_address(&entry, &entry.local, text);
        assert_string_equal(text, "10.0.0.1");
}

static void netlink_walk_stays_in_bounds(void **state)
{
        (void)state;
        struct netlink_message message;
        bool malformed = false;
        struct nlmsghdr header = { .nlmsg_len = sizeof(header), .nlmsg_type = 20 };
        struct sv rest = sv_n((const char *)&header, sizeof(header));
        assert_true(netlink_next_message(&rest, &message, &malformed));
        assert_int_equal(message.payload.n, 0);
        assert_false(netlink_next_message(&rest, &message, &malformed));
        assert_false(malformed);
        static const uint32_t lengths[] = { 0, 1, 15, 17, 4096, UINT32_MAX };
        for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
                header.nlmsg_len = lengths[i];
                rest = sv_n((const char *)&header, sizeof(header));
                malformed = false;
                assert_false(netlink_next_message(&rest, &message, &malformed));
                assert_true(malformed);
                assert_int_equal(rest.n, 0); /* the walk ends, it does not spin */
        }
        static const uint16_t attributes[] = { 0, 3, 9, UINT16_MAX };
        for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
                struct nlattr attribute[2] = { { .nla_len = attributes[i], .nla_type = 1 } };
                rest = sv_n((const char *)attribute, sizeof(attribute));
                uint16_t type;
                struct sv value;
                assert_false(netlink_next_attribute(&rest, &type, &value));
        }
        struct socket_entry entry;
        assert_false(sockets_parse_diag(SV("short"), SOCKET_TCP, &entry));
        struct interface interface;
        assert_false(interface_parse(SV("short"), &interface));
}

static int count_neighbour(const struct neighbour *one, void *cookie)
{
        assert_int_equal(one->family, AF_INET);
        ++*(int *)cookie;
        return 0;
}

static void neighbour_of_arp_table(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        fixture_text(&fixture, "proc/net/arp",
                "IP address       HW type     Flags       HW address            Mask     Device\n"
                "192.168.1.1      0x1         0x2         cc:aa:dd:ee:aa:bb     *        eth0\n"
                "192.168.1.2      0x1         0x0         00:00:00:00:00:00     *        eth0\n"
                "192.168.1.3      0x1         0x6         02:00:00:00:00:03     *        an-over-long-device-name\n"
                "nonsense\n");
        struct neighbour entry;
        assert_true(neighbour_parse_arp_line(
                SV("192.168.1.1      0x1         0x2         CC:aa:dd:ee:aa:bb     *        eth0"), &entry));
        char text[LINK_ADDRESS_TEXT_MAX];
        link_address_format(&entry.mac, text);
        assert_string_equal(text, "cc:aa:dd:ee:aa:bb");
        assert_string_equal(entry.interface, "eth0");
        assert_int_equal(entry.state, NUD_REACHABLE);
        struct interfaces_result result;
        int count = 0;
        assert_int_equal(neighbours_read_proc(fixture.root, "proc/net", count_neighbour, &count, &result, &err), 0);
        assert_int_equal(count, 2);
        assert_int_equal(result.malformed, 2);
        fixture_remove(&fixture);
}

/* A process in a network namespace of its own with sockets of many kinds; it ends when its release pipe closes. */
struct holder {
        pid_t pid;
        int release;
};

static int open_socket(int family, int type, const struct sockaddr *address, socklen_t length, int backlog)
{
        int fd = socket(family, type, 0);
        int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (fd < 0 || bind(fd, address, length) < 0 || (backlog && listen(fd, backlog) < 0))
                _exit(10);
        return fd;
}

static void connect_to(int family, const struct sockaddr *address, socklen_t length, int listener, bool accepted)
{
        int fd = socket(family, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, address, length) < 0)
                _exit(11);
        if (write(fd, "hello", 5) != 5)
                _exit(12);
        if (accepted && accept(listener, NULL, NULL) < 0)
                _exit(13);
}

static void run_ip(const char *arguments)
{
        char text[256];
        char *argv[24] = { (char[]){ "ip" } };
        int n = 1;
        snprintf(text, sizeof(text), "%s", arguments);
        for (char *word = text; word && n < 23; n++) {
                argv[n] = word;
                if ((word = strchr(word, ' ')))
                        *word++ = '\0';
        }
        pid_t pid = fork();
        if (pid == 0) {
                execvp("ip", argv);
                _exit(127);
        }
        int status;
        if (waitpid(pid, &status, 0) != pid || status != 0)
                _exit(14);
}

static void hold_sockets(int ready, int release)
{
        if (unshare(CLONE_NEWNET) < 0)
                _exit(9);
        run_ip("link set lo up");
        run_ip("link add v0 type veth peer name v1");
        run_ip("link set v0 address 02:00:00:00:00:01");
        run_ip("link set v0 up");
        run_ip("link set v1 up");
        run_ip("addr add 10.9.0.1/24 dev v0");
        run_ip("-6 addr add fd00:9::1/64 dev v0 nodad");
        run_ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent");
        run_ip("-6 neigh add fd00:9::2 lladdr 02:00:00:00:00:03 dev v0 nud permanent");
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(8080), .sin_addr = { htonl(0x7f000001) } };
        struct sockaddr_in6 v6 = {
                .sin6_family = AF_INET6, .sin6_port = htons(8081), .sin6_addr = IN6ADDR_LOOPBACK_INIT
        };
        int four = open_socket(AF_INET, SOCK_STREAM, (void *)&v4, sizeof(v4), 17);
        int six = open_socket(AF_INET6, SOCK_STREAM, (void *)&v6, sizeof(v6), 18);
        open_socket(AF_INET, SOCK_DGRAM, (void *)&v4, sizeof(v4), 0);
        open_socket(AF_INET6, SOCK_DGRAM, (void *)&v6, sizeof(v6), 0);
        struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(8082) };
        int dual = open_socket(AF_INET6, SOCK_STREAM, (void *)&any, sizeof(any), 5);
        for (int i = 0; i < 5; i++) {
                connect_to(AF_INET, (void *)&v4, sizeof(v4), four, i != 0);
                connect_to(AF_INET6, (void *)&v6, sizeof(v6), six, true);
        }
        v4.sin_port = htons(8082);
        connect_to(AF_INET, (void *)&v4, sizeof(v4), dual, true); /* mapped addresses */
        if (socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) < 0 || socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6) < 0)
                _exit(15);
        char byte = 0;
        if (write(ready, &byte, 1) != 1)
                _exit(16);
        _exit(read(release, &byte, 1) != 0);
}

static struct holder holder_start(void)
{
        int ready[2];
        int release[2];
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        assert_int_equal(pipe2(release, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                close(release[1]);
                hold_sockets(ready[1], release[0]);
        }
        close(ready[1]);
        close(release[0]);
        char byte;
        bool up = read(ready[0], &byte, 1) == 1;
        close(ready[0]);
        if (!up) {
                int status;
                waitpid(pid, &status, 0);
                close(release[1]);
                if (WEXITSTATUS(status) == 9) {
                        print_message("skipped: needs the right to make a network namespace\n");
                        skip();
                }
                fail_msg("the namespace could not be filled: exit %d", WEXITSTATUS(status));
        }
        return (struct holder){ pid, release[1] };
}

static void holder_stop(struct holder *holder)
{
        close(holder->release);
        waitpid(holder->pid, NULL, 0);
}

static struct netns holder_netns(int root, const struct holder *holder)
{
        struct netns_list list;
        assert_int_equal(netns_list_read(root, &list, &err), 0);
        struct netns found = { 0 };
        int own = 0;
        for (size_t i = 0; i < list.count; i++) {
                if (list.rows[i].pid == holder->pid)
                        found = list.rows[i];
                own += list.rows[i].own;
        }
        assert_int_equal(own, 1);
        assert_int_equal(found.pid, holder->pid);
        assert_int_equal(found.processes, 1);
        assert_false(found.own);
        netns_list_done(&list);
        return found;
}

static void output_in(pid_t pid, struct buf *out, const char *const *words)
{
        char number[16];
        snprintf(number, sizeof(number), "%d", pid);
        char *argv[16] = { (char[]){ "nsenter" }, (char[]){ "-n" }, (char[]){ "-t" }, number };
        for (size_t i = 0; words[i] && i < 11; i++)
                argv[4 + i] = (char *)(uintptr_t)words[i];
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
                dup2(ends[1], 1);
                execvp(argv[0], argv);
                _exit(127);
        }
        close(ends[1]);
        char *into;
        ssize_t got;
        while ((into = buf_reserve(out, 4096)) && (got = read(ends[0], into, 4096)) > 0)
                out->len += (size_t)got;
        close(ends[0]);
        int status;
        waitpid(child, &status, 0);
        if (WEXITSTATUS(status) == 127) {
                print_message("skipped: needs iproute2\n");
                skip();
        }
        assert_int_equal(status, 0);
}

/* "127.0.0.1:80", "[::1]:80", "*:80", "0.0.0.0:*", with "%dev" behind the address, as ss writes them. */
static void parse_ss_endpoint(struct sv text, char *ret_address, unsigned *ret_port)
{
        const char *colon = memrchr(text.p, ':', text.n);
        assert_non_null(colon);
        struct sv port = sv_n(colon + 1, text.n - (size_t)(colon + 1 - text.p));
        struct sv address = sv_n(text.p, (size_t)(colon - text.p));
        if (address.n && address.p[0] == '[')
                address = sv_n(address.p + 1, address.n - 2);
        address.n = sv_find(address, '%');
        if (sv_starts(address, SV("::ffff:")))
                address = sv_n(address.p + 7, address.n - 7);
        uint64_t number = 0;
        sv_parse_u64(port, 10, &number);
        *ret_port = (unsigned)number;
        snprintf(ret_address, INET6_ADDRSTRLEN, "%.*s", SV_ARG(sv_eq(address, SV("*")) ? SV("::") : address));
}

static unsigned state_of_ss(struct sv word)
{
        static const struct {
                const char *name;
                unsigned state;
        } names[] = { { "ESTAB", SOCKET_ESTABLISHED }, { "LISTEN", SOCKET_LISTEN }, { "UNCONN", SOCKET_CLOSE },
                { "TIME-WAIT", SOCKET_TIME_WAIT }, { "SYN-SENT", SOCKET_SYN_SENT },
                { "CLOSE-WAIT", SOCKET_CLOSE_WAIT } };
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (sv_eq(word, sv_of(names[i].name)))
                        return names[i].state;
        fail_msg("ss state %.*s", SV_ARG(word));
        return 0;
}

/* Takes the entry that this line of ss tells of out of `ours`. */
static void match_ss_line(struct sv line, socket_vec *ours)
{
        struct sv words[6];
        char local[INET6_ADDRSTRLEN];
        char remote[INET6_ADDRSTRLEN];
        unsigned local_port;
        unsigned remote_port;
        uint64_t rx;
        uint64_t tx;
        uint64_t inode = 0;
        struct sv whole = line;
        for (int i = 0; i < 6; i++)
                assert_true(sv_word(&line, &words[i]));
        assert_true(sv_parse_u64(words[2], 10, &rx) && sv_parse_u64(words[3], 10, &tx));
        parse_ss_endpoint(words[4], local, &local_port);
        parse_ss_endpoint(words[5], remote, &remote_port);
        struct sv word;
        while (sv_word(&line, &word))
                if (sv_starts(word, SV("ino:")))
                        sv_parse_u64(sv_n(word.p + 4, word.n - 4), 10, &inode);
        unsigned state = state_of_ss(words[1]);
        for (size_t i = 0; i < ours->count; i++) {
                const struct socket_entry *entry = &ours->items[i];
                char text[INET6_ADDRSTRLEN];
                bool untold = inode == 0 && entry->protocol == SOCKET_RAW; /* from /proc, ss omits it */
                if ((entry->inode != inode && !untold) || entry->state != state || entry->rx_queue != rx ||
                        entry->tx_queue != tx)
                        continue;
                if (!sv_eq(words[0], sv_of(socket_protocol_name(entry->protocol))))
                        continue;
                if (entry->protocol != SOCKET_RAW &&
                        (entry->local.port != local_port || entry->remote.port != remote_port))
                        continue;
                socket_format_address(entry, &entry->local, text);
                if (strcmp(text, local) != 0)
                        continue;
                socket_format_address(entry, &entry->remote, text);
                if (strcmp(text, remote) != 0)
                        continue;
                vec_swap_remove(ours, i);
                return;
        }
        fail_msg("ss has a socket we do not: %.*s", SV_ARG(whole));
}

static void dump_agrees_with_ss(void **state)
{
        (void)state;
        struct holder holder = holder_start();
        cleanup(fd_close) int root = real_root();
        struct netns netns = holder_netns(root, &holder);
        cleanup(fd_close) int netlink = netns_netlink(root, &netns, NETLINK_SOCK_DIAG, &err);
        assert_true(netlink >= 0);
        socket_vec ours = { 0 };
        struct sockets_result result;
        char dir[48];
        snprintf(dir, sizeof(dir), "proc/%d/net", holder.pid);
        assert_int_equal(sockets_list(netlink, root, dir, SOCKETS_ALL, 0, collect, &ours, &result, &err), 0);
        assert_int_equal(result.malformed, 0);
        assert_int_equal(result.unsupported, 0);
        assert_int_equal(result.entries, ours.count);
        assert_true(ours.count >= 27);

        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 1 << 20);
        output_in(holder.pid, &buf, (const char *const[]){ "ss", "-HOntuwae", NULL });
        struct sv rest = sv_n(buf_text(&buf), buf.len);
        struct sv line;
        while (sv_line(&rest, &line)) {
                struct sv word;
                struct sv again = line;
                /* ping sockets come under another name, of another table */
                if (sv_word(&again, &word) && !sv_eq(word, SV("icmp6")))
                        match_ss_line(line, &ours);
        }
        assert_int_equal(ours.count, 0); /* and we have none that ss has not */
        vec_done(&ours);
        holder_stop(&holder);
}

static int compare_entries(const void *a, const void *b)
{
        const struct socket_entry *x = a;
        const struct socket_entry *y = b;
        if (x->inode != y->inode)
                return x->inode < y->inode ? -1 : 1;
        return memcmp(&x->local, &y->local, sizeof(x->local));
}

static void text_tables_agree_with_netlink(void **state)
{
        (void)state;
        struct holder holder = holder_start();
        cleanup(fd_close) int root = real_root();
        struct netns netns = holder_netns(root, &holder);
        cleanup(fd_close) int netlink = netns_netlink(root, &netns, NETLINK_SOCK_DIAG, &err);
        socket_vec ours = { 0 };
        socket_vec text = { 0 };
        struct sockets_result result;
        char dir[48];
        snprintf(dir, sizeof(dir), "proc/%d/net", holder.pid);
        assert_int_equal(sockets_dump(netlink, SOCKETS_ALL, 0, collect, &ours, &result, &err), 0);
        unsigned told = SOCKETS_ALL & ~result.unsupported;
        assert_true(told & SOCKETS_TCP && told & SOCKETS_UDP);
        assert_int_equal(sockets_read_proc(root, dir, told, 0, collect, &text, &result, &err), 0);
        assert_int_equal(result.malformed, 0);
        assert_int_equal(ours.count, text.count);
        qsort(ours.items, ours.count, sizeof(*ours.items), compare_entries);
        qsort(text.items, text.count, sizeof(*text.items), compare_entries);
        for (size_t i = 0; i < ours.count; i++) {
                assert_memory_equal(&ours.items[i].local, &text.items[i].local, sizeof(struct socket_endpoint));
                assert_memory_equal(&ours.items[i].remote, &text.items[i].remote, sizeof(struct socket_endpoint));
                assert_int_equal(ours.items[i].state, text.items[i].state);
                assert_int_equal(ours.items[i].family, text.items[i].family);
                assert_int_equal(ours.items[i].rx_queue, text.items[i].rx_queue);
                assert_int_equal(ours.items[i].uid, text.items[i].uid);
        }
        /* a state filter means the same in both */
        ours.count = text.count = 0;
        uint32_t listening = 1u << SOCKET_LISTEN;
        assert_int_equal(sockets_dump(netlink, SOCKETS_TCP, listening, collect, &ours, &result, &err), 0);
        assert_int_equal(sockets_read_proc(root, dir, SOCKETS_TCP, listening, collect, &text, &result, &err), 0);
        assert_int_equal(ours.count, 3);
        assert_int_equal(text.count, 3);
        vec_done(&ours);
        vec_done(&text);
        holder_stop(&holder);
}

static int stop_at_second(const struct socket_entry *entry, void *cookie)
{
        (void)entry;
        return ++*(int *)cookie == 2 ? 77 : 0;
}

static void a_stopped_dump_leaves_the_socket_usable(void **state)
{
        (void)state;
        struct holder holder = holder_start();
        cleanup(fd_close) int root = real_root();
        struct netns netns = holder_netns(root, &holder);
        cleanup(fd_close) int netlink = netns_netlink(root, &netns, NETLINK_SOCK_DIAG, &err);
        struct sockets_result result;
        for (int i = 0; i < 3; i++) {
                int count = 0;
                assert_int_equal(sockets_dump(netlink, SOCKETS_TCP, 0, stop_at_second, &count, &result, &err), 77);
                assert_int_equal(count, 2);
        }
        holder_stop(&holder);
        /* its process is gone: the namespace cannot be entered any more, and that is said */
        assert_int_equal(netns_netlink(root, &netns, NETLINK_SOCK_DIAG, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

static void the_owner_of_a_listener_is_found(void **state)
{
        (void)state;
        struct holder holder = holder_start();
        cleanup(fd_close) int root = real_root();
        struct netns netns = holder_netns(root, &holder);
        cleanup(fd_close) int netlink = netns_netlink(root, &netns, NETLINK_SOCK_DIAG, &err);
        socket_vec ours = { 0 };
        struct sockets_result result;
        assert_int_equal(sockets_dump(netlink, SOCKETS_TCP, 1u << SOCKET_LISTEN, collect, &ours, &result, &err), 0);
        struct socket_owners owners;
        assert_int_equal(socket_owners_scan(root, SOCKET_OWNERS_MAX, &owners, &err), 0);
        for (size_t i = 0; i < ours.count; i++) {
                size_t count;
                const struct socket_owner *owner = socket_owners_find(&owners, ours.items[i].inode, &count);
                assert_non_null(owner);
                assert_int_equal(owner->pid, holder.pid);
        }
        socket_owners_done(&owners);
        vec_done(&ours);
        holder_stop(&holder);
}

struct seen_links {
        int loopback, veth;
        int veth_index;
        char mac[LINK_ADDRESS_TEXT_MAX];
};

static int see_interface(const struct interface *entry, void *cookie)
{
        struct seen_links *seen = cookie;
        seen->loopback += strcmp(entry->name, "lo") == 0 && (entry->flags & IFF_LOOPBACK);
        if (strcmp(entry->name, "v0") == 0) {
                seen->veth += strcmp(entry->kind, "veth") == 0 && entry->mtu == 1500;
                seen->veth_index = entry->index;
                link_address_format(&entry->mac, seen->mac);
        }
        return 0;
}

static int print_neighbour(const struct neighbour *entry, void *cookie)
{
        char address[INET6_ADDRSTRLEN];
        char mac[LINK_ADDRESS_TEXT_MAX];
        inet_ntop(entry->family, entry->address, address, sizeof(address));
        link_address_format(&entry->mac, mac);
        if (entry->state == NUD_PERMANENT)
                buf_printf(cookie, "%s dev v0 lladdr %s PERMANENT\n", address, mac);
        return 0;
}

static int print_address(const struct interface_address *entry, void *cookie)
{
        char address[INET6_ADDRSTRLEN];
        inet_ntop(entry->family, entry->address, address, sizeof(address));
        buf_printf(cookie, "%d %s/%d\n", entry->index, address, entry->prefix);
        return 0;
}

static void interfaces_and_neighbours_agree_with_ip(void **state)
{
        (void)state;
        struct holder holder = holder_start();
        cleanup(fd_close) int root = real_root();
        struct netns netns = holder_netns(root, &holder);
        cleanup(fd_close) int netlink = netns_netlink(root, &netns, NETLINK_ROUTE, &err);
        assert_true(netlink >= 0);
        struct interfaces_result result;
        struct seen_links seen = { 0 };
        assert_int_equal(interfaces_dump(netlink, see_interface, &seen, &result, &err), 0);
        cleanup(buf_done) struct buf links;
        buf_init(&links, 1 << 16);
        output_in(holder.pid, &links, (const char *const[]){ "ip", "-o", "link", "show", NULL });
        size_t known = 0; /* lo, v0 and its peer; and what modules such as sit make in each namespace */
        for (size_t i = 0; i < links.len; i++)
                known += links.data[i] == '\n';
        assert_true(known >= 3);
        assert_int_equal(result.entries, known);
        assert_int_equal(seen.loopback, 1);
        assert_int_equal(seen.veth, 1);
        assert_string_equal(seen.mac, "02:00:00:00:00:01");

        cleanup(buf_done) struct buf ours;
        cleanup(buf_done) struct buf theirs;
        buf_init(&ours, 1 << 16);
        buf_init(&theirs, 1 << 16);
        assert_int_equal(neighbours_dump(netlink, AF_INET, print_neighbour, &ours, &result, &err), 0);
        assert_int_equal(neighbours_dump(netlink, AF_INET6, print_neighbour, &ours, &result, &err), 0);
        output_in(holder.pid, &theirs, (const char *const[]){ "ip", "-4", "neigh", "show", "nud", "permanent", NULL });
        output_in(holder.pid, &theirs, (const char *const[]){ "ip", "-6", "neigh", "show", "nud", "permanent", NULL });
        /* `ip` ends its lines with a space */
        struct sv rest = sv_n(buf_text(&theirs), theirs.len);
        struct sv mine = sv_n(buf_text(&ours), ours.len);
        struct sv line;
        struct sv other;
        int lines = 0;
        while (sv_line(&rest, &line)) {
                assert_true(sv_line(&mine, &other));
                assert_true(sv_eq(sv_trim(line), sv_trim(other)));
                lines++;
        }
        assert_int_equal(mine.n, 0);
        assert_int_equal(lines, 2);

        buf_clear(&ours);
        assert_int_equal(interface_addresses_dump(netlink, print_address, &ours, &result, &err), 0);
        char expected[64];
        snprintf(expected, sizeof(expected), "%d 10.9.0.1/24\n", seen.veth_index);
        assert_non_null(strstr(buf_text(&ours), expected));
        snprintf(expected, sizeof(expected), "%d fd00:9::1/64\n", seen.veth_index);
        assert_non_null(strstr(buf_text(&ours), expected));
        assert_non_null(strstr(buf_text(&ours), " 127.0.0.1/8\n"));
        holder_stop(&holder);
}

static void entering_a_namespace_leaves_the_caller_where_it_is(void **state)
{
        (void)state;
        struct holder holder = holder_start();
        cleanup(fd_close) int root = real_root();
        struct netns netns = holder_netns(root, &holder);
        struct stat before;
        struct stat after;
        assert_int_equal(stat("/proc/thread-self/ns/net", &before), 0);
        for (int i = 0; i < 50; i++) {
                int netlink = netns_netlink(root, &netns, NETLINK_SOCK_DIAG, &err);
                assert_true(netlink >= 0);
                close(netlink);
        }
        assert_int_equal(stat("/proc/thread-self/ns/net", &after), 0);
        assert_true(before.st_ino == after.st_ino && before.st_dev == after.st_dev);
        struct netns moved = netns;
        moved.inode++;
        assert_int_equal(netns_netlink(root, &moved, NETLINK_SOCK_DIAG, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        holder_stop(&holder);
}

static int find_unix(const struct unix_socket *entry, void *cookie)
{
        char name[32] = "";
        int length = 1 + snprintf(name + 1, sizeof(name) - 1, "tarsier-test-%d", (int)getpid());
        if (entry->path_length == (size_t)length && memcmp(entry->path, name, (size_t)length) == 0)
                *(struct unix_socket *)cookie = *entry;
        return 0;
}

static void unix_sockets_have_names(void **state)
{
        (void)state;
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un name = { .sun_family = AF_UNIX };
        int named = 1 + snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "tarsier-test-%d", (int)getpid());
        socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)named);
        assert_int_equal(bind(fd, (void *)&name, length), 0);
        assert_int_equal(listen(fd, 9), 0);
        cleanup(fd_close) int netlink = netlink_open(NETLINK_SOCK_DIAG, &err);
        struct unix_socket found = { 0 };
        struct sockets_result result;
        if (sockets_dump_unix(netlink, find_unix, &found, &result, &err) < 0 && err.code == E_UNSUPPORTED) {
                print_message("skipped: needs unix_diag\n");
                skip();
        }
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(found.inode, st.st_ino);
        assert_int_equal(found.state, SOCKET_LISTEN);
        assert_int_equal(found.type, SOCK_STREAM);
        assert_int_equal(found.tx_queue, 9);
}

static void a_missing_table_is_an_error_and_ipv6_is_not_needed(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        socket_vec rows = { 0 };
        struct sockets_result result;
        assert_int_equal(
                sockets_read_proc(fixture.root, "proc/net", SOCKETS_TCP, 0, collect, &rows, &result, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        fixture_text(&fixture, "proc/net/tcp", "  sl  local_address\n  what is this\n");
        assert_int_equal(sockets_read_proc(fixture.root, "proc/net", SOCKETS_TCP, 0, collect, &rows, &result, &err), 0);
        assert_int_equal(rows.count, 0);
        assert_int_equal(result.malformed, 1);
        fixture_remove(&fixture);
}

static void a_huge_table_is_read_in_a_fixed_buffer(void **state)
{
        (void)state;
        struct fixture fixture;
        fixture_make(&fixture);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 64 << 20);
        buf_puts(&text, "  sl  local_address\n");
        for (int i = 0; i < 20000; i++)
                buf_printf(&text,
                        "%4d: 0100007F:%04X 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 %d "
                        "1 x\n",
                        i, i, i + 1);
        for (int i = 0; i < 100000; i++)
                buf_putc(&text, 'x'); /* one line beyond any buffer, without an end */
        fixture_bytes(&fixture, "proc/net/tcp", text.data, text.len);
        socket_vec rows = { 0 };
        struct sockets_result result;
        assert_int_equal(sockets_read_proc(fixture.root, "proc/net", SOCKETS_TCP, 0, collect, &rows, &result, &err), 0);
        assert_int_equal(rows.count, 20000);
        assert_int_equal(rows.items[19999].inode, 20000);
        assert_int_equal(result.malformed, 1);
        vec_done(&rows);
        fixture_remove(&fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(line_of_tcp),
                cmocka_unit_test(names_are_the_usual_ones),
                cmocka_unit_test(netlink_walk_stays_in_bounds),
                cmocka_unit_test(neighbour_of_arp_table),
                cmocka_unit_test(dump_agrees_with_ss),
                cmocka_unit_test(text_tables_agree_with_netlink),
                cmocka_unit_test(a_stopped_dump_leaves_the_socket_usable),
                cmocka_unit_test(the_owner_of_a_listener_is_found),
                cmocka_unit_test(interfaces_and_neighbours_agree_with_ip),
                cmocka_unit_test(entering_a_namespace_leaves_the_caller_where_it_is),
                cmocka_unit_test(unix_sockets_have_names),
                cmocka_unit_test(a_missing_table_is_an_error_and_ipv6_is_not_needed),
                cmocka_unit_test(a_huge_table_is_read_in_a_fixed_buffer),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
