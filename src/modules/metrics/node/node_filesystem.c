/* filesystem: the space of mounted file systems. Those of the network and of FUSE are asked by threads (mount_probe.h),
 * the others here: a device of this host answers from memory. */
#include "modules/metrics/node/mount_probe.h"
#include "modules/metrics/node/node_internal.h"

#include "base/path.h"
#include "base/timefmt.h"
#include "linux/mounts.h"

enum { ROWS_MAX = 65536 };
#define MOUNT_TIMEOUT_NS (5 * SECOND)     /* as node_exporter's default */
#define MOUNT_WAIT_NS (250 * MILLISECOND) /* for answers in one scrape */

struct filesystem {
        struct mount mount;
        const char *shown; /* mount point without --path.rootfs */
        bool may_hang;
};

struct filesystem_families {
        struct exposition_family *error, *readonly, *size, *free, *available, *files, *files_free, *info;
};

/* "/host/data" below "/host" is "/data"; what is not below is shown as it is. */
static const char *shown_point(const struct node *node, const char *point)
{
        const char *root = node->options.root_path;
        size_t length = root ? strlen(root) : 0;
        while (length > 1 && root[length - 1] == '/')
                length--;
        if (length <= 1 || strncmp(point, root, length) != 0 || (point[length] != '/' && point[length]))
                return point;
        return point[length] ? point + length : "/";
}

static const char *below_root(const char *shown)
{
        shown += strspn(shown, "/");
        return *shown ? shown : ".";
}

static bool is_wanted(struct node *node, struct map *seen, const struct filesystem *row)
{
        enum { KEY_MAX = 8192 };
        char key[KEY_MAX];
        if (node_ignored(&node->mounts, sv_of(row->shown)) || node_ignored(&node->types, sv_of(row->mount.type)))
                return false;
        int length =
                snprintf(key, sizeof(key), "%s%c%s%c%s", row->mount.source, '\0', row->shown, '\0', row->mount.type);
        if (length < 0 || length >= KEY_MAX) {
                node->refused++;
                return false;
        }
        struct sv text = sv_n(key, (size_t)length);
        if (map_get(seen, text)) /* mounted twice on one point */
                return false;
        if (map_put(seen, text, seen) < 0)
                node->refused++;
        return true;
}

/* proc/1 has the host's mounts where we run in a namespace of our own; who may not read it has its own. */
static int read_mounts(struct node *node, struct sv *ret, struct error *err)
{
        if (node_read(node, node->options.proc, "1/mountinfo", ret, NULL) == 0)
                return 0;
        return node_read(node, node->options.proc, "self/mountinfo", ret, err);
}

static struct mount_probe *probe_of(struct node *node, struct error *err)
{
        if (!node->probe)
                node->probe = mount_probe_new(node->options.root,
                        node->options.mount_timeout_ns > 0 ? node->options.mount_timeout_ns : MOUNT_TIMEOUT_NS,
                        mount_space_read, err);
        return node->probe;
}

/* Go's texts of errors begin with a small letter. */
static void error_text(int errnum, char *ret, size_t size)
{
        snprintf(ret, size, "%s", errnum == ETIMEDOUT ? "mountpoint timeout" : errno_text(errnum));
        if (ret[0] >= 'A' && ret[0] <= 'Z' && ret[1] >= 'a' && ret[1] <= 'z')
                ret[0] = (char)(ret[0] - 'A' + 'a');
}

