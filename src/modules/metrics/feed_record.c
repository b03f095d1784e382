/* The rows of the feed as JSON. */
#include "modules/metrics/feed.h"

const char *const feed_part_names[] = { "host", "containers", "processes", "network", "disks", NULL };
const char *const feed_kind_names[] = { "gone", "host", "container", "process", "network", "disk", "filesystem", "tick",
        NULL };
static const char *const container_kind_names[] = { "container", "unit", "group", "root", NULL };

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NANOSECONDS .as_number = true, .unit = 1

#define H struct feed_host
static const struct field host_fields[] = {
        FIELD_STRING(H, hostname, .omit_empty = true, .help = "name of the host"),
        FIELD_STRING(H, kernel, .omit_empty = true, .help = "release of the kernel"),
        FIELD_STRING(H, os, .omit_empty = true, .help = "name of the system"),
        FIELD_DURATION(H, uptime_ns, .json = "uptime", NANOSECONDS, .help = "time since the boot, ns"),
        FIELD_UINT(H, cpus, .help = "CPUs that are online"),
        FIELD_DOUBLE(H, cpu, .has = HAS(H, has_rates), .help = "CPUs that are busy"),
        FIELD_DOUBLE(H, cpu_user, .has = HAS(H, has_rates), .help = "of those: in programs"),
        FIELD_DOUBLE(H, cpu_system, .has = HAS(H, has_rates), .help = "of those: in the kernel, interrupts too"),
        FIELD_DOUBLE(H, cpu_iowait, .has = HAS(H, has_rates), .help = "CPUs that are idle and wait for storage"),
        FIELD_DOUBLE(H, cpu_steal, .has = HAS(H, has_rates), .help = "CPUs that the hypervisor gave to others"),
        FIELD_DOUBLES(H, cores, .omit_empty = true, .help = "share of each CPU that is busy"),
        FIELD_DOUBLE(H, load1, .has = HAS(H, has_load), .help = "load average of a minute"),
        FIELD_DOUBLE(H, load5, .has = HAS(H, has_load), .help = "load average of 5 minutes"),
        FIELD_DOUBLE(H, load15, .has = HAS(H, has_load), .help = "load average of 15 minutes"),
        FIELD_SIZE(H, memory_total, .has = HAS(H, has_memory), .help = "memory"),
        FIELD_SIZE(H, memory_available, .has = HAS(H, has_memory), .help = "memory that programs can have"),
        FIELD_SIZE(H, memory_cached, .has = HAS(H, has_memory), .help = "caches of files, buffers, slabs to reclaim"),
        FIELD_SIZE(H, memory_free, .has = HAS(H, has_memory), .help = "memory of no use now"),
        FIELD_SIZE(H, swap_total, .has = HAS(H, has_memory), .help = "swap space"),
        FIELD_SIZE(H, swap_used, .has = HAS(H, has_memory), .help = "swap space in use"),
        FIELD_DOUBLE(H, psi_cpu, .has = HAS(H, has_pressure), .help = "tasks waited for a CPU, % of the last 10 s"),
        FIELD_DOUBLE(H, psi_memory, .has = HAS(H, has_pressure), .help = "tasks waited for memory, % of 10 s"),
        FIELD_DOUBLE(H, psi_io, .has = HAS(H, has_pressure), .help = "tasks waited for storage, % of 10 s"),
        FIELD_DOUBLE(H, receive, .has = HAS(H, has_network), .help = "bytes a second that came over its devices"),
        FIELD_DOUBLE(H, send, .has = HAS(H, has_network), .help = "bytes a second that went"),
        FIELD_DOUBLE(H, read, .has = HAS(H, has_disk), .help = "bytes a second from disks"),
        FIELD_DOUBLE(H, write, .has = HAS(H, has_disk), .help = "bytes a second to disks"),
        FIELD_UINT(H, processes, .omit_empty = true, .help = "processes, threads of the kernel too"),
        FIELD_UINT(H, threads, .omit_empty = true, .help = "threads of all"),
        FIELD_UINT(H, running, .has = HAS(H, has_load), .help = "threads that run or could"),
        FIELD_UINT(H, blocked, .has = HAS(H, has_load), .help = "threads that wait for storage"),
        FIELD_DOUBLE(H, context_switches, .has = HAS(H, has_rates), .help = "switches between threads a second"),
        FIELD_DOUBLE(H, forks, .has = HAS(H, has_rates), .help = "processes and threads that begin a second"),
};

