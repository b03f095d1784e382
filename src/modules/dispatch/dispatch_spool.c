/* Segments "spool-NUMBER", each a file of records (lib/segment): event number, time, the agent's id of the alert, the
 * alert. And "cursors": where each output stands; appended to at each delivery, written anew at the start. */
#include "dispatch.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "lib/segment/segment.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>

#define CURSORS "cursors"
#define PREFIX "spool-"

enum { CURSORS_FILE_MAX = 1 << 20 };

struct event_head { /* native byte order: the spool stays on its host */
        uint64_t number;
        int64_t time_ns;
};

/* Behind the head, one byte and the id; left out for an alert without one, and in spools of before there were ids: no
 * JSON text begins with that byte. */
enum { ID_MARK = 1, ID_SIZE = 1 + 8 + 8 };

static size_t take_id(struct sv body, struct alert_id *ret)
{
        if (body.n < ID_SIZE || body.p[0] != ID_MARK)
                return 0;
        memcpy(&ret->sender, body.p + 1, 8);
        memcpy(&ret->number, body.p + 9, 8);
        return ID_SIZE;
}

static void put_id(struct buf *out, const struct alert_id *id)
{
        const char mark = ID_MARK;
        if (!id->number)
                return;
        buf_append(out, &mark, 1);
        buf_append(out, &id->sender, 8);
        buf_append(out, &id->number, 8);
}

static void segment_name(uint64_t first, char ret[40])
{
        snprintf(ret, 40, PREFIX "%016llx", (unsigned long long)first);
}

static int by_first(const void *a, const void *b)
{
        const struct spool_segment *left = a, *right = b;
        return left->first < right->first ? -1 : left->first > right->first;
}

static int take(struct sv record, uint64_t offset, void *cookie, struct error *err)
{
        struct spool_segment *segment = cookie;
        struct event_head head;
        (void)offset;
        (void)err;
        if (record.n < sizeof(head))
                return 0;
        memcpy(&head, record.p, sizeof(head));
        segment->next = head.number + 1;
        segment->newest_ns = head.time_ns;
        take_id(sv_n(record.p + sizeof(head), record.n - sizeof(head)), &segment->last);
        return 0;
}

/* A torn end is cut off: its event was never accepted. */
static int load_segment(struct spool *spool, const char *name, uint64_t first, struct error *err)
{
        struct spool_segment segment = { .first = first, .next = first };
        bool torn;
        cleanup(fd_close) int fd = openat(spool->directory_fd, name, O_RDWR | O_CLOEXEC | O_APPEND);
        if (fd < 0)
                return fail_errno(err, "%s", name);
        if (segment_read(fd, take, &segment, &segment.size, &torn, err) < 0)
                return error_prefix(err, "%s", name);
        if (torn && ftruncate(fd, (off_t)segment.size) < 0)
                return fail_errno(err, "%s", name);
        if (segment.next == first) { /* nothing in it */
                unlinkat(spool->directory_fd, name, 0);
                return 0;
        }
        struct spool_segment *added = vec_add(&spool->segments, SPOOL_SEGMENTS_MAX);
        if (!added)
                return fail(err, E_TOO_LARGE, "more than %d segments in the spool", SPOOL_SEGMENTS_MAX);
        segment.fd = take_fd(fd);
        *added = segment;
        spool->bytes += segment.size;
        return 0;
}

int spool_open(struct spool *spool, const char *directory, struct error *err)
{
        spool->cursors_fd = -1;
        spool->directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (spool->directory_fd < 0)
                return fail_errno(err, "%s", directory);
        cleanup(closedir) DIR *list = fdopendir(dup(spool->directory_fd));
        const struct dirent *entry;
        while (list && (entry = readdir(list))) {
                uint64_t first;
                struct sv name = sv_of(entry->d_name);
                if (!sv_starts(name, SV(PREFIX)) || name.n != strlen(PREFIX) + 16 ||
                        !sv_parse_u64(sv_n(name.p + strlen(PREFIX), 16), 16, &first))
                        continue;
                if (load_segment(spool, entry->d_name, first, err) < 0)
                        return -1;
        }
        if (spool->segments.count)
                qsort(spool->segments.items, spool->segments.count, sizeof(*spool->segments.items), by_first);
        vec_foreach (segment, &spool->segments)
                if (segment->last.number)
                        spool->last = segment->last;
        spool->next = spool->segments.count ? spool->segments.items[spool->segments.count - 1].next : 1;
        return 0;
}

