/* What the machine is made of: the reference data of real machines, trees made here for what those lack, this machine.
 *
 * The counts of cores and sockets of the seven CPU topologies are those that cAdvisor documents, except Graviton's,
 * which it has no count for: that follows from the files. Which CPUs make a core is checked against the kernel's own
 * thread_siblings_list, which the reader does not use. */
#include "machine_tree.h"

#include <jansson.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>

static void link_cpuinfo(const char *name)
{
        char target[PATH_MAX + 64];
        snprintf(target, sizeof(target), "%s/%s", data_path(DATA "machine/testdata"), name);
        fixture_link(&tree, "proc/cpuinfo", target);
}

static void texts(void **state)
{
        (void)state;
        struct machine_cpu_set set;
        assert_true(machine_cpu_list_parse(SV("0-10,12,14,20-23\n"), &set));
        assert_int_equal(machine_cpu_set_count(&set), 17);
        assert_true(machine_cpu_set_has(&set, 14));
        assert_false(machine_cpu_set_has(&set, 13));
        assert_true(machine_cpu_list_parse(SV("8191"), &set));
        assert_true(machine_cpu_list_parse(SV("\n"), &set));
        assert_int_equal(machine_cpu_set_count(&set), 0);
        static const char *const bad_lists[] = { "8192", "3-2", "1,,2", "1,", "a", "1-", "-1", "0-99999999999", "1 2" };
        for (size_t i = 0; i < sizeof(bad_lists) / sizeof(*bad_lists); i++)
                assert_false(machine_cpu_list_parse(sv_of(bad_lists[i]), &set));
        size_t count;
        assert_true(machine_cpu_mask_count(SV("00ff,00000000,8000000f\n"), &count));
        assert_int_equal(count, 13);
        assert_false(machine_cpu_mask_count(SV(""), &count));
        assert_false(machine_cpu_mask_count(SV("ff,"), &count));
        assert_false(machine_cpu_mask_count(SV("fg"), &count));
        uint64_t bytes;
        assert_true(machine_cache_size_parse(SV("32768K"), &bytes));
        assert_int_equal(bytes, 32 << 20);
        assert_true(machine_cache_size_parse(SV("8M"), &bytes));
        assert_int_equal(bytes, 8 << 20);
        assert_true(machine_cache_size_parse(SV("64"), &bytes));
        assert_int_equal(bytes, 64);
        assert_false(machine_cache_size_parse(SV("K"), &bytes));
        assert_false(machine_cache_size_parse(SV("18446744073709551615K"), &bytes));
        assert_true(sv_eq(machine_scheduler_parse(SV("none [mq-deadline] bfq")), SV("mq-deadline")));
        assert_int_equal(machine_scheduler_parse(SV("none")).n, 0);
        assert_int_equal(machine_scheduler_parse(SV("[none")).n, 0);
        assert_int_equal(machine_frequency_parse(SV("cpu MHz\t\t: 2596.146\ncpu MHz: 1.0\n")), 2596146);
        assert_int_equal(machine_frequency_parse(SV("clock\t\t: 3425.000000MHz\n")), 3425000);
        assert_int_equal(machine_frequency_parse(SV("cpu MHz dynamic : x\nmodel : 1.0\n")), 0);
}

