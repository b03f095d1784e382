/* Questions to the tree. */
#include "modules/watch/process/tree_internal.h"

const struct tree_process *tree_find(const struct tree *tree, pid_t pid)
{
        const struct tree_process *newest =
                pid > 0 && pid < TREE_PID_MAX ? tree_spot(tree, pid, INT64_MAX).owner : NULL;
        return newest && !newest->end_ns ? newest : NULL;
}

const struct tree_process *tree_find_at(const struct tree *tree, pid_t pid, int64_t time_ns)
{
        if (pid <= 0 || pid >= TREE_PID_MAX)
                return NULL;
        struct tree_spot spot = tree_spot(tree, pid, time_ns);
        if (spot.owner && tree_lives_at(spot.owner, time_ns))
                return spot.owner;
        /* not seen forked: it may have lived before its first sight */
        if (spot.newer && !spot.newer->fork_seen)
                return spot.newer;
        return NULL;
}

pid_t tree_process_pid(const struct tree_process *process)
{
        return (pid_t)process->pid;
}

uint64_t tree_process_start_ns(const struct tree_process *process)
{
        return process->start_ns;
}

bool tree_process_ended(const struct tree_process *process)
{
        return process->end_ns != 0;
}

bool tree_process_repaired(const struct tree_process *process)
{
        return process->repaired;
}

void tree_each(const struct tree *tree, bool ended_too, tree_take_fn *take, void *cookie)
{
        unsigned depth = 0; /* of those shown */
        const struct tree_process *nobody = tree_at(tree, 0);
        const struct tree_process *at = nobody;
        for (;;) {
                bool shown = at != nobody && (ended_too || !at->end_ns);
                if (shown && !take(at, depth, cookie))
                        return;
                if (at->child) {
                        depth += shown;
                        at = tree_at(tree, at->child);
                        continue;
                }
                while (at != nobody && !at->next) {
                        at = tree_at(tree, at->parent);
                        depth -= at != nobody && (ended_too || !at->end_ns);
                }
                if (at == nobody)
                        return;
                at = tree_at(tree, at->next);
        }
}

void tree_each_container(const struct tree *tree, tree_take_container_fn *take, void *cookie)
{
        for (uint32_t i = 1; i < tree->container_count; i++) {
                const struct container_entry *entry = &tree->containers[i];
                if (!entry->used)
                        continue;
                struct tree_container container = {
                        .processes = entry->processes, .first_ns = entry->first_ns, .pid = entry->pid
                };
                tree_container_fill(tree, i, &container.names);
                if (!take(&container, cookie))
                        return;
        }
}
