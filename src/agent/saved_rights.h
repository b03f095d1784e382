/* A saved run is scheduled with the rights of who saved it, as they are when it is due: a token that was withdrawn, or
 * a role that was lowered, takes the runs along that it saved. They stay in the list, suspended, until the rights are
 * there again (which is seen within a minute) or somebody who has them saves the run anew. */
#pragma once

#include "agent/agent.h"

/* 0: it may run. E_PERMISSION: who saved it may not run it any more, and why. */
int saved_check_rights(struct agent *agent, const struct saved *saved, struct error *err);
