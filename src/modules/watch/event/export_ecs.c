#include "base/timefmt.h"
#include "modules/watch/event/export.h"
#include "schema/json_writer.h"

/* The allowed values of event.category, event.type and event.action that say what each of our types is
 * (Elastic Common Schema 8, "Categorization Fields"). */
struct ecs_kind {
        const char *category, *type, *action;
};

static struct ecs_kind kind_of(const struct event *event)
{
        static const struct ecs_kind kinds[EVENT_TYPES] = {
                [EVENT_EXEC] = { "process", "start", "exec" },
                [EVENT_FORK] = { "process", "start", "fork" },
                [EVENT_EXIT] = { "process", "end", "exit" },
                [EVENT_CREDENTIAL] = { "process", "change", "credential" },
                [EVENT_NAMESPACE] = { "process", "change", "namespace" },
                [EVENT_PTRACE] = { "process", "access", "ptrace" },
                [EVENT_FILE] = { "file", "change", "write" },
                [EVENT_USER] = { "authentication", "info", "user" },
                [EVENT_MODULE] = { "driver", "start", "load" },
                [EVENT_MOUNT] = { "host", "change", "mount" },
                [EVENT_BPF] = { "driver", "start", "load" },
                [EVENT_CAPABILITY] = { "process", "change", "capability" },
                [EVENT_OOM] = { "process", "end", "oom-kill" },
                [EVENT_ANOMALY] = { "process", "info", "anomaly" },
                [EVENT_CONFIG] = { "configuration", "change", "audit-config" },
                [EVENT_SYSCALL] = { "process", "info", "syscall" },
                [EVENT_CONTAINER] = { "host", "info", "container" },
                [EVENT_GAP] = { "host", "info", "gap" },
        };
        struct ecs_kind kind = kinds[event->type];
        const char *operation = event->has_object && event->object.operation ? event->object.operation : "";
        if (*operation && event->type != EVENT_EXEC && event->type != EVENT_FORK && event->type != EVENT_EXIT)
                kind.action = operation;
        if (event->type == EVENT_FILE) {
                kind.type = strcmp(operation, "create") == 0   ? "creation"
                            : strcmp(operation, "delete") == 0 ? "deletion"
                            : strcmp(operation, "open") == 0   ? "access"
                                                               : "change";
        } else if ((event->type == EVENT_MODULE || event->type == EVENT_BPF) && strcmp(operation, "unload") == 0) {
                kind.type = "end";
        } else if (event->type == EVENT_USER && strstr(operation, "LOGIN")) {
                kind.type = "start";
        } else if (event->type == EVENT_USER &&
                   (strcmp(operation, "USER_START") == 0 || strcmp(operation, "USER_END") == 0)) {
                kind.category = "session";
                kind.type = strcmp(operation, "USER_END") == 0 ? "end" : "start";
        } else if (event->type == EVENT_USER &&
                   (strncmp(operation, "ADD_", 4) == 0 || strncmp(operation, "DEL_", 4) == 0)) {
                kind.category = "iam";
                kind.type = *operation == 'A' ? "creation" : "deletion";
        } else if (event->type == EVENT_CONTAINER) {
                kind.type = strcmp(operation, "stop") == 0 ? "end" : "start";
        }
        return kind;
}

static void put_time(struct json_writer *writer, const char *key, int64_t time_ns)
{
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(time_ns, text);
        json_field(writer, key, json_put_text, text);
}

static void put_told(struct json_writer *writer, const char *key, const char *text)
{
        if (text && *text)
                json_field(writer, key, json_put_text, text);
}

static void put_word_list(struct json_writer *writer, const char *key, const char *word)
{
        json_key(writer, key);
        json_begin_array(writer);
        json_put_text(writer, word);
        json_end_array(writer);
}

/* ECS has ids as keywords. */
static void put_id(struct json_writer *writer, const char *key, uint64_t id)
{
        char text[24];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
        json_field(writer, key, json_put_text, text);
}

static void put_event(struct json_writer *writer, const struct event *event)
{
        struct ecs_kind kind = kind_of(event);
        json_key(writer, "event");
        json_begin_object(writer);
        json_field(writer, "kind", json_put_text,
                event->tags.count ? "alert"
                : event->has_gap  ? "pipeline_error"
                                  : "event");
        put_word_list(writer, "category", kind.category);
        put_word_list(writer, "type", kind.type);
        json_field(writer, "action", json_put_text, kind.action);
        if (event->has_audit && event->audit.has_result)
                json_field(writer, "outcome", json_put_text, event->audit.success ? "success" : "failure");
        else
                json_field(writer, "outcome", json_put_text,
                        event->type == EVENT_EXEC || event->type == EVENT_FORK ? "success" : "unknown");
        put_id(writer, "id", event->id);
        json_field(writer, "sequence", json_put_uint, event->id);
        json_field(writer, "module", json_put_text, "tarsier");
        json_field(writer, "dataset", json_put_text, "tarsier.watch");
        json_field(writer, "provider", json_put_text, source_names[event->source]);
        if (event->has_exit && event->exit.duration_ns > 0)
                json_field(writer, "duration", json_put_int, event->exit.duration_ns);
        json_end_object(writer);
}

