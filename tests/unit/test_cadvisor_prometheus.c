/* cAdvisor's metrics against its own expected texts (testdata/watch/cadvisor/lib/metrics): the values that they were
 * made from are set here, and every family must be the same text, and no family more or less. */
#include "cadvisor_fixture.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "base/timefmt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <time.h>

enum { MEMORY = 4 << 20 };

/* ---- families as blocks of text ---- */

#define EXPOSITION cleanup(release) struct exposition *
#define BUF cleanup(buf_done) struct buf

static void release_p(struct exposition **exposition)
{
        exposition_free(*exposition);
}

static struct sv read_golden(const char *name, struct buf *out)
{
        const char *root = getenv("TARSIER_TESTDATA"), *source = getenv("TARSIER_SOURCE");
        char path[4096];
        if (root)
                snprintf(path, sizeof(path), "%s/watch/cadvisor/lib/metrics/testdata/%s", root, name);
        else
                snprintf(path, sizeof(path), "%s/../shared/testdata/watch/cadvisor/lib/metrics/testdata/%s",
                        source ? source : ".", name);
        FILE *file = fopen(path, "re");
        if (!file)
                return (struct sv){ NULL, 0 };
        char bytes[4096];
        for (size_t n; (n = fread(bytes, 1, sizeof(bytes), file)) > 0;)
                buf_append(out, bytes, n);
        fclose(file);
        return sv_n(buf_text(out), out->len);
}

static void split(struct sv text, struct map *families)
{
        struct sv line;
        struct buf *block = NULL;
        while (sv_line(&text, &line)) {
                if (sv_starts(line, SV("# HELP "))) {
                        struct sv rest = sv_n(line.p + 7, line.n - 7), name;
                        assert_true(sv_split(&rest, ' ', &name));
                        assert_null(map_get(families, name));
                        block = calloc(1, sizeof(*block));
                        assert_non_null(block);
                        buf_init(block, MEMORY);
                        assert_int_equal(map_put(families, name, block), 0);
                }
                assert_non_null(block);
                buf_append(block, line.p, line.n);
                buf_putc(block, '\n');
        }
}

static void free_families_p(struct map *families)
{
        map_foreach (entry, families) {
                buf_done(entry->value);
                free(entry->value);
        }
        map_done(families);
}

static size_t compare(const char *golden_name, const char *text)
{
        BUF golden = { .max = MEMORY };
        struct sv expected_text = read_golden(golden_name, &golden);
        if (!expected_text.p) {
                print_message("skipped: needs the test data of cAdvisor\n");
                skip();
        }
        cleanup(free_families) struct map expected, got;
        map_init(&expected, 1000);
        map_init(&got, 1000);
        split(expected_text, &expected);
        split(sv_of(text), &got);
        map_foreach (entry, &expected) {
                struct buf *block = map_get(&got, sv_of(entry->key));
                if (!block)
                        fail_msg("%s is missing", entry->key);
                assert_string_equal(buf_text(block), buf_text(entry->value));
        }
        map_foreach (entry, &got) {
                if (!map_get(&expected, sv_of(entry->key)))
                        fail_msg("%s is not expected", entry->key);
        }
        return expected.count;
}

static void expose(const struct metrics_options *options, struct buf *out)
{
        struct container_stats stats;
        stats_set(&stats);
        const struct cadvisor_container_metrics container = { &ref, &spec, &stats, zone, 1 };
        struct error err;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        assert_int_equal(
                cadvisor_expose_containers(options, &devices, &container, 1, GOLDEN_TIME, exposition, &err), 0);
        cadvisor_expose_version(
                "4.1.6-200.fc22.x86_64", "Fedora 22 (Twenty Two)", "1.8.1", "0.16.0", "abcdef", exposition);
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, out, &err), 0);
        assert_int_equal(exposition_refused(exposition), 0);
}

static void test_metrics(void **state)
{
        (void)state;
        BUF out = { .max = MEMORY };
        expose(&golden_options, &out);
        assert_int_equal(compare("prometheus_metrics", buf_text(&out)), 107);
}

