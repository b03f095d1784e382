/* The series of processes by program: counters that do not fall as processes come and go, bounded rows, nothing stale;
 * and their exposition. */
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "modules/metrics/cadvisor/prometheus_internal.h"
#include "modules/metrics/collect/process_series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct process_series *series;
static const struct process_counters *rows[PROCESS_SERIES_SHOWN_MAX];
static size_t left;

static int with_programs(void **state)
{
        (void)state;
        series = process_series_new(false, NULL);
        return series ? 0 : -1;
}

static int with_pids(void **state)
{
        (void)state;
        series = process_series_new(true, NULL);
        return series ? 0 : -1;
}

static int without(void **state)
{
        (void)state;
        process_series_free(series);
        return 0;
}

static void add(const char *container, const char *comm, pid_t pid, uint64_t start, uint64_t cpu_ns)
{
        struct process_sample sample = {
                .pid = pid, .start_ticks = start, .cpu_ns = cpu_ns, .rss = 4096, .read_bytes = cpu_ns, .has_io = true
        };
        snprintf(sample.comm, sizeof(sample.comm), "%s", comm);
        process_series_add(series, sv_of(container), &sample);
}

static size_t told(const char *container, size_t limit)
{
        return process_series_of(series, sv_of(container), limit, rows, &left);
}

static void counters_do_not_fall_when_a_process_ends(void **state)
{
        (void)state;
        process_series_begin(series, SECOND);
        add("/web", "worker", 10, 1, 100);
        add("/web", "worker", 11, 2, 50);
        process_series_end(series);
        assert_int_equal(told("/web", 10), 1);
        assert_int_equal(rows[0]->cpu_ns, 150);
        assert_int_equal(rows[0]->processes, 2);
        process_series_begin(series, 2 * SECOND); /* 10 is gone, 11 went on, 12 is new */
        add("/web", "worker", 11, 2, 60);
        add("/web", "worker", 12, 3, 7);
        process_series_end(series);
        assert_int_equal(told("/web", 10), 1);
        assert_int_equal(rows[0]->cpu_ns, 150 + 10 + 7);
        assert_int_equal(rows[0]->read_bytes, 150 + 10 + 7);
        assert_int_equal(rows[0]->processes, 2);
        assert_int_equal(rows[0]->rss, 8192);
}

static void a_pid_that_is_used_again_is_another_process(void **state)
{
        (void)state;
        process_series_begin(series, SECOND);
        add("/web", "sh", 10, 1, 1000);
        process_series_end(series);
        process_series_begin(series, 2 * SECOND);
        add("/web", "sh", 10, 9, 30);
        process_series_end(series);
        assert_int_equal(told("/web", 10), 1);
        assert_int_equal(rows[0]->cpu_ns, 1030);
}

static void a_process_that_moves_takes_only_what_it_used_since(void **state)
{
        (void)state;
        process_series_begin(series, SECOND);
        add("/", "sh", 10, 1, 1000);
        process_series_end(series);
        process_series_begin(series, 2 * SECOND);
        add("/web", "sh", 10, 1, 1004);
        process_series_end(series);
        assert_int_equal(told("/web", 10), 1);
        assert_int_equal(rows[0]->cpu_ns, 4);
        assert_int_equal(told("/", 10), 0);
}

static void what_has_no_process_is_gone(void **state)
{
        (void)state;
        process_series_begin(series, SECOND);
        add("/web", "sh", 10, 1, 1000);
        add("/web", "sleep", 11, 1, 1);
        add("/job", "true", 12, 1, 1);
        process_series_end(series);
        assert_int_equal(process_series_count(series), 3);
        process_series_begin(series, 2 * SECOND);
        add("/web", "sleep", 11, 1, 1);
        process_series_end(series);
        assert_int_equal(process_series_count(series), 1);
        assert_int_equal(told("/job", 10), 0);
        assert_int_equal(told("/web", 10), 1);
        assert_string_equal(rows[0]->comm, "sleep");
}

static void the_busiest_of_late_are_told_and_the_others_counted(void **state)
{
        (void)state;
        process_series_begin(series, SECOND);
        for (int i = 0; i < 300; i++) {
                char comm[16];
                snprintf(comm, sizeof(comm), "p%d", i);
                add("/web", comm, 1000 + i, 1, (uint64_t)i * 10);
        }
        process_series_end(series);
        assert_int_equal(told("/web", 3), 3);
        assert_int_equal(left, 297);
        assert_string_equal(rows[0]->comm, "p299");
        assert_string_equal(rows[2]->comm, "p297");
        assert_int_equal(told("/web", 100000), PROCESS_SERIES_SHOWN_MAX);
        assert_int_equal(left, 300 - PROCESS_SERIES_SHOWN_MAX);
        process_series_begin(series, HOUR); /* what was long ago counts no more */
        for (int i = 0; i < 300; i++) {
                char comm[16];
                snprintf(comm, sizeof(comm), "p%d", i);
                add("/web", comm, 1000 + i, 1, (uint64_t)i * 10 + (i == 5 ? 20 : 0));
        }
        process_series_end(series);
        assert_int_equal(told("/web", 1), 1);
        assert_string_equal(rows[0]->comm, "p5");
        assert_int_equal(told("/web", 0), 0);
        assert_int_equal(left, 300);
}

