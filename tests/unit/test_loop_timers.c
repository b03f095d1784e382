/* Timers and idle times on a fake clock: hours pass, nothing sleeps. */
#include "loop_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void note_timer(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop, (void)id;
        struct named *named = cookie;
        note(named->fixture, named->name);
}

static void test_deadlines_fire_in_order_and_equal_ones_as_set(void **state)
{
        struct fixture *f = *state;
        static const struct {
                const char *name;
                int64_t delay_ns;
        } wanted[] = { { "d", 30 }, { "b", 10 }, { "e", 30 }, { "a", 5 }, { "c", 10 }, { "f", 30 } };
        struct named names[6];
        for (int i = 0; i < 6; i++) {
                names[i] = (struct named){ f, wanted[i].name };
                assert_ok(f, loop_add_timer(f->loop, wanted[i].delay_ns, 0, note_timer, &names[i], NULL, &f->err));
        }
        assert_int_equal(loop_next_deadline_ns(f->loop), SECOND + 5);
        assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 1);
        assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 2);
        assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 3);
        assert_calls(f, "a b c d e f ");
        assert_int_equal(loop_now_ns(f->loop), SECOND + 30);
        assert_int_equal(loop_next_deadline_ns(f->loop), LOOP_NEVER);
}

static void test_the_fake_clock_jumps_no_further_than_asked(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" };
        assert_ok(f, loop_add_timer(f->loop, HOUR, 0, note_timer, &a, NULL, &f->err));
        assert_int_equal(loop_run_once(f->loop, MINUTE, &f->err), 0);
        assert_int_equal(loop_now_ns(f->loop), SECOND + MINUTE);
        assert_int_equal(loop_run_once(f->loop, HOUR, &f->err), 1);
        assert_int_equal(loop_now_ns(f->loop), SECOND + HOUR);
}

static void test_a_manual_clock_moves_by_hand_only(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" };
        f->clock.manual = true;
        assert_ok(f, loop_add_timer(f->loop, SECOND, 0, note_timer, &a, NULL, &f->err));
        assert_int_equal(loop_run_once(f->loop, MINUTE, &f->err), 0);
        fake_clock_advance(&f->clock, SECOND - 1);
        assert_int_equal(loop_run_once(f->loop, MINUTE, &f->err), 0);
        fake_clock_advance(&f->clock, 1);
        assert_int_equal(loop_run_once(f->loop, MINUTE, &f->err), 1);
        assert_calls(f, "a ");
}

static void test_ready_fds_come_before_a_jump(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "timer" };
        fixture_pair(f, 0);
        assert_ok(f, loop_add_timer(f->loop, SECOND, 0, note_timer, &a, NULL, &f->err));
        loop_stop(f->loop); /* its eventfd is ready */
        loop_run_once(f->loop, LOOP_NEVER, &f->err);
        assert_int_equal(loop_now_ns(f->loop), SECOND);
        assert_calls(f, "");
}

static void test_a_period_keeps_its_phase(void **state)
{
        struct fixture *f = *state;
        f->clock.manual = true;
        struct named a = { f, "a" };
        loop_id id;
        assert_ok(f, loop_add_timer(f->loop, 100, 100, note_timer, &a, &id, &f->err));
        fake_clock_advance(&f->clock, 130); /* 30 late */
        loop_run_once(f->loop, 0, &f->err);
        assert_int_equal(loop_next_deadline_ns(f->loop), SECOND + 200);
        fake_clock_advance(&f->clock, 420); /* now 550: the calls of 200, 300, 400, 500 are due, one is made */
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 1);
        assert_int_equal(loop_next_deadline_ns(f->loop), SECOND + 600);
        assert_calls(f, "a a ");
        struct loop_counters counters;
        loop_read_counters(f->loop, &counters);
        assert_int_equal(counters.timers_fired, 2);
        assert_int_equal(counters.timers_skipped, 3);
        assert_int_equal(loop_remove(f->loop, id), 0);
        assert_int_equal(loop_next_deadline_ns(f->loop), LOOP_NEVER);
}

