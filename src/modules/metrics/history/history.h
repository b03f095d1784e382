/* What containers used, kept on disk for long: downsampled, size-limited, surviving kill -9 and a full disk, and asked
 * by a small query language (docs/modules/metrics-query.md). One writer; any number of readers in other processes.
 *
 * Samples of any rate are folded into steps of step_ns, those into steps 6, 60 and 360 times as long: a level each,
 * with files of its own (history_file.h). Of each step a gauge has its average, minimum, maximum and last value, a
 * counter its rate. Values are kept to 12 significant bits (0.02 %).
 *
 * Steps of the finest level are written together, once a step of the second level: what a kill takes is at most these
 * 60 s; the coarser levels are made again from the finer ones. There is no fsync but at the end: a power cut loses what
 * the kernel had not written back yet, and the loop never waits for the disk. A container that is sampled more rarely
 * than the step repeats its last value until the next sample is overdue, or until it is told to have ended. */
#pragma once

#include "base/buf.h"
#include "modules/metrics/stats.h"

struct history;

enum {
        HISTORY_LEVELS = 4,
        HISTORY_SERIES_MAX = 2048,   /* containers at one time; more are refused and counted */
        HISTORY_LABELS_MAX = 32,     /* of one container, those chosen by label_names included */
        HISTORY_IDENTITY_MAX = 4096, /* bytes of all its labels; the longest go first */
};

struct history_options {
        const char *directory; /* made when it is not there */
        uint64_t retain_bytes; /* of all levels together; 0 = 256 MiB, at least 1 MiB */
        int64_t retain_ns;     /* 0 = 400 days */
        int64_t step_ns; /* of the finest series on disk; 0 = 10 s. Coarser ones follow from it: 1 min, 10 min, 1 h */
        const char *const *label_names; /* of the container's own labels, those kept: as container_label_NAME; NULL */
};

/* E_UNAVAILABLE when another process writes there. now_ns: Unix time, as in all calls here. */
struct history *history_open(const struct history_options *options, int64_t now_ns, struct error *err);
/* Only to ask, also while another process writes: E_NOT_FOUND when there is no history. */
struct history *history_open_read(const char *directory, struct error *err);
/* Writes what waits. NULL is fine. */
void history_close(struct history *history);

static inline void history_close_p(struct history **history)
{
        history_close(*history);
}

/* One sample of a container, at any rate: it is folded into the steps. Never fails: what cannot be written (full disk)
 * is counted, told once by `problem`, and tried again. */
void history_append(struct history *history, const struct container_ref *ref, const struct container_spec *spec,
        const struct container_stats *stats);
/* Figures of the host that no group has. Times and counts since boot. */
struct history_host {
        bool has_times, has_load, has_memory;
        bool has_pressure[3]; /* of CPU, memory, I/O */
        uint64_t iowait_ns, steal_ns, forks;
        double load1, load5, load15;
        uint64_t threads;
        uint64_t memory_used;
        uint64_t pressure_ns[3];
};
/* They belong to the next sample of the group "/". */
void history_set_host(struct history *history, const struct history_host *host);
/* The container of this name (container_ref) is no more: its last value is not repeated. */
void history_ended(struct history *history, const char *container);
/* To be called about every second: ends steps, writes, removes what is too old. */
void history_tick(struct history *history, int64_t now_ns);
/* Why nothing is written now; NULL when all is well. */
const char *history_problem(const struct history *history);

struct history_counters {
        uint64_t samples, late;         /* late: of a step that had ended; counted to the one that runs */
        uint64_t series, refused;       /* containers now; samples of containers beyond HISTORY_SERIES_MAX */
        uint64_t rows, batches;         /* steps ended; written */
        uint64_t write_errors;          /* tries that failed */
        uint64_t lost_rows;             /* dropped since they could not be written for too long */
        uint64_t files, bytes, removed; /* on disk now; files removed by size or age */
        uint64_t corrupt;               /* damaged places met in files, passed over */
        uint64_t memory;                /* bytes held, about */
};
void history_count(const struct history *history, struct history_counters *ret);

/* ---- metrics ---- */

struct history_metric {
        const char *name, *unit, *help;
        bool counter; /* kept as rate a second */
};
size_t history_metric_count(void);
const struct history_metric *history_metric_at(size_t index);
const struct history_metric *history_metric_find(struct sv name);

/* ---- questions ---- */

struct history_query { /* read by history_query_parse */
        struct arena *arena;
        struct query_expression *expression;
        int64_t start_ns, end_ns, step_ns; /* start and end are multiples of step now, both rounded up */
        size_t count;                      /* of points */
};
/* 'cpu{container="web"}', 'sum by (image) (memory)', 'topk(5, cpu)', 'max_over_time(memory[5m])' …: see query.c.
 * step_ns 0: chosen so that about 60 points come. Errors: E_INVALID, `query: at 12: expected "}"`; E_TOO_LARGE. */
int history_query_parse(const char *text, int64_t start_ns, int64_t end_ns, int64_t step_ns, struct arena *arena,
        struct history_query *ret, struct error *err);

struct history_series {
        struct container_pair *labels; /* cgroup, container, id, image, namespace, container_label_*; sorted by name */
        size_t label_count;
        const char *metric, *unit; /* "" after arithmetic */
};
/* each: one series after the other in the order of their labels, values[i] at start + i * step for what was in the step
 * up to that moment, NaN where nothing is known; a series of NaN alone does not come. each returning non-zero ends it,
 * and that is returned. -1: err is set. */
int history_ask(struct history *history, const struct history_query *query,
        int (*each)(const struct history_series *series, const double *values, size_t count, void *cookie),
        void *cookie, struct error *err);
