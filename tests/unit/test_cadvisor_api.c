/* cAdvisor's API on a registry made by hand: what a client of cAdvisor reads, byte for byte where it matters. */
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
static struct perf_value perf[] = { { .name = "cycles", .value = 9, .scaling_ratio = 0.5, .cpu = 1 } };
static struct perf_value uncore[] = { { .name = "cas", .value = 3, .scaling_ratio = 1, .socket = 0, .pmu = "imc_0" } };

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
static struct machine_huge_pages huge_pages[] = { { 2048, 0 } };
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

static void fill_sample(struct container_stats *sample, int64_t time_ns)
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

static int set_up(void **state)
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

static int tear_down(void **state)
{
        (void)state;
        buf_done(&reply.body);
        return 0;
}

/* ---- asking ---- */

static const char *ask(const char *method, const char *path, const char *query, const char *body)
{
        struct cadvisor_request request = { method, path, query, sv_of(body) };
        cadvisor_api(&cadvisor, &request, &reply);
        return buf_text(&reply.body);
}

static json_t *get_json(const char *path, const char *query, const char *body)
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

static void assert_error(int status, const char *path, const char *query, const char *body, const char *text)
{
        char expected[1024];
        snprintf(expected, sizeof(expected), "%s\n", text);
        assert_string_equal(ask(*body ? "POST" : "GET", path, query, body), expected);
        assert_int_equal(reply.status, status);
        assert_string_equal(reply.content_type, "text/plain; charset=utf-8");
        assert_true(reply.nosniff);
}

static void assert_contains(const char *text, const char *part)
{
        if (!strstr(text, part))
                print_error("not there: %s\nin: %s\n", part, text);
        assert_non_null(strstr(text, part));
}

static json_t *at(json_t *json, const char *path)
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

/* ---- tests ---- */

static void test_errors(void **state)
{
        (void)state;
        assert_error(400, "/api/", "", "", "Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1");
        assert_error(400, "/api/v2.0", "", "",
                "Supported request types: "
                "\"appmetrics,attributes,events,machine,ps,spec,stats,storage,summary,version\"");
        assert_error(400, "/api/v2.1/", "", "",
                "Supported request types: \"appmetrics,attributes,events,machine,machinestats,ps,spec,stats,storage,"
                "summary,version\"");
        assert_error(400, "/api/v1.0", "", "", "Supported request types: \"containers,machine\"");
        assert_error(400, "/api/v1.3", "", "",
                "Supported request types: \"containers,docker,events,machine,subcontainers\"");
        assert_error(500, "/api/v9", "", "", "unsupported API version \"v9\"");
        assert_error(500, "/api/v1.0/nothere", "", "", "unknown request type \"nothere\"");
        assert_error(500, "/api/v1.0/subcontainers", "", "", "unknown request type \"subcontainers\"");
        assert_error(500, "/api/v2.0/machinestats", "", "", "unknown request type \"machinestats\"");
        assert_error(500, "/api/v1.0/containers/nope", "", "",
                "failed to get container \"/nope\" with error: unknown container \"/nope\"");
        assert_error(500, "/api/v1.0/containers/docker-other", "", "",
                "failed to get container \"/docker-other\" with error: unable to find data in memory cache");
        assert_error(500, "/api/v1.1/subcontainers/nope", "", "",
                "failed to get subcontainers for container \"/nope\" with error: no containers found");
        assert_error(500, "/api/v1.2/docker/nope", "", "",
                "failed to get Docker container \"nope\" with error: unable to find container \"nope\" in \"docker\" "
                "namespace");
        assert_error(500, "/api/v1.2/docker/4a", "", "",
                "failed to get Docker container \"4a\" with error: unable to find container in \"docker\" namespace. "
                "Container \"4a\" is not unique");
        assert_error(500, "/api/v1.2/docker/a/b", "", "", "unknown request for Docker container [a b]");
        assert_error(500, "/api/v2.0/stats/nope", "", "", "unknown container \"/nope\"");
        assert_error(500, "/api/v2.0/stats/nope", "recursive=true", "", "unknown container: \"/nope\"");
        assert_error(500, "/api/v2.0/spec/a", "type=docker&recursive=true", "",
                "invalid request for docker container \"/a\" with subcontainers");
        assert_error(500, "/api/v2.0/version", "type=x%22", "", "unknown 'type' \"x\\\"\"");
        assert_error(500, "/api/v2.0/version", "count=a", "", "failed to parse 'count' option: a");
        assert_error(500, "/api/v2.0/version", "count=-2", "",
                "invalid 'count' option: only -1 and larger values allowed, not -2");
        assert_error(500, "/api/v2.0/version", "max_age=5", "",
                "failed to parse 'max_age' option: time: missing unit in duration \"5\"");
        assert_error(500, "/api/v2.0/version", "max_age=x", "",
                "failed to parse 'max_age' option: time: invalid duration \"x\"");
        assert_error(500, "/api/v2.0/version", "max_age=1.5d", "",
                "failed to parse 'max_age' option: time: unknown unit \"d\" in duration \"1.5d\"");
        assert_error(500, "/api/v2.0/storage", "label=nope", "", "non-existent label \"nope\"");
        assert_error(500, "/api/v2.0/storage", "uuid=nope", "", "cadvisor: no such device");
}

