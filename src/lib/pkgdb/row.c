#include "lib/pkgdb/row.h"

void row_clear(struct row *row)
{
        row->name[0] = row->version[0] = row->arch[0] = row->source[0] = row->source_version[0] = '\0';
        row->installed_size = -1;
        row->broken = false;
}

void row_set(struct row *row, char *field, struct sv value)
{
        if (value.n >= PKGDB_MAX_FIELD || sv_find(value, '\0') < value.n) {
                row->broken = true;
                return;
        }
        memcpy(field, value.p, value.n);
        field[value.n] = '\0';
}

void row_set_source(struct row *row, struct sv value)
{
        size_t paren = sv_find(value, '(');
        if (paren < value.n && value.p[value.n - 1] == ')')
                row_set(row, row->source_version, sv_trim(sv_n(value.p + paren + 1, value.n - paren - 2)));
        row_set(row, row->source, sv_trim(sv_n(value.p, paren)));
}

void row_set_size(struct row *row, struct sv value, int64_t unit)
{
        int64_t number;
        if (sv_parse_i64(value, &number) && number >= 0 && number <= INT64_MAX / unit)
                row->installed_size = number * unit;
}

int row_emit(struct row *row, const char *type, package_visit *visit, void *cookie, struct pkgdb_counts *counts)
{
        if (row->broken || !row->name[0] || !row->version[0] || counts->packages >= PKGDB_MAX_PACKAGES) {
                counts->refused++;
                return 0;
        }
        counts->packages++;
        struct package package = {
                .type = type,
                .name = row->name,
                .version = row->version,
                .arch = row->arch,
                .source = row->source,
                .source_version = row->source_version,
                .installed_size = row->installed_size,
        };
        return visit(&package, cookie);
}