static void cpuinfos(void **state)
{
        (void)state;
        static const struct {
                const char *name;
                unsigned cores, sockets;
                uint64_t khz;
                const char *vendor;
        } rows[] = {
                { "cpuinfo", 6, 2, 1596000, "" },
                { "cpuinfo_onesocket_many_NUMAs", 16, 16, 0, "GenuineIntel" },
                { "cpuinfo_arm", 0, 0, 0, "" },
                { "cpuinfo_lower_case", 0, 0, 1450000, "" },
                { "cpuinfo_upper_case", 0, 0, 1800000, "" },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                teardown(NULL);
                setup(NULL);
                link_cpuinfo(rows[i].name);
                read_tree();
                assert_int_equal(machine.physical_cores, rows[i].cores);
                assert_int_equal(machine.sockets, rows[i].sockets);
                if (rows[i].khz)
                        assert_int_equal(machine.frequency_khz, rows[i].khz);
                assert_string_equal(machine.vendor, rows[i].vendor);
                assert_int_equal(machine.node_count, 0);
                assert_true(machine.cores >= 4); /* without sysfs, the processors of cpuinfo */
        }
        fixture_text(&tree, "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "4500000\n");
        read_tree();
        assert_int_equal(machine.frequency_khz, 4500000);
        fixture_text(&tree, "proc/cpuinfo.new", "vendor_id       : IBM/S390\nprocessor 0: version = FF\n");
        assert_int_equal(unlinkat(tree.root, "proc/cpuinfo", 0), 0);
        assert_int_equal(renameat(tree.root, "proc/cpuinfo.new", tree.root, "proc/cpuinfo"), 0);
        read_tree();
        assert_string_equal(machine.vendor, "IBM");
}

static const struct machine_core *core_of(int cpu)
{
        for (size_t n = 0; n < machine.node_count; n++)
                for (size_t c = 0; c < machine.nodes[n].core_count; c++)
                        for (size_t t = 0; t < machine.nodes[n].cores[c].thread_count; t++)
                                if (machine.nodes[n].cores[c].threads[t] == cpu)
                                        return &machine.nodes[n].cores[c];
        return NULL;
}

/* Each CPU's core holds its thread siblings, those that are online, and nothing else. How many CPUs had any. */
static size_t check_siblings(const struct machine_cpu_set *online)
{
        size_t checked = 0;
        for (int cpu = 0; cpu < 64; cpu++) {
                char path[128];
                char room[MACHINE_VALUE_MAX];
                struct sv text;
                struct machine_cpu_set siblings;
                snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
                if (!machine_cpu_set_has(online, cpu) || !machine_value(tree.root, path, room, &text))
                        continue;
                assert_true(machine_cpu_list_parse(text, &siblings));
                const struct machine_core *core = core_of(cpu);
                assert_non_null(core);
                for (size_t i = 0; i < core->thread_count; i++)
                        assert_true(machine_cpu_set_has(&siblings, core->threads[i]));
                size_t expected = 0;
                for (int other = 0; other < 64; other++)
                        expected += machine_cpu_set_has(&siblings, other) && machine_cpu_set_has(online, other);
                assert_int_equal(core->thread_count, expected);
                checked++;
        }
        return checked;
}

static void topologies(void **state)
{
        (void)state;
        static const struct {
                const char *name, *online;
                unsigned cpus, cores, sockets;
                size_t nodes, siblings;
        } rows[] = {
                { "utils/sysfs/testdata_rpi4", "0-3", 4, 4, 1, 1, 4 },
                { "machine/testdata_rpi4", "0-3", 4, 4, 1, 1, 4 },
                { "utils/sysfs/testdata_epyc7402", "0-23,27-40,42,44,46-47", 42, 24, 1, 1, 42 },
                { "utils/sysfs/testdata_epyc7402_nohyperthreading", "0-10,12,14,20-23", 17, 17, 1, 1, 17 },
                { "utils/sysfs/testdata_xeon4214_2socket", "0-47", 48, 24, 2, 2, 48 },
                { "utils/sysfs/testdata_xeon5218_nohyperthread_2socket_nohotplug", "0-31", 32, 32, 2, 2, 32 },
                { "utils/sysfs/testdata_single_socket_many_NUMAs", "0-31", 32, 16, 16, 16, 32 },
                /* CPU 2 is online and does not tell where it is: it is in no core, and counts as core 0 of socket 0 */
                { "utils/sysfs/testdata_graviton2", "1-3", 3, 3, 2, 1, 2 },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                char path[256];
                struct machine_cpu_set online;
                teardown(NULL);
                setup(NULL);
                snprintf(path, sizeof(path), DATA "%s", rows[i].name);
                link_data("sys/devices/system/cpu", path);
                read_tree();
                print_message("%s: %u CPUs, %u cores, %u sockets, %zu nodes\n", rows[i].name, machine.cores,
                        machine.physical_cores, machine.sockets, machine.node_count);
                assert_int_equal(machine.cores, rows[i].cpus);
                assert_int_equal(machine.physical_cores, rows[i].cores);
                assert_int_equal(machine.sockets, rows[i].sockets);
                assert_int_equal(machine.node_count, rows[i].nodes); /* no NUMA nodes: a socket each */
                assert_true(machine_cpu_list_parse(sv_of(rows[i].online), &online));
                assert_int_equal(check_siblings(&online), rows[i].siblings);
                for (size_t n = 0; n < machine.node_count; n++)
                        for (size_t c = 0; c < machine.nodes[n].core_count; c++)
                                assert_int_equal(machine.nodes[n].cores[c].socket, machine.nodes[n].id);
        }
        /* a CPU that says nothing is core 0 of socket 0, as the other one is */
        teardown(NULL);
        setup(NULL);
        link_data("sys/devices/system/cpu", DATA "machine/testdata/sysfs_cpus");
        link_cpuinfo("cpuinfo_arm");
        read_tree();
        assert_int_equal(machine.physical_cores, 1);
        assert_int_equal(machine.sockets, 1);
}

/* A tree of CPUs. */
static void make_cpu(int cpu, int core, int socket)
{
        char path[128];
        char text[16];
        snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/core_id", cpu);
        snprintf(text, sizeof(text), "%d\n", core);
        fixture_text(&tree, path, text);
        snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/physical_package_id", cpu);
        snprintf(text, sizeof(text), "%d\n", socket);
        fixture_text(&tree, path, text);
}

static void make_cache(int cpu, int index, int level, const char *type, const char *size, const char *mask, int id)
{
        const struct {
                const char *name, *text;
        } rows[] = { { "type", type }, { "size", size }, { "shared_cpu_map", mask } };
        char path[128];
        char text[16];
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/cache/index%d/%s", cpu, index, rows[i].name);
                fixture_text(&tree, path, rows[i].text);
        }
        snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/cache/index%d/level", cpu, index);
        snprintf(text, sizeof(text), "%d\n", level);
        fixture_text(&tree, path, text);
        snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/cache/index%d/id", cpu, index);
        snprintf(text, sizeof(text), "%d\n", id);
        if (id >= 0)
                fixture_text(&tree, path, text);
}

