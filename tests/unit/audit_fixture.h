/* What the tests of audit's translation share: a decoder whose observations are kept, and texts of records. */
#pragma once

#include "modules/watch/source/audit_observe.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { OBSERVED_MAX = 512 };

struct fixture {
        struct arena arena;
        struct audit_decoder *decoder;
        struct observation observed[OBSERVED_MAX];
        size_t count;
};

static inline struct sv keep(struct arena *arena, struct sv text)
{
        return text.n ? sv_n(arena_strndup(arena, text.p, text.n), text.n) : SV("");
}

static inline void take(const struct observation *observation, void *cookie)
{
        struct fixture *fixture = cookie;
        assert_true(fixture->count < OBSERVED_MAX);
        struct observation *copy = &fixture->observed[fixture->count++];
        *copy = *observation;
        struct sv *texts[] = { &copy->comm, &copy->exe, &copy->cwd, &copy->tty, &copy->argv, &copy->cgroup,
                &copy->syscall, &copy->operation, &copy->key, &copy->path, &copy->path2, &copy->object, &copy->account,
                &copy->address, &copy->terminal, &copy->hostname, &copy->detail };
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                *texts[i] = keep(&fixture->arena, *texts[i]);
}

static inline int setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        assert_non_null(fixture);
        arena_init(&fixture->arena, 64 << 20);
        fixture->decoder = audit_decoder_new(NULL, SOURCE_REPLAY, NULL);
        assert_non_null(fixture->decoder);
        *state = fixture;
        return 0;
}

static inline int teardown(void **state)
{
        struct fixture *fixture = *state;
        audit_decoder_free(fixture->decoder);
        arena_done(&fixture->arena);
        free(fixture);
        return 0;
}

static inline void feed(struct fixture *fixture, const char *lines)
{
        struct sv rest = sv_of(lines), line;
        while (sv_line(&rest, &line))
                if (line.n)
                        assert_true(audit_decoder_feed_line(fixture->decoder, line, take, fixture));
}

static inline const struct observation *only(struct fixture *fixture, const char *lines)
{
        fixture->count = 0;
        feed(fixture, lines);
        audit_decoder_tick(fixture->decoder, INT64_MAX, take, fixture);
        assert_int_equal(fixture->count, 1);
        return &fixture->observed[0];
}

#define assert_text(text, expected) assert_text_(text, SV(expected), #text, __LINE__)

static inline void assert_text_(struct sv text, struct sv expected, const char *name, int line)
{
        if (!sv_eq(text, expected))
                fail_msg("line %d: %s is \"%.*s\", not \"%.*s\"", line, name, SV_ARG(text), SV_ARG(expected));
}

/* A SYSCALL record with these numbers and the usual rest. */
#define CALL(stamp, call, success, exit, args)                                                                         \
        "type=SYSCALL msg=audit(" stamp "): arch=c000003e syscall=" call " success=" success " exit=" exit " " args    \
        " items=2 ppid=400 pid=401 auid=1000 uid=1001 gid=1002 euid=1003 suid=1004 fsuid=1005 egid=1006 sgid=1007 "    \
        "fsgid=1008 tty=pts0 ses=7 comm=\"bash\" exe=\"/usr/bin/bash\" subj=unconfined key=\"rule\"\n"
#define ARGS "a0=1 a1=2 a2=3 a3=4"
#define EOE(stamp) "type=EOE msg=audit(" stamp "): \n"
