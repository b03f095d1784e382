#include "loop/stream.h"

#include "loop/reactor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum {
        READ_STEP_MIN = 2048, /* first read of a quiet stream; doubles while the kernel has more */
        KEEP_EMPTY = 4096,    /* an empty buffer larger than this gives its memory back: idle streams are many */
};

struct stream {
        struct loop *loop;
        struct stream *next, *previous; /* in loop->streams */
        int fd;
        loop_id fd_id;
        uint32_t interest;
        const struct stream_callbacks *callbacks;
        void *cookie;
        struct buf input;
        struct buf output;
        size_t written; /* of output; consumed lazily, not byte by byte */
        size_t high_water;
        size_t read_step;
        struct stream_counters counters;
        int depth;  /* callbacks under way */
        int broken; /* errno of a write that failed, reported from the loop */
        bool is_socket;
        bool paused;        /* by the user */
        bool above;         /* the queue passed high_water and has not drained since */
        bool ended;         /* the peer closed its half */
        bool shutting_down; /* half close when the queue is empty */
        bool shut_down;
        bool finishing; /* close when the queue is empty */
        bool hung;      /* the peer hung up while we do not read: nothing to do, perhaps bytes to read */
        bool offering;  /* on_read is under way */
        bool closed;
        void (*gone)(struct stream *stream, void *owner); /* the pool's count */
        void *owner;
};

static const struct stream_callbacks no_callbacks;

static void stream_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie);

static void stream_destroy(struct stream *stream)
{
        if (stream->callbacks->on_close) {
                stream->depth++; /* an on_close that closes again must not come back here */
                stream->callbacks->on_close(stream, stream->cookie);
        }
        if (stream->gone)
                stream->gone(stream, stream->owner);
        buf_done(&stream->input);
        buf_done(&stream->output);
        free(stream);
}

static void enter(struct stream *stream)
{
        stream->depth++;
}

static void leave(struct stream *stream)
{
        if (--stream->depth == 0 && stream->closed)
                stream_destroy(stream);
}

size_t stream_queued(const struct stream *stream)
{
        return stream->output.len - stream->written;
}

/* What the stream waits for follows from its state; called after each change of it. */
static void update_interest(struct stream *stream)
{
        if (stream->closed)
                return;
        bool reads = !stream->paused && !stream->above && !stream->ended && !stream->finishing;
        bool writes = stream_queued(stream) || stream->broken || (stream->shutting_down && !stream->shut_down) ||
                      stream->finishing;
        uint32_t interest = (reads ? LOOP_READ : 0) | (writes ? LOOP_WRITE : 0);
        /* A hang-up cannot be masked, but EPOLLONESHOT silences it until somebody wants to read again. */
        if (!interest && stream->hung)
                interest = EPOLLONESHOT;
        if (interest == stream->interest)
                return;
        if (loop_modify_fd(stream->loop, stream->fd_id, interest, NULL) == 0)
                stream->interest = interest;
}

static void break_stream(struct stream *stream, const struct error *error)
{
        if (stream->closed)
                return;
        if (stream->callbacks->on_error)
                stream->callbacks->on_error(stream, error, stream->cookie);
        stream_close(stream);
}

static void break_with_errno(struct stream *stream, int errnum, const char *what)
{
        struct error error;
        errno = errnum;
        fail_errno(&error, "%s", what);
        break_stream(stream, &error);
}

static ssize_t send_some(struct stream *stream, const char *bytes, size_t size)
{
        ssize_t sent;
        do
                sent = stream->is_socket ? send(stream->fd, bytes, size, MSG_NOSIGNAL) : write(stream->fd, bytes, size);
        while (sent < 0 && errno == EINTR);
        if (sent > 0)
                stream->counters.bytes_written += (uint64_t)sent;
        return sent;
}

static bool would_block(int errnum)
{
        return errnum == EAGAIN || errnum == EWOULDBLOCK;
}

static void free_if_large(struct buf *buf)
{
        if (buf->len == 0 && buf->capacity > KEEP_EMPTY)
                buf_done(buf);
}

/* Both halves are closed: nothing can happen any more. */
static void close_if_done(struct stream *stream)
{
        if (stream->ended && stream->shut_down)
                stream_close(stream);
}

