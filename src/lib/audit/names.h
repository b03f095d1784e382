/* Names for the numbers in audit records. Pure. What libaudit knows comes from its tables; a number without a name is
 * NULL, or stands as a number in what is appended. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

/* arch: AUDIT_ARCH_… as in `arch=c000003e`: "x86_64", "i386", "aarch64" … */
const char *audit_arch_name(uint32_t arch);
const char *audit_syscall_name(uint32_t arch, int number);
int audit_syscall_number(uint32_t arch, const char *name); /* -1 when not known */

const char *audit_errno_name(int number);          /* 13: "EACCES" */
const char *audit_signal_name(int number);         /* 11: "SIGSEGV" */
const char *audit_capability_name(unsigned cap);   /* 21: "sys_admin" */
const char *audit_family_name(unsigned family);    /* AF_INET: "ipv4" */
const char *audit_list_name(uint32_t list);        /* 4: "exit" */
const char *audit_seccomp_action(uint32_t code);   /* 0: "kill" */
const char *audit_ptrace_request(uint64_t number); /* 0x4206: "PTRACE_SEIZE" */
const char *audit_bpf_command(uint64_t number);    /* 5: "BPF_PROG_LOAD" */
const char *audit_prctl_option(uint64_t number);   /* 15: "PR_SET_NAME" */

/* "chown,kill", "none", or "all" for all that this list knows. */
void audit_capabilities_append(uint64_t set, struct buf *out);

/* "file,755", "dir,sticky,777": type and permissions, as ausearch -i. */
void audit_mode_append(uint32_t mode, struct buf *out);
const char *audit_file_type(uint32_t mode); /* "file", "dir", "character" …; NULL when not told */

enum audit_flags {
        AUDIT_FLAGS_OPEN,   /* "O_WRONLY|O_CREAT" */
        AUDIT_FLAGS_CLONE,  /* "CLONE_VM|CLONE_FS|SIGCHLD" */
        AUDIT_FLAGS_PROT,   /* "PROT_READ|PROT_EXEC" */
        AUDIT_FLAGS_MAP,    /* "MAP_PRIVATE|MAP_ANONYMOUS" */
        AUDIT_FLAGS_MOUNT,  /* "MS_RDONLY|MS_BIND" */
        AUDIT_FLAGS_UMOUNT, /* "MNT_DETACH" */
        AUDIT_FLAGS_AT,     /* "AT_EMPTY_PATH" */
        AUDIT_FLAGS_ACCESS, /* "R_OK|W_OK" */
        AUDIT_FLAGS_KINDS
};

/* Names with '|'; bits without a name as one hexadecimal number at the end; "0" when there is nothing. */
void audit_flags_append(enum audit_flags kind, uint64_t flags, struct buf *out);
