/* node_exporter's collectors: the host's own figures under its names, types and help texts. */
#pragma once

#include "modules/metrics/export/exposition.h"

struct node_options {                   /* flags of the same name as node_exporter's */
        int root, proc, sys;            /* open directories: --path.rootfs, --path.procfs, --path.sysfs */
        const char *root_path;          /* as given, "/" by default: stripped from mount points */
        const char *textfile_directory; /* --collector.textfile.directory; NULL: none */
        const char *filesystem_mount_exclude, *filesystem_type_exclude; /* regular expressions; NULL: the defaults */
        const char *netdev_include, *netdev_exclude, *netclass_ignore, *disk_include, *disk_exclude, *netstat_fields,
                *vmstat_fields;
        const char *hwmon_include, *hwmon_exclude;
        bool cpu_info, cpu_guest, netdev_address_info;
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

/* options must live as long; regular expressions are compiled here. */
struct node *node_new(const struct node_options *options, struct error *err);
void node_free(struct node *node);
/* One scrape; query holds collect[]= and exclude[]=. With the self metrics node_scrape_collector_duration_seconds and
 * node_scrape_collector_success. E_INVALID names an unknown or disabled collector, as node_exporter does (HTTP 400). */
int node_expose(struct node *node, const char *query, struct exposition *out, struct error *err);
