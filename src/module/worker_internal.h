/* What the worker*.c files share; nobody else includes it. */
#pragma once

#include "base/arena.h"
#include "module/worker.h"

#include <pthread.h>
#include <sys/resource.h>

struct worker_rlimit {
        int resource;
        struct rlimit64 value;
};

struct worker {
        /* from the options */
        struct arena options; /* owns the texts and lists below */
        const char *program;
        int program_fd; /* -1: execute the path */
        char **argv;
        char **environment; /* NULL: the parent's */
        struct worker_clock clock;
        int files[WORKER_FILES_MAX];
        unsigned files_count;
        int stdio[3];
        bool stdio_given[3]; /* with fd -1: /dev/null */
        const char *directory;
        bool uid_given, gid_given;
        uid_t uid;
        gid_t gid;
        struct worker_rlimit rlimits[WORKER_RLIMITS_MAX];
        unsigned rlimits_count;
        bool protocol, seed_form, session;
        int death_signal;
        int64_t auth_timeout_ns;

        /* set by worker_start, constant afterwards */
        pid_t pid;
        int pidfd;

        pthread_mutex_t lock; /* guards all that follows */
        char *payload;        /* configuration and secret as they go over the pipe; NULL once written */
        size_t payload_length, payload_written;
        int write_fd;  /* of the payload */
        int status_fd; /* both -1 once done with */
        int64_t auth_deadline_ns;

        char status[WORKER_STATUS_MAX + 1];
        size_t status_length;

        enum worker_state state;
        struct error verdict;
        struct error suspicion; /* the verdict if the child's end does not come by doubt_deadline_ns to explain it */
        int64_t doubt_deadline_ns;
        pid_t child_pid;

        int64_t killed_ns; /* by the monotonic clock, whatever `clock` is; 0: not by us */
        bool exited, exit_lost;
        struct worker_exit exit;
};

/* worker_spawn.c: clone and exec; data_fd and status_fd become 3 and 4 of the child, or are -1. Sets pid and pidfd. */
int worker_spawn(struct worker *worker, int data_fd, int status_fd, struct error *err);

/* worker_handshake.c; all with the lock held. */
char *worker_make_payload(
        const void *config, size_t config_length, const void *secret, size_t secret_length, size_t *ret_length);
void worker_drop_payload(struct worker *worker);
void worker_progress_locked(struct worker *worker);
void worker_conclude(struct worker *worker, const struct error *verdict); /* NULL: ready */

/* worker_lost.c: waits for the end of a killed child; false: it is stuck. */
bool worker_end_for_free(struct worker *worker);
/* Frees what is ours; the child is not waited for. */
void worker_release(struct worker *worker);

static inline int64_t worker_now_ns(const struct worker *worker)
{
        return worker->clock.now_ns(worker->clock.cookie);
}

/* The exit as an error: 0 for status 0. */
int worker_exit_error(const struct worker *worker, struct error *err);
