/* Reading: paths that settled, one at a time, in small steps of the loop, with pauses between them. What does not fit
 * in the queue is marked in the table and read when the queue is empty. */
#include "fswatch.h"

#include "base/cleanup.h"

#include <fcntl.h>

enum { SETTLE_FACTOR = 10 }; /* a file that is written on and on is read after so many settling times */

static void on_hash(struct loop *loop, loop_id id, void *cookie);

static int64_t next_due(const struct fswatch *watch)
{
        int64_t due = LOOP_NEVER;
        map_foreach (entry, &watch->pending) {
                const struct pending *pending = entry->value;
                if (pending->due_ns < due)
                        due = pending->due_ns;
        }
        return due;
}

void hash_wake(struct fswatch *watch)
{
        struct loop *loop = watch->service->loop;
        int64_t now = loop_now_ns(loop);
        int64_t due = watch->job_active || watch->stale ? now + HASH_PAUSE_MS * MILLISECOND : next_due(watch);
        if (!watch->hash_timer)
                loop_add_timer_at(loop, due, 0, on_hash, watch, &watch->hash_timer, NULL);
        else
                loop_rearm_timer_at(loop, watch->hash_timer, due);
}

static void pending_free(struct pending *pending)
{
        if (pending) {
                free(pending->path);
                who_unref(pending->who);
        }
        free(pending);
}

/* The queue is full: the sweep reads it, and tells it when it is new. */
static void overflow(struct fswatch *watch, const char *path, bool is_new)
{
        struct stat st;
        struct object *object = map_get(&watch->objects, sv_of(path));
        watch->counters.dropped++;
        if (is_new && fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && (object = object_add(watch, path, &st)))
                object->untold = true; /* nor in the baseline: a crash now leaves it new */
        if (object)
                object_set_stale(watch, object, true);
        hash_wake(watch);
}

void hash_later(struct fswatch *watch, const char *path, struct look how, bool is_new)
{
        int64_t now = loop_now_ns(watch->service->loop);
        int64_t settle = watch->config->settle_ns;
        struct pending *pending = map_get(&watch->pending, sv_of(path));
        if (!pending) {
                pending = calloc(1, sizeof(*pending));
                char *copy = strdup(path);
                if (!pending || !copy || map_put(&watch->pending, sv_of(path), pending) < 0) {
                        free(copy);
                        free(pending);
                        overflow(watch, path, is_new);
                        return;
                }
                pending->path = copy;
                pending->first_ns = now;
                pending->while_down = how.while_down;
        }
        if (how.pid) { /* the last one that changed it */
                pending->pid = how.pid;
                who_unref(pending->who);
                pending->who = who_ref(how.who);
        }
        pending->due_ns = now + settle;
        if (pending->due_ns > pending->first_ns + SETTLE_FACTOR * settle)
                pending->due_ns = pending->first_ns + SETTLE_FACTOR * settle;
        hash_wake(watch);
}

static void end_job(struct fswatch *watch)
{
        fd_close(&watch->job.fd);
        pending_free(watch->job.pending);
        free(watch->job.path);
        watch->job.pending = NULL;
        watch->job.path = NULL;
        watch->job_active = false;
}

void hash_forget(struct fswatch *watch, const char *path)
{
        pending_free(map_remove(&watch->pending, sv_of(path)));
        if (watch->job_active && watch->job.path && strcmp(watch->job.path, path) == 0)
                end_job(watch);
}

bool hash_rename(struct fswatch *watch, const char *from, const char *to)
{
        struct pending *pending = map_get(&watch->pending, sv_of(from));
        if (!pending && !(watch->job_active && strcmp(watch->job.path, from) == 0))
                return false;
        hash_forget(watch, from);
        hash_forget(watch, to);
        return true;
}

/* What was read, or only looked at (sha256 NULL), becomes the object's state. */
static void settle(struct fswatch *watch, const char *path, const struct stat *st, const uint8_t *sha256)
{
        const struct pending *pending = watch->job.pending;
        struct look how = { 0 };
        if (pending)
                how = (struct look){ .pid = pending->pid, .who = pending->who, .while_down = pending->while_down };
        struct object *object = map_get(&watch->objects, sv_of(path));
        bool is_new = !object || object->untold;
        if (!object && !(object = object_add(watch, path, st)))
                return;
        object->untold = false;
        struct object before = *object;
        object_set(object, st);
        object_set_stale(watch, object, false);
        object->hashed = sha256 != NULL;
        if (sha256)
                memcpy(object->sha256, sha256, SHA256_SIZE);
        baseline_put(watch, object);
        if (is_new) {
                bool privileged = S_ISREG(st->st_mode) && st->st_mode & (S_ISUID | S_ISGID);
                alert_object(watch, privileged ? "high" : "medium", "created", object, NULL, how, "new path %s", path);
        } else if (before.hashed && sha256 && memcmp(before.sha256, sha256, SHA256_SIZE) != 0) {
                alert_signature(watch, object, before.sha256, how);
        } else if ((!before.hashed || !sha256) &&
                   (before.size != object->size || before.mtime_ns != object->mtime_ns)) {
                alert_object(watch, "high", "changed", object, NULL, how, "path %s changed", path);
        }
}

