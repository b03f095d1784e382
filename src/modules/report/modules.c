/* The modules of area report, sorted by name: a program of its own, so that tarsier itself stays small. */
#include "module/module.h"

extern const struct module report_module;

const struct module *const report_modules[] = {
        &report_module,
        NULL,
};