static void test_redirects(void **state)
{
        (void)state;
        assert_string_equal(ask("GET", "/api", "", ""), "<a href=\"/api/\">Moved Permanently</a>.\n\n");
        assert_int_equal(reply.status, 301);
        assert_string_equal(reply.location, "/api/");
        assert_string_equal(reply.content_type, "text/html; charset=utf-8");
        assert_string_equal(ask("GET", "/api//v1.0/../v2.0/x<y/", "a=b&c", ""),
                "<a href=\"/api/v2.0/x%3Cy/?a=b&amp;c\">Moved Permanently</a>.\n\n");
        assert_string_equal(reply.location, "/api/v2.0/x%3Cy/?a=b&c");
        assert_string_equal(ask("POST", "/api", "", ""), "");
        assert_int_equal(reply.status, 301);
}

static void test_bodies(void **state)
{
        (void)state;
        static const struct {
                const char *body, *text;
        } wrong[] = {
                { "x", "invalid character 'x' looking for beginning of value" },
                { "{", "unexpected EOF" },
                { "{\"a\":1,}", "invalid character '}' looking for beginning of object key string" },
                { "{'a'", "invalid character '\\'' looking for beginning of object key string" },
                { "{\"a\" 1}", "invalid character '1' after object key" },
                { "{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair" },
                { "[1 2]", "invalid character '2' after array element" },
                { "{\"a\":truf}", "invalid character 'f' in literal true (expecting 'e')" },
                { "{\"a\":01}", "invalid character '1' after object key:value pair" },
                { "{\"a\":-}", "invalid character '}' in numeric literal" },
                { "{\"a\":1.}", "invalid character '}' after decimal point in numeric literal" },
                { "{\"a\":1ex}", "invalid character 'x' in exponent of numeric literal" },
                { "{\"a\":\"\n\"}", "invalid character '\\n' in string literal" },
                { "{\"a\":\"\\x\"}", "invalid character 'x' in string escape code" },
                { "{\"a\":\"\\u00g\"}", "invalid character 'g' in \\u hexadecimal character escape" },
                { "\xff", "invalid character 'ÿ' looking for beginning of value" },
                { "[]", "json: cannot unmarshal array into Go value of type model.ContainerInfoRequest" },
                { "12x", "json: cannot unmarshal number into Go value of type model.ContainerInfoRequest" },
                { "{\"num_stats\":\"5\"}", "json: cannot unmarshal string into Go struct field "
                                           "ContainerInfoRequest.num_stats of type int" },
                { "{\"num_stats\":1.5}", "json: cannot unmarshal number 1.5 into Go struct field "
                                         "ContainerInfoRequest.num_stats of type int" },
                { "{\"start\":5}", "Time.UnmarshalJSON: input is not a JSON string" },
                { "{\"start\":\"x\"}", "parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as "
                                       "\"2006\"" },
                { "{\"end\":\"2026-13-01T00:00:00Z\"}", "parsing time \"2026-13-01T00:00:00Z\": month out of range" },
                { "{\"end\":\"2026-02-30T00:00:00Z\"}", "parsing time \"2026-02-30T00:00:00Z\": day out of range" },
                { "{\"end\":\"2026-02-03T00:00:00Zx\"}", "parsing time \"2026-02-03T00:00:00Zx\": extra text: \"x\"" },
                { "{\"end\":\"2026-02-03T00:00:00\"}",
                        "parsing time \"2026-02-03T00:00:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as "
                        "\"Z07:00\"" },
        };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                char text[512];
                snprintf(text, sizeof(text), "unable to decode the json value: %s", wrong[i].text);
                assert_error(500, "/api/v1.0/containers/", "", wrong[i].body, text);
        }
        static const char *const right[] = { "", " \n", "null", "{}", "{\"num_stats\":null} trailing",
                "{\"other\":[{}, {\"a\":[1e5,-0.5,true,false,null,\"\\u00e9\"]}]}" };
        for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
                json_t *json = get_json("/api/v1.0/containers", "", right[i]);
                assert_int_equal(json_array_size(at(json, "stats")), 3);
                json_decref(json);
        }
        /* a nest of lists deeper than Go's own limit */
        char *deep = calloc(1, API_DEPTH_MAX + 3);
        memset(deep, '[', API_DEPTH_MAX + 1);
        assert_error(500, "/api/v1.0/containers/", "", deep, "unable to decode the json value: exceeded max depth");
        free(deep);
}

static size_t count_of(const char *body)
{
        json_t *json = get_json("/api/v1.0/containers/", "", body);
        size_t count = json_array_size(json_object_get(json, "stats"));
        json_decref(json);
        return count;
}

