/* Names of what libaudit has tables for, and of the short lists that it keeps to itself (names.h). */
#include "lib/audit/names.h"

#include <libaudit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct name {
        uint64_t value;
        const char *name;
};

static const char *name_of(const struct name *names, size_t count, uint64_t value)
{
        for (size_t i = 0; i < count; i++)
                if (names[i].value == value)
                        return names[i].name;
        return NULL;
}

static int machine_of(uint32_t arch)
{
        static const uint32_t usual[][2] = { { AUDIT_ARCH_X86_64, MACH_86_64 }, { AUDIT_ARCH_AARCH64, MACH_AARCH64 },
                { AUDIT_ARCH_I386, MACH_X86 } };

        for (size_t i = 0; i < COUNT(usual); i++)
                if (usual[i][0] == arch)
                        return (int)usual[i][1];
        return audit_elf_to_machine(arch);
}

const char *audit_arch_name(uint32_t arch)
{
        int machine = machine_of(arch);
        return machine < 0 ? NULL : audit_machine_to_name(machine);
}

const char *audit_syscall_name(uint32_t arch, int number)
{
        int machine = machine_of(arch);
        return machine < 0 || number < 0 ? NULL : audit_syscall_to_name(number, machine);
}

int audit_syscall_number(uint32_t arch, const char *name)
{
        int machine = machine_of(arch);
        return machine < 0 ? -1 : audit_name_to_syscall(name, machine);
}

const char *audit_errno_name(int number)
{
        return number > 0 ? audit_errno_to_name(number) : NULL;
}

/* signal(7), the numbers of x86, arm and most others */
const char *audit_signal_name(int number)
{
        static const char *const names[] = { NULL, "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT",
                "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM",
                "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU",
                "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS" };

        return number > 0 && number < (int)COUNT(names) ? names[number] : NULL;
}

/* capabilities(7), by number */
static const char *const capability_names[] = { "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill",
        "setgid", "setuid", "setpcap", "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw",
        "ipc_lock", "ipc_owner", "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin",
        "sys_boot", "sys_nice", "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write",
        "audit_control", "setfcap", "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read",
        "perfmon", "bpf", "checkpoint_restore" };

const char *audit_capability_name(unsigned cap)
{
        return cap < COUNT(capability_names) ? capability_names[cap] : NULL;
}

void audit_capabilities_append(uint64_t set, struct buf *out)
{
        const uint64_t known = (UINT64_C(1) << COUNT(capability_names)) - 1;
        const char *separator = "";

        if ((set & known) == known) {
                buf_puts(out, "all");
                return;
        }
        for (unsigned cap = 0; cap < COUNT(capability_names); cap++) {
                if (!(set >> cap & 1))
                        continue;
                buf_puts(out, separator);
                buf_puts(out, capability_names[cap]);
                separator = ",";
        }
        if (set & ~known)
                buf_printf(out, "%s0x%llx", separator, (unsigned long long)(set & ~known));
        if (!set)
                buf_puts(out, "none");
}

const char *audit_family_name(unsigned family)
{
        static const struct name names[] = { { AF_UNSPEC, "unspec" }, { AF_UNIX, "unix" }, { AF_INET, "ipv4" },
                { AF_INET6, "ipv6" }, { AF_NETLINK, "netlink" }, { AF_PACKET, "packet" }, { AF_AX25, "ax25" },
                { AF_IPX, "ipx" }, { AF_APPLETALK, "appletalk" }, { AF_KEY, "key" }, { AF_CAN, "can" },
                { AF_TIPC, "tipc" }, { AF_BLUETOOTH, "bluetooth" }, { AF_ALG, "alg" }, { AF_NFC, "nfc" },
                { AF_VSOCK, "vsock" }, { AF_XDP, "xdp" }, { AF_RXRPC, "rxrpc" }, { AF_IUCV, "iucv" } };
        return name_of(names, COUNT(names), family);
}

const char *audit_list_name(uint32_t list)
{
        const char *name = list <= INT32_MAX ? audit_flag_to_name((int)list) : NULL;
        return name;
}

const char *audit_seccomp_action(uint32_t code)
{
        static const struct name names[] = { { SECCOMP_RET_KILL_PROCESS, "kill-process" }, { SECCOMP_RET_KILL, "kill" },
                { SECCOMP_RET_TRAP, "trap" }, { SECCOMP_RET_ERRNO, "errno" }, { SECCOMP_RET_USER_NOTIF, "user-notify" },
                { SECCOMP_RET_TRACE, "trace" }, { SECCOMP_RET_LOG, "log" }, { SECCOMP_RET_ALLOW, "allow" } };
        return name_of(names, COUNT(names), code & SECCOMP_RET_ACTION_FULL);
}

