#include "modules/net/talk.h"

#include "base/cleanup.h"

#include <poll.h>

#define TALK_STAGGER (250 * MILLISECOND) /* the connection attempt delay of RFC 8305 */

enum { TALK_READ = 16 << 10 };

static void fail_attempt(struct talker *talker, struct talk_attempt *attempt, int errnum)
{
        struct socket_error report;
        char text[192];
        snprintf(text, sizeof(text), "%s", errno_text(errnum));
        if (attempt->fd >= 0 && errnum != ETIMEDOUT && socket_error_take(attempt->fd, &report) && report.icmp)
                socket_error_format(&report, text, sizeof(text));
        attempt->row->state = TALK_FAILED;
        attempt->row->failure = arena_strdup(&talker->run->arena, text);
        attempt->over = true;
        fd_close(&attempt->fd);
}

static void open_attempt(struct talker *talker, struct talk_attempt *attempt, int type)
{
        struct error ignored;
        attempt->row->state = TALK_TRIED;
        attempt->started_ns = time_monotonic_ns();
        attempt->fd = socket(attempt->address.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (attempt->fd < 0) {
                fail_attempt(talker, attempt, errno);
                return;
        }
        socket_error_ask(attempt->fd, attempt->address.any.sa_family, &ignored);
        if (connect(attempt->fd, &attempt->address.any, attempt->address.size) < 0 && errno != EINPROGRESS)
                fail_attempt(talker, attempt, errno);
}

static void succeed(struct talk_attempt *attempt)
{
        attempt->row->state = TALK_CONNECTED;
        attempt->row->latency = (double)(time_monotonic_ns() - attempt->started_ns) / (double)MILLISECOND;
}

/* Looks at an attempt under way; true when it connected. */
static bool look(struct talker *talker, struct talk_attempt *attempt, short events)
{
        int status = 0;
        socklen_t size = sizeof(status);
        if (attempt->over || attempt->fd < 0)
                return false;
        if (events) {
                getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &status, &size);
                if (status == 0) {
                        succeed(attempt);
                        return true;
                }
                fail_attempt(talker, attempt, status);
        } else if (time_monotonic_ns() >= attempt->started_ns + talker->timeout_ns) {
                fail_attempt(talker, attempt, ETIMEDOUT);
        }
        return false;
}

/* When the next address is due: at once when none is under way, else a while after the last one began. */
static int64_t next_due(const struct talker *talker, size_t begun)
{
        int64_t due = 0;
        for (size_t i = 0; i < begun; i++)
                if (!talker->attempts[i].over)
                        due = talker->attempts[begun - 1].started_ns + TALK_STAGGER;
        return due;
}

struct talk_attempt *talk_connect(struct talker *talker, struct error *err)
{
        struct pollfd fds[TALK_ADDRESSES_MAX] = { 0 };
        size_t begun = 0;
        for (;;) {
                for (size_t i = 0; i < begun; i++)
                        if (look(talker, &talker->attempts[i], fds[i].revents))
                                return &talker->attempts[i];
                while (begun < talker->count && time_monotonic_ns() >= next_due(talker, begun))
                        open_attempt(talker, &talker->attempts[begun++], SOCK_STREAM);
                int64_t due = begun < talker->count ? next_due(talker, begun) : INT64_MAX;
                size_t waiting = 0;
                for (size_t i = 0; i < begun; i++) {
                        struct talk_attempt *attempt = &talker->attempts[i];
                        fds[i] = (struct pollfd){ attempt->over ? -1 : attempt->fd, POLLOUT, 0 };
                        waiting += !attempt->over;
                        if (!attempt->over && attempt->started_ns + talker->timeout_ns < due)
                                due = attempt->started_ns + talker->timeout_ns;
                }
                if (!waiting && begun == talker->count)
                        return NULL;
                int64_t left = due - time_monotonic_ns();
                if (run_poll(talker->run, fds, begun, left > 0 ? left : 0, err) < 0)
                        return NULL;
        }
}