static void test_whitelist(void **state)
{
        (void)state;
        struct metrics_options options = golden_options;
        options.store_labels = false;
        BUF out = { .max = MEMORY };
        expose(&options, &out);
        assert_int_equal(compare("prometheus_metrics_whitelist_filtered", buf_text(&out)), 107);
        const char *const names[] = { "other", "foo.label", NULL };
        options.label_names = names;
        buf_clear(&out);
        expose(&options, &out);
        assert_int_equal(compare("prometheus_metrics", buf_text(&out)), 107);
}

static void test_perf_aggregated(void **state)
{
        (void)state;
        struct metrics_options options = golden_options;
        options.kinds = BIT(PERF_EVENT);
        BUF out = { .max = MEMORY };
        expose(&options, &out);
        compare("prometheus_metrics_perf_aggregated", buf_text(&out));
}

static void test_failures(void **state)
{
        (void)state;
        EXPOSITION containers = exposition_new(MEMORY, NULL);
        EXPOSITION machine = exposition_new(MEMORY, NULL);
        BUF out = { .max = MEMORY };
        assert_int_equal(cadvisor_expose_containers(&golden_options, NULL, NULL, 0, GOLDEN_TIME, containers, NULL), 0);
        assert_int_equal(exposition_write(containers, EXPOSITION_TEXT, &out, NULL), 0);
        compare("prometheus_metrics_failure", buf_text(&out));
        assert_int_equal(cadvisor_expose_machine(&golden_options, NULL, machine, NULL), 0);
        buf_clear(&out);
        assert_int_equal(exposition_write(machine, EXPOSITION_TEXT, &out, NULL), 0);
        compare("prometheus_machine_metrics_failure", buf_text(&out));
}

static void test_machine(void **state)
{
        (void)state;
        static struct machine_cache even[] = { { 0, 1, 32768, "Data" }, { 1, 1, 32768, "Instruction" },
                { 2, 2, 262144, "Unified" } };
        static struct machine_cache odd[] = { { 0, 1, 32764, "Data" }, { 1, 1, 32764, "Instruction" },
                { 2, 2, 262148, "Unified" } };
        static struct machine_cache shared[] = { { 3, 3, 8388608, "Unified" } };
        static int threads[16];
        static struct machine_core cores[8];
        for (int i = 0; i < 8; i++) {
                threads[2 * i] = 2 * i;
                threads[2 * i + 1] = 2 * i + 1;
                cores[i] = (struct machine_core){ .id = i,
                        .threads = &threads[2 * i],
                        .thread_count = 2,
                        .caches = i % 2 ? odd : even,
                        .cache_count = 3 };
        }
        static struct machine_huge_pages first[] = { { 1048576, 0 }, { 2048, 0 } };
        static struct machine_huge_pages second[] = { { 1048576, 2 }, { 2048, 4 } };
        static uint64_t distances[][2] = { { 10, 12 }, { 12, 10 } };
        static struct machine_node machine_nodes[] = { { .id = 0,
                                                               .memory = 33604804608,
                                                               .huge_pages = first,
                                                               .huge_pages_count = 2,
                                                               .cores = cores,
                                                               .core_count = 4,
                                                               .distances = distances[0],
                                                               .distance_count = 2 },
                { .id = 1,
                        .memory = 33604804606,
                        .huge_pages = second,
                        .huge_pages_count = 2,
                        .cores = cores + 4,
                        .core_count = 4,
                        .caches = shared,
                        .cache_count = 1,
                        .distances = distances[1],
                        .distance_count = 2 } };
        static struct machine_dimm dimms[] = { { "Unbuffered-DDR4", 412316860416, 12 },
                { "Non-volatile-RAM", 2168421613568, 8 } };
        const struct machine machine = { .read_unix_ns = GOLDEN_TIME,
                .cores = 4,
                .physical_cores = 1,
                .sockets = 1,
                .memory = 1024,
                .dimms = dimms,
                .dimm_count = 2,
                .nvm_memory_mode = 429496729600,
                .nvm_app_direct = 1735166787584,
                .machine_id = "machine-id-test",
                .system_uuid = "system-uuid-test",
                .boot_id = "boot-id-test",
                .nodes = machine_nodes,
                .node_count = 2 };
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct error err;
        assert_int_equal(cadvisor_expose_machine(&golden_options, &machine, exposition, &err), 0);
        BUF out = { .max = MEMORY };
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, &out, &err), 0);
        compare("prometheus_machine_metrics", buf_text(&out));

        struct metrics_options options = golden_options;
        options.kinds = ALL_KINDS & ~BIT(CPU_TOPOLOGY); /* off by default */
        EXPOSITION small = exposition_new(MEMORY, NULL);
        assert_int_equal(cadvisor_expose_machine(&options, &machine, small, &err), 0);
        buf_clear(&out);
        assert_int_equal(exposition_write(small, EXPOSITION_TEXT, &out, &err), 0);
        assert_null(strstr(buf_text(&out), "machine_node_"));
        assert_null(strstr(buf_text(&out), "siblings"));
        assert_non_null(strstr(buf_text(&out), "machine_cpu_cores{"));
}

