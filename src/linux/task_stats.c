#include "linux/task_stats.h"

#include "base/cleanup.h"
#include "linux/lines.h"
#include "linux/task_stats_internal.h"
#include "linux/text_file.h"

#include <dirent.h>
#include <fcntl.h>

enum { LIMITS_TEXT_MAX = 4096, NUMBER_TEXT_MAX = 64, ENTRIES_BUFFER = 8192, PATH_TEXT_MAX = 48 };

/* ---- which directory, which processes ---- */

static bool has_controller(const char *controllers, const char *wanted)
{
        struct sv rest = sv_of(controllers);
        struct sv name;
        while (sv_split(&rest, ',', &name))
                if (sv_eq(name, sv_of(wanted)))
                        return true;
        return false;
}

int task_controller_dir(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, const char *controller)
{
        for (size_t i = 0; i < mounts->count; i++) {
                const struct cgroup_hierarchy *hierarchy = &mounts->hierarchies[i];
                if (dirs->dirs[i] >= 0 && !hierarchy->unified && has_controller(hierarchy->controllers, controller))
                        return dirs->dirs[i];
        }
        return -1;
}

int task_unified_dir(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs)
{
        for (size_t i = 0; i < mounts->count; i++)
                if (dirs->dirs[i] >= 0 && mounts->hierarchies[i].unified)
                        return dirs->dirs[i];
        return -1;
}

int task_group_dir(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs)
{
        int dir = task_controller_dir(mounts, dirs, "cpu");
        if (dir < 0)
                dir = task_unified_dir(mounts, dirs);
        for (size_t i = 0; i < mounts->count && dir < 0; i++)
                dir = dirs->dirs[i];
        return dir;
}

struct pid_walk {
        task_pid_fn *each;
        void *cookie;
        size_t seen, *refused;
};

static int each_pid_line(struct sv line, void *cookie)
{
        struct pid_walk *walk = cookie;
        uint64_t pid;
        if (!sv_parse_u64(line, 10, &pid) || pid > INT32_MAX || walk->seen == TASKS_MAX) {
                ++*walk->refused;
                return 0;
        }
        if (pid == 0) /* v2: of another pid namespace */
                return 0;
        walk->seen++;
        return walk->each((pid_t)pid, walk->cookie);
}

int task_each_pid(int dir, const char *file, task_pid_fn *each, void *cookie, size_t *refused, struct error *err)
{
        struct pid_walk walk = { .each = each, .cookie = cookie, .refused = refused };
        struct error one;
        int verdict = lines_read(dir, file, each_pid_line, &walk, refused, &one);
        if (verdict >= 0)
                return verdict;
        if (one.errnum == EOPNOTSUPP) /* v2: a threaded group holds threads, its domain the processes */
                return 0;
        if (one.errnum == ENODEV)
                return fail(err, E_NOT_FOUND, "the group is gone");
        if (err)
                *err = one;
        return -1;
}

/* ---- parsers ---- */

/* The kernel's rows (lnames in fs/proc/base.c) as cAdvisor would name them. */
static const struct {
        struct sv label;
        const char *name;
} limit_names[] = {
        { { "Max cpu time", 12 }, "max_cpu_time" },
        { { "Max file size", 13 }, "max_file_size" },
        { { "Max data size", 13 }, "max_data_size" },
        { { "Max stack size", 14 }, "max_stack_size" },
        { { "Max core file size", 18 }, "max_core_file_size" },
        { { "Max resident set", 16 }, "max_resident_set" },
        { { "Max processes", 13 }, "max_processes" },
        { { "Max open files", 14 }, "max_open_files" },
        { { "Max locked memory", 17 }, "max_locked_memory" },
        { { "Max address space", 17 }, "max_address_space" },
        { { "Max file locks", 14 }, "max_file_locks" },
        { { "Max pending signals", 19 }, "max_pending_signals" },
        { { "Max msgqueue size", 17 }, "max_msgqueue_size" },
        { { "Max nice priority", 17 }, "max_nice_priority" },
        { { "Max realtime priority", 21 }, "max_realtime_priority" },
        { { "Max realtime timeout", 20 }, "max_realtime_timeout" },
};
_Static_assert(sizeof(limit_names) / sizeof(*limit_names) == ULIMITS_MAX, "a limit without a place");

static bool parse_limit_value(struct sv text, int64_t *ret)
{
        if (sv_eq_nocase(text, SV("unlimited"))) {
                *ret = -1;
                return true;
        }
        return sv_parse_i64(text, ret);
}

