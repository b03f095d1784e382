/* Looks at files that may never be answered: behind a mount stands a server that is gone, or a program (FUSE) that
 * keeps silent, and whoever asks sleeps in the kernel. So a thread asks; one that does not come back in time stays
 * behind with what it was asked for, until the run ends. */
#include "modules/report/checks/bounded.h"

#include "base/cleanup.h"
#include "linux/open_in_root.h"

#include <fcntl.h>
#include <pthread.h>

enum { STACK = 128 << 10, CHUNK = 64 << 10 };

struct asker {
        pthread_mutex_t lock;
        pthread_cond_t work, answer;
        struct question *question; /* NULL: idle */
        bool done, left;           /* left: nobody waits any more; the thread frees all of it */
};

static void question_free(struct question *question)
{
        buf_done(&question->text);
        free(question);
}

static void asker_free(struct asker *asker)
{
        pthread_cond_destroy(&asker->work);
        pthread_cond_destroy(&asker->answer);
        pthread_mutex_destroy(&asker->lock);
        free(asker);
}

static void *ask_questions(void *cookie)
{
        struct asker *asker = cookie;
        pthread_mutex_lock(&asker->lock);
        while (!asker->left) {
                struct question *question = asker->question;
                if (!question || asker->done) {
                        pthread_cond_wait(&asker->work, &asker->lock);
                        continue;
                }
                pthread_mutex_unlock(&asker->lock);
                question->errnum = question->ask(question);
                pthread_mutex_lock(&asker->lock);
                asker->done = true;
                pthread_cond_signal(&asker->answer);
        }
        pthread_mutex_unlock(&asker->lock);
        if (asker->question)
                question_free(asker->question);
        asker_free(asker);
        return NULL;
}

static struct asker *asker_new(void)
{
        struct asker *asker = calloc(1, sizeof(*asker));
        pthread_condattr_t clock;
        pthread_attr_t attributes;
        pthread_t thread;
        if (!asker)
                return NULL;
        pthread_condattr_init(&clock);
        pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
        pthread_mutex_init(&asker->lock, NULL);
        pthread_cond_init(&asker->work, &clock);
        pthread_cond_init(&asker->answer, &clock);
        pthread_condattr_destroy(&clock);
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, STACK);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        int status = pthread_create(&thread, &attributes, ask_questions, asker);
        pthread_attr_destroy(&attributes);
        if (status == 0)
                return asker;
        asker_free(asker);
        return NULL;
}

void bounded_end(struct look *look)
{
        struct asker *asker = look->asker;
        if (!asker)
                return;
        pthread_mutex_lock(&asker->lock);
        asker->left = true;
        pthread_cond_signal(&asker->work);
        pthread_mutex_unlock(&asker->lock);
        look->asker = NULL;
}

/* True when it has answered; else the question is the thread's. */
static bool wait_for_answer(struct asker *asker, struct question *question)
{
        int64_t until = time_monotonic_ns() + LOOK_PATIENCE_MS * MILLISECOND;
        struct timespec deadline = { until / SECOND, until % SECOND };
        pthread_mutex_lock(&asker->lock);
        asker->question = question;
        asker->done = false;
        pthread_cond_signal(&asker->work);
        while (!asker->done && pthread_cond_timedwait(&asker->answer, &asker->lock, &deadline) != ETIMEDOUT)
                ;
        bool done = asker->done;
        asker->left = !done;
        if (done)
                asker->question = NULL;
        pthread_mutex_unlock(&asker->lock);
        return done;
}

/* 0, or an errno: ETIMEDOUT, and *question is NULL. */
static int ask(struct look *look, enum look_owner owner, struct question **question)
{
        static const unsigned silent_max[] = { [OF_SYSTEM] = 16, [OF_USERS] = 8 };
        struct asker *asker = look->asker;
        int errnum = ETIMEDOUT;
        if (look->silent[owner] >= silent_max[owner]) { /* users could hold the run as often as they like */
                question_free(*question);
                *question = NULL;
                return errnum;
        }
        if (!asker)
                asker = look->asker = asker_new();
        if (!asker) /* no thread to be had: better to look than not to */
                return (*question)->errnum = (*question)->ask(*question);
        if (wait_for_answer(asker, *question))
                return (*question)->errnum;
        *question = NULL;
        look->asker = NULL;
        look->silent[owner]++;
        return errnum;
}

static struct question *question_new(int (*what)(struct question *), int directory, const char *path, size_t max)
{
        struct question *question = calloc(1, sizeof(*question));
        if (!question)
                return NULL;
        buf_init(&question->text, max);
        question->ask = what;
        question->directory = directory;
        if ((size_t)snprintf(question->path, sizeof(question->path), "%s", path) < sizeof(question->path))
                return question;
        question_free(question);
        return NULL;
}

const char *look_why(int errnum)
{
        return errnum == ETIMEDOUT ? "its file system does not answer" : errno_text(errnum);
}

/* ---- what is asked ---- */

static int ask_stat(struct question *question)
{
        return fstatat(question->directory, question->path, &question->st, question->flags) < 0 ? errno : 0;
}

int look_stat_at(struct look *look, enum look_owner owner, int directory, const char *path, int flags, struct stat *ret)
{
        struct question *question = question_new(ask_stat, directory, path, 0);
        int errnum = ENAMETOOLONG;
        if (question) {
                question->flags = flags;
                errnum = ask(look, owner, &question);
        }
        if (errnum == 0)
                *ret = question->st;
        if (question)
                question_free(question);
        errno = errnum;
        return errnum ? -1 : 0;
}

