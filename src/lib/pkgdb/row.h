/* One package while its fields are gathered, with room for the strings. */
#pragma once

#include "lib/pkgdb/pkgdb.h"

struct row {
        char name[PKGDB_MAX_FIELD];
        char version[PKGDB_MAX_FIELD];
        char arch[PKGDB_MAX_FIELD];
        char source[PKGDB_MAX_FIELD];
        char source_version[PKGDB_MAX_FIELD];
        int64_t installed_size;
        bool broken; /* a field did not fit or held a NUL */
};

void row_clear(struct row *row);

/* Copies a field (an array of PKGDB_MAX_FIELD bytes) or marks the row as broken. */
void row_set(struct row *row, char *field, struct sv value);

/* "name (version)" of dpkg's Source. */
void row_set_source(struct row *row, struct sv value);

/* A decimal number times `unit`; anything else leaves it unknown. */
void row_set_size(struct row *row, struct sv value, int64_t unit);

/* Hands the row out, or counts it as refused when it is broken, has no name or version, or is one too many. */
int row_emit(struct row *row, const char *type, package_visit *visit, void *cookie, struct pkgdb_counts *counts);
