#include "lib/pkgdb/below.h"

#include "base/cleanup.h"
#include "base/sv.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

struct resolving {
        int directories[BELOW_DEPTH_MAX]; /* [0] is the root, borrowed */
        unsigned depth;
        unsigned links;
        char pending[BELOW_PATH_MAX]; /* what is left of the path */
};

static int failed_with(int errnum)
{
        errno = errnum;
        return -1;
}

static void leave(struct resolving *at)
{
        if (at->depth > 0)
                fd_close(&at->directories[at->depth--]);
}

/* Puts a link's target in front of `rest`, which points into pending. */
static int follow(struct resolving *at, int link, struct sv rest)
{
        char target[PATH_MAX];
        if (++at->links > BELOW_LINKS_MAX)
                return failed_with(ELOOP);
        ssize_t length = readlinkat(link, "", target, sizeof(target));
        if (length < 0)
                return -1;
        if ((size_t)length + 1 + rest.n + 1 > sizeof(at->pending))
                return failed_with(ENAMETOOLONG);
        memmove(at->pending + length + 1, rest.p, rest.n);
        memcpy(at->pending, target, (size_t)length);
        at->pending[length] = '/';
        at->pending[(size_t)length + 1 + rest.n] = '\0';
        while (target[0] == '/' && at->depth > 0)
                leave(at);
        return 0;
}

/* One component: 1 when the fd of the path's end is in *ret, 0 to go on, -1. */
static int step(struct resolving *at, struct sv name, struct sv rest, int flags, int *ret)
{
        char text[NAME_MAX + 1];
        if (name.n > NAME_MAX)
                return failed_with(ENAMETOOLONG);
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        cleanup(fd_close) int fd = openat(at->directories[at->depth], text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) < 0)
                return -1;
        if (S_ISLNK(st.st_mode))
                return follow(at, fd, rest);
        bool last = rest.n == 0;
        if (last) {
                *ret = openat(at->directories[at->depth], text,
                        flags | O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
                return *ret < 0 ? -1 : 1;
        }
        if (!S_ISDIR(st.st_mode))
                return failed_with(ENOTDIR);
        if (at->depth + 1 >= BELOW_DEPTH_MAX)
                return failed_with(ENAMETOOLONG);
        at->directories[++at->depth] = take_fd(fd);
        memmove(at->pending, rest.p, rest.n);
        at->pending[rest.n] = '\0';
        return 0;
}

static int resolve(struct resolving *at, int flags)
{
        for (;;) {
                struct sv rest = sv_of(at->pending);
                while (rest.n > 0 && rest.p[0] == '/')
                        rest = sv_n(rest.p + 1, rest.n - 1);
                if (rest.n == 0) /* the path ended in a directory: "/", "x/..", a link to one of these */
                        return openat(at->directories[at->depth], ".", flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                struct sv name = sv_n(rest.p, sv_find(rest, '/'));
                rest = sv_n(rest.p + name.n, rest.n - name.n);
                while (rest.n > 0 && rest.p[0] == '/')
                        rest = sv_n(rest.p + 1, rest.n - 1);
                if (sv_eq(name, SV(".")) || sv_eq(name, SV(".."))) {
                        if (name.n == 2)
                                leave(at);
                        memmove(at->pending, rest.p, rest.n);
                        at->pending[rest.n] = '\0';
                        continue;
                }
                int fd = -1;
                int verdict = step(at, name, rest, flags, &fd);
                if (verdict != 0)
                        return fd;
        }
}

int open_below(int rootfd, const char *path, int flags)
{
        struct resolving at = { .directories = { rootfd } };
        size_t length = strlen(path);
        if (length >= sizeof(at.pending))
                return failed_with(ENAMETOOLONG);
        memcpy(at.pending, path, length + 1);
        int fd = resolve(&at, flags);
        int saved = errno;
        while (at.depth > 0)
                leave(&at);
        errno = saved;
        return fd;
}
