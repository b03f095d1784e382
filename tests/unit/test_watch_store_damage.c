/* A store of events that was hurt: killed writers, torn and missing files, a full disk, bytes changed. */
#include "event_store_fixture.h"

/* A writer that is killed: what it had flushed is there, ids that it may have shown are not given again. */
static void test_killed_writer(void **state)
{
        (void)state;
        pid_t pid = fork();
        if (pid == 0) {
                uint64_t random = 1;
                struct event_store *store = event_store_open(&small, FIXTURE_START, &err);
                struct fixture_event event;
                for (uint64_t i = 1; i <= 30; i++) {
                        fixture_event(&event, i, &random);
                        event_store_append(store, &event.event, FIXTURE_START, NULL);
                        if (i == 25)
                                event_store_flush(store, false, FIXTURE_START, &err);
                }
                _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        struct event_store *store = open_store(&small);
        struct rows rows;
        read_all_rows(false, &rows, NULL);
        assert_true(rows.ids.count >= 25);
        uint64_t last = rows.ids.items[rows.ids.count - 1];
        rows_done(&rows);
        assert_int_equal(event_store_next_id(store), last + 1 + EVENT_STORE_ID_STEP);
        event_store_close(store);
}

static void copy_file(const char *from, const char *to, size_t size)
{
        char *bytes = malloc(size + 1);
        int fd = open(from, O_RDONLY);
        assert_int_equal(read(fd, bytes, size), size);
        close(fd);
        fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_int_equal(write(fd, bytes, size), size);
        close(fd);
        free(bytes);
}

/* The tail cut at every length near its end: whole events before the cut stay, the rest is cut off and told. */
static void test_torn_tail(void **state)
{
        (void)state;
        char name[STORE_NAME_MAX];
        char path[128];
        char saved[128];
        struct stat status;
        struct rows rows;
        uint64_t random = 5;
        struct event_store *store = open_store(&small);
        append(store, 6, &random, NULL);
        event_store_close(store);
        assert_int_equal(files_of(".tail", name), 1);
        path_of(name, path);
        path_of("saved", saved);
        assert_int_equal(stat(path, &status), 0);
        copy_file(path, saved, (size_t)status.st_size);
        size_t before = 7;
        for (size_t size = (size_t)status.st_size; size > 0; size -= size > 40 ? 13 : 1) {
                struct event_store_counters counters;
                struct event_scan_counters scanned;
                copy_file(saved, path, size);
                read_all_rows(false, &rows, &scanned);
                size_t count = rows.ids.count;
                rows_done(&rows);
                assert_true(count <= before);
                before = count;
                store = open_store(&small);
                event_store_count(store, &counters);
                append(store, 2, &random, NULL);
                event_store_close(store);
                read_all_rows(true, &rows, &scanned);
                assert_int_equal(rows.ids.count, count + 2);
                assert_int_equal(scanned.torn + scanned.corrupt, 0);
                assert_true(size == (size_t)status.st_size ? counters.torn_bytes == 0 : counters.torn_bytes < 2000);
                rows_done(&rows);
                while (files_of(".tail", name) > 0) { /* a tail without even a head was replaced by the next */
                        char other[128];
                        path_of(name, other);
                        unlink(other);
                }
        }
        assert_int_equal(before, 0);
}

static void test_left_over_files(void **state)
{
        (void)state;
        char name[STORE_NAME_MAX];
        char from[128];
        char to[128];
        struct stat status;
        struct rows rows;
        uint64_t random = 5;
        struct event_store *store = open_store(&small);
        append(store, 50, &random, NULL);
        assert_int_equal(event_store_rotate(store, FIXTURE_START, &err), 0);
        /* keep a tail that is packed now: as if the writer was killed before it removed it */
        snprintf(name, sizeof(name), "events-0000000001.tail");
        path_of(name, from);
        path_of("kept", to);
        assert_int_equal(stat(from, &status), 0);
        copy_file(from, to, (size_t)status.st_size);
        assert_int_equal(event_store_pack(store, &err), 0);
        event_store_close(store);
        assert_int_equal(rename(to, from), 0);
        path_of("events-0000000001.new", to);
        copy_file(from, to, 10);
        for (int reverse = 0; reverse < 2; reverse++) { /* a reader takes each event once */
                read_all_rows(reverse, &rows, NULL);
                assert_int_equal(rows.ids.count, 50);
                rows_done(&rows);
        }
        store = open_store(&small);
        assert_int_equal(files_of(".new", NULL), 0);
        assert_int_not_equal(access(from, F_OK), 0);
        assert_int_equal(event_store_next_id(store), 51);
        event_store_close(store);
}

/* Files taken away in the middle, a hundred of them and a thousand million. */
static void test_missing_files(void **state)
{
        (void)state;
        char from[128];
        char to[128];
        struct rows rows;
        uint64_t random = 5;
        struct event_store *store = open_store(&small);
        for (int i = 0; i < 4; i++) {
                append(store, 10, &random, NULL);
                assert_int_equal(event_store_rotate(store, FIXTURE_START, &err), 0);
        }
        event_store_close(store);
        path_of("events-0000000005.tail", from);
        assert_int_equal(unlink(from), 0);
        static const char *const moves[][2] = { { "events-0000000004.tail", "events-1000000000.tail" },
                { "events-0000000003.tail", "events-0000000200.tail" } };
        for (int i = 0; i < 2; i++) {
                path_of(moves[i][0], from);
                path_of(moves[i][1], to);
                assert_int_equal(rename(from, to), 0);
        }
        for (int reverse = 0; reverse < 2; reverse++) {
                struct event_scan_counters counters;
                read_all_rows(reverse, &rows, &counters);
                assert_int_equal(rows.ids.count, 40);
                assert_int_equal(rows.ids.items[0], reverse ? 40 : 1);
                assert_true(counters.removed >= 2 && counters.removed < 1000);
                rows_done(&rows);
        }
}

/* A file that goes away behind the writer's back costs its events and nothing else. */
static void test_file_taken_away(void **state)
{
        (void)state;
        char path[128];
        struct rows rows;
        struct event_store_counters counters;
        uint64_t random = 5;
        struct event_store *store = open_store(&small);
        for (int i = 0; i < 3; i++) {
                append(store, 10, &random, NULL);
                assert_int_equal(event_store_rotate(store, FIXTURE_START, &err), 0);
        }
        path_of("events-0000000002.tail", path);
        assert_int_equal(unlink(path), 0);
        while (event_store_tick(store, FIXTURE_START + SECOND))
                ;
        assert_null(event_store_trouble(store));
        event_store_count(store, &counters);
        assert_int_equal(counters.packed, 2);
        assert_int_equal(counters.corrupt_files, 1);
        event_store_close(store);
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 20);
        rows_done(&rows);
}

