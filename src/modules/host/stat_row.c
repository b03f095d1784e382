#include "modules/host/stat.h"

#include "linux/capability_names.h"

#include <linux/capability.h>
#include <sys/sysmacros.h>
#include <time.h>

static const struct field device_fields[] = {
        FIELD_UINT(struct stat_device, major, .help = "driver"),
        FIELD_UINT(struct stat_device, minor, .help = "device of that driver"),
        FIELD_UINT(struct stat_device, number, .help = "both in one number, as stat(2) gives it"),
};

static const struct field row_fields[] = {
        FIELD_PATH(struct stat_row, path, .help = "the file, as it was given"),
        FIELD_STRING(struct stat_row, type, .help = "regular file, directory, symbolic link …"),
        FIELD_PATH(struct stat_row, target, .help = "where a symbolic link leads", .omit_empty = true),
        FIELD_SIZE(struct stat_row, size, .help = "bytes"),
        FIELD_UINT(struct stat_row, blocks, .help = "units of 512 bytes on disk"),
        FIELD_UINT(struct stat_row, block_size, .help = "best size of a read"),
        FIELD_RECORD(struct stat_row, device, struct stat_device, device_fields, .help = "device it is stored on"),
        FIELD_RECORD(struct stat_row, device_type, struct stat_device, device_fields,
                .help = "device that a special file stands for"),
        FIELD_UINT(struct stat_row, inode, .help = "inode number"),
        FIELD_UINT(struct stat_row, links, .help = "names it has"),
        FIELD_STRING(struct stat_row, mode, .help = "permissions, octal"),
        FIELD_STRING(struct stat_row, permissions, .help = "type and permissions as ls shows them"),
        FIELD_UINT(struct stat_row, uid, .help = "user id of the owner"),
        FIELD_STRING(struct stat_row, user, .help = "name of the owner", .omit_empty = true, .private_ = true),
        FIELD_UINT(struct stat_row, gid, .help = "group id"),
        FIELD_STRING(struct stat_row, group, .help = "name of the group", .omit_empty = true, .private_ = true),
        FIELD_TIME(struct stat_row, accessed_ns, .json = "accessed", .help = "last read"),
        FIELD_TIME(struct stat_row, modified_ns, .json = "modified", .help = "last change of the contents"),
        FIELD_TIME(struct stat_row, changed_ns, .json = "changed", .help = "last change of contents or metadata"),
        FIELD_TIME(struct stat_row, born_ns, .json = "born", .help = "creation, where the file system keeps it",
                .has = HAS(struct stat_row, has_born)),
        FIELD_STRING(struct stat_row, attributes_hex, .help = "attributes that are set, hexadecimal"),
        FIELD_STRING(struct stat_row, attributes_letters,
                .help = "one letter an attribute, - where it is not set, . where it is not known"),
        FIELD_STRINGS(struct stat_row, attributes, .help = "names of the attributes that are set", .omit_empty = true),
        FIELD_UINT(struct stat_row, mount_id, .help = "id of the mount it was reached through",
                .has = HAS(struct stat_row, has_mount_id)),
        FIELD_UINT(struct stat_row, dio_memory_alignment,
                .help = "alignment of memory for direct I/O, 0 = none possible", .has = HAS(struct stat_row, has_dio)),
        FIELD_UINT(struct stat_row, dio_offset_alignment, .help = "alignment of offsets for direct I/O",
                .has = HAS(struct stat_row, has_dio)),
        FIELD_BOOL(struct stat_row, verity, .help = "contents are sealed by fs-verity", .omit_empty = true),
        FIELD_STRING(struct stat_row, context, .help = "label of the security module", .omit_empty = true),
        FIELD_STRING(
                struct stat_row, capabilities, .help = "capabilities a program gets from the file", .omit_empty = true),
        FIELD_STRINGS(struct stat_row, xattrs, .help = "names of the extended attributes", .omit_empty = true),
};