static void count_periods(struct loop *loop, loop_id id, void *cookie)
{
        struct fixture *f = cookie;
        if (++f->count == 100000)
                assert_int_equal(loop_remove(loop, id), 0);
}

static void test_a_period_does_not_drift(void **state)
{
        struct fixture *f = *state;
        assert_ok(f, loop_add_timer(f->loop, 333333333, 333333333, count_periods, f, NULL, &f->err));
        while (f->count < 100000)
                assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 1);
        assert_int_equal(loop_now_ns(f->loop), SECOND + INT64_C(333333333) * 100000);
        assert_int_equal(loop_next_deadline_ns(f->loop), LOOP_NEVER);
}

static void remove_other(struct loop *loop, loop_id id, void *cookie)
{
        (void)id;
        struct named *named = cookie;
        note(named->fixture, named->name);
        assert_int_equal(loop_remove(loop, named->other), 0);
}

static void test_cancel_in_a_callback(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" }, b = { f, "b" }, c = { f, "c" };
        assert_ok(f, loop_add_timer(f->loop, 10, 0, remove_other, &a, NULL, &f->err));
        assert_ok(f, loop_add_timer(f->loop, 10, 0, note_timer, &b, &a.other, &f->err));
        assert_ok(f, loop_add_timer(f->loop, 10, 5, remove_other, &c, &c.other, &f->err)); /* itself, periodic */
        assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 2);
        assert_int_equal(loop_run_once(f->loop, SECOND, &f->err), 0);
        assert_calls(f, "a c ");
}

static void rearm_thrice(struct loop *loop, loop_id id, void *cookie)
{
        struct named *named = cookie;
        note(named->fixture, named->name);
        if (named->fixture->count < 3)
                assert_int_equal(loop_rearm_timer(loop, id, 0), 0);
}

static void test_rearm_in_its_own_callback(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" };
        loop_id id;
        assert_ok(f, loop_add_timer(f->loop, 10, 0, rearm_thrice, &a, &id, &f->err));
        for (int i = 0; i < 3; i++) /* due at once, but in an iteration of its own: fds get their turn */
                assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 1);
        assert_int_equal(loop_run_once(f->loop, SECOND, &f->err), 0);
        assert_calls(f, "a a a ");
        assert_int_equal(loop_rearm_timer(f->loop, id, 0), -1); /* fired once, not re-armed: gone */
}

static void sleep_again(struct loop *loop, loop_id id, void *cookie)
{
        struct named *named = cookie;
        note(named->fixture, named->name);
        assert_int_equal(loop_rearm_timer_at(loop, id, LOOP_NEVER), 0);
}

static void test_a_sleeping_timer_is_kept(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" };
        loop_id id;
        assert_ok(f, loop_add_timer_at(f->loop, LOOP_NEVER, 0, sleep_again, &a, &id, &f->err));
        assert_int_equal(loop_run_once(f->loop, DAY, &f->err), 0);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(loop_rearm_timer(f->loop, id, 5), 0);
                assert_int_equal(loop_run_once(f->loop, SECOND, &f->err), 1);
        }
        assert_calls(f, "a a ");
        assert_int_equal(loop_remove(f->loop, id), 0);
}

static void test_a_past_deadline_counts_as_now(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" }, b = { f, "b" };
        assert_ok(f, loop_add_timer_at(f->loop, 10, 0, note_timer, &a, NULL, &f->err));
        assert_ok(f, loop_add_timer_at(f->loop, 5, 0, note_timer, &b, NULL, &f->err));
        assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 2);
        assert_calls(f, "a b ");
        assert_int_equal(loop_now_ns(f->loop), SECOND);
}

static void test_far_deadlines_do_not_overflow(void **state)
{
        struct fixture *f = *state;
        struct named a = { f, "a" };
        assert_ok(f, loop_add_timer(f->loop, LOOP_NEVER - 1, 0, note_timer, &a, NULL, &f->err));
        assert_ok(f, loop_add_timer(f->loop, 5, LOOP_NEVER, note_timer, &a, NULL, &f->err));
        assert_int_equal(loop_run_once(f->loop, LOOP_NEVER, &f->err), 1);
        assert_int_equal(loop_next_deadline_ns(f->loop), LOOP_NEVER);
}

