/* What starting a child costs, in CPU time of parent and child together, per start: fork and exec of /bin/true as the
 * floor, posix_spawn, and the worker handshake without and with the sandbox. The bench is its own worker. */
#include "base/timefmt.h"
#include "module/sandbox.h"
#include "module/worker.h"

#include <linux/filter.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { STARTS = 500 };

static int64_t cpu_of(int who)
{
        struct rusage usage;
        getrusage(who, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * MICROSECOND;
}

static const char *own_path;
static char true_path[] = "/bin/true";
static char *true_argv[] = { true_path, NULL };

static void start_fork(void)
{
        pid_t pid = fork();
        if (pid == 0) {
                execve(true_path, true_argv, environ);
                _exit(1);
        }
        waitpid(pid, NULL, 0);
}

static void start_posix_spawn(void)
{
        pid_t pid;
        if (posix_spawn(&pid, true_path, NULL, NULL, true_argv, environ) == 0)
                waitpid(pid, NULL, 0);
}

static void start_worker(const char *program, const char *verb, bool protocol)
{
        struct error err = { 0 };
        const char *argv[] = { program, verb, NULL };
        cleanup(worker_free) struct worker *worker =
                worker_new((struct worker_option[]){ WORKER_OPT_PROGRAM(program), WORKER_OPT_ARGV(argv),
                                   WORKER_OPT_PROTOCOL(protocol), WORKER_OPT_END },
                        &err);
        if (!worker || worker_start(worker, &err) < 0 || (protocol && worker_wait_for_ready(worker, 0, &err) < 0) ||
                worker_wait(worker, 0, &err) < 0) {
                fprintf(stderr, "%s\n", err.message);
                exit(1);
        }
}

static void start_true_as_worker(void)
{
        start_worker(true_path, NULL, false);
}

static void start_bare(void)
{
        start_worker(own_path, "bare", false);
}

static void start_plain(void)
{
        start_worker(own_path, "plain", true);
}

static void start_locked(void)
{
        start_worker(own_path, "locked", true);
}

static double measure(const char *name, void (*start)(void), double floor_ms)
{
        start();
        int64_t before_ns = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
        for (int i = 0; i < STARTS; i++)
                start();
        int64_t cost_ns = cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN) - before_ns;
        double cost_ms = (double)cost_ns / STARTS / 1e6;
        printf("%-44s %6.3f ms CPU", name, cost_ms);
        if (floor_ms > 0)
                printf("  %4.2f x", cost_ms / floor_ms);
        putchar('\n');
        fflush(stdout);
        return cost_ms;
}

static int work(const char *verb)
{
        static const char *const read_paths[] = { "/etc", "/usr", "/proc", NULL };
        static const struct sandbox sandbox = {
                .read_paths = read_paths, .network = true, .limits = { .data = 64 * MIB, .files = 64 }
        };
        if (strcmp(verb, "bare") == 0)
                return 0;
        struct tarsier_child *child;
        struct error err;
        if (tarsier_child_attach(&child, SECOND) < 0)
                return 1;
        if (strcmp(verb, "locked") == 0 && sandbox_apply(&sandbox, NULL, &err) < 0)
                return 1;
        return tarsier_child_ready(child) < 0;
}

static void measure_filter(void)
{
        static const struct sandbox sandbox = { .network = true };
        struct sock_filter code[SANDBOX_FILTER_MAX];
        int length = 0;
        int64_t before_ns = time_cpu_ns();
        for (int i = 0; i < 1000; i++)
                length = sandbox_build_filter(&sandbox, code, NULL);
        printf("%-44s %6.3f ms CPU  (%d instructions)\n", "building the seccomp program",
                (double)(time_cpu_ns() - before_ns) / 1000 / 1e6, length);
}

int main(int argc, char **argv)
{
        if (argc > 1)
                return work(argv[1]);
        char path[4096];
        ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (length < 0)
                return 1;
        path[length] = '\0';
        own_path = path;
        printf("per start, %d starts each, parent and child together\n", STARTS);
        double floor_ms = measure("fork + exec /bin/true (floor)", start_fork, 0);
        measure("posix_spawn /bin/true", start_posix_spawn, floor_ms);
        measure("worker_start /bin/true, no protocol", start_true_as_worker, floor_ms);
        measure("worker_start this program, no protocol", start_bare, floor_ms);
        measure("the same with the handshake", start_plain, floor_ms);
        double locked_ms = measure("the same with handshake and sandbox", start_locked, floor_ms);
        measure_filter();
        printf("locked worker: %.3f ms CPU a start, goal 1.0\n", locked_ms);
        return 0;
}
