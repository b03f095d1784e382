#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/yaml.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

#include <cmocka.h>

static void means(const char *yaml, const char *json)
{
        struct error err = { 0 };
        cleanup(json_decref) json_t *value = yaml_parse(sv_of(yaml), true, &err);
        cleanup(json_decref) json_t *expected = json_parse(sv_of(json), true, NULL);
        assert_non_null(expected);
        if (!value)
                fail_msg("%s: %s", yaml, err.message);
        if (!json_equal(value, expected)) {
                char *text = json_dumps(value, JSON_ENCODE_ANY);
                fail_msg("%s is %s, not %s", yaml, text, json);
        }
}

static void refused(const char *yaml, const char *expected)
{
        struct error err = { 0 };
        cleanup(json_decref) json_t *value = yaml_parse(sv_of(yaml), true, &err);
        if (value)
                fail_msg("accepted: %s", yaml);
        if (!strstr(err.message, expected))
                fail_msg("%s: \"%s\" lacks \"%s\"", yaml, err.message, expected);
}

static void scalars_follow_the_core_schema(void **state)
{
        (void)state;
        means("", "null");
        means("# nothing\n", "null");
        means("a:\nb: ~\nc: null\nd: Null\ne: nUll\n", "{\"a\":null,\"b\":null,\"c\":null,\"d\":null,\"e\":\"nUll\"}");
        means("[true, True, FALSE, yes, no, on, off, y]", "[true,true,false,\"yes\",\"no\",\"on\",\"off\",\"y\"]");
        means("[0, -1, +12, 0644, 0x1F, 0o17, 1_000, 0x, 0b1]", "[0,-1,12,644,31,15,\"1_000\",\"0x\",\"0b1\"]");
        means("[1.5, -.5, 1., 1e3, 1e, ., -, +, 1.2.3, 1h]",
                "[1.5,-0.5,1.0,1000.0,\"1e\",\".\",\"-\",\"+\",\"1.2.3\",\"1h\"]");
        means("[9223372036854775807, 9223372036854775808]", "[9223372036854775807,9223372036854775808.0]");
        means("['1', \"true\", 'it''s', \"a\\tb\\u00e9\", '']", "[\"1\",\"true\",\"it's\",\"a\\tbé\",\"\"]");
        means("a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{\"a\":\"one\\ntwo\\n\",\"b\":\"one two\"}");
        means("[12:30:45, 2026-11-21, 1.2.3.4, '=', <<]", "[\"12:30:45\",\"2026-11-21\",\"1.2.3.4\",\"=\",\"<<\"]");
        means("[!!str 1, !!int 1, !!float 1, !!bool true, !!null ~, ! 1]", "[\"1\",1,1,true,null,\"1\"]");
        refused(".inf", "infinite");
        refused("a: -.INF", "infinite");
        refused("1e999", "too large");
        refused("!!int x", "does not fit");
        refused("!!bool 1", "does not fit");
        refused("!color red", "unknown tag");
        refused("!!python/object x", "unknown tag");
        refused("a: !!set {b}", "unknown tag");
        refused("\"a\\0b\"", "NUL");
}

static void keys_are_text(void **state)
{
        (void)state;
        means("{1: a, true: b, ~: c, 'x y': d}", "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\",\"x y\":\"d\"}");
        means("? a\n: 1\n", "{\"a\":1}");
        means("<<: {a: 1}\n", "{\"<<\":{\"a\":1}}");
        refused("{[a]: 1}", "a key must be text");
        refused("{{a: 1}: 1}", "a key must be text");
        refused("\"a\\0\": 1", "NUL");
}

static void places_are_named(void **state)
{
        (void)state;
        refused("a: 1\nb: 2\na: 3\n", "line 3, column 1: duplicate key a");
        refused("x:\n  - {k: 1, k: 2}\n", "line 2, column 12: duplicate key k");
        refused("a: [1, 2\nb: 3\n", "line 2");
        refused("a: b: c\n", "line 1, column 5");
        refused("\ta: 1\n", "line 1");
        refused("a: \"open\n", "line 2");
        refused("a: 1\n--- \nb: 2\n", "line 2, column 1: only one document");
        refused("a: \xff\n", "byte 4");
        struct error err;
        cleanup(json_decref) json_t *value = yaml_parse(SV("a: 1\na: 2\n"), false, &err);
        assert_int_equal(json_integer_value(json_object_get(value, "a")), 2);
}

static void aliases_are_copies(void **state)
{
        (void)state;
        means("a: &x [1, {b: c}]\nd: *x\n", "{\"a\":[1,{\"b\":\"c\"}],\"d\":[1,{\"b\":\"c\"}]}");
        means("[&x 1, *x, &x 2, *x]", "[1,1,2,2]");
        means("{&k a: 1, b: *k}", "{\"a\":1,\"b\":\"a\"}");
        means("[&k a, {*k : 1}]", "[\"a\",{\"a\":1}]");
        refused("a: *x\n", "line 1, column 4: no finished value has the anchor x");
        refused("&a [1, *a]", "no finished value");
        refused("[&k 1, {*k : 1}]", "a key must be text");
        /* the first holder of the anchor is gone when the alias is read */
        struct error err;
        cleanup(json_decref) json_t *value = yaml_parse(SV("a: &x [1]\na: 2\nb: *x\n"), false, &err);
        assert_int_equal(json_array_size(json_object_get(value, "b")), 1);
}

static void bombs_are_refused(void **state)
{
        (void)state;
        struct buf text;
        buf_init(&text, 16 << 20);
        buf_puts(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for (int i = 1; i < 12; i++) {
                buf_printf(&text, "a%d: &a%d [", i, i);
                for (int n = 0; n < 10; n++)
                        buf_printf(&text, "%s*a%d", n ? "," : "", i - 1);
                buf_puts(&text, "]\n");
        }
        refused(text.data, "more than 1048576 values");

        buf_clear(&text);
        buf_printf(&text, "a: &a %01000000d\nb: [", 1);
        for (int n = 0; n < 40; n++)
                buf_printf(&text, "%s*a", n ? "," : "");
        buf_puts(&text, "]\n");
        means("[1]", "[1]");
        struct error err;
        /* as a number it costs nothing, as text it does */
        text.data[6] = 'x';
        assert_null(yaml_parse(sv_n(text.data, text.len), true, &err));
        assert_int_equal(err.code, E_TOO_LARGE);

        buf_clear(&text);
        for (int i = 0; i < 65; i++)
                buf_putc(&text, '[');
        refused(text.data, "nested too deep");
        buf_clear(&text);
        for (int i = 0; i < 1000000; i++)
                buf_putc(&text, '[');
        refused(text.data, "");
        buf_clear(&text);
        for (int i = 0; i < 2000000; i++)
                buf_puts(&text, i ? ",1" : "[1");
        refused(text.data, "more than");
        buf_clear(&text);
        memset(buf_reserve(&text, (8 << 20) + 1), ' ', (8 << 20) + 1);
        text.len = (8 << 20) + 1;
        assert_null(yaml_parse(sv_n(text.data, text.len), true, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
        buf_done(&text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scalars_follow_the_core_schema),
                cmocka_unit_test(keys_are_text),
                cmocka_unit_test(places_are_named),
                cmocka_unit_test(aliases_are_copies),
                cmocka_unit_test(bombs_are_refused),
        };
        return cmocka_run_group_tests_name("schema_yaml", tests, NULL, NULL);
}
