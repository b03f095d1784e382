/* The reactor's core: fds, triggering, removal in a batch, running and stopping. */
#include "loop_fixture.h"

static void note_fd(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop, (void)id, (void)events;
        struct named *named = cookie;
        note(named->fixture, named->name);
}

static void put(int fd, const char *text)
{
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void test_level_calls_as_long_as_bytes_wait(void **state)
{
        struct fixture *f = *state;
        fixture_pair(f, 0);
        struct named a = { f, "a" };
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, &a, NULL, &f->err));
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 0);
        put(f->fds[1], "x");
        for (int i = 0; i < 3; i++)
                assert_int_equal(loop_run_once(f->loop, 0, &f->err), 1);
        assert_calls(f, "a a a ");
        char byte;
        assert_int_equal(read(f->fds[0], &byte, 1), 1);
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 0);
}

static void test_edge_calls_once_a_change(void **state)
{
        struct fixture *f = *state;
        fixture_pair(f, 0);
        struct named a = { f, "a" };
        loop_id id;
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_EDGE, note_fd, &a, &id, &f->err));
        put(f->fds[1], "x");
        for (int i = 0; i < 3; i++)
                loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "a ");
        put(f->fds[1], "y");
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "a ");
        /* A modification looks again and stays edge-triggered. */
        assert_ok(f, loop_modify_fd(f->loop, id, LOOP_READ, &f->err));
        loop_run_once(f->loop, 0, &f->err);
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "a ");
}

static void note_events(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop, (void)id;
        struct fixture *f = cookie;
        buf_printf(&f->calls, "%s%s%s%s ", events & LOOP_READ ? "r" : "", events & LOOP_WRITE ? "w" : "",
                events & LOOP_PEER_CLOSED ? "p" : "", events & LOOP_HANGUP ? "h" : "");
}

static void test_events_say_what_is_ready(void **state)
{
        struct fixture *f = *state;
        fixture_pair(f, 0);
        loop_id id;
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ | LOOP_WRITE | LOOP_PEER_CLOSED, LOOP_LEVEL, note_events,
                             f, &id, &f->err));
        loop_run_once(f->loop, 0, &f->err);
        put(f->fds[1], "x");
        loop_run_once(f->loop, 0, &f->err);
        shutdown(f->fds[1], SHUT_WR);
        loop_run_once(f->loop, 0, &f->err);
        assert_ok(f, loop_modify_fd(f->loop, id, 0, &f->err));
        loop_run_once(f->loop, 0, &f->err);
        fd_close(&f->fds[1]);
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "w rw rwp h ");
}

static void remove_both(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)events;
        struct named *named = cookie;
        note(named->fixture, named->name);
        for (int i = 0; i < 2; i++)
                assert_int_equal(loop_remove(loop, named->fixture->ids[i]), 0);
        assert_int_equal(loop_remove(loop, id), -1); /* it was one of them */
}

static void test_remove_of_a_ready_fd_in_the_same_batch(void **state)
{
        struct fixture *f = *state;
        struct named names[2] = { { f, "first" }, { f, "second" } };
        for (int i = 0; i < 2; i++) {
                fixture_pair(f, i * 2);
                assert_ok(f, loop_add_fd(f->loop, f->fds[i * 2], LOOP_READ, LOOP_LEVEL, remove_both, &names[i],
                                     &f->ids[i], &f->err));
                put(f->fds[i * 2 + 1], "x");
        }
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 1);
        assert_int_equal(f->count, 1); /* whichever came first */
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 0);
        struct loop_counters counters;
        loop_read_counters(f->loop, &counters);
        assert_int_equal(counters.stale_events, 1);
        assert_int_equal(counters.events, 1);
}

static void must_not_be_called(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop, (void)id, (void)events, (void)cookie;
        refute("an event of the fd that had this number before");
}

