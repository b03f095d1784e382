/* Modules and their schemas, from the descriptors that the agent hands out. */
#include "front.h"

#include "base/cleanup.h"
#include "module/catalog.h"
#include "schema/json_schema.h"

enum { DESCRIPTOR_ARENA = 16 << 20 };

static void put_list(struct call *call, json_t *descriptors)
{
        static const char *const kept[] = { "name", "summary", "area", "role", "shape", "since" };
        json_t *list = json_array();
        size_t index;
        json_t *descriptor;
        json_array_foreach(descriptors, index, descriptor)
        {
                json_t *item = json_object();
                for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
                        if (json_object_get(descriptor, kept[i]))
                                json_object_set(item, kept[i], json_object_get(descriptor, kept[i]));
                json_object_set_new(
                        item, "persistent", json_boolean(json_is_true(json_object_get(descriptor, "persistent"))));
                json_object_set_new(
                        item, "local_only", json_boolean(json_is_true(json_object_get(descriptor, "local_only"))));
                json_array_append_new(list, item);
        }
        call_reply_json(call, 200, json_pack("{s:o}", "modules", list));
}

void handle_modules(struct call *call)
{
        agent_describe(call, NULL, put_list);
}

static void put_one(struct call *call, json_t *descriptors)
{
        json_t *one = json_array_get(descriptors, 0);
        struct error err;
        if (one) {
                call_reply_json(call, 200, json_incref(one));
                return;
        }
        fail(&err, E_NOT_FOUND, "module '%s' is not available", call->name);
        call_fail(call, &err);
}

void handle_module(struct call *call)
{
        agent_describe(call, call->name, put_one);
}

static void put_schema(struct call *call, json_t *descriptors)
{
        cleanup(arena_done) struct arena arena;
        struct error err;
        char id[128];
        bool result = call_flag(call, "result");
        arena_init(&arena, DESCRIPTOR_ARENA);
        struct module *module = module_load(json_array_get(descriptors, 0), &arena, &err);
        if (!module) {
                call_fail(call, &err);
                return;
        }
        const struct record *record = result ? module->element : module->params;
        snprintf(id, sizeof(id), "urn:tarsier:module:%s:%s", module->name, result ? "element" : "parameters");
        json_t *schema =
                record ? record_json_schema(record, module->name, id, result ? JSON_SCHEMA_RESULT : JSON_SCHEMA_STRICT)
                       : json_object();
        char *text = schema ? json_dumps(schema, JSON_COMPACT) : NULL;
        json_decref(schema);
        call_reply(call, text ? 200 : 507, "application/schema+json", sv_of(text));
        free(text);
}

void handle_schema(struct call *call)
{
        agent_describe(call, call->name, put_schema);
}
