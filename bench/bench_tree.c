/* The process tree: what one short process costs (fork, exec with arguments and control group, exit), and how many
 * bytes 10,000 living processes take, each with arguments of its own. */
#include "base/timefmt.h"
#include "modules/watch/process/tree.h"

#include <malloc.h>

enum { LIVING = 10000, ROUNDS = 500000, GROUPS = 50 };

static uint64_t events;

static void take(const struct event *event, void *cookie)
{
        (void)cookie;
        events += event->has_process;
}

static char groups[GROUPS][128];

static void fork_one(struct tree *tree, pid_t pid, pid_t ppid, int64_t time)
{
        struct observation o;
        observation_init(&o, OBSERVED_FORK, SOURCE_BPF);
        o.pid = pid;
        o.ppid = ppid;
        o.time_ns = time;
        tree_apply(tree, &o, take, NULL);
}

static void exec_one(struct tree *tree, pid_t pid, int64_t time, unsigned number)
{
        struct observation o;
        char argv[128];
        observation_init(&o, OBSERVED_EXEC, SOURCE_BPF);
        o.pid = pid;
        o.time_ns = time;
        o.exe = SV("/usr/lib/service/worker");
        o.comm = SV("worker");
        o.cwd = SV("/var/lib/service");
        int length =
                snprintf(argv, sizeof(argv), "worker%c--number%c%u%c--verbose%c/srv/%u", 0, 0, number, 0, 0, number);
        o.argv = sv_n(argv, (size_t)length + 1);
        o.has = HAS_UIDS | HAS_GIDS | HAS_SESSION | HAS_CAPABILITIES | HAS_CGROUP;
        o.cap_effective = 0x1ffffffffff;
        o.cgroup = sv_of(groups[number % GROUPS]);
        tree_apply(tree, &o, take, NULL);
}

static void exit_one(struct tree *tree, pid_t pid, int64_t time)
{
        struct observation o;
        observation_init(&o, OBSERVED_EXIT, SOURCE_BPF);
        o.pid = pid;
        o.time_ns = time;
        o.has = HAS_EXIT;
        tree_apply(tree, &o, take, NULL);
}

int main(void)
{
        for (unsigned i = 0; i < GROUPS; i++)
                snprintf(groups[i], sizeof(groups[i]), "0::/system.slice/docker-%064x.scope", i);
        struct tree_options options = { .boot_time_ns = SECOND };
        struct tree *tree = tree_new(&options, NULL);
        if (!tree)
                return 1;
        size_t before = mallinfo2().uordblks;
        int64_t time = 1000 * SECOND;
        pid_t pid = 100;
        for (unsigned i = 0; i < LIVING; i++, pid++, time += MILLISECOND) {
                fork_one(tree, pid, i < 6 ? pid - 1 : 99 + (pid_t)(i % 7), time);
                exec_one(tree, pid, time, i);
        }
        struct tree_counters counters;
        tree_count(tree, &counters);
        printf("%d living processes  %.2f MB counted, %.2f MB by the allocator, %zu bytes a process\n", LIVING,
                (double)counters.bytes / 1e6, (double)(mallinfo2().uordblks - before) / 1e6,
                (size_t)(counters.bytes / (counters.processes + counters.ended)));
        int64_t begin = time_cpu_ns();
        for (unsigned i = 0; i < ROUNDS; i++, time += MILLISECOND) {
                pid = pid == 4000000 ? 20000 : pid + 1;
                fork_one(tree, pid, 103, time);
                exec_one(tree, pid, time + 100 * MICROSECOND, i);
                exit_one(tree, pid, time + 200 * MICROSECOND);
        }
        int64_t took = time_cpu_ns() - begin;
        printf("fork, exec and exit      %.2f µs of CPU in all, %llu events\n", (double)took / 1e3 / ROUNDS,
                (unsigned long long)events);
        tree_free(tree);
        return 0;
}
