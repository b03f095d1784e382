/* The modules of area yara, sorted by name: a program of its own, since libyara and what it loads cost start time. */
#include "module/module.h"

extern const struct module yara_module;

const struct module *const yara_modules[] = {
        &yara_module,
        NULL,
};
