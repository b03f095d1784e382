#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json.h"
#include "schema/json_schema.h"
#include "schema/write.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

static const char *text_of(const json_t *value)
{
        static char *text;
        free(text);
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);
        return text;
}

static void property_is(const json_t *schema, const char *name, const char *expected)
{
        const json_t *property = json_object_get(json_object_get(schema, "properties"), name);
        cleanup(json_decref) json_t *wanted = json_parse(sv_of(expected), true, NULL);
        assert_non_null(wanted);
        if (!json_equal(property, wanted))
                fail_msg("%s is %s", name, text_of(property));
}

static void attributes_become_keywords(void **state)
{
        (void)state;
        cleanup(json_decref) json_t *schema =
                record_json_schema(fixture_record, "probe", "urn:tarsier:probe", JSON_SCHEMA_STRICT);
        assert_string_equal(json_string_value(json_object_get(schema, "title")), "probe");
        assert_string_equal(json_string_value(json_object_get(schema, "$id")), "urn:tarsier:probe");
        assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
        assert_string_equal(text_of(json_object_get(schema, "required")), "[\"target\"]");
        property_is(schema, "count",
                "{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,\"default\":3,\"description\":\"how many times\","
                "\"x-tarsier-type\":\"int\"}");
        property_is(schema, "follow",
                "{\"type\":\"boolean\",\"description\":\"follow links\",\"x-tarsier-type\":\"bool\"}");
        property_is(schema, "mode",
                "{\"type\":\"string\",\"enum\":[\"fast\",\"full\",\"deep\"],\"default\":\"full\",\"description\":\"how "
                "to "
                "look\",\"x-tarsier-type\":\"enum\"}");
        property_is(schema, "password",
                "{\"type\":\"string\",\"writeOnly\":true,\"description\":\"password of the "
                "account\",\"x-tarsier-type\":\"string\"}");
        property_is(schema, "path",
                "{\"type\":\"string\",\"x-tarsier-private\":true,\"description\":\"file to "
                "read\",\"x-tarsier-type\":\"path\"}");
        property_is(schema, "words",
                "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":5,\"description\":\"words to look "
                "for\",\"x-tarsier-type\":\"string\"}");
        property_is(schema, "groups",
                "{\"type\":\"object\",\"propertyNames\":{\"type\":\"string\"},\"additionalProperties\":{\"type\":"
                "\"array\","
                "\"items\":{\"type\":\"string\"}},\"description\":\"groups of words\",\"x-tarsier-type\":\"string\"}");
        property_is(schema, "extra", "{\"description\":\"handed on as it is\",\"x-tarsier-type\":\"any\"}");
        const json_t *timeout = json_object_get(json_object_get(schema, "properties"), "timeout");
        assert_string_equal(text_of(json_object_get(timeout, "type")), "[\"string\",\"number\"]");
        assert_string_equal(text_of(json_object_get(timeout, "default")), "\"5s\"");
        const json_t *since = json_object_get(json_object_get(schema, "properties"), "since");
        assert_string_equal(text_of(json_object_get(since, "x-tarsier-since")), "\"0.2\"");
}

static void loose_schemas_allow_more_keys(void **state)
{
        (void)state;
        cleanup(json_decref) json_t *schema = record_json_schema(fixture_record, NULL, NULL, 0);
        assert_null(json_object_get(schema, "additionalProperties"));
        assert_null(json_object_get(schema, "title"));
}

static void a_result_says_what_is_always_there(void **state)
{
        (void)state;
        cleanup(json_decref) json_t *schema = record_json_schema(fixture_record, NULL, NULL, JSON_SCHEMA_RESULT);
        const json_t *required = json_object_get(schema, "required");
        const char *text = text_of(required);
        assert_non_null(strstr(text, "\"count\""));
        assert_null(strstr(text, "\"serial_number\""));
        const json_t *properties = json_object_get(schema, "properties");
        assert_string_equal(text_of(json_object_get(json_object_get(properties, "path"), "anyOf")),
                "[{\"type\":\"string\"},{\"const\":\"masked\"}]");
        assert_non_null(json_object_get(properties, "path_raw"));
        assert_null(json_object_get(json_object_get(properties, "count"), "default"));
}

