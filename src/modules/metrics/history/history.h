/* What containers used, kept on disk for long: downsampled, size-limited, surviving kill -9 and a full disk, and asked
 * by a small query language. One writer. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/collect/registry.h"

struct history;

struct history_options {
        const char *directory;
        uint64_t retain_bytes;
        int64_t retain_ns;
        int64_t step_ns; /* of the finest series on disk; 0 = 10 s. Coarser ones follow from it: 1 min, 10 min, 1 h */
};

struct history *history_open(const struct history_options *options, int64_t now_ns, struct error *err);
void history_close(struct history *history);
/* One sample of a container, at any rate: it is folded into the steps. Never fails: what cannot be written (full disk)
 * is counted, told once by `problem`, and tried again. */
void history_append(struct history *history, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats);
void history_tick(struct history *history, int64_t now_ns);
/* Why nothing is written now; NULL when all is well. */
const char *history_problem(const struct history *history);

struct history_query { /* read by history_query_parse */
        struct arena *arena;
        struct query_expression *expression;
        int64_t start_ns, end_ns, step_ns;
};
/* 'cpu{container="web"}', 'rate(net_rx{name=~"web.*"})', 'sum by (image) (memory)', 'topk(5, cpu)' …: see query.c. */
int history_query_parse(const char *text, int64_t start_ns, int64_t end_ns, int64_t step_ns, struct arena *arena,
        struct history_query *ret, struct error *err);

struct history_series {
        struct container_pair *labels; /* container, image, id, … sorted by name */
        size_t label_count;
        const char *metric, *unit;
};
/* each: one series after the other, values[i] at start + i * step, NaN where nothing is known. */
int history_ask(struct history *history, const struct history_query *query,
        int (*each)(const struct history_series *series, const double *values, size_t count, void *cookie),
        void *cookie, struct error *err);
