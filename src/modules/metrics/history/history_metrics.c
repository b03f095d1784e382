#include "modules/metrics/history/history_metrics.h"

/* of each: how many of the codec's units are one of the metric's; of counters, how many of the kernel's units are one
 */
struct scale {
        double codec, kernel;
};
#define RATE 0x1p20  /* one event in a day is not 0; and whole numbers to 4096 stay what they are */
#define COUNT 0x1p10 /* an average of processes has fractions */
#define SECONDS 1e9

/* clang-format off */
#define METRICS(X)                                                                                                     \
        X(HISTORY_CPU, "cpu", "cores", "CPU used", true, RATE, SECONDS)                                                \
        X(HISTORY_CPU_USER, "cpu_user", "cores", "CPU used in programs", true, RATE, SECONDS)                          \
        X(HISTORY_CPU_SYSTEM, "cpu_system", "cores", "CPU used in the kernel", true, RATE, SECONDS)                    \
        X(HISTORY_CPU_THROTTLED, "cpu_throttled", "cores", "CPU wanted beyond the limit: time throttled", true, RATE,  \
                SECONDS)                                                                                               \
        X(HISTORY_MEMORY, "memory", "bytes", "memory used, page cache included", false, 1, 1)                          \
        X(HISTORY_MEMORY_WORKING_SET, "memory_working_set", "bytes", "memory less inactive page cache", false, 1, 1)   \
        X(HISTORY_MEMORY_RSS, "memory_rss", "bytes", "anonymous memory", false, 1, 1)                                  \
        X(HISTORY_MEMORY_CACHE, "memory_cache", "bytes", "page cache", false, 1, 1)                                    \
        X(HISTORY_MEMORY_LIMIT, "memory_limit", "bytes", "limit of memory; nothing where there is none", false, 1, 1)  \
        X(HISTORY_SWAP, "swap", "bytes", "swap used", false, 1, 1)                                                     \
        X(HISTORY_NET_RX, "net_rx", "bytes/s", "received", true, RATE, 1)                                              \
        X(HISTORY_NET_TX, "net_tx", "bytes/s", "sent", true, RATE, 1)                                                  \
        X(HISTORY_NET_RX_PACKETS, "net_rx_packets", "packets/s", "packets received", true, RATE, 1)                    \
        X(HISTORY_NET_TX_PACKETS, "net_tx_packets", "packets/s", "packets sent", true, RATE, 1)                        \
        X(HISTORY_NET_ERRORS, "net_errors", "packets/s", "errors of receiving and sending", true, RATE, 1)             \
        X(HISTORY_NET_DROPS, "net_drops", "packets/s", "packets dropped", true, RATE, 1)                               \
        X(HISTORY_IO_READ, "io_read", "bytes/s", "read from block devices", true, RATE, 1)                             \
        X(HISTORY_IO_WRITE, "io_write", "bytes/s", "written to block devices", true, RATE, 1)                          \
        X(HISTORY_IO_READS, "io_reads", "operations/s", "reads from block devices", true, RATE, 1)                     \
        X(HISTORY_IO_WRITES, "io_writes", "operations/s", "writes to block devices", true, RATE, 1)                    \
        X(HISTORY_PIDS, "pids", "tasks", "tasks as the pids controller counts them", false, COUNT, 1)                  \
        X(HISTORY_THREADS, "threads", "tasks", "threads", false, COUNT, 1)                                             \
        X(HISTORY_FILES, "files", "files", "open files", false, COUNT, 1)                                              \
        X(HISTORY_SOCKETS, "sockets", "files", "of them, sockets", false, COUNT, 1)                                    \
        X(HISTORY_OOM, "oom", "events/s", "kills for want of memory", true, RATE, 1)                                   \
        X(HISTORY_PRESSURE_CPU, "pressure_cpu", "ratio", "time in which some task waited for CPU", true, RATE, SECONDS)\
        X(HISTORY_PRESSURE_MEMORY, "pressure_memory", "ratio", "time in which some task waited for memory", true,      \
                RATE, SECONDS)                                                                                         \
        X(HISTORY_PRESSURE_IO, "pressure_io", "ratio", "time in which some task waited for I/O", true, RATE, SECONDS)  \
        X(HISTORY_FS_USAGE, "fs_usage", "bytes", "file systems' space used", false, 1, 1)                              \
        X(HISTORY_LOAD, "load", "tasks", "load average, of the host that of a minute", false, COUNT, 1e3)              \
        X(HISTORY_CPU_IOWAIT, "cpu_iowait", "cores", "of the host: CPU idle while a device was waited for", true,      \
                RATE, SECONDS)                                                                                         \
        X(HISTORY_CPU_STEAL, "cpu_steal", "cores", "of the host: CPU that its hypervisor gave to others", true, RATE,  \
                SECONDS)                                                                                               \
        X(HISTORY_LOAD5, "load5", "tasks", "of the host: load average of 5 minutes", false, COUNT, 1e3)                \
        X(HISTORY_LOAD15, "load15", "tasks", "of the host: load average of 15 minutes", false, COUNT, 1e3)             \
        X(HISTORY_MEMORY_USED, "memory_used", "bytes", "of the host: memory that is not available", false, 1, 1)       \
        X(HISTORY_FORKS, "forks", "tasks/s", "of the host: processes and threads begun", true, RATE, 1)
