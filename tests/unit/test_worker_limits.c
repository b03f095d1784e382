/* What goes beyond Vanadium's list: limits and deadlines that are enforced, deaths noticed at once, and nothing left
 * behind or handed down. */
#include "worker_harness.h"

#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static struct worker *start_with(const char *verb, const char *argument, struct worker_option extra)
{
        const char *argv[] = { child_program(), verb, argument, NULL };
        return start((struct worker_option[]){
                WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv), extra, WORKER_OPT_END });
}

static void test_secret_too_large(void **state)
{
        (void)state;
        struct error err;
        cleanup(free) char *secret = calloc(1, WORKER_SECRET_MAX + 1);
        struct worker_option options[] = { WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_SECRET(secret, WORKER_SECRET_MAX + 1), WORKER_OPT_END };
        struct worker *worker = NULL;
        assert_fails(((worker = worker_new(options, &err)) ? 0 : -1), err, E_TOO_LARGE, "secret is too large");

        int output;
        struct pipe_ends pipe = make_pipe();
        const char *argv[] = { child_program(), "secret", NULL };
        memset(secret, 's', WORKER_SECRET_MAX);
        worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv),
                WORKER_OPT_SECRET(secret, WORKER_SECRET_MAX), WORKER_OPT_STDOUT(pipe.write), WORKER_OPT_END });
        close(pipe.write);
        output = pipe.read;
        assert_ready(worker);
        size_t total = 0;
        char block[4096];
        ssize_t n;
        while ((n = read(output, block, sizeof(block))) > 0)
                total += (size_t)n;
        assert_int_equal(total, WORKER_SECRET_MAX);
        close(output);
        worker_free(worker);
}

static void test_config_too_large(void **state)
{
        (void)state;
        struct error err;
        struct worker_option options[] = { WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_CONFIG_TEXT("{}", (size_t)WORKER_CONFIG_MAX + 1), WORKER_OPT_END };
        assert_fails((worker_new(options, &err) ? 0 : -1), err, E_TOO_LARGE, "configuration is too large");
}

static void test_unknown_option(void **state)
{
        (void)state;
        struct error err;
        struct worker_option options[] = { WORKER_OPT_PROGRAM(child_program()), { .kind = 4711 }, WORKER_OPT_END };
        assert_fails((worker_new(options, &err) ? 0 : -1), err, E_INVALID, "unknown option: 4711");
        assert_fails(
                (worker_new((struct worker_option[]){ WORKER_OPT_END }, &err) ? 0 : -1), err, E_INVALID, "no program");
}

/* The clock of the authentication: stands still until told, wakes by a pipe. */
struct told_clock {
        int64_t now_ns;
        int fd;
};

static int64_t told_now(void *cookie)
{
        struct told_clock *clock = cookie;
        char byte;
        if (read(clock->fd, &byte, 1) == 1)
                clock->now_ns += 10 * SECOND;
        return clock->now_ns;
}

/* A child that never reads a configuration larger than a pipe: the parent does not block, and says which deadline. */
static void test_auth_timeout(void **state)
{
        (void)state;
        struct error err;
        struct pipe_ends tell = make_pipe();
        assert_int_equal(fcntl(tell.read, F_SETFL, O_NONBLOCK), 0);
        struct told_clock told = { SECOND, tell.read };
        size_t length = 1 << 20;
        cleanup(free) char *text = malloc(length);
        memset(text, ' ', length);
        const char *argv[] = { child_program(), "never-read", NULL };
        struct worker_clock clock = { told_now, tell.read, &told };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_CONFIG_TEXT(text, length), WORKER_OPT_CLOCK(clock),
                WORKER_OPT_AUTH_TIMEOUT(5 * SECOND), WORKER_OPT_END });
        assert_int_equal(worker_state(worker), WORKER_HANDSHAKE);
        assert_true(worker_write_fd(worker) >= 0);
        assert_int_equal(worker_deadline_ns(worker), 6 * SECOND);
        assert_int_equal(write(tell.write, "t", 1), 1);
        assert_fails(worker_wait_for_ready(worker, HOUR, &err), err, E_TIMEOUT, "timeout in auth handshake");
        assert_true(worker_exists(worker));
        assert_fails(worker_clean(worker, &err), err, E_FAILED, "signal: killed");
        close(tell.read);
        close(tell.write);
        worker_free(worker);
}

