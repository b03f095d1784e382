/* The network namespaces that processes live in, and a netlink socket inside one of them. A netlink socket belongs for
 * ever to the namespace it was created in, so only its creation needs setns(2): a short-lived thread does that and
 * ends. The calling thread never changes its namespace, so there is nothing to restore and no failure can strand it. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

enum { NETNS_MAX = 65536 };

struct netns {
        uint64_t inode;
        pid_t pid;          /* one that lives there: the lowest */
        uint32_t processes; /* how many do */
        bool own;           /* that of the caller (only when the root is the real one) */
};

struct netns_list {
        struct netns *rows; /* ordered by first pid */
        size_t count;
        size_t capacity;
        size_t refused; /* beyond NETNS_MAX */
        size_t denied;  /* processes whose namespace may not be read */
        size_t vanished;
};

int netns_list_read(int root, struct netns_list *ret, struct error *err);
void netns_list_done(struct netns_list *list);

/* A netlink socket of `protocol` in the namespace; CAP_SYS_ADMIN is needed for another than one's own. When the process
 * has ended or moved meanwhile (its inode differs) E_NOT_FOUND. */
int netns_netlink(int root, const struct netns *netns, int protocol, struct error *err);