static void test_which_samples(void **state)
{
        (void)state;
        assert_int_equal(count_of("{\"num_stats\":2}"), 2);
        assert_int_equal(count_of("{\"Num_Stats\":0}"), 0);
        assert_int_equal(count_of("{\"num_stats\":-1}"), 3);
        assert_int_equal(count_of("{\"start\":\"2026-11-21T12:00:01Z\"}"), 2);
        assert_int_equal(count_of("{\"end\":\"2026-11-21T13:00:01+01:00\"}"), 1);
        assert_int_equal(count_of("{\"start\":\"2027-01-01T00:00:00Z\",\"end\":\"2026-01-01T00:00:00Z\"}"), 0);
        assert_int_equal(count_of("{\"start\":\"0001-01-01T00:00:00Z\",\"end\":\"0001-01-01T00:00:00Z\"}"), 3);
        /* none: the key is not there */
        assert_null(strstr(ask("POST", "/api/v1.0/containers", "", "{\"num_stats\":0}"), "\"stats\""));
        json_t *json = get_json("/api/v2.0/stats", "count=1&count=0", "");
        assert_int_equal(json_array_size(at(json, "/")), 1);
        json_decref(json);
        assert_string_equal(ask("GET", "/api/v2.0/stats", "count=0", ""), "{\"/\":[]}");
        assert_string_equal(ask("GET", "/api/v2.1/machinestats", "count=0", ""), "null");
        json = get_json("/api/v2.1/machinestats", "count=-1&max_age=10s", "");
        assert_int_equal(json_array_size(json), 3);
        json_decref(json);
        assert_int_equal(registry.refreshed_max_age_ns, 10 * SECOND);
}

static void test_container_v1(void **state)
{
        (void)state;
        const char *text = ask("GET", "/api/v1.0/containers/docker//4a5b00112233", "", "");
        assert_int_equal(reply.status, 301); /* Go's mux cleans the path first */
        text = ask("GET", "/api/v1.0/containers/docker/4a5b00112233", "", "");
        assert_contains(text,
                "{\"id\":\"4a5b00112233\",\"name\":\"/docker/4a5b00112233\",\"aliases\":[\"web\","
                "\"4a5b00112233\"],\"namespace\":\"docker\",\"spec\":{\"creation_time\":"
                "\"0001-01-01T00:00:00Z\",\"start_time\":\"0001-01-01T00:00:00Z\",\"labels\":{"
                "\"com.example.\\u003cb\\u003e\":\"a\\u0026b\",\"z\":\"\\ufffd\"},\"has_cpu\":false,\"cpu\":{"
                "\"limit\":0,\"max_limit\":0},\"has_memory\":true,\"memory\":{\"limit\":"
                "18446744073709551615},\"has_hugetlb\":true,\"has_network\":false,\"has_processes\":true,"
                "\"processes\":{\"limit\":9},\"has_filesystem\":true,\"has_diskio\":false,"
                "\"has_custom_metrics\":false,\"image\":\"nginx:1\"},\"stats\":[{\"timestamp\":"
                "\"2026-11-21T12:00:00.123456789Z\",\"cpu\":{\"usage\":{\"total\":1000,\"per_cpu_usage\":"
                "[600,400],\"user\":700,\"system\":300},\"cfs\":{\"periods\":0,\"throttled_periods\":0,"
                "\"throttled_time\":5,\"bursts_periods\":0,\"burst_time\":0},\"schedstat\":{\"run_time\":0,"
                "\"runqueue_time\":0,\"run_periods\":0},\"load_average\":-1,\"load_d_average\":0,\"psi\":{"
                "\"full\":{\"total\":0,\"avg10\":0,\"avg60\":0,\"avg300\":0},\"some\":{\"total\":5,"
                "\"avg10\":0.5,\"avg60\":1.25,\"avg300\":1e-7}}},\"diskio\":{\"io_service_bytes\":[{"
                "\"device\":\"/dev/vda\",\"major\":254,\"minor\":0,\"stats\":{\"Read\":4096,\"Write\":1}},{"
                "\"device\":\"/dev/vda1\",\"major\":8,\"minor\":1,\"stats\":{\"Count\":7}}],\"psi\":{");
        assert_contains(text, "\"container_data\":{\"pgfault\":3,\"pgmajfault\":0,\"numa_stats\":{\"file\":{\"0\":1,"
                              "\"10\":0,\"2\":0},\"anon\":{\"0\":0,\"10\":0,\"2\":2},\"unevictable\":{\"0\":0,\"10\":0,"
                              "\"2\":0}}},\"hierarchical_data\":{\"pgfault\":0,\"pgmajfault\":4,\"numa_stats\":{}},"
                              "\"psi\":{");
        assert_contains(text,
                "\"events\":{\"high\":0,\"max\":6}},\"hugetlb\":{\"1GB\":{\"failcnt\":0},\"2MB\":{"
                "\"usage\":4,\"failcnt\":1}},\"network\":{\"name\":\"eth0\",\"rx_bytes\":1,\"rx_packets\":0");
        assert_contains(text, "\"tx_dropped\":8,\"interfaces\":[{\"name\":\"eth0\",");
        assert_contains(text, "\"tcp\":{\"Established\":2,\"SynSent\":0,");
        assert_contains(text, "\"Closing\":0},\"tcp6\":{\"Established\":0,");
        assert_contains(text, "\"tcp_advanced\":{\"RtoAlgorithm\":0,\"RtoMin\":0,\"RtoMax\":0,\"MaxConn\":0,");
        assert_contains(text,
                "\"task_stats\":{\"nr_sleeping\":0,\"nr_running\":0,\"nr_stopped\":0,"
                "\"nr_uninterruptible\":0,\"nr_io_wait\":0},\"processes\":{\"process_count\":3,\"fd_count\":"
                "0,\"socket_count\":0,\"ulimits\":[{\"name\":\"max_open_files\",\"soft_limit\":1024,"
                "\"hard_limit\":-1}]},\"custom_metrics\":{\"latency\":[{\"labels\":{\"code\":\"200\"},\"timestamp\":");
        assert_contains(text, "\"float_value\":0.25}],\"requests\":[{\"label\":\"b\",\"timestamp\":"
                              "\"1970-01-01T00:00:00.000000001Z\",\"int_value\":5},{\"label\":\"a\",");
        assert_contains(text, "\"resctrl\":{},\"cpuset\":{\"memory_migrate\":0},\"health\":{\"status\":\"\"}}]}");
}

