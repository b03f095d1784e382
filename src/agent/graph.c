#include "agent/graph.h"

#include "base/buf.h"
#include "base/cleanup.h"

int graph_find(const struct graph *graph, const char *name)
{
        for (size_t i = 0; i < graph->count; i++)
                if (strcmp(graph->nodes[i].name, name) == 0)
                        return (int)i;
        return -1;
}

int graph_add(struct graph *graph, const char *name, struct error *err)
{
        if (graph_find(graph, name) >= 0)
                return fail(err, E_EXISTS, "service %s is declared twice", name);
        if (graph->count == GRAPH_NODES_MAX || strlen(name) >= GRAPH_NAME_MAX)
                return fail(err, E_TOO_LARGE, "service %s: at most %d services with names of %d bytes", name,
                        GRAPH_NODES_MAX, GRAPH_NAME_MAX - 1);
        struct graph_node *node = &graph->nodes[graph->count];
        *node = (struct graph_node){ 0 };
        snprintf(node->name, sizeof(node->name), "%s", name);
        return (int)graph->count++;
}

int graph_need(struct graph *graph, const char *name, const char *on_name, enum graph_on kind, struct error *err)
{
        int node = graph_find(graph, name);
        int on = graph_find(graph, on_name);
        if (node < 0 || on < 0)
                return fail(err, E_NOT_FOUND, "service %s needs %s: there is no service %s", name, on_name,
                        node < 0 ? name : on_name);
        for (size_t i = 0; i < graph->need_count; i++) {
                struct graph_need *need = &graph->needs[i];
                if (need->node == (size_t)node && need->on == (size_t)on && need->kind == kind && !need->old)
                        return 0;
        }
        if (graph->need_count == GRAPH_NEEDS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d dependencies", GRAPH_NEEDS_MAX);
        graph->needs[graph->need_count++] = (struct graph_need){ (size_t)node, (size_t)on, kind, false };
        return 0;
}

struct search {
        const struct graph *graph;
        unsigned char colour[GRAPH_NODES_MAX]; /* 0 new, 1 on the path, 2 done */
        size_t path[GRAPH_NODES_MAX + 1];
        size_t depth;
        size_t *order;
        size_t done;
};

static int report_cycle(const struct search *search, size_t from, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 400);
        size_t at = 0;
        while (search->path[at] != from)
                at++;
        for (; at < search->depth; at++)
                buf_printf(&text, "%s needs ", search->graph->nodes[search->path[at]].name);
        buf_puts(&text, search->graph->nodes[from].name);
        return fail(err, E_INVALID, "services wait for each other: %s", buf_text(&text));
}

static int visit(struct search *search, size_t node, struct error *err)
{
        const struct graph *graph = search->graph;
        if (search->colour[node] == 2)
                return 0;
        if (search->colour[node] == 1)
                return report_cycle(search, node, err);
        search->colour[node] = 1;
        search->path[search->depth++] = node;
        for (size_t i = 0; i < graph->need_count; i++)
                if (graph->needs[i].node == node && !graph->needs[i].old && visit(search, graph->needs[i].on, err) < 0)
                        return -1;
        search->depth--;
        search->colour[node] = 2;
        if (search->order)
                search->order[search->done] = node;
        search->done++;
        return 0;
}

int graph_check(const struct graph *graph, size_t *ret_order, struct error *err)
{
        struct search search = { .graph = graph, .order = ret_order };
        for (size_t i = 0; i < graph->count; i++)
                if (visit(&search, i, err) < 0)
                        return -1;
        return 0;
}

void graph_set(struct graph *graph, size_t node, enum graph_state state)
{
        graph->nodes[node].state = state;
        if (state == GRAPH_DOWN)
                graph->nodes[node].failed_once = true;
        if (state == GRAPH_STOPPED || state == GRAPH_IDLE)
                graph->nodes[node].leaving = false;
}

static bool met(const struct graph *graph, const struct graph_need *need)
{
        enum graph_state state = graph->nodes[need->on].state;
        if (graph->nodes[need->on].leaving)
                return false; /* its dependants wait for its next start */
        return state == GRAPH_COMPLETED || (need->kind == GRAPH_ON_READY && state == GRAPH_READY);
}

const struct graph_need *graph_waits_for(const struct graph *graph, size_t node)
{
        for (size_t i = 0; i < graph->need_count; i++)
                if (graph->needs[i].node == node && !graph->needs[i].old && !met(graph, &graph->needs[i]))
                        return &graph->needs[i];
        return NULL;
}

size_t graph_startable(const struct graph *graph, size_t *ret)
{
        size_t count = 0;
        for (size_t i = 0; i < graph->count; i++)
                if (graph->nodes[i].state == GRAPH_IDLE && !graph_waits_for(graph, i))
                        ret[count++] = i;
        return count;
}

