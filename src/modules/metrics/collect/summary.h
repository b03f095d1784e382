/* Percentiles of a container's CPU and memory over the last minute, hour and day, as cAdvisor's v2.0 summary has them:
 * of the samples of a minute, then of the 90th percentiles of the minutes. A minute is one record of six numbers,
 * written as its difference to the one before: a day of an idle container takes some hundred bytes, of a busy one some
 * ten kilobytes. */
#pragma once

#include "base/error.h"
#include "modules/metrics/collect/registry.h"
#include "modules/metrics/collect/ring.h"

enum {
        SUMMARY_HOUR = 60,
        SUMMARY_DAY = 24 * 60,
        SUMMARY_BLOCK_MINUTES = 60,
        SUMMARY_SAMPLES_MAX = 4096 /* of one minute; more are left out of the percentiles' list */
};

enum summary_figure { SUMMARY_MEAN, SUMMARY_MAX, SUMMARY_NINETY, SUMMARY_FIGURES };

struct summary_minute { /* what hour and day are made of */
        uint64_t cpu[SUMMARY_FIGURES], memory[SUMMARY_FIGURES];
        bool has_cpu;
};

struct summary_block;

struct summary {
        int64_t minute_ns; /* Unix: the sample that began the minute under way; 0: none yet */
        struct usage_summary minute;
        struct summary_block *oldest, *newest;
        struct summary_minute last; /* the newest record */
        uint32_t count;             /* records */
        size_t bytes;
};

/* Called after each sample: closes the minute when it is over, from the samples in the ring. */
int summary_note(
        struct summary *summary, int64_t time_ns, const struct ring *ring, struct packed *packed, struct error *err);
/* Hour and day; the minute is summary->minute. Zero before the first minute is over. */
void summary_derive(const struct summary *summary, struct usage_summary *ret_hour, struct usage_summary *ret_day);
void summary_done(struct summary *summary);

/* ---- pure ---- */

/* Millicores; false when too little time (10 ms) lies between them or the counter fell. */
bool summary_cpu_rate(int64_t from_ns, uint64_t from, int64_t to_ns, uint64_t to, uint64_t *ret);
/* Sorts the values. share: 0.5, 0.9, 0.95. Between two ranks the value is between theirs. */
uint64_t summary_percentile(uint64_t *values, size_t count, double share);
