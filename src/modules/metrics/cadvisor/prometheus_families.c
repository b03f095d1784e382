/* Every family of a container's metrics in cAdvisor's words: type, name, the option that turns it on, what it needs,
 * where its figure is, and the help. In the order of cAdvisor's documentation; the exposition sorts by name. */
#include "modules/metrics/cadvisor/prometheus_internal.h"

#define STATS(field) offsetof(struct container_stats, field)
#define BANDWIDTH(field) offsetof(__typeof__(*((struct resctrl_stats *)NULL)->bandwidth), field)
#define HUGE(field) offsetof(struct cgroup_huge, field)
#define INTERFACE(field) offsetof(struct net_interface_stats, field)

static const struct metric_state task_states[] = { { "iowaiting", offsetof(struct task_load, io_wait) },
        { "running", offsetof(struct task_load, running) }, { "sleeping", offsetof(struct task_load, sleeping) },
        { "stopped", offsetof(struct task_load, stopped) },
        { "uninterruptible", offsetof(struct task_load, uninterruptible) }, { NULL, 0 } };

#define TCP(state) offsetof(struct net_tcp_stats, states[NET_TCP_##state])
static const struct metric_state tcp_states[] = { { "close", TCP(CLOSE) }, { "closewait", TCP(CLOSE_WAIT) },
        { "closing", TCP(CLOSING) }, { "established", TCP(ESTABLISHED) }, { "finwait1", TCP(FIN_WAIT1) },
        { "finwait2", TCP(FIN_WAIT2) }, { "lastack", TCP(LAST_ACK) }, { "listen", TCP(LISTEN) },
        { "synrecv", TCP(SYN_RECV) }, { "synsent", TCP(SYN_SENT) }, { "timewait", TCP(TIME_WAIT) }, { NULL, 0 } };

static const struct metric_state udp_states[] = { { "dropped", offsetof(struct net_udp_stats, dropped) },
        { "listen", offsetof(struct net_udp_stats, listen) }, { "rxqueued", offsetof(struct net_udp_stats, rx_queued) },
        { "txqueued", offsetof(struct net_udp_stats, tx_queued) }, { NULL, 0 } };

#define ROW(type_, name_, kind_, need_, give_, help_)                                                                  \
        .name = name_, .help = help_, .type = EXPOSITION_##type_, .kind = METRIC_##kind_, .need = need_,               \
        .samples = samples_##give_, .io = NO_FIGURE
#define OTHER(type_, name_, kind_, need_, give_, offset_, help_)                                                       \
        {                                                                                                              \
                ROW(type_, name_, kind_, need_, give_, help_), .offset = (offset_)                                     \
        }
#define ONE(type_, name_, kind_, need_, field_, unit_, help_)                                                          \
        {                                                                                                              \
                ROW(type_, name_, kind_, need_, one, help_), .offset = STATS(field_), .unit = (unit_)                  \
        }
/* Names as in google/cadvisor's pull requests 3889 and 3890 of June 2026, which were not merged by August. */
#define PROPOSED(name_, field_, help_)                                                                                 \
        {                                                                                                              \
                ROW(COUNTER, name_, MEMORY, NEED_MEMORY, one, help_), .offset = STATS(cgroup.memory.field_),           \
                                                                      .unit = UNIT_ONE, .proposed = true               \
        }
#define STATES(name_, kind_, need_, field_, label_, states_, help_)                                                    \
        {                                                                                                              \
                ROW(GAUGE, name_, kind_, need_, states, help_), .offset = STATS(field_), .label = (label_),            \
                                                                .states = (states_)                                    \
        }
#define FILESYSTEM(type_, name_, kind_, field_, unit_, help_)                                                          \
        {                                                                                                              \
                ROW(type_, name_, kind_, NEED_NOTHING, devices, help_),                                                \
                        .unit = (unit_), .filesystems = true, .offset = offsetof(struct filesystem_stats, field_)      \
        }
#define IO(type_, name_, io_, operation_, unit_, help_)                                                                \
        {                                                                                                              \
                .name = name_, .help = help_, .type = EXPOSITION_##type_, .kind = METRIC_DISK_IO, .need = NEED_IO,     \
                .samples = samples_devices, .io = CGROUP_IO_##io_, .operation = CGROUP_IO_##operation_,                \
                .unit = (unit_)                                                                                        \
        }
