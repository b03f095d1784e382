/* The metrics that history keeps, and what a sample says of them. */
#pragma once

#include "modules/metrics/history/history.h"
#include "modules/metrics/history/history_batch.h"

enum history_metric_index {
        HISTORY_CPU,
        HISTORY_CPU_USER,
        HISTORY_CPU_SYSTEM,
        HISTORY_CPU_THROTTLED,
        HISTORY_MEMORY,
        HISTORY_MEMORY_WORKING_SET,
        HISTORY_MEMORY_RSS,
        HISTORY_MEMORY_CACHE,
        HISTORY_MEMORY_LIMIT,
        HISTORY_SWAP,
        HISTORY_NET_RX,
        HISTORY_NET_TX,
        HISTORY_NET_RX_PACKETS,
        HISTORY_NET_TX_PACKETS,
        HISTORY_NET_ERRORS,
        HISTORY_NET_DROPS,
        HISTORY_IO_READ,
        HISTORY_IO_WRITE,
        HISTORY_IO_READS,
        HISTORY_IO_WRITES,
        HISTORY_PIDS,
        HISTORY_THREADS,
        HISTORY_FILES,
        HISTORY_SOCKETS,
        HISTORY_OOM,
        HISTORY_PRESSURE_CPU,
        HISTORY_PRESSURE_MEMORY,
        HISTORY_PRESSURE_IO,
        HISTORY_FS_USAGE,
        HISTORY_LOAD,
        HISTORY_CPU_IOWAIT, /* from here on of the host alone */
        HISTORY_CPU_STEAL,
        HISTORY_LOAD5,
        HISTORY_LOAD15,
        HISTORY_MEMORY_USED,
        HISTORY_FORKS,
        HISTORY_METRICS
};
_Static_assert(HISTORY_METRICS <= 64, "a sample's metrics are a set of 64 bits");

/* Of a counter the value at the time of the sample, of a gauge what it is; in the units of the kernel (ns of CPU). */
struct history_sample {
        uint64_t has; /* bit a metric */
        uint64_t values[HISTORY_METRICS];
};
void history_sample_of(
        const struct container_spec *spec, const struct container_stats *stats, struct history_sample *ret);

/* What the group has not told itself. */
void history_sample_add_host(const struct history_host *host, struct history_sample *sample);

static inline bool history_metric_is_network(size_t metric)
{
        return metric >= HISTORY_NET_RX && metric <= HISTORY_NET_DROPS;
}

/* A counter's increase over a time as a rate a second, and a gauge's value, in what the codec takes. */
double history_rate_scaled(size_t metric, uint64_t increase, int64_t time_ns);
double history_gauge_scaled(size_t metric, uint64_t value);
/* What a code means, in the metric's unit. */
double history_unscaled(size_t metric, uint32_t code);
/* The same for a scaled number. */
uint32_t history_scaled_code(double scaled);
