/* Which system calls a sandbox leaves, as a table: a call, the declaration that allows it, and how. Each call is listed
 * once for each declaration; the strongest permission wins. Names a platform lacks stand behind an #ifdef.
 */
#include "module/sandbox_syscalls.h"

#include <sys/syscall.h>

/* Declarations as bits, so that a row is one comparison. */
enum need {
        ALWAYS = 1 << 0,     /* every worker */
        SOCKETS = 1 << 1,    /* network, netlink, unix_sockets or packet */
        WRITES = 1 << 2,     /* write_paths */
        EXECUTES = 1 << 3,   /* exec */
        SIGNALS = 1 << 4,    /* signals or exec */
        TRACES = 1 << 5,     /* ptrace_read */
        NAMESPACES = 1 << 6, /* namespaces */
        MOUNTS = 1 << 7,     /* mounts */
        FANOTIFY = 1 << 8,   /* fanotify */
        BPF = 1 << 9,        /* bpf */
        IDENTITY = 1 << 10,  /* CAP_SETUID or CAP_SETGID */
        CLOCK = 1 << 11,     /* CAP_SYS_TIME */
        CHROOTS = 1 << 12,   /* CAP_SYS_CHROOT */
};

struct rule {
        short number;
        short need;
        enum verdict verdict;
};

#define RULE(call, need, verdict)                                                                                      \
        {                                                                                                              \
                SYS_##call, need, verdict                                                                              \
        }

