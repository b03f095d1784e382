/* Input: flag byte, pattern, 0xFF 0xFE, text. Compiles the pattern and asks the text's lines with every prefilter: the
 * answers must be the same, and the same as matching line by line. */
#include "base/cleanup.h"
#include "lib/regex/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)                                                                                             \
        do {                                                                                                           \
                if (!(condition))                                                                                      \
                        abort();                                                                                       \
        } while (0)

static struct regex_verdict ask(const struct regex *regex, struct sv text, size_t step, enum regex_prefilter prefilter)
{
        struct error err;
        unsigned question = REGEX_ANY_MATCH | REGEX_ANY_MISMATCH;
        regex_set_prefilter(prefilter);
        cleanup(regex_lines_free) struct regex_lines *lines = regex_lines_new(&regex, &question, 1, &err);
        REQUIRE(lines);
        for (size_t at = 0; at < text.n; at += step) {
                size_t n = text.n - at < step ? text.n - at : step;
                if (regex_lines_feed(lines, sv_n(text.p + at, n), &err) != 0)
                        return regex_lines_verdict(lines, 0);
        }
        REQUIRE(regex_lines_end(lines, &err) == 0);
        return regex_lines_verdict(lines, 0);
}

static struct regex_verdict expect(const struct regex *regex, struct sv text)
{
        struct regex_verdict verdict = { false, false };
        struct sv line;
        while (sv_line(&text, &line)) {
                if (line.n > 0 && line.p[line.n - 1] == '\r')
                        line.n--;
                if (regex_match(regex, line))
                        verdict.match = true;
                else
                        verdict.mismatch = true;
        }
        return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const enum regex_prefilter prefilters[] = { REGEX_PREFILTER_OFF, REGEX_PREFILTER_BUILTIN,
                REGEX_PREFILTER_VECTORSCAN };
        struct error err;
        if (size < 1 || size > 4096)
                return 0;
        unsigned flags = data[0] & (REGEX_BYTES | REGEX_NOCASE | REGEX_LITERAL);
        const uint8_t *separator = memmem(data + 1, size - 1, "\xff\xfe", 2);
        const uint8_t *pattern_end = separator ? separator : data + size;
        struct sv pattern = sv_n((const char *)data + 1, (size_t)(pattern_end - data) - 1);
        struct sv text = separator ? sv_n((const char *)separator + 2, (size_t)(data + size - separator) - 2) : SV("");
        cleanup(regex_free) struct regex *regex = regex_new(pattern, flags, &err);
        if (!regex)
                return 0;
        struct regex_capture captures[8];
        if (regex_find(regex, text, 0, captures, 8, &err) > 0) {
                for (size_t i = 0; i < 8; i++)
                        REQUIRE(captures[i].start == REGEX_NONE ||
                                (captures[i].start <= captures[i].end && captures[i].end <= text.n));
        }
        if (flags & REGEX_BYTES)
                return 0;
        struct regex_verdict wanted = expect(regex, text);
        size_t tried = data[0] & 0x10 ? 2 : 3; /* compiling for libhs takes most of the time */
        for (size_t i = 0; i < tried; i++) {
                struct regex_verdict got = ask(regex, text, i == 0 ? 7 : 64, prefilters[i]);
                REQUIRE(got.match == wanted.match && got.mismatch == wanted.mismatch);
        }
        return 0;
}
