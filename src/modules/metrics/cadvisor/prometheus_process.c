/* process_* of ourselves as client_golang's process collector has them, and the few go_* that cAdvisor's users and its
 * own tests expect to find: there is no Go here, and go_info says so. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/process.h"
#include "linux/task_stats.h"
#include "modules/metrics/cadvisor/cadvisor.h"

#include <dirent.h>
#include <fcntl.h>

enum { SELF_FILE_MAX = 16 * 1024, SELF_FDS_MAX = 1 << 20 };

/* Bytes of proc/self/NAME, 0 for none. */
static size_t read_self(int proc, const char *path, char text[SELF_FILE_MAX])
{
        cleanup(fd_close) int fd = openat(proc, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        size_t size = 0;
        while (fd >= 0 && size < SELF_FILE_MAX) {
                ssize_t count = read(fd, text + size, SELF_FILE_MAX - size);
                if (count <= 0)
                        break;
                size += (size_t)count;
        }
        return size;
}

static void put_stat(int proc, bool go, struct exposition *out)
{
        char text[SELF_FILE_MAX];
        struct process_stat stat;
        size_t size = read_self(proc, "self/stat", text);
        if (size == 0 || process_parse_stat(sv_n(text, size), &stat, NULL) < 0)
                return;
        double ticks = (double)sysconf(_SC_CLK_TCK);
        int64_t start_ns = process_start_unix_ns(stat.start_ticks, time_boot_unix_ns());
        int64_t start_centiseconds = start_ns / (10 * MILLISECOND);
        exposition_put(out, "process_cpu_seconds_total", EXPOSITION_COUNTER,
                "Total user and system CPU time spent in seconds.", (double)(stat.utime + stat.stime) / ticks);
        exposition_put(out, "process_resident_memory_bytes", EXPOSITION_GAUGE, "Resident memory size in bytes.",
                (double)stat.rss * (double)sysconf(_SC_PAGESIZE));
        exposition_put(out, "process_virtual_memory_bytes", EXPOSITION_GAUGE, "Virtual memory size in bytes.",
                (double)stat.vsize);
        exposition_put(out, "process_start_time_seconds", EXPOSITION_GAUGE,
                "Start time of the process since unix epoch in seconds.", (double)start_centiseconds / 100);
        if (go)
                exposition_put(
                        out, "go_threads", EXPOSITION_GAUGE, "Number of OS threads created.", (double)stat.num_threads);
}

static void put_limits(int proc, struct exposition *out)
{
        static const struct {
                const char *limit, *name, *help;
        } rows[] = { { "max_open_files", "process_max_fds", "Maximum number of open file descriptors." },
                { "max_address_space", "process_virtual_memory_max_bytes",
                        "Maximum amount of virtual memory available in bytes." } };
        char text[SELF_FILE_MAX];
        struct task_ulimit limits[ULIMITS_MAX];
        size_t refused, count = task_parse_limits(sv_n(text, read_self(proc, "self/limits", text)), limits, &refused);
        for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++)
                        if (strcmp(limits[i].name, rows[k].limit) == 0) /* no limit: as a uint64_t, client_golang */
                                exposition_put(out, rows[k].name, EXPOSITION_GAUGE, rows[k].help,
                                        limits[i].soft < 0 ? (double)UINT64_MAX : (double)limits[i].soft);
}

static void put_fds(int proc, struct exposition *out)
{
        int fd = openat(proc, "self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (!dir) {
                if (fd >= 0)
                        close(fd);
                return;
        }
        size_t count = 0;
        for (struct dirent *entry; count < SELF_FDS_MAX && (entry = readdir(dir));)
                count += entry->d_name[0] != '.';
        closedir(dir);
        exposition_put(out, "process_open_fds", EXPOSITION_GAUGE, "Number of open file descriptors.",
                (double)(count > 0 ? count - 1 : 0)); /* without the one that reads the directory */
}

void cadvisor_expose_process(int proc, bool go, struct exposition *out)
{
        put_stat(proc, go, out);
        put_limits(proc, out);
        put_fds(proc, out);
        if (!go)
                return;
        exposition_put(out, "go_goroutines", EXPOSITION_GAUGE, "Number of goroutines that currently exist.", 0);
        exposition_add(exposition_family(out, "go_info", EXPOSITION_GAUGE, "Information about the Go environment."),
                &(struct exposition_label){ "version", "none" }, 1, 1, EXPOSITION_NO_TIME);
}
