/* Sampling control groups: time and system calls a group, beside the floor, which is to open, read and close the same
 * files and look at nothing. Groups of its own below bench-cgroup-PID in each hierarchy; needs root. Argument: how many
 * groups. */
#include "base/cleanup.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "linux/cgroup_stats.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { GROUPS = 125, GROUPS_MAX = 4000, SAMPLES = 5000, TEXT = 4096, FILES_MAX = 64 };

/* What `cadvisor` collects by default. */
static const unsigned COMMON = CGROUP_READ_CPU | CGROUP_READ_PER_CPU | CGROUP_READ_MEMORY | CGROUP_READ_IO |
                               CGROUP_READ_PIDS | CGROUP_READ_PRESSURE;

/* Rounds over the groups, for about SAMPLES in all. */
static int rounds_of(size_t count)
{
        return count < SAMPLES ? (int)(SAMPLES / count) : 1;
}

static int64_t cpu_ns(void)
{
        struct timespec now;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return now.tv_sec * SECOND + now.tv_nsec;
}

struct floor_file {
        int hierarchy;
        const char *name;
};

/* The files that are there in the groups of one hierarchy, of those that a sample reads. */
static size_t find_files(const struct cgroup_dirs *dirs, size_t hierarchies, struct floor_file *files)
{
        static const char *const names[] = { "cpuacct.stat", "cpuacct.usage_percpu", "cpu.stat",
                "memory.usage_in_bytes", "memory.stat", "memory.max_usage_in_bytes", "memory.failcnt",
                "memory.kmem.usage_in_bytes", "memory.oom_control", "blkio.bfq.io_serviced_recursive",
                "blkio.throttle.io_serviced_recursive", "pids.current", "pids.max", "memory.current", "memory.peak",
                "memory.swap.current", "memory.events", "io.stat", "cpu.pressure", "memory.pressure", "io.pressure" };
        size_t count = 0;
        for (size_t i = 0; i < hierarchies; i++)
                for (size_t j = 0; dirs->dirs[i] >= 0 && j < sizeof(names) / sizeof(*names); j++)
                        if (count < FILES_MAX && faccessat(dirs->dirs[i], names[j], R_OK, 0) == 0)
                                files[count++] = (struct floor_file){ (int)i, names[j] };
        return count;
}

static int64_t time_floor(
        const struct cgroup_dirs *groups, size_t count, const struct floor_file *files, size_t file_count)
{
        char text[TEXT];
        int64_t before = cpu_ns();
        for (int round = 0; round < rounds_of(count); round++)
                for (size_t i = 0; i < count; i++)
                        for (size_t j = 0; j < file_count; j++) {
                                cleanup(fd_close) int fd =
                                        openat(groups[i].dirs[files[j].hierarchy], files[j].name, O_RDONLY | O_CLOEXEC);
                                if (fd < 0 || read(fd, text, sizeof(text)) < 0)
                                        return -1;
                        }
        return cpu_ns() - before;
}

static int64_t time_reader(
        int root, const struct cgroup_mounts *mounts, const struct cgroup_dirs *groups, size_t count, unsigned flags)
{
        int64_t before = cpu_ns();
        for (int round = 0; round < rounds_of(count); round++)
                for (size_t i = 0; i < count; i++) {
                        cleanup(arena_done) struct arena arena;
                        struct cgroup_stats stats;
                        struct error err;
                        arena_init(&arena, CGROUP_STATS_MEMORY);
                        if (cgroup_stats_read(root, mounts, &groups[i], false, flags, &arena, &stats, &err) < 0) {
                                fprintf(stderr, "%s\n", err.message);
                                return -1;
                        }
                }
        return cpu_ns() - before;
}

static int64_t time_directories(int root, const struct cgroup_mounts *mounts, const char *name, size_t count)
{
        char path[256];
        struct cgroup_dirs dirs;
        int64_t before = cpu_ns();
        for (int round = 0; round < rounds_of(count); round++)
                for (size_t i = 0; i < count; i++) {
                        snprintf(path, sizeof(path), "/%s/%zu", name, i);
                        if (cgroup_dirs_open(root, mounts, path, &dirs, NULL) == 0)
                                cgroup_dirs_close(&dirs);
                }
        return cpu_ns() - before;
}

