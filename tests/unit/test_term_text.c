/* Texts on a terminal: hostile ones shown, stripped or with their colours; their columns; tables that fit. */
#include "term/escape.h"
#include "term/table.h"
#include "term/width.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define assert_filtered(mode, text, expected)                                                                          \
        do {                                                                                                           \
                struct buf out_;                                                                                       \
                buf_init(&out_, 1 << 16);                                                                              \
                term_filter(&out_, SV(text), mode);                                                                    \
                assert_string_equal(buf_text(&out_), expected);                                                        \
                buf_done(&out_);                                                                                       \
        } while (0)

static void test_show(void **state)
{
        (void)state;
        assert_filtered(TERM_SHOW, "plain \xc3\xa9 \xe6\x97\xa5", "plain \xc3\xa9 \xe6\x97\xa5");
        assert_filtered(TERM_SHOW, "a\nb\tc\rd", "a\\nb\\tc\\rd");
        assert_filtered(TERM_SHOW, "\x1b[31mred\x07\x7f", "\\x1b[31mred\\x07\\x7f");
        assert_filtered(TERM_SHOW,
                "\xc2\x9b"
                "31m",
                "\\x9b31m"); /* C1 as UTF-8 */
        assert_filtered(TERM_SHOW,
                "\x9b"
                "31m\xff",
                "\\x9b31m\\xff"); /* and as a byte */
        assert_filtered(TERM_SHOW,
                "\xe2\x80\xae"
                "abc",
                "\\u202eabc"); /* right to left */
        assert_filtered(TERM_SHOW,
                "\xe2\x81\xa6"
                "x\xe2\x80\x8f",
                "\\u2066x\\u200f");
        assert_filtered(TERM_SHOW, "\xed\xa0\x80\xc0\xaf", "\\xed\\xa0\\x80\\xc0\\xaf"); /* surrogate, overlong */
}

static void test_strip(void **state)
{
        (void)state;
        assert_filtered(TERM_STRIP, "\x1b[1;31mred\x1b[0m", "red");
        assert_filtered(TERM_STRIP, "\x1b]0;title\x07x\x1b]8;;u\x1b\\y", "xy");
        assert_filtered(TERM_STRIP, "\x1bP1$q\x1b\\a\x1b_apc\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d", "abcd");
        assert_filtered(TERM_STRIP,
                "\x1b(B\x1b"
                "7\x1b"
                "cx",
                "x");
        assert_filtered(TERM_STRIP,
                "\xc2\x9b"
                "2Jx\xc2\x9d"
                "0;t\xc2\x9cy",
                "xy");
        /* one without an end is shown: nothing behind it disappears */
        assert_filtered(TERM_STRIP, "\x1b]0;never ends", "\\x1b]0;never ends");
        assert_filtered(TERM_STRIP, "\x1b[12", "\\x1b[12");
        assert_filtered(TERM_STRIP, "x\x1b", "x\\x1b");
        assert_filtered(TERM_STRIP, "\x1b]0;a\x1b[2Jb", "\\x1b]0;ab");
}

static void test_styles_pass(void **state)
{
        (void)state;
        assert_filtered(TERM_STYLES, "\x1b[1;31mred\x1b[0m x", "\x1b[1;31mred\x1b[0m x");
        assert_filtered(TERM_STYLES, "\x1b[38;2;8;8;8mx", "\x1b[38;2;8;8;8mx\x1b[0m"); /* closed at the end */
        assert_filtered(TERM_STYLES, "\x1b[2J\x1b[8mhidden", "hidden");                /* no concealed text */
        assert_filtered(TERM_STYLES, "\x1b[>4;2m\x1b[?25lx", "x");                     /* private forms end in m too */
}

