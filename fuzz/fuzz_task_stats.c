/* Parsers of what tells about tasks: /proc/PID/{limits,schedstat,smaps,stat} and the kernel's taskstats. The first byte
 * chooses one, the rest is its input. */
#include "linux/task_stats.h"
#include "linux/taskstats_netlink.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_limits(struct sv text)
{
        struct task_ulimit rows[ULIMITS_MAX];
        size_t refused = 0;
        size_t count = task_parse_limits(text, rows, &refused);
        check(count <= ULIMITS_MAX);
        for (size_t i = 0; i < count; i++)
                check(strlen(rows[i].name) > 4);
}

static void fuzz_process_files(struct sv text)
{
        uint64_t values[3];
        uint64_t bytes;
        struct task_load load = { 0 };
        struct sv line;
        task_parse_schedstat(text, values);
        task_load_add(&load, task_parse_state(text));
        while (sv_line(&text, &line))
                if (task_parse_referenced(line, &bytes))
                        check(bytes % 1024 == 0);
}

static void check_usage(const struct task_usage *usage)
{
        check(strnlen(usage->comm, sizeof(usage->comm)) < sizeof(usage->comm) && usage->start_unix_ns >= 0);
}

static void fuzz_taskstats(struct sv bytes)
{
        struct task_usage usage;
        if (taskstats_parse(bytes, &usage))
                check_usage(&usage);
}

static void fuzz_datagram(struct sv bytes)
{
        struct task_usage usage;
        for (int group = 0; group < 2; group++)
                if (taskstats_parse_datagram(bytes, 31, group, &usage))
                        check_usage(&usage);
}

static void fuzz_average(struct sv bytes)
{
        double average = -1;
        while (bytes.n >= 16) {
                uint64_t words[2];
                memcpy(words, bytes.p, sizeof(words));
                average = task_load_average(average, words[0], (int64_t)(words[1] >> 1));
                check(isfinite(average) && average >= 0);
                bytes = sv_n(bytes.p + 16, bytes.n - 16);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const parsers[])(
                struct sv text) = { fuzz_limits, fuzz_process_files, fuzz_taskstats, fuzz_datagram, fuzz_average };
        if (size)
                parsers[data[0] % (sizeof(parsers) / sizeof(*parsers))](sv_n((const char *)data + 1, size - 1));
        return 0;
}
