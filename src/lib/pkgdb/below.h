/* Opening a path inside a directory that stands for "/". */
#pragma once

enum { BELOW_PATH_MAX = 4096, BELOW_DEPTH_MAX = 64, BELOW_LINKS_MAX = 40 };

/* Opens `path` for reading below the directory rootfd. Links are followed, but ".." and absolute targets end at the
 * root, as openat2(2) has it with RESOLVE_IN_ROOT; done by hand, since a worker's filter cannot see into openat2's
 * arguments and therefore refuses it. Never blocks on a FIFO. Returns the fd, or -1 and errno. */
int open_below(int rootfd, const char *path, int flags);
