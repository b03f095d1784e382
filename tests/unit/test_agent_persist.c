/* One persistent module under a clock that the test owns: pings, silence, restarts and their backoff. The worker is
 * real. */
#include "agent/persist.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct agent agent;
static struct loop_fake_clock fake;
static struct persist *persist;
static char state_directory[64];

/* Lets what is ready happen; no time passes. */
static void settle(bool (*until)(void))
{
        struct error err;
        for (int turns = 0; turns < 3000 && !until(); turns++) {
                struct timespec moment = { 0, 10 * MILLISECOND };
                while (loop_run_once(agent.loop, 0, &err) > 0)
                        continue;
                if (!until())
                        nanosleep(&moment, NULL); /* the worker is another process: polled, never judged by time */
        }
        if (!until())
                fail_msg("the module is %s: %s", graph_state_name(agent.graph.nodes[0].state), persist_reason(persist));
}

static bool is_ready(void)
{
        return agent.graph.nodes[0].state == GRAPH_READY;
}

static bool is_down(void)
{
        return agent.graph.nodes[0].state == GRAPH_DOWN;
}

static bool is_stopped(void)
{
        return agent.graph.nodes[0].state == GRAPH_STOPPED;
}

static bool has_answered(void)
{
        return persist_answered_ns(persist) == fake.now_ns;
}

static int set_up(void **state)
{
        struct error err;
        char libexec[512];
        const char *build = getenv("TARSIER_BUILD");
        (void)state;
        snprintf(libexec, sizeof(libexec), "%s/libexec/tarsier", build ? build : "build");
        snprintf(state_directory, sizeof(state_directory), "/tmp/tarsier-persist-XXXXXX");
        if (!mkdtemp(state_directory))
                return -1;
        snprintf(agent.state, sizeof(agent.state), "%s", state_directory);
        snprintf(agent.run, sizeof(agent.run), "%s", state_directory);
        agent.catalog = catalog_new(NULL, NULL, libexec, NULL, &err);
        agent.config = agent.catalog ? config_load(NULL, agent.catalog, &err) : NULL;
        fake_clock_init(&fake, 1000 * SECOND);
        fake.manual = true;
        agent.loop = loop_new(&(struct loop_options){ .clock = &fake.clock }, &err);
        agent.ready_ns = 1;
        const struct catalog_entry *entry = catalog_find(agent.catalog, "example-persist", &err);
        if (!agent.config || !agent.loop)
                return -1;
        if (entry) {
                graph_add(&agent.graph, "example-persist", &err);
                persist = persist_new(&agent, entry, 0, &err);
        }
        return 0;
}

static int tear_down(void **state)
{
        char path[128];
        (void)state;
        persist_free(persist);
        loop_free(agent.loop);
        config_free(agent.config);
        catalog_free(agent.catalog);
        vec_done(&agent.modules);
        snprintf(path, sizeof(path), "%s/modules/example-persist", state_directory);
        rmdir(path);
        snprintf(path, sizeof(path), "%s/modules", state_directory);
        rmdir(path);
        return rmdir(state_directory);
}

static void need_module(void)
{
        if (persist)
                return;
        print_message("skipped: needs the built program of example-persist\n");
        skip();
}

/* 0 would be our own process group. */
static void signal_module(int number)
{
        pid_t pid = persist_pid(persist);
        assert_true(pid > 0);
        kill(pid, number);
}

static void pings_are_answered_for_an_hour(void **state)
{
        (void)state;
        need_module();
        persist_start(persist);
        settle(is_ready);
        pid_t pid = persist_pid(persist);
        for (int pings = 0; pings < 360; pings++) {
                fake_clock_advance(&fake, PERSIST_PING_S * SECOND);
                settle(has_answered);
        }
        assert_true(is_ready());
        assert_int_equal(persist_pid(persist), pid);
}

static void silence_is_death(void **state)
{
        (void)state;
        need_module();
        signal_module(SIGSTOP);
        for (int pings = 0; pings < 3; pings++) {
                assert_true(is_ready());
                fake_clock_advance(&fake, PERSIST_PING_S * SECOND);
                loop_run_once(agent.loop, 0, NULL);
        }
        fake_clock_advance(&fake, PERSIST_PING_S * SECOND);
        settle(is_down);
        assert_string_equal(persist_reason(persist), "no answer to pings for 30 s");
        assert_int_equal(persist_retry_ns(persist) - loop_now_ns(agent.loop), PERSIST_BACKOFF_MIN_MS * MILLISECOND);
}

