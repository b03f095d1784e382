/* Acts that the eBPF source must tell rightly; each is one word, done in this process. Compiled by test_bpf_source.py.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_t leader;

static void must(int good, const char *what)
{
        if (good)
                return;
        perror(what);
        exit(99);
}

static void *exec_true(void *unused)
{
        execl("/bin/true", "true", "from a thread", (char *)NULL);
        return unused;
}

static void *outlive(void *unused)
{
        pthread_join(leader, NULL); /* the first thread has ended */
        _exit(5);
        return unused;
}

static void *wait_at(void *barrier)
{
        pthread_barrier_wait(barrier);
        syscall(SYS_exit, 0); /* this thread only; all at once */
        return NULL;
}

static void leader_first(void)
{
        pthread_t thread;
        leader = pthread_self();
        must(pthread_create(&thread, NULL, outlive, NULL) == 0, "thread");
        pthread_exit(NULL);
}

static void end_together(void)
{
        enum { THREADS = 8 };
        static pthread_barrier_t barrier;
        pthread_t thread;
        pthread_barrier_init(&barrier, NULL, THREADS + 1);
        for (int i = 0; i < THREADS; i++)
                must(pthread_create(&thread, NULL, wait_at, &barrier) == 0, "thread");
        wait_at(&barrier);
}

/* A copy of /bin/true that is in no directory. */
static void run_memfd(void)
{
        static char bytes[1 << 20];
        int from = open("/bin/true", O_RDONLY | O_CLOEXEC), to = memfd_create("hidden", MFD_CLOEXEC);
        ssize_t n = read(from, bytes, sizeof(bytes));
        must(from >= 0 && to >= 0 && n > 0 && write(to, bytes, (size_t)n) == n, "memfd");
        char *const arguments[] = { (char *)"hidden", NULL }, *const environment[] = { NULL };
        fexecve(to, arguments, environment);
}

static void run_in_group(const char *directory)
{
        int group = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct clone_args how = { .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group };
        must(group >= 0, directory);
        long pid = syscall(SYS_clone3, &how, sizeof(how));
        if (pid == 0)
                _exit(0);
        must(pid > 0, "clone3");
        printf("%ld\n", pid);
        waitpid((pid_t)pid, NULL, 0);
}

static void trace_child(void)
{
        pid_t pid = fork();
        if (pid == 0) {
                pause();
                _exit(0);
        }
        must(ptrace(PTRACE_SEIZE, pid, NULL, NULL) == 0, "ptrace");
        printf("%d\n", pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

#if defined(__x86_64__)
/* setuid32 by the system calls of 32-bit programs: arch/x86/entry/syscalls/syscall_32.tbl */
static void setuid_compat(void)
{
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(213L), "b"(65534L) : "memory");
        must(result == 0, "int 0x80");
}
#endif

int main(int argc, char **argv)
{
        const char *act = argc > 1 ? argv[1] : "";
        setvbuf(stdout, NULL, _IONBF, 0);
        if (strcmp(act, "exit") == 0) {
                return atoi(argv[2]);
        } else if (strcmp(act, "signal") == 0) {
                kill(getpid(), SIGTERM);
        } else if (strcmp(act, "exec-from-thread") == 0) {
                pthread_t thread;
                must(pthread_create(&thread, NULL, exec_true, NULL) == 0, "thread");
                pause();
        } else if (strcmp(act, "leader-first") == 0) {
                leader_first();
        } else if (strcmp(act, "end-together") == 0) {
                end_together();
        } else if (strcmp(act, "memfd") == 0) {
                run_memfd();
        } else if (strcmp(act, "chroot") == 0) {
                must(chroot(argv[2]) == 0 && chdir("/sub") == 0, "chroot");
                execl("/inside", "inside", "exit", "0", (char *)NULL);
        } else if (strcmp(act, "clone-into") == 0) {
                run_in_group(argv[2]);
        } else if (strcmp(act, "ptrace") == 0) {
                trace_child();
        } else if (strcmp(act, "setresuid") == 0) {
                must(setresuid(65534, 65533, 65532) == 0, "setresuid");
        } else if (strcmp(act, "setuid-fails") == 0) {
                must(setuid(65534) == 0, "setuid");
                must(setuid(1) < 0, "setuid to another");
        } else if (strcmp(act, "mount") == 0) {
                must(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "unshare");
                must(mount("nothing", argv[2], "tmpfs", 0, NULL) == 0, argv[2]);
                must(umount2(argv[2], MNT_DETACH) == 0, argv[2]);
#if defined(__x86_64__)
        } else if (strcmp(act, "setuid-compat") == 0) {
                setuid_compat();
#endif
        } else {
                return 98;
        }
        return 0;
}
