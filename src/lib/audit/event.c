/* The records of one event put together (event.h). */
#include "lib/audit/event_internal.h"

#include "base/cleanup.h"

#include <libaudit.h>

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
                event_put_time(&json, record->time_ns);
                event_put_type(&json, record->type);
                json_field(&json, "sequence", json_put_uint, record->serial);
                json_field(&json, "raw_msg", json_put_string, record->message);
                event_put_keys(&json, "keys", &pairs);
                event_put_pairs(&json, "data", &pairs);
                json_end_object(&json);
        }
        audit_pairs_done(&pairs);
        if (rc == 0 && out->failed)
                return fail(err, E_TOO_LARGE, "an audit record does not fit into %zu bytes", out->max);
        return rc;
}