/* Closes the other ready fd and opens a new one, which gets its number and its slot in the table. */
static void reuse_other(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)events;
        struct fixture *f = cookie;
        int other = id == f->ids[0] ? 1 : 0;
        f->count++;
        int number = f->fds[other * 2];
        assert_int_equal(loop_remove(loop, id), 0);
        assert_int_equal(loop_remove(loop, f->ids[other]), 0);
        fd_close(&f->fds[other * 2]);
        int fresh[2];
        assert_int_equal(pipe2(fresh, O_CLOEXEC), 0); /* silent: nobody writes */
        assert_true(fresh[0] == number);
        f->fds[other * 2] = fresh[0];
        f->fds[4] = fresh[1];
        assert_ok(f, loop_add_fd(loop, fresh[0], LOOP_READ, LOOP_LEVEL, must_not_be_called, f, NULL, &f->err));
}

static void test_fd_reuse_in_one_batch(void **state)
{
        struct fixture *f = *state;
        for (int i = 0; i < 2; i++) {
                fixture_pair(f, i * 2);
                assert_ok(f, loop_add_fd(f->loop, f->fds[i * 2], LOOP_READ, LOOP_LEVEL, reuse_other, f, &f->ids[i],
                                     &f->err));
                put(f->fds[i * 2 + 1], "x");
        }
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 1);
        assert_int_equal(f->count, 1);
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 0);
}

static void test_an_id_never_names_its_successor(void **state)
{
        struct fixture *f = *state;
        fixture_pair(f, 0);
        struct named a = { f, "a" };
        loop_id first, second;
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, &a, &first, &f->err));
        assert_int_equal(loop_remove(f->loop, first), 0);
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, &a, &second, &f->err));
        assert_true(first != second);
        assert_int_equal(loop_remove(f->loop, first), -1);
        assert_int_equal(loop_modify_fd(f->loop, first, LOOP_WRITE, &f->err), -1);
        assert_int_equal(f->err.code, E_NOT_FOUND);
        assert_int_equal(loop_set_idle(f->loop, first, SECOND, NULL, NULL, &f->err), -1);
        loop_touch_fd(f->loop, first);
        assert_int_equal(loop_remove(f->loop, 0), -1);
        assert_int_equal(loop_remove(f->loop, UINT64_MAX), -1);
        put(f->fds[1], "x");
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "a ");
}

static void test_bad_fds_are_refused(void **state)
{
        struct fixture *f = *state;
        loop_id id = 42;
        assert_int_equal(loop_add_fd(f->loop, -1, LOOP_READ, LOOP_LEVEL, note_fd, NULL, &id, &f->err), -1);
        assert_int_equal(f->err.errnum, EBADF);
        f->fds[0] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        assert_int_equal(loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, NULL, &id, &f->err), -1);
        assert_int_equal(f->err.errnum, EPERM); /* a regular file is always ready */
        assert_int_equal(id, 42);
}

static void test_a_full_table_refuses_and_counts(void **state)
{
        struct fixture *f = *state;
        struct loop *loop = loop_new(&(struct loop_options){ .fds_max = 2, .timers_max = 1 }, &f->err);
        assert_non_null(loop);
        fixture_pair(f, 0);
        loop_id id;
        assert_ok(f, loop_add_fd(loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, NULL, &id, &f->err));
        /* one place of the two is the loop's own eventfd */
        assert_int_equal(loop_add_fd(loop, f->fds[1], LOOP_READ, LOOP_LEVEL, note_fd, NULL, NULL, &f->err), -1);
        assert_int_equal(f->err.code, E_TOO_LARGE);
        assert_int_equal(loop_remove(loop, id), 0);
        assert_ok(f, loop_add_fd(loop, f->fds[1], LOOP_READ, LOOP_LEVEL, note_fd, NULL, &id, &f->err));
        assert_ok(f, loop_add_timer(loop, SECOND, 0, NULL, NULL, NULL, &f->err));
        assert_int_equal(loop_set_idle(loop, id, SECOND, NULL, NULL, &f->err), -1);
        struct loop_counters counters;
        loop_read_counters(loop, &counters);
        assert_int_equal(counters.refused, 2);
        loop_free(loop);
}

