/* Netlink by hand (netlink(7)): a socket, a dump, and bounds-checked walking of messages and attributes. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum {
        NETLINK_RECEIVE_MAX = 32 * 1024 /* what the kernel fills at most in a dump (af_netlink.c) */,
        NETLINK_TIMEOUT_S = 5,
        NETLINK_MESSAGES_MAX = 1 << 24
};

struct netlink_message {
        uint16_t type;
        uint16_t flags;
        uint32_t sequence;
        uint32_t port;
        struct sv payload; /* behind the header, 4-byte aligned in a receive buffer */
};

/* Takes one message off *rest; false at the end. A message that claims more than there is ends the walk and sets
 * *ret_malformed. */
bool netlink_next_message(struct sv *rest, struct netlink_message *ret, bool *ret_malformed);

/* Takes one attribute off *rest; the flag bits (nested, byte order) are masked off the type. False at the end or when
 * the next one is malformed. */
bool netlink_next_attribute(struct sv *rest, uint16_t *ret_type, struct sv *ret_payload);

/* Copies a fixed-size struct off the front of *rest (aligned to 4); false when there is less. */
bool netlink_take(struct sv *rest, void *ret, size_t size);

bool netlink_u32(struct sv payload, uint32_t *ret);

/* A socket of the calling thread's network namespace; protocol: NETLINK_ROUTE, NETLINK_SOCK_DIAG, … */
int netlink_open(int protocol, struct error *err);

struct netlink_dump_result {
        size_t messages;
        size_t malformed;
        bool interrupted; /* the table changed meanwhile (NLM_F_DUMP_INTR): the picture may miss or repeat rows */
};

/* Sends one dump request and calls each() per answer until the kernel is done. each returning non-zero stops: that
 * value is returned then. -1 with err on failure: E_UNSUPPORTED when the kernel lacks the family (ENOENT, EOPNOTSUPP).
 */
int netlink_dump(int fd, uint16_t type, const void *request, size_t size,
        int (*each)(const struct netlink_message *message, void *cookie), void *cookie, struct netlink_dump_result *ret,
        struct error *err);
