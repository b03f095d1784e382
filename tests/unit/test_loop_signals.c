/* Signals through signalfd, children through pidfds, calls from other threads. */
#include "loop_fixture.h"

#include <pthread.h>
#include <sys/wait.h>

static bool is_blocked(int number)
{
        sigset_t mask;
        pthread_sigmask(SIG_BLOCK, NULL, &mask);
        return sigismember(&mask, number) == 1;
}

static void note_signal(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        (void)loop, (void)id;
        struct named *named = cookie;
        assert_int_equal(signal->ssi_pid, getpid());
        note(named->fixture, named->name);
}

static void test_several_callbacks_a_signal_and_the_mask_restored(void **state)
{
        struct fixture *f = *state;
        struct named names[4] = { { f, "a" }, { f, "b" }, { f, "c" }, { f, "other" } };
        loop_id ids[4];
        for (int i = 0; i < 3; i++)
                assert_ok(f, loop_add_signal(f->loop, SIGUSR1, note_signal, &names[i], &ids[i], &f->err));
        assert_ok(f, loop_add_signal(f->loop, SIGUSR2, note_signal, &names[3], &ids[3], &f->err));
        assert_true(is_blocked(SIGUSR1));
        kill(getpid(), SIGUSR1);
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "a b c ");

        /* A freed place is taken again by a newcomer, which still comes last. */
        assert_int_equal(loop_remove(f->loop, ids[0]), 0);
        assert_ok(f, loop_add_signal(f->loop, SIGUSR1, note_signal, &names[0], &ids[0], &f->err));
        kill(getpid(), SIGUSR1);
        kill(getpid(), SIGUSR2);
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "b c a other ");

        sigset_t original;
        loop_original_signal_mask(f->loop, &original);
        assert_int_equal(sigismember(&original, SIGUSR1), 0);
        for (int i = 0; i < 3; i++) {
                assert_true(is_blocked(SIGUSR1));
                assert_int_equal(loop_remove(f->loop, ids[i]), 0);
        }
        assert_false(is_blocked(SIGUSR1));
        assert_true(is_blocked(SIGUSR2));
        loop_free(f->loop);
        f->loop = NULL;
        assert_false(is_blocked(SIGUSR2));
}

static void test_a_signal_that_was_blocked_stays_blocked(void **state)
{
        struct fixture *f = *state;
        sigset_t one;
        sigemptyset(&one);
        sigaddset(&one, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &one, NULL);
        struct named a = { f, "a" };
        loop_id id;
        assert_ok(f, loop_add_signal(f->loop, SIGUSR1, note_signal, &a, &id, &f->err));
        sigset_t original;
        loop_original_signal_mask(f->loop, &original);
        assert_int_equal(sigismember(&original, SIGUSR1), 1);
        assert_int_equal(loop_remove(f->loop, id), 0);
        assert_true(is_blocked(SIGUSR1));
        pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void remove_second(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        (void)id, (void)signal;
        struct named *named = cookie;
        note(named->fixture, named->name);
        loop_remove(loop, named->other);
}

static void test_remove_a_callback_of_the_same_signal(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" }, b = { f, "b" };
        assert_ok(f, loop_add_signal(f->loop, SIGUSR1, remove_second, &a, NULL, &f->err));
        assert_ok(f, loop_add_signal(f->loop, SIGUSR1, note_signal, &b, &a.other, &f->err));
        kill(getpid(), SIGUSR1);
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "a ");
}

static void test_signals_that_cannot_be_caught_are_refused(void **state)
{
        struct fixture *f = *state;
        const int bad[] = { SIGKILL, SIGSTOP, 0, -1, 4096 };
        for (int i = 0; i < 5; i++) {
                assert_int_equal(loop_add_signal(f->loop, bad[i], note_signal, f, NULL, &f->err), -1);
                assert_int_equal(f->err.code, E_INVALID);
        }
}

/* ---- children ---- */

static pid_t start_child(int exit_status, int hold_fd)
{
        pid_t pid = fork();
        if (pid == 0) {
                char byte;
                if (hold_fd >= 0 && read(hold_fd, &byte, 1) < 0)
                        _exit(99);
                _exit(exit_status);
        }
        assert_true(pid > 0);
        return pid;
}

