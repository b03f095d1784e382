/* The whole of /proc: the first look, and the comparison with the tree after a loss. */
#include "modules/watch/process/look_internal.h"

#include "base/cleanup.h"
#include "base/vec.h"
#include "linux/process_tree.h"
#include "modules/watch/process/tree.h"

#include <fcntl.h>

enum {
        LOOK_PROCESSES_MAX = PROCESS_PID_MAX,
        LOOK_ORDER_MEMORY = 512 << 20, /* ceiling only: about 60 bytes a process are used, for the time of the call */
};

struct found {
        pid_t pid, ppid;
};
typedef VEC(struct found) found_list;

/* Parents first: a child's place is known when it comes. */
static int in_order(const found_list *list, struct arena *arena, struct process_tree_node **ret, struct error *err)
{
        struct process_parent *parents = arena_array(arena, list->count + 1, sizeof(*parents));
        if (!parents)
                return fail(err, E_NO_MEMORY, "no memory for %zu processes", list->count);
        for (size_t i = 0; i < list->count; i++)
                parents[i] = (struct process_parent){ list->items[i].pid, list->items[i].ppid };
        return process_tree_order(parents, list->count, arena, ret, err);
}

static int observe_process(
        struct look *look, pid_t pid, int64_t now_ns, bool synthetic, observe_fn *observe, void *cookie)
{
        struct observation row;
        observation_init(&row, OBSERVED_PROCESS, SOURCE_PROC);
        row.pid = pid;
        row.ppid = -1;
        look_fill(look, &row, LOOK_EVERYTHING);
        if (row.ppid < 0 || look_is_zombie(look)) {
                look->counters.vanished++;
                return -1;
        }
        row.time_ns = now_ns;
        row.tid = pid;
        row.synthetic = synthetic;
        if (row.has & HAS_CGROUP)
                look_note_cgroup(look, &row, observe, cookie);
        observe(&row, cookie);
        return 0;
}

/* Hands out the processes of list; what ended meanwhile is left out. */
static int observe_list(struct look *look, const found_list *list, int64_t now_ns, bool synthetic, observe_fn *observe,
        void *cookie, uint64_t *ret_count, struct error *err)
{
        cleanup(arena_done) struct arena arena;
        struct process_tree_node *nodes;
        uint64_t count = 0;
        arena_init(&arena, LOOK_ORDER_MEMORY);
        if (in_order(list, &arena, &nodes, err) < 0)
                return -1;
        for (size_t i = 0; i < list->count; i++)
                count +=
                        observe_process(look, list->items[nodes[i].index].pid, now_ns, synthetic, observe, cookie) == 0;
        *ret_count = count;
        return 0;
}