static struct spool_segment *new_segment(struct spool *spool, bool memory, struct error *err)
{
        char name[40];
        spool_sync(spool); /* later it looks at the new one only */
        segment_name(spool->next, name);
        if (memory && spool->memory_segments >= SPOOL_MEMORY_SEGMENTS_MAX)
                return fail_null(err, E_TOO_LARGE, "the disk and the memory of the spool are full");
        cleanup(fd_close) int fd =
                memory ? memfd_create(name, MFD_CLOEXEC)
                       : openat(spool->directory_fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0600);
        if (fd < 0)
                return fail_errno_null(err, "%s", name);
        struct spool_segment *segment = vec_add(&spool->segments, SPOOL_SEGMENTS_MAX);
        if (!segment)
                return fail_null(err, E_TOO_LARGE, "more than %d segments in the spool", SPOOL_SEGMENTS_MAX);
        *segment = (struct spool_segment){
                .first = spool->next, .next = spool->next, .fd = take_fd(fd), .memory = memory
        };
        spool->memory_segments += memory;
        if (!memory)
                fsync(spool->directory_fd);
        return segment;
}

static int write_record(struct spool *spool, struct spool_segment *segment, const struct buf *record, struct error *err)
{
        if (pwrite(segment->fd, record->data, record->len, (off_t)segment->size) != (ssize_t)record->len) {
                spool->write_errors++;
                error_set(err, E_NONE, errno ? errno : ENOSPC, __FILE__, __LINE__, "the spool");
                if (ftruncate(segment->fd, (off_t)segment->size) < 0) /* a part of the record, perhaps */
                        return -1;
                return -1;
        }
        segment->size += record->len;
        spool->bytes += record->len;
        segment->next = ++spool->next;
        spool->unsynced |= !segment->memory;
        return 0;
}

static int append(struct spool *spool, const struct buf *record, uint64_t segment_size, struct error *err)
{
        struct spool_segment *last = spool->segments.count ? &spool->segments.items[spool->segments.count - 1] : NULL;
        if (!last || last->size >= (last->memory ? SPOOL_MEMORY_SEGMENT : segment_size)) {
                if (!(last = new_segment(spool, false, err)))
                        last = new_segment(spool, true, err);
        }
        if (!last)
                return -1;
        if (write_record(spool, last, record, err) == 0)
                return 0;
        if (last->memory || !(last = new_segment(spool, true, err)))
                return -1;
        return write_record(spool, last, record, err);
}

int spool_append(
        struct spool *spool, const struct alert_id *id, struct sv json, uint64_t segment_size, struct error *err)
{
        struct event_head head = { spool->next, time_unix_ns() };
        struct buf body, record;
        buf_init(&body, SPOOL_EVENT_MAX + sizeof(head) + ID_SIZE);
        buf_init(&record, SPOOL_EVENT_MAX + 64);
        buf_append(&body, &head, sizeof(head));
        put_id(&body, id);
        buf_append(&body, json.p, json.n);
        segment_frame(&record, sv_n(buf_text(&body), body.len));
        int status = body.failed || record.failed ? fail(err, E_TOO_LARGE, "an alert of %zu bytes", json.n)
                                                  : append(spool, &record, segment_size, err);
        if (status == 0)
                spool->segments.items[spool->segments.count - 1].newest_ns = head.time_ns;
        if (status == 0 && id->number)
                spool->last = *id;
        buf_done(&body);
        buf_done(&record);
        return status;
}

void spool_sync(struct spool *spool)
{
        if (spool->unsynced && spool->segments.items && spool->segments.count &&
                fdatasync(spool->segments.items[spool->segments.count - 1].fd) < 0)
                spool->write_errors++;
        spool->unsynced = false;
}

static struct spool_segment *find(struct spool *spool, struct spool_position *position)
{
        vec_foreach (segment, &spool->segments) {
                if (position->next >= segment->next)
                        continue;
                if (position->next < segment->first) /* what was between is gone */
                        position->next = segment->first;
                if (position->segment != segment->first) {
                        position->segment = segment->first;
                        position->offset = 0;
                }
                return segment;
        }
        return NULL;
}

/* One record at the offset into buffer; its whole size, 0 when there is none that is intact. */
static size_t read_record(const struct spool_segment *segment, uint64_t offset, struct buf *buffer, struct sv *ret)
{
        size_t size;
        buf_clear(buffer);
        for (size_t want = 4096;; want = SEGMENT_RECORD_MAX + SEGMENT_HEADER) {
                char *room = buf_reserve(buffer, want - buffer->len);
                ssize_t got = room ? pread(segment->fd, room, want - buffer->len, (off_t)(offset + buffer->len)) : -1;
                if (got > 0)
                        buffer->len += (size_t)got;
                int have = segment_next(sv_n(buf_text(buffer), buffer->len), ret, &size);
                if (have > 0)
                        return size;
                if (have < 0 || got <= 0)
                        return 0;
        }
}

int spool_read(struct spool *spool, struct spool_position *position, struct buf *buffer, struct spool_event *ret)
{
        struct spool_segment *segment;
        while ((segment = find(spool, position))) {
                struct sv record;
                struct event_head head;
                size_t size = read_record(segment, position->offset, buffer, &record);
                if (!size) { /* the disk lost it: on with the next segment */
                        position->next = segment->next;
                        continue;
                }
                position->offset += size;
                if (record.n < sizeof(head))
                        continue;
                memcpy(&head, record.p, sizeof(head));
                if (head.number < position->next)
                        continue;
                position->offset -= size; /* it stays there until it is delivered */
                position->next = head.number;
                struct alert_id id;
                size_t before = sizeof(head) + take_id(sv_n(record.p + sizeof(head), record.n - sizeof(head)), &id);
                *ret = (struct spool_event){ head.number, head.time_ns, sv_n(record.p + before, record.n - before) };
                return 1;
        }
        return 0;
}

