/* Pure parsers of the files that the collectors read: bytes in, struct out, nothing read and nothing kept. Texts that
 * they give point into the input. */
#pragma once

#include "base/sv.h"

enum { CPU_LIST_MAX = 8192 };

/* "cpu3 1 2 3 …" of /proc/stat (proc(5)): clock ticks, 0 for modes that an old kernel lacks. False on another line,
 * "cpu" for all included. */
bool cpu_line_parse(struct sv line, uint32_t *ret_cpu, uint64_t ret_ticks[10]);

/* "1,3-5,9" (Documentation/admin-guide/cputopology.rst). Calls each() for every number below CPU_LIST_MAX; false when
 * malformed, after those before. */
bool cpu_list_parse(struct sv text, void (*each)(uint32_t cpu, void *cookie), void *cookie);

/* One processor of /proc/cpuinfo; absent fields are empty. */
struct cpuinfo {
        struct sv processor, vendor, family, model, model_name, stepping, microcode, mhz, cache_size, physical_id,
                core_id, flags, bugs;
};
/* Takes one block off *rest; false at the end. */
bool cpuinfo_next(struct sv *rest, struct cpuinfo *ret);

enum { DISKSTATS_FIELDS = 17 };

/* A line of /proc/diskstats (Documentation/admin-guide/iostats.rst). */
struct diskstats_line {
        uint32_t major, minor;
        struct sv device;
        uint64_t fields[DISKSTATS_FIELDS];
        size_t count; /* 11, since Linux 4.18 15, since 5.5 17 */
};
bool diskstats_parse(struct sv line, struct diskstats_line *ret);

/* "1024\t0\t1631329" of fs/file-nr (proc(5)). */
bool file_nr_parse(struct sv text, double *ret_allocated, double *ret_maximum);

/* "cpu0 1 2 3 4 5 6 7 8 9" of /proc/schedstat (Documentation/scheduler/sched-stats.rst). */
struct schedstat_line {
        struct sv cpu; /* "0" */
        uint64_t running_ns, waiting_ns, timeslices;
};
bool schedstat_parse(struct sv line, struct schedstat_line *ret);

/* A line of net/softnet_stat (net/core/net-procfs.c, softnet_seq_show): index is the line's number where the kernel
 * does not tell the CPU. */
struct softnet_line {
        uint32_t processed, dropped, squeezed, collisions, received_rps, flow_limit, backlog, cpu;
};
bool softnet_parse(struct sv line, uint32_t index, struct softnet_line *ret);

enum {
        CONNTRACK_FOUND,
        CONNTRACK_INVALID,
        CONNTRACK_IGNORE,
        CONNTRACK_INSERT,
        CONNTRACK_INSERT_FAILED,
        CONNTRACK_DROP,
        CONNTRACK_EARLY_DROP,
        CONNTRACK_SEARCH_RESTART,
        CONNTRACK_FIELDS
};

/* net/stat/nf_conntrack: sums over CPUs of the named columns; 0 for a column that the kernel lacks. False when the
 * header or a line is malformed. */
bool conntrack_parse(struct sv text, uint64_t ret[CONNTRACK_FIELDS]);

/* Sums of tx_queue and rx_queue of net/udp; false when a line is malformed. */
bool udp_queues_parse(struct sv text, uint64_t *ret_tx, uint64_t *ret_rx);

/* net/netstat and net/snmp: pairs of lines, names and values. Calls each() per value; false when malformed. */
bool netstat_parse(
        struct sv text, void (*each)(struct sv protocol, struct sv name, struct sv value, void *cookie), void *cookie);
/* net/snmp6: "Ip6InReceives 7", the protocol ends with the first 6. */
bool snmp6_parse(
        struct sv text, void (*each)(struct sv protocol, struct sv name, struct sv value, void *cookie), void *cookie);

/* "name value" of /proc/vmstat; false on anything else. */
bool vmstat_line_parse(struct sv line, struct sv *ret_name, struct sv *ret_value);

/* The device of a line of net/arp; false for the header. */
bool arp_line_parse(struct sv line, struct sv *ret_device);

/* "E:NAME=VALUE" of udev's database (systemd, src/libsystemd/sd-device): false on another line. */
bool udev_line_parse(struct sv line, struct sv *ret_name, struct sv *ret_value);

/* Counters of one interface as net/dev and netlink tell them (net/core/net-procfs.c, struct rtnl_link_stats64). */
struct netdev_counters {
        uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_errors, tx_errors, rx_dropped, tx_dropped, multicast,
                collisions, rx_frame, rx_fifo, tx_carrier, tx_fifo, rx_compressed, tx_compressed, rx_nohandler;
        bool has_nohandler;
};
/* A line of net/dev behind its two headers. */
bool netdev_line_parse(struct sv line, struct sv *ret_device, struct netdev_counters *ret);
/* The payload of one RTM_NEWLINK; ret_device: at least IF_NAMESIZE bytes. False when it is none or has no counters. */
bool netdev_message_parse(struct sv payload, char *ret_device, struct netdev_counters *ret);

/* "temp1_crit_alarm" is type "temp", number 1, property "crit_alarm" (Documentation/hwmon/sysfs-interface.rst). False
 * for what is no name of an attribute; number 0 when there is none. */
bool hwmon_name_parse(struct sv name, struct sv *ret_type, uint32_t *ret_number, struct sv *ret_property);
