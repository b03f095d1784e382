/* Version orders: MIG's 42 cases, and the vectors of dpkg, rpm, apk and osv-scalibr. */
#include "lib/pkgdb/evr.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void load(const char *name, struct buf *out)
{
        char path[1024];
        const char *root = getenv("TARSIER_TESTDATA");
        const char *source = getenv("TARSIER_SOURCE");
        if (root)
                snprintf(path, sizeof(path), "%s/%s", root, name);
        else
                snprintf(path, sizeof(path), "%s/../shared/testdata/%s", source ? source : ".", name);
        buf_init(out, 64 << 20);
        if (file_read(AT_FDCWD, path, out, NULL) < 0) {
                print_message("# skipped: needs the test data (%s)\n", name);
                skip();
        }
}

static int sign_of(struct sv word)
{
        if (sv_eq(word, SV("<")) || sv_eq(word, SV("-1")))
                return -1;
        if (sv_eq(word, SV(">")) || sv_eq(word, SV("1")))
                return 1;
        return sv_eq(word, SV("=")) || sv_eq(word, SV("0")) ? 0 : 2;
}

/* Both ways round. */
static bool agrees(enum evr_order order, struct sv a, struct sv b, int expected)
{
        return evr_compare(order, a, b) == expected && evr_compare(order, b, a) == -expected;
}

struct tally {
        size_t agreed, all;
};

static void judge(struct tally *tally, const char *file, enum evr_order order, struct sv a, struct sv b, int expected)
{
        tally->all++;
        if (agrees(order, a, b, expected))
                tally->agreed++;
        else
                print_message("# %s: %.*s %c %.*s expected\n", file, SV_ARG(a), "<=>"[expected + 1], SV_ARG(b));
}

/* Lines "A < B", comments behind '#' or "//". */
static void infix_file(const char *name, enum evr_order order, size_t may_differ)
{
        cleanup(buf_done) struct buf text;
        struct tally tally = { 0 };
        char path[256];
        snprintf(path, sizeof(path), "scan/versions/%s", name);
        load(path, &text);
        struct sv rest = sv_n(text.data, text.len), line, a, b, relation;
        while (sv_line(&rest, &line)) {
                if (sv_starts(line, SV("#")) || !sv_word(&line, &a) || !sv_word(&line, &relation) ||
                        !sv_word(&line, &b) || sign_of(relation) == 2)
                        continue;
                judge(&tally, name, order, a, b, sign_of(relation));
        }
        print_message("# %s: %zu of %zu agree\n", name, tally.agreed, tally.all);
        assert_true(tally.all > 0);
        assert_in_range(tally.all - tally.agreed, 0, may_differ);
}

static void test_scribe(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        load("investigate/mig_evr_cases.json", &text);
        json_t *root = json_loadb(text.data, text.len, 0, NULL);
        json_t *cases = json_object_get(root, "cases");
        assert_int_equal(json_array_size(cases), 42);
        for (size_t i = 0; i < json_array_size(cases); i++) {
                json_t *one = json_array_get(cases, i);
                struct sv a = sv_of(json_string_value(json_array_get(one, 0)));
                struct sv relation = sv_of(json_string_value(json_array_get(one, 1)));
                struct sv b = sv_of(json_string_value(json_array_get(one, 2)));
                if (!agrees(EVR_SCRIBE, a, b, sign_of(relation)))
                        fail_msg("%.*s %.*s %.*s", SV_ARG(a), SV_ARG(relation), SV_ARG(b));
        }
        json_decref(root);
}

static void test_debian(void **state)
{
        (void)state;
        infix_file("debian-versions.txt", EVR_DPKG, 0);
}

static void test_debian_generated(void **state)
{
        (void)state;
        infix_file("debian-versions-generated.txt", EVR_DPKG, 0);
}

static void test_redhat(void **state)
{
        (void)state;
        infix_file("redhat-versions.txt", EVR_RPM, 0);
}

static void test_alpine(void **state)
{
        (void)state;
        infix_file("alpine-versions.txt", EVR_APK, 4); /* 4 of its versions that apk itself calls invalid */
}

static void test_alpine_generated(void **state)
{
        (void)state;
        infix_file("alpine-versions-generated.txt", EVR_APK, 0);
}

/* "A B -1" */
static void test_dpkg(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        struct tally tally = { 0 };
        load("scan/versions/dpkg-Dpkg_Version.data", &text);
        struct sv rest = sv_n(text.data, text.len), line, a, b, order;
        while (sv_line(&rest, &line))
                if (sv_word(&line, &a) && sv_word(&line, &b) && sv_word(&line, &order) && sign_of(order) != 2)
                        judge(&tally, "dpkg", EVR_DPKG, a, b, sign_of(order));
        print_message("# dpkg: %zu of %zu agree\n", tally.agreed, tally.all);
        assert_true(tally.all > 40);
        assert_int_equal(tally.agreed, tally.all);
}

