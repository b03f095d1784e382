/* All persistent modules, and what passes between them. */
#pragma once

#include "agent/persist.h"

/* Declares the services in the graph: the agent's own, and each enabled module. */
int supervise_declare(struct agent *agent, struct error *err);

/* The configuration changed: modules that are mentioned now start, those that are no more stop, the others get their
 * settings. */
int supervise_reload(struct agent *agent, struct error *err);

/* The module by name, NULL when it is not enabled. */
struct persist *supervise_find(const struct agent *agent, const char *name);
struct persist *supervise_node(const struct agent *agent, size_t node);

/* A module came up or went down: api hears of it, waiting alerts go out. */
void supervise_module_changed(struct agent *agent, struct persist *persist, bool up);

/* An alert of a module: to each enabled module that takes them, kept until all have it on disk (alerts.h); without any
 * to the log. */
void supervise_alert(struct agent *agent, const char *module, const char *text);

/* The module has all alerts up to this one. -1: it is none that takes them. */
int supervise_alerts_taken(struct agent *agent, const struct persist *persist, uint64_t sender, uint64_t number);

/* At the end: says what was not taken, by module. */
void supervise_alerts_lost(const struct agent *agent);