/* The queue is written: what waited for that happens now. */
static void queue_empty(struct stream *stream)
{
        buf_clear(&stream->output);
        stream->written = 0;
        free_if_large(&stream->output);
        if (stream->finishing) {
                stream_close(stream);
        } else if (stream->shutting_down && !stream->shut_down) {
                stream->shut_down = true;
                shutdown(stream->fd, SHUT_WR);
                close_if_done(stream);
        }
}

static void offer_input(struct stream *stream)
{
        if (stream->input.len == 0 || stream->closed || stream->offering)
                return;
        size_t before = stream->input.len;
        stream->offering = true;
        if (stream->callbacks->on_read)
                stream->callbacks->on_read(stream, &stream->input, stream->cookie);
        else
                buf_clear(&stream->input);
        stream->offering = false;
        if (stream->closed || stream->paused || stream->above)
                return;
        if (stream->input.len == before && before >= stream->input.max) {
                struct error error;
                fail(&error, E_TOO_LARGE, "more than %zu bytes without an end", stream->input.max);
                break_stream(stream, &error);
        }
}

static void flush(struct stream *stream)
{
        while (stream_queued(stream)) {
                ssize_t sent = send_some(stream, stream->output.data + stream->written, stream_queued(stream));
                if (sent < 0) {
                        if (!would_block(errno))
                                stream->broken = errno;
                        break;
                }
                stream->written += (size_t)sent;
                loop_touch_fd(stream->loop, stream->fd_id);
        }
        if (stream->broken)
                return;
        if (!stream_queued(stream))
                queue_empty(stream);
        if (stream->closed || !stream->above || stream_queued(stream) > stream->high_water / 2)
                return;
        stream->above = false;
        if (stream->callbacks->on_drain)
                stream->callbacks->on_drain(stream, stream->cookie);
        if (!stream->paused)
                offer_input(stream); /* what on_read left while the queue was high */
}

static void peer_ended(struct stream *stream)
{
        stream->ended = true;
        if (stream->callbacks->on_end)
                stream->callbacks->on_end(stream, stream->cookie);
        else
                stream_finish(stream);
        close_if_done(stream);
}

static bool may_read(const struct stream *stream)
{
        return !stream->closed && !stream->paused && !stream->above && !stream->ended && !stream->finishing;
}

static void read_turn(struct stream *stream)
{
        size_t turn = 0;
        while (may_read(stream) && turn < STREAM_TURN_MAX) {
                size_t room = stream->input.max - stream->input.len;
                size_t step = stream->read_step < room ? stream->read_step : room;
                char *bytes = step ? buf_reserve(&stream->input, step) : NULL;
                if (!bytes) {
                        /* Full of what on_read left while it had the stream paused, or no memory. */
                        struct error error;
                        fail(&error, step ? E_NO_MEMORY : E_TOO_LARGE, "no room to read into at %zu bytes",
                                stream->input.len);
                        break_stream(stream, &error);
                        return;
                }
                ssize_t got = read(stream->fd, bytes, step);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0) {
                        if (!would_block(errno))
                                break_with_errno(stream, errno, "reading from a stream");
                        break;
                }
                if (got == 0) {
                        if (!stream->broken) /* else on_error tells the end */
                                peer_ended(stream);
                        break;
                }
                stream->input.len += (size_t)got;
                stream->input.data[stream->input.len] = '\0';
                stream->counters.bytes_read += (uint64_t)got;
                turn += (size_t)got;
                offer_input(stream);
                if ((size_t)got < step)
                        break; /* the kernel has no more; level triggering says when it has */
                if (stream->read_step < STREAM_TURN_MAX)
                        stream->read_step *= 2;
        }
        if (!stream->closed && stream->input.len == 0) {
                if (turn <= READ_STEP_MIN)
                        stream->read_step = READ_STEP_MIN;
                free_if_large(&stream->input);
        }
}

/* Nothing can be written any more. A peer that has gone may have said why before it went (an early answer, an alert of
 * TLS): what it sent is still given to on_read. A peer that is there may send for ever: not that one's. */
