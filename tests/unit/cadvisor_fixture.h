/* The values from which cAdvisor's expected texts were made: one container with every figure, and the machine that
 * names its devices. */
#pragma once

#include "base/timefmt.h"
#include "modules/metrics/cadvisor/cadvisor.h"

#include <strings.h>

#define GOLDEN_TIME (1395066363 * SECOND)
#define BIT(kind) (1u << METRIC_##kind)
#define ALL_KINDS (((uint32_t)1 << METRIC_KINDS) - 1)

static uint64_t per_cpu[] = { 2, 3, 4, 5 };
static struct cgroup_node_pages nodes[] = { { 0, 16649, 10000, 8900 }, { 1, 10000, 7109, 10000 } };
static struct cgroup_node_pages hierarchical_nodes[] = { { 0, 36649, 20000, 8900 }, { 1, 10000, 7109, 20000 } };
static struct cgroup_io_row service_bytes[] = { { 8, 0, { 1, 2, 3, 4, 5, 6 }, 0x3f } };
static struct cgroup_io_row cost_usage[] = { { 8, 1, { [CGROUP_IO_TOTAL] = 1500000 }, 0 } };
static struct cgroup_io_row cost_wait[] = { { 8, 1, { [CGROUP_IO_TOTAL] = 2500000 }, 0 } };
static struct cgroup_io_row cost_indebt[] = { { 8, 1, { [CGROUP_IO_TOTAL] = 500000 }, 0 } };
static struct cgroup_io_row cost_indelay[] = { { 8, 1, { [CGROUP_IO_TOTAL] = 750000 }, 0 } };
static struct cgroup_huge huge[] = { { "1Gi", 0, 0, 0 }, { "2Mi", 4, 10, 1 } };
static struct net_interface_stats interfaces[] = { { "eth0", 14, 15, 16, 17, 18, 19, 20, 21 } };
static struct task_ulimit ulimits[] = { { "max_cpu_time", -1, -1 }, { "max_open_files", 16384, 16384 } };
static struct filesystem_stats filesystems[] = { { .device = "sda1",
                                                         .inodes_free = 524288,
                                                         .inodes = 2097152,
                                                         .capacity = 22,
                                                         .usage = 23,
                                                         .reads_completed = 24,
                                                         .reads_merged = 25,
                                                         .sectors_read = 26,
                                                         .read_time_ms = 27,
                                                         .writes_completed = 28,
                                                         .writes_merged = 39,
                                                         .sectors_written = 40,
                                                         .write_time_ms = 41,
                                                         .io_in_progress = 42,
                                                         .io_time_ms = 43,
                                                         .weighted_io_time_ms = 44 },
        { .device = "sda2",
                .inodes_free = 262144,
                .inodes = 2097152,
                .capacity = 37,
                .usage = 38,
                .reads_completed = 39,
                .reads_merged = 40,
                .sectors_read = 41,
                .read_time_ms = 42,
                .writes_completed = 43,
                .writes_merged = 44,
                .sectors_written = 45,
                .write_time_ms = 46,
                .io_in_progress = 47,
                .io_time_ms = 48,
                .weighted_io_time_ms = 49 } };
static struct perf_value perf[] = { { "instructions", 123, 1.0, 0, 0, NULL }, { "instructions", 456, 0.5, 1, 0, NULL },
        { "instructions_retired", 321, 0.66666666666, 0, 0, NULL },
        { "instructions_retired", 789, 0.33333333333, 1, 0, NULL } };
static struct perf_value uncore[] = { { "cas_count_read", 1231231512, 1.0, 0, 0, "uncore_imc_0" },
        { "cas_count_read", 1111231331, 1.0, 0, 1, "uncore_imc_0" } };
static uint64_t llc[] = { 162626, 213777 };
static struct container_pair app_labels[][2] = { { { "test_label", "1_1" }, { "test_label_2", "2_1" } },
        { { "test_label", "1_2" }, { "test_label_2", "2_2" } }, { { "test_label", "test_value" } } };
