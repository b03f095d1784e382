/* Checks: the SSH server and the keys that it lets in. sshd_config(5): for each keyword the first value counts, Include
 * stands for the files it names at that place, and what follows Match is for some only. */
#include "modules/report/checks/bounded.h"

#include "linux/mounts.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 16, FILES_MAX = 256 }; /* as sshd: servconf.h SERVCONF_MAX_DEPTH */

struct server {
        bool there;
        char root_login[32], passwords[32], empty_passwords[32]; /* "" is the default */
        bool matched; /* a Match block sets one of them: for some it is otherwise */
        unsigned files;
};

static void set_once(char *ret, size_t size, struct sv value)
{
        if (!*ret)
                snprintf(ret, size, "%.*s", SV_ARG(value));
}

/* "Keyword value", "Keyword=value", quoted values. */
static bool split_keyword(struct sv line, struct sv *ret_word, struct sv *ret_value)
{
        size_t n = 0;
        while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != '=')
                n++;
        *ret_word = sv_n(line.p, n);
        while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t' || line.p[n] == '='))
                n++;
        *ret_value = sv_trim(sv_n(line.p + n, line.n - n));
        if (ret_value->n >= 2 && ret_value->p[0] == '"' && ret_value->p[ret_value->n - 1] == '"')
                *ret_value = sv_n(ret_value->p + 1, ret_value->n - 2);
        return ret_word->n > 0 && ret_value->n > 0;
}

static void read_config(
        struct look *look, struct finding *finding, const char *path, struct server *server, unsigned depth);

/* A pattern of names in one directory; without a leading slash below /etc/ssh. */
static void read_include(
        struct look *look, struct finding *finding, struct sv pattern, struct server *server, unsigned depth)
{
        const char *whole = pattern.p[0] == '/' ? look_text(look, "%.*s", SV_ARG(pattern))
                                                : look_text(look, "/etc/ssh/%.*s", SV_ARG(pattern));
        const char *slash = strrchr(whole, '/');
        const char *directory = look_text(look, "%.*s", (int)(slash - whole), whole);
        struct string_list names = look_names(look, finding, *directory ? directory + 1 : ".");
        list_foreach (name, &names)
                if (fnmatch(slash + 1, *name, FNM_PERIOD) == 0)
                        read_config(look, finding, look_text(look, "%s/%s", directory, *name) + 1, server, depth + 1);
}

static void read_config(
        struct look *look, struct finding *finding, const char *path, struct server *server, unsigned depth)
{
        struct sv text, line, word, value;
        bool match = false;
        if (depth > DEPTH_MAX || server->files++ >= FILES_MAX) {
                finding_blind(finding, path, "included too often");
                return;
        }
        if (look_file(look, finding, path, REPORT_TEXT_MAX, &text) != LOOK_READ)
                return;
        while (text.n && sv_line(&text, &line)) {
                line = look_strip(line, '#');
                if (!split_keyword(line, &word, &value))
                        continue;
                struct sv rest = value, first = value;
                sv_word(&rest, &first);
                if (sv_eq_nocase(word, SV("Match")))
                        match = !sv_eq_nocase(value, SV("all"));
                bool ours = sv_eq_nocase(word, SV("PermitRootLogin")) ||
                            sv_eq_nocase(word, SV("PasswordAuthentication")) ||
                            sv_eq_nocase(word, SV("PermitEmptyPasswords"));
                server->matched |= match && ours;
                if (match)
                        continue;
                if (sv_eq_nocase(word, SV("PermitRootLogin")))
                        set_once(server->root_login, sizeof(server->root_login), first);
                else if (sv_eq_nocase(word, SV("PasswordAuthentication")))
                        set_once(server->passwords, sizeof(server->passwords), first);
                else if (sv_eq_nocase(word, SV("PermitEmptyPasswords")))
                        set_once(server->empty_passwords, sizeof(server->empty_passwords), first);
                else if (sv_eq_nocase(word, SV("Include")))
                        for (rest = value; sv_word(&rest, &first);)
                                read_include(look, finding, first, server, depth);
        }
}

static bool is_yes(const char *value)
{
        return strcasecmp(value, "yes") == 0;
}

/* False where there is no server: the finding is absent then. */
static bool read_server(struct look *look, struct finding *finding, struct server *ret)
{
        struct stat st;
        *ret = (struct server){ 0 };
        ret->there = look_stat(look, finding, "etc/ssh/sshd_config", 0, &st) == 0;
        if (ret->there)
                read_config(look, finding, "etc/ssh/sshd_config", ret, 0);
        else
                finding_absent(finding);
        return ret->there;
}

static bool passwords_work(const struct server *server)
{
        return !*server->passwords || is_yes(server->passwords); /* yes is the default */
}

static void check_root_login(struct look *look, struct finding *finding)
{
        struct server server;
        if (!read_server(look, finding, &server) || !is_yes(server.root_login))
                return;
        finding_say(finding, passwords_work(&server) ? REPORT_MEDIUM : REPORT_INFO,
                passwords_work(&server) ? "root may log in over SSH with a password"
                                        : "root may log in over SSH with a key");
        finding_show(finding, REPORT_INFO, "PermitRootLogin yes%s", server.matched ? "; Match blocks differ" : "");
}

static void check_passwords(struct look *look, struct finding *finding)
{
        struct server server;
        if (!read_server(look, finding, &server) || !passwords_work(&server))
                return;
        /* the default of OpenSSH and of Debian: worth to know, no alarm */
        finding_say(finding, REPORT_INFO, "Passwords can be tried over SSH");
        finding_show(finding, REPORT_INFO, "PasswordAuthentication %s%s", *server.passwords ? "yes" : "not set: yes",
                server.matched ? "; Match blocks differ" : "");
}

