#include "base/path.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/stat.h>

void path_clean(struct sv path, struct buf *out)
{
        size_t start = out->len;
        bool rooted = path.n && path.p[0] == '/';
        size_t floor = start; /* ".." cannot climb above this */
        if (rooted) {
                buf_putc(out, '/');
                floor = out->len;
        }
        struct sv part;
        for (struct sv rest = path; !out->failed && sv_split(&rest, '/', &part);) {
                if (part.n == 0 || sv_eq(part, SV(".")))
                        continue;
                bool up = sv_eq(part, SV(".."));
                if (up && out->len > floor) {
                        while (out->len > floor && out->data[out->len - 1] != '/')
                                out->len--;
                        if (out->len > floor)
                                out->len--;
                        out->data[out->len] = '\0';
                        continue;
                }
                if (up && rooted)
                        continue;
                if (out->len > start && out->data[out->len - 1] != '/')
                        buf_putc(out, '/');
                buf_append(out, part.p, part.n);
                if (up)
                        floor = out->len;
        }
        if (!out->failed && out->len == start)
                buf_putc(out, '.');
}

struct sv path_base(struct sv path)
{
        while (path.n > 1 && path.p[path.n - 1] == '/')
                path.n--;
        if (path.n <= 1)
                return path.n ? path : SV(".");
        const char *slash = memrchr(path.p, '/', path.n);
        return slash ? sv_n(slash + 1, path.n - (size_t)(slash + 1 - path.p)) : path;
}

struct sv path_dir(struct sv path)
{
        while (path.n > 1 && path.p[path.n - 1] == '/')
                path.n--;
        const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
        if (!slash)
                return SV(".");
        path.n = (size_t)(slash - path.p);
        while (path.n > 1 && path.p[path.n - 1] == '/')
                path.n--;
        return path.n ? path : SV("/");
}

bool path_within(struct sv path, struct sv root)
{
        if (!sv_starts(path, root))
                return false;
        return path.n == root.n || root.n == 0 || root.p[root.n - 1] == '/' || path.p[root.n] == '/';
}

int file_read(int dirfd, const char *path, struct buf *out, struct error *err)
{
        cleanup(fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0)
                return fail_errno(err, "open %s", path);
        for (;;) {
                size_t room = out->max - out->len < 64 * 1024 ? out->max - out->len : 64 * 1024;
                char probe;
                char *into = room ? buf_reserve(out, room) : &probe;
                if (!into)
                        return fail(err, E_NO_MEMORY, "reading %s: no memory", path);
                ssize_t got = read(fd, into, room ? room : 1);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, "read %s", path);
                if (got == 0)
                        break;
                if (room == 0)
                        return fail(err, E_TOO_LARGE, "%s is larger than %zu bytes", path, out->max);
                out->len += (size_t)got;
                out->data[out->len] = '\0';
        }
        return 0;
}

int write_all(int fd, const void *bytes, size_t size, struct error *err)
{
        const char *p = bytes;
        while (size) {
                ssize_t put = write(fd, p, size);
                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return fail_errno(err, "write");
                p += put;
                size -= (size_t)put;
        }
        return 0;
}

ssize_t read_all(int fd, void *bytes, size_t size, struct error *err)
{
        char *p = bytes;
        size_t have = 0;
        while (have < size) {
                ssize_t got = read(fd, p + have, size - have);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return fail_errno(err, "read");
                if (got == 0)
                        break;
                have += (size_t)got;
        }
        return (ssize_t)have;
}

int file_replace(int dirfd, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err)
{
        char fresh[4096];
        if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
                return fail(err, E_TOO_LARGE, "path too long: %s", path);
        /* a new file always: what a crash left behind could have another mode, or be a link */
        unlinkat(dirfd, fresh, 0);
        cleanup(fd_close) int fd = openat(dirfd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0)
                return fail_errno(err, "create %s", fresh);
        if (write_all(fd, bytes, size, err) < 0 || (fsync(fd) < 0 && fail_errno(err, "fsync %s", fresh) < 0) ||
                (renameat(dirfd, fresh, dirfd, path) < 0 && fail_errno(err, "rename %s", fresh) < 0)) {
                unlinkat(dirfd, fresh, 0);
                return -1;
        }
        struct sv parent = path_dir(sv_of(path));
        char directory[4096];
        snprintf(directory, sizeof(directory), "%.*s", SV_ARG(parent));
        cleanup(fd_close) int dir = openat(dirfd, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0 || fsync(dir) < 0)
                return fail_errno(err, "fsync %s", directory);
        return 0;
}

int path_make(const char *path, mode_t mode, struct error *err)
{
        char part[4096];
        size_t length = strlen(path);
        if (length >= sizeof(part))
                return fail(err, E_TOO_LARGE, "path too long: %s", path);
        for (size_t i = 1; i <= length; i++) {
                if (path[i] != '/' && path[i] != '\0')
                        continue;
                memcpy(part, path, i);
                part[i] = '\0';
                if (mkdir(part, mode) < 0 && errno != EEXIST)
                        return fail_errno(err, "mkdir %s", part);
        }
        struct stat status;
        if (length && (stat(path, &status) < 0 || !S_ISDIR(status.st_mode))) {
                errno = ENOTDIR;
                return fail_errno(err, "mkdir %s", path);
        }
        return 0;
}
