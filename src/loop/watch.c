/* Many callbacks over one inotify instance. The kernel knows one watch an inode, with one mask; ours share it as a
 * group and each event is compared with every member's own mask. The kernel's mask only grows while a group lives
 * (IN_MASK_ADD): narrowing it would need the path again, which may name another inode by now. */
#include "loop/inotify.h"
#include "loop/reactor.h"

#include <fcntl.h>
#include <limits.h>

struct watch_group {
        int wd;
        VEC(loop_id) members; /* 0: removed while the group's callbacks run */
};

enum { ALWAYS_DELIVERED = IN_IGNORED | IN_Q_OVERFLOW | IN_UNMOUNT };

static struct watch_group *group_of(struct loop *loop, int wd)
{
        uint64_t key = (uint64_t)wd;
        return map_get(&loop->watch_groups, map_key_u64(&key));
}

static void group_free(struct loop *loop, struct watch_group *group)
{
        uint64_t key = (uint64_t)group->wd;
        map_remove(&loop->watch_groups, map_key_u64(&key));
        vec_done(&group->members);
        free(group);
}

/* Drops the places of removed members, and the group when none is left. The kernel answers the removal with IN_IGNORED
 * for a wd that we have forgotten; it gives out each number once, so that cannot hit a new watch. */
static void group_settle(struct loop *loop, struct watch_group *group)
{
        size_t kept = 0;
        vec_foreach (member, &group->members)
                if (*member)
                        group->members.items[kept++] = *member;
        group->members.count = kept;
        if (kept == 0) {
                if (loop->inotify_fd >= 0)
                        inotify_rm_watch(loop->inotify_fd, group->wd);
                group_free(loop, group);
        }
}

void loop_drop_watch(struct loop *loop, loop_id id)
{
        const struct watch_entry *watch = slots_get(&loop->watches, id);
        struct watch_group *group = group_of(loop, watch->wd);
        slots_release(&loop->watches, id);
        if (!group)
                return;
        vec_foreach (member, &group->members)
                if (*member == id)
                        *member = 0;
        if (loop->group_in_dispatch != group)
                group_settle(loop, group);
}

static void call_watch(struct loop *loop, loop_id id, const struct loop_watch_event *event)
{
        struct watch_entry *watch = slots_get(&loop->watches, id);
        if (!watch || !(event->mask & (watch->mask | ALWAYS_DELIVERED)))
                return;
        loop_watch_fn *callback = watch->callback;
        void *cookie = watch->cookie;
        if (watch->once && !(event->mask & IN_Q_OVERFLOW))
                loop_drop_watch(loop, id);
        COUNT(loop, watch_events);
        callback(loop, id, event, cookie);
}

static void tell_overflow(struct loop *loop, const struct loop_watch_event *event)
{
        COUNT(loop, watch_overflows);
        size_t count = loop->watches.count;
        for (size_t i = 0; i < count; i++) {
                const struct watch_entry *watch = slots_at(&loop->watches, i);
                if (watch->slot.used)
                        call_watch(loop, slots_id(&loop->watches, watch), event);
        }
}

static void tell_group(struct loop *loop, struct watch_group *group, const struct loop_watch_event *event)
{
        bool gone = event->mask & IN_IGNORED;
        if (gone) { /* a watch added from a callback finds the path anew, and a group of its own */
                uint64_t key = (uint64_t)group->wd;
                map_remove(&loop->watch_groups, map_key_u64(&key));
        }
        loop->group_in_dispatch = group;
        size_t count = group->members.count; /* those which callbacks add come next time */
        for (size_t i = 0; i < count; i++) {
                loop_id id = group->members.items[i];
                if (!id)
                        continue;
                call_watch(loop, id, event);
                if (gone)
                        slots_release(&loop->watches, id);
        }
        loop->group_in_dispatch = NULL;
        if (gone) {
                vec_done(&group->members);
                free(group);
        } else {
                group_settle(loop, group);
        }
}

