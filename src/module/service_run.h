/* The worker half of persistent modules; what program.c and service.c share. Not for modules. */
#pragma once

#include "module/budget.h"
#include "module/module.h"

struct tarsier_child;

/* Runs a persistent module until the agent stops it; its exit status. Takes `child`. */
int service_main(const struct module *module, struct tarsier_child *child, struct budget budget, bool privacy);

/* Applies a sandbox with the memory ceiling of the budget, or else `memory`. What the kernel lacks goes to *ret_report,
 * or where that is NULL to the log. */
int worker_lock(const struct sandbox *declared, struct budget budget, uint64_t memory,
        struct sandbox_report *ret_report, struct error *err);

/* Parses the contract's parameters message into the module's struct. Error texts are the documented agent's. */
int run_read_parameters(const struct module *module, struct sv text, bool strict, struct arena *arena,
        const void **ret_params, struct error *err);
