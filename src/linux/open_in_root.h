/* Opening a file below a directory as if that were "/": links, absolute ones too, and ".." never lead out of it. It is
 * openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, for a locked worker: a seccomp filter cannot see the flags
 * of openat2, so there it is refused. */
#pragma once

/* path: below root, a leading '/' is fine, at most PATH_MAX bytes with its links. flags: of open(2), O_CLOEXEC is
 * added. What is neither a regular file nor a directory is not opened: EINVAL. The fd, or -1 with errno. */
int open_in_root(int root, const char *path, int flags);
