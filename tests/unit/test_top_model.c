/* What `tarsier top` knows: the feed's records, the past of each row, events and alerts. */
#include "base/timefmt.h"
#include "tui/model/model.h"
#include "tui/model/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void apply(struct model *model, const char *record)
{
        model_apply(model, sv_of(record), 1000 * SECOND);
}

static struct model *model_with(const char *const *records)
{
        struct error err;
        struct model *model = model_new(&err);
        assert_non_null(model);
        for (size_t i = 0; records[i]; i++)
                apply(model, records[i]);
        return model;
}

static void test_scan_text(void **state)
{
        (void)state;
        static const struct {
                const char *json, *text;
        } cases[] = {
                { "\"plain\"", "plain" },
                { "\"a\\\"b\\\\c\\/\\n\"", "a\"b\\c/\n" },
                { "\"\\u00e9\\ud83d\\ude00\"", "é😀" },
                { "\"\\ud83d\"", "\xef\xbf\xbd" }, /* half of a pair */
                { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
                                        "A" },
                { "\"\\u0000\"", "\xef\xbf\xbd" }, /* no end within a text */
                { "\"\\u00\"", "\xef\xbf\xbd"
                               "00" },
                { "123", "123" },
                { "\"\"", "" },
        };
        char text[64];
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                scan_text(sv_of(cases[i].json), text, sizeof(text));
                assert_string_equal(text, cases[i].text);
        }
        assert_int_equal(scan_text(SV("\"ééé\""), text, 4), 2); /* cut between letters */
        assert_string_equal(text, "é");
}

static void test_scan_number(void **state)
{
        (void)state;
        double number;
        assert_true(scan_number(SV("-12.5e2"), &number) && number == -1250);
        assert_true(scan_number(SV("0.25"), &number) && number == 0.25);
        assert_true(scan_number(SV("9007199254740993"), &number) && number > 9e15);
        assert_true(scan_number(SV("1e999"), &number));
        static const char *const wrong[] = { "", "-", "\"1\"", "1x", "null", ".", "e5" };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_false(scan_number(sv_of(wrong[i]), &number));
}

static void test_scan_broken_texts(void **state)
{
        (void)state;
        static const char *const broken[] = { "{\"a\":", "{\"a", "{\"a\":[1,2", "[[[[", "{\"a\":\"x\\", "{\"a\"1}",
                "{\"a\":]}", "{1:2}", "{\"a\":{]}}" };
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
                struct scan scan = scan_of(sv_of(broken[i]));
                struct sv key;
                bool object = scan_object(&scan);
                while (object && scan_member(&scan, &key))
                        scan_value(&scan);
                if (!object)
                        scan_value(&scan);
                assert_true(scan.failed);
        }
        char deep[200];
        memset(deep, '[', 100);
        memset(deep + 100, ']', 100);
        struct scan scan = scan_of(sv_n(deep, sizeof(deep)));
        scan_value(&scan);
        assert_true(scan.failed); /* deeper than it may be */
}

static void test_a_row_comes_whole(void **state)
{
        (void)state;
        static const char *const records[] = {
                "{\"container\":{\"name\":\"/"
                "a\",\"kind\":\"unit\",\"unit\":\"a.service\",\"cpu\":0.5,\"memory\":1048576,\"image\":\"x\"}}",
                NULL
        };
        cleanup(model_free) struct model *model = model_with(records);
        struct container_row *row = model_container(model, "/a");
        assert_non_null(row);
        assert_true(row->cpu == 0.5 && row->memory == 1048576 && row->kind == CONTAINER_UNIT);
        assert_true(isnan(row->psi_cpu)); /* not known is not zero */
        assert_string_equal(row->image, "x");
        uint64_t id = row->row.id;
        apply(model, "{\"container\":{\"name\":\"/a\",\"kind\":\"unit\",\"psi_cpu\":1.5}}");
        row = model_container(model, "/a");
        assert_true(isnan(row->cpu) && row->psi_cpu == 1.5 && !row->image && !row->unit);
        assert_int_equal(row->row.id, id);
        assert_string_equal(container_title(row), "a");
}