void spool_drop_oldest(struct spool *spool)
{
        char name[40];
        if (!spool->segments.count)
                return;
        struct spool_segment *oldest = &spool->segments.items[0];
        segment_name(oldest->first, name);
        if (oldest->memory)
                spool->memory_segments--;
        else
                unlinkat(spool->directory_fd, name, 0);
        spool->bytes -= oldest->size;
        close(oldest->fd);
        spool->segments.count--;
        memmove(spool->segments.items, spool->segments.items + 1, spool->segments.count * sizeof(*oldest));
}

void spool_close(struct spool *spool)
{
        spool_sync(spool);
        vec_foreach (segment, &spool->segments)
                close(segment->fd);
        vec_done(&spool->segments);
        fd_close(&spool->cursors_fd);
        fd_close(&spool->directory_fd);
}

/* ---- cursors: records of a number and a name; the first one is the instance with an empty name ---- */

struct cursor_reading {
        struct spool *spool;
        cursor_vec *cursors;
};

static int take_cursor(struct sv record, uint64_t offset, void *cookie, struct error *err)
{
        struct cursor_reading *reading = cookie;
        uint64_t next;
        (void)offset;
        if (record.n < sizeof(next) || record.n - sizeof(next) >= sizeof(reading->cursors->items->name))
                return 0;
        memcpy(&next, record.p, sizeof(next));
        struct sv name = sv_n(record.p + sizeof(next), record.n - sizeof(next));
        if (!name.n) {
                reading->spool->instance = next;
                return 0;
        }
        if (next > reading->spool->next) /* numbers are never used twice, even when the spool is empty */
                reading->spool->next = next;
        vec_foreach (cursor, reading->cursors) {
                if (!sv_eq(sv_of(cursor->name), name))
                        continue;
                cursor->next = next;
                return 0;
        }
        __typeof__(reading->cursors->items) added = vec_add(reading->cursors, 4 * OUTPUTS_MAX);
        if (!added)
                return fail(err, E_TOO_LARGE, "more than %d outputs", 4 * OUTPUTS_MAX);
        memcpy(added->name, name.p, name.n);
        added->next = next;
        return 0;
}

int spool_read_cursors(struct spool *spool, cursor_vec *ret, struct error *err)
{
        struct cursor_reading reading = { spool, ret };
        uint64_t end;
        bool torn;
        cleanup(fd_close) int fd = openat(spool->directory_fd, CURSORS, O_RDONLY | O_CLOEXEC);
        if (fd < 0 && errno != ENOENT)
                return fail_errno(err, CURSORS);
        if (fd >= 0 && segment_read(fd, take_cursor, &reading, &end, &torn, err) < 0)
                return error_prefix(err, CURSORS);
        if (!spool->instance && getrandom(&spool->instance, sizeof(spool->instance), 0) < 0)
                return fail_errno(err, "random bytes");
        return 0;
}

static void frame_cursor(struct buf *out, const char *name, uint64_t next)
{
        char record[128];
        memcpy(record, &next, sizeof(next));
        int length = snprintf(record + sizeof(next), sizeof(record) - sizeof(next), "%s", name);
        segment_frame(out, sv_n(record, sizeof(next) + (size_t)length));
}

int spool_write_cursors(struct spool *spool, const cursor_vec *cursors, struct error *err)
{
        struct buf out;
        buf_init(&out, CURSORS_FILE_MAX);
        frame_cursor(&out, "", spool->instance);
        vec_foreach (cursor, cursors)
                frame_cursor(&out, cursor->name, cursor->next);
        int status = file_replace(spool->directory_fd, CURSORS, out.data, out.len, 0600, err);
        if (status == 0) {
                fd_close(&spool->cursors_fd);
                spool->cursors_fd = openat(spool->directory_fd, CURSORS, O_WRONLY | O_APPEND | O_CLOEXEC);
                spool->cursors_size = out.len;
                if (spool->cursors_fd < 0)
                        status = fail_errno(err, CURSORS);
        }
        buf_done(&out);
        return status;
}

void spool_save_cursor(struct spool *spool, const char *name, uint64_t next)
{
        struct buf out;
        buf_init(&out, 256);
        frame_cursor(&out, name, next);
        /* lost on a full disk: the events are then sent once more after a crash */
        if (spool->cursors_fd >= 0 && write_all(spool->cursors_fd, out.data, out.len, NULL) < 0)
                spool->write_errors++;
        spool->cursors_size += out.len;
        buf_done(&out);
}
