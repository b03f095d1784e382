/* The figures that cAdvisor's storage drivers push, one after the other, so that each exporter only says them in its
 * own form. Names are those of the drivers (cmd/internal/storage). */
#pragma once

#include "modules/metrics/stats.h"

enum { FIGURE_TAGS_MAX = 3, FIGURE_NAME_MAX = 512 };

struct figure {
        const char *name; /* "memory_failure" */
        uint64_t value;
        struct container_pair tags[FIGURE_TAGS_MAX]; /* as InfluxDB has them */
        size_t tag_count;
        const char *before;   /* as flat names have it: the device, "fs_summary"; NULL for none */
        const char *after[2]; /* "container", "pgfault"; NULL for none */
        bool summary;         /* of all file systems: for flat names only */
};

typedef void figure_fn(const struct figure *figure, void *cookie);

/* Figures that the sample does not tell are left out. */
void figures_each(const struct container_stats *stats, figure_fn *each, void *cookie);
/* "before.name.after.after", cut at FIGURE_NAME_MAX. */
void figure_flat_name(const struct figure *figure, char ret[FIGURE_NAME_MAX]);
/* The first alias, else the name. */
const char *figures_container_name(const struct container_ref *ref);
