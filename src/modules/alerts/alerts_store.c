/* Alerts in a SQLite file. The evidence, which is long, stands in a table of its own, so that a search reads only what
 * it compares. */
#include "alerts_store.h"

#include "base/cleanup.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, TRIM_STEP = 256, TRIM_STEPS_MAX = 64 };

static const char *const steps[] = {
        "CREATE TABLE alerts (id INTEGER PRIMARY KEY AUTOINCREMENT, time_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,"
        " count INTEGER NOT NULL, severity INTEGER NOT NULL, state INTEGER NOT NULL, mute INTEGER NOT NULL,"
        " module TEXT NOT NULL, rule TEXT NOT NULL, message TEXT NOT NULL, container TEXT NOT NULL,"
        " container_id TEXT NOT NULL, pid INTEGER NOT NULL, exe TEXT NOT NULL, user TEXT NOT NULL, tags TEXT NOT NULL,"
        " ack_ns INTEGER NOT NULL DEFAULT 0, ack_by TEXT NOT NULL DEFAULT '', ack_comment TEXT NOT NULL DEFAULT '')"
        " STRICT;"
        "CREATE INDEX alerts_last ON alerts (last_ns);"
        "CREATE INDEX alerts_state ON alerts (state, severity);"
        "CREATE TABLE evidence (id INTEGER PRIMARY KEY, json TEXT NOT NULL) STRICT;"
        "CREATE TABLE mutes (id INTEGER PRIMARY KEY AUTOINCREMENT, module TEXT NOT NULL, rule TEXT NOT NULL,"
        " container TEXT NOT NULL, severity INTEGER NOT NULL, created_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL,"
        " created_by TEXT NOT NULL, comment TEXT NOT NULL, ended_ns INTEGER NOT NULL, ended_by TEXT NOT NULL,"
        " count INTEGER NOT NULL) STRICT;"
        "CREATE TABLE minutes (minute INTEGER NOT NULL, severity INTEGER NOT NULL, muted INTEGER NOT NULL,"
        " count INTEGER NOT NULL, PRIMARY KEY (minute, severity, muted)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE taken (sender INTEGER NOT NULL, number INTEGER NOT NULL) STRICT;"
        "INSERT INTO taken VALUES (0, 0);",
        ("CREATE TABLE age (believed_ns INTEGER NOT NULL) STRICT;"
         "INSERT INTO age VALUES (0);"),
        "ALTER TABLE age ADD COLUMN tried_ns INTEGER NOT NULL DEFAULT 0;",
};

static const char *const statements[] = {
#define X(name, sql) sql,
        STATEMENTS(X)
#undef X
};

int alert_store_fail(struct alert_store *store, struct error *err)
{
        struct error why;
        store_fail(store->database, &why, "the store of alerts");
        if (why.code == E_TOO_LARGE) /* SQLITE_FULL: nothing the caller did */
                why.code = E_NO_MEMORY;
        if (err)
                *err = why;
        return -1;
}

sqlite3_stmt *statement_take(struct alert_store *store, enum statement which, struct error *err, const char *types, ...)
{
        va_list args;
        int status = SQLITE_OK;
        sqlite3_stmt **slot = &store->statements[which];
        if (!*slot)
                *slot = store_prepare(store->database, statements[which], err);
        if (!*slot)
                return NULL;
        va_start(args, types);
        for (int i = 1; types[i - 1] && status == SQLITE_OK; i++) {
                if (types[i - 1] == 'i') /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
                        status = sqlite3_bind_int64(*slot, i, va_arg(args, int64_t));
                else /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was started */
                        status = sqlite3_bind_text(*slot, i, va_arg(args, const char *), -1, SQLITE_STATIC);
        }
        va_end(args);
        if (status == SQLITE_OK)
                return *slot;
        alert_store_fail(store, err);
        statement_done(*slot);
        return NULL;
}

