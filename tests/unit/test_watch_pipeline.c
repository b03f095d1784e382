/* The pipeline between a source of the test's own and a sink: order, what waits when the sink is busy, what is lost and
 * how that is told and repaired, and which source is taken. The clock is the test's; /proc is this machine's. */
#include "modules/watch/pipeline.h"
#include "modules/watch/source/observation_codec.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TEXT_MAX = 4096 };

/* ---- a source: observations wait in the test and come when its fd is readable ---- */

static struct script {
        int fd;
        unsigned waiting; /* USER observations numbered from `next` on */
        unsigned next, decoded;
        bool open, gone;
        unsigned opens, in_flight;
} script;

static int script_open(const struct source_options *options, struct source **ret, struct error *err)
{
        (void)options;
        (void)err;
        script.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(script.fd >= 0);
        script.open = true;
        script.opens++;
        *ret = (struct source *)(void *)&script;
        return 0;
}

static void script_close(struct source *source)
{
        if (!source)
                return;
        close(script.fd);
        script.open = false;
}

static int script_fds(const struct source *source, int *ret, int max)
{
        (void)source;
        assert_true(max >= 1);
        ret[0] = script.fd;
        return 1;
}

static bool script_receive(struct source *source, struct queue *raw)
{
        uint64_t ignored;
        (void)source;
        if (read(script.fd, &ignored, sizeof(ignored)) < 0)
                ignored = 0;
        for (; script.waiting; script.waiting--, script.next++)
                queue_push(raw, sv_n((const char *)&script.next, sizeof(script.next)));
        return false;
}

static void script_decode(struct source *source, struct sv raw, int64_t now_ns, observe_fn *observe, void *cookie)
{
        struct observation observation;
        char account[32];
        unsigned number;
        (void)source;
        memcpy(&number, raw.p, sizeof(number));
        observation_init(&observation, OBSERVED_USER, SOURCE_AUDIT);
        observation.time_ns = now_ns;
        observation.pid = getpid();
        snprintf(account, sizeof(account), "%u", number);
        observation.account = sv_of(account);
        observation.operation = SV("USER_LOGIN");
        script.decoded++;
        observe(&observation, cookie);
}

static void script_tick(struct source *source, int64_t now_ns, observe_fn *observe, void *cookie)
{
        (void)source;
        (void)now_ns;
        (void)observe;
        (void)cookie;
}

static void script_count(const struct source *source, struct source_counters *ret)
{
        (void)source;
        *ret = (struct source_counters){ .received = script.next, .in_flight = script.in_flight };
}

static const struct source_ops script_source = { .name = "script",
        .kind = SOURCE_CONNECTOR,
        .open = script_open,
        .close = script_close,
        .fds = script_fds,
        .receive = script_receive,
        .decode = script_decode,
        .tick = script_tick,
        .count = script_count };

static int refuse_open(const struct source_options *options, struct source **ret, struct error *err)
{
        (void)options;
        (void)ret;
        return error_set(err, E_PERMISSION, 0, __FILE__, __LINE__, "not you");
}

static const struct source_ops refusing = { .name = "refusing", .kind = SOURCE_BPF, .open = refuse_open };

/* ---- the sink ---- */

struct fixture {
        struct loop_fake_clock clock;
        struct loop *loop;
        struct pipeline *pipeline;
        int root;
        bool busy;
        unsigned events, next, gaps, repairs;
        uint64_t lost;
        char reason[32];
        char log[TEXT_MAX];
};

static void on_event(struct event *event, void *cookie)
{
        struct fixture *fixture = cookie;
        if (event->type == EVENT_GAP && event->gap.lost) {
                fixture->gaps++;
                fixture->lost += event->gap.lost;
                snprintf(fixture->reason, sizeof(fixture->reason), "%s", event->gap.reason);
        } else if (event->type == EVENT_GAP) {
                fixture->repairs++;
        } else if (event->type == EVENT_USER) {
                uint64_t number;
                assert_true(sv_parse_u64(sv_of(event->user.account), 10, &number));
                assert_true(number >= fixture->next); /* in order */
                fixture->next = (unsigned)number + 1;
                fixture->events++;
        }
}

static bool on_blocked(void *cookie)
{
        return ((struct fixture *)cookie)->busy;
}

static void on_log(void *cookie, const char *text)
{
        struct fixture *fixture = cookie;
        size_t length = strlen(fixture->log);
        snprintf(fixture->log + length, sizeof(fixture->log) - length, "%s\n", text);
}

