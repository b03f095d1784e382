/* fanotify(7) with FAN_REPORT_DFID_NAME (Linux 5.9): one event names the directory by its file handle and the entry by
 * its name, and the process that did it. Marks are on directories, so that the rest of the file system wakes nobody.
 * FAN_RENAME (Linux 5.17) brings both names of a rename in one event, FAN_REPORT_PIDFD (Linux 5.15) a pidfd of the
 * process. */
#include "fswatch.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/statfs.h>

#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif
#ifndef FAN_EVENT_INFO_TYPE_OLD_DFID_NAME
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

enum { BUFFER = 16 << 10, READS_MAX = 16, DRAIN_READS_MAX = 1024 };

static const uint64_t events = FAN_CREATE | FAN_CLOSE_WRITE | FAN_DELETE | FAN_ATTRIB | FAN_DELETE_SELF |
                               FAN_MOVE_SELF | FAN_ONDIR | FAN_EVENT_ON_CHILD;

/* fsid, type of the handle, the handle: equal for equal directories, in events and from name_to_handle_at alike. */
static size_t make_key(const void *fsid, const struct file_handle *handle, char *ret_key)
{
        if (handle->handle_bytes > HANDLE_KEY_MAX - 12)
                return 0;
        memcpy(ret_key, fsid, 8);
        memcpy(ret_key + 8, &handle->handle_type, 4);
        memcpy(ret_key + 12, handle->f_handle, handle->handle_bytes);
        return 12 + handle->handle_bytes;
}

int fanotify_add(struct fswatch *watch, const char *path, char *ret_key, size_t *ret_size, struct error *err)
{
        union {
                struct file_handle handle;
                char room[sizeof(struct file_handle) + 128];
        } at = { .handle = { .handle_bytes = 128 } };
        struct statfs fs;
        int mount;
        uint64_t renames = watch->fanotify_renames ? FAN_RENAME : FAN_MOVED_FROM | FAN_MOVED_TO;
        if (fanotify_mark(watch->fanotify_fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_DONT_FOLLOW, events | renames,
                    AT_FDCWD, path) < 0 ||
                statfs(path, &fs) < 0 || name_to_handle_at(AT_FDCWD, path, &at.handle, &mount, 0) < 0)
                return fail_errno(err, "fanotify: %s", path);
        *ret_size = make_key(&fs.f_fsid, &at.handle, ret_key);
        return *ret_size ? 0 : fail(err, E_UNSUPPORTED, "fanotify: the file handle of %s is too long", path);
}

/* The path that one information record names; allocated, NULL when the directory is not ours (any more). */
static char *path_of(struct fswatch *watch, const struct fanotify_event_info_fid *fid, size_t length)
{
        const struct file_handle *handle = (const void *)fid->handle;
        size_t head = sizeof(*fid) + sizeof(*handle);
        char key[HANDLE_KEY_MAX];
        if (length < head || length - head < handle->handle_bytes)
                return NULL;
        const char *name = (const char *)handle->f_handle + handle->handle_bytes;
        size_t name_max = length - head - handle->handle_bytes;
        size_t size = make_key(&fid->fsid, handle, key);
        const struct directory *directory = size ? map_get(&watch->handles, sv_n(key, size)) : NULL;
        if (!directory || strnlen(name, name_max) == name_max)
                return NULL;
        char *path = NULL;
        bool self = strcmp(name, ".") == 0; /* the directory itself */
        const char *slash = self || strcmp(directory->path, "/") == 0 ? "" : "/";
        return asprintf(&path, "%s%s%s", directory->path, slash, self ? "" : name) < 0 ? NULL : path;
}

/* Reads who it was, now that the process may still be there. */
static struct who *identify(struct fswatch *watch, pid_t pid, int pidfd)
{
        struct who *who = NULL;
        if (watch->who_reader && pid > 0) {
                who = who_read(watch->who_reader, pid, pidfd, loop_now_ns(watch->service->loop));
                watch->counters.unidentified += !who;
        }
        return who;
}

