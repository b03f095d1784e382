/* Which file systems a machine has, and their space and I/O, as cAdvisor counts them: one a device, bind mounts not
 * counted again. An overlay is listed as "/" only: those of containers show the space of the file system below them
 * over and over. Network file systems are never asked: a dead server would stop the caller. */
#include "linux/machine_internal.h"

#include "base/cleanup.h"
#include "base/map.h"
#include "base/path.h"
#include "linux/diskstats.h"
#include "linux/lines.h"
#include "linux/mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { MOUNTS_MEMORY = 96 << 20, UUIDS_MAX = 4096 };

static bool is_listed(const char *type)
{
        static const char *const types[] = { "xfs", "btrfs", "zfs", "tmpfs", "squashfs", "f2fs", "jfs", "reiserfs",
                "hfs", "hfsplus", "ntfs", "vfat", "fat", "msdos", "exfat", "udf", "iso9660" };
        if (strcmp(type, "overlay") == 0 || strcmp(type, "rootfs") == 0)
                return false;
        if (sv_starts(sv_of(type), SV("ext")) || mount_classify(sv_of(type)) == MOUNT_DISK)
                return true;
        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
                if (strcmp(type, types[i]) == 0)
                        return true;
        return false;
}

/* "/a/b" below the root directory. */
static const char *below_root(const char *path)
{
        while (*path == '/')
                path++;
        return *path ? path : ".";
}

/* mountinfo has an anonymous number for all of a btrfs, each subvolume another: what stat(2) of its files says. */
static void fix_btrfs(int root, struct machine_filesystem *into)
{
        struct stat st;
        if (strcmp(into->fs_type, "btrfs") != 0 || into->major != 0 ||
                fstatat(root, below_root(into->mount_point), &st, AT_NO_AUTOMOUNT) < 0)
                return;
        into->major = major(st.st_dev);
        into->minor = minor(st.st_dev);
}

struct choice {
        struct machine_reading *reading;
        struct map by_device; /* index + 1 */
        struct machine_filesystem *rows;
        size_t count, capacity;
};

static struct machine_filesystem *add_row(struct choice *choice)
{
        if (choice->count == choice->capacity) {
                size_t capacity = choice->capacity ? choice->capacity * 2 : 16;
                struct machine_filesystem *rows = arena_array(choice->reading->arena, capacity, sizeof(*rows));
                if (!rows)
                        return NULL;
                if (choice->count)
                        memcpy(rows, choice->rows, choice->count * sizeof(*rows));
                choice->rows = rows;
                choice->capacity = capacity;
        }
        return &choice->rows[choice->count++];
}

/* With `replace` a later mount of the same device stands for it. */
static int choose(struct choice *choice, const struct mount *mount, const char *device, bool replace)
{
        struct arena *arena = choice->reading->arena;
        uintptr_t at = (uintptr_t)map_get(&choice->by_device, sv_of(device));
        if (at && !replace)
                return 0;
        struct machine_filesystem row = { .device = at ? choice->rows[at - 1].device : arena_strdup(arena, device),
                .fs_type = arena_strdup(arena, mount->type),
                .mount_point = arena_strdup(arena, mount->point),
                .type = "vfs",
                .uuid = "",
                .major = mount->major,
                .minor = mount->minor };
        if (!row.device || !row.fs_type || !row.mount_point)
                return -1;
        if (at) {
                choice->rows[at - 1] = row;
                return 0;
        }
        if (choice->count == MACHINE_DEVICES_MAX) {
                choice->reading->machine->refused++;
                return 0;
        }
        struct machine_filesystem *into = add_row(choice);
        if (!into)
                return -1;
        *into = row;
        return map_put(&choice->by_device, sv_of(device), (void *)(uintptr_t)choice->count);
}

static int choose_all(struct choice *choice, const struct mounts *mounts)
{
        const struct mount *top = NULL;
        for (size_t i = 0; i < mounts->count; i++) {
                const struct mount *mount = &mounts->rows[i];
                bool memory = strcmp(mount->type, "tmpfs") == 0;
                if (strcmp(mount->point, "/") == 0)
                        top = mount; /* a later one hides the earlier: rootfs of an initramfs */
                if (mount_classify(sv_of(mount->type)) == MOUNT_NETWORK)
                        choice->reading->machine->network_filesystems++;
                else if (is_listed(mount->type) &&
                         choose(choice, mount, memory ? mount->point : mount->source, memory) < 0)
                        return -1;
        }
        if (top && mount_classify(sv_of(top->type)) != MOUNT_NETWORK && strcmp(top->type, "rootfs") != 0)
                return choose(choice, top, top->source, true);
        return 0;
}

static int compare_devices(const void *a, const void *b)
{
        return strcmp(((const struct machine_filesystem *)a)->device, ((const struct machine_filesystem *)b)->device);
}

/* dev/disk/by-uuid: links named by the UUID that end in the device. */
static int read_uuids(struct machine_reading *reading)
{
        struct machine *machine = reading->machine;
        const char **names;
        size_t count;
        cleanup(fd_close) int directory = openat(reading->root, "dev/disk/by-uuid", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory < 0)
                return 0;
        if (machine_names(reading, directory, ".", "", "", UUIDS_MAX, &names, &count) < 0)
                return -1;
        for (size_t i = 0; i < count; i++) {
                char target[MACHINE_PATH_MAX];
                struct stat st;
                ssize_t n = readlinkat(directory, names[i], target, sizeof(target));
                if (n <= 0 || (size_t)n == sizeof(target))
                        continue;
                struct sv base = path_base(sv_n(target, (size_t)n));
                bool block = fstatat(directory, names[i], &st, 0) == 0 && S_ISBLK(st.st_mode);
                for (size_t k = 0; k < machine->filesystem_count; k++) {
                        struct machine_filesystem *row = &machine->filesystems[k];
                        struct sv device = sv_of(row->device);
                        if ((block && major(st.st_rdev) == row->major && minor(st.st_rdev) == row->minor) ||
                                (sv_starts(device, SV("/dev/")) && sv_eq(path_base(device), base)))
                                row->uuid = names[i];
                }
        }
        return 0;
}

