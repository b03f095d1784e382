/* The store of events: what was appended is read again, in both directions, packed or not, beside its writer. */
#include "event_store_fixture.h"

static void test_write_and_read(void **state)
{
        (void)state;
        struct event_store *store = open_store(&(struct event_store_options){ .directory = directory });
        struct buf text;
        struct rows rows;
        struct event_store_counters counters;
        uint64_t random = 1;
        buf_init(&text, 16 * MIB);
        append(store, 20, &random, &text);
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 0); /* it waits in memory */
        rows_done(&rows);
        event_store_tick(store, FIXTURE_START + 500 * MILLISECOND);
        event_store_count(store, &counters);
        assert_int_equal(counters.waiting, 20);
        event_store_tick(store, FIXTURE_START + 1001 * MILLISECOND);
        event_store_count(store, &counters);
        assert_int_equal(counters.waiting, 0);
        assert_int_equal(counters.writes, 1);
        assert_int_equal(counters.events, 20);
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 20);
        assert_int_equal(rows.ids.items[0], 1);
        assert_string_equal(buf_text(&rows.text), buf_text(&text));
        rows_done(&rows);
        event_store_close(store);
        buf_done(&text);
}

static void test_private_to_its_owner(void **state)
{
        (void)state;
        char name[STORE_NAME_MAX];
        char path[128];
        struct stat status;
        char below[96];
        snprintf(below, sizeof(below), "%s/below", directory);
        struct event_store *store = open_store(&(struct event_store_options){ .directory = below });
        event_store_close(store);
        assert_int_equal(stat(below, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0700);
        store = open_store(&small);
        uint64_t random = 1;
        append(store, 400, &random, NULL);
        assert_int_equal(event_store_pack(store, &err), 0);
        event_store_close(store);
        static const char *const suffixes[] = { ".pack", ".tail", "lock" };
        for (int i = 0; i < 3; i++) {
                assert_true(files_of(suffixes[i], name) > 0);
                path_of(name, path);
                assert_int_equal(stat(path, &status), 0);
                assert_int_equal(status.st_mode & 07777, 0600);
        }
}

/* The same lines from tails, from packs, and from a mixture; oldest first and newest first. */
static void test_packed_is_the_same(void **state)
{
        (void)state;
        struct event_store *store = open_store(&small);
        struct buf text;
        struct rows forward;
        struct rows backward;
        struct event_store_counters counters;
        uint64_t random = 7;
        buf_init(&text, 64 * MIB);
        append(store, 3000, &random, &text);
        assert_int_equal(event_store_flush(store, false, FIXTURE_START, &err), 0);
        for (int round = 0; round < 3; round++) {
                read_all_rows(false, &forward, NULL);
                read_all_rows(true, &backward, NULL);
                assert_int_equal(forward.ids.count, 3000);
                assert_int_equal(backward.ids.count, 3000);
                for (size_t i = 0; i < 3000; i++) {
                        assert_int_equal(forward.ids.items[i], i + 1);
                        assert_int_equal(backward.ids.items[i], 3000 - i);
                }
                assert_true(forward.text.len == text.len && memcmp(forward.text.data, text.data, text.len) == 0);
                assert_int_equal(backward.text.len, text.len);
                rows_done(&forward);
                rows_done(&backward);
                if (round == 0)
                        assert_int_equal(event_store_pack(store, &err), 0);
                if (round == 1)
                        assert_int_equal(event_store_rotate(store, FIXTURE_START, &err), 0);
        }
        event_store_count(store, &counters);
        assert_true(counters.packed > 5 && counters.rotated == counters.packed + 1);
        assert_int_equal(counters.unpacked_files, 2);
        assert_int_equal(files_of(".new", NULL), 0);
        event_store_close(store);
        buf_done(&text);
}

static void test_resume(void **state)
{
        (void)state;
        struct event_store *store = open_store(&small);
        uint64_t random = 3;
        append(store, 1500, &random, NULL);
        assert_int_equal(event_store_pack(store, &err), 0);
        assert_int_equal(event_store_flush(store, false, FIXTURE_START, &err), 0);
        for (int reverse = 0; reverse < 2; reverse++) {
                struct rows rows;
                uint64_t cursor = 0;
                rows_init(&rows);
                for (size_t target = 37; rows.ids.count < 1500; target += 37) {
                        struct event_scan *scan = open_scan(reverse, reverse ? 0 : cursor, reverse ? cursor : 0);
                        rows.stop_at = target;
                        while (event_scan_step(scan, 1, take, &rows, &err) > 0 && rows.ids.count < target)
                                ;
                        cursor = event_scan_cursor(scan);
                        event_scan_close(scan);
                        assert_int_equal(rows.ids.count, target < 1500 ? target : 1500);
                }
                for (size_t i = 0; i < 1500; i++)
                        assert_int_equal(rows.ids.items[i], reverse ? 1500 - i : i + 1);
                rows_done(&rows);
        }
        uint64_t after;
        struct event_scan_options options = { .directory = directory };
        assert_int_equal(event_scan_find_last(&options, 10, &after, &err), 0);
        assert_int_equal(after, 1490);
        assert_int_equal(event_scan_find_last(&options, 5000, &after, &err), 0);
        assert_int_equal(after, 0);
        event_store_close(store);
}

static void test_ids_go_on(void **state)
{
        (void)state;
        struct event_store *store = open_store(&small);
        struct rows rows;
        uint64_t random = 1;
        append(store, 10, &random, NULL);
        event_store_close(store);
        store = open_store(&small);
        assert_int_equal(event_store_next_id(store), 11);
        append(store, 5, &random, NULL);
        assert_int_equal(event_store_flush(store, false, FIXTURE_START, &err), 0);
        struct event_store *locked = event_store_open(&small, FIXTURE_START, &err);
        assert_null(locked); /* one writer */
        assert_int_equal(err.code, E_UNAVAILABLE);
        event_store_close(store);
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 15);
        assert_int_equal(rows.ids.items[14], 15);
        rows_done(&rows);
}

