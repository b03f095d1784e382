#include "agent/status.h"

#include "agent/persist.h"
#include "agent/reload.h"
#include "agent/runs.h"
#include "agent/schedule.h"
#include "agent/supervise.h"
#include "agent/usage.h"
#include "schema/json_writer.h"

#include <sys/resource.h>

#define COUNTERS(X)                                                                                                    \
        X(runs_started, "runs started")                                                                                \
        X(runs_completed, "runs that ended")                                                                           \
        X(runs_failed, "runs that ended without success")                                                              \
        X(runs_refused, "runs refused because the queue was full")                                                     \
        X(schedule_started, "runs started by the schedule")                                                            \
        X(schedule_skipped, "scheduled runs skipped because the one before was not over")                              \
        X(schedule_missed, "scheduled runs made up for after a start")                                                 \
        X(restarts, "restarts of persistent modules")                                                                  \
        X(workers_given_up, "workers that were killed and did not end: asleep in the kernel")                          \
        X(alerts, "alerts of modules")                                                                                 \
        X(alerts_dropped, "alerts dropped because too many waited to be taken")                                        \
        X(alerts_skipped, "alerts that a module far behind the others never got")                                      \
        X(alerts_untaken, "alerts that a module had not acknowledged when it was taken out of the configuration")      \
        X(requests, "requests of fronts")                                                                              \
        X(requests_refused, "requests refused")                                                                        \
        X(fronts_refused, "connections to agent.sock refused")                                                         \
        X(results_removed, "results removed by age, number or size")                                                   \
        X(log_failures, "rows the run log did not take")                                                               \
        X(reloads, "configurations that were taken into use")                                                          \
        X(reloads_refused, "changed configurations that were refused")

bool status_health(const struct agent *agent, char *message, size_t size)
{
        if (agent->stopping) {
                snprintf(message, size, "stopping");
                return false;
        }
        for (size_t i = 0; i < agent->graph.count; i++) {
                const struct graph_node *node = &agent->graph.nodes[i];
                if (node->state == GRAPH_READY || node->state == GRAPH_COMPLETED || node->state == GRAPH_STOPPED)
                        continue; /* stopped: by the configuration */
                snprintf(message, size, "%s is %s", node->name, graph_state_name(node->state));
                return false;
        }
        snprintf(message, size, "ready");
        return true;
}

static void put_seconds(struct json_writer *writer, const char *key, int64_t ns)
{
        int64_t whole_ms = ns / MILLISECOND; /* no digits that mean nothing */
        json_field(writer, key, json_put_double, (double)whole_ms / 1000);
}

static void put_module(struct json_writer *writer, struct agent *agent, const struct persist *persist)
{
        int64_t now = loop_now_ns(agent->loop);
        char since[TIME_TEXT_MAX];
        if (persist_pid(persist)) {
                json_field(writer, "pid", json_put_int, persist_pid(persist));
                usage_write(writer, persist_pid(persist));
        }
        time_format_rfc3339((time_unix_ns() - (now - persist_since_ns(persist))) / SECOND * SECOND, since);
        json_field(writer, "since", json_put_text, since);
        put_seconds(writer, "since_seconds", now - persist_since_ns(persist));
        json_field(writer, "restarts", json_put_uint, persist_restarts(persist));
        if (persist_reason(persist)[0])
                json_field(writer, "reason", json_put_text, persist_reason(persist));
        if (persist_retry_ns(persist))
                put_seconds(writer, "next_start_seconds", persist_retry_ns(persist) - now);
        const struct module *module = persist_module(persist);
        for (size_t i = 0; module->listeners && module->listeners[i].name; i++) {
                if (i == 0) {
                        json_key(writer, "listens");
                        json_begin_object(writer);
                }
                json_field(writer, module->listeners[i].name, json_put_text, persist_listens(persist, i));
                if (!module->listeners[i + 1].name)
                        json_end_object(writer);
        }
}

static void put_services(struct json_writer *writer, struct agent *agent)
{
        json_key(writer, "services");
        json_begin_array(writer);
        for (size_t i = 0; i < agent->graph.count; i++) {
                const struct graph_node *node = &agent->graph.nodes[i];
                const struct graph_need *need = node->state == GRAPH_IDLE ? graph_waits_for(&agent->graph, i) : NULL;
                json_begin_object(writer);
                json_field(writer, "name", json_put_text, node->name);
                json_field(writer, "state", json_put_text, graph_state_name(node->state));
                if (need)
                        json_field(writer, "waits_for", json_put_text, agent->graph.nodes[need->on].name);
                const struct persist *persist = supervise_node(agent, i);
                if (persist)
                        put_module(writer, agent, persist);
                json_end_object(writer);
        }
        json_end_array(writer);
}

