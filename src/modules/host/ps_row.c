#include "modules/host/ps.h"

#include "base/cleanup.h"
#include "linux/capability_names.h"
#include "linux/cgroup.h"
#include "linux/container.h"
#include "linux/lsm.h"
#include "linux/maps.h"
#include "linux/mounts.h"

#include <sys/sysmacros.h>

static const struct field container_fields[] = {
        FIELD_STRING(struct ps_container, engine, .help = "container engine, as its control group tells"),
        FIELD_STRING(struct ps_container, id, .help = "id or name of the container", .omit_empty = true),
        FIELD_STRING(struct ps_container, pod, .help = "pod that it belongs to", .omit_empty = true),
};

static const struct field namespaces_fields[] = {
        FIELD_UINT(struct ps_namespaces, cgroup, .help = "inode of the cgroup namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, ipc, .help = "inode of the IPC namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, mnt, .help = "inode of the mount namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, net, .help = "inode of the network namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, pid, .help = "inode of the PID namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, time, .help = "inode of the time namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, user, .help = "inode of the user namespace", .omit_empty = true),
        FIELD_UINT(struct ps_namespaces, uts, .help = "inode of the UTS namespace", .omit_empty = true),
};

static const struct field mount_fields[] = {
        FIELD_PATH(struct ps_mount, point, .help = "where it is mounted, as the process sees it"),
        FIELD_STRING(struct ps_mount, source, .help = "device or other source"),
        FIELD_STRING(struct ps_mount, type, .help = "file system type"),
        FIELD_STRING(struct ps_mount, options, .help = "options of this mount"),
};

static const struct field map_fields[] = {
        FIELD_STRING(struct ps_map, range, .help = "first and last+1 address, hexadecimal"),
        FIELD_STRING(struct ps_map, flags, .help = "r, w, x, and p for private or s for shared"),
        FIELD_SIZE(struct ps_map, size, .help = "bytes"),
        FIELD_PATH(struct ps_map, path, .help = "file, or what the kernel calls it", .omit_empty = true),
        FIELD_BOOL(struct ps_map, deleted, .help = "the file was removed or replaced", .omit_empty = true),
};

static const struct field row_fields[] = {
        FIELD_INT(struct ps_row, pid, .help = "process id"),
        FIELD_INT(struct ps_row, ppid, .help = "process id of the parent"),
        FIELD_TIME(struct ps_row, start_ns, .json = "start", .help = "when it started"),
        FIELD_STRING(struct ps_row, user, .help = "name of the effective user, the number when it has none",
                .private_ = true),
        FIELD_UINT(struct ps_row, uid, .help = "real user id"),
        FIELD_UINT(struct ps_row, euid, .help = "effective user id"),
        FIELD_UINT(struct ps_row, gid, .help = "real group id"),
        FIELD_STRING(struct ps_row, comm, .help = "name the kernel has for it"),
        FIELD_STRING(struct ps_row, state, .help = "R running, S sleeping, D waiting for a device, T stopped, Z ended"),
        FIELD_BOOL(struct ps_row, kernel, .help = "thread of the kernel", .omit_empty = true),
        FIELD_PATH(struct ps_row, exe, .help = "program file", .omit_empty = true),
        FIELD_BOOL(struct ps_row, exe_deleted, .help = "the program file was removed or replaced", .omit_empty = true),
        FIELD_PATH(struct ps_row, cwd, .help = "current directory", .omit_empty = true, .private_ = true),
        FIELD_STRINGS(struct ps_row, cmdline, .help = "arguments, the program's name first", .omit_empty = true,
                .private_ = true),
        FIELD_PATH(struct ps_row, cgroup, .help = "control group (v2, or v1 of systemd)", .omit_empty = true),
        FIELD_STRING(struct ps_row, unit, .help = "systemd unit", .omit_empty = true),
        FIELD_RECORD(struct ps_row, container, struct ps_container, container_fields, .help = "container it runs in"),
        FIELD_RECORD(
                struct ps_row, namespaces, struct ps_namespaces, namespaces_fields, .help = "namespaces it lives in"),
        FIELD_STRINGS(struct ps_row, capabilities, .help = "effective capabilities", .omit_empty = true),
        FIELD_STRING(struct ps_row, seccomp, .help = "off, strict or filter", .omit_empty = true),
        FIELD_INT(struct ps_row, no_new_privs, .help = "1: it cannot gain privileges by exec; -1: not told"),
        FIELD_STRING(struct ps_row, label, .help = "what the security module calls it", .omit_empty = true),
        FIELD_INT(struct ps_row, threads, .help = "number of threads"),
        FIELD_SIZE(struct ps_row, rss, .help = "bytes of memory in use"),
        FIELD_SIZE(struct ps_row, vsize, .help = "bytes of address space"),
        FIELD_SIZE(struct ps_row, swap, .help = "bytes swapped out"),
        FIELD_DURATION(struct ps_row, user_time_ns, .json = "user_time", .help = "CPU time in the program"),
        FIELD_DURATION(struct ps_row, system_time_ns, .json = "system_time", .help = "CPU time in the kernel"),
        FIELD_STRING(struct ps_row, tty, .help = "controlling terminal", .omit_empty = true),
        FIELD_INT(struct ps_row, pgrp, .help = "process group"),
        FIELD_INT(struct ps_row, session, .help = "session"),
        FIELD_INT(struct ps_row, nice, .help = "nice value"),
        FIELD_INT(struct ps_row, depth, .help = "with --tree: ancestors shown above it"),
        FIELD_STRING(struct ps_row, branch, .help = "with --tree: the lines that lead to it", .omit_empty = true),
        FIELD_RECORDS(struct ps_row, mounts, struct ps_mount, mount_fields, .help = "its mounts (--mounts)",
                .omit_empty = true),
        FIELD_RECORDS(struct ps_row, maps, struct ps_map, map_fields, .help = "its memory mappings (--maps)",
                .omit_empty = true),
};

