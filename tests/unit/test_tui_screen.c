/* The canvas and what is drawn on it: nothing leaves its area, hostile texts are shown, and the pictures of widgets are
 * the same each time in UTF-8, in ASCII and without colours. */
#include "base/timefmt.h"
#include "tui/screen.h"
#include "tui/widgets/widgets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct look look_of(bool utf8, enum colour_depth depth)
{
        return (struct look){ .theme = &tui_themes[0], .depth = depth, .utf8 = utf8, .braille = utf8 };
}

static void assert_canvas(const struct canvas *canvas, bool styles, const char *expected)
{
        struct buf text;
        buf_init(&text, 1 << 20);
        canvas_text(canvas, styles, &text);
        assert_string_equal(buf_text(&text), expected);
        buf_done(&text);
}

static void open_canvas(struct canvas *canvas, int rows, int columns, const struct look *look)
{
        struct error err;
        assert_int_equal(canvas_init(canvas, rows, columns, look, &err), 0);
}

static void test_clipping(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_TRUE);
        struct canvas canvas;
        open_canvas(&canvas, 3, 10, &look);
        struct area area = area_part(canvas_area(&canvas), 1, 2, 1, 4);
        assert_int_equal(area_text(area, 0, 0, ROLE_TEXT, SV("abcdefgh")), 8); /* told whole, drawn in part */
        area_text(area, -1, 0, ROLE_TEXT, SV("no"));
        area_text(area, 1, 0, ROLE_TEXT, SV("no"));
        area_text(area, 0, -100, ROLE_TEXT, SV("no"));
        area_text(area, 0, 1000000, ROLE_TEXT, SV("no"));
        area_put(area, 0, 3, 100, ALIGN_RIGHT, ROLE_TEXT, SV("x"));
        area_paint(area, 5, 0, 4, ROLE_SELECTED, 0);
        area_cursor(area, 3, 0);
        assert_int_equal(canvas.cursor_row, -1);
        assert_canvas(&canvas, false, "\n  abc\n\n");
        assert_true(area_empty(area_part(area, 0, 4, 1, 1)));
        assert_true(area_empty(area_part(area, 0, 0, -1, 4)));
        canvas_done(&canvas);
        assert_int_equal(canvas_init(&canvas, 1 << 20, -5, &look, NULL), 0);
        assert_int_equal(canvas.rows, CANVAS_ROWS_MAX);
        assert_int_equal(canvas.columns, 1);
        canvas_done(&canvas);
}

static void test_wide_letters(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_TRUE);
        struct canvas canvas;
        open_canvas(&canvas, 2, 6, &look);
        struct area area = canvas_area(&canvas);
        assert_int_equal(area_text(area, 0, 0, ROLE_TEXT, SV("日本語字")), 8);
        assert_canvas(&canvas, false, "日本語\n\n");
        area_text(area, 0, 1, ROLE_TEXT, SV("x")); /* over the right half: the left one goes too */
        assert_canvas(&canvas, false, " x本語\n\n");
        area_text(area, 0, 2, ROLE_TEXT, SV("y"));
        assert_canvas(&canvas, false, " xy 語\n\n");
        area_text(area, 1, 5, ROLE_TEXT, SV("日")); /* half of it would be outside */
        area_put(area, 1, 0, 4, ALIGN_LEFT, ROLE_TEXT, SV("日本語"));
        assert_canvas(&canvas, false, " xy 語\n日…\n");
        canvas_clear(&canvas);
        area_text(area, 0, 0, ROLE_TEXT, SV("e\xcc\x81g")); /* a mark belongs to its letter */
        assert_canvas(&canvas, false, "e\xcc\x81g\n\n");
        canvas_done(&canvas);
}

static void test_hostile(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_TRUE);
        struct canvas canvas;
        open_canvas(&canvas, 1, 60, &look);
        area_text(canvas_area(&canvas), 0, 0, ROLE_TEXT,
                SV("a\033[2J\n\xff\xe2\x80\xae"
                   "b\xc2\x9b"));
        assert_canvas(&canvas, false, "a\\x1b[2J\\n\\xff\\u202eb\\x9b\n");
        canvas_done(&canvas);
        look = look_of(false, COLOUR_TRUE); /* ASCII: other letters by their width */
        open_canvas(&canvas, 1, 20, &look);
        area_text(canvas_area(&canvas), 0, 0, ROLE_TEXT, SV("caf\xc3\xa9 日."));
        area_put(canvas_area(&canvas), 0, 10, 5, ALIGN_LEFT, ROLE_TEXT, SV("something"));
        assert_canvas(&canvas, false, "caf? ??.  some~\n");
        canvas_done(&canvas);
}

