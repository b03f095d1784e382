#include "module/worker.h"

#include "base/timefmt.h"
#include "module/worker_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/pidfd.h>

static const size_t options_max = 8 * MIB; /* of copied argument and environment texts */

static int64_t monotonic_now(void *cookie)
{
        (void)cookie;
        return time_monotonic_ns();
}

static char **copy_strings(struct arena *arena, const char *const *strings)
{
        size_t count = 0;
        while (strings[count])
                count++;
        char **copy = arena_array(arena, count + 1, sizeof(*copy));
        for (size_t i = 0; copy && i < count; i++) {
                copy[i] = arena_strdup(arena, strings[i]);
                if (!copy[i])
                        return NULL;
        }
        return copy;
}

/* What is sent, gathered until all options are seen. */
struct sent {
        const void *config_text;
        size_t config_length;
        const struct tarsier_config *config;
        const void *secret;
        size_t secret_length;
};

static int take_text(struct worker *worker, const char *text, const char **ret, struct error *err)
{
        if (!text || !*text)
                return fail(err, E_INVALID, "an option's text is empty");
        const char *copy = arena_strdup(&worker->options, text);
        if (!copy)
                return fail(err, E_NO_MEMORY, "the options are too large");
        *ret = copy;
        return 0;
}

static int take_strings(struct worker *worker, const char *const *strings, char ***ret, struct error *err)
{
        if (!strings)
                return fail(err, E_INVALID, "an option's list is missing");
        char **copy = copy_strings(&worker->options, strings);
        if (!copy)
                return fail(err, E_NO_MEMORY, "the options are too large");
        *ret = copy;
        return 0;
}