static void add_filesystem(const struct filesystem_families *families, const struct filesystem *row, int errnum,
        const struct mount_space *space)
{
        char text[128] = "";
        char major[16];
        char minor[16];
        if (errnum)
                error_text(errnum, text, sizeof(text));
        const struct exposition_label labels[] = {
                { "device", row->mount.source },
                { "mountpoint", row->shown },
                { "fstype", row->mount.type },
                { "device_error", text },
        };
        bool readonly = mount_has_option(row->mount.options, "ro") || mount_has_option(row->mount.super_options, "ro");
        exposition_add(families->error, labels, 4, errnum != 0, EXPOSITION_NO_TIME);
        exposition_add(families->readonly, labels, 4, readonly, EXPOSITION_NO_TIME);
        if (errnum)
                return;
        double unit = (double)space->unit;
        exposition_add(families->size, labels, 4, (double)space->blocks * unit, EXPOSITION_NO_TIME);
        exposition_add(families->free, labels, 4, (double)space->blocks_free * unit, EXPOSITION_NO_TIME);
        exposition_add(families->available, labels, 4, (double)space->blocks_available * unit, EXPOSITION_NO_TIME);
        exposition_add(families->files, labels, 4, (double)space->files, EXPOSITION_NO_TIME);
        exposition_add(families->files_free, labels, 4, (double)space->files_free, EXPOSITION_NO_TIME);
        snprintf(major, sizeof(major), "%u", row->mount.major);
        snprintf(minor, sizeof(minor), "%u", row->mount.minor);
        const struct exposition_label numbers[] = { { "device", row->mount.source }, { "major", major },
                { "minor", minor }, { "mountpoint", row->shown } };
        exposition_add(families->info, numbers, 4, 1, EXPOSITION_NO_TIME);
}

static struct filesystem_families make_families(struct exposition *out)
{
        return (struct filesystem_families){
                .error = node_gauge(out, "node_filesystem_device_error",
                        "Whether an error occurred while getting statistics for the given device."),
                .readonly = node_gauge(out, "node_filesystem_readonly", "Filesystem read-only status."),
                .size = node_gauge(out, "node_filesystem_size_bytes", "Filesystem size in bytes."),
                .free = node_gauge(out, "node_filesystem_free_bytes", "Filesystem free space in bytes."),
                .available = node_gauge(
                        out, "node_filesystem_avail_bytes", "Filesystem space available to non-root users in bytes."),
                .files = node_gauge(out, "node_filesystem_files", "Filesystem total file nodes."),
                .files_free = node_gauge(out, "node_filesystem_files_free", "Filesystem total free file nodes."),
                .info = node_gauge(out, "node_filesystem_mount_info", "Filesystem mount information."),
        };
}

int node_collect_filesystem(struct node *node, struct exposition *out, struct error *err)
{
        struct sv text;
        struct sv line;
        VEC(struct filesystem) rows = { 0 };
        cleanup(map_done) struct map seen;
        map_init(&seen, ROWS_MAX);
        if (read_mounts(node, &text, err) < 0)
                return -1;
        bool hangs = false;
        while (sv_line(&text, &line)) {
                struct filesystem row;
                if (!mount_parse_line(line, &node->arena, &row.mount)) {
                        node->refused++;
                        continue;
                }
                row.shown = shown_point(node, row.mount.point);
                row.may_hang = mount_classify(sv_of(row.mount.type)) == MOUNT_NETWORK;
                if (!is_wanted(node, &seen, &row))
                        continue;
                struct filesystem *into = vec_add(&rows, ROWS_MAX);
                if (!into) {
                        node->refused++;
                        continue;
                }
                *into = row;
                hangs |= row.may_hang;
        }
        struct mount_probe *probe = hangs ? probe_of(node, NULL) : NULL; /* without one they are silent */
        if (probe) {
                mount_probe_begin(probe);
                vec_foreach (row, &rows)
                        if (row->may_hang)
                                mount_probe_queue(probe, below_root(row->shown));
        }
        struct filesystem_families families = make_families(out);
        vec_foreach (row, &rows) {
                struct mount_space space;
                if (!row->may_hang)
                        add_filesystem(&families, row,
                                mount_space_read(node->options.root, below_root(row->shown), &space), &space);
        }
        if (probe)
                mount_probe_wait(probe, MOUNT_WAIT_NS);
        vec_foreach (row, &rows) {
                struct mount_space space;
                if (row->may_hang)
                        add_filesystem(&families, row,
                                probe ? mount_probe_result(probe, below_root(row->shown), &space) : ETIMEDOUT, &space);
        }
        vec_done(&rows);
        return 0;
}
