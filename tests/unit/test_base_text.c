/* String views and encodings. */
#include "base/cleanup.h"
#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_sv(struct sv actual, const char *expected)
{
        if (!sv_eq(actual, sv_of(expected)))
                fail_msg("\"%.*s\" instead of \"%s\"", SV_ARG(actual), expected);
}

static void test_sv_compare(void **state)
{
        (void)state;
        assert_true(sv_eq((struct sv){ 0 }, SV("")));
        assert_true(sv_eq(sv_of(NULL), SV("")));
        assert_false(sv_eq(SV("a"), SV("ab")));
        assert_true(sv_eq_nocase(SV("Content-TYPE"), SV("content-type")));
        assert_false(sv_eq_nocase(SV("[a"), SV("{a"))); /* differ in the case bit, but are no letters */
        assert_false(sv_eq_nocase(sv_n("a\0b", 3), sv_n("a\0c", 3)));
        assert_true(sv_starts(SV("abc"), SV("")));
        assert_true(sv_starts(SV("abc"), SV("abc")));
        assert_false(sv_starts(SV("ab"), SV("abc")));
        assert_true(sv_ends(SV("a.conf"), SV(".conf")));
        assert_false(sv_ends(SV("conf"), SV(".conf")));
        assert_int_equal(sv_find(SV("a=b"), '='), 1);
        assert_int_equal(sv_find(SV("ab"), '='), 2);
        assert_int_equal(sv_find((struct sv){ 0 }, '='), 0);
}

static void test_sv_cut(void **state)
{
        (void)state;
        assert_sv(sv_trim(SV(" \t\r\n a b \n")), "a b");
        assert_sv(sv_trim(SV(" \t")), "");
        assert_sv(sv_trim((struct sv){ 0 }), "");

        struct sv rest = SV("a,,b");
        struct sv part;
        assert_true(sv_split(&rest, ',', &part));
        assert_sv(part, "a");
        assert_true(sv_split(&rest, ',', &part));
        assert_sv(part, "");
        assert_true(sv_split(&rest, ',', &part));
        assert_sv(part, "b");
        assert_false(sv_split(&rest, ',', &part));

        rest = SV(""); /* one empty part */
        assert_true(sv_split(&rest, ',', &part));
        assert_sv(part, "");
        assert_false(sv_split(&rest, ',', &part));

        rest = SV("a,"); /* a trailing separator has an empty part behind it */
        assert_true(sv_split(&rest, ',', &part));
        assert_true(sv_split(&rest, ',', &part));
        assert_sv(part, "");
        assert_false(sv_split(&rest, ',', &part));
}

static void test_sv_words_and_lines(void **state)
{
        (void)state;
        struct sv rest = SV("  a \t bc  ");
        struct sv part;
        assert_true(sv_word(&rest, &part));
        assert_sv(part, "a");
        assert_true(sv_word(&rest, &part));
        assert_sv(part, "bc");
        assert_false(sv_word(&rest, &part));

        rest = SV("one\n\nthree");
        assert_true(sv_line(&rest, &part));
        assert_sv(part, "one");
        assert_true(sv_line(&rest, &part));
        assert_sv(part, "");
        assert_true(sv_line(&rest, &part));
        assert_sv(part, "three");
        assert_false(sv_line(&rest, &part));
        rest = SV("x\n"); /* no empty line behind the last newline */
        assert_true(sv_line(&rest, &part));
        assert_false(sv_line(&rest, &part));
}

static void test_numbers(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int base;
                bool good;
                uint64_t value;
        } table[] = { { "0", 10, true, 0 }, { "18446744073709551615", 10, true, UINT64_MAX },
                { "18446744073709551616", 10, false, 0 }, { "99999999999999999999999", 10, false, 0 },
                { "00000000000000000000000007", 10, true, 7 }, { "", 10, false, 0 }, { " 1", 10, false, 0 },
                { "1 ", 10, false, 0 }, { "+1", 10, false, 0 }, { "-1", 10, false, 0 }, { "1a", 10, false, 0 },
                { "fF", 16, true, 255 }, { "0x1", 16, false, 0 }, { "g", 16, false, 0 },
                { "ffffffffffffffff", 16, true, UINT64_MAX }, { "10000000000000000", 16, false, 0 },
                { "0777", 8, true, 511 }, { "8", 8, false, 0 } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                uint64_t value = 4711;
                if (sv_parse_u64(sv_of(table[i].text), table[i].base, &value) != table[i].good)
                        fail_msg("\"%s\" in base %d", table[i].text, table[i].base);
                assert_int_equal(value, table[i].good ? table[i].value : 4711); /* written only on success */
        }
        static const struct {
                const char *text;
                bool good;
                int64_t value;
        } signs[] = { { "-9223372036854775808", true, INT64_MIN }, { "9223372036854775807", true, INT64_MAX },
                { "9223372036854775808", false, 0 }, { "-9223372036854775809", false, 0 }, { "+5", true, 5 },
                { "-0", true, 0 }, { "-", false, 0 }, { "+", false, 0 }, { "--1", false, 0 }, { "", false, 0 } };
        for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
                int64_t value = 4711;
                if (sv_parse_i64(sv_of(signs[i].text), &value) != signs[i].good)
                        fail_msg("\"%s\"", signs[i].text);
                assert_true(value == (signs[i].good ? signs[i].value : 4711));
        }
}

