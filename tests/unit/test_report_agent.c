/* report: what the agent's answers make of its services, run log, alerts, losses and stores. */
#include "report_scene.h"

#define SERVICES(list) "200{\"uptime_seconds\":3600.5,\"services\":[" list "],\"counters\":{\"alerts_dropped\":0}}"
#define COUNTERS(list) "200{\"uptime_seconds\":3600.5,\"services\":[],\"counters\":{" list "}}"

static void services(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "agent-services", "no agent", { { 0 } }, { { 0 } }, ABSENT, NULL },
                { "agent-services", "all run",
                        { { "agent/status",
                                SERVICES("{\"name\":\"run-log\",\"state\":\"ready\"},"
                                         "{\"name\":\"catalog\",\"state\":\"completed\"},"
                                         "{\"name\":\"off\",\"state\":\"stopped\"}"),
                                0 } },
                        { { 0 } }, REPORT_OK, "runs" },
                { "agent-services", "one is down",
                        { { "agent/status",
                                SERVICES("{\"name\":\"watch\",\"state\":\"down\",\"restarts\":4,"
                                         "\"reason\":\"exit status 1\"}"),
                                0 } },
                        { { 0 } }, REPORT_HIGH, "watch is down: exit status 1" },
                { "agent-services", "one waits",
                        { { "agent/status", SERVICES("{\"name\":\"api\",\"state\":\"idle\",\"waits_for\":\"x\"}"),
                                0 } },
                        { { 0 } }, REPORT_MEDIUM, "api is idle, waits for x" },
                { "agent-services", "one starts with the agent",
                        { { "agent/status",
                                "200{\"uptime_seconds\":2.5,\"services\":["
                                "{\"name\":\"api\",\"state\":\"starting\"}]}",
                                0 } },
                        { { 0 } }, REPORT_OK, NULL },
                { "agent-services", "one is down as soon as the agent runs",
                        { { "agent/status",
                                "200{\"uptime_seconds\":2,\"services\":["
                                "{\"name\":\"api\",\"state\":\"down\"}]}",
                                0 } },
                        { { 0 } }, REPORT_HIGH, "api is down" },
                { "agent-services", "one was started again",
                        { { "agent/status",
                                SERVICES("{\"name\":\"watch\",\"state\":\"ready\",\"restarts\":1,"
                                         "\"reason\":\"ended by signal 9 (KILL)\"}"),
                                0 } },
                        { { 0 } }, REPORT_LOW, "watch was started again 1 time: ended by signal 9 (KILL)" },
                { "agent-services", "it may not be asked", { { "agent/status", "403", 0 } }, { { 0 } }, REPORT_INFO,
                        "may not be asked" },
                { "agent-services", "it asks for a token", { { "agent/status", "401{}", 0 } }, { { 0 } }, REPORT_INFO,
                        "may not be asked" },
                { "agent-services", "it hangs", { { "agent/status", "000", 0 } }, { { 0 } }, REPORT_MEDIUM,
                        "does not answer" },
                { "agent-services", "another program", { { "agent/status", "200<html>", 0 } }, { { 0 } }, BLIND,
                        "makes no sense" },
                { "agent-services", "an answer of another shape", { { "agent/status", "200[1]", 0 } }, { { 0 } }, BLIND,
                        "makes no sense" },
                { "agent-services", "members of other types",
                        { { "agent/status", "200{\"uptime_seconds\":\"x\",\"services\":[1,null,{\"name\":2}]}", 0 } },
                        { { 0 } }, REPORT_HIGH, NULL },
        };
        SCENES(scenes);
}

static void the_run_log(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "agent-log", "no agent", { { 0 } }, { { 0 } }, ABSENT, NULL },
                { "agent-log", "intact",
                        { { "agent/status", COUNTERS("\"log_failures\":0"), 0 },
                                { "agent/log", "200{\"rows\":3,\"intact\":true,\"message\":\"intact\"}", 0 } },
                        { { 0 } }, REPORT_OK, NULL },
                { "agent-log", "changed",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/log", "200{\"rows\":3,\"intact\":false,\"message\":\"row 2 was changed\"}",
                                        0 } },
                        { { 0 } }, REPORT_HIGH, "row 2 was changed" },
                { "agent-log", "rows are missing",
                        { { "agent/status", COUNTERS("\"log_failures\":2"), 0 },
                                { "agent/log", "200{\"intact\":true}", 0 } },
                        { { 0 } }, REPORT_MEDIUM, "2 rows" },
                { "agent-log", "it could not be verified",
                        { { "agent/status", COUNTERS(""), 0 }, { "agent/log", "500{}", 0 } }, { { 0 } }, BLIND,
                        "failed to answer" },
                { "agent-log", "it may not be asked", { { "agent/status", "403", 0 }, { "agent/log", "403", 0 } },
                        { { 0 } }, ABSENT, NULL },
        };
        SCENES(scenes);
}

