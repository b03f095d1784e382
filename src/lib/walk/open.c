#include "lib/walk/walk.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>

int walk_open_regular(int dirfd, const char *name, unsigned flags, struct stat *ret_stat, struct error *err)
{
        int mode = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (flags & WALK_OPEN_FOLLOW ? 0 : O_NOFOLLOW);
        cleanup(fd_close) int fd = -1;
        struct stat stat;

        if (flags & WALK_OPEN_UPDATE_ATIME) {
                fd = openat(dirfd, name, mode);
        } else {
                fd = openat(dirfd, name, mode | O_NOATIME);
                if (fd < 0 && errno == EPERM)
                        fd = openat(dirfd, name, mode);
        }
        if (fd < 0)
                return fail_errno(err, "open %s", name);
        if (fstat(fd, &stat) < 0)
                return fail_errno(err, "stat %s", name);
        if (!S_ISREG(stat.st_mode))
                return fail(err, E_INVALID, "open %s: not a regular file", name);
        if (ret_stat)
                *ret_stat = stat;
        return take_fd(fd);
}