static void test_processes_by_pid_and_start(void **state)
{
        (void)state;
        static const char *const records[] = {
                "{\"process\":{\"pid\":7,\"start\":\"t1\",\"ppid\":1,\"name\":\"old\",\"cpu_time\":\"1m0.5s\"}}",
                "{\"process\":{\"pid\":7,\"start\":\"t2\",\"ppid\":1,\"name\":\"new\",\"cpu_time\":5}}", NULL
        };
        cleanup(model_free) struct model *model = model_with(records);
        assert_int_equal(model->processes.rows.count, 2);
        assert_true(model_process(model, "7 t1")->cpu_time == 60.5e9);
        assert_true(model_process(model, "7 t2")->cpu_time == 5);
        apply(model, "{\"gone\":{\"processes\":[{\"pid\":7,\"start\":\"t1\"},{\"pid\":9,\"start\":\"x\"}],"
                     "\"containers\":[\"/none\"]}}");
        assert_null(model_process(model, "7 t1"));
        assert_string_equal(model_process_by_pid(model, 7)->name, "new");
}

static void test_host_and_cores(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"host\":{\"hostname\":\"vm\",\"cpus\":2,\"cpu\":1.0,\"cores\":[0.25,"
                                               "0.75],\"memory_total\":100,\"memory_available\":25}}",
                "{\"tick\":{\"time\":\"2026-11-22T08:00:00Z\",\"sequence\":1,\"interval\":1000000000}}", NULL };
        cleanup(model_free) struct model *model = model_with(records);
        assert_int_equal(model->host.core_count, 2);
        assert_true(model->host.cores[1] == 0.75F);
        assert_true(history_at(&model->host.cpu_past, 0) == 0.5);
        assert_true(history_at(&model->host.memory_past, 0) == 0.75);
        assert_true(isnan(history_at(&model->host.cpu_past, 1)));
        assert_true(model->interval_ns == 1e9);
        assert_int_equal(model->ticks, 1);
}

static void test_past_is_a_ring(void **state)
{
        (void)state;
        cleanup(model_free) struct model *model = model_new(NULL);
        char record[200];
        for (int i = 1; i <= 300; i++) {
                snprintf(record, sizeof(record), "{\"container\":{\"name\":\"/a\",\"kind\":\"group\",\"cpu\":%d}}", i);
                apply(model, record);
                apply(model, "{\"tick\":{}}");
        }
        struct container_row *row = model_container(model, "/a");
        double samples[MODEL_HISTORY + 1];
        assert_int_equal(history_read(&row->cpu_past, samples, MODEL_HISTORY + 1), MODEL_HISTORY);
        assert_true(samples[0] == 300 - MODEL_HISTORY + 1 && samples[MODEL_HISTORY - 1] == 300);
        assert_int_equal(history_read(&row->cpu_past, samples, 2), 2);
        assert_true(samples[0] == 299 && samples[1] == 300);
}

static void test_idle_processes_have_no_past(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"process\":{\"pid\":1,\"start\":\"a\",\"cpu\":0}}",
                "{\"process\":{\"pid\":2,\"start\":\"a\",\"cpu\":0.1}}", "{\"tick\":{}}",
                "{\"process\":{\"pid\":2,\"start\":\"a\",\"cpu\":0}}", "{\"tick\":{}}", NULL };
        cleanup(model_free) struct model *model = model_with(records);
        assert_int_equal(model->histories, 1);
        assert_int_equal(model_process(model, "2 a")->cpu_past.count, 2);
        apply(model, "{\"gone\":{\"processes\":[{\"pid\":2,\"start\":\"a\"}]}}");
        assert_int_equal(model->histories, 0);
}

