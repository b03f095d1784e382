/* The flags of a run and the configuration in the agent: cAdvisor's and node_exporter's under their own names, read
 * into what registry, exposition and collectors take. */
#pragma once

#include "modules/metrics/node/collector.h"
#include "modules/metrics/options.h"
#include "schema/field.h"

#define NODE_COLLECTORS(X)                                                                                             \
        X(arp)                                                                                                         \
        X(conntrack)                                                                                                   \
        X(cpu)                                                                                                         \
        X(diskstats)                                                                                                   \
        X(entropy)                                                                                                     \
        X(filefd)                                                                                                      \
        X(filesystem)                                                                                                  \
        X(hwmon)                                                                                                       \
        X(loadavg)                                                                                                     \
        X(meminfo)                                                                                                     \
        X(netclass)                                                                                                    \
        X(netdev)                                                                                                      \
        X(netstat)                                                                                                     \
        X(os)                                                                                                          \
        X(pressure)                                                                                                    \
        X(schedstat)                                                                                                   \
        X(sockstat)                                                                                                    \
        X(softnet)                                                                                                     \
        X(stat)                                                                                                        \
        X(textfile)                                                                                                    \
        X(thermal_zone)                                                                                                \
        X(time)                                                                                                        \
        X(timex)                                                                                                       \
        X(udp_queues)                                                                                                  \
        X(uname)                                                                                                       \
        X(vmstat)

struct cadvisor_settings {
        bool allow_dynamic_housekeeping, docker_only, enable_load_reader, disable_root_cgroup_stats,
                store_container_labels;
        bool log_cadvisor_usage;
        char *boot_id_file, *machine_id_file, *docker_root, *container_hints;
        char *disable_metrics, *enable_metrics;
        char *env_metadata_whitelist, *raw_cgroup_prefix_whitelist, *whitelisted_container_labels;
        char *event_storage_age_limit, *event_storage_event_limit;
        int64_t housekeeping_ns, max_housekeeping_ns, global_housekeeping_ns, machine_info_ns, storage_ns;
        double initial_splay_factor, jitter_factor;
        char *prometheus_endpoint, *url_base_prefix;
        unsigned application_metrics_count_limit;
        /* where samples go besides */
        char *storage_driver, *storage_driver_host, *storage_driver_db, *storage_driver_table, *storage_driver_user,
                *storage_driver_password, *storage_driver_influxdb_retention_policy;
        bool storage_driver_secure;
        int64_t storage_driver_buffer_ns;
        /* ours */
        double cpu_budget;
        uint64_t memory_limit;
        bool timestamps, env_labels, unit_labels, memory_events;
        unsigned process_series;
        bool process_pids;
};

struct node_settings {
        struct {
#define X(name) bool name;
                NODE_COLLECTORS(X)
#undef X
        } collectors, told; /* told: it was, else the default counts */
        bool disable_defaults;
        char *textfile_directory;
        char *filesystem_mount_exclude, *filesystem_type_exclude;
        char *netdev_include, *netdev_exclude, *netclass_ignore, *disk_include, *disk_exclude, *netstat_fields,
                *vmstat_fields;
        char *hwmon_include, *hwmon_exclude, *hwmon_sensor_include, *hwmon_sensor_exclude;
        char *arp_include, *arp_exclude, *filesystem_mount_include, *filesystem_type_include;
        char *cpu_flags_include, *cpu_bugs_include, *udev_path;
        int64_t mount_timeout_ns;
        bool cpu_info, cpu_guest, netdev_address_info, netdev_netlink, netclass_ignore_speed, stat_softirq;
        bool disable_exporter_metrics;
        char *telemetry_path;
};

struct metrics_settings {
        struct cadvisor_settings cadvisor;
        struct node_settings node;
        char *rootfs, *procfs, *sysfs;
};

extern const struct record cadvisor_settings_record, node_settings_record;

/* The members of metrics_settings in the table of T, where it is the member `settings`. */
#define METRICS_SETTINGS(T)                                                                                            \
        { FIELD_BASE(T, settings.cadvisor, FIELD_TYPE_RECORD, struct cadvisor_settings, struct cadvisor_settings),     \
                .json = "cadvisor", .record = &cadvisor_settings_record, .help = "containers: cAdvisor's flags" },     \
                { FIELD_BASE(T, settings.node, FIELD_TYPE_RECORD, struct node_settings, struct node_settings),         \
                        .json = "node_exporter", .record = &node_settings_record,                                      \
                        .help = "the host: node_exporter's flags" },                                                   \
                FIELD_PATH(T, settings.rootfs, .json = "path_rootfs", .option = "path.rootfs", .def = "/",             \
                        .help = "root of the host's file systems"),                                                    \
                FIELD_PATH(T, settings.procfs, .json = "path_procfs", .option = "path.procfs", .def = "/proc",         \
                        .help = "where procfs is mounted"),                                                            \
                FIELD_PATH(T, settings.sysfs, .json = "path_sysfs", .option = "path.sysfs", .def = "/sys",             \
                        .help = "where sysfs is mounted")

/* Rules that join fields: names of metrics, limits of events. */
int metrics_settings_check(const struct metrics_settings *settings, struct error *err);

/* Opens the directories; texts of settings are used, so they must live as long. */
int metrics_options_make(const struct metrics_settings *settings, struct arena *arena, struct metrics_options *ret,
        struct node_options *ret_node, struct error *err);
void metrics_options_close(struct metrics_options *options);
