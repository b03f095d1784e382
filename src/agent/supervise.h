/* All persistent modules, and what passes between them. */
#pragma once

#include "agent/persist.h"

enum { SUPERVISE_MODULES_MAX = 2 * CONFIG_MODULES_MAX }; /* with those that a reload has ended */

/* The persistent modules that a configuration enables. */
struct supervise_wanted {
        const struct catalog_entry *entries[CONFIG_MODULES_MAX];
        size_t count;
};
int supervise_wanted(
        struct agent *agent, const struct agent_config *config, struct supervise_wanted *ret, struct error *err);

/* The agent's own services and these modules, with what each waits for, added to an empty graph and checked. */
int supervise_graph(const struct agent_config *config, const struct supervise_wanted *wanted, struct graph *graph,
        struct error *err);

/* A module that is not there yet; it is started by the graph. Its node is that of agent->graph, or to be set. */
struct persist *supervise_add(struct agent *agent, const struct catalog_entry *entry, struct error *err);

/* All of the agent's configuration, at its start. What a later one changes: reload.h. */
int supervise_declare(struct agent *agent, struct error *err);

/* The module by name, NULL when it is not enabled, or a reload ended it. */
struct persist *supervise_find(const struct agent *agent, const char *name);
/* The same, also one that has ended. */
struct persist *supervise_any(const struct agent *agent, const char *name);
struct persist *supervise_node(const struct agent *agent, size_t node);

/* A module came up or went down: api hears of it, waiting alerts go out. */
void supervise_module_changed(struct agent *agent, struct persist *persist, bool up);

/* An alert of a module: to each enabled module that takes them, kept until all have it on disk (alerts.h); without any
 * to the log. */
void supervise_alert(struct agent *agent, const char *module, const char *text);

/* The module has all alerts up to this one. -1: it is none that takes them. */
int supervise_alerts_taken(struct agent *agent, const struct persist *persist, uint64_t sender, uint64_t number);

/* The module's process has ended and no other follows: what it did not take, and no longer will, is counted and told.
 */
void supervise_ended(struct agent *agent, const struct persist *persist);

/* Reaps workers that were given up because they did not end when they were killed (module/worker.h), and counts them.
 */
void supervise_lost_workers(struct agent *agent);

/* At the end: says what was not taken, by module. */
void supervise_alerts_lost(const struct agent *agent);
