/* Reads the processes of a group for a look. */
#include "modules/metrics/collect/top.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "base/vec.h"
#include "linux/process_list.h"
#include "linux/socket_owner.h"
#include "linux/socket_traffic.h"

#include <dirent.h>
#include <fcntl.h>

struct held_socket {
        uint64_t inode;
        pid_t pid;
};

struct look {
        struct top *top;
        const struct top_query *query;
        VEC(struct held_socket) held;
};

/* Which of the query's netlink sockets tells of the process's namespace; none: false. */
static bool is_told(const struct top_query *query, int dir)
{
        char target[64];
        uint64_t inode;
        if (!query->netlink_count)
                return false;
        ssize_t length = readlinkat(dir, "ns/net", target, sizeof(target));
        if (length < 0 || !process_parse_namespace(sv_n(target, (size_t)length), &inode))
                return false;
        for (size_t i = 0; i < query->netlink_count; i++)
                if (query->netlinks[i].netns == inode)
                        return true;
        return false;
}

static void find_sockets(struct look *look, const struct process *process)
{
        cleanup(fd_close) int fd = openat(process->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cleanup(closedir) DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
        if (!entries)
                return;
        take_fd(fd);
        struct dirent *entry;
        while ((entry = readdir(entries))) {
                char target[64];
                uint64_t inode;
                ssize_t length = entry->d_name[0] == '.'
                                         ? -1
                                         : readlinkat(dirfd(entries), entry->d_name, target, sizeof(target));
                if (length < 0 || !socket_link_parse(sv_n(target, (size_t)length), &inode))
                        continue;
                struct held_socket *slot = vec_add(&look->held, TOP_SOCKETS_MAX);
                if (!slot)
                        return;
                *slot = (struct held_socket){ inode, process->pid };
        }
}

static int each_row(const struct process_row *row, void *cookie)
{
        struct look *look = cookie;
        char name[16];
        struct process_io io;
        struct top_sample sample = { .pid = row->pid,
                .start_ticks = row->start_ticks,
                .start_unix_ns = row->start_unix_ns,
                .uid = row->uid,
                .cpu_ns = row->cpu_ns,
                .rss = row->rss,
                .group = look->query->number ? look->query->number(row->group, look->query->cookie) : 0 };
        snprintf(sample.comm, sizeof(sample.comm), "%s", row->comm);
        snprintf(name, sizeof(name), "%d", row->pid);
        struct process process = { row->pid, openat(look->query->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC) };
        if (process.dir < 0)
                return 0;
        sample.has_io = process_read_io(&process, &io, NULL) == 0;
        if (sample.has_io) {
                sample.read_bytes = io.read_bytes;
                sample.write_bytes = io.write_bytes;
        }
        sample.has_network = is_told(look->query, process.dir);
        if (top_add(look->top, &sample) && sample.has_network)
                find_sockets(look, &process);
        process_close(&process);
        return 0;
}

static int compare_held(const void *a, const void *b)
{
        const struct held_socket *x = a;
        const struct held_socket *y = b;
        if (x->inode != y->inode)
                return x->inode < y->inode ? -1 : 1;
        return (x->pid > y->pid) - (x->pid < y->pid);
}

/* The first that holds it: of several the one with the lowest number. */
static int each_traffic(const struct socket_traffic *traffic, void *cookie)
{
        struct look *look = cookie;
        size_t low = 0;
        size_t high = look->held.count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (look->held.items[middle].inode < traffic->inode)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low < look->held.count && look->held.items[low].inode == traffic->inode)
                top_add_socket(look->top, look->held.items[low].pid, traffic->cookie, traffic->received, traffic->sent);
        return 0;
}

int top_look(struct top *top, const struct top_query *query, struct top_row *ret, size_t *ret_count, struct error *err)
{
        struct look look = { .top = top, .query = query };
        struct process_list_query list = { .group = query->group,
                .subgroups = query->subgroups,
                .pids = query->pids,
                .pid_count = query->pid_count,
                .now_unix_ns = time_unix_ns() };
        struct process_list_result result;
        top_begin(top, time_monotonic_ns(), list.now_unix_ns);
        int verdict = process_list_each(query->proc, &list, each_row, &look, &result, err);
        if (look.held.count)
                qsort(look.held.items, look.held.count, sizeof(*look.held.items), compare_held);
        for (size_t i = 0; i < query->netlink_count && verdict == 0 && look.held.count; i++)
                verdict = socket_traffic_dump(query->netlinks[i].fd, each_traffic, &look, err);
        vec_done(&look.held);
        if (verdict < 0)
                return -1;
        if (query->each)
                top_finish_each(top, query->each, query->cookie);
        else
                *ret_count = top_finish(top, query->order, ret, query->limit);
        return 0;
}
