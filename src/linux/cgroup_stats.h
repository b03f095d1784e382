/* What a control group used and may use, from its files in v1, v2 and hybrid hierarchies (Documentation/admin-guide/
 * cgroup-v1/ and cgroup-v2.rst). Parsers are pure; readers take the open directory of the group in each hierarchy. Zero
 * is "not told" everywhere but where a has_ says otherwise. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"
#include "linux/cgroup.h"
#include "linux/pressure.h"

enum {
        CGROUP_CPUS_MAX = 8192,
        CGROUP_DEVICES_MAX = 1024, /* rows of io.stat or of one blkio file */
        CGROUP_NODES_MAX = 256,    /* NUMA nodes */
        CGROUP_HUGE_SIZES_MAX = 16,
        CGROUP_RDMA_MAX = 32,
        CGROUP_STATS_MEMORY = 1 << 20 /* an arena for one cgroup_stats_read needs no more on common machines */
};

#define CGROUP_NO_LIMIT UINT64_MAX /* "max" of v2 */

struct cgroup_cpu {
        uint64_t total_ns, user_ns, system_ns;
        uint64_t *per_cpu_ns; /* v1: cpuacct.usage_percpu; v2 has none */
        size_t per_cpu_count;
        uint64_t periods, throttled_periods, throttled_ns, burst_periods, burst_ns;
};

struct cgroup_node_pages { /* memory.numa_stat, pages of one node */
        unsigned node;
        uint64_t file, anon, unevictable;
};

struct cgroup_memory {
        uint64_t usage, max_usage, failcnt,
                kernel; /* bytes; v2: memory.current, memory.peak, memory.events max, stat[kernel] */
        uint64_t cache, rss, swap, mapped_file, working_set;
        uint64_t active_file, inactive_file, active_anon, inactive_anon, dirty, writeback;
        uint64_t pgscan, pgsteal, refault_file, refault_anon;
        uint64_t pgfault, pgmajfault;                           /* of the group itself */
        uint64_t hierarchical_pgfault, hierarchical_pgmajfault; /* with its children; v2: the same */
        uint64_t events_low, events_high, events_max, events_oom, events_oom_kill;
        uint64_t events_oom_group_kill;
        uint64_t swap_events_high, swap_events_max, swap_events_fail; /* v2, CGROUP_READ_SWAP_EVENTS */
        struct cgroup_node_pages *nodes, *hierarchical_nodes;
        size_t node_count, hierarchical_node_count;
};

/* One device; what a hierarchy does not tell stays 0. v1: blkio.*_recursive or blkio.throttle.*; v2: io.stat. */
enum cgroup_io_operation {
        CGROUP_IO_ASYNC,
        CGROUP_IO_DISCARD,
        CGROUP_IO_READ,
        CGROUP_IO_SYNC,
        CGROUP_IO_TOTAL,
        CGROUP_IO_WRITE,
        CGROUP_IO_OPERATIONS
};
extern const char *const cgroup_io_operation_names[]; /* "Async", "Discard", … */

struct cgroup_io_row {
        uint32_t major, minor;
        uint64_t values[CGROUP_IO_OPERATIONS];
        unsigned has; /* bit an operation; 0 in a file with one number a device ("8:0 42"): it stands in [TOTAL] then */
};

struct cgroup_io_table {
        struct cgroup_io_row *rows;
        size_t count;
};

/* In the order of cAdvisor's JSON. */
enum cgroup_io_kind {
        CGROUP_IO_SERVICE_BYTES,
        CGROUP_IO_SERVICED,
        CGROUP_IO_QUEUED,
        CGROUP_IO_SECTORS,
        CGROUP_IO_SERVICE_TIME, /* ns */
        CGROUP_IO_WAIT_TIME,
        CGROUP_IO_MERGED,
        CGROUP_IO_TIME,
        CGROUP_IO_COST_USAGE, /* v2, µs: cost.usage, cost.wait, cost.indebt, cost.indelay */
        CGROUP_IO_COST_WAIT,
        CGROUP_IO_COST_INDEBT,
        CGROUP_IO_COST_INDELAY,
        CGROUP_IO_KINDS
};

struct cgroup_huge {
        char size[16]; /* "2MB", "1GB", as in the file's name */
        uint64_t usage, max_usage, failcnt;
};

struct cgroup_rdma {
        char device[32];
        uint64_t hca_handle, hca_object;
};

struct cgroup_stats {
        struct cgroup_cpu cpu;
        struct cgroup_memory memory;
        struct cgroup_io_table io[CGROUP_IO_KINDS];
        struct pressure cpu_pressure, memory_pressure, io_pressure; /* zero without PSI */
        struct cgroup_huge *huge;
        size_t huge_count;
        struct cgroup_rdma *rdma;
        size_t rdma_count;
        uint64_t pids, pids_limit; /* CGROUP_NO_LIMIT: none */
        uint64_t memory_migrate;   /* cpuset v1 */
        bool frozen;
        bool has_cpu, has_memory, has_io, has_pids, has_huge, has_cpuset, has_pressure, has_rdma, has_frozen;
        size_t refused; /* rows beyond a table or malformed */
};