int loop_deliver_inotify(struct loop *loop, const char *bytes, size_t size)
{
        uint64_t before = loop->counters.watch_events;
        size_t position = 0;
        struct inotify_record record;
        while (inotify_parse(bytes, size, &position, &record) > 0) {
                struct loop_watch_event event = { record.mask, record.cookie, record.name };
                struct watch_group *group;
                if (record.mask & IN_Q_OVERFLOW)
                        tell_overflow(loop, &event);
                else if ((group = group_of(loop, record.wd)))
                        tell_group(loop, group, &event);
        }
        return (int)(loop->counters.watch_events - before);
}

static void inotify_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)id, (void)events, (void)cookie;
        char bytes[16 * 1024];
        ssize_t size = read(loop->inotify_fd, bytes, sizeof(bytes));
        if (size > 0)
                loop_deliver_inotify(loop, bytes, (size_t)size);
}

static int open_inotify(struct loop *loop, struct error *err)
{
        cleanup(fd_close) int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd < 0)
                return fail_errno(err, "inotify_init1");
        if (loop_add_fd(loop, fd, LOOP_READ, LOOP_LEVEL, inotify_ready, NULL, NULL, err) < 0)
                return -1;
        loop->inotify_fd = take_fd(fd);
        return 0;
}

/* inotify_add_watch knows no dirfd; the magic links of proc(5) stand in for it. */
static int kernel_watch(struct loop *loop, int dirfd, const char *path, uint32_t mask, struct error *err)
{
        char full[PATH_MAX];
        const char *target = path;
        if (dirfd != AT_FDCWD && path[0] != '/') {
                int length = path[0] ? snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", dirfd, path)
                                     : snprintf(full, sizeof(full), "/proc/self/fd/%d", dirfd);
                if (length < 0 || (size_t)length >= sizeof(full))
                        return fail(err, E_TOO_LARGE, "watching a path longer than %d bytes", PATH_MAX);
                target = full;
        }
        int wd = inotify_add_watch(loop->inotify_fd, target, mask);
        if (wd < 0)
                return fail_errno(err, "watching %s", path);
        return wd;
}

static struct watch_group *group_for(struct loop *loop, int wd, loop_id id, struct error *err)
{
        struct watch_group *group = group_of(loop, wd);
        if (!group) {
                uint64_t key = (uint64_t)wd;
                group = calloc(1, sizeof(*group));
                if (!group || map_put(&loop->watch_groups, map_key_u64(&key), group) < 0) {
                        free(group);
                        inotify_rm_watch(loop->inotify_fd, wd);
                        return fail_null(err, E_NO_MEMORY, "no memory for a watch");
                }
                group->wd = wd;
        }
        loop_id *member = vec_add(&group->members, loop->watches.max);
        if (!member) {
                if (loop->group_in_dispatch != group)
                        group_settle(loop, group);
                return fail_null(err, E_NO_MEMORY, "no memory for a watch");
        }
        *member = id;
        return group;
}

int loop_add_watch(struct loop *loop, int dirfd, const char *path, uint32_t mask, loop_watch_fn *callback, void *cookie,
        loop_id *ret_id, struct error *err)
{
        if (!(mask & IN_ALL_EVENTS))
                return fail(err, E_INVALID, "watching %s for no event at all", path);
        if (loop->inotify_fd < 0 && open_inotify(loop, err) < 0)
                return -1;
        loop_id id;
        struct watch_entry *watch = slots_take(&loop->watches, &id, err);
        if (!watch) {
                COUNT(loop, refused);
                return -1;
        }
        /* IN_ONESHOT would end the kernel's watch for the other members too: it is ours to keep. */
        uint32_t asked = (mask & ~(uint32_t)(IN_ONESHOT | IN_MASK_CREATE)) | IN_MASK_ADD;
        int wd = kernel_watch(loop, dirfd, path, asked, err);
        if (wd < 0 || !group_for(loop, wd, id, err)) {
                slots_release(&loop->watches, id);
                return -1;
        }
        watch->wd = wd;
        watch->mask = mask & IN_ALL_EVENTS;
        watch->once = mask & IN_ONESHOT;
        watch->callback = callback;
        watch->cookie = cookie;
        if (ret_id)
                *ret_id = id;
        return 0;
}

void loop_end_watches(struct loop *loop)
{
        map_foreach (entry, &loop->watch_groups) {
                struct watch_group *group = entry->value;
                vec_done(&group->members);
                free(group);
        }
        map_done(&loop->watch_groups);
}
