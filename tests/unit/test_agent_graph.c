/* The service graph: orders, cycles, what may start and stop when. */
#include "agent/graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static struct graph graph;

static void build(const char *const *names, const char *const (*needs)[2], enum graph_on kind)
{
        struct error err;
        graph = (struct graph){ 0 };
        for (size_t i = 0; names[i]; i++)
                assert_int_equal(graph_add(&graph, names[i], &err), (int)i);
        for (size_t i = 0; needs[i][0]; i++)
                assert_int_equal(graph_need(&graph, needs[i][0], needs[i][1], kind, &err), 0);
}

static const char *const names[] = { "log", "a", "b", "last", NULL };
static const char *const needs[][2] = { { "a", "log" }, { "b", "log" }, { "last", "a" }, { "last", "b" },
        { NULL, NULL } };

static void an_order_has_needs_first(void **state)
{
        size_t order[GRAPH_NODES_MAX];
        size_t place[GRAPH_NODES_MAX];
        struct error err;
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        assert_int_equal(graph_check(&graph, order, &err), 0);
        for (size_t i = 0; i < graph.count; i++)
                place[order[i]] = i;
        for (size_t i = 0; i < graph.need_count; i++)
                assert_true(place[graph.needs[i].on] < place[graph.needs[i].node]);
}

static void a_cycle_is_named(void **state)
{
        static const char *const round[][2] = { { "log", "last" }, { "last", "a" }, { "a", "log" }, { NULL, NULL } };
        static const char *const itself[][2] = { { "b", "b" }, { NULL, NULL } };
        struct error err;
        (void)state;
        build(names, round, GRAPH_ON_READY);
        assert_int_equal(graph_check(&graph, NULL, &err), -1);
        assert_string_equal(err.message, "services wait for each other: log needs last needs a needs log");
        build(names, itself, GRAPH_ON_READY);
        assert_int_equal(graph_check(&graph, NULL, &err), -1);
        assert_string_equal(err.message, "services wait for each other: b needs b");
}

static void what_is_ready_lets_others_start_together(void **state)
{
        size_t nodes[GRAPH_NODES_MAX];
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        assert_int_equal(graph_startable(&graph, nodes), 1);
        assert_int_equal(nodes[0], 0);
        graph_set(&graph, 0, GRAPH_STARTING);
        assert_int_equal(graph_startable(&graph, nodes), 0);
        graph_set(&graph, 0, GRAPH_READY);
        assert_int_equal(graph_startable(&graph, nodes), 2);
        graph_set(&graph, 1, GRAPH_READY);
        graph_set(&graph, 2, GRAPH_STARTING);
        assert_int_equal(graph_startable(&graph, nodes), 0);
        assert_string_equal(graph.nodes[graph_waits_for(&graph, 3)->on].name, "b");
        graph_set(&graph, 2, GRAPH_READY);
        assert_int_equal(graph_startable(&graph, nodes), 1);
        assert_false(graph_settled(&graph));
        graph_set(&graph, 3, GRAPH_READY);
        assert_true(graph_settled(&graph));
}

static void completed_is_more_than_ready(void **state)
{
        size_t nodes[GRAPH_NODES_MAX];
        (void)state;
        build(names, needs, GRAPH_ON_COMPLETED);
        graph_set(&graph, 0, GRAPH_READY);
        assert_int_equal(graph_startable(&graph, nodes), 0);
        graph_set(&graph, 0, GRAPH_COMPLETED);
        assert_int_equal(graph_startable(&graph, nodes), 2);
        build(names, needs, GRAPH_ON_READY); /* what completed was ready */
        graph_set(&graph, 0, GRAPH_COMPLETED);
        assert_int_equal(graph_startable(&graph, nodes), 2);
}

static void one_that_is_down_holds_up_only_its_own(void **state)
{
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        graph_set(&graph, 0, GRAPH_READY);
        graph_set(&graph, 1, GRAPH_DOWN);
        graph_set(&graph, 2, GRAPH_READY);
        assert_true(graph_settled(&graph)); /* "last" waits for "a", which is known to be down */
        graph_set(&graph, 1, GRAPH_STARTING);
        assert_true(graph_settled(&graph));
}

