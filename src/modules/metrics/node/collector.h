/* node_exporter's collectors: the host's own figures under its names, types and help texts. */
#pragma once

#include "modules/metrics/export/exposition.h"

struct node_options {                            /* flags of the same name as node_exporter's */
        int root, proc, sys;                     /* open directories: --path.rootfs, --path.procfs, --path.sysfs */
        const char *root_path;                   /* as given, "/" by default: stripped from mount points */
        const char *udev_path;                   /* --path.udev.data; NULL: /run/udev/data */
        const char *textfile_directory;          /* --collector.textfile.directory, may be a glob; NULL: none */
        const char *const *textfile_directories; /* more of them, NULL-terminated; may be NULL */
        const char *filesystem_mount_exclude, *filesystem_type_exclude; /* regular expressions; NULL: the defaults */
        const char *filesystem_mount_include, *filesystem_type_include; /* NULL: all */
        const char *netdev_include, *netdev_exclude, *netclass_ignore, *disk_include, *disk_exclude, *netstat_fields,
                *vmstat_fields;
        const char *arp_include, *arp_exclude;
        const char *hwmon_include, *hwmon_exclude, *hwmon_sensor_include, *hwmon_sensor_exclude;
        const char *cpu_flags_include, *cpu_bugs_include; /* --collector.cpu.info.flags-include …; imply cpu_info */
        bool cpu_info, cpu_guest, netdev_address_info;
        bool netdev_no_netlink;     /* --no-collector.netdev.netlink: proc/net/dev, without receive_nohandler */
        bool netclass_ignore_speed; /* --collector.netclass.ignore-invalid-speed */
        bool stat_softirq;          /* --collector.stat.softirq */
        int64_t mount_timeout_ns;   /* --collector.filesystem.mount-timeout; 0: 5 s */
        const char *version;        /* of node_exporter_build_info; NULL: "" */
        bool disable_defaults;      /* --collector.disable-defaults */
        uint64_t enabled, disabled; /* bits by the index in node_collectors: --collector.X and --no-collector.X */
};

struct node;

struct node_collector {
        const char *name; /* "cpu" */
        bool on;          /* by default */
        /* E_NOT_FOUND or E_UNSUPPORTED: the host has none ("collector returned no data" in node_exporter: success 0).
         */
        int (*collect)(struct node *node, struct exposition *out, struct error *err);
};
extern const struct node_collector node_collectors[]; /* sorted by name; ends with .name == NULL */
/* Index in node_collectors, -1 for none. */
int node_collector_find(const char *name);

/* options must live as long; regular expressions are compiled here. */
struct node *node_new(const struct node_options *options, struct error *err);
void node_free(struct node *node);
/* One scrape; query (raw, may be NULL) holds collect[]= and exclude[]=. With the self metrics
 * node_scrape_collector_duration_seconds and node_scrape_collector_success, and node_exporter_build_info. E_INVALID
 * names an unknown or disabled collector, as node_exporter does (HTTP 400, the message is the body). out must end
 * before the next scrape: it refers to names of labels that came from textfiles. */
int node_expose(struct node *node, const char *query, struct exposition *out, struct error *err);
/* Why a collector failed in the last scrape it took part in; NULL when it did not. E_NOT_FOUND and E_UNSUPPORTED are
 * what a host may lack and no cause for a log line. */
const struct error *node_failure(const struct node *node, int collector);
/* What did not fit the named maxima since node_new: rows, names, samples. */
uint64_t node_refused(const struct node *node);
