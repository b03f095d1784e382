/* A graph of services: who has to be ready, or to have completed, before whom. Pure: it starts nothing, it says what
 * may be started or stopped next. */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { GRAPH_NODES_MAX = 128, GRAPH_NEEDS_MAX = 1024, GRAPH_NAME_MAX = 64 };

enum graph_state {
        GRAPH_IDLE,
        GRAPH_STARTING,
        GRAPH_READY,
        GRAPH_COMPLETED, /* it did its work and is gone */
        GRAPH_DOWN,      /* it was started and is not up; its own supervisor tries again */
        GRAPH_STOPPING,
        GRAPH_STOPPED,
};

enum graph_on {
        GRAPH_ON_READY, /* what completed was ready too */
        GRAPH_ON_COMPLETED,
};

struct graph_node {
        char name[GRAPH_NAME_MAX];
        enum graph_state state;
        bool failed_once; /* was DOWN: the whole need not wait for it any more */
        bool leaving;     /* a reload ends it, as soon as those that need it and leave too are gone */
};

struct graph_need {
        size_t node;
        size_t on;
        enum graph_on kind;
        bool old; /* of the graph before a reload: only the order in which nodes leave */
};

struct graph {
        struct graph_node nodes[GRAPH_NODES_MAX];
        size_t count;
        struct graph_need needs[GRAPH_NEEDS_MAX];
        size_t need_count;
};

/* The node's index, or -1: a name twice, too many, too long. */
int graph_add(struct graph *graph, const char *name, struct error *err);
/* -1: no such node. */
int graph_find(const struct graph *graph, const char *name);
/* "node needs on, ready" by name; E_NOT_FOUND names what is missing. The same need twice is one. */
int graph_need(struct graph *graph, const char *node, const char *on, enum graph_on kind, struct error *err);

/* Makes `fresh` what follows on `old`: nodes of both keep their state; those that fresh does not have are added while
 * they are up, or starting, as leaving ones. What needed what decides the order in which they leave. */
int graph_follow(struct graph *fresh, const struct graph *old, struct error *err);

/* E_INVALID with the cycle spelled out: "a needs b needs a". ret_order (may be NULL, room for count): an order of
 * start. */
int graph_check(const struct graph *graph, size_t *ret_order, struct error *err);

void graph_set(struct graph *graph, size_t node, enum graph_state state);

/* Idle nodes whose needs are met: all may be started at once. Returns their number; ret holds GRAPH_NODES_MAX. */
size_t graph_startable(const struct graph *graph, size_t *ret);
/* Nodes that are up or starting, on which nothing that is still up depends. */
size_t graph_stoppable(const struct graph *graph, size_t *ret);

/* Leaving nodes that may end now: nothing that leaves too, and is up, needed them. Where old needs contradict each
 * other, all of them. */
size_t graph_leavable(const struct graph *graph, size_t *ret);

/* Is every node ready, completed, stopped or known to be down? */
bool graph_settled(const struct graph *graph);
/* Is no node up, starting or stopping? */
bool graph_quiet(const struct graph *graph);

const char *graph_state_name(enum graph_state state);

/* The first need of an idle node that is not met, or NULL: why it waits. */
const struct graph_need *graph_waits_for(const struct graph *graph, size_t node);