/* However far away it is. */
static void a_chain_behind_one_that_is_down(void **state)
{
        static const char *const chain[][2] = { { "a", "log" }, { "b", "a" }, { "last", "b" }, { NULL, NULL } };
        (void)state;
        build(names, chain, GRAPH_ON_READY);
        graph_set(&graph, 0, GRAPH_STARTING);
        assert_false(graph_settled(&graph));
        graph_set(&graph, 0, GRAPH_DOWN);
        assert_true(graph_settled(&graph));
        graph_set(&graph, 0, GRAPH_READY);
        graph_set(&graph, 1, GRAPH_STARTING);
        assert_false(graph_settled(&graph));
}

static void the_end_is_the_order_turned_round(void **state)
{
        size_t nodes[GRAPH_NODES_MAX];
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        for (size_t i = 0; i < graph.count; i++)
                graph_set(&graph, i, GRAPH_READY);
        assert_int_equal(graph_stoppable(&graph, nodes), 1);
        assert_int_equal(nodes[0], 3);
        graph_set(&graph, 3, GRAPH_STOPPING);
        assert_int_equal(graph_stoppable(&graph, nodes), 0);
        graph_set(&graph, 3, GRAPH_STOPPED);
        assert_int_equal(graph_stoppable(&graph, nodes), 2);
        graph_set(&graph, 1, GRAPH_STOPPED);
        graph_set(&graph, 2, GRAPH_STOPPED);
        assert_false(graph_quiet(&graph));
        assert_int_equal(graph_stoppable(&graph, nodes), 1);
        graph_set(&graph, 0, GRAPH_STOPPED);
        assert_true(graph_quiet(&graph));
}