static void put_name_of(struct json_writer *writer, const char *exe)
{
        const char *slash = exe ? strrchr(exe, '/') : NULL;
        put_told(writer, "name", slash ? slash + 1 : exe);
}

static void put_arguments(struct json_writer *writer, const struct event_process *process)
{
        struct buf line;
        if (process->argv.count == 0)
                return;
        buf_init(&line, 1 << 20);
        json_key(writer, "args");
        json_begin_array(writer);
        for (size_t i = 0; i < process->argv.count; i++) {
                json_put_text(writer, process->argv.items[i]);
                buf_puts(&line, i ? " " : "");
                buf_puts(&line, process->argv.items[i]);
        }
        json_end_array(writer);
        json_field(writer, "args_count", json_put_uint, process->argv.count);
        json_field(writer, "command_line", json_put_text, buf_text(&line));
        buf_done(&line);
}

static void put_parent(struct json_writer *writer, const struct event_process *process)
{
        const struct event_ancestor *parent = process->ancestors.count ? &process->ancestors.items[0] : NULL;
        json_key(writer, "parent");
        json_begin_object(writer);
        json_field(writer, "pid", json_put_int, process->ppid);
        put_told(writer, "entity_id",
                process->parent_exec_id && *process->parent_exec_id ? process->parent_exec_id
                : parent                                            ? parent->exec_id
                                                                    : NULL);
        if (parent) {
                put_told(writer, "executable", parent->exe);
                put_told(writer, "name", parent->comm);
        }
        json_end_object(writer);
}

static void put_ids(struct json_writer *writer, const char *key, uint64_t id, uint64_t group)
{
        json_key(writer, key);
        json_begin_object(writer);
        put_id(writer, "id", id);
        json_key(writer, "group");
        json_begin_object(writer);
        put_id(writer, "id", group);
        json_end_object(writer);
        json_end_object(writer);
}

static void put_process(struct json_writer *writer, const struct event *event)
{
        const struct event_process *process = &event->process;
        json_key(writer, "process");
        json_begin_object(writer);
        json_field(writer, "pid", json_put_int, process->pid);
        put_told(writer, "entity_id", process->exec_id);
        if (process->exe && *process->exe)
                put_name_of(writer, process->exe);
        else
                put_told(writer, "name", process->comm);
        put_told(writer, "title", process->comm);
        put_told(writer, "executable", process->exe);
        put_arguments(writer, process);
        put_told(writer, "working_directory", process->cwd);
        if (process->start_ns)
                put_time(writer, "start", process->start_ns);
        if (event->has_exit) {
                put_time(writer, "end", event->time_ns);
                json_field(writer, "exit_code", json_put_int,
                        event->exit.signal ? 128 + event->exit.signal : event->exit.code);
        }
        if (process->tid) {
                json_key(writer, "thread");
                json_begin_object(writer);
                json_field(writer, "id", json_put_int, process->tid);
                json_end_object(writer);
        }
        if (process->sha256 && *process->sha256) {
                json_key(writer, "hash");
                json_begin_object(writer);
                json_field(writer, "sha256", json_put_text, process->sha256);
                json_end_object(writer);
        }
        put_parent(writer, process);
        if (process->has_ids) {
                put_ids(writer, "real_user", process->uid, process->gid);
                put_ids(writer, "user", process->euid, process->egid);
        }
        json_end_object(writer);
}

static void put_user(struct json_writer *writer, const struct event *event)
{
        const struct event_process *process = &event->process;
        const char *account = event->has_user ? event->user.account : NULL;
        bool ids = event->has_process && process->has_ids;
        if (!ids && !(account && *account))
                return;
        json_key(writer, "user");
        json_begin_object(writer);
        if (ids) {
                put_id(writer, "id", process->uid);
                json_key(writer, "group");
                json_begin_object(writer);
                put_id(writer, "id", process->gid);
                json_end_object(writer);
                json_key(writer, "effective");
                json_begin_object(writer);
                put_id(writer, "id", process->euid);
                json_key(writer, "group");
                json_begin_object(writer);
                put_id(writer, "id", process->egid);
                json_end_object(writer);
                json_end_object(writer);
        }
        put_told(writer, "name", account);
        json_end_object(writer);
}

