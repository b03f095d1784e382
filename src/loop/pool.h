/* Listeners served by N loops in N threads. The pool accepts and makes streams; what is said on them is the caller's.
 * Each stream lives and dies on one loop, so its callbacks need no locks; what the callbacks of several loops share
 * does. */
#pragma once

#include "loop/stream.h"

#include <sys/socket.h>

enum pool_mode {
        POOL_REUSEPORT,   /* each loop has a listening socket of its own, the kernel spreads the connections */
        POOL_ROUND_ROBIN, /* one thread accepts and hands over, to each loop in turn */
        POOL_RANDOM,      /* … or to one drawn by lot */
};

enum {
        POOL_THREADS_MAX = 256,
        POOL_LISTENERS_MAX = 64,
        POOL_CONNECTIONS_MAX = 1 << 16, /* default for one pool */
        POOL_BACKLOG = 1024,
};

struct pool;

struct pool_options { /* zero: the default */
        enum pool_mode mode;
        unsigned threads; /* default: one a processor that this process may use */
        size_t connections_max;
        /* A new connection, on the thread of `loop`. Returns the options of its stream (callbacks, cookie, ceilings) in
         * *ret and 0, or -1 to refuse it. peer is the remote address. When no stream can be made after that, on_close
         * is called with a NULL stream. */
        int (*on_accept)(
                struct loop *loop, const struct sockaddr_storage *peer, struct stream_options *ret, void *cookie);
        /* On each loop's thread, before its first and after its last connection. */
        void (*on_start)(struct loop *loop, unsigned index, void *cookie);
        void (*on_stop)(struct loop *loop, unsigned index, void *cookie);
        void *cookie;
};

struct pool *pool_new(const struct pool_options *options, struct error *err);

/* Stops at once, joins and frees. NULL is fine. */
void pool_free(struct pool *pool);
DEFINE_CLEANUP(struct pool *, pool_free);

/* Binds and listens; before pool_start. ret_bound (may be NULL) gets the address with the port the kernel chose. Unix
 * sockets have no SO_REUSEPORT: with that mode they are refused (E_UNSUPPORTED). IPv6 sockets take IPv6 only. */
int pool_listen(struct pool *pool, const struct sockaddr *address, socklen_t size, struct sockaddr_storage *ret_bound,
        struct error *err);

/* Takes a listening socket that somebody else bound (any family, any mode; loops that share it wait exclusively). */
int pool_adopt(struct pool *pool, int fd, struct error *err);

int pool_start(struct pool *pool, struct error *err);

/* Accepts no more, writes what is queued on each connection and closes it; after drain_ns the rest is cut. Returns at
 * once, from any thread. A second call only shortens the time. */
void pool_stop(struct pool *pool, int64_t drain_ns);

/* Waits for the threads to end. One thread at a time. */
void pool_join(struct pool *pool);

struct pool_counters {
        uint64_t accepted;
        uint64_t refused;       /* too many connections, or on_accept said no */
        uint64_t accept_errors; /* no fds or memory left: accepting rests for 100 ms */
        uint64_t open;
        unsigned loops;
        uint64_t loop_accepted[POOL_THREADS_MAX]; /* by loop */
};

/* From any thread. */
void pool_read_counters(const struct pool *pool, struct pool_counters *ret);
