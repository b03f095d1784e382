#include "modules/watch/source/audit_ruleset.h"

#include "base/cleanup.h"
#include "lib/auditrule/auditrule.h"
#include "linux/audit_netlink.h"

#include <libaudit.h> /* AUDIT_KEY_SEPARATOR */

enum { LOCKED = 2 }; /* audit_status.enabled: nothing can be changed until the next boot (kernel/audit.h) */

/* The system calls of an architecture, by what they change; those it does not have are left out. What a server does
 * all day (open, connect, kill …) is not among them, nor setfsuid, which file servers call for each request. One rule
 * for as many as can be: the kernel tries each rule at the end of each system call. */
static const struct group {
        const char *calls; /* separated by spaces */
        const char *fields;
        bool for_forks;
} groups[] = {
        { "execve execveat setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid "
          "setresuid32 "
          "setresgid setresgid32 capset unshare setns mount umount umount2 move_mount pivot_root init_module "
          "finit_module delete_module",
                " -F success=1", false },
        { "ptrace", " -F a0=0x10", false },                                               /* PTRACE_ATTACH */
        { "ptrace", " -F a0=0x4206", false },                                             /* PTRACE_SEIZE */
        { "bpf", " -F a0=0x5", false },                                                   /* BPF_PROG_LOAD */
        { "fork vfork clone clone3", " -F success=1", true }, { "exit_group", "", true }, /* has no result */
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

__attribute__((format(printf, 2, 3))) static void say(
        const struct audit_ruleset_options *options, const char *format, ...)
{
        char text[512];
        va_list args;
        if (!options->log)
                return;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        options->log(options->log_cookie, text);
}

/* --- what is there -------------------------------------------------------------------------------------------------
 */

struct left {
        struct audit_ruleset *ruleset; /* its rules hold the left ones for a while */
        struct audit_status before;
        bool has_before, failed;
};

static bool keep(struct audit_ruleset *ruleset, struct sv bytes)
{
        struct rule_bytes *rule = vec_add(&ruleset->rules, AUDIT_RULESET_MAX);
        if (!rule)
                return false;
        rule->bytes = malloc(bytes.n);
        rule->size = bytes.n;
        if (!rule->bytes) {
                ruleset->rules.count--;
                return false;
        }
        memcpy(rule->bytes, bytes.p, bytes.n);
        return true;
}

static void forget(struct audit_ruleset *ruleset)
{
        vec_foreach (rule, &ruleset->rules)
                free(rule->bytes);
        vec_done(&ruleset->rules);
}

/* "enabled,rate,backlog" */
static bool parse_before(struct sv text, struct audit_status *ret)
{
        struct sv part;
        uint64_t numbers[3];
        for (size_t i = 0; i < 3; i++)
                if (!sv_split(&text, ',', &part) || !sv_parse_u64(part, 10, &numbers[i]) || numbers[i] > UINT32_MAX)
                        return false;
        *ret = (struct audit_status){ .enabled = (uint32_t)numbers[0],
                .rate_limit = (uint32_t)numbers[1],
                .backlog_limit = (uint32_t)numbers[2] };
        return true;
}

static void take_left(struct sv rule, void *cookie)
{
        struct left *left = cookie;
        struct sv ours = SV(AUDIT_RULESET_KEY), key = auditrule_key(rule);
        if (!sv_starts(key, ours))
                return;
        struct sv rest = sv_n(key.p + ours.n, key.n - ours.n);
        if (rest.n > 0 && rest.p[0] == ':')
                left->has_before |= parse_before(sv_n(rest.p + 1, rest.n - 1), &left->before);
        else if (rest.n > 0 && rest.p[0] != AUDIT_KEY_SEPARATOR)
                return;
        if (!keep(left->ruleset, rule))
                left->failed = true;
}

static int delete_all(int fd, struct audit_ruleset *ruleset, struct error *err)
{
        int result = 0;
        struct error first;
        while (ruleset->rules.count > 0) { /* the last first: it is the one that keeps the settings of before */
                struct rule_bytes *rule = &ruleset->rules.items[--ruleset->rules.count];
                struct error failure;
                if (audit_netlink_delete(fd, sv_n(rule->bytes, rule->size), &failure) < 0 &&
                        failure.code != E_NOT_FOUND && result == 0) {
                        first = failure;
                        result = -1;
                }
                free(rule->bytes);
        }
        vec_done(&ruleset->rules);
        if (result < 0 && err)
                *err = first;
        return result;
}

static int remove_left(
        int fd, const struct audit_ruleset_options *options, struct audit_ruleset *ruleset, struct error *err)
{
        struct left left = { .ruleset = ruleset };
        if (audit_netlink_list(fd, take_left, &left, err) < 0)
                return -1;
        if (left.failed)
                return fail(err, E_NO_MEMORY, "the audit rules that an earlier run left");
        ruleset->left = ruleset->rules.count;
        if (left.has_before)
                ruleset->before = left.before;
        ruleset->changes += ruleset->left;
        if (ruleset->left > 0)
                say(options, "audit: removes %zu rules that an earlier run left", ruleset->left);
        return delete_all(fd, ruleset, err);
}

/* --- what is added -------------------------------------------------------------------------------------------------
 */

static int add(int fd, struct audit_ruleset *ruleset, struct sv bytes, struct error *err)
{
        struct error failure;
        if (audit_netlink_add(fd, bytes, &failure) < 0) {
                if (failure.code == E_EXISTS) {
                        ruleset->existed++;
                        return 0;
                }
                if (err)
                        *err = failure;
                return -1;
        }
        ruleset->changes++;
        if (keep(ruleset, bytes))
                return 0;
        (void)audit_netlink_delete(fd, bytes, &failure);
        return fail(err, E_TOO_LARGE, "more than %d audit rules of ours", AUDIT_RULESET_MAX);
}

static int add_marker(int fd, struct audit_ruleset *ruleset, struct error *err)
{
        cleanup(auditrule_done) struct auditrule rule;
        char key[AUDIT_MAX_KEY_LEN];
        auditrule_init(&rule);
        snprintf(key, sizeof(key), AUDIT_RULESET_KEY ":%u,%u,%u", ruleset->before.enabled, ruleset->before.rate_limit,
                ruleset->before.backlog_limit);
        /* of messages that process 0 would send: there are none */
        if (auditrule_parse(SV("-a never,user -F pid=0"), NULL, &rule, err) < 0 ||
                auditrule_put_key(&rule, key, err) < 0)
                return -1;
        return add(fd, ruleset, auditrule_bytes(&rule), err);
}

static int add_text(int fd, struct audit_ruleset *ruleset, const char *text, struct error *err)
{
        cleanup(auditrule_done) struct auditrule rule;
        auditrule_init(&rule);
        if (auditrule_parse(sv_of(text), NULL, &rule, err) < 0)
                return error_prefix(err, "audit rule \"%s\"", text);
        if (rule.kind == AUDITRULE_NOTHING)
                return 0;
        if (rule.kind != AUDITRULE_ADD)
                return fail(err, E_INVALID, "audit rule \"%s\": only -a, -A and -w can be added here", text);
        if (auditrule_put_key(&rule, AUDIT_RULESET_KEY, err) < 0 || add(fd, ruleset, auditrule_bytes(&rule), err) < 0)
                return error_prefix(err, "audit rule \"%s\"", text);
        return 0;
}

/* Those of the group that this architecture has, as " -S a,b,c"; false when there are none. */
static bool calls_of(const char *arch, const struct group *group, struct buf *out)
{
        struct sv rest = sv_of(group->calls), call;
        cleanup(auditrule_done) struct auditrule rule;
        bool any = false;
        auditrule_init(&rule);
        while (sv_word(&rest, &call)) {
                char probe[128];
                int length = snprintf(probe, sizeof(probe), "-a always,exit -F arch=%s -S %.*s", arch, SV_ARG(call));
                if (auditrule_parse(sv_n(probe, (size_t)length), NULL, &rule, NULL) < 0)
                        continue;
                buf_puts(out, any ? "," : " -S ");
                buf_append(out, call.p, call.n);
                any = true;
        }
        return any;
}

static int add_own(
        int fd, const struct audit_ruleset_options *options, struct audit_ruleset *ruleset, struct error *err)
{
        static const char *const archs[] = { "b64", "b32" };
        cleanup(buf_done) struct buf calls, text;
        buf_init(&calls, 1024);
        buf_init(&text, 2048);
        for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
                for (size_t j = 0; j < GROUPS; j++) {
                        buf_clear(&calls);
                        buf_clear(&text);
                        if ((groups[j].for_forks && !options->forks) || !calls_of(archs[i], &groups[j], &calls))
                                continue;
                        buf_printf(
                                &text, "-a always,exit -F arch=%s%s%s", archs[i], buf_text(&calls), groups[j].fields);
                        if (add_text(fd, ruleset, buf_text(&text), err) < 0)
                                return -1;
                }
        for (const char *const *rule = options->rules; rule && *rule; rule++)
                if (add_text(fd, ruleset, *rule, err) < 0)
                        return -1;
        return 0;
}

/* --- settings ------------------------------------------------------------------------------------------------------
 */

static int set(int fd, uint32_t mask, uint32_t value, struct error *err)
{
        struct audit_status status = { .mask = mask };
        if (mask == AUDIT_STATUS_ENABLED)
                status.enabled = value;
        else if (mask == AUDIT_STATUS_RATE_LIMIT)
                status.rate_limit = value;
        else
                status.backlog_limit = value;
        return audit_netlink_set(fd, &status, err);
}

static int change_settings(int fd, const struct audit_ruleset_options *options, const struct audit_status *now,
        struct audit_ruleset *ruleset, struct error *err)
{
        struct audit_status *made = &ruleset->set;
        ruleset->changes += (options->backlog != 0) + (options->rate && options->rate != now->rate_limit) +
                            (now->enabled != 1) + options->immutable;
        if (options->backlog) {
                if (set(fd, AUDIT_STATUS_BACKLOG_LIMIT, options->backlog, err) < 0)
                        return -1;
                made->mask |= AUDIT_STATUS_BACKLOG_LIMIT;
                made->backlog_limit = options->backlog;
                say(options, "audit: backlog limit %u, was %u", options->backlog, now->backlog_limit);
        }
        if (options->rate != now->rate_limit && options->rate) {
                if (set(fd, AUDIT_STATUS_RATE_LIMIT, options->rate, err) < 0)
                        return -1;
                made->mask |= AUDIT_STATUS_RATE_LIMIT;
                made->rate_limit = options->rate;
                say(options, "audit: at most %u records/s, was %u", options->rate, now->rate_limit);
        }
        made->mask |= AUDIT_STATUS_ENABLED;
        made->enabled = 1;
        if (now->enabled == 1)
                return 0;
        say(options, "audit: enabled");
        return set(fd, AUDIT_STATUS_ENABLED, 1, err);
}

static int restore_one(int fd, uint32_t mask, uint32_t made, uint32_t now, uint32_t before, struct error *err)
{
        return now != made || made == before ? 0 : set(fd, mask, before, err);
}

static int restore_settings(int fd, const struct audit_ruleset *ruleset, struct error *err)
{
        const struct audit_status *made = &ruleset->set, *before = &ruleset->before;
        struct audit_status now;
        int result = 0;
        if (audit_netlink_status(fd, &now, err) < 0)
                return -1;
        if (made->mask & AUDIT_STATUS_BACKLOG_LIMIT)
                result |= restore_one(fd, AUDIT_STATUS_BACKLOG_LIMIT, made->backlog_limit, now.backlog_limit,
                        before->backlog_limit, err);
        if (made->mask & AUDIT_STATUS_RATE_LIMIT)
                result |= restore_one(
                        fd, AUDIT_STATUS_RATE_LIMIT, made->rate_limit, now.rate_limit, before->rate_limit, err);
        if (made->mask & AUDIT_STATUS_ENABLED)
                result |= restore_one(fd, AUDIT_STATUS_ENABLED, made->enabled, now.enabled, before->enabled, err);
        return result;
}

/* --- both ----------------------------------------------------------------------------------------------------------
 */

static int load(int fd, const struct audit_ruleset_options *options, const struct audit_status *now,
        struct audit_ruleset *ruleset, struct error *err)
{
        if (remove_left(fd, options, ruleset, err) < 0 || add_marker(fd, ruleset, err) < 0)
                return -1;
        /* what a killed run had changed, and this one does not */
        ruleset->set = (struct audit_status){ .mask = AUDIT_STATUS_BACKLOG_LIMIT | AUDIT_STATUS_RATE_LIMIT,
                .backlog_limit = now->backlog_limit,
                .rate_limit = now->rate_limit };
        if (change_settings(fd, options, now, ruleset, err) < 0 || add_own(fd, options, ruleset, err) < 0)
                return -1;
        say(options, "audit: %zu rules added with key " AUDIT_RULESET_KEY "%s", ruleset->rules.count,
                options->forks ? ", fork and exit among them" : "");
        if (ruleset->existed > 0)
                say(options, "audit: %zu rules of ours were there already and are left", ruleset->existed);
        if (!options->immutable)
                return 0;
        say(options, "audit: locked until the next boot; the rules will stay");
        return set(fd, AUDIT_STATUS_ENABLED, LOCKED, err);
}

int audit_ruleset_load(
        int fd, const struct audit_ruleset_options *options, struct audit_ruleset *ret, struct error *err)
{
        struct audit_ruleset ruleset = { 0 };
        struct audit_status now;
        if (audit_netlink_status(fd, &now, err) < 0)
                return -1;
        ruleset.before = now;
        if (now.enabled == LOCKED) {
                say(options,
                        "audit: the configuration is locked: nothing is changed, only what its rules tell is seen");
                ruleset.locked = true;
                *ret = ruleset;
                return 0;
        }
        if (load(fd, options, &now, &ruleset, err) < 0) {
                (void)audit_ruleset_unload(fd, &ruleset, NULL);
                return -1;
        }
        *ret = ruleset;
        return 0;
}

int audit_ruleset_unload(int fd, struct audit_ruleset *ruleset, struct error *err)
{
        if (ruleset->locked)
                return 0;
        /* the settings before the rule that keeps them: whoever is killed in between leaves that */
        struct rule_bytes marker = { 0 };
        if (ruleset->rules.count > 0) {
                marker = ruleset->rules.items[0];
                memmove(ruleset->rules.items, ruleset->rules.items + 1,
                        --ruleset->rules.count * sizeof(ruleset->rules.items[0]));
        }
        int result = delete_all(fd, ruleset, err);
        struct error further;
        if (ruleset->set.mask && restore_settings(fd, ruleset, &further) < 0) {
                if (result == 0 && err)
                        *err = further;
                result = -1;
        }
        if (marker.bytes && audit_netlink_delete(fd, sv_n(marker.bytes, marker.size), &further) < 0 &&
                further.code != E_NOT_FOUND) {
                if (result == 0 && err)
                        *err = further;
                result = -1;
        }
        free(marker.bytes);
        forget(ruleset);
        return result;
}
