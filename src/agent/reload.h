/* A changed configuration takes effect while the agent runs. It is checked as a whole first: one with an error changes
 * nothing. Then services that are gone end, those that need them first; those that are new start when what they need is
 * ready; those whose settings alone changed are told, if they can take settings (module->reload); those that need
 * another start (listeners, privacy, what they wait for by `services:`) end and come again; the others are left alone.
 * The graph does all that, step by step, whatever else happens meanwhile: a death, another reload, the agent's end. */
#pragma once

#include "agent/agent.h"

/* SIGHUP. -1: the configuration in effect is the one before; agent->reload says so until the next one is good. */
int agent_reload(struct agent *agent, struct error *err);

/* Ends what leaves, as far as it may now. Called by agent_advance. */
void reload_advance(struct agent *agent);

struct json_writer;
/* "configuration": {file, loaded, refused: {time, message}} */
void reload_write(const struct agent *agent, struct json_writer *writer);
