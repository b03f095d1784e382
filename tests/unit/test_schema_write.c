/* Struct to JSON by table: round trips, what is left out, and what is masked. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "schema/json.h"
#include "schema/write.h"
#include "schema_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *written(const struct record *record, const void *value, unsigned flags)
{
        struct buf text;
        struct json_writer writer;
        buf_init(&text, 1 << 20);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, record, value, flags);
        assert_false(text.failed);
        return text.data;
}

static void what_is_read_is_written(void **state)
{
        (void)state;
        static const char text[] =
                "{\"target\":\"h\",\"follow\":true,\"count\":4,\"serial_number\":5,\"ratio\":0.25,\"size\":20480,"
                "\"timeout\":\"1m0s\","
                "\"since\":\"2026-11-21T08:00:00Z\",\"mode\":\"deep\",\"path\":\"/x\",\"network\":\"10.0.0.0/8\","
                "\"ports\":\"1-5,22\",\"pattern\":\"a+\",\"digest\":\"ABCD\",\"extra\":{\"a\":[1,null]},\"password\":"
                "\"p\","
                "\"words\":[\"a\",\"b\"],\"numbers\":[-1,2],\"weights\":[1.5,2],\"modes\":[\"fast\",\"deep\"],"
                "\"hosts\":[\"::1\",\"1.2.3.4\"],\"digests\":[\"00\"],\"labels\":{\"k\":\"v\"},\"groups\":{\"g\":["
                "\"x\",\"y\"],\"e\":[]},"
                "\"limits\":{\"maxtime\":\"2s\",\"maxbytes\":7,\"share\":0},\"steps\":[{\"maxtime\":\"30s\","
                "\"maxbytes\":1,\"share\":0}],"
                "\"searches\":{\"s1\":{\"names\":[\"x\"],\"paths\":[\"/\"],\"matchall\":false}}}";
        cleanup(arena_done) struct arena arena;
        struct fixture fixture;
        struct error err;
        arena_init(&arena, 1 << 20);
        cleanup(json_decref) json_t *value = json_parse(sv_of(text), true, &err);
        assert_int_equal(record_read(fixture_record, value, &fixture, &arena, READ_STRICT, &err), 0);
        cleanup(free) char *again = written(fixture_record, &fixture, WRITE_SECRETS);
        assert_string_equal(again, text);
}

static void empty_values(void **state)
{
        (void)state;
        struct some {
                int left_out, zero;
                char *text;
                struct string_list null_list, list, omitted;
                MAP(char *) null_map, map;
                char *null_text;
                bool has_it;
                int it;
        } some = { 0 };
        static const struct field fields[] = {
                FIELD_INT(struct some, left_out, .help = "x", .omit_empty = true),
                FIELD_INT(struct some, zero, .help = "x"),
                FIELD_STRING(struct some, text, .help = "x"),
                FIELD_STRINGS(struct some, null_list, .help = "x", .null_empty = true),
                FIELD_STRINGS(struct some, list, .help = "x"),
                FIELD_STRINGS(struct some, omitted, .help = "x", .omit_empty = true),
                FIELD_STRING_MAP(struct some, null_map, .help = "x", .null_empty = true),
                FIELD_STRING_MAP(struct some, map, .help = "x"),
                FIELD_STRING(struct some, null_text, .help = "x", .null_empty = true),
                FIELD_INT(struct some, it, .help = "x", .has = HAS(struct some, has_it)),
        };
        cleanup(free) char *nothing = written(RECORD(struct some, fields), &some, 0);
        assert_string_equal(nothing,
                "{\"zero\":0,\"text\":\"\",\"null_list\":null,\"list\":[],\"null_map\":null,\"map\":{},"
                "\"null_text\":null}");
        some.has_it = true;
        some.left_out = -1;
        cleanup(free) char *more = written(RECORD(struct some, fields), &some, 0);
        assert_non_null(strstr(more, "{\"left_out\":-1,"));
        assert_non_null(strstr(more, ",\"it\":0}"));
}

struct masked {
        char *file;
        char *secret;
        char *open;
        LIST(char *) names;
        int64_t wait_ns;
};

static const struct field masked_fields[] = {
        FIELD_PATH(struct masked, file, .help = "x", .private_ = true),
        FIELD_STRING(struct masked, secret, .help = "x", .secret = true),
        FIELD_STRING(struct masked, open, .help = "x"),
        FIELD_STRINGS(struct masked, names, .help = "x", .private_ = true),
        FIELD_DURATION(struct masked, wait_ns, .json = "wait", .help = "x", .unit = SECOND, .as_number = true),
};

static void private_and_secret(void **state)
{
        (void)state;
        char *names[] = { (char[]){ "n" } };
        struct masked masked = { .file = (char[]){ "/home/\xff" },
                .secret = (char[]){ "s" },
                .open = (char[]){ "o" },
                .names = { names, 1 },
                .wait_ns = 1500 * MILLISECOND };
        const struct record *record = RECORD(struct masked, masked_fields);
        cleanup(free) char *plain = written(record, &masked, 0);
        assert_string_equal(plain,
                "{\"file\":\"/home/\xef\xbf\xbd\",\"file_raw\":\"L2hvbWUv/w==\",\"secret\":\"hidden\",\"open\":\"o\","
                "\"names\":[\"n\"],\"wait\":1.5}");
        cleanup(free) char *private = written(record, &masked, WRITE_PRIVACY);
        assert_string_equal(private,
                "{\"file\":\"masked\",\"secret\":\"hidden\",\"open\":\"o\",\"names\":\"masked\",\"wait\":1.5}");
        masked.file = (char[]){ "" };
        masked.names.count = 0;
        masked.wait_ns = 2 * SECOND;
        cleanup(free) char *empty = written(record, &masked, WRITE_PRIVACY | WRITE_SECRETS);
        assert_string_equal(empty, "{\"file\":\"\",\"secret\":\"s\",\"open\":\"o\",\"names\":[],\"wait\":2}");
}

struct outer {
        LIST(struct masked) rows;
        MAP(struct masked) map;
        struct masked one;
};

static const struct field outer_fields[] = {
        FIELD_RECORDS(struct outer, rows, struct masked, masked_fields, .help = "x"),
        FIELD_RECORD_MAP(struct outer, map, struct masked, masked_fields, .help = "x"),
        FIELD_RECORD(struct outer, one, struct masked, masked_fields, .help = "x"),
};

static void json_is_masked_too(void **state)
{
        (void)state;
        struct error err;
        cleanup(json_decref) json_t *value =
                json_parse(SV("{\"rows\":[{\"file\":\"/"
                              "a\",\"file_raw\":\"x\"},5,null],\"map\":{\"k\":{\"names\":[\"n\"],\"open\":\"o\"}},"
                              "\"one\":{\"file\":\"\"},\"other\":{\"file\":\"/b\"}}"),
                        true, &err);
        record_mask(RECORD(struct outer, outer_fields), value);
        cleanup(free) char *text = json_dumps(value, JSON_COMPACT);
        assert_string_equal(text,
                "{\"rows\":[{\"file\":\"masked\"},5,null],\"map\":{\"k\":{\"names\":\"masked\",\"open\":\"o\"}},"
                "\"one\":{\"file\":\"\"},\"other\":{\"file\":\"/b\"}}");
}

static const struct field guarded_fields[] = {
        FIELD_STRING(struct masked, open, .help = "x", .secret = true),
        FIELD_PATH(struct masked, file, .help = "x", .private_ = true),
};

static const struct field guarded_outer_fields[] = {
        FIELD_RECORD_MAP(struct outer, map, struct masked, guarded_fields, .help = "x"),
        FIELD_RECORD(struct outer, one, struct masked, guarded_fields, .help = "x"),
};

static void secrets_in_json_are_hidden(void **state)
{
        (void)state;
        struct error err;
        cleanup(json_decref) json_t *value = json_parse(
                SV("{\"map\":{\"k\":{\"open\":\"sesame\",\"file\":\"/a\"}},\"one\":{\"open\":\"\"}}"), true, &err);
        record_hide(RECORD(struct outer, guarded_outer_fields), value);
        cleanup(free) char *text = json_dumps(value, JSON_COMPACT);
        assert_string_equal(text, "{\"map\":{\"k\":{\"open\":\"hidden\",\"file\":\"/a\"}},\"one\":{\"open\":\"\"}}");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(secrets_in_json_are_hidden),
                cmocka_unit_test(what_is_read_is_written),
                cmocka_unit_test(empty_values),
                cmocka_unit_test(private_and_secret),
                cmocka_unit_test(json_is_masked_too),
        };
        return cmocka_run_group_tests_name("schema_write", tests, NULL, NULL);
}