static void test_rare_parts(void **state)
{
        (void)state;
        uint64_t llc[] = { 8, 0 };
        __typeof__(*samples[2].resctrl.bandwidth) bandwidth[] = { { 1, 2 } };
        samples[2].perf = perf;
        samples[2].perf_uncore = uncore;
        samples[2].perf_count = samples[2].perf_uncore_count = 1;
        samples[2].resctrl.bandwidth = (void *)bandwidth;
        samples[2].resctrl.bandwidth_count = 1;
        samples[2].resctrl.llc_occupancy = llc;
        samples[2].resctrl.llc_count = 2;
        samples[2].tasks.referenced_bytes = 4096;
        samples[2].oom_events = 2;
        samples[2].health = "healthy";
        const char *text = ask("POST", "/api/v1.0/containers", "", "{\"num_stats\":1}");
        assert_contains(text,
                "\"perf_stats\":[{\"scaling_ratio\":0.5,\"value\":9,\"name\":\"cycles\",\"cpu\":1}],"
                "\"perf_uncore_stats\":[{\"scaling_ratio\":1,\"value\":3,\"name\":\"cas\",\"socket\":0,"
                "\"pmu\":\"imc_0\"}],\"referenced_memory\":4096,\"resctrl\":{\"memory_bandwidth\":[{"
                "\"mbm_total_bytes\":1,\"mbm_local_bytes\":2}],\"cache\":[{\"llc_occupancy\":8},{}]},"
                "\"cpuset\":{\"memory_migrate\":0},\"oom_events\":2,\"health\":{\"status\":\"healthy\"}}");
        assert_contains(text, "\"cpu_inst\":{\"usage\":{\"total\":250,\"user\":0,\"system\":0}}");
        assert_contains(text, "\"subcontainers\":[{\"name\":\"/docker\"},{\"name\":\"/docker-other\"}]");
        assert_contains(text, "\"memory\":{\"limit\":4096}"); /* none: the machine's */
}

static void test_below_and_docker(void **state)
{
        (void)state;
        json_t *json = get_json("/api/v1.1/subcontainers/docker", "", "");
        assert_int_equal(json_array_size(json), 3); /* not /docker-other, which cAdvisor's prefix takes too */
        assert_string_equal(json_string_value(at(json, "0|name")), "/docker");
        json_decref(json);
        json = get_json("/api/v1.2/docker/", "", "");
        assert_int_equal(json_object_size(json), 2);
        at(json, "/docker/4a5c|spec");
        json_decref(json);
        json = get_json("/api/v1.3/docker/web", "", "");
        assert_string_equal(json_string_value(at(json, "/docker/4a5b00112233|id")), "4a5b00112233");
        json_decref(json);
        json = get_json("/api/v2.1/stats/4a5b", "type=docker", "");
        at(json, "/docker/4a5b00112233|stats|0");
        json_decref(json);
        registry.count = 2;
        assert_string_equal(ask("GET", "/api/v1.2/docker", "", ""), "{}");
        assert_string_equal(ask("GET", "/api/v2.0/appmetrics", "type=podman&recursive=true", ""), "{}");
        assert_string_equal(ask("GET", "/api/v2.1/machinestats", "type=podman&recursive=true", ""), "null");
}

static void test_v2(void **state)
{
        (void)state;
        json_t *json = get_json("/api/v2.1/stats", "recursive=true&count=1", "");
        assert_null(json_object_get(json, "/"));
        assert_null(json_object_get(json, "/docker-other"));
        json_t *web = at(json, "/docker/4a5b00112233");
        assert_true(json_number_value(at(web, "stats|0|filesystem|totalUsageBytes")) == 9);
        assert_true(json_number_value(at(web, "stats|0|filesystem|containter_inode_usage")) == 7);
        assert_null(json_object_get(at(web, "stats|0"), "cpu"));
        at(web, "stats|0|hugetlb|2MB");
        assert_string_equal(json_string_value(at(web, "spec|namespace")), "docker");
        json_decref(json);
        json = get_json("/api/v2.0/stats/docker/4a5b00112233", "", "");
        json_t *sample = at(json, "/docker/4a5b00112233|0");
        assert_true(json_is_false(at(sample, "has_cpu")));
        assert_true(json_number_value(at(sample, "cpu|usage|total")) == 0);
        assert_true(json_is_false(at(sample, "has_network")));
        assert_null(json_object_get(at(sample, "network"), "interfaces"));
        assert_true(json_number_value(at(sample, "memory|usage")) == 200);
        json_decref(json);
        assert_contains(ask("GET", "/api/v2.0/spec", "", ""),
                "{\"/\":{\"creation_time\":\"2026-11-21T12:00:00.123456789Z\",\"start_time\":\"0001-01-01T00:00:00Z\","
                "\"has_cpu\":true,\"cpu\":{\"limit\":1024,\"max_limit\":0,\"mask\":\"0-1\"},\"has_memory\":true,");
        assert_string_equal(ask("GET", "/api/v2.0/appmetrics/docker/4a5b00112233", "", ""),
                "{\"/docker/4a5b00112233\":{\"latency\":{\"\":[{\"timestamp\":\"1970-01-01T00:00:00.000000001Z\","
                "\"float_value\":0.25}]},\"requests\":{\"a\":[{\"timestamp\":\"1970-01-01T00:00:00.000000001Z\","
                "\"int_value\":4}],\"b\":[{\"timestamp\":\"1970-01-01T00:00:00.000000001Z\",\"int_value\":5}]}}}");
        assert_string_equal(ask("GET", "/api/v2.0/appmetrics", "", ""), "{\"/\":{}}");
        assert_string_equal(ask("GET", "/api/v2.1/version", "", ""), "\"v0.60.5\"");
}

