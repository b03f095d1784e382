/* The assembler of audit events: what go-libaudit's logs must give, interleaving, ends, time-outs, losses, ceilings. */
#include "lib/audit/assemble.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define MS ((int64_t)1000000)
#define SECOND (1000 * MS)

enum { TAKEN_MAX = 4096 };

struct taken {
        size_t count;
        struct {
                uint32_t serial;
                size_t records;
                bool ended, late, truncated;
        } events[TAKEN_MAX];
        char text[4096]; /* bodies of the last event */
};

static void take(const struct audit_event *event, void *cookie)
{
        struct taken *taken = cookie;
        assert_true(event->count > 0);
        assert_true(taken->count < TAKEN_MAX);
        taken->events[taken->count].serial = event->serial;
        taken->events[taken->count].records = event->count;
        taken->events[taken->count].ended = event->ended;
        taken->events[taken->count].late = event->late;
        taken->events[taken->count].truncated = event->truncated;
        taken->count++;
        size_t used = 0;
        taken->text[0] = 0;
        for (size_t i = 0; i < event->count && used < sizeof(taken->text) - 64; i++) {
                int n = snprintf(taken->text + used, sizeof(taken->text) - used, "%u:%.*s;", event->records[i].type,
                        (int)(event->records[i].body.n < 256 ? event->records[i].body.n : 256),
                        event->records[i].body.p);
                used += (size_t)n < sizeof(taken->text) - used ? (size_t)n : 0;
        }
}

struct fixture {
        struct audit_assembler *assembler;
        struct taken taken;
        int64_t now_ns;
        int64_t time_ns; /* in the headers */
};

static struct fixture *fixture_new(const struct audit_assembler_options *options)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        assert_non_null(fixture);
        fixture->assembler = audit_assembler_new(options, NULL);
        assert_non_null(fixture->assembler);
        fixture->now_ns = fixture->time_ns = 1000 * SECOND;
        return fixture;
}

static void fixture_free(struct fixture *fixture)
{
        audit_assembler_free(fixture->assembler);
        free(fixture);
}

static void feed(struct fixture *fixture, uint32_t serial, uint32_t type, const char *body)
{
        struct audit_record record = { .type = type, .serial = serial, .time_ns = fixture->time_ns };
        record.body = sv_of(body);
        audit_assembler_feed(fixture->assembler, &record, fixture->now_ns, take, &fixture->taken);
}

static void tick(struct fixture *fixture, int64_t now_ns)
{
        fixture->now_ns = now_ns;
        audit_assembler_tick(fixture->assembler, now_ns, take, &fixture->taken);
}

static struct audit_assembler_counters count(const struct fixture *fixture)
{
        struct audit_assembler_counters counters;
        audit_assembler_count(fixture->assembler, &counters);
        return counters;
}

/* --- go-libaudit's logs ---------------------------------------------------------------------------------------------
 */

struct expected {
        uint32_t serial;
        size_t records;
};

static void check_log(const char *name, const struct expected *expected, size_t expected_count, uint64_t lost)
{
        char path[512];
        const char *root = getenv("TARSIER_TESTDATA");
        const char *source = getenv("TARSIER_SOURCE");
        struct audit_assembler_options options = { .in_order = true, .in_flight_max = 5, .timeout_ns = 2 * SECOND };

        if (root)
                snprintf(path, sizeof(path), "%s/watch/go-libaudit/testdata/%s", root, name);
        else
                snprintf(path, sizeof(path), "%s/../shared/testdata/watch/go-libaudit/testdata/%s",
                        source ? source : ".", name);
        struct buf text;
        buf_init(&text, 1 << 20);
        if (file_read(AT_FDCWD, path, &text, NULL) < 0) {
                buf_done(&text);
                print_message("# skipped: needs %s\n", path);
                skip();
        }
        struct fixture *fixture = fixture_new(&options);
        struct sv rest = sv_n(text.data, text.len), line;
        while (sv_line(&rest, &line)) {
                struct audit_record record;
                assert_true(audit_record_parse(line, &record));
                audit_assembler_feed(fixture->assembler, &record, fixture->now_ns, take, &fixture->taken);
        }
        tick(fixture, INT64_MAX);
        assert_int_equal(fixture->taken.count, expected_count);
        for (size_t i = 0; i < expected_count; i++) {
                assert_int_equal(fixture->taken.events[i].serial, expected[i].serial);
                assert_int_equal(fixture->taken.events[i].records, expected[i].records);
        }
        assert_int_equal(count(fixture).lost, lost);
        assert_int_equal(count(fixture).late, 0);
        assert_int_equal(count(fixture).in_flight, 0);
        fixture_free(fixture);
        buf_done(&text);
}

