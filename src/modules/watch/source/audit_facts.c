/* Reading the records of one event (audit_facts.h). Their fields: kernel/auditsc.c, audit_log_exit and what it calls;
 * audit_log_task_info in kernel/audit.c. */
#include "modules/watch/source/audit_facts.h"

#include "lib/audit/names.h"

#include <fcntl.h>
#include <linux/audit.h>

enum { SCRATCH_STEP = 16 << 10 };

/* --- scratch --------------------------------------------------------------------------------------------------------
 */

bool audit_scratch_reset(struct audit_scratch *scratch, size_t size)
{
        scratch->used = 0;
        if (scratch->capacity > AUDIT_SCRATCH_KEPT && size <= AUDIT_SCRATCH_KEPT)
                audit_scratch_done(scratch);
        if (scratch->capacity >= size)
                return true;
        size = (size + SCRATCH_STEP - 1) / SCRATCH_STEP * SCRATCH_STEP;
        audit_scratch_done(scratch);
        scratch->bytes = malloc(size);
        scratch->capacity = scratch->bytes ? size : 0;
        return scratch->bytes != NULL;
}

void audit_scratch_done(struct audit_scratch *scratch)
{
        free(scratch->bytes);
        *scratch = (struct audit_scratch){ 0 };
}

char *audit_scratch_take(struct audit_scratch *scratch, size_t size)
{
        if (size > scratch->capacity - scratch->used)
                return NULL;
        char *bytes = scratch->bytes + scratch->used;
        scratch->used += size;
        return bytes;
}

struct sv audit_scratch_copy(struct audit_scratch *scratch, struct sv text)
{
        char *bytes = audit_scratch_take(scratch, text.n);
        if (!bytes)
                return SV("");
        if (text.n)
                memcpy(bytes, text.p, text.n);
        return sv_n(bytes, text.n);
}

/* --- values ---------------------------------------------------------------------------------------------------------
 */

struct sv audit_plain(const struct audit_field *field)
{
        return audit_field_is_absent(field) ? SV("") : field->value;
}

struct sv audit_text(const struct audit_field *field, struct audit_scratch *scratch)
{
        if (field->form != AUDIT_BARE)
                return field->value;
        if (audit_field_is_absent(field))
                return SV("");
        size_t left = scratch->capacity - scratch->used;
        struct sv text = audit_field_decode(field, scratch->bytes + scratch->used, left, NULL);
        if (text.p == scratch->bytes + scratch->used)
                scratch->used += text.n;
        return text;
}

/* A rule's keys are separated by 0x01 (AUDIT_KEY_SEPARATOR of libaudit), and the whole is then in hexadecimal. */
static struct sv key_text(const struct audit_field *field, struct audit_scratch *scratch)
{
        struct sv text = audit_text(field, scratch);
        if (field->form != AUDIT_BARE || !memchr(text.p, 1, text.n))
                return text;
        text = audit_scratch_copy(scratch, text);
        for (size_t i = 0; i < text.n; i++)
                if (text.p[i] == 1)
                        scratch->bytes[(size_t)(text.p - scratch->bytes) + i] = ',';
        return text;
}

static pid_t pid_value(struct sv value)
{
        uint32_t number;
        return audit_value_u32(value, &number) && number <= INT32_MAX ? (pid_t)number : 0;
}

static void id_value(struct sv value, uint32_t *ret)
{
        int64_t number;
        if (audit_value_i64(value, &number) && number >= -1 && number <= UINT32_MAX)
                *ret = (uint32_t)number; /* kernels before 2.6.3x wrote -1 */
}

/* --- SYSCALL --------------------------------------------------------------------------------------------------------
 */

static void read_call_other(struct audit_facts *facts, const struct audit_field *field)
{
        if (facts->call_record->type == AUDIT_URINGOP && sv_eq(field->name, SV("uring_op")))
                audit_value_u64(field->value, 10, &facts->number);
}

