/* The reactor: one epoll set, one thread, callbacks. Everything a daemon waits for comes through here: fds, timers,
 * signals, children, inotify, calls posted by other threads.
 *
 * Each registration is named by a loop_id. An id carries a generation: after removal it names nothing any more, and
 * using it again is refused, never somebody else's fd. So any id may be removed inside any callback, its own and one
 * that is ready in the same batch included; what was still queued for it is dropped (counted as stale).
 *
 * Callbacks return nothing: an error is theirs to report, the loop goes on. One iteration runs: fds (signals, children,
 * watches and posts among them, in the kernel's order), then timers that are due, then deferred calls.
 *
 * All functions belong to the thread that runs the loop, except loop_post, loop_stop and loop_read_counters.
 * Every fd the loop opens is close-on-exec. Times are nanoseconds of the loop's clock. */
#pragma once

#include "base/cleanup.h"
#include "base/error.h"
#include "loop/clock.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/types.h>

struct loop;
typedef uint64_t loop_id; /* 0 names nothing */

#define LOOP_NEVER INT64_MAX

enum {
        LOOP_FDS_MAX = 1 << 20, /* default ceilings; loop_options may set others, up to LOOP_TABLE_MAX */
        LOOP_TIMERS_MAX = 1 << 20,
        LOOP_POSTS_MAX = 1 << 16,   /* posted, not yet run */
        LOOP_DEFERS_MAX = 1 << 16,  /* deferred, not yet run */
        LOOP_WATCHES_MAX = 1 << 16, /* inotify callbacks (the kernel has its own limit on inodes) */
        LOOP_CHILDREN_MAX = 1 << 16,
        LOOP_SIGNALS_MAX = 256, /* signal callbacks */
        LOOP_BATCH_MAX = 4096,  /* events taken from the kernel at once; default 256 */
        LOOP_TABLE_MAX = 1 << 28,
};

struct loop_options { /* zero: the default */
        const struct loop_clock *clock;
        size_t fds_max;
        size_t timers_max;
        size_t posts_max;
        size_t watches_max;
        size_t batch;
};

/* NULL options: all defaults. loop_free closes what the loop opened and every stream still on it, restores the signal
 * mask and runs no other callback; fds given to loop_add_fd stay the caller's. */
struct loop *loop_new(const struct loop_options *options, struct error *err);
void loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop *, loop_free);

/* Runs until loop_stop; then runs what was posted and deferred before it, and returns 0. -1 only when epoll itself
 * fails. */
int loop_run(struct loop *loop, struct error *err);

/* One iteration: waits at most timeout_ns (0: does not wait, LOOP_NEVER: as long as it takes) for the first event, and
 * runs what is due. Returns the number of callbacks run, 0 when time ran out, -1 on failure. Not from a callback. */
int loop_run_once(struct loop *loop, int64_t timeout_ns, struct error *err);

/* From any thread, a callback or a signal handler. The iteration under way is finished. A stop before
 * loop_run makes that run return at once. */
void loop_stop(struct loop *loop);

/* The time at which this iteration began; the same for all callbacks of it. */
int64_t loop_now_ns(const struct loop *loop);

/* Removes an fd, timer, signal, child or watch. An id that names nothing (any more) is refused with -1, no harm done.
 */
int loop_remove(struct loop *loop, loop_id id);

/* ---- fds ---- */

enum loop_events {
        LOOP_READ = EPOLLIN,
        LOOP_WRITE = EPOLLOUT,
        LOOP_PRIORITY = EPOLLPRI,       /* pressure stall files, cgroup.events, out-of-band bytes */
        LOOP_PEER_CLOSED = EPOLLRDHUP,  /* the peer closed its sending half */
        LOOP_ERROR = EPOLLERR,          /* always delivered */
        LOOP_HANGUP = EPOLLHUP,         /* always delivered */
        LOOP_EXCLUSIVE = EPOLLEXCLUSIVE /* several loops wait on one listener: wake one. Cannot be modified later */
};

enum loop_trigger {
        LOOP_LEVEL, /* called as long as the fd is ready */
        LOOP_EDGE   /* called once a change: the callback must go on until EAGAIN */
};

typedef void loop_fd_fn(struct loop *loop, loop_id id, uint32_t events, void *cookie);
typedef void loop_idle_fn(struct loop *loop, loop_id id, void *cookie);

/* Watches fd, which stays the caller's and must be removed before it is closed. events: LOOP_READ | LOOP_WRITE …, 0 for
 * errors only. A regular file or directory cannot be polled (E_PERMISSION from the kernel). */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, enum loop_trigger trigger, loop_fd_fn *callback,
        void *cookie, loop_id *ret_id, struct error *err);
int loop_modify_fd(struct loop *loop, loop_id id, uint32_t events, struct error *err);

/* Calls `callback` when nothing happened on the fd for idle_ns (then again each idle_ns); 0 ends it. An event on the fd
 * or loop_touch_fd starts the time anew, at the cost of one store. */
int loop_set_idle(
        struct loop *loop, loop_id id, int64_t idle_ns, loop_idle_fn *callback, void *cookie, struct error *err);
void loop_touch_fd(struct loop *loop, loop_id id);

/* ---- timers ---- */

typedef void loop_timer_fn(struct loop *loop, loop_id id, void *cookie);

