/* All parsers of a control group's files: the first byte chooses one, the rest is the file. */
#include "linux/cgroup_stats_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
        if (!holds)
                abort();
}

static void fuzz_numbers(struct sv text)
{
        uint64_t number = 7;
        uint64_t quota = 7;
        uint64_t period = 7;
        if (!cgroup_parse_number(text, &number))
                check(number == 7);
        if (!cgroup_parse_cpu_max(text, &quota, &period))
                check(quota == 7 && period == 7);
        uint64_t shares = cgroup_weight_to_shares(number);
        check(shares == 0 || (shares >= 2 && shares <= 262144));
        (void)cgroup_parse_freezer_state(text);
        (void)cgroup_parse_events_frozen(text);
}

static void fuzz_cpu(struct sv text, struct arena *arena)
{
        struct cgroup_cpu cpu = { 0 };
        size_t refused = 0;
        cgroup_parse_cpu_stat_v1(text, &cpu, &refused);
        (void)cgroup_parse_cpu_stat_v2(text, &cpu, &refused);
        cgroup_parse_cpuacct_stat(text, 100, &cpu, &refused);
        if (cgroup_parse_per_cpu(text, arena, &cpu, &refused, NULL) == 0)
                check(cpu.per_cpu_count <= CGROUP_CPUS_MAX && (cpu.per_cpu_count == 0) == !cpu.per_cpu_ns);
}

static void fuzz_memory(struct sv text)
{
        struct cgroup_memory memory = { 0 };
        struct cgroup_memory_stat own;
        struct cgroup_memory_stat total;
        uint64_t failcnt = 0;
        size_t refused = 0;
        cgroup_parse_memory_stat_v1(text, &own, &total, &refused);
        cgroup_parse_memory_stat_v2(text, &own, &refused);
        cgroup_parse_memory_events(text, &memory, &refused);
        cgroup_parse_oom_control(text, &memory, &refused);
        cgroup_parse_huge_events(text, &failcnt, &refused);
}

static void fuzz_numa(struct sv text, struct arena *arena)
{
        struct cgroup_memory memory = { 0 };
        size_t refused = 0;
        if (cgroup_parse_numa_stat_v1(text, arena, &memory, &refused, NULL) == 0)
                check(memory.node_count <= CGROUP_NODES_MAX && memory.hierarchical_node_count <= CGROUP_NODES_MAX);
        if (cgroup_parse_numa_stat_v2(text, 4096, arena, &memory, &refused, NULL) == 0)
                for (size_t i = 0; i < memory.node_count; i++)
                        for (size_t j = 0; j < i; j++)
                                check(memory.nodes[i].node != memory.nodes[j].node);
}

static void check_table(const struct cgroup_io_table *table)
{
        check(table->count <= CGROUP_DEVICES_MAX && (table->count == 0 || table->rows));
        /* a device has one row: two would be one series twice */
        for (size_t i = 0; i < table->count && i < 64; i++)
                for (size_t j = 0; j < i; j++)
                        check(table->rows[i].major != table->rows[j].major ||
                                table->rows[i].minor != table->rows[j].minor);
}

static void fuzz_io(struct sv text, struct arena *arena)
{
        struct cgroup_io_table tables[CGROUP_IO_KINDS] = { 0 };
        size_t refused = 0;
        if (cgroup_parse_blkio(text, arena, &tables[0], &refused, NULL) == 0)
                check_table(&tables[0]);
        if (cgroup_parse_io_stat(text, arena, tables, &refused, NULL) == 0)
                for (size_t i = 0; i < CGROUP_IO_KINDS; i++)
                        check_table(&tables[i]);
}

static void fuzz_rdma(struct sv text, struct arena *arena)
{
        struct cgroup_rdma *rows = NULL;
        size_t count = 0;
        size_t refused = 0;
        if (cgroup_parse_rdma(text, arena, &rows, &count, &refused, NULL) == 0)
                for (size_t i = 0; i < count; i++)
                        check(strnlen(rows[i].device, sizeof(rows[i].device)) < sizeof(rows[i].device));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0)
                return 0;
        struct arena arena;
        struct sv text = sv_n((const char *)data + 1, size - 1);
        arena_init(&arena, CGROUP_STATS_MEMORY);
        switch (data[0] % 6) {
        case 0:
                fuzz_numbers(text);
                break;
        case 1:
                fuzz_cpu(text, &arena);
                break;
        case 2:
                fuzz_memory(text);
                break;
        case 3:
                fuzz_numa(text, &arena);
                break;
        case 4:
                fuzz_io(text, &arena);
                break;
        case 5:
                fuzz_rdma(text, &arena);
                break;
        }
        arena_done(&arena);
        return 0;
}