/* Takes what is there, up to the limit. True at the end. */
static bool take(struct talker *talker, int fd, bool datagrams)
{
        for (;;) {
                if (talker->in.len >= talker->max_bytes) {
                        talker->ended = "limit";
                        return true;
                }
                size_t room = talker->max_bytes - talker->in.len;
                size_t size = datagrams ? 65536 : room < TALK_READ ? room : TALK_READ;
                char *at = buf_reserve(&talker->in, size);
                ssize_t got = !at           ? -1
                              : talker->tls ? talk_tls_recv(talker, at, size)
                                            : recv(fd, at, size, MSG_DONTWAIT);
                if (talker->ended)
                        return true;
                if (got < 0 && at && (errno == EAGAIN || errno == EINTR))
                        return false;
                if (got < 0 || (got == 0 && !datagrams)) {
                        talker->ended = got == 0 ? "closed" : at ? errno_text(errno) : "limit";
                        return true;
                }
                talker->in.len += (size_t)got < room ? (size_t)got : room;
                talker->in.data[talker->in.len] = '\0';
        }
}

static ssize_t send_more(struct talker *talker, int fd)
{
        const char *bytes = talker->out.data + talker->sent;
        size_t size = talker->out.len - talker->sent;
        return talker->tls ? talk_tls_send(talker, bytes, size) : send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int talk_exchange(struct talker *talker, struct talk_attempt *attempt, struct error *err)
{
        bool reset = false;
        if (talker->tls)
                take(talker, attempt->fd, false); /* what came with the handshake no poll tells of */
        while (!talker->ended) {
                bool more = talker->sent < talker->out.len;
                struct pollfd fd = { attempt->fd, (short)(POLLIN | (more ? POLLOUT : 0)), 0 };
                int ready = run_poll(talker->run, &fd, 1, talker->wait_ns, err);
                if (ready < 0) {
                        talker->ended = "stopped";
                        return err->code == E_STOPPED ? 0 : -1;
                }
                if (ready == 0)
                        talker->ended = "silence";
                if (ready > 0 && more && (fd.revents & POLLOUT)) {
                        ssize_t put = send_more(talker, attempt->fd);
                        talker->sent += put > 0 ? (size_t)put : 0;
                        reset |= put < 0 && errno == ECONNRESET; /* what came before it can be read, once */
                        if (put < 0 && !talker->ended && !reset && errno != EAGAIN && errno != EINTR && errno != EPIPE)
                                talker->ended = errno_text(errno);
                }
                if (ready > 0 && !talker->ended && (reset || (fd.revents & (POLLIN | POLLHUP | POLLERR))))
                        take(talker, attempt->fd, false);
                if (reset && (!talker->ended || strcmp(talker->ended, "closed") == 0))
                        talker->ended = errno_text(ECONNRESET);
        }
        return 0;
}

/* One address: sends, and waits for the first answer, then for more. 1 answered, 0 not, -1 stopped. */
static int ask(struct talker *talker, struct talk_attempt *attempt, struct error *err)
{
        open_attempt(talker, attempt, SOCK_DGRAM);
        if (attempt->over)
                return 0;
        if (send(attempt->fd, buf_text(&talker->out), talker->out.len, MSG_NOSIGNAL) < 0) {
                fail_attempt(talker, attempt, errno);
                return 0;
        }
        talker->sent = talker->out.len;
        bool answered = false;
        while (!talker->ended) {
                struct pollfd fd = { attempt->fd, POLLIN, 0 };
                int ready = run_poll(talker->run, &fd, 1, answered ? talker->wait_ns : talker->timeout_ns, err);
                if (ready < 0) {
                        talker->ended = "stopped";
                        return -1;
                }
                if (ready == 0 && !answered) {
                        fail_attempt(talker, attempt, ETIMEDOUT);
                        return 0;
                }
                if (ready == 0) {
                        talker->ended = "silence";
                } else if (take(talker, attempt->fd, true) && !answered && talker->in.len == 0) {
                        talker->ended = NULL;
                        fail_attempt(talker, attempt, errno);
                        return 0;
                } else if (!answered && talker->in.len) {
                        answered = true;
                        succeed(attempt);
                }
        }
        return 1;
}

struct talk_attempt *talk_exchange_datagrams(struct talker *talker, struct error *err)
{
        for (size_t i = 0; i < talker->count; i++) {
                int status = ask(talker, &talker->attempts[i], err);
                if (status)
                        return status > 0 || talker->in.len ? &talker->attempts[i] : NULL;
        }
        return NULL;
}

void talk_close(struct talker *talker)
{
        talk_tls_close(talker);
        for (size_t i = 0; i < talker->count; i++)
                fd_close(&talker->attempts[i].fd);
        buf_done(&talker->out);
        buf_done(&talker->in);
}
