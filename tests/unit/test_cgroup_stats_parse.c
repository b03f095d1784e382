/* The parsers of a control group's files: the kernel's formats, and what is malformed, cut, negative or too large. */
#include "linux_fixture.h"

#include "base/timefmt.h"
#include "cgroup_fixture.h"
#include "linux/cgroup_stats_parse.h"

static struct error err;
static struct arena arena;
static size_t refused;

static int setup(void **state)
{
        (void)state;
        arena_init(&arena, CGROUP_STATS_MEMORY);
        refused = 0;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        arena_done(&arena);
        return 0;
}

static void numbers(void **state)
{
        (void)state;
        static const char *const bad[] = { "", "\n", "-1\n", "0x10", " 1", "1 ", "1\n\n", "maximum",
                "18446744073709551616", "1.5", "9999999999999999999999999" };
        uint64_t value = 0;
        assert_true(cgroup_parse_number(SV("0\n"), &value) && value == 0);
        assert_true(cgroup_parse_number(SV("18446744073709551615\n"), &value) && value == UINT64_MAX);
        assert_true(cgroup_parse_number(SV("9223372036854771712"), &value) && value == UINT64_C(9223372036854771712));
        assert_true(cgroup_parse_number(SV("max\n"), &value) && value == CGROUP_NO_LIMIT);
        value = 7;
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                assert_false(cgroup_parse_number(sv_of(bad[i]), &value));
                assert_int_equal(value, 7);
        }
}

/* cAdvisor's formula and its own test: 1 is 2, 10000 is 262144, outside is none. */
static void weights(void **state)
{
        (void)state;
        assert_int_equal(cgroup_weight_to_shares(0), 0);
        assert_int_equal(cgroup_weight_to_shares(1), 2);
        assert_int_equal(cgroup_weight_to_shares(50), 1286);
        assert_int_equal(cgroup_weight_to_shares(100), 2597);
        assert_int_equal(cgroup_weight_to_shares(10000), 262144);
        assert_int_equal(cgroup_weight_to_shares(10001), 0);
        assert_int_equal(cgroup_weight_to_shares(UINT64_MAX), 0);
}

static void cpu_max(void **state)
{
        (void)state;
        uint64_t quota = 7;
        uint64_t period = 7;
        assert_false(cgroup_parse_cpu_max(SV(""), &quota, &period));
        assert_false(cgroup_parse_cpu_max(SV("max\n"), &quota, &period));
        assert_false(cgroup_parse_cpu_max(SV("-1 100000\n"), &quota, &period));
        assert_false(cgroup_parse_cpu_max(SV("1 2 3\n"), &quota, &period));
        assert_false(cgroup_parse_cpu_max(SV("1 max\n"), &quota, &period));
        assert_true(quota == 7 && period == 7);
        assert_true(cgroup_parse_cpu_max(SV("20000 100010\n"), &quota, &period) && quota == 20000 && period == 100010);
        assert_true(cgroup_parse_cpu_max(SV("max 100000\n"), &quota, &period) && quota == 0 && period == 100000);
}

static void cpu_files(void **state)
{
        (void)state;
        struct cgroup_cpu cpu = { 0 };
        cgroup_parse_cpu_stat_v1(SV("nr_periods 10\nnr_throttled 3\nthrottled_time 4000\nnr_bursts 1\nburst_time 5\n"
                                    "wait_sum 9\n"),
                &cpu, &refused);
        assert_true(cpu.periods == 10 && cpu.throttled_periods == 3 && cpu.throttled_ns == 4000);
        assert_true(cpu.burst_periods == 1 && cpu.burst_ns == 5);

        cpu = (struct cgroup_cpu){ 0 };
        assert_true(cgroup_parse_cpu_stat_v2(
                SV("usage_usec 101\nuser_usec 61\nsystem_usec 40\nnice_usec 3\ncore_sched.force_idle_usec 0\n"
                   "nr_periods 8\nnr_throttled 2\nthrottled_usec 6\nnr_bursts 5\nburst_usec 4\n"),
                &cpu, &refused));
        assert_true(cpu.total_ns == 101000 && cpu.user_ns == 61000 && cpu.system_ns == 40000);
        assert_true(cpu.periods == 8 && cpu.throttled_periods == 2 && cpu.throttled_ns == 6000);
        assert_true(cpu.burst_periods == 5 && cpu.burst_ns == 4000);

        cpu = (struct cgroup_cpu){ 0 };
        cgroup_parse_cpuacct_stat(SV("user 12\nsystem 9"), 100, &cpu, &refused); /* a last line without its end */
        assert_true(cpu.user_ns == 120000000 && cpu.system_ns == 90000000);
        assert_int_equal(refused, 0);

        /* negative, no number, too large once it is in ns, no value: counted, the rest stands */
        cpu = (struct cgroup_cpu){ 0 };
        assert_true(cgroup_parse_cpu_stat_v2(SV("usage_usec 18446744073709551615\nuser_usec -5\nsystem_usec 40\n"
                                                "nr_periods\nnr_throttled 1x\n\n\n"),
                &cpu, &refused));
        assert_true(cpu.total_ns == 0 && cpu.user_ns == 0 && cpu.system_ns == 40000 && cpu.periods == 0);
        assert_int_equal(refused, 4);
        assert_false(cgroup_parse_cpu_stat_v2(SV("nr_periods 1\n"), &cpu, &refused));
        assert_false(cgroup_parse_cpu_stat_v2(SV(""), &cpu, &refused));
}

