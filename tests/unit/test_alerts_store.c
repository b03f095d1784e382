/* The store of alerts: what was written is read again, mutes, counts, limits, a full disk, damage, kill -9. */
#include "modules/alerts/alerts.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOW (INT64_C(1795000000) * SECOND)

static struct error err;
static char directory[64];
static struct alert_store *store;
static const struct alert_limits usual = { 64 * MIB, 30 * DAY };

static void open_store(const struct alert_limits *limits)
{
        bool damaged;
        store = alert_store_open(directory, limits, &damaged, &err);
        assert_non_null(store);
        assert_false(damaged);
}

static int set_up(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/tarsier-alerts-XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        open_store(&usual);
        return 0;
}

static int tear_down(void **state)
{
        char path[400];
        struct dirent *entry;
        (void)state;
        alert_store_close(store);
        DIR *listing = opendir(directory);
        if (!listing)
                return -1;
        while ((entry = readdir(listing))) {
                snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
                unlink(path);
        }
        closedir(listing);
        return rmdir(directory);
}

static struct alert_row some(const char *message, int64_t at_ns)
{
        return (struct alert_row){ .time_ns = at_ns,
                .last_ns = at_ns,
                .count = 1,
                .severity = ALERT_HIGH,
                .module = "watch",
                .rule = "r",
                .message = message,
                .container = "web",
                .container_id = "0123456789",
                .pid = 42,
                .exe = "/bin/x",
                .user = "root",
                .tags = "[\"a\"]",
                .evidence = "{\"alert\":1}",
                .acknowledged_by = "",
                .comment = "" };
}

static int64_t insert(const char *message, int64_t at_ns)
{
        int64_t id;
        struct alert_row row = some(message, at_ns);
        assert_int_equal(alert_store_insert(store, &row, &id, &err), 0);
        return id;
}

static bool copy(const struct alert_row *row, void *cookie)
{
        struct json_writer writer;
        struct buf *out = cookie;
        buf_clear(out);
        json_writer_init(&writer, out, 0);
        alert_write(&writer, row, false);
        return true;
}

static const char *get(int64_t id)
{
        static struct buf out;
        buf_done(&out);
        buf_init(&out, 1 << 20);
        return alert_store_get(store, id, copy, &out, &err) == 0 ? buf_text(&out) : "";
}

static bool count(const struct alert_row *row, void *cookie)
{
        int64_t *ids = cookie;
        ids[++ids[0]] = row->id;
        return true;
}

