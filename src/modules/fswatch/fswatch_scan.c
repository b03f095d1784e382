/* Looking at everything: at the start, after lost events, and at directories that are new. The watch on a directory is
 * set before its entries are read, so nothing can appear between the two. */
#include "fswatch.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>

static void on_scan(struct loop *loop, loop_id id, void *cookie);

static void wake(struct fswatch *watch)
{
        if (watch->scan_timer)
                loop_rearm_timer(watch->service->loop, watch->scan_timer, 0);
        else
                loop_add_timer(watch->service->loop, 0, 0, on_scan, watch, &watch->scan_timer, NULL);
}

void scan_directory(struct fswatch *watch, const char *path, bool recursive, bool silent, bool while_down)
{
        struct scan_item *item = vec_add(&watch->scans, SCANS_MAX);
        char *copy = strdup(path);
        if (!item || !copy) {
                watch->counters.refused++;
                free(copy);
                return;
        }
        *item = (struct scan_item){ copy, recursive, silent, while_down };
        wake(watch);
}

static void open_next(struct fswatch *watch)
{
        struct error err;
        free(watch->scan_at.path);
        watch->scan_at = watch->scans.items[--watch->scans.count];
        if (notify_add(watch, watch->scan_at.path, &err) < 0) {
                if (err.code == E_NOT_FOUND)
                        return;
                if (watch->counters.refused++ == 0)
                        service_log(watch->service, "warning: %s is not watched: %s", watch->scan_at.path, err.message);
        }
        int fd = open(watch->scan_at.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        watch->scan = fd < 0 ? NULL : fdopendir(fd);
        if (watch->scan)
                return;
        if (errno != ENOENT && errno != ENOTDIR)
                watch->counters.unreadable++;
        fd_close(&fd);
}

static void look_at_entry(struct fswatch *watch, const char *name)
{
        const struct scan_item *at = &watch->scan_at;
        struct look how = { .silent = at->silent, .while_down = at->while_down };
        char *path = NULL;
        struct stat st;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return;
        if (asprintf(&path, "%s%s%s", at->path, strcmp(at->path, "/") ? "/" : "", name) < 0)
                return;
        bool was_known = map_get(&watch->objects, sv_of(path)) != NULL;
        fswatch_look(watch, path, how); /* goes into a new directory by itself */
        if (was_known && at->recursive && fswatch_covers(watch, path) &&
                fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
                scan_directory(watch, path, true, at->silent, at->while_down);
        free(path);
}

/* What no directory listed any more. */
static void look_for_missing(struct fswatch *watch)
{
        VEC(char *) gone = { 0 };
        struct look how = { .while_down = watch->first_scan };
        map_foreach (entry, &watch->objects) {
                const struct object *object = entry->value;
                char **path = object->generation != watch->generation ? vec_add(&gone, (size_t)1 << 24) : NULL;
                if (path)
                        *path = strdup(entry->key);
        }
        vec_foreach (path, &gone) {
                if (*path && fswatch_covers(watch, *path))
                        fswatch_look(watch, *path, how);
                else if (*path)
                        object_remove(watch, *path); /* of a path that is no longer configured */
                free(*path);
        }
        vec_done(&gone);
}

static void be_ready(struct fswatch *watch)
{
        if (!watch->ready_timer)
                return;
        loop_remove(watch->service->loop, watch->ready_timer);
        watch->ready_timer = 0;
        service_ready(watch->service);
}

static void on_first_look_is_long(struct loop *loop, loop_id id, void *cookie)
{
        struct fswatch *watch = cookie;
        (void)loop;
        (void)id;
        service_log(watch->service,
                "warning: the first look takes longer than %d s; until it is over, what changes where it has not been "
                "is taken as given",
                FIRST_LOOK_MAX_S);
        be_ready(watch);
}

void scan_before_ready(struct fswatch *watch)
{
        bool first = false;
        vec_foreach (root, &watch->roots)
                first = first || (root->path && !root->known);
        watch->service->ready_later = first && loop_add_timer(watch->service->loop, FIRST_LOOK_MAX_S * SECOND, 0,
                                                       on_first_look_is_long, watch, &watch->ready_timer, NULL) == 0;
}

static void end_full_scan(struct fswatch *watch)
{
        look_for_missing(watch);
        watch->full_scan = false;
        watch->first_scan = false;
        vec_foreach (root, &watch->roots) {
                if (!root->known)
                        baseline_put_root(watch, root->configured);
                root->known = true;
        }
        be_ready(watch);
        if (watch->rescan)
                scan_all(watch);
}

static void on_scan(struct loop *loop, loop_id id, void *cookie)
{
        struct fswatch *watch = cookie;
        loop_rearm_timer_at(loop, id, LOOP_NEVER);
        for (int left = SCAN_STEP; left > 0; left--) {
                if (!watch->scan) {
                        if (!watch->scans.count)
                                break;
                        open_next(watch);
                        continue;
                }
                const struct dirent *entry = readdir(watch->scan);
                if (entry) {
                        look_at_entry(watch, entry->d_name);
                        continue;
                }
                closedir(watch->scan);
                watch->scan = NULL;
        }
        if (watch->scan || watch->scans.count)
                wake(watch);
        else if (watch->full_scan)
                end_full_scan(watch);
}

static void scan_root(struct fswatch *watch, const struct root *root)
{
        struct stat st;
        struct look how = { .silent = !root->known, .while_down = watch->first_scan };
        struct error err;
        bool known = map_get(&watch->objects, sv_of(root->path)) != NULL;
        fswatch_look(watch, root->path, how);
        if (!root->path || fstatat(AT_FDCWD, root->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return;
        if (S_ISDIR(st.st_mode)) {
                if (known || !root->recursive)
                        scan_directory(watch, root->path, root->recursive, how.silent, how.while_down);
                return;
        }
        /* a file is watched through its directory: a file that replaces it is another inode */
        char *directory = strndup(root->path, path_dir(sv_of(root->path)).n);
        if (directory && notify_add(watch, directory, &err) < 0)
                service_log(watch->service, "warning: %s is not watched: %s", root->path, err.message);
        free(directory);
}

void scan_all(struct fswatch *watch)
{
        watch->rescan = false;
        watch->full_scan = true;
        watch->generation++;
        for (size_t i = 0; i < watch->roots.count; i++)
                if (watch->roots.items[i].path)
                        scan_root(watch, &watch->roots.items[i]);
        wake(watch);
}

void scan_done(struct fswatch *watch)
{
        if (watch->scan)
                closedir(watch->scan);
        free(watch->scan_at.path);
        vec_foreach (item, &watch->scans)
                free(item->path);
        vec_done(&watch->scans);
}
