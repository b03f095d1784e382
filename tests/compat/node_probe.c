/* For tests/compat/test_node_*.py: scrapes with flags of node_exporter, on standard output.
 * node_probe [--FLAG=VALUE …] [--query=collect[]=cpu] [--rounds=N]: N scrapes, the last one is printed; with --cpu the
 * CPU time of a scrape in microseconds on standard error. A line on standard input asks for one more with --ask. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/metrics/node/collector.h"

#include <fcntl.h>

enum { MEMORY = 256 << 20, DIRECTORIES_MAX = 16 };

struct probe {
        struct node_options options;
        const char *query;
        const char *directories[DIRECTORIES_MAX + 1];
        size_t directory_count;
        long rounds;
        bool cpu, ask, failures;
        enum exposition_format format;
};

static const struct {
        const char *flag;
        size_t offset;
} texts[] = {
        { "--path.udev.data", offsetof(struct node_options, udev_path) },
        { "--collector.filesystem.mount-points-exclude", offsetof(struct node_options, filesystem_mount_exclude) },
        { "--collector.filesystem.fs-types-exclude", offsetof(struct node_options, filesystem_type_exclude) },
        { "--collector.netdev.device-include", offsetof(struct node_options, netdev_include) },
        { "--collector.netdev.device-exclude", offsetof(struct node_options, netdev_exclude) },
        { "--collector.netclass.ignored-devices", offsetof(struct node_options, netclass_ignore) },
        { "--collector.diskstats.device-exclude", offsetof(struct node_options, disk_exclude) },
        { "--collector.diskstats.device-include", offsetof(struct node_options, disk_include) },
        { "--collector.netstat.fields", offsetof(struct node_options, netstat_fields) },
        { "--collector.vmstat.fields", offsetof(struct node_options, vmstat_fields) },
        { "--collector.arp.device-exclude", offsetof(struct node_options, arp_exclude) },
        { "--collector.hwmon.chip-include", offsetof(struct node_options, hwmon_include) },
        { "--collector.hwmon.sensor-exclude", offsetof(struct node_options, hwmon_sensor_exclude) },
        { "--collector.cpu.info.flags-include", offsetof(struct node_options, cpu_flags_include) },
        { "--collector.cpu.info.bugs-include", offsetof(struct node_options, cpu_bugs_include) },
};

static const struct {
        const char *flag;
        size_t offset;
} switches[] = {
        { "--collector.cpu.info", offsetof(struct node_options, cpu_info) },
        { "--collector.netclass.ignore-invalid-speed", offsetof(struct node_options, netclass_ignore_speed) },
        { "--collector.stat.softirq", offsetof(struct node_options, stat_softirq) },
        { "--collector.netdev.address-info", offsetof(struct node_options, netdev_address_info) },
        { "--no-collector.netdev.netlink", offsetof(struct node_options, netdev_no_netlink) },
        { "--collector.disable-defaults", offsetof(struct node_options, disable_defaults) },
};

static int open_directory(const char *path)
{
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                perror(path);
                exit(2);
        }
        return fd;
}

/* "--collector.cpu" and "--no-collector.cpu". */
static bool take_collector(struct probe *probe, const char *argument)
{
        bool off = strncmp(argument, "--no-collector.", 15) == 0;
        int index = -1;
        if (off || strncmp(argument, "--collector.", 12) == 0)
                index = node_collector_find(argument + (off ? 15 : 12));
        if (index >= 0)
                *(off ? &probe->options.disabled : &probe->options.enabled) |= UINT64_C(1) << index;
        return index >= 0;
}

static bool take_value(struct probe *probe, const char *flag, size_t length, const char *value)
{
        struct node_options *options = &probe->options;
        int *directory = NULL;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
                if (strlen(texts[i].flag) == length && strncmp(flag, texts[i].flag, length) == 0) {
                        memcpy((char *)options + texts[i].offset, &value, sizeof(value));
                        return true;
                }
        if (strncmp(flag, "--path.rootfs", length) == 0) {
                directory = &options->root;
                options->root_path = value;
        } else if (strncmp(flag, "--path.procfs", length) == 0) {
                directory = &options->proc;
        } else if (strncmp(flag, "--path.sysfs", length) == 0) {
                directory = &options->sys;
        } else if (strncmp(flag, "--collector.textfile.directory", length) == 0) {
                if (probe->directory_count < DIRECTORIES_MAX)
                        probe->directories[probe->directory_count++] = value;
        } else if (strncmp(flag, "--query", length) == 0) {
                probe->query = value;
        } else if (strncmp(flag, "--rounds", length) == 0) {
                probe->rounds = strtol(value, NULL, 10);
        } else {
                return false;
        }
        if (directory)
                *directory = open_directory(value);
        return true;
}