static void test_newer_format(void **state)
{
        (void)state;
        char name[STORE_NAME_MAX];
        char path[128];
        uint32_t version = STORE_VERSION + 1;
        struct rows rows;
        event_store_close(open_store(&small));
        assert_int_equal(files_of(".tail", name), 1);
        path_of(name, path);
        int fd = open(path, O_RDWR);
        assert_int_equal(pwrite(fd, &version, 4, 8 + offsetof(struct store_file_head, version)), 4);
        close(fd);
        assert_null(event_store_open(&small, FIXTURE_START, &err));
        assert_int_equal(err.code, E_UNSUPPORTED);
        assert_non_null(strstr(err.message, "newer version"));
        struct event_scan *scan = open_scan(false, 0, 0);
        rows_init(&rows);
        assert_int_equal(event_scan_step(scan, UINT64_MAX, take, &rows, &err), -1);
        assert_int_equal(err.code, E_UNSUPPORTED);
        event_scan_close(scan);
        rows_done(&rows);
        assert_int_equal(files_of(".tail", name), 1); /* and left as it was */
}

/* In a process of its own, with a ceiling on the size of its files: what write(2) says then is what a full disk says.
 */
static void full_disk(void)
{
        struct event_store_counters counters;
        struct rlimit limit = { 40 << 10, RLIM_INFINITY };
        struct fixture_event event;
        uint64_t random = 9;
        uint64_t refused = 0;
        signal(SIGXFSZ, SIG_IGN);
        struct event_store *store =
                open_store(&(struct event_store_options){ .directory = directory, .batch_bytes = 4 << 10 });
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        for (int i = 0; i < 400; i++) {
                fixture_event(&event, (uint64_t)i, &random);
                struct sv json;
                refused += !event_store_append(store, &event.event, FIXTURE_START + i * 100 * MILLISECOND, &json);
                assert_true(json.n > 10); /* who follows live sees it all the same */
        }
        event_store_count(store, &counters);
        assert_true(refused > 0);
        assert_int_equal(counters.lost, refused);
        assert_true(counters.write_errors > 0 && counters.gaps == 0);
        assert_non_null(event_store_trouble(store));
        limit.rlim_cur = RLIM_INFINITY;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        event_store_tick(store, FIXTURE_START + 100 * SECOND);
        event_store_tick(store, FIXTURE_START + 102 * SECOND);
        assert_null(event_store_trouble(store));
        event_store_count(store, &counters);
        assert_int_equal(counters.gaps, 1);
        event_store_close(store);
        struct rows rows;
        read_all_rows(false, &rows, NULL);
        assert_int_equal(rows.ids.count, 400 - refused + 1);
        char gap[96];
        snprintf(gap, sizeof(gap), "\"gap\":{\"lost\":%llu,\"unit\":\"events\",\"reason\":\"store\"",
                (unsigned long long)refused);
        assert_non_null(strstr(rows.text.data, gap));
        rows_done(&rows);
}