static void test_width(void **state)
{
        static const struct {
                const char *text;
                size_t columns;
        } cases[] = {
                { "", 0 },
                { "abc", 3 },
                { "e\xcc\x81", 1 },                                    /* e and a combining acute */
                { "\xe6\x97\xa5\xe6\x9c\xac", 4 },                     /* two Han letters */
                { "\xea\xb0\x80", 2 },                                 /* a Hangul syllable */
                { "\xef\xbc\xa1", 2 },                                 /* fullwidth A */
                { "\xf0\x9f\x98\x80", 2 },                             /* a face */
                { "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80", 2 }, /* joined: an astronaut */
                { "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd", 2 },             /* a thumb with a skin tone */
                { "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa", 2 },             /* a flag */
                { "\xe2\x9d\xa4\xef\xb8\x8f", 2 },                     /* a heart as a picture (VS16) */
                { "\xff\xfe", 2 },                                     /* no UTF-8: one each */
                { "\x1b[1;31mab\x1b[0m", 2 },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (term_width(sv_of(cases[i].text)) != cases[i].columns)
                        fail_msg("\"%s\" takes %zu columns", cases[i].text, term_width(sv_of(cases[i].text)));
}

#define assert_cut(text, width, expected)                                                                              \
        do {                                                                                                           \
                struct buf out_;                                                                                       \
                buf_init(&out_, 4096);                                                                                 \
                term_truncate(&out_, SV(text), width, true);                                                           \
                assert_string_equal(buf_text(&out_), expected);                                                        \
                buf_done(&out_);                                                                                       \
        } while (0)

static void test_cut_and_wrap(void **state)
{
        (void)state;
        assert_cut("abc", 3, "abc");
        assert_cut("abcd", 3, "ab\u2026");
        assert_cut("\u65e5\u672c\u8a9e", 4, "\u65e5\u2026"); /* half a letter is none */
        assert_cut("abc", 0, "");
        assert_cut("\x1b[31mabcd\x1b[0m", 3, "\x1b[31mab\u2026\x1b[0m");
        struct sv rest = SV("one two  verylongword x"), line;
        const char *const expected[] = { "one two", "verylong", "word x" };
        for (size_t i = 0; i < 3; i++) {
                assert_true(term_wrap(&rest, 8, &line));
                assert_int_equal(line.n, strlen(expected[i]));
                assert_memory_equal(line.p, expected[i], line.n);
        }
        assert_false(term_wrap(&rest, 8, &line));
}

static const struct table_column columns[] = {
        { .title = "NAME", .least = 4 },
        { .title = "SIZE", .right = true, .least = 4 },
        { .title = "OWNER", .priority = 2 },
        { .title = "NOTE", .overflow = TABLE_WRAP, .priority = 1, .least = 8 },
};

static void assert_table(unsigned width, bool header, enum colour_depth depth, const char *expected)
{
        static const char *const rows[][4] = { { "alpha", "12", "root", "the first of all" },
                { "\u65e5\u672c", "3456", NULL, "x\x1by" } };
        struct error err;
        struct term term = { .width = width, .utf8 = true, .depth = depth, .theme = theme_find(NULL) };
        struct buf out;
        buf_init(&out, 1 << 16);
        struct term_table *table = term_table_new(columns, 4, &err);
        assert_non_null(table);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(term_table_row(table, rows[i], &err), 0);
        term_table_put(&out, &term, table, header);
        assert_string_equal(buf_text(&out), expected);
        term_table_free(table);
        buf_done(&out);
}

static void test_table(void **state)
{
        (void)state;
        assert_table(0, true, COLOUR_NONE,
                "NAME   SIZE  OWNER  NOTE\n"
                "alpha    12  root   the first of all\n"
                "\u65e5\u672c   3456         x\\x1by\n");
        assert_table(0, false, COLOUR_NONE,
                "alpha    12  root  the first of all\n"
                "\u65e5\u672c   3456        x\\x1by\n");
        assert_table(30, true, COLOUR_NONE,
                "NAME   SIZE  OWNER  NOTE\n"
                "alpha    12  root   the first\n"
                "                    of all\n"
                "\u65e5\u672c   3456         x\\x1by\n");
        /* the owner goes first, then the note */
        assert_table(21, true, COLOUR_NONE,
                "NAME   SIZE  NOTE\n"
                "alpha    12  the\n"
                "             first of\n"
                "             all\n"
                "\u65e5\u672c   3456  x\\x1by\n");
        assert_table(10, true, COLOUR_NONE,
                "NAME  SIZE\n"
                "alp\u2026    12\n"
                "\u65e5\u672c  3456\n");
        assert_table(11, true, COLOUR_16,
                "\x1b[1mNAME\x1b[0m   \x1b[1mSIZE\x1b[0m\n"
                "alpha    12\n"
                "\u65e5\u672c   3456\n");
}

static void test_table_limits(void **state)
{
        (void)state;
        struct error err;
        assert_null(term_table_new(columns, 0, &err));
        assert_null(term_table_new(columns, TABLE_COLUMNS_MAX + 1, &err));
        assert_int_equal(err.code, E_INVALID);
        struct term_table *table = term_table_new(columns, 1, &err);
        struct buf huge;
        buf_init(&huge, 1 << 20);
        for (size_t i = 0; i < 70000; i++)
                buf_putc(&huge, 'x');
        const char *const cells[] = { buf_text(&huge) };
        assert_int_equal(term_table_row(table, cells, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
        buf_done(&huge);
        term_table_free(table);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_show),
                cmocka_unit_test(test_strip),
                cmocka_unit_test(test_styles_pass),
                cmocka_unit_test(test_width),
                cmocka_unit_test(test_cut_and_wrap),
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_table_limits),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
