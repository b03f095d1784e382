/* The agent's configuration: one YAML file (tarsier.yaml), read strictly by a field table. docs:
 * packaging/tarsier.yaml. */
#pragma once

#include "agent/cron.h"
#include "module/budget.h"
#include "module/catalog.h"
#include "schema/field.h"

enum { CONFIG_SCHEDULES_MAX = 256, CONFIG_TOKENS_MAX = 256, CONFIG_MODULES_MAX = 64, CONFIG_FILE_MAX = 1 << 20 };

struct config_tls {
        char *certificate;
        char *key;
};

struct config_token {
        char *name;
        int role; /* enum role - 1: an index into config_roles */
        char *sha256;
        struct string_list modules; /* local-only modules it may run all the same */
};

struct config_schedule {
        char *name;
        char *module;
        json_t *parameters;
        int64_t every_ns;
        char *cron;
        bool privacy;
        double max_cpu;
        uint64_t max_io;
        uint64_t max_memory;
        int64_t max_time_ns;
        bool enabled;

        struct cron points; /* parsed; when cron is set */
};

struct config_limits {
        int64_t runs;
        int64_t queue;
        int64_t results;
        int64_t results_age_ns;
        uint64_t results_size;
        uint64_t result_size;
        int64_t log_rows;
        double max_cpu;
        uint64_t max_io;
        uint64_t max_memory;
        int64_t max_time_ns;
};

struct agent_config {
        char *listen;
        char *socket;
        struct config_tls tls;
        LIST(struct config_token) tokens;
        MAP(char *) local_roles;
        bool privacy;
        MAP(json_t *) modules;
        LIST(struct config_schedule) schedule;
        MAP(struct string_list) services;
        struct config_limits limits;
        bool local_time;

        struct arena arena; /* owns all of it */
};

extern const struct record agent_config_record;
extern const char *const config_roles[]; /* "viewer", "investigator", "admin", NULL */

/* What a persistent module's part of the file says, split from the module's own settings. */
struct config_module {
        bool enabled;
        const json_t *listen; /* object, or NULL */
        json_t *settings;     /* the module's own; new reference */
};

/* path NULL: the defaults. Everything is checked: module names and their settings, schedules with their parameters,
 * tokens, roles. Errors name file and field. */
struct agent_config *config_load(const char *path, struct catalog *catalog, struct error *err);
void config_free(struct agent_config *config);

/* The part of module `name`; defaults when the file does not mention it (enabled: only api). */
int config_module(
        const struct agent_config *config, const struct module *module, struct config_module *ret, struct error *err);

/* "viewer" …: ROLE_NONE when it is no role. */
enum role config_role(const char *name);
const char *config_role_name(enum role role);