/* clang-format on */

#define METRIC(index, name, unit, help, counter, codec, kernel) [index] = { name, unit, help, counter },
static const struct history_metric metrics[HISTORY_METRICS] = { METRICS(METRIC) };
#define SCALE(index, name, unit, help, counter, codec, kernel) [index] = { codec, kernel },
static const struct scale scales[HISTORY_METRICS] = { METRICS(SCALE) };

size_t history_metric_count(void)
{
        return HISTORY_METRICS;
}

const struct history_metric *history_metric_at(size_t index)
{
        return index < HISTORY_METRICS ? &metrics[index] : NULL;
}

const struct history_metric *history_metric_find(struct sv name)
{
        for (size_t i = 0; i < HISTORY_METRICS; i++)
                if (sv_eq(name, sv_of(metrics[i].name)))
                        return &metrics[i];
        return NULL;
}

double history_rate_scaled(size_t metric, uint64_t increase, int64_t time_ns)
{
        return (double)increase / scales[metric].kernel * 1e9 / (double)time_ns * scales[metric].codec;
}

double history_gauge_scaled(size_t metric, uint64_t value)
{
        return (double)value / scales[metric].kernel * scales[metric].codec;
}

double history_unscaled(size_t metric, uint32_t code)
{
        return (double)history_value(code) / scales[metric].codec;
}

uint32_t history_scaled_code(double scaled)
{
        if (!(scaled > 0))
                return 0;
        return history_code(scaled >= 9e18 ? UINT64_C(9000000000000000000) : (uint64_t)(scaled + 0.5));
}

static void put(struct history_sample *sample, enum history_metric_index index, uint64_t value)
{
        sample->has |= UINT64_C(1) << index;
        sample->values[index] = value;
}

static void put_memory(
        struct history_sample *ret, const struct container_spec *spec, const struct cgroup_memory *memory)
{
        const uint64_t limit = spec ? spec->limits.memory_limit : 0;
        put(ret, HISTORY_MEMORY, memory->usage);
        put(ret, HISTORY_MEMORY_WORKING_SET, memory->working_set);
        put(ret, HISTORY_MEMORY_RSS, memory->rss);
        put(ret, HISTORY_MEMORY_CACHE, memory->cache);
        put(ret, HISTORY_SWAP, memory->swap);
        if (limit && limit < UINT64_C(1) << 60) /* v1 says "none" as 2^63 less a page */
                put(ret, HISTORY_MEMORY_LIMIT, limit);
}

static void put_net(struct history_sample *ret, const struct net_stats *net)
{
        struct net_interface_stats sum = { 0 };
        for (size_t i = 0; i < net->interface_count; i++) {
                const struct net_interface_stats *one = &net->interfaces[i];
                sum.rx_bytes += one->rx_bytes;
                sum.tx_bytes += one->tx_bytes;
                sum.rx_packets += one->rx_packets;
                sum.tx_packets += one->tx_packets;
                sum.rx_errors += one->rx_errors + one->tx_errors;
                sum.rx_dropped += one->rx_dropped + one->tx_dropped;
        }
        put(ret, HISTORY_NET_RX, sum.rx_bytes);
        put(ret, HISTORY_NET_TX, sum.tx_bytes);
        put(ret, HISTORY_NET_RX_PACKETS, sum.rx_packets);
        put(ret, HISTORY_NET_TX_PACKETS, sum.tx_packets);
        put(ret, HISTORY_NET_ERRORS, sum.rx_errors);
        put(ret, HISTORY_NET_DROPS, sum.rx_dropped);
}

