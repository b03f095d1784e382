/* GET /v1/config: the configuration in effect. */
#pragma once

#include "agent/agent.h"

/* A JSON object of tarsier.yaml's form, defaults filled in, secrets "hidden", appended to out. */
int config_write(struct agent *agent, struct buf *out, struct error *err);
