/* Results as files: STATE/results/ID holds the run's frames as they came, behind one FRAME_MESSAGE
 * {"run","module","shape"}. So a result can be followed from the beginning at any time, and what there is survives the
 * agent. */
#pragma once

#include "agent/agent.h"
#include "module/result.h"

int results_create(struct agent *agent, const char *run, const struct module *module, struct error *err); /* an fd */
int results_open(struct agent *agent, const char *run, struct error *err); /* an fd; E_NOT_FOUND */

/* The envelope of a result, from its frames, as an unnamed file; *ret_fd is at its beginning. */
int results_render(struct agent *agent, const char *run, int *ret_fd, struct error *err);

/* Removes what is beyond the limits; the oldest go first. */
void results_prune(struct agent *agent);

bool results_id_valid(const char *run);
