/* The text formats: numbers as Go writes them, order, escapes, refusals, and that a scrape is whole or an error. */
#include "base/sv.h"
#include "modules/metrics/export/exposition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#define LABELS(...)                                                                                                    \
        (const struct exposition_label[])                                                                              \
        {                                                                                                              \
                __VA_ARGS__                                                                                            \
        }
enum { MEMORY = 1 << 20 };

static void release(struct exposition **exposition)
{
        exposition_free(*exposition);
}

#define EXPOSITION __attribute__((cleanup(release))) struct exposition *
#define BUF __attribute__((cleanup(buf_done_p))) struct buf

static const char *text_of(struct exposition *exposition, enum exposition_format format, struct buf *out)
{
        struct error err;
        assert_int_equal(exposition_write(exposition, format, out, &err), 0);
        return buf_text(out);
}

/* The expected texts are those of strconv.FormatFloat(v, 'g', -1, 64): digits as Python's repr has them too. */
static void test_numbers(void **state)
{
        (void)state;
        static const struct {
                double value;
                const char *text;
        } cases[] = { { 0, "0" }, { -0.0, "-0" }, { 1, "1" }, { -1, "-1" }, { 723, "723" }, { 984285, "984285" },
                { 100000, "100000" }, { 999999, "999999" }, { 1000000, "1e+06" }, { 2097152, "2.097152e+06" },
                { 1395066363, "1.395066363e+09" }, { 1234567.5, "1.2345675e+06" }, { 123456.75, "123456.75" },
                { 0.5, "0.5" }, { 0.1, "0.1" }, { 0.001, "0.001" }, { 0.0001, "0.0001" }, { 0.00012, "0.00012" },
                { 0.00001, "1e-05" }, { 2e-09, "2e-09" }, { 7e-09, "7e-09" }, { 1.724314, "1.724314" },
                { 479.424566378, "479.424566378" }, { 0.053643567, "0.053643567" }, { 1e21, "1e+21" },
                { 1e100, "1e+100" }, { 1e-100, "1e-100" }, { 1.0 / 3, "0.3333333333333333" },
                { 2.0 / 3, "0.6666666666666666" }, { 9007199254740991.0, "9.007199254740991e+15" },
                { 9007199254740993.0, "9.007199254740992e+15" }, { 4611686018427387904.0, "4.611686018427388e+18" },
                { 9223372036854771712.0, "9.223372036854772e+18" },
                { 18446744073709551615.0, "1.8446744073709552e+19" }, { 5e-324, "5e-324" },
                { 2.2250738585072014e-308, "2.2250738585072014e-308" },
                { 2.225073858507201e-308, "2.225073858507201e-308" },
                { 1.7976931348623157e308, "1.7976931348623157e+308" }, { 0.30000000000000004, "0.30000000000000004" },
                { 5e-10, "5e-10" }, { 1.5e-09, "1.5e-09" }, { 1e15, "1e+15" },
                { 999999999999999.0, "9.99999999999999e+14" }, { 1700000000.123, "1.700000000123e+09" },
                { INFINITY, "+Inf" }, { -INFINITY, "-Inf" }, { NAN, "NaN" } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                BUF out = { .max = 100 };
                exposition_number(&out, cases[i].value);
                assert_string_equal(buf_text(&out), cases[i].text);
        }
}

/* What is written reads back as the same double, and no shorter text does: doubles of all sizes, a fixed sequence. */
static void test_numbers_round_trip(void **state)
{
        (void)state;
        uint64_t bits = 88172645463325252ULL;
        for (int i = 0; i < 200000; i++) {
                bits ^= bits << 13; /* xorshift64, Marsaglia */
                bits ^= bits >> 7;
                bits ^= bits << 17;
                double value;
                if (i % 2) /* what is exposed mostly: nanoseconds as seconds */
                        value = (double)(bits >> (bits % 50 + 10)) / 1e9;
                else
                        memcpy(&value, &bits, sizeof(value));
                if (!isfinite(value) || value == 0)
                        continue;
                char text[64];
                struct buf out = { .max = 100 };
                exposition_number(&out, value);
                assert_true(strtod(buf_text(&out), NULL) == value);
                size_t digits = 0;
                for (const char *p = buf_text(&out); *p && *p != 'e'; p++)
                        if (*p >= '0' && *p <= '9')
                                digits += digits || *p != '0';
                for (const char *p = buf_text(&out) + strcspn(buf_text(&out), "e");
                        p > buf_text(&out) && p[-1] == '0' && !strchr(buf_text(&out), '.'); p--)
                        digits--;
                if (digits > 1) {
                        snprintf(text, sizeof(text), "%.*e", (int)digits - 2, value);
                        if (strtod(text, NULL) == value)
                                fail_msg("%s is %s", buf_text(&out), text);
                }
                buf_done(&out);
        }
}

