/* rpm's Berkeley DB hash file "Packages": pages of keys and values, large values in chains of overflow pages (Berkeley
 * DB's dbinc/db_page.h). Every hash page is visited in file order; buckets and hashes are not needed for that. */
#include "lib/pkgdb/pkgdb.h"

#include "base/buf.h"
#include "base/cleanup.h"

enum {
        HASH_MAGIC = 0x061561,
        META_HASH = 8, /* page types */
        PAGE_HASH_UNSORTED = 2,
        PAGE_OVERFLOW = 7,
        PAGE_HASH = 13,
        ITEM_INLINE = 1,
        ITEM_OVERFLOW = 3,
        PAGE_HEADER = 26,
        LEAST_HEADER = 24, /* a smaller value is rpm's counter, not a header */
};

struct bdb {
        struct sv file;
        bool swapped;
        size_t page_size;
        size_t pages;
        size_t budget; /* bytes that chains may still yield: none is part of two values */
        struct buf blob;
};

static uint32_t number(const struct bdb *db, struct sv bytes, size_t offset, unsigned width)
{
        uint32_t value = 0;
        for (unsigned i = 0; i < width; i++)
                value = value << 8 | (uint8_t)bytes.p[offset + (db->swapped ? i : width - 1 - i)];
        return value;
}

static struct sv page_at(const struct bdb *db, size_t page)
{
        return sv_n(db->file.p + page * db->page_size, db->page_size);
}

static bool gather(struct bdb *db, uint32_t page, uint32_t size)
{
        buf_clear(&db->blob);
        for (size_t left = db->pages; page != 0 && left > 0; left--) {
                if (page >= db->pages)
                        return false;
                struct sv bytes = page_at(db, page);
                uint32_t used = number(db, bytes, 22, 2);
                if ((uint8_t)bytes.p[25] != PAGE_OVERFLOW || used > db->page_size - PAGE_HEADER || used > db->budget)
                        return false;
                db->budget -= used;
                buf_append(&db->blob, bytes.p + PAGE_HEADER, used);
                if (db->blob.failed)
                        return false;
                page = number(db, bytes, 16, 4);
        }
        return db->blob.len == size;
}

/* One value of a hash page: itself, or the chain it points to. False: broken. */
static bool value_of(struct bdb *db, struct sv page, uint32_t start, uint32_t end, struct sv *ret)
{
        *ret = SV("");
        if (start < PAGE_HEADER || end > page.n || start >= end)
                return false;
        uint8_t type = (uint8_t)page.p[start];
        if (type == ITEM_INLINE) {
                *ret = sv_n(page.p + start + 1, end - start - 1);
                return true;
        }
        if (type != ITEM_OVERFLOW || page.n - start < 12)
                return false;
        if (!gather(db, number(db, page, start + 4, 4), number(db, page, start + 8, 4)))
                return false;
        *ret = sv_n(db->blob.data ? db->blob.data : "", db->blob.len);
        return true;
}

static int read_page(struct bdb *db, struct sv page, package_visit *visit, void *cookie, struct pkgdb_counts *counts)
{
        uint32_t entries = number(db, page, 20, 2);
        if (PAGE_HEADER + (size_t)entries * 2 > page.n) {
                counts->refused++;
                return 0;
        }
        for (uint32_t i = 1; i < entries; i += 2) { /* keys are at even places */
                struct sv blob;
                uint32_t start = number(db, page, PAGE_HEADER + i * 2, 2);
                uint32_t end = number(db, page, PAGE_HEADER + (i - 1) * 2, 2);
                if (!value_of(db, page, start, end, &blob)) {
                        counts->refused++;
                        continue;
                }
                if (blob.n < LEAST_HEADER)
                        continue;
                int verdict = rpm_header_parse(blob, visit, cookie, counts, NULL);
                if (verdict > 0)
                        return verdict;
                counts->refused += verdict < 0;
        }
        return 0;
}

int rpm_bdb_parse(struct sv file, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        struct bdb db = { .file = file, .budget = file.n };
        if (file.n < 512)
                return fail(err, E_CORRUPT, "not a Berkeley DB file");
        if (number(&db, file, 12, 4) != HASH_MAGIC)
                db.swapped = true;
        if (number(&db, file, 12, 4) != HASH_MAGIC || (uint8_t)file.p[25] != META_HASH)
                return fail(err, E_CORRUPT, "not a Berkeley DB hash file");
        if (file.p[24] != 0)
                return fail(err, E_UNSUPPORTED, "an encrypted Berkeley DB file");
        db.page_size = number(&db, file, 20, 4);
        if (db.page_size < 512 || db.page_size > 65536 || (db.page_size & (db.page_size - 1)))
                return fail(err, E_CORRUPT, "Berkeley DB pages of %zu bytes", db.page_size);
        db.pages = file.n / db.page_size;
        buf_init(&db.blob, PKGDB_MAX_HEADER);
        int verdict = 0;
        for (size_t i = 1; i < db.pages && verdict == 0; i++) {
                struct sv page = page_at(&db, i);
                uint8_t type = (uint8_t)page.p[25];
                if (type == PAGE_HASH || type == PAGE_HASH_UNSORTED)
                        verdict = read_page(&db, page, visit, cookie, counts);
        }
        buf_done(&db.blob);
        return verdict;
}
