/* Which serials of a stream of audit events were never seen. Serials are u32, begin anywhere, wrap, and come slightly
 * out of order: a hole counts as lost only when it has stayed open for `delay_ns`. Pure: the caller gives the time. */
#pragma once

#include "base/banned.h"

#include <stdbool.h>
#include <stdint.h>

enum {
        AUDIT_HOLES_MAX = 256,      /* open at a time; beyond it the oldest counts as lost at once */
        AUDIT_HOLE_MAX = (1 << 24), /* a jump beyond this is no loss but another count: a reboot, another file */
};

struct audit_hole {
        uint32_t first, count;
        int64_t since_ns;
};

struct audit_sequence {
        bool begun;
        uint32_t highest;                         /* in the sense of the wrapping order */
        int64_t highest_time_ns;                  /* the time in its header */
        struct audit_hole holes[AUDIT_HOLES_MAX]; /* oldest first */
        unsigned hole_count;
        uint64_t lost;     /* serials given up */
        uint64_t restarts; /* the count began anew */
};

enum audit_sequence_verdict {
        AUDIT_SEQUENCE_NEW,   /* beyond all that were seen */
        AUDIT_SEQUENCE_HOLE,  /* fills a hole that was still open */
        AUDIT_SEQUENCE_LATE,  /* of a hole that counts as lost already, or seen before */
        AUDIT_SEQUENCE_FIRST, /* the first of a count */
};

/* An event of this serial was seen for the first time. time_ns is its own time, now_ns the clock for the delay. */
enum audit_sequence_verdict audit_sequence_see(
        struct audit_sequence *sequence, uint32_t serial, int64_t time_ns, int64_t now_ns);

/* Holes open since before now_ns - delay_ns count as lost. */
void audit_sequence_advance(struct audit_sequence *sequence, int64_t now_ns, int64_t delay_ns);

/* a before b in the wrapping order. */
static inline bool audit_serial_before(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0;
}
