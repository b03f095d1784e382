/* The walker on trees that do not want to be walked. */
#include "walk_tree.h"

#include <grp.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct tree *current; /* for the callbacks that change the tree under the walker */

static void make_socket(const struct tree *tree, const char *name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", tree->path, name);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        close(fd);
}

static void make_zoo(struct tree *tree)
{
        tree_make(tree);
        tree_file(tree, "file");
        tree_directory(tree, "dir");
        tree_file(tree, "dir/inner");
        tree_directory(tree, "dir/sub");
        tree_file(tree, "dir/sub/deepest");
        assert_int_equal(symlinkat("file", tree->fd, "to-file"), 0);
        assert_int_equal(symlinkat("dir", tree->fd, "to-dir"), 0);
        assert_int_equal(symlinkat("..", tree->fd, "dir/up"), 0);
        assert_int_equal(symlinkat("nowhere", tree->fd, "dangling"), 0);
        assert_int_equal(symlinkat("turning", tree->fd, "turning"), 0);
        assert_int_equal(mkfifoat(tree->fd, "fifo", 0644), 0);
        assert_int_equal(symlinkat("fifo", tree->fd, "to-fifo"), 0);
        make_socket(tree, "socket");
}

static void test_types_and_links(void **state)
{
        (void)state;
        static const char *const unfollowed[] = { "d ", "d /dir", "d /dir/sub", "f /dir/inner", "f /dir/sub/deepest",
                "f /file", "l /dangling", "l /dir/up", "l /to-dir", "l /to-fifo", "l /to-file", "l /turning", "p /fifo",
                "s /socket" };
        static const char *const followed[] = { "! /dangling", "! /turning", "d ", "d /dir", "d /dir/sub",
                "f /dir/inner", "f /dir/sub/deepest", "f /file", "ld /dir/up", "ld /to-dir", "lf /to-file",
                "lp /to-fifo", "p /fifo", "s /socket" };
        struct walk_counts counts;
        struct tree tree;

        make_zoo(&tree);
        for (int stat = 0; stat < 2; stat++) {
                struct record plain = { 0 };
                struct record follow = { 0 };

                record_walk(&plain, tree.path, (struct walk_options){ .want_stat = stat }, &counts);
                assert_int_equal(plain.seen.count, 14);
                for (int i = 0; i < 14; i++)
                        assert_true(record_has(&plain, unfollowed[i]));
                assert_int_equal(counts.files, 11);
                assert_int_equal(counts.directories, 3);
                assert_int_equal(counts.entered, 3);
                assert_int_equal(counts.errors, 0);
                record_walk(
                        &follow, tree.path, (struct walk_options){ .follow_files = true, .want_stat = stat }, &counts);
                assert_int_equal(follow.seen.count, 14);
                for (int i = 0; i < 14; i++)
                        assert_true(record_has(&follow, followed[i]));
                assert_int_equal(counts.errors, 2);
                assert_int_equal(counts.vanished, 0);
                record_done(&plain);
                record_done(&follow);
        }
        tree_remove(&tree);
}

static void test_depth_and_prune(void **state)
{
        (void)state;
        struct record first = { 0 };
        struct record second = { 0 };
        struct record pruned = { .prune = "sub" };
        struct walk_counts counts;
        struct tree tree;

        make_zoo(&tree);
        record_walk(&first, tree.path, (struct walk_options){ .max_depth = 1 }, &counts);
        assert_true(record_has(&first, "d /dir")); /* named, not entered */
        assert_false(record_has(&first, "f /dir/inner"));
        assert_int_equal(counts.entered, 1);
        record_walk(&second, tree.path, (struct walk_options){ .max_depth = 2 }, &counts);
        assert_true(record_has(&second, "f /dir/inner"));
        assert_true(record_has(&second, "d /dir/sub"));
        assert_false(record_has(&second, "f /dir/sub/deepest"));
        record_walk(&pruned, tree.path, (struct walk_options){ 0 }, &counts);
        assert_true(record_has(&pruned, "d /dir/sub"));
        assert_false(record_has(&pruned, "f /dir/sub/deepest"));
        assert_int_equal(counts.entered, 2);
        record_done(&first);
        record_done(&second);
        record_done(&pruned);
        tree_remove(&tree);
}