const struct record stat_element = {
        .fields = row_fields,
        .count = sizeof(row_fields) / sizeof(row_fields[0]),
        .size = sizeof(struct stat_row),
        .name = "struct stat_row",
};

/* STATX_ATTR_ of include/uapi/linux/stat.h; the headers of Debian 12 end at DAX. */
static const struct attribute {
        uint64_t bit;
        char letter;
        const char *name;
} attributes[] = {
        { 0x00000004, 'c', "compressed" },
        { 0x00000010, 'i', "immutable" },
        { 0x00000020, 'a', "append" },
        { 0x00000040, 'd', "nodump" },
        { 0x00000800, 'e', "encrypted" },
        { 0x00001000, 'A', "automount" },
        { 0x00002000, 'm', "mount-root" },
        { 0x00100000, 'v', "verity" },
        { 0x00200000, 'D', "dax" },
        { 0x00400000, 'x', "atomic-writes" },
};
enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

const char *stat_type_name(uint64_t mode, uint64_t size)
{
        switch (mode & S_IFMT) {
        case S_IFREG:
                return size ? "regular file" : "regular empty file";
        case S_IFDIR:
                return "directory";
        case S_IFLNK:
                return "symbolic link";
        case S_IFCHR:
                return "character special file";
        case S_IFBLK:
                return "block special file";
        case S_IFIFO:
                return "fifo";
        case S_IFSOCK:
                return "socket";
        default:
                return "weird file";
        }
}

void stat_format_permissions(unsigned mode, char *ret)
{
        static const struct {
                unsigned type;
                char letter;
        } types[] = { { S_IFREG, '-' }, { S_IFDIR, 'd' }, { S_IFLNK, 'l' }, { S_IFCHR, 'c' }, { S_IFBLK, 'b' },
                { S_IFIFO, 'p' }, { S_IFSOCK, 's' } };
        ret[0] = '?';
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if ((mode & S_IFMT) == types[i].type)
                        ret[0] = types[i].letter;
        for (unsigned i = 0; i < 9; i++)
                ret[1 + i] = mode & (0400U >> i) ? "rwx"[i % 3] : '-';
        if (mode & S_ISUID)
                ret[3] = mode & S_IXUSR ? 's' : 'S';
        if (mode & S_ISGID)
                ret[6] = mode & S_IXGRP ? 's' : 'S';
        if (mode & S_ISVTX)
                ret[9] = mode & S_IXOTH ? 't' : 'T';
        ret[10] = '\0';
}

void stat_format_attributes(uint64_t set, uint64_t mask, char *ret)
{
        size_t at = 0;
        for (int bit = 63; bit >= 0; bit--) {
                char letter = '.';
                for (size_t i = 0; i < ATTRIBUTES; i++)
                        if (attributes[i].bit == UINT64_C(1) << bit && mask & attributes[i].bit)
                                letter = set & attributes[i].bit ? attributes[i].letter : '-';
                ret[at++] = letter;
                if (bit % 8 == 0 && bit > 0)
                        ret[at++] = ' ';
        }
        ret[at] = '\0';
}

static void put_capabilities(uint64_t mask, const char *flags, struct buf *out)
{
        size_t start = out->len;
        if (mask == 0)
                return;
        if (start)
                buf_putc(out, ' ');
        capability_format(mask, out);
        for (size_t i = start; i < out->len; i++)
                if (out->data[i] >= 'A' && out->data[i] <= 'Z')
                        out->data[i] |= 0x20;
        buf_printf(out, "=%s", flags);
}

