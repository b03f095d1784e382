/* /var/lib/dpkg/status: deb822(5) paragraphs. The name has no architecture here; dpkg adds ":amd64" only in what it
 * prints about Multi-Arch packages. */
#include "lib/pkgdb/row.h"

/* "want flag state"; the two trigger states are installed packages whose triggers wait (dpkg(1)). */
static bool is_installed(struct sv status)
{
        struct sv want, flag, state;
        if (!sv_word(&status, &want) || !sv_word(&status, &flag) || !sv_word(&status, &state))
                return false;
        return sv_eq(state, SV("installed")) || sv_eq(state, SV("triggers-pending")) ||
               sv_eq(state, SV("triggers-awaited"));
}

static void set_field(struct row *row, struct sv name, struct sv value)
{
        if (sv_eq_nocase(name, SV("Package")))
                row_set(row, row->name, value);
        else if (sv_eq_nocase(name, SV("Version")))
                row_set(row, row->version, value);
        else if (sv_eq_nocase(name, SV("Architecture")))
                row_set(row, row->arch, value);
        else if (sv_eq_nocase(name, SV("Source")))
                row_set_source(row, value);
        else if (sv_eq_nocase(name, SV("Installed-Size")))
                row_set_size(row, value, 1024);
}

struct paragraph {
        struct row row;
        bool begun, has_status, installed;
};

static int end_paragraph(
        struct paragraph *paragraph, bool any_state, package_visit *visit, void *cookie, struct pkgdb_counts *counts)
{
        int verdict = 0;
        bool wanted = paragraph->has_status ? paragraph->installed : any_state;
        if (paragraph->begun && wanted)
                verdict = row_emit(&paragraph->row, "dpkg", visit, cookie, counts);
        row_clear(&paragraph->row);
        paragraph->begun = paragraph->has_status = paragraph->installed = false;
        return verdict;
}

int dpkg_parse(struct sv text, bool any_state, package_visit *visit, void *cookie, struct pkgdb_counts *counts,
        struct error *err)
{
        struct paragraph paragraph = { 0 };
        row_clear(&paragraph.row);
        if (text.n > PKGDB_MAX_TEXT)
                return fail(err, E_TOO_LARGE, "a status file of %zu bytes", text.n);
        for (struct sv line; sv_line(&text, &line);) {
                if (sv_trim(line).n == 0) {
                        int verdict = end_paragraph(&paragraph, any_state, visit, cookie, counts);
                        if (verdict)
                                return verdict;
                        continue;
                }
                paragraph.begun = true;
                size_t colon = sv_find(line, ':');
                if (line.p[0] == ' ' || line.p[0] == '\t' || colon == line.n)
                        continue;
                struct sv name = sv_n(line.p, colon);
                struct sv value = sv_trim(sv_n(line.p + colon + 1, line.n - colon - 1));
                if (sv_eq_nocase(name, SV("Status"))) {
                        paragraph.has_status = true;
                        paragraph.installed = is_installed(value);
                } else {
                        set_field(&paragraph.row, name, value);
                }
        }
        return end_paragraph(&paragraph, any_state, visit, cookie, counts);
}
