/* The digest and the package of the programs that are executed, on this machine and on a fixture tree. */
#include "modules/watch/digests.h"

#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[64];
static int root = -1;

static void put(const char *path, const char *text, mode_t mode)
{
        char whole[256];
        snprintf(whole, sizeof(whole), "%s/%s", directory, path);
        for (char *slash = whole + strlen(directory) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
                *slash = '\0';
                mkdir(whole, 0755);
        }
        int fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
}

static int setup(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/watch-digests-XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return root >= 0 ? 0 : -1;
}

static int teardown(void **state)
{
        (void)state;
        close(root);
        pid_t pid = fork();
        if (pid == 0) {
                execlp("rm", "rm", "-r", directory, NULL);
                _exit(127);
        }
        return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static struct event_process program(const char *exe)
{
        return (struct event_process){ .pid = 4000000, .exe = exe };
}

static void test_digest_and_package(void **state)
{
        (void)state;
        struct digests *digests = digests_new(root, NULL);
        assert_non_null(digests);
        put("usr/bin/abc", "abc", 0755);
        put("usr/bin/own", "own", 0755);
        put("bin/tool", "abc", 0755);
        put("var/lib/dpkg/info/abc-tools:amd64.list", "/.\n/usr\n/usr/bin\n/usr/bin/abc\n", 0644);
        put("var/lib/dpkg/info/abc-tools:amd64.md5sums", "/usr/bin/own\n", 0644);
        put("lib/apk/db/installed", "P:other\nV:1\nF:usr/bin\nR:own2\n\nP:toolbox\nF:bin\nR:tool\n", 0644);
        struct event_process process = program("/usr/bin/abc");
        digests_fill(digests, &process);
        /* FIPS 180-2, B.1 */
        assert_string_equal(process.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_string_equal(process.package, "abc-tools");
        process = program("/usr/bin/own");
        digests_fill(digests, &process);
        assert_non_null(process.sha256);
        assert_null(process.package);
        process = program("/bin/tool");
        digests_fill(digests, &process);
        assert_string_equal(process.package, "toolbox");
        digests_free(digests);
}

/* A file that is written anew is another program; one that is not there, no file, or of a container is none. */
static void test_what_is_remembered_and_what_is_not_read(void **state)
{
        (void)state;
        struct digests *digests = digests_new(root, NULL);
        char first[80];
        put("usr/bin/changing", "one", 0755);
        struct event_process process = program("/usr/bin/changing");
        digests_fill(digests, &process);
        snprintf(first, sizeof(first), "%s", process.sha256);
        put("usr/bin/changing", "other", 0755);
        process = program("/usr/bin/changing");
        digests_fill(digests, &process);
        assert_string_not_equal(process.sha256, first);
        process = program("/usr/bin/absent");
        digests_fill(digests, &process);
        assert_null(process.sha256);
        process = program("/usr/bin");
        digests_fill(digests, &process);
        assert_null(process.sha256);
        process = program(NULL);
        digests_fill(digests, &process);
        assert_null(process.sha256);
        process = program("/usr/bin/changing"); /* of a container, which has another root */
        process.has_container = true;
        digests_fill(digests, &process);
        assert_null(process.sha256);
        digests_free(digests);
}

static void test_a_living_process(void **state)
{
        (void)state;
        int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct digests *digests = digests_new(host, NULL);
        struct event_process process = { .pid = getpid(), .exe = "/test_watch_digests", .has_container = true };
        digests_fill(digests, &process);
        assert_non_null(process.sha256);
        assert_int_equal(strlen(process.sha256), 64);
        assert_null(process.package);
        digests_free(digests);
        close(host);
}

static void copy(const char *from, const char *to)
{
        char bytes[65536];
        int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CLOEXEC);
        assert_true(in >= 0 && out >= 0);
        for (ssize_t n; (n = read(in, bytes, sizeof(bytes))) > 0;)
                assert_int_equal(write(out, bytes, (size_t)n), n);
        close(in);
        close(out);
}

/* A program that removes itself, as such do which are not to be found: the process still has it. */
static void test_a_program_that_is_deleted(void **state)
{
        (void)state;
        char path[] = "/tmp/tarsier-digest-XXXXXX", byte;
        int pipes[2];
        close(mkstemp(path));
        copy("/bin/sleep", path);
        assert_int_equal(chmod(path, 0700), 0);
        assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0) {
                execl(path, "sleep", "1000", (char *)NULL);
                _exit(1);
        }
        close(pipes[1]);
        assert_int_equal(read(pipes[0], &byte, 1), 0); /* it has executed */
        close(pipes[0]);
        unlink(path);
        int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct digests *digests = digests_new(host, NULL);
        struct event_process before = { .pid = child, .exe = path, .has_container = true }, after = before,
                             real = { 0 };
        digests_fill(digests, &before);
        char told[64];
        snprintf(told, sizeof(told), "%s (deleted)", path);
        after.exe = told;
        digests_fill(digests, &after);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        assert_non_null(before.sha256);
        assert_non_null(after.sha256);
        assert_string_equal(before.sha256, after.sha256);
        real.exe = "/bin/sleep";
        digests_fill(digests, &real);
        assert_string_equal(real.sha256, before.sha256);
        digests_free(digests);
        close(host);
}

/* `sh -c 'exec sleep'`: when the first event comes here the process runs the second program, and the digest of that is
 * none of the first, nor is the first's package the second's. */
static void test_a_process_that_executed_again(void **state)
{
        (void)state;
        int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        struct digests *digests = digests_new(host, NULL);
        char own[PATH_MAX] = "", shell[PATH_MAX];
        assert_true(readlink("/proc/self/exe", own, sizeof(own) - 1) > 0);
        assert_non_null(realpath("/bin/sh", shell));
        struct event_process itself = { .pid = getpid(), .exe = own };
        digests_fill(digests, &itself);
        assert_non_null(itself.sha256);
        struct event_process before = { .pid = getpid(), .exe = shell };
        digests_fill(digests, &before);
        assert_non_null(before.sha256);
        assert_string_not_equal(before.sha256, itself.sha256);
        before = (struct event_process){ .pid = getpid(), .exe = "/bin/other", .has_container = true };
        digests_fill(digests, &before);
        assert_null(before.sha256);
        digests_free(digests);
        close(host);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_digest_and_package),
                cmocka_unit_test(test_what_is_remembered_and_what_is_not_read),
                cmocka_unit_test(test_a_living_process),
                cmocka_unit_test(test_a_program_that_is_deleted),
                cmocka_unit_test(test_a_process_that_executed_again),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
