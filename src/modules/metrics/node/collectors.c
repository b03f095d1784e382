/* The table of collectors, one scrape, and what a scrape's query may choose. */
#include "modules/metrics/node/mount_probe.h"
#include "modules/metrics/node/node_internal.h"

#include "base/timefmt.h"
#include "lib/http/http.h"

#include <fcntl.h>

const struct node_collector node_collectors[] = {
        { "arp", true, node_collect_arp },
        { "conntrack", true, node_collect_conntrack },
        { "cpu", true, node_collect_cpu },
        { "diskstats", true, node_collect_diskstats },
        { "entropy", true, node_collect_entropy },
        { "filefd", true, node_collect_filefd },
        { "filesystem", true, node_collect_filesystem },
        { "hwmon", true, node_collect_hwmon },
        { "loadavg", true, node_collect_loadavg },
        { "meminfo", true, node_collect_meminfo },
        { "netclass", true, node_collect_netclass },
        { "netdev", true, node_collect_netdev },
        { "netstat", true, node_collect_netstat },
        { "os", true, node_collect_os },
        { "pressure", true, node_collect_pressure },
        { "schedstat", true, node_collect_schedstat },
        { "sockstat", true, node_collect_sockstat },
        { "softnet", true, node_collect_softnet },
        { "stat", true, node_collect_stat },
        { "textfile", true, node_collect_textfile },
        { "thermal_zone", true, node_collect_thermal_zone },
        { "time", true, node_collect_time },
        { "timex", true, node_collect_timex },
        { "udp_queues", true, node_collect_udp_queues },
        { "uname", true, node_collect_uname },
        { "vmstat", true, node_collect_vmstat },
        { NULL, false, NULL },
};

enum { COLLECTORS = sizeof(node_collectors) / sizeof(*node_collectors) - 1 };
_Static_assert((int)COLLECTORS <= (int)NODE_COLLECTORS_MAX, "a bit each");

/* The defaults of node_exporter 1.11 on Linux. */
#define DISK_EXCLUDE "^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$"
#define MOUNT_EXCLUDE "^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
#define TYPE_EXCLUDE                                                                                                   \
        "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|"    \
        "overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|erofs|sysfs|tracefs)$"
#define NETSTAT_FIELDS                                                                                                 \
        "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"                 \
        "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|"                            \
        "Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"                                 \
        "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
#define VMSTAT_FIELDS "^(oom_kill|pgpg|pswp|pg.*fault).*"

int node_collector_find(const char *name)
{
        for (int i = 0; i < COLLECTORS; i++)
                if (strcmp(node_collectors[i].name, name) == 0)
                        return i;
        return -1;
}

/* given NULL: fallback; either NULL or empty: none, as an empty flag of node_exporter is. */
static int pattern_new(struct regex **ret, const char *flag, const char *given, const char *fallback, struct error *err)
{
        const char *pattern = given ? given : fallback;
        if (!pattern || !*pattern)
                return 0;
        *ret = regex_new(sv_of(pattern), 0, err);
        return *ret ? 0 : error_prefix(err, "--collector.%s", flag);
}

