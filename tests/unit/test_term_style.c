/* Colours: who decides, how rich, what is left of a colour where there are fewer, and how tags become sequences. */
#include "term/style.h"

#include "term/pager.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

struct setting {
        const char *name, *value;
};

struct environment {
        struct setting settings[6];
};

static const char *look_up(const char *name, void *cookie)
{
        const struct environment *environment = cookie;
        for (size_t i = 0; i < 6 && environment->settings[i].name; i++)
                if (strcmp(environment->settings[i].name, name) == 0)
                        return environment->settings[i].value;
        return NULL;
}

static void test_decision(void **state)
{
        static const struct {
                enum colour_wish wish;
                bool tty;
                enum colour_depth depth;
                struct environment environment;
        } cases[] = {
                /* the terminal's name */
                { COLOUR_AUTO, true, COLOUR_NONE, { { { NULL, NULL } } } },
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "TERM", "" } } } },
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "TERM", "dumb" } } } },
                { COLOUR_AUTO, true, COLOUR_16, { { { "TERM", "xterm" } } } },
                { COLOUR_AUTO, true, COLOUR_16, { { { "TERM", "linux" } } } },
                { COLOUR_AUTO, true, COLOUR_256, { { { "TERM", "xterm-256color" } } } },
                { COLOUR_AUTO, true, COLOUR_256, { { { "TERM", "tmux-256color" }, { "COLORTERM", "yes" } } } },
                { COLOUR_AUTO, true, COLOUR_TRUE, { { { "TERM", "xterm-256color" }, { "COLORTERM", "truecolor" } } } },
                { COLOUR_AUTO, true, COLOUR_TRUE, { { { "TERM", "xterm" }, { "COLORTERM", "24bit" } } } },
                { COLOUR_AUTO, true, COLOUR_TRUE, { { { "TERM", "xterm-direct" } } } },
                { COLOUR_AUTO, true, COLOUR_TRUE, { { { "TERM", "xterm-kitty" } } } },
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "TERM", "dumb" }, { "COLORTERM", "truecolor" } } } },
                /* a file or a pipe */
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "TERM", "xterm" } } } },
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "TERM", "xterm" }, { "COLORTERM", "truecolor" } } } },
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "TERM", "xterm" }, { "CLICOLOR", "1" } } } },
                /* CLICOLOR=0 is above the terminal */
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "TERM", "xterm" }, { "CLICOLOR", "0" } } } },
                { COLOUR_AUTO, true, COLOUR_16, { { { "TERM", "xterm" }, { "CLICOLOR", "1" } } } },
                /* force is above CLICOLOR=0, dumb and no terminal */
                { COLOUR_AUTO, false, COLOUR_16, { { { "CLICOLOR_FORCE", "1" } } } },
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "CLICOLOR_FORCE", "0" }, { "TERM", "xterm" } } } },
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "CLICOLOR_FORCE", "" }, { "TERM", "xterm" } } } },
                { COLOUR_AUTO, false, COLOUR_16, { { { "CLICOLOR_FORCE", "1" }, { "CLICOLOR", "0" } } } },
                { COLOUR_AUTO, false, COLOUR_16, { { { "FORCE_COLOR", "1" }, { "TERM", "dumb" } } } },
                { COLOUR_AUTO, false, COLOUR_256, { { { "FORCE_COLOR", "2" } } } },
                { COLOUR_AUTO, false, COLOUR_TRUE, { { { "FORCE_COLOR", "3" } } } },
                { COLOUR_AUTO, false, COLOUR_256, { { { "FORCE_COLOR", "yes" }, { "TERM", "xterm-256color" } } } },
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "FORCE_COLOR", "0" }, { "TERM", "xterm" } } } },
                { COLOUR_AUTO, false, COLOUR_NONE, { { { "FORCE_COLOR", "false" } } } },
                /* NO_COLOR is above force; empty it says nothing */
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "TERM", "xterm" }, { "NO_COLOR", "1" } } } },
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "NO_COLOR", "0" }, { "CLICOLOR_FORCE", "1" } } } },
                { COLOUR_AUTO, true, COLOUR_NONE, { { { "NO_COLOR", "x" }, { "FORCE_COLOR", "3" } } } },
                { COLOUR_AUTO, true, COLOUR_16, { { { "TERM", "xterm" }, { "NO_COLOR", "" } } } },
                /* the flag is above all */
                { COLOUR_ALWAYS, false, COLOUR_16, { { { "NO_COLOR", "1" }, { "TERM", "dumb" } } } },
                { COLOUR_ALWAYS, false, COLOUR_256, { { { "CLICOLOR", "0" }, { "TERM", "screen-256color" } } } },
                { COLOUR_NEVER, true, COLOUR_NONE, { { { "TERM", "xterm" }, { "FORCE_COLOR", "3" } } } },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (colour_decide(cases[i].wish, cases[i].tty, look_up, (void *)(uintptr_t)&cases[i].environment) !=
                        cases[i].depth)
                        fail_msg("case %zu is decided otherwise", i);
}

