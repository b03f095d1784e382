#include "modules/metrics/settings.h"

#include "base/cleanup.h"
#include "modules/metrics/collect/process_series.h"

#include <fcntl.h>

#define DISABLED_BY_DEFAULT                                                                                            \
        "advtcp,cpu_topology,cpuset,hugetlb,memory_numa,process,referenced_memory,resctrl,sched,tcp,udp"

#define C struct cadvisor_settings
#define N struct node_settings

static const struct field cadvisor_settings_fields[] = {
        FIELD_BOOL(
                C, allow_dynamic_housekeeping, .def = "true", .help = "look less often at containers that do nothing"),
        FIELD_DURATION(C, housekeeping_ns, .json = "housekeeping_interval", .def = "1s", .min = 100 * MILLISECOND,
                .max = HOUR, .help = "time between two samples of a container"),
        FIELD_DURATION(C, max_housekeeping_ns, .json = "max_housekeeping_interval", .def = "60s",
                .min = 100 * MILLISECOND, .max = HOUR, .help = "the longest time between two samples"),
        FIELD_DURATION(C, global_housekeeping_ns, .json = "global_housekeeping_interval", .def = "1m", .min = SECOND,
                .max = DAY, .help = "time between two looks for containers that no event told of"),
        FIELD_DURATION(C, machine_info_ns, .json = "update_machine_info_interval", .def = "5m", .min = SECOND,
                .max = 30 * DAY, .help = "time between two looks at the machine"),
        FIELD_DURATION(C, storage_ns, .json = "storage_duration", .def = "2m", .min = SECOND, .max = DAY,
                .help = "how long samples are kept in memory"),
        FIELD_DOUBLE(C, initial_splay_factor, .def = "1", .help = "spread of the first samples over the interval"),
        FIELD_DOUBLE(C, jitter_factor, .def = "1", .help = "spread of the later ones"),
        FIELD_STRING(C, disable_metrics, .def = DISABLED_BY_DEFAULT, .metavar = "METRIC,…",
                .help = "metrics that are not collected"),
        FIELD_STRING(C, enable_metrics, .metavar = "METRIC,…", .help = "only these metrics; overrides disable_metrics"),
        FIELD_BOOL(C, docker_only, .help = "only Docker's containers and the root"),
        FIELD_STRING(C, raw_cgroup_prefix_whitelist, .metavar = "PREFIX,…",
                .help = "these groups all the same with docker_only"),
        FIELD_STRING(C, env_metadata_whitelist, .metavar = "PREFIX,…",
                .help = "variables of a container's environment that are kept"),
        FIELD_BOOL(C, store_container_labels, .def = "true", .help = "labels of containers as labels of metrics"),
        FIELD_STRING(C, whitelisted_container_labels, .metavar = "LABEL,…",
                .help = "only these, without store_container_labels"),
        FIELD_BOOL(C, enable_load_reader, .help = "load averages and states of the tasks of containers"),
        FIELD_BOOL(C, disable_root_cgroup_stats, .help = "no samples of the root group"),
        FIELD_BOOL(C, log_cadvisor_usage, .help = "tell now and then what housekeeping costs"),
        FIELD_STRING(C, event_storage_age_limit, .def = "default=24h", .metavar = "KIND=AGE,…",
                .help = "how long events are kept"),
        FIELD_STRING(C, event_storage_event_limit, .def = "default=100000", .metavar = "KIND=COUNT,…",
                .help = "how many events are kept"),
        FIELD_STRING(C, boot_id_file, .def = "/proc/sys/kernel/random/boot_id", .metavar = "FILE,…",
                .help = "files to take the boot id from: the first that exists"),
        FIELD_STRING(C, machine_id_file, .def = "/etc/machine-id,/var/lib/dbus/machine-id", .metavar = "FILE,…",
                .help = "files to take the machine id from: the first that exists"),
        FIELD_PATH(C, docker_root, .def = "/var/lib/docker",
                .help = "where Docker keeps its state, if its configuration does not say"),
        FIELD_PATH(C, container_hints, .def = "/etc/cadvisor/container_hints.json", .metavar = "FILE",
                .help = "file systems of groups that no engine made, as JSON"),
        FIELD_UINT(C, application_metrics_count_limit, .def = "100", .max = 10000, .min = 0,
                .help = "taken for compatibility"),
        FIELD_STRING(C, prometheus_endpoint, .def = "/metrics", .help = "path of the metrics"),
        FIELD_STRING(C, url_base_prefix, .help = "prefix of all paths, for a reverse proxy"),
        FIELD_STRING(
                C, storage_driver, .metavar = "influxdb|statsd|stdout", .help = "where samples are pushed besides"),
        FIELD_STRING(C, storage_driver_host, .def = "localhost:8086", .metavar = "HOST:PORT",
                .help = "of the storage driver"),
        FIELD_STRING(C, storage_driver_db, .def = "cadvisor",
                .help = "database of the storage driver, prefix of statsd's names"),
        FIELD_STRING(C, storage_driver_table, .def = "stats", .help = "table of the storage driver"),
        FIELD_STRING(C, storage_driver_user, .def = "root", .help = "user of the storage driver"),
        FIELD_STRING(
                C, storage_driver_password, .def = "root", .secret = true, .help = "password of the storage driver"),
        FIELD_STRING(C, storage_driver_influxdb_retention_policy,
                .help = "retention policy of the database; default is the database's own"),
        FIELD_BOOL(C, storage_driver_secure, .help = "taken for compatibility: refused when set, there is no TLS here"),
        FIELD_DURATION(C, storage_driver_buffer_ns, .json = "storage_driver_buffer_duration", .def = "60s", .min = 0,
                .max = HOUR, .help = "how long samples gather before they are pushed"),
        FIELD_DOUBLE(C, cpu_budget, .def = "0.05", .help = "share of one CPU that sampling may take; 0 is no limit"),
        FIELD_SIZE(C, memory_limit, .def = "16m", .min = 1 << 20, .max = 1 << 30,
                .help = "memory for all samples together"),
        FIELD_BOOL(C, timestamps, .def = "true", .help = "times of the samples in the metrics, as cAdvisor has them"),
        FIELD_BOOL(C, env_labels, .def = "true", .help = "variables of the environment as labels of metrics"),
        FIELD_BOOL(C, unit_labels, .help = "label `unit`: the systemd unit of a container"),
        FIELD_BOOL(C, memory_events,
                .help = "metrics of all that control groups v2 count in memory.events and "
                        "memory.swap.events, as proposed to cAdvisor"),
        FIELD_UINT(C, process_series, .max = PROCESS_SERIES_SHOWN_MAX, .metavar = "COUNT",
                .help = "metrics of the programs of each container: those that use most CPU, at most so many"),
        FIELD_BOOL(C, process_pids, .help = "with process_series: each process by itself, with a label `pid`"),
};

