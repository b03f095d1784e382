/* Fronts: who speaks the agent's wire protocol (module/agent_wire.h) with us. api over its socket, local programs over
 * agent.sock. */
#pragma once

#include "agent/agent.h"
#include "agent/persist.h"

struct front;

/* api came or went. */
void front_api_changed(struct agent *agent, struct persist *api, bool up);
/* Tells api about a module. */
void front_tell_module(struct agent *agent, struct persist *persist, bool up);
/* Tells api to take no more. */
void front_tell_stop(struct agent *agent);

/* More of the run's file is there, or the run is over. */
void front_run_moved(struct agent *agent, const char *run);

/* The configuration went away: grants of callers point into it. */
void front_forget_grants(struct agent *agent);

/* Accepts on agent.sock. */
int front_listen(struct agent *agent, int listener, struct error *err);
void front_close_all(struct agent *agent);
