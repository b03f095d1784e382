/* What the kernel had no room for is told although the queue behind the source is full when that is noticed. Needs root
 * in the initial namespaces. */
#include "base/timefmt.h"
#include "modules/watch/source/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

enum { CHILDREN = 400, QUEUE = 4096, FILLING = QUEUE - 20, BUFFER = 4096 };

static void add_lost(const struct observation *observation, void *cookie)
{
        *(uint64_t *)cookie += observation->type == OBSERVED_GAP ? observation->lost : 0;
}

static void decode_all(const struct source_ops *ops, struct source *source, struct queue *raw, uint64_t *told)
{
        struct sv item;
        while (queue_front(raw, &item)) {
                ops->decode(source, item, time_unix_ns(), add_lost, told);
                queue_pop(raw);
        }
}

static void test_loss_with_a_full_queue(void **state)
{
        const struct source_ops *ops = *state;
        const struct source_options options = { .read_only = true, .buffer = BUFFER };
        struct source *source;
        struct source_counters counters;
        struct error err;
        struct queue raw;
        uint64_t told = 0;
        char filling[FILLING] = "";
        if (geteuid() != 0 || ops->open(&options, &source, &err) < 0) {
                print_message("skipped: needs root in the initial namespaces\n");
                skip();
        }
        assert_int_equal(queue_init(&raw, QUEUE, NULL), 0);
        assert_true(queue_push(&raw, sv_n(filling, sizeof(filling))));
        for (int i = 0; i < CHILDREN; i++) {
                pid_t child = fork();
                if (child == 0)
                        _exit(0);
                assert_true(child > 0);
                assert_int_equal(waitpid(child, NULL, 0), child);
        }
        ops->receive(source, &raw);
        assert_true(raw.counters.lost > 0); /* what the kernel did keep */
        do
                decode_all(ops, source, &raw, &told);
        while (ops->receive(source, &raw) || raw.counters.depth);
        ops->tick(source, INT64_MAX, add_lost, &told);
        ops->count(source, &counters);
        assert_true(told > CHILDREN);
        assert_true(told >= counters.lost); /* audit's own losses are told as records and as events, and count once */
        ops->close(source);
        queue_done(&raw);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_prestate(test_loss_with_a_full_queue, (void *)(uintptr_t)&source_connector),
                cmocka_unit_test_prestate(test_loss_with_a_full_queue, (void *)(uintptr_t)&source_audit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
