/* Command lines and the text of events (audit_facts.h). */
#include "modules/watch/source/audit_facts.h"

#include "lib/audit/names.h"

#include <linux/audit.h>

enum { PROCTITLE_MAX = 128 }; /* kernel/auditsc.c: MAX_PROCTITLE_AUDIT_LEN */

/* --- argv -----------------------------------------------------------------------------------------------------------
 * Each EXECVE record goes on where the one before ended: `argc=3 a0="x" a1_len=20000 a1[0]=…`, `a1[1]=…`, `a2="y"`
 * (kernel/auditsc.c, audit_log_execve_info). */

struct arguments {
        char *bytes;
        size_t used, size;
        uint32_t next;      /* argument that is due */
        uint32_t next_part; /* of an argument in parts */
        bool in_parts;      /* argument next - 1 is, and lacks its NUL */
        bool cut;
};

static void put(struct arguments *arguments, const struct audit_field *field)
{
        if (arguments->used == arguments->size) {
                arguments->cut = true;
                return;
        }
        char *to = arguments->bytes + arguments->used;
        size_t left = arguments->size - arguments->used - 1; /* the NUL */
        struct sv text = audit_field_decode(field, to, left, &arguments->cut);

        if (text.n > left) {
                text.n = left;
                arguments->cut = true;
        }
        if (text.p != to && text.n)
                memcpy(to, text.p, text.n);
        arguments->used += text.n;
}

static void put_end(struct arguments *arguments)
{
        if (arguments->used < arguments->size)
                arguments->bytes[arguments->used++] = '\0';
        else
                arguments->cut = true;
}

static void put_field(struct arguments *arguments, const struct audit_field *field)
{
        enum audit_argument kind;
        uint32_t index, part;

        if (!audit_argument_name(field->name, &kind, &index, &part) || kind == AUDIT_ARGUMENT_LENGTH)
                return;
        bool continues = kind == AUDIT_ARGUMENT_PART && arguments->in_parts && index + 1 == arguments->next;
        if (!continues) {
                if (arguments->in_parts)
                        put_end(arguments);
                arguments->in_parts = kind == AUDIT_ARGUMENT_PART;
                arguments->cut |= index != arguments->next; /* a record is missing, or out of its order */
                arguments->next = index + 1;
                arguments->next_part = 0;
        }
        if (kind == AUDIT_ARGUMENT_PART)
                arguments->cut |= part != arguments->next_part++;
        put(arguments, field);
        if (kind == AUDIT_ARGUMENT_WHOLE)
                put_end(arguments);
}

static void from_execve(const struct audit_facts *facts, struct arguments *arguments, uint32_t *ret_argc)
{
        for (size_t i = 0; i < facts->event->count; i++) {
                const struct audit_event_record *record = &facts->event->records[i];
                if (record->type != AUDIT_EXECVE)
                        continue;
                struct audit_fields fields = audit_fields_of(record->body);
                struct audit_field field;
                while (audit_fields_next(&fields, &field)) {
                        if (audit_key_of(&field) == AUDIT_KEY_ARGC)
                                audit_value_u32(field.value, ret_argc);
                        else
                                put_field(arguments, &field);
                }
        }
        if (arguments->in_parts)
                put_end(arguments);
}

static void from_proctitle(const struct audit_facts *facts, struct arguments *arguments, uint32_t *ret_argc)
{
        struct audit_field field;

        if (!facts->side[SIDE_PROCTITLE] ||
                !audit_field_find(facts->side[SIDE_PROCTITLE]->body, SV("proctitle"), &field) ||
                audit_field_is_absent(&field))
                return;
        put(arguments, &field);
        if (!arguments->used)
                return;
        arguments->cut |= arguments->used >= PROCTITLE_MAX - 1;
        if (arguments->bytes[arguments->used - 1] != '\0')
                put_end(arguments);
        for (size_t i = 0; i < arguments->used; i++)
                *ret_argc += arguments->bytes[i] == '\0';
        arguments->next = *ret_argc;
}

void audit_arguments(const struct audit_facts *facts, struct audit_scratch *scratch, struct observation *observation)
{
        struct arguments arguments = { 0 };
        uint32_t argc = 0;
        size_t left = scratch->capacity - scratch->used;

        observation->argv = SV("");
        arguments.size = left < AUDIT_ARGUMENTS_MAX ? left : AUDIT_ARGUMENTS_MAX;
        arguments.bytes = scratch->bytes + scratch->used;
        if (arguments.size < 2)
                return;
        from_execve(facts, &arguments, &argc);
        if (!arguments.used && !argc && facts->success) /* else it is the title of the caller */
                from_proctitle(facts, &arguments, &argc);
        scratch->used += arguments.used;
        observation->argv = sv_n(arguments.bytes, arguments.used);
        observation->argc = argc > arguments.next ? argc : arguments.next;
        observation->argv_truncated = arguments.cut || argc != arguments.next;
}

/* --- detail ---------------------------------------------------------------------------------------------------------
 */

struct sv audit_type_text(uint32_t type, struct audit_scratch *scratch)
{
        const char *name = audit_type_name(type);
        char text[32];

        if (name)
                return sv_of(name);
        snprintf(text, sizeof(text), "UNKNOWN[%u]", type);
        return audit_scratch_copy(scratch, sv_of(text));
}

static void put_detail(char *bytes, size_t *used, struct sv text, bool *ret_cut)
{
        if (text.n > AUDIT_DETAIL_MAX - *used) {
                text.n = AUDIT_DETAIL_MAX - *used;
                *ret_cut = true;
        }
        if (text.n)
                memcpy(bytes + *used, text.p, text.n);
        *used += text.n;
}

struct sv audit_detail(const struct audit_event *event, struct audit_scratch *scratch, bool *ret_cut)
{
        size_t used = 0;
        char *bytes = audit_scratch_take(scratch, AUDIT_DETAIL_MAX);

        if (!bytes)
                return SV("");
        for (size_t i = 0; i < event->count && used < AUDIT_DETAIL_MAX; i++) {
                const struct audit_event_record *record = &event->records[i];
                char head[128];
                const char *name = audit_type_name(record->type);
                int n = name ? snprintf(head, sizeof(head), "type=%s", name)
                             : snprintf(head, sizeof(head), "type=UNKNOWN[%u]", record->type);
                n += snprintf(head + n, sizeof(head) - (size_t)n,
                        " msg=audit(%lld.%03d:%u): ", (long long)(event->time_ns / 1000000000),
                        (int)(event->time_ns / 1000000 % 1000), event->serial);
                if (i > 0)
                        put_detail(bytes, &used, SV("\n"), ret_cut);
                put_detail(bytes, &used, sv_n(head, (size_t)n), ret_cut);
                put_detail(bytes, &used, record->body, ret_cut);
        }
        return sv_n(bytes, used);
}
