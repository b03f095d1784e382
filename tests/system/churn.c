/* Makes containers of namespaces and cgroups and runs many short processes in them at once: what tests of watch measure
 * watch against. Compiled by the tests themselves.
 *
 *      churn run CONTAINERS PROCESSES [PIDS_MAX]
 *              each container: a cgroup …/docker/ID in the hierarchies pids (v1, where there is one) and v2, new pid,
 *              mount, uts and ipc namespaces, an init that starts PROCESSES times `churn end ID N`, one after the
 * other. Prints "container ID PID" for each (PID of the init as the caller sees it), then "go", does it, and prints
 * "started N". Removes its cgroups. churn bomb PROCESSES PIDS_MAX one container whose init forks as fast as it can,
 * without exec, until PROCESSES forks have worked; the limit of pids makes most attempts fail. Pids wrap when the
 * namespace is told to have few.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTAINERS_MAX = 200, HIERARCHIES = 2 };

static char bases[HIERARCHIES][512]; /* the group of this test in each hierarchy, "" = none */

static void die(const char *what)
{
        fprintf(stderr, "churn: %s: %s\n", what, strerror(errno));
        exit(1);
}

static void write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                die(path);
        close(fd);
}

static void make_bases(void)
{
        const char *unified =
                access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
        char path[600];
        if (access("/sys/fs/cgroup/pids/cgroup.procs", F_OK) == 0)
                snprintf(bases[0], sizeof(bases[0]), "/sys/fs/cgroup/pids/tarsier-test-%d", getpid());
        if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 || bases[0][0])
                snprintf(bases[1], sizeof(bases[1]), "%s/tarsier-test-%d", unified, getpid());
        for (int i = 0; i < HIERARCHIES; i++) {
                if (!bases[i][0])
                        continue;
                snprintf(path, sizeof(path), "%.500s/docker", bases[i]);
                if (mkdir(bases[i], 0755) < 0 || mkdir(path, 0755) < 0)
                        die(path);
        }
}

static void remove_groups(char ids[][65], int count)
{
        char path[700];
        for (int i = 0; i < HIERARCHIES; i++) {
                if (!bases[i][0])
                        continue;
                for (int c = 0; c < count; c++) {
                        snprintf(path, sizeof(path), "%.500s/docker/%s", bases[i], ids[c]);
                        rmdir(path);
                }
                snprintf(path, sizeof(path), "%.500s/docker", bases[i]);
                rmdir(path);
                rmdir(bases[i]);
        }
}

static void make_id(char id[65])
{
        unsigned char bytes[32];
        int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, bytes, sizeof(bytes)) != sizeof(bytes))
                die("/dev/urandom");
        close(fd);
        for (int i = 0; i < 32; i++)
                sprintf(id + 2 * i, "%02x", bytes[i]);
}

static void enter_group(const char *id, pid_t pid, const char *pids_max)
{
        char path[700], text[32];
        snprintf(text, sizeof(text), "%d", pid);
        for (int i = 0; i < HIERARCHIES; i++) {
                if (!bases[i][0])
                        continue;
                snprintf(path, sizeof(path), "%.500s/docker/%s", bases[i], id);
                if (mkdir(path, 0755) < 0)
                        die(path);
                snprintf(path, sizeof(path), "%.500s/docker/%s/pids.max", bases[i], id);
                if (pids_max && access(path, F_OK) == 0)
                        write_text(path, pids_max);
                snprintf(path, sizeof(path), "%.500s/docker/%s/cgroup.procs", bases[i], id);
                write_text(path, text);
        }
}

/* In the container: wait for the start on fd 3, then the processes. */
static int init_main(char **argv)
{
        char byte;
        long count = atol(argv[3]);
        char number[32];
        if (read(3, &byte, 1) != 1)
                return 1;
        for (long i = 0; i < count; i++) {
                snprintf(number, sizeof(number), "%ld", i);
                pid_t pid = vfork();
                if (pid == 0) {
                        execl("/proc/self/exe", "churn", "end", argv[2], number, NULL);
                        _exit(127);
                }
                int status;
                if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
                        return 1;
        }
        return 0;
}