static void test_order(void **state)
{
        (void)state;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct exposition_family *b = exposition_family(exposition, "b_total", EXPOSITION_COUNTER, "The b.");
        exposition_add(b, LABELS({ "z", "1" }, { "a", "2" }), 2, 1, EXPOSITION_NO_TIME);
        exposition_add(b, LABELS({ "a", "1" }, { "z", "9" }), 2, 2, 1395066363000);
        exposition_add(b, LABELS({ "z", "10" }, { "a", "1" }), 2, 3, -5);
        exposition_add(b, LABELS({ "c", "9" }), 1, 4, EXPOSITION_NO_TIME);
        exposition_put(exposition, "a", EXPOSITION_GAUGE, "The a.", 2097152);
        exposition_family(exposition, "empty", EXPOSITION_GAUGE, "Has no samples.");
        BUF out = { .max = MEMORY };
        assert_string_equal(text_of(exposition, EXPOSITION_TEXT, &out),
                "# HELP a The a.\n# TYPE a gauge\na 2.097152e+06\n"
                "# HELP b_total The b.\n# TYPE b_total counter\n"
                "b_total{c=\"9\"} 4\n"
                "b_total{a=\"1\",z=\"10\"} 3 -5\n"
                "b_total{a=\"1\",z=\"9\"} 2 1395066363000\n"
                "b_total{a=\"2\",z=\"1\"} 1\n");
        assert_int_equal(exposition_samples(exposition), 5);
        assert_int_equal(exposition_refused(exposition), 0);
}

static void test_sets(void **state)
{
        (void)state;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct exposition_labels *web = exposition_labels(
                exposition, LABELS({ "name", "web" }, { "id", "/b" }, { "image", "say \"hi\"\n\\" }), 3);
        struct exposition_labels *plain =
                exposition_labels(exposition, LABELS({ "id", "/a" }, { "image", NULL }, { "name", "" }), 3);
        struct exposition_family *family = exposition_family(exposition, "f", EXPOSITION_GAUGE, NULL);
        exposition_add_to(family, web, LABELS({ "cpu", "1" }, { "zone", "x" }), 2, 1, EXPOSITION_NO_TIME);
        exposition_add_to(family, web, LABELS({ "cpu", "0" }, { "zone", "x" }), 2, 2, EXPOSITION_NO_TIME);
        exposition_add_to(family, plain, LABELS({ "zone", "x" }, { "cpu", "0" }), 2, 3, EXPOSITION_NO_TIME);
        exposition_add_to(family, plain, LABELS({ "ifc", "a\"" }), 1, 4, EXPOSITION_NO_TIME);
        exposition_add_to(family, web, NULL, 0, 5, EXPOSITION_NO_TIME);
        exposition_add_to(family, web, LABELS({ "id", "twice" }), 1, 6, EXPOSITION_NO_TIME);
        BUF out = { .max = MEMORY };
        assert_string_equal(text_of(exposition, EXPOSITION_TEXT, &out),
                "# TYPE f gauge\n"
                "f{id=\"/b\",image=\"say \\\"hi\\\"\\n\\\\\",name=\"web\"} 5\n"
                "f{id=\"/a\",ifc=\"a\\\"\",image=\"\",name=\"\"} 4\n"
                "f{cpu=\"0\",id=\"/a\",image=\"\",name=\"\",zone=\"x\"} 3\n"
                "f{cpu=\"0\",id=\"/b\",image=\"say \\\"hi\\\"\\n\\\\\",name=\"web\",zone=\"x\"} 2\n"
                "f{cpu=\"1\",id=\"/b\",image=\"say \\\"hi\\\"\\n\\\\\",name=\"web\",zone=\"x\"} 1\n");
        assert_int_equal(exposition_refused(exposition), 1); /* "id" is in the set already */
}