/* Two containers, of which each has labels that the other has not. */
static void test_labels_of_all(void **state)
{
        (void)state;
        static struct container_pair one[] = { { "a.b", "" }, { "a-b", "dash" }, { "caf\xc3\xa9", "x" } };
        static struct container_pair two[] = { { "org", "say \"hi\"" } };
        const struct container_ref refs[] = { { .name = "/z", .aliases = aliases, .alias_count = 1 }, { .name = "/" } };
        const struct container_spec specs[] = { { .labels = one,
                                                        .label_count = 3,
                                                        .envs = envs,
                                                        .env_count = 1,
                                                        .image = "",
                                                        .created_ns = SECOND,
                                                        .has_memory = true,
                                                        .limits = { .memory_limit = CGROUP_NO_LIMIT,
                                                                .swap_limit = 5,
                                                                .memory_reservation = ((uint64_t)1 << 62) + 1 } },
                { .labels = two, .label_count = 1, .image = "" } };
        const struct container_stats none = { 0 };
        const struct cadvisor_container_metrics both[] = { { &refs[0], &specs[0], &none, NULL, 0 },
                { &refs[1], &specs[1], NULL, NULL, 0 } };
        const struct metrics_options options = { .store_labels = true, .kinds = BIT(MEMORY) };
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct error err;
        assert_int_equal(cadvisor_expose_containers(&options, NULL, both, 2, 7 * SECOND, exposition, &err), 0);
        BUF out = { .max = MEMORY };
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, &out, &err), 0);
#define Z                                                                                                              \
        "{container_label_a_b=\"dash\",container_label_caf_=\"x\",container_label_org=\"\",id=\"/"                     \
        "z\",name=\"testcontaineralias\"} "
        assert_string_equal(buf_text(&out),
                "# HELP container_creation_time_seconds Container creation time since unix epoch in seconds.\n"
                "# TYPE container_creation_time_seconds gauge\ncontainer_creation_time_seconds" Z "1\n"
                "# HELP container_health_state The result of the container's health check\n"
                "# TYPE container_health_state gauge\ncontainer_health_state" Z "-1\n"
                "# HELP container_last_seen Last time a container was seen by the exporter\n"
                "# TYPE container_last_seen gauge\ncontainer_last_seen" Z "7\n"
                "# HELP container_scrape_error 1 if there was an error while getting container metrics, 0 otherwise\n"
                "# TYPE container_scrape_error gauge\ncontainer_scrape_error 0\n"
                "# HELP container_spec_memory_limit_bytes Memory limit for the container.\n"
                "# TYPE container_spec_memory_limit_bytes gauge\ncontainer_spec_memory_limit_bytes" Z "0\n"
                "# HELP container_spec_memory_reservation_limit_bytes Memory reservation limit for the container.\n"
                "# TYPE container_spec_memory_reservation_limit_bytes gauge\n"
                "container_spec_memory_reservation_limit_bytes" Z "0\n"
                "# HELP container_spec_memory_swap_limit_bytes Memory swap limit for the container.\n"
                "# TYPE container_spec_memory_swap_limit_bytes gauge\ncontainer_spec_memory_swap_limit_bytes" Z "5\n"
                "# HELP container_start_time_seconds Start time of the container since unix epoch in seconds.\n"
                "# TYPE container_start_time_seconds gauge\ncontainer_start_time_seconds" Z "1\n");
}

