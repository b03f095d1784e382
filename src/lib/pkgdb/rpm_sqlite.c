/* rpm's SQLite database: table Packages(hnum, blob). The file may be hostile: no views, triggers or functions of the
 * schema run, and a query that does not end is cut off. "immutable" takes no locks and writes nothing; a write-ahead
 * log beside the file is then not seen, and pkgdb_read says so. */
#include "lib/pkgdb/pkgdb.h"

#include "base/cleanup.h"

#include <sqlite3.h>

enum {
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

static int open_hostile(int fd, sqlite3 **ret)
{
        char uri[64];
        snprintf(uri, sizeof(uri), "file:/proc/self/fd/%d?immutable=1", fd);
        int status = sqlite3_open_v2(uri, ret, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_PRIVATECACHE, NULL);
        if (status != SQLITE_OK)
                return status;
        sqlite3_limit(*ret, SQLITE_LIMIT_LENGTH, PKGDB_MAX_HEADER);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
        sqlite3_db_config(*ret, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
        return SQLITE_OK;
}

int rpm_sqlite_read(int fd, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        cleanup(sqlite3_close) sqlite3 *db = NULL;
        cleanup(sqlite3_finalize) sqlite3_stmt *rows = NULL;
        int left = MAX_CHECKS;
        if (open_hostile(fd, &db) != SQLITE_OK)
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