int statement_run(struct alert_store *store, sqlite3_stmt *statement, int *ret_changes, struct error *err)
{
        if (!statement)
                return -1;
        int status = sqlite3_step(statement) == SQLITE_DONE ? 0 : alert_store_fail(store, err);
        if (status == 0 && ret_changes)
                *ret_changes = sqlite3_changes(store->database);
        statement_done(statement);
        return status;
}

const char *column_text(sqlite3_stmt *statement, int column)
{
        const char *text = (const char *)sqlite3_column_text(statement, column);
        return text ? text : "";
}

/* ---- open and close ---- */

void alert_store_close(struct alert_store *store)
{
        if (!store)
                return;
        for (size_t i = 0; i < STATEMENTS_MAX; i++)
                sqlite3_finalize(store->statements[i]);
        store_close(store->database);
        free(store);
}

/* A hard limit for a program gone wrong; what is usual is kept by alert_store_trim. */
void alert_store_set_limits(struct alert_store *store, const struct alert_limits *limits)
{
        char sql[64];
        store->limits = *limits;
        snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %llu", 2ULL * limits->retain / ALERT_PAGE + 1024);
        store_execute(store->database, sql, NULL);
}

static void put_aside(const char *path)
{
        static const char *const endings[] = { "", "-wal", "-shm" };
        char from[PATH_SIZE + 16], to[PATH_SIZE + 16];
        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
                snprintf(from, sizeof(from), "%s%s", path, endings[i]);
                snprintf(to, sizeof(to), "%s.damaged%s", path, endings[i]);
                if (rename(from, to) < 0)
                        unlink(from); /* a journal without its file would be taken for the new one's */
        }
}

struct alert_store *alert_store_open(
        const char *directory, const struct alert_limits *limits, bool *ret_damaged, struct error *err)
{
        char path[PATH_SIZE];
        struct error why;
        struct alert_store *store = calloc(1, sizeof(*store));
        if (!store)
                return fail_null(err, E_NO_MEMORY, "no memory for the store of alerts");
        snprintf(path, sizeof(path), "%.4000s/alerts.db", directory);
        *ret_damaged = false;
        store->database = store_open(path, steps, sizeof(steps) / sizeof(steps[0]), 0, &why);
        if (!store->database && why.code == E_CORRUPT) {
                put_aside(path);
                *ret_damaged = true;
                store->database = store_open(path, steps, sizeof(steps) / sizeof(steps[0]), 0, &why);
        }
        if (!store->database) {
                free(store);
                if (err)
                        *err = why;
                return NULL;
        }
        chmod(path, 0600);
        alert_store_set_limits(store, limits);
        return store;
}

/* ---- transactions ---- */