static void test_retention(void **state)
{
        (void)state;
        struct event_store_options options = small;
        struct event_store_counters counters;
        struct rows rows;
        uint64_t random = 5;
        options.retain_bytes = 200 << 10;
        struct event_store *store = open_store(&options);
        append(store, 4000, &random, NULL);
        event_store_tick(store, FIXTURE_START + 20 * SECOND);
        event_store_count(store, &counters);
        assert_true(counters.removed_files > 0 && counters.removed_events > 0);
        assert_true(counters.bytes <= options.retain_bytes + options.rotate_bytes);
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 4000 - counters.removed_events);
        assert_int_equal(rows.ids.items[0], counters.removed_events + 1); /* the oldest went */
        assert_int_equal(rows.ids.items[rows.ids.count - 1], 4000);
        rows_done(&rows);
        /* a year later all are too old; their ids are still not given again */
        event_store_tick(store, FIXTURE_START + 365 * DAY);
        event_store_count(store, &counters);
        assert_int_equal(counters.removed_events, 4000);
        event_store_close(store);
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 0);
        rows_done(&rows);
        store = open_store(&options);
        assert_int_equal(event_store_next_id(store), 4001);
        event_store_close(store);
}

static void test_too_large(void **state)
{
        (void)state;
        struct event_store *store = open_store(&small);
        struct event_store_counters counters;
        struct rows rows;
        char *large = malloc(STORE_EVENT_MAX + 1);
        memset(large, 'x', STORE_EVENT_MAX);
        large[STORE_EVENT_MAX] = '\0';
        struct event event = { .time_ns = FIXTURE_START, .type = EVENT_USER, .has_audit = true };
        event.audit.detail = large;
        assert_false(event_store_append(store, &event, FIXTURE_START, NULL));
        large[STORE_EVENT_MAX - 500] = '\0';
        assert_true(event_store_append(store, &event, FIXTURE_START, NULL));
        event_store_tick(store, FIXTURE_START + 2 * SECOND);
        event_store_tick(store, FIXTURE_START + 4 * SECOND);
        event_store_count(store, &counters);
        assert_int_equal(counters.lost, 1);
        assert_int_equal(counters.gaps, 1);
        for (int round = 0; round < 3; round++) {
                read_all_rows(round == 2, &rows, NULL);
                assert_int_equal(rows.ids.count, 2);
                assert_true(rows.text.len > STORE_EVENT_MAX - 500);
                rows_done(&rows);
                if (round == 0)
                        assert_int_equal(
                                event_store_rotate(store, FIXTURE_START, &err) | event_store_pack(store, &err), 0);
        }
        free(large);
        event_store_close(store);
}

