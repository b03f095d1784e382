/* pacman's desc: "%FIELD%", its values one a line, a blank line (alpm's be_local). */
#include "lib/pkgdb/row.h"

int pacman_parse(struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        struct row row;
        struct sv field = SV("");
        if (text.n > PKGDB_MAX_TEXT)
                return fail(err, E_TOO_LARGE, "a desc file of %zu bytes", text.n);
        row_clear(&row);
        for (struct sv line; sv_line(&text, &line);) {
                line = sv_trim(line);
                if (line.n == 0) {
                        field = SV("");
                } else if (field.n == 0) {
                        field = line;
                } else {
                        if (sv_eq(field, SV("%NAME%")))
                                row_set(&row, row.name, line);
                        else if (sv_eq(field, SV("%VERSION%")))
                                row_set(&row, row.version, line);
                        else if (sv_eq(field, SV("%ARCH%")))
                                row_set(&row, row.arch, line);
                        else if (sv_eq(field, SV("%BASE%")))
                                row_set(&row, row.source, line);
                        else if (sv_eq(field, SV("%SIZE%")))
                                row_set_size(&row, line, 1);
                }
        }
        return row_emit(&row, "pacman", visit, cookie, counts);
}