static void test_refused(void **state)
{
        (void)state;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        assert_null(exposition_family(exposition, "1st", EXPOSITION_GAUGE, ""));
        assert_null(exposition_family(exposition, "", EXPOSITION_GAUGE, ""));
        assert_null(exposition_family(exposition, "a-b", EXPOSITION_GAUGE, ""));
        assert_int_equal(exposition_refused(exposition), 3);
        exposition_add(NULL, NULL, 0, 1, EXPOSITION_NO_TIME); /* nothing happens */
        struct exposition_family *family = exposition_family(exposition, "ns:f", EXPOSITION_UNTYPED, "");
        assert_ptr_equal(exposition_family(exposition, "ns:f", EXPOSITION_GAUGE, "other"), family);
        exposition_add(family, LABELS({ "a-b", "" }), 1, 1, EXPOSITION_NO_TIME);
        exposition_add(family, LABELS({ "__name__", "" }), 1, 1, EXPOSITION_NO_TIME);
        exposition_add(family, LABELS({ "a", "1" }, { "a", "2" }), 2, 1, EXPOSITION_NO_TIME);
        assert_int_equal(exposition_refused(exposition), 6);
        exposition_add(family, LABELS({ "a", "1" }), 1, 1, EXPOSITION_NO_TIME);
        exposition_add(family, LABELS({ "a", "2" }), 1, 2, EXPOSITION_NO_TIME);
        exposition_add(family, LABELS({ "a", "1" }), 1, 3, EXPOSITION_NO_TIME);
        exposition_add(family, LABELS({ "b", "1" }), 1, 4, EXPOSITION_NO_TIME); /* another series */
        exposition_add(family, LABELS({ "a", "1" }), 1, 5, 77);
        BUF out = { .max = MEMORY };
        assert_string_equal(text_of(exposition, EXPOSITION_TEXT, &out),
                "# HELP ns:f \n# TYPE ns:f untyped\nns:f{a=\"1\"} 1\nns:f{b=\"1\"} 4\nns:f{a=\"2\"} 2\n");
        assert_int_equal(exposition_refused(exposition), 8);
}

static void test_bytes_of_others(void **state)
{
        (void)state;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct exposition_family *family =
                exposition_family(exposition, "f", EXPOSITION_GAUGE, "Says \"x\", \\ and\na second line.\xff");
        exposition_add(family, LABELS({ "v", "caf\xc3\xa9 \xff\xc3" }), 1, 1, EXPOSITION_NO_TIME);
        BUF out = { .max = MEMORY };
        assert_string_equal(text_of(exposition, EXPOSITION_TEXT, &out),
                "# HELP f Says \"x\", \\\\ and\\na second line.\xef\xbf\xbd\n# TYPE f gauge\n"
                "f{v=\"caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\"} 1\n");
        buf_clear(&out);
        assert_string_equal(text_of(exposition, EXPOSITION_OPENMETRICS, &out),
                "# HELP f Says \\\"x\\\", \\\\ and\\na second line.\xef\xbf\xbd\n# TYPE f gauge\n"
                "f{v=\"caf\xc3\xa9 \xef\xbf\xbd\xef\xbf\xbd\"} 1.0\n# EOF\n");
}

static void test_openmetrics(void **state)
{
        (void)state;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        exposition_add(exposition_family(exposition, "cpu_seconds_total", EXPOSITION_COUNTER, "Time."), NULL, 0, 1.5,
                1395066363123);
        exposition_put(exposition, "failcnt", EXPOSITION_COUNTER, "Hits.", 3);
        exposition_put(exposition, "u", EXPOSITION_UNTYPED, "U.", -INFINITY);
        exposition_put(exposition, "x_bytes", EXPOSITION_GAUGE, "X.", 1e6);
        BUF out = { .max = MEMORY };
        assert_string_equal(text_of(exposition, EXPOSITION_OPENMETRICS, &out),
                "# HELP cpu_seconds Time.\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds seconds\n"
                "cpu_seconds_total 1.5 1395066363.123\n"
                "# HELP failcnt Hits.\n# TYPE failcnt unknown\nfailcnt 3.0\n"
                "# HELP u U.\n# TYPE u unknown\nu -Inf\n"
                "# HELP x_bytes X.\n# TYPE x_bytes gauge\n# UNIT x_bytes bytes\nx_bytes 1e+06\n# EOF\n");
}

