/* Reads the events of a store (store.h), oldest or newest first, in slices: also while another process writes to it.
 * What the writer has not written yet (its batch, a second at most) is not seen. Nothing is ever written here.
 *
 *      struct event_scan *scan = event_scan_open(&options, err);
 *      while ((more = event_scan_step(scan, 4 * MIB, take, cookie, err)) > 0)
 *              …                          (one slice each; stop where you like, event_scan_cursor tells where it was)
 *      event_scan_close(scan);
 *
 * A scan from the oldest on may be stepped again after its end: it then hands out what has come since (follow). */
#pragma once

#include "modules/watch/event/filter.h"

struct event_scan;

struct event_scan_options {
        const char *directory;
        struct event_filter *filter; /* NULL: everything; must outlive the scan */
        bool reverse;                /* newest first; ends with what was there at open */
        uint64_t after_id;           /* only ids above this; 0 = from the first */
        uint64_t before_id;          /* only ids below this; 0 = to the last */
};

struct event_scan_counters {
        uint64_t events, matched; /* heads looked at; rows handed out */
        uint64_t blocks, blocks_skipped;
        uint64_t texts; /* blocks whose JSON was unpacked */
        uint64_t files, files_skipped;
        uint64_t removed; /* files that went away before they could be opened */
        uint64_t corrupt; /* damaged blocks, left out; or files whose rest could not be found */
        uint64_t torn;    /* tails of writers that were killed: what follows the last whole record is left out */
};

/* One event: false ends the step, and the next step goes on behind it. The views live until take returns. */
typedef bool event_take_fn(const struct event_head *head, struct sv json, void *cookie);

/* E_NOT_FOUND when there is no such directory. */
struct event_scan *event_scan_open(const struct event_scan_options *options, struct error *err);
void event_scan_close(struct event_scan *scan);

static inline void event_scan_close_p(struct event_scan **scan)
{
        event_scan_close(*scan);
}

/* Reads and unpacks about `budget` bytes. 1: there is more; 0: all that is there was handed out; -1: E_IO,
 * E_UNSUPPORTED (a newer format). Damaged files are counted and left, not an error. */
int event_scan_step(struct event_scan *scan, uint64_t budget, event_take_fn *take, void *cookie, struct error *err);

/* The id of the event looked at last: as after_id (before_id in reverse) of another scan it goes on from here. */
uint64_t event_scan_cursor(const struct event_scan *scan);

/* An fd that becomes readable when something was written, -1 and err. Owned by the scan. Call event_scan_drain before
 * stepping again. */
int event_scan_follow(struct event_scan *scan, struct error *err);
void event_scan_drain(struct event_scan *scan);

void event_scan_count(const struct event_scan *scan, struct event_scan_counters *ret);

/* Where the newest `count` matching events begin: *ret_after_id for a scan from the oldest on. Runs to its end. */
int event_scan_find_last(
        const struct event_scan_options *options, uint64_t count, uint64_t *ret_after_id, struct error *err);
