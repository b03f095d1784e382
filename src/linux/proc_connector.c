#include "linux/proc_connector.h"

#include "base/cleanup.h"
#include "linux/netlink_socket.h"

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
        HEADER = NLMSG_HDRLEN,
        MESSAGE = sizeof(struct cn_msg),
        EVENT_HEAD = offsetof(struct proc_event, event_data),
        DATAGRAM_MAX = 256,        /* 76 today */
        BUFFER_DEFAULT = 32 << 20, /* the kernel's memory, and only while messages wait */
        ACK_NONE = -1
};

_Static_assert((uint32_t)CONNECTOR_EXIT == (uint32_t)PROC_EVENT_EXIT, "linux/cn_proc.h");

/* struct proc_input of Linux 6.6, which older headers lack. */
struct subscription {
        uint32_t operation;
        uint32_t events; /* 0: all */
};

struct connector {
        int fd;
        uint32_t mask;
        bool masked;
        struct connector_counters counters;
        struct connector_sequences sequences;
        char datagrams[CONNECTOR_BATCH][DATAGRAM_MAX];
        struct mmsghdr messages[CONNECTOR_BATCH];
        struct iovec parts[CONNECTOR_BATCH];
        struct sockaddr_nl from[CONNECTOR_BATCH];
};

/* --- parsing -------------------------------------------------------------------------------------------------------
 */

static uint32_t word(struct sv body, size_t index)
{
        uint32_t value = 0;
        if ((index + 1) * sizeof(value) <= body.n)
                memcpy(&value, body.p + index * sizeof(value), sizeof(value));
        return value;
}

/* Every event but the fork begins with thread and process; `words` is what the oldest kernel told. */
static bool parse_body(uint32_t what, struct sv body, struct connector_event *ret)
{
        size_t words = what == CONNECTOR_ACK                                                           ? 1
                       : what == CONNECTOR_FORK || what == CONNECTOR_UID || what == CONNECTOR_GID      ? 4
                       : what == CONNECTOR_PTRACE || what == CONNECTOR_EXIT                            ? 4
                       : what == CONNECTOR_COMM                                                        ? 6
                       : what == CONNECTOR_EXEC || what == CONNECTOR_SID || what == CONNECTOR_COREDUMP ? 2
                                                                                                       : SIZE_MAX;
        if (words == SIZE_MAX || body.n / sizeof(uint32_t) < words)
                return false;
        if (what != CONNECTOR_ACK) {
                ret->tid = (pid_t)word(body, 0);
                ret->pid = (pid_t)word(body, 1);
        }
        switch (what) {
        case CONNECTOR_ACK:
                ret->status = word(body, 0);
                break;
        case CONNECTOR_FORK:
                ret->ptid = ret->tid;
                ret->ppid = ret->pid;
                ret->tid = (pid_t)word(body, 2);
                ret->pid = (pid_t)word(body, 3);
                break;
        case CONNECTOR_UID:
        case CONNECTOR_GID:
                ret->id = word(body, 2);
                ret->effective_id = word(body, 3);
                break;
        case CONNECTOR_PTRACE:
        case CONNECTOR_COREDUMP:
                ret->ptid = (pid_t)word(body, 2);
                ret->ppid = (pid_t)word(body, 3);
                break;
        case CONNECTOR_EXIT:
                ret->status = word(body, 2); /* word 3 is the signal to the parent, nearly always SIGCHLD */
                ret->ptid = (pid_t)word(body, 4);
                ret->ppid = (pid_t)word(body, 5);
                break;
        case CONNECTOR_COMM:
                memcpy(ret->comm, body.p + 2 * sizeof(uint32_t), sizeof(ret->comm) - 1);
                break;
        default:
                break;
        }
        return true;
}

