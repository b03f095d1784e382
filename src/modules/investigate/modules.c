/* The modules of area investigate, sorted by name. */
#include "module/module.h"

extern const struct module agentstop_module;
extern const struct module example_module;
extern const struct module example_persist_module;
extern const struct module file_module;
extern const struct module memory_module;
extern const struct module netstat_module;
extern const struct module pkg_module;
extern const struct module scribe_module;
extern const struct module sshkey_module;

const struct module *const investigate_modules[] = {
        &agentstop_module,
        &example_module,
        &example_persist_module,
        &file_module,
        &memory_module,
        &netstat_module,
        &pkg_module,
        &scribe_module,
        &sshkey_module,
        NULL,
};
