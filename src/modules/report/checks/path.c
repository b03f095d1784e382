/* Checks: files that only root may write, since root reads or runs them. */
#include "modules/report/checks/checks.h"

#include <fcntl.h>
#include <sys/stat.h>

/* A bit in mode that makes a finding; who: the uids that may own it. */
static const struct guarded {
        const char *path;
        mode_t forbidden;
        enum report_severity severity;
        const char *what;
} guarded[] = {
        { "etc/passwd", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/group", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/shadow", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/shadow", S_IROTH, REPORT_HIGH, "can be read: it holds the passwords' hashes" },
        { "etc/gshadow", S_IROTH | S_IWOTH | S_IWGRP, REPORT_HIGH, "can be read or written" },
        { "etc/sudoers", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/ssh/sshd_config", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/ld.so.preload", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/crontab", S_IWOTH | S_IWGRP, REPORT_CRITICAL, "can be written" },
        { "etc/profile", S_IWOTH, REPORT_HIGH, "can be written" },
        { "root", S_IWOTH, REPORT_CRITICAL, "can be written" },
        { "etc", S_IWOTH, REPORT_CRITICAL, "can be written" },
};

static void check_guarded(struct look *look, struct finding *finding)
{
        for (size_t i = 0; i < sizeof(guarded) / sizeof(*guarded); i++) {
                const struct guarded *file = &guarded[i];
                struct stat st;
                if (look_stat(look, finding, file->path, 0, &st) < 0)
                        continue;
                if (st.st_mode & file->forbidden)
                        finding_show(finding, file->severity, "/%s %s by others (mode %04o)", file->path, file->what,
                                st.st_mode & 07777);
                /* in a fixture the files are the tester's; on a host everything here is root's */
                if (look->own && st.st_uid != 0)
                        finding_show(finding, REPORT_CRITICAL, "/%s belongs to uid %u", file->path, st.st_uid);
        }
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_HIGH, "Files that decide who is root are not guarded");
}

/* Files of one directory that everybody may write; links say nothing. The directory itself too. */
static void judge_directory(struct look *look, struct finding *finding, const char *directory)
{
        struct look_entries entries = look_entries(look, finding, directory, true);
        if (entries.mode & S_IWOTH)
                finding_show(finding, REPORT_CRITICAL, "/%s (mode %04o)", directory, entries.mode & 07777);
        for (size_t i = 0; i < entries.count; i++) {
                const struct look_entry *entry = &entries.items[i];
                if (!S_ISLNK(entry->mode) && (entry->mode & S_IWOTH))
                        finding_show(finding, REPORT_CRITICAL, "/%s/%s (mode %04o)", directory, entry->name,
                                entry->mode & 07777);
        }
}

static void check_programs(struct look *look, struct finding *finding)
{
        static const char *const directories[] = { "usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin",
                "bin", NULL };
        struct stat st;
        for (size_t i = 0; directories[i]; i++) /* sbin and bin are links where /usr is merged: seen already */
                if (look_stat(look, finding, directories[i], AT_SYMLINK_NOFOLLOW, &st) == 0 && S_ISDIR(st.st_mode))
                        judge_directory(look, finding, directories[i]);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_CRITICAL, "Everybody can change programs that root runs");
}

static void check_startup(struct look *look, struct finding *finding)
{
        static const char *const directories[] = { "etc/cron.d", "etc/cron.hourly", "etc/cron.daily", "etc/cron.weekly",
                "etc/cron.monthly", "etc/init.d", "etc/profile.d", "etc/ld.so.conf.d", "etc/sudoers.d", "etc/pam.d",
                "etc/systemd/system", "usr/local/lib/systemd/system", "etc/udev/rules.d", "etc/apt/apt.conf.d", NULL };
        for (size_t i = 0; directories[i]; i++)
                judge_directory(look, finding, directories[i]);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_CRITICAL, "Everybody can change what root runs by itself");
}

const struct report_check report_path_checks[] = {
        { "account-files", AREA_ACCOUNTS, check_guarded, "Only root can change who is root",
                "tarsier stat /etc/passwd /etc/group /etc/shadow", false },
        { "programs", AREA_FILESYSTEM, check_programs, "Only root can change the programs that all use",
                "tarsier file --path /usr/bin --path /usr/sbin --path /usr/local --mode '^-.......w'", false },
        { "startup-files", AREA_FILESYSTEM, check_startup, "Only root can change what runs by itself",
                "tarsier file --path /etc --mode '^-.......w'", false },
        { 0 },
};