bool connector_parse(struct sv datagram, struct connector_event *ret)
{
        struct nlmsghdr header;
        struct cn_msg message;
        if (datagram.n < HEADER + MESSAGE + EVENT_HEAD)
                return false;
        memcpy(&header, datagram.p, sizeof(header));
        memcpy(&message, datagram.p + HEADER, sizeof(message));
        size_t room = datagram.n - HEADER - MESSAGE;
        if (header.nlmsg_type != NLMSG_DONE || message.id.idx != CN_IDX_PROC || message.id.val != CN_VAL_PROC)
                return false;
        if (message.len < EVENT_HEAD || message.len > room)
                return false;
        struct sv event = sv_n(datagram.p + HEADER + MESSAGE, message.len);
        struct connector_event result = {
                .what = word(event, 0), .cpu = word(event, 1), .sequence = message.seq, .acknowledged = message.ack
        };
        memcpy(&result.monotonic_ns, event.p + offsetof(struct proc_event, timestamp_ns), sizeof(uint64_t));
        if (!parse_body(result.what, sv_n(event.p + EVENT_HEAD, event.n - EVENT_HEAD), &result))
                return false;
        *ret = result;
        return true;
}

uint32_t connector_sequence_gap(struct connector_sequences *sequences, const struct connector_event *event)
{
        uint32_t cpu = event->cpu;
        if (cpu >= CONNECTOR_CPUS_MAX || event->what == CONNECTOR_ACK)
                return 0;
        uint64_t bit = UINT64_C(1) << (cpu % 64);
        uint32_t gap = sequences->seen[cpu / 64] & bit ? event->sequence - sequences->next[cpu] : 0;
        if (gap > UINT32_MAX / 2) /* an older one: the kernel never sends such */
                return 0;
        sequences->seen[cpu / 64] |= bit;
        sequences->next[cpu] = event->sequence + 1;
        sequences->lost[cpu] += gap;
        return gap;
}

/* --- the socket ----------------------------------------------------------------------------------------------------
 */

static int subscribe(int fd, struct subscription subscription, size_t size, uint32_t acknowledged, struct error *err)
{
        struct nlmsghdr header = { .nlmsg_len = (uint32_t)(HEADER + MESSAGE + size), .nlmsg_type = NLMSG_DONE };
        struct cn_msg message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .ack = acknowledged, .len = (uint16_t)size };
        char request[HEADER + MESSAGE + sizeof(subscription)];
        memcpy(request, &header, HEADER);
        memcpy(request + HEADER, &message, MESSAGE);
        memcpy(request + HEADER + MESSAGE, &subscription, sizeof(subscription));
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        if (sendto(fd, request, HEADER + MESSAGE + size, 0, (struct sockaddr *)&kernel, sizeof(kernel)) >= 0)
                return 0;
        if (errno == ECONNREFUSED)
                return error_set(err, E_UNSUPPORTED, errno, __FILE__, __LINE__,
                        "the process connector is not in this network namespace");
        return fail_errno(err, "process connector");
}

/* The kernel answers before sending returns: the errno of the answer to `acknowledged`, ACK_NONE when there is none.
 * What was told meanwhile is before our beginning. */
static int64_t answer_to(int fd, uint32_t acknowledged)
{
        char datagram[DATAGRAM_MAX];
        for (int i = 0; i < 65536; i++) {
                ssize_t got = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT);
                struct connector_event event;
                if (got < 0 && errno != ENOBUFS && errno != EINTR)
                        break;
                if (got > 0 && connector_parse(sv_n(datagram, (size_t)got), &event) && event.what == CONNECTOR_ACK &&
                        event.acknowledged == acknowledged + 1)
                        return event.status;
        }
        return ACK_NONE;
}

/* A kernel from 6.6 on answers to the long form; older ones, and those that refuse it for our namespaces, not at all. A
 * mask withholds the answer, too: therefore first without one. */
static int listen_for(struct connector *connector, struct error *err)
{
        uint32_t acknowledged = (uint32_t)getpid() << 8;
        struct subscription all = { PROC_CN_MCAST_LISTEN, 0 };
        struct subscription masked = { PROC_CN_MCAST_LISTEN, connector->mask };
        if (subscribe(connector->fd, all, sizeof(all), acknowledged, err) < 0)
                return -1;
        int64_t answer = answer_to(connector->fd, acknowledged);
        if (answer == 0 && connector->mask != CONNECTOR_ALL) {
                connector->masked = true;
                return subscribe(connector->fd, masked, sizeof(masked), ++acknowledged, err);
        }
        if (answer == ACK_NONE) {
                if (subscribe(connector->fd, all, sizeof(all.operation), ++acknowledged, err) < 0)
                        return -1;
                answer = answer_to(connector->fd, acknowledged);
        }
        if (answer == ACK_NONE)
                return fail(err, E_PERMISSION,
                        "the process connector does not answer: it needs root in the initial user and pid namespaces");
        errno = (int)answer;
        return answer == 0 ? 0 : fail_errno(err, "process connector");
}

