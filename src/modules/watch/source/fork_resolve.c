#include "modules/watch/source/fork_resolve.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "linux/process.h"

enum { CHILDREN_MAX = 64 << 10 /* bytes of the list */ };

static bool read_status(int root, pid_t pid, struct process_status *ret)
{
        cleanup(process_close) struct process process = { .dir = -1 };
        return process_open(root, pid, &process, NULL) == 0 && process_read_status(&process, ret, NULL) == 0;
}

/* `told` as the process is numbered in the namespace `depth` levels below ours. */
static bool is_numbered(const struct process_status *status, size_t depth, pid_t told)
{
        return depth < status->ns_pid_count && status->ns_pid[depth] == told;
}

static pid_t search_children(int root, pid_t parent, size_t depth, pid_t told)
{
        char path[64];
        cleanup(buf_done) struct buf text;
        buf_init(&text, CHILDREN_MAX);
        snprintf(path, sizeof(path), "proc/%d/task/%d/children", parent, parent);
        if (file_read(root, path, &text, NULL) < 0)
                return 0;
        struct sv rest = sv_n(buf_text(&text), text.len), word;
        struct process_status status;
        uint64_t pid;
        while (sv_word(&rest, &word))
                if (sv_parse_u64(sv_trim(word), 10, &pid) && pid <= INT32_MAX &&
                        read_status(root, (pid_t)pid, &status) && is_numbered(&status, depth, told))
                        return (pid_t)pid;
        return 0;
}

pid_t fork_resolve(int root, pid_t parent, pid_t told, bool perhaps_thread)
{
        struct process_status status, parents;
        /* the initial namespace, nearly always */
        if (read_status(root, told, &status)) {
                if (status.tgid == parent && told != parent)
                        return -1;
                if (status.ppid == parent && status.tgid == told && status.pid == told)
                        return told;
        }
        if (!read_status(root, parent, &parents))
                return 0;
        if (parents.ns_pid_count < 2) /* the child has ended, but its number is ours */
                return perhaps_thread ? 0 : told;
        return search_children(root, parent, parents.ns_pid_count - 1, told);
}
