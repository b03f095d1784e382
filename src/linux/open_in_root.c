#include "linux/open_in_root.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

enum { TURNS_MAX = 40 }; /* links and ".." in one path, as MAXSYMLINKS of the kernel */

struct walk {
        int root;
        int directory;       /* where the rest begins */
        char done[PATH_MAX]; /* how it was reached: "/a/b", without links */
        char rest[PATH_MAX];
        int turns;
};

static int fail_with(int errnum)
{
        errno = errnum;
        return -1;
}

/* "first/second" becomes the rest. */
static int set_rest(struct walk *walk, const char *first, const char *second)
{
        char joined[PATH_MAX];
        int n = snprintf(joined, sizeof(joined), "%s/%s", first, second);
        if (n < 0 || (size_t)n >= sizeof(joined))
                return fail_with(ENAMETOOLONG);
        memcpy(walk->rest, joined, (size_t)n + 1);
        return 0;
}

static int back_to_root(struct walk *walk)
{
        fd_close(&walk->directory);
        walk->done[0] = '\0';
        walk->directory = openat(walk->root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return walk->directory < 0 ? -1 : 0;
}

/* The parent of where we are, by its name: a directory that was moved meanwhile cannot lead elsewhere. */
static int go_up(struct walk *walk, const char *behind)
{
        char *slash = strrchr(walk->done, '/');
        if (slash)
                *slash = '\0';
        if (set_rest(walk, walk->done, behind) < 0)
                return -1;
        return back_to_root(walk);
}

static int follow(struct walk *walk, int link, const char *behind)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(link, "", target, sizeof(target) - 1);
        if (n < 0)
                return -1;
        target[n] = '\0';
        if (set_rest(walk, target, behind) < 0)
                return -1;
        return target[0] == '/' ? back_to_root(walk) : 0;
}

/* One component. 1 with *ret_fd when it was the last. */
static int step(struct walk *walk, char *component, const char *behind, int flags, int *ret_fd)
{
        struct stat st;
        bool last = behind[strspn(behind, "/")] == '\0';
        cleanup(fd_close) int fd = openat(walk->directory, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -1;
        if (S_ISLNK(st.st_mode))
                return ++walk->turns > TURNS_MAX ? fail_with(ELOOP) : follow(walk, fd, behind);
        if (!last) {
                size_t length = strlen(walk->done);
                if (length + 1 + strlen(component) >= sizeof(walk->done))
                        return fail_with(ENAMETOOLONG);
                snprintf(walk->done + length, sizeof(walk->done) - length, "/%s", component);
                fd_close(&walk->directory);
                walk->directory = take_fd(fd);
                memmove(walk->rest, behind, strlen(behind) + 1);
                return 0;
        }
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return fail_with(EINVAL);
        /* a FIFO may have taken its place by now: it must not block */
        *ret_fd = openat(walk->directory, component, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        return *ret_fd < 0 ? -1 : 1;
}

static int take_component(struct walk *walk, int flags, int *ret_fd)
{
        char component[NAME_MAX + 1];
        const char *at = walk->rest + strspn(walk->rest, "/");
        size_t n = strcspn(at, "/");
        if (n == 0) { /* the root, or a path that ended in ".." */
                *ret_fd = openat(walk->directory, ".", flags | O_CLOEXEC);
                return *ret_fd < 0 ? -1 : 1;
        }
        if (n > NAME_MAX)
                return fail_with(ENAMETOOLONG);
        memcpy(component, at, n);
        component[n] = '\0';
        if (strcmp(component, ".") == 0) {
                memmove(walk->rest, at + n, strlen(at + n) + 1);
                return 0;
        }
        if (strcmp(component, "..") == 0)
                return ++walk->turns > TURNS_MAX ? fail_with(ELOOP) : go_up(walk, at + n);
        return step(walk, component, at + n, flags, ret_fd);
}

int open_in_root(int root, const char *path, int flags)
{
        struct walk walk = { .root = root, .directory = -1 };
        int fd = -1;
        int result = set_rest(&walk, "", path);
        if (result == 0)
                result = back_to_root(&walk);
        while (result == 0)
                result = take_component(&walk, flags, &fd);
        fd_close(&walk.directory);
        return result < 0 ? -1 : fd;
}
