/* A loop on a fake clock and a log of what was called, for the tests of src/loop. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#undef fail /* cmocka's own, which ends a test: refute does it here */
#include "base/buf.h"
#include "base/cleanup.h"
#include "loop/loop.h"

struct fixture {
        struct loop_fake_clock clock;
        struct loop *loop;
        struct buf calls; /* "a b c " in the order of the calls */
        struct error err;
        loop_id ids[8];
        int fds[8];
        int count;
};

/* What a callback gets as cookie: the fixture and its own letter. */
struct named {
        struct fixture *fixture;
        const char *name;
        loop_id other; /* to remove, re-arm … */
};

static inline void note(struct fixture *fixture, const char *name)
{
        buf_printf(&fixture->calls, "%s ", name);
        fixture->count++;
}

#define refute(...)                                                                                                    \
        do {                                                                                                           \
                print_error(__VA_ARGS__);                                                                              \
                print_error("\n");                                                                                     \
                _fail(__FILE__, __LINE__);                                                                             \
        } while (0)

/* The calls since the last look. */
#define assert_calls(fixture, expected)                                                                                \
        do {                                                                                                           \
                assert_string_equal(buf_text(&(fixture)->calls), expected);                                            \
                buf_clear(&(fixture)->calls);                                                                          \
        } while (0)

#define assert_ok(fixture, call)                                                                                       \
        do {                                                                                                           \
                (fixture)->err.message[0] = '\0';                                                                      \
                if ((call) < 0)                                                                                        \
                        refute("%s: %s", #call, (fixture)->err.message);                                               \
        } while (0)

static inline int fixture_setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        fake_clock_init(&fixture->clock, SECOND);
        fixture->loop = loop_new(&(struct loop_options){ .clock = &fixture->clock.clock }, &fixture->err);
        buf_init(&fixture->calls, 1 << 16);
        for (int i = 0; i < 8; i++)
                fixture->fds[i] = -1;
        *state = fixture;
        return fixture->loop ? 0 : -1;
}

static inline int fixture_teardown(void **state)
{
        struct fixture *fixture = *state;
        loop_free(fixture->loop);
        for (int i = 0; i < 8; i++)
                fd_close(&fixture->fds[i]);
        buf_done(&fixture->calls);
        free(fixture);
        return 0;
}

static inline void fixture_pair(struct fixture *fixture, int at)
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fixture->fds + at), 0);
}

static inline int count_open_fds(void)
{
        int count = 0;
        cleanup(closedir) DIR *dir = opendir("/proc/self/fd");
        assert_non_null(dir);
        while (readdir(dir))
                count++;
        return count;
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
