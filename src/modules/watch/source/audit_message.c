/* Records that are an event by themselves: messages of user space, anomalies, changes of the configuration, denials.
 * Their fields: audit_log_user_message(3) and audit_log_acct_message(3), the kernel's callers of audit_log_start, and
 * security/apparmor/audit.c, security/selinux/avc.c. */
#include "modules/watch/source/audit_facts.h"

#include "lib/audit/names.h"

#include <libaudit.h>

static bool is_denial(const struct audit_event_record *record)
{
        struct audit_avc avc;
        struct audit_field field;

        if (audit_avc_parse(record->body, &avc))
                return sv_eq(avc.verdict, SV("denied"));
        return audit_field_find(record->body, SV("apparmor"), &field) &&
               (sv_eq(field.value, SV("DENIED")) || sv_eq(field.value, SV("KILLED")));
}

static bool is_apparmor_status(const struct audit_event_record *record)
{
        struct audit_field field;
        return audit_field_find(record->body, SV("apparmor"), &field) && sv_eq(field.value, SV("STATUS"));
}

static enum observation_type security_module_type(const struct audit_event_record *record)
{
        switch (record->type) {
        case AUDIT_AVC:
                return is_denial(record)            ? OBSERVED_ANOMALY
                       : is_apparmor_status(record) ? OBSERVED_CONFIG
                                                    : OBSERVED_SYSCALL;
        case AUDIT_SELINUX_ERR:
        case AUDIT_LANDLOCK_ACCESS:
        case AUDIT_APPARMOR_DENIED:
        case AUDIT_APPARMOR_KILL:
                return OBSERVED_ANOMALY;
        case AUDIT_AVC_PATH:
        case AUDIT_MAC_TASK_CONTEXTS:
        case AUDIT_MAC_OBJ_CONTEXTS:
        case AUDIT_LANDLOCK_DOMAIN:
                return OBSERVED_SYSCALL; /* further records of another */
        case AUDIT_APPARMOR_STATUS:
                return OBSERVED_CONFIG;
        default:
                return record->type < AUDIT_FIRST_APPARMOR ? OBSERVED_CONFIG : OBSERVED_SYSCALL;
        }
}

enum observation_type audit_special_type(const struct audit_event_record *record)
{
        uint32_t type = record->type;

        switch (type) {
        case AUDIT_CONFIG_CHANGE:
        case AUDIT_FEATURE_CHANGE:
        case AUDIT_KERNEL:
                return OBSERVED_CONFIG;
        case AUDIT_USER:
        case AUDIT_LOGIN:
        case AUDIT_TTY:
                return OBSERVED_USER;
        case AUDIT_SECCOMP:
                return OBSERVED_ANOMALY;
        case AUDIT_USER_AVC:
                return is_denial(record) ? OBSERVED_ANOMALY : OBSERVED_USER;
        case AUDIT_USER_SELINUX_ERR:
                return OBSERVED_ANOMALY;
        default:
                break;
        }
        if (type >= AUDIT_FIRST_DAEMON && type <= AUDIT_LAST_DAEMON)
                return OBSERVED_CONFIG;
        if (type >= AUDIT_FIRST_SELINUX && type <= AUDIT_LAST_APPARMOR)
                return security_module_type(record);
        if ((type >= AUDIT_FIRST_KERN_ANOM_MSG && type <= AUDIT_LAST_KERN_ANOM_MSG) ||
                (type >= AUDIT_FIRST_ANOM_MSG && type <= AUDIT_LAST_ANOM_MSG))
                return OBSERVED_ANOMALY;
        if ((type >= AUDIT_FIRST_USER_MSG && type <= AUDIT_LAST_USER_MSG) ||
                (type >= AUDIT_FIRST_USER_MSG2 && type <= AUDIT_LAST_USER_MSG2))
                return OBSERVED_USER;
        return OBSERVED_SYSCALL;
}

/* --- fields ---------------------------------------------------------------------------------------------------------
 */

struct message {
        const struct audit_event_record *record;
        struct audit_scratch *scratch;
        struct observation *observation;
        struct sv first; /* the first field that has no place of its own, as text */
        bool has_auid;
        uint32_t arch;
};

static void take_id(struct sv value, uint32_t *ret)
{
        uint32_t number;
        if (audit_value_u32(value, &number))
                *ret = number;
}

static void take_result(struct message *message, struct sv value)
{
        message->observation->has |= HAS_RESULT;
        message->observation->success = sv_eq(value, SV("success")) || sv_eq(value, SV("yes")) || sv_eq(value, SV("1"));
        message->observation->result = message->observation->success ? 0 : -1;
}

