#include "loop/reactor.h"

static void close_fds(struct loop *loop)
{
        fd_close(&loop->epoll_fd);
        fd_close(&loop->wake_fd);
        fd_close(&loop->signal_fd);
        fd_close(&loop->inotify_fd);
}

static size_t or_default(size_t value, size_t by_default)
{
        return value ? value : by_default;
}

struct loop *loop_new(const struct loop_options *options, struct error *err)
{
        static const struct loop_options defaults = { 0 };
        if (!options)
                options = &defaults;
        size_t batch = or_default(options->batch, 256);
        if (batch > LOOP_BATCH_MAX)
                batch = LOOP_BATCH_MAX;

        struct loop *loop = calloc(1, sizeof(*loop));
        if (!loop)
                return fail_null(err, E_NO_MEMORY, "no memory for an event loop");
        loop->epoll_fd = loop->wake_fd = loop->signal_fd = loop->inotify_fd = -1;
        loop->clock = options->clock ? options->clock : &loop_clock_monotonic;
        loop->posts_max = or_default(options->posts_max, LOOP_POSTS_MAX);
        loop->batch_size = (int)batch;
        pthread_mutex_init(&loop->post_lock, NULL);
        sigemptyset(&loop->signal_mask);
        sigemptyset(&loop->signals_masked);
        slots_init(&loop->fds, SLOT_FD, sizeof(struct fd_entry), or_default(options->fds_max, LOOP_FDS_MAX));
        slots_init(&loop->timers, SLOT_TIMER, sizeof(struct timer_entry),
                or_default(options->timers_max, LOOP_TIMERS_MAX));
        slots_init(&loop->signals, SLOT_SIGNAL, sizeof(struct signal_entry), LOOP_SIGNALS_MAX);
        slots_init(&loop->children, SLOT_CHILD, sizeof(struct child_entry), LOOP_CHILDREN_MAX);
        slots_init(&loop->watches, SLOT_WATCH, sizeof(struct watch_entry),
                or_default(options->watches_max, LOOP_WATCHES_MAX));
        map_init(&loop->watch_groups, loop->watches.max);

        loop->batch = calloc(batch, sizeof(*loop->batch));
        if (!loop->batch) {
                loop_free(loop);
                return fail_null(err, E_NO_MEMORY, "no memory for an event loop");
        }
        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (loop->epoll_fd < 0) {
                fail_errno(err, "epoll_create1");
                loop_free(loop);
                return NULL;
        }
        if (loop_start_posts(loop, err) < 0) {
                loop_free(loop);
                return NULL;
        }
        return loop;
}

void loop_free(struct loop *loop)
{
        if (!loop)
                return;
        /* The set goes first: after a fork the child shares it with its parent, and an EPOLL_CTL_DEL here would take
         * the parent's fds out. From now on epoll_ctl fails with EBADF, which removal ignores. The signalfd's mask is
         * shared in the same way. */
        fd_close(&loop->epoll_fd);
        fd_close(&loop->signal_fd);
        loop_end_streams(loop);
        loop_end_children(loop);
        loop_end_watches(loop);
        loop_end_signals(loop);
        loop_end_posts(loop);
        close_fds(loop);
        slots_done(&loop->fds);
        slots_done(&loop->timers);
        slots_done(&loop->signals);
        slots_done(&loop->children);
        slots_done(&loop->watches);
        vec_done(&loop->heap);
        free(loop->batch);
        pthread_mutex_destroy(&loop->post_lock);
        free(loop);
}

int64_t loop_now_ns(const struct loop *loop)
{
        return loop->dispatching ? loop->now_ns : loop->clock->now_ns(loop->clock->cookie);
}

int loop_remove(struct loop *loop, loop_id id)
{
        /* An id carries its kind: at most one table knows it. */
        if (slots_get(&loop->fds, id))
                loop_drop_fd(loop, id);
        else if (slots_get(&loop->timers, id))
                loop_drop_timer(loop, id);
        else if (slots_get(&loop->signals, id))
                loop_drop_signal(loop, id);
        else if (slots_get(&loop->children, id))
                loop_drop_child(loop, id);
        else if (slots_get(&loop->watches, id))
                loop_drop_watch(loop, id);
        else
                return -1;
        return 0;
}

