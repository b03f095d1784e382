#include "base/cleanup.h"
#include "schema/describe.h"
#include "schema/flags.h"
#include "schema/json.h"
#include "schema/write.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { MEMORY = 16 << 20 };

static json_t *describe(const struct record *record)
{
        struct buf text;
        struct json_writer writer;
        struct error err;
        buf_init(&text, 1 << 20);
        json_writer_init(&writer, &text, 0);
        record_describe(&writer, record);
        assert_false(text.failed);
        json_t *value = json_parse(sv_n(text.data, text.len), true, &err);
        if (!value)
                fail_msg("%s: %s", err.message, text.data);
        buf_done(&text);
        return value;
}

static void same_text(const char *a, const char *b, const char *field, const char *what)
{
        if ((a == NULL) != (b == NULL) || (a && strcmp(a, b) != 0))
                fail_msg("%s: %s is %s, was %s", field, what, b ? b : "NULL", a ? a : "NULL");
}

static void same_record(const struct record *a, const struct record *b)
{
        assert_int_equal(a->count, b->count);
        for (size_t i = 0; i < a->count; i++) {
                const struct field *x = &a->fields[i], *y = &b->fields[i];
#define SAME_TEXT(m) same_text(x->m, y->m, x->name, #m)
#define SAME(m)                                                                                                        \
        if (x->m != y->m)                                                                                              \
        fail_msg("%s: %s differs", x->name, #m)
                SAME_TEXT(name);
                SAME_TEXT(json);
                SAME_TEXT(option);
                SAME_TEXT(alias);
                SAME_TEXT(negative_option);
                SAME_TEXT(metavar);
                SAME_TEXT(help);
                SAME_TEXT(since);
                SAME_TEXT(def);
                SAME_TEXT(cli_def);
                SAME_TEXT(entry);
                SAME_TEXT(entry_option);
                SAME_TEXT(pattern);
                SAME(type);
                SAME(container);
                SAME(flag);
                SAME(min);
                SAME(max);
                SAME(unit);
                SAME(max_items);
                SAME(max_length);
                SAME(min_length);
                SAME(required);
                SAME(positional);
                SAME(private_);
                SAME(secret);
                SAME(omit_empty);
                SAME(null_empty);
                SAME(upper);
                SAME(as_number);
                for (size_t n = 0; x->names && (x->names[n] || y->names[n]); n++)
                        same_text(x->names[n], y->names[n], x->name, "values");
                if (x->type == FIELD_TYPE_RECORD)
                        same_record(x->record, y->record);
        }
}

static void every_attribute_survives(void **state)
{
        (void)state;
        static const char *const words[] = { "one", "two", NULL };
        static const struct record limits = { .fields = fixture_limits_fields, .count = 3 };
        static const struct field fields[] = {
                { .name = "b",
                        .type = FIELD_TYPE_BOOL,
                        .alias = "bb",
                        .negative_option = "notb",
                        .flag = 'b',
                        .option = "",
                        .def = "true",
                        .cli_def = "false",
                        .help = "a b",
                        .since = "0.1" },
                { .name = "d",
                        .json = "dd",
                        .type = FIELD_TYPE_DURATION,
                        .min = -5,
                        .max = 90 * MINUTE + 1,
                        .unit = MILLISECOND,
                        .as_number = true,
                        .metavar = "HH:MM" },
                { .name = "low",
                        .type = FIELD_TYPE_INT,
                        .min = 5,
                        .max = INT64_MAX,
                        .required = true,
                        .positional = true },
                { .name = "high",
                        .type = FIELD_TYPE_SIZE,
                        .max = 10,
                        .private_ = true,
                        .secret = true,
                        .omit_empty = true,
                        .null_empty = true },
                { .name = "h",
                        .type = FIELD_TYPE_HEX,
                        .upper = true,
                        .max_length = 10,
                        .pattern = "^\\d+$",
                        .def = "" },
                { .name = "e",
                        .type = FIELD_TYPE_ENUM,
                        .names = words,
                        .container = FIELD_LIST,
                        .def = "one,two",
                        .max_items = 7 },
                { .name = "s", .type = FIELD_TYPE_STRING, .container = FIELD_MAP_OF_LISTS, .min_length = 2 },
                { .name = "m",
                        .type = FIELD_TYPE_RECORD,
                        .container = FIELD_MAP,
                        .entry = "s 1",
                        .entry_option = "more",
                        .record = &limits },
        };
        const struct record *const records[] = { fixture_record,
                &(const struct record){ .fields = fields, .count = sizeof(fields) / sizeof(fields[0]) } };
        for (size_t i = 0; i < 2; i++) {
                cleanup(json_decref) json_t *description = describe(records[i]);
                cleanup(arena_done) struct arena arena;
                struct error err;
                arena_init(&arena, MEMORY);
                const struct record *loaded = record_load(description, &arena, &err);
                if (!loaded)
                        fail_msg("%s", err.message);
                assert_int_equal(loaded->size, 0);
                same_record(records[i], loaded);
                cleanup(json_decref) json_t *again = describe(loaded);
                assert_true(json_equal(description, again));
        }
}

static const char by_hand[] =
        "{\"fields\":[{\"name\":\"user\",\"type\":\"string\",\"help\":\"whose\",\"required\":true},"
        "{\"name\":\"paths\",\"type\":\"path\",\"container\":\"list\"},"
        "{\"name\":\"n\",\"type\":\"int\",\"default\":3,\"min\":1},"
        "{\"name\":\"w\",\"type\":\"duration\",\"min\":\"1s\",\"max\":\"1h\",\"unit\":\"1ms\"},"
        "{\"name\":\"z\",\"type\":\"size\",\"max\":\"10k\"},"
        "{\"name\":\"opts\",\"type\":\"record\",\"fields\":[{\"name\":\"deep\",\"type\":\"bool\"}]}]}";

static void a_description_by_hand_serves(void **state)
{
        (void)state;
        struct error err;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MEMORY);
        cleanup(json_decref) json_t *description = json_parse(sv_of(by_hand), true, &err);
        const struct record *record = record_load(description, &arena, &err);
        assert_non_null(record);
        assert_int_equal(record->count, 6);
        assert_string_equal(record->fields[2].def, "3");
        assert_int_equal(record->fields[3].max, HOUR);
        assert_int_equal(record->fields[3].unit, MILLISECOND);
        assert_int_equal(record->fields[4].max, 10240);
        assert_int_equal(record_check_flags(record, &err), 0);

        char *argv[] = { (char[]){ "--user" }, (char[]){ "root" }, (char[]){ "--paths=/a" }, (char[]){ "--paths" },
                (char[]){ "/b" }, (char[]){ "--deep" } };
        cleanup(json_decref) json_t *given = flags_parse(record, 6, argv, &err);
        assert_non_null(given);
        assert_int_equal(record_check(record, given, READ_STRICT, &err), 0);
        cleanup(json_decref) json_t *none = json_object();
        assert_int_equal(record_check(record, none, READ_STRICT, &err), -1);
        assert_non_null(strstr(err.message, "user: required"));
        json_object_set_new(none, "user", json_string("root"));
        json_object_set_new(none, "w", json_string("2h"));
        assert_int_equal(record_check(record, none, READ_STRICT, &err), -1);
}

