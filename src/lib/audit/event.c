/* Records of one event as one object of JSON (event.h). */
#include "lib/audit/event.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "lib/audit/normal.h"
#include "lib/audit/pairs.h"
#include "schema/json_writer.h"

#include <libaudit.h>

struct whole {
        const struct audit_record *first;
        uint32_t type;
        struct arena arena;
        struct audit_pairs pairs;   /* all that is not somewhere else */
        struct audit_pairs ids;     /* of the actor, from the main record */
        struct audit_pairs context; /* subj_… */
        struct audit_pairs paths[AUDIT_EVENT_PATHS_MAX];
        size_t path_count;
        struct audit_pairs arguments; /* of EXECVE: a0 … */
        struct sv result, session, pid, ppid, title, comm, exe, cwd;
        const struct audit_normal *normal, *of_syscall;
        const struct audit_pairs *object_path;
        uint64_t refused;
};

static void whole_done(struct whole *whole)
{
        audit_pairs_done(&whole->pairs);
        audit_pairs_done(&whole->ids);
        audit_pairs_done(&whole->context);
        audit_pairs_done(&whole->arguments);
        for (size_t i = 0; i < whole->path_count; i++)
                audit_pairs_done(&whole->paths[i]);
        arena_done(&whole->arena);
}

/* --- putting together -----------------------------------------------------------------------------------------------
 */

static void move_matching(struct audit_pairs *from, struct audit_pairs *to, bool (*matches)(struct sv name))
{
        size_t kept = 0;

        for (size_t i = 0; i < from->list.count; i++) {
                struct audit_pair pair = from->list.items[i];
                if (matches(pair.name))
                        audit_pairs_add(to, pair.name, pair.value);
                else
                        from->list.items[kept++] = pair;
        }
        from->list.count = kept;
}

static bool is_id(struct sv name)
{
        static const char *const names[] = { "auid", "uid", "gid", "euid", "egid", "suid", "sgid", "fsuid", "fsgid",
                "old-auid", "old_auid", "new_auid", NULL };

        for (size_t i = 0; names[i]; i++)
                if (sv_eq(name, sv_of(names[i])))
                        return true;
        return false;
}

static bool is_subject(struct sv name)
{
        return sv_starts(name, SV("subj_"));
}

static bool is_argument(struct sv name)
{
        enum audit_argument argument;
        uint32_t index, part;
        return audit_argument_name(name, &argument, &index, &part);
}

/* The record that tells who acted: SYSCALL, or else the first. */
static void take_main(struct whole *whole)
{
        move_matching(&whole->pairs, &whole->ids, is_id);
        move_matching(&whole->pairs, &whole->context, is_subject);
        whole->session = audit_pairs_take(&whole->pairs, "ses");
        whole->result = audit_pairs_take(&whole->pairs, "result");
}

static struct sv first_of(struct sv a, struct sv b)
{
        return a.n ? a : b;
}

static void merge(struct whole *whole, const struct audit_pairs *from, const char *prefix)
{
        for (size_t i = 0; i < from->list.count; i++) {
                struct audit_pair pair = from->list.items[i];
                char *name = prefix ? arena_printf(&whole->arena, "%s%.*s", prefix, SV_ARG(pair.name)) : NULL;
                audit_pairs_add(&whole->pairs, name ? sv_of(name) : pair.name, pair.value);
        }
        for (size_t i = 0; i < from->keys.count; i++) {
                struct sv *key = vec_add(&whole->pairs.keys, AUDIT_PAIR_KEYS_MAX);
                if (key)
                        *key = from->keys.items[i];
        }
}

static int add_path(struct whole *whole, const struct audit_record *record, struct error *err)
{
        if (whole->path_count == AUDIT_EVENT_PATHS_MAX) {
                whole->refused++;
                return 0;
        }
        return audit_pairs_read(&whole->paths[whole->path_count++], record, &whole->arena, err);
}

