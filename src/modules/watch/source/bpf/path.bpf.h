/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Texts behind a record: paths of files and of control groups. Part of watch.bpf.c. */
#ifndef WATCH_BPF_PATH_BPF_H
#define WATCH_BPF_PATH_BPF_H

#include "record.bpf.h"

/* ---- paths ---- */

/* Ends a text at `at` and says how long it became; what is cut is left out, and marked. */
static __always_inline void close_text(struct scratch *scratch, __u32 from, int which, bool whole, __u8 cut)
{
        if (whole) {
                scratch->record.texts[which] = scratch->at - from;
        } else {
                scratch->record.flags |= cut;
                scratch->at = from;
        }
}

static __always_inline bool put(struct scratch *scratch, char c)
{
        __u32 at = scratch->at;
        if (at >= WATCH_BPF_TEXT_MAX)
                return false;
        scratch->text[at] = c;
        scratch->at = at + 1;
        return true;
}

/* At most `max` bytes, NUL included, of a kernel's string. */
static __always_inline bool put_string(struct scratch *scratch, const void *string, __u32 max)
{
        __u32 at = scratch->at;
        if (at >= WATCH_BPF_TEXT_MAX)
                return false;
        long n = bpf_probe_read_kernel_str(&scratch->text[at], max, string);
        if (n <= 0)
                return false;
        scratch->at = at + n - 1;
        return true;
}

/* scratch->names, from the last back to the first, as "/a/b"; false when they are longer than `max`. */
static __noinline bool put_names(struct scratch *scratch, __u32 max)
{
        __u32 start = scratch->at;
        if (scratch->count == 0)
                return put(scratch, '/');
        for (int i = 0; i < WATCH_BPF_DEPTH_MAX; i++) {
                __u32 left = scratch->count - 1;
                if (left >= WATCH_BPF_DEPTH_MAX)
                        break;
                scratch->count = left;
                if (!put(scratch, '/') || !put_string(scratch, (const void *)scratch->names[left], NAME_MAX_AND_NUL))
                        return false;
        }
        return scratch->at - start <= max;
}

static __always_inline bool add_name(struct scratch *scratch, const void *name)
{
        __u32 count = scratch->count;
        if (count >= WATCH_BPF_DEPTH_MAX)
                return false;
        scratch->names[count] = (__u64)name;
        scratch->count = count + 1;
        return true;
}

struct place {
        struct vfsmount *mount;
        struct dentry *dentry;
};

/* The components of a path into scratch->names, the last first, up to the root of the process: prepend_path in
 * fs/d_path.c. False when they are too many. */
static __noinline bool find_names(struct scratch *scratch, struct place *from, struct place *root)
{
        struct vfsmount *mount = from->mount, *root_mount = root->mount;
        struct dentry *dentry = from->dentry, *root_dentry = root->dentry;
        struct dentry *top = READ(mount, mnt_root);
        scratch->count = 0;
        for (int i = 0; i < WALK_MAX; i++) {
                if (dentry == root_dentry && mount == root_mount)
                        return true;
                if (dentry == top) {
                        struct mount *of = (void *)mount - bpf_core_field_offset(struct mount, mnt);
                        struct mount *parent = READ(of, mnt_parent);
                        if (parent == of || !parent)
                                return true;
                        dentry = READ(of, mnt_mountpoint);
                        mount = (void *)parent + bpf_core_field_offset(struct mount, mnt);
                        top = READ(mount, mnt_root);
                        continue;
                }
                if (!add_name(scratch, READ(dentry, d_name.name)))
                        return false;
                struct dentry *parent = READ(dentry, d_parent);
                if (parent == dentry || !parent) /* in no directory at all: memfd_create(2) */
                        return true;
                dentry = parent;
        }
        return false;
}

