/* Saved runs: what is put is there after a restart, what cannot be written changes nothing, a file that cannot be read
 * is not written over. */
#include "agent/saved.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json.h"
#include "schema/json_writer.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static char directory[64];
static char path[128];

static int make_directory(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/saved-XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        snprintf(path, sizeof(path), "%s/saved.json", directory);
        return 0;
}

static int remove_directory(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(directory);
}

static struct saved_store *open_store(void)
{
        struct error err;
        struct saved_store *store = saved_open(path, &err);
        assert_non_null(store);
        return store;
}

static int put(struct saved_store *store, const char *name, const char *json, bool *ret_created, struct error *err)
{
        cleanup(json_decref) json_t *entry = json_parse(sv_of(json), true, err);
        assert_non_null(entry);
        return saved_put(store, name, entry, "token ann", 1763800000 * SECOND + 5, ret_created, err);
}

static void put_good(struct saved_store *store, const char *name, const char *json, bool expected)
{
        struct error err;
        bool created;
        if (put(store, name, json, &created, &err) < 0)
                fail_msg("%s: %s", name, err.message);
        assert_int_equal(created, expected);
}

static void shows(const struct saved_store *store, const char *name, const char *expected)
{
        cleanup(buf_done) struct buf text;
        struct json_writer writer;
        const struct saved *saved = saved_find(store, name);
        assert_non_null(saved);
        buf_init(&text, 64 << 10);
        json_writer_init(&writer, &text, 0);
        saved_write(saved, NULL, &writer);
        assert_string_equal(buf_text(&text), expected);
}

static void test_kept_over_a_restart(void **state)
{
        static const char *const shown =
                "{\"name\":\"b\",\"module\":\"file\",\"parameters\":{\"x\":[1]},\"description\":"
                "\"d\",\"every\":\"5m0s\",\"enabled\":true,\"privacy\":false,\"saved_by\":"
                "\"token ann\",\"saved_at\":\"2025-11-22T08:26:40Z\"}";
        struct stat st;
        (void)state;
        struct saved_store *store = open_store();
        put_good(store, "c", "{\"module\":\"ps\",\"cron\":\"30 3 * * *\",\"enabled\":false}", true);
        put_good(store, "b", "{\"module\":\"ps\"}", true);
        put_good(store, "a", "{\"module\":\"ps\",\"max_time\":\"1m\",\"privacy\":true}", true);
        put_good(store, "b", "{\"module\":\"file\",\"parameters\":{\"x\":[1]},\"description\":\"d\",\"every\":\"5m\"}",
                false);
        shows(store, "b", shown);
        saved_close(store);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);

        store = open_store();
        assert_string_equal(saved_problem(store), "");
        assert_int_equal(saved_count(store), 3);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(saved_at(store, i)->run.name[0], 'a' + (int)i);
        shows(store, "b", shown);
        assert_null(saved_schedule(store, "a")); /* only by hand */
        assert_int_equal(saved_schedule(store, "b")->every_ns, 5 * MINUTE);
        const struct config_schedule *points = saved_schedule(store, "c");
        assert_false(points->enabled);
        assert_int_equal(points->points.hours, 1 << 3);
        assert_true(saved_find(store, "a")->run.privacy);
        assert_null(saved_find(store, "d"));
        saved_close(store);
}

