/* Package databases: the first byte chooses the format. */
#include "lib/pkgdb/pkgdb.h"

#include "base/cleanup.h"
#include "base/path.h"
#include "lib/pkgdb/evr.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(const struct package *package, void *cookie)
{
        size_t *sum = cookie;
        *sum += strlen(package->name) + strlen(package->arch) + strlen(package->source) +
                strlen(package->source_version);
        for (enum evr_order order = EVR_RPM; order <= EVR_SCRIBE; order++)
                *sum += (size_t)evr_compare(order, sv_of(package->version), sv_of(package->name));
        return 0;
}

static void read_sqlite(struct sv text)
{
        struct pkgdb_counts counts = { 0 };
        size_t sum = 0;
        cleanup(fd_close) int fd = memfd_create("rpmdb", MFD_CLOEXEC);
        if (fd >= 0 && write_all(fd, text.p, text.n, NULL) == 0)
                rpm_sqlite_read(fd, look, &sum, &counts, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct pkgdb_counts counts = { 0 };
        size_t sum = 0;
        if (size == 0)
                return 0;
        struct sv text = sv_n((const char *)data + 1, size - 1);
        switch (data[0]) {
        case 'd':
                dpkg_parse(text, false, look, &sum, &counts, NULL);
                break;
        case 's':
                dpkg_parse(text, true, look, &sum, &counts, NULL);
                break;
        case 'a':
                apk_parse(text, look, &sum, &counts, NULL);
                break;
        case 'p':
                pacman_parse(text, look, &sum, &counts, NULL);
                break;
        case 'r':
                rpm_header_parse(text, look, &sum, &counts, NULL);
                break;
        case 'n':
                rpm_ndb_parse(text, look, &sum, &counts, NULL);
                break;
        case 'b':
                rpm_bdb_parse(text, look, &sum, &counts, NULL);
                break;
        case 'q':
                read_sqlite(text);
                break;
        default:
                break;
        }
        return 0;
}