static void note_exit(struct loop *loop, loop_id id, const struct loop_child_exit *exit, void *cookie)
{
        struct fixture *f = cookie;
        assert_int_equal(loop_remove(loop, id), -1); /* gone already */
        buf_printf(&f->calls, "%s %d%s ", exit->signaled ? "signal" : "status", exit->status,
                exit->reaped ? "" : " (not reaped)");
        if (exit->reaped)
                assert_int_equal(waitpid(exit->pid, NULL, WNOHANG), -1);
        f->count++;
}

static void test_a_child_tells_its_exit_status(void **state)
{
        struct fixture *f = *state;
        pid_t pid = start_child(3, -1);
        assert_ok(f, loop_add_child(f->loop, pid, note_exit, f, NULL, &f->err));
        while (f->count == 0)
                assert_true(loop_run_once(f->loop, LOOP_NEVER, &f->err) >= 0);
        assert_calls(f, "status 3 ");
}

static void test_a_killed_child_tells_the_signal(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(pipe2(f->fds, O_CLOEXEC), 0);
        pid_t pid = start_child(0, f->fds[0]);
        assert_ok(f, loop_add_child(f->loop, pid, note_exit, f, NULL, &f->err));
        kill(pid, SIGKILL);
        while (f->count == 0)
                loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "signal 9 ");
}

static void test_other_children_are_left_alone(void **state)
{
        struct fixture *f = *state;
        pid_t stranger = start_child(7, -1);
        pid_t ours = start_child(1, -1);
        assert_ok(f, loop_add_child(f->loop, ours, note_exit, f, NULL, &f->err));
        while (f->count == 0)
                loop_run_once(f->loop, LOOP_NEVER, &f->err);
        int status;
        assert_int_equal(waitpid(stranger, &status, 0), stranger);
        assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_a_child_that_another_reaped(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(pipe2(f->fds, O_CLOEXEC), 0);
        pid_t pid = start_child(5, f->fds[0]);
        loop_id id;
        assert_ok(f, loop_add_child(f->loop, pid, note_exit, f, &id, &f->err));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (f->count == 0)
                loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "status 0 (not reaped) ");
        assert_int_equal(loop_add_child(f->loop, pid, note_exit, f, &id, &f->err), -1);
        assert_int_equal(f->err.code, E_NOT_FOUND);
}

static void test_a_hundred_children_leave_no_zombie_and_no_fd(void **state)
{
        struct fixture *f = *state;
        int before = count_open_fds();
        for (int i = 0; i < 100; i++)
                assert_ok(f, loop_add_child(f->loop, start_child(i, -1), note_exit, f, NULL, &f->err));
        while (f->count < 100)
                loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(count_open_fds(), before);
}

static void count_signal(struct loop *loop, loop_id id, const struct signalfd_siginfo *signal, void *cookie)
{
        (void)loop, (void)id, (void)signal;
        note(cookie, "signal");
}

static void note_fd(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)events;
        note(cookie, "fd");
        loop_remove(loop, id);
}

/* epoll sets and signalfds are shared with a forked child: freeing the loop there must not touch the parent's. */
static void test_a_forked_child_may_free_its_copy(void **state)
{
        struct fixture *f = *state;
        fixture_pair(f, 0);
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, f, NULL, &f->err));
        assert_ok(f, loop_add_signal(f->loop, SIGUSR1, count_signal, f, NULL, &f->err));
        pid_t pid = fork();
        if (pid == 0) {
                loop_free(f->loop);
                _exit(is_blocked(SIGUSR1) ? 1 : 0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(write(f->fds[1], "x", 1), 1);
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "fd ");
        kill(getpid(), SIGUSR1);
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "signal ");
}

/* ---- posts ---- */

enum { POSTERS = 4, POSTS_EACH = 5000 };

struct poster {
        struct fixture *fixture;
        pthread_t thread;
        int next; /* checked on the loop's thread: a thread's posts keep their order */
        int refused;
};

struct posted {
        struct poster *poster;
        int number;
};

