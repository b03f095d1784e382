/* Modules as JSON: what --describe prints, what the catalog reads back. */
#include "module/catalog.h"

#include "module/descriptor.h"
#include "schema/describe.h"
#include "schema/json.h"

static const char *const shape_names[] = { "object", "list", "map-of-lists", "groups", "scalar", NULL };
static const char *const role_names[] = { "none", "viewer", "investigator", "admin", NULL };

const char *role_name(enum role role)
{
        return role <= ROLE_ADMIN ? role_names[role] : "none";
}

int role_parse(const char *name, enum role *ret)
{
        for (int i = 0; role_names[i]; i++) {
                if (strcmp(role_names[i], name) == 0) {
                        *ret = (enum role)i;
                        return 0;
                }
        }
        return -1;
}

const char *shape_name(enum shape shape)
{
        return shape_names[shape];
}

static void put_record(struct json_writer *writer, const char *key, const struct record *record)
{
        if (!record)
                return;
        json_key(writer, key);
        record_describe(writer, record);
}

static void put_text(struct json_writer *writer, const char *key, const char *text)
{
        if (text)
                json_field(writer, key, json_put_text, text);
}

static void put_flag(struct json_writer *writer, const char *key, bool flag)
{
        if (flag)
                json_field(writer, key, json_put_bool, true);
}

static void put_examples(struct json_writer *writer, const struct module_example *examples)
{
        if (!examples)
                return;
        json_key(writer, "examples");
        json_begin_array(writer);
        for (; examples->command; examples++) {
                json_begin_object(writer);
                put_text(writer, "command", examples->command);
                put_text(writer, "what", examples->what);
                json_end_object(writer);
        }
        json_end_array(writer);
}

void put_sandbox_clauses(struct json_writer *writer, const struct sandbox *sandbox)
{
        struct buf text;
        struct sv line;
        buf_init(&text, 1 << 16);
        sandbox_describe(sandbox, &text);
        json_begin_array(writer);
        for (struct sv rest = sv_n(buf_text(&text), text.len); sv_line(&rest, &line);)
                json_put_string(writer, line);
        json_end_array(writer);
        buf_done(&text);
}

static void put_routes(struct json_writer *writer, const struct module *module)
{
        if (module->routes) {
                json_key(writer, "routes");
                json_begin_array(writer);
                for (const struct route *route = module->routes; route->path; route++) {
                        json_begin_object(writer);
                        put_text(writer, "method", route->method);
                        put_text(writer, "path", route->path);
                        put_text(writer, "role", role_name(route->role));
                        put_text(writer, "summary", route->summary);
                        json_end_object(writer);
                }
                json_end_array(writer);
        }
        if (module->listeners) {
                json_key(writer, "listeners");
                json_begin_array(writer);
                for (const struct listener *listener = module->listeners; listener->name; listener++) {
                        json_begin_object(writer);
                        put_text(writer, "name", listener->name);
                        put_text(writer, "address", listener->address);
                        json_end_object(writer);
                }
                json_end_array(writer);
        }
}

void module_describe(const struct module *module, const char *area, struct json_writer *writer)
{
        json_begin_object(writer);
        put_text(writer, "name", module->name);
        put_text(writer, "summary", module->summary);
        put_text(writer, "description", module->description);
        put_text(writer, "since", module->since);
        put_text(writer, "area", area);
        put_flag(writer, "persistent", module->persistent);
        put_flag(writer, "foreground", module->foreground);
        put_flag(writer, "stream", module->stream);
        put_flag(writer, "takes_alerts", module->takes_alerts);
        put_flag(writer, "reloads", module->reload || module->reloads);
        put_text(writer, "asks", module->asks);
        put_flag(writer, "local_only", module->local_only);
        put_flag(writer, "errors_private", module->errors_private);
        put_flag(writer, "prints", module->print_row);
        put_flag(writer, "queries", module->persistent && module->run && !module->foreground);
        put_text(writer, "role", role_name(module_role(module)));
        put_text(writer, "shape", shape_name(module->shape));
        put_record(writer, "parameters", module->params);
        put_record(writer, "element", module->element);
        put_record(writer, "statistics", module->statistics);
        put_record(writer, "config", module->config);
        json_key(writer, "limits");
        json_begin_object(writer);
        json_field(writer, "wall_seconds", json_put_int, module_wall_ns(module) / SECOND);
        json_field(writer, "memory", json_put_uint, module_memory(module));
        json_field(writer, "result", json_put_uint, module_result_size(module));
        if (module->limits.stop_ns)
                json_field(writer, "stop_ms", json_put_int, module->limits.stop_ns / MILLISECOND);
        json_end_object(writer);
        json_key(writer, "sandbox");
        put_sandbox_clauses(writer, &module->sandbox);
        put_routes(writer, module);
        put_examples(writer, module->examples);
        json_end_object(writer);
}