static int setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        memset(&script, 0, sizeof(script));
        fake_clock_init(&fixture->clock, 1);
        fixture->clock.manual = true;
        fixture->loop = loop_new(&(struct loop_options){ .clock = &fixture->clock.clock }, NULL);
        fixture->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        *state = fixture;
        return fixture->loop && fixture->root >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
        struct fixture *fixture = *state;
        pipeline_free(fixture->pipeline);
        loop_free(fixture->loop);
        close(fixture->root);
        assert_false(script.open);
        free(fixture);
        return 0;
}

static int start(struct fixture *fixture, const struct source_ops *const *sources, size_t raw_bytes, struct error *err)
{
        const struct pipeline_options options = { .sources = sources,
                .root = fixture->root,
                .raw_bytes = raw_bytes,
                .event = on_event,
                .blocked = on_blocked,
                .log = on_log,
                .cookie = fixture };
        fixture->pipeline = pipeline_new(fixture->loop, &options, err);
        return fixture->pipeline ? 0 : -1;
}

static void turn(struct fixture *fixture, int rounds)
{
        for (int i = 0; i < rounds; i++)
                assert_true(loop_run_once(fixture->loop, 0, NULL) >= 0);
}

static void send_some(unsigned count)
{
        uint64_t one = 1;
        script.waiting += count;
        assert_int_equal(write(script.fd, &one, sizeof(one)), sizeof(one));
}

static const struct source_ops *const only_script[] = { &script_source, NULL };

static void test_events_come_in_order(void **state)
{
        struct fixture *fixture = *state;
        struct pipeline_counters counters;
        assert_int_equal(start(fixture, only_script, 0, NULL), 0);
        assert_int_equal(fixture->events, 0); /* what is there already is no event */
        for (int i = 0; i < 10; i++) {
                send_some(1000);
                turn(fixture, 3);
        }
        assert_int_equal(fixture->events, 10000);
        pipeline_count(fixture->pipeline, &counters);
        assert_int_equal(counters.events, 10000);
        assert_int_equal(counters.raw.depth, 0);
        assert_int_equal(counters.raw.depth_high, 1000);
        assert_int_equal(counters.observations.lost, 0);
        assert_true(counters.tree.processes > 0); /* seeded from /proc */
        assert_string_equal(pipeline_source(fixture->pipeline), "script");
}

/* While the sink takes nothing the source is emptied all the same, and everything comes when it takes again. */
static void test_a_busy_sink_loses_nothing(void **state)
{
        struct fixture *fixture = *state;
        assert_int_equal(start(fixture, only_script, 0, NULL), 0);
        fixture->busy = true;
        for (int i = 0; i < 20; i++) {
                send_some(500);
                fake_clock_advance(&fixture->clock, 5 * MILLISECOND);
                turn(fixture, 3);
        }
        assert_int_equal(script.waiting, 0);
        assert_int_equal(fixture->events, 0);
        fixture->busy = false;
        fake_clock_advance(&fixture->clock, 5 * MILLISECOND);
        turn(fixture, 20);
        assert_int_equal(fixture->events, 10000);
        assert_int_equal(fixture->gaps, 0);
}

/* What a queue has no room for is told by number, and the tree is then compared with /proc. */
static void test_a_full_queue_is_a_gap(void **state)
{
        struct fixture *fixture = *state;
        struct pipeline_counters counters;
        assert_int_equal(start(fixture, only_script, 4096, NULL), 0);
        send_some(10000); /* of 8 bytes each: 512 fit */
        turn(fixture, 3);
        assert_in_range(fixture->events, 1, 512);
        fake_clock_advance(&fixture->clock, 150 * MILLISECOND); /* the tick */
        turn(fixture, 3);
        assert_int_equal(fixture->gaps, 1);
        assert_int_equal(fixture->events + fixture->lost, 10000);
        assert_string_equal(fixture->reason, "raw queue");
        assert_int_equal(fixture->repairs, 0);
        fake_clock_advance(&fixture->clock, 500 * MILLISECOND);
        turn(fixture, 3);
        assert_int_equal(fixture->repairs, 1);
        fake_clock_advance(&fixture->clock, 10 * SECOND);
        turn(fixture, 5);
        assert_int_equal(fixture->gaps, 1); /* told once */
        assert_int_equal(fixture->repairs, 1);
        pipeline_count(fixture->pipeline, &counters);
        assert_int_equal(counters.raw.lost, fixture->lost);
}

