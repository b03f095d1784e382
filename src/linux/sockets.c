/* sock_diag(7): one dump a protocol and address family. */
#include "linux/sockets.h"

#include "base/cleanup.h"
#include "linux/netlink_dump.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>

/* Kernel numbers that Debian 12's headers lack or name otherwise. */
enum { UNIX_DIAG_UID_ATTRIBUTE = 7 /* linux/unix_diag.h since 5.3 */ };

static const int ip_protocols[SOCKET_PROTOCOLS] = { [SOCKET_TCP] = IPPROTO_TCP,
        [SOCKET_UDP] = IPPROTO_UDP,
        [SOCKET_RAW] = IPPROTO_RAW,
        [SOCKET_UDPLITE] = IPPROTO_UDPLITE };

const char *socket_state_name(unsigned state)
{
        static const char *const names[SOCKET_STATES] = { "UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1",
                "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV",
                "BOUND_INACTIVE" };
        return names[state < SOCKET_STATES ? state : 0];
}

const char *socket_protocol_name(enum socket_protocol protocol)
{
        static const char *const names[SOCKET_PROTOCOLS] = { "tcp", "udp", "raw", "udplite" };
        return protocol < SOCKET_PROTOCOLS ? names[protocol] : "";
}

void socket_format_address(const struct socket_entry *entry, const struct socket_endpoint *endpoint, char *ret)
{
        static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
        if (entry->family == AF_INET)
                inet_ntop(AF_INET, endpoint->address, ret, INET6_ADDRSTRLEN);
        else if (memcmp(endpoint->address, mapped, sizeof(mapped)) == 0)
                inet_ntop(AF_INET, endpoint->address + 12, ret, INET6_ADDRSTRLEN);
        else
                inet_ntop(AF_INET6, endpoint->address, ret, INET6_ADDRSTRLEN);
}

bool sockets_parse_diag(struct sv payload, enum socket_protocol protocol, struct socket_entry *ret)
{
        struct inet_diag_msg message;
        if (!netlink_take(&payload, &message, sizeof(message)) ||
                (message.idiag_family != AF_INET && message.idiag_family != AF_INET6))
                return false;
        size_t width = message.idiag_family == AF_INET ? 4 : 16;
        struct socket_entry entry = { .protocol = protocol,
                .family = message.idiag_family,
                .state = message.idiag_state,
                .local.port = ntohs(message.id.idiag_sport),
                .remote.port = ntohs(message.id.idiag_dport),
                .interface = message.id.idiag_if,
                .uid = message.idiag_uid,
                .inode = message.idiag_inode,
                .rx_queue = message.idiag_rqueue,
                .tx_queue = message.idiag_wqueue,
                .cookie = (uint64_t)message.id.idiag_cookie[1] << 32 | message.id.idiag_cookie[0] };
        memcpy(entry.local.address, message.id.idiag_src, width);
        memcpy(entry.remote.address, message.id.idiag_dst, width);
        *ret = entry;
        return true;
}

struct dump {
        enum socket_protocol protocol;
        socket_each *each;
        void *cookie;
        struct sockets_result *result;
};

static int dump_one(const struct netlink_message *message, void *cookie)
{
        struct dump *dump = cookie;
        struct socket_entry entry;
        if (message->type != SOCK_DIAG_BY_FAMILY || !sockets_parse_diag(message->payload, dump->protocol, &entry)) {
                dump->result->malformed++;
                return 0;
        }
        dump->result->entries++;
        return dump->each(&entry, dump->cookie);
}

/* Both families of one protocol; the caller's result is only touched through dump. */
static int dump_protocol(int netlink, struct dump *dump, uint32_t states, struct error *err)
{
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        for (size_t i = 0; i < sizeof(families); i++) {
                struct inet_diag_req_v2 request = { .sdiag_family = families[i],
                        .sdiag_protocol = (uint8_t)ip_protocols[dump->protocol],
                        .idiag_states = states ? states : UINT32_MAX };
                struct netlink_dump_result seen = { 0 };
                struct error one;
                int verdict = netlink_dump(
                        netlink, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), dump_one, dump, &seen, &one);
                dump->result->malformed += seen.malformed;
                dump->result->interrupted |= seen.interrupted;
                if (verdict < 0 && one.code == E_UNSUPPORTED) {
                        if (i == 0) /* IPv6 alone may be absent from the kernel */
                                dump->result->unsupported |= 1u << dump->protocol;
                        return 0;
                }
                if (verdict < 0 && err)
                        *err = one;
                if (verdict)
                        return verdict;
        }
        return 0;
}

