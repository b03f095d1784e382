/* Parent and child order of a list of processes that was read while processes came and went: a parent may be missing,
 * a link may even form a loop. Every process gets exactly one place. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

struct process_parent {
        pid_t pid;
        pid_t ppid;
};

struct process_tree_node {
        size_t index;   /* into the list given */
        uint32_t depth; /* 0 for a root: no parent in the list */
        bool last;      /* last child of its parent: for drawing */
};

/* ret: count nodes in pre-order, children by pid, in the arena. */
int process_tree_order(const struct process_parent *list, size_t count, struct arena *arena,
        struct process_tree_node **ret, struct error *err);
