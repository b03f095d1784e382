/* The clock of a loop. The real one is CLOCK_MONOTONIC; a fake one lets a test own the time: nothing sleeps, and an
 * hour of timers runs in a millisecond. */
#pragma once

#include "base/timefmt.h"

#include <stdbool.h>

struct loop_clock {
        int64_t (*now_ns)(void *cookie);
        /* NULL: time passes by itself and the loop waits for it. Otherwise the loop never waits for a timer: when no
         * fd is ready it calls this with the next deadline, and the clock moves there. Returns false to refuse (a
         * clock that only the test moves). */
        bool (*jump)(void *cookie, int64_t to_ns);
        void *cookie;
};

extern const struct loop_clock loop_clock_monotonic;

/* `struct loop_fake_clock fake; fake_clock_init(&fake, 0); loop_new(&(struct loop_options){ .clock = &fake.clock },
 * …)`. It must outlive the loop and not move in memory. Used by the thread of the loop only. */
struct loop_fake_clock {
        struct loop_clock clock;
        int64_t now_ns;
        bool manual; /* true: only fake_clock_advance moves the time, the loop does not */
};

void fake_clock_init(struct loop_fake_clock *fake, int64_t now_ns);
void fake_clock_advance(struct loop_fake_clock *fake, int64_t by_ns);
