#include "agent/supervise.h"

#include "agent/front.h"
#include "base/log.h"
#include "module/worker.h"

struct persist *supervise_any(const struct agent *agent, const char *name)
{
        for (size_t i = 0; i < agent->modules.count; i++)
                if (strcmp(persist_module(agent->modules.items[i])->name, name) == 0)
                        return agent->modules.items[i];
        return NULL;
}

struct persist *supervise_find(const struct agent *agent, const char *name)
{
        struct persist *persist = supervise_any(agent, name);
        bool ended = persist && agent->graph.nodes[persist_node(persist)].state == GRAPH_STOPPED;
        return ended ? NULL : persist;
}

struct persist *supervise_node(const struct agent *agent, size_t node)
{
        for (size_t i = 0; i < agent->modules.count; i++)
                if (persist_node(agent->modules.items[i]) == node)
                        return agent->modules.items[i];
        return NULL;
}

int supervise_wanted(
        struct agent *agent, const struct agent_config *config, struct supervise_wanted *ret, struct error *err)
{
        const struct catalog_entry *const *entries;
        size_t count = catalog_all(agent->catalog, &entries, NULL, err);
        ret->count = 0;
        for (size_t i = 0; i < count; i++) {
                struct config_module part;
                if (!entries[i]->module->persistent)
                        continue;
                if (config_module(config, entries[i]->module, &part, err) < 0)
                        return -1;
                json_decref(part.settings);
                if (part.enabled && ret->count == CONFIG_MODULES_MAX)
                        return fail(err, E_TOO_LARGE, "more than %d persistent modules", CONFIG_MODULES_MAX);
                if (part.enabled)
                        ret->entries[ret->count++] = entries[i];
        }
        return 0;
}

/* Alerts find their way from the first one on. api does not wait for the others: who asks while they start is told so.
 */
static int need_receivers(
        struct graph *graph, const struct supervise_wanted *wanted, const struct module *module, struct error *err)
{
        if (module->takes_alerts || strcmp(module->name, "api") == 0)
                return 0;
        for (size_t i = 0; i < wanted->count; i++) {
                const struct module *receiver = wanted->entries[i]->module;
                if (receiver->takes_alerts && graph_need(graph, module->name, receiver->name, GRAPH_ON_READY, err) < 0)
                        return -1;
        }
        return 0;
}

static int need_own(struct graph *graph, const char *name, struct error *err)
{
        return graph_need(graph, name, "run-log", GRAPH_ON_READY, err) < 0
                       ? -1
                       : graph_need(graph, name, "catalog", GRAPH_ON_COMPLETED, err);
}

int supervise_graph(const struct agent_config *config, const struct supervise_wanted *wanted, struct graph *graph,
        struct error *err)
{
        if (graph_add(graph, "run-log", err) < 0 || graph_add(graph, "catalog", err) < 0 ||
                graph_add(graph, "scheduler", err) < 0)
                return -1;
        for (size_t i = 0; i < wanted->count; i++)
                if (graph_add(graph, wanted->entries[i]->module->name, err) < 0)
                        return -1;
        for (size_t i = 0; i < wanted->count; i++)
                if (need_own(graph, wanted->entries[i]->module->name, err) < 0 ||
                        need_receivers(graph, wanted, wanted->entries[i]->module, err) < 0)
                        return -1;
        if (need_own(graph, "scheduler", err) < 0) /* what it runs is logged */
                return -1;
        for (size_t i = 0; i < config->services.count; i++) {
                const struct string_list *list = &config->services.items[i];
                for (size_t k = 0; k < list->count; k++)
                        if (graph_need(graph, config->services.keys[i], list->items[k], GRAPH_ON_READY, err) < 0)
                                return error_prefix(err, "services");
        }
        return graph_check(graph, NULL, err) < 0 ? error_prefix(err, "services") : 0;
}

struct persist *supervise_add(struct agent *agent, const struct catalog_entry *entry, struct error *err)
{
        const struct module *module = entry->module;
        int node = graph_find(&agent->graph, module->name);
        struct persist **slot = vec_add(&agent->modules, SUPERVISE_MODULES_MAX);
        if (!slot)
                return fail_null(err, E_TOO_LARGE, "more than %d persistent modules", SUPERVISE_MODULES_MAX);
        *slot = persist_new(agent, entry, node < 0 ? 0 : (size_t)node, err);
        if (!*slot) {
                agent->modules.count--;
                return NULL;
        }
        if (module->takes_alerts && alerts_receiver(&agent->alerts, module->name, true) < 0) {
                persist_free(agent->modules.items[--agent->modules.count]);
                return fail_null(err, E_TOO_LARGE, "more than %d modules take alerts", ALERT_RECEIVERS_MAX);
        }
        return *slot;
}

