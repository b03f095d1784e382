#include "modules/metrics/options.h"

const char *const metric_kind_names[] = { "advtcp", "app", "cpu", "cpuLoad", "cpu_topology", "cpuset", "disk", "diskIO",
        "hugetlb", "memory", "memory_numa", "network", "oom_event", "percpu", "perf_event", "pressure", "process",
        "referenced_memory", "resctrl", "sched", "tcp", "udp", NULL };

const char *const event_kind_names[] = { "oom", "oomKill", "containerCreation", "containerDeletion", NULL };
