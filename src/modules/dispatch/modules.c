/* The module of area dispatch: alone, since it links an HTTP client. */
#include "module/module.h"

extern const struct module dispatch_module;
extern const struct module *const dispatch_modules[];

const struct module *const dispatch_modules[] = {
        &dispatch_module,
        NULL,
};