/* "RPMVERCMP(A, B, -1)" */
static void test_rpm(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        struct tally tally = { 0 };
        load("scan/versions/rpm-rpmvercmp.txt", &text);
        struct sv rest = sv_n(text.data, text.len), line, a, b, order;
        while (sv_line(&rest, &line)) {
                if (!sv_starts(line, SV("RPMVERCMP(")) || !sv_ends(sv_trim(line), SV(")")))
                        continue;
                line = sv_trim(line);
                line = sv_n(line.p + 10, line.n - 11);
                if (!sv_split(&line, ',', &a) || !sv_split(&line, ',', &b) || !sv_split(&line, ',', &order))
                        continue;
                tally.all++;
                tally.agreed += evr_rpmvercmp(sv_trim(a), sv_trim(b)) == sign_of(sv_trim(order));
        }
        print_message("# rpmvercmp: %zu of %zu agree\n", tally.agreed, tally.all);
        assert_true(tally.all > 80);
        assert_int_equal(tally.agreed, tally.all);
}

/* "A < B", and "!A" or "A" alone for validity; the fuzzy matches ("~") are not ours. */
static void test_apk(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        struct tally tally = { 0 };
        struct tally valid = { 0 };
        load("scan/versions/apk-tools-version.data", &text);
        struct sv rest = sv_n(text.data, text.len), line, a, b, relation;
        while (sv_line(&rest, &line)) {
                line.n = sv_find(line, '#');
                if (!sv_word(&line, &a)) {
                        continue;
                } else if (!sv_word(&line, &relation)) {
                        bool expected = !sv_starts(a, SV("!"));
                        struct sv version = expected ? a : sv_n(a.p + 1, a.n - 1);
                        valid.all++;
                        if (evr_apk_valid(version) == expected)
                                valid.agreed++;
                        else
                                print_message("# apk: %.*s\n", SV_ARG(a));
                } else if (sign_of(relation) != 2 && sv_word(&line, &b)) {
                        judge(&tally, "apk", EVR_APK, a, b, sign_of(relation));
                }
        }
        print_message(
                "# apk: %zu of %zu agree, validity %zu of %zu\n", tally.agreed, tally.all, valid.agreed, valid.all);
        assert_true(tally.all > 700);
        assert_int_equal(tally.agreed, tally.all);
        assert_int_equal(valid.agreed, valid.all);
}

/* vercmp(8)'s own examples. */
static void test_pacman(void **state)
{
        (void)state;
        static const char *const order[] = { "1.0a", "1.0b", "1.0beta", "1.0p", "1.0pre", "1.0rc", "1.0", "1.0.a",
                "1.0.1" };
        for (size_t i = 0; i + 1 < sizeof(order) / sizeof(order[0]); i++)
                if (!agrees(EVR_PACMAN, sv_of(order[i]), sv_of(order[i + 1]), -1))
                        fail_msg("%s < %s", order[i], order[i + 1]);
        static const char *const numbers[] = { "1", "1.0", "1.1", "1.1.1", "1.2", "2.0", "3.0.0" };
        for (size_t i = 0; i + 1 < sizeof(numbers) / sizeof(numbers[0]); i++)
                if (!agrees(EVR_PACMAN, sv_of(numbers[i]), sv_of(numbers[i + 1]), -1))
                        fail_msg("%s < %s", numbers[i], numbers[i + 1]);
        assert_true(agrees(EVR_PACMAN, SV("1.5-1"), SV("1.5"), 0)); /* a release counts only when both have one */
        assert_true(agrees(EVR_PACMAN, SV("1.5-1"), SV("1.5-2"), -1));
        assert_true(agrees(EVR_PACMAN, SV("1:1.0-1"), SV("2.0-1"), 1));
        assert_true(agrees(EVR_PACMAN, SV("1.5.a"), SV("1.5"), 1));
        assert_true(agrees(EVR_PACMAN, SV("1.5.b"), SV("1.5.a"), 1));
        enum evr_order got;
        assert_true(evr_order_of_type(SV("pacman"), &got));
        assert_int_equal(got, EVR_PACMAN);
        assert_false(evr_order_of_type(SV("snap"), &got));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scribe),
                cmocka_unit_test(test_debian),
                cmocka_unit_test(test_debian_generated),
                cmocka_unit_test(test_redhat),
                cmocka_unit_test(test_alpine),
                cmocka_unit_test(test_alpine_generated),
                cmocka_unit_test(test_dpkg),
                cmocka_unit_test(test_rpm),
                cmocka_unit_test(test_apk),
                cmocka_unit_test(test_pacman),
        };
        return cmocka_run_group_tests_name("evr", tests, NULL, NULL);
}
