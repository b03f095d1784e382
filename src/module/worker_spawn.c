/* The way from clone to exec. The child shares the parent's memory until then (CLONE_VM | CLONE_VFORK, as posix_spawn
 * does), so a start costs the same in a large process, and what goes wrong is reported through that memory. It only
 * makes system calls: no malloc, no locks, no signal handlers. */
#include "module/worker_internal.h"

#include "base/sv.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#if defined(__SANITIZE_ADDRESS__)
#define SHARES_MEMORY false /* the sanitizer's shadow of the child's stack must not stay behind in the parent */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHARES_MEMORY false
#endif
#endif
#ifndef SHARES_MEMORY
#define SHARES_MEMORY true
#endif

enum {
        STACK_SIZE = 64 << 10,
        FDS_MAX = 3 + 2 + WORKER_FILES_MAX + 1,
        CLOSE_FALLBACK_MAX = 65536, /* fds looked at one by one on kernels without close_range */
};

struct placement {
        int from, to;
};

/* On a page of its own, below the child's stack. */
struct spawn {
        const struct worker *worker;
        const char *path;
        int program_fd;
        char **environment;
        struct placement fds[FDS_MAX];
        unsigned fds_count;
        int first_free; /* the child's fds end below */
        bool is_script; /* then program_fd stays open across exec */
        int null_fd;
        /* back from the child */
        int errnum;
        const char *what;
};

static int refuse(struct spawn *spawn, const char *what)
{
        spawn->errnum = errno;
        spawn->what = what;
        return -1;
}

static void reset_signals(void)
{
        struct sigaction standard = { .sa_handler = SIG_DFL };
        for (int signal = 1; signal < NSIG; signal++)
                sigaction(signal, &standard, NULL);
}

static int place_fds(struct spawn *spawn)
{
        int parked_min = spawn->first_free > WORKER_PARKED_FD_MIN ? spawn->first_free : WORKER_PARKED_FD_MIN;
        for (unsigned i = 0; i < spawn->fds_count; i++) {
                struct placement *fd = &spawn->fds[i];
                if (fd->from < spawn->first_free) {
                        fd->from = fcntl(fd->from, F_DUPFD_CLOEXEC, parked_min);
                        if (fd->from < 0)
                                return refuse(spawn, "placing a file");
                }
        }
        for (unsigned i = 0; i < spawn->fds_count; i++)
                if (dup2(spawn->fds[i].from, spawn->fds[i].to) < 0)
                        return refuse(spawn, "placing a file");
        return 0;
}