static int add_record(struct whole *whole, const struct audit_record *record, struct error *err)
{
        struct audit_pairs pairs = { 0 };

        if (record->type == AUDIT_PATH)
                return add_path(whole, record, err);
        if (audit_pairs_read(&pairs, record, &whole->arena, err)) {
                audit_pairs_done(&pairs);
                return -1;
        }
        whole->pairs.duplicates += pairs.duplicates;
        whole->refused += pairs.refused;
        switch (record->type) {
        case AUDIT_CWD:
                whole->cwd = first_of(whole->cwd, audit_pairs_take(&pairs, "cwd"));
                break;
        case AUDIT_PROCTITLE:
                whole->title = first_of(whole->title, audit_pairs_take(&pairs, "proctitle"));
                break;
        case AUDIT_EXECVE:
                move_matching(&pairs, &whole->arguments, is_argument);
                break;
        default:
                break;
        }
        merge(whole, &pairs, record->type == AUDIT_SOCKADDR ? "socket_" : NULL);
        audit_pairs_done(&pairs);
        return 0;
}

static const struct audit_record *main_record(const struct audit_record *records, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (records[i].type == AUDIT_SYSCALL)
                        return &records[i];
        return records;
}

/* The record that says what kind of event it is: the kernel writes such a one before SYSCALL. */
static uint32_t main_type(const struct audit_record *records, size_t count, uint32_t fallback)
{
        for (size_t i = 0; i < count; i++) {
                switch (records[i].type) {
                case AUDIT_SYSCALL:
                case AUDIT_PATH:
                case AUDIT_CWD:
                case AUDIT_EXECVE:
                case AUDIT_PROCTITLE:
                case AUDIT_SOCKADDR:
                case AUDIT_OBJ_PID:
                case AUDIT_MMAP:
                case AUDIT_FD_PAIR:
                case AUDIT_CAPSET:
                case AUDIT_BPRM_FCAPS:
                case AUDIT_EOE:
                        continue;
                default:
                        return records[i].type;
                }
        }
        return fallback;
}

static const struct audit_pairs *choose_path(const struct whole *whole, enum audit_path_choice choice)
{
        const char *wanted = choice == AUDIT_PATH_CREATED || choice == AUDIT_PATH_OPENED ? "CREATE"
                             : choice == AUDIT_PATH_DELETED                              ? "DELETE"
                                                                                         : "";

        if (!whole->path_count || choice == AUDIT_PATH_NONE)
                return NULL;
        for (int round = 0; *wanted && round < 2; round++) {
                for (size_t i = 0; i < whole->path_count; i++) {
                        struct sv kind = audit_pairs_get(&whole->paths[i], "nametype");
                        kind = first_of(kind, audit_pairs_get(&whole->paths[i], "objtype"));
                        if (sv_eq(kind, sv_of(wanted)))
                                return &whole->paths[i];
                }
                wanted = choice == AUDIT_PATH_OPENED ? "NORMAL" : "";
        }
        bool first = choice == AUDIT_PATH_FIRST || choice == AUDIT_PATH_OPENED;
        return &whole->paths[first ? 0 : whole->path_count - 1];
}

static int whole_read(struct whole *whole, const struct audit_record *records, size_t count, struct error *err)
{
        const struct audit_record *main = main_record(records, count);
        size_t others = 0;

        whole->first = main;
        whole->type = main_type(records, count, main->type);
        if (add_record(whole, main, err))
                return -1;
        take_main(whole);
        for (size_t i = 0; i < count; i++) {
                if (&records[i] == main || records[i].type == AUDIT_EOE)
                        continue;
                others++;
                if (add_record(whole, &records[i], err))
                        return -1;
        }
        if (others) /* how many PATH records were to come: they are here */
                audit_pairs_take(&whole->pairs, "items");
        whole->pid = audit_pairs_take(&whole->pairs, "pid");
        whole->ppid = audit_pairs_take(&whole->pairs, "ppid");
        whole->comm = audit_pairs_take(&whole->pairs, "comm");
        whole->exe = audit_pairs_take(&whole->pairs, "exe");
        whole->cwd = first_of(whole->cwd, audit_pairs_take(&whole->pairs, "cwd"));
        whole->title = first_of(whole->title, audit_pairs_take(&whole->pairs, "proctitle"));
        struct sv syscall = audit_pairs_get(&whole->pairs, "syscall");
        char name[64] = "";
        if (syscall.n < sizeof(name) && main->type == AUDIT_SYSCALL)
                memcpy(name, syscall.p, syscall.n);
        whole->of_syscall = main->type == AUDIT_SYSCALL ? audit_normal_of_syscall(name) : NULL;
        whole->normal = audit_normal_of_type(whole->type);
        if (whole->type == AUDIT_SYSCALL)
                whole->normal = whole->of_syscall;
        if (whole->normal)
                whole->object_path = choose_path(whole, whole->normal->path);
        return 0;
}