int alert_store_begin(struct alert_store *store, struct error *err)
{
        if (sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
                return alert_store_fail(store, err);
        store->within = true;
        return 0;
}

void alert_store_rollback(struct alert_store *store)
{
        store->within = false;
        if (!sqlite3_get_autocommit(store->database)) /* some failures have rolled back by themselves */
                sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
}

int alert_store_commit(struct alert_store *store, struct error *err)
{
        if (sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
                store->within = false;
                return 0;
        }
        alert_store_fail(store, err);
        alert_store_rollback(store);
        return -1;
}

/* ---- alerts ---- */

int alert_store_insert(struct alert_store *store, const struct alert_row *row, int64_t *ret_id, struct error *err)
{
        sqlite3_stmt *insert = statement_take(store, STATEMENT_INSERT_ALERT, err, "iiiiiisssssisss", row->time_ns,
                row->last_ns, row->count, (int64_t)row->severity, (int64_t)row->state, row->mute, row->module,
                row->rule, row->message, row->container, row->container_id, row->pid, row->exe, row->user, row->tags);
        if (statement_run(store, insert, NULL, err) < 0)
                return -1;
        int64_t id = sqlite3_last_insert_rowid(store->database);
        if (statement_run(store, statement_take(store, STATEMENT_INSERT_EVIDENCE, err, "is", id, row->evidence), NULL,
                    err) < 0)
                return -1;
        *ret_id = id;
        return 0;
}

int alert_store_repeat(struct alert_store *store, const struct alert_row *row, struct error *err)
{
        return statement_run(store,
                statement_take(store, STATEMENT_REPEAT, err, "iiii", row->last_ns, row->count, (int64_t)row->severity,
                        row->id),
                NULL, err);
}

int alert_store_set_taken(struct alert_store *store, const struct alert_id *id, struct error *err)
{
        return statement_run(store,
                statement_take(store, STATEMENT_SET_TAKEN, err, "ii", (int64_t)id->sender, (int64_t)id->number), NULL,
                err);
}

int alert_store_taken(struct alert_store *store, struct alert_id *ret, struct error *err)
{
        sqlite3_stmt *statement = statement_take(store, STATEMENT_GET_TAKEN, err, "");
        if (!statement)
                return -1;
        int status = sqlite3_step(statement) == SQLITE_ROW ? 0 : alert_store_fail(store, err);
        if (status == 0)
                *ret = (struct alert_id){ (uint64_t)sqlite3_column_int64(statement, 0),
                        (uint64_t)sqlite3_column_int64(statement, 1) };
        statement_done(statement);
        return status;
}

/* A file that somebody changed must not lead outside of the tables of names. */
static int within(int64_t value, int count)
{
        return value >= 0 && value < count ? (int)value : 0;
}

static void read_row(sqlite3_stmt *statement, struct alert_row *ret)
{
        *ret = (struct alert_row){
                .id = sqlite3_column_int64(statement, 0),
                .time_ns = sqlite3_column_int64(statement, 1),
                .last_ns = sqlite3_column_int64(statement, 2),
                .count = sqlite3_column_int64(statement, 3),
                .severity = within(sqlite3_column_int64(statement, 4), ALERT_SEVERITIES),
                .state = within(sqlite3_column_int64(statement, 5), ALERT_STATES),
                .mute = sqlite3_column_int64(statement, 6),
                .module = column_text(statement, 7),
                .rule = column_text(statement, 8),
                .message = column_text(statement, 9),
                .container = column_text(statement, 10),
                .container_id = column_text(statement, 11),
                .pid = sqlite3_column_int64(statement, 12),
                .exe = column_text(statement, 13),
                .user = column_text(statement, 14),
                .tags = column_text(statement, 15),
                .evidence = "",
                .acknowledged_ns = sqlite3_column_int64(statement, 16),
                .acknowledged_by = column_text(statement, 17),
                .comment = column_text(statement, 18),
        };
}

static int read_rows(
        struct alert_store *store, sqlite3_stmt *statement, alert_row_fn *fn, void *cookie, struct error *err)
{
        int count = 0, status;
        if (!statement)
                return -1;
        while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
                struct alert_row row;
                read_row(statement, &row);
                count++;
                if (!fn(&row, cookie)) {
                        status = SQLITE_DONE;
                        break;
                }
        }
        if (status != SQLITE_DONE)
                count = alert_store_fail(store, err);
        statement_done(statement);
        return count;
}

int alert_store_recent(
        struct alert_store *store, int64_t since_ns, unsigned most, alert_row_fn *fn, void *cookie, struct error *err)
{
        return read_rows(
                store, statement_take(store, STATEMENT_RECENT, err, "ii", since_ns, (int64_t)most), fn, cookie, err);
}

int alert_store_scan_open(struct alert_store *store, alert_row_fn *fn, void *cookie, struct error *err)
{
        return read_rows(store, statement_take(store, STATEMENT_SCAN_OPEN, err, ""), fn, cookie, err);
}

int alert_store_first_since(struct alert_store *store, int64_t since_ns, int64_t *ret_id, struct error *err)
{
        sqlite3_stmt *statement = statement_take(store, STATEMENT_FIRST_SINCE, err, "i", since_ns);
        if (!statement)
                return -1;
        int step = sqlite3_step(statement);
        bool found = step == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL;
        if (step == SQLITE_ROW)
                *ret_id = found ? sqlite3_column_int64(statement, 0) : INT64_MAX;
        int status = step == SQLITE_ROW ? 0 : alert_store_fail(store, err);
        statement_done(statement);
        return status;
}

