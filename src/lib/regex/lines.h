/* Which of N patterns match which lines of a stream of bytes: the hot path of content search.
 *
 * Lines are those of Go's bufio.Scanner: split at '\n', one trailing '\r' taken off, a last line without '\n' counts,
 * an empty stream has none. Unlike there, a line may have any length: of one longer than REGEX_LINE_MAX the first
 * REGEX_LINE_MAX bytes are searched, and it is counted in long_lines for the caller to report.
 *
 * A prefilter runs over whole blocks and names candidate lines; only those meet the exact matcher. It may name too many
 * and never too few, so a verdict does not depend on it. One owner, one thread.
 */
#pragma once

#include "lib/regex/regex.h"

#define REGEX_LINE_MAX (8U << 20)
#define REGEX_LINES_PATTERNS_MAX 1024U

enum regex_question {
        REGEX_ANY_MATCH = 1U << 0,    /* does any line match? */
        REGEX_ANY_MISMATCH = 1U << 1, /* does any line not match? */
};

struct regex_verdict {
        bool match;    /* a line matched; meaningful if REGEX_ANY_MATCH was asked */
        bool mismatch; /* a line did not match; meaningful if REGEX_ANY_MISMATCH was asked */
};

struct regex_lines;

/* The patterns are borrowed and must outlive it; none may be REGEX_BYTES. questions[i] (a mask of regex_question) is
 * what is asked of patterns[i]. */
struct regex_lines *regex_lines_new(
        const struct regex *const *patterns, const unsigned *questions, size_t count, struct error *err);
void regex_lines_free(struct regex_lines *lines);

static inline void regex_lines_free_p(struct regex_lines **lines)
{
        regex_lines_free(*lines);
}

/* Before each stream. */
void regex_lines_begin(struct regex_lines *lines);

/* Takes the next bytes of the stream, cut anywhere; blocks of 64 KiB and more are best. 1 when every answer is known,
 * so that reading on is useless; 0 to go on; -1 and err when memory ran out. */
int regex_lines_feed(struct regex_lines *lines, struct sv block, struct error *err);

/* The end of the stream: the last line, if it had no '\n'. After it (or a feed that returned 1) the verdicts hold. */
int regex_lines_end(struct regex_lines *lines, struct error *err);

struct regex_verdict regex_lines_verdict(const struct regex_lines *lines, size_t pattern);

/* Since regex_lines_new, over all streams. */
struct regex_lines_stats {
        uint64_t bytes;      /* fed */
        uint64_t candidates; /* lines given to the exact matcher */
        uint64_t long_lines; /* lines cut at REGEX_LINE_MAX */
        bool vectorscan;     /* libhs is in use */
};

struct regex_lines_stats regex_lines_stats(const struct regex_lines *lines);

/* Loads libhs now instead of after the first megabytes: for a worker that will lock itself. Failing is no error: the
 * built-in prefilter does the work. True if it is in use afterwards. */
bool regex_lines_preload(struct regex_lines *lines);

/* Which prefilter regex_lines_new prepares from now on, process wide; for tests and benches. The default is
 * REGEX_PREFILTER_AUTO: built in first, libhs once much was fed. */
enum regex_prefilter {
        REGEX_PREFILTER_AUTO,
        REGEX_PREFILTER_OFF,
        REGEX_PREFILTER_BUILTIN,
        REGEX_PREFILTER_VECTORSCAN, /* at once; built in where libhs is absent */
};

void regex_set_prefilter(enum regex_prefilter prefilter);
