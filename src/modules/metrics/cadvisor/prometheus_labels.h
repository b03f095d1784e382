/* The columns of labels that all containers of one answer share. */
#pragma once

#include "base/map.h"
#include "base/vec.h"
#include "modules/metrics/cadvisor/cadvisor.h"

enum { LABEL_COLUMNS_MAX = EXPOSITION_LABELS_MAX / 2 }; /* names beyond are left out and counted */

struct label_column {
        const char *name; /* sanitised; of the exposition */
        size_t place;     /* in the row, which is sorted by name */
};

struct label_columns {
        const struct metrics_options *options;
        struct exposition *out;
        struct map raw, names; /* given and sanitised name to the index of the column */
        VEC(struct label_column) items;
        struct exposition_label *row;
        size_t refused;
};

void label_columns_init(struct label_columns *columns, const struct metrics_options *options, struct exposition *out);
void label_columns_done(struct label_columns *columns);

static inline void label_columns_done_p(struct label_columns *columns)
{
        label_columns_done(columns);
}

/* First every container is noted, then the columns are closed (-1: no memory), then each gets its set. */
void label_columns_note(struct label_columns *columns, const struct cadvisor_container_metrics *container);
int label_columns_close(struct label_columns *columns);
struct exposition_labels *label_columns_set(
        struct label_columns *columns, const struct cadvisor_container_metrics *container);