static void test_log_normal(void **state)
{
        (void)state;
        check_log("normal.log", (struct expected[]){ { 58, 2 }, { 59, 5 }, { 60, 5 }, { 61, 4 }, { 62, 1 } }, 5, 0);
}

static void test_log_out_of_order(void **state)
{
        (void)state;
        check_log(
                "out_of_order.log", (struct expected[]){ { 58, 2 }, { 59, 5 }, { 60, 5 }, { 61, 4 }, { 62, 1 } }, 5, 0);
}

static void test_log_lost_messages(void **state)
{
        (void)state;
        check_log("lost_messages.log", (struct expected[]){ { 49, 2 }, { 59, 5 }, { 60, 5 }, { 61, 4 }, { 62, 1 } }, 5,
                9);
}

static void test_log_rollover(void **state)
{
        (void)state;
        check_log("rollover.log",
                (struct expected[]){ { 4294967294, 1 }, { 4294967295, 1 }, { 0, 1 }, { 1, 1 }, { 2, 1 } }, 5, 0);
}

/* --- ends -----------------------------------------------------------------------------------------------------------
 */

static void test_interleaved(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        feed(fixture, 1, 1300, "a");
        feed(fixture, 2, 1300, "b");
        feed(fixture, 1, 1309, "c");
        feed(fixture, 2, 1320, "");
        assert_int_equal(fixture->taken.count, 1); /* 1 has no end yet, and does not keep 2 waiting */
        assert_int_equal(fixture->taken.events[0].serial, 2);
        feed(fixture, 3, 1300, "d");
        feed(fixture, 1, 1327, "e"); /* an EOE was seen: PROCTITLE ends nothing any more */
        assert_int_equal(fixture->taken.count, 1);
        feed(fixture, 1, 1320, "");
        assert_int_equal(fixture->taken.count, 2);
        assert_string_equal(fixture->taken.text, "1300:a;1309:c;1327:e;");
        assert_false(fixture->taken.events[1].late);
        assert_true(fixture->taken.events[1].ended);
        assert_int_equal(count(fixture).in_flight, 1);
        assert_int_equal(count(fixture).in_flight_high, 2); /* 3 came after 2 was gone */
        fixture_free(fixture);
}

static void test_proctitle_ends_where_no_eoe_is(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        feed(fixture, 1, 1300, "a");
        feed(fixture, 1, 1327, "t");
        assert_int_equal(fixture->taken.count, 1);
        /* a kernel that sends EOE after it: the EOE is neither late nor an event */
        feed(fixture, 1, 1320, "");
        assert_int_equal(fixture->taken.count, 1);
        assert_int_equal(count(fixture).late, 0);
        tick(fixture, INT64_MAX);
        assert_int_equal(fixture->taken.count, 1);
        assert_int_equal(count(fixture).lost, 0);
        fixture_free(fixture);
}

static void test_single_records_are_events_at_once(void **state)
{
        (void)state;
        static const uint32_t types[] = { 1005, 1100, 1112, 1130, 1200, 1299, 1326, 1701, 2000, 2100, 2404, 2999 };
        struct fixture *fixture = fixture_new(NULL);
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                feed(fixture, (uint32_t)i + 1, types[i], "x");
                assert_int_equal(fixture->taken.count, i + 1);
        }
        /* those of auditd itself bear serials of their own and say nothing of losses */
        feed(fixture, 77777, 1200, "op=start");
        feed(fixture, 13, 1112, "x");
        tick(fixture, INT64_MAX);
        /* 5 and 6 stood in the kernel's numbering, but were not counted as seen: 1200 and 1299 are not the kernel's */
        assert_int_equal(count(fixture).lost, 2);
        fixture_free(fixture);
}

