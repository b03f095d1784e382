#include "lib/walk/walk.h"

#include "base/cleanup.h"
#include "lib/walk/level.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>

/* Bytes of one getdents64. Deep levels read less at a time, so that the names kept for later are bounded:
 * LEVELS_WIDE * READ_WIDE + WALK_DEPTH_MAX * READ_NARROW = 33 MiB for the most hostile tree, 64 KiB for a usual one. */
#define READ_WIDE ((size_t)64 * 1024)
#define READ_NARROW ((size_t)8 * 1024)
#define LEVELS_WIDE 16
#define PENDING_MAX (LEVELS_WIDE * READ_WIDE + WALK_DEPTH_MAX * READ_NARROW)

#define NAME_BYTES_MAX 1024 /* FUSE_NAME_MAX of the kernel; elsewhere it is 255 */
#define PATH_BYTES_MAX ((size_t)WALK_DEPTH_MAX * (NAME_BYTES_MAX + 1) + PATH_MAX)

#define CHECKPOINT_DEFAULT 256
#define OPEN_LEAST 4

/* Outcome of a step: go on, or unwind. */
#define STOPPED 1

static int checkpoint(struct walker *walker)
{
        walker->checkpoint_left = walker->checkpoint_every;
        if (walker->options->checkpoint && walker->options->checkpoint(walker->options->cookie)) {
                walker->counts.stopped = true;
                return STOPPED;
        }
        return 0;
}

static int report(struct walker *walker, enum walk_stage stage, int errnum)
{
        const struct walk_options *options = walker->options;
        struct sv path = sv_n(buf_text(&walker->path), walker->path.len);

        walker->counts.errors++;
        if (errnum == ENOENT && stage != WALK_STAGE_FOLLOW)
                walker->counts.vanished++;
        if (options->on_error && options->on_error(options->cookie, path, stage, errnum) == WALK_STOP) {
                walker->counts.stopped = true;
                return STOPPED;
        }
        return 0;
}

/* Puts "/name" behind the path of the level (its length without a trailing slash is base). */
static bool set_path(struct walker *walker, size_t base, const char *name, size_t length)
{
        struct buf *path = &walker->path;
        bool slash = base > 0 && path->data[base - 1] != '/';

        path->len = base;
        if (!buf_reserve(path, length + 2)) {
                walker->out_of_memory = true;
                return false;
        }

        char *end = path->data + base;

        if (slash)
                *end++ = '/';
        memcpy(end, name, length);
        end[length] = '\0';
        path->len = (size_t)(end - path->data) + length;
        return true;
}

