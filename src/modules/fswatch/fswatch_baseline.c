/* The baseline: an append-only file of records, the last one about a path holds; written anew when most of it is
 * history. Bytes lost in a crash cost an alert about something that was told before, never a missed change. */
#include "fswatch.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "lib/segment/segment.h"

#include <fcntl.h>

enum { OUT_MAX = 64 << 10, SLACK_RECORDS = 4096, RETRY_S = 60 };

#define FILE_NAME "baseline"
#define NEW_NAME "baseline.new"
#define FORMAT SV("fswatch 1")

enum record_kind { RECORD_OBJECT = 'o', RECORD_REMOVED = 'd', RECORD_ROOT = 'r' };

struct object_record { /* then the path; native byte order: the file stays on its host */
        uint64_t size;
        uint64_t inode;
        int64_t mtime_ns;
        int64_t ctime_ns;
        uint32_t mode;
        uint32_t uid;
        uint32_t gid;
        uint32_t hashed;
        uint8_t sha256[SHA256_SIZE];
};

static void put_path(struct buf *record, enum record_kind kind, const void *head, size_t size, const char *path)
{
        buf_putc(record, (char)kind);
        buf_append(record, head, size);
        buf_puts(record, path);
}

static void frame(struct buf *out, enum record_kind kind, const void *head, size_t size, const char *path)
{
        struct buf record;
        buf_init(&record, 16 << 10);
        put_path(&record, kind, head, size, path);
        if (!record.failed)
                segment_frame(out, sv_n(buf_text(&record), record.len));
        buf_done(&record);
}

static void frame_object(struct buf *out, const struct object *object)
{
        struct object_record record = { .size = object->size,
                .inode = object->inode,
                .mtime_ns = object->mtime_ns,
                .ctime_ns = object->ctime_ns,
                .mode = object->mode,
                .uid = object->uid,
                .gid = object->gid,
                .hashed = object->hashed };
        memcpy(record.sha256, object->sha256, sizeof(record.sha256));
        frame(out, RECORD_OBJECT, &record, sizeof(record), object->path);
}

static void take_object(struct fswatch *watch, const struct object_record *record, const char *path)
{
        struct stat st = { .st_mode = record->mode };
        struct object *object = map_get(&watch->objects, sv_of(path));
        if (!object && !(object = object_add(watch, path, &st)))
                return;
        object->size = record->size;
        object->inode = record->inode;
        object->mtime_ns = record->mtime_ns;
        object->ctime_ns = record->ctime_ns;
        object->mode = record->mode;
        object->uid = record->uid;
        object->gid = record->gid;
        object->hashed = record->hashed == 1;
        memcpy(object->sha256, record->sha256, sizeof(object->sha256));
}

static int take(struct sv record, uint64_t offset, void *cookie, struct error *err)
{
        struct fswatch *watch = cookie;
        struct object_record head;
        char path[4096 + 1];
        if (offset == 0)
                return sv_eq(record, FORMAT) ? 0 : fail(err, E_UNSUPPORTED, "another version wrote it");
        size_t skip = record.n && record.p[0] == RECORD_OBJECT ? 1 + sizeof(head) : 1;
        if (record.n <= skip || record.n - skip >= sizeof(path))
                return 0;
        memcpy(path, record.p + skip, record.n - skip);
        path[record.n - skip] = '\0';
        watch->baseline.records++;
        if (record.p[0] == RECORD_OBJECT) {
                memcpy(&head, record.p + 1, sizeof(head));
                take_object(watch, &head, path);
        } else if (record.p[0] == RECORD_REMOVED) {
                free(map_remove(&watch->objects, sv_of(path)));
        } else if (record.p[0] == RECORD_ROOT) {
                map_put(&watch->roots_known, sv_of(path), watch);
        }
        return 0;
}

static int write_new(struct fswatch *watch, int fd, struct error *err)
{
        struct buf out;
        buf_init(&out, OUT_MAX + (32 << 10));
        segment_frame(&out, FORMAT);
        map_foreach (root, &watch->roots_known)
                frame(&out, RECORD_ROOT, NULL, 0, root->key);
        int status = 0;
        for (size_t i = 0; i < watch->objects.count && status == 0; i++) {
                frame_object(&out, watch->objects.entries[i].value);
                if (out.len < OUT_MAX && i + 1 < watch->objects.count)
                        continue;
                status = write_all(fd, out.data, out.len, err);
                buf_clear(&out);
        }
        if (status == 0 && out.len)
                status = write_all(fd, out.data, out.len, err);
        buf_done(&out);
        return status;
}

