/* Linux security modules and their neighbours: what is on, in which mode, and what it says of a process. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

struct process;

enum { LSM_MAX = 16, LSM_TEXT_MAX = 4096, APPARMOR_PROFILES_MAX = 16384, SECCOMP_ACTIONS_MAX = 16 };

enum lsm_switch { LSM_UNKNOWN = -1, LSM_NO = 0, LSM_YES = 1 };

struct apparmor_profile {
        const char *name;
        const char *mode; /* "enforce", "complain", "kill", "unconfined" */
};

struct lsm {
        const char *active[LSM_MAX]; /* sys/kernel/security/lsm, in order; none when securityfs is not mounted */
        size_t active_count;
        bool securityfs;

        bool apparmor_present; /* sys/module/apparmor exists */
        enum lsm_switch apparmor_enabled;
        const char *apparmor_mode;                  /* parameters/mode: "enforce", NULL when not told */
        struct apparmor_profile *apparmor_profiles; /* needs CAP_MAC_ADMIN; none otherwise */
        size_t apparmor_profiles_count;
        size_t apparmor_profiles_refused;
        bool apparmor_profiles_readable;

        bool selinux_present; /* selinuxfs is mounted */
        enum lsm_switch selinux_enforcing;
        const char *selinux_policy; /* SELINUXTYPE of etc/selinux/config, NULL when not told */

        int yama_ptrace_scope; /* 0..3, -1 without Yama */
        const char *lockdown;  /* "none", "integrity", "confidentiality", NULL when not told */
        int landlock_abi;      /* 0 for none or off; of the running kernel, whatever the root is */
        const char *seccomp_actions[SECCOMP_ACTIONS_MAX]; /* proc/sys/kernel/seccomp/actions_avail */
        size_t seccomp_actions_count;
};

int lsm_read(int root, struct arena *arena, struct lsm *ret, struct error *err);

/* "none [integrity] confidentiality": the word in brackets, empty when there is none. */
struct sv lsm_parse_choice(struct sv text);
/* "profile-name (enforce)"; a bare "unconfined" is its own mode. */
bool lsm_parse_apparmor_label(struct sv text, struct sv *ret_name, struct sv *ret_mode);

/* attr/current of a process, as text without the trailing newline or NUL; NULL when no LSM answers. */
int lsm_read_process_label(const struct process *process, struct arena *arena, char **ret, struct error *err);
