/* rpm's SQLite database: table Packages(hnum, blob). The file may be hostile: no views, triggers or functions of the
 * schema run, and a query that does not end is cut off. SQLite gets the mapped bytes and no path: it would resolve
 * /proc/self/fd/N to a name, which in another mount namespace is another file. A write-ahead log beside the file is
 * not seen, and pkgdb_read says so. */
#include "lib/pkgdb/pkgdb.h"

#include "base/cleanup.h"

#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
        PAGE = 4096,
        LEAST_SIZE = 512,
        WRITE_VERSION = 18, /* offsets in the file header (sqlite.org/fileformat2.html) */
        READ_VERSION = 19,
        STEPS_BETWEEN_CHECKS = 100000,
        MAX_CHECKS = 20000, /* 2e9 virtual machine steps: far beyond any real database */
};

DEFINE_CLEANUP(sqlite3 *, sqlite3_close);
DEFINE_CLEANUP(sqlite3_stmt *, sqlite3_finalize);

static int count_down(void *cookie)
{
        int *left = cookie;
        return --*left <= 0;
}

struct mapping {
        char *bytes;
        size_t size;
};

static void mapping_done_p(struct mapping *mapping)
{
        if (mapping->bytes)
                munmap(mapping->bytes, mapping->size);
}

/* The file is mapped read-only; a private copy lies over its first page, in which "write-ahead log" is changed to
 * "rollback journal", since SQLite cannot open a log for a database in memory. */
static int map_database(int fd, struct mapping *ret, struct error *err)
{
        struct stat st;
        if (fstat(fd, &st) < 0)
                return fail_errno(err, "rpmdb.sqlite");
        if (st.st_size < LEAST_SIZE || st.st_size > PKGDB_MAX_BINARY)
                return fail(err, E_CORRUPT, "rpmdb.sqlite has %lld bytes", (long long)st.st_size);
        size_t size = (size_t)st.st_size;
        char first[PAGE] = { 0 };
        if (pread(fd, first, sizeof(first), 0) < LEAST_SIZE)
                return fail(err, E_IO, "rpmdb.sqlite cannot be read");
        first[WRITE_VERSION] = first[READ_VERSION] = 1;
        char *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
                return fail_errno(err, "mapping rpmdb.sqlite");
        long page = sysconf(_SC_PAGESIZE);
        size_t cover = size < PAGE ? size : PAGE;
        if (page == PAGE && mmap(bytes, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
                                    MAP_FAILED) {
                int error = fail_errno(err, "mapping rpmdb.sqlite");
                munmap(bytes, size);
                return error;
        }
        if (page != PAGE && mprotect(bytes, size, PROT_READ | PROT_WRITE) < 0) { /* larger pages: copy on write */
                int error = fail_errno(err, "mapping rpmdb.sqlite");
                munmap(bytes, size);
                return error;
        }
        memcpy(bytes, first, cover);
        *ret = (struct mapping){ bytes, size };
        return 0;
}

static int open_hostile(const struct mapping *mapping, sqlite3 **ret)
{
        int status = sqlite3_open_v2(":memory:", ret, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL);
        if (status != SQLITE_OK)
                return status;
        sqlite3_limit(*ret, SQLITE_LIMIT_LENGTH, PKGDB_MAX_HEADER);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        return sqlite3_deserialize(*ret, "main", (unsigned char *)mapping->bytes, (sqlite3_int64)mapping->size,
                (sqlite3_int64)mapping->size, SQLITE_DESERIALIZE_READONLY);
}

int rpm_sqlite_read(int fd, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        cleanup(mapping_done) struct mapping mapping = { 0 }; /* first, so that it goes last */
        cleanup(sqlite3_close) sqlite3 *db = NULL;
        cleanup(sqlite3_finalize) sqlite3_stmt *rows = NULL;
        int left = MAX_CHECKS;
        if (map_database(fd, &mapping, err) < 0)
                return -1;
        if (open_hostile(&mapping, &db) != SQLITE_OK)
                return fail(err, E_CORRUPT, "rpmdb.sqlite: %s", db ? sqlite3_errmsg(db) : "out of memory");
        sqlite3_progress_handler(db, STEPS_BETWEEN_CHECKS, count_down, &left);
        if (sqlite3_prepare_v2(db, "SELECT blob FROM Packages", -1, &rows, NULL) != SQLITE_OK)
                return fail(err, E_CORRUPT, "rpmdb.sqlite: %s", sqlite3_errmsg(db));
        for (;;) {
                int status = sqlite3_step(rows);
                if (status == SQLITE_DONE)
                        return 0;
                if (status != SQLITE_ROW)
                        return fail(err, E_CORRUPT, "rpmdb.sqlite: %s", sqlite3_errmsg(db));
                const void *bytes = sqlite3_column_blob(rows, 0);
                size_t size = (size_t)sqlite3_column_bytes(rows, 0);
                int verdict = rpm_header_parse(sv_n(bytes ? bytes : "", size), visit, cookie, counts, NULL);
                if (verdict > 0)
                        return verdict;
                counts->refused += verdict < 0;
        }
}
