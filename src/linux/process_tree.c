#include "linux/process_tree.h"

#include <stdbool.h>

struct tree_row {
        pid_t pid;
        pid_t ppid;
        size_t index;
        size_t parent; /* row, NONE for a root */
        size_t first_child, last_child, next_sibling;
        bool placed;
};

#define NONE SIZE_MAX

static int compare_pid(const void *a, const void *b)
{
        const struct tree_row *x = a;
        const struct tree_row *y = b;
        if (x->pid != y->pid)
                return x->pid < y->pid ? -1 : 1;
        return x->index < y->index ? -1 : x->index > y->index;
}

static size_t find_row(const struct tree_row *rows, size_t count, pid_t pid)
{
        size_t low = 0;
        size_t high = count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (rows[middle].pid < pid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < count && rows[low].pid == pid ? low : NONE;
}

static void link_children(struct tree_row *rows, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                rows[i].parent = rows[i].ppid > 0 ? find_row(rows, count, rows[i].ppid) : NONE;
                if (rows[i].parent == i)
                        rows[i].parent = NONE;
        }
        for (size_t i = 0; i < count; i++) {
                size_t parent = rows[i].parent;
                if (parent == NONE)
                        continue;
                if (rows[parent].first_child == NONE)
                        rows[parent].first_child = i;
                else
                        rows[rows[parent].last_child].next_sibling = i;
                rows[parent].last_child = i;
        }
}

/* Pre-order below one root without recursion: down to the first child, else on to the next sibling, else up. */
static size_t place(struct tree_row *rows, size_t root, struct process_tree_node *out)
{
        size_t placed = 0;
        uint32_t depth = 0;
        size_t at = root;
        for (;;) {
                rows[at].placed = true;
                out[placed++] = (struct process_tree_node){
                        .index = rows[at].index, .depth = depth, .last = at == root || rows[at].next_sibling == NONE
                };
                size_t child = rows[at].first_child;
                while (child != NONE && rows[child].placed) /* the loop that led to this root closes here */
                        child = rows[child].next_sibling;
                if (child != NONE) {
                        at = child;
                        depth++;
                        continue;
                }
                size_t next = NONE;
                while (at != root && next == NONE) {
                        next = rows[at].next_sibling;
                        while (next != NONE && rows[next].placed)
                                next = rows[next].next_sibling;
                        if (next == NONE) {
                                at = rows[at].parent;
                                depth--;
                        }
                }
                if (next == NONE)
                        return placed;
                at = next;
        }
}

int process_tree_order(const struct process_parent *list, size_t count, struct arena *arena,
        struct process_tree_node **ret, struct error *err)
{
        struct process_tree_node *nodes = arena_array(arena, count ? count : 1, sizeof(*nodes));
        struct tree_row *rows = arena_array(arena, count ? count : 1, sizeof(*rows));
        if (!nodes || !rows)
                return fail(err, E_NO_MEMORY, "no memory for a tree of %zu processes", count);
        for (size_t i = 0; i < count; i++)
                rows[i] = (struct tree_row){ list[i].pid, list[i].ppid, i, NONE, NONE, NONE, NONE, false };
        if (count)
                qsort(rows, count, sizeof(*rows), compare_pid);
        link_children(rows, count);
        size_t placed = 0;
        for (size_t i = 0; i < count; i++)
                if (rows[i].parent == NONE)
                        placed += place(rows, i, nodes + placed);
        /* what is left hangs on a loop of parents: the lowest pid of it stands in for a root */
        for (size_t i = 0; i < count; i++)
                if (!rows[i].placed)
                        placed += place(rows, i, nodes + placed);
        *ret = nodes;
        return 0;
}