/* In this order a later row replaces an earlier one. */
static const struct rule rules[] = {
        RULE(read, ALWAYS, ALLOW),
        RULE(write, ALWAYS, ALLOW),
        RULE(readv, ALWAYS, ALLOW),
        RULE(writev, ALWAYS, ALLOW),
        RULE(pread64, ALWAYS, ALLOW),
        RULE(pwrite64, ALWAYS, ALLOW),
        RULE(preadv, ALWAYS, ALLOW),
        RULE(pwritev, ALWAYS, ALLOW),
        RULE(preadv2, ALWAYS, ALLOW),
        RULE(pwritev2, ALWAYS, ALLOW),
        RULE(close, ALWAYS, ALLOW),
        RULE(close_range, ALWAYS, ALLOW),
        RULE(lseek, ALWAYS, ALLOW),
        RULE(ftruncate, ALWAYS, ALLOW),
        RULE(fallocate, ALWAYS, ALLOW),
        RULE(fsync, ALWAYS, ALLOW),
        RULE(fdatasync, ALWAYS, ALLOW),
        RULE(sync_file_range, ALWAYS, ALLOW),
        RULE(fadvise64, ALWAYS, ALLOW),
        RULE(readahead, ALWAYS, ALLOW),
        RULE(sendfile, ALWAYS, ALLOW),
        RULE(splice, ALWAYS, ALLOW),
        RULE(tee, ALWAYS, ALLOW),
        RULE(vmsplice, ALWAYS, ALLOW),
        RULE(copy_file_range, ALWAYS, ALLOW),
        RULE(dup, ALWAYS, ALLOW),
        RULE(dup3, ALWAYS, ALLOW),
        RULE(fcntl, ALWAYS, ALLOW),
        RULE(flock, ALWAYS, ALLOW),
        RULE(pipe2, ALWAYS, ALLOW),
        RULE(stat, ALWAYS, ALLOW),
        RULE(lstat, ALWAYS, ALLOW),
        RULE(fstat, ALWAYS, ALLOW),
        RULE(newfstatat, ALWAYS, ALLOW),
        RULE(statx, ALWAYS, ALLOW),
        RULE(faccessat, ALWAYS, ALLOW),
        RULE(faccessat2, ALWAYS, ALLOW),
        RULE(readlinkat, ALWAYS, ALLOW),
        RULE(getdents64, ALWAYS, ALLOW),
        RULE(getcwd, ALWAYS, ALLOW),
        RULE(chdir, ALWAYS, ALLOW),
        RULE(fchdir, ALWAYS, ALLOW),
        RULE(statfs, ALWAYS, ALLOW),
        RULE(fstatfs, ALWAYS, ALLOW),
        RULE(umask, ALWAYS, ALLOW),
        RULE(getxattr, ALWAYS, ALLOW),
        RULE(lgetxattr, ALWAYS, ALLOW),
        RULE(fgetxattr, ALWAYS, ALLOW),
        RULE(listxattr, ALWAYS, ALLOW),
        RULE(llistxattr, ALWAYS, ALLOW),
        RULE(flistxattr, ALWAYS, ALLOW),
        RULE(inotify_init1, ALWAYS, ALLOW),
        RULE(inotify_add_watch, ALWAYS, ALLOW),
        RULE(inotify_rm_watch, ALWAYS, ALLOW),
        RULE(mmap, ALWAYS, ALLOW),
        RULE(munmap, ALWAYS, ALLOW),
        RULE(mremap, ALWAYS, ALLOW),
        RULE(mprotect, ALWAYS, ALLOW),
        RULE(madvise, ALWAYS, ALLOW),
        RULE(msync, ALWAYS, ALLOW),
        RULE(mincore, ALWAYS, ALLOW),
        RULE(mlock, ALWAYS, ALLOW),
        RULE(munlock, ALWAYS, ALLOW),
        RULE(brk, ALWAYS, ALLOW),
        RULE(memfd_create, ALWAYS, ALLOW),
        RULE(membarrier, ALWAYS, ALLOW),
        RULE(pkey_alloc, ALWAYS, ALLOW),
        RULE(pkey_free, ALWAYS, ALLOW),
        RULE(pkey_mprotect, ALWAYS, ALLOW),
        RULE(rt_sigaction, ALWAYS, ALLOW),
        RULE(rt_sigprocmask, ALWAYS, ALLOW),
        RULE(rt_sigreturn, ALWAYS, ALLOW),
        RULE(rt_sigpending, ALWAYS, ALLOW),
        RULE(rt_sigtimedwait, ALWAYS, ALLOW),
        RULE(rt_sigsuspend, ALWAYS, ALLOW),
        RULE(sigaltstack, ALWAYS, ALLOW),
        RULE(ppoll, ALWAYS, ALLOW),
        RULE(pselect6, ALWAYS, ALLOW),
        RULE(epoll_create1, ALWAYS, ALLOW),
        RULE(epoll_ctl, ALWAYS, ALLOW),
        RULE(epoll_pwait, ALWAYS, ALLOW),
        RULE(epoll_pwait2, ALWAYS, ALLOW),
        RULE(eventfd2, ALWAYS, ALLOW),
        RULE(timerfd_create, ALWAYS, ALLOW),
        RULE(timerfd_settime, ALWAYS, ALLOW),
        RULE(timerfd_gettime, ALWAYS, ALLOW),
        RULE(signalfd4, ALWAYS, ALLOW),
        RULE(timer_create, ALWAYS, ALLOW),
        RULE(timer_settime, ALWAYS, ALLOW),
        RULE(timer_gettime, ALWAYS, ALLOW),
        RULE(timer_getoverrun, ALWAYS, ALLOW),
        RULE(timer_delete, ALWAYS, ALLOW),
        RULE(setitimer, ALWAYS, ALLOW),
        RULE(getitimer, ALWAYS, ALLOW),
        RULE(nanosleep, ALWAYS, ALLOW),
        RULE(clock_nanosleep, ALWAYS, ALLOW),
        RULE(clock_gettime, ALWAYS, ALLOW),
        RULE(clock_getres, ALWAYS, ALLOW),
        RULE(gettimeofday, ALWAYS, ALLOW),
        RULE(times, ALWAYS, ALLOW),
        RULE(adjtimex, ALWAYS, ALLOW),
        RULE(clock_adjtime, ALWAYS, ALLOW),
        RULE(getrusage, ALWAYS, ALLOW),
        RULE(getrlimit, ALWAYS, ALLOW),
        RULE(sysinfo, ALWAYS, ALLOW),
        RULE(uname, ALWAYS, ALLOW),
        RULE(getcpu, ALWAYS, ALLOW),
        RULE(getrandom, ALWAYS, ALLOW),
        RULE(getpriority, ALWAYS, ALLOW),
        RULE(ioprio_get, ALWAYS, ALLOW),
        RULE(getpid, ALWAYS, ALLOW),
        RULE(getppid, ALWAYS, ALLOW),
        RULE(gettid, ALWAYS, ALLOW),
        RULE(getuid, ALWAYS, ALLOW),
        RULE(geteuid, ALWAYS, ALLOW),
        RULE(getgid, ALWAYS, ALLOW),
        RULE(getegid, ALWAYS, ALLOW),
        RULE(getgroups, ALWAYS, ALLOW),
        RULE(getresuid, ALWAYS, ALLOW),
        RULE(getresgid, ALWAYS, ALLOW),
        RULE(getpgid, ALWAYS, ALLOW),
        RULE(getsid, ALWAYS, ALLOW),
        RULE(capget, ALWAYS, ALLOW),
        RULE(capset, ALWAYS, ALLOW),
        RULE(set_tid_address, ALWAYS, ALLOW),
        RULE(set_robust_list, ALWAYS, ALLOW),
        RULE(get_robust_list, ALWAYS, ALLOW),
        RULE(rseq, ALWAYS, ALLOW),
        RULE(futex, ALWAYS, ALLOW),
        RULE(futex_waitv, ALWAYS, ALLOW),
        RULE(restart_syscall, ALWAYS, ALLOW),
        RULE(sched_yield, ALWAYS, ALLOW),
        RULE(sched_getaffinity, ALWAYS, ALLOW),
        RULE(sched_getparam, ALWAYS, ALLOW),
        RULE(sched_getscheduler, ALWAYS, ALLOW),
        RULE(sched_get_priority_max, ALWAYS, ALLOW),
        RULE(sched_get_priority_min, ALWAYS, ALLOW),
        RULE(sched_getattr, ALWAYS, ALLOW),
        RULE(exit, ALWAYS, ALLOW),
        RULE(exit_group, ALWAYS, ALLOW),
        RULE(wait4, ALWAYS, ALLOW),
        RULE(waitid, ALWAYS, ALLOW),
        RULE(pidfd_open, ALWAYS, ALLOW),
        RULE(seccomp, ALWAYS, ALLOW),
        RULE(landlock_create_ruleset, ALWAYS, ALLOW),
        RULE(landlock_add_rule, ALWAYS, ALLOW),
        RULE(landlock_restrict_self, ALWAYS, ALLOW),
        RULE(sendto, ALWAYS, ALLOW),
        RULE(recvfrom, ALWAYS, ALLOW),
        RULE(sendmsg, ALWAYS, ALLOW),
        RULE(recvmsg, ALWAYS, ALLOW),
        RULE(sendmmsg, ALWAYS, ALLOW),
        RULE(recvmmsg, ALWAYS, ALLOW),
        RULE(shutdown, ALWAYS, ALLOW),
        RULE(getsockopt, ALWAYS, ALLOW),
        RULE(setsockopt, ALWAYS, ALLOW),
        RULE(getsockname, ALWAYS, ALLOW),
        RULE(getpeername, ALWAYS, ALLOW),
        RULE(accept, ALWAYS, ALLOW),
        RULE(accept4, ALWAYS, ALLOW),
        RULE(listen, ALWAYS, ALLOW),
        RULE(socketpair, ALWAYS, CHECK_SOCKETPAIR),
        RULE(openat, ALWAYS, CHECK_OPENAT),
        RULE(openat2, ALWAYS, ABSENT),
        RULE(clone, ALWAYS, CHECK_CLONE),
        RULE(clone3, ALWAYS, ABSENT),
        RULE(prctl, ALWAYS, CHECK_PRCTL),
        RULE(ioctl, ALWAYS, CHECK_IOCTL),
        RULE(prlimit64, ALWAYS, CHECK_FIRST_IS_SELF),
        RULE(setpriority, ALWAYS, CHECK_PRIORITY),
        RULE(ioprio_set, ALWAYS, CHECK_PRIORITY),
        RULE(sched_setaffinity, ALWAYS, CHECK_FIRST_IS_SELF),
        RULE(tgkill, ALWAYS, CHECK_FIRST_IS_SELF),
        RULE(ptrace, ALWAYS, KILL),
        RULE(process_vm_writev, ALWAYS, KILL),
        RULE(kexec_load, ALWAYS, KILL),
        RULE(kexec_file_load, ALWAYS, KILL),
        RULE(init_module, ALWAYS, KILL),
        RULE(finit_module, ALWAYS, KILL),
        RULE(delete_module, ALWAYS, KILL),
        RULE(reboot, ALWAYS, KILL),
        RULE(bpf, ALWAYS, KILL),
        RULE(socket, SOCKETS, CHECK_SOCKET),
        RULE(connect, SOCKETS, ALLOW),
        RULE(bind, SOCKETS, ALLOW),
        RULE(openat, WRITES, ALLOW),
        RULE(openat2, WRITES, ALLOW),
        RULE(mkdirat, WRITES, ALLOW),
        RULE(unlinkat, WRITES, ALLOW),
        RULE(renameat, WRITES, ALLOW),
        RULE(renameat2, WRITES, ALLOW),
        RULE(linkat, WRITES, ALLOW),
        RULE(symlinkat, WRITES, ALLOW),
        RULE(mknodat, WRITES, ALLOW),
        RULE(truncate, WRITES, ALLOW),
        RULE(fchmod, WRITES, ALLOW),
        RULE(fchmodat, WRITES, ALLOW),
        RULE(fchown, WRITES, ALLOW),
        RULE(fchownat, WRITES, ALLOW),
        RULE(utimensat, WRITES, ALLOW),
        RULE(setxattr, WRITES, ALLOW),
        RULE(lsetxattr, WRITES, ALLOW),
        RULE(fsetxattr, WRITES, ALLOW),
        RULE(removexattr, WRITES, ALLOW),
        RULE(lremovexattr, WRITES, ALLOW),
        RULE(fremovexattr, WRITES, ALLOW),
        RULE(syncfs, WRITES, ALLOW),
        RULE(execve, EXECUTES, ALLOW),
        RULE(execveat, EXECUTES, ALLOW),
        RULE(setsid, EXECUTES, ALLOW),
        RULE(setpgid, EXECUTES, ALLOW),
        RULE(kill, SIGNALS, ALLOW),
        RULE(tkill, SIGNALS, ALLOW),
        RULE(tgkill, SIGNALS, ALLOW),
        RULE(pidfd_send_signal, SIGNALS, ALLOW),
        RULE(rt_sigqueueinfo, SIGNALS, ALLOW),
        RULE(rt_tgsigqueueinfo, SIGNALS, ALLOW),
        RULE(process_vm_readv, TRACES, ALLOW),
        RULE(kcmp, TRACES, ALLOW),
        RULE(setns, NAMESPACES, ALLOW),
        RULE(unshare, NAMESPACES, ALLOW),
        RULE(mount, MOUNTS, ALLOW),
        RULE(umount2, MOUNTS, ALLOW),
        RULE(pivot_root, MOUNTS, ALLOW),
        RULE(chroot, MOUNTS, ALLOW),
        RULE(open_tree, MOUNTS, ALLOW),
        RULE(move_mount, MOUNTS, ALLOW),
        RULE(fsopen, MOUNTS, ALLOW),
        RULE(fsconfig, MOUNTS, ALLOW),
        RULE(fsmount, MOUNTS, ALLOW),
        RULE(fspick, MOUNTS, ALLOW),
        RULE(mount_setattr, MOUNTS, ALLOW),
        RULE(fanotify_init, FANOTIFY, ALLOW),
        RULE(fanotify_mark, FANOTIFY, ALLOW),
        RULE(name_to_handle_at, FANOTIFY, ALLOW),
        RULE(open_by_handle_at, FANOTIFY, ALLOW),
        RULE(bpf, BPF, ALLOW),
        RULE(perf_event_open, BPF, ALLOW),
        RULE(setuid, IDENTITY, ALLOW),
        RULE(setgid, IDENTITY, ALLOW),
        RULE(setreuid, IDENTITY, ALLOW),
        RULE(setregid, IDENTITY, ALLOW),
        RULE(setresuid, IDENTITY, ALLOW),
        RULE(setresgid, IDENTITY, ALLOW),
        RULE(setgroups, IDENTITY, ALLOW),
        RULE(setfsuid, IDENTITY, ALLOW),
        RULE(setfsgid, IDENTITY, ALLOW),
        RULE(clock_settime, CLOCK, ALLOW),
        RULE(settimeofday, CLOCK, ALLOW),
        RULE(chroot, CHROOTS, ALLOW),
#ifdef __x86_64__ /* newer platforms never had these */
        RULE(dup2, ALWAYS, ALLOW),
        RULE(pipe, ALWAYS, ALLOW),
        RULE(access, ALWAYS, ALLOW),
        RULE(readlink, ALWAYS, ALLOW),
        RULE(getdents, ALWAYS, ALLOW),
        RULE(inotify_init, ALWAYS, ALLOW),
        RULE(pause, ALWAYS, ALLOW),
        RULE(poll, ALWAYS, ALLOW),
        RULE(select, ALWAYS, ALLOW),
        RULE(epoll_create, ALWAYS, ALLOW),
        RULE(epoll_ctl_old, ALWAYS, ALLOW),
        RULE(epoll_wait, ALWAYS, ALLOW),
        RULE(eventfd, ALWAYS, ALLOW),
        RULE(signalfd, ALWAYS, ALLOW),
        RULE(alarm, ALWAYS, ALLOW),
        RULE(time, ALWAYS, ALLOW),
        RULE(getpgrp, ALWAYS, ALLOW),
        RULE(arch_prctl, ALWAYS, ALLOW),
        RULE(open, ALWAYS, CHECK_OPEN),
        RULE(open, WRITES, ALLOW),
        RULE(creat, WRITES, ALLOW),
        RULE(mkdir, WRITES, ALLOW),
        RULE(rmdir, WRITES, ALLOW),
        RULE(unlink, WRITES, ALLOW),
        RULE(rename, WRITES, ALLOW),
        RULE(link, WRITES, ALLOW),
        RULE(symlink, WRITES, ALLOW),
        RULE(mknod, WRITES, ALLOW),
        RULE(chmod, WRITES, ALLOW),
        RULE(chown, WRITES, ALLOW),
        RULE(lchown, WRITES, ALLOW),
        RULE(utime, WRITES, ALLOW),
        RULE(utimes, WRITES, ALLOW),
        RULE(futimesat, WRITES, ALLOW),
        RULE(fork, EXECUTES, ALLOW),
        RULE(vfork, EXECUTES, ALLOW),
#endif
#ifdef SYS_futex_wake /* Linux 6.7, not in every header */
        RULE(futex_wake, ALWAYS, ALLOW),
        RULE(futex_wait, ALWAYS, ALLOW),
        RULE(futex_requeue, ALWAYS, ALLOW),
#endif
};

