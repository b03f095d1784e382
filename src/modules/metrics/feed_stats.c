/* /proc/PID/stat of processes that stay: the file is kept open and read anew from its beginning, which is one system
 * call instead of three and no walk over the path. Who has it open goes on seeing that one process: when it is gone the
 * read fails (ESRCH), whoever has its number then. */
#include "modules/metrics/feed_internal.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/vfs.h>

enum { FILES_MAX = 4096, FILES_SHARE = 4, PATH_ROOM = 32 }; /* at most a quarter of the files that we may open */

struct feed_stat_file {
        int fd;
        uint64_t looked;
};

/* None of what only looks like /proc: a file there does not end with its process. */
void feed_stats_init(struct feed *feed)
{
        struct statfs proc;
        struct rlimit files;
        size_t max = FILES_MAX;
        if (fstatfs(feed->source.proc, &proc) < 0 || proc.f_type != PROC_SUPER_MAGIC)
                max = 0;
        if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / FILES_SHARE < max)
                max = (size_t)files.rlim_cur / FILES_SHARE;
        map_init(&feed->stat_files, max);
}

static void file_free(struct feed_stat_file *file)
{
        fd_close(&file->fd);
        free(file);
}

void feed_stats_done(struct feed *feed)
{
        map_foreach (entry, &feed->stat_files)
                file_free(entry->value);
        map_done(&feed->stat_files);
}

/* Takes the descriptor, or closes it where there is no room. */
static void keep(struct feed *feed, const uint64_t *pid, int fd)
{
        struct feed_stat_file *file = malloc(sizeof(*file));
        if (file)
                *file = (struct feed_stat_file){ .fd = fd, .looked = feed->look };
        if (!file || map_put(&feed->stat_files, map_key_u64(pid), file) < 0) {
                free(file);
                fd_close(&fd);
        }
}

static ssize_t read_kept(struct feed *feed, const uint64_t *pid, char *text, size_t size)
{
        struct feed_stat_file *file = map_get(&feed->stat_files, map_key_u64(pid));
        if (!file)
                return -1;
        ssize_t got = pread(file->fd, text, size, 0);
        if (got <= 0) {
                map_remove(&feed->stat_files, map_key_u64(pid));
                file_free(file);
                return -1;
        }
        file->looked = feed->look;
        return got;
}

ssize_t feed_stats_read(struct feed *feed, pid_t number, char *text, size_t size)
{
        const uint64_t pid = (uint64_t)number;
        char path[PATH_ROOM];
        ssize_t got = read_kept(feed, &pid, text, size);
        if (got > 0)
                return got;
        snprintf(path, sizeof(path), "%d/stat", number);
        int fd = openat(feed->source.proc, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return -1;
        got = read(fd, text, size);
        if (got > 0 && feed->stat_files.count < feed->stat_files.max) {
                keep(feed, &pid, fd);
                return got;
        }
        const int errnum = errno;
        fd_close(&fd);
        errno = errnum;
        return got;
}

void feed_stats_sweep(struct feed *feed)
{
        size_t at = 0;
        while (at < feed->stat_files.count) {
                const struct map_entry *entry = &feed->stat_files.entries[at];
                struct feed_stat_file *file = entry->value;
                if (file->looked == feed->look) {
                        at++;
                        continue;
                }
                map_remove(&feed->stat_files, sv_n(entry->key, entry->key_length)); /* the last moves here */
                file_free(file);
        }
}