enum { TEXT_MAX = 20000, EXAMPLES_MAX = 50, ROUTES_MAX = 200 };

struct loader {
        struct arena *arena;
        struct error *err;
};

/* A text of printable characters (and, where wanted, line breaks), copied; NULL when absent, with *failed when it is
 * bad. */
static const char *load_text(struct loader *loader, const json_t *object, const char *key, bool lines, bool *failed)
{
        const json_t *value = json_object_get(object, key);
        if (!value)
                return NULL;
        const char *text = json_string_value(value);
        bool good = text && json_string_length(value) <= TEXT_MAX;
        for (const char *c = text; good && *c; c++)
                good = ((unsigned char)*c >= 0x20 && *c != 0x7f) || (lines && *c == '\n');
        if (!good) {
                *failed = true;
                fail(loader->err, E_INVALID, "%s: not a plain text of at most %d bytes", key, TEXT_MAX);
                return NULL;
        }
        return arena_strdup(loader->arena, text);
}

static int load_record(struct loader *loader, const json_t *object, const char *key, const struct record **ret)
{
        const json_t *value = json_object_get(object, key);
        *ret = NULL;
        if (!value)
                return 0;
        *ret = record_load(value, loader->arena, loader->err);
        return *ret ? 0 : error_prefix(loader->err, "%s", key);
}

static int load_examples(struct loader *loader, const json_t *object, struct module *module)
{
        const json_t *list = json_object_get(object, "examples");
        size_t count = json_array_size(list);
        if (count == 0)
                return 0;
        if (count > EXAMPLES_MAX)
                return fail(loader->err, E_INVALID, "examples: %zu are too many", count);
        struct module_example *examples = arena_array(loader->arena, count + 1, sizeof(*examples));
        bool failed = !examples;
        for (size_t i = 0; i < count && !failed; i++) {
                const json_t *example = json_array_get(list, i);
                examples[i].command = load_text(loader, example, "command", false, &failed);
                examples[i].what = load_text(loader, example, "what", false, &failed);
                failed |= !examples[i].command;
        }
        module->examples = examples;
        return failed ? fail(loader->err, E_INVALID, "examples: each needs a command and what it answers") : 0;
}

static int load_routes(struct loader *loader, const json_t *object, struct module *module)
{
        const json_t *list = json_object_get(object, "routes");
        size_t count = json_array_size(list);
        if (count == 0)
                return 0;
        struct route *routes = count > ROUTES_MAX ? NULL : arena_array(loader->arena, count + 1, sizeof(*routes));
        bool failed = !routes;
        for (size_t i = 0; i < count && !failed; i++) {
                const json_t *route = json_array_get(list, i);
                const char *role = load_text(loader, route, "role", false, &failed);
                routes[i].method = load_text(loader, route, "method", false, &failed);
                routes[i].path = load_text(loader, route, "path", false, &failed);
                routes[i].summary = load_text(loader, route, "summary", false, &failed);
                failed |= !routes[i].method || !routes[i].path || !role || role_parse(role, &routes[i].role) < 0;
        }
        module->routes = routes;
        return failed ? fail(loader->err, E_INVALID, "routes: each needs a method, a path and a role") : 0;
}

