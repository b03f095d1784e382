/* What the files of the store share. */
#pragma once

#include "alerts.h"
#include "lib/store/store.h"

/* Every statement, prepared when it is used first. */
#define STATEMENTS(X)                                                                                                  \
        X(INSERT_ALERT, "INSERT INTO alerts (time_ns, last_ns, count, severity, state, mute, module, rule, message,"   \
                        " container, container_id, pid, exe, user, tags) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")      \
        X(INSERT_EVIDENCE, "INSERT INTO evidence VALUES (?, ?)")                                                       \
        X(REPEAT, "UPDATE alerts SET last_ns = ?, count = ?, severity = ? WHERE id = ?")                               \
        X(GET, "SELECT " ALERT_COLUMNS " FROM alerts WHERE id = ?")                                                    \
        X(EVIDENCE, "SELECT json FROM evidence WHERE id = ?")                                                          \
        X(SCAN_DOWN, "SELECT " ALERT_COLUMNS " FROM alerts WHERE id < ? ORDER BY id DESC LIMIT ?")                     \
        X(SCAN_UP, "SELECT " ALERT_COLUMNS " FROM alerts WHERE id > ? ORDER BY id LIMIT ?")                            \
        X(RECENT, "SELECT " ALERT_COLUMNS " FROM alerts WHERE last_ns >= ? AND state != 1 ORDER BY id LIMIT ?")        \
        X(ACKNOWLEDGE, "UPDATE alerts SET state = 1, ack_ns = ?, ack_by = ?, ack_comment = ?"                          \
                       " WHERE id = ? AND state != 1")                                                                 \
        X(REOPEN, "UPDATE alerts SET state = 0, mute = 0, ack_ns = 0, ack_by = '', ack_comment = ''"                   \
                  " WHERE id = ? AND state != 0")                                                                      \
        X(SET_TAKEN, "UPDATE taken SET sender = ?, number = ?")                                                        \
        X(GET_TAKEN, "SELECT sender, number FROM taken")                                                               \
        X(GET_AGE,                                                                                                     \
                "SELECT iif(believed_ns, believed_ns, coalesce((SELECT last_ns FROM alerts ORDER BY id DESC LIMIT 1)," \
                " 0)), tried_ns FROM age")                                                                             \
        X(SET_AGE, "UPDATE age SET believed_ns = ?, tried_ns = ?")                                                     \
        X(FIRST_SINCE, "SELECT min(id) FROM alerts INDEXED BY alerts_last WHERE last_ns >= ?")                         \
        X(MUTE, "UPDATE alerts SET state = 2, mute = ? WHERE id = ? AND state = 0")                                    \
        X(SCAN_OPEN, "SELECT " ALERT_COLUMNS " FROM alerts WHERE state = 0")                                           \
        X(OLD, "SELECT id FROM alerts WHERE last_ns < ? ORDER BY last_ns LIMIT ?")                                     \
        X(OLDEST_MUTED, "SELECT id FROM alerts WHERE state = 2 ORDER BY id LIMIT ?")                                   \
        X(OLDEST, "SELECT id FROM alerts ORDER BY id LIMIT ?")                                                         \
        X(DELETE_ALERT, "DELETE FROM alerts WHERE id = ?")                                                             \
        X(DELETE_EVIDENCE, "DELETE FROM evidence WHERE id = ?")                                                        \
        X(DELETE_MINUTES, "DELETE FROM minutes WHERE minute < ?")                                                      \
        X(DELETE_MUTES, "DELETE FROM mutes WHERE min(until_ns, iif(ended_ns, ended_ns, until_ns)) < ?1"                \
                        " OR id <= (SELECT max(id) FROM mutes) - ?2")                                                  \
        X(PAGES, "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM"                     \
                 " pragma_freelist_count)")                                                                            \
        X(MUTES, "SELECT id, module, rule, container, severity, created_ns, until_ns, created_by, comment, ended_ns,"  \
                 " ended_by, count FROM mutes ORDER BY id DESC")                                                       \
        X(INSERT_MUTE, "INSERT INTO mutes (module, rule, container, severity, created_ns, until_ns, created_by,"       \
                       " comment, ended_ns, ended_by, count) VALUES (?,?,?,?,?,?,?,?,0,'',0)")                         \
        X(END_MUTE, "UPDATE mutes SET ended_ns = ?, ended_by = ? WHERE id = ? AND ended_ns = 0 AND until_ns > ?")      \
        X(COUNT_MUTE, "UPDATE mutes SET count = count + ? WHERE id = ?")                                               \
        X(COUNT_MINUTE, "INSERT INTO minutes VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count +"            \
                        " excluded.count")                                                                             \
        X(COUNT_OPEN, "SELECT severity, count(*) FROM alerts WHERE state = 0 GROUP BY severity")                       \
        X(MINUTES, "SELECT minute, severity, muted, count FROM minutes WHERE minute >= ? ORDER BY minute")

#define ALERT_COLUMNS                                                                                                  \
        "id, time_ns, last_ns, count, severity, state, mute, module, rule, message, container, container_id, pid,"     \
        " exe, user, tags, ack_ns, ack_by, ack_comment"

enum statement {
#define X(name, sql) STATEMENT_##name,
        STATEMENTS(X)
#undef X
                STATEMENTS_MAX
};

struct alert_store {
        sqlite3 *database;
        sqlite3_stmt *statements[STATEMENTS_MAX];
        struct alert_limits limits;
        bool within; /* a transaction of several */
};

/* The statement with these values: 'i' int64_t, 's' const char *; NULL and err on failure. Give it back by
 * statement_done. */
sqlite3_stmt *statement_take(
        struct alert_store *store, enum statement which, struct error *err, const char *types, ...);
static inline void statement_done(sqlite3_stmt *statement)
{
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
}
/* For a statement without rows: runs it; *ret_changes (may be NULL): rows it changed. */
int statement_run(struct alert_store *store, sqlite3_stmt *statement, int *ret_changes, struct error *err);
/* fail() with what the database says; a full disk is E_NO_MEMORY. */
int alert_store_fail(struct alert_store *store, struct error *err);
const char *column_text(sqlite3_stmt *statement, int column);