int look_stat(struct look *look, struct finding *finding, const char *path, int flags, struct stat *ret)
{
        int status = look_stat_at(look, OF_SYSTEM, look->root, path, flags, ret);
        if (status < 0 && errno == ETIMEDOUT && finding)
                finding_blind(finding, path, look_why(ETIMEDOUT));
        return status;
}

static int ask_usage(struct question *question)
{
        struct error err = { 0 };
        if (filesystem_usage_read(question->directory, question->path, &question->usage, &err) == 0)
                return 0;
        return err.errnum ? err.errnum : EIO;
}

int look_usage(struct look *look, const char *path, struct filesystem_usage *ret)
{
        struct question *question = question_new(ask_usage, look->root, path, 0);
        int errnum = question ? ask(look, OF_SYSTEM, &question) : ENAMETOOLONG;
        if (errnum == 0)
                *ret = question->usage;
        if (question)
                question_free(question);
        errno = errnum;
        return errnum ? -1 : 0;
}

/* Into the text, which has the ceiling. */
static int ask_text(struct question *question)
{
        struct buf *text = &question->text;
        cleanup(fd_close) int fd = open_in_root(question->directory, question->path, O_RDONLY);
        if (fd < 0 || fstat(fd, &question->st) < 0)
                return errno;
        while (S_ISREG(question->st.st_mode)) {
                size_t left = text->max - text->len;
                /* files of /proc and /sys do not tell their size */
                char *room = left ? buf_reserve(text, left < CHUNK ? left : CHUNK) : NULL;
                if (!room)
                        return EFBIG;
                ssize_t n = read(fd, room, left < CHUNK ? left : CHUNK);
                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return errno;
                text->len += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

int look_text_of(struct look *look, const char *path, size_t max, struct stat *ret_st, struct sv *ret)
{
        struct question *question = question_new(ask_text, look->root, path, max);
        int errnum = question ? ask(look, OF_SYSTEM, &question) : ENAMETOOLONG;
        if (errnum == 0) {
                char *copy = arena_strndup(look->arena, buf_text(&question->text), question->text.len);
                errnum = copy ? 0 : ENOMEM;
                *ret = sv_n(copy ? copy : "", copy ? question->text.len : 0);
                *ret_st = question->st;
        }
        if (question)
                question_free(question);
        errno = errnum;
        return errnum ? -1 : 0;
}

/* The directory's own stat, and a mode and a name for each entry; without stats the modes are 0. */
static int ask_entries(struct question *question)
{
        int fd = openat(question->directory, question->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *dir = fd < 0 || fstat(fd, &question->st) < 0 ? NULL : fdopendir(fd);
        size_t count = 0;
        if (!dir) {
                int errnum = errno;
                fd_close(&fd);
                return errnum;
        }
        for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
                struct stat st = { 0 };
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (question->flags && fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (count++ == REPORT_FILES_MAX) {
                        question->full = true;
                        break;
                }
                buf_append(&question->text, &st.st_mode, sizeof(st.st_mode));
                buf_append(&question->text, entry->d_name, strlen(entry->d_name) + 1);
        }
        return question->text.failed ? ENOMEM : 0;
}

static int compare_entries(const void *a, const void *b)
{
        return strcmp(((const struct look_entry *)a)->name, ((const struct look_entry *)b)->name);
}

static int take_entries(struct look *look, const struct question *question, struct look_entries *ret)
{
        const char *text = question->text.len ? question->text.data : NULL, *end = text + question->text.len;
        size_t count = 0;
        for (const char *at = text; at < end; at += sizeof(mode_t) + strlen(at + sizeof(mode_t)) + 1)
                count++;
        ret->items = arena_array(look->arena, count + 1, sizeof(*ret->items));
        if (!ret->items)
                return ENOMEM;
        for (const char *at = text; at < end; at += sizeof(mode_t) + strlen(at + sizeof(mode_t)) + 1) {
                struct look_entry *entry = &ret->items[ret->count];
                memcpy(&entry->mode, at, sizeof(entry->mode));
                entry->name = arena_strdup(look->arena, at + sizeof(mode_t));
                if (!entry->name)
                        return ENOMEM;
                ret->count++;
        }
        ret->mode = question->st.st_mode;
        if (ret->count > 1)
                qsort(ret->items, ret->count, sizeof(*ret->items), compare_entries);
        return 0;
}

struct look_entries look_entries(struct look *look, struct finding *finding, const char *directory, bool modes)
{
        enum { NAMES_MAX = 8 << 20 };
        struct look_entries entries = { 0 };
        struct question *question = question_new(ask_entries, look->root, directory, NAMES_MAX);
        int errnum = ENAMETOOLONG;
        if (question) {
                question->flags = modes;
                errnum = ask(look, OF_SYSTEM, &question);
        }
        if (errnum == 0)
                errnum = take_entries(look, question, &entries);
        if (finding && errnum && errnum != ENOENT && errnum != ENOTDIR)
                finding_blind(finding, directory, look_why(errnum));
        else if (finding && errnum == 0 && question->full)
                finding_blind(finding, directory, "too many files");
        if (question)
                question_free(question);
        return entries;
}
