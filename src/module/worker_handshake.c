#include "module/worker_internal.h"

#include "base/encode.h"
#include "base/sv.h"
#include "base/timefmt.h"

#include <ctype.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A process closes its files a moment before its end shows at the pidfd (kernel/exit.c, do_exit): a broken pipe waits
 * that long for the better explanation. */
static const int64_t doubt_ns = SECOND;

static const unsigned char status_end = 0xFF;

static char *put_text(char *out, const void *text, size_t length)
{
        for (int shift = 56; shift >= 0; shift -= 8)
                *out++ = (char)((uint64_t)length >> shift);
        if (length)
                memcpy(out, text, length);
        return out + length;
}

char *worker_make_payload(
        const void *config, size_t config_length, const void *secret, size_t secret_length, size_t *ret_length)
{
        size_t length = 16 + config_length + secret_length;
        char *payload = malloc(length);
        if (!payload)
                return NULL;
        put_text(put_text(payload, config, config_length), secret, secret_length);
        *ret_length = length;
        return payload;
}

void worker_drop_payload(struct worker *worker)
{
        fd_close(&worker->write_fd);
        if (worker->payload)
                explicit_bzero(worker->payload, worker->payload_length);
        free(worker->payload);
        worker->payload = NULL;
}

void worker_conclude(struct worker *worker, const struct error *verdict)
{
        worker->state = verdict ? WORKER_FAILED : WORKER_READY;
        if (verdict)
                worker->verdict = *verdict;
        worker->doubt_deadline_ns = INT64_MAX;
        fd_close(&worker->status_fd);
        worker_drop_payload(worker);
}

static void doubt(struct worker *worker, const char *what)
{
        if (worker->doubt_deadline_ns != INT64_MAX)
                return;
        fail(&worker->suspicion, E_PROTOCOL, "%s", what);
        worker->doubt_deadline_ns = worker_now_ns(worker) + doubt_ns;
}

/* write(2) without SIGPIPE: blocked meanwhile, and taken back if this write raised it (sigtimedwait(2)). */
static ssize_t write_quietly(int fd, const void *bytes, size_t size)
{
        sigset_t broken, before, pending;
        sigemptyset(&broken);
        sigaddset(&broken, SIGPIPE);
        sigpending(&pending);
        pthread_sigmask(SIG_BLOCK, &broken, &before);
        ssize_t n = write(fd, bytes, size);
        int saved = errno;
        if (n < 0 && saved == EPIPE && !sigismember(&pending, SIGPIPE))
                sigtimedwait(&broken, NULL, &(struct timespec){ 0 });
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = saved;
        return n;
}

static void write_payload(struct worker *worker)
{
        while (worker->payload_written < worker->payload_length) {
                ssize_t n = write_quietly(worker->write_fd, worker->payload + worker->payload_written,
                        worker->payload_length - worker->payload_written);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n < 0) {
                        doubt(worker, "partial write");
                        break;
                }
                worker->payload_written += (size_t)n;
        }
        worker_drop_payload(worker);
}

/* What a child said that is no status, for a message: printable, quoted as by Go's %q. */
static void quote(struct sv text, struct buf *out)
{
        buf_putc(out, '"');
        for (size_t i = 0; i < text.n && i < 100; i++) {
                unsigned char c = (unsigned char)text.p[i];
                if (c == '"' || c == '\\')
                        buf_printf(out, "\\%c", c);
                else if (c == '\n')
                        buf_puts(out, "\\n");
                else if (isprint(c))
                        buf_putc(out, (char)c);
                else
                        buf_printf(out, "\\x%02x", c);
        }
        buf_putc(out, '"');
}

static void conclude_from_status(struct worker *worker, struct sv status)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4 * WORKER_STATUS_MAX);
        struct error verdict = { 0 };
        struct sv ready = SV("ready::"), failed = SV("failed::");

        if (sv_starts(status, ready)) {
                struct sv digits = sv_n(status.p + ready.n, status.n - ready.n);
                uint64_t pid = (uint64_t)worker->pid; /* the older form names none */
                if (digits.n == 0 || (sv_parse_u64(digits, 10, &pid) && pid > 0 && pid <= INT32_MAX)) {
                        worker->child_pid = (pid_t)pid;
                        worker_conclude(worker, NULL);
                        return;
                }
                quote(digits, &text);
                fail(&verdict, E_PROTOCOL, "bad process id in the ready status: %s", buf_text(&text));
        } else if (sv_starts(status, failed)) {
                utf8_sanitize(sv_n(status.p + failed.n, status.n - failed.n), &text);
                fail(&verdict, E_FAILED, "%s", buf_text(&text));
        } else {
                quote(status, &text);
                fail(&verdict, E_PROTOCOL, "unrecognised status from subprocess: %s", buf_text(&text));
        }
        worker_conclude(worker, &verdict);
}

