/* "HOST:PORT" as an address to send to, without asking a name server: that would stop a loop that has one thread. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/socket.h>

/* HOST is a number ("10.0.0.1", "[fd00::1]"), localhost, or a name in hosts, which is the text of /etc/hosts
 * (hosts(5)). ret_named: it is a name of that file, whose address may change with it. */
int address_resolve(const char *text, struct sv hosts, struct sockaddr_storage *ret, socklen_t *ret_size,
        bool *ret_named, struct error *err);
