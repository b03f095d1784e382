#include "lib/auditrule/internal.h"

#include <libaudit.h>
#include <sys/stat.h>

/* linux/audit.h; names as in auditctl(8). Where a field has two names, the first is written. */
static const struct field_of_rule fields[] = {
        { AUDIT_PID, FIELD_NUMBER, "pid", false },
        { AUDIT_UID, FIELD_USER, "uid", false },
        { AUDIT_EUID, FIELD_USER, "euid", false },
        { AUDIT_SUID, FIELD_USER, "suid", false },
        { AUDIT_FSUID, FIELD_USER, "fsuid", false },
        { AUDIT_GID, FIELD_GROUP, "gid", false },
        { AUDIT_EGID, FIELD_GROUP, "egid", false },
        { AUDIT_SGID, FIELD_GROUP, "sgid", false },
        { AUDIT_FSGID, FIELD_GROUP, "fsgid", false },
        { AUDIT_LOGINUID, FIELD_USER, "auid", false },
        { AUDIT_LOGINUID, FIELD_USER, "loginuid", false },
        { AUDIT_PERS, FIELD_NUMBER, "pers", false },
        { AUDIT_ARCH, FIELD_ARCH, "arch", true },
        { AUDIT_MSGTYPE, FIELD_MESSAGE, "msgtype", false },
        { AUDIT_SUBJ_USER, FIELD_TEXT, "subj_user", false },
        { AUDIT_SUBJ_ROLE, FIELD_TEXT, "subj_role", false },
        { AUDIT_SUBJ_TYPE, FIELD_TEXT, "subj_type", false },
        { AUDIT_SUBJ_SEN, FIELD_TEXT, "subj_sen", false },
        { AUDIT_SUBJ_CLR, FIELD_TEXT, "subj_clr", false },
        { AUDIT_PPID, FIELD_NUMBER, "ppid", false },
        { AUDIT_OBJ_USER, FIELD_TEXT, "obj_user", false },
        { AUDIT_OBJ_ROLE, FIELD_TEXT, "obj_role", false },
        { AUDIT_OBJ_TYPE, FIELD_TEXT, "obj_type", false },
        { AUDIT_OBJ_LEV_LOW, FIELD_TEXT, "obj_lev_low", false },
        { AUDIT_OBJ_LEV_HIGH, FIELD_TEXT, "obj_lev_high", false },
        { AUDIT_SESSIONID, FIELD_SESSION, "sessionid", false },
        { AUDIT_FSTYPE, FIELD_FS_TYPE, "fstype", true },
        { AUDIT_DEVMAJOR, FIELD_NUMBER, "devmajor", false },
        { AUDIT_DEVMINOR, FIELD_NUMBER, "devminor", false },
        { AUDIT_INODE, FIELD_NUMBER, "inode", true },
        { AUDIT_EXIT, FIELD_EXIT, "exit", false },
        { AUDIT_SUCCESS, FIELD_NUMBER, "success", true },
        { AUDIT_WATCH, FIELD_PATH, "path", true },
        { AUDIT_PERM, FIELD_PERMISSION, "perm", true },
        { AUDIT_DIR, FIELD_PATH, "dir", true },
        { AUDIT_FILETYPE, FIELD_FILE_TYPE, "filetype", true },
        { AUDIT_OBJ_UID, FIELD_USER, "obj_uid", false },
        { AUDIT_OBJ_GID, FIELD_GROUP, "obj_gid", false },
        { AUDIT_EXE, FIELD_PATH, "exe", true },
        { AUDIT_SADDR_FAM, FIELD_NUMBER, "saddr_fam", false },
        { AUDIT_ARG0, FIELD_REGISTER, "a0", false },
        { AUDIT_ARG1, FIELD_REGISTER, "a1", false },
        { AUDIT_ARG2, FIELD_REGISTER, "a2", false },
        { AUDIT_ARG3, FIELD_REGISTER, "a3", false },
        { AUDIT_FILTERKEY, FIELD_TEXT, "key", true },
};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

