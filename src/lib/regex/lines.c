#include "lib/regex/lines.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "lib/regex/hyperscan.h"
#include "lib/regex/re2_shim.h"
#include "lib/regex/regex_internal.h"

#define STEP_MAX (1U << 20)             /* bytes scanned at once: a longer block is taken in steps */
#define CARRY_KEPT_MAX (1U << 20)       /* a larger carry buffer is given back after its line */
#define PREFILTER_MEMORY_MAX (8U << 20) /* of the built-in prefilter of one pattern */
#define LITERAL_MIN 3U                  /* bytes: shorter ones are in most lines */
#define VECTORSCAN_AFTER (8U << 20)     /* bytes fed before libhs is loaded: loading and compiling take milliseconds */

struct pattern {
        const struct regex *regex;
        unsigned asked;
        bool literal;                /* regex->literal is the prefilter: memmem beats an automaton */
        struct re2_program *builtin; /* the approximation, or NULL */
        struct hyperscan *hyperscan; /* the approximation, or NULL */
        struct regex_verdict verdict;
};

struct regex_lines {
        struct pattern *patterns;
        size_t count;
        size_t undecided;
        enum regex_prefilter prefilter;
        bool vectorscan_tried;
        struct hyperscan_scratch *scratch;
        struct buf carry; /* the line that the blocks so far have not finished */
        bool cut;         /* it is longer than the carry holds */
        struct regex_lines_stats stats;
};

/* Process wide, for tests and benches: see regex_set_prefilter. */
static enum regex_prefilter default_prefilter = REGEX_PREFILTER_AUTO;

void regex_set_prefilter(enum regex_prefilter prefilter)
{
        default_prefilter = prefilter;
}

static bool decided(const struct pattern *pattern)
{
        return (!(pattern->asked & REGEX_ANY_MATCH) || pattern->verdict.match) &&
               (!(pattern->asked & REGEX_ANY_MISMATCH) || pattern->verdict.mismatch);
}

bool regex_lines_preload(struct regex_lines *lines)
{
        lines->vectorscan_tried = true;
        if (lines->prefilter == REGEX_PREFILTER_OFF || lines->prefilter == REGEX_PREFILTER_BUILTIN)
                return false;
        for (size_t i = 0; i < lines->count; i++) {
                struct pattern *pattern = &lines->patterns[i];
                if (pattern->regex->approximation && !pattern->hyperscan)
                        pattern->hyperscan = hyperscan_new(pattern->regex->approximation, &lines->scratch);
                if (pattern->hyperscan)
                        lines->stats.vectorscan = true;
        }
        return lines->stats.vectorscan;
}

/* Without one the exact matcher meets every line. */
static void prepare_builtin(struct pattern *pattern)
{
        const char *approximation = pattern->regex->approximation;
        pattern->literal = pattern->regex->literal_length >= LITERAL_MIN;
        if (!approximation || pattern->literal)
                return;
        if (re2_program_new(approximation, strlen(approximation), RE2_LATIN1, PREFILTER_MEMORY_MAX, &pattern->builtin,
                    NULL, 0) != RE2_OK)
                pattern->builtin = NULL;
}

struct regex_lines *regex_lines_new(
        const struct regex *const *patterns, const unsigned *questions, size_t count, struct error *err)
{
        if (count > REGEX_LINES_PATTERNS_MAX)
                return fail_null(err, E_TOO_LARGE, "%zu content patterns in one search: at most %u", count,
                        REGEX_LINES_PATTERNS_MAX);
        cleanup(regex_lines_free) struct regex_lines *lines = calloc(1, sizeof(*lines));
        if (!lines || !(lines->patterns = calloc(count ? count : 1, sizeof(*lines->patterns))))
                return fail_null(err, E_NO_MEMORY, "no memory to search lines");
        buf_init(&lines->carry, REGEX_LINE_MAX);
        lines->count = count;
        lines->prefilter = default_prefilter;
        for (size_t i = 0; i < count; i++) {
                if (patterns[i]->flags & REGEX_BYTES)
                        return fail_null(err, E_INVALID, "a regexp for bytes cannot search lines");
                lines->patterns[i].regex = patterns[i];
                lines->patterns[i].asked = questions[i];
                if (lines->prefilter != REGEX_PREFILTER_OFF)
                        prepare_builtin(&lines->patterns[i]);
        }
        if (lines->prefilter == REGEX_PREFILTER_VECTORSCAN)
                regex_lines_preload(lines);
        regex_lines_begin(lines);
        return take_ptr(lines);
}

void regex_lines_free(struct regex_lines *lines)
{
        if (!lines)
                return;
        for (size_t i = 0; lines->patterns && i < lines->count; i++) {
                re2_program_free(lines->patterns[i].builtin);
                hyperscan_free(lines->patterns[i].hyperscan);
        }
        hyperscan_scratch_free(lines->scratch);
        buf_done(&lines->carry);
        free(lines->patterns);
        free(lines);
}

static void forget_carry(struct regex_lines *lines)
{
        if (lines->carry.capacity > CARRY_KEPT_MAX) {
                buf_done(&lines->carry);
                buf_init(&lines->carry, REGEX_LINE_MAX);
        }
        buf_clear(&lines->carry);
        lines->cut = false;
}

void regex_lines_begin(struct regex_lines *lines)
{
        forget_carry(lines);
        lines->undecided = 0;
        for (size_t i = 0; i < lines->count; i++) {
                lines->patterns[i].verdict = (struct regex_verdict){ false, false };
                lines->undecided += !decided(&lines->patterns[i]);
        }
}

