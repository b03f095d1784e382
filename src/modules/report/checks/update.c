/* Checks: is what is installed current, whole, and what runs? */
#include "modules/report/checks/checks.h"

#include "linux/host.h"

#include <fcntl.h>
#include <sys/stat.h>

static void check_reboot(struct look *look, struct finding *finding)
{
        struct stat st;
        struct sv packages, line;
        if (look_stat(look, finding, "run/reboot-required", 0, &st) < 0)
                return;
        finding_say(finding, REPORT_MEDIUM, "Updates wait for a reboot");
        look_file(look, finding, "run/reboot-required.pkgs", REPORT_TEXT_MAX, &packages);
        while (packages.n && sv_line(&packages, &line))
                finding_show(finding, REPORT_MEDIUM, "%.*s", SV_ARG(line));
}

static void check_running_kernel(struct look *look, struct finding *finding)
{
        struct sv running = look_line(look, "proc/sys/kernel/osrelease");
        struct string_list names = look_names(look, finding, "boot");
        const char *newest = NULL;
        bool installed = false;
        if (!running.n) {
                finding_blind(finding, "/proc/sys/kernel/osrelease", "not readable");
                return;
        }
        list_foreach (name, &names) {
                if (strncmp(*name, "vmlinuz-", 8) != 0)
                        continue;
                const char *release = *name + 8;
                installed |= sv_eq(running, sv_of(release));
                if (!newest || report_compare_release(newest, release) < 0)
                        newest = release;
        }
        if (!newest || !installed) {
                finding_absent(finding); /* a kernel that does not come from here: a container, a cloud's own */
                return;
        }
        if (report_compare_release(look_text(look, "%.*s", SV_ARG(running)), newest) >= 0)
                return;
        finding_say(finding, REPORT_LOW, "A newer kernel is installed than the one that runs");
        finding_show(finding, REPORT_LOW, "runs: %.*s; installed: %s", SV_ARG(running), newest);
}

/* dpkg(1), "Package states": what is neither installed nor removed in the whole. */
static void check_dpkg(struct look *look, struct finding *finding)
{
        struct sv text, line, package = SV("");
        unsigned count = 0;
        enum look_result result = look_file(look, finding, "var/lib/dpkg/status", REPORT_DPKG_MAX, &text);
        if (result != LOOK_READ) {
                if (result == LOOK_ABSENT)
                        finding_absent(finding);
                return;
        }
        while (text.n && sv_line(&text, &line)) {
                if (sv_starts(line, SV("Package: "))) {
                        package = sv_n(line.p + 9, line.n - 9);
                        continue;
                }
                if (!sv_starts(line, SV("Status: ")))
                        continue;
                struct sv rest = sv_n(line.p + 8, line.n - 8), want = SV(""), flag = SV(""), state = SV("");
                if (!sv_word(&rest, &want) || !sv_word(&rest, &flag) || !sv_word(&rest, &state))
                        continue;
                bool broken = sv_eq(flag, SV("reinstreq")) || sv_eq(state, SV("half-installed")) ||
                              sv_eq(state, SV("half-configured")) || sv_eq(state, SV("unpacked"));
                if (!broken)
                        continue;
                count++;
                finding_show(finding, REPORT_MEDIUM, "%.*s: %.*s %.*s", SV_ARG(package), SV_ARG(flag), SV_ARG(state));
        }
        if (count)
                finding_say(finding, REPORT_MEDIUM, "%u %s not installed in the whole", count,
                        count == 1 ? "package is" : "packages are");
}

static void check_lists(struct look *look, struct finding *finding)
{
        enum { OLD_DAYS = 30 };
        struct stat st;
        if (look_stat(look, finding, "var/lib/apt/lists", 0, &st) < 0) {
                finding_absent(finding);
                return;
        }
        int64_t changed = (int64_t)st.st_mtim.tv_sec * SECOND;
        int64_t stamp_age = look->now_unix_ns - changed;
        if (look_stat(look, finding, "var/lib/apt/periodic/update-success-stamp", 0, &st) == 0 &&
                look->now_unix_ns - (int64_t)st.st_mtim.tv_sec * SECOND < stamp_age)
                stamp_age = look->now_unix_ns - (int64_t)st.st_mtim.tv_sec * SECOND;
        if (stamp_age < OLD_DAYS * DAY)
                return;
        finding_say(finding, REPORT_LOW, "Nobody has asked for updates for %lld days", (long long)(stamp_age / DAY));
        finding_show(finding, REPORT_LOW, "/var/lib/apt/lists");
}

static void check_support(struct look *look, struct finding *finding)
{
        struct error err;
        struct os_release release;
        int64_t end;
        if (os_release_read(look->root, look->arena, &release, &err) < 0 || !release.support_end ||
                !time_parse(sv_of(release.support_end), &end)) {
                finding_absent(finding); /* Debian's os-release does not tell it */
                return;
        }
        if (look->now_unix_ns < end)
                return;
        finding_say(finding, REPORT_HIGH, "This system gets no updates any more");
        finding_show(finding, REPORT_HIGH, "%s: support ended on %s",
                release.pretty_name ? release.pretty_name : "this system", release.support_end);
}

const struct report_check report_update_checks[] = {
        { "reboot", AREA_UPDATES, check_reboot, "No update waits for a reboot", "tarsier host", false },
        { "running-kernel", AREA_UPDATES, check_running_kernel, "The newest installed kernel runs",
                "tarsier pkg --name '^linux-image'", false },
        { "packages", AREA_UPDATES, check_dpkg, "Every package is installed in the whole", "tarsier pkg", false },
        { "package-lists", AREA_UPDATES, check_lists, "The lists of packages are fresh",
                "tarsier stat /var/lib/apt/lists", false },
        { "support", AREA_UPDATES, check_support, "The system is supported", "tarsier host", false },
        { 0 },
};
