/* What an event is about, in words: by the type of its record, or by its system call. Pure tables. */
#pragma once

#include "base/sv.h"

#include <stdbool.h>

/* Which PATH record names the object of a system call. */
enum audit_path_choice {
        AUDIT_PATH_NONE,
        AUDIT_PATH_FIRST,
        AUDIT_PATH_LAST,
        AUDIT_PATH_CREATED, /* nametype=CREATE, else the last one */
        AUDIT_PATH_DELETED, /* nametype=DELETE, else the last one */
        AUDIT_PATH_OPENED,  /* CREATE, else NORMAL, else the first one */
};

enum audit_direction { AUDIT_DIRECTION_NONE, AUDIT_INGRESS, AUDIT_EGRESS };

struct audit_normal {
        const char *action; /* "executed"; NULL: none */
        const char *object; /* "file", "process", "user-session" …; NULL: none */
        /* names of fields, with spaces, the first that is there counts; NULL: none. Not for paths and addresses. */
        const char *primary, *secondary;
        const char *how;              /* field; NULL: exe */
        const char *category, *types; /* of ECS, with spaces */
        const char *kind;             /* of ECS: "alert"; NULL: "event" */
        enum audit_path_choice path;
        enum audit_direction direction;
        bool login; /* a record of a log-in: its acct or id is the one who acts */
};

/* type: of a record that is not SYSCALL. NULL: nothing is known. */
const struct audit_normal *audit_normal_of_type(uint32_t type);
/* name: of the system call; never NULL: "something of a process". */
const struct audit_normal *audit_normal_of_syscall(const char *name);

/* "audit-rule", "user-login", "configuration", "mac-decision" …, "unknown" */
const char *audit_category(uint32_t type);
