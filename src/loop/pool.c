#include "loop/pool.h"

#include "loop/reactor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/random.h>

enum { ACCEPT_TURN = 64 }; /* connections taken from one listener before other fds have their turn */

static const int64_t accept_rest_ns = 100 * MILLISECOND;

struct pool_loop {
        struct pool *pool;
        struct loop *loop;
        unsigned index;
        pthread_t thread;
        bool running; /* was started */
        bool joined;
        atomic_uint_fast64_t accepted;
        size_t open; /* this thread's own */
        bool stopping;
        VEC(loop_id) listeners;
        loop_id rest_timer;
        loop_id drain_timer;
};

struct listener {
        int fd;
        int owner;   /* index of the loop, -1: all of them share it */
        bool shared; /* wait exclusively */
};

struct pool {
        struct pool_options options;
        unsigned count;
        struct pool_loop *loops; /* `count`, and one more that accepts unless each has its own listeners */
        bool has_acceptor;
        VEC(struct listener) listeners;
        unsigned next; /* the acceptor's */
        uint64_t lots;
        bool started;
        atomic_int_fast64_t drain_ns;
        atomic_uint_fast64_t accepted, refused, accept_errors, open;
};

struct handover {
        struct pool_loop *to;
        int fd;
        struct sockaddr_storage peer;
};

static unsigned usable_processors(void)
{
        cpu_set_t set;
        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        int count = CPU_COUNT(&set);
        return count < 1 ? 1 : count > POOL_THREADS_MAX ? POOL_THREADS_MAX : (unsigned)count;
}

struct pool *pool_new(const struct pool_options *options, struct error *err)
{
        if (!options->on_accept)
                return fail_null(err, E_INVALID, "a pool needs on_accept");
        if (options->threads > POOL_THREADS_MAX)
                return fail_null(err, E_INVALID, "a pool has at most %d threads", POOL_THREADS_MAX);
        struct pool *pool = calloc(1, sizeof(*pool));
        if (!pool)
                return fail_null(err, E_NO_MEMORY, "no memory for a pool of loops");
        pool->options = *options;
        if (!pool->options.connections_max)
                pool->options.connections_max = POOL_CONNECTIONS_MAX;
        pool->count = options->threads ? options->threads : usable_processors();
        pool->has_acceptor = options->mode != POOL_REUSEPORT;
        if (getrandom(&pool->lots, sizeof(pool->lots), 0) != sizeof(pool->lots) || !pool->lots)
                pool->lots = 1;
        unsigned loops = pool->count + (pool->has_acceptor ? 1 : 0);
        pool->loops = calloc(loops, sizeof(*pool->loops));
        for (unsigned i = 0; pool->loops && i < loops; i++) {
                pool->loops[i].pool = pool;
                pool->loops[i].index = i;
                pool->loops[i].loop = loop_new(NULL, err);
                if (!pool->loops[i].loop) {
                        pool_free(pool);
                        return NULL;
                }
        }
        if (!pool->loops) {
                pool_free(pool);
                return fail_null(err, E_NO_MEMORY, "no memory for a pool of loops");
        }
        return pool;
}

static unsigned loop_count(const struct pool *pool)
{
        return pool->count + (pool->has_acceptor ? 1 : 0);
}

/* ---- listening ---- */

static int add_listener(struct pool *pool, int fd, int owner, bool shared, struct error *err)
{
        struct listener *listener = vec_add(&pool->listeners, (size_t)POOL_LISTENERS_MAX * POOL_THREADS_MAX);
        if (!listener)
                return fail(err, E_TOO_LARGE, "too many listeners");
        *listener = (struct listener){ .fd = fd, .owner = owner, .shared = shared };
        return 0;
}

static int bind_one(const struct sockaddr *address, socklen_t size, bool reuse_port, struct error *err)
{
        cleanup(fd_close) int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return fail_errno(err, "socket");
        int one = 1;
        if (address->sa_family != AF_UNIX)
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (address->sa_family == AF_INET6)
                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
        if (reuse_port && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) < 0)
                return fail_errno(err, "SO_REUSEPORT");
        if (bind(fd, address, size) < 0)
                return fail_errno(err, "bind");
        if (listen(fd, POOL_BACKLOG) < 0)
                return fail_errno(err, "listen");
        return take_fd(fd);
}

int pool_listen(struct pool *pool, const struct sockaddr *address, socklen_t size, struct sockaddr_storage *ret_bound,
        struct error *err)
{
        struct sockaddr_storage bound = { 0 };
        if (size > sizeof(bound))
                return fail(err, E_INVALID, "an address of %u bytes", (unsigned)size);
        bool own = pool->options.mode == POOL_REUSEPORT;
        if (own && address->sa_family == AF_UNIX)
                return fail(err, E_UNSUPPORTED, "unix sockets have no SO_REUSEPORT; use an accepting thread");
        memcpy(&bound, address, size);
        socklen_t bound_size = size;
        for (unsigned i = 0; i < (own ? pool->count : 1); i++) {
                cleanup(fd_close) int fd = bind_one((struct sockaddr *)&bound, bound_size, own, err);
                if (fd < 0)
                        return -1;
                /* With port 0 the first one draws it and the others join. */
                bound_size = sizeof(bound);
                if (getsockname(fd, (struct sockaddr *)&bound, &bound_size) < 0)
                        return fail_errno(err, "getsockname");
                if (add_listener(pool, fd, own ? (int)i : (int)pool->count, false, err) < 0)
                        return -1;
                fd = -1;
        }
        if (ret_bound)
                *ret_bound = bound;
        return 0;
}

