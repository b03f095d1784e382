/* lsm: which security modules are on and in which mode, and with --processes how each process is confined. */
#include "linux/lsm.h"

#include "base/cleanup.h"
#include "linux/process.h"
#include "module/lines.h"
#include "module/run.h"

#include <fcntl.h>

struct lsm_params {
        bool processes, profiles;
};

static const struct field params_fields[] = {
        FIELD_BOOL(struct lsm_params, processes, .help = "how each process is confined"),
        FIELD_BOOL(struct lsm_params, profiles, .help = "the names of the AppArmor profiles that are loaded"),
};

struct profile {
        const char *name, *mode;
};

struct confinement {
        int pid;
        char *comm, *label, *seccomp;
        int no_new_privs;
        unsigned filters;
};

struct apparmor {
        bool present;
        char *enabled, *mode;
        bool profiles_readable;
        uint64_t profiles, enforce, complain, other;
        LIST(struct profile) list;
};

struct selinux {
        bool present;
        char *enforcing, *policy;
};

struct lsm_element {
        struct string_list active;
        bool securityfs;
        struct apparmor apparmor;
        struct selinux selinux;
        int yama_ptrace_scope;
        char *lockdown;
        int landlock_abi;
        struct string_list seccomp_actions;
        LIST(struct confinement) processes;
};

struct lsm_statistics {
        uint64_t processes, vanished, denied, refused;
};

static const struct field profile_fields[] = {
        FIELD_STRING(struct profile, name, .help = "name of the profile"),
        FIELD_STRING(struct profile, mode, .help = "enforce, complain, kill or unconfined"),
};

static const struct field apparmor_fields[] = {
        FIELD_BOOL(struct apparmor, present, .help = "the kernel has AppArmor"),
        FIELD_STRING(struct apparmor, enabled, .help = "yes, no or unknown"),
        FIELD_STRING(struct apparmor, mode, .help = "enforce, complain …", .omit_empty = true),
        FIELD_BOOL(struct apparmor, profiles_readable, .help = "the list of profiles could be read"),
        FIELD_UINT(struct apparmor, profiles, .help = "profiles that are loaded"),
        FIELD_UINT(struct apparmor, enforce, .help = "of them in mode enforce"),
        FIELD_UINT(struct apparmor, complain, .help = "of them in mode complain"),
        FIELD_UINT(struct apparmor, other, .help = "of them in another mode"),
        FIELD_RECORDS(struct apparmor, list, struct profile, profile_fields, .help = "the profiles (--profiles)",
                .omit_empty = true),
};

static const struct field selinux_fields[] = {
        FIELD_BOOL(struct selinux, present, .help = "selinuxfs is mounted"),
        FIELD_STRING(struct selinux, enforcing, .help = "yes, no or unknown"),
        FIELD_STRING(struct selinux, policy, .help = "policy that the configuration names", .omit_empty = true),
};

static const struct field confinement_fields[] = {
        FIELD_INT(struct confinement, pid, .help = "process id"),
        FIELD_STRING(struct confinement, comm, .help = "name the kernel has for it"),
        FIELD_STRING(struct confinement, label, .help = "label of the security module", .omit_empty = true),
        FIELD_STRING(struct confinement, seccomp, .help = "off, strict, filter or unknown"),
        FIELD_UINT(struct confinement, filters, .help = "seccomp filters it is under"),
        FIELD_INT(struct confinement, no_new_privs, .help = "1: it cannot gain privileges by exec; -1: not told"),
};

static const struct field element_fields[] = {
        FIELD_STRINGS(struct lsm_element, active, .help = "security modules that are on, in the kernel's order"),
        FIELD_BOOL(struct lsm_element, securityfs, .help = "securityfs is mounted: without it the list is not known"),
        FIELD_RECORD(struct lsm_element, apparmor, struct apparmor, apparmor_fields, .help = "AppArmor"),
        FIELD_RECORD(struct lsm_element, selinux, struct selinux, selinux_fields, .help = "SELinux"),
        FIELD_INT(struct lsm_element, yama_ptrace_scope,
                .help = "0: as always, 1: children only, 2: root only, 3: nobody may trace; -1: no Yama"),
        FIELD_STRING(struct lsm_element, lockdown, .help = "none, integrity or confidentiality", .omit_empty = true),
        FIELD_INT(struct lsm_element, landlock_abi, .help = "version of Landlock, 0 for none"),
        FIELD_STRINGS(struct lsm_element, seccomp_actions, .help = "actions of seccomp filters that the kernel has",
                .omit_empty = true),
        FIELD_RECORDS(struct lsm_element, processes, struct confinement, confinement_fields,
                .help = "confinement of each process (--processes)", .omit_empty = true),
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct lsm_statistics, processes, .help = "processes looked at"),
        FIELD_UINT(struct lsm_statistics, vanished, .help = "processes that ended meanwhile"),
        FIELD_UINT(struct lsm_statistics, denied, .help = "labels that may not be read"),
        FIELD_UINT(struct lsm_statistics, refused, .help = "processes and profiles beyond the tables"),
};

