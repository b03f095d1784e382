/* The history: bytes a value on disk, memory of the writer and its CPU, with containers sampled every second of which a
 * fifth is busy and the others nearly idle; then how long questions take. Arguments: containers (125), hours (6),
 * seconds between samples (1), directory (a new one below /tmp by default). */
#include "base/path.h"
#include "base/timefmt.h"
#include "modules/metrics/history/history.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>

#define START (INT64_C(1790000000) / 3600 * 3600 * SECOND)

static uint64_t noise_state = 88172645463325252;

static uint64_t noise(uint64_t below)
{
        noise_state ^= noise_state << 13;
        noise_state ^= noise_state >> 7;
        noise_state ^= noise_state << 17;
        return noise_state % below;
}

struct container {
        char cgroup[128], id[72], name[32];
        uint64_t user, kernel, rx, tx, rx_packets, tx_packets, read, written, reads, writes, stalled;
        uint64_t memory, cache;
        unsigned pids;
};

static void live(struct container *container, bool busy, double seconds)
{
        /* an idle container wakes up for some housekeeping of its own */
        double load = busy ? 0.2 + (double)noise(1000) / 2500 : (double)noise(1000) / 1e6;
        container->user += (uint64_t)(load * 0.8e9 * seconds);
        container->kernel += (uint64_t)(load * 0.2e9 * seconds);
        if (busy || noise(20) == 0) {
                uint64_t requests = busy ? (uint64_t)(50 * seconds) + noise(20) : 1;
                container->rx += requests * (400 + noise(100));
                container->tx += requests * (3000 + noise(900));
                container->rx_packets += requests * 5;
                container->tx_packets += requests * 6;
        }
        if (busy) {
                container->memory += (noise(400) << 12);
                container->memory -= container->memory > 300 << 20 ? noise(100) << 20 : 0;
                container->cache += noise(20) << 12;
                container->written += noise(50) << 12;
                container->writes += noise(30);
                container->stalled += noise(3000000);
                container->pids = 12 + (unsigned)noise(4);
        } else if (noise(60) == 0) {
                container->memory += (noise(16) << 12) - (7 << 12);
        }
}

static void append(struct history *history, const struct container *container, int64_t now_ns)
{
        const char *aliases[] = { container->name, container->id };
        struct container_ref ref = { .name = container->cgroup,
                .id = container->id,
                .name_space = "docker",
                .aliases = aliases,
                .alias_count = 2 };
        struct container_spec spec = { .image = "registry.example/shop/frontend:1.27.3" };
        struct net_interface_stats net = { .name = "eth0",
                .rx_bytes = container->rx,
                .tx_bytes = container->tx,
                .rx_packets = container->rx_packets,
                .tx_packets = container->tx_packets };
        struct cgroup_io_row bytes = {
                .values = { [CGROUP_IO_READ] = container->read, [CGROUP_IO_WRITE] = container->written }
        };
        struct cgroup_io_row counts = {
                .values = { [CGROUP_IO_READ] = container->reads, [CGROUP_IO_WRITE] = container->writes }
        };
        struct container_stats stats = { .time_ns = now_ns, .has_net = true, .has_tasks = true };
        struct cgroup_stats *cgroup = &stats.cgroup;
        cgroup->has_cpu = cgroup->has_memory = cgroup->has_pids = cgroup->has_io = cgroup->has_pressure = true;
        cgroup->cpu.user_ns = container->user;
        cgroup->cpu.system_ns = container->kernel;
        cgroup->cpu.total_ns = container->user + container->kernel;
        cgroup->memory.rss = container->memory;
        cgroup->memory.cache = container->cache;
        cgroup->memory.usage = container->memory + container->cache;
        cgroup->memory.working_set = container->memory + container->cache / 2;
        cgroup->pids = container->pids;
        cgroup->cpu_pressure.has_some = cgroup->memory_pressure.has_some = cgroup->io_pressure.has_some = true;
        cgroup->cpu_pressure.some.total_ns = (int64_t)container->stalled;
        cgroup->io[CGROUP_IO_SERVICE_BYTES] = (struct cgroup_io_table){ &bytes, 1 };
        cgroup->io[CGROUP_IO_SERVICED] = (struct cgroup_io_table){ &counts, 1 };
        spec.limits.memory_limit = 512 << 20;
        stats.net.interfaces = &net;
        stats.net.interface_count = 1;
        stats.net.has_interfaces = true;
        stats.tasks.threads = container->pids + 3;
        stats.tasks.files = container->pids * 8;
        stats.tasks.sockets = container->pids * 2;
        history_append(history, &ref, &spec, &stats);
}

static int count_values(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        uint64_t *known = cookie;
        (void)series;
        for (size_t i = 0; i < count; i++)
                *known += values[i] == values[i];
        return 0;
}

static void ask(struct history *history, const char *text, int64_t start_ns, int64_t end_ns, int64_t step_ns)
{
        struct error err;
        struct history_query query;
        struct arena arena;
        uint64_t known = 0;
        int64_t best_ns = INT64_MAX;
        int status = 0;
        for (int i = 0; i < 5 && status == 0; i++) {
                known = 0;
                arena_init(&arena, 1 << 20);
                int64_t begun_ns = time_cpu_ns();
                status = history_query_parse(text, start_ns, end_ns, step_ns, &arena, &query, &err) < 0
                                 ? -1
                                 : history_ask(history, &query, count_values, &known, &err);
                int64_t took_ns = time_cpu_ns() - begun_ns;
                best_ns = took_ns < best_ns ? took_ns : best_ns;
                arena_done(&arena);
        }
        if (status < 0)
                printf("%-44s %s\n", text, err.message);
        else
                printf("%-44s step %4lld s: %7llu values, %6.2f ms CPU\n", text, (long long)(step_ns / SECOND),
                        (unsigned long long)known, (double)best_ns / 1e6);
}

