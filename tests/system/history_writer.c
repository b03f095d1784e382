/* history_writer DIRECTORY START SECONDS: for test_history_kill.py. Writes a history of three containers with a clock
 * of its own that runs as fast as it can from START (Unix seconds): container cN uses N cores. After each minute it
 * says "MINUTE seconds" on stdout: all before that moment must survive what comes next. With SECONDS 0 it goes on until
 * it is killed. history_writer DIRECTORY ask START END: prints "CONTAINER SECONDS CORES" for each known step of a
 * minute. */
#include "base/path.h"
#include "base/timefmt.h"
#include "modules/metrics/history/history.h"

#include <math.h>

static int append(struct history *history, int64_t now_ns, int64_t start_ns)
{
        for (int i = 1; i <= 3; i++) {
                char cgroup[32];
                char name[8];
                const char *aliases[] = { name };
                snprintf(name, sizeof(name), "c%d", i);
                snprintf(cgroup, sizeof(cgroup), "/docker/%s", name);
                struct container_ref ref = {
                        .name = cgroup, .id = name, .name_space = "docker", .aliases = aliases, .alias_count = 1
                };
                struct container_spec spec = { .image = "" };
                struct container_stats stats = { .time_ns = now_ns };
                stats.cgroup.has_cpu = true;
                stats.cgroup.cpu.total_ns = (uint64_t)(now_ns - start_ns) * (uint64_t)i;
                history_append(history, &ref, &spec, &stats);
        }
        return 0;
}

static int write_history(const char *directory, int64_t start_ns, int64_t seconds)
{
        struct error err;
        struct history_options options = { .directory = directory };
        struct history *history = history_open(&options, start_ns, &err);
        if (!history) {
                fprintf(stderr, "%s\n", err.message);
                return 1;
        }
        for (int64_t i = 0; seconds == 0 || i < seconds; i++) {
                const int64_t now_ns = start_ns + i * SECOND;
                history_tick(history, now_ns);
                append(history, now_ns, start_ns);
                if (history_problem(history)) {
                        fprintf(stderr, "%s\n", history_problem(history));
                        return 1;
                }
                if (now_ns % MINUTE == 0) {
                        printf("MINUTE %lld\n", (long long)(now_ns / SECOND));
                        fflush(stdout);
                }
        }
        history_close(history);
        return 0;
}

static int print_series(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        const struct history_query *query = cookie;
        const char *name = "?";
        for (size_t i = 0; i < series->label_count; i++)
                if (strcmp(series->labels[i].name, "container") == 0)
                        name = series->labels[i].value;
        for (size_t i = 0; i < count; i++)
                if (!isnan(values[i]))
                        printf("%s %lld %.6g\n", name,
                                (long long)((query->start_ns + (int64_t)i * query->step_ns) / SECOND), values[i]);
        return 0;
}

static int ask(const char *directory, int64_t start_ns, int64_t end_ns)
{
        struct error err;
        struct arena arena;
        struct history_query query;
        arena_init(&arena, 1 << 20);
        struct history *history = history_open_read(directory, &err);
        int status = !history ? -1 : history_query_parse("cpu", start_ns, end_ns, MINUTE, &arena, &query, &err);
        if (status == 0)
                status = history_ask(history, &query, print_series, &query, &err);
        if (status < 0)
                fprintf(stderr, "%s\n", err.message);
        struct history_counters counters = { 0 };
        if (history)
                history_count(history, &counters);
        printf("corrupt %llu\n", (unsigned long long)counters.corrupt);
        history_close(history);
        arena_done(&arena);
        return status < 0;
}

int main(int argc, char **argv)
{
        int64_t numbers[2];
        const bool asked = argc == 5 && strcmp(argv[2], "ask") == 0;
        if (argc - asked != 4 || !sv_parse_i64(sv_of(argv[argc - 2]), &numbers[0]) ||
                !sv_parse_i64(sv_of(argv[argc - 1]), &numbers[1]))
                return 2;
        return asked ? ask(argv[1], numbers[0] * SECOND, numbers[1] * SECOND)
                     : write_history(argv[1], numbers[0] * SECOND, numbers[1]);
}