/* A status ends at 0xFF or with the pipe; the older form is whatever one read of at most 100 bytes brings. */
static void read_status(struct worker *worker)
{
        bool ended = false;
        while (!ended) {
                size_t room =
                        worker->seed_form ? TARSIER_CHILD_SEED_STATUS_MAX : WORKER_STATUS_MAX - worker->status_length;
                if (room == 0)
                        break;
                ssize_t n = read(worker->status_fd, worker->status + worker->status_length, room);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return;
                if (n <= 0) {
                        fd_close(&worker->status_fd);
                        if (worker->status_length == 0) {
                                doubt(worker, "the child closed its status pipe without a status");
                                return;
                        }
                        break;
                }
                worker->status_length += (size_t)n;
                ended = worker->seed_form || memchr(worker->status, status_end, worker->status_length);
        }
        const char *end = memchr(worker->status, status_end, worker->status_length);
        size_t length = end ? (size_t)(end - worker->status) : worker->status_length;
        conclude_from_status(worker, sv_n(worker->status, length));
}

/* waitid(2) itself, since glibc's leaves out the resource usage. */
static void reap(struct worker *worker)
{
        siginfo_t end = { 0 };
        struct rusage usage = { 0 };
        long r;
        do
                r = syscall(SYS_waitid, P_PIDFD, worker->pidfd, &end, WEXITED | WNOHANG, &usage);
        while (r < 0 && errno == EINTR);
        if (r == 0 && end.si_pid == 0)
                return;
        worker->exited = true;
        worker->exit.status = -1;
        if (r < 0) { /* ECHILD: somebody ignores SIGCHLD or waits for all children */
                worker->exit_lost = true;
                return;
        }
        if (end.si_code == CLD_EXITED)
                worker->exit.status = end.si_status;
        else
                worker->exit.signal = end.si_status;
        worker->exit.core = end.si_code == CLD_DUMPED;
        worker->exit.max_rss = (uint64_t)usage.ru_maxrss * KIB;
        worker->exit.cpu_ns = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
                              (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * MICROSECOND;
}

int worker_exit_error(const struct worker *worker, struct error *err)
{
        const struct worker_exit *end = &worker->exit;
        if (worker->exit_lost)
                return fail(err, E_FAILED, "the exit status is lost: another part of the process waited for the child");
        if (end->signal) {
                char name[64];
                const char *text = sigdescr_np(end->signal);
                snprintf(name, sizeof(name), "%s", text ? text : "unknown");
                name[0] = (char)tolower((unsigned char)name[0]);
                return fail(err, E_FAILED, "signal: %s%s", name, end->core ? " (core dumped)" : "");
        }
        if (end->status)
                return fail(err, E_FAILED, "exit status %d", end->status);
        return 0;
}

/* The verdict that follows from the child's end. A setuid helper may have ended well and left the status to the program
 * it started: as long as somebody holds the other end of the pipe, that is no failure. */
static void conclude_from_exit(struct worker *worker)
{
        struct error verdict = { 0 };
        if (worker_exit_error(worker, &verdict) < 0) {
                worker_conclude(worker, &verdict);
        } else if (worker->status_fd < 0) {
                fail(&verdict, E_FAILED, "the child ended with exit status 0 before it was ready");
                worker_conclude(worker, &verdict);
        }
}

void worker_progress_locked(struct worker *worker)
{
        /* Asked first: what a dead child wrote is in the pipe by then. */
        if (worker->pidfd >= 0 && !worker->exited)
                reap(worker);
        if (worker->state != WORKER_HANDSHAKE)
                return;
        if (worker->write_fd >= 0)
                write_payload(worker);
        if (worker->status_fd >= 0)
                read_status(worker);
        if (worker->state == WORKER_HANDSHAKE && worker->exited)
                conclude_from_exit(worker);
        if (worker->state != WORKER_HANDSHAKE)
                return;

        int64_t now_ns = worker_now_ns(worker);
        if (now_ns >= worker->doubt_deadline_ns) {
                worker_conclude(worker, &worker->suspicion);
        } else if (worker->write_fd >= 0 && now_ns >= worker->auth_deadline_ns) {
                struct error verdict = { 0 };
                fail(&verdict, E_TIMEOUT, "timeout in auth handshake");
                worker_conclude(worker, &verdict);
        }
}