static void test_histogram(void **state)
{
        (void)state;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct exposition_family *h = exposition_family(exposition, "h", EXPOSITION_HISTOGRAM, "H.");
        exposition_add_part(h, EXPOSITION_COUNT, LABELS({ "a", "x" }), 1, 9, EXPOSITION_NO_TIME);
        exposition_add_part(h, EXPOSITION_SUM, LABELS({ "a", "x" }), 1, 99, EXPOSITION_NO_TIME);
        exposition_add_part(h, EXPOSITION_BUCKET, LABELS({ "le", "+Inf" }, { "a", "x" }), 2, 9, EXPOSITION_NO_TIME);
        exposition_add_part(h, EXPOSITION_BUCKET, LABELS({ "le", "10" }, { "a", "x" }), 2, 8, EXPOSITION_NO_TIME);
        exposition_add_part(h, EXPOSITION_BUCKET, LABELS({ "le", "9" }, { "a", "x" }), 2, 7, EXPOSITION_NO_TIME);
        exposition_add_part(h, EXPOSITION_COUNT, LABELS({ "a", "b" }), 1, 1, EXPOSITION_NO_TIME);
        struct exposition_family *s = exposition_family(exposition, "s", EXPOSITION_SUMMARY, "S.");
        exposition_add_part(s, EXPOSITION_SUM, NULL, 0, 5, EXPOSITION_NO_TIME);
        exposition_add_part(s, EXPOSITION_VALUE, LABELS({ "quantile", "0.5" }), 1, 2, EXPOSITION_NO_TIME);
        BUF out = { .max = MEMORY };
        assert_string_equal(text_of(exposition, EXPOSITION_TEXT, &out),
                "# HELP h H.\n# TYPE h histogram\n"
                "h_count{a=\"b\"} 1\n"
                "h_bucket{a=\"x\",le=\"9\"} 7\nh_bucket{a=\"x\",le=\"10\"} 8\nh_bucket{a=\"x\",le=\"+Inf\"} 9\n"
                "h_sum{a=\"x\"} 99\nh_count{a=\"x\"} 9\n"
                "# HELP s S.\n# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_sum 5\n");
}

