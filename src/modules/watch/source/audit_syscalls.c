/* Kinds of system calls (audit_syscalls.h); meaning of the arguments: the man page of each, section 2. */
#include "modules/watch/source/audit_syscalls.h"

#include "lib/audit/names.h"

#include <linux/audit.h>
#include <string.h>

enum { X32_BIT = 0x40000000 }; /* arch/x86/include/uapi/asm/unistd.h: __X32_SYSCALL_BIT */

static const struct audit_call table[] = {
        { "execve", CALL_EXEC, 0, 0, 0 },
        { "execveat", CALL_EXEC, 1, 0, 5 },
        { "fork", CALL_FORK, 0, 0, 0 },
        { "vfork", CALL_FORK, 0, 0, 0 },
        { "clone", CALL_CLONE, 0, 0, 1 },
        { "clone3", CALL_CLONE3, 0, 0, 0 },
        { "exit", CALL_EXIT, 0, 0, 0 },
        { "exit_group", CALL_EXIT_GROUP, 0, 0, 0 },
        { "kill", CALL_KILL, 0, 0, 2 },
        { "tkill", CALL_KILL, 0, 0, 2 },
        { "tgkill", CALL_KILL, 0, 0, 3 },
        { "rt_sigqueueinfo", CALL_KILL, 0, 0, 2 },
        { "setuid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setgid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setreuid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setregid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setresuid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setresgid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setfsuid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setfsgid", CALL_CREDENTIAL, 0, 0, 0 },
        { "setgroups", CALL_CREDENTIAL, 0, 0, 0 },
        { "setuid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setgid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setreuid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setregid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setresuid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setresgid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setfsuid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setfsgid32", CALL_CREDENTIAL, 0, 0, 0 },
        { "setgroups32", CALL_CREDENTIAL, 0, 0, 0 },
        { "capset", CALL_CREDENTIAL, 0, 0, 0 },
        { "setns", CALL_SETNS, 0, 0, 2 },
        { "unshare", CALL_UNSHARE, 0, 0, 1 },
        { "mount", CALL_MOUNT, 0, 0, 4 },
        { "umount", CALL_MOUNT, 0, 0, 0 },
        { "umount2", CALL_MOUNT, 0, 0, 2 },
        { "pivot_root", CALL_MOUNT, 0, 0, 0 },
        { "move_mount", CALL_MOVE_MOUNT, 3, 1, 5 },
        { "open_tree", CALL_MOUNT, 1, 0, 3 },
        { "mount_setattr", CALL_MOUNT, 1, 0, 3 },
        { "fsopen", CALL_MOUNT, 0, 0, 2 },
        { "fsconfig", CALL_MOUNT, 0, 0, 0 },
        { "fsmount", CALL_MOUNT, 0, 0, 2 },
        { "fspick", CALL_MOUNT, 1, 0, 3 },
        { "init_module", CALL_MODULE_LOAD, 0, 0, 0 },
        { "finit_module", CALL_MODULE_LOAD, 0, 0, 3 },
        { "delete_module", CALL_MODULE_UNLOAD, 0, 0, 2 },
        { "ptrace", CALL_PTRACE, 0, 0, 1 },
        { "bpf", CALL_BPF, 0, 0, 1 },
        { "open", CALL_OPEN, 0, 0, 2 },
        { "openat", CALL_OPEN, 1, 0, 3 },
        { "openat2", CALL_OPENAT2, 1, 0, 0 },
        { "creat", CALL_FILE_WRITE, 0, 0, 0 },
        { "truncate", CALL_FILE_WRITE, 0, 0, 0 },
        { "truncate64", CALL_FILE_WRITE, 0, 0, 0 },
        { "ftruncate", CALL_FILE_WRITE, 0, 0, 0 },
        { "ftruncate64", CALL_FILE_WRITE, 0, 0, 0 },
        { "fallocate", CALL_FILE_WRITE, 0, 0, 0 },
        { "mkdir", CALL_FILE_CREATE, 0, 0, 0 },
        { "mkdirat", CALL_FILE_CREATE, 1, 0, 0 },
        { "mknod", CALL_FILE_CREATE, 0, 0, 0 },
        { "mknodat", CALL_FILE_CREATE, 1, 0, 0 },
        { "unlink", CALL_FILE_DELETE, 0, 0, 0 },
        { "unlinkat", CALL_FILE_DELETE, 1, 0, 3 },
        { "rmdir", CALL_FILE_DELETE, 0, 0, 0 },
        { "rename", CALL_FILE_RENAME, 0, 0, 0 },
        { "renameat", CALL_FILE_RENAME, 3, 1, 0 },
        { "renameat2", CALL_FILE_RENAME, 3, 1, 5 },
        { "link", CALL_FILE_LINK, 0, 0, 0 },
        { "linkat", CALL_FILE_LINK, 3, 1, 5 },
        { "symlink", CALL_FILE_SYMLINK, 0, 0, 0 },
        { "symlinkat", CALL_FILE_SYMLINK, 2, 0, 0 },
        { "chmod", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fchmod", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fchmodat", CALL_FILE_ATTRIBUTE, 1, 0, 0 },
        { "fchmodat2", CALL_FILE_ATTRIBUTE, 1, 0, 4 },
        { "chown", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fchown", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "lchown", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "chown32", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fchown32", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "lchown32", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fchownat", CALL_FILE_ATTRIBUTE, 1, 0, 5 },
        { "setxattr", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "lsetxattr", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fsetxattr", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "removexattr", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "lremovexattr", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "fremovexattr", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "setxattrat", CALL_FILE_ATTRIBUTE, 1, 0, 0 },
        { "removexattrat", CALL_FILE_ATTRIBUTE, 1, 0, 0 },
        { "utime", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "utimes", CALL_FILE_ATTRIBUTE, 0, 0, 0 },
        { "futimesat", CALL_FILE_ATTRIBUTE, 1, 0, 0 },
        { "utimensat", CALL_FILE_ATTRIBUTE, 1, 0, 0 },
};

enum { ROWS = sizeof(table) / sizeof(table[0]) };
_Static_assert(ROWS < 256, "a row's number is a byte");

static const struct audit_call other = { 0 };

static const uint32_t arches[AUDIT_CALL_ARCHES] = { AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64, AUDIT_ARCH_I386 };

/* Newer than the libaudit of Debian 12; from 424 on a number is the same on every architecture (scripts/syscall.tbl).
 */
static int newer_number(const char *name)
{
        static const struct {
                const char *name;
                int number;
        } calls[] = { { "fchmodat2", 452 }, { "setxattrat", 463 }, { "removexattrat", 466 } };

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
                if (strcmp(calls[i].name, name) == 0)
                        return calls[i].number;
        return -1;
}

void audit_calls_init(struct audit_calls *calls)
{
        memset(calls, 0, sizeof(*calls));
        for (unsigned arch = 0; arch < AUDIT_CALL_ARCHES; arch++) {
                for (unsigned i = 0; i < ROWS; i++) {
                        int number = audit_syscall_number(arches[arch], table[i].name);
                        if (number < 0)
                                number = newer_number(table[i].name);
                        if (number >= 0 && number < AUDIT_CALLS_MAX)
                                calls->rows[arch][number] = (unsigned char)(i + 1);
                }
        }
}

const struct audit_call *audit_call_of(const struct audit_calls *calls, uint32_t arch, uint64_t number)
{
        for (unsigned i = 0; i < AUDIT_CALL_ARCHES; i++) {
                if (arches[i] != arch)
                        continue;
                if (i == 0)
                        number &= ~(uint64_t)X32_BIT;
                unsigned row = number < AUDIT_CALLS_MAX ? calls->rows[i][number] : 0;
                return row ? &table[row - 1] : &other;
        }
        return &other;
}
