/* JSON to struct by table: every type and container, the texts of errors, strict and lenient reading. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/write.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;
static struct fixture got;

static int read_text(const char *text, unsigned flags, struct error *err)
{
        arena_done(&arena);
        arena_init(&arena, 64 << 20);
        cleanup(json_decref) json_t *value = json_parse(sv_of(text), flags & READ_STRICT, err);
        return value ? record_read(fixture_record, value, &got, &arena, flags, err) : -1;
}

static void taken(const char *text, unsigned flags)
{
        struct error err = { 0 };
        if (read_text(text, flags, &err) < 0)
                fail_msg("%s: %s", text, err.message);
}

static void refused(const char *text, unsigned flags, const char *message)
{
        struct error err = { 0 };
        struct error check = { 0 };
        if (read_text(text, flags, &err) == 0)
                fail_msg("accepted: %s", text);
        assert_string_equal(err.message, message);
        cleanup(json_decref) json_t *value = json_parse(sv_of(text), flags & READ_STRICT, &check);
        if (value) { /* without a struct the verdict is the same */
                assert_int_equal(record_check(fixture_record, value, flags, &check), -1);
                assert_string_equal(check.message, message);
        }
}

static void every_type_is_read(void **state)
{
        (void)state;
        taken("{\"target\":\"h\",\"follow\":true,\"count\":4,\"serial_number\":5,\"ratio\":0.25,\"size\":\"20k\","
              "\"timeout\":\"1m\","
              "\"since\":\"2026-11-21T08:00:00Z\",\"mode\":\"deep\",\"path\":\"/x\",\"network\":\"10.0.0.0/8\","
              "\"ports\":\"1-5, 22\",\"pattern\":\"a+\",\"digest\":\"abCd\",\"extra\":{\"a\":[1]},\"password\":\"p\","
              "\"words\":[\"a\",\"b\"],\"numbers\":[-1,2],\"weights\":[1.5,2],\"modes\":[\"fast\",\"deep\"],"
              "\"hosts\":[\"::1\",\"1.2.3.4\"],\"digests\":[\"00\"],\"labels\":{\"k\":\"v\"},\"groups\":{\"g\":[\"x\","
              "\"y\"],\"e\":[]},"
              "\"limits\":{\"maxtime\":\"2s\",\"maxbytes\":7},\"steps\":[{\"maxbytes\":1}],"
              "\"searches\":{\"s1\":{\"paths\":[\"/\"],\"names\":[\"x\"],\"matchall\":false},\"s2\":{\"paths\":[]}}}",
                READ_STRICT);
        assert_string_equal(got.target, "h");
        assert_true(got.follow);
        assert_int_equal(got.count, 4);
        assert_int_equal(got.serial, 5);
        assert_true(got.ratio == 0.25);
        assert_int_equal(got.size, 20 << 10);
        assert_int_equal(got.timeout_ns, MINUTE);
        assert_int_equal(got.since_ns, 1795248000 * SECOND);
        assert_int_equal(got.mode, 2);
        assert_string_equal(got.path, "/x");
        assert_int_equal(got.network.prefix, 8);
        assert_int_equal(got.network.family, 4);
        assert_int_equal(got.ports.count, 2);
        assert_int_equal(got.ports.ranges[0].last, 5);
        assert_true(port_set_contains(&got.ports, 22) && !port_set_contains(&got.ports, 6));
        assert_string_equal(got.digest, "ABCD"); /* .upper */
        assert_int_equal(json_array_size(json_object_get(got.extra, "a")), 1);
        assert_int_equal(got.words.count, 2);
        assert_int_equal(got.numbers.items[0], -1);
        assert_true(got.weights.items[1] == 2);
        assert_int_equal(got.modes.items[1], 2);
        assert_int_equal(got.hosts.items[0].family, 6);
        assert_string_equal(got.labels.keys[0], "k");
        assert_string_equal(got.groups.items[0].items[1], "y");
        assert_int_equal(got.groups.items[1].count, 0);
        assert_int_equal(got.limits.time_ns, 2 * SECOND);
        assert_int_equal(got.steps.items[0].time_ns, 30 * SECOND); /* defaults inside a list */
        assert_false(got.searches.items[0].match_all);
        assert_true(got.searches.items[1].match_all);
}

