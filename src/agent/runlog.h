/* The log of runs: one row before a run begins (intent) and one when it ended (completed, or lost when the agent died
 * in between), each synced to disk before anybody is told. Every row carries SHA-256 over the hash of the row before it
 * and its own fields, and the head is kept in a second file too: an edited row, a missing one and a cut tail are found
 * by runlog_verify, which needs no agent. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

#include <stdbool.h>
#include <stdint.h>

struct runlog;
struct buf;

enum { RUN_ID_MAX = 24, RUNLOG_HASH_HEX = 65, RUNLOG_BODY_MAX = 64 << 10, RUNLOG_LIST_MAX = 1000 };

enum { RUNLOG_ROWS_MAX = 1000000 }; /* unless set otherwise */

/* path: of the database; the head stands beside it as PATH.head. read_only: for `tarsier runs`. */
struct runlog *runlog_open(const char *path, bool read_only, struct error *err);
void runlog_close(struct runlog *log);

/* Rows kept: beyond it the oldest tenth goes, and the chain begins at the hash of the last of them. */
void runlog_set_max(struct runlog *log, uint64_t rows);

struct runlog_row {
        const char *event; /* "intent", "completed", "lost" */
        const char *run;   /* ID */
        const char *module;
        const char *identity; /* "uid 0 (root)", "token deploy", "schedule nightly" */
        const char *door;     /* "socket", "http", "schedule" */
        struct sv body;       /* one JSON object: what else there is to say */
        int64_t time_ns;
};

/* Appends and syncs. */
int runlog_append(struct runlog *log, const struct runlog_row *row, struct error *err);

/* Closes the intents that have no end: each becomes a "lost" row. Returns their number in *ret_count. */
int runlog_close_open(struct runlog *log, const char *reason, uint64_t *ret_count, struct error *err);

/* Time of the latest intent of this identity; 0 = there is none. */
int runlog_last_intent(struct runlog *log, const char *identity, int64_t *ret_time_ns, struct error *err);

struct runlog_filter {
        unsigned limit;     /* 0 = 100; at most RUNLOG_LIST_MAX */
        const char *before; /* ID of a run: only older ones */
        const char *module;
        const char *state; /* "running", "completed", "lost" */
};

/* A JSON list of runs, newest first, appended to out. */
int runlog_list(struct runlog *log, const struct runlog_filter *filter, struct buf *out, struct error *err);
/* One run as JSON, or E_NOT_FOUND. */
int runlog_show(struct runlog *log, const char *run, struct buf *out, struct error *err);

struct runlog_verdict {
        uint64_t rows;
        uint64_t first; /* number of the first row kept */
        bool intact;
        char head[RUNLOG_HASH_HEX];
        char message[256]; /* what is wrong and where, or "intact" */
};

/* head: a "NUMBER HASH" from elsewhere (the journal) that has to be in the chain; NULL = none. -1 only when it cannot
 * be read. */
int runlog_verify(struct runlog *log, const char *head, struct runlog_verdict *ret, struct error *err);

/* "NUMBER HASH" of the last row, for the journal. */
void runlog_head(const struct runlog *log, char *ret, size_t size);
uint64_t runlog_rows(const struct runlog *log);
