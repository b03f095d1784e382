/* The row of stat, how it is filled and how it is printed. */
#pragma once

#include "base/buf.h"
#include "module/lines.h"
#include "modules/host/accounts.h"
#include "schema/field.h"

#include <sys/stat.h>

struct stat_device {
        unsigned major, minor;
        uint64_t number; /* both in one, as stat(2) has it */
};

struct stat_row {
        char *path, *type, *target, *permissions, *mode;
        uint64_t size, blocks, block_size, inode, links;
        struct stat_device device, device_type;
        uint64_t uid, gid;
        char *user, *group;
        int64_t accessed_ns, modified_ns, changed_ns, born_ns;
        bool has_born;
        char *attributes_hex, *attributes_letters;
        struct string_list attributes;
        uint64_t mount_id;
        bool has_mount_id;
        unsigned dio_memory_alignment, dio_offset_alignment;
        bool has_dio, verity;
        char *context, *capabilities;
        struct string_list xattrs;
};

extern const struct record stat_element;

enum { STAT_XATTRS_MAX = 1024, STAT_ATTRIBUTES_TEXT = 80 };

/* "regular file", "regular empty file", "directory" …: as stat(1). */
const char *stat_type_name(uint64_t mode, uint64_t size);
/* "drwxr-sr-x"; ret has 11 bytes. */
void stat_format_permissions(unsigned mode, char *ret);
/* One letter a bit, high bits first, in groups of eight: "." not known to the file system, "-" unset. ret has
 * STAT_ATTRIBUTES_TEXT bytes. */
void stat_format_attributes(uint64_t attributes, uint64_t mask, char *ret);
/* The value of security.capability (include/uapi/linux/capability.h) as "cap_net_raw=ep"; false when malformed. */
bool stat_format_capabilities(const void *bytes, size_t size, struct buf *out);

/* Fills the row from statx(2); texts are in the arena. */
int stat_fill(const struct statx *stx, const struct accounts *users, const struct accounts *groups, struct arena *arena,
        struct stat_row *ret, struct error *err);
void stat_print_row(struct line_printer *printer, const char *group, const char *label, const void *row);