/* Values that both the reader and an independent validator judge: they must agree. */
static const char *const good[] = {
        "{\"target\":\"a\"}",
        "{\"target\":\"a\",\"follow\":true,\"count\":100,\"serial_number\":0,\"ratio\":1,\"size\":0}",
        "{\"target\":\"a\",\"size\":\"10KiB\",\"timeout\":\"1h2m0.5s\",\"since\":\"2026-11-21T08:00:00.25+01:00\"}",
        "{\"target\":\"a\",\"size\":\"7b\",\"timeout\":1500,\"since\":\"2026-11-21\",\"mode\":\"deep\"}",
        "{\"target\":\"a\",\"timeout\":\"-1.5h\",\"network\":\"10.0.0.0/8\",\"ports\":22,\"digest\":\"00fF\"}",
        "{\"target\":\"a\",\"timeout\":\"0\",\"network\":\"fe80::1\",\"ports\":\"1, 2-3 ,4\",\"digest\":\"\"}",
        "{\"target\":\"a\",\"extra\":[{}],\"words\":[],\"numbers\":[1,-2],\"weights\":[0.5],\"modes\":[\"fast\"]}",
        "{\"target\":\"a\",\"hosts\":[\"::/0\"],\"labels\":{\"k\":\"v\"},\"groups\":{\"g\":[\"x\"]}}",
        "{\"target\":\"a\",\"limits\":{\"maxtime\":3600,\"share\":4.0},\"steps\":[{\"maxbytes\":\"1k\"}]}",
        "{\"target\":\"a\",\"searches\":{\"s1\":{\"paths\":[\"/etc\"],\"names\":[\"(?i)x\"],\"matchall\":false}}}",
};

static const char *const bad[] = {
        "[]",
        "{}",
        "{\"target\":\"\"}",
        "{\"target\":7}",
        "{\"target\":\"a\",\"nosuch\":1}",
        "{\"target\":\"a\",\"Follow\":true}",
        "{\"target\":\"a\",\"follow\":\"true\"}",
        "{\"target\":\"a\",\"count\":101}",
        "{\"target\":\"a\",\"count\":1.5}",
        "{\"target\":\"a\",\"serial_number\":-1}",
        "{\"target\":\"a\",\"ratio\":1.01}",
        "{\"target\":\"a\",\"size\":-1}",
        "{\"target\":\"a\",\"size\":\"10x\"}",
        "{\"target\":\"a\",\"size\":1.5}",
        "{\"target\":\"a\",\"timeout\":\"10\"}",
        "{\"target\":\"a\",\"timeout\":true}",
        "{\"target\":\"a\",\"since\":\"yesterday\"}",
        "{\"target\":\"a\",\"since\":5}",
        "{\"target\":\"a\",\"mode\":\"slow\"}",
        "{\"target\":\"a\",\"network\":\"localhost\"}",
        "{\"target\":\"a\",\"ports\":70000}",
        "{\"target\":\"a\",\"ports\":\"a\"}",
        "{\"target\":\"a\",\"ports\":\"1,,2\"}",
        "{\"target\":\"a\",\"digest\":\"abc\"}",
        "{\"target\":\"a\",\"digest\":\"zz\"}",
        "{\"target\":\"a\",\"words\":\"x\"}",
        "{\"target\":\"a\",\"words\":[1]}",
        "{\"target\":\"a\",\"words\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\"]}",
        "{\"target\":\"a\",\"labels\":[]}",
        "{\"target\":\"a\",\"labels\":{\"k\":1}}",
        "{\"target\":\"a\",\"groups\":{\"g\":\"x\"}}",
        "{\"target\":\"a\",\"limits\":{\"maxtime\":3601}}",
        "{\"target\":\"a\",\"limits\":{\"share\":5}}",
        "{\"target\":\"a\",\"limits\":{\"nosuch\":5}}",
        "{\"target\":\"a\",\"steps\":[{\"maxbytes\":0}]}",
        "{\"target\":\"a\",\"searches\":{\"s1\":{}}}",
};