static struct app_metric apps[] = { { "container_custom_app_metric_1", "testlabel_1_1_1", app_labels[0], 2, true, 0,
                                            1.1, 0 },
        { "container_custom_app_metric_1", "testlabel_1_1_2", app_labels[1], 2, true, 0, 1.2, 0 },
        { "container_custom_app_metric_2", "testlabel2", app_labels[2], 1, true, 0, 2, 0 },
        { "container_custom_app_metric_3", "testlabel3", app_labels[2], 1, false, 3, 0, 0 } };
static const struct {
        const char *name;
        int64_t value;
} advanced[] = { { "activeopens", 11038621 }, { "attemptfails", 48997 }, { "currestab", 22 },
        { "delayedacklocked", 90 }, { "delayedacklost", 18843 }, { "delayedacks", 503975 }, { "estabresets", 37 },
        { "inerrs", 31 }, { "insegs", 140370590 }, { "maxconn", -1 }, { "outrsts", 91699 }, { "outsegs", 211580512 },
        { "passiveopens", 59 }, { "retranssegs", 462961 }, { "rtoalgorithm", 1 }, { "rtomax", 120000 },
        { "rtomin", 200 }, { "tcpabortonclose", 7 }, { "tcpabortondata", 8 }, { "tcpdsackignorednoundo", 71885 },
        { "tcpdsackoforecv", 10 }, { "tcpdsackofosent", 1 }, { "tcpdsackoldsent", 15633 }, { "tcpdsackrecv", 83680 },
        { "tcpdsackundo", 33 }, { "tcpfastretrans", 11794 }, { "tcpfullundo", 2361 }, { "tcphpacks", 21490641 },
        { "tcphphits", 56096478 }, { "tcplossfailures", 729 }, { "tcplossproberecovery", 401 },
        { "tcplossprobes", 88648 }, { "tcplossundo", 61374 }, { "tcporigdatasent", 130698387 }, { "tcppartialundo", 3 },
        { "tcppureacks", 24251339 }, { "tcprenofailures", 43414 }, { "tcprenorecovery", 3519 },
        { "tcprenorecoveryfail", 394 }, { "tcprenoreorder", 839 }, { "tcpsackfailures", 60 }, { "tcpsackmerged", 6 },
        { "tcpsackrecovery", 159 }, { "tcpsackrecoveryfail", 2 }, { "tcpsackreorder", 11 }, { "tcpsackshifted", 2 },
        { "tcpsackshiftfallback", 298 }, { "tcpslowstartretrans", 290832 }, { "tcpsynretrans", 988 },
        { "tcptimeouts", 27422 }, { "tcptsreorder", 3 }, { "tw", 10436427 } };

static struct machine_disk disks[] = { { "sdb", 8, 0, 0, "none" } };
static struct machine_filesystem machine_filesystems[] = { { .device = "sda1", .major = 8, .minor = 1 } };
static const struct machine devices = {
        .disks = disks, .disk_count = 1, .filesystems = machine_filesystems, .filesystem_count = 1
};

static struct pressure pressure_of(int64_t full_us, int64_t some_us)
{
        return (struct pressure){ .full.total_ns = full_us * 1000, .some.total_ns = some_us * 1000 };
}

static void cgroup_set(struct cgroup_stats *cgroup)
{
        cgroup->has_cpu = cgroup->has_memory = cgroup->has_io = true;
        cgroup->cpu = (struct cgroup_cpu){ .total_ns = 1,
                .user_ns = 6,
                .system_ns = 7,
                .per_cpu_ns = per_cpu,
                .per_cpu_count = 4,
                .periods = 723,
                .throttled_periods = 18,
                .throttled_ns = 1724314000,
                .burst_periods = 25,
                .burst_ns = 500000000 };
        cgroup->memory = (struct cgroup_memory){ .usage = 8,
                .max_usage = 8,
                .working_set = 9,
                .active_anon = 4,
                .inactive_anon = 3,
                .active_file = 7,
                .inactive_file = 6,
                .dirty = 19,
                .writeback = 20,
                .pgscan = 21,
                .pgsteal = 22,
                .refault_file = 23,
                .refault_anon = 24,
                .pgfault = 10,
                .pgmajfault = 11,
                .hierarchical_pgfault = 12,
                .hierarchical_pgmajfault = 13,
                .nodes = nodes,
                .node_count = 2,
                .hierarchical_nodes = hierarchical_nodes,
                .hierarchical_node_count = 2,
                .cache = 14,
                .rss = 15,
                .mapped_file = 16,
                .kernel = 17,
                .swap = 8192,
                .events_high = 42,
                .events_max = 5 };
        cgroup->io[CGROUP_IO_SERVICE_BYTES] = (struct cgroup_io_table){ service_bytes, 1 };
        cgroup->io[CGROUP_IO_COST_USAGE] = (struct cgroup_io_table){ cost_usage, 1 };
        cgroup->io[CGROUP_IO_COST_WAIT] = (struct cgroup_io_table){ cost_wait, 1 };
        cgroup->io[CGROUP_IO_COST_INDEBT] = (struct cgroup_io_table){ cost_indebt, 1 };
        cgroup->io[CGROUP_IO_COST_INDELAY] = (struct cgroup_io_table){ cost_indelay, 1 };
        cgroup->cpu_pressure = pressure_of(100, 200);
        cgroup->memory_pressure = pressure_of(1000, 2000);
        cgroup->io_pressure = pressure_of(1100, 2200);
        cgroup->huge = huge;
        cgroup->huge_count = 2;
        cgroup->memory_migrate = 1;
}