/* Limits. v2 in the terms of v1: weight as shares (cAdvisor's formula). Memory and tasks: CGROUP_NO_LIMIT for "max" of
 * v2; v1 says 2^63 less a page there. Of the root group memory and swap of the machine. has_cpu: its CPU time is told,
 * if not limits. */
struct cgroup_limits {
        bool has_cpu, has_memory, has_pids, has_huge, has_io;
        uint64_t cpu_shares, cpu_quota_us, cpu_period_us; /* quota 0: none */
        const char *cpu_mask;                             /* "0-1"; arena */
        uint64_t memory_limit, memory_reservation, swap_limit, pids_limit;
};

/* The group's directory in each hierarchy that has it. */
struct cgroup_dirs {
        int dirs[CGROUP_HIERARCHIES_MAX]; /* as cgroup_mounts.hierarchies; -1: not there */
};

/* Opens path ("/docker/ID", "/" for the root) below the mount points; E_NOT_FOUND when no hierarchy has it. */
int cgroup_dirs_open(
        int root, const struct cgroup_mounts *mounts, const char *path, struct cgroup_dirs *ret, struct error *err);
/* Only those that cgroup_stats_read with these flags looks into; all, when the group is in none of them. */
int cgroup_dirs_open_for(int root, const struct cgroup_mounts *mounts, const char *path, unsigned flags,
        struct cgroup_dirs *ret, struct error *err);
/* Looks which files of blkio this kernel has, so that no sample asks for the others. They come with schedulers, which
 * are modules: to be called now and then. */
void cgroup_mounts_probe(int root, struct cgroup_mounts *mounts);
void cgroup_dirs_close(struct cgroup_dirs *dirs);

enum cgroup_read_flags { /* what may be left out, since it costs */
        CGROUP_READ_CPU = 1 << 0,
        CGROUP_READ_MEMORY = 1 << 1,
        CGROUP_READ_IO = 1 << 2,
        CGROUP_READ_PIDS = 1 << 3,
        CGROUP_READ_HUGE = 1 << 4,
        CGROUP_READ_NUMA = 1 << 5,
        CGROUP_READ_PRESSURE = 1 << 6,
        CGROUP_READ_CPUSET = 1 << 7,
        CGROUP_READ_RDMA = 1 << 8,
        CGROUP_READ_PER_CPU = 1 << 9,
        CGROUP_READ_FREEZER = 1 << 10,
        CGROUP_READ_SWAP_EVENTS = 1 << 11, /* with CGROUP_READ_MEMORY */
        CGROUP_READ_ALL = (1 << 12) - 1,
        /* instead of CGROUP_READ_MEMORY: usage, memory.stat and swap alone; what other files tell is 0 */
        CGROUP_READ_MEMORY_BRIEF = 1 << 12
};

/* is_root: the root group of v2 has no memory.current and the like; /proc (below root) stands in for it, as cAdvisor
 * does. A file that is not there is not an error; a group that vanished from all its hierarchies is E_NOT_FOUND, from
 * one of them: that part is not told (has_ is false). A part whose controller has no group in v1 comes from v2. Arrays
 * live in the arena. */
int cgroup_stats_read(int root, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, bool is_root,
        unsigned flags, struct arena *arena, struct cgroup_stats *ret, struct error *err);
int cgroup_limits_read(int root, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, bool is_root,
        unsigned cpus, struct arena *arena, struct cgroup_limits *ret, struct error *err);
/* Lowest mtime of the directories and of cgroup.clone_children (v1) or cgroup.events (v2), Unix ns, but not before the
 * minute in which the machine booted; 0 when not told. */
int64_t cgroup_created_unix_ns(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs);
/* Processes of the group itself and of the groups below it, those of the group first: each() may be given one several
 * times, and not all of a group with hundreds. What it returns other than 0 ends the walk and is returned. */
typedef int cgroup_pid_fn(pid_t pid, void *cookie);
int cgroup_each_process(
        const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, cgroup_pid_fn *each, void *cookie);
/* Some process of the group itself or of a group below it; 0 for none. */
pid_t cgroup_some_process(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs);

/* A cheap look whether anything ran in a group since the last look: its CPU time, from a file that stays open, in one
 * system call (1 µs, where a sample takes 40 to 100). While it stands still, the figures of the group move only by what
 * others do to it: reclaim, writeback, limits. */
struct cgroup_probe {
        int fd;
        bool unified; /* cpu.stat of v2, not cpuacct.usage */
};

/* E_NOT_FOUND when the group is nowhere that counts CPU time. */
int cgroup_probe_open(
        int root, const struct cgroup_mounts *mounts, const char *path, struct cgroup_probe *ret, struct error *err);
void cgroup_probe_close(struct cgroup_probe *probe);
/* ns, what cgroup_cpu.total_ns is; E_NOT_FOUND once the group is gone. */
int cgroup_probe_read(const struct cgroup_probe *probe, uint64_t *ret_total_ns, struct error *err);