static void per_cpu(void **state)
{
        (void)state;
        struct cgroup_cpu cpu = { 0 };
        assert_int_equal(cgroup_parse_per_cpu(SV("15379498180166 16570216616031 \n"), &arena, &cpu, &refused, &err), 0);
        assert_int_equal(cpu.per_cpu_count, 2);
        assert_true(cpu.per_cpu_ns[0] == 15379498180166 && cpu.per_cpu_ns[1] == 16570216616031);
        assert_int_equal(refused, 0);

        cpu = (struct cgroup_cpu){ 0 };
        assert_int_equal(cgroup_parse_per_cpu(SV("1 -2 3\n"), &arena, &cpu, &refused, &err), 0);
        assert_true(cpu.per_cpu_count == 3 && cpu.per_cpu_ns[1] == 0 && cpu.per_cpu_ns[2] == 3);
        assert_int_equal(refused, 1);

        cpu = (struct cgroup_cpu){ 0 };
        assert_int_equal(cgroup_parse_per_cpu(SV("\n"), &arena, &cpu, &refused, &err), 0);
        assert_true(cpu.per_cpu_count == 0 && !cpu.per_cpu_ns);

        cleanup(buf_done) struct buf many;
        buf_init(&many, 1 << 20);
        for (int i = 0; i < CGROUP_CPUS_MAX + 5; i++)
                buf_printf(&many, "%d ", i);
        refused = 0;
        assert_int_equal(cgroup_parse_per_cpu(sv_n(many.data, many.len), &arena, &cpu, &refused, &err), 0);
        assert_int_equal(cpu.per_cpu_count, CGROUP_CPUS_MAX);
        assert_int_equal(cpu.per_cpu_ns[CGROUP_CPUS_MAX - 1], CGROUP_CPUS_MAX - 1);
        assert_int_equal(refused, 5);

        cleanup(arena_done) struct arena small;
        arena_init(&small, 8);
        assert_int_equal(cgroup_parse_per_cpu(SV("1 2 3\n"), &small, &cpu, &refused, &err), -1);
        assert_int_equal(err.code, E_NO_MEMORY);
}

static void memory_stats(void **state)
{
        (void)state;
        struct cgroup_memory_stat own;
        struct cgroup_memory_stat total;
        cgroup_parse_memory_stat_v1(sv_of(memory_stat_v1), &own, &total, &refused);
        assert_true(own.cache == 100 && own.rss == 200 && own.mapped_file == 30 && own.dirty == 4);
        assert_true(own.swap == 9 && own.pgfault == 10 && own.pgmajfault == 11 && own.inactive_file == 14);
        assert_true(total.cache == 1100 && total.rss == 1200 && total.mapped_file == 1030 && total.dirty == 1004);
        assert_true(total.writeback == 1005 && total.refault_anon == 1006 && total.refault_file == 1007);
        assert_true(total.swap == 1009 && total.pgfault == 1010 && total.pgmajfault == 1011);
        assert_true(total.inactive_anon == 1012 && total.active_anon == 1013 && total.inactive_file == 1014 &&
                    total.active_file == 1015);

        cgroup_parse_memory_stat_v2(sv_of(memory_stat_v2), &own, &refused);
        assert_true(own.rss == 4096 && own.cache == 8192 && own.kernel == 777 && own.kernel_stack == 16384);
        assert_true(own.pagetables == 10 && own.percpu == 20 && own.vmalloc == 5 && own.slab == 3);
        assert_true(own.mapped_file == 300 && own.dirty == 40 && own.writeback == 50);
        assert_true(own.inactive_anon == 12 && own.active_anon == 13 && own.inactive_file == 1014);
        assert_true(own.refault_anon == 6 && own.refault_file == 7 && own.pgscan == 8 && own.pgsteal == 9);
        assert_true(own.pgfault == 10 && own.pgmajfault == 11 && own.swap == 0);
        assert_int_equal(refused, 0);

        /* any order, keys twice (the last counts), a cut line, a negative number */
        cgroup_parse_memory_stat_v2(SV("pgmajfault 1\nfile 2\nanon 3\nfile 4\npgscan -1\npgste"), &own, &refused);
        assert_true(own.pgmajfault == 1 && own.cache == 4 && own.rss == 3 && own.pgscan == 0 && own.pgsteal == 0);
        assert_int_equal(refused, 1);
        cgroup_parse_memory_stat_v1(SV("total_\ntotal_cache\ncache 1"), &own, &total, &refused);
        assert_true(own.cache == 1 && total.cache == 0);
        assert_int_equal(refused, 2);
}