/* LOGIN comes with SYSCALL and EOE when there are rules, else alone: it waits a little, not the whole time-out. */
static void test_alone(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        feed(fixture, 1, 1006, "login");
        feed(fixture, 2, 1006, "login");
        feed(fixture, 2, 1300, "syscall");
        feed(fixture, 2, 1320, "");
        assert_int_equal(fixture->taken.count, 1);
        assert_int_equal(fixture->taken.events[0].records, 2);
        tick(fixture, fixture->now_ns + 249 * MS);
        assert_int_equal(fixture->taken.count, 1);
        tick(fixture, fixture->now_ns + 1 * MS);
        assert_int_equal(fixture->taken.count, 2);
        fixture_free(fixture);
}

static void test_timeout_then_late_records(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        feed(fixture, 1, 1300, "a");
        feed(fixture, 2, 1300, "b");
        feed(fixture, 2, 1320, "");
        tick(fixture, fixture->now_ns + 1999 * MS);
        assert_int_equal(fixture->taken.count, 1);
        tick(fixture, fixture->now_ns + 1 * MS);
        assert_int_equal(fixture->taken.count, 2);
        assert_false(fixture->taken.events[1].ended);
        assert_true(fixture->taken.events[1].late);
        assert_int_equal(count(fixture).timed_out, 1);
        feed(fixture, 1, 1309, "too late");
        feed(fixture, 1, 1320, "");
        assert_int_equal(count(fixture).late, 2);
        tick(fixture, INT64_MAX);
        assert_int_equal(fixture->taken.count, 2);
        assert_int_equal(count(fixture).lost, 0);
        fixture_free(fixture);
}

/* The same serial at another time is another event. */
static void test_same_serial_other_time(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        feed(fixture, 5, 1300, "a");
        fixture->time_ns += 10 * SECOND;
        feed(fixture, 5, 1300, "b");
        feed(fixture, 5, 1320, "");
        assert_int_equal(fixture->taken.count, 1);
        assert_string_equal(fixture->taken.text, "1300:b;");
        fixture_free(fixture);
}

/* --- losses ---------------------------------------------------------------------------------------------------------
 */

static void event(struct fixture *fixture, uint32_t serial)
{
        feed(fixture, serial, 1300, "a");
        feed(fixture, serial, 1320, "");
}

static void test_holes(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        event(fixture, 10);
        event(fixture, 20); /* 11..19 */
        event(fixture, 15);
        event(fixture, 11);
        event(fixture, 19);
        assert_int_equal(count(fixture).lost, 0);
        tick(fixture, fixture->now_ns + 499 * MS);
        assert_int_equal(count(fixture).lost, 0);
        tick(fixture, fixture->now_ns + 1 * MS);
        assert_int_equal(count(fixture).lost, 6);
        assert_int_equal(count(fixture).late, 0);
        event(fixture, 13); /* counted as lost already: an event all the same */
        assert_int_equal(count(fixture).late, 1);
        assert_int_equal(fixture->taken.count, 6);
        assert_true(fixture->taken.events[5].late);
        assert_int_equal(count(fixture).lost, 6);
        fixture_free(fixture);
}

static void test_wrap_with_holes_and_a_late_message(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        event(fixture, UINT32_MAX - 1);
        event(fixture, 2); /* UINT32_MAX, 0, 1 */
        event(fixture, 0);
        tick(fixture, fixture->now_ns + SECOND);
        assert_int_equal(count(fixture).lost, 2);
        event(fixture, UINT32_MAX); /* go-libaudit counts 2^32 lost here */
        event(fixture, 3);
        tick(fixture, INT64_MAX);
        assert_int_equal(count(fixture).lost, 2);
        assert_int_equal(count(fixture).late, 1);
        assert_int_equal(count(fixture).restarts, 0);
        fixture_free(fixture);
}

/* After a reboot serials begin at 1: no loss, no lateness. */
static void test_restart(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        event(fixture, 5000);
        fixture->time_ns += 60 * SECOND;
        event(fixture, 1);
        event(fixture, 2);
        fixture->time_ns += 60 * SECOND;
        event(fixture, 3000000000U);
        tick(fixture, INT64_MAX);
        assert_int_equal(count(fixture).lost, 0);
        assert_int_equal(count(fixture).late, 0);
        assert_int_equal(count(fixture).restarts, 2);
        fixture_free(fixture);
}

