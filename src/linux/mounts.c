#include "linux/mounts.h"

#include "base/cleanup.h"
#include "base/path.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

/* Space, tab, newline, backslash and '#' are \ooo (fs/proc_namespace.c, mangle()). */
static char *unescape(struct sv text, struct arena *arena)
{
        char *copy = arena_strndup(arena, text.n ? text.p : "", text.n);
        if (!copy || !memchr(copy, '\\', text.n))
                return copy;
        size_t n = 0;
        for (size_t i = 0; i < text.n; i++) {
                uint64_t byte;
                if (text.p[i] == '\\' && text.n - i > 3 && sv_parse_u64(sv_n(text.p + i + 1, 3), 8, &byte) &&
                        byte > 0 && byte < 256) {
                        copy[n++] = (char)byte;
                        i += 3;
                } else {
                        copy[n++] = text.p[i];
                }
        }
        copy[n] = '\0';
        return copy;
}

static bool parse_u32(struct sv text, uint32_t *ret)
{
        uint64_t number;
        if (!sv_parse_u64(text, 10, &number) || number > UINT32_MAX)
                return false;
        *ret = (uint32_t)number;
        return true;
}

/* "shared:12", "master:3", "propagate_from:4", "unbindable"; unknown ones are for later kernels. */
static bool parse_optional(struct sv word, struct mount *into)
{
        const struct {
                struct sv prefix;
                uint32_t *into;
        } rows[] = {
                { SV("shared:"), &into->shared },
                { SV("master:"), &into->master },
                { SV("propagate_from:"), &into->propagate_from },
        };
        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (sv_starts(word, rows[i].prefix))
                        return parse_u32(sv_n(word.p + rows[i].prefix.n, word.n - rows[i].prefix.n), rows[i].into);
        into->unbindable |= sv_eq(word, SV("unbindable"));
        return true;
}

bool mount_parse_line(struct sv line, struct arena *arena, struct mount *ret)
{
        struct mount mount = { 0 };
        struct sv words[6]; /* id parent major:minor root point options */
        for (size_t i = 0; i < 6; i++)
                if (!sv_split(&line, ' ', &words[i]))
                        return false;
        uint32_t id;
        uint32_t parent;
        size_t colon = sv_find(words[2], ':');
        if (!parse_u32(words[0], &id) || !parse_u32(words[1], &parent) || id > INT32_MAX || parent > INT32_MAX ||
                colon == words[2].n || !parse_u32(sv_n(words[2].p, colon), &mount.major) ||
                !parse_u32(sv_n(words[2].p + colon + 1, words[2].n - colon - 1), &mount.minor))
                return false;
        mount.id = (int)id;
        mount.parent = (int)parent;
        struct sv word;
        for (;;) {
                if (!sv_split(&line, ' ', &word))
                        return false;
                if (sv_eq(word, SV("-")))
                        break;
                if (!parse_optional(word, &mount))
                        return false;
        }
        struct sv tail[3]; /* type source super-options; a source may be empty */
        for (size_t i = 0; i < 3; i++)
                if (!sv_split(&line, ' ', &tail[i]))
                        return false;
        mount.root = unescape(words[3], arena);
        mount.point = unescape(words[4], arena);
        mount.options = unescape(words[5], arena);
        mount.type = unescape(tail[0], arena);
        mount.source = unescape(tail[1], arena);
        mount.super_options = unescape(tail[2], arena);
        if (!mount.root || !mount.point || !mount.options || !mount.type || !mount.source || !mount.super_options)
                return false;
        *ret = mount;
        return true;
}

int mounts_parse(struct sv text, struct arena *arena, struct mounts *ret, struct error *err)
{
        struct mounts mounts = { 0 };
        struct sv line;
        size_t lines = 0;
        for (struct sv rest = text; sv_line(&rest, &line);)
                lines++;
        size_t room = lines < MOUNTS_MAX ? lines : MOUNTS_MAX;
        mounts.rows = arena_array(arena, room ? room : 1, sizeof(*mounts.rows));
        if (!mounts.rows)
                return fail(err, E_NO_MEMORY, "no memory for %zu mounts", room);
        size_t before = arena->refused;
        for (struct sv rest = text; sv_line(&rest, &line);) {
                if (mounts.count < room && mount_parse_line(line, arena, &mounts.rows[mounts.count]))
                        mounts.count++;
                else
                        mounts.refused++;
        }
        if (arena->refused != before)
                return fail(err, E_NO_MEMORY, "no memory for the texts of %zu mounts", lines);
        *ret = mounts;
        return 0;
}

int mounts_read(int root, const char *path, struct arena *arena, struct mounts *ret, struct error *err)
{
        cleanup(buf_done) struct buf buf;
        buf_init(&buf, MOUNTS_TEXT_MAX);
        if (file_read(root, path, &buf, err) < 0)
                return -1;
        return mounts_parse(sv_n(buf_text(&buf), buf.len), arena, ret, err);
}

const struct mount *mounts_find(const struct mounts *mounts, struct sv path)
{
        const struct mount *best = NULL;
        size_t length = 0;
        for (size_t i = 0; i < mounts->count; i++) {
                struct sv point = sv_of(mounts->rows[i].point);
                if (point.n < length || !path_within(path, point))
                        continue;
                best = &mounts->rows[i]; /* on the same point the later one lies on top */
                length = point.n;
        }
        return best;
}

