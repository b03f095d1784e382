/* Reading the run log: lists for people and fronts, and the verification of its chain. */
#include "agent/runlog_internal.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "schema/json_writer.h"

#include <fcntl.h>

static const char *column(sqlite3_stmt *query, int index)
{
        const char *text = (const char *)sqlite3_column_text(query, index);
        return text ? text : "";
}

static void put_time(struct json_writer *writer, const char *key, int64_t time_ns)
{
        char text[TIME_TEXT_MAX];
        time_format_rfc3339(time_ns / MILLISECOND * MILLISECOND, text);
        json_field(writer, key, json_put_text, text);
}

/* The members of a row's body join the run's own. */
static void put_body(struct json_writer *writer, const char *key, const char *body)
{
        json_key(writer, key);
        if (*body)
                json_put_raw(writer, sv_of(body));
        else
                json_put_null(writer);
}

#define RUN_COLUMNS                                                                                                    \
        "SELECT i.seq, i.run, i.module, i.identity, i.door, i.time_ns, i.body, c.event, c.time_ns, c.body FROM log "   \
        "AS i"                                                                                                         \
        " LEFT JOIN log AS c ON c.run = i.run AND c.event <> 'intent' WHERE i.event = 'intent'"

static void put_run(struct json_writer *writer, sqlite3_stmt *query)
{
        bool over = sqlite3_column_type(query, 7) != SQLITE_NULL;
        json_begin_object(writer);
        json_field(writer, "run", json_put_text, column(query, 1));
        json_field(writer, "module", json_put_text, column(query, 2));
        json_field(writer, "state", json_put_text, over ? column(query, 7) : "running");
        json_field(writer, "identity", json_put_text, column(query, 3));
        json_field(writer, "door", json_put_text, column(query, 4));
        put_time(writer, "started", sqlite3_column_int64(query, 5));
        if (over)
                put_time(writer, "ended", sqlite3_column_int64(query, 8));
        put_body(writer, "asked", column(query, 6));
        if (over)
                put_body(writer, "summary", column(query, 9));
        json_end_object(writer);
}

int runlog_list(struct runlog *log, const struct runlog_filter *filter, struct buf *out, struct error *err)
{
        unsigned limit = filter->limit ? filter->limit : 100;
        sqlite3_stmt *query = store_prepare(log->store,
                RUN_COLUMNS " AND (?1 IS NULL OR i.seq < (SELECT seq FROM log WHERE run = ?1 AND event = 'intent'))"
                            " AND (?2 IS NULL OR i.module = ?2) AND (?3 IS NULL OR coalesce(c.event, 'running') = ?3)"
                            " ORDER BY i.seq DESC LIMIT ?4",
                err);
        if (!query)
                return -1;
        const char *texts[] = { filter->before, filter->module, filter->state };
        for (int i = 0; i < 3; i++)
                if (texts[i])
                        sqlite3_bind_text(query, i + 1, texts[i], -1, SQLITE_STATIC);
        sqlite3_bind_int(query, 4, (int)(limit < RUNLOG_LIST_MAX ? limit : RUNLOG_LIST_MAX));
        struct json_writer writer;
        json_writer_init(&writer, out, 0);
        json_begin_array(&writer);
        int step;
        while ((step = sqlite3_step(query)) == SQLITE_ROW)
                put_run(&writer, query);
        json_end_array(&writer);
        int status = step == SQLITE_DONE ? 0 : store_fail(log->store, err, "run log");
        sqlite3_finalize(query);
        return status == 0 && out->failed ? fail(err, E_TOO_LARGE, "the list is too long; ask for fewer runs") : status;
}

int runlog_show(struct runlog *log, const char *run, struct buf *out, struct error *err)
{
        sqlite3_stmt *query = store_prepare(log->store, RUN_COLUMNS " AND i.run = ?1", err);
        if (!query)
                return -1;
        sqlite3_bind_text(query, 1, run, -1, SQLITE_STATIC);
        int step = sqlite3_step(query);
        int status = 0;
        if (step == SQLITE_ROW) {
                struct json_writer writer;
                json_writer_init(&writer, out, 0);
                put_run(&writer, query);
        } else {
                status = step == SQLITE_DONE ? fail(err, E_NOT_FOUND, "there is no run %.32s", run)
                                             : store_fail(log->store, err, "run log");
        }
        sqlite3_finalize(query);
        return status;
}

/* A head that was noted elsewhere and has to be in the chain. */
struct noted {
        int64_t seq; /* 0 = none */
        char hash[RUNLOG_HASH_HEX];
        bool seen;
        const char *where;
};

static int parse_noted(struct sv text, const char *where, struct noted *ret, struct error *err)
{
        struct sv number;
        struct sv hash;
        struct sv rest = sv_trim(text);
        if (!sv_word(&rest, &number) || !sv_word(&rest, &hash) || !sv_parse_i64(number, &ret->seq) ||
                hash.n != RUNLOG_HASH_HEX - 1)
                return fail(err, E_INVALID, "%s: not \"NUMBER HASH\"", where);
        snprintf(ret->hash, sizeof(ret->hash), "%.*s", SV_ARG(hash));
        ret->where = where;
        return 0;
}

