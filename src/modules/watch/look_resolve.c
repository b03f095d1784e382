/* What audit leaves open of a fork and an exit. The child's pid is what the caller got, a number of the caller's pid
 * namespace; and clone3 and exit do not tell threads from processes. Answers stand in /proc while the processes live;
 * where they do not any more nothing is handed on: a wrong pid would end another process in the tree, and a process
 * that executes a program is told again by its exec, with its true pid and parent. */
#include "modules/watch/look_internal.h"

#include "base/cleanup.h"
#include "base/timefmt.h"

#include <fcntl.h>

enum { CHILDREN_MAX = 512 };

/* The name of the pid namespace that /proc shows. */
uint64_t look_own_namespace(struct look *look)
{
        char target[64];
        uint64_t inode = 0;
        ssize_t n = readlinkat(look->proc, "self/ns/pid", target, sizeof(target));
        if (n > 0)
                process_parse_namespace(sv_n(target, (size_t)n), &inode);
        return inode;
}

enum place { PLACE_UNKNOWN, PLACE_OURS, PLACE_BELOW };

/* In which pid namespace are the children of this process numbered? Remembered for as long as no pid comes round. */
static enum place place_of(struct look *look, pid_t pid)
{
        struct look_place *known = &look->places_of_pids[(unsigned)pid % LOOK_PIDS];
        int64_t now = time_monotonic_ns();
        if (known->pid == pid && now - known->time_ns < look->reuse_ns)
                return known->below ? PLACE_BELOW : PLACE_OURS;
        uint64_t inode = 0;
        char path[40];
        char target[64];
        /* its own, not that for its children: fork returns the child's number in the caller's (kernel_clone) */
        snprintf(path, sizeof(path), "%d/ns/pid", pid);
        ssize_t n = readlinkat(look->proc, path, target, sizeof(target));
        look->counters.reads++;
        if (n <= 0 || !process_parse_namespace(sv_n(target, (size_t)n), &inode))
                return PLACE_UNKNOWN;
        *known = (struct look_place){ pid, inode != look->own_namespace, now };
        return known->below ? PLACE_BELOW : PLACE_OURS;
}

static bool read_ns_pids(struct look *look, pid_t pid, struct process_status *ret)
{
        ssize_t n = look_read(look, pid, "status", look->text, sizeof(look->text));
        return n > 0 && process_parse_status(sv_n(look->text, (size_t)n), ret, NULL) == 0;
}

/* The child of parent that parent's namespace numbers `number`. */
static pid_t child_of(struct look *look, pid_t parent, pid_t thread, pid_t number)
{
        struct process_status status;
        char name[40];
        if (!read_ns_pids(look, parent, &status) || status.ns_pid_count == 0)
                return 0;
        size_t level = status.ns_pid_count - 1;
        snprintf(name, sizeof(name), "task/%d/children", thread > 0 ? thread : parent);
        ssize_t n = look_read(look, parent, name, look->arguments, LOOK_ARGUMENTS_MAX);
        struct sv rest = sv_n(look->arguments, n > 0 ? (size_t)n : 0);
        struct sv word;
        /* the newest stands last, and is nearly always the one */
        for (int seen = 0; rest.n && seen < CHILDREN_MAX; seen++) {
                uint64_t pid;
                rest = sv_trim(rest);
                size_t begin = rest.n;
                while (begin && rest.p[begin - 1] != ' ')
                        begin--;
                word = sv_n(rest.p + begin, rest.n - begin);
                rest.n = begin;
                if (sv_parse_u64(word, 10, &pid) && pid <= PROCESS_PID_MAX && read_ns_pids(look, (pid_t)pid, &status) &&
                        status.ns_pid_count > level && status.ns_pid[level] == number)
                        return (pid_t)pid;
        }
        return 0;
}

/* Did this process start when the fork was? For a parent that is gone. */
static bool started_then(struct look *look, pid_t pid, int64_t time_ns)
{
        struct timespec now;
        struct timespec up;
        if (!look_read_stat(look, pid))
                return false;
        clock_gettime(CLOCK_REALTIME, &now);
        clock_gettime(CLOCK_BOOTTIME, &up);
        int64_t boot = (now.tv_sec - up.tv_sec) * SECOND + now.tv_nsec - up.tv_nsec;
        return llabs(boot + (int64_t)look_start_ns(look) - time_ns) < 5 * look->tick_ns;
}

static bool resolve_pid(struct look *look, struct observation *fork)
{
        switch (place_of(look, fork->ppid)) {
        case PLACE_OURS:
                break;
        case PLACE_BELOW: {
                pid_t pid = child_of(look, fork->ppid, fork->tid, fork->pid);
                if (pid <= 0)
                        return false;
                fork->ns_pid = fork->ns_pid ? fork->ns_pid : fork->pid;
                fork->pid = pid;
                break;
        }
        default:
                if (!started_then(look, fork->pid, fork->time_ns))
                        return false;
        }
        fork->has &= ~(unsigned)UNRESOLVED_PID;
        return true;
}

static bool exists(struct look *look, pid_t pid, pid_t thread)
{
        char path[40];
        if (thread)
                snprintf(path, sizeof(path), "%d/task/%d", pid, thread);
        else
                snprintf(path, sizeof(path), "%d", pid);
        look->counters.reads++;
        return faccessat(look->proc, path, F_OK, 0) == 0;
}

bool look_resolve_fork(struct look *look, struct observation *fork)
{
        bool process = true;
        if (fork->has & UNRESOLVED_PID && !resolve_pid(look, fork)) {
                look->counters.unresolved++;
                return false;
        }
        if (fork->has & UNRESOLVED_THREAD) {
                process = !exists(look, fork->ppid, fork->pid) && exists(look, fork->pid, 0);
                look->counters.unresolved += !process;
                fork->has &= ~(unsigned)UNRESOLVED_THREAD;
        }
        return process;
}

/* The process ended unless it is still there with another thread. */
bool look_resolve_exit(struct look *look, struct observation *exit)
{
        if (look_read_stat(look, exit->pid) && !look_is_zombie(look) &&
                look_is_same(look, exit->pid, exit->time_ns, exit->start_ns)) {
                look->counters.unresolved++;
                return false;
        }
        exit->has &= ~(unsigned)UNRESOLVED_THREAD;
        return true;
}