static void put_cpu_in_node(int node, int cpu)
{
        char path[128];
        char target[128];
        snprintf(path, sizeof(path), "sys/devices/system/node/node%d/cpu%d", node, cpu);
        snprintf(target, sizeof(target), "../../cpu/cpu%d", cpu);
        fixture_link(&tree, path, target);
}

static void make_node(int node, const char *distance)
{
        const struct {
                const char *name, *text;
        } rows[] = { { "meminfo", "\nNode 0 MemTotal:       32817192 kB\nNode 0 MemFree:  1 kB\n" },
                { "distance", distance }, { "hugepages/hugepages-2048kB/nr_hugepages", "1\n" },
                { "hugepages/hugepages-1048576kB/nr_hugepages", "2\n" },
                { "hugepages/hugepages-abckB/nr_hugepages", "1\n" } };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                char path[128];
                snprintf(path, sizeof(path), "sys/devices/system/node/node%d/%s", node, rows[i].name);
                fixture_text(&tree, path, rows[i].text);
        }
}

static void check_cache(const struct machine_cache *cache, int id, int level, const char *type, uint64_t size)
{
        assert_int_equal(cache->id, id);
        assert_int_equal(cache->level, level);
        assert_string_equal(cache->type, type);
        assert_int_equal(cache->size, size);
}

