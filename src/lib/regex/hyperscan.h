/* libhs (Vectorscan, or Hyperscan of the same ABI, soname libhs.so.5), found at run time: it costs 10 MB of mapping
 * and is worth it only for much text. Absent, or on a CPU it cannot use, everything here says so and the built-in
 * prefilter does the work. Internal to lib/regex.
 */
#pragma once

#include "base/sv.h"

struct hyperscan;         /* one compiled approximation */
struct hyperscan_scratch; /* what a scan needs, one a thread; shared by any number of patterns */

#define HYPERSCAN_PATTERN_MAX 1024U /* bytes: compiling takes far longer than linear time */

/* Loads the library once a process. */
bool hyperscan_available(void);

/* NULL when it cannot: too large, or a construct it does not know. *scratch grows to fit. */
struct hyperscan *hyperscan_new(const char *approximation, struct hyperscan_scratch **scratch);
void hyperscan_free(struct hyperscan *hyperscan);
void hyperscan_scratch_free(struct hyperscan_scratch *scratch);

/* 1 and the offset where the match that ends first ends; 0 for none; -1 on failure. */
int hyperscan_next(
        const struct hyperscan *hyperscan, struct hyperscan_scratch *scratch, struct sv text, size_t *ret_end);