/* The root with this suffix gives `count` lines, the first of them `line`. */
static void check_root(const struct tree *tree, const char *suffix, bool follow, const char *line, size_t count)
{
        struct record record = { 0 };
        struct walk_options options = { .follow_files = follow,
                .on_file = record_entry,
                .on_directory = record_entry,
                .on_error = record_error,
                .cookie = &record };
        char root[128];

        snprintf(root, sizeof(root), "%s%s", tree->path, suffix);
        record.prefix = strlen(root);
        while (root[record.prefix - 1] == '/')
                record.prefix--;
        assert_int_equal(walk_tree(AT_FDCWD, root, &options, NULL, NULL), 0);
        assert_int_equal(record.seen.count, count);
        assert_string_equal(record.seen.items[0], line);
        record_done(&record);
}

static void test_roots(void **state)
{
        (void)state;
        struct walk_options options = { 0 };
        struct error error = { 0 };
        char long_path[PATH_MAX + 2];
        struct tree tree;

        make_zoo(&tree);
        check_root(&tree, "/file", false, "f ", 1);
        check_root(&tree, "/fifo", false, "p ", 1);
        check_root(&tree, "/dir/sub", false, "d ", 2);
        check_root(&tree, "/to-file", true, "lf ", 1);
        check_root(&tree, "/to-dir", true, "ld ", 1);
        check_root(&tree, "/to-dir//", false, "l ", 1); /* trailing slashes do not make it follow */
        check_root(&tree, "/absent", false, "! ", 1);
        check_root(&tree, "/dangling", true, "! ", 1);
        assert_int_equal(walk_tree(AT_FDCWD, "", &options, NULL, &error), -1);
        assert_int_equal(error.code, E_INVALID);
        memset(long_path, 'a', sizeof(long_path));
        long_path[sizeof(long_path) - 1] = '\0';
        assert_int_equal(walk_tree(AT_FDCWD, long_path, &options, NULL, &error), -1);
        assert_int_equal(error.code, E_INVALID);

        /* Relative to a directory fd, and the path says so. */
        struct record record = { 0 };

        options = (struct walk_options){ .on_file = record_entry, .cookie = &record };
        assert_int_equal(walk_tree(tree.fd, "dir/sub", &options, NULL, NULL), 0);
        assert_string_equal(record.seen.items[0], "f dir/sub/deepest");
        record_done(&record);
        tree_remove(&tree);
}

static enum walk_verdict check_slash(void *cookie, const struct walk_entry *entry)
{
        bool *first = cookie;

        assert_int_equal(entry->path.p[0], '/');
        assert_true(entry->path.n == 1 || entry->path.p[1] != '/');
        assert_true(*first == (entry->path.n == 1));
        *first = false;
        return entry->depth > 1 ? WALK_PRUNE : WALK_ON;
}

static void test_root_directory_has_one_slash(void **state)
{
        (void)state;
        bool first = true;
        struct walk_options options = { .on_directory = check_slash, .cookie = &first };

        assert_int_equal(walk_tree(AT_FDCWD, "///", &options, NULL, NULL), 0);
        assert_false(first);
}

static void check_stat(const struct walk_entry *entry)
{
        assert_non_null(entry->stat);
        assert_int_equal(IFTODT(entry->stat->st_mode), entry->target);
        if (strcmp(entry->name, "file") == 0 || strcmp(entry->name, "to-file") == 0)
                assert_int_equal(entry->stat->st_size, 4);
}

