/* A run seen from the parent, with workers that lie: it always ends, with a result that says what happened. The clock
 * is the test's: whatever would take seconds is moved there. */
#include "module/execution.h"
#include "result_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

static struct record element = { .name = "element" };
static struct module module = {
        .name = "liar", .element = &element, .shape = SHAPE_LIST, .limits = { .wall_ns = 5 * MINUTE, .result = 1 << 20 }
};
static struct catalog_entry entry = { .module = &module, .origin = ORIGIN_PROGRAM, .area = "x", .program_fd = -1 };
static int64_t now_ns;
static int rows;
static bool over;
static char place[64];

static int64_t read_now(void *cookie)
{
        (void)cookie;
        return now_ns;
}

static void on_row(struct execution *execution, struct sv label, struct sv json, void *cookie)
{
        (void)execution;
        (void)label;
        (void)cookie;
        assert_true(json_valid(json));
        rows++;
}

static void on_done(struct execution *execution, void *cookie)
{
        (void)execution;
        (void)cookie;
        assert_false(over);
        over = true;
}

/* The same program under a name that tells what it does before it is ready. */
static const char *program_named(const char *name)
{
        static char path[128];
        char target[4096];
        snprintf(target, sizeof(target), "%s/src/module/lying_worker",
                getenv("TARSIER_BUILD") ? getenv("TARSIER_BUILD") : ".");
        snprintf(path, sizeof(path), "%s/%s", place, name);
        if (symlink(target, path) < 0)
                assert_int_equal(errno, EEXIST);
        return path;
}

struct script {
        const char *program; /* NULL: a good handshake */
        const char *act;
        int64_t wall_ns;
        bool stop;       /* after its first row */
        int64_t step_ns; /* how far the clock moves a turn, once a row came; 0: it stands */
};

/* Runs until on_done; at most 20 s of real time, or the test is at fault. */
static struct execution *play(struct loop *loop, const struct script *script)
{
        struct error err = { 0 };
        char message[200];
        entry.program = program_named(script->program ? script->program : "plain");
        snprintf(message, sizeof(message), "{\"class\":\"parameters\",\"act\":\"%s\"}",
                script->act ? script->act : "good");
        struct execution_options options = { .entry = &entry,
                .message = sv_of(message),
                .on_row = on_row,
                .on_done = on_done,
                .budget = { .wall_ns = script->wall_ns } };
        rows = 0;
        over = false;
        struct execution *execution = execution_start(loop, &options, &err);
        if (!execution)
                fail_msg("%s", err.message);
        bool stopped = false;
        int64_t give_up = time_monotonic_ns() + 20 * SECOND;
        while (!over && time_monotonic_ns() < give_up) {
                if (script->stop && rows && !stopped) {
                        execution_stop(execution, "stopped");
                        execution_stop(execution, "again"); /* harmless */
                        stopped = true;
                }
                bool waits_for_row = !script->program && !rows;
                assert_true(loop_run_once(loop, 20 * MILLISECOND, &err) >= 0);
                if (!waits_for_row)
                        now_ns += script->step_ns;
        }
        if (!over)
                fail_msg("%s: it never ended", script->act ? script->act : script->program);
        return execution;
}

static struct loop *new_loop(void)
{
        static const struct loop_clock clock = { .now_ns = read_now };
        struct error err;
        struct loop *loop = loop_new(&(struct loop_options){ .clock = &clock }, &err);
        assert_non_null(loop);
        return loop;
}

