/* podman's conmon writes the status of a container that ended into a file, and podman takes it away before the group
 * goes, some 50 ms later. So the directories of these files are watched, and what is written there is kept for the
 * event of the deletion. */
#include "modules/metrics/collect/collect_internal.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/container_state.h"
#include "linux/open_in_root.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

static const int64_t BEFORE_NS = 10 * SECOND; /* a file that old is of another run */
enum { EVENTS_SIZE = 16 << 10 };

/* Whose podman: 0 for the system's. */
static uint32_t user_of(const struct container *container)
{
        const uint32_t uid = container_identity(container)->owner_uid;
        return uid == UINT32_MAX ? 0 : uid;
}

static bool take(struct exit_directory *directory, const char *id, int *ret)
{
        for (size_t i = 0; *id && i < REGISTRY_EXITS_KEPT; i++) {
                struct kept_exit *kept = &directory->kept[i];
                if (strcmp(kept->id, id) != 0)
                        continue;
                *ret = kept->status;
                *kept = (struct kept_exit){ 0 };
                return true;
        }
        return false;
}

static void keep_status(struct registry *registry, struct exit_directory *directory, const char *id)
{
        const struct container_places places = { .root = registry->options->root };
        struct container_identity *identity = &registry->identity; /* large: not on the stack */
        struct kept_exit kept = { 0 };
        struct arena arena;
        if (strlen(id) >= sizeof(kept.id))
                return;
        *identity = (struct container_identity){ .engine = CONTAINER_PODMAN, .owner_uid = directory->owner_uid };
        snprintf(identity->id, sizeof(identity->id), "%s", id);
        memcpy(kept.id, id, strlen(id) + 1);
        int before;
        take(directory, id, &before); /* of a run that nobody asked for */
        arena_init(&arena, CONTAINER_STATE_MEMORY);
        /* by the machine's clock, as the file's time is */
        if (container_state_exit(&places, identity, time_unix_ns() - BEFORE_NS, &arena, &kept.status, NULL) == 0)
                directory->kept[directory->next++ % REGISTRY_EXITS_KEPT] = kept;
        arena_done(&arena);
}

static void take_event(struct registry *registry, const struct inotify_event *event)
{
        for (size_t i = 0; i < registry->exit_directory_count; i++) {
                struct exit_directory *directory = &registry->exit_directories[i];
                if (directory->wd != event->wd)
                        continue;
                if (event->mask & IN_IGNORED) /* it is gone, with a user who logged out */
                        *directory = registry->exit_directories[--registry->exit_directory_count];
                else if (event->len)
                        keep_status(registry, directory, event->name);
                return;
        }
}

/* One read a wake: who writes faster than we look must not keep the loop from everything else. */
static void on_written(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct registry *registry = cookie;
        char bytes[EVENTS_SIZE] __attribute__((aligned(__alignof__(struct inotify_event))));
        (void)loop;
        (void)id;
        (void)events;
        const ssize_t size = read(registry->exits_inotify, bytes, sizeof(bytes));
        for (const char *at = bytes; size > 0 && at < bytes + size;) {
                const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
                at += sizeof(*event) + event->len;
                take_event(registry, event);
        }
}

static int start_watching(struct registry *registry)
{
        if (registry->exits_inotify >= 0)
                return 0;
        registry->exits_inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (registry->exits_inotify >= 0 && loop_add_fd(registry->loop, registry->exits_inotify, LOOP_READ, LOOP_LEVEL,
                                                    on_written, registry, &registry->exits_id, NULL) == 0)
                return 0;
        fd_close(&registry->exits_inotify);
        return -1;
}

/* -1: it is not there. A user's must be that user's own: links in it may lead anywhere. */
static int watch_directory(const struct registry *registry, uint32_t uid)
{
        char path[128];
        struct stat st;
        if (uid)
                snprintf(path, sizeof(path), "/run/user/%u/libpod/tmp/exits", uid);
        else
                snprintf(path, sizeof(path), "/run/libpod/exits");
        cleanup(fd_close) int fd = open_in_root(registry->options->root, path, O_PATH | O_DIRECTORY);
        if (fd < 0 || fstat(fd, &st) < 0 || (uid && st.st_uid != uid))
                return -1;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return inotify_add_watch(registry->exits_inotify, path, IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR);
}

void exits_watch(const struct container *container)
{
        struct registry *registry = container->registry;
        if (container->engine != CONTAINER_PODMAN)
                return;
        const uint32_t uid = user_of(container);
        for (size_t i = 0; i < registry->exit_directory_count; i++)
                if (registry->exit_directories[i].owner_uid == uid)
                        return;
        if (registry->exit_directory_count == REGISTRY_EXIT_DIRECTORIES_MAX) {
                registry->counters.refused++;
                return;
        }
        if (start_watching(registry) < 0)
                return;
        const int wd = watch_directory(registry, uid);
        if (wd >= 0)
                registry->exit_directories[registry->exit_directory_count++] =
                        (struct exit_directory){ .wd = wd, .owner_uid = uid };
}

bool exits_take(const struct container *container, int *ret)
{
        struct registry *registry = container->registry;
        if (container->engine != CONTAINER_PODMAN)
                return false;
        const uint32_t uid = user_of(container);
        for (size_t i = 0; i < registry->exit_directory_count; i++)
                if (registry->exit_directories[i].owner_uid == uid)
                        return take(&registry->exit_directories[i], container->ref.id, ret);
        return false;
}

void exits_forget(struct registry *registry)
{
        if (registry->exits_id)
                loop_remove(registry->loop, registry->exits_id);
        registry->exits_id = 0;
        fd_close(&registry->exits_inotify);
}
