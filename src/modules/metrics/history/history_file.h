/* How history lies on disk. A directory (0700) of files (0600), numbered in the order in which they were begun:
 *
 *      history-L-NNNNNNNNNN.seg    steps of level L; written at the end only
 *      lock                        held by the one writer (flock)
 *
 * Every record has the frame of lib/segment (length, CRC-32C) and begins with its kind, by which the next one is found
 * behind a damaged place:
 *
 *      HEAD    struct history_file_head, then the names of the metrics in the order of the columns, each with its NUL
 *      SERIES  struct history_series_head, then its labels: name NUL value NUL …, sorted by name
 *      BATCH   struct history_batch_head; then as varints (history_batch.h): of each row its number of steps behind the
 *              first one and its slots; how many columns; of each column its bytes; then the columns
 *
 * A slot has its SERIES before the first BATCH that has the slot; slots are numbered from 0 in each file. Steps may
 * come twice (after a kill) and out of order (after a clock was set). Numbers are little endian. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/timefmt.h"
#include "modules/metrics/history/history.h"
#include "modules/metrics/history/history_batch.h"

enum {
        HISTORY_VERSION = 1,
        HISTORY_NAME_MAX = 40,
        HISTORY_FILES_MAX = 4096,    /* of one level; beyond, the oldest go */
        HISTORY_RESYNC_MAX = 64,     /* damaged places in one file that are looked behind */
        HISTORY_FILE_MAX = 64 << 20, /* bytes of one file that are ever read */
};

#define HISTORY_KIND(n) (UINT32_C(0x0048549d) | (uint32_t)(n) << 24) /* 9d 'T' 'H' n */
#define HISTORY_KIND_MARK "\x9dTH"
enum history_kind { HISTORY_HEAD = 1, HISTORY_SERIES = 2, HISTORY_BATCH = 3 };

struct history_file_head {
        uint32_t kind, version, level, metrics;
        int64_t step_ns, begun_ns;
};

struct history_series_head {
        uint32_t kind, slot, labels, reserved;
};

struct history_batch_head {
        uint32_t kind, rows;
        int64_t first_ns, end_ns; /* of the first step, and the end of the last */
};

/* A BATCH taken apart: views into the record. */
struct history_batch {
        int64_t first_ns, end_ns;
        size_t rows, slots_max;
        int64_t starts_ns[HISTORY_ROWS_MAX];
        uint32_t slots[HISTORY_ROWS_MAX];
        struct sv columns[HISTORY_METRICS_MAX];
        size_t column_count;
};
bool history_batch_parse(struct sv record, int64_t step_ns, struct history_batch *ret);

struct history_identity { /* the labels of a series as they are stored */
        struct sv labels;
        uint32_t slot, count;
};
bool history_series_parse(struct sv record, struct history_identity *ret);
/* Takes the next pair off; false at the end, or where it is damaged. */
bool history_label_next(struct sv *rest, struct sv *ret_name, struct sv *ret_value);
/* "" when the series has no such label. */
struct sv history_label_find(struct sv labels, struct sv name);

void history_put_head(struct buf *out, unsigned level, int64_t step_ns, int64_t begun_ns);
void history_put_series(struct buf *out, uint32_t slot, struct sv labels, uint32_t count);

void history_file_name(unsigned level, uint64_t number, char *ret); /* HISTORY_NAME_MAX bytes */
bool history_file_parse(const char *name, unsigned *ret_level, uint64_t *ret_number);

/* One file from its front to its end. */
struct history_reader {
        int fd;
        uint64_t offset, size;
        struct history_file_head head;
        int metric_of[HISTORY_METRICS_MAX]; /* column of the file → metric of ours, -1: not known here */
        int column_of[HISTORY_METRICS_MAX]; /* the other way round */
        int64_t first_ns, end_ns;           /* of all batches met, also of those passed over */
        uint64_t corrupt;                   /* damaged places met */
        struct buf record;
};
/* E_CORRUPT for what is no history file, E_UNSUPPORTED for a newer version's. */
int history_reader_open(int directory, const char *name, struct history_reader *ret, struct error *err);
void history_reader_close(struct history_reader *reader);
/* The next record that is SERIES, or a BATCH with steps between from_ns and to_ns: 1; 0 at the end; -1: reading failed.
 * The view is valid until the next call. */
int history_reader_next(struct history_reader *reader, int64_t from_ns, int64_t to_ns, struct sv *ret_record,
        enum history_kind *ret_kind, struct error *err);