static void test_alignment(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_NONE);
        struct canvas canvas;
        open_canvas(&canvas, 3, 12, &look);
        struct area area = canvas_area(&canvas);
        area_put(area, 0, 0, 6, ALIGN_RIGHT, ROLE_TEXT, SV("12"));
        area_put(area, 1, 0, 6, ALIGN_CENTRE, ROLE_TEXT, SV("ab"));
        area_put(area, 2, 0, 6, ALIGN_RIGHT, ROLE_TEXT, SV("1234567"));
        assert_canvas(&canvas, false, "    12\n  ab\n12345…\n");
        canvas_done(&canvas);
}

static void test_box(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_NONE);
        struct canvas canvas;
        open_canvas(&canvas, 3, 14, &look);
        struct area inside = area_box(canvas_area(&canvas), ROLE_BORDER, SV("title"));
        area_text(inside, 0, 0, ROLE_TEXT, SV("within the frame"));
        assert_canvas(&canvas, false, "┌─ title ────┐\n│within the f│\n└────────────┘\n");
        look = look_of(false, COLOUR_NONE);
        canvas_clear(&canvas);
        area_box(canvas_area(&canvas), ROLE_BORDER, SV("a title that is too long"));
        assert_canvas(&canvas, false, "+- a title t-+\n|            |\n+------------+\n");
        canvas_done(&canvas);
}

/* --- pictures --- */

static void fill(struct history *history)
{
        *history = (struct history){ 0 };
        for (int i = 0; i <= 8; i++)
                history_add(history, 20, i);
        history_add(history, 20, (double)NAN);
        history_add(history, 20, 4);
}

static void draw_sparkline(bool utf8, bool braille, int rows, const char *expected)
{
        struct look look = look_of(utf8, COLOUR_NONE);
        struct history history;
        struct canvas canvas;
        look.braille = braille;
        fill(&history);
        open_canvas(&canvas, rows, 12, &look);
        sparkline_draw(canvas_area(&canvas), ROLE_SERIES_1, &history, 0);
        assert_canvas(&canvas, false, expected);
        canvas_done(&canvas);
        history_done(&history);
}

static void test_sparkline(void **state)
{
        (void)state;
        draw_sparkline(true, true, 1, "       ⣀⣤⣶⣿⢠\n");
        draw_sparkline(true, false, 1, "  ▁▂▃▄▅▆▇█ ▄\n");
        draw_sparkline(false, false, 1, "  .:-=+*#@ =\n");
        draw_sparkline(true, false, 2, "      ▂▄▆█\n  ▂▄▆█████ █\n");
        struct look look = look_of(true, COLOUR_NONE);
        struct history none = { 0 };
        struct canvas canvas;
        open_canvas(&canvas, 1, 5, &look);
        sparkline_draw(canvas_area(&canvas), ROLE_SERIES_1, &none, 1);
        assert_canvas(&canvas, false, "\n");
        canvas_done(&canvas);
}

static void test_gauge(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_NONE);
        struct canvas canvas;
        open_canvas(&canvas, 4, 20, &look);
        struct area area = canvas_area(&canvas);
        gauge_draw(area_part(area, 0, 0, 1, 20), SV("CPU"), 0.5, SV("50 %"));
        gauge_draw(area_part(area, 1, 0, 1, 20), SV("CPU"), 7.5, SV("lots"));
        gauge_draw(area_part(area, 2, 0, 1, 20), SV("CPU"), (double)NAN, SV("-"));
        gauge_draw(area_part(area, 3, 0, 1, 6), SV("CPU"), 0.5, SV("50 %"));
        assert_canvas(&canvas, false, "CPU ██████░░░░░ 50 %\nCPU ███████████ lots\nCPU ░░░░░░░░░░░░░░ -\nC 50 %\n");
        look = look_of(false, COLOUR_NONE);
        canvas_clear(&canvas);
        gauge_draw(area_part(area, 0, 0, 1, 20), SV("CPU"), 0.01, SV("1 %"));
        assert_canvas(&canvas, false, "CPU |........... 1 %\n\n\n\n");
        canvas_done(&canvas);
}