static void test_large_config_arrives(void **state)
{
        (void)state;
        struct tarsier_config *config = tarsier_config_new();
        size_t length = 1 << 20;
        cleanup(free) char *value = malloc(length + 1);
        memset(value, 'v', length);
        value[length] = '\0';
        tarsier_config_set(config, "large", value);
        tarsier_config_set(config, "small", "s");
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "config", "small", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_CONFIG(config), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_ready(worker);
        assert_string_equal(read_all(output.read), "small=s\n");
        tarsier_config_free(config);
        worker_free(worker);
}

/* A configuration that is no object of strings goes through as text. */
static void test_config_text(void **state)
{
        (void)state;
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "config", NULL };
        static const char text[] = "{\"a\":{\"b\":[1]}}";
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_CONFIG_TEXT(text, sizeof(text) - 1), WORKER_OPT_STDOUT(output.write),
                WORKER_OPT_END });
        close(output.write);
        assert_ready(worker);
        assert_string_equal(read_all(output.read), "text {\"a\":{\"b\":[1]}}\n");
        worker_free(worker);
}

static int64_t never_now(void *cookie)
{
        (void)cookie;
        return SECOND;
}

/* The clock stands still and the timeout is an hour: only the pidfd can end this wait. */
static void test_death_noticed_at_once(void **state)
{
        (void)state;
        struct error err;
        struct pipe_ends silent = make_pipe();
        struct worker_clock clock = { never_now, silent.read, NULL };
        struct worker *worker = start_with("never-read", NULL, WORKER_OPT_CLOCK(clock));
        assert_int_equal(worker_signal(worker, SIGTERM, NULL), 0);
        assert_fails(worker_wait_for_ready(worker, HOUR, &err), err, E_FAILED, "signal: terminated");
        assert_int_equal(worker_state(worker), WORKER_FAILED);
        close(silent.read);
        close(silent.write);
        worker_free(worker);
}

static void check_raw(const char *status, enum error_code code, const char *message)
{
        struct error err;
        struct worker *worker = start_with("raw", status, WORKER_OPT_STDIN(-1));
        assert_fails(worker_wait_for_ready(worker, MINUTE, &err), err, code, message);
        worker_free(worker);
}

static void test_unrecognised_status(void **state)
{
        (void)state;
        check_raw("rubbish \"1\"\n\xFF", E_PROTOCOL, "unrecognised status from subprocess: \"rubbish \\\"1\\\"\\n\"");
        check_raw("ready::12x\xFF", E_PROTOCOL, "bad process id in the ready status: \"12x\"");
        check_raw("ready::0\xFF", E_PROTOCOL, "bad process id in the ready status: \"0\"");
        check_raw("ready::99999999999\xFF", E_PROTOCOL, "bad process id in the ready status: \"99999999999\"");
        check_raw("failed::", E_FAILED, "");
        check_raw("", E_FAILED, "the child ended with exit status 0 before it was ready");
}

/* The older status without pid and 0xFF is taken too, from a child that stays with its pipe open only in that form. */
static void test_seed_form(void **state)
{
        (void)state;
        struct error err;
        struct worker *worker = start_with("raw-stay", "ready::", WORKER_OPT_SEED_FORM(true));
        assert_ready(worker);
        assert_int_equal(worker_child_pid(worker), worker_pid(worker));
        worker_free(worker);
        worker = start_with("raw-stay", "failed::no luck", WORKER_OPT_SEED_FORM(true));
        assert_fails(worker_wait_for_ready(worker, MINUTE, &err), err, E_FAILED, "no luck");
        worker_free(worker);
        worker = start_with("raw", "ready::", WORKER_OPT_SEED_FORM(false));
        assert_ready(worker);
        worker_free(worker);
        worker = start_with("success", NULL, WORKER_OPT_SEED_FORM(true));
        assert_ready(worker);
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);
        char longer[200];
        memset(longer, 'm', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        worker = start_with("fail", longer, WORKER_OPT_SEED_FORM(true));
        assert_int_equal(worker_wait_for_ready(worker, MINUTE, &err), -1);
        assert_int_equal(strlen(err.message), TARSIER_CHILD_SEED_STATUS_MAX - strlen("failed::"));
        worker_free(worker);
}

static const char *output_of(const char *verb, const char *argument)
{
        struct pipe_ends output = make_pipe();
        struct worker *worker = start_with(verb, argument, WORKER_OPT_STDOUT(output.write));
        close(output.write);
        const char *text = read_all(output.read);
        worker_wait(worker, 0, NULL);
        worker_free(worker);
        return text;
}

