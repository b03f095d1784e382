/* What third parties' modules said of themselves, kept on disk so that a list of modules does not start each of them.
 *
 * One file a module in a directory of the user's own (root: /var/cache/tarsier). It begins with a key: path, device,
 * inode, size, owner, mode, mtime and ctime in nanoseconds, and this build; the key differs as soon as anything was
 * written to the file or put in its place, and the module is asked anew. Believed is only a file that belongs to us, in
 * a directory that belongs to us, both writable by nobody else; what stands in it is judged as if the module had just
 * said it. Kept for a day at most: a description may come from what the file includes. */
#pragma once

#include "base/buf.h"
#include "base/sv.h"

#include <sys/stat.h>

#define DESCRIBE_CACHE_DIRECTORY "/var/cache/tarsier"

enum { DESCRIBE_CACHE_TEXT_MAX = 1 << 20, DESCRIBE_CACHE_HOURS = 24 };

/* Where this user's cache is: $TARSIER_CACHE_DIR; else for root, and the modules directory of this installation, the
 * directory above; else NULL: none is kept. own_modules: the directory was not chosen by the environment. */
const char *describe_cache_directory(bool own_modules);

/* The text that the file at path said; false: it has to be asked. directory NULL: always false. */
bool describe_cache_get(
        const char *directory, const char *path, const struct stat *file, int64_t now_ns, struct buf *ret_text);

/* Keeps it. file: as it was before it was asked; changed since, or in the last two seconds (a further change might
 * bear the same time): nothing is kept. Nor is it a failure when the directory cannot be written. */
void describe_cache_put(
        const char *directory, const char *path, const struct stat *file, int64_t now_ns, struct sv text);
