/* The Nth allocation fails, for every N: parameters, command lines, rows, envelopes and results end in an error or in
 * what they should be. Under the address sanitizer nothing leaks. The linker sends malloc and its kin here
 * (-Wl,--wrap). */
#include "module/channel.h"
#include "module/envelope.h"
#include "result_fixture.h"
#include "schema/flags.h"
#include "schema/write.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

static long countdown = -1; /* < 0: every allocation succeeds */
static bool refused;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);

static bool fails(void)
{
        if (countdown < 0 || countdown-- > 0)
                return false;
        countdown = -1;
        refused = true;
        return true;
}

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
        return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
        return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
        return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
        return fails() ? NULL : __real_strndup(text, size);
}

/* Calls the act with the first, the second … allocation refused, until it needs no more. Whatever it returns, an error
 * has a text. */
static void torture(const char *name, int (*act)(struct error *err))
{
        enum { MOST = 20000 };
        for (long n = 0;; n++) {
                struct error err = { 0 };
                countdown = n;
                refused = false;
                int status = act(&err);
                countdown = -1;
                if (status < 0 && !err.message[0])
                        fail_msg("%s: allocation %ld: failed without a word", name, n);
                if (!refused) {
                        if (status < 0)
                                fail_msg("%s: %s", name, err.message);
                        return;
                }
                assert_true(n < MOST);
        }
}

static const char parameters[] =
        "{\"target\":\"h\",\"follow\":true,\"count\":4,\"since\":\"2026-11-21T08:00:00Z\",\"mode\":\"deep\",\"path\":"
        "\"/x\","
        "\"network\":\"10.0.0.0/"
        "8\",\"ports\":\"1-5,22\",\"digest\":\"ab\",\"extra\":{\"a\":[1]},\"words\":[\"a\",null],"
        "\"numbers\":[1],\"labels\":{\"k\":\"v\"},\"groups\":{\"g\":[\"x\"]},\"steps\":[{\"maxbytes\":1},null],"
        "\"searches\":{\"s1\":{\"paths\":[\"/\"],\"names\":[\"x\"]}}}";

static int read_and_write(struct error *err)
{
        struct fixture fixture;
        struct arena arena;
        struct buf out;
        struct json_writer writer;
        arena_init(&arena, 1 << 20);
        buf_init(&out, 1 << 20);
        json_t *value = json_parse(sv_of(parameters), false, err);
        int status = value ? record_read(fixture_record, value, &fixture, &arena, 0, err) : -1;
        if (status == 0) {
                json_writer_init(&writer, &out, 0);
                record_write(&writer, fixture_record, &fixture, 0);
                if (!out.failed && !json_valid(sv_n(out.data, out.len)))
                        abort(); /* half a value that says it is whole */
        }
        buf_done(&out);
        arena_done(&arena);
        json_decref(value);
        return status;
}

static int read_flags(struct error *err)
{
        char *argv[] = { (char[]){ "--word=a" }, (char[]){ "--label=k=v" }, (char[]){ "--group=g=x" },
                (char[]){ "-c5" }, (char[]){ "--search" }, (char[]){ "s2" }, (char[]){ "--path=/x" },
                (char[]){ "--extra={\"a\":1}" }, (char[]){ "--maxtime=3s" }, (char[]){ "host" } };
        json_t *value = flags_parse(fixture_record, sizeof(argv) / sizeof(argv[0]), argv, err);
        if (value && (json_object_size(value) != 9 || !json_object_get(json_object_get(value, "searches"), "s2")))
                return error_set(err, E_NONE, 0, __FILE__, __LINE__, "%s", ""); /* something was lost without a word */
        json_decref(value);
        return value ? 0 : -1;
}

static int keep_frames(struct error *err)
{
        struct result *result = result_new(SHAPE_MAP_OF_LISTS, 1 << 20, err);
        if (!result)
                return -1;
        int status = 0;
        if (send_label(result, SV("z"), 0, err) < 0 && !err->message[0])
                status = error_set(err, E_NO_MEMORY, 0, __FILE__, __LINE__, "the test's own");
        struct error why;
        if (status == 0 && (send_row(result, SV("s1"), SV("{\"a\":1}"), &why) < 0 ||
                                   send_frame(result, FRAME_ERROR, SV("soft"), &why) < 0 ||
                                   send_frame(result, FRAME_SKIPPED, SV("{}"), &why) < 0 ||
                                   send_frame(result, FRAME_STATISTICS, SV("{}"), &why) < 0 ||
                                   send_frame(result, FRAME_DONE, DONE_GOOD, &why) < 0))
                result_fail(result, &why);
        struct buf out;
        buf_init(&out, 1 << 20);
        struct buf *kept = &out;
        if (status == 0 && result_write(result, 0, keep_bytes, kept, err) == 0 && !json_valid(sv_n(out.data, out.len)))
                abort();
        buf_done(&out);
        result_free(result);
        return 0;
}

struct row {
        char *file;
        int64_t size;
};

static const struct field row_fields[] = {
        FIELD_PATH(struct row, file, .help = "x", .private_ = true),
        FIELD_INT(struct row, size, .help = "x"),
};

static const struct record row_record = { .fields = row_fields, .count = 2, .size = sizeof(struct row), .name = "row" };

/* A whole run: rows of its own, a foreign answer, statistics; its verdict must come. */
static int run_and_end(struct error *err)
{
        static const struct module module = {
                .name = "x", .shape = SHAPE_LIST, .element = &row_record, .statistics = &row_record
        };
        struct buf in;
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
                return error_set(err, E_NONE, errno, __FILE__, __LINE__, "socketpair");
        buf_init(&in, 4096);
        struct run_channel channel = { .fd = ends[0], .in = &in };
        struct run run = { .module = &module };
        long held = countdown;
        countdown = -1; /* what a run reserves at its start is there */
        run_begin(&run, &channel);
        countdown = held;
        struct error why = { 0 };
        int status = run_emit(&run, NULL, &(struct row){ (char[]){ "/a" }, 1 }, &why);
        run_skipped(&run, "/b", "locked");
        run_error(&run, "soft");
        if (status == 0)
                status = run_emit_envelope(&run,
                        SV("{\"success\":true,\"foundanything\":true,\"elements\":[{\"file\":\"/"
                           "c\"}],\"statistics\":{\"n\":1}}"),
                        &why);
        run_end(&run, status, &why);
        struct buf sent;
        struct frame_header header = { 0 };
        struct sv payload;
        size_t size;
        bool done = false;
        countdown = -1;
        buf_init(&sent, 1 << 20);
        char *room = buf_reserve(&sent, 1 << 18);
        ssize_t got = recv(ends[1], room, 1 << 18, MSG_DONTWAIT);
        sent.len = got > 0 ? (size_t)got : 0;
        for (size_t at = 0; frame_next(&sent, at, &header, &payload, &size, NULL) > 0; at += size)
                done = header.type == FRAME_DONE && json_valid(payload);
        buf_done(&sent);
        buf_done(&in);
        close(ends[0]);
        close(ends[1]);
        if (!done)
                return error_set(err, E_NONE, 0, __FILE__, __LINE__, "%s", ""); /* no verdict: torture() complains */
        return 0;
}

static void each_allocation_may_fail(void **state)
{
        (void)state;
        json_set_alloc_funcs(malloc, free); /* jansson's too */
        torture("parameters", read_and_write);
        torture("command line", read_flags);
        torture("result", keep_frames);
        torture("run", run_and_end);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(each_allocation_may_fail) };
        return cmocka_run_group_tests_name("torture", tests, NULL, NULL);
}
