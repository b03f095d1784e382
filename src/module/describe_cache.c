#include "module/describe_cache.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <fcntl.h>

enum { KEY_MAX = 8192, SETTLED_SECONDS = 2 };

const char *describe_cache_directory(bool own_modules)
{
        const char *given = getenv("TARSIER_CACHE_DIR");
        if (given && given[0] == '/')
                return given;
        return own_modules && geteuid() == 0 ? DESCRIBE_CACHE_DIRECTORY : NULL;
}

static int64_t nanoseconds(struct timespec at)
{
        return (int64_t)at.tv_sec * SECOND + at.tv_nsec;
}

static int write_key(struct buf *out, const char *path, const struct stat *file)
{
        buf_printf(out, "tarsier description 1 " TARSIER_BUILD " %llu %llu %lld %u %o %lld %lld %s\n",
                (unsigned long long)file->st_dev, (unsigned long long)file->st_ino, (long long)file->st_size,
                file->st_uid, file->st_mode, (long long)nanoseconds(file->st_mtim),
                (long long)nanoseconds(file->st_ctim), path);
        return out->failed || strchr(path, '\n') ? -1 : 0;
}

static bool is_ours(const struct stat *st)
{
        return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* The directory itself, not what a link of that name points to; a directory above that others may write could put
 * another one in its place, but not one that is ours. */
static int open_directory(const char *directory)
{
        struct stat st;
        cleanup(fd_close) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd >= 0 && fstat(fd, &st) == 0 && is_ours(&st) ? take_fd(fd) : -1;
}

static void name_of(const char *path, char *ret, size_t size)
{
        struct sv base = path_base(sv_of(path));
        snprintf(ret, size, "%.200s.description", base.p);
}

bool describe_cache_get(
        const char *directory, const char *path, const struct stat *file, int64_t now_ns, struct buf *ret_text)
{
        char name[256];
        struct stat st;
        struct error ignored;
        cleanup(buf_done) struct buf key;
        buf_init(&key, KEY_MAX);
        cleanup(fd_close) int parent = directory ? open_directory(directory) : -1;
        if (parent < 0 || write_key(&key, path, file) < 0)
                return false;
        name_of(path, name, sizeof(name));
        /* a fifo would block here but for O_NONBLOCK */
        cleanup(fd_close) int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !is_ours(&st) || st.st_nlink != 1 ||
                st.st_size <= (off_t)key.len || st.st_size > KEY_MAX + DESCRIBE_CACHE_TEXT_MAX)
                return false;
        int64_t age = now_ns - nanoseconds(st.st_mtim);
        if (age < 0 || age > DESCRIBE_CACHE_HOURS * HOUR)
                return false;
        cleanup(free) char *text = malloc((size_t)st.st_size);
        ssize_t size = text ? read_all(fd, text, (size_t)st.st_size, &ignored) : -1;
        if (!text || size <= (ssize_t)key.len || memcmp(text, buf_text(&key), key.len) != 0)
                return false;
        buf_append(ret_text, text + key.len, (size_t)size - key.len);
        return !ret_text->failed;
}

static bool same_file(const struct stat *left, const struct stat *right)
{
        return left->st_dev == right->st_dev && left->st_ino == right->st_ino && left->st_size == right->st_size &&
               nanoseconds(left->st_ctim) == nanoseconds(right->st_ctim);
}

void describe_cache_put(
        const char *directory, const char *path, const struct stat *file, int64_t now_ns, struct sv text)
{
        char name[256];
        struct stat now;
        struct error ignored;
        if (!directory || text.n == 0 || text.n > DESCRIBE_CACHE_TEXT_MAX || stat(path, &now) < 0 ||
                !same_file(file, &now) || now_ns - nanoseconds(file->st_ctim) < SETTLED_SECONDS * SECOND ||
                path_make(directory, 0755, &ignored) < 0)
                return;
        cleanup(fd_close) int parent = open_directory(directory);
        cleanup(buf_done) struct buf out;
        buf_init(&out, KEY_MAX + DESCRIBE_CACHE_TEXT_MAX);
        if (parent < 0 || write_key(&out, path, file) < 0)
                return;
        buf_append(&out, text.p, text.n);
        name_of(path, name, sizeof(name));
        if (!out.failed)
                (void)file_replace(parent, name, out.data, out.len, 0600, &ignored);
}