/* /proc tells starts in ticks: a process of the tick in which the tree began may have been there before. */
static void next_tick(void)
{
        const int64_t tick_ns = SECOND / sysconf(_SC_CLK_TCK);
        struct timespec began, now;
        clock_gettime(CLOCK_BOOTTIME, &began);
        do
                clock_gettime(CLOCK_BOOTTIME, &now);
        while ((now.tv_sec - began.tv_sec) * SECOND + now.tv_nsec - began.tv_nsec <= 2 * tick_ns);
}

/* A process that the source never told of is in the tree after the repair, and one that is gone is not. */
static void test_repair_finds_what_was_missed(void **state)
{
        struct fixture *fixture = *state;
        int ends[2];
        char byte;
        assert_int_equal(start(fixture, only_script, 4096, NULL), 0);
        struct tree *tree = pipeline_tree(fixture->pipeline);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        next_tick();
        pid_t child = fork();
        if (child == 0) {
                close(ends[1]);
                _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
        }
        assert_null(tree_find(tree, child));
        send_some(10000);
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 150 * MILLISECOND);
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 500 * MILLISECOND);
        turn(fixture, 3);
        const struct tree_process *found = tree_find(tree, child);
        assert_non_null(found);
        assert_true(tree_process_repaired(found));
        close(ends[1]);
        assert_int_equal(waitpid(child, NULL, 0), child);
        send_some(10000);
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 150 * MILLISECOND);
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 500 * MILLISECOND);
        turn(fixture, 3);
        assert_null(tree_find(tree, child));
        assert_int_equal(fixture->repairs, 2);
        close(ends[0]);
}

/* While events wait, what /proc shows is ahead of the tree: the comparison waits for them. */
static void test_repair_waits_for_what_is_on_its_way(void **state)
{
        struct fixture *fixture = *state;
        assert_int_equal(start(fixture, only_script, 4096, NULL), 0);
        send_some(10000);
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 150 * MILLISECOND);
        turn(fixture, 3);
        fixture->busy = true;
        send_some(10);
        for (int i = 0; i < 20; i++) {
                fake_clock_advance(&fixture->clock, 100 * MILLISECOND);
                turn(fixture, 3);
        }
        assert_int_equal(fixture->repairs, 0);
        fixture->busy = false;
        fake_clock_advance(&fixture->clock, 100 * MILLISECOND);
        turn(fixture, 5);
        assert_int_equal(fixture->repairs, 1);
        assert_int_equal(fixture->gaps, 1);
        /* what a source holds back is waited for as well, but not for long: on a busy host there is always something */
        send_some(10000);
        script.in_flight = 1;
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 150 * MILLISECOND);
        turn(fixture, 3);
        fake_clock_advance(&fixture->clock, 500 * MILLISECOND);
        turn(fixture, 3);
        assert_int_equal(fixture->repairs, 1);
        for (int i = 0; i < 30; i++) {
                fake_clock_advance(&fixture->clock, 50 * MILLISECOND);
                turn(fixture, 3);
        }
        assert_int_equal(fixture->repairs, 2);
}

static void test_finish_takes_what_is_left(void **state)
{
        struct fixture *fixture = *state;
        assert_int_equal(start(fixture, only_script, 0, NULL), 0);
        fixture->busy = true; /* at the end the sink has to wait */
        send_some(3000);
        pipeline_finish(fixture->pipeline);
        assert_int_equal(fixture->events, 3000);
        send_some(5);
        turn(fixture, 3);
        assert_int_equal(fixture->events, 3000); /* nothing comes any more */
}

static void test_the_first_source_that_works(void **state)
{
        struct fixture *fixture = *state;
        const struct source_ops *const both[] = { &refusing, &script_source, NULL };
        const struct source_ops *const none[] = { &refusing, NULL };
        struct error err;
        assert_int_equal(start(fixture, none, 0, &err), -1);
        assert_int_equal(err.code, E_PERMISSION);
        assert_string_equal(err.message, "not you");
        assert_int_equal(start(fixture, both, 0, &err), 0);
        assert_non_null(strstr(fixture->log, "source refusing cannot be used: not you; trying script"));
        assert_int_equal(script.opens, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_events_come_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_busy_sink_loses_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_full_queue_is_a_gap, setup, teardown),
                cmocka_unit_test_setup_teardown(test_repair_finds_what_was_missed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_repair_waits_for_what_is_on_its_way, setup, teardown),
                cmocka_unit_test_setup_teardown(test_finish_takes_what_is_left, setup, teardown),
                cmocka_unit_test_setup_teardown(test_the_first_source_that_works, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
