/* Checks: Tarsier's own agent, by what it answers to who may ask (docs/http-api.md): what runs of it, what it lost,
 * what it has to tell. Without an agent there is nothing to say. */
#include "modules/report/checks/checks.h"

#include "base/cleanup.h"
#include "schema/json.h"

#include <jansson.h>

const char *const report_agent_paths[ASKED + 1] = {
        [ASKED_STATUS] = "/v1/status",
        [ASKED_LOG] = "/v1/runs/verify",
        [ASKED_ALERTS] = "/v1/modules/alerts/counts?since=1m&step=1m",
        [ASKED_OPEN] = "/v1/modules/alerts/alerts?state=open&severity=high&limit=12",
        [ASKED_ALERTS_STATUS] = "/v1/modules/alerts/status",
        [ASKED_WATCH] = "/v1/modules/watch/status",
        [ASKED_METRICS] = "/v1/modules/metrics/status",
};

static bool is_refused(int status)
{
        return status == 401 || status == 403;
}

/* What it answered; NULL where it has no such thing, may not be asked, or did not answer, which one check tells for
 * all. */
static json_t *answer(struct look *look, struct finding *finding, enum report_question question)
{
        enum { OK = 200, NOT_FOUND = 404, UNAVAILABLE = 503 };
        const struct report_answer *said = look->agent ? &look->agent[question] : NULL;
        /* 503: the module is not in the configuration, or down, which its service tells */
        if (!said || said->status == NOT_FOUND || said->status == UNAVAILABLE || is_refused(said->status))
                return NULL;
        json_t *value = said->status == OK ? json_parse(sv_n(said->body, said->size), false, NULL) : NULL;
        if (!json_is_object(value)) {
                finding_blind(finding, report_agent_paths[question],
                        said->status == 0    ? "the agent did not answer in time"
                        : said->status == OK ? "the agent's answer makes no sense"
                                             : "the agent failed to answer");
                json_decref(value);
                return NULL;
        }
        return value;
}

static uint64_t number_of(const json_t *object, const char *name)
{
        json_int_t number = json_integer_value(json_object_get(object, name));
        return number > 0 ? (uint64_t)number : 0;
}

static const char *text_of(const json_t *object, const char *name)
{
        const char *text = json_string_value(json_object_get(object, name));
        return text ? text : "";
}

/* ---- services ---- */

static bool is_one_of(const char *text, const char *const *words)
{
        for (; *words; words++)
                if (strcmp(text, *words) == 0)
                        return true;
        return false;
}

/* Is it not as it should be? Restarts count only while they are no more than history that nobody can change. */
static bool judge_service(struct finding *finding, const json_t *service, bool young)
{
        static const char *const fine[] = { "ready", "completed", "stopped", NULL }; /* stopped: by the configuration */
        static const char *const begins[] = { "starting", "idle", "stopping", NULL };
        const char *name = text_of(service, "name"), *state = text_of(service, "state");
        const char *reason = text_of(service, "reason"), *waits = text_of(service, "waits_for");
        uint64_t restarts = number_of(service, "restarts");
        if (is_one_of(state, fine)) {
                if (restarts)
                        finding_show(finding, REPORT_LOW, "%s was started again %llu %s%s%s", name,
                                (unsigned long long)restarts, restarts == 1 ? "time" : "times", *reason ? ": " : "",
                                reason);
                return false;
        }
        if (young && is_one_of(state, begins))
                return false;
        finding_show(finding, is_one_of(state, begins) ? REPORT_MEDIUM : REPORT_HIGH, "%s is %s%s%s%s%s", name, state,
                *waits ? ", waits for " : "", waits, *reason ? ": " : "", reason);
        return true;
}

static void check_services(struct look *look, struct finding *finding)
{
        enum { YOUNG_SECONDS = 60 }; /* an agent that starts */
        if (!look->agent) {
                finding_absent(finding);
                return;
        }
        if (is_refused(look->agent[ASKED_STATUS].status)) {
                finding_say(finding, REPORT_INFO, "An agent of Tarsier runs here that may not be asked");
                return;
        }
        if (look->agent[ASKED_STATUS].status == 0) {
                finding_say(finding, REPORT_MEDIUM, "The agent of Tarsier does not answer");
                return;
        }
        cleanup(json_decref) json_t *status = answer(look, finding, ASKED_STATUS);
        bool young = json_number_value(json_object_get(status, "uptime_seconds")) < YOUNG_SECONDS;
        unsigned ill = 0;
        size_t i;
        const json_t *service;
        json_array_foreach(json_object_get(status, "services"), i, service) ill +=
                judge_service(finding, service, young);
        if (ill)
                finding_say(finding, REPORT_LOW, "%u %s of Tarsier's agent %s not running", ill,
                        ill == 1 ? "service" : "services", ill == 1 ? "is" : "are");
        else if (finding->evidence_count)
                finding_say(finding, REPORT_LOW, "Services of Tarsier's agent had to be started again");
}

