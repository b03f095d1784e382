/* What the streams of the kernel's netlink share. Inside this room only. */
#pragma once

#include "base/error.h"

#include <stdint.h>

/* The socket's receive buffer, beyond net.core.rmem_max where CAP_NET_ADMIN allows it; without it as much as there is.
 */
int netlink_set_buffer(int fd, size_t size, struct error *err);

/* Adds what the socket has dropped since the last call: its counter is 32 bits wide and wraps. Leaves *total alone
 * before Linux 4.12, which does not tell. */
void netlink_read_drops(int fd, uint64_t *total);