static void refused(const char *text, const char *expected)
{
        struct error err = { 0 };
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MEMORY);
        cleanup(json_decref) json_t *description = json_parse(sv_of(text), false, &err);
        assert_non_null(description);
        if (record_load(description, &arena, &err))
                fail_msg("accepted: %s", text);
        if (!strstr(err.message, expected))
                fail_msg("%s: \"%s\" lacks \"%s\"", text, err.message, expected);
}

#define ONE(rest) "{\"fields\":[{\"name\":\"a\"," rest "}]}"

static void mistakes_are_named(void **state)
{
        (void)state;
        refused("[]", "must be an object");
        refused("{}", "fields: required");
        refused("{\"fields\":[{\"name\":\"a\"}]}", "fields[0].type");
        refused("{\"fields\":[{\"type\":\"int\"}]}", "fields[0].name");
        refused("{\"fields\":[{\"name\":\"1a\",\"type\":\"int\"}]}", "fields[0].name");
        refused("{\"fields\":[{\"name\":\"a b\",\"type\":\"int\"}]}", "fields[0].name");
        refused("{\"fields\":[{\"name\":null,\"type\":\"int\"}]}", "fields[0].name");
        refused("{\"fields\":[null]}", "fields[0]");
        refused(ONE("\"type\":\"integer\""), "fields[0].type");
        refused(ONE("\"type\":\"int\",\"colour\":1"), "colour");
        refused(ONE("\"type\":\"int\",\"container\":\"set\""), "container");
        refused(ONE("\"type\":\"int\",\"help\":\"a\\nb\""), "help");
        refused(ONE("\"type\":\"int\",\"help\":\"a\\u001b[31m\""), "help");
        refused(ONE("\"type\":\"int\",\"help\":\"\\u202egnp\""), "help");
        refused(ONE("\"type\":\"int\",\"flag\":\"xy\""), "flag");
        refused(ONE("\"type\":\"int\",\"flag\":\"-\""), "flag");
        refused(ONE("\"type\":\"int\",\"default\":\"x\""), "default");
        refused(ONE("\"type\":\"int\",\"default\":7,\"max\":5"), "default");
        refused(ONE("\"type\":\"duration\",\"default\":\"soon\""), "default");
        refused(ONE("\"type\":\"int\",\"default\":7,\"required\":true"), "required");
        refused(ONE("\"type\":\"int\",\"min\":5,\"max\":5"), "min must be below max");
        refused(ONE("\"type\":\"int\",\"min\":\"1s\""), "min");
        refused(ONE("\"type\":\"string\",\"min\":1"), "min");
        refused(ONE("\"type\":\"int\",\"min\":1e300"), "min");
        refused(ONE("\"type\":\"int\",\"unit\":\"1s\""), "unit");
        refused(ONE("\"type\":\"duration\",\"unit\":0"), "unit");
        refused(ONE("\"type\":\"enum\""), "values");
        refused(ONE("\"type\":\"enum\",\"values\":[\"a\",\"a\"]"), "values");
        refused(ONE("\"type\":\"enum\",\"values\":[null]"), "values");
        refused(ONE("\"type\":\"int\",\"values\":[\"a\"]"), "values");
        refused(ONE("\"type\":\"record\""), "fields");
        refused(ONE("\"type\":\"int\",\"fields\":[{\"name\":\"b\",\"type\":\"int\"}]"), "fields");
        refused(ONE("\"type\":\"record\",\"fields\":[{\"name\":\"b\",\"type\":\"int\",\"help\":7}]"),
                "fields[0].fields[0].help");
        refused(ONE("\"type\":\"record\",\"fields\":[{\"name\":\"b\",\"type\":\"int\",\"upper\":true}]"),
                "fields[0].fields[0].upper");
        refused(ONE("\"type\":\"int\",\"negative_option\":\"x\""), "negative_option");
        refused(ONE("\"type\":\"int\",\"entry\":\"x\""), "entry");
        refused(ONE("\"type\":\"any\",\"positional\":true"), "positional");
        refused(ONE("\"type\":\"int\",\"max_items\":5"), "max_items");
        refused(ONE("\"type\":\"int\",\"max_length\":-1"), "max_length");
        refused("{\"fields\":[{\"name\":\"a\",\"type\":\"int\"},{\"name\":\"A\",\"type\":\"int\"}]}", "fields[1].name");
}

