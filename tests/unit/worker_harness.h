/* What the two worker test programs share: a child to start, a clock that moves when told, pipes, and the check that a
 * test leaves neither an fd nor a child behind. */
#pragma once

#include "base/timefmt.h"
#include "module/worker.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

static inline const char *child_program(void)
{
        static char path[4096];
        const char *build = getenv("TARSIER_BUILD");
        snprintf(path, sizeof(path), "%s/src/module/worker_child", build ? build : ".");
        return path;
}

static inline int count_fds(void)
{
        int count = 0;
        DIR *directory = opendir("/proc/self/fd");
        assert_non_null(directory);
        while (readdir(directory))
                count++;
        closedir(directory);
        return count;
}

static inline int note_fds(void **state)
{
        static int count;
        count = count_fds();
        *state = &count;
        return 0;
}

/* No fd more than before the test, no child running or waiting to be reaped. */
static inline int check_fds(void **state)
{
        assert_int_equal(count_fds(), *(int *)*state);
        siginfo_t child = { 0 };
        assert_int_equal(waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT), -1);
        assert_int_equal(errno, ECHILD);
        return 0;
}

struct pipe_ends {
        int read, write;
};

static inline struct pipe_ends make_pipe(void)
{
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        return (struct pipe_ends){ ends[0], ends[1] };
}

/* All until the end; closes the fd. */
static inline const char *read_all(int fd)
{
        static char text[8192];
        size_t length = 0;
        ssize_t n;
        while ((n = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
                length += (size_t)n;
        text[length] = '\0';
        close(fd);
        return text;
}

static inline struct worker *start(const struct worker_option *options)
{
        struct error err = { 0 };
        struct worker *worker = worker_new(options, &err);
        if (!worker || worker_start(worker, &err) < 0)
                fail_msg("%s", err.message);
        return worker;
}

/* Starts the test child with a verb; its stdout goes to *ret_output. */
static inline struct worker *start_child(const char *verb, int *ret_output)
{
        struct pipe_ends output = make_pipe();
        const char *argv[] = { child_program(), verb, NULL };
        struct worker *worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()),
                WORKER_OPT_ARGV(argv), WORKER_OPT_STDOUT(output.write), WORKER_OPT_END });
        close(output.write);
        *ret_output = output.read;
        return worker;
}

#define assert_ready(worker)                                                                                           \
        do {                                                                                                           \
                struct error err_ = { 0 };                                                                             \
                if (worker_wait_for_ready((worker), MINUTE, &err_) < 0)                                                \
                        fail_msg("%s", err_.message);                                                                  \
        } while (0)

/* Fails with this code and message: assert_fails(worker_wait(w, 0, &err), err, E_FAILED, "exit status 1"). */
#define assert_fails(call, err, expected_code, expected_message)                                                       \
        do {                                                                                                           \
                (err) = (struct error){ 0 };                                                                           \
                assert_int_equal((call), -1);                                                                          \
                assert_string_equal((err).message, (expected_message));                                                \
                assert_int_equal((err).code, (expected_code));                                                         \
        } while (0)

/* A clock that stands still until the child has said '.' on its stdout; then it moves by `leap_ns`, and go_fd (if any)
 * gets a byte that lets the child go on. */
struct manual_clock {
        int64_t now_ns;
        int64_t leap_ns;
        int from_child; /* non-blocking */
        int go_fd;
        int leaps;
};

static inline int64_t manual_now(void *cookie)
{
        struct manual_clock *clock = cookie;
        char byte;
        if (read(clock->from_child, &byte, 1) == 1 && byte == '.') {
                clock->now_ns += clock->leap_ns;
                clock->leaps++;
                if (clock->go_fd >= 0)
                        assert_int_equal(write(clock->go_fd, "g", 1), 1);
        }
        return clock->now_ns;
}

/* A child that stops at its '.', under a manual clock. */
struct scripted {
        struct manual_clock clock;
        struct worker *worker;
        struct pipe_ends go, output, errors;
};

static inline void script_start(struct scripted *script, const char *verb, int64_t leap_ns, bool go)
{
        script->go = make_pipe();
        script->output = make_pipe();
        script->errors = make_pipe();
        assert_int_equal(fcntl(script->output.read, F_SETFL, O_NONBLOCK), 0);
        script->clock = (struct manual_clock){ .now_ns = 1000 * SECOND,
                .leap_ns = leap_ns,
                .from_child = script->output.read,
                .go_fd = go ? script->go.write : -1 };
        struct worker_clock time = { manual_now, script->output.read, &script->clock };
        const char *argv[] = { child_program(), verb, NULL };
        script->worker = start((struct worker_option[]){ WORKER_OPT_PROGRAM(child_program()), WORKER_OPT_ARGV(argv),
                WORKER_OPT_CLOCK(time), WORKER_OPT_FILE(script->go.read), WORKER_OPT_STDOUT(script->output.write),
                WORKER_OPT_STDERR(script->errors.write), WORKER_OPT_END });
        close(script->go.read);
        close(script->output.write);
        close(script->errors.write);
}

/* From now on the child's output is text to read, not the clock's. */
static inline void script_release(struct scripted *script)
{
        script->clock.from_child = -1;
        assert_int_equal(fcntl(script->output.read, F_SETFL, 0), 0);
        close(script->go.write);
}
