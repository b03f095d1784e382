/* The modules of area host, sorted by name. */
#include "module/module.h"

const struct module *const host_modules[] = {
        NULL,
};