/* ---- the run log ---- */

static void check_log(struct look *look, struct finding *finding)
{
        cleanup(json_decref) json_t *verdict = answer(look, finding, ASKED_LOG);
        cleanup(json_decref) json_t *status = answer(look, finding, ASKED_STATUS);
        if (!verdict || !status) {
                finding_absent(finding);
                return;
        }
        uint64_t failures = number_of(json_object_get(status, "counters"), "log_failures");
        if (failures) {
                finding_say(finding, REPORT_MEDIUM, "The agent's run log did not take every row");
                finding_show(finding, REPORT_MEDIUM, "%llu rows are missing", (unsigned long long)failures);
        }
        const json_t *intact = json_object_get(verdict, "intact");
        if (!json_is_boolean(intact))
                finding_blind(finding, report_agent_paths[ASKED_LOG], "the agent's answer makes no sense");
        if (!json_is_false(intact))
                return;
        finding_say(finding, REPORT_HIGH, "The agent's run log was changed by another hand");
        finding_show(finding, REPORT_HIGH, "%s", text_of(verdict, "message"));
}

/* ---- alerts ---- */

static void show_alert(struct finding *finding, const json_t *alert)
{
        const char *rule = text_of(alert, "rule"), *container = text_of(alert, "container");
        finding_show(finding, strcmp(text_of(alert, "severity"), "critical") == 0 ? REPORT_HIGH : REPORT_MEDIUM,
                "%lld, %s: %s%s%s%s%s: %s", (long long)number_of(alert, "id"), text_of(alert, "severity"),
                text_of(alert, "module"), *rule ? "/" : "", rule, *container ? " in " : "", container,
                text_of(alert, "message"));
}

static void check_alerts(struct look *look, struct finding *finding)
{
        cleanup(json_decref) json_t *counts = answer(look, finding, ASKED_ALERTS);
        cleanup(json_decref) json_t *list = answer(look, finding, ASKED_OPEN);
        const json_t *open = json_object_get(counts, "open");
        if (!open) {
                finding_absent(finding);
                return;
        }
        uint64_t critical = number_of(open, "critical"), high = number_of(open, "high");
        if (critical + high == 0)
                return;
        finding_say(finding, critical ? REPORT_HIGH : REPORT_MEDIUM,
                "Nobody has seen to %llu critical and %llu high %s", (unsigned long long)critical,
                (unsigned long long)high, critical + high == 1 ? "alert" : "alerts");
        size_t i;
        const json_t *alert;
        json_array_foreach(json_object_get(list, "alerts"), i, alert) show_alert(finding, alert);
        if (critical + high > finding->evidence_count)
                finding->evidence_more = critical + high - finding->evidence_count;
}

/* ---- what was lost, and what is full ---- */

/* Counters of one answer: PART is the member that holds them, "" the answer itself. */
struct counter {
        const char *part, *name, *what;
        enum report_severity severity;
};

static uint64_t show_counters(
        struct finding *finding, const json_t *said, const char *module, const struct counter *counters, size_t count)
{
        uint64_t sum = 0;
        for (size_t i = 0; i < count; i++) {
                const json_t *part = *counters[i].part ? json_object_get(said, counters[i].part) : said;
                uint64_t number = number_of(part, counters[i].name);
                if (number == 0)
                        continue;
                sum += number;
                finding_show(finding, counters[i].severity, "%s: %llu %s", module, (unsigned long long)number,
                        counters[i].what);
        }
        return sum;
}

#define SHOW(finding, said, module, counters)                                                                          \
        show_counters(finding, said, module, counters, sizeof(counters) / sizeof(*(counters)))

