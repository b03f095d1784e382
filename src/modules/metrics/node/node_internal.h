/* What the collectors share. */
#pragma once

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/vec.h"
#include "lib/regex/regex.h"
#include "linux/kernel_stat.h"
#include "modules/metrics/node/collector.h"

enum {
        NODE_COLLECTORS_MAX = 32,
        NODE_FILE_MAX = 32 << 20,     /* one file of /proc: net/udp with 200,000 sockets */
        NODE_KEEP_MAX = 64 << 10,     /* of the buffer for files, between scrapes */
        NODE_SMALL_MAX = 4096,        /* a file of /sys is a page at most */
        NODE_ARENA_MAX = 32 << 20,    /* one collector's rows and texts */
        NODE_CPUS_MAX = 8192,         /* NR_CPUS of x86 */
        NODE_CHOICES_MAX = 4096,      /* names whose match with a field pattern is remembered */
        NODE_LABEL_NAMES_MAX = 4096,  /* distinct names of labels in textfiles */
        NODE_DIRECTORY_MAX = 1 << 16, /* entries of one directory */
        NODE_CPU_MODES = 10,
        NODE_SOFTIRQS = 10,
};

struct node_filter { /* include and exclude: a name is ignored when excluded or not included */
        struct regex *include, *exclude;
};

struct node_cpu_times {
        uint64_t ticks[NODE_CPU_MODES]; /* user nice system idle iowait irq softirq steal guest guest_nice */
        bool present;
};

struct mount_probe;

struct node {
        struct node_options options;
        struct node_filter disks, netdevs, netclass, mounts, types, arp, chips, sensors;
        struct regex *netstat_fields, *vmstat_fields, *cpu_flags, *cpu_bugs;
        int udev;           /* directory, -1 for none */
        struct buf text;    /* the file that is read now */
        struct arena arena; /* emptied behind each collector */
        struct map netstat_choices, vmstat_choices, label_names;
        struct node_cpu_times *cpus; /* by number */
        size_t cpu_count, cpu_capacity;
        struct kernel_stat stat;
        uint64_t softirqs[NODE_SOFTIRQS];
        size_t softirq_count;
        uint64_t scrape, stat_scrape; /* /proc/stat is read once for two collectors */
        struct mount_probe *probe;    /* NULL until there is a mount that may hang */
        struct error failures[NODE_COLLECTORS_MAX];
        uint64_t refused;
};

/* A collector's arguments all alike. */
#define NODE_COLLECTOR(name) int name(struct node *node, struct exposition *out, struct error *err)
NODE_COLLECTOR(node_collect_arp);
NODE_COLLECTOR(node_collect_conntrack);
NODE_COLLECTOR(node_collect_cpu);
NODE_COLLECTOR(node_collect_diskstats);
NODE_COLLECTOR(node_collect_entropy);
NODE_COLLECTOR(node_collect_filefd);
NODE_COLLECTOR(node_collect_filesystem);
NODE_COLLECTOR(node_collect_hwmon);
NODE_COLLECTOR(node_collect_loadavg);
NODE_COLLECTOR(node_collect_meminfo);
NODE_COLLECTOR(node_collect_netclass);
NODE_COLLECTOR(node_collect_netdev);
NODE_COLLECTOR(node_collect_netstat);
NODE_COLLECTOR(node_collect_os);
NODE_COLLECTOR(node_collect_pressure);
NODE_COLLECTOR(node_collect_schedstat);
NODE_COLLECTOR(node_collect_sockstat);
NODE_COLLECTOR(node_collect_softnet);
NODE_COLLECTOR(node_collect_stat);
NODE_COLLECTOR(node_collect_textfile);
NODE_COLLECTOR(node_collect_thermal_zone);
NODE_COLLECTOR(node_collect_time);
NODE_COLLECTOR(node_collect_timex);
NODE_COLLECTOR(node_collect_udp_queues);
NODE_COLLECTOR(node_collect_uname);
NODE_COLLECTOR(node_collect_vmstat);

/* node_read.c */

/* The whole file in node->text; *ret points there until the next one is read. */
int node_read(struct node *node, int dirfd, const char *path, struct sv *ret, struct error *err);
/* A file of one page at most by one read(2), trimmed: drivers that answer EAGAIN or EINVAL do not hold us up. -1 with
 * errno. into: NODE_SMALL_MAX bytes; NUL-terminated. */
int node_read_small(int dirfd, const char *path, char *into, struct sv *ret);
bool node_read_u64(int dirfd, const char *path, uint64_t *ret);
/* The whole text must be a number as strconv.ParseFloat takes it, but for hexadecimal ones. */
bool node_parse_double(struct sv text, double *ret);
/* NUL-terminated copy in node->arena; NULL when there is no room (counted). */
const char *node_copy(struct node *node, struct sv text);

bool node_ignored(const struct node_filter *filter, struct sv name);
/* Does pattern match the name? Remembered in *choices: names of the kernel's fields do not change. */
bool node_chosen(struct node *node, struct map *choices, const struct regex *pattern, struct sv name);

/* Calls each() for every entry but "." and "..": as readdir gives them. -1 with err when the directory cannot be read;
 * a non-zero answer ends it and is returned. */
int node_directory(int dirfd, const char *path, int (*each)(int directory, const char *name, void *cookie),
        void *cookie, struct error *err);

/* Samples with no, one or two labels. */

static inline struct exposition_family *node_gauge(struct exposition *out, const char *name, const char *help)
{
        return exposition_family(out, name, EXPOSITION_GAUGE, help);
}

static inline struct exposition_family *node_counter(struct exposition *out, const char *name, const char *help)
{
        return exposition_family(out, name, EXPOSITION_COUNTER, help);
}

static inline void node_add(struct exposition_family *family, const char *label, const char *text, double value)
{
        exposition_add(family, &(struct exposition_label){ label, text }, 1, value, EXPOSITION_NO_TIME);
}

static inline void node_add2(struct exposition_family *family, const char *label, const char *text, const char *label2,
        const char *text2, double value)
{
        exposition_add(family, (struct exposition_label[]){ { label, text }, { label2, text2 } }, 2, value,
                EXPOSITION_NO_TIME);
}

static inline void node_put(struct exposition *out, const char *name, const char *help, double value)
{
        exposition_put(out, name, EXPOSITION_GAUGE, help, value);
}

static inline void node_count(struct exposition *out, const char *name, const char *help, double value)
{
        exposition_put(out, name, EXPOSITION_COUNTER, help, value);
}

/* node_stat.c: /proc/stat into node->stat, ->cpus, ->softirqs, once a scrape. */
int node_stat_load(struct node *node, struct error *err);
