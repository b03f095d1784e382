/* The description of the API: OpenAPI 3.1, whose schemas are JSON Schema 2020-12, made from the table of routes and
 * from the modules' field tables at each request. */
#include "asset.h"
#include "front.h"

#include "base/cleanup.h"
#include "module/catalog.h"
#include "module/descriptor.h"
#include "schema/json_schema.h"

#include <ctype.h>
#include <malloc.h>

enum { DESCRIPTORS_ARENA = 64 << 20 };

static json_t *reference(const char *name)
{
        char text[160];
        snprintf(text, sizeof(text), "#/components/schemas/%s", name);
        return json_pack("{s:s}", "$ref", text);
}

static json_t *content(const char *type, json_t *schema)
{
        return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *answer_of(const struct api_route *route)
{
        static const char *const types[] = { [ANSWER_JSON] = "application/json",
                [ANSWER_TEXT] = "text/plain",
                [ANSWER_EVENTS] = "text/event-stream",
                [ANSWER_ANY] = "*/*",
                [ANSWER_RUN] = "application/json" };
        bool start = route->answer == ANSWER_RUN;
        bool json = route->answer == ANSWER_JSON || start;
        if (route->answer == ANSWER_NONE)
                return json_pack("{s:{s:s}}", "204", "description", "taken");
        json_t *kinds = content(types[route->answer],
                json ? start ? reference("Started") : json_object() : json_pack("{s:s}", "type", "string"));
        if (start) {
                json_t *events = json_pack("{s:s, s:o}", "description", "the run's events, when they were asked for",
                        "content", content("text/event-stream", json_pack("{s:s}", "type", "string")));
                return json_pack("{s:{s:s, s:o}, s:o}", "202", "description", "the run was accepted", "content", kinds,
                        "200", events);
        }
        json_t *answer = json_pack("{s:{s:s, s:o}}", "200", "description", route->summary, "content", kinds);
        if (strcmp(route->method, "PUT") == 0)
                json_object_set_new(answer, "201", json_pack("{s:s}", "description", "it was not there before"));
        return answer;
}

static void add_parameter(json_t *list, const char *name, const char *in, const char *help)
{
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", in, "required",
                                            strcmp(in, "path") == 0, "description", help, "schema", "type", "string"));
}

static json_t *operation(const struct api_route *route)
{
        json_t *parameters = json_array();
        json_t *responses = answer_of(route);
        char name[64];
        const char *open = strchr(route->path, '{');
        if (open) {
                snprintf(name, sizeof(name), "%.*s", (int)strcspn(open + 1, "}"), open + 1);
                add_parameter(parameters, name, "path",
                        strcmp(name, "run") == 0      ? "ID of the run"
                        : strcmp(name, "module") == 0 ? "name of the module"
                                                      : "name of the saved run");
        }
        for (size_t i = 0; i < sizeof(route->query) / sizeof(route->query[0]) && route->query[i].name; i++)
                add_parameter(parameters, route->query[i].name, "query", route->query[i].help);
        if (route->answer == ANSWER_EVENTS)
                add_parameter(
                        parameters, "Last-Event-ID", "header", "number of the last event seen: only later ones come");
        json_object_set_new(responses, "default",
                json_pack("{s:s, s:o}", "description", "why it was refused", "content",
                        content("application/json", reference("Error"))));
        json_t *made = json_pack(
                "{s:s, s:o, s:o}", "summary", route->summary, "parameters", parameters, "responses", responses);
        if (route->body)
                json_object_set_new(made, "requestBody",
                        json_pack("{s:b, s:o}", "required", route->schema || route->types, "content",
                                content(route->types ? route->types[0] : "application/json",
                                        route->schema ? reference(route->schema) : json_object())));
        if (route->open)
                json_object_set_new(made, "security", json_array());
        return made;
}

static void add_path(json_t *paths, const char *path, const char *method, json_t *made)
{
        char lower[16];
        size_t i = 0;
        for (; method[i] && i < sizeof(lower) - 1; i++)
                lower[i] = (char)tolower((unsigned char)method[i]);
        lower[i] = '\0';
        json_t *item = json_object_get(paths, path);
        if (!item) {
                item = json_object();
                json_object_set_new(paths, path, item);
        }
        json_object_set_new(item, lower, made);
}

static void add_page(json_t *paths, const struct api_route *route)
{
        add_path(paths, "/", route->method, operation(route));
        for (const struct asset *asset = assets; asset->path; asset++)
                add_path(paths, asset->path, route->method, operation(route));
}

static void add_own_paths(json_t *paths)
{
        for (const struct api_route *route = api_routes; route->path; route++)
                if (strcmp(route->method, "*") != 0 && !route->covers)
                        add_path(paths, route->path, route->method, operation(route));
                else if (route->covers)
                        add_page(paths, route);
}

