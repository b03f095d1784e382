/* Calls from other threads, through a bounded queue and an eventfd; deferred calls of the loop's own thread. */
#include "loop/reactor.h"

#include <sys/eventfd.h>

static void wake(struct loop *loop)
{
        int saved = errno;
        uint64_t one = 1;
        /* EAGAIN: the counter is full, so the loop is being woken anyway. */
        while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
        errno = saved;
}

static void woken(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)id, (void)events, (void)cookie;
        uint64_t wakes;
        while (read(loop->wake_fd, &wakes, sizeof(wakes)) < 0 && errno == EINTR)
                ;
        loop_run_posts(loop);
}

int loop_start_posts(struct loop *loop, struct error *err)
{
        loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (loop->wake_fd < 0)
                return fail_errno(err, "eventfd");
        return loop_add_fd(loop, loop->wake_fd, LOOP_READ, LOOP_LEVEL, woken, NULL, NULL, err);
}

void loop_end_posts(struct loop *loop)
{
        vec_done(&loop->posts);
        vec_done(&loop->posts_running);
        vec_done(&loop->defers);
        vec_done(&loop->defers_running);
}

int loop_post(struct loop *loop, loop_call_fn *fn, void *cookie)
{
        pthread_mutex_lock(&loop->post_lock);
        bool first = loop->posts.count == 0;
        struct call *call = vec_add(&loop->posts, loop->posts_max);
        if (call)
                *call = (struct call){ fn, cookie };
        else
                COUNT(loop, posts_refused); /* the lock makes us its one writer */
        pthread_mutex_unlock(&loop->post_lock);
        if (call && first)
                wake(loop);
        return call ? 0 : -1;
}

/* The two arrays change places, so that posting goes on, and allocates nothing, while the calls run. */
static int run_calls(struct loop *loop, call_vec *calls)
{
        int count = (int)calls->count;
        for (size_t i = 0; i < calls->count; i++)
                calls->items[i].fn(loop, calls->items[i].cookie);
        calls->count = 0;
        return count;
}

static void swap_calls(call_vec *a, call_vec *b)
{
        call_vec held = *a;
        *a = *b;
        *b = held;
}

int loop_run_posts(struct loop *loop)
{
        pthread_mutex_lock(&loop->post_lock);
        swap_calls(&loop->posts, &loop->posts_running);
        pthread_mutex_unlock(&loop->post_lock);
        int called = run_calls(loop, &loop->posts_running);
        COUNT_N(loop, posts, called);
        return called;
}

int loop_defer(struct loop *loop, loop_call_fn *fn, void *cookie)
{
        struct call *call = vec_add(&loop->defers, LOOP_DEFERS_MAX);
        if (!call) {
                COUNT(loop, refused);
                return -1;
        }
        *call = (struct call){ fn, cookie };
        return 0;
}

int loop_run_defers(struct loop *loop)
{
        swap_calls(&loop->defers, &loop->defers_running);
        int called = run_calls(loop, &loop->defers_running);
        COUNT_N(loop, defers, called);
        return called;
}

void loop_stop(struct loop *loop)
{
        atomic_store(&loop->stopping, true);
        wake(loop);
}