static const char *only(uint32_t kinds, const struct container_stats *stats, struct buf *out, uint64_t *ret_refused)
{
        const struct container_ref root = { .name = "/" };
        const struct container_spec plain = { .image = "" };
        const struct cadvisor_container_metrics container = { &root, &plain, stats, NULL, 0 };
        const struct metrics_options options = { .kinds = kinds };
        struct error err;
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        assert_int_equal(cadvisor_expose_containers(&options, &devices, &container, 1, 0, exposition, &err), 0);
        buf_clear(out);
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, out, &err), 0);
        *ret_refused = exposition_refused(exposition);
        return buf_text(out);
}

static void test_cpu_total(void **state)
{
        (void)state;
        BUF out = { .max = MEMORY };
        uint64_t refused;
        struct container_stats stats;
        stats_set(&stats);
        const char *text = only(BIT(CPU), &stats, &out, &refused); /* per-CPU figures are not asked for */
        assert_non_null(strstr(text, "\ncontainer_cpu_usage_seconds_total{cpu=\"total\",id=\"/\"} 1e-09\n"));
        assert_null(strstr(text, "cpu00"));
        assert_null(strstr(text, "cfs")); /* no quota */
        stats.cgroup.has_cpu = false;
        assert_null(strstr(only(BIT(CPU), &stats, &out, &refused), "cpu"));
        static uint64_t many[120] = { [7] = 1, [110] = 2000000000 };
        stats.cgroup.has_cpu = true;
        stats.cgroup.cpu.per_cpu_ns = many;
        stats.cgroup.cpu.per_cpu_count = 120;
        text = only(BIT(CPU) | BIT(PERCPU), &stats, &out, &refused);
        assert_non_null(strstr(text, "{cpu=\"cpu07\",id=\"/\"} 1e-09\n"));
        assert_non_null(strstr(text, "{cpu=\"cpu110\",id=\"/\"} 2\n"));
        assert_null(strstr(text, "cpu08"));
}

static void test_devices(void **state)
{
        (void)state;
        BUF out = { .max = MEMORY };
        uint64_t refused;
        struct container_stats stats;
        stats_set(&stats);
        static struct cgroup_io_row rows[] = { { 7, 1, { [CGROUP_IO_READ] = 5 }, 1u << CGROUP_IO_READ },
                { 7, 2, { [CGROUP_IO_TOTAL] = 6 }, 0 }, { 8, 1, { [CGROUP_IO_READ] = 7 }, 1u << CGROUP_IO_READ } };
        stats.cgroup.io[CGROUP_IO_SERVICE_BYTES] = (struct cgroup_io_table){ rows, 3 };
        stats.cgroup.io[CGROUP_IO_SERVICED] = (struct cgroup_io_table){ rows, 3 };
        const char *text = only(BIT(DISK_IO), &stats, &out, &refused);
        assert_non_null(strstr(text, "container_fs_reads_bytes_total{device=\"7:1\",id=\"/\"} 5\n"));
        assert_non_null(strstr(text, "container_fs_reads_bytes_total{device=\"7:2\",id=\"/\"} 0\n"));
        assert_non_null(strstr(text, "device=\"7:2\",id=\"/\",major=\"7\",minor=\"2\",operation=\"Count\"} 6\n"));
        /* sda1 as a group's device and as a file system: the group's figure stands */
        assert_non_null(strstr(text, "container_fs_reads_total{device=\"sda1\",id=\"/\"} 7\n"));
        assert_non_null(strstr(text, "container_fs_reads_total{device=\"sda2\",id=\"/\"} 39\n"));
        assert_int_equal(refused, 2); /* reads and writes of sda1 */
}