static uint32_t little32(const uint8_t *bytes)
{
        return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

bool stat_format_capabilities(const void *bytes, size_t size, struct buf *out)
{
        const uint8_t *at = bytes;
        if (size < 12)
                return false;
        uint32_t revision = little32(at) & VFS_CAP_REVISION_MASK;
        bool effective = little32(at) & VFS_CAP_FLAGS_EFFECTIVE;
        bool wide = (revision == VFS_CAP_REVISION_2 && size == XATTR_CAPS_SZ_2) ||
                    (revision == VFS_CAP_REVISION_3 && size == XATTR_CAPS_SZ_3);
        if (!wide && !(revision == VFS_CAP_REVISION_1 && size == XATTR_CAPS_SZ_1))
                return false;
        uint64_t permitted = little32(at + 4), inheritable = little32(at + 8);
        if (wide) {
                permitted |= (uint64_t)little32(at + 12) << 32;
                inheritable |= (uint64_t)little32(at + 16) << 32;
        }
        put_capabilities(permitted & inheritable, effective ? "eip" : "ip", out);
        put_capabilities(permitted & ~inheritable, effective ? "ep" : "p", out);
        put_capabilities(inheritable & ~permitted, effective ? "ei" : "i", out);
        if (revision == VFS_CAP_REVISION_3)
                buf_printf(out, " [rootid=%u]", little32(at + 20));
        return !out->failed;
}

/* Beyond the years 1678 to 2262 the nearest time that fits. */
static int64_t time_of(const struct statx_timestamp *time)
{
        if (time->tv_sec > INT64_MAX / SECOND - 1)
                return INT64_MAX;
        if (time->tv_sec < INT64_MIN / SECOND + 1)
                return INT64_MIN;
        return time->tv_sec * SECOND + time->tv_nsec;
}

static struct stat_device device_of(unsigned high, unsigned low)
{
        return (struct stat_device){ high, low, makedev(high, low) };
}

/* What newer headers have: stx_dio_mem_align and stx_dio_offset_align (Linux 6.1) stand behind stx_mnt_id. */
enum { STATX_DIOALIGN_BIT = 0x2000 };

int stat_fill(const struct statx *stx, const struct accounts *users, const struct accounts *groups, struct arena *arena,
        struct stat_row *ret, struct error *err)
{
        char text[STAT_ATTRIBUTES_TEXT];
        uint32_t alignment[2];
        ret->type = arena_strdup(arena, stat_type_name(stx->stx_mode, stx->stx_size));
        ret->size = stx->stx_size;
        ret->blocks = stx->stx_blocks;
        ret->block_size = stx->stx_blksize;
        ret->device = device_of(stx->stx_dev_major, stx->stx_dev_minor);
        ret->device_type = device_of(stx->stx_rdev_major, stx->stx_rdev_minor);
        ret->inode = stx->stx_ino;
        ret->links = stx->stx_nlink;
        ret->mode = arena_printf(arena, "%04o", stx->stx_mode & 07777);
        stat_format_permissions(stx->stx_mode, text);
        ret->permissions = arena_strdup(arena, text);
        ret->uid = stx->stx_uid;
        ret->gid = stx->stx_gid;
        ret->user = arena_strdup(arena, accounts_name(users, stx->stx_uid));
        ret->group = arena_strdup(arena, accounts_name(groups, stx->stx_gid));
        ret->accessed_ns = time_of(&stx->stx_atime);
        ret->modified_ns = time_of(&stx->stx_mtime);
        ret->changed_ns = time_of(&stx->stx_ctime);
        ret->has_born = stx->stx_mask & STATX_BTIME;
        ret->born_ns = ret->has_born ? time_of(&stx->stx_btime) : 0;
        stat_format_attributes(stx->stx_attributes, stx->stx_attributes_mask, text);
        ret->attributes_letters = arena_strdup(arena, text);
        ret->attributes_hex = arena_printf(arena, "%016llx", (unsigned long long)stx->stx_attributes);
        ret->attributes.items = arena_array(arena, ATTRIBUTES, sizeof(char *));
        for (size_t i = 0; ret->attributes.items && i < ATTRIBUTES; i++)
                if (stx->stx_attributes & stx->stx_attributes_mask & attributes[i].bit)
                        ret->attributes.items[ret->attributes.count++] = arena_strdup(arena, attributes[i].name);
        ret->verity = stx->stx_attributes & STATX_ATTR_VERITY;
        ret->has_mount_id = stx->stx_mask & STATX_MNT_ID;
        ret->mount_id = stx->stx_mnt_id;
        ret->has_dio = stx->stx_mask & STATX_DIOALIGN_BIT;
        memcpy(alignment, (const char *)&stx->stx_mnt_id + sizeof(uint64_t), sizeof(alignment));
        ret->dio_memory_alignment = alignment[0];
        ret->dio_offset_alignment = alignment[1];
        return arena->refused ? fail(err, E_NO_MEMORY, "no memory for the row") : 0;
}

static void print_time(struct line_printer *printer, const char *name, int64_t unix_ns)
{
        time_t seconds = (time_t)(unix_ns / SECOND - (unix_ns % SECOND < 0));
        struct tm local;
        char date[64], zone[16];
        if (!localtime_r(&seconds, &local))
                return;
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &local);
        strftime(zone, sizeof(zone), "%z", &local);
        print_line(printer, "%6s: %s.%09lld %s", name, date, (long long)(unix_ns - seconds * SECOND), zone);
}

