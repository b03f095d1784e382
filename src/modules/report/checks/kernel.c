/* Checks: the kernel's own state, its settings and its log. */
#include "modules/report/checks/checks.h"

#include "base/cleanup.h"
#include "linux/kmsg.h"
#include "linux/lsm.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Documentation/admin-guide/tainted-kernels.rst */
static const struct taint {
        unsigned bit;
        enum report_severity severity;
        const char *what;
} taints[] = {
        { 0, REPORT_INFO, "a proprietary module was loaded (P)" },
        { 1, REPORT_LOW, "a module was loaded by force (F)" },
        { 2, REPORT_LOW, "the kernel runs on hardware it is not made for (S)" },
        { 3, REPORT_LOW, "a module was removed by force (R)" },
        { 4, REPORT_HIGH, "a machine check was reported: broken hardware (M)" },
        { 5, REPORT_HIGH, "a page of memory was in a bad state (B)" },
        { 6, REPORT_INFO, "a program asked for the taint (U)" },
        { 7, REPORT_HIGH, "the kernel died recently: an oops or BUG (D)" },
        { 8, REPORT_LOW, "an ACPI table was replaced (A)" },
        { 9, REPORT_LOW, "the kernel warned of a fault of its own (W)" },
        { 10, REPORT_INFO, "a staging driver was loaded (C)" },
        { 11, REPORT_INFO, "a fault of the firmware was worked around (I)" },
        { 12, REPORT_INFO, "a module from outside the kernel was loaded (O)" },
        { 13, REPORT_INFO, "a module without signature was loaded (E)" },
        { 14, REPORT_MEDIUM, "a CPU was stuck: a soft lockup (L)" },
        { 15, REPORT_INFO, "the kernel was patched live (K)" },
        { 18, REPORT_INFO, "a test of the kernel ran (N)" },
};

static void check_taint(struct look *look, struct finding *finding)
{
        uint64_t bits;
        if (!look_number(look, "proc/sys/kernel/tainted", &bits)) {
                finding_blind(finding, "/proc/sys/kernel/tainted", "not readable");
                return;
        }
        for (size_t i = 0; i < sizeof(taints) / sizeof(*taints); i++)
                if (bits >> taints[i].bit & 1)
                        finding_show(finding, taints[i].severity, "%s", taints[i].what);
        if (finding->severity > REPORT_OK)
                finding_say(finding, REPORT_INFO, "The kernel is tainted (%llu)", (unsigned long long)bits);
}

static bool on_command_line(struct look *look, const char *option)
{
        struct sv line = look_line(look, "proc/cmdline"), word;
        while (sv_word(&line, &word))
                if (sv_eq(word, sv_of(option)))
                        return true;
        return false;
}

static void check_vulnerabilities(struct look *look, struct finding *finding)
{
        static const char directory[] = "sys/devices/system/cpu/vulnerabilities";
        struct string_list names = look_names(look, finding, directory);
        unsigned count = 0;
        bool off = on_command_line(look, "mitigations=off");
        list_foreach (name, &names) {
                struct sv state = look_line(look, look_text(look, "%s/%s", directory, *name));
                if (!sv_starts(state, SV("Vulnerable")))
                        continue;
                count++;
                /* in a virtual machine it is the host that holds the cure: low, and medium only when it was refused */
                finding_show(finding, off ? REPORT_MEDIUM : REPORT_LOW, "%s: %.*s", *name, SV_ARG(state));
        }
        if (names.count == 0 && finding->blind_count == 0)
                finding_absent(finding);
        if (count)
                finding_say(finding, REPORT_LOW, "The CPU has %u %s that nothing cures here%s", count,
                        count == 1 ? "weakness" : "weaknesses", off ? " (mitigations=off)" : "");
}

