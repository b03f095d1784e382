/* A pull reader of JSON text, for the rows of the feed: hundreds come each second, and a tree of values for each would
 * cost more than all the rest of the screen. What is pulled is never beyond the text; a text that is no JSON ends with
 * `failed`. Commas and colons are not judged: the rows were checked where they came in (json_valid). */
#pragma once

#include "base/sv.h"

enum { SCAN_DEPTH_MAX = 32 }; /* deeper values cannot be skipped */

struct scan {
        const char *p, *end;
        bool failed;
};

static inline struct scan scan_of(struct sv text)
{
        return (struct scan){ text.p, text.p + text.n, false };
}

/* Steps into an object or array; false (and nothing taken) where something else stands. */
bool scan_object(struct scan *scan);
bool scan_array(struct scan *scan);

/* The next member's key, as it is written between the quotes, with the scan at its value; false behind the last one,
 * when the object's end was taken. Each value must be taken before the next call. */
bool scan_member(struct scan *scan, struct sv *ret_key);
bool scan_item(struct scan *scan);

/* Takes one value of any kind: its text, as it is written. */
struct sv scan_value(struct scan *scan);

/* Of a value's text. A string is decoded into ret (size > 0), cut between two letters where it is too long; of other
 * values the text itself. Returns the length. */
size_t scan_text(struct sv value, char *ret, size_t size);
bool scan_number(struct sv value, double *ret);

/* The text of a member of the object `value`, the first of that name; n = 0 where there is none. */
struct sv scan_find(struct sv value, const char *key);