int sockets_dump(int netlink, unsigned protocols, uint32_t states, socket_each *each, void *cookie,
        struct sockets_result *ret, struct error *err)
{
        struct sockets_result result = { 0 };
        for (int protocol = 0; protocol < SOCKET_PROTOCOLS; protocol++) {
                if (!(protocols >> protocol & 1))
                        continue;
                struct dump dump = { (enum socket_protocol)protocol, each, cookie, &result };
                int verdict = dump_protocol(netlink, &dump, states, err);
                if (verdict) {
                        if (verdict > 0)
                                *ret = result;
                        return verdict;
                }
        }
        *ret = result;
        return 0;
}

int sockets_list(int netlink, int root, const char *dir, unsigned protocols, uint32_t states, socket_each *each,
        void *cookie, struct sockets_result *ret, struct error *err)
{
        struct sockets_result result = { .unsupported = protocols };
        int verdict = netlink < 0 ? 0 : sockets_dump(netlink, protocols, states, each, cookie, &result, err);
        if (verdict < 0)
                return -1;
        if (verdict == 0 && result.unsupported) {
                struct sockets_result text;
                verdict = sockets_read_proc(root, dir, result.unsupported, states, each, cookie, &text, err);
                if (verdict < 0)
                        return -1;
                result.entries += text.entries;
                result.malformed += text.malformed;
                result.unsupported = 0;
        }
        *ret = result;
        return verdict;
}

bool sockets_parse_unix_diag(struct sv payload, struct unix_socket *ret)
{
        struct unix_diag_msg message;
        if (!netlink_take(&payload, &message, sizeof(message)) || message.udiag_family != AF_UNIX)
                return false;
        struct unix_socket entry = {
                .type = message.udiag_type, .state = message.udiag_state, .inode = message.udiag_ino, .uid = UINT32_MAX
        };
        uint16_t type;
        struct sv value;
        while (netlink_next_attribute(&payload, &type, &value)) {
                uint32_t number = 0;
                if (type == UNIX_DIAG_NAME && value.n <= UNIX_PATH_MAX_BYTES) {
                        memcpy(entry.path, value.p, value.n);
                        entry.path_length = value.n;
                } else if (type == UNIX_DIAG_PEER && netlink_u32(value, &number)) {
                        entry.peer_inode = number;
                } else if (type == UNIX_DIAG_UID_ATTRIBUTE && netlink_u32(value, &number)) {
                        entry.uid = number;
                } else if (type == UNIX_DIAG_RQLEN && value.n >= sizeof(struct unix_diag_rqlen)) {
                        memcpy(&entry.rx_queue, value.p, sizeof(entry.rx_queue));
                        memcpy(&entry.tx_queue, value.p + sizeof(uint32_t), sizeof(entry.tx_queue));
                }
        }
        /* a name in the file system carries its NUL, an abstract one is exact */
        if (entry.path_length && entry.path[0] && entry.path[entry.path_length - 1] == '\0')
                entry.path_length--;
        *ret = entry;
        return true;
}

struct unix_dump {
        int (*each)(const struct unix_socket *entry, void *cookie);
        void *cookie;
        struct sockets_result *result;
};

static int dump_one_unix(const struct netlink_message *message, void *cookie)
{
        struct unix_dump *dump = cookie;
        struct unix_socket entry;
        if (message->type != SOCK_DIAG_BY_FAMILY || !sockets_parse_unix_diag(message->payload, &entry)) {
                dump->result->malformed++;
                return 0;
        }
        dump->result->entries++;
        return dump->each(&entry, dump->cookie);
}

int sockets_dump_unix(int netlink, int (*each)(const struct unix_socket *entry, void *cookie), void *cookie,
        struct sockets_result *ret, struct error *err)
{
        struct sockets_result result = { 0 };
        struct unix_dump dump = { each, cookie, &result };
        struct unix_diag_req request = { .sdiag_family = AF_UNIX,
                .udiag_states = UINT32_MAX,
                .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | 0x40 /* UDIAG_SHOW_UID */ };
        struct netlink_dump_result seen = { 0 };
        int verdict =
                netlink_dump(netlink, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), dump_one_unix, &dump, &seen, err);
        if (verdict < 0)
                return -1;
        result.malformed += seen.malformed;
        result.interrupted = seen.interrupted;
        *ret = result;
        return verdict;
}