/* ---- fds ---- */

int loop_add_fd(struct loop *loop, int fd, uint32_t events, enum loop_trigger trigger, loop_fd_fn *callback,
        void *cookie, loop_id *ret_id, struct error *err)
{
        loop_id id;
        struct fd_entry *entry = slots_take(&loop->fds, &id, err);
        if (!entry) {
                COUNT(loop, refused);
                return -1;
        }
        entry->fd = fd;
        entry->events = events | (trigger == LOOP_EDGE ? (uint32_t)EPOLLET : 0);
        entry->callback = callback;
        entry->cookie = cookie;
        struct epoll_event interest = { .events = entry->events, .data.u64 = id };
        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &interest) < 0) {
                fail_errno(err, "watching fd %d", fd);
                slots_release(&loop->fds, id);
                return -1;
        }
        if (ret_id)
                *ret_id = id;
        return 0;
}

int loop_modify_fd(struct loop *loop, loop_id id, uint32_t events, struct error *err)
{
        struct fd_entry *entry = slots_get(&loop->fds, id);
        if (!entry)
                return fail(err, E_NOT_FOUND, "this fd is not watched any more");
        events |= entry->events & (uint32_t)EPOLLET;
        struct epoll_event interest = { .events = events, .data.u64 = id };
        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, entry->fd, &interest) < 0)
                return fail_errno(err, "watching fd %d", entry->fd);
        entry->events = events;
        return 0;
}

void loop_drop_fd(struct loop *loop, loop_id id)
{
        struct fd_entry *entry = slots_get(&loop->fds, id);
        int saved = errno;
        /* Fails when the fd was closed before; then the kernel has forgotten it already. */
        epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, entry->fd, NULL);
        errno = saved;
        if (entry->idle_timer)
                loop_drop_timer(loop, entry->idle_timer);
        slots_release(&loop->fds, id);
}

static void idle_timer_due(struct loop *loop, loop_id timer_id, void *cookie)
{
        (void)cookie;
        const struct timer_entry *timer = slots_get(&loop->timers, timer_id);
        loop_id id = timer->owner;
        struct fd_entry *entry = slots_get(&loop->fds, id);
        /* Activity only stores the time; the timer finds that out when it fires, at most once an idle time. */
        int64_t idle_at = entry->active_ns + entry->idle_ns;
        if (idle_at > loop->now_ns) {
                loop_rearm_timer_at(loop, timer_id, idle_at);
                return;
        }
        entry->active_ns = loop->now_ns;
        loop_rearm_timer_at(loop, timer_id, loop->now_ns + entry->idle_ns);
        COUNT(loop, idle_timeouts);
        entry->idle_callback(loop, id, entry->idle_cookie);
}

int loop_set_idle(
        struct loop *loop, loop_id id, int64_t idle_ns, loop_idle_fn *callback, void *cookie, struct error *err)
{
        struct fd_entry *entry = slots_get(&loop->fds, id);
        if (!entry)
                return fail(err, E_NOT_FOUND, "this fd is not watched any more");
        if (idle_ns <= 0) {
                if (entry->idle_timer)
                        loop_drop_timer(loop, entry->idle_timer);
                entry->idle_timer = 0;
                entry->idle_ns = 0;
                return 0;
        }
        int64_t now_ns = loop_now_ns(loop);
        if (!entry->idle_timer) {
                if (loop_add_timer(loop, idle_ns, 0, idle_timer_due, NULL, &entry->idle_timer, err) < 0)
                        return -1;
                ((struct timer_entry *)slots_get(&loop->timers, entry->idle_timer))->owner = id;
        } else {
                loop_rearm_timer_at(loop, entry->idle_timer, now_ns + idle_ns);
        }
        entry->active_ns = now_ns;
        entry->idle_ns = idle_ns;
        entry->idle_callback = callback;
        entry->idle_cookie = cookie;
        return 0;
}

void loop_touch_fd(struct loop *loop, loop_id id)
{
        struct fd_entry *entry = slots_get(&loop->fds, id);
        if (entry)
                entry->active_ns = loop_now_ns(loop);
}