const struct record cadvisor_settings_record = { .fields = cadvisor_settings_fields,
        .count = sizeof(cadvisor_settings_fields) / sizeof(cadvisor_settings_fields[0]),
        .size = sizeof(struct cadvisor_settings),
        .name = "cadvisor_settings" };

#define COLLECTOR(name_)                                                                                               \
        FIELD_BOOL(N, collectors.name_, .json = #name_, .option = "collector." #name_, .has = HAS(N, told.name_),      \
                .help = "the collector " #name_ ", on by default"),

static const struct field node_settings_fields[] = {
        NODE_COLLECTORS(COLLECTOR) FIELD_BOOL(N, disable_defaults, .option = "collector.disable-defaults",
                .help = "only the collectors that are asked for"),
        FIELD_PATH(N, textfile_directory, .option = "collector.textfile.directory", .metavar = "DIR",
                .help = "files *.prom with further metrics"),
        FIELD_REGEX(N, filesystem_mount_exclude, .option = "collector.filesystem.mount-points-exclude",
                .help = "mount points to leave out"),
        FIELD_REGEX(N, filesystem_type_exclude, .option = "collector.filesystem.fs-types-exclude",
                .help = "types of file systems to leave out"),
        FIELD_REGEX(N, filesystem_mount_include, .option = "collector.filesystem.mount-points-include",
                .help = "only these mount points"),
        FIELD_REGEX(N, filesystem_type_include, .option = "collector.filesystem.fs-types-include",
                .help = "only these types of file systems"),
        FIELD_DURATION(N, mount_timeout_ns, .option = "collector.filesystem.mount-timeout", .def = "5s",
                .min = 100 * MILLISECOND, .max = HOUR, .help = "how long a network file system may be silent"),
        FIELD_REGEX(N, arp_include, .option = "collector.arp.device-include", .help = "only these network devices"),
        FIELD_REGEX(N, arp_exclude, .option = "collector.arp.device-exclude", .help = "not these network devices"),
        FIELD_REGEX(
                N, netdev_include, .option = "collector.netdev.device-include", .help = "only these network devices"),
        FIELD_REGEX(
                N, netdev_exclude, .option = "collector.netdev.device-exclude", .help = "not these network devices"),
        FIELD_BOOL(N, netdev_address_info, .option = "collector.netdev.address-info",
                .help = "addresses of network devices"),
        FIELD_REGEX(N, netclass_ignore, .option = "collector.netclass.ignored-devices",
                .help = "not these network devices"),
        FIELD_BOOL(N, netdev_netlink, .option = "collector.netdev.netlink", .def = "true",
                .help = "counters of network devices by netlink, else from net/dev"),
        FIELD_BOOL(N, netclass_ignore_speed, .option = "collector.netclass.ignore-invalid-speed",
                .help = "no speed where it is not known"),
        FIELD_REGEX(N, disk_include, .option = "collector.diskstats.device-include", .help = "only these disks"),
        FIELD_REGEX(N, disk_exclude, .option = "collector.diskstats.device-exclude", .help = "not these disks"),
        FIELD_REGEX(N, netstat_fields, .option = "collector.netstat.fields", .help = "which counters of netstat"),
        FIELD_REGEX(N, vmstat_fields, .option = "collector.vmstat.fields", .help = "which counters of vmstat"),
        FIELD_REGEX(N, hwmon_include, .option = "collector.hwmon.chip-include", .help = "only these sensors"),
        FIELD_REGEX(N, hwmon_exclude, .option = "collector.hwmon.chip-exclude", .help = "not these sensors"),
        FIELD_REGEX(
                N, hwmon_sensor_include, .option = "collector.hwmon.sensor-include", .help = "only these CHIP;SENSOR"),
        FIELD_REGEX(
                N, hwmon_sensor_exclude, .option = "collector.hwmon.sensor-exclude", .help = "not these CHIP;SENSOR"),
        FIELD_REGEX(N, cpu_flags_include, .option = "collector.cpu.info.flags-include",
                .help = "node_cpu_flag_info of these flags"),
        FIELD_REGEX(N, cpu_bugs_include, .option = "collector.cpu.info.bugs-include",
                .help = "node_cpu_bug_info of these bugs"),
        FIELD_BOOL(N, stat_softirq, .option = "collector.stat.softirq", .help = "node_softirqs_total"),
        FIELD_PATH(
                N, udev_path, .option = "path.udev.data", .def = "/run/udev/data", .help = "where udev keeps its data"),
        FIELD_BOOL(N, cpu_info, .option = "collector.cpu.info", .help = "node_cpu_info"),
        FIELD_BOOL(
                N, cpu_guest, .option = "collector.cpu.guest", .def = "true", .help = "node_cpu_guest_seconds_total"),
        FIELD_BOOL(N, disable_exporter_metrics, .option = "web.disable-exporter-metrics",
                .help = "no metrics of the exporter itself"),
        FIELD_STRING(
                N, telemetry_path, .option = "web.telemetry-path", .def = "/metrics", .help = "path of the metrics"),
};

const struct record node_settings_record = { .fields = node_settings_fields,
        .count = sizeof(node_settings_fields) / sizeof(node_settings_fields[0]),
        .size = sizeof(struct node_settings),
        .name = "node_settings" };

/* ---- lists of words ---- */

static int kinds_of(const char *text, const char *flag, uint32_t *ret, struct error *err)
{
        uint32_t kinds = 0;
        struct sv part;
        for (struct sv rest = sv_of(text); rest.n && sv_split(&rest, ',', &part);) {
                size_t kind = 0;
                part = sv_trim(part);
                while (kind < METRIC_KINDS && !sv_eq(part, sv_of(metric_kind_names[kind])))
                        kind++;
                if (part.n && kind == METRIC_KINDS)
                        return fail(err, E_INVALID, "%s: unsupported metric \"%.*s\"", flag,
                                SV_ARG(sv_n(part.p, part.n < 40 ? part.n : 40)));
                if (part.n)
                        kinds |= 1U << kind;
        }
        *ret = kinds;
        return 0;
}

static const char *const *words_of(const char *text, struct arena *arena)
{
        size_t count = 0, at = 0;
        struct sv part;
        if (!text || !*text)
                return NULL;
        for (const char *c = text; *c; c++)
                count += *c == ',';
        const char **words = arena_array(arena, count + 2, sizeof(*words));
        for (struct sv rest = sv_of(text); words && sv_split(&rest, ',', &part);) {
                part = sv_trim(part);
                if (part.n)
                        words[at++] = arena_strndup(arena, part.p, part.n);
        }
        return words;
}

/* "default=24h,oom=1h": calls set() for every kind a part names. */
static int read_limits(const char *text, const char *flag, int (*set)(struct sv value, void *slot, struct error *err),
        void *slots, size_t size, struct error *err)
{
        struct sv part;
        for (int pass = 0; pass < 2; pass++) /* the default first, wherever it stands */
                for (struct sv rest = sv_of(text); rest.n && sv_split(&rest, ',', &part);) {
                        size_t equals = sv_find(part, '=');
                        struct sv name = sv_trim(sv_n(part.p, equals));
                        if (equals == part.n)
                                return fail(err, E_INVALID, "%s: \"%.*s\" is not KIND=VALUE", flag, SV_ARG(part));
                        struct sv value = sv_trim(sv_n(part.p + equals + 1, part.n - equals - 1));
                        bool is_default = sv_eq(name, SV("default")), known = is_default;
                        for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
                                bool meant = sv_eq(name, sv_of(event_kind_names[kind])) ||
                                             (kind == EVENT_CREATION && sv_eq(name, SV("creation"))) ||
                                             (kind == EVENT_DELETION && sv_eq(name, SV("deletion")));
                                known |= meant;
                                if ((pass == 0 ? is_default : meant) &&
                                        set(value, (char *)slots + kind * size, err) < 0)
                                        return error_prefix(err, "%s: %.*s", flag, SV_ARG(name));
                        }
                        if (!known)
                                return fail(
                                        err, E_INVALID, "%s: there is no kind of event \"%.*s\"", flag, SV_ARG(name));
                }
        return 0;
}

