/* Packed samples: any sample comes back to the bit, in few bytes; rings keep and give back what they should. */
#include "base/timefmt.h"
#include "modules/metrics/collect/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* A generator of its own, so that a failure can be seen again. */
static uint64_t seed = 1;

static uint64_t draw(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

/* Numbers as they are met: zeros, small ones, page multiples, counters, all bits. */
static uint64_t number(void)
{
        switch (draw() % 6) {
        case 0:
        case 1:
                return 0;
        case 2:
                return draw() % 1000;
        case 3:
                return (draw() % 1000000) << 12;
        case 4:
                return draw() % UINT64_C(1000000000000000);
        default:
                return draw();
        }
}

static void fill(uint64_t *first, size_t count)
{
        bool empty = draw() % 3 == 0;
        for (size_t i = 0; i < count; i++)
                first[i] = empty ? 0 : number();
}

static double percent(void)
{
        static const double odd[] = { -1.5, 1e300, 0.001, 33.333333333333336, -0.0 };
        return draw() % 8 ? (double)(draw() % 10001) / 100 : odd[draw() % 5];
}

static const char *word(void)
{
        static const char *const words[] = { "eth0", "/dev/vda1", "", "ext4", "a name that is longer than others" };
        return draw() % 9 ? words[draw() % 5] : NULL;
}

static void random_pressure(struct pressure *pressure)
{
        if (draw() % 2)
                return;
        pressure->has_some = pressure->has_full = true;
        pressure->some = (struct pressure_line){ percent(), percent(), percent(), (int64_t)number() };
        pressure->full = (struct pressure_line){ percent(), percent(), percent(), (int64_t)number() };
}

static void random_cgroup(struct cgroup_stats *cgroup, struct arena *arena)
{
        fill(&cgroup->cpu.total_ns, 3);
        fill(&cgroup->cpu.periods, 5);
        cgroup->cpu.per_cpu_count = draw() % 5;
        cgroup->cpu.per_cpu_ns = arena_array(arena, 8, sizeof(uint64_t));
        fill(cgroup->cpu.per_cpu_ns, cgroup->cpu.per_cpu_count);
        fill(&cgroup->memory.usage, offsetof(struct cgroup_memory, nodes) / sizeof(uint64_t));
        cgroup->memory.node_count = draw() % 3;
        cgroup->memory.nodes = arena_array(arena, 3, sizeof(*cgroup->memory.nodes));
        for (size_t i = 0; i < cgroup->memory.node_count; i++) {
                cgroup->memory.nodes[i].node = (unsigned)draw();
                fill(&cgroup->memory.nodes[i].file, 3);
        }
        for (size_t i = 0; i < CGROUP_IO_KINDS; i++) {
                struct cgroup_io_table *table = &cgroup->io[i];
                table->count = draw() % 3;
                table->rows = arena_array(arena, 3, sizeof(*table->rows));
                for (size_t j = 0; j < table->count; j++) {
                        table->rows[j].major = (uint32_t)draw();
                        table->rows[j].minor = (uint32_t)(draw() % 64);
                        table->rows[j].has = (unsigned)(draw() % 64);
                        fill(table->rows[j].values, CGROUP_IO_OPERATIONS);
                }
        }
        random_pressure(&cgroup->cpu_pressure);
        random_pressure(&cgroup->memory_pressure);
        random_pressure(&cgroup->io_pressure);
        cgroup->huge_count = draw() % 3;
        cgroup->huge = arena_array(arena, 3, sizeof(*cgroup->huge));
        for (size_t i = 0; i < cgroup->huge_count; i++) {
                snprintf(cgroup->huge[i].size, sizeof(cgroup->huge[i].size), "%zuMB", (size_t)(draw() % 1024));
                fill(&cgroup->huge[i].usage, 3);
        }
        fill(&cgroup->pids, 3);
        cgroup->frozen = draw() & 1;
        cgroup->has_cpu = draw() & 1;
        cgroup->has_memory = draw() & 1;
        cgroup->has_pressure = draw() & 1;
        cgroup->refused = draw() % 5 ? 0 : draw();
}

static void random_net(struct net_stats *net, struct arena *arena)
{
        net->interface_count = draw() % 4;
        net->interfaces = arena_array(arena, 4, sizeof(*net->interfaces));
        for (size_t i = 0; i < net->interface_count; i++) {
                net->interfaces[i].name = word();
                fill(&net->interfaces[i].rx_bytes, 8);
        }
        fill(net->tcp.states, NET_TCP_STATES);
        fill(net->tcp6.states, NET_TCP_STATES);
        fill(&net->udp.listen, 4);
        fill(net->advanced.values, NET_ADVANCED_MAX);
        net->has_tcp = draw() & 1;
        net->has_advanced = draw() & 1;
}

static void random_rows(struct container_stats *stats, struct arena *arena)
{
        stats->tasks.ulimit_count = draw() % 3;
        stats->tasks.ulimits = arena_array(arena, 3, sizeof(*stats->tasks.ulimits));
        for (size_t i = 0; i < stats->tasks.ulimit_count; i++)
                stats->tasks.ulimits[i] = (struct task_ulimit){ word(), (int64_t)draw(), -1 };
        stats->filesystem_count = draw() % 3;
        stats->filesystems = arena_array(arena, 3, sizeof(*stats->filesystems));
        for (size_t i = 0; i < stats->filesystem_count; i++) {
                struct filesystem_stats *filesystem = &stats->filesystems[i];
                filesystem->device = word();
                filesystem->type = word();
                filesystem->major = (uint32_t)draw();
                filesystem->has_inodes = draw() & 1;
                fill(&filesystem->capacity, 6);
                fill(&filesystem->reads_completed, 11);
        }
        stats->perf_count = draw() % 2;
        stats->perf = arena_array(arena, 2, sizeof(*stats->perf));
        for (size_t i = 0; i < stats->perf_count; i++)
                stats->perf[i] = (struct perf_value){ "cycles", number(), percent(), (int)draw(), -1, NULL };
        stats->app_count = draw() % 2;
        stats->apps = arena_array(arena, 2, sizeof(*stats->apps));
        for (size_t i = 0; i < stats->app_count; i++)
                stats->apps[i] = (struct app_metric){ .name = "requests",
                        .is_float = draw() & 1,
                        .integer = (int64_t)draw(),
                        .real = percent(),
                        .time_ns = (int64_t)number() };
        stats->resctrl.bandwidth_count = draw() % 2;
        stats->resctrl.bandwidth = arena_array(arena, 2, sizeof(*stats->resctrl.bandwidth));
        for (size_t i = 0; i < stats->resctrl.bandwidth_count; i++)
                fill(&stats->resctrl.bandwidth[i].total_bytes, 2);
}

static void random_sample(struct container_stats *stats, struct arena *arena)
{
        *stats = (struct container_stats){ .time_ns = (int64_t)(draw() >> 1), .health = word() };
        random_cgroup(&stats->cgroup, arena);
        random_net(&stats->net, arena);
        fill(&stats->tasks.processes, 5);
        fill(&stats->load.sleeping, 5);
        stats->load_average = (int32_t)draw();
        stats->load_d_average = (int32_t)(draw() % 1000);
        random_rows(stats, arena);
        fill(&stats->oom_events, 1);
        stats->has_net = draw() & 1;
        stats->has_tasks = draw() & 1;
        stats->has_load = draw() & 1;
        stats->has_filesystems = draw() & 1;
}

static void assert_text(const char *a, const char *b)
{
        if (!a || !b)
                assert_true(a == b);
        else
                assert_string_equal(a, b);
}

#define ASSERT_ROWS(a, b, member, count)                                                                               \
        do {                                                                                                           \
                assert_int_equal((a)->count, (b)->count);                                                              \
                if ((a)->count)                                                                                        \
                        assert_memory_equal((a)->member, (b)->member, (a)->count * sizeof(*(a)->member));              \
        } while (0)

static void assert_cgroup(const struct cgroup_stats *a, const struct cgroup_stats *b)
{
        assert_memory_equal(&a->cpu, &b->cpu, offsetof(struct cgroup_cpu, per_cpu_ns));
        assert_memory_equal(&a->cpu.periods, &b->cpu.periods, 5 * sizeof(uint64_t));
        ASSERT_ROWS(&a->cpu, &b->cpu, per_cpu_ns, per_cpu_count);
        assert_memory_equal(&a->memory, &b->memory, offsetof(struct cgroup_memory, nodes));
        assert_int_equal(a->memory.node_count, b->memory.node_count);
        for (size_t i = 0; i < a->memory.node_count; i++) {
                assert_int_equal(a->memory.nodes[i].node, b->memory.nodes[i].node);
                assert_memory_equal(&a->memory.nodes[i].file, &b->memory.nodes[i].file, 3 * sizeof(uint64_t));
        }
        for (size_t i = 0; i < CGROUP_IO_KINDS; i++) {
                assert_int_equal(a->io[i].count, b->io[i].count);
                for (size_t j = 0; j < a->io[i].count; j++) {
                        assert_int_equal(a->io[i].rows[j].major, b->io[i].rows[j].major);
                        assert_int_equal(a->io[i].rows[j].minor, b->io[i].rows[j].minor);
                        assert_int_equal(a->io[i].rows[j].has, b->io[i].rows[j].has);
                        assert_memory_equal(
                                a->io[i].rows[j].values, b->io[i].rows[j].values, sizeof(a->io[i].rows[j].values));
                }
        }
        assert_memory_equal(&a->cpu_pressure.some, &b->cpu_pressure.some, sizeof(a->cpu_pressure.some));
        assert_memory_equal(&a->memory_pressure.full, &b->memory_pressure.full, sizeof(a->memory_pressure.full));
        assert_memory_equal(&a->io_pressure.some, &b->io_pressure.some, sizeof(a->io_pressure.some));
        assert_int_equal(a->io_pressure.has_full, b->io_pressure.has_full);
        assert_int_equal(a->huge_count, b->huge_count);
        for (size_t i = 0; i < a->huge_count; i++) {
                assert_string_equal(a->huge[i].size, b->huge[i].size);
                assert_memory_equal(&a->huge[i].usage, &b->huge[i].usage, 3 * sizeof(uint64_t));
        }
        assert_memory_equal(&a->pids, &b->pids, 3 * sizeof(uint64_t));
        assert_int_equal(a->frozen, b->frozen);
        assert_int_equal(a->has_memory, b->has_memory);
        assert_int_equal(a->refused, b->refused);
}

static void assert_sample(const struct container_stats *a, const struct container_stats *b)
{
        assert_int_equal(a->time_ns, b->time_ns);
        assert_cgroup(&a->cgroup, &b->cgroup);
        assert_int_equal(a->net.interface_count, b->net.interface_count);
        for (size_t i = 0; i < a->net.interface_count; i++) {
                assert_text(a->net.interfaces[i].name, b->net.interfaces[i].name);
                assert_memory_equal(
                        &a->net.interfaces[i].rx_bytes, &b->net.interfaces[i].rx_bytes, 8 * sizeof(uint64_t));
        }
        assert_memory_equal(&a->net.tcp, &b->net.tcp, sizeof(a->net.tcp));
        assert_memory_equal(&a->net.udp, &b->net.udp, sizeof(a->net.udp));
        assert_memory_equal(&a->net.advanced, &b->net.advanced, sizeof(a->net.advanced));
        assert_int_equal(a->net.has_tcp, b->net.has_tcp);
        assert_memory_equal(&a->tasks.processes, &b->tasks.processes, 5 * sizeof(uint64_t));
        assert_int_equal(a->tasks.ulimit_count, b->tasks.ulimit_count);
        for (size_t i = 0; i < a->tasks.ulimit_count; i++) {
                assert_text(a->tasks.ulimits[i].name, b->tasks.ulimits[i].name);
                assert_int_equal(a->tasks.ulimits[i].soft, b->tasks.ulimits[i].soft);
        }
        assert_memory_equal(&a->load, &b->load, sizeof(a->load));
        assert_int_equal(a->load_average, b->load_average);
        assert_int_equal(a->load_d_average, b->load_d_average);
        assert_int_equal(a->filesystem_count, b->filesystem_count);
        for (size_t i = 0; i < a->filesystem_count; i++) {
                assert_text(a->filesystems[i].device, b->filesystems[i].device);
                assert_text(a->filesystems[i].type, b->filesystems[i].type);
                assert_int_equal(a->filesystems[i].has_inodes, b->filesystems[i].has_inodes);
                assert_memory_equal(&a->filesystems[i].capacity, &b->filesystems[i].capacity, 6 * sizeof(uint64_t));
                assert_memory_equal(
                        &a->filesystems[i].reads_completed, &b->filesystems[i].reads_completed, 11 * sizeof(uint64_t));
        }
        assert_int_equal(a->perf_count, b->perf_count);
        for (size_t i = 0; i < a->perf_count; i++) {
                assert_text(a->perf[i].name, b->perf[i].name);
                assert_memory_equal(&a->perf[i].scaling_ratio, &b->perf[i].scaling_ratio, sizeof(double));
                assert_int_equal(a->perf[i].cpu, b->perf[i].cpu);
                assert_int_equal(a->perf[i].socket, b->perf[i].socket);
        }
        assert_int_equal(a->app_count, b->app_count);
        for (size_t i = 0; i < a->app_count; i++) {
                assert_int_equal(a->apps[i].integer, b->apps[i].integer);
                assert_memory_equal(&a->apps[i].real, &b->apps[i].real, sizeof(double));
        }
        ASSERT_ROWS(&a->resctrl, &b->resctrl, bandwidth, bandwidth_count);
        assert_text(a->health, b->health);
        assert_int_equal(a->oom_events, b->oom_events);
        assert_int_equal(a->has_net, b->has_net);
        assert_int_equal(a->has_filesystems, b->has_filesystems);
}

/* Full, and as the difference to another of the same shape. */
static void test_round_trip(void **state)
{
        (void)state;
        struct packed first, second, read;
        struct buf bytes;
        packed_init(&first);
        packed_init(&second);
        packed_init(&read);
        buf_init(&bytes, 1 << 20);
        for (size_t i = 0; i < 4000; i++) {
                struct arena arena;
                struct container_stats stats, other, back;
                seed = i + 1;
                arena_init(&arena, 1 << 20);
                random_sample(&stats, &arena);
                assert_int_equal(packed_take_apart(&first, &stats, NULL), 0);
                buf_clear(&bytes);
                packed_write_full(&first, &bytes);
                assert_int_equal(packed_read_full(sv_n(buf_text(&bytes), bytes.len), &read, NULL), 0);
                assert_int_equal(packed_put_together(&read, &arena, &back, NULL), 0);
                assert_sample(&stats, &back);

                other = stats;
                other.time_ns += (int64_t)(draw() % 10000000000);
                other.cgroup.cpu.total_ns = number();
                other.cgroup.memory.working_set = number();
                other.load_average = (int32_t)draw();
                assert_int_equal(packed_take_apart(&second, &other, NULL), 0);
                assert_true(packed_same_shape(&first, &second));
                buf_clear(&bytes);
                packed_write_difference(&first, &second, &bytes);
                assert_int_equal(packed_read_difference(sv_n(buf_text(&bytes), bytes.len), &read, NULL), 0);
                assert_int_equal(packed_put_together(&read, &arena, &back, NULL), 0);
                assert_sample(&other, &back);
                arena_done(&arena);
        }
        buf_done(&bytes);
        packed_done(&first);
        packed_done(&second);
        packed_done(&read);
}

static void test_malformed(void **state)
{
        (void)state;
        struct packed packed;
        struct arena arena;
        struct container_stats stats;
        struct error err;
        static const struct sv bad[] = { SV(""),
                SV("\x05"
                   "a"),
                SV("\x00\x03\x05\x01"), SV("\x00\x00"), SV("\x00\xff\xff\xff\xff\x0f"),
                SV("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), SV("\x00\x03\x00\xff") };
        packed_init(&packed);
        arena_init(&arena, 1 << 20);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                assert_int_equal(packed_read_full(bad[i], &packed, &err), -1);
                assert_int_equal(err.code, E_CORRUPT);
        }
        /* the shape of a sample with fewer values than it needs */
        assert_int_equal(packed_read_full(SV("\x00\x04\x00\x02"), &packed, &err), 0);
        assert_int_equal(packed_put_together(&packed, &arena, &stats, &err), -1);
        assert_int_equal(err.code, E_CORRUPT);
        arena_done(&arena);
        packed_done(&packed);
}

/* A container as they mostly are: v2, an interface, two devices. */
static void plain_sample(struct container_stats *stats, struct net_interface_stats *interface, uint64_t *per_cpu)
{
        *stats = (struct container_stats){ .time_ns = 1700000000123456789, .health = "", .has_net = true };
        stats->cgroup.cpu = (struct cgroup_cpu){ .total_ns = 183947239847,
                .user_ns = 123984723987,
                .system_ns = 59962515860,
                .per_cpu_ns = per_cpu,
                .per_cpu_count = 2 };
        stats->cgroup.memory = (struct cgroup_memory){
                .usage = 120 << 20, .working_set = 100 << 20, .rss = 80 << 20, .cache = 40 << 20, .pgfault = 12345678
        };
        *interface = (struct net_interface_stats){ .name = "eth0", .rx_bytes = 123456789, .rx_packets = 123456 };
        stats->net.interfaces = interface;
        stats->net.interface_count = 1;
}

struct taking {
        size_t count;
        int64_t first_ns, last_ns;
};

static int take(const struct packed *packed, void *cookie)
{
        struct taking *taking = cookie;
        int64_t time_ns = (int64_t)packed->values[PACKED_TIME];
        taking->first_ns = taking->count++ ? taking->first_ns : time_ns;
        assert_true(time_ns > taking->last_ns);
        taking->last_ns = time_ns;
        return 0;
}

static size_t bytes_a_sample(bool busy)
{
        enum { SAMPLES = 320 };
        struct ring ring = { 0 };
        struct ring_scratch scratch;
        struct container_stats stats;
        struct net_interface_stats interface;
        uint64_t per_cpu[2] = { 91973619923, 91973619924 };
        size_t before = 0;
        ring_scratch_init(&scratch);
        plain_sample(&stats, &interface, per_cpu);
        for (size_t i = 0; i < SAMPLES; i++) {
                bool same;
                stats.time_ns += 1000000000 + (int64_t)(draw() % 1000000000);
                if (busy) {
                        stats.cgroup.cpu.total_ns += draw() % 1000000000;
                        stats.cgroup.cpu.user_ns += draw() % 500000000;
                        stats.cgroup.cpu.system_ns += draw() % 500000000;
                        per_cpu[0] += draw() % 500000000;
                        per_cpu[1] += draw() % 500000000;
                        for (size_t j = 0; j < 12; j++)
                                (&stats.cgroup.memory.usage)[j] += (draw() % 1000) << 12;
                        for (size_t j = 0; j < 6; j++)
                                (&stats.cgroup.memory.pgfault)[j] += draw() % 10000;
                        interface.rx_bytes += draw() % 10000000;
                        interface.rx_packets += draw() % 10000;
                        interface.tx_bytes += draw() % 10000000;
                        interface.tx_packets += draw() % 10000;
                }
                assert_int_equal(ring_add(&ring, &scratch, &stats, &same, NULL), 0);
                assert_int_equal(same, !busy && i > 0);
                before = i == 0 ? ring.bytes : before;
        }
        struct taking taking = { 0 };
        assert_int_equal(ring_each(&ring, &scratch.now, INT64_MIN, INT64_MAX, 0, take, &taking), 0);
        assert_int_equal(taking.count, SAMPLES);
        assert_int_equal(taking.last_ns, stats.time_ns);
        size_t bytes = (ring.bytes - ring.latest_room) / SAMPLES;
        ring_done(&ring);
        ring_scratch_done(&scratch);
        return bytes;
}

static void test_bytes(void **state)
{
        (void)state;
        size_t idle = bytes_a_sample(false);
        size_t busy = bytes_a_sample(true);
        print_message("# %zu bytes an idle sample, %zu a busy one\n", idle, busy);
        assert_true(idle <= 16);
        assert_true(busy <= 150);
}

static void test_ring_window(void **state)
{
        (void)state;
        struct ring ring = { 0 };
        struct ring_scratch scratch;
        struct container_stats stats;
        struct net_interface_stats interface;
        uint64_t per_cpu[2] = { 1, 2 };
        bool same;
        ring_scratch_init(&scratch);
        plain_sample(&stats, &interface, per_cpu);
        for (int i = 1; i <= 100; i++) {
                stats.time_ns = i * SECOND;
                if (i == 50) /* another shape in the middle */
                        interface.name = "eth1";
                assert_int_equal(ring_add(&ring, &scratch, &stats, &same, NULL), 0);
        }
        assert_int_equal(ring_add(&ring, &scratch, &stats, &same, NULL), -1); /* not younger */
        assert_int_equal(ring_count(&ring, INT64_MIN, INT64_MAX), 100);
        assert_int_equal(ring_count(&ring, 10 * SECOND, 19 * SECOND), 10);
        assert_int_equal(ring_count(&ring, 45 * SECOND, 55 * SECOND), 11);
        assert_int_equal(ring_count(&ring, 101 * SECOND, INT64_MAX), 0);
        struct taking taking = { 0 };
        ring_each(&ring, &scratch.now, 45 * SECOND, 55 * SECOND, 4, take, &taking);
        assert_int_equal(taking.count, 7);
        assert_int_equal(taking.first_ns, 49 * SECOND);
        assert_int_equal(taking.last_ns, 55 * SECOND);
        /* what is old goes by chunks, never anything young */
        assert_true(ring_expire(&ring, 40 * SECOND) > 0);
        assert_int_equal(ring_count(&ring, 40 * SECOND, INT64_MAX), 61);
        assert_true(ring_count(&ring, INT64_MIN, INT64_MAX) <= 61 + RING_CHUNK_SAMPLES);
        while (ring_drop_oldest(&ring))
                ;
        assert_int_equal(ring.count, 0);
        assert_true(ring_latest(&ring, &scratch.now)); /* the newest is left */
        stats.time_ns += SECOND;
        assert_int_equal(ring_add(&ring, &scratch, &stats, &same, NULL), 0);
        assert_true(same);
        assert_int_equal(ring_count(&ring, INT64_MIN, INT64_MAX), 1);
        ring_done(&ring);
        assert_int_equal(ring.bytes, 0);
        ring_scratch_done(&scratch);
}

/* A sample told again is the same as one that was added with the same figures. */
static void test_ring_repeat(void **state)
{
        (void)state;
        const int64_t begin_ns = 1700000000 * SECOND;
        struct ring added = { 0 };
        struct ring repeated = { 0 };
        struct ring_scratch scratch;
        struct container_stats stats;
        struct net_interface_stats interface;
        uint64_t per_cpu[2] = { 1, 2 };
        bool same;
        ring_scratch_init(&scratch);
        plain_sample(&stats, &interface, per_cpu);
        assert_int_equal(ring_repeat(&repeated, begin_ns, NULL), -1);
        for (int i = 0; i < 100; i++) {
                stats.time_ns = begin_ns + i * SECOND;
                assert_int_equal(ring_add(&added, &scratch, &stats, &same, NULL), 0);
                if (i % 10 == 0)
                        assert_int_equal(ring_add(&repeated, &scratch, &stats, &same, NULL), 0);
                else
                        assert_int_equal(ring_repeat(&repeated, stats.time_ns, NULL), 0);
                assert_int_equal(i == 0 || same, 1);
        }
        assert_int_equal(ring_repeat(&repeated, stats.time_ns, NULL), -1); /* not younger */
        assert_int_equal(repeated.count, added.count);
        assert_int_equal(repeated.bytes, added.bytes);
        assert_int_equal(repeated.latest_size, added.latest_size);
        assert_memory_equal(repeated.latest, added.latest, added.latest_size);
        const struct ring_chunk *a = added.oldest;
        for (const struct ring_chunk *b = repeated.oldest; b; a = a->next, b = b->next) {
                assert_int_equal(b->used, a->used);
                assert_int_equal(b->last_ns, a->last_ns);
                assert_memory_equal(b->bytes, a->bytes, a->used);
        }
        while (ring_drop_oldest(&repeated))
                ;
        assert_int_equal(ring_repeat(&repeated, stats.time_ns + SECOND, NULL), 0); /* of the newest, which is left */
        assert_int_equal(ring_count(&repeated, stats.time_ns + SECOND, INT64_MAX), 1);
        ring_done(&added);
        ring_done(&repeated);
        ring_scratch_done(&scratch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_bytes),
                cmocka_unit_test(test_ring_window),
                cmocka_unit_test(test_ring_repeat),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