#define OPEN(critical, high)                                                                                           \
        "200{\"open\":{\"low\":9,\"medium\":9,\"high\":" high ",\"critical\":" critical "},\"total\":{}}"

static void alerts(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "agent-alerts", "the module is not there", { { "agent/status", SERVICES(""), 0 } }, { { 0 } }, ABSENT,
                        NULL },
                { "agent-alerts", "only lesser ones", { { "agent/alerts", OPEN("0", "0"), 0 } }, { { 0 } }, REPORT_OK,
                        NULL },
                { "agent-alerts", "high",
                        { { "agent/alerts", OPEN("0", "1"), 0 },
                                { "agent/open",
                                        "200{\"alerts\":[{\"id\":7,\"severity\":\"high\",\"module\":\"watch\",\"rule\":"
                                        "\"shell\",\"container\":\"web\",\"message\":\"bash "
                                        "started\"}],\"more\":false}",
                                        0 } },
                        { { 0 } }, REPORT_MEDIUM, "7, high: watch/shell in web: bash started" },
                { "agent-alerts", "critical", { { "agent/alerts", OPEN("1", "2"), 0 } }, { { 0 } }, REPORT_HIGH,
                        "1 critical and 2 high alerts" },
        };
        SCENES(scenes);
}

static void losses(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "agent-losses", "no agent", { { 0 } }, { { 0 } }, ABSENT, NULL },
                { "agent-losses", "none",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/watch", "200{\"watch\":{\"received\":50,\"lost\":0},\"store\":{\"lost\":0}}",
                                        0 } },
                        { { 0 } }, REPORT_OK, NULL },
                { "agent-losses", "a few",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/watch", "200{\"watch\":{\"received\":5000,\"raw_lost\":3},\"store\":{}}",
                                        0 } },
                        { { 0 } }, REPORT_LOW, "watch: 3 raw events" },
                { "agent-losses", "many",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/watch", "200{\"watch\":{\"received\":500,\"lost\":5},\"store\":{\"lost\":1}}",
                                        0 } },
                        { { 0 } }, REPORT_MEDIUM, "6 of 506 events" },
                { "agent-losses", "alerts", { { "agent/status", COUNTERS("\"alerts_dropped\":1"), 0 } }, { { 0 } },
                        REPORT_MEDIUM, "agent: 1 alerts" },
                { "agent-losses", "a counter that is no number",
                        { { "agent/status", COUNTERS("\"alerts_dropped\":-1"), 0 },
                                { "agent/alerts-status", "200{\"lost\":\"x\"}", 0 } },
                        { { 0 } }, REPORT_OK, NULL },
        };
        SCENES(scenes);
}

static void stores(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "agent-stores", "no agent", { { 0 } }, { { 0 } }, ABSENT, NULL },
                { "agent-stores", "room", { { "agent/status", COUNTERS("\"results_removed\":0"), 0 } }, { { 0 } },
                        REPORT_OK, NULL },
                { "agent-stores", "the budget is reached",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/watch", "200{\"watch\":{},\"store\":{\"removed_events\":12}}", 0 } },
                        { { 0 } }, REPORT_INFO, "12 events removed" },
                { "agent-stores", "the disk was full",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/alerts-status", "200{\"write_errors\":2}", 0 } },
                        { { 0 } }, REPORT_MEDIUM, "could not always" },
                { "agent-stores", "the disk is full",
                        { { "agent/status", COUNTERS(""), 0 },
                                { "agent/watch", "200{\"store\":{\"write_errors\":2,\"trouble\":\"no space left\"}}",
                                        0 } },
                        { { 0 } }, REPORT_HIGH, "watch: no space left" },
        };
        SCENES(scenes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(services),
                cmocka_unit_test(the_run_log),
                cmocka_unit_test(alerts),
                cmocka_unit_test(losses),
                cmocka_unit_test(stores),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