static void test_utf8_edges(void **state)
{
        (void)state;
        static const struct {
                const char *bytes;
                size_t length; /* 0: invalid */
                uint32_t code;
        } table[] = { { "A", 1, 'A' }, { "\x7f", 1, 0x7f }, { "\x80", 0, 0 }, { "\xbf", 0, 0 }, { "\xc0\x80", 0, 0 },
                { "\xc1\xbf", 0, 0 }, { "\xc2\x80", 2, 0x80 }, { "\xdf\xbf", 2, 0x7ff }, { "\xe0\x9f\xbf", 0, 0 },
                { "\xe0\xa0\x80", 3, 0x800 }, { "\xed\x9f\xbf", 3, 0xd7ff }, { "\xed\xa0\x80", 0, 0 },
                { "\xed\xbf\xbf", 0, 0 }, { "\xee\x80\x80", 3, 0xe000 }, { "\xef\xbf\xbf", 3, 0xffff },
                { "\xf0\x8f\xbf\xbf", 0, 0 }, { "\xf0\x90\x80\x80", 4, 0x10000 }, { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
                { "\xf4\x90\x80\x80", 0, 0 }, { "\xf5\x80\x80\x80", 0, 0 }, { "\xf8\x88\x80\x80\x80", 0, 0 },
                { "\xff", 0, 0 }, { "\xc2", 0, 0 }, { "\xe2\x82", 0, 0 }, { "\xf0\x9f\x98", 0, 0 },
                { "\xc2\x41", 0, 0 }, { "\xe2\x82\x41", 0, 0 } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                uint32_t code = 0;
                /* an exact copy, so that a read past a cut sequence is seen */
                size_t size = strlen(table[i].bytes);
                cleanup(free) char *exact = malloc(size);
                memcpy(exact, table[i].bytes, size);
                size_t length = utf8_decode(sv_n(exact, size), &code);
                if (length != table[i].length || code != table[i].code)
                        fail_msg("row %zu: length %zu code %x", i, length, code);
                assert_int_equal(utf8_valid(sv_n(exact, size)), table[i].length > 0);
        }
        uint32_t code = 1;
        assert_int_equal(utf8_decode(sv_n("\0", 1), &code), 1);
        assert_int_equal(code, 0);
        assert_true(utf8_valid((struct sv){ 0 }));
}

static void test_utf8_sanitize(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 100);
        utf8_sanitize(SV("a\xff\xe2\x82z\xc3\xa9"), &out);
        assert_string_equal(buf_text(&out), "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xc3\xa9");
        assert_true(utf8_valid(sv_of(buf_text(&out))));
}

static void test_hex(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf out;
        buf_init(&out, 8);
        hex_encode("\x00\x7f\xff", 3, &out);
        assert_string_equal(buf_text(&out), "007fff");
        hex_encode("ab", 2, &out);
        assert_true(out.failed);
        uint8_t bytes[4];
        size_t size = 99;
        assert_true(hex_decode(SV("00fFAb"), bytes, sizeof(bytes), &size));
        assert_int_equal(size, 3);
        assert_memory_equal(bytes, "\x00\xff\xab", 3);
        assert_true(hex_decode(SV(""), bytes, sizeof(bytes), &size));
        assert_int_equal(size, 0);
        size = 99;
        assert_false(hex_decode(SV("abc"), bytes, sizeof(bytes), &size));
        assert_false(hex_decode(SV("0g"), bytes, sizeof(bytes), &size));
        assert_false(hex_decode(SV("0011223344"), bytes, sizeof(bytes), &size));
        assert_int_equal(size, 99);
}

static void test_base64(void **state)
{
        (void)state;
        /* RFC 4648 section 10, and bytes that need both of the last digits */
        static const struct {
                struct sv plain;
                const char *coded;
        } table[] = { { SV(""), "" }, { SV("f"), "Zg==" }, { SV("fo"), "Zm8=" }, { SV("foo"), "Zm9v" },
                { SV("foob"), "Zm9vYg==" }, { SV("fooba"), "Zm9vYmE=" }, { SV("foobar"), "Zm9vYmFy" },
                { SV("\xfb\xff\xfe"), "+//+" }, { SV("\0\0"), "AAA=" } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                cleanup(buf_done) struct buf out;
                buf_init(&out, 100);
                base64_encode(table[i].plain.p, table[i].plain.n, &out);
                assert_string_equal(buf_text(&out), table[i].coded);
                buf_clear(&out);
                assert_true(base64_decode(sv_of(table[i].coded), &out));
                assert_true(sv_eq(sv_n(buf_text(&out), out.len), table[i].plain));
        }
        static const char *const bad[] = { "Z", "Zg=", "Zg", "====", "Z===", "Zg==Zg==", "Zg=a", "Zm9v\n", "Zm-_",
                "=m9v", "Zm 9" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                cleanup(buf_done) struct buf out;
                buf_init(&out, 100);
                if (base64_decode(sv_of(bad[i]), &out))
                        fail_msg("\"%s\" was decoded", bad[i]);
        }
        cleanup(buf_done) struct buf tiny;
        buf_init(&tiny, 2);
        assert_false(base64_decode(SV("Zm9v"), &tiny));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sv_compare),
                cmocka_unit_test(test_sv_cut),
                cmocka_unit_test(test_sv_words_and_lines),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_utf8_edges),
                cmocka_unit_test(test_utf8_sanitize),
                cmocka_unit_test(test_hex),
                cmocka_unit_test(test_base64),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
