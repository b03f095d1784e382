/* Listening sockets that the agent binds for others. */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

enum { LISTEN_TEXT_MAX = 256 };

/* "127.0.0.1:7077", "[::1]:7077", ":7077" (every address), or the path of a unix socket (absolute, perhaps behind
 * "unix:"; a stale one is replaced, one in use is E_EXISTS). mode: of a unix socket. ret_text (LISTEN_TEXT_MAX bytes):
 * where it really stands, port 0 resolved. */
int listen_open(const char *address, mode_t mode, char *ret_text, struct error *err);

/* Is this the address of a unix socket? The path, or NULL. */
const char *listen_path(const char *address);