static void test_links_and_letters(void **state)
{
        static const struct {
                bool tty, links;
                struct environment environment;
        } cases[] = {
                { true, false, { { { "TERM", "xterm-256color" } } } },
                { true, true, { { { "TERM", "xterm-kitty" } } } },
                { false, false, { { { "TERM", "xterm-kitty" } } } },
                { true, false, { { { "TERM", "xterm-kitty" }, { "TMUX", "/tmp/x,1,0" } } } },
                { true, true, { { { "TERM", "xterm-256color" }, { "VTE_VERSION", "6800" } } } },
                { true, false, { { { "TERM", "xterm-256color" }, { "VTE_VERSION", "4205" } } } },
                { true, true, { { { "TERM", "xterm" }, { "TERM_PROGRAM", "vscode" } } } },
                { true, false, { { { "TERM", "dumb" }, { "TERM_PROGRAM", "vscode" } } } },
                { false, true, { { { "FORCE_HYPERLINK", "1" } } } },
                { true, false, { { { "TERM", "xterm-kitty" }, { "FORCE_HYPERLINK", "0" } } } },
        };
        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (term_knows_links(cases[i].tty, look_up, (void *)(uintptr_t)&cases[i].environment) != cases[i].links)
                        fail_msg("case %zu is decided otherwise", i);
        struct environment utf8 = { { { "LANG", "en_GB.UTF-8" } } };
        struct environment override = { { { "LANG", "en_GB.UTF-8" }, { "LC_ALL", "C" } } };
        struct environment empty = { { { "LC_ALL", "" }, { "LC_CTYPE", "C.utf8" } } };
        struct environment none = { { { NULL, NULL } } };
        assert_true(term_knows_utf8(look_up, &utf8));
        assert_false(term_knows_utf8(look_up, &override));
        assert_true(term_knows_utf8(look_up, &empty));
        assert_false(term_knows_utf8(look_up, &none));
}

static void test_downgrade(void **state)
{
        (void)state;
        struct colour red = { COLOUR_RGB, 0xff0000 }, grey = { COLOUR_RGB, 0x808080 }, of16 = { COLOUR_INDEXED, 3 };
        struct colour orange = { COLOUR_INDEXED, 208 };
        assert_int_equal(colour_downgrade(red, COLOUR_TRUE).value, 0xff0000);
        assert_int_equal(colour_downgrade(red, COLOUR_256).value, 196);
        assert_int_equal(colour_downgrade(red, COLOUR_16).value, 9);
        assert_int_equal(colour_downgrade(grey, COLOUR_256).value, 244);
        assert_int_equal(colour_downgrade(grey, COLOUR_16).value, 8);
        assert_int_equal(colour_downgrade(of16, COLOUR_256).value, 3);
        assert_int_equal(colour_downgrade(of16, COLOUR_16).value, 3);
        assert_int_equal(colour_downgrade(orange, COLOUR_256).value, 208);
        assert_in_range(colour_downgrade(orange, COLOUR_16).value, 0, 15);
        assert_int_equal(colour_downgrade(red, COLOUR_NONE).kind, COLOUR_UNSET);
}

#define assert_markup(depth_, expected, ...)                                                                           \
        do {                                                                                                           \
                struct term term_ = { .depth = (depth_), .theme = theme_find(NULL) };                                  \
                struct buf out_;                                                                                       \
                buf_init(&out_, 4096);                                                                                 \
                style_markup(&out_, &term_, __VA_ARGS__);                                                              \
                assert_string_equal(buf_text(&out_), expected);                                                        \
                buf_done(&out_);                                                                                       \
        } while (0)

