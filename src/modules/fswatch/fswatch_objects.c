/* The table of objects. */
#include "fswatch.h"

void object_set(struct object *object, const struct stat *st)
{
        object->size = (uint64_t)st->st_size;
        object->inode = st->st_ino;
        object->mtime_ns = st->st_mtim.tv_sec * SECOND + st->st_mtim.tv_nsec;
        object->ctime_ns = st->st_ctim.tv_sec * SECOND + st->st_ctim.tv_nsec;
        object->mode = st->st_mode;
        object->uid = st->st_uid;
        object->gid = st->st_gid;
}

void object_set_stale(struct fswatch *watch, struct object *object, bool stale)
{
        if (object->stale == stale)
                return;
        object->stale = stale;
        watch->stale += stale ? 1 : UINT64_MAX;
}

static int put(struct fswatch *watch, const char *path, struct object *object)
{
        if (map_put(&watch->objects, sv_of(path), object) < 0) {
                watch->counters.refused++;
                if (!watch->limit_said)
                        service_log(watch->service, "more than %d objects: the rest is not watched",
                                watch->config->objects_max);
                watch->limit_said = true;
                return -1;
        }
        /* the map keeps the only copy of the path; it appends new entries */
        object->path = watch->objects.entries[watch->objects.count - 1].key;
        return 0;
}

struct object *object_add(struct fswatch *watch, const char *path, const struct stat *st)
{
        struct object *object = calloc(1, sizeof(*object));
        if (!object || put(watch, path, object) < 0) {
                free(object);
                return NULL;
        }
        object_set(object, st);
        object->generation = watch->generation;
        return object;
}

static void drop(struct fswatch *watch, struct object *object)
{
        object_set_stale(watch, object, false);
        free(object);
}

void object_remove(struct fswatch *watch, const char *path)
{
        struct object *object = map_remove(&watch->objects, sv_of(path));
        if (!object)
                return;
        baseline_remove(watch, path);
        drop(watch, object);
}

static bool is_below(struct sv path, struct sv root)
{
        return path.n > root.n && memcmp(path.p, root.p, root.n) == 0 && path.p[root.n] == '/';
}

size_t objects_remove_below(struct fswatch *watch, const char *path)
{
        size_t removed = 0;
        for (size_t i = 0; i < watch->objects.count;) {
                struct map_entry *entry = &watch->objects.entries[i];
                if (!is_below(sv_n(entry->key, entry->key_length), sv_of(path))) {
                        i++;
                        continue;
                }
                char *below = strdup(entry->key); /* the map frees its copy; its last entry takes this place */
                if (!below)
                        return removed;
                object_remove(watch, below);
                free(below);
                removed++;
        }
        return removed;
}

static void move_one(struct fswatch *watch, const char *from, const char *to, size_t from_length)
{
        struct object *object = map_remove(&watch->objects, sv_of(from));
        char *path = NULL;
        if (!object)
                return;
        baseline_remove(watch, from);
        if (asprintf(&path, "%s%s", to, from + from_length) < 0 || map_get(&watch->objects, sv_of(path)) ||
                put(watch, path, object) < 0)
                drop(watch, object);
        else
                baseline_put(watch, object);
        free(path);
}

void objects_move(struct fswatch *watch, const char *from, const char *to)
{
        size_t length = strlen(from);
        if (is_below(sv_of(to), sv_of(from))) /* no rename does that; moved ones would be found again for ever */
                return;
        for (size_t i = 0; i < watch->objects.count;) {
                struct map_entry *entry = &watch->objects.entries[i];
                struct sv key = sv_n(entry->key, entry->key_length);
                if (!is_below(key, sv_of(from)) && !sv_eq(key, sv_of(from))) {
                        i++;
                        continue;
                }
                char *path = strdup(entry->key);
                if (!path)
                        return;
                move_one(watch, path, to, length); /* the last entry comes to i */
                free(path);
        }
}
