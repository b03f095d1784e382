#include "module/starved.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct tree {
        pid_t pids[STARVED_TREE_MAX];
        size_t count;
};

/* What a thread started, "12 34 "; without CONFIG_PROC_CHILDREN nothing is known. */
static void add_children(const struct process *thread, struct tree *tree)
{
        struct error err;
        cleanup(buf_done) struct buf text;
        buf_init(&text, PROCESS_FILE_MAX);
        if (process_read_file(thread, "children", &text, &err) < 0)
                return;
        char *at = (char *)(uintptr_t)buf_text(&text);
        for (char *end; tree->count < STARVED_TREE_MAX; at = end) {
                long pid = strtol(at, &end, 10);
                if (end == at)
                        return;
                tree->pids[tree->count++] = (pid_t)pid;
        }
}

/* The state of a process in /proc/PID/stat is that of its first thread, which may rest until the others are done. */
static bool any_thread_wants(const struct process *process, struct tree *ret_below)
{
        bool wants = false;
        struct error err;
        cleanup(fd_close) int tasks = openat(process->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = tasks < 0 ? NULL : fdopendir(tasks);
        if (!dir)
                return false;
        tasks = -1;
        const struct dirent *entry;
        for (size_t seen = 0; seen < STARVED_THREADS_MAX && (entry = readdir(dir)); seen++) {
                struct process_stat stat;
                struct process thread = { .pid = (pid_t)strtol(entry->d_name, NULL, 10) };
                if (thread.pid <= 0)
                        continue;
                thread.dir = openat(dirfd(dir), entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
                if (thread.dir >= 0 && process_read_stat(&thread, &stat, &err) == 0)
                        wants |= stat.state == 'R' || stat.state == 'D';
                if (thread.dir >= 0 && ret_below)
                        add_children(&thread, ret_below);
                process_close(&thread);
        }
        closedir(dir);
        return wants;
}

bool process_wants_cpu(pid_t pid, bool with_tree, int64_t *ret_cpu_ns)
{
        struct error err;
        struct tree tree = { { pid }, 1 };
        bool wants = false;
        uint64_t ticks = 0;
        cleanup(fd_close) int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; root >= 0 && i < tree.count; i++) {
                struct process process;
                struct process_stat stat = { 0 };
                if (process_open(root, tree.pids[i], &process, &err) < 0)
                        continue;
                if (process_read_stat(&process, &stat, &err) == 0)
                        ticks += stat.utime + stat.stime + (with_tree ? (uint64_t)(stat.cutime + stat.cstime) : 0);
                wants |= any_thread_wants(&process, with_tree ? &tree : NULL);
                process_close(&process);
        }
        *ret_cpu_ns = (int64_t)ticks * (SECOND / sysconf(_SC_CLK_TCK));
        return wants;
}
