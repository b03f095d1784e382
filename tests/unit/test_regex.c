/* Go's syntax, semantics and error texts. Expected values follow Go's documentation (pkg.go.dev/regexp/syntax) and its
 * rule that an invalid byte is seen as U+FFFD. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "lib/regex/regex.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct regex *compiled(struct sv pattern, unsigned flags)
{
        struct error err = { 0 };
        struct regex *regex = regex_new(pattern, flags, &err);
        if (!regex)
                fail_msg("%.*s: %s", SV_ARG(pattern), err.message);
        return regex;
}

static void matches(void **state)
{
        (void)state;
        static const struct {
                struct sv pattern;
                struct sv text;
                bool match;
        } cases[] = {
                { SV(""), SV(""), true },
                { SV("!"), SV("a!"), true },
                { SV("b+"), SV("abbc"), true },
                { SV("^b"), SV("ab"), false },
                { SV("a$"), SV("a\n"), false }, /* $ is the end of the text, not before a last newline */
                { SV("(?m)a$"), SV("a\nb"), true },
                { SV("(?m)^b"), SV("a\nb"), true },
                { SV("^b"), SV("a\nb"), false },
                { SV("a.b"), SV("a\nb"), false },
                { SV("(?s)a.b"), SV("a\nb"), true },
                { SV("[^x]"), SV("\n"), true },
                { SV("a\\z"), SV("ba"), true },
                { SV("\\Aa"), SV("ba"), false },
                { SV("(?i)straSSe"), SV("STRASSE"), true },
                { SV("(?i)k"), SV("\xe2\x84\xaa"), true }, /* the Kelvin sign */
                { SV("(?i)\\x{212a}"), SV("k"), true },
                { SV("(?i)s"), SV("\xc5\xbf"), true }, /* long s */
                { SV("(?i:a)b"), SV("AB"), false },
                { SV("a(?i)b|c"), SV("C"), true },
                { SV("\\pL+"), SV("12\xc3\xa9"), true },
                { SV("\\p{Greek}"), SV("\xce\xb1"), true },
                { SV("\\p{^Greek}"), SV("\xce\xb1"), false },
                { SV("\\PN"), SV("1"), false },
                { SV("[[:alpha:]]"), SV("\xc3\xa9"), false }, /* POSIX classes are ASCII */
                { SV("[[:^alpha:]]"), SV("\xc3\xa9"), true },
                { SV("[[:word:]]"), SV("_"), true },
                { SV("\\d"), SV("\xd9\xa3"), false }, /* so are the Perl ones */
                { SV("\\s"), SV("\v"), false },
                { SV("[[:space:]]"), SV("\v"), true },
                { SV("\\bfoo\\b"), SV("a foo."), true },
                { SV("\\bfoo\\b"), SV("afoo"), false },
                { SV("\\B"), SV("a\xc3\xa9"), true },
                { SV("\\B"), SV("a\xc3\xa9z"), false }, /* no position between the bytes of one character */
                { SV("\\Qa.b\\E+"), SV("xa.bb"), true },
                { SV("\\Qa.b"), SV("axb"), false },
                { SV("\\x41\\x{42}\\103\\n"), SV("ABC\n"), true },
                { SV("\\_\\-\\."), SV("_-."), true },
                { SV("a{,2}"), SV("a{,2}"), true }, /* not a repetition */
                { SV("a{2"), SV("a{2"), true },
                { SV("x{0}y"), SV("y"), true },
                { SV("[]a]"), SV("]"), true },
                { SV("[^]a]"), SV("]"), false },
                { SV("[a-]"), SV("-"), true },
                { SV("[\\]\\\\-]"), SV("\\"), true },
                /* bytes that are not UTF-8 */
                { SV("^.$"), SV("\xff"), true },
                { SV("^..$"), SV("\xff\xfe"), true },
                { SV("^.$"), SV("\xff\xfe"), false },
                { SV("^...$"), SV("\xed\xa0\x80"), true }, /* a coded surrogate is three invalid bytes */
                { SV("\\x{d800}"), SV("\xed\xa0\x80"), false },
                { SV("^[^a]$"), SV("\xff"), true },
                { SV("\\xff"), SV("\xff"), false },
                { SV("\\xff"), SV("\xc3\xbf"), true },
                { SV("\\x{fffd}"), SV("\xff"), true },
                { SV("^\\x{fffd}$"), SV("\xef\xbf\xbd"), true },
                { SV("[\\x{fff0}-\\x{ffff}]"), SV("a\x80"), true },
                { SV("\xc3\xa9"), SV("\xe0\xc3\xa9"), true },
                { SV("a\\D"), SV("a\x80"), true },
                { SV("\\pS"), SV("\xff"), true }, /* U+FFFD is a symbol */
                { SV("\\pL"), SV("\xff"), false },
                { SV("a.c"),
                        SV("a\xc3"
                           "c"),
                        true },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct sv pattern = cases[i].pattern;
                cleanup(regex_free) struct regex *regex = compiled(pattern, 0);
                if (regex_match(regex, cases[i].text) != cases[i].match)
                        fail_msg("case %zu: %.*s", i, SV_ARG(pattern));
        }
}