static void test_containers_tree(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"container\":{\"name\":\"/\",\"kind\":\"root\"}}",
                "{\"container\":{\"name\":\"/s\",\"kind\":\"group\"}}",
                "{\"container\":{\"name\":\"/s/missing/web\",\"kind\":\"container\",\"alias\":\"web-1\"}}",
                "{\"container\":{\"name\":\"/sister\",\"kind\":\"group\"}}", NULL };
        cleanup(model_free) struct model *model = model_with(records);
        struct container_row *web = model_container(model, "/s/missing/web");
        assert_ptr_equal(model_container_parent(model, web), model_container(model, "/s"));
        assert_ptr_equal(model_container_parent(model, model_container(model, "/s")), model_container(model, "/"));
        assert_null(model_container_parent(model, model_container(model, "/")));
        assert_string_equal(container_title(web), "web-1");
        apply(model, "{\"tick\":{}}");
        assert_true(web->leaf && !model_container(model, "/s")->leaf && !web->inside);
        apply(model, "{\"container\":{\"name\":\"/s/missing/web/init\",\"kind\":\"group\"}}");
        apply(model, "{\"tick\":{}}");
        assert_true(!web->leaf && model_container(model, "/s/missing/web/init")->inside);
        apply(model, "{\"gone\":{\"containers\":[\"/s/missing/web/init\"]}}");
        apply(model, "{\"tick\":{}}");
        assert_true(web->leaf);
        assert_true(model_container_within("/s/missing/web", "/s"));
        assert_true(model_container_within("/s", "/s"));
        assert_false(model_container_within("/sister", "/s"));
        assert_true(model_container_within("/sister", "/"));
        assert_false(model_container_within(NULL, "/s"));
}

static void test_events(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"source\":{\"name\":\"events\",\"state\":\"live\",\"message\":\"\"}}",
                "{\"event\":{\"time\":\"2026-11-22T02:04:03.5Z\",\"id\":20,\"type\":\"exec\",\"process\":{\"pid\":"
                "29110,\"comm\":\"ls\","
                "\"exe\":\"/usr/bin/ls\",\"argv\":[\"/bin/ls\",\"\",\"/"
                "etc\"],\"uid\":0,\"container\":{\"engine\":\"docker\",\"id\":\"a47e\",\"name\":\"web\"}}}}",
                "{\"event\":{\"type\":\"exit\",\"process\":{\"pid\":29110},\"exit\":{\"code\":3,\"duration\":\"1.5s\"}}"
                "}",
                "{\"event\":{\"type\":\"exit\",\"process\":{\"pid\":1},\"exit\":{\"code\":0,\"signal\":9}}}",
                "{\"event\":{\"type\":\"gap\",\"gap\":{\"lost\":12,\"unit\":\"records\",\"reason\":\"queue\"}}}",
                "{\"event\":{\"type\":\"file\",\"process\":{\"pid\":4},\"object\":{\"operation\":\"write\",\"path\":\"/"
                "etc/x\"},\"audit\":{\"key\":\"k\"}}}",
                NULL };
        cleanup(model_free) struct model *model = model_with(records);
        const struct event *event = model_event(model, 4);
        assert_string_equal(event->detail, "/bin/ls '' /etc");
        assert_string_equal(event->container, "web");
        assert_string_equal(event->user, "0");
        assert_true(event->pid == 29110 && event->time_ns % SECOND == SECOND / 2);
        assert_string_equal(model_event(model, 3)->detail, "status 3 after 1.5s");
        assert_string_equal(model_event(model, 2)->detail, "signal 9");
        assert_string_equal(model_event(model, 1)->detail, "lost 12 records queue");
        assert_string_equal(model_event(model, 0)->detail, "write /etc/x key k");
        assert_null(model_event(model, 5));
        model_apply(model, SV("{\"tick\":{}}"), 1001 * SECOND);
        assert_true(model_exec_rate(model, 1) == 1);
        assert_true(model_exec_rate(model, 10) == 0.1);
        model_apply(model, SV("{\"tick\":{}}"), 1500 * SECOND);
        assert_true(model_exec_rate(model, 10) == 0);
        apply(model, "{\"source\":{\"name\":\"events\",\"state\":\"down\",\"message\":\"why\"}}");
        assert_true(isnan(model_exec_rate(model, 10)));
        assert_string_equal(model_source(model, "events")->message, "why");
}