const struct record ps_element = {
        .fields = row_fields,
        .count = sizeof(row_fields) / sizeof(row_fields[0]),
        .size = sizeof(struct ps_row),
        .name = "struct ps_row",
};

/* Documentation/admin-guide/devices.txt: 4 is the consoles and serial lines, 5:1 /dev/console, 136 to 143 the ptys. */
void ps_format_tty(int tty_nr, char *ret)
{
        enum { TEXT = 32, PTS_FIRST = 136, PTS_LAST = 143 };
        unsigned number = (unsigned)tty_nr;
        unsigned high = (number >> 8) & 0xfff;
        unsigned low = (number & 0xff) | ((number >> 12) & 0xfff00);
        if (number == 0)
                ret[0] = '\0';
        else if (high >= PTS_FIRST && high <= PTS_LAST)
                snprintf(ret, TEXT, "pts/%u", low + ((high - PTS_FIRST) << 8));
        else if (high == 4)
                snprintf(ret, TEXT, low < 64 ? "tty%u" : "ttyS%u", low < 64 ? low : low - 64);
        else if (high == 5 && low == 1)
                snprintf(ret, TEXT, "console");
        else
                snprintf(ret, TEXT, "%u:%u", high, low);
}

int ps_read_core(const struct process *process, struct ps_core *ret, struct error *err)
{
        struct error ignored;
        if (process_read_stat(process, &ret->stat, err) < 0)
                return -1;
        ret->has_status = process_read_status(process, &ret->status, &ignored) == 0;
        if (!ret->has_status && process_vanished(&ignored)) {
                *err = ignored;
                return -1;
        }
        return 0;
}

/* A field that may not be read is left out; a process that ended ends the row. */
static int tolerate(const struct error *seen, struct ps_statistics *statistics, struct error *err)
{
        if (process_vanished(seen) || seen->code == E_NO_MEMORY) {
                *err = *seen;
                return -1;
        }
        if (seen->code == E_PERMISSION)
                statistics->denied++;
        return 0;
}

