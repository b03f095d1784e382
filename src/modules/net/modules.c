/* The modules of area net, sorted by name. */
#include "module/module.h"

extern const struct module listen_module;
extern const struct module ping_module;
extern const struct module talk_module;
extern const struct module timedrift_module;

const struct module *const net_modules[] = {
        &listen_module,
        &ping_module,
        &talk_module,
        &timedrift_module,
        NULL,
};
