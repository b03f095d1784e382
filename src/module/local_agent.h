/* The agent of this host, for who asks it over HTTP. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOCAL_AGENT_SOCKET_MAX = 4096 };

/* Where its API listens: TARSIER_SOCKET, else that of root, or of this user. ret: LOCAL_AGENT_SOCKET_MAX bytes; returns
 * it. */
const char *local_agent_socket(char *ret);

/* Does somebody listen there now? It does not block. */
bool local_agent_answers(const char *path);

/* The same; where nobody listens there and another user's asks, that of root. For who wants to know of any agent. */
const char *local_agent_any(char *ret);

enum { LOCAL_ANSWERS_MAX = 8, LOCAL_ANSWER_MAX = 1 << 20 };

/* What it answers to a GET. The body is as it came: nothing of it has been looked at. */
struct local_answer {
        int status; /* of HTTP; 403 also where the socket is not for this user; 0: none in time, or it makes no sense */
        char *body; /* malloced, never NULL where status is not 0; a NUL follows */
        size_t size;
};

/* Asks for all paths (NULL-terminated, LOCAL_ANSWERS_MAX at most) at once and waits so long for the last. False where
 * no agent is: ret is zeroed then. */
bool local_agent_get(const char *socket, const char *const *paths, int64_t timeout_ns, struct local_answer *ret);
void local_answers_done(struct local_answer *answers);