static unsigned declared(const struct sandbox *sandbox)
{
        unsigned needs = ALWAYS;
        if (sandbox->network || sandbox->netlink || sandbox->unix_sockets || sandbox->packet)
                needs |= SOCKETS;
        if (sandbox->write_paths && sandbox->write_paths[0])
                needs |= WRITES;
        if (sandbox->exec)
                needs |= EXECUTES | SIGNALS;
        if (sandbox->signals)
                needs |= SIGNALS;
        if (sandbox->ptrace_read)
                needs |= TRACES;
        if (sandbox->namespaces)
                needs |= NAMESPACES;
        if (sandbox->mounts)
                needs |= MOUNTS;
        if (sandbox->fanotify)
                needs |= FANOTIFY;
        if (sandbox->bpf)
                needs |= BPF;
        if (sandbox->capabilities & (CAP_BIT(CAP_SETUID) | CAP_BIT(CAP_SETGID)))
                needs |= IDENTITY;
        if (sandbox->capabilities & CAP_BIT(CAP_SYS_TIME))
                needs |= CLOCK;
        if (sandbox->capabilities & CAP_BIT(CAP_SYS_CHROOT))
                needs |= CHROOTS;
        return needs;
}

void sandbox_fill_verdicts(const struct sandbox *sandbox, uint8_t *verdicts, unsigned max)
{
        unsigned needs = declared(sandbox);
        for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
                if ((needs & (unsigned)rules[i].need) && (unsigned)rules[i].number < max)
                        verdicts[rules[i].number] = (uint8_t)rules[i].verdict;
}