static void memory_events(void **state)
{
        (void)state;
        struct cgroup_memory memory = { 0 };
        cgroup_parse_memory_events(
                SV("low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"), &memory, &refused);
        assert_true(memory.events_low == 1 && memory.events_high == 2 && memory.events_max == 3);
        assert_true(memory.events_oom == 4 && memory.events_oom_kill == 5);
        cgroup_parse_oom_control(SV("oom_kill_disable 0\nunder_oom 0\noom_kill 8\n"), &memory, &refused);
        assert_int_equal(memory.events_oom_kill, 8);
        uint64_t failcnt = 0;
        cgroup_parse_huge_events(SV("max 9\n"), &failcnt, &refused);
        assert_int_equal(failcnt, 9);
        assert_int_equal(refused, 0);
}

static void numa(void **state)
{
        (void)state;
        struct cgroup_memory memory = { 0 };
        assert_int_equal(cgroup_parse_numa_stat_v1(SV("total=60 N0=50 N1=10\nfile=49 N0=40 N1=9\nanon=7 N0=6 N1=1\n"
                                                      "unevictable=4 N0=4 N1=0\nhierarchical_total=1 N0=1 N1=0\n"
                                                      "hierarchical_file=149 N0=140 N1=9\n"
                                                      "hierarchical_anon=107 N0=106 N1=1\n"
                                                      "hierarchical_unevictable=104 N0=104 N1=0\n"),
                                 &arena, &memory, &refused, &err),
                0);
        assert_true(memory.node_count == 2 && memory.hierarchical_node_count == 2);
        assert_true(memory.nodes[1].node == 1 && memory.nodes[0].file == 40 && memory.nodes[1].file == 9);
        assert_true(memory.nodes[0].anon == 6 && memory.nodes[0].unevictable == 4);
        assert_true(memory.hierarchical_nodes[0].file == 140 && memory.hierarchical_nodes[0].anon == 106 &&
                    memory.hierarchical_nodes[0].unevictable == 104);

        memory = (struct cgroup_memory){ 0 };
        assert_int_equal(
                cgroup_parse_numa_stat_v2(SV("anon N0=8192 N1=4096\nfile N0=4096 N1=0\nkernel_stack N0=1 N1=1\n"
                                             "unevictable N0=0 N1=12288\n"),
                        4096, &arena, &memory, &refused, &err),
                0);
        assert_int_equal(memory.node_count, 2);
        assert_true(memory.nodes[0].anon == 2 && memory.nodes[1].anon == 1 && memory.nodes[0].file == 1);
        assert_int_equal(memory.nodes[1].unevictable, 3);
        assert_ptr_equal(memory.nodes, memory.hierarchical_nodes);
        assert_int_equal(refused, 0);

        /* nodes beyond the table, no number, more nodes than the first line told */
        memory = (struct cgroup_memory){ 0 };
        assert_int_equal(cgroup_parse_numa_stat_v1(SV("file=1 N0=1\nanon=3 N9999999999=1 Nx=1 N1=2 N0=3 N=4 N0\n"),
                                 &arena, &memory, &refused, &err),
                0);
        assert_true(memory.node_count == 1 && memory.nodes[0].anon == 3);
        assert_int_equal(refused, 5);
        memory = (struct cgroup_memory){ 0 };
        assert_int_equal(cgroup_parse_numa_stat_v2(SV(""), 4096, &arena, &memory, &refused, &err), 0);
        assert_int_equal(memory.node_count, 0);
}