/* 250 ms, then twice as long each time, never beyond a minute; anew after a minute of health. */
static void backoff_doubles_to_its_ceiling(void **state)
{
        (void)state;
        need_module();
        int64_t expected = PERSIST_BACKOFF_MIN_MS * MILLISECOND;
        for (int deaths = 0; deaths < 10; deaths++) {
                assert_int_equal(persist_retry_ns(persist) - loop_now_ns(agent.loop), expected);
                fake_clock_advance(&fake, expected);
                settle(is_ready);
                signal_module(SIGKILL);
                settle(is_down);
                assert_string_equal(persist_reason(persist), "ended by signal 9 (KILL)");
                expected =
                        expected * 2 < PERSIST_BACKOFF_MAX_S * SECOND ? expected * 2 : PERSIST_BACKOFF_MAX_S * SECOND;
        }
        fake_clock_advance(&fake, expected);
        settle(is_ready);
        for (int pings = 0; pings < 7; pings++) {
                fake_clock_advance(&fake, PERSIST_PING_S * SECOND);
                settle(has_answered);
        }
        signal_module(SIGKILL);
        settle(is_down);
        assert_int_equal(persist_retry_ns(persist) - loop_now_ns(agent.loop), PERSIST_BACKOFF_MIN_MS * MILLISECOND);
        assert_true(persist_restarts(persist) >= 11);
}

static void a_module_that_does_not_end_is_killed(void **state)
{
        (void)state;
        need_module();
        fake_clock_advance(&fake, SECOND);
        settle(is_ready);
        signal_module(SIGSTOP);
        persist_stop(persist);
        assert_int_equal(agent.graph.nodes[0].state, GRAPH_STOPPING);
        fake_clock_advance(&fake, PERSIST_STOP_S * SECOND);
        settle(is_stopped);
        persist_start(persist); /* and one that obeys ends by itself */
        settle(is_ready);
        persist_stop(persist);
        settle(is_stopped);
        assert_int_equal(persist_pid(persist), 0);
}

static bool starting(void)
{
        return agent.graph.nodes[0].state == GRAPH_STARTING;
}

static bool stands_still(void)
{
        char path[64];
        char text[128] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)persist_pid(persist));
        FILE *file = fopen(path, "re");
        if (file)
                (void)!fgets(text, sizeof(text), file);
        if (file)
                fclose(file);
        return strstr(text, ") T ") != NULL; /* proc(5): stopped on a signal */
}

/* Stopped before it could say that it is ready. It may be faster: then once more. */
static void start_and_hold(void)
{
        for (int tries = 0; tries < 1000; tries++) {
                persist_start(persist);
                signal_module(SIGSTOP);
                settle(stands_still);
                while (loop_run_once(agent.loop, 0, NULL) > 0)
                        continue;
                if (starting())
                        return;
                signal_module(SIGCONT);
                persist_stop(persist);
                settle(is_stopped);
        }
        fail_msg("it was always ready at once");
}

static void killed_before_it_is_ready(void **state)
{
        (void)state;
        need_module();
        start_and_hold();
        signal_module(SIGKILL);
        settle(is_down);
        persist_stop(persist);
        assert_true(is_stopped());
        assert_int_equal(persist_retry_ns(persist), 0);
}

static void not_ready_for_long(void **state)
{
        (void)state;
        need_module();
        start_and_hold();
        for (int seconds = 0; seconds < PERSIST_START_S; seconds++) {
                loop_run_once(agent.loop, 0, NULL);
                assert_true(starting());
                fake_clock_advance(&fake, SECOND);
        }
        settle(is_down);
        assert_string_equal(persist_reason(persist), "it was not ready within 60 s");
        fake_clock_advance(&fake, persist_retry_ns(persist) - fake.now_ns);
        settle(is_ready);
        fake_clock_advance(&fake, PERSIST_PING_S * SECOND);
        settle(has_answered);
        persist_stop(persist);
        settle(is_stopped);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pings_are_answered_for_an_hour),
                cmocka_unit_test(silence_is_death),
                cmocka_unit_test(backoff_doubles_to_its_ceiling),
                cmocka_unit_test(a_module_that_does_not_end_is_killed),
                cmocka_unit_test(killed_before_it_is_ready),
                cmocka_unit_test(not_ready_for_long),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
