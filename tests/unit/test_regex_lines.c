/* Lines of streams, and that no prefilter ever changes a verdict. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "lib/regex/lines.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BOTH (REGEX_ANY_MATCH | REGEX_ANY_MISMATCH)

static const enum regex_prefilter prefilters[] = { REGEX_PREFILTER_OFF, REGEX_PREFILTER_BUILTIN,
        REGEX_PREFILTER_VECTORSCAN };

static struct regex_lines *lines_of(
        const struct regex *const *regexes, const unsigned *questions, size_t count, enum regex_prefilter prefilter)
{
        struct error err = { 0 };
        regex_set_prefilter(prefilter);
        struct regex_lines *lines = regex_lines_new(regexes, questions, count, &err);
        if (!lines)
                fail_msg("%s", err.message);
        return lines;
}

static struct regex *compiled(struct sv pattern)
{
        struct error err = { 0 };
        struct regex *regex = regex_new(pattern, 0, &err);
        if (!regex)
                fail_msg("%s", err.message);
        return regex;
}

/* Feeds the text in two parts, cut at `cut`; what feed returned last. */
static int stream(struct regex_lines *lines, struct sv text, size_t cut)
{
        struct error err = { 0 };
        regex_lines_begin(lines);
        int done = regex_lines_feed(lines, sv_n(text.p, cut), &err);
        assert_true(done >= 0);
        if (!done)
                done = regex_lines_feed(lines, sv_n(text.p + cut, text.n - cut), &err);
        assert_true(done >= 0);
        if (!done)
                assert_int_equal(regex_lines_end(lines, &err), 0);
        return done;
}

static void line_rules(void **state)
{
        (void)state;
        static const struct {
                const char *pattern;
                struct sv text;
                bool match;
                bool mismatch;
        } cases[] = {
                { "", SV(""), false, false }, /* an empty stream has no lines */
                { "^$", SV("\n"), true, false },
                { "^$", SV("a\n"), false, true }, /* nothing behind the last newline */
                { "^$", SV("a\n\nb"), true, true },
                { "^$", SV("\r\n"), true, false },
                { "^\\r$", SV("\r\r\n"), true, false }, /* one '\r' only */
                { "^a$", SV("a\r"), true, false },      /* also of a last line without '\n' */
                { "^a\\rb$", SV("a\rb\n"), true, false },
                { "a$", SV("a\nb"), true, true },
                { "b$", SV("a\nb"), true, true },
                { "a\\nb", SV("a\nb"), false, true }, /* no line holds a newline */
                { "a\\sb", SV("a\nb"), false, true },
                { "a[^x]b", SV("a\nb"), false, true },
                { "(?s)a.b", SV("a\nb"), false, true },
                { "(?m)^b", SV("a\nb\n"), true, true },
                { "\\Ab\\z", SV("a\nb\n"), true, true },
                { "a$\\b", SV("a\r\n"), true, false },
                { "$^", SV("\r\n"), true, false },
                { "$\\B", SV("\r\n"), true, false },
                { "^.$", SV("\xff\r\n"), true, false },
                { "^.{3}$", SV("\xff\xc3\xa9z\n"), true, false },
                { "\\xff", SV("\xff\n"), false, true },
                { "(?i)kelvin",
                        SV("x\n\xe2\x84\xaa"
                           "ELVIN\n"),
                        true, true },
                { "[a-z]{40}", SV("abcdefghijklmnopqrstuvwxyzabcdefghijklmn\n"), true, false },
                { "[a-z]{40}", SV("abcdefghijklmnopqrstuvwxyzabcdefghijklm\n"), false, true },
                { "x{0}", SV("a\n"), true, false },
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct regex *regex = compiled(sv_of(cases[i].pattern));
                const unsigned question = BOTH;
                for (size_t j = 0; j < 3; j++) {
                        cleanup(regex_lines_free) struct regex_lines *lines =
                                lines_of(&regex, &question, 1, prefilters[j]);
                        for (size_t cut = 0; cut <= cases[i].text.n; cut++) {
                                stream(lines, cases[i].text, cut);
                                struct regex_verdict verdict = regex_lines_verdict(lines, 0);
                                if (verdict.match != cases[i].match || verdict.mismatch != cases[i].mismatch)
                                        fail_msg("case %zu (%s), prefilter %zu, cut %zu", i, cases[i].pattern, j, cut);
                        }
                }
                regex_free((struct regex *)regex);
        }
}