static void blkio(void **state)
{
        (void)state;
        struct cgroup_io_table table = { 0 };
        assert_int_equal(cgroup_parse_blkio(SV("8:0 Read 1282048\n8:0 Write 2195456\n8:0 Sync 5\n8:0 Async 6\n"
                                               "8:0 Discard 7\n8:0 Total 3477504\n253:16 Read 1\n253:16 Total 1\n"
                                               "Total 3477505\n"),
                                 &arena, &table, &refused, &err),
                0);
        assert_int_equal(table.count, 2);
        const struct cgroup_io_row *row = table.rows;
        assert_true(row->major == 8 && row->minor == 0);
        assert_true(row->values[CGROUP_IO_READ] == 1282048 && row->values[CGROUP_IO_WRITE] == 2195456);
        assert_true(row->values[CGROUP_IO_SYNC] == 5 && row->values[CGROUP_IO_ASYNC] == 6);
        assert_true(row->values[CGROUP_IO_DISCARD] == 7 && row->values[CGROUP_IO_TOTAL] == 3477504);
        assert_int_equal(row->has, (1 << CGROUP_IO_OPERATIONS) - 1);
        assert_true(row[1].major == 253 && row[1].minor == 16);
        assert_int_equal(row[1].has, 1 << CGROUP_IO_READ | 1 << CGROUP_IO_TOTAL);

        assert_int_equal(cgroup_parse_blkio(SV("8:0 6792\n8:16 1\n"), &arena, &table, &refused, &err), 0);
        assert_int_equal(table.count, 2);
        assert_true(table.rows[0].has == 0 && table.rows[0].values[CGROUP_IO_TOTAL] == 6792);

        assert_int_equal(cgroup_parse_blkio(SV("Total 0\n"), &arena, &table, &refused, &err), 0);
        assert_int_equal(table.count, 0);
        assert_int_equal(refused, 0);

        assert_int_equal(cgroup_parse_blkio(SV("8:0 Read -1\n8 Read 1\n8:0 Riding 1\n8:0\nx:0 1\n8:0 Read 1 2\n:: 1\n"
                                               "4294967296:0 1\n8:0 Read 2\n8:16 Write 1\n8:0 Write 3\n8:0 Rea"),
                                 &arena, &table, &refused, &err),
                0);
        assert_int_equal(refused, 9);
        assert_int_equal(table.count, 2); /* a device that comes again has its row */
        assert_true(table.rows[0].values[CGROUP_IO_READ] == 2 && table.rows[0].values[CGROUP_IO_WRITE] == 3);
}

static void many_devices(void **state)
{
        (void)state;
        cleanup(buf_done) struct buf text;
        struct cgroup_io_table table = { 0 };
        struct cgroup_io_table tables[CGROUP_IO_KINDS] = { 0 };
        buf_init(&text, 1 << 20);
        for (int i = 0; i < CGROUP_DEVICES_MAX + 3; i++)
                buf_printf(&text, "8:%d Read 1\n8:%d Total 1\n", i, i);
        assert_int_equal(cgroup_parse_blkio(sv_n(text.data, text.len), &arena, &table, &refused, &err), 0);
        assert_int_equal(table.count, CGROUP_DEVICES_MAX);
        assert_int_equal(refused, 6);
        buf_clear(&text);
        refused = 0;
        for (int i = 0; i < CGROUP_DEVICES_MAX + 3; i++)
                buf_printf(&text, "8:%d rbytes=%d\n", i, i);
        assert_int_equal(cgroup_parse_io_stat(sv_n(text.data, text.len), &arena, tables, &refused, &err), 0);
        assert_int_equal(tables[CGROUP_IO_SERVICE_BYTES].count, CGROUP_DEVICES_MAX);
        assert_int_equal(refused, 3);

        cleanup(arena_done) struct arena small;
        arena_init(&small, 100);
        assert_int_equal(cgroup_parse_blkio(sv_of("8:0 1\n8:1 1\n"), &small, &table, &refused, &err), -1);
        assert_int_equal(err.code, E_NO_MEMORY);
        assert_int_equal(cgroup_parse_io_stat(sv_of("8:0 rios=1\n8:1 rios=1\n"), &small, tables, &refused, &err), -1);
        assert_int_equal(err.code, E_NO_MEMORY);
}

