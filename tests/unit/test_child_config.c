/* The configuration of libtarsier-child: Vanadium's config_test list, and what a strict reader refuses. */
#include "tarsier/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void check_text(const struct tarsier_config *config, const char *expected)
{
        size_t length;
        char *json = tarsier_config_serialize(config, &length);
        assert_string_equal(json, expected);
        assert_int_equal(length, strlen(expected));
        free(json);
}

static void test_set_get_clear(void **state)
{
        (void)state;
        struct tarsier_config *config = tarsier_config_new();
        assert_null(tarsier_config_get(config, "absent"));
        check_text(config, "{}");
        assert_int_equal(tarsier_config_set(config, "b", "1"), 0);
        assert_int_equal(tarsier_config_set(config, "a", "2"), 0);
        assert_int_equal(tarsier_config_set(config, "b", "3"), 0);
        assert_string_equal(tarsier_config_get(config, "b"), "3");
        const char *key, *value;
        assert_int_equal(tarsier_config_at(config, 1, &key, &value), 0);
        assert_string_equal(key, "a");
        assert_string_equal(value, "2");
        assert_int_equal(tarsier_config_at(config, 2, &key, &value), -1);
        check_text(config, "{\"b\":\"3\",\"a\":\"2\"}");
        tarsier_config_clear(config, "b");
        tarsier_config_clear(config, "b");
        assert_null(tarsier_config_get(config, "b"));
        assert_int_equal(tarsier_config_count(config), 1);
        tarsier_config_free(config);
}

static void test_merge_overwrites(void **state)
{
        (void)state;
        struct tarsier_config *config = tarsier_config_new();
        static const char json[] = " { \"k\" : \"new\\u00e9\\ud83d\\ude00\\n\\/\" , \"x\" : \"\" } ";
        tarsier_config_set(config, "k", "old");
        tarsier_config_set(config, "kept", "yes");
        assert_int_equal(tarsier_config_merge(config, json, sizeof(json) - 1), 0);
        assert_string_equal(tarsier_config_get(config, "k"), "new\xC3\xA9\xF0\x9F\x98\x80\n/");
        assert_string_equal(tarsier_config_get(config, "kept"), "yes");
        assert_string_equal(tarsier_config_get(config, "x"), "");
        assert_int_equal(tarsier_config_merge(config, "", 0), 0);
        assert_int_equal(tarsier_config_merge(config, "{}", 2), 0);
        assert_int_equal(tarsier_config_count(config), 3);
        tarsier_config_free(config);
}

static void test_round_trips(void **state)
{
        (void)state;
        struct tarsier_config *config = tarsier_config_new(), *copy = tarsier_config_new(),
                              *encoded = tarsier_config_new();
        char every[256];
        for (int i = 0; i < 255; i++)
                every[i] = (char)(i + 1);
        every[255] = '\0';
        for (size_t length = 0; length < 8; length++) {
                char value[16];
                snprintf(value, sizeof(value), "%.*s", (int)length, "abcdefgh");
                tarsier_config_set(config, "padding", value);
                tarsier_config_set(config, every, every);
                size_t size;
                char *json = tarsier_config_serialize(config, &size), *base64 = tarsier_config_encode(config);
                assert_int_equal(tarsier_config_merge(copy, json, size), 0);
                assert_int_equal(tarsier_config_merge_encoded(encoded, base64), 0);
                assert_string_equal(tarsier_config_get(copy, every), every);
                assert_string_equal(tarsier_config_get(encoded, every), every);
                assert_string_equal(tarsier_config_get(encoded, "padding"), value);
                free(json);
                free(base64);
        }
        tarsier_config_free(config);
        tarsier_config_free(copy);
        tarsier_config_free(encoded);
}

static void test_refused(void **state)
{
        (void)state;
        static const char *const bad[] = { "{", "}", "[]", "\"a\"", "{\"a\"}", "{\"a\":}", "{\"a\":1}", "{\"a\":null}",
                "{\"a\":{}}", "{\"a\":\"b\",}", "{\"a\":\"b\"", "{\"a\":\"b\"} x", "{\"a\":\"b\"}{}", "{a:\"b\"}",
                "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\ud800\"}",
                "{\"a\":\"\\ud800\\u0041\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\", "{\"a\":\"b\" \"c\":\"d\"}" };
        struct tarsier_config *config = tarsier_config_new();
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_int_equal(
                        tarsier_config_merge(config, bad[i], strlen(bad[i])), TARSIER_CHILD_ERR_CONFIG_INVALID);
        assert_int_equal(
                tarsier_config_merge(config, "{\"good\":\"1\",\"bad\":2}", 20), TARSIER_CHILD_ERR_CONFIG_INVALID);
        assert_int_equal(tarsier_config_count(config), 0); /* all or none */
        assert_int_equal(tarsier_config_merge_encoded(config, "e30"), TARSIER_CHILD_ERR_CONFIG_INVALID);
        assert_int_equal(tarsier_config_merge_encoded(config, "e3*="), TARSIER_CHILD_ERR_CONFIG_INVALID);
        assert_int_equal(tarsier_config_merge_encoded(config, "===="), TARSIER_CHILD_ERR_CONFIG_INVALID);
        assert_int_equal(tarsier_config_merge_encoded(config, "e30="), 0);
        tarsier_config_free(config);
}

static void test_too_many_keys(void **state)
{
        (void)state;
        struct tarsier_config *config = tarsier_config_new();
        char key[16];
        for (int i = 0; i < TARSIER_CONFIG_KEYS_MAX; i++) {
                snprintf(key, sizeof(key), "k%d", i);
                assert_int_equal(tarsier_config_set(config, key, ""), 0);
        }
        assert_int_equal(tarsier_config_set(config, "one more", ""), TARSIER_CHILD_ERR_TOO_MANY);
        assert_int_equal(tarsier_config_set(config, "k7", "changed"), 0);
        tarsier_config_free(config);
}

static void test_every_error_has_a_text(void **state)
{
        (void)state;
        for (int error = 0; error >= TARSIER_CHILD_ERR_TOO_MANY; error--)
                assert_string_not_equal(tarsier_child_strerror(error), "unknown error");
        assert_string_equal(tarsier_child_strerror(1), "unknown error");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_get_clear),
                cmocka_unit_test(test_merge_overwrites),
                cmocka_unit_test(test_round_trips),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_too_many_keys),
                cmocka_unit_test(test_every_error_has_a_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
