/* The configuration in effect, as a document of the file's form with all defaults filled in. What the tables call a
 * secret is hidden, also in the parameters of scheduled runs. */
#include "agent/config_write.h"

#include "agent/persist.h"
#include "agent/supervise.h"
#include "base/cleanup.h"
#include "schema/field.h"
#include "schema/json.h"
#include "schema/write.h"

enum { DOCUMENT_MAX = 8 << 20 };

static void fill_defaults(const struct record *record, json_t *value);

static void fill_each(const struct record *record, json_t *value, enum field_container container)
{
        const char *key;
        json_t *member;
        size_t index;
        if (container == FIELD_ONE) {
                fill_defaults(record, value);
        } else if (json_is_array(value)) {
                json_array_foreach(value, index, member) fill_defaults(record, member);
        } else if (json_is_object(value)) {
                json_object_foreach(value, key, member)
                        fill_each(record, member, container == FIELD_MAP_OF_LISTS ? FIELD_LIST : FIELD_ONE);
        }
}

/* The agent knows modules by their descriptors, which have no struct to read into. */
static void fill_defaults(const struct record *record, json_t *value)
{
        if (!json_is_object(value))
                return;
        for (size_t i = 0; i < record->count; i++) {
                const struct field *field = &record->fields[i];
                const char *name = field_json_name(field);
                json_t *member = json_object_get(value, name);
                bool inner = field->type == FIELD_TYPE_RECORD;
                if (!member && inner && field->container == FIELD_ONE)
                        json_object_set_new(value, name, member = json_object());
                if (member && inner)
                        fill_each(field->record, member, field->container);
                else if (!member && field->def)
                        json_object_set_new(value, name, field_default_json(field));
        }
}

static json_t *listeners_of(const struct agent *agent, const struct module *module)
{
        const struct persist *persist = supervise_find(agent, module->name);
        json_t *list = json_object();
        for (size_t i = 0; persist && module->listeners[i].name; i++) {
                const char *at = persist_listens(persist, i);
                json_object_set_new(list, module->listeners[i].name, json_string(at[0] ? at : "none"));
        }
        return list;
}

static json_t *module_of(struct agent *agent, const struct module *module, struct error *err)
{
        struct config_module part;
        if (config_module(agent->config, module, &part, err) < 0)
                return NULL;
        json_t *made = json_deep_copy(part.settings); /* what is inside is the running configuration's */
        json_decref(part.settings);
        if (part.enabled && module->config) {
                fill_defaults(module->config, made);
                record_hide(module->config, made);
        } else {
                json_object_clear(made);
        }
        json_object_set_new(made, "enabled", json_boolean(part.enabled));
        if (part.enabled && module->listeners && module->listeners[0].name)
                json_object_set_new(made, "listen", listeners_of(agent, module));
        return made;
}

static bool is_mentioned(const struct agent_config *config, const char *name)
{
        for (size_t i = 0; i < config->modules.count; i++)
                if (strcmp(config->modules.keys[i], name) == 0)
                        return true;
        return strcmp(name, "api") == 0;
}

static json_t *modules_of(struct agent *agent, struct error *err)
{
        const struct catalog_entry *const *entries;
        cleanup(json_decref) json_t *modules = json_object();
        size_t count = catalog_all(agent->catalog, &entries, NULL, err);
        for (size_t i = 0; i < count; i++) {
                const struct module *module = entries[i]->module;
                if (!module->persistent || !is_mentioned(agent->config, module->name))
                        continue;
                json_t *made = module_of(agent, module, err);
                if (!made)
                        return NULL;
                json_object_set_new(modules, module->name, made);
        }
        return json_incref(modules);
}

static void hide_parameters(struct agent *agent, json_t *schedule)
{
        size_t index;
        json_t *entry;
        struct error ignored;
        json_array_foreach(schedule, index, entry)
        {
                const char *name = json_string_value(json_object_get(entry, "module"));
                const struct catalog_entry *module = name ? catalog_find(agent->catalog, name, &ignored) : NULL;
                if (module)
                        record_hide(module->module->params, json_object_get(entry, "parameters"));
                else /* nobody knows what it is */
                        json_object_del(entry, "parameters");
        }
}

/* "http://user:password@host/": the password, if the text is a URL with one (RFC 3986 section 3.2.1). */
static bool hide_password(const char *text, struct buf *out)
{
        const char *scheme = strstr(text, "://");
        const char *user = scheme ? scheme + 3 : NULL;
        size_t length = user ? strcspn(user, "/?#") : 0;
        const char *at = length ? memrchr(user, '@', length) : NULL;
        const char *colon = at ? memchr(user, ':', (size_t)(at - user)) : NULL;
        if (!colon)
                return false;
        buf_printf(out, "%.*s:hidden%s", (int)(colon - text), text, at);
        return !out->failed;
}

static json_t *without_passwords(json_t *value)
{
        const char *key;
        json_t *member;
        void *next;
        size_t index;
        cleanup(buf_done) struct buf text;
        buf_init(&text, DOCUMENT_MAX);
        if (json_is_string(value))
                return hide_password(json_string_value(value), &text) ? json_string(buf_text(&text))
                                                                      : json_incref(value);
        json_array_foreach(value, index, member) json_array_set_new(value, index, without_passwords(member));
        json_object_foreach_safe(value, next, key, member) json_object_set_new(value, key, without_passwords(member));
        return json_incref(value);
}

int config_write(struct agent *agent, struct buf *out, struct error *err)
{
        cleanup(buf_done) struct buf text;
        struct json_writer writer;
        buf_init(&text, DOCUMENT_MAX);
        json_writer_init(&writer, &text, 0);
        record_write(&writer, &agent_config_record, agent->config, 0);
        cleanup(json_decref) json_t *document = json_parse(sv_n(buf_text(&text), text.len), false, err);
        json_t *modules = document ? modules_of(agent, err) : NULL;
        if (!modules)
                return -1;
        json_object_set_new(document, "modules", modules);
        hide_parameters(agent, json_object_get(document, "schedule"));
        if (agent->listen)
                json_object_set_new(document, "listen", json_string(agent->listen));
        json_decref(without_passwords(document));
        char *made = json_dumps(document, JSON_COMPACT);
        if (!made)
                return fail(err, E_NO_MEMORY, "no memory for the configuration");
        buf_puts(out, made);
        free(made);
        return 0;
}
