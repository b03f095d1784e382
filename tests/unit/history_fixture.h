/* A history in a directory of its own, with made containers and a clock that the test sets. */
#pragma once

#include "base/path.h"
#include "base/timefmt.h"
#include "modules/metrics/history/history.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#define FIXTURE_START (INT64_C(1790000000) / 3600 * 3600 * SECOND) /* an hour's beginning */

struct sampled { /* what one sample of a made container says; counters as the kernel counts them */
        uint64_t cpu_ns, memory, rx_bytes, pids;
};

static inline void fixture_append(
        struct history *history, const char *name, int64_t time_ns, const struct sampled *made)
{
        char cgroup[128];
        const char *aliases[] = { name };
        snprintf(cgroup, sizeof(cgroup), "/docker/%s", name);
        struct container_ref ref = {
                .name = cgroup, .id = name, .name_space = "docker", .aliases = aliases, .alias_count = 1
        };
        struct container_spec spec = { .image = "nginx:1" };
        struct net_interface_stats net = { .name = "eth0", .rx_bytes = made->rx_bytes };
        struct container_stats stats = { .time_ns = time_ns, .has_net = true };
        stats.cgroup.has_cpu = stats.cgroup.has_memory = stats.cgroup.has_pids = true;
        stats.cgroup.cpu.total_ns = made->cpu_ns;
        stats.cgroup.memory.usage = made->memory;
        stats.cgroup.pids = made->pids;
        stats.net.interfaces = &net;
        stats.net.interface_count = 1;
        stats.net.has_interfaces = true;
        history_append(history, &ref, &spec, &stats);
}

struct fixture {
        char directory[64];
};

static inline void fixture_empty(const char *directory)
{
        DIR *entries = opendir(directory);
        struct dirent *entry;
        while (entries && (entry = readdir(entries)))
                if (entry->d_name[0] != '.')
                        unlinkat(dirfd(entries), entry->d_name, 0);
        if (entries)
                closedir(entries);
}

static inline int fixture_setup(void **state)
{
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/test-history-XXXXXX");
        if (!mkdtemp(fixture->directory))
                return -1;
        *state = fixture;
        return 0;
}

static inline int fixture_teardown(void **state)
{
        struct fixture *fixture = *state;
        fixture_empty(fixture->directory);
        rmdir(fixture->directory);
        free(fixture);
        return 0;
}

static inline struct history *fixture_open(const struct fixture *fixture, int64_t now_ns)
{
        struct error err;
        struct history_options options = { .directory = fixture->directory };
        struct history *history = history_open(&options, now_ns, &err);
        if (!history)
                print_error("%s\n", err.message);
        assert_non_null(history);
        return history;
}

/* An answer, as far as it fits. */
struct answer {
        size_t count, points;
        char names[64][64]; /* value of the label `container`, else all labels */
        double values[64][512];
        char metric[32], unit[32];
};

static inline int fixture_take(const struct history_series *series, const double *values, size_t count, void *cookie)
{
        struct answer *answer = cookie;
        assert_true(answer->count < 64 && count <= 512);
        char *name = answer->names[answer->count];
        name[0] = '\0';
        for (size_t i = 0; i < series->label_count; i++)
                if (strcmp(series->labels[i].name, "container") == 0)
                        snprintf(name, 64, "%s", series->labels[i].value);
        for (size_t i = 0; i < series->label_count && !name[0]; i++)
                snprintf(name, 64, "%s=%s", series->labels[i].name, series->labels[i].value);
        memcpy(answer->values[answer->count], values, count * sizeof(*values));
        snprintf(answer->metric, sizeof(answer->metric), "%s", series->metric);
        snprintf(answer->unit, sizeof(answer->unit), "%s", series->unit);
        answer->points = count;
        answer->count++;
        return 0;
}

static inline void fixture_ask(struct history *history, const char *text, int64_t start_ns, int64_t end_ns,
        int64_t step_ns, struct answer *ret)
{
        struct error err;
        struct arena arena;
        struct history_query query;
        arena_init(&arena, 1 << 20);
        memset(ret, 0, sizeof(*ret));
        if (history_query_parse(text, start_ns, end_ns, step_ns, &arena, &query, &err) < 0 ||
                history_ask(history, &query, fixture_take, ret, &err) != 0) {
                print_error("%s: %s\n", text, err.message);
                assert_true(false);
        }
        arena_done(&arena);
}

static inline void assert_near(double got, double wanted)
{
        if (isnan(wanted) ? isnan(got) : fabs(got - wanted) <= 0.001 * fabs(wanted) + 1e-9)
                return;
        print_error("%.9g instead of %.9g\n", got, wanted);
        assert_true(false);
}
