#include "linux/lines.h"

#include "base/cleanup.h"

#include <fcntl.h>

int lines_read(int dirfd, const char *path, int (*each)(struct sv line, void *cookie), void *cookie,
        size_t *ret_refused, struct error *err)
{
        cleanup(fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return fail_errno(err, "open %s", path);
        char buffer[LINES_BUFFER];
        size_t have = 0;
        bool skipping = false; /* inside a line that did not fit */
        for (;;) {
                ssize_t got = read(fd, buffer + have, sizeof(buffer) - have);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, "read %s", path);
                have += (size_t)got;
                struct sv rest = sv_n(buffer, have);
                size_t end;
                while ((end = sv_find(rest, '\n')) < rest.n || (got == 0 && rest.n)) {
                        int verdict = skipping ? 0 : each(sv_n(rest.p, end), cookie);
                        skipping = false;
                        if (verdict)
                                return verdict;
                        size_t taken = end < rest.n ? end + 1 : end;
                        rest = sv_n(rest.p + taken, rest.n - taken);
                }
                if (got == 0)
                        return 0;
                if (rest.n == sizeof(buffer)) {
                        *ret_refused += !skipping;
                        skipping = true;
                        rest.n = 0;
                }
                memmove(buffer, rest.p, rest.n);
                have = rest.n;
        }
}
