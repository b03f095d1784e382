/* What fswatch says: MIG's texts and severities, and fields of our own beside them. */
#include "fswatch.h"

#include "base/encode.h"
#include "schema/write.h"

static const struct field who_fields[] = {
        FIELD_STRING(struct who, comm, .help = "name of the process"),
        FIELD_PATH(struct who, exe, .help = "its program, where the kernel lets it be read", .omit_empty = true),
        FIELD_INT(struct who, uid, .help = "real user"),
        FIELD_INT(struct who, euid, .help = "effective user, where it is another", .has = HAS(struct who, has_euid)),
        FIELD_INT(struct who, login_uid, .help = "user who logged in, where one did",
                .has = HAS(struct who, has_login_uid)),
        FIELD_INT(struct who, ppid, .help = "its parent"),
        FIELD_STRING(struct who, parent, .help = "name of the parent", .omit_empty = true),
        FIELD_TIME(struct who, started_ns, .json = "started", .help = "when the process began"),
        FIELD_STRING(struct who, unit, .help = "systemd unit it belongs to", .omit_empty = true),
        FIELD_RECORD(struct who, container, struct who_container, who_container_fields, .help = "container it runs in",
                .has = HAS(struct who, has_container)),
};

static const struct field alert_fields[] = {
        FIELD_STRING(struct alert, severity, .help = "critical, high, medium or low"),
        FIELD_STRING(struct alert, text, .json = "alert", .help = "what happened, a sentence"),
        FIELD_STRING(struct alert, event,
                .help = "created, changed, removed, renamed, attributes, unreadable, missing or overflow"),
        FIELD_PATH(struct alert, path, .help = "of the object", .omit_empty = true),
        FIELD_PATH(struct alert, old_path, .help = "before a rename", .omit_empty = true),
        FIELD_STRING(struct alert, sha256, .help = "of the content", .omit_empty = true),
        FIELD_STRING(struct alert, old_sha256, .help = "of the content before", .omit_empty = true),
        FIELD_UINT(struct alert, size, .help = "bytes", .has = HAS(struct alert, has_object)),
        FIELD_STRING(struct alert, mode, .help = "type and permissions, octal", .omit_empty = true),
        FIELD_INT(struct alert, uid, .help = "owner", .has = HAS(struct alert, has_object)),
        FIELD_INT(struct alert, gid, .help = "group", .has = HAS(struct alert, has_object)),
        FIELD_INT(struct alert, pid, .help = "process that did it, where the kernel tells", .omit_empty = true),
        FIELD_RECORD(struct alert, who, struct who, who_fields,
                .help = "that process, where it could be read for certain", .has = HAS(struct alert, has_who)),
        FIELD_UINT(struct alert, below, .help = "objects below a removed directory", .omit_empty = true),
        FIELD_UINT(struct alert, suppressed, .help = "alerts held back before this one", .omit_empty = true),
        FIELD_BOOL(struct alert, while_down, .help = "it happened while nothing watched", .omit_empty = true),
        FIELD_TIME(struct alert, time_ns, .json = "time", .help = "when it was seen"),
};

void alert_send(struct fswatch *watch, struct alert *alert, struct look how)
{
        struct buf json;
        struct json_writer writer;
        buf_init(&json, 128 << 10);
        json_writer_init(&writer, &json, 0);
        alert->time_ns = time_unix_ns();
        alert->pid = how.pid;
        alert->while_down = how.while_down;
        alert->has_who = how.who != NULL;
        if (how.who)
                alert->who = *how.who;
        record_write(&writer, RECORD(struct alert, alert_fields), alert, 0);
        if (!json.failed) {
                watch->counters.alerts++;
                service_alert(watch->service, sv_n(json.data, json.len));
        }
        buf_done(&json);
}

static char *hex_of(const uint8_t *sha256, char ret[2 * SHA256_SIZE + 1])
{
        for (int i = 0; i < SHA256_SIZE; i++)
                snprintf(ret + 2 * i, 3, "%02x", sha256[i]);
        return ret;
}

void alert_object(struct fswatch *watch, const char *severity, const char *event, const struct object *object,
        const uint8_t *old_sha256, struct look how, const char *format, ...)
{
        char sha256[2 * SHA256_SIZE + 1], old[2 * SHA256_SIZE + 1], mode[16];
        char *text = NULL;
        va_list args;
        va_start(args, format);
        int length = vasprintf(&text, format, args);
        va_end(args);
        snprintf(mode, sizeof(mode), "%06o", object->mode);
        struct alert alert = {
                .severity = severity,
                .text = length < 0 ? NULL : text,
                .event = event,
                .path = (char *)object->path,
                .sha256 = object->hashed ? hex_of(object->sha256, sha256) : NULL,
                .old_sha256 = old_sha256 ? hex_of(old_sha256, old) : NULL,
                .mode = mode,
                .size = object->size,
                .uid = object->uid,
                .gid = object->gid,
                .suppressed = old_sha256 ? object->suppressed : 0,
                .has_object = true,
        };
        alert_send(watch, &alert, how);
        if (length >= 0)
                free(text);
}

void alert_path(struct fswatch *watch, const char *severity, const char *event, const char *path, struct look how,
        const char *format, ...)
{
        char *text = NULL;
        va_list args;
        va_start(args, format);
        int length = vasprintf(&text, format, args);
        va_end(args);
        struct alert alert = {
                .severity = severity,
                .text = length < 0 ? NULL : text,
                .event = event,
                .path = (char *)path,
        };
        alert_send(watch, &alert, how);
        if (length >= 0)
                free(text);
}

void alert_signature(struct fswatch *watch, struct object *object, const uint8_t *old, struct look how)
{
        char before[2 * SHA256_SIZE + 1], after[2 * SHA256_SIZE + 1];
        int64_t now = loop_now_ns(watch->service->loop);
        if (object->alerted_ns && now - object->alerted_ns < watch->config->suppress_ns) {
                object->suppressed++;
                watch->counters.suppressed++;
                return;
        }
        alert_object(watch, "critical", "changed", object, old, how, "%s signature changed %s -> %s", object->path,
                hex_of(old, before), hex_of(object->sha256, after));
        object->alerted_ns = now;
        object->suppressed = 0;
}
