/* rpm's header: two big-endian counts, an index of 16-byte entries (tag, type, offset, count), the store the offsets
 * point into (rpm's docs/manual/format_header.md). */
#include "lib/pkgdb/row.h"

#include <inttypes.h>

enum {
        MAX_ENTRIES = 1 << 16, /* rpm's own limit */
        ENTRY_SIZE = 16,
        TYPE_INT32 = 4,
        TYPE_INT64 = 5,
        TYPE_STRING = 6,
        TAG_NAME = 1000,
        TAG_VERSION = 1001,
        TAG_RELEASE = 1002,
        TAG_EPOCH = 1003,
        TAG_SIZE = 1009,
        TAG_ARCH = 1022,
        TAG_SOURCERPM = 1044,
        TAG_LONGSIZE = 5009,
};

static uint64_t big_endian(struct sv bytes, size_t offset, size_t width)
{
        uint64_t value = 0;
        for (size_t i = 0; i < width; i++)
                value = value << 8 | (uint8_t)bytes.p[offset + i];
        return value;
}

struct fields {
        struct sv name, version, release, arch, source;
        bool has_epoch;
        uint32_t epoch;
        int64_t size;
};

static void read_entry(struct sv entry, struct sv store, struct fields *fields)
{
        uint32_t tag = (uint32_t)big_endian(entry, 0, 4);
        uint32_t type = (uint32_t)big_endian(entry, 4, 4);
        uint64_t offset = big_endian(entry, 8, 4);
        uint64_t count = big_endian(entry, 12, 4);
        if (offset >= store.n || count == 0)
                return;
        struct sv at = sv_n(store.p + offset, store.n - offset);
        if (type == TYPE_STRING) {
                struct sv *slot = tag == TAG_NAME        ? &fields->name
                                  : tag == TAG_VERSION   ? &fields->version
                                  : tag == TAG_RELEASE   ? &fields->release
                                  : tag == TAG_ARCH      ? &fields->arch
                                  : tag == TAG_SOURCERPM ? &fields->source
                                                         : NULL;
                size_t end = sv_find(at, '\0');
                if (slot && end < at.n)
                        *slot = sv_n(at.p, end);
        } else if (type == TYPE_INT32 && at.n >= 4) {
                uint32_t value = (uint32_t)big_endian(at, 0, 4);
                if (tag == TAG_EPOCH) {
                        fields->has_epoch = true;
                        fields->epoch = value;
                } else if (tag == TAG_SIZE && fields->size < 0) {
                        fields->size = value;
                }
        } else if (type == TYPE_INT64 && at.n >= 8 && tag == TAG_LONGSIZE) {
                uint64_t value = big_endian(at, 0, 8);
                fields->size = value <= INT64_MAX ? (int64_t)value : -1;
        }
}

/* "bash-5.2-1.src.rpm" is bash and 5.2-1. */
static void set_source(struct row *row, struct sv file)
{
        size_t suffix = sv_ends(file, SV(".nosrc.rpm")) ? strlen(".nosrc.rpm") : strlen(".src.rpm");
        if (!sv_ends(file, SV(".src.rpm")) && !sv_ends(file, SV(".nosrc.rpm")))
                return;
        file.n = file.n > suffix ? file.n - suffix : 0;
        const char *release = file.p && file.n ? memrchr(file.p, '-', file.n) : NULL;
        const char *version = release ? memrchr(file.p, '-', (size_t)(release - file.p)) : NULL;
        if (!version)
                return;
        size_t cut = (size_t)(version - file.p);
        row_set(row, row->source, sv_n(file.p, cut));
        row_set(row, row->source_version, sv_n(file.p + cut + 1, file.n - cut - 1));
}

int rpm_header_parse(struct sv blob, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        if (blob.n < 8 || blob.n > PKGDB_MAX_HEADER)
                return fail(err, E_CORRUPT, "an rpm header of %zu bytes", blob.n);
        uint64_t entries = big_endian(blob, 0, 4);
        uint64_t size = big_endian(blob, 4, 4);
        if (entries > MAX_ENTRIES || 8 + entries * ENTRY_SIZE > blob.n || size > blob.n - 8 - entries * ENTRY_SIZE)
                return fail(err, E_CORRUPT, "an rpm header with %" PRIu64 " entries does not fit its %zu bytes",
                        entries, blob.n);
        struct sv store = sv_n(blob.p + 8 + entries * ENTRY_SIZE, size);
        struct fields fields = {
                .name = SV(""), .version = SV(""), .release = SV(""), .arch = SV(""), .source = SV(""), .size = -1
        };
        for (uint64_t i = 0; i < entries; i++)
                read_entry(sv_n(blob.p + 8 + i * ENTRY_SIZE, ENTRY_SIZE), store, &fields);

        struct row row;
        row_clear(&row);
        row_set(&row, row.name, fields.name);
        row_set(&row, row.arch, fields.arch);
        set_source(&row, fields.source);
        row.installed_size = fields.size;
        char epoch[16] = "";
        if (fields.has_epoch)
                snprintf(epoch, sizeof(epoch), "%" PRIu32 ":", fields.epoch);
        bool fits = fields.version.n + fields.release.n + sizeof(epoch) + 1 < sizeof(row.version);
        if (!fits || fields.version.n == 0)
                row.broken = true;
        else
                snprintf(row.version, sizeof(row.version), "%s%.*s-%.*s", epoch, SV_ARG(fields.version),
                        SV_ARG(fields.release));
        return row_emit(&row, "rpm", visit, cookie, counts);
}
