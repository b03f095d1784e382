/* What the starter rules see through the audit system beyond the starts of programs, in auditctl's language
 * (auditctl(8), audit.rules(7)). Each costs nothing until its own system call or file is used: no rule is on a hot
 * system call. */
#include "modules/watch/rules/rules.h"

#include "base/path.h"

#include <fcntl.h>
#include <sys/stat.h>

const char *const rules_watches[] = {
        /* account-change */
        "-w /etc/passwd -p wa -k tarsier-identity",
        "-w /etc/shadow -p wa -k tarsier-identity",
        "-w /etc/group -p wa -k tarsier-identity",
        "-w /etc/gshadow -p wa -k tarsier-identity",
        "-w /etc/sudoers -p wa -k tarsier-identity",
        "-w /etc/sudoers.d -p wa -k tarsier-identity",
        /* persistence-write */
        "-w /etc/crontab -p wa -k tarsier-persistence",
        "-w /etc/cron.d -p wa -k tarsier-persistence",
        "-w /etc/cron.hourly -p wa -k tarsier-persistence",
        "-w /etc/cron.daily -p wa -k tarsier-persistence",
        "-w /etc/cron.weekly -p wa -k tarsier-persistence",
        "-w /etc/cron.monthly -p wa -k tarsier-persistence",
        "-w /var/spool/cron -p wa -k tarsier-persistence",
        "-w /etc/systemd/system -p wa -k tarsier-persistence",
        "-w /usr/lib/systemd/system -p wa -k tarsier-persistence",
        "-w /etc/init.d -p wa -k tarsier-persistence",
        "-w /etc/rc.local -p wa -k tarsier-persistence",
        "-w /etc/profile -p wa -k tarsier-persistence",
        "-w /etc/profile.d -p wa -k tarsier-persistence",
        "-w /etc/bash.bashrc -p wa -k tarsier-persistence",
        "-w /etc/ld.so.preload -p wa -k tarsier-persistence",
        "-w /etc/ld.so.conf.d -p wa -k tarsier-persistence",
        "-w /etc/pam.d -p wa -k tarsier-persistence",
        "-w /etc/udev/rules.d -p wa -k tarsier-persistence",
        "-w /root/.ssh -p wa -k tarsier-persistence",
        "-w /root/.bashrc -p wa -k tarsier-persistence",
        "-w /root/.profile -p wa -k tarsier-persistence",
        /* log-tampering: files removed, renamed or cut by name; opening with O_TRUNC would be on openat */
        ("-a always,exit -F arch=b64 -S unlink,unlinkat,rename,renameat,renameat2,truncate -F dir=/var/log -F "
         "success=1 "
         "-k tarsier-log"),
        /* setuid-bit: the kernel compares the mode that is asked for */
        "-a always,exit -F arch=b64 -S chmod,fchmod -F a1&04000 -F success=1 -k tarsier-setuid",
        "-a always,exit -F arch=b64 -S fchmodat -F a2&04000 -F success=1 -k tarsier-setuid",
        /* kernel-module */
        "-a always,exit -F arch=b64 -S init_module,finit_module,delete_module -k tarsier-module",
        /* ptrace-attach: PTRACE_ATTACH, PTRACE_SEIZE, and writing into another's memory */
        "-a always,exit -F arch=b64 -S ptrace -F a0=16 -k tarsier-ptrace",
        "-a always,exit -F arch=b64 -S ptrace -F a0=16902 -k tarsier-ptrace",
        "-a always,exit -F arch=b64 -S process_vm_writev -k tarsier-ptrace",
        /* container-escape */
        "-a always,exit -F arch=b64 -S mount,move_mount,setns -k tarsier-namespace",
        NULL,
};

bool rules_watch_possible(int root, const char *watch)
{
        char path[256];
        struct stat status;
        const char *file = strstr(watch, "-w /"), *directory = strstr(watch, "-F dir=/");
        if (!file && !directory)
                return true;
        struct sv rest = sv_of(file ? file + 4 : directory + 8);
        rest.n = sv_find(rest, ' ');
        if (file)
                rest = path_dir(rest);
        snprintf(path, sizeof(path), "%.*s", SV_ARG(rest));
        return fstatat(root, path, &status, 0) == 0 && S_ISDIR(status.st_mode);
}