static void break_for_writing(struct stream *stream, const char *what)
{
        if (stream->broken == EPIPE || stream->broken == ECONNRESET) {
                buf_clear(&stream->output);
                stream->written = 0;
                stream->above = false;
                if (may_read(stream))
                        offer_input(stream); /* what on_read left while the queue was high */
                for (uint64_t before = UINT64_MAX; before != stream->counters.bytes_read && may_read(stream);) {
                        before = stream->counters.bytes_read;
                        read_turn(stream);
                }
        }
        break_with_errno(stream, stream->broken, what);
}

static void stream_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop, (void)id;
        struct stream *stream = cookie;
        enter(stream);
        if (stream->broken) {
                break_for_writing(stream, "writing to a stream");
                leave(stream);
                return;
        }
        if (events & (LOOP_READ | LOOP_HANGUP | LOOP_ERROR) && may_read(stream))
                read_turn(stream);
        else if (events & LOOP_ERROR) {
                /* Reading is off, so the error would be told for ever: take it now. */
                int errnum = 0;
                socklen_t size = sizeof(errnum);
                if (stream->is_socket)
                        getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &errnum, &size);
                stream->broken = errnum ? errnum : ECONNRESET;
                break_for_writing(stream, "the connection broke");
        } else if (events & LOOP_HANGUP && !stream_queued(stream)) {
                stream->hung = true;
        }
        if (!stream->closed && events & (LOOP_WRITE | LOOP_HANGUP))
                flush(stream);
        if (!stream->closed && stream->broken)
                break_for_writing(stream, "writing to a stream");
        update_interest(stream);
        leave(stream);
}

static void stream_idle(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop, (void)id;
        struct stream *stream = cookie;
        enter(stream);
        if (stream->callbacks->on_idle)
                stream->callbacks->on_idle(stream, stream->cookie);
        else
                stream_close(stream);
        leave(stream);
}

static int make_nonblocking(int fd, bool *ret_is_socket, struct error *err)
{
        struct stat status;
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fstat(fd, &status) < 0)
                return fail_errno(err, "fd %d", fd);
        if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return fail_errno(err, "making fd %d non-blocking", fd);
        *ret_is_socket = S_ISSOCK(status.st_mode);
        return 0;
}

struct stream *stream_new(struct loop *loop, int fd, const struct stream_options *options, struct error *err)
{
        bool is_socket;
        if (make_nonblocking(fd, &is_socket, err) < 0)
                return NULL;
        struct stream *stream = calloc(1, sizeof(*stream));
        if (!stream)
                return fail_null(err, E_NO_MEMORY, "no memory for a stream");
        stream->loop = loop;
        stream->fd = fd;
        stream->is_socket = is_socket;
        stream->callbacks = options->callbacks ? options->callbacks : &no_callbacks;
        stream->cookie = options->cookie;
        stream->high_water = options->high_water ? options->high_water : STREAM_HIGH_WATER;
        stream->read_step = READ_STEP_MIN;
        buf_init(&stream->input, options->read_max ? options->read_max : STREAM_READ_MAX);
        buf_init(&stream->output, options->write_max ? options->write_max : STREAM_WRITE_MAX);
        stream->interest = LOOP_READ;
        if (loop_add_fd(loop, fd, LOOP_READ, LOOP_LEVEL, stream_ready, stream, &stream->fd_id, err) < 0) {
                free(stream);
                return NULL;
        }
        if (options->idle_ns > 0 &&
                loop_set_idle(loop, stream->fd_id, options->idle_ns, stream_idle, stream, err) < 0) {
                loop_remove(loop, stream->fd_id);
                free(stream);
                return NULL;
        }
        stream->next = loop->streams;
        if (stream->next)
                stream->next->previous = stream;
        loop->streams = stream;
        return stream;
}

static int queue(struct stream *stream, const char *bytes, size_t size, struct error *err)
{
        if (stream->written &&
                (stream->written > stream->output.len / 2 || size > stream->output.max - stream->output.len)) {
                buf_consume(&stream->output, stream->written);
                stream->written = 0;
        }
        buf_append(&stream->output, bytes, size);
        if (stream->output.failed) {
                stream->output.failed = false;
                return fail(err, E_NO_MEMORY, "no memory to queue %zu bytes", size);
        }
        if (!stream->above && stream_queued(stream) > stream->high_water) {
                stream->above = true;
                stream->counters.pauses++;
        }
        return 0;
}

