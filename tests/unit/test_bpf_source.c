/* The eBPF source for real, inside the sandbox of a worker: what it needs there, and that it loses and invents nothing.
 * Needs root and a kernel with BTF. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "module/sandbox.h"
#include "modules/watch/source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { CHILDREN = 300 };

/* What the watcher says at the end. */
struct verdict {
        enum error_code failed; /* E_NONE: all went well */
        char message[200];
        uint64_t forks, execs, exits, lost, told_lost, wrong;
};

struct watcher {
        pid_t parent; /* whose children are counted */
        struct verdict verdict;
};

static void observe(const struct observation *observation, void *cookie)
{
        struct watcher *watcher = cookie;
        struct verdict *verdict = &watcher->verdict;
        verdict->told_lost += observation->lost;
        if (observation->ppid != watcher->parent || observation->type == OBSERVED_GAP)
                return;
        int64_t age_ns = time_unix_ns() - observation->time_ns;
        verdict->wrong += age_ns < -SECOND || age_ns > HOUR || observation->start_ns == 0;
        if (observation->type == OBSERVED_FORK) {
                verdict->forks++;
        } else if (observation->type == OBSERVED_EXEC) {
                verdict->execs++;
                verdict->wrong += !sv_ends(observation->exe, SV("/true")) || observation->argc != 2 ||
                                  !sv_eq(observation->argv, SV("true\0an argument\0")) ||
                                  !(observation->has & HAS_CGROUP) || observation->cwd.n == 0 ||
                                  !sv_eq(observation->comm, SV("true"));
        } else if (observation->type == OBSERVED_EXIT) {
                verdict->exits++;
                verdict->wrong += !(observation->has & HAS_EXIT) || observation->exit_code || observation->exit_signal;
        }
}

static void drain(struct source *source, struct queue *raw, struct watcher *watcher)
{
        bool more = true;
        while (more) {
                struct sv item;
                more = source_bpf.receive(source, raw);
                for (; queue_front(raw, &item); queue_pop(raw))
                        source_bpf.decode(source, item, 0, observe, watcher);
        }
}

/* Until the peer says that all has happened. */
static int follow(struct source *source, struct queue *raw, int peer, struct watcher *watcher, struct error *err)
{
        cleanup(fd_close) int epoll = epoll_create1(EPOLL_CLOEXEC);
        int fds[4], count = source_bpf.fds(source, fds, 4);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = peer };
        if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, peer, &event) < 0)
                return error_set(err, E_IO, errno, __FILE__, __LINE__, "epoll"); /* fail() is cmocka's here */
        for (int i = 0; i < count; i++) {
                event.data.fd = fds[i];
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
                        return error_set(err, E_IO, errno, __FILE__, __LINE__, "epoll");
        }
        if (write(peer, "r", 1) != 1)
                return error_set(err, E_IO, errno, __FILE__, __LINE__, "peer");
        event.data.fd = -1;
        while (event.data.fd != peer) {
                if (epoll_wait(epoll, &event, 1, -1) < 0 && errno != EINTR) /* SIGCONT */
                        return error_set(err, E_IO, errno, __FILE__, __LINE__, "epoll");
                drain(source, raw, watcher);
        }
        char word;
        if (read(peer, &word, 1) != 1) /* unread, it would cost the peer our answer: ECONNRESET */
                return error_set(err, E_IO, errno, __FILE__, __LINE__, "peer");
        drain(source, raw, watcher);
        source_bpf.tick(source, INT64_MAX, observe, watcher);
        return 0;
}

static int watch(int peer, uint64_t buffer, uint64_t capabilities, struct watcher *watcher, struct error *err)
{
        static const char *const paths[] = { "/proc", "/sys/kernel/btf", NULL };
        const struct sandbox sandbox = { .capabilities = capabilities, .bpf = true, .read_paths = paths };
        struct source_options options = { .buffer = buffer };
        struct source_counters counters;
        struct source *source;
        struct queue raw;
        if (sandbox_apply(&sandbox, NULL, err) < 0 || queue_init(&raw, 1 << 20, err) < 0)
                return -1;
        if (source_bpf.open(&options, &source, err) < 0)
                return -1;
        int failed = follow(source, &raw, peer, watcher, err);
        source_bpf.count(source, &counters);
        watcher->verdict.lost = counters.lost;
        source_bpf.close(source);
        queue_done(&raw);
        return failed;
}

