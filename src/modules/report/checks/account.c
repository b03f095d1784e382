/* Checks: who may become root, and who needs no password. */
#include "modules/report/checks/checks.h"

/* One field of "a:b:c" after another. */
static struct sv field_of(struct sv *line)
{
        struct sv part = SV("");
        if (line->p)
                sv_split(line, ':', &part);
        return part;
}

static void check_uid0(struct look *look, struct finding *finding)
{
        struct sv text, line;
        unsigned count = 0;
        if (look_file(look, finding, "etc/passwd", REPORT_TEXT_MAX, &text) != LOOK_READ)
                return;
        while (text.n && sv_line(&text, &line)) {
                struct sv name = field_of(&line);
                field_of(&line);
                struct sv uid = field_of(&line);
                uint64_t number;
                if (!name.n || !sv_parse_u64(uid, 10, &number) || number != 0 || sv_eq(name, SV("root")) ||
                        sv_starts(name, SV("#")))
                        continue;
                count++;
                finding_show(finding, REPORT_HIGH, "%.*s has uid 0", SV_ARG(name));
        }
        if (count)
                finding_say(finding, REPORT_HIGH, "%u %s besides root with all of root's power", count,
                        count == 1 ? "account is there" : "accounts are there");
}

static bool can_log_in(struct sv passwd, struct sv name)
{
        struct sv line;
        while (passwd.n && sv_line(&passwd, &line)) {
                if (!sv_eq(field_of(&line), name))
                        continue;
                struct sv shell = SV("");
                for (int i = 0; i < 6; i++)
                        shell = field_of(&line);
                return !sv_ends(shell, SV("nologin")) && !sv_ends(shell, SV("/false"));
        }
        return false;
}

static void check_empty_passwords(struct look *look, struct finding *finding)
{
        struct sv passwd, shadow, line;
        unsigned count = 0;
        if (look_file(look, finding, "etc/passwd", REPORT_TEXT_MAX, &passwd) != LOOK_READ)
                return;
        look_file(look, finding, "etc/shadow", REPORT_TEXT_MAX, &shadow);
        for (struct sv rest = passwd; rest.n && sv_line(&rest, &line);) {
                struct sv name = field_of(&line);
                /* passwd(5): no password at all where the field is empty; a line needs its seven fields */
                if (!name.n || sv_starts(name, SV("#")) || sv_starts(name, SV("+")) || !line.p || line.n < 5 ||
                        field_of(&line).n || !can_log_in(passwd, name))
                        continue;
                count++;
                finding_show(finding, REPORT_CRITICAL, "%.*s in /etc/passwd", SV_ARG(name));
        }
        while (shadow.n && sv_line(&shadow, &line)) {
                struct sv name = field_of(&line);
                if (!name.n || !line.p || line.n < 1 || field_of(&line).n || !can_log_in(passwd, name))
                        continue;
                count++;
                finding_show(finding, sv_eq(name, SV("root")) ? REPORT_CRITICAL : REPORT_HIGH, "%.*s in /etc/shadow",
                        SV_ARG(name));
        }
        if (count)
                finding_say(finding, REPORT_HIGH, "%u %s without a password", count,
                        count == 1 ? "account can be used" : "accounts can be used");
}

/* "root ALL=(ALL) NOPASSWD: ALL"; who gets it decides. */
static void judge_rule(struct finding *finding, const char *path, struct sv line)
{
        struct sv rest = line, who = SV("");
        sv_word(&rest, &who);
        if (!memmem(line.p, line.n, "NOPASSWD", 8) || sv_starts(line, SV("Defaults")))
                return;
        bool everybody = sv_eq(who, SV("ALL")) || sv_eq(who, SV("%users")) || sv_eq(who, SV("%nogroup"));
        finding_show(finding, everybody ? REPORT_HIGH : REPORT_INFO, "/%s: %.*s", path, SV_ARG(line));
}

static void read_sudoers(struct look *look, struct finding *finding, const char *path)
{
        struct sv text, line;
        if (look_file(look, finding, path, REPORT_TEXT_MAX, &text) != LOOK_READ)
                return;
        while (text.n && sv_line(&text, &line)) {
                line = look_strip(line, '#'); /* "#includedir" is read as the directory's default place below */
                judge_rule(finding, path, line);
        }
}

static void check_sudo(struct look *look, struct finding *finding)
{
        read_sudoers(look, finding, "etc/sudoers");
        struct string_list names = look_names(look, finding, "etc/sudoers.d");
        list_foreach (name, &names) /* sudoers(5): what has a '.' or ends in '~' is not read */
                if (!strchr(*name, '.') && (*name)[strlen(*name) - 1] != '~')
                        read_sudoers(look, finding, look_text(look, "etc/sudoers.d/%s", *name));
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_INFO,
                        finding->severity >= REPORT_HIGH ? "Everybody may become root without a password (sudo)"
                                                         : "Some may become root without a password (sudo)");
}

const struct report_check report_account_checks[] = {
        { "uid-0", AREA_ACCOUNTS, check_uid0, "Only root has uid 0",
                "tarsier file --path /etc --name '^passwd$' --content '^[^:]+:[^:]*:0+:'", false },
        { "empty-passwords", AREA_ACCOUNTS, check_empty_passwords, "No account can be used without a password",
                "tarsier file --path /etc --name '^(passwd|shadow)$' --content '^[^:]+::'", false },
        { "sudo", AREA_ACCOUNTS, check_sudo, "Nobody becomes root without a password (sudo)",
                "tarsier file --path /etc --name '^sudoers' --path /etc/sudoers.d --content NOPASSWD", false },
        { 0 },
};
