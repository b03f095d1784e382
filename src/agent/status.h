/* What the agent says of itself. */
#pragma once

#include "agent/agent.h"

/* One JSON object: state, services with reason and restarts, runs, counters. */
void status_write(struct agent *agent, struct buf *out);

/* Prometheus text format 0.0.4. */
void metrics_write(struct agent *agent, struct buf *out);

/* Is every service up? message: "ready", or what is not. */
bool status_health(const struct agent *agent, char *message, size_t size);