static void put_io(struct history_sample *ret, const struct cgroup_io_table *table, enum history_metric_index read,
        enum history_metric_index write)
{
        uint64_t reads = 0;
        uint64_t writes = 0;
        for (size_t i = 0; i < table->count; i++) {
                reads += table->rows[i].values[CGROUP_IO_READ];
                writes += table->rows[i].values[CGROUP_IO_WRITE];
        }
        put(ret, read, reads);
        put(ret, write, writes);
}

static void put_pressure(struct history_sample *ret, const struct pressure *pressure, enum history_metric_index index)
{
        if (pressure->has_some && pressure->some.total_ns >= 0)
                put(ret, index, (uint64_t)pressure->some.total_ns);
}

void history_sample_of(
        const struct container_spec *spec, const struct container_stats *stats, struct history_sample *ret)
{
        const struct cgroup_stats *cgroup = &stats->cgroup;
        ret->has = 0;
        if (cgroup->has_cpu) {
                put(ret, HISTORY_CPU, cgroup->cpu.total_ns);
                put(ret, HISTORY_CPU_USER, cgroup->cpu.user_ns);
                put(ret, HISTORY_CPU_SYSTEM, cgroup->cpu.system_ns);
                put(ret, HISTORY_CPU_THROTTLED, cgroup->cpu.throttled_ns);
        }
        if (cgroup->has_memory)
                put_memory(ret, spec, &cgroup->memory);
        if (stats->has_net && stats->net.has_interfaces)
                put_net(ret, &stats->net);
        if (cgroup->has_io) {
                put_io(ret, &cgroup->io[CGROUP_IO_SERVICE_BYTES], HISTORY_IO_READ, HISTORY_IO_WRITE);
                put_io(ret, &cgroup->io[CGROUP_IO_SERVICED], HISTORY_IO_READS, HISTORY_IO_WRITES);
        }
        if (cgroup->has_pids)
                put(ret, HISTORY_PIDS, cgroup->pids);
        if (stats->has_tasks) {
                put(ret, HISTORY_THREADS, stats->tasks.threads);
                put(ret, HISTORY_FILES, stats->tasks.files);
                put(ret, HISTORY_SOCKETS, stats->tasks.sockets);
        }
        put(ret, HISTORY_OOM, stats->oom_events);
        if (cgroup->has_pressure) {
                put_pressure(ret, &cgroup->cpu_pressure, HISTORY_PRESSURE_CPU);
                put_pressure(ret, &cgroup->memory_pressure, HISTORY_PRESSURE_MEMORY);
                put_pressure(ret, &cgroup->io_pressure, HISTORY_PRESSURE_IO);
        }
        if (stats->has_filesystems) {
                uint64_t usage = 0;
                for (size_t i = 0; i < stats->filesystem_count; i++)
                        usage += stats->filesystems[i].usage;
                put(ret, HISTORY_FS_USAGE, usage);
        }
        if (stats->has_load && stats->load_average >= 0)
                put(ret, HISTORY_LOAD, (uint64_t)stats->load_average);
}

static void put_if_absent(struct history_sample *sample, enum history_metric_index index, uint64_t value)
{
        if (!(sample->has >> index & 1))
                put(sample, index, value);
}

void history_sample_add_host(const struct history_host *host, struct history_sample *sample)
{
        if (host->has_times) {
                put(sample, HISTORY_CPU_IOWAIT, host->iowait_ns);
                put(sample, HISTORY_CPU_STEAL, host->steal_ns);
                put(sample, HISTORY_FORKS, host->forks);
        }
        if (host->has_load) {
                put_if_absent(sample, HISTORY_LOAD, (uint64_t)(host->load1 * 1e3));
                put(sample, HISTORY_LOAD5, (uint64_t)(host->load5 * 1e3));
                put(sample, HISTORY_LOAD15, (uint64_t)(host->load15 * 1e3));
                put_if_absent(sample, HISTORY_THREADS, host->threads);
        }
        if (host->has_memory)
                put(sample, HISTORY_MEMORY_USED, host->memory_used);
        for (size_t i = 0; i < 3; i++)
                if (host->has_pressure[i])
                        put_if_absent(
                                sample, (enum history_metric_index)(HISTORY_PRESSURE_CPU + i), host->pressure_ns[i]);
}