static void bounds_hold(void **state)
{
        (void)state;
        struct buf text;
        buf_init(&text, 8 << 20);
        for (int i = 0; i < 9; i++)
                buf_puts(&text, "{\"name\":\"a\",\"type\":\"record\",\"fields\":[");
        buf_puts(&text, "{\"name\":\"a\",\"type\":\"int\"}");
        for (int i = 0; i < 9; i++)
                buf_puts(&text, "]}");
        char *deep = text.data;
        struct buf whole;
        buf_init(&whole, 8 << 20);
        buf_printf(&whole, "{\"fields\":[%s]}", deep);
        refused(whole.data, "deep");
        buf_done(&text);

        buf_clear(&whole);
        buf_puts(&whole, "{\"fields\":[");
        for (int i = 0; i < 1001; i++)
                buf_printf(&whole, "%s{\"name\":\"f%d\",\"type\":\"int\"}", i ? "," : "", i);
        buf_puts(&whole, "]}");
        refused(whole.data, "more than 1000");

        buf_clear(&whole);
        buf_printf(&whole, "{\"fields\":[{\"name\":\"a\",\"type\":\"int\",\"help\":\"%01001d\"}]}", 0);
        refused(whole.data, "fields[0].help");
        buf_clear(&whole);
        buf_printf(&whole, "{\"fields\":[{\"name\":\"a%064d\",\"type\":\"int\"}]}", 0);
        refused(whole.data, "fields[0].name");
        buf_done(&whole);

        struct error err;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 200);
        cleanup(json_decref) json_t *description = json_parse(sv_of(by_hand), true, &err);
        assert_null(record_load(description, &arena, &err));
        assert_int_equal(err.code, E_NO_MEMORY);
}

static void flags_must_differ(void **state)
{
        (void)state;
        struct error err;
        static const struct field twice[] = {
                { .name = "a_b", .type = FIELD_TYPE_INT },
                { .name = "c", .option = "a-b", .type = FIELD_TYPE_INT },
        };
        static const struct field letter[] = {
                { .name = "a", .flag = 'x', .type = FIELD_TYPE_INT },
                { .name = "b", .flag = 'x', .type = FIELD_TYPE_INT },
        };
        assert_int_equal(record_check_flags(fixture_record, &err), 0);
        assert_int_equal(record_check_flags(&(struct record){ .fields = twice, .count = 2 }, &err), -1);
        assert_int_equal(err.code, E_EXISTS);
        assert_int_equal(record_check_flags(&(struct record){ .fields = letter, .count = 2 }, &err), -1);
        assert_non_null(strstr(err.message, "-x"));
}

static void a_record_within_itself_ends(void **state)
{
        (void)state;
        static struct field fields[1];
        static struct record record = { .fields = fields, .count = 1 };
        fields[0] = (struct field){
                .name = "child", .type = FIELD_TYPE_RECORD, .container = FIELD_LIST, .record = &record
        };
        struct error err;
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, MEMORY);
        cleanup(json_decref) json_t *description = describe(&record);
        assert_non_null(record_load(description, &arena, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_attribute_survives),
                cmocka_unit_test(a_description_by_hand_serves),
                cmocka_unit_test(mistakes_are_named),
                cmocka_unit_test(bounds_hold),
                cmocka_unit_test(flags_must_differ),
                cmocka_unit_test(a_record_within_itself_ends),
        };
        return cmocka_run_group_tests_name("schema_describe", tests, NULL, NULL);
}