static int take_rlimit(struct worker *worker, const struct worker_option *option, struct error *err)
{
        if (worker->rlimits_count == WORKER_RLIMITS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d resource limits", WORKER_RLIMITS_MAX);
        if (option->rlimit.resource < 0 || option->rlimit.resource >= (int)RLIM_NLIMITS ||
                option->rlimit.soft > option->rlimit.hard)
                return fail(err, E_INVALID, "impossible resource limit %d", option->rlimit.resource);
        worker->rlimits[worker->rlimits_count++] =
                (struct worker_rlimit){ option->rlimit.resource, { option->rlimit.soft, option->rlimit.hard } };
        return 0;
}

static int take_option(struct worker *worker, const struct worker_option *option, struct sent *sent, struct error *err)
{
        switch (option->kind) {
        case WORKER_OPTION_END:
                return 0;
        case WORKER_OPTION_PROGRAM:
                return take_text(worker, option->text, &worker->program, err);
        case WORKER_OPTION_PROGRAM_FD:
                worker->program_fd = option->fd;
                return take_text(worker, option->text, &worker->program, err);
        case WORKER_OPTION_ARGV:
                return take_strings(worker, option->strings, &worker->argv, err);
        case WORKER_OPTION_ENVIRONMENT:
                return take_strings(worker, option->strings, &worker->environment, err);
        case WORKER_OPTION_CONFIG:
                sent->config = option->config;
                return 0;
        case WORKER_OPTION_CONFIG_TEXT:
                sent->config_text = option->bytes;
                sent->config_length = option->size;
                return 0;
        case WORKER_OPTION_SECRET:
                if (option->size > WORKER_SECRET_MAX)
                        return fail(err, E_TOO_LARGE, "secret is too large");
                sent->secret = option->bytes;
                sent->secret_length = option->size;
                return 0;
        case WORKER_OPTION_CLOCK:
                worker->clock = option->clock;
                return option->clock.now_ns ? 0 : fail(err, E_INVALID, "a clock without now_ns");
        case WORKER_OPTION_FILE:
                if (worker->files_count == WORKER_FILES_MAX)
                        return fail(err, E_TOO_LARGE, "more than %d extra files", WORKER_FILES_MAX);
                worker->files[worker->files_count++] = option->fd;
                return option->fd >= 0 ? 0 : fail(err, E_INVALID, "an extra file is not open");
        case WORKER_OPTION_STDIN:
        case WORKER_OPTION_STDOUT:
        case WORKER_OPTION_STDERR:
                worker->stdio[option->kind - WORKER_OPTION_STDIN] = option->fd;
                worker->stdio_given[option->kind - WORKER_OPTION_STDIN] = true;
                return 0;
        case WORKER_OPTION_DIRECTORY:
                return take_text(worker, option->text, &worker->directory, err);
        case WORKER_OPTION_UID:
                worker->uid = option->id;
                worker->uid_given = true;
                return 0;
        case WORKER_OPTION_GID:
                worker->gid = option->id;
                worker->gid_given = true;
                return 0;
        case WORKER_OPTION_RLIMIT:
                return take_rlimit(worker, option, err);
        case WORKER_OPTION_PROTOCOL:
                worker->protocol = option->flag;
                return 0;
        case WORKER_OPTION_SEED_FORM:
                worker->seed_form = option->flag;
                return 0;
        case WORKER_OPTION_AUTH_TIMEOUT:
                worker->auth_timeout_ns = option->time_ns;
                return option->time_ns > 0 ? 0 : fail(err, E_INVALID, "the auth timeout must be positive");
        case WORKER_OPTION_DEATH_SIGNAL:
                worker->death_signal = option->number;
                return 0;
        case WORKER_OPTION_SESSION:
                worker->session = option->flag;
                return 0;
        }
        return fail(err, E_INVALID, "unknown option: %d", (int)option->kind);
}

static int prepare_payload(struct worker *worker, const struct sent *sent, struct error *err)
{
        const void *text = sent->config_text ? sent->config_text : "{}";
        size_t length = sent->config_text ? sent->config_length : 2;
        cleanup(free) char *json = NULL;
        if (sent->config && !sent->config_text) {
                json = tarsier_config_serialize(sent->config, &length);
                if (!json)
                        return fail(err, E_NO_MEMORY, "serializing the configuration");
                text = json;
        }
        if (length > WORKER_CONFIG_MAX)
                return fail(err, E_TOO_LARGE, "configuration is too large");
        worker->payload = worker_make_payload(text, length, sent->secret, sent->secret_length, &worker->payload_length);
        return worker->payload ? 0 : fail(err, E_NO_MEMORY, "configuration and secret");
}

static int take_options(struct worker *worker, const struct worker_option *options, struct error *err)
{
        struct sent sent = { 0 };
        for (const struct worker_option *option = options; option->kind != WORKER_OPTION_END; option++)
                if (take_option(worker, option, &sent, err) < 0)
                        return -1;
        if (!worker->program)
                return fail(err, E_INVALID, "no program");
        if (!worker->argv && take_strings(worker, (const char *[]){ worker->program, NULL }, &worker->argv, err) < 0)
                return -1;
        return worker->protocol ? prepare_payload(worker, &sent, err) : 0;
}

struct worker *worker_new(const struct worker_option *options, struct error *err)
{
        struct worker *worker = calloc(1, sizeof(*worker));
        if (!worker)
                return fail_null(err, E_NO_MEMORY, "worker");
        arena_init(&worker->options, options_max);
        pthread_mutex_init(&worker->lock, NULL);
        worker->program_fd = worker->pidfd = worker->write_fd = worker->status_fd = -1;
        worker->clock = (struct worker_clock){ monotonic_now, -1, NULL };
        worker->protocol = true;
        worker->auth_timeout_ns = WORKER_AUTH_TIMEOUT_NS;
        worker->auth_deadline_ns = worker->doubt_deadline_ns = INT64_MAX;
        if (take_options(worker, options, err) < 0) {
                worker_free(worker);
                return NULL;
        }
        return worker;
}

void worker_free(struct worker *worker)
{
        if (!worker)
                return;
        struct error refused = { 0 };
        /* one that we may not kill, or that is stuck, is reaped later */
        bool refuses = worker->pid && worker_kill(worker, &refused) < 0 && refused.code != E_NOT_FOUND;
        if (worker->pid && (refuses || !worker_end_for_free(worker)))
                worker_give_up(worker);
        else
                worker_release(worker);
}

void worker_release(struct worker *worker)
{
        fd_close(&worker->pidfd);
        fd_close(&worker->status_fd);
        worker_drop_payload(worker);
        pthread_mutex_destroy(&worker->lock);
        arena_done(&worker->options);
        free(worker);
}

int worker_start(struct worker *worker, struct error *err)
{
        if (worker->pid)
                return fail(err, E_EXISTS, "the worker was started before");
        cleanup(fd_close) int data_read = -1, data_write = -1, status_read = -1, status_write = -1;
        if (worker->protocol) {
                int ends[2];
                if (pipe2(ends, O_CLOEXEC) < 0)
                        return fail_errno(err, "pipe");
                data_read = ends[0];
                data_write = ends[1];
                if (pipe2(ends, O_CLOEXEC) < 0)
                        return fail_errno(err, "pipe");
                status_read = ends[0];
                status_write = ends[1];
                /* Each end of a pipe has flags of its own: the child's stay blocking. */
                if (fcntl(data_write, F_SETFL, O_NONBLOCK) < 0 || fcntl(status_read, F_SETFL, O_NONBLOCK) < 0)
                        return fail_errno(err, "pipe");
        }
        if (worker_spawn(worker, data_read, status_write, err) < 0)
                return -1;
        fd_close(&data_read); /* before the first write, so that it can notice a child that is gone */
        fd_close(&status_write);

        pthread_mutex_lock(&worker->lock);
        worker->state = worker->protocol ? WORKER_HANDSHAKE : WORKER_READY;
        if (worker->protocol) {
                worker->write_fd = take_fd(data_write);
                worker->status_fd = take_fd(status_read);
                worker->auth_deadline_ns = worker_now_ns(worker) + worker->auth_timeout_ns;
                worker_progress_locked(worker);
        }
        pthread_mutex_unlock(&worker->lock);
        return 0;
}

static int64_t deadline_locked(const struct worker *worker)
{
        if (worker->state != WORKER_HANDSHAKE)
                return INT64_MAX;
        int64_t deadline_ns = worker->write_fd >= 0 ? worker->auth_deadline_ns : INT64_MAX;
        return worker->doubt_deadline_ns < deadline_ns ? worker->doubt_deadline_ns : deadline_ns;
}

/* Sleeps until something can have changed. Fds may be closed by another thread meanwhile: at worst one turn too many.
 */
static void wait_for_event(const struct worker *worker, struct pollfd *fds, nfds_t count, int64_t left_ns)
{
        if (worker->clock.wake_fd >= 0) {
                fds[count++] = (struct pollfd){ .fd = worker->clock.wake_fd, .events = POLLIN };
                left_ns = INT64_MAX;
        }
        struct timespec left = { left_ns / SECOND, left_ns % SECOND };
        ppoll(fds, count, left_ns == INT64_MAX ? NULL : &left, NULL);
}

/* Turns until the verdict or the end is there: true, or false at the deadline. */
static bool wait_until(struct worker *worker, bool for_end, int64_t timeout_ns)
{
        int64_t deadline_ns = timeout_ns > 0 ? worker_now_ns(worker) + timeout_ns : INT64_MAX;
        for (;;) {
                struct pollfd fds[4];
                nfds_t count = 0;
                pthread_mutex_lock(&worker->lock);
                worker_progress_locked(worker);
                bool done = for_end ? worker->exited : worker->state != WORKER_HANDSHAKE;
                if (!worker->exited)
                        fds[count++] = (struct pollfd){ .fd = worker->pidfd, .events = POLLIN };
                if (worker->status_fd >= 0)
                        fds[count++] = (struct pollfd){ .fd = worker->status_fd, .events = POLLIN };
                if (worker->write_fd >= 0)
                        fds[count++] = (struct pollfd){ .fd = worker->write_fd, .events = POLLOUT };
                int64_t next_ns = deadline_locked(worker);
                pthread_mutex_unlock(&worker->lock);
                if (done)
                        return true;

                int64_t now_ns = worker_now_ns(worker);
                if (now_ns >= deadline_ns)
                        return false;
                if (next_ns > deadline_ns)
                        next_ns = deadline_ns;
                int64_t left_ns = next_ns == INT64_MAX ? INT64_MAX : next_ns > now_ns ? next_ns - now_ns : 0;
                wait_for_event(worker, fds, count, left_ns);
        }
}

int worker_wait_for_ready(struct worker *worker, int64_t timeout_ns, struct error *err)
{
        if (!worker->protocol)
                return fail(err, E_INVALID, "not using protocol");
        if (!worker->pid)
                return fail(err, E_INVALID, "the worker was not started");
        if (!wait_until(worker, false, timeout_ns)) {
                struct error late = { 0 };
                fail(&late, E_TIMEOUT, "timeout waiting for child");
                pthread_mutex_lock(&worker->lock);
                if (worker->state == WORKER_HANDSHAKE)
                        worker_conclude(worker, &late);
                pthread_mutex_unlock(&worker->lock);
        }
        return worker_verdict(worker, err);
}

int worker_wait(struct worker *worker, int64_t timeout_ns, struct error *err)
{
        if (!worker->pid)
                return fail(err, E_NOT_FOUND, "no such process");
        if (!wait_until(worker, true, timeout_ns))
                return fail(err, E_TIMEOUT, "timeout waiting for child");
        return worker_exit_error(worker, err);
}

pid_t worker_pid(const struct worker *worker)
{
        return worker->pid;
}

pid_t worker_child_pid(const struct worker *worker)
{
        return worker->child_pid;
}

bool worker_exists(const struct worker *worker)
{
        struct pollfd end = { .fd = worker->pidfd, .events = POLLIN };
        return worker->pid && poll(&end, 1, 0) == 0;
}

int worker_signal(struct worker *worker, int signal, struct error *err)
{
        if (!worker->pid)
                return fail(err, E_NOT_FOUND, "no such process");
        if (pidfd_send_signal(worker->pidfd, signal, NULL, 0) == 0)
                return 0;
        return errno == ESRCH ? fail(err, E_NOT_FOUND, "no such process")
                              : fail_errno(err, "signal %d to process %d", signal, (int)worker->pid);
}

int worker_kill(struct worker *worker, struct error *err)
{
        if (worker_signal(worker, SIGKILL, err) < 0)
                return -1;
        pthread_mutex_lock(&worker->lock);
        if (!worker->killed_ns)
                worker->killed_ns = time_monotonic_ns();
        pthread_mutex_unlock(&worker->lock);
        return 0;
}

int worker_clean(struct worker *worker, struct error *err)
{
        struct error refused = { 0 };
        if (worker_kill(worker, &refused) < 0 && (!worker->pid || refused.code != E_NOT_FOUND)) {
                if (err)
                        *err = refused;
                return -1;
        }
        return worker_wait(worker, 0, err);
}

int worker_pidfd(const struct worker *worker)
{
        return worker->exited ? -1 : worker->pidfd;
}

int worker_status_fd(const struct worker *worker)
{
        return worker->status_fd;
}

int worker_write_fd(const struct worker *worker)
{
        return worker->write_fd;
}

int64_t worker_deadline_ns(const struct worker *worker)
{
        return deadline_locked(worker);
}

enum worker_state worker_progress(struct worker *worker)
{
        pthread_mutex_lock(&worker->lock);
        if (worker->pid)
                worker_progress_locked(worker);
        enum worker_state state = worker->state;
        pthread_mutex_unlock(&worker->lock);
        return state;
}

enum worker_state worker_state(const struct worker *worker)
{
        return worker->state;
}

int worker_verdict(struct worker *worker, struct error *err)
{
        pthread_mutex_lock(&worker->lock);
        enum worker_state state = worker->state;
        if (state == WORKER_FAILED && err)
                *err = worker->verdict;
        pthread_mutex_unlock(&worker->lock);
        if (state == WORKER_READY)
                return 0;
        return state == WORKER_FAILED ? -1 : fail(err, E_UNAVAILABLE, "the handshake is not over");
}

bool worker_exited(struct worker *worker, struct worker_exit *ret)
{
        worker_progress(worker);
        pthread_mutex_lock(&worker->lock);
        bool exited = worker->exited;
        if (exited && ret)
                *ret = worker->exit;
        pthread_mutex_unlock(&worker->lock);
        return exited;
}

const char *worker_state_name(enum worker_state state)
{
        static const char *const names[] = {
                [WORKER_NEW] = "new",
                [WORKER_HANDSHAKE] = "handshake",
                [WORKER_READY] = "ready",
                [WORKER_FAILED] = "failed",
        };
        return state <= WORKER_FAILED ? names[state] : "unknown";
}
