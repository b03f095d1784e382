/* A complete result envelope as rows: how a foreign module's answer and an agent's answer enter the run they belong to.
 */
#pragma once

#include "module/run.h"

/* Checks the envelope's form and emits its elements by the module's shape, its errors, skipped paths, statistics and
 * verdict. The text is hostile: at most RESULT bytes, JSON of a bounded depth. -1 when it is no envelope. */
int run_emit_envelope(struct run *run, struct sv json, struct error *err);