static void take_event(struct fswatch *watch, const struct fanotify_event_metadata *event)
{
        cleanup(fd_close) int pidfd = -1;
        char *path = NULL, *from = NULL, *to = NULL;
        const char *at = (const char *)event + event->metadata_len;
        const char *end = (const char *)event + event->event_len;
        struct look how = { .pid = event->pid > 0 ? event->pid : 0 };
        watch->counters.events++;
        while ((size_t)(end - at) >= sizeof(struct fanotify_event_info_header)) {
                const struct fanotify_event_info_fid *fid = (const void *)at;
                if (fid->hdr.len < sizeof(fid->hdr) || fid->hdr.len > end - at)
                        break;
                if (fid->hdr.info_type == FAN_EVENT_INFO_TYPE_PIDFD &&
                        fid->hdr.len >= sizeof(struct fanotify_event_info_pidfd) && pidfd < 0)
                        pidfd = ((const struct fanotify_event_info_pidfd *)(const void *)at)->pidfd;
                char **place = fid->hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME       ? &path
                               : fid->hdr.info_type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME ? &from
                               : fid->hdr.info_type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME ? &to
                                                                                         : NULL;
                if (place && !*place)
                        *place = path_of(watch, fid, fid->hdr.len);
                at += fid->hdr.len;
        }
        if ((from && fswatch_covers(watch, from)) || (to && fswatch_covers(watch, to)) ||
                (path && fswatch_covers(watch, path)))
                how.who = identify(watch, how.pid, pidfd);
        if (from || to)
                fswatch_renamed(watch, from, to, how);
        if (path)
                fswatch_look(watch, path, how);
        who_unref(how.who);
        free(path);
        free(from);
        free(to);
}

static void read_events(struct fswatch *watch, int reads)
{
        for (int i = 0; i < reads; i++) {
                ssize_t size = read(watch->fanotify_fd, watch->fanotify_buffer, BUFFER);
                if (size <= 0)
                        return;
                const struct fanotify_event_metadata *event = (const void *)watch->fanotify_buffer;
                for (; FAN_EVENT_OK(event, size); event = FAN_EVENT_NEXT(event, size)) {
                        if (event->fd >= 0)
                                close(event->fd);
                        if (event->vers != FANOTIFY_METADATA_VERSION)
                                return;
                        if (event->mask & FAN_Q_OVERFLOW)
                                fswatch_lost_events(watch);
                        else
                                take_event(watch, event);
                }
        }
}

static void on_events(struct loop *loop, loop_id id, uint32_t ready, void *cookie)
{
        (void)loop;
        (void)id;
        (void)ready;
        read_events(cookie, READS_MAX);
}

void fanotify_drain(struct fswatch *watch)
{
        read_events(watch, DRAIN_READS_MAX);
}

/* Does this kernel have FAN_RENAME? Removing a mark that is not there says ENOENT when it does, EINVAL when not. */
static bool has_renames(int fd)
{
        return fanotify_mark(fd, FAN_MARK_REMOVE, FAN_RENAME, AT_FDCWD, "/") == 0 || errno == ENOENT;
}

int fanotify_start(struct fswatch *watch, struct error *err)
{
        const unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME;
        int fd = fanotify_init(flags | FAN_REPORT_PIDFD, O_RDONLY);
        bool pidfds = fd >= 0;
        if (fd < 0)
                fd = fanotify_init(flags, O_RDONLY);
        if (fd < 0)
                return fail_errno(err, "fanotify");
        if (pidfds && !(watch->who_reader = who_reader_new(err))) {
                close(fd);
                return -1;
        }
        /* without privileges it marks inodes and tells no process; inotify does as much with less */
        watch->fanotify_fd = fd;
        watch->fanotify_renames = has_renames(fd);
        watch->fanotify_buffer = malloc(BUFFER);
        if (!watch->fanotify_buffer)
                return fail(err, E_NO_MEMORY, "no memory for fanotify");
        return loop_add_fd(watch->service->loop, fd, LOOP_READ, LOOP_LEVEL, on_events, watch, &watch->fanotify_id, err);
}
