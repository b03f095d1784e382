/* The records of one audit event, read: what the translation (audit_observe.c) decides by. Texts point into the event
 * or into the scratch memory, which lasts for one event. */
#pragma once

#include "lib/audit/assemble.h"
#include "modules/watch/source/audit_syscalls.h"
#include "modules/watch/source/observation.h"

enum {
        AUDIT_PATHS_MAX = 16,            /* PATH records of an event that are looked at; more are passed over */
        AUDIT_ARGUMENTS_MAX = 128 << 10, /* bytes of argv in an observation */
        AUDIT_DETAIL_MAX = 4 << 10,      /* bytes of detail */
        AUDIT_SCRATCH_KEPT = 64 << 10,   /* scratch memory kept between events */
        AUDIT_URINGOP = 1336,            /* newer than the headers of Debian 12 (linux/audit.h) */
        AUDIT_OPENAT2_RECORD = 1337,     /* AUDIT_OPENAT2 */
        AUDIT_MAC_TASK_CONTEXTS = 1420,  /* further records of an event, no event of their own */
        AUDIT_MAC_OBJ_CONTEXTS = 1421,
        AUDIT_LANDLOCK_ACCESS = 1423,
        AUDIT_LANDLOCK_DOMAIN = 1424,
};

struct audit_scratch {
        char *bytes;
        size_t used, capacity;
};

/* Makes it empty, with room for `size` bytes; false without memory (it has none then). */
bool audit_scratch_reset(struct audit_scratch *scratch, size_t size);
void audit_scratch_done(struct audit_scratch *scratch);
/* At most what is left; NULL when that is less than size. */
char *audit_scratch_take(struct audit_scratch *scratch, size_t size);
struct sv audit_scratch_copy(struct audit_scratch *scratch, struct sv text);

enum audit_nametype { NAMETYPE_UNKNOWN, NAMETYPE_NORMAL, NAMETYPE_PARENT, NAMETYPE_DELETE, NAMETYPE_CREATE };

struct audit_path {
        struct sv name; /* as given to the system call; empty when not told */
        enum audit_nametype type;
        bool has_id;
        uint64_t inode;
        uint32_t mode, owner;
};

/* Records that stand beside the system call, the first of each kind. */
enum audit_side {
        SIDE_PROCTITLE,
        SIDE_FCAPS,
        SIDE_CAPSET,
        SIDE_OBJ_PID,
        SIDE_MODULE,
        SIDE_BPF,
        SIDE_SOCKADDR,
        SIDE_OPENAT2,
        SIDES
};

struct audit_facts {
        const struct audit_event *event;
        const struct audit_event_record *call_record; /* SYSCALL or URINGOP, NULL when there is none */
        const struct audit_event_record *side[SIDES];
        const struct audit_event_record *special; /* the record that says what the event is, where no call does */
        enum observation_type special_type;

        const struct audit_call *call; /* never NULL */
        struct sv call_name;
        uint32_t arch;
        uint64_t number;
        bool has_result, success;
        int64_t result;
        uint64_t a[4];
        pid_t pid, ppid;
        uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid, auid, session;
        bool has_session;
        struct sv tty, comm, exe, key, cwd;
        struct audit_path paths[AUDIT_PATHS_MAX];
        size_t path_count;
};

/* False without memory. Paths are read by audit_facts_paths only. */
bool audit_facts_read(struct audit_facts *facts, const struct audit_event *event, const struct audit_calls *calls,
        struct audit_scratch *scratch);
/* At most `max` of them. */
void audit_facts_paths(struct audit_facts *facts, size_t max, struct audit_scratch *scratch);

/* The text of a field; empty when it is absent. audit_plain: of one that is never in hexadecimal. */
struct sv audit_plain(const struct audit_field *field);
struct sv audit_text(const struct audit_field *field, struct audit_scratch *scratch);

/* Makes it absolute with cwd, and clean; what is relative to a directory that is not known stays as it is. directory:
 * the argument that holds that directory's descriptor, 1 is a0, 0 none. */
struct sv audit_path_absolute(
        const struct audit_facts *facts, struct sv name, unsigned directory, struct audit_scratch *scratch);

/* argv from the EXECVE records, or from PROCTITLE: argc, argv and argv_truncated of the observation. */
void audit_arguments(const struct audit_facts *facts, struct audit_scratch *scratch, struct observation *observation);

/* The records as lines, at most AUDIT_DETAIL_MAX. */
struct sv audit_detail(const struct audit_event *event, struct audit_scratch *scratch, bool *ret_cut);

/* "SYSCALL", or "UNKNOWN[1399]". */
struct sv audit_type_text(uint32_t type, struct audit_scratch *scratch);

/* Which kind of event a record makes that is no part of a system call's (OBSERVED_SYSCALL: it makes none). */
enum observation_type audit_special_type(const struct audit_event_record *record);

/* The members that a special record tells: ids, account, result … */
void audit_message(
        const struct audit_event_record *record, struct audit_scratch *scratch, struct observation *observation);
