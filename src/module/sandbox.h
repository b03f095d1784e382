/* What a worker may still do once it has locked itself. A module (or a role of one) declares a struct sandbox; nothing
 * declared is nothing allowed: no files, no sockets, no programs, no capabilities. sandbox_apply is called by the
 * worker in its only thread, after it has its fds and before it reads a byte from outside; it cannot be undone.
 *
 * Four layers, each complete where it can be: no_new_privs and capabilities (capabilities(7)), Landlock for paths, TCP,
 * signals and abstract sockets (landlock(7)), resource limits, and a seccomp allow-list (seccomp(2)) that also refuses
 * every opening for writing when no write_paths are declared. A kernel that lacks a layer or a part is reported, not
 * hidden; the caller decides with sandbox_report whether that is enough.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

#define CAP_BIT(capability) (UINT64_C(1) << (capability))

/* Zero is "not declared": no limit but the one inherited. Core files are always off. */
struct sandbox_limits {
        uint64_t data;      /* bytes of heap, mappings and data (RLIMIT_DATA) */
        uint64_t file_size; /* bytes of a file written (RLIMIT_FSIZE) */
        unsigned files;     /* open files (RLIMIT_NOFILE) */
        unsigned processes; /* processes of the user (RLIMIT_NPROC) */
};

struct sandbox {
        uint64_t capabilities; /* CAP_BIT(CAP_NET_RAW) | …: kept, if the process has them; all others go for good */

        bool network;      /* AF_INET and AF_INET6 sockets; connect and bind over TCP */
        bool netlink;      /* AF_NETLINK sockets */
        bool unix_sockets; /* AF_UNIX sockets, abstract ones included */
        bool packet;       /* AF_PACKET sockets (needs CAP_NET_RAW) */
        bool exec;         /* fork and execute programs */
        bool signals;      /* signal other processes */
        bool processes;    /* read what /proc guards by ptrace rules: fd, exe, maps, environ of others. Landlock refuses
                              that to everyone it holds (landlock(7), "Ptrace restrictions"), so paths and sockets are
                              then kept by seccomp and capabilities only. CAP_SYS_ADMIN and CAP_PERFMON read environ
                              and maps of others all the same (may_access_mm in kernel/fork.c), where paths let them */
        bool ptrace_read;  /* process_vm_readv and /proc/PID/mem; includes processes */
        bool namespaces;   /* setns, unshare */
        bool mounts;       /* mount and its family, chroot, pivot_root */
        bool fanotify;     /* fanotify_init, fanotify_mark */
        bool bpf;          /* bpf, perf_event_open */

        bool read_all;                  /* may read every file that permissions allow */
        const char *const *read_paths;  /* NULL-terminated: these and all below; NULL: none */
        const char *const *write_paths; /* the same, read, written, created and removed */

        struct sandbox_limits limits;
};

enum sandbox_layer {
        SANDBOX_NO_NEW_PRIVS,
        SANDBOX_CAPABILITIES,
        SANDBOX_LANDLOCK,
        SANDBOX_LIMITS,
        SANDBOX_SECCOMP,
        SANDBOX_LAYERS,
};

/* What was really put in place. */
struct sandbox_report {
        bool active[SANDBOX_LAYERS];
        int landlock_abi;      /* of the kernel; 0 without Landlock */
        uint64_t capabilities; /* kept */
        unsigned paths_absent; /* declared paths that do not exist */
        char missing[512];     /* what could not be enforced and why, "; " between; "" when all is in place */
};

const char *sandbox_layer_name(enum sandbox_layer layer);

/* Locks the calling process. -1 when a layer the kernel has could not be applied (the caller must end), or when other
 * threads run (E_INVALID). ret_report may be NULL. Undeclared system calls fail with EPERM; ptrace, loading of modules
 * or kernels, and undeclared bpf end the process (SIGSYS). */
int sandbox_apply(const struct sandbox *sandbox, struct sandbox_report *ret_report, struct error *err);

/* Takes away all files but `read_paths` (and what lies below them; NULL: none) from a process that is locked already:
 * for a module with read_all that has read the files which its parameters name, and is to hear strangers next. Landlock
 * only, as a further layer; nothing where the kernel lacks it. In the only thread. */
int sandbox_narrow_paths(const char *const *read_paths, struct error *err);

/* One clause a line: "reads every file", "no network", "capabilities: net_raw", … for `tarsier modules`. */
void sandbox_describe(const struct sandbox *sandbox, struct buf *out);

/* ---- parts, for tests and for tools that build a sandbox of their own ---- */

struct sock_filter;

/* The seccomp program: its length (at most SANDBOX_FILTER_MAX), written to ret_filter; -1 when it does not fit. */
enum { SANDBOX_FILTER_MAX = 1024 };
int sandbox_build_filter(const struct sandbox *sandbox, struct sock_filter *ret_filter, struct error *err);
