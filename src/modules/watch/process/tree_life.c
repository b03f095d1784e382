/* Ends: an ended process waits for its delay, then goes, or stays as a ghost while it has descendants. */
#include "modules/watch/process/tree_internal.h"

static void push(struct tree *tree, struct tree_process *process, uint32_t *first, uint32_t *last)
{
        process->queue_next = 0;
        process->queue_previous = *last;
        if (*last)
                tree_at(tree, *last)->queue_next = process->self;
        else
                *first = process->self;
        *last = process->self;
        process->queued = true;
}

static void unqueue(struct tree *tree, struct tree_process *process)
{
        if (!process->queued)
                return;
        uint32_t *first = process->ghost ? &tree->ghost_first : &tree->ended_first;
        uint32_t *last = process->ghost ? &tree->ghost_last : &tree->ended_last;
        if (process->queue_previous)
                tree_at(tree, process->queue_previous)->queue_next = process->queue_next;
        else
                *first = process->queue_next;
        if (process->queue_next)
                tree_at(tree, process->queue_next)->queue_previous = process->queue_previous;
        else
                *last = process->queue_previous;
        if (process->ghost)
                tree->counters.ghosts--;
        process->queue_next = process->queue_previous = 0;
        process->queued = process->ghost = false;
}

void tree_end(struct tree *tree, struct tree_process *process, int64_t end_ns)
{
        bool ended = process->end_ns != 0;
        process->end_ns = end_ns > 0 ? end_ns : 1;
        if (ended || !process->self)
                return;
        tree->counters.processes--;
        tree->counters.ended++;
        tree_container_left(tree, process);
        push(tree, process, &tree->ended_first, &tree->ended_last);
}

void tree_unend(struct tree *tree, struct tree_process *process)
{
        if (!process->end_ns)
                return;
        process->end_ns = 0;
        process->exit_seen = process->silent = false;
        if (!process->self)
                return;
        unqueue(tree, process);
        tree->counters.processes++;
        tree->counters.ended--;
        tree_container_entered(tree, process);
}

/* Ended and without children: it goes, and with it the ghosts above that stayed only for it. */
static void let_go(struct tree *tree, struct tree_process *process)
{
        for (;;) {
                struct tree_process *parent = tree_at(tree, process->parent);
                unqueue(tree, process);
                tree_sibling_unlink(tree, process);
                tree_line_unlink(tree, process);
                tree_process_delete(tree, process);
                if (!parent->self || !parent->ghost || parent->child)
                        return;
                process = parent;
        }
}

/* Its children are those of its own parent from now on: the line above is whole. */
static void forget_ghost(struct tree *tree, struct tree_process *ghost)
{
        while (ghost->child) {
                struct tree_process *child = tree_at(tree, ghost->child);
                tree_sibling_unlink(tree, child);
                tree_sibling_link(tree, child, ghost->parent);
        }
        tree->counters.forgotten++;
        let_go(tree, ghost);
}

void tree_child_left(struct tree *tree, struct tree_process *parent)
{
        if (!parent->ghost || parent->child)
                return;
        unqueue(tree, parent);
        push(tree, parent, &tree->ended_first, &tree->ended_last); /* not now: it may be in use */
}

static void due(struct tree *tree, struct tree_process *process)
{
        if (!process->exit_seen && !process->silent) {
                process->silent = true;
                tree_emit_gone(tree, process);
        }
        tree_container_due(tree, process);
        unqueue(tree, process);
        if (!process->child) {
                let_go(tree, process);
                return;
        }
        process->ghost = true;
        push(tree, process, &tree->ghost_first, &tree->ghost_last);
        if (++tree->counters.ghosts > tree->ghosts_max)
                forget_ghost(tree, tree_at(tree, tree->ghost_first));
}

void tree_expire(struct tree *tree, int64_t now_ns)
{
        while (tree->ended_first) {
                struct tree_process *process = tree_at(tree, tree->ended_first);
                if (now_ns - process->end_ns < tree->options.delete_delay_ns)
                        break;
                due(tree, process);
        }
}

void tree_make_room(struct tree *tree)
{
        const struct tree_counters *counters = &tree->counters;
        while (counters->processes + counters->ended + 4 > tree->options.processes_max ||
                counters->bytes + TREE_SLACK > tree->options.memory_max) {
                if (tree->ended_first)
                        due(tree, tree_at(tree, tree->ended_first));
                else if (tree->ghost_first)
                        forget_ghost(tree, tree_at(tree, tree->ghost_first));
                else
                        return;
        }
}
