/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The system calls that are told when they succeed: name, 32-bit number on x86 (arch/x86/entry/syscalls/syscall_32.tbl)
 * and on arm (the same, arch/arm/tools/syscall.tbl), what they are told as. */
#ifndef WATCH_BPF_CALLS_H
#define WATCH_BPF_CALLS_H

/*        name        i386  arm  type */
#define WATCH_BPF_CALLS(X)                                                                                             \
        X(setuid, 213, 213, CREDENTIAL)                                                                                \
        X(setgid, 214, 214, CREDENTIAL)                                                                                \
        X(setreuid, 203, 203, CREDENTIAL)                                                                              \
        X(setregid, 204, 204, CREDENTIAL)                                                                              \
        X(setresuid, 208, 208, CREDENTIAL)                                                                             \
        X(setresgid, 210, 210, CREDENTIAL)                                                                             \
        X(setfsuid, 215, 215, CREDENTIAL)                                                                              \
        X(setfsgid, 216, 216, CREDENTIAL)                                                                              \
        X(capset, 185, 185, CREDENTIAL)                                                                                \
        X(unshare, 310, 337, NAMESPACE)                                                                                \
        X(setns, 346, 375, NAMESPACE)                                                                                  \
        X(ptrace, 26, 26, PTRACE)                                                                                      \
        X(mount, 21, 21, MOUNT)                                                                                        \
        X(umount2, 52, 52, MOUNT)                                                                                      \
        X(move_mount, 429, 429, MOUNT)                                                                                 \
        X(bpf, 357, 386, PROGRAM)

enum watch_bpf_call_index {
#define X(name, i386, arm, type) WATCH_BPF_CALL_##name,
        WATCH_BPF_CALLS(X)
#undef X
                WATCH_BPF_CALL_COUNT
};

#endif
