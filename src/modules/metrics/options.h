/* What a run or the agent's configuration asks of metrics, parsed: cAdvisor's and node_exporter's flags under their own
 * names (options.c). */
#pragma once

#include "modules/metrics/stats.h"

enum event_kind { EVENT_OOM, EVENT_OOM_KILL, EVENT_CREATION, EVENT_DELETION, EVENT_KINDS };
extern const char *const event_kind_names[]; /* "oom", "oomKill", "containerCreation", "containerDeletion" */

struct metrics_options {
        int root, proc,
                sys;    /* open: --path.rootfs, --path.procfs, --path.sysfs; cgroups are found by proc/self/mountinfo */
        uint32_t kinds; /* bits of enum metric_kind that are collected */

        /* housekeeping */
        int64_t interval_ns, max_interval_ns, global_interval_ns, machine_interval_ns, storage_ns;
        bool dynamic;
        double splay, jitter;
        double cpu_budget;     /* share of one CPU that all housekeeping may take; 0 = no limit */
        uint64_t memory_limit; /* bytes of all rings together */
        bool load_reader, no_root_stats;

        /* which containers */
        bool docker_only;
        const char *const *raw_prefixes; /* --raw_cgroup_prefix_whitelist, NULL-terminated; may be NULL */
        const char *const *env_prefixes; /* --env_metadata_whitelist */

        /* events: per kind */
        int64_t event_age_ns[EVENT_KINDS];
        uint64_t event_count[EVENT_KINDS];

        /* labels of the exposition */
        bool store_labels;              /* --store_container_labels */
        const char *const *label_names; /* --whitelisted_container_labels */
        bool timestamps;                /* cAdvisor's explicit timestamps; our own port leaves them out */
        bool env_labels;
        bool unit_labels;      /* label `unit`: the systemd unit */
        bool memory_events;    /* families that cAdvisor does not have yet */
        size_t process_series; /* programs of a container that are told, those that use most CPU; 0: none */
        bool process_pids;     /* each process by itself */

        const char *url_prefix, *prometheus_endpoint;
        const char *machine_id_files, *boot_id_files;
        const char *docker_root;     /* where Docker's configuration does not say; NULL: the default */
        const char *container_hints; /* file (hints.h); NULL: none */
};
