#include "linux/capability_names.h"

#include "base/cleanup.h"
#include "base/path.h"

/* include/uapi/linux/capability.h of Linux 6.12, by number. */
static const char *const names[CAPABILITY_NAMES] = { "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
        "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE",
        "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
        "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN",
        "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD",
        "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN",
        "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF",
        "CAP_CHECKPOINT_RESTORE" };

const char *capability_name(unsigned number)
{
        return number < CAPABILITY_NAMES ? names[number] : NULL;
}

int capability_number(struct sv name)
{
        for (int i = 0; i < CAPABILITY_NAMES; i++)
                if (sv_eq_nocase(name, sv_of(names[i])) || sv_eq_nocase(name, sv_of(names[i] + 4)))
                        return i;
        return -1;
}

void capability_format(uint64_t mask, struct buf *out)
{
        const char *separator = "";
        for (unsigned i = 0; i < 64; i++) {
                if (!(mask >> i & 1))
                        continue;
                if (i < CAPABILITY_NAMES)
                        buf_printf(out, "%s%s", separator, names[i]);
                else
                        buf_printf(out, "%s%u", separator, i);
                separator = ",";
        }
}

int capability_last(int root)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 16);
        uint64_t last;
        if (file_read(root, "proc/sys/kernel/cap_last_cap", &buf, NULL) < 0 ||
                !sv_parse_u64(sv_trim(sv_n(buf_text(&buf), buf.len)), 10, &last) || last > 63)
                return -1;
        return (int)last;
}
