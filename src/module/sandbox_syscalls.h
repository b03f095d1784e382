/* Between the table of system calls and the writer of the seccomp program. */
#pragma once

#include "module/sandbox.h"

/* What happens to a system call. The CHECK_ ones depend on an argument. */
enum verdict {
        REFUSE, /* EPERM */
        ALLOW,
        ABSENT,           /* ENOSYS: its caller has another way */
        KILL,             /* the process */
        CHECK_SOCKET,     /* the declared families */
        CHECK_SOCKETPAIR, /* AF_UNIX */
        CHECK_OPEN,       /* not for writing: flags are the second argument */
        CHECK_OPENAT,     /* … the third */
        CHECK_CLONE,      /* threads; with exec processes; never new namespaces */
        CHECK_PRCTL,
        CHECK_IOCTL,
        CHECK_FIRST_IS_SELF, /* the first argument is 0 or this process */
        CHECK_PRIORITY,      /* of this process */
        VERDICTS,
};

/* Overwrites verdicts[number] for every call the sandbox says something about. */
void sandbox_fill_verdicts(const struct sandbox *sandbox, uint8_t *verdicts, unsigned max);