static void check_lsm(struct look *look, struct finding *finding)
{
        struct error err;
        struct lsm lsm;
        if (lsm_read(look->root, look->arena, &lsm, &err) < 0) {
                finding_blind(finding, "/sys/kernel/security", err.message);
                return;
        }
        for (size_t i = 0; i < lsm.active_count; i++) {
                const char *name = lsm.active[i];
                if (strcmp(name, "apparmor") == 0 || strcmp(name, "selinux") == 0 || strcmp(name, "smack") == 0 ||
                        strcmp(name, "tomoyo") == 0) {
                        if (strcmp(name, "selinux") == 0 && lsm.selinux_enforcing == LSM_NO)
                                finding_say(finding, REPORT_LOW, "SELinux is on but only tells what it would refuse");
                        return;
                }
        }
        if (lsm.apparmor_enabled == LSM_YES || lsm.selinux_present)
                return;
        if (!lsm.securityfs) {
                finding_blind(finding, "/sys/kernel/security", "not mounted: which modules are on is not known");
                return;
        }
        finding_say(finding, REPORT_LOW, "No mandatory access control is on: neither AppArmor nor SELinux");
        for (size_t i = 0; i < lsm.active_count; i++)
                finding_show(finding, REPORT_LOW, "on: %s", lsm.active[i]);
}

static void check_boot(struct look *look, struct finding *finding)
{
        static const char variable[] =
                "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"; /* UEFI 2.10, 3.3 */
        enum { ATTRIBUTES = 4 };
        struct sv value, lockdown = lsm_parse_choice(look_line(look, "sys/kernel/security/lockdown"));
        struct stat st;
        if (fstatat(look->root, "sys/firmware/efi", &st, 0) < 0) {
                finding_absent(finding); /* no UEFI: nothing can vouch for the kernel */
                return;
        }
        if (look_file(look, finding, variable, 64, &value) != LOOK_READ)
                return;
        if (value.n > ATTRIBUTES && value.p[ATTRIBUTES] == 1)
                return;
        finding_say(finding, REPORT_INFO, "Secure Boot is off");
        if (lockdown.n)
                finding_show(finding, REPORT_INFO, "lockdown: %.*s", SV_ARG(lockdown));
}

/* Values that are fine are least <= value <= most. */
static const struct setting {
        const char *path;
        uint64_t least, most;
        enum report_severity severity;
        const char *why;
} settings[] = {
        { "kernel/kptr_restrict", 1, 2, REPORT_INFO, "addresses of the kernel are shown to everybody" },
        { "kernel/dmesg_restrict", 1, 1, REPORT_INFO, "everybody may read the kernel's log" },
        { "kernel/unprivileged_bpf_disabled", 1, 2, REPORT_MEDIUM, "everybody may load BPF programs" },
        { "kernel/yama/ptrace_scope", 1, 3, REPORT_INFO, "a process may read the memory of its user's others" },
        { "kernel/randomize_va_space", 2, 2, REPORT_MEDIUM, "addresses of processes are not random" },
        { "kernel/perf_event_paranoid", 2, 4, REPORT_LOW, "everybody may watch the CPU's events" },
        { "fs/protected_symlinks", 1, 1, REPORT_LOW, "links in /tmp of others are followed" },
        { "fs/protected_hardlinks", 1, 1, REPORT_LOW, "hard links to files of others may be made" },
        { "fs/suid_dumpable", 0, 0, REPORT_LOW, "privileged programs may leave core files (2: for root only)" },
        { "net/ipv4/tcp_syncookies", 1, 2, REPORT_LOW, "a flood of SYN packets fills the queues" },
        { "net/ipv4/conf/all/accept_source_route", 0, 0, REPORT_LOW, "senders may choose the way of their packets" },
        { "vm/mmap_min_addr", 4096, UINT64_MAX, REPORT_MEDIUM, "the first page of memory may be mapped" },
};

static void check_settings(struct look *look, struct finding *finding)
{
        unsigned weak = 0, known = 0;
        for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
                const struct setting *setting = &settings[i];
                uint64_t value;
                if (!look_number(look, look_text(look, "proc/sys/%s", setting->path), &value))
                        continue; /* not built in, or for root only */
                known++;
                if (value >= setting->least && value <= setting->most)
                        continue;
                weak++;
                finding_show(finding, setting->severity, "%s = %llu: %s", setting->path, (unsigned long long)value,
                        setting->why);
        }
        if (weak)
                finding_say(finding, REPORT_INFO, "%u of %u settings of the kernel are weaker than they could be", weak,
                        known);
        if (known == 0)
                finding_blind(finding, "/proc/sys", "no setting could be read");
}