static void test_machine(void **state)
{
        (void)state;
        static const char rest[] =
                "\"filesystems\":[{\"device\":\"/dev/vda1\",\"capacity\":100,\"type\":\"vfs\",\"inodes\":10,"
                "\"has_inodes\":true},{\"device\":\"tmpfs\",\"capacity\":5,\"type\":\"vfs\",\"inodes\":0,"
                "\"has_inodes\":false}],\"disk_map\":{\"254:0\":{\"name\":\"vda\",\"major\":254,\"minor\":0,\"size\":"
                "2000,"
                "\"scheduler\":\"mq-deadline\"},\"8:0\":{\"name\":\"sda\",\"major\":8,\"minor\":0,\"size\":1000,"
                "\"scheduler\":\"none\"}},\"network_devices\":[{\"name\":\"eth0\",\"mac_address\":\"02:fc:00:00:00:"
                "01\","
                "\"speed\":-1,\"mtu\":1400}],\"topology\":[{\"node_id\":0,\"memory\":5,\"hugepages\":null,\"cores\":[{"
                "\"core_id\":0,\"thread_ids\":[0,1],\"caches\":[{\"id\":0,\"size\":32768,\"type\":\"Data\",\"level\":1}"
                "],"
                "\"uncore_caches\":null,\"socket_id\":0}],\"caches\":null,\"distances\":[10]}],\"cloud_provider\":"
                "\"Unknown\",\"instance_type\":\"Unknown\"";
        registry.machine.huge_pages = huge_pages;
        registry.machine.huge_pages_count = 1;
        char expected[4096];
        snprintf(expected, sizeof(expected),
                "{\"timestamp\":\"2026-11-21T12:00:00.123456789Z\",\"vendor_id\":\"GenuineIntel\",\"num_cores\":2,"
                "\"num_physical_cores\":1,\"num_sockets\":1,\"cpu_frequency_khz\":0,\"memory_capacity\":4096,"
                "\"swap_capacity\":0,\"memory_by_type\":{\"Unbuffered-DDR4\":{\"capacity\":12,\"dimm_count\":2}},"
                "\"nvm\":{"
                "\"memory_mode_capacity\":0,\"app direct_mode_capacity\":0,\"avg_power_budget\":0},\"hugepages\":[{"
                "\"page_size\":2048,\"num_pages\":0}],\"machine_id\":\"3d12\",\"system_uuid\":\"\",\"boot_id\":\"b\",%"
                "s,"
                "\"instance_id\":\"None\"}",
                rest);
        assert_string_equal(ask("GET", "/api/v1.3/machine", "", ""), expected);
        assert_string_equal(ask("GET", "/api/v2.0/machine", "", ""), expected);
        snprintf(expected, sizeof(expected),
                "{\"kernel_version\":\"6.18.44\",\"container_os_version\":\"Debian\",\"docker_version\":\"Unknown\","
                "\"docker_api_version\":\"Unknown\",\"cadvisor_version\":\"v0.60.5\",\"num_cores\":2,\"cpu_frequency_"
                "khz\":"
                "0,\"memory_capacity\":4096,\"machine_id\":\"3d12\",\"system_uuid\":\"\",\"hugepages\":[{\"page_size\":"
                "2048,\"num_pages\":0}],%s}",
                rest);
        assert_string_equal(ask("GET", "/api/v2.0/attributes", "", ""), expected);
        const char *text = ask("GET", "/api/v2.1/machinestats", "count=1", "");
        assert_contains(text,
                "\"filesystem\":[{\"device\":\"/dev/vda1\",\"type\":\"vfs\",\"capacity\":100,\"usage\":60,"
                "\"available\":30,\"inodes_free\":4,\"inline\":{\"reads_completed\":0,\"reads_merged\":0,"
                "\"sectors_read\":0,\"read_duration\":3000000,");
        assert_contains(text,
                "\"weighted_io_duration\":5000000}},{\"device\":\"tmpfs\",\"type\":\"vfs\",\"capacity\":0,"
                "\"usage\":0,\"available\":0,\"inline\":{");
}

