/* memory.events and memory.swap.events: read, kept in the samples, told only on request. */
#include "base/cleanup.h"
#include "linux/cgroup_stats_parse.h"
#include "modules/metrics/cadvisor/cadvisor.h"
#include "modules/metrics/collect/packed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct container_stats sample(void)
{
        struct container_stats stats = { .health = "" };
        size_t refused = 0;
        stats.cgroup.has_memory = true;
        cgroup_parse_memory_events(
                SV("low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n"), &stats.cgroup.memory, &refused);
        cgroup_parse_swap_events(SV("high 7\nmax 8\nfail 9\n"), &stats.cgroup.memory, &refused);
        assert_int_equal(refused, 0);
        return stats;
}

static void events_of_the_kernel_are_read(void **state)
{
        (void)state;
        const struct container_stats stats = sample();
        const struct cgroup_memory *memory = &stats.cgroup.memory;
        const uint64_t told[] = { memory->events_low, memory->events_high, memory->events_max, memory->events_oom,
                memory->events_oom_kill, memory->events_oom_group_kill, memory->swap_events_high,
                memory->swap_events_max, memory->swap_events_fail };
        for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
                assert_int_equal(told[i], i + 1);
}

static void samples_keep_them(void **state)
{
        (void)state;
        struct container_stats stats = sample();
        struct container_stats back;
        struct arena arena;
        cleanup(packed_done) struct packed packed;
        packed_init(&packed);
        arena_init(&arena, 1 << 20);
        assert_int_equal(packed_take_apart(&packed, &stats, NULL), 0);
        assert_int_equal(packed_put_together(&packed, &arena, &back, NULL), 0);
        assert_memory_equal(&back.cgroup.memory, &stats.cgroup.memory, sizeof(back.cgroup.memory));
        arena_done(&arena);
}

static void told_on_request_only(void **state)
{
        (void)state;
        struct container_stats stats = sample();
        struct container_spec spec = { .image = "", .has_memory = true };
        struct container_ref ref = { .name = "/web", .id = "" };
        const struct cadvisor_container_metrics container = { .ref = &ref, .spec = &spec, .stats = &stats };
        for (int asked = 0; asked < 2; asked++) {
                const struct metrics_options options = { .kinds = 1u << METRIC_MEMORY, .memory_events = asked };
                cleanup(buf_done) struct buf text;
                struct exposition *out = exposition_new(1 << 20, NULL);
                buf_init(&text, 1 << 20);
                assert_int_equal(cadvisor_expose_containers(&options, NULL, &container, 1, 1, out, NULL), 0);
                assert_int_equal(exposition_write(out, EXPOSITION_TEXT, &text, NULL), 0);
                exposition_free(out);
                assert_non_null(strstr(buf_text(&text), "container_memory_events_max_total{id=\"/web\"} 3\n"));
                static const char *const lines[] = { "container_memory_events_low_total{id=\"/web\"} 1\n",
                        "container_memory_events_oom_total{id=\"/web\"} 4\n",
                        "container_memory_events_oom_kill_total{id=\"/web\"} 5\n",
                        "# TYPE container_memory_events_oom_group_kill_total counter\n",
                        "container_memory_events_oom_group_kill_total{id=\"/web\"} 6\n",
                        "container_memory_swap_events_high_total{id=\"/web\"} 7\n",
                        "container_memory_swap_events_max_total{id=\"/web\"} 8\n",
                        "container_memory_swap_events_fail_total{id=\"/web\"} 9\n" };
                for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
                        assert_int_equal(strstr(buf_text(&text), lines[i]) != NULL, asked);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(events_of_the_kernel_are_read),
                cmocka_unit_test(samples_keep_them), cmocka_unit_test(told_on_request_only) };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
