#include "linux/taskstats_netlink.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/netlink_dump.h"
#include "linux/netlink_socket.h"
#include "linux/task_stats.h"
#include "linux/text_file.h"

#include <fcntl.h>
#include <linux/acct.h>
#include <linux/cgroupstats.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <sys/socket.h>

enum {
        HEADER = sizeof(struct nlmsghdr) + GENL_HDRLEN,
        DATAGRAM_MAX = 2048, /* a record is 596 bytes in version 16, and a last thread's message has two */
        REQUEST_MAX = 512,
        CPUS_TEXT_MAX = 256,
        BUFFER_DEFAULT = 1 << 20,
        ANSWERS_MAX = 65536, /* datagrams looked at for one answer */
        LAYOUT_MAX = 1024,   /* bytes of struct taskstats looked at */
        VERSION_1_SIZE = offsetof(struct taskstats, ac_comm),
        VERSION_14_SIZE = offsetof(struct taskstats, wpcopy_delay_total) + 3 * sizeof(uint64_t),
        VERSION_TGID = 12, /* has ac_tgid and AGROUP */
        DELAYS = 8
};

/* Version 15 (Linux 6.14) put one or two more numbers behind each delay; version 16 moved them to the end. Takes them
 * out. *size is that of the whole and gets smaller. */
static void remove_version_15(uint8_t *raw, size_t *size)
{
        static const size_t ends[DELAYS] = { offsetof(struct taskstats, cpu_delay_total),
                offsetof(struct taskstats, blkio_delay_total), offsetof(struct taskstats, swapin_delay_total),
                offsetof(struct taskstats, freepages_delay_total), offsetof(struct taskstats, thrashing_delay_total),
                offsetof(struct taskstats, compact_delay_total), offsetof(struct taskstats, wpcopy_delay_total),
                VERSION_14_SIZE - sizeof(uint64_t) };
        if (*size <= VERSION_14_SIZE)
                return;
        size_t extra = (*size - VERSION_14_SIZE) / DELAYS / sizeof(uint64_t) * sizeof(uint64_t);
        for (size_t i = 0; i < DELAYS && extra; i++) {
                size_t end = ends[i] + sizeof(uint64_t);
                memmove(raw + end, raw + end + extra, LAYOUT_MAX - end - extra);
        }
        *size = VERSION_14_SIZE;
}

static struct task_delay delay_at(const uint8_t *raw, size_t offset)
{
        struct task_delay delay;
        memcpy(&delay.count, raw + offset, sizeof(uint64_t));
        memcpy(&delay.total_ns, raw + offset + sizeof(uint64_t), sizeof(uint64_t));
        return delay;
}

static void fill_delays(const uint8_t *raw, struct task_usage *ret)
{
        ret->cpu = delay_at(raw, offsetof(struct taskstats, cpu_count));
        ret->block_io = delay_at(raw, offsetof(struct taskstats, blkio_count));
        ret->swap_in = delay_at(raw, offsetof(struct taskstats, swapin_count));
        ret->reclaim = delay_at(raw, offsetof(struct taskstats, freepages_count));
        ret->thrashing = delay_at(raw, offsetof(struct taskstats, thrashing_count));
        ret->compaction = delay_at(raw, offsetof(struct taskstats, compact_count));
        ret->write_protect_copy = delay_at(raw, offsetof(struct taskstats, wpcopy_count));
        ret->interrupts = delay_at(raw, VERSION_14_SIZE - 2 * sizeof(uint64_t));
}

