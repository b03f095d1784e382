/* The web page's files: which encoding a client takes, whether it has the file already, and files that are inflated. */
#include "modules/api/asset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* printf 'hello\n' | gzip -9 -n */
static const unsigned char hello[] = { 0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd,
        0xc9, 0xc9, 0xe7, 0x02, 0x00, 0x20, 0x30, 0x3a, 0x36, 0x06, 0x00, 0x00, 0x00 };

const struct asset assets[] = {
        { "/index.html", "text/html", "tag", 0, sizeof(hello), 6 },
        { 0 },
};

static void test_names(void **state)
{
        (void)state;
        assert_ptr_equal(asset_find("/"), &assets[0]);
        assert_ptr_equal(asset_find("/index.html"), &assets[0]);
        assert_null(asset_find("/index.htm"));
        assert_null(asset_find("//"));
        assert_null(asset_find(""));
}

static void test_accept_encoding(void **state)
{
        static const char *const yes[] = { "gzip", "gzip, deflate, br", "br;q=1.0, GZIP;q=0.8", "*", "deflate,*;q=0.1",
                "x-gzip", "gzip;q=0.001", " gzip ; q=1" };
        static const char *const no[] = { NULL, "", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *",
                "gzipped", "br", ",,;;" };
        (void)state;
        for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
                if (!asset_takes_gzip(yes[i]))
                        fail_msg("\"%s\" takes gzip", yes[i]);
        for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
                if (asset_takes_gzip(no[i]))
                        fail_msg("\"%s\" takes no gzip", no[i] ? no[i] : "(none)");
}

static void test_if_none_match(void **state)
{
        static const char *const same[] = { "\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*", "\"abc-plain\"" };
        static const char *const other[] = { NULL, "", "abc", "\"abcd\"", "\"", "W/", "\"x\",", "\"ab\"", "\"abc" };
        (void)state;
        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                if (!asset_unchanged(same[i], "abc"))
                        fail_msg("%s names it", same[i]);
        for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
                if (asset_unchanged(other[i], "abc"))
                        fail_msg("%s does not name it", other[i] ? other[i] : "(none)");
}

static void test_inflate(void **state)
{
        unsigned char text[7] = { [6] = 'x' };
        struct error err;
        struct asset wrong = assets[0];
        (void)state;
        assert_int_equal(asset_inflate(&assets[0], hello, text, &err), 0);
        assert_memory_equal(text, "hello\nx", 7);
        wrong.size = 5; /* what does not fit is no answer, and nothing is written behind the room */
        text[5] = '!';
        assert_int_equal(asset_inflate(&wrong, hello, text, &err), -1);
        assert_int_equal(text[5], '!');
        wrong.size = 7;
        assert_int_equal(asset_inflate(&wrong, hello, text, &err), -1);
        wrong = assets[0];
        wrong.packed = 12;
        assert_int_equal(asset_inflate(&wrong, hello, text, &err), -1);
        assert_int_equal(err.code, E_CORRUPT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_accept_encoding),
                cmocka_unit_test(test_if_none_match),
                cmocka_unit_test(test_inflate),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
