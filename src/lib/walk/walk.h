/* Walks a directory tree without trusting it. Raw getdents64 into one buffer, everything relative to directory fds, no
 * allocation and no stat per entry: the type comes from the directory entry where the file system tells it.
 *
 * Links: a link to a directory is never followed. A link to anything else is followed (for its type, and stat if
 * wanted) only with follow_files. FIFOs, sockets and devices are reported by type, nothing opens them.
 * Loops cannot happen: besides links, a directory that is its own ancestor (bind mounts, FUSE) is refused by device and
 * inode, and WALK_DEPTH_MAX ends what is left. Trees deeper than PATH_MAX are walked all the same.
 * Order: that of the directory within a directory; its subdirectories follow its other entries, a buffer at a time.
 * Memory: one read buffer, the path, 64 bytes a level and the names of the subdirectories that are still to be walked
 * of one read buffer a level; a directory of a million entries needs no more than one of a hundred.
 * What could not be read goes to on_error and is counted; only a lack of memory fails the walk as a whole. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum {
        WALK_DEPTH_MAX = 4096, /* levels of directories */
        WALK_OPEN_MAX = 256    /* default ceiling on directory fds that are open at a time; the least is 4 */
};

enum walk_verdict {
        WALK_ON,
        WALK_PRUNE, /* from on_directory: do not go in */
        WALK_STOP   /* the walk ends now */
};

enum walk_stage {
        WALK_STAGE_STAT,    /* lstat of an entry */
        WALK_STAGE_FOLLOW,  /* stat through a link: it dangles (ENOENT), loops (ELOOP), … */
        WALK_STAGE_OPEN,    /* a directory cannot be opened */
        WALK_STAGE_READ,    /* reading broke off: entries may be missing */
        WALK_STAGE_LOOP,    /* ELOOP: the directory is its own ancestor */
        WALK_STAGE_TOO_DEEP /* ENAMETOOLONG: WALK_DEPTH_MAX */
};

struct walk_entry {
        int dirfd;        /* directory that holds it, for openat and fstatat; valid during the callback only */
        const char *name; /* in it, NUL-terminated bytes of no encoding; the root's is the root as given */
        size_t name_length;
        struct sv path;          /* root as given + "/" + …, NUL-terminated; valid during the callback only */
        unsigned char type;      /* DT_…, never DT_UNKNOWN */
        unsigned char target;    /* with follow_files and type DT_LNK: what it leads to; else the same as type */
        unsigned depth;          /* of a directory its own, the root is 1; of others that of their directory */
        ino_t inode;             /* as the directory says; a mount point's is the one below the mount */
        const struct stat *stat; /* only with want_stat; of the target for a followed link */
};

struct walk_options {
        unsigned max_depth;   /* deepest directory to read, 1 is the root alone; 0: WALK_DEPTH_MAX */
        bool one_file_system; /* do not enter directories of another st_dev (counted, not an error), nor trigger
                                 automounts */
        bool follow_files;
        bool want_stat;
        bool update_atime; /* let the kernel update access times of directories; default is O_NOATIME where allowed */
        unsigned open_max; /* 0: WALK_OPEN_MAX */
        unsigned checkpoint_every; /* entries between checkpoints, 0: 256; also before each directory */

        /* Callbacks, all optional. Each directory, also those one level below max_depth which will not be entered
         * (entry->depth > max_depth). */
        enum walk_verdict (*on_directory)(void *cookie, const struct walk_entry *entry);
        /* Each entry that is not a directory (links to directories are such). */
        enum walk_verdict (*on_file)(void *cookie, const struct walk_entry *entry);
        enum walk_verdict (*on_error)(void *cookie, struct sv path, enum walk_stage stage, int errnum);
        /* true ends the walk. */
        bool (*checkpoint)(void *cookie);
        void *cookie;
};

struct walk_counts {
        uint64_t files;       /* entries that are not directories */
        uint64_t directories; /* entries that are, root included */
        uint64_t entered;     /* directories that were opened and read */
        uint64_t foreign;     /* not entered: another file system */
        uint64_t errors;      /* all of on_error, of which: */
        uint64_t vanished;    /* gone between listing and looking */
        uint64_t loops;
        uint64_t too_deep;
        bool stopped; /* a callback ended it */
};

/* Walks what `root` names, relative to dirfd (AT_FDCWD). A root that is not a directory is one entry; a root that is a
 * link to a directory is one entry too, not followed. Counts are added to *counts, which may be NULL. */
int walk_tree(
        int dirfd, const char *root, const struct walk_options *options, struct walk_counts *counts, struct error *err);

enum walk_open_flags {
        WALK_OPEN_FOLLOW = 1,      /* the name may be a link */
        WALK_OPEN_UPDATE_ATIME = 2 /* do not try O_NOATIME */
};

/* Opens a regular file for reading and nothing else: a FIFO or device that took its place cannot block (O_NONBLOCK, no
 * controlling terminal) and is refused with E_INVALID after fstat. *ret_stat may be NULL. Returns the fd or -1. */
int walk_open_regular(int dirfd, const char *name, unsigned flags, struct stat *ret_stat, struct error *err);
