#include "agent/reload.h"

#include "agent/authority.h"
#include "agent/front.h"
#include "agent/runs.h"
#include "agent/schedule.h"
#include "agent/supervise.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "schema/json.h"
#include "schema/json_writer.h"
#include "schema/write.h"

enum { DOCUMENT_MAX = 8 << 20 };

/* What happens to one wanted module. */
struct step {
        const struct catalog_entry *entry;
        struct persist *persist; /* NULL: it is new */
        enum persist_reload how;
        const char *what;
};

struct plan {
        struct supervise_wanted wanted;
        struct step steps[CONFIG_MODULES_MAX];
        struct graph graph;
        struct authority *authority;
        bool scheduler; /* what it waits for is another */
};

static void plan_free(struct plan *plan)
{
        if (plan)
                authority_free(plan->authority);
        free(plan);
}

DEFINE_CLEANUP(struct plan *, plan_free);

/* ---- what changes ---- */

static bool names(const struct string_list *list, const char *name)
{
        for (size_t i = 0; list && i < list->count; i++)
                if (strcmp(list->items[i], name) == 0)
                        return true;
        return false;
}

static const struct string_list *needs_of(const struct agent_config *config, const char *name)
{
        for (size_t i = 0; i < config->services.count; i++)
                if (strcmp(config->services.keys[i], name) == 0)
                        return &config->services.items[i];
        return NULL;
}

static bool all_named(const struct string_list *left, const struct string_list *right)
{
        for (size_t i = 0; left && i < left->count; i++)
                if (!names(right, left->items[i]))
                        return false;
        return true;
}

/* By `services:` alone: what a module waits for by itself (receivers of alerts) is an order of the start, no reason to
 * end it when another one comes or goes. */
static bool same_needs(const struct agent_config *old, const struct agent_config *fresh, const char *name)
{
        const struct string_list *before = needs_of(old, name);
        const struct string_list *after = needs_of(fresh, name);
        return all_named(before, after) && all_named(after, before);
}

static int plan_step(struct agent *agent, const struct agent_config *old, struct step *step, struct error *err)
{
        const char *name = step->entry->module->name;
        struct config_module part;
        step->persist = supervise_any(agent, name);
        if (!step->persist) { /* its settings are right, or it could not start */
                if (config_module(agent->config, step->entry->module, &part, err) < 0)
                        return -1;
                json_decref(part.settings);
                return 0;
        }
        if (persist_plan_reload(step->persist, &step->how, &step->what, err) < 0)
                return -1;
        if (!same_needs(old, agent->config, name)) {
                step->how = PERSIST_RESTART;
                step->what = "what it waits for";
        }
        return 0;
}

/* agent->config is the fresh one already; nothing else has changed, and nothing here is to change anything. */
static int make_plan(struct agent *agent, const struct agent_config *old, struct plan *plan, struct error *err)
{
        if (supervise_wanted(agent, agent->config, &plan->wanted, err) < 0 ||
                supervise_graph(agent->config, &plan->wanted, &plan->graph, err) < 0 ||
                graph_follow(&plan->graph, &agent->graph, err) < 0)
                return -1;
        for (size_t i = 0; i < plan->wanted.count; i++) {
                plan->steps[i].entry = plan->wanted.entries[i];
                if (plan_step(agent, old, &plan->steps[i], err) < 0)
                        return -1;
        }
        plan->scheduler = !same_needs(old, agent->config, "scheduler");
        plan->authority = authority_new(agent, err);
        return plan->authority ? 0 : -1;
}

/* ---- the steps ---- */

static void leave(struct agent *agent, struct persist *persist, bool again)
{
        struct graph_node *node = &agent->graph.nodes[persist_node(persist)];
        persist_start_again(persist, again);
        if (node->state == GRAPH_IDLE || node->state == GRAPH_STOPPED)
                graph_set(&agent->graph, persist_node(persist), again ? GRAPH_IDLE : GRAPH_STOPPED);
        else
                node->leaving = true;
        if (node->state == GRAPH_STOPPED)
                supervise_ended(agent, persist);
}