const char *audit_ptrace_request(uint64_t number)
{
#define N(name)                                                                                                        \
        {                                                                                                              \
                (uint64_t)(name), #name                                                                                \
        }
        static const struct name names[] = { N(PTRACE_TRACEME), N(PTRACE_PEEKTEXT), N(PTRACE_PEEKDATA),
                N(PTRACE_PEEKUSER), N(PTRACE_POKETEXT), N(PTRACE_POKEDATA), N(PTRACE_POKEUSER), N(PTRACE_CONT),
                N(PTRACE_KILL), N(PTRACE_SINGLESTEP), N(PTRACE_ATTACH), N(PTRACE_DETACH), N(PTRACE_SYSCALL),
                N(PTRACE_SETOPTIONS), N(PTRACE_GETEVENTMSG), N(PTRACE_GETSIGINFO), N(PTRACE_SETSIGINFO),
                N(PTRACE_GETREGSET), N(PTRACE_SETREGSET), N(PTRACE_SEIZE), N(PTRACE_INTERRUPT), N(PTRACE_LISTEN),
                { 12, "PTRACE_GETREGS" }, { 13, "PTRACE_SETREGS" }, { 14, "PTRACE_GETFPREGS" },
                { 15, "PTRACE_SETFPREGS" } };
#undef N
        return name_of(names, COUNT(names), number);
}

const char *audit_bpf_command(uint64_t number)
{
        static const char *const names[] = { "BPF_MAP_CREATE", "BPF_MAP_LOOKUP_ELEM", "BPF_MAP_UPDATE_ELEM",
                "BPF_MAP_DELETE_ELEM", "BPF_MAP_GET_NEXT_KEY", "BPF_PROG_LOAD", "BPF_OBJ_PIN", "BPF_OBJ_GET",
                "BPF_PROG_ATTACH", "BPF_PROG_DETACH", "BPF_PROG_TEST_RUN", "BPF_PROG_GET_NEXT_ID",
                "BPF_MAP_GET_NEXT_ID", "BPF_PROG_GET_FD_BY_ID", "BPF_MAP_GET_FD_BY_ID", "BPF_OBJ_GET_INFO_BY_FD",
                "BPF_PROG_QUERY", "BPF_RAW_TRACEPOINT_OPEN", "BPF_BTF_LOAD", "BPF_BTF_GET_FD_BY_ID",
                "BPF_TASK_FD_QUERY", "BPF_MAP_LOOKUP_AND_DELETE_ELEM", "BPF_MAP_FREEZE", "BPF_BTF_GET_NEXT_ID",
                "BPF_MAP_LOOKUP_BATCH", "BPF_MAP_LOOKUP_AND_DELETE_BATCH", "BPF_MAP_UPDATE_BATCH",
                "BPF_MAP_DELETE_BATCH", "BPF_LINK_CREATE", "BPF_LINK_UPDATE", "BPF_LINK_GET_FD_BY_ID",
                "BPF_LINK_GET_NEXT_ID", "BPF_ENABLE_STATS", "BPF_ITER_CREATE", "BPF_LINK_DETACH", "BPF_PROG_BIND_MAP",
                "BPF_TOKEN_CREATE" };
        return number < COUNT(names) ? names[number] : NULL;
}

const char *audit_prctl_option(uint64_t number)
{
#define N(name)                                                                                                        \
        {                                                                                                              \
                name, #name                                                                                            \
        }
        static const struct name names[] = { N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE),
                N(PR_SET_DUMPABLE), N(PR_GET_KEEPCAPS), N(PR_SET_KEEPCAPS), N(PR_SET_NAME), N(PR_GET_NAME),
                N(PR_GET_SECCOMP), N(PR_SET_SECCOMP), N(PR_CAPBSET_READ), N(PR_CAPBSET_DROP), N(PR_GET_SECUREBITS),
                N(PR_SET_SECUREBITS), N(PR_SET_MM), N(PR_SET_CHILD_SUBREAPER), N(PR_GET_CHILD_SUBREAPER),
                N(PR_SET_NO_NEW_PRIVS), N(PR_GET_NO_NEW_PRIVS), N(PR_CAP_AMBIENT), N(PR_SET_THP_DISABLE),
                { PR_SET_PTRACER, "PR_SET_PTRACER" } };
#undef N
        return name_of(names, COUNT(names), number);
}

const char *audit_file_type(uint32_t mode)
{
        static const struct name names[] = { { S_IFREG, "file" }, { S_IFDIR, "dir" }, { S_IFCHR, "character" },
                { S_IFBLK, "block" }, { S_IFIFO, "fifo" }, { S_IFLNK, "link" }, { S_IFSOCK, "socket" } };
        return name_of(names, COUNT(names), mode & S_IFMT);
}

void audit_mode_append(uint32_t mode, struct buf *out)
{
        const char *type = audit_file_type(mode);

        if (type)
                buf_puts(out, type);
        else
                buf_printf(out, "%03o", (mode & S_IFMT) / (S_IFMT & -S_IFMT));
        if (mode & S_ISUID)
                buf_puts(out, ",suid");
        if (mode & S_ISGID)
                buf_puts(out, ",sgid");
        if (mode & S_ISVTX)
                buf_puts(out, ",sticky");
        buf_printf(out, ",%03o", mode & 0777);
}