int pool_adopt(struct pool *pool, int fd, struct error *err)
{
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return fail_errno(err, "listening fd %d", fd);
        bool shared = !pool->has_acceptor;
        return add_listener(pool, fd, shared ? -1 : (int)pool->count, shared, err);
}

/* ---- connections ---- */

static void connection_gone(struct stream *stream, void *owner)
{
        (void)stream;
        struct pool_loop *self = owner;
        self->open--;
        atomic_fetch_sub(&self->pool->open, 1);
        if (self->stopping && self->open == 0)
                loop_stop(self->loop);
}

/* A connection that was counted as open on its acceptance becomes a stream here, or is refused. */
static void serve(struct pool_loop *self, int fd, const struct sockaddr_storage *peer)
{
        struct pool *pool = self->pool;
        struct stream_options options = { 0 };
        struct stream *stream = NULL;
        if (!self->stopping && pool->options.on_accept(self->loop, peer, &options, pool->options.cookie) == 0) {
                stream = stream_new(self->loop, fd, &options, NULL);
                if (!stream && options.callbacks && options.callbacks->on_close)
                        options.callbacks->on_close(NULL, options.cookie);
        }
        if (!stream) {
                close(fd);
                atomic_fetch_add(&pool->refused, 1);
                atomic_fetch_sub(&pool->open, 1);
                return;
        }
        self->open++;
        atomic_fetch_add(&self->accepted, 1);
        stream_set_owner(stream, connection_gone, self);
}

static void take_over(struct loop *loop, void *cookie)
{
        (void)loop;
        struct handover *handover = cookie;
        serve(handover->to, handover->fd, &handover->peer);
        free(handover);
}

static struct pool_loop *choose_loop(struct pool *pool)
{
        if (pool->options.mode == POOL_ROUND_ROBIN)
                return &pool->loops[pool->next++ % pool->count];
        /* xorshift64: spreading load needs no better lot */
        pool->lots ^= pool->lots << 13;
        pool->lots ^= pool->lots >> 7;
        pool->lots ^= pool->lots << 17;
        return &pool->loops[pool->lots % pool->count];
}

static void hand_over(struct pool *pool, int fd, const struct sockaddr_storage *peer)
{
        struct handover *handover = malloc(sizeof(*handover));
        if (handover) {
                *handover = (struct handover){ .to = choose_loop(pool), .fd = fd, .peer = *peer };
                if (loop_post(handover->to->loop, take_over, handover) == 0)
                        return;
                free(handover);
        }
        close(fd);
        atomic_fetch_add(&pool->refused, 1);
        atomic_fetch_sub(&pool->open, 1);
}

static void accept_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie);

static int attach_listeners(struct pool *pool, struct pool_loop *self, struct error *err)
{
        vec_foreach (listener, &pool->listeners) {
                if (listener->owner >= 0 && listener->owner != (int)self->index)
                        continue;
                loop_id *id = vec_add(&self->listeners, POOL_LISTENERS_MAX);
                if (!id)
                        return fail(err, E_TOO_LARGE, "a loop has at most %d listeners", POOL_LISTENERS_MAX);
                uint32_t events = LOOP_READ | (listener->shared ? (uint32_t)LOOP_EXCLUSIVE : 0);
                if (loop_add_fd(self->loop, listener->fd, events, LOOP_LEVEL, accept_ready, self, id, err) < 0)
                        return -1;
        }
        return 0;
}

static void detach_listeners(struct pool_loop *self)
{
        vec_foreach (id, &self->listeners)
                loop_remove(self->loop, *id);
        self->listeners.count = 0;
}

static void rest_over(struct loop *loop, loop_id id, void *cookie)
{
        struct pool_loop *self = cookie;
        if (attach_listeners(self->pool, self, NULL) < 0) {
                detach_listeners(self);
                loop_rearm_timer(loop, id, accept_rest_ns);
                return;
        }
        self->rest_timer = 0;
}

/* Without free fds the connection stays in the backlog and the listener ready: waiting on it would spin. Removed, not
 * modified: an exclusive waiter cannot be (epoll_ctl(2)). */
static void rest(struct pool_loop *self)
{
        atomic_fetch_add(&self->pool->accept_errors, 1);
        if (self->rest_timer ||
                loop_add_timer(self->loop, accept_rest_ns, 0, rest_over, self, &self->rest_timer, NULL) < 0)
                return;
        detach_listeners(self);
}

static int listener_of(const struct pool_loop *self, loop_id id)
{
        const struct fd_entry *entry = slots_get(&self->loop->fds, id);
        return entry->fd;
}