static void test_follow(void **state)
{
        (void)state;
        struct event_store *store = open_store(&small);
        struct rows rows;
        uint64_t random = 5;
        append(store, 3, &random, NULL);
        event_store_flush(store, false, FIXTURE_START, &err);
        struct event_scan *scan = open_scan(false, 0, 0);
        int fd = event_scan_follow(scan, &err);
        assert_true(fd >= 0);
        rows_init(&rows);
        scan_all(scan, UINT64_MAX, &rows);
        assert_int_equal(rows.ids.count, 3);
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&wait, 1, 0), 0);
        append(store, 4, &random, NULL);
        event_store_flush(store, false, FIXTURE_START, &err);
        assert_int_equal(poll(&wait, 1, 10000), 1);
        event_scan_drain(scan);
        scan_all(scan, UINT64_MAX, &rows);
        assert_int_equal(rows.ids.count, 7);
        /* across rotations, packing and removal of what it has open */
        append(store, 2000, &random, NULL);
        event_store_flush(store, false, FIXTURE_START, &err);
        assert_int_equal(event_store_pack(store, &err), 0);
        scan_all(scan, UINT64_MAX, &rows);
        assert_int_equal(rows.ids.count, 2007);
        for (size_t i = 0; i < rows.ids.count; i++)
                assert_int_equal(rows.ids.items[i], i + 1);
        rows_done(&rows);
        event_scan_close(scan);
        event_store_close(store);
}

enum { CONCURRENT = 30000 };

static void write_much(void)
{
        struct event_store_options options = small;
        struct fixture_event event;
        uint64_t random = 11;
        options.rotate_bytes = 256 << 10;
        struct event_store *store = open_store(&options);
        for (uint64_t i = 1; i <= CONCURRENT; i++) {
                fixture_event(&event, i, &random);
                assert_true(event_store_append(store, &event.event, FIXTURE_START, NULL));
        }
        event_store_close(store);
}

/* A reader in another process follows while files are written, rotated, packed and removed: every event, once, in
 * order, each as it was written; and others who begin in the middle see a beginning without holes. */
static void test_reader_beside_writer(void **state)
{
        (void)state;
        struct rows rows;
        pid_t pid = fork();
        if (pid == 0) {
                write_much();
                _exit(0);
        }
        rows_init(&rows);
        struct event_scan *scan = open_scan(false, 0, 0);
        struct pollfd wait = { .fd = event_scan_follow(scan, &err), .events = POLLIN };
        for (int round = 0; rows.ids.count < CONCURRENT; round++) {
                scan_all(scan, 64 << 10, &rows);
                if (rows.ids.count < CONCURRENT)
                        assert_int_equal(poll(&wait, 1, 30000), 1);
                event_scan_drain(scan);
                if (round % 16 == 0) {
                        struct rows others;
                        struct event_scan_counters counters;
                        read_all_rows(round % 32 == 0, &others, &counters);
                        for (size_t i = 0; i < others.ids.count; i++)
                                assert_int_equal(others.ids.items[i], round % 32 ? i + 1 : others.ids.count - i);
                        assert_int_equal(counters.corrupt + counters.removed, 0);
                        rows_done(&others);
                }
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        struct event_scan_counters counters;
        event_scan_count(scan, &counters);
        assert_int_equal(counters.corrupt + counters.torn, 0);
        struct rows after;
        read_all_rows(false, &after, NULL);
        assert_int_equal(after.ids.count, CONCURRENT);
        assert_true(after.text.len == rows.text.len && memcmp(after.text.data, rows.text.data, rows.text.len) == 0);
        for (size_t i = 0; i < rows.ids.count; i++)
                assert_int_equal(rows.ids.items[i], i + 1);
        rows_done(&after);
        rows_done(&rows);
        event_scan_close(scan);
}

static void test_no_store(void **state)
{
        (void)state;
        struct event_scan_options options = { .directory = "/nonexistent/events" };
        assert_null(event_scan_open(&options, &err));
        assert_int_equal(err.code, E_NOT_FOUND);
        struct rows rows;
        read_all_rows(false, &rows, NULL); /* an empty directory holds no events */
        assert_int_equal(rows.ids.count, 0);
        rows_done(&rows);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_write_and_read),
                STORE_TEST(test_private_to_its_owner),
                STORE_TEST(test_packed_is_the_same),
                STORE_TEST(test_resume),
                STORE_TEST(test_ids_go_on),
                STORE_TEST(test_retention),
                STORE_TEST(test_too_large),
                STORE_TEST(test_follow),
                STORE_TEST(test_reader_beside_writer),
                STORE_TEST(test_no_store),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
