/* Killed children that do not end: SIGKILL does not wake a task in uninterruptible sleep (TASK_UNINTERRUPTIBLE), as one
 * is whose question a FUSE server has read and not answered (fs/fuse/dev.c, request_wait_answer), or which waits for a
 * dead disk. It never runs a line of its program again, but is there until the kernel lets it go. */
#include "module/worker_internal.h"

#include "base/timefmt.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The only state of the room that is shared by a whole process: children are the process's, too. */
static struct {
        pthread_mutex_t lock;
        struct {
                pid_t pid;
                int pidfd;
        } items[WORKER_LOST_MAX];
        size_t count;
        uint64_t total;
} lost = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* 'D', 'S', 'Z', …; 0: it cannot be read, it is gone. */
static char state_of_task(int tasks, const char *task)
{
        char path[300], text[512];
        snprintf(path, sizeof(path), "%s/stat", task);
        cleanup(fd_close) int fd = openat(tasks, path, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (size <= 0)
                return 0;
        text[size] = '\0';
        const char *name_end = strrchr(text, ')'); /* proc(5): "PID (NAME) STATE …", and names hold anything */
        return name_end && name_end[1] == ' ' ? name_end[2] : 0;
}

/* Any of its threads: the first one may be a zombie that waits for the others. */
static bool sleeps_for_good(pid_t pid)
{
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
        if (!tasks) {
                fd_close(&fd);
                return access("/proc/self", F_OK) < 0; /* without /proc nobody can tell; else it is about to end */
        }
        bool sleeps = false;
        for (const struct dirent *task; !sleeps && (task = readdir(tasks));)
                sleeps = task->d_name[0] != '.' && state_of_task(dirfd(tasks), task->d_name) == 'D';
        closedir(tasks);
        return sleeps;
}

bool worker_stuck(struct worker *worker)
{
        pthread_mutex_lock(&worker->lock);
        int64_t killed_ns = worker->killed_ns;
        pthread_mutex_unlock(&worker->lock);
        return killed_ns && time_monotonic_ns() - killed_ns >= WORKER_END_NS && !worker_exited(worker, NULL) &&
               sleeps_for_good(worker->pid);
}

bool worker_end_for_free(struct worker *worker)
{
        while (!worker_exited(worker, NULL)) {
                struct pollfd end = { .fd = worker->pidfd, .events = POLLIN };
                if (poll(&end, 1, 100) == 0 && worker_stuck(worker))
                        return false;
        }
        return true;
}

void worker_give_up(struct worker *worker)
{
        if (!worker)
                return;
        pthread_mutex_lock(&lost.lock);
        lost.total += worker->pid && !worker->exited;
        if (worker->pid && !worker->exited && lost.count < WORKER_LOST_MAX) {
                lost.items[lost.count].pid = worker->pid;
                lost.items[lost.count++].pidfd = worker->pidfd;
                worker->pidfd = -1;
        }
        pthread_mutex_unlock(&lost.lock);
        worker_release(worker);
}

size_t worker_lost(uint64_t *ret_total)
{
        pthread_mutex_lock(&lost.lock);
        for (size_t i = lost.count; i-- > 0;) {
                siginfo_t end = { 0 };
                int r;
                do
                        r = waitid(P_PIDFD, (id_t)lost.items[i].pidfd, &end, WEXITED | WNOHANG);
                while (r < 0 && errno == EINTR);
                if (r == 0 && end.si_pid == 0)
                        continue; /* it is still there; an error is a child that somebody else has waited for */
                close(lost.items[i].pidfd);
                lost.items[i] = lost.items[--lost.count];
        }
        size_t count = lost.count;
        if (ret_total)
                *ret_total = lost.total;
        pthread_mutex_unlock(&lost.lock);
        return count;
}
