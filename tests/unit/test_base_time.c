/* Times, durations and sizes: what is printed, what is accepted, and that both agree at the ends of the range. */
#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_duration_format(void **state)
{
        (void)state;
        /* as Go's Duration.String prints them */
        static const struct {
                int64_t ns;
                const char *text;
        } table[] = { { 0, "0s" }, { 1, "1ns" }, { 999, "999ns" }, { 1100, "1.1µs" }, { 2200000, "2.2ms" },
                { 100 * MILLISECOND, "100ms" }, { 999999999, "999.999999ms" }, { 3300 * MILLISECOND, "3.3s" },
                { 59 * SECOND, "59s" }, { MINUTE, "1m0s" }, { 4 * MINUTE + 5 * SECOND, "4m5s" },
                { 4 * MINUTE + 5001 * MILLISECOND, "4m5.001s" }, { HOUR, "1h0m0s" },
                { 5 * HOUR + 6 * MINUTE + 7001 * MILLISECOND, "5h6m7.001s" }, { 48 * HOUR, "48h0m0s" },
                { 8 * MINUTE + 1, "8m0.000000001s" }, { -1500 * MILLISECOND, "-1.5s" }, { -1, "-1ns" },
                { INT64_MAX, "2562047h47m16.854775807s" }, { INT64_MIN, "-2562047h47m16.854775808s" } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                char text[TIME_TEXT_MAX];
                int64_t back = 4711;
                duration_format(table[i].ns, text);
                assert_string_equal(text, table[i].text);
                assert_true(duration_parse(sv_of(text), &back));
                assert_true(back == table[i].ns);
        }
}

static void test_duration_parse(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t ns;
        } good[] = { { "0", 0 }, { "+0", 0 }, { "-0", 0 }, { "300ms", 300 * MILLISECOND }, { "-1.5h", -90 * MINUTE },
                { "2h45m", 2 * HOUR + 45 * MINUTE }, { "+5s", 5 * SECOND }, { "5.s", 5 * SECOND },
                { ".5s", 500 * MILLISECOND }, { "1us", 1000 }, { "1µs", 1000 }, { "1\xce\xbcs", 1000 },
                { "2d", 2 * DAY }, { "1w1d", 8 * DAY }, { "1m1ms", MINUTE + MILLISECOND }, { "0.000000001s", 1 },
                { "0.0000000009s", 0 }, { "0.1234567899999s", 123456789 }, { "1s1s", 2 * SECOND },
                { "9223372036854775807ns", INT64_MAX }, { "-9223372036854775808ns", INT64_MIN } };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                int64_t ns = 4711;
                if (!duration_parse(sv_of(good[i].text), &ns) || ns != good[i].ns)
                        fail_msg("\"%s\" is %lld", good[i].text, (long long)ns);
        }
        static const char *const bad[] = { "", "-", "+", "3", "s", ".", ".s", "-.s", "+-5s", "1x", "1 s", "1s ", " 1s",
                "1mx", "1e3s", "9223372036854775808ns", "-9223372036854775809ns", "9223372037s", "2562048h",
                "99999999999999999999s", "15251w", "1h-5m", "1..5s", "S" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                int64_t ns = 4711;
                if (duration_parse(sv_of(bad[i]), &ns))
                        fail_msg("\"%s\" was accepted as %lld", bad[i], (long long)ns);
                assert_int_equal(ns, 4711);
        }
}

static void test_time_format(void **state)
{
        (void)state;
        static const struct {
                int64_t ns;
                const char *rfc3339;
                const char *go;
        } table[] = { { 0, "1970-01-01T00:00:00Z", "1970-01-01 00:00:00 +0000 UTC" },
                { 1, "1970-01-01T00:00:00.000000001Z", "1970-01-01 00:00:00.000000001 +0000 UTC" },
                { -1, "1969-12-31T23:59:59.999999999Z", "1969-12-31 23:59:59.999999999 +0000 UTC" },
                { 951782400 * SECOND, "2000-02-29T00:00:00Z", "2000-02-29 00:00:00 +0000 UTC" },
                { 1795298050 * SECOND + 500 * MILLISECOND, "2026-11-21T21:54:10.5Z",
                        "2026-11-21 21:54:10.5 +0000 UTC" },
                { INT64_MAX, "2262-04-11T23:47:16.854775807Z", "2262-04-11 23:47:16.854775807 +0000 UTC" },
                { INT64_MIN, "1677-09-21T00:12:43.145224192Z", "1677-09-21 00:12:43.145224192 +0000 UTC" } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                char text[TIME_TEXT_MAX];
                int64_t back = 4711;
                time_format_rfc3339(table[i].ns, text);
                assert_string_equal(text, table[i].rfc3339);
                assert_true(time_parse(sv_of(text), &back));
                assert_true(back == table[i].ns);
                time_format_go_utc(table[i].ns, text);
                assert_string_equal(text, table[i].go);
        }
}

