/* SHA-256 and package of the programs that are executed, remembered by (device, inode, size, time of change), so that a
 * program is read once. Digests of files larger than DIGESTS_FILE_MAX are left out. The package is told for programs of
 * the host: dpkg's and apk's own lists of files are read. */
#pragma once

#include "modules/watch/event/event.h"

struct digests;

enum { DIGESTS_MAX = 4096 /* programs remembered; then all are forgotten */ };
#define DIGESTS_FILE_MAX (256 * MIB)

/* root: an open "/", the caller's. */
struct digests *digests_new(int root, struct error *err);
void digests_free(struct digests *digests);

/* Fills sha256 and package where they can be known: the process must still be there, or its program's path be of the
 * host. The texts live until the next call. */
void digests_fill(struct digests *digests, struct event_process *process);
