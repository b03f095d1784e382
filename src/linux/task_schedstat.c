/* How long the processes of a group ran and waited for a CPU: a sum that must not fall when one of them ends, so the
 * last figures of each are kept between two reads. */
#include "linux/task_stats_internal.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "linux/text_file.h"

#include <dirent.h>
#include <fcntl.h>

enum { SCHEDSTAT_TEXT_MAX = 128, PATH_TEXT_MAX = 48 };

struct task_schedstat {
        pid_t pid;
        uint64_t run_ns, wait_ns, periods;
};

struct schedstat_walk {
        int proc;
        struct task_stats *stats;
        VEC(struct task_schedstat) rows;
        size_t groups;
};

void task_history_done(struct task_history *history)
{
        free(history->rows);
        *history = (struct task_history){ 0 };
}

static int add_process(pid_t pid, void *cookie)
{
        struct schedstat_walk *walk = cookie;
        char path[PATH_TEXT_MAX];
        char text[SCHEDSTAT_TEXT_MAX];
        uint64_t values[3];
        snprintf(path, sizeof(path), "%d/schedstat", pid);
        ssize_t got = text_file_read(walk->proc, path, text, sizeof(text));
        if (got < 0) {
                walk->stats->vanished += errno == ENOENT || errno == ESRCH;
                walk->stats->denied += errno == EACCES || errno == EPERM;
                return 0;
        }
        struct task_schedstat *row = NULL;
        if (task_parse_schedstat(sv_n(text, (size_t)got), values))
                row = vec_add(&walk->rows, TASKS_MAX);
        if (row)
                *row = (struct task_schedstat){ pid, values[0], values[1], values[2] };
        else
                walk->stats->refused++;
        return 0;
}

static bool is_dots(const char *name)
{
        return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* depth bounds the recursion; a link in a cgroup file system does not exist. A sub-group that vanishes has nothing to
 * add: its processes had left it. */
static int walk_groups(struct schedstat_walk *walk, int dir, unsigned depth, struct error *err)
{
        if (task_each_pid(dir, "cgroup.procs", add_process, walk, &walk->stats->refused, err) < 0)
                return -1;
        cleanup(fd_close) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries)
                return fail_errno(err, "the sub-groups of a group");
        take_fd(fd);
        struct dirent *entry;
        while ((entry = readdir(entries))) {
                if (entry->d_type != DT_DIR || is_dots(entry->d_name))
                        continue;
                if (depth == TASK_DEPTH_MAX || walk->groups == TASK_GROUPS_MAX) {
                        walk->stats->refused++;
                        continue;
                }
                cleanup(fd_close) int below =
                        openat(dirfd(entries), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                walk->groups++;
                if (below >= 0)
                        walk_groups(walk, below, depth + 1, NULL);
        }
        return 0;
}

static int compare_pids(const void *a, const void *b)
{
        const struct task_schedstat *x = a;
        const struct task_schedstat *y = b;
        return (x->pid > y->pid) - (x->pid < y->pid);
}

static void keep_ended(struct task_history *history, const struct task_schedstat *row)
{
        history->ended_run_ns += row->run_ns;
        history->ended_wait_ns += row->wait_ns;
        history->ended_periods += row->periods;
}

/* Both lists are sorted. A process that ran less than before is another one with the same number. */
static void remember(struct task_history *history, struct task_schedstat *rows, size_t count, size_t capacity)
{
        size_t now = 0;
        for (size_t i = 0; i < history->count; i++) {
                const struct task_schedstat *before = &history->rows[i];
                while (now < count && rows[now].pid < before->pid)
                        now++;
                if (now == count || rows[now].pid != before->pid || rows[now].run_ns < before->run_ns)
                        keep_ended(history, before);
        }
        free(history->rows);
        history->rows = rows;
        history->count = count;
        history->capacity = capacity;
}

/* One that moved while the groups were read may be in several of them, and in one file twice
 * (Documentation/admin-guide/cgroup-v2.rst): it counts once, else the sum would fall at the next look. */
static void drop_repeated(struct schedstat_walk *walk)
{
        size_t kept = 0;
        if (walk->rows.count == 0)
                return;
        qsort(walk->rows.items, walk->rows.count, sizeof(*walk->rows.items), compare_pids);
        for (size_t i = 1; i < walk->rows.count; i++) {
                if (walk->rows.items[i].pid != walk->rows.items[kept].pid)
                        kept++;
                walk->rows.items[kept] = walk->rows.items[i];
        }
        walk->rows.count = kept + 1;
}

/* Moving a process from one group to another is not its end: it leaves one sum with all it had and joins the other with
 * the same, as in cAdvisor. */
int task_schedstat_read(int proc, int dir, struct task_history *history, struct task_stats *stats, struct error *err)
{
        struct schedstat_walk walk = { .proc = proc, .stats = stats };
        if (walk_groups(&walk, dir, 0, err) < 0) {
                vec_done(&walk.rows);
                return -1;
        }
        drop_repeated(&walk);
        vec_foreach (row, &walk.rows) {
                stats->schedstat_run_ns += row->run_ns;
                stats->schedstat_wait_ns += row->wait_ns;
                stats->schedstat_periods += row->periods;
        }
        if (!history) {
                vec_done(&walk.rows);
                return 0;
        }
        remember(history, walk.rows.items, walk.rows.count, walk.rows.capacity);
        stats->schedstat_run_ns += history->ended_run_ns;
        stats->schedstat_wait_ns += history->ended_wait_ns;
        stats->schedstat_periods += history->ended_periods;
        return 0;
}