/* core(5): "|PROGRAM" starts PROGRAM as root for each crash. */
static void check_core_pattern(struct look *look, struct finding *finding)
{
        struct stat st;
        struct sv pattern = look_line(look, "proc/sys/kernel/core_pattern"), program;
        if (!pattern.n || pattern.p[0] != '|')
                return;
        pattern = sv_n(pattern.p + 1, pattern.n - 1);
        if (!sv_word(&pattern, &program) || program.n < 2 || program.p[0] != '/')
                return;
        const char *path = look_text(look, "%.*s", SV_ARG(program));
        bool shared = sv_starts(program, SV("/tmp/")) || sv_starts(program, SV("/var/tmp/")) ||
                      sv_starts(program, SV("/dev/shm/"));
        bool there = look_stat(look, finding, path + 1, 0, &st) == 0;
        bool open = there && (st.st_mode & S_IWOTH);
        if (shared || open) {
                finding_say(finding, REPORT_CRITICAL,
                        "Everybody can write the program that the kernel runs as root for each crash");
                finding_show(finding, REPORT_CRITICAL, "core_pattern: |%s", path);
        }
}

static const struct trouble {
        const char *text; /* in a message of the kernel */
        enum report_severity severity;
        const char *what;
} troubles[] = {
        { "Machine check", REPORT_HIGH, "machine checks" },
        { "Hardware Error", REPORT_HIGH, "hardware errors" },
        { "EXT4-fs error", REPORT_HIGH, "errors of ext4" },
        { "XFS: Internal error", REPORT_HIGH, "errors of XFS" },
        { "BTRFS critical", REPORT_HIGH, "errors of btrfs" },
        { "Remounting filesystem read-only", REPORT_HIGH, "file systems that turned read-only" },
        { "I/O error, dev", REPORT_MEDIUM, "I/O errors" }, /* blk_update_request: critical or not */
        { "soft lockup", REPORT_MEDIUM, "CPUs that were stuck" },
        { "blocked for more than", REPORT_MEDIUM, "tasks that hung" },
        { "rcu_sched self-detected stall", REPORT_MEDIUM, "stalls of RCU" },
        { "kernel BUG at", REPORT_HIGH, "BUGs of the kernel" },
        { "Oops:", REPORT_HIGH, "oopses of the kernel" },
        { "nf_conntrack: table full", REPORT_MEDIUM, "packets dropped by a full table of connections" },
        { "Possible SYN flooding", REPORT_LOW, "floods of SYN packets" },
        { "temperature above threshold", REPORT_LOW, "CPUs that were too hot" },
};

/* What belongs to a request of zram or a removed medium is no broken disk. */
static bool is_trouble(struct sv message, const struct trouble *trouble)
{
        if (!memmem(message.p, message.n, trouble->text, strlen(trouble->text)))
                return false;
        return strcmp(trouble->text, "I/O error, dev") != 0 ||
               !(memmem(message.p, message.n, "dev sr", 6) || memmem(message.p, message.n, "dev fd", 6) ||
                       memmem(message.p, message.n, "dev loop", 8) || memmem(message.p, message.n, "dev nbd", 7));
}