static void test_markup(void **state)
{
        (void)state;
        assert_markup(COLOUR_NONE, "bad: x", "<error>bad</>: <bold>%s</>", "x");
        assert_markup(COLOUR_16, "\x1b[1;31mbad\x1b[0m: x", "<error>bad</>: %s", "x");
        assert_markup(COLOUR_16, "\x1b[1ma\x1b[0m\x1b[1;4mb\x1b[0m\x1b[1mc\x1b[0m", "<bold>a<underline>b</>c</>");
        assert_markup(COLOUR_256, "\x1b[38;5;208m\x1b[0m\x1b[38;5;208;48;5;235mx\x1b[0m\x1b[38;5;208m\x1b[0m",
                "<fg=208><bg=#262626>x</></>");
        assert_markup(COLOUR_TRUE, "\x1b[38;2;1;2;3mx\x1b[0m", "<fg=#010203>x</>");
        /* what comes from outside is text, whatever it looks like */
        assert_markup(COLOUR_16, "<error>\\x1b[31m", "%s", "<error>\x1b[31m");
        assert_markup(COLOUR_16, "a <b> 5% < 6", "a <b> 5%% << 6");
        assert_markup(COLOUR_16, "</>", "</>");
        assert_markup(COLOUR_16, "<fg=256>x", "<fg=256>x");
        assert_markup(COLOUR_16, "\x1b[1mopen\x1b[0m", "<bold>open"); /* what was not closed is */
}

static void test_themes(void **state)
{
        (void)state;
        assert_string_equal(theme_find("no such")->name, "default");
        for (const struct theme *theme = style_themes; theme->name; theme++) {
                struct term term = { .depth = COLOUR_TRUE, .theme = theme_find(theme->name) };
                struct buf out;
                buf_init(&out, 4096);
                style_put(&out, &term, STYLE_ERROR, SV("e"));
                assert_non_null(strstr(buf_text(&out), "\x1b[1"));
                buf_clear(&out);
                style_put(&out, &term, STYLE_PLAIN, SV("p"));
                assert_string_equal(buf_text(&out), "p");
                buf_clear(&out);
                style_put(&out, &term, STYLE_ERROR, SV(""));
                assert_int_equal(out.len, 0);
                buf_done(&out);
        }
}

static void test_link(void **state)
{
        (void)state;
        struct term term = { .links = true, .theme = theme_find(NULL) };
        struct buf out;
        buf_init(&out, 4096);
        link_put(&out, &term, "https://a.example/b c\x1b\xc3\xa9", SV("t\x1b"));
        assert_string_equal(buf_text(&out), "\x1b]8;;https://a.example/b%20c%1B%C3%A9\x1b\\"
                                            "t\\x1b\x1b]8;;\x1b\\");
        buf_clear(&out);
        link_put(&out, &term, "javascript:alert(1)", SV("t"));
        assert_string_equal(buf_text(&out), "t");
        buf_clear(&out);
        term.links = false;
        link_put(&out, &term, "https://a.example/", SV("t"));
        assert_string_equal(buf_text(&out), "t");
        buf_done(&out);
}

static void test_pager_leaves_files_alone(void **state)
{
        (void)state;
        int ends[2];
        struct error err;
        char read_back[64] = "";
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        struct term term = { .fd = ends[1], .width = 4, .height = 2 };
        setenv("PAGER", "false", 1);
        assert_int_equal(pager_show(&term, SV("1\n2\n3\n4\n"), &err), 0);
        assert_int_equal(read(ends[0], read_back, sizeof(read_back)), 8);
        assert_string_equal(read_back, "1\n2\n3\n4\n");
        assert_int_equal(pager_lines(&term, SV("12345\n\nx")), 4); /* the first takes two lines */
        /* one that is not there is not missed */
        term.tty = true;
        setenv("PAGER", "no-such-pager --flag", 1);
        assert_int_equal(pager_show(&term, SV("1\n2\n3\n4\n"), &err), 0);
        assert_int_equal(read(ends[0], read_back, sizeof(read_back)), 8);
        /* one that leaves without reading is no failure */
        setenv("PAGER", "true", 1);
        assert_int_equal(pager_show(&term, SV("1\n2\n3\n4\n"), &err), 0);
        /* one that is there gets all, and TARSIER_PAGER goes before PAGER */
        setenv("TARSIER_PAGER", "head -n 3", 1);
        assert_int_equal(pager_show(&term, SV("1\n2\n3\n4\n"), &err), 0);
        assert_int_equal(read(ends[0], read_back, sizeof(read_back)), 6);
        unsetenv("TARSIER_PAGER");
        close(ends[0]);
        close(ends[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decision),
                cmocka_unit_test(test_links_and_letters),
                cmocka_unit_test(test_downgrade),
                cmocka_unit_test(test_markup),
                cmocka_unit_test(test_themes),
                cmocka_unit_test(test_link),
                cmocka_unit_test(test_pager_leaves_files_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
