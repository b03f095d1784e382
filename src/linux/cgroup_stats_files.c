/* The directories of a group and the files in them. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/cgroup_stats_internal.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

enum { PROCS_TEXT = 4096, PROCS_DEPTH = 16, PROCS_DIRECTORIES = 256 };

bool cgroup_path_is_plain(const char *path)
{
        struct sv rest = sv_of(path);
        struct sv part;
        if (path[0] != '/')
                return false;
        while (sv_split(&rest, '/', &part))
                if (sv_eq(part, SV("..")))
                        return false;
        return true;
}

static bool find_role(struct sv controller, enum cgroup_role *ret)
{
        static const struct sv names[] = {
                [CGROUP_ROLE_CPU] = { "cpu", 3 },
                [CGROUP_ROLE_CPUACCT] = { "cpuacct", 7 },
                [CGROUP_ROLE_CPUSET] = { "cpuset", 6 },
                [CGROUP_ROLE_MEMORY] = { "memory", 6 },
                [CGROUP_ROLE_BLKIO] = { "blkio", 5 },
                [CGROUP_ROLE_PIDS] = { "pids", 4 },
                [CGROUP_ROLE_HUGETLB] = { "hugetlb", 7 },
                [CGROUP_ROLE_RDMA] = { "rdma", 4 },
                [CGROUP_ROLE_FREEZER] = { "freezer", 7 },
        };
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                if (sv_eq(names[i], controller)) {
                        *ret = (enum cgroup_role)i;
                        return true;
                }
        return false;
}

/* What a controller of v1 is looked into for; 0: nothing. */
static unsigned flags_of_role(enum cgroup_role role)
{
        static const unsigned flags[CGROUP_ROLES] = {
                [CGROUP_ROLE_CPU] = CGROUP_READ_CPU,
                [CGROUP_ROLE_CPUACCT] = CGROUP_READ_CPU,
                [CGROUP_ROLE_CPUSET] = CGROUP_READ_CPUSET,
                [CGROUP_ROLE_MEMORY] = CGROUP_READ_MEMORY | CGROUP_READ_MEMORY_BRIEF,
                [CGROUP_ROLE_BLKIO] = CGROUP_READ_IO,
                [CGROUP_ROLE_PIDS] = CGROUP_READ_PIDS,
                [CGROUP_ROLE_HUGETLB] = CGROUP_READ_HUGE,
                [CGROUP_ROLE_RDMA] = CGROUP_READ_RDMA,
                [CGROUP_ROLE_FREEZER] = CGROUP_READ_FREEZER,
        };
        return flags[role];
}

static bool is_read_for(const struct cgroup_hierarchy *hierarchy, unsigned flags)
{
        struct sv rest = sv_of(hierarchy->controllers);
        struct sv controller;
        enum cgroup_role role;
        if (hierarchy->unified)
                return true;
        while (sv_split(&rest, ',', &controller))
                if (find_role(controller, &role) && (flags_of_role(role) & flags))
                        return true;
        return false;
}

