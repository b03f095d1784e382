/* What a client of cAdvisor reads, byte for byte where it matters. */
#include "cadvisor_api_fixture.h"

static struct perf_value perf[] = { { .name = "cycles", .value = 9, .scaling_ratio = 0.5, .cpu = 1 } };
static struct perf_value uncore[] = { { .name = "cas", .value = 3, .scaling_ratio = 1, .socket = 0, .pmu = "imc_0" } };
static struct machine_huge_pages huge_pages[] = { { 2048, 0 } };

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_redirects, set_up, tear_down),
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
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