static void take_post(struct loop *loop, void *cookie)
{
        struct posted *posted = cookie;
        assert_int_equal(posted->number, posted->poster->next);
        posted->poster->next++;
        if (++posted->poster->fixture->count == POSTERS * POSTS_EACH)
                loop_stop(loop);
        free(posted);
}

static void *post_many(void *cookie)
{
        struct poster *poster = cookie;
        for (int i = 0; i < POSTS_EACH; i++) {
                struct posted *posted = malloc(sizeof(*posted));
                *posted = (struct posted){ poster, i };
                while (loop_post(poster->fixture->loop, take_post, posted) < 0) {
                        poster->refused++;
                        sched_yield();
                }
        }
        return NULL;
}

static void test_posts_from_four_threads(void **state)
{
        struct fixture *f = *state;
        loop_free(f->loop);
        f->loop = loop_new(&(struct loop_options){ .posts_max = 64 }, &f->err);
        struct poster posters[POSTERS] = { 0 };
        for (int i = 0; i < POSTERS; i++) {
                posters[i].fixture = f;
                assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]), 0);
        }
        assert_int_equal(loop_run(f->loop, &f->err), 0);
        uint64_t refused = 0;
        for (int i = 0; i < POSTERS; i++) {
                pthread_join(posters[i].thread, NULL);
                refused += (uint64_t)posters[i].refused;
        }
        struct loop_counters counters;
        loop_read_counters(f->loop, &counters);
        assert_int_equal(counters.posts, POSTERS * POSTS_EACH);
        assert_int_equal(counters.posts_refused, refused);
}

static void post_note(struct loop *loop, void *cookie)
{
        (void)loop;
        note(cookie, "post");
}

static void test_a_full_queue_refuses_and_counts(void **state)
{
        struct fixture *f = *state;
        loop_free(f->loop);
        f->loop = loop_new(&(struct loop_options){ .posts_max = 2 }, &f->err);
        assert_int_equal(loop_post(f->loop, post_note, f), 0);
        assert_int_equal(loop_post(f->loop, post_note, f), 0);
        assert_int_equal(loop_post(f->loop, post_note, f), -1);
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_calls(f, "post post ");
        assert_int_equal(loop_post(f->loop, post_note, f), 0);
        struct loop_counters counters;
        loop_read_counters(f->loop, &counters);
        assert_int_equal(counters.posts_refused, 1);
}

static void test_what_was_posted_before_a_stop_is_run(void **state)
{
        struct fixture *f = *state;
        loop_stop(f->loop);
        assert_int_equal(loop_post(f->loop, post_note, f), 0);
        assert_int_equal(loop_run(f->loop, &f->err), 0);
        assert_calls(f, "post ");
}

static void *stop_it(void *cookie)
{
        loop_stop(cookie);
        return NULL;
}

static void test_stop_from_another_thread(void **state)
{
        struct fixture *f = *state;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, stop_it, f->loop), 0);
        assert_int_equal(loop_run(f->loop, &f->err), 0);
        pthread_join(thread, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(test_several_callbacks_a_signal_and_the_mask_restored),
                LOOP_TEST(test_a_signal_that_was_blocked_stays_blocked),
                LOOP_TEST(test_remove_a_callback_of_the_same_signal),
                LOOP_TEST(test_signals_that_cannot_be_caught_are_refused),
                LOOP_TEST(test_a_child_tells_its_exit_status),
                LOOP_TEST(test_a_killed_child_tells_the_signal),
                LOOP_TEST(test_other_children_are_left_alone),
                LOOP_TEST(test_a_child_that_another_reaped),
                LOOP_TEST(test_a_hundred_children_leave_no_zombie_and_no_fd),
                LOOP_TEST(test_a_forked_child_may_free_its_copy),
                LOOP_TEST(test_posts_from_four_threads),
                LOOP_TEST(test_a_full_queue_refuses_and_counts),
                LOOP_TEST(test_what_was_posted_before_a_stop_is_run),
                LOOP_TEST(test_stop_from_another_thread),
        };
        return cmocka_run_group_tests_name("loop_signals", tests, NULL, NULL);
}
