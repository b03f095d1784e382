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
        struct machine_cache
                *uncore_caches; /* shared by some CPUs beyond this core, not by exactly those of the node */
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

/* One a device, sorted by device: ext*, xfs, btrfs, zfs, tmpfs and other local ones; an overlay only when it is "/". */
struct machine_filesystem {
        const char *device;  /* "/dev/vda1"; a tmpfs is named by its mount point */
        const char *type;    /* as cAdvisor: "vfs", "zfs" where the host has /dev/zfs */
        const char *fs_type; /* "ext4" */
        const char *mount_point;
        const char *uuid;      /* by /dev/disk/by-uuid; "" when not told */
        uint32_t major, minor; /* of btrfs: st_dev of its mount point */
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
        unsigned cores /* logical, online */, physical_cores, sockets, books, drawers;
        uint64_t frequency_khz /* 0 when not told */, memory, swap;
        struct machine_dimm *dimms;
        size_t dimm_count;
        uint64_t nvm_memory_mode, nvm_app_direct,
                nvm_power_budget; /* bytes, W; of Optane modules: no file tells them, 0 */
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
        uint64_t network_filesystems;                             /* left out: asking one for its space may hang */
        uint64_t refused;                                         /* entries that were malformed or beyond a maximum */
};

/* Where the parts lie when they are not below one root: all may be NULL for the defaults below `root`. */
struct machine_places {
        const char *procfs, *sysfs;                   /* "proc", "sys", relative to root or absolute */
        const char *machine_id_files, *boot_id_files; /* comma-separated, relative to root: the first that exists */
};

/* Fails when procfs, its meminfo or the arena fails; what else the host does not tell stays empty. Some thousand small
 * files on a large machine: 1 ms here, so every few minutes, not every second. Texts are owned by the arena
 * (MACHINE_MEMORY is enough for MACHINE_CPUS_MAX). */
int machine_read(
        int root, const struct machine_places *places, struct arena *arena, struct machine *ret, struct error *err);

/* Space and I/O of one file system now, in cAdvisor's terms. */
struct filesystem_stats {
        const char *device, *type, *mount_point, *uuid; /* of the machine, not owned */
        uint32_t major, minor;
        uint64_t capacity, usage, base_usage /* 0 */, available, inodes, inodes_free;
        bool has_inodes;
        uint64_t reads_completed, reads_merged, sectors_read, read_time_ms;
        uint64_t writes_completed, writes_merged, sectors_written, write_time_ms;
        uint64_t io_in_progress, io_time_ms, weighted_io_time_ms;
};

/* Those of machine->filesystems with statfs and diskstats, into the arena. One that is gone is left out; without
 * diskstats, or a row there (tmpfs), the I/O counters are 0. */
int machine_filesystems_read(int root, const struct machine_places *places, const struct machine *machine,
        struct arena *arena, struct filesystem_stats **ret, size_t *ret_count, struct error *err);