bool mount_has_option(const char *options, const char *word)
{
        struct sv rest = sv_of(options);
        struct sv part;
        while (sv_split(&rest, ',', &part))
                if (sv_eq(part, sv_of(word)))
                        return true;
        return false;
}

struct class_row {
        const char *type;
        enum mount_class class;
};

static const struct class_row class_rows[] = {
        { "9p", MOUNT_NETWORK },
        { "afs", MOUNT_NETWORK },
        { "autofs", MOUNT_PSEUDO },
        { "bdev", MOUNT_PSEUDO },
        { "beegfs", MOUNT_NETWORK },
        { "binder", MOUNT_PSEUDO },
        { "binfmt_misc", MOUNT_PSEUDO },
        { "bpf", MOUNT_PSEUDO },
        { "ceph", MOUNT_NETWORK },
        { "cgroup", MOUNT_PSEUDO },
        { "cgroup2", MOUNT_PSEUDO },
        { "cifs", MOUNT_NETWORK },
        { "coda", MOUNT_NETWORK },
        { "configfs", MOUNT_PSEUDO },
        { "cpuset", MOUNT_PSEUDO },
        { "cramfs", MOUNT_IMAGE },
        { "debugfs", MOUNT_PSEUDO },
        { "devpts", MOUNT_PSEUDO },
        { "devtmpfs", MOUNT_MEMORY },
        { "dlmfs", MOUNT_PSEUDO },
        { "ecryptfs", MOUNT_DISK },
        { "efivarfs", MOUNT_PSEUDO },
        { "erofs", MOUNT_IMAGE },
        { "fuse.fuse-overlayfs", MOUNT_DISK },
        { "fuse.gvfsd-fuse", MOUNT_PSEUDO },
        { "fuse.lxcfs", MOUNT_PSEUDO },
        { "fuse.mergerfs", MOUNT_DISK },
        { "fuse.portal", MOUNT_PSEUDO },
        { "fuse.snapfuse", MOUNT_IMAGE },
        { "fuse.squashfuse", MOUNT_IMAGE },
        { "fusectl", MOUNT_PSEUDO },
        { "gfs2", MOUNT_NETWORK },
        { "gpfs", MOUNT_NETWORK },
        { "hugetlbfs", MOUNT_PSEUDO },
        { "iso9660", MOUNT_IMAGE },
        { "lustre", MOUNT_NETWORK },
        { "mqueue", MOUNT_PSEUDO },
        { "ncpfs", MOUNT_NETWORK },
        { "nfs", MOUNT_NETWORK },
        { "nfs4", MOUNT_NETWORK },
        { "nfsd", MOUNT_PSEUDO },
        { "nsfs", MOUNT_PSEUDO },
        { "ocfs2", MOUNT_NETWORK },
        { "pipefs", MOUNT_PSEUDO },
        { "proc", MOUNT_PSEUDO },
        { "pstore", MOUNT_PSEUDO },
        { "ramfs", MOUNT_MEMORY },
        { "resctrl", MOUNT_PSEUDO },
        { "rpc_pipefs", MOUNT_PSEUDO },
        { "securityfs", MOUNT_PSEUDO },
        { "selinuxfs", MOUNT_PSEUDO },
        { "smackfs", MOUNT_PSEUDO },
        { "smb3", MOUNT_NETWORK },
        { "smbfs", MOUNT_NETWORK },
        { "sockfs", MOUNT_PSEUDO },
        { "squashfs", MOUNT_IMAGE },
        { "sysfs", MOUNT_PSEUDO },
        { "tmpfs", MOUNT_MEMORY },
        { "tracefs", MOUNT_PSEUDO },
        { "udf", MOUNT_IMAGE },
        { "usbfs", MOUNT_PSEUDO },
        { "virtiofs", MOUNT_NETWORK },
};

enum mount_class mount_classify(struct sv type)
{
        for (size_t i = 0; i < sizeof(class_rows) / sizeof(*class_rows); i++)
                if (sv_eq(type, sv_of(class_rows[i].type)))
                        return class_rows[i].class;
        /* behind FUSE stands a program that may not answer, as a server may not */
        if (sv_eq(type, SV("fuse")) || sv_starts(type, SV("fuse.")))
                return MOUNT_NETWORK;
        return MOUNT_DISK;
}

const char *mount_class_name(enum mount_class class)
{
        static const char *const names[] = { "disk", "memory", "network", "image", "pseudo" };
        return class <= MOUNT_PSEUDO ? names[class] : "";
}

int filesystem_usage_read(int dirfd, const char *path, struct filesystem_usage *ret, struct error *err)
{
        cleanup(fd_close) int fd = openat(dirfd, path, O_PATH | O_CLOEXEC);
        struct statfs space;
        struct statvfs flags;
        if (fd < 0 || fstatfs(fd, &space) < 0 || fstatvfs(fd, &flags) < 0)
                return fail_errno(err, "space of %s", path);
        /* blocks are counted in fragments (statfs(2), statvfs(3)) */
        uint64_t unit = flags.f_frsize ? flags.f_frsize : flags.f_bsize;
        *ret = (struct filesystem_usage){ .total = flags.f_blocks * unit,
                .free = flags.f_bfree * unit,
                .available = flags.f_bavail * unit,
                .inodes = flags.f_files,
                .inodes_free = flags.f_ffree,
                .inodes_available = flags.f_favail,
                .block_size = flags.f_bsize,
                .magic = (uint64_t)space.f_type,
                .read_only = flags.f_flag & ST_RDONLY };
        return 0;
}
