#include "modules/metrics/node/mount_probe.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/timefmt.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/statfs.h>

enum { STACK = 64 << 10 };

enum state { IDLE, QUEUED, ASKED };

struct entry {
        char *point;
        enum state state;
        bool answered;   /* ever */
        uint64_t round;  /* that named it last */
        uint64_t queued; /* the round that put the question */
        int64_t queued_ns;
        int errnum;
        struct mount_space space;
};

struct mount_probe {
        pthread_mutex_t lock;
        pthread_cond_t work, answer;
        int root;
        int64_t timeout_ns;
        int (*ask)(int root, const char *point, struct mount_space *ret);
        struct map entries; /* by point */
        size_t queued;
        unsigned threads, waiting; /* of them without work */
        bool stop;
        uint64_t round;
};

int mount_space_read(int root, const char *point, struct mount_space *ret)
{
        struct statfs space;
        /* O_PATH: an automount point is not triggered */
        cleanup(fd_close) int fd = openat(root, point, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstatfs(fd, &space) < 0)
                return errno;
        *ret = (struct mount_space){ .unit = (uint64_t)(space.f_frsize ? space.f_frsize : space.f_bsize),
                .blocks = space.f_blocks,
                .blocks_free = space.f_bfree,
                .blocks_available = space.f_bavail,
                .files = space.f_files,
                .files_free = space.f_ffree };
        return 0;
}

static void entry_free(struct entry *entry)
{
        free(entry->point);
        free(entry);
}

/* The last one that holds it: the owner, or a thread that came back late. */
static void probe_destroy(struct mount_probe *probe)
{
        map_foreach (row, &probe->entries)
                entry_free(row->value);
        map_done(&probe->entries);
        fd_close(&probe->root);
        pthread_cond_destroy(&probe->work);
        pthread_cond_destroy(&probe->answer);
        pthread_mutex_destroy(&probe->lock);
        free(probe);
}

struct mount_probe *mount_probe_new(int root, int64_t timeout_ns,
        int (*ask)(int root, const char *point, struct mount_space *ret), struct error *err)
{
        struct mount_probe *probe = calloc(1, sizeof(*probe));
        if (!probe)
                return fail_null(err, E_NO_MEMORY, "no memory to ask mounts");
        probe->root = fcntl(root, F_DUPFD_CLOEXEC, 0);
        if (probe->root < 0) {
                free(probe);
                return fail_errno_null(err, "root directory");
        }
        probe->timeout_ns = timeout_ns;
        probe->ask = ask;
        map_init(&probe->entries, MOUNT_PROBE_MAX);
        pthread_condattr_t clock;
        pthread_condattr_init(&clock);
        pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
        pthread_mutex_init(&probe->lock, NULL);
        pthread_cond_init(&probe->work, &clock);
        pthread_cond_init(&probe->answer, &clock);
        pthread_condattr_destroy(&clock);
        return probe;
}

void mount_probe_free(struct mount_probe *probe)
{
        if (!probe)
                return;
        pthread_mutex_lock(&probe->lock);
        probe->stop = true;
        pthread_cond_broadcast(&probe->work);
        bool last = probe->threads == 0;
        pthread_mutex_unlock(&probe->lock);
        if (last)
                probe_destroy(probe);
}

/* Locked by the caller. */
static struct entry *next_question(struct mount_probe *probe)
{
        map_foreach (row, &probe->entries) {
                struct entry *entry = row->value;
                if (entry->state == QUEUED)
                        return entry;
        }
        return NULL;
}