static void add_schema(
        json_t *schemas, const struct module *module, const char *part, const struct record *record, unsigned flags)
{
        char name[128];
        if (!record)
                return;
        snprintf(name, sizeof(name), "%s.%s", module->name, part);
        json_t *schema = record_json_schema(record, name, NULL, flags);
        json_object_del(schema, "$schema"); /* the document names the dialect once */
        json_object_set_new(schemas, name, schema);
}

/* {"if": module is NAME, "then": its parameters} */
static void add_choice(json_t *choices, const struct module *module)
{
        char name[128];
        snprintf(name, sizeof(name), "%s.parameters", module->name);
        json_array_append_new(
                choices, json_pack("{s:{s:{s:{s:s}}}, s:{s:{s:o}}}", "if", "properties", "module", "const",
                                 module->name, "then", "properties", "parameters", reference(name)));
}

static void add_routes(json_t *paths, const struct module *module)
{
        for (const struct route *route = module->routes; route && route->path; route++) {
                char path[512];
                char summary[512];
                bool below = route->path[0] && route->path[strlen(route->path) - 1] == '*';
                snprintf(path, sizeof(path), "/v1/modules/%s%.*s%s", module->name, (int)(strlen(route->path) - below),
                        route->path, below ? "{below}" : "");
                snprintf(summary, sizeof(summary), "%s (%s, role %s)", route->summary ? route->summary : "",
                        module->name, role_name(route->role));
                struct api_route as = {
                        .path = path, .method = route->method, .summary = summary, .answer = ANSWER_ANY
                };
                as.body = strcmp(route->method, "POST") == 0 || strcmp(route->method, "PUT") == 0;
                add_path(paths, path, route->method, operation(&as));
        }
}

static json_t *base_document(void)
{
        return json_pack("{s:s, s:s, s:{s:s, s:s, s:s}, s:[{s:[]}], s:{}, s:{s:{s:{s:s, s:s}}, s:{}}}", "openapi",
                "3.1.0", "jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema", "info", "title",
                "Tarsier agent", "version", TARSIER_VERSION, "description",
                "One host's agent. Over the unix socket no token is needed: the kernel says who is asking.", "security",
                "token", "paths", "components", "securitySchemes", "token", "type", "http", "scheme", "bearer",
                "schemas");
}

/* A module and parameters that have to be its own. */
static void add_request(json_t *schemas, const char *name, const struct record *record, json_t *choices)
{
        json_t *request = record_json_schema(record, name, NULL, JSON_SCHEMA_STRICT);
        json_object_del(request, "$schema");
        if (json_array_size(choices))
                json_object_set(request, "allOf", choices);
        json_object_set_new(schemas, name, request);
}

static void put_document(struct call *call, json_t *descriptors)
{
        cleanup(arena_done) struct arena arena;
        struct error err;
        json_t *document = base_document();
        json_t *paths = json_object_get(document, "paths");
        json_t *schemas = json_object_get(json_object_get(document, "components"), "schemas");
        json_t *choices = json_array();
        size_t index;
        json_t *descriptor;
        arena_init(&arena, DESCRIPTORS_ARENA);
        add_own_paths(paths);
        json_array_foreach(descriptors, index, descriptor)
        {
                const struct module *module = module_load(descriptor, &arena, &err);
                if (!module)
                        continue; /* the agent loaded it: not to be expected */
                add_schema(schemas, module, "parameters", module->params, JSON_SCHEMA_STRICT);
                add_schema(schemas, module, "element", module->element, JSON_SCHEMA_RESULT);
                add_schema(schemas, module, "statistics", module->statistics, JSON_SCHEMA_RESULT);
                if (strcmp(module->name, "api") != 0)
                        add_choice(choices, module);
                add_routes(paths, module);
        }
        add_request(schemas, "RunRequest", &run_request_record, choices);
        add_request(schemas, "SavedRun", &saved_request_record, choices);
        json_decref(choices);
        json_object_set_new(schemas, "Started",
                json_pack("{s:s, s:[ss], s:{s:{s:s}, s:{s:s}}}", "type", "object", "required", "run", "location",
                        "properties", "run", "type", "string", "location", "type", "string"));
        json_object_set_new(schemas, "Error",
                json_pack("{s:s, s:[s], s:{s:{s:s, s:[ss], s:{s:{s:s}, s:{s:s}, s:{s:s}}}}}", "type", "object",
                        "required", "error", "properties", "error", "type", "object", "required", "code", "message",
                        "properties", "code", "type", "string", "message", "type", "string", "path", "type", "string"));
        call_reply_json(call, 200, document);
        malloc_trim(0); /* it was some megabytes */
}

void handle_openapi(struct call *call)
{
        agent_describe(call, NULL, put_document);
}