static void io_stat(void **state)
{
        (void)state;
        struct cgroup_io_table io[CGROUP_IO_KINDS] = { 0 };
        assert_int_equal(
                cgroup_parse_io_stat(
                        SV("254:1 254:0 rbytes=6901432320 wbytes=14245535744 rios=263278 wios=248603 dbytes=1 dios=2\n"
                           "259:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0 cost.vrate=100.00 cost.usage=5 "
                           "cost.wait=6 cost.indebt=7 cost.indelay=8\n253:0 \n"),
                        &arena, io, &refused, &err),
                0);
        assert_int_equal(io[CGROUP_IO_SERVICE_BYTES].count, 2);
        const struct cgroup_io_row *row = io[CGROUP_IO_SERVICE_BYTES].rows;
        assert_true(row->major == 254 && row->minor == 0); /* of the device next to the figures */
        assert_true(row->values[CGROUP_IO_READ] == 6901432320 && row->values[CGROUP_IO_WRITE] == 14245535744);
        assert_int_equal(row->has, 1 << CGROUP_IO_READ | 1 << CGROUP_IO_WRITE); /* as cAdvisor: no Total on v2 */
        assert_true(io[CGROUP_IO_SERVICED].rows[1].values[CGROUP_IO_READ] == 3 &&
                    io[CGROUP_IO_SERVICED].rows[1].values[CGROUP_IO_WRITE] == 4);
        for (int i = 0; i < 4; i++) {
                const struct cgroup_io_table *cost = &io[CGROUP_IO_COST_USAGE + i];
                assert_int_equal(cost->count, 1);
                assert_true(cost->rows[0].major == 259 && cost->rows[0].has == 0);
                assert_int_equal(cost->rows[0].values[CGROUP_IO_TOTAL], 5 + i);
        }
        assert_int_equal(io[CGROUP_IO_TIME].count, 0);
        assert_int_equal(refused, 0);

        assert_int_equal(cgroup_parse_io_stat(SV("(unknown) rbytes=1\nrbytes=2\n8:0 rbytes=-1 wbytes= rios=3 wios"),
                                 &arena, io, &refused, &err),
                0);
        assert_int_equal(refused, 4); /* (unknown), -1, nothing, and "wios", which is no device */
        assert_int_equal(io[CGROUP_IO_SERVICED].count, 1);
}

static void rdma(void **state)
{
        (void)state;
        struct cgroup_rdma *rows = NULL;
        size_t count = 0;
        assert_int_equal(cgroup_parse_rdma(SV("mlx4_0 hca_handle=2 hca_object=2000\nocrdma1 hca_handle=3 "
                                              "hca_object=max\n"),
                                 &arena, &rows, &count, &refused, &err),
                0);
        assert_int_equal(count, 2);
        assert_string_equal(rows[0].device, "mlx4_0");
        assert_true(rows[0].hca_handle == 2 && rows[0].hca_object == 2000 && rows[1].hca_object == CGROUP_NO_LIMIT);
        assert_int_equal(refused, 0);
        assert_int_equal(cgroup_parse_rdma(SV("a_name_that_is_longer_than_any_device hca_handle=1\nx hca_handle=-1\n"
                                              "y hca_handle\n\nz hca_object=1\n"),
                                 &arena, &rows, &count, &refused, &err),
                0);
        assert_int_equal(count, 1);
        assert_string_equal(rows[0].device, "z");
        assert_int_equal(refused, 3);
}

static void frozen(void **state)
{
        (void)state;
        assert_true(cgroup_parse_freezer_state(SV("FROZEN\n")));
        assert_true(cgroup_parse_freezer_state(SV("FREEZING\n")));
        assert_false(cgroup_parse_freezer_state(SV("THAWED\n")));
        assert_false(cgroup_parse_freezer_state(SV("")));
        assert_true(cgroup_parse_events_frozen(SV("populated 1\nfrozen 1\n")));
        assert_false(cgroup_parse_events_frozen(SV("populated 1\nfrozen 0\n")));
        assert_false(cgroup_parse_events_frozen(SV("populated 1\n")));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = { TEST(numbers), TEST(weights), TEST(cpu_max), TEST(cpu_files), TEST(per_cpu),
                TEST(memory_stats), TEST(memory_events), TEST(numa), TEST(blkio), TEST(many_devices), TEST(io_stat),
                TEST(rdma), TEST(frozen) };
        return cmocka_run_group_tests_name("cgroup_stats_parse", tests, NULL, NULL);
}
