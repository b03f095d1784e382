/* GET /metrics as a whole, over a registry made by hand: who is in it, what ?type= and ?max_age= do, errors, formats.
 */
#include "metrics_fake_registry.h"

#include "base/cleanup.h"
#include "modules/metrics/cadvisor/cadvisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>

enum { MEMORY = 4 << 20 };

static struct registry registry;
static struct container_stats samples[2];
static const char *const aliases[] = { "web" };

/* not in the shared registry by hand, which the API does not ask for it */
const struct container_identity *container_identity(const struct container *container)
{
        static const struct container_identity none, docker = { .unit = "docker-4a5b.scope" };
        return container->ref.name[1] ? &docker : &none;
}

static bool unit_labels;

static void fill(void)
{
        registry = (struct registry){ .count = 2, .refreshed_max_age_ns = -1 };
        registry.machine = (struct machine){ .machine_id = "m",
                .system_uuid = "s",
                .boot_id = "b",
                .cores = 3,
                .kernel_version = "6.1",
                .os_version = "Debian" };
        samples[0] = samples[1] = (struct container_stats){ .time_ns = 5 };
        samples[0].cgroup.has_cpu = samples[1].cgroup.has_cpu = true;
        registry.containers[0] = (struct container){ .ref = { .name = "/", .id = "", .name_space = "" },
                .spec = { .image = "" },
                .samples = samples,
                .sample_count = 1 };
        registry.containers[1] = (struct container){ .ref = { .name = "/docker/4a5b",
                                                             .id = "4a5b",
                                                             .name_space = "docker",
                                                             .aliases = aliases,
                                                             .alias_count = 1 },
                .spec = { .image = "nginx" },
                .samples = samples + 1,
                .sample_count = 1 };
}

static void ask(const char *query, bool compatible, enum exposition_format format, struct cadvisor_reply *ret)
{
        const struct metrics_options options = { .kinds = 1u << METRIC_CPU,
                .store_labels = true,
                .unit_labels = unit_labels,
                .proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) };
        const struct cadvisor cadvisor = {
                .registry = &registry, .options = &options, .version = "1.0", .compatible = compatible
        };
        *ret = (struct cadvisor_reply){ 0 };
        buf_init(&ret->body, MEMORY);
        cadvisor_metrics(&cadvisor, query, format, ret);
        close(options.proc);
}

static void test_all(void **state)
{
        (void)state;
        struct cadvisor_reply reply;
        fill();
        ask("", true, EXPOSITION_TEXT, &reply);
        const char *text = buf_text(&reply.body);
        assert_int_equal(reply.status, 200);
        assert_string_equal(reply.content_type, "text/plain; version=0.0.4; charset=utf-8");
        assert_non_null(strstr(text, "container_cpu_user_seconds_total{id=\"/\",image=\"\",name=\"\"} 0\n"));
        assert_non_null(strstr(text, "{id=\"/docker/4a5b\",image=\"nginx\",name=\"web\"} 0\n"));
        assert_non_null(strstr(text, "\nmachine_cpu_cores{boot_id=\"b\",machine_id=\"m\",system_uuid=\"s\"} 3\n"));
        assert_non_null(strstr(text,
                "cadvisor_version_info{cadvisorRevision=\"\",cadvisorVersion=\"1.0\",dockerVersion=\"Unknown\","
                "kernelVersion=\"6.1\",osVersion=\"Debian\"} 1\n"));
        assert_non_null(strstr(text, "\ncontainer_scrape_error 0\n"));
        assert_non_null(strstr(text, "\nmachine_scrape_error 0\n"));
        assert_non_null(strstr(text, "\nprocess_cpu_seconds_total "));
        assert_non_null(strstr(text, "\ngo_goroutines 0\n"));
        assert_int_equal(registry.refreshed_max_age_ns, -1);
        buf_done(&reply.body);
        ask("", false, EXPOSITION_OPENMETRICS, &reply); /* our own port says nothing of Go */
        assert_null(strstr(buf_text(&reply.body), "go_"));
        assert_non_null(strstr(buf_text(&reply.body), "\n# EOF\n"));
        assert_string_equal(reply.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        buf_done(&reply.body);
}

static void test_units(void **state)
{
        (void)state;
        struct cadvisor_reply reply;
        fill();
        unit_labels = true;
        ask("", false, EXPOSITION_TEXT, &reply);
        unit_labels = false;
        assert_non_null(strstr(buf_text(&reply.body), "{id=\"/\",image=\"\",name=\"\",unit=\"\"} 0\n"));
        assert_non_null(strstr(buf_text(&reply.body), ",name=\"web\",unit=\"docker-4a5b.scope\"} 0\n"));
        buf_done(&reply.body);
}

static void test_query(void **state)
{
        (void)state;
        struct cadvisor_reply reply;
        fill();
        ask("type=docker&max_age=2s", true, EXPOSITION_TEXT, &reply);
        assert_int_equal(reply.status, 200);
        assert_null(strstr(buf_text(&reply.body), "id=\"/\","));
        assert_non_null(strstr(buf_text(&reply.body), "id=\"/docker/4a5b\""));
        assert_int_equal(registry.refreshed_max_age_ns, 2000000000);
        buf_done(&reply.body);
        ask("type=rkt", true, EXPOSITION_TEXT, &reply);
        assert_int_equal(reply.status, 500);
        assert_string_equal(buf_text(&reply.body), "No metrics gathered, last error:\n\nunknown 'type' \"rkt\"\n");
        buf_done(&reply.body);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_all), cmocka_unit_test(test_query),
                cmocka_unit_test(test_units) };
        return cmocka_run_group_tests_name("cadvisor_metrics", tests, NULL, NULL);
}
