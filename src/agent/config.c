#include "agent/config.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json.h"
#include "schema/yaml.h"

#include <errno.h>
#include <fcntl.h>

enum { CONFIG_ARENA_MAX = 16 << 20 };

const char *const config_roles[] = { "viewer", "investigator", "admin", NULL };

static const struct field tls_fields[] = {
        FIELD_PATH(struct config_tls, certificate, .omit_empty = true,
                .help = "PEM file of the certificate and its chain"),
        FIELD_PATH(struct config_tls, key, .omit_empty = true, .help = "PEM file of the private key"),
};

static int check_sha256(const char *text, struct error *err)
{
        return strlen(text) == 64 ? 0 : fail(err, E_INVALID, "SHA-256 of a token is 64 hex digits");
}

static const struct field token_fields[] = {
        FIELD_STRING(struct config_token, name, .help = "who holds it, for the run log", .required = true,
                .min_length = 1, .max_length = 64),
        FIELD_ENUM(struct config_token, role, config_roles, .help = "what it may do", .required = true),
        FIELD_HEX(struct config_token, sha256, .help = "SHA-256 of the token; the token itself is nowhere",
                .required = true, .secret = true, .check = check_sha256),
        FIELD_STRINGS(struct config_token, modules, .help = "local-only modules that it may run from afar all the same",
                .max_items = 100),
};

#define BUDGET_FIELDS(T)                                                                                               \
        FIELD_DOUBLE(T, max_cpu, .omit_empty = true, .help = "share of one core, 0.1 is 10 %"),                        \
                FIELD_SIZE(T, max_io, .omit_empty = true, .help = "bytes a second that may be read"),                  \
                FIELD_SIZE(T, max_memory, .omit_empty = true, .help = "memory of the run"),                            \
                FIELD_DURATION(T, max_time_ns, .json = "max_time", .omit_empty = true,                                 \
                        .help = "time after which it ends with what it has")

static const struct field schedule_fields[] = {
        FIELD_STRING(struct config_schedule, name, .help = "name in the run log", .required = true, .min_length = 1,
                .max_length = 64),
        FIELD_STRING(struct config_schedule, module, .help = "module to run", .required = true),
        FIELD_ANY(struct config_schedule, parameters, .help = "its parameters"),
        FIELD_DURATION(struct config_schedule, every_ns, .json = "every", .help = "time from one run to the next",
                .min = 100 * MILLISECOND, .max = 366 * DAY, .omit_empty = true),
        FIELD_STRING(struct config_schedule, cron, .omit_empty = true,
                .help = "points in time as in crontab(5): \"*/5 * * * *\""),
        FIELD_BOOL(struct config_schedule, privacy, .help = "mask private fields"),
        FIELD_BOOL(struct config_schedule, enabled, .help = "run it", .def = "true"),
        BUDGET_FIELDS(struct config_schedule),
};

static const struct field limits_fields[] = {
        FIELD_INT(struct config_limits, runs, .help = "runs side by side", .def = "8", .min = 1, .max = 1000),
        FIELD_INT(struct config_limits, queue, .help = "runs that wait for their turn; more are refused", .def = "256",
                .min = 1, .max = 10000),
        FIELD_INT(struct config_limits, results, .help = "results kept", .def = "1000", .min = 1, .max = 1000000),
        FIELD_DURATION(struct config_limits, results_age_ns, .json = "results_age",
                .help = "age until which they are kept", .def = "30d", .min = MINUTE, .max = 3660 * DAY),
        FIELD_SIZE(struct config_limits, results_size, .help = "bytes of all results together", .def = "1g",
                .min = 1 << 20, .max = INT64_MAX),
        FIELD_SIZE(struct config_limits, result_size,
                .help = "bytes of one result; what is beyond is left out and it is partial", .def = "64m",
                .min = 64 << 10, .max = 1 << 30),
        FIELD_INT(struct config_limits, log_rows, .help = "rows of the run log, two a run; the oldest go",
                .def = "1000000", .min = 100, .max = 100000000),
        BUDGET_FIELDS(struct config_limits),
};