static void test_tabs(void **state)
{
        (void)state;
        static const char *const titles[] = { "One", "Two", "Three" };
        struct look look = look_of(true, COLOUR_NONE);
        struct canvas canvas;
        open_canvas(&canvas, 1, 24, &look);
        struct area area = canvas_area(&canvas);
        tabs_draw(area, titles, 3, 0);
        assert_canvas(&canvas, false, " 1 One  2 Two  3 Three\n");
        assert_int_equal(tabs_at(area, titles, 3, 0, 0), 0);
        assert_int_equal(tabs_at(area, titles, 3, 0, 7), 1);
        assert_int_equal(tabs_at(area, titles, 3, 0, 23), -1);
        canvas_clear(&canvas);
        struct area narrow = area_part(area, 0, 0, 1, 10); /* the active one is seen */
        tabs_draw(narrow, titles, 3, 2);
        assert_canvas(&canvas, false, " 3 Three\n");
        assert_int_equal(tabs_at(narrow, titles, 3, 2, 3), 2);
        canvas_done(&canvas);
}

static void test_short_numbers(void **state)
{
        (void)state;
        char text[SHORT_TEXT_MAX];
#define assert_short(function, value, expected)                                                                        \
        do {                                                                                                           \
                function(value, text);                                                                                 \
                assert_string_equal(text, expected);                                                                   \
        } while (0)
        assert_short(short_bytes, 0, "0");
        assert_short(short_bytes, 999, "999");
        assert_short(short_bytes, 1536, "1.5K");
        assert_short(short_bytes, 123.0 * 1024 * 1024, "123M");
        assert_short(short_bytes, 5e18, "4.3E");
        assert_short(short_bytes, (double)NAN, "-");
        assert_short(short_count, 999, "999");
        assert_short(short_count, 1234, "1.2k");
        assert_short(short_count, 0.5, "0.5");
        assert_short(short_count, -1500, "-1.5k");
        assert_short(short_duration, 59 * SECOND, "59s");
        assert_short(short_duration, 61 * SECOND, "1m01s");
        assert_short(short_duration, 3 * HOUR + 4 * MINUTE, "3h04m");
        assert_short(short_duration, 50 * HOUR, "2d02h");
        assert_short(short_duration, -1, "-");
}

/* --- colours --- */

static void test_styles(void **state)
{
        (void)state;
        struct look look = look_of(true, COLOUR_TRUE);
        struct canvas canvas;
        open_canvas(&canvas, 1, 8, &look);
        struct area area = canvas_area(&canvas);
        area_text(area, 0, 0, ROLE_SUCCESS, SV("ok"));
        area_text(area, 0, 3, ROLE_TEXT, SV("x"));
        assert_canvas(&canvas, true, "\033[38;2;107;217;139mok\033[0m x\n");
        look.depth = COLOUR_256;
        assert_canvas(&canvas, true, "\033[38;5;78mok\033[0m x\n");
        look.depth = COLOUR_16;
        assert_canvas(&canvas, true, "\033[32mok\033[0m x\n");
        area_paint(area, 0, 0, 4, ROLE_SELECTED, 0);
        assert_canvas(&canvas, true, "\033[30;46mok x\033[0m\n");
        look.depth = COLOUR_NONE; /* attributes alone */
        assert_canvas(&canvas, true, "\033[7mok x\033[0m\n");
        canvas_done(&canvas);
}

/* In no theme is a text on a ground written in the ground's own colour, at any depth; without colours the roles that
 * must be told apart differ by attributes. */
static void test_themes(void **state)
{
        (void)state;
        static const enum tui_role grounds[] = { ROLE_SELECTED, ROLE_STATUS, ROLE_TAB, ROLE_TAB_ACTIVE, ROLE_HEADER,
                ROLE_HEADER_SORT, ROLE_DIALOG, ROLE_BUTTON, ROLE_INPUT, ROLE_TITLE };
        for (const struct tui_theme *theme = tui_themes; theme->name; theme++) {
                assert_ptr_equal(tui_theme_find(sv_of(theme->name)), theme);
                for (enum colour_depth depth = COLOUR_NONE; depth <= COLOUR_TRUE; depth++) {
                        struct look look = { .theme = theme, .depth = depth, .utf8 = true };
                        for (size_t g = 0; g < sizeof(grounds) / sizeof(grounds[0]); g++)
                                for (int role = 0; role < ROLES_MAX; role++) {
                                        struct style style = look_style(&look, (enum tui_role)role, grounds[g], 0);
                                        if (style.background.kind == COLOUR_UNSET)
                                                continue;
                                        assert_int_not_equal(style.foreground.kind, COLOUR_UNSET);
                                        assert_false(style.foreground.kind == style.background.kind &&
                                                     style.foreground.value == style.background.value);
                                }
                }
        }
        struct look mono = { .theme = &tui_themes[0], .depth = COLOUR_NONE };
        assert_int_equal(look_style(&mono, ROLE_TEXT, ROLE_SELECTED, 0).attributes, STYLE_REVERSE);
        assert_int_not_equal(look_style(&mono, ROLE_ERROR, ROLE_TEXT, 0).attributes, 0);
        assert_int_not_equal(look_style(&mono, ROLE_SEVERITY_CRITICAL, ROLE_TEXT, 0).attributes,
                look_style(&mono, ROLE_SEVERITY_HIGH, ROLE_TEXT, 0).attributes);
        assert_null(tui_theme_find(SV("nosuch")));
}

