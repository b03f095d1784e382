#include "base/cleanup.h"
#include "base/encode.h"
#include "modules/watch/event/export.h"
#include "schema/json.h"

static bool has(const json_t *object, const char *key)
{
        const json_t *member = object ? json_object_get(object, key) : NULL;
        return member && !json_is_null(member);
}

/* What a table reads does not say which members were there. */
static void note_presence(const json_t *json, struct event *event)
{
        const json_t *process = json_object_get(json, "process");
        const json_t *exit = json_object_get(json, "exit");
        event->has_process = has(json, "process");
        event->has_exit = has(json, "exit");
        event->has_object = has(json, "object");
        event->has_audit = has(json, "audit");
        event->has_user = has(json, "user");
        event->has_gap = has(json, "gap");
        event->process.has_ids = has(process, "uid");
        event->process.has_session = has(process, "auid");
        event->process.has_container = has(process, "container");
        event->exit.has_usage = has(exit, "user");
        event->audit.has_result = has(json_object_get(json, "audit"), "success");
}

/* "exe_raw" holds the bytes of a path that JSON cannot say. */
static int take_raw(const json_t *object, const char *key, struct arena *arena, const char **path, struct error *err)
{
        const json_t *raw = object ? json_object_get(object, key) : NULL;
        struct buf bytes;
        if (!json_is_string(raw))
                return 0;
        buf_init(&bytes, 64 << 10);
        bool decoded = base64_decode(sv_n(json_string_value(raw), json_string_length(raw)), &bytes);
        char *copy = decoded ? arena_strndup(arena, buf_text(&bytes), bytes.len) : NULL;
        buf_done(&bytes);
        if (!copy)
                return fail(err, E_INVALID, "%s is no base64", key);
        *path = copy;
        return 0;
}

int event_read(struct sv json, struct arena *arena, struct event *ret, struct error *err)
{
        cleanup(json_decref) json_t *value = json_parse(json, false, err);
        if (!value)
                return -1;
        if (!json_is_object(value))
                return fail(err, E_INVALID, "an event is an object");
        if (record_read(&event_record, value, ret, arena, READ_PARTIAL, err) < 0)
                return -1;
        note_presence(value, ret);
        const json_t *process = json_object_get(value, "process");
        const json_t *object = json_object_get(value, "object");
        if (take_raw(process, "exe_raw", arena, &ret->process.exe, err) < 0 ||
                take_raw(process, "cwd_raw", arena, &ret->process.cwd, err) < 0 ||
                take_raw(object, "path_raw", arena, &ret->object.path, err) < 0 ||
                take_raw(object, "source_raw", arena, &ret->object.source, err) < 0)
                return -1;
        return 0;
}