const struct field_of_rule *field_by_name(struct sv name)
{
        for (size_t i = 0; i < FIELDS; i++)
                if (sv_eq(name, sv_of(fields[i].name)))
                        return &fields[i];
        return NULL;
}

const struct field_of_rule *field_by_number(uint32_t number)
{
        for (size_t i = 0; i < FIELDS; i++)
                if (fields[i].number == number)
                        return &fields[i];
        return NULL;
}

const struct relation_of_rule relations[] = {
        { AUDIT_NOT_EQUAL, "!=" },
        { AUDIT_GREATER_THAN_OR_EQUAL, ">=" },
        { AUDIT_LESS_THAN_OR_EQUAL, "<=" },
        { AUDIT_BIT_TEST, "&=" },
        { AUDIT_EQUAL, "=" },
        { AUDIT_GREATER_THAN, ">" },
        { AUDIT_LESS_THAN, "<" },
        { AUDIT_BIT_MASK, "&" },
};
const size_t relations_count = sizeof(relations) / sizeof(relations[0]);

static const struct {
        uint32_t number, field, other;
} comparisons[] = {
        { AUDIT_COMPARE_UID_TO_OBJ_UID, AUDIT_UID, AUDIT_OBJ_UID },
        { AUDIT_COMPARE_GID_TO_OBJ_GID, AUDIT_GID, AUDIT_OBJ_GID },
        { AUDIT_COMPARE_EUID_TO_OBJ_UID, AUDIT_EUID, AUDIT_OBJ_UID },
        { AUDIT_COMPARE_EGID_TO_OBJ_GID, AUDIT_EGID, AUDIT_OBJ_GID },
        { AUDIT_COMPARE_AUID_TO_OBJ_UID, AUDIT_LOGINUID, AUDIT_OBJ_UID },
        { AUDIT_COMPARE_SUID_TO_OBJ_UID, AUDIT_SUID, AUDIT_OBJ_UID },
        { AUDIT_COMPARE_SGID_TO_OBJ_GID, AUDIT_SGID, AUDIT_OBJ_GID },
        { AUDIT_COMPARE_FSUID_TO_OBJ_UID, AUDIT_FSUID, AUDIT_OBJ_UID },
        { AUDIT_COMPARE_FSGID_TO_OBJ_GID, AUDIT_FSGID, AUDIT_OBJ_GID },
        { AUDIT_COMPARE_UID_TO_AUID, AUDIT_UID, AUDIT_LOGINUID },
        { AUDIT_COMPARE_UID_TO_EUID, AUDIT_UID, AUDIT_EUID },
        { AUDIT_COMPARE_UID_TO_FSUID, AUDIT_UID, AUDIT_FSUID },
        { AUDIT_COMPARE_UID_TO_SUID, AUDIT_UID, AUDIT_SUID },
        { AUDIT_COMPARE_AUID_TO_FSUID, AUDIT_LOGINUID, AUDIT_FSUID },
        { AUDIT_COMPARE_AUID_TO_SUID, AUDIT_LOGINUID, AUDIT_SUID },
        { AUDIT_COMPARE_AUID_TO_EUID, AUDIT_LOGINUID, AUDIT_EUID },
        { AUDIT_COMPARE_EUID_TO_SUID, AUDIT_EUID, AUDIT_SUID },
        { AUDIT_COMPARE_EUID_TO_FSUID, AUDIT_EUID, AUDIT_FSUID },
        { AUDIT_COMPARE_SUID_TO_FSUID, AUDIT_SUID, AUDIT_FSUID },
        { AUDIT_COMPARE_GID_TO_EGID, AUDIT_GID, AUDIT_EGID },
        { AUDIT_COMPARE_GID_TO_FSGID, AUDIT_GID, AUDIT_FSGID },
        { AUDIT_COMPARE_GID_TO_SGID, AUDIT_GID, AUDIT_SGID },
        { AUDIT_COMPARE_EGID_TO_FSGID, AUDIT_EGID, AUDIT_FSGID },
        { AUDIT_COMPARE_EGID_TO_SGID, AUDIT_EGID, AUDIT_SGID },
        { AUDIT_COMPARE_SGID_TO_FSGID, AUDIT_SGID, AUDIT_FSGID },
};
enum { COMPARISONS = sizeof(comparisons) / sizeof(comparisons[0]) };