/* What the kernel itself says of the sender. Not from inside msg='…', which a program writes as it likes. */
static bool take_sender(struct message *message, const struct audit_field *field)
{
        struct observation *observation = message->observation;
        uint32_t number = 0;
        uint64_t wide;

        switch (audit_key_of(field)) {
        case AUDIT_KEY_PID:
                if (!observation->pid && audit_value_u32(field->value, &number) && number <= INT32_MAX)
                        observation->pid = (pid_t)number;
                return true;
        case AUDIT_KEY_UID:
                take_id(field->value, &observation->uid);
                return true;
        case AUDIT_KEY_GID:
                take_id(field->value, &observation->gid);
                return true;
        case AUDIT_KEY_AUID:
                message->has_auid = true;
                take_id(field->value, &observation->auid);
                return true;
        case AUDIT_KEY_SES:
                take_id(field->value, &observation->session);
                return true;
        case AUDIT_KEY_SUBJ:
        case AUDIT_KEY_MSG:
                return true;
        case AUDIT_KEY_KEY:
                observation->key = audit_text(field, message->scratch);
                return true;
        case AUDIT_KEY_SIG:
                if (audit_value_u32(field->value, &number) && number < 128) {
                        observation->exit_signal = (int)number;
                        observation->has |= number ? HAS_EXIT : 0;
                }
                return true;
        case AUDIT_KEY_CODE:
                audit_value_u64(field->value, 16, &observation->flags);
                return true;
        case AUDIT_KEY_ARCH:
                if (audit_value_u64(field->value, 16, &wide) && wide <= UINT32_MAX)
                        message->arch = (uint32_t)wide;
                return true;
        case AUDIT_KEY_SYSCALL:
                if (audit_value_u32(field->value, &number) && number <= INT32_MAX)
                        observation->syscall = sv_of(audit_syscall_name(message->arch, (int)number));
                return true;
        default:
                return false;
        }
}

static void take_object(struct message *message, const struct audit_field *field)
{
        struct sv *object = &message->observation->object;
        if (!object->n)
                *object = audit_field_is_encoded(message->record->type, field) && audit_key_of(field) != AUDIT_KEY_UNIT
                                  ? audit_text(field, message->scratch)
                                  : audit_plain(field);
}

static void take_path(struct message *message, const struct audit_field *field)
{
        struct observation *observation = message->observation;
        struct sv path = audit_text(field, message->scratch);
        if (!observation->path.n && path.n && (path.p[0] == '/' || message->record->type != AUDIT_AVC))
                observation->path = path;
}

static void take_other(struct message *message, const struct audit_field *field)
{
        static const char *const objects[] = { "cmd", "dev", "operation", "table", "grp", "new_group", NULL };

        for (unsigned i = 0; objects[i]; i++) {
                if (sv_eq(field->name, sv_of(objects[i]))) {
                        take_object(message, field);
                        return;
                }
        }
        if (!message->first.n && !field->word.n)
                message->first = sv_n(field->name.p, (size_t)(field->value.p + field->value.n - field->name.p));
}

static void take_field(struct message *message, const struct audit_field *field)
{
        struct observation *observation = message->observation;

        if (sv_eq(field->word, SV("old")))
                return;
        if (!field->nested && take_sender(message, field))
                return;
        switch (audit_key_of(field)) {
        case AUDIT_KEY_ACCT:
                observation->account = audit_text(field, message->scratch);
                break;
        case AUDIT_KEY_ID:
                if (!observation->account.n)
                        observation->account = field->value;
                break;
        case AUDIT_KEY_COMM:
                observation->comm = audit_text(field, message->scratch);
                break;
        case AUDIT_KEY_EXE:
                observation->exe = audit_text(field, message->scratch);
                break;
        case AUDIT_KEY_CWD:
                observation->cwd = audit_text(field, message->scratch);
                break;
        case AUDIT_KEY_TTY:
        case AUDIT_KEY_TERMINAL:
                observation->terminal = audit_plain(field);
                break;
        case AUDIT_KEY_ADDR:
                observation->address = audit_plain(field);
                break;
        case AUDIT_KEY_HOSTNAME:
                observation->hostname = audit_plain(field);
                break;
        case AUDIT_KEY_RES:
                take_result(message, field->value);
                break;
        case AUDIT_KEY_NAME:
        case AUDIT_KEY_PATH:
                take_path(message, field);
                break;
        case AUDIT_KEY_OP:
        case AUDIT_KEY_UNIT:
                take_object(message, field);
                break;
        case AUDIT_KEY_PID:
        case AUDIT_KEY_UID:
        case AUDIT_KEY_AUID:
        case AUDIT_KEY_SES:
        case AUDIT_KEY_SUBJ:
        case AUDIT_KEY_OLD_AUID:
                break;
        default:
                take_other(message, field);
                break;
        }
}

void audit_message(
        const struct audit_event_record *record, struct audit_scratch *scratch, struct observation *observation)
{
        struct message message = { .record = record, .scratch = scratch, .observation = observation };
        struct audit_avc avc;
        struct audit_field field;
        struct sv body = record->body;

        message.first = SV("");
        observation->operation = audit_type_text(record->type, scratch);
        if (audit_avc_parse(body, &avc)) {
                observation->object = avc.permissions;
                if (record->type == AUDIT_AVC)
                        body = avc.rest;
        }
        struct audit_fields fields = audit_fields_of(body);
        while (audit_fields_next(&fields, &field))
                take_field(&message, &field);
        if (message.has_auid)
                observation->has |= HAS_SESSION;
        if (!observation->object.n)
                observation->object = message.first;
}