static void accept_ready(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop, (void)events;
        struct pool_loop *self = cookie;
        struct pool *pool = self->pool;
        int listening = listener_of(self, id);
        for (int i = 0; i < ACCEPT_TURN; i++) {
                struct sockaddr_storage peer = { 0 };
                socklen_t size = sizeof(peer);
                int fd = accept4(listening, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                                rest(self);
                        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO)
                                continue;
                        return;
                }
                if (atomic_fetch_add(&pool->open, 1) >= pool->options.connections_max) {
                        atomic_fetch_sub(&pool->open, 1);
                        atomic_fetch_add(&pool->refused, 1);
                        close(fd);
                        continue;
                }
                atomic_fetch_add(&pool->accepted, 1);
                if (pool->has_acceptor)
                        hand_over(pool, fd, &peer);
                else
                        serve(self, fd, &peer);
        }
}

/* ---- threads ---- */

static void *run_loop(void *cookie)
{
        struct pool_loop *self = cookie;
        const struct pool_options *options = &self->pool->options;
        bool serves = self->index < self->pool->count;
        if (serves && options->on_start)
                options->on_start(self->loop, self->index, options->cookie);
        loop_run(self->loop, NULL);
        loop_end_streams(self->loop); /* what the drain time did not suffice for; on_close belongs to this thread */
        if (serves && options->on_stop)
                options->on_stop(self->loop, self->index, options->cookie);
        return NULL;
}

int pool_start(struct pool *pool, struct error *err)
{
        if (pool->started)
                return fail(err, E_INVALID, "the pool runs already");
        for (unsigned i = 0; i < loop_count(pool); i++)
                if (attach_listeners(pool, &pool->loops[i], err) < 0)
                        return -1;
        /* Signals are the business of the thread that started us. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int error = 0;
        for (unsigned i = 0; i < loop_count(pool) && !error; i++) {
                error = pthread_create(&pool->loops[i].thread, NULL, run_loop, &pool->loops[i]);
                pool->loops[i].running = error == 0;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        pool->started = true;
        if (error) {
                errno = error;
                fail_errno(err, "starting a thread of the pool");
                pool_stop(pool, 0);
                pool_join(pool);
                return -1;
        }
        return 0;
}

static void drain_over(struct loop *loop, loop_id id, void *cookie)
{
        (void)id, (void)cookie;
        loop_stop(loop);
}

static void begin_drain(struct loop *loop, void *cookie)
{
        struct pool_loop *self = cookie;
        int64_t drain_ns = atomic_load(&self->pool->drain_ns);
        if (self->stopping) {
                if (self->drain_timer)
                        loop_rearm_timer(loop, self->drain_timer, drain_ns);
                return;
        }
        self->stopping = true;
        detach_listeners(self);
        vec_foreach (listener, &self->pool->listeners)
                if (listener->owner == (int)self->index)
                        fd_close(&listener->fd); /* who comes now is refused, not kept waiting */
        if (self->rest_timer)
                loop_remove(loop, self->rest_timer);
        if (self->open == 0 || drain_ns <= 0 ||
                loop_add_timer(loop, drain_ns, 0, drain_over, NULL, &self->drain_timer, NULL) < 0) {
                loop_stop(loop);
                return;
        }
        stream_finish_all(loop);
}

void pool_stop(struct pool *pool, int64_t drain_ns)
{
        atomic_store(&pool->drain_ns, drain_ns);
        /* The accepting thread first; what it still hands to a loop that drains is refused there. */
        for (unsigned i = loop_count(pool); i-- > 0;)
                if (pool->loops[i].running && loop_post(pool->loops[i].loop, begin_drain, &pool->loops[i]) < 0)
                        loop_stop(pool->loops[i].loop);
}

void pool_join(struct pool *pool)
{
        for (unsigned i = loop_count(pool); i-- > 0;) {
                if (!pool->loops[i].running || pool->loops[i].joined)
                        continue;
                pthread_join(pool->loops[i].thread, NULL);
                pool->loops[i].joined = true;
        }
}

void pool_free(struct pool *pool)
{
        if (!pool)
                return;
        if (pool->loops) {
                pool_stop(pool, 0);
                pool_join(pool);
        }
        for (unsigned i = 0; pool->loops && i < loop_count(pool); i++) {
                struct pool_loop *self = &pool->loops[i];
                if (self->loop)
                        loop_run_posts(self->loop); /* connections handed over too late: refused */
                vec_done(&self->listeners);
                loop_free(self->loop);
        }
        vec_foreach (listener, &pool->listeners)
                fd_close(&listener->fd);
        vec_done(&pool->listeners);
        free(pool->loops);
        free(pool);
}

void pool_read_counters(const struct pool *pool, struct pool_counters *ret)
{
        *ret = (struct pool_counters){
                .accepted = atomic_load(&pool->accepted),
                .refused = atomic_load(&pool->refused),
                .accept_errors = atomic_load(&pool->accept_errors),
                .open = atomic_load(&pool->open),
                .loops = pool->count,
        };
        for (unsigned i = 0; i < pool->count; i++)
                ret->loop_accepted[i] = atomic_load(&pool->loops[i].accepted);
}
