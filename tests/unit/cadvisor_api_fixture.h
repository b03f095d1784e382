/* cAdvisor's API on a registry made by hand: one machine, its containers, and questions to the API. */
#pragma once

#include "modules/metrics/cadvisor/api_internal.h"

#include "metrics_fake_registry.h"
#include "schema/json.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static const int64_t noon = INT64_C(1795262400123456789); /* 2026-11-21T12:00:00.123456789Z */

static struct registry registry;
static struct metrics_options options;
static struct cadvisor cadvisor = { &registry, &options, "v0.60.5" };
static struct cadvisor_reply reply;
static struct container_stats samples[3], idle;

/* ---- the machine and its containers ---- */

static uint64_t per_cpu[] = { 600, 400 };
static struct net_interface_stats interfaces[] = { { .name = "eth0", .rx_bytes = 1, .tx_dropped = 8 },
        { .name = "eth1" } };
static struct cgroup_io_row io_rows[] = {
        { .major = 254,
                .minor = 0,
                .values = { [CGROUP_IO_READ] = 4096, [CGROUP_IO_WRITE] = 1 },
                .has = 1 << CGROUP_IO_READ | 1 << CGROUP_IO_WRITE },
        { .major = 8, .minor = 1, .values = { [CGROUP_IO_TOTAL] = 7 } },
};
static struct cgroup_huge huge[] = { { .size = "2MB", .usage = 4, .failcnt = 1 }, { .size = "1GB" } };
static struct cgroup_node_pages nodes[] = { { .node = 0, .file = 1 }, { .node = 2, .anon = 2 }, { .node = 10 } };
static struct task_ulimit ulimits[] = { { "max_open_files", 1024, -1 } };
static struct filesystem_stats root_filesystems[] = {
        { .device = "/dev/vda1",
                .type = "vfs",
                .capacity = 100,
                .usage = 60,
                .available = 30,
                .has_inodes = true,
                .inodes = 10,
                .inodes_free = 4,
                .read_time_ms = 3,
                .weighted_io_time_ms = 5 },
        { .device = "tmpfs", .type = "vfs" },
};
static struct filesystem_stats own_filesystem[] = {
        { .device = "/dev/vda1", .type = "vfs", .usage = 9, .base_usage = 8, .inodes = 7 }
};
static struct container_pair app_labels[] = { { "code", "200" } };
static struct app_metric apps[] = { { .name = "requests", .label = "b", .integer = 5, .time_ns = 1 },
        { .name = "latency", .labels = app_labels, .label_count = 1, .is_float = true, .real = 0.25, .time_ns = 1 },
        { .name = "requests", .label = "a", .integer = 4, .time_ns = 1 } };

static const char *const web_aliases[] = { "web", "4a5b00112233" };
static struct container_pair web_labels[] = { { "com.example.<b>", "a&b" }, { "z", "\xff" } };

static struct machine_filesystem filesystems[] = {
        { .device = "/dev/vda1",
                .type = "vfs",
                .mount_point = "/",
                .uuid = "7e-1",
                .major = 8,
                .minor = 1,
                .capacity = 100,
                .inodes = 10,
                .has_inodes = true },
        { .device = "tmpfs", .type = "vfs", .mount_point = "/run", .capacity = 5 },
};
static struct machine_disk disks[] = { { "sda", 8, 0, 1000, "none" }, { "vda", 254, 0, 2000, "mq-deadline" } };
static struct machine_network_device network_devices[] = { { "eth0", "02:fc:00:00:00:01", -1, 1400 } };
static int threads[] = { 0, 1 };
static struct machine_cache core_caches[] = { { 0, 1, 32768, "Data" } };
static struct machine_core cores[] = { { .id = 0,
        .socket = 0,
        .threads = threads,
        .thread_count = 2,
        .caches = core_caches,
        .cache_count = 1,
        .book = "",
        .drawer = "" } };
static uint64_t distances[] = { 10 };
static struct machine_node machine_nodes[] = {
        { .id = 0, .memory = 5, .cores = cores, .core_count = 1, .distances = distances, .distance_count = 1 }
};
static struct machine_dimm dimms[] = { { "Unbuffered-DDR4", 12, 2 } };

static inline void fill_sample(struct container_stats *sample, int64_t time_ns)
{
        *sample = (struct container_stats){ .time_ns = time_ns };
        sample->cgroup.cpu = (struct cgroup_cpu){ .total_ns = 1000,
                .user_ns = 700,
                .system_ns = 300,
                .per_cpu_ns = per_cpu,
                .per_cpu_count = 2,
                .throttled_ns = 5 };
        sample->cgroup.memory = (struct cgroup_memory){ .usage = 200,
                .working_set = 150,
                .pgfault = 3,
                .hierarchical_pgmajfault = 4,
                .events_max = 6,
                .nodes = nodes,
                .node_count = 3 };
        sample->cgroup.io[CGROUP_IO_SERVICE_BYTES] = (struct cgroup_io_table){ io_rows, 2 };
        sample->cgroup.huge = huge;
        sample->cgroup.huge_count = 2;
        sample->cgroup.cpu_pressure.some = (struct pressure_line){ 0.5, 1.25, 1e-7, 5000 };
        sample->net.interfaces = interfaces;
        sample->net.interface_count = 2;
        sample->net.tcp.states[NET_TCP_ESTABLISHED] = 2;
        sample->tasks = (struct task_stats){ .processes = 3, .ulimits = ulimits, .ulimit_count = 1 };
        sample->load_average = -1;
        sample->health = "";
}

