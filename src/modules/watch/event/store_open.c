/* Opening a store: the lock, the files that are there, the tail of a writer that was killed. */
#include "base/cleanup.h"
#include "base/path.h"
#include "lib/segment/segment.h"
#include "modules/watch/event/store_internal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

int store_open_directory(struct event_store *store, struct error *err)
{
        const char *path = store->options.directory;
        if (path_make(path, 0700, err) < 0)
                return -1;
        store->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (store->directory < 0)
                return fail_errno(err, "%s", path);
        store->lock = openat(store->directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (store->lock < 0)
                return fail_errno(err, "%s/lock", path);
        if (flock(store->lock, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK
                               ? fail(err, E_UNAVAILABLE, "another process writes to the event store %s", path)
                               : fail_errno(err, "%s/lock", path);
        return 0;
}

static struct stored_file *add_file(struct event_store *store, uint64_t number, struct error *err)
{
        struct stored_file *file = vec_add(&store->files, STORE_FILES_MAX);
        if (!file)
                return fail_null(err, E_TOO_LARGE, "the event store has more than %d files", STORE_FILES_MAX);
        file->number = number;
        file->time_max = INT64_MIN;
        return file;
}

int store_begin_tail(struct event_store *store, uint64_t number, int64_t now_ns, struct error *err)
{
        char name[STORE_NAME_MAX];
        struct buf record;
        struct store_file_head head = { .kind = STORE_FILE,
                .magic = STORE_MAGIC,
                .version = STORE_VERSION,
                .first_id = store->next_id,
                .begun_ns = now_ns };
        store_summary_init(&head.summary);
        store_file_name(number, STORE_TAIL, name);
        cleanup(fd_close) int fd =
                openat(store->directory, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fail_errno(err, "%s", name);
        buf_init(&record, 4096);
        segment_frame(&record, sv_n((const char *)&head, sizeof(head)));
        size_t size = record.len;
        int status = write_all(fd, buf_text(&record), size, err);
        buf_done(&record);
        struct stored_file *file = status == 0 ? add_file(store, number, err) : NULL;
        if (!file) {
                unlinkat(store->directory, name, 0);
                return -1;
        }
        file->bytes = size;
        fd_close(&store->tail);
        store->tail = take_fd(fd);
        store->tail_begun_ns = now_ns;
        return 0;
}

struct recovery {
        struct stored_file *file;
        uint64_t id_last;
        uint32_t kind; /* of the last record */
};

static int recover_record(struct sv record, uint64_t offset, void *cookie, struct error *err)
{
        struct recovery *recovery = cookie;
        struct event_head head;
        struct sv json;
        (void)offset;
        (void)err;
        if (record.n >= sizeof(recovery->kind))
                memcpy(&recovery->kind, record.p, sizeof(recovery->kind));
        if (store_event_record(record, &head, &json)) {
                recovery->file->events++;
                recovery->id_last = head.id;
                if (head.time_ns > recovery->file->time_max)
                        recovery->file->time_max = head.time_ns;
        }
        return 0;
}

/* Goes on in the tail that is there: what its writer did not finish is cut off. */
static int resume_tail(struct event_store *store, const char *name, const struct store_file_head *head, size_t start,
        struct error *err)
{
        struct stored_file *file = store_tail(store);
        struct recovery recovery = { .file = file, .id_last = head->first_id - 1 };
        uint64_t end;
        bool torn;
        cleanup(fd_close) int fd = openat(store->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || lseek(fd, (off_t)start, SEEK_SET) < 0)
                return fail_errno(err, "%s", name);
        if (segment_read(fd, recover_record, &recovery, &end, &torn, err) < 0)
                return -1;
        if (torn) {
                store->counters.torn_bytes += file->bytes - end;
                if (ftruncate(fd, (off_t)end) < 0)
                        return fail_errno(err, "%s", name);
        }
        if (lseek(fd, (off_t)end, SEEK_SET) < 0)
                return fail_errno(err, "%s", name);
        file->bytes = end;
        store->next_id = recovery.id_last + 1;
        if (recovery.kind != STORE_CLOSED)
                store->next_id += EVENT_STORE_ID_STEP;
        store->tail_begun_ns = head->begun_ns;
        store->tail = take_fd(fd);
        return 0;
}

/* One file of the directory; *ret_head is that of the last. 1: it is usable; 0: it counts for nothing. */
static int take_file(struct event_store *store, const struct store_listed *listed, struct store_file_head *ret_head,
        size_t *ret_start, struct error *err)
{
        char name[STORE_NAME_MAX];
        struct stat status;
        store_file_name(listed->number, listed->kind, name);
        bool packed_too =
                listed->kind == STORE_TAIL && store->files.count && store_tail(store)->number == listed->number;
        if (listed->kind == STORE_NEW || packed_too) { /* the packing was not finished, or not tidied up after */
                unlinkat(store->directory, name, 0);
                return 0;
        }
        cleanup(fd_close) int fd = openat(store->directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &status) < 0)
                return fail_errno(err, "%s", name);
        struct error problem;
        int have = store_read_file_head(fd, name, ret_head, ret_start, &problem);
        if (have < 0 && problem.code == E_UNSUPPORTED) {
                if (err)
                        *err = problem;
                return -1;
        }
        if (have <= 0) {
                store->counters.corrupt_files++;
                store->counters.torn_bytes += have == 0 ? (uint64_t)status.st_size : 0;
                if (have == 0) /* its writer was killed while it began: it holds nothing */
                        unlinkat(store->directory, name, 0);
                return 0;
        }
        struct stored_file *file = add_file(store, listed->number, err);
        if (!file)
                return -1;
        file->bytes = (uint64_t)status.st_size;
        file->packed = listed->kind == STORE_PACK;
        if (file->packed) {
                file->events = ret_head->summary.events;
                file->time_max = ret_head->summary.time_max;
                if (ret_head->summary.events)
                        store->next_id = ret_head->summary.id_last + 1;
        } else {
                file->time_max = status.st_mtim.tv_sec * SECOND + status.st_mtim.tv_nsec;
        }
        return 1;
}

int store_open_files(struct event_store *store, int64_t now_ns, struct error *err)
{
        cleanup(free) struct store_listed *listed = NULL;
        size_t count;
        size_t start = 0;
        uint64_t highest = 0;
        struct store_file_head head = { 0 };
        if (store_list(store->directory, &listed, &count, err) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                struct store_file_head one;
                size_t size;
                int taken = take_file(store, &listed[i], &one, &size, err);
                if (taken < 0)
                        return -1;
                if (listed[i].number > highest)
                        highest = listed[i].number;
                if (taken > 0) {
                        head = one;
                        start = size;
                }
        }
        if (store->files.count && store_tail(store)->number == highest && !store_tail(store)->packed) {
                char name[STORE_NAME_MAX];
                store_tail(store)->time_max = INT64_MIN;
                store_file_name(highest, STORE_TAIL, name);
                return resume_tail(store, name, &head, start, err);
        }
        if (count) /* the tail is missing or unreadable: what it held may have been shown */
                store->next_id += EVENT_STORE_ID_STEP;
        return store_begin_tail(store, highest + 1, now_ns, err);
}
