/* A scrape of many containers: what their metrics cost in CPU, in bytes of the builder and in bytes of text, which is
 * made in pieces as the port makes it. In the first case as cgroup v2 has them by default; in the second with labels as
 * Kubernetes sets them, per-CPU figures and every option. Figures are of the CPU clock of this process. */
#include "base/timefmt.h"
#include "modules/metrics/cadvisor/cadvisor.h"

#include <malloc.h>

enum { CONTAINERS_MAX = 1000, ROUNDS = 20, MEMORY = 256 << 20, CPUS = 4, LABELS = 12, PIECE = 64 << 10 };

static struct container_ref refs[CONTAINERS_MAX];
static struct container_spec specs[CONTAINERS_MAX];
static struct container_stats samples[CONTAINERS_MAX];
static struct cadvisor_container_metrics containers[CONTAINERS_MAX];
static char names[CONTAINERS_MAX][128], aliases[CONTAINERS_MAX][32];
static const char *alias_lists[CONTAINERS_MAX][1];
static struct container_pair labels[CONTAINERS_MAX][LABELS];
static uint64_t per_cpu[CONTAINERS_MAX][CPUS];
static struct cgroup_io_row rows[CONTAINERS_MAX];
static struct net_interface_stats interfaces[] = { { "eth0", 123456789, 12345, 0, 1, 98765432, 54321, 0, 2 } };
static struct machine_disk disks[] = { { "vda", 254, 0, 0, "none" } };
static const struct machine machine = { .disks = disks, .disk_count = 1 };

static void make(size_t i, bool rich)
{
        static const char *const keys[LABELS] = { "io.kubernetes.container.name", "io.kubernetes.pod.name",
                "io.kubernetes.pod.namespace", "io.kubernetes.pod.uid", "app", "version", "tier", "release",
                "controller", "team", "maintainer", "build" };
        snprintf(names[i], sizeof(names[i]), "/system.slice/docker-%064zx.scope", i * 2654435761u);
        snprintf(aliases[i], sizeof(aliases[i]), "service-%zu", i);
        alias_lists[i][0] = aliases[i];
        for (size_t k = 0; k < LABELS; k++)
                labels[i][k] = (struct container_pair){ keys[k], aliases[i] };
        refs[i] = (struct container_ref){ .name = names[i], .aliases = alias_lists[i], .alias_count = rich };
        specs[i] = (struct container_spec){ .image = rich ? "registry.example/team/service:1.2.3" : "",
                .labels = labels[i],
                .label_count = rich ? LABELS : 0,
                .created_ns = 1700000000 * SECOND,
                .has_cpu = true,
                .has_memory = true,
                .limits = { .cpu_period_us = 100000, .cpu_shares = 1024, .memory_limit = 1 << 30 } };
        struct container_stats *stats = &samples[i];
        *stats = (struct container_stats){ .time_ns = 1795293827368 * MILLISECOND, .has_net = true, .has_tasks = true };
        stats->cgroup.has_cpu = stats->cgroup.has_memory = stats->cgroup.has_io = true;
        stats->cgroup.cpu = (struct cgroup_cpu){
                .total_ns = 123456789000 + i * 1000, .user_ns = 100000000000 + i, .system_ns = 23456789000
        };
        stats->cgroup.memory = (struct cgroup_memory){ .usage = 123456789 + i * 4096,
                .max_usage = 223456789,
                .working_set = 99999999,
                .cache = 55555555,
                .rss = 4444444 + i,
                .pgfault = 1234567,
                .pgmajfault = 12 };
        for (size_t cpu = 0; cpu < CPUS; cpu++)
                per_cpu[i][cpu] = 30864197250 + cpu * 77 + i;
        if (rich) {
                stats->cgroup.cpu.per_cpu_ns = per_cpu[i];
                stats->cgroup.cpu.per_cpu_count = CPUS;
        }
        rows[i] = (struct cgroup_io_row){ 254, 0, { [CGROUP_IO_READ] = 1234567 + i, [CGROUP_IO_WRITE] = 7654321 },
                1u << CGROUP_IO_READ | 1u << CGROUP_IO_WRITE };
        stats->cgroup.io[CGROUP_IO_SERVICE_BYTES] = stats->cgroup.io[CGROUP_IO_SERVICED] =
                (struct cgroup_io_table){ &rows[i], 1 };
        stats->net.interfaces = interfaces;
        stats->net.interface_count = 1;
        containers[i] = (struct cadvisor_container_metrics){ .ref = &refs[i], .spec = &specs[i], .stats = stats };
}

static void run(const char *what, size_t count, uint32_t kinds, bool rich)
{
        const struct metrics_options options = {
                .kinds = kinds, .store_labels = true, .env_labels = true, .timestamps = true
        };
        for (size_t i = 0; i < count; i++)
                make(i, rich);
        int64_t least = INT64_MAX, sum = 0;
        size_t series = 0, bytes = 0, held = 0;
        for (int round = 0; round < ROUNDS; round++) {
                struct buf out;
                buf_init(&out, MEMORY);
                size_t before = mallinfo2().uordblks;
                int64_t start = time_cpu_ns();
                struct exposition *exposition = exposition_new(MEMORY, NULL);
                if (!exposition || cadvisor_expose_containers(&options, &machine, containers, count,
                                           1795293828 * SECOND, exposition, NULL) < 0)
                        exit(1);
                held = mallinfo2().uordblks - before;
                if (exposition_write_begin(exposition, EXPOSITION_TEXT, NULL) < 0)
                        exit(1);
                bytes = 0;
                for (bool again = true; again; bytes += out.len) {
                        buf_clear(&out);
                        again = exposition_write_more(exposition, &out, PIECE);
                }
                series = exposition_samples(exposition);
                exposition_free(exposition);
                int64_t took = time_cpu_ns() - start;
                buf_done(&out);
                sum += took;
                least = took < least ? took : least;
        }
        printf("%-34s %5zu containers %7zu series: %6.2f ms CPU (least %6.2f), builder %5.2f MB, text %6.2f MB\n", what,
                count, series, (double)sum / ROUNDS / 1e6, (double)least / 1e6, (double)held / 1e6,
                (double)bytes / 1e6);
}

int main(void)
{
        const uint32_t off = 1u << METRIC_ADVTCP | 1u << METRIC_CPU_TOPOLOGY | 1u << METRIC_CPUSET |
                             1u << METRIC_HUGETLB | 1u << METRIC_MEMORY_NUMA | 1u << METRIC_PROCESS |
                             1u << METRIC_REFERENCED_MEMORY | 1u << METRIC_RESCTRL | 1u << METRIC_SCHED |
                             1u << METRIC_TCP | 1u << METRIC_UDP;
        const uint32_t all = (1u << METRIC_KINDS) - 1;
        static const size_t counts[] = { 25, 125, 1000 };
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
                run("plain groups, default options", counts[i], all & ~off, false);
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
                run("12 labels, default options", counts[i], all & ~off, true);
        run("12 labels, every option", CONTAINERS_MAX, all, true);
        return 0;
}