static void test_events_are_bounded(void **state)
{
        (void)state;
        cleanup(model_free) struct model *model = model_new(NULL);
        for (int i = 0; i < MODEL_EVENTS_MAX + 5; i++)
                apply(model, "{\"event\":{\"type\":\"fork\",\"process\":{\"pid\":1}}}");
        assert_int_equal(model->event_count, MODEL_EVENTS_MAX);
        assert_int_equal(model->events_dropped, 5);
        assert_int_equal(model_event(model, 0)->number, MODEL_EVENTS_MAX + 5);
        assert_int_equal(model_event(model, MODEL_EVENTS_MAX - 1)->number, 6);
        char *large = malloc((1 << 20) + 100);
        int head = snprintf(large, 100, "{\"event\":{\"type\":\"exec\",\"pad\":\"");
        memset(large + head, 'x', 1 << 20);
        snprintf(large + head + (1 << 20), 10, "\"}}");
        for (int i = 0; i < 40; i++)
                apply(model, large);
        free(large);
        assert_in_range(model->event_count, 1, 16); /* by their bytes */
        assert_true(model->event_bytes <= MODEL_EVENT_BYTES_MAX + (2 << 20));
}

static void test_alerts(void **state)
{
        (void)state;
        static const char *const records[] = {
                "{\"alerts\":{\"alerts\":[{\"id\":2,\"time\":\"2026-11-22T02:00:02Z\",\"severity\":\"high\",\"state\":"
                "\"open\",\"rule\":\"r\",\"message\":\"m\"},"
                "{\"id\":1,\"time\":\"2026-11-22T02:00:01Z\",\"severity\":\"low\",\"state\":\"muted\"}],\"more\":false}"
                "}",
                "{\"alert\":{\"id\":3,\"time\":\"2026-11-22T02:00:03Z\",\"severity\":\"critical\",\"state\":\"open\","
                "\"count\":2}}",
                NULL
        };
        cleanup(model_free) struct model *model = model_with(records);
        assert_int_equal(model->alerts.count, 3);
        assert_int_equal(model->alerts.items[0].id, 3);
        assert_int_equal(model->alerts.items[2].id, 1);
        assert_int_equal(model_alerts_open(model, SEVERITY_LOW), 2);
        assert_int_equal(model_alerts_open(model, SEVERITY_CRITICAL), 1);
        apply(model, "{\"alert\":{\"id\":2,\"time\":\"2026-11-22T02:00:02Z\",\"severity\":\"high\",\"state\":"
                     "\"acknowledged\",\"acknowledged\":{\"by\":\"ann\"}}}");
        assert_int_equal(model->alerts.count, 3);
        assert_string_equal(model_alert(model, 2)->by, "ann");
        assert_int_equal(model_alerts_open(model, SEVERITY_LOW), 1);
        apply(model, "{\"alerts\":{\"alerts\":[]}}");
        assert_int_equal(model->alerts.count, 0);
}

static void test_alerts_of_a_local_watch(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"event\":{\"type\":\"exec\",\"process\":{\"pid\":5,\"comm\":\"sh\"},"
                                               "\"alerts\":[\"critical container-escape: escape: nsenter\"]}}",
                NULL };
        cleanup(model_free) struct model *model = model_with(records);
        assert_int_equal(model->alerts.count, 1);
        assert_int_equal(model->alerts.items[0].severity, SEVERITY_CRITICAL);
        assert_string_equal(model->alerts.items[0].rule, "container-escape");
        assert_string_equal(model->alerts.items[0].message, "escape: nsenter");
        assert_int_equal(model->alerts.items[0].id, 0);
        /* an agent tells its own: each comes once */
        apply(model, "{\"source\":{\"name\":\"alerts\",\"state\":\"live\",\"message\":\"\"}}");
        apply(model, records[0]);
        assert_int_equal(model->alerts.count, 1);
}