static void read_call_field(struct audit_facts *facts, const struct audit_field *field, struct audit_scratch *scratch)
{
        uint64_t number = 0;

        switch (audit_key_of(field)) {
        case AUDIT_KEY_ARCH:
                if (audit_value_u64(field->value, 16, &number))
                        facts->arch = (uint32_t)number;
                break;
        case AUDIT_KEY_SYSCALL:
                audit_value_u64(field->value, 10, &facts->number);
                break;
        case AUDIT_KEY_SUCCESS:
                facts->has_result = true;
                facts->success = sv_eq(field->value, SV("yes"));
                break;
        case AUDIT_KEY_EXIT:
                audit_value_i64(field->value, &facts->result);
                break;
        case AUDIT_KEY_A0:
        case AUDIT_KEY_A1:
        case AUDIT_KEY_A2:
        case AUDIT_KEY_A3:
                audit_value_u64(field->value, 16, &facts->a[field->name.p[1] - '0']);
                break;
        case AUDIT_KEY_PPID:
                facts->ppid = pid_value(field->value);
                break;
        case AUDIT_KEY_PID:
                facts->pid = pid_value(field->value);
                break;
#define ID(key, member)                                                                                                \
        case AUDIT_KEY_##key:                                                                                          \
                id_value(field->value, &facts->member);                                                                \
                break;
                ID(UID, uid)
                ID(EUID, euid)
                ID(SUID, suid)
                ID(FSUID, fsuid)
                ID(GID, gid)
                ID(EGID, egid)
                ID(SGID, sgid)
                ID(FSGID, fsgid)
                ID(SES, session)
#undef ID
        case AUDIT_KEY_AUID:
                facts->has_session = true;
                id_value(field->value, &facts->auid);
                break;
        case AUDIT_KEY_TTY:
                facts->tty = audit_plain(field);
                break;
        case AUDIT_KEY_COMM:
                facts->comm = audit_text(field, scratch);
                break;
        case AUDIT_KEY_EXE:
                facts->exe = audit_text(field, scratch);
                break;
        case AUDIT_KEY_KEY:
                facts->key = key_text(field, scratch);
                break;
        default:
                read_call_other(facts, field);
                break;
        }
}

static void read_call(struct audit_facts *facts, const struct audit_calls *calls, struct audit_scratch *scratch)
{
        struct audit_fields fields = audit_fields_of(facts->call_record->body);
        struct audit_field field;

        while (audit_fields_next(&fields, &field))
                read_call_field(facts, &field, scratch);
        if (facts->call_record->type == AUDIT_URINGOP) {
                facts->call_name = SV("io_uring");
                return;
        }
        facts->call = audit_call_of(calls, facts->arch, facts->number);
        const char *name = facts->call->name;
        if (!name && facts->number <= INT32_MAX)
                name = audit_syscall_name(facts->arch, (int)facts->number);
        if (name)
                facts->call_name = sv_of(name);
}

/* --- the other records ----------------------------------------------------------------------------------------------
 */

static int side_of(uint32_t type)
{
        switch (type) {
        case AUDIT_PROCTITLE:
                return SIDE_PROCTITLE;
        case AUDIT_BPRM_FCAPS:
                return SIDE_FCAPS;
        case AUDIT_CAPSET:
                return SIDE_CAPSET;
        case AUDIT_OBJ_PID:
                return SIDE_OBJ_PID;
        case AUDIT_KERN_MODULE:
                return SIDE_MODULE;
        case AUDIT_BPF:
                return SIDE_BPF;
        case AUDIT_SOCKADDR:
                return SIDE_SOCKADDR;
        case AUDIT_OPENAT2_RECORD:
                return SIDE_OPENAT2;
        default:
                return SIDES;
        }
}

static void read_record(
        struct audit_facts *facts, const struct audit_event_record *record, struct audit_scratch *scratch)
{
        struct audit_field field;

        switch (record->type) {
        case AUDIT_SYSCALL:
        case AUDIT_URINGOP:
                if (!facts->call_record)
                        facts->call_record = record;
                break;
        case AUDIT_CWD:
                if (!facts->cwd.n && audit_field_find(record->body, SV("cwd"), &field))
                        facts->cwd = audit_text(&field, scratch);
                break;
        case AUDIT_EXECVE: /* read later, if they are needed */
        case AUDIT_PATH:
                break;
        default: {
                int side = side_of(record->type);
                if (side < SIDES) {
                        if (!facts->side[side])
                                facts->side[side] = record;
                        break;
                }
                enum observation_type type = audit_special_type(record);
                /* of several the anomaly counts */
                if (type != OBSERVED_SYSCALL &&
                        (!facts->special || (type == OBSERVED_ANOMALY && facts->special_type != OBSERVED_ANOMALY))) {
                        facts->special = record;
                        facts->special_type = type;
                }
        }
        }
}

bool audit_facts_read(struct audit_facts *facts, const struct audit_event *event, const struct audit_calls *calls,
        struct audit_scratch *scratch)
{
        /* All that is decoded is shorter than its source; paths are joined with cwd, and each may be cleaned once. */
        size_t size = 32 << 10;
        static const struct audit_call none = { 0 };

        for (size_t i = 0; i < event->count; i++)
                size += 2 * event->records[i].body.n;
        memset(facts, 0, offsetof(struct audit_facts, paths));
        facts->path_count = 0;
        facts->event = event;
        facts->call = &none;
        facts->number = UINT64_MAX;
        facts->auid = facts->session = AUDIT_UNSET;
        facts->tty = facts->comm = facts->exe = facts->key = facts->cwd = facts->call_name = SV("");
        if (!audit_scratch_reset(scratch, size))
                return false;
        for (size_t i = 0; i < event->count; i++)
                read_record(facts, &event->records[i], scratch);
        if (facts->call_record)
                read_call(facts, calls, scratch);
        return true;
}

