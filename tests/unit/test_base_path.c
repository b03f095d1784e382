/* Paths by text, and whole small files. */
#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

/* One temporary directory a test. */
struct place {
        char path[64];
        int dir;
};

static int place_make(void **state)
{
        struct place *place = calloc(1, sizeof(*place));
        if (!place)
                return -1;
        snprintf(place->path, sizeof(place->path), "/tmp/tarsier-path-XXXXXX");
        if (!mkdtemp(place->path))
                return -1;
        place->dir = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = place;
        return place->dir < 0 ? -1 : 0;
}

static int place_remove(void **state)
{
        struct place *place = *state;
        static const char *const names[] = { "file", "file.new", "link", "target", "fifo", "d/e/f", "d/e", "d" };
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (unlinkat(place->dir, names[i], 0) < 0)
                        unlinkat(place->dir, names[i], AT_REMOVEDIR);
        close(place->dir);
        int failed = rmdir(place->path);
        free(place);
        return failed;
}

static void test_clean(void **state)
{
        (void)state;
        /* the behaviour that Go documents for path/filepath.Clean */
        static const struct {
                const char *path;
                const char *clean;
        } table[] = { { "", "." }, { ".", "." }, { "./", "." }, { "./.", "." }, { "..", ".." }, { "../", ".." },
                { "/", "/" }, { "//", "/" }, { "/.", "/" }, { "/..", "/" }, { "/../a", "/a" }, { "/../../a/", "/a" },
                { "abc", "abc" }, { "abc/", "abc" }, { "abc//def//ghi", "abc/def/ghi" }, { "//abc", "/abc" },
                { "///abc//", "/abc" }, { "abc/./def", "abc/def" }, { "/./abc/./def", "/abc/def" },
                { "abc/def/..", "abc" }, { "abc/def/../..", "." }, { "/abc/def/../..", "/" },
                { "abc/def/../../..", ".." }, { "/abc/def/../../..", "/" },
                { "abc/def/../../../ghi/jkl/../../../mno", "../../mno" }, { "../../abc", "../../abc" },
                { "../abc/..", ".." }, { "../abc/../..", "../.." }, { "a/b/../../..", ".." },
                { "abc/..def", "abc/..def" }, { "abc/...", "abc/..." }, { "a/.b", "a/.b" }, { "a//b/../c", "a/c" } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                cleanup(buf_done) struct buf out;
                buf_init(&out, 100);
                path_clean(sv_of(table[i].path), &out);
                if (strcmp(buf_text(&out), table[i].clean) != 0)
                        fail_msg("\"%s\" is \"%s\", not \"%s\"", table[i].path, buf_text(&out), table[i].clean);
                buf_clear(&out);
                buf_puts(&out, "x/"); /* what stands before is no part of the path */
                path_clean(sv_of(table[i].path), &out);
                assert_string_equal(buf_text(&out) + 2, table[i].clean);
        }
        cleanup(buf_done) struct buf tiny;
        buf_init(&tiny, 4);
        path_clean(SV("/abc/def"), &tiny);
        assert_true(tiny.failed);
}

static void test_base_and_dir(void **state)
{
        (void)state;
        static const struct {
                const char *path;
                const char *base;
                const char *dir;
        } table[] = { { "/a/b", "b", "/a" }, { "/a", "a", "/" }, { "a", "a", "." }, { "a/b/", "b", "a" },
                { "/", "/", "/" }, { "//", "/", "/" }, { "", ".", "." }, { "/a//b", "b", "/a" } };
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct sv base = path_base(sv_of(table[i].path));
                struct sv dir = path_dir(sv_of(table[i].path));
                if (!sv_eq(base, sv_of(table[i].base)) || !sv_eq(dir, sv_of(table[i].dir)))
                        fail_msg("\"%s\": base \"%.*s\", dir \"%.*s\"", table[i].path, SV_ARG(base), SV_ARG(dir));
        }
}

