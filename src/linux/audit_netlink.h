/* The kernel's audit system over netlink (linux/audit.h, kernel/audit.c): state, rules, and the stream of records.
 *
 * Two kinds of socket, since the kernel sends records to the very socket that registered and answers in between would
 * have to be told apart: a command socket (audit_netlink_open) for questions, and a stream for records.
 *
 *      unicast    the audit daemon: one in the whole system, of any network namespace but of the initial pid namespace.
 *                 The kernel waits for it and keeps what it cannot deliver (backlog), then counts `lost`.
 *      multicast  AUDIT_NLGRP_READLOG, read-only, beside any daemon. What does not fit in the socket's buffer is
 * dropped. In a network namespace other than the initial one it binds and stays silent.
 *
 * Everything here needs CAP_AUDIT_CONTROL (state, rules, unicast) or CAP_AUDIT_READ (multicast) of the initial user
 * namespace. Errors: E_PERMISSION without them or in a child pid namespace, E_EXISTS where a daemon or an equal rule is
 * there already, E_NOT_FOUND for a rule that is not. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <linux/audit.h>
#include <sys/types.h>

enum {
        AUDIT_NETLINK_RECORD_MAX = 9216, /* text of one record: MAX_AUDIT_MESSAGE_LENGTH (libaudit.h) is 8970 */
        AUDIT_NETLINK_RULE_MAX = 16384,  /* struct audit_rule_data and its strings: far above what the kernel takes */
        AUDIT_NETLINK_RULES_MAX = 65536, /* rules listed */
        AUDIT_NETLINK_BATCH = 64,        /* records a system call */
        AUDIT_NETLINK_TIMEOUT_MS = 5000, /* the kernel answers at once unless it is short of memory */
};

/* --- state and rules -----------------------------------------------------------------------------------------------
 */

int audit_netlink_open(struct error *err);

/* Members that an old kernel does not tell are 0. */
int audit_netlink_status(int fd, struct audit_status *ret, struct error *err);

/* Sets the members that status->mask names (AUDIT_STATUS_*). E_PERMISSION when the configuration is locked. */
int audit_netlink_set(int fd, const struct audit_status *status, struct error *err);

/* Takes the counter of lost records and sets it to 0 (AUDIT_STATUS_LOST, Linux 4.19). */
int audit_netlink_take_lost(int fd, uint32_t *ret, struct error *err);

/* Every rule in the kernel's order. rule is a struct audit_rule_data with its strings, aligned to 4 bytes, valid during
 * the call. */
typedef void audit_netlink_rule_fn(struct sv rule, void *cookie);
int audit_netlink_list(int fd, audit_netlink_rule_fn *each, void *cookie, struct error *err);

/* rule: as listed, or as lib/auditrule encodes it. */
int audit_netlink_add(int fd, struct sv rule, struct error *err);
int audit_netlink_delete(int fd, struct sv rule, struct error *err);

/* --- the stream ----------------------------------------------------------------------------------------------------
 */

struct audit_stream_counters {
        uint64_t received;  /* records */
        uint64_t bytes;     /* of their text */
        uint64_t reads;     /* system calls that brought some */
        uint64_t overflows; /* ENOBUFS: times that the socket's buffer was full */
        uint64_t dropped;   /* records that did not fit (the socket's own counter, Linux 4.12) */
        uint64_t truncated; /* beyond AUDIT_NETLINK_RECORD_MAX */
        uint64_t foreign;   /* not from the kernel, or no record */
        uint64_t failures;  /* reads that failed for another reason; the last one's errno: */
        int last_errno;
};

struct audit_stream;

enum audit_stream_mode { AUDIT_STREAM_UNICAST, AUDIT_STREAM_MULTICAST };

/* buffer: bytes of the socket's buffer, 0 = 16 MiB. UNICAST registers this process as the daemon: E_EXISTS with the pid
 * of the one that is. */
int audit_stream_open(enum audit_stream_mode mode, size_t buffer, struct audit_stream **ret, struct error *err);
/* UNICAST: registers again, when the kernel has dropped this daemon (audit_netlink_status tells another pid). */
int audit_stream_register(struct audit_stream *stream, struct error *err);
/* Takes the registration back. */
void audit_stream_close(struct audit_stream *stream);
int audit_stream_fd(const struct audit_stream *stream);

/* One record: its type (AUDIT_SYSCALL …) and text, "audit(1700000000.123:456): …" without a line end. */
struct audit_netlink_record {
        uint16_t type;
        struct sv text; /* up to the next receive */
};

/* Reads up to AUDIT_NETLINK_BATCH records without waiting into ret; their number, 0 when there are none. Lost ones are
 * in the counters afterwards. ret_more: the socket may hold more. */
size_t audit_stream_receive(
        struct audit_stream *stream, struct audit_netlink_record ret[AUDIT_NETLINK_BATCH], bool *ret_more);

void audit_stream_count(struct audit_stream *stream, struct audit_stream_counters *ret);

/* What recvmsg gave, as a record: pure. The kernel writes the length of the payload, not of the message, into nlmsg_len
 * of records it sends to the daemon (kernel/audit.c, kauditd_send_multicast_skb tells of it), so the datagram's own
 * length counts: one record a datagram. False for what is no record: answers, control messages, less than a header. */
bool audit_netlink_parse(struct sv datagram, struct audit_netlink_record *ret);
