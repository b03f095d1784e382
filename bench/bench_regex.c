/* bench_regex DIRECTORY PATTERN...: which files have a line that matches each pattern? Prints, for every prefilter, the
 * CPU seconds of one pass over the tree and the number of files that matched. The same work as `grep -rlE`:
 * regular files, symbolic links not followed. Passes run in the order given, so the page cache should be warm. */
#include "base/cleanup.h"
#include "lib/regex/lines.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>

#define BLOCK_SIZE (256U << 10)
#define PATTERNS_MAX 64

/* nftw has no cookie for its callback. */
static struct regex_lines *current;
static size_t pattern_count;
static size_t matched[PATTERNS_MAX];
static size_t file_count;
static char block[BLOCK_SIZE];

static int search_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        (void)ftw;
        struct error err;
        if (type != FTW_F || !S_ISREG(st->st_mode))
                return 0;
        cleanup(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return 0;
        file_count++;
        regex_lines_begin(current);
        int done = 0;
        while (!done) {
                ssize_t n = read(fd, block, sizeof(block));
                if (n <= 0)
                        break;
                done = regex_lines_feed(current, sv_n(block, (size_t)n), &err);
                if (n < (ssize_t)sizeof(block) && n == st->st_size)
                        break;
        }
        if (!done)
                regex_lines_end(current, &err);
        for (size_t i = 0; i < pattern_count; i++)
                matched[i] += regex_lines_verdict(current, i).match;
        return 0;
}

static double cpu_seconds(void)
{
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int pass(
        const char *directory, const struct regex *const *patterns, enum regex_prefilter prefilter, const char *label)
{
        struct error err;
        unsigned questions[PATTERNS_MAX];
        for (size_t i = 0; i < pattern_count; i++)
                questions[i] = REGEX_ANY_MATCH;
        memset(matched, 0, sizeof(matched));
        file_count = 0;
        double before = cpu_seconds();
        regex_set_prefilter(prefilter);
        cleanup(regex_lines_free) struct regex_lines *lines = regex_lines_new(patterns, questions, pattern_count, &err);
        if (!lines) {
                fprintf(stderr, "%s\n", err.message);
                return -1;
        }
        current = lines;
        nftw(directory, search_file, 64, FTW_PHYS);
        struct regex_lines_stats stats = regex_lines_stats(lines);
        printf("%-10s %7.3f CPU s  %zu files, %.0f MB, %llu candidate lines, %llu long%s; matched", label,
                cpu_seconds() - before, file_count, (double)stats.bytes / 1e6, (unsigned long long)stats.candidates,
                (unsigned long long)stats.long_lines, stats.vectorscan ? ", libhs" : "");
        for (size_t i = 0; i < pattern_count; i++)
                printf(" %zu", matched[i]);
        printf("\n");
        return 0;
}

int main(int argc, char **argv)
{
        static const struct {
                const char *label;
                enum regex_prefilter prefilter;
        } passes[] = { { "auto", REGEX_PREFILTER_AUTO }, { "builtin", REGEX_PREFILTER_BUILTIN },
                { "off", REGEX_PREFILTER_OFF } };
        struct regex *patterns[PATTERNS_MAX];
        struct error err;
        if (argc < 3 || argc - 2 > PATTERNS_MAX) {
                fprintf(stderr, "usage: bench_regex DIRECTORY PATTERN...\n");
                return 2;
        }
        for (int i = 2; i < argc; i++) {
                patterns[pattern_count] = regex_new(sv_of(argv[i]), 0, &err);
                if (!patterns[pattern_count]) {
                        fprintf(stderr, "%s\n", err.message);
                        return 2;
                }
                pattern_count++;
        }
        int failed = 0;
        for (size_t i = 0; i < sizeof(passes) / sizeof(passes[0]) && !failed; i++)
                failed = pass(argv[1], (const struct regex *const *)patterns, passes[i].prefilter, passes[i].label);
        for (size_t i = 0; i < pattern_count; i++)
                regex_free(patterns[i]);
        return failed ? 1 : 0;
}