/* All of an event was lost but its end. */
static void test_end_alone(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        event(fixture, 1);
        feed(fixture, 2, 1320, "");
        event(fixture, 3);
        tick(fixture, INT64_MAX);
        assert_int_equal(fixture->taken.count, 2);
        assert_int_equal(count(fixture).lost, 1);
        fixture_free(fixture);
}

/* Every other serial is missing, far beyond the table of holes: the sum is right all the same. */
static void test_many_holes(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        for (uint32_t i = 0; i < 1000; i++)
                event(fixture, 2 * i);
        feed(fixture, 2001, 1326, "x"); /* and a hole that is split while the table is full */
        feed(fixture, 2010, 1326, "x");
        feed(fixture, 2005, 1326, "x");
        tick(fixture, INT64_MAX);
        assert_int_equal(count(fixture).lost, 999 + 2 + 7);
        assert_int_equal(count(fixture).late, 0);
        fixture_free(fixture);
}

/* 20,000 events of three records, shuffled in a window, every record lost with a chance of 1 in 8, through a
 * wrap-around: what is handed out and what counts as lost is all of them. */
static void test_received_and_lost_is_all(void **state)
{
        (void)state;
        enum { N = 20000, WINDOW = 48 };
        struct fixture *fixture = fixture_new(NULL);
        uint64_t random = 88172645463325252U;
        struct {
                uint32_t serial, type;
        } window[WINDOW];
        size_t filled = 0, total = 0;
        uint64_t given = 0;
        uint32_t first = UINT32_MAX - N / 2;

        feed(fixture, first - 1, 1112, "begin");
        for (uint32_t next = 0; next < 3 * N || filled;) {
                random ^= random << 13, random ^= random >> 7, random ^= random << 17;
                if (next < 3 * N && filled < WINDOW) {
                        window[filled].serial = first + next / 3;
                        window[filled++].type = (uint32_t[]){ 1300, 1309, 1320 }[next % 3];
                        next++;
                        continue;
                }
                size_t pick = random % filled;
                if (random >> 32 & 7) {
                        feed(fixture, window[pick].serial, window[pick].type, "x");
                        given++;
                }
                window[pick] = window[--filled];
                fixture->now_ns += 20000; /* 50,000 records a second */
                total += fixture->taken.count;
                fixture->taken.count = 0;
        }
        feed(fixture, first + N, 1112, "end");
        tick(fixture, INT64_MAX);
        total += fixture->taken.count;
        struct audit_assembler_counters counters = count(fixture);
        assert_int_equal(total, counters.events);
        assert_int_equal(counters.records, given + 2);
        assert_int_equal(counters.events + counters.lost, N + 2);
        assert_true(counters.lost > 0 && counters.timed_out > 0);
        assert_int_equal(counters.restarts, 0);
        fixture_free(fixture);
}

/* --- ceilings -------------------------------------------------------------------------------------------------------
 */

static void test_in_flight_max(void **state)
{
        (void)state;
        struct audit_assembler_options options = { .in_flight_max = 3 };
        struct fixture *fixture = fixture_new(&options);
        for (uint32_t i = 1; i <= 5; i++)
                feed(fixture, i, 1300, "a");
        assert_int_equal(fixture->taken.count, 2); /* the oldest two */
        assert_int_equal(fixture->taken.events[0].serial, 1);
        assert_int_equal(fixture->taken.events[1].serial, 2);
        assert_int_equal(count(fixture).evicted, 2);
        assert_int_equal(count(fixture).in_flight, 3);
        assert_int_equal(count(fixture).in_flight_high, 3);
        fixture_free(fixture);
}

static void test_event_ceilings(void **state)
{
        (void)state;
        struct audit_assembler_options options = { .records_max = 4, .event_bytes_max = 10 };
        struct fixture *fixture = fixture_new(&options);
        feed(fixture, 1, 1300, "a");
        for (int i = 0; i < 5; i++)
                feed(fixture, 1, 1302, "p");
        feed(fixture, 1, 1320, "");
        assert_int_equal(fixture->taken.events[0].records, 4);
        assert_true(fixture->taken.events[0].truncated);
        assert_int_equal(count(fixture).refused, 2);
        feed(fixture, 2, 1300, "12345678");
        feed(fixture, 2, 1302, "123");
        feed(fixture, 2, 1302, "12");
        feed(fixture, 2, 1320, "");
        assert_string_equal(fixture->taken.text, "1300:12345678;1302:12;");
        assert_true(fixture->taken.events[1].truncated);
        assert_int_equal(count(fixture).refused, 3);
        fixture_free(fixture);
}

