/* Proves a module's sandbox by trying: each act of a table is done twice in a process of its own, as this program is
 * and locked as a worker of the module is. No act changes anything where it is allowed. */
#pragma once

#include "module/module.h"

/* Prints on stdout, for programs
 *
 *      {"module":NAME,"acts":{ACT:OUTCOME,…},"unlocked":{ACT:OUTCOME,…},"declared":[CLAUSE,…],"layers":[NAME,…],
 *       "missing":TEXT}
 *
 * or, with `lines`, the same for people. OUTCOME is allowed, refused, killed (SIGSYS), or absent: this kernel or
 * machine does not have it. `missing` is what of the sandbox could not be put in place. The exit status. */
int prove_main(const struct module *module, bool lines);