static int bomb_main(char **argv)
{
        char byte;
        long left = atol(argv[3]);
        if (read(3, &byte, 1) != 1)
                return 1;
        while (left > 0) {
                pid_t pid = fork();
                if (pid == 0)
                        _exit((int)(left & 1));
                if (pid > 0)
                        left--;
                else
                        while (waitpid(-1, NULL, WNOHANG) > 0)
                                ;
        }
        while (waitpid(-1, NULL, 0) > 0)
                ;
        return 0;
}

struct start {
        const char *id, *role, *count;
        int go[2];
        int placed[2];
};

static int begin(void *cookie)
{
        struct start *start = cookie;
        char byte;
        close(start->go[1]);
        close(start->placed[1]);
        if (read(start->placed[0], &byte, 1) != 1 || dup2(start->go[0], 3) < 0)
                return 1;
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
        sethostname(start->id, 12);
        execl("/proc/self/exe", "churn", start->role, start->id, start->count, NULL);
        return 127;
}

static pid_t start_container(struct start *start, const char *pids_max)
{
        static char stack[256 << 10] __attribute__((aligned(16)));
        if (pipe(start->placed) < 0)
                die("pipe");
        pid_t pid = clone(begin, stack + sizeof(stack),
                CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | SIGCHLD, start);
        if (pid < 0)
                die("clone");
        enter_group(start->id, pid, pids_max);
        close(start->placed[0]);
        if (write(start->placed[1], "x", 1) != 1)
                die("pipe");
        close(start->placed[1]);
        return pid;
}

static int run(int containers, const char *role, const char *count, const char *pids_max)
{
        static char ids[CONTAINERS_MAX][65];
        static pid_t pids[CONTAINERS_MAX];
        static struct start starts[CONTAINERS_MAX];
        int failed = 0;
        if (containers < 1 || containers > CONTAINERS_MAX)
                return 2;
        make_bases();
        for (int i = 0; i < containers; i++) {
                make_id(ids[i]);
                starts[i] = (struct start){ .id = ids[i], .role = role, .count = count };
                if (pipe(starts[i].go) < 0)
                        die("pipe");
                fcntl(starts[i].go[1], F_SETFD, FD_CLOEXEC);
                pids[i] = start_container(&starts[i], pids_max);
                close(starts[i].go[0]);
                printf("container %s %d\n", ids[i], pids[i]);
        }
        puts("go");
        fflush(stdout);
        if (getchar() == EOF) /* the test says when */
                failed = 1;
        for (int i = 0; i < containers; i++)
                if (write(starts[i].go[1], "x", 1) != 1)
                        failed = 1;
        for (int i = 0; i < containers; i++) {
                int status;
                if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
                        failed = 1;
        }
        remove_groups(ids, containers);
        if (!failed)
                printf("started %ld\n", containers * atol(count));
        return failed;
}

int main(int argc, char **argv)
{
        if (argc >= 2 && strcmp(argv[1], "end") == 0)
                return 0;
        if (argc == 4 && strcmp(argv[1], "init") == 0)
                return init_main(argv);
        if (argc == 4 && strcmp(argv[1], "bomb-init") == 0)
                return bomb_main(argv);
        if (argc >= 4 && strcmp(argv[1], "run") == 0)
                return run(atoi(argv[2]), "init", argv[3], argc > 4 ? argv[4] : NULL);
        if (argc == 4 && strcmp(argv[1], "bomb") == 0)
                return run(1, "bomb-init", argv[2], argv[3]);
        fprintf(stderr, "usage: churn run CONTAINERS PROCESSES [PIDS_MAX] | bomb PROCESSES PIDS_MAX\n");
        return 2;
}
