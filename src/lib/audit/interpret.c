/* The meaning of fields (interpret.h). Which field holds what: the kernel's kernel/auditsc.c (audit_log_exit,
 * show_special), and the field dictionary of the audit project. Arguments of system calls: section 2 of the man pages.
 */
#include "lib/audit/interpret.h"

#include "base/encode.h"
#include "lib/audit/address.h"

#include <fcntl.h>
#include <libaudit.h>

enum { TEXT_MAX = 64 << 10 }; /* one decoded value; longer ones are cut there */

typedef void append_fn(uint64_t value, struct buf *out);

static void append_decoded(const struct audit_field *field, struct buf *out)
{
        size_t before = out->len, length = field->value.n / 2 < TEXT_MAX ? field->value.n / 2 : TEXT_MAX;
        char *room = buf_reserve(out, length + 1);

        if (!room)
                return;
        struct sv text = audit_field_decode(field, room, length, NULL);
        if (text.p != room) {
                buf_append(out, text.p, text.n);
                return;
        }
        out->len += text.n;
        out->data[out->len] = '\0';
        for (size_t i = before; i < out->len; i++) /* arguments of proctitle, keys of several rules (0x01) */
                if (out->data[i] == '\0' || (out->data[i] == '\1' && field->name.n == 3))
                        out->data[i] = out->data[i] ? ',' : ' ';
        while (out->len > before && out->data[out->len - 1] == ' ' && text.n)
                out->data[--out->len] = '\0';
}

static bool append_name(const char *name, struct buf *out)
{
        if (name)
                buf_puts(out, name);
        return name != NULL;
}

/* --- arguments of system calls --------------------------------------------------------------------------------------
 */

static void open_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_OPEN, (uint32_t)value, out);
}

static void clone_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_CLONE, value, out);
}

static void prot_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_PROT, value, out);
}

static void map_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_MAP, (uint32_t)value, out);
}

static void mount_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_MOUNT, value, out);
}

static void umount_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_UMOUNT, (uint32_t)value, out);
}

static void at_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_AT, (uint32_t)value, out);
}

static void access_flags(uint64_t value, struct buf *out)
{
        audit_flags_append(AUDIT_FLAGS_ACCESS, (uint32_t)value, out);
}

static void permissions(uint64_t value, struct buf *out)
{
        buf_printf(out, "0%03o", (unsigned)(value & 07777));
}

static void directory_fd(uint64_t value, struct buf *out)
{
        if ((int)value == AT_FDCWD)
                buf_puts(out, "AT_FDCWD");
        else
                buf_printf(out, "%d", (int)value);
}

static void decimal(uint64_t value, struct buf *out)
{
        buf_printf(out, "%d", (int)value);
}

static void user_id(uint64_t value, struct buf *out)
{
        if ((uint32_t)value == UINT32_MAX)
                buf_puts(out, "unset");
        else
                buf_printf(out, "%u", (uint32_t)value);
}

static void signal_number(uint64_t value, struct buf *out)
{
        if (!append_name(audit_signal_name((int)value), out))
                decimal(value, out);
}

static void named(const char *name, uint64_t value, struct buf *out)
{
        if (!append_name(name, out))
                buf_printf(out, "0x%llx", (unsigned long long)value);
}

static void ptrace_request(uint64_t value, struct buf *out)
{
        named(audit_ptrace_request(value), value, out);
}

static void bpf_command(uint64_t value, struct buf *out)
{
        named(audit_bpf_command(value), value, out);
}

static void prctl_option(uint64_t value, struct buf *out)
{
        named(audit_prctl_option(value), value, out);
}

static void socket_family(uint64_t value, struct buf *out)
{
        named(audit_family_name((unsigned)value), value, out);
}