static void test_version_scrubbed_for_grandchildren(void **state)
{
        (void)state;
        assert_memory_equal(output_of("grandchild", NULL), "-1 ", 3);
}

static void test_status_sent_once(void **state)
{
        (void)state;
        assert_string_equal(
                output_of("statuses", NULL), "0\n0\n-8 A different status: ready:: has already been sent\n");
}

static void test_before_start_and_after_failed_start(void **state)
{
        (void)state;
        struct error err;
        struct worker *worker = worker_new(
                (struct worker_option[]){ WORKER_OPT_PROGRAM("/nonexistent/program"), WORKER_OPT_END }, NULL);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(worker_pid(worker), 0);
                assert_false(worker_exists(worker));
                assert_fails(worker_kill(worker, &err), err, E_NOT_FOUND, "no such process");
                assert_fails(worker_signal(worker, SIGTERM, &err), err, E_NOT_FOUND, "no such process");
                assert_fails(worker_clean(worker, &err), err, E_NOT_FOUND, "no such process");
                assert_fails(worker_start(worker, &err), err, E_NOT_FOUND,
                        "/nonexistent/program: No such file or directory");
        }
        worker_free(worker);
        worker = worker_new(
                (struct worker_option[]){ WORKER_OPT_PROGRAM("no-such-program-in-path"), WORKER_OPT_END }, NULL);
        assert_fails(worker_start(worker, &err), err, E_NOT_FOUND,
                "no-such-program-in-path: executable file not found in PATH");
        worker_free(worker);
        worker = worker_new((struct worker_option[]){ WORKER_OPT_PROGRAM("true"), WORKER_OPT_PROTOCOL(false),
                                    WORKER_OPT_DIRECTORY("/nonexistent"), WORKER_OPT_END },
                NULL);
        assert_fails(worker_start(worker, &err), err, E_NOT_FOUND, "/nonexistent: No such file or directory");
        worker_free(worker);
}

static void *wait_in_thread(void *worker)
{
        static struct error err;
        worker_wait(worker, 0, &err);
        return &err;
}

static void test_wait_and_clean_in_two_threads(void **state)
{
        (void)state;
        int output;
        struct error err;
        struct worker *worker = start_child("wait", &output);
        assert_ready(worker);
        pthread_t thread;
        void *seen;
        assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, worker), 0);
        assert_fails(worker_clean(worker, &err), err, E_FAILED, "signal: killed");
        pthread_join(thread, &seen);
        assert_string_equal(((struct error *)seen)->message, "signal: killed");
        close(output);
        worker_free(worker);
}

/* Only 0–5 are open in the child: neither a plain fd nor one in the way of 3, 4 and 5 gets through. */
static void test_no_fd_leaks_into_the_child(void **state)
{
        (void)state;
        int plain[40];
        for (int i = 0; i < 40; i++)
                plain[i] = dup(STDERR_FILENO);
        signal(SIGUSR1, SIG_IGN);
        sigset_t mask, before;
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR2);
        sigprocmask(SIG_BLOCK, &mask, &before);
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), "fds", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_FILE(plain[3]), WORKER_OPT_STDIN(-1), WORKER_OPT_STDOUT(output.write),
                WORKER_OPT_DIRECTORY("/usr"), WORKER_OPT_RLIMIT(RLIMIT_CORE, 0, 0), WORKER_OPT_SESSION(true),
                WORKER_OPT_DEATH_SIGNAL(SIGKILL), WORKER_OPT_END });
        close(output.write);
        sigprocmask(SIG_SETMASK, &before, NULL);
        signal(SIGUSR1, SIG_DFL);
        for (int i = 0; i < 40; i++)
                close(plain[i]);
        char expected[128];
        snprintf(expected, sizeof(expected), "0 1 2 3 4 5 blocked=0 ignored=0 core=0 directory=/usr uid=%d\nv23\n",
                (int)getuid());
        assert_string_equal(read_all(output.read), expected);
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);
}

static void test_other_user(void **state)
{
        (void)state;
        if (geteuid() != 0) {
                print_message("skipped: needs root\n");
                skip();
        }
        struct pipe_ends output = make_pipe();
        const char *argv[] = { "id", "-G", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM("id"), WORKER_OPT_ARGV(argv),
                WORKER_OPT_PROTOCOL(false), WORKER_OPT_UID(65534), WORKER_OPT_GID(65533),
                WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_string_equal(read_all(output.read), "65533\n");
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);
}