enum { PROCESSES_MAX = 1 << 18 };

static char *switch_text(struct arena *arena, enum lsm_switch value)
{
        return arena_strdup(arena, value == LSM_YES ? "yes" : value == LSM_NO ? "no" : "unknown");
}

static void copy_list(struct arena *arena, const char *const *items, size_t count, struct string_list *ret)
{
        ret->items = arena_array(arena, count, sizeof(char *));
        for (size_t i = 0; ret->items && i < count; i++)
                ret->items[ret->count++] = arena_strdup(arena, items[i]);
}

static void fill_apparmor(struct run *run, const struct lsm *lsm, struct apparmor *ret)
{
        const struct lsm_params *params = run->params;
        ret->present = lsm->apparmor_present;
        ret->enabled = switch_text(&run->arena, lsm->apparmor_enabled);
        ret->mode = arena_strdup(&run->arena, lsm->apparmor_mode);
        ret->profiles_readable = lsm->apparmor_profiles_readable;
        ret->profiles = lsm->apparmor_profiles_count + lsm->apparmor_profiles_refused;
        ret->list.items = arena_array(&run->arena, lsm->apparmor_profiles_count, sizeof(struct profile));
        for (size_t i = 0; i < lsm->apparmor_profiles_count; i++) {
                const struct apparmor_profile *profile = &lsm->apparmor_profiles[i];
                bool enforce = strcmp(profile->mode, "enforce") == 0, complain = strcmp(profile->mode, "complain") == 0;
                ret->enforce += enforce;
                ret->complain += complain;
                ret->other += !enforce && !complain;
                if (params->profiles && ret->list.items)
                        ret->list.items[ret->list.count++] = (struct profile){ profile->name, profile->mode };
        }
}

/* False when the process ended meanwhile. */
static bool fill_process(
        const struct process *process, struct arena *arena, struct lsm_statistics *statistics, struct confinement *ret)
{
        static const char *const seccomp[] = { "unknown", "off", "strict", "filter" };
        struct process_status status;
        struct error seen;
        if (process_read_status(process, &status, &seen) < 0)
                return false;
        if (lsm_read_process_label(process, arena, &ret->label, &seen) < 0) {
                if (process_vanished(&seen))
                        return false;
                statistics->denied += seen.code == E_PERMISSION;
        }
        ret->pid = status.pid;
        ret->comm = arena_strdup(arena, status.name);
        ret->no_new_privs = status.no_new_privs;
        ret->filters = status.seccomp_filters;
        ret->seccomp = arena_strdup(
                arena, seccomp[status.seccomp >= PROCESS_SECCOMP_UNKNOWN && status.seccomp <= PROCESS_SECCOMP_FILTER
                                       ? status.seccomp + 1
                                       : 0]);
        return ret->comm && ret->seccomp;
}

static int fill_processes(struct run *run, int root, struct lsm_element *element, struct error *err)
{
        struct lsm_statistics *statistics = run_statistics(run);
        struct process_iter iter;
        struct process next;
        size_t capacity = 0;
        for (int pass = 0; pass < 2; pass++) { /* count, then fill: some may have come meanwhile */
                if (process_iter_open(&iter, root, err) < 0)
                        return -1;
                while (!run_checkpoint(run) && process_iter_next(&iter, &next)) {
                        cleanup(process_close) struct process process = next;
                        if (pass == 0)
                                capacity++;
                        else if (element->processes.count == capacity)
                                statistics->refused++;
                        else if (fill_process(&process, &run->arena, statistics,
                                         &element->processes.items[element->processes.count]))
                                element->processes.count++;
                        else
                                statistics->vanished++;
                }
                statistics->vanished += pass ? iter.vanished : 0;
                process_iter_close(&iter);
                capacity = capacity + 64 < PROCESSES_MAX ? capacity + (pass ? 0 : 64) : PROCESSES_MAX;
                if (pass == 0)
                        element->processes.items = arena_array(&run->arena, capacity, sizeof(struct confinement));
                if (!element->processes.items)
                        return fail(err, E_NO_MEMORY, "no memory for the processes");
        }
        statistics->processes = element->processes.count;
        return 0;
}

