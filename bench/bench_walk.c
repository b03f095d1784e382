/* bench_walk [DIR [SUFFIX]]: CPU of a name search by the walker beside find(1)'s, over the same tree in the same run.
 * Each is run several times in turn and the least CPU time counts. Build with the release flags before believing it. */
#include "lib/walk/walk.h"

#include <err.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ROUNDS 7

struct search {
        struct sv suffix;
        uint64_t matches;
};

static enum walk_verdict match(void *cookie, const struct walk_entry *entry)
{
        struct search *search = cookie;

        search->matches += sv_ends(sv_n(entry->name, entry->name_length), search->suffix);
        return WALK_ON;
}

static double seconds(const struct rusage *usage)
{
        return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
               (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void search_tree(const char *dir, const char *suffix, const struct walk_options *variant, int result_fd)
{
        struct search search = { .suffix = sv_of(suffix) };
        struct walk_options options = *variant;
        struct walk_counts counts = { 0 };
        struct error error = { 0 };

        options.on_file = match;
        options.on_directory = match;
        options.cookie = &search;
        if (walk_tree(AT_FDCWD, dir, &options, &counts, &error) < 0)
                errx(1, "%s", error.message);
        dprintf(result_fd, "%llu entries, %llu directories, %llu matches, %llu errors",
                (unsigned long long)(counts.files + counts.directories), (unsigned long long)counts.directories,
                (unsigned long long)search.matches, (unsigned long long)counts.errors);
}

/* CPU seconds of a child that walks (variant) or runs find(1) (NULL). */
static double measure(const char *dir, const char *suffix, const struct walk_options *variant, int result_fd)
{
        struct rusage usage;
        pid_t pid = fork();

        if (pid < 0)
                err(1, "fork");
        if (pid == 0) {
                if (variant) {
                        search_tree(dir, suffix, variant, result_fd);
                } else {
                        char pattern[256];

                        snprintf(pattern, sizeof(pattern), "*%s", suffix);
                        dup2(result_fd, STDOUT_FILENO);
                        execlp("find", "find", dir, "-name", pattern, (char *)NULL);
                        err(1, "find");
                }
                _exit(0);
        }
        if (wait4(pid, NULL, 0, &usage) < 0)
                err(1, "wait4");
        return seconds(&usage);
}

int main(int argc, char **argv)
{
        const char *dir = argc > 1 ? argv[1] : "/usr";
        const char *suffix = argc > 2 ? argv[2] : ".conf";
        static const struct {
                const char *name;
                struct walk_options options;
        } variants[] = {
                { "walk", { 0 } },
                { "walk, updating atime", { .update_atime = true } },
                { "walk, one file system", { .one_file_system = true } },
                { "walk, links followed", { .follow_files = true } },
                { "walk, stat of each", { .want_stat = true } },
        };
        enum { VARIANTS = sizeof(variants) / sizeof(*variants) };
        double best[VARIANTS + 1];
        int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

        for (int i = 0; i <= VARIANTS; i++)
                best[i] = 1e9;
        for (int round = 0; round < ROUNDS; round++) {
                for (int i = 0; i <= VARIANTS; i++) {
                        double cpu = measure(dir, suffix, i < VARIANTS ? &variants[i].options : NULL, null_fd);

                        best[i] = cpu < best[i] ? cpu : best[i];
                }
        }
        search_tree(dir, suffix, &variants[0].options, STDOUT_FILENO);
        printf("\n");
        fflush(stdout);
        printf("%-24s %7.1f ms CPU\n", "find -name", best[VARIANTS] * 1e3);
        for (int i = 0; i < VARIANTS; i++)
                printf("%-24s %7.1f ms CPU  %.2f x find\n", variants[i].name, best[i] * 1e3, best[i] / best[VARIANTS]);
        return 0;
}
