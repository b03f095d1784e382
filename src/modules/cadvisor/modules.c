/* The modules of area cadvisor, sorted by name: a program of its own, since libcurl weighs more than all of metrics. */
#include "module/module.h"

extern const struct module metrics_client_module;

const struct module *const cadvisor_modules[] = { &metrics_client_module, NULL };
