#include "module/envelope.h"

#include "base/cleanup.h"
#include "module/channel.h"
#include "schema/json.h"
#include "schema/write.h"

static int emit_value(struct run *run, const char *group, const char *label, json_t *value, struct error *err)
{
        if (run->privacy && run->module->element)
                record_mask(run->module->element, value);
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        if (!text)
                return fail(err, E_NO_MEMORY, "no memory for a row");
        int status = run_emit_json(run, group, label, sv_of(text), err);
        free(text);
        return status;
}

static int emit_list(struct run *run, const char *group, const char *label, json_t *list, struct error *err)
{
        if ((label || group) && run_declare(run, group, label, json_is_null(list), err) < 0)
                return -1;
        if (!json_is_array(list) && !json_is_null(list))
                return fail(err, E_PROTOCOL, "elements: a list was expected%s%s", label ? " behind " : "",
                        label ? label : "");
        size_t index;
        json_t *value;
        json_array_foreach(list, index, value) if (emit_value(run, group, label, value, err) < 0) return -1;
        return 0;
}

static int emit_map(struct run *run, const char *group, json_t *map, struct error *err)
{
        const char *label;
        json_t *list;
        if (!json_is_object(map))
                return fail(err, E_PROTOCOL, "elements: an object was expected");
        json_object_foreach(map, label, list) if (emit_list(run, group, label, list, err) < 0) return -1;
        return 0;
}

static int emit_groups(struct run *run, json_t *map, struct error *err)
{
        const char *group;
        json_t *value;
        if (!json_is_object(map))
                return fail(err, E_PROTOCOL, "elements: an object was expected");
        json_object_foreach(map, group, value)
        {
                bool empty = json_is_null(value);
                if (run_declare(run, group, NULL, empty, err) < 0 || (!empty && emit_map(run, group, value, err) < 0))
                        return -1;
        }
        return 0;
}

static int emit_elements(struct run *run, json_t *elements, struct error *err)
{
        if (!elements || json_is_null(elements))
                return 0;
        switch (run->module->shape) {
        case SHAPE_LIST:
                return emit_list(run, NULL, NULL, elements, err);
        case SHAPE_MAP_OF_LISTS:
                return emit_map(run, NULL, elements, err);
        case SHAPE_GROUPS:
                return emit_groups(run, elements, err);
        default:
                return emit_value(run, NULL, NULL, elements, err);
        }
}

int run_emit_envelope(struct run *run, struct sv json, struct error *err)
{
        cleanup(json_decref) json_t *envelope = json_parse(json, false, err);
        if (!envelope)
                return error_prefix(err, "the result is not JSON");
        if (!json_is_object(envelope) || !json_is_boolean(json_object_get(envelope, "success")))
                return fail(
                        err, E_PROTOCOL, "the result is no envelope: {\"foundanything\",\"success\",\"elements\",…}");
        if (emit_elements(run, json_object_get(envelope, "elements"), err) < 0)
                return -1;
        size_t index;
        json_t *item;
        json_array_foreach(json_object_get(envelope, "errors"), index, item) if (json_is_string(item))
                run_error(run, "%s", json_string_value(item));
        json_array_foreach(json_object_get(envelope, "skipped"), index, item)
        {
                const char *path = json_string_value(json_object_get(item, "path"));
                const char *reason = json_string_value(json_object_get(item, "reason"));
                if (path && reason)
                        run_skipped(run, path, "%s", reason);
        }
        json_t *statistics = json_object_get(envelope, "statistics");
        if (statistics && !json_is_null(statistics)) {
                if (run->privacy && run->module->statistics)
                        record_mask(run->module->statistics, statistics);
                char *text = json_dumps(statistics, JSON_ENCODE_ANY | JSON_COMPACT);
                run_statistics_json(run, text);
                free(text);
        }
        const char *partial = json_string_value(json_object_get(envelope, "partial"));
        if (partial)
                run_set_partial(run, partial);
        run_set_found(run, json_is_true(json_object_get(envelope, "foundanything")));
        run_set_success(run, json_is_true(json_object_get(envelope, "success")));
        return 0;
}