static void test_what_is_no_record(void **state)
{
        (void)state;
        cleanup(model_free) struct model *model = model_new(NULL);
        static const char *const wrong[] = { "", "x", "{", "{}", "[]", "{\"host\"", "{\"host\":1}", "{\"process\":[]}",
                "{\"process\":{\"pid\":1", "{\"container\":{}}", "{\"event\":1}", "{\"alerts\":{}}", "{\"alert\":2}" };
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                apply(model, wrong[i]);
                assert_int_equal(model->malformed, i + 1);
        }
        assert_int_equal(model->processes.rows.count + model->containers.rows.count, 0);
        apply(model, "{\"future\":{}}");
        assert_int_equal(model->unknown, 1);
        assert_int_equal(model->malformed, sizeof(wrong) / sizeof(wrong[0]));
}

static void test_a_feed_that_begins_anew(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"begin\":{}}", "{\"process\":{\"pid\":2,\"start\":\"a\",\"cpu\":1}}",
                "{\"process\":{\"pid\":3,\"start\":\"a\",\"cpu\":1,\"kernel\":true}}",
                "{\"network\":{\"name\":\"eth0\",\"addresses\":[\"10.0.0.1/24\",\"fe80::1/64\"]}}", "{\"tick\":{}}",
                NULL };
        cleanup(model_free) struct model *model = model_with(records);
        struct network_row *network = map_get(&model->networks.rows, SV("eth0"));
        assert_string_equal(network->addresses, "10.0.0.1/24 fe80::1/64");
        assert_true(model_process(model, "3 a")->kernel);
        uint64_t id = model_process(model, "2 a")->row.id;
        apply(model, "{\"begin\":{}}");
        apply(model, records[1]);
        assert_int_equal(model->processes.rows.count, 2); /* until its picture is whole */
        apply(model, "{\"tick\":{}}");
        assert_int_equal(model->processes.rows.count, 1);
        assert_int_equal(model->networks.rows.count, 0);
        assert_int_equal(model_process(model, "2 a")->row.id, id); /* still the same row, with its past */
        assert_int_equal(model_process(model, "2 a")->cpu_past.count, 2);
        apply(model, "{\"gone\":{\"all\":true}}");
        assert_int_equal(model->processes.rows.count, 0);
        assert_int_equal(model->histories, 0);
}

static void test_answers_and_connections(void **state)
{
        (void)state;
        static const char *const records[] = { "{\"answer\":{\"ok\":false,\"message\":\"no\"}}",
                "{\"dropped\":{\"dropped\":17}}",
                "{\"connections\":[{\"protocol\":\"tcp\",\"state\":\"LISTEN\",\"localaddr\":\"::\",\"localport\":22,"
                "\"pid\":1},{}]}",
                NULL };
        cleanup(model_free) struct model *model = model_with(records);
        assert_int_equal(model->answer.number, 1);
        assert_false(model->answer.ok);
        assert_string_equal(model->answer.message, "no");
        assert_int_equal(model->events_missed, 17);
        assert_int_equal(model->connections.count, 2);
        assert_true(model->connections.items[0].local_port == 22 && isnan(model->connections.items[0].remote_port));
        assert_null(model->connections.items[0].remote);
        apply(model, "{\"connections\":[]}");
        assert_int_equal(model->connections.count, 0);
        assert_int_equal(model->connections_asked, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_scan_text),
                cmocka_unit_test(test_scan_number),
                cmocka_unit_test(test_scan_broken_texts),
                cmocka_unit_test(test_a_row_comes_whole),
                cmocka_unit_test(test_processes_by_pid_and_start),
                cmocka_unit_test(test_host_and_cores),
                cmocka_unit_test(test_past_is_a_ring),
                cmocka_unit_test(test_idle_processes_have_no_past),
                cmocka_unit_test(test_containers_tree),
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_events_are_bounded),
                cmocka_unit_test(test_alerts),
                cmocka_unit_test(test_alerts_of_a_local_watch),
                cmocka_unit_test(test_what_is_no_record),
                cmocka_unit_test(test_a_feed_that_begins_anew),
                cmocka_unit_test(test_answers_and_connections),
        };
        return cmocka_run_group_tests_name("top_model", tests, NULL, NULL);
}