static void stops_early(void **state)
{
        (void)state;
        const struct regex *regexes[] = { compiled(SV("a")), compiled(SV("b")) };
        const unsigned questions[] = { REGEX_ANY_MATCH, REGEX_ANY_MISMATCH };
        cleanup(regex_lines_free) struct regex_lines *lines = lines_of(regexes, questions, 2, REGEX_PREFILTER_AUTO);
        assert_int_equal(stream(lines, SV("a\nrest"), 2), 1);
        assert_true(regex_lines_verdict(lines, 0).match);
        assert_true(regex_lines_verdict(lines, 1).mismatch);
        assert_int_equal(stream(lines, SV("b\nb"), 2), 0);
        assert_false(regex_lines_verdict(lines, 0).match);
        assert_false(regex_lines_verdict(lines, 1).mismatch);
        regex_free((struct regex *)regexes[0]);
        regex_free((struct regex *)regexes[1]);
        /* nothing asked is known at once */
        cleanup(regex_lines_free) struct regex_lines *none = lines_of(NULL, NULL, 0, REGEX_PREFILTER_AUTO);
        assert_int_equal(stream(none, SV("a\n"), 1), 1);
}

/* Go's scanner gives up at 64 KiB; here a needle is found up to REGEX_LINE_MAX, and a longer line is counted. */
static void long_lines(void **state)
{
        (void)state;
        struct error err = { 0 };
        const struct regex *regex = compiled(SV("needle"));
        const unsigned question = REGEX_ANY_MATCH;
        cleanup(free) char *filler = malloc(1 << 20);
        memset(filler, 'x', 1 << 20);
        for (size_t j = 0; j < 3; j++) {
                cleanup(regex_lines_free) struct regex_lines *lines = lines_of(&regex, &question, 1, prefilters[j]);
                assert_int_equal(regex_lines_feed(lines, sv_n(filler, 70000), &err), 0);
                assert_int_equal(regex_lines_feed(lines, SV("needle"), &err), 0);
                assert_int_equal(regex_lines_feed(lines, SV("\n"), &err), 1);
                regex_lines_begin(lines);
                for (int i = 0; i < 9; i++)
                        assert_int_equal(regex_lines_feed(lines, sv_n(filler, 1 << 20), &err), 0);
                assert_int_equal(regex_lines_feed(lines, SV("needle\nneedle"), &err), 0);
                assert_false(regex_lines_verdict(lines, 0).match); /* of the first line only the beginning is seen */
                assert_int_equal(regex_lines_end(lines, &err), 0);
                assert_true(regex_lines_verdict(lines, 0).match);
                assert_int_equal(regex_lines_stats(lines).long_lines, 1);
        }
        regex_free((struct regex *)regex);
}

static void refuses(void **state)
{
        (void)state;
        struct error err = { 0 };
        const struct regex *bytes = regex_new(SV("a"), REGEX_BYTES, &err);
        unsigned question = BOTH;
        assert_null(regex_lines_new(&bytes, &question, 1, &err));
        assert_int_equal(err.code, E_INVALID);
        assert_null(regex_lines_new(&bytes, &question, REGEX_LINES_PATTERNS_MAX + 1, &err));
        assert_int_equal(err.code, E_TOO_LARGE);
        regex_free((struct regex *)bytes);
}

/* xorshift64*: the same pairs in every run */
static uint32_t next(uint64_t *random)
{
        *random ^= *random >> 12;
        *random ^= *random << 25;
        *random ^= *random >> 27;
        return (uint32_t)(*random * UINT64_C(2685821657736338717) >> 32);
}

static void write_pattern(struct buf *out, uint64_t *random, int depth)
{
        static const char *const atoms[] = { "a", "b", "A", "k", "s", "\xc3\xa9", "\\xff", "\\x{fffd}", ".", "[a-c]",
                "[^a]", "[^\\n]", "\\w", "\\W", "\\s", "\\S", "\\d", "[[:punct:]]", "\\pL", "[\\x{80}-\\x{ffff}]", "^",
                "$", "\\b", "\\B", "\\A", "\\z", "(?m)^", "(?m)$", "(?i)k", "(?i:s)", "(?s).", "\\r", "\\n", "\\Qa.\\E",
                "ab", "[^\\W\\d]", "=", " ", "\\x{212a}", "[k\\x{e9}]" };
        static const char *const repeats[] = { "*", "+", "?", "*?", "{2}", "{1,3}", "{0,2}", "{2,}", "{20}", "{0}" };
        size_t items = 1 + next(random) % 4;
        for (size_t i = 0; i < items; i++) {
                uint32_t kind = next(random) % 12;
                if (kind == 0 && depth > 0) {
                        buf_puts(out, next(random) % 2 ? "(" : "(?:");
                        write_pattern(out, random, depth - 1);
                        if (next(random) % 2) {
                                buf_putc(out, '|');
                                write_pattern(out, random, depth - 1);
                        }
                        buf_putc(out, ')');
                } else {
                        buf_puts(out, atoms[next(random) % (sizeof(atoms) / sizeof(atoms[0]))]);
                }
                if (next(random) % 4 == 0)
                        buf_puts(out, repeats[next(random) % (sizeof(repeats) / sizeof(repeats[0]))]);
        }
        if (depth == 2 && next(random) % 6 == 0) {
                buf_putc(out, '|');
                write_pattern(out, random, 1);
        }
}

