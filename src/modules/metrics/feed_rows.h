/* The rows of a feed by their key, which look changed each, and the graves of those that went; pure. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "modules/metrics/feed.h"

struct feed_row {                 /* head of every row; the record follows somewhere behind it */
        uint64_t looked, changed; /* looks: the last that saw it, the last that changed it */
};

struct feed_table {
        enum feed_kind kind;
        size_t size;   /* of a row with all that is kept of it */
        size_t record; /* where in it the record is */
        struct map rows;
        uint64_t refused;        /* at the last look */
        void (*done)(void *row); /* what a row owns, NULL: nothing */
};

struct feed_grave {
        uint64_t look;
        enum feed_kind kind;
        char *name;
        struct feed_key key; /* of a process */
};

struct feed_graves {
        VEC(struct feed_grave) list; /* in order of looks */
        size_t max;
        uint64_t lost; /* the last look whose graves are not all kept; 0: none */
};

void feed_table_init(
        struct feed_table *table, enum feed_kind kind, size_t size, size_t record, size_t max, void (*done)(void *));
void feed_table_done(struct feed_table *table);
void feed_table_begin(struct feed_table *table);
/* The row of this key, made when there is none (zeroed, *ret_new true); NULL when it does not fit: counted. */
void *feed_table_see(struct feed_table *table, struct sv key, uint64_t look, bool *ret_new);
/* A row's record as it is now. Padding counts: begin from zeroed memory. Texts are compared by address. */
void feed_table_set(const struct feed_table *table, void *row, const void *record, uint64_t look);
static inline const void *feed_table_record(const struct feed_table *table, const void *row)
{
        return (const char *)row + table->record;
}
/* Buries the rows that this look did not see. */
void feed_table_sweep(struct feed_table *table, uint64_t look, struct feed_graves *graves);

void feed_graves_done(struct feed_graves *graves);
/* Every reader that saw less than this look begins anew. */
void feed_graves_lose(struct feed_graves *graves, uint64_t look);
void feed_graves_forget(struct feed_graves *graves, uint64_t seen);
/* Those after look `seen` into the record, lists in the arena; false when there is none. A reader that saw a look
 * (seen is not 0) before graves were lost gets all = true alone. */
bool feed_graves_tell(
        const struct feed_graves *graves, uint64_t seen, unsigned parts, struct arena *arena, struct feed_gone *ret);

/* ---- rates ---- */

/* How much a counter grew; one that fell began anew, and what it has is since then. */
static inline uint64_t feed_grown(uint64_t before, uint64_t now)
{
        return now >= before ? now - before : now;
}
/* A second's, rounded: 4 digits behind the point below 100, else whole. */
double feed_rate(double amount, int64_t span_ns);
double feed_rounded(double value);
