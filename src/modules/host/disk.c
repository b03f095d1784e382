/* disk: the space of file systems. A file system of the network is never asked unless --network says so: a dead server
 * blocks statfs(2) for ever, and only the end of the run would free the worker. --fill tells who takes the space. */
#include "modules/host/disk.h"

#include "base/cleanup.h"
#include "linux/mounts.h"
#include "module/lines.h"
#include "module/run.h"

#include <fcntl.h>
#include <sys/stat.h>

static const struct field params_fields[] = {
        FIELD_PATHS(struct disk_params, paths, .help = "the file systems of these files; else all", .positional = true,
                .max_items = 10000),
        FIELD_BOOL(struct disk_params, all, .help = "also those without space of their own, and hidden ones"),
        FIELD_BOOL(struct disk_params, network,
                .help = "ask file systems of the network too; a dead server ends the "
                        "run after its time"),
        FIELD_PATH(struct disk_params, fill, .metavar = "DIRECTORY",
                .help = "what takes the space below it, on the same file system"),
        FIELD_INT(struct disk_params, top, .help = "with --fill: how many to show", .def = "20", .min = 1,
                .max = DISK_TOP_MAX),
};

static const struct field row_fields[] = {
        FIELD_PATH(struct disk_row, path, .help = "where it is mounted, or the directory or file with --fill"),
        FIELD_PATH(struct disk_row, asked, .help = "the file it was asked for", .omit_empty = true),
        FIELD_STRING(struct disk_row, source, .help = "device or other source", .omit_empty = true),
        FIELD_STRING(struct disk_row, type, .help = "file system type", .omit_empty = true),
        FIELD_STRING(struct disk_row, class, .help = "disk, memory, network, image or pseudo", .omit_empty = true),
        FIELD_SIZE(struct disk_row, total, .help = "bytes in all", .has = HAS(struct disk_row, has_space)),
        FIELD_SIZE(struct disk_row, used, .help = "bytes in use; with --fill: on disk below it"),
        FIELD_SIZE(struct disk_row, free, .help = "bytes free", .has = HAS(struct disk_row, has_space)),
        FIELD_SIZE(struct disk_row, available, .help = "bytes free for users without privileges",
                .has = HAS(struct disk_row, has_space)),
        FIELD_INT(struct disk_row, percent, .help = "used, of used and available, rounded up",
                .has = HAS(struct disk_row, has_space)),
        FIELD_UINT(struct disk_row, inodes, .help = "inodes in all, 0 where there is no limit",
                .has = HAS(struct disk_row, has_space)),
        FIELD_UINT(struct disk_row, inodes_used, .help = "inodes in use", .has = HAS(struct disk_row, has_space)),
        FIELD_UINT(struct disk_row, inodes_free, .help = "inodes free", .has = HAS(struct disk_row, has_space)),
        FIELD_BOOL(struct disk_row, read_only, .help = "mounted read-only", .omit_empty = true),
        FIELD_UINT(struct disk_row, files, .help = "with --fill: files and directories below it", .omit_empty = true),
        FIELD_BOOL(struct disk_row, file, .help = "with --fill: a file, not a directory", .omit_empty = true),
};

static const struct record disk_element = {
        .fields = row_fields,
        .count = sizeof(row_fields) / sizeof(row_fields[0]),
        .size = sizeof(struct disk_row),
        .name = "struct disk_row",
};

static const struct field statistics_fields[] = {
        FIELD_UINT(struct disk_statistics, mounts, .help = "mounts of this host"),
        FIELD_UINT(
                struct disk_statistics, hidden, .help = "not shown: no space of their own, hidden, or the same twice"),
        FIELD_UINT(struct disk_statistics, network, .help = "not asked: on the network"),
        FIELD_UINT(struct disk_statistics, failed, .help = "could not be asked"),
        FIELD_UINT(struct disk_statistics, entries, .help = "with --fill: files and directories seen"),
        FIELD_UINT(struct disk_statistics, links, .help = "with --fill: further names of files counted already"),
        FIELD_UINT(struct disk_statistics, refused, .help = "with --fill: beyond the tables"),
};

/* As df: of what users can have, rounded up. */
static int percent_of(uint64_t used, uint64_t available)
{
        double whole = (double)used + (double)available;
        if (whole <= 0)
                return 0;
        double part = (double)used * 100 / whole;
        return (int)part + (part > (int)part);
}

static int show_mount(struct run *run, const struct mount *mount, char *asked, struct error *err)
{
        const struct disk_params *params = run->params;
        struct disk_statistics *statistics = run_statistics(run);
        enum mount_class class = mount_classify(sv_of(mount->type));
        struct filesystem_usage usage;
        struct error seen;
        const char *path = asked ? asked : mount->point;
        struct disk_row row = { .has_space = true, .asked = asked };
        if (class == MOUNT_NETWORK && !params->network) {
                statistics->network++;
                run_skipped(run, path, "on the network (%s); --network asks it", mount->type);
                return 0;
        }
        if (filesystem_usage_read(AT_FDCWD, path, &usage, &seen) < 0) {
                statistics->failed++;
                run_skipped(run, path, "%s", seen.message);
                return 0;
        }
        if (!asked && !params->all && usage.total == 0) {
                statistics->hidden++;
                return 0;
        }
        row.path = arena_strdup(&run->arena, mount->point);
        row.source = arena_strdup(&run->arena, mount->source);
        row.type = arena_strdup(&run->arena, mount->type);
        row.class = arena_strdup(&run->arena, mount_class_name(class));
        row.total = usage.total;
        row.free = usage.free;
        row.available = usage.available;
        row.used = usage.total > usage.free ? usage.total - usage.free : 0;
        row.percent = percent_of(row.used, usage.available);
        row.inodes = usage.inodes;
        row.inodes_free = usage.inodes_free;
        row.inodes_used = usage.inodes > usage.inodes_free ? usage.inodes - usage.inodes_free : 0;
        row.read_only = usage.read_only;
        if (run->arena.refused)
                return fail(err, E_NO_MEMORY, "no memory for the mounts");
        return run_emit(run, NULL, &row, err);
}