static const struct field config_fields[] = {
        FIELD_STRING(struct agent_config, listen,
                .help = "address and port of the HTTP API; \"none\" for the socket only", .def = "127.0.0.1:7077"),
        FIELD_PATH(struct agent_config, socket, .omit_empty = true,
                .help = "unix socket of the HTTP API; default: api.sock in the run directory"),
        FIELD_RECORD(struct agent_config, tls, struct config_tls, tls_fields, .help = "TLS of the HTTP API"),
        FIELD_RECORDS(struct agent_config, tokens, struct config_token, token_fields, .help = "who may ask over TCP",
                .max_items = CONFIG_TOKENS_MAX),
        FIELD_STRING_MAP(struct agent_config, local_roles, .help = "role of local users, by name, uid or \"*\"",
                .max_items = 1000),
        FIELD_BOOL(struct agent_config, privacy, .help = "mask private fields in every run"),
        { FIELD_MAP_BASE(struct agent_config, modules, FIELD_TYPE_ANY, json_t *, json_t *),
                .max_items = CONFIG_MODULES_MAX,
                .help = "persistent modules: enabled, listen, and each module's own settings" },
        FIELD_RECORDS(struct agent_config, schedule, struct config_schedule, schedule_fields,
                .help = "runs that the agent starts by itself", .max_items = CONFIG_SCHEDULES_MAX),
        FIELD_STRING_LISTS(struct agent_config, services,
                .help = "further dependencies: service: [service that has to be ready before it]", .max_items = 128),
        FIELD_RECORD(struct agent_config, limits, struct config_limits, limits_fields, .help = "ceilings for all runs"),
        FIELD_BOOL(
                struct agent_config, local_time, .help = "cron points are in the time zone of the host instead of UTC"),
};

const struct record agent_config_record = { config_fields, sizeof(config_fields) / sizeof(config_fields[0]),
        sizeof(struct agent_config), "agent_config" };

enum role config_role(const char *name)
{
        for (int i = 0; config_roles[i]; i++)
                if (strcmp(config_roles[i], name) == 0)
                        return (enum role)(i + 1);
        return ROLE_NONE;
}

const char *config_role_name(enum role role)
{
        return role == ROLE_NONE ? "none" : config_roles[role - 1];
}

void config_free(struct agent_config *config)
{
        if (!config)
                return;
        struct arena arena = config->arena;
        arena_done(&arena);
        free(config);
}

static const json_t *module_part(const struct agent_config *config, const char *name)
{
        for (size_t i = 0; i < config->modules.count; i++)
                if (strcmp(config->modules.keys[i], name) == 0)
                        return config->modules.items[i];
        return NULL;
}

static int check_listeners(const struct module *module, const json_t *listen, struct error *err)
{
        const char *name;
        json_t *address;
        json_object_foreach((json_t *)(uintptr_t)listen, name, address)
        {
                const struct listener *listener = module->listeners;
                while (listener && listener->name && strcmp(listener->name, name) != 0)
                        listener++;
                if (!listener || !listener->name)
                        return fail(err, E_INVALID, "modules.%s.listen: the module has no listener \"%s\"",
                                module->name, name);
                if (!json_is_string(address))
                        return fail(err, E_INVALID, "modules.%s.listen.%s: an address as text", module->name, name);
        }
        return 0;
}

int config_module(
        const struct agent_config *config, const struct module *module, struct config_module *ret, struct error *err)
{
        const json_t *part = module_part(config, module->name);
        struct config_module split = { .enabled = part || strcmp(module->name, "api") == 0 };
        if (part && !json_is_null(part) && !json_is_object(part))
                return fail(err, E_INVALID, "modules.%s: settings as a mapping, or {}", module->name);
        split.settings = json_is_object(part) ? json_copy((json_t *)(uintptr_t)part) : json_object();
        const json_t *enabled = json_object_get(part, "enabled");
        split.listen = json_object_get(part, "listen");
        json_object_del(split.settings, "enabled");
        json_object_del(split.settings, "listen");
        int status = 0;
        if (enabled && !json_is_boolean(enabled))
                status = fail(err, E_INVALID, "modules.%s.enabled: true or false", module->name);
        else if (split.listen && !json_is_object(split.listen))
                status = fail(err, E_INVALID, "modules.%s.listen: a mapping of listener to address", module->name);
        else if (split.listen)
                status = check_listeners(module, split.listen, err);
        if (status == 0 && !module->config && json_object_size(split.settings))
                status = fail(err, E_INVALID, "modules.%s: the module has no settings", module->name);
        struct error why;
        bool wanted = enabled ? json_is_true(enabled) : split.enabled;
        if (status == 0 && module->config && wanted &&
                record_check(module->config, split.settings, READ_STRICT, &why) < 0)
                status = fail(err, why.code, "modules.%s.%s", module->name, why.message);
        if (status < 0) {
                json_decref(split.settings);
                return -1;
        }
        split.enabled = wanted;
        *ret = split;
        return 0;
}

