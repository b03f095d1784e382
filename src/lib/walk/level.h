/* The stack of directories between the root of a walk and the place where it is. Private to the walker. */
#pragma once

#include "lib/walk/walk.h"

#include "base/buf.h"

struct level {
        int fd;        /* -1: closed to save fds, level_reopen brings it back */
        bool complete; /* getdents64 said the end */
        dev_t dev;
        ino_t ino;
        off_t position;       /* of the directory stream while fd is -1 */
        size_t path_length;   /* of its path in walker.path */
        size_t pending_next;  /* names of subdirectories to walk: pending[pending_next..pending_end), each */
        size_t pending_end;   /* NUL-terminated behind 8 bytes of inode number */
        size_t pending_start; /* where pending is cut when the level ends */
};

struct walker {
        const struct walk_options *options;
        struct walk_counts counts;
        int root_dirfd;
        const char *root;
        dev_t root_dev;
        unsigned max_depth;
        unsigned open_max;
        unsigned checkpoint_every;
        unsigned checkpoint_left;
        bool noatime;
        bool out_of_memory;
        struct level *levels;
        unsigned level_count;
        unsigned level_capacity;
        unsigned first_open; /* levels[1..first_open) are closed; level 0 never is */
        struct buf path;
        struct buf pending;
        char *buffer;
        struct stat stat; /* what entry->stat points to */
};

/* open(2) of a directory with O_NOATIME where allowed. -1 and errno. */
int level_open_directory(struct walker *walker, int dirfd, const char *name);

/* Puts an open directory on the stack and takes the fd. Closes the fd of a higher level when there are too many.
 * -1: no memory (the fd is closed). */
int level_push(struct walker *walker, int fd, const struct stat *stat, size_t path_length);

/* Ends the deepest level. -1 and errno: the one above it could not be opened again; it is the deepest now, fd -1. */
int level_pop(struct walker *walker);

/* Is this directory one of the stack? */
bool level_is_ancestor(const struct walker *walker, dev_t dev, ino_t ino);
