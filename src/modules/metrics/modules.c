/* The modules of area metrics, sorted by name. */
#include "module/module.h"

extern const struct module metrics_feed_module;
extern const struct module metrics_module;
extern const struct module metrics_query_module;
extern const struct module metrics_top_module;

const struct module *const metrics_modules[] = {
        &metrics_module,
        &metrics_feed_module,
        &metrics_query_module,
        &metrics_top_module,
        NULL,
};

/* Those that ask metrics where it runs. */
extern const struct module *const metrics_queries[];
const struct module *const metrics_queries[] = { &metrics_query_module, &metrics_top_module, NULL };