/* A limit of the kernel has 64 bits: one beyond INT64_MAX that is not RLIM_INFINITY is no limit either. */
static bool parse_limit(struct sv line, struct task_ulimit *ret, bool *ret_known)
{
        for (size_t i = 0; i < ULIMITS_MAX; i++) {
                if (!sv_starts(line, limit_names[i].label))
                        continue;
                struct sv rest = sv_n(line.p + limit_names[i].label.n, line.n - limit_names[i].label.n);
                struct sv soft;
                struct sv hard;
                *ret_known = true;
                ret->name = limit_names[i].name;
                return sv_word(&rest, &soft) && sv_word(&rest, &hard) && parse_limit_value(soft, &ret->soft) &&
                       parse_limit_value(hard, &ret->hard);
        }
        return false;
}

size_t task_parse_limits(struct sv text, struct task_ulimit ret[ULIMITS_MAX], size_t *ret_refused)
{
        size_t count = 0;
        struct sv line;
        while (sv_line(&text, &line)) {
                struct task_ulimit row;
                bool known = false;
                if (parse_limit(line, &row, &known) && count < ULIMITS_MAX)
                        ret[count++] = row;
                else if (known)
                        ++*ret_refused;
        }
        return count;
}

bool task_parse_schedstat(struct sv text, uint64_t ret[3])
{
        uint64_t values[3];
        struct sv word;
        for (size_t i = 0; i < 3; i++)
                if (!sv_word(&text, &word) || !sv_parse_u64(sv_trim(word), 10, &values[i]))
                        return false;
        if (sv_trim(text).n)
                return false;
        memcpy(ret, values, sizeof(values));
        return true;
}

bool task_parse_referenced(struct sv line, uint64_t *ret_bytes)
{
        uint64_t kib;
        struct sv word;
        if (!sv_starts(line, SV("Referenced:")))
                return false;
        line = sv_n(line.p + 11, line.n - 11);
        if (!sv_word(&line, &word) || !sv_parse_u64(word, 10, &kib) || kib > UINT64_MAX / 1024 ||
                !sv_eq(sv_trim(line), SV("kB")))
                return false;
        *ret_bytes = kib * 1024;
        return true;
}

char task_parse_state(struct sv text)
{
        /* the name may hold anything, parentheses too: its end is the last one */
        const char *close = memrchr(text.p, ')', text.n);
        size_t behind = close ? (size_t)(text.p + text.n - close) : 0;
        return behind > 2 && close[1] == ' ' ? close[2] : '\0';
}

/* ---- one process ---- */

struct reading {
        int proc;
        unsigned flags;
        struct task_stats *stats;
        struct arena *arena;
        pid_t first;
};

/* The process is gone, or may not be read. */
static void count_failure(struct task_stats *stats, int errnum)
{
        if (errnum == ENOENT || errnum == ESRCH)
                stats->vanished++;
        else
                stats->denied++;
}

static bool is_number(const char *name)
{
        return name[0] >= '0' && name[0] <= '9';
}

/* Names only, without the copy and the allocation of readdir(3): a sample looks at every process. */
static void count_files(struct reading *reading, pid_t pid)
{
        char path[PATH_TEXT_MAX];
        _Alignas(struct dirent64) char entries[ENTRIES_BUFFER];
        struct task_stats *stats = reading->stats;
        snprintf(path, sizeof(path), "%d/fd", pid);
        cleanup(fd_close) int fd = openat(reading->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                count_failure(stats, errno);
                return;
        }
        ssize_t got;
        for (size_t seen = 0; (got = getdents64(fd, entries, sizeof(entries))) > 0;) {
                for (ssize_t at = 0; at < got;) {
                        const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
                        char target[16];
                        at += entry->d_reclen;
                        if (!is_number(entry->d_name))
                                continue;
                        if (++seen > TASK_FILES_MAX) {
                                stats->refused++;
                                return;
                        }
                        stats->files++;
                        if (!(reading->flags & TASK_READ_SOCKETS))
                                continue;
                        ssize_t length = readlinkat(fd, entry->d_name, target, sizeof(target));
                        stats->sockets += length > 0 && sv_starts(sv_n(target, (size_t)length), SV("socket"));
                }
        }
        if (got < 0)
                count_failure(stats, errno);
}

static int each_smaps_line(struct sv line, void *cookie)
{
        struct reading *reading = cookie;
        uint64_t bytes;
        if (task_parse_referenced(line, &bytes))
                reading->stats->referenced_bytes += bytes;
        return 0;
}

static void add_referenced(struct reading *reading, pid_t pid)
{
        char path[PATH_TEXT_MAX];
        struct error one;
        snprintf(path, sizeof(path), "%d/smaps", pid);
        if (lines_read(reading->proc, path, each_smaps_line, reading, &reading->stats->refused, &one) < 0)
                count_failure(reading->stats, one.errnum);
}

static int each_process(pid_t pid, void *cookie)
{
        struct reading *reading = cookie;
        reading->stats->processes++;
        if (!reading->first)
                reading->first = pid;
        if (reading->flags & (TASK_READ_FILES | TASK_READ_SOCKETS))
                count_files(reading, pid);
        if (reading->flags & TASK_READ_REFERENCED)
                add_referenced(reading, pid);
        return 0;
}

