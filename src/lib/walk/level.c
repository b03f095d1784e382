#include "lib/walk/level.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

int level_open_directory(struct walker *walker, int dirfd, const char *name)
{
        int fd = openat(dirfd, name, DIRECTORY_FLAGS | (walker->noatime ? O_NOATIME : 0));

        /* open(2): O_NOATIME needs the owner or CAP_FOWNER. Most trees have one owner, so the first refusal decides. */
        if (fd < 0 && errno == EPERM && walker->noatime) {
                walker->noatime = false;
                fd = openat(dirfd, name, DIRECTORY_FLAGS);
        }
        return fd;
}

/* Closes the shallowest open fd below the root's. Its place in the directory is kept. */
static void level_evict(struct walker *walker)
{
        struct level *level = &walker->levels[walker->first_open];

        level->position = lseek(level->fd, 0, SEEK_CUR);
        fd_close(&level->fd);
        walker->first_open++;
}

int level_push(struct walker *walker, int fd, const struct stat *stat, size_t path_length)
{
        if (walker->level_count == walker->level_capacity) {
                unsigned capacity = walker->level_capacity ? 2 * walker->level_capacity : 32;
                struct level *levels = reallocarray(walker->levels, capacity, sizeof(*levels));

                if (!levels) {
                        close(fd);
                        return -1;
                }
                walker->levels = levels;
                walker->level_capacity = capacity;
        }
        if (walker->level_count - walker->first_open + 1 >= walker->open_max)
                level_evict(walker);
        walker->levels[walker->level_count++] = (struct level){
                .fd = fd,
                .dev = stat->st_dev,
                .ino = stat->st_ino,
                .path_length = path_length,
                .pending_start = walker->pending.len,
                .pending_next = walker->pending.len,
                .pending_end = walker->pending.len,
        };
        return 0;
}

/* The directory behind fd if it is still the one of `level`, else -1 with errno. Takes the fd. */
static int confirm(const struct level *level, int fd)
{
        struct stat stat;

        if (fd < 0)
                return -1;
        if (fstat(fd, &stat) == 0) {
                if (stat.st_dev == level->dev && stat.st_ino == level->ino)
                        return fd;
                errno = ESTALE;
        }
        fd_close(&fd);
        return -1;
}

/* By the names of the path from the root's fd, one at a time: the path may be longer than PATH_MAX. */
static int open_by_names(struct walker *walker, const struct level *level)
{
        size_t start = walker->levels[0].path_length;
        cleanup(fd_close) int fd = -1;
        int from = walker->levels[0].fd;

        for (const struct level *step = &walker->levels[1]; step <= level; step++) {
                char *path = walker->path.data;
                char *end = path + step->path_length;
                char kept = *end;
                int next;

                while (path[start] == '/')
                        start++;
                *end = '\0';
                next = level_open_directory(walker, from, path + start);
                *end = kept;
                fd_close(&fd);
                if (next < 0)
                        return -1;
                fd = from = next;
                start = step->path_length;
        }
        return confirm(level, take_fd(fd));
}

static int level_reopen(struct walker *walker, struct level *level, int child_fd)
{
        int fd = child_fd >= 0 ? confirm(level, level_open_directory(walker, child_fd, "..")) : -1;

        /* Moved or replaced while we were below, or no fd to start from. */
        if (fd < 0)
                fd = open_by_names(walker, level);
        if (fd < 0)
                return -1;
        if (!level->complete && (level->position < 0 || lseek(fd, level->position, SEEK_SET) < 0)) {
                fd_close(&fd);
                return -1;
        }
        level->fd = fd;
        return 0;
}

int level_pop(struct walker *walker)
{
        unsigned index = --walker->level_count;
        struct level *child = &walker->levels[index];
        int result = 0;

        walker->pending.len = child->pending_start;
        if (index > 0 && walker->levels[index - 1].fd < 0) {
                /* A level with nothing left to do needs no fd, but the one above it is reached through it. */
                walker->first_open = index - 1;
                result = level_reopen(walker, &walker->levels[index - 1], child->fd);
        }
        fd_close(&child->fd);
        return result;
}

bool level_is_ancestor(const struct walker *walker, dev_t dev, ino_t ino)
{
        for (unsigned i = walker->level_count; i-- > 0;) {
                if (walker->levels[i].ino == ino && walker->levels[i].dev == dev)
                        return true;
        }
        return false;
}
