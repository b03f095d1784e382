/* What kind of thing a system call does, by architecture and number: the table behind the translation of audit events.
 * Numbers come from libaudit, once, when the table is made; x86_64, i386 and aarch64 are known, others are of kind
 * other. */
#pragma once

#include "base/sv.h"

enum audit_call_kind {
        CALL_OTHER,
        CALL_EXEC,
        CALL_FORK,   /* fork, vfork */
        CALL_CLONE,  /* flags in a0 */
        CALL_CLONE3, /* flags in memory that audit does not read */
        CALL_EXIT,
        CALL_EXIT_GROUP,
        CALL_KILL, /* target in a0 */
        CALL_CREDENTIAL,
        CALL_SETNS,
        CALL_UNSHARE,
        CALL_MOUNT,      /* first path is the target, second the source */
        CALL_MOVE_MOUNT, /* the other way round */
        CALL_MODULE_LOAD,
        CALL_MODULE_UNLOAD,
        CALL_PTRACE,
        CALL_BPF,
        CALL_OPEN, /* flags in the argument `flags` */
        CALL_OPENAT2,
        CALL_FILE_WRITE,
        CALL_FILE_CREATE,
        CALL_FILE_DELETE,
        CALL_FILE_RENAME,
        CALL_FILE_LINK,
        CALL_FILE_SYMLINK,
        CALL_FILE_ATTRIBUTE,
};

struct audit_call {
        const char *name;
        enum audit_call_kind kind;
        /* Which arguments are descriptors of the directories that path and path2 stand in, and which holds the flags
         * (or the signal): 1 is a0, 0 none. */
        unsigned char directory, directory2, flags;
};

enum { AUDIT_CALLS_MAX = 512, AUDIT_CALL_ARCHES = 3 };

struct audit_calls {
        unsigned char rows[AUDIT_CALL_ARCHES][AUDIT_CALLS_MAX]; /* row + 1 of the table, 0 = other */
};

void audit_calls_init(struct audit_calls *calls);

/* Never NULL; of what is not known name is NULL. */
const struct audit_call *audit_call_of(const struct audit_calls *calls, uint32_t arch, uint64_t number);
