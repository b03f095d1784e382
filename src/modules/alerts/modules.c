/* The modules of area alerts, sorted by name. */
#include "module/module.h"

extern const struct module alerts_module, alerts_acknowledge_module, alerts_counts_module, alerts_list_module,
        alerts_mute_module, alerts_mutes_module, alerts_reopen_module, alerts_unmute_module;

extern const struct module *const alerts_modules[];
const struct module *const alerts_modules[] = {
        &alerts_module,
        &alerts_acknowledge_module,
        &alerts_counts_module,
        &alerts_list_module,
        &alerts_mute_module,
        &alerts_mutes_module,
        &alerts_reopen_module,
        &alerts_unmute_module,
        NULL,
};

/* Those that ask alerts where it runs. */
extern const struct module *const alert_queries[];
const struct module *const alert_queries[] = {
        &alerts_acknowledge_module,
        &alerts_counts_module,
        &alerts_list_module,
        &alerts_mute_module,
        &alerts_mutes_module,
        &alerts_reopen_module,
        &alerts_unmute_module,
        NULL,
};