/* How many hierarchies have it. */
static size_t open_dirs(int root, const struct cgroup_mounts *mounts, const char *path, unsigned flags, bool all,
        struct cgroup_dirs *ret, int *errnum)
{
        size_t count = 0;
        for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
                ret->dirs[i] = -1;
        for (size_t i = 0; i < mounts->count; i++) {
                char full[PATH_MAX];
                if (!all && !is_read_for(&mounts->hierarchies[i], flags))
                        continue;
                int length = snprintf(full, sizeof(full), ".%s%s", mounts->hierarchies[i].mount_point, path);
                if (length < 0 || (size_t)length >= sizeof(full)) {
                        *errnum = ENAMETOOLONG;
                        continue;
                }
                ret->dirs[i] = openat(root, full, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (ret->dirs[i] >= 0)
                        count++;
                else if (errno != ENOENT)
                        *errnum = errno;
        }
        return count;
}

int cgroup_dirs_open(
        int root, const struct cgroup_mounts *mounts, const char *path, struct cgroup_dirs *ret, struct error *err)
{
        struct cgroup_dirs found;
        int errnum = ENOENT;
        if (!cgroup_path_is_plain(path))
                return fail(err, E_INVALID, "control group \"%s\": no absolute path", path);
        if (open_dirs(root, mounts, path, 0, true, &found, &errnum) == 0) {
                errno = errnum;
                return fail_errno(err, "control group %s", path);
        }
        *ret = found;
        return 0;
}

int cgroup_dirs_open_for(int root, const struct cgroup_mounts *mounts, const char *path, unsigned flags,
        struct cgroup_dirs *ret, struct error *err)
{
        struct cgroup_dirs found;
        int errnum = ENOENT;
        if (!cgroup_path_is_plain(path) || open_dirs(root, mounts, path, flags, false, &found, &errnum) == 0)
                return cgroup_dirs_open(root, mounts, path, ret, err);
        *ret = found;
        return 0;
}

void cgroup_dirs_close(struct cgroup_dirs *dirs)
{
        for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
                fd_close(&dirs->dirs[i]);
}

void cgroup_reader_init(struct cgroup_reader *reader, const struct cgroup_mounts *mounts,
        const struct cgroup_dirs *dirs, size_t *refused)
{
        reader->big = NULL;
        reader->refused = refused;
        reader->files = 0;
        for (size_t i = 0; i < CGROUP_ROLES; i++)
                reader->dirs[i] = -1;
        for (size_t i = 0; i < mounts->count; i++) {
                struct sv rest = sv_of(mounts->hierarchies[i].controllers);
                struct sv controller;
                enum cgroup_role role;
                if (mounts->hierarchies[i].unified)
                        reader->dirs[CGROUP_ROLE_UNIFIED] = dirs->dirs[i];
                else
                        while (sv_split(&rest, ',', &controller))
                                if (find_role(controller, &role))
                                        reader->dirs[role] = dirs->dirs[i];
        }
}

void cgroup_reader_done(struct cgroup_reader *reader)
{
        free(reader->big);
        reader->big = NULL;
}

/* More than the buffer holds: the rest goes to one of CGROUP_FILE_MAX bytes. What is beyond is cut after a whole line
 * and counted. */
static bool read_big(struct cgroup_reader *reader, int fd, size_t have, struct sv *ret)
{
        if (!reader->big)
                reader->big = malloc(CGROUP_FILE_MAX);
        if (!reader->big) {
                ++*reader->refused;
                return false;
        }
        memcpy(reader->big, reader->text, have);
        for (ssize_t n = 1; n > 0 && have < CGROUP_FILE_MAX; have += (size_t)n) {
                n = read(fd, reader->big + have, CGROUP_FILE_MAX - have);
                if (n < 0)
                        return false;
        }
        if (have == CGROUP_FILE_MAX) {
                const char *newline = memrchr(reader->big, '\n', have);
                have = newline ? (size_t)(newline - reader->big) + 1 : 0;
                ++*reader->refused;
        }
        *ret = sv_n(reader->big, have);
        return true;
}

bool cgroup_reader_file(struct cgroup_reader *reader, int dir, const char *name, struct sv *ret)
{
        if (dir < 0)
                return false;
        cleanup(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return false;
        /* A file of cgroupfs is one record of seq_file: a read that leaves room was all of it. */
        ssize_t n = read(fd, reader->text, sizeof(reader->text));
        if (n < 0)
                return false; /* ENODEV: removed meanwhile; EOPNOTSUPP: pressure is switched off */
        if ((size_t)n == sizeof(reader->text)) {
                if (!read_big(reader, fd, (size_t)n, ret))
                        return false;
        } else
                *ret = sv_n(reader->text, (size_t)n);
        reader->files++;
        return true;
}

bool cgroup_reader_number(struct cgroup_reader *reader, int dir, const char *name, uint64_t *ret)
{
        struct sv text;
        if (!cgroup_reader_file(reader, dir, name, &text))
                return false;
        if (!cgroup_parse_number(text, ret))
                ++*reader->refused;
        return true;
}

bool cgroup_dir_vanished(int dir)
{
        struct stat st;
        struct statfs fs;
        if (dir < 0 || fstat(dir, &st) < 0 || st.st_nlink == 0)
                return true;
        /* kernfs leaves the links of a removed directory as they were, but its files are gone */
        if (fstatfs(dir, &fs) < 0 || (fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC))
                return false;
        return faccessat(dir, "cgroup.procs", F_OK, 0) < 0 && errno == ENOENT;
}

bool cgroup_dirs_vanished(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs)
{
        for (size_t i = 0; i < mounts->count; i++)
                if (dirs->dirs[i] >= 0 && !cgroup_dir_vanished(dirs->dirs[i]))
                        return false;
        return true;
}

/* "hugetlb.2MB.max" is of the size "2MB". */
static bool huge_size(const char *name, char ret[16])
{
        struct sv rest = sv_of(name);
        struct sv size;
        if (!sv_starts(rest, SV("hugetlb.")))
                return false;
        rest = sv_n(rest.p + 8, rest.n - 8);
        if (!sv_split(&rest, '.', &size) || size.n == 0 || size.n >= 16 || rest.n == 0)
                return false;
        memcpy(ret, size.p, size.n);
        ret[size.n] = '\0';
        return true;
}

size_t cgroup_huge_sizes(int dir, char sizes[CGROUP_HUGE_SIZES_MAX][16], size_t *refused)
{
        size_t count = 0;
        int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        cleanup(closedir) DIR *entries = fdopendir(fd);
        if (!entries) {
                fd_close(&fd);
                return 0;
        }
        for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
                char size[16];
                size_t i = 0;
                if (!huge_size(entry->d_name, size))
                        continue;
                while (i < count && strcmp(sizes[i], size) != 0)
                        i++;
                if (i < count)
                        continue;
                if (count == CGROUP_HUGE_SIZES_MAX)
                        ++*refused;
                else
                        memcpy(sizes[count++], size, sizeof(size));
        }
        return count;
}

static void take_earlier(int dir, const char *name, int64_t *earliest)
{
        struct stat st;
        if (fstatat(dir, name, &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
                return;
        int64_t time_ns = st.st_mtim.tv_sec * SECOND + st.st_mtim.tv_nsec;
        if (*earliest == 0 || time_ns < *earliest)
                *earliest = time_ns;
}

int64_t cgroup_created_unix_ns(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs)
{
        int64_t earliest = 0;
        for (size_t i = 0; i < mounts->count; i++) {
                if (dirs->dirs[i] < 0)
                        continue;
                /* that of the directory changes with its children, that of the file hardly ever */
                take_earlier(dirs->dirs[i], "", &earliest);
                take_earlier(dirs->dirs[i], mounts->hierarchies[i].unified ? "cgroup.events" : "cgroup.clone_children",
                        &earliest);
        }
        if (earliest == 0)
                return 0;
        int64_t booted = time_boot_unix_ns() / MINUTE * MINUTE;
        return earliest < booted ? booted : earliest;
}

struct process_visit {
        cgroup_pid_fn *each;
        void *cookie;
        size_t directories; /* left to be opened */
        bool any;
};

/* In v2 those of another PID namespace read as 0. */
static int visit_file(int dir, const char *name, struct process_visit *visit)
{
        char text[PROCS_TEXT];
        cleanup(fd_close) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
        if (n <= 0)
                return 0;
        struct sv rest = sv_n(text, (size_t)n);
        struct sv line;
        uint64_t pid;
        int verdict = 0;
        while (verdict == 0 && sv_line(&rest, &line)) {
                /* a number that the end of the buffer cut is none */
                if (line.p + line.n >= text + n || !sv_parse_u64(line, 10, &pid) || pid == 0 || pid > INT_MAX)
                        continue;
                visit->any = true;
                verdict = visit->each((pid_t)pid, visit->cookie);
        }
        return verdict;
}

static int visit_below(int dir, int depth, struct process_visit *visit)
{
        visit->any = false;
        int verdict = visit_file(dir, "cgroup.procs", visit);
        if (!visit->any) /* a threaded group of v2 does not tell its processes */
                verdict = visit_file(dir, "cgroup.threads", visit);
        if (verdict || depth == 0)
                return verdict;
        int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd < 0 ? NULL : fdopendir(fd);
        if (!entries) {
                fd_close(&fd);
                return 0;
        }
        for (const struct dirent *entry = readdir(entries); entry && verdict == 0; entry = readdir(entries)) {
                if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || visit->directories == 0)
                        continue;
                visit->directories--;
                cleanup(fd_close) int child = openat(dir, entry->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child >= 0)
                        verdict = visit_below(child, depth - 1, visit);
        }
        return verdict;
}

int cgroup_each_process(
        const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs, cgroup_pid_fn *each, void *cookie)
{
        /* first the group itself everywhere: that is one file a hierarchy */
        for (int depth = 0; depth <= PROCS_DEPTH; depth += PROCS_DEPTH) {
                struct process_visit visit = { .each = each, .cookie = cookie, .directories = PROCS_DIRECTORIES };
                for (size_t i = 0; i < mounts->count; i++) {
                        int verdict = dirs->dirs[i] < 0 ? 0 : visit_below(dirs->dirs[i], depth, &visit);
                        if (verdict)
                                return verdict;
                }
        }
        return 0;
}

static int take_process(pid_t pid, void *cookie)
{
        *(pid_t *)cookie = pid;
        return 1;
}

pid_t cgroup_some_process(const struct cgroup_mounts *mounts, const struct cgroup_dirs *dirs)
{
        pid_t pid = 0;
        cgroup_each_process(mounts, dirs, take_process, &pid);
        return pid;
}