static void absent_and_null_are_the_default(void **state)
{
        (void)state;
        const char *texts[] = { "{\"target\":\"h\"}", "{\"target\":\"h\",\"count\":null,\"timeout\":null,\"mode\":null,"
                                                      "\"ports\":null,\"limits\":null,\"words\":null}" };
        for (size_t i = 0; i < 2; i++) {
                taken(texts[i], READ_STRICT);
                assert_int_equal(got.count, 3);
                assert_int_equal(got.timeout_ns, 5 * SECOND);
                assert_int_equal(got.mode, 1);
                assert_int_equal(got.size, 10 << 10);
                assert_int_equal(got.ports.count, 3);
                assert_int_equal(got.limits.time_ns, 30 * SECOND);
                assert_int_equal(got.words.count, 0);
        }
        refused("{\"target\":null}", 0, "target: required");
        refused("{}", 0, "target: required");
        refused("null", 0, "target: required");
        taken("{}", READ_PARTIAL);
        assert_int_equal(got.count, 0);
}

/* A module must never meet a NULL among the texts of a list. */
static void null_items_are_zero_values(void **state)
{
        (void)state;
        taken("{\"target\":\"h\",\"words\":[null,\"b\"],\"numbers\":[null],\"labels\":{\"k\":null},\"groups\":{\"g\":["
              "null],\"n\":null},"
              "\"steps\":[null]}",
                0);
        assert_string_equal(got.words.items[0], "");
        assert_int_equal(got.numbers.items[0], 0);
        assert_string_equal(got.labels.items[0], "");
        assert_string_equal(got.groups.items[0].items[0], "");
        assert_int_equal(got.groups.items[1].count, 0);
        assert_int_equal(got.steps.items[0].time_ns, 30 * SECOND);
        refused("{\"target\":\"h\",\"searches\":{\"s1\":null}}", 0, "searches.s1.paths: required");
}

