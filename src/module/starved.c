#include "module/starved.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "linux/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tree {
        pid_t pids[STARVED_TREE_MAX];
        size_t count;
};

/* The children of the main thread, "12 34 "; without CONFIG_PROC_CHILDREN none are known. */
static void add_children(const struct process *process, struct tree *tree)
{
        char name[64];
        struct error err;
        cleanup(buf_done) struct buf text;
        buf_init(&text, PROCESS_FILE_MAX);
        snprintf(name, sizeof(name), "task/%d/children", (int)process->pid);
        if (process_read_file(process, name, &text, &err) < 0)
                return;
        char *at = (char *)(uintptr_t)buf_text(&text);
        for (char *end; tree->count < STARVED_TREE_MAX; at = end) {
                long pid = strtol(at, &end, 10);
                if (end == at)
                        return;
                tree->pids[tree->count++] = (pid_t)pid;
        }
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
                if (process_read_stat(&process, &stat, &err) == 0) {
                        wants |= stat.state == 'R' || stat.state == 'D';
                        ticks += stat.utime + stat.stime;
                        if (with_tree)
                                ticks += (uint64_t)(stat.cutime + stat.cstime);
                }
                if (with_tree)
                        add_children(&process, &tree);
                process_close(&process);
        }
        *ret_cpu_ns = (int64_t)ticks * (SECOND / sysconf(_SC_CLK_TCK));
        return wants;
}