static void socket_type(uint64_t value, struct buf *out)
{
        static const char *const names[] = { NULL, "SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM",
                "SOCK_SEQPACKET", "SOCK_DCCP" };
        uint64_t type = value & 0xf;

        named(type < sizeof(names) / sizeof(names[0]) ? names[type] : NULL, type, out);
        if (value & O_CLOEXEC)
                buf_puts(out, "|SOCK_CLOEXEC");
        if (value & O_NONBLOCK)
                buf_puts(out, "|SOCK_NONBLOCK");
}

/* Sorted by name. */
static const struct call {
        const char *name;
        append_fn *arguments[4];
} calls[] = {
        { "access", { NULL, access_flags } },
        { "bpf", { bpf_command } },
        { "chmod", { NULL, permissions } },
        { "chown", { NULL, user_id, user_id } },
        { "clone", { clone_flags } },
        { "creat", { NULL, permissions } },
        { "execveat", { directory_fd } },
        { "exit", { decimal } },
        { "exit_group", { decimal } },
        { "faccessat", { directory_fd, NULL, access_flags } },
        { "fchmod", { decimal, permissions } },
        { "fchmodat", { directory_fd, NULL, permissions } },
        { "fchown", { decimal, user_id, user_id } },
        { "fchownat", { directory_fd, NULL, user_id, user_id } },
        { "kill", { decimal, signal_number } },
        { "lchown", { NULL, user_id, user_id } },
        { "linkat", { directory_fd, NULL, directory_fd } },
        { "mkdir", { NULL, permissions } },
        { "mkdirat", { directory_fd, NULL, permissions } },
        { "mmap", { NULL, NULL, prot_flags, map_flags } },
        { "mount", { NULL, NULL, NULL, mount_flags } },
        { "mprotect", { NULL, NULL, prot_flags } },
        { "open", { NULL, open_flags, permissions } },
        { "openat", { directory_fd, NULL, open_flags, permissions } },
        { "prctl", { prctl_option } },
        { "ptrace", { ptrace_request, decimal } },
        { "renameat", { directory_fd, NULL, directory_fd } },
        { "renameat2", { directory_fd, NULL, directory_fd } },
        { "setgid", { user_id } },
        { "setns", { decimal, clone_flags } },
        { "setregid", { user_id, user_id } },
        { "setresgid", { user_id, user_id, user_id } },
        { "setresuid", { user_id, user_id, user_id } },
        { "setreuid", { user_id, user_id } },
        { "setuid", { user_id } },
        { "socket", { socket_family, socket_type } },
        { "symlinkat", { NULL, directory_fd } },
        { "tgkill", { decimal, decimal, signal_number } },
        { "tkill", { decimal, signal_number } },
        { "umount2", { NULL, umount_flags } },
        { "unlinkat", { directory_fd, NULL, at_flags } },
        { "unshare", { clone_flags } },
};

static int compare_call(const void *name, const void *call)
{
        return strcmp(name, ((const struct call *)call)->name);
}

static bool append_argument(struct audit_meaning *meaning, const struct audit_field *field, unsigned i, struct buf *out)
{
        uint64_t value;

        if (!audit_value_u64(field->value, 16, &value))
                return false;
        meaning->arguments[i] = value;
        const struct call *call = meaning->name ? bsearch(meaning->name, calls, sizeof(calls) / sizeof(calls[0]),
                                                          sizeof(calls[0]), compare_call)
                                                : NULL;
        if (!call || !call->arguments[i])
                return false;
        /* open's mode is what happened to be there when nothing is created */
        if (i > 0 && call->arguments[i - 1] == open_flags && !(meaning->arguments[i - 1] & O_CREAT))
                return false;
        call->arguments[i](value, out);
        return true;
}

/* --- fields ---------------------------------------------------------------------------------------------------------
 */

static bool append_syscall(struct audit_meaning *meaning, struct sv value, struct buf *out)
{
        uint32_t number;

        if (!audit_value_u32(value, &number) || number > INT32_MAX)
                return false;
        meaning->syscall = (int)number;
        meaning->name = audit_syscall_name(meaning->arch, meaning->syscall);
        return append_name(meaning->name, out);
}

