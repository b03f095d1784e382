#include "modules/watch/source/connector_raw.h"

#include "base/encode.h"
#include "base/timefmt.h"
#include "lib/audit/record.h"

#include <inttypes.h>

static const struct {
        const char *unit, *reason;
} losses[LOSSES] = {
        [LOSS_BACKLOG] = { "records", "kernel backlog" },
        [LOSS_AUDIT_BUFFER] = { "records", "socket buffer" },
        [LOSS_CONNECTOR_BUFFER] = { "messages", "socket buffer" },
        [LOSS_CONNECTOR_SEQUENCE] = { "messages", "sequence" },
};

static const struct {
        uint32_t what;
        const char *name;
} kinds[] = { { CONNECTOR_FORK, "fork" }, { CONNECTOR_EXEC, "exec" }, { CONNECTOR_EXIT, "exit" },
        { CONNECTOR_UID, "uid" }, { CONNECTOR_GID, "gid" }, { CONNECTOR_SID, "sid" }, { CONNECTOR_PTRACE, "ptrace" },
        { CONNECTOR_COMM, "comm" }, { CONNECTOR_COREDUMP, "coredump" } };
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

const char *loss_unit(enum loss_kind kind)
{
        return losses[kind].unit;
}

const char *loss_reason(enum loss_kind kind)
{
        return losses[kind].reason;
}

void connector_clock_set(struct connector_clock *clock)
{
        int64_t monotonic = time_monotonic_ns();
        clock->unix_offset_ns = time_unix_ns() - monotonic;
        clock->boot_offset_ns = time_boot_ns() - monotonic;
}

void raw_connector_of(
        const struct connector_clock *clock, const struct connector_event *event, struct raw_connector *ret)
{
        memset(ret, 0, sizeof(*ret));
        ret->type = RAW_CONNECTOR;
        ret->time_ns = (int64_t)event->monotonic_ns + clock->unix_offset_ns;
        ret->boot_ns = event->monotonic_ns + (uint64_t)clock->boot_offset_ns;
        ret->event = *event;
}

static void write_head(struct buf *out, const char *type, int64_t time_ns, uint32_t serial)
{
        buf_printf(out, "type=%s msg=audit(%" PRId64 ".%03" PRId64 ":%u):", type, time_ns / SECOND,
                time_ns / MILLISECOND % 1000, serial);
}

void raw_connector_write(const struct raw_connector *raw, struct buf *out)
{
        const struct connector_event *event = &raw->event;
        const char *name = "other";
        for (size_t i = 0; i < KINDS; i++)
                if (kinds[i].what == event->what)
                        name = kinds[i].name;
        write_head(out, "CONNECTOR", raw->time_ns, event->sequence);
        buf_printf(out, " ns=%" PRId64 " boot=%" PRIu64 " what=%s cpu=%u pid=%d tid=%d", raw->time_ns, raw->boot_ns,
                name, event->cpu, event->pid, event->tid);
        if (event->ppid || event->ptid)
                buf_printf(out, " ppid=%d ptid=%d", event->ppid, event->ptid);
        if (event->what == CONNECTOR_UID || event->what == CONNECTOR_GID)
                buf_printf(out, " id=%u effective=%u", event->id, event->effective_id);
        if (event->what == CONNECTOR_EXIT)
                buf_printf(out, " status=%x", event->status);
        if (event->what == CONNECTOR_COMM) {
                buf_puts(out, " comm=");
                hex_encode(event->comm, strnlen(event->comm, sizeof(event->comm)), out);
        }
}

void raw_loss_write(const struct raw_loss *raw, struct buf *out)
{
        write_head(out, "LOST", raw->time_ns, 0);
        buf_printf(out, " lost=%" PRIu64 " unit=%s reason=\"%s\"", raw->lost, loss_unit(raw->kind),
                loss_reason(raw->kind));
}

static bool read_head(struct sv line, const char *type, struct audit_record *ret)
{
        return audit_record_parse(line, ret) && sv_eq(ret->type_name, sv_of(type));
}