static __always_inline void tell_path(
        struct scratch *scratch, struct path *path, struct place *root, int which, __u8 cut)
{
        __u32 start = scratch->at;
        struct dentry *dentry = READ(path, dentry);
        struct place from = { READ(path, mnt), dentry };
        bool whole = find_names(scratch, &from, root);
        bool top = scratch->count == 0;
        whole = whole && put_names(scratch, WATCH_BPF_PATH_MAX);
        if (!top && !READ(dentry, d_hash.pprev)) /* in no directory any more */
                scratch->record.flags |= which == WATCH_BPF_EXE ? WATCH_BPF_EXE_DELETED : 0;
        close_text(scratch, start, which, whole, cut);
}

/* ---- control groups ---- */

static __always_inline struct kernfs_node *parent_of(struct kernfs_node *node)
{
        struct kernfs_node___6_15 *newer = (void *)node;
        if (bpf_core_field_exists(newer->__parent))
                return (struct kernfs_node *)READ(newer, __parent);
        return READ(node, parent);
}

/* One line "H:NAME:/path\n"; false when cut. */
static __noinline bool put_cgroup(struct scratch *scratch, struct cgroup *group, const char *name)
{
        struct kernfs_node *node = READ(group, kn);
        scratch->count = 0;
        for (int i = 0; i <= WATCH_BPF_DEPTH_MAX; i++) {
                struct kernfs_node *parent = parent_of(node);
                if (!parent)
                        break;
                if (!add_name(scratch, READ(node, name)))
                        return false;
                node = parent;
        }
        __u32 hierarchy = READ(group, root, hierarchy_id);
        return (hierarchy < 10 || put(scratch, '0' + hierarchy / 10 % 10)) && put(scratch, '0' + hierarchy % 10) &&
               put(scratch, ':') && (!name || put_string(scratch, name, CONTROLLER_MAX)) && put(scratch, ':') &&
               put_names(scratch, WATCH_BPF_CGROUP_MAX) && put(scratch, '\n');
}

/* The groups of the v1 hierarchies in which the process is not at the root, each path once: engines make the same one
 * in all. Their css pointers into lines. */
static __noinline void find_groups(struct scratch *scratch, struct css_set *set)
{
        __u32 size = bpf_core_field_size(set->subsys);
        if (size > sizeof(scratch->states))
                size = sizeof(scratch->states);
        for (int i = 0; i < SUBSYSTEMS_MAX; i++)
                scratch->states[i] = 0;
        for (int i = 0; i < LINES_MAX; i++)
                scratch->lines[i] = scratch->told[i] = 0;
        bpf_probe_read_kernel(scratch->states, size, (void *)set + bpf_core_field_offset(struct css_set, subsys));

        scratch->count = 0;
        for (int i = 0; i < SUBSYSTEMS_MAX; i++) {
                struct cgroup_subsys_state *state = (void *)scratch->states[i];
                if (!state)
                        continue;
                struct cgroup *group = READ(state, cgroup);
                if (READ(group, level) == 0 || READ(group, root, hierarchy_id) == 0)
                        continue;
                struct kernfs_node *node = READ(group, kn);
                __u64 told = (__u64)READ(node, hash) << 32 | (__u32)READ(parent_of(node), hash);
                bool known = false;
                for (int j = 0; j < LINES_MAX; j++)
                        known |= scratch->told[j] == told;
                __u32 count = scratch->count;
                if (known || count >= LINES_MAX)
                        continue;
                scratch->told[count] = told;
                scratch->lines[count] = (__u64)state;
                scratch->count = count + 1;
        }
}

static __noinline void tell_cgroups(struct scratch *scratch, struct task_struct *task)
{
        struct css_set *set = task->cgroups;
        __u32 start = scratch->at;
        bool whole = put_cgroup(scratch, set->dfl_cgrp, NULL);
        if (options.legacy_cgroups) {
                find_groups(scratch, set);
                for (int i = 0; i < LINES_MAX; i++) {
                        struct cgroup_subsys_state *state = (void *)scratch->lines[i];
                        if (state && !put_cgroup(scratch, READ(state, cgroup), READ(state, ss, legacy_name)))
                                whole = false;
                }
        }
        close_text(scratch, start, WATCH_BPF_CGROUP_TEXT, whole, WATCH_BPF_CGROUP_CUT);
}

#endif
