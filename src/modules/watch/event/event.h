/* One event as users see it: on standard output, in the store, over HTTP, in rules. Its JSON and the names that rules
 * and filters use come from the table in event.c. An event owns nothing: texts and lists live until the call that
 * hands it over returns. */
#pragma once

#include "modules/watch/source/observation.h"
#include "schema/field.h"

enum event_type {
        EVENT_EXEC,
        EVENT_FORK,
        EVENT_EXIT,
        EVENT_CREDENTIAL,
        EVENT_NAMESPACE,
        EVENT_PTRACE,
        EVENT_FILE,
        EVENT_USER,
        EVENT_MODULE,
        EVENT_MOUNT,
        EVENT_BPF,
        EVENT_CAPABILITY,
        EVENT_OOM,
        EVENT_ANOMALY,
        EVENT_CONFIG,
        EVENT_SYSCALL,
        EVENT_CONTAINER, /* started or stopped: container.operation */
        EVENT_GAP,
        EVENT_TYPES
};

extern const char *const event_type_names[]; /* "exec", …, NULL */

/* How the container of a process is known. */
enum attribution { ATTRIBUTION_NONE, ATTRIBUTION_INHERITED, ATTRIBUTION_CGROUP, ATTRIBUTION_LINEAGE };

enum {
        EVENT_ID_MAX = 48,
        EVENT_ANCESTORS_MAX = 64, /* the nearest; more are only counted */
};

struct event_container {
        const char *engine; /* "docker" …; NULL on the host */
        const char *id, *name, *image, *pod;
        int attribution;
};

struct event_ancestor {
        int pid;
        const char *comm, *exe, *exec_id;
};

struct event_process {
        const char *exec_id, *parent_exec_id; /* stable: "BOOT-STARTTICKS-PID-EXECS", hexadecimal */
        int pid, tid, ppid;
        int64_t start_ns; /* since 1970 */
        const char *comm, *exe, *cwd, *tty;
        struct string_list argv;
        bool argv_truncated;
        bool has_ids; /* the ids below are known */
        uint64_t uid, euid, gid, egid;
        bool has_session;
        uint64_t auid, session;
        const char *capabilities; /* effective, names with commas; NULL when not told */
        bool has_container;
        struct event_container container;
        const char *unit; /* systemd */
        uint64_t pid_namespace;
        LIST(struct event_ancestor) ancestors; /* parent first */
        uint64_t ancestors_omitted;
        const char *sha256, *package; /* of exe, when asked for */
};

struct event_exit {
        int code, signal;
        bool core;
        int64_t duration_ns; /* since the fork, or the first sight */
        int64_t user_ns, system_ns;
        uint64_t max_rss;
        bool has_usage;
};

struct event_object { /* what the process acted on */
        const char *operation, *path, *source, *name;
        uint64_t inode, mode, owner;
        int pid;             /* another process */
        const char *exec_id; /* of that one */
};

struct event_audit {
        uint64_t serial;
        const char *key, *syscall, *detail;
        bool has_result, success;
        int64_t result;
};

struct event_user {
        const char *account, *address, *terminal, *hostname;
};

struct event_gap {
        uint64_t lost;
        const char *unit, *reason;
        uint64_t healed; /* processes whose place was repaired from /proc afterwards */
};

struct event {
        int64_t time_ns;
        uint64_t id; /* 1, 2, … in this store or stream */
        int type, source;
        bool has_process, has_exit, has_object, has_audit, has_user, has_gap;
        struct event_process process;
        struct event_exit exit;
        struct event_object object;
        struct event_audit audit;
        struct event_user user;
        struct event_gap gap;
        bool synthetic, late;
        struct string_list tags;   /* names of the rules that matched */
        struct string_list alerts; /* what they say: "high reverse-shell: …" */
};

extern const struct record event_record;
extern const struct record event_process_record, event_container_record;

struct buf;
/* One line of JSON by the table, without the line break; private members masked with `privacy`. */
int event_write(const struct event *event, bool privacy, struct buf *out);
/* The same line with its private members masked. -1 for what is no JSON object, or without memory. */
int event_mask(struct sv json, struct buf *out, struct error *err);
