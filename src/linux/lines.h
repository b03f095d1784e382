/* Line by line through a kernel file of any length in a fixed buffer. Inside this room only. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum { LINES_BUFFER = 32 * 1024 };

/* Calls each() per line, without its newline; non-zero stops and is returned. *ret_refused grows by the lines longer
 * than the buffer, which are skipped. */
int lines_read(int dirfd, const char *path, int (*each)(struct sv line, void *cookie), void *cookie,
        size_t *ret_refused, struct error *err);