static void test_stat_is_of_the_target(void **state)
{
        (void)state;
        struct record record = { .during = check_stat };
        struct walk_counts counts;
        struct tree tree;

        make_zoo(&tree);
        record_walk(&record, tree.path, (struct walk_options){ .want_stat = true, .follow_files = true }, &counts);
        record_done(&record);
        tree_remove(&tree);
}

/* The first file seen takes all others with it. */
static void remove_files(const struct walk_entry *entry)
{
        if (entry->type != DT_REG)
                return;
        for (int i = 0; i < 50; i++) {
                char name[16];

                snprintf(name, sizeof(name), "f%d", i);
                if (strcmp(name, entry->name) != 0)
                        unlinkat(current->fd, name, 0);
        }
}

static void remove_directory(const struct walk_entry *entry)
{
        if (strcmp(entry->name, "gone") == 0)
                assert_int_equal(unlinkat(entry->dirfd, entry->name, AT_REMOVEDIR), 0);
        if (strcmp(entry->name, "swapped") == 0) {
                assert_int_equal(unlinkat(entry->dirfd, entry->name, AT_REMOVEDIR), 0);
                assert_int_equal(symlinkat("/", entry->dirfd, entry->name), 0);
        }
}

static void test_vanishing(void **state)
{
        (void)state;
        struct record files = { .during = remove_files };
        struct record directories = { .during = remove_directory };
        struct walk_counts counts;
        struct tree tree;

        tree_make(&tree);
        current = &tree;
        for (int i = 0; i < 50; i++) {
                char name[16];

                snprintf(name, sizeof(name), "f%d", i);
                tree_file(&tree, name);
        }
        record_walk(&files, tree.path, (struct walk_options){ .want_stat = true }, &counts);
        assert_int_equal(counts.files, 1);
        assert_int_equal(counts.errors, 49);
        assert_int_equal(counts.vanished, 49);
        assert_int_equal(files.last_errno, ENOENT);
        assert_int_equal(files.last_stage, WALK_STAGE_STAT);

        tree_directory(&tree, "gone");
        tree_directory(&tree, "swapped");
        record_walk(&directories, tree.path, (struct walk_options){ 0 }, &counts);
        assert_int_equal(counts.errors, 2);
        assert_int_equal(counts.vanished, 1);
        assert_int_equal(counts.entered, 1); /* the link that took a directory's place was not followed */
        record_done(&files);
        record_done(&directories);
        tree_remove(&tree);
}

/* Runs `body` in a child; its result is the test's. 77 skips. */
static void in_child(void (*body)(const struct tree *), const struct tree *tree, const char *needs)
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                body(tree);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
                print_message("skipped: needs %s\n", needs);
                skip();
        }
        assert_int_equal(status, 0);
}