static void check_losses(struct look *look, struct finding *finding)
{
        static const struct counter of_watch[] = {
                { "watch", "lost", "events were lost in the kernel", REPORT_LOW },
                { "watch", "raw_lost", "raw events found no room", REPORT_LOW },
                { "watch", "queue_lost", "events found no room", REPORT_LOW },
                { "store", "lost", "events were not stored", REPORT_LOW },
        };
        static const struct counter of_metrics[] = {
                { "", "exits_lost", "ends of processes were lost in the kernel", REPORT_INFO },
                { "", "push_lost", "pushed samples were lost", REPORT_LOW },
        };
        static const struct counter of_agent[] = {
                { "counters", "alerts_dropped", "alerts of modules were dropped", REPORT_MEDIUM },
        };
        static const struct counter of_alerts[] = {
                { "", "lost", "alerts were lost while the disk took none", REPORT_MEDIUM },
        };
        cleanup(json_decref) json_t *status = answer(look, finding, ASKED_STATUS);
        cleanup(json_decref) json_t *alerts = answer(look, finding, ASKED_ALERTS_STATUS);
        cleanup(json_decref) json_t *watch = answer(look, finding, ASKED_WATCH);
        cleanup(json_decref) json_t *metrics = answer(look, finding, ASKED_METRICS);
        if (!status) {
                finding_absent(finding);
                return;
        }
        SHOW(finding, status, "agent", of_agent);
        SHOW(finding, alerts, "alerts", of_alerts);
        SHOW(finding, metrics, "metrics", of_metrics);
        uint64_t lost = SHOW(finding, watch, "watch", of_watch);
        uint64_t received = number_of(json_object_get(watch, "watch"), "received");
        if (lost && lost >= received / 100) /* who hides between them has a chance */
                finding_show(finding, REPORT_MEDIUM, "watch: %llu of %llu events are missing", (unsigned long long)lost,
                        received + (unsigned long long)lost);
        if (finding->evidence_count)
                finding_say(finding, REPORT_INFO, "The agent has not seen or not kept everything since it started");
}

/* The stores keep to their budgets by removing the oldest: worth to know, since what is removed cannot be asked for. */
static void check_stores(struct look *look, struct finding *finding)
{
        static const struct counter of_watch[] = {
                { "store", "write_errors", "failures to write events", REPORT_MEDIUM },
                { "store", "removed_events", "events removed for age or size", REPORT_INFO },
        };
        static const struct counter of_agent[] = {
                { "counters", "results_removed", "results of runs removed for age, number or size", REPORT_INFO },
        };
        static const struct counter of_alerts[] = {
                { "", "write_errors", "failures to write alerts", REPORT_MEDIUM },
                { "", "removed", "alerts removed for age or size", REPORT_INFO },
        };
        cleanup(json_decref) json_t *status = answer(look, finding, ASKED_STATUS);
        cleanup(json_decref) json_t *alerts = answer(look, finding, ASKED_ALERTS_STATUS);
        cleanup(json_decref) json_t *watch = answer(look, finding, ASKED_WATCH);
        if (!status) {
                finding_absent(finding);
                return;
        }
        const char *troubles[] = { text_of(json_object_get(watch, "store"), "trouble"), text_of(alerts, "trouble") };
        for (size_t i = 0; i < 2; i++)
                if (*troubles[i])
                        finding_show(finding, REPORT_HIGH, "%s: %s", i ? "alerts" : "watch", troubles[i]);
        SHOW(finding, status, "agent", of_agent);
        SHOW(finding, alerts, "alerts", of_alerts);
        SHOW(finding, watch, "watch", of_watch);
        if (finding->severity >= REPORT_HIGH)
                finding_say(finding, REPORT_HIGH, "The agent cannot write what it has to keep");
        else if (finding->severity >= REPORT_MEDIUM)
                finding_say(finding, REPORT_MEDIUM, "The agent could not always write what it has to keep");
        else if (finding->evidence_count)
                finding_say(finding, REPORT_INFO, "The agent has removed what was old, to keep to its disk budget");
}

const struct report_check report_agent_checks[] = {
        { "agent-services", AREA_AGENT, check_services, "Every service of Tarsier's agent runs", "tarsier status",
                false },
        { "agent-log", AREA_AGENT, check_log, "The agent's run log is intact", "tarsier runs verify", false },
        { "agent-alerts", AREA_AGENT, check_alerts, "No critical or high alert is open",
                "tarsier alerts --state open --severity high", false },
        { "agent-losses", AREA_AGENT, check_losses, "The agent has lost nothing since it started", "tarsier status",
                false },
        { "agent-stores", AREA_AGENT, check_stores, "The agent's stores have room", "tarsier status", false },
        { 0 },
};