static void error_texts(void **state)
{
        (void)state;
        static const struct {
                const char *pattern;
                const char *text;
        } cases[] = {
                { "*", "missing argument to repetition operator: `*`" },
                { "+?", "missing argument to repetition operator: `+?`" },
                { "a|*", "missing argument to repetition operator: `*`" },
                { "(*)", "missing argument to repetition operator: `*`" },
                { "(?i)*", "missing argument to repetition operator: `*`" },
                { "\\Q\\E*", "missing argument to repetition operator: `*`" },
                { "{2}", "missing argument to repetition operator: `{2}`" },
                { "(abc", "missing closing ): `(abc`" },
                { "a(b|c", "missing closing ): `a(b|c`" },
                { "abc)", "unexpected ): `abc)`" },
                { "x[a-z", "missing closing ]: `[a-z`" },
                { "[", "missing closing ]: `[`" },
                { "[]a", "missing closing ]: `[]a`" },
                { "[^", "missing closing ]: `[^`" },
                { "[z-a]", "invalid character class range: `z-a`" },
                { "[a-\\d]", "invalid escape sequence: `\\d`" },
                { "[[:foo:]]", "invalid character class range: `[:foo:]`" },
                { "[[:perl-space:]]", "invalid character class range: `[:perl-space:]`" },
                { "abc\\", "trailing backslash at end of expression: ``" },
                { "a**", "invalid nested repetition operator: `**`" },
                { "a*+", "invalid nested repetition operator: `*+`" },
                { "a??*", "invalid nested repetition operator: `??*`" },
                { "a{2}{3}", "invalid nested repetition operator: `{2}{3}`" },
                { "\\x", "invalid escape sequence: `\\x`" },
                { "\\xg1", "invalid escape sequence: `\\xg1`" },
                { "\\x{110000}", "invalid escape sequence: `\\x{110000`" },
                { "\\x{}", "invalid escape sequence: `\\x{}`" },
                { "(a)\\1", "invalid escape sequence: `\\1`" },
                { "\\8", "invalid escape sequence: `\\8`" },
                { "\\C", "invalid escape sequence: `\\C`" },
                { "\\Z", "invalid escape sequence: `\\Z`" },
                { "\\G", "invalid escape sequence: `\\G`" },
                { "[\\b]", "invalid escape sequence: `\\b`" },
                { "\\q", "invalid escape sequence: `\\q`" },
                { "(?=a)", "invalid or unsupported Perl syntax: `(?=`" },
                { "(?!a)", "invalid or unsupported Perl syntax: `(?!`" },
                { "(?>a)", "invalid or unsupported Perl syntax: `(?>`" },
                { "(?x)a", "invalid or unsupported Perl syntax: `(?x`" },
                { "(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`" },
                { "(?P=n)", "invalid or unsupported Perl syntax: `(?P`" },
                { "(?<=a)b", "invalid named capture: `(?<=a)b`" },
                { "(?P<n!>a)", "invalid named capture: `(?P<n!>`" },
                { "(?<>a)", "invalid named capture: `(?<>`" },
                { "(?P<n", "invalid named capture: `(?P<n`" },
                { "a{1001}", "invalid repeat count: `{1001}`" },
                { "a{2,1}", "invalid repeat count: `{2,1}`" },
                { "a{99999999999}", "invalid repeat count: `{99999999999}`" },
                { "(((a{100}){100}){100})", "invalid repeat count: `{100}`" },
                { "((((((((((x{2}){2}){2}){2}){2}){2}){2}){2}){2}){2})", "invalid repeat count: `{2}`" },
                { "\\p{Foo}", "invalid character class range: `\\p{Foo}`" },
                { "[\\pX]", "invalid character class range: `\\pX`" },
                { "\\p{Greek", "invalid character class range: `\\p{Greek`" },
                { "\\p", "invalid character class range: `\\p`" },
                { "a\xff", "invalid UTF-8: `\xff`" },
                { "[\xff]", "invalid UTF-8: `\xff]`" },
                { "\\\xff", "invalid UTF-8: `\xff`" },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct error err = { 0 };
                char wanted[256];
                snprintf(wanted, sizeof(wanted), "error parsing regexp: %s", cases[i].text);
                assert_int_equal(regex_validate(cases[i].pattern, &err), -1);
                assert_string_equal(err.message, wanted);
                assert_int_equal(err.code, E_INVALID);
        }
}