static void job_lost(struct fswatch *watch, int why)
{
        char *path = watch->job.path;
        struct look how = { 0 };
        if (watch->job.pending)
                how = (struct look){ .pid = watch->job.pending->pid, .who = watch->job.pending->who };
        struct object *object = map_get(&watch->objects, sv_of(path));
        struct stat st;
        watch->job.path = NULL;
        if (object)
                object_set_stale(watch, object, false);
        if (why == ENOENT || why == ENOTDIR) {
                if (!object && watch->job.pending)
                        alert_path(watch, "medium", "unreadable", path, how, "unable to stat new path %s", path);
                else
                        fswatch_look(watch, path, how);
        } else if (fstatat(AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                watch->counters.unreadable++;
                settle(watch, path, &st, NULL);
        }
        free(path);
        end_job(watch);
}

static void read_link(struct fswatch *watch, const struct stat *st)
{
        char target[4096];
        uint8_t sha256[DIGEST_SIZE_MAX];
        ssize_t length = readlinkat(AT_FDCWD, watch->job.path, target, sizeof(target));
        if (length < 0) {
                job_lost(watch, errno);
                return;
        }
        digest_init(&watch->job.digest, DIGEST_BIT(DIGEST_SHA256));
        digest_update(&watch->job.digest, target, (size_t)length);
        digest_finish(&watch->job.digest, DIGEST_SHA256, sha256);
        settle(watch, watch->job.path, st, sha256);
        end_job(watch);
}

/* Opens the job's path. What has nothing to read is settled at once. */
static void begin_job(struct fswatch *watch)
{
        struct hash_job *job = &watch->job;
        struct stat st;
        watch->job_active = true;
        job->fd = -1;
        if (fstatat(AT_FDCWD, job->path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                job_lost(watch, errno);
                return;
        }
        if (S_ISLNK(st.st_mode) && watch->config->hash) {
                read_link(watch, &st);
                return;
        }
        if (!S_ISREG(st.st_mode) || !watch->config->hash || (uint64_t)st.st_size > watch->config->hash_max) {
                settle(watch, job->path, &st, NULL);
                end_job(watch);
                return;
        }
        job->fd = open(job->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (job->fd < 0 || fstat(job->fd, &job->before) < 0)
                job_lost(watch, errno);
        else
                digest_init(&job->digest, DIGEST_BIT(DIGEST_SHA256));
}

/* Takes the next path: a pending one that is due, else a marked one of the table. */
static bool next_job(struct fswatch *watch)
{
        int64_t now = loop_now_ns(watch->service->loop);
        map_foreach (entry, &watch->pending) {
                struct pending *pending = entry->value;
                if (pending->due_ns > now)
                        continue;
                watch->job.path = strdup(pending->path);
                if (!watch->job.path)
                        return false;
                watch->job.pending = map_remove(&watch->pending, sv_of(watch->job.path));
                begin_job(watch);
                return true;
        }
        for (size_t n = 0; watch->stale && n < watch->objects.count; n++) {
                watch->sweep = (watch->sweep + 1) % watch->objects.count;
                struct object *object = watch->objects.entries[watch->sweep].value;
                if (!object->stale || map_get(&watch->pending, sv_of(object->path)))
                        continue;
                watch->job.path = strdup(object->path);
                if (!watch->job.path)
                        return false;
                begin_job(watch);
                return true;
        }
        return false;
}

/* Something wrote to the file while it was read: once more, later. */
static bool changed_meanwhile(struct fswatch *watch, const struct stat *after)
{
        struct hash_job *job = &watch->job;
        if (after->st_size == job->before.st_size && after->st_mtim.tv_sec == job->before.st_mtim.tv_sec &&
                after->st_mtim.tv_nsec == job->before.st_mtim.tv_nsec)
                return false;
        if (!job->pending)
                return true; /* it is still marked: the sweep comes by again */
        if (job->pending->again++ >= HASH_AGAIN_MAX || map_put(&watch->pending, sv_of(job->path), job->pending) < 0)
                return false;
        job->pending->due_ns = loop_now_ns(watch->service->loop) + watch->config->settle_ns;
        job->pending = NULL;
        return true;
}

static void finish_job(struct fswatch *watch)
{
        uint8_t sha256[DIGEST_SIZE_MAX];
        struct stat after;
        if (fstat(watch->job.fd, &after) < 0) {
                job_lost(watch, errno);
                return;
        }
        watch->counters.files_hashed++;
        if (!changed_meanwhile(watch, &after)) {
                digest_finish(&watch->job.digest, DIGEST_SHA256, sha256);
                settle(watch, watch->job.path, &after, sha256);
        }
        end_job(watch);
}

static void step_job(struct fswatch *watch, size_t *left)
{
        ssize_t got = read(watch->job.fd, watch->hash_buffer, HASH_BUFFER);
        if (got > 0) {
                digest_update(&watch->job.digest, watch->hash_buffer, (size_t)got);
                watch->counters.bytes_hashed += (uint64_t)got;
                *left = *left > (size_t)got ? *left - (size_t)got : 0;
        } else if (got == 0) {
                finish_job(watch);
        } else if (errno != EINTR) {
                job_lost(watch, errno);
        }
}

static void on_hash(struct loop *loop, loop_id id, void *cookie)
{
        struct fswatch *watch = cookie;
        size_t left = HASH_STEP;
        (void)loop;
        (void)id;
        loop_rearm_timer_at(loop, id, LOOP_NEVER);
        for (int files = 0; files < HASH_FILES_STEP && left > 0;) {
                if (watch->job_active) {
                        step_job(watch, &left);
                        files += !watch->job_active;
                } else if (next_job(watch)) {
                        files += !watch->job_active;
                } else {
                        break;
                }
        }
        hash_wake(watch);
}

void hash_done(struct fswatch *watch)
{
        if (watch->job_active)
                end_job(watch);
        map_foreach (entry, &watch->pending)
                pending_free(entry->value);
        map_done(&watch->pending);
        free(watch->hash_buffer);
}
