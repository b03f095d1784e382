/* Control groups: which layout the host has, where the hierarchies are mounted, and where a process is in each
 * (cgroups(7)). Limits and statistics are not here. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"

struct mounts;
struct process;

enum { CGROUP_HIERARCHIES_MAX = 32, CGROUP_TEXT_MAX = 60 * 1024 };

enum cgroup_layout {
        CGROUP_NONE,
        CGROUP_V1,
        CGROUP_V2,
        CGROUP_HYBRID /* v1 controllers and a v2 mount beside them */
};

const char *cgroup_layout_name(enum cgroup_layout layout); /* "none", "v1", "v2", "hybrid" */

struct cgroup_hierarchy {
        bool unified;            /* v2 */
        const char *controllers; /* v1: "cpu,cpuacct" or "name=systemd", in the kernel's order; v2: "" */
        const char *mount_point; /* below the root, absolute */
        const char *mount_root;  /* which group is mounted there: "/" unless in a container */
};

struct cgroup_mounts {
        enum cgroup_layout layout;
        struct cgroup_hierarchy hierarchies[CGROUP_HIERARCHIES_MAX];
        size_t count;
        size_t refused;
        unsigned absent_io; /* files of blkio that no group has: cgroup_mounts_probe */
};

/* Pure. The texts belong to mounts. */
void cgroup_find_mounts(const struct mounts *mounts, struct arena *arena, struct cgroup_mounts *ret);
/* From proc/self/mountinfo below root. */
int cgroup_read_mounts(int root, struct arena *arena, struct cgroup_mounts *ret, struct error *err);
/* controller: "memory", "name=systemd", or "" for v2; NULL when there is none. */
const struct cgroup_hierarchy *cgroup_mounts_find(const struct cgroup_mounts *mounts, const char *controller);

/* One line of /proc/PID/cgroup: "4:memory:/a/b". */
struct cgroup_membership {
        uint32_t hierarchy; /* 0 is v2 */
        const char *controllers;
        const char *path; /* raw, without the kernel's " (deleted)" */
        bool deleted;
};

struct cgroup_memberships {
        struct cgroup_membership rows[CGROUP_HIERARCHIES_MAX];
        size_t count;
        size_t refused;
};

/* The texts are copied into the arena. */
int cgroup_parse(struct sv text, struct arena *arena, struct cgroup_memberships *ret, struct error *err);
int cgroup_read(const struct process *process, struct arena *arena, struct cgroup_memberships *ret, struct error *err);
/* The path in the hierarchy of a controller ("" for v2), NULL for none. */
const char *cgroup_path(const struct cgroup_memberships *memberships, const char *controller);
