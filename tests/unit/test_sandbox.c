/* Each case forks a child that locks itself and then tries one thing: what is not declared must be refused, what is
 * declared must work. An act returns 0 or the errno it got. */
#include "module/sandbox.h"
#include "sandbox_acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/wait.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { KILLED = 1000, ROOT_ONLY = 1, NOT_SANITIZED = 2 };

static const char *const etc_only[] = { "/etc", NULL };
static const char *write_paths[] = { directory, "/nonexistent/place", NULL };

struct sandbox_case {
        const char *name;
        int (*act)(void);
        int expected; /* errno, or KILLED + signal */
        struct sandbox sandbox;
        int needs;
};

#define EMPTY                                                                                                          \
        {                                                                                                              \
                0                                                                                                      \
        }
#define READER                                                                                                         \
        {                                                                                                              \
                .read_all = true                                                                                       \
        }
#define WRITER                                                                                                         \
        {                                                                                                              \
                .write_paths = write_paths                                                                             \
        }

static int narrowed(const char *const *paths, int (*act)(void))
{
        struct error err;
        return sandbox_narrow_paths(paths, &err) < 0 ? -1 : act();
}

static int act_read_etc_narrowed(void)
{
        return narrowed(etc_only, act_read_etc);
}

static int act_read_outside_narrowed(void)
{
        return narrowed(etc_only, act_read_outside);
}

static int act_read_etc_given_up(void)
{
        return narrowed(NULL, act_read_etc);
}

static int act_read_outside_widened(void)
{
        static const char *const root[] = { "/", NULL };
        return narrowed(root, act_read_outside);
}

