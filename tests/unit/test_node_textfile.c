/* The text exposition format as a textfile holds it: what is taken, and what refuses the whole file. */
#include "modules/metrics/node/textfile_parse.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <math.h>

static struct arena arena;
static struct error failure;

static int parse(const char *text, struct textfile *ret)
{
        arena_done(&arena);
        return textfile_parse(sv_of(text), &arena, ret, &failure);
}

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, 64 << 20);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

static void test_families(void **state)
{
        (void)state;
        struct textfile file;
        assert_int_equal(parse("# A comment of its own\n#\n"
                               "# HELP a_total Said \\\\ and \\n done.\n# TYPE a_total Counter\n"
                               "a_total{x=\"1\", y = \"b\\\"\\\\\\n\",} 1e3\n"
                               "\n  b:c \t -Inf\n# HELP empty \n# TYPE nothing gauge\n"
                               "a_total 0.5\n",
                                 &file),
                0);
        struct textfile_family *family = file.first;
        assert_string_equal(family->name, "a_total");
        assert_string_equal(family->help, "Said \\ and \n done.");
        assert_int_equal(family->type, EXPOSITION_COUNTER);
        assert_int_equal(family->first->label_count, 2);
        assert_string_equal(family->first->labels[1].name, "y");
        assert_string_equal(family->first->labels[1].value, "b\"\\\n");
        assert_true(family->first->value == 1000);
        assert_true(family->last->value == 0.5);
        assert_int_equal(family->last->label_count, 0);
        family = family->next;
        assert_string_equal(family->name, "b:c");
        assert_null(family->help);
        assert_int_equal(family->type, EXPOSITION_UNTYPED);
        assert_true(isinf(family->first->value) && family->first->value < 0);
        assert_null(family->next); /* those without samples are no families */
        assert_ptr_equal(file.last, family);
        assert_false(file.has_timestamps);
        assert_int_equal(parse("", &file), 0);
        assert_null(file.first);
}

static void test_parts(void **state)
{
        (void)state;
        struct textfile file;
        assert_int_equal(parse("# TYPE h histogram\nh_bucket{le=\"0.5\",a=\"1\"} 1\nh_bucket{a=\"1\",le=\"+Inf\"} "
                               "2\nh_sum{a=\"1\"} 3\n"
                               "h_count{a=\"1\"} 2\nh_other 1\n# TYPE s summary\ns{quantile=\"0.9\"} 4\ns_sum "
                               "5\ns_count 6\ns_bucket 7\n",
                                 &file),
                0);
        static const enum exposition_part parts[] = { EXPOSITION_BUCKET, EXPOSITION_BUCKET, EXPOSITION_SUM,
                EXPOSITION_COUNT };
        const struct textfile_sample *sample = file.first->first;
        for (size_t i = 0; i < 4; i++, sample = sample->next) {
                assert_int_equal(sample->part, parts[i]);
                assert_int_equal(sample->label_count, 1); /* le is none */
        }
        assert_null(sample);
        assert_true(file.first->first->bound == 0.5);
        const struct textfile_family *other = file.first->next;
        assert_string_equal(other->name, "h_other");
        const struct textfile_family *summary = other->next;
        assert_string_equal(summary->name, "s");
        assert_int_equal(summary->first->part, EXPOSITION_VALUE);
        assert_true(summary->first->bound == 0.9);
        assert_int_equal(summary->last->part, EXPOSITION_COUNT);
        assert_string_equal(summary->next->name, "s_bucket"); /* a summary has none */
}