static enum audit_nametype nametype_of(struct sv value)
{
        static const char *const names[] = { "UNKNOWN", "NORMAL", "PARENT", "DELETE", "CREATE" };

        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (sv_eq(value, sv_of(names[i])))
                        return (enum audit_nametype)i;
        return NAMETYPE_UNKNOWN;
}

static void read_path(struct audit_path *path, struct sv body, struct audit_scratch *scratch)
{
        struct audit_fields fields = audit_fields_of(body);
        struct audit_field field;
        uint64_t mode;
        bool has_inode = false;

        *path = (struct audit_path){ .name = SV("") };
        while (audit_fields_next(&fields, &field)) {
                switch (audit_key_of(&field)) {
                case AUDIT_KEY_NAME:
                        path->name = audit_text(&field, scratch);
                        break;
                case AUDIT_KEY_INODE:
                        has_inode = audit_value_u64(field.value, 10, &path->inode);
                        break;
                case AUDIT_KEY_MODE:
                        if (audit_value_u64(field.value, 8, &mode) && mode <= UINT32_MAX)
                                path->mode = (uint32_t)mode;
                        break;
                case AUDIT_KEY_OUID:
                        id_value(field.value, &path->owner);
                        path->has_id = has_inode;
                        break;
                case AUDIT_KEY_OBJTYPE: /* kernels 3.10 to 3.17 */
                case AUDIT_KEY_NAMETYPE:
                        path->type = nametype_of(field.value);
                        return; /* what follows are capabilities of the file */
                default:
                        break;
                }
        }
}

void audit_facts_paths(struct audit_facts *facts, size_t max, struct audit_scratch *scratch)
{
        const struct audit_event *event = facts->event;

        for (size_t i = 0; i < event->count && facts->path_count < max && facts->path_count < AUDIT_PATHS_MAX; i++)
                if (event->records[i].type == AUDIT_PATH)
                        read_path(&facts->paths[facts->path_count++], event->records[i].body, scratch);
}

/* --- paths ----------------------------------------------------------------------------------------------------------
 */

static bool is_clean(struct sv path)
{
        for (size_t i = 0; i < path.n; i++) {
                if (path.p[i] != '/')
                        continue;
                char next = i + 1 < path.n ? path.p[i + 1] : '\0';
                if (next == '/' || (next == '\0' && i > 0))
                        return false;
                if (next != '.')
                        continue;
                char second = i + 2 < path.n ? path.p[i + 2] : '/';
                char third = i + 3 < path.n ? path.p[i + 3] : '/';
                if (second == '/' || (second == '.' && third == '/'))
                        return false;
        }
        return true;
}

/* In place: an absolute path without "//", "." and "..", by text alone, so that a rule's "/etc/shadow" also sees
 * "/etc/../etc/shadow". Like path_clean of base, which needs another buffer. */
static struct sv clean(char *bytes, size_t size)
{
        size_t to = 0, i = 0;

        while (i < size) {
                while (i < size && bytes[i] == '/')
                        i++;
                size_t start = i;
                while (i < size && bytes[i] != '/')
                        i++;
                size_t n = i - start;
                if (n == 0 || (n == 1 && bytes[start] == '.'))
                        continue;
                if (n == 2 && bytes[start] == '.' && bytes[start + 1] == '.') {
                        while (to > 0 && bytes[--to] != '/')
                                ;
                        continue;
                }
                bytes[to++] = '/';
                memmove(bytes + to, bytes + start, n);
                to += n;
        }
        if (to == 0)
                bytes[to++] = '/';
        return sv_n(bytes, to);
}

struct sv audit_path_absolute(
        const struct audit_facts *facts, struct sv name, unsigned directory, struct audit_scratch *scratch)
{
        bool absolute = name.n && name.p[0] == '/';

        if (!name.n || (absolute && is_clean(name)))
                return name;
        if (!absolute) {
                bool here =
                        directory == 0 || (directory <= 4 && (int32_t)(uint32_t)facts->a[directory - 1] == AT_FDCWD);
                if (!here || !facts->cwd.n || facts->cwd.p[0] != '/')
                        return name;
        }
        size_t size = (absolute ? 0 : facts->cwd.n + 1) + name.n;
        char *bytes = audit_scratch_take(scratch, size + 1);
        if (!bytes)
                return name;
        char *to = bytes;
        if (!absolute) {
                memcpy(to, facts->cwd.p, facts->cwd.n);
                to += facts->cwd.n;
                *to++ = '/';
        }
        memcpy(to, name.p, name.n);
        return clean(bytes, size);
}
