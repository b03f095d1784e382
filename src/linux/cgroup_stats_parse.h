/* Parsers of the files of a control group: text in, numbers out, no I/O (Documentation/admin-guide/cgroup-v1/ and
 * cgroup-v2.rst). Unknown keys are passed over, since every kernel adds some. What is malformed (no number, a negative
 * one, one beyond 64 bits) is left out and counted in *refused. Inside this room, and for tests. */
#pragma once

#include "linux/cgroup_stats.h"

/* One number or "max" (CGROUP_NO_LIMIT), a newline behind it at most. False for anything else: "-1", "". */
bool cgroup_parse_number(struct sv text, uint64_t *ret);

/* cpu.stat of the controller cpu of v1: periods, ns. */
void cgroup_parse_cpu_stat_v1(struct sv text, struct cgroup_cpu *cpu, size_t *refused);
/* cpu.stat of v2: usage and periods, µs. False when there was no usage in it. */
bool cgroup_parse_cpu_stat_v2(struct sv text, struct cgroup_cpu *cpu, size_t *refused);
/* cpuacct.stat: user and system in ticks, of which there are `hertz` in a second. */
void cgroup_parse_cpuacct_stat(struct sv text, uint64_t hertz, struct cgroup_cpu *cpu, size_t *refused);
/* cpuacct.usage_percpu: ns. E_NO_MEMORY only. */
int cgroup_parse_per_cpu(
        struct sv text, struct arena *arena, struct cgroup_cpu *cpu, size_t *refused, struct error *err);

/* What memory.stat tells, in bytes and counts. */
struct cgroup_memory_stat {
        uint64_t cache, rss, swap, mapped_file, dirty, writeback;
        uint64_t active_file, inactive_file, active_anon, inactive_anon;
        uint64_t pgscan, pgsteal, refault_file, refault_anon, pgfault, pgmajfault;
        uint64_t kernel;                                          /* v2, Linux 5.18 */
        uint64_t kernel_stack, pagetables, percpu, slab, vmalloc; /* v2: parts of it */
};

/* ret_total: the lines "total_…", of the group with its children. */
void cgroup_parse_memory_stat_v1(
        struct sv text, struct cgroup_memory_stat *ret_own, struct cgroup_memory_stat *ret_total, size_t *refused);
void cgroup_parse_memory_stat_v2(struct sv text, struct cgroup_memory_stat *ret, size_t *refused);
/* memory.events of v2. */
void cgroup_parse_memory_events(struct sv text, struct cgroup_memory *memory, size_t *refused);
void cgroup_parse_swap_events(struct sv text, struct cgroup_memory *memory, size_t *refused);
/* memory.oom_control of v1: events_oom_kill. */
void cgroup_parse_oom_control(struct sv text, struct cgroup_memory *memory, size_t *refused);
/* memory.numa_stat: "file=49 N0=49" and "hierarchical_file=…" in pages (v1), "file N0=4096" in bytes (v2). E_NO_MEMORY
 * only. */
int cgroup_parse_numa_stat_v1(
        struct sv text, struct arena *arena, struct cgroup_memory *memory, size_t *refused, struct error *err);
int cgroup_parse_numa_stat_v2(struct sv text, uint64_t page_size, struct arena *arena, struct cgroup_memory *memory,
        size_t *refused, struct error *err);

/* One blkio.* file: "8:0 Read 42", "8:0 42"; the last line "Total 42" is passed over. E_NO_MEMORY only. */
int cgroup_parse_blkio(
        struct sv text, struct arena *arena, struct cgroup_io_table *ret, size_t *refused, struct error *err);
/* io.stat into the tables of SERVICE_BYTES, SERVICED and COST_…. E_NO_MEMORY only. */
int cgroup_parse_io_stat(struct sv text, struct arena *arena, struct cgroup_io_table tables[CGROUP_IO_KINDS],
        size_t *refused, struct error *err);

/* rdma.current. E_NO_MEMORY only. */
int cgroup_parse_rdma(struct sv text, struct arena *arena, struct cgroup_rdma **ret, size_t *ret_count, size_t *refused,
        struct error *err);
/* hugetlb.SIZE.events of v2: "max 3". */
void cgroup_parse_huge_events(struct sv text, uint64_t *failcnt, size_t *refused);
/* freezer.state: "FROZEN", and "FREEZING" too, since tasks run no more when it is done. */
bool cgroup_parse_freezer_state(struct sv text);
/* cgroup.events of v2: "frozen 1". */
bool cgroup_parse_events_frozen(struct sv text);

/* "max 100000" or "20000 100000"; quota 0 for max. False when malformed; nothing is written then. */
bool cgroup_parse_cpu_max(struct sv text, uint64_t *ret_quota_us, uint64_t *ret_period_us);
/* cpu.weight 1–10000 as cpu.shares 2–262144; 0 for what is no weight. */
uint64_t cgroup_weight_to_shares(uint64_t weight);
