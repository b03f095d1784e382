/* The store as its parts share it: history.c (samples and steps), history_level.c (levels: rows, batches, files, room),
 * history_open.c (opening, what a kill left), history_read.c (steps for a question). */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "modules/metrics/history/history_file.h"
#include "modules/metrics/history/history_metrics.h"

/* What the running step has of one metric, in the codec's scale. last outlives the step. */
struct history_accumulator {
        float sum; /* of value times weight */
        float weight, minimum, maximum, last;
};

struct history_live {                   /* as long as it is sampled */
        int64_t sample_ns, interval_ns; /* of the last sample, and from the one before to it */
        uint64_t has;                   /* metrics of the last sample */
        uint64_t rated;                 /* counters that have a rate since */
        uint64_t counters[HISTORY_METRICS];
        struct history_accumulator cells[HISTORY_METRICS];
};

/* A container, as long as it is sampled or some level's file has a slot for it. */
struct history_container {
        char *labels; /* as stored */
        uint32_t labels_size, label_count;
        uint32_t references; /* slots */
        uint64_t identity;   /* hash of what it is known by: another one is another series */
        int64_t created_ns;
        int64_t seen_ns;                /* the last step that has something of it */
        struct history_live *now;       /* NULL: it is gone */
        uint32_t slots[HISTORY_LEVELS]; /* 0: none, else 1 + slot */
};

/* Steps that are not in a record yet. */
struct history_pending {
        int64_t starts_ns[HISTORY_ROWS_MAX];
        uint32_t slots[HISTORY_ROWS_MAX];
        size_t rows;
        struct buf columns[HISTORY_METRICS];
        uint32_t *before; /* [metric][capacity] */
        size_t capacity;
};

struct history_stored {
        uint64_t number, bytes;
        int64_t first_ns, end_ns; /* INT64_MAX, INT64_MIN: nothing in it */
        bool unusable;            /* damaged in its head, or of a newer version: it only counts for room */
};

struct history_level {
        unsigned index;
        int64_t step_ns, batch_ns;             /* batches end at multiples of this: the step of the next level */
        VEC(struct history_container *) slots; /* of the file that is being written, or the next one */
        size_t written_slots;
        struct history_pending pending;
        struct buf outbox; /* BATCH records to be written */
        int fd;            /* of the last of files; -1: the next write begins one */
        int64_t begun_ns;
        VEC(struct history_stored) files; /* oldest first */
        uint64_t next_number;
};

struct history {
        struct history_options options;
        int directory, lock;
        bool writable;
        struct history_level levels[HISTORY_LEVELS];
        struct map containers; /* by name of the group */
        int64_t step_start_ns, now_ns, retry_ns, retain_ns;
        struct history_cell *cells; /* scratch: a row */
        double *sums;
        uint32_t *counts;
        size_t scratch;
        char **label_names;
        size_t label_name_count;
        struct buf text;          /* scratch */
        struct history_host host; /* for the next sample of "/" */
        struct history_counters counters;
        struct error problem;
        bool in_trouble;
};

static inline int64_t history_floor(int64_t time_ns, int64_t step_ns)
{
        return time_ns - time_ns % step_ns;
}

/* ---- history_level.c ---- */

int history_level_init(struct history_level *level, unsigned index, int64_t step_ns);
void history_level_done(struct history *history, struct history_level *level);
/* Room in the scratch rows for so many slots. */
int history_scratch(struct history *history, size_t slots);
/* 0; -1: there is no room for another container in this level. */
int history_level_slot(struct history *history, struct history_level *level, struct history_container *container);
/* A row: begin (ends the batch before, where it has to), the slots, room for them, each metric (history->cells has the
 * cells), end. -1: not to be had. */
int history_level_begin(struct history *history, struct history_level *level, int64_t start_ns, bool replay);
int history_level_room(struct history *history, struct history_level *level);
void history_level_put(struct history *history, struct history_level *level, size_t metric);
void history_level_end(struct history *history, struct history_level *level, int64_t start_ns);
/* Folds the rows that wait into a row of the next level and makes them a record (not in a replay: it is there). */
void history_level_close_batch(struct history *history, struct history_level *level, bool replay);
/* Writes what waits, unless trouble was met a moment ago. */
void history_level_write(struct history *history, struct history_level *level, bool force);
void history_level_retain(struct history *history);

void history_container_release(struct history_container *container);

/* ---- history_open.c ---- */

int history_open_directory(struct history *history, const char *path, struct error *err);
int history_list_files(struct history *history, struct error *err);
/* Makes the rows of coarser levels again that were not written yet. */
int history_replay(struct history *history, struct error *err);
/* Its container, made when there is none: NULL without memory. */
struct history_container *history_container_of(struct history *history, struct sv labels, uint32_t count);