int alert_store_scan(struct alert_store *store, int64_t from, bool rising, unsigned most, alert_row_fn *fn,
        void *cookie, struct error *err)
{
        if (rising)
                return read_rows(store, statement_take(store, STATEMENT_SCAN_UP, err, "ii", from, (int64_t)most), fn,
                        cookie, err);
        return read_rows(store,
                statement_take(store, STATEMENT_SCAN_DOWN, err, "ii", from ? from : INT64_MAX, (int64_t)most), fn,
                cookie, err);
}

int alert_store_evidence(struct alert_store *store, int64_t id, struct buf *out, struct error *err)
{
        sqlite3_stmt *statement = statement_take(store, STATEMENT_EVIDENCE, err, "i", id);
        if (!statement)
                return -1;
        int status = sqlite3_step(statement);
        if (status == SQLITE_ROW)
                buf_puts(out, column_text(statement, 0));
        statement_done(statement);
        if (status == SQLITE_ROW)
                return 0;
        return status == SQLITE_DONE ? fail(err, E_NOT_FOUND, "alert %lld has no evidence", (long long)id)
                                     : alert_store_fail(store, err);
}

struct with_evidence {
        struct alert_store *store;
        alert_row_fn *fn;
        void *cookie;
};

static bool add_evidence(const struct alert_row *row, void *cookie)
{
        struct with_evidence *with = cookie;
        struct alert_row whole = *row;
        cleanup(buf_done) struct buf evidence;
        buf_init(&evidence, 2 * (size_t)ALERT_TEXT_MAX);
        if (alert_store_evidence(with->store, row->id, &evidence, NULL) == 0)
                whole.evidence = buf_text(&evidence);
        return with->fn(&whole, with->cookie);
}

int alert_store_get(struct alert_store *store, int64_t id, alert_row_fn *fn, void *cookie, struct error *err)
{
        struct with_evidence with = { store, fn, cookie };
        int count = read_rows(store, statement_take(store, STATEMENT_GET, err, "i", id), add_evidence, &with, err);
        return count == 0 ? fail(err, E_NOT_FOUND, "there is no alert %lld", (long long)id) : count < 0 ? -1 : 0;
}

static bool ignore(const struct alert_row *row, void *cookie)
{
        (void)row;
        (void)cookie;
        return true;
}

/* Nothing changed: because it is so already, or because there is none. */
static int check_there(struct alert_store *store, int64_t id, int changes, bool *ret_changed, struct error *err)
{
        if (changes == 0 && alert_store_get(store, id, ignore, NULL, err) < 0)
                return -1;
        *ret_changed = changes > 0;
        return 0;
}

int alert_store_acknowledge(struct alert_store *store, int64_t id, int64_t now_ns, const char *by, const char *comment,
        bool *ret_changed, struct error *err)
{
        int changes = 0;
        sqlite3_stmt *statement = statement_take(store, STATEMENT_ACKNOWLEDGE, err, "issi", now_ns, by, comment, id);
        if (statement_run(store, statement, &changes, err) < 0)
                return -1;
        return check_there(store, id, changes, ret_changed, err);
}

int alert_store_reopen(struct alert_store *store, int64_t id, bool *ret_changed, struct error *err)
{
        int changes = 0;
        if (statement_run(store, statement_take(store, STATEMENT_REOPEN, err, "i", id), &changes, err) < 0)
                return -1;
        return check_there(store, id, changes, ret_changed, err);
}

/* ---- what goes ---- */

uint64_t alert_store_size(struct alert_store *store)
{
        sqlite3_stmt *statement = statement_take(store, STATEMENT_PAGES, NULL, "");
        uint64_t pages =
                statement && sqlite3_step(statement) == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
        if (statement)
                statement_done(statement);
        return pages * ALERT_PAGE;
}

