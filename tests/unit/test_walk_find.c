/* The walker and find(1) see the same: random trees, every option that both have. */
#include "walk_tree.h"

#define TREES 200

static uint64_t seed;

static unsigned below(unsigned limit)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (unsigned)(seed >> 11) % limit;
}

/* A name of 1 to 12 (rarely 255) bytes of any value but NUL and '/'. */
static void random_name(char *ret)
{
        unsigned length = below(40) == 0 ? 255 : 1 + below(12);

        do {
                for (unsigned i = 0; i < length; i++) {
                        char c = below(3) ? (char)('a' + below(26)) : (char)(1 + below(255));

                        ret[i] = c == '/' ? '_' : c;
                }
                ret[length] = '\0';
        } while (strcmp(ret, ".") == 0 || strcmp(ret, "..") == 0);
}

static void random_directory(int fd, unsigned depth, unsigned *left)
{
        unsigned count = below(12);

        for (unsigned i = 0; i<count && * left> 0; i++) {
                char name[256];

                random_name(name);
                (*left)--;
                switch (below(10)) {
                case 0:
                case 1:
                case 2: {
                        if (depth >= 9 || mkdirat(fd, name, 0755) < 0)
                                break;

                        cleanup(fd_close) int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                        assert_true(next >= 0);
                        random_directory(next, depth + 1, left);
                        break;
                }
                case 3:
                        mkfifoat(fd, name, 0644);
                        break;
                case 4: {
                        static const char *const targets[] = { "..", ".", "nowhere", "/etc/passwd", "/etc", "a/b" };

                        /* Two entries may draw the same name. */
                        assert_true(symlinkat(targets[below(6)], fd, name) == 0 || errno == EEXIST);
                        break;
                }
                default:
                        mknodat(fd, name, S_IFREG | 0644, 0);
                }
        }
}

static int compare_lines(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct record *record)
{
        if (record->seen.count > 0)
                qsort(record->seen.items, record->seen.count, sizeof(char *), compare_lines);
}

/* find's answer in the form of record_line: "%y %p", NUL between. */
static void record_find(struct record *record, const char *root, const char *const argv[])
{
        char *line = NULL;
        size_t capacity = 0;
        ssize_t length;
        int fds[2];
        int status;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                dup2(fds[1], STDOUT_FILENO);
                execvp("find", (char *const *)argv);
                _exit(127);
        }
        close(fds[1]);

        cleanup(fclose) FILE *file = fdopen(fds[0], "r");

        assert_non_null(file);
        while ((length = getdelim(&line, &capacity, '\0', file)) > 0) {
                char mark[2] = { line[0] };

                record->prefix = strlen(root);
                record_line(record, mark, sv_n(line + 2, (size_t)length - 3));
        }
        free(line);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void compare(const char *root, struct walk_options options, const char *const argv[])
{
        struct record ours = { 0 };
        struct record theirs = { 0 };
        struct walk_counts counts;

        record_walk(&ours, root, options, &counts);
        record_find(&theirs, root, argv);
        sort(&ours);
        sort(&theirs);
        assert_int_equal(ours.seen.count, theirs.seen.count);
        for (size_t i = 0; i < ours.seen.count; i++)
                assert_string_equal(ours.seen.items[i], theirs.seen.items[i]);
        assert_int_equal(counts.errors, 0);
        assert_int_equal(counts.files + counts.directories, ours.seen.count);
        record_done(&ours);
        record_done(&theirs);
}

static void test_random_trees(void **state)
{
        (void)state;
        for (unsigned number = 1; number <= TREES; number++) {
                struct tree tree;
                unsigned left = 300;
                char depth[16];

                seed = 0x9e3779b97f4a7c15U * number;
                if (number % 4 == 0) /* what /tmp is on, and tmpfs */
                        tree_make(&tree);
                else
                        tree_make_large(&tree);
                random_directory(tree.fd, 1, &left);

                const char *all[] = { "find", tree.path, "-printf", "%y %p\\0", NULL };
                const char *limited[] = { "find", tree.path, "-maxdepth", depth, "-printf", "%y %p\\0", NULL };
                unsigned max_depth = 1 + below(5);

                snprintf(depth, sizeof(depth), "%u", max_depth);
                compare(tree.path, (struct walk_options){ .open_max = 4 + number % 3 }, all);
                compare(tree.path, (struct walk_options){ .want_stat = number % 2, .max_depth = max_depth }, limited);
                tree_remove(&tree);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_trees) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