static int dispatch_fds(struct loop *loop, int count)
{
        int called = 0;
        for (int i = 0; i < count; i++) {
                loop_id id = loop->batch[i].data.u64;
                struct fd_entry *entry = slots_get(&loop->fds, id);
                uint32_t events = entry ? loop->batch[i].events & (entry->events | EPOLLERR | EPOLLHUP) : 0;
                if (!events) {
                        COUNT(loop, stale_events);
                        continue;
                }
                entry->active_ns = loop->now_ns;
                entry->callback(loop, id, events, entry->cookie);
                called++;
        }
        COUNT_N(loop, events, called);
        return called;
}

/* ---- running ---- */

static int epoll_wait_ns(struct loop *loop, int64_t wait_ns)
{
        if (wait_ns == 0 || wait_ns == LOOP_NEVER)
                return epoll_wait(loop->epoll_fd, loop->batch, loop->batch_size, wait_ns == 0 ? 0 : -1);
        if (!loop->no_pwait2) {
                struct timespec timeout = { .tv_sec = wait_ns / SECOND, .tv_nsec = wait_ns % SECOND };
                int count = epoll_pwait2(loop->epoll_fd, loop->batch, loop->batch_size, &timeout, NULL);
                if (count >= 0 || (errno != ENOSYS && errno != EPERM))
                        return count;
                loop->no_pwait2 = true;
        }
        /* Rounded up: too early would turn the rest of the millisecond into a busy loop. */
        int64_t wait_ms = wait_ns / MILLISECOND + (wait_ns % MILLISECOND ? 1 : 0);
        return epoll_wait(
                loop->epoll_fd, loop->batch, loop->batch_size, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
}

static int64_t earlier(int64_t a_ns, int64_t b_ns)
{
        return a_ns < b_ns ? a_ns : b_ns;
}

/* Waits until an fd is ready or `until_ns`, on whatever clock the loop has. */
static int wait_for_events(struct loop *loop, int64_t timeout_ns)
{
        const struct loop_clock *clock = loop->clock;
        if (timeout_ns <= 0)
                return epoll_wait_ns(loop, 0);

        int64_t now_ns = clock->now_ns(clock->cookie);
        int64_t until_ns = timeout_ns > LOOP_NEVER - now_ns ? LOOP_NEVER : now_ns + timeout_ns;
        until_ns = earlier(until_ns, loop_next_deadline_ns(loop));
        if (until_ns == LOOP_NEVER)
                return epoll_wait_ns(loop, LOOP_NEVER);
        if (until_ns <= now_ns)
                return epoll_wait_ns(loop, 0);
        if (!clock->jump)
                return epoll_wait_ns(loop, until_ns - now_ns);

        int count = epoll_wait_ns(loop, 0);
        if (count != 0 || clock->jump(clock->cookie, until_ns))
                return count;
        /* A clock that only the test moves: fds can still become ready, time cannot run out. */
        return timeout_ns == LOOP_NEVER ? epoll_wait_ns(loop, LOOP_NEVER) : 0;
}

int loop_run_once(struct loop *loop, int64_t timeout_ns, struct error *err)
{
        if (loop->dispatching)
                return fail(err, E_INVALID, "a callback runs the loop that called it");
        int count = wait_for_events(loop, loop->defers.count ? 0 : timeout_ns);
        if (count < 0 && errno != EINTR)
                return fail_errno(err, "epoll_wait");
        if (count < 0)
                count = 0;
        loop->now_ns = loop->clock->now_ns(loop->clock->cookie);
        loop->dispatching = true;
        COUNT(loop, iterations);
        int called = dispatch_fds(loop, count);
        called += loop_fire_timers(loop);
        called += loop_run_defers(loop);
        loop->dispatching = false;
        return called;
}

int loop_run(struct loop *loop, struct error *err)
{
        while (!atomic_load(&loop->stopping))
                if (loop_run_once(loop, LOOP_NEVER, err) < 0)
                        return -1;
        loop->dispatching = true;
        loop_run_posts(loop);
        loop_run_defers(loop);
        loop->dispatching = false;
        atomic_store(&loop->stopping, false);
        return 0;
}

void loop_read_counters(const struct loop *loop, struct loop_counters *ret)
{
#define X(name) ret->name = __atomic_load_n(&loop->counters.name, __ATOMIC_RELAXED);
        LOOP_COUNTERS(X)
#undef X
}
