/* The shapes that all parts of metrics share: one sample of a container, its specification, its identity. What they are
 * called in JSON and in expositions is the matter of cadvisor/ and export/. */
#pragma once

#include "linux/cgroup_stats.h"
#include "linux/container.h"
#include "linux/machine.h"
#include "linux/net_stats.h"
#include "linux/task_stats.h"

/* cAdvisor's names of what may be collected (--disable_metrics, --enable_metrics); the bit is 1 << kind. */
enum metric_kind {
        METRIC_ADVTCP,
        METRIC_APP,
        METRIC_CPU,
        METRIC_CPU_LOAD,
        METRIC_CPU_TOPOLOGY,
        METRIC_CPUSET,
        METRIC_DISK,
        METRIC_DISK_IO,
        METRIC_HUGETLB,
        METRIC_MEMORY,
        METRIC_MEMORY_NUMA,
        METRIC_NETWORK,
        METRIC_OOM_EVENT,
        METRIC_PERCPU,
        METRIC_PERF_EVENT,
        METRIC_PRESSURE,
        METRIC_PROCESS,
        METRIC_REFERENCED_MEMORY,
        METRIC_RESCTRL,
        METRIC_SCHED,
        METRIC_TCP,
        METRIC_UDP,
        METRIC_KINDS
};
extern const char *const metric_kind_names[]; /* "advtcp", "app", "cpu", "cpuLoad" …, NULL-terminated */

/* Hardware counters and Intel RDT: read by no one here yet, part of the shape since the formats have them. */
struct perf_value {
        const char *name;
        uint64_t value;
        double scaling_ratio;
        int cpu, socket; /* one of them */
        const char *pmu; /* uncore only */
};

struct resctrl_stats {
        struct {
                uint64_t total_bytes, local_bytes;
        } * bandwidth; /* a node each */
        size_t bandwidth_count;
        uint64_t *llc_occupancy;
        size_t llc_count;
};

struct container_pair {
        const char *name, *value;
};

struct app_metric { /* of --application_metrics_count_limit */
        const char *name, *label;
        struct container_pair *labels; /* of a Prometheus collector */
        size_t label_count;
        bool is_float;
        int64_t integer;
        double real;
        int64_t time_ns;
};

/* One sample. Arrays live in the arena of whoever made it; device names are NULL when unknown. */
struct container_stats {
        int64_t time_ns; /* Unix */
        struct cgroup_stats cgroup;
        struct net_stats net;
        struct task_stats tasks;
        struct task_load load;
        int32_t load_average, load_d_average; /* x1000 */
        struct filesystem_stats *filesystems;
        size_t filesystem_count;
        struct perf_value *perf, *perf_uncore;
        size_t perf_count, perf_uncore_count;
        struct resctrl_stats resctrl;
        struct app_metric *apps;
        size_t app_count;
        uint64_t oom_events;
        const char *health; /* "" when not told */
        bool has_net, has_tasks, has_load, has_filesystems;
        /* the rate since the sample before, ns a second (v2 cpu_inst); has_rate is false on the first */
        bool has_rate;
        uint64_t rate_total, rate_user, rate_system;
        uint64_t *rate_per_cpu;
        size_t rate_per_cpu_count;
};

/* Who it is. name is the path of the group, as cAdvisor names containers: "/", "/docker/4a5b…". */
struct container_ref {
        const char *name;
        const char *id;             /* 64 digits, or a machine's name; "" for none */
        const char *name_space;     /* "docker", "containerd", "podman", "crio", "nspawn" …; "" for a plain group */
        const char *const *aliases; /* the engine's name of it, its id */
        size_t alias_count;
};

struct container_spec {
        int64_t created_ns, started_ns;       /* Unix; 0 not told */
        struct container_pair *labels, *envs; /* sorted by name */
        size_t label_count, env_count;
        const char *image; /* "" when not told */
        struct cgroup_limits limits;
        bool has_cpu, has_memory, has_hugetlb, has_network, has_processes, has_filesystem, has_diskio,
                has_custom_metrics;
};
