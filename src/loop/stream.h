/* A buffered, non-blocking byte stream on a loop: a TCP or unix connection (or a pipe's end, then SIGPIPE must be
 * ignored). Reading gathers in a buffer with a ceiling, writing queues up to a ceiling; while more than `high_water`
 * bytes wait to be written the stream does not read, so a peer that sends and does not read costs a bounded amount.
 *
 * Life: the stream owns its fd. It ends by stream_close or stream_finish, by an error, by the peer's end when there is
 * no on_end, when both halves are closed, by idleness when there is no on_idle, or with the loop. Whatever ended it,
 * on_close is called last, once; release the cookie there. Closing inside a callback is safe: on_close and the memory's
 * release follow when that callback returned. */
#pragma once

#include "base/buf.h"
#include "loop/loop.h"

struct stream;

struct stream_callbacks { /* all may be NULL */
        /* New bytes arrived. Take what is complete with buf_consume; the rest stays and is seen again with the next
         * bytes. A full buffer of which nothing was taken is an error (E_TOO_LARGE). */
        void (*on_read)(struct stream *stream, struct buf *input, void *cookie);
        /* The queue has fallen to half of high_water after it was above; more may be written. */
        void (*on_drain)(struct stream *stream, void *cookie);
        /* The peer closed its sending half; what it sent was seen. Writing still works; end the stream yourself.
         * NULL: what is queued is written, then the stream closes. */
        void (*on_end)(struct stream *stream, void *cookie);
        /* Nothing was read or written for idle_ns. NULL: closes. */
        void (*on_idle)(struct stream *stream, void *cookie);
        /* The stream is broken and closes after this call. */
        void (*on_error)(struct stream *stream, const struct error *error, void *cookie);
        void (*on_close)(struct stream *stream, void *cookie);
};

enum {
        STREAM_READ_MAX = 1 << 16, /* defaults, in bytes */
        STREAM_WRITE_MAX = 1 << 20,
        STREAM_HIGH_WATER = 1 << 16,
        STREAM_TURN_MAX = 1 << 16, /* read at most this much before others have their turn */
};

struct stream_options { /* zero: the default */
        const struct stream_callbacks *callbacks;
        void *cookie;
        size_t read_max;
        size_t write_max;
        size_t high_water;
        int64_t idle_ns; /* 0: never idle */
};

/* Takes fd on success and makes it non-blocking. */
struct stream *stream_new(struct loop *loop, int fd, const struct stream_options *options, struct error *err);

/* Writes at once what the kernel takes and queues the rest: all or nothing. -1 when the queue would pass write_max
 * (counted), or after stream_shutdown or a broken connection. */
int stream_write(struct stream *stream, const void *bytes, size_t size, struct error *err);

size_t stream_queued(const struct stream *stream);

/* Stops and resumes reading, apart from what high_water does. Resuming looks again at bytes that were left in the
 * buffer. */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* Half close: when the queue is written, the peer sees the end. */
void stream_shutdown(struct stream *stream);

/* Writes what is queued, reads no more, then closes. Bytes of the peer that nobody read make the kernel reset the
 * connection then; shut down and wait for on_end where the peer may still be talking. */
void stream_finish(struct stream *stream);

/* Closes now; what is queued is lost. NULL is fine. */
void stream_close(struct stream *stream);

/* stream_finish for every stream of the loop. */
void stream_finish_all(struct loop *loop);

/* Another idle time from now on; 0: never idle. */
int stream_set_idle(struct stream *stream, int64_t idle_ns, struct error *err);

int stream_fd(const struct stream *stream);
struct loop *stream_loop(const struct stream *stream);
void *stream_cookie(const struct stream *stream);
void stream_set_callbacks(struct stream *stream, const struct stream_callbacks *callbacks, void *cookie);

struct stream_counters {
        uint64_t bytes_read;
        uint64_t bytes_written;
        uint64_t writes_refused;
        uint64_t pauses; /* times high_water stopped the reading */
        size_t memory;   /* held by both buffers now */
};

void stream_read_counters(const struct stream *stream, struct stream_counters *ret);
