/* The store of events: what was appended is read again, in both directions, packed or not, after crashes, on a full
 * disk, while another process writes. */
#include "watch_event_fixture.h"

#include "base/buf.h"
#include "base/path.h"
#include "base/vec.h"
#include "modules/watch/event/scan.h"
#include "modules/watch/event/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct error err;
static char directory[64];

/* ---- what stands in the store ---- */

struct rows {
        VEC(uint64_t) ids;
        struct buf text; /* every line */
        size_t stop_at;
};

static bool take(const struct event_head *head, struct sv json, void *cookie)
{
        struct rows *rows = cookie;
        uint64_t *id = vec_add(&rows->ids, 1 << 24);
        assert_non_null(id);
        *id = head->id;
        buf_append(&rows->text, json.p, json.n);
        buf_putc(&rows->text, '\n');
        return rows->ids.count != rows->stop_at;
}

static void rows_init(struct rows *rows)
{
        *rows = (struct rows){ 0 };
        buf_init(&rows->text, 256 * MIB);
}

static void rows_done(struct rows *rows)
{
        vec_done(&rows->ids);
        buf_done(&rows->text);
}

static struct event_scan *open_scan(bool reverse, uint64_t after, uint64_t before)
{
        struct event_scan_options options = {
                .directory = directory, .reverse = reverse, .after_id = after, .before_id = before
        };
        struct event_scan *scan = event_scan_open(&options, &err);
        if (!scan)
                fail_msg("%s", err.message);
        return scan;
}

static void scan_all(struct event_scan *scan, uint64_t budget, struct rows *rows)
{
        int more = 1;
        while (more > 0)
                more = event_scan_step(scan, budget, take, rows, &err);
        assert_int_equal(more, 0);
}

static void read_all_rows(bool reverse, struct rows *rows, struct event_scan_counters *ret)
{
        struct event_scan *scan = open_scan(reverse, 0, 0);
        rows_init(rows);
        scan_all(scan, UINT64_MAX, rows);
        if (ret)
                event_scan_count(scan, ret);
        event_scan_close(scan);
}

/* ---- writing ---- */

static struct event_store_options small = { .directory = directory, .rotate_bytes = 64 << 10, .batch_bytes = 8 << 10 };

static struct event_store *open_store(const struct event_store_options *options)
{
        struct event_store *store = event_store_open(options, FIXTURE_START, &err);
        if (!store)
                fail_msg("%s", err.message);
        return store;
}

/* Appends `count` events, a second apart, and keeps their lines. */
static void append(struct event_store *store, size_t count, uint64_t *state, struct buf *ret_text)
{
        struct fixture_event event;
        struct sv json;
        for (size_t i = 0; i < count; i++) {
                uint64_t id = event_store_next_id(store);
                fixture_event(&event, id, state);
                assert_true(event_store_append(store, &event.event, FIXTURE_START + (int64_t)i * MILLISECOND, &json));
                assert_int_equal(event.event.id, id);
                if (ret_text) {
                        buf_append(ret_text, json.p, json.n);
                        buf_putc(ret_text, '\n');
                }
        }
}

static size_t files_of(const char *suffix, char *ret_first)
{
        size_t count = 0;
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while ((entry = readdir(entries))) {
                if (!sv_ends(sv_of(entry->d_name), sv_of(suffix)))
                        continue;
                if (ret_first && (count == 0 || strcmp(entry->d_name, ret_first) > 0)) /* the newest */
                        snprintf(ret_first, STORE_NAME_MAX, "%.*s", STORE_NAME_MAX - 1, entry->d_name);
                count++;
        }
        closedir(entries);
        return count;
}

static void path_of(const char *name, char *ret)
{
        snprintf(ret, 128, "%s/%s", directory, name);
}

/* ---- the tests ---- */

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

static int setup(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/test-watch-store-XXXXXX");
        return mkdtemp(directory) ? 0 : -1;
}

static void remove_tree(const char *path)
{
        DIR *entries = opendir(path);
        struct dirent *entry;
        while (entries && (entry = readdir(entries))) {
                char below[400];
                snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (entry->d_type == DT_DIR)
                        remove_tree(below);
                else
                        unlink(below);
        }
        if (entries)
                closedir(entries);
        rmdir(path);
}

static int teardown(void **state)
{
        (void)state;
        remove_tree(directory);
        return 0;
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_write_and_read),
                STORE_TEST(test_private_to_its_owner),
                STORE_TEST(test_packed_is_the_same),
                STORE_TEST(test_resume),
                STORE_TEST(test_ids_go_on),
                STORE_TEST(test_killed_writer),
                STORE_TEST(test_torn_tail),
                STORE_TEST(test_left_over_files),
                STORE_TEST(test_missing_files),
                STORE_TEST(test_file_taken_away),
                STORE_TEST(test_newer_format),
                STORE_TEST(test_retention),
                STORE_TEST(test_full_disk),
                STORE_TEST(test_too_large),
                STORE_TEST(test_damaged_pack),
                STORE_TEST(test_follow),
                STORE_TEST(test_reader_beside_writer),
                STORE_TEST(test_no_store),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
