#include "module/local_agent.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/sv.h"
#include "base/timefmt.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

const char *local_agent_socket(char *ret)
{
        const char *run = getenv("XDG_RUNTIME_DIR");
        const char *named = getenv("TARSIER_SOCKET");
        if (named)
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "%s", named);
        else if (geteuid() != 0 && run)
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "%s/tarsier/api.sock", run);
        else
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "/run/tarsier/api.sock");
        return ret;
}

/* -1 with errno; EAGAIN: it listens, and many ask at once. */
static int connect_to(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        size_t length = strlen(path);
        errno = ENAMETOOLONG;
        if (length >= sizeof(address.sun_path))
                return -1;
        cleanup(fd_close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        memcpy(address.sun_path, path, length + 1);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -1;
        return take_fd(fd);
}

bool local_agent_answers(const char *path)
{
        cleanup(fd_close) int fd = connect_to(path);
        return fd >= 0 || errno == EAGAIN;
}

const char *local_agent_any(char *ret)
{
        if (geteuid() != 0 && !getenv("TARSIER_SOCKET") && !local_agent_answers(local_agent_socket(ret)))
                snprintf(ret, LOCAL_AGENT_SOCKET_MAX, "/run/tarsier/api.sock");
        else
                local_agent_socket(ret);
        return ret;
}

/* ---- what it says ---- */

enum { HEAD_MAX = 16 << 10, CHUNK = 16 << 10 };

struct question {
        int fd; /* -1: over */
        struct buf text;
};

/* HTTP/1.0: the answer is not in chunks and ends with the connection (RFC 9112 §6.3). */
static bool ask(struct question *question, const char *socket, const char *path, int *ret_errno)
{
        char text[512];
        int length = snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
        question->fd = connect_to(socket);
        *ret_errno = question->fd < 0 ? errno : 0;
        if (question->fd >= 0 && send(question->fd, text, (size_t)length, MSG_NOSIGNAL) != length)
                fd_close(&question->fd);
        return question->fd >= 0;
}

static void hear(struct question *question)
{
        char *room = buf_reserve(&question->text, CHUNK);
        ssize_t got = room ? read(question->fd, room, CHUNK) : 0;
        if (!room)
                buf_clear(&question->text); /* half of an answer is none */
        if (got > 0)
                question->text.len += (size_t)got;
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
                fd_close(&question->fd);
}

/* Until all have ended, or the time is over. */
static void hear_all(struct question *questions, size_t count, int64_t deadline_ns)
{
        for (;;) {
                struct pollfd fds[LOCAL_ANSWERS_MAX];
                bool open = false;
                for (size_t i = 0; i < count; i++) {
                        fds[i] = (struct pollfd){ .fd = questions[i].fd, .events = POLLIN };
                        open |= questions[i].fd >= 0;
                }
                int64_t left = deadline_ns - time_monotonic_ns();
                if (!open || left <= 0)
                        return;
                struct timespec wait = { left / SECOND, left % SECOND };
                if (ppoll(fds, count, &wait, NULL) < 0 && errno != EINTR)
                        return;
                for (size_t i = 0; i < count; i++)
                        if (fds[i].fd >= 0 && fds[i].revents)
                                hear(&questions[i]);
        }
}

/* "HTTP/1.1 200 OK", fields, an empty line, the body. */
static void take_answer(struct sv text, struct local_answer *ret)
{
        uint64_t status;
        const char *body = text.n ? memmem(text.p, text.n, "\r\n\r\n", 4) : NULL;
        if (!body || !sv_starts(text, SV("HTTP/1.")) || text.n < 12 || !sv_parse_u64(sv_n(text.p + 9, 3), 10, &status))
                return;
        size_t size = text.n - (size_t)(body + 4 - text.p);
        ret->body = strndup(body + 4, size); /* JSON has no NUL */
        if (!ret->body)
                return;
        ret->status = (int)status;
        ret->size = strlen(ret->body);
}

bool local_agent_get(const char *socket, const char *const *paths, int64_t timeout_ns, struct local_answer *ret)
{
        struct question questions[LOCAL_ANSWERS_MAX];
        const int64_t deadline_ns = time_monotonic_ns() + timeout_ns;
        bool there = false;
        size_t count = 0;
        memset(ret, 0, LOCAL_ANSWERS_MAX * sizeof(*ret));
        for (; paths[count] && count < LOCAL_ANSWERS_MAX; count++) {
                int why;
                buf_init(&questions[count].text, LOCAL_ANSWER_MAX + HEAD_MAX);
                there |= ask(&questions[count], socket, paths[count], &why) || why == EAGAIN;
                if (why != EACCES && why != EPERM)
                        continue;
                there = true;
                ret[count] = (struct local_answer){ 403, strdup(""), 0 };
        }
        hear_all(questions, count, deadline_ns);
        for (size_t i = 0; i < count; i++) {
                if (questions[i].fd < 0 && ret[i].status == 0)
                        take_answer(sv_n(buf_text(&questions[i].text), questions[i].text.len), &ret[i]);
                fd_close(&questions[i].fd);
                buf_done(&questions[i].text);
        }
        return there;
}

void local_answers_done(struct local_answer *answers)
{
        for (size_t i = 0; i < LOCAL_ANSWERS_MAX; i++)
                free(answers[i].body);
        memset(answers, 0, LOCAL_ANSWERS_MAX * sizeof(*answers));
}
