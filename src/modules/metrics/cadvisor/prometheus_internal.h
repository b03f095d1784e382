/* cAdvisor's container metrics: one row a family (prometheus_families.c), the functions that give its samples
 * (prometheus_samples.c), the labels and the order (prometheus.c). */
#pragma once

#include "modules/metrics/cadvisor/cadvisor.h"

/* One container while its samples are given. */
struct container_view {
        const struct metrics_options *options;
        const struct machine *machine;
        const struct container_spec *spec;
        const struct container_stats *stats;
        const struct exposition_labels *labels;
        int64_t time_ms, now_ms; /* EXPOSITION_NO_TIME without options->timestamps */
        int64_t now_s;
};

struct metric_row;
typedef void metric_samples(
        const struct container_view *view, const struct metric_row *row, struct exposition_family *family);

enum metric_unit {
        UNIT_ONE,          /* uint64_t */
        UNIT_SIGNED,       /* int32_t */
        UNIT_NANOSECONDS,  /* shown as seconds */
        UNIT_MICROSECONDS, /* of cost figures, shown as seconds */
        UNIT_STALLED       /* ns of a pressure line, which the kernel counts in microseconds; shown as seconds */
};

enum metric_need { /* without it the family has no sample */
        NEED_NOTHING = 0,
        NEED_CPU = 1 << 0,
        NEED_MEMORY = 1 << 1,
        NEED_IO = 1 << 2,
        NEED_NET = 1 << 3,
        NEED_TASKS = 1 << 4,
        NEED_QUOTA = 1 << 5 /* the specification has a CPU quota */
};

struct metric_state { /* one sample of a family that has a label for it */
        const char *name;
        size_t offset; /* from metric_row.offset */
};

enum { METRIC_ALWAYS = -1, NO_FIGURE = -1 };

struct metric_row {
        const char *name, *help;
        enum exposition_type type;
        int kind; /* enum metric_kind, or METRIC_ALWAYS */
        unsigned need;
        metric_samples *samples;
        size_t offset; /* of the figure in struct container_stats, or in what a row of its array is */
        enum metric_unit unit;
        const char *label;
        const struct metric_state *states; /* sorted by name; ends with a name NULL */
        int io;                            /* enum cgroup_io_kind, or NO_FIGURE */
        enum cgroup_io_operation operation;
        bool proposed;    /* not in cAdvisor: only with options->memory_events */
        bool filesystems; /* offset is one of struct filesystem_stats */
};

enum { METRIC_ROWS_MAX = 160 };
extern const struct metric_row metric_rows[]; /* ends with a name NULL */

double metric_value(const void *figure, enum metric_unit unit);

metric_samples samples_one, samples_states, samples_last_seen, samples_health, samples_cpu_usage, samples_failures,
        samples_numa, samples_devices, samples_blkio, samples_interfaces, samples_huge, samples_advanced,
        samples_ulimits, samples_perf, samples_perf_ratio, samples_uncore, samples_uncore_ratio, samples_bandwidth,
        samples_llc;

/* Gives one container at a time. */
struct container_source {
        size_t count;
        /* stats: the newest sample is wanted too; it is valid until the next call. -1 fails all. */
        int (*at)(void *cookie, size_t index, bool stats, struct cadvisor_container_metrics *ret, struct error *err);
        void *cookie;
};
/* Families of ours: the programs of each container. */
struct process_series;
void cadvisor_expose_programs(const struct metrics_options *options, const struct process_series *series,
        const struct container_source *source, struct exposition *out);
int cadvisor_expose_source(const struct metrics_options *options, const struct machine *machine,
        const struct container_source *source, int64_t now_ns, struct exposition *out, struct error *err);
