/* inotify(7): needs no privilege. The two halves of a rename are two events, one behind the other; a first half that
 * stays alone for a moment was a move to where nothing watches. */
#include "fswatch.h"

#include <fcntl.h>

enum { OTHER_HALF_MS = 50 };

static char *join(const struct directory *directory, const char *name)
{
        char *path = NULL;
        const char *slash = !*name || strcmp(directory->path, "/") == 0 ? "" : "/";
        return asprintf(&path, "%s%s%s", directory->path, slash, name) < 0 ? NULL : path;
}

static void flush_moved(struct fswatch *watch)
{
        char *path = watch->moved.path;
        watch->moved.path = NULL;
        if (watch->moved.timer)
                loop_remove(watch->service->loop, watch->moved.timer);
        watch->moved.timer = 0;
        if (path)
                fswatch_renamed(watch, path, NULL, (struct look){ 0 });
        free(path);
}

static void on_alone(struct loop *loop, loop_id id, void *cookie)
{
        struct fswatch *watch = cookie;
        (void)loop;
        (void)id;
        watch->moved.timer = 0;
        flush_moved(watch);
}

static void on_moved(struct fswatch *watch, const struct loop_watch_event *event, char *path)
{
        if (event->mask & IN_MOVED_FROM) {
                flush_moved(watch);
                watch->moved.path = strdup(path);
                watch->moved.cookie = event->cookie;
                loop_add_timer(watch->service->loop, OTHER_HALF_MS * MILLISECOND, 0, on_alone, watch,
                        &watch->moved.timer, NULL);
                return;
        }
        char *from = watch->moved.path && watch->moved.cookie == event->cookie ? watch->moved.path : NULL;
        if (from) {
                watch->moved.path = NULL;
                flush_moved(watch); /* only its timer is left */
        }
        fswatch_renamed(watch, from, path, (struct look){ 0 });
        free(from);
}

/* `directory` may be gone after any of the calls below. */
static void on_event(struct loop *loop, loop_id id, const struct loop_watch_event *event, void *cookie)
{
        struct directory *directory = cookie;
        struct fswatch *watch = directory->watch;
        (void)loop;
        (void)id;
        if (event->mask & IN_Q_OVERFLOW) {
                fswatch_lost_events(watch);
                return;
        }
        char *path = join(directory, event->name);
        if (!path)
                return;
        if (event->mask & IN_IGNORED) {
                directory->inotify = 0; /* the loop removes it */
                if (map_get(&watch->directories, sv_of(directory->path)) == directory)
                        notify_drop(watch, directory);
                fswatch_look(watch, path, (struct look){ 0 });
                free(path);
                return;
        }
        watch->counters.events++;
        if (event->mask & IN_UNMOUNT)
                alert_path(watch, "high", "unhandled", path, (struct look){ 0 }, "unhandled notification for %s", path);
        else if (event->mask & (IN_MOVED_FROM | IN_MOVED_TO))
                on_moved(watch, event, path);
        else
                fswatch_look(watch, path, (struct look){ 0 });
        free(path);
}

int inotify_add(struct directory *directory, struct error *err)
{
        return loop_add_watch(directory->watch->service->loop, AT_FDCWD, directory->path,
                IN_CREATE | IN_CLOSE_WRITE | IN_DELETE | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |
                        IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK,
                on_event, directory, &directory->inotify, err);
}