/* Hidden: another mount lies on the same point, or the device was shown already (bind mounts), as df does. */
static bool is_hidden(const struct mounts *mounts, size_t index)
{
        const struct mount *mount = &mounts->rows[index];
        if (mount_classify(sv_of(mount->type)) == MOUNT_PSEUDO)
                return true;
        if (mounts_find(mounts, sv_of(mount->point)) != mount)
                return true;
        for (size_t i = 0; i < mounts->count; i++) {
                const struct mount *other = &mounts->rows[i];
                if (i == index || other->major != mount->major || other->minor != mount->minor)
                        continue;
                if (mounts_find(mounts, sv_of(other->point)) != other)
                        continue;
                size_t theirs = strlen(other->point), mine = strlen(mount->point);
                if (theirs < mine || (theirs == mine && i < index))
                        return true;
        }
        return false;
}

static int show_path(struct run *run, const struct mounts *mounts, char *path, struct error *err)
{
        struct disk_statistics *statistics = run_statistics(run);
        char real[PATH_MAX];
        if (!realpath(path, real)) {
                statistics->failed++;
                run_error(run, "%s: %s", path, errno_text(errno));
                return 0;
        }
        const struct mount *mount = mounts_find(mounts, sv_of(real));
        /* in a chroot whose root is no mount point the kernel tells of none; its space can be asked all the same */
        const struct mount unknown = { .point = real, .source = "unknown", .type = "unknown" };
        return show_mount(run, mount ? mount : &unknown, path, err);
}

static int disk_run(struct run *run, struct error *err)
{
        const struct disk_params *params = run->params;
        struct disk_statistics *statistics = run_statistics(run);
        if (params->fill && *params->fill)
                return disk_fill(run, err);
        struct mounts mounts;
        if (mounts_read(AT_FDCWD, "/proc/self/mountinfo", &run->arena, &mounts, err) < 0)
                return -1;
        statistics->mounts = mounts.count;
        list_foreach (path, &params->paths)
                if (run_checkpoint(run) || show_path(run, &mounts, *path, err) < 0)
                        return run_stopped(run) ? 0 : -1;
        for (size_t i = 0; params->paths.count == 0 && i < mounts.count && !run_checkpoint(run); i++) {
                if (!params->all && is_hidden(&mounts, i))
                        statistics->hidden++;
                else if (show_mount(run, &mounts.rows[i], NULL, err) < 0)
                        return -1;
        }
        return 0;
}

static void disk_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct disk_row *disk = row;
        char total[TIME_TEXT_MAX], used[TIME_TEXT_MAX], free[TIME_TEXT_MAX], available[TIME_TEXT_MAX];
        (void)group;
        (void)label;
        size_format(disk->used, used);
        if (!disk->has_space) {
                print_line(printer, "%12s %10llu  %s%s", used, (unsigned long long)disk->files, disk->path,
                        disk->file ? "" : "/");
                return;
        }
        if (disk->asked && *disk->asked) {
                enum { UNIT = 1 << 30 }; /* the sample calls 2^30 bytes GB */
                print_line(printer, "Total Disk Space : %.1f GB", (double)disk->total / UNIT);
                print_line(printer, "Total Disk Used  : %.1f GB", (double)disk->used / UNIT);
                print_line(printer, "Total Disk Free  : %.1f GB", (double)disk->free / UNIT);
                print_line(printer, "Available        : %.1f GB", (double)disk->available / UNIT);
                print_line(printer, "Inodes           : %llu, %llu free", (unsigned long long)disk->inodes,
                        (unsigned long long)disk->inodes_free);
                print_line(printer, "File system      : %s, %s on %s, %d%% used%s", disk->type, disk->source,
                        disk->path, disk->percent, disk->read_only ? ", read-only" : "");
                return;
        }
        size_format(disk->total, total);
        size_format(disk->free, free);
        size_format(disk->available, available);
        print_line(printer, "%12s total %12s used %12s available %4d%%  %-8s %-7s %s%s", total, used, available,
                disk->percent, disk->type, disk->class, disk->path, disk->read_only ? " (read-only)" : "");
}

static const struct module_example disk_examples[] = {
        { "disk", "every file system with its space" },
        { "disk /", "space, used and free of one" },
        { "disk --fill /var --top 10", "the ten directories that hold most" },
        { 0 },
};

const struct module disk_module = {
        .name = "disk",
        .summary = "tell the space of file systems, and which directories take it",
        .params = RECORD(struct disk_params, params_fields),
        .element = &disk_element,
        .shape = SHAPE_LIST,
        .statistics = RECORD(struct disk_statistics, statistics_fields),
        .sandbox = { .read_all = true, .capabilities = CAP_BIT(CAP_DAC_READ_SEARCH) },
        .limits = { .wall_ns = 10 * MINUTE, .memory = 512 * MIB, .result = 256 * MIB },
        .examples = disk_examples,
        .run = disk_run,
        .print_row = disk_print_row,
};