/* Two nodes of two cores with two threads each, one CPU offline, a third node of memory alone. */
static void nodes(void **state)
{
        (void)state;
        static const int cores[] = { 0, 1, 0, 1, 0, 1, 0, 1 };
        fixture_text(&tree, "sys/devices/system/cpu/online", "0-6\n");
        fixture_text(&tree, "sys/devices/system/node/online", "0-2\n");
        fixture_text(&tree, "sys/devices/system/cpu/cpufreq/boost", "1\n");
        make_node(0, "10 11 20\n");
        make_node(1, "11 10 20\n");
        make_node(2, "20 20 10\n");
        for (int cpu = 0; cpu < 8; cpu++) {
                make_cpu(cpu, cores[cpu], cpu % 4 / 2);
                put_cpu_in_node(cpu % 4 / 2, cpu);
                bool second = cpu % 4 / 2;
                make_cache(cpu, 0, 1, "Data", "32K\n", second ? "00000044" : cpu % 2 ? "22" : "11", cpu);
                make_cache(cpu, 3, 3, "Unified", "8192K\n", second ? "4c" : "33", second);
        }
        read_tree();
        assert_int_equal(machine.cores, 7);
        assert_int_equal(machine.node_count, 3);
        assert_int_equal(machine.nodes[0].memory, INT64_C(33604804608));
        assert_int_equal(machine.nodes[0].core_count, 2);
        assert_int_equal(machine.nodes[0].cores[0].thread_count, 2);
        assert_int_equal(machine.nodes[0].cores[0].threads[0], 0);
        assert_int_equal(machine.nodes[0].cores[0].threads[1], 4);
        assert_int_equal(machine.nodes[0].cores[1].threads[1], 5);
        assert_int_equal(machine.nodes[0].cores[1].cache_count, 1);
        assert_int_equal(machine.nodes[0].cores[1].uncore_cache_count, 0);
        check_cache(&machine.nodes[0].cores[1].caches[0], 1, 1, "Data", 32768);
        assert_int_equal(machine.nodes[0].cache_count, 1);
        check_cache(&machine.nodes[0].caches[0], 0, 3, "Unified", 8 << 20);
        assert_int_equal(machine.nodes[1].cores[0].threads[0], 2);
        assert_int_equal(machine.nodes[1].cores[0].thread_count, 2);
        assert_int_equal(machine.nodes[1].cores[1].thread_count, 1); /* 7 is offline */
        assert_int_equal(machine.nodes[1].cache_count, 1);
        check_cache(&machine.nodes[1].caches[0], 1, 3, "Unified", 8 << 20);
        assert_int_equal(machine.nodes[2].core_count, 0);
        assert_int_equal(machine.nodes[2].memory, INT64_C(33604804608));
        assert_int_equal(machine.nodes[2].distance_count, 3);
        assert_int_equal(machine.nodes[2].distances[2], 10);
        assert_int_equal(machine.nodes[1].huge_pages_count, 2);
        assert_int_equal(machine.nodes[1].huge_pages[0].page_kib, 1048576);
        assert_int_equal(machine.nodes[1].huge_pages[0].pages, 2);
        assert_int_equal(machine.nodes[1].huge_pages[1].page_kib, 2048);
        assert_int_equal(machine.refused, 3); /* hugepages-abckB */
        assert_int_equal(machine.books, 0);
}

/* cAdvisor's documented tree without nodes: CPUs 0 and 2 are core 0 of socket 0, 1 and 3 core 1 of socket 1. */
static void without_nodes(void **state)
{
        (void)state;
        for (int cpu = 0; cpu < 4; cpu++) {
                make_cpu(cpu, cpu % 2, cpu % 2);
                make_cache(cpu, 0, 0, "unified", "32K", cpu % 2 ? "a" : "5", 0);
        }
        read_tree();
        assert_int_equal(machine.cores, 4);
        assert_int_equal(machine.node_count, 2);
        for (int i = 0; i < 2; i++) {
                const struct machine_node *node = &machine.nodes[i];
                assert_int_equal(node->id, i);
                assert_int_equal(node->memory, 0);
                assert_int_equal(node->huge_pages_count + node->distance_count + node->cache_count, 0);
                assert_int_equal(node->core_count, 1);
                assert_int_equal(node->cores[0].id, i);
                assert_int_equal(node->cores[0].socket, i);
                assert_int_equal(node->cores[0].thread_count, 2);
                assert_int_equal(node->cores[0].threads[0], i);
                assert_int_equal(node->cores[0].threads[1], i + 2);
                assert_int_equal(node->cores[0].cache_count, 1);
                check_cache(&node->cores[0].caches[0], 0, 0, "unified", 32768);
        }
}

