/* Space of the file systems on this host's own devices and in memory; those of the network and of FUSE are not asked,
 * since an answer may never come. */
#include "modules/metrics/feed_internal.h"

#include "base/path.h"
#include "linux/mounts.h"

static const int64_t MOUNTS_NS = 10 * SECOND;
enum { MOUNTS_MEMORY = 32 << 20, KEPT_MEMORY = 8 << 20 };

static void row_done(void *given)
{
        struct feed_filesystem_row *row = given;
        free(row->mountpoint);
        free(row->device);
        free(row->type);
}

void feed_filesystems_init(struct feed *feed)
{
        arena_init(&feed->mounts_arena, KEPT_MEMORY);
        feed_table_init(&feed->filesystems, FEED_FILESYSTEM, sizeof(struct feed_filesystem_row),
                offsetof(struct feed_filesystem_row, record), FEED_FILESYSTEMS_MAX, row_done);
}

void feed_filesystems_done(struct feed *feed)
{
        feed_table_done(&feed->filesystems);
        vec_done(&feed->mounts);
        arena_done(&feed->mounts_arena);
}

/* An engine mounts one for each container, all on one device; programs keep their own below dev and run. */
static bool is_wanted(const struct mount *mount)
{
        static const char *const engines[] = { "/var/lib/docker", "/var/lib/containers", "/var/lib/containerd",
                "/var/lib/kubelet", "/run/docker", "/run/containerd", "/run/containers", "/run/credentials", "/proc",
                "/sys" };
        struct sv point = sv_of(mount->point);
        const enum mount_class class = mount_classify(sv_of(mount->type));
        if (class != MOUNT_DISK && class != MOUNT_MEMORY)
                return false;
        if (strncmp(mount->type, "fuse", 4) == 0 || strcmp(mount->type, "devtmpfs") == 0)
                return false;
        if (strcmp(mount->type, "overlay") == 0 && point.n != 1)
                return false;
        for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
                if (path_within(point, sv_of(engines[i])) && point.n > strlen(engines[i]))
                        return false;
        return true;
}

/* One a device: where it is mounted whole, else the shortest path. What is mounted over hides what was there. */
static void keep_mount(struct feed *feed, const struct mount *mount)
{
        struct feed_mount *slot = NULL;
        vec_foreach (kept, &feed->mounts) {
                if (strcmp(kept->point, mount->point) == 0) {
                        slot = kept;
                        break;
                }
                if (kept->major == mount->major && kept->minor == mount->minor) {
                        if (strlen(kept->point) <= strlen(mount->point))
                                return;
                        slot = kept;
                        break;
                }
        }
        if (!slot)
                slot = vec_add(&feed->mounts, FEED_FILESYSTEMS_MAX);
        if (!slot) {
                feed->filesystems.refused++;
                return;
        }
        slot->point = arena_strdup(&feed->mounts_arena, mount->point);
        slot->device = arena_strdup(&feed->mounts_arena, mount->source);
        slot->type = arena_strdup(&feed->mounts_arena, mount->type);
        slot->major = mount->major;
        slot->minor = mount->minor;
        slot->read_only = mount_has_option(mount->options, "ro") || mount_has_option(mount->super_options, "ro");
        if (!slot->point || !slot->device || !slot->type)
                vec_swap_remove(&feed->mounts, (size_t)(slot - feed->mounts.items));
}

static void look_at_mounts(struct feed *feed)
{
        struct arena arena;
        struct mounts mounts;
        if (feed->mounts_ns && feed->now_ns - feed->mounts_ns < MOUNTS_NS)
                return;
        feed->mounts_ns = feed->now_ns ? feed->now_ns : 1;
        feed->mounts.count = 0;
        arena_done(&feed->mounts_arena);
        arena_init(&arena, MOUNTS_MEMORY);
        if (mounts_read(feed->source.proc, "self/mountinfo", &arena, &mounts, NULL) == 0)
                for (size_t i = 0; i < mounts.count; i++)
                        if (is_wanted(&mounts.rows[i]))
                                keep_mount(feed, &mounts.rows[i]);
        arena_done(&arena);
}

void feed_filesystems_look(struct feed *feed)
{
        feed_table_begin(&feed->filesystems);
        look_at_mounts(feed);
        vec_foreach (mount, &feed->mounts) {
                struct filesystem_usage usage;
                struct feed_filesystem record;
                bool fresh;
                const char *below = mount->point + strspn(mount->point, "/");
                if (filesystem_usage_read(feed->source.root, *below ? below : ".", &usage, NULL) < 0 || !usage.total)
                        continue;
                struct feed_filesystem_row *row =
                        feed_table_see(&feed->filesystems, sv_of(mount->point), feed->look, &fresh);
                if (!row)
                        continue;
                memcpy(&record, &row->record, sizeof(record));
                feed_keep_text(feed, &row->mountpoint, sv_of(mount->point));
                feed_keep_text(feed, &row->device, sv_of(mount->device));
                feed_keep_text(feed, &row->type, sv_of(mount->type));
                record.mountpoint = row->mountpoint;
                record.device = row->device;
                record.type = row->type;
                record.size = usage.total;
                record.used = usage.total > usage.free ? usage.total - usage.free : 0;
                record.available = usage.available;
                record.inodes = usage.inodes;
                record.inodes_used = usage.inodes > usage.inodes_free ? usage.inodes - usage.inodes_free : 0;
                record.read_only = mount->read_only || usage.read_only;
                feed_table_set(&feed->filesystems, row, &record, feed->look);
        }
        feed_table_sweep(&feed->filesystems, feed->look, &feed->graves);
}