static bool take_argument(struct probe *probe, const char *argument)
{
        const char *equals = strchr(argument, '=');
        if (equals)
                return take_value(probe, argument, (size_t)(equals - argument), equals + 1);
        for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++)
                if (strcmp(switches[i].flag, argument) == 0) {
                        *((char *)&probe->options + switches[i].offset) = true;
                        return true;
                }
        if (strcmp(argument, "--cpu") == 0) {
                probe->cpu = true;
                return true;
        }
        if (strcmp(argument, "--ask") == 0) {
                probe->ask = true;
                return true;
        }
        if (strcmp(argument, "--failures") == 0) {
                probe->failures = true;
                return true;
        }
        if (strcmp(argument, "--openmetrics") == 0) {
                probe->format = EXPOSITION_OPENMETRICS;
                return true;
        }
        return take_collector(probe, argument);
}

static int scrape(const struct probe *probe, struct node *node, struct buf *text, struct error *err)
{
        struct exposition *out = exposition_new(MEMORY, err);
        if (!out)
                return -1;
        int result = node_expose(node, probe->query, out, err);
        buf_clear(text);
        if (result == 0)
                result = exposition_write(out, probe->format, text, err);
        exposition_free(out);
        return result;
}

static int run(const struct probe *probe, struct node *node, struct buf *text, struct error *err)
{
        char line[16];
        int64_t start = time_cpu_ns();
        for (long i = 0; i < probe->rounds; i++)
                if (scrape(probe, node, text, err) < 0)
                        return -1;
        if (probe->cpu)
                fprintf(stderr, "%lld\n",
                        (long long)((time_cpu_ns() - start) / (probe->rounds ? probe->rounds : 1) / MICROSECOND));
        fwrite(buf_text(text), 1, text->len, stdout);
        fflush(stdout);
        while (probe->ask && fgets(line, sizeof(line), stdin)) {
                if (scrape(probe, node, text, err) < 0)
                        return -1;
                printf("%zu\n", text->len);
                fwrite(buf_text(text), 1, text->len, stdout);
                fflush(stdout);
        }
        return 0;
}

int main(int argc, char **argv)
{
        struct error err;
        struct probe probe = { .options = { .root = -1, .proc = -1, .sys = -1, .root_path = "/", .cpu_guest = true },
                .rounds = 1 };
        for (int i = 1; i < argc; i++)
                if (!take_argument(&probe, argv[i])) {
                        fprintf(stderr, "unknown flag %s\n", argv[i]);
                        return 2;
                }
        if (probe.ask)
                probe.rounds = 0;
        probe.options.textfile_directories = probe.directories;
        if (probe.options.root < 0)
                probe.options.root = open_directory("/");
        if (probe.options.proc < 0)
                probe.options.proc = open_directory("/proc");
        if (probe.options.sys < 0)
                probe.options.sys = open_directory("/sys");
        struct node *node = node_new(&probe.options, &err);
        if (!node) {
                fprintf(stderr, "%s\n", err.message);
                return 2;
        }
        struct buf text;
        buf_init(&text, MEMORY);
        int result = run(&probe, node, &text, &err);
        if (result < 0)
                fprintf(stderr, "%s\n", err.message);
        for (int i = 0; probe.failures && node_collectors[i].name; i++)
                if (node_failure(node, i))
                        fprintf(stderr, "%s: %s\n", node_collectors[i].name, node_failure(node, i)->message);
        if (probe.failures)
                fprintf(stderr, "refused %llu\n", (unsigned long long)node_refused(node));
        buf_done(&text);
        node_free(node);
        fd_close(&probe.options.root);
        fd_close(&probe.options.proc);
        fd_close(&probe.options.sys);
        return result < 0;
}