/* Four cores, two and two on an L3 (as EPYC has it); an L2 shared by all (a small Arm), without ids; books of s390. */
static void shared_caches(void **state)
{
        (void)state;
        for (int cpu = 0; cpu < 4; cpu++) {
                char path[128];
                make_cpu(cpu, cpu, 0);
                make_cache(cpu, 0, 1, "Data", "48K", cpu == 0 ? "1" : cpu == 1 ? "2" : cpu == 2 ? "4" : "8", -1);
                make_cache(cpu, 2, 2, "Unified", "1M", "f", -1);
                make_cache(cpu, 3, 3, "Unified", "16384K", cpu < 2 ? "3" : "c", cpu / 2);
                make_cache(cpu, 4, 4, "Unified", "broken", "f", 0);
                snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/book_id", cpu);
                fixture_text(&tree, path, cpu < 2 ? "1\n" : "2\n");
                snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%d/topology/drawer_id", cpu);
                fixture_text(&tree, path, "7\n");
        }
        read_tree();
        const struct machine_node *node = &machine.nodes[0];
        assert_int_equal(machine.node_count, 1);
        assert_int_equal(node->core_count, 4);
        for (size_t i = 0; i < 4; i++) {
                assert_int_equal(node->cores[i].cache_count, 1);
                check_cache(&node->cores[i].caches[0], 0, 1, "Data", 49152);
                assert_int_equal(node->cores[i].uncore_cache_count, 1);
                check_cache(&node->cores[i].uncore_caches[0], (int)i / 2, 3, "Unified", 16 << 20);
        }
        assert_int_equal(node->cache_count, 1);
        check_cache(&node->caches[0], 0, 2, "Unified", 1 << 20);
        assert_int_equal(machine.refused, 4);
        assert_int_equal(machine.books, 2);
        assert_int_equal(machine.drawers, 1);
        assert_string_equal(node->cores[2].book, "2");
        assert_string_equal(node->cores[2].drawer, "7");
}

static void memory_modules(void **state)
{
        (void)state;
        link_data("sys/devices/system/edac", DATA "machine/testdata/edac");
        read_tree();
        assert_int_equal(machine.dimm_count, 2);
        assert_string_equal(machine.dimms[0].type, "Unbuffered-DDR4");
        assert_int_equal(machine.dimms[0].capacity, INT64_C(789) << 20);
        assert_int_equal(machine.dimms[0].count, 1);
        assert_string_equal(machine.dimms[1].type, "Non-volatile-RAM");
        assert_int_equal(machine.dimms[1].capacity, INT64_C(579) << 20);
        assert_int_equal(machine.dimms[1].count, 2);
}

