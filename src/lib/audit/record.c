/* The header of audit records, and their types (record.h). The kernel writes it in audit_log_start (kernel/audit.c);
 * auditd puts node=, type= and msg= before, and what it interpreted behind 0x1D. */
#include "lib/audit/record.h"

#include "lib/audit/record_internal.h"

#include <libaudit.h>

enum {
        ENRICHED_SEPARATOR = 0x1d, /* auditd's AUDIT_INTERP_SEPARATOR */
        TYPE_NAME_MAX = 64,
};

/* "1481077231.371:479)", a colon may follow: auditd's own records (DAEMON_…) lack it. */
static bool take_stamp(struct sv *rest, struct audit_record *ret)
{
        uint64_t seconds, milliseconds, serial;

        if (!take_digits(rest, 11, &seconds) || seconds > INT64_MAX / 1000000000 - 1 || !take(rest, SV(".")) ||
                take_digits(rest, 3, &milliseconds) != 3 || !take(rest, SV(":")) || !take_digits(rest, 10, &serial) ||
                serial > UINT32_MAX || !take(rest, SV(")")))
                return false;
        ret->time_ns = (int64_t)seconds * 1000000000 + (int64_t)milliseconds * 1000000;
        ret->serial = (uint32_t)serial;
        take(rest, SV(":"));
        return true;
}

bool audit_record_parse(struct sv text, struct audit_record *ret)
{
        struct audit_record record = { .node = { "", 0 }, .type_name = { "", 0 } };

        while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\0' || text.p[text.n - 1] == '\r' ||
                                 text.p[text.n - 1] == ' '))
                text.n--;
        if (take(&text, SV("node=")))
                record.node = take_until_space(&text);
        if (take(&text, SV("type="))) {
                record.type_name = take_until_space(&text);
                record.type = audit_type_number(record.type_name);
        }
        take(&text, SV("msg="));
        record.message = text;
        if (!take(&text, SV("audit(")) || !take_stamp(&text, &record))
                return false;
        while (text.n && text.p[0] == ' ') {
                text.p++;
                text.n--;
        }
        record.body = text;
        record.enriched = (struct sv){ text.p + text.n, 0 };
        const char *separator = text.n ? memchr(text.p, ENRICHED_SEPARATOR, text.n) : NULL;
        if (separator) {
                record.body.n = (size_t)(separator - text.p);
                record.enriched = (struct sv){ separator + 1, text.n - record.body.n - 1 };
                record.message.n = (size_t)(separator - record.message.p);
        }
        *ret = record;
        return true;
}

/* --- types ----------------------------------------------------------------------------------------------------------
 */

/* Newer than the libaudit of Debian 12 (linux/audit.h). */
static const struct {
        uint32_t type;
        const char *name;
} newer_types[] = {
        { 1336, "URINGOP" },
        { 1337, "OPENAT2" },
        { 1338, "DM_CTRL" },
        { 1339, "DM_EVENT" },
        { 1420, "MAC_TASK_CONTEXTS" },
        { 1421, "MAC_OBJ_CONTEXTS" },
        { 1423, "LANDLOCK_ACCESS" },
        { 1424, "LANDLOCK_DOMAIN" },
};

const char *audit_type_name(uint32_t type)
{
        const char *name = type && type <= INT32_MAX ? audit_msg_type_to_name((int)type) : NULL;

        for (size_t i = 0; !name && i < sizeof(newer_types) / sizeof(newer_types[0]); i++)
                if (newer_types[i].type == type)
                        name = newer_types[i].name;
        return name;
}

/* The eight or so that are most of every log: no search for them. */
static uint32_t common_type(struct sv name)
{
        switch (name.n) {
        case 3:
                return !memcmp(name.p, "CWD", 3) ? AUDIT_CWD : !memcmp(name.p, "EOE", 3) ? AUDIT_EOE : 0;
        case 4:
                return !memcmp(name.p, "PATH", 4) ? AUDIT_PATH : 0;
        case 6:
                return !memcmp(name.p, "EXECVE", 6) ? AUDIT_EXECVE : 0;
        case 7:
                return !memcmp(name.p, "SYSCALL", 7) ? AUDIT_SYSCALL : 0;
        case 8:
                return !memcmp(name.p, "SOCKADDR", 8) ? AUDIT_SOCKADDR : 0;
        case 9:
                return !memcmp(name.p, "PROCTITLE", 9) ? AUDIT_PROCTITLE : 0;
        default:
                return 0;
        }
}

uint32_t audit_type_number(struct sv name)
{
        char text[TYPE_NAME_MAX];
        uint32_t number = common_type(name);

        if (number || !name.n || name.n >= sizeof(text))
                return number;
        if (audit_value_u32(name, &number))
                return number;
        if (sv_starts(name, SV("UNKNOWN[")) && name.p[name.n - 1] == ']')
                return audit_value_u32(sv_n(name.p + 8, name.n - 9), &number) ? number : 0;
        for (size_t i = 0; i < sizeof(newer_types) / sizeof(newer_types[0]); i++)
                if (sv_eq(name, sv_of(newer_types[i].name)))
                        return newer_types[i].type;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        int found = audit_name_to_msg_type(text);
        return found > 0 ? (uint32_t)found : 0;
}