/* The ids that a statement names; how many there were, -1 on failure. */
static int remove_these(struct alert_store *store, sqlite3_stmt *statement, struct error *err)
{
        int64_t ids[TRIM_STEP];
        int count = 0;
        if (!statement)
                return -1;
        while (count < TRIM_STEP && sqlite3_step(statement) == SQLITE_ROW)
                ids[count++] = sqlite3_column_int64(statement, 0);
        statement_done(statement);
        for (int i = 0; i < count; i++)
                if (statement_run(store, statement_take(store, STATEMENT_DELETE_ALERT, err, "i", ids[i]), NULL, err) <
                                0 ||
                        statement_run(store, statement_take(store, STATEMENT_DELETE_EVIDENCE, err, "i", ids[i]), NULL,
                                err) < 0)
                        return -1;
        return count;
}

static int remove_some(struct alert_store *store, int64_t now_ns, bool old, struct error *err)
{
        int64_t most = TRIM_STEP;
        if (old)
                return remove_these(store,
                        statement_take(store, STATEMENT_OLD, err, "ii", now_ns - store->limits.retain_ns, most), err);
        int count = remove_these(store, statement_take(store, STATEMENT_OLDEST_MUTED, err, "i", most), err);
        return count ? count : remove_these(store, statement_take(store, STATEMENT_OLDEST, err, "i", most), err);
}

int alert_store_age(struct alert_store *store, int64_t *ret_ns, int64_t *ret_tried_ns, struct error *err)
{
        sqlite3_stmt *statement = statement_take(store, STATEMENT_GET_AGE, err, "");
        if (!statement)
                return -1;
        int step = sqlite3_step(statement);
        if (step == SQLITE_ROW) {
                *ret_ns = sqlite3_column_int64(statement, 0);
                *ret_tried_ns = sqlite3_column_int64(statement, 1);
        }
        int status = step == SQLITE_ROW ? 0 : alert_store_fail(store, err);
        statement_done(statement);
        return status;
}

int alert_store_set_age(struct alert_store *store, int64_t now_ns, int64_t tried_ns, struct error *err)
{
        return statement_run(store, statement_take(store, STATEMENT_SET_AGE, err, "ii", now_ns, tried_ns), NULL, err);
}

static int trim(struct alert_store *store, int64_t now_ns, uint64_t *ret_removed, struct error *err)
{
        int count = TRIM_STEP;
        for (int i = 0; i < TRIM_STEPS_MAX && count == TRIM_STEP; i++) {
                count = remove_some(store, now_ns, true, err);
                if (count < 0)
                        return -1;
                *ret_removed += (uint64_t)count;
        }
        for (int i = 0; i < TRIM_STEPS_MAX && alert_store_size(store) > store->limits.retain; i++) {
                count = remove_some(store, now_ns, false, err);
                if (count <= 0)
                        return count;
                *ret_removed += (uint64_t)count;
        }
        int64_t limit = now_ns - store->limits.retain_ns;
        return statement_run(
                       store, statement_take(store, STATEMENT_DELETE_MINUTES, err, "i", limit / MINUTE), NULL, err) < 0
                       ? -1
                       : statement_run(store,
                                 statement_take(
                                         store, STATEMENT_DELETE_MUTES, err, "ii", limit, (int64_t)MUTES_KEPT_MAX),
                                 NULL, err);
}

int alert_store_trim(struct alert_store *store, int64_t now_ns, uint64_t *ret_removed, struct error *err)
{
        uint64_t removed = 0;
        bool own = !store->within;
        if (own && alert_store_begin(store, err) < 0)
                return -1;
        if (trim(store, now_ns, &removed, err) < 0) {
                if (own)
                        alert_store_rollback(store);
                return -1;
        }
        if (own && alert_store_commit(store, err) < 0)
                return -1;
        *ret_removed += removed;
        return 0;
}