static int patterns_new(struct node *node, struct error *err)
{
        const struct node_options *options = &node->options;
        const struct {
                struct regex **into;
                const char *flag, *given, *fallback;
        } rows[] = {
                { &node->disks.exclude, "diskstats.device-exclude", options->disk_exclude,
                        options->disk_include ? NULL : DISK_EXCLUDE },
                { &node->disks.include, "diskstats.device-include", options->disk_include, NULL },
                { &node->netdevs.exclude, "netdev.device-exclude", options->netdev_exclude, NULL },
                { &node->netdevs.include, "netdev.device-include", options->netdev_include, NULL },
                { &node->netclass.exclude, "netclass.ignored-devices", options->netclass_ignore, NULL },
                { &node->arp.exclude, "arp.device-exclude", options->arp_exclude, NULL },
                { &node->arp.include, "arp.device-include", options->arp_include, NULL },
                { &node->mounts.exclude, "filesystem.mount-points-exclude", options->filesystem_mount_exclude,
                        options->filesystem_mount_include ? NULL : MOUNT_EXCLUDE },
                { &node->mounts.include, "filesystem.mount-points-include", options->filesystem_mount_include, NULL },
                { &node->types.exclude, "filesystem.fs-types-exclude", options->filesystem_type_exclude,
                        options->filesystem_type_include ? NULL : TYPE_EXCLUDE },
                { &node->types.include, "filesystem.fs-types-include", options->filesystem_type_include, NULL },
                { &node->chips.exclude, "hwmon.chip-exclude", options->hwmon_exclude, NULL },
                { &node->chips.include, "hwmon.chip-include", options->hwmon_include, NULL },
                { &node->sensors.exclude, "hwmon.sensor-exclude", options->hwmon_sensor_exclude, NULL },
                { &node->sensors.include, "hwmon.sensor-include", options->hwmon_sensor_include, NULL },
                { &node->netstat_fields, "netstat.fields", options->netstat_fields, NETSTAT_FIELDS },
                { &node->vmstat_fields, "vmstat.fields", options->vmstat_fields, VMSTAT_FIELDS },
                { &node->cpu_flags, "cpu.info.flags-include", options->cpu_flags_include, NULL },
                { &node->cpu_bugs, "cpu.info.bugs-include", options->cpu_bugs_include, NULL },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (pattern_new(rows[i].into, rows[i].flag, rows[i].given, rows[i].fallback, err) < 0)
                        return -1;
        return 0;
}

struct node *node_new(const struct node_options *options, struct error *err)
{
        struct node *node = calloc(1, sizeof(*node));
        if (!node)
                return fail_null(err, E_NO_MEMORY, "no memory for the collectors");
        node->options = *options;
        node->options.cpu_info |= options->cpu_flags_include || options->cpu_bugs_include;
        buf_init(&node->text, NODE_FILE_MAX);
        arena_init(&node->arena, NODE_ARENA_MAX);
        map_init(&node->netstat_choices, NODE_CHOICES_MAX);
        map_init(&node->vmstat_choices, NODE_CHOICES_MAX);
        map_init(&node->label_names, NODE_LABEL_NAMES_MAX);
        node->udev = open(options->udev_path ? options->udev_path : "/run/udev/data",
                O_PATH | O_DIRECTORY | O_CLOEXEC); /* absent in containers: no properties then */
        if (patterns_new(node, err) < 0) {
                node_free(node);
                return NULL;
        }
        return node;
}

void node_free(struct node *node)
{
        if (!node)
                return;
        struct regex *patterns[] = { node->disks.include, node->disks.exclude, node->netdevs.include,
                node->netdevs.exclude, node->netclass.exclude, node->mounts.include, node->mounts.exclude,
                node->types.include, node->types.exclude, node->arp.include, node->arp.exclude, node->chips.include,
                node->chips.exclude, node->sensors.include, node->sensors.exclude, node->netstat_fields,
                node->vmstat_fields, node->cpu_flags, node->cpu_bugs };
        for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++)
                regex_free(patterns[i]);
        mount_probe_free(node->probe);
        fd_close(&node->udev);
        buf_done(&node->text);
        arena_done(&node->arena);
        map_done(&node->netstat_choices);
        map_done(&node->vmstat_choices);
        map_foreach (entry, &node->label_names)
                free(entry->value);
        map_done(&node->label_names);
        free(node->cpus);
        free(node);
}

const struct error *node_failure(const struct node *node, int collector)
{
        return node->failures[collector].code == E_NONE ? NULL : &node->failures[collector];
}

uint64_t node_refused(const struct node *node)
{
        return node->refused;
}

static bool is_enabled(const struct node *node, int index)
{
        uint64_t bit = UINT64_C(1) << index;
        if (node->options.disabled & bit)
                return false;
        if (node->options.enabled & bit)
                return true;
        return node_collectors[index].on && !node->options.disable_defaults;
}

/* False when it is malformed or too long for ret. */
static bool query_unescape(struct sv text, char *ret, size_t size)
{
        return text.n < size && http_unescape(text, true, ret);
}

struct choice {
        uint64_t collect, exclude; /* bits */
        bool has_collect, has_exclude;
};

