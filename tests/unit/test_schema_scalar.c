/* Addresses, ports and single values from text. */
#include "base/cleanup.h"
#include "schema/field.h"
#include "schema/json.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void addresses(void **state)
{
        (void)state;
        static const char *const same[] = { "10.0.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "2001:db8::/32", "::/0",
                "10.1.2.3/8" };
        static const char *const bad[] = { "", "10.0.0", "10.0.0.256", "10.0.0.0/33", "::/129", "10.0.0.0/",
                "10.0.0.0/8/8", "/8", "::1%eth0", "10.0.0.0/-1", "10.0.0.0/ 8", "10.0.0.0/0008", "host",
                "1:2:3:4:5:6:7:8:9", "1111111111111111111111111111111111111111111111111111111111111111" };
        char text[CIDR_TEXT_MAX];
        struct cidr cidr;
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
                assert_true(cidr_parse(sv_of(same[i]), &cidr));
                cidr_format(&cidr, text);
                assert_string_equal(text, same[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (cidr_parse(sv_of(bad[i]), &cidr))
                        fail_msg("accepted: %s", bad[i]);
        cidr_format(&(struct cidr){ 0 }, text);
        assert_string_equal(text, "");
}

static bool inside(const char *network, const char *address)
{
        struct cidr outer;
        struct cidr inner;
        assert_true(cidr_parse(sv_of(network), &outer) && cidr_parse(sv_of(address), &inner));
        return cidr_contains(&outer, &inner);
}

static void networks_contain(void **state)
{
        (void)state;
        assert_true(inside("10.0.0.0/8", "10.255.0.1"));
        assert_false(inside("10.0.0.0/8", "11.0.0.1"));
        assert_true(inside("10.1.2.3/8", "10.9.9.9")); /* host bits do not matter */
        assert_true(inside("192.168.1.128/25", "192.168.1.129"));
        assert_false(inside("192.168.1.128/25", "192.168.1.127"));
        assert_true(inside("0.0.0.0/0", "1.2.3.4"));
        assert_false(inside("0.0.0.0/0", "::1"));
        assert_false(inside("10.0.0.0/8", "10.0.0.0/7"));
        assert_true(inside("2001:db8::/33", "2001:db8:7fff::1"));
        assert_false(inside("2001:db8::/33", "2001:db8:8000::1"));
        assert_true(inside("10.0.0.0/8", "::ffff:10.1.1.1"));
        assert_true(inside("::ffff:10.0.0.0/104", "10.1.1.1"));
        assert_true(inside("::/0", "2001::1"));
}

static void texts_of_each_type(void **state)
{
        (void)state;
        static const char *const names[] = { "a", "b", NULL };
        static const struct {
                enum field_type type;
                const char *text;
                const char *json; /* NULL: refused */
        } cases[] = {
                { FIELD_TYPE_BOOL, "YES", "true" },
                { FIELD_TYPE_BOOL, "0", "false" },
                { FIELD_TYPE_BOOL, "", NULL },
                { FIELD_TYPE_INT, "-5", "-5" },
                { FIELD_TYPE_INT, "9223372036854775807", "9223372036854775807" },
                { FIELD_TYPE_INT, "9223372036854775808", NULL },
                { FIELD_TYPE_INT, "1.5", NULL },
                { FIELD_TYPE_INT, " 1", NULL },
                { FIELD_TYPE_INT, "0x10", NULL },
                { FIELD_TYPE_UINT, "-1", NULL },
                { FIELD_TYPE_UINT, "7", "7" },
                { FIELD_TYPE_DOUBLE, "1e3", "1000.0" },
                { FIELD_TYPE_DOUBLE, "nan", NULL },
                { FIELD_TYPE_DOUBLE, "1e999", NULL },
                { FIELD_TYPE_DOUBLE, "", NULL },
                { FIELD_TYPE_DOUBLE, "1x", NULL },
                { FIELD_TYPE_ENUM, "b", "\"b\"" },
                { FIELD_TYPE_ENUM, "c", NULL },
                { FIELD_TYPE_SIZE, "10k", "\"10k\"" },
                { FIELD_TYPE_DURATION, "30", "30" },
                { FIELD_TYPE_DURATION, "1m", "\"1m\"" },
                { FIELD_TYPE_STRING, "", "\"\"" },
                { FIELD_TYPE_STRING, "\xff", NULL },
                { FIELD_TYPE_PATH, "\xff", NULL },
                { FIELD_TYPE_ANY, "[1]", "[1]" },
                { FIELD_TYPE_ANY, "[1", NULL },
                { FIELD_TYPE_RECORD, "{\"a\":1}", "{\"a\":1}" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct field field = { .name = "x", .type = cases[i].type, .names = names };
                struct error err = { 0 };
                cleanup(json_decref) json_t *value = field_json_from_text(&field, cases[i].text, &err);
                if (!value != !cases[i].json)
                        fail_msg("type %d, \"%s\": %s", cases[i].type, cases[i].text, value ? "accepted" : err.message);
                if (!value) {
                        assert_true(err.message[0]); /* never without a word */
                        continue;
                }
                cleanup(json_decref) json_t *expected = json_parse(sv_of(cases[i].json), true, &err);
                assert_true(json_equal(value, expected));
        }
}

static void an_unknown_word_names_the_known(void **state)
{
        (void)state;
        static const char *many[200];
        struct error err;
        for (size_t i = 0; i < 199; i++)
                many[i] = "longword";
        struct field field = { .name = "x", .type = FIELD_TYPE_ENUM, .names = many };
        assert_null(field_json_from_text(&field, "other", &err)); /* the list is cut, nothing overflows */
        assert_non_null(strstr(err.message, "\"other\" is none of longword, longword"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses),
                cmocka_unit_test(networks_contain),
                cmocka_unit_test(texts_of_each_type),
                cmocka_unit_test(an_unknown_word_names_the_known),
        };
        return cmocka_run_group_tests_name("schema_scalar", tests, NULL, NULL);
}