static void rows_are_bounded(void **state)
{
        (void)state;
        process_series_begin(series, SECOND);
        for (int i = 0; i < PROCESS_SERIES_ROWS_MAX + 10; i++) {
                char container[32];
                snprintf(container, sizeof(container), "/c%d", i / 64);
                add(container, "x", i + 1, 1, 1);
        }
        process_series_end(series);
        assert_int_equal(process_series_count(series), PROCESS_SERIES_ROWS_MAX);
        assert_int_equal(process_series_refused(series), 10);
        process_series_begin(series, 2 * SECOND);
        process_series_end(series);
        assert_int_equal(process_series_count(series), 0);
}

static void a_file_that_may_not_be_read_for_once_adds_nothing_later(void **state)
{
        (void)state;
        struct process_sample sample = { .pid = 5, .comm = "x", .read_bytes = 100, .has_io = true };
        process_series_begin(series, SECOND);
        process_series_add(series, SV("/web"), &sample);
        process_series_end(series);
        process_series_begin(series, 2 * SECOND);
        sample.has_io = false;
        sample.read_bytes = 0;
        process_series_add(series, SV("/web"), &sample);
        process_series_end(series);
        process_series_begin(series, 3 * SECOND);
        sample.has_io = true;
        sample.read_bytes = 110;
        process_series_add(series, SV("/web"), &sample);
        process_series_end(series);
        assert_int_equal(told("/web", 1), 1);
        assert_int_equal(rows[0]->read_bytes, 110);
}

static int one_container(
        void *cookie, size_t index, bool stats, struct cadvisor_container_metrics *ret, struct error *err)
{
        static const char *const aliases[] = { "shop" };
        static const struct container_ref ref = { .name = "/web", .id = "", .aliases = aliases, .alias_count = 1 };
        static const struct container_spec spec = { .image = "" };
        (void)cookie, (void)index, (void)stats, (void)err;
        *ret = (struct cadvisor_container_metrics){ .ref = &ref, .spec = &spec };
        return 0;
}

static void assert_text(const struct metrics_options *options, const char *const *wanted)
{
        cleanup(buf_done) struct buf text;
        struct exposition *out = exposition_new(1 << 20, NULL);
        const struct container_source source = { .count = 1, .at = one_container };
        buf_init(&text, 1 << 20);
        assert_non_null(out);
        cadvisor_expose_programs(options, series, &source, out);
        assert_int_equal(exposition_write(out, EXPOSITION_TEXT, &text, NULL), 0);
        for (; *wanted; wanted++)
                if (!strstr(buf_text(&text), *wanted))
                        fail_msg("\"%s\" is not in %s", *wanted, buf_text(&text));
        exposition_free(out);
}

static void programs_as_text(void **state)
{
        (void)state;
        const struct metrics_options options = { .process_series = 1, .unit_labels = true };
        process_series_begin(series, SECOND);
        add("/web", "nginx", 10, 1, 3 * SECOND / 2);
        add("/web", "sh", 11, 1, SECOND);
        add("/other", "sh", 12, 1, SECOND);
        process_series_end(series);
        assert_text(&options,
                (const char *const[]){
                        "# TYPE tarsier_process_cpu_seconds_total counter\n"
                        "tarsier_process_cpu_seconds_total{comm=\"nginx\",id=\"/web\",name=\"shop\",unit=\"\"} 1.5\n#",
                        "tarsier_process_resident_memory_bytes{comm=\"nginx\",id=\"/web\",name=\"shop\",unit=\"\"} "
                        "4096\n",
                        "tarsier_processes{comm=\"nginx\",id=\"/web\",name=\"shop\",unit=\"\"} 1\n",
                        "tarsier_process_series_refused{id=\"/web\",name=\"shop\",unit=\"\"} 1\n", NULL });
}

static void pids_as_text(void **state)
{
        (void)state;
        const struct metrics_options options = { .process_series = 5, .process_pids = true };
        process_series_begin(series, SECOND);
        add("/web", "sh", 10, 1, SECOND);
        add("/web", "sh", 11, 1, 2 * SECOND);
        process_series_end(series);
        assert_text(&options,
                (const char *const[]){
                        "tarsier_process_cpu_seconds_total{comm=\"sh\",id=\"/web\",name=\"shop\",pid=\"10\"} 1\n"
                        "tarsier_process_cpu_seconds_total{comm=\"sh\",id=\"/web\",name=\"shop\",pid=\"11\"} 2\n",
                        "tarsier_process_series_refused{id=\"/web\",name=\"shop\"} 0\n", NULL });
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, with_programs, without)
        const struct CMUnitTest tests[] = { TEST(counters_do_not_fall_when_a_process_ends),
                TEST(a_pid_that_is_used_again_is_another_process),
                TEST(a_process_that_moves_takes_only_what_it_used_since), TEST(what_has_no_process_is_gone),
                TEST(the_busiest_of_late_are_told_and_the_others_counted),
                cmocka_unit_test_setup_teardown(rows_are_bounded, with_pids, without),
                TEST(a_file_that_may_not_be_read_for_once_adds_nothing_later), TEST(programs_as_text),
                cmocka_unit_test_setup_teardown(pids_as_text, with_pids, without) };
        cmocka_set_message_output(CM_OUTPUT_TAP);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