static void *answer_questions(void *cookie)
{
        struct mount_probe *probe = cookie;
        pthread_mutex_lock(&probe->lock);
        while (!probe->stop) {
                struct entry *entry = next_question(probe);
                if (!entry) {
                        probe->waiting++;
                        pthread_cond_wait(&probe->work, &probe->lock);
                        probe->waiting--;
                        continue;
                }
                entry->state = ASKED; /* is not removed while it is */
                probe->queued--;
                pthread_mutex_unlock(&probe->lock);
                struct mount_space space = { 0 };
                int errnum = probe->ask(probe->root, entry->point, &space);
                pthread_mutex_lock(&probe->lock);
                entry->state = IDLE;
                entry->answered = true;
                entry->errnum = errnum;
                entry->space = space;
                pthread_cond_signal(&probe->answer);
        }
        bool last = --probe->threads == 0;
        pthread_mutex_unlock(&probe->lock);
        if (last)
                probe_destroy(probe);
        return NULL;
}

/* Locked by the caller. Signals are the main thread's. */
static void start_thread(struct mount_probe *probe)
{
        pthread_attr_t attributes;
        pthread_t thread;
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        if (pthread_create(&thread, &attributes, answer_questions, probe) == 0)
                probe->threads++;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pthread_attr_destroy(&attributes);
}

void mount_probe_begin(struct mount_probe *probe)
{
        pthread_mutex_lock(&probe->lock);
        for (size_t i = 0; i < probe->entries.count;) {
                struct entry *entry = probe->entries.entries[i].value;
                if (entry->round == probe->round || entry->state == ASKED) {
                        i++;
                        continue;
                }
                probe->queued -= entry->state == QUEUED;
                map_remove(&probe->entries, sv_of(entry->point)); /* the last one moves here */
                entry_free(entry);
        }
        probe->round++;
        pthread_mutex_unlock(&probe->lock);
}

static struct entry *entry_new(struct mount_probe *probe, const char *point)
{
        struct entry *entry = calloc(1, sizeof(*entry));
        char *copy = strdup(point);
        if (entry && copy && map_put(&probe->entries, sv_of(point), entry) == 0) {
                entry->point = copy;
                return entry;
        }
        free(entry);
        free(copy);
        return NULL;
}

void mount_probe_queue(struct mount_probe *probe, const char *point)
{
        pthread_mutex_lock(&probe->lock);
        struct entry *entry = map_get(&probe->entries, sv_of(point));
        if (!entry)
                entry = entry_new(probe, point); /* without room it is silent */
        if (entry) {
                entry->round = probe->round;
                if (entry->state == IDLE && entry->queued != probe->round) {
                        entry->state = QUEUED;
                        entry->queued = probe->round;
                        entry->queued_ns = time_monotonic_ns();
                        probe->queued++;
                }
                if (probe->waiting >= probe->queued)
                        pthread_cond_signal(&probe->work);
                else if (probe->threads < MOUNT_PROBE_THREADS)
                        start_thread(probe);
        }
        pthread_mutex_unlock(&probe->lock);
}

/* Locked by the caller. */
static bool is_pending(const struct mount_probe *probe)
{
        map_foreach (row, &probe->entries) {
                const struct entry *entry = row->value;
                if (entry->state != IDLE && entry->queued == probe->round)
                        return true;
        }
        return false;
}

void mount_probe_wait(struct mount_probe *probe, int64_t wait_ns)
{
        int64_t end_ns = time_monotonic_ns() + wait_ns;
        struct timespec end = { .tv_sec = end_ns / SECOND, .tv_nsec = end_ns % SECOND };
        pthread_mutex_lock(&probe->lock);
        while (probe->threads && is_pending(probe))
                if (pthread_cond_timedwait(&probe->answer, &probe->lock, &end) != 0)
                        break;
        pthread_mutex_unlock(&probe->lock);
}

int mount_probe_result(struct mount_probe *probe, const char *point, struct mount_space *ret)
{
        int result = ETIMEDOUT;
        pthread_mutex_lock(&probe->lock);
        const struct entry *entry = map_get(&probe->entries, sv_of(point));
        bool late = entry && entry->state != IDLE && time_monotonic_ns() - entry->queued_ns > probe->timeout_ns;
        if (entry && entry->answered && !late) {
                result = entry->errnum;
                *ret = entry->space;
        }
        pthread_mutex_unlock(&probe->lock);
        return result;
}
