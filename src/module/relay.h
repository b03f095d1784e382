/* What a worker writes to its stderr, passed on to ours. A worker that never ends (worker_stuck) then holds no end of a
 * pipe whose reader waits for all writers to be gone: a shell's $(…), cron, ssh. */
#pragma once

#include "loop/loop.h"

struct relay;

/* ret_end is the worker's stderr, the caller's to close. NULL and -1 where no relay is needed: our stderr is no pipe.
 */
int relay_new(struct loop *loop, struct relay **ret, int *ret_end, struct error *err);

/* The worker is done with: passes on what it has written, as far as that is taken within 2 s a page, and leaves the
 * loop. NULL is fine. */
void relay_end(struct relay *relay);
/* Also after the loop, when relay_end was called. NULL is fine. */
void relay_free(struct relay *relay);
