/* The modules of area host, sorted by name. */
#include "module/module.h"

extern const struct module ps_module;

const struct module *const host_modules[] = {
        &ps_module,
        NULL,
};
