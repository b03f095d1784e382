#include "linux/socket_traffic.h"

#include "linux/netlink_dump.h"
#include "linux/sockets.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>

bool socket_traffic_parse(struct sv payload, struct socket_traffic *ret)
{
        struct inet_diag_msg message;
        struct sv value;
        uint16_t type;
        if (!netlink_take(&payload, &message, sizeof(message)))
                return false;
        while (netlink_next_attribute(&payload, &type, &value)) {
                /* a kernel's struct may be shorter or longer than ours */
                if (type != INET_DIAG_INFO || value.n < offsetof(struct tcp_info, tcpi_segs_out))
                        continue;
                struct socket_traffic traffic = { .cookie = (uint64_t)message.id.idiag_cookie[1] << 32 |
                                                            message.id.idiag_cookie[0],
                        .inode = message.idiag_inode };
                memcpy(&traffic.sent, value.p + offsetof(struct tcp_info, tcpi_bytes_acked), sizeof(uint64_t));
                memcpy(&traffic.received, value.p + offsetof(struct tcp_info, tcpi_bytes_received), sizeof(uint64_t));
                *ret = traffic;
                return true;
        }
        return false;
}

struct traffic_dump {
        int (*each)(const struct socket_traffic *traffic, void *cookie);
        void *cookie;
};

static int dump_one(const struct netlink_message *message, void *cookie)
{
        const struct traffic_dump *dump = cookie;
        struct socket_traffic traffic;
        if (message->type != SOCK_DIAG_BY_FAMILY || !socket_traffic_parse(message->payload, &traffic))
                return 0;
        return dump->each(&traffic, dump->cookie);
}

int socket_traffic_dump(
        int netlink, int (*each)(const struct socket_traffic *traffic, void *cookie), void *cookie, struct error *err)
{
        /* those that have carried bytes and still have an owner */
        const uint32_t states = 1u << SOCKET_ESTABLISHED | 1u << SOCKET_FIN_WAIT1 | 1u << SOCKET_FIN_WAIT2 |
                                1u << SOCKET_CLOSE_WAIT | 1u << SOCKET_LAST_ACK | 1u << SOCKET_CLOSING;
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        struct traffic_dump dump = { each, cookie };
        for (size_t i = 0; i < sizeof(families); i++) {
                struct inet_diag_req_v2 request = { .sdiag_family = families[i],
                        .sdiag_protocol = IPPROTO_TCP,
                        .idiag_ext = 1 << (INET_DIAG_INFO - 1),
                        .idiag_states = states };
                struct netlink_dump_result seen = { 0 };
                struct error one;
                int verdict = netlink_dump(
                        netlink, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), dump_one, &dump, &seen, &one);
                if (verdict < 0 && one.code == E_UNSUPPORTED && i > 0) /* IPv6 may be absent */
                        return 0;
                if (verdict < 0 && err)
                        *err = one;
                if (verdict)
                        return verdict;
        }
        return 0;
}
