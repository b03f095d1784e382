/* Steps of one metric for a question, from the files, from what is not written yet, and from finer or coarser levels
 * where the one that fits has nothing (yet, or any more). */
#pragma once

#include "base/arena.h"
#include "modules/metrics/history/history_internal.h"

struct regex;

struct history_matcher { /* of one label; a label that is not there is "" */
        const char *label, *value;
        struct regex *regex; /* NULL: equal to value */
        bool negated;
};

enum history_column { COLUMN_AVERAGE, COLUMN_MINIMUM, COLUMN_MAXIMUM, COLUMN_LAST };

struct history_load {
        size_t metric;
        const struct history_matcher *matchers;
        size_t matcher_count;
        enum history_column column;
        int64_t from_ns, to_ns; /* what was behind from, up to to */
        int64_t step_ns;        /* the coarsest level that is not coarser than this; else the finest */
        size_t series_max, cells_max;
};

struct history_loaded {
        struct sv labels; /* as stored */
        uint32_t label_count;
        float *values;    /* NaN: not known */
        uint16_t *counts; /* steps in each */
};

struct history_matrix {
        int64_t from_ns, step_ns; /* values[i] is of (from + i * step, from + (i + 1) * step] */
        size_t count;             /* of values of a series */
        struct history_loaded *series;
        size_t series_count;
};

/* All in the arena. E_TOO_LARGE: more series than series_max, more values of
 * one than cells_max, or more than the arena holds. */
int history_read(struct history *history, const struct history_load *load, struct arena *arena,
        struct history_matrix *ret, struct error *err);
