#include "linux/audit_netlink.h"

#include "base/cleanup.h"
#include "linux/netlink_dump.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

enum { HEADER = NLMSG_HDRLEN };

/* --- commands ------------------------------------------------------------------------------------------------------
 */

int audit_netlink_open(struct error *err)
{
        cleanup(fd_close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
        if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == EINVAL))
                return error_set(err, E_UNSUPPORTED, errno, __FILE__, __LINE__, "this kernel has no audit system");
        if (fd < 0)
                return fail_errno(err, "audit socket");
        struct timeval timeout = { .tv_sec = AUDIT_NETLINK_TIMEOUT_MS / 1000 };
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return fail_errno(err, "audit socket's time-out");
        return take_fd(fd);
}

static int send_message(
        int fd, uint16_t type, uint16_t flags, uint32_t sequence, const void *payload, size_t size, struct error *err)
{
        struct nlmsghdr header = { .nlmsg_len = (uint32_t)(HEADER + size),
                .nlmsg_type = type,
                .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                .nlmsg_seq = sequence };
        struct iovec parts[] = { { &header, HEADER }, { (void *)(uintptr_t)payload, size } };
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        struct msghdr message = {
                .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = parts, .msg_iovlen = 2
        };
        ssize_t sent;
        do
                sent = sendmsg(fd, &message, 0);
        while (sent < 0 && errno == EINTR);
        if (sent < 0 && errno == ECONNREFUSED) /* kernel/audit.c: not in the initial user namespace */
                return error_set(err, E_PERMISSION, errno, __FILE__, __LINE__, "the audit system refuses to talk here");
        return sent < 0 ? fail_errno(err, "asking the audit system") : 0;
}

