/* The modules of area api, sorted by name. */
#include "module/module.h"

extern const struct module api_module;

const struct module *const api_modules[] = {
        &api_module,
        NULL,
};
