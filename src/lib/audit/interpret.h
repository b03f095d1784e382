/* What the fields of a record mean: names instead of numbers, texts instead of hexadecimal. Pure.
 *
 *      struct audit_meaning meaning = audit_meaning_of(&record);
 *      while (audit_fields_next(&fields, &field))
 *              audit_interpret(&meaning, &field, &buf);
 *
 * The meaning of a field depends on those before it (a0 on syscall, syscall on arch), so all must be handed in in their
 * order. */
#pragma once

#include "lib/audit/names.h"
#include "lib/audit/record.h"

struct audit_meaning {
        uint32_t type;         /* of the record */
        uint32_t arch;         /* AUDIT_ARCH_…, 0 when not told */
        int syscall;           /* -1 when not told */
        const char *name;      /* of the system call, NULL when not known */
        uint64_t arguments[4]; /* a0 … so far */
};

static inline struct audit_meaning audit_meaning_of(const struct audit_record *record)
{
        return (struct audit_meaning){ .type = record->type, .syscall = -1 };
}

/* Appends the value as people read it: "unset", "x86_64", "openat", "EACCES", "O_RDONLY|O_CLOEXEC", "file,755",
 * "sys_admin", "10.0.0.1:80", decoded text with NULs as spaces. What has no better form is appended as it is. True when
 * the appended text differs from the value in the record. */
bool audit_interpret(struct audit_meaning *meaning, const struct audit_field *field, struct buf *out);

/* The whole record, "arch=x86_64 syscall=openat success=yes …", without the header; control
 * bytes as \xNN, so that a terminal is safe. */
void audit_interpret_record(const struct audit_record *record, struct buf *out);