static void test_within(void **state)
{
        (void)state;
        assert_true(path_within(SV("/d1"), SV("/d1")));
        assert_true(path_within(SV("/d1/x"), SV("/d1")));
        assert_false(path_within(SV("/d1x"), SV("/d1")));
        assert_false(path_within(SV("/d"), SV("/d1")));
        assert_true(path_within(SV("/anything"), SV("/")));
        assert_true(path_within(SV("/"), SV("/")));
        assert_false(path_within(SV("relative"), SV("/")));
}

static void put(const struct place *place, const char *name, const void *bytes, size_t size)
{
        cleanup(fd_close) int fd = openat(place->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write_all(fd, bytes, size, NULL), 0);
}

static void test_file_read_limits(void **state)
{
        struct place *place = *state;
        struct error err = { 0 };
        static char bytes[200000];
        memset(bytes, 'x', sizeof(bytes));
        put(place, "file", bytes, sizeof(bytes));
        cleanup(buf_done) struct buf out;
        buf_init(&out, sizeof(bytes)); /* exactly as large as allowed */
        assert_int_equal(file_read(place->dir, "file", &out, &err), 0);
        assert_int_equal(out.len, sizeof(bytes));
        assert_memory_equal(out.data, bytes, sizeof(bytes));
        assert_int_equal(out.data[out.len], '\0');

        cleanup(buf_done) struct buf small;
        buf_init(&small, sizeof(bytes) - 1);
        assert_int_equal(file_read(place->dir, "file", &small, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);

        put(place, "file", "", 0);
        cleanup(buf_done) struct buf empty;
        buf_init(&empty, 10);
        assert_int_equal(file_read(place->dir, "file", &empty, &err), 0);
        assert_string_equal(buf_text(&empty), "");
}

static void test_file_read_special(void **state)
{
        struct place *place = *state;
        struct error err = { 0 };
        cleanup(buf_done) struct buf out;
        buf_init(&out, 1 << 20);
        /* stat says 0 bytes for these */
        assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", &out, &err), 0);
        assert_non_null(strstr(buf_text(&out), "\nPid:"));
        buf_clear(&out);
        assert_int_equal(file_read(place->dir, "absent", &out, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_string_equal(err.message, "open absent: No such file or directory");
        assert_int_equal(file_read(AT_FDCWD, place->path, &out, &err), -1); /* a directory */
        assert_int_equal(err.errnum, EISDIR);
        /* a FIFO without a writer must not block */
        assert_int_equal(mkfifoat(place->dir, "fifo", 0600), 0);
        buf_clear(&out);
        assert_int_equal(file_read(place->dir, "fifo", &out, &err), 0);
        assert_int_equal(out.len, 0);
}

static void test_file_replace(void **state)
{
        struct place *place = *state;
        struct error err = { 0 };
        put(place, "file", "old", 3);
        cleanup(fd_close) int reader = openat(place->dir, "file", O_RDONLY | O_CLOEXEC);
        assert_int_equal(file_replace(place->dir, "file", "newer", 5, 0640, &err), 0);
        char bytes[10];
        assert_int_equal(read_all(reader, bytes, sizeof(bytes), &err), 3); /* who had it open sees the old one whole */
        assert_memory_equal(bytes, "old", 3);
        cleanup(buf_done) struct buf out;
        buf_init(&out, 100);
        assert_int_equal(file_read(place->dir, "file", &out, &err), 0);
        assert_string_equal(buf_text(&out), "newer");
        struct stat status;
        assert_int_equal(fstatat(place->dir, "file", &status, 0), 0);
        assert_int_equal(status.st_mode & 0777, 0640);
        assert_int_equal(faccessat(place->dir, "file.new", F_OK, 0), -1);
}

static void test_file_replace_distrusts_leftovers(void **state)
{
        struct place *place = *state;
        struct error err = { 0 };
        struct stat status;
        /* what a crash or somebody else left under the temporary name: a wide mode, then a link to a victim */
        put(place, "file.new", "half", 4);
        assert_int_equal(fchmodat(place->dir, "file.new", 0666, 0), 0);
        assert_int_equal(file_replace(place->dir, "file", "secret", 6, 0600, &err), 0);
        assert_int_equal(fstatat(place->dir, "file", &status, 0), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        put(place, "target", "victim", 6);
        assert_int_equal(symlinkat("target", place->dir, "file.new"), 0);
        assert_int_equal(file_replace(place->dir, "file", "secret", 6, 0600, &err), 0);
        cleanup(buf_done) struct buf out;
        buf_init(&out, 100);
        assert_int_equal(file_read(place->dir, "target", &out, &err), 0);
        assert_string_equal(buf_text(&out), "victim");
}

static void test_file_replace_failure_keeps_the_old(void **state)
{
        struct place *place = *state;
        struct error err = { 0 };
        assert_int_equal(mkdirat(place->dir, "d", 0700), 0); /* a file cannot be renamed over a directory */
        assert_int_equal(file_replace(place->dir, "d", "x", 1, 0600, &err), -1);
        assert_int_equal(err.errnum, EISDIR);
        struct stat status;
        assert_int_equal(fstatat(place->dir, "d", &status, 0), 0);
        assert_true(S_ISDIR(status.st_mode));
        assert_int_equal(faccessat(place->dir, "d.new", F_OK, 0), -1);
        assert_int_equal(file_replace(place->dir, "absent/file", "x", 1, 0600, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
}

static void test_path_make(void **state)
{
        struct place *place = *state;
        struct error err = { 0 };
        char path[128];
        snprintf(path, sizeof(path), "%s/d//e/", place->path);
        assert_int_equal(path_make(path, 0700, &err), 0);
        assert_int_equal(path_make(path, 0700, &err), 0); /* again */
        assert_int_equal(faccessat(place->dir, "d/e", F_OK, 0), 0);
        put(place, "d/e/f", "x", 1);
        snprintf(path, sizeof(path), "%s/d/e/f", place->path); /* a file is there: no directory was made */
        assert_int_equal(path_make(path, 0700, &err), -1);
        assert_int_equal(err.errnum, ENOTDIR);
        snprintf(path, sizeof(path), "%s/d/e/f/g", place->path);
        assert_int_equal(path_make(path, 0700, &err), -1);
        static char longer[5000];
        memset(longer, 'a', sizeof(longer) - 1);
        assert_int_equal(path_make(longer, 0700, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
}

static void test_read_and_write_all(void **state)
{
        (void)state;
        int ends[2];
        struct error err = { 0 };
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        cleanup(fd_close) int reader = ends[0];
        cleanup(fd_close) int writer = ends[1];
        assert_int_equal(write_all(writer, "abc", 3, &err), 0);
        assert_int_equal(write_all(writer, "def", 3, &err), 0);
        fd_close(&writer);
        assert_int_equal(writer, -1);
        char bytes[10] = "";
        assert_int_equal(read_all(reader, bytes, 4, &err), 4);
        assert_int_equal(read_all(reader, bytes + 4, 6, &err), 2); /* end of file is no error */
        assert_string_equal(bytes, "abcdef");
        assert_int_equal(write_all(-1, "x", 1, &err), -1);
        assert_int_equal(err.errnum, EBADF);
        assert_int_equal(read_all(-1, bytes, 1, &err), -1);
        cleanup(fd_close) int taken_from = dup(reader);
        int taken = take_fd(taken_from);
        assert_int_equal(taken_from, -1);
        close(taken);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clean),
                cmocka_unit_test(test_base_and_dir),
                cmocka_unit_test(test_within),
                cmocka_unit_test_setup_teardown(test_file_read_limits, place_make, place_remove),
                cmocka_unit_test_setup_teardown(test_file_read_special, place_make, place_remove),
                cmocka_unit_test_setup_teardown(test_file_replace, place_make, place_remove),
                cmocka_unit_test_setup_teardown(test_file_replace_distrusts_leftovers, place_make, place_remove),
                cmocka_unit_test_setup_teardown(test_file_replace_failure_keeps_the_old, place_make, place_remove),
                cmocka_unit_test_setup_teardown(test_path_make, place_make, place_remove),
                cmocka_unit_test(test_read_and_write_all),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