/* The texts are node_exporter's (node_exporter.go, collector/collector.go). */
static int choose(const struct node *node, const char *name, struct choice *choice, struct error *err)
{
        int index = node_collector_find(name);
        if (index < 0)
                return fail(err, E_INVALID,
                        "Couldn't create filtered metrics handler: couldn't create collector: missing collector: %s",
                        name);
        if (!is_enabled(node, index))
                return fail(err, E_INVALID,
                        "Couldn't create filtered metrics handler: couldn't create collector: disabled collector: %s",
                        name);
        choice->collect |= UINT64_C(1) << index;
        return 0;
}

static int query_parse(const struct node *node, const char *query, struct choice *ret, struct error *err)
{
        enum { NAME_MAX_ = 256, PAIRS_MAX = 1024 };
        struct choice choice = { 0 };
        struct sv rest = sv_of(query);
        struct sv pair;
        /* both refused before any name is looked at, as there: so two rounds */
        for (int round = 0; round < 2; round++, rest = sv_of(query)) {
                for (int count = 0; count < PAIRS_MAX && sv_split(&rest, '&', &pair); count++) {
                        char key[NAME_MAX_];
                        char name[NAME_MAX_];
                        size_t equals = sv_find(pair, '=');
                        struct sv value = equals < pair.n ? sv_n(pair.p + equals + 1, pair.n - equals - 1) : SV("");
                        if (!query_unescape(sv_n(pair.p, equals), key, sizeof(key)) ||
                                !query_unescape(value, name, sizeof(name)))
                                continue;
                        bool collect = strcmp(key, "collect[]") == 0;
                        choice.has_collect |= collect;
                        choice.has_exclude |= strcmp(key, "exclude[]") == 0;
                        if (round == 0)
                                continue;
                        if (collect && choose(node, name, &choice, err) < 0)
                                return -1;
                        int excluded = collect ? -1 : node_collector_find(name); /* unknown ones are not refused */
                        if (excluded >= 0 && strcmp(key, "exclude[]") == 0)
                                choice.exclude |= UINT64_C(1) << excluded;
                }
                if (choice.has_collect && choice.has_exclude)
                        return fail(err, E_INVALID, "Combined collect and exclude queries are not allowed.");
        }
        *ret = choice;
        return 0;
}

static void build_info(const struct node *node, struct exposition *out)
{
#if defined(__x86_64__)
        const char *architecture = "amd64";
#elif defined(__aarch64__)
        const char *architecture = "arm64";
#else
        const char *architecture = "";
#endif
        const struct exposition_label labels[] = {
                { "branch", "" },
                { "goarch", architecture },
                { "goos", "linux" },
                { "goversion", "" },
                { "revision", "" },
                { "tags", "" },
                { "version", node->options.version },
        };
        exposition_add(
                node_gauge(out, "node_exporter_build_info",
                        "A metric with a constant '1' value labeled by version, revision, branch, goversion from "
                        "which node_exporter was built, and the goos and goarch for the build."),
                labels, sizeof(labels) / sizeof(*labels), 1, EXPOSITION_NO_TIME);
}

int node_expose(struct node *node, const char *query, struct exposition *out, struct error *err)
{
        struct choice choice;
        if (query_parse(node, query ? query : "", &choice, err) < 0)
                return -1;
        struct exposition_family *durations = node_gauge(
                out, "node_scrape_collector_duration_seconds", "node_exporter: Duration of a collector scrape.");
        struct exposition_family *successes =
                node_gauge(out, "node_scrape_collector_success", "node_exporter: Whether a collector succeeded.");
        node->scrape++;
        for (int i = 0; i < COLLECTORS; i++) {
                uint64_t bit = UINT64_C(1) << i;
                if (!is_enabled(node, i) || (choice.exclude & bit) || (choice.has_collect && !(choice.collect & bit)))
                        continue;
                int64_t start = time_monotonic_ns();
                error_clear(&node->failures[i]);
                int result = node_collectors[i].collect(node, out, &node->failures[i]);
                arena_done(&node->arena);
                node_add(durations, "collector", node_collectors[i].name,
                        (double)(time_monotonic_ns() - start) / (double)SECOND);
                node_add(successes, "collector", node_collectors[i].name, result == 0);
        }
        if (node->text.capacity > NODE_KEEP_MAX) {
                buf_done(&node->text);
                buf_init(&node->text, NODE_FILE_MAX);
        }
        build_info(node, out);
        return 0;
}