/* Those that are not wanted: 1 = it is told to go, 0 = it had gone. */
static void end_others(struct agent *agent, const struct plan *plan, unsigned *changed)
{
        for (size_t i = agent->modules.count; i-- > 0;) {
                struct persist *persist = agent->modules.items[i];
                const struct module *module = persist_module(persist);
                int node = graph_find(&plan->graph, module->name);
                if (node < 0) { /* it ended, after an earlier reload or before its first start */
                        if (module->takes_alerts)
                                alerts_receiver(&agent->alerts, module->name, false);
                        supervise_ended(agent, persist);
                        vec_swap_remove(&agent->modules, i);
                        persist_free(persist);
                        continue;
                }
                persist_set_node(persist, (size_t)node);
                bool wanted = false;
                for (size_t k = 0; k < plan->wanted.count; k++)
                        wanted = wanted || plan->steps[k].persist == persist;
                if (wanted)
                        continue;
                if (module->takes_alerts)
                        alerts_receiver(&agent->alerts, module->name, false);
                log_notice("reload: %s ends", module->name);
                (*changed)++;
                leave(agent, persist, false);
        }
}

static bool take_step(struct agent *agent, const struct step *step)
{
        const char *name = step->entry->module->name;
        struct error err;
        if (!step->persist) {
                if (!supervise_add(agent, step->entry, &err)) {
                        graph_set(&agent->graph, (size_t)graph_find(&agent->graph, name), GRAPH_DOWN);
                        log_error("reload: %s cannot start: %s", name, err.message);
                } else {
                        log_notice("reload: %s is new", name);
                }
                return true;
        }
        struct persist *persist = step->persist;
        struct graph_node *node = &agent->graph.nodes[persist_node(persist)];
        if (step->entry->module->takes_alerts)
                alerts_receiver(&agent->alerts, name, true);
        if (node->leaving || node->state == GRAPH_STOPPING || node->state == GRAPH_STOPPED) {
                log_notice("reload: %s comes again", name);
                leave(agent, persist, true); /* with what the configuration says by then */
        } else if (step->how == PERSIST_CONFIGURE && persist_configure(persist) == 0) {
                log_notice("reload: %s gets new settings", name);
        } else if (step->how != PERSIST_KEEP && persist_pid(persist)) {
                log_notice("reload: %s is restarted: %s changed", name, step->what);
                leave(agent, persist, true);
        } else if (step->how != PERSIST_KEEP && node->state == GRAPH_DOWN) {
                log_notice("reload: %s is tried at once: %s changed", name, step->what);
                persist_retry_now(persist);
        } else {
                return false;
        }
        return true;
}

static void reload_scheduler(struct agent *agent, bool restart)
{
        struct error err;
        int node = graph_find(&agent->graph, "scheduler");
        if (node >= 0 && restart && agent->graph.nodes[node].state == GRAPH_READY) {
                log_notice("reload: scheduler is restarted: what it waits for changed");
                schedule_stop(agent);
                graph_set(&agent->graph, (size_t)node, GRAPH_IDLE);
        } else if (schedule_reload(agent, &err) < 0) {
                log_error("schedule: %s", err.message);
        }
}

/* ---- what else changed, for the log ---- */

static json_t *document_of(const struct agent_config *config)
{
        cleanup(buf_done) struct buf text;
        struct json_writer writer;
        buf_init(&text, DOCUMENT_MAX);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, &agent_config_record, config, WRITE_SECRETS);
        return json_parse(sv_n(buf_text(&text), text.len), false, NULL);
}

/* "limits, tokens": names only, never what stands there. */
static void changed_parts(const struct agent_config *old, const struct agent_config *fresh, struct buf *out)
{
        cleanup(json_decref) json_t *before = document_of(old);
        cleanup(json_decref) json_t *after = document_of(fresh);
        for (size_t i = 0; i < agent_config_record.count; i++) {
                const char *name = field_json_name(&agent_config_record.fields[i]);
                const json_t *left = json_object_get(before, name);
                const json_t *right = json_object_get(after, name);
                if (left != right && (!left || !right || !json_equal(left, right)))
                        buf_printf(out, "%s%s", out->len ? ", " : "", name);
        }
}

