#include "lib/store/store.h"

#include "base/banned.h"

#include <pthread.h>

/* https://www.sqlite.org/rescode.html */
static enum error_code code_of(int status)
{
        switch (status & 0xff) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return E_UNAVAILABLE;
        case SQLITE_NOMEM:
                return E_NO_MEMORY;
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
                return E_PERMISSION;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return E_CORRUPT;
        case SQLITE_FULL:
        case SQLITE_TOOBIG:
                return E_TOO_LARGE;
        default:
                return E_IO;
        }
}

int store_fail(sqlite3 *store, struct error *err, const char *what)
{
        return fail(err, code_of(sqlite3_errcode(store)), "%s: %s", what, sqlite3_errmsg(store));
}

int store_execute(sqlite3 *store, const char *sql, struct error *err)
{
        return sqlite3_exec(store, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_fail(store, err, "store");
}

sqlite3_stmt *store_prepare(sqlite3 *store, const char *sql, struct error *err)
{
        sqlite3_stmt *statement = NULL;
        if (sqlite3_prepare_v3(store, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK)
                store_fail(store, err, "store");
        return statement;
}

static int read_version(sqlite3 *store, int *ret, struct error *err)
{
        sqlite3_stmt *statement = store_prepare(store, "PRAGMA user_version", err);
        if (!statement)
                return -1;
        int status = sqlite3_step(statement) == SQLITE_ROW ? 0 : store_fail(store, err, "user_version");
        if (status == 0)
                *ret = sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        return status;
}

static int migrate(sqlite3 *store, const char *const *steps, int count, bool read_only, struct error *err)
{
        int version = 0;
        if (read_version(store, &version, err) < 0)
                return -1;
        if (version > count)
                return fail(
                        err, E_UNSUPPORTED, "the store has version %d, this program knows up to %d", version, count);
        if (read_only && version < count)
                return fail(err, E_UNSUPPORTED, "the store has version %d; start the agent once to bring it to %d",
                        version, count);
        for (; version < count; version++) {
                char set[64];
                snprintf(set, sizeof(set), "PRAGMA user_version = %d", version + 1);
                if (store_execute(store, "BEGIN IMMEDIATE", err) < 0)
                        return -1;
                if (store_execute(store, steps[version], err) < 0 || store_execute(store, set, err) < 0) {
                        store_execute(store, "ROLLBACK", NULL);
                        return error_prefix(err, "version %d", version + 1);
                }
                if (store_execute(store, "COMMIT", err) < 0)
                        return -1;
        }
        return 0;
}

/* Without the pool of pages that SQLite takes at its start, touched or not: a store here is small, and waits most of
 * the time. Must come before SQLite's own start, where it is done already it changes nothing. */
static void configure(void)
{
        (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
}

sqlite3 *store_open(const char *path, const char *const *steps, int count, unsigned flags, struct error *err)
{
        sqlite3 *store = NULL;
        bool read_only = flags & STORE_READ_ONLY;
        int mode = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        if (read_only && access(path, R_OK) < 0)
                return fail_errno_null(err, "%s", path);
        /* one thread: no mutexes; a small page cache, the agent is to stay small */
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, configure);
        if (sqlite3_open_v2(path, &store, mode | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
                if (store)
                        store_fail(store, err, path);
                else
                        fail(err, E_NO_MEMORY, "%s: no memory", path);
                sqlite3_close(store);
                return NULL;
        }
        sqlite3_busy_timeout(store, 5000);
        sqlite3_extended_result_codes(store, 1);
        const char *settings =
                read_only ? "PRAGMA cache_size = -256; PRAGMA query_only = on"
                          : "PRAGMA cache_size = -256; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                            "PRAGMA wal_autocheckpoint = 256; PRAGMA trusted_schema = off";
        if (store_execute(store, settings, err) < 0 || migrate(store, steps, count, read_only, err) < 0) {
                error_prefix(err, "%s", path);
                sqlite3_close(store);
                return NULL;
        }
        return store;
}

void store_close(sqlite3 *store)
{
        if (store && sqlite3_close(store) != SQLITE_OK)
                sqlite3_close_v2(store);
}