static struct sandbox_case cases[] = {
        { "ordinary work of libc", act_ordinary_work, 0, EMPTY, 0 },
        { "threads", act_thread, 0, EMPTY, 0 },
        { "abort", act_abort, KILLED + SIGABRT, EMPTY, NOT_SANITIZED },
        { "no core files", act_core, 0, EMPTY, 0 },
        { "read undeclared file", act_read_etc, EACCES, EMPTY, 0 },
        { "read declared file", act_read_etc, 0, { .read_paths = etc_only }, 0 },
        { "read beside declared path", act_read_outside, EACCES, { .read_paths = etc_only }, 0 },
        { "read all", act_read_outside, 0, READER, 0 },
        { "read all, narrowed: what is kept", act_read_etc_narrowed, 0, READER, 0 },
        { "read all, narrowed: the rest", act_read_outside_narrowed, EACCES, READER, 0 },
        { "narrowed to nothing", act_read_etc_given_up, EACCES, READER, 0 },
        { "narrowing gives nothing back", act_read_outside_widened, EACCES, { .read_paths = etc_only }, 0 },
        { "write undeclared", act_write_outside, EPERM, READER, 0 },
        { "write beside declared path", act_write_outside, EACCES, WRITER, 0 },
        { "write declared", act_write_inside, 0, WRITER, 0 },
        { "truncate undeclared", act_truncate_outside, EPERM, READER, 0 },
        { "truncate beside declared path", act_truncate_outside, EACCES, WRITER, 0 },
        { "open truncating", act_open_truncating, EPERM, READER, 0 },
        { "unlink undeclared", act_unlink_outside, EPERM, READER, 0 },
        { "unlink beside declared path", act_unlink_outside, EACCES, WRITER, 0 },
        { "chmod undeclared", act_chmod_outside, EPERM, READER, 0 },
        { "mkdir undeclared", act_mkdir, EPERM, READER, 0 },
        { "internet socket undeclared", act_inet, EPERM, READER, 0 },
        { "internet socket declared", act_inet, 0, { .network = true }, 0 },
        { "raw socket without capability", act_raw_socket, EPERM, { .network = true }, 0 },
        { "raw socket declared", act_raw_socket, 0, { .network = true, .capabilities = CAP_BIT(CAP_NET_RAW) },
                ROOT_ONLY },
        { "netlink undeclared", act_netlink, EPERM, { .network = true }, 0 },
        { "netlink declared", act_netlink, 0, { .netlink = true }, 0 },
        { "netlink is no network", act_inet, EPERM, { .netlink = true }, 0 },
        { "unix socket undeclared", act_unix, EPERM, { .network = true }, 0 },
        { "unix socket declared", act_unix, 0, { .unix_sockets = true }, 0 },
        { "packet socket undeclared", act_packet, EPERM, { .network = true, .capabilities = CAP_BIT(CAP_NET_RAW) }, 0 },
        { "packet socket declared", act_packet, 0, { .packet = true, .capabilities = CAP_BIT(CAP_NET_RAW) },
                ROOT_ONLY },
        { "other socket family", act_alg, EPERM,
                { .network = true, .netlink = true, .unix_sockets = true, .packet = true }, 0 },
        { "bind of an inherited socket, filter", act_bind_inherited, EPERM, EMPTY, 0 },
        { "bind of an inherited socket, landlock", act_bind_inherited, EACCES, { .unix_sockets = true }, 0 },
        { "bind declared", act_bind_inherited, 0, { .network = true }, 0 },
        { "execve undeclared", act_execve, EPERM, READER, 0 },
        { "execveat undeclared", act_execveat, EPERM, READER, 0 },
        { "fork undeclared", act_fork, EPERM, READER, 0 },
        { "execve declared", act_run_program, 0, { .read_all = true, .exec = true }, 0 },
        { "fork declared", act_fork, 0, { .exec = true }, 0 },
        { "new namespace by clone", act_clone_namespace, EPERM, { .exec = true }, 0 },
        { "ptrace", act_ptrace, KILLED + SIGSYS, { .exec = true, .ptrace_read = true }, 0 },
        { "module loading", act_module_loading, KILLED + SIGSYS, READER, 0 },
        { "kexec", act_kexec, KILLED + SIGSYS, READER, 0 },
        { "bpf undeclared", act_bpf, KILLED + SIGSYS, READER, 0 },
        { "bpf declared", act_bpf, 0, { .bpf = true, .capabilities = CAP_BIT(CAP_SYS_ADMIN) | CAP_BIT(CAP_BPF) },
                ROOT_ONLY },
        { "foreign call numbers", act_foreign_calls, KILLED + SIGSYS, READER, 0 },
        { "mount", act_mount, EPERM, { .capabilities = CAP_BIT(CAP_SYS_ADMIN) }, 0 },
        { "unshare", act_unshare, EPERM, { .capabilities = CAP_BIT(CAP_SYS_ADMIN) }, 0 },
        { "signal another process", act_signal_parent, EPERM, READER, 0 },
        { "signal another process, only programs declared", act_signal_parent, EPERM, { .exec = true }, 0 },
        { "signal declared", act_signal_parent, 0, { .signals = true }, 0 },
        { "limit another process", act_limit_parent, EPERM, READER, 0 },
        { "read memory undeclared", act_read_memory, EPERM, { .processes = true }, 0 },
        { "read memory declared", act_read_memory, 0, { .ptrace_read = true, .capabilities = CAP_BIT(CAP_SYS_PTRACE) },
                ROOT_ONLY },
        { "other processes' fds undeclared", act_read_parent_fds, EACCES, READER, 0 },
        { "other processes' fds declared", act_read_parent_fds, 0,
                { .processes = true, .read_all = true, .capabilities = CAP_BIT(CAP_SYS_PTRACE) }, ROOT_ONLY },
        { "write undeclared, without landlock", act_write_outside, EPERM, { .processes = true }, 0 },
        { "memory limit", act_allocate, ENOMEM, { .limits.data = 16 * MIB }, NOT_SANITIZED },
        { "no memory limit", act_allocate, 0, EMPTY, 0 },
        { "open files limit", act_many_files, EMFILE, { .limits.files = 16 }, 0 },
        { "file size limit", act_large_file, EFBIG, { .write_paths = write_paths, .limits.file_size = 8192 }, 0 },
        { "chown without capability", act_chown, EPERM, WRITER, 0 },
        { "chown declared", act_chown, 0, { .write_paths = write_paths, .capabilities = CAP_BIT(CAP_CHOWN) },
                ROOT_ONLY },
        { "typing into the terminal", act_terminal_input, EPERM, READER, 0 },
        { "fanotify undeclared", act_fanotify, EPERM, { .capabilities = CAP_BIT(CAP_SYS_ADMIN) }, 0 },
        { "fanotify declared", act_fanotify, 0, { .fanotify = true, .capabilities = CAP_BIT(CAP_SYS_ADMIN) },
                ROOT_ONLY },
        { "perf undeclared", act_perf, EPERM, READER, 0 },
        { "open by handle", act_handle, EPERM, { .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH) }, 0 },
        { "io_uring", act_uring, EPERM, READER, 0 },
};

enum { COULD_NOT_LOCK = 200 };