struct expected {
        loop_id id;
        int64_t deadline_ns;
        int order; /* of setting */
        struct fixture *fixture;
};

static int64_t last_deadline_ns;
static int last_order;

static void check_order(struct loop *loop, loop_id id, void *cookie)
{
        struct expected *timer = cookie;
        assert_true(timer->id == id);
        assert_true(timer->deadline_ns >= last_deadline_ns);
        assert_true(timer->deadline_ns == loop_now_ns(loop));
        if (timer->deadline_ns == last_deadline_ns)
                assert_true(timer->order > last_order);
        last_order = timer->order;
        last_deadline_ns = timer->deadline_ns;
        timer->id = 0;
        timer->fixture->count++;
}

static uint32_t draw(uint32_t *seed)
{
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

static void test_a_thousand_random_timers(void **state)
{
        struct fixture *f = *state;
        enum { TIMERS = 1000 };
        struct expected *timers = calloc(TIMERS, sizeof(*timers));
        uint32_t seed = 20;
        for (int i = 0; i < TIMERS; i++) {
                timers[i] = (struct expected){ .deadline_ns = SECOND + 1 + draw(&seed) % 50, .order = i, .fixture = f };
                assert_ok(f, loop_add_timer_at(f->loop, timers[i].deadline_ns, 0, check_order, &timers[i],
                                     &timers[i].id, &f->err));
        }
        int removed = 0;
        for (int i = 0; i < TIMERS; i += 3) {
                if (i % 2) {
                        assert_int_equal(loop_remove(f->loop, timers[i].id), 0);
                        timers[i].id = 0;
                        removed++;
                } else {
                        timers[i].deadline_ns = SECOND + 1 + draw(&seed) % 50;
                        timers[i].order = TIMERS + i;
                        assert_int_equal(loop_rearm_timer_at(f->loop, timers[i].id, timers[i].deadline_ns), 0);
                }
        }
        last_deadline_ns = 0;
        while (loop_run_once(f->loop, SECOND, &f->err) > 0)
                ;
        assert_int_equal(f->count, TIMERS - removed);
        for (int i = 0; i < TIMERS; i++)
                assert_int_equal(timers[i].id, 0);
        free(timers);
}

static void note_idle(struct loop *loop, loop_id id, void *cookie)
{
        (void)loop, (void)id;
        note(cookie, "idle");
}

static void drink(struct loop *loop, loop_id id, uint32_t events, void *cookie)
{
        (void)loop, (void)id, (void)events;
        struct fixture *f = cookie;
        char bytes[16];
        assert_true(read(f->fds[0], bytes, sizeof(bytes)) > 0);
        note(f, "read");
}

static void test_idle_times(void **state)
{
        struct fixture *f = *state;
        f->clock.manual = true;
        fixture_pair(f, 0);
        loop_id id;
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, drink, f, &id, &f->err));
        assert_ok(f, loop_set_idle(f->loop, id, 10 * SECOND, note_idle, f, &f->err));
        fake_clock_advance(&f->clock, 9 * SECOND);
        assert_int_equal(write(f->fds[1], "x", 1), 1);
        loop_run_once(f->loop, 0, &f->err);
        fake_clock_advance(&f->clock, 9 * SECOND); /* 18 s after the start, 9 s after the byte */
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "read ");
        loop_touch_fd(f->loop, id);
        fake_clock_advance(&f->clock, 9 * SECOND);
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "");
        fake_clock_advance(&f->clock, SECOND);
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "idle ");
        fake_clock_advance(&f->clock, 10 * SECOND);
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "idle "); /* again, each idle time */
        assert_ok(f, loop_set_idle(f->loop, id, 0, NULL, NULL, &f->err));
        assert_int_equal(loop_next_deadline_ns(f->loop), LOOP_NEVER);
        fake_clock_advance(&f->clock, HOUR);
        assert_int_equal(loop_run_once(f->loop, 0, &f->err), 0);
}

