/* apk's installed database: one letter, a colon and a value a line, a blank line between packages (Alpine wiki, "Apk
 * spec"). */
#include "lib/pkgdb/row.h"

int apk_parse(struct sv text, package_visit *visit, void *cookie, struct pkgdb_counts *counts, struct error *err)
{
        struct row row;
        bool begun = false;
        int verdict = 0;
        if (text.n > PKGDB_MAX_TEXT)
                return fail(err, E_TOO_LARGE, "an installed file of %zu bytes", text.n);
        row_clear(&row);
        for (struct sv line; sv_line(&text, &line);) {
                if (line.n == 0) {
                        verdict = begun ? row_emit(&row, "apk", visit, cookie, counts) : 0;
                        if (verdict)
                                return verdict;
                        row_clear(&row);
                        begun = false;
                        continue;
                }
                begun = true;
                if (line.n < 2 || line.p[1] != ':')
                        continue;
                struct sv value = sv_n(line.p + 2, line.n - 2);
                switch (line.p[0]) {
                case 'P':
                        row_set(&row, row.name, value);
                        break;
                case 'V':
                        row_set(&row, row.version, value);
                        break;
                case 'A':
                        row_set(&row, row.arch, value);
                        break;
                case 'o':
                        row_set(&row, row.source, value);
                        break;
                case 'I':
                        row_set_size(&row, value, 1);
                        break;
                default:
                        break;
                }
        }
        return begun ? row_emit(&row, "apk", visit, cookie, counts) : 0;
}
