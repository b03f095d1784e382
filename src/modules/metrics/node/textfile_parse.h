/* Prometheus' text exposition format, read as client_golang's expfmt.TextParser reads it for the textfile collector: a
 * file is taken whole or refused. Texts live in the arena; nothing is kept elsewhere. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/sv.h"
#include "modules/metrics/export/exposition.h"

enum {
        TEXTFILE_FAMILIES_MAX = 16384,
        TEXTFILE_SAMPLES_MAX = 262144,
        TEXTFILE_LABELS_MAX = 64,
        TEXTFILE_NAME_MAX = 1024
};

struct textfile_label {
        const char *name, *value;
};

struct textfile_sample {
        struct textfile_sample *next;
        const struct textfile_label *labels; /* `le` and `quantile` of parts not among them, but in bound */
        size_t label_count;
        enum exposition_part part;
        double bound; /* of a bucket or quantile */
        double value;
};

struct textfile_family {
        struct textfile_family *next;
        const char *name, *help; /* help NULL: none told */
        enum exposition_type type;
        bool has_type;
        struct textfile_sample *first, *last;
};

struct textfile {
        struct textfile_family *first, *last; /* in the order of the file; those without samples are left out */
        bool has_timestamps;
};

/* E_INVALID with the line and what is wrong there; E_TOO_LARGE beyond a maximum; E_NO_MEMORY. */
int textfile_parse(struct sv text, struct arena *arena, struct textfile *ret, struct error *err);