/* At a time of the clock (a past one counts as now) or after a delay. period_ns 0: once. Equal deadlines fire in the
 * order in which they were set. A periodic timer keeps its phase: the n-th call is due at first + n * period; calls
 * whose time has passed are skipped and counted. A timer that fires once is gone after its callback, unless the
 * callback re-armed it. A timer set in a callback fires in the next iteration at the earliest. */
int loop_add_timer_at(struct loop *loop, int64_t deadline_ns, int64_t period_ns, loop_timer_fn *callback, void *cookie,
        loop_id *ret_id, struct error *err);
int loop_add_timer(struct loop *loop, int64_t delay_ns, int64_t period_ns, loop_timer_fn *callback, void *cookie,
        loop_id *ret_id, struct error *err);

/* Sets a new deadline; LOOP_NEVER keeps the timer, asleep. -1 when the id names no timer. */
int loop_rearm_timer_at(struct loop *loop, loop_id id, int64_t deadline_ns);
int loop_rearm_timer(struct loop *loop, loop_id id, int64_t delay_ns);

/* The earliest deadline, LOOP_NEVER without one. */
int64_t loop_next_deadline_ns(const struct loop *loop);

/* ---- signals ---- */

typedef void loop_signal_fn(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie);

/* Blocks the signal in this thread (threads started later inherit that; block it elsewhere yourself) and calls every
 * callback of that number, in the order in which they were added. When the last goes the mask is as it was before. */
int loop_add_signal(
        struct loop *loop, int number, loop_signal_fn *callback, void *cookie, loop_id *ret_id, struct error *err);

/* The mask of the thread without what the loop blocked: what a child should get before it executes. */
void loop_original_signal_mask(const struct loop *loop, sigset_t *ret_mask);

/* ---- children ---- */

struct loop_child_exit {
        pid_t pid;
        bool reaped;   /* false: not our child, or another reaped it; the rest is then 0 */
        bool signaled; /* ended by a signal */
        bool dumped_core;
        int status;          /* exit status, or the signal's number */
        struct rusage usage; /* of the child and what it waited for */
};

typedef void loop_child_fn(struct loop *loop, loop_id id, const struct loop_child_exit *exit, void *cookie);

/* Waits for one process through a pidfd and reaps it with waitid(P_PIDFD); no other process is ever waited for. The
 * registration is gone when the callback runs. A pidfd stays the caller's. */
int loop_add_child(
        struct loop *loop, pid_t pid, loop_child_fn *callback, void *cookie, loop_id *ret_id, struct error *err);
int loop_add_child_pidfd(
        struct loop *loop, int pidfd, loop_child_fn *callback, void *cookie, loop_id *ret_id, struct error *err);

/* ---- inotify ---- */

struct loop_watch_event {
        uint32_t mask;    /* IN_…; IN_Q_OVERFLOW: events were lost, look for yourself; IN_IGNORED: last event */
        uint32_t cookie;  /* joins the two halves of a rename */
        const char *name; /* in the watched directory, "" for the watched thing itself; valid during the callback */
};

typedef void loop_watch_fn(struct loop *loop, loop_id id, const struct loop_watch_event *event, void *cookie);

/* Watches `path`, relative to dirfd (AT_FDCWD: the working directory; path "": dirfd itself). mask: IN_CREATE | …, with
 * IN_DONT_FOLLOW, IN_ONLYDIR, IN_EXCL_UNLINK, IN_ONESHOT as inotify(7) has them. Watches of one inode are apart: each
 * callback sees what its own mask asked for. An overflow is told to every watch. After IN_IGNORED (the inode is gone)
 * the watch is removed. */
int loop_add_watch(struct loop *loop, int dirfd, const char *path, uint32_t mask, loop_watch_fn *callback, void *cookie,
        loop_id *ret_id, struct error *err);

/* ---- calls ---- */

typedef void loop_call_fn(struct loop *loop, void *cookie);

/* From any thread: runs fn(loop, cookie) on the loop's thread, in the order of posting. -1 and counted when the queue
 * is full: the cookie stays the caller's. */
int loop_post(struct loop *loop, loop_call_fn *fn, void *cookie);

/* From the loop's thread: runs fn after this iteration's callbacks. */
int loop_defer(struct loop *loop, loop_call_fn *fn, void *cookie);

/* ---- counters ---- */

#define LOOP_COUNTERS(X)                                                                                               \
        X(iterations)                                                                                                  \
        X(events)       /* fd callbacks run */                                                                         \
        X(stale_events) /* for an fd removed or modified earlier in the batch: dropped */                              \
        X(timers_fired)                                                                                                \
        X(timers_skipped) /* calls of periodic timers whose time had passed */                                         \
        X(idle_timeouts)                                                                                               \
        X(signals)                                                                                                     \
        X(children)                                                                                                    \
        X(watch_events)                                                                                                \
        X(watch_overflows)                                                                                             \
        X(posts)                                                                                                       \
        X(posts_refused)                                                                                               \
        X(defers)                                                                                                      \
        X(refused) /* registrations and defers refused because a table was full */

struct loop_counters {
#define X(name) uint64_t name;
        LOOP_COUNTERS(X)
#undef X
};

/* From any thread. */
void loop_read_counters(const struct loop *loop, struct loop_counters *ret);