#define C struct feed_container
static const struct field container_fields[] = {
        FIELD_STRING(C, name, .help = "path of its control group: the key"),
        FIELD_ENUM(C, kind, container_kind_names, .help = "what it is"),
        FIELD_STRING(C, engine, .omit_empty = true, .help = "docker, containerd, podman, crio, nspawn …"),
        FIELD_STRING(C, id, .omit_empty = true, .help = "the engine's id of it"),
        FIELD_STRING(C, alias, .omit_empty = true, .help = "what its engine calls it"),
        FIELD_STRING(C, image, .omit_empty = true, .help = "what it was started from"),
        FIELD_STRING(C, unit, .omit_empty = true, .help = "systemd unit"),
        FIELD_DOUBLE(C, cpu, .has = HAS(C, has_cpu), .help = "CPUs"),
        FIELD_DOUBLE(C, cpu_user, .has = HAS(C, has_cpu), .help = "of those: in programs"),
        FIELD_DOUBLE(C, cpu_system, .has = HAS(C, has_cpu), .help = "of those: in the kernel"),
        FIELD_DOUBLE(C, throttled, .has = HAS(C, has_cpu), .help = "seconds a second that its CPU limit made it wait"),
        FIELD_SIZE(C, memory, .has = HAS(C, has_memory), .help = "working set: usage less what is easy to reclaim"),
        FIELD_SIZE(C, memory_usage, .has = HAS(C, has_memory), .help = "all memory, caches of files too"),
        FIELD_SIZE(C, memory_cache, .has = HAS(C, has_memory), .help = "caches of files"),
        FIELD_SIZE(C, memory_rss, .has = HAS(C, has_memory), .help = "anonymous memory"),
        FIELD_SIZE(C, swap, .has = HAS(C, has_memory), .help = "swap space in use"),
        FIELD_SIZE(C, memory_limit, .omit_empty = true, .help = "memory that it may have"),
        FIELD_DOUBLE(C, cpu_limit, .omit_empty = true, .help = "CPUs that it may have"),
        FIELD_UINT(C, processes, .has = HAS(C, has_processes), .help = "tasks: threads count"),
        FIELD_UINT(C, processes_limit, .omit_empty = true, .help = "tasks that it may have"),
        FIELD_DOUBLE(C, receive, .has = HAS(C, has_network), .help = "bytes a second that came"),
        FIELD_DOUBLE(C, send, .has = HAS(C, has_network), .help = "bytes a second that went"),
        FIELD_DOUBLE(C, read, .has = HAS(C, has_io), .help = "bytes a second from storage"),
        FIELD_DOUBLE(C, write, .has = HAS(C, has_io), .help = "bytes a second to storage"),
        FIELD_DOUBLE(C, psi_cpu, .has = HAS(C, has_pressure), .help = "its tasks waited for a CPU, % of 10 s"),
        FIELD_DOUBLE(C, psi_memory, .has = HAS(C, has_pressure), .help = "its tasks waited for memory, % of 10 s"),
        FIELD_DOUBLE(C, psi_io, .has = HAS(C, has_pressure), .help = "its tasks waited for storage, % of 10 s"),
        FIELD_TIME(C, started_ns, .json = "started", .omit_empty = true, .help = "when it began"),
};

#define P struct feed_process
static const struct field process_fields[] = {
        FIELD_INT(P, pid, .help = "its number, with start the key"),
        FIELD_TIME(P, start_ns, .json = "start", .help = "when it began"),
        FIELD_INT(P, ppid, .help = "its parent"),
        FIELD_STRING(P, user, .omit_empty = true, .help = "effective user"),
        FIELD_UINT(P, uid, .has = HAS(P, has_user), .help = "number of the user"),
        FIELD_STRING(P, state, .help = "R S D Z T t I, as ps says it"),
        FIELD_INT(P, nice, .help = "nice value"),
        FIELD_INT(P, priority, .help = "priority of the scheduler"),
        FIELD_UINT(P, threads, .help = "its threads"),
        FIELD_DOUBLE(P, cpu, .has = HAS(P, has_cpu), .help = "CPUs"),
        FIELD_DURATION(P, cpu_time_ns, .json = "cpu_time", NANOSECONDS, .help = "CPU time since it began, ns"),
        FIELD_SIZE(P, memory, .help = "resident set"),
        FIELD_SIZE(P, virtual_size, .json = "virtual", .help = "address space"),
        FIELD_DOUBLE(P, read, .has = HAS(P, has_io), .help = "bytes a second from storage"),
        FIELD_DOUBLE(P, write, .has = HAS(P, has_io), .help = "bytes a second to storage"),
        FIELD_DOUBLE(P, receive, .has = HAS(P, has_network), .help = "bytes a second that came over TCP"),
        FIELD_DOUBLE(P, send, .has = HAS(P, has_network), .help = "bytes a second that went over TCP"),
        FIELD_STRING(P, name, .help = "name of the program, at most 15 bytes"),
        FIELD_STRING(P, executable, .omit_empty = true, .help = "path of the program"),
        FIELD_STRING(P, command_line, .omit_empty = true, .private_ = true, .help = "its arguments"),
        FIELD_STRING(P, group, .omit_empty = true, .help = "name of the container's row that it is in"),
        FIELD_STRING(P, container, .omit_empty = true, .help = "what its engine calls that container"),
        FIELD_BOOL(P, kernel, .omit_empty = true, .help = "a thread of the kernel"),
};

