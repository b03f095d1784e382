/* The test list of Vanadium's exec.ParentHandle (exec_test.go), each under its name, against our parent and child. */
#include "worker_harness.h"

static void TestConfigExchange(void **state)
{
        (void)state;
        struct tarsier_config *config = tarsier_config_new();
        tarsier_config_set(config, "foo", "bar");
        tarsier_config_set(config, "quoted", "a \"b\" \\ \n \xC3\xA9");
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "config", "foo", "quoted", "absent", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_CONFIG(config), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        tarsier_config_free(config);
        assert_ready(worker);
        assert_string_equal(read_all(output.read), "foo=bar\nquoted=a \"b\" \\ \n \xC3\xA9\nabsent=(unset)\n");
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);
}

static void TestSecretExchange(void **state)
{
        (void)state;
        static const char secret[] = "dummy_secret\0with a NUL";
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "secret", NULL };
        struct worker *worker =
                start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv),
                        WORKER_OPT_SECRET(secret, sizeof(secret)), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_ready(worker);
        char got[64] = { 0 };
        assert_int_equal(read(output.read, got, sizeof(got)), sizeof(secret));
        assert_memory_equal(got, secret, sizeof(secret));
        close(output.read);
        worker_free(worker);
}

static void TestNoVersion(void **state)
{
        (void)state;
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "version", NULL };
        const char *environment[] = { "V23_EXEC_VERSION=1.0.0", "VEYRON_EXEC_VERSION=1.0.0", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_ENVIRONMENT(environment), WORKER_OPT_PROTOCOL(false),
                WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_string_equal(read_all(output.read),
                "-1 the environment names no version of the handshake: not started by a parent that speaks it\n");
        worker_free(worker);
}

static void TestToReady(void **state)
{
        (void)state;
        int output;
        struct worker *worker = start_child("ready", &output);
        assert_ready(worker);
        assert_true(worker_pid(worker) > 0);
        assert_int_equal(worker_child_pid(worker), worker_pid(worker));
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        assert_false(worker_exists(worker));
        close(output);
        worker_free(worker);
}

static void TestToReadyMany(void **state)
{
        (void)state;
        struct worker *workers[10];
        int outputs[10];
        for (int i = 0; i < 10; i++)
                workers[i] = start_child("ready", &outputs[i]);
        for (int i = 9; i >= 0; i--) {
                assert_ready(workers[i]);
                assert_int_equal(worker_wait(workers[i], 0, NULL), 0);
                worker_free(workers[i]);
                close(outputs[i]);
        }
}

/* The child is let go when half of the time is over. */
static void TestToReadySlow(void **state)
{
        (void)state;
        struct scripted script;
        script_start(&script, "ready-slow", 5 * SECOND, true);
        struct error err = { 0 };
        if (worker_wait_for_ready(script.worker, 10 * SECOND, &err) < 0)
                fail_msg("%s", err.message);
        assert_int_equal(script.clock.leaps, 1);
        script_release(&script);
        assert_int_equal(worker_wait(script.worker, 0, NULL), 0);
        close(script.output.read);
        close(script.errors.read);
        worker_free(script.worker);
}

static void TestToReadySlowMany(void **state)
{
        (void)state;
        struct scripted scripts[10];
        for (int i = 0; i < 10; i++)
                script_start(&scripts[i], "ready-slow", 9 * SECOND, true);
        for (int i = 0; i < 10; i++) {
                assert_int_equal(worker_wait_for_ready(scripts[i].worker, 10 * SECOND, NULL), 0);
                script_release(&scripts[i]);
                close(scripts[i].output.read);
                close(scripts[i].errors.read);
                assert_int_equal(worker_wait(scripts[i].worker, 0, NULL), 0);
                worker_free(scripts[i].worker);
        }
}

static struct worker *start_failing(const char *message, bool seed_form)
{
        const char *argv[] = { child_program(), "fail", message, NULL };
        return start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv),
                WORKER_OPT_SEED_FORM(seed_form), WORKER_OPT_END });
}

static void TestToFail(void **state)
{
        (void)state;
        struct error err;
        struct worker *worker = start_failing("failed to start", false);
        assert_fails(worker_wait_for_ready(worker, MINUTE, &err), err, E_FAILED, "failed to start");
        assert_fails(worker_wait_for_ready(worker, MINUTE, &err), err, E_FAILED, "failed to start");
        worker_free(worker);
}

static void TestToFailInvalidUTF8(void **state)
{
        (void)state;
        struct error err;
        struct worker *worker = start_failing("\xFF\xFC in the middle \xE2\x82", false);
        assert_fails(worker_wait_for_ready(worker, MINUTE, &err), err, E_FAILED,
                "\xEF\xBF\xBD\xEF\xBF\xBD in the middle \xEF\xBF\xBD\xEF\xBF\xBD");
        worker_free(worker);
}

