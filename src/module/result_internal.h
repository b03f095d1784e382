/* A run's result between its two halves: result.c takes frames, result_write.c gives rows and the envelope out. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "module/result.h"
#include "module/spool.h"

/* Rows of one label stand in the spool as a chain of extents, each an unbroken run of that label's rows:
 *
 *      extent:  u64 offset of the label's next extent (0 = last), u64 bytes of rows in this one
 *      row:     u32 length, JSON
 */
struct extent {
        uint64_t next;
        uint64_t size;
};

struct label {
        char *name; /* as sent: "group\x1flabel" or "label"; owned by the map */
        size_t length;
        uint64_t first; /* offset + 1 of the first extent, 0 = no rows */
        uint64_t last;  /* offset of the last one */
        struct extent open;
        uint64_t rows;
        unsigned flags;
};

struct result {
        enum shape shape;
        struct spool spool;
        uint64_t spool_max;
        bool rows_pass; /* counted only */
        struct map labels;
        struct label *current; /* whose extent is open at the end of the spool */
        VEC(char *) errors;
        VEC(char *) skipped;
        char *statistics;
        char *partial;
        char *cursor;
        uint64_t rows;
        uint64_t rows_lost;
        uint64_t errors_lost;
        uint64_t skipped_lost;
        uint64_t texts_bytes; /* of errors, skipped paths and the worker's other texts */
        uint64_t labels_bytes;
        bool found;
        bool success;
        bool failed; /* by the parent's word, whatever the worker says */
        bool done;
        enum error_code code;
};

/* Writes the final size of the open extent into its header. */
int result_close_extent(struct result *result, struct error *err);
