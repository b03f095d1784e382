/* Work for watch.py to measure watch by:
 *
 *      bench_watch pace RATE SECONDS PROGRAM   starts PROGRAM so often a second (0: one after the other, as fast
 *                                              as it can); prints how many, and the CPU of all of it in microseconds
 * each bench_watch sleep COUNT                 so many processes, each executed with arguments of its own; prints
 *                                              "ready" and ends them when its standard input ends
 *      bench_watch wait N                      one of those
 */
#include "base/sv.h"
#include "base/timefmt.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SLEEPERS_MAX = 100000 };

static double cpu_us(int who)
{
        struct rusage usage;
        getrusage(who, &usage);
        return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void wait_until(int64_t time_ns)
{
        struct timespec when = { .tv_sec = time_ns / SECOND, .tv_nsec = time_ns % SECOND };
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) == EINTR)
                ;
}

/* Starts are at fixed times, so a late one is made up for. */
static int pace(uint64_t rate, uint64_t seconds, char *program)
{
        char *arguments[] = { program, NULL };
        char *environment[] = { NULL };
        const int64_t begin = time_monotonic_ns();
        const int64_t end = begin + (int64_t)seconds * SECOND;
        uint64_t started = 0;
        int64_t now = begin;
        while (rate ? started < rate * seconds : now < end) {
                pid_t pid;
                if (rate)
                        wait_until(begin + (int64_t)(started * (uint64_t)SECOND / rate));
                int problem = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
                if (problem) {
                        fprintf(stderr, "%s: %s\n", program, strerror(problem));
                        return 1;
                }
                started++;
                if (!rate)
                        waitpid(pid, NULL, 0);
                while (rate && waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                now = time_monotonic_ns();
        }
        while (waitpid(-1, NULL, 0) > 0)
                ;
        printf("{\"started\":%llu,\"seconds\":%.3f,\"cpu_us\":%.2f}\n", (unsigned long long)started,
                (double)(now - begin) / 1e9, (cpu_us(RUSAGE_SELF) + cpu_us(RUSAGE_CHILDREN)) / (double)started);
        return 0;
}

static int sleepers(uint64_t count)
{
        static pid_t pids[SLEEPERS_MAX];
        char number[24], byte;
        char *arguments[] = { (char[]){ "bench_watch" }, (char[]){ "wait" }, number, NULL };
        char *environment[] = { NULL };
        uint64_t started = 0;
        int problem = 0;
        while (started < count && started < SLEEPERS_MAX && !problem) {
                snprintf(number, sizeof(number), "%llu", (unsigned long long)started);
                problem = posix_spawn(&pids[started], "/proc/self/exe", NULL, NULL, arguments, environment);
                started += problem == 0;
        }
        if (problem)
                fprintf(stderr, "after %llu processes: %s\n", (unsigned long long)started, strerror(problem));
        else
                printf("ready\n");
        fflush(stdout);
        while (!problem && read(STDIN_FILENO, &byte, 1) > 0)
                ;
        for (uint64_t i = 0; i < started; i++)
                kill(pids[i], SIGKILL);
        for (uint64_t i = 0; i < started; i++)
                waitpid(pids[i], NULL, 0);
        return problem ? 1 : 0;
}

int main(int argc, char **argv)
{
        uint64_t first = 0, second = 0;
        if (argc > 2 && !sv_parse_u64(sv_of(argv[2]), 10, &first))
                return 2;
        if (argc == 5 && strcmp(argv[1], "pace") == 0 && sv_parse_u64(sv_of(argv[3]), 10, &second))
                return pace(first, second, argv[4]);
        if (argc == 3 && strcmp(argv[1], "sleep") == 0)
                return sleepers(first);
        if (argc == 3 && strcmp(argv[1], "wait") == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                return pause();
        }
        fprintf(stderr, "bench_watch pace RATE SECONDS PROGRAM | sleep COUNT\n");
        return 2;
}
