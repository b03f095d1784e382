/* Audit events as observations (audit_observe.h). Every event gives at least one: translate_call says what a system
 * call is, and what nothing else takes is OBSERVED_SYSCALL with the text of its records. */
#include "modules/watch/source/audit_observe.h"

#include "lib/audit/address.h"
#include "lib/audit/names.h"
#include "modules/watch/source/audit_facts.h"
#include "modules/watch/source/audit_translate.h"

#include <linux/audit.h>
#include <sched.h>

struct audit_translation *audit_translation_new(struct error *err)
{
        struct audit_translation *translation = calloc(1, sizeof(*translation));

        if (!translation)
                return fail_null(err, E_NO_MEMORY, "audit translation: no memory");
        audit_calls_init(&translation->calls);
        return translation;
}

void audit_translation_free(struct audit_translation *translation)
{
        if (!translation)
                return;
        audit_scratch_done(&translation->scratch);
        free(translation);
}

/* --- what all have --------------------------------------------------------------------------------------------------
 */

static void begin(const struct audit_facts *facts, enum observation_type type, enum source_kind source,
        struct observation *observation)
{
        observation_init(observation, type, source);
        observation->time_ns = facts->event->time_ns;
        observation->serial = facts->event->serial;
        observation->late = facts->event->late;
        if (!facts->call_record)
                return;
        observation->pid = facts->pid;
        observation->ppid = facts->ppid;
        observation->has = HAS_UIDS | HAS_GIDS;
        observation->uid = facts->uid;
        observation->euid = facts->euid;
        observation->suid = facts->suid;
        observation->fsuid = facts->fsuid;
        observation->gid = facts->gid;
        observation->egid = facts->egid;
        observation->sgid = facts->sgid;
        observation->fsgid = facts->fsgid;
        if (facts->has_session) {
                observation->has |= HAS_SESSION;
                observation->auid = facts->auid;
                observation->session = facts->session;
        }
        observation->comm = facts->comm;
        observation->exe = facts->exe;
        observation->cwd = facts->cwd;
        observation->tty = facts->tty;
        observation->key = facts->key;
        observation->syscall = facts->call_name;
        if (facts->has_result) {
                observation->has |= HAS_RESULT;
                observation->success = facts->success;
                observation->result = facts->result;
        }
}

static struct sv side_text(
        const struct audit_facts *facts, enum audit_side side, struct sv name, struct audit_scratch *scratch)
{
        struct audit_field field;
        if (facts->side[side] && audit_field_find(facts->side[side]->body, name, &field))
                return audit_text(&field, scratch);
        return SV("");
}

static struct sv side_plain(const struct audit_facts *facts, enum audit_side side, struct sv name)
{
        struct audit_field field;
        return facts->side[side] && audit_field_find(facts->side[side]->body, name, &field) ? audit_plain(&field)
                                                                                            : SV("");
}

static bool side_hex(const struct audit_facts *facts, enum audit_side side, struct sv name, uint64_t *ret)
{
        struct audit_field field;
        return facts->side[side] && audit_field_find(facts->side[side]->body, name, &field) &&
               audit_value_u64(field.value, 16, ret);
}

static void take_capabilities(const struct audit_facts *facts, enum audit_side side, struct sv effective,
        struct sv permitted, struct observation *observation)
{
        uint64_t e, p;
        if (side_hex(facts, side, effective, &e) && side_hex(facts, side, permitted, &p)) {
                observation->cap_effective = e;
                observation->cap_permitted = p;
                observation->has |= HAS_CAPABILITIES;
        }
}

static void take_target(const struct audit_facts *facts, struct audit_scratch *scratch, struct observation *observation)
{
        struct audit_field field;
        uint32_t pid;
        if (!facts->side[SIDE_OBJ_PID])
                return;
        if (audit_field_find(facts->side[SIDE_OBJ_PID]->body, SV("opid"), &field) &&
                audit_value_u32(field.value, &pid) && pid <= INT32_MAX)
                observation->target_pid = (pid_t)pid;
        observation->object = side_text(facts, SIDE_OBJ_PID, SV("ocomm"), scratch);
}

/* --- process --------------------------------------------------------------------------------------------------------
 */

static bool translate_exec(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation)
{
        struct audit_scratch *scratch = &translation->scratch;

        observation->type = OBSERVED_EXEC;
        audit_facts_paths(facts, 1, scratch);
        if (facts->path_count) {
                observation->path = audit_path_absolute(facts, facts->paths[0].name, facts->call->directory, scratch);
                audit_take_file_id(&facts->paths[0], observation);
        }
        take_capabilities(facts, SIDE_FCAPS, SV("pe"), SV("pp"), observation);
        if (!(observation->has & HAS_CAPABILITIES))
                take_capabilities(facts, SIDE_FCAPS, SV("new_pe"), SV("new_pp"), observation);
        audit_arguments(facts, scratch, observation);
        return true;
}