int stream_write(struct stream *stream, const void *bytes, size_t size, struct error *err)
{
        if (stream->closed || stream->shutting_down || stream->finishing)
                return fail(err, E_UNAVAILABLE, "the stream is closed for writing");
        if (stream->broken) {
                errno = stream->broken;
                return fail_errno(err, "writing to a stream");
        }
        if (size > stream->output.max - stream_queued(stream)) {
                stream->counters.writes_refused++;
                return fail(err, E_TOO_LARGE, "the peer does not read: %zu bytes wait already", stream_queued(stream));
        }
        size_t done = 0;
        if (!stream_queued(stream) && size) {
                ssize_t sent = send_some(stream, bytes, size);
                if (sent < 0 && !would_block(errno)) {
                        stream->broken = errno;
                        fail_errno(err, "writing to a stream");
                        update_interest(stream);
                        return -1;
                }
                if (sent > 0) {
                        done = (size_t)sent;
                        loop_touch_fd(stream->loop, stream->fd_id);
                }
        }
        if (done < size && queue(stream, (const char *)bytes + done, size - done, err) < 0) {
                stream->broken = ENOMEM; /* a part is gone already: the rest must not follow later bytes */
                update_interest(stream);
                return -1;
        }
        if (stream->depth == 0)
                update_interest(stream);
        return 0;
}

void stream_pause(struct stream *stream)
{
        stream->paused = true;
        if (stream->depth == 0)
                update_interest(stream);
}

void stream_resume(struct stream *stream)
{
        if (!stream->paused)
                return;
        stream->paused = false;
        enter(stream);
        offer_input(stream);
        update_interest(stream);
        leave(stream);
}

void stream_shutdown(struct stream *stream)
{
        if (stream->closed || stream->shutting_down)
                return;
        stream->shutting_down = true;
        enter(stream);
        if (!stream_queued(stream))
                queue_empty(stream);
        update_interest(stream);
        leave(stream);
}

void stream_finish(struct stream *stream)
{
        if (stream->closed || stream->finishing)
                return;
        stream->finishing = true;
        enter(stream);
        if (!stream_queued(stream))
                queue_empty(stream);
        update_interest(stream);
        leave(stream);
}

void stream_close(struct stream *stream)
{
        if (!stream || stream->closed)
                return;
        stream->closed = true;
        loop_remove(stream->loop, stream->fd_id);
        fd_close(&stream->fd);
        if (stream->loop->stream_cursor == stream)
                stream->loop->stream_cursor = stream->next;
        if (stream->next)
                stream->next->previous = stream->previous;
        if (stream->previous)
                stream->previous->next = stream->next;
        else
                stream->loop->streams = stream->next;
        if (stream->depth == 0)
                stream_destroy(stream);
}

void stream_finish_all(struct loop *loop)
{
        for (loop->stream_cursor = loop->streams; loop->stream_cursor;) {
                struct stream *stream = loop->stream_cursor;
                loop->stream_cursor = stream->next; /* stream_close moves it on when it takes this one away */
                stream_finish(stream);
        }
}

void loop_end_streams(struct loop *loop)
{
        while (loop->streams)
                stream_close(loop->streams);
}

void stream_set_owner(struct stream *stream, void (*gone)(struct stream *stream, void *owner), void *owner)
{
        stream->gone = gone;
        stream->owner = owner;
}

int stream_set_idle(struct stream *stream, int64_t idle_ns, struct error *err)
{
        if (stream->closed)
                return fail(err, E_UNAVAILABLE, "the stream is closed");
        return loop_set_idle(stream->loop, stream->fd_id, idle_ns, stream_idle, stream, err);
}

int stream_fd(const struct stream *stream)
{
        return stream->fd;
}

struct loop *stream_loop(const struct stream *stream)
{
        return stream->loop;
}

void *stream_cookie(const struct stream *stream)
{
        return stream->cookie;
}

void stream_set_callbacks(struct stream *stream, const struct stream_callbacks *callbacks, void *cookie)
{
        stream->callbacks = callbacks ? callbacks : &no_callbacks;
        stream->cookie = cookie;
}

void stream_read_counters(const struct stream *stream, struct stream_counters *ret)
{
        *ret = stream->counters;
        ret->memory = stream->input.capacity + stream->output.capacity;
}
