/* Load, uptime, boot time and the kernel's counters: /proc/{loadavg,uptime,stat,vmstat}. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

struct loadavg {
        double load1, load5, load15;
        uint32_t runnable, total; /* scheduling entities */
        pid_t last_pid;
};

int loadavg_parse(struct sv text, struct loadavg *ret, struct error *err);
int loadavg_read(int root, struct loadavg *ret, struct error *err);

struct uptime {
        int64_t uptime_ns;
        int64_t idle_ns; /* summed over CPUs */
};

int uptime_parse(struct sv text, struct uptime *ret, struct error *err);
int uptime_read(int root, struct uptime *ret, struct error *err);

/* Times of all CPUs together in clock ticks, and the totals since boot. */
struct kernel_stat {
        uint64_t user, nice, kernel, idle, iowait, irq, softirq, steal, guest, guest_nice;
        uint32_t cpus;
        uint64_t interrupts, context_switches, forks, softirqs;
        uint32_t running, blocked;
        int64_t boot_unix_ns; /* whole seconds (btime) */
};

int kernel_stat_parse(struct sv text, struct kernel_stat *ret, struct error *err);
int kernel_stat_read(int root, struct kernel_stat *ret, struct error *err);

/* The part of vmstat that tells trouble: paging, reclaim, out of memory. Counts since boot; pages unless said. */
struct vmstat {
        uint64_t page_faults, major_faults;
        uint64_t paged_in_kib, paged_out_kib;
        uint64_t swapped_in, swapped_out;
        uint64_t scanned_direct, scanned_kswapd, stolen_direct, stolen_kswapd;
        uint64_t allocation_stalls, compaction_stalls, out_of_memory_kills;
};

int vmstat_parse(struct sv text, struct vmstat *ret, struct error *err);
int vmstat_read(int root, struct vmstat *ret, struct error *err);