#define N struct feed_network
static const struct field network_fields[] = {
        FIELD_STRING(N, name, .help = "of the device: the key"),
        FIELD_STRING(N, state, .omit_empty = true, .help = "up, down, dormant, unknown …"),
        FIELD_DOUBLE(N, receive, .has = HAS(N, has_rates), .help = "bytes a second that came"),
        FIELD_DOUBLE(N, send, .has = HAS(N, has_rates), .help = "bytes a second that went"),
        FIELD_DOUBLE(N, receive_packets, .has = HAS(N, has_rates), .help = "packets a second that came"),
        FIELD_DOUBLE(N, send_packets, .has = HAS(N, has_rates), .help = "packets a second that went"),
        FIELD_DOUBLE(N, receive_errors, .has = HAS(N, has_rates), .help = "broken packets a second"),
        FIELD_DOUBLE(N, send_errors, .has = HAS(N, has_rates), .help = "packets a second that could not be sent"),
        FIELD_DOUBLE(N, receive_drops, .has = HAS(N, has_rates), .help = "packets a second that were thrown away"),
        FIELD_DOUBLE(N, send_drops, .has = HAS(N, has_rates), .help = "packets a second that were not sent"),
        FIELD_UINT(N, speed, .omit_empty = true, .help = "bits a second"),
        FIELD_STRING(N, mac, .omit_empty = true, .help = "address of the device"),
        FIELD_UINT(N, mtu, .omit_empty = true, .help = "largest packet"),
        FIELD_STRINGS(N, addresses, .omit_empty = true, .help = "with the length of the prefix"),
};

#define D struct feed_disk
static const struct field disk_fields[] = {
        FIELD_STRING(D, name, .help = "of the device: the key"),
        FIELD_DOUBLE(D, read, .has = HAS(D, has_rates), .help = "bytes a second"),
        FIELD_DOUBLE(D, write, .has = HAS(D, has_rates), .help = "bytes a second"),
        FIELD_DOUBLE(D, reads, .has = HAS(D, has_rates), .help = "requests a second"),
        FIELD_DOUBLE(D, writes, .has = HAS(D, has_rates), .help = "requests a second"),
        FIELD_DOUBLE(D, busy, .has = HAS(D, has_rates), .help = "share of the time with requests under way"),
        FIELD_DOUBLE(D, queue, .has = HAS(D, has_rates), .help = "requests under way on average"),
        FIELD_STRING(D, model, .omit_empty = true, .help = "what the device calls itself"),
        FIELD_SIZE(D, size, .omit_empty = true, .help = "bytes"),
};

#define F struct feed_filesystem
static const struct field filesystem_fields[] = {
        FIELD_STRING(F, mountpoint, .help = "where it is mounted: the key"),
        FIELD_STRING(F, device, .omit_empty = true, .help = "what is mounted"),
        FIELD_STRING(F, type, .help = "ext4, xfs, tmpfs …"),
        FIELD_SIZE(F, size, .help = "bytes"),
        FIELD_SIZE(F, used, .help = "bytes in use"),
        FIELD_SIZE(F, available, .help = "bytes that a user may still take"),
        FIELD_UINT(F, inodes, .omit_empty = true, .help = "files that it has room for"),
        FIELD_UINT(F, inodes_used, .omit_empty = true, .help = "files"),
        FIELD_BOOL(F, read_only, .omit_empty = true, .help = "mounted read-only"),
};

#define K struct feed_key
static const struct field key_fields[] = {
        FIELD_INT(K, pid, .help = "its number"),
        FIELD_TIME(K, start_ns, .json = "start", .help = "when it began"),
};