uint32_t comparison_of(uint32_t field, uint32_t other)
{
        for (size_t i = 0; i < COMPARISONS; i++)
                if ((comparisons[i].field == field && comparisons[i].other == other) ||
                        (comparisons[i].field == other && comparisons[i].other == field))
                        return comparisons[i].number;
        return 0;
}

bool comparison_fields(uint32_t comparison, uint32_t *ret_field, uint32_t *ret_other)
{
        for (size_t i = 0; i < COMPARISONS; i++)
                if (comparisons[i].number == comparison) {
                        *ret_field = comparisons[i].field;
                        *ret_other = comparisons[i].other;
                        return true;
                }
        return false;
}

const struct number_name list_names[] = { { AUDIT_FILTER_EXIT, "exit" }, { AUDIT_FILTER_TASK, "task" },
        { AUDIT_FILTER_USER, "user" }, { AUDIT_FILTER_EXCLUDE, "exclude" }, { AUDIT_FILTER_FS, "filesystem" },
        { AUDIT_FILTER_URING_EXIT, "io_uring" }, { 0, NULL } };

const struct number_name action_names[] = { { AUDIT_ALWAYS, "always" }, { AUDIT_NEVER, "never" }, { 0, NULL } };

const struct number_name file_type_names[] = { { S_IFREG, "file" }, { S_IFDIR, "dir" }, { S_IFSOCK, "socket" },
        { S_IFLNK, "link" }, { S_IFCHR, "character" }, { S_IFBLK, "block" }, { S_IFIFO, "fifo" }, { 0, NULL } };

/* linux/magic.h: what the kernel takes on the list "filesystem" */
const struct number_name fs_type_names[] = { { 0x64626720, "debugfs" }, { 0x74726163, "tracefs" }, { 0, NULL } };

const char *name_of(const struct number_name *names, int64_t number)
{
        for (; names->name; names++)
                if (names->number == number)
                        return names->name;
        return NULL;
}

bool number_of_name(const struct number_name *names, struct sv name, int64_t *ret)
{
        for (; names->name; names++)
                if (sv_eq(name, sv_of(names->name))) {
                        *ret = names->number;
                        return true;
                }
        return false;
}

int machine_of(struct sv arch, int native)
{
        char text[32];
        uint64_t elf;
        if (arch.n == 0 || arch.n >= sizeof(text))
                return -1;
        if (sv_eq_nocase(arch, SV("b64")))
                return native == MACH_86_64 || native == MACH_AARCH64 || native == MACH_PPC64 ||
                                       native == MACH_PPC64LE || native == MACH_S390X
                               ? native
                               : -1;
        if (sv_eq_nocase(arch, SV("b32")))
                return native == MACH_86_64     ? MACH_X86
                       : native == MACH_PPC64   ? MACH_PPC
                       : native == MACH_S390X   ? MACH_S390
                       : native == MACH_AARCH64 ? MACH_ARM
                       : native == MACH_PPC64LE ? -1
                                                : native;
        memcpy(text, arch.p, arch.n);
        text[arch.n] = '\0';
        int machine = audit_name_to_machine(text);
        struct sv digits = sv_starts(arch, SV("0x")) ? sv_n(arch.p + 2, arch.n - 2) : arch;
        if (machine < 0 && sv_parse_u64(digits, 16, &elf) && elf <= UINT32_MAX)
                machine = audit_elf_to_machine((unsigned)elf);
        return machine;
}
