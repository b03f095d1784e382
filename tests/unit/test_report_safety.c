/* report: is the host safe? Each check on trees that are bad, good, without the thing, and hostile. */
#include "report_scene.h"

#define PASSWD(lines)                                                                                                  \
        {                                                                                                              \
                "etc/passwd", "root:x:0:0:root:/root:/bin/bash\n" lines                                                \
        }
#define SSHD(lines)                                                                                                    \
        {                                                                                                              \
                "etc/ssh/sshd_config", lines                                                                           \
        }
#define VULNERABLE(text)                                                                                               \
        {                                                                                                              \
                "sys/devices/system/cpu/vulnerabilities/mds", text "\n"                                                \
        }
#define SYSCTL(name, value)                                                                                            \
        {                                                                                                              \
                "proc/sys/" name, value "\n"                                                                           \
        }

static void accounts(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "uid-0", "root only", { PASSWD("daemon:x:1:1:d:/:/usr/sbin/nologin\n") }, .expected = REPORT_OK },
                { "uid-0", "another", { PASSWD("toor:x:0:0::/:/bin/sh\n") }, .expected = REPORT_HIGH, .says = "toor" },
                { "uid-0", "written otherwise", { PASSWD("toor:x:000:0::/:/bin/sh\n") }, .expected = REPORT_HIGH },
                { "uid-0", "no file", { { 0 } }, .expected = REPORT_OK },
                { "uid-0", "a FIFO", { { "etc/passwd", "| " } }, .expected = BLIND },
                { "uid-0", "a link in a circle", { { "etc/passwd", "-> passwd" } }, .expected = BLIND },
                { "uid-0", "a link out of the tree", { { "etc/passwd", "-> /../../../../../../no/such/file" } },
                        .expected = REPORT_OK },
                { "uid-0", "garbage", { { "etc/passwd", ":::\n::0\n:\n\xff:x:\n\n0" } }, .expected = REPORT_OK },
                { "empty-passwords", "none",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"),
                                { "etc/shadow", "root:!:1::::::\na:$y$j9T$x:1::::::\n" } },
                        .expected = REPORT_OK },
                { "empty-passwords", "of a user",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"),
                                { "etc/shadow", "root:*:1::::::\na::1::::::\n" } },
                        .expected = REPORT_HIGH, .says = "a in /etc/shadow" },
                { "empty-passwords", "of one without a shell",
                        { PASSWD("a:x:9:9::/:/usr/sbin/nologin\n"), { "etc/shadow", "a::1::::::\n" } },
                        .expected = REPORT_OK },
                { "empty-passwords", "of root", { PASSWD(""), { "etc/shadow", "root::1::::::\n" } },
                        .expected = REPORT_CRITICAL },
                { "empty-passwords", "in passwd", { PASSWD("a::1000:1000::/home/a:/bin/sh\n") },
                        .expected = REPORT_CRITICAL, .says = "a in /etc/passwd" },
                { "empty-passwords", "hostile",
                        { PASSWD("+::::::\n#a::1:1::/:/bin/sh\n"),
                                { "etc/shadow", ":\n::\n\xff::\nnobody-here::\nroot" } },
                        .expected = REPORT_OK },
                { "sudo", "as it comes",
                        { { "etc/sudoers", "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n"
                                           "# %x ALL=NOPASSWD: ALL\n@includedir /etc/sudoers.d\n" } },
                        .expected = REPORT_OK },
                { "sudo", "a cloud's user", { { "etc/sudoers.d/90-cloud", "admin ALL=(ALL) NOPASSWD:ALL\n" } },
                        .expected = REPORT_INFO, .says = "/etc/sudoers.d/90-cloud: admin" },
                { "sudo", "everybody", { { "etc/sudoers", "ALL ALL=(ALL) NOPASSWD: ALL\n" } },
                        .expected = REPORT_HIGH },
                { "sudo", "a file sudo does not read", { { "etc/sudoers.d/a.bak", "ALL ALL=(ALL) NOPASSWD: ALL\n" } },
                        .expected = REPORT_OK },
                { "sudo", "not there", { { 0 } }, .expected = REPORT_OK },
                { "account-files", "as they should be", { { "etc/passwd", "", 0644 }, { "etc/shadow", "", 0640 } },
                        .expected = REPORT_OK },
                { "account-files", "shadow for all", { { "etc/shadow", "", 0644 } }, .expected = REPORT_HIGH,
                        .says = "0644" },
                { "account-files", "passwd for all to write", { { "etc/passwd", "", 0666 } },
                        .expected = REPORT_CRITICAL },
                { "account-files", "etc for all to write", { { "etc", NULL, 0777 } }, .expected = REPORT_CRITICAL },
        };
        SCENES(scenes);
}

