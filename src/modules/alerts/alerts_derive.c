/* What an alert says, whoever raised it. Those of watch hold the rule's name and the event with its process, those of
 * fswatch the path and who changed it; of any other the text is the message. */
#include "alerts.h"

#include "base/cleanup.h"
#include "schema/json.h"

static const char *text_at(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

/* At most `max` bytes, whole characters (the text is UTF-8). */
static const char *cut(const char *text, size_t max, struct arena *arena)
{
        size_t length = strlen(text);
        static const char mark[] = "…";
        if (length <= max)
                return arena_strdup(arena, text);
        length = max - (sizeof(mark) - 1);
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
                length--;
        return arena_printf(arena, "%.*s%s", (int)length, text, mark);
}

/* What does not say how bad it is is not taken for harmless (as dispatch has it). */
static int severity_of(const json_t *value)
{
        const char *text = text_at(value, "severity");
        for (int i = 0; alert_severity_names[i]; i++)
                if (strcasecmp(text, alert_severity_names[i]) == 0)
                        return i;
        return ALERT_HIGH;
}

static const char *message_of(const json_t *value)
{
        static const char *const keys[] = { "alert", "message", "text", "summary", "title" };
        if (json_is_string(value))
                return json_string_value(value);
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
                if (*text_at(value, keys[i]))
                        return text_at(value, keys[i]);
        return NULL;
}

struct deriving {
        struct arena *arena;
        struct alert_row *row;
        alert_user_fn *users;
        void *cookie;
};

static void take_container(struct deriving *deriving, const json_t *container)
{
        struct alert_row *row = deriving->row;
        const char *id = text_at(container, "id"), *name = text_at(container, "name");
        char start[13];
        if (!json_is_object(container))
                return;
        snprintf(start, sizeof(start), "%s", id); /* as engines shorten it */
        row->container_id = cut(id, ALERT_CONTAINER_MAX, deriving->arena);
        row->container = cut(*name ? name
                             : *id ? start
                                   : text_at(container, "engine"),
                ALERT_CONTAINER_MAX, deriving->arena);
}

/* Names of this host say nothing about a container's users. */
static const char *user_name(struct deriving *deriving, const json_t *uid)
{
        json_int_t number = json_integer_value(uid);
        const char *name = "";
        if (!json_is_integer(uid) || number < 0 || number >= UINT32_MAX)
                return "";
        if (!*deriving->row->container && !*deriving->row->container_id && deriving->users)
                name = deriving->users((uint32_t)number, deriving->cookie);
        return *name ? cut(name, ALERT_USER_MAX, deriving->arena)
                     : arena_printf(deriving->arena, "%lld", (long long)number);
}

static void take_pid(struct alert_row *row, const json_t *pid)
{
        json_int_t number = json_integer_value(pid);
        if (number > 0 && number <= INT32_MAX)
                row->pid = number;
}

/* watch: {"rule", "tags", "mitre", "event": {"process": {…}, "user": {…}}} */
static void take_event(struct deriving *deriving, const json_t *event)
{
        struct alert_row *row = deriving->row;
        const json_t *process = json_object_get(event, "process");
        const char *account = text_at(json_object_get(event, "user"), "account");
        take_container(deriving, json_object_get(process, "container"));
        take_pid(row, json_object_get(process, "pid"));
        row->exe = cut(text_at(process, "exe"), ALERT_EXE_MAX, deriving->arena);
        if (*account && strcmp(account, "masked") != 0)
                row->user = cut(account, ALERT_USER_MAX, deriving->arena);
        else
                row->user = user_name(deriving, json_object_get(process, "uid"));
}

/* fswatch: {"event": "changed", "path", "pid", "who": {…}}; the kind of change stands for a rule. */
static void take_who(struct deriving *deriving, const json_t *value)
{
        struct alert_row *row = deriving->row;
        const json_t *who = json_object_get(value, "who");
        take_container(deriving, json_object_get(who, "container"));
        take_pid(row, json_object_get(value, "pid"));
        row->exe = cut(text_at(who, "exe"), ALERT_EXE_MAX, deriving->arena);
        row->user = user_name(deriving, json_object_get(who, "uid"));
}

/* Any other module may say these by their own names. */
static void take_plain(struct deriving *deriving, const json_t *value)
{
        struct alert_row *row = deriving->row;
        const json_t *container = json_object_get(value, "container");
        if (json_is_string(container))
                row->container = cut(json_string_value(container), ALERT_CONTAINER_MAX, deriving->arena);
        take_container(deriving, container);
        take_pid(row, json_object_get(value, "pid"));
        row->exe = cut(text_at(value, "exe"), ALERT_EXE_MAX, deriving->arena);
        row->user = cut(text_at(value, "user"), ALERT_USER_MAX, deriving->arena);
}

static size_t add_tags(struct json_writer *writer, const json_t *list, size_t count, struct arena *arena)
{
        size_t index;
        json_t *tag;
        json_array_foreach(list, index, tag)
        {
                const char *text = json_string_value(tag);
                if (!text || count >= ALERT_TAGS_MAX)
                        continue;
                text = cut(text, ALERT_TAG_MAX, arena);
                json_put_text(writer, text ? text : "");
                count++;
        }
        return count;
}

static const char *tags_of(const json_t *value, struct arena *arena)
{
        cleanup(buf_done) struct buf out;
        struct json_writer writer;
        buf_init(&out, ALERT_TAGS_MAX * (6 * ALERT_TAG_MAX + 8)); /* each byte may be written as \u00XX */
        json_writer_init(&writer, &out, 0);
        json_begin_array(&writer);
        size_t count = add_tags(&writer, json_object_get(value, "tags"), 0, arena);
        add_tags(&writer, json_object_get(value, "mitre"), count, arena);
        json_end_array(&writer);
        return out.failed ? "[]" : arena_strndup(arena, out.data, out.len);
}

/* Bytes that are no JSON: one JSON text of them, in which what is no UTF-8 is replaced. */
static char *quote(struct sv text, struct arena *arena)
{
        cleanup(buf_done) struct buf out;
        struct json_writer writer;
        buf_init(&out, ALERT_TEXT_MAX);
        json_writer_init(&writer, &out, 0);
        size_t length = text.n < ALERT_TEXT_MAX / 8 ? text.n : ALERT_TEXT_MAX / 8;
        char *copy = arena_strndup(arena, text.p, length);
        for (size_t i = 0; copy && i < length; i++)
                copy[i] = copy[i] ? copy[i] : ' '; /* our reader takes no NUL */
        if (!copy)
                return NULL;
        json_put_string(&writer, sv_n(copy, length));
        return out.failed ? NULL : arena_strndup(arena, out.data, out.len);
}

static bool complete(const struct alert_row *row)
{
        return row->module && row->rule && row->message && row->container && row->container_id && row->exe &&
               row->user && row->tags;
}

static json_t *value_of(struct sv json, struct arena *arena)
{
        struct sv trimmed = sv_trim(json);
        json_t *value = trimmed.n < ALERT_TEXT_MAX ? json_parse(trimmed, false, NULL) : NULL;
        const char *quoted = value ? NULL : quote(trimmed, arena);
        return quoted ? json_parse(sv_of(quoted), false, NULL) : value;
}

/* The value on one line, each key once. */
static const char *text_of(const json_t *value, size_t max, struct arena *arena)
{
        char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
        const char *copy = text ? cut(text, max, arena) : NULL;
        free(text);
        return copy;
}

int alert_evidence(struct sv json, struct arena *arena, const char **ret, struct error *err)
{
        cleanup(json_decref) json_t *value = value_of(json, arena);
        const char *text = text_of(value, SIZE_MAX, arena);
        if (!text)
                return fail(err, E_NO_MEMORY, "no memory for an alert of %zu bytes", json.n);
        *ret = text;
        return 0;
}

int alert_derive(struct sv json, const char *module, int64_t time_ns, alert_user_fn *users, void *cookie,
        struct arena *arena, struct alert_row *ret, struct error *err)
{
        struct alert_row row = { .time_ns = time_ns,
                .last_ns = time_ns,
                .count = 1,
                .container = "",
                .container_id = "",
                .exe = "",
                .user = "",
                .rule = "",
                .evidence = "",
                .acknowledged_by = "",
                .comment = "" };
        struct deriving deriving = { arena, &row, users, cookie };
        cleanup(json_decref) json_t *value = value_of(json, arena);
        if (!value)
                return fail(err, E_NO_MEMORY, "no memory for an alert of %zu bytes", json.n);
        const json_t *event = json_object_get(value, "event");
        const char *message = message_of(value);
        row.severity = severity_of(value);
        row.module = cut(module, ALERT_MODULE_MAX, arena);
        row.message = message ? cut(message, ALERT_MESSAGE_MAX, arena) : text_of(value, ALERT_MESSAGE_MAX, arena);
        row.rule = cut(
                json_is_string(event) && !*text_at(value, "rule") ? json_string_value(event) : text_at(value, "rule"),
                ALERT_RULE_MAX, arena);
        row.tags = tags_of(value, arena);
        if (json_is_object(event))
                take_event(&deriving, event);
        else if (json_is_object(json_object_get(value, "who")) || json_is_string(event))
                take_who(&deriving, value);
        else
                take_plain(&deriving, value);
        if (!complete(&row))
                return fail(err, E_NO_MEMORY, "no memory for an alert of %zu bytes", json.n);
        *ret = row;
        return 0;
}
