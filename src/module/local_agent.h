/* The agent of this host, for who asks it over HTTP. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { LOCAL_AGENT_SOCKET_MAX = 4096 };

/* Where its API listens: TARSIER_SOCKET, else that of root, or of this user. ret: LOCAL_AGENT_SOCKET_MAX bytes; returns
 * it. */
const char *local_agent_socket(char *ret);

/* Does somebody listen there now? It does not block. */
bool local_agent_answers(const char *path);