static int64_t time_probes(int root, const struct cgroup_mounts *mounts, const char *name, size_t count)
{
        cleanup(free) struct cgroup_probe *probes = calloc(count, sizeof(*probes));
        char path[256];
        size_t opened = 0;
        for (; probes && opened < count; opened++) {
                snprintf(path, sizeof(path), "/%s/%zu", name, opened);
                if (cgroup_probe_open(root, mounts, path, &probes[opened], NULL) < 0)
                        break;
        }
        int64_t before = cpu_ns();
        for (int round = 0; round < rounds_of(count); round++)
                for (size_t i = 0; i < opened; i++) {
                        uint64_t total;
                        if (cgroup_probe_read(&probes[i], &total, NULL) < 0)
                                return -1;
                }
        int64_t took = cpu_ns() - before;
        for (size_t i = 0; i < opened; i++)
                cgroup_probe_close(&probes[i]);
        return took;
}

/* Makes or removes the groups in every hierarchy that lets us. */
static void change_groups(const struct cgroup_mounts *mounts, const char *name, size_t count, bool make)
{
        char path[512];
        for (size_t i = 0; i < mounts->count; i++) {
                const char *mount = mounts->hierarchies[i].mount_point;
                snprintf(path, sizeof(path), "%s/%s", mount, name);
                if (make && mkdir(path, 0755) < 0)
                        continue;
                for (size_t j = 0; j < count; j++) {
                        snprintf(path, sizeof(path), "%s/%s/%zu", mount, name, j);
                        if (make)
                                mkdir(path, 0755);
                        else
                                rmdir(path);
                }
                snprintf(path, sizeof(path), "%s/%s", mount, name);
                if (!make)
                        rmdir(path);
        }
}

static void report(const char *what, int64_t ns, size_t count, int64_t floor_ns, size_t files)
{
        double micros = (double)ns / 1000 / rounds_of(count) / (double)count;
        double base = (double)floor_ns / 1000 / rounds_of(count) / (double)count;
        printf("%-28s %7.1f us a group, floor %7.1f us (%zu files, %zu calls), ratio %.2f\n", what, micros, base, files,
                3 * files, micros / base);
}

/* One layout: the hierarchies of v1, or v2 alone, or all. */
static int measure(int root, const struct cgroup_mounts *mounts, const char *what, const char *name, size_t count)
{
        cleanup(free) struct cgroup_dirs *groups = calloc(count, sizeof(*groups));
        struct floor_file files[FILES_MAX];
        struct error err;
        size_t opened = 0;
        char path[256];
        if (!groups)
                return -1;
        for (; opened < count; opened++) {
                snprintf(path, sizeof(path), "/%s/%zu", name, opened);
                if (cgroup_dirs_open(root, mounts, path, &groups[opened], &err) < 0) {
                        printf("skipped: needs groups of its own (%s)\n", err.message);
                        break;
                }
        }
        if (opened == count) {
                size_t file_count = find_files(&groups[0], mounts->count, files);
                time_reader(root, mounts, groups, count, COMMON); /* warm */
                int64_t least = time_floor(groups, count, files, file_count);
                report(what, time_reader(root, mounts, groups, count, COMMON), count, least, file_count);
                double per = 1000.0 * rounds_of(count) * (double)count;
                printf("%-28s %7.1f us to open and close its directories, %.2f us to see that nothing ran\n", "",
                        (double)time_directories(root, mounts, name, count) / per,
                        (double)time_probes(root, mounts, name, count) / per);
        }
        fflush(stdout);
        for (size_t i = 0; i < opened; i++)
                cgroup_dirs_close(&groups[i]);
        return 0;
}

int main(int argc, char **argv)
{
        uint64_t count = GROUPS;
        struct cgroup_mounts all;
        struct error err;
        char name[64];
        cleanup(arena_done) struct arena arena;
        arena_init(&arena, 8 * MIB);
        if (argc > 1 && (!sv_parse_u64(sv_of(argv[1]), 10, &count) || count == 0 || count > GROUPS_MAX))
                return 2;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root < 0 || cgroup_read_mounts(root, &arena, &all, &err) < 0 || geteuid() != 0) {
                printf("skipped: needs root and mounted control groups\n");
                return 0;
        }
        struct rlimit files = { 1 << 16, 1 << 16 };
        if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
                files.rlim_cur = files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
        }
        struct cgroup_mounts v1 = { .layout = CGROUP_V1 };
        struct cgroup_mounts v2 = { .layout = CGROUP_V2 };
        for (size_t i = 0; i < all.count; i++) {
                struct cgroup_mounts *kind = all.hierarchies[i].unified ? &v2 : &v1;
                kind->hierarchies[kind->count++] = all.hierarchies[i];
        }
        snprintf(name, sizeof(name), "bench-cgroup-%d", getpid());
        change_groups(&all, name, count, true);
        if (v1.count)
                measure(root, &v1, "v1", name, count);
        if (v2.count)
                measure(root, &v2, "v2", name, count);
        if (v1.count && v2.count)
                measure(root, &all, "hybrid", name, count);
        change_groups(&all, name, count, false);
        return 0;
}
