/* The directories under watch, whichever interface of the kernel watches them. */
#include "fswatch.h"

#include "base/cleanup.h"
#include "base/path.h"

int notify_start(struct fswatch *watch, struct error *err)
{
        struct error why;
        watch->fanotify_fd = -1;
        if (watch->config->backend == BACKEND_INOTIFY)
                return 0;
        if (fanotify_start(watch, &why) == 0)
                return 0;
        if (watch->config->backend == BACKEND_FANOTIFY) {
                if (err)
                        *err = why;
                return -1;
        }
        service_log(watch->service, "%s; inotify is used", why.message);
        return 0;
}

static struct directory *directory_new(struct fswatch *watch, const char *path, const char *key, size_t key_size)
{
        struct directory *directory = calloc(1, sizeof(*directory) + key_size);
        if (!directory || !(directory->path = strdup(path))) {
                free(directory);
                return NULL;
        }
        directory->watch = watch;
        directory->key_size = key_size;
        memcpy(directory->key, key, key_size);
        return directory;
}

static void directory_free(struct directory *directory)
{
        free(directory->path);
        free(directory);
}

int notify_add(struct fswatch *watch, const char *path, struct error *err)
{
        char key[HANDLE_KEY_MAX];
        size_t key_size = 0;
        struct error why = { .code = E_NONE };
        bool fanotify = watch->fanotify_fd >= 0 && fanotify_add(watch, path, key, &key_size, &why) == 0;
        struct directory *there = map_get(&watch->directories, sv_of(path));
        if (there && (!fanotify || (there->key_size == key_size && memcmp(there->key, key, key_size) == 0)))
                return 0; /* marking it again did no harm */
        if (there)
                notify_drop(watch, there); /* another directory has taken its place */
        if (!fanotify && watch->config->backend == BACKEND_FANOTIFY)
                return err ? *err = why, -1 : -1;
        struct directory *directory = directory_new(watch, path, key, key_size);
        if (!directory)
                return fail(err, E_NO_MEMORY, "no memory for %s", path);
        /* a file system without file handles, or of several devices (btrfs), is left to inotify */
        if (!fanotify && inotify_add(directory, err) < 0) {
                directory_free(directory);
                return -1;
        }
        if (map_put(&watch->directories, sv_of(path), directory) < 0 ||
                (fanotify && map_put(&watch->handles, sv_n(directory->key, key_size), directory) < 0)) {
                notify_drop(watch, directory);
                return fail(err, E_TOO_LARGE, "more than %d directories", DIRECTORIES_MAX);
        }
        return 0;
}

void notify_drop(struct fswatch *watch, struct directory *directory)
{
        if (map_get(&watch->directories, sv_of(directory->path)) == directory)
                map_remove(&watch->directories, sv_of(directory->path));
        if (directory->key_size && map_get(&watch->handles, sv_n(directory->key, directory->key_size)) == directory)
                map_remove(&watch->handles, sv_n(directory->key, directory->key_size));
        if (directory->inotify)
                loop_remove(watch->service->loop, directory->inotify);
        directory_free(directory);
}

void notify_drop_tree(struct fswatch *watch, const char *path)
{
        for (size_t i = 0; i < watch->directories.count;) {
                const struct map_entry *entry = &watch->directories.entries[i];
                if (path_within(sv_n(entry->key, entry->key_length), sv_of(path)))
                        notify_drop(watch, entry->value);
                else
                        i++;
        }
}

void notify_drain(struct fswatch *watch)
{
        if (watch->fanotify_fd >= 0)
                fanotify_drain(watch);
        baseline_flush(watch);
}

void notify_done(struct fswatch *watch)
{
        while (watch->directories.count)
                notify_drop(watch, watch->directories.entries[0].value);
        map_done(&watch->directories);
        map_done(&watch->handles);
        free(watch->moved.path);
        free(watch->fanotify_buffer);
        who_reader_free(watch->who_reader);
        watch->who_reader = NULL;
        if (watch->fanotify_id)
                loop_remove(watch->service->loop, watch->fanotify_id);
        fd_close(&watch->fanotify_fd);
}
