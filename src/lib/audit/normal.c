/* The words for events (normal.h): actions and objects as ausearch --format text and Elastic's auditd module say them,
 * categories and types of the Elastic Common Schema 8. Groups of record types: linux/audit.h, libaudit.h. */
#include "lib/audit/normal.h"

#include <libaudit.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SESSION .object = "user-session", .primary = "terminal", .secondary = "addr hostname", .login = true
#define ACCOUNT .object = "user-account", .primary = "acct id grp", .secondary = "addr hostname", .login = true
#define IAM(types_) .category = "iam", .types = types_
#define ALERT .kind = "alert", .category = "intrusion_detection", .types = "info"
#define CONFIGURATION .category = "process configuration", .types = "change"

static const struct typed {
        uint32_t type;
        struct audit_normal normal;
} types[] = {
        { AUDIT_LOGIN, { .action = "changed-login-id-to",
                               .object = "user-session",
                               .primary = "auid new_auid",
                               .category = "authentication",
                               .types = "start" } },
        { AUDIT_USER_AUTH, { SESSION, .action = "authenticated", .category = "authentication", .types = "info" } },
        { AUDIT_USER_ACCT, { SESSION, .action = "was-authorized", .category = "authentication", .types = "info" } },
        { AUDIT_USER_MGMT, { ACCOUNT, .action = "modified-user-account", IAM("user change") } },
        { AUDIT_CRED_ACQ,
                { SESSION, .action = "acquired-credentials", .category = "authentication", .types = "info" } },
        { AUDIT_CRED_DISP,
                { SESSION, .action = "disposed-credentials", .category = "authentication", .types = "info" } },
        { AUDIT_CRED_REFR,
                { SESSION, .action = "refreshed-credentials", .category = "authentication", .types = "info" } },
        { AUDIT_USER_START, { SESSION, .action = "started-session", .category = "session", .types = "start" } },
        { AUDIT_USER_END, { SESSION, .action = "ended-session", .category = "session", .types = "end" } },
        { AUDIT_USER_CHAUTHTOK, { SESSION, .action = "changed-password", IAM("user change") } },
        { AUDIT_USER_ERR, { SESSION, .action = "error", .category = "authentication", .types = "info" } },
        { AUDIT_USER_LOGIN, { SESSION, .action = "logged-in", .category = "authentication", .types = "start" } },
        { AUDIT_USER_LOGOUT, { SESSION, .action = "logged-out", .category = "authentication", .types = "end" } },
        { AUDIT_CHUSER_ID, { ACCOUNT, .action = "changed-user-id", IAM("user change") } },
        { AUDIT_CHGRP_ID, { ACCOUNT, .action = "changed-group", IAM("group change") } },
        { AUDIT_GRP_AUTH,
                { SESSION, .action = "authenticated-to-group", .category = "authentication", .types = "info" } },
        { AUDIT_GRP_CHAUTHTOK, { ACCOUNT, .action = "changed-group-password", IAM("group change") } },
        { AUDIT_ACCT_LOCK, { ACCOUNT, .action = "locked-account", IAM("user change") } },
        { AUDIT_ACCT_UNLOCK, { ACCOUNT, .action = "unlocked-account", IAM("user change") } },
        { AUDIT_ADD_USER, { ACCOUNT, .action = "added-user-account", IAM("user creation") } },
        { AUDIT_DEL_USER, { ACCOUNT, .action = "deleted-user-account", IAM("user deletion") } },
        { AUDIT_ADD_GROUP, { ACCOUNT, .action = "added-group-account-to", IAM("group creation") } },
        { AUDIT_DEL_GROUP, { ACCOUNT, .action = "deleted-group-account-from", IAM("group deletion") } },
        { AUDIT_GRP_MGMT, { ACCOUNT, .action = "modified-group-account", IAM("group change") } },
        { AUDIT_ROLE_ASSIGN, { ACCOUNT, .action = "assigned-user-role-to", IAM("user change") } },
        { AUDIT_ROLE_REMOVE, { ACCOUNT, .action = "removed-user-role-from", IAM("user change") } },
        { AUDIT_USER_ROLE_CHANGE, { SESSION, .action = "changed-role-to", .category = "iam", .types = "user change" } },
        { AUDIT_USER_CMD, { .action = "ran-command",
                                  .object = "process",
                                  .primary = "cmd",
                                  .category = "process",
                                  .types = "start" } },
        { AUDIT_USER_TTY, { .action = "typed",
                                  .object = "keystrokes",
                                  .primary = "data",
                                  .how = "comm",
                                  .category = "process",
                                  .types = "info" } },
        { AUDIT_TTY, { .action = "typed",
                             .object = "keystrokes",
                             .primary = "data",
                             .how = "comm",
                             .category = "process",
                             .types = "info" } },
        { AUDIT_USYS_CONFIG,
                { .action = "changed-configuration", .object = "system", .primary = "op", CONFIGURATION } },
        { AUDIT_SYSTEM_BOOT, { .action = "booted-system", .object = "system", .category = "host", .types = "start" } },
        { AUDIT_SYSTEM_SHUTDOWN,
                { .action = "shutdown-system", .object = "system", .category = "host", .types = "end" } },
        { AUDIT_SYSTEM_RUNLEVEL, { .action = "changed-to-runlevel",
                                         .object = "system",
                                         .primary = "new-level",
                                         .category = "host",
                                         .types = "change" } },
        { AUDIT_SERVICE_START, { .action = "started-service",
                                       .object = "service",
                                       .primary = "unit",
                                       .category = "process",
                                       .types = "start" } },
        { AUDIT_SERVICE_STOP, { .action = "stopped-service",
                                      .object = "service",
                                      .primary = "unit",
                                      .category = "process",
                                      .types = "end" } },
        { AUDIT_DAEMON_START,
                { .action = "started-audit", .object = "service", .category = "process", .types = "start" } },
        { AUDIT_DAEMON_END,
                { .action = "shutdown-audit", .object = "service", .category = "process", .types = "end" } },
        { AUDIT_DAEMON_ABORT,
                { .action = "aborted-auditd-startup", .object = "service", .category = "process", .types = "end" } },
        { AUDIT_DAEMON_CONFIG, { .action = "changed-auditd-configuration",
                                       .object = "audit-config",
                                       .primary = "op",
                                       CONFIGURATION } },
        { AUDIT_CONFIG_CHANGE, { .action = "changed-audit-configuration",
                                       .object = "audit-config",
                                       .primary = "op audit_backlog_limit audit_enabled audit_failure audit_pid "
                                                  "audit_rate_limit audit_backlog_wait_time",
                                       CONFIGURATION } },
        { AUDIT_FEATURE_CHANGE,
                { .action = "changed-audit-feature", .object = "audit-config", .primary = "feature", CONFIGURATION } },
        { AUDIT_NETFILTER_CFG, { .action = "loaded-firewall-rule-to",
                                       .object = "firewall",
                                       .primary = "table",
                                       .category = "configuration",
                                       .types = "change" } },
        { AUDIT_SECCOMP, { .action = "violated-seccomp-policy",
                                 .object = "process",
                                 .primary = "syscall",
                                 .secondary = "pid",
                                 .category = "process",
                                 .types = "info" } },
        { AUDIT_KERN_MODULE, { .action = "loaded-kernel-module",
                                     .object = "kernel-module",
                                     .primary = "name",
                                     .category = "driver",
                                     .types = "start" } },
        { AUDIT_BPF, { .action = "changed-bpf-program",
                             .object = "bpf-program",
                             .primary = "prog-id",
                             .secondary = "op",
                             .category = "driver",
                             .types = "change" } },
        { AUDIT_TIME_INJOFFSET,
                { .action = "changed-system-time", .object = "system", .category = "host", .types = "change" } },
        { AUDIT_TIME_ADJNTPVAL,
                { .action = "changed-system-time", .object = "system", .category = "host", .types = "change" } },
        { AUDIT_AVC, { .action = "violated-selinux-policy",
                             .object = "policy",
                             .primary = "seperms operation",
                             .secondary = "tclass denied_mask requested_mask" } },
        { AUDIT_USER_AVC, { .action = "violated-selinux-policy",
                                  .object = "policy",
                                  .primary = "seperms",
                                  .secondary = "tclass",
                                  .category = "process",
                                  .types = "denied" } },
        { AUDIT_MAC_POLICY_LOAD, { .action = "loaded-selinux-policy", .object = "policy", CONFIGURATION } },
        { AUDIT_MAC_STATUS, { .action = "changed-selinux-enforcement",
                                    .object = "policy",
                                    .primary = "enforcing",
                                    CONFIGURATION } },
        { AUDIT_MAC_CONFIG_CHANGE,
                { .action = "changed-selinux-boolean", .object = "policy", .primary = "bool", CONFIGURATION } },
        { AUDIT_ANOM_PROMISCUOUS, { .kind = "alert",
                                          .action = "changed-promiscuous-mode-on-device",
                                          .object = "network-device",
                                          .primary = "dev",
                                          .category = "intrusion_detection",
                                          .types = "info change" } },
        { AUDIT_ANOM_ABEND, { .kind = "alert",
                                    .action = "crashed-program",
                                    .object = "process",
                                    .primary = "comm",
                                    .secondary = "pid",
                                    .how = "sig",
                                    .category = "process intrusion_detection",
                                    .types = "end info" } },
        { AUDIT_ANOM_LINK, { ALERT, .action = "used-suspicious-link", .object = "file", .path = AUDIT_PATH_FIRST } },
        { AUDIT_ANOM_LOGIN_FAILURES, { SESSION, ALERT, .action = "failed-log-in-too-many-times-to" } },
        { AUDIT_ANOM_ROOT_TRANS, { ALERT, .action = "became-root", .object = "process", .primary = "comm" } },
        { AUDIT_CRYPTO_KEY_USER, { .action = "negotiated-crypto-key",
                                         .object = "user-session",
                                         .primary = "fp",
                                         .secondary = "addr hostname",
                                         .category = "process",
                                         .types = "info" } },
        { AUDIT_CRYPTO_SESSION, { .action = "started-crypto-session",
                                        .object = "user-session",
                                        .primary = "addr",
                                        .secondary = "rport",
                                        .category = "process",
                                        .types = "info" } },
        { AUDIT_VIRT_CONTROL, { .action = "issued-vm-control",
                                      .object = "virtual-machine",
                                      .primary = "op",
                                      .secondary = "vm",
                                      .category = "host",
                                      .types = "change" } },
        { AUDIT_VIRT_RESOURCE, { .action = "assigned-vm-resource",
                                       .object = "virtual-machine",
                                       .primary = "resrc",
                                       .secondary = "vm",
                                       .category = "host",
                                       .types = "change" } },
        { AUDIT_VIRT_MACHINE_ID, { .action = "assigned-vm-id",
                                         .object = "virtual-machine",
                                         .primary = "vm",
                                         .category = "host",
                                         .types = "change" } },
};