static void test_ceilings(void **state)
{
        (void)state;
        struct error err;
        EXPOSITION exposition = exposition_new(4096, NULL);
        struct exposition_family *family = exposition_family(exposition, "f", EXPOSITION_GAUGE, "F.");
        for (int i = 0; i < 1000; i++) {
                char value[16];
                snprintf(value, sizeof(value), "%d", i);
                exposition_add(family, LABELS({ "i", value }), 1, i, EXPOSITION_NO_TIME);
        }
        BUF out = { .max = MEMORY };
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, &out, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_int_equal(out.len, 0);

        EXPOSITION large = exposition_new(MEMORY, NULL);
        exposition_put(large, "a_name_longer_than_the_text_may_be", EXPOSITION_GAUGE, "F.", 1);
        BUF small = { .max = 20 };
        assert_int_equal(exposition_write(large, EXPOSITION_TEXT, &small, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
}

/* Many samples in the worst orders come out as one order, whole. */
static void test_sorting(void **state)
{
        (void)state;
        for (int manner = 0; manner < 4; manner++) {
                EXPOSITION exposition = exposition_new(16 * MEMORY, NULL);
                struct exposition_family *family = exposition_family(exposition, "f", EXPOSITION_GAUGE, NULL);
                enum { COUNT = 5000 };
                for (int i = 0; i < COUNT; i++) {
                        int number = manner == 0   ? i
                                     : manner == 1 ? COUNT - 1 - i
                                     : manner == 2 ? i * 1999 % COUNT
                                                   : i ^ 1;
                        char value[16];
                        snprintf(value, sizeof(value), "%05d", number);
                        exposition_add(family, LABELS({ "i", value }), 1, number, EXPOSITION_NO_TIME);
                }
                BUF out = { .max = MEMORY };
                struct sv text = sv_of(text_of(exposition, EXPOSITION_TEXT, &out)), line;
                assert_true(sv_line(&text, &line));
                for (int i = 0; i < COUNT; i++) {
                        char expected[64];
                        int length = snprintf(expected, sizeof(expected), "f{i=\"%05d\"} %d", i, i);
                        assert_true(sv_line(&text, &line));
                        assert_int_equal(line.n, length);
                        assert_memory_equal(line.p, expected, line.n);
                }
                assert_false(sv_line(&text, &line));
        }
}

/* Ten containers with labels around each sample's own ones; some have no sample in a family. */
static struct exposition *containers_make(bool follow, int manner)
{
        enum { CONTAINERS = 10 };
        struct exposition *exposition = exposition_new(16 * MEMORY, NULL);
        struct exposition_labels *sets[CONTAINERS];
        for (int i = 0; i < CONTAINERS; i++) {
                char a[16], z[16];
                snprintf(a, sizeof(a), "%d", i / 3);
                snprintf(z, sizeof(z), "%d", i);
                sets[i] = exposition_labels(exposition, LABELS({ "b", a }, { "m", i % 3 ? "y" : "x" }, { "z", z }), 3);
                if (follow && i > 0)
                        exposition_labels_follow(sets[i], sets[i - 1]);
        }
        static const char *const own[] = { "a", "c", "n", "zz" };
        for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++) {
                struct exposition_family *family = exposition_family(exposition, own[k], EXPOSITION_GAUGE, NULL);
                for (int i = 0; i < CONTAINERS; i++) {
                        const struct exposition_labels *set = sets[manner == 0 ? i : manner == 1 ? 9 - i : i * 7 % 10];
                        exposition_add_to(family, set, LABELS({ own[k], "2" }), 1, i, EXPOSITION_NO_TIME);
                        exposition_add_to(family, set, LABELS({ own[k], "1" }), 1, i, EXPOSITION_NO_TIME);
                        if (i % 4 == 0)
                                exposition_add_to(family, set, NULL, 0, i, EXPOSITION_NO_TIME);
                        if (i == 5)
                                exposition_add_to(family, set, LABELS({ own[k], "1" }), 1, i, EXPOSITION_NO_TIME);
                }
        }
        return exposition;
}

/* What is told of the order of sets changes nothing but the time; nor do pieces. */
static void test_neighbours_and_pieces(void **state)
{
        (void)state;
        for (int manner = 0; manner < 3; manner++) {
                EXPOSITION plain = containers_make(false, manner);
                EXPOSITION told = containers_make(true, manner);
                BUF expected = { .max = MEMORY };
                BUF got = { .max = MEMORY };
                assert_int_equal(exposition_write(plain, EXPOSITION_OPENMETRICS, &expected, NULL), 0);
                assert_int_equal(exposition_write_begin(told, EXPOSITION_OPENMETRICS, NULL), 0);
                int pieces = 0;
                for (bool again = true; again; pieces++) {
                        BUF piece = { .max = MEMORY };
                        again = exposition_write_more(told, &piece, 1);
                        buf_puts(&got, buf_text(&piece));
                }
                assert_true(pieces > 90);
                assert_string_equal(buf_text(&got), buf_text(&expected));
                assert_int_equal(exposition_refused(plain), 4);
                assert_int_equal(exposition_refused(told), 4);
        }
}

static void test_label_names(void **state)
{
        (void)state;
        static const char *const cases[][2] = { { "foo.label", "foo_label" }, { "foo+env", "foo_env" },
                { "9lives", "_lives" }, { "caf\xc3\xa9", "caf_" }, { "\xff\xfe", "__" }, { "", "" },
                { "io.kubernetes.pod/name", "io_kubernetes_pod_name" } };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                BUF out = { .max = 100 };
                exposition_label_name(&out, cases[i][0]);
                assert_string_equal(buf_text(&out), cases[i][1]);
        }
        BUF out = { .max = 100 };
        buf_puts(&out, "container_label_");
        exposition_label_name(&out, "9lives"); /* no longer the first */
        assert_string_equal(buf_text(&out), "container_label_9lives");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers), cmocka_unit_test(test_numbers_round_trip),
                cmocka_unit_test(test_order), cmocka_unit_test(test_sets), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_bytes_of_others), cmocka_unit_test(test_openmetrics),
                cmocka_unit_test(test_histogram), cmocka_unit_test(test_ceilings), cmocka_unit_test(test_sorting),
                cmocka_unit_test(test_label_names), cmocka_unit_test(test_neighbours_and_pieces) };
        return cmocka_run_group_tests_name("exposition", tests, NULL, NULL);
}