static int set_age(struct sv value, void *slot, struct error *err)
{
        int64_t age_ns;
        if (!duration_parse(value, &age_ns) || age_ns < 0)
                return fail(err, E_INVALID, "\"%.*s\" is no duration", SV_ARG(value));
        memcpy(slot, &age_ns, sizeof(age_ns));
        return 0;
}

static int set_count(struct sv value, void *slot, struct error *err)
{
        uint64_t count;
        if (!sv_parse_u64(value, 10, &count))
                return fail(err, E_INVALID, "\"%.*s\" is no number", SV_ARG(value));
        memcpy(slot, &count, sizeof(count));
        return 0;
}

/* ---- options ---- */

static int fill_texts(const struct cadvisor_settings *cadvisor, struct metrics_options *ret, struct error *err)
{
        uint32_t kinds = 0;
        if (cadvisor->enable_metrics && *cadvisor->enable_metrics) {
                if (kinds_of(cadvisor->enable_metrics, "enable_metrics", &kinds, err) < 0)
                        return -1;
                ret->kinds = kinds;
        } else {
                if (kinds_of(cadvisor->disable_metrics, "disable_metrics", &kinds, err) < 0)
                        return -1;
                ret->kinds = ((1U << METRIC_KINDS) - 1) & ~kinds;
        }
        if (read_limits(cadvisor->event_storage_age_limit, "event_storage_age_limit", set_age, ret->event_age_ns,
                    sizeof(int64_t), err) < 0)
                return -1;
        return read_limits(cadvisor->event_storage_event_limit, "event_storage_event_limit", set_count,
                ret->event_count, sizeof(uint64_t), err);
}

