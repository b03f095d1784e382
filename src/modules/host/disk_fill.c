/* Sizes on disk of all directories below one, and the largest of them and of the files. Only the directories on the way
 * to the current one are held, and the largest found: memory does not grow with the tree, except for the inodes of
 * files with several names, which count once. */
#include "modules/host/disk.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "lib/walk/walk.h"
#include "module/run.h"

#include <fcntl.h>

enum { LINKS_MAX = 1 << 20, UNIT = 512 /* of st_blocks */ };

struct level {         /* a directory that is being summed up */
        size_t length; /* of its path */
        uint64_t bytes, files;
};

struct top {
        char *path;
        uint64_t bytes, files;
        bool file;
};

struct fill {
        struct run *run;
        struct disk_statistics *statistics;
        struct level levels[WALK_DEPTH_MAX + 2]; /* [0].bytes: the device; one beyond the deepest is told */
        unsigned depth;
        char *path; /* of the deepest level */
        size_t path_size;
        struct top *top; /* a heap: the smallest first */
        size_t top_count, top_max;
        struct map links; /* (device, inode) of files with several names */
        bool no_memory;
};

static void sift_down(struct fill *fill, size_t at)
{
        for (;;) {
                size_t least = at;
                for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < fill->top_count; child++)
                        if (fill->top[child].bytes < fill->top[least].bytes)
                                least = child;
                if (least == at)
                        return;
                struct top swap = fill->top[at];
                fill->top[at] = fill->top[least];
                fill->top[least] = swap;
                at = least;
        }
}

static void offer(struct fill *fill, const char *path, size_t length, uint64_t bytes, uint64_t files, bool file)
{
        bool full = fill->top_count == fill->top_max;
        if (bytes == 0 || (full && bytes <= fill->top[0].bytes))
                return;
        char *copy = strndup(path, length);
        if (!copy) {
                fill->no_memory = true;
                return;
        }
        struct top entry = { copy, bytes, files, file };
        if (full) {
                free(fill->top[0].path);
                fill->top[0] = entry;
                sift_down(fill, 0);
                return;
        }
        size_t at = fill->top_count++;
        for (; at > 0 && fill->top[(at - 1) / 2].bytes > bytes; at = (at - 1) / 2)
                fill->top[at] = fill->top[(at - 1) / 2];
        fill->top[at] = entry;
}

/* The deepest directory is complete: it goes into the one above. */
static void leave(struct fill *fill)
{
        struct level *level = &fill->levels[fill->depth--];
        offer(fill, fill->path, level->length, level->bytes, level->files, false);
        if (fill->depth > 0) {
                fill->levels[fill->depth].bytes += level->bytes;
                fill->levels[fill->depth].files += level->files;
        }
}

/* Entries may follow subdirectories of their directory: what belongs to none of the open levels closes them. */
static void leave_to(struct fill *fill, unsigned depth)
{
        while (fill->depth > depth)
                leave(fill);
}

static bool counted_already(struct fill *fill, const struct stat *stat)
{
        uint64_t key[2] = { stat->st_dev, stat->st_ino };
        struct sv bytes = sv_n((const char *)key, sizeof(key));
        if (stat->st_nlink < 2)
                return false;
        if (map_get(&fill->links, bytes))
                return true;
        if (map_put(&fill->links, bytes, fill) < 0)
                fill->statistics->refused++;
        return false;
}

static enum walk_verdict on_directory(void *cookie, const struct walk_entry *entry)
{
        struct fill *fill = cookie;
        fill->statistics->entries++;
        leave_to(fill, entry->depth - 1);
        if (fill->depth > 0 && entry->stat->st_dev != (dev_t)fill->levels[0].bytes)
                return WALK_PRUNE;
        if (fill->depth == 0)
                fill->levels[0].bytes = entry->stat->st_dev;
        if (entry->path.n + 1 > fill->path_size) {
                char *larger = realloc(fill->path, 2 * entry->path.n + 256);
                if (!larger) {
                        fill->no_memory = true;
                        return WALK_STOP;
                }
                fill->path = larger;
                fill->path_size = 2 * entry->path.n + 256;
        }
        memcpy(fill->path, entry->path.p, entry->path.n + 1);
        fill->levels[++fill->depth] = (struct level){ entry->path.n, (uint64_t)entry->stat->st_blocks * UNIT, 1 };
        return WALK_ON;
}

static enum walk_verdict on_file(void *cookie, const struct walk_entry *entry)
{
        struct fill *fill = cookie;
        uint64_t bytes = (uint64_t)entry->stat->st_blocks * UNIT;
        fill->statistics->entries++;
        leave_to(fill, entry->depth);
        if (counted_already(fill, entry->stat)) {
                fill->statistics->links++;
                return WALK_ON;
        }
        if (fill->depth > 0) {
                fill->levels[fill->depth].bytes += bytes;
                fill->levels[fill->depth].files++;
        }
        offer(fill, entry->path.p, entry->path.n, bytes, 1, true);
        return fill->no_memory ? WALK_STOP : WALK_ON;
}

static enum walk_verdict on_error(void *cookie, struct sv path, enum walk_stage stage, int errnum)
{
        struct fill *fill = cookie;
        (void)stage;
        if (errnum != ENOENT)
                run_skipped(fill->run, path.p, "%s", errno_text(errnum));
        return WALK_ON;
}

static bool checkpoint(void *cookie)
{
        return run_checkpoint(((struct fill *)cookie)->run);
}

static int largest_first(const void *a, const void *b)
{
        const struct top *left = a, *right = b;
        if (left->bytes != right->bytes)
                return left->bytes < right->bytes ? 1 : -1;
        return strcmp(left->path, right->path);
}

int disk_fill(struct run *run, struct error *err)
{
        const struct disk_params *params = run->params;
        struct fill *fill = arena_new(&run->arena, struct fill);
        if (!fill)
                return fail(err, E_NO_MEMORY, "no memory to sum up directories");
        *fill = (struct fill){ .run = run, .statistics = run_statistics(run), .top_max = (size_t)params->top };
        fill->top = arena_array(&run->arena, fill->top_max, sizeof(struct top));
        if (!fill->top)
                return fail(err, E_NO_MEMORY, "no memory for the largest directories");
        map_init(&fill->links, LINKS_MAX);
        struct walk_options options = { .one_file_system = true,
                .want_stat = true,
                .on_directory = on_directory,
                .on_file = on_file,
                .on_error = on_error,
                .checkpoint = checkpoint,
                .cookie = fill };
        int status = walk_tree(AT_FDCWD, params->fill, &options, NULL, err);
        leave_to(fill, 0);
        if (status == 0 && fill->no_memory)
                status = fail(err, E_NO_MEMORY, "no memory to sum up directories");
        if (fill->top_count > 1)
                qsort(fill->top, fill->top_count, sizeof(struct top), largest_first);
        for (size_t i = 0; i < fill->top_count; i++) {
                struct disk_row row = { .path = fill->top[i].path,
                        .used = fill->top[i].bytes,
                        .files = fill->top[i].files,
                        .file = fill->top[i].file };
                if (status == 0)
                        status = run_emit(run, NULL, &row, err);
                free(fill->top[i].path);
        }
        map_done(&fill->links);
        free(fill->path);
        return status;
}