static bool alive(enum graph_state state)
{
        return state == GRAPH_STARTING || state == GRAPH_READY || state == GRAPH_DOWN || state == GRAPH_STOPPING;
}

size_t graph_stoppable(const struct graph *graph, size_t *ret)
{
        size_t count = 0;
        for (size_t i = 0; i < graph->count; i++) {
                enum graph_state state = graph->nodes[i].state;
                bool free_to_go = alive(state) && state != GRAPH_STOPPING;
                for (size_t k = 0; k < graph->need_count && free_to_go; k++)
                        free_to_go = graph->needs[k].on != i || graph->needs[k].old ||
                                     !alive(graph->nodes[graph->needs[k].node].state);
                if (free_to_go)
                        ret[count++] = i;
        }
        return count;
}

/* Nothing that is up and leaves too needed it before the reload. */
static bool may_leave(const struct graph *graph, size_t node)
{
        for (size_t i = 0; i < graph->need_count; i++) {
                const struct graph_need *need = &graph->needs[i];
                const struct graph_node *dependant = &graph->nodes[need->node];
                if (need->on == node && need->old && dependant->leaving && alive(dependant->state))
                        return false;
        }
        return true;
}

size_t graph_leavable(const struct graph *graph, size_t *ret)
{
        size_t count = 0, all = 0;
        size_t every[GRAPH_NODES_MAX];
        bool waits = false;
        for (size_t i = 0; i < graph->count; i++) {
                const struct graph_node *node = &graph->nodes[i];
                if (!node->leaving || !alive(node->state))
                        continue;
                if (node->state == GRAPH_STOPPING) {
                        waits = true;
                        continue;
                }
                every[all++] = i;
                if (may_leave(graph, i))
                        ret[count++] = i;
        }
        if (count || waits)
                return count;
        memcpy(ret, every, all * sizeof(ret[0]));
        return all;
}

static int add_old_need(struct graph *fresh, const struct graph *old, const struct graph_need *need, struct error *err)
{
        int node = graph_find(fresh, old->nodes[need->node].name);
        int on = graph_find(fresh, old->nodes[need->on].name);
        if (node < 0 || on < 0)
                return 0;
        if (need->old && !old->nodes[need->node].leaving)
                return 0; /* it has left */
        /* of one that leaves while reload follows on reload */
        for (size_t i = 0; i < fresh->need_count; i++) {
                const struct graph_need *had = &fresh->needs[i];
                if (had->old && had->node == (size_t)node && had->on == (size_t)on)
                        return 0;
        }
        if (fresh->need_count == GRAPH_NEEDS_MAX)
                return fail(err, E_TOO_LARGE, "more than %d dependencies, with those before", GRAPH_NEEDS_MAX);
        fresh->needs[fresh->need_count++] = (struct graph_need){ (size_t)node, (size_t)on, need->kind, true };
        return 0;
}

int graph_follow(struct graph *fresh, const struct graph *old, struct error *err)
{
        for (size_t i = 0; i < old->count; i++) {
                const struct graph_node *was = &old->nodes[i];
                int node = graph_find(fresh, was->name);
                bool gone = node < 0;
                if (gone && !alive(was->state))
                        continue;
                if (gone && (node = graph_add(fresh, was->name, err)) < 0)
                        return -1;
                fresh->nodes[node] = *was;
                fresh->nodes[node].leaving = was->leaving || gone;
        }
        for (size_t i = 0; i < old->need_count; i++)
                if (add_old_need(fresh, old, &old->needs[i], err) < 0)
                        return -1;
        return 0;
}

/* Does it wait, over however many others, for one that is down? */
static bool held_up(const struct graph *graph, size_t node)
{
        const struct graph_need *need;
        while (graph->nodes[node].state == GRAPH_IDLE && (need = graph_waits_for(graph, node))) {
                if (graph->nodes[need->on].failed_once)
                        return true;
                node = need->on;
        }
        return false;
}

bool graph_settled(const struct graph *graph)
{
        for (size_t i = 0; i < graph->count; i++) {
                const struct graph_node *node = &graph->nodes[i];
                bool settled = node->state == GRAPH_READY || node->state == GRAPH_COMPLETED ||
                               node->state == GRAPH_STOPPED || node->failed_once;
                if (!settled && !held_up(graph, i)) /* what waits for one that is down settles with it */
                        return false;
        }
        return true;
}

bool graph_quiet(const struct graph *graph)
{
        for (size_t i = 0; i < graph->count; i++)
                if (alive(graph->nodes[i].state))
                        return false;
        return true;
}

const char *graph_state_name(enum graph_state state)
{
        static const char *const names[] = { "waiting", "starting", "ready", "completed", "down", "stopping",
                "stopped" };
        return names[state];
}