static struct sv repeated(struct buf *buf, const char *part, size_t count)
{
        buf_clear(buf);
        for (size_t i = 0; i < count; i++)
                buf_puts(buf, part);
        return sv_n(buf_text(buf), buf->len);
}

static void limits(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 1 << 20);
        struct error err = { 0 };
        for (unsigned i = 0; buf.len < REGEX_PATTERN_MAX; i++)
                buf_printf(&buf, "%06x,%c", i, 'a' + i % 26);
        cleanup(regex_free) struct regex *longest = compiled(sv_n(buf.data, REGEX_PATTERN_MAX), 0);
        assert_true(regex_match(longest, sv_n(buf.data, REGEX_PATTERN_MAX)));
        assert_false(regex_match(longest, sv_n(buf.data, REGEX_PATTERN_MAX - 1)));
        assert_true(regex_memory(longest) > REGEX_PATTERN_MAX && regex_memory(longest) < REGEX_MEMORY_MAX);
        assert_null(regex_new(repeated(&buf, "a", REGEX_PATTERN_MAX + 1), 0, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
        /* bombs */
        assert_null(regex_new(SV("(\\pL{30}){30}"), 0, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_memory_equal(err.message, "error parsing regexp: expression too large: ", 44);
        assert_null(regex_new(repeated(&buf, "\\pL", 5000), 0, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
        assert_null(regex_new(repeated(&buf, "(x{999})", 8000), 0, &err));
        assert_int_equal(err.code, E_INVALID);
        assert_non_null(strstr(err.message, "expression too large"));
        assert_null(regex_new(repeated(&buf, "(", REGEX_PATTERN_MAX), 0, &err));
        assert_non_null(strstr(err.message, "missing closing )"));
        cleanup(regex_free) struct regex *bars = compiled(repeated(&buf, "|", REGEX_PATTERN_MAX), 0);
        assert_true(regex_match(bars, SV("")));
        repeated(&buf, "(", 1100);
        for (int i = 0; i < 1100; i++)
                buf_putc(&buf, ')');
        assert_null(regex_new(sv_n(buf.data, buf.len), 0, &err));
        assert_non_null(strstr(err.message, "expression nests too deeply"));
}

/* Patterns at which backtracking takes exponential time. */
static void linear_time(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 1 << 20);
        static const char *const patterns[] = { "^(a+)+$", "^(a|a)*$", "(a*)*b", "^(a?){30}a{30}c", "(x+x+)+y" };
        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                cleanup(regex_free) struct regex *regex = compiled(sv_of(patterns[i]), 0);
                repeated(&buf, "a", 50000);
                buf_puts(&buf, "!");
                assert_false(regex_match(regex, sv_n(buf.data, buf.len)));
        }
}

static void captures(void **state)
{
        (void)state;
        struct error err = { 0 };
        struct regex_capture at[5];
        cleanup(regex_free) struct regex *regex = compiled(SV("(?P<key>\\w+)=(?<value>.)|(z)"), 0);
        assert_int_equal(regex_groups(regex), 3);
        assert_string_equal(regex_group_name(regex, 1), "key");
        assert_null(regex_group_name(regex, 3));
        assert_null(regex_group_name(regex, 4));
        assert_int_equal(regex_group_index(regex, SV("value")), 2);
        assert_int_equal(regex_group_index(regex, SV("none")), 0);
        assert_string_equal(regex_pattern(regex), "(?P<key>\\w+)=(?<value>.)|(z)");
        /* offsets are those of the original bytes, also when some are not UTF-8 */
        struct sv text = SV("\xff\xc3\xa9 ab=\xfe.");
        assert_int_equal(regex_find(regex, text, 0, at, 5, &err), 1);
        assert_int_equal(at[0].start, 4);
        assert_int_equal(at[0].end, 8);
        assert_int_equal(at[1].start, 4);
        assert_int_equal(at[1].end, 6);
        assert_int_equal(at[2].start, 7);
        assert_int_equal(at[2].end, 8);
        assert_true(at[3].start == REGEX_NONE && at[3].end == REGEX_NONE);
        assert_true(at[4].start == REGEX_NONE);
        assert_int_equal(regex_find(regex, text, 5, at, 5, &err), 1);
        assert_int_equal(at[1].start, 5);
        assert_int_equal(regex_find(regex, text, 6, at, 5, &err), 0);
        assert_int_equal(regex_find(regex, text, 100, at, 5, &err), 0);
        /* what stands before start is context */
        cleanup(regex_free) struct regex *anchored = compiled(SV("^b|\\bb"), 0);
        assert_int_equal(regex_find(anchored, SV("ab"), 1, at, 1, &err), 0);
        /* leftmost-first, and one name twice */
        cleanup(regex_free) struct regex *first = compiled(SV("(?P<n>a)|(?P<n>ab)"), 0);
        assert_int_equal(regex_find(first, SV("xab"), 0, at, 1, &err), 1);
        assert_true(at[0].start == 1 && at[0].end == 2);
        assert_int_equal(regex_group_index(first, SV("n")), 1);
        cleanup(regex_free) struct regex *inside = compiled(SV("\\B"), 0);
        assert_int_equal(regex_find(inside, SV("a\xc3\xa9z\xc3\xa9"), 0, at, 1, &err), 1);
        assert_int_equal(at[0].start, 6);
}

static void flags(void **state)
{
        (void)state;
        struct error err = { 0 };
        cleanup(regex_free) struct regex *bytes = compiled(SV("^\\xff[\\x80-\\x90].$"), REGEX_BYTES);
        assert_true(regex_match(bytes, SV("\xff\x85\0")));
        assert_false(regex_match(bytes, SV("\xc3\xbf\x85 ")));
        cleanup(regex_free) struct regex *factored = compiled(SV("\\xe2a|\\xe2b"), REGEX_BYTES);
        assert_true(regex_match(factored, SV("x\xe2"
                                             "b")));
        cleanup(regex_free) struct regex *start = compiled(SV("\\A(?:\\xe2a|\\xe2b)"), REGEX_BYTES);
        assert_true(regex_match(start, SV("\xe2"
                                          "b")));
        cleanup(regex_free) struct regex *character = compiled(SV("\xc3\xa9"), REGEX_BYTES);
        assert_true(regex_match(character, SV("\xff\xc3\xa9")));
        assert_null(regex_new(SV("\\x{100}"), REGEX_BYTES, &err));
        cleanup(regex_free) struct regex *nocase = compiled(SV("ab(?-i)c"), REGEX_NOCASE);
        assert_true(regex_match(nocase, SV("ABc")));
        assert_false(regex_match(nocase, SV("ABC")));
        cleanup(regex_free) struct regex *literal = compiled(SV("a.(*\\"), REGEX_LITERAL);
        assert_true(regex_match(literal, SV("xa.(*\\")));
        assert_false(regex_match(literal, SV("xab(*\\")));
        cleanup(regex_free) struct regex *zero = compiled(sv_n("a\0b", 3), 0);
        assert_true(regex_match(zero, sv_n("a\0b", 3)));
        assert_false(regex_match(zero, SV("ab")));
        assert_true(regex_match(zero, sv_n("\0a\0b", 4)));
        assert_false(regex_match(zero, sv_n(NULL, 0)));
        regex_free(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(matches),
                cmocka_unit_test(error_texts),
                cmocka_unit_test(limits),
                cmocka_unit_test(linear_time),
                cmocka_unit_test(captures),
                cmocka_unit_test(flags),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
