#include "module/module.h"

#include "base/cleanup.h"
#include "module/descriptor.h"
#include "schema/json.h"

const struct module *module_find(module_table table, const char *name)
{
        for (size_t i = 0; table && table[i]; i++)
                if (strcasecmp(table[i]->name, name) == 0)
                        return table[i];
        return NULL;
}

const struct record record_empty = { .fields = NULL, .count = 0, .size = 1, .name = "empty" };

bool module_name_valid(const char *name)
{
        size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
        return length && name[length] == '\0' && name[0] >= 'a' && name[0] <= 'z' && length < 64;
}

/* A default that its own field would refuse is found here and not by the first user. */
static int record_defaults_check(const struct record *record, const char *module, struct error *err)
{
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 1 << 20);
        void *scratch = arena_alloc(&arena, record->size);
        struct error why;
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                if (!field->help)
                        return fail(err, E_INVALID, "%s: parameter %s has no help", module, field->name);
                cleanup(json_decref) json_t *shown =
                        field->cli_def ? field_json_from_text(field, field->cli_def, &why) : NULL;
                if (field->cli_def && !shown)
                        return fail(err, E_INVALID, "%s: default of %s: %s", module, field->name, why.message);
                if (field->record && record_defaults_check(field->record, module, err) < 0)
                        return -1;
        }
        cleanup(json_decref) json_t *empty = json_object();
        if (record_read(record, empty, scratch, &arena, READ_PARTIAL, &why) < 0)
                return fail(err, E_INVALID, "%s: %s", module, why.message);
        return 0;
}

int module_table_check(module_table table, struct error *err)
{
        for (size_t i = 0; table[i]; i++) {
                const struct module *module = table[i];
                if (!module_name_valid(module->name))
                        return fail(err, E_INVALID, "module name \"%s\" is not [a-z][a-z0-9-]*", module->name);
                if (i && strcmp(table[i - 1]->name, module->name) >= 0)
                        return fail(err, strcmp(table[i - 1]->name, module->name) ? E_INVALID : E_EXISTS,
                                "module \"%s\" is there twice or not in order", module->name);
                if (!module->summary || !module->params || !module->element)
                        return fail(err, E_INVALID, "module %s lacks a summary, parameters or elements", module->name);
                if (module->persistent ? !module->start : !module->run)
                        return fail(err, E_INVALID, "module %s has no %s", module->name,
                                module->persistent ? "start" : "run");
                if ((module->foreground || module->queries) && !module->persistent)
                        return fail(err, E_INVALID, "module %s is not persistent: it has no queries", module->name);
                if (module->foreground && !module->run)
                        return fail(err, E_INVALID, "module %s has no run for the foreground", module->name);
                if (module->asks && module->persistent)
                        return fail(err, E_INVALID, "module %s is persistent and asks another", module->name);
                if (module->takes_alerts != (module->alert != NULL) || (module->alert && !module->persistent))
                        return fail(err, E_INVALID, "module %s says that it takes alerts, or does, but not both",
                                module->name);
                if (module->stream && module->shape != SHAPE_LIST)
                        return fail(err, E_INVALID, "module %s streams what is no list", module->name);
                if (record_defaults_check(module->params, module->name, err) < 0 ||
                        (module->config && record_defaults_check(module->config, module->name, err) < 0))
                        return -1;
        }
        return 0;
}
