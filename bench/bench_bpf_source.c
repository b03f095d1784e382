/* The eBPF source alone, without the rest of the pipeline: bench_bpf_source SECONDS [print] [BUFFER]. Prints what came,
 * by type, what was lost, and what it cost: CPU of this process, and of the eBPF programs where
 * kernel.bpf_stats_enabled counts it. "print" also writes each observation to stdout. Ends early on SIGTERM. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/watch/source/source.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static volatile sig_atomic_t stopped;
static uint64_t seen[OBSERVATION_TYPES], lost;
static bool print;

static void stop(int number)
{
        (void)number;
        stopped = 1;
}

static void show_text(const char *name, struct sv text)
{
        printf(" %s=", name);
        for (size_t i = 0; i < text.n; i++)
                putchar(text.p[i] == '\0' ? '|' : text.p[i] == '\n' ? ';' : text.p[i]);
}

static void observe(const struct observation *observation, void *cookie)
{
        (void)cookie;
        seen[observation->type]++;
        lost += observation->lost;
        if (!print)
                return;
        printf("type=%d time=%lld pid=%d tid=%d ppid=%d start=%llu ns=%d/%llu/%llu uid=%u euid=%u gid=%u auid=%u "
               "session=%u cap=%llx argc=%u has=%x lost=%llu",
                observation->type, (long long)observation->time_ns, observation->pid, observation->tid,
                observation->ppid, (unsigned long long)observation->start_ns, observation->ns_pid,
                (unsigned long long)observation->pid_namespace, (unsigned long long)observation->mount_namespace,
                observation->uid, observation->euid, observation->gid, observation->auid, observation->session,
                (unsigned long long)observation->cap_effective, observation->argc, observation->has,
                (unsigned long long)observation->lost);
        show_text("comm", observation->comm);
        show_text("exe", observation->exe);
        show_text("cwd", observation->cwd);
        show_text("tty", observation->tty);
        show_text("argv", observation->argv);
        show_text("cgroup", observation->cgroup);
        show_text("object", observation->object);
        if (observation->has & HAS_EXIT)
                printf(" code=%d signal=%d core=%d user=%lld system=%lld rss=%llu minor=%llu read=%llu write=%llu",
                        observation->exit_code, observation->exit_signal, observation->core,
                        (long long)observation->user_ns, (long long)observation->system_ns,
                        (unsigned long long)observation->max_rss, (unsigned long long)observation->minor_faults,
                        (unsigned long long)observation->read_bytes, (unsigned long long)observation->write_bytes);
        printf(" flags=%llx\n", (unsigned long long)observation->flags);
}

static void say(void *cookie, const char *text)
{
        (void)cookie;
        fprintf(stderr, "%s\n", text);
}

static void show_memory(const char *when)
{
        cleanup(fclose) FILE *file = fopen("/proc/self/status", "re");
        char line[128];
        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, "VmRSS:", 6) == 0 || strncmp(line, "RssFile:", 8) == 0 ||
                        strncmp(line, "RssAnon:", 8) == 0 || strncmp(line, "VmHWM:", 6) == 0)
                        fprintf(stderr, "%s %s", when, line);
}

static void drain(struct source *source, struct queue *raw)
{
        bool more = true;
        while (more) {
                more = source_bpf.receive(source, raw);
                struct sv item;
                while (queue_front(raw, &item)) {
                        source_bpf.decode(source, item, 0, observe, NULL);
                        queue_pop(raw);
                }
        }
}

int main(int argc, char **argv)
{
        struct error err;
        struct source *source;
        struct queue raw;
        uint64_t buffer = 0;
        int64_t seconds = 0;
        if (argc < 2 || !sv_parse_i64(sv_of(argv[1]), &seconds) ||
                (argc > 3 && !sv_parse_u64(sv_of(argv[3]), 10, &buffer)))
                return 2;
        print = argc > 2 && strcmp(argv[2], "print") == 0;
        struct source_options options = { .log = say, .buffer = buffer };
        show_memory("before");
        int64_t began_ns = time_cpu_ns();
        if (queue_init(&raw, 4 << 20, &err) < 0 || source_bpf.open(&options, &source, &err) < 0) {
                fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        fprintf(stderr, "open: %lld us CPU\n", (long long)((time_cpu_ns() - began_ns) / MICROSECOND));
        show_memory("opened");
        signal(SIGTERM, stop);

        int fds[4], count = source_bpf.fds(source, fds, 4);
        int epoll = epoll_create1(EPOLL_CLOEXEC);
        for (int i = 0; i < count; i++)
                epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &(struct epoll_event){ .events = EPOLLIN });
        puts("ready");
        fflush(stdout);
        int64_t from_ns = time_cpu_ns(), now_ns = time_monotonic_ns(), tick_ns = now_ns;
        uint64_t wakes = 0;
        for (int64_t end_ns = now_ns + seconds * SECOND; now_ns < end_ns && !stopped; now_ns = time_monotonic_ns()) {
                struct epoll_event events[4];
                int64_t wait_ns = tick_ns + 100 * MILLISECOND - now_ns;
                int ready = epoll_wait(epoll, events, 4, wait_ns > 0 ? (int)(wait_ns / MILLISECOND) + 1 : 0);
                wakes++;
                if (ready > 0)
                        drain(source, &raw);
                if (time_monotonic_ns() - tick_ns >= 100 * MILLISECOND) {
                        tick_ns = time_monotonic_ns();
                        source_bpf.tick(source, tick_ns, observe, NULL);
                }
        }
        drain(source, &raw);
        source_bpf.tick(source, INT64_MAX, observe, NULL);
        int64_t cpu_ns = time_cpu_ns() - from_ns;
        struct source_counters counters;
        source_bpf.count(source, &counters);
        fflush(stdout);
        fprintf(stderr, "received %llu lost %llu told_lost %llu truncated %llu refused %llu queue_lost %llu\n",
                (unsigned long long)counters.received, (unsigned long long)counters.lost, (unsigned long long)lost,
                (unsigned long long)counters.truncated, (unsigned long long)counters.refused,
                (unsigned long long)raw.counters.lost);
        fprintf(stderr, "fork %llu exec %llu exit %llu credential %llu namespace %llu comm %llu cgroup %llu gap %llu\n",
                (unsigned long long)seen[OBSERVED_FORK], (unsigned long long)seen[OBSERVED_EXEC],
                (unsigned long long)seen[OBSERVED_EXIT], (unsigned long long)seen[OBSERVED_CREDENTIAL],
                (unsigned long long)seen[OBSERVED_NAMESPACE], (unsigned long long)seen[OBSERVED_COMM],
                (unsigned long long)seen[OBSERVED_CGROUP], (unsigned long long)seen[OBSERVED_GAP]);
        fprintf(stderr, "cpu_us %lld wakes %llu per_exec_us %.2f\n", (long long)(cpu_ns / MICROSECOND),
                (unsigned long long)wakes,
                seen[OBSERVED_EXEC] ? (double)cpu_ns / 1000 / (double)seen[OBSERVED_EXEC] : 0);
        show_memory("end");
        source_bpf.close(source);
        queue_done(&raw);
        return 0;
}