static void test_storage(void **state)
{
        (void)state;
        static const char first[] = "{\"timestamp\":\"2026-11-21T12:00:02.123456789Z\",\"device\":\"/dev/vda1\","
                                    "\"mountpoint\":\"/\",\"capacity\":100,\"available\":30,\"usage\":60,\"labels\":["
                                    "\"docker-images\",\"root\"],\"inodes\":10,\"inodes_free\":4}";
        char expected[1024];
        snprintf(expected, sizeof(expected),
                "[%s,{\"timestamp\":\"2026-11-21T12:00:02.123456789Z\",\"device\":\"tmpfs\",\"mountpoint\":\"/run\","
                "\"capacity\":0,\"available\":0,\"usage\":0,\"labels\":[]}]",
                first);
        assert_string_equal(ask("GET", "/api/v2.0/storage", "", ""), expected);
        snprintf(expected, sizeof(expected), "[%s]", first);
        assert_string_equal(ask("GET", "/api/v2.0/storage", "label=root", ""), expected);
        assert_string_equal(ask("GET", "/api/v2.0/storage", "uuid=7e-1", ""), first);
        registry.containers[0].sample_count = 0;
        assert_error(500, "/api/v2.0/storage", "", "", "unable to find data in memory cache");
}

static void test_summary(void **state)
{
        (void)state;
        registry.containers[0].has_summary = true;
        registry.containers[0].summary = (struct container_summary){ .time_ns = noon,
                .latest_cpu = 1999,
                .minute = { .percent_complete = 50,
                        .cpu = { .present = true, .mean = 1, .std = 2, .max = 3, .count = 7 } } };
        const char *text = ask("GET", "/api/v2.0/summary", "", "");
        assert_contains(text,
                "{\"/\":{\"timestamp\":\"2026-11-21T12:00:00.123456789Z\",\"latest_usage\":{\"cpu\":1999,"
                "\"memory\":0},\"minute_usage\":{\"percent_complete\":50,\"cpu\":{\"present\":true,\"mean\":"
                "1,\"std\":2,\"max\":3,\"fifty\":0,\"ninety\":0,\"ninetyfive\":0,\"count\":7},\"memory\":{"
                "\"present\":false,");
        assert_contains(ask("GET", "/api/v2.0/summary/docker", "", ""),
                "{\"/docker\":{\"timestamp\":\"0001-01-01T00:00:00Z\",\"latest_usage\":{\"cpu\":0,\"memory\":0},");
}

static void test_events(void **state)
{
        (void)state;
        registry.events[0] =
                (struct container_event){ .time_ns = noon, .kind = EVENT_CREATION, .container = "/docker/x" };
        registry.events[1] = (struct container_event){ .time_ns = noon,
                .kind = EVENT_OOM_KILL,
                .container = "/docker/x",
                .pid = 7,
                .process = "a<b",
                .constraint = "CONSTRAINT_MEMCG",
                .command_line = "secret" };
        registry.events[2] = (struct container_event){
                .time_ns = noon, .kind = EVENT_DELETION, .container = "/docker/x", .exit_code = -1
        };
        registry.event_count = 3;
        static const char created[] =
                "{\"container_name\":\"/docker/x\",\"timestamp\":\"2026-11-21T12:00:00.123456789Z\","
                "\"event_type\":\"containerCreation\",\"event_data\":{}}";
        static const char killed[] =
                "{\"container_name\":\"/docker/x\",\"timestamp\":\"2026-11-21T12:00:00.123456789Z\","
                "\"event_type\":\"oomKill\",\"event_data\":{\"oom\":{\"pid\":7,\"process_name\":"
                "\"a\\u003cb\",\"constraint\":\"CONSTRAINT_MEMCG\"}}}";
        static const char deleted[] =
                "{\"container_name\":\"/docker/x\",\"timestamp\":\"2026-11-21T12:00:00.123456789Z\","
                "\"event_type\":\"containerDeletion\",\"event_data\":{\"container_deletion\":{"
                "\"exit_code\":-1}}}";
        char expected[2048];
        snprintf(expected, sizeof(expected), "[%s,%s,%s]", created, killed, deleted);
        assert_string_equal(ask("GET", "/api/v1.3/events", "all_events=true&subcontainers=true", ""), expected);
        snprintf(expected, sizeof(expected), "[%s]", deleted);
        assert_string_equal(
                ask("GET", "/api/v2.0/events/docker/x", "all_events=1&max_events=1&start_time=nonsense", ""), expected);
        snprintf(expected, sizeof(expected), "[%s]", killed);
        assert_string_equal(
                ask("GET", "/api/v1.3/events", "oom_kill_events=T&creation_events=maybe&subcontainers=t", ""),
                expected);
        assert_string_equal(ask("GET", "/api/v1.3/events", "subcontainers=true", ""), "[]");
        assert_string_equal(ask("GET", "/api/v1.3/events", "all_events=true", ""), "[]"); /* only of / itself */
        assert_string_equal(ask("GET", "/api/v2.1/events/docker",
                                    "stream=true&creation_events=true&start_time=2026-11-21T12:00:00Z", ""),
                "");
        assert_true(reply.stream);
        assert_null(reply.content_type);
        assert_string_equal(reply.events.container, "/docker");
        assert_int_equal(reply.events.kinds, 1 << EVENT_CREATION);
        assert_int_equal(reply.events.start_ns, noon / SECOND * SECOND);
        assert_int_equal(reply.events.max, 10);
        buf_clear(&reply.body);
        cadvisor_event_json(&registry.events[0], &reply.body);
        cadvisor_event_json(&registry.events[1], &reply.body);
        snprintf(expected, sizeof(expected), "%s\n%s\n", created, killed);
        assert_string_equal(buf_text(&reply.body), expected);
}

