/* Asks for the space of file systems that may not answer: NFS whose server is gone, FUSE. statfs(2) sleeps there where
 * no timeout reaches it, so threads ask, and a scrape takes what they have. A mount is silent when its question is
 * older than the timeout; until then its last answer stands. Threads begin with the first question and wait without
 * work. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { MOUNT_PROBE_THREADS = 4, MOUNT_PROBE_MAX = 4096 };

struct mount_space {
        uint64_t unit; /* bytes of a block */
        uint64_t blocks, blocks_free, blocks_available;
        uint64_t files, files_free;
};

/* 0 or an errno. point: below root, without a leading slash; "." for root itself. */
int mount_space_read(int root, const char *point, struct mount_space *ret);

struct mount_probe;

/* ask: mount_space_read, or a stand-in of a test. root is duplicated. */
struct mount_probe *mount_probe_new(int root, int64_t timeout_ns,
        int (*ask)(int root, const char *point, struct mount_space *ret), struct error *err);
/* Threads that sleep in the kernel go with the answer they wait for, or with the process. */
void mount_probe_free(struct mount_probe *probe);

/* A round: begin, queue every mount of interest, wait, take results. Mounts that a round does not name are forgotten.
 */
void mount_probe_begin(struct mount_probe *probe);
void mount_probe_queue(struct mount_probe *probe, const char *point);
/* Until all questions of this round are answered, at most wait_ns; those of earlier rounds are not waited for. */
void mount_probe_wait(struct mount_probe *probe, int64_t wait_ns);
/* 0, the errno of the last answer, or ETIMEDOUT when it is silent. */
int mount_probe_result(struct mount_probe *probe, const char *point, struct mount_space *ret);