/* A place in the first line of text[start..] that may match: 1, 0 for none, -1. start is where a line begins. */
static int next_candidate(
        const struct regex_lines *lines, const struct pattern *pattern, struct sv text, size_t start, size_t *ret_at)
{
        if (pattern->hyperscan) {
                size_t end = 0;
                int found =
                        hyperscan_next(pattern->hyperscan, lines->scratch, sv_n(text.p + start, text.n - start), &end);
                if (found > 0)
                        *ret_at = start + end;
                return found;
        }
        if (pattern->literal) {
                const char *place =
                        memmem(text.p + start, text.n - start, pattern->regex->literal, pattern->regex->literal_length);
                if (place)
                        *ret_at = (size_t)(place - text.p);
                return place != NULL;
        }
        *ret_at = start;
        if (!pattern->builtin)
                return 1;
        struct re2_span span;
        int found = re2_program_search(pattern->builtin, text.p, text.n, start, &span, 1);
        if (found > 0)
                *ret_at = span.start;
        return found;
}

/* text is whole lines; the last one may lack its '\n'. */
static int scan_pattern(struct regex_lines *lines, struct pattern *pattern, struct sv text, struct error *err)
{
        for (size_t start = 0; start < text.n && !decided(pattern);) {
                size_t at = 0;
                int found = next_candidate(lines, pattern, text, start, &at);
                if (found < 0)
                        return fail(err, E_NO_MEMORY, "no memory to search lines");
                const char *before = found ? memrchr(text.p + start, '\n', at - start) : NULL;
                size_t line = before ? (size_t)(before - text.p) + 1 : start;
                if (!found || line == text.n) {
                        pattern->verdict.mismatch = true;
                        return 0;
                }
                if (line > start)
                        pattern->verdict.mismatch = true;
                const char *newline = memchr(text.p + at, '\n', text.n - at);
                size_t end = newline ? (size_t)(newline - text.p) : text.n;
                start = end + 1;
                if (end > line && text.p[end - 1] == '\r')
                        end--;
                lines->stats.candidates++;
                int matched = regex_find(pattern->regex, sv_n(text.p + line, end - line), 0, NULL, 0, err);
                if (matched < 0)
                        return -1;
                if (matched)
                        pattern->verdict.match = true;
                else
                        pattern->verdict.mismatch = true;
        }
        return 0;
}

static int scan(struct regex_lines *lines, struct sv text, struct error *err)
{
        for (size_t i = 0; i < lines->count; i++) {
                struct pattern *pattern = &lines->patterns[i];
                if (decided(pattern))
                        continue;
                if (scan_pattern(lines, pattern, text, err) != 0)
                        return -1;
                lines->undecided -= decided(pattern);
        }
        return 0;
}

static int carry(struct regex_lines *lines, struct sv part, struct error *err)
{
        size_t room = REGEX_LINE_MAX - lines->carry.len;
        if (part.n > room) {
                lines->stats.long_lines += !lines->cut;
                lines->cut = true;
                part.n = room;
        }
        if (part.n == 0)
                return 0;
        buf_append(&lines->carry, part.p, part.n);
        return lines->carry.failed ? fail(err, E_NO_MEMORY, "no memory for a long line") : 0;
}

static int end_carried_line(struct regex_lines *lines, struct error *err)
{
        int failed = scan(lines, sv_n(buf_text(&lines->carry), lines->carry.len), err);
        forget_carry(lines);
        return failed;
}

static int feed_step(struct regex_lines *lines, struct sv block, struct error *err)
{
        if (lines->carry.len > 0) {
                size_t n = sv_find(block, '\n');
                if (carry(lines, sv_n(block.p, n), err) != 0)
                        return -1;
                if (n == block.n)
                        return 0;
                if (end_carried_line(lines, err) != 0)
                        return -1;
                block = sv_n(block.p + n + 1, block.n - n - 1);
        }
        if (block.n == 0)
                return 0;
        const char *last = memrchr(block.p, '\n', block.n);
        size_t whole = last ? (size_t)(last - block.p) + 1 : 0;
        if (whole > 0 && scan(lines, sv_n(block.p, whole), err) != 0)
                return -1;
        return carry(lines, sv_n(block.p + whole, block.n - whole), err);
}

int regex_lines_feed(struct regex_lines *lines, struct sv block, struct error *err)
{
        while (block.n > 0 && lines->undecided > 0) {
                struct sv step = sv_n(block.p, block.n < STEP_MAX ? block.n : STEP_MAX);
                lines->stats.bytes += step.n;
                if (!lines->vectorscan_tried && lines->stats.bytes >= VECTORSCAN_AFTER)
                        regex_lines_preload(lines);
                if (feed_step(lines, step, err) != 0)
                        return -1;
                block = sv_n(block.p + step.n, block.n - step.n);
        }
        return lines->undecided == 0;
}

int regex_lines_end(struct regex_lines *lines, struct error *err)
{
        return lines->carry.len > 0 ? end_carried_line(lines, err) : 0;
}

struct regex_verdict regex_lines_verdict(const struct regex_lines *lines, size_t pattern)
{
        return lines->patterns[pattern].verdict;
}

struct regex_lines_stats regex_lines_stats(const struct regex_lines *lines)
{
        return lines->stats;
}
