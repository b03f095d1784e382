/* Progress of one or many things: bars that are redrawn in place on a terminal (stderr), and plain lines elsewhere: one
 * at each quarter and one at the end, so that a log stays short and is the same each time. The clock is the caller's.
 */
#pragma once

#include "base/error.h"
#include "term/style.h"

enum { PROGRESS_BARS_MAX = 64, PROGRESS_NAME_MAX = 64 };

enum progress_unit { PROGRESS_COUNT, PROGRESS_BYTES };

struct progress_bar {
        const char *name; /* copied; shown escaped */
        uint64_t total;   /* 0: not known, a sliding piece instead of a share */
        enum progress_unit unit;
        /* What stands in the line: {name} {bar} {percent} {counters} {elapsed} {eta} {speed}; NULL is
         * "{name} {bar} {percent} {counters} {elapsed} {eta}". {bar} takes what is left of the width. Borrowed. */
        const char *decorators;
};

struct progress;

/* term is borrowed and is what is drawn on (term->fd). now_ns NULL is the monotonic clock. Redrawn at most every
 * interval_ns (0 = 100 ms). */
struct progress *progress_new(
        const struct term *term, int64_t (*now_ns)(void *), void *cookie, int64_t interval_ns, struct error *err);
/* Does not draw: call progress_finish before. */
void progress_free(struct progress *progress);

static inline void progress_free_p(struct progress **progress)
{
        progress_free(*progress);
}

/* The number of the new bar, from 0; -1 beyond PROGRESS_BARS_MAX. */
int progress_add(struct progress *progress, const struct progress_bar *bar, struct error *err);

/* The count stays within 0 and total (where that is known). Each draws when a drawing is due. Unknown bars are ignored.
 */
void progress_incr(struct progress *progress, int bar, uint64_t by);
void progress_decr(struct progress *progress, int bar, uint64_t by);
void progress_set(struct progress *progress, int bar, uint64_t count);
void progress_set_total(struct progress *progress, int bar, uint64_t total);
/* Work that stands still has a clock too: draws when due. */
void progress_tick(struct progress *progress);

/* A line above the bars: what happened meanwhile. */
void progress_say(struct progress *progress, struct sv text);

/* Draws the last state, whatever the clock says, and leaves it there. */
void progress_finish(struct progress *progress);

/* Bytes written so far; with term->fd -1 they stay here instead. For tests and for callers that write themselves. */
const struct buf *progress_output(const struct progress *progress);
