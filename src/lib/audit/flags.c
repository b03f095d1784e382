/* Bits of system call arguments as names (names.h). Values of the generic ABI (asm-generic/fcntl.h, linux/sched.h,
 * asm-generic/mman.h, linux/mount.h); where machines differ (O_DIRECTORY and its neighbours), those of the one this
 * runs on. */
#include "lib/audit/names.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/mount.h>

#if defined(__aarch64__) || defined(__arm__)
#define LARGEFILE 0400000 /* arch/arm64/include/uapi/asm/fcntl.h */
#else
#define LARGEFILE 0100000
#endif

struct bit {
        uint64_t value; /* more than one bit: all must be set */
        const char *name;
};

#define N(name)                                                                                                        \
        {                                                                                                              \
                (uint64_t)(name), #name                                                                                \
        }

static const struct bit open_bits[] = { N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND), N(O_NONBLOCK),
        { 04010000, "O_SYNC" }, { 010000, "O_DSYNC" }, { 020000, "O_ASYNC" }, { 020200000, "O_TMPFILE" }, N(O_DIRECT),
        { LARGEFILE, "O_LARGEFILE" }, N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME), N(O_CLOEXEC), N(O_PATH),
        { 0, NULL } };

static const struct bit clone_bits[] = { N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD),
        N(CLONE_PTRACE), N(CLONE_VFORK), N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS), N(CLONE_SYSVSEM),
        N(CLONE_SETTLS), N(CLONE_PARENT_SETTID), N(CLONE_CHILD_CLEARTID), N(CLONE_DETACHED), N(CLONE_UNTRACED),
        N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP), N(CLONE_NEWUTS), N(CLONE_NEWIPC), N(CLONE_NEWUSER), N(CLONE_NEWPID),
        N(CLONE_NEWNET), N(CLONE_IO), { 0, NULL } };

static const struct bit prot_bits[] = { N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), { 8, "PROT_SEM" }, N(PROT_GROWSDOWN),
        N(PROT_GROWSUP), { 0, NULL } };

static const struct bit map_bits[] = { { 3, "MAP_SHARED_VALIDATE" }, N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_FIXED),
        N(MAP_ANONYMOUS), N(MAP_GROWSDOWN), N(MAP_DENYWRITE), N(MAP_EXECUTABLE), N(MAP_LOCKED), N(MAP_NORESERVE),
        N(MAP_POPULATE), N(MAP_NONBLOCK), N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC), N(MAP_FIXED_NOREPLACE),
        { 0, NULL } };

static const struct bit mount_bits[] = { N(MS_RDONLY), N(MS_NOSUID), N(MS_NODEV), N(MS_NOEXEC), N(MS_SYNCHRONOUS),
        N(MS_REMOUNT), N(MS_MANDLOCK), N(MS_DIRSYNC), N(MS_NOATIME), N(MS_NODIRATIME), N(MS_BIND), N(MS_MOVE),
        N(MS_REC), N(MS_SILENT), N(MS_POSIXACL), N(MS_UNBINDABLE), N(MS_PRIVATE), N(MS_SLAVE), N(MS_SHARED),
        N(MS_RELATIME), N(MS_KERNMOUNT), N(MS_I_VERSION), N(MS_STRICTATIME), N(MS_LAZYTIME), { 0, NULL } };

static const struct bit umount_bits[] = { N(MNT_FORCE), N(MNT_DETACH), N(MNT_EXPIRE), N(UMOUNT_NOFOLLOW), { 0, NULL } };

static const struct bit at_bits[] = { { 0x100, "AT_SYMLINK_NOFOLLOW" }, { 0x200, "AT_REMOVEDIR" },
        { 0x400, "AT_SYMLINK_FOLLOW" }, { 0x800, "AT_NO_AUTOMOUNT" }, { 0x1000, "AT_EMPTY_PATH" }, { 0, NULL } };

static const struct bit access_bits[] = { N(R_OK), N(W_OK), N(X_OK), { 0, NULL } };

#undef N

static const struct bit *const bits_of[AUDIT_FLAGS_KINDS] = {
        [AUDIT_FLAGS_OPEN] = open_bits,
        [AUDIT_FLAGS_CLONE] = clone_bits,
        [AUDIT_FLAGS_PROT] = prot_bits,
        [AUDIT_FLAGS_MAP] = map_bits,
        [AUDIT_FLAGS_MOUNT] = mount_bits,
        [AUDIT_FLAGS_UMOUNT] = umount_bits,
        [AUDIT_FLAGS_AT] = at_bits,
        [AUDIT_FLAGS_ACCESS] = access_bits,
};

static void separate(struct buf *out, bool *first)
{
        if (!*first)
                buf_putc(out, '|');
        *first = false;
}

/* The part of open's flags that is no bits. */
static void append_access(uint64_t *flags, struct buf *out, bool *first)
{
        static const char *const access[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };

        if (*flags & O_PATH)
                return;
        separate(out, first);
        buf_puts(out, access[*flags & O_ACCMODE]);
        *flags &= ~(uint64_t)O_ACCMODE;
}

void audit_flags_append(enum audit_flags kind, uint64_t flags, struct buf *out)
{
        bool first = true;

        if (!flags && kind == AUDIT_FLAGS_PROT) {
                buf_puts(out, "PROT_NONE");
                return;
        }
        if (!flags && kind == AUDIT_FLAGS_ACCESS) {
                buf_puts(out, "F_OK");
                return;
        }
        /* the low byte of clone's is the signal to the parent, and is named last */
        const char *signal = kind == AUDIT_FLAGS_CLONE ? audit_signal_name((int)(flags & 0xff)) : NULL;
        if (signal)
                flags &= ~UINT64_C(0xff);
        if (kind == AUDIT_FLAGS_OPEN)
                append_access(&flags, out, &first);
        for (const struct bit *bit = bits_of[kind]; bit->name; bit++) {
                if ((flags & bit->value) != bit->value)
                        continue;
                separate(out, &first);
                buf_puts(out, bit->name);
                flags &= ~bit->value;
        }
        if (signal) {
                separate(out, &first);
                buf_puts(out, signal);
        }
        if (flags || first) {
                separate(out, &first);
                buf_printf(out, flags ? "0x%llx" : "%llu", (unsigned long long)flags);
        }
}