static void print_extra(struct line_printer *printer, const struct stat_row *row)
{
        print_line(printer, " Attrs: %s (%s)", row->attributes_hex, row->attributes_letters);
        if (row->has_mount_id && row->has_dio && row->dio_offset_alignment)
                print_line(printer, " Mount: %llu  Direct I/O: memory %u, offset %u", (unsigned long long)row->mount_id,
                        row->dio_memory_alignment, row->dio_offset_alignment);
        else if (row->has_mount_id)
                print_line(printer, " Mount: %llu", (unsigned long long)row->mount_id);
        if (row->capabilities && *row->capabilities)
                print_line(printer, "  Caps: %s", row->capabilities);
        list_foreach (name, &row->xattrs)
                print_line(printer, " Xattr: %s", *name);
}

void stat_print_row(struct line_printer *printer, const char *group, const char *label, const void *row)
{
        const struct stat_row *file = row;
        bool link = file->target && *file->target;
        bool special = file->permissions && (*file->permissions == 'c' || *file->permissions == 'b');
        char device[64] = "";
        (void)group;
        (void)label;
        if (special)
                snprintf(device, sizeof(device), "     Device type: %x,%x", file->device_type.major,
                        file->device_type.minor);
        print_line(printer, "  File: %s%s%s", file->path, link ? " -> " : "", link ? file->target : "");
        print_line(printer, "  Size: %-10llu  Blocks: %-10llu IO Block: %-6llu %s", (unsigned long long)file->size,
                (unsigned long long)file->blocks, (unsigned long long)file->block_size, file->type);
        print_line(printer, "Device: %llxh/%llud  Inode: %-10llu  Links: %llu%s",
                (unsigned long long)file->device.number, (unsigned long long)file->device.number,
                (unsigned long long)file->inode, (unsigned long long)file->links, device);
        print_line(printer, "Access: (%s/%s)  Uid: (%5llu/%8s)   Gid: (%5llu/%8s)", file->mode, file->permissions,
                (unsigned long long)file->uid, file->user && *file->user ? file->user : "UNKNOWN",
                (unsigned long long)file->gid, file->group && *file->group ? file->group : "UNKNOWN");
        if (file->context && *file->context)
                print_line(printer, "Context: %s", file->context);
        print_time(printer, "Access", file->accessed_ns);
        print_time(printer, "Modify", file->modified_ns);
        print_time(printer, "Change", file->changed_ns);
        if (file->has_born)
                print_time(printer, "Birth", file->born_ns);
        else
                print_line(printer, " Birth: -");
        print_extra(printer, file);
}