static void paths(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "programs", "good", { { "usr/bin/env", "", 0755 }, { "bin", "-> usr/bin" } }, .expected = REPORT_OK },
                { "programs", "a program", { { "usr/bin/env", "", 0777 } }, .expected = REPORT_CRITICAL,
                        .says = "/usr/bin/env (mode 0777)" },
                { "programs", "a directory", { { "usr/local", NULL }, { "usr/local/bin", NULL, 0777 } },
                        .expected = REPORT_CRITICAL },
                { "programs", "a link", { { "usr/bin/x", "-> /tmp/x" } }, .expected = REPORT_OK },
                { "programs", "none", { { 0 } }, .expected = REPORT_OK },
                { "startup-files", "good", { { "etc/cron.d/backup", "", 0644 } }, .expected = REPORT_OK },
                { "startup-files", "a job", { { "etc/cron.d/backup", "", 0666 } }, .expected = REPORT_CRITICAL,
                        .says = "/etc/cron.d/backup" },
                { "startup-files", "a masked unit", { { "etc/systemd/system/x.service", "-> /dev/null" } },
                        .expected = REPORT_OK },
                { "core-pattern", "a file", { SYSCTL("kernel/core_pattern", "core") }, .expected = REPORT_OK },
                { "core-pattern", "a program",
                        { SYSCTL("kernel/core_pattern", "|/usr/lib/crash %p"), { "usr/lib/crash", "", 0755 } },
                        .expected = REPORT_OK },
                { "core-pattern", "everybody's program",
                        { SYSCTL("kernel/core_pattern", "|/usr/lib/crash %p"), { "usr/lib/crash", "", 0757 } },
                        .expected = REPORT_CRITICAL },
                { "core-pattern", "in tmp", { SYSCTL("kernel/core_pattern", "|/tmp/x") }, .expected = REPORT_CRITICAL,
                        .says = "|/tmp/x" },
                { "core-pattern", "hostile", { SYSCTL("kernel/core_pattern", "| ") }, .expected = REPORT_OK },
                { "preload-file", "none", { { 0 } }, .expected = REPORT_OK },
                { "preload-file", "empty", { { "etc/ld.so.preload", "# nothing\n\n" } }, .expected = REPORT_OK },
                { "preload-file", "jemalloc", { { "etc/ld.so.preload", "/usr/lib/libjemalloc.so.2\n" } },
                        .expected = REPORT_INFO },
                { "preload-file", "a stranger", { { "etc/ld.so.preload", "/usr/lib/libselinux-x.so\n" } },
                        .expected = REPORT_MEDIUM },
                { "preload-file", "in tmp", { { "etc/ld.so.preload", "/usr/lib/libjemalloc.so.2:/tmp/.x.so" } },
                        .expected = REPORT_HIGH, .says = "/tmp/.x.so" },
        };
        SCENES(scenes);
}