static void net_set(struct net_stats *net)
{
        net->interfaces = interfaces;
        net->interface_count = 1;
        net->tcp.states[NET_TCP_ESTABLISHED] = 13;
        net->tcp.states[NET_TCP_LISTEN] = 3;
        net->tcp6.states[NET_TCP_ESTABLISHED] = 11;
        net->tcp6.states[NET_TCP_LISTEN] = 3;
        for (size_t i = 0; i < sizeof(advanced) / sizeof(advanced[0]); i++) {
                bool found = false;
                for (size_t k = 0; net_advanced_names[k]; k++)
                        if (strcasecmp(net_advanced_names[k], advanced[i].name) == 0) {
                                net->advanced.values[k] = (uint64_t)advanced[i].value;
                                found = true;
                        }
                if (!found)
                        abort();
        }
}

static void stats_set(struct container_stats *stats)
{
        *stats = (struct container_stats){ .time_ns = GOLDEN_TIME,
                .load_average = 2,
                .load_d_average = 2,
                .load = { 50, 51, 52, 53, 54 },
                .health = "healthy",
                .has_net = true,
                .has_tasks = true,
                .has_filesystems = true,
                .filesystems = filesystems,
                .filesystem_count = 2,
                .perf = perf,
                .perf_count = 4,
                .perf_uncore = uncore,
                .perf_uncore_count = 2,
                .apps = apps,
                .app_count = 4 };
        cgroup_set(&stats->cgroup);
        net_set(&stats->net);
        stats->tasks = (struct task_stats){ .processes = 1,
                .files = 5,
                .sockets = 3,
                .threads = 5,
                .threads_max = 100,
                .ulimits = ulimits,
                .ulimit_count = 2,
                .schedstat_run_ns = 53643567,
                .schedstat_wait_ns = 479424566378,
                .schedstat_periods = 984285,
                .referenced_bytes = 1234 };
        static __typeof__(*stats->resctrl.bandwidth) bandwidth[] = { { 4512312, 2390393 }, { 2173713, 1231233 } };
        stats->resctrl.bandwidth = bandwidth;
        stats->resctrl.bandwidth_count = 2;
        stats->resctrl.llc_occupancy = llc;
        stats->resctrl.llc_count = 2;
}

static const char *const aliases[] = { "testcontaineralias" };
static const struct container_ref ref = { .name = "testcontainer", .aliases = aliases, .alias_count = 1 };
static struct container_pair labels[] = { { "foo.label", "bar" } }, envs[] = { { "foo+env", "prod" } };
static const struct container_pair zone[] = { { "zone.name", "hello" } };
static const struct container_spec spec = { .created_ns = 1257894000 * SECOND,
        .started_ns = 1257895000 * SECOND,
        .labels = labels,
        .label_count = 1,
        .envs = envs,
        .env_count = 1,
        .image = "test",
        .has_cpu = true,
        .limits = { .cpu_shares = 1000, .cpu_period_us = 100000, .cpu_quota_us = 10000 } };
static const struct metrics_options golden_options = {
        .kinds = ALL_KINDS, .store_labels = true, .env_labels = true, .timestamps = true
};