static void test_removed(void **state)
{
        struct error err;
        (void)state;
        struct saved_store *store = open_store();
        put_good(store, "a", "{\"module\":\"ps\"}", true);
        put_good(store, "b", "{\"module\":\"ps\"}", true);
        assert_int_equal(saved_remove(store, "a", &err), 0);
        assert_int_equal(saved_remove(store, "a", &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        saved_close(store);
        store = open_store();
        assert_int_equal(saved_count(store), 1);
        assert_non_null(saved_find(store, "b"));
        saved_close(store);
}

static void test_refused(void **state)
{
        static const struct {
                const char *name, *json, *words;
        } wrong[] = {
                { "a", "{}", "module" },
                { "a", "{\"module\":\"ps\",\"colour\":1}", "colour" },
                { "a", "{\"module\":\"ps\",\"name\":\"b\"}", "name" },
                { "a", "{\"module\":\"ps\",\"saved_by\":\"root\"}", "saved_by" },
                { "a", "{\"module\":\"ps\",\"every\":\"5m\",\"cron\":\"* * * * *\"}", "cron" },
                { "a", "{\"module\":\"ps\",\"cron\":\"61 * * * *\"}", "cron" },
                { "a", "{\"module\":\"ps\",\"every\":\"10ms\"}", "every" },
                { "", "{\"module\":\"ps\"}", "name" },
                { ".a", "{\"module\":\"ps\"}", "name" },
                { "a/b", "{\"module\":\"ps\"}", "name" },
                { "a b", "{\"module\":\"ps\"}", "name" },
                { "a\xc3\xa4", "{\"module\":\"ps\"}", "name" },
                { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "{\"module\":\"ps\"}", "name" },
        };
        struct error err;
        bool created;
        (void)state;
        struct saved_store *store = open_store();
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                assert_int_equal(put(store, wrong[i].name, wrong[i].json, &created, &err), -1);
                assert_int_equal(err.code, E_INVALID);
                if (!strstr(err.message, wrong[i].words))
                        fail_msg("%s: %s", wrong[i].json, err.message);
        }
        assert_int_equal(saved_count(store), 0);
        saved_close(store);
        assert_int_equal(access(path, F_OK), -1);
}

static void test_bounded(void **state)
{
        struct error err;
        bool created;
        char name[16];
        (void)state;
        struct saved_store *store = open_store();
        for (int i = 0; i < SAVED_MAX; i++) {
                snprintf(name, sizeof(name), "n%d", i);
                put_good(store, name, "{\"module\":\"ps\"}", true);
        }
        assert_int_equal(put(store, "more", "{\"module\":\"ps\"}", &created, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        put_good(store, "n7", "{\"module\":\"file\"}", false); /* what is there may change */
        assert_int_equal(saved_count(store), SAVED_MAX);
        saved_close(store);
}

static void test_what_cannot_be_written_changes_nothing(void **state)
{
        struct error err;
        bool created;
        char away[96];
        (void)state;
        struct saved_store *store = open_store();
        put_good(store, "a", "{\"module\":\"ps\"}", true);
        snprintf(away, sizeof(away), "%s.away", directory);
        assert_int_equal(rename(directory, away), 0);
        assert_int_equal(put(store, "a", "{\"module\":\"file\"}", &created, &err), -1);
        assert_int_equal(put(store, "b", "{\"module\":\"file\"}", &created, &err), -1);
        assert_int_equal(saved_remove(store, "a", &err), -1);
        assert_int_equal(saved_count(store), 1);
        assert_string_equal(saved_find(store, "a")->run.module, "ps");
        assert_int_equal(rename(away, directory), 0);
        put_good(store, "b", "{\"module\":\"file\"}", true);
        saved_close(store);
        store = open_store();
        assert_int_equal(saved_count(store), 2);
        saved_close(store);
}

static void test_a_file_that_is_none(void **state)
{
        static const char *const wrong[] = { "", "{", "[]", "{\"version\":2,\"saved\":[]}", "{\"version\":1}",
                "{\"version\":1,\"saved\":[{\"name\":\"a\"}]}",
                "{\"version\":1,\"saved\":[{\"name\":\"/\",\"module\":\"x\"}]}",
                "{\"version\":1,\"saved\":[{\"name\":\"a\",\"module\":\"x\"},{\"name\":\"a\",\"module\":\"x\"}]}" };
        struct error err;
        bool created;
        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                cleanup(buf_done) struct buf text;
                buf_init(&text, 4096);
                assert_int_equal(file_replace(AT_FDCWD, path, wrong[i], strlen(wrong[i]), 0600, &err), 0);
                struct saved_store *store = open_store();
                if (!saved_problem(store)[0])
                        fail_msg("%s was read", wrong[i]);
                assert_int_equal(saved_count(store), 0);
                assert_int_equal(put(store, "a", "{\"module\":\"ps\"}", &created, &err), -1);
                assert_int_equal(err.code, E_UNAVAILABLE);
                assert_int_equal(saved_remove(store, "a", &err), -1);
                assert_int_equal(err.code, E_UNAVAILABLE);
                saved_close(store);
                assert_int_equal(file_read(AT_FDCWD, path, &text, &err), 0);
                assert_string_equal(buf_text(&text), wrong[i]); /* as it was */
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_kept_over_a_restart, make_directory, remove_directory),
                cmocka_unit_test_setup_teardown(test_removed, make_directory, remove_directory),
                cmocka_unit_test_setup_teardown(test_refused, make_directory, remove_directory),
                cmocka_unit_test_setup_teardown(test_bounded, make_directory, remove_directory),
                cmocka_unit_test_setup_teardown(
                        test_what_cannot_be_written_changes_nothing, make_directory, remove_directory),
                cmocka_unit_test_setup_teardown(test_a_file_that_is_none, make_directory, remove_directory),
        };
        return cmocka_run_group_tests_name("agent_saved", tests, NULL, NULL);
}
