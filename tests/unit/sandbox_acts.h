/* What the children of test_sandbox.c try once they are locked. An act returns 0 or the errno it got. */
#pragma once

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

static char directory[64]; /* of this run; declared as write path */
static char outside[96];   /* a file beside it */
static int inherited_socket = -1;
static int secret_in_parent = 4711;

#define RESULT(call) ((call) < 0 ? errno : 0)

static int write_file(const char *path)
{
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return errno;
        return write(fd, "x", 1) == 1 ? 0 : errno;
}

static int act_write_outside(void)
{
        return write_file(outside);
}

static int act_write_inside(void)
{
        char path[96], other[96];
        snprintf(path, sizeof(path), "%s/a", directory);
        snprintf(other, sizeof(other), "%s/b", directory);
        int refused = write_file(path);
        if (!refused)
                refused = RESULT(rename(path, other));
        if (!refused)
                refused = RESULT(truncate(other, 0));
        return refused ? refused : RESULT(unlink(other));
}

static int act_truncate_outside(void)
{
        return RESULT(truncate(outside, 0));
}

static int act_open_truncating(void)
{
        cleanup(fd_close) int fd = open(outside, O_RDONLY | O_TRUNC | O_CLOEXEC);
        return RESULT(fd);
}

static int act_unlink_outside(void)
{
        return RESULT(unlink(outside));
}

static int act_chmod_outside(void)
{
        return RESULT(chmod(outside, 0644));
}

static int act_mkdir(void)
{
        return RESULT(mkdir(directory, 0700));
}

static int act_read_outside(void)
{
        cleanup(fd_close) int fd = open(outside, O_RDONLY | O_CLOEXEC);
        return RESULT(fd);
}

static int act_read_etc(void)
{
        cleanup(fd_close) int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
        char byte;
        return fd < 0 ? errno : read(fd, &byte, 1) == 1 ? 0 : errno;
}

static int try_socket(int family, int type, int protocol)
{
        cleanup(fd_close) int fd = socket(family, type | SOCK_CLOEXEC, protocol);
        return RESULT(fd);
}

static int act_inet(void)
{
        int refused = try_socket(AF_INET, SOCK_STREAM, 0);
        int refused6 = try_socket(AF_INET6, SOCK_DGRAM, 0);
        return refused ? refused : refused6 == EAFNOSUPPORT ? 0 : refused6;
}

static int act_raw_socket(void)
{
        return try_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}

static int act_netlink(void)
{
        return try_socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}

static int act_unix(void)
{
        return try_socket(AF_UNIX, SOCK_STREAM, 0);
}

static int act_packet(void)
{
        return try_socket(AF_PACKET, SOCK_RAW, 0);
}

static int act_alg(void)
{
        return try_socket(AF_ALG, SOCK_SEQPACKET, 0);
}

static int act_bind_inherited(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        return RESULT(bind(inherited_socket, (struct sockaddr *)&address, sizeof(address)));
}

static int act_socketpair(void)
{
        int pair[2];
        int refused = RESULT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
        if (!refused) {
                close(pair[0]);
                close(pair[1]);
        }
        return refused;
}

static int act_execve(void)
{
        static char name[] = "true";
        char *argv[] = { name, NULL };
        execve("/bin/true", argv, NULL);
        return errno;
}

static int act_execveat(void)
{
        static char name[] = "true";
        char *argv[] = { name, NULL };
        syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, NULL, 0);
        return errno;
}

static int act_fork(void)
{
        pid_t pid = fork();
        if (pid == 0)
                _exit(7);
        int status;
        if (pid < 0)
                return errno;
        return waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7 ? 0 : EIO;
}

static int act_run_program(void)
{
        pid_t pid = fork();
        if (pid == 0)
                _exit(act_execve());
        int status;
        if (pid < 0)
                return errno;
        return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : EIO;
}

static void *thread_main(void *cookie)
{
        *(int *)cookie = 1;
        return NULL;
}

static int act_thread(void)
{
        pthread_t thread;
        int ran = 0;
        int refused = pthread_create(&thread, NULL, thread_main, &ran);
        if (refused)
                return refused;
        pthread_join(thread, NULL);
        return ran ? 0 : EIO;
}