static void what_was_written_is_read(void **state)
{
        (void)state;
        bool changed;
        assert_int_equal(insert("first", NOW), 1);
        assert_string_equal(get(1),
                "{\"id\":1,\"time\":\"2026-11-18T11:06:40Z\",\"last\":\"2026-11-18T11:06:40Z\",\"count\":1,"
                "\"severity\":"
                "\"high\",\"state\":\"open\",\"module\":\"watch\",\"rule\":\"r\",\"message\":\"first\",\"container\":"
                "\"web\",\"container_id\":\"0123456789\",\"pid\":42,\"exe\":\"/bin/"
                "x\",\"user\":\"root\",\"tags\":[\"a\"],"
                "\"evidence\":{\"alert\":1}}");
        struct alert_row again = { .id = 1, .last_ns = NOW + SECOND, .count = 3, .severity = ALERT_CRITICAL };
        assert_int_equal(alert_store_repeat(store, &again, &err), 0);
        assert_non_null(strstr(get(1), "\"last\":\"2026-11-18T11:06:41Z\",\"count\":3,\"severity\":\"critical\""));
        assert_int_equal(alert_store_acknowledge(store, 1, NOW, "ann", "seen", &changed, &err), 0);
        assert_true(changed);
        assert_non_null(strstr(
                get(1), "\"acknowledged\":{\"time\":\"2026-11-18T11:06:40Z\",\"by\":\"ann\",\"comment\":\"seen\"}"));
        assert_int_equal(alert_store_acknowledge(store, 1, NOW + 1, "bob", "too", &changed, &err), 0);
        assert_false(changed); /* who was first stays */
        assert_non_null(strstr(get(1), "\"by\":\"ann\""));
        assert_int_equal(alert_store_reopen(store, 1, &changed, &err), 0);
        assert_true(changed && !strstr(get(1), "acknowledged"));
        assert_int_equal(alert_store_reopen(store, 1, &changed, &err), 0);
        assert_false(changed);
        assert_int_equal(alert_store_acknowledge(store, 2, NOW, "ann", "", &changed, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(alert_store_reopen(store, 2, &changed, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

static void lists_go_both_ways(void **state)
{
        (void)state;
        int64_t ids[20] = { 0 };
        for (int i = 0; i < 10; i++)
                insert("x", NOW + i * SECOND);
        assert_int_equal(alert_store_scan(store, 0, false, 3, count, ids, &err), 3);
        assert_int_equal(ids[1], 10);
        ids[0] = 0;
        assert_int_equal(alert_store_scan(store, 8, false, 100, count, ids, &err), 7);
        assert_int_equal(ids[1], 7);
        ids[0] = 0;
        assert_int_equal(alert_store_scan(store, 8, true, 100, count, ids, &err), 2);
        assert_int_equal(ids[1], 9);
        ids[0] = 0;
        assert_int_equal(alert_store_recent(store, NOW + 7 * SECOND, 100, count, ids, &err), 3);
        assert_int_equal(ids[1], 8);
}

static void a_transaction_happens_or_not(void **state)
{
        (void)state;
        struct alert_id taken;
        assert_int_equal(alert_store_begin(store, &err), 0);
        insert("not", NOW);
        assert_int_equal(alert_store_set_taken(store, &(struct alert_id){ 7, 8 }, &err), 0);
        alert_store_rollback(store);
        assert_string_equal(get(1), "");
        assert_int_equal(alert_store_taken(store, &taken, &err), 0);
        assert_int_equal(taken.number, 0);
        assert_int_equal(alert_store_begin(store, &err), 0);
        insert("there", NOW);
        assert_int_equal(alert_store_set_taken(store, &(struct alert_id){ UINT64_MAX - 1, 8 }, &err), 0);
        assert_int_equal(alert_store_commit(store, &err), 0);
        alert_store_close(store);
        open_store(&usual);
        assert_non_null(strstr(get(1), "there"));
        assert_int_equal(alert_store_taken(store, &taken, &err), 0);
        assert_true(taken.sender == UINT64_MAX - 1 && taken.number == 8);
}

/* ---- mutes and counts ---- */

static bool last_mute(const struct alert_mute *mute, void *cookie)
{
        struct buf *out = cookie;
        buf_printf(out, "%lld %s/%s/%s %d %s:%s %lld%s ", (long long)mute->id, mute->module, mute->rule,
                mute->container, mute->severity, mute->by, mute->comment, (long long)mute->count,
                mute->ended_ns ? mute->ended_by : "");
        return true;
}

static void mutes(void **state)
{
        (void)state;
        int64_t id;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 4096);
        struct alert_mute mute = { .module = "m",
                .rule = "r*",
                .container = "",
                .severity = ALERT_HIGH,
                .created_ns = NOW,
                .until_ns = NOW + HOUR,
                .by = "ann",
                .comment = "why" };
        assert_int_equal(alert_store_add_mute(store, &mute, &id, &err), 0);
        assert_int_equal(alert_store_count_mute(store, id, 5, &err), 0);
        assert_int_equal(alert_store_mutes(store, last_mute, &out, &err), 0);
        assert_string_equal(buf_text(&out), "1 m/r*/ 2 ann:why 5 ");
        assert_int_equal(alert_store_end_mute(store, 1, NOW + 2 * HOUR, "bob", &err), -1); /* over by itself */
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(alert_store_end_mute(store, 1, NOW + MINUTE, "bob", &err), 0);
        assert_int_equal(alert_store_end_mute(store, 1, NOW + MINUTE, "eve", &err), -1);
        buf_clear(&out);
        alert_store_mutes(store, last_mute, &out, &err);
        assert_string_equal(buf_text(&out), "1 m/r*/ 2 ann:why 5bob ");
}

struct bins {
        int count;
        int64_t first_ns;
        uint64_t high[100];
};

static bool take_bin(int64_t start_ns, const uint64_t counts[ALERT_SEVERITIES], void *cookie)
{
        struct bins *bins = cookie;
        if (bins->count == 0)
                bins->first_ns = start_ns;
        bins->high[bins->count++] = counts[ALERT_HIGH];
        return true;
}

static void a_mute_of_what_is_there(void **state)
{
        (void)state;
        bool changed;
        struct alert_ids ids = { 0 };
        int64_t open = insert("open", NOW), seen = insert("seen", NOW);
        struct alert_row other = some("of another rule", NOW);
        int64_t another;
        other.rule = "s";
        assert_int_equal(alert_store_insert(store, &other, &another, &err), 0);
        assert_int_equal(alert_store_acknowledge(store, seen, NOW, "ann", "", &changed, &err), 0);
        struct alert_mute mute = { .module = "watch",
                .rule = "r*",
                .container = "",
                .severity = ALERT_MEDIUM,
                .created_ns = NOW,
                .until_ns = NOW + HOUR,
                .by = "ann",
                .comment = "" };
        assert_int_equal(alert_store_add_mute(store, &mute, &mute.id, &err), 0);
        assert_int_equal(alert_store_mute_existing(store, &mute, &ids, &err), 0);
        assert_int_equal(ids.count, 0); /* they are worse than that */
        mute.severity = ALERT_CRITICAL;
        assert_int_equal(alert_store_mute_existing(store, &mute, &ids, &err), 0);
        assert_int_equal(ids.count, 1);
        assert_int_equal(ids.items[0], open);
        vec_done(&ids);
        assert_non_null(strstr(get(open), "\"state\":\"muted\""));
        assert_non_null(strstr(get(seen), "\"state\":\"acknowledged\""));
        assert_non_null(strstr(get(another), "\"state\":\"open\""));
        cleanup(buf_done) struct buf out;
        buf_init(&out, 4096);
        assert_int_equal(alert_store_mutes(store, last_mute, &out, &err), 0);
        assert_string_equal(buf_text(&out), "1 watch/r*/ 1 ann: 1 ");
}

static void counts(void **state)
{
        (void)state;
        struct bins bins = { 0 };
        struct alert_counts counted;
        const int64_t minute = NOW / MINUTE;
        insert("open", NOW);
        assert_int_equal(alert_store_count_minute(store, minute, ALERT_HIGH, false, 3, &err), 0);
        assert_int_equal(alert_store_count_minute(store, minute, ALERT_HIGH, false, 4, &err), 0);
        assert_int_equal(alert_store_count_minute(store, minute, ALERT_HIGH, true, 9, &err), 0);
        assert_int_equal(alert_store_count_minute(store, minute - 11, ALERT_LOW, false, 1, &err), 0);
        assert_int_equal(alert_store_count_minute(store, minute - 25, ALERT_HIGH, false, 2, &err), 0);
        assert_int_equal(
                alert_store_counts(store, NOW - 30 * MINUTE, NOW, 10 * MINUTE, &counted, take_bin, &bins, &err), 0);
        assert_int_equal(counted.open[ALERT_HIGH], 1);
        assert_int_equal(counted.total[ALERT_HIGH], 9);
        assert_int_equal(counted.total[ALERT_LOW], 1);
        assert_int_equal(counted.muted[ALERT_HIGH], 9);
        assert_true(bins.count == 4);
        assert_int_equal(bins.first_ns % (10 * MINUTE), 0);
        uint64_t sum = 0;
        for (int i = 0; i < bins.count; i++)
                sum += bins.high[i];
        assert_int_equal(sum, 9);
        assert_int_equal(bins.high[3], 7);
}

/* ---- limits ---- */

static void what_is_too_old_goes(void **state)
{
        (void)state;
        uint64_t removed = 0;
        for (int i = 0; i < 600; i++)
                insert("old", NOW - 31 * DAY);
        insert("new", NOW);
        alert_store_count_minute(store, (NOW - 31 * DAY) / MINUTE, ALERT_LOW, false, 1, &err);
        assert_int_equal(alert_store_trim(store, NOW, &removed, &err), 0);
        assert_int_equal(removed, 600);
        assert_non_null(strstr(get(601), "new"));
        struct alert_counts counted;
        alert_store_counts(store, NOW - 40 * DAY, NOW, DAY, &counted, NULL, NULL, &err);
        assert_int_equal(counted.total[ALERT_LOW], 0);
}

static void the_time_that_is_known(void **state)
{
        (void)state;
        int64_t known = -1, tried = -1;
        assert_int_equal(alert_store_age(store, &known, &tried, &err), 0);
        assert_int_equal(known, 0);
        assert_int_equal(tried, 0);
        insert("first", NOW);
        assert_int_equal(alert_store_age(store, &known, &tried, &err), 0);
        assert_int_equal(known, NOW); /* of a store that noted none */
        assert_int_equal(alert_store_set_age(store, NOW + DAY, HOUR, &err), 0);
        alert_store_close(store);
        open_store(&usual);
        insert("of a wrong clock", NOW + 5000 * DAY);
        assert_int_equal(alert_store_age(store, &known, &tried, &err), 0);
        assert_int_equal(known, NOW + DAY);
        assert_int_equal(tried, HOUR);
}

static void the_first_since_a_time(void **state)
{
        (void)state;
        int64_t id;
        assert_int_equal(alert_store_first_since(store, 0, &id, &err), 0);
        assert_int_equal(id, INT64_MAX);
        insert("old", NOW - DAY);
        const int64_t first = insert("first", NOW);
        insert("of a clock that was behind", 5 * SECOND);
        insert("last", NOW + HOUR);
        assert_int_equal(alert_store_first_since(store, NOW, &id, &err), 0);
        assert_int_equal(id, first);
}

static void what_is_too_much_goes(void **state)
{
        (void)state;
        uint64_t removed = 0;
        const struct alert_limits small = { 1 * MIB, 30 * DAY };
        char *long_text = malloc(8 << 10);
        memset(long_text, 'x', 8 << 10);
        long_text[0] = long_text[(8 << 10) - 2] = '"';
        long_text[(8 << 10) - 1] = '\0';
        alert_store_set_limits(store, &small);
        for (int i = 0; i < 1000; i++) {
                int64_t id;
                struct alert_row row = some("m", NOW + i);
                row.evidence = long_text;
                row.state = i % 2 ? ALERT_MUTED : ALERT_OPEN;
                assert_int_equal(alert_store_begin(store, &err), 0);
                assert_int_equal(alert_store_trim(store, NOW, &removed, &err), 0);
                assert_int_equal(alert_store_insert(store, &row, &id, &err), 0);
                assert_int_equal(id, i + 1); /* numbers are not used again */
                assert_int_equal(alert_store_commit(store, &err), 0);
                assert_true(alert_store_size(store) < 2 * small.retain);
        }
        assert_true(removed > 500);
        assert_string_equal(get(1), "");
        assert_string_not_equal(get(999), "");
        free(long_text);
        struct stat about;
        char path[100];
        snprintf(path, sizeof(path), "%s/alerts.db", directory);
        assert_int_equal(stat(path, &about), 0);
        assert_true(about.st_size < 4 * (off_t)small.retain);
        assert_int_equal(about.st_mode & 0777, 0600);
}

/* RLIMIT_FSIZE stands for a disk without room: what was there stays, and it is written again when there is some. */
static void a_full_disk(void **state)
{
        (void)state;
        struct rlimit before, none;
        int64_t id, lost = 0;
        insert("before", NOW);
        getrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, SIG_IGN);
        none = before;
        none.rlim_cur = 128 << 10;
        setrlimit(RLIMIT_FSIZE, &none);
        struct alert_row row = some("while it is full", NOW);
        for (int i = 0; i < 1000 && !lost; i++) {
                lost = alert_store_insert(store, &row, &id, &err) < 0;
        }
        assert_true(lost);
        assert_true(err.code == E_NO_MEMORY || err.code == E_IO);
        assert_int_equal(alert_store_begin(store, &err) == 0 && alert_store_insert(store, &row, &id, &err) == 0 &&
                                 alert_store_commit(store, &err) == 0,
                0);
        alert_store_rollback(store);
        setrlimit(RLIMIT_FSIZE, &before);
        assert_non_null(strstr(get(1), "before"));
        assert_true(insert("after", NOW) > 1);
        alert_store_close(store);
        open_store(&usual);
        assert_non_null(strstr(get(1), "before"));
}

static void a_damaged_file_is_put_aside(void **state)
{
        (void)state;
        bool damaged;
        char path[100], aside[120];
        struct stat about;
        for (int i = 0; i < 100; i++)
                insert("x", NOW);
        alert_store_close(store);
        snprintf(path, sizeof(path), "%s/alerts.db", directory);
        snprintf(aside, sizeof(aside), "%s.damaged", path);
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "no database at all", 18, 0), 18);
        store = alert_store_open(directory, &usual, &damaged, &err);
        assert_non_null(store);
        assert_true(damaged);
        assert_int_equal(stat(aside, &about), 0);
        assert_int_equal(insert("new", NOW), 1);
}

static void a_file_of_a_later_program_is_left_alone(void **state)
{
        (void)state;
        bool damaged;
        char path[100];
        alert_store_close(store);
        store = NULL;
        snprintf(path, sizeof(path), "%s/alerts.db", directory);
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "\0\0\0\x63", 4, 60), 4); /* user_version, https://www.sqlite.org/fileformat.html */
        assert_null(alert_store_open(directory, &usual, &damaged, &err));
        assert_int_equal(err.code, E_UNSUPPORTED);
}

