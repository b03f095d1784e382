/* The modules of area watch, sorted by name. */
#include "module/module.h"

extern const struct module events_module;
extern const struct module tree_module;
extern const struct module watch_module;

const struct module *const watch_modules[] = {
        &events_module,
        &tree_module,
        &watch_module,
        NULL,
};

/* Those that ask watch where it runs. */
extern const struct module *const watch_queries[];
const struct module *const watch_queries[] = { &tree_module, NULL };