static int open_log(struct look *look)
{
        return openat(look->root, "dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW);
}

void look_kills(struct look *look, struct report_kills *ret)
{
        struct kmsg_oom_assembler assembler = { 0 };
        char text[KMSG_RECORD_MAX];
        *ret = (struct report_kills){ 0 };
        cleanup(fd_close) int fd = open_log(look);
        ret->readable = fd >= 0;
        for (unsigned records = 0; fd >= 0 && records < REPORT_KERNEL_LOG_MAX; records++) {
                struct kmsg_record record;
                struct kmsg_oom oom;
                ssize_t n = read(fd, text, sizeof(text));
                if (n < 0 && errno == EPIPE)
                        continue;
                if (n <= 0)
                        break;
                if (!kmsg_record_parse(sv_n(text, (size_t)n), &record) || record.facility != KMSG_FACILITY_KERNEL ||
                        !kmsg_oom_feed(&assembler, record.message, record.clock_ns, &oom))
                        continue;
                bool group = strcmp(oom.constraint, "CONSTRAINT_MEMCG") == 0 || oom.group;
                ret->of_groups += group;
                ret->of_host += !group;
                snprintf(ret->last, sizeof(ret->last), "%s", oom.process);
        }
}

static void check_log(struct look *look, struct finding *finding)
{
        enum { KINDS = sizeof(troubles) / sizeof(*troubles) };
        unsigned seen[KINDS] = { 0 };
        char last[KINDS][160];
        char record_text[KMSG_RECORD_MAX];
        unsigned kinds = 0;
        cleanup(fd_close) int fd = open_log(look);
        if (fd < 0) {
                finding_blind(finding, "/dev/kmsg", errno_text(errno));
                return;
        }
        for (unsigned records = 0; records < REPORT_KERNEL_LOG_MAX; records++) {
                struct kmsg_record record;
                ssize_t n = read(fd, record_text, sizeof(record_text));
                if (n < 0 && errno == EPIPE) /* the ring went round: the next read goes on behind the gap */
                        continue;
                if (n <= 0)
                        break;
                if (!kmsg_record_parse(sv_n(record_text, (size_t)n), &record) ||
                        record.facility != KMSG_FACILITY_KERNEL)
                        continue;
                for (size_t i = 0; i < KINDS; i++)
                        if (is_trouble(record.message, &troubles[i])) {
                                seen[i]++;
                                snprintf(last[i], sizeof(last[i]), "%.*s", SV_ARG(record.message));
                        }
        }
        for (size_t i = 0; i < KINDS; i++) {
                if (!seen[i])
                        continue;
                kinds++;
                finding_show(finding, troubles[i].severity, "%u %s, last: %s", seen[i], troubles[i].what, last[i]);
        }
        if (kinds)
                finding_say(finding, REPORT_LOW, "The kernel's log tells of %s",
                        kinds == 1 ? "trouble" : "trouble of several kinds");
}

static void check_entropy(struct look *look, struct finding *finding)
{
        enum { ENOUGH = 64 }; /* bits; since Linux 5.18 it is 256 once the pool is filled */
        uint64_t bits;
        if (!look_number(look, "proc/sys/kernel/random/entropy_avail", &bits)) {
                finding_blind(finding, "/proc/sys/kernel/random/entropy_avail", "not readable");
                return;
        }
        if (bits >= ENOUGH)
                return;
        finding_say(
                finding, REPORT_LOW, "The kernel has gathered little randomness: keys made now may be weak or late");
        finding_show(finding, REPORT_LOW, "entropy_avail %llu bits", (unsigned long long)bits);
}

const struct report_check report_kernel_checks[] = {
        { "taint", AREA_KERNEL, check_taint, "The kernel is not tainted", "tarsier host", false },
        { "cpu-vulnerabilities", AREA_CPU, check_vulnerabilities, "The CPU's known weaknesses are cured",
                "tarsier host", false },
        { "access-control", AREA_KERNEL, check_lsm, "Mandatory access control is on", "tarsier lsm", false },
        { "secure-boot", AREA_KERNEL, check_boot, "Secure Boot is on", "tarsier lsm", false },
        { "settings", AREA_KERNEL, check_settings, "The kernel's settings are as they should be", "tarsier lsm",
                false },
        { "core-pattern", AREA_KERNEL, check_core_pattern, "Nobody else controls what runs for a crash",
                "tarsier stat /proc/sys/kernel/core_pattern", false },
        { "kernel-log", AREA_KERNEL, check_log, "The kernel's log tells of no trouble", "tarsier host", false },
        { "entropy", AREA_KERNEL, check_entropy, "The kernel has randomness enough", "tarsier host", false },
        { 0 },
};
