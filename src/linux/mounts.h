/* Mounts (/proc/PID/mountinfo, proc(5)) and the space of a file system. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

enum { MOUNTS_MAX = 200000, MOUNTS_TEXT_MAX = 64 << 20 }; /* sysctl fs.mount-max is 100000 by default */

struct mount {
        int id, parent;
        uint32_t major, minor;
        const char *root;  /* of the file system, that is mounted here; octal escapes undone in all texts */
        const char *point; /* as the process sees it */
        const char *options;
        const char *type;   /* "ext4", "fuse.sshfs" */
        const char *source; /* "" for none */
        const char *super_options;
        uint32_t shared, master, propagate_from; /* peer groups, 0 for none */
        bool unbindable;
};

struct mounts {
        struct mount *rows; /* arena, in the kernel's order: a later one on the same point hides the earlier */
        size_t count;
        size_t refused; /* malformed or beyond MOUNTS_MAX */
};

/* False when malformed or the arena is full. */
bool mount_parse_line(struct sv line, struct arena *arena, struct mount *ret);
int mounts_parse(struct sv text, struct arena *arena, struct mounts *ret, struct error *err);
/* path: "proc/self/mountinfo", "proc/1/mountinfo", … below root. */
int mounts_read(int root, const char *path, struct arena *arena, struct mounts *ret, struct error *err);
/* The mount that a clean absolute path lies on, NULL for none. */
const struct mount *mounts_find(const struct mounts *mounts, struct sv path);
/* Is this word in a comma-separated option list? */
bool mount_has_option(const char *options, const char *word);

enum mount_class {
        MOUNT_DISK,    /* space on a device of this host: ext4, xfs, btrfs, zfs, overlay, fuseblk … */
        MOUNT_MEMORY,  /* tmpfs, ramfs */
        MOUNT_NETWORK, /* nfs, cifs, ceph, fuse.sshfs …: asking for space may hang */
        MOUNT_IMAGE,   /* read-only by nature: squashfs, iso9660, erofs … */
        MOUNT_PSEUDO   /* no space of its own: proc, sysfs, cgroup2, autofs … */
};

enum mount_class mount_classify(struct sv type);
const char *mount_class_name(enum mount_class class); /* "disk", "memory", … */

struct filesystem_usage {
        uint64_t total, free, available; /* bytes; available is what an unprivileged user may still take */
        uint64_t inodes, inodes_free, inodes_available;
        uint64_t block_size;
        uint64_t magic; /* statfs(2) f_type */
        bool read_only;
};

/* Follows the path; never triggers an automount (O_PATH). May hang on a dead network file system: classify first. */
int filesystem_usage_read(int dirfd, const char *path, struct filesystem_usage *ret, struct error *err);