static int lsm_run(struct run *run, struct error *err)
{
        const struct lsm_params *params = run->params;
        struct lsm_statistics *statistics = run_statistics(run);
        struct lsm_element element = { 0 };
        struct lsm *lsm = arena_new(&run->arena, struct lsm);
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0)
                return fail_errno(err, "the root directory");
        if (!lsm)
                return fail(err, E_NO_MEMORY, "no memory for the security modules");
        if (lsm_read(root, &run->arena, lsm, err) < 0)
                return -1;
        copy_list(&run->arena, lsm->active, lsm->active_count, &element.active);
        copy_list(&run->arena, lsm->seccomp_actions, lsm->seccomp_actions_count, &element.seccomp_actions);
        element.securityfs = lsm->securityfs;
        fill_apparmor(run, lsm, &element.apparmor);
        statistics->refused = lsm->apparmor_profiles_refused;
        element.selinux.present = lsm->selinux_present;
        element.selinux.enforcing = switch_text(&run->arena, lsm->selinux_enforcing);
        element.selinux.policy = arena_strdup(&run->arena, lsm->selinux_policy);
        element.yama_ptrace_scope = lsm->yama_ptrace_scope;
        element.lockdown = arena_strdup(&run->arena, lsm->lockdown);
        element.landlock_abi = lsm->landlock_abi;
        if (params->processes && fill_processes(run, root, &element, err) < 0)
                return -1;
        if (run->arena.refused)
                return fail(err, E_NO_MEMORY, "no memory for the security modules");
        return run_emit(run, NULL, &element, err);
}

static const char *text_or(const char *text, const char *otherwise)
{
        return text && *text ? text : otherwise;
}

static void print_list(struct line_printer *printer, const char *name, const struct string_list *list)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, LSM_TEXT_MAX);
        list_foreach (item, list)
                buf_printf(&text, "%s%s", text.len ? ", " : "", *item);
        print_line(printer, "%-21s: %s", name, text.len ? buf_text(&text) : "not told");
}

static void print_apparmor(struct line_printer *printer, const struct apparmor *apparmor)
{
        print_line(printer, "AppArmor mode : %s", text_or(apparmor->mode, apparmor->present ? "not told" : "none"));
        print_line(printer, "AppArmor is enabled : %s", text_or(apparmor->enabled, "unknown"));
        if (apparmor->profiles_readable)
                print_line(printer, "%-21s: %llu (%llu enforce, %llu complain)", "AppArmor profiles",
                        (unsigned long long)apparmor->profiles, (unsigned long long)apparmor->enforce,
                        (unsigned long long)apparmor->complain);
        list_foreach (profile, &apparmor->list)
                print_line(printer, "  %s (%s)", profile->name, profile->mode);
}

static void lsm_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        static const char *const scopes[] = { "0 (as always)", "1 (children only)", "2 (root only)", "3 (nobody)" };
        const struct lsm_element *lsm = row;
        bool yama = lsm->yama_ptrace_scope >= 0 && lsm->yama_ptrace_scope <= 3;
        (void)group;
        (void)label;
        print_apparmor(printer, &lsm->apparmor);
        print_list(printer, "Security modules", &lsm->active);
        print_line(printer, "%-21s: %s", "SELinux",
                !lsm->selinux.present                        ? "none"
                : strcmp(lsm->selinux.enforcing, "yes") == 0 ? "enforcing"
                                                             : "permissive");
        print_line(printer, "%-21s: %s", "Yama ptrace scope", yama ? scopes[lsm->yama_ptrace_scope] : "none");
        print_line(printer, "%-21s: %s", "Lockdown", text_or(lsm->lockdown, "not told"));
        print_line(printer, "%-21s: %d", "Landlock", lsm->landlock_abi);
        print_list(printer, "Seccomp actions", &lsm->seccomp_actions);
        list_foreach (process, &lsm->processes)
                print_line(printer, "%7d %-16s seccomp %s, %u filters, no_new_privs %d%s%s", process->pid,
                        process->comm, process->seccomp, process->filters, process->no_new_privs,
                        process->label && *process->label ? ", " : "", process->label ? process->label : "");
}

static const char *const lsm_paths[] = { "/proc", "/sys", "/etc/selinux", NULL };

static const struct module_example lsm_examples[] = {
        { "lsm", "AppArmor, SELinux, Yama, Landlock, lockdown and seccomp of this host" },
        { "lsm --processes", "which processes are confined, and by what" },
        { 0 },
};

const struct module lsm_module = {
        .name = "lsm",
        .summary = "tell which Linux security modules are on, and how processes are confined",
        .params = RECORD(struct lsm_params, params_fields),
        .element = RECORD(struct lsm_element, element_fields),
        .shape = SHAPE_OBJECT,
        .statistics = RECORD(struct lsm_statistics, statistics_fields),
        .sandbox = { .read_paths = lsm_paths, .capabilities = CAP_BIT(CAP_MAC_ADMIN), .processes = true },
        .limits = { .wall_ns = MINUTE, .memory = 128 * MIB, .result = 64 * MIB },
        .examples = lsm_examples,
        .run = lsm_run,
        .print_row = lsm_print_row,
};
