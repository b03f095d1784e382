/* Which process holds which socket: a scan of every /proc/PID/fd for "socket:[INODE]", as a table to look inodes up in.
 */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

enum { SOCKET_OWNERS_MAX = 1 << 20, SOCKET_OWNER_FDS_MAX = 1 << 20 /* a process */ };

struct socket_owner {
        uint64_t inode;
        pid_t pid;
        int fd;
};

struct socket_owners {
        struct socket_owner *rows; /* sorted by inode, pid, fd */
        size_t count;
        size_t capacity;
        size_t refused;  /* beyond the ceiling */
        size_t denied;   /* processes whose fds may not be read */
        size_t vanished; /* processes and fds that ended meanwhile */
};

/* max: ceiling on rows, at most SOCKET_OWNERS_MAX. */
int socket_owners_scan(int root, size_t max, struct socket_owners *ret, struct error *err);
/* First row of the inode and how many there are (a socket may be shared), NULL for none. */
const struct socket_owner *socket_owners_find(const struct socket_owners *owners, uint64_t inode, size_t *ret_count);
void socket_owners_done(struct socket_owners *owners);

/* "socket:[123]" */
bool socket_link_parse(struct sv link, uint64_t *ret_inode);