void status_write(struct agent *agent, struct buf *out)
{
        struct json_writer writer;
        char message[256];
        char head[128];
        supervise_lost_workers(agent);
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        json_field(&writer, "ready", json_put_bool, status_health(agent, message, sizeof(message)));
        json_field(&writer, "message", json_put_text, message);
        json_field(&writer, "version", json_put_text, TARSIER_VERSION);
        json_field(&writer, "pid", json_put_int, getpid());
        usage_write(&writer, getpid());
        json_field(&writer, "state_directory", json_put_text, agent->state);
        put_seconds(&writer, "uptime_seconds", loop_now_ns(agent->loop) - agent->started_ns);
        if (agent->ready_ns)
                put_seconds(&writer, "start_seconds", agent->ready_ns - agent->started_ns);
        reload_write(agent, &writer);
        put_services(&writer, agent);
        json_key(&writer, "runs");
        json_begin_object(&writer);
        json_field(&writer, "running", json_put_uint, runs_running(agent));
        json_field(&writer, "queued", json_put_uint, runs_queued(agent));
        json_end_object(&writer);
        json_key(&writer, "log");
        json_begin_object(&writer);
        runlog_head(agent->log, head, sizeof(head));
        json_field(&writer, "rows", json_put_uint, runlog_rows(agent->log));
        json_field(&writer, "head", json_put_text, head);
        json_end_object(&writer);
        schedule_write(agent, &writer);
        json_field(&writer, "workers_lost", json_put_uint, agent->workers_lost);
        json_field(&writer, "alerts_waiting", json_put_uint, agent->alerts.waiting.count);
        json_key(&writer, "counters");
        json_begin_object(&writer);
#define X(name, help) json_field(&writer, #name, json_put_uint, agent->counters.name);
        COUNTERS(X)
#undef X
        json_end_object(&writer);
        json_end_object(&writer);
}

static void put_gauge(struct buf *out, const char *name, const char *help, double value)
{
        buf_printf(out, "# HELP tarsier_agent_%s %s\n# TYPE tarsier_agent_%s gauge\ntarsier_agent_%s %.15g\n", name,
                help, name, name, value);
}

void metrics_write(struct agent *agent, struct buf *out)
{
        struct rusage usage;
        supervise_lost_workers(agent);
        getrusage(RUSAGE_SELF, &usage);
        double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
                     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
        buf_printf(out, "# HELP tarsier_agent_info the agent's version\n# TYPE tarsier_agent_info gauge\n"
                        "tarsier_agent_info{version=\"" TARSIER_VERSION "\"} 1\n");
        put_gauge(out, "uptime_seconds", "time since the start",
                (double)(loop_now_ns(agent->loop) - agent->started_ns) / 1e9);
        put_gauge(out, "runs_running", "runs under way", (double)runs_running(agent));
        put_gauge(out, "runs_queued", "runs that wait for their turn", (double)runs_queued(agent));
        put_gauge(
                out, "workers_lost", "workers that were given up and have not ended yet", (double)agent->workers_lost);
        put_gauge(out, "alerts_waiting", "alerts that not every module that takes them has acknowledged",
                (double)agent->alerts.waiting.count);
        put_gauge(out, "log_rows", "rows of the run log", (double)runlog_rows(agent->log));
        put_gauge(out, "fronts", "connected fronts", (double)agent->fronts.count);
        put_gauge(out, "memory_peak_bytes", "peak memory of the agent's own process", (double)usage.ru_maxrss * 1024);
        buf_printf(out,
                "# HELP tarsier_agent_cpu_seconds_total CPU time of the agent's own process\n"
                "# TYPE tarsier_agent_cpu_seconds_total counter\ntarsier_agent_cpu_seconds_total %.6f\n",
                cpu);
#define X(name, help)                                                                                                  \
        buf_printf(out,                                                                                                \
                "# HELP tarsier_agent_" #name "_total " help "\n# TYPE tarsier_agent_" #name "_total counter\n"        \
                "tarsier_agent_" #name "_total %llu\n",                                                                \
                (unsigned long long)agent->counters.name);
        COUNTERS(X)
#undef X
        buf_puts(out, "# HELP tarsier_agent_service_up is the service ready\n# TYPE tarsier_agent_service_up gauge\n");
        for (size_t i = 0; i < agent->graph.count; i++) {
                enum graph_state state = agent->graph.nodes[i].state;
                buf_printf(out, "tarsier_agent_service_up{service=\"%s\"} %d\n", agent->graph.nodes[i].name,
                        state == GRAPH_READY || state == GRAPH_COMPLETED);
        }
        buf_puts(out, "# HELP tarsier_agent_service_restarts_total restarts of a persistent module\n"
                      "# TYPE tarsier_agent_service_restarts_total counter\n");
        for (size_t i = 0; i < agent->modules.count; i++)
                buf_printf(out, "tarsier_agent_service_restarts_total{service=\"%s\"} %llu\n",
                        persist_module(agent->modules.items[i])->name,
                        (unsigned long long)persist_restarts(agent->modules.items[i]));
}
