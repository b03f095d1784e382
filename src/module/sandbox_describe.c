#include "module/sandbox.h"

#include "base/timefmt.h"

/* A table of our own: libcap-ng for this alone would cost every worker the loading of a library. */
static const char *const capability_names[] = {
        [CAP_CHOWN] = "chown",
        [CAP_DAC_OVERRIDE] = "dac_override",
        [CAP_DAC_READ_SEARCH] = "dac_read_search",
        [CAP_FOWNER] = "fowner",
        [CAP_FSETID] = "fsetid",
        [CAP_KILL] = "kill",
        [CAP_SETGID] = "setgid",
        [CAP_SETUID] = "setuid",
        [CAP_SETPCAP] = "setpcap",
        [CAP_LINUX_IMMUTABLE] = "linux_immutable",
        [CAP_NET_BIND_SERVICE] = "net_bind_service",
        [CAP_NET_BROADCAST] = "net_broadcast",
        [CAP_NET_ADMIN] = "net_admin",
        [CAP_NET_RAW] = "net_raw",
        [CAP_IPC_LOCK] = "ipc_lock",
        [CAP_IPC_OWNER] = "ipc_owner",
        [CAP_SYS_MODULE] = "sys_module",
        [CAP_SYS_RAWIO] = "sys_rawio",
        [CAP_SYS_CHROOT] = "sys_chroot",
        [CAP_SYS_PTRACE] = "sys_ptrace",
        [CAP_SYS_PACCT] = "sys_pacct",
        [CAP_SYS_ADMIN] = "sys_admin",
        [CAP_SYS_BOOT] = "sys_boot",
        [CAP_SYS_NICE] = "sys_nice",
        [CAP_SYS_RESOURCE] = "sys_resource",
        [CAP_SYS_TIME] = "sys_time",
        [CAP_SYS_TTY_CONFIG] = "sys_tty_config",
        [CAP_MKNOD] = "mknod",
        [CAP_LEASE] = "lease",
        [CAP_AUDIT_WRITE] = "audit_write",
        [CAP_AUDIT_CONTROL] = "audit_control",
        [CAP_SETFCAP] = "setfcap",
        [CAP_MAC_OVERRIDE] = "mac_override",
        [CAP_MAC_ADMIN] = "mac_admin",
        [CAP_SYSLOG] = "syslog",
        [CAP_WAKE_ALARM] = "wake_alarm",
        [CAP_BLOCK_SUSPEND] = "block_suspend",
        [CAP_AUDIT_READ] = "audit_read",
        [CAP_PERFMON] = "perfmon",
        [CAP_BPF] = "bpf",
        [CAP_CHECKPOINT_RESTORE] = "checkpoint_restore",
};

static void list_paths(const char *verb, const char *const *paths, struct buf *out)
{
        if (!paths || !paths[0])
                return;
        buf_puts(out, verb);
        for (size_t i = 0; paths[i]; i++)
                buf_printf(out, "%s %s", i ? "," : "", paths[i]);
        buf_putc(out, '\n');
}

static void list_sockets(const struct sandbox *sandbox, struct buf *out)
{
        const struct {
                bool allowed;
                const char *name;
        } kinds[] = {
                { sandbox->network, "internet" },
                { sandbox->netlink, "netlink" },
                { sandbox->unix_sockets, "unix" },
                { sandbox->packet, "packet" },
        };
        unsigned count = 0;
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (kinds[i].allowed)
                        buf_printf(out, "%s %s", count++ ? "," : "sockets:", kinds[i].name);
        buf_puts(out, count ? "\n" : "no sockets\n");
}

static void list_capabilities(uint64_t capabilities, struct buf *out)
{
        if (!capabilities) {
                buf_puts(out, "no capabilities\n");
                return;
        }
        unsigned count = 0;
        for (unsigned i = 0; i < 64; i++) {
                if (!(capabilities & CAP_BIT(i)))
                        continue;
                buf_puts(out, count++ ? ", " : "capabilities: ");
                if (i < sizeof(capability_names) / sizeof(capability_names[0]))
                        buf_puts(out, capability_names[i]);
                else
                        buf_printf(out, "%u", i);
        }
        buf_putc(out, '\n');
}

static void list_limits(const struct sandbox_limits *limits, struct buf *out)
{
        char size[TIME_TEXT_MAX];
        if (limits->data) {
                size_format(limits->data, size);
                buf_printf(out, "at most %s of memory\n", size);
        }
        if (limits->file_size) {
                size_format(limits->file_size, size);
                buf_printf(out, "files of at most %s\n", size);
        }
        if (limits->files)
                buf_printf(out, "at most %u open files\n", limits->files);
        if (limits->processes)
                buf_printf(out, "at most %u processes\n", limits->processes);
}

void sandbox_describe(const struct sandbox *sandbox, struct buf *out)
{
        const struct {
                bool allowed;
                const char *clause;
        } acts[] = {
                { sandbox->exec, "executes programs" },
                { sandbox->signals, "signals other processes" },
                { sandbox->processes || sandbox->ptrace_read, "reads other processes' /proc files" },
                { sandbox->ptrace_read, "reads other processes' memory" },
                { sandbox->namespaces, "enters namespaces" },
                { sandbox->mounts, "mounts file systems" },
                { sandbox->fanotify, "watches files by fanotify" },
                { sandbox->bpf, "loads BPF programs" },
        };
        bool some_paths = sandbox->read_paths && sandbox->read_paths[0];
        if (sandbox->read_all)
                buf_puts(out, "reads every file\n");
        else if (some_paths)
                list_paths("reads", sandbox->read_paths, out);
        else
                buf_puts(out, "reads no files\n");
        if (sandbox->write_paths && sandbox->write_paths[0])
                list_paths("writes", sandbox->write_paths, out);
        else
                buf_puts(out, "writes no files\n");
        list_sockets(sandbox, out);
        list_capabilities(sandbox->capabilities, out);
        for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
                if (acts[i].allowed)
                        buf_printf(out, "%s\n", acts[i].clause);
        list_limits(&sandbox->limits, out);
}