/* Calls take for every process of /proc with its stat in look->stat; zombies are left out. */
static int each_process(struct look *look, int (*take)(struct look *look, void *cookie, struct error *err),
        void *cookie, struct error *err)
{
        cleanup(fd_close) int fd = openat(look->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return fail_errno(err, "open proc");
        cleanup(closedir) DIR *dir = fdopendir(fd);
        if (!dir)
                return fail_errno(err, "open proc");
        take_fd(fd);
        struct dirent *entry;
        while ((entry = readdir(dir))) {
                uint64_t pid;
                if (!sv_parse_u64(sv_of(entry->d_name), 10, &pid) || pid == 0 || pid > PROCESS_PID_MAX)
                        continue;
                if (!look_read_stat(look, (pid_t)pid)) {
                        look->counters.vanished++;
                        continue;
                }
                if (!look_is_zombie(look) && take(look, cookie, err) < 0)
                        return -1;
        }
        return 0;
}

static int add_found(found_list *list, const struct look *look, struct error *err)
{
        struct found *found = vec_add(list, LOOK_PROCESSES_MAX);
        if (!found)
                return fail(err, E_NO_MEMORY, "no memory for %zu processes", list->count);
        *found = (struct found){ look->stat.pid, look->stat.ppid };
        return 0;
}

static int take_every(struct look *look, void *cookie, struct error *err)
{
        return add_found(cookie, look, err);
}

int look_all(struct look *look, int64_t now_ns, observe_fn *observe, void *cookie, struct error *err)
{
        found_list list = { 0 };
        uint64_t count;
        int result = each_process(look, take_every, &list, err);
        if (result == 0)
                result = observe_list(look, &list, now_ns, false, observe, cookie, &count, err);
        vec_done(&list);
        return result;
}

/* --- repair ---------------------------------------------------------------------------------------------------------
 */

struct ended {
        pid_t pid;
        uint64_t start_ns;
};
typedef VEC(struct ended) ended_list;

struct comparison {
        struct tree *tree;
        const struct look *look;
        found_list unknown;
        VEC(pid_t) seen; /* every living pid, ascending once sorted */
        ended_list ended;
        bool refused;
};

/* The tree's start may come from the kernel to the nanosecond, from /proc in ticks, or from the time of the fork's
 * record: five ticks hold all of them, and no pid comes round in that. */
static bool is_same_start(const struct look *look, uint64_t start_ns, uint64_t other_ns)
{
        uint64_t distance = start_ns > other_ns ? start_ns - other_ns : other_ns - start_ns;
        return !start_ns || !other_ns || distance < 5 * (uint64_t)look->tick_ns;
}

static int take_unknown(struct look *look, void *cookie, struct error *err)
{
        struct comparison *comparison = cookie;
        pid_t *seen = vec_add(&comparison->seen, LOOK_PROCESSES_MAX);
        if (!seen)
                return fail(err, E_NO_MEMORY, "no memory for %zu processes", comparison->seen.count);
        *seen = look->stat.pid;
        const struct tree_process *known = tree_find(comparison->tree, look->stat.pid);
        if (known && is_same_start(look, tree_process_start_ns(known), look_start_ns(look))) {
                struct event_process process;
                tree_process_fill(comparison->tree, known, &process);
                if (process.comm && strcmp(process.comm, look->stat.comm) == 0)
                        return 0;
        }
        return add_found(&comparison->unknown, look, err);
}

static int by_pid(const void *a, const void *b)
{
        pid_t one = *(const pid_t *)a;
        pid_t other = *(const pid_t *)b;
        return (one > other) - (one < other);
}

static bool take_ended(const struct tree_process *process, unsigned depth, void *cookie)
{
        struct comparison *comparison = cookie;
        pid_t pid = tree_process_pid(process);
        (void)depth;
        if (tree_process_ended(process) || pid <= 0 ||
                (comparison->seen.count &&
                        bsearch(&pid, comparison->seen.items, comparison->seen.count, sizeof(pid), by_pid)))
                return true;
        struct ended *ended = vec_add(&comparison->ended, LOOK_PROCESSES_MAX);
        if (!ended) {
                comparison->refused = true;
                return false;
        }
        *ended = (struct ended){ pid, tree_process_start_ns(process) };
        return true;
}

/* A process that began after the directory was read is not in `seen`: asked once more. */
static uint64_t observe_ended(
        struct look *look, const ended_list *list, int64_t now_ns, observe_fn *observe, void *cookie)
{
        uint64_t count = 0;
        vec_foreach (ended, list) {
                if (look_read_stat(look, ended->pid) && !look_is_zombie(look) &&
                        is_same_start(look, ended->start_ns, look_start_ns(look)))
                        continue;
                struct observation gone;
                observation_init(&gone, OBSERVED_GONE, SOURCE_PROC);
                gone.time_ns = now_ns;
                gone.pid = gone.tid = ended->pid;
                gone.start_ns = ended->start_ns;
                gone.synthetic = true;
                observe(&gone, cookie);
                count++;
        }
        return count;
}

int look_repair(struct look *look, struct tree *tree, int64_t now_ns, observe_fn *observe, void *cookie,
        uint64_t *ret_repaired, struct error *err)
{
        struct comparison comparison = { .tree = tree, .look = look };
        uint64_t appeared = 0;
        int result = each_process(look, take_unknown, &comparison, err);
        if (result == 0) {
                if (comparison.seen.count)
                        qsort(comparison.seen.items, comparison.seen.count, sizeof(pid_t), by_pid);
                tree_each(tree, false, take_ended, &comparison);
                if (comparison.refused)
                        result = fail(err, E_NO_MEMORY, "no memory for %zu processes", comparison.ended.count);
        }
        if (result == 0) {
                uint64_t gone = observe_ended(look, &comparison.ended, now_ns, observe, cookie);
                result = observe_list(look, &comparison.unknown, now_ns, true, observe, cookie, &appeared, err);
                look->counters.repaired += gone + appeared;
                if (result == 0)
                        *ret_repaired = gone + appeared;
        }
        vec_done(&comparison.unknown);
        vec_done(&comparison.seen);
        vec_done(&comparison.ended);
        return result;
}
