/* By which time alerts grow old. The wall clock may be set far ahead, by a mistake or by who wants alerts gone; alerts
 * are removed by age only as far as a clock that nobody sets confirms it. Pure, for tests; alerts_age.c. */
#pragma once

#include "base/timefmt.h"

#include <stdint.h>

static const int64_t age_trial_ns = DAY; /* so long the host must run with a clock before it counts */

/* The wall clock when it was believed last, and the time since the boot (sleep included) at that moment. */
struct age_clock {
        int64_t wall_ns, boot_ns;
        int64_t doubted_ns; /* boot time since which the wall clock is elsewhere; 0: it is believed */
        int64_t tried_ns;   /* how long it was elsewhere before this start: a host may never run for a whole day */
};

enum age_change {
        AGE_SAME,
        AGE_DOUBTED,  /* it is elsewhere than it can be */
        AGE_RETURNED, /* it is where it should be again */
        AGE_BELIEVED, /* it has been elsewhere for age_trial_ns */
};

/* The time that retention goes by: never later than the wall clock. retain_ns: how old alerts may get; a jump of less
 * than a quarter of it, and of a week, is believed. */
int64_t age_now(struct age_clock *clock, int64_t wall_ns, int64_t boot_ns, int64_t retain_ns, enum age_change *ret);

/* What to begin with after the next start. */
int64_t age_believed(const struct age_clock *clock, int64_t boot_ns);
int64_t age_tried(const struct age_clock *clock, int64_t boot_ns);