/* A setuid helper's child is the one that is ready; and it may outlive the helper. */
static void test_child_is_another_process(void **state)
{
        (void)state;
        struct pipe_ends output = make_pipe();
        struct worker *worker = start_with("helper", NULL, WORKER_OPT_STDOUT(output.write));
        close(output.write);
        assert_ready(worker);
        char pid[32];
        snprintf(pid, sizeof(pid), "%d\n", (int)worker_child_pid(worker));
        assert_string_equal(read_all(output.read), pid);
        assert_int_not_equal(worker_child_pid(worker), worker_pid(worker));
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);

        struct pipe_ends go = make_pipe();
        output = make_pipe();
        const char *argv[] = { child_program(), "helper", "leave", NULL };
        worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv),
                WORKER_OPT_FILE(go.read), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(go.read);
        close(output.write);
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        assert_int_equal(worker_state(worker), WORKER_HANDSHAKE);
        close(go.write);
        assert_ready(worker);
        close(output.read);
        worker_free(worker);
}

/* The file that was opened is what runs, whatever stands under its name by now; a script too. */
static void test_program_by_fd(void **state)
{
        (void)state;
        char path[] = "/tmp/tarsier-worker-XXXXXX";
        cleanup(fd_close) int script = mkstemp(path);
        assert_true(script >= 0);
        static const char text[] = "#!/bin/sh\necho from the script $1\n";
        assert_int_equal(write(script, text, sizeof(text) - 1), sizeof(text) - 1);
        assert_int_equal(fchmod(script, 0700), 0);
        fd_close(&script);
        script = open(path, O_RDONLY | O_CLOEXEC);
        unlink(path);
        struct pipe_ends output = make_pipe();
        const char *argv[] = { path, "here", NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM_FD(script, path),
                WORKER_OPT_ARGV(argv), WORKER_OPT_PROTOCOL(false), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        assert_string_equal(read_all(output.read), "from the script here\n");
        assert_int_equal(worker_wait(worker, 0, NULL), 0);
        worker_free(worker);

        cleanup(fd_close) int program = open(child_program(), O_RDONLY | O_CLOEXEC);
        const char *verb[] = { "child", "ready", NULL };
        worker = start((struct worker_option[]){
                WORKER_OPT_PROGRAM_FD(program, "child"), WORKER_OPT_ARGV(verb), WORKER_OPT_END });
        assert_ready(worker);
        worker_free(worker);
}

/* An event loop's way: poll what the worker names, and turn. */
static void test_driven_by_a_loop(void **state)
{
        (void)state;
        int output;
        struct worker *worker = start_child("success", &output);
        struct error err;
        if (worker_state(worker) == WORKER_HANDSHAKE)
                assert_fails(worker_verdict(worker, &err), err, E_UNAVAILABLE, "the handshake is not over");
        struct worker_exit end;
        while (!worker_exited(worker, &end)) {
                struct pollfd fds[] = { { worker_pidfd(worker), POLLIN, 0 }, { worker_status_fd(worker), POLLIN, 0 },
                        { worker_write_fd(worker), POLLOUT, 0 } };
                assert_true(poll(fds, 3, 60000) > 0);
        }
        assert_int_equal(worker_state(worker), WORKER_READY);
        assert_int_equal(worker_verdict(worker, NULL), 0);
        assert_int_equal(end.status, 0);
        assert_int_equal(worker_pidfd(worker), -1);
        close(output);
        worker_free(worker);
}

/* What a child does with pipes of any content; env(1) puts back the version a plain start removes. */
static void check_attach(const char *version, const char *bytes, size_t size, const char *expected, bool silent)
{
        struct pipe_ends pipe = make_pipe(), output = make_pipe();
        assert_int_equal(write(pipe.write, bytes, size), size);
        if (!silent)
                fd_close(&pipe.write);
        const char *argv[] = { "env", version, child_program(), silent ? "impatient" : "version", NULL };
        struct worker *worker = start(
                (struct worker_option[]){ WORKER_OPT_PROGRAM("env"), WORKER_OPT_ARGV(argv), WORKER_OPT_PROTOCOL(false),
                        WORKER_OPT_FILE(pipe.read), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(pipe.read);
        close(output.write);
        assert_string_equal(read_all(output.read), expected);
        fd_close(&pipe.write);
        worker_wait(worker, 0, NULL);
        worker_free(worker);
}

static void test_attach_errors(void **state)
{
        (void)state;
        static const struct {
                const char *bytes;
                size_t size;
                const char *expected;
                bool silent; /* the parent writes no more and keeps the pipe open */
        } cases[] = {
                { "", 0, "-4 partial read\n", false },
                { "\0\0\0\0\0\0\0\2{", 9, "-4 partial read\n", false },
                { "\x7f\0\0\0\0\0\0\0", 8, "-6 configuration is too large\n", false },
                { "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "-6 configuration is too large\n", false },
                { "\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1", 16, "-5 secret is too large\n", false },
                { "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, "0 success\n", false },
                { "\0\0\0\0\0\0\0\2{", 9, "-3 timeout in auth handshake\n", true },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                check_attach(
                        "V23_EXEC_VERSION=1.0.0", cases[i].bytes, cases[i].size, cases[i].expected, cases[i].silent);
        check_attach("V23_EXEC_VERSION=2.0.0", "", 0, "-2 the parent speaks an unsupported version of the handshake\n",
                false);
        check_attach("VEYRON_EXEC_VERSION=1.0.0", cases[5].bytes, cases[5].size, "0 success\n", false);
}

static int64_t hurrying_now(void *cookie)
{
        return *(int64_t *)cookie += MILLISECOND;
}

/* A child that closes the data pipe while it lives: a partial write, once doubt is over. Time passes at every look, and
 * there is always a reason to look. */
static void test_partial_write(void **state)
{
        (void)state;
        struct error err;
        size_t length = 1 << 20;
        cleanup(free) char *text = calloc(1, length);
        const char *argv[] = { child_program(), "close-data", NULL };
        int64_t now_ns = 0;
        cleanup(fd_close) int always = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        struct worker_clock clock = { hurrying_now, always, &now_ns };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_CONFIG_TEXT(text, length), WORKER_OPT_CLOCK(clock),
                WORKER_OPT_AUTH_TIMEOUT(DAY), WORKER_OPT_END });
        assert_fails(worker_wait_for_ready(worker, 0, &err), err, E_PROTOCOL, "partial write");
        worker_free(worker);
}

static unsigned count_temporary_files(void)
{
        unsigned count = 0;
        DIR *directory = opendir("/tmp");
        struct dirent *entry;
        while ((entry = readdir(directory)))
                count += strncmp(entry->d_name, "tarsier-worker", 14) == 0;
        closedir(directory);
        return count;
}

static void test_ten_thousand_spawns(void **state)
{
        (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZED)
        enum { SPAWNS = 400, AT_ONCE = 8 }; /* thirty times as slow */
#else
        enum { SPAWNS = 10000, AT_ONCE = 8 };
#endif
        unsigned files = count_temporary_files();
        const char *argv[] = { child_program(), "success", NULL };
        struct worker_option options[] = { WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv), WORKER_OPT_END };
        struct worker *workers[AT_ONCE];
        for (int i = 0; i < SPAWNS / AT_ONCE; i++) {
                for (int k = 0; k < AT_ONCE; k++)
                        workers[k] = start(options);
                for (int k = 0; k < AT_ONCE; k++) {
                        assert_ready(workers[k]);
                        assert_int_equal(worker_wait(workers[k], 0, NULL), 0);
                        worker_free(workers[k]);
                }
        }
        assert_int_equal(count_temporary_files(), files);
}

#define guarded(test) cmocka_unit_test_setup_teardown(test, note_fds, check_fds)

int main(void)
{
        const struct CMUnitTest tests[] = {
                guarded(test_secret_too_large),
                guarded(test_config_too_large),
                guarded(test_unknown_option),
                guarded(test_auth_timeout),
                guarded(test_large_config_arrives),
                guarded(test_config_text),
                guarded(test_death_noticed_at_once),
                guarded(test_unrecognised_status),
                guarded(test_seed_form),
                guarded(test_version_scrubbed_for_grandchildren),
                guarded(test_status_sent_once),
                guarded(test_before_start_and_after_failed_start),
                guarded(test_wait_and_clean_in_two_threads),
                guarded(test_no_fd_leaks_into_the_child),
                guarded(test_other_user),
                guarded(test_child_is_another_process),
                guarded(test_program_by_fd),
                guarded(test_driven_by_a_loop),
                guarded(test_attach_errors),
                guarded(test_partial_write),
                guarded(test_ten_thousand_spawns),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
