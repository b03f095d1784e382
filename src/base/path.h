/* Paths as strings, and whole small files. Nothing here follows or resolves a link. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/sv.h"

#include <sys/types.h>

/* The shortest equal path by text alone, as Go's filepath.Clean: "" is ".", "a//b/../c" is "a/c". Appends to out. */
void path_clean(struct sv path, struct buf *out);

struct sv path_base(struct sv path); /* what stands behind the last slash; "/" for "/" */
struct sv path_dir(struct sv path);  /* what stands before it; "/" for "/x", "." where there is none */

/* Is `path` equal to or below directory `root`? Both clean. "/d1x" is not below "/d1". */
bool path_within(struct sv path, struct sv root);

/* Reads a whole file relative to dirfd (AT_FDCWD) into out, up to out->max: E_TOO_LARGE beyond. /proc files too. */
int file_read(int dirfd, const char *path, struct buf *out, struct error *err);

/* All bytes or an error; EINTR is retried. read_all returns what there was before end of file. */
int write_all(int fd, const void *bytes, size_t size, struct error *err);
ssize_t read_all(int fd, void *bytes, size_t size, struct error *err);

/* Replaces `path` by these bytes: new file, fsync, rename, fsync of the directory. */
int file_replace(int dirfd, const char *path, const void *bytes, size_t size, mode_t mode, struct error *err);

/* mkdir -p. */
int path_make(const char *path, mode_t mode, struct error *err);