static void ssh(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "ssh-root-login", "no server", { { 0 } }, .expected = ABSENT },
                { "ssh-root-login", "as it comes",
                        { SSHD("#PermitRootLogin yes\nInclude /etc/ssh/sshd_config.d/*.conf\n") },
                        .expected = REPORT_OK },
                { "ssh-root-login", "yes", { SSHD("PermitRootLogin yes\n") }, .expected = REPORT_MEDIUM },
                { "ssh-root-login", "with keys", { SSHD("permitrootlogin=\"yes\"\nPasswordAuthentication no\n") },
                        .expected = REPORT_INFO },
                { "ssh-root-login", "the first value counts", { SSHD("PermitRootLogin no\nPermitRootLogin yes\n") },
                        .expected = REPORT_OK },
                { "ssh-root-login", "an included one is the first",
                        { SSHD("Include sshd_config.d/*.conf\nPermitRootLogin no\n"),
                                { "etc/ssh/sshd_config.d/50-x.conf", "PermitRootLogin yes\n" } },
                        .expected = REPORT_MEDIUM },
                { "ssh-root-login", "not included",
                        { SSHD("Include /etc/ssh/sshd_config.d/*.conf\n"),
                                { "etc/ssh/sshd_config.d/x.conf.bak", "PermitRootLogin yes\n" } },
                        .expected = REPORT_OK },
                { "ssh-root-login", "for some only", { SSHD("Match User x\n PermitRootLogin yes\n") },
                        .expected = REPORT_OK },
                { "ssh-root-login", "for all again", { SSHD("Match User x\nMatch all\nPermitRootLogin yes\n") },
                        .expected = REPORT_MEDIUM },
                { "ssh-root-login", "includes itself", { SSHD("Include /etc/ssh/sshd_config\nPermitRootLogin yes\n") },
                        .expected = REPORT_MEDIUM },
                { "ssh-root-login", "two that include both",
                        { SSHD("Include /etc/ssh/*\n"), { "etc/ssh/b", "Include *\n" } }, .expected = BLIND,
                        .says = "included too often" },
                { "ssh-passwords", "off", { SSHD("PasswordAuthentication no\n") }, .expected = REPORT_OK },
                { "ssh-passwords", "by default", { SSHD("") }, .expected = REPORT_INFO },
                { "ssh-empty-passwords", "no", { SSHD("") }, .expected = REPORT_OK },
                { "ssh-empty-passwords", "yes", { SSHD("PermitEmptyPasswords yes\n") }, .expected = REPORT_HIGH },
                { "ssh-empty-passwords", "hostile", { SSHD("=\n\"\nInclude\nInclude /\n\xff \xff\n") },
                        .expected = REPORT_OK },
                { "ssh-host-keys", "none", { { 0 } }, .expected = ABSENT },
                { "ssh-host-keys", "private",
                        { { "etc/ssh/ssh_host_rsa_key", "", 0600 }, { "etc/ssh/ssh_host_rsa_key.pub", "", 0644 } },
                        .expected = REPORT_OK },
                { "ssh-host-keys", "for all", { { "etc/ssh/ssh_host_rsa_key", "", 0644 } }, .expected = REPORT_HIGH },
                { "authorized-keys", "good",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"), { "home/a/.ssh/authorized_keys", "", 0600 } },
                        .expected = REPORT_OK },
                { "authorized-keys", "for all",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"), { "home/a/.ssh/authorized_keys", "", 0666 } },
                        .expected = REPORT_HIGH, .says = "/home/a/.ssh/authorized_keys (mode 0666)" },
                { "authorized-keys", "for the group",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"), { "home/a/.ssh/authorized_keys", "", 0664 } },
                        .expected = REPORT_MEDIUM },
                { "authorized-keys", "a link",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"),
                                { "home/a/.ssh/authorized_keys", "-> /dev/null" } },
                        .expected = REPORT_OK },
                { "authorized-keys", "a home on a file server",
                        { PASSWD("a:x:1000:1000::/home/a:/bin/sh\n"),
                                { "proc/self/mountinfo", "36 1 0:9 / /home rw - nfs4 server:/home rw\n" } },
                        .expected = BLIND, .says = "file server" },
                { "authorized-keys", "hostile",
                        { PASSWD("a:x:1:1::/../../etc:/bin/sh\nb:x:1:1::relative:/bin/sh\nc:x\n") },
                        .expected = REPORT_OK },
        };
        SCENES(scenes);
}