static void errors_name_the_path(void **state)
{
        (void)state;
        static const char *const cases[][2] = {
                { "{\"target\":\"h\",\"searches\":{\"s1\":{\"paths\":[\"/\",5]}}}",
                        "searches.s1.paths[1]: expected a string, found a number" },
                { "{\"target\":\"h\",\"searches\":{\"s1\":{}}}", "searches.s1.paths: required" },
                { "{\"target\":\"h\",\"steps\":[{},{\"maxbytes\":\"x\"}]}",
                        "steps[1].maxbytes: \"x\" is not a size (a number of bytes, or with k, m, g, t)" },
                { "{\"target\":\"h\",\"count\":0}", "count: 0 is out of range: 1 to 100" },
                { "{\"target\":\"h\",\"count\":101}", "count: 101 is out of range: 1 to 100" },
                { "{\"target\":\"h\",\"count\":4294967297}", "count: 4294967297 does not fit into 32 bits" },
                { "{\"target\":\"h\",\"count\":1.5}", "count: 1.5 is not a whole number" },
                { "{\"target\":\"h\",\"serial_number\":-1}", "serial_number: -1 is negative" },
                { "{\"target\":\"h\",\"ratio\":1.01}", "ratio: 1.01 is out of range: 0 to 1" },
                { "{\"target\":\"h\",\"timeout\":\"soon\"}",
                        "timeout: \"soon\" is not a duration (such as 500ms, 1m30s, 2h)" },
                { "{\"target\":\"h\",\"limits\":{\"maxtime\":\"2h\"}}",
                        "limits.maxtime: 2h0m0s is out of range: 1s to 1h0m0s" },
                { "{\"target\":\"h\",\"since\":\"today\"}",
                        "since: \"today\" is not a time (such as 2026-11-21T08:00:00Z)" },
                { "{\"target\":\"h\",\"mode\":\"slow\"}", "mode: \"slow\" is none of fast, full, deep" },
                { "{\"target\":\"h\",\"network\":\"10.0.0.0/33\"}",
                        "network: \"10.0.0.0/33\" is neither an IP address nor a network in CIDR form" },
                { "{\"target\":\"h\",\"ports\":\"80,x\"}", "ports: \"x\" is not a port" },
                { "{\"target\":\"h\",\"ports\":\"9-2\"}", "ports: \"9-2\" is out of range: 0 to 65535" },
                { "{\"target\":\"h\",\"ports\":70000}", "ports: \"70000\" is out of range: 0 to 65535" },
                { "{\"target\":\"h\",\"digest\":\"abc\"}", "digest: \"abc\" has an odd number of digits" },
                { "{\"target\":\"h\",\"digest\":\"zz\"}", "digest: \"zz\" is not hexadecimal" },
                { "{\"target\":\"\"}", "target: empty, at least 1 bytes are needed" },
                { "{\"target\":\"h\",\"words\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}",
                        "words: 6 items are too many, at most 5 are allowed" },
                { "{\"target\":\"h\",\"words\":\"one\"}", "words: expected a list, found a string" },
                { "{\"target\":\"h\",\"labels\":[]}", "labels: expected an object, found a list" },
                { "{\"target\":\"h\",\"follow\":1}", "follow: expected true or false, found a number" },
                { "{\"target\":\"h\",\"limits\":5}", "limits: expected an object, found a number" },
                { "[]", "expected an object, found a list" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                refused(cases[i][0], READ_STRICT, cases[i][1]);
}

static void strict_and_lenient_differ(void **state)
{
        (void)state;
        refused("{\"target\":\"h\",\"nope\":1}", READ_STRICT, "nope: unknown");
        refused("{\"target\":\"h\",\"limits\":{\"maxTime\":1}}", READ_STRICT, "limits.maxTime: unknown");
        refused("{\"Target\":\"h\"}", READ_STRICT, "Target: unknown");
        struct error err;
        assert_int_equal(read_text("{\"target\":\"h\",\"target\":\"i\"}", READ_STRICT, &err), -1);
        assert_non_null(strstr(err.message, "duplicate"));

        taken("{\"TARGET\":\"h\",\"Count\":7,\"nope\":{\"deep\":[1]},\"Limits\":{\"MAXTIME\":\"3s\"}}", 0);
        assert_string_equal(got.target, "h");
        assert_int_equal(got.count, 7);
        assert_int_equal(got.limits.time_ns, 3 * SECOND);
        taken("{\"target\":\"h\",\"count\":1,\"count\":2}", 0);
        assert_int_equal(got.count, 2);
        taken("{\"target\":\"h\",\"count\":1,\"COUNT\":2}", 0); /* Go: the last in the text */
        assert_int_equal(got.count, 2);
        taken("{\"target\":\"h\",\"count\":5.9}", 0); /* a fraction is cut off */
        assert_int_equal(got.count, 5);
        taken("{\"target\":\"h\",\"timeout\":1500}", 0); /* a number of .unit */
        assert_int_equal(got.timeout_ns, 1500 * MILLISECOND);
        refused("{\"target\":\"h\",\"timeout\":1e300}", 0, "timeout: 1e+300 is too long a time");
}

struct optional {
        int count;
        bool has_count;
        struct string_list words;
        MAP(char *) map;
};

static void has_tells_presence(void **state)
{
        (void)state;
        static const struct field fields[] = { FIELD_INT(
                struct optional, count, .help = "x", .has = HAS(struct optional, has_count)) };
        static const char *const texts[] = { "{}", "{\"count\":null}", "{\"count\":0}" };
        for (size_t i = 0; i < 3; i++) {
                struct optional value;
                struct error err;
                cleanup(json_decref) json_t *json = json_parse(sv_of(texts[i]), true, &err);
                assert_int_equal(
                        record_read(RECORD(struct optional, fields), json, &value, &arena, READ_STRICT, &err), 0);
                assert_int_equal(value.has_count, i == 2);
        }
}

/* Defaults of lists: every item counts, a long one is not cut, a bad one is an error and no silence. */
static void list_defaults_are_whole(void **state)
{
        (void)state;
        static char text[1024];
        memset(text, 'a', 600);
        snprintf(text + 600, sizeof(text) - 600, ",b");
        const struct field words[] = { FIELD_STRINGS(struct optional, words, .help = "x", .def = text) };
        const struct field numbers[] = { { .name = "n",
                .type = FIELD_TYPE_INT,
                .container = FIELD_LIST,
                .def = "1,x,3",
                .item_size = sizeof(int) } };
        const struct field map[] = { FIELD_STRING_MAP(struct optional, map, .help = "x", .def = "a=b") };
        struct optional value;
        struct error err;
        cleanup(json_decref) json_t *empty = json_object();
        assert_int_equal(record_read(RECORD(struct optional, words), empty, &value, &arena, 0, &err), 0);
        assert_int_equal(value.words.count, 2);
        assert_int_equal(strlen(value.words.items[0]), 600);
        assert_int_equal(record_check(RECORD(struct optional, numbers), empty, 0, &err), -1);
        assert_string_equal(err.message, "n: default \"1,x,3\": \"x\" is not a whole number");
        assert_int_equal(record_read(RECORD(struct optional, map), empty, &value, &arena, 0, &err), -1);
        assert_string_equal(err.message, "map: a map has no default");
}

static int no_bombs(const char *pattern, struct error *err)
{
        if (strcmp(pattern, "(") == 0)
                return error_set(err, E_INVALID, 0, __FILE__, __LINE__, "error parsing regexp: missing closing ): `(`");
        return 0;
}

static void patterns_are_checked_where_the_engine_is(void **state)
{
        (void)state;
        taken("{\"target\":\"h\",\"pattern\":\"(\"}", 0);
        schema_regex_check = no_bombs;
        refused("{\"target\":\"h\",\"searches\":{\"s\":{\"paths\":[],\"names\":[\"a\",\"(\"]}}}", 0,
                "searches.s.names[1]: error parsing regexp: missing closing ): `(`");
        schema_regex_check = NULL;
}

/* A million keys: refused by their number, or ignored, in bounded memory. */
static void a_million_keys_are_bounded(void **state)
{
        (void)state;
        struct buf text;
        struct error err;
        buf_init(&text, JSON_MESSAGE_MAX);
        buf_puts(&text, "{\"target\":\"h\",\"labels\":{");
        for (int i = 0; i < 400000; i++)
                buf_printf(&text, "%s\"k%d\":\"\"", i ? "," : "", i);
        buf_puts(&text, "}}");
        assert_false(text.failed);
        assert_int_equal(read_text(buf_text(&text), 0, &err), -1);
        assert_string_equal(err.message, "labels: 400000 items are too many, at most 100000 are allowed");
        buf_clear(&text);
        buf_puts(&text, "{");
        for (int i = 0; i < 600000; i++)
                buf_printf(&text, "\"k%d\":1,", i);
        buf_puts(&text, "\"target\":\"h\"}");
        assert_false(text.failed);
        taken(buf_text(&text), 0);
        assert_true(arena.used < 4096);
        buf_done(&text);
}

static void memory_is_bounded(void **state)
{
        (void)state;
        struct arena small;
        struct error err;
        arena_init(&small, 200);
        cleanup(json_decref) json_t *value = json_parse(SV("{\"target\":\"0123456789\",\"words\":[\"a\",\"b\",\"c\"],"
                                                           "\"labels\":{\"a\":\"b\"},\"ports\":\"1,2,3\"}"),
                true, &err);
        for (size_t limit = 0; limit < 200; limit++) { /* whichever allocation is refused, it is told */
                arena_done(&small);
                arena_init(&small, limit);
                if (record_read(fixture_record, value, &got, &small, 0, &err) < 0)
                        assert_int_equal(err.code, E_NO_MEMORY);
        }
        arena_done(&small);
}

static int end(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_type_is_read),
                cmocka_unit_test(absent_and_null_are_the_default),
                cmocka_unit_test(null_items_are_zero_values),
                cmocka_unit_test(errors_name_the_path),
                cmocka_unit_test(strict_and_lenient_differ),
                cmocka_unit_test(has_tells_presence),
                cmocka_unit_test(list_defaults_are_whole),
                cmocka_unit_test(patterns_are_checked_where_the_engine_is),
                cmocka_unit_test(a_million_keys_are_bounded),
                cmocka_unit_test(memory_is_bounded),
        };
        return cmocka_run_group_tests_name("schema_read", tests, NULL, end);
}
