/* What the files of the loop share; private to src/loop. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "loop/loop.h"
#include "loop/slots.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

struct fd_entry {
        struct slot slot;
        int fd;
        uint32_t events; /* EPOLL… interest, EPOLLET included */
        loop_fd_fn *callback;
        void *cookie;
        loop_id owner; /* the child this pidfd serves */
        int64_t active_ns;
        int64_t idle_ns;
        loop_id idle_timer;
        loop_idle_fn *idle_callback;
        void *idle_cookie;
};

struct timer_entry {
        struct slot slot;
        size_t position; /* in the heap + 1; 0: asleep */
        int64_t period_ns;
        loop_timer_fn *callback;
        void *cookie;
        loop_id owner; /* the fd whose idle time this is */
        bool kept;     /* re-armed or put to sleep in its own callback: not to be removed after it */
};

/* The keys lie in the heap itself, so that sifting touches no timer but the moved ones' positions. */
struct heap_entry {
        int64_t deadline_ns;
        uint64_t sequence; /* equal deadlines: order of setting */
        uint32_t index;    /* of the timer's slot */
};

struct signal_entry {
        struct slot slot;
        int number;
        uint64_t sequence;
        loop_signal_fn *callback;
        void *cookie;
};

struct child_entry {
        struct slot slot;
        int pidfd;
        bool owned; /* the pidfd is ours to close */
        pid_t pid;  /* 0: not known */
        loop_id fd_id;
        loop_child_fn *callback;
        void *cookie;
};

struct watch_entry {
        struct slot slot;
        int wd;
        uint32_t mask;
        bool once;
        loop_watch_fn *callback;
        void *cookie;
};

struct call {
        loop_call_fn *fn;
        void *cookie;
};

typedef VEC(struct call) call_vec;

struct stream;

struct loop {
        int epoll_fd;
        int wake_fd; /* eventfd: posts and stops */
        int signal_fd;
        int inotify_fd;
        bool dispatching;
        bool no_pwait2; /* kernel before 5.11, or a filter that refuses the call */
        const struct loop_clock *clock;
        int64_t now_ns;

        struct slots fds, timers, signals, children, watches;
        struct epoll_event *batch;
        int batch_size;

        VEC(struct heap_entry) heap;
        uint64_t sequence;

        sigset_t signal_mask;    /* what signal_fd listens to */
        sigset_t signals_masked; /* what was blocked before us */

        struct map watch_groups; /* wd: struct watch_group */
        struct watch_group *group_in_dispatch;

        pthread_mutex_t post_lock;
        call_vec posts; /* under post_lock */
        size_t posts_max;
        call_vec posts_running; /* the loop's own */
        call_vec defers, defers_running;
        atomic_bool stopping;

        struct stream *streams;       /* list of all, so that loop_free can end them */
        struct stream *stream_cursor; /* next one of a walk over the list */
        struct loop_counters counters;
};

/* One writer, the loop's thread; others read without tearing. */
#define COUNT(loop, name) COUNT_N(loop, name, 1)
#define COUNT_N(loop, name, n)                                                                                         \
        __atomic_store_n(&(loop)->counters.name, (loop)->counters.name + (uint64_t)(n), __ATOMIC_RELAXED)

void loop_drop_fd(struct loop *loop, loop_id id);

void loop_drop_timer(struct loop *loop, loop_id id);
int loop_fire_timers(struct loop *loop);

void loop_drop_signal(struct loop *loop, loop_id id);
void loop_end_signals(struct loop *loop);

void loop_drop_child(struct loop *loop, loop_id id);
void loop_end_children(struct loop *loop);

void loop_drop_watch(struct loop *loop, loop_id id);
void loop_end_watches(struct loop *loop);

int loop_start_posts(struct loop *loop, struct error *err);
void loop_end_posts(struct loop *loop);
int loop_run_posts(struct loop *loop);
int loop_run_defers(struct loop *loop);

void loop_end_streams(struct loop *loop);
void stream_set_owner(struct stream *stream, void (*gone)(struct stream *stream, void *owner), void *owner);