/* The child begins as its parent is; what is the parent's own is left out. */
static bool translate_fork(const struct audit_facts *facts, struct observation *observation)
{
        uint64_t flags = audit_flags_of(facts);

        if (facts->result <= 0 || facts->result > INT32_MAX)
                return false;
        if (facts->call->kind == CALL_CLONE && (flags & CLONE_THREAD)) {
                observation->operation = SV("thread");
                return false;
        }
        observation->type = OBSERVED_FORK;
        observation->ppid = facts->pid;
        observation->pid = (pid_t)facts->result;
        observation->flags = flags;
        observation->has |= UNRESOLVED_PID;
        if (facts->call->kind == CALL_CLONE3)
                observation->has |= UNRESOLVED_THREAD;
        return true;
}

static bool translate_exit(const struct audit_facts *facts, struct observation *observation)
{
        observation->type = OBSERVED_EXIT;
        observation->exit_code = (int)(facts->a[0] & 0xff);
        observation->has |= HAS_EXIT;
        if (facts->call->kind == CALL_EXIT)
                observation->has |= UNRESOLVED_THREAD;
        return true;
}

static bool translate_credential(const struct audit_facts *facts, struct observation *observation)
{
        observation->type = OBSERVED_CREDENTIAL;
        observation->operation = facts->call_name;
        take_capabilities(facts, SIDE_CAPSET, SV("cap_pe"), SV("cap_pp"), observation);
        return true;
}

static struct sv lower(struct sv text, struct audit_scratch *scratch)
{
        char *bytes = audit_scratch_take(scratch, text.n);
        if (!bytes)
                return text;
        for (size_t i = 0; i < text.n; i++)
                bytes[i] = text.p[i] >= 'A' && text.p[i] <= 'Z' ? (char)(text.p[i] | 0x20) : text.p[i];
        return sv_n(bytes, text.n);
}

static bool translate_ptrace(
        struct audit_translation *translation, const struct audit_facts *facts, struct observation *observation)
{
        struct sv name = sv_of(audit_ptrace_request(facts->a[0]));

        observation->type = OBSERVED_PTRACE;
        observation->flags = facts->a[0];
        if (sv_starts(name, SV("PTRACE_")))
                name = sv_n(name.p + 7, name.n - 7);
        observation->operation = lower(name, &translation->scratch);
        if (facts->a[0] != 0 && facts->a[1] <= INT32_MAX) /* not PTRACE_TRACEME */
                observation->target_pid = (pid_t)facts->a[1];
        take_target(facts, &translation->scratch, observation);
        return true;
}

static bool translate_kill(
        struct audit_translation *translation, const struct audit_facts *facts, struct observation *observation)
{
        observation->operation = facts->call_name;
        observation->flags = audit_flags_of(facts);
        if (facts->a[0] <= INT32_MAX) /* negative: a group, or all */
                observation->target_pid = (pid_t)facts->a[0];
        take_target(facts, &translation->scratch, observation);
        return false; /* no type of its own: an audited system call */
}

/* --- kernel objects -------------------------------------------------------------------------------------------------
 */

static bool translate_mount(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation)
{
        struct audit_scratch *scratch = &translation->scratch;
        const struct audit_call *call = facts->call;
        struct sv found[2] = { SV(""), SV("") };
        unsigned count = 0;
        bool reversed = call->kind == CALL_MOVE_MOUNT;

        observation->type = OBSERVED_MOUNT;
        observation->operation = facts->call_name;
        observation->flags = audit_flags_of(facts);
        audit_facts_paths(facts, AUDIT_PATHS_MAX, scratch);
        for (size_t i = 0; i < facts->path_count && count < 2; i++) {
                if (facts->paths[i].type == NAMETYPE_PARENT)
                        continue;
                unsigned directory = (count == 0) == reversed ? call->directory2 : call->directory;
                found[count++] = audit_path_absolute(facts, facts->paths[i].name, directory, scratch);
        }
        if (reversed && count == 1) /* the source is a descriptor, as fsmount and open_tree give it */
                observation->path = found[0];
        else
                observation->path = found[reversed], observation->path2 = found[!reversed];
        return true;
}

static bool translate_module(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation)
{
        observation->type = OBSERVED_MODULE;
        observation->operation = facts->call->kind == CALL_MODULE_LOAD ? SV("load") : SV("unload");
        observation->flags = audit_flags_of(facts);
        observation->object = side_text(facts, SIDE_MODULE, SV("name"), &translation->scratch);
        audit_facts_paths(facts, 1, &translation->scratch);
        if (facts->path_count)
                observation->path = audit_path_absolute(facts, facts->paths[0].name, 0, &translation->scratch);
        return true;
}

/* With a record of its own (kernel/bpf/syscall.c, bpf_audit_prog), also outside of any system call; or bpf(2) that
 * failed to load a program. */
static bool translate_bpf(
        struct audit_translation *translation, const struct audit_facts *facts, struct observation *observation)
{
        enum { PROG_LOAD = 5 }; /* enum bpf_cmd */