static bool append_arch(struct audit_meaning *meaning, struct sv value, struct buf *out)
{
        uint64_t arch;

        if (!audit_value_u64(value, 16, &arch) || arch > UINT32_MAX)
                return false;
        meaning->arch = (uint32_t)arch;
        return append_name(audit_arch_name(meaning->arch), out);
}

static bool append_unset(struct sv value, struct buf *out)
{
        bool unset = sv_eq(value, SV("4294967295")) || sv_eq(value, SV("-1"));
        return unset && append_name("unset", out);
}

static bool append_exit(struct sv value, struct buf *out)
{
        int64_t number;

        return audit_value_i64(value, &number) && number < 0 && number > -4096 &&
               append_name(audit_errno_name((int)-number), out);
}

static bool append_mode(struct sv value, struct buf *out)
{
        uint64_t mode;

        if (!audit_value_u64(value, 8, &mode) || mode > UINT32_MAX)
                return false;
        audit_mode_append((uint32_t)mode, out);
        return true;
}

static bool append_signal(struct sv value, struct buf *out)
{
        uint32_t number;
        return audit_value_u32(value, &number) && number < 65 && append_name(audit_signal_name((int)number), out);
}

static bool append_list(struct sv value, struct buf *out)
{
        uint32_t number;
        return audit_value_u32(value, &number) && append_name(audit_list_name(number), out);
}

static bool append_code(struct sv value, struct buf *out)
{
        uint64_t code;
        return audit_value_u64(value, 16, &code) && code <= UINT32_MAX &&
               append_name(audit_seccomp_action((uint32_t)code), out);
}

static bool append_family(struct sv value, struct buf *out)
{
        uint32_t family;
        return audit_value_u32(value, &family) && append_name(audit_family_name(family), out);
}

static bool append_address(struct sv value, struct buf *out)
{
        struct audit_address address;

        if (!audit_address_parse(value, &address))
                return false;
        audit_address_append(&address, out);
        return true;
}

/* "1", "yes", "success" are one thing; USER records of old say "failed". */
static bool append_result(struct sv value, struct buf *out)
{
        return append_name(sv_eq(value, SV("1")) ? "success" : sv_eq(value, SV("0")) ? "failed" : NULL, out);
}

/* Sets of capabilities: CAPSET, BPRM_FCAPS and PATH records have names of two or more letters with these ends. */
static bool is_capability_set(const struct audit_field *field)
{
        static const char *const names[] = { "cap_fi", "cap_fp", "cap_pa", "cap_pe", "cap_pi", "cap_pp", "fi", "fp",
                "frootid", "new_pa", "new_pe", "new_pi", "new_pp", "old_pa", "old_pe", "old_pi", "old_pp", "pa", "pe",
                "pi", "pp", NULL };

        if (field->value.n != 16)
                return false;
        for (size_t i = 0; names[i]; i++)
                if (sv_eq(field->name, sv_of(names[i])))
                        return true;
        return false;
}

static bool append_other(const struct audit_meaning *meaning, const struct audit_field *field, struct buf *out)
{
        struct sv name = field->name;
        uint64_t set;
        uint32_t number;

        if (is_capability_set(field) && audit_value_u64(field->value, 16, &set)) {
                audit_capabilities_append(set, out);
                return true;
        }
        if (sv_eq(name, SV("capability")) && audit_value_u32(field->value, &number))
                return append_name(audit_capability_name(number), out);
        if (sv_eq(name, SV("family")) || sv_eq(name, SV("nfproto")))
                return append_family(field->value, out);
        if (sv_eq(name, SV("old-ses")) || sv_eq(name, SV("oauid")))
                return append_unset(field->value, out);
        if (sv_eq(name, SV("oflag")) && meaning->type == AUDIT_MQ_OPEN && audit_value_u64(field->value, 16, &set)) {
                open_flags(set, out);
                return true;
        }
        return false;
}

