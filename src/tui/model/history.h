/* The last samples of a figure, for its sparkline: a ring that knows no figure as NAN. */
#pragma once

#include "base/banned.h"

#include <math.h>
#include <stdint.h>

struct history {
        float *samples; /* NULL until the first sample */
        uint16_t size;
        uint16_t count;
        uint16_t next;
};

static inline void history_add(struct history *history, unsigned size, double value)
{
        if (!history->samples) {
                history->samples = malloc(size * sizeof(*history->samples));
                if (!history->samples)
                        return; /* a line without a past */
                history->size = (uint16_t)size;
        }
        history->samples[history->next] = (float)value;
        history->next = (uint16_t)((history->next + 1) % history->size);
        if (history->count < history->size)
                history->count++;
}

/* The sample `back` steps ago, 0 the last; NAN beyond the oldest. */
static inline double history_at(const struct history *history, unsigned back)
{
        if (back >= history->count)
                return NAN;
        return (double)history->samples[(history->next + history->size - 1 - back) % history->size];
}

/* The value at the upper edge of a sparkline: some room above the largest sample, so that what is steady does not look
 * full, and at least `least`, so that what is next to nothing looks like it. */
static inline double history_ceiling(const struct history *history, double least)
{
        double largest = 0;
        for (unsigned i = 0; i < history->count; i++)
                largest = fmax(largest, history_at(history, i));
        return fmax(largest * 1.25, least);
}

/* The last `max` samples, oldest first; how many. */
static inline size_t history_read(const struct history *history, double *ret, size_t max)
{
        size_t count = history->count < max ? history->count : max;
        for (size_t i = 0; i < count; i++)
                ret[i] = history_at(history, (unsigned)(count - 1 - i));
        return count;
}

static inline void history_done(struct history *history)
{
        free(history->samples);
        *history = (struct history){ 0 };
}
