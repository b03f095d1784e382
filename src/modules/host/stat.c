/* stat: all that statx(2) and the extended attributes tell about files. Nothing is opened. */
#include "modules/host/stat.h"

#include "base/cleanup.h"
#include "module/run.h"

#include <fcntl.h>
#include <sys/xattr.h>

enum sync { SYNC_AS_STAT, SYNC_FORCE, SYNC_CACHED };
static const char *const sync_names[] = { "as-stat", "force", "cached", NULL };

struct stat_params {
        struct string_list files;
        bool no_automount, follow, basic;
        int sync;
};

static const struct field params_fields[] = {
        FIELD_PATHS(struct stat_params, files, .help = "files to look at", .positional = true, .required = true,
                .min_length = 1, .max_items = 100000),
        FIELD_BOOL(
                struct stat_params, no_automount, .flag = 'A', .help = "do not mount what would be mounted by looking"),
        FIELD_BOOL(struct stat_params, follow, .flag = 'L', .help = "follow a symbolic link"),
        FIELD_BOOL(struct stat_params, basic, .flag = 'b', .help = "ask for the basic fields only: no creation time"),
        FIELD_ENUM(struct stat_params, sync, sync_names, .def = "as-stat",
                .help = "network file systems: ask the server, or answer from what is cached"),
};

struct stat_statistics {
        uint64_t files, failed;
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct stat_statistics, files, .help = "files shown"),
        FIELD_UINT(struct stat_statistics, failed, .help = "files that could not be looked at"),
};

enum { ROW_MEMORY = 4 << 20, XATTR_NAMES_BYTES = 65536, XATTR_VALUE_BYTES = 4096 };

static int read_target(const char *path, struct arena *arena, struct stat_row *row, struct error *err)
{
        char target[PATH_MAX];
        ssize_t length = readlink(path, target, sizeof(target));
        if (length < 0)
                return fail_errno(err, "the target of the link");
        row->target = arena_strndup(arena, target, (size_t)length);
        return 0;
}

static ssize_t get_xattr(const char *path, bool follow, const char *name, void *ret, size_t size)
{
        return follow ? getxattr(path, name, ret, size) : lgetxattr(path, name, ret, size);
}

/* Names of all, values of two. What cannot be read is left out: many file systems have none. */
static void read_xattrs(const char *path, bool follow, struct arena *arena, struct stat_row *row)
{
        char *names = arena_alloc(arena, XATTR_NAMES_BYTES);
        char value[XATTR_VALUE_BYTES];
        ssize_t size = !names   ? -1
                       : follow ? listxattr(path, names, XATTR_NAMES_BYTES)
                                : llistxattr(path, names, XATTR_NAMES_BYTES);
        if (size > 0)
                row->xattrs.items = arena_array(arena, STAT_XATTRS_MAX, sizeof(char *));
        for (ssize_t at = 0; row->xattrs.items && at < size; at += (ssize_t)strlen(names + at) + 1)
                if (row->xattrs.count < STAT_XATTRS_MAX)
                        row->xattrs.items[row->xattrs.count++] = names + at;
        ssize_t length = get_xattr(path, follow, "security.capability", value, sizeof(value));
        cleanup(buf_done) struct buf text;
        buf_init(&text, XATTR_VALUE_BYTES);
        if (length > 0)
                row->capabilities = arena_strdup(
                        arena, stat_format_capabilities(value, (size_t)length, &text) ? buf_text(&text) : "malformed");
        length = get_xattr(path, follow, "security.selinux", value, sizeof(value) - 1);
        if (length > 0)
                row->context = arena_strndup(arena, value, strnlen(value, (size_t)length));
}

static int show(
        struct run *run, const struct accounts *users, const struct accounts *groups, char *path, struct error *err)
{
        const struct stat_params *params = run->params;
        struct stat_statistics *statistics = run_statistics(run);
        static const int sync_flags[] = { AT_STATX_SYNC_AS_STAT, AT_STATX_FORCE_SYNC, AT_STATX_DONT_SYNC };
        enum { MASK_ALL = STATX_ALL | STATX_MNT_ID | 0x2000 /* STATX_DIOALIGN */ };
        int flags = sync_flags[params->sync] | (params->follow ? 0 : AT_SYMLINK_NOFOLLOW) |
                    (params->no_automount ? AT_NO_AUTOMOUNT : 0);
        cleanup(arena_done) struct arena arena;
        struct stat_row row = { .path = path };
        struct statx stx = { 0 };
        struct error seen;
        arena_init(&arena, ROW_MEMORY);
        int status = statx(AT_FDCWD, path, flags, params->basic ? STATX_BASIC_STATS : MASK_ALL, &stx);
        if (status < 0)
                status = fail_errno(&seen, "%s", path);
        if (status == 0)
                status = stat_fill(&stx, users, groups, &arena, &row, &seen);
        if (status == 0 && S_ISLNK(stx.stx_mode))
                status = read_target(path, &arena, &row, &seen);
        if (status < 0) {
                statistics->failed++;
                run_error(run, "%s", seen.message);
                return 0;
        }
        if (params->basic)
                row.has_born = false; /* a kernel may tell more than it was asked for */
        else
                read_xattrs(path, params->follow, &arena, &row);
        statistics->files++;
        return run_emit(run, NULL, &row, err);
}

static int stat_run(struct run *run, struct error *err)
{
        const struct stat_params *params = run->params;
        const struct stat_statistics *statistics = run_statistics(run);
        cleanup(accounts_done) struct accounts users = { 0 }, groups = { 0 };
        accounts_load(&users, AT_FDCWD, "/etc/passwd");
        accounts_load(&groups, AT_FDCWD, "/etc/group");
        list_foreach (path, &params->files) {
                if (run_checkpoint(run))
                        return 0;
                if (show(run, &users, &groups, *path, err) < 0)
                        return -1;
        }
        run_set_success(run, statistics->failed == 0);
        return 0;
}

static const struct module_example stat_examples[] = {
        { "stat /etc/passwd", "size, owner, permissions, times and attributes of a file" },
        { "stat -L /etc/localtime", "the same of what a link leads to" },
        { "stat --json /usr/bin/ping", "with capabilities and names of extended attributes" },
        { 0 },
};

const struct module stat_module = {
        .name = "stat",
        .summary = "tell all about files: type, owner, permissions, four times, attributes, capabilities",
        .params = RECORD(struct stat_params, params_fields),
        .element = &stat_element,
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct stat_statistics, statistics_fields),
        .sandbox = { .read_all = true, .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH) },
        .limits = { .wall_ns = MINUTE, .memory = 64 * MIB, .result = 256 * MIB },
        .examples = stat_examples,
        .run = stat_run,
        .print_row = stat_print_row,
};
