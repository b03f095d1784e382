/* Looks that end in time (bounded.c). Each function asks within LOOK_PATIENCE_MS and fails with ETIMEDOUT after that;
 * once too many have, at once. */
#pragma once

#include "base/buf.h"
#include "modules/report/checks/checks.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

struct question {
        int (*ask)(struct question *question); /* 0 or an errno; in a thread that may outlive the run's interest */
        int directory, flags;
        char path[PATH_MAX + 16];
        int errnum;
        struct stat st;
        struct filesystem_usage usage;
        struct buf text;
        bool full;
};

/* As fstatat(2). */
int look_stat_at(
        struct look *look, enum look_owner owner, int directory, const char *path, int flags, struct stat *ret);
/* A whole regular file below the root; of anything else only *ret_st. No link leads out of the root. */
int look_text_of(struct look *look, const char *path, size_t max, struct stat *ret_st, struct sv *ret);
/* Of the mount at this place below the root. */
int look_usage(struct look *look, const char *path, struct filesystem_usage *ret);
void bounded_end(struct look *look);
