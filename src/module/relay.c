#include "module/relay.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

enum { TURNS_MAX = 16, REST_TURNS_MAX = 64, REST_WAIT_MS = 2000 };

struct relay {
        struct loop *loop;
        int from;
        loop_id read_id;
        loop_id write_id; /* of our stderr, while it is full: then nothing is read, and the worker waits */
        char text[PIPE_BUF];
        size_t length;
};

static void drop(struct relay *relay, loop_id *id)
{
        if (*id)
                loop_remove(relay->loop, *id);
        *id = 0;
}

/* A pipe that is ready takes PIPE_BUF bytes without blocking (pipe(7)); of one without a reader they are lost. */
static bool pass_on(struct relay *relay, int wait_ms)
{
        struct pollfd ready = { .fd = STDERR_FILENO, .events = POLLOUT };
        if (poll(&ready, 1, wait_ms) != 1)
                return false;
        if (!(ready.revents & (POLLERR | POLLNVAL)) && write(STDERR_FILENO, relay->text, relay->length) < 0)
                return errno != EINTR && errno != EAGAIN;
        relay->length = 0;
        return true;
}

/* -1: there is nothing more, ever. 0: not now. */
static int take(struct relay *relay)
{
        ssize_t got = read(relay->from, relay->text, sizeof(relay->text));
        if (got > 0)
                relay->length = (size_t)got;
        return got > 0 ? 1 : got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void on_event(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        struct relay *relay = cookie;
        (void)id;
        (void)events;
        int more = 1;
        for (int turn = 0; turn < TURNS_MAX && more > 0; turn++) {
                if (relay->length && !pass_on(relay, 0))
                        break;
                more = take(relay);
        }
        drop(relay, &relay->read_id);
        drop(relay, &relay->write_id);
        if (relay->length)
                loop_add_fd(loop, STDERR_FILENO, LOOP_WRITE, LOOP_LEVEL, on_event, relay, &relay->write_id, NULL);
        else if (more >= 0)
                loop_add_fd(loop, relay->from, LOOP_READ, LOOP_LEVEL, on_event, relay, &relay->read_id, NULL);
}

int relay_new(struct loop *loop, struct relay **ret, int *ret_end, struct error *err)
{
        struct stat st;
        int ends[2];
        *ret = NULL;
        *ret_end = -1;
        if (fstat(STDERR_FILENO, &st) < 0 || !S_ISFIFO(st.st_mode))
                return 0;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return fail_errno(err, "pipe");
        struct relay *relay = calloc(1, sizeof(*relay));
        if (!relay) {
                close(ends[0]);
                close(ends[1]);
                return fail(err, E_NO_MEMORY, "no memory for a run");
        }
        relay->loop = loop;
        relay->from = ends[0];
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ||
                loop_add_fd(loop, ends[0], LOOP_READ, LOOP_LEVEL, on_event, relay, &relay->read_id, err) < 0) {
                close(ends[1]);
                relay_free(relay);
                return -1;
        }
        *ret = relay;
        *ret_end = ends[1];
        return 0;
}

void relay_end(struct relay *relay)
{
        if (!relay || relay->from < 0)
                return;
        /* what is still in the pipe was said before the end: who reads slowly gets it too. Bounded: a process that the
         * worker left behind may go on talking */
        for (int turn = 0; turn < REST_TURNS_MAX; turn++)
                if ((relay->length && !pass_on(relay, REST_WAIT_MS)) || take(relay) <= 0)
                        break;
        if (relay->length)
                pass_on(relay, 0);
        drop(relay, &relay->read_id);
        drop(relay, &relay->write_id);
        fd_close(&relay->from);
}

void relay_free(struct relay *relay)
{
        if (!relay)
                return;
        drop(relay, &relay->read_id);
        drop(relay, &relay->write_id);
        fd_close(&relay->from);
        free(relay);
}