static int outcome(const struct sandbox *sandbox, int (*act)(void))
{
        pid_t pid = fork();
        if (pid == 0) {
                struct sandbox_report report;
                struct error err = { 0 };
                if (sandbox_apply(sandbox, &report, &err) < 0) {
                        dprintf(STDERR_FILENO, "%s\n", err.message);
                        _exit(COULD_NOT_LOCK);
                }
                _exit(act());
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFSIGNALED(status) ? KILLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool landlock_abi_at_least(int abi)
{
        return syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= abi;
}

static void test_case(void **state)
{
        const struct sandbox_case *it = *state;
        if ((it->needs & ROOT_ONLY) && geteuid() != 0) {
                print_message("skipped: needs root\n");
                skip();
        }
        if ((it->needs & NOT_SANITIZED) && SANITIZED) {
                print_message("skipped: needs a build without AddressSanitizer\n");
                skip();
        }
        if (it->expected == EACCES && !landlock_abi_at_least(4)) {
                print_message("skipped: needs Landlock 4\n");
                skip();
        }
        int got = outcome(&it->sandbox, it->act);
        if (got != it->expected)
                fail_msg("%s: got %d (%s), expected %d", it->name, got, strerror(got), it->expected);
}

static void test_report(void **state)
{
        (void)state;
        pid_t pid = fork();
        if (pid == 0) {
                struct sandbox_report report;
                struct error err;
                struct sandbox sandbox = { .write_paths = write_paths, .capabilities = CAP_BIT(CAP_NET_RAW) };
                if (sandbox_apply(&sandbox, &report, &err) < 0)
                        _exit(1);
                bool all = true;
                for (int layer = 0; layer < SANDBOX_LAYERS; layer++)
                        all = all && (report.active[layer] || layer == SANDBOX_LANDLOCK);
                bool landlocked = report.active[SANDBOX_LANDLOCK] == (report.landlock_abi > 0);
                bool absent = report.paths_absent == (report.landlock_abi > 0);
                bool kept = report.capabilities == (geteuid() ? 0 : CAP_BIT(CAP_NET_RAW));
                bool complete = report.landlock_abi < 6 || geteuid() != 0 || report.missing[0] == '\0';
                _exit(all && landlocked && absent && kept && complete ? 0 : 2);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void *wait_for_end(void *cookie)
{
        char byte;
        assert_true(read(*(int *)cookie, &byte, 1) <= 0);
        return NULL;
}

static void test_refused_with_threads(void **state)
{
        (void)state;
        int ends[2];
        pthread_t thread;
        assert_int_equal(pipe(ends), 0);
        assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &ends[0]), 0);
        struct error err = { 0 };
        assert_int_equal(sandbox_apply(&(struct sandbox){ 0 }, NULL, &err), -1);
        assert_int_equal(err.code, E_INVALID);
        close(ends[1]);
        pthread_join(thread, NULL);
        close(ends[0]);
}

static void test_describe(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4096);
        sandbox_describe(&(struct sandbox){ 0 }, &text);
        assert_string_equal(buf_text(&text), "reads no files\nwrites no files\nno sockets\nno capabilities\n");
        buf_clear(&text);
        struct sandbox sandbox = { .read_paths = etc_only,
                .network = true,
                .netlink = true,
                .ptrace_read = true,
                .capabilities = CAP_BIT(CAP_NET_RAW) | CAP_BIT(CAP_SYS_PTRACE),
                .limits = { .data = 64 * MIB, .files = 128 } };
        sandbox_describe(&sandbox, &text);
        assert_string_equal(buf_text(&text),
                "reads /etc\nwrites no files\nsockets: internet, netlink\ncapabilities: net_raw, sys_ptrace\n"
                "reads other processes' /proc files\nreads other processes' memory\n"
                "at most 64.0 MiB of memory\nat most 128 open files\n");
}

static int set_up(void **state)
{
        (void)state;
        snprintf(directory, sizeof(directory), "/tmp/tarsier-sandbox-XXXXXX");
        if (!mkdtemp(directory))
                return -1;
        snprintf(outside, sizeof(outside), "%s.outside", directory);
        inherited_socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return inherited_socket >= 0 ? write_file(outside) : -1;
}

static int tear_down(void **state)
{
        (void)state;
        unlink(outside);
        close(inherited_socket);
        return rmdir(directory);
}

int main(void)
{
        enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
        struct CMUnitTest tests[COUNT + 3];
        for (size_t i = 0; i < COUNT; i++)
                tests[i] = (struct CMUnitTest){
                        .name = cases[i].name, .test_func = test_case, .initial_state = &cases[i]
                };
        tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(test_report);
        tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(test_refused_with_threads);
        tests[COUNT + 2] = (struct CMUnitTest)cmocka_unit_test(test_describe);
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