static void write_text(struct buf *out, uint64_t *random)
{
        static const char *const parts[] = { "a", "b", "A", "B", "k", "K", "s", "ab", "\xc3\xa9", "\xc3\xbf", "\xff",
                "\xc3", "\xef\xbf\xbd", "\xe2\x84\xaa", "\xc5\xbf", "\xed\xa0\x80", "\xf0\x9f\x98\x80", "\n", "\n",
                "\n", "\r", "\r\n", "\r\n", " ", "=", "1", ".", "\t", "aaaaaaaaaaaaaaaaaaaaa" };
        size_t count = next(random) % 16;
        for (size_t i = 0; i < count; i++)
                buf_puts(out, parts[next(random) % (sizeof(parts) / sizeof(parts[0]))]);
}

static struct regex_verdict expected(const struct regex *regex, struct sv text)
{
        struct regex_verdict verdict = { false, false };
        struct sv line;
        while (text.n > 0 && sv_line(&text, &line)) {
                if (line.n > 0 && line.p[line.n - 1] == '\r')
                        line.n--;
                if (regex_match(regex, line))
                        verdict.match = true;
                else
                        verdict.mismatch = true;
        }
        return verdict;
}

static void prefilters_agree(void **state)
{
        (void)state;
        uint64_t random = UINT64_C(0x9e3779b97f4a7c15);
        cleanup(buf_done) struct buf pattern;
        cleanup(buf_done) struct buf text;
        buf_init(&pattern, 4096);
        buf_init(&text, 4096);
        const unsigned questions[] = { BOTH, REGEX_ANY_MATCH, REGEX_ANY_MISMATCH };
        size_t pairs = 0;
        size_t matched = 0;
        for (int round = 0; round < 1500; round++) {
                struct error err;
                buf_clear(&pattern);
                write_pattern(&pattern, &random, 2);
                cleanup(regex_free) struct regex *regex = regex_new(sv_n(pattern.data, pattern.len), 0, &err);
                if (!regex) /* a nested repetition, say */
                        continue;
                const struct regex *const thrice[] = { regex, regex, regex };
                struct regex_lines *lines[3];
                for (size_t j = 0; j < 3; j++)
                        lines[j] = lines_of(thrice, questions, 3, prefilters[j]);
                for (int i = 0; i < 4; i++, pairs++) {
                        buf_clear(&text);
                        write_text(&text, &random);
                        struct sv bytes = sv_n(buf_text(&text), text.len);
                        struct regex_verdict wanted = expected(regex, bytes);
                        matched += wanted.match;
                        for (size_t cut = 0; cut <= bytes.n; cut++) {
                                for (size_t j = 0; j < 3; j++) {
                                        stream(lines[j], bytes, cut);
                                        struct regex_verdict both = regex_lines_verdict(lines[j], 0);
                                        if (both.match != wanted.match || both.mismatch != wanted.mismatch ||
                                                regex_lines_verdict(lines[j], 1).match != wanted.match ||
                                                regex_lines_verdict(lines[j], 2).mismatch != wanted.mismatch)
                                                fail_msg("prefilter %zu, cut %zu: `%s`", j, cut, pattern.data);
                                }
                        }
                }
                for (size_t j = 0; j < 3; j++)
                        regex_lines_free(lines[j]);
        }
        assert_true(pairs >= 2000);
        assert_true(matched > pairs / 10 && matched < pairs * 9 / 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(line_rules),
                cmocka_unit_test(stops_early),
                cmocka_unit_test(long_lines),
                cmocka_unit_test(refuses),
                cmocka_unit_test(prefilters_agree),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