static const char *shown(void (*put)(struct buf *out), struct buf *out)
{
        buf_clear(out);
        put(out);
        return buf_text(out);
}

static void put_floats(struct buf *out)
{
        static const double values[] = { 0, 1, 0.1, 1e20, 1.5e21, 123456789012345680000.0, 1e-6, 9.5e-7, 1e-10, -2.5,
                100, 1.0 / 3, INFINITY, 5e-324 };
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
                go_double(out, values[i]);
        go_float(out, 0.1F);
        go_float(out, 16777216.0F);
        go_float(out, 1.7F);
}

static void put_strings(struct buf *out)
{
        go_string(out, SV("<&>\"\\\b\f\n\r\t\x01\x7f\xe2\x80\xa8\xe2\x80\xa9\xc3\xa9\xed\xa0\x80\xff"));
        go_quote(out, SV("a\"\\\a\n\x01\xc2\x85\xc3\xa9\xff\xe2\x80\xa8\xf3\xa0\x80\x81"));
}

static void put_times(struct buf *out)
{
        go_time(out, 0);
        go_time(out, noon / SECOND * SECOND);
        go_time(out, -1500000000);
        go_time(out, INT64_C(1784635200100000000)); /* in July */
}

static void test_go_spelling(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 4096);
        assert_string_equal(shown(put_floats, &out),
                "0,1,0.1,100000000000000000000,1.5e+21,123456789012345680000,0.000001,9.5e-7,1e-10,-2.5,100,"
                "0.3333333333333333,0,5e-324,0.1,16777216,1.7");
        assert_string_equal(shown(put_strings, &out),
                "\"\\u003c\\u0026\\u003e\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\\u2028\\u2029\xc3\xa9\\ufffd\\ufffd\\ufffd"
                "\\ufffd\"\"a\\\"\\\\\\a\\n\\x01\\u0085\xc3\xa9\\xff\\u2028\\U000e0001\"");
        assert_string_equal(shown(put_times, &out),
                "\"0001-01-01T00:00:00Z\",\"2026-11-21T12:00:00Z\",\"1969-12-31T23:59:58.5Z\","
                "\"2026-07-21T12:00:00.1Z\"");
        setenv("TZ", "EST5EDT,M3.2.0,M11.1.0", 1); /* no zone files needed */
        tzset();
        assert_string_equal(shown(put_times, &out),
                "\"0001-01-01T00:00:00Z\",\"2026-11-21T07:00:00-05:00\",\"1969-12-31T18:59:58.5-05:00\","
                "\"2026-07-21T08:00:00.1-04:00\"");
        buf_done(&out);
}

static void test_ceiling(void **state)
{
        (void)state;
        buf_done(&reply.body);
        buf_init(&reply.body, 2000);
        assert_error(500, "/api/v1.1/subcontainers/", "", "",
                "the answer is larger than 2000 bytes: ask for fewer samples or fewer containers");
}

static void test_hostile_paths(void **state)
{
        (void)state;
        char path[3 * API_NAME_MAX];
        memset(path, 'a', sizeof(path));
        memcpy(path, "/api/v1.0/containers/", 21);
        path[sizeof(path) - 1] = '\0';
        ask("GET", path, "", "");
        assert_int_equal(reply.status, 500);
        path[API_NAME_MAX - 4] = '\0';
        ask("GET", path, "", "");
        assert_int_equal(reply.status, 500);
        assert_error(500, "/api/v2.0/stats/a\nb", "", "", "unknown container \"/a\"");
        assert_error(500, "/apix", "", "", "malformed request \"/apix\"");
        assert_error(500, "/api/v1.0/containers/\xff\"", "", "",
                "failed to get container \"/\\xff\\\"\" with error: unknown container \"/\\xff\\\"\"");
        ask("GET", "/api/v2.0/version", "%zz=1&type=a;b&&=&count=%2&max_age", "");
        assert_int_equal(reply.status, 200);
}