/* --- writing --------------------------------------------------------------------------------------------------------
 */

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

static void put_pairs(struct json_writer *json, const char *key, const struct audit_pairs *pairs)
{
        if (key)
                json_key(json, key);
        json_begin_object(json);
        for (size_t i = 0; i < pairs->list.count; i++)
                put_sv_key(json, pairs->list.items[i].name, pairs->list.items[i].value);
        json_end_object(json);
}

static void put_time(struct json_writer *json, int64_t time_ns)
{
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(time_ns, text);
        json_field(json, "@timestamp", json_put_text, text);
}

static void put_type(struct json_writer *json, uint32_t type)
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

static void put_keys(struct json_writer *json, const char *name, const struct audit_pairs *pairs)
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

static void whole_write(struct whole *whole, struct buf *out)
{
        struct json_writer json;

        json_writer_init(&json, out, 0);
        json_begin_object(&json);
        put_time(&json, whole->first->time_ns);
        json_field(&json, "sequence", json_put_uint, whole->first->serial);
        json_field(&json, "category", json_put_text, audit_category(whole->type));
        put_type(&json, whole->type);
        json_field(&json, "result", json_put_string, first_of(whole->result, SV("unknown")));
        put(&json, "session", whole->session);
        put_keys(&json, "tags", &whole->pairs);
        put_summary(&json, whole);
        json_key(&json, "user");
        json_begin_object(&json);
        put_pairs(&json, "ids", &whole->ids);
        put_context(&json, &whole->context, "subj");
        json_end_object(&json);
        put_process(&json, whole);
        if (whole->object_path && whole->normal && whole->normal->object)
                put_file(&json, whole->object_path);
        put_network(&json, whole);
        put_ecs(&json, whole);
        put_pairs(&json, "data", &whole->pairs);
        if (whole->path_count) {
                json_key(&json, "paths");
                json_begin_array(&json);
                for (size_t i = 0; i < whole->path_count; i++)
                        put_pairs(&json, NULL, &whole->paths[i]);
                json_end_array(&json);
        }
        json_end_object(&json);
}

int audit_event_write(const struct audit_record *records, size_t count, struct buf *out,
        struct audit_event_counters *ret_counters, struct error *err)
{
        struct whole whole = { 0 };

        if (!count)
                return fail(err, E_INVALID, "an audit event without records");
        arena_init(&whole.arena, AUDIT_EVENT_MEMORY_MAX);
        int rc = whole_read(&whole, records, count, err);
        if (rc == 0)
                whole_write(&whole, out);
        if (rc == 0 && ret_counters)
                *ret_counters = (struct audit_event_counters){ .duplicates = whole.pairs.duplicates,
                        .refused = whole.refused + whole.pairs.refused };
        whole_done(&whole);
        if (rc == 0 && out->failed)
                return fail(err, E_TOO_LARGE, "an audit event does not fit into %zu bytes", out->max);
        return rc;
}

int audit_record_write(const struct audit_record *record, struct buf *out, struct error *err)
{
        cleanup(arena_done) struct arena arena;
        struct audit_pairs pairs = { 0 };
        struct json_writer json;

        arena_init(&arena, AUDIT_EVENT_MEMORY_MAX);
        int rc = audit_pairs_read(&pairs, record, &arena, err);
        if (rc == 0) {
                json_writer_init(&json, out, 0);
                json_begin_object(&json);
                put_time(&json, record->time_ns);
                put_type(&json, record->type);
                json_field(&json, "sequence", json_put_uint, record->serial);
                json_field(&json, "raw_msg", json_put_string, record->message);
                put_keys(&json, "keys", &pairs);
                put_pairs(&json, "data", &pairs);
                json_end_object(&json);
        }
        audit_pairs_done(&pairs);
        if (rc == 0 && out->failed)
                return fail(err, E_TOO_LARGE, "an audit record does not fit into %zu bytes", out->max);
        return rc;
}