static void test_refused(void **state)
{
        (void)state;
        static const struct {
                const char *text, *says;
        } rows[] = {
                { "a 1", "line 0: unexpected end of input stream" },
                { "a\n", "line 1: expected float as value, got \"\"" },
                { "\n\na x\n", "line 3: expected float as value, got \"x\"" },
                { "a 0x10\n", "expected float as value" },
                { "a 1_000\n", "expected float as value" },
                { "a nan(1)\n", "expected float as value" },
                { "a 1 x\n", "expected integer as timestamp" },
                { "a 1 2 3\n", "spurious string after timestamp" },
                { "1a 1\n", "invalid metric name" },
                { "{\"quoted\"} 1\n", "invalid metric name" },
                { "a{1=\"\"} 1\n", "invalid label name for metric \"a\"" },
                { "a{b:c=\"\"} 1\n", "expected '=' after label name" },
                { "a{b} 1\n", "expected '=' after label name" },
                { "a{b=c} 1\n", "expected '\"' at start of label value" },
                { "a{b=\"c} 1\n", "label value contains unescaped new-line" },
                { "a{b=\"c\\\n", "label value contains unescaped new-line" },
                { "a{b=\"c\\x\"} 1\n", "invalid escape sequence" },
                { "a{b=\"\xff\"} 1\n", "invalid label value" },
                { "a{b=\"c\" 1\n", "unexpected end of label value \"c\"" },
                { "a{b=\"c\",b=\"d\"} 1\n", "duplicate label names for metric \"a\"" },
                { "a{__name__=\"c\"} 1\n", "label name \"__name__\" is reserved" },
                { "# TYPE a gauge\n# TYPE a gauge\n", "second TYPE line for metric name \"a\"" },
                { "a 1\n# TYPE a gauge\n", "or TYPE reported after samples" },
                { "# HELP a x\n# HELP a x\n", "second HELP line for metric name \"a\"" },
                { "# HELP a x\\y\n", "invalid escape sequence" },
                { "# TYPE a thing\n", "unknown metric type \"thing\"" },
                { "# TYPE a-b gauge\n", "invalid metric name in comment" },
                { "# TYPE s summary\ns{quantile=\"x\"} 1\n", "expected float as value for 'quantile' label" },
                { "# TYPE h histogram\nh_bucket{le=\"\"} 1\n", "expected float as value for 'le' label" },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                struct textfile file = { 0 };
                assert_int_equal(parse(rows[i].text, &file), -1);
                assert_int_equal(failure.code, E_INVALID);
                if (!strstr(failure.message, rows[i].says))
                        fail_msg("%s: %s", rows[i].text, failure.message);
                assert_null(file.first);
        }
}

static void test_timestamps_are_told(void **state)
{
        (void)state;
        struct textfile file;
        assert_int_equal(parse("a 1 1441891872000\nb 2\n", &file), 0);
        assert_true(file.has_timestamps);
}

static void test_limits(void **state)
{
        (void)state;
        struct textfile file;
        struct buf text;
        buf_init(&text, 64 << 20);
        buf_puts(&text, "a{");
        for (int i = 0; i <= TEXTFILE_LABELS_MAX; i++)
                buf_printf(&text, "l%d=\"\",", i);
        buf_puts(&text, "} 1\n");
        assert_int_equal(parse(buf_text(&text), &file), -1);
        assert_int_equal(failure.code, E_TOO_LARGE);
        buf_clear(&text);
        for (int i = 0; i <= TEXTFILE_SAMPLES_MAX; i++)
                buf_puts(&text, "a 1\n");
        assert_int_equal(parse(buf_text(&text), &file), -1);
        assert_int_equal(failure.code, E_TOO_LARGE);
        buf_clear(&text);
        for (int i = 0; i <= TEXTFILE_FAMILIES_MAX; i++)
                buf_printf(&text, "a%d 1\n", i);
        assert_int_equal(parse(buf_text(&text), &file), -1);
        buf_done(&text);
        /* and a small arena */
        struct arena small;
        arena_init(&small, 16 << 10);
        assert_int_equal(textfile_parse(SV("a{b=\"c\"} 1\na{b=\"d\"} 1\n"), &small, &file, &failure), 0);
        arena_done(&small);
        arena_init(&small, 1 << 10);
        assert_int_equal(textfile_parse(SV("a{b=\"c\"} 1\n"), &small, &file, &failure), -1);
        assert_int_equal(failure.code, E_NO_MEMORY);
        arena_done(&small);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_families),
                cmocka_unit_test(test_parts),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_timestamps_are_told),
                cmocka_unit_test(test_limits),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
