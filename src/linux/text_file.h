/* Small one-value files. Inside this room only. */
#pragma once

#include "base/arena.h"
#include "base/sv.h"

#include <sys/types.h>

enum { TEXT_FILE_MAX = 4096 };

/* The trimmed first line of the file in the arena; NULL when it is absent, unreadable, empty or beyond TEXT_FILE_MAX.
 */
const char *text_file_line(int dirfd, const char *path, struct arena *arena);

/* The whole file into the buffer, without a NUL: the bytes of it. -1 with errno: EFBIG when it does not fit. */
ssize_t text_file_read(int dirfd, const char *path, char *buffer, size_t size);
