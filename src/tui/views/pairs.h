/* The members of a JSON object as a list to scroll in: "process.container.name   web". */
#pragma once

#include "tui/widgets/grid.h"

enum { PAIRS_MAX = 2000, PAIR_VALUE_MAX = 4096, PAIR_PATH_MAX = 256 };

struct pairs {
        struct grid *grid;
        struct pair *items;
        size_t count, capacity;
};

int pairs_init(struct pairs *pairs, struct error *err);
void pairs_done(struct pairs *pairs);
/* What was there before is gone. Beyond PAIRS_MAX members the rest is not shown. */
void pairs_set(struct pairs *pairs, struct sv json);
