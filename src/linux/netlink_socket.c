#include "linux/netlink_socket.h"

#include <linux/sock_diag.h>
#include <sys/socket.h>

int netlink_set_buffer(int fd, size_t size, struct error *err)
{
        /* the kernel doubles what it is given, for its own bookkeeping (socket(7)) */
        int half = size / 2 > INT32_MAX / 2 ? INT32_MAX / 2 : (int)(size / 2);
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof(half)) == 0)
                return 0;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &half, sizeof(half)) < 0)
                return fail_errno(err, "netlink socket's buffer");
        return 0;
}

void netlink_read_drops(int fd, uint64_t *total)
{
        uint32_t memory[SK_MEMINFO_VARS] = { 0 };
        socklen_t size = sizeof(memory);
        if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) < 0 || size < sizeof(memory))
                return;
        *total += (uint32_t)(memory[SK_MEMINFO_DROPS] - (uint32_t)*total);
}
