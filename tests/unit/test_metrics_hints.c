/* --container_hints: what is read of the file, and what is said of a bad one. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "modules/metrics/collect/hints.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct arena arena;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, HINTS_MEMORY);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

static struct container_hints parse(const char *text)
{
        struct container_hints hints;
        struct error err;
        if (hints_parse(sv_of(text), &arena, &hints, &err) < 0)
                fail_msg("%s", err.message);
        return hints;
}

static void mounts_of_a_group(void **state)
{
        (void)state;
        struct container_hints hints = parse("{\"name\": \"x\", \"all_hosts\": [{\"full_path\": \"/web\", "
                                             "\"network_interface\": {\"veth_child\": \"eth1\", "
                                             "\"veth_host\": \"veth24031eth1\"}, \"mounts\": [{\"host_dir\": \"/srv\", "
                                             "\"container_dir\": \"/data\", "
                                             "\"permission\": \"rw\"}, {\"Host_Dir\": \"/var\"}, {}]}, {\"full_path\": "
                                             "\"/web\"}, {\"full_path\": \"/b\"}]}");
        const struct container_hint *hint = hints_find(&hints, SV("/web"));
        assert_int_equal(hints.count, 3);
        assert_ptr_equal(hint, &hints.items[0]); /* the first of a name */
        assert_int_equal(hint->mount_count, 2);
        assert_string_equal(hint->mounts[0], "/srv");
        assert_string_equal(hint->mounts[1], "/var"); /* keys in any case, as in Go */
        assert_int_equal(hints_find(&hints, SV("/b"))->mount_count, 0);
        assert_null(hints_find(&hints, SV("/w")));
}

static void nothing_is_nothing(void **state)
{
        (void)state;
        struct container_hints hints = parse("{}");
        assert_int_equal(hints.count, 0);
        assert_null(hints_find(&hints, SV("/web")));
        assert_int_equal(parse("{\"all_hosts\": null}").count, 0);
        assert_int_equal(parse("{\"all_hosts\": [{\"mounts\": null, \"network_interface\": null}]}").count, 1);
        assert_int_equal(hints_read(NULL, &arena, &hints, NULL), 0);
        assert_int_equal(hints.count, 0);
        assert_int_equal(hints_read("/nowhere/hints.json", &arena, &hints, NULL), 0);
}

static void a_bad_file_is_refused_with_its_place(void **state)
{
        (void)state;
        static const struct {
                const char *text, *message;
        } rows[] = { { "", "line 1" }, { "[]", "is no object" }, { "{\"all_hosts\": {}}", "all_hosts: is no list" },
                { "{\"all_hosts\": [1]}", "all_hosts[0]: is no object" },
                { "{\"all_hosts\": [{}, {\"full_path\": 1}]}", "all_hosts[1].full_path: is no text" },
                { "{\"all_hosts\": [{\"mounts\": {}}]}", "all_hosts[0].mounts: is no list" },
                { "{\"all_hosts\": [{\"mounts\": [[]]}]}", "all_hosts[0].mounts[0]: is no object" },
                { "{\"all_hosts\": [{\"mounts\": [{\"host_dir\": 1}]}]}", "a directory is no text" },
                { "{\"all_hosts\": [{\"network_interface\": []}]}", "all_hosts[0].network_interface" },
                { "{\"all_hosts\": [\n}", "line 2" } };
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct container_hints hints;
                struct error err;
                assert_int_equal(hints_parse(sv_of(rows[i].text), &arena, &hints, &err), -1);
                if (!strstr(err.message, rows[i].message))
                        fail_msg("%s: %s", rows[i].text, err.message);
        }
}

static void too_many_are_refused(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        struct container_hints hints;
        struct error err;
        buf_init(&text, 1 << 20);
        buf_puts(&text, "{\"all_hosts\": [{}");
        for (int i = 0; i < HINTS_MAX; i++)
                buf_puts(&text, ",{}");
        buf_puts(&text, "]}");
        assert_int_equal(hints_parse(sv_n(text.data, text.len), &arena, &hints, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        buf_clear(&text);
        buf_puts(&text, "{\"all_hosts\": [{\"mounts\": [{}");
        for (int i = 0; i < HINT_MOUNTS_MAX; i++)
                buf_puts(&text, ",{}");
        buf_puts(&text, "]}]}");
        assert_int_equal(hints_parse(sv_n(text.data, text.len), &arena, &hints, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
}

static void files_that_are_none(void **state)
{
        (void)state;
        char directory[] = "/tmp/hints-XXXXXX", path[64];
        struct container_hints hints;
        struct error err;
        assert_non_null(mkdtemp(directory));
        assert_int_equal(hints_read(directory, &arena, &hints, &err), -1);
        assert_non_null(strstr(err.message, "container_hints: /tmp/hints-"));
        snprintf(path, sizeof(path), "%s/fifo", directory);
        assert_int_equal(mkfifo(path, 0600), 0);
        assert_int_equal(hints_read(path, &arena, &hints, &err), -1); /* empty; it does not wait */
        unlink(path);
        rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(mounts_of_a_group, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_is_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(a_bad_file_is_refused_with_its_place, setup, teardown),
                cmocka_unit_test_setup_teardown(too_many_are_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(files_that_are_none, setup, teardown) };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