/* Completes type, target and stat with as few calls as possible. 1: reported, skip the entry (or stopped). */
static int examine(struct walker *walker, struct walk_entry *entry)
{
        const struct walk_options *options = walker->options;
        bool have_stat = false;

        if (entry->type == DT_UNKNOWN || (options->want_stat && !(entry->type == DT_LNK && options->follow_files))) {
                if (fstatat(entry->dirfd, entry->name, &walker->stat, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
                        return report(walker, WALK_STAGE_STAT, errno), 1;
                entry->type = IFTODT(walker->stat.st_mode);
                have_stat = true;
        }
        entry->target = entry->type;
        if (entry->type == DT_LNK && options->follow_files) {
                if (fstatat(entry->dirfd, entry->name, &walker->stat, AT_NO_AUTOMOUNT) < 0)
                        return report(walker, WALK_STAGE_FOLLOW, errno), 1;
                entry->target = IFTODT(walker->stat.st_mode);
                have_stat = true;
        }
        entry->stat = options->want_stat && have_stat ? &walker->stat : NULL;
        return 0;
}

static enum walk_verdict visit_file(struct walker *walker, const struct walk_entry *entry)
{
        const struct walk_options *options = walker->options;

        walker->counts.files++;
        if (options->on_file && options->on_file(options->cookie, entry) == WALK_STOP) {
                walker->counts.stopped = true;
                return WALK_STOP;
        }
        return WALK_ON;
}

static enum walk_verdict visit_directory(struct walker *walker, const struct walk_entry *entry)
{
        const struct walk_options *options = walker->options;
        enum walk_verdict verdict = WALK_ON;

        walker->counts.directories++;
        if (options->on_directory)
                verdict = options->on_directory(options->cookie, entry);
        if (verdict == WALK_STOP)
                walker->counts.stopped = true;
        return verdict;
}

/* Opens the directory that walker->path ends in and puts it on the stack. */
static int enter(struct walker *walker, int dirfd, const char *name, bool root)
{
        bool one = walker->options->one_file_system && !root;
        cleanup(fd_close) int fd = -1;
        struct stat stat;

        /* Asking first keeps an automount point of another file system asleep. */
        if (one && fstatat(dirfd, name, &stat, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 &&
                stat.st_dev != walker->root_dev) {
                walker->counts.foreign++;
                return 0;
        }
        fd = level_open_directory(walker, dirfd, name);
        if (fd < 0)
                return report(walker, WALK_STAGE_OPEN, errno);
        if (fstat(fd, &stat) < 0)
                return report(walker, WALK_STAGE_OPEN, errno);
        if (one && stat.st_dev != walker->root_dev) {
                walker->counts.foreign++;
                return 0;
        }
        if (level_is_ancestor(walker, stat.st_dev, stat.st_ino)) {
                walker->counts.loops++;
                return report(walker, WALK_STAGE_LOOP, ELOOP);
        }
        if (root)
                walker->root_dev = stat.st_dev;
        walker->counts.entered++;
        if (level_push(walker, take_fd(fd), &stat, walker->path.len) < 0) {
                walker->out_of_memory = true;
                return STOPPED;
        }
        return 0;
}

/* Takes the next pending subdirectory of the deepest level. */
static int descend(struct walker *walker)
{
        struct level *level = &walker->levels[walker->level_count - 1];
        const char *record = walker->pending.data + level->pending_next;
        struct walk_entry entry = { .dirfd = level->fd, .type = DT_DIR, .depth = walker->level_count + 1 };
        uint64_t inode;

        memcpy(&inode, record, sizeof(inode));
        entry.inode = inode;
        entry.name_length = strlen(record + sizeof(inode));
        level->pending_next += sizeof(inode) + entry.name_length + 1;
        if (!set_path(walker, level->path_length, record + sizeof(inode), entry.name_length) || checkpoint(walker))
                return STOPPED;
        entry.path = sv_n(walker->path.data, walker->path.len);
        entry.name = walker->path.data + walker->path.len - entry.name_length;
        if (examine(walker, &entry))
                return walker->counts.stopped;
        if (entry.type != DT_DIR) /* replaced since it was listed */
                return visit_file(walker, &entry) == WALK_STOP;

        switch (visit_directory(walker, &entry)) {
        case WALK_STOP:
                return STOPPED;
        case WALK_PRUNE:
                return 0;
        case WALK_ON:
                break;
        }
        if (entry.depth > walker->max_depth)
                return 0;
        if (entry.depth > WALK_DEPTH_MAX) {
                walker->counts.too_deep++;
                return report(walker, WALK_STAGE_TOO_DEEP, ENAMETOOLONG);
        }
        return enter(walker, entry.dirfd, entry.name, false);
}

static bool keep_for_later(struct walker *walker, const struct dirent64 *dirent, size_t length)
{
        uint64_t inode = dirent->d_ino;

        buf_append(&walker->pending, &inode, sizeof(inode));
        buf_append(&walker->pending, dirent->d_name, length + 1);
        if (walker->pending.failed)
                walker->out_of_memory = true;
        return !walker->pending.failed;
}

static int take_entry(struct walker *walker, const struct level *level, const struct dirent64 *dirent)
{
        const char *name = dirent->d_name;
        size_t length;

        if (name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0')))
                return 0;
        if (--walker->checkpoint_left == 0 && checkpoint(walker))
                return STOPPED;
        length = strlen(name);
        if (dirent->d_type == DT_DIR)
                return keep_for_later(walker, dirent, length) ? 0 : STOPPED;
        if (!set_path(walker, level->path_length, name, length))
                return STOPPED;

        struct walk_entry entry = { .dirfd = level->fd,
                .name = walker->path.data + walker->path.len - length,
                .name_length = length,
                .path = sv_n(walker->path.data, walker->path.len),
                .type = dirent->d_type,
                .depth = walker->level_count,
                .inode = dirent->d_ino };

        if (examine(walker, &entry))
                return walker->counts.stopped;
        if (entry.type == DT_DIR) /* a file system that does not tell types */
                return keep_for_later(walker, dirent, length) ? 0 : STOPPED;
        return visit_file(walker, &entry) == WALK_STOP;
}

/* One getdents64 of the deepest level: files are visited, directories kept for later. */
static int read_level(struct walker *walker)
{
        struct level *level = &walker->levels[walker->level_count - 1];
        size_t size = walker->level_count <= LEVELS_WIDE ? READ_WIDE : READ_NARROW;
        ssize_t n = getdents64(level->fd, walker->buffer, size);

        walker->pending.len = level->pending_next = level->pending_end = level->pending_start;
        if (n <= 0) {
                int errnum = errno;

                level->complete = true;
                walker->path.len = level->path_length;
                if (n == 0)
                        return 0;
                walker->path.data[level->path_length] = '\0';
                return report(walker, WALK_STAGE_READ, errnum);
        }
        for (ssize_t at = 0; at < n;) {
                const struct dirent64 *dirent = (const void *)(walker->buffer + at);

                at += dirent->d_reclen;
                if (take_entry(walker, level, dirent))
                        return STOPPED;
        }
        level->pending_end = walker->pending.len;
        return 0;
}

/* Leaves the deepest level. A level above that cannot be opened again is given up and reported. */
static int leave(struct walker *walker)
{
        while (level_pop(walker) < 0) {
                struct level *level = &walker->levels[walker->level_count - 1];
                int errnum = errno;

                if (level->complete && level->pending_next == level->pending_end)
                        continue;
                walker->path.len = level->path_length;
                walker->path.data[level->path_length] = '\0';
                if (report(walker, WALK_STAGE_READ, errnum))
                        return STOPPED;
        }
        return 0;
}

static int run(struct walker *walker)
{
        while (walker->level_count > 0) {
                const struct level *level = &walker->levels[walker->level_count - 1];
                int result;

                if (level->pending_next < level->pending_end)
                        result = descend(walker);
                else if (!level->complete)
                        result = read_level(walker);
                else
                        result = leave(walker);
                if (result)
                        return result;
        }
        return 0;
}

static int start(struct walker *walker)
{
        struct walk_entry entry = { .dirfd = walker->root_dirfd, .name = walker->root, .depth = 1, .type = DT_UNKNOWN };

        entry.name_length = walker->path.len;
        entry.path = sv_n(walker->path.data, walker->path.len);
        if (checkpoint(walker) || examine(walker, &entry))
                return STOPPED;
        entry.inode = walker->stat.st_ino;
        if (entry.type != DT_DIR)
                return visit_file(walker, &entry) == WALK_STOP;
        if (visit_directory(walker, &entry) != WALK_ON)
                return STOPPED;
        if (enter(walker, walker->root_dirfd, walker->root, true))
                return STOPPED;
        return run(walker);
}

static void add_counts(struct walk_counts *sum, const struct walk_counts *counts)
{
        sum->files += counts->files;
        sum->directories += counts->directories;
        sum->entered += counts->entered;
        sum->foreign += counts->foreign;
        sum->errors += counts->errors;
        sum->vanished += counts->vanished;
        sum->loops += counts->loops;
        sum->too_deep += counts->too_deep;
        sum->stopped |= counts->stopped;
}

int walk_tree(
        int dirfd, const char *root, const struct walk_options *options, struct walk_counts *counts, struct error *err)
{
        size_t length = strlen(root);
        struct walker walker = {
                .options = options,
                .root_dirfd = dirfd,
                .max_depth = options->max_depth ? options->max_depth : UINT_MAX,
                .open_max = options->open_max ? options->open_max : WALK_OPEN_MAX,
                .checkpoint_every = options->checkpoint_every ? options->checkpoint_every : CHECKPOINT_DEFAULT,
                .noatime = !options->update_atime,
                .first_open = 1,
        };

        if (length == 0)
                return fail(err, E_INVALID, "an empty path cannot be walked");
        if (length >= PATH_MAX)
                return fail(err, E_INVALID, "path of %zu bytes: at most %d", length, PATH_MAX - 1);
        while (length > 1 && root[length - 1] == '/')
                length--;
        if (walker.open_max < OPEN_LEAST)
                walker.open_max = OPEN_LEAST;
        buf_init(&walker.path, PATH_BYTES_MAX);
        buf_init(&walker.pending, PENDING_MAX);
        buf_append(&walker.path, root, length);
        walker.buffer = malloc(READ_WIDE);
        walker.out_of_memory = !walker.buffer || walker.path.failed;
        if (!walker.out_of_memory) {
                /* "link/" would follow the link: the name is taken as the path without the slashes. */
                char *name = strndup(root, length);

                walker.root = name;
                walker.out_of_memory = !name;
                if (name)
                        start(&walker);
                free(name);
        }
        for (unsigned i = 0; i < walker.level_count; i++)
                fd_close(&walker.levels[i].fd);
        free(walker.levels);
        free(walker.buffer);
        buf_done(&walker.path);
        buf_done(&walker.pending);
        if (counts)
                add_counts(counts, &walker.counts);
        if (walker.out_of_memory)
                return fail(err, E_NO_MEMORY, "walk %s: no memory", root);
        return 0;
}