        if (facts->side[SIDE_BPF]) {
                observation->operation = lower(side_plain(facts, SIDE_BPF, SV("op")), &translation->scratch);
                observation->object = side_plain(facts, SIDE_BPF, SV("prog-id"));
        } else if (facts->call->kind == CALL_BPF && facts->a[0] == PROG_LOAD) {
                observation->operation = SV("load");
        } else {
                return false;
        }
        observation->type = OBSERVED_BPF;
        return true;
}

/* --- the whole ------------------------------------------------------------------------------------------------------
 */

/* Completes the observation; false when it is of no typed kind. */
static bool translate_call(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation)
{
        bool done = facts->success; /* what failed changes nothing in the tree */

        switch (facts->call->kind) {
        case CALL_EXEC:
                return done && translate_exec(translation, facts, observation);
        case CALL_FORK:
        case CALL_CLONE:
        case CALL_CLONE3:
                return done && translate_fork(facts, observation);
        case CALL_EXIT:
        case CALL_EXIT_GROUP:
                return translate_exit(facts, observation);
        case CALL_CREDENTIAL:
                return done && translate_credential(facts, observation);
        case CALL_SETNS:
        case CALL_UNSHARE:
                observation->operation = facts->call_name;
                observation->flags = audit_flags_of(facts);
                if (done)
                        observation->type = OBSERVED_NAMESPACE;
                return done;
        case CALL_KILL:
                return translate_kill(translation, facts, observation);
        case CALL_PTRACE:
                return translate_ptrace(translation, facts, observation);
        case CALL_MOUNT:
        case CALL_MOVE_MOUNT:
                return translate_mount(translation, facts, observation);
        case CALL_MODULE_LOAD:
        case CALL_MODULE_UNLOAD:
                return translate_module(translation, facts, observation);
        case CALL_BPF:
        case CALL_OTHER:
                return translate_bpf(translation, facts, observation) ||
                       (facts->call_record && facts->call_record->type == AUDIT_URINGOP &&
                               audit_translate_file(translation, facts, observation));
        default:
                return audit_translate_file(translation, facts, observation);
        }
}

static void take_address(
        struct audit_translation *translation, const struct audit_facts *facts, struct observation *observation)
{
        struct audit_address address;
        struct audit_field field;
        struct buf text;

        if (!facts->side[SIDE_SOCKADDR] || !audit_field_find(facts->side[SIDE_SOCKADDR]->body, SV("saddr"), &field) ||
                !audit_address_parse(field.value, &address))
                return;
        buf_init(&text, 4096);
        audit_address_append(&address, &text);
        observation->address = audit_scratch_copy(&translation->scratch, sv_n(buf_text(&text), text.len));
        buf_done(&text);
}

/* Nothing typed: the system call with what may be told of it, and the text. */
static void translate_other(
        struct audit_translation *translation, struct audit_facts *facts, struct observation *observation)
{
        struct audit_scratch *scratch = &translation->scratch;

        observation->type = OBSERVED_SYSCALL;
        if (!facts->path_count)
                audit_facts_paths(facts, AUDIT_PATHS_MAX, scratch);
        const struct audit_path *path = audit_path_plain(facts);
        if (path && !observation->path.n) {
                observation->path = audit_path_absolute(facts, path->name, facts->call->directory, scratch);
                audit_take_file_id(path, observation);
        }
        take_address(translation, facts, observation);
        if (!observation->operation.n && facts->event->records[0].type != AUDIT_SYSCALL)
                observation->operation = audit_type_text(facts->event->records[0].type, scratch);
        if (facts->call->kind == CALL_EXEC)
                audit_arguments(facts, scratch, observation);
        observation->detail = audit_detail(facts->event, scratch, &translation->cut);
}

void audit_observe(struct audit_translation *translation, const struct audit_event *event, enum source_kind source,
        observe_fn *observe, void *cookie)
{
        struct audit_facts facts;
        struct observation observation;
        bool has_memory = audit_facts_read(&facts, event, &translation->calls, &translation->scratch);

        translation->cut = event->truncated;
        if (!has_memory) { /* the event is told all the same */
                begin(&facts, OBSERVED_SYSCALL, source, &observation);
                translation->truncated++;
                observe(&observation, cookie);
                return;
        }
        if (facts.special) {
                begin(&facts, facts.special_type, source, &observation);
                audit_message(facts.special, &translation->scratch, &observation);
                observation.detail = audit_detail(event, &translation->scratch, &translation->cut);
                observe(&observation, cookie);
        }
        begin(&facts, OBSERVED_SYSCALL, source, &observation);
        bool typed = translate_call(translation, &facts, &observation);
        if (!typed && !facts.special)
                translate_other(translation, &facts, &observation);
        if (typed || !facts.special)
                observe(&observation, cookie);
        translation->truncated += translation->cut || (typed && observation.argv_truncated);
}