static void fill_usage(const struct taskstats *from, struct task_usage *ret)
{
        bool has_tgid = from->version >= VERSION_TGID;
        ret->version = from->version;
        ret->pid = (pid_t)from->ac_pid;
        ret->tgid = has_tgid ? (pid_t)from->ac_tgid : (pid_t)from->ac_pid;
        ret->ppid = (pid_t)from->ac_ppid;
        ret->uid = from->ac_uid;
        ret->gid = from->ac_gid;
        ret->exit_status = from->ac_exitcode;
        ret->forked_only = from->ac_flag & AFORK;
        ret->last = !has_tgid || from->ac_flag & AGROUP;
        memcpy(ret->comm, from->ac_comm, TASKSTATS_COMM_MAX);
        uint64_t begin = from->ac_btime64 ? from->ac_btime64 : from->ac_btime;
        ret->start_unix_ns = begin < INT64_MAX / SECOND ? (int64_t)begin * SECOND : 0;
        ret->elapsed_ns = from->ac_etime * MICROSECOND;
        ret->user_ns = from->ac_utime * MICROSECOND;
        ret->system_ns = from->ac_stime * MICROSECOND;
        ret->run_ns = from->cpu_run_virtual_total;
        ret->minor_faults = from->ac_minflt;
        ret->major_faults = from->ac_majflt;
        ret->rss_peak = from->hiwater_rss * KIB;
        ret->vm_peak = from->hiwater_vm * KIB;
        ret->read_chars = from->read_char;
        ret->write_chars = from->write_char;
        ret->read_syscalls = from->read_syscalls;
        ret->write_syscalls = from->write_syscalls;
        ret->read_bytes = from->read_bytes;
        ret->write_bytes = from->write_bytes;
        ret->cancelled_write_bytes = from->cancelled_write_bytes;
        ret->voluntary_switches = from->nvcsw;
        ret->involuntary_switches = from->nivcsw;
        ret->exe_device = from->ac_exe_dev;
        ret->exe_inode = from->ac_exe_inode;
}

bool taskstats_parse(struct sv bytes, struct task_usage *ret)
{
        _Alignas(struct taskstats) uint8_t raw[LAYOUT_MAX] = { 0 };
        if (bytes.n < VERSION_1_SIZE)
                return false;
        size_t size = bytes.n < LAYOUT_MAX ? bytes.n : LAYOUT_MAX;
        memcpy(raw, bytes.p, size);
        struct taskstats from;
        memcpy(&from, raw, sizeof(from));
        if (from.version == 15)
                remove_version_15(raw, &size);
        memcpy(&from, raw, sizeof(from));
        *ret = (struct task_usage){ 0 };
        fill_usage(&from, ret);
        if (from.version != 15 || size == VERSION_14_SIZE)
                fill_delays(raw, ret);
        return true;
}

uint64_t task_usage_cpu_ns(const struct task_usage *usage)
{
        uint64_t told = usage->run_ns ? usage->run_ns : usage->user_ns + usage->system_ns;
        if (usage->voluntary_switches || !usage->cpu.count || usage->elapsed_ns < usage->cpu.total_ns)
                return told; /* it slept, or the kernel does not tell how long it waited */
        uint64_t lived = usage->elapsed_ns - usage->cpu.total_ns;
        return lived > told ? lived : told;
}

/* The struct within AGGR_PID or AGGR_TGID, beside the id. */
static bool parse_aggregate(struct sv rest, struct task_usage *ret)
{
        uint16_t type;
        struct sv value;
        uint32_t id = 0;
        bool found = false;
        while (netlink_next_attribute(&rest, &type, &value)) {
                if (type == TASKSTATS_TYPE_STATS)
                        found = taskstats_parse(value, ret);
                else if (type == TASKSTATS_TYPE_PID || type == TASKSTATS_TYPE_TGID)
                        netlink_u32(value, &id);
        }
        if (found && ret->pid == 0) /* a group's record has none of its own, nor has version 1 */
                ret->pid = ret->tgid = (pid_t)id;
        return found;
}

/* The attributes behind both headers of an answer or event of the family. */
static bool family_attributes(const struct netlink_message *message, uint16_t family, uint8_t command, struct sv *ret)
{
        struct genlmsghdr header;
        struct sv rest = message->payload;
        if (message->type != family || !netlink_take(&rest, &header, sizeof(header)) || header.cmd != command)
                return false;
        *ret = rest;
        return true;
}

