#include "agent/runlog.h"

#include "agent/runlog_internal.h"
#include "base/cleanup.h"
#include "base/encode.h"
#include "base/path.h"
#include "lib/digest/digest.h"
#include "schema/json_writer.h"

#include <fcntl.h>

static const char *const steps[] = {
        "CREATE TABLE log (seq INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, event TEXT NOT NULL, run TEXT NOT NULL,"
        " module TEXT NOT NULL, identity TEXT NOT NULL, door TEXT NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL) "
        "STRICT;"
        "CREATE UNIQUE INDEX log_run ON log (run, event);"
        "CREATE INDEX log_identity ON log (identity, seq) WHERE event = 'intent';"
        "CREATE TABLE base (seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;"
        "INSERT INTO base VALUES (0, '" RUNLOG_ZERO_HASH "');",
};

/* Length-prefixed, so that no two rows have the same bytes. */
void runlog_hash(const char *previous, int64_t seq, const struct runlog_row *row, char ret[RUNLOG_HASH_HEX])
{
        struct digest digest;
        char numbers[64];
        char hex[DIGEST_HEX_MAX];
        digest_init(&digest, DIGEST_BIT(DIGEST_SHA256));
        digest_update(&digest, previous, strlen(previous));
        int length = snprintf(numbers, sizeof(numbers), "|%lld|%lld|", (long long)seq, (long long)row->time_ns);
        digest_update(&digest, numbers, (size_t)length);
        struct sv parts[] = { sv_of(row->event), sv_of(row->run), sv_of(row->module), sv_of(row->identity),
                sv_of(row->door), row->body };
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                length = snprintf(numbers, sizeof(numbers), "%zu:", parts[i].n);
                digest_update(&digest, numbers, (size_t)length);
                digest_update(&digest, parts[i].p, parts[i].n);
        }
        digest_finish_hex(&digest, DIGEST_SHA256, false, hex);
        snprintf(ret, RUNLOG_HASH_HEX, "%.64s", hex);
}

static int read_head(struct runlog *log, struct error *err)
{
        sqlite3_stmt *query = store_prepare(log->store,
                "SELECT seq, hash FROM (SELECT seq, hash FROM log UNION ALL SELECT seq, hash FROM base) ORDER BY seq "
                "DESC LIMIT 1",
                err);
        if (!query)
                return -1;
        int status = sqlite3_step(query) == SQLITE_ROW ? 0 : store_fail(log->store, err, "head of the run log");
        if (status == 0) {
                const char *hash = (const char *)sqlite3_column_text(query, 1);
                log->seq = sqlite3_column_int64(query, 0);
                snprintf(log->hash, sizeof(log->hash), "%s", hash ? hash : "");
        }
        sqlite3_finalize(query);
        if (status == 0 && (query = store_prepare(log->store, "SELECT count(*) FROM log", err))) {
                if (sqlite3_step(query) == SQLITE_ROW)
                        log->rows = (uint64_t)sqlite3_column_int64(query, 0);
                sqlite3_finalize(query);
        }
        return status;
}