static void protection(void **state)
{
        (void)state;
        static const struct scene scenes[] = {
                { "cpu-vulnerabilities", "cured", { VULNERABLE("Mitigation: Clear CPU buffers") },
                        .expected = REPORT_OK },
                { "cpu-vulnerabilities", "open", { VULNERABLE("Vulnerable: no microcode") }, .expected = REPORT_LOW,
                        .says = "mds: Vulnerable: no microcode" },
                { "cpu-vulnerabilities", "refused",
                        { VULNERABLE("Vulnerable"), { "proc/cmdline", "quiet mitigations=off\n" } },
                        .expected = REPORT_MEDIUM },
                { "cpu-vulnerabilities", "not told", { { 0 } }, .expected = ABSENT },
                { "settings", "good", { SYSCTL("kernel/kptr_restrict", "1"), SYSCTL("kernel/randomize_va_space", "2") },
                        .expected = REPORT_OK },
                { "settings", "as Debian has it",
                        { SYSCTL("kernel/kptr_restrict", "0"), SYSCTL("kernel/dmesg_restrict", "1"),
                                SYSCTL("kernel/unprivileged_bpf_disabled", "2"),
                                SYSCTL("kernel/perf_event_paranoid", "3"), SYSCTL("fs/suid_dumpable", "0"),
                                SYSCTL("net/ipv4/tcp_syncookies", "1"), SYSCTL("kernel/yama/ptrace_scope", "0"),
                                SYSCTL("vm/mmap_min_addr", "65536") },
                        .expected = REPORT_INFO },
                { "settings", "BPF for all", { SYSCTL("kernel/unprivileged_bpf_disabled", "0") },
                        .expected = REPORT_MEDIUM },
                { "settings", "none", { { 0 } }, .expected = BLIND },
                { "settings", "garbage", { SYSCTL("kernel/kptr_restrict", "-7") }, .expected = BLIND },
                { "access-control", "AppArmor", { { "sys/kernel/security/lsm", "lockdown,capability,yama,apparmor" } },
                        .expected = REPORT_OK },
                { "access-control", "none", { { "sys/kernel/security/lsm", "lockdown,capability,landlock" } },
                        .expected = REPORT_LOW, .says = "on: landlock" },
                { "access-control", "not told", { { 0 } }, .expected = BLIND },
                { "secure-boot", "no UEFI", { { 0 } }, .expected = ABSENT },
                { "secure-boot", "off",
                        { { "sys/firmware/efi/efivars/"
                            "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
                                "\6" } },
                        .expected = REPORT_INFO },
                { "secure-boot", "on",
                        { { "sys/firmware/efi/efivars/"
                            "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
                                "\6\1\1\1\1" } },
                        .expected = REPORT_OK },
                { "engine-socket", "none", { { 0 } }, .expected = ABSENT },
                { "engine-socket", "of root", { { "run/docker.sock", "", 0600 } }, .expected = REPORT_OK },
                { "engine-socket", "for all", { { "run/docker.sock", "", 0666 } }, .expected = REPORT_CRITICAL },
        };
        SCENES(scenes);
}

/* The socket is of the group of whoever runs the test. */
static void the_group_of_the_engine(void **state)
{
        (void)state;
        char empty[64], members[64];
        snprintf(empty, sizeof(empty), "engine:x:%u:\n", getgid());
        snprintf(members, sizeof(members), "engine:x:%u:alice,bob\n", getgid());
        const struct scene scenes[] = {
                { "engine-socket", "of an empty group", { { "run/docker.sock", "", 0660 }, { "etc/group", empty } },
                        .expected = REPORT_OK },
                { "engine-socket", "of one with members", { { "run/docker.sock", "", 0660 }, { "etc/group", members } },
                        .expected = REPORT_INFO, .says = "engine: alice,bob" },
        };
        SCENES(scenes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(accounts),
                cmocka_unit_test(paths),
                cmocka_unit_test(ssh),
                cmocka_unit_test(protection),
                cmocka_unit_test(the_group_of_the_engine),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
