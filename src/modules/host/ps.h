/* The row of ps and how it is filled. */
#pragma once

#include "linux/process.h"
#include "modules/host/accounts.h"
#include "schema/field.h"

struct ps_container {
        char *engine, *id, *pod;
};

struct ps_namespaces {
        uint64_t cgroup, ipc, mnt, net, pid, time, user, uts;
};

struct ps_mount {
        char *point, *source, *type, *options;
};

struct ps_map {
        char *range, *flags, *path;
        uint64_t size;
        bool deleted;
};

struct ps_row {
        int pid, ppid, pgrp, session, depth, nice, no_new_privs;
        int64_t threads;
        char *branch;
        int64_t start_ns;
        char *user;
        uint64_t uid, euid, gid;
        char *comm, *state, *tty;
        bool kernel;
        char *exe, *cwd;
        bool exe_deleted;
        struct string_list cmdline;
        char *cgroup, *unit;
        struct ps_container container;
        struct ps_namespaces namespaces;
        struct string_list capabilities;
        char *seccomp;
        char *label;
        uint64_t rss, vsize, swap;
        int64_t user_time_ns, system_time_ns;
        LIST(struct ps_mount) mounts;
        LIST(struct ps_map) maps;
};

struct ps_statistics {
        uint64_t seen;
        uint64_t shown;
        uint64_t vanished;
        uint64_t denied;
        uint64_t refused;
};

extern const struct record ps_element;

/* What was read once and serves all rows. */
struct ps_host {
        int root;
        int64_t boot_unix_ns;
        int64_t tick_ns; /* length of a clock tick */
        uint64_t page;
        struct accounts users;
        bool mounts, maps;
};

/* Reads stat and status: what filters need. -1 with an error for which process_vanished() tells. */
struct ps_core {
        struct process_stat stat;
        struct process_status status;
        bool has_status;
};
int ps_read_core(const struct process *process, struct ps_core *ret, struct error *err);

/* Fills the row; texts are in the arena. Fields that may not be read stay empty and are counted in denied. -1 when the
 * process ended meanwhile or memory is used up. */
int ps_fill(const struct ps_host *host, const struct process *process, const struct ps_core *core, struct arena *arena,
        struct ps_row *ret, struct ps_statistics *statistics, struct error *err);

/* "pts/3", "tty1", "ttyS0", "136:3"-like for unknown drivers; ret has 32 bytes, "" for none. */
void ps_format_tty(int tty_nr, char *ret);
