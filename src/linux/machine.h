/* The machine: processors, caches, NUMA nodes, memory, disks, network devices, file systems, who it is. Everything
 * from files below a root directory; nothing asks the network. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

enum { MACHINE_CPUS_MAX = 8192, MACHINE_NODES_MAX = 256, MACHINE_DEVICES_MAX = 4096, MACHINE_MEMORY = 8 << 20 };

struct machine_cache {
        int id, level;
        uint64_t size;    /* bytes */
        const char *type; /* "Data", "Instruction", "Unified" */
};

struct machine_core {
        int id, socket;
        int *threads; /* numbers of the CPUs */
        size_t thread_count;
        struct machine_cache *caches; /* of this core alone */
        size_t cache_count;
        struct machine_cache *uncore_caches; /* shared by some cores of the node, not by all */
        size_t uncore_cache_count;
        const char *book, *drawer; /* s390; "" elsewhere */
};

struct machine_huge_pages {
        uint64_t page_kib; /* page size in KiB, as cAdvisor says it */
        uint64_t pages;
};

struct machine_node {
        int id;
        uint64_t memory; /* bytes */
        struct machine_huge_pages *huge_pages;
        size_t huge_pages_count;
        struct machine_core *cores;
        size_t core_count;
        struct machine_cache *caches; /* shared by all cores of the node */
        size_t cache_count;
        uint64_t *distances;
        size_t distance_count;
};

struct machine_filesystem {
        const char *device;  /* as mounted: "/dev/vda1", "tmpfs" */
        const char *type;    /* as cAdvisor: "vfs", "zfs", "devicemapper" … */
        const char *fs_type; /* "ext4" */
        const char *mount_point;
        uint32_t major, minor;
        uint64_t capacity, inodes;
        bool has_inodes;
};

struct machine_disk {
        const char *name; /* "vda" */
        uint32_t major, minor;
        uint64_t size;         /* bytes */
        const char *scheduler; /* "none", "mq-deadline" */
};

struct machine_network_device {
        const char *name, *mac;
        int64_t speed; /* Mbit/s; 0 when not told */
        int64_t mtu;
};

struct machine_dimm {
        const char *type; /* "Unbuffered-DDR4" */
        uint64_t capacity;
        unsigned count;
};

struct machine {
        int64_t read_unix_ns;
        const char *vendor;
        unsigned cores /* logical */, physical_cores, sockets, books, drawers;
        uint64_t frequency_khz, memory, swap;
        struct machine_dimm *dimms;
        size_t dimm_count;
        struct machine_huge_pages *huge_pages;
        size_t huge_pages_count;
        const char *machine_id, *system_uuid, *boot_id; /* "" when not told */
        struct machine_filesystem *filesystems;
        size_t filesystem_count;
        struct machine_disk *disks;
        size_t disk_count;
        struct machine_network_device *network_devices;
        size_t network_device_count;
        struct machine_node *nodes;
        size_t node_count;
        const char *cloud_provider, *instance_type, *instance_id; /* "Unknown", "AWS", …; "Unknown", "None" */
        const char *kernel_version, *os_version;                  /* uname -r; PRETTY_NAME */
        uint64_t refused;
};

/* Where the parts lie when they are not below one root: all may be NULL for the defaults below `root`. */
struct machine_places {
        const char *procfs, *sysfs;                   /* "proc", "sys", relative to root */
        const char *machine_id_files, *boot_id_files; /* comma-separated: the first that exists */
};

int machine_read(
        int root, const struct machine_places *places, struct arena *arena, struct machine *ret, struct error *err);

/* Space and I/O of one file system now, in cAdvisor's terms. */
struct filesystem_stats {
        const char *device, *type; /* not owned */
        uint32_t major, minor;
        uint64_t capacity, usage, base_usage, available, inodes, inodes_free;
        bool has_inodes;
        uint64_t reads_completed, reads_merged, sectors_read, read_time_ms;
        uint64_t writes_completed, writes_merged, sectors_written, write_time_ms;
        uint64_t io_in_progress, io_time_ms, weighted_io_time_ms;
};

/* Those of machine->filesystems with statfs and diskstats, into the arena. */
int machine_filesystems_read(int root, const struct machine_places *places, const struct machine *machine,
        struct arena *arena, struct filesystem_stats **ret, size_t *ret_count, struct error *err);