static int rewrite(struct fswatch *watch, struct error *err)
{
        struct baseline *baseline = &watch->baseline;
        cleanup(fd_close) int fd =
                openat(baseline->directory_fd, NEW_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
        if (fd < 0)
                return fail_errno(err, "the baseline");
        if (write_new(watch, fd, err) < 0)
                return error_prefix(err, "the baseline");
        if (fsync(fd) < 0 || renameat(baseline->directory_fd, NEW_NAME, baseline->directory_fd, FILE_NAME) < 0)
                return fail_errno(err, "the baseline");
        fsync(baseline->directory_fd);
        fd_close(&baseline->fd);
        baseline->fd = take_fd(fd);
        baseline->records = watch->objects.count;
        buf_clear(&baseline->out);
        return 0;
}

static void failed(struct fswatch *watch, const struct error *err);

static void on_retry(struct loop *loop, loop_id id, void *cookie)
{
        struct fswatch *watch = cookie;
        struct error err;
        (void)loop;
        (void)id;
        watch->baseline.retry = 0;
        if (rewrite(watch, &err) < 0)
                failed(watch, &err);
}

/* The file may end in half a record now: nothing more is appended before it was written anew. */
static void failed(struct fswatch *watch, const struct error *err)
{
        struct baseline *baseline = &watch->baseline;
        if (watch->counters.store_errors++ == 0)
                service_log(watch->service, "warning: %s; tried again each %d s", err->message, RETRY_S);
        fd_close(&baseline->fd);
        buf_clear(&baseline->out);
        if (!baseline->retry)
                loop_add_timer(watch->service->loop, RETRY_S * SECOND, 0, on_retry, watch, &baseline->retry, NULL);
}

void baseline_flush(struct fswatch *watch)
{
        struct baseline *baseline = &watch->baseline;
        struct error err;
        baseline->flushing = false;
        if (baseline->fd < 0 || !baseline->out.len)
                return;
        int status = baseline->records > 2 * watch->objects.count + SLACK_RECORDS
                             ? rewrite(watch, &err)
                             : write_all(baseline->fd, baseline->out.data, baseline->out.len, &err);
        buf_clear(&baseline->out);
        if (status < 0)
                failed(watch, &err);
}

static void on_flush(struct loop *loop, void *cookie)
{
        (void)loop;
        baseline_flush(cookie);
}

static void appended(struct fswatch *watch)
{
        struct baseline *baseline = &watch->baseline;
        baseline->records++;
        if (baseline->out.len > OUT_MAX)
                baseline_flush(watch);
        else if (!baseline->flushing)
                baseline->flushing = loop_defer(watch->service->loop, on_flush, watch) == 0;
}

void baseline_put(struct fswatch *watch, const struct object *object)
{
        if (watch->baseline.fd < 0)
                return;
        frame_object(&watch->baseline.out, object);
        appended(watch);
}

void baseline_remove(struct fswatch *watch, const char *path)
{
        if (watch->baseline.fd < 0)
                return;
        frame(&watch->baseline.out, RECORD_REMOVED, NULL, 0, path);
        appended(watch);
}

void baseline_put_root(struct fswatch *watch, const char *configured)
{
        map_put(&watch->roots_known, sv_of(configured), watch);
        if (watch->baseline.fd < 0)
                return;
        frame(&watch->baseline.out, RECORD_ROOT, NULL, 0, configured);
        appended(watch);
}

static const char *unwanted_root(const struct fswatch *watch)
{
        map_foreach (known, &watch->roots_known) {
                bool wanted = false;
                vec_foreach (root, &watch->roots)
                        wanted = wanted || strcmp(root->configured, known->key) == 0;
                if (!wanted)
                        return known->key;
        }
        return NULL;
}

void baseline_keep_roots(struct fswatch *watch)
{
        const char *gone;
        bool dropped = false;
        struct error err;
        while ((gone = unwanted_root(watch))) {
                map_remove(&watch->roots_known, sv_of(gone));
                dropped = true;
        }
        if (dropped && watch->baseline.directory_fd >= 0 && rewrite(watch, &err) < 0)
                failed(watch, &err);
}

int baseline_open(struct fswatch *watch, struct error *err)
{
        struct baseline *baseline = &watch->baseline;
        const char *state = watch->service->state_directory;
        uint64_t end = 0;
        bool torn = false;
        baseline->fd = baseline->directory_fd = -1;
        buf_init(&baseline->out, OUT_MAX + (64 << 10));
        if (!state)
                return 0;
        baseline->directory_fd = open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (baseline->directory_fd < 0)
                return fail_errno(err, "state directory %s", state);
        cleanup(fd_close) int fd = openat(baseline->directory_fd, FILE_NAME, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT)
                return fail_errno(err, "%s/%s", state, FILE_NAME);
        if (fd >= 0 && segment_read(fd, take, watch, &end, &torn, err) < 0)
                return error_prefix(err, "%s/%s", state, FILE_NAME);
        if (torn)
                service_log(watch->service, "the baseline was torn after %llu bytes; the rest is built anew",
                        (unsigned long long)end);
        /* a first and a torn file are written whole; else it goes on where it ended */
        baseline->fd = fd < 0 || torn ? -1 : openat(baseline->directory_fd, FILE_NAME, O_WRONLY | O_APPEND | O_CLOEXEC);
        return baseline->fd < 0 ? rewrite(watch, err) : 0;
}

void baseline_close(struct fswatch *watch)
{
        baseline_flush(watch);
        if (watch->baseline.fd >= 0)
                fsync(watch->baseline.fd);
        fd_close(&watch->baseline.fd);
        fd_close(&watch->baseline.directory_fd);
        buf_done(&watch->baseline.out);
}
