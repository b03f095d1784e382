#include "linux/lsm.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/process.h"
#include "linux/text_file.h"

#include <fcntl.h>
#include <sys/syscall.h>

enum { PROFILES_TEXT_MAX = 8 << 20 };

struct sv lsm_parse_choice(struct sv text)
{
        size_t open = sv_find(text, '[');
        if (open == text.n)
                return sv_n(text.p, 0);
        struct sv rest = sv_n(text.p + open + 1, text.n - open - 1);
        size_t close = sv_find(rest, ']');
        return sv_n(rest.p, close == rest.n ? 0 : close);
}

bool lsm_parse_apparmor_label(struct sv text, struct sv *ret_name, struct sv *ret_mode)
{
        text = sv_trim(text);
        if (text.n == 0)
                return false;
        /* a profile name may hold spaces and parentheses: the mode is what the last pair of them says */
        const char *open = text.p[text.n - 1] == ')' ? memrchr(text.p, '(', text.n) : NULL;
        if (!open || open < text.p + 2 || open[-1] != ' ') {
                *ret_name = text;
                *ret_mode = sv_eq(text, SV("unconfined")) ? text : sv_n(text.p, 0);
                return true;
        }
        *ret_name = sv_n(text.p, (size_t)(open - 1 - text.p));
        *ret_mode = sv_n(open + 1, (size_t)(text.p + text.n - 1 - (open + 1)));
        return true;
}

/* Words of a one-line file into a table of pointers; more than max are left. */
static size_t read_words(int root, const char *path, char separator, struct arena *arena, const char **ret, size_t max)
{
        const char *line = text_file_line(root, path, arena);
        size_t count = 0;
        struct sv rest = sv_of(line);
        struct sv word;
        while (line && count < max && sv_split(&rest, separator, &word))
                if (word.n && (ret[count] = arena_strndup(arena, word.p, word.n)))
                        count++;
        return count;
}

static void read_profiles(int root, struct arena *arena, struct lsm *into)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, PROFILES_TEXT_MAX);
        if (file_read(root, "sys/kernel/security/apparmor/profiles", &buf, NULL) < 0)
                return;
        into->apparmor_profiles_readable = true;
        struct sv line;
        size_t lines = 0;
        for (struct sv rest = sv_n(buf_text(&buf), buf.len); sv_line(&rest, &line);)
                lines++;
        size_t room = lines < APPARMOR_PROFILES_MAX ? lines : APPARMOR_PROFILES_MAX;
        into->apparmor_profiles = arena_array(arena, room ? room : 1, sizeof(*into->apparmor_profiles));
        for (struct sv rest = sv_n(buf_text(&buf), buf.len); into->apparmor_profiles && sv_line(&rest, &line);) {
                struct sv name;
                struct sv mode;
                if (into->apparmor_profiles_count == room || !lsm_parse_apparmor_label(line, &name, &mode)) {
                        into->apparmor_profiles_refused++;
                        continue;
                }
                into->apparmor_profiles[into->apparmor_profiles_count++] =
                        (struct apparmor_profile){ arena_strndup(arena, name.p, name.n),
                                arena_strndup(arena, mode.p, mode.n) };
        }
}

static void read_apparmor(int root, struct arena *arena, struct lsm *into)
{
        into->apparmor_present = faccessat(root, "sys/module/apparmor", F_OK, 0) == 0;
        const char *enabled = text_file_line(root, "sys/module/apparmor/parameters/enabled", arena);
        if (enabled)
                into->apparmor_enabled = enabled[0] == 'Y' ? LSM_YES : LSM_NO;
        into->apparmor_mode = text_file_line(root, "sys/module/apparmor/parameters/mode", arena);
        read_profiles(root, arena, into);
}

static void read_selinux(int root, struct arena *arena, struct lsm *into)
{
        const char *enforce = text_file_line(root, "sys/fs/selinux/enforce", arena);
        into->selinux_present = faccessat(root, "sys/fs/selinux/status", F_OK, 0) == 0 || enforce;
        if (enforce)
                into->selinux_enforcing = enforce[0] == '1' ? LSM_YES : LSM_NO;
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, 64 * 1024);
        if (file_read(root, "etc/selinux/config", &buf, NULL) < 0)
                return;
        struct sv line;
        for (struct sv rest = sv_n(buf_text(&buf), buf.len); sv_line(&rest, &line);) {
                line = sv_trim(line);
                if (!sv_starts(line, SV("SELINUXTYPE=")))
                        continue;
                struct sv value = sv_trim(sv_n(line.p + 12, line.n - 12));
                into->selinux_policy = arena_strndup(arena, value.n ? value.p : "", value.n);
        }
}

/* landlock_create_ruleset(2) with this flag makes nothing and tells the ABI. */
static int landlock_abi(void)
{
        enum { CREATE_RULESET_VERSION = 1 };
        long abi = syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_RULESET_VERSION);
        return abi > 0 ? (int)abi : 0;
}

int lsm_read(int root, struct arena *arena, struct lsm *ret, struct error *err)
{
        struct lsm lsm = { .apparmor_enabled = LSM_UNKNOWN, .selinux_enforcing = LSM_UNKNOWN, .yama_ptrace_scope = -1 };
        size_t before = arena->refused;
        lsm.active_count = read_words(root, "sys/kernel/security/lsm", ',', arena, lsm.active, LSM_MAX);
        lsm.securityfs = faccessat(root, "sys/kernel/security/lsm", F_OK, 0) == 0;
        read_apparmor(root, arena, &lsm);
        read_selinux(root, arena, &lsm);
        uint64_t scope;
        if (sv_parse_u64(sv_of(text_file_line(root, "proc/sys/kernel/yama/ptrace_scope", arena)), 10, &scope) &&
                scope <= 3)
                lsm.yama_ptrace_scope = (int)scope;
        const char *lockdown = text_file_line(root, "sys/kernel/security/lockdown", arena);
        if (lockdown) {
                struct sv chosen = lsm_parse_choice(sv_of(lockdown));
                lsm.lockdown = chosen.n ? arena_strndup(arena, chosen.p, chosen.n) : NULL;
        }
        lsm.landlock_abi = landlock_abi();
        lsm.seccomp_actions_count = read_words(
                root, "proc/sys/kernel/seccomp/actions_avail", ' ', arena, lsm.seccomp_actions, SECCOMP_ACTIONS_MAX);
        if (arena->refused != before)
                return fail(err, E_NO_MEMORY, "no memory for the security modules");
        *ret = lsm;
        return 0;
}

int lsm_read_process_label(const struct process *process, struct arena *arena, char **ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        struct error one;
        buf_init(&buf, LSM_TEXT_MAX);
        if (process_read_file(process, "attr/current", &buf, &one) < 0) {
                if (one.errnum == EINVAL || one.errnum == EOPNOTSUPP) { /* no module that labels processes */
                        *ret = NULL;
                        return 0;
                }
                if (err)
                        *err = one;
                return -1;
        }
        struct sv text = sv_n(buf_text(&buf), buf.len);
        text = sv_trim(sv_n(text.p, strnlen(text.p, text.n))); /* SELinux ends it with a NUL, AppArmor with a newline */
        char *label = text.n ? arena_strndup(arena, text.p, text.n) : NULL;
        if (text.n && !label)
                return fail(err, E_NO_MEMORY, "no memory for the label of process %d", process->pid);
        *ret = label;
        return 0;
}