static long resident(void)
{
        long kib = 0;
        struct buf text;
        struct error err;
        buf_init(&text, 1 << 20);
        if (file_read(AT_FDCWD, "/proc/self/smaps_rollup", &text, &err) == 0 && strstr(buf_text(&text), "Rss:"))
                kib = strtol(strstr(text.data, "Rss:") + 4, NULL, 10);
        buf_done(&text);
        return kib;
}

static void print_sizes(
        const struct history_counters *counters, const char *directory, uint64_t steps, size_t containers)
{
        uint64_t bytes[HISTORY_LEVELS] = { 0 };
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while (entries && (entry = readdir(entries))) {
                int fd = openat(dirfd(entries), entry->d_name, O_RDONLY | O_CLOEXEC);
                off_t size = lseek(fd, 0, SEEK_END);
                close(fd);
                if (strncmp(entry->d_name, "history-", 8) == 0)
                        bytes[entry->d_name[8] - '0'] += (uint64_t)size;
        }
        closedir(entries);
        const double values = (double)steps * (double)containers * 28; /* metrics that a sample has here */
        printf("on disk: %llu bytes in %llu files; 10 s: %.2f bytes a value; 1 min: %.2f; 10 min: %.2f\n",
                (unsigned long long)counters->bytes, (unsigned long long)counters->files, (double)bytes[0] / values,
                (double)bytes[1] / values * 6, (double)bytes[2] / values * 60);
}

int main(int argc, char **argv)
{
        char made[] = "/tmp/bench-history-XXXXXX";
        size_t containers = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 125;
        int64_t hours = argc > 2 ? strtol(argv[2], NULL, 10) : 6;
        int64_t every = argc > 3 ? strtol(argv[3], NULL, 10) : 1;
        const char *directory = argc > 4 ? argv[4] : mkdtemp(made);
        struct error err;
        struct history_options options = { .directory = directory };
        struct container *all = calloc(containers, sizeof(*all));
        struct history_counters counters;
        if (!all || !directory || every < 1)
                return 1;
        for (size_t i = 0; i < containers; i++) {
                snprintf(all[i].id, sizeof(all[i].id), "%016llx%016llx%016llx%016llx",
                        (unsigned long long)noise(UINT64_MAX), (unsigned long long)noise(UINT64_MAX),
                        (unsigned long long)noise(UINT64_MAX), (unsigned long long)i);
                snprintf(all[i].cgroup, sizeof(all[i].cgroup), "/docker/%s", all[i].id);
                snprintf(all[i].name, sizeof(all[i].name), "shop-%zu", i);
                all[i].memory = noise(100) << 20;
                all[i].cache = noise(100) << 20;
                all[i].pids = 2;
        }
        malloc_trim(0);
        long before_kib = resident();
        struct history *history = history_open(&options, START, &err);
        if (!history)
                return 1;
        int64_t cpu_ns = 0;
        int64_t longest_ns = 0;
        for (int64_t second = 0; second < hours * 3600; second += every) {
                int64_t now_ns = START + second * SECOND;
                for (size_t i = 0; i < containers; i++)
                        live(&all[i], i % 5 == 0, (double)every);
                int64_t begun_ns = time_cpu_ns();
                history_tick(history, now_ns);
                int64_t ticked_ns = time_cpu_ns();
                for (size_t i = 0; i < containers; i++)
                        append(history, &all[i], now_ns + (int64_t)i);
                int64_t ended_ns = time_cpu_ns();
                cpu_ns += ended_ns - begun_ns;
                longest_ns = ticked_ns - begun_ns > longest_ns ? ticked_ns - begun_ns : longest_ns;
        }
        long after_kib = resident();
        history_count(history, &counters);
        printf("%zu containers, %lld h, a sample every %lld s\n", containers, (long long)hours, (long long)every);
        printf("time: %.2f us a sample, %.4f %% of a core; longest tick %.2f ms\n",
                (double)cpu_ns / 1e3 / (double)counters.samples, (double)cpu_ns / 1e9 / (double)(hours * 3600) * 100,
                (double)longest_ns / 1e6);
        printf("memory: %ld KiB resident, %llu KiB by its own count\n", after_kib - before_kib,
                (unsigned long long)counters.memory >> 10);
        print_sizes(&counters, directory, counters.rows, containers);
        int64_t end_ns = START + hours * HOUR;
        ask(history, "cpu", end_ns - 6 * HOUR, end_ns, MINUTE);
        ask(history, "cpu", end_ns - 6 * HOUR, end_ns, 10 * SECOND);
        ask(history, "cpu{container=\"shop-7\"}", end_ns - 6 * HOUR, end_ns, MINUTE);
        ask(history, "max_over_time(memory[10m])", end_ns - 6 * HOUR, end_ns, 10 * MINUTE);
        ask(history, "topk(5, sum by (container) (net_rx + net_tx))", end_ns - 6 * HOUR, end_ns, MINUTE);
        ask(history, "quantile_over_time(0.9, cpu[5m])", end_ns - 6 * HOUR, end_ns, 5 * MINUTE);
        history_close(history);
        int64_t begun_ns = time_monotonic_ns();
        history = history_open(&options, end_ns + SECOND, &err);
        printf("opened again in %.1f ms\n", (double)(time_monotonic_ns() - begun_ns) / 1e6);
        history_close(history);
        free(all);
        return 0;
}