static bool append_known(struct audit_meaning *meaning, const struct audit_field *field, struct buf *out)
{
        enum audit_key key = audit_key_of(field);
        uint64_t flags;

        switch (key) {
        case AUDIT_KEY_A0:
        case AUDIT_KEY_A1:
        case AUDIT_KEY_A2:
        case AUDIT_KEY_A3:
                return meaning->type != AUDIT_EXECVE &&
                       append_argument(meaning, field, (unsigned)(key - AUDIT_KEY_A0), out);
        case AUDIT_KEY_ARCH:
                return append_arch(meaning, field->value, out);
        case AUDIT_KEY_SYSCALL:
                return append_syscall(meaning, field->value, out);
        case AUDIT_KEY_EXIT:
                return append_exit(field->value, out);
        case AUDIT_KEY_AUID:
        case AUDIT_KEY_OAUID:
        case AUDIT_KEY_OLD_AUID:
        case AUDIT_KEY_SES:
        case AUDIT_KEY_OSES:
        case AUDIT_KEY_UID:
        case AUDIT_KEY_EUID:
        case AUDIT_KEY_GID:
                return append_unset(field->value, out);
        case AUDIT_KEY_MODE:
                return append_mode(field->value, out);
        case AUDIT_KEY_SIG:
                return append_signal(field->value, out);
        case AUDIT_KEY_LIST:
                return append_list(field->value, out);
        case AUDIT_KEY_CODE:
                return append_code(field->value, out);
        case AUDIT_KEY_SADDR:
                return append_address(field->value, out);
        case AUDIT_KEY_RES:
                return append_result(field->value, out);
        case AUDIT_KEY_FLAGS:
                if (meaning->type != AUDIT_MMAP || !audit_value_u64(field->value, 16, &flags))
                        return false;
                map_flags(flags, out);
                return true;
        default:
                return append_other(meaning, field, out);
        }
}

bool audit_interpret(struct audit_meaning *meaning, const struct audit_field *field, struct buf *out)
{
        size_t before = out->len;

        if (field->form == AUDIT_BARE && append_known(meaning, field, out))
                return true;
        if (audit_field_is_encoded(meaning->type, field))
                append_decoded(field, out);
        else
                buf_append(out, field->value.p, field->value.n);
        return !out->failed && !sv_eq(sv_n(buf_text(out) + before, out->len - before), field->value);
}

static void append_safely(struct sv text, struct buf *out)
{
        while (text.n) {
                size_t plain = 0;
                while (plain < text.n && text.p[plain] >= ' ' && text.p[plain] < 0x7f)
                        plain++;
                buf_append(out, text.p, plain);
                text = sv_n(text.p + plain, text.n - plain);
                if (!text.n)
                        break;
                uint32_t code_point = 0;
                size_t used = utf8_decode(text, &code_point);
                if (!used || utf8_is_control(code_point)) {
                        used = used ? used : 1;
                        for (size_t i = 0; i < used; i++)
                                buf_printf(out, "\\x%02x", (unsigned char)text.p[i]);
                } else {
                        buf_append(out, text.p, used);
                }
                text.p += used;
                text.n -= used;
        }
}

void audit_interpret_record(const struct audit_record *record, struct buf *out)
{
        struct audit_meaning meaning = audit_meaning_of(record);
        struct audit_fields fields = audit_fields_of(record->body);
        struct audit_field field;
        struct buf value;
        bool first = true;

        buf_init(&value, 2 * TEXT_MAX);
        while (audit_fields_next(&fields, &field)) {
                if (field.form == AUDIT_NESTED)
                        continue;
                buf_clear(&value);
                audit_interpret(&meaning, &field, &value);
                if (!first)
                        buf_putc(out, ' ');
                first = false;
                append_safely(field.name, out);
                buf_putc(out, '=');
                append_safely(sv_n(buf_text(&value), value.len), out);
        }
        buf_done(&value);
}