int metrics_settings_check(const struct metrics_settings *settings, struct error *err)
{
        struct metrics_options options = { 0 };
        const struct cadvisor_settings *cadvisor = &settings->cadvisor;
        if (fill_texts(cadvisor, &options, err) < 0)
                return -1;
        if (cadvisor->max_housekeeping_ns < cadvisor->housekeeping_ns)
                return fail(err, E_INVALID, "max_housekeeping_interval: shorter than housekeeping_interval");
        if (cadvisor->prometheus_endpoint && cadvisor->prometheus_endpoint[0] != '/')
                return fail(err, E_INVALID, "prometheus_endpoint: a path begins with /");
        if (cadvisor->process_pids && !cadvisor->process_series)
                return fail(err, E_INVALID, "process_pids: of which processes? process_series says how many");
        if (cadvisor->storage_driver_secure)
                return fail(err, E_UNSUPPORTED, "storage_driver_secure: there is no TLS here");
        struct sv part;
        for (struct sv rest = sv_of(cadvisor->storage_driver); rest.n && sv_split(&rest, ',', &part);)
                if (!sv_eq(part, SV("influxdb")) && !sv_eq(part, SV("statsd")) && !sv_eq(part, SV("stdout")))
                        return fail(err, E_UNSUPPORTED, "storage_driver: \"%.*s\" is none of influxdb, statsd, stdout",
                                SV_ARG(part));
        return 0;
}