static void identity(void **state)
{
        (void)state;
        fixture_text(&tree, "etc/machine-id", "\n");
        fixture_text(&tree, "var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n");
        fixture_text(&tree, "proc/sys/kernel/random/boot_id", "02afc705-1bcc-4390-add7-83fa432f91ea\n");
        fixture_text(&tree, "proc/sys/kernel/osrelease", "6.1.0-test\n");
        read_tree();
        assert_string_equal(machine.machine_id, "0123456789abcdef0123456789abcdef");
        assert_string_equal(machine.boot_id, "02afc705-1bcc-4390-add7-83fa432f91ea");
        assert_string_equal(machine.system_uuid, "");
        assert_string_equal(machine.kernel_version, "6.1.0-test");
        assert_string_equal(machine.os_version, "Unknown");
        assert_string_equal(machine.cloud_provider, "Unknown");
        assert_string_equal(machine.instance_type, "Unknown");
        assert_string_equal(machine.instance_id, "None");
        assert_int_equal(machine.memory, 1 << 20);
        assert_int_equal(machine.swap, 512 << 10);
        fixture_text(&tree, "etc/machine-id", "f123\n");
        read_tree();
        assert_string_equal(machine.system_uuid, "f123"); /* where no firmware tells */
        fixture_bytes(&tree, "proc/device-tree/vm,uuid", "power\0", 6);
        read_tree();
        assert_string_equal(machine.system_uuid, "power");
        fixture_text(&tree, "sys/class/dmi/id/product_uuid", "D1\n");
        fixture_text(&tree, "etc/os-release", "NAME=x\nID=amzn\n");
        fixture_text(&tree, "boot", "  b2\n");
        const struct machine_places places = { .procfs = "proc",
                .sysfs = "sys",
                .machine_id_files = "/absent, etc/machine-id",
                .boot_id_files = "/boot,/etc/machine-id" };
        assert_int_equal(machine_read(tree.root, &places, &arena, &machine, &err), 0);
        assert_string_equal(machine.machine_id, "f123");
        assert_string_equal(machine.boot_id, "b2");
        assert_string_equal(machine.system_uuid, "D1");
        assert_string_equal(machine.os_version, "Linux");
        assert_string_equal(machine.cloud_provider, "AWS");
        assert_string_equal(machine.instance_id, "Unknown");
        fixture_text(&tree, "sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
        fixture_text(&tree, "sys/class/dmi/id/product_name", "m5.large\n");
        fixture_text(&tree, "sys/class/dmi/id/board_asset_tag", "i-0123456789abcdef0\n");
        fixture_text(&tree, "etc/os-release", "PRETTY_NAME=\"Debian 12\"\n");
        read_tree();
        assert_string_equal(machine.cloud_provider, "AWS");
        assert_string_equal(machine.instance_type, "m5.large");
        assert_string_equal(machine.instance_id, "i-0123456789abcdef0");
        assert_string_equal(machine.os_version, "Debian 12");
        fixture_text(&tree, "sys/class/dmi/id/sys_vendor", "Google\n");
        fixture_text(&tree, "sys/class/dmi/id/product_name", "Google Compute Engine\n");
        read_tree();
        assert_string_equal(machine.cloud_provider, "GCE");
        fixture_text(&tree, "sys/class/dmi/id/sys_vendor", "Microsoft Corporation\n");
        fixture_text(&tree, "sys/class/dmi/id/product_name", "Virtual Machine\n");
        fixture_text(&tree, "sys/class/dmi/id/chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77\n");
        read_tree();
        assert_string_equal(machine.cloud_provider, "Azure");
        assert_string_equal(machine.instance_id, "D1");
}

static void without_what_it_needs(void **state)
{
        (void)state;
        struct machine other = { .cores = 7 };
        const struct machine_places places = { .procfs = "absent" };
        assert_int_equal(machine_read(tree.root, &places, &arena, &other, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(unlinkat(tree.root, "proc/meminfo", 0), 0);
        assert_int_equal(machine_read(tree.root, NULL, &arena, &other, &err), -1);
        assert_int_equal(err.code, E_NOT_FOUND);
        assert_int_equal(other.cores, 7); /* untouched */
}

/* At every size of the arena it is all or a clean failure. */
static void without_memory(void **state)
{
        (void)state;
        cleanup(fd_close) int root = real_root();
        assert_int_equal(machine_read(root, NULL, &arena, &machine, &err), 0);
        size_t used = arena.used;
        size_t failed = 0;
        assert_true(used < 1 << 20);
        for (size_t limit = 0; limit < used; limit += used / 64 + 1) {
                struct arena small;
                arena_init(&small, limit);
                if (machine_read(root, NULL, &small, &machine, &err) < 0) {
                        assert_int_equal(err.code, E_NO_MEMORY);
                        failed++;
                }
                arena_done(&small);
        }
        assert_true(failed > 32);
}

static void live(void **state)
{
        (void)state;
        struct utsname name;
        struct statvfs space;
        struct filesystem_stats *stats;
        size_t count;
        cleanup(fd_close) int root = real_root();
        assert_int_equal(machine_read(root, NULL, &arena, &machine, &err), 0);
        assert_int_equal(machine.cores, sysconf(_SC_NPROCESSORS_ONLN));
        assert_true(machine.physical_cores > 0 && machine.physical_cores <= machine.cores);
        assert_true(machine.sockets > 0);
        assert_true(machine.memory / (uint64_t)sysconf(_SC_PAGESIZE) == (uint64_t)sysconf(_SC_PHYS_PAGES));
        assert_int_equal(uname(&name), 0);
        assert_string_equal(machine.kernel_version, name.release);
        assert_int_equal(strlen(machine.boot_id), 36);
        assert_true(machine.read_unix_ns > 0);
        assert_int_equal(machine_filesystems_read(root, NULL, &machine, &arena, &stats, &count, &err), 0);
        assert_int_equal(statvfs("/", &space), 0);
        bool found = false;
        for (size_t i = 0; i < count; i++)
                if (strcmp(stats[i].mount_point, "/") == 0) {
                        assert_int_equal(stats[i].capacity, space.f_blocks * space.f_frsize);
                        found = true;
                }
        assert_true(found);
}

static uint64_t number_of(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);
        assert_true(json_is_integer(value));
        return (uint64_t)json_integer_value(value);
}

static const char *text_of(const json_t *object, const char *key)
{
        const char *value = json_string_value(json_object_get(object, key));
        assert_non_null(value);
        return value;
}

static json_t *sample(void)
{
        char path[PATH_MAX + 32];
        snprintf(path, sizeof(path), "%s/_api_v1.3_machine.txt", data_path("watch/cadvisor-v0.35-live-samples"));
        cleanup(buf_done) struct buf text;
        buf_init(&text, 1 << 20);
        assert_int_equal(file_read(AT_FDCWD, path, &text, &err), 0);
        const char *body = strstr(buf_text(&text), "\r\n\r\n");
        body = body ? body : strstr(buf_text(&text), "\n\n");
        assert_non_null(body);
        json_t *document = json_loads(body, JSON_DISABLE_EOF_CHECK, NULL);
        assert_true(json_is_object(document));
        return document;
}

static void compare_topology(const json_t *document)
{
        const json_t *topology = json_object_get(document, "topology");
        assert_int_equal(machine.node_count, json_array_size(topology));
        for (size_t n = 0; n < machine.node_count; n++) {
                const json_t *node = json_array_get(topology, n);
                const json_t *cores = json_object_get(node, "cores");
                assert_int_equal(machine.nodes[n].id, number_of(node, "node_id"));
                assert_int_equal(machine.nodes[n].core_count, json_array_size(cores));
                assert_int_equal(machine.nodes[n].cache_count, json_array_size(json_object_get(node, "caches")));
                for (size_t c = 0; c < machine.nodes[n].core_count; c++) {
                        const struct machine_core *core = &machine.nodes[n].cores[c];
                        const json_t *caches = json_object_get(json_array_get(cores, c), "caches");
                        const json_t *threads = json_object_get(json_array_get(cores, c), "thread_ids");
                        assert_int_equal(core->id, number_of(json_array_get(cores, c), "core_id"));
                        assert_int_equal(core->thread_count, json_array_size(threads));
                        assert_int_equal(core->threads[0], json_integer_value(json_array_get(threads, 0)));
                        assert_int_equal(core->cache_count, json_array_size(caches));
                        for (size_t i = 0; i < core->cache_count; i++) {
                                assert_int_equal(core->caches[i].level, number_of(json_array_get(caches, i), "level"));
                                assert_string_equal(core->caches[i].type, text_of(json_array_get(caches, i), "type"));
                        }
                }
        }
}

/* The row of this name, NULL for none. */
static const json_t *row_of(const json_t *list, const char *key, const char *name)
{
        for (size_t i = 0; i < json_array_size(list); i++)
                if (strcmp(text_of(json_array_get(list, i), key), name) == 0)
                        return json_array_get(list, i);
        return NULL;
}

/* What is mounted or plugged in now may be more or less than then; what both know is the same, and there is some. */
static void compare_lists(const json_t *document)
{
        const json_t *list = json_object_get(document, "filesystems");
        size_t found = 0;
        for (size_t i = 0; i < machine.filesystem_count; i++) {
                const json_t *row = row_of(list, "device", machine.filesystems[i].device);
                if (!row || machine.filesystems[i].capacity != number_of(row, "capacity"))
                        continue; /* several tmpfs have one name and sizes of their own */
                found++;
                assert_string_equal(machine.filesystems[i].type, text_of(row, "type"));
                assert_int_equal(machine.filesystems[i].inodes, number_of(row, "inodes"));
        }
        assert_true(found > 0);
        list = json_object_get(document, "disk_map");
        found = 0;
        for (size_t i = 0; i < machine.disk_count; i++) {
                char key[32];
                snprintf(key, sizeof(key), "%u:%u", machine.disks[i].major, machine.disks[i].minor);
                const json_t *row = json_object_get(list, key);
                if (!row)
                        continue;
                found++;
                assert_string_equal(machine.disks[i].name, text_of(row, "name"));
                assert_int_equal(machine.disks[i].size, number_of(row, "size"));
                assert_string_equal(machine.disks[i].scheduler, text_of(row, "scheduler"));
        }
        assert_true(found > 0);
        list = json_object_get(document, "network_devices");
        found = 0;
        for (size_t i = 0; i < machine.network_device_count; i++) {
                const json_t *row = row_of(list, "name", machine.network_devices[i].name);
                if (!row)
                        continue;
                found++;
                assert_int_equal(machine.network_devices[i].speed, json_integer_value(json_object_get(row, "speed")));
                assert_int_equal(machine.network_devices[i].mtu, number_of(row, "mtu"));
        }
        assert_true(found > 0);
        list = json_object_get(document, "hugepages");
        assert_int_equal(machine.huge_pages_count, json_array_size(list));
        for (size_t i = 0; i < machine.huge_pages_count; i++)
                assert_int_equal(machine.huge_pages[i].page_kib, number_of(json_array_get(list, i), "page_size"));
}

/* cAdvisor 0.35 ran on a machine like the one these are written on, which is known by its machine id. */
static void beside_the_sample(void **state)
{
        (void)state;
        json_t *document = sample();
        cleanup(fd_close) int root = real_root();
        assert_int_equal(machine_read(root, NULL, &arena, &machine, &err), 0);
        if (strcmp(machine.machine_id, text_of(document, "machine_id")) != 0) {
                json_decref(document);
                print_message("skipped: needs the machine of the sample\n");
                skip();
        }
        assert_int_equal(machine.cores, number_of(document, "num_cores"));
        assert_int_equal(machine.memory, number_of(document, "memory_capacity"));
        assert_string_equal(machine.system_uuid, text_of(document, "system_uuid"));
        assert_string_equal(machine.cloud_provider, text_of(document, "cloud_provider"));
        assert_string_equal(machine.instance_type, text_of(document, "instance_type"));
        assert_string_equal(machine.instance_id, text_of(document, "instance_id"));
        compare_lists(document);
        compare_topology(document);
        json_decref(document);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts),
                WITH_TREE(cpuinfos),
                WITH_TREE(topologies),
                WITH_TREE(nodes),
                WITH_TREE(without_nodes),
                WITH_TREE(shared_caches),
                WITH_TREE(memory_modules),
                WITH_TREE(identity),
                WITH_TREE(without_what_it_needs),
                WITH_TREE(without_memory),
                WITH_TREE(live),
                WITH_TREE(beside_the_sample),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