static void in_a_child(void (*test)(void))
{
        pid_t pid = fork();
        if (pid == 0) {
                test();
                _exit(0);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void test_full_disk(void **state)
{
        (void)state;
        in_a_child(full_disk);
}

/* Every byte of a pack changed in turn: never more than what is there, never another text, no fault. */
static void test_damaged_pack(void **state)
{
        (void)state;
        char name[STORE_NAME_MAX];
        char path[128];
        struct stat status;
        struct buf text;
        struct rows rows;
        uint64_t random = 5;
        buf_init(&text, MIB);
        struct event_store *store = open_store(&small);
        append(store, 20, &random, &text);
        assert_int_equal(event_store_rotate(store, FIXTURE_START, &err) | event_store_pack(store, &err), 0);
        event_store_close(store);
        assert_int_equal(files_of(".pack", name), 1);
        path_of(name, path);
        assert_int_equal(stat(path, &status), 0);
        int fd = open(path, O_RDWR);
        for (off_t at = 0; at < status.st_size; at++) {
                struct event_scan_counters counters;
                char byte;
                assert_int_equal(pread(fd, &byte, 1, at), 1);
                byte ^= 0x20;
                assert_int_equal(pwrite(fd, &byte, 1, at), 1);
                struct event_scan *scan = open_scan(at % 2, 0, 0);
                rows_init(&rows);
                int more = 1;
                while (more > 0)
                        more = event_scan_step(scan, UINT64_MAX, take, &rows, &err);
                event_scan_count(scan, &counters);
                assert_true((more == 0 && counters.corrupt > 0) || err.code == E_UNSUPPORTED);
                assert_int_equal(rows.ids.count, 0);
                event_scan_close(scan);
                rows_done(&rows);
                byte ^= 0x20;
                assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        close(fd);
        read_all_rows(false, &rows, NULL);
        assert_string_equal(buf_text(&rows.text), buf_text(&text));
        rows_done(&rows);
        buf_done(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_killed_writer),
                STORE_TEST(test_torn_tail),
                STORE_TEST(test_left_over_files),
                STORE_TEST(test_missing_files),
                STORE_TEST(test_file_taken_away),
                STORE_TEST(test_newer_format),
                STORE_TEST(test_full_disk),
                STORE_TEST(test_damaged_pack),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