static void fill_core(const struct ps_host *host, const struct ps_core *core, struct arena *arena, struct ps_row *ret)
{
        const struct process_stat *stat = &core->stat;
        char tty[32];
        ps_format_tty(stat->tty_nr, tty);
        ret->pid = stat->pid;
        ret->ppid = stat->ppid;
        ret->pgrp = stat->pgrp;
        ret->session = stat->session;
        ret->nice = (int)stat->nice;
        ret->threads = stat->num_threads;
        ret->start_ns = process_start_unix_ns(stat->start_ticks, host->boot_unix_ns);
        ret->comm = arena_strdup(arena, stat->comm);
        ret->state = arena_strndup(arena, &stat->state, 1);
        ret->kernel = (stat->flags & PROCESS_KTHREAD_FLAG) != 0;
        ret->tty = arena_strdup(arena, tty);
        ret->rss = stat->rss > 0 ? (uint64_t)stat->rss * host->page : 0;
        ret->vsize = stat->vsize;
        ret->user_time_ns = (int64_t)stat->utime * host->tick_ns;
        ret->system_time_ns = (int64_t)stat->stime * host->tick_ns;
        ret->no_new_privs = -1;
}

static int fill_status(const struct ps_host *host, const struct process_status *status, struct arena *arena,
        struct ps_row *ret, struct error *err)
{
        static const char *const seccomp[] = { "off", "strict", "filter" };
        ret->uid = status->uid[0];
        ret->euid = status->uid[1];
        ret->gid = status->gid[0];
        const char *user = accounts_name(&host->users, status->uid[1]);
        ret->user = user ? arena_strdup(arena, user) : arena_printf(arena, "%u", status->uid[1]);
        ret->swap = status->vm_swap;
        if (status->vm_rss)
                ret->rss = status->vm_rss; /* exact; stat's counter may lag (proc(5), "inaccurate") */
        ret->no_new_privs = status->no_new_privs;
        if (status->seccomp >= 0 && status->seccomp <= PROCESS_SECCOMP_FILTER)
                ret->seccomp = arena_strdup(arena, seccomp[status->seccomp]);
        ret->capabilities.items = arena_array(arena, 64, sizeof(char *));
        if (!ret->capabilities.items)
                return fail(err, E_NO_MEMORY, "no memory for a process");
        for (unsigned bit = 0; bit < 64; bit++) {
                const char *name = capability_name(bit);
                if (!(status->cap_effective & (UINT64_C(1) << bit)))
                        continue;
                char *text = name ? arena_strdup(arena, name) : arena_printf(arena, "%u", bit);
                if (!text)
                        return fail(err, E_NO_MEMORY, "no memory for a process");
                ret->capabilities.items[ret->capabilities.count++] = text;
        }
        return 0;
}

static int fill_cgroup(const struct process *process, struct arena *arena, struct ps_row *ret, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, CGROUP_TEXT_MAX);
        if (process_read_file(process, "cgroup", &text, err) < 0)
                return -1;
        struct sv bytes = sv_n(buf_text(&text), text.len);
        struct cgroup_memberships memberships;
        if (cgroup_parse(bytes, arena, &memberships, err) < 0)
                return -1;
        const char *path = cgroup_path(&memberships, "");
        const char *systemd = cgroup_path(&memberships, "name=systemd");
        path = (!path || strcmp(path, "/") == 0) && systemd ? systemd : path;
        struct container_identity identity = { 0 };
        container_identify(bytes, &identity);
        ret->cgroup = path ? arena_strdup(arena, path) : NULL;
        ret->unit = arena_strdup(arena, identity.unit);
        ret->container.engine = arena_strdup(arena, container_engine_name(identity.engine));
        ret->container.id = arena_strdup(arena, identity.id);
        ret->container.pod = arena_strdup(arena, identity.pod);
        return 0;
}

static int fill_namespaces(const struct process *process, struct ps_namespaces *ret, struct error *err)
{
        uint64_t inodes[PROCESS_NS_COUNT];
        if (process_read_namespaces(process, inodes, err) < 0)
                return -1;
        ret->cgroup = inodes[PROCESS_NS_CGROUP];
        ret->ipc = inodes[PROCESS_NS_IPC];
        ret->mnt = inodes[PROCESS_NS_MNT];
        ret->net = inodes[PROCESS_NS_NET];
        ret->pid = inodes[PROCESS_NS_PID];
        ret->time = inodes[PROCESS_NS_TIME];
        ret->user = inodes[PROCESS_NS_USER];
        ret->uts = inodes[PROCESS_NS_UTS];
        return 0;
}