static int read_limits(struct reading *reading, struct error *err)
{
        char path[PATH_TEXT_MAX];
        char text[LIMITS_TEXT_MAX];
        struct task_stats *stats = reading->stats;
        snprintf(path, sizeof(path), "%d/limits", reading->first);
        ssize_t got = text_file_read(reading->proc, path, text, sizeof(text));
        if (got < 0) {
                count_failure(stats, errno);
                return 0;
        }
        struct task_ulimit rows[ULIMITS_MAX];
        size_t count = task_parse_limits(sv_n(text, (size_t)got), rows, &stats->refused);
        if (count == 0)
                return 0;
        stats->ulimits = arena_array(reading->arena, count, sizeof(*rows));
        if (!stats->ulimits)
                return fail(err, E_NO_MEMORY, "no memory for the limits of process %d", reading->first);
        memcpy(stats->ulimits, rows, count * sizeof(*rows));
        stats->ulimit_count = count;
        return 0;
}

/* ---- threads ---- */

static bool read_number(int dir, const char *path, uint64_t *ret)
{
        char text[NUMBER_TEXT_MAX];
        ssize_t got = text_file_read(dir, path, text, sizeof(text));
        return got > 0 && sv_parse_u64(sv_trim(sv_n(text, (size_t)got)), 10, ret);
}

/* The root group has no pids.current: all threads of the system ("0.00 0.01 0.05 1/301 4242") and the kernel's limit.
 */
static void read_system_threads(int proc, struct task_stats *stats)
{
        char text[NUMBER_TEXT_MAX];
        ssize_t got = text_file_read(proc, "loadavg", text, sizeof(text));
        struct sv rest = sv_n(text, got > 0 ? (size_t)got : 0);
        struct sv word = { "", 0 };
        for (int i = 0; i < 4 && sv_word(&rest, &word); i++)
                ;
        size_t slash = sv_find(word, '/');
        if (slash < word.n)
                sv_parse_u64(sv_n(word.p + slash + 1, word.n - slash - 1), 10, &stats->threads);
        read_number(proc, "sys/kernel/threads-max", &stats->threads_max);
}

static void read_threads(
        int proc, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, struct task_stats *stats)
{
        int dir = task_controller_dir(mounts, dirs, "pids");
        bool unified = dir < 0;
        if (unified)
                dir = task_unified_dir(mounts, dirs);
        if (dir < 0)
                return;
        if (read_number(dir, "pids.current", &stats->threads)) {
                read_number(dir, "pids.max", &stats->threads_max); /* "max" is no number: 0 */
                return;
        }
        /* the root of v2 alone has no cgroup.events, that of v1 alone has cgroup.sane_behavior */
        bool root = unified ? faccessat(dir, "cgroup.events", F_OK, 0) < 0
                            : faccessat(dir, "cgroup.sane_behavior", F_OK, 0) == 0;
        if (root)
                read_system_threads(proc, stats);
}

/* ---- all of it ---- */

int task_stats_read(int proc, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, unsigned flags,
        struct task_history *history, struct arena *arena, struct task_stats *ret, struct error *err)
{
        struct task_stats stats = { 0 };
        struct reading reading = { .proc = proc, .flags = flags, .stats = &stats, .arena = arena };
        int dir = task_group_dir(mounts, dirs);
        if (dir < 0)
                return fail(err, E_NOT_FOUND, "the group is in no hierarchy");
        const unsigned per_process = TASK_READ_PROCESSES | TASK_READ_FILES | TASK_READ_SOCKETS | TASK_READ_REFERENCED;
        if (flags & per_process && task_each_pid(dir, "cgroup.procs", each_process, &reading, &stats.refused, err) < 0)
                return -1;
        if (flags & TASK_READ_PROCESSES && reading.first && read_limits(&reading, err) < 0)
                return -1;
        if (flags & TASK_READ_THREADS)
                read_threads(proc, mounts, dirs, &stats);
        if (flags & TASK_READ_SCHEDSTAT && task_schedstat_read(proc, dir, history, &stats, err) < 0)
                return -1;
        *ret = stats;
        return 0;
}

static int clear_one(pid_t pid, void *cookie)
{
        const int *proc = cookie;
        char path[PATH_TEXT_MAX];
        snprintf(path, sizeof(path), "%d/clear_refs", pid);
        cleanup(fd_close) int fd = openat(*proc, path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0 || write(fd, "1\n", 2) < 0)
                return 0; /* it ended, or may not be touched: its pages stay as they are */
        return 0;
}

int task_clear_referenced(
        int proc, const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, struct error *err)
{
        size_t refused = 0;
        int dir = task_group_dir(mounts, dirs);
        if (dir < 0)
                return fail(err, E_NOT_FOUND, "the group is in no hierarchy");
        return task_each_pid(dir, "cgroup.procs", clear_one, &proc, &refused, err);
}