/* One datagram of the kernel. */
static int receive_answer(int fd, void *buffer, size_t size, struct sv *ret, struct error *err)
{
        for (;;) {
                struct sockaddr_nl from = { 0 };
                struct iovec part = { buffer, size };
                struct msghdr message = {
                        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &part, .msg_iovlen = 1
                };
                ssize_t got = recvmsg(fd, &message, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return fail(err, E_TIMEOUT, "no answer of the audit system in %d ms", AUDIT_NETLINK_TIMEOUT_MS);
                if (got < 0)
                        return fail_errno(err, "the audit system's answer");
                if (from.nl_pid != 0)
                        continue;
                *ret = sv_n(buffer, (size_t)got);
                return 0;
        }
}

static const char *refusal(int code)
{
        switch (code) {
        case EPERM:
                return "not permitted: it needs root in the initial user and pid namespaces, and a configuration that "
                       "is not locked";
        case EACCES:
                return "only the audit daemon itself may do that";
        case EEXIST:
                return "exists already";
        case ENOENT:
                return "there is none such";
        case EINVAL:
                return "the kernel takes it for invalid";
        default:
                return errno_text(code);
        }
}

/* Sends a command and takes answers until the one that ends it: NLMSG_ERROR always, NLMSG_DONE, or `last` (0: none).
 * each may be NULL. ret_value: what a successful NLMSG_ERROR told, >= 0. */
struct exchange {
        uint16_t type, last;
        const char *doing;
        struct sv payload;
        void (*each)(const struct netlink_message *answer, void *cookie);
        void *cookie;
};

static int judge(
        const struct exchange *exchange, const struct netlink_message *answer, int *ret_value, struct error *err)
{
        int32_t code = -EPROTO;
        if (answer->payload.n >= sizeof(code))
                memcpy(&code, answer->payload.p, sizeof(code));
        if (code < 0) {
                int errnum = code > -4096 ? -code : EPROTO;
                return error_set(err, error_code_of_errno(errnum), 0, __FILE__, __LINE__, "audit: %s: %s",
                        exchange->doing, refusal(errnum));
        }
        *ret_value = code;
        return 0;
}

static int talk(int fd, const struct exchange *exchange, int *ret_value, struct error *err)
{
        static _Thread_local uint32_t sequence;
        uint32_t mine = ++sequence;
        uint16_t flags = exchange->each ? 0 : NLM_F_ACK;
        if (send_message(fd, exchange->type, flags, mine, exchange->payload.p, exchange->payload.n, err) < 0)
                return -1;
        _Alignas(NLMSG_ALIGNTO) char buffer[HEADER + AUDIT_NETLINK_RULE_MAX];
        size_t answers = 0;
        for (;;) {
                struct sv rest;
                if (receive_answer(fd, buffer, sizeof(buffer), &rest, err) < 0)
                        return -1;
                struct netlink_message answer;
                bool malformed = false;
                while (netlink_next_message(&rest, &answer, &malformed)) {
                        if (answer.sequence != mine)
                                continue;
                        if (answer.type == NLMSG_ERROR)
                                return judge(exchange, &answer, ret_value, err);
                        if (answer.type == NLMSG_DONE)
                                return 0;
                        if (exchange->each)
                                exchange->each(&answer, exchange->cookie);
                        if (answer.type == exchange->last)
                                return 0;
                        if (++answers > AUDIT_NETLINK_RULES_MAX)
                                return fail(err, E_TOO_LARGE, "more than %d audit rules", AUDIT_NETLINK_RULES_MAX);
                }
                if (malformed)
                        return fail(err, E_PROTOCOL, "a malformed answer of the audit system");
        }
}

static void take_status(const struct netlink_message *answer, void *cookie)
{
        struct audit_status *status = cookie;
        if (answer->type == AUDIT_GET)
                memcpy(status, answer->payload.p,
                        answer->payload.n < sizeof(*status) ? answer->payload.n : sizeof(*status));
}

int audit_netlink_status(int fd, struct audit_status *ret, struct error *err)
{
        struct audit_status status = { 0 };
        int value = 0;
        struct exchange exchange = { .type = AUDIT_GET,
                .last = AUDIT_GET,
                .doing = "reading its state",
                .payload = sv_n((const char *)&status, 0),
                .each = take_status,
                .cookie = &status };
        if (talk(fd, &exchange, &value, err) < 0)
                return -1;
        *ret = status;
        return 0;
}

int audit_netlink_set(int fd, const struct audit_status *status, struct error *err)
{
        int value = 0;
        struct exchange exchange = { .type = AUDIT_SET,
                .doing = status->mask == AUDIT_STATUS_PID ? "registering as the daemon" : "changing its state",
                .payload = sv_n((const char *)status, sizeof(*status)) };
        return talk(fd, &exchange, &value, err);
}

int audit_netlink_take_lost(int fd, uint32_t *ret, struct error *err)
{
        struct audit_status status = { .mask = AUDIT_STATUS_LOST };
        int value = 0;
        struct exchange exchange = { .type = AUDIT_SET,
                .doing = "resetting the count of lost records",
                .payload = sv_n((const char *)&status, sizeof(status)) };
        if (talk(fd, &exchange, &value, err) < 0)
                return -1;
        *ret = (uint32_t)value; /* the acknowledgement bears it in the place of the errno */
        return 0;
}

struct listing {
        audit_netlink_rule_fn *each;
        void *cookie;
};

static void take_rule(const struct netlink_message *answer, void *cookie)
{
        struct listing *listing = cookie;
        struct audit_rule_data head;
        if (answer->type != AUDIT_LIST_RULES || answer->payload.n < sizeof(head))
                return;
        memcpy(&head, answer->payload.p, sizeof(head));
        if (head.buflen <= answer->payload.n - sizeof(head) && head.field_count <= AUDIT_MAX_FIELDS)
                listing->each(sv_n(answer->payload.p, sizeof(head) + head.buflen), listing->cookie);
}

int audit_netlink_list(int fd, audit_netlink_rule_fn *each, void *cookie, struct error *err)
{
        struct listing listing = { each, cookie };
        int value = 0;
        struct exchange exchange = { .type = AUDIT_LIST_RULES,
                .doing = "listing the rules",
                .payload = sv_n("", 0),
                .each = take_rule,
                .cookie = &listing };
        return talk(fd, &exchange, &value, err);
}

int audit_netlink_add(int fd, struct sv rule, struct error *err)
{
        int value = 0;
        struct exchange exchange = { .type = AUDIT_ADD_RULE, .doing = "adding a rule", .payload = rule };
        return talk(fd, &exchange, &value, err);
}

int audit_netlink_delete(int fd, struct sv rule, struct error *err)
{
        int value = 0;
        struct exchange exchange = { .type = AUDIT_DEL_RULE, .doing = "deleting a rule", .payload = rule };
        return talk(fd, &exchange, &value, err);
}