static void test_bytes_in_the_same_batch_are_activity(void **state)
{
        struct fixture *f = *state;
        f->clock.manual = true;
        fixture_pair(f, 0);
        loop_id id;
        assert_ok(f, loop_add_fd(f->loop, f->fds[0], LOOP_READ, LOOP_LEVEL, drink, f, &id, &f->err));
        assert_ok(f, loop_set_idle(f->loop, id, SECOND, note_idle, f, &f->err));
        assert_int_equal(write(f->fds[1], "x", 1), 1);
        fake_clock_advance(&f->clock, 5 * SECOND);
        loop_run_once(f->loop, 0, &f->err);
        assert_calls(f, "read ");
        assert_int_equal(loop_remove(f->loop, id), 0); /* takes its timer along */
        assert_int_equal(loop_next_deadline_ns(f->loop), LOOP_NEVER);
}

static void test_the_real_clock_waits_and_fires(void **state)
{
        struct fixture *f = *state;
        cleanup(loop_free) struct loop *loop = loop_new(NULL, &f->err);
        struct named a = { f, "a" };
        assert_ok(f, loop_add_timer(loop, 50 * MICROSECOND, 0, note_timer, &a, NULL, &f->err));
        int64_t before_ns = time_monotonic_ns();
        while (f->count == 0)
                assert_true(loop_run_once(loop, LOOP_NEVER, &f->err) >= 0);
        assert_true(time_monotonic_ns() - before_ns >= 50 * MICROSECOND);
        struct loop_counters counters;
        loop_read_counters(loop, &counters);
        assert_true(counters.iterations <= 2); /* one wait, to the nanosecond; no spinning through a millisecond */
}

/* A kernel before 5.11 answers ENOSYS to epoll_pwait2; a filter stands in for it. */
static bool forbid_pwait2(void)
{
        struct sock_filter filter[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_epoll_pwait2, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void test_without_pwait2_no_timer_is_early(void **state)
{
        struct fixture *f = *state;
        pid_t pid = fork();
        if (pid == 0) {
                struct named a = { f, "a" };
                struct loop *loop = loop_new(NULL, NULL);
                if (!loop || !forbid_pwait2())
                        _exit(77);
                int64_t start_ns = time_monotonic_ns();
                loop_add_timer(loop, 1500 * MICROSECOND, 0, note_timer, &a, NULL, NULL);
                while (f->count == 0)
                        if (loop_run_once(loop, LOOP_NEVER, NULL) < 0)
                                _exit(1);
                struct loop_counters counters;
                loop_read_counters(loop, &counters);
                _exit(time_monotonic_ns() - start_ns >= 1500 * MICROSECOND && counters.iterations <= 2 ? 0 : 2);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WEXITSTATUS(status) == 77) {
                print_message("skipped: needs seccomp filters\n");
                skip();
        }
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(test_deadlines_fire_in_order_and_equal_ones_as_set),
                LOOP_TEST(test_the_fake_clock_jumps_no_further_than_asked),
                LOOP_TEST(test_a_manual_clock_moves_by_hand_only),
                LOOP_TEST(test_ready_fds_come_before_a_jump),
                LOOP_TEST(test_a_period_keeps_its_phase),
                LOOP_TEST(test_a_period_does_not_drift),
                LOOP_TEST(test_cancel_in_a_callback),
                LOOP_TEST(test_rearm_in_its_own_callback),
                LOOP_TEST(test_a_sleeping_timer_is_kept),
                LOOP_TEST(test_a_past_deadline_counts_as_now),
                LOOP_TEST(test_far_deadlines_do_not_overflow),
                LOOP_TEST(test_a_thousand_random_timers),
                LOOP_TEST(test_idle_times),
                LOOP_TEST(test_bytes_in_the_same_batch_are_activity),
                LOOP_TEST(test_the_real_clock_waits_and_fires),
                LOOP_TEST(test_without_pwait2_no_timer_is_early),
        };
        return cmocka_run_group_tests_name("loop_timers", tests, NULL, NULL);
}