static void TestNeverReady(void **state)
{
        (void)state;
        struct scripted script;
        struct error err;
        script_start(&script, "never-ready", 10 * SECOND, false);
        assert_fails(
                worker_wait_for_ready(script.worker, 10 * SECOND, &err), err, E_TIMEOUT, "timeout waiting for child");
        script_release(&script);
        assert_int_equal(worker_wait(script.worker, 0, NULL), 0);
        assert_string_equal(read_all(script.errors.read), "never ready\n");
        close(script.output.read);
        worker_free(script.worker);
}

static void TestTooSlowToReady(void **state)
{
        (void)state;
        struct scripted script;
        struct error err;
        script_start(&script, "too-slow", 11 * SECOND, false);
        assert_fails(
                worker_wait_for_ready(script.worker, 10 * SECOND, &err), err, E_TIMEOUT, "timeout waiting for child");
        script_release(&script);
        assert_string_equal(read_all(script.output.read), "-9 write status: broken pipe\n-9\n");
        assert_int_equal(worker_wait(script.worker, 0, NULL), 0);
        close(script.errors.read);
        worker_free(script.worker);
}

static void TestToCompletion(void **state)
{
        (void)state;
        int output;
        struct worker *worker = start_child("success", &output);
        assert_ready(worker);
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        struct worker_exit end = { 0 };
        assert_true(worker_exited(worker, &end));
        assert_int_equal(end.status, 0);
        assert_true(end.max_rss > 0);
        close(output);
        worker_free(worker);
}

static void TestToCompletionError(void **state)
{
        (void)state;
        int output;
        struct error err;
        struct worker *worker = start_child("error", &output);
        assert_ready(worker);
        assert_fails(worker_wait(worker, 0, &err), err, E_FAILED, "exit status 1");
        assert_fails(worker_wait(worker, 0, &err), err, E_FAILED, "exit status 1");
        close(output);
        worker_free(worker);
}

static void TestExtraFiles(void **state)
{
        (void)state;
        struct pipe_ends output = make_pipe(), first = make_pipe(), second = make_pipe();
        assert_int_equal(write(first.write, "extra one ", 10), 10);
        assert_int_equal(write(second.write, "extra two", 9), 9);
        const char *argv[] = { child_program(), "files", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_FILE(first.read), WORKER_OPT_FILE(second.read),
                WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_ready(worker);
        assert_string_equal(read_all(output.read), "extra one extra two");
        close(first.read);
        close(first.write);
        close(second.read);
        close(second.write);
        worker_free(worker);
}

static void TestExitEarly(void **state)
{
        (void)state;
        int output;
        struct error err;
        struct worker *worker = start_child("exit-early", &output);
        assert_fails(worker_wait_for_ready(worker, 0, &err), err, E_FAILED, "exit status 1");
        assert_fails(worker_wait(worker, 0, &err), err, E_FAILED, "exit status 1");
        close(output);
        worker_free(worker);
}

static void TestWaitAndCleanRace(void **state)
{
        (void)state;
        struct scripted script;
        struct error err;
        script_start(&script, "never-ready", 2 * SECOND, false);
        assert_fails(worker_wait(script.worker, SECOND, &err), err, E_TIMEOUT, "timeout waiting for child");
        assert_true(worker_exists(script.worker));
        assert_fails(worker_clean(script.worker, &err), err, E_FAILED, "signal: killed");
        assert_fails(worker_wait(script.worker, 0, &err), err, E_FAILED, "signal: killed");
        assert_fails(worker_kill(script.worker, &err), err, E_NOT_FOUND, "no such process");
        script_release(&script);
        close(script.output.read);
        close(script.errors.read);
        worker_free(script.worker);
}

static void TestNoExecProtocol(void **state)
{
        (void)state;
        struct error err;
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "fds", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_PROTOCOL(false), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_fails(worker_wait_for_ready(worker, MINUTE, &err), err, E_INVALID, "not using protocol");
        const char *text = read_all(output.read);
        assert_null(strstr(text, "v23"));
        assert_null(strstr(text, "veyron"));
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);
}

#define guarded(test) cmocka_unit_test_setup_teardown(test, note_fds, check_fds)

int main(void)
{
        const struct CMUnitTest tests[] = {
                guarded(TestConfigExchange),
                guarded(TestSecretExchange),
                guarded(TestNoVersion),
                guarded(TestToReady),
                guarded(TestToReadyMany),
                guarded(TestToReadySlow),
                guarded(TestToReadySlowMany),
                guarded(TestToFail),
                guarded(TestToFailInvalidUTF8),
                guarded(TestNeverReady),
                guarded(TestTooSlowToReady),
                guarded(TestToCompletion),
                guarded(TestToCompletionError),
                guarded(TestExtraFiles),
                guarded(TestExitEarly),
                guarded(TestWaitAndCleanRace),
                guarded(TestNoExecProtocol),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