static void test_bytes_max(void **state)
{
        (void)state;
        struct audit_assembler_options options = { .bytes_max = 100 };
        struct fixture *fixture = fixture_new(&options);
        for (uint32_t i = 1; i <= 11; i++)
                feed(fixture, i, 1300, "0123456789");
        assert_int_equal(fixture->taken.count, 1);
        assert_int_equal(fixture->taken.events[0].serial, 1);
        assert_int_equal(count(fixture).bytes, 100);
        fixture_free(fixture);
}

/* After a burst memory goes back; in the steady state none is asked for. */
static void test_memory(void **state)
{
        (void)state;
        struct fixture *fixture = fixture_new(NULL);
        char text[1001];
        memset(text, 'x', 1000);
        text[1000] = 0;
        event(fixture, 0);
        uint64_t steady = count(fixture).memory;
        for (uint32_t i = 1; i <= 1000; i++)
                for (int j = 0; j < 4; j++)
                        feed(fixture, i, 1302, text);
        assert_true(count(fixture).memory > 4000000);
        for (uint32_t i = 1; i <= 1000; i++)
                feed(fixture, i, 1320, "");
        assert_int_equal(count(fixture).bytes, 0);
        uint64_t after = count(fixture).memory;
        assert_true(after < steady + 300000);
        for (uint32_t i = 1001; i <= 2000; i++)
                event(fixture, i);
        assert_int_equal(count(fixture).memory, after);
        assert_int_equal(fixture->taken.count, 2001);
        fixture_free(fixture);
}

/* In order: one without an end keeps the others waiting, until there are too many or time is up. */
static void test_in_order(void **state)
{
        (void)state;
        struct audit_assembler_options options = { .in_order = true, .in_flight_max = 3 };
        struct fixture *fixture = fixture_new(&options);
        feed(fixture, 2, 1300, "b");
        feed(fixture, 2, 1320, "");
        assert_int_equal(fixture->taken.count, 1);
        feed(fixture, 3, 1300, "c");
        event(fixture, 4);
        event(fixture, 5);
        assert_int_equal(fixture->taken.count, 1);
        feed(fixture, 6, 1300, "f"); /* the fourth: 3 is given up, 4 and 5 follow */
        assert_int_equal(fixture->taken.count, 4);
        assert_int_equal(fixture->taken.events[1].serial, 3);
        assert_int_equal(fixture->taken.events[3].serial, 5);
        event(fixture, 7);
        assert_int_equal(fixture->taken.count, 4);
        tick(fixture, fixture->now_ns + 2 * SECOND);
        assert_int_equal(fixture->taken.count, 6);
        assert_int_equal(fixture->taken.events[4].serial, 6);
        feed(fixture, 3, 1302, "late");
        assert_int_equal(count(fixture).late, 1);
        fixture_free(fixture);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_log_normal),
                cmocka_unit_test(test_log_out_of_order),
                cmocka_unit_test(test_log_lost_messages),
                cmocka_unit_test(test_log_rollover),
                cmocka_unit_test(test_interleaved),
                cmocka_unit_test(test_proctitle_ends_where_no_eoe_is),
                cmocka_unit_test(test_single_records_are_events_at_once),
                cmocka_unit_test(test_alone),
                cmocka_unit_test(test_timeout_then_late_records),
                cmocka_unit_test(test_same_serial_other_time),
                cmocka_unit_test(test_holes),
                cmocka_unit_test(test_wrap_with_holes_and_a_late_message),
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_end_alone),
                cmocka_unit_test(test_many_holes),
                cmocka_unit_test(test_received_and_lost_is_all),
                cmocka_unit_test(test_in_flight_max),
                cmocka_unit_test(test_event_ceilings),
                cmocka_unit_test(test_bytes_max),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_in_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