static void test_validate(void **state)
{
        (void)state;
        options.root = open("/", O_RDONLY | O_DIRECTORY);
        options.proc = open("/proc", O_RDONLY | O_DIRECTORY);
        cadvisor_validate(&cadvisor, &reply);
        const char *text = buf_text(&reply.body);
        assert_int_equal(reply.status, 200);
        assert_contains(text, "cAdvisor version: v0.60.5\n\nOS version: Debian\n\nKernel version: [Supported and "
                              "recommended]\n\tKernel version is 6.18.44. Versions >= 2.6 are supported. 3.0+ are "
                              "recommended.\n\n\nCgroup setup: [");
        assert_contains(text, "\n\nCgroup mount setup: [");
        assert_contains(text, "\n\nDocker version: [Unknown]\n\tCould not parse docker version. Docker version is "
                              "Unknown. Versions >= 1.0 are supported. 1.2+ are recommended.\n\n\t\n\nDocker driver "
                              "setup: [");
        assert_contains(text,
                "Block device setup: [Supported, but not recommended]\n\tNone of the devices support 'cfq' "
                "I/O scheduler. No disk stats can be reported.\n\t Disk \"sda\" Scheduler type \"none\".\n");
        assert_contains(text,
                "Managed containers: \n\t/\n\t/docker\n\t/docker/4a5b00112233\n\t\tNamespace: "
                "docker\n\t\tAliases:\n\t\t\tweb\n\t\t\t4a5b00112233\n\t/docker/4a5c\n\t\tNamespace: docker");
        close(options.root);
        close(options.proc);
        options.root = options.proc = -1; /* nothing can be read: it says so */
        registry.machine.kernel_version = "odd";
        cadvisor_validate(&cadvisor, &reply);
        text = buf_text(&reply.body);
        assert_contains(text, "Kernel version: [Unknown]\n\tCould not parse kernel version. Kernel version is odd.");
        assert_contains(text, "Cgroup setup: [Unknown]\n\tCould not parse /proc/cgroups.\n\tFollowing cgroups are "
                              "required: [cpu cpuacct]\n");
        assert_contains(text, "Could not locate cgroup mount point.\n\tAny cgroup mount point");
}

static const char *page(const char *path, const char *query)
{
        struct cadvisor_request request = { .method = "GET", .path = path, .query = query };
        cadvisor_page(&cadvisor, &request, &reply);
        return buf_text(&reply.body);
}

static void test_pages(void **state)
{
        (void)state;
        static const char *const hostile_aliases[] = { "<script>alert('x')</script>" };
        registry.containers[3].ref.aliases = hostile_aliases;
        registry.containers[3].ref.alias_count = 1;
        registry.containers[4].ref.name = "/docker-<img src=x onerror=\"y\">\n&";
        interfaces[1].name = "e\"><b>";
        options.proc = open("/proc", O_RDONLY | O_DIRECTORY);
        options.root = open("/", O_RDONLY | O_DIRECTORY);
        static const char *const pages[] = { "/containers/", "/containers/docker/4a5b00112233", "/docker/",
                "/docker/web", "/podman", "/containers/docker/4a5c",
                "/containers/docker-<img src=x onerror=\"y\">\n&" };
        for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
                const char *text = page(pages[i], "interface=e%22%3E%3Cb%3E&top=3&page=99");
                assert_int_equal(reply.status, 200);
                assert_string_equal(reply.content_type, "text/html; charset=utf-8");
                assert_null(strstr(text, "<script>alert"));
                assert_null(strstr(text, "<img"));
                assert_null(strstr(text, "<b>\"")); /* of the interface's name */
                assert_null(strstr(text, "http://"));
                assert_null(strstr(text, "https://"));
                assert_non_null(strstr(text, "</html>"));
        }
        const char *text = page("/containers/", "");
        assert_contains(text,
                "href=\"/containers/docker-%3Cimg%20src%3Dx%20onerror%3D%22y%22%3E%0A%26\">/docker-&lt;img "
                "src=x onerror=&quot;y&quot;&gt;?&amp;</a>");
        assert_contains(text, "<th>CPU shares</th><td>1024</td>");
        assert_contains(text, "FS #2");
        assert_contains(text, "Docker Containers");
        assert_contains(page("/docker/", ""), "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; (/docker/4a5c)");
        options.url_prefix = "/cadvisor";
        assert_contains(page("/containers/docker", ""), "<a href=\"/cadvisor/containers/\">root</a> / <a "
                                                        "href=\"/cadvisor/containers/docker\">docker</a>");
        assert_string_equal(page("/containers/nope", ""),
                "failed to get container \"/nope\" with error: unknown container \"/nope\"\n");
        assert_int_equal(reply.status, 404);
        interfaces[1].name = "eth1";
        close(options.root);
        close(options.proc);
}

/* Privacy: no name of a process, no variable of an environment, on any path. */
static void test_privacy(void **state)
{
        static const char *const paths[] = { "/api/v1.3/docker/", "/api/v2.0/spec/", "/api/v2.1/stats/" };
        static struct container_pair secret[] = { { "PASSWORD", "x" } };
        (void)state;
        for (size_t i = 0; i < registry.count; i++) {
                registry.containers[i].spec.envs = secret;
                registry.containers[i].spec.env_count = 1;
        }
        registry.events[0] = (struct container_event){
                .time_ns = noon, .kind = EVENT_OOM_KILL, .container = "/docker/x", .process = "a", .constraint = ""
        };
        registry.event_count = 1;
        for (size_t privacy = 0; privacy < 2; privacy++) {
                cadvisor.privacy = privacy;
                for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                        assert_int_equal(
                                strstr(ask("GET", paths[i], "recursive=true", ""), "\"envs\"") != NULL, !privacy);
                const char *events = ask("GET", "/api/v1.3/events/", "all_events=true&subcontainers=true", "");
                assert_non_null(strstr(events, "\"process_name\""));
                assert_int_equal(strstr(events, "\"process_name\":\"masked\"") != NULL, privacy);
        }
        cadvisor.privacy = false;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_redirects, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_privacy, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bodies, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_which_samples, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_container_v1, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_rare_parts, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_below_and_docker, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_v2, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_machine, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_storage, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_summary, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_events, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_go_spelling, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ceiling, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hostile_paths, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_validate, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
