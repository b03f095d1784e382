/* Tasks by state, and the load average made of them. */
#include "linux/task_stats_internal.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/taskstats_netlink.h"

#include <fcntl.h>
#include <math.h>

enum { STAT_HEAD_MAX = 256, PATH_TEXT_MAX = 48 };

/* The states of fs/proc/array.c. Idle kernel threads, zombies and the traced do not count, as in the kernel's own
 * cgroupstats_build. */
void task_load_add(struct task_load *load, char state)
{
        switch (state) {
        case 'S':
                load->sleeping++;
                break;
        case 'R':
                load->running++;
                break;
        case 'T':
                load->stopped++;
                break;
        case 'D':
                load->uninterruptible++;
                break;
        default:
                break;
        }
}

double task_load_average(double average, uint64_t sample, int64_t interval_ns)
{
        if (average < 0)
                return (double)sample;
        double decay = exp(-(double)interval_ns / (double)(10 * SECOND));
        return average * decay + (double)sample * (1 - decay);
}

struct load_walk {
        int proc;
        struct task_load load;
};

/* The state stands in front; one read is enough. */
static int each_thread(pid_t tid, void *cookie)
{
        struct load_walk *walk = cookie;
        char path[PATH_TEXT_MAX];
        char text[STAT_HEAD_MAX];
        snprintf(path, sizeof(path), "%d/stat", tid);
        cleanup(fd_close) int fd = openat(walk->proc, path, O_RDONLY | O_CLOEXEC);
        ssize_t got = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
        if (got > 0)
                task_load_add(&walk->load, task_parse_state(sv_n(text, (size_t)got)));
        return 0;
}

static int query_v1(const struct taskstats_socket *taskstats, int dir, struct task_load *ret, struct error *err)
{
        /* the kernel wants a directory that is open for reading, which an O_PATH one is not */
        cleanup(fd_close) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "a group's directory");
        return taskstats_query_cgroup(taskstats, fd, ret, err);
}

int task_load_read(const struct taskstats_socket *taskstats, int proc, const struct cgroup_mounts *mounts,
        const struct cgroup_dirs *dirs, struct task_load *ret, struct error *err)
{
        struct load_walk walk = { .proc = proc };
        size_t refused = 0;
        int dir = task_group_dir(mounts, dirs);
        if (dir < 0)
                return fail(err, E_NOT_FOUND, "the group is in no hierarchy");
        bool unified = dir == task_unified_dir(mounts, dirs);
        if (!unified && taskstats && query_v1(taskstats, dir, ret, NULL) == 0)
                return 0;
        if (task_each_pid(dir, unified ? "cgroup.threads" : "tasks", each_thread, &walk, &refused, err) < 0)
                return -1;
        *ret = walk.load;
        return 0;
}