static void whatever_it_does_a_result_comes(void **state)
{
        (void)state;
        static const struct {
                struct script script;
                bool success;
                enum error_code code;
                const char *error;   /* among the errors; NULL = none at all */
                const char *partial; /* NULL = whole */
        } cases[] = {
                { { .act = "good" }, true, E_NONE, NULL, NULL },
                { { .act = "garbage" }, false, E_PROTOCOL, "frame", "worker broke the protocol" },
                { { .act = "oversized" }, false, E_PROTOCOL, "frame of 2147483647 bytes", "worker broke the protocol" },
                { { .act = "not-json" }, false, E_PROTOCOL, "is not JSON", "worker broke the protocol" },
                { { .act = "after-done" }, false, E_PROTOCOL, "after its last one", NULL },
                { { .act = "half-frame" }, false, E_FAILED, "before its result was complete", "worker died" },
                { { .act = "dies" }, false, E_FAILED, "signal 9", "worker died" },
                { { .act = "exits" }, false, E_FAILED, "status 3", "worker died" },
                { { .act = "lingers", .step_ns = SECOND }, true, E_NONE, NULL, NULL },
                { { .act = "closes", .step_ns = SECOND }, false, E_FAILED, "the worker died", "worker died" },
                { { .act = "hangs", .step_ns = MINUTE }, false, E_TIMEOUT, "out of time", "out of time" },
                { { .act = "ignores-stop", .stop = true, .step_ns = 10 * MILLISECOND }, false, E_STOPPED, "stopped",
                        "stopped" },
                { { .act = "deaf", .stop = true, .step_ns = 10 * MILLISECOND }, false, E_STOPPED, "stopped",
                        "stopped" },
                { { .act = "floods-rows", .step_ns = 10 * MILLISECOND }, false, E_STOPPED, "result limit",
                        "result limit" },
                { { .act = "floods-errors" }, true, E_NONE, "again", NULL },
                { { .act = "leaves-a-child" }, false, E_FAILED, "signal 9", "worker died" },
                { { .program = "early-death" }, false, E_FAILED, "module liar: signal: killed", NULL },
                { { .program = "says-failed" }, false, E_FAILED, "module liar: no sandbox today", NULL },
                { { .program = "never-ready", .step_ns = SECOND }, false, E_TIMEOUT, "not ready within 30 seconds",
                        "worker died" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                cleanup(loop_free) struct loop *loop = new_loop();
                struct execution *execution = play(loop, &cases[i].script);
                struct result *result = execution_result(execution);
                const char *name = cases[i].script.act ? cases[i].script.act : cases[i].script.program;
                cleanup(free) char *text = envelope_of(result);
                if (!text)
                        fail_msg("%s: no envelope", name);
                text[strlen(text) < 400 ? strlen(text) : 400] = '\0';
                if (result_success(result) != cases[i].success || result_code(result) != cases[i].code)
                        fail_msg("%s: code %d: %s", name, result_code(result), text);
                bool listed = !cases[i].error && result_error_count(result) == 0;
                for (size_t n = 0; cases[i].error && n < result_error_count(result); n++)
                        listed |= strstr(result_error(result, n), cases[i].error) != NULL;
                if (!listed)
                        fail_msg("%s: lacks \"%s\": %s", name, cases[i].error ? cases[i].error : "", text);
                const char *partial = result_partial(result);
                if (!partial != !cases[i].partial || (partial && strcmp(partial, cases[i].partial)))
                        fail_msg("%s: partial is %s: %s", name, partial ? partial : "unset", text);
                if (!cases[i].script.program && (result_rows(result) < 1 || rows < 1))
                        fail_msg("%s: the row that came is lost", name);
                execution_detach(execution);
                execution_free(execution);
        }
}

/* A worker that did this and wrote a row. */
static struct execution *start(struct loop *loop, struct sv message)
{
        struct error err;
        entry.program = program_named("plain");
        struct execution_options options = {
                .entry = &entry, .message = message, .on_row = on_row, .on_done = on_done
        };
        rows = 0;
        over = false;
        struct execution *execution = execution_start(loop, &options, &err);
        assert_non_null(execution);
        while (!rows)
                assert_true(loop_run_once(loop, SECOND, &err) >= 0);
        return execution;
}

static char state_of(pid_t pid)
{
        char path[64], text[512] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
        return strrchr(text, ')')[2];
}

/* 80 ms after a stop the worker is killed, not before and not later. */
static void the_kill_comes_by_the_clock(void **state)
{
        (void)state;
        cleanup(loop_free) struct loop *loop = new_loop();
        struct error err;
        struct execution *execution = start(loop, SV("{\"act\":\"hangs\"}"));
        while (state_of(execution_pid(execution)) != 'S')
                sched_yield();
        execution_stop(execution, "stopped");
        now_ns += (EXECUTION_KILL_MS - 1) * MILLISECOND;
        while (loop_run_once(loop, 30 * MILLISECOND, &err) > 0)
                ;
        assert_false(over);
        siginfo_t end = { 0 };
        assert_int_equal(waitid(P_PID, (id_t)execution_pid(execution), &end, WEXITED | WNOHANG | WNOWAIT), 0);
        assert_int_equal(end.si_pid, 0); /* it lives */
        now_ns += 2 * MILLISECOND;
        while (!over)
                assert_true(loop_run_once(loop, SECOND, &err) >= 0);
        execution_free(execution);
}

static char burns[] = "{\"act\":\"burns\"}";
static char burns_in_a_thread[] = "{\"act\":\"burns-in-a-thread\"}";

/* By a clock that runs ahead of the worker's: it had next to no CPU since the stop, and is given more time, not for
 * ever. */
static void who_gets_no_cpu_is_spared(void **state)
{
        struct sv message = sv_of(*state);
        bool spared = false;
        for (int attempt = 0; attempt < 50 && !spared; attempt++) { /* the test itself may be given no CPU, too */
                cleanup(loop_free) struct loop *loop = new_loop();
                struct error err;
                struct execution *execution = start(loop, message);
                while (*state == burns_in_a_thread && state_of(execution_pid(execution)) != 'S')
                        sched_yield();
                execution_stop(execution, "stopped");
                while (!over) {
                        now_ns += EXECUTION_KILL_MS * MILLISECOND;
                        assert_true(loop_run_once(loop, MILLISECOND, &err) >= 0);
                }
                spared = strstr(result_error(execution_result(execution), 0), "ended 1040 ms later") != NULL;
                execution_free(execution);
        }
        assert_true(spared);
}

static void what_cannot_start_is_told(void **state)
{
        (void)state;
        cleanup(loop_free) struct loop *loop = new_loop();
        struct error err;
        static char large[JSON_MESSAGE_MAX + 1];
        entry.program = "/nonexistent/worker";
        struct execution_options options = { .entry = &entry, .message = SV("{}"), .on_done = on_done };
        assert_null(execution_start(loop, &options, &err));
        assert_int_equal(err.code, E_NOT_FOUND);
        options.message = sv_n(large, sizeof(large));
        assert_null(execution_start(loop, &options, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
}

/* Freed while the worker runs: it is gone with its execution. */
static void freeing_ends_the_worker(void **state)
{
        (void)state;
        cleanup(loop_free) struct loop *loop = new_loop();
        struct error err;
        entry.program = program_named("plain");
        struct execution_options options = {
                .entry = &entry, .message = SV("{\"act\":\"hangs\"}"), .on_done = on_done
        };
        struct execution *execution = execution_start(loop, &options, &err);
        assert_non_null(execution);
        pid_t pid = execution_pid(execution);
        execution_free(execution);
        assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

static int begin(void **state)
{
        (void)state;
        snprintf(place, sizeof(place), "/tmp/tarsier-execution-XXXXXX");
        return mkdtemp(place) ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        static const char *const names[] = { "plain", "early-death", "says-failed", "never-ready" };
        for (size_t i = 0; i < 4; i++) {
                char path[128];
                snprintf(path, sizeof(path), "%s/%s", place, names[i]);
                unlink(path);
        }
        return rmdir(place);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whatever_it_does_a_result_comes),
                cmocka_unit_test(the_kill_comes_by_the_clock),
                cmocka_unit_test_prestate(who_gets_no_cpu_is_spared, burns),
                cmocka_unit_test_prestate(who_gets_no_cpu_is_spared, burns_in_a_thread),
                cmocka_unit_test(what_cannot_start_is_told),
                cmocka_unit_test(freeing_ends_the_worker),
        };
        return cmocka_run_group_tests_name("execution", tests, begin, end);
}