static void lay_out(struct connector *connector)
{
        for (size_t i = 0; i < CONNECTOR_BATCH; i++) {
                connector->parts[i] = (struct iovec){ connector->datagrams[i], DATAGRAM_MAX };
                connector->messages[i].msg_hdr = (struct msghdr){
                        .msg_name = &connector->from[i], .msg_iov = &connector->parts[i], .msg_iovlen = 1
                };
        }
}

int connector_open(uint32_t mask, size_t buffer, struct connector **ret, struct error *err)
{
        cleanup(fd_close) int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
        if (fd < 0)
                return error_set(err, E_UNSUPPORTED, errno, __FILE__, __LINE__, "this kernel has no process connector");
        if (netlink_set_buffer(fd, buffer ? buffer : BUFFER_DEFAULT, err) < 0)
                return -1;
        struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1u << (CN_IDX_PROC - 1) };
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return errno == EPERM
                               ? fail(err, E_PERMISSION, "the process connector needs CAP_NET_ADMIN: run it as root")
                               : fail_errno(err, "process connector");
        struct connector *connector = calloc(1, sizeof(*connector));
        if (!connector)
                return fail_errno(err, "process connector");
        connector->fd = fd;
        connector->mask = mask;
        if (listen_for(connector, err) < 0) {
                free(connector);
                return -1;
        }
        lay_out(connector);
        (void)take_fd(fd);
        *ret = connector;
        return 0;
}

/* Without PROC_CN_MCAST_IGNORE: before 6.6 that lowers the one count of listeners that all share, and a second one
 * would go deaf; a count that is too high mends itself at the next event without listeners. */
void connector_close(struct connector *connector)
{
        if (!connector)
                return;
        fd_close(&connector->fd);
        free(connector);
}

int connector_fd(const struct connector *connector)
{
        return connector->fd;
}

bool connector_masked(const struct connector *connector)
{
        return connector->masked;
}

static size_t take_batch(struct connector *connector, int got, struct connector_event *ret)
{
        struct connector_counters *counters = &connector->counters;
        size_t count = 0;
        counters->reads++;
        for (int i = 0; i < got; i++) {
                struct sv datagram = sv_n(connector->datagrams[i], connector->messages[i].msg_len);
                struct connector_event *event = &ret[count];
                if (connector->from[i].nl_pid != 0 || !connector_parse(datagram, event)) {
                        counters->refused++;
                        continue;
                }
                if (!connector->masked)
                        counters->gaps += connector_sequence_gap(&connector->sequences, event);
                if (!(event->what & connector->mask))
                        continue;
                counters->received++;
                count++;
        }
        return count;
}

size_t connector_receive(struct connector *connector, struct connector_event ret[CONNECTOR_BATCH], bool *ret_more)
{
        for (size_t i = 0; i < CONNECTOR_BATCH; i++)
                connector->messages[i].msg_hdr.msg_namelen = sizeof(connector->from[i]);
        int got = recvmmsg(connector->fd, connector->messages, CONNECTOR_BATCH, MSG_DONTWAIT, NULL);
        if (got >= 0) {
                *ret_more = got == CONNECTOR_BATCH;
                return take_batch(connector, got, ret);
        }
        *ret_more = errno == ENOBUFS || errno == EINTR;
        connector->counters.overflows += errno == ENOBUFS;
        return 0;
}

void connector_count(struct connector *connector, struct connector_counters *ret)
{
        netlink_read_drops(connector->fd, &connector->counters.dropped);
        *ret = connector->counters;
}

uint64_t connector_lost_of_cpu(const struct connector *connector, unsigned cpu)
{
        return cpu < CONNECTOR_CPUS_MAX ? connector->sequences.lost[cpu] : 0;
}
