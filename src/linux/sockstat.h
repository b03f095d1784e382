/* /proc/net/sockstat and sockstat6: every row with every pair. */
#pragma once

#include "base/error.h"
#include "base/sv.h"

enum { SOCKSTAT_ROWS_MAX = 24, SOCKSTAT_PAIRS_MAX = 8, SOCKSTAT_NAME_MAX = 16 };

struct sockstat_pair {
        char name[SOCKSTAT_NAME_MAX]; /* "inuse", "mem" (pages), "memory" (bytes), "orphan", "tw", "alloc", "used" */
        uint64_t value;
};

struct sockstat_row {
        char protocol[SOCKSTAT_NAME_MAX]; /* "sockets", "TCP", "UDP", "UDPLITE", "RAW", "FRAG", "TCP6" … */
        struct sockstat_pair pairs[SOCKSTAT_PAIRS_MAX];
        size_t count;
};

struct sockstat {
        struct sockstat_row rows[SOCKSTAT_ROWS_MAX]; /* in the kernel's order, sockstat before sockstat6 */
        size_t count;
        size_t refused; /* malformed or beyond the tables */
};

/* Appends the rows of text to *into, which the caller zeroed. */
void sockstat_parse(struct sv text, struct sockstat *into);
/* dir: "proc/net" or "proc/PID/net". A missing sockstat6 (IPv6 off) is no error. */
int sockstat_read(int root, const char *dir, struct sockstat *ret, struct error *err);
/* False when the row or the pair is absent. */
bool sockstat_value(const struct sockstat *stat, const char *protocol, const char *name, uint64_t *ret);
