/* An audit event as one object of JSON (event.h). */
#include "lib/audit/event_internal.h"

#include "base/timefmt.h"

#include <libaudit.h>

static void put(struct json_writer *json, const char *key, struct sv text)
{
        if (text.n)
                json_field(json, key, json_put_string, text);
}

static void put_sv_key(struct json_writer *json, struct sv key, struct sv text)
{
        char name[128];

        if (key.n >= sizeof(name) || memchr(key.p, '\0', key.n))
                return;
        memcpy(name, key.p, key.n);
        name[key.n] = '\0';
        json_field(json, name, json_put_string, text);
}

void event_put_pairs(struct json_writer *json, const char *key, const struct audit_pairs *pairs)
{
        if (key)
                json_key(json, key);
        json_begin_object(json);
        for (size_t i = 0; i < pairs->list.count; i++)
                put_sv_key(json, pairs->list.items[i].name, pairs->list.items[i].value);
        json_end_object(json);
}

void event_put_time(struct json_writer *json, int64_t time_ns)
{
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(time_ns, text);
        json_field(json, "@timestamp", json_put_text, text);
}

void event_put_type(struct json_writer *json, uint32_t type)
{
        char text[64];
        const char *name = audit_type_name(type);
        size_t length = name ? strnlen(name, sizeof(text) - 1) : 0;

        for (size_t i = 0; i < length; i++)
                text[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
        text[length] = '\0';
        if (!name)
                snprintf(text, sizeof(text), "unknown[%u]", type);
        json_field(json, "record_type", json_put_text, text);
}

void event_put_keys(struct json_writer *json, const char *name, const struct audit_pairs *pairs)
{
        if (!pairs->keys.count)
                return;
        json_key(json, name);
        json_begin_array(json);
        for (size_t i = 0; i < pairs->keys.count; i++)
                json_put_string(json, pairs->keys.items[i]);
        json_end_array(json);
}

/* Words of both lists, each once. */
static void put_words(struct json_writer *json, const char *key, const char *first, const char *second)
{
        struct sv lists[2] = { sv_of(first), sv_of(second) }, taken[16], word;
        size_t count = 0;

        if (!lists[0].n && !lists[1].n)
                return;
        json_key(json, key);
        json_begin_array(json);
        for (size_t list = 0; list < 2; list++) {
                while (sv_word(&lists[list], &word)) {
                        bool known = count == 16;
                        for (size_t i = 0; i < count && !known; i++)
                                known = sv_eq(taken[i], word);
                        if (known)
                                continue;
                        taken[count++] = word;
                        json_put_string(json, word);
                }
        }
        json_end_array(json);
}

/* A field by name, wherever it was put. */
static struct sv look_up(const struct whole *whole, const char *name)
{
        if (!strcmp(name, "comm"))
                return whole->comm;
        if (!strcmp(name, "pid"))
                return whole->pid;
        struct sv value = audit_pairs_get(&whole->pairs, name);
        return value.n ? value : audit_pairs_get(&whole->ids, name);
}

static struct sv look_up_any(const struct whole *whole, const char *names)
{
        struct sv rest = sv_of(names), word, value = SV("");

        while (!value.n && sv_word(&rest, &word)) {
                char name[64];
                snprintf(name, sizeof(name), "%.*s", SV_ARG(word));
                value = look_up(whole, name);
        }
        return value;
}

/* What an interpreter runs tells more than the interpreter: its comm, where it differs. */
static struct sv how_of(const struct whole *whole)
{
        static const char *const interpreters[] = { "python", "perl", "ruby", "node", "php", NULL };

        if (whole->normal && whole->normal->how)
                return look_up(whole, whole->normal->how);
        struct sv base = whole->exe;
        for (size_t i = base.n; i > 0; i--) {
                if (base.p[i - 1] == '/') {
                        base = sv_n(base.p + i, base.n - i);
                        break;
                }
        }
        for (size_t i = 0; interpreters[i] && whole->comm.n; i++)
                if (sv_starts(base, sv_of(interpreters[i])))
                        return whole->comm;
        return whole->exe;
}

static void put_summary(struct json_writer *json, const struct whole *whole)
{
        const struct audit_normal *normal = whole->normal;
        struct sv auid = audit_pairs_get(&whole->ids, "auid"), old = audit_pairs_get(&whole->ids, "old-auid");
        struct sv other = normal && normal->login ? look_up_any(whole, "acct id") : SV("");
        struct sv primary = SV(""), secondary = SV("");

        json_key(json, "summary");
        json_begin_object(json);
        json_key(json, "actor");
        json_begin_object(json);
        put(json, "primary", first_of(old, auid));
        put(json, "secondary", first_of(other, audit_pairs_get(&whole->ids, "uid")));
        json_end_object(json);
        if (normal && normal->action) {
                bool apparmor = whole->type == AUDIT_AVC && audit_pairs_get(&whole->pairs, "apparmor").n;
                json_field(json, "action", json_put_text, apparmor ? "violated-apparmor-policy" : normal->action);
        }
        json_key(json, "object");
        json_begin_object(json);
        if (normal && normal->object) {
                json_field(json, "type", json_put_text, normal->object);
                if (whole->object_path) {
                        primary = audit_pairs_get(whole->object_path, "name");
                } else if (!strcmp(normal->object, "socket")) {
                        primary = look_up_any(whole, "socket_addr socket_path");
                        secondary = look_up(whole, "socket_port");
                } else {
                        primary = normal->primary ? look_up_any(whole, normal->primary) : primary;
                        secondary = normal->secondary ? look_up_any(whole, normal->secondary) : secondary;
                }
                put(json, "primary", primary);
                put(json, "secondary", secondary);
        }
        json_end_object(json);
        put(json, "how", how_of(whole));
        json_end_object(json);
}

static void put_context(struct json_writer *json, const struct audit_pairs *pairs, const char *prefix)
{
        static const char *const parts[] = { "user", "role", "domain", "level", "category" };
        bool begun = false;

        for (size_t i = 0; i < 5; i++) {
                char name[32];
                snprintf(name, sizeof(name), "%s_%s", prefix, parts[i]);
                struct sv value = audit_pairs_get(pairs, name);
                if (!value.n)
                        continue;
                if (!begun) {
                        json_key(json, "selinux");
                        json_begin_object(json);
                        begun = true;
                }
                json_field(json, parts[i], json_put_string, value);
        }
        if (begun)
                json_end_object(json);
}

static void put_process(struct json_writer *json, const struct whole *whole)
{
        json_key(json, "process");
        json_begin_object(json);
        put(json, "pid", whole->pid);
        put(json, "ppid", whole->ppid);
        put(json, "title", whole->title);
        put(json, "name", whole->comm);
        put(json, "exe", whole->exe);
        put(json, "cwd", whole->cwd);
        if (whole->arguments.list.count) {
                json_key(json, "args");
                json_begin_array(json);
                for (size_t i = 0; i < whole->arguments.list.count; i++)
                        json_put_string(json, whole->arguments.list.items[i].value);
                json_end_array(json);
        }
        json_end_object(json);
}

static void put_file(struct json_writer *json, const struct audit_pairs *path)
{
        uint64_t mode;

        json_key(json, "file");
        json_begin_object(json);
        put(json, "path", audit_pairs_get(path, "name"));
        put(json, "device", audit_pairs_get(path, "dev"));
        put(json, "inode", audit_pairs_get(path, "inode"));
        if (audit_value_u64(audit_pairs_get(path, "mode"), 8, &mode)) {
                char text[16];
                snprintf(text, sizeof(text), "%04o", (unsigned)(mode & 07777));
                json_field(json, "mode", json_put_text, text);
        }
        put(json, "uid", audit_pairs_get(path, "ouid"));
        put(json, "gid", audit_pairs_get(path, "ogid"));
        put_context(json, path, "obj");
        json_end_object(json);
}

/* Where from, or where to. Takes addr of a user's record out of the data. */
static void put_network(struct json_writer *json, struct whole *whole)
{
        enum audit_direction direction = whole->of_syscall ? whole->of_syscall->direction : AUDIT_DIRECTION_NONE;
        struct sv ip = SV(""), port = SV(""), path = SV("");

        if (whole->of_syscall && direction != AUDIT_DIRECTION_NONE) {
                ip = audit_pairs_get(&whole->pairs, "socket_addr");
                port = audit_pairs_get(&whole->pairs, "socket_port");
                path = audit_pairs_get(&whole->pairs, "socket_path");
        } else if (!whole->of_syscall) {
                ip = audit_pairs_take(&whole->pairs, "addr");
                direction = AUDIT_INGRESS;
        }
        if (!ip.n && !path.n)
                return;
        json_key(json, direction == AUDIT_INGRESS ? "source" : "destination");
        json_begin_object(json);
        put(json, "ip", ip);
        put(json, "port", port);
        put(json, "path", path);
        json_end_object(json);
        json_key(json, "network");
        json_begin_object(json);
        json_field(json, "direction", json_put_text, direction == AUDIT_INGRESS ? "ingress" : "egress");
        json_end_object(json);
}

static void put_named(struct json_writer *json, const char *key, const char *member, struct sv value)
{
        json_key(json, key);
        json_begin_object(json);
        put(json, member, value);
        json_end_object(json);
}

static void put_ecs_user(struct json_writer *json, const struct whole *whole)
{
        const struct audit_normal *normal = whole->normal;
        struct sv auid = audit_pairs_get(&whole->ids, "auid"), uid = audit_pairs_get(&whole->ids, "uid");
        struct sv acct = look_up(whole, "acct"), id = look_up(whole, "id");

        json_key(json, "user");
        json_begin_object(json);
        if (whole->type == AUDIT_LOGIN) {
                put(json, "id", audit_pairs_get(&whole->ids, "old-auid"));
                put_named(json, "effective", "id", auid);
        } else if (normal && normal->login && sv_starts(sv_of(normal->category), SV("iam"))) {
                put(json, "id", auid);
                put_named(json, "effective", "id", uid);
                put_named(json, "target", acct.n ? "name" : "id", first_of(acct, id));
        } else if (normal && normal->login) {
                put(json, "id", auid);
                put_named(json, "effective", acct.n ? "name" : "id", first_of(acct, first_of(id, uid)));
        }
        json_end_object(json);
}

static void put_ecs(struct json_writer *json, const struct whole *whole)
{
        const struct audit_normal *normal = whole->normal, *syscall = whole->of_syscall;
        bool both = syscall && syscall != normal;

        json_key(json, "ecs");
        json_begin_object(json);
        json_key(json, "event");
        json_begin_object(json);
        if (normal && normal->kind)
                json_field(json, "kind", json_put_text, normal->kind);
        put_words(json, "category", normal ? normal->category : NULL, both ? syscall->category : NULL);
        put_words(json, "type", normal ? normal->types : NULL, both ? syscall->types : NULL);
        json_end_object(json);
        put_ecs_user(json, whole);
        json_end_object(json);
}

void whole_write(struct whole *whole, struct buf *out)
{
        struct json_writer json;

        json_writer_init(&json, out, 0);
        json_begin_object(&json);
        event_put_time(&json, whole->first->time_ns);
        json_field(&json, "sequence", json_put_uint, whole->first->serial);
        json_field(&json, "category", json_put_text, audit_category(whole->type));
        event_put_type(&json, whole->type);
        json_field(&json, "result", json_put_string, first_of(whole->result, SV("unknown")));
        put(&json, "session", whole->session);
        event_put_keys(&json, "tags", &whole->pairs);
        put_summary(&json, whole);
        json_key(&json, "user");
        json_begin_object(&json);
        event_put_pairs(&json, "ids", &whole->ids);
        put_context(&json, &whole->context, "subj");
        json_end_object(&json);
        put_process(&json, whole);
        if (whole->object_path && whole->normal && whole->normal->object)
                put_file(&json, whole->object_path);
        put_network(&json, whole);
        put_ecs(&json, whole);
        event_put_pairs(&json, "data", &whole->pairs);
        if (whole->path_count) {
                json_key(&json, "paths");
                json_begin_array(&json);
                for (size_t i = 0; i < whole->path_count; i++)
                        event_put_pairs(&json, NULL, &whole->paths[i]);
                json_end_array(&json);
        }
        json_end_object(&json);
}