static void check_ssh_empty(struct look *look, struct finding *finding)
{
        struct server server;
        if (!read_server(look, finding, &server) || !is_yes(server.empty_passwords))
                return;
        finding_say(finding, passwords_work(&server) ? REPORT_HIGH : REPORT_LOW,
                "Accounts without a password may log in over SSH");
        finding_show(finding, REPORT_LOW, "PermitEmptyPasswords yes");
}

static void check_host_keys(struct look *look, struct finding *finding)
{
        struct stat st;
        unsigned keys = 0;
        struct string_list names = look_names(look, finding, "etc/ssh");
        list_foreach (name, &names) {
                size_t n = strlen(*name);
                if (strncmp(*name, "ssh_host_", 9) != 0 || n < 4 || strcmp(*name + n - 4, "_key") != 0 ||
                        look_stat(look, finding, look_text(look, "etc/ssh/%s", *name), 0, &st) < 0)
                        continue;
                keys++;
                if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP))
                        finding_show(finding, REPORT_HIGH, "/etc/ssh/%s (mode %04o)", *name, st.st_mode & 07777);
        }
        if (keys == 0)
                finding_absent(finding);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_HIGH, "The host's private SSH keys are not private");
}

/* A home on a file server is not asked: it may not answer. */
static bool is_local(const struct look *look, const char *path)
{
        const struct mount *mount = look->has_mounts ? mounts_find(&look->mounts, sv_of(path)) : NULL;
        return !mount || (mount_classify(sv_of(mount->type)) != MOUNT_NETWORK && strcmp(mount->type, "autofs") != 0);
}

static void judge_keys(struct look *look, struct finding *finding, const char *home, uint32_t uid)
{
        static const char *const names[] = { "", "/.ssh", "/.ssh/authorized_keys", "/.ssh/authorized_keys2", NULL };
        struct stat st;
        const char *keys = look_text(look, "%s/.ssh/authorized_keys", home);
        if (look_stat_at(look, OF_USERS, look->root, keys + 1, AT_SYMLINK_NOFOLLOW, &st) < 0) {
                if (errno == EACCES || errno == ETIMEDOUT)
                        finding_blind(finding, home, look_why(errno));
                return;
        }
        for (size_t i = 0; names[i]; i++) {
                const char *path = look_text(look, "%s%s", home, names[i]);
                if (look_stat_at(look, OF_USERS, look->root, path + 1, AT_SYMLINK_NOFOLLOW, &st) < 0) {
                        if (errno != ETIMEDOUT)
                                continue;
                        finding_blind(finding, path, look_why(errno));
                        return;
                }
                if (S_ISLNK(st.st_mode))
                        continue;
                /* what sshd's StrictModes refuses; a home that its own group writes is common, so lower */
                if (st.st_mode & S_IWOTH)
                        finding_show(finding, REPORT_HIGH, "%s (mode %04o)", path, st.st_mode & 07777);
                else if (i > 0 && (st.st_mode & S_IWGRP))
                        finding_show(finding, REPORT_MEDIUM, "%s (mode %04o)", path, st.st_mode & 07777);
                if (look->own && st.st_uid != 0 && st.st_uid != uid)
                        finding_show(finding, REPORT_HIGH, "%s belongs to uid %u", path, st.st_uid);
        }
}

static void check_authorized_keys(struct look *look, struct finding *finding)
{
        enum { HOME = 5, FIELDS = 7 };
        struct sv text, line;
        if (look_file(look, finding, "etc/passwd", REPORT_TEXT_MAX, &text) != LOOK_READ)
                return;
        while (text.n && sv_line(&text, &line)) {
                struct sv fields[FIELDS], rest = line;
                uint64_t uid;
                size_t n = 0;
                while (n < FIELDS && sv_split(&rest, ':', &fields[n]))
                        n++;
                if (n < FIELDS || !sv_parse_u64(fields[2], 10, &uid) || fields[HOME].n < 2 ||
                        fields[HOME].p[0] != '/' || memmem(fields[HOME].p, fields[HOME].n, "/../", 4))
                        continue;
                const char *home = look_text(look, "%.*s", SV_ARG(fields[HOME]));
                if (!is_local(look, home))
                        finding_blind(finding, home, "on a file server");
                else
                        judge_keys(look, finding, home, (uint32_t)uid);
        }
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_MEDIUM, "Others can change who logs in with a key");
}

const struct report_check report_ssh_checks[] = {
        { "ssh-root-login", AREA_SSH, check_root_login, "root cannot log in over SSH with a password",
                "tarsier file --path /etc/ssh --name '^sshd_config' --content '(?i)^\\s*PermitRootLogin'", false },
        { "ssh-passwords", AREA_SSH, check_passwords, "SSH takes keys, not passwords",
                "tarsier file --path /etc/ssh --content '(?i)^\\s*PasswordAuthentication'", false },
        { "ssh-empty-passwords", AREA_SSH, check_ssh_empty, "SSH takes no empty passwords",
                "tarsier file --path /etc/ssh --content '(?i)^\\s*PermitEmptyPasswords'", false },
        { "ssh-host-keys", AREA_SSH, check_host_keys, "The host's private keys are private", "tarsier sshkey /etc/ssh",
                false },
        { "authorized-keys", AREA_SSH, check_authorized_keys, "Only their owners decide which keys log in",
                "tarsier sshkey", false },
        { 0 },
};