static inline int set_up(void **state)
{
        (void)state;
        setenv("TZ", "UTC", 1);
        tzset();
        memset(&registry, 0, sizeof(registry));
        registry.refreshed_max_age_ns = -1;
        options = (struct metrics_options){ .root = -1, .proc = -1, .sys = -1 };
        registry.machine = (struct machine){ .read_unix_ns = noon,
                .vendor = "GenuineIntel",
                .cores = 2,
                .physical_cores = 1,
                .sockets = 1,
                .memory = 4096,
                .machine_id = "3d12",
                .system_uuid = "",
                .boot_id = "b",
                .filesystems = filesystems,
                .filesystem_count = 2,
                .disks = disks,
                .disk_count = 2,
                .network_devices = network_devices,
                .network_device_count = 1,
                .nodes = machine_nodes,
                .node_count = 1,
                .dimms = dimms,
                .dimm_count = 1,
                .cloud_provider = "Unknown",
                .instance_type = "Unknown",
                .instance_id = "None",
                .kernel_version = "6.18.44",
                .os_version = "Debian" };
        for (size_t i = 0; i < 3; i++)
                fill_sample(&samples[i], noon + (int64_t)i * 1000000000);
        samples[2].has_rate = true;
        samples[2].rate_total = 250;
        samples[2].filesystems = root_filesystems;
        samples[2].filesystem_count = 2;
        fill_sample(&idle, noon);
        idle.filesystems = own_filesystem;
        idle.filesystem_count = 1;
        idle.apps = apps;
        idle.app_count = 3;
        struct container_spec all = { .created_ns = noon,
                .has_cpu = true,
                .has_memory = true,
                .has_network = true,
                .has_filesystem = true,
                .has_diskio = true,
                .limits = { .cpu_shares = 1024, .cpu_mask = "0-1", .cpu_period_us = 100000 } };
        struct container *c = registry.containers;
        c[0] = (struct container){
                .ref = { .name = "/", .id = "", .name_space = "" }, .spec = all, .samples = samples, .sample_count = 3
        };
        c[1] = (struct container){ .ref = { .name = "/docker", .id = "", .name_space = "" } };
        c[2] = (struct container){ .ref = { .name = "/docker/4a5b00112233",
                                           .id = "4a5b00112233",
                                           .name_space = "docker",
                                           .aliases = web_aliases,
                                           .alias_count = 2 },
                .spec = { .image = "nginx:1",
                        .labels = web_labels,
                        .label_count = 2,
                        .has_memory = true,
                        .has_filesystem = true,
                        .has_processes = true,
                        .has_hugetlb = true,
                        .limits = { .memory_limit = CGROUP_NO_LIMIT, .pids_limit = 9 } },
                .samples = &idle,
                .sample_count = 1 };
        c[3] = (struct container){ .ref = { .name = "/docker/4a5c", .id = "4a5c", .name_space = "docker" } };
        c[4] = (struct container){ .ref = { .name = "/docker-other", .id = "", .name_space = "" } };
        c[1].samples = c[3].samples = &idle;
        c[1].sample_count = c[3].sample_count = 1; /* /docker-other was made this moment */
        registry.count = 5;
        buf_init(&reply.body, 1 << 20);
        return 0;
}

static inline int tear_down(void **state)
{
        (void)state;
        buf_done(&reply.body);
        return 0;
}

/* ---- asking ---- */

static inline const char *ask(const char *method, const char *path, const char *query, const char *body)
{
        struct cadvisor_request request = { method, path, query, sv_of(body) };
        cadvisor_api(&cadvisor, &request, &reply);
        return buf_text(&reply.body);
}

static inline json_t *get_json(const char *path, const char *query, const char *body)
{
        const char *text = ask(*body ? "POST" : "GET", path, query, body);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.content_type, "application/json");
        struct error err = { 0 };
        json_t *json = json_parse(sv_n(text, reply.body.len), true, &err);
        if (!json)
                print_error("%s: %s\n%s\n", path, err.message, text);
        assert_non_null(json);
        return json;
}

static inline void assert_error(int status, const char *path, const char *query, const char *body, const char *text)
{
        char expected[1024];
        snprintf(expected, sizeof(expected), "%s\n", text);
        assert_string_equal(ask(*body ? "POST" : "GET", path, query, body), expected);
        assert_int_equal(reply.status, status);
        assert_string_equal(reply.content_type, "text/plain; charset=utf-8");
        assert_true(reply.nosniff);
}

static inline void assert_contains(const char *text, const char *part)
{
        if (!strstr(text, part))
                print_error("not there: %s\nin: %s\n", part, text);
        assert_non_null(strstr(text, part));
}

static inline json_t *at(json_t *json, const char *path)
{
        char copy[512];
        snprintf(copy, sizeof(copy), "%s", path);
        for (char *save = NULL, *key = strtok_r(copy, "|", &save); key; key = strtok_r(NULL, "|", &save)) {
                json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(key, NULL, 10))
                                           : json_object_get(json, key);
                if (!json)
                        print_error("no %s in %s\n", key, path);
                assert_non_null(json);
        }
        return json;
}