/* Relative luminance and contrast of WCAG 2.2. */
static double luminance(uint32_t rgb)
{
        static const double weights[] = { 0.2126, 0.7152, 0.0722 };
        double sum = 0;
        for (int i = 0; i < 3; i++) {
                double c = (double)(rgb >> (16 - 8 * i) & 255) / 255;
                sum += weights[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
        }
        return sum;
}

static double contrast(uint32_t a, uint32_t b)
{
        double x = luminance(a), y = luminance(b);
        return x > y ? (x + 0.05) / (y + 0.05) : (y + 0.05) / (x + 0.05);
}

/* Texts can be read on each ground of the themes: 4.5 to 1, as WCAG asks; lines and empty parts of
 * gauges are not texts. */
static void test_contrast(void **state)
{
        (void)state;
        static const uint32_t papers[] = { 0x1c1c1c, 0xffffff, 0x000000 };
        for (size_t t = 0; t < 3; t++) {
                struct look look = { .theme = &tui_themes[t], .depth = COLOUR_TRUE };
                for (int ground = 0; ground < ROLES_MAX; ground++)
                        for (int role = 0; role < ROLES_MAX; role++) {
                                struct style style = look_style(&look, (enum tui_role)role, (enum tui_role)ground, 0);
                                if (style.foreground.kind != COLOUR_RGB)
                                        continue;
                                uint32_t paper =
                                        style.background.kind == COLOUR_RGB ? style.background.value : papers[t];
                                bool line = role == ROLE_BORDER || role == ROLE_TREE || role == ROLE_GAUGE_EMPTY;
                                if (contrast(style.foreground.value, paper) < (line ? 1.7 : 4.5))
                                        fail_msg("%s: %s on %s: %.2f", look.theme->name, tui_role_names[role],
                                                tui_role_names[ground], contrast(style.foreground.value, paper));
                        }
        }
}

static void test_look(void **state)
{
        (void)state;
        struct term term = { .utf8 = true, .depth = COLOUR_256 };
        struct look look;
        struct error err;
        setenv("TERM", "xterm-256color", 1);
        unsetenv("TARSIER_THEME");
        assert_int_equal(look_decide(&term, NULL, false, &look, &err), 0);
        assert_string_equal(look.theme->name, "dark");
        assert_true(look.utf8 && look.braille && look.depth == COLOUR_256);
        assert_int_equal(look_decide(&term, "light", true, &look, &err), 0);
        assert_string_equal(look.theme->name, "light");
        assert_false(look.utf8 || look.braille);
        setenv("TERM", "linux", 1); /* its font has no braille */
        setenv("TARSIER_THEME", "high-contrast", 1);
        assert_int_equal(look_decide(&term, NULL, false, &look, &err), 0);
        assert_string_equal(look.theme->name, "high-contrast");
        assert_true(look.utf8 && !look.braille);
        setenv("TARSIER_THEME", "default", 1); /* a theme of tables, not of this screen */
        assert_int_equal(look_decide(&term, NULL, false, &look, &err), 0);
        assert_string_equal(look.theme->name, "dark");
        assert_int_equal(look_decide(&term, "pink", false, &look, &err), -1);
        assert_non_null(strstr(err.message, "pink"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clipping),
                cmocka_unit_test(test_wide_letters),
                cmocka_unit_test(test_hostile),
                cmocka_unit_test(test_alignment),
                cmocka_unit_test(test_box),
                cmocka_unit_test(test_sparkline),
                cmocka_unit_test(test_gauge),
                cmocka_unit_test(test_tabs),
                cmocka_unit_test(test_short_numbers),
                cmocka_unit_test(test_styles),
                cmocka_unit_test(test_themes),
                cmocka_unit_test(test_contrast),
                cmocka_unit_test(test_look),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