struct runlog *runlog_open(const char *path, bool read_only, struct error *err)
{
        struct runlog *log = calloc(1, sizeof(*log));
        if (!log)
                return fail_null(err, E_NO_MEMORY, "no memory for the run log");
        log->head_fd = -1;
        log->rows_max = RUNLOG_ROWS_MAX;
        snprintf(log->head_path, sizeof(log->head_path), "%s.head", path);
        log->store = store_open(path, steps, sizeof(steps) / sizeof(steps[0]), read_only ? STORE_READ_ONLY : 0, err);
        if (!log->store || read_head(log, err) < 0)
                goto failed;
        if (!read_only) {
                log->head_fd = open(log->head_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (log->head_fd < 0) {
                        fail_errno(err, "%s", log->head_path);
                        goto failed;
                }
                log->insert = store_prepare(log->store, "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", err);
                if (!log->insert)
                        goto failed;
        }
        return log;
failed:
        runlog_close(log);
        return NULL;
}

void runlog_set_max(struct runlog *log, uint64_t rows)
{
        log->rows_max = rows;
}

void runlog_close(struct runlog *log)
{
        if (!log)
                return;
        sqlite3_finalize(log->insert);
        store_close(log->store);
        fd_close(&log->head_fd);
        free(log);
}

void runlog_head(const struct runlog *log, char *ret, size_t size)
{
        snprintf(ret, size, "%lld %s", (long long)log->seq, log->hash);
}

uint64_t runlog_rows(const struct runlog *log)
{
        return log->rows;
}

/* One line of fixed length in one write: it is whole or it is not there. It may lag one row behind after a crash, it
 * never leads: the row is on disk first. */
static int anchor(struct runlog *log, struct error *err)
{
        char line[128];
        int length = snprintf(line, sizeof(line), "%020lld %s\n", (long long)log->seq, log->hash);
        if (pwrite(log->head_fd, line, (size_t)length, 0) != length)
                return fail_errno(err, "%s", log->head_path);
        return 0;
}

static int insert(struct runlog *log, const struct runlog_row *row, struct error *err)
{
        char hash[RUNLOG_HASH_HEX];
        runlog_hash(log->hash, log->seq + 1, row, hash);
        sqlite3_stmt *insert = log->insert;
        sqlite3_bind_int64(insert, 1, log->seq + 1);
        sqlite3_bind_int64(insert, 2, row->time_ns);
        const char *texts[] = { row->event, row->run, row->module, row->identity, row->door };
        for (int i = 0; i < 5; i++)
                sqlite3_bind_text(insert, 3 + i, texts[i], -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 8, row->body.p, (int)row->body.n, SQLITE_STATIC);
        sqlite3_bind_text(insert, 9, hash, -1, SQLITE_STATIC);
        int status = sqlite3_step(insert) == SQLITE_DONE ? 0 : store_fail(log->store, err, "run log");
        sqlite3_reset(insert);
        sqlite3_clear_bindings(insert);
        if (status == 0) {
                log->seq++;
                log->rows++;
                snprintf(log->hash, sizeof(log->hash), "%s", hash);
        }
        return status;
}

/* The oldest tenth goes at once, so that this is rare. */
static int prune(struct runlog *log, struct error *err)
{
        uint64_t step = log->rows_max / 10 + 1;
        char sql[512];
        if (log->rows <= log->rows_max)
                return 0;
        snprintf(sql, sizeof(sql),
                "BEGIN IMMEDIATE; UPDATE base SET (seq, hash) = (SELECT seq, hash FROM log ORDER BY seq LIMIT 1 OFFSET "
                "%llu);"
                "DELETE FROM log WHERE seq <= (SELECT seq FROM base); COMMIT",
                (unsigned long long)(step - 1));
        if (store_execute(log->store, sql, err) < 0) {
                store_execute(log->store, "ROLLBACK", NULL);
                return -1;
        }
        log->rows -= step;
        return 0;
}

int runlog_append(struct runlog *log, const struct runlog_row *row, struct error *err)
{
        if (row->body.n > RUNLOG_BODY_MAX)
                return fail(err, E_TOO_LARGE, "a log row of %zu bytes", row->body.n);
        if (insert(log, row, err) < 0 || anchor(log, err) < 0)
                return -1;
        return prune(log, err);
}

int runlog_close_open(struct runlog *log, const char *reason, uint64_t *ret_count, struct error *err)
{
        sqlite3_stmt *query = store_prepare(log->store,
                "SELECT run, module, identity, door FROM log AS i WHERE event = 'intent' AND NOT EXISTS"
                " (SELECT 1 FROM log AS c WHERE c.run = i.run AND c.event <> 'intent') ORDER BY seq LIMIT 1",
                err);
        if (!query)
                return -1;
        cleanup(buf_done) struct buf body;
        struct json_writer writer;
        buf_init(&body, 4096);
        json_writer_init(&writer, &body, 0);
        json_begin_object(&writer);
        json_field(&writer, "reason", json_put_text, reason);
        json_end_object(&writer);
        uint64_t count = 0;
        int status = 0;
        while (status == 0 && sqlite3_step(query) == SQLITE_ROW) {
                char texts[4][512];
                for (int i = 0; i < 4; i++)
                        snprintf(texts[i], sizeof(texts[i]), "%s", (const char *)sqlite3_column_text(query, i));
                sqlite3_reset(query); /* a write must not find a reader of its own behind it */
                struct runlog_row row = { .event = "lost",
                        .run = texts[0],
                        .module = texts[1],
                        .identity = texts[2],
                        .door = texts[3],
                        .body = sv_n(body.data, body.len),
                        .time_ns = time_unix_ns() };
                status = runlog_append(log, &row, err);
                count++;
        }
        sqlite3_finalize(query);
        if (status == 0)
                *ret_count = count;
        return status;
}

int runlog_last_intent(struct runlog *log, const char *identity, int64_t *ret_time_ns, struct error *err)
{
        sqlite3_stmt *query = store_prepare(log->store,
                "SELECT time_ns FROM log WHERE event = 'intent' AND identity = ? ORDER BY seq DESC LIMIT 1", err);
        if (!query)
                return -1;
        sqlite3_bind_text(query, 1, identity, -1, SQLITE_STATIC);
        int step = sqlite3_step(query);
        int status = step == SQLITE_ROW || step == SQLITE_DONE ? 0 : store_fail(log->store, err, "run log");
        if (status == 0)
                *ret_time_ns = step == SQLITE_ROW ? sqlite3_column_int64(query, 0) : 0;
        sqlite3_finalize(query);
        return status;
}