static int check_modules(const struct agent_config *config, struct catalog *catalog, struct error *err)
{
        for (size_t i = 0; i < config->modules.count; i++) {
                struct error why;
                const struct catalog_entry *entry = catalog_find(catalog, config->modules.keys[i], &why);
                if (!entry)
                        return fail(err, why.code, "modules.%s: %s", config->modules.keys[i], why.message);
                if (!entry->module->persistent || strcmp(entry->module->name, config->modules.keys[i]) != 0)
                        return fail(err, E_INVALID, "modules.%s: not a persistent module; it belongs under schedule",
                                config->modules.keys[i]);
                struct config_module part;
                if (config_module(config, entry->module, &part, err) < 0)
                        return -1;
                json_decref(part.settings);
        }
        return 0;
}

static int check_schedule(struct agent_config *config, size_t index, struct catalog *catalog, struct error *err)
{
        struct config_schedule *entry = &config->schedule.items[index];
        struct error why;
        for (size_t i = 0; i < index; i++)
                if (strcmp(config->schedule.items[i].name, entry->name) == 0)
                        return fail(err, E_INVALID, "schedule[%zu].name: \"%s\" is there already", index, entry->name);
        if (!entry->every_ns == !entry->cron)
                return fail(err, E_INVALID, "schedule[%zu]: either every or cron", index);
        if (entry->cron && cron_parse(entry->cron, &entry->points, &why) < 0)
                return fail(err, E_INVALID, "schedule[%zu].cron: %s", index, why.message);
        const struct catalog_entry *module = catalog_find(catalog, entry->module, &why);
        if (!module)
                return fail(err, why.code, "schedule[%zu].module: %s", index, why.message);
        if (record_check(module->module->params, entry->parameters, READ_STRICT, &why) < 0)
                return fail(err, E_INVALID, "schedule[%zu].parameters.%s", index, why.message);
        return 0;
}

static int check_config(struct agent_config *config, struct catalog *catalog, struct error *err)
{
        for (size_t i = 0; i < config->local_roles.count; i++)
                if (config_role(config->local_roles.items[i]) == ROLE_NONE &&
                        strcmp(config->local_roles.items[i], "none") != 0)
                        return fail(err, E_INVALID, "local_roles.%s: one of viewer, investigator, admin, none",
                                config->local_roles.keys[i]);
        for (size_t i = 0; i < config->tokens.count; i++)
                for (size_t k = 0; k < i; k++)
                        if (strcmp(config->tokens.items[i].name, config->tokens.items[k].name) == 0)
                                return fail(err, E_INVALID, "tokens[%zu].name: \"%s\" is there already", i,
                                        config->tokens.items[i].name);
        if (!config->tls.certificate != !config->tls.key)
                return fail(err, E_INVALID, "tls: certificate and key belong together");
        if (check_modules(config, catalog, err) < 0)
                return -1;
        for (size_t i = 0; i < config->schedule.count; i++)
                if (check_schedule(config, i, catalog, err) < 0)
                        return -1;
        return 0;
}

static json_t *read_file(const char *path, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, CONFIG_FILE_MAX);
        if (file_read(AT_FDCWD, path, &text, err) < 0)
                return NULL;
        json_t *value = yaml_parse(sv_n(buf_text(&text), text.len), true, err);
        if (!value)
                error_prefix(err, "%s", path);
        return value;
}

struct agent_config *config_load(const char *path, struct catalog *catalog, struct error *err)
{
        cleanup(json_decref) json_t *value = path ? read_file(path, err) : json_object();
        if (!value)
                return NULL;
        struct agent_config *config = calloc(1, sizeof(*config));
        struct arena arena;
        arena_init(&arena, CONFIG_ARENA_MAX);
        if (!config || record_read(&agent_config_record, value, config, &arena, READ_STRICT, err) < 0) {
                arena_done(&arena);
                free(config);
                if (path)
                        error_prefix(err, "%s", path);
                return NULL;
        }
        config->arena = arena;
        if (check_config(config, catalog, err) < 0) {
                if (path)
                        error_prefix(err, "%s", path);
                config_free(config);
                return NULL;
        }
        return config;
}