static void put_source(struct json_writer *writer, const struct event *event)
{
        const char *address = event->has_user ? event->user.address : NULL;
        const char *hostname = event->has_user ? event->user.hostname : NULL;
        bool known = (address && *address && strcmp(address, "?") != 0) ||
                     (hostname && *hostname && strcmp(hostname, "?") != 0);
        if (!known)
                return;
        json_key(writer, "source");
        json_begin_object(writer);
        json_field(writer, "address", json_put_text, address && *address && *address != '?' ? address : hostname);
        if (address && *address && *address != '?')
                json_field(writer, "ip", json_put_text, address);
        if (hostname && *hostname && *hostname != '?')
                json_field(writer, "domain", json_put_text, hostname);
        json_end_object(writer);
}

/* "registry:5000/web/front:1.2@sha256:…": the tag stands behind the last colon that no slash follows. */
static void put_image(struct json_writer *writer, const char *image)
{
        const char *at = strchr(image, '@');
        size_t size = at ? (size_t)(at - image) : strlen(image);
        const char *slash = memrchr(image, '/', size);
        const char *colon = memrchr(image, ':', size);
        if (colon && slash && colon < slash)
                colon = NULL;
        json_key(writer, "image");
        json_begin_object(writer);
        json_key(writer, "name");
        json_put_string(writer, sv_n(image, colon ? (size_t)(colon - image) : size));
        if (colon) {
                json_key(writer, "tag");
                json_begin_array(writer);
                json_put_string(writer, sv_n(colon + 1, (size_t)(image + size - colon) - 1));
                json_end_array(writer);
        }
        json_end_object(writer);
}

static void put_container(struct json_writer *writer, const struct event_container *container)
{
        json_key(writer, "container");
        json_begin_object(writer);
        put_told(writer, "id", container->id);
        put_told(writer, "name", container->name);
        put_told(writer, "runtime", container->engine);
        if (container->image && *container->image)
                put_image(writer, container->image);
        json_end_object(writer);
}

static void put_file(struct json_writer *writer, const struct event_object *object)
{
        char mode[16];
        json_key(writer, "file");
        json_begin_object(writer);
        json_field(writer, "path", json_put_text, object->path);
        put_name_of(writer, object->path);
        if (object->inode) {
                put_id(writer, "inode", object->inode);
                snprintf(mode, sizeof(mode), "%04o", (unsigned)object->mode & 07777);
                json_field(writer, "mode", json_put_text, mode);
                put_id(writer, "uid", object->owner);
        }
        json_end_object(writer);
}

/* What ECS has no field for. */
static void put_own(struct json_writer *writer, const struct event *event)
{
        json_key(writer, "tarsier");
        json_begin_object(writer);
        json_field(writer, "type", json_put_text, event_type_names[event->type]);
        if (event->has_process && event->process.has_session) {
                put_id(writer, "auid", event->process.auid);
                put_id(writer, "session", event->process.session);
        }
        if (event->has_process && event->process.ancestors.count) {
                json_key(writer, "ancestors");
                json_begin_array(writer);
                for (size_t i = 0; i < event->process.ancestors.count; i++)
                        json_put_text(writer, event->process.ancestors.items[i].exec_id);
                json_end_array(writer);
        }
        if (event->has_audit) {
                put_told(writer, "key", event->audit.key);
                put_told(writer, "syscall", event->audit.syscall);
        }
        if (event->has_object) {
                put_told(writer, "object", event->object.name);
                put_told(writer, "source", event->object.source);
                if (event->object.pid)
                        json_field(writer, "target_pid", json_put_int, event->object.pid);
        }
        if (event->has_gap) {
                json_field(writer, "lost", json_put_uint, event->gap.lost);
                put_told(writer, "unit", event->gap.unit);
                put_told(writer, "reason", event->gap.reason);
        }
        if (event->synthetic)
                json_field(writer, "synthetic", json_put_bool, true);
        if (event->late)
                json_field(writer, "late", json_put_bool, true);
        json_end_object(writer);
}

void export_ecs(const struct event *event, struct buf *out)
{
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        json_begin_object(&writer);
        put_time(&writer, "@timestamp", event->time_ns);
        json_key(&writer, "ecs");
        json_begin_object(&writer);
        json_field(&writer, "version", json_put_text, "8.11.0");
        json_end_object(&writer);
        put_event(&writer, event);
        if (event->has_process)
                put_process(&writer, event);
        put_user(&writer, event);
        put_source(&writer, event);
        if (event->has_process && event->process.has_container)
                put_container(&writer, &event->process.container);
        if (event->has_object && event->object.path && *event->object.path)
                put_file(&writer, &event->object);
        if (event->tags.count) {
                json_key(&writer, "tags");
                json_begin_array(&writer);
                for (size_t i = 0; i < event->tags.count; i++)
                        json_put_text(&writer, event->tags.items[i]);
                json_end_array(&writer);
        }
        put_own(&writer, event);
        json_end_object(&writer);
}