static void wrong_declarations_are_refused(void **state)
{
        struct error err;
        char name[32];
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        assert_int_equal(graph_add(&graph, "a", &err), -1);
        assert_int_equal(err.code, E_EXISTS);
        assert_int_equal(graph_need(&graph, "a", "nobody", GRAPH_ON_READY, &err), -1);
        assert_string_equal(err.message, "service a needs nobody: there is no service nobody");
        size_t before = graph.need_count;
        assert_int_equal(graph_need(&graph, "a", "log", GRAPH_ON_READY, &err), 0);
        assert_int_equal(graph.need_count, before);
        for (int i = 0; graph.count < GRAPH_NODES_MAX; i++) {
                snprintf(name, sizeof(name), "n%d", i);
                assert_true(graph_add(&graph, name, &err) >= 0);
        }
        assert_int_equal(graph_add(&graph, "one-more", &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
}

/* What has to leave goes in the order of the graph that it was started by; what stays holds nobody up. */
static void a_reload_ends_dependants_first(void **state)
{
        static const char *const kept_names[] = { "log", "b", "last", "fresh", NULL };
        static const char *const kept_needs[][2] = { { "b", "last" }, { "fresh", "b" }, { NULL, NULL } };
        size_t nodes[GRAPH_NODES_MAX];
        struct error err;
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        struct graph old = graph;
        for (size_t i = 0; i < old.count; i++)
                graph_set(&old, i, GRAPH_READY);
        build(kept_names, kept_needs, GRAPH_ON_READY);
        assert_int_equal(graph_follow(&graph, &old, &err), 0);
        int a = graph_find(&graph, "a"), b = graph_find(&graph, "b"), last = graph_find(&graph, "last");
        int fresh = graph_find(&graph, "fresh");
        assert_true(a >= 0 && graph.nodes[a].leaving && !graph.nodes[last].leaving);
        assert_int_equal(graph.nodes[b].state, GRAPH_READY);
        assert_int_equal(graph.nodes[fresh].state, GRAPH_IDLE);
        assert_int_equal(graph_check(&graph, NULL, &err), 0); /* b needs last now, and last needed b: no cycle */
        graph.nodes[b].leaving = graph.nodes[last].leaving = true;
        assert_int_equal(graph_startable(&graph, nodes), 0); /* b is up, but not for long */
        assert_int_equal(graph_leavable(&graph, nodes), 1);
        assert_int_equal(nodes[0], last);
        graph_set(&graph, (size_t)last, GRAPH_STOPPING);
        assert_int_equal(graph_leavable(&graph, nodes), 0);
        graph_set(&graph, (size_t)last, GRAPH_IDLE); /* to come again */
        assert_int_equal(graph_leavable(&graph, nodes), 2);
        graph_set(&graph, (size_t)a, GRAPH_STOPPED);
        graph_set(&graph, (size_t)b, GRAPH_IDLE);
        assert_int_equal(graph_leavable(&graph, nodes), 0);
        assert_int_equal(graph_startable(&graph, nodes), 1); /* by the new needs: last, then b, then fresh */
        assert_int_equal(nodes[0], last);
        graph_set(&graph, (size_t)last, GRAPH_READY);
        graph_set(&graph, (size_t)b, GRAPH_READY);
        assert_int_equal(graph_startable(&graph, nodes), 1);
        assert_int_equal(nodes[0], fresh);
        graph_set(&graph, (size_t)fresh, GRAPH_READY);
        assert_true(graph_settled(&graph)); /* a has stopped for good */
}

/* Two reloads in a row may leave needs that contradict each other: then nobody waits for ever. */
static void a_reload_in_a_reload(void **state)
{
        static const char *const one[][2] = { { "a", "b" }, { NULL, NULL } };
        static const char *const other[][2] = { { "b", "a" }, { NULL, NULL } };
        size_t nodes[GRAPH_NODES_MAX];
        struct error err;
        (void)state;
        build(names, one, GRAPH_ON_READY);
        struct graph first = graph;
        for (size_t i = 0; i < first.count; i++)
                graph_set(&first, i, GRAPH_READY);
        build(names, other, GRAPH_ON_READY);
        assert_int_equal(graph_follow(&graph, &first, &err), 0);
        graph.nodes[1].leaving = graph.nodes[2].leaving = true;
        struct graph second = graph;
        build(names, one, GRAPH_ON_READY);
        assert_int_equal(graph_follow(&graph, &second, &err), 0);
        assert_true(graph.nodes[1].leaving && graph.nodes[2].leaving);
        assert_int_equal(graph_leavable(&graph, nodes), 2);
        for (int i = 0; i < 2 * GRAPH_NEEDS_MAX; i++) { /* as many as anybody asks for before they have left */
                struct graph last = graph;
                build(names, one, GRAPH_ON_READY);
                assert_int_equal(graph_follow(&graph, &last, &err), 0);
        }
        assert_int_equal(graph_leavable(&graph, nodes), 2);
        graph_set(&graph, 1, GRAPH_IDLE);
        graph_set(&graph, 2, GRAPH_IDLE);
        struct graph third = graph;
        size_t before = graph.need_count;
        build(names, one, GRAPH_ON_READY);
        assert_int_equal(graph_follow(&graph, &third, &err), 0);
        assert_true(graph.need_count < before); /* what is over is forgotten: reloads do not add up */
}

static void a_reload_has_its_limits(void **state)
{
        struct error err;
        char name[16];
        (void)state;
        build(names, needs, GRAPH_ON_READY);
        struct graph old = graph;
        graph_set(&old, 1, GRAPH_STARTING);
        graph = (struct graph){ 0 };
        for (int i = 0; graph.count < GRAPH_NODES_MAX; i++) {
                snprintf(name, sizeof(name), "n%d", i);
                assert_true(graph_add(&graph, name, &err) >= 0);
        }
        assert_int_equal(graph_follow(&graph, &old, &err), -1);
        assert_int_equal(err.code, E_TOO_LARGE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_reload_ends_dependants_first),
                cmocka_unit_test(a_reload_in_a_reload),
                cmocka_unit_test(a_reload_has_its_limits),
                cmocka_unit_test(an_order_has_needs_first),
                cmocka_unit_test(a_cycle_is_named),
                cmocka_unit_test(what_is_ready_lets_others_start_together),
                cmocka_unit_test(completed_is_more_than_ready),
                cmocka_unit_test(one_that_is_down_holds_up_only_its_own),
                cmocka_unit_test(a_chain_behind_one_that_is_down),
                cmocka_unit_test(the_end_is_the_order_turned_round),
                cmocka_unit_test(wrong_declarations_are_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
