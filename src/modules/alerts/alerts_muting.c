/* Mutes, and how many alerts came in each minute. */
#include "alerts_store.h"

int alert_store_mutes(struct alert_store *store, alert_mute_fn *fn, void *cookie, struct error *err)
{
        int status;
        sqlite3_stmt *statement = statement_take(store, STATEMENT_MUTES, err, "");
        if (!statement)
                return -1;
        while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
                int64_t severity = sqlite3_column_int64(statement, 4);
                struct alert_mute mute = {
                        .id = sqlite3_column_int64(statement, 0),
                        .module = column_text(statement, 1),
                        .rule = column_text(statement, 2),
                        .container = column_text(statement, 3),
                        .severity = severity >= 0 && severity < ALERT_SEVERITIES ? (int)severity : 0,
                        .created_ns = sqlite3_column_int64(statement, 5),
                        .until_ns = sqlite3_column_int64(statement, 6),
                        .by = column_text(statement, 7),
                        .comment = column_text(statement, 8),
                        .ended_ns = sqlite3_column_int64(statement, 9),
                        .ended_by = column_text(statement, 10),
                        .count = sqlite3_column_int64(statement, 11),
                };
                if (!fn(&mute, cookie)) {
                        status = SQLITE_DONE;
                        break;
                }
        }
        int result = status == SQLITE_DONE ? 0 : alert_store_fail(store, err);
        statement_done(statement);
        return result;
}

int alert_store_add_mute(struct alert_store *store, const struct alert_mute *mute, int64_t *ret_id, struct error *err)
{
        sqlite3_stmt *statement =
                statement_take(store, STATEMENT_INSERT_MUTE, err, "sssiiiss", mute->module, mute->rule, mute->container,
                        (int64_t)mute->severity, mute->created_ns, mute->until_ns, mute->by, mute->comment);
        if (statement_run(store, statement, NULL, err) < 0)
                return -1;
        *ret_id = sqlite3_last_insert_rowid(store->database);
        return 0;
}

int alert_store_end_mute(struct alert_store *store, int64_t id, int64_t now_ns, const char *by, struct error *err)
{
        int changes = 0;
        sqlite3_stmt *statement = statement_take(store, STATEMENT_END_MUTE, err, "isii", now_ns, by, id, now_ns);
        if (statement_run(store, statement, &changes, err) < 0)
                return -1;
        return changes ? 0 : fail(err, E_NOT_FOUND, "there is no mute %lld in force", (long long)id);
}

int alert_store_count_mute(struct alert_store *store, int64_t id, int64_t count, struct error *err)
{
        return statement_run(store, statement_take(store, STATEMENT_COUNT_MUTE, err, "ii", count, id), NULL, err);
}

bool alert_mute_match(const struct alert_mute *mute, const struct alert_row *row)
{
        return row->severity <= mute->severity && alert_word_match(mute->module, row->module) &&
               alert_word_match(mute->rule, row->rule) &&
               (!*mute->container || alert_container_match(mute->container, row));
}

struct existing {
        const struct alert_mute *mute;
        struct alert_ids *ids;
};

static bool add_existing(const struct alert_row *row, void *cookie)
{
        struct existing *existing = cookie;
        if (!alert_mute_match(existing->mute, row))
                return true;
        int64_t *id = vec_add(existing->ids, SIZE_MAX / sizeof(int64_t)); /* the store has a size */
        if (id)
                *id = row->id;
        return id != NULL;
}

int alert_store_mute_existing(
        struct alert_store *store, const struct alert_mute *mute, struct alert_ids *ret, struct error *err)
{
        struct existing existing = { mute, ret };
        if (alert_store_scan_open(store, add_existing, &existing, err) < 0)
                return -1;
        for (size_t i = 0; i < ret->count; i++)
                if (statement_run(store, statement_take(store, STATEMENT_MUTE, err, "ii", mute->id, ret->items[i]),
                            NULL, err) < 0)
                        return -1;
        return ret->count ? alert_store_count_mute(store, mute->id, (int64_t)ret->count, err) : 0;
}

int alert_store_count_minute(
        struct alert_store *store, int64_t minute, int severity, bool muted, int64_t count, struct error *err)
{
        return statement_run(store,
                statement_take(
                        store, STATEMENT_COUNT_MINUTE, err, "iiii", minute, (int64_t)severity, (int64_t)muted, count),
                NULL, err);
}

static int count_open(struct alert_store *store, struct alert_counts *ret, struct error *err)
{
        int status;
        sqlite3_stmt *statement = statement_take(store, STATEMENT_COUNT_OPEN, err, "");
        if (!statement)
                return -1;
        while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
                int64_t severity = sqlite3_column_int64(statement, 0);
                if (severity >= 0 && severity < ALERT_SEVERITIES)
                        ret->open[severity] = (uint64_t)sqlite3_column_int64(statement, 1);
        }
        int result = status == SQLITE_DONE ? 0 : alert_store_fail(store, err);
        statement_done(statement);
        return result;
}

struct bins {
        int64_t start, step; /* minutes; the bin under way */
        uint64_t counts[ALERT_SEVERITIES];
        alert_bin_fn *fn;
        void *cookie;
};

/* Hands out the bins before the one that holds `minute`. */
static void advance(struct bins *bins, int64_t minute)
{
        while (bins->fn && minute >= bins->start + bins->step) {
                bins->fn(bins->start * MINUTE, bins->counts, bins->cookie);
                memset(bins->counts, 0, sizeof(bins->counts));
                bins->start += bins->step;
        }
}

int alert_store_counts(struct alert_store *store, int64_t since_ns, int64_t now_ns, int64_t step_ns,
        struct alert_counts *ret, alert_bin_fn *fn, void *cookie, struct error *err)
{
        int status;
        int64_t step = step_ns / MINUTE ? step_ns / MINUTE : 1;
        struct bins bins = { .start = since_ns / MINUTE / step * step, .step = step, .fn = fn, .cookie = cookie };
        *ret = (struct alert_counts){ 0 };
        if (count_open(store, ret, err) < 0)
                return -1;
        sqlite3_stmt *statement = statement_take(store, STATEMENT_MINUTES, err, "i", bins.start);
        if (!statement)
                return -1;
        while ((status = sqlite3_step(statement)) == SQLITE_ROW) {
                int64_t minute = sqlite3_column_int64(statement, 0);
                int64_t severity = sqlite3_column_int64(statement, 1);
                bool muted = sqlite3_column_int64(statement, 2) != 0;
                uint64_t count = (uint64_t)sqlite3_column_int64(statement, 3);
                if (severity < 0 || severity >= ALERT_SEVERITIES || minute > now_ns / MINUTE)
                        continue;
                (muted ? ret->muted : ret->total)[severity] += count;
                advance(&bins, minute);
                if (!muted)
                        bins.counts[severity] += count;
        }
        int result = status == SQLITE_DONE ? 0 : alert_store_fail(store, err);
        statement_done(statement);
        if (result == 0)
                advance(&bins, now_ns / MINUTE + step); /* the one that is not over, too */
        return result;
}