/* Reads [{"schema": …, "good": […], "bad": […]}, …] and says what does not hold; 77 = no validator here. */
static const char validator[] =
        "import json, sys\n"
        "try:\n"
        "    from jsonschema import Draft202012Validator as V\n"
        "except ImportError:\n"
        "    sys.exit(77)\n"
        "failed = 0\n"
        "for case in json.load(sys.stdin):\n"
        "    V.check_schema(case['schema'])\n"
        "    v = V(case['schema'])\n"
        "    for value in case['good']:\n"
        "        for e in v.iter_errors(value):\n"
        "            failed = 1; print('refused:', json.dumps(value), e.message, list(e.absolute_path))\n"
        "    for value in case['bad']:\n"
        "        if v.is_valid(value):\n"
        "            failed = 1; print('accepted:', json.dumps(value))\n"
        "sys.exit(failed)\n";

static int validate(const json_t *cases)
{
        FILE *in = tmpfile();
        assert_non_null(in);
        assert_int_equal(json_dumpf(cases, in, 0), 0);
        rewind(in);
        pid_t pid = fork();
        if (pid == 0) {
                dup2(fileno(in), 0);
                dup2(2, 1);
                execlp("python3", "python3", "-W", "ignore", "-c", validator, (char *)NULL);
                _exit(77);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        fclose(in);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static json_t *parse_all(const char *const *texts, size_t count)
{
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++)
                json_array_append_new(list, json_parse(sv_of(texts[i]), true, NULL));
        assert_int_equal(json_array_size(list), count);
        return list;
}

/* What record_write makes of the good values, in the open and masked. */
static json_t *written(json_t *values)
{
        static char raw_path[] = "/\xff", password[] = "secret";
        json_t *list = json_array();
        size_t i;
        json_t *value;
        json_array_foreach(values, i, value)
        {
                for (unsigned flags = 0; flags <= WRITE_PRIVACY; flags++) {
                        cleanup(arena_done) struct arena arena;
                        struct fixture params;
                        struct error err;
                        struct buf text;
                        struct json_writer writer;
                        arena_init(&arena, 1 << 20);
                        if (record_read(fixture_record, value, &params, &arena, READ_STRICT, &err) < 0)
                                fail_msg("%s", err.message);
                        if (i == 1)
                                params.path = raw_path;
                        if (i == 2)
                                params.mode = -1;
                        params.password = password;
                        buf_init(&text, 1 << 20);
                        json_writer_init(&writer, &text, 0);
                        record_write(&writer, fixture_record, &params, flags);
                        json_array_append_new(list, json_parse(sv_n(text.data, text.len), true, NULL));
                        buf_done(&text);
                }
        }
        assert_int_equal(json_array_size(list), 2 * json_array_size(values));
        return list;
}

static void an_independent_validator_agrees(void **state)
{
        (void)state;
        enum { GOOD = sizeof(good) / sizeof(good[0]), BAD = sizeof(bad) / sizeof(bad[0]) };
        cleanup(json_decref) json_t *accepted = parse_all(good, GOOD);
        cleanup(json_decref) json_t *refused = parse_all(bad, BAD);
        struct error err;
        for (size_t i = 0; i < GOOD; i++)
                if (record_check(fixture_record, json_array_get(accepted, i), READ_STRICT, &err) < 0)
                        fail_msg("%s: %s", good[i], err.message);
        for (size_t i = 0; i < BAD; i++)
                if (record_check(fixture_record, json_array_get(refused, i), READ_STRICT, &err) == 0)
                        fail_msg("%s is accepted", bad[i]);
        cleanup(json_decref) json_t *cases = json_pack("[{s:o,s:O,s:O},{s:o,s:o,s:[o,o]},{s:o,s:[],s:[]}]", "schema",
                record_json_schema(fixture_record, "probe", NULL, JSON_SCHEMA_STRICT), "good", accepted, "bad", refused,
                "schema", record_json_schema(fixture_record, "result", NULL, JSON_SCHEMA_RESULT | JSON_SCHEMA_STRICT),
                "good", written(accepted), "bad", json_object(), json_integer(1), "schema",
                record_json_schema(fixture_record, NULL, "urn:x", 0), "good", "bad");
        assert_non_null(cases);
        int verdict = validate(cases);
        if (verdict == 77) {
                print_message("skipped: needs python3-jsonschema\n");
                skip();
        }
        assert_int_equal(verdict, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(attributes_become_keywords),
                cmocka_unit_test(loose_schemas_allow_more_keys),
                cmocka_unit_test(a_result_says_what_is_always_there),
                cmocka_unit_test(an_independent_validator_agrees),
        };
        return cmocka_run_group_tests_name("schema_json_schema", tests, NULL, NULL);
}
