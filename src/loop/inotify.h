/* The records that inotify(7) hands to read(2), as a pure parser. */
#pragma once

#include "base/banned.h"

#include <stddef.h>
#include <stdint.h>

struct inotify_record {
        int wd;
        uint32_t mask;
        uint32_t cookie;
        const char *name; /* NUL-terminated, in the buffer; "" without one */
};

/* Reads the record at *position and moves on. Returns 1, 0 at the end of the buffer, -1 when what follows is cut short
 * or its name is not terminated. */
int inotify_parse(const char *bytes, size_t size, size_t *position, struct inotify_record *ret);

struct loop;

/* Delivers a buffer of records to the loop's watches: what the loop does with each read. Public for tests, since an
 * overflow cannot be provoked without a system-wide setting. Returns the number of callbacks. */
int loop_deliver_inotify(struct loop *loop, const char *bytes, size_t size);