static uint64_t collectors_on(const struct node_settings *node)
{
        uint64_t bits = 0;
        for (size_t i = 0; node_collectors[i].name; i++) {
                bool on = false;
#define X(name_)                                                                                                       \
        on |= strcmp(node_collectors[i].name, #name_) == 0 &&                                                          \
              (node->told.name_ ? node->collectors.name_ : !node->disable_defaults);
                NODE_COLLECTORS(X)
#undef X
                bits |= (uint64_t)on << i;
        }
        return bits;
}

static int open_directory(const char *path, struct error *err)
{
        int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? fail_errno(err, "%s", path) : fd;
}

int metrics_options_make(const struct metrics_settings *settings, struct arena *arena, struct metrics_options *ret,
        struct node_options *ret_node, struct error *err)
{
        const struct cadvisor_settings *cadvisor = &settings->cadvisor;
        const struct node_settings *node = &settings->node;
        struct metrics_options options = { .root = -1,
                .proc = -1,
                .sys = -1,
                .interval_ns = cadvisor->housekeeping_ns,
                .max_interval_ns = cadvisor->max_housekeeping_ns,
                .global_interval_ns = cadvisor->global_housekeeping_ns,
                .machine_interval_ns = cadvisor->machine_info_ns,
                .storage_ns = cadvisor->storage_ns,
                .dynamic = cadvisor->allow_dynamic_housekeeping,
                .splay = cadvisor->initial_splay_factor < 0 ? 1 : cadvisor->initial_splay_factor,
                .jitter = cadvisor->jitter_factor < 0 ? 1 : cadvisor->jitter_factor,
                .cpu_budget = cadvisor->cpu_budget,
                .memory_limit = cadvisor->memory_limit,
                .load_reader = cadvisor->enable_load_reader,
                .no_root_stats = cadvisor->disable_root_cgroup_stats,
                .docker_only = cadvisor->docker_only,
                .raw_prefixes = words_of(cadvisor->raw_cgroup_prefix_whitelist, arena),
                .env_prefixes = words_of(cadvisor->env_metadata_whitelist, arena),
                .store_labels = cadvisor->store_container_labels,
                .label_names = words_of(cadvisor->whitelisted_container_labels, arena),
                .timestamps = cadvisor->timestamps,
                .env_labels = cadvisor->env_labels,
                .unit_labels = cadvisor->unit_labels,
                .memory_events = cadvisor->memory_events,
                .process_series = cadvisor->process_series,
                .process_pids = cadvisor->process_pids,
                .url_prefix = cadvisor->url_base_prefix ? cadvisor->url_base_prefix : "",
                .prometheus_endpoint = cadvisor->prometheus_endpoint,
                .machine_id_files = cadvisor->machine_id_file,
                .boot_id_files = cadvisor->boot_id_file,
                .docker_root = cadvisor->docker_root,
                .container_hints = cadvisor->container_hints };
        if (fill_texts(cadvisor, &options, err) < 0)
                return -1;
        options.root = open_directory(settings->rootfs, err);
        options.proc = options.root < 0 ? -1 : open_directory(settings->procfs, err);
        options.sys = options.proc < 0 ? -1 : open_directory(settings->sysfs, err);
        if (options.sys < 0) {
                metrics_options_close(&options);
                return -1;
        }
        *ret_node = (struct node_options){ .root = options.root,
                .proc = options.proc,
                .sys = options.sys,
                .root_path = settings->rootfs,
                .textfile_directory = node->textfile_directory,
                .filesystem_mount_exclude = node->filesystem_mount_exclude,
                .filesystem_type_exclude = node->filesystem_type_exclude,
                .netdev_include = node->netdev_include,
                .netdev_exclude = node->netdev_exclude,
                .netclass_ignore = node->netclass_ignore,
                .disk_include = node->disk_include,
                .disk_exclude = node->disk_exclude,
                .netstat_fields = node->netstat_fields,
                .vmstat_fields = node->vmstat_fields,
                .hwmon_include = node->hwmon_include,
                .hwmon_exclude = node->hwmon_exclude,
                .cpu_info = node->cpu_info,
                .cpu_guest = node->cpu_guest,
                .netdev_address_info = node->netdev_address_info,
                .udev_path = node->udev_path,
                .filesystem_mount_include = node->filesystem_mount_include,
                .filesystem_type_include = node->filesystem_type_include,
                .mount_timeout_ns = node->mount_timeout_ns,
                .arp_include = node->arp_include,
                .arp_exclude = node->arp_exclude,
                .hwmon_sensor_include = node->hwmon_sensor_include,
                .hwmon_sensor_exclude = node->hwmon_sensor_exclude,
                .cpu_flags_include = node->cpu_flags_include,
                .cpu_bugs_include = node->cpu_bugs_include,
                .netdev_no_netlink = !node->netdev_netlink,
                .netclass_ignore_speed = node->netclass_ignore_speed,
                .stat_softirq = node->stat_softirq,
                .version = TARSIER_VERSION,
                .disabled = ~collectors_on(node) };
        *ret = options;
        return 0;
}

void metrics_options_close(struct metrics_options *options)
{
        int *fds[] = { &options->root, &options->proc, &options->sys };
        for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
                if (*fds[i] >= 0)
                        close(*fds[i]);
                *fds[i] = -1;
        }
}