#define G struct feed_gone
static const struct field gone_fields[] = {
        FIELD_BOOL(G, all, .omit_empty = true, .help = "forget all rows: the whole picture follows"),
        FIELD_STRINGS(G, containers, .omit_empty = true, .help = "names of containers' rows"),
        FIELD_RECORDS(G, processes, struct feed_key, key_fields, .omit_empty = true, .help = "keys of processes"),
        FIELD_STRINGS(G, networks, .omit_empty = true, .help = "names of network devices"),
        FIELD_STRINGS(G, disks, .omit_empty = true, .help = "names of disks"),
        FIELD_STRINGS(G, filesystems, .omit_empty = true, .help = "mount points"),
};

#define T struct feed_tick
static const struct field tick_fields[] = {
        FIELD_TIME(T, time_ns, .json = "time", .help = "when it was looked"),
        FIELD_UINT(T, sequence, .help = "number of the picture, from 1"),
        FIELD_DURATION(T, interval_ns, .json = "interval", NANOSECONDS, .help = "time that the rates are over, ns"),
        FIELD_UINT(T, containers, .has = HAS(T, has_containers), .help = "containers, units and groups there are"),
        FIELD_UINT(T, processes, .has = HAS(T, has_processes), .help = "processes there are"),
        FIELD_DOUBLE(T, cpu, .has = HAS(T, has_host), .help = "CPUs of the host that are busy"),
        FIELD_SIZE(T, memory_used, .has = HAS(T, has_host), .help = "memory that programs cannot have"),
        FIELD_SIZE(T, memory_total, .has = HAS(T, has_host), .help = "memory of the host"),
        FIELD_UINT(T, refused, .omit_empty = true, .help = "rows that did not fit in the picture"),
};

#define E struct feed_element
#define KIND(member, kind, table, text)                                                                                \
        FIELD_RECORD(E, member, struct feed_##member, table, .has = offsetof(E, is) + (kind) + 1, .help = (text))
static const struct field element_fields[] = {
        KIND(gone, FEED_GONE, gone_fields, "what is not there any more; before the rows of its picture"),
        KIND(host, FEED_HOST, host_fields, "the machine"),
        KIND(container, FEED_CONTAINER, container_fields, "a container, unit or control group"),
        KIND(process, FEED_PROCESS, process_fields, "a process"),
        KIND(network, FEED_NETWORK, network_fields, "a network device"),
        KIND(disk, FEED_DISK, disk_fields, "a disk"),
        KIND(filesystem, FEED_FILESYSTEM, filesystem_fields, "a mounted file system"),
        KIND(tick, FEED_TICK, tick_fields, "the end of a picture"),
};
const struct record feed_element_record = {
        .fields = element_fields, .count = COUNT(element_fields), .size = sizeof(E), .name = "metrics_feed_element"
};

#define REC(T, table, text)                                                                                            \
        &(const struct record)                                                                                         \
        {                                                                                                              \
                .fields = (table), .count = COUNT(table), .size = sizeof(T), .name = (text)                            \
        }
const struct record *const feed_records[FEED_KINDS] = {
        [FEED_GONE] = REC(G, gone_fields, "metrics_feed_gone"),
        [FEED_HOST] = REC(H, host_fields, "metrics_feed_host"),
        [FEED_CONTAINER] = REC(C, container_fields, "metrics_feed_container"),
        [FEED_PROCESS] = REC(P, process_fields, "metrics_feed_process"),
        [FEED_NETWORK] = REC(N, network_fields, "metrics_feed_network"),
        [FEED_DISK] = REC(D, disk_fields, "metrics_feed_disk"),
        [FEED_FILESYSTEM] = REC(F, filesystem_fields, "metrics_feed_filesystem"),
        [FEED_TICK] = REC(T, tick_fields, "metrics_feed_tick"),
};

#define A struct feed_params
static const struct field params_fields[] = {
        FIELD_DURATION(A, interval_ns, .json = "interval", .def = "1s", .min = 100 * MILLISECOND, .max = HOUR,
                .help = "time between two pictures"),
        FIELD_ENUMS(A, parts, feed_part_names, .max_items = 16, .help = "what is told; default all"),
        FIELD_UINT(A, count, .help = "end after so many pictures; 0 is never"),
        FIELD_BOOL(A, full, .help = "everything in each picture, not only what changed"),
};
const struct record feed_params_record = {
        .fields = params_fields, .count = COUNT(params_fields), .size = sizeof(A), .name = "metrics_feed_params"
};

unsigned feed_parts_of(const struct feed_params *params)
{
        unsigned parts = 0;
        list_foreach (part, &params->parts)
                parts |= 1U << *part;
        return parts ? parts : FEED_ALL;
}