const struct audit_normal *audit_normal_of_type(uint32_t type)
{
        static const struct audit_normal anomaly = { ALERT };

        for (size_t i = 0; i < COUNT(types); i++)
                if (types[i].type == type)
                        return &types[i].normal;
        return (type >= AUDIT_FIRST_KERN_ANOM_MSG && type <= AUDIT_LAST_KERN_ANOM_MSG) ||
                               (type >= AUDIT_FIRST_ANOM_MSG && type <= AUDIT_LAST_ANOM_MSG)
                       ? &anomaly
                       : NULL;
}

#define FILE_(path_, types_) .object = "file", .path = path_, .category = "file", .types = types_
#define SOCKET(types_) .object = "socket", .category = "network", .types = types_
#define PROCESS(types_) .object = "process", .category = "process", .types = types_

/* Names with spaces; the first entry that has the name counts. */
static const struct called {
        const char *names;
        struct audit_normal normal;
} calls[] = {
        { "execve execveat", { .action = "executed",
                                     .object = "file",
                                     .path = AUDIT_PATH_FIRST,
                                     .category = "process",
                                     .types = "start" } },
        { "clone clone3 fork vfork", { PROCESS("start"), .action = "forked" } },
        { "exit exit_group", { PROCESS("end"), .action = "exited" } },
        { "kill tkill tgkill pidfd_send_signal", { PROCESS("change"), .action = "signalled", .primary = "opid" } },
        { "ptrace", { PROCESS("access"), .action = "traced", .primary = "opid" } },
        { "process_vm_readv process_vm_writev", { PROCESS("access"), .action = "accessed-memory-of" } },
        { "setuid setreuid setresuid setgid setregid setresgid setgroups setfsuid setfsgid",
                { PROCESS("change"), .action = "changed-identity-of" } },
        { "capset prctl", { PROCESS("change"), .action = "changed-privileges-of" } },
        { "setns unshare", { PROCESS("change"), .action = "changed-namespace-of" } },
        { "chroot pivot_root", { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-root-to" } },
        { "open openat openat2", { FILE_(AUDIT_PATH_OPENED, "access"), .action = "opened-file" } },
        { "creat", { FILE_(AUDIT_PATH_CREATED, "creation"), .action = "opened-file" } },
        { "read readv pread64 preadv preadv2 getdents getdents64",
                { FILE_(AUDIT_PATH_NONE, "info"), .action = "read-file" } },
        { "write writev pwrite64 pwritev pwritev2 truncate ftruncate fallocate copy_file_range",
                { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-file" } },
        { "rename renameat renameat2", { FILE_(AUDIT_PATH_DELETED, "change"), .action = "renamed" } },
        { "unlink unlinkat rmdir", { FILE_(AUDIT_PATH_DELETED, "deletion"), .action = "deleted" } },
        { "mkdir mkdirat", { FILE_(AUDIT_PATH_CREATED, "creation"), .action = "created-directory" } },
        { "mknod mknodat", { FILE_(AUDIT_PATH_CREATED, "creation"), .action = "make-device" } },
        { "link linkat", { FILE_(AUDIT_PATH_CREATED, "creation"), .action = "linked" } },
        { "symlink symlinkat", { FILE_(AUDIT_PATH_CREATED, "creation"), .action = "symlinked" } },
        { "chmod fchmod fchmodat fchmodat2",
                { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-file-permissions-of" } },
        { "chown fchown fchownat lchown",
                { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-file-ownership-of" } },
        { "setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr",
                { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-file-attributes-of" } },
        { "utime utimes utimensat futimesat", { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-timestamp-of" } },
        { "access faccessat faccessat2 stat lstat fstat newfstatat statx readlink readlinkat",
                { FILE_(AUDIT_PATH_FIRST, "info"), .action = "checked-metadata-of" } },
        { "mount move_mount fsmount open_tree", { FILE_(AUDIT_PATH_LAST, "creation"), .action = "mounted" } },
        { "umount umount2", { FILE_(AUDIT_PATH_FIRST, "deletion"), .action = "unmounted" } },
        { "swapon swapoff", { FILE_(AUDIT_PATH_FIRST, "change"), .action = "changed-swap" } },
        { "connect", { SOCKET("connection start"), .action = "connected-to", .direction = AUDIT_EGRESS } },
        { "accept accept4",
                { SOCKET("connection start"), .action = "accepted-connection-from", .direction = AUDIT_INGRESS } },
        { "bind", { SOCKET("start"), .action = "bound-socket" } },
        { "listen", { SOCKET("start"), .action = "listen-for-connections" } },
        { "sendto sendmsg sendmmsg", { SOCKET("connection info"), .action = "sent-to", .direction = AUDIT_EGRESS } },
        { "recvfrom recvmsg recvmmsg",
                { SOCKET("connection info"), .action = "received-from", .direction = AUDIT_INGRESS } },
        { "init_module finit_module", { .action = "loaded-kernel-module",
                                              .object = "kernel-module",
                                              .primary = "name",
                                              .category = "driver",
                                              .types = "start" } },
        { "delete_module", { .action = "unloaded-kernel-module",
                                   .object = "kernel-module",
                                   .primary = "name",
                                   .category = "driver",
                                   .types = "end" } },
        { "bpf", { .action = "called-bpf",
                         .object = "bpf-program",
                         .primary = "prog-id",
                         .category = "driver",
                         .types = "info" } },
        { "kexec_load kexec_file_load",
                { .action = "loaded-kernel", .object = "system", .category = "host", .types = "change" } },
        { "adjtimex clock_adjtime settimeofday clock_settime stime",
                { .action = "changed-system-time", .object = "system", .category = "host", .types = "change" } },
        { "sethostname setdomainname",
                { .action = "changed-system-name", .object = "system", .category = "host", .types = "change" } },
        { "reboot", { .action = "rebooted", .object = "system", .category = "host", .types = "end" } },
};

static bool has_word(const char *words, const char *word)
{
        size_t length = strlen(word);

        for (const char *p = words; (p = strstr(p, word)); p += length)
                if ((p == words || p[-1] == ' ') && (p[length] == ' ' || !p[length]))
                        return true;
        return false;
}

const struct audit_normal *audit_normal_of_syscall(const char *name)
{
        static const struct audit_normal other = { .category = "process", .types = "info" };

        for (size_t i = 0; name && *name && i < COUNT(calls); i++)
                if (has_word(calls[i].names, name))
                        return &calls[i].normal;
        return &other;
}

static bool is_login(uint32_t type)
{
        return (type >= AUDIT_USER_AUTH && type <= AUDIT_USER_END && type != AUDIT_USER_MGMT) ||
               type == AUDIT_USER_CHAUTHTOK || type == AUDIT_USER_ERR || type == AUDIT_CRED_REFR ||
               type == AUDIT_USER_LOGIN || type == AUDIT_USER_LOGOUT || type == AUDIT_GRP_AUTH ||
               type == AUDIT_CHUSER_ID || type == AUDIT_CHGRP_ID;
}

static bool is_account(uint32_t type)
{
        return type == AUDIT_USER_MGMT || (type >= AUDIT_ADD_USER && type <= AUDIT_DEL_GROUP) ||
               type == AUDIT_GRP_MGMT || type == AUDIT_GRP_CHAUTHTOK || type == AUDIT_ACCT_LOCK ||
               type == AUDIT_ACCT_UNLOCK;
}

const char *audit_category(uint32_t type)
{
        static const struct {
                uint32_t first, last;
                const char *name;
        } ranges[] = {
                { AUDIT_SYSTEM_BOOT, AUDIT_SERVICE_STOP, "system-services" },
                { AUDIT_USYS_CONFIG, AUDIT_USYS_CONFIG, "configuration" },
                { AUDIT_FIRST_USER_MSG, AUDIT_LAST_USER_MSG, "user-space" },
                { AUDIT_FIRST_DAEMON, AUDIT_LAST_DAEMON, "audit-daemon" },
                { AUDIT_CONFIG_CHANGE, AUDIT_CONFIG_CHANGE, "configuration" },
                { AUDIT_NETFILTER_CFG, AUDIT_NETFILTER_CFG, "configuration" },
                { AUDIT_FEATURE_CHANGE, AUDIT_FEATURE_CHANGE, "configuration" },
                { AUDIT_SYSCALL, AUDIT_SYSCALL, "audit-rule" },
                { AUDIT_PATH, AUDIT_PATH, "audit-rule" },
                { AUDIT_CWD, AUDIT_CWD, "audit-rule" },
                { AUDIT_EXECVE, AUDIT_EXECVE, "audit-rule" },
                { AUDIT_SECCOMP, AUDIT_SECCOMP, "audit-rule" },
                { AUDIT_TTY, AUDIT_TTY, "tty" },
                { AUDIT_AVC, AUDIT_AVC, "mac-decision" },
                { AUDIT_SELINUX_ERR, AUDIT_SELINUX_ERR, "mac-decision" },
                { AUDIT_AVC_PATH, AUDIT_LAST_SELINUX, "mac" },
                { AUDIT_FIRST_APPARMOR, AUDIT_LAST_APPARMOR, "mac-decision" },
                { AUDIT_FIRST_KERN_CRYPTO_MSG, AUDIT_LAST_KERN_CRYPTO_MSG, "crypto" },
                { AUDIT_FIRST_KERN_ANOM_MSG, AUDIT_LAST_KERN_ANOM_MSG, "anomaly" },
                { AUDIT_INTEGRITY_FIRST_MSG, AUDIT_INTEGRITY_LAST_MSG, "integrity" },
                { AUDIT_FIRST_ANOM_MSG, AUDIT_LAST_ANOM_MSG, "anomaly" },
                { AUDIT_FIRST_ANOM_RESP, AUDIT_LAST_ANOM_RESP, "anomaly-response" },
                { AUDIT_FIRST_USER_LSPP_MSG, AUDIT_LAST_USER_LSPP_MSG, "user-space" },
                { AUDIT_FIRST_CRYPTO_MSG, AUDIT_LAST_CRYPTO_MSG, "crypto" },
                { AUDIT_FIRST_VIRT_MSG, AUDIT_LAST_VIRT_MSG, "virt" },
        };

        if (is_login(type))
                return "user-login";
        if (is_account(type))
                return "user-account";
        for (size_t i = 0; i < COUNT(ranges); i++)
                if (type >= ranges[i].first && type <= ranges[i].last)
                        return ranges[i].name;
        return "unknown";
}
