/* rpm's "ndb" package file: a slot table at the front, blobs in blocks of 16 bytes behind it, all little-endian
 * (rpm's lib/backend/ndb/rpmpkg.c). */
#include "lib/pkgdb/pkgdb.h"

enum {
        PAGE_SIZE = 4096,
        BLOCK_SIZE = 16,
        SLOT_SIZE = 16,
        HEADER_SIZE = 32,
        BLOB_HEAD = 16,
};

static uint32_t little_endian(struct sv bytes, uint64_t offset)
{
        uint32_t value = 0;
        for (unsigned i = 4; i > 0; i--)
                value = value << 8 | (uint8_t)bytes.p[offset + i - 1];
        return value;
}

static bool magic_at(struct sv bytes, uint64_t offset, const char *magic)
{
        return memcmp(bytes.p + offset, magic, 4) == 0;
}

int rpm_ndb_parse(struct sv file, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        if (file.n < PAGE_SIZE || !magic_at(file, 0, "RpmP"))
                return fail(err, E_CORRUPT, "not an ndb package database");
        if (little_endian(file, 4) != 0)
                return fail(err, E_UNSUPPORTED, "ndb version %u", little_endian(file, 4));
        uint64_t table_end = (uint64_t)little_endian(file, 12) * PAGE_SIZE;
        if (table_end > file.n)
                return fail(err, E_CORRUPT, "the ndb slot table is cut");
        for (uint64_t slot = HEADER_SIZE; slot + SLOT_SIZE <= table_end; slot += SLOT_SIZE) {
                if (!magic_at(file, slot, "Slot"))
                        return fail(err, E_CORRUPT, "a bad ndb slot at offset %llu", (unsigned long long)slot);
                uint32_t package = little_endian(file, slot + 4);
                uint64_t offset = (uint64_t)little_endian(file, slot + 8) * BLOCK_SIZE;
                if (package == 0 || offset == 0)
                        continue; /* free */
                if (offset >= file.n || file.n - offset < BLOB_HEAD || !magic_at(file, offset, "BlbS") ||
                        little_endian(file, offset + 4) != package ||
                        little_endian(file, offset + 12) > file.n - offset - BLOB_HEAD) {
                        counts->refused++;
                        continue;
                }
                struct sv blob = sv_n(file.p + offset + BLOB_HEAD, little_endian(file, offset + 12));
                int verdict = rpm_header_parse(blob, visit, cookie, counts, NULL);
                if (verdict > 0)
                        return verdict;
                counts->refused += verdict < 0;
        }
        return 0;
}
