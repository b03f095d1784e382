/* One question to the agent of this host, from the command line: over agent.sock, where the kernel says who asks. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <jansson.h>

/* class and parameters (taken; NULL = none) as in module/agent_wire.h. data: what follows the answer is appended; NULL
 * where nothing follows. ret_answer (may be NULL): the answer's own parameters, a new reference. E_UNAVAILABLE: no
 * agent answers there. */
int ask_agent(const char *socket_path, const char *class, json_t *parameters, struct buf *data, json_t **ret_answer,
        struct error *err);
