/* Shared by runlog.c and runlog_read.c. */
#pragma once

#include "agent/runlog.h"
#include "base/timefmt.h"
#include "lib/store/store.h"

#define RUNLOG_ZERO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

struct runlog {
        sqlite3 *store;
        sqlite3_stmt *insert;
        int head_fd;
        char head_path[4096];
        int64_t seq; /* of the last row */
        uint64_t rows;
        uint64_t rows_max;
        char hash[RUNLOG_HASH_HEX]; /* of the last row */
};

void runlog_hash(const char *previous, int64_t seq, const struct runlog_row *row, char ret[RUNLOG_HASH_HEX]);
