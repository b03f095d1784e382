/* The module of area fswatch: alone, so that watching costs little memory. */
#include "module/module.h"

extern const struct module fswatch_module;
extern const struct module *const fswatch_modules[];

const struct module *const fswatch_modules[] = {
        &fswatch_module,
        NULL,
};