static void run_again(struct loop *loop, void *cookie)
{
        struct fixture *f = cookie;
        assert_int_equal(loop_run_once(loop, 0, &f->err), -1);
        assert_int_equal(f->err.code, E_INVALID);
        note(f, "refused");
}

static void test_a_callback_cannot_run_its_loop(void **state)
{
        struct fixture *f = *state;
        assert_int_equal(loop_defer(f->loop, run_again, f), 0);
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 1);
        assert_calls(f, "refused ");
}

static void note_defer(struct loop *loop, void *cookie)
{
        struct fixture *f = cookie;
        note(f, "deferred");
        if (f->count == 1)
                assert_int_equal(loop_defer(loop, note_defer, f), 0);
}

static void test_deferred_calls_follow_the_callbacks(void **state)
{
        struct fixture *f = *state;
        fixture_pair(f, 0);
        struct named a = { f, "a" };
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, note_fd, &a, NULL, &f->err));
        put(f->fds[1], "x");
        f->count = -1;
        assert_int_equal(loop_defer(f->loop, note_defer, f), 0);
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 2);
        assert_calls(f, "a deferred ");
        loop_run_once(f->loop, LOOP_NEVER, &f->err); /* what it deferred itself; no waiting */
        assert_calls(f, "a deferred ");
}

static void test_a_stop_before_the_run_is_kept(void **state)
{
        struct fixture *f = *state;
        loop_stop(f->loop);
        assert_int_equal(loop_run(f->loop, &f->err), 0);
        loop_stop(f->loop);
        assert_int_equal(loop_run(f->loop, &f->err), 0);
}

static void test_fds_are_close_on_exec(void **state)
{
        struct fixture *f = *state;
        loop_id id;
        assert_ok(f, loop_add_signal(f->loop, SIGUSR1, NULL, NULL, &id, &f->err));
        assert_ok(f, loop_add_watch(f->loop, AT_FDCWD, "/", IN_CREATE, NULL, NULL, &id, &f->err));
        int found = 0;
        for (int fd = 3; fd < 64; fd++) {
                int flags = fcntl(fd, F_GETFD);
                char path[64], target[64] = "";
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                if (flags < 0 || readlink(path, target, sizeof(target) - 1) < 0 || !strstr(target, "anon_inode:"))
                        continue;
                assert_true(flags & FD_CLOEXEC);
                found++;
        }
        assert_true(found >= 4); /* epoll, eventfd, signalfd, inotify */
}

static void test_loops_leave_no_fd(void **state)
{
        struct fixture *f = *state;
        int before = count_open_fds();
        for (int i = 0; i < 200; i++) {
                cleanup(loop_free) struct loop *loop = loop_new(NULL, &f->err);
                assert_non_null(loop);
                assert_ok(f, loop_add_signal(loop, SIGUSR2, NULL, NULL, NULL, &f->err));
                assert_ok(f, loop_add_watch(loop, AT_FDCWD, "/", IN_CREATE, NULL, NULL, NULL, &f->err));
                assert_ok(f, loop_add_timer(loop, SECOND, 0, NULL, NULL, NULL, &f->err));
        }
        assert_int_equal(count_open_fds(), before);
        loop_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(test_level_calls_as_long_as_bytes_wait),
                LOOP_TEST(test_edge_calls_once_a_change),
                LOOP_TEST(test_events_say_what_is_ready),
                LOOP_TEST(test_remove_of_a_ready_fd_in_the_same_batch),
                LOOP_TEST(test_fd_reuse_in_one_batch),
                LOOP_TEST(test_an_id_never_names_its_successor),
                LOOP_TEST(test_bad_fds_are_refused),
                LOOP_TEST(test_a_full_table_refuses_and_counts),
                LOOP_TEST(test_a_callback_cannot_run_its_loop),
                LOOP_TEST(test_deferred_calls_follow_the_callbacks),
                LOOP_TEST(test_a_stop_before_the_run_is_kept),
                LOOP_TEST(test_fds_are_close_on_exec),
                LOOP_TEST(test_loops_leave_no_fd),
        };
        return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