static bool read_number(struct sv value, int base, uint64_t max, uint64_t *ret)
{
        return audit_value_u64(value, base, ret) && *ret <= max;
}

static bool read_kind(struct sv value, uint32_t *ret)
{
        for (size_t i = 0; i < KINDS; i++)
                if (sv_eq(value, sv_of(kinds[i].name))) {
                        *ret = kinds[i].what;
                        return true;
                }
        return false;
}

/* Unknown names are passed over: a later version may tell more. */
static bool read_field(const struct audit_field *field, struct raw_connector *raw)
{
        struct connector_event *event = &raw->event;
        uint64_t number = 0;
        size_t length;
        if (sv_eq(field->name, SV("what")))
                return read_kind(field->value, &event->what);
        if (sv_eq(field->name, SV("comm")))
                return hex_decode(field->value, (uint8_t *)event->comm, sizeof(event->comm) - 1, &length);
        if (sv_eq(field->name, SV("ns")))
                return audit_value_i64(field->value, &raw->time_ns);
        if (sv_eq(field->name, SV("boot")))
                return read_number(field->value, 10, UINT64_MAX, &raw->boot_ns);
        static const struct {
                const char *name;
                int base;
                size_t offset;
                uint64_t max;
        } numbers[] = { { "cpu", 10, offsetof(struct connector_event, cpu), UINT32_MAX },
                { "pid", 10, offsetof(struct connector_event, pid), INT32_MAX },
                { "tid", 10, offsetof(struct connector_event, tid), INT32_MAX },
                { "ppid", 10, offsetof(struct connector_event, ppid), INT32_MAX },
                { "ptid", 10, offsetof(struct connector_event, ptid), INT32_MAX },
                { "id", 10, offsetof(struct connector_event, id), UINT32_MAX },
                { "effective", 10, offsetof(struct connector_event, effective_id), UINT32_MAX },
                { "status", 16, offsetof(struct connector_event, status), UINT32_MAX } };
        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                if (!sv_eq(field->name, sv_of(numbers[i].name)))
                        continue;
                if (!read_number(field->value, numbers[i].base, numbers[i].max, &number))
                        return false;
                uint32_t narrow = (uint32_t)number;
                memcpy((char *)event + numbers[i].offset, &narrow, sizeof(narrow));
        }
        return true;
}

bool raw_connector_read(struct sv line, struct raw_connector *ret)
{
        struct audit_record record;
        struct audit_field field;
        if (!read_head(line, "CONNECTOR", &record))
                return false;
        struct raw_connector raw;
        memset(&raw, 0, sizeof(raw));
        raw.type = RAW_CONNECTOR;
        raw.time_ns = record.time_ns;
        raw.event.sequence = record.serial;
        struct audit_fields fields = audit_fields_of(record.body);
        while (audit_fields_next(&fields, &field))
                if (!read_field(&field, &raw))
                        return false;
        if (raw.event.what == 0 || raw.event.pid <= 0)
                return false;
        *ret = raw;
        return true;
}

bool raw_loss_read(struct sv line, struct raw_loss *ret)
{
        struct audit_record record;
        struct audit_field lost, unit, reason;
        uint64_t count;
        if (!read_head(line, "LOST", &record) || !audit_field_find(record.body, SV("lost"), &lost) ||
                !audit_field_find(record.body, SV("unit"), &unit) ||
                !audit_field_find(record.body, SV("reason"), &reason) ||
                !read_number(lost.value, 10, UINT64_MAX, &count))
                return false;
        for (int kind = 0; kind < LOSSES; kind++)
                if (sv_eq(unit.value, sv_of(losses[kind].unit)) && sv_eq(reason.value, sv_of(losses[kind].reason))) {
                        memset(ret, 0, sizeof(*ret));
                        *ret = (struct raw_loss){
                                .type = RAW_LOSS, .kind = (enum loss_kind)kind, .time_ns = record.time_ns, .lost = count
                        };
                        return true;
                }
        return false;
}
