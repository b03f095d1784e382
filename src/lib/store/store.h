/* A SQLite file as the house keeps one: one owner, WAL with full synchronisation, a schema version (user_version) that
 * only grows, a newer file refused. */
#pragma once

#include "base/error.h"

#include <sqlite3.h>
#include <stdbool.h>

enum store_flags {
        STORE_READ_ONLY = 1 << 0, /* nothing is created, migrated or written; other owners may be at work */
};

/* steps[i] is SQL that takes version i to i + 1; count is the version this program knows. Each step is one transaction.
 * E_UNSUPPORTED when the file is newer, E_NOT_FOUND when it is absent and read only. */
sqlite3 *store_open(const char *path, const char *const *steps, int count, unsigned flags, struct error *err);

/* A checkpoint, then closed: no -wal file stays behind. NULL is fine. */
void store_close(sqlite3 *store);

/* fail() with SQLite's own text; returns -1. */
int store_fail(sqlite3 *store, struct error *err, const char *what);

/* SQL without results. */
int store_execute(sqlite3 *store, const char *sql, struct error *err);

/* A statement to keep; NULL on failure. */
sqlite3_stmt *store_prepare(sqlite3 *store, const char *sql, struct error *err);