static void close_others_at_exec(unsigned first)
{
        if (close_range(first, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
                return;
        for (int fd = (int)first; fd < CLOSE_FALLBACK_MAX; fd++)
                fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* By system call: glibc's functions would change the parent's threads too. */
static int change_identity(struct spawn *spawn)
{
        const struct worker *worker = spawn->worker;
        if ((worker->uid_given || worker->gid_given) && syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
                return refuse(spawn, "dropping groups");
        if (worker->gid_given && syscall(SYS_setresgid, worker->gid, worker->gid, worker->gid) < 0)
                return refuse(spawn, "changing the group");
        if (worker->uid_given && syscall(SYS_setresuid, worker->uid, worker->uid, worker->uid) < 0)
                return refuse(spawn, "changing the user");
        return 0;
}

static int prepare(struct spawn *spawn)
{
        const struct worker *worker = spawn->worker;
        reset_signals();
        if (worker->session && setsid() < 0)
                return refuse(spawn, "starting a session");
        if (place_fds(spawn) < 0)
                return -1;
        close_others_at_exec((unsigned)spawn->first_free);
        if (spawn->program_fd >= 0 && !spawn->is_script)
                fcntl(spawn->program_fd, F_SETFD, FD_CLOEXEC);
        for (unsigned i = 0; i < worker->rlimits_count; i++) {
                const struct worker_rlimit *limit = &worker->rlimits[i];
                if (syscall(SYS_prlimit64, 0, limit->resource, &limit->value, NULL) < 0)
                        return refuse(spawn, "setting a resource limit");
        }
        if (worker->directory && chdir(worker->directory) < 0)
                return refuse(spawn, worker->directory);
        if (change_identity(spawn) < 0)
                return -1;
        if (worker->death_signal && prctl(PR_SET_PDEATHSIG, worker->death_signal, 0, 0, 0) < 0)
                return refuse(spawn, "setting the death signal");
        return 0;
}

/* Not instrumented: a sanitizer knows nothing of this stack and would warn at _exit. */
__attribute__((no_sanitize_address)) static int child_main(void *cookie)
{
        struct spawn *spawn = cookie;
        if (prepare(spawn) == 0) {
                sigset_t none;
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                if (spawn->path)
                        execve(spawn->path, spawn->worker->argv, spawn->environment);
                else
                        syscall(SYS_execveat, spawn->program_fd, "", spawn->worker->argv, spawn->environment,
                                AT_EMPTY_PATH);
                refuse(spawn, spawn->worker->program);
        }
        _exit(127);
}

/* The program as execve takes it; a name without '/' is looked up in the parent's PATH. *owned is to be freed. */
static int find_program(const char *program, char **ret_owned, const char **ret_path, struct error *err)
{
        if (strchr(program, '/')) {
                *ret_path = program;
                return 0;
        }
        const char *path = getenv("PATH");
        struct sv rest = sv_of(path ? path : "/usr/local/bin:/usr/bin:/bin"), directory;
        while (sv_split(&rest, ':', &directory)) {
                char *candidate = NULL;
                if (directory.n == 0) /* the current directory, which nobody means */
                        continue;
                if (asprintf(&candidate, "%.*s/%s", SV_ARG(directory), program) < 0)
                        return fail(err, E_NO_MEMORY, "%s", program);
                if (faccessat(AT_FDCWD, candidate, X_OK, AT_EACCESS) == 0) {
                        *ret_path = *ret_owned = candidate;
                        return 0;
                }
                free(candidate);
        }
        return fail(err, E_NOT_FOUND, "%s: executable file not found in PATH", program);
}

static bool names_version(const char *variable)
{
        static const char *const names[] = { TARSIER_CHILD_VERSION_VARIABLE "=",
                TARSIER_CHILD_SEED_VERSION_VARIABLE "=" };
        return strncmp(variable, names[0], strlen(names[0])) == 0 || strncmp(variable, names[1], strlen(names[1])) == 0;
}

/* The environment with our version in place of any inherited one. The list is to be freed, its texts are borrowed. */
static char **make_environment(const struct worker *worker)
{
        static char version[] = TARSIER_CHILD_VERSION_VARIABLE "=" TARSIER_CHILD_VERSION;
        static char seed_version[] = TARSIER_CHILD_SEED_VERSION_VARIABLE "=" TARSIER_CHILD_VERSION;
        char **given = worker->environment ? worker->environment : environ;
        size_t count = 0;
        while (given && given[count])
                count++;
        char **list = malloc((count + 2) * sizeof(*list));
        if (!list)
                return NULL;
        size_t kept = 0;
        for (size_t i = 0; i < count; i++)
                if (!names_version(given[i]))
                        list[kept++] = given[i];
        if (worker->protocol)
                list[kept++] = worker->seed_form ? seed_version : version;
        list[kept] = NULL;
        return list;
}

static void place(struct spawn *spawn, int from, int to)
{
        spawn->fds[spawn->fds_count++] = (struct placement){ from, to };
}

static int plan_fds(struct spawn *spawn, int data_fd, int status_fd, struct error *err)
{
        const struct worker *worker = spawn->worker;
        for (int i = 0; i < 3; i++) {
                if (!worker->stdio_given[i])
                        continue;
                if (worker->stdio[i] < 0 && spawn->null_fd < 0) {
                        spawn->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
                        if (spawn->null_fd < 0)
                                return fail_errno(err, "/dev/null");
                }
                place(spawn, worker->stdio[i] < 0 ? spawn->null_fd : worker->stdio[i], i);
        }
        int next = 3;
        if (worker->protocol) {
                place(spawn, data_fd, next++);
                place(spawn, status_fd, next++);
        }
        for (unsigned i = 0; i < worker->files_count; i++)
                place(spawn, worker->files[i], next++);
        if (worker->program_fd >= 0) {
                /* The kernel hands a script to its interpreter as /dev/fd/N (execveat(2)), so N must stay open. */
                char mark[2];
                spawn->is_script = pread(worker->program_fd, mark, 2, 0) == 2 && memcmp(mark, "#!", 2) == 0;
                spawn->program_fd = next;
                place(spawn, worker->program_fd, next++);
        }
        spawn->first_free = next;
        return 0;
}

static int report_refusal(const struct spawn *spawn, int pidfd, struct error *err)
{
        siginfo_t end;
        while (waitid(P_PIDFD, (id_t)pidfd, &end, WEXITED) < 0 && errno == EINTR)
                continue;
        errno = spawn->errnum;
        return fail_errno(err, "%s", spawn->what ? spawn->what : spawn->worker->program);
}

/* Changing ids changes whether the memory's owner may be traced, so that child gets memory of its own. */
static bool shares_memory(const struct worker *worker)
{
        return SHARES_MEMORY && !worker->uid_given && !worker->gid_given;
}

static int run_clone(struct worker *worker, struct spawn *spawn, char *stack_end, struct error *err)
{
        int flags = CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (shares_memory(worker) ? CLONE_VM : 0);
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        int pidfd = -1;
        pid_t pid = clone(child_main, stack_end, flags, spawn, &pidfd);
        int saved = errno;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        errno = saved;
        if (pid < 0)
                return fail_errno(err, "starting %s", worker->program);
        if (spawn->errnum) {
                report_refusal(spawn, pidfd, err);
                close(pidfd);
                return -1;
        }
        worker->pid = pid;
        worker->pidfd = pidfd;
        return 0;
}

int worker_spawn(struct worker *worker, int data_fd, int status_fd, struct error *err)
{
        cleanup(free) char *owned_path = NULL;
        const char *path = NULL;
        if (worker->program_fd < 0 && find_program(worker->program, &owned_path, &path, err) < 0)
                return -1;
        cleanup(free) char **environment = make_environment(worker);
        if (!environment)
                return fail(err, E_NO_MEMORY, "the environment of %s", worker->program);

        int sharing = shares_memory(worker) ? MAP_PRIVATE : MAP_SHARED; /* a child of its own reports through it too */
        char *memory = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return fail_errno(err, "starting %s", worker->program);
        struct spawn *spawn = (struct spawn *)memory;
        spawn->worker = worker;
        spawn->path = path;
        spawn->environment = environment;
        spawn->program_fd = spawn->null_fd = -1;
        int result = plan_fds(spawn, data_fd, status_fd, err);
        if (result == 0)
                result = run_clone(worker, spawn, memory + STACK_SIZE, err);
        fd_close(&spawn->null_fd);
        munmap(memory, STACK_SIZE);
        return result;
}