static int act_ptrace(void)
{
        return RESULT(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int act_module_loading(void)
{
        return RESULT(syscall(SYS_init_module, NULL, 0, ""));
}

static int act_kexec(void)
{
        return RESULT(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

static int act_bpf(void)
{
        union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1 };
        return RESULT(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static int act_mount(void)
{
        return RESULT(mount("none", directory, "tmpfs", 0, NULL));
}

static int act_unshare(void)
{
        return RESULT(unshare(CLONE_NEWUSER));
}

static int act_clone_namespace(void)
{
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
                _exit(0);
        return RESULT(pid);
}

static int act_signal_parent(void)
{
        return RESULT(kill(getppid(), 0));
}

static int act_limit_parent(void)
{
        struct rlimit limit = { 100, 100 };
        return RESULT(prlimit(getppid(), RLIMIT_NOFILE, &limit, NULL));
}

static int act_read_memory(void)
{
        int value = 0;
        struct iovec mine = { &value, sizeof(value) }, theirs = { &secret_in_parent, sizeof(secret_in_parent) };
        ssize_t n = process_vm_readv(getppid(), &mine, 1, &theirs, 1, 0);
        return n < 0 ? errno : value == 4711 ? 0 : EIO;
}

static int act_read_parent_fds(void)
{
        char path[64], target[64];
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getppid(), inherited_socket);
        return RESULT(readlink(path, target, sizeof(target)));
}

static int act_allocate(void)
{
        void *memory = mmap(NULL, 64 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return memory == MAP_FAILED ? errno : munmap(memory, 64 * MIB);
}

static int act_many_files(void)
{
        for (int i = 0; i < 32; i++)
                if (dup(STDERR_FILENO) < 0)
                        return errno;
        return 0;
}

static int act_large_file(void)
{
        char path[96];
        static char block[8192];
        snprintf(path, sizeof(path), "%s/large", directory);
        signal(SIGXFSZ, SIG_IGN);
        cleanup(fd_close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return EIO;
        ssize_t first = write(fd, block, sizeof(block)), second = write(fd, block, sizeof(block));
        int refused = first != sizeof(block) ? EIO : second < 0 ? errno : 0;
        unlink(path);
        return refused;
}

static int act_core(void)
{
        struct rlimit limit;
        getrlimit(RLIMIT_CORE, &limit);
        return limit.rlim_max == 0 ? 0 : EIO;
}

static int act_chown(void)
{
        char path[96];
        snprintf(path, sizeof(path), "%s/owned", directory);
        if (write_file(path))
                return EIO;
        int refused = RESULT(chown(path, 65531, 65531));
        unlink(path);
        return refused;
}

static int act_terminal_input(void)
{
        return RESULT(ioctl(STDIN_FILENO, TIOCSTI, "x"));
}

static int act_fanotify(void)
{
        cleanup(fd_close) int fd = (int)syscall(SYS_fanotify_init, 0, O_RDONLY);
        return RESULT(fd);
}

static int act_perf(void)
{
        return RESULT(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
}

static int act_handle(void)
{
        return RESULT(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

static int act_uring(void)
{
        return RESULT(syscall(SYS_io_uring_setup, 1, NULL));
}

static int act_abort(void)
{
        abort();
}

/* The i386 entry has other numbers for the same calls; the filter must not be asked through it. */
static int act_foreign_calls(void)
{
#ifdef __x86_64__
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory", "r8", "r9", "r10", "r11");
        return result == getpid() ? 0 : EIO;
#else
        kill(getpid(), SIGSYS);
        return 0;
#endif
}

/* What libc does behind one's back. */
static int act_ordinary_work(void)
{
        char *text = NULL;
        if (asprintf(&text, "%d", 42) < 0)
                return errno;
        text = realloc(text, 1 << 20);
        if (!text)
                return ENOMEM;
        memset(text, 'x', 1 << 20);
        free(text);
        cleanup(free) char *out = NULL;
        size_t size;
        FILE *stream = open_memstream(&out, &size);
        fprintf(stream, "%ld %d", (long)time(NULL), (int)getpid());
        fclose(stream);
        struct timespec now, pause = { 0, 1 };
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (nanosleep(&pause, NULL) < 0 || isatty(0) > 1)
                return errno;
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? act_socketpair() : EIO;
}
