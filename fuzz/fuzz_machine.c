/* The texts that tell of the machine: the first byte chooses a parser, the rest is its input. */
#include "linux/diskstats.h"
#include "linux/machine_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_cpu_list(struct sv text)
{
        struct machine_cpu_set set;
        if (!machine_cpu_list_parse(text, &set))
                return;
        size_t count = 0;
        for (int cpu = 0; cpu < MACHINE_CPUS_MAX; cpu++)
                count += machine_cpu_set_has(&set, cpu);
        check(count == machine_cpu_set_count(&set));
        check(!machine_cpu_set_has(&set, -1) && !machine_cpu_set_has(&set, MACHINE_CPUS_MAX));
}

static void fuzz_cpu_mask(struct sv text)
{
        size_t count;
        if (machine_cpu_mask_count(text, &count))
                check(count <= text.n * 4);
}

static void fuzz_cache_size(struct sv text)
{
        uint64_t bytes;
        machine_cache_size_parse(text, &bytes);
}

static void fuzz_scheduler(struct sv text)
{
        struct sv name = machine_scheduler_parse(text);
        check(name.n == 0 || (name.p > text.p && name.p + name.n < text.p + text.n && !memchr(name.p, ']', name.n)));
}

static void fuzz_frequency(struct sv text)
{
        machine_frequency_parse(text);
}

static void fuzz_diskstats(struct sv text)
{
        struct sv line;
        struct diskstats row;
        while (sv_line(&text, &line))
                if (diskstats_parse_line(line, &row))
                        check(row.name[0] && strnlen(row.name, sizeof(row.name)) < sizeof(row.name) &&
                                row.fields <= DISKSTATS_FIELDS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const targets[])(struct sv) = { fuzz_cpu_list, fuzz_cpu_mask, fuzz_cache_size, fuzz_scheduler,
                fuzz_frequency, fuzz_diskstats };
        if (size < 1)
                return 0;
        /* a copy, so that reading beyond the end is seen */
        char *copy = malloc(size > 1 ? size - 1 : 1);
        if (!copy)
                return 0;
        memcpy(copy, data + 1, size - 1);
        targets[data[0] % (sizeof(targets) / sizeof(*targets))](sv_n(copy, size - 1));
        free(copy);
        return 0;
}