/* A watcher in a process of its own: it says "r" when it is ready, and its verdict when it was told to end. */
static pid_t start(uint64_t buffer, uint64_t capabilities, int *ret_peer)
{
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        pid_t parent = getpid(), pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                struct watcher watcher = { .parent = parent };
                struct error err = { 0 };
                fd_close(&ends[0]);
                if (watch(ends[1], buffer, capabilities, &watcher, &err) < 0) {
                        watcher.verdict.failed = err.code;
                        snprintf(watcher.verdict.message, sizeof(watcher.verdict.message), "%.199s", err.message);
                }
                _exit(write(ends[1], &watcher.verdict, sizeof(watcher.verdict)) != sizeof(watcher.verdict));
        }
        fd_close(&ends[1]);
        *ret_peer = ends[0];
        return pid;
}

/* True when it is ready, else its verdict is there. */
static bool ready(int peer, struct verdict *ret)
{
        char bytes[sizeof(*ret)];
        ssize_t n = read(peer, bytes, sizeof(bytes));
        if (n == 1)
                return true;
        assert_int_equal(n, sizeof(*ret));
        memcpy(ret, bytes, sizeof(*ret));
        return false;
}

static void end(int peer, pid_t pid, struct verdict *ret)
{
        assert_int_equal(write(peer, "e", 1), 1);
        assert_int_equal(read(peer, ret, sizeof(*ret)), sizeof(*ret));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(peer);
}

static void run_children(void)
{
        for (int i = 0; i < CHILDREN; i++) {
                pid_t pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        execl("/bin/true", "true", "an argument", NULL);
                        _exit(127);
                }
                int status;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
}

static const uint64_t both = CAP_BIT(CAP_BPF) | CAP_BIT(CAP_PERFMON);

/* Skips the test where eBPF does not work at all. */
static pid_t start_or_skip(uint64_t buffer, int *ret_peer)
{
        struct verdict verdict;
        pid_t pid = start(buffer, both, ret_peer);
        if (ready(*ret_peer, &verdict))
                return pid;
        waitpid(pid, NULL, 0);
        close(*ret_peer);
        if (verdict.failed != E_UNSUPPORTED && verdict.failed != E_PERMISSION)
                fail_msg("%s", verdict.message);
        print_message("skipped: needs root and a kernel with BTF: %s\n", verdict.message);
        skip();
        return -1;
}

static void test_all_told(void **state)
{
        (void)state;
        struct verdict verdict;
        int peer;
        pid_t pid = start_or_skip(0, &peer);
        run_children();
        end(peer, pid, &verdict);
        assert_string_equal(verdict.message, "");
        assert_int_equal(verdict.lost, 0);
        assert_int_equal(verdict.forks, CHILDREN);
        assert_int_equal(verdict.execs, CHILDREN);
        assert_int_equal(verdict.exits, CHILDREN);
        assert_int_equal(verdict.wrong, 0);
}

/* The smallest ring and a reader that stands still: every event is either told or counted as lost. */
static void test_loss_is_counted(void **state)
{
        (void)state;
        struct verdict verdict;
        int peer;
        pid_t pid = start_or_skip(1, &peer);
        assert_int_equal(kill(pid, SIGSTOP), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        run_children();
        assert_int_equal(kill(pid, SIGCONT), 0);
        end(peer, pid, &verdict);
        uint64_t told = verdict.forks + verdict.execs + verdict.exits;
        assert_true(verdict.lost > 0);
        assert_int_equal(verdict.told_lost, verdict.lost);
        assert_true(told < 3 * CHILDREN);
        assert_true(told + verdict.lost >= 3 * CHILDREN); /* what else runs on the machine may be lost, too */
        assert_int_equal(verdict.wrong, 0);
}

static void test_without_privilege(void **state)
{
        (void)state;
        struct verdict verdict;
        int peer;
        pid_t pid = start_or_skip(0, &peer);
        end(peer, pid, &verdict);
        pid = start(0, 0, &peer);
        assert_false(ready(peer, &verdict));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        close(peer);
        assert_int_equal(verdict.failed, E_PERMISSION);
        assert_non_null(strstr(verdict.message, "CAP_BPF"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_told),
                cmocka_unit_test(test_loss_is_counted),
                cmocka_unit_test(test_without_privilege),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