#define BOTH(type_, name_, io_, operation_, field_, unit_, help_)                                                      \
        {                                                                                                              \
                .name = name_, .help = help_, .type = EXPOSITION_##type_, .kind = METRIC_DISK_IO, .need = NEED_IO,     \
                .samples = samples_devices, .io = CGROUP_IO_##io_, .operation = CGROUP_IO_##operation_,                \
                .unit = (unit_), .filesystems = true, .offset = offsetof(struct filesystem_stats, field_)              \
        }

/* The figures of file systems are milliseconds; cAdvisor divides them by 10^9 as if they were nanoseconds
 * (container_fs_*_seconds_total of its prometheus.go), and rules are written against that. */
const struct metric_row metric_rows[] = {
        OTHER(GAUGE, "container_last_seen", ALWAYS, NEED_NOTHING, last_seen, 0,
                "Last time a container was seen by the exporter"),
        OTHER(GAUGE, "container_health_state", ALWAYS, NEED_NOTHING, health, 0,
                "The result of the container's health check"),
        ONE(COUNTER, "container_cpu_user_seconds_total", CPU, NEED_CPU, cgroup.cpu.user_ns, UNIT_NANOSECONDS,
                "Cumulative user cpu time consumed in seconds."),
        ONE(COUNTER, "container_cpu_system_seconds_total", CPU, NEED_CPU, cgroup.cpu.system_ns, UNIT_NANOSECONDS,
                "Cumulative system cpu time consumed in seconds."),
        OTHER(COUNTER, "container_cpu_usage_seconds_total", CPU, NEED_CPU, cpu_usage, 0,
                "Cumulative cpu time consumed in seconds."),
        ONE(COUNTER, "container_cpu_cfs_periods_total", CPU, NEED_CPU | NEED_QUOTA, cgroup.cpu.periods, UNIT_ONE,
                "Number of elapsed enforcement period intervals."),
        ONE(COUNTER, "container_cpu_cfs_throttled_periods_total", CPU, NEED_CPU | NEED_QUOTA,
                cgroup.cpu.throttled_periods, UNIT_ONE, "Number of throttled period intervals."),
        ONE(COUNTER, "container_cpu_cfs_throttled_seconds_total", CPU, NEED_CPU | NEED_QUOTA, cgroup.cpu.throttled_ns,
                UNIT_NANOSECONDS, "Total time duration the container has been throttled."),
        ONE(COUNTER, "container_cpu_cfs_burst_periods_total", CPU, NEED_CPU | NEED_QUOTA, cgroup.cpu.burst_periods,
                UNIT_ONE, "Number of periods when burst occurs."),
        ONE(COUNTER, "container_cpu_cfs_burst_seconds_total", CPU, NEED_CPU | NEED_QUOTA, cgroup.cpu.burst_ns,
                UNIT_NANOSECONDS, "Total time duration the container has been bursted."),
        ONE(COUNTER, "container_cpu_schedstat_run_seconds_total", SCHED, NEED_CPU, tasks.schedstat_run_ns,
                UNIT_NANOSECONDS, "Time duration the processes of the container have run on the CPU."),
        ONE(COUNTER, "container_cpu_schedstat_runqueue_seconds_total", SCHED, NEED_CPU, tasks.schedstat_wait_ns,
                UNIT_NANOSECONDS, "Time duration processes of the container have been waiting on a runqueue."),
        ONE(COUNTER, "container_cpu_schedstat_run_periods_total", SCHED, NEED_CPU, tasks.schedstat_periods, UNIT_ONE,
                "Number of times processes of the cgroup have run on the cpu"),
        ONE(GAUGE, "container_cpu_load_average_10s", CPU_LOAD, NEED_CPU, load_average, UNIT_SIGNED,
                "Value of container cpu load average over the last 10 seconds."),
        ONE(GAUGE, "container_cpu_load_d_average_10s", CPU_LOAD, NEED_CPU, load_d_average, UNIT_SIGNED,
                "Value of container cpu load.d average over the last 10 seconds."),
        STATES("container_tasks_state", CPU_LOAD, NEED_NOTHING, load, "state", task_states,
                "Number of tasks in given state"),
        OTHER(COUNTER, "container_hugetlb_failcnt", HUGETLB, NEED_NOTHING, huge, HUGE(failcnt),
                "Number of hugepage usage hits limits"),
        OTHER(GAUGE, "container_hugetlb_usage_bytes", HUGETLB, NEED_NOTHING, huge, HUGE(usage),
                "Current hugepage usage in bytes"),
        OTHER(GAUGE, "container_hugetlb_max_usage_bytes", HUGETLB, NEED_NOTHING, huge, HUGE(max_usage),
                "Maximum hugepage usage recorded in bytes"),
        ONE(GAUGE, "container_memory_cache", MEMORY, NEED_MEMORY, cgroup.memory.cache, UNIT_ONE,
                "Number of bytes of page cache memory."),
        ONE(GAUGE, "container_memory_rss", MEMORY, NEED_MEMORY, cgroup.memory.rss, UNIT_ONE, "Size of RSS in bytes."),
        ONE(GAUGE, "container_memory_kernel_usage", MEMORY, NEED_MEMORY, cgroup.memory.kernel, UNIT_ONE,
                "Size of kernel memory allocated in bytes."),
        ONE(GAUGE, "container_memory_mapped_file", MEMORY, NEED_MEMORY, cgroup.memory.mapped_file, UNIT_ONE,
                "Size of memory mapped files in bytes."),
        ONE(GAUGE, "container_memory_swap", MEMORY, NEED_MEMORY, cgroup.memory.swap, UNIT_ONE,
                "Container swap usage in bytes."),
        ONE(COUNTER, "container_memory_failcnt", MEMORY, NEED_MEMORY, cgroup.memory.failcnt, UNIT_ONE,
                "Number of memory usage hits limits"),
        ONE(GAUGE, "container_memory_usage_bytes", MEMORY, NEED_MEMORY, cgroup.memory.usage, UNIT_ONE,
                "Current memory usage in bytes, including all memory regardless of when it was accessed"),
        ONE(GAUGE, "container_memory_max_usage_bytes", MEMORY, NEED_MEMORY, cgroup.memory.max_usage, UNIT_ONE,
                "Maximum memory usage recorded in bytes"),
        ONE(GAUGE, "container_memory_working_set_bytes", MEMORY, NEED_MEMORY, cgroup.memory.working_set, UNIT_ONE,
                "Current working set in bytes."),
        ONE(GAUGE, "container_memory_total_active_file_bytes", MEMORY, NEED_MEMORY, cgroup.memory.active_file, UNIT_ONE,
                "Current total active file in bytes."),
        ONE(GAUGE, "container_memory_total_inactive_file_bytes", MEMORY, NEED_MEMORY, cgroup.memory.inactive_file,
                UNIT_ONE, "Current total inactive file in bytes."),
        ONE(COUNTER, "container_memory_events_high_total", MEMORY, NEED_MEMORY, cgroup.memory.events_high, UNIT_ONE,
                "Cumulative count of memory.high throttle events for the container"),
        ONE(COUNTER, "container_memory_events_max_total", MEMORY, NEED_MEMORY, cgroup.memory.events_max, UNIT_ONE,
                "Cumulative count of memory.max limit hit events for the container"),
        PROPOSED("container_memory_events_low_total", events_low,
                "Times that memory was reclaimed though the container used less than memory.low"),
        PROPOSED("container_memory_events_oom_total", events_oom,
                "Times that an allocation of the container was about to fail at its limit"),
        PROPOSED("container_memory_events_oom_kill_total", events_oom_kill,
                "Processes of the container that were killed for want of memory"),
        PROPOSED("container_memory_events_oom_group_kill_total", events_oom_group_kill,
                "Times that the container was killed as a whole for want of memory"),
        PROPOSED("container_memory_swap_events_high_total", swap_events_high,
                "Times that the container's swap was over memory.swap.high"),
        PROPOSED("container_memory_swap_events_max_total", swap_events_max,
                "Times that swap was refused to the container at memory.swap.max"),
        PROPOSED("container_memory_swap_events_fail_total", swap_events_fail,
                "Times that swap could not be had, at the limit or since there was none left"),
        ONE(GAUGE, "container_memory_file_dirty_bytes", MEMORY, NEED_MEMORY, cgroup.memory.dirty, UNIT_ONE,
                "Number of bytes of file cache that has been modified but not yet written back to disk."),
        ONE(GAUGE, "container_memory_file_writeback_bytes", MEMORY, NEED_MEMORY, cgroup.memory.writeback, UNIT_ONE,
                "Number of bytes of file cache that is currently being written back to disk."),
        ONE(COUNTER, "container_memory_pgscan_total", MEMORY, NEED_MEMORY, cgroup.memory.pgscan, UNIT_ONE,
                "Cumulative number of pages scanned by the page reclaim algorithm."),
        ONE(COUNTER, "container_memory_pgsteal_total", MEMORY, NEED_MEMORY, cgroup.memory.pgsteal, UNIT_ONE,
                "Cumulative number of pages reclaimed by the page reclaim algorithm."),
        ONE(COUNTER, "container_memory_workingset_refault_file_total", MEMORY, NEED_MEMORY, cgroup.memory.refault_file,
                UNIT_ONE, "Cumulative number of refaults of previously evicted file pages."),
        ONE(COUNTER, "container_memory_workingset_refault_anon_total", MEMORY, NEED_MEMORY, cgroup.memory.refault_anon,
                UNIT_ONE, "Cumulative number of refaults of previously evicted anonymous pages."),
        OTHER(COUNTER, "container_memory_failures_total", MEMORY, NEED_MEMORY, failures, 0,
                "Cumulative count of memory allocation failures."),
        ONE(GAUGE, "container_memory_migrate", CPUSET, NEED_NOTHING, cgroup.memory_migrate, UNIT_ONE,
                "Memory migrate status."),
        OTHER(GAUGE, "container_memory_numa_pages", MEMORY_NUMA, NEED_MEMORY, numa, 0,
                "Number of used pages per NUMA node"),
        FILESYSTEM(GAUGE, "container_fs_inodes_free", DISK, inodes_free, UNIT_ONE, "Number of available Inodes"),
        FILESYSTEM(GAUGE, "container_fs_inodes_total", DISK, inodes, UNIT_ONE, "Number of Inodes"),
        FILESYSTEM(GAUGE, "container_fs_limit_bytes", DISK, capacity, UNIT_ONE,
                "Number of bytes that can be consumed by the container on this filesystem."),
        FILESYSTEM(GAUGE, "container_fs_usage_bytes", DISK, usage, UNIT_ONE,
                "Number of bytes that are consumed by the container on this filesystem."),
        IO(COUNTER, "container_fs_reads_bytes_total", SERVICE_BYTES, READ, UNIT_ONE, "Cumulative count of bytes read"),
        BOTH(COUNTER, "container_fs_reads_total", SERVICED, READ, reads_completed, UNIT_ONE,
                "Cumulative count of reads completed"),
        BOTH(COUNTER, "container_fs_sector_reads_total", SECTORS, READ, sectors_read, UNIT_ONE,
                "Cumulative count of sector reads completed"),
        BOTH(COUNTER, "container_fs_reads_merged_total", MERGED, READ, reads_merged, UNIT_ONE,
                "Cumulative count of reads merged"),
        BOTH(COUNTER, "container_fs_read_seconds_total", SERVICE_TIME, READ, read_time_ms, UNIT_NANOSECONDS,
                "Cumulative count of seconds spent reading"),
        IO(COUNTER, "container_fs_writes_bytes_total", SERVICE_BYTES, WRITE, UNIT_ONE,
                "Cumulative count of bytes written"),
        BOTH(COUNTER, "container_fs_writes_total", SERVICED, WRITE, writes_completed, UNIT_ONE,
                "Cumulative count of writes completed"),
        BOTH(COUNTER, "container_fs_sector_writes_total", SECTORS, WRITE, sectors_written, UNIT_ONE,
                "Cumulative count of sector writes completed"),
        BOTH(COUNTER, "container_fs_writes_merged_total", MERGED, WRITE, writes_merged, UNIT_ONE,
                "Cumulative count of writes merged"),
        BOTH(COUNTER, "container_fs_write_seconds_total", SERVICE_TIME, WRITE, write_time_ms, UNIT_NANOSECONDS,
                "Cumulative count of seconds spent writing"),
        BOTH(GAUGE, "container_fs_io_current", QUEUED, TOTAL, io_in_progress, UNIT_ONE,
                "Number of I/Os currently in progress"),
        BOTH(COUNTER, "container_fs_io_time_seconds_total", SERVICE_TIME, TOTAL, io_time_ms, UNIT_NANOSECONDS,
                "Cumulative count of seconds spent doing I/Os"),
        FILESYSTEM(COUNTER, "container_fs_io_time_weighted_seconds_total", DISK_IO, weighted_io_time_ms,
                UNIT_NANOSECONDS, "Cumulative weighted I/O time in seconds"),
        IO(COUNTER, "container_fs_io_cost_usage_seconds_total", COST_USAGE, TOTAL, UNIT_MICROSECONDS,
                "Cumulative IOCost usage in seconds"),
        IO(COUNTER, "container_fs_io_cost_wait_seconds_total", COST_WAIT, TOTAL, UNIT_MICROSECONDS,
                "Cumulative IOCost wait in seconds"),
        IO(COUNTER, "container_fs_io_cost_indebt_seconds_total", COST_INDEBT, TOTAL, UNIT_MICROSECONDS,
                "Cumulative IOCost debt in seconds"),
        IO(COUNTER, "container_fs_io_cost_indelay_seconds_total", COST_INDELAY, TOTAL, UNIT_MICROSECONDS,
                "Cumulative IOCost delay in seconds"),
        OTHER(COUNTER, "container_blkio_device_usage_total", DISK_IO, NEED_IO, blkio, 0, "Blkio Device bytes usage"),
        OTHER(COUNTER, "container_network_receive_bytes_total", NETWORK, NEED_NET, interfaces, INTERFACE(rx_bytes),
                "Cumulative count of bytes received"),
        OTHER(COUNTER, "container_network_receive_packets_total", NETWORK, NEED_NET, interfaces, INTERFACE(rx_packets),
                "Cumulative count of packets received"),
        OTHER(COUNTER, "container_network_receive_packets_dropped_total", NETWORK, NEED_NET, interfaces,
                INTERFACE(rx_dropped), "Cumulative count of packets dropped while receiving"),
        OTHER(COUNTER, "container_network_receive_errors_total", NETWORK, NEED_NET, interfaces, INTERFACE(rx_errors),
                "Cumulative count of errors encountered while receiving"),
        OTHER(COUNTER, "container_network_transmit_bytes_total", NETWORK, NEED_NET, interfaces, INTERFACE(tx_bytes),
                "Cumulative count of bytes transmitted"),
        OTHER(COUNTER, "container_network_transmit_packets_total", NETWORK, NEED_NET, interfaces, INTERFACE(tx_packets),
                "Cumulative count of packets transmitted"),
        OTHER(COUNTER, "container_network_transmit_packets_dropped_total", NETWORK, NEED_NET, interfaces,
                INTERFACE(tx_dropped), "Cumulative count of packets dropped while transmitting"),
        OTHER(COUNTER, "container_network_transmit_errors_total", NETWORK, NEED_NET, interfaces, INTERFACE(tx_errors),
                "Cumulative count of errors encountered while transmitting"),
        STATES("container_network_tcp_usage_total", TCP, NEED_NET, net.tcp, "tcp_state", tcp_states,
                "tcp connection usage statistic for container"),
        STATES("container_network_tcp6_usage_total", TCP, NEED_NET, net.tcp6, "tcp_state", tcp_states,
                "tcp6 connection usage statistic for container"),
        OTHER(GAUGE, "container_network_advance_tcp_stats_total", ADVTCP, NEED_NET, advanced, 0,
                "advance tcp connections statistic for container"),
        STATES("container_network_udp6_usage_total", UDP, NEED_NET, net.udp6, "udp_state", udp_states,
                "udp6 connection usage statistic for container"),
        STATES("container_network_udp_usage_total", UDP, NEED_NET, net.udp, "udp_state", udp_states,
                "udp connection usage statistic for container"),
        ONE(GAUGE, "container_processes", PROCESS, NEED_TASKS, tasks.processes, UNIT_ONE,
                "Number of processes running inside the container."),
        ONE(GAUGE, "container_file_descriptors", PROCESS, NEED_TASKS, tasks.files, UNIT_ONE,
                "Number of open file descriptors for the container."),
        ONE(GAUGE, "container_sockets", PROCESS, NEED_TASKS, tasks.sockets, UNIT_ONE,
                "Number of open sockets for the container."),
        ONE(GAUGE, "container_threads_max", PROCESS, NEED_TASKS, tasks.threads_max, UNIT_ONE,
                "Maximum number of threads allowed inside the container, infinity if value is zero"),
        ONE(GAUGE, "container_threads", PROCESS, NEED_TASKS, tasks.threads, UNIT_ONE,
                "Number of threads running inside the container"),
        OTHER(GAUGE, "container_ulimits_soft", PROCESS, NEED_TASKS, ulimits, 0,
                "Soft ulimit values for the container root process. Unlimited if -1, except priority and nice"),
        OTHER(COUNTER, "container_perf_events_total", PERF_EVENT, NEED_NOTHING, perf, 0, "Perf event metric."),
        OTHER(GAUGE, "container_perf_events_scaling_ratio", PERF_EVENT, NEED_NOTHING, perf_ratio, 0,
                "Perf event metric scaling ratio."),
        OTHER(COUNTER, "container_perf_uncore_events_total", PERF_EVENT, NEED_NOTHING, uncore, 0,
                "Perf uncore event metric."),
        OTHER(GAUGE, "container_perf_uncore_events_scaling_ratio", PERF_EVENT, NEED_NOTHING, uncore_ratio, 0,
                "Perf uncore event metric scaling ratio."),
        ONE(GAUGE, "container_referenced_bytes", REFERENCED_MEMORY, NEED_NOTHING, tasks.referenced_bytes, UNIT_ONE,
                "Container referenced bytes during last measurements cycle"),
        OTHER(GAUGE, "container_memory_bandwidth_bytes", RESCTRL, NEED_NOTHING, bandwidth, BANDWIDTH(total_bytes),
                "Total memory bandwidth usage statistics for container counted with RDT Memory Bandwidth Monitoring "
                "(MBM)."),
        OTHER(GAUGE, "container_memory_bandwidth_local_bytes", RESCTRL, NEED_NOTHING, bandwidth, BANDWIDTH(local_bytes),
                "Local memory bandwidth usage statistics for container counted with RDT Memory Bandwidth Monitoring "
                "(MBM)."),
        OTHER(GAUGE, "container_llc_occupancy_bytes", RESCTRL, NEED_NOTHING, llc, 0,
                "Last level cache usage statistics for container counted with RDT Memory Bandwidth Monitoring (MBM)."),
        ONE(COUNTER, "container_oom_events_total", OOM_EVENT, NEED_NOTHING, oom_events, UNIT_ONE,
                "Count of out of memory events observed for the container"),
        ONE(COUNTER, "container_pressure_cpu_stalled_seconds_total", PRESSURE, NEED_CPU,
                cgroup.cpu_pressure.full.total_ns, UNIT_STALLED,
                "Total time duration no tasks in the container could make progress due to CPU congestion."),
        ONE(COUNTER, "container_pressure_cpu_waiting_seconds_total", PRESSURE, NEED_CPU,
                cgroup.cpu_pressure.some.total_ns, UNIT_STALLED,
                "Total time duration tasks in the container have waited due to CPU congestion."),
        ONE(COUNTER, "container_pressure_memory_stalled_seconds_total", PRESSURE, NEED_MEMORY,
                cgroup.memory_pressure.full.total_ns, UNIT_STALLED,
                "Total time duration no tasks in the container could make progress due to memory congestion."),
        ONE(COUNTER, "container_pressure_memory_waiting_seconds_total", PRESSURE, NEED_MEMORY,
                cgroup.memory_pressure.some.total_ns, UNIT_STALLED,
                "Total time duration tasks in the container have waited due to memory congestion."),
        ONE(COUNTER, "container_pressure_io_stalled_seconds_total", PRESSURE, NEED_IO, cgroup.io_pressure.full.total_ns,
                UNIT_STALLED,
                "Total time duration no tasks in the container could make progress due to IO congestion."),
        ONE(COUNTER, "container_pressure_io_waiting_seconds_total", PRESSURE, NEED_IO, cgroup.io_pressure.some.total_ns,
                UNIT_STALLED, "Total time duration tasks in the container have waited due to IO congestion."),
        { .name = NULL },
};