#define CHILD_CHECK(condition)                                                                                         \
        do {                                                                                                           \
                if (!(condition)) {                                                                                    \
                        dprintf(STDERR_FILENO, "# %s:%d: %s\n", __FILE__, __LINE__, #condition);                       \
                        _exit(1);                                                                                      \
                }                                                                                                      \
        } while (0)

static void become_nobody(void)
{
        if (geteuid() != 0)
                _exit(77);
        CHILD_CHECK(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
}

static void walk_as_nobody(const struct tree *tree)
{
        struct record record = { 0 };
        struct walk_counts counts;

        become_nobody();
        record_walk(&record, tree->path, (struct walk_options){ 0 }, &counts);
        CHILD_CHECK(counts.errors == 1);
        CHILD_CHECK(record.last_errno == EACCES && record.last_stage == WALK_STAGE_OPEN);
        CHILD_CHECK(record_has(&record, "! /closed"));
        CHILD_CHECK(record_has(&record, "f /open/x"));
        CHILD_CHECK(record_has(&record, "f /blind/y")); /* readable, not searchable: names are seen */

        struct record stats = { 0 };

        record_walk(&stats, tree->path, (struct walk_options){ .want_stat = true }, &counts);
        CHILD_CHECK(counts.errors == 2 && counts.vanished == 0);
        CHILD_CHECK(record_has(&stats, "! /blind/y"));

        /* O_NOATIME is refused to a stranger: the file opens all the same. */
        cleanup(fd_close) int fd = walk_open_regular(tree->fd, "open/x", 0, NULL, NULL);
        CHILD_CHECK(fd >= 0);
}

static void test_unreadable(void **state)
{
        (void)state;
        struct tree tree;

        tree_make(&tree);
        assert_int_equal(fchmod(tree.fd, 0755), 0);
        tree_directory(&tree, "closed");
        tree_directory(&tree, "open");
        tree_directory(&tree, "blind");
        tree_file(&tree, "closed/z");
        tree_file(&tree, "open/x");
        tree_file(&tree, "blind/y");
        assert_int_equal(fchmodat(tree.fd, "closed", 0, 0), 0);
        assert_int_equal(fchmodat(tree.fd, "blind", 0744, 0), 0);
        in_child(walk_as_nobody, &tree, "root, to become somebody else");
        tree_remove(&tree);
}

/* `levels` directories below each other with these names, a file in each and a second directory beside each. */
static void make_deep(const struct tree *tree, unsigned levels, const char *name)
{
        int fd = openat(tree->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        for (unsigned i = 0; i < levels; i++) {
                assert_int_equal(mkdirat(fd, name, 0755), 0);
                assert_int_equal(mkdirat(fd, "beside", 0755), 0);
                assert_int_equal(mknodat(fd, "beside/file", S_IFREG | 0644, 0), 0);

                int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                assert_true(next >= 0);
                close(fd);
                fd = next;
        }
        close(fd);
}

static enum walk_verdict keep_longest(void *cookie, const struct walk_entry *entry)
{
        size_t *longest = cookie;

        if (entry->path.n > *longest)
                *longest = entry->path.n;
        return WALK_ON;
}

static void test_deep_trees_and_wild_names(void **state)
{
        (void)state;
        char name[256];
        struct walk_counts counts;
        struct tree tree;

        memset(name, 0xff, 255);
        name[0] = '\n';
        name[255] = '\0';
        tree_make_large(&tree);
        make_deep(&tree, 3000, name);
        for (unsigned open_max = 4; open_max <= 512; open_max *= 8) {
                size_t longest = 0;
                struct walk_options options = {
                        .open_max = open_max, .on_directory = keep_longest, .cookie = &longest
                };

                counts = (struct walk_counts){ 0 };
                assert_int_equal(walk_tree(AT_FDCWD, tree.path, &options, &counts, NULL), 0);
                assert_int_equal(longest, strlen(tree.path) + 3000 * (size_t)256);
                assert_int_equal(counts.errors, 0);
                assert_int_equal(counts.files, 3000);
                assert_int_equal(counts.directories, 6001);
                assert_int_equal(counts.entered, 6001);
        }
        tree_remove(&tree);
}

static void test_depth_has_a_ceiling(void **state)
{
        (void)state;
        struct record record = { 0 };
        struct walk_counts counts;
        struct tree tree;

        tree_make_large(&tree);
        make_deep(&tree, WALK_DEPTH_MAX + 2, "d");
        record_walk(&record, tree.path, (struct walk_options){ 0 }, &counts);
        assert_int_equal(counts.too_deep, 2); /* "d" and "beside" of the last level */
        assert_int_equal(counts.errors, 2);
        assert_int_equal(record.last_errno, ENAMETOOLONG);
        assert_int_equal(counts.files, WALK_DEPTH_MAX - 1);
        record_done(&record);
        tree_remove(&tree);
}

/* When the walk is at the bottom: "c" moves away with all below it, "b" is removed while a name in it is pending. */
static void pull_the_rug(const struct walk_entry *entry)
{
        if (strcmp(entry->name, "bottom") != 0)
                return;
        renameat(current->fd, "a/b/c", current->fd, "moved");
        renameat(current->fd, "a/b/e", current->fd, "moved-e");
        unlinkat(current->fd, "a/b", AT_REMOVEDIR);
}

static void test_moved_while_walking(void **state)
{
        (void)state;
        struct record record = { .during = pull_the_rug };
        struct walk_counts counts;
        struct tree tree;

        tree_make(&tree);
        current = &tree;
        assert_int_equal(mkdirat(tree.fd, "a", 0755), 0);
        tree_directory(&tree, "a/b");
        tree_directory(&tree, "a/z");
        tree_file(&tree, "a/z/last");
        tree_directory(&tree, "a/b/c");
        tree_directory(&tree, "a/b/e");
        tree_directory(&tree, "a/b/c/d1");
        tree_directory(&tree, "a/b/c/d1/d2");
        tree_directory(&tree, "a/b/c/d1/d2/d3");
        tree_directory(&tree, "a/b/c/d1/d2/d3/d4");
        tree_file(&tree, "a/b/c/d1/d2/d3/d4/bottom");
        record_walk(&record, tree.path, (struct walk_options){ .open_max = 4 }, &counts);
        assert_true(record_has(&record, "f /a/b/c/d1/d2/d3/d4/bottom"));
        assert_true(record_has(&record, "f /a/z/last")); /* what can be reached again is walked */
        assert_true(record_has(&record, "! /a/b") || record_has(&record, "d /a/b/e"));
        record_done(&record);
        tree_remove(&tree);
}

static void test_stops_early(void **state)
{
        (void)state;
        struct record all = { 0 };
        struct record by_callback = { .stop_after = 20 };
        struct record by_checkpoint = { .stop_at_checkpoint = 3 };
        struct walk_counts counts;
        struct tree tree;

        tree_make(&tree);
        for (int i = 0; i < 100; i++) {
                char name[32];

                snprintf(name, sizeof(name), "f%d", i);
                tree_file(&tree, name);
                snprintf(name, sizeof(name), "d%d", i);
                tree_directory(&tree, name);
        }
        record_walk(&all, tree.path, (struct walk_options){ .checkpoint_every = 10 }, &counts);
        assert_false(counts.stopped);
        assert_int_equal(all.seen.count, 201);
        assert_in_range(all.checkpoints, 100 + 20, 100 + 25);
        record_walk(&by_callback, tree.path, (struct walk_options){ 0 }, &counts);
        assert_true(counts.stopped);
        assert_int_equal(by_callback.seen.count, 20);
        record_walk(&by_checkpoint, tree.path, (struct walk_options){ .checkpoint_every = 10 }, &counts);
        assert_true(counts.stopped);
        assert_true(by_checkpoint.seen.count <= 30);
        record_done(&all);
        record_done(&by_callback);
        record_done(&by_checkpoint);
        tree_remove(&tree);
}

static void test_crowded_directory(void **state)
{
        (void)state;
        struct walk_options options = { 0 };
        struct walk_counts counts = { 0 };
        struct tree tree;

        tree_make_large(&tree);
        for (int i = 0; i < 20000; i++) {
                char name[128];

                snprintf(name, sizeof(name), "%080d", i);
                assert_int_equal(i % 4 ? symlinkat("x", tree.fd, name) : mkdirat(tree.fd, name, 0755), 0);
        }
        assert_int_equal(walk_tree(AT_FDCWD, tree.path, &options, &counts, NULL), 0);
        assert_int_equal(counts.files, 15000);
        assert_int_equal(counts.entered, 5001);
        tree_remove(&tree);
}

static void walk_mounts(const struct tree *tree)
{
        struct record one = { 0 };
        struct record all = { 0 };
        struct walk_counts counts;
        char path[128];

        if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                _exit(77);
        snprintf(path, sizeof(path), "%s/other", tree->path);
        CHILD_CHECK(mount("tmpfs", path, "tmpfs", 0, NULL) == 0);
        snprintf(path, sizeof(path), "%s/other/inside", tree->path);
        CHILD_CHECK(mkdir(path, 0755) == 0);
        record_walk(&one, tree->path, (struct walk_options){ .one_file_system = true }, &counts);
        CHILD_CHECK(record_has(&one, "d /other") && !record_has(&one, "d /other/inside"));
        CHILD_CHECK(counts.foreign == 1 && counts.errors == 0);
        record_walk(&all, tree->path, (struct walk_options){ 0 }, &counts);
        CHILD_CHECK(record_has(&all, "d /other/inside") && counts.foreign == 0);

        /* The tree once more inside itself. */
        struct record loop = { 0 };

        snprintf(path, sizeof(path), "%s/dir/again", tree->path);
        CHILD_CHECK(mount(tree->path, path, NULL, MS_BIND, NULL) == 0);
        record_walk(&loop, tree->path, (struct walk_options){ 0 }, &counts);
        CHILD_CHECK(counts.loops == 1 && counts.errors == 1);
        CHILD_CHECK(loop.last_stage == WALK_STAGE_LOOP && record_has(&loop, "! /dir/again"));
        CHILD_CHECK(record_has(&loop, "f /dir/file"));
}

static void test_mounts(void **state)
{
        (void)state;
        struct tree tree;

        tree_make(&tree);
        tree_directory(&tree, "other");
        tree_directory(&tree, "dir");
        tree_directory(&tree, "dir/again");
        tree_file(&tree, "dir/file");
        in_child(walk_mounts, &tree, "CAP_SYS_ADMIN, for mounts in a namespace of its own");
        tree_remove(&tree);
}

static void test_open_regular(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                unsigned flags;
                int code;
                int errnum;
        } refused[] = { { "fifo", 0, E_INVALID, 0 }, { "dir", 0, E_INVALID, 0 }, { "to-file", 0, E_IO, ELOOP },
                { "to-fifo", WALK_OPEN_FOLLOW, E_INVALID, 0 }, { "to-dir", WALK_OPEN_FOLLOW, E_INVALID, 0 },
                { "dangling", WALK_OPEN_FOLLOW, E_NOT_FOUND, ENOENT }, { "socket", 0, E_IO, ENXIO },
                { "/dev/null", 0, E_INVALID, 0 } };
        struct error error = { 0 };
        struct stat stat;
        struct tree tree;

        make_zoo(&tree);
        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
                error = (struct error){ 0 };
                assert_int_equal(walk_open_regular(tree.fd, refused[i].name, refused[i].flags, NULL, &error), -1);
                assert_int_equal(error.errnum, refused[i].errnum);
                if (refused[i].code != E_IO)
                        assert_int_equal(error.code, refused[i].code);
        }
        for (unsigned flags = 0; flags <= (WALK_OPEN_FOLLOW | WALK_OPEN_UPDATE_ATIME); flags++) {
                const char *name = flags & WALK_OPEN_FOLLOW ? "to-file" : "file";
                int fd = walk_open_regular(tree.fd, name, flags, &stat, &error);

                assert_true(fd >= 0);
                assert_int_equal(stat.st_size, 4);
                close(fd);
        }
        tree_remove(&tree);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_types_and_links),
                cmocka_unit_test(test_depth_and_prune),
                cmocka_unit_test(test_roots),
                cmocka_unit_test(test_root_directory_has_one_slash),
                cmocka_unit_test(test_stat_is_of_the_target),
                cmocka_unit_test(test_vanishing),
                cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_deep_trees_and_wild_names),
                cmocka_unit_test(test_depth_has_a_ceiling),
                cmocka_unit_test(test_moved_while_walking),
                cmocka_unit_test(test_stops_early),
                cmocka_unit_test(test_crowded_directory),
                cmocka_unit_test(test_mounts),
                cmocka_unit_test(test_open_regular),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