static int load_listeners(struct loader *loader, const json_t *object, struct module *module)
{
        const json_t *list = json_object_get(object, "listeners");
        size_t count = json_array_size(list);
        if (count == 0)
                return 0;
        struct listener *listeners =
                count > ROUTES_MAX ? NULL : arena_array(loader->arena, count + 1, sizeof(*listeners));
        bool failed = !listeners;
        for (size_t i = 0; i < count && !failed; i++) {
                listeners[i].name = load_text(loader, json_array_get(list, i), "name", false, &failed);
                listeners[i].address = load_text(loader, json_array_get(list, i), "address", false, &failed);
                failed |= !listeners[i].name;
        }
        module->listeners = listeners;
        return failed ? fail(loader->err, E_INVALID, "listeners: each needs a name") : 0;
}

static int load_words(struct loader *loader, const json_t *object, struct module *module)
{
        bool failed = false;
        const char *shape = load_text(loader, object, "shape", false, &failed);
        const char *role = load_text(loader, object, "role", false, &failed);
        module->asks = load_text(loader, object, "asks", false, &failed);
        int index = 0;
        if (failed)
                return -1;
        while (shape && shape_names[index] && strcmp(shape_names[index], shape) != 0)
                index++;
        if (shape && !shape_names[index])
                return fail(loader->err, E_INVALID, "shape: \"%.50s\" is not known", shape);
        module->shape = shape ? (enum shape)index : SHAPE_LIST;
        if (role && role_parse(role, &module->role) < 0)
                return fail(loader->err, E_INVALID, "role: \"%.50s\" is not known", role);
        module->persistent = json_is_true(json_object_get(object, "persistent"));
        module->foreground = module->persistent && json_is_true(json_object_get(object, "foreground"));
        module->stream = json_is_true(json_object_get(object, "stream"));
        module->takes_alerts = module->persistent && json_is_true(json_object_get(object, "takes_alerts"));
        module->reloads = module->persistent && json_is_true(json_object_get(object, "reloads"));
        module->local_only = json_is_true(json_object_get(object, "local_only"));
        module->errors_private = json_is_true(json_object_get(object, "errors_private"));
        const json_t *limits = json_object_get(object, "limits");
        json_int_t wall = json_integer_value(json_object_get(limits, "wall_seconds"));
        module->limits.wall_ns = wall > 0 && wall < 1000000000 ? wall * SECOND : 0;
        json_int_t memory = json_integer_value(json_object_get(limits, "memory"));
        module->limits.memory = memory > 0 ? (uint64_t)memory : 0;
        json_int_t result = json_integer_value(json_object_get(limits, "result"));
        module->limits.result = result > 0 ? (uint64_t)result : 0;
        json_int_t stop = json_integer_value(json_object_get(limits, "stop_ms"));
        module->limits.stop_ns = stop > 0 && stop <= 60000 ? stop * MILLISECOND : 0;
        return 0;
}

struct module *module_load(const json_t *description, struct arena *arena, struct error *err)
{
        struct loader loader = { arena, err };
        if (!json_is_object(description))
                return fail_null(err, E_INVALID, "a description is a JSON object");
        struct module *module = arena_new(arena, struct module);
        if (!module)
                return fail_null(err, E_NO_MEMORY, "no memory for a description");
        bool failed = false;
        module->name = load_text(&loader, description, "name", false, &failed);
        module->summary = load_text(&loader, description, "summary", false, &failed);
        module->description = load_text(&loader, description, "description", true, &failed);
        module->since = load_text(&loader, description, "since", false, &failed);
        if (failed)
                return NULL;
        if (!module->name || !module_name_valid(module->name))
                return fail_null(err, E_INVALID, "name: must be [a-z][a-z0-9-]* of at most 63 characters");
        if (!module->summary)
                return fail_null(err, E_INVALID, "summary: required");
        if (load_record(&loader, description, "parameters", &module->params) < 0 ||
                load_record(&loader, description, "element", &module->element) < 0 ||
                load_record(&loader, description, "statistics", &module->statistics) < 0 ||
                load_record(&loader, description, "config", &module->config) < 0 ||
                load_words(&loader, description, module) < 0 || load_examples(&loader, description, module) < 0 ||
                load_routes(&loader, description, module) < 0 || load_listeners(&loader, description, module) < 0)
                return NULL;
        if (!module->params)
                module->params = &record_empty;
        return module;
}
