/* cAdvisor's pages, and what holds on every path: spelling, ceilings, hostile names, privacy. */
#include "cadvisor_api_fixture.h"

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
                cmocka_unit_test_setup_teardown(test_privacy, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_go_spelling, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ceiling, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_hostile_paths, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_validate, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