static void test_time_parse(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                const char *utc;
        } good[] = { { "2026-11-21", "2026-11-21T00:00:00Z" }, { "2026-11-21 21:54:10", "2026-11-21T21:54:10Z" },
                { "2026-11-21t21:54:10z", "2026-11-21T21:54:10Z" },
                { "2026-11-21T21:54:10+02:00", "2026-11-21T19:54:10Z" },
                { "2026-11-21T21:54:10-0530", "2026-11-22T03:24:10Z" },
                { "2024-02-29T12:00:00Z", "2024-02-29T12:00:00Z" },
                { "2026-01-01T00:00:00.1234567891Z", "2026-01-01T00:00:00.123456789Z" },
                { "2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z" }, /* the leap second */
                { "2017-01-01T01:59:60+02:00", "2017-01-01T00:00:00Z" } };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                int64_t ns;
                char text[TIME_TEXT_MAX];
                if (!time_parse(sv_of(good[i].text), &ns))
                        fail_msg("\"%s\" was refused", good[i].text);
                time_format_rfc3339(ns, text);
                assert_string_equal(text, good[i].utc);
        }
        static const char *const bad[] = { "", "2026", "2026-11", "2026-13-01", "2026-00-01", "2026-11-00",
                "2026-11-31", "2023-02-29", "2026-02-30T23:59:60Z", "2026-11-21T", "2026-11-21T21:54",
                "2026-11-21T24:00:00Z", "2026-11-21T21:60:00Z", "2026-11-21T21:54:61Z", "2026-11-21T21:54:10.Z",
                "2026-11-21T21:54:10ZZ", "2026-11-21T21:54:10+24:00", "2026-11-21T21:54:10+0",
                "2026-11-21T21:54:10+02:60", "2026-11-21 ", " 2026-11-21", "26-11-21", "0001-01-01T00:00:00Z",
                "9999-12-31T00:00:00Z", "2262-04-11T23:47:16.854775808Z", "1677-09-21T00:12:43.145224191Z",
                "2026-1121" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                int64_t ns = 4711;
                if (time_parse(sv_of(bad[i]), &ns))
                        fail_msg("\"%s\" was accepted as %lld", bad[i], (long long)ns);
                assert_int_equal(ns, 4711);
        }
        int64_t ns;
        assert_false(time_parse(sv_n("2026-11-21\0", 11), &ns));
}

static void test_time_every_day_of_400_years(void **state)
{
        (void)state;
        /* the whole Gregorian cycle that the range allows, day by day with an odd time of day */
        for (int64_t day = -100000; day < 100000; day += 13) {
                char text[TIME_TEXT_MAX];
                int64_t back;
                int64_t ns = day * DAY + 12345678901234;
                time_format_rfc3339(ns, text);
                assert_true(time_parse(sv_of(text), &back));
                assert_true(back == ns);
        }
}

static void test_size(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                uint64_t bytes;
        } good[] = { { "0", 0 }, { "10", 10 }, { "10b", 10 }, { "10k", 10 * KIB }, { "4M", 4 * MIB }, { "1g", GIB },
                { "2T", 2048 * GIB }, { "1kb", KIB }, { "1KiB", KIB }, { "1p", KIB * KIB * GIB / KIB * KIB },
                { "15e", UINT64_C(15) << 60 }, { "18446744073709551615", UINT64_MAX } };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                uint64_t bytes = 4711;
                if (!size_parse(sv_of(good[i].text), &bytes) || bytes != good[i].bytes)
                        fail_msg("\"%s\" is %llu", good[i].text, (unsigned long long)bytes);
        }
        static const char *const bad[] = { "", "k", "-1", "+1", "1.5k", "10ib", "1x", "1kk", "1 k", "16e",
                "18446744073709551616", "18014398509481984k", "1kibb", "0x10" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                uint64_t bytes = 4711;
                if (size_parse(sv_of(bad[i]), &bytes))
                        fail_msg("\"%s\" was accepted as %llu", bad[i], (unsigned long long)bytes);
                assert_int_equal(bytes, 4711);
        }
        char text[TIME_TEXT_MAX];
        size_format(1023, text);
        assert_string_equal(text, "1023 B");
        size_format(1536, text);
        assert_string_equal(text, "1.5 KiB");
        size_format(MIB - 1, text);
        assert_string_equal(text, "1.0 MiB");
        size_format(UINT64_MAX, text);
        assert_string_equal(text, "16.0 EiB");
}

static void test_clocks_move_forward(void **state)
{
        (void)state;
        int64_t before = time_monotonic_ns();
        assert_true(time_monotonic_ns() >= before);
        assert_true(time_cpu_ns() >= 0);
        assert_true(time_unix_ns() > 1700000000 * SECOND);
        assert_true(time_boot_ns() >= before);
        assert_true(time_boot_unix_ns() > 0 && time_boot_unix_ns() < time_unix_ns());
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_duration_format),
                cmocka_unit_test(test_duration_parse),
                cmocka_unit_test(test_time_format),
                cmocka_unit_test(test_time_parse),
                cmocka_unit_test(test_time_every_day_of_400_years),
                cmocka_unit_test(test_size),
                cmocka_unit_test(test_clocks_move_forward),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