static int read_noted_file(struct runlog *log, struct noted *ret, struct error *err)
{
        cleanup(buf_done) struct buf text;
        buf_init(&text, 4096);
        if (file_read(AT_FDCWD, log->head_path, &text, err) < 0)
                return -1;
        return parse_noted(sv_n(buf_text(&text), text.len), log->head_path, ret, err);
}

static void broken(struct runlog_verdict *verdict, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void broken(struct runlog_verdict *verdict, const char *format, ...)
{
        char text[sizeof(verdict->message)];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (verdict->intact) /* the first finding tells most */
                memcpy(verdict->message, text, sizeof(text));
        verdict->intact = false;
}

static void check_row(
        sqlite3_stmt *query, struct noted *noted, int64_t *seq, char *hash, struct runlog_verdict *verdict)
{
        struct runlog_row row = { .event = column(query, 2),
                .run = column(query, 3),
                .module = column(query, 4),
                .identity = column(query, 5),
                .door = column(query, 6),
                .time_ns = sqlite3_column_int64(query, 1) };
        const char *body = column(query, 7);
        row.body = sv_n(body, (size_t)sqlite3_column_bytes(query, 7));
        int64_t here = sqlite3_column_int64(query, 0);
        char expected[RUNLOG_HASH_HEX];
        if (here != *seq + 1)
                broken(verdict, "row %lld is missing", (long long)*seq + 1);
        runlog_hash(hash, here, &row, expected);
        if (strcmp(expected, column(query, 8)) != 0)
                broken(verdict, "row %lld (run %s, %s) was changed, or a row before it", (long long)here, row.run,
                        row.event);
        for (size_t i = 0; i < 2; i++) {
                if (noted[i].seq != here)
                        continue;
                noted[i].seen = true;
                if (strcmp(noted[i].hash, column(query, 8)) != 0)
                        broken(verdict, "row %lld is not the one that was noted in %s", (long long)here,
                                noted[i].where);
        }
        *seq = here;
        snprintf(hash, RUNLOG_HASH_HEX, "%s", column(query, 8));
        verdict->rows++;
}

static int read_base(struct runlog *log, int64_t *ret_seq, char *ret_hash, struct error *err)
{
        sqlite3_stmt *query = store_prepare(log->store, "SELECT seq, hash FROM base", err);
        if (!query)
                return -1;
        int status = sqlite3_step(query) == SQLITE_ROW ? 0 : fail(err, E_CORRUPT, "the run log has no beginning");
        if (status == 0) {
                *ret_seq = sqlite3_column_int64(query, 0);
                snprintf(ret_hash, RUNLOG_HASH_HEX, "%s", column(query, 1));
        }
        sqlite3_finalize(query);
        return status;
}

int runlog_verify(struct runlog *log, const char *head, struct runlog_verdict *ret, struct error *err)
{
        struct runlog_verdict verdict = { .intact = true };
        struct noted noted[2] = { 0 };
        struct error why;
        int64_t seq;
        char hash[RUNLOG_HASH_HEX];
        if (read_base(log, &seq, hash, err) < 0 ||
                (head && parse_noted(sv_of(head), "the given head", &noted[1], err) < 0))
                return -1;
        verdict.first = (uint64_t)seq + 1;
        int64_t base = seq;
        int found = read_noted_file(log, &noted[0], &why);
        sqlite3_stmt *query = store_prepare(log->store,
                "SELECT seq, time_ns, event, run, module, identity, door, body, hash FROM log ORDER BY seq", err);
        if (!query)
                return -1;
        int step;
        while ((step = sqlite3_step(query)) == SQLITE_ROW)
                check_row(query, noted, &seq, hash, &verdict);
        int status = step == SQLITE_DONE ? 0 : store_fail(log->store, err, "run log");
        sqlite3_finalize(query);
        if (status < 0)
                return -1;
        if (found < 0 && seq > 0)
                broken(&verdict, "the noted head is gone: %s", why.message);
        for (size_t i = 0; i < 2; i++) {
                if (noted[i].seq > seq)
                        broken(&verdict, "the end is cut off: %s names row %lld, the last one here is %lld",
                                noted[i].where, (long long)noted[i].seq, (long long)seq);
                else if (noted[i].seq > base && !noted[i].seen)
                        broken(&verdict, "row %lld that %s names is missing", (long long)noted[i].seq, noted[i].where);
        }
        if (seq > noted[0].seq + 1 && verdict.intact)
                broken(&verdict, "the noted head is row %lld, the last one is %lld: rows were added by another hand",
                        (long long)noted[0].seq, (long long)seq);
        snprintf(verdict.head, sizeof(verdict.head), "%s", hash);
        if (verdict.intact)
                snprintf(verdict.message, sizeof(verdict.message), "intact");
        *ret = verdict;
        return 0;
}
