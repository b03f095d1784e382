/* The modules of area host, sorted by name. */
#include "module/module.h"

extern const struct module disk_module;
extern const struct module elf_module;
extern const struct module host_module;
extern const struct module kill_module;
extern const struct module lsm_module;
extern const struct module mem_module;
extern const struct module ps_module;
extern const struct module sockstat_module;
extern const struct module stat_module;

const struct module *const host_modules[] = {
        &disk_module,
        &elf_module,
        &host_module,
        &kill_module,
        &lsm_module,
        &mem_module,
        &ps_module,
        &sockstat_module,
        &stat_module,
        NULL,
};