int supervise_declare(struct agent *agent, struct error *err)
{
        struct supervise_wanted wanted;
        if (supervise_wanted(agent, agent->config, &wanted, err) < 0 ||
                supervise_graph(agent->config, &wanted, &agent->graph, err) < 0)
                return -1;
        for (size_t i = 0; i < wanted.count; i++)
                if (!supervise_add(agent, wanted.entries[i], err))
                        return -1;
        return 0;
}

void supervise_alert(struct agent *agent, const char *module, const char *text)
{
        agent->counters.alerts++;
        if (!alerts_wanted(&agent->alerts)) {
                log_notice("alert of %s: %.900s", module, text);
                return;
        }
        const struct alert_waiting *alert = alerts_add(&agent->alerts, module, time_unix_ns(), text);
        if (!alert && agent->counters.alerts_dropped++ == 0)
                log_warning("alerts are dropped: no module has taken the %zu that wait", agent->alerts.waiting.count);
        if (agent->alerts.skipped && !agent->counters.alerts_skipped)
                log_warning("alerts are skipped: a module that takes them is %d behind another", ALERTS_MAX);
        agent->counters.alerts_skipped = agent->alerts.skipped;
        for (size_t i = 0; alert && i < agent->modules.count; i++) {
                struct persist *persist = agent->modules.items[i];
                const struct alert_receiver *receiver = alerts_find(&agent->alerts, persist_module(persist)->name);
                if (receiver && receiver->enabled)
                        persist_send(persist, alert->message); /* a failure: it goes to the next process */
        }
}

int supervise_alerts_taken(struct agent *agent, const struct persist *persist, uint64_t sender, uint64_t number)
{
        if (!persist_module(persist)->takes_alerts)
                return -1;
        alerts_taken(&agent->alerts, persist_module(persist)->name, sender, number);
        return 0;
}

void supervise_alerts_lost(const struct agent *agent)
{
        const struct alert_queue *queue = &agent->alerts;
        for (size_t i = 0; i < queue->receiver_count; i++) {
                const struct alert_receiver *receiver = &queue->receivers[i];
                const struct alert_waiting *first;
                size_t untaken = alerts_untaken(queue, receiver, &first);
                if (untaken)
                        log_warning("%s did not take %zu alerts; the first: %.900s", receiver->name, untaken,
                                first->message.p);
        }
}

void supervise_ended(struct agent *agent, const struct persist *persist)
{
        char first[1024];
        const char *name = persist_module(persist)->name;
        size_t untaken = alerts_receiver_ended(&agent->alerts, name, first, sizeof(first));
        agent->counters.alerts_untaken += untaken;
        if (untaken)
                log_warning("%s is no more, and did not take %zu alerts%s; the first: %.900s", name, untaken,
                        alerts_wanted(&agent->alerts) ? "" : ", which no other module takes", first);
}

void supervise_lost_workers(struct agent *agent)
{
        uint64_t ended = agent->counters.workers_given_up - agent->workers_lost;
        agent->workers_lost = worker_lost(&agent->counters.workers_given_up);
        ended = agent->counters.workers_given_up - agent->workers_lost - ended;
        if (ended)
                log_notice("%llu workers that were given up have ended at last; %zu have not",
                        (unsigned long long)ended, agent->workers_lost);
}

void supervise_module_changed(struct agent *agent, struct persist *persist, bool up)
{
        const char *name = persist_module(persist)->name;
        if (strcmp(name, "api") == 0) {
                front_api_changed(agent, persist, up);
                return;
        }
        front_tell_module(agent, persist, up);
        const struct alert_receiver *receiver = up ? alerts_find(&agent->alerts, name) : NULL;
        if (!receiver || !receiver->enabled)
                return;
        vec_foreach (alert, &agent->alerts.waiting)
                if (alert->number > receiver->taken && persist_send(persist, alert->message) < 0)
                        return; /* it is going down again */
}