/* Space of each; the ones that do not answer are dropped. */
static void read_capacities(struct machine_reading *reading)
{
        struct machine *machine = reading->machine;
        bool zfs = faccessat(reading->root, "dev/zfs", F_OK, 0) == 0;
        size_t kept = 0;
        for (size_t i = 0; i < machine->filesystem_count; i++) {
                struct machine_filesystem row = machine->filesystems[i];
                struct filesystem_usage usage;
                if (filesystem_usage_read(reading->root, below_root(row.mount_point), &usage, NULL) < 0)
                        continue;
                fix_btrfs(reading->root, &row);
                bool is_zfs = zfs && strcmp(row.fs_type, "zfs") == 0;
                row.type = is_zfs ? "zfs" : "vfs";
                row.capacity = usage.total;
                row.has_inodes = !is_zfs; /* it makes them as it needs them: the number says nothing */
                row.inodes = is_zfs ? 0 : usage.inodes;
                machine->filesystems[kept++] = row;
        }
        machine->filesystem_count = kept;
}

int machine_read_filesystems(struct machine_reading *reading)
{
        struct machine *machine = reading->machine;
        struct mounts mounts;
        cleanup(arena_done) struct arena scratch;
        arena_init(&scratch, MOUNTS_MEMORY);
        /* init's view: that of a confined agent, or of one in a container with the host below `root`, is another */
        if (mounts_read(reading->proc, "1/mountinfo", &scratch, &mounts, NULL) < 0 &&
                mounts_read(reading->proc, "self/mountinfo", &scratch, &mounts, NULL) < 0)
                return 0;
        machine->refused += mounts.refused;
        struct choice choice = { .reading = reading };
        map_init(&choice.by_device, MACHINE_DEVICES_MAX);
        int status = choose_all(&choice, &mounts);
        map_done(&choice.by_device);
        if (status < 0)
                return -1;
        machine->filesystems = choice.rows;
        machine->filesystem_count = choice.count;
        read_capacities(reading);
        if (machine->filesystem_count)
                qsort(machine->filesystems, machine->filesystem_count, sizeof(*machine->filesystems), compare_devices);
        return read_uuids(reading);
}

struct join {
        struct filesystem_stats *rows;
        size_t count;
};

static int join_disk(struct sv line, void *cookie)
{
        const struct join *join = cookie;
        struct diskstats disk;
        if (!diskstats_parse_line(line, &disk))
                return 0;
        for (size_t i = 0; i < join->count; i++) {
                struct filesystem_stats *row = &join->rows[i];
                struct sv device = sv_of(row->device);
                if (!(row->major && row->major == disk.major && row->minor == disk.minor) &&
                        !(sv_starts(device, SV("/dev/")) && sv_eq(sv_n(device.p + 5, device.n - 5), sv_of(disk.name))))
                        continue;
                row->reads_completed = disk.reads_completed;
                row->reads_merged = disk.reads_merged;
                row->sectors_read = disk.sectors_read;
                row->read_time_ms = disk.read_time_ms;
                row->writes_completed = disk.writes_completed;
                row->writes_merged = disk.writes_merged;
                row->sectors_written = disk.sectors_written;
                row->write_time_ms = disk.write_time_ms;
                row->io_in_progress = disk.io_in_progress;
                row->io_time_ms = disk.io_time_ms;
                row->weighted_io_time_ms = disk.weighted_io_time_ms;
        }
        return 0;
}

int machine_filesystems_read(int root, const struct machine_places *places, const struct machine *machine,
        struct arena *arena, struct filesystem_stats **ret, size_t *ret_count, struct error *err)
{
        struct join join = { .rows = arena_array(arena, machine->filesystem_count, sizeof(*join.rows)) };
        if (!join.rows)
                return fail(err, E_NO_MEMORY, "no memory for the file systems");
        for (size_t i = 0; i < machine->filesystem_count; i++) {
                const struct machine_filesystem *from = &machine->filesystems[i];
                struct filesystem_usage usage;
                if (filesystem_usage_read(root, below_root(from->mount_point), &usage, NULL) < 0)
                        continue;
                join.rows[join.count++] = (struct filesystem_stats){ .device = from->device,
                        .type = from->type,
                        .mount_point = from->mount_point,
                        .uuid = from->uuid,
                        .major = from->major,
                        .minor = from->minor,
                        .capacity = usage.total,
                        .usage = usage.total - usage.free,
                        .available = usage.available,
                        .inodes = from->has_inodes ? usage.inodes : 0,
                        .inodes_free = from->has_inodes ? usage.inodes_free : 0,
                        .has_inodes = from->has_inodes };
        }
        const char *procfs = places && places->procfs ? places->procfs : "proc";
        char path[MACHINE_PATH_MAX];
        size_t refused = 0;
        int n = snprintf(path, sizeof(path), "%s/diskstats", procfs);
        if (n > 0 && (size_t)n < sizeof(path))
                lines_read(root, path, join_disk, &join, &refused, NULL);
        *ret = join.rows;
        *ret_count = join.count;
        return 0;
}