/* ---- the reload ---- */

static void carry_out(struct agent *agent, struct agent_config *old, struct plan *plan)
{
        unsigned changed = 0, kept = 0;
        cleanup(buf_done) struct buf parts;
        buf_init(&parts, 4096);
        changed_parts(old, agent->config, &parts);
        authority_free(agent->authority);
        agent->authority = plan->authority;
        plan->authority = NULL;
        runlog_set_max(agent->log, (uint64_t)agent->config->limits.log_rows);
        agent->graph = plan->graph;
        end_others(agent, plan, &changed);
        for (size_t i = 0; i < plan->wanted.count; i++) {
                bool touched = take_step(agent, &plan->steps[i]);
                changed += touched;
                kept += !touched;
        }
        reload_scheduler(agent, plan->scheduler);
        /* streams may still point into the old one (a token's grants): what they were granted ends here */
        front_forget_grants(agent);
        log_notice("configuration reloaded: %s; %u services changed, %u go on as they are",
                parts.len ? buf_text(&parts) : "nothing changed", changed, kept);
}

int agent_reload(struct agent *agent, struct error *err)
{
        struct agent_config *old = agent->config;
        struct agent_config *fresh = config_load(agent->config_path, agent->catalog, err);
        cleanup(plan_free) struct plan *plan = fresh ? calloc(1, sizeof(*plan)) : NULL;
        int status = fresh ? 0 : -1;
        if (fresh && !plan)
                status = fail(err, E_NO_MEMORY, "no memory for a reload");
        if (status == 0) {
                agent->config = fresh;
                status = make_plan(agent, old, plan, err);
                if (status < 0 && agent->config_path)
                        error_prefix(err, "%s", agent->config_path);
        }
        if (status < 0) {
                agent->config = old;
                config_free(fresh);
                agent->reload.refused_ns = time_unix_ns();
                snprintf(agent->reload.problem, sizeof(agent->reload.problem), "%s", err->message);
                agent->counters.reloads_refused++;
                return -1;
        }
        carry_out(agent, old, plan);
        config_free(old);
        agent->reload.loaded_ns = time_unix_ns();
        agent->reload.problem[0] = '\0';
        agent->counters.reloads++;
        agent_advance(agent);
        runs_start_waiting(agent);
        return 0;
}

void reload_advance(struct agent *agent)
{
        size_t nodes[GRAPH_NODES_MAX];
        size_t count;
        /* each round moves one at least: the bound is for a fault, which is not to hold the agent for ever */
        for (size_t round = 0; round < GRAPH_NODES_MAX && (count = graph_leavable(&agent->graph, nodes)) > 0; round++)
                for (size_t i = 0; i < count; i++) {
                        struct persist *persist = supervise_node(agent, nodes[i]);
                        if (persist)
                                persist_stop(persist);
                        else
                                graph_set(&agent->graph, nodes[i], GRAPH_STOPPED);
                }
}

void reload_write(const struct agent *agent, struct json_writer *writer)
{
        char text[TIME_TEXT_MAX];
        json_key(writer, "configuration");
        json_begin_object(writer);
        if (agent->config_path)
                json_field(writer, "file", json_put_text, agent->config_path);
        time_format_rfc3339(agent->reload.loaded_ns / SECOND * SECOND, text);
        json_field(writer, "loaded", json_put_text, text);
        if (agent->reload.problem[0]) {
                time_format_rfc3339(agent->reload.refused_ns / SECOND * SECOND, text);
                json_key(writer, "refused");
                json_begin_object(writer);
                json_field(writer, "time", json_put_text, text);
                json_field(writer, "message", json_put_text, agent->reload.problem);
                json_end_object(writer);
        }
        json_end_object(writer);
}
