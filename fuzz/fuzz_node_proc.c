/* The parsers of node_exporter's collectors: the first byte chooses one, the rest is its input. */
#include "base/arena.h"
#include "modules/metrics/node/node_parse.h"
#include "modules/metrics/node/textfile_parse.h"

#include <net/if.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

/* What a parser gives lies in its input. */
static void inside(struct sv part, struct sv text)
{
        check(part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n));
}

static void fuzz_cpu(struct sv text)
{
        uint32_t cpu;
        uint64_t ticks[10];
        struct sv line;
        while (sv_line(&text, &line))
                cpu_line_parse(line, &cpu, ticks);
}

static void count_cpu(uint32_t cpu, void *cookie)
{
        check(cpu < CPU_LIST_MAX);
        ++*(size_t *)cookie;
}

static void fuzz_cpu_list(struct sv text)
{
        size_t count = 0;
        cpu_list_parse(sv_n(text.p, text.n < 256 ? text.n : 256), count_cpu, &count);
}

static void fuzz_cpuinfo(struct sv text)
{
        struct cpuinfo cpu;
        for (struct sv rest = text; cpuinfo_next(&rest, &cpu);) {
                inside(cpu.flags, text);
                inside(cpu.model_name, text);
        }
}

static void fuzz_diskstats(struct sv text)
{
        struct sv line;
        for (struct sv rest = text; sv_line(&rest, &line);) {
                struct diskstats_line disk;
                if (!diskstats_parse(line, &disk))
                        continue;
                inside(disk.device, text);
                check(disk.count >= 11 && disk.count <= DISKSTATS_FIELDS);
        }
}

static void fuzz_lines(struct sv text)
{
        struct sv line;
        uint32_t index = 0;
        for (struct sv rest = text; sv_line(&rest, &line); index++) {
                struct schedstat_line schedstat;
                struct softnet_line softnet;
                struct netdev_counters counters;
                struct sv name;
                struct sv value;
                uint32_t number;
                if (schedstat_parse(line, &schedstat))
                        inside(schedstat.cpu, text);
                softnet_parse(line, index, &softnet);
                if (vmstat_line_parse(line, &name, &value))
                        inside(value, line);
                if (arp_line_parse(line, &name))
                        inside(name, line);
                if (udev_line_parse(line, &name, &value))
                        inside(value, line);
                if (netdev_line_parse(line, &name, &counters))
                        inside(name, line);
                if (hwmon_name_parse(line, &name, &number, &value))
                        check(name.n > 0 && number <= INT32_MAX);
        }
}

static void fuzz_file_nr(struct sv text)
{
        double allocated;
        double maximum;
        file_nr_parse(text, &allocated, &maximum);
}

static void fuzz_conntrack(struct sv text)
{
        uint64_t fields[CONNTRACK_FIELDS];
        uint64_t tx;
        uint64_t rx;
        conntrack_parse(text, fields);
        udp_queues_parse(text, &tx, &rx);
}

static void take_statistic(struct sv protocol, struct sv name, struct sv value, void *cookie)
{
        const struct sv *text = cookie;
        inside(protocol, *text);
        inside(name, *text);
        inside(value, *text);
}

static void fuzz_netstat(struct sv text)
{
        netstat_parse(text, take_statistic, &text);
        snmp6_parse(text, take_statistic, &text);
}

static void fuzz_netlink(struct sv text)
{
        char device[IF_NAMESIZE];
        struct netdev_counters counters;
        if (netdev_message_parse(text, device, &counters))
                check(strnlen(device, sizeof(device)) < sizeof(device) && *device);
}

static void fuzz_textfile(struct sv text)
{
        struct arena arena;
        struct textfile file;
        size_t samples = 0;
        arena_init(&arena, 16 << 20);
        if (textfile_parse(text, &arena, &file, NULL) == 0)
                for (const struct textfile_family *family = file.first; family; family = family->next) {
                        check(*family->name && family->first);
                        for (const struct textfile_sample *sample = family->first; sample; sample = sample->next) {
                                samples++;
                                for (size_t i = 0; i < sample->label_count; i++)
                                        check(*sample->labels[i].name && sample->labels[i].value);
                        }
                }
        check(samples <= TEXTFILE_SAMPLES_MAX);
        arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const parsers[])(struct sv text) = { fuzz_textfile, fuzz_cpu, fuzz_cpu_list, fuzz_cpuinfo,
                fuzz_diskstats, fuzz_lines, fuzz_file_nr, fuzz_conntrack, fuzz_netstat, fuzz_netlink };
        if (size == 0)
                return 0;
        /* text files have half of the first bytes: they are what an unprivileged user may write */
        size_t which = data[0] & 1 ? 0 : (size_t)(data[0] >> 1) % (sizeof(parsers) / sizeof(*parsers));
        parsers[which](sv_n((const char *)data + 1, size - 1));
        return 0;
}
