#include "linux/text_file.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>

const char *text_file_line(int dirfd, const char *path, struct arena *arena)
{
        cleanup(buf_done) struct buf buf;
        struct sv line;
        buf_init(&buf, TEXT_FILE_MAX);
        if (file_read(dirfd, path, &buf, NULL) < 0)
                return NULL;
        struct sv rest = sv_trim(sv_n(buf_text(&buf), buf.len));
        rest.n = strnlen(rest.p, rest.n);
        if (!sv_line(&rest, &line) || (line = sv_trim(line)).n == 0)
                return NULL;
        return arena_strndup(arena, line.p, line.n);
}

ssize_t text_file_read(int dirfd, const char *path, char *buffer, size_t size)
{
        cleanup(fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return -1;
        size_t have = 0;
        for (;;) {
                char probe;
                ssize_t got = have < size ? read(fd, buffer + have, size - have) : read(fd, &probe, 1);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -1;
                if (got == 0)
                        return (ssize_t)have;
                if (have == size) {
                        errno = EFBIG;
                        return -1;
                }
                have += (size_t)got;
        }
}