static int fill_mounts(const struct process *process, struct arena *arena, struct ps_row *ret, struct error *err)
{
        struct mounts mounts;
        if (mounts_read(process->dir, "mountinfo", arena, &mounts, err) < 0)
                return -1;
        ret->mounts.items = arena_array(arena, mounts.count, sizeof(struct ps_mount));
        if (!ret->mounts.items)
                return fail(err, E_NO_MEMORY, "no memory for the mounts of a process");
        for (size_t i = 0; i < mounts.count; i++) {
                const struct mount *mount = &mounts.rows[i];
                struct ps_mount *row = &ret->mounts.items[ret->mounts.count++];
                row->point = arena_strdup(arena, mount->point);
                row->source = arena_strdup(arena, mount->source);
                row->type = arena_strdup(arena, mount->type);
                row->options = arena_strdup(arena, mount->options);
        }
        return 0;
}

static int fill_maps(const struct process *process, struct arena *arena, struct ps_row *ret, struct error *err)
{
        struct maps maps;
        if (maps_read(process, arena, &maps, err) < 0)
                return -1;
        ret->maps.items = arena_array(arena, maps.count, sizeof(struct ps_map));
        if (!ret->maps.items)
                return fail(err, E_NO_MEMORY, "no memory for the mappings of a process");
        for (size_t i = 0; i < maps.count; i++) {
                const struct mapping *map = &maps.rows[i];
                struct ps_map *row = &ret->maps.items[ret->maps.count++];
                row->range =
                        arena_printf(arena, "%llx-%llx", (unsigned long long)map->start, (unsigned long long)map->end);
                row->flags = arena_printf(arena, "%c%c%c%c", map->readable ? 'r' : '-', map->writable ? 'w' : '-',
                        map->executable ? 'x' : '-', map->shared ? 's' : 'p');
                row->path = arena_strndup(arena, map->path.p, map->path.n);
                row->size = map->end - map->start;
                row->deleted = map->deleted;
        }
        return 0;
}

int ps_fill(const struct ps_host *host, const struct process *process, const struct ps_core *core, struct arena *arena,
        struct ps_row *ret, struct ps_statistics *statistics, struct error *err)
{
        struct error seen;
        struct process_link link;
        struct process_arguments arguments;
        fill_core(host, core, arena, ret);
        if (core->has_status && fill_status(host, &core->status, arena, ret, err) < 0)
                return -1;
        if (process_read_link(process, PROCESS_EXE, arena, &link, &seen) == 0) {
                ret->exe = link.path;
                ret->exe_deleted = link.deleted;
        } else if (tolerate(&seen, statistics, err) < 0) {
                return -1;
        }
        if (process_read_link(process, PROCESS_CWD, arena, &link, &seen) == 0)
                ret->cwd = link.path;
        else if (tolerate(&seen, statistics, err) < 0)
                return -1;
        if (process_read_cmdline(process, arena, &arguments, &seen) == 0)
                ret->cmdline = (struct string_list){ arguments.argv, arguments.argc };
        else if (tolerate(&seen, statistics, err) < 0)
                return -1;
        if (fill_cgroup(process, arena, ret, &seen) < 0 && tolerate(&seen, statistics, err) < 0)
                return -1;
        if (fill_namespaces(process, &ret->namespaces, &seen) < 0 && tolerate(&seen, statistics, err) < 0)
                return -1;
        if (lsm_read_process_label(process, arena, &ret->label, &seen) < 0 && tolerate(&seen, statistics, err) < 0)
                return -1;
        if (host->mounts && fill_mounts(process, arena, ret, &seen) < 0 && tolerate(&seen, statistics, err) < 0)
                return -1;
        if (host->maps && fill_maps(process, arena, ret, &seen) < 0 && tolerate(&seen, statistics, err) < 0)
                return -1;
        return arena->refused ? fail(err, E_NO_MEMORY, "a process needs more memory than a row may have") : 0;
}