static bool parse_message(const struct netlink_message *message, uint16_t family, bool group, struct task_usage *ret)
{
        struct sv rest;
        struct sv value;
        uint16_t type;
        if (!family_attributes(message, family, TASKSTATS_CMD_NEW, &rest))
                return false;
        while (netlink_next_attribute(&rest, &type, &value))
                if (type == (group ? TASKSTATS_TYPE_AGGR_TGID : TASKSTATS_TYPE_AGGR_PID))
                        return parse_aggregate(value, ret);
        return false;
}

bool taskstats_parse_datagram(struct sv datagram, uint16_t family, bool group, struct task_usage *ret)
{
        struct netlink_message message;
        bool malformed = false;
        return netlink_next_message(&datagram, &message, &malformed) && parse_message(&message, family, group, ret);
}

/* ---- questions ---- */

/* One attribute in one message; its sequence number in *ret_sequence. */
static int send_request(int fd, uint16_t type, uint16_t flags, uint8_t command, uint16_t attribute, const void *value,
        size_t size, uint32_t *ret_sequence, struct error *err)
{
        _Alignas(NLMSG_ALIGNTO) char request[REQUEST_MAX] = { 0 };
        struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + size), .nla_type = attribute };
        size_t length = HEADER + NLA_ALIGN(head.nla_len);
        if (length > sizeof(request))
                return fail(err, E_TOO_LARGE, "a taskstats request of %zu bytes", length);
        struct nlmsghdr header = { .nlmsg_len = (uint32_t)length,
                .nlmsg_type = type,
                .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
                .nlmsg_seq = (uint32_t)(time_monotonic_ns() >> 10) };
        struct genlmsghdr generic = { .cmd = command, .version = 1 };
        memcpy(request, &header, sizeof(header));
        memcpy(request + sizeof(header), &generic, sizeof(generic));
        memcpy(request + HEADER, &head, sizeof(head));
        memcpy(request + HEADER + sizeof(head), value, size);
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        if (sendto(fd, request, length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
                return fail_errno(err, "taskstats request");
        *ret_sequence = header.nlmsg_seq;
        return 0;
}

/* The answer of that number into the buffer: what came before it is an answer that nobody waited for, or an exit. */
static int receive_answer(
        int fd, uint32_t sequence, char *buffer, size_t size, struct netlink_message *ret, struct error *err)
{
        bool found = false;
        for (int i = 0; i < ANSWERS_MAX && !found; i++) {
                ssize_t got = recv(fd, buffer, size, 0);
                if (got < 0 && (errno == EINTR || errno == ENOBUFS))
                        continue;
                if (got < 0)
                        return fail_errno(err, "taskstats answer");
                struct sv rest = sv_n(buffer, (size_t)got);
                bool malformed = false;
                found = netlink_next_message(&rest, ret, &malformed) && ret->sequence == sequence;
        }
        if (!found)
                return fail(err, E_PROTOCOL, "taskstats does not answer");
        int32_t code;
        if (ret->type != NLMSG_ERROR)
                return 0;
        if (ret->payload.n < sizeof(code))
                return fail(err, E_PROTOCOL, "a taskstats answer without its error");
        memcpy(&code, ret->payload.p, sizeof(code));
        errno = -code;
        return code == 0 ? 0 : fail_errno(err, "taskstats");
}

static int find_family(int fd, uint16_t *ret, struct error *err)
{
        _Alignas(NLMSG_ALIGNTO) char buffer[DATAGRAM_MAX];
        struct netlink_message message;
        struct error one;
        uint32_t sequence = 0;
        if (send_request(fd, GENL_ID_CTRL, 0, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, TASKSTATS_GENL_NAME,
                    sizeof(TASKSTATS_GENL_NAME), &sequence, err) < 0)
                return -1;
        if (receive_answer(fd, sequence, buffer, sizeof(buffer), &message, &one) < 0) {
                if (one.errnum == ENOENT)
                        return fail(err, E_UNSUPPORTED, "this kernel has no taskstats");
                if (err)
                        *err = one;
                return -1;
        }
        struct sv rest;
        struct sv value;
        uint16_t type;
        if (family_attributes(&message, GENL_ID_CTRL, CTRL_CMD_NEWFAMILY, &rest))
                while (netlink_next_attribute(&rest, &type, &value))
                        if (type == CTRL_ATTR_FAMILY_ID && value.n >= sizeof(*ret)) {
                                memcpy(ret, value.p, sizeof(*ret));
                                return 0;
                        }
        return fail(err, E_PROTOCOL, "generic netlink does not tell the number of taskstats");
}

int taskstats_open(struct taskstats_socket *ret, struct error *err)
{
        cleanup(fd_close) int fd = netlink_open(NETLINK_GENERIC, err);
        uint16_t family = 0;
        if (fd < 0 || find_family(fd, &family, err) < 0)
                return -1;
        *ret = (struct taskstats_socket){ take_fd(fd), family };
        return 0;
}

void taskstats_close(struct taskstats_socket *socket)
{
        fd_close(&socket->fd);
}

int taskstats_query(
        const struct taskstats_socket *socket, pid_t pid, bool group, struct task_usage *ret, struct error *err)
{
        _Alignas(NLMSG_ALIGNTO) char buffer[DATAGRAM_MAX];
        struct netlink_message message;
        uint32_t id = (uint32_t)pid;
        uint32_t sequence = 0;
        if (send_request(socket->fd, socket->family, 0, TASKSTATS_CMD_GET,
                    group ? TASKSTATS_CMD_ATTR_TGID : TASKSTATS_CMD_ATTR_PID, &id, sizeof(id), &sequence, err) < 0 ||
                receive_answer(socket->fd, sequence, buffer, sizeof(buffer), &message, err) < 0)
                return -1;
        if (!parse_message(&message, socket->family, group, ret))
                return fail(err, E_PROTOCOL, "taskstats of %d: an answer of another kind", pid);
        return 0;
}

int taskstats_query_cgroup(const struct taskstats_socket *socket, int dir, struct task_load *ret, struct error *err)
{
        _Alignas(NLMSG_ALIGNTO) char buffer[DATAGRAM_MAX];
        struct netlink_message message;
        uint32_t id = (uint32_t)dir;
        uint32_t sequence = 0;
        if (send_request(socket->fd, socket->family, 0, CGROUPSTATS_CMD_GET, CGROUPSTATS_CMD_ATTR_FD, &id, sizeof(id),
                    &sequence, err) < 0 ||
                receive_answer(socket->fd, sequence, buffer, sizeof(buffer), &message, err) < 0)
                return -1;
        struct sv rest;
        struct sv value;
        uint16_t type;
        struct cgroupstats stats;
        if (family_attributes(&message, socket->family, CGROUPSTATS_CMD_NEW, &rest))
                while (netlink_next_attribute(&rest, &type, &value))
                        if (type == CGROUPSTATS_TYPE_CGROUP_STATS && value.n >= sizeof(stats)) {
                                memcpy(&stats, value.p, sizeof(stats));
                                *ret = (struct task_load){ stats.nr_sleeping, stats.nr_running, stats.nr_stopped,
                                        stats.nr_uninterruptible, stats.nr_io_wait };
                                return 0;
                        }
        return fail(err, E_PROTOCOL, "cgroupstats: an answer of another kind");
}

/* ---- exits ---- */

struct taskstats_listener {
        struct taskstats_socket socket;
        struct taskstats_counters counters;
        char cpus[CPUS_TEXT_MAX];
        struct sockaddr_nl from[TASKSTATS_BATCH];
        struct iovec parts[TASKSTATS_BATCH];
        struct mmsghdr messages[TASKSTATS_BATCH];
        char datagrams[TASKSTATS_BATCH][DATAGRAM_MAX];
};

/* The kernel takes a list of possible CPUs only (cpumask_subset in add_del_listener). */
static int read_possible_cpus(char *ret, struct error *err)
{
        ssize_t got = text_file_read(AT_FDCWD, "/sys/devices/system/cpu/possible", ret, CPUS_TEXT_MAX - 1);
        if (got < 0)
                return fail_errno(err, "the list of possible CPUs");
        struct sv text = sv_trim(sv_n(ret, (size_t)got));
        ret[text.n] = '\0'; /* nothing stands before it */
        return 0;
}

static int register_cpus(const struct taskstats_listener *listener, uint16_t attribute, struct error *err)
{
        _Alignas(NLMSG_ALIGNTO) char buffer[DATAGRAM_MAX];
        const struct taskstats_socket *socket = &listener->socket;
        struct netlink_message message;
        struct error one;
        uint32_t sequence = 0;
        if (send_request(socket->fd, socket->family, NLM_F_ACK, TASKSTATS_CMD_GET, attribute, listener->cpus,
                    strlen(listener->cpus) + 1, &sequence, err) < 0)
                return -1;
        if (receive_answer(socket->fd, sequence, buffer, sizeof(buffer), &message, &one) == 0)
                return 0;
        if (one.errnum == EINVAL || one.errnum == EPERM)
                return fail(err, E_PERMISSION,
                        "taskstats tells of exits only with CAP_NET_ADMIN in the initial user and pid namespaces");
        if (err)
                *err = one;
        return -1;
}

int taskstats_listen(size_t buffer, struct taskstats_listener **ret, struct error *err)
{
        struct taskstats_listener *listener = calloc(1, sizeof(*listener));
        if (!listener)
                return fail_errno(err, "taskstats");
        listener->socket.fd = -1;
        if (read_possible_cpus(listener->cpus, err) < 0 || taskstats_open(&listener->socket, err) < 0 ||
                netlink_set_buffer(listener->socket.fd, buffer ? buffer : BUFFER_DEFAULT, err) < 0 ||
                register_cpus(listener, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK, err) < 0) {
                taskstats_close(&listener->socket);
                free(listener);
                return -1;
        }
        for (size_t i = 0; i < TASKSTATS_BATCH; i++) {
                listener->parts[i] = (struct iovec){ listener->datagrams[i], DATAGRAM_MAX };
                listener->messages[i].msg_hdr = (struct msghdr){
                        .msg_name = &listener->from[i], .msg_iov = &listener->parts[i], .msg_iovlen = 1
                };
        }
        *ret = listener;
        return 0;
}

/* Takes the registration back; else the kernel would do so at the next exit, which finds nobody. */
void taskstats_listener_close(struct taskstats_listener *listener)
{
        if (!listener)
                return;
        uint32_t sequence;
        send_request(listener->socket.fd, listener->socket.family, 0, TASKSTATS_CMD_GET,
                TASKSTATS_CMD_ATTR_DEREGISTER_CPUMASK, listener->cpus, strlen(listener->cpus) + 1, &sequence, NULL);
        taskstats_close(&listener->socket);
        free(listener);
}

int taskstats_listener_fd(const struct taskstats_listener *listener)
{
        return listener->socket.fd;
}

static size_t take_batch(struct taskstats_listener *listener, int got, struct task_usage *ret)
{
        size_t count = 0;
        listener->counters.reads++;
        for (int i = 0; i < got; i++) {
                struct sv datagram = sv_n(listener->datagrams[i], listener->messages[i].msg_len);
                if (listener->from[i].nl_pid == 0 &&
                        taskstats_parse_datagram(datagram, listener->socket.family, false, &ret[count]))
                        count++;
                else
                        listener->counters.refused++;
        }
        listener->counters.received += count;
        return count;
}

size_t taskstats_receive(struct taskstats_listener *listener, struct task_usage ret[TASKSTATS_BATCH], bool *ret_more)
{
        for (size_t i = 0; i < TASKSTATS_BATCH; i++)
                listener->messages[i].msg_hdr.msg_namelen = sizeof(listener->from[i]);
        int got = recvmmsg(listener->socket.fd, listener->messages, TASKSTATS_BATCH, MSG_DONTWAIT, NULL);
        if (got >= 0) {
                *ret_more = got == TASKSTATS_BATCH;
                return take_batch(listener, got, ret);
        }
        *ret_more = errno == ENOBUFS || errno == EINTR;
        listener->counters.overflows += errno == ENOBUFS;
        return 0;
}

void taskstats_count(struct taskstats_listener *listener, struct taskstats_counters *ret)
{
        netlink_read_drops(listener->socket.fd, &listener->counters.dropped);
        *ret = listener->counters;
}