static void test_nothing_told(void **state)
{
        (void)state;
        BUF out = { .max = MEMORY };
        uint64_t refused;
        const struct container_stats none = { 0 };
        const char *text = only(ALL_KINDS, &none, &out, &refused);
        static const char *const absent[] = { "container_cpu_u", "container_memory_usage", "container_network",
                "container_fs", "container_processes", "container_hugetlb", "container_perf", "container_llc",
                "container_spec", "container_start" };
        for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
                assert_null(strstr(text, absent[i]));
        assert_non_null(strstr(text, "\ncontainer_oom_events_total{id=\"/\"} 0\n"));
        assert_non_null(strstr(text, "\ncontainer_scrape_error 0\n"));
}

/* More names of labels than an answer may have: said by the error gauge, and the rest is whole. */
static void test_too_many_labels(void **state)
{
        (void)state;
        enum { COUNT = 600 };
        static char names[COUNT][16];
        static struct container_pair many[COUNT];
        for (int i = 0; i < COUNT; i++) {
                snprintf(names[i], sizeof(names[i]), "l%d", i);
                many[i] = (struct container_pair){ names[i], "v" };
        }
        const struct container_spec crowded = { .image = "", .labels = many, .label_count = COUNT };
        const struct container_stats none = { 0 };
        const struct cadvisor_container_metrics container = { &ref, &crowded, &none, NULL, 0 };
        const struct metrics_options options = { .store_labels = true };
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        struct error err;
        assert_int_equal(cadvisor_expose_containers(&options, NULL, &container, 1, 0, exposition, &err), 0);
        BUF out = { .max = MEMORY };
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, &out, &err), 0);
        assert_non_null(strstr(buf_text(&out), "\ncontainer_scrape_error 1\n"));
        assert_non_null(strstr(buf_text(&out), "id=\"testcontainer\""));
}

static void test_process(void **state)
{
        (void)state;
        int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                skip();
        EXPOSITION exposition = exposition_new(MEMORY, NULL);
        cadvisor_expose_process(proc, true, exposition);
        BUF out = { .max = MEMORY };
        assert_int_equal(exposition_write(exposition, EXPOSITION_TEXT, &out, NULL), 0);
        static const char *const present[] = { "process_cpu_seconds_total ", "process_max_fds ", "process_open_fds ",
                "process_resident_memory_bytes ", "process_start_time_seconds ", "process_virtual_memory_bytes ",
                "process_virtual_memory_max_bytes ", "go_goroutines ", "go_info{version=\"none\"} 1" };
        for (size_t i = 0; i < sizeof(present) / sizeof(present[0]); i++)
                assert_non_null(strstr(buf_text(&out), present[i]));
        /* as time(2) says it, within the life of this test */
        const char *start = strstr(buf_text(&out), "\nprocess_start_time_seconds ");
        double began = strtod(start + strlen("\nprocess_start_time_seconds "), NULL), now = (double)time(NULL);
        assert_true(began > now - 600 && began < now + 2);
        EXPOSITION plain = exposition_new(MEMORY, NULL);
        cadvisor_expose_process(proc, false, plain);
        buf_clear(&out);
        assert_int_equal(exposition_write(plain, EXPOSITION_TEXT, &out, NULL), 0);
        assert_null(strstr(buf_text(&out), "go_"));
        close(proc);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_metrics), cmocka_unit_test(test_whitelist),
                cmocka_unit_test(test_perf_aggregated), cmocka_unit_test(test_failures), cmocka_unit_test(test_machine),
                cmocka_unit_test(test_labels_of_all), cmocka_unit_test(test_cpu_total), cmocka_unit_test(test_devices),
                cmocka_unit_test(test_nothing_told), cmocka_unit_test(test_too_many_labels),
                cmocka_unit_test(test_process) };
        return cmocka_run_group_tests_name("cadvisor_prometheus", tests, NULL, NULL);
}
