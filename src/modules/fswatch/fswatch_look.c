/* What is there against what was there. */
#include "fswatch.h"

#include "base/path.h"

#include <fcntl.h>

static bool excluded(const struct fswatch *watch, const char *path)
{
        list_foreach (root, &watch->config->exclude)
                if (path_within(sv_of(path), sv_of(*root)))
                        return true;
        return false;
}

bool fswatch_covers(const struct fswatch *watch, const char *path)
{
        vec_foreach (root, &watch->roots) {
                if (!root->path)
                        continue;
                struct sv is = sv_of(root->path);
                if (sv_eq(sv_of(path), is) || sv_eq(path_dir(sv_of(path)), is) ||
                        (root->recursive && path_within(sv_of(path), is)))
                        return !excluded(watch, path);
        }
        return false;
}

static void look_removed(struct fswatch *watch, const char *path, struct look how)
{
        bool was_known = map_get(&watch->objects, sv_of(path)) != NULL;
        bool was_pending = map_get(&watch->pending, sv_of(path)) != NULL;
        hash_forget(watch, path);
        notify_drop_tree(watch, path);
        size_t below = objects_remove_below(watch, path);
        object_remove(watch, path);
        if (was_known && below) {
                struct alert alert = { .severity = "low", .event = "removed", .path = (char *)path, .below = below };
                if (asprintf(&alert.text, "path %s removed", path) > 0)
                        alert_send(watch, &alert, how);
                free(alert.text);
        } else if (was_known) {
                alert_path(watch, "low", "removed", path, how, "path %s removed", path);
        } else if (was_pending) { /* gone before it was read */
                alert_path(watch, "medium", "unreadable", path, how, "unable to stat new path %s", path);
        }
        roots_lost(watch, path);
}

static void look_new(struct fswatch *watch, const char *path, const struct stat *st, struct look how)
{
        struct object *object = how.silent ? object_add(watch, path, st) : NULL;
        if (object) {
                object_set_stale(watch, object, S_ISREG(st->st_mode) || S_ISLNK(st->st_mode));
                baseline_put(watch, object);
                hash_wake(watch);
        } else if (!how.silent) {
                hash_later(watch, path, how, true);
        }
        if (S_ISDIR(st->st_mode) && roots_recursive(watch, path))
                scan_directory(watch, path, true, how.silent, how.while_down);
}

static void look_attributes(struct fswatch *watch, struct object *object, const struct stat *st, struct look how)
{
        struct object before = *object;
        bool mode = object->mode != st->st_mode;
        bool owner = object->uid != st->st_uid || object->gid != st->st_gid;
        char mode_text[64] = "", owner_text[96] = "";
        if (!mode && !owner)
                return;
        object->mode = st->st_mode;
        object->uid = st->st_uid;
        object->gid = st->st_gid;
        object->ctime_ns = st->st_ctim.tv_sec * SECOND + st->st_ctim.tv_nsec;
        baseline_put(watch, object);
        if (how.silent)
                return;
        if (mode)
                snprintf(mode_text, sizeof(mode_text), "mode changed %06o -> %06o", before.mode, st->st_mode);
        if (owner)
                snprintf(owner_text, sizeof(owner_text), "owner changed %u:%u -> %u:%u", before.uid, before.gid,
                        st->st_uid, st->st_gid);
        bool privileged = st->st_mode & ~before.mode & (S_ISUID | S_ISGID); /* a file that runs as its owner */
        alert_object(watch, privileged ? "high" : "medium", "attributes", object, NULL, how, "%s %s%s%s", object->path,
                mode_text, mode && owner ? ", " : "", owner_text);
}

static bool content_may_differ(const struct object *object, const struct stat *st)
{
        return object->size != (uint64_t)st->st_size || object->inode != st->st_ino ||
               object->mtime_ns != st->st_mtim.tv_sec * SECOND + st->st_mtim.tv_nsec ||
               object->ctime_ns != st->st_ctim.tv_sec * SECOND + st->st_ctim.tv_nsec;
}

static void look_known(struct fswatch *watch, struct object *object, const struct stat *st, struct look how)
{
        object->generation = watch->generation;
        if (object->untold) {
                object_set(object, st);
                return;
        }
        bool differs = content_may_differ(object, st);
        if ((object->mode ^ st->st_mode) & S_IFMT) { /* another thing under the same name */
                alert_object(watch, "high", "changed", object, NULL, how, "path %s changed its type", object->path);
                bool readable = S_ISREG(st->st_mode) || S_ISLNK(st->st_mode);
                object_set(object, st);
                object->hashed = false;
                object_set_stale(watch, object, readable);
                baseline_put(watch, object);
                hash_wake(watch);
                return;
        }
        look_attributes(watch, object, st, how);
        if (differs && (S_ISREG(st->st_mode) || S_ISLNK(st->st_mode)))
                hash_later(watch, object->path, how, false);
        else if (differs)
                object_set(object, st); /* a directory: its entries speak for themselves */
}

void fswatch_look(struct fswatch *watch, const char *path, struct look how)
{
        struct stat st;
        struct object *object = map_get(&watch->objects, sv_of(path));
        if (!fswatch_covers(watch, path))
                return;
        if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                if (object)
                        look_known(watch, object, &st, how);
                else
                        look_new(watch, path, &st, how);
                return;
        }
        if (errno == ENOENT || errno == ENOTDIR) {
                look_removed(watch, path, how);
                return;
        }
        watch->counters.unreadable++;
        if (!object && !how.silent)
                alert_path(watch, "medium", "unreadable", path, how, "unable to stat new path %s", path);
}

/* Both halves under watch. */
static void look_moved(struct fswatch *watch, const char *from, const char *to, bool replaces, struct look how)
{
        struct stat st;
        struct alert alert = { .severity = "medium", .event = "renamed", .path = (char *)to, .old_path = (char *)from };
        if (asprintf(&alert.text, "path %s renamed to %s", from, to) > 0)
                alert_send(watch, &alert, how);
        free(alert.text);
        notify_drop_tree(watch, from);
        hash_forget(watch, from);
        if (replaces) { /* the old content of `to` is what the new one is compared with */
                objects_remove_below(watch, from);
                object_remove(watch, from);
        } else {
                objects_move(watch, from, to);
        }
        fswatch_look(watch, to, how);
        if (fstatat(AT_FDCWD, to, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) && roots_recursive(watch, to))
                scan_directory(watch, to, true, false, false);
        roots_lost(watch, from);
}

void fswatch_renamed(struct fswatch *watch, const char *from, const char *to, struct look how)
{
        bool from_covered = from && fswatch_covers(watch, from);
        bool to_covered = to && fswatch_covers(watch, to);
        bool from_known = from_covered && map_get(&watch->objects, sv_of(from));
        bool to_known = to_covered && map_get(&watch->objects, sv_of(to));
        if (from_covered && to_covered && (from_known || to_known)) {
                look_moved(watch, from, to, to_known, how);
                return;
        }
        /* new, and renamed before it was told: it is told under its last name */
        if (from_covered && to_covered && hash_rename(watch, from, to)) {
                fswatch_look(watch, to, how);
                return;
        }
        if (from_covered)
                fswatch_look(watch, from, how);
        if (to_covered)
                fswatch_look(watch, to, how);
}

void fswatch_lost_events(struct fswatch *watch)
{
        if (watch->rescan)
                return;
        watch->counters.overflows++;
        alert_path(
                watch, "high", "overflow", NULL, (struct look){ 0 }, "events were lost; everything is looked at again");
        watch->rescan = true;
        if (!watch->full_scan)
                scan_all(watch);
}
