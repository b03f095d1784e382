/* Listing processes beside ps(1) and dumping sockets beside ss(8): CPU time of both in the same run, as a ratio. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "linux/cgroup.h"
#include "linux/container.h"
#include "linux/netlink_dump.h"
#include "linux/process.h"
#include "linux/socket_owner.h"
#include "linux/sockets.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { PROCESSES = 500, SOCKETS = 5000, ROUNDS = 10 };

static int64_t cpu_of(int who)
{
        struct rusage usage;
        getrusage(who, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
               (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * MICROSECOND;
}

/* CPU time of one run of a program with its output thrown away, the mean of ROUNDS; 0 when it is not installed. */
static int64_t time_program(char *const argv[])
{
        int64_t before = cpu_of(RUSAGE_CHILDREN);
        for (int i = 0; i < ROUNDS; i++) {
                pid_t pid = fork();
                if (pid == 0) {
                        int null = open("/dev/null", O_WRONLY);
                        dup2(null, 1);
                        execvp(argv[0], argv);
                        _exit(127);
                }
                int status;
                if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
                        return 0;
        }
        return (cpu_of(RUSAGE_CHILDREN) - before) / ROUNDS;
}

static size_t list_processes(int root)
{
        struct process_iter iter;
        struct process process;
        size_t complete = 0;
        if (process_iter_open(&iter, root, NULL) < 0)
                return 0;
        while (process_iter_next(&iter, &process)) {
                cleanup(arena_done) struct arena arena;
                arena_init(&arena, 8 * MIB);
                struct process_stat stat;
                struct process_status status;
                struct process_arguments arguments;
                struct process_link exe;
                struct process_link cwd;
                struct container_identity identity;
                cleanup(buf_done) struct buf cgroup;
                buf_init(&cgroup, CGROUP_TEXT_MAX);
                struct error err;
                if (process_read_stat(&process, &stat, &err) == 0 &&
                        process_read_status(&process, &status, &err) == 0 &&
                        process_read_cmdline(&process, &arena, &arguments, &err) == 0 &&
                        process_read_file(&process, "cgroup", &cgroup, &err) == 0) {
                        container_identify(sv_n(buf_text(&cgroup), cgroup.len), &identity);
                        process_read_link(&process, PROCESS_EXE, &arena, &exe, &err);
                        process_read_link(&process, PROCESS_CWD, &arena, &cwd, &err);
                        complete++;
                }
                process_close(&process);
        }
        process_iter_close(&iter);
        return complete;
}

static int count_socket(const struct socket_entry *entry, void *cookie)
{
        char local[INET6_ADDRSTRLEN];
        char remote[INET6_ADDRSTRLEN];
        socket_format_address(entry, &entry->local, local);
        socket_format_address(entry, &entry->remote, remote);
        ++*(size_t *)cookie;
        return 0;
}

static void report(const char *what, size_t count, int64_t ours, const char *peer, int64_t theirs)
{
        if (theirs > 0)
                printf("%-28s %6zu  tarsier %8.2f ms  %s %8.2f ms  ratio %.2f\n", what, count, (double)ours / 1e6, peer,
                        (double)theirs / 1e6, (double)ours / (double)theirs);
        else
                printf("%-28s %6zu  tarsier %8.2f ms  %s not available\n", what, count, (double)ours / 1e6, peer);
}

static void bench_processes(int root)
{
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return;
        pid_t children[PROCESSES];
        for (int i = 0; i < PROCESSES; i++) {
                children[i] = fork();
                if (children[i] == 0) {
                        char c;
                        close(ends[1]);
                        _exit(read(ends[0], &c, 1) != 0);
                }
        }
        size_t count = 0;
        int64_t before = cpu_of(RUSAGE_SELF);
        for (int i = 0; i < ROUNDS; i++)
                count = list_processes(root);
        int64_t ours = (cpu_of(RUSAGE_SELF) - before) / ROUNDS;
        char *argv[] = { (char[]){ "ps" }, (char[]){ "-eo" },
                (char[]){ "pid,ppid,stat,uid,rss,lstart,exe,cgroup,args" }, NULL };
        report("processes", count, ours, "ps", time_program(argv));
        close(ends[1]);
        close(ends[0]);
        for (int i = 0; i < PROCESSES; i++)
                if (children[i] > 0)
                        waitpid(children[i], NULL, 0);
}

static void bench_sockets(int root)
{
        struct rlimit files;
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        if (unshare(CLONE_NEWNET) < 0) {
                printf("sockets: needs a network namespace\n");
                return;
        }
        for (int i = 0; i < SOCKETS; i++) {
                int fd = socket(AF_INET, i % 2 ? SOCK_DGRAM : SOCK_STREAM, 0);
                struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons((uint16_t)(10000 + i)) };
                if (fd < 0 || bind(fd, (void *)&any, sizeof(any)) < 0 || (i % 2 == 0 && listen(fd, 1) < 0)) {
                        printf("sockets: socket %d cannot be made\n", i);
                        return;
                }
        }
        struct sockets_result result;
        size_t count = 0;
        int64_t before = cpu_of(RUSAGE_SELF);
        for (int i = 0; i < ROUNDS; i++) {
                cleanup(fd_close) int netlink = netlink_open(NETLINK_SOCK_DIAG, NULL);
                count = 0;
                sockets_dump(netlink, SOCKETS_TCP | SOCKETS_UDP, 0, count_socket, &count, &result, NULL);
        }
        int64_t ours = (cpu_of(RUSAGE_SELF) - before) / ROUNDS;
        char *argv[] = { (char[]){ "ss" }, (char[]){ "-Hntua" }, NULL };
        report("sockets by sock_diag", count, ours, "ss -ntua", time_program(argv));

        before = cpu_of(RUSAGE_SELF);
        for (int i = 0; i < ROUNDS; i++) {
                count = 0;
                sockets_read_proc(root, "proc/net", SOCKETS_TCP | SOCKETS_UDP, 0, count_socket, &count, &result, NULL);
        }
        report("sockets by /proc/net", count, (cpu_of(RUSAGE_SELF) - before) / ROUNDS, "ss -ntua", time_program(argv));

        struct socket_owners owners = { 0 };
        before = cpu_of(RUSAGE_SELF);
        for (int i = 0; i < ROUNDS; i++) {
                cleanup(fd_close) int netlink = netlink_open(NETLINK_SOCK_DIAG, NULL);
                socket_owners_done(&owners);
                sockets_dump(netlink, SOCKETS_TCP | SOCKETS_UDP, 0, count_socket, &count, &result, NULL);
                socket_owners_scan(root, SOCKET_OWNERS_MAX, &owners, NULL);
        }
        ours = (cpu_of(RUSAGE_SELF) - before) / ROUNDS;
        char *with_owners[] = { (char[]){ "ss" }, (char[]){ "-Hntuap" }, NULL };
        report("sockets and their owners", owners.count, ours, "ss -ntuap", time_program(with_owners));
        socket_owners_done(&owners);
}

int main(void)
{
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        printf("CPU time a run, mean of %d\n", ROUNDS);
        bench_processes(root);
        bench_sockets(root);
        return 0;
}