/* A child writes and says what is on disk; it is killed in the middle. All that it said is there. */
static void kill_9_loses_nothing_that_was_said(void **state)
{
        (void)state;
        int64_t said = 0, got;
        alert_store_close(store);
        for (int turn = 0; turn < 5; turn++) {
                int pipes[2];
                assert_int_equal(pipe(pipes), 0);
                pid_t child = fork();
                if (child == 0) {
                        bool damaged;
                        store = alert_store_open(directory, &usual, &damaged, &err);
                        for (;;) {
                                int64_t id = 0;
                                struct alert_row row = some("said", NOW);
                                if (alert_store_begin(store, &err) < 0)
                                        _exit(1);
                                for (int i = 0; i < 7; i++)
                                        if (alert_store_insert(store, &row, &id, &err) < 0)
                                                _exit(1);
                                if (alert_store_commit(store, &err) < 0 ||
                                        write(pipes[1], &id, sizeof(id)) != sizeof(id))
                                        _exit(1);
                        }
                }
                close(pipes[1]);
                for (int i = 0; i < 10 + turn; i++)
                        assert_int_equal(read(pipes[0], &got, sizeof(got)), sizeof(got));
                kill(child, SIGKILL);
                while (read(pipes[0], &got, sizeof(got)) == sizeof(got))
                        ;
                said = got;
                close(pipes[0]);
                waitpid(child, NULL, 0);
                open_store(&usual);
                for (int64_t id = 1; id <= said; id++)
                        assert_string_not_equal(get(id), "");
                alert_store_close(store);
        }
        open_store(&usual);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_written_is_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(lists_go_both_ways, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_transaction_happens_or_not, set_up, tear_down),
                cmocka_unit_test_setup_teardown(mutes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_mute_of_what_is_there, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_time_that_is_known, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_first_since_a_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(counts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_too_old_goes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_is_too_much_goes, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_full_disk, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_damaged_file_is_put_aside, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_file_of_a_later_program_is_left_alone, set_up, tear_down),
                cmocka_unit_test_setup_teardown(kill_9_loses_nothing_that_was_said, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
